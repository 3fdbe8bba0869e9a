//! Values that several tables of the document have.

use core::fmt;
use std::collections::BTreeSet;

use gatehouse_protocol::{Scope, Scopes};
use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::error::problem;
use crate::{ConfigurationError, SecretName};

/// Headers that the gateway or the host decides on, with `-` for `_`; another value in one of them would be lost, would
/// break the connection, or would be taken for something else.
const OWN_HEADERS: [&str; 35] = [
    "accept",
    "accept-encoding",
    "connection",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-real-ip",
    "x-request-id",
];
/// Families of such headers.
const OWN_FAMILIES: [&str; 3] = ["content-", "mcp-param-", "access-control-"];

/// The path of a key. It is written out only where something is wrong with the value: a request that reads its route would
/// otherwise spend most of its time on names that nobody sees.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// Where the key stands.
    pub(super) table: &'a str,
    /// Of the tables there, which one.
    pub(super) index: usize,
    pub(super) name: &'static str,
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, index, name } = self;
        write!(f, "{table}[{index}].{name}")
    }
}

/// A secret. The document never holds the secret itself: it names the Spin variable that does. Declare the variable in
/// `spin.toml`, in `[variables]` and in `[component.gatehouse.variables]`. `gatehouse check` lists the variables that a
/// configuration needs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table { secret = \"VARIABLE\" }")]
pub(super) struct SecretDocument {
    /// The name of the variable: lower-case letters, digits and `_`, and a letter first.
    ///
    /// Example: `"upstream_secret"`
    secret: String,
}

impl SecretDocument {
    pub(super) fn check(self, key: &str) -> Result<SecretName, ConfigurationError> {
        secret_name(key, &self.secret)
    }
}

/// The name of a setting, in the table at `key`.
pub(super) fn secret_name(key: &str, name: &str) -> Result<SecretName, ConfigurationError> {
    let text = "must name a variable: lower-case letters, digits and _, starting with a letter";
    SecretName::parse(name).ok_or_else(|| problem(format!("{key}.secret"), text, r#"{ secret = "upstream_secret" }"#))
}

/// A header that a request of ours may have beside those that it always has.
pub(super) fn header_name(key: &str, name: &str, example: &'static str) -> Result<HeaderName, ConfigurationError> {
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem(key, "is not a header name", example))?;
    // Servers read `-` and `_` as one (CGI, WSGI).
    let reduced = header.as_str().replace('_', "-");
    if OWN_HEADERS.contains(&reduced.as_str()) || OWN_FAMILIES.iter().any(|family| reduced.starts_with(family)) {
        return Err(problem(key, "is a header that the gateway itself decides on", example));
    }
    Ok(header)
}

pub(super) fn scopes(key: impl fmt::Display, requested: &[String]) -> Result<Scopes, ConfigurationError> {
    let parsed: Result<Scopes, _> = requested.iter().map(|scope| Scope::parse(scope)).collect();
    parsed.map_err(|error| problem(key, format!("holds a value that is no scope: {error}"), r#"scopes = ["mcp"]"#))
}

pub(super) fn unique<'a>(
    table: &str,
    key: &str,
    values: impl Iterator<Item = &'a str>,
) -> Result<(), ConfigurationError> {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if !seen.insert(value) {
            let text = format!("is {value:?} for a second time");
            return Err(problem(format!("{table}[{index}]{key}"), text, "a value of its own for each"));
        }
    }
    Ok(())
}

/// A UUID (RFC 9562, section 4) in lower case, as Entra's claims have it.
pub(super) fn uuid(text: &str) -> Option<String> {
    let lengths = text.split('-').map(str::len);
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (hexadecimal && lengths.eq([8, 4, 4, 4, 12])).then(|| text.to_ascii_lowercase())
}
