//! What one MCP server is sent.

use gatehouse_configuration::Upstream;
use gatehouse_gateway::{Refusal, request_headers, target};
use gatehouse_protocol::SecretString;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use shell_http::outbound::{Limits, NoAnswer};
use shell_http::{Milliseconds, SystemEntropy};

use crate::bindings::gatehouse::auth::sessions;
use crate::exchange::{Caller, Exchange};
use crate::rejection;

/// Seconds. Between two events there may be silence for as long as nothing happens; Spin's own 10 minutes would cut
/// quiet streams. The limits of a route's streams are counted here, not by the host.
const BETWEEN_BYTES: u64 = 8 * 24 * 60 * 60;

/// `Accept` where the client does not say it: the server may answer either way.
pub(crate) const BOTH: &str = "application/json, text/event-stream";

/// A request to an MCP server, as far as it is not the client's own.
pub(crate) struct Call<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) method: Method,
    /// The server's own session id.
    pub(crate) session_id: Option<&'a str>,
    /// The server's own id of the last event that the client got.
    pub(crate) last_event_id: Option<&'a str>,
    /// `Mcp-Name`, where it is not the client's.
    pub(crate) mcp_name: Option<HeaderValue>,
    /// `Accept`, where it is not the client's.
    pub(crate) accept: Option<&'static str>,
    /// Whether we read what is answered: then it must not be compressed.
    pub(crate) is_read: bool,
    /// Another address than the configured one.
    pub(crate) target: Option<Uri>,
    pub(crate) body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A message, as it came.
    pub(crate) fn passed_on(upstream: &'a Upstream, body: Vec<u8>) -> Self {
        Self {
            upstream,
            method: Method::POST,
            session_id: None,
            last_event_id: None,
            mcp_name: None,
            accept: None,
            is_read: false,
            target: None,
            body,
        }
    }

    /// A message of ours, or one that we have changed.
    pub(crate) fn posted(upstream: &'a Upstream, body: Vec<u8>) -> Self {
        Self { is_read: true, ..Self::passed_on(upstream, body) }
    }

    /// A question for the server's stream.
    pub(crate) fn listening(upstream: &'a Upstream) -> Self {
        Self { method: Method::GET, is_read: true, ..Self::passed_on(upstream, Vec::new()) }
    }

    /// The end of a session.
    pub(crate) fn end_of_session(upstream: &'a Upstream, session_id: Option<&'a str>) -> Self {
        Self { method: Method::DELETE, session_id, ..Self::passed_on(upstream, Vec::new()) }
    }
}

/// The request to `call.upstream` in the caller's name.
///
/// # Errors
/// Where something that the server needs is not there.
pub(crate) fn request(exchange: &Exchange<'_>, caller: &Caller, call: Call<'_>) -> Result<Request<Vec<u8>>, Refusal> {
    let secrets = secrets(call.upstream)?;
    // Asked for last, when nothing else is left to refuse: it may have to be refreshed.
    let identity_provider_token = identity_provider_token(exchange, caller, call.upstream)?;
    let own = request_headers::Own {
        method: &call.method,
        body_length: call.body.len(),
        subject: &caller.principal.subject,
        request_id: &exchange.request_id,
        hop: &exchange.trace.hop(&mut SystemEntropy),
        session_id: call.session_id,
        last_event_id: call.last_event_id,
        mcp_name: call.mcp_name.as_ref(),
        accept: call.accept,
        reads_answer: call.is_read,
        secrets: &secrets,
        identity_provider_token: identity_provider_token.as_ref(),
    };
    let headers = request_headers::forwarded(exchange.head.headers(), call.upstream, &own)?;
    let mut outgoing = Request::new(call.body);
    *outgoing.method_mut() = call.method;
    *outgoing.uri_mut() = match call.target {
        Some(target) => target,
        None => target(&exchange.endpoint, call.upstream, exchange.head.uri())?,
    };
    *outgoing.headers_mut() = headers;
    Ok(outgoing)
}

/// How long the server may take to answer.
pub(crate) fn limits(upstream: &Upstream) -> Limits {
    Limits {
        connect_seconds: upstream.timeouts.connect,
        first_byte_seconds: upstream.timeouts.answer,
        between_bytes_seconds: BETWEEN_BYTES,
    }
}

/// The same for a stream that only listens: it may be silent from its start, and some servers send their head only with
/// the first event.
pub(crate) fn listening_limits(upstream: &Upstream) -> Limits {
    Limits { first_byte_seconds: BETWEEN_BYTES, ..limits(upstream) }
}

/// The same for the end of a session, which takes no server long: a host finishes what is short for a client that has gone.
pub(crate) fn parting_limits(upstream: &Upstream) -> Limits {
    Limits {
        connect_seconds: upstream.timeouts.connect.min(Limits::SHORT.connect_seconds),
        first_byte_seconds: upstream.timeouts.answer.min(Limits::SHORT.first_byte_seconds),
        ..Limits::SHORT
    }
}

/// The time after which a server has not answered, should the host not say so.
pub(crate) fn longest(upstream: &Upstream) -> Milliseconds {
    upstream.timeouts.connect.saturating_add(upstream.timeouts.answer).saturating_add(1).saturating_mul(1000)
}

/// What a server that gave no answer means to the client.
pub(crate) fn no_answer(reason: &NoAnswer) -> Refusal {
    match reason {
        NoAnswer::TimedOut => Refusal::UpstreamTimedOut,
        NoAnswer::Address | NoAnswer::NotAllowed | NoAnswer::Prohibited | NoAnswer::Failed(_) | NoAnswer::TooLarge => {
            Refusal::UpstreamUnreachable(reason.to_string())
        }
    }
}

fn secrets(upstream: &Upstream) -> Result<Vec<(HeaderName, SecretString)>, Refusal> {
    let secrets = upstream.secret_headers.iter();
    let secrets = secrets.map(|(name, secret)| Ok((name.clone(), shell_settings::secret(secret)?)));
    secrets
        .collect::<Result<_, shell_settings::SettingsError>>()
        .map_err(|error| Refusal::Unavailable(error.to_string()))
}

fn identity_provider_token(
    exchange: &Exchange<'_>,
    caller: &Caller,
    upstream: &Upstream,
) -> Result<Option<SecretString>, Refusal> {
    if !request_headers::needs_identity_provider_token(upstream) {
        return Ok(None);
    }
    let ids = sessions::RequestIds {
        request_id: exchange.request_id.to_string(),
        trace_id: Some(exchange.trace.id().to_owned()),
    };
    sessions::identity_provider_token(caller.token.expose(), &exchange.endpoint.resource(), &ids)
        .map(|token| token.map(SecretString::new))
        .map_err(rejection::of_token)
}
