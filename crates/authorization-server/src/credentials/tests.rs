use gatehouse_jose::{SigningHeader, SigningKey, TimeClaims};
use gatehouse_storage::memory::MemoryStore;
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example::{CONFIGURED, Counting, START, World, client_id, fits_error_description, secret_name};

const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";
const JWKS: &str = include_str!("../../../jose/test-keys/jwks.json");

fn key(pem: &str) -> SigningKey {
    SigningKey::from_pem(&SecretString::new(pem.to_owned())).unwrap()
}

fn own_key() -> SigningKey {
    key(include_str!("../../../jose/test-keys/p256.pem"))
}

/// A request's header and form.
fn request(header: Option<&str>, form: &[(&str, &str)]) -> (HeaderMap, Parameters) {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header.as_bytes()).unwrap());
    }
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    (headers, Parameters::parse(&form))
}

fn present(header: Option<&str>, form: &[(&str, &str)]) -> Result<PresentedCredentials, ClientRejection> {
    let (headers, form) = request(header, form);
    PresentedCredentials::parse(&headers, &form)
}

fn basic_header(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

fn client_with(authentication: ClientAuthentication) -> Client {
    let world = World::new();
    let found = Client::find(&client_id(CONFIGURED), &world.configuration, &world.keys, &world.store, START);
    Client { authentication, ..found.unwrap() }
}

fn digest() -> ClientSecret {
    ClientSecret::Digest(SecretDigest::of(&SecretString::new(SECRET.to_owned())))
}

fn prove(
    presented: PresentedCredentials,
    client: Client,
    material: &CredentialMaterial,
    store: &MemoryStore,
) -> Result<AuthenticatedClient, ClientRejection> {
    presented.of(client)?.prove(material, &World::new().configuration, store, START)
}

/// RFC 6749, sections 2.3.1 and 4.1.3: the example's header.
#[test]
fn id_and_secret_are_read_from_the_header() {
    let presented = present(Some("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"), &[]).unwrap();
    assert_eq!(presented.client_id().as_str(), "s6BhdRkqt3");
    let Proof::SecretBasic(secret) = presented.proof else { panic!() };
    assert_eq!(secret.decoded.unwrap().expose(), SECRET);
}

/// Both parts are form-encoded before they are joined, so that a colon in an id does not end it.
#[test]
fn id_and_secret_in_the_header_are_form_encoded() {
    for (text, id, secret) in [
        ("a:b", "a", "b"),
        ("a:b:c", "a", "b:c"),
        ("a%3Ab:c%25d", "a:b", "c%d"),
        ("a+b:c+d", "a b", "c d"),
        ("a:p%2Bq%3D%26", "a", "p+q=&"),
        ("a:", "a", ""),
    ] {
        let presented = present(Some(&basic_header(text)), &[]).unwrap();
        let Proof::SecretBasic(found) = presented.proof else { panic!() };
        assert_eq!((presented.client_id.as_str(), found.decoded.unwrap().expose()), (id, secret), "{text}");
    }
    assert!(present(Some("basic  YTpi"), &[]).is_ok());
}

#[test]
fn a_header_that_says_nothing_is_refused() {
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic YTpi=",
        "Bearer YTpi",
        "DPoP x",
        "YTpi",
        "Basic YQ==",
        "Basic /w==",
        "Basic YTol/w==",
    ] {
        assert_eq!(present(Some(header), &[("client_id", "a")]).unwrap_err(), ClientRejection::Header, "{header}");
    }
    let (mut headers, form) = request(Some("Basic YTpi"), &[]);
    headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
    assert_eq!(PresentedCredentials::parse(&headers, &form).unwrap_err(), ClientRejection::Header, "two headers");
    assert_eq!(present(Some(&basic_header("a%ff:b")), &[]).unwrap_err(), ClientRejection::Header);
    assert_eq!(present(Some(&basic_header("%C3%A9:b")), &[]).unwrap_err(), ClientRejection::UnknownClient);
}

