//! `POST /token`, `/introspect` and `/revoke`: what anybody on the network can send where credentials and tokens are
//! presented. The input is an HTTP message without its first line. A body that is a JSON object is also read as the claims
//! of an assertion that the right party has signed, so that everything behind the signature is reached.
//!
//! What must hold: nobody who lacks a client's secret or key is that client, who has them is, an assertion works once, for
//! us and within its times; a public client gets nothing that needs proof; what is granted is there to be granted; every
//! refusal fits the wire, and stores nothing.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::credentials::{
    AuthenticatedClient, ClientRejection, CredentialMaterial, PresentedCredentials, RequiredMaterial,
    UnauthenticatedClient,
};
use gatehouse_authorization_server::grant::{AssertionRequest, grant_to_asserted, grant_to_machine, may_use};
use gatehouse_authorization_server::presented_token::{PresentedToken, may_introspect};
use gatehouse_authorization_server::token::{GrantRequest, TokenRejection, TokenRequest};
use gatehouse_configuration::GrantType;
use gatehouse_fuzz::{
    Counting, ISSUER, START, assert_fits_the_wire, assert_said, client_id, configuration, keys, message, metadata,
    providers, public_keys, signed, store,
};
use gatehouse_openid::IdentityAssertion;
use gatehouse_protocol::{Parameters, SecretString};
use gatehouse_storage::memory::MemoryStore;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use url::form_urlencoded;

const FORM: &str = "application/x-www-form-urlencoded";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The one whose members the provider `staff` lets in.
const GROUP: &str = "1f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11";
/// In no corpus, so that no input can prove it.
const SECRET: &str = "Zq0mV7cX2uYt9LwEoPfR4sKjHnB1dGa8iMxT6vCz3Ny";

fuzz_target!(|data: &[u8]| {
    let (headers, body) = message(data);
    forms(&headers, body);
    let Ok(text) = core::str::from_utf8(body) else { return };
    whoever_has_the_secret_is_the_client(text);
    if let Ok(claims) = serde_json::from_str::<&RawValue>(text)
        && let Ok(Value::Object(_)) = serde_json::from_str(text)
    {
        client_assertion(claims, text);
        identity_assertion(claims, text);
    }
});

fn forms(headers: &HeaderMap, body: &[u8]) {
    assert!(TokenRequest::parse(Some("application/json"), headers, body).is_err());
    match TokenRequest::parse(Some(FORM), headers, body) {
        Ok(request) => {
            if let GrantRequest::JwtBearer { assertion, .. } = &request.grant {
                let assertion = IdentityAssertion::parse(assertion.expose());
                if let Ok(provider) = assertion.and_then(|it| it.provider(&configuration().identity_providers)) {
                    assert!(provider.accepts_identity_assertions);
                }
            }
            request.credentials.into_iter().for_each(proves_nothing);
        }
        Err(rejection) => assert_fits_the_wire(&rejection.to_wire()),
    }
    match PresentedToken::parse(Some(FORM), headers, body) {
        Ok(presented) => {
            assert!(!presented.token.expose().is_empty());
            proves_nothing(presented.credentials);
        }
        Err(rejection) => assert_fits_the_wire(&rejection.to_wire()),
    }
}

fn proves_nothing(credentials: PresentedCredentials) {
    let store = store();
    let empty = store.snapshot();
    match proved(credentials, SECRET, &store) {
        Some(Ok(client)) => {
            assert!(!client.is_confidential(), "a secret or a signature was guessed");
            assert!(may_use(&client, GrantType::ClientCredentials).is_err());
            assert!(may_use(&client, GrantType::JwtBearer).is_err());
            assert!(may_introspect(&client).is_err());
            let mut entropy = Counting::default();
            assert!(grant_to_machine(&client, None, None, configuration(), START, &mut entropy).is_err());
        }
        Some(Err(rejection)) => assert_fits_the_wire(&TokenRejection::from(rejection).to_wire()),
        None => {}
    }
    assert_eq!(store.snapshot(), empty);
}

/// Judges credentials where the client's secret is `secret`; `None` where there is no such client.
fn proved(
    credentials: PresentedCredentials,
    secret: &str,
    store: &MemoryStore,
) -> Option<Result<AuthenticatedClient, ClientRejection>> {
    let client = Client::find(credentials.client_id(), configuration(), keys(), store, START).ok()?;
    assert_eq!(&client.client_id, credentials.client_id());
    let judge = |unauthenticated: UnauthenticatedClient| {
        let material = match unauthenticated.needs() {
            RequiredMaterial::Nothing => CredentialMaterial::Nothing,
            RequiredMaterial::Secret(_) => CredentialMaterial::Secret(SecretString::new(secret.to_owned())),
            RequiredMaterial::Keys(url) => {
                assert_eq!(url.request().uri(), "https://remote.example.com/keys.json");
                CredentialMaterial::Keys(public_keys().clone())
            }
        };
        unauthenticated.prove(&material, configuration(), store, START)
    };
    Some(credentials.of(client).and_then(judge))
}

