//! A request to an MCP endpoint, before and after it is known whose it is. The input is an HTTP message whose first line
//! is the path and query alone. Reaches the routes, all header parsers, the revision of a body and what is forwarded.
//!
//! What must hold: no path is read as another one; a token is the one of the only `Authorization`; headers that pass say
//! what the body says, as an independent reader finds it; an upstream gets no credentials of the client, no word in our
//! name, and a trace context that is well formed and that no client made up; what an upstream says in our name is not passed
//! on; a line of the log is one line, without arguments.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_audit_log::{AuditRecord, Component, Event, LogTime, RequestId};
use gatehouse_configuration::{Servers, Upstream};
use gatehouse_fuzz::{Counting, message, reread, whole_configuration};
use gatehouse_gateway::{
    Admission, Credential, Endpoint, EndpointKind, MessageRecord, Origin, Probe, ProtocolRevision, Route,
    SealedReference, SessionId, Trace, admit, is_json, last_event_id, legacy_endpoint, request_headers,
    response_headers, route, target,
};
use gatehouse_mcp_wire::header_value;
use gatehouse_mcp_wire::json_rpc::{Body, Message, is_misspelt_request, is_notification, is_request};
use gatehouse_protocol::SecretString;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use url::form_urlencoded;

/// In no corpus, so that no input can hold it.
const SECRET: &str = "Zq0mV7cX2uYt9LwEoPfR4sKjHnB1dGa8iMxT6vCz3Ny";

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, rest) = data.split_at(end);
    let (headers, body) = message(rest.strip_prefix(b"\n").unwrap_or(rest));
    headers.values().for_each(a_value);
    a_text(&String::from_utf8_lossy(body));
    let Ok(requested) = Uri::try_from(line) else { return };
    finds_its_route(&requested);
    for path in ["/mcp", "/mcp/sse", "/mcp/message", "/mail"] {
        let Ok(Route::Mcp(found)) = route(whole_configuration(), &Uri::from_static(path)) else {
            panic!("no endpoint: {path}")
        };
        let endpoint = found.endpoint(&whole_configuration().gateway);
        for method in [Method::POST, Method::GET, Method::DELETE, Method::OPTIONS] {
            let mut head = Request::new(());
            *head.method_mut() = method;
            *head.uri_mut() = requested.clone();
            *head.headers_mut() = headers.clone();
            at(&endpoint, &head, body);
        }
    }
});

/// What any header may say is read as one thing, and written as what is read as the same.
fn a_value(value: &HeaderValue) {
    let text = value.to_str().ok().map(|text| text.trim_matches([' ', '\t']));
    let is_encoded = text.is_some_and(|text| text.starts_with("=?base64?") && text.ends_with("?="));
    match header_value::decoded(value) {
        Some(name) if is_encoded => {
            let inner =
                text.and_then(|text| text.get("=?base64?".len()..text.len() - "?=".len())).expect("what is encoded");
            assert_eq!(STANDARD.encode(name.as_bytes()), inner);
        }
        Some(name) => assert_eq!(text, Some(&*name)),
        None => assert!(is_encoded || text.is_none()),
    }
    let Ok(text) = value.to_str() else { return };
    if is_json(text) {
        let plain = text.to_ascii_lowercase().replace([' ', '\t', '"'], "");
        let (essence, parameters) = plain.split_once(';').unwrap_or((&plain, ""));
        assert_eq!(essence, "application/json");
        assert!(parameters.split(';').all(|parameter| parameter.is_empty() || parameter == "charset=utf-8"));
    }
}

fn a_text(text: &str) {
    let value = header_value::encoded(text);
    assert_eq!(header_value::decoded(&value).as_deref(), Some(text));
    if let Some(reference) = SealedReference::parse(text) {
        assert_eq!(SealedReference::parse(&reference.to_text()), Some(reference));
    }
    for upstream in upstreams() {
        if let Ok(resolved) = legacy_endpoint::resolve(upstream, text) {
            assert_eq!(resolved.authority(), upstream.url.authority());
            assert_eq!(resolved.scheme(), upstream.url.scheme());
        }
    }
}

fn upstreams() -> impl Iterator<Item = &'static Upstream> {
    whole_configuration().routes.iter().filter_map(|route| match &route.servers {
        Servers::One(upstream) => Some(upstream),
        Servers::Federated(_) => None,
    })
}

