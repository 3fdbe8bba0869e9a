use gatehouse_protocol::{Actor, ParameterError, Parameters};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::client::Client;
use crate::client_authentication::{ClientAuthentication, ClientSecret, SecretDigest};
use crate::credentials::{ClientRejection, CredentialMaterial};
use crate::example::{CONFIGURED, Form, START, World, client_id};

const FORM: &str = "application/x-www-form-urlencoded";

fn whole() -> Form {
    Form::of(&[("token", "45ghiukldjahdnhzdauz"), ("token_type_hint", "refresh_token"), ("client_id", "a")])
}

fn parse(form: &Form) -> Result<PresentedToken, TokenRejection> {
    PresentedToken::parse(Some(FORM), &HeaderMap::new(), form.text().as_bytes())
}

#[test]
fn a_token_is_presented_with_or_without_a_hint() {
    let presented = parse(&whole()).unwrap();
    assert_eq!((presented.token.expose(), presented.credentials.client_id().as_str()), ("45ghiukldjahdnhzdauz", "a"));
    for hint in ["access_token", "saml", ""] {
        assert!(parse(&whole().with("token_type_hint", hint)).is_ok(), "{hint}");
    }
    assert!(parse(&whole().without("token_type_hint")).is_ok());
    assert!(!format!("{presented:?}").contains("45ghiukldjahdnhzdauz"));
}

#[test]
fn what_is_missing_or_doubled_is_named() {
    for name in ["token", "token_type_hint"] {
        let twice = parse(&whole().and(name, "another")).unwrap_err();
        assert_eq!(twice, ParameterError::Doubled(name).into());
    }
    assert_eq!(parse(&whole().without("token")).unwrap_err(), ParameterError::Missing("token").into());
    let nobody = parse(&whole().without("client_id")).unwrap_err();
    assert_eq!(nobody, ClientRejection::from(ParameterError::Missing("client_id")).into());
    let json = PresentedToken::parse(Some("application/json"), &HeaderMap::new(), b"{}").unwrap_err();
    assert_eq!(json, TokenRejection::NotAForm);
}

/// RFC 7662, section 2.2: of a token that is good for nothing, nothing is said.
#[test]
fn an_answer_says_what_a_token_is_good_for_or_nothing_at_all() {
    assert_eq!(serde_json::to_value(Introspection::inactive()).unwrap(), json!({ "active": false }));
    let token = |act| ActiveToken {
        act,
        scope: "mcp".to_owned(),
        client_id: "a".to_owned(),
        sub: "demo:alice".to_owned(),
        aud: "https://gateway.example/mcp".to_owned(),
        iss: "https://gateway.example".to_owned(),
        exp: 1_795_000_300,
        token_type: Some("Bearer"),
    };
    let expected = json!({ "active": true, "scope": "mcp", "client_id": "a", "sub": "demo:alice",
        "aud": "https://gateway.example/mcp", "iss": "https://gateway.example", "exp": 1_795_000_300,
        "token_type": "Bearer" });
    let said = |actors| serde_json::to_value(Introspection::active(token(actors))).unwrap();
    assert_eq!(said(Actors::default()), expected);
    assert_eq!(said(Actors::of(Actor::new("agent", None).unwrap()))["act"], json!({ "sub": "agent" }));
}

#[test]
fn only_clients_that_the_operator_trusts_and_that_prove_who_they_are_may_ask() {
    for (secret, may, expected) in
        [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
    {
        let world = World::new();
        let found = Client::find(&client_id(CONFIGURED), &world.configuration, &world.keys, &world.store, START);
        let digest = ClientSecret::Digest(SecretDigest::of(&SecretString::new("s".to_owned())));
        let authentication = if secret { ClientAuthentication::SecretPost(digest) } else { ClientAuthentication::None };
        let client = Client { may_introspect: may, authentication, ..found.unwrap() };
        let form = if secret { "client_id=conformance&client_secret=s" } else { "client_id=conformance" };
        let presented = PresentedCredentials::parse(&HeaderMap::new(), &Parameters::parse(form)).unwrap();
        let unauthenticated = presented.of(client).unwrap();
        let client =
            unauthenticated.prove(&CredentialMaterial::Nothing, &world.configuration, &world.store, START).unwrap();
        assert_eq!(may_introspect(&client).is_ok(), expected, "{secret} {may}");
    }
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), form in "(token=[ -~]{0,20}&)?[ -~]{0,60}") {
        for body in [body.as_slice(), form.as_bytes()] {
            if let Ok(presented) = PresentedToken::parse(Some(FORM), &HeaderMap::new(), body) {
                prop_assert!(!presented.token.expose().is_empty());
            }
        }
    }
}
