//! The document as it is written, and its way into checked values.

mod access;
mod client;
mod identity_provider;
mod limits;
mod parts;
mod policy;
mod provider_authentication;
mod route;
mod upstream;
mod values;

use gatehouse_protocol::{PrivateUseScheme, Subject, WebOrigin};
use serde::{Deserialize, Serialize};
use serde_path_to_error::Path;
use url::Url;

use self::client::ClientDocument;
use self::identity_provider::ProviderDocument;
use self::limits::TotalsDocument;
pub(crate) use self::parts::{
    AuthorizationServerDocument, GatewayDocument, Parts, ResourceDocument, read_part, servers_from_part,
};
pub(crate) use self::route::RouteDocument;
use self::values::{SecretDocument, unique};
use crate::authorization_server::RuleClaims;
use crate::compiled::is_compiled;
use crate::error::{one_line, problem};
use crate::{
    AllowedOrigins, ClientDocuments, CompiledError, Configuration, ConfigurationError, IdentityProvider, Lifetimes,
    Registration, Route, Rule, SignIns,
};

const DEFAULT_ACCESS_TOKEN_SECONDS: u64 = 5 * 60;
const DEFAULT_CONSENT_SECONDS: u64 = 30 * 24 * 60 * 60;
const DEFAULT_SESSION_SECONDS: u64 = 24 * 60 * 60;
const LONGEST_ACCESS_TOKEN_SECONDS: u64 = 60 * 60;
/// What a user cannot see in their list any more must not count any more: entries are found for 90 days.
const LONGEST_CONSENT_SECONDS: u64 = 90 * 24 * 60 * 60;
const LONGEST_SESSION_SECONDS: u64 = 90 * 24 * 60 * 60;
const DEFAULT_REGISTRATIONS_PER_HOUR: u32 = 500;
/// More than that fills the store faster than unused clients leave it.
const MOST_REGISTRATIONS_PER_HOUR: u32 = 100_000;
const DEFAULT_DOCUMENTS_PER_HOUR: u32 = 500;
const MOST_DOCUMENTS_PER_HOUR: u32 = 100_000;
const DEFAULT_SIGN_INS_PER_MINUTE: u32 = 3_000;
/// More than that fills the store with sign-ins that nobody finishes.
const MOST_SIGN_INS_PER_MINUTE: u32 = 100_000;

/// The variable `config` holds one document: JSON if it begins with `{`, TOML otherwise. If the document is
/// wrong, Gatehouse answers 503, and the log names the key, the problem and a right example. `gatehouse check FILE` says
/// the same beforehand, and lists the outbound hosts and the variables that the configuration needs.
///
/// This is the smallest document that is complete:
///
/// ```toml
/// public_url = "https://gateway.example.com"
///
/// [identity_provider]
/// name = "main"
/// issuer = "https://accounts.example.com"
/// client_id = "gatehouse"
/// client_secret = { secret = "identity_provider_secret" }
///
/// [[routes]]
/// path = "/mcp"
/// url = "http://10.0.0.7:8080/mcp"
/// ```
///
/// [examples/gatehouse.toml](../examples/gatehouse.toml) is the configuration of the demo. Editors can check a document
/// against its JSON Schema, [configuration.schema.json](configuration.schema.json). An unknown key is an error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The URL at which clients reach Gatehouse: `https://host[:port]`, or `http://…` on a loopback host. It has no
    /// path. It is also the issuer of the authorization server. It never comes from a request's header.
    ///
    /// Example: `"https://gateway.example.com"`
    public_url: String,
    /// The origins of web pages that may call the MCP endpoints. Pages at `public_url` always may. `"*"` means every
    /// page.
    ///
    /// Example: `["http://localhost:6274"]`
    #[serde(default)]
    allowed_origins: Vec<String>,
    /// The private-use URI schemes (RFC 8252, section 7.1) that redirect URIs may have, beside https and loopback http.
    /// Any application on the user's machine can claim such a scheme.
    ///
    /// Example: `["cursor"]`
    #[serde(default)]
    private_use_schemes: Vec<String>,
    /// How long tokens, sessions and remembered consents live.
    #[serde(default)]
    lifetimes: LifetimesDocument,
    /// Dynamic client registration (RFC 7591).
    #[serde(default)]
    registration: RegistrationDocument,
    /// Clients whose id is the URL of a document about them (client ID metadata documents).
    #[serde(default)]
    client_documents: ClientDocumentsDocument,
    /// How many users may begin to sign in.
    #[serde(default)]
    sign_ins: SignInsDocument,
    /// Clients that the operator knows. They do not register.
    #[serde(default)]
    clients: Vec<ClientDocument>,
    /// The identity provider at which users sign in. Either this table or `identity_providers` is required.
    identity_provider: Option<ProviderDocument>,
    /// Several identity providers. Users choose one of them. Each has a `name` of its own.
    identity_providers: Option<Vec<ProviderDocument>>,
    /// The MCP endpoints. At least one is required, and each has a `path` of its own.
    #[serde(default)]
    routes: Vec<RouteDocument>,
    /// Limits that hold for all routes together.
    #[serde(default)]
    limits: TotalsDocument,
}