/// No path is read as another one.
fn finds_its_route(requested: &Uri) {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let is = |path: &str| requested.authority().is_none() && requested.path() == path;
    // One slash behind a route's path is the route.
    let is_at = |base: &str, endpoint: &Endpoint<'_>, path: &str| {
        let slashed = format!("{base}{path}/");
        is(&format!("{base}{path}")) || endpoint.kind == EndpointKind::Streamable && is(&slashed)
    };
    let paths = |endpoint: &Endpoint<'_>| match endpoint.kind {
        EndpointKind::Streamable => endpoint.path().to_owned(),
        EndpointKind::LegacyEvents => format!("{}/sse", endpoint.path()),
        EndpointKind::LegacyMessages => format!("{}/message", endpoint.path()),
    };
    let is_of_route = requested.authority().is_none()
        && requested.path().strip_prefix("/readyz/").is_some_and(|rest| !rest.is_empty());
    assert_eq!(Probe::of(requested).is_some(), is("/healthz") || is("/readyz") || is_of_route);
    let configuration = whole_configuration();
    let Ok(found) = route(configuration, requested);
    match found {
        Route::ProtectedResource(found) => {
            let endpoint = found.endpoint(&configuration.gateway);
            assert!(is_at(WELL_KNOWN, &endpoint, &paths(&endpoint)));
            assert_ne!(endpoint.kind, EndpointKind::LegacyMessages);
        }
        Route::Mcp(found) => {
            let endpoint = found.endpoint(&configuration.gateway);
            assert!(is_at("", &endpoint, &paths(&endpoint)));
        }
        Route::Elsewhere => assert!(!configuration.routes.iter().any(|route| is(route.path.as_str()))),
    }
}

fn at(endpoint: &Endpoint<'_>, head: &Request<()>, body: &[u8]) {
    let headers = head.headers();
    let origin = Origin::of(headers, endpoint);
    match admit(endpoint, head, &origin) {
        Admission::Options(response) => return is_a_preflight(&response, head, &origin),
        Admission::Refused(_) => return,
        Admission::Shown(Credential::Token(token)) => {
            let value = headers[AUTHORIZATION].to_str().expect("text");
            assert!(value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")));
            assert_eq!(value[7..].trim_matches(' '), token.token.expose());
            assert!(headers.get_all(AUTHORIZATION).iter().count() == 1 && origin != Origin::Refused);
        }
        Admission::Shown(shown) => panic!("no route here takes it: {shown:?}"),
    }
    if request_headers::check(head, endpoint).is_err() {
        return;
    }
    let is_posted = head.method() == Method::POST;
    let revision = if is_posted {
        let Ok(body) = Body::parse(body, endpoint.route.limits.json_depth) else { return };
        let Ok(revision) = gatehouse_gateway::message::admit(head, &body, endpoint) else { return };
        assert!(headers.get("content-type").is_some_and(|value| value.to_str().is_ok_and(is_json)));
        agrees(headers, &body, endpoint, revision);
        body.messages().iter().for_each(is_what_its_method_says);
        is_logged_on_one_line(&body, endpoint);
        revision
    } else {
        ProtocolRevision::of(headers)
    };
    assert!(is_posted || !revision.is_stateless || endpoint.kind != EndpointKind::Streamable);
    let is_visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if let Ok(Some(id)) = SessionId::presented(headers, revision) {
        assert!(is_visible(id.as_str()) && revision.has_sessions);
    }
    if let Ok(Some(id)) = last_event_id(headers, revision) {
        assert!(is_visible(id) && revision.has_sessions);
    }
    for upstream in upstreams() {
        is_forwarded(endpoint, upstream, head, &origin);
    }
}

/// A page that asks before its request learns of no origin but its own, and of no header that it could not send.
fn is_a_preflight(response: &http::Response<Vec<u8>>, head: &Request<()>, origin: &Origin) {
    assert!(head.method() == Method::OPTIONS && *origin != Origin::Refused);
    assert_not_in_our_name(response.headers(), origin);
    let allowed = response.headers().get("access-control-allow-headers");
    let allowed = allowed.map(|value| value.to_str().expect("text")).unwrap_or_default();
    assert!(allowed.is_empty() || matches!(origin, Origin::Allowed(_)));
    assert!(!allowed.split(", ").any(|name| ["cookie", "origin", "x-subject", "*"].contains(&name)));
}

/// What goes on without an id is no request, and what goes on with one no notification.
fn is_what_its_method_says(message: &Message) {
    match message {
        Message::Request(call) => assert!(!is_notification(&call.method)),
        Message::Notification(call) => assert!(!is_request(&call.method) && !is_misspelt_request(&call.method)),
        Message::Response(_) => {}
    }
}

/// The headers say what the body says, to a reader of its own.
fn agrees(headers: &HeaderMap, body: &Body, endpoint: &Endpoint<'_>, revision: &ProtocolRevision) {
    // One that is no text says nothing; what is wrong with such a version is for the server to say.
    let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim_matches([' ', '\t']));
    let message = reread(&body.to_bytes()).expect("JSON");
    let (method, params) = (message.get("method").and_then(Value::as_str), &message["params"]);
    if let Some(named) = of("mcp-method") {
        assert_eq!(Some(named), method);
    }
    if let Some(value) = headers.get("mcp-name") {
        let named = header_value::decoded(value).expect("a name");
        match method.expect("a call") {
            "tools/call" | "prompts/get" => assert_eq!(params["name"], *named),
            "resources/read" => assert_eq!(params["uri"], *named),
            _ => {}
        }
    }
    let claimed = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
    if let (Some(claimed), Some(named)) = (claimed, of("mcp-protocol-version")) {
        assert_eq!(claimed, named);
    }
    assert!(!message.is_array() || revision.has_batches && endpoint.kind == EndpointKind::Streamable);
    if revision.is_stateless {
        assert!(endpoint.kind == EndpointKind::Streamable && method.is_some());
        assert!(message.get("id").is_none() || of("mcp-method").is_some());
    }
}

