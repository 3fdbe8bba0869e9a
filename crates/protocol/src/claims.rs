//! What an identity provider says of a user that a route's policy can ask about.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the identity provider said of a user at the sign-in, or at the last refresh there that told it anew. A machine has
/// none.
///
/// Made by [`Claims::new`], groups and roles are complete: a policy may conclude from a group that is not there.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The tenant that the user belongs to, at providers that have tenants: an id, in lower case.
    pub tenant: Option<String>,
    /// The user's groups, as the provider names them; ids of groups in lower case.
    pub groups: Vec<String>,
    /// The user's roles in our registration at the provider, as the provider names them.
    pub roles: Vec<String>,
}

/// The claims are more than is kept. None are cut off: a policy that denies something to a group would miss the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TooManyClaims {
    /// More groups than [`Claims::MOST_GROUPS`].
    #[error("the user has more than {} groups", Claims::MOST_GROUPS)]
    Groups,
    /// More roles than [`Claims::MOST_ROLES`].
    #[error("the user has more than {} roles", Claims::MOST_ROLES)]
    Roles,
    /// A tenant, group or role longer than [`Claims::LONGEST`].
    #[error("the user has a tenant, group or role of more than {} bytes", Claims::LONGEST)]
    Long,
}

impl Claims {
    /// How many groups are kept at most.
    pub const MOST_GROUPS: usize = 1_000;
    /// How many roles are kept at most.
    pub const MOST_ROLES: usize = 200;
    /// How long a tenant, a group or a role is at most, in bytes.
    pub const LONGEST: usize = 256;

    /// All that the provider said.
    ///
    /// # Errors
    /// Where it is more than is kept.
    pub fn new(tenant: Option<String>, groups: Vec<String>, roles: Vec<String>) -> Result<Self, TooManyClaims> {
        if groups.len() > Self::MOST_GROUPS {
            return Err(TooManyClaims::Groups);
        }
        if roles.len() > Self::MOST_ROLES {
            return Err(TooManyClaims::Roles);
        }
        if tenant.iter().chain(&groups).chain(&roles).any(|text| text.len() > Self::LONGEST) {
            return Err(TooManyClaims::Long);
        }
        Ok(Self { tenant, groups, roles })
    }
}

/// How many: which ones is personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, groups, roles } = self;
        let (groups, roles) = (groups.len(), roles.len());
        f.debug_struct("Claims")
            .field("has_tenant", &tenant.is_some())
            .field("groups", &groups)
            .field("roles", &roles)
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
    fn as_many_as_are_kept_are_kept_and_one_more_is_refused() {
        let claims = Claims::new(Some("t".repeat(256)), texts(1_000, 256), texts(200, 256)).unwrap();
        assert_eq!((claims.groups.len(), claims.roles.len()), (1_000, 200));
        assert_eq!(Claims::new(None, texts(1_001, 4), Vec::new()), Err(TooManyClaims::Groups));
        assert_eq!(Claims::new(None, Vec::new(), texts(201, 4)), Err(TooManyClaims::Roles));
        for (tenant, group, role) in [(257, 1, 1), (1, 257, 1), (1, 1, 257)] {
            let claims = Claims::new(Some("t".repeat(tenant)), texts(1, group), texts(1, role));
            assert_eq!(claims, Err(TooManyClaims::Long));
        }
    }

    #[test]
    fn no_claim_is_printed() {
        let claims = Claims::new(Some("a-tenant".to_owned()), texts(1, 9), texts(2, 9)).unwrap();
        assert_eq!(format!("{claims:?}"), "Claims { has_tenant: true, groups: 1, roles: 2 }");
    }
}
