use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{ISSUER, metadata_document, provider};

fn read(document: &Value) -> Result<ProviderMetadata, MetadataRejection> {
    ProviderMetadata::from_json(document.to_string().as_bytes(), ISSUER)
}

fn changed(member: &str, value: Value) -> Value {
    let mut document = metadata_document();
    document[member] = value;
    document
}

#[test]
fn the_metadata_is_looked_for_where_discovery_section_4_says() {
    for (issuer, location) in [
        ("https://example.com", "https://example.com/.well-known/openid-configuration"),
        ("https://example.com/", "https://example.com/.well-known/openid-configuration"),
        ("https://example.com/issuer1", "https://example.com/issuer1/.well-known/openid-configuration"),
        ("https://example.com/issuer1/", "https://example.com/issuer1/.well-known/openid-configuration"),
        ("http://127.0.0.1:3001", "http://127.0.0.1:3001/.well-known/openid-configuration"),
    ] {
        let request = discovery_request(&IdentityProvider { issuer: issuer.to_owned(), ..provider() }).unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", location));
        assert_eq!(request.headers()["accept"], "application/json");
    }
}

#[test]
fn no_request_is_made_for_an_issuer_that_is_not_safe() {
    for issuer in ["", "example.com", "http://example.com", "https://example.com#a", "https://u@example.com"] {
        let request = discovery_request(&IdentityProvider { issuer: issuer.to_owned(), ..provider() });
        assert!(matches!(request, Err(MetadataRejection::Endpoint { member: "issuer", .. })), "{issuer}");
        let metadata_url = Some(issuer.to_owned());
        let request = discovery_request(&IdentityProvider { metadata_url, ..provider() });
        assert!(matches!(request, Err(MetadataRejection::Endpoint { member: "metadata_url", .. })), "{issuer}");
    }
}

#[test]
fn the_metadata_is_looked_for_where_the_operator_says() {
    let metadata_url = "https://op.example/api/auth/.well-known/openid-configuration?p=1";
    let request = discovery_request(&IdentityProvider { metadata_url: Some(metadata_url.to_owned()), ..provider() });
    assert_eq!(request.unwrap().uri().to_string(), metadata_url);
}

/// better-auth 1.6: the metadata at `BASE/api/auth` is of the issuer `BASE`, where there is none.
#[test]
fn what_leads_from_one_wrong_issuer_to_another_says_what_to_set() {
    let other = read(&changed("issuer", "https://op.example/".into())).unwrap_err().to_string();
    assert!(
        other.contains("issuer https://op.example/: set issuer to that") && other.contains("metadata_url"),
        "{other}"
    );
    let answered = |status| MetadataRejection::from(AnswerRejection::Status(status)).to_string();
    assert!(answered(StatusCode::NOT_FOUND).ends_with(
        "404 Not Found: issuer is wrong, or the provider has its metadata elsewhere, which metadata_url can say"
    ));
    assert_eq!(answered(StatusCode::BAD_GATEWAY), "the metadata endpoint answered with status 502 Bad Gateway");
    let page = ProviderMetadata::from_json(b"<!doctype html>", "https://op.example").unwrap_err().to_string();
    assert!(page.contains("metadata_url"), "{page}");
}

/// OpenID Connect Discovery, section 4.2, without what we do not read.
#[test]
fn the_example_of_the_specification_is_read() {
    let document = json!({
        "issuer": "https://server.example.com",
        "authorization_endpoint": "https://server.example.com/connect/authorize",
        "token_endpoint": "https://server.example.com/connect/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "userinfo_endpoint": "https://server.example.com/connect/userinfo",
        "jwks_uri": "https://server.example.com/jwks.json",
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
        "response_types_supported": ["code", "code id_token", "id_token", "id_token token"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
        "claims_parameter_supported": true,
        "ui_locales_supported": ["en-US", "en-GB", "en-CA", "fr-FR", "fr-CA"]
    });
    let response = Response::new(document.to_string().into_bytes());
    let metadata = ProviderMetadata::parse(&response, "https://server.example.com").unwrap();
    assert_eq!(metadata.issuer(), "https://server.example.com");
    assert_eq!(metadata.authorization_endpoint().to_string(), "https://server.example.com/connect/authorize");
    assert_eq!(metadata.token_endpoint().to_string(), "https://server.example.com/connect/token");
    assert_eq!(metadata.jwks_uri().to_string(), "https://server.example.com/jwks.json");
    assert_eq!(metadata.id_token_algorithms(), [SigningAlgorithm::Rs256, SigningAlgorithm::Es256]);
    assert_eq!(metadata.token_endpoint_auth_methods().unwrap().len(), 2);
    assert!(!metadata.names_itself_in_answers());
}

#[test]
fn what_the_provider_does_not_say_has_the_default_of_the_specification() {
    let metadata = read(&metadata_document()).unwrap();
    assert_eq!(metadata.id_token_algorithms(), SigningAlgorithm::ALL);
    assert_eq!(metadata.token_endpoint_auth_methods(), None);
    assert!(!metadata.names_itself_in_answers());
    let document = changed("authorization_response_iss_parameter_supported", true.into());
    assert!(read(&document).unwrap().names_itself_in_answers());
}

#[test]
fn only_the_configured_issuer_is_taken_letter_by_letter() {
    for other in ["https://op.example/", "https://OP.example", "https://op.example:443", "https://attacker.example", ""]
    {
        let rejection = read(&changed("issuer", other.into())).unwrap_err();
        assert_eq!(rejection, MetadataRejection::IssuerDiffers { found: LogText::new(other) });
    }
}

#[test]
fn every_endpoint_must_be_there() {
    for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let mut document = metadata_document();
        document.as_object_mut().unwrap().remove(member);
        assert_eq!(read(&document), Err(MetadataRejection::Missing(member)));
        assert_eq!(read(&changed(member, Value::Null)), Err(MetadataRejection::Missing(member)));
    }
}

