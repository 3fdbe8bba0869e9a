use gatehouse_configuration::GrantType;
use gatehouse_protocol::ClientId;
use gatehouse_storage::memory::FailingStore;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::example::{START, World, client_id, configuration_with, fits_error_description, secret_name};

fn attempt(world: &mut World, body: &str) -> Result<Registered, RegistrationRejection> {
    world.register_body(body.as_bytes())
}

/// The right to register where everybody has it.
fn open() -> InitialAccess {
    InitialAccess::check(None, None, &crate::example::configuration()).unwrap()
}

/// The body of the 201.
fn accepted(body: &Value) -> Value {
    serde_json::to_value(attempt(&mut World::new(), &body.to_string()).unwrap()).unwrap()
}

/// The rejection, and proof that nothing was stored.
fn refused(body: &str) -> RegistrationRejection {
    let mut world = World::new();
    let before = world.store.snapshot();
    let rejection = attempt(&mut world, body).unwrap_err();
    assert_eq!(world.store.snapshot(), before, "{body}");
    rejection
}

fn with_uri(uri: &str) -> String {
    json!({ "redirect_uris": ["https://client.example/cb", uri] }).to_string()
}

fn stored(client_id: &ClientId, world: &World) -> Client {
    Client::find(client_id, &world.configuration, &world.keys, &world.store, START).unwrap()
}

/// RFC 7591, section 3.1. What is not supported is answered with what is registered instead (section 3.2.1).
#[test]
fn the_example_of_rfc_7591_is_registered_with_a_secret() {
    let mut world = World::new();
    let registered = attempt(
        &mut world,
        r##"{
            "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
            "client_name": "My Example Client",
            "client_name#ja-Jpan-JP": "\u30AF\u30E9\u30A4\u30A2\u30F3\u30C8\u540D",
            "token_endpoint_auth_method": "client_secret_basic",
            "logo_uri": "https://client.example.org/logo.png",
            "jwks_uri": "https://client.example.org/my_public_keys.jwks",
            "example_extension_parameter": "example_value"
        }"##,
    )
    .unwrap();
    let id = client_id(registered.client_id());
    let answer = serde_json::to_value(&registered).unwrap();
    assert_eq!(
        answer,
        json!({
            "client_id": id.as_str(),
            "client_secret": answer["client_secret"],
            "client_secret_expires_at": 0,
            "client_id_issued_at": START.seconds(),
            "client_name": "My Example Client",
            "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
        })
    );
    let client = stored(&id, &world);
    assert_eq!(client.client_name.as_str(), "My Example Client");
    let uris: Vec<_> = client.redirect_uris.iter().map(RedirectUri::as_str).collect();
    assert_eq!(uris, ["https://client.example.org/callback", "https://client.example.org/callback2"]);
    assert!(client.may(GrantType::RefreshToken) && !client.is_configured);
}

/// RFC 7591, section 3.1.1: a software statement that the server does not understand may be ignored.
#[test]
fn a_software_statement_is_ignored() {
    let body = json!({
        "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
        "software_statement": "eyJhbGciOiJSUzI1NiJ9.eyJzb2Z0d2FyZV9pZCI6IjROUkIxLTBYWkFCWkk5RTYtNVNNM1IifQ.GHfL4QNIrQwL18BSRdE595T9jbzqa06R9BT8w409x9oIcKaZo_mt15riEXHa",
        "scope": "read write",
    });
    assert!(accepted(&body).get("software_statement").is_none());
}

/// An empty string where a URI is expected breaks Claude Code (anthropics/claude-code#13685); a secret makes it use
/// Basic.
#[test]
fn what_was_not_sent_is_not_in_the_response() {
    let response = accepted(&json!({ "redirect_uris": ["http://localhost:5000/cb"] }));
    let names: Vec<_> = response.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "client_id",
            "client_id_issued_at",
            "client_name",
            "grant_types",
            "redirect_uris",
            "response_types",
            "token_endpoint_auth_method"
        ]
    );
    assert_eq!(response["client_name"], "localhost:5000", "its one known trait");
}

