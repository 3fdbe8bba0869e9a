//! The keys of an MCP server: in a route with one server beside the route's own, in a route with several in `members`.

use std::collections::BTreeMap;

use http::{HeaderName, Uri};
use serde::{Deserialize, Serialize};

use super::backend_token::BackendTokenDocument;
use super::identity_headers::{IdentityHeadersDocument, is_one};
use super::openapi::OpenApiKeys;
use super::values::{SecretDocument, header_name, unique};
use crate::error::problem;
use crate::{ConfigurationError, Member, Prefix, Timeouts, Transport, Upstream};

/// Seconds. A server is near; one that does not take a connection by then is down.
const DEFAULT_CONNECT_SECONDS: u64 = 5;
/// Seconds. A server that answers in JSON sends nothing before its tool is done, and tools may work for minutes; clients
/// give up earlier by themselves (the TypeScript SDK after 1).
const DEFAULT_ANSWER_SECONDS: u64 = 10 * 60;
const LONGEST_CONNECT_SECONDS: u64 = 60;
const LONGEST_ANSWER_SECONDS: u64 = 60 * 60;
/// Each request to a federation may be as many requests upstream.
const MOST_MEMBERS: usize = 32;

/// A server's own keys, wherever they stand.
#[derive(Debug)]
pub(super) struct UpstreamKeys {
    pub(super) url: Option<String>,
    pub(super) transport: Option<String>,
    pub(super) subject_header: Option<String>,
    pub(super) secret_headers: BTreeMap<String, SecretDocument>,
    pub(super) identity_provider_token_header: Option<String>,
    pub(super) identity_headers: Option<IdentityHeadersDocument>,
    /// Known to whoever knows the token services, too.
    pub(super) has_backend_token: bool,
    pub(super) timeouts: Option<TimeoutsDocument>,
    pub(super) openapi: OpenApiKeys,
}

/// How long an MCP server may take.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeoutsDocument {
    /// Seconds to accept a connection.
    ///
    /// Default: [`DEFAULT_CONNECT_SECONDS`]
    /// Bounds: 1 to [`LONGEST_CONNECT_SECONDS`]
    connect: Option<u64>,
    /// Seconds from the request to the beginning of the answer.
    ///
    /// Default: [`DEFAULT_ANSWER_SECONDS`]
    /// Bounds: 1 to [`LONGEST_ANSWER_SECONDS`]
    answer: Option<u64>,
}

/// One of the MCP servers behind a route with `members`. Each member has a prefix of its own; one member may have none.
///
/// ```toml
/// [[routes]]
/// path = "/all"
/// name = "Everything"
///
/// [[routes.members]]
/// url = "https://wiki.internal.example/mcp"
///
/// [[routes.members]]
/// prefix = "files"
/// url = "https://files.internal.example/mcp"
/// secret_headers = { "x-functions-key" = { secret = "files_key" } }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberDocument {
    /// What the names of the member's tools and prompts begin with (`files_read`), and the schemes of its resources
    /// (`files+file:///a`): 1 to 32 lower-case letters, digits and `-`, and a letter first.
    ///
    /// Example: `"files"`
    prefix: Option<String>,
    /// The server's own address. It is required, and `allowed_outbound_hosts` in `spin.toml` must allow it.
    ///
    /// Example: `"https://files.internal.example/mcp"`
    url: Option<String>,
    /// As in `routes[].subject_header`.
    subject_header: Option<String>,
    /// As in `routes[].secret_headers`.
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
    /// As in `routes[].identity_provider_token_header`.
    identity_provider_token_header: Option<String>,
    /// As in `routes[].identity_headers`.
    identity_headers: Option<IdentityHeadersDocument>,
    /// As in `routes[].backend_token`.
    pub(super) backend_token: Option<BackendTokenDocument>,
    /// As in `routes[].timeouts`.
    timeouts: Option<TimeoutsDocument>,
    /// As in `routes[].openapi`.
    openapi: Option<String>,
    /// As in `routes[].openapi_operations`.
    #[serde(default)]
    openapi_operations: Vec<String>,
    /// As in `routes[].openapi_output_schemas`.
    ///
    /// Default: `true`
    openapi_output_schemas: Option<bool>,
}

