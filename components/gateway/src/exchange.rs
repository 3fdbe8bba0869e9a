//! One request to an MCP endpoint, from the first check to the last byte of the answer.

use gatehouse_configuration::Upstream;
use gatehouse_mcp::{
    Admission, Decision, Endpoint, Era, Origin, Refusal, SessionId, admit, allow_cross_origin, check_scopes,
    request_headers, response_headers, target,
};
use gatehouse_protocol::SecretString;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_shell::RelayEnd;
use http_shell::inbound::{self, Unreadable};
use http_shell::outbound::{self, Answer, Limits, NoAnswer};
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::gatehouse::auth::sessions::Principal;
use crate::bindings::gatehouse::auth::{handles, sessions};
use crate::{log, rejection};

/// Seconds. An upstream is near; one that does not take a connection by then is down.
const CONNECT: u64 = 5;
/// Seconds. A server that answers in JSON sends nothing before its tool is done, and tools may work for minutes;
/// clients give up earlier by themselves (the TypeScript SDK after 1).
const FIRST_BYTE: u64 = 10 * 60;
/// Seconds. Between two events there may be silence for as long as nothing happens; Spin's own 10 minutes would cut
/// quiet streams. A client that has gone is noticed within a second, whatever stands here.
const BETWEEN_BYTES: u64 = 60 * 60;

/// Answers the request: in the upstream's name where everything is in order, in our own otherwise.
pub(crate) fn serve(endpoint: Endpoint<'_>, head: &Request<()>, request: &IncomingRequest, out: ResponseOutparam) {
    let Some(upstream) = endpoint.route.upstreams().next() else { return };
    let exchange = Exchange { endpoint, upstream, head, origin: Origin::of(head.headers(), endpoint.configuration) };
    let token = match admit(head, &exchange.origin) {
        Admission::Options(response) => {
            exchange.log("options", None, response.status().as_u16(), None);
            return inbound::respond(out, response);
        }
        Admission::Refused(refusal) => return exchange.refuse(out, None, &refusal),
        Admission::Token(token) => token,
    };
    let principal = match sessions::validate(token.expose(), &endpoint.resource()) {
        Ok(principal) => principal,
        Err(rejected) => return exchange.refuse(out, None, &rejection::of_token(rejected)),
    };
    match exchange.forward(request, &principal, &token) {
        Ok((answer, headers)) => exchange.relay(out, &principal, answer, &headers),
        Err(refusal) => exchange.refuse(out, Some(&principal), &refusal),
    }
}

struct Exchange<'a> {
    endpoint: Endpoint<'a>,
    upstream: &'a Upstream,
    head: &'a Request<()>,
    origin: Origin,
}

