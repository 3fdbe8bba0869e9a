//! `[[token_issuers]]`.

use gatehouse_protocol::{ClientId, WebOrigin};
use serde::{Deserialize, Serialize};
use url::Url;

use super::claim_names::claim;
use super::client::public_keys;
use super::identity_provider::{ProviderAddress, metadata_url, name, secure_url};
use super::values::{SecretDocument, unique, uuid};
use crate::error::problem;
use crate::{
    ConfigurationError, EntraVersion, GroupLookup, Introspection, IssuerKeys, TokenClaimNames, TokenIssuer,
    TokenVerification,
};

/// What we can verify.
const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];
/// Seconds.
const DEFAULT_CLOCK_SKEW: u64 = 60;
const LONGEST_CLOCK_SKEW: u64 = 600;
/// Seconds.
const DEFAULT_KEEP_SECONDS: u64 = 60;
const LONGEST_KEEP_SECONDS: u64 = 300;
const MOST_TOKEN_ISSUERS: usize = 32;

/// An issuer of access tokens that are not Gatehouse's. Routes accept its tokens by `tokens` ([Tokens of other
/// issuers](external-tokens.md)). It is found by `issuer` alone (discovery), or by `profile = "entra"` with `tenant`; or its
/// keys are at `jwks_uri` or in `jwks`; or it is asked about each token (`introspection`).
///
/// ```toml
/// [[token_issuers]]
/// name = "entra"
/// profile = "entra"
/// tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenIssuerDocument {
    /// A short id: 1 to 32 lower-case letters, digits and `-`. It is the first part of the subjects of its tokens (`NAME:SUB`). It
    /// can be the name of an identity provider only if that has the same issuer: then a person is one subject, whichever of the
    /// two tokens they show. The name `client` is reserved for machine clients.
    ///
    /// Example: `"entra"`
    name: String,
    /// The kind of issuer. `entra` is Microsoft Entra ID.
    ///
    /// Default: `"openid"`
    /// Values: `openid`, `entra`
    profile: Option<String>,
    /// The issuer, letter by letter as its tokens have it (`iss`). It is not allowed with the profile `entra`. With `introspection`
    /// it is optional: the answers must then name it. Two entries can have the same issuer only if one of them has `introspection`.
    ///
    /// Example: `"https://accounts.example.com"`
    issuer: Option<String>,
    /// Where the issuer's metadata is, if it is not at one of the usual places: `issuer` with `/.well-known/openid-configuration`
    /// behind it, or the place of RFC 8414. Only with discovery.
    ///
    /// Example: `"https://accounts.example.com/api/auth/.well-known/openid-configuration"`
    metadata_url: Option<String>,
    /// Where the issuer's keys are. It is https, or http on a loopback host.
    ///
    /// Example: `"https://accounts.example.com/jwks.json"`
    jwks_uri: Option<String>,
    /// The issuer's public keys: a JWK Set (RFC 7517), written as JSON text.
    ///
    /// Example: `'{"keys":[{"kty":"EC","crv":"P-256","x":"…","y":"…"}]}'`
    jwks: Option<String>,
    /// How the issuer is asked about tokens (RFC 7662): for opaque tokens.
    ///
    /// Example: `{ url = "https://accounts.example.com/introspect", client_id = "gatehouse", client_secret = { secret = "introspection_secret" } }`
    introspection: Option<IntrospectionDocument>,
    /// The id of the Entra tenant, or `organizations`, `common` or `consumers` for several tenants. It is required with the profile
    /// `entra`.
    ///
    /// Example: `"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"`
    tenant: Option<String>,
    /// Ids of the Entra tenants whose tokens count. It is required if `tenant` is `organizations`, `common` or `consumers`.
    ///
    /// Example: `["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]`
    #[serde(default)]
    tenants: Vec<String>,
    /// The origin of a sovereign cloud's Entra ID. Only for the profile `entra`.
    ///
    /// Default: [`DEFAULT_AUTHORITY`]
    authority: Option<String>,
    /// The versions of Entra's access tokens that count (`ver`): `1.0` and `2.0`. Which one an application gets is said in its
    /// registration (`requestedAccessTokenVersion`). Only for the profile `entra`.
    ///
    /// Default: `["1.0", "2.0"]`
    versions: Option<Vec<String>>,
    /// The algorithms with which tokens may be signed. The default is every one that Gatehouse verifies: RS256, RS384, RS512, PS256,
    /// PS384, PS512, ES256, ES384, EdDSA and Ed25519. `none` and `HS…` can never be.
    ///
    /// Example: `["ES256"]`
    #[serde(default)]
    algorithms: Vec<String>,
    /// The types that tokens may have in their header (`typ`). An issuer that follows RFC 9068 says `at+jwt`; with
    /// `["at+jwt"]`, nothing else is an access token. Without this key, a token of the type `JWT`, or of none, must say by a
    /// scope or a client that it is an access token. With `JWT` here, it need not.
    ///
    /// Example: `["at+jwt"]`
    #[serde(default)]
    types: Vec<String>,
    /// Seconds by which the issuer's clock and Gatehouse's may differ.
    ///
    /// Default: [`DEFAULT_CLOCK_SKEW`]
    /// Bounds: 0 to [`LONGEST_CLOCK_SKEW`]
    clock_skew: Option<u64>,
    /// Which claims of a token hold the groups, the roles and the scopes.
    ///
    /// Example: `{ roles = "/realm_access/roles" }`
    #[serde(default)]
    claims: TokenClaimNamesDocument,
    /// Gatehouse's application at Entra, with which it looks up the groups of users whose token does not hold them. Only for the profile
    /// `entra` ([Groups that do not fit](external-tokens.md#groups-that-do-not-fit)).
    ///
    /// Example: `{ client_id = "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34", client_secret = { secret = "group_lookup_secret" } }`
    group_lookup: Option<GroupLookupDocument>,
}