/// RFC 6749, section 2.3: "The client MUST NOT use more than one authentication method in each request."
#[test]
fn several_methods_or_clients_in_one_request_are_refused() {
    let world = World::new();
    let assertion = assertion(&world.configuration, &json!({}));
    let with_assertion = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
    let header = basic_header("conformance:b");
    assert_eq!(present(Some(&header), &[("client_secret", "b")]).unwrap_err(), ClientRejection::SeveralMethods);
    assert_eq!(present(Some(&header), &with_assertion).unwrap_err(), ClientRejection::SeveralMethods);
    let mut both = with_assertion.to_vec();
    both.push(("client_secret", "b"));
    assert_eq!(present(None, &both).unwrap_err(), ClientRejection::SeveralMethods);
    for other in ["b", "Conformance", "conformance "] {
        let named = [("client_id", other)];
        assert_eq!(present(Some(&header), &named).unwrap_err(), ClientRejection::SeveralClients, "{other}");
        let mut form = with_assertion.to_vec();
        form.extend(named);
        assert_eq!(present(None, &form).unwrap_err(), ClientRejection::SeveralClients, "{other}");
    }
    for same in ["conformance", ""] {
        assert!(present(Some(&header), &[("client_id", same)]).is_ok(), "{same}");
    }
    for (form, name) in [
        (vec![("client_id", "a"), ("client_secret", "b"), ("client_secret", "c")], "client_secret"),
        (vec![("client_id", "a"), ("client_id", "a")], "client_id"),
        (vec![("client_assertion", "a"), ("client_assertion", "a")], "client_assertion"),
    ] {
        assert_eq!(present(None, &form).unwrap_err(), ParameterError::Doubled(name).into());
    }
    for (form, name) in [
        (vec![], "client_id"),
        (vec![("client_secret", "b")], "client_id"),
        (vec![("client_assertion", "a")], "client_assertion_type"),
        (vec![("client_assertion_type", ASSERTION_TYPE)], "client_assertion"),
    ] {
        assert_eq!(present(None, &form).unwrap_err(), ParameterError::Missing(name).into());
    }
    let saml = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
        ("client_assertion", "a"),
    ];
    assert_eq!(present(None, &saml).unwrap_err(), ClientRejection::AssertionType);
}

/// Otherwise whoever knows the weakest of a client's ways could choose it.
#[test]
fn a_client_authenticates_in_its_own_way_and_in_no_other() {
    let world = World::new();
    let assertion = assertion(&world.configuration, &json!({}));
    let header = basic_header(&format!("conformance:{SECRET}"));
    let presented = || {
        [
            (AuthenticationMethod::None, present(None, &[("client_id", CONFIGURED)]).unwrap()),
            (AuthenticationMethod::ClientSecretBasic, present(Some(&header), &[]).unwrap()),
            (
                AuthenticationMethod::ClientSecretPost,
                present(None, &[("client_id", CONFIGURED), ("client_secret", SECRET)]).unwrap(),
            ),
            (
                AuthenticationMethod::PrivateKeyJwt,
                present(None, &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &assertion)]).unwrap(),
            ),
        ]
    };
    for own in [
        ClientAuthentication::None,
        ClientAuthentication::SecretBasic(digest()),
        ClientAuthentication::SecretPost(digest()),
        ClientAuthentication::PrivateKeyJwt(ClientKeys::Inline(JWKS.to_owned())),
    ] {
        for (method, credentials) in presented() {
            let before = world.store.snapshot();
            let proved = prove(credentials, client_with(own.clone()), &CredentialMaterial::Nothing, &world.store);
            if method == own.method() {
                assert_eq!(proved.unwrap().is_confidential(), method != AuthenticationMethod::None, "{method}");
            } else {
                assert_eq!(proved.unwrap_err(), ClientRejection::OtherMethod(own.method()), "{method}");
                assert_eq!(world.store.snapshot(), before);
            }
        }
    }
    let other = Client { client_id: client_id("other"), ..client_with(ClientAuthentication::None) };
    let named = present(None, &[("client_id", CONFIGURED)]).unwrap();
    assert_eq!(named.of(other).unwrap_err(), ClientRejection::SeveralClients, "looked up under another id");
}

