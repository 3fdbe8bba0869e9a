//! The document as it is written, and its way into checked values.

use std::collections::BTreeMap;

use gatehouse_protocol::{
    ClientId, ClientName, RedirectRules, RedirectUri, Scope, Scopes, WebOrigin, is_loopback_host,
};
use http::{HeaderName, Uri};
use serde::Deserialize;
use url::Url;

use crate::error::problem;
use crate::{
    AccessRules, AllowedOrigins, ClientDocuments, Configuration, ConfigurationError, GrantType, IdentityProvider,
    Lifetimes, ProviderAuthentication, ProviderProfile, RegisteredAuthentication, RegisteredClient, Registration,
    RoutePath, SecretName, Upstream,
};

const DEFAULT_ACCESS_TOKEN_SECONDS: u64 = 5 * 60;
const DEFAULT_CONSENT_SECONDS: u64 = 30 * 24 * 60 * 60;
const DEFAULT_REGISTRATIONS_PER_HOUR: u32 = 500;
const DEFAULT_SESSION_SECONDS: u64 = 24 * 60 * 60;
const LONGEST_ACCESS_TOKEN_SECONDS: u64 = 60 * 60;
const LONGEST_SESSION_SECONDS: u64 = 90 * 24 * 60 * 60;
/// Bytes. MCP messages are small; a larger upload is for another protocol.
const DEFAULT_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes. The request is held in the instance's memory, whose size hosts limit.
const LARGEST_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// Headers that the gateway or the host decides on; a secret in one of them would be lost or would break the
/// connection.
const NOT_FOR_SECRETS: [&str; 17] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "accept",
    "upgrade",
    "te",
    "trailer",
    "via",
    "cookie",
    "origin",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "last-event-id",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    public_url: String,
    #[serde(default)]
    allowed_origins: Vec<String>,
    #[serde(default)]
    lifetimes: LifetimesDocument,
    #[serde(default)]
    registration: RegistrationDocument,
    #[serde(default)]
    clients: Vec<ClientDocument>,
    identity_provider: ProviderDocument,
    #[serde(default)]
    upstreams: Vec<UpstreamDocument>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LifetimesDocument {
    access_token: Option<u64>,
    session: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationDocument {
    enabled: bool,
}

impl Default for RegistrationDocument {
    fn default() -> Self {
        Self { enabled: true }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientDocument {
    client_id: String,
    client_name: String,
    redirect_uris: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretDocument {
    secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderDocument {
    name: String,
    display_name: Option<String>,
    issuer: String,
    client_id: String,
    client_secret: Option<SecretDocument>,
    scopes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamDocument {
    path: String,
    url: String,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    scope_descriptions: BTreeMap<String, String>,
    max_request_bytes: Option<usize>,
    subject_header: Option<String>,
    #[serde(default)]
    secret_headers: BTreeMap<String, SecretDocument>,
}

/// Reads the document without judging its values.
pub(crate) fn parse(text: &str) -> Result<Document, ConfigurationError> {
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| ConfigurationError::Unreadable(error.to_string()))
    } else {
        toml::from_str(text).map_err(|error| ConfigurationError::Unreadable(one_line(&error, text)))
    }
}

impl Document {
    pub(crate) fn check(self) -> Result<Configuration, ConfigurationError> {
        let public_url = WebOrigin::parse(&self.public_url)
            .map_err(|error| problem("public_url", error, r#"public_url = "https://gateway.example.com""#))?;
        let rules = RedirectRules { own_callback: public_url.join("/callback"), private_use_schemes: Vec::new() };
        let clients = self.clients.into_iter().enumerate().map(|(index, client)| client.check(index, &rules));
        let upstreams = self.upstreams.into_iter().enumerate().map(|(index, upstream)| upstream.check(index));
        let configuration = Configuration {
            allowed_origins: allowed_origins(self.allowed_origins)?,
            lifetimes: self.lifetimes.check()?,
            registration: Registration {
                enabled: self.registration.enabled,
                initial_access_token: None,
                per_hour: DEFAULT_REGISTRATIONS_PER_HOUR,
            },
            client_documents: ClientDocuments { enabled: true },
            private_use_schemes: rules.private_use_schemes.clone(),
            clients: clients.collect::<Result<_, _>>()?,
            identity_providers: vec![self.identity_provider.check()?],
            upstreams: upstreams.collect::<Result<_, _>>()?,
            public_url,
        };
        unique("clients", "client_id", configuration.clients.iter().map(|client| client.client_id.as_str()))?;
        unique("upstreams", "path", configuration.upstreams.iter().map(|upstream| upstream.path.as_str()))?;
        if configuration.upstreams.is_empty() {
            return Err(problem("upstreams", "is missing: there is nothing to protect", UPSTREAM_EXAMPLE));
        }
        Ok(configuration)
    }
}

const UPSTREAM_EXAMPLE: &str = r#"[[upstreams]] path = "/mcp" url = "https://mcp.internal.example/mcp""#;

fn allowed_origins(origins: Vec<String>) -> Result<AllowedOrigins, ConfigurationError> {
    if origins.iter().any(|origin| origin == "*") {
        return Ok(AllowedOrigins::Any);
    }
    let check = |(index, origin): (usize, &String)| {
        WebOrigin::parse(origin).map_err(|error| {
            problem(format!("allowed_origins[{index}]"), error, r#"allowed_origins = ["http://localhost:6274"]"#)
        })
    };
    Ok(AllowedOrigins::These(origins.iter().enumerate().map(check).collect::<Result<_, _>>()?))
}

impl LifetimesDocument {
    fn check(self) -> Result<Lifetimes, ConfigurationError> {
        let access_token = self.access_token.unwrap_or(DEFAULT_ACCESS_TOKEN_SECONDS);
        let session = self.session.unwrap_or(DEFAULT_SESSION_SECONDS);
        if !(1..=LONGEST_ACCESS_TOKEN_SECONDS).contains(&access_token) {
            return Err(problem("lifetimes.access_token", "must be 1 to 3600 seconds", "access_token = 300"));
        }
        if !(access_token..=LONGEST_SESSION_SECONDS).contains(&session) {
            let text = "must be at least lifetimes.access_token and at most 7776000 seconds (90 days)";
            return Err(problem("lifetimes.session", text, "session = 86400"));
        }
        Ok(Lifetimes { access_token, session, consent: DEFAULT_CONSENT_SECONDS })
    }
}

impl ClientDocument {
    fn check(self, index: usize, rules: &RedirectRules) -> Result<RegisteredClient, ConfigurationError> {
        let key = |name: &str| format!("clients[{index}].{name}");
        const URIS: &str = r#"redirect_uris = ["http://127.0.0.1/callback"]"#;
        if self.redirect_uris.is_empty() {
            return Err(problem(key("redirect_uris"), "is empty", URIS));
        }
        if self.client_id.starts_with("https://") {
            let text = "starts with https://, which is for client ID metadata documents";
            return Err(problem(key("client_id"), text, r#"client_id = "my-client""#));
        }
        let redirect_uris = self.redirect_uris.iter().enumerate().map(|(uri_index, uri)| {
            RedirectUri::parse(uri, rules)
                .map_err(|error| problem(format!("{}[{uri_index}]", key("redirect_uris")), error, URIS))
        });
        Ok(RegisteredClient {
            client_id: ClientId::parse(&self.client_id).map_err(|error| {
                problem(key("client_id"), format!("is refused: {error}"), r#"client_id = "my-client""#)
            })?,
            client_name: ClientName::parse(&self.client_name).map_err(|error| {
                problem(key("client_name"), format!("is refused: {error}"), r#"client_name = "My client""#)
            })?,
            redirect_uris: redirect_uris.collect::<Result<_, _>>()?,
            authentication: RegisteredAuthentication::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: Scopes::default(),
            may_introspect: false,
        })
    }
}

impl ProviderDocument {
    fn check(self) -> Result<IdentityProvider, ConfigurationError> {
        let named = !self.name.is_empty() && self.name.len() <= 32;
        if !named || !self.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            let text = "must be 1 to 32 lower-case letters, digits and -";
            return Err(problem("identity_provider.name", text, r#"name = "entra""#));
        }
        secure_url(&self.issuer)
            .map_err(|text| problem("identity_provider.issuer", text, r#"issuer = "https://accounts.example.com""#))?;
        if self.client_id.is_empty() {
            return Err(problem("identity_provider.client_id", "is empty", r#"client_id = "gatehouse""#));
        }
        let requested = self.scopes.unwrap_or_else(|| vec!["openid".to_owned(), "profile".to_owned()]);
        let scopes = scopes("identity_provider.scopes", &requested)?;
        if !scopes.iter().any(|scope| scope.as_str() == "openid") {
            let text = "lacks `openid`, without which no provider says who signed in";
            return Err(problem("identity_provider.scopes", text, r#"scopes = ["openid", "profile"]"#));
        }
        Ok(IdentityProvider {
            display_name: self.display_name.unwrap_or_else(|| self.name.clone()),
            authentication: match self.client_secret {
                Some(secret) => ProviderAuthentication::Secret(secret.check("identity_provider.client_secret")?),
                None => ProviderAuthentication::None,
            },
            profile: ProviderProfile::OpenId,
            access: AccessRules::default(),
            accepts_identity_assertions: false,
            name: self.name,
            issuer: self.issuer,
            client_id: self.client_id,
            scopes,
        })
    }
}

impl UpstreamDocument {
    fn check(self, index: usize) -> Result<Upstream, ConfigurationError> {
        let key = |name: &str| format!("upstreams[{index}].{name}");
        let path = RoutePath::parse(&self.path).map_err(|text| problem(key("path"), text, r#"path = "/mcp""#))?;
        const URL: &str = r#"url = "https://mcp.internal.example/mcp""#;
        let url: Uri = self
            .url
            .parse()
            .ok()
            .filter(|url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some())
            .filter(|url| !url.authority().is_some_and(|authority| authority.as_str().contains('@')))
            .ok_or_else(|| problem(key("url"), "is not an http(s) URL without a user", URL))?;
        let requested = self.scopes.unwrap_or_else(|| vec!["mcp".to_owned()]);
        let scopes = scopes(&key("scopes"), &requested)?;
        if scopes.is_empty() {
            return Err(problem(key("scopes"), "is empty: a token must need something", r#"scopes = ["mcp"]"#));
        }
        let max_request_bytes = self.max_request_bytes.unwrap_or(DEFAULT_REQUEST_BYTES);
        if !(1..=LARGEST_REQUEST_BYTES).contains(&max_request_bytes) {
            let text = "must be 1 to 33554432 bytes (32 MiB)";
            return Err(problem(key("max_request_bytes"), text, "max_request_bytes = 4194304"));
        }
        let secret_headers = self.secret_headers.into_iter().map(|(name, secret)| {
            let key = format!("{}.{name}", key("secret_headers"));
            Ok((header_name(&key, &name)?, secret.check(&key)?))
        });
        Ok(Upstream {
            name: self.name.unwrap_or_else(|| path.as_str().to_owned()),
            subject_header: self.subject_header.map(|name| header_name(&key("subject_header"), &name)).transpose()?,
            secret_headers: secret_headers.collect::<Result<_, _>>()?,
            identity_provider_token_header: None,
            scope_descriptions: self.scope_descriptions,
            path,
            url,
            scopes,
            max_request_bytes,
        })
    }
}

impl SecretDocument {
    fn check(self, key: &str) -> Result<SecretName, ConfigurationError> {
        let text = "must name a variable: lower-case letters, digits and _, starting with a letter";
        SecretName::parse(&self.secret)
            .ok_or_else(|| problem(format!("{key}.secret"), text, r#"{ secret = "upstream_secret" }"#))
    }
}

fn header_name(key: &str, name: &str) -> Result<HeaderName, ConfigurationError> {
    const EXAMPLE: &str = r#""x-functions-key" = { secret = "upstream_secret" }"#;
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem(key, "is not a header name", EXAMPLE))?;
    if NOT_FOR_SECRETS.contains(&header.as_str()) {
        return Err(problem(key, "is a header that the gateway itself decides on", EXAMPLE));
    }
    Ok(header)
}

fn scopes(key: &str, requested: &[String]) -> Result<Scopes, ConfigurationError> {
    let parsed: Result<Scopes, _> = requested.iter().map(|scope| Scope::parse(scope)).collect();
    parsed.map_err(|error| problem(key, format!("holds something else: {error}"), r#"scopes = ["mcp"]"#))
}

/// An issuer: https, or http on a loopback host, without query and fragment (OpenID Connect Discovery, section 3).
fn secure_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let loopback = url.host().is_some_and(|host| is_loopback_host(&host));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err("must use https (http only on a loopback host)"),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("must not have a query, a fragment or a user");
    }
    Ok(())
}

fn unique<'a>(table: &str, key: &str, values: impl Iterator<Item = &'a str>) -> Result<(), ConfigurationError> {
    let mut seen = Vec::new();
    for (index, value) in values.enumerate() {
        if seen.contains(&value) {
            let text = format!("is {value:?} for a second time");
            return Err(problem(format!("{table}[{index}].{key}"), text, "a value of its own for each"));
        }
        seen.push(value);
    }
    Ok(())
}

/// The error and where it is, without the picture of the source that `toml` draws over several lines.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let message = error.message().trim().replace('\n', " ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}
