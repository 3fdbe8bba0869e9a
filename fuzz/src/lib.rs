//! What the targets share: a gateway's configuration, keys and clock, a provider that signs, and what must hold of
//! everything that leaves the gateway.

pub mod rest;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_jose::KeySet;
use gatehouse_openid::ProviderMetadata;
use gatehouse_protocol::{BoundRedirectUri, Claims, ClientId, Entropy, RedirectUri, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::MemoryStore;
use http::{HeaderMap, HeaderName, HeaderValue};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

/// 2026-11-18.
pub const START: UnixTime = UnixTime::from_seconds(1_795_000_000);

/// A gateway with a client of every kind, two upstreams, two providers, and rules about their users.
pub const DOCUMENT: &str = r#"
public_url = "https://gateway.example"
private_use_schemes = ["cursor", "com.example.app"]

[[clients]]
client_id = "public"
client_name = "Public"
redirect_uris = ["https://client.example/cb", "http://127.0.0.1/cb", "cursor://client/cb"]

[[clients]]
client_id = "basic"
client_name = "Basic"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "client_secret" }
grant_types = ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
scopes = ["mcp"]
may_introspect = true

[[clients]]
client_id = "post"
client_name = "Post"
token_endpoint_auth_method = "client_secret_post"
client_secret = { secret = "client_secret" }
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "remote"
client_name = "Remote"
token_endpoint_auth_method = "private_key_jwt"
jwks_uri = "https://remote.example.com/keys.json"
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "signing"
client_name = "Signing"
token_endpoint_auth_method = "private_key_jwt"
jwks = '{"keys":[{"kty":"EC","crv":"P-256","kid":"p256","x":"ZOBsEwWxP4r1p4p6X0xR3AvHhSOaGajHY6cZnp9zeQc","y":"JNBilLocfX0GJdDdgTQ1pha-aj7GKC8kXJxNIhkSkoE"}]}'
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[identity_providers]]
name = "demo"
issuer = "https://op.example"
client_id = "gatehouse"
accepts_identity_assertions = true

[[identity_providers]]
name = "staff"
profile = "entra"
tenant = "organizations"
client_id = "gatehouse"
accepts_identity_assertions = true

[identity_providers.access]
tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]
groups = ["1f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11"]

[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp", "files:read"]
subject_header = "x-subject"
legacy_sse = true

[[routes]]
path = "/mail"
url = "http://10.0.0.8:8080/mcp"
scopes = ["mail"]
identity_provider_token_header = "authorization"

[[routes.policy]]
name = "staff"
providers = ["staff"]
groups = ["1f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11", "engineering"]

[[routes.policy]]
name = "no-guests"
effect = "deny"
providers = ["staff"]
groups = ["2f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11"]
roles = ["guest"]
"#;

/// The issuer of the provider `demo`.
pub const ISSUER: &str = "https://op.example";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The first upstream's.
pub const RESOURCE: &str = "https://gateway.example/mcp";

static WHOLE: LazyLock<gatehouse_configuration::Configuration> =
    LazyLock::new(|| gatehouse_configuration::Configuration::parse(DOCUMENT).unwrap());
static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::parse("new:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI,old:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")
        .unwrap()
});

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let pem = include_str!("../../crates/jose/test-keys/p256.pem");
    SigningKey::from_pkcs8_pem(pem).unwrap()
});
static PUBLIC_KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::from_json(include_bytes!("../../crates/jose/test-keys/jwks.json")).unwrap());

/// [`DOCUMENT`], parsed.
pub fn configuration() -> &'static Configuration {
    &WHOLE.authorization_server
}

/// The whole document.
pub fn whole_configuration() -> &'static gatehouse_configuration::Configuration {
    &WHOLE
}

/// Two server keys.
pub fn keys() -> &'static KeyRing {
    &KEYS
}

/// An empty store at [`START`].
pub fn store() -> MemoryStore {
    MemoryStore::at(START)
}

/// The providers `demo`, of OpenID, and `staff`, of Entra.
pub fn providers() -> (&'static IdentityProvider, &'static IdentityProvider) {
    let find = |name| configuration().identity_provider(name).unwrap();
    (find("demo"), find("staff"))
}

/// What the provider whose metadata names `issuer` says of itself.
pub fn metadata(issuer: &str) -> ProviderMetadata {
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/keys",
    });
    ProviderMetadata::from_json(document.to_string().as_bytes(), issuer).unwrap()
}

/// The keys of every provider and of the client `signing`.
pub fn public_keys() -> &'static KeySet {
    &PUBLIC_KEYS
}

/// A token that one of them has signed, with these claims letter by letter.
pub fn signed(typ: Option<&str>, claims: &impl Serialize) -> SecretString {
    let mut header = json!({ "alg": "ES256", "kid": "p256" });
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(header.to_string()), encode(serde_json::to_string(claims).unwrap()));
    let signature: Signature = KEY.sign(message.as_bytes());
    SecretString::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
}

