//! What Microsoft Entra ID v2 does otherwise.

use serde_json::{Value, json};

/// The tenant to which everybody belongs.
pub const GUID_OF_TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// In which tenant users sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// A tenant of its own.
    Guid,
    /// `organizations`: any work account. The metadata's issuer is then a template.
    Organizations,
    /// `common`: any account.
    Common,
}

impl Tenant {
    /// As it stands in URLs and in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Guid => GUID_OF_TENANT,
            Self::Organizations => "organizations",
            Self::Common => "common",
        }
    }

    /// The tenant in the metadata's issuer.
    pub(super) fn in_metadata(&self) -> &'static str {
        match self {
            Self::Guid => GUID_OF_TENANT,
            Self::Organizations | Self::Common => "{tenantid}",
        }
    }
}

/// The claims that only Entra has. Its `sub` differs from client to client; `oid` is the user.
pub(super) fn add_claims(claims: &mut Value, person: &str) {
    claims["sub"] = json!(format!("pairwise-{person}"));
    claims["oid"] = json!(object_id(person));
    claims["tid"] = json!(GUID_OF_TENANT);
    claims["ver"] = json!("2.0");
    claims["nbf"] = claims["iat"].clone();
    if let Some(claims) = claims.as_object_mut() {
        claims.remove("email_verified");
    }
}

/// A GUID that stands for `person`.
fn object_id(person: &str) -> String {
    let number = person.bytes().fold(0_u64, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff)
}