/// How long things live.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LifetimesDocument {
    /// Seconds for which an access token is valid.
    ///
    /// Default: [`DEFAULT_ACCESS_TOKEN_SECONDS`]
    /// Bounds: 1 to [`LONGEST_ACCESS_TOKEN_SECONDS`]
    access_token: Option<u64>,
    /// Seconds from the sign-in to the end of the session. A refresh does not extend the session. The value must not be
    /// smaller than `access_token`. The upper bound is 90 days.
    ///
    /// Default: [`DEFAULT_SESSION_SECONDS`]
    /// Bounds: 1 to [`LONGEST_SESSION_SECONDS`]
    session: Option<u64>,
    /// Seconds for which a consent is remembered, if the user ticks the box "Do not ask again in this browser". `0`
    /// means that no consent is remembered. A remembered consent counts when the user or an application opens the link.
    /// It does not count when a web page opens it. The upper bound is 90 days.
    ///
    /// Default: [`DEFAULT_CONSENT_SECONDS`]
    /// Bounds: 0 to [`LONGEST_CONSENT_SECONDS`]
    consent: Option<u64>,
}

/// Dynamic client registration (RFC 7591).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RegistrationDocument {
    /// Whether clients may register.
    ///
    /// Default: `true`
    enabled: Option<bool>,
    /// The variable that holds the initial access token. With it, only requests with this bearer token may register a
    /// client. Without it, everybody may.
    ///
    /// Example: `{ secret = "registration_token" }`
    initial_access_token: Option<SecretDocument>,
    /// How many clients may register in an hour, counted over all clients and all instances. Further registrations get
    /// 429 and `Retry-After`.
    ///
    /// Default: [`DEFAULT_REGISTRATIONS_PER_HOUR`]
    /// Bounds: 1 to [`MOST_REGISTRATIONS_PER_HOUR`]
    per_hour: Option<u32>,
}

/// Client ID metadata documents: the client's id is the https URL of a document that describes the client.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ClientDocumentsDocument {
    /// Whether such clients are accepted. A document is never read from a host that this configuration names.
    ///
    /// Default: `true`
    enabled: Option<bool>,
    /// How many documents of clients that no user has approved yet may be fetched in an hour, counted over all of them.
    /// Further ones get 503 and `Retry-After`. Clients that are known, registered or configured still work.
    ///
    /// Default: [`DEFAULT_DOCUMENTS_PER_HOUR`]
    /// Bounds: 1 to [`MOST_DOCUMENTS_PER_HOUR`]
    per_hour: Option<u32>,
}

/// Sign-ins at the identity providers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SignInsDocument {
    /// How many sign-ins may begin in a minute, counted over all users and all instances. Further ones get 503 and
    /// `Retry-After`.
    ///
    /// Default: [`DEFAULT_SIGN_INS_PER_MINUTE`]
    /// Bounds: 1 to [`MOST_SIGN_INS_PER_MINUTE`]
    per_minute: Option<u32>,
}

/// Reads the document without judging its values. What is wrong is said with the path of its table or key.
pub(crate) fn parse(text: &str) -> Result<Document, ConfigurationError> {
    if is_compiled(text) {
        return Err(ConfigurationError::Compiled(CompiledError::NeedsDocument));
    }
    if text.trim_start().starts_with('{') {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = serde_path_to_error::deserialize(&mut reader);
        let document = read.map_err(|error| unreadable(Some(error.path()), &error.inner().to_string()))?;
        reader.end().map(|()| document).map_err(|error| unreadable(None, &error.to_string()))
    } else {
        let unreadable = |path: Option<&Path>, error: &toml::de::Error| unreadable(path, &with_line(error, text));
        let reader = toml::Deserializer::parse(text).map_err(|error| unreadable(None, &error))?;
        serde_path_to_error::deserialize(reader).map_err(|error| unreadable(Some(error.path()), error.inner()))
    }
}

