//! What is at a path: the resource that tokens are for, and the MCP servers behind it.

use core::fmt;

use gatehouse_protocol::{ClientId, OwnPath, Scope, Scopes};
use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::{
    AcceptedTokens, ApiKeys, CrossOrigin, Effect, LEGACY_MESSAGE, LEGACY_SSE, Limits, ListKind, Networks, Policy, Rate,
    SandboxEnvironments, Upstream,
};

/// An MCP endpoint of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Our path for it. `public_url` and the path are its resource indicator.
    pub path: RoutePath,
    /// What people read of it.
    pub name: String,
    /// The scopes that a token needs for anything at all here; at least one.
    pub scopes: Scopes,
    /// The keys that are good here, if any are.
    pub api_keys: Option<ApiKeys>,
    /// The environments that operators see, where a sandbox is behind it.
    pub environments: Option<Box<SandboxEnvironments>>,
    /// What answers.
    pub servers: Servers,
    /// Who may do what.
    pub policy: Policy,
    /// How much of it.
    pub limits: Limits,
    /// How often.
    pub rates: Vec<Rate>,
    /// Whether the transport of 2024-11-05 is offered, at the path with `/sse` and `/message` behind it.
    pub legacy_sse: bool,
    /// Whether the arguments of a tool call must fit the tool's published input schema.
    pub validate_arguments: bool,
    /// When a token that was revoked stops to work here.
    pub revocation: Revocation,
    /// Of several servers: whether `server/discover` is answered only where every member that answers has it.
    pub discover_needs_all: bool,
    /// Whether the log holds the arguments of calls, and the URIs of resources. They may be personal.
    pub log_arguments: bool,
    /// From where it may be reached.
    pub networks: Networks,
    /// Which web pages may call it; `None` where it is as for every route.
    pub cors: Option<CrossOrigin>,
    /// Whether tokens of ours count.
    pub own_tokens: bool,
    /// Which tokens of other issuers count.
    pub accepted_tokens: Option<Box<AcceptedTokens>>,
    /// The only clients whose tokens count here; those of every client where there is none.
    pub allowed_clients: Vec<ClientId>,
    /// What becomes of a request that shows nothing.
    pub unauthenticated: Unauthenticated,
}

/// What becomes of a request that shows nothing to say who makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// It is told how to get a token: 401.
    #[default]
    Challenge,
    /// It is refused: 403.
    Refuse,
    /// A browser that opens a page is sent to sign in, and comes in with that; anybody else is told how to get a token.
    SignIn,
    /// It goes on, as nobody's.
    Allow,
}

/// When a token that was revoked stops to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revocation {
    /// At once: each request asks the store for the session.
    #[default]
    Immediate,
    /// When it expires: it tells by itself whose it is, and is believed.
    AtExpiry,
}

/// The MCP servers behind a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one for each route")]
pub enum Servers {
    /// One, whose messages pass unchanged.
    One(Upstream),
    /// Several as one: at least one, each with a prefix of its own.
    Federated(Vec<Member>),
}

/// One of the servers behind a federated route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the names of its tools, prompts and resources begin with here. At most one member of a route has none.
    pub prefix: Option<Prefix>,
    /// The server.
    pub upstream: Upstream,
}

impl Route {
    /// Whether any access tokens are good here.
    pub fn takes_tokens(&self) -> bool {
        self.own_tokens || self.accepted_tokens.is_some()
    }

    /// The headers beside `Authorization` in which tokens of other issuers are shown here.
    pub fn token_headers(&self) -> impl Iterator<Item = HeaderName> {
        let presentations = self.accepted_tokens.iter().flat_map(|accepted| &accepted.presentations);
        let names = presentations.filter_map(|presentation| presentation.header.parse::<HeaderName>().ok());
        names.filter(|name| *name != AUTHORIZATION)
    }

    /// What a token for it can have: the scopes that it needs, and those by which rules allow more. Nobody who asks for
    /// nothing in particular gets the latter; a client is told to ask for them when it needs them (step-up).
    pub fn offered_scopes(&self) -> Scopes {
        let allowing = self.policy.rules().filter(|rule| rule.effect == Effect::Allow);
        let more = allowing.flat_map(|rule| rule.list(ListKind::Scopes).values());
        self.scopes.iter().cloned().chain(more.filter_map(|scope| Scope::parse(scope).ok())).collect()
    }

    /// Every server behind the route, to be changed.
    pub(crate) fn upstreams_mut(&mut self) -> impl Iterator<Item = &mut Upstream> {
        let (one, members) = match &mut self.servers {
            Servers::One(upstream) => (Some(upstream), [].as_mut_slice()),
            Servers::Federated(members) => (None, members.as_mut_slice()),
        };
        one.into_iter().chain(members.iter_mut().map(|member| &mut member.upstream))
    }

    /// The paths at which it is served: its own, those of the transport of 2024-11-05, and that of its metadata.
    pub fn served_paths(&self) -> [String; 4] {
        let path = self.path.as_str();
        let metadata = format!("{}{path}", OwnPath::ProtectedResourceMetadata.as_str());
        [path.to_owned(), format!("{path}{LEGACY_SSE}"), format!("{path}{LEGACY_MESSAGE}"), metadata]
    }

    /// The tools that its policy names, each by its whole name.
    pub fn named_tools(&self) -> impl Iterator<Item = String> {
        let patterns = self.policy.rules().flat_map(|rule| rule.list(ListKind::Tools).patterns());
        patterns.filter(|pattern| pattern.is_one_name()).map(|pattern| pattern.as_str().to_owned())
    }

    /// Every server behind the route.
    pub fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        let (one, members) = match &self.servers {
            Servers::One(upstream) => (Some(upstream), [].as_slice()),
            Servers::Federated(members) => (None, members.as_slice()),
        };
        one.into_iter().chain(members.iter().map(|member| &member.upstream))
    }
}

/// The prefix of a federation's member: 1 to 32 lower-case letters, digits and `-`, beginning with a letter.
///
/// Tools and prompts are called `PREFIX_NAME`: a prefix has no `_`, so the first one ends it. Resources get the prefix in
/// front of their scheme, `PREFIX+SCHEME:…`, which leaves a URI a URI (RFC 3986, section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if begins && text.len() <= 32 && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 32 lower-case letters, digits and -, and begin with a letter")
        }
    }

    /// The prefix, without what joins it to a name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A path of the gateway: `/` and visible characters that mean themselves, so that no two spellings name one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath(String);

impl RoutePath {
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
        if OwnPath::reserves(text) {
            return Err("is one of Gatehouse's own paths");
        }
        if matches!(segments().last(), Some("sse" | "message")) {
            return Err("must not end with /sse or /message: another route's older transport is there");
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
