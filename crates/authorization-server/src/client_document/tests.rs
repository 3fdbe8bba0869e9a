use crate::client::Client;
use crate::client_lookup::by_document;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::MemoryStore;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client_authentication::ClientAuthentication;
use crate::example::{Counting, World, key_ring};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const ID: &str = "https://client.example.com/oauth/metadata.json";
const DOCUMENT_TEXT: &str = r#"{"client_id":"https://client.example.com/oauth/metadata.json","client_name":"A client",
    "redirect_uris":["http://localhost/callback","https://client.example.com/cb"],"unknown":{"member":true}}"#;

fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

fn at<'a>(now: UnixTime, store: &'a MemoryStore, keys: &'a KeyRing) -> DocumentCache<'a, MemoryStore> {
    store.set_now(now);
    DocumentCache { store, keys, now }
}

struct Site {
    store: MemoryStore,
    keys: KeyRing,
    configuration: Configuration,
    url: DocumentUrl,
    entropy: Counting,
}

impl Site {
    fn new() -> Self {
        let World { configuration, entropy, .. } = World::new();
        let url = DocumentUrl::parse(&client_id(ID), &configuration).unwrap();
        Self { store: MemoryStore::at(NOW), keys: key_ring('A'), configuration, url, entropy }
    }

    /// Reads an answer for a client that is known.
    fn keep(&mut self, answer: &Response<Vec<u8>>, now: UnixTime) -> Result<(), DocumentRejection> {
        let documents = at(now, &self.store, &self.keys);
        match self.url.read(answer, &self.configuration, now) {
            Ok(read) => {
                self.url.keep(&read, &documents, &mut self.entropy).unwrap();
                Ok(())
            }
            Err(rejection) => {
                self.url.refuse(&rejection, &documents).unwrap();
                Err(rejection)
            }
        }
    }

    fn kept(&self, now: UnixTime) -> Option<Client> {
        self.client(None, now)
    }

    fn client(&self, read: Option<&ReadDocument>, now: UnixTime) -> Option<Client> {
        by_document(self.url.clone(), read, &self.configuration, &at(now, &self.store, &self.keys)).unwrap()
    }

    fn acquaintance(&self, now: UnixTime) -> Option<Acquaintance> {
        self.url.needs_reading(&at(now, &self.store, &self.keys)).unwrap()
    }

    fn needs_reading(&self, now: UnixTime) -> bool {
        self.acquaintance(now).is_some()
    }
}

fn answer(status: u16, content_type: &'static str, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn with(members: serde_json::Value) -> Response<Vec<u8>> {
    let mut document: serde_json::Value = serde_json::from_str(DOCUMENT_TEXT).unwrap();
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    answer(200, "application/json", &document.to_string())
}

fn cached(cache_control: &'static str) -> Response<Vec<u8>> {
    let mut response = answer(200, "application/json; charset=utf-8", DOCUMENT_TEXT);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
    response
}

/// Public keys of the examples of RFC 7517, appendix A.1.
fn jwks() -> serde_json::Value {
    json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})
}

#[test]
fn a_document_may_be_fetched_where_its_url_is_public_and_documents_are_enabled() {
    let mut configuration = World::new().configuration;
    let parse = |id: &str, configuration: &Configuration| DocumentUrl::parse(&client_id(id), configuration);
    assert_eq!(parse(ID, &configuration).unwrap().request().uri(), ID);
    for bad in
        ["https://127.0.0.1/a", "https://client.example.com/", "http://localhost:4000/a", "https://a.localhost/b"]
    {
        assert!(DocumentUrl::names_a_document(&client_id(bad)), "{bad}");
        assert_eq!(parse(bad, &configuration), Err(DocumentRejection::Url), "{bad}");
    }
    configuration.client_documents.enabled = false;
    assert_eq!(parse(ID, &configuration), Err(DocumentRejection::Disabled));
    assert!(!DocumentUrl::names_a_document(&client_id("1795000000-abc")));
}

#[test]
fn a_document_is_a_client_while_it_is_fresh_and_for_a_flow_longer() {
    for (cache_control, fresh) in
        [("public", 3600), ("max-age=60", 60), ("max-age=0", 0), ("no-store", 0), ("max-age=31536000", 86_400 - 3600)]
    {
        let mut site = Site::new();
        assert!(site.kept(NOW).is_none() && site.needs_reading(NOW));
        site.keep(&cached(cache_control), NOW).unwrap();
        let client = site.kept(NOW).unwrap();
        assert_eq!((client.client_id.as_str(), client.client_name.as_str()), (ID, "A client"));
        assert_eq!(client.redirect_uris.len(), 2);
        assert!(client.may(gatehouse_configuration::GrantType::RefreshToken) && !client.is_configured);
        if fresh > 0 {
            assert!(!site.needs_reading(NOW.plus(fresh - 1)), "{cache_control}");
        }
        assert!(site.needs_reading(NOW.plus(fresh)), "{cache_control}: a flow begins with a fresh document");
        assert!(!site.needs_reading(NOW.plus(fresh)), "{cache_control}: once a minute");
        assert!(site.kept(NOW.plus(fresh + 3599)).is_some(), "{cache_control}: one that began ends with it");
        assert!(site.kept(NOW.plus(fresh + 3600)).is_none(), "{cache_control}");
    }
}

