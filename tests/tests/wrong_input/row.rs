//! A request that is wrong, and the answer to it that is right.

use gatehouse_tests::{RawAnswer, raw};
use serde_json::Value;
use url::Url;

use crate::setting::Setting;

/// The answer that is right.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// An OAuth error in JSON (RFC 6749, section 5.2; RFC 7591, section 3.2.2).
    Error(u16, &'static str),
    /// The user is told, and nobody else.
    Page(u16),
    /// The client is told at its redirect URI (RFC 6749, section 4.1.2.1; RFC 9207). Whether the state comes back.
    Client(&'static str, bool),
    /// A JSON-RPC error.
    Rpc(u16),
    /// A JSON-RPC error with a challenge (RFC 6750, section 3), with this error code in it.
    Challenge(u16, Option<&'static str>),
    /// 405 with this `Allow`.
    Method(&'static str),
    /// One of these statuses, by the HTTP server itself.
    Refused(&'static [u16]),
}

/// A request, byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    request_line: String,
    headers: Vec<String>,
    body: Vec<u8>,
    /// Bytes in place of all of the above.
    raw: Option<Vec<u8>>,
    expected: Expected,
    /// What wash makes of it before Gatehouse sees it, where that differs (docs/hosts.md).
    on_wash: Option<u16>,
}

impl Row {
    pub(crate) fn new(name: &str, method: &str, target: &str) -> Self {
        let shown: String = target.chars().take(60).collect();
        Self {
            name: format!("{method} {shown}: {name}"),
            request_line: format!("{method} {target} HTTP/1.1"),
            headers: Vec::new(),
            body: Vec::new(),
            raw: None,
            expected: Expected::Refused(&[400]),
            on_wash: None,
        }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// A request of these bytes.
    pub(crate) fn of_bytes(name: &str, bytes: &[u8], statuses: &'static [u16]) -> Self {
        let mut row = Self::new(name, "raw", "bytes");
        (row.raw, row.expected) = (Some(bytes.to_vec()), Expected::Refused(statuses));
        row
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn form(self, body: &str) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body.as_bytes())
    }

    pub(crate) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body.as_bytes())
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// The row with the answer that is right.
    pub(crate) fn gets(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// The same row, whose request wash answers with this status.
    pub(crate) fn on_wash(mut self, status: u16) -> Self {
        self.on_wash = Some(status);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut lines = vec![self.request_line.clone(), "host: gatehouse".to_owned(), "connection: close".to_owned()];
        lines.extend(self.headers.iter().cloned());
        if !self.body.is_empty() {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        [(lines.join("\r\n") + "\r\n\r\n").into_bytes(), self.body.clone()].concat()
    }

    pub(crate) async fn send(&self, origin: &str) -> RawAnswer {
        raw(origin, &self.bytes()).await
    }

    /// What is not as it should be.
    pub(crate) fn problems(&self, answer: &RawAnswer, setting: &Setting) -> Option<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                problems.push(what.to_owned());
            }
        };
        check(answer.count() <= 1, "more than one answer");
        let has = |name: &str, value: &str| answer.headers(name) == [value];
        let status = answer.status.unwrap_or_default();
        let body = answer.body();
        let json: Value = serde_json::from_str(&body).unwrap_or_default();
        if !matches!(self.expected, Expected::Client(..)) {
            check(answer.headers("location").is_empty(), "a Location");
        }
        for challenge in answer.headers("www-authenticate").iter().filter(|challenge| challenge.starts_with("Bearer")) {
            let metadata = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"", setting.origin);
            check(challenge.contains(&metadata), "a challenge without resource_metadata");
        }
        match &self.expected {
            Expected::Error(expected, code) => {
                check(status == *expected, "another status");
                check(json["error"] == *code, "another error");
                check(is_description(&json["error_description"]), "no usable error_description");
                check(has("content-type", "application/json") && has("cache-control", "no-store"), "other headers");
                // RFC 6749, section 5.2: who tried to authenticate by the header is told by which scheme to do it.
                let tried = self.headers.iter().any(|header| header.starts_with("authorization"));
                if *code == "invalid_client" && tried {
                    check(status == 401 && !answer.headers("www-authenticate").is_empty(), "no WWW-Authenticate");
                }
            }
            Expected::Page(expected) => {
                check(status == *expected, "another status");
                check(body.starts_with("<!doctype html>") && !body.contains("<script"), "not a page without scripts");
                check(
                    has("content-type", "text/html; charset=utf-8") && has("cache-control", "no-store"),
                    "other headers",
                );
                check(
                    has("x-frame-options", "DENY") && has("x-content-type-options", "nosniff"),
                    "missing headers of a page",
                );
                let policy = answer.headers("content-security-policy").concat();
                check(
                    policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
                    "another policy",
                );
            }
            Expected::Client(code, returns_state) => {
                check(status == 303 && has("cache-control", "no-store") && body.is_empty(), "not a plain redirect");
                let location = answer.headers("location").first().and_then(|location| Url::parse(location).ok());
                let parameter = |name: &str| {
                    let location = location.as_ref()?;
                    let values: Vec<_> = location
                        .query_pairs()
                        .filter(|(key, _)| key == name)
                        .map(|(_, value)| value.into_owned())
                        .collect();
                    (values.len() == 1).then(|| values.concat())
                };
                let begins =
                    answer.headers("location").concat().starts_with(&format!("{}?", crate::setting::REDIRECT_URI));
                check(begins, "not to the client");
                check(parameter("error").as_deref() == Some(*code), "another error");
                check(parameter("iss").as_ref() == Some(&setting.origin), "no iss");
                check(
                    parameter("error_description").is_some_and(|text| is_description(&text.into())),
                    "no error_description",
                );
                let state = setting
                    .authorization_request()
                    .iter()
                    .find(|(name, _)| *name == "state")
                    .map(|(_, state)| (*state).to_owned());
                check(parameter("state") == state.filter(|_| *returns_state), "another state");
            }
            Expected::Rpc(expected) | Expected::Challenge(expected, _) => {
                check(status == *expected, "another status");
                let is_error =
                    json["jsonrpc"] == "2.0" && json["error"]["code"].is_i64() && json["error"]["message"].is_string();
                check(is_error || self.request_line.starts_with("HEAD"), "not a JSON-RPC error");
                check(has("content-type", "application/json") && has("cache-control", "no-store"), "other headers");
                let challenges = answer.headers("www-authenticate");
                if let Expected::Challenge(_, code) = &self.expected {
                    check(challenges.len() == 1 && challenges[0].starts_with("Bearer "), "not one challenge");
                    let found = challenges.concat().contains("error=");
                    let named = code.is_none_or(|code| challenges.concat().contains(&format!("error=\"{code}\"")));
                    check(found == code.is_some() && named, "another error in the challenge");
                    check(challenges.concat().contains("scope=\"mcp\""), "no scope in the challenge");
                } else {
                    check(challenges.is_empty(), "a challenge");
                }
            }
            Expected::Method(allow) => {
                check(status == 405, "another status");
                check(has("allow", allow), "another Allow");
            }
            Expected::Refused(statuses) => {
                let on_wash = self.on_wash.filter(|_| setting.world.gatehouse.is_on_wash());
                check(on_wash.map_or(statuses.contains(&status), |expected| status == expected), "another status");
            }
        }
        if problems.is_empty() {
            return None;
        }
        let text: String = answer.text.chars().take(1200).collect();
        Some(format!("{}: {} (expected {:?})\n{text}\n", self.name, problems.join(", "), self.expected))
    }
}

/// Something to read, in the characters that RFC 6749 (appendix A.8) allows.
fn is_description(value: &Value) -> bool {
    let allowed = |character| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    value.as_str().is_some_and(|text| !text.is_empty() && text.len() < 400 && text.chars().all(allowed))
}
