//! Which claims hold a user's groups and roles: `claims`.

use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{ClaimNames, ConfigurationError};

/// Longer names are no claim's.
pub(super) const LONGEST: usize = 128;

/// The claims of the id_token that hold the user's groups and roles, if they have other names than `groups` and `roles`. Each is
/// one text or a list of texts. A name that begins with `/` is a JSON Pointer to a member of a claim
/// (`"/realm_access/roles"`).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimNamesDocument {
    /// The claim with the groups.
    ///
    /// Default: `"groups"`
    groups: Option<String>,
    /// The claim with the roles.
    ///
    /// Default: `"roles"`
    roles: Option<String>,
}

impl ClaimNamesDocument {
    pub(super) fn check(self, key: impl Fn(&str) -> String) -> Result<ClaimNames, ConfigurationError> {
        let ClaimNames { groups, roles } = ClaimNames::default();
        let name = |name: &str, given: Option<String>, default| match given {
            None => Ok(default),
            Some(given) => match claim(&given) {
                Ok(()) => Ok(given),
                Err(text) => Err(problem(key(name), text, r#"claims = { groups = "cognito:groups" }"#)),
            },
        };
        Ok(ClaimNames { groups: name("groups", self.groups, groups)?, roles: name("roles", self.roles, roles)? })
    }
}

pub(super) fn claim(name: &str) -> Result<(), &'static str> {
    /// Those that mean something else: to read a group in one of them would be a mistake, or an attack.
    const READ_OTHERWISE: [&str; 23] = [
        "iss",
        "sub",
        "aud",
        "azp",
        "exp",
        "nbf",
        "iat",
        "jti",
        "nonce",
        "tid",
        "oid",
        "name",
        "preferred_username",
        "scope",
        "email",
        "email_verified",
        "xms_edov",
        "hasgroups",
        "_claim_names",
        "client_id",
        "resource",
        "cnf",
        "authorization_details",
    ];
    let pointer = name.strip_prefix('/');
    let first = pointer.map_or(name, |pointer| pointer.split('/').next().unwrap_or_default());
    if first.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        return Err("must be the name of a claim, or `/`, its name, and behind further `/` those of members");
    }
    if READ_OTHERWISE.contains(&first) {
        return Err("is a claim that means something else");
    }
    Ok(())
}