#[test]
fn every_endpoint_must_be_safe() {
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for (url, problem) in [
            ("http://op.example/x", InvalidEndpoint::Insecure),
            ("http://127.0.0.1/x", InvalidEndpoint::Insecure),
            ("/x", InvalidEndpoint::NotAUrl),
            ("https://op.example/x#y", InvalidEndpoint::MoreThanAUrl),
        ] {
            assert_eq!(read(&changed(member, url.into())), Err(invalid(member, problem)), "{url}");
        }
    }
}

#[test]
fn a_provider_on_this_machine_may_use_http_but_only_here() {
    let issuer = "http://localhost:3001";
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": "http://localhost:3001/authorize",
        "token_endpoint": "http://127.0.0.1:3001/token",
        "jwks_uri": "http://localhost:3001/jwks",
    });
    assert!(ProviderMetadata::from_json(document.to_string().as_bytes(), issuer).is_ok());
    document["token_endpoint"] = "http://op.example/token".into();
    let rejection = ProviderMetadata::from_json(document.to_string().as_bytes(), issuer);
    assert_eq!(rejection, Err(invalid("token_endpoint", InvalidEndpoint::Insecure)));
}

#[test]
fn a_provider_that_signs_with_nothing_we_accept_is_refused_at_once() {
    let rejection = read(&changed("id_token_signing_alg_values_supported", json!(["HS256", "ES512"]))).unwrap_err();
    let text = rejection.to_string();
    assert!(
        text.contains("supported HS256,ES512; what is accepted is RS256, RS384") && text.ends_with("Ed25519"),
        "{text}"
    );
    for values in [json!([]), json!(["none"]), json!(["HS256", "none", "RS1"])] {
        let document = changed("id_token_signing_alg_values_supported", values);
        assert!(matches!(read(&document), Err(MetadataRejection::NoUsableAlgorithm { .. })));
    }
}

#[test]
fn only_a_200_with_json_of_the_right_types_is_metadata() {
    for status in [StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::NO_CONTENT, StatusCode::BAD_GATEWAY] {
        let mut response = Response::new(metadata_document().to_string().into_bytes());
        *response.status_mut() = status;
        let rejection = ProviderMetadata::parse(&response, ISSUER).unwrap_err();
        assert_eq!(rejection, AnswerRejection::Status(status).into());
    }
    for body in ["", "<html>", "[]", "null", "{\"issuer\":1}", "{\"issuer\":\"a\",\"issuer\":\"b\"}", "{}{}"] {
        let rejection = ProviderMetadata::from_json(body.as_bytes(), ISSUER).unwrap_err();
        assert!(matches!(rejection, MetadataRejection::Answer(AnswerRejection::Json { .. })), "{body}");
    }
}

proptest! {
    #[test]
    fn metadata_with_any_endpoint_is_refused_or_leads_to_safe_endpoints(url in "https?:/{0,3}[a-z0-9.:@/?#]{0,30}") {
        if let Ok(metadata) = read(&changed("token_endpoint", Value::from(url))) {
            prop_assert!(!metadata.token_endpoint().is_plain_http());
            prop_assert_eq!(metadata.issuer(), ISSUER);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_metadata_of_the_configured_issuer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ProviderMetadata::from_json(&bytes, ISSUER).is_err());
    }
}

/// A provider that names our own authorization endpoint as its own would ask us in our own name.
#[test]
fn metadata_whose_urls_lead_to_ourselves_is_refused_unless_the_provider_is_there_itself() {
    let own = WebOrigin::parse("https://gateway.example").unwrap();
    assert!(read(&metadata_document()).unwrap().away_from(&own).is_ok());
    for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for url in [
            "https://gateway.example/authorize?client_id=victim",
            "https://GATEWAY.example:443/",
            "https://gateway.example./",
            "https://g%61teway.example/",
        ] {
            let refused = read(&changed(member, url.into())).unwrap().away_from(&own);
            assert_eq!(refused, Err(invalid(member, InvalidEndpoint::OwnOrigin)), "{url}");
        }
        let beside = read(&changed(member, "https://gateway.example:8443/".into())).unwrap();
        assert!(beside.away_from(&own).is_ok(), "{member}");
    }
    let shared = "https://gateway.example/realms/main";
    let mut document = metadata_document();
    document["issuer"] = shared.into();
    document["authorization_endpoint"] = format!("{shared}/authorize").into();
    let metadata = ProviderMetadata::from_json(document.to_string().as_bytes(), shared).unwrap();
    assert!(metadata.away_from(&own).is_ok());
}