/// An application of Entra that may read groups (`GroupMember.Read.All` and `User.ReadBasic.All`, as application permissions).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GroupLookupDocument {
    /// The application's id.
    ///
    /// Example: `"2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34"`
    client_id: String,
    /// The variable that holds the application's secret.
    ///
    /// Example: `{ secret = "group_lookup_secret" }`
    client_secret: SecretDocument,
    /// The origin of a sovereign cloud's Microsoft Graph.
    ///
    /// Default: [`DEFAULT_GRAPH`]
    graph: Option<String>,
}

/// The claims of a token that hold groups, roles and scopes, if they have other names. Each is one text or a list of texts. A name
/// that begins with `/` is a JSON Pointer to a member of a claim.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TokenClaimNamesDocument {
    /// The claim with the groups.
    ///
    /// Default: `"groups"`
    groups: Option<String>,
    /// The claim with the roles.
    ///
    /// Default: `"roles"`
    roles: Option<String>,
    /// The claim with the scopes. A text holds several, with spaces between them. Without this key it is `scope`, or `scp` if there is no
    /// `scope`.
    ///
    /// Example: `"permissions"`
    scopes: Option<String>,
}

/// The endpoint at which Gatehouse asks about tokens (RFC 7662), and its secret there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct IntrospectionDocument {
    /// The endpoint. It is https, or http on a loopback host.
    ///
    /// Example: `"https://accounts.example.com/introspect"`
    url: String,
    /// Gatehouse's client id there.
    ///
    /// Example: `"gatehouse"`
    client_id: String,
    /// The variable that holds Gatehouse's secret there.
    ///
    /// Example: `{ secret = "introspection_secret" }`
    client_secret: SecretDocument,
    /// How the secret is sent.
    ///
    /// Default: `"client_secret_basic"`
    /// Values: `client_secret_basic`, `client_secret_post`
    authentication_method: Option<String>,
    /// Seconds for which an answer is kept, at most until the token ends. A token that was revoked works for so long. With 0, each
    /// request asks.
    ///
    /// Default: [`DEFAULT_KEEP_SECONDS`]
    /// Bounds: 0 to [`LONGEST_KEEP_SECONDS`]
    keep_seconds: Option<u64>,
}

