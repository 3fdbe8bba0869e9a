//! Who of a provider's users may come in, and what policies learn of them.

use gatehouse_configuration::{IdentityProvider, ProviderProfile};
use gatehouse_protocol::{Claims, LogText, TooManyClaims};
use thiserror::Error;

use crate::group_lookup::asked_groups;
use crate::identity::{EmailDomain, Groups};
use crate::{ClientError, GroupsUnknown, Identity, Memberships, NamedClaims};

/// What the provider's access rules say of a user, from the token alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// May come in; policies judge by these claims.
    Granted(Claims),
    /// The user's groups did not fit into the token, and rules name some: they must be asked for
    /// ([`group_requests`](crate::group_requests)), then [`admit_member`] decides.
    GroupsNeeded,
}

/// A user who may not come in. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccessRejection {
    /// Of another tenant.
    #[error("the user's tenant is none of access.tenants: {0}")]
    Tenant(LogText),
    /// None of the users that are named.
    #[error("the user is none of access.users")]
    User,
    /// With an e-mail address of another domain, or without one.
    #[error("the user has no e-mail address of access.domains (is the scope `email` asked for?)")]
    Domain,
    /// With an e-mail address that the provider does not vouch for.
    #[error(
        "the user's e-mail address is not marked as verified (email_verified; at Entra the optional claim xms_edov)"
    )]
    DomainUnverified,
    /// In none of the roles.
    #[error("the user has none of access.roles")]
    Role,
    /// In none of the groups.
    #[error(
        "the user is in none of access.groups (does the provider put groups into the id_token, in the claim of claims.groups?)"
    )]
    Group,
    /// It cannot be known whether in one of the groups.
    #[error("the user's groups did not fit into the token: {0}")]
    GroupsUnknown(#[from] GroupsUnknown),
    /// A rule denies something by a claim that holds more than we can read, so that it could be missed.
    #[error("a policy denies something by {0}, and the id_token's claim of claims.{0} is no list of texts")]
    Unreadable(&'static str),
    /// More groups or roles than are kept, none of which may be left out.
    #[error("the user has {0}; let the provider put fewer into the id_token")]
    TooMany(#[from] TooManyClaims),
}

/// Judges a user by the rules of the provider at which they signed in. `named` is what policies will ask about them.
///
/// # Errors
/// See [`AccessRejection`].
pub fn admit(
    identity: &Identity,
    provider: &IdentityProvider,
    named: &NamedClaims<'_>,
) -> Result<Admission, AccessRejection> {
    let rules = &provider.access;
    let tenant = identity.tenant.as_ref().map_or("", |tenant| tenant.as_str());
    if !rules.tenants.is_empty() && !rules.tenants.iter().any(|allowed| allowed.eq_ignore_ascii_case(tenant)) {
        return Err(AccessRejection::Tenant(LogText::new(tenant)));
    }
    if !rules.users.is_empty() && !rules.users.iter().any(|user| user == identity.subject().sub()) {
        return Err(AccessRejection::User);
    }
    if !rules.domains.is_empty() {
        match &identity.domain {
            EmailDomain::Verified(domain) if rules.domains.contains(domain) => {}
            EmailDomain::Verified(_) | EmailDomain::Absent => return Err(AccessRejection::Domain),
            EmailDomain::Unverified => return Err(AccessRejection::DomainUnverified),
        }
    }
    if !rules.roles.is_empty() && !rules.roles.iter().any(|role| identity.roles.texts.contains(role)) {
        return Err(AccessRejection::Role);
    }
    if named.denies_by_role && !identity.roles.are_all {
        return Err(AccessRejection::Unreadable("roles"));
    }
    match &identity.groups {
        Groups::Listed(groups) if !groups.are_all && !named.denied_groups.is_empty() => {
            Err(AccessRejection::Unreadable("groups"))
        }
        Groups::Listed(groups) => Ok(Admission::Granted(admitted(identity, groups.texts.clone(), provider)?)),
        Groups::TooMany if asked_groups(provider, named)?.is_empty() => {
            Ok(Admission::Granted(admitted(identity, Vec::new(), provider)?))
        }
        Groups::TooMany => Ok(Admission::GroupsNeeded),
    }
}

/// Judges a user whose groups had to be asked for, and who may come in otherwise. Only groups that were asked for count.
///
/// # Errors
/// [`AccessRejection::Group`] where the user is in none of the groups of the provider's rules.
pub fn admit_member(
    identity: &Identity,
    memberships: &Memberships,
    provider: &IdentityProvider,
    named: &NamedClaims<'_>,
) -> Result<Claims, AccessRejection> {
    let asked = asked_groups(provider, named)?.into_iter();
    admitted(identity, asked.filter(|group| memberships.holds(group)).collect(), provider)
}

/// The claims of a user with these groups, who may come in otherwise.
fn admitted(identity: &Identity, groups: Vec<String>, provider: &IdentityProvider) -> Result<Claims, AccessRejection> {
    if !provider.access.groups.is_empty() && !is_in_one(&groups, provider) {
        return Err(AccessRejection::Group);
    }
    Ok(identity.claims(groups)?)
}

/// Entra's groups are object ids, and ids compare without case; those of others are names.
fn is_in_one(groups: &[String], provider: &IdentityProvider) -> bool {
    let same = |one: &str, other: &str| match provider.profile {
        ProviderProfile::OpenId => one == other,
        ProviderProfile::Entra(_) => one.eq_ignore_ascii_case(other),
    };
    provider.access.groups.iter().any(|allowed| groups.iter().any(|group| same(allowed, group)))
}

impl AccessRejection {
    /// What the client is told.
    pub(crate) fn to_wire(&self) -> ClientError {
        match self {
            Self::Tenant(_)
            | Self::User
            | Self::Domain
            | Self::DomainUnverified
            | Self::Role
            | Self::Group
            | Self::Unreadable(_)
            | Self::TooMany(_) => ClientError::AccessDenied,
            Self::GroupsUnknown(unknown) => unknown.to_wire(),
        }
    }
}

#[cfg(test)]
mod tests;
