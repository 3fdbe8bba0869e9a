//! `routes[].api_keys`.

use std::collections::BTreeSet;

use gatehouse_protocol::{Scopes, SecretBytes, UnixTime};
use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::values::{header_name, scopes, secret_name, unique};
use crate::error::problem;
use crate::{Administrator, ApiKeys, ConfigurationError, ConfiguredKey, Route, RoutePath, SessionPool};

/// As in Azure Container Apps.
const DEFAULT_HEADER: &str = "x-ms-apikey";
const DEFAULT_VALIDATION_SECONDS: u64 = 5 * 60;
const LONGEST_VALIDATION_SECONDS: u64 = 60 * 60;
const DEFAULT_FAILURES: u32 = 60;
const MOST_FAILURES: u32 = 10_000;
const MOST_KEYS: usize = 100;
const MOST_ADMINISTRATORS: usize = 20;

/// Callers that show a key in place of a token ([API keys](api-keys.md)). At least one key, or `session_pool`, is required.
///
/// ```toml
/// [[routes]]
/// path = "/code"
/// url = "https://code.internal.example/mcp"
///
/// [routes.api_keys]
/// session_pool = "code"
/// administrators = [{ label = "operations", secret = "api_keys_administrator" }]
///
/// [[routes.api_keys.keys]]
/// label = "nightly-report"
/// sha256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
/// expires = "2027-11-30"
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiKeysDocument {
    /// The header that the key is in. No MCP server gets this header, whatever the route.
    ///
    /// Default: `"x-ms-apikey"`
    header: Option<String>,
    /// The name of the key that administrators fetch and replace by HTTP, as that of a session pool in Azure Container Apps: 3 to 64
    /// letters, digits and `-`. `administrators` is required with it. It is also the name of the caller.
    ///
    /// Example: `"code"`
    session_pool: Option<String>,
    /// Who may fetch and replace the key of the session pool.
    ///
    /// Most: `MOST_ADMINISTRATORS`
    /// Example: `[{ label = "operations", secret = "api_keys_administrator" }]`
    #[serde(default)]
    administrators: Vec<AdministratorDocument>,
    /// Seconds for which the former key of the session pool works after it was replaced. 0: it ends at once.
    ///
    /// Default: [`DEFAULT_VALIDATION_SECONDS`]
    /// Bounds: 0 to [`LONGEST_VALIDATION_SECONDS`]
    validation_seconds: Option<u64>,
    /// The scopes of the caller with the key of the session pool, and of every key without `scopes`. The scopes that the route needs
    /// must be among them.
    ///
    /// Default: the route's `scopes`
    /// Example: `["mcp"]`
    scopes: Option<Vec<String>>,
    /// How many wrong keys get 401 in a minute at this route; further ones get 429, and right keys are answered. Wrong
    /// administrators are counted apart, in the same way.
    ///
    /// Default: [`DEFAULT_FAILURES`]
    /// Bounds: 1 to [`MOST_FAILURES`]
    failures_per_minute: Option<u32>,
    /// Keys that the operator has made with `gatehouse keys api new`.
    ///
    /// Most: `MOST_KEYS`
    /// Example: `[{ label = "nightly-report", sha256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592" }]`
    #[serde(default)]
    keys: Vec<KeyDocument>,
}

/// A key. The document has only its SHA-256.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyDocument {
    /// The name of the caller: 3 to 64 letters, digits, `.`, `_` and `-`. Subject and client id are `key:` and the label.
    ///
    /// Example: `"nightly-report"`
    label: String,
    /// The SHA-256 of the key, in 64 hexadecimal digits. `gatehouse keys api new` prints both.
    ///
    /// Example: `"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"`
    sha256: String,
    /// The day from whose beginning (UTC) on the key is refused. Without it, the key works until it is removed.
    ///
    /// Example: `"2027-11-30"`
    expires: Option<String>,
    /// The scopes of the caller. The scopes that the route needs must be among them.
    ///
    /// Default: those of `routes[].api_keys.scopes`
    /// Example: `["mcp"]`
    scopes: Option<Vec<String>>,
}

/// Somebody who may fetch and replace the key of the session pool, with a bearer token of their own.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdministratorDocument {
    /// What the log calls them: 3 to 64 letters, digits, `.`, `_` and `-`.
    ///
    /// Example: `"operations"`
    label: String,
    /// The name of the variable that holds their bearer token, of at least 32 characters.
    ///
    /// Example: `"api_keys_administrator"`
    secret: String,
}