const ISSUER: &str = r#"issuer = "https://accounts.example.com""#;
const INTROSPECTION: &str = r#"introspection = { url = "https://accounts.example.com/introspect", client_id = "gatehouse", client_secret = { secret = "introspection_secret" } }"#;

pub(super) fn check(
    issuers: Vec<TokenIssuerDocument>,
    public_url: &WebOrigin,
) -> Result<Vec<TokenIssuer>, ConfigurationError> {
    if issuers.len() > MOST_TOKEN_ISSUERS {
        let text = format!("has more than {MOST_TOKEN_ISSUERS} entries");
        return Err(problem("token_issuers", text, r#"[[token_issuers]] name = "entra""#));
    }
    let each = issuers.into_iter().enumerate();
    let each = each.map(|(index, issuer)| issuer.check(&format!("token_issuers[{index}]"), public_url));
    let checked = each.collect::<Result<Vec<_>, _>>()?;
    unique("token_issuers", ".name", checked.iter().map(|issuer| issuer.name.as_str()))?;
    // A token says its issuer: two of the same would be two subjects for one person. One that says nothing is not verified but asked about,
    // which takes an entry of its own.
    for (index, issuer) in checked.iter().enumerate() {
        let Some(url) = issuer.url() else { continue };
        let is_same =
            |other: &TokenIssuer| other.is_signed() == issuer.is_signed() && other.url().as_ref() == Some(&url);
        if checked.iter().take(index).any(is_same) {
            let text = format!("is {url:?} for a second time");
            return Err(problem(format!("token_issuers[{index}].issuer"), text, "a value of its own for each"));
        }
    }
    Ok(checked)
}

impl TokenIssuerDocument {
    fn check(self, table: &str, own: &WebOrigin) -> Result<TokenIssuer, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        name(&self.name).map_err(|text| problem(key("name"), text, r#"name = "entra""#))?;
        // The ids of its clients begin with it, and those of other clients must not.
        if [ClientId::OWN, "https"].contains(&self.name.as_str()) {
            let text = "is reserved: ids of clients that are not its own begin so";
            return Err(problem(key("name"), text, r#"name = "entra""#));
        }
        let known = |algorithm: &String| ALGORITHMS.contains(&algorithm.as_str());
        if let Some(index) = self.algorithms.iter().position(|algorithm| !known(algorithm)) {
            let text = format!("is none of the algorithms that are verified: {}", ALGORITHMS.join(", "));
            return Err(problem(format!("{}[{index}]", key("algorithms")), text, r#"algorithms = ["ES256"]"#));
        }
        if let Some(index) =
            self.types.iter().position(|typ| typ.is_empty() || !typ.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(problem(format!("{}[{index}]", key("types")), "is no type", r#"types = ["at+jwt"]"#));
        }
        let claim_names = self.claims.check(|name| format!("{table}.claims.{name}"))?;
        let clock_skew = self.clock_skew.unwrap_or(DEFAULT_CLOCK_SKEW);
        if clock_skew > LONGEST_CLOCK_SKEW {
            let text = format!("must be at most {LONGEST_CLOCK_SKEW} seconds");
            return Err(problem(key("clock_skew"), text, "clock_skew = 60"));
        }
        let is_entra = match self.profile.as_deref() {
            None | Some("openid") => false,
            Some("entra") => true,
            Some(_) => return Err(problem(key("profile"), "must be openid or entra", r#"profile = "entra""#)),
        };
        let ways = [
            ("jwks_uri", self.jwks_uri.is_some()),
            ("jwks", self.jwks.is_some()),
            ("introspection", self.introspection.is_some()),
            ("metadata_url", self.metadata_url.is_some()),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given).map(|(name, _)| *name);
        if let Some(name) = given.next() {
            if is_entra {
                return Err(problem(
                    key(name),
                    "is not for the profile entra, whose keys are known",
                    r#"profile = "entra""#,
                ));
            }
            if let Some(other) = given.next() {
                let text = format!("must not be given together with {name}: a token is verified in one way");
                return Err(problem(key(other), text, ISSUER));
            }
        }
        if !is_entra {
            let only = [
                ("tenants", !self.tenants.is_empty()),
                ("versions", self.versions.is_some()),
                ("group_lookup", self.group_lookup.is_some()),
            ];
            if let Some((name, _)) = only.iter().find(|(_, given)| *given) {
                return Err(problem(key(name), "is only for the profile entra", r#"profile = "entra""#));
            }
        }
        let (graph, group_lookup) = match self.group_lookup {
            Some(lookup) => {
                let (graph, lookup) = lookup.check(&key("group_lookup"))?;
                (graph, Some(lookup))
            }
            None => (None, None),
        };
        let address = ProviderAddress { issuer: self.issuer, tenant: self.tenant, authority: self.authority, graph };
        let verification = match (self.introspection, self.jwks_uri, self.jwks) {
            _ if is_entra => entra(address, self.tenants, self.versions, key)?,
            (Some(introspection), _, _) => {
                let issuer = match &address.issuer {
                    Some(_) => Some(address.of_openid(key)?),
                    None => {
                        // Of the other keys, what they are of any issuer.
                        let any = Some("https://issuer.invalid".to_owned());
                        ProviderAddress { issuer: any, ..address }.of_openid(key)?;
                        None
                    }
                };
                TokenVerification::Introspected { issuer, introspection: introspection.check(&key("introspection"))? }
            }
            (None, Some(uri), _) => {
                secure_url(without_query(&uri)).map_err(|text| {
                    problem(key("jwks_uri"), text, r#"jwks_uri = "https://accounts.example.com/jwks.json""#)
                })?;
                TokenVerification::Keys { issuer: address.of_openid(key)?, keys: IssuerKeys::At(uri) }
            }
            (None, None, Some(jwks)) => {
                public_keys(&jwks).map_err(|text| {
                    problem(key("jwks"), text, r#"jwks = '{"keys":[{"kty":"EC","crv":"P-256","x":"…","y":"…"}]}'"#)
                })?;
                TokenVerification::Keys { issuer: address.of_openid(key)?, keys: IssuerKeys::Inline(jwks) }
            }
            (None, None, None) => TokenVerification::Discovered {
                metadata_url: metadata_url(self.metadata_url, None, &key("metadata_url"))?,
                issuer: address.of_openid(key)?,
            },
        };
        let issuer = TokenIssuer {
            name: self.name,
            verification,
            algorithms: self.algorithms,
            types: self.types,
            clock_skew,
            claim_names,
            group_lookup,
        };
        is_elsewhere(&issuer, own, table)?;
        Ok(issuer)
    }
}

/// We would ask ourselves what to believe. An issuer behind the same proxy, at a path of its own, is another server, and says so by
/// its issuer.
fn is_elsewhere(issuer: &TokenIssuer, own: &WebOrigin, table: &str) -> Result<(), ConfigurationError> {
    let is_own = |url: &str| Url::parse(url).is_ok_and(|url| own.is_reached_by(&url));
    let is_ourselves =
        issuer.url().is_some_and(|url| is_own(&url) && Url::parse(&url).is_ok_and(|url| url.path() == "/"));
    let shares_origin = issuer.url().is_some_and(|url| is_own(&url));
    if is_ourselves || !shares_origin && issuer.asked_at().is_some_and(is_own) {
        let text = "leads to Gatehouse's own public_url: tokens of ours are for own_tokens";
        return Err(problem(table, text, ISSUER));
    }
    Ok(())
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}

fn entra(
    address: ProviderAddress,
    tenants: Vec<String>,
    versions: Option<Vec<String>>,
    key: impl Fn(&str) -> String,
) -> Result<TokenVerification, ConfigurationError> {
    const TENANTS: &str = r#"tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]"#;
    const VERSIONS: &str = r#"versions = ["2.0"]"#;
    let (profile, _) = address.of_entra(&key)?;
    let tenants = tenants.iter().enumerate().map(|(index, tenant)| {
        uuid(tenant)
            .ok_or_else(|| problem(format!("{}[{index}]", key("tenants")), "is not a tenant's id (a UUID)", TENANTS))
    });
    let tenants = tenants.collect::<Result<Vec<_>, _>>()?;
    if profile.is_multi_tenant() && tenants.is_empty() {
        let text = "is missing: tokens of every tenant would count";
        return Err(problem(key("tenants"), text, TENANTS));
    }
    if !profile.is_multi_tenant() && tenants.iter().any(|tenant| *tenant != profile.tenant) {
        let text = "must not name another tenant than `tenant`; write tenant = \"organizations\" for several";
        return Err(problem(key("tenants"), text, TENANTS));
    }
    let versions = match versions {
        None => vec![EntraVersion::V1, EntraVersion::V2],
        Some(names) => {
            let version =
                |name: &String| [EntraVersion::V1, EntraVersion::V2].into_iter().find(|it| it.as_str() == name);
            let versions =
                names.iter().map(version).collect::<Option<Vec<_>>>().filter(|versions| !versions.is_empty());
            versions.ok_or_else(|| problem(key("versions"), "must hold 1.0, 2.0 or both", VERSIONS))?
        }
    };
    Ok(TokenVerification::Entra { profile, tenants, versions })
}

impl GroupLookupDocument {
    /// Where groups are asked for, and by whom.
    fn check(self, table: &str) -> Result<(Option<String>, GroupLookup), ConfigurationError> {
        if self.client_id.is_empty() {
            let example = r#"client_id = "2f6a3c1e-94b7-4a0d-8f25-6b1d0c9e7a34""#;
            return Err(problem(format!("{table}.client_id"), "is empty", example));
        }
        let client_secret = self.client_secret.check(&format!("{table}.client_secret"))?;
        Ok((self.graph, GroupLookup { client_id: self.client_id, client_secret }))
    }
}

impl IntrospectionDocument {
    fn check(self, table: &str) -> Result<Introspection, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        secure_url(without_query(&self.url)).map_err(|text| problem(key("url"), text, INTROSPECTION))?;
        if self.client_id.is_empty() {
            return Err(problem(key("client_id"), "is empty", INTROSPECTION));
        }
        let secret_in_form = match self.authentication_method.as_deref() {
            None | Some("client_secret_basic") => false,
            Some("client_secret_post") => true,
            Some(_) => {
                let text = "must be client_secret_basic or client_secret_post";
                return Err(problem(
                    key("authentication_method"),
                    text,
                    r#"authentication_method = "client_secret_post""#,
                ));
            }
        };
        let keep_seconds = self.keep_seconds.unwrap_or(DEFAULT_KEEP_SECONDS);
        if keep_seconds > LONGEST_KEEP_SECONDS {
            let text = format!("must be at most {LONGEST_KEEP_SECONDS} seconds");
            return Err(problem(key("keep_seconds"), text, "keep_seconds = 60"));
        }
        Ok(Introspection {
            url: self.url,
            client_id: self.client_id,
            client_secret: self.client_secret.check(&key("client_secret"))?,
            secret_in_form,
            keep_seconds,
        })
    }
}

impl TokenClaimNamesDocument {
    fn check(self, key: impl Fn(&str) -> String) -> Result<TokenClaimNames, ConfigurationError> {
        const EXAMPLE: &str = r#"claims = { roles = "/realm_access/roles" }"#;
        let name = |name: &str, given: Option<String>, default: &str| match given {
            None => Ok(default.to_owned()),
            Some(given) => claim(&given).map(|()| given).map_err(|text| problem(key(name), text, EXAMPLE)),
        };
        let scopes = self.scopes.map(|scopes| match scopes.as_str() {
            "scope" | "scp" => Ok(scopes),
            other => claim(other).map(|()| scopes.clone()).map_err(|text| problem(key("scopes"), text, EXAMPLE)),
        });
        Ok(TokenClaimNames {
            groups: name("groups", self.groups, "groups")?,
            roles: name("roles", self.roles, "roles")?,
            scopes: scopes.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
