//! ID tokens, signed with ES256 (RFC 7518, section 3.4) by a key that is made at first use and kept in the store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

const KIND: Kind = "demo-signing-key";
/// 9999-12-31T23:59:59Z: the key stays for as long as the store does.
const NEVER: UnixTime = UnixTime::from_seconds(253_402_300_799);
/// The store has no "create if absent", so two racing first requests may make a key each. Each takes a slot of its own,
/// numbered by a counter, and all of them are published; from then on the first one signs.
const SLOTS: std::ops::RangeInclusive<u64> = 1..=4;

/// The provider's keys; there is always at least one.
pub struct Keys {
    signing: SigningKey,
    others: Vec<SigningKey>,
}

impl Keys {
    /// Reads the keys, and makes one where there is none.
    ///
    /// # Errors
    /// Where the store fails or holds something that is not a key.
    pub fn load(entropy: &mut impl Entropy, store: &impl Store) -> Result<Self, StoreUnavailable> {
        let mut keys = Vec::new();
        for slot in SLOTS {
            if let Some(bytes) = store.get(&slot_key(slot)?)? {
                keys.push(SigningKey::from_slice(&bytes).map_err(|error| StoreUnavailable(error.to_string()))?);
            }
        }
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(signing) => Ok(Self { signing, others: keys.collect() }),
            None => Ok(Self { signing: make(entropy, store)?, others: Vec::new() }),
        }
    }

    /// The public keys (RFC 7517, section 5).
    pub fn to_jwks(&self) -> Value {
        let keys: Vec<Value> = std::iter::once(&self.signing).chain(&self.others).map(jwk).collect();
        json!({ "keys": keys })
    }

    /// A JWT of `claims` in compact serialization (RFC 7515, section 3.1).
    pub fn sign(&self, claims: &Map<String, Value>) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": thumbprint(&self.signing) });
        let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header.to_string()), encode(Value::from(claims.clone()).to_string()));
        let signature: Signature = self.signing.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

fn slot_key(slot: u64) -> Result<Key, StoreUnavailable> {
    key_of(&format!("es256-{slot}"))
}

fn key_of(id: &str) -> Result<Key, StoreUnavailable> {
    Key::new(KIND, id, NEVER).map_err(|error| StoreUnavailable(error.to_string()))
}

fn make(entropy: &mut impl Entropy, store: &impl Store) -> Result<SigningKey, StoreUnavailable> {
    let slot = store.increment(&key_of("slots")?, 1)?;
    if !SLOTS.contains(&slot) {
        return Err(StoreUnavailable("every slot for a signing key was taken, and none holds a key".to_owned()));
    }
    let key = generate(entropy)?;
    store.put(&slot_key(slot)?, &key.to_bytes())?;
    Ok(key)
}

fn generate(entropy: &mut impl Entropy) -> Result<SigningKey, StoreUnavailable> {
    // All but 2^-32 of all byte strings are a private key, so a second attempt all but never happens.
    (0..8)
        .find_map(|_| SigningKey::from_slice(&entropy.bytes::<32>()).ok())
        .ok_or_else(|| StoreUnavailable("the host's randomness gives no private key".to_owned()))
}

fn jwk(key: &SigningKey) -> Value {
    let (x, y) = coordinates(key);
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": thumbprint(key) })
}

/// The key's name: its JWK thumbprint (RFC 7638).
fn thumbprint(key: &SigningKey) -> String {
    let (x, y) = coordinates(key);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

fn coordinates(key: &SigningKey) -> (String, String) {
    let point = key.verifying_key().to_sec1_point(false);
    let coordinate = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default());
    (coordinate(point.x().map(|x| x.as_slice())), coordinate(point.y().map(|y| y.as_slice())))
}
