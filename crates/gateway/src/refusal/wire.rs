//! What the client gets of a refusal.

use std::borrow::Cow;

use gatehouse_configuration::AcceptedTokens;
use gatehouse_federation::FailureReason;
use gatehouse_mcp_wire::json_rpc::{Body, Id, Message, Object, Reply, code};
use gatehouse_protocol::Scopes;
use http::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::listed;
use crate::before_routing::RETRY_AFTER_SECONDS;
use crate::browser_session::sign_in_location;
use crate::challenge::{ErrorCode, challenge, key_challenge};
use crate::protection::protect;
use crate::{Endpoint, LongRequestLimit, NeededLink, NoApiKey, NoBackendToken, NoBearer, Refusal};

impl Refusal {
    /// The answer for the client of `endpoint`, to the request with this `id` where one could be read. It still needs
    /// [`crate::allow_cross_origin`] and [`crate::response_headers::mark`].
    ///
    /// It always holds an error of JSON-RPC: an answer of 400 or 404 without one has clients fall back to an older
    /// transport.
    pub fn response(&self, endpoint: &Endpoint<'_>, id: Option<&Id>) -> Response<Vec<u8>> {
        let status = match self.of_failed_tokens(endpoint) {
            Some(accepted) if accepted.fails_with_forbidden => StatusCode::FORBIDDEN,
            _ => self.status(id.is_some()),
        };
        self.with_body(endpoint, status, &self.reply(endpoint, id).to_object().to_string())
    }

    /// The answer to what was posted: to a batch, one error for each of its requests.
    pub fn response_to(&self, endpoint: &Endpoint<'_>, body: &Body) -> Response<Vec<u8>> {
        let id_of = |message: &Message| match message {
            Message::Request(call) => call.id.clone(),
            Message::Notification(_) | Message::Response(_) => None,
        };
        let ids: Vec<_> = body.messages().iter().filter_map(id_of).collect();
        match (body, ids.as_slice()) {
            (Body::Single(_), ids) => self.response(endpoint, ids.first()),
            (Body::Batch(_), []) => self.response(endpoint, None),
            (Body::Batch(_), ids) => {
                let replies = ids.iter().map(|id| Message::from(self.reply(endpoint, Some(id)))).collect();
                self.with_body(endpoint, self.status(true), &Body::Batch(replies).to_string())
            }
        }
    }

    /// The message alone, for a stream that has already begun.
    pub fn reply(&self, endpoint: &Endpoint<'_>, id: Option<&Id>) -> Reply {
        if let Some(reply) = self.needed_link().and_then(|link| link.reply(&self.server(endpoint), id)) {
            return reply;
        }
        match (self.for_the_model(), id) {
            (Some(result), Some(id)) => Reply::result(id.clone(), result),
            _ => Reply::error::<()>(id.cloned(), self.kind().code, &self.message(endpoint), None),
        }
    }

    fn with_body(&self, endpoint: &Endpoint<'_>, status: StatusCode, body: &str) -> Response<Vec<u8>> {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        protect(headers);
        self.add_headers(endpoint, headers);
        response
    }

