//! What an identity provider says of a user that a route's policy can ask about.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the identity provider said of a user at the sign-in, or at the last refresh there that said it anew. A machine has
/// none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The tenant that the user belongs to, at providers that have tenants: an id, in lower case.
    pub tenant: Option<String>,
    /// The user's groups, as the provider names them; ids (UUIDs) in lower case. Where the provider lists none because
    /// there are too many, those that rules named at the time.
    pub groups: Vec<String>,
    /// The user's roles in our registration at the provider, as the provider names them.
    pub roles: Vec<String>,
    /// What people call the user, where it is kept: no policy asks for it, and it proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Box<Names>>,
}

/// What people call a user. All of it is personal, and may change: who somebody is, is their subject.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The whole name, for display (OpenID Connect Core 1.0, section 5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the user signs in as; at Entra the user principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// The e-mail address, where the provider vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Names {
    /// The one by which people know the user best: the address, or else the user name, or else the name.
    pub fn shown(&self) -> Option<&str> {
        [&self.email, &self.preferred_username, &self.name].into_iter().find_map(Option::as_deref)
    }
}

/// Whether there are any: which ones is personal.
impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names([redacted])")
    }
}

/// More than is kept. None are cut off: a rule that denies something to a group would miss the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TooManyClaims {
    /// More groups than [`Claims::MOST_GROUPS`].
    #[error("more than {} groups", Claims::MOST_GROUPS)]
    Groups,
    /// More roles than [`Claims::MOST_ROLES`].
    #[error("more than {} roles", Claims::MOST_ROLES)]
    Roles,
}

impl Claims {
    /// How many groups are kept at most.
    pub const MOST_GROUPS: usize = 1_000;
    /// How many roles are kept at most.
    pub const MOST_ROLES: usize = 200;
    /// How long a tenant, a group or a role is at most, in bytes. No rule names a longer one, so none is missed.
    pub const LONGEST: usize = 256;

    /// All of these that a rule can name.
    ///
    /// # Errors
    /// Where they are more than are kept.
    pub fn new(tenant: Option<String>, groups: Vec<String>, roles: Vec<String>) -> Result<Self, TooManyClaims> {
        let nameable = |text: &String| text.len() <= Self::LONGEST;
        let [groups, roles] = [groups, roles].map(|texts| texts.into_iter().filter(nameable).collect::<Vec<_>>());
        if groups.len() > Self::MOST_GROUPS {
            return Err(TooManyClaims::Groups);
        }
        if roles.len() > Self::MOST_ROLES {
            return Err(TooManyClaims::Roles);
        }
        Ok(Self { tenant: tenant.filter(nameable), groups, roles, names: None })
    }

    /// The same, with what people call the user; nothing is kept of a user without any name.
    #[must_use]
    pub fn called(self, names: Names) -> Self {
        let names = Some(names).filter(|names| names.shown().is_some()).map(Box::new);
        Self { names, ..self }
    }
}

/// How many: which ones is personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, groups, roles, names } = self;
        f.debug_struct("Claims")
            .field("has_tenant", &tenant.is_some())
            .field("groups", &groups.len())
            .field("roles", &roles.len())
            .field("has_names", &names.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: usize, length: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number:0>length$}")).collect()
    }

    #[test]
    fn as_many_as_are_kept_are_kept_and_with_one_more_nothing_is() {
        let claims = Claims::new(Some("t".repeat(256)), texts(1_000, 256), texts(200, 256)).unwrap();
        assert_eq!((claims.tenant.is_some(), claims.groups.len(), claims.roles.len()), (true, 1_000, 200));
        assert_eq!(Claims::new(None, texts(1_001, 4), Vec::new()), Err(TooManyClaims::Groups));
        assert_eq!(Claims::new(None, Vec::new(), texts(201, 4)), Err(TooManyClaims::Roles));
    }

    #[test]
    fn what_no_rule_can_name_is_left_out() {
        let groups = [texts(2, 257), texts(1_000, 256)].concat();
        let claims = Claims::new(Some("t".repeat(257)), groups, [texts(1, 257), texts(1, 1)].concat()).unwrap();
        assert_eq!(claims, Claims { tenant: None, groups: texts(1_000, 256), roles: texts(1, 1), names: None });
    }

    #[test]
    fn no_claim_is_printed() {
        let claims = Claims::new(Some("a-tenant".to_owned()), texts(1, 9), texts(2, 9)).unwrap();
        let names = Names { name: Some("Alice".to_owned()), ..Names::default() };
        assert_eq!(format!("{names:?}"), "Names([redacted])");
        let claims = claims.called(names);
        assert_eq!(format!("{claims:?}"), "Claims { has_tenant: true, groups: 1, roles: 2, has_names: true }");
    }

    #[test]
    fn claims_without_names_are_written_as_before_there_were_any() {
        let written = |claims: &Claims| serde_json::to_string(claims).unwrap();
        let without = Claims::default().called(Names::default());
        assert_eq!(written(&without), r#"{"tenant":null,"groups":[],"roles":[]}"#);
        assert_eq!(serde_json::from_str::<Claims>(&written(&without)).unwrap(), without);
        let with = without.called(Names { email: Some("a@b.example".to_owned()), ..Names::default() });
        assert_eq!(serde_json::from_str::<Claims>(&written(&with)).unwrap(), with);
    }

    #[test]
    fn the_address_is_shown_before_the_user_name_and_that_before_the_name() {
        let text = |text: &str| Some(text.to_owned());
        let mut names = Names { name: text("Alice"), preferred_username: text("alice"), email: text("a@b.example") };
        assert_eq!(names.shown(), Some("a@b.example"));
        names.email = None;
        assert_eq!(names.shown(), Some("alice"));
        names.preferred_username = None;
        assert_eq!(names.shown(), Some("Alice"));
        assert_eq!(Names::default().shown(), None);
    }
}
