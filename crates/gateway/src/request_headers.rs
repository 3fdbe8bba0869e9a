//! The headers that the upstream gets.

use gatehouse_audit_log::{RequestId, TRACEPARENT, X_REQUEST_ID};
use gatehouse_configuration::{BackendToken, BackendTokenSource, Upstream, gateway};
use gatehouse_mcp_wire::header::{
    LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, is_parameter,
};
use gatehouse_protocol::SecretString;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::hop_by_hop::HopByHop;
use crate::reserved::is_reserved;
use crate::trace::TRACESTATE;
use crate::{Endpoint, EndpointKind, Hop, ProtocolRevision, Refusal, content};

/// Headers of which two could be read as either.
const SINGLE: [HeaderName; 5] = [MCP_PROTOCOL_VERSION, MCP_SESSION_ID, MCP_METHOD, MCP_NAME, LAST_EVENT_ID];
/// What describes a body, where there is none.
const OF_A_BODY: [HeaderName; 4] = [CONTENT_TYPE, CONTENT_ENCODING, MCP_METHOD, MCP_NAME];
/// What we call ourselves to upstreams (RFC 9110, section 7.6.3: a gateway MUST send `Via`).
const VIA_GATEHOUSE: HeaderValue = HeaderValue::from_static("1.1 gatehouse");

/// What the gateway itself says to the upstream.
#[derive(Debug)]
pub struct Own<'a> {
    /// The method of the request to the upstream. Only a POST has a body.
    pub method: &'a Method,
    /// The signed-in user or machine; `None` where nobody knows who it is.
    pub subject: Option<&'a str>,
    /// The id of the client's request.
    pub request_id: &'a RequestId,
    /// The trace context of this request to the upstream.
    pub hop: &'a Hop,
    /// The upstream's own session id.
    pub session_id: Option<&'a str>,
    /// The upstream's own id of the last event that the client got.
    pub last_event_id: Option<&'a str>,
    /// The values of the configured secret headers.
    pub secrets: &'a [(HeaderName, SecretString)],
    /// The user's access token of the identity provider, where [`needs_identity_provider_token`] and there is one.
    pub identity_provider_token: Option<&'a SecretString>,
    /// The token of [`Upstream::backend_token`], where there is one.
    pub backend_token: Option<&'a SecretString>,
    /// What the upstream is told of the caller ([`crate::identity_headers()`]); nothing where nobody is known.
    pub identity: &'a [(HeaderName, HeaderValue)],
    /// `Mcp-Name` ([`crate::mirrored::encoded`]), where the upstream calls the tool, prompt or resource something else than the
    /// client does.
    pub mcp_name: Option<&'a HeaderValue>,
    /// `Accept`, where it is not the client's: 2024-11-05 has no rules for it.
    pub accept: Option<&'static str>,
}

/// What Spin, and hosts like it, tell a component about a request: nobody sent it.
const OF_THE_HOST: [&str; 8] = [
    "spin-full-url",
    "spin-path-info",
    "spin-path-match-n",
    "spin-matched-route",
    "spin-raw-component-route",
    "spin-component-route",
    "spin-base-path",
    "spin-client-addr",
];

/// Checks everything about the headers that does not depend on the body: how many there are, that those of the protocol
/// are not given twice, that the method is of the revision that they name, and that a body is announced as one that can be
/// read.
///
/// # Errors
/// [`Refusal::TooManyHeaders`], [`Refusal::DoubledHeader`], [`Refusal::OnlyPost`], [`Refusal::MediaType`],
/// [`Refusal::ContentEncoding`], and [`Refusal::BodyTooLarge`] where the length says so. A body without a length, or with
/// a false one, is for the reader of the body to limit.
pub fn check(head: &Request<()>, endpoint: &Endpoint<'_>) -> Result<(), Refusal> {
    let headers = head.headers();
    let of_the_host = OF_THE_HOST.iter().filter(|name| headers.contains_key(**name)).count();
    if headers.len().saturating_sub(of_the_host) > endpoint.route.limits.headers {
        return Err(Refusal::TooManyHeaders);
    }
    let is_single = |name: &HeaderName| SINGLE.contains(name) || is_parameter(name);
    let is_doubled = |name: &&HeaderName| is_single(name) && headers.get_all(*name).iter().nth(1).is_some();
    if let Some(name) = headers.keys().find(is_doubled) {
        return Err(Refusal::DoubledHeader(name.clone()));
    }
    if head.method() == Method::POST {
        content::check(headers)?;
        return check_length(headers, endpoint);
    }
    let is_stateless = endpoint.kind == EndpointKind::Streamable && ProtocolRevision::of(headers).is_stateless;
    if is_stateless { Err(Refusal::OnlyPost) } else { Ok(()) }
}

