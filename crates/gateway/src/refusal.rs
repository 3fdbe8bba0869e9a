//! Every way in which the gateway itself says no: one text for the client, one for the log.

mod wire;

use std::borrow::Cow;

use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::Prefix;
use gatehouse_federation::FailureReason;
use gatehouse_mcp_wire::json_rpc::Unparsable;
use gatehouse_protocol::Scopes;
use http::{HeaderMap, HeaderName};

use crate::{NeededLink, NoApiKey, NoBearer, ProtocolRevision};

/// Why the gateway answers in place of the upstream. Where a variant holds a text, it is for the log and never for the
/// wire, unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A web page that may not call us: 403.
    Origin,
    /// A web page that may call us, with a method that it may not use: 403.
    OriginMethod,
    /// An address from which the endpoint may not be reached: 403, with why. What nobody may reach, nobody is told of.
    Network(String),
    /// A method that means nothing at this endpoint: 405.
    Method,
    /// A GET or DELETE of 2026-07-28, which has only POST: 405.
    OnlyPost,
    /// No usable bearer token: 401 without an error code, or 400 `invalid_request`.
    NoBearer(NoBearer),
    /// No API key that could be looked for, at a route that takes keys: 401, or 400.
    NoApiKey(NoApiKey),
    /// The API key was not accepted: 401, the same for every reason.
    InvalidApiKey(&'static str),
    /// Further wrong API keys than the route answers in a minute: 429.
    TooManyWrongApiKeys {
        /// Seconds until the next minute.
        retry_after: u64,
    },
    /// Nothing is shown, where the route refuses that: 403.
    NobodySignedIn,
    /// A browser opens the endpoint as a page, and is not signed in: 302 to where it signs in.
    MustSignIn,
    /// The token was not accepted: 401 `invalid_token`, the same for every reason. 403, where the route says so.
    InvalidToken(Cow<'static, str>),
    /// The token lacks a scope: 403 `insufficient_scope`, with all the scopes that the next one should have. OAuth clients
    /// step up and try again. Made by [`crate::check_scopes`] and [`crate::denied`].
    InsufficientScope(Scopes),
    /// The client is none of those that are allowed at the route: 403. No other token of the same client would help.
    ClientNotAllowed,
    /// The policy denies it, and no scope would help: an error of JSON-RPC, in an answer of 200, which reaches whoever
    /// called. The TypeScript SDK makes of a 403 an error of the transport without what is in it, and version 2 fails its
    /// whole connection where the 403 is for `server/discover`.
    Denied,
    /// The server needs the identity provider's token for a user, and whoever asks has come in by a way that gives none: 403. What was shown
    /// is good: a 401 would have a machine get one new token after the other.
    NoProviderToken(CredentialKind),
    /// The caller has not linked the account in which the server acts, or the API takes the link no longer: told with where to link it.
    LinkNeeded(Box<NeededLink>),
    /// The server acts in an account that each user links, and somebody asks who cannot, such as a machine, or who has no session of
    /// ours, such as a user with a token of another issuer: 403.
    NoAccount,
    /// There is no token with which the server could be called. The text is for the log. Never 401, which would be said of the client's
    /// token, and never 400: the client has done nothing wrong.
    NoBackendToken(NoBackendToken, String),
    /// What the server is to be told of the caller has more bytes than it should get: 403, because nothing that the client could do helps.
    IdentityTooLarge,
    /// More header fields than the endpoint takes: 431.
    TooManyHeaders,
    /// A header that must be single is not: 400.
    DoubledHeader(HeaderName),
    /// The body is not said to be `application/json` in UTF-8: 415.
    MediaType,
    /// The body is compressed: 415.
    ContentEncoding,
    /// The body is larger than the endpoint takes: 413.
    BodyTooLarge,
    /// The body is larger than what can be sent to all members of a federation at once: 413.
    BodyTooLargeForMembers,
    /// The body broke off: 400.
    BodyBroken,
    /// The body is no message that everybody reads alike: 400, with what is wrong.
    Unparsable(Unparsable),
    /// The headers do not say what the body says: 400 and -32020 (MCP 2026-07-28), with the text.
    HeaderMismatch(Cow<'static, str>),
    /// A message that there is not in its revision or transport: 400, with the text.
    WrongRevision(&'static str),
    /// A batch where there are none: 400.
    BatchNotAllowed,
    /// A session or channel that does not open for this user: 404, after which clients start a new session.
    UnknownSession,
    /// A `Last-Event-ID` that was not given to this user in this session: 400.
    UnknownEvent,
    /// Nobody here has the method: -32601; in 2026-07-28 with 404.
    MethodNotFound(&'static ProtocolRevision),
    /// A request without what it needs, or for what nobody here has: -32602, with the text.
    InvalidParams(Cow<'static, str>),
    /// Arguments that do not fit the tool: told to the model or to the client, as the revision has it, with the text.
    InvalidArguments {
        /// Where and what, without the values.
        detail: String,
        /// The revision of the call.
        revision: &'static ProtocolRevision,
    },
    /// More often than a rate allows: 429.
    TooManyRequests {
        /// Seconds until it is allowed again.
        retry_after: u64,
        /// The RateLimit header fields.
        fields: HeaderMap,
    },
    /// As many requests last as may: 429, or 503 where they are everybody's.
    TooManyLongRequests(LongRequestLimit),
    /// Sessions, references, counters or a secret are not available: 503. Never 401, which would cost the client its tokens.
    Unavailable(String),
    /// The upstream cannot be reached: 502.
    UpstreamUnreachable(String),
    /// The upstream's answer cannot be passed on: 502.
    UpstreamMalformed(&'static str),
    /// The upstream's answer broke off: 502.
    UpstreamBrokeOff,
    /// The upstream's answer, or an event of it, must be read whole, and is larger than can be: 502.
    UpstreamTooLarge,
    /// The upstream does not accept the credentials that it gets: 502. Never 401, which would be said of the client's token.
    UpstreamUnauthorized,
    /// The upstream says when to come again, where its own answer cannot be passed on: 503.
    UpstreamBusy {
        /// Seconds until then.
        retry_after: u64,
    },
    /// The upstream redirects: 502.
    UpstreamRedirects,
    /// The upstream did not answer in time: 504.
    UpstreamTimedOut,
    /// No member of a federation gave an answer: 504 where all were late, else 502. Who, as people read it, and why.
    MembersFailed(Vec<(String, FailureReason)>),
    /// A member of a federation does not speak the version of MCP in which it was asked: told as the answer to the request.
    UpstreamVersion(&'static ProtocolRevision),
    /// What went wrong with one member of a federation. The wire names it by its prefix.
    AtMember {
        /// The member.
        prefix: Prefix,
        /// What went wrong.
        refusal: Box<Refusal>,
    },
}

/// Why there is no token with which a server could be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBackendToken {
    /// The token service refuses the user: 403.
    RefusedUser,
    /// The user has to sign in anew there, or to consent: 403.
    UserAction,
    /// The token service refuses the gateway: 502.
    RefusedGateway,
    /// The token service does not answer: 503.
    Unavailable,
}

/// Which requests last, as many as may: streams that are open, or calls that have waited for a server for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongRequestLimit {
    /// Streams of the subject, at the route.
    StreamsOfSubject,
    /// Streams of everybody, at the route.
    StreamsOfRoute,
    /// Calls of the subject, at the route.
    CallsOfSubject,
    /// Calls of everybody, at the route.
    CallsOfRoute,
    /// Whatever lasts, of the subject, at all routes.
    AllOfSubject,
    /// Whatever lasts, of everybody, at all routes.
    All,
}

impl LongRequestLimit {
    /// Seconds after which a client may try again. It is nobody's promise: who has a place keeps it for as long as needed.
    const RETRY_AFTER: u64 = 10;

    /// The key of the limit.
    fn key(self) -> &'static str {
        match self {
            Self::StreamsOfSubject => "limits.streams_per_subject",
            Self::StreamsOfRoute => "limits.streams_per_route",
            Self::CallsOfSubject => "limits.calls_per_subject",
            Self::CallsOfRoute => "limits.calls_per_route",
            Self::AllOfSubject => "a quarter of limits.long_requests",
            Self::All => "limits.long_requests",
        }
    }
}

impl Refusal {
    /// The same of one member of a federation; of the one without a prefix there is nothing to add.
    #[must_use]
    pub fn at_member(self, prefix: Option<&Prefix>) -> Self {
        match prefix {
            Some(prefix) => Self::AtMember { prefix: prefix.clone(), refusal: Box::new(self) },
            None => self,
        }
    }

    /// Whether it is only that one member of a federation cannot be called, for want of a token: then the others answer. Where the token
    /// that the client has shown is the reason, it is no member's failure.
    pub fn is_missing_token(&self) -> bool {
        match self {
            Self::NoBackendToken(..) | Self::NoProviderToken(_) => true,
            Self::AtMember { refusal, .. } => refusal.is_missing_token(),
            _ => false,
        }
    }

    /// The reason in words, for the log.
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::Origin => "the Origin is not allowed; see allowed_origins and the route's cors".into(),
            Self::OriginMethod => "pages of this Origin may not use the method; see the route's cors.methods".into(),
            Self::Network(reason) => reason.as_str().into(),
            Self::Method => "the endpoint has no such method".into(),
            Self::OnlyPost => "MCP 2026-07-28 has only POST".into(),
            Self::NoBearer(reason) => reason.to_string().into(),
            Self::NoApiKey(reason) => reason.to_string().into(),
            Self::InvalidApiKey(reason) => format!("the API key is {reason}").into(),
            Self::TooManyWrongApiKeys { .. } => "the API key is wrong, as too many were in this minute".into(),
            Self::NobodySignedIn => "nothing is shown, and the route refuses that (unauthenticated)".into(),
            Self::MustSignIn => "the browser is not signed in, and is sent to sign in".into(),
            Self::InvalidToken(reason) => format!("the token is {reason}").into(),
            Self::InsufficientScope(_) => "the token lacks a scope".into(),
            Self::Denied => "the policy denies it".into(),
            Self::ClientNotAllowed => "the client is none of the route's allowed_clients".into(),
            Self::NoProviderToken(CredentialKind::OwnToken) => {
                "nobody has signed in for the session (a machine, a workload, an identity assertion or an exchanged token began it), and the \
                 server needs a user's token of the identity provider (identity_provider_token_header, backend_token)"
                    .into()
            }
            Self::NoProviderToken(_) => {
                "the server needs a user's token of the identity provider (identity_provider_token_header, backend_token), which is there only for \
                 users with a token of Gatehouse's own"
                    .into()
            }
            Self::LinkNeeded(link) => format!("the caller has no account linked that can be used at {}", link.connection).into(),
            Self::NoAccount => "the server acts in an account that each user links (connections), and the caller is no user with a session of Gatehouse's own".into(),
            Self::NoBackendToken(_, reason) => format!("there is no token for the server: {reason}").into(),
            Self::IdentityTooLarge => {
                "what the server is told of the caller has more bytes than identity_headers.bytes (groups, roles)".into()
            }
            Self::TooManyHeaders => "there are more header fields than limits.headers".into(),
            Self::DoubledHeader(name) => format!("{name} is given more than once").into(),
            Self::MediaType => "the Content-Type is not application/json in UTF-8".into(),
            Self::ContentEncoding => "the body is compressed".into(),
            Self::BodyTooLarge => "the body is larger than request_bytes".into(),
            Self::BodyTooLargeForMembers => "the body is too large to be sent to all members at once".into(),
            Self::BodyBroken => "the body broke off".into(),
            Self::Unparsable(reason) => reason.to_string().into(),
            Self::HeaderMismatch(text) => text.as_ref().into(),
            Self::WrongRevision(text) => (*text).into(),
            Self::BatchNotAllowed => "a batch comes where the revision or the route has none".into(),
            Self::UnknownSession => "the session was not given to this user here".into(),
            Self::UnknownEvent => "the Last-Event-ID was not given to this user in this session".into(),
            Self::MethodNotFound(_) => "nobody here has the method".into(),
            Self::InvalidParams(text) => text.as_ref().into(),
            Self::InvalidArguments { .. } => "the arguments do not fit the tool".into(),
            Self::TooManyRequests { .. } => "a rate is exceeded".into(),
            Self::TooManyLongRequests(limit) => format!("as many requests last as {} allows", limit.key()).into(),
            Self::Unavailable(reason) | Self::UpstreamUnreachable(reason) => reason.as_str().into(),
            Self::UpstreamMalformed(reason) => format!("the upstream's answer cannot be passed on: {reason}").into(),
            Self::UpstreamBrokeOff => "the upstream's answer broke off".into(),
            Self::UpstreamTooLarge => "the upstream's answer is too large to be rewritten".into(),
            Self::UpstreamUnauthorized => {
                "the upstream answers 401 or 407: it does not accept the secret_headers, or the user's token that it gets"
                    .into()
            }
            Self::UpstreamBusy { .. } => "the upstream asks to come again later".into(),
            Self::UpstreamRedirects => {
                "the upstream redirects; its url should be the address that it redirects to".into()
            }
            Self::UpstreamTimedOut => "the upstream did not answer in time".into(),
            Self::UpstreamVersion(revision) => format!("the upstream does not speak MCP {}", revision.version).into(),
            Self::MembersFailed(members) => format!("no member gave an answer: {}", listed(members)).into(),
            Self::AtMember { prefix, refusal } => format!("{}: {}", prefix.as_str(), refusal.reason()).into(),
        }
    }
}

/// Members and why they gave no answer, as a list.
fn listed(members: &[(String, FailureReason)]) -> String {
    let mut text = String::new();
    for (label, reason) in members {
        let before = if text.is_empty() { "" } else { "; " };
        let label = if label.is_empty() { "the one without a prefix" } else { label };
        for part in [before, label, " ", reason.as_str()] {
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests;
