//! What identity providers send, or whoever speaks in their place: metadata, key sets, token answers, callbacks, signed
//! tokens. The input is read as each of them in turn.
//!
//! What must hold: metadata is of the issuer that was asked for and leads nowhere in clear, no token but the one that was
//! signed is verified, and an answer that is no answer is an error, never a panic.

#![no_main]

use std::sync::LazyLock;

use gatehouse_fuzz::{START, configuration};
use gatehouse_jose::{KeySet, SignedToken, SigningHeader, SigningKey};
use gatehouse_openid::{
    Callback, Identity, IdentityAssertion, LoginSecrets, ProviderMetadata, ProviderTokens, parse_keys,
};
use gatehouse_protocol::{LogText, SecretString};
use http::{Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ISSUER: &str = "https://op.example";
const KEYS: &str = include_str!("../../crates/jose/test-keys/jwks.json");
const KEY: &str = include_str!("../../crates/jose/test-keys/p256.pem");

struct Provider {
    metadata: ProviderMetadata,
    keys: KeySet,
    secrets: LoginSecrets,
    /// The only token that was ever signed.
    token: SecretString,
}

static PROVIDER: LazyLock<Provider> = LazyLock::new(|| {
    let metadata = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/keys",
    });
    let secrets = json!({ "nonce": "n-0S6_WzA2Mj", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" });
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": "gatehouse", "nonce": "n-0S6_WzA2Mj",
        "exp": START.seconds() + 300, "iat": START.seconds(),
    });
    let key = SigningKey::from_pem(&SecretString::new(KEY.to_owned())).unwrap();
    let header = SigningHeader { kid: Some("p256"), ..SigningHeader::default() };
    Provider {
        metadata: ProviderMetadata::from_json(metadata.to_string().as_bytes(), ISSUER).unwrap(),
        keys: KeySet::from_json(KEYS.as_bytes()).unwrap(),
        secrets: serde_json::from_value(secrets).unwrap(),
        token: key.sign(&header, &claims).unwrap(),
    }
});

fuzz_target!(|data: &[u8]| {
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
        let mut response = Response::new(data.to_vec());
        *response.status_mut() = status;
        let metadata = ProviderMetadata::parse(&response, ISSUER);
        let (keys, tokens) = (parse_keys(&response), ProviderTokens::parse(&response));
        if status != StatusCode::OK {
            assert!(metadata.is_err() && keys.is_err() && tokens.is_err());
            continue;
        }
        if let Ok(metadata) = metadata {
            assert_eq!(metadata.issuer(), ISSUER);
            for endpoint in [metadata.authorization_endpoint(), metadata.token_endpoint(), metadata.jwks_uri()] {
                assert!(endpoint.to_string().starts_with("https://"));
            }
            assert!(!metadata.id_token_algorithms().is_empty());
        }
        if let Ok(keys) = keys {
            // Somebody else's keys verify nothing of ours, unless they are the same.
            let verified = Identity::verify(
                &PROVIDER.token,
                &configuration().identity_providers[0],
                &PROVIDER.metadata,
                &keys,
                &PROVIDER.secrets,
                START,
            );
            assert!(verified.is_err() || contains(data, b"ZOBsEwWxP4r1p4p6X0xR3AvHhSOaGajHY6cZnp9zeQc"));
        }
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    signed_tokens(text);
    if let Ok(callback) = Callback::parse(text) {
        assert!(!callback.state().is_empty());
        let _ = callback.code(&PROVIDER.metadata);
    }
    assert!(!LogText::new(text).to_string().contains(['\n', '\r', '\u{1b}']));
});

fn signed_tokens(text: &str) {
    let provider = &configuration().identity_providers[0];
    if let Ok(token) = SignedToken::parse(text) {
        let verified = token.verify::<Value>(&PROVIDER.keys, PROVIDER.metadata.id_token_algorithms());
        assert!(verified.is_err() || text == PROVIDER.token.expose(), "a signature was forged");
    }
    let id_token = SecretString::new(text.to_owned());
    let Provider { metadata, keys, secrets, token } = &*PROVIDER;
    let identity = Identity::verify(&id_token, provider, metadata, keys, secrets, START);
    assert_eq!(identity.is_ok(), text == token.expose());
    if let Ok(assertion) = IdentityAssertion::parse(text) {
        let verified = assertion.verify(provider, metadata, keys, "https://gateway.example", "basic", START);
        assert!(verified.is_err(), "no identity assertion was ever signed");
    }
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}