fn check_length(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Result<(), Refusal> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let limit = u64::try_from(endpoint.route.limits.request_bytes).unwrap_or(u64::MAX);
    if length.is_some_and(|length| length > limit) { Err(Refusal::BodyTooLarge) } else { Ok(()) }
}

/// Whether the upstream acts in the user's name at the identity provider, and gets the token for it.
pub fn needs_identity_provider_token(upstream: &Upstream) -> bool {
    upstream.identity_provider_token_header.is_some()
}

/// The headers for `upstream` whose values the client must not learn: secrets, tokens and the assertion. What the other headers say is
/// of the caller, or no secret.
pub fn secret_names(upstream: &Upstream) -> Vec<HeaderName> {
    let mut names: Vec<_> = upstream.secret_headers.iter().map(|(name, _)| name.clone()).collect();
    names.extend(upstream.identity_provider_token_header.clone());
    names.extend(upstream.backend_token.as_deref().map(|token| token.header.clone()));
    let assertion = upstream.identity_headers.as_deref().and_then(|told| told.assertion.as_ref());
    names.extend(assertion.map(|assertion| assertion.header.clone()));
    names
}

/// The headers for `upstream`: the client's without those that are not its to send, and our own.
///
/// # Errors
/// [`Refusal::Unavailable`] where one of our own values cannot stand in a header; [`Refusal::InvalidToken`] where the
/// upstream needs the identity provider's token and there is none: the client then signs its user in again, which gets
/// one.
pub fn forwarded(
    client: &HeaderMap,
    configuration: &gateway::Configuration,
    upstream: &Upstream,
    own: &Own<'_>,
) -> Result<HeaderMap, Refusal> {
    let mut headers = of_client(client, configuration, upstream);
    if own.method == Method::POST {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    } else {
        OF_A_BODY.iter().for_each(|name| drop(headers.remove(name)));
    }
    if let Some(accept) = own.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
    }
    // Whatever the client can read: an answer may turn out to be an event stream, and we write into those.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.append(VIA, VIA_GATEHOUSE);
    headers.insert(X_REQUEST_ID, own.request_id.to_header_value());
    headers.insert(TRACEPARENT, own.hop.parent.clone());
    if let Some(state) = &own.hop.state {
        headers.insert(TRACESTATE, state.clone());
    }
    if let Some(name) = own.mcp_name {
        headers.insert(MCP_NAME, name.clone());
    }
    for (name, id) in [(MCP_SESSION_ID, own.session_id), (LAST_EVENT_ID, own.last_event_id)] {
        if let Some(id) = id {
            let id = value(&name, id)?;
            headers.insert(name, id);
        }
    }
    if let (Some(name), Some(subject)) = (&upstream.subject_header, own.subject) {
        headers.insert(name, value(name, subject)?);
    }
    for (name, value) in own.identity {
        headers.insert(name, value.clone());
    }
    for (name, secret) in own.secrets {
        headers.insert(name, sensitive(name, secret)?);
    }
    if let Some(name) = &upstream.identity_provider_token_header {
        let missing = || Refusal::InvalidToken("of a session without a usable token of the identity provider".into());
        let token = own.identity_provider_token.ok_or_else(missing)?;
        headers.insert(name, if *name == AUTHORIZATION { bearer(token)? } else { sensitive(name, token)? });
    }
    if let Some(BackendToken { header: name, source }) = upstream.backend_token.as_deref() {
        match (own.backend_token, source) {
            (Some(token), _) => {
                headers.insert(name, if *name == AUTHORIZATION { bearer(token)? } else { sensitive(name, token)? });
            }
            // Nobody is to act in an account.
            (None, BackendTokenSource::Connection(_)) => {}
            (None, _) => return Err(Refusal::Unavailable("the server's token is missing".to_owned())),
        }
    }
    Ok(headers)
}

/// RFC 6750, section 2.1.
fn bearer(token: &SecretString) -> Result<HeaderValue, Refusal> {
    sensitive(&AUTHORIZATION, &SecretString::new(format!("Bearer {}", token.expose())))
}

fn sensitive(name: &HeaderName, secret: &SecretString) -> Result<HeaderValue, Refusal> {
    let mut value = value(name, secret.expose())?;
    value.set_sensitive(true);
    Ok(value)
}

fn of_client(client: &HeaderMap, configuration: &gateway::Configuration, upstream: &Upstream) -> HeaderMap {
    let hop_by_hop = HopByHop::of(client);
    let mut headers = HeaderMap::new();
    let is_reserved = |name: &HeaderName| is_reserved(name, configuration, upstream);
    for (name, value) in client.iter().filter(|(name, _)| !hop_by_hop.has(name) && !is_reserved(name)) {
        headers.append(name, value.clone());
    }
    headers
}

fn value(name: &HeaderName, text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text)
        .map_err(|_| Refusal::Unavailable(format!("the value for the header {name} holds a control character")))
}

#[cfg(test)]
mod tests;
