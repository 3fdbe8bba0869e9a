//! What strangers say of clients: `POST /register` (RFC 7591), client ID metadata documents and key sets, with the HTTP
//! fields that say how long they may be kept. The input is an HTTP message without its first line: the request to us, and
//! the answer to us.
//!
//! What must hold: a client that gets in is found again with nothing but redirect URIs that are safe, it can never act
//! without a user or introspect, its secret proves it and nothing else does, and it ends; what is refused leaves nothing
//! behind, nothing is kept for longer than it says or than a day, and every refusal fits the wire.

#![no_main]

use std::sync::LazyLock;

use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::client_authentication::{AuthenticationMethod, ClientAuthentication};
use gatehouse_authorization_server::client_document::{DocumentRejection, DocumentUrl};
use gatehouse_authorization_server::credentials::{
    CredentialMaterial, PresentedCredentials, RequiredMaterial, UnauthenticatedClient,
};
use gatehouse_authorization_server::registration::{InitialAccess, RegistrationRejection, register};
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{ClientKeys, GrantType};
use gatehouse_fuzz::{
    Counting, DOCUMENT, START, assert_fits_the_wire, assert_safe, client_id, configuration, keys, message, reread,
    signed, store,
};
use gatehouse_protocol::{Parameters, SecretString, UnixTime};
use gatehouse_sealed_storage::document_cache::{DocumentCache, lifetime};
use gatehouse_storage::memory::MemoryStore;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, EXPIRES, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use url::form_urlencoded;

const DOCUMENT_URL: &str = "https://client.example.com/metadata.json";
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// In no corpus, so that no input can prove it.
const INITIAL_ACCESS_TOKEN: &str = "Wb5eQxT1oKfJ8sRmUdL3vGzYc9HnAi0pEtC7Xq2Dk4S";

static WITH_INITIAL_ACCESS: LazyLock<Configuration> = LazyLock::new(|| {
    let document =
        format!("{DOCUMENT}\n[registration]\ninitial_access_token = {{ secret = \"registration_token\" }}\n");
    Configuration::parse(&document).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let (headers, body) = message(data);
    only_the_token_gives_access(&headers);
    registered(body);
    kept_for_no_longer_than_it_says(&headers);
    for status in [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
        let mut response = Response::new(body.to_vec());
        *response.status_mut() = status;
        *response.headers_mut() = headers.clone();
        if !headers.contains_key(CONTENT_TYPE) {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        published(&response);
        published_keys(&response);
    }
});

fn only_the_token_gives_access(headers: &HeaderMap) {
    let expected = SecretString::new(INITIAL_ACCESS_TOKEN.to_owned());
    let check = |presented: Option<&str>, expected: Option<&SecretString>| {
        InitialAccess::check(presented, expected, &WITH_INITIAL_ACCESS)
    };
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    for expected in [None, Some(&SecretString::new(String::new())), Some(&expected)] {
        let refused = check(presented, expected).expect_err("a token was guessed");
        assert_fits_the_wire(&refused.to_wire());
        assert!(refused.challenge().is_some() && refused.retry_after().is_none());
    }
    assert!(check(Some(&format!("bearer {INITIAL_ACCESS_TOKEN}")), Some(&expected)).is_ok());
}

fn registered(body: &[u8]) {
    let store = store();
    let mut entropy = Counting::default();
    let access = InitialAccess::check(None, None, configuration()).expect("registration is open here");
    let answer = match register(body, &access, configuration(), &store, START, &mut entropy) {
        Ok(registered) => serde_json::to_value(&registered).expect("an answer"),
        Err(rejection) => {
            assert!(store.values().is_empty(), "a refused registration was kept");
            assert!(!matches!(rejection, RegistrationRejection::Unavailable(_)));
            return assert_fits_the_wire(&rejection.to_wire());
        }
    };
    let sent = reread(body);
    if let Some(sent) = &sent {
        assert_eq!(answer["redirect_uris"], sent["redirect_uris"]);
    }
    let id = client_id(answer["client_id"].as_str().expect("an id"));
    let client = Client::find(&id, configuration(), keys(), &store, START).expect("it registered");
    assert_eq!(client.client_id, id);
    assert_harmless(&client);
    assert_eq!(client.client_name.as_str(), answer["client_name"]);
    assert_eq!(client.authentication.method().as_str(), answer["token_endpoint_auth_method"]);
    if let Some(sent) = &sent {
        assert_eq!(
            client.authentication.method().as_str(),
            sent["token_endpoint_auth_method"].as_str().unwrap_or("none")
        );
    }
    only_the_secret_proves(&client, answer["client_secret"].as_str(), &store);
    ends_unless_it_is_used(&client, &store);
}

fn only_the_secret_proves(client: &Client, secret: Option<&str>, store: &MemoryStore) {
    let proves = |name: &'static str, secret: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client.client_id.as_str())
            .append_pair(name, secret)
            .finish();
        let presented = PresentedCredentials::parse(&HeaderMap::new(), &Parameters::parse(&form)).expect("credentials");
        let unauthenticated = presented.of(client.clone());
        unauthenticated.is_ok_and(|it| it.prove(&CredentialMaterial::Nothing, configuration(), store, START).is_ok())
    };
    match (client.authentication.method(), secret) {
        (AuthenticationMethod::None, None) => assert!(proves("x", "y") && !proves("client_secret", "y")),
        (AuthenticationMethod::ClientSecretPost, Some(secret)) => {
            assert!(proves("client_secret", secret) && !proves("client_secret", "y") && !proves("x", "y"));
        }
        (AuthenticationMethod::ClientSecretBasic, Some(secret)) => {
            assert!(!proves("client_secret", secret) && !proves("x", "y"));
        }
        (AuthenticationMethod::PrivateKeyJwt, None) => assert!(!proves("client_secret", "y") && !proves("x", "y")),
        (method, secret) => panic!("{method} and a secret: {}", secret.is_some()),
    }
}