    /// What a client may do about it.
    fn add_headers(&self, endpoint: &Endpoint<'_>, headers: &mut HeaderMap) {
        let required = || endpoint.required_scopes().cloned().collect::<Scopes>();
        let with = |code, scopes: &Scopes| challenge(endpoint, Some((code, &self.message(endpoint))), scopes);
        let (name, value) = match self {
            Self::Method => (ALLOW, HeaderValue::from_static(endpoint.methods())),
            Self::MustSignIn => match HeaderValue::from_str(&sign_in_location(endpoint)) {
                Ok(location) => (LOCATION, location),
                Err(_) => return,
            },
            Self::OnlyPost => (ALLOW, HeaderValue::from_static("POST, OPTIONS")),
            Self::NoBearer(NoBearer::Missing | NoBearer::KeyInstead) => {
                (WWW_AUTHENTICATE, challenge(endpoint, None, &required()))
            }
            Self::NoApiKey(NoApiKey::Missing | NoApiKey::TokenInstead | NoApiKey::Malformed)
            | Self::InvalidApiKey(_) => match &endpoint.route.api_keys {
                Some(keys) if !endpoint.route.takes_tokens() => {
                    (WWW_AUTHENTICATE, key_challenge(endpoint, &keys.header))
                }
                // One challenge, and the one that clients read: they know no other scheme.
                Some(_) | None => (WWW_AUTHENTICATE, challenge(endpoint, None, &required())),
            },
            Self::TooManyWrongApiKeys { retry_after } => (RETRY_AFTER, (*retry_after).into()),
            Self::NoBearer(NoBearer::Doubled | NoBearer::Malformed) => {
                (WWW_AUTHENTICATE, with(ErrorCode::InvalidRequest, &required()))
            }
            Self::InvalidToken(_) => (WWW_AUTHENTICATE, with(ErrorCode::InvalidToken, &required())),
            Self::InsufficientScope(scopes) => (WWW_AUTHENTICATE, with(ErrorCode::InsufficientScope, scopes)),
            // RFC 9110, section 15.5.16.
            Self::MediaType => (ACCEPT, HeaderValue::from_static("application/json")),
            Self::ContentEncoding => (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            Self::TooManyRequests { retry_after, fields } => {
                headers.extend(fields.clone());
                (RETRY_AFTER, (*retry_after).into())
            }
            Self::TooManyLongRequests(_) => (RETRY_AFTER, LongRequestLimit::RETRY_AFTER.into()),
            Self::UpstreamBusy { retry_after } => (RETRY_AFTER, (*retry_after).into()),
            Self::Unavailable(_) | Self::NoBackendToken(NoBackendToken::Unavailable, _) => {
                (RETRY_AFTER, RETRY_AFTER_SECONDS.into())
            }
            Self::AtMember { refusal, .. } => return refusal.add_headers(endpoint, headers),
            Self::Origin
            | Self::OriginMethod
            | Self::Network(_)
            | Self::NoApiKey(NoApiKey::Doubled | NoApiKey::Ambiguous)
            | Self::NobodySignedIn
            | Self::ClientNotAllowed
            | Self::Denied
            | Self::NoProviderToken(_)
            | Self::LinkNeeded(_)
            | Self::NoAccount
            | Self::NoBackendToken(..)
            | Self::IdentityTooLarge
            | Self::TooManyHeaders
            | Self::DoubledHeader(_)
            | Self::BodyTooLarge
            | Self::BodyTooLargeForMembers
            | Self::BodyBroken
            | Self::Unparsable(_)
            | Self::HeaderMismatch(_)
            | Self::WrongRevision(_)
            | Self::BatchNotAllowed
            | Self::UnknownSession
            | Self::UnknownEvent
            | Self::MethodNotFound(_)
            | Self::InvalidParams(_)
            | Self::InvalidArguments { .. }
            | Self::UpstreamUnreachable(_)
            | Self::UpstreamMalformed(_)
            | Self::UpstreamBrokeOff
            | Self::UpstreamTooLarge
            | Self::UpstreamUnauthorized
            | Self::UpstreamRedirects
            | Self::UpstreamVersion(_)
            | Self::MembersFailed(_)
            | Self::UpstreamTimedOut => return,
        };
        headers.insert(name, value);
    }

    /// What is no failure of the transport is told in an answer like any other, where somebody waits for one. "If the
    /// server cannot accept" a notification or a response, "it MUST return an HTTP error status code".
    fn status(&self, is_awaited: bool) -> StatusCode {
        let kind = self.kind();
        if kind.is_in_band && is_awaited { StatusCode::OK } else { kind.status }
    }

    /// What the route says of requests without a token that counts.
    fn of_failed_tokens<'a>(&self, endpoint: &Endpoint<'a>) -> Option<&'a AcceptedTokens> {
        match self {
            Self::NoBearer(NoBearer::Missing | NoBearer::KeyInstead) | Self::InvalidToken(_) => {
                endpoint.route.accepted_tokens.as_deref()
            }
            _ => None,
        }
    }

    fn kind(&self) -> Kind {
        use StatusCode as Status;
        match self {
            Self::MustSignIn => Kind::of(Status::FOUND),
            Self::Origin
            | Self::OriginMethod
            | Self::Network(_)
            | Self::NobodySignedIn
            | Self::ClientNotAllowed
            | Self::InsufficientScope(_)
            | Self::NoProviderToken(_)
            | Self::NoAccount
            | Self::NoBackendToken(NoBackendToken::RefusedUser | NoBackendToken::UserAction, _)
            | Self::IdentityTooLarge => Kind::of(Status::FORBIDDEN),
            Self::Denied | Self::LinkNeeded(_) => Kind::of(Status::FORBIDDEN).in_band(),
            Self::Method | Self::OnlyPost => Kind::of(Status::METHOD_NOT_ALLOWED),
            Self::NoBearer(NoBearer::Missing | NoBearer::KeyInstead) | Self::InvalidToken(_) => {
                Kind::of(Status::UNAUTHORIZED)
            }
            Self::NoApiKey(NoApiKey::Missing | NoApiKey::TokenInstead | NoApiKey::Malformed)
            | Self::InvalidApiKey(_) => Kind::of(Status::UNAUTHORIZED),
            Self::TooManyHeaders => Kind::of(Status::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Self::MediaType | Self::ContentEncoding => Kind::of(Status::UNSUPPORTED_MEDIA_TYPE),
            Self::BodyTooLarge | Self::BodyTooLargeForMembers => Kind::of(Status::PAYLOAD_TOO_LARGE),
            Self::TooManyLongRequests(LongRequestLimit::All) => {
                Kind::with(Status::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR)
            }
            Self::TooManyWrongApiKeys { .. } => Kind::of(Status::TOO_MANY_REQUESTS),
            Self::TooManyRequests { .. } | Self::TooManyLongRequests(_) => Kind::of(Status::TOO_MANY_REQUESTS),
            Self::NoBearer(NoBearer::Doubled | NoBearer::Malformed)
            | Self::NoApiKey(NoApiKey::Doubled | NoApiKey::Ambiguous)
            | Self::DoubledHeader(_)
            | Self::BodyBroken
            | Self::WrongRevision(_)
            | Self::BatchNotAllowed
            | Self::UnknownEvent => Kind::with(Status::BAD_REQUEST, code::INVALID_REQUEST),
            Self::Unparsable(unparsable) => Kind::with(Status::BAD_REQUEST, unparsable.code()),
            Self::HeaderMismatch(_) => Kind::with(Status::BAD_REQUEST, code::HEADER_MISMATCH),
            Self::InvalidParams(_) | Self::InvalidArguments { .. } => {
                Kind::with(Status::BAD_REQUEST, code::INVALID_PARAMS).in_band()
            }
            // As the TypeScript SDK's server says it.
            Self::UnknownSession => Kind::with(Status::NOT_FOUND, code::SESSION_NOT_FOUND),
            Self::MethodNotFound(revision) if revision.is_stateless => {
                Kind::with(Status::NOT_FOUND, code::METHOD_NOT_FOUND)
            }
            Self::MethodNotFound(_) => Kind::with(Status::NOT_FOUND, code::METHOD_NOT_FOUND).in_band(),
            Self::Unavailable(_) | Self::NoBackendToken(NoBackendToken::Unavailable, _) | Self::UpstreamBusy { .. } => {
                Kind::with(Status::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR)
            }
            Self::UpstreamUnreachable(_)
            | Self::UpstreamMalformed(_)
            | Self::UpstreamBrokeOff
            | Self::UpstreamTooLarge
            | Self::UpstreamUnauthorized
            | Self::NoBackendToken(NoBackendToken::RefusedGateway, _)
            | Self::UpstreamRedirects => Kind::with(Status::BAD_GATEWAY, code::INTERNAL_ERROR),
            Self::UpstreamVersion(_) => Kind::with(Status::BAD_GATEWAY, code::INTERNAL_ERROR).in_band(),
            Self::MembersFailed(members) if is_late(members) => {
                Kind::with(Status::GATEWAY_TIMEOUT, code::INTERNAL_ERROR)
            }
            Self::MembersFailed(_) => Kind::with(Status::BAD_GATEWAY, code::INTERNAL_ERROR),
            Self::UpstreamTimedOut => Kind::with(Status::GATEWAY_TIMEOUT, code::INTERNAL_ERROR),
            Self::AtMember { refusal, .. } => refusal.kind(),
        }
    }

    /// A call's result with `isError`, which the client shows to its model, where the revision has it so.
    fn for_the_model(&self) -> Option<Object> {
        let (detail, revision) = match self {
            Self::InvalidArguments { detail, revision } => (detail, revision),
            Self::AtMember { refusal, .. } => return refusal.for_the_model(),
            _ => return None,
        };
        let mut result = Object::new();
        if revision.is_stateless {
            result.set("resultType", "complete");
        }
        result.set("content", &json!([{ "type": "text", "text": invalid_arguments(detail) }]));
        result.set("isError", &true);
        revision.tool_errors_in_result.then_some(result)
    }

    fn needed_link(&self) -> Option<&NeededLink> {
        match self {
            Self::LinkNeeded(link) => Some(link),
            Self::AtMember { refusal, .. } => refusal.needed_link(),
            _ => None,
        }
    }

    /// The server that is meant, as people read it; never an address.
    fn server(&self, endpoint: &Endpoint<'_>) -> String {
        match self {
            Self::AtMember { prefix, .. } => format!("The MCP server {} at {}", prefix.as_str(), endpoint.path()),
            _ => format!("The MCP server at {}", endpoint.path()),
        }
    }

    fn message<'a>(&'a self, endpoint: &Endpoint<'a>) -> Cow<'a, str> {
        self.message_of(endpoint, &self.server(endpoint))
    }

    /// `server` names the route, and the member where there is one; never an address.
    fn message_of<'a>(&'a self, endpoint: &Endpoint<'a>, server: &str) -> Cow<'a, str> {
        if let Some(message) = self.of_failed_tokens(endpoint).and_then(|accepted| accepted.failed_message.as_deref()) {
            return message.into();
        }
        let path = endpoint.path();
        let limits = &endpoint.route.limits;
        match self {
            Self::Origin | Self::OriginMethod => "This Origin is not allowed".into(),
            Self::Network(_) => "This address is not allowed".into(),
            Self::Method | Self::OnlyPost => "Method not allowed".into(),
            Self::NoBearer(NoBearer::Missing) => "Authorization is required".into(),
            Self::NoBearer(NoBearer::KeyInstead) => {
                "Authorization is required: an access token, because no API key is accepted here".into()
            }
            Self::NoApiKey(reason) => no_api_key(*reason, endpoint).into(),
            Self::InvalidApiKey(_) => "The API key is invalid or has expired".into(),
            Self::TooManyWrongApiKeys { .. } => format!("Too many wrong API keys at {path}").into(),
            Self::NoBearer(NoBearer::Doubled) => "Only one Authorization header is allowed".into(),
            Self::NoBearer(NoBearer::Malformed) => "The Authorization header is malformed".into(),
            Self::InvalidToken(_) => "The access token is invalid or has expired".into(),
            Self::InsufficientScope(_) => "The access token lacks a scope that is needed here".into(),
            Self::NobodySignedIn | Self::MustSignIn => "Sign in first".into(),
            Self::ClientNotAllowed => "This client is not allowed here".into(),
            Self::Denied => "You are not allowed to do this here".into(),
            Self::NoProviderToken(_) => format!("{server} needs a user who has signed in with a browser: there is no token of the identity provider for you").into(),
            Self::NoAccount => format!("{server} needs a user who has signed in").into(),
            Self::LinkNeeded(link) => link.text(server).into(),
            Self::NoBackendToken(why, _) => match why {
                NoBackendToken::RefusedUser => format!("{server} may not be used in your name"),
                NoBackendToken::UserAction => {
                    format!(
                        "{server} may not be used in your name until you sign in anew, or consent, at your organization"
                    )
                }
                NoBackendToken::RefusedGateway => {
                    format!("{server} cannot be used: this gateway gets no credentials for it")
                }
                NoBackendToken::Unavailable => {
                    format!("{server} cannot be used at the moment: there are no credentials for it")
                }
            }
            .into(),
            Self::IdentityTooLarge => {
                format!("{server} cannot be told who you are: you have too many groups or roles").into()
            }
            Self::TooManyHeaders => format!("More than the {} header fields allowed at {path}", limits.headers).into(),
            Self::DoubledHeader(name) => format!("Only one {name} header is allowed").into(),
            Self::MediaType => "The Content-Type must be application/json in UTF-8".into(),
            Self::ContentEncoding => "The body must not be compressed".into(),
            Self::BodyTooLarge => {
                format!("The request is larger than the {} bytes allowed at {path}", limits.request_bytes).into()
            }
            Self::BodyTooLargeForMembers => {
                format!("The request is too large to be sent to all MCP servers at {path}").into()
            }
            Self::BodyBroken => "The request is incomplete".into(),
            Self::Unparsable(unparsable) => format!("The request cannot be read: {unparsable}").into(),
            Self::HeaderMismatch(text) => format!("Header mismatch: {text}").into(),
            Self::WrongRevision(text) => (*text).into(),
            Self::BatchNotAllowed => "A batch of messages is not allowed here".into(),
            Self::UnknownSession => "Session not found".into(),
            Self::UnknownEvent => "The Last-Event-ID is unknown".into(),
            Self::MethodNotFound(_) => "Method not found".into(),
            Self::InvalidParams(text) => text.as_ref().into(),
            Self::InvalidArguments { detail, .. } => invalid_arguments(detail).into(),
            Self::TooManyRequests { .. } => format!("Too many requests at {path}").into(),
            Self::TooManyLongRequests(limit) => match limit {
                LongRequestLimit::StreamsOfSubject => {
                    format!("More than the {} open streams allowed at {path}", limits.streams_per_subject).into()
                }
                LongRequestLimit::CallsOfSubject => {
                    format!("More than the {} calls at once allowed at {path}", limits.calls_per_subject).into()
                }
                LongRequestLimit::AllOfSubject => {
                    let most = endpoint.configuration.long_requests_of_subject();
                    format!("More than the {most} open streams and calls at once allowed to one user").into()
                }
                // How many others may have is not theirs to know.
                LongRequestLimit::StreamsOfRoute => format!("Too many streams are open at {path}").into(),
                LongRequestLimit::CallsOfRoute => format!("Too many calls are under way at {path}").into(),
                LongRequestLimit::All => "Too many requests are under way at this gateway".into(),
            },
            Self::Unavailable(_) => "The gateway cannot answer at the moment".into(),
            Self::UpstreamUnreachable(_) => format!("{server} cannot be reached").into(),
            Self::UpstreamMalformed(_) => format!("{server} gave an answer that cannot be passed on").into(),
            Self::UpstreamBrokeOff => format!("{server} did not finish its answer").into(),
            Self::UpstreamTooLarge => format!("{server} gave an answer that is too large to be passed on").into(),
            Self::UpstreamUnauthorized => format!("{server} does not accept this gateway's credentials").into(),
            Self::UpstreamBusy { retry_after } => {
                format!("{server} is busy; it asks to try again in {retry_after} seconds").into()
            }
            Self::UpstreamRedirects => format!("{server} redirects to another address").into(),
            Self::UpstreamTimedOut => format!("{server} did not answer in time").into(),
            Self::UpstreamVersion(revision) => format!("{server} does not speak MCP {}", revision.version).into(),
            Self::MembersFailed(members) => {
                format!("No MCP server at {path} gave an answer: {}", listed(members)).into()
            }
            Self::AtMember { refusal, .. } => refusal.message_of(endpoint, &self.server(endpoint)),
        }
    }
}