const HEADER: &str = r#"header = "x-ms-apikey""#;
const POOL: &str =
    r#"session_pool = "code" administrators = [{ label = "operations", secret = "api_keys_administrator" }]"#;
const KEY: &str = r#"keys = [{ label = "nightly-report", sha256 = "…", expires = "2027-11-30" }]"#;
const SCOPES: &str = r#"scopes = ["mcp"]"#;

impl ApiKeysDocument {
    /// `table` is where the keys stand, and `needed` are the scopes that the route needs.
    pub(super) fn check(self, table: &str, needed: &Scopes) -> Result<ApiKeys, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        if self.keys.len() > MOST_KEYS {
            return Err(problem(key("keys"), "has more than 100 tables", KEY));
        }
        let scopes = checked_scopes(&key("scopes"), self.scopes.as_deref(), needed, needed)?;
        let configured = self.keys.into_iter().enumerate();
        let configured =
            configured.map(|(index, document)| document.check(&format!("{table}.keys[{index}]"), &scopes, needed));
        let keys = configured.collect::<Result<Vec<_>, _>>()?;
        let failures = self.failures_per_minute.unwrap_or(DEFAULT_FAILURES);
        if !(1..=MOST_FAILURES).contains(&failures) {
            return Err(problem(key("failures_per_minute"), "must be 1 to 10000", "failures_per_minute = 60"));
        }
        let pool = PoolKeys {
            name: self.session_pool,
            administrators: self.administrators,
            validation_seconds: self.validation_seconds,
        };
        let session_pool = pool.check(table, failures)?;
        if keys.is_empty() && session_pool.is_none() {
            return Err(problem(key("keys"), "is missing: there is no key, and no session_pool", KEY));
        }
        let labels = keys.iter().map(|key| key.label.as_str());
        unique(&key("keys"), ".label", labels.chain(session_pool.iter().map(|pool| pool.name.as_str())))?;
        Ok(ApiKeys {
            header: header(&key("header"), self.header.as_deref())?,
            keys,
            session_pool,
            scopes,
            failures_per_minute: failures,
        })
    }
}

/// The keys of the session pool, as written.
struct PoolKeys {
    name: Option<String>,
    administrators: Vec<AdministratorDocument>,
    validation_seconds: Option<u64>,
}

impl PoolKeys {
    fn check(self, table: &str, failures_per_minute: u32) -> Result<Option<SessionPool>, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let seconds = self.validation_seconds.unwrap_or(DEFAULT_VALIDATION_SECONDS);
        if seconds > LONGEST_VALIDATION_SECONDS {
            let text = "must be 0 to 3600 seconds (an hour)";
            return Err(problem(key("validation_seconds"), text, "validation_seconds = 300"));
        }
        let Some(name) = self.name else {
            if !self.administrators.is_empty() {
                let text = "is not used without session_pool: they would have nothing to fetch";
                return Err(problem(key("administrators"), text, POOL));
            }
            return Ok(None);
        };
        if !is_name(&name, b"-") {
            return Err(problem(key("session_pool"), "must be 3 to 64 letters, digits and -", POOL));
        }
        if self.administrators.is_empty() {
            let text = "is missing: nobody could fetch the key of the session pool";
            return Err(problem(key("administrators"), text, POOL));
        }
        if self.administrators.len() > MOST_ADMINISTRATORS {
            return Err(problem(key("administrators"), "has more than 20 tables", POOL));
        }
        let table = key("administrators");
        let administrators = self.administrators.into_iter().enumerate().map(|(index, document)| {
            let key = format!("{table}[{index}]");
            let label = label(&format!("{key}.label"), document.label)?;
            Ok(Administrator { label, secret: secret_name(&key, &document.secret)? })
        });
        let administrators = administrators.collect::<Result<Vec<_>, _>>()?;
        unique(&table, ".label", administrators.iter().map(|administrator| administrator.label.as_str()))?;
        Ok(Some(SessionPool { name, administrators, validation_seconds: seconds, failures_per_minute }))
    }
}

