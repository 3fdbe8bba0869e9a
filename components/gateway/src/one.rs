//! A route with one server: its messages pass unchanged.

use gatehouse_configuration::Upstream;
use gatehouse_mcp::{Era, Refusal, SessionId, response_headers};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_shell::inbound::Writer;
use http_shell::outbound::{Arrival, Exchanges};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::answer::{self, End, Patience};
use crate::bindings::gatehouse::auth::handles;
use crate::exchange::{Caller, Exchange};
use crate::upstream::{self, Call};
use crate::rejection;

/// Answers the request with what the server says.
pub(crate) fn serve(exchange: &Exchange<'_>, caller: &Caller, request: &IncomingRequest, out: ResponseOutparam) {
    let Some(upstream) = exchange.endpoint.route.upstreams().next() else { return };
    let mut exchanges = Exchanges::default();
    match forward(exchange, caller, upstream, request, &mut exchanges) {
        Ok((head, headers)) => relay(exchange, caller, out, &mut exchanges, &head, &headers),
        Err(refusal) => exchange.refuse(out, Some(caller), &refusal),
    }
}

fn forward(
    exchange: &Exchange<'_>,
    caller: &Caller,
    upstream: &Upstream,
    request: &IncomingRequest,
    exchanges: &mut Exchanges,
) -> Result<(Response<()>, HeaderMap), Refusal> {
    let headers = exchange.head.headers();
    let era = Era::of(headers);
    let session_id = SessionId::presented(headers, era)?
        .map(|bound| handles::open(&caller.principal, bound.as_str()).map_err(rejection::of_handle))
        .transpose()?;
    let body = exchange.body(request)?;
    let call = Call { session_id: session_id.as_deref(), ..Call::passed_on(upstream, exchange, body) };
    let request = upstream::request(exchange, caller, call)?;
    let limits = if exchange.head.method() == Method::GET {
        upstream::listening_limits(upstream)
    } else {
        upstream::limits(upstream)
    };
    exchanges.start(&request, limits);
    let head = match exchanges.next(limits.first_byte_seconds.saturating_mul(1000)) {
        Arrival::Head(_, head) => head,
        Arrival::NoAnswer(_, reason) => return Err(upstream::no_answer(&reason)),
        Arrival::Tick => return Err(Refusal::UpstreamTimedOut),
        Arrival::Piece(..) | Arrival::End(_) | Arrival::Broken(_) => {
            return Err(Refusal::UpstreamMalformed("it has no head"));
        }
    };
    let issued = SessionId::issued(head.headers(), era)?.map(|id| bind(caller, id)).transpose()?;
    let headers = response_headers::returned(head.headers(), issued, &exchange.origin);
    Ok((head, headers))
}

fn relay(
    exchange: &Exchange<'_>,
    caller: &Caller,
    out: ResponseOutparam,
    exchanges: &mut Exchanges,
    head: &Response<()>,
    headers: &HeaderMap,
) {
    let status = head.status().as_u16();
    let reason = response_headers::redirects(head.headers())
        .then_some("the upstream redirects; its url should be the address that it redirects to");
    exchange.log("forwarded", Some(caller), status, reason);
    let Some(writer) = Writer::open(out, head.status(), headers) else { return };
    let patience = Patience::of(&exchange.endpoint.route.limits);
    match answer::relay(exchanges, writer, patience, || true) {
        End::Complete | End::ReaderGone | End::TimeUp => {}
        End::SourceBroken => {
            exchange.log("stream-broken", Some(caller), status, Some("the upstream broke its answer off"));
        }
    }
}

fn bind(caller: &Caller, id: SessionId<'_>) -> Result<HeaderValue, Refusal> {
    let bound = handles::bind(&caller.principal, id.as_str()).map_err(rejection::of_binding)?;
    HeaderValue::try_from(bound)
        .map_err(|_| Refusal::Unavailable("a bound Mcp-Session-Id cannot stand in a header".to_owned()))
}
