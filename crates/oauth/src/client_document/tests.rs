use gatehouse_storage::memory::MemoryStore;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const ID: &str = "https://client.example.com/oauth/metadata.json";
const DOCUMENT_TEXT: &str = r#"{"client_id":"https://client.example.com/oauth/metadata.json","client_name":"A client",
    "redirect_uris":["http://localhost/callback","https://client.example.com/cb"],"unknown":{"member":true}}"#;

fn url(text: &str) -> Result<DocumentUrl, DocumentRejection> {
    DocumentUrl::parse(&ClientId::parse(text).unwrap())
}

fn configuration() -> Configuration {
    Configuration::parse(r#"{"public_url":"https://g.example","identity_provider":{"name":"a","issuer":"https://i.example","client_id":"b"},
        "upstreams":[{"path":"/mcp","url":"https://c.example/"}]}"#).unwrap()
}

fn answer(status: u16, content_type: &'static str, body: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(body.as_bytes().to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[test]
fn only_plain_https_urls_of_public_hosts_are_fetched() {
    for good in [ID, "https://client.example.com:8443/a", "https://xn--bcher-kva.example.com/a?b=c"] {
        assert_eq!(url(good).unwrap().request().uri(), good);
    }
    for bad in [
        "https://client.example.com",
        "https://client.example.com/",
        "http://client.example.com/a",
        "https://client.example.com/a#b",
        "https://u@client.example.com/a",
        "https://u:p@client.example.com/a",
        "https://client.example.com/a/../b",
        "https://client.example.com/./a",
        "https://CLIENT.example.com/a",
        "https://client.example.com:443/a",
        "https://client.example.com\\a/b",
        "https://127.0.0.1/a",
        "https://0x7f.1/a",
        "https://2130706433/a",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/a",
        "https://[::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://[64:ff9b::7f00:1]/a",
        "https://8.8.8.8/a",
        "https://localhost/a",
        "https://localhost./a",
        "https://x.localhost/a",
        "https://metadata/a",
        "https://metadata.google.internal/a",
        "https://printer.local/a",
        "https://router.home.arpa/a",
        "https:client.example.com/a",
        "https:///client.example.com/a",
    ] {
        assert_eq!(url(bad), Err(DocumentRejection::Url), "{bad}");
    }
}

#[test]
fn a_document_that_was_read_is_a_client_for_an_hour_or_two() {
    let (store, url, configuration) = (MemoryStore::at(NOW), url(ID).unwrap(), configuration());
    assert!(url.kept(&configuration, &store, NOW).unwrap().is_none());
    url.keep(&answer(200, "application/json; charset=utf-8", DOCUMENT_TEXT), &configuration, &store, NOW)
        .unwrap()
        .unwrap();
    let client = url.kept(&configuration, &store, NOW).unwrap().unwrap();
    assert_eq!((client.client_id.as_str(), client.client_name.as_str()), (ID, "A client"));
    assert_eq!(client.redirect_uris.len(), 2);
    assert!(client.refreshable && !client.is_configured);
    let later = NOW.plus(PERIOD_SECONDS);
    assert!(url.kept(&configuration, &store, later).unwrap().is_none(), "the next period reads it anew");
}

#[test]
fn a_document_that_is_refused_is_not_kept() {
    let (store, url, configuration) = (MemoryStore::at(NOW), url(ID).unwrap(), configuration());
    let edited = |from: &str, to: &str| DOCUMENT_TEXT.replacen(from, to, 1);
    let before = store.snapshot();
    for (answer, expected) in [
        (answer(302, "application/json", DOCUMENT_TEXT), DocumentRejection::Status(302)),
        (answer(404, "application/json", DOCUMENT_TEXT), DocumentRejection::Status(404)),
        (answer(200, "text/html", DOCUMENT_TEXT), DocumentRejection::MediaType),
        (answer(200, "application/json", &edited("oauth/metadata", "oauth/other")), DocumentRejection::OtherClient),
        (answer(200, "application/json", &edited("A client", "A\\u202eclient")), DocumentRejection::ClientName),
        (
            answer(200, "application/json", &edited("http://localhost/callback", "http://evil.example/callback")),
            DocumentRejection::RedirectUris,
        ),
        (
            answer(200, "application/json", &edited("https://client.example.com/cb", "https://g.example/callback")),
            DocumentRejection::RedirectUris,
        ),
        (
            answer(200, "application/json", &edited("\"unknown\"", "\"client_secret\"")),
            DocumentRejection::Authentication,
        ),
        (
            answer(
                200,
                "application/json",
                &edited("\"unknown\":{\"member\":true}", "\"token_endpoint_auth_method\":\"client_secret_basic\""),
            ),
            DocumentRejection::Authentication,
        ),
    ] {
        assert_eq!(url.keep(&answer, &configuration, &store, NOW).unwrap(), Err(expected));
        assert_eq!(store.snapshot(), before);
    }
    let broken = url.keep(&answer(200, "application/json", "{"), &configuration, &store, NOW).unwrap();
    assert!(matches!(broken, Err(DocumentRejection::NotMetadata(_))));
    assert_eq!(store.snapshot(), before);
}
