//! Who signed in, and what access rules ask about them.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;

use gatehouse_configuration::{ClaimNames, IdentityProvider, ProviderProfile};
use gatehouse_protocol::{Claims, InvalidSubject, Names, Subject, TooManyClaims, is_unshowable};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

use crate::issuer::{TenantId, is_uuid};

/// Characters of a name. It goes into a cookie.
const LONGEST_NAME: usize = 128;

/// Who signed in, with what [`admit`](crate::admit) and policies need to know, and what the user is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    subject: Subject,
    display_name: Option<String>,
    names: Names,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) domain: EmailDomain,
    pub(crate) groups: Groups,
    pub(crate) roles: Texts,
}

/// The domain of the user's e-mail address, in lower case.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum EmailDomain {
    /// There is no address.
    Absent,
    /// There is one, and the provider does not vouch for it: its owner may have typed it in.
    Unverified,
    Verified(String),
}

/// The user's groups.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Groups {
    Listed(Texts),
    /// More than fit into a token ("group overage"): it only says that there are some.
    TooMany,
}

/// The texts of a claim.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) texts: Vec<String>,
    /// Whether the claim held nothing else, here or elsewhere.
    pub(crate) are_all: bool,
}

/// A user who cannot be named. The text is a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UserRejection {
    /// A required claim is absent.
    #[error("lacks {0}")]
    Missing(&'static str),
    /// `oid` is not an object id.
    #[error("has an oid that is no object id")]
    ObjectId,
    /// `sub` cannot name a user.
    #[error("has a subject that is refused: {0}")]
    Subject(#[from] InvalidSubject),
}

/// The claims about a user. What only access rules look at may have any type: a provider that means something else by
/// `groups` must not lock everyone out, and what is not a text is nobody's group.
#[derive(Deserialize)]
pub(crate) struct UserClaims {
    sub: Option<String>,
    oid: Option<String>,
    preferred_username: Option<Value>,
    name: Option<Value>,
    email: Option<Value>,
    email_verified: Option<Value>,
    /// Entra's "e-mail domain owner verified".
    xms_edov: Option<Value>,
    hasgroups: Option<Value>,
    #[serde(rename = "_claim_names")]
    claim_names: Option<Value>,
    /// Among them those with the groups and roles, under the names that the operator has given.
    #[serde(flatten)]
    others: AllClaims,
}

/// Claims by name, none of which stood twice: nobody would know which one is meant (RFC 7519, section 4).
#[derive(Default)]
pub(crate) struct AllClaims(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for AllClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyClaims;

        impl<'de> Visitor<'de> for AnyClaims {
            type Value = AllClaims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AllClaims, A::Error> {
                let mut claims = AllClaims::default();
                while let Some((name, value)) = map.next_entry()? {
                    if claims.0.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim stands twice"));
                    }
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(AnyClaims)
    }
}

impl Identity {
    /// The user of verified claims.
    ///
    /// At Entra it is the tenant's and the object's id together: `sub` is another one for each application, and `oid`
    /// alone is for each tenant to give.
    pub(crate) fn of(
        provider: &IdentityProvider,
        tenant: Option<TenantId>,
        claims: &UserClaims,
    ) -> Result<Self, UserRejection> {
        let sub = claims.sub.as_deref().ok_or(UserRejection::Missing("sub"))?;
        let subject = match (&provider.profile, &tenant) {
            (ProviderProfile::Entra(_), Some(tenant)) => {
                let oid = claims.oid.as_deref().ok_or(UserRejection::Missing("oid"))?;
                if !is_uuid(oid) {
                    return Err(UserRejection::ObjectId);
                }
                Subject::new(&provider.name, &format!("{}.{oid}", tenant.as_str()).to_ascii_lowercase())?
            }
            (ProviderProfile::Entra(_), None) => return Err(UserRejection::Missing("tid")),
            (ProviderProfile::OpenId, _) => Subject::new(&provider.name, sub)?,
        };
        let domain = claims.domain(&provider.profile);
        let (groups, roles) = (claims.groups(&provider.claim_names), claims.roles(&provider.claim_names));
        let (display_name, names) = (claims.display_name(), claims.names(&domain));
        Ok(Self { subject, display_name, names, tenant, domain, groups, roles })
    }

    /// What policies judge the user by, with `groups` that were told or asked for, and what people call the user. The tenant is
    /// Entra's: other providers mean what they like by `tid`, or have no such claim.
    pub(crate) fn claims(&self, groups: impl IntoIterator<Item = String>) -> Result<Claims, TooManyClaims> {
        let tenant = self.tenant.as_ref().map(|tenant| tenant.as_str().to_ascii_lowercase());
        // Ids compare without case, and policies compare letter by letter; what they name is in lower case, too.
        let groups = groups.into_iter().map(|group| if is_uuid(&group) { group.to_ascii_lowercase() } else { group });
        let claims = Claims::new(tenant, groups.collect(), self.roles.texts.clone())?;
        Ok(claims.called(self.names.clone()))
    }

    /// What the user is called, by which they tell their accounts apart. It is personal, and proves nothing: it is for the
    /// user's own pages, and is written to no log and no store.
    pub fn display_name(&self) -> Option<&str> {
        self.display_name.as_deref()
    }

    /// The user.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// The subject and nothing else: what rules look at is personal.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl UserClaims {
    /// The address or, without one, the user name or the name, where a page can show it.
    fn display_name(&self) -> Option<String> {
        [&self.email, &self.preferred_username, &self.name].into_iter().find_map(showable)
    }

    /// What servers are told that people call the user, where they are told at all.
    fn names(&self, domain: &EmailDomain) -> Names {
        let vouched_for = matches!(domain, EmailDomain::Verified(_));
        Names {
            name: showable(&self.name),
            preferred_username: showable(&self.preferred_username),
            email: vouched_for.then(|| showable(&self.email)).flatten(),
        }
    }

    fn domain(&self, profile: &ProviderProfile) -> EmailDomain {
        let address = self.email.as_ref().and_then(Value::as_str);
        let Some((_, domain)) = address.and_then(|address| address.rsplit_once('@')) else {
            return EmailDomain::Absent;
        };
        let verified = match profile {
            ProviderProfile::OpenId => is_true(self.email_verified.as_ref()),
            // In Entra, an administrator of any tenant can write any address ("nOAuth"); only this claim says whether
            // the tenant owns the domain.
            ProviderProfile::Entra(_) => is_true(self.xms_edov.as_ref()),
        };
        if verified { EmailDomain::Verified(domain.to_ascii_lowercase()) } else { EmailDomain::Unverified }
    }

    fn groups(&self, names: &ClaimNames) -> Groups {
        let announced = claim_of(&names.groups) == ("groups".into(), "") && is_true(self.hasgroups.as_ref());
        if announced || self.is_elsewhere(&names.groups) {
            Groups::TooMany
        } else {
            Groups::Listed(self.texts_of(&names.groups))
        }
    }

    fn roles(&self, names: &ClaimNames) -> Texts {
        let Texts { texts, are_all } = self.texts_of(&names.roles);
        Texts { texts, are_all: are_all && !self.is_elsewhere(&names.roles) }
    }

    fn texts_of(&self, name: &str) -> Texts {
        self.others.texts_of(name)
    }

    /// Whether the provider only says where the claim is (OpenID Connect Core, section 5.6.2).
    fn is_elsewhere(&self, name: &str) -> bool {
        is_named(self.claim_names.as_ref(), name)
    }
}

/// Whether the names of claims that are elsewhere hold this one.
fn is_named(names: Option<&Value>, name: &str) -> bool {
    names.is_some_and(|names| names.get(claim_of(name).0.as_ref()).is_some())
}

impl AllClaims {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What the name or pointer leads to, where there is something.
    pub(crate) fn find(&self, name: &str) -> Option<&Value> {
        let (claim, pointer) = claim_of(name);
        let mut members = pointer.split('/').skip(1);
        let found = members.try_fold(self.0.get(claim.as_ref())?, |value, member| value.get(unescaped(member)))?;
        (!found.is_null()).then_some(found)
    }

    /// The texts of the claim of this name, or of what the pointer finds. A pointer that leads through something that has no
    /// members finds nothing that could be told: those are not all.
    pub(crate) fn texts_of(&self, name: &str) -> Texts {
        let (claim, pointer) = claim_of(name);
        let mut found = self.0.get(claim.as_ref());
        for member in pointer.split('/').skip(1) {
            found = match found {
                None | Some(Value::Null) => None,
                Some(Value::Object(members)) => members.get(&unescaped(member)),
                Some(_) => return Texts { texts: Vec::new(), are_all: false },
            };
        }
        texts(found.filter(|value| !value.is_null()))
    }

    /// Whether the issuer only says where the claim is (OpenID Connect Core, section 5.6.2).
    pub(crate) fn is_elsewhere(&self, name: &str) -> bool {
        is_named(self.0.get("_claim_names"), name)
    }
}

/// A name that a page can show, and a header can carry.
fn showable(claim: &Option<Value>) -> Option<String> {
    let name = claim.as_ref().and_then(Value::as_str).map(str::trim)?;
    let is_showable = !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(is_unshowable);
    is_showable.then(|| name.to_owned())
}

/// The claim that is meant by the configured name, and the pointer to what in it is (RFC 6901).
fn claim_of(name: &str) -> (Cow<'_, str>, &str) {
    let Some(tokens) = name.strip_prefix('/') else { return (name.into(), "") };
    let (first, pointer) = tokens.split_at(tokens.find('/').unwrap_or(tokens.len()));
    (unescaped(first).into(), pointer)
}

/// A member's name in a pointer (RFC 6901, section 4).
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The texts of a claim that is one or has several.
fn texts(claim: Option<&Value>) -> Texts {
    match claim {
        None => Texts { texts: Vec::new(), are_all: true },
        Some(Value::String(text)) => Texts { texts: vec![text.clone()], are_all: true },
        Some(Value::Array(values)) => {
            let texts: Vec<_> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Texts { are_all: texts.len() == values.len(), texts }
        }
        Some(_) => Texts { texts: Vec::new(), are_all: false },
    }
}

/// `true`, which some providers write as a text, and Entra as a number in some claims.
pub(crate) fn is_true(claim: Option<&Value>) -> bool {
    match claim {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text == "true" || text == "1",
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests;