#[test]
fn every_registration_gets_an_id_of_its_own() {
    let mut world = World::new();
    let body = json!({ "redirect_uris": ["https://client.example/cb"] }).to_string();
    let ids = [(); 3].map(|()| attempt(&mut world, &body).unwrap().client_id().to_owned());
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn the_redirect_uris_are_1_to_16() {
    let uris = |count: usize| (0..count).map(|number| format!("https://client.example/{number}")).collect::<Vec<_>>();
    assert_eq!(accepted(&json!({ "redirect_uris": uris(16) }))["redirect_uris"], json!(uris(16)));
    for body in [
        json!({ "redirect_uris": uris(17) }),
        json!({ "redirect_uris": [] }),
        json!({}),
        json!({ "redirect_uri": "https://client.example/" }),
    ] {
        let rejection = refused(&body.to_string());
        assert_eq!(rejection, RegistrationRejection::RedirectUriCount, "{body}");
        assert_eq!(rejection.to_wire().1, ErrorCode::InvalidRedirectUri);
    }
}

#[test]
fn a_redirect_uri_that_cannot_be_used_is_named_by_its_place() {
    use InvalidRedirectUri as Reason;
    for (uri, reason) in [
        ("", Reason::Malformed),
        ("/cb", Reason::Malformed),
        ("https:/client.example/cb", Reason::Malformed),
        ("https://client.example/\u{e9}", Reason::Malformed),
        ("http://client.example/cb", Reason::Scheme),
        ("cursor://anysphere.cursor-mcp/oauth/callback", Reason::Scheme),
        ("javascript://client.example/%0aalert(1)", Reason::Scheme),
        ("https://client.example/cb#", Reason::Fragment),
        ("https://client.example@evil.example/cb", Reason::UserInfo),
        ("https://gateway.example/callback", Reason::OwnOrigin),
        ("https://gateway.example:443/authorize?client_id=victim", Reason::OwnOrigin),
        ("https://GATEWAY.example./x/../callback", Reason::OwnOrigin),
        ("https://gateway%2eexample/", Reason::OwnOrigin),
        ("https://cli%65nt.example/cb", Reason::Host),
    ] {
        let rejection = refused(&with_uri(uri));
        assert_eq!(rejection, RegistrationRejection::RedirectUri { index: 1, reason }, "{uri}");
        assert_eq!(rejection.to_wire(), (400, ErrorCode::InvalidRedirectUri, format!("redirect_uris[1] {reason}")));
    }
    assert!(attempt(&mut World::new(), &with_uri("https://gateway.example:8443/callback")).is_ok());
}

#[test]
fn a_body_that_is_not_client_metadata_is_refused() {
    for body in [
        "",
        "{",
        "null",
        "1",
        r#""https://client.example/cb""#,
        "[]",
        r#"{"redirect_uris":["https://client.example/cb"]} x"#,
        r#"{"redirect_uris":"https://client.example/cb"}"#,
        r#"{"redirect_uris":{"0":"https://client.example/cb"}}"#,
        r#"{"redirect_uris":null}"#,
        r#"{"redirect_uris":[1]}"#,
        r#"{"redirect_uris":[["https://client.example/cb"]]}"#,
        r#"{"redirect_uris":["https://client.example/cb"],"client_name":1}"#,
        r#"{"redirect_uris":["https://client.example/cb"],"client_name":["a"]}"#,
        r#"{"redirect_uris":["https://client.example/cb"],"grant_types":"authorization_code"}"#,
        r#"{"redirect_uris":["https://client.example/cb"],"response_types":"code"}"#,
        r#"{"redirect_uris":["https://client.example/cb"],"response_types":[true]}"#,
        "redirect_uris=https://client.example/cb",
    ] {
        let rejection = refused(body);
        assert!(matches!(rejection, RegistrationRejection::NotMetadata(_)), "{body}: {rejection:?}");
        assert_eq!((rejection.to_wire().0, rejection.to_wire().1), (400, ErrorCode::InvalidClientMetadata), "{body}");
    }
    let (mut world, not_utf8) =
        (World::new(), b"{\"client_name\":\"\xff\",\"redirect_uris\":[\"https://client.example/cb\"]}");
    let rejection = world.register_body(not_utf8).unwrap_err();
    assert!(matches!(rejection, RegistrationRejection::NotMetadata(_)), "{rejection:?}");
}

/// Found by fuzzing: the parser's error has a backslash, or quotes what the client sent.
#[test]
fn what_is_wrong_with_the_metadata_is_said_in_characters_that_a_description_may_have() {
    for body in [
        "{\"client_name\":\"a\u{1}\"}",
        r#"{"redirect_uris":"é\u202e\\"}"#,
        &format!(r#"{{"client_name":["{}"]}}"#, "é".repeat(200)),
    ] {
        let (status, code, description) = refused(body).to_wire();
        assert_eq!((status, code), (400, ErrorCode::InvalidClientMetadata), "{body}");
        assert!(fits_error_description(&description), "{description}");
    }
}

/// RFC 7591, section 3.1: the metadata are members of a JSON object. An array that lists their values is none.
#[test]
fn an_array_of_values_is_not_client_metadata() {
    let rejection = refused(r#"[["https://client.example/cb"], "Name", null, null]"#);
    assert!(matches!(rejection, RegistrationRejection::NotMetadata(_)), "{rejection:?}");
}

/// Whoever reads the first of two members and whoever reads the second would see different clients.
#[test]
fn a_doubled_member_is_refused() {
    for member in [
        r#""redirect_uris":["https://client.example/cb"]"#,
        r#""client_name":"Name""#,
        r#""grant_types":["authorization_code"]"#,
        r#""response_types":["code"]"#,
    ] {
        let body = format!(r#"{{"redirect_uris":["https://client.example/cb"],{member},{member}}}"#);
        assert!(matches!(refused(&body), RegistrationRejection::NotMetadata(_)), "{body}");
    }
}

#[test]
fn what_was_sent_is_not_repeated_at_length() {
    let long = "z".repeat(100_000);
    for body in
        [format!(r#"{{"redirect_uris":"{long}"}}"#), format!(r#"{{"redirect_uris":[],"client_name":{{"{long}":1}}}}"#)]
    {
        let rejection = refused(&body);
        // Both are limited: what the client is told, and what goes to the log.
        for text in [rejection.to_wire().2, rejection.to_string()] {
            assert!(text.len() <= 300, "{} bytes", text.len());
        }
    }
}

#[test]
fn a_name_is_shown_as_it_is_or_not_at_all() {
    let with_name = |name: &str| json!({ "redirect_uris": ["https://client.example:8443/cb"], "client_name": name });
    let longest = "\u{e9}".repeat(128);
    for (name, expected) in [
        ("N\u{e4}me <b>", "N\u{e4}me <b>"),
        ("  Name  ", "Name"),
        (longest.as_str(), longest.as_str()),
        ("", "client.example:8443"),
        ("   ", "client.example:8443"),
    ] {
        assert_eq!(accepted(&with_name(name))["client_name"], expected, "{name}");
    }
    let unnamed = json!({ "redirect_uris": ["https://client.example/cb"], "client_name": null });
    assert_eq!(accepted(&unnamed)["client_name"], "client.example");
    for bad in ["a\u{202e}b", "a\nb", "a\u{200b}b", "a\0b", &"\u{e9}".repeat(129)] {
        let rejection = refused(&with_name(bad).to_string());
        assert_eq!(rejection, RegistrationRejection::ClientName, "{bad:?}");
        assert_eq!(rejection.to_wire().1, ErrorCode::InvalidClientMetadata);
        assert!(fits_error_description(&rejection.to_wire().2));
    }
}

/// `client_name` is optional (RFC 7591, section 2): a client that sent none cannot be told that it is wrong.
#[test]
fn a_client_with_a_long_host_needs_no_name() {
    let host = format!("{0}.{0}.{0}.example", "a".repeat(60));
    let mut world = World::new();
    let body = json!({ "redirect_uris": [format!("https://{host}/cb")] }).to_string();
    let outcome = attempt(&mut world, &body);
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_client_must_want_codes_and_says_whether_it_refreshes() {
    let with = |grant_types: Value, response_types: Value| json!({ "redirect_uris": ["https://client.example/cb"], "grant_types": grant_types, "response_types": response_types });
    let code = json!(["code"]);
    for (grant_types, refreshable) in [
        (Value::Null, true),
        (json!(["authorization_code"]), false),
        (json!(["refresh_token", "authorization_code"]), true),
        (json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]), false),
    ] {
        let mut world = World::new();
        let registered = attempt(&mut world, &with(grant_types.clone(), code.clone()).to_string()).unwrap();
        let answer = serde_json::to_value(&registered).unwrap();
        let expected =
            if refreshable { json!(["authorization_code", "refresh_token"]) } else { json!(["authorization_code"]) };
        assert_eq!(answer["grant_types"], expected, "{grant_types}");
        assert_eq!(
            stored(&client_id(registered.client_id()), &world).may(GrantType::RefreshToken),
            refreshable,
            "{grant_types}"
        );
    }
    let no_codes = RegistrationRejection::Unusable("grant_types", "authorization_code");
    let no_code = RegistrationRejection::Unusable("response_types", "code");
    for (body, expected) in [
        (with(json!([]), code.clone()), &no_codes),
        (with(json!(["refresh_token"]), code.clone()), &no_codes),
        (with(json!(["client_credentials"]), code.clone()), &no_codes),
        (with(json!(["implicit"]), json!(["token"])), &no_codes),
        (with(Value::Null, json!([])), &no_code),
        (with(Value::Null, json!(["token"])), &no_code),
        (with(Value::Null, json!(["code token"])), &no_code),
    ] {
        let rejection = refused(&body.to_string());
        assert_eq!(&rejection, expected, "{body}");
        assert_eq!((rejection.to_wire().0, rejection.to_wire().1), (400, ErrorCode::InvalidClientMetadata));
    }
    assert!(accepted(&with(Value::Null, json!(["token", "code"])))["response_types"] == json!(["code"]));
}

#[test]
fn where_registration_is_disabled_nobody_registers() {
    let mut world = World::new();
    world.configuration =
        configuration_with("[identity_provider]", "[registration]\nenabled = false\n[identity_provider]");
    let before = world.store.snapshot();
    for body in [r#"{"redirect_uris":["https://client.example/cb"]}"#, "{"] {
        let rejection = attempt(&mut world, body).unwrap_err();
        assert_eq!(rejection, RegistrationRejection::Disabled);
        assert_eq!((rejection.to_wire().0, rejection.to_wire().1), (403, ErrorCode::InvalidRequest));
        assert!(fits_error_description(&rejection.to_wire().2));
    }
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_client_that_could_not_be_stored_is_told_to_come_again_and_nothing_else() {
    let mut world = World::new();
    let failing = FailingStore::after(0, &world.store);
    let body = br#"{"redirect_uris":["https://client.example/cb"]}"#;
    let rejection = register(body, &open(), &world.configuration, &failing, START, &mut world.entropy).unwrap_err();
    assert_eq!(rejection.to_wire(), (503, ErrorCode::TemporarilyUnavailable, "try again later".to_owned()));
    assert!(rejection.to_string().contains("gone"), "the log has the reason: {rejection}");
    assert!(world.store.values().is_empty());
}

#[test]
fn the_store_holds_nothing_of_a_client_in_clear() {
    let mut world = World::new();
    let id = world.register();
    let (_, secret) = id.as_str().split_once('-').unwrap();
    let dump = format!("{}{}", String::from_utf8_lossy(&world.store.values().concat()), world.store.snapshot());
    for text in ["Example client", "127.0.0.1", "client.example", "redirect_uris", secret] {
        assert!(!dump.contains(text), "{text}");
    }
}

#[test]
fn every_description_stays_within_its_alphabet() {
    for body in
        ["{}", "{", r#"{"redirect_uris":["\\"]}"#, r#"{"redirect_uris":["https://client.example/"],"grant_types":[]}"#]
    {
        let (_, _, description) = refused(body).to_wire();
        assert!(fits_error_description(&description), "{description}");
    }
}

/// Bodies that are nearly metadata.
fn nearly_metadata() -> impl Strategy<Value = String> {
    let uri = prop_oneof![
        prop::sample::select(vec![
            "https://client.example/cb",
            "http://127.0.0.1:1/cb",
            "https://gateway.example/callback",
            "http://a.example/"
        ])
        .prop_map(str::to_owned),
        "https://.{0,20}",
        "http://localhost.{0,20}",
    ];
    let grant = prop::sample::select(vec!["authorization_code", "refresh_token", "implicit"]);
    let metadata = (
        prop::collection::vec(uri, 0..19),
        prop::option::of(".{0,140}"),
        prop::option::of(prop::collection::vec(grant, 0..3)),
    );
    metadata.prop_map(|(redirect_uris, client_name, grant_types)| {
        json!({ "redirect_uris": redirect_uris, "client_name": client_name, "grant_types": grant_types }).to_string()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_trace(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new();
        let before = world.store.snapshot();
        prop_assert!(world.register_body(&body).is_err());
        prop_assert_eq!(world.store.snapshot(), before);
    }

    #[test]
    fn any_metadata_is_refused_without_a_trace_or_registered_with_usable_redirect_uris(body in nearly_metadata()) {
        let mut world = World::new();
        let before = world.store.snapshot();
        match attempt(&mut world, &body) {
            Ok(registered) => {
                let client = stored(&client_id(registered.client_id()), &world);
                prop_assert_eq!(client.redirect_uris.len(), registered.redirect_uris.len());
                for uri in &client.redirect_uris {
                    prop_assert!(uri.as_str().starts_with("https://") || uri.is_loopback(), "{}", uri.as_str());
                    prop_assert!(!uri.as_str().starts_with("https://gateway.example/callback"));
                }
            }
            Err(_) => prop_assert_eq!(world.store.snapshot(), before),
        }
    }
}

/// What a client that asks for `method` is told.
fn asking_for(method: &str, other: Value) -> Value {
    let mut body = json!({ "redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": method });
    body.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    body
}

fn jwks() -> Value {
    json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})
}

#[test]
fn a_client_that_asks_for_a_secret_gets_one_and_only_its_digest_is_kept() {
    for method in ["client_secret_basic", "client_secret_post"] {
        let mut world = World::new();
        let registered = attempt(&mut world, &asking_for(method, json!({})).to_string()).unwrap();
        let answer = serde_json::to_value(&registered).unwrap();
        let secret = answer["client_secret"].as_str().unwrap();
        assert_eq!((secret.len(), &answer["client_secret_expires_at"]), (43, &json!(0)));
        assert_eq!(answer["token_endpoint_auth_method"], method);
        let client = stored(&client_id(registered.client_id()), &world);
        assert_eq!(client.authentication.method().as_str(), method);
        assert!(!format!("{registered:?}{client:?}").contains(secret), "not in the log");
        assert!(!String::from_utf8_lossy(&world.store.values().concat()).contains(secret));
    }
}

#[test]
fn a_client_that_signs_registers_its_keys() {
    let mut world = World::new();
    let body = asking_for("private_key_jwt", json!({ "jwks": jwks() }));
    let registered = attempt(&mut world, &body.to_string()).unwrap();
    let answer = serde_json::to_value(&registered).unwrap();
    assert_eq!((&answer["jwks"], answer.get("client_secret")), (&jwks(), None));
    let client = stored(&client_id(registered.client_id()), &world);
    assert_eq!(client.authentication.method(), AuthenticationMethod::PrivateKeyJwt);
    let long = "x".repeat(LONGEST_KEYS);
    for (other, expected) in [
        (json!({}), RegistrationRejection::Keys),
        (json!({ "jwks": { "keys": [] } }), RegistrationRejection::Keys),
        (json!({ "jwks": { "keys": [{ "kty": "oct", "k": "AyM1" }] } }), RegistrationRejection::Keys),
        (json!({ "jwks": { "keys": jwks()["keys"], "more": long } }), RegistrationRejection::Keys),
        (json!({ "jwks_uri": "https://client.example/jwks.json" }), RegistrationRejection::KeysElsewhere),
        (json!({ "jwks": jwks(), "jwks_uri": "https://client.example/a" }), RegistrationRejection::KeysElsewhere),
    ] {
        let rejection = refused(&asking_for("private_key_jwt", other).to_string());
        assert_eq!(rejection, expected);
        assert_eq!((rejection.to_wire().0, rejection.to_wire().1), (400, ErrorCode::InvalidClientMetadata));
        assert!(fits_error_description(&rejection.to_wire().2));
    }
}

#[test]
fn a_method_or_type_or_scope_that_there_is_not_is_refused_in_words() {
    for method in ["", "client_secret_jwt", "tls_client_auth", "None"] {
        let rejection = refused(&asking_for(method, json!({})).to_string());
        assert_eq!(rejection, RegistrationRejection::AuthenticationMethod, "{method}");
        assert!(fits_error_description(&rejection.to_wire().2));
    }
    for (name, value) in
        [("application_type", json!("browser")), ("application_type", json!(1)), ("scope", json!(["a"]))]
    {
        let rejection = refused(&asking_for("none", json!({ (name): value })).to_string());
        assert!(matches!(rejection, RegistrationRejection::NotMetadata(_)), "{name} {value}: {rejection:?}");
        assert_eq!(rejection.to_wire().1, ErrorCode::InvalidClientMetadata);
    }
    let rejection = refused(&asking_for("none", json!({ "scope": "a\"b" })).to_string());
    assert_eq!((rejection.to_wire().1, rejection), (ErrorCode::InvalidClientMetadata, RegistrationRejection::Scope));
}

/// MCP 2026-07-28: clients must send it. Loopback is fine for both.
#[test]
fn an_application_type_is_repeated_and_scopes_of_openid_do_no_harm() {
    for application_type in ["native", "web"] {
        let answer = accepted(&json!({ "redirect_uris": ["http://localhost/cb"], "application_type": application_type,
            "scope": "openid profile offline_access mcp" }));
        assert_eq!((&answer["application_type"], answer.get("scope")), (&json!(application_type), None));
    }
}

#[test]
fn so_many_clients_register_in_an_hour_and_no_more() {
    let mut world = World::new();
    world.configuration.registration.per_hour = 2;
    let body = json!({ "redirect_uris": ["https://client.example/cb"] }).to_string();
    for _ in 0..2 {
        assert!(attempt(&mut world, "{}").is_err(), "what is refused does not count");
        attempt(&mut world, &body).unwrap();
    }
    let clients = world.store.values();
    let rejection = attempt(&mut world, &body).unwrap_err();
    let left = 3600 - START.seconds() % 3600;
    assert_eq!(rejection, RegistrationRejection::TooMany { retry_after: left });
    assert_eq!((rejection.to_wire().0, rejection.retry_after()), (429, Some(left)));
    assert_eq!(world.store.values(), clients, "no client was stored");
    let next_hour = START.plus(left);
    world.store.set_now(next_hour);
    register(body.as_bytes(), &open(), &world.configuration, &world.store, next_hour, &mut world.entropy).unwrap();
}

#[test]
fn a_closed_registration_opens_with_the_initial_access_token_only() {
    let mut configuration = crate::example::configuration();
    configuration.registration.initial_access_token = Some(secret_name());
    let expected = SecretString::new("2YotnFZFEjr1zCsicMWpAA".to_owned());
    let check = |header: Option<&str>| InitialAccess::check(header, Some(&expected), &configuration).map(|_| ());
    for right in ["Bearer 2YotnFZFEjr1zCsicMWpAA", "bearer  2YotnFZFEjr1zCsicMWpAA"] {
        assert_eq!(check(Some(right)), Ok(()), "{right}");
    }
    for missing in
        [None, Some(""), Some("Bearer"), Some("Basic 2YotnFZFEjr1zCsicMWpAA"), Some("2YotnFZFEjr1zCsicMWpAA")]
    {
        let rejection = check(missing).unwrap_err();
        assert_eq!(rejection, RegistrationRejection::InitialAccessMissing, "{missing:?}");
        assert_eq!(rejection.challenge(), Some(r#"Bearer realm="registration""#));
    }
    for wrong in ["Bearer ", "Bearer 2YotnFZFEjr1zCsicMWpA", "Bearer 2YotnFZFEjr1zCsicMWpAAA", "Bearer x"] {
        let rejection = check(Some(wrong)).unwrap_err();
        assert_eq!(rejection, RegistrationRejection::InitialAccess, "{wrong}");
        assert_eq!((rejection.to_wire().0, rejection.to_wire().1), (401, ErrorCode::InvalidToken));
        assert!(rejection.challenge().unwrap().contains("invalid_token"));
    }
    let empty = SecretString::new(String::new());
    for unset in [None, Some(&empty)] {
        assert!(InitialAccess::check(Some("Bearer "), unset, &configuration).is_err(), "an unset token opens nothing");
    }
}