#[test]
fn a_document_that_is_refused_is_not_kept_and_ends_what_was_kept() {
    let edited = |from: &str, to: &str| answer(200, "application/json", &DOCUMENT_TEXT.replacen(from, to, 1));
    let method = |method: &str| with(json!({ "token_endpoint_auth_method": method }));
    for (answer, expected) in [
        (answer(302, "application/json", DOCUMENT_TEXT), DocumentRejection::Status(302)),
        (answer(404, "application/json", DOCUMENT_TEXT), DocumentRejection::Status(404)),
        (answer(200, "text/html", DOCUMENT_TEXT), DocumentRejection::MediaType),
        (edited("oauth/metadata", "oauth/other"), DocumentRejection::OtherClient),
        (edited("A client", "A\\u202eclient"), DocumentRejection::ClientName),
        (edited("http://localhost/callback", "http://evil.example/callback"), DocumentRejection::RedirectUris),
        (edited("https://client.example.com/cb", "https://gateway.example/callback"), DocumentRejection::RedirectUris),
        (with(json!({ "client_secret": "x" })), DocumentRejection::Authentication),
        (method("client_secret_basic"), DocumentRejection::Authentication),
        (method("client_secret_post"), DocumentRejection::Authentication),
        (method("client_secret_jwt"), DocumentRejection::Authentication),
        (method("private_key_jwt"), DocumentRejection::Keys),
    ] {
        let mut site = Site::new();
        let before = site.store.snapshot();
        assert_eq!(site.keep(&answer, NOW), Err(expected.clone()));
        assert_eq!(site.store.snapshot(), before);
        site.keep(&cached("max-age=60"), NOW).unwrap();
        assert_eq!(site.keep(&answer, NOW.plus(60)), Err(expected));
        assert!(site.kept(NOW.plus(60)).is_none());
    }
    let broken = Site::new().keep(&answer(200, "application/json", "{"), NOW);
    assert_eq!(broken, Err(DocumentRejection::NotMetadata { line: 1, column: 1 }));
}

/// A stranger can name any number of documents.
#[test]
fn what_is_read_for_a_page_is_kept_only_once_the_client_is_used() {
    let mut site = Site::new();
    let before = site.store.snapshot();
    let read = site.url.read(&cached("max-age=60"), &site.configuration, NOW).unwrap();
    assert_eq!(site.acquaintance(NOW), Some(Acquaintance::New));
    let client = site.client(Some(&read), NOW).unwrap();
    assert_eq!(client.client_name.as_str(), "A client");
    assert!(
        site.client(Some(&read), NOW.plus(60 + 3599)).is_some()
            && site.client(Some(&read), NOW.plus(60 + 3600)).is_none()
    );
    assert!(site.kept(NOW).is_none());
    assert_eq!(site.store.snapshot(), before);

    site.store.set_now(NOW);
    client.note_use(&site.keys, &site.store, NOW, &mut site.entropy).unwrap();
    assert!(site.kept(NOW).is_some() && !site.needs_reading(NOW.plus(59)));
    let rows = site.store.list(None).unwrap().keys.len();
    assert_eq!(rows, 2, "the document, and that it is known");
    let before = site.store.snapshot();
    site.kept(NOW.plus(59)).unwrap().note_use(&site.keys, &site.store, NOW.plus(59), &mut site.entropy).unwrap();
    assert_eq!(site.store.snapshot(), before, "there is nothing more to note");
    // The document is gone, the acquaintance is not.
    for later in [2 * 86_400, 90 * 86_400 - 1] {
        assert_eq!(site.acquaintance(NOW.plus(later)), Some(Acquaintance::Known), "{later}");
    }
    assert_eq!(site.acquaintance(NOW.plus(180 * 86_400)), Some(Acquaintance::New));
}