/// How a refusal is told.
#[derive(Clone, Copy)]
struct Kind {
    status: StatusCode,
    code: i32,
    /// Whether it is told as the answer to a request, with 200, where there is one.
    is_in_band: bool,
}

impl Kind {
    /// For which neither JSON-RPC nor MCP has a code: the status is the code. -32000 to -32019 are for nobody any more (MCP
    /// 2026-07-28, "Error Codes"), and the TypeScript SDK takes two of them for errors of its own.
    fn of(status: StatusCode) -> Self {
        Self::with(status, status.as_u16().into())
    }

    fn with(status: StatusCode, code: i32) -> Self {
        Self { status, code, is_in_band: false }
    }

    fn in_band(self) -> Self {
        Self { is_in_band: true, ..self }
    }
}

/// Whether time was all that was missing.
fn is_late(members: &[(String, FailureReason)]) -> bool {
    !members.is_empty() && members.iter().all(|(_, reason)| *reason == FailureReason::TooLate)
}

/// What the caller has mixed up. It says nothing of what they have shown.
fn no_api_key(reason: NoApiKey, endpoint: &Endpoint<'_>) -> String {
    let header = endpoint.route.api_keys.as_ref().map_or("", |keys| keys.header.as_str());
    match reason {
        NoApiKey::Missing => format!("An API key is required in the header {header}"),
        NoApiKey::TokenInstead => {
            format!("An API key is required in the header {header}: no bearer token is accepted here")
        }
        NoApiKey::Doubled => format!("Only one {header} header is allowed"),
        NoApiKey::Ambiguous => format!("Only one of Authorization and {header} is allowed"),
        NoApiKey::Malformed => "The API key is invalid or has expired".to_owned(),
    }
}

fn invalid_arguments(detail: &str) -> String {
    format!("The arguments do not fit the tool's input schema: {detail}")
}