/// `secret`, sent as RFC 6749, section 2.3.1, says or as SDKs write it, proves the client that has it and no other.
fn whoever_has_the_secret_is_the_client(secret: &str) {
    let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_header = |written: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("basic:{written}")));
        let basic = HeaderValue::try_from(basic).expect("base64 stands in a header");
        HeaderMap::from_iter([(AUTHORIZATION, basic)])
    };
    let in_body = format!("client_id=post&client_secret={encoded}");
    let ways = [(in_header(&encoded), ""), (in_header(secret), ""), (HeaderMap::new(), in_body.as_str())];
    for (headers, body) in ways {
        let judge = |secret: &str| {
            let credentials = PresentedCredentials::parse(&headers, &Parameters::parse(body)).ok()?;
            proved(credentials, secret, &store())
        };
        // An empty setting is no secret.
        assert_eq!(judge(secret).is_some_and(|judged| judged.is_ok()), !secret.is_empty());
        assert!(!judge(&format!("{secret}x")).is_some_and(|judged| judged.is_ok()));
        assert!(!judge("").is_some_and(|judged| judged.is_ok()));
    }
}

/// Claims that the client `signing` has signed.
fn client_assertion(claims: &RawValue, text: &str) {
    let store = store();
    let empty = store.snapshot();
    let assertion = signed(None, &claims);
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_assertion_type", ASSERTION_TYPE)
        .append_pair("client_assertion", assertion.expose())
        .finish();
    let judge = || {
        let credentials = PresentedCredentials::parse(&HeaderMap::new(), &Parameters::parse(&body));
        credentials.ok().and_then(|credentials| proved(credentials, SECRET, &store))
    };
    let Some(first) = judge() else { return };
    match first {
        Ok(client) => {
            let claims: Value = serde_json::from_str(text).expect("claims that were read");
            let id = client.client().client_id.as_str();
            assert!(client.is_confidential() && ["signing", "remote"].contains(&id));
            assert!(claims["iss"] == id && claims["sub"] == id, "{claims}");
            assert!(is_for(&claims, "https://gateway.example") || is_for(&claims, "https://gateway.example/token"));
            assert_ends_within(&claims, 10 * 60);
            assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
            assert!(matches!(judge(), Some(Err(_))), "an assertion was used twice");
        }
        Err(rejection) => {
            assert_fits_the_wire(&TokenRejection::from(rejection).to_wire());
            assert_eq!(store.snapshot(), empty, "a refused assertion was used up");
        }
    }
}

/// Claims that the providers have signed as an identity assertion.
fn identity_assertion(claims: &RawValue, text: &str) {
    let Ok(assertion) = IdentityAssertion::parse(signed(Some("oauth-id-jag+jwt"), &claims).expose()) else { return };
    let Ok(provider) = assertion.provider(&configuration().identity_providers) else { return };
    let issuer = gatehouse_openid::metadata_issuer(provider);
    let asserted =
        assertion.verify(provider, &metadata(&issuer), public_keys(), "https://gateway.example", "basic", START);
    let asserted = match asserted {
        Ok(asserted) => asserted,
        Err(rejection) => return assert_fits_the_wire(&TokenRejection::from(rejection).to_wire()),
    };
    let claims: Value = serde_json::from_str(text).expect("claims that were read");
    assert!(is_for(&claims, "https://gateway.example") && claims["client_id"] == "basic", "{claims}");
    assert_ends_within(&claims, 60 * 60);
    let subject = asserted.identity.subject();
    assert_eq!(subject.provider(), provider.name);
    if provider.name == providers().0.name {
        assert!(claims["iss"] == ISSUER && subject.as_str() == format!("demo:{}", claims["sub"].as_str().unwrap()));
    }

    let store = store();
    let empty = store.snapshot();
    let client = prove_basic(&store);
    let request = AssertionRequest::default();
    let grant = |entropy: &mut Counting| {
        grant_to_asserted(&client, &asserted, provider, &request, configuration(), &store, START, entropy)
    };
    let mut entropy = Counting::default();
    match grant(&mut entropy) {
        Ok(grant_of) => {
            let in_group = claims["groups"].to_string().to_ascii_lowercase().contains(GROUP);
            assert!(provider.name == "demo" || in_group, "the users of the other must be in a group");
            let principal = &grant_of.principal;
            assert!(principal.subject == *subject && principal.client_id.as_str() == "basic" && !grant_of.refreshable);
            let route = configuration().route_of(&principal.resource).expect("a resource of ours");
            assert!(!principal.scopes.is_empty() && route.scopes.contains_all(&principal.scopes));
            assert_said(&principal.claims, &claims);
            if let Some(scope) = claims["scope"].as_str() {
                assert!(principal.scopes.iter().all(|granted| scope.split(' ').any(|it| it == granted.as_str())));
            }
            assert!(matches!(grant(&mut entropy), Err(TokenRejection::AssertionReplayed)));
        }
        Err(rejection) => {
            assert_fits_the_wire(&rejection.to_wire());
            assert_eq!(store.snapshot(), empty, "a refused assertion was used up");
        }
    }
}

fn prove_basic(store: &MemoryStore) -> AuthenticatedClient {
    let mut headers = HeaderMap::new();
    let basic = format!("Basic {}", STANDARD.encode("basic:right"));
    headers.insert(AUTHORIZATION, HeaderValue::try_from(basic).expect("base64 stands in a header"));
    let credentials = PresentedCredentials::parse(&headers, &Parameters::default()).expect("credentials");
    assert_eq!(credentials.client_id(), &client_id("basic"));
    proved(credentials, "right", store).expect("a configured client").expect("the right secret")
}

fn is_for(claims: &Value, audience: &str) -> bool {
    let named = &claims["aud"];
    named == audience || named.as_array().is_some_and(|several| several.iter().any(|it| it == audience))
}

/// With the minute that clocks may differ by, on both sides.
fn assert_ends_within(claims: &Value, seconds: u64) {
    let end = claims["exp"].as_f64().expect("exp is a number") as u64;
    assert!((START.seconds() - 60..=START.seconds() + seconds + 60).contains(&end), "{end}");
}
