//! Bearers of tokens of Entra that say of their groups only where they are.

use std::collections::BTreeSet;

use super::principal::ExternalPrincipal;
use crate::Memberships;

/// What a signed token says of who bears it.
#[derive(Debug)]
pub enum SignedPrincipal {
    /// Everything.
    Whole(ExternalPrincipal),
    /// Everything but the groups, of which there are too many for the token: no rule can be asked before they are known.
    WithoutGroups(PrincipalWithoutGroups),
}

/// A principal whose groups are not known yet.
#[derive(Debug)]
pub struct PrincipalWithoutGroups {
    pub(super) principal: ExternalPrincipal,
    pub(super) tenant: String,
    pub(super) object_id: String,
}

impl PrincipalWithoutGroups {
    /// The tenant of the user.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The user there.
    pub fn object_id(&self) -> &str {
        &self.object_id
    }

    /// The principal, where these are all groups that any rule names, and the user is in those of the memberships.
    pub fn with(self, asked: &BTreeSet<String>, memberships: &Memberships) -> ExternalPrincipal {
        let mut principal = self.principal;
        principal.claims.groups = memberships.among(asked).map(str::to_owned).collect();
        principal
    }
}