#[test]
fn only_the_whole_secret_is_the_secret() {
    let store = MemoryStore::at(START);
    let setting = ClientSecret::Setting(secret_name());
    let material = CredentialMaterial::Secret(SecretString::new(SECRET.to_owned()));
    for (known, material) in [(digest(), CredentialMaterial::Nothing), (setting.clone(), material)] {
        let judge = |secret: &str| {
            let presented = present(None, &[("client_id", CONFIGURED), ("client_secret", secret)]).unwrap();
            prove(presented, client_with(ClientAuthentication::SecretPost(known.clone())), &material, &store)
                .map(|_| ())
        };
        assert_eq!(judge(SECRET), Ok(()));
        for wrong in ["x", &SECRET[1..], &SECRET.to_lowercase(), &format!("{SECRET} "), &format!("{SECRET}{SECRET}")] {
            assert_eq!(judge(wrong), Err(ClientRejection::WrongSecret), "{wrong}");
        }
    }
    let client = client_with(ClientAuthentication::SecretBasic(setting));
    let empty = present(Some(&basic_header("conformance:")), &[]).unwrap();
    let unset = CredentialMaterial::Secret(SecretString::new(String::new()));
    assert_eq!(prove(empty, client.clone(), &unset, &store).unwrap_err(), ClientRejection::WrongSecret);
    let right = present(Some(&basic_header(&format!("conformance:{SECRET}"))), &[]).unwrap();
    let forgotten = prove(right, client, &CredentialMaterial::Nothing, &store).unwrap_err();
    assert!(matches!(forgotten, ClientRejection::Unavailable(_)), "what was not looked up denies");
}

#[test]
fn a_secret_in_the_header_may_be_form_encoded_or_as_it_is() {
    const ODD: &str = "a+b%20c%zz/=:ü";
    let store = MemoryStore::at(START);
    let known = ClientSecret::Digest(SecretDigest::of(&SecretString::new(ODD.to_owned())));
    let judge = |written: &str| {
        let presented = present(Some(&basic_header(&format!("conformance:{written}"))), &[]).unwrap();
        let client = client_with(ClientAuthentication::SecretBasic(known.clone()));
        prove(presented, client, &CredentialMaterial::Nothing, &store).map(|_| ())
    };
    let encoded: String = url::form_urlencoded::byte_serialize(ODD.as_bytes()).collect();
    assert_eq!((judge(ODD), judge(&encoded)), (Ok(()), Ok(())));
    for wrong in ["a+b c%zz/=:ü", "a b c%zz/=:ü", "%ff", "", &encoded.to_lowercase()] {
        assert_eq!(judge(wrong).is_ok(), wrong == encoded.to_lowercase(), "{wrong}");
    }
}

#[test]
fn what_is_needed_is_told_beforehand() {
    let needs = |authentication, form: &[(&str, &str)]| {
        let unauthenticated = present(None, form).unwrap().of(client_with(authentication)).unwrap();
        format!("{:?}", unauthenticated.needs())
    };
    let secret = [("client_id", CONFIGURED), ("client_secret", SECRET)];
    assert_eq!(needs(ClientAuthentication::None, &[("client_id", CONFIGURED)]), "Nothing");
    assert_eq!(needs(ClientAuthentication::SecretPost(digest()), &secret), "Nothing");
    let setting = ClientAuthentication::SecretPost(ClientSecret::Setting(secret_name()));
    assert!(needs(setting, &secret).contains("a_secret"));
    let text = assertion(&World::new().configuration, &json!({}));
    let signed = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", text.as_str())];
    let at = ClientKeys::At("https://client.example.com/jwks.json".to_owned());
    assert!(needs(ClientAuthentication::PrivateKeyJwt(at), &signed).contains("https://client.example.com/jwks.json"));
    assert_eq!(needs(ClientAuthentication::PrivateKeyJwt(ClientKeys::Inline(JWKS.to_owned())), &signed), "Nothing");
}

/// Claims of an assertion of the client, with `changes`; `null` removes one.
fn assertion(configuration: &Configuration, changes: &Value) -> String {
    signed(&own_key(), "p256", &claims(configuration, changes))
}

