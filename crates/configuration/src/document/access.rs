//! Who of a provider's users may come in: `access`.

use gatehouse_protocol::Subject;
use serde::{Deserialize, Serialize};

use super::values::uuid;
use crate::error::problem;
use crate::{AccessRules, ConfigurationError, ProviderProfile};

/// Which users may sign in. The user must match every list that is not empty: one entry of each list is enough. The
/// rules are checked at each sign-in, and again when the provider's tokens are refreshed and an id_token comes with
/// them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessDocument {
    /// Ids of Entra tenants. Only for the profile `entra`.
    ///
    /// Example: `["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]`
    #[serde(default)]
    tenants: Vec<String>,
    /// Domains of verified e-mail addresses. Not for an Entra provider of several tenants.
    ///
    /// Example: `["example.com"]`
    #[serde(default)]
    domains: Vec<String>,
    /// Groups, as the id_token's claim for groups has them (`claims`).
    ///
    /// Example: `["3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e"]`
    #[serde(default)]
    groups: Vec<String>,
    /// Roles, as the id_token's claim for roles has them (`claims`).
    ///
    /// Example: `["Mcp.User"]`
    #[serde(default)]
    roles: Vec<String>,
    /// Single users, by their ids: the `sub` of the id_token; with the profile `entra`, tenant and object id, joined by a dot
    /// (`TENANT.OID`), or the object id alone if the provider has one tenant. It is the part of their subject behind the
    /// provider's name.
    ///
    /// Example: `["8f2c1e"]`
    #[serde(default)]
    users: Vec<String>,
    /// Must be `true` if `tenant` is `organizations`, `common` or `consumers` and `tenants` lists none. Everybody with
    /// a Microsoft account of that kind can then sign in.
    ///
    /// Default: `false`
    #[serde(default)]
    any_tenant: bool,
}

impl AccessDocument {
    pub(super) fn check(
        self,
        profile: &ProviderProfile,
        key: impl Fn(&str) -> String,
    ) -> Result<AccessRules, ConfigurationError> {
        const TENANTS: &str = r#"tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]"#;
        const DOMAINS: &str = r#"domains = ["example.com"]"#;
        let tenants = each(&self.tenants, uuid).map_err(|index| {
            problem(format!("{}[{index}]", key("tenants")), "is not a tenant's id (a UUID)", TENANTS)
        })?;
        let domains = each(&self.domains, domain)
            .map_err(|index| problem(format!("{}[{index}]", key("domains")), "is not a domain", DOMAINS))?;
        let named = |name: &str, values: &[String], example| {
            each(values, nonempty).map_err(|index| problem(format!("{}[{index}]", key(name)), "is empty", example))
        };
        let groups = named("groups", &self.groups, r#"groups = ["3c1f9b1e-7a52-4c0b-8f0e-5d7a1b2c3d4e"]"#)?;
        let roles = named("roles", &self.roles, r#"roles = ["Mcp.User"]"#)?;
        let users = self.users.iter().map(|user| account(user, profile)).collect::<Result<Vec<_>, _>>();
        let users = users.map_err(|text| {
            let index = self.users.iter().position(|user| account(user, profile).is_err()).unwrap_or_default();
            problem(format!("{}[{index}]", key("users")), text, r#"users = ["8f2c1e"]"#)
        })?;
        self.tenants_fit(profile, &tenants, &key)?;
        Ok(AccessRules { tenants, domains, groups, roles, users })
    }

    /// An application for several tenants is open to everybody with a Microsoft account, unless tenants are listed.
    fn tenants_fit(
        &self,
        profile: &ProviderProfile,
        tenants: &[String],
        key: impl Fn(&str) -> String,
    ) -> Result<(), ConfigurationError> {
        const TENANTS: &str = r#"access = { tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"] }"#;
        const ANY: &str = "access = { any_tenant = true }";
        match profile {
            ProviderProfile::OpenId if !tenants.is_empty() => {
                return Err(problem(key("tenants"), "is only for the profile entra", r#"profile = "entra""#));
            }
            ProviderProfile::Entra(entra) if entra.is_multi_tenant() => {
                if tenants.is_empty() && !self.any_tenant {
                    let text = "is missing: everybody with a Microsoft account could sign in; list the tenants, or set \
                                any_tenant = true";
                    return Err(problem(key("tenants"), text, TENANTS));
                }
                if !tenants.is_empty() && self.any_tenant {
                    return Err(problem(key("any_tenant"), "contradicts tenants, which lists some", TENANTS));
                }
                if !self.domains.is_empty() {
                    let text = "cannot be trusted across tenants: each tenant can give its users any e-mail address; \
                                list tenants";
                    return Err(problem(key("domains"), text, TENANTS));
                }
                return Ok(());
            }
            ProviderProfile::Entra(entra) if !tenants.is_empty() && !tenants.contains(&entra.tenant) => {
                let text = "must contain the provider's own tenant: otherwise nobody could sign in";
                return Err(problem(key("tenants"), text, TENANTS));
            }
            ProviderProfile::OpenId | ProviderProfile::Entra(_) => {}
        }
        if self.any_tenant {
            let text = "is only for an Entra provider whose tenant is organizations, common or consumers";
            return Err(problem(key("any_tenant"), text, ANY));
        }
        Ok(())
    }
}

/// A user as the provider's subjects name them: at Entra `TENANT.OID`, in lower case.
fn account(text: &str, profile: &ProviderProfile) -> Result<String, &'static str> {
    const ENTRA: &str = "is not an object id (a UUID), or a tenant's id and an object id joined by a dot";
    match profile {
        ProviderProfile::OpenId => match Subject::new("any", text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("is not a sub: 1 to 255 visible ASCII characters"),
        },
        ProviderProfile::Entra(entra) => match text.split_once('.') {
            Some((tenant, object)) => match (uuid(tenant), uuid(object)) {
                (Some(tenant), Some(object)) => Ok(format!("{tenant}.{object}")),
                _ => Err(ENTRA),
            },
            None if entra.is_multi_tenant() => {
                Err("must be a tenant's id and an object id joined by a dot: users of several tenants sign in")
            }
            None => uuid(text).map(|object| format!("{}.{object}", entra.tenant)).ok_or(ENTRA),
        },
    }
}

/// Every value parsed, or the place of the first that cannot be.
fn each(values: &[String], parse: fn(&str) -> Option<String>) -> Result<Vec<String>, usize> {
    values.iter().enumerate().map(|(index, value)| parse(value).ok_or(index)).collect()
}

/// The domain of an e-mail address, in lower case; internationalised ones in their `xn--` form.
fn domain(text: &str) -> Option<String> {
    let plain =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (text.len() <= 253 && text.contains('.') && text.split('.').all(plain)).then(|| text.to_ascii_lowercase())
}

fn nonempty(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}
