//! `POST /register` (RFC 7591) and client ID metadata documents: JSON of anybody on the network.
//!
//! What must hold: a client that gets in is found again with nothing but redirect URIs that are safe, it can never act
//! without a user or introspect, what is refused leaves nothing behind, and every refusal fits the wire.

#![no_main]

use gatehouse_configuration::GrantType;
use gatehouse_document_cache::DocumentCache;
use gatehouse_fuzz::{Counting, START, assert_fits_the_wire, assert_safe, configuration, keys, store};
use gatehouse_oauth::client::Client;
use gatehouse_oauth::client_document::DocumentUrl;
use gatehouse_oauth::registration::{InitialAccess, register};
use gatehouse_protocol::ClientId;
use http::Response;
use http::header::CONTENT_TYPE;
use libfuzzer_sys::fuzz_target;

const DOCUMENT_URL: &str = "https://client.example.com/metadata.json";

fuzz_target!(|body: &[u8]| {
    registered(body);
    published(body);
});

fn registered(body: &[u8]) {
    let store = store();
    let mut entropy = Counting::default();
    let access = InitialAccess::check(None, None, configuration()).expect("registration is open here");
    match register(body, &access, configuration(), &store, START, &mut entropy) {
        Ok(registered) => {
            let client_id = ClientId::parse(registered.client_id()).expect("an id that we made");
            let client = Client::find(&client_id, configuration(), keys(), &store, START).expect("it registered");
            assert_harmless(&client);
            serde_json::to_string(&registered).expect("an answer");
        }
        Err(rejection) => {
            assert!(store.values().is_empty(), "a refused registration was kept");
            assert_fits_the_wire(&rejection.to_wire());
        }
    }
}

fn published(body: &[u8]) {
    let store = store();
    let documents = DocumentCache { store: &store, keys: keys(), now: START };
    let client_id = ClientId::parse(DOCUMENT_URL).expect("an id");
    let url = DocumentUrl::parse(&client_id, configuration()).expect("a URL that may be fetched");
    let response = Response::builder().header(CONTENT_TYPE, "application/json").body(body.to_vec()).expect("an answer");
    let kept = url.keep(&response, configuration(), &documents, &mut Counting::default()).expect("the store answers");
    match kept {
        Ok(()) => {
            let client = Client::find(&client_id, configuration(), keys(), &store, START).expect("it was kept");
            assert_eq!(client.client_id, client_id);
            assert_harmless(&client);
        }
        Err(_) => assert!(store.values().is_empty(), "a refused document was kept"),
    }
}

fn assert_harmless(client: &Client) {
    assert!((1..=16).contains(&client.redirect_uris.len()));
    client.redirect_uris.iter().for_each(assert_safe);
    assert!(!client.client_name.as_str().chars().any(char::is_control));
    assert!(!client.may(GrantType::ClientCredentials) && !client.may(GrantType::JwtBearer));
    assert!(!client.may_introspect && client.scopes.is_empty());
}