fn ends_unless_it_is_used(client: &Client, store: &MemoryStore) {
    let found = |now: UnixTime| {
        store.set_now(now);
        Client::find(&client.client_id, configuration(), keys(), store, now).is_ok()
    };
    assert!(found(START.plus(DAY - 1)) && !found(START.plus(DAY)));
    store.set_now(START);
    client.note_use(keys(), store, START, &mut Counting::default()).expect("the store answers");
    assert!(found(START.plus(45 * DAY - 1)) && !found(START.plus(90 * DAY)));
    store.set_now(START);
}

fn published(response: &Response<Vec<u8>>) {
    let store = store();
    let documents = |now: UnixTime| {
        store.set_now(now);
        DocumentCache { store: &store, keys: keys(), now }
    };
    let id = client_id(DOCUMENT_URL);
    let url = DocumentUrl::parse(&id, configuration()).expect("a URL that may be fetched");
    let needs_reading = |now: UnixTime| url.needs_reading(&documents(now)).expect("the store answers").is_some();
    assert!(needs_reading(START));
    let read = url.read(response, configuration(), START);
    assert!(store.values().is_empty(), "reading keeps nothing");
    let find = |now: UnixTime| {
        store.set_now(now);
        Client::find(&id, configuration(), keys(), &store, now)
    };
    match read {
        Ok(read) => {
            assert_eq!(response.status(), StatusCode::OK);
            url.keep(&read, &documents(START), &mut Counting::default()).expect("the store answers");
            let client = find(START).expect("it was kept");
            assert_eq!(client.client_id, id);
            assert_harmless(&client);
            // A secret in a public document is none.
            let method = client.authentication.method();
            assert!(matches!(method, AuthenticationMethod::None | AuthenticationMethod::PrivateKeyJwt));
            if let ClientAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = &client.authentication {
                assert!(uri.starts_with("https://") && !uri.contains("localhost") && !uri.contains('@'));
            }
            let fresh = lifetime(&url.request(), response, START, HOUR, DAY - HOUR);
            assert_eq!(needs_reading(START), fresh == 0);
            assert!(needs_reading(START.plus(fresh).plus(60)));
            assert!(find(START.plus(fresh).plus(HOUR - 1)).is_ok() && find(START.plus(fresh).plus(HOUR)).is_err());
        }
        Err(rejection) => {
            assert!((response.status() == StatusCode::OK) != matches!(rejection, DocumentRejection::Status(_)));
            assert!(!rejection.to_string().contains(char::is_control));
        }
    }
}