const URL: &str = r#"url = "https://mcp.internal.example/mcp""#;
const SECRET_HEADER: &str = r#""x-functions-key" = { secret = "upstream_secret" }"#;
const SUBJECT_HEADER: &str = r#"subject_header = "x-gatehouse-subject""#;
const TOKEN_HEADER: &str = r#"identity_provider_token_header = "x-identity-provider-token""#;

impl UpstreamKeys {
    /// One of the keys that are given, if any is.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            ("url", self.url.is_some()),
            ("transport", self.transport.is_some()),
            ("subject_header", self.subject_header.is_some()),
            ("secret_headers", !self.secret_headers.is_empty()),
            ("identity_provider_token_header", self.identity_provider_token_header.is_some()),
            ("identity_headers", self.identity_headers.is_some()),
            ("backend_token", self.has_backend_token),
            ("timeouts", self.timeouts.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
        .or_else(|| self.openapi.given())
    }

    /// `table` is where the keys stand.
    pub(super) fn check(self, table: &str) -> Result<Upstream, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let url = self.url.ok_or_else(|| problem(key("url"), "is missing", URL))?;
        let url: Uri = url
            .parse()
            .ok()
            .filter(|url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some())
            .filter(|url| !url.authority().is_some_and(|authority| authority.as_str().contains(['@', '*'])))
            .ok_or_else(|| problem(key("url"), "is not an http(s) URL with one host and without a user", URL))?;
        let secret_headers = self.secret_headers.into_iter().map(|(name, secret)| {
            let key = format!("{}.{name}", key("secret_headers"));
            Ok((header_name(&key, &name, SECRET_HEADER)?, secret.check(&key)?))
        });
        let optional = |name: &str, value: Option<String>, example| {
            value.map(|value| header_name(&key(name), &value, example)).transpose()
        };
        let identity_headers =
            self.identity_headers.map(|headers| headers.check(&key("identity_headers"), &url.to_string()));
        let upstream = Upstream {
            url,
            identity_headers: identity_headers.transpose()?.map(Box::new),
            backend_token: None,
            transport: transport(&key("transport"), self.transport.as_deref())?,
            subject_header: optional("subject_header", self.subject_header, SUBJECT_HEADER)?,
            secret_headers: secret_headers.collect::<Result<_, _>>()?,
            identity_provider_token_header: optional(
                "identity_provider_token_header",
                self.identity_provider_token_header,
                TOKEN_HEADER,
            )?,
            timeouts: timeouts(&key("timeouts"), self.timeouts)?,
            openapi: self.openapi.check(key)?,
        };
        if upstream.openapi.is_some() && upstream.transport == Transport::Sse {
            let text = "must not be sse together with openapi: a REST API has no event stream";
            return Err(problem(key("transport"), text, r#"transport = "streamable-http""#));
        }
        no_credentials(upstream.subject_header.as_ref(), key)?;
        one_meaning_for_each_header(&upstream, key)?;
        Ok(upstream)
    }
}

/// The members of the route `route`.
pub(super) fn members(route: &str, documents: Vec<MemberDocument>) -> Result<Vec<Member>, ConfigurationError> {
    const PREFIX: &str = r#"prefix = "files""#;
    let table = format!("{route}.members");
    if documents.len() > MOST_MEMBERS {
        return Err(problem(table, "has more than 32 tables", PREFIX));
    }
    let member = |(index, document): (usize, MemberDocument)| {
        let table = format!("{table}[{index}]");
        let prefix = document.prefix.as_deref().map(Prefix::parse).transpose();
        let keys = UpstreamKeys {
            url: document.url,
            transport: None,
            subject_header: document.subject_header,
            secret_headers: document.secret_headers,
            identity_provider_token_header: document.identity_provider_token_header,
            identity_headers: document.identity_headers,
            has_backend_token: document.backend_token.is_some(),
            timeouts: document.timeouts,
            openapi: OpenApiKeys {
                document: document.openapi,
                operations: document.openapi_operations,
                output_schemas: document.openapi_output_schemas,
            },
        };
        Ok(Member {
            prefix: prefix.map_err(|text| problem(format!("{table}.prefix"), text, PREFIX))?,
            upstream: keys.check(&table)?,
        })
    };
    let members = documents.into_iter().enumerate().map(member).collect::<Result<Vec<_>, _>>()?;
    let prefixes = members.iter().map(|member| member.prefix.as_ref().map_or("", Prefix::as_str));
    unique(&table, ".prefix", prefixes)?;
    Ok(members)
}

fn transport(key: &str, given: Option<&str>) -> Result<Transport, ConfigurationError> {
    match given {
        None | Some("streamable-http") => Ok(Transport::StreamableHttp),
        Some("sse") => Ok(Transport::Sse),
        Some(_) => Err(problem(key, "must be streamable-http or sse", r#"transport = "sse""#)),
    }
}

fn timeouts(key: &str, given: Option<TimeoutsDocument>) -> Result<Timeouts, ConfigurationError> {
    let (connect, answer) = given.map_or((None, None), |given| (given.connect, given.answer));
    let timeouts = Timeouts {
        connect: connect.unwrap_or(DEFAULT_CONNECT_SECONDS),
        answer: answer.unwrap_or(DEFAULT_ANSWER_SECONDS),
    };
    if !(1..=LONGEST_CONNECT_SECONDS).contains(&timeouts.connect) {
        return Err(problem(format!("{key}.connect"), "must be 1 to 60 seconds", "connect = 5"));
    }
    if !(1..=LONGEST_ANSWER_SECONDS).contains(&timeouts.answer) {
        return Err(problem(format!("{key}.answer"), "must be 1 to 3600 seconds", "answer = 600"));
    }
    Ok(timeouts)
}

/// Who someone is proves nothing: in a header for credentials, a server would take it for a token or a password.
fn no_credentials(subject_header: Option<&HeaderName>, key: impl Fn(&str) -> String) -> Result<(), ConfigurationError> {
    if subject_header.is_some_and(|name| is_one(name, &http::header::AUTHORIZATION)) {
        let text = "must not be authorization: the server would take the subject for credentials";
        return Err(problem(key("subject_header"), text, SUBJECT_HEADER));
    }
    Ok(())
}

/// Each header says one thing: an upstream that read the user's token where it expects a secret would compare or log it.
fn one_meaning_for_each_header(upstream: &Upstream, key: impl Fn(&str) -> String) -> Result<(), ConfigurationError> {
    let is_secret = |name: &HeaderName| upstream.secret_headers.iter().any(|(secret, _)| is_one(secret, name));
    if upstream.subject_header.as_ref().is_some_and(is_secret) {
        return Err(problem(key("subject_header"), "must not be one of secret_headers", SUBJECT_HEADER));
    }
    let others = upstream.subject_header.iter().chain(&upstream.identity_provider_token_header);
    let others: Vec<_> = others.chain(upstream.secret_headers.iter().map(|(name, _)| name)).collect();
    let mut told = upstream.identity_headers.iter().flat_map(|headers| headers.headers());
    if let Some(twice) = told.find(|name| others.iter().any(|other| is_one(other, name))) {
        let text = format!("must not say something else in the header {twice}, which another key names");
        return Err(problem(key("identity_headers"), text, "a header of its own for each"));
    }
    let Some(token) = &upstream.identity_provider_token_header else { return Ok(()) };
    let key = key("identity_provider_token_header");
    if upstream.subject_header.as_ref().is_some_and(|subject| is_one(subject, token)) {
        return Err(problem(key, "must not be subject_header", TOKEN_HEADER));
    }
    if is_secret(token) {
        return Err(problem(key, "must not be one of secret_headers", TOKEN_HEADER));
    }
    if is_secret(&http::header::AUTHORIZATION) {
        let text =
            "must not be set together with a secret header `authorization`: the server would get two different callers";
        return Err(problem(
            key,
            text,
            r#"identity_provider_token_header = "authorization", without the secret header"#,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
