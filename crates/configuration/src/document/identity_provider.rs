//! `[identity_provider]` and `[[identity_providers]]`.

use std::collections::BTreeMap;

use gatehouse_protocol::{Scopes, Subject, WebOrigin, is_loopback_host};
use http::Uri;
use serde::{Deserialize, Serialize};
use url::Url;

use super::access::AccessDocument;
use super::claim_names::ClaimNamesDocument;
use super::provider_authentication::{AssertionDocument, PrivateKeyDocument, authentication};
use super::values::{SecretDocument, scopes, unique, uuid};
use crate::error::problem;
use crate::{AccessRules, ConfigurationError, EntraProfile, IdentityProvider, ProviderProfile};

/// What a document without an identity provider lacks.
pub(super) const EXAMPLE: &str =
    r#"[identity_provider] name = "main" issuer = "https://accounts.example.com" client_id = "gatehouse""#;
const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com";
const DEFAULT_GRAPH: &str = "https://graph.microsoft.com";

/// An identity provider: any OpenID provider with discovery, or Microsoft Entra ID. The provider's redirect URI for
/// Gatehouse is `public_url` with the path `/callback`.
///
/// ```toml
/// [identity_provider]
/// name = "staff"
/// display_name = "Example Ltd"
/// profile = "entra"
/// tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
/// client_id = "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34"
/// client_secret = { secret = "identity_provider_secret" }
/// access = { roles = ["Mcp.User"] }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderDocument {
    /// A short id: 1 to 32 lower-case letters, digits and `-`. It is the first part of every subject (`main:SUB`), so a
    /// new name makes every user a new user. The names `client`, `key`, `workload` and `nobody` are
    /// reserved.
    ///
    /// Example: `"main"`
    name: String,
    /// The name that users read.
    ///
    /// Default: the value of `name`
    /// Example: `"Example Ltd"`
    display_name: Option<String>,
    /// The kind of provider. `entra` is Microsoft Entra ID with its v2.0 endpoints.
    ///
    /// Default: `"openid"`
    /// Values: `openid`, `entra`
    profile: Option<String>,
    /// The issuer, letter by letter as the provider's metadata has it. It is required with the profile `openid`, and
    /// not allowed with `entra`, where it follows from `tenant`. It must not be `public_url`.
    ///
    /// Example: `"https://accounts.example.com"`
    issuer: Option<String>,
    /// Where the provider's metadata is, if it is not at the usual place, which is `issuer` with
    /// `/.well-known/openid-configuration` behind it. The metadata must still name `issuer`. Only for the profile `openid`.
    ///
    /// Example: `"https://accounts.example.com/api/auth/.well-known/openid-configuration"`
    metadata_url: Option<String>,
    /// The id of the Entra tenant, or `organizations`, `common` or `consumers` for several tenants. It is required with
    /// the profile `entra`.
    ///
    /// Example: `"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"`
    tenant: Option<String>,
    /// The origin of a sovereign cloud's Entra ID. Only for the profile `entra`.
    ///
    /// Default: [`DEFAULT_AUTHORITY`]
    authority: Option<String>,
    /// The origin of a sovereign cloud's Microsoft Graph. Only for the profile `entra`.
    ///
    /// Default: [`DEFAULT_GRAPH`]
    graph: Option<String>,
    /// Gatehouse's client id at the provider.
    ///
    /// Example: `"gatehouse"`
    client_id: String,
    /// The variable that holds Gatehouse's client secret. At most one of `client_secret`, `private_key` and
    /// `client_assertion` may be set. Without all three, Gatehouse is a public client there.
    ///
    /// Example: `{ secret = "identity_provider_secret" }`
    client_secret: Option<SecretDocument>,
    /// The private key with which Gatehouse signs (`private_key_jwt`).
    ///
    /// Example: `{ secret = "identity_provider_key" }`
    private_key: Option<PrivateKeyDocument>,
    /// A signed assertion that somebody else makes for Gatehouse, such as a managed identity.
    ///
    /// Example: `{ secret = "identity_provider_assertion" }`
    client_assertion: Option<AssertionDocument>,
    /// The scopes that Gatehouse requests at the provider; `openid` must be one of them. The default also has
    /// `offline_access` with the profile `entra`, and `email` if `access.domains` is set.
    ///
    /// Default: `["openid", "profile"]`
    scopes: Option<Vec<String>>,
    /// Further parameters of the authorization request. Some providers give refresh tokens only with
    /// `prompt = "consent"`, Google only with `access_type = "offline"`. Parameters that Gatehouse sets itself cannot be
    /// here.
    ///
    /// Example: `{ prompt = "consent" }`
    #[serde(default)]
    authorization_parameters: BTreeMap<String, String>,
    /// Where the id_token has the user's groups and roles.
    ///
    /// Example: `{ groups = "cognito:groups" }`
    #[serde(default)]
    claims: ClaimNamesDocument,
    /// Which of the provider's users may sign in.
    ///
    /// Example: `{ roles = ["Mcp.User"] }`
    #[serde(default)]
    access: AccessDocument,
    /// The roles whose holders may consent to a client for all users of the provider ([Consent for
    /// everybody](clients.md#consent-for-everybody)). The id_token must have the role in the claim for roles (`claims`).
    ///
    /// Example: `["Gatehouse.Administrator"]`
    #[serde(default)]
    administrator_roles: Vec<String>,
    /// The roles whose holders may open the administrator's page, `/admin` ([The administrator's page](admin.md)): they see clients,
    /// sessions of any user, keys and the configuration, and end, remove and replace them. The id_token must have the role in the
    /// claim for roles (`claims`). Where no provider has any, there is no such page.
    ///
    /// Example: `["Gatehouse.Operator"]`
    #[serde(default)]
    operator_roles: Vec<String>,
    /// Whether the provider's identity assertions (ID-JAG, enterprise-managed authorization) are accepted as grants.
    ///
    /// Default: `false`
    #[serde(default)]
    accepts_identity_assertions: bool,
}

