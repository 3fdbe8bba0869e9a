//! The public halves of our own keys, as others read them (RFC 7517; for the key types RFC 7518, section 6.2, and RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::private_key::PrivateKey;
use crate::{SigningAlgorithm, SigningRejection};

/// A JSON Web Key: P-256 or Ed25519.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    /// Always `sig`.
    #[serde(rename = "use")]
    public_key_use: &'static str,
    alg: &'static str,
    kid: String,
}

impl PublicJwk {
    pub(crate) fn of(key: &PrivateKey, algorithm: SigningAlgorithm) -> Result<Self, SigningRejection> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (kty, crv, x, y) = match key {
            PrivateKey::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let x = point.x().ok_or(SigningRejection::Damaged)?;
                let y = point.y().ok_or(SigningRejection::Damaged)?;
                ("EC", "P-256", encode(x), Some(encode(y)))
            }
            PrivateKey::Ed25519(key) => ("OKP", "Ed25519", encode(key.verifying_key().as_bytes()), None),
            PrivateKey::Rsa(_) | PrivateKey::P384(_) => return Err(SigningRejection::NotAccepted),
        };
        // RFC 7638, section 3: the required members, in the order of their names, without white space.
        let required = match &y {
            Some(y) => format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#),
            None => format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"}}"#),
        };
        let kid = encode(&Sha256::digest(required.as_bytes()));
        Ok(Self { kty, crv, x, y, public_key_use: "sig", alg: algorithm.as_str(), kid })
    }

    /// `kid`: the key's thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use gatehouse_protocol::{SecretString, UnixTime};
    use serde_json::{Value, json};

    use super::*;
    use crate::example::{Counting, Key, claims, key_set_of};
    use crate::{SignedToken, SigningHeader, SigningKey, TimeClaims};

    const PUBLISHED: [Key; 2] = [Key::P256, Key::Ed25519];

    fn jwk(pem: &SecretString) -> Result<PublicJwk, SigningRejection> {
        SigningKey::from_pem(pem)?.public_jwk()
    }

    /// RFC 8037, appendix A.1 to A.3.
    #[test]
    fn the_key_of_the_rfc_has_its_public_half_and_its_thumbprint() {
        // RFC 8410, section 7: version, algorithm, and the seed.
        let mut document = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        document.extend(URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document));
        let jwk = jwk(&SecretString::new(pem)).unwrap();
        assert_eq!(jwk.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(jwk.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_published_key_is_the_public_half_alone_and_verifies_what_the_key_signs() {
        for key in PUBLISHED {
            let signing = SigningKey::from_pem(&key.pem()).unwrap();
            let written = serde_json::to_value(signing.public_jwk().unwrap()).unwrap();
            for member in ["kty", "crv", "x", "y"] {
                assert_eq!(written.get(member), key.jwk().get(member), "{member} of {key:?}");
            }
            let expected = json!({ "use": "sig", "alg": signing.algorithm().as_str(), "kid": written["kid"] });
            for (member, value) in expected.as_object().unwrap() {
                assert_eq!(&written[member], value);
            }
            assert_eq!(written.get("d"), None);
            let header = SigningHeader { kid: written["kid"].as_str(), ..SigningHeader::default() };
            let times = TimeClaims { exp: Some(UnixTime::from_seconds(9)), nbf: None, iat: None };
            let token = signing.sign(&header, &times, &claims(), &mut Counting(0)).unwrap();
            let token = SignedToken::parse(token.expose()).unwrap();
            let verifies = |keys: &[Value]| token.verify::<Value>(&key_set_of(keys), &SigningAlgorithm::ALL).is_ok();
            assert!(verifies(std::slice::from_ref(&written)));
            assert!(!verifies(&[Key::P384.jwk()]));
        }
    }

    #[test]
    fn other_kinds_of_keys_are_not_published() {
        for key in [Key::Rsa, Key::P384] {
            assert_eq!(jwk(&key.pem()), Err(SigningRejection::NotAccepted), "{key:?}");
        }
    }

    #[test]
    fn several_keys_stand_one_after_another_in_one_text() {
        let pems = PUBLISHED.map(|key| key.pem().expose().to_owned());
        let kids = |text: &str| {
            let pem = SecretString::new(text.to_owned());
            let keys = SigningKey::several_from_pem(&pem);
            keys.map(|key| Ok(key?.public_jwk()?.kid().to_owned())).collect::<Result<Vec<_>, SigningRejection>>()
        };
        let each = PUBLISHED.map(|key| jwk(&key.pem()).unwrap().kid().to_owned());
        for between in ["", "\n\n# the one before\n", "\r\n"] {
            assert_eq!(kids(&pems.join(between)).unwrap(), each, "{between:?}");
        }
        for none in ["", "\n", "no key"] {
            assert_eq!(kids(none), Ok(Vec::new()));
        }
        let whole = pems.concat();
        let cut = whole.trim_end().trim_end_matches("-----END PRIVATE KEY-----");
        let foreign = format!("{whole}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----");
        let empty = format!("{whole}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
        for wrong in [cut, &foreign, &empty] {
            assert_eq!(kids(wrong), Err(SigningRejection::NotPkcs8));
        }
    }
}