/// What a client writes neither ends a line nor is in it where it may be personal.
fn is_logged_on_one_line(body: &Body, endpoint: &Endpoint<'_>) {
    for MessageRecord { call, .. } in MessageRecord::of_body(body, endpoint.route) {
        let record = AuditRecord::new(LogTime::from_milliseconds(0), Component::Gateway, Event::Begun);
        let line = AuditRecord { call, method: Some("POST"), ..record }.to_string();
        assert!(!line.chars().any(char::is_control));
        let read = reread(line.as_bytes()).expect("JSON");
        assert!(read.get("arguments").is_none() && read.get("resource").is_none());
    }
}

fn is_forwarded(endpoint: &Endpoint<'_>, upstream: &Upstream, head: &Request<()>, origin: &Origin) {
    if let Ok(sent_to) = target(endpoint, upstream, head.uri()) {
        assert_eq!((sent_to.authority(), sent_to.path()), (upstream.url.authority(), upstream.url.path()));
        let names = form_urlencoded::parse(sent_to.query().unwrap_or_default().as_bytes());
        assert!(names.into_iter().all(|(name, _)| !name.eq_ignore_ascii_case("access_token")));
    }
    let mut entropy = Counting::default();
    let (token, request_id) = (SecretString::new(SECRET.to_owned()), RequestId::generate(&mut entropy));
    let trace = Trace::of(head.headers(), &mut entropy);
    let hop = trace.hop(&mut entropy);
    // Not the client's: what it named could be one that `Counting` gives, but not two.
    assert_ne!(hop, trace.hop(&mut entropy), "two requests are one span");
    let mcp_name = header_value::encoded("other\u{e9}");
    let own = request_headers::Own {
        method: head.method(),
        subject: Some("demo:alice"),
        request_id: &request_id,
        hop: &hop,
        session_id: None,
        last_event_id: None,
        secrets: &[],
        identity_provider_token: Some(&token),
        backend_token: None,
        identity: &[],
        mcp_name: Some(&mcp_name),
        accept: None,
    };
    let client = head.headers();
    let forwarded = request_headers::forwarded(client, endpoint.configuration, upstream, &own)
        .expect("values that can stand in headers");
    assert_ours(&forwarded, upstream, &own);
    assert_traced(client, &forwarded, &trace);
    let name = forwarded.get("mcp-name").map(|value| header_value::decoded(value).expect("a name"));
    assert!(name.is_none_or(|name| name == "other\u{e9}"));
    // The same fields, as an upstream might answer with them.
    let own = response_headers::Own {
        request_id: &request_id,
        session_id: None,
        rate_limit: &HeaderMap::new(),
        is_rewritten: true,
        cors: endpoint.route.cors.as_ref(),
    };
    let returned = response_headers::returned(client, &own, origin);
    assert_not_in_our_name(&returned, origin);
    assert!(!returned.contains_key("content-length") && !returned.contains_key("content-encoding"));
    let passed = [
        "content-type",
        "retry-after",
        "allow",
        "vary",
        "x-accel-buffering",
        "cache-control",
        "x-content-type-options",
    ];
    let is_ours = |name: &str| passed.contains(&name) || name == "x-request-id" || name.starts_with("access-control-");
    assert!(returned.keys().all(|name| is_ours(name.as_str()) || name.as_str().starts_with("mcp-")));
    assert_eq!(all(&returned, "cache-control"), ["no-store"]);
    assert_eq!(all(&returned, "x-content-type-options"), ["nosniff"]);
    assert_eq!(all(&returned, "x-request-id"), [request_id.as_str()]);
}