/// A page may be open while the document changes.
#[test]
fn of_two_documents_the_one_counts_that_was_read_later() {
    let mut site = Site::new();
    let old = site.url.read(&cached("max-age=3600"), &site.configuration, NOW).unwrap();
    let newer = with(json!({ "client_name": "Another name", "redirect_uris": ["https://client.example.com/new"] }));
    site.keep(&newer, NOW.plus(1)).unwrap();
    let client = site.client(Some(&old), NOW.plus(2)).unwrap();
    assert_eq!(client.client_name.as_str(), "Another name");
    let documents = at(NOW.plus(2), &site.store, &site.keys);
    site.url.keep(&old, &documents, &mut site.entropy).unwrap();
    assert_eq!(site.kept(NOW.plus(2)).unwrap().client_name.as_str(), "Another name", "what is old does not come back");
    let newest = site.url.read(&cached("max-age=3600"), &site.configuration, NOW.plus(3)).unwrap();
    assert_eq!(site.client(Some(&newest), NOW.plus(3)).unwrap().client_name.as_str(), "A client");
}

#[test]
fn a_site_that_merely_fails_says_nothing_about_its_client() {
    let mut site = Site::new();
    site.keep(&cached("max-age=60"), NOW).unwrap();
    let failure = answer(503, "text/html", "");
    assert_eq!(site.keep(&failure, NOW.plus(60)), Err(DocumentRejection::Status(503)));
    assert!(site.kept(NOW.plus(60)).is_some(), "flows that began can end");
    assert!(site.kept(NOW.plus(60 + 3600)).is_none());
}

#[test]
fn a_client_signs_with_the_keys_that_its_document_names() {
    let signs = |members: serde_json::Value| {
        let mut members = members;
        members["token_endpoint_auth_method"] = json!("private_key_jwt");
        let mut site = Site::new();
        site.keep(&with(members), NOW).map(|()| site.kept(NOW).unwrap().authentication)
    };
    let inline = signs(json!({ "jwks": jwks() })).unwrap();
    assert!(matches!(inline, ClientAuthentication::PrivateKeyJwt(gatehouse_configuration::ClientKeys::Inline(_))));
    let uri = "https://client.example.com/jwks.json";
    let ClientAuthentication::PrivateKeyJwt(at) = signs(json!({ "jwks_uri": uri })).unwrap() else { panic!() };
    assert_eq!(at, gatehouse_configuration::ClientKeys::At(uri.to_owned()));
    for bad in [
        json!({}),
        json!({ "jwks": { "keys": [] } }),
        json!({ "jwks": "" }),
        json!({ "jwks_uri": "https://127.0.0.1/jwks.json" }),
        json!({ "jwks_uri": "http://client.example.com/jwks.json" }),
        json!({ "jwks": jwks(), "jwks_uri": uri }),
    ] {
        assert_eq!(signs(bad.clone()).unwrap_err(), DocumentRejection::Keys, "{bad}");
    }
    // RFC 7517, section 4.2: a symmetric key is no key of this kind.
    let symmetric = json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMko" }] } });
    assert_eq!(signs(symmetric).unwrap_err(), DocumentRejection::Keys);
}

#[test]
fn whoever_can_write_to_the_store_cannot_say_where_codes_go() {
    let mut site = Site::new();
    site.keep(&cached("max-age=60"), NOW).unwrap();
    site.keys = key_ring('B');
    assert!(site.kept(NOW).is_none() && site.needs_reading(NOW));
}

proptest! {
    #[test]
    fn any_document_is_refused_or_a_client_with_usable_redirect_uris(
        name in prop::option::of(".{0,140}"),
        uris in prop::collection::vec("(https?|cursor|javascript)://[a-z.]{0,12}(localhost)?/[!-~]{0,8}", 0..18),
        method in prop::option::of("none|private_key_jwt|client_secret_(basic|post)|.{0,12}"),
    ) {
        let mut site = Site::new();
        let before = site.store.snapshot();
        let document = json!({ "client_id": ID, "client_name": name, "redirect_uris": uris,
            "token_endpoint_auth_method": method });
        match site.keep(&answer(200, "application/json", &document.to_string()), NOW) {
            Ok(()) => {
                let client = site.kept(NOW).unwrap();
                prop_assert_eq!(client.redirect_uris.len(), uris.len());
                prop_assert!(client.redirect_uris.iter().all(|uri| uri.as_str().starts_with("https://") || uri.is_loopback()));
                prop_assert!(matches!(client.authentication, ClientAuthentication::None));
            }
            Err(_) => prop_assert_eq!(site.store.snapshot(), before),
        }
    }

    #[test]
    fn any_bytes_are_no_client(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut site = Site::new();
        let mut response = answer(200, "application/json", "");
        *response.body_mut() = body;
        prop_assert!(site.keep(&response, NOW).is_err());
    }
}
