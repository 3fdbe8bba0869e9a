use gatehouse_jose::{SignedToken, VerifiedClaims};
use serde_json::{Value, json};

use super::*;
use crate::test_provider::{Counter, Key, NOW, entra, entra_metadata, key_set, metadata_with, provider};

fn secret() -> SecretString {
    SecretString::new("s".to_owned())
}

fn key(key: Key) -> ClientCredentials {
    let certificate_thumbprint = Some("kLx0VSyIaB7yvtUYQRZBPiXYB3cQbfi5GCk6YV0aZHs".to_owned());
    ClientCredentials::PrivateKey { key: key.private(), key_id: Some(key.kid().to_owned()), certificate_thumbprint }
}

fn choose(
    credentials: &ClientCredentials,
    metadata: &ProviderMetadata,
) -> Result<ClientAuthentication, ClientAuthenticationRejection> {
    ClientAuthentication::choose(credentials, &provider(), metadata, NOW, &mut Counter::default())
}

fn assertion(authentication: ClientAuthentication) -> SignedToken {
    let ClientAuthentication::Assertion(assertion) = authentication else { panic!("{authentication:?}") };
    SignedToken::parse(assertion.expose()).unwrap()
}

#[test]
fn the_method_follows_the_credentials_and_what_the_provider_takes() {
    let basic = || Ok(ClientAuthentication::SecretBasic(secret()));
    let post = || Ok(ClientAuthentication::SecretPost(secret()));
    let given = || Ok(ClientAuthentication::Assertion(secret()));
    let no_secrets = || Err(ClientAuthenticationRejection::NoSecrets);
    let no_assertions = || Err(ClientAuthenticationRejection::NoAssertions);
    for (methods, with_secret, with_assertion) in [
        (Value::Null, basic(), given()),
        (json!(["client_secret_basic"]), basic(), no_assertions()),
        (json!(["client_secret_post", "client_secret_basic"]), basic(), no_assertions()),
        (json!(["client_secret_post", "private_key_jwt"]), post(), given()),
        (json!(["private_key_jwt", "none"]), no_secrets(), given()),
        (json!([]), no_secrets(), no_assertions()),
    ] {
        let metadata = metadata_with(|document| document["token_endpoint_auth_methods_supported"] = methods);
        assert_eq!(choose(&ClientCredentials::Secret(secret()), &metadata), with_secret);
        assert_eq!(choose(&ClientCredentials::Assertion(secret()), &metadata), with_assertion);
        assert_eq!(choose(&key(Key::P256), &metadata).is_ok(), with_assertion.is_ok());
        assert_eq!(choose(&ClientCredentials::None, &metadata), Ok(ClientAuthentication::None));
    }
}

/// RFC 7523, section 3; OpenID Connect Core, section 9.
#[test]
fn our_assertion_says_who_we_are_for_whom_and_for_how_long() {
    let metadata = metadata_with(|_| {});
    let mut entropy = Counter::default();
    let mut made = || {
        let chosen = ClientAuthentication::choose(&key(Key::P256), &provider(), &metadata, NOW, &mut entropy);
        assertion(chosen.unwrap())
    };
    let token = made();
    assert_eq!((token.typ(), token.kid()), (Some("JWT"), Some("p256")));
    let VerifiedClaims { custom: claims, times } =
        token.verify::<Value>(&key_set(), &[SigningAlgorithm::Es256]).unwrap();
    let jti = claims["jti"].as_str().unwrap();
    assert_eq!(
        claims,
        json!({ "iss": "gatehouse", "sub": "gatehouse", "aud": "https://op.example/token", "jti": jti })
    );
    assert_eq!(times, TimeClaims { iat: Some(NOW), nbf: Some(NOW), exp: Some(NOW.plus(300)) });
    assert_eq!(jti.len(), 22);
    assert_ne!(made().unverified::<Value>().unwrap()["jti"], jti, "every assertion has a name of its own");
}

#[test]
fn a_key_signs_as_the_provider_wants() {
    let listed = |algorithms: Value| {
        metadata_with(|document| document["token_endpoint_auth_signing_alg_values_supported"] = algorithms)
    };
    for (algorithms, expected) in [
        (Value::Null, SigningAlgorithm::Rs256),
        (json!(["RS256", "PS256"]), SigningAlgorithm::Ps256),
        (json!(["ES256", "RS256"]), SigningAlgorithm::Rs256),
    ] {
        let chosen = choose(&key(Key::Rsa), &listed(algorithms)).unwrap();
        assert_eq!(assertion(chosen).algorithm(), expected);
    }
    for algorithms in [json!(["RS256"]), json!(["HS256"]), json!([])] {
        let refused = ClientAuthenticationRejection::Key(SigningRejection::NotAccepted);
        assert_eq!(choose(&key(Key::P256), &listed(algorithms)), Err(refused));
    }
    let microsoft = entra("organizations");
    let metadata = entra_metadata(&microsoft);
    let chosen =
        ClientAuthentication::choose(&key(Key::Rsa), &microsoft, &metadata, NOW, &mut Counter::default()).unwrap();
    assert_eq!(assertion(chosen).algorithm(), SigningAlgorithm::Ps256, "what Entra recommends");
}

#[test]
fn no_credential_prints() {
    let printed = format!("{:?} {:?}", ClientCredentials::Assertion(secret()), ClientCredentials::Secret(secret()));
    assert_eq!(printed, "Assertion([redacted]) Secret([redacted])");
}

#[test]
fn basic_credentials_are_those_of_rfc_6749_section_2_3_1() {
    let value = basic("s6BhdRkqt3", &SecretString::new("7Fjfp0ZBr1KtDRbnfVdmIw".to_owned()));
    assert_eq!(value, "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
    assert!(value.is_sensitive());
}

#[test]
fn id_and_secret_are_form_encoded_before_they_are_joined() {
    let value = basic("https://a b:c", &SecretString::new("p%:+é~".to_owned()));
    let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
    let joined = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    // A space is `%20`: Authlib 1.9.10 decodes percent signs alone, and leaves a `+` as it is.
    assert_eq!(joined, "https%3A%2F%2Fa%20b%3Ac:p%25%3A%2B%C3%A9%7E");
}
