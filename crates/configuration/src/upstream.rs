//! MCP servers behind the gateway.

use core::fmt;
use std::collections::BTreeMap;

use gatehouse_protocol::{Scope, Scopes};
use http::{HeaderName, Uri};

use crate::SecretName;

/// An MCP server, and what it takes to reach it.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Our path for it. `public_url` and the path are its resource indicator.
    pub path: RoutePath,
    /// Its own address.
    pub url: Uri,
    /// What people read on the consent page.
    pub name: String,
    /// The scopes that a token needs; at least one.
    pub scopes: Scopes,
    /// What each scope means, in words, for the consent page.
    pub scope_descriptions: BTreeMap<String, String>,
    /// The largest request body that is passed on, in bytes.
    pub max_request_bytes: usize,
    /// The header in which the upstream is told the subject, where it should be.
    pub subject_header: Option<HeaderName>,
    /// Headers that the upstream needs, such as `x-functions-key`, and the settings that hold their values.
    pub secret_headers: Vec<(HeaderName, SecretName)>,
    /// The header in which the upstream gets the user's access token of the identity provider, where it should act in
    /// the user's name: `authorization` (then with `Bearer` in front) or a header of its own.
    pub identity_provider_token_header: Option<HeaderName>,
}

impl Upstream {
    /// What a scope means in words; the scope itself where the operator gave none.
    pub fn describe<'a>(&'a self, scope: &'a Scope) -> &'a str {
        self.scope_descriptions.get(scope.as_str()).map_or(scope.as_str(), String::as_str)
    }
}

/// A path of the gateway: `/` and visible characters that mean themselves, so that no two spellings name one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath(String);

impl RoutePath {
    /// Paths that are our own.
    const RESERVED: [&'static str; 15] = [
        "/authorize",
        "/choose",
        "/consent",
        "/callback",
        "/token",
        "/register",
        "/revoke",
        "/introspect",
        "/sessions",
        "/sign-in",
        "/sign-out",
        "/sse",
        "/message",
        "/healthz",
        "/.well-known",
    ];

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let segments = || text.split('/').skip(1);
        if !text.starts_with('/') || text.len() > 256 {
            return Err("must start with a slash and have at most 256 characters");
        }
        if segments().any(|segment| segment.is_empty() || matches!(segment, "." | "..") || !segment.bytes().all(plain))
        {
            return Err("must have segments of letters, digits and - _ . ~ only, and no slash at the end");
        }
        if Self::RESERVED.iter().any(|own| text == *own || text.starts_with(&format!("{own}/"))) {
            return Err("is one of Gatehouse's own paths");
        }
        Ok(Self(text.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