fn claims(configuration: &Configuration, changes: &Value) -> Value {
    let mut claims = json!({
        "iss": CONFIGURED,
        "sub": CONFIGURED,
        "aud": configuration.public_url.as_str(),
        "exp": START.plus(60).seconds(),
        "iat": START.seconds(),
        "jti": "1",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn signed(key: &SigningKey, kid: &str, claims: &Value) -> String {
    let header = SigningHeader { kid: Some(kid), ..SigningHeader::default() };
    let token = key.sign(&header, &TimeClaims::default(), claims, &mut Counting::default());
    token.unwrap().expose().to_owned()
}

fn prove_assertion(text: &str, store: &MemoryStore) -> Result<AuthenticatedClient, ClientRejection> {
    let presented = present(
        None,
        &[("client_id", CONFIGURED), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", text)],
    )?;
    let own = ClientAuthentication::PrivateKeyJwt(ClientKeys::Inline(JWKS.to_owned()));
    prove(presented, client_with(own), &CredentialMaterial::Nothing, store)
}

#[test]
fn an_assertion_for_our_issuer_alone_proves_its_client() {
    let World { configuration, store, .. } = World::new();
    for (number, audience) in
        [json!("https://gateway.example"), json!(["https://gateway.example"])].into_iter().enumerate()
    {
        let text = assertion(&configuration, &json!({ "aud": audience, "jti": format!("{number}") }));
        assert!(prove_assertion(&text, &store).unwrap().is_confidential(), "{audience}");
    }
    assert!(prove_assertion(&assertion(&configuration, &json!({ "jti": "no iat", "iat": null })), &store).is_ok());
    let latest = json!({ "jti": "ten minutes", "exp": START.plus(600).seconds() });
    assert!(prove_assertion(&assertion(&configuration, &latest), &store).is_ok());
}

#[test]
fn an_assertion_that_is_not_the_clients_for_us_now_proves_nothing_and_is_not_used_up() {
    let World { configuration, store, .. } = World::new();
    let before = store.snapshot();
    use ClientAssertionRejection as Reason;
    for (changes, expected) in [
        (json!({ "iss": "other" }), Some(Reason::OtherClient)),
        (json!({ "aud": "https://other.example" }), Some(Reason::Audience)),
        (json!({ "aud": "https://gateway.example/" }), Some(Reason::Audience)),
        (json!({ "aud": "https://gateway.example/revoke" }), Some(Reason::Audience)),
        (json!({ "aud": "https://gateway.example/token" }), Some(Reason::Audience)),
        (json!({ "aud": ["https://other.example", "https://gateway.example"] }), Some(Reason::Audience)),
        (json!({ "aud": ["https://gateway.example", "https://gateway.example/token"] }), Some(Reason::Audience)),
        (json!({ "aud": [] }), Some(Reason::Audience)),
        (json!({ "jti": null }), Some(Reason::Unnamed)),
        (json!({ "jti": "" }), Some(Reason::Unnamed)),
        (json!({ "exp": null }), None),
        (json!({ "exp": START.seconds() - 60 }), None),
        (json!({ "exp": START.plus(661).seconds() }), None),
        (json!({ "nbf": START.plus(61).seconds() }), None),
        (json!({ "iat": START.plus(61).seconds() }), None),
    ] {
        let ClientRejection::Assertion(reason) =
            prove_assertion(&assertion(&configuration, &changes), &store).unwrap_err()
        else {
            panic!("{changes}")
        };
        match expected {
            Some(expected) => assert_eq!(reason, expected, "{changes}"),
            None => assert!(matches!(reason, Reason::Time(_)), "{changes}: {reason:?}"),
        }
        assert_eq!(store.snapshot(), before, "{changes}");
        assert_eq!(ClientRejection::Assertion(reason).to_wire(), unauthenticated());
    }
    let other_sub = assertion(&configuration, &json!({ "sub": "other" }));
    assert_eq!(prove_assertion(&other_sub, &store).unwrap_err(), ClientRejection::SeveralClients);
    let genuine = assertion(&configuration, &json!({}));
    assert!(prove_assertion(&genuine, &store).is_ok(), "its owner can still use it");
}

#[test]
fn an_assertion_signed_by_another_or_with_a_name_for_no_signature_is_refused() {
    let World { configuration, store, .. } = World::new();
    let before = store.snapshot();
    let claims = claims(&configuration, &json!({}));
    let other = key(include_str!("../../../jose/test-keys/ed25519.pem"));
    for forged in [signed(&other, "p256", &claims), signed(&own_key(), "p384", &claims)] {
        assert!(matches!(prove_assertion(&forged, &store), Err(ClientRejection::Assertion(_))));
    }
    let encode = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "HS256"] {
        let unsigned = format!("{}.{}.", encode(&json!({ "alg": algorithm })), encode(&claims));
        assert!(matches!(prove_assertion(&unsigned, &store), Err(ClientRejection::Assertion(_))), "{algorithm}");
    }
    assert_eq!(store.snapshot(), before);
    let unknown = prove_assertion(&signed(&own_key(), "new", &claims), &store).unwrap_err();
    assert!(unknown.fresh_keys_may_help());
    assert!(!ClientRejection::WrongSecret.fresh_keys_may_help());
}

#[test]
fn an_assertion_works_once_until_it_is_refused_for_its_age() {
    let World { configuration, store, .. } = World::new();
    let text = assertion(&configuration, &json!({}));
    assert!(prove_assertion(&text, &store).is_ok());
    for _ in 0..3 {
        let replayed = prove_assertion(&text, &store).unwrap_err();
        assert_eq!(replayed, ClientRejection::Assertion(ClientAssertionRejection::Replayed));
    }
    let same_name = assertion(&configuration, &json!({ "aud": ["https://gateway.example"] }));
    assert!(prove_assertion(&same_name, &store).is_err(), "another token of the same name");
    assert!(prove_assertion(&assertion(&configuration, &json!({ "jti": "2" })), &store).is_ok());
    store.go_down();
    let down = prove_assertion(&assertion(&configuration, &json!({ "jti": "3" })), &store).unwrap_err();
    assert_eq!(down.to_wire().0, 503);
}

#[test]
fn every_rejection_fits_the_wire() {
    for rejection in [
        ClientRejection::Parameter(ParameterError::Missing("client_id")),
        ClientRejection::SeveralMethods,
        ClientRejection::Header,
        ClientRejection::SeveralClients,
        ClientRejection::AssertionType,
        ClientRejection::UnknownClient,
        ClientRejection::OtherMethod(AuthenticationMethod::PrivateKeyJwt),
        ClientRejection::WrongSecret,
        ClientRejection::Keys("at 10.0.0.9".to_owned()),
        ClientRejection::NotNow { reason: "at 10.0.0.9".to_owned(), retry_after: 10 },
        ClientRejection::Unavailable("at 10.0.0.9".to_owned()),
    ] {
        let (status, code, description) = rejection.to_wire();
        assert!(fits_error_description(&description) && !description.contains("10.0.0.9"), "{description}");
        assert_eq!(status == 401, code == ErrorCode::InvalidClient, "{rejection:?}");
    }
}

#[test]
fn what_is_presented_is_not_printed() {
    let mut entropy = Counting::default();
    let secret = crate::client_authentication::generate_secret(&mut entropy);
    let presented = present(None, &[("client_id", "a"), ("client_secret", secret.expose())]).unwrap();
    assert!(!format!("{presented:?}").contains(secret.expose()));
}

proptest! {
    #[test]
    fn any_header_and_form_are_read_or_refused(header in "(Basic |bearer )?[ -~]{0,60}", form in "[ -~]{0,100}") {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&header).unwrap());
        for headers in [headers, HeaderMap::new()] {
            if let Err(rejection) = PresentedCredentials::parse(&headers, &Parameters::parse(&form)) {
                prop_assert!(fits_error_description(&rejection.to_wire().2));
            }
        }
    }

    #[test]
    fn any_id_and_secret_come_through_the_header(id in "[!-~]{1,40}", secret in ".{0,40}") {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let header = basic_header(&format!("{}:{}", encode(&id), encode(&secret)));
        let presented = present(Some(&header), &[]).unwrap();
        prop_assert_eq!(presented.client_id.as_str(), id.as_str());
        let Proof::SecretBasic(found) = presented.proof else { panic!() };
        let decoded = found.decoded.unwrap();
        prop_assert_eq!(decoded.expose(), secret.as_str());
    }
}
