//! What the tests of all flows start from: a configuration, a store, a browser, clients, and a request of theirs.

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{IdentityProvider, SecretName};
use gatehouse_protocol::{ClientId, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::memory::MemoryStore;
use url::form_urlencoded;

use crate::authorization::{AuthorizationRequest, BoundRequest};
use crate::browser::Browser;
use crate::registration::{InitialAccess, Registered, RegistrationRejection, register};

/// 2026-11-18.
pub(crate) const START: UnixTime = UnixTime::from_seconds(1_795_000_000);
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const RESOURCE: &str = "https://gateway.example/mcp";
/// The client in the configuration, and its redirect URI.
pub(crate) const CONFIGURED: &str = "conformance";
pub(crate) const CONFIGURED_URI: &str = "https://client.example/cb";
/// A redirect URI of the client that [`World::register`] registers.
pub(crate) const LOOPBACK_URI: &str = "http://127.0.0.1:33418/callback";

const DOCUMENT: &str = r#"
public_url = "https://gateway.example"

[[clients]]
client_id = "conformance"
client_name = "Conformance runner"
redirect_uris = ["https://client.example/cb"]

[identity_provider]
name = "demo"
issuer = "https://login.example"
client_id = "gatehouse"

[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp", "files:read"]
"#;

const SECOND_UPSTREAM: &str = r#"
[[routes]]
path = "/mail"
url = "http://10.0.0.8:8080/mcp"
scopes = ["mail", "email"]
"#;

pub(crate) fn configuration() -> Configuration {
    Configuration::parse(DOCUMENT).unwrap()
}

/// The configuration in which `from` is written as `to`.
pub(crate) fn configuration_with(from: &str, to: &str) -> Configuration {
    let document = DOCUMENT.replacen(from, to, 1);
    assert_ne!(document, DOCUMENT, "{from}");
    Configuration::parse(&document).unwrap()
}

/// The configuration with another identity provider, `other`.
pub(crate) fn configuration_with_two_providers() -> Configuration {
    let mut configuration = configuration();
    let mut other = configuration.identity_providers[0].clone();
    other.name = "other".to_owned();
    other.issuer = "https://other.example".to_owned();
    configuration.identity_providers.push(other);
    configuration
}

/// The name of a setting.
pub(crate) fn secret_name() -> SecretName {
    let registration = "registration = { initial_access_token = { secret = \"a_secret\" } }\npublic_url =";
    configuration_with("public_url =", registration).registration.initial_access_token.unwrap()
}

/// The configuration with another upstream, which has a scope that OpenID has, too.
pub(crate) fn configuration_with_two_upstreams() -> Configuration {
    Configuration::parse(&format!("{DOCUMENT}{SECOND_UPSTREAM}")).unwrap()
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub(crate) fn resource(text: &str) -> ResourceUri {
    ResourceUri::parse(text).unwrap()
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

pub(crate) fn alice() -> Subject {
    Subject::new("demo", "alice").unwrap()
}

pub(crate) fn bob() -> Subject {
    Subject::new("demo", "bob").unwrap()
}

/// Repeatable, and different for every call.
#[derive(Default)]
pub(crate) struct Counting(u64);

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

/// A gateway at [`START`], with nobody registered.
pub(crate) struct World {
    pub(crate) configuration: Configuration,
    pub(crate) store: MemoryStore,
    pub(crate) keys: KeyRing,
    pub(crate) entropy: Counting,
    pub(crate) browser: Browser,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut entropy = Counting(0);
        let browser = Browser::generate(&mut entropy);
        Self { configuration: configuration(), store: MemoryStore::at(START), keys: key_ring('A'), entropy, browser }
    }

    /// Registers a client for [`LOOPBACK_URI`] and `https://client.example/registered`.
    pub(crate) fn register(&mut self) -> ClientId {
        let metadata = serde_json::json!({
            "client_name": "Example client",
            "redirect_uris": [LOOPBACK_URI, "https://client.example/registered"],
        });
        let body = metadata.to_string();
        client_id(self.register_body(body.as_bytes()).unwrap().client_id())
    }

    /// Registers the client that `body` describes.
    pub(crate) fn register_body(&mut self, body: &[u8]) -> Result<Registered, RegistrationRejection> {
        let access = InitialAccess::check(None, None, &self.configuration)?;
        register(body, &access, &self.configuration, &self.store, START, &mut self.entropy)
    }

    /// What [`query`] asks for, granted.
    pub(crate) fn request(&self) -> AuthorizationRequest {
        self.request_of(&query())
    }

    /// What [`query`] asks for, asked by a client that registered.
    pub(crate) fn request_of_registered(&mut self) -> AuthorizationRequest {
        let client = self.register();
        self.request_of(&query().with("client_id", client.as_str()).with("redirect_uri", LOOPBACK_URI))
    }

    /// The only identity provider, or the first.
    pub(crate) fn provider(&self) -> &IdentityProvider {
        &self.configuration.identity_providers[0]
    }

    /// What `query` asks for, granted.
    pub(crate) fn request_of(&self, query: &Form) -> AuthorizationRequest {
        let bound = BoundRequest::parse(&query.text(), &self.configuration, &self.keys, &self.store, START);
        bound.unwrap().validate(&self.configuration).unwrap()
    }

    pub(crate) fn another_browser(&mut self) -> Browser {
        Browser::generate(&mut self.entropy)
    }
}

/// A key ring of one key; its id and its bytes come from `letter`.
pub(crate) fn key_ring(letter: char) -> KeyRing {
    KeyRing::parse(&format!("{letter}:{letter}{}", "A".repeat(42))).unwrap()
}

/// An authorization request of the configured client to which nothing can be objected.
pub(crate) fn query() -> Form {
    Form::of(&[
        ("response_type", "code"),
        ("client_id", CONFIGURED),
        ("redirect_uri", CONFIGURED_URI),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "mcp"),
        ("resource", RESOURCE),
    ])
}

/// `application/x-www-form-urlencoded` text under construction.
#[derive(Clone, Debug)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(known, _)| known != name).cloned().collect())
    }

    /// With another value for `name`.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With one more `name`.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// `text` with another character in each place in turn.
pub(crate) fn with_each_character_changed(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).map(move |at| {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    })
}

/// Whether RFC 6749, appendix A.8, lets `text` stand in `error_description`.
pub(crate) fn fits_error_description(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\'))
}