impl Exchange<'_> {
    /// Sends the request on, once everything that `principal` needs for it has been checked. Returns the upstream's
    /// answer, and the headers with which it goes to the client.
    fn forward(
        &self,
        request: &IncomingRequest,
        principal: &Principal,
        token: &SecretString,
    ) -> Result<(Answer, HeaderMap), Refusal> {
        check_scopes(&self.endpoint, &principal.scopes)?;
        let headers = self.head.headers();
        request_headers::check(headers)?;
        let era = Era::of(headers);
        let session_id = SessionId::presented(headers, era)?
            .map(|bound| handles::open(principal, bound.as_str()).map_err(rejection::of_handle))
            .transpose()?;
        let body = self.body(request)?;
        let secrets = self.secrets()?;
        let identity_provider_token = self.identity_provider_token(token)?;
        let own = request_headers::Own {
            subject: &principal.subject,
            session_id: session_id.as_deref(),
            secrets: &secrets,
            identity_provider_token: identity_provider_token.as_ref(),
            body_length: body.len(),
        };
        let answer = self.send(&own, body)?;
        let issued = SessionId::issued(answer.headers(), era)?.map(|id| bind(principal, id)).transpose()?;
        let headers = response_headers::returned(answer.headers(), issued, &self.origin);
        Ok((answer, headers))
    }

    fn body(&self, request: &IncomingRequest) -> Result<Vec<u8>, Refusal> {
        if self.head.method() == Method::GET {
            return Ok(Vec::new());
        }
        request_headers::check_length(self.head.headers(), &self.endpoint)?;
        inbound::body(request, self.endpoint.route.limits.request_bytes).map_err(|error| match error {
            Unreadable::TooLarge => Refusal::BodyTooLarge,
            Unreadable::Broken | Unreadable::Malformed => Refusal::BodyBroken,
        })
    }

    /// Asked for last, when nothing else is left to refuse: it may have to be refreshed.
    fn identity_provider_token(&self, token: &SecretString) -> Result<Option<SecretString>, Refusal> {
        if !request_headers::needs_identity_provider_token(self.upstream) {
            return Ok(None);
        }
        sessions::identity_provider_token(token.expose(), &self.endpoint.resource())
            .map(|token| token.map(SecretString::new))
            .map_err(rejection::of_token)
    }

    fn secrets(&self) -> Result<Vec<(HeaderName, SecretString)>, Refusal> {
        let secrets = self.upstream.secret_headers.iter();
        let secrets = secrets.map(|(name, secret)| Ok((name.clone(), host_imports::secret(secret)?)));
        secrets
            .collect::<Result<_, host_imports::SettingsError>>()
            .map_err(|error| Refusal::Unavailable(error.to_string()))
    }

    fn send(&self, own: &request_headers::Own<'_>, body: Vec<u8>) -> Result<Answer, Refusal> {
        let mut outgoing = Request::new(body);
        *outgoing.method_mut() = self.head.method().clone();
        *outgoing.uri_mut() = target(self.upstream, self.head.uri())?;
        *outgoing.headers_mut() = request_headers::forwarded(self.head, self.upstream, own)?;
        outbound::send(&outgoing, limits(self.head.method())).map_err(|error| match error {
            NoAnswer::TimedOut => Refusal::UpstreamTimedOut,
            NoAnswer::Address | NoAnswer::NotAllowed | NoAnswer::Failed(_) | NoAnswer::TooLarge => {
                Refusal::UpstreamUnreachable(error.to_string())
            }
        })
    }

    fn relay(&self, out: ResponseOutparam, principal: &Principal, answer: Answer, headers: &HeaderMap) {
        let status = answer.status().as_u16();
        let reason = response_headers::redirects(answer.headers())
            .then_some("the upstream redirects; its url should be the address that it redirects to");
        self.log("forwarded", Some(principal), status, reason);
        match inbound::relay(out, answer, headers) {
            RelayEnd::Complete | RelayEnd::ReaderGone => {}
            RelayEnd::SourceBroken => {
                self.log("stream-broken", Some(principal), status, Some("the upstream broke its answer off"));
            }
        }
    }

    fn refuse(&self, out: ResponseOutparam, principal: Option<&Principal>, refusal: &Refusal) {
        self.log("refused", principal, refusal.status().as_u16(), Some(&refusal.reason()));
        let mut response: Response<Vec<u8>> = refusal.response(&self.endpoint);
        allow_cross_origin(response.headers_mut(), &self.origin);
        inbound::respond(out, response);
    }

    fn log(&self, event: &'static str, principal: Option<&Principal>, status: u16, reason: Option<&str>) {
        log(&Decision {
            event,
            route: Some(self.endpoint.path()),
            method: self.head.method().as_str(),
            status,
            subject: principal.map(|principal| principal.subject.as_str()),
            client_id: principal.map(|principal| principal.client_id.as_str()),
            reason,
        });
    }
}

fn bind(principal: &Principal, id: SessionId<'_>) -> Result<HeaderValue, Refusal> {
    let bound = handles::bind(principal, id.as_str()).map_err(rejection::of_binding)?;
    HeaderValue::try_from(bound)
        .map_err(|_| Refusal::Unavailable("a bound Mcp-Session-Id cannot stand in a header".to_owned()))
}

/// A listening stream (GET) may be silent from its start: some servers send their head only with the first event.
fn limits(method: &Method) -> Limits {
    let first_byte_seconds = if method == Method::GET { BETWEEN_BYTES } else { FIRST_BYTE };
    Limits { connect_seconds: CONNECT, first_byte_seconds, between_bytes_seconds: BETWEEN_BYTES }
}
