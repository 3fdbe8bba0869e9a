//! `[[upstreams]]`.

use std::collections::BTreeMap;

use http::{HeaderName, Uri};
use serde::Deserialize;

use super::values::{SecretDocument, header_name, scopes};
use crate::error::problem;
use crate::{ConfigurationError, RoutePath, Upstream};

/// Bytes. MCP messages are small; a larger upload is for another protocol.
const DEFAULT_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes. The request is held in the instance's memory, whose size hosts limit.
const LARGEST_REQUEST_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamDocument {
    path: String,
    url: String,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    scope_descriptions: BTreeMap<String, String>,
    max_request_bytes: Option<usize>,
    subject_header: Option<String>,
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
    identity_provider_token_header: Option<String>,
}

impl UpstreamDocument {
    pub(super) fn check(self, index: usize) -> Result<Upstream, ConfigurationError> {
        let key = |name: &str| format!("upstreams[{index}].{name}");
        let path = RoutePath::parse(&self.path).map_err(|text| problem(key("path"), text, r#"path = "/mcp""#))?;
        const URL: &str = r#"url = "https://mcp.internal.example/mcp""#;
        let url: Uri = self
            .url
            .parse()
            .ok()
            .filter(|url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some())
            .filter(|url| !url.authority().is_some_and(|authority| authority.as_str().contains('@')))
            .ok_or_else(|| problem(key("url"), "is not an http(s) URL without a user", URL))?;
        let requested = self.scopes.unwrap_or_else(|| vec!["mcp".to_owned()]);
        let scopes = scopes(&key("scopes"), &requested)?;
        if scopes.is_empty() {
            return Err(problem(key("scopes"), "is empty: a token must need something", r#"scopes = ["mcp"]"#));
        }
        let max_request_bytes = self.max_request_bytes.unwrap_or(DEFAULT_REQUEST_BYTES);
        if !(1..=LARGEST_REQUEST_BYTES).contains(&max_request_bytes) {
            let text = "must be 1 to 33554432 bytes (32 MiB)";
            return Err(problem(key("max_request_bytes"), text, "max_request_bytes = 4194304"));
        }
        let secret_headers = self.secret_headers.into_iter().map(|(name, secret)| {
            let key = format!("{}.{name}", key("secret_headers"));
            Ok((header_name(&key, &name, SECRET_HEADER)?, secret.check(&key)?))
        });
        let optional = |name: &str, value: Option<String>, example| {
            value.map(|value| header_name(&key(name), &value, example)).transpose()
        };
        let upstream = Upstream {
            name: self.name.unwrap_or_else(|| path.as_str().to_owned()),
            subject_header: optional("subject_header", self.subject_header, SUBJECT_HEADER)?,
            secret_headers: secret_headers.collect::<Result<_, _>>()?,
            identity_provider_token_header: optional(
                "identity_provider_token_header",
                self.identity_provider_token_header,
                TOKEN_HEADER,
            )?,
            scope_descriptions: self.scope_descriptions,
            path,
            url,
            scopes,
            max_request_bytes,
        };
        one_meaning_for_each_header(&upstream, key)?;
        Ok(upstream)
    }
}

const SECRET_HEADER: &str = r#""x-functions-key" = { secret = "upstream_secret" }"#;
const SUBJECT_HEADER: &str = r#"subject_header = "x-gatehouse-subject""#;
const TOKEN_HEADER: &str = r#"identity_provider_token_header = "x-identity-provider-token""#;

/// Each header says one thing: an upstream that read the user's token where it expects a secret would compare or log it.
fn one_meaning_for_each_header(upstream: &Upstream, key: impl Fn(&str) -> String) -> Result<(), ConfigurationError> {
    let is_secret = |name: &HeaderName| upstream.secret_headers.iter().any(|(secret, _)| is_one(secret, name));
    if upstream.subject_header.as_ref().is_some_and(is_secret) {
        return Err(problem(key("subject_header"), "is one of secret_headers, too", SUBJECT_HEADER));
    }
    let Some(token) = &upstream.identity_provider_token_header else { return Ok(()) };
    let key = key("identity_provider_token_header");
    if upstream.subject_header.as_ref().is_some_and(|subject| is_one(subject, token)) {
        return Err(problem(key, "is subject_header, too", TOKEN_HEADER));
    }
    if is_secret(token) {
        return Err(problem(key, "is one of secret_headers, too", TOKEN_HEADER));
    }
    if is_secret(&http::header::AUTHORIZATION) {
        let text = "is set beside a secret header `authorization`: the upstream would be told two different callers";
        return Err(problem(
            key,
            text,
            r#"identity_provider_token_header = "authorization", without the secret header"#,
        ));
    }
    Ok(())
}

/// Servers read `-` and `_` as one (CGI, WSGI).
fn is_one(a: &HeaderName, b: &HeaderName) -> bool {
    a == b || a.as_str().replace('_', "-") == b.as_str().replace('_', "-")
}

#[cfg(test)]
mod tests;
