use crate::authorization::UnboundRejection;
use crate::client_document::DocumentUrl;
use gatehouse_sealed_storage::document_cache::DocumentCache;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::*;
use crate::client_authentication::AuthenticationMethod;
use crate::example::{CONFIGURED, CONFIGURED_URI, START, World, client_id};

fn find(client_id: &ClientId, world: &World, now: UnixTime) -> Result<Client, ClientUnknown> {
    world.store.set_now(now);
    Client::find(client_id, &world.configuration, &world.keys, &world.store, now)
}

#[test]
fn a_client_of_the_configuration_is_known_for_ever_and_without_the_store() {
    let mut world = World::new();
    world.store.go_down();
    let client = find(&client_id(CONFIGURED), &world, START.plus(100 * 365 * 86_400)).unwrap();
    assert_eq!(client.client_name.as_str(), "Conformance runner");
    assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), [CONFIGURED_URI]);
    assert!(client.may(GrantType::RefreshToken) && client.is_configured);
    assert!(!client.may(GrantType::ClientCredentials) && !client.may(GrantType::JwtBearer) && !client.may_introspect);
    assert_eq!(client.authentication.method(), AuthenticationMethod::None);
    assert_eq!(
        client.note_use(&world.keys, &world.store, START, &mut world.entropy),
        Ok(()),
        "there is nothing to note"
    );
}

#[test]
fn a_client_with_a_document_is_known_where_it_has_been_read() {
    let mut world = World::new();
    let id = client_id("https://client.example.com/metadata.json");
    assert!(matches!(find(&id, &world, START), Err(ClientUnknown::NotRegistered)));
    let text = r#"{"client_id":"https://client.example.com/metadata.json","client_name":"A client",
        "redirect_uris":["http://localhost/callback"]}"#;
    let mut response = Response::new(text.as_bytes().to_vec());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let documents = DocumentCache { store: &world.store, keys: &world.keys, now: START };
    let url = DocumentUrl::parse(&id, &world.configuration).unwrap();
    let read = url.read(&response, &world.configuration, START).unwrap();
    assert!(matches!(find(&id, &world, START), Err(ClientUnknown::NotRegistered)), "reading keeps nothing");
    url.keep(&read, &documents, &mut world.entropy).unwrap();
    assert_eq!(find(&id, &world, START).unwrap().client_id, id);
    world.configuration.client_documents.enabled = false;
    assert!(matches!(find(&id, &world, START), Err(ClientUnknown::NotRegistered)), "switched off");
}

#[test]
fn a_client_that_is_gone_is_unknown_and_a_store_that_is_down_is_unavailable() {
    assert_eq!(UnboundRejection::from(ClientUnknown::NotRegistered), UnboundRejection::UnknownClient);
    let down = StoreUnavailable("down".to_owned());
    assert_eq!(UnboundRejection::from(ClientUnknown::Unavailable(down.clone())), UnboundRejection::Unavailable(down));
}
