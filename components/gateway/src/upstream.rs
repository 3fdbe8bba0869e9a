//! What one MCP server is sent.

use gatehouse_configuration::Upstream;
use gatehouse_mcp::{Refusal, request_headers, target};
use gatehouse_protocol::SecretString;
use http::header::ACCEPT_ENCODING;
use http::{HeaderName, HeaderValue, Method, Request};
use http_shell::outbound::{Limits, NoAnswer};
use http_shell::{Milliseconds, SystemEntropy};

use crate::bindings::gatehouse::auth::sessions;
use crate::exchange::{Caller, Exchange};
use crate::rejection;

/// Seconds. Between two events there may be silence for as long as nothing happens; Spin's own 10 minutes would cut
/// quiet streams. The limits of a route's streams are counted here, not by the host.
const BETWEEN_BYTES: u64 = 8 * 24 * 60 * 60;

/// A request to an MCP server, as far as it is not the client's own.
pub(crate) struct Call<'a> {
    pub(crate) upstream: &'a Upstream,
    pub(crate) method: Method,
    /// The server's own session id.
    pub(crate) session_id: Option<&'a str>,
    /// Headers in place of the client's.
    pub(crate) replaced: Vec<(HeaderName, Option<HeaderValue>)>,
    /// Whether we read what is answered: then it must not be compressed.
    pub(crate) is_read: bool,
    pub(crate) body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// The client's own request, passed on.
    pub(crate) fn passed_on(upstream: &'a Upstream, exchange: &Exchange<'_>, body: Vec<u8>) -> Self {
        let method = exchange.head.method().clone();
        Self { upstream, method, session_id: None, replaced: Vec::new(), is_read: false, body }
    }

    /// A message of ours, or one that we have changed.
    pub(crate) fn posted(upstream: &'a Upstream, body: Vec<u8>) -> Self {
        Self { upstream, method: Method::POST, session_id: None, replaced: Vec::new(), is_read: true, body }
    }

    /// A question for the server's stream.
    pub(crate) fn listening(upstream: &'a Upstream) -> Self {
        Self { method: Method::GET, ..Self::posted(upstream, Vec::new()) }
    }

    /// The end of a session.
    pub(crate) fn end_of_session(upstream: &'a Upstream, session_id: &'a str) -> Self {
        Self { method: Method::DELETE, session_id: Some(session_id), ..Self::posted(upstream, Vec::new()) }
    }
}

/// The request to `call.upstream` in the caller's name.
///
/// # Errors
/// Where something that the server needs is not there.
pub(crate) fn request(
    exchange: &Exchange<'_>,
    caller: &Caller,
    call: Call<'_>,
) -> Result<Request<Vec<u8>>, Refusal> {
    let secrets = secrets(call.upstream)?;
    // Asked for last, when nothing else is left to refuse: it may have to be refreshed.
    let identity_provider_token = identity_provider_token(exchange, caller, call.upstream)?;
    let own = request_headers::Own {
        subject: &caller.principal.subject,
        session_id: call.session_id,
        secrets: &secrets,
        identity_provider_token: identity_provider_token.as_ref(),
        body_length: call.body.len(),
    };
    let mut headers = request_headers::forwarded(exchange.head, call.upstream, &own)?;
    for (name, value) in call.replaced {
        headers.remove(&name);
        headers.extend(value.map(|value| (name, value)));
    }
    if call.is_read {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let mut outgoing = Request::new(call.body);
    *outgoing.method_mut() = call.method;
    *outgoing.uri_mut() = target(call.upstream, exchange.head.uri())?;
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

/// The time after which a server has not answered, should the host not say so.
pub(crate) fn longest(upstream: &Upstream) -> Milliseconds {
    upstream.timeouts.connect.saturating_add(upstream.timeouts.answer).saturating_add(1).saturating_mul(1000)
}

/// What a server that gave no answer means to the client.
pub(crate) fn no_answer(reason: &NoAnswer) -> Refusal {
    match reason {
        NoAnswer::TimedOut => Refusal::UpstreamTimedOut,
        NoAnswer::Address | NoAnswer::NotAllowed | NoAnswer::Failed(_) | NoAnswer::TooLarge => {
            Refusal::UpstreamUnreachable(reason.to_string())
        }
    }
}

fn secrets(upstream: &Upstream) -> Result<Vec<(HeaderName, SecretString)>, Refusal> {
    let secrets = upstream.secret_headers.iter();
    let secrets = secrets.map(|(name, secret)| Ok((name.clone(), host_imports::secret(secret)?)));
    secrets
        .collect::<Result<_, host_imports::SettingsError>>()
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
    sessions::identity_provider_token(caller.token.expose(), &exchange.endpoint.resource())
        .map(|token| token.map(SecretString::new))
        .map_err(rejection::of_token)
}