/// The same body, as the keys of the client `remote`.
fn published_keys(response: &Response<Vec<u8>>) {
    let store = store();
    let unauthenticated = remote(&store);
    let RequiredMaterial::Keys(url) = unauthenticated.needs() else { panic!("its keys are elsewhere") };
    let documents = |now: UnixTime| {
        store.set_now(now);
        DocumentCache { store: &store, keys: keys(), now }
    };
    match url.keep(response, &documents(START), &mut Counting::default()).expect("the store answers") {
        Ok(keys) => {
            assert_eq!(response.status(), StatusCode::OK);
            let fresh = lifetime(&url.request(), response, START, HOUR, DAY);
            assert_eq!(url.kept(&documents(START)).expect("the store answers").is_some(), fresh > 0);
            assert!(url.kept(&documents(START.plus(fresh))).expect("the store answers").is_none());
            store.set_now(START);
            // Another's keys prove nothing, unless they are the same.
            let proved = unauthenticated.prove(&CredentialMaterial::Keys(keys), configuration(), &store, START);
            let text = String::from_utf8_lossy(response.body());
            assert!(
                proved.is_err() || text.contains("ZOBsEwWxP4r1p4p6X0xR3AvHhSOaGajHY6cZnp9zeQc") || text.contains("\\u")
            );
        }
        Err(_) => assert!(store.values().is_empty(), "refused keys were kept"),
    }
}

static ASSERTION: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({
        "iss": "remote", "sub": "remote", "aud": "https://gateway.example", "jti": "1", "exp": START.seconds() + 60,
    });
    form_urlencoded::Serializer::new(String::new())
        .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        .append_pair("client_assertion", signed(None, &claims).expose())
        .finish()
});

fn remote(store: &MemoryStore) -> UnauthenticatedClient {
    let presented =
        PresentedCredentials::parse(&HeaderMap::new(), &Parameters::parse(&ASSERTION)).expect("credentials");
    let client =
        Client::find(presented.client_id(), configuration(), keys(), store, START).expect("a configured client");
    presented.of(client).expect("its method")
}

fn kept_for_no_longer_than_it_says(headers: &HeaderMap) {
    let request = http::Request::new(());
    let mut response = Response::new(());
    *response.headers_mut() = headers.clone();
    let of = |response: &Response<()>, default, most| lifetime(&request, response, START, default, most);
    let seconds = of(&response, HOUR, DAY);
    assert!(seconds <= DAY && of(&response, HOUR, HOUR) <= HOUR && of(&response, HOUR, 0) == 0);
    assert_eq!(of(&response, HOUR, HOUR), seconds.min(HOUR));
    let texts: Vec<_> = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).collect();
    let text = texts.join(",").to_ascii_lowercase();
    let mut directives = text.split(',').map(str::trim);
    let quoted = text.contains('"');
    if !quoted && directives.any(|directive| ["no-store", "no-cache", "private"].contains(&directive)) {
        assert_eq!(seconds, 0, "{text}");
    }
    if headers.get(VARY).is_some_and(|value| value == "*") {
        assert_eq!(seconds, 0, "{text}");
    }
    if !headers.contains_key(CACHE_CONTROL) && !headers.contains_key(EXPIRES) && !headers.contains_key(VARY) {
        assert!(seconds <= HOUR, "longer than where nothing is said");
    }
    if let Some(longest) = text.strip_prefix("max-age=").and_then(|age| age.parse::<u64>().ok()) {
        assert!(seconds <= longest, "{text}");
    }
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    assert_eq!(of(&response, HOUR, DAY), 0);
}

fn assert_harmless(client: &Client) {
    assert!((1..=16).contains(&client.redirect_uris.len()));
    client.redirect_uris.iter().for_each(assert_safe);
    assert!(!client.client_name.as_str().chars().any(char::is_control));
    assert!(!client.may(GrantType::ClientCredentials) && !client.may(GrantType::JwtBearer));
    assert!(client.may(GrantType::AuthorizationCode) && !client.may_introspect && client.scopes.is_empty());
}