impl KeyDocument {
    fn check(self, table: &str, usual: &Scopes, needed: &Scopes) -> Result<ConfiguredKey, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let sha256 = hexadecimal(&self.sha256).ok_or_else(|| {
            problem(key("sha256"), "must be 64 hexadecimal digits, as `gatehouse keys api new` prints them", KEY)
        })?;
        let expires = self.expires.as_deref().map(|text| {
            UnixTime::from_date(text).ok_or_else(|| problem(key("expires"), "must be a day, year-month-day", KEY))
        });
        Ok(ConfiguredKey {
            label: label(&key("label"), self.label)?,
            sha256,
            expires: expires.transpose()?,
            scopes: checked_scopes(&key("scopes"), self.scopes.as_deref(), usual, needed)?,
        })
    }
}

/// A session pool, as the authorization server reads it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolDocument {
    route: String,
    name: String,
    administrators: Vec<AdministratorDocument>,
    validation_seconds: u64,
    failures_per_minute: u32,
}

impl PoolDocument {
    /// That of a route, if it has one.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let pool = route.api_keys.as_ref()?.session_pool.as_ref()?;
        let written = |known: &Administrator| AdministratorDocument {
            label: known.label.clone(),
            secret: known.secret.as_str().to_owned(),
        };
        Some(Self {
            route: route.path.to_string(),
            name: pool.name.clone(),
            administrators: pool.administrators.iter().map(written).collect(),
            validation_seconds: pool.validation_seconds,
            failures_per_minute: pool.failures_per_minute,
        })
    }

    pub(super) fn check(self) -> Result<(RoutePath, SessionPool), ConfigurationError> {
        let table = "routes.api_keys";
        let path = RoutePath::parse(&self.route).map_err(|text| problem("routes.path", text, r#"path = "/mcp""#))?;
        let (administrators, validation_seconds) = (self.administrators, Some(self.validation_seconds));
        let pool = PoolKeys { name: Some(self.name), administrators, validation_seconds };
        let pool = pool.check(table, self.failures_per_minute)?;
        let missing = || problem(format!("{table}.session_pool"), "is missing", POOL);
        Ok((path, pool.ok_or_else(missing)?))
    }
}

/// No key is good at two routes, and no two pools have one name; upper and lower case are one in the names of Azure's resources.
pub(super) fn are_apart<'a>(routes: impl Iterator<Item = Option<&'a ApiKeys>>) -> Result<(), ConfigurationError> {
    let (mut hashes, mut pools) = (BTreeSet::new(), BTreeSet::new());
    for (route, api_keys) in routes.enumerate().filter_map(|(route, keys)| Some((route, keys?))) {
        let table = format!("routes[{route}].api_keys");
        for (index, key) in api_keys.keys.iter().enumerate() {
            if !hashes.insert(*key.sha256.expose()) {
                let text = "is that of another key: a key is for one caller at one route";
                return Err(problem(format!("{table}.keys[{index}].sha256"), text, KEY));
            }
        }
        let pool = api_keys.session_pool.as_ref();
        if pool.is_some_and(|pool| !pools.insert(pool.name.to_ascii_lowercase())) {
            return Err(problem(format!("{table}.session_pool"), "is that of another route", POOL));
        }
    }
    Ok(())
}

/// A header of a part of the document.
pub(super) fn api_key_header(name: &str) -> Result<HeaderName, ConfigurationError> {
    header("api_key_headers", Some(name))
}

fn header(key: &str, given: Option<&str>) -> Result<HeaderName, ConfigurationError> {
    let name = header_name(key, given.unwrap_or(DEFAULT_HEADER), HEADER)?;
    if name == http::header::AUTHORIZATION {
        return Err(problem(key, "must not be authorization: tokens are there", HEADER));
    }
    Ok(name)
}

fn label(key: &str, text: String) -> Result<String, ConfigurationError> {
    if is_name(&text, b"-._") {
        return Ok(text);
    }
    Err(problem(key, "must be 3 to 64 letters, digits, ., _ and -", r#"label = "nightly-report""#))
}

fn is_name(text: &str, further: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || further.contains(&byte);
    (3..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

fn checked_scopes(
    key: &str,
    given: Option<&[String]>,
    usual: &Scopes,
    needed: &Scopes,
) -> Result<Scopes, ConfigurationError> {
    let Some(given) = given else { return Ok(usual.clone()) };
    let given = scopes(key, given)?;
    if !given.contains_all(needed) {
        let text = format!("must have the scopes that the route needs, which are: {needed}");
        return Err(problem(key, text, SCOPES));
    }
    Ok(given)
}

fn hexadecimal(text: &str) -> Option<SecretBytes<32>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair =
            core::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(SecretBytes::new(bytes))
}

#[cfg(test)]
mod tests;
