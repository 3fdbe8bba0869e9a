//! The configuration that the tests use.

use gatehouse_audit_log::CredentialKind;
use gatehouse_configuration::{Configuration, Upstream};
use gatehouse_mcp_wire::json_rpc::Body;
use gatehouse_protocol::{Actors, Claims, ClientId, Entropy, Scopes, Subject};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::{Caller, Endpoint, PostedMessages, ProtocolRevision, Refusal, SealReferences, SealedReference, route};

pub(crate) const ONE_UPSTREAM: &str = r#"
public_url = "https://gateway.example"
allowed_origins = ["http://localhost:6274"]

[identity_provider]
name = "demo"
issuer = "https://login.example"
client_id = "gatehouse"

[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/api/mcp?code=1"
name = "Demo"
scopes = ["mcp", "files:read", "offline_access"]
subject_header = "x-gatehouse-subject"
secret_headers = { "x-functions-key" = { secret = "upstream_secret" }, "x-tenant_key" = { secret = "tenant" } }
"#;

pub(crate) fn one_upstream() -> Configuration {
    Configuration::parse(ONE_UPSTREAM).unwrap()
}

/// [`one_upstream`], with a server of 2024-11-05.
pub(crate) fn one_sse_upstream() -> Configuration {
    Configuration::parse(&format!("{ONE_UPSTREAM}transport = \"sse\"\n")).unwrap()
}

/// Two upstreams; [`endpoint`] is the first.
pub(crate) fn configuration() -> Configuration {
    let second = "[[routes]]\npath = \"/team/files.v2\"\nurl = \"https://files.internal.example\"\n";
    Configuration::parse(&format!("{ONE_UPSTREAM}\n{second}")).unwrap()
}

pub(crate) fn endpoints(configuration: &Configuration) -> impl Iterator<Item = Endpoint<'_>> {
    configuration.routes.iter().map(move |route| Endpoint::of_route(&configuration.gateway, route))
}

pub(crate) fn endpoint(configuration: &Configuration) -> Endpoint<'_> {
    endpoints(configuration).next().unwrap()
}

/// The only server behind [`endpoint`].
pub(crate) fn upstream(configuration: &Configuration) -> &Upstream {
    configuration.routes[0].upstreams().next().unwrap()
}

impl<'a> Endpoint<'a> {
    /// The endpoint at this path.
    pub(crate) fn at(configuration: &'a Configuration, path: &str) -> Option<Self> {
        let Ok(found) = route::found(configuration, path);
        let found = found?;
        let endpoint = found.endpoint(&configuration.gateway);
        let route = configuration.routes.iter().find(|route| *route == endpoint.route)?;
        Some(Self { configuration: &configuration.gateway, route, kind: endpoint.kind, location: endpoint.location })
    }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

pub(crate) fn request(method: Method, target: &str, pairs: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().unwrap();
    *request.headers_mut() = headers(pairs);
    request
}

/// Bytes that count up from 0.
#[derive(Default)]
pub(crate) struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

/// [`one_upstream`], with rules: a reader may read, whoever has a scope may publish, and nobody may erase.
pub(crate) fn with_policy() -> Configuration {
    let rules = r#"policy = [
        { name = "readers", tools = ["read", "erase"] },
        { name = "publishers", tools = ["publish"], scopes = ["publish"] },
        { name = "no-erasing", effect = "deny", tools = ["erase"] },
    ]
    "#;
    Configuration::parse(&format!("{ONE_UPSTREAM}{rules}")).unwrap()
}

/// Two routes; [`endpoint`] takes keys, and tokens of ours if it is to.
pub(crate) fn with_keys(own_tokens: bool) -> Configuration {
    let hash = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592";
    let keys = format!("own_tokens = {own_tokens}\n[[routes.api_keys.keys]]\nlabel = \"robot\"\nsha256 = \"{hash}\"");
    let second = "[[routes]]\npath = \"/other\"\nurl = \"https://files.internal.example\"\n";
    Configuration::parse(&format!("{ONE_UPSTREAM}{keys}\n{second}")).unwrap()
}

/// A route with two servers.
pub(crate) fn federation() -> Configuration {
    let document = r#"
        public_url = "https://gateway.example"
        identity_provider = { name = "demo", issuer = "https://login.example", client_id = "gatehouse" }
        [[routes]]
        path = "/all"
        name = "All"
        members = [
            { prefix = "files", url = "http://10.0.0.7:8080/" },
            { url = "http://10.0.0.8:8080/" },
        ]
        "#;
    Configuration::parse(document).unwrap()
}

/// Alice, with what she needs at the first endpoint.
pub(crate) fn caller() -> Caller {
    Caller {
        subject: Subject::parse("demo:alice").unwrap(),
        client_id: ClientId::parse("inspector").unwrap(),
        credential: CredentialKind::OwnToken,
        scopes: Scopes::parse("mcp files:read").unwrap(),
        claims: Claims::default(),
        actors: Actors::default(),
    }
}

/// What a client of this version posts.
pub(crate) fn posted(version: &str, body: &str) -> PostedMessages {
    let revision = ProtocolRevision::of(&headers(&[("mcp-protocol-version", version)]));
    PostedMessages { revision, body: Body::parse(body.as_bytes(), 64).unwrap() }
}

/// Seals by writing the bytes in hexadecimal.
pub(crate) struct OpenSeal;

impl SealReferences for OpenSeal {
    fn seal(&self, reference: &SealedReference) -> Result<String, Refusal> {
        Ok(reference.to_text().bytes().map(|byte| format!("{byte:02x}")).collect())
    }

    fn open(&self, sealed: &str) -> Result<Option<SealedReference>, Refusal> {
        let bytes: Option<Vec<u8>> =
            (0..sealed.len()).step_by(2).map(|at| u8::from_str_radix(sealed.get(at..at + 2)?, 16).ok()).collect();
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| SealedReference::parse(&text)))
    }
}

/// Seals nothing at the moment.
pub(crate) struct NoSeal;

impl SealReferences for NoSeal {
    fn seal(&self, _: &SealedReference) -> Result<String, Refusal> {
        Err(Refusal::Unavailable("no keys".to_owned()))
    }

    fn open(&self, _: &str) -> Result<Option<SealedReference>, Refusal> {
        Err(Refusal::Unavailable("no keys".to_owned()))
    }
}