/// The id of a client.
pub fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// JSON that a crate has read, to compare with what it made of it; `None` where only a member that nobody asked for is no
/// text.
pub fn reread(json: &[u8]) -> Option<Value> {
    serde_json::from_slice(json).ok()
}

/// An input as an HTTP message without its first line: fields, an empty line, the body. One that does not start with
/// fields is all body.
pub fn message(input: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    while let Some((line, after)) = split(rest, b'\n') {
        if line.is_empty() {
            return (headers, after);
        }
        let field = split(line, b':').and_then(|(name, value)| {
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
        });
        match field.map(|(name, value)| headers.try_append(name, value)) {
            Some(Ok(_)) => rest = after,
            Some(Err(_)) | None => break,
        }
    }
    (HeaderMap::new(), input)
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Repeatable, and different for every call.
#[derive(Default)]
pub struct Counting(u64);

impl From<u64> for Counting {
    /// Counts from `start`.
    fn from(start: u64) -> Self {
        Self(start)
    }
}

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        for (byte, value) in bytes.iter_mut().zip(self.0.to_be_bytes().iter().cycle()) {
            *byte = *value;
        }
    }
}

/// What holds of every redirect URI that was accepted, whoever wrote it.
pub fn assert_safe(uri: &RedirectUri) {
    let text = uri.as_str();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#'));
    let url = Url::parse(text).expect("a redirect URI is a URL");
    assert!(url.username().is_empty() && url.password().is_none());
    match url.scheme() {
        "https" => assert!(!uri.is_private_use()),
        "http" => assert!(uri.is_loopback() && !uri.is_private_use()),
        "cursor" | "com.example.app" => assert!(uri.is_private_use() && !uri.is_loopback()),
        other => panic!("{other} was accepted"),
    }
    assert_elsewhere(text);
    // A policy or a page that is made from it gets no second part.
    if let Some(source) = uri.csp_source() {
        assert!(
            source.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'\'' | b'"' | b'*'))
        );
    }
    assert!(!uri.host_and_port().chars().any(char::is_control));
    let comparable = RedirectUri::parse(&uri.comparable(), &configuration().redirect_rules()).expect("it is still one");
    assert_eq!(comparable.comparable(), uri.comparable());
}

/// No reader of URLs takes the text for a place at our own origin, neither by the rules of the WHATWG nor by RFC 3986.
fn assert_elsewhere(text: &str) {
    let own = |scheme: Option<&str>, host: Option<&str>, port: Option<u16>| {
        let is_web = scheme.is_some_and(|scheme| ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()));
        let host = host.unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        is_web && host == "gateway.example" && matches!(port, None | Some(80 | 443))
    };
    let url = Url::parse(text).expect("a URL");
    assert!(!own(Some(url.scheme()), url.host_str(), url.port()), "{text} leads to ourselves");
    if let Ok(uri) = text.parse::<http::Uri>() {
        assert!(!own(uri.scheme_str(), uri.host(), uri.port_u16()), "{text} leads to ourselves");
        if !matches!(url.scheme(), "cursor" | "com.example.app") {
            let host = uri.host().map(str::to_ascii_lowercase);
            assert_eq!(host.as_deref(), url.host_str(), "{text} is read in two ways");
        }
    }
}

/// What holds of every redirect: it goes to a configured client, and what is added to it stays in the query.
pub fn assert_redirect_of_ours(uri: &BoundRedirectUri) {
    assert_safe(uri.redirect_uri());
    let mut known = configuration().clients.iter().flat_map(|client| &client.redirect_uris);
    assert!(known.any(|known| known.comparable() == uri.redirect_uri().comparable()), "{uri} is nobody's");
    let location = uri.location(&[("state", "a&b=c#d\r\nSet-Cookie: x"), ("iss", "https://gateway.example")]);
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
    let (before, after) = (Url::parse(uri.as_str()).unwrap(), Url::parse(&location).unwrap());
    assert_eq!(
        (before.scheme(), before.host(), before.port(), before.path()),
        (after.scheme(), after.host(), after.port(), after.path())
    );
}

/// Policies judge by what a signed token with these claims says, and by nothing else.
pub fn assert_said(known: &Claims, signed: &Value) {
    let said = |claim: &str| match &signed[claim] {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect::<Vec<_>>(),
    };
    let (groups, roles) = (said("groups"), said("roles"));
    assert!(known.groups.len() <= 1000 && known.roles.len() <= 200);
    assert!(known.groups.iter().all(|group| groups.iter().any(|said| said.eq_ignore_ascii_case(group))));
    assert!(known.roles.iter().all(|role| roles.contains(&role.as_str())));
    assert!(known.roles.len() == roles.iter().filter(|role| role.len() <= 256).count());
}

/// RFC 6749, section 5.2: what `error_description` may hold. Statuses are those of refusals.
pub fn assert_fits_the_wire((status, _code, description): &(u16, gatehouse_authorization_server::ErrorCode, String)) {
    assert!(matches!(status, 400 | 401 | 403 | 429 | 503), "{status}");
    assert!(!description.is_empty());
    assert!(
        description.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')),
        "{description:?}"
    );
}