/// The values of all fields that a server would read as this one.
fn all<'a>(headers: &'a HeaderMap, reduced: &str) -> Vec<&'a str> {
    let fields = headers.iter().filter(|(name, _)| name.as_str().replace(['_', '.'], "-") == reduced);
    fields.map(|(_, value)| value.to_str().unwrap_or("?")).collect()
}

/// What an upstream is told of us and of the user is told by us alone, in whatever spelling a server would read it.
fn assert_ours(headers: &HeaderMap, upstream: &Upstream, own: &request_headers::Own<'_>) {
    if upstream.subject_header.is_some() {
        assert_eq!(all(headers, "x-subject").as_slice(), own.subject.as_slice());
    }
    let bearer = format!("Bearer {SECRET}");
    let has_token = upstream.identity_provider_token_header.is_some();
    assert_eq!(all(headers, "authorization"), if has_token { vec![bearer.as_str()] } else { Vec::new() });
    assert_eq!(all(headers, "content-length"), [""; 0], "the component says it of the body that it sends");
    assert_eq!(all(headers, "x-request-id"), [own.request_id.as_str()]);
    assert_eq!(all(headers, "accept-encoding"), ["identity"]);
    for name in [
        "connection",
        "cookie",
        "forwarded",
        "host",
        "last-event-id",
        "mcp-session-id",
        "proxy",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
        "x-http-method-override",
        "x-original-url",
    ] {
        assert!(all(headers, name).is_empty(), "{name}");
    }
    let families = ["x-forwarded", "x-ms-", "sec-fetch-"];
    let is_of_one = |name: &str| families.iter().any(|family| name.replace(['_', '.'], "-").starts_with(family));
    assert!(!headers.keys().any(|name| is_of_one(name.as_str())));
}

/// One trace context, of the client's trace where that is well formed, with a span of our own.
fn assert_traced(client: &HeaderMap, forwarded: &HeaderMap, trace: &Trace) {
    let [parent] = all(forwarded, "traceparent")[..] else { panic!("not one traceparent") };
    assert_eq!(parent.len(), 55);
    let id = trace_of(parent).expect("a traceparent of version 00");
    assert_eq!(id, trace.id().as_str());
    let mut of_client = client.get_all("traceparent").iter();
    let sent = match (of_client.next(), of_client.next()) {
        (Some(value), None) => value.to_str().ok().and_then(trace_of),
        _ => None,
    };
    let states = all(forwarded, "tracestate");
    match sent {
        Some(sent) => assert_eq!(sent, id),
        None => assert!(states.is_empty(), "a state without its trace"),
    }
    assert!(states.len() <= 1);
    if let Some(state) = states.first() {
        assert!(state.len() <= 512 && !state.is_empty());
        let members: Vec<_> =
            state.split(',').map(|member| member.split_once('=').expect("a key and a value")).collect();
        assert!(members.len() <= 32 && members.iter().all(|(key, value)| !key.is_empty() && !value.is_empty()));
    }
}

/// The trace, read by position: `VV-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-SSSSSSSSSSSSSSSS-FF`.
fn trace_of(text: &str) -> Option<&str> {
    let (known, more) = text.split_at_checked(55)?;
    let shape = |(index, byte)| match index {
        2 | 35 | 52 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let (version, trace, span) = (known.get(..2)?, known.get(3..35)?, known.get(36..52)?);
    let is_whole = more.is_empty() || version != "00" && more.starts_with('-');
    let is_set = |id: &str| id.bytes().any(|byte| byte != b'0');
    let is_valid = known.bytes().enumerate().all(shape) && version != "ff" && is_whole && is_set(trace) && is_set(span);
    is_valid.then_some(trace)
}

fn assert_not_in_our_name(headers: &HeaderMap, origin: &Origin) {
    for absent in ["www-authenticate", "set-cookie", "location", "refresh", "clear-site-data", "mcp-session-id"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
    let allowed: Vec<_> = headers.get_all("access-control-allow-origin").iter().collect();
    match origin {
        Origin::Allowed(value) => assert_eq!(allowed, [value]),
        Origin::Absent | Origin::Refused => assert!(allowed.is_empty()),
    }
}
