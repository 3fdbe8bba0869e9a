//! An MCP server: what it answers to the first request of a client, with Gatehouse's own headers.

use gatehouse_configuration::{Configuration, Route, Transport, Upstream};
use gatehouse_mcp_wire::header::{
    EVENT_STREAM, JSON, JSON_OR_EVENT_STREAM, MCP_METHOD, MCP_PROTOCOL_VERSION, MCP_SESSION_ID,
};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::client::HttpClient;
use super::event;
use super::findings::Findings;
use super::rest_api;
use super::secrets::Secrets;

/// Far more than a server says of itself.
const MOST_BYTES: usize = 1024 * 1024;
const OF_SESSIONS: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";

/// Looks at the server `upstream` of `route`.
pub(super) async fn examine(
    client: &HttpClient,
    configuration: &Configuration,
    route: &Route,
    upstream: &Upstream,
    secrets: &Secrets,
    findings: &mut Findings,
) {
    let subject = format!("MCP server {} of {}", upstream.url, route.path);
    for (header, name) in &upstream.secret_headers {
        if secrets.value(name).is_none() {
            let text = format!("is asked without the header {header}: {} is not given", name.as_str());
            findings.note(&subject, text, format!("add --variable {}=@FILE", name.as_str()));
        }
    }
    if let Some(api) = &upstream.openapi {
        return rest_api::examine(client, configuration, upstream, api, &subject, findings).await;
    }
    if upstream.transport == Transport::Sse {
        let request = request(upstream, secrets, Method::GET, EVENT_STREAM, Vec::new());
        match client.send(request, MOST_BYTES).await {
            Err(error) => findings.wrong(&subject, error.to_string(), error.advice()),
            Ok(answer) if is_whole(&answer) && event::first(answer.body()).is_some() => {
                findings.right(&subject, "speaks the transport of 2024-11-05");
            }
            Ok(answer) => not_mcp(&subject, &answer, findings),
        }
        return;
    }
    let discovered = ask(client, upstream, secrets, &discover(), Some((STATELESS, "server/discover"))).await;
    let stateless = matches!(&discovered, Ok(answer) if result(answer).is_some());
    let answer = match ask(client, upstream, secrets, &initialize(), None).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.wrong(&subject, error.to_string(), error.advice());
            return;
        }
    };
    compression(&subject, &answer, findings);
    if let Some(session) = answer.headers().get(MCP_SESSION_ID) {
        let mut end = request(upstream, secrets, Method::DELETE, JSON, Vec::new());
        end.headers_mut().insert(MCP_SESSION_ID, session.clone());
        end.headers_mut().insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static(OF_SESSIONS));
        // It ends by itself where the server does not let clients end it.
        let _ended = client.send(end, MOST_BYTES).await;
    }
    let version = result(&answer).and_then(|result| Some(result.get("protocolVersion")?.as_str()?.to_owned()));
    match (version, stateless) {
        (Some(version), true) => {
            findings.right(&subject, format!("speaks MCP {} and {STATELESS}", printable(&version)))
        }
        (Some(version), false) => findings.right(
            &subject,
            format!("speaks MCP {}; clients that speak {STATELESS} alone cannot use it", printable(&version)),
        ),
        (None, true) => {
            findings
                .right(&subject, format!("speaks MCP {STATELESS} alone; clients of earlier revisions cannot use it"));
        }
        (None, false) => not_mcp(&subject, &answer, findings),
    }
}

async fn ask(
    client: &HttpClient,
    upstream: &Upstream,
    secrets: &Secrets,
    message: &Value,
    modern: Option<(&'static str, &'static str)>,
) -> Result<Response<Vec<u8>>, super::client::NoAnswer> {
    let body = message.to_string().into_bytes();
    let mut request = request(upstream, secrets, Method::POST, JSON_OR_EVENT_STREAM, body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Some((version, method)) = modern {
        request.headers_mut().insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static(version));
        request.headers_mut().insert(MCP_METHOD, HeaderValue::from_static(method));
    }
    client.send(request, MOST_BYTES).await
}

fn request(
    upstream: &Upstream,
    secrets: &Secrets,
    method: Method,
    accept: &'static str,
    body: Vec<u8>,
) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = upstream.url.clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
    if let Some(header) = &upstream.subject_header {
        request.headers_mut().insert(header, HeaderValue::from_static("gatehouse:doctor"));
    }
    for (header, name) in &upstream.secret_headers {
        let value = secrets.value(name).and_then(|secret| HeaderValue::from_str(secret.expose()).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            request.headers_mut().insert(header, value);
        }
    }
    request
}

fn initialize() -> Value {
    let parameters = json!({ "protocolVersion": OF_SESSIONS, "capabilities": {}, "clientInfo": client_info() });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters })
}

fn discover() -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": client_info(),
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta } })
}

fn client_info() -> Value {
    json!({ "name": "gatehouse-doctor", "version": env!("CARGO_PKG_VERSION") })
}

/// The result of an answer that is one, as JSON or as an event.
fn result(answer: &Response<Vec<u8>>) -> Option<Value> {
    let body = match event::is_stream(answer.headers().get(CONTENT_TYPE)) {
        true => event::first(answer.body())?.into_bytes(),
        false => answer.body().clone(),
    };
    let message: Value = serde_json::from_slice(&body).ok().filter(|_| is_whole(answer))?;
    message.get("result").cloned()
}

fn is_whole(answer: &Response<Vec<u8>>) -> bool {
    answer.status() == StatusCode::OK
}

fn compression(subject: &str, answer: &Response<Vec<u8>>, findings: &mut Findings) {
    let encoding = answer.headers().get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if let Some(encoding) = encoding.filter(|encoding| *encoding != "identity") {
        let text = format!("compresses its answers ({}) though it is asked not to", printable(encoding));
        findings.wrong(subject, text, "switch compression off there, or in the proxy before it");
    }
}

/// What an answer is that is not MCP.
fn not_mcp(subject: &str, answer: &Response<Vec<u8>>, findings: &mut Findings) {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = answer.status();
    let media_type = header(CONTENT_TYPE);
    let advice = match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => {
            format!("redirects may lead astray; write the URL that it leads to: {}", printable(header(LOCATION)))
        }
        401 | 403 => {
            "give it what it asks for with secret_headers, or switch its own sign-in off: Gatehouse does that; \
                      some servers refuse an unknown Host in the same way"
                .to_owned()
        }
        404 | 405 => {
            "the path is wrong: many servers have /mcp; one of 2024-11-05 needs transport = \"sse\"".to_owned()
        }
        421 => "let it take the host of its own URL (protection against DNS rebinding)".to_owned(),
        500.. => "look at its log".to_owned(),
        _ if media_type.starts_with("text/html") => {
            "this is a page; the path of the MCP server is another one".to_owned()
        }
        _ => "look whether this is an MCP server of Streamable HTTP".to_owned(),
    };
    let media_type = if media_type.is_empty() { "nothing".to_owned() } else { printable(media_type) };
    findings.wrong(
        subject,
        format!("the first request is answered with {status} and {media_type}, which is not MCP"),
        advice,
    );
}

/// A part of somebody else's answer, for a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}