/// The providers: one in a table of its own, or a list of them. Where no token of ours is for anything, there need be none.
pub(super) fn check(
    one: Option<ProviderDocument>,
    several: Option<Vec<ProviderDocument>>,
) -> Result<Vec<IdentityProvider>, ConfigurationError> {
    match (one, several) {
        (Some(provider), None) => Ok(vec![provider.check("identity_provider")?]),
        (None, Some(providers)) if !providers.is_empty() => {
            let each = providers.into_iter().enumerate();
            let each = each.map(|(index, provider)| provider.check(&format!("identity_providers[{index}]")));
            let checked = each.collect::<Result<Vec<_>, _>>()?;
            unique("identity_providers", ".name", checked.iter().map(|provider| provider.name.as_str()))?;
            Ok(checked)
        }
        (Some(_), Some(_)) => {
            let text = "must not be given together with [[identity_providers]]: write all providers there";
            Err(problem("identity_provider", text, r#"[[identity_providers]] name = "main""#))
        }
        (None, None) => Ok(Vec::new()),
        (None, Some(_)) => Err(problem("identity_providers", "is empty: nobody could sign in", EXAMPLE)),
    }
}

impl ProviderDocument {
    fn check(self, table: &str) -> Result<IdentityProvider, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.name).map_err(|text| problem(key("name"), text, r#"name = "entra""#))?;
        if self.client_id.is_empty() {
            return Err(problem(key("client_id"), "is empty", r#"client_id = "gatehouse""#));
        }
        let metadata_url = metadata_url(self.metadata_url, self.profile.as_deref(), &key("metadata_url"))?;
        let address =
            ProviderAddress { issuer: self.issuer, tenant: self.tenant, authority: self.authority, graph: self.graph };
        let (profile, issuer) = match self.profile.as_deref() {
            None | Some("openid") => (ProviderProfile::OpenId, address.of_openid(key)?),
            Some("entra") => {
                let (profile, issuer) = address.of_entra(key)?;
                (ProviderProfile::Entra(profile), issuer)
            }
            Some(_) => return Err(problem(key("profile"), "must be openid or entra", r#"profile = "entra""#)),
        };
        let claim_names = self.claims.check(|name| format!("{table}.claims.{name}"))?;
        let access = self.access.check(&profile, |name| format!("{table}.access.{name}"))?;
        if let Some(index) = self.administrator_roles.iter().position(|role| role.trim().is_empty()) {
            let at = format!("{}[{index}]", key("administrator_roles"));
            return Err(problem(at, "is empty", r#"administrator_roles = ["Gatehouse.Administrator"]"#));
        }
        if let Some(index) = self.operator_roles.iter().position(|role| role.trim().is_empty()) {
            let at = format!("{}[{index}]", key("operator_roles"));
            return Err(problem(at, "is empty", r#"operator_roles = ["Gatehouse.Operator"]"#));
        }
        authorization_parameters(&self.authorization_parameters, &key("authorization_parameters"))?;
        let scopes = provider_scopes(self.scopes, &profile, &access, &key("scopes"))?;
        Ok(IdentityProvider {
            display_name: self.display_name.unwrap_or_else(|| self.name.clone()),
            authentication: authentication(self.client_secret, self.private_key, self.client_assertion, key)?,
            accepts_identity_assertions: self.accepts_identity_assertions,
            authorization_parameters: self.authorization_parameters,
            administrator_roles: self.administrator_roles,
            operator_roles: self.operator_roles,
            name: self.name,
            client_id: self.client_id,
            metadata_url,
            claim_names,
            profile,
            issuer,
            access,
            scopes,
        })
    }
}

pub(super) fn name(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
        return Err("must be 1 to 32 lower-case letters, digits and -");
    }
    if name == Subject::MACHINES {
        return Err("is reserved for machine clients");
    }
    if name == Subject::WORKLOADS {
        return Err("is reserved for workloads");
    }
    if name == Subject::KEYS {
        return Err("is reserved for callers with an API key");
    }
    if name == Subject::NOBODY {
        return Err("is reserved for callers whom nobody knows");
    }
    Ok(())
}

/// Where the provider is, as written.
pub(super) struct ProviderAddress {
    pub(super) issuer: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) authority: Option<String>,
    pub(super) graph: Option<String>,
}

impl ProviderAddress {
    pub(super) fn of_openid(self, key: impl Fn(&str) -> String) -> Result<String, ConfigurationError> {
        const ISSUER: &str = r#"issuer = "https://accounts.example.com""#;
        for (name, given) in [("tenant", &self.tenant), ("authority", &self.authority), ("graph", &self.graph)] {
            if given.is_some() {
                return Err(problem(key(name), "is only for the profile entra", r#"profile = "entra""#));
            }
        }
        let issuer = self.issuer.ok_or_else(|| problem(key("issuer"), "is missing", ISSUER))?;
        secure_url(&issuer).map_err(|text| problem(key("issuer"), text, ISSUER))?;
        if let Some((before, _)) = issuer.split_once("/.well-known/") {
            let text =
                "is the address of the provider's metadata: write the issuer, letter by letter as the metadata has it";
            return Err(problem(key("issuer"), text, format!("issuer = {before:?}")));
        }
        Ok(issuer)
    }

    pub(super) fn of_entra(self, key: impl Fn(&str) -> String) -> Result<(EntraProfile, String), ConfigurationError> {
        const TENANT: &str = r#"tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10""#;
        if self.issuer.is_some() {
            let text = "follows from tenant and authority where the profile is entra: leave it out";
            return Err(problem(key("issuer"), text, TENANT));
        }
        let given = self.tenant.ok_or_else(|| problem(key("tenant"), "is missing", TENANT))?;
        let named = matches!(given.as_str(), "organizations" | "common" | "consumers").then(|| given.clone());
        let tenant = named.or_else(|| uuid(&given)).ok_or_else(|| {
            let text = "must be the tenant's id (a UUID), organizations, common or consumers";
            problem(key("tenant"), text, TENANT)
        })?;
        let origin = |name: &str, given: Option<String>, default: &str, example| match given {
            None => Ok(default.to_owned()),
            Some(text) => {
                let origin = WebOrigin::parse(&text).map_err(|error| problem(key(name), error, example))?;
                secure_url(origin.as_str()).map_err(|text| problem(key(name), text, example))?;
                Ok(origin.as_str().to_owned())
            }
        };
        const AUTHORITY: &str = r#"authority = "https://login.microsoftonline.us""#;
        let authority = origin("authority", self.authority, DEFAULT_AUTHORITY, AUTHORITY)?;
        let graph = origin("graph", self.graph, DEFAULT_GRAPH, r#"graph = "https://graph.microsoft.us""#)?;
        let issuer = format!("{authority}/{tenant}/v2.0");
        Ok((EntraProfile { authority, tenant, graph }, issuer))
    }
}

pub(super) fn metadata_url(
    given: Option<String>,
    profile: Option<&str>,
    key: &str,
) -> Result<Option<String>, ConfigurationError> {
    const EXAMPLE: &str = r#"metadata_url = "https://accounts.example.com/api/auth/.well-known/openid-configuration""#;
    let Some(text) = given else { return Ok(None) };
    if profile == Some("entra") {
        return Err(problem(
            key,
            "is only for the profile openid: Entra's follows from tenant",
            r#"profile = "openid""#,
        ));
    }
    // Some providers have their policies in the query.
    let without_query = text.split_once('?').map_or(text.as_str(), |(before, _)| before);
    secure_url(without_query).and_then(|()| requestable(&text)).map_err(|text| problem(key, text, EXAMPLE))?;
    Ok(Some(text))
}

/// An issuer: https, or http on a loopback host, without query and fragment (OpenID Connect Discovery, section 3).
pub(super) fn secure_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let loopback = url.host().is_some_and(|host| is_loopback_host(&host));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err("must use https (http only on a loopback host)"),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a query, a fragment or a user");
    }
    if url.host_str().is_some_and(|host| host.contains('*')) {
        return Err("has a * in its host, which stands for no other host");
    }
    requestable(text)
}

/// `Url` forgives spaces, which the provider's metadata cannot repeat, and characters that no request can have.
fn requestable(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if url.fragment().is_some() || text.contains(char::is_whitespace) || url.as_str().parse::<Uri>().is_err() {
        return Err("holds a fragment, a space, or a character that a URL cannot have");
    }
    Ok(())
}

/// Those that decide what the answer is, to whom it goes and what it is bound to are ours.
pub(super) fn authorization_parameters(given: &BTreeMap<String, String>, key: &str) -> Result<(), ConfigurationError> {
    const OWN: [&str; 17] = [
        "response_type",
        "response_mode",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "dpop_jkt",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "resource",
        "id_token_hint",
    ];
    const EXAMPLE: &str = r#"authorization_parameters = { prompt = "consent" }"#;
    for (name, value) in given {
        let at = || format!("{key}.{name}");
        if OWN.contains(&name.as_str()) {
            return Err(problem(at(), "is a parameter that Gatehouse sets itself, or does not support", EXAMPLE));
        }
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        {
            return Err(problem(at(), "must have a name of letters, digits and _ - . only", EXAMPLE));
        }
        if name == "prompt" && value.split(' ').any(|prompt| prompt == "none") {
            return Err(problem(at(), "must not be none: nobody could sign in", EXAMPLE));
        }
        if value.is_empty() || value.len() > 256 || value.chars().any(char::is_control) {
            return Err(problem(at(), "must have 1 to 256 bytes and no control characters", EXAMPLE));
        }
    }
    Ok(())
}

fn provider_scopes(
    given: Option<Vec<String>>,
    profile: &ProviderProfile,
    access: &AccessRules,
    key: &str,
) -> Result<Scopes, ConfigurationError> {
    let requested = given.unwrap_or_else(|| {
        let mut defaults = vec!["openid".to_owned(), "profile".to_owned()];
        match profile {
            // Without it, Entra gives no refresh token, and a user who was removed would keep the session.
            ProviderProfile::Entra(_) => defaults.push("offline_access".to_owned()),
            ProviderProfile::OpenId => {}
        }
        // The rule is about a claim that comes with this scope (OpenID Connect Core 1.0, section 5.4).
        if !access.domains.is_empty() {
            defaults.push("email".to_owned());
        }
        defaults
    });
    let scopes = scopes(key, &requested)?;
    if !scopes.iter().any(|scope| scope.as_str() == "openid") {
        let text = "must contain `openid`: without it, the provider does not say who signed in";
        return Err(problem(key, text, r#"scopes = ["openid", "profile"]"#));
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests;
