//! `GET /authorize`: the query of anybody on the network. Reaches `Parameters`, `ClientId`, `RedirectUri`, `ResourceUri`,
//! `Scopes`, `CodeChallenge` and the authorization request made of them.
//!
//! What must hold: nothing is redirected but to a redirect URI of a client, no parameter more changes where a good request
//! goes, what is granted is there to be granted, every value has one canonical form, and nothing is stored.

#![no_main]

use gatehouse_fuzz::{START, assert_redirect_of_ours, assert_safe, configuration, keys, store};
use gatehouse_oauth::authorization::{AuthorizationRequest, BoundRequest, RejectedRequest, upstream_of};
use gatehouse_oauth::client_document::DocumentUrl;
use gatehouse_protocol::{ClientId, CodeChallenge, Parameters, RedirectUri, ResourceUri, Scope, Scopes};
use libfuzzer_sys::fuzz_target;

const GOOD: &str = "response_type=code&client_id=public&redirect_uri=https%3A%2F%2Fclient.example%2Fcb&state=xyz&\
                    code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&\
                    resource=https%3A%2F%2Fgateway.example%2Fmcp";

fuzz_target!(|data: &[u8]| {
    let Ok(query) = core::str::from_utf8(data) else { return };
    values(query);
    let _ = outcome(query);
    // Whatever is added to a good request, its answer goes where it went, and carries the same state.
    match outcome(&format!("{GOOD}&{query}")) {
        Some(Ok(request)) => {
            assert_eq!(request.redirect_uri.as_str(), "https://client.example/cb");
            assert_eq!(request.state.as_deref(), Some("xyz"));
        }
        Some(Err(rejected)) => {
            assert_eq!(rejected.redirect_uri.as_str(), "https://client.example/cb");
            assert!(rejected.state.is_none_or(|state| state == "xyz"));
        }
        None => {}
    }
});

fn outcome(query: &str) -> Option<Result<AuthorizationRequest, Box<RejectedRequest>>> {
    let store = store();
    let empty = store.snapshot();
    let bound = BoundRequest::parse(query, configuration(), keys(), &store, START);
    assert_eq!(store.snapshot(), empty);
    let outcome = bound.ok()?.validate(configuration());
    match &outcome {
        Ok(request) => {
            assert_redirect_of_ours(&request.redirect_uri);
            let upstream = upstream_of(configuration(), &request.resource).expect("a resource of ours");
            assert!(!request.scopes.is_empty() && upstream.scopes.contains_all(&request.scopes));
            assert!(
                request
                    .client
                    .redirect_uris
                    .iter()
                    .any(|uri| { uri.comparable() == request.redirect_uri.redirect_uri().comparable() })
            );
        }
        Err(rejected) => {
            assert_redirect_of_ours(&rejected.redirect_uri);
            let _ = rejected.rejection.to_wire();
        }
    }
    Some(outcome)
}

fn values(text: &str) {
    let parameters = Parameters::parse(text);
    let names = ["client_id", "redirect_uri", "resource", "scope", "code_challenge"];
    for value in names.iter().flat_map(|name| parameters.all(name)).chain([text]) {
        if let Ok(uri) = RedirectUri::parse(value, &configuration().redirect_rules()) {
            assert_eq!(uri.as_str(), value);
            assert_safe(&uri);
            assert!(uri.clone().bind(&[uri]).is_some());
        }
        if let Ok(resource) = ResourceUri::parse(value) {
            assert_eq!(ResourceUri::parse(resource.as_str()).as_ref(), Ok(&resource));
        }
        if let Ok(scopes) = Scopes::parse(value) {
            assert_eq!(Scopes::parse(&scopes.to_string()).as_ref(), Ok(&scopes));
            assert!(scopes.iter().all(|scope| Scope::parse(scope.as_str()).as_ref() == Ok(scope)));
        }
        if let Ok(challenge) = CodeChallenge::parse(value) {
            assert_eq!(challenge.to_wire(), value);
        }
        if let Ok(client_id) = ClientId::parse(value) {
            assert_eq!(client_id.as_str(), value);
            // Only what may be fetched becomes the URL of a document.
            if let Ok(url) = DocumentUrl::parse(&client_id, configuration()) {
                assert_eq!(url.request().uri().scheme_str(), Some("https"));
            }
        }
    }
}
