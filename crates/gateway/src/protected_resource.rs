//! Protected resource metadata (RFC 9728, section 2): how a client finds the authorization server.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;

use crate::challenge::asked_for;
use crate::{Endpoint, Origin, before_routing, cors};

const METHODS: &str = "GET, HEAD, OPTIONS";

#[derive(Serialize)]
struct Metadata<'a> {
    resource: String,
    // None where nobody knows where to get tokens: of an issuer that is only asked about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<&'a str>,
    // "Metadata parameters with zero elements MUST be omitted" (section 3.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'a str,
}

/// The answer at the metadata's location. It is public: a page of an unknown origin may ask for it, but not read it.
pub fn metadata(endpoint: &Endpoint<'_>, request: &Request<()>, origin: &Origin) -> Response<Vec<u8>> {
    let mut response = match *request.method() {
        Method::OPTIONS => return cors::options(request, origin, METHODS, endpoint.route.cors.as_ref()),
        Method::GET => document(endpoint),
        Method::HEAD => document(endpoint).map(|_| Vec::new()),
        _ => not_allowed(),
    };
    cors::allow(response.headers_mut(), origin, endpoint.route.cors.as_ref());
    response
}

fn document(endpoint: &Endpoint<'_>) -> Response<Vec<u8>> {
    let route = endpoint.route;
    let own = route.own_tokens.then(|| endpoint.configuration.public_url.as_str());
    let others = route.accepted_tokens.iter().flat_map(|accepted| &accepted.issuers);
    let published = route.accepted_tokens.iter().flat_map(|accepted| &accepted.published_scopes);
    let mut scopes_supported = asked_for(endpoint, endpoint.required_scopes());
    for scope in published {
        if !scopes_supported.contains(&scope.as_str()) {
            scopes_supported.push(scope);
        }
    }
    let metadata = Metadata {
        resource: endpoint.called(),
        // The issuer has no slash at its end, here as everywhere: clients compare it as a string.
        authorization_servers: own.into_iter().chain(others.map(String::as_str)).collect(),
        scopes_supported,
        bearer_methods_supported: ["header"],
        resource_name: &endpoint.route.name,
    };
    let mut response = Response::new(serde_json::json!(metadata).to_string().into_bytes());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Short: a changed configuration should not have to wait for browsers.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    response
}

fn not_allowed() -> Response<Vec<u8>> {
    let mut response = before_routing::error(StatusCode::METHOD_NOT_ALLOWED, 405, "Method not allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

#[cfg(test)]
mod tests {
    use gatehouse_configuration::Configuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::example;

    const URL: &str = "/.well-known/oauth-protected-resource/mcp";

    fn get(configuration: &Configuration, method: Method, pairs: &[(&str, &str)]) -> Response<Vec<u8>> {
        let request = example::request(method, URL, pairs);
        let origin = Origin::of(request.headers(), &example::endpoint(configuration));
        metadata(&example::endpoint(configuration), &request, &origin)
    }

    #[test]
    fn the_document_names_the_resource_and_its_authorization_server() {
        let response = get(&example::configuration(), Method::GET, &[]);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        let expected = json!({
            "resource": "https://gateway.example/mcp",
            "authorization_servers": ["https://gateway.example"],
            "scopes_supported": ["mcp", "files:read"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Demo",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn the_event_stream_of_the_older_transport_is_described_by_the_url_that_its_clients_call() {
        let configuration = example::configuration();
        let request = example::request(Method::GET, &format!("{URL}/sse"), &[]);
        let endpoint = Endpoint::at(&configuration, "/mcp/sse").unwrap();
        let response = metadata(&endpoint, &request, &Origin::Absent);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["resource"], "https://gateway.example/mcp/sse");
        assert_eq!(body["scopes_supported"], json!(["mcp", "files:read"]));
    }

    #[test]
    fn an_empty_list_is_left_out() {
        let text = example::ONE_UPSTREAM.replace(r#"["mcp", "files:read", "offline_access"]"#, r#"["offline_access"]"#);
        let response = get(&Configuration::parse(&text).unwrap(), Method::GET, &[]);
        assert!(!String::from_utf8_lossy(response.body()).contains("scopes_supported"));
    }

    #[test]
    fn allowed_pages_may_read_it_and_others_get_it_unreadable() {
        let configuration = example::configuration();
        let good = get(&configuration, Method::GET, &[("origin", "http://localhost:6274")]);
        assert_eq!(good.headers()["access-control-allow-origin"], "http://localhost:6274");
        let evil = get(&configuration, Method::GET, &[("origin", "http://evil.example")]);
        assert_eq!(evil.status(), 200);
        assert!(!evil.headers().contains_key("access-control-allow-origin"));
        assert_eq!(evil.headers()["vary"], "Origin");
        let asked = [("origin", "http://localhost:6274"), ("access-control-request-method", "GET")];
        let preflight = get(&configuration, Method::OPTIONS, &asked);
        assert_eq!(preflight.status(), 204);
        assert_eq!(preflight.headers()["access-control-allow-methods"], METHODS);
    }

    #[test]
    fn it_can_only_be_read() {
        let configuration = example::configuration();
        let head = get(&configuration, Method::HEAD, &[]);
        assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let response = get(&configuration, method, &[]);
            assert_eq!(response.status(), 405);
            assert_eq!(response.headers()[ALLOW], METHODS);
        }
    }
}