impl Document {
    /// The parts of the document, as they are written and as they are meant.
    pub(crate) fn divide(self) -> Result<(Parts, Configuration), ConfigurationError> {
        let gateway =
            GatewayDocument { public_url: self.public_url, allowed_origins: self.allowed_origins, limits: self.limits };
        let meant = gateway.clone().check()?;
        let routes = self.routes.iter().cloned().enumerate();
        let routes = routes.map(|(index, route)| route.check(&format!("routes[{index}]")));
        let routes = routes.collect::<Result<Vec<_>, _>>()?;
        let authorization_server = AuthorizationServerDocument {
            public_url: gateway.public_url.clone(),
            private_use_schemes: self.private_use_schemes,
            lifetimes: self.lifetimes,
            registration: self.registration,
            client_documents: self.client_documents,
            sign_ins: self.sign_ins,
            clients: self.clients,
            identity_provider: self.identity_provider,
            identity_providers: self.identity_providers,
            routes: routes
                .iter()
                .zip(&self.routes)
                .map(|(route, written)| ResourceDocument::of(route, written))
                .collect(),
            rule_claims: RuleClaims::of(&routes),
            server_urls: routes.iter().flat_map(Route::upstreams).map(|upstream| upstream.url.to_string()).collect(),
        };
        let configuration =
            Configuration { gateway: meant, authorization_server: authorization_server.clone().check()?, routes };
        unique("routes", ".path", configuration.routes.iter().map(|route| route.path.as_str()))?;
        rules_fit_providers(&configuration)?;
        Ok((Parts { gateway, authorization_server, routes: self.routes }, configuration))
    }
}

/// What a document without routes lacks.
const ROUTE_EXAMPLE: &str = r#"[[routes]] path = "/mcp" url = "https://mcp.internal.example/mcp""#;

