//! `identity_headers` of a route with one server, and of members.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use super::values::header_name;
use crate::error::problem;
use crate::identity_headers::{CallerAssertion, IdentityClaim, IdentityHeaders};
use crate::{ConfigurationError, SecretName};

/// Bytes. Apache, nginx and others take 8 KiB for one header, and Node.js 16 KiB for all of a request.
const DEFAULT_BYTES: usize = 8 * 1024;
const FEWEST_BYTES: usize = 1024;
const MOST_BYTES: usize = 64 * 1024;
const MOST_CLAIMS: usize = 16;

const APP_SERVICE: &str = "identity_headers = { app_service = true }";
const CLAIMS: &str = r#"claims = { "x-user-groups" = "groups" }"#;
const ASSERTION: &str = r#"assertion_header = "x-gatehouse-assertion""#;

/// What an MCP server is told of who calls ([What a server learns of the caller](identity-headers.md)). Whatever the client sent
/// in these headers is removed.
///
/// ```toml
/// [[routes]]
/// path = "/mcp"
/// url = "https://mcp.internal.example/mcp"
/// identity_headers = { app_service = true, claims = { "x-user-groups" = "groups" } }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityHeadersDocument {
    /// Whether the server gets the headers of Azure App Service: `X-MS-CLIENT-PRINCIPAL`, and with the suffixes `-ID`, `-NAME` and
    /// `-IDP`.
    ///
    /// Default: `false`
    app_service: Option<bool>,
    /// Claims in headers of their own. The claims are `subject`, `provider`, `client_id`, `resource`, `scopes`, `tenant`, `groups`
    /// and `roles`; with `names`, also `name`, `preferred_username` and `email`. Groups and roles are a JSON array.
    ///
    /// Most: `MOST_CLAIMS`
    /// Example: `{ "x-user-groups" = "groups" }`
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// The header in which the server gets a signed assertion (JWT) of who calls. It needs `caller_assertion_keys`.
    ///
    /// Example: `"x-gatehouse-assertion"`
    assertion_header: Option<String>,
    /// The audience of the assertion.
    ///
    /// Default: the value of `url`
    /// Example: `"https://mcp.internal.example"`
    assertion_audience: Option<String>,
    /// Whether the headers also say what people call the user: name, user name, and the e-mail address that the provider vouches for.
    /// They are personal data. Gatehouse keeps them in the session only where this is `true`.
    ///
    /// Default: `false`
    names: Option<bool>,
    /// The most bytes of all values together. A caller with more is refused with 403: nothing is cut off.
    ///
    /// Default: [`DEFAULT_BYTES`]
    /// Bounds: [`FEWEST_BYTES`] to [`MOST_BYTES`]
    bytes: Option<usize>,
}

impl IdentityHeadersDocument {
    /// `table` is where the keys stand, `url` the server's.
    pub(super) fn check(self, table: &str, url: &str) -> Result<IdentityHeaders, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        if self.claims.len() > MOST_CLAIMS {
            return Err(problem(key("claims"), "has more than 16 headers", CLAIMS));
        }
        let names = self.names.unwrap_or(false);
        let claim = |(name, claim): (String, String)| {
            let key = format!("{}.{name}", key("claims"));
            let Some(claim) = IdentityClaim::parse(&claim) else {
                let known: Vec<_> = IdentityClaim::ALL.into_iter().map(|(name, _)| name).collect();
                return Err(problem(key, format!("must be one of {}", known.join(", ")), CLAIMS));
            };
            if claim.is_name() && !names {
                let text = "is personal data, which needs names = true beside it";
                return Err(problem(key, text, r#"names = true, claims = { "x-user-name" = "name" }"#));
            }
            Ok((identity_header(&key, &name, CLAIMS)?, claim))
        };
        let claims = self.claims.into_iter().map(claim).collect::<Result<Vec<_>, _>>()?;
        if self.assertion_audience.as_deref().is_some_and(|audience| !is_audience(audience)) {
            let text = "must be 1 to 512 visible ASCII characters";
            return Err(problem(
                key("assertion_audience"),
                text,
                r#"assertion_audience = "https://mcp.internal.example""#,
            ));
        }
        if self.assertion_header.is_none() && self.assertion_audience.is_some() {
            return Err(problem(key("assertion_audience"), "needs assertion_header beside it", ASSERTION));
        }
        let assertion = self.assertion_header.as_deref().map(|header| {
            let header = identity_header(&key("assertion_header"), header, ASSERTION)?;
            let audience = self.assertion_audience.clone().unwrap_or_else(|| url.to_owned());
            Ok::<_, ConfigurationError>(CallerAssertion { header, audience })
        });
        let headers = IdentityHeaders {
            app_service: self.app_service.unwrap_or(false),
            claims,
            assertion: assertion.transpose()?,
            names,
            bytes: self.bytes.unwrap_or(DEFAULT_BYTES),
        };
        if !(FEWEST_BYTES..=MOST_BYTES).contains(&headers.bytes) {
            return Err(problem(key("bytes"), "must be 1024 to 65536", "bytes = 8192"));
        }
        if headers.headers().next().is_none() {
            let text = "names no header: app_service, claims or assertion_header is missing";
            return Err(problem(table, text, APP_SERVICE));
        }
        each_header_once(table, &headers)?;
        Ok(headers)
    }
}

/// Who someone is proves nothing where a server expects credentials: it would take it for a token or a password.
fn identity_header(key: &str, name: &str, example: &'static str) -> Result<HeaderName, ConfigurationError> {
    let header = header_name(key, name, example)?;
    if is_one(&header, &http::header::AUTHORIZATION) {
        return Err(problem(key, "must not be authorization: the server would take it for credentials", example));
    }
    Ok(header)
}

fn each_header_once(table: &str, headers: &IdentityHeaders) -> Result<(), ConfigurationError> {
    let mut seen: Vec<HeaderName> = Vec::new();
    for header in headers.headers() {
        if seen.iter().any(|other| is_one(other, &header)) {
            return Err(problem(table, format!("says two things in the header {header}"), CLAIMS));
        }
        seen.push(header);
    }
    Ok(())
}

/// Assertions are signed with the keys that the document names.
pub(super) fn assertions_have_keys<'a>(
    mut servers: impl Iterator<Item = &'a crate::Upstream>,
    keys: Option<&SecretName>,
) -> Result<(), ConfigurationError> {
    if keys.is_none() && servers.any(crate::Upstream::gets_assertions) {
        let text = "is missing: an assertion_header, and the flow assertion, need keys to sign with";
        return Err(problem(
            "caller_assertion_keys",
            text,
            r#"caller_assertion_keys = { secret = "caller_assertion_keys" }"#,
        ));
    }
    Ok(())
}

pub(super) fn is_audience(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// Servers read `-` and `_` as one (CGI, WSGI).
pub(super) fn is_one(a: &HeaderName, b: &HeaderName) -> bool {
    a == b || a.as_str().replace('_', "-") == b.as_str().replace('_', "-")
}

#[cfg(test)]
mod tests;
