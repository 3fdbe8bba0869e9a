//! `POST /token`, `/introspect` and `/revoke`: headers and forms of anybody on the network. The first line of the input is
//! the header `Authorization`, the rest is the body. Reaches the forms, client credentials (Basic, form, assertion), code
//! verifiers and identity assertions.
//!
//! What must hold: nobody who lacks a client's secret or key is that client, a public client gets nothing that needs proof,
//! every refusal fits the wire, and nothing is stored.

#![no_main]

use gatehouse_configuration::GrantType;
use gatehouse_fuzz::{Counting, START, assert_fits_the_wire, configuration, keys, store};
use gatehouse_oauth::client::Client;
use gatehouse_oauth::credentials::{AtHand, Needed, PresentedCredentials};
use gatehouse_oauth::grant::{grant_to_machine, may_use};
use gatehouse_oauth::presented_token::{PresentedToken, may_introspect};
use gatehouse_oauth::token::{GrantRequest, TokenRejection, TokenRequest};
use gatehouse_openid::IdentityAssertion;
use gatehouse_protocol::SecretString;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const FORM: &str = "application/x-www-form-urlencoded";
/// In no corpus, so that no input can prove it.
const SECRET: &str = "Zq0mV7cX2uYt9LwEoPfR4sKjHnB1dGa8iMxT6vCz3Ny";

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (authorization, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let (false, Ok(value)) = (authorization.is_empty(), HeaderValue::from_bytes(authorization)) {
        headers.insert(AUTHORIZATION, value);
    }
    assert!(TokenRequest::parse(Some("application/json"), &headers, body).is_err());
    match TokenRequest::parse(Some(FORM), &headers, body) {
        Ok(request) => {
            if let GrantRequest::JwtBearer { assertion, .. } = &request.grant {
                let assertion = IdentityAssertion::parse(assertion.expose());
                if let Ok(provider) = assertion.and_then(|it| it.provider(&configuration().identity_providers)) {
                    assert!(provider.accepts_identity_assertions);
                }
            }
            proves_nothing(request.credentials);
        }
        Err(rejection) => assert_fits_the_wire(&rejection.to_wire()),
    }
    match PresentedToken::parse(Some(FORM), &headers, body) {
        Ok(presented) => proves_nothing(presented.credentials),
        Err(rejection) => assert_fits_the_wire(&rejection.to_wire()),
    }
});

fn proves_nothing(credentials: PresentedCredentials) {
    let store = store();
    let empty = store.snapshot();
    let Ok(client) = Client::find(credentials.client_id(), configuration(), keys(), &store, START) else { return };
    match credentials.of(client) {
        Ok(unproven) => {
            let at_hand = match unproven.needs() {
                Needed::Nothing => AtHand::Nothing,
                Needed::Secret(_) => AtHand::Secret(SecretString::new(SECRET.to_owned())),
                Needed::Keys(_) => unreachable!("no client here has its keys elsewhere"),
            };
            match unproven.prove(&at_hand, configuration(), &store, START) {
                Ok(client) => {
                    assert!(!client.is_confidential(), "a secret or a signature was guessed");
                    assert!(may_use(&client, GrantType::ClientCredentials).is_err());
                    assert!(may_use(&client, GrantType::JwtBearer).is_err());
                    assert!(may_introspect(&client).is_err());
                    let mut entropy = Counting::default();
                    assert!(grant_to_machine(&client, None, None, configuration(), START, &mut entropy).is_err());
                }
                Err(rejection) => assert_fits_the_wire(&TokenRejection::from(rejection).to_wire()),
            }
        }
        Err(rejection) => assert_fits_the_wire(&TokenRejection::from(rejection).to_wire()),
    }
    assert_eq!(store.snapshot(), empty);
}