/// Nobody signs in at ourselves: we would ask ourselves who they are. A provider behind the same proxy, at a path of its own,
/// is another server.
fn providers_are_elsewhere(
    providers: &[IdentityProvider],
    are_listed: bool,
    public_url: &WebOrigin,
) -> Result<(), ConfigurationError> {
    let is_ourselves = |provider: &IdentityProvider| {
        Url::parse(&provider.issuer).is_ok_and(|issuer| issuer.path() == "/" && public_url.is_reached_by(&issuer))
    };
    match providers.iter().position(is_ourselves) {
        Some(index) => {
            let table =
                if are_listed { format!("identity_providers[{index}]") } else { "identity_provider".to_owned() };
            let text = "is Gatehouse's own public_url: name the provider at which users sign in";
            Err(problem(format!("{table}.issuer"), text, r#"issuer = "https://accounts.example.com""#))
        }
        None => Ok(()),
    }
}

/// Rules that mean identity providers mean those that there are: what one denies to nobody, it does not deny. And where there
/// are several, groups and roles are those of one: another one could give its users the same name.
fn rules_fit_providers(configuration: &Configuration) -> Result<(), ConfigurationError> {
    const SUBJECTS: &str = r#"subjects = ["main:8f2c1e", "client:nightly-report"]"#;
    const PROVIDERS: &str = r#"providers = ["main"]"#;
    let providers = &configuration.authorization_server;
    let is_known = |name: &str| name == Subject::MACHINES || providers.identity_provider(name).is_some();
    let provider = |subject: &str| subject.split(':').next().unwrap_or_default().to_owned();
    for (route, rules) in configuration.routes.iter().map(|route| &route.policy.rules).enumerate() {
        for (index, Rule { who, .. }) in rules.iter().enumerate() {
            let key = |name: &str| format!("routes[{route}].policy[{index}].{name}");
            if let Some(index) = who.subjects.iter().position(|subject| !is_known(&provider(subject))) {
                let text = "must begin with the name of an identity provider, or with `client`";
                return Err(problem(format!("{}[{index}]", key("subjects")), text, SUBJECTS));
            }
            if let Some(index) = who.providers.iter().position(|provider| !is_known(provider)) {
                let text = "must be the name of an identity provider, or `client`";
                return Err(problem(format!("{}[{index}]", key("providers")), text, PROVIDERS));
            }
            let needs_provider = !who.groups.is_empty() || !who.roles.is_empty();
            if needs_provider && who.providers.is_empty() && providers.identity_providers.len() > 1 {
                let text =
                    "is missing: with several identity providers, a rule must say whose groups and roles it means";
                return Err(problem(key("providers"), text, PROVIDERS));
            }
        }
    }
    Ok(())
}

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

fn private_use_schemes(schemes: &[String]) -> Result<Vec<PrivateUseScheme>, ConfigurationError> {
    let check = |(index, scheme): (usize, &String)| {
        PrivateUseScheme::parse(scheme).map_err(|error| {
            problem(format!("private_use_schemes[{index}]"), error, r#"private_use_schemes = ["cursor"]"#)
        })
    };
    unique("private_use_schemes", "", schemes.iter().map(String::as_str))?;
    schemes.iter().enumerate().map(check).collect()
}

impl LifetimesDocument {
    fn check(self) -> Result<Lifetimes, ConfigurationError> {
        let access_token = self.access_token.unwrap_or(DEFAULT_ACCESS_TOKEN_SECONDS);
        let session = self.session.unwrap_or(DEFAULT_SESSION_SECONDS);
        let consent = self.consent.unwrap_or(DEFAULT_CONSENT_SECONDS);
        if !(1..=LONGEST_ACCESS_TOKEN_SECONDS).contains(&access_token) {
            return Err(problem("lifetimes.access_token", "must be 1 to 3600 seconds", "access_token = 300"));
        }
        if !(access_token..=LONGEST_SESSION_SECONDS).contains(&session) {
            let text = "must be at least lifetimes.access_token and at most 7776000 seconds (90 days)";
            return Err(problem("lifetimes.session", text, "session = 86400"));
        }
        if consent > LONGEST_CONSENT_SECONDS {
            let text = "must be 0 (consent is never remembered) to 7776000 seconds (90 days)";
            return Err(problem("lifetimes.consent", text, "consent = 2592000"));
        }
        Ok(Lifetimes { access_token, session, consent })
    }
}

impl RegistrationDocument {
    fn check(self) -> Result<Registration, ConfigurationError> {
        let per_hour = self.per_hour.unwrap_or(DEFAULT_REGISTRATIONS_PER_HOUR);
        if !(1..=MOST_REGISTRATIONS_PER_HOUR).contains(&per_hour) {
            let text = "must be 1 to 100000; to have none, say enabled = false";
            return Err(problem("registration.per_hour", text, "per_hour = 500"));
        }
        let key = "registration.initial_access_token";
        Ok(Registration {
            enabled: self.enabled.unwrap_or(true),
            initial_access_token: self.initial_access_token.map(|secret| secret.check(key)).transpose()?,
            per_hour,
        })
    }
}

impl ClientDocumentsDocument {
    fn check(self) -> Result<ClientDocuments, ConfigurationError> {
        let per_hour = self.per_hour.unwrap_or(DEFAULT_DOCUMENTS_PER_HOUR);
        if !(1..=MOST_DOCUMENTS_PER_HOUR).contains(&per_hour) {
            let text = "must be 1 to 100000; to have none, say enabled = false";
            return Err(problem("client_documents.per_hour", text, "per_hour = 500"));
        }
        Ok(ClientDocuments { enabled: self.enabled.unwrap_or(true), per_hour })
    }
}

impl SignInsDocument {
    fn check(self) -> Result<SignIns, ConfigurationError> {
        let per_minute = self.per_minute.unwrap_or(DEFAULT_SIGN_INS_PER_MINUTE);
        if !(1..=MOST_SIGN_INS_PER_MINUTE).contains(&per_minute) {
            return Err(problem("sign_ins.per_minute", "must be 1 to 100000", "per_minute = 3000"));
        }
        Ok(SignIns { per_minute })
    }
}

/// The error and where it is, without the picture of the source that `toml` draws over several lines.
fn with_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let message = error.message();
    line.map_or_else(|| message.to_owned(), |line| format!("line {line}: {message}"))
}

/// The error without the text that stands where something else was expected: it may be the secret itself, where the name
/// of its setting should be, and this goes to the log.
fn unreadable(path: Option<&Path>, message: &str) -> ConfigurationError {
    let quoted = message.split_once("string \"").zip(message.rsplit_once("\", expected "));
    let message = match quoted {
        Some(((before, _), (_, expected))) => format!("{before}a string, expected {expected}"),
        None => message.to_owned(),
    };
    // The document itself has no path.
    let path = path.filter(|path| path.iter().next().is_some());
    let at = path.map(|path| format!("`{path}`: ")).unwrap_or_default();
    ConfigurationError::Unreadable(one_line(&format!("{at}{message}")))
}
