//! `gatehouse check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_configuration::{
    AssertionSource, ClientDocuments, ClientKeys, Configuration, Counted, Effect, GrantType, IdentityProvider, Member,
    Pattern, ProviderAuthentication, ProviderProfile, Rate, RegisteredAuthentication, RegisteredClient, Route,
    SERVER_KEYS_SETTING, SETTING, SecretName, Servers, Transport, Upstream, compile,
};
use gatehouse_protocol::Scopes;
use gatehouse_sealed_storage::sealing::KeyRing;
use url::Url;
use zeroize::Zeroizing;

#[derive(Args)]
pub(crate) struct Check {
    /// The configuration document, TOML or JSON
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// The server keys, to be checked too
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
    /// Write the compiled form, which goes into the variable `config` in place of the document: requests then read only
    /// the part that they need. Without -o it goes to standard output, in place of what the configuration means
    #[arg(long)]
    compile: bool,
    /// Where the compiled form goes
    #[arg(short, long, value_name = "FILE", requires = "compile")]
    output: Option<PathBuf>,
}

/// Prints what the configuration means. The error is one line: the key, what is wrong with it and a right example.
pub(crate) fn run(check: &Check) -> Result<ExitCode> {
    print!("{}", check.answer()?);
    Ok(ExitCode::SUCCESS)
}

impl Check {
    /// What goes to standard output.
    fn answer(&self) -> Result<String> {
        let report = self.report()?;
        if !self.compile {
            return Ok(report);
        }
        let compiled = compile(&self.text()?).with_context(|| self.configuration.display().to_string())?;
        let Some(output) = &self.output else { return Ok(compiled) };
        fs::write(output, compiled).with_context(|| format!("cannot write {}", output.display()))?;
        Ok(report)
    }

    fn text(&self) -> Result<String> {
        let file = self.configuration.display();
        fs::read_to_string(&self.configuration).with_context(|| format!("cannot read {file}"))
    }

    fn report(&self) -> Result<String> {
        let (file, text) = (self.configuration.display(), self.text()?);
        let configuration = Configuration::parse(&text).with_context(|| file.to_string())?;
        let mut report = describe(&configuration);
        if let Some(path) = &self.server_keys {
            let file = path.display();
            let text = fs::read_to_string(path).map(Zeroizing::new);
            let text = text.with_context(|| format!("cannot read {file}"))?;
            let ring = KeyRing::parse(&text).with_context(|| file.to_string())?;
            line(&mut report, "Server keys", &ring.ids().collect::<Vec<_>>().join(", then "));
        }
        Ok(report)
    }
}

/// A line for each thing that an operator has to know or do.
fn describe(configuration: &Configuration) -> String {
    let mut report = String::new();
    line(&mut report, "Public URL", configuration.gateway.public_url.as_str());
    line(
        &mut report,
        "Redirect URI to register at each identity provider",
        &configuration.authorization_server.callback_url(),
    );
    for provider in &configuration.authorization_server.identity_providers {
        line(&mut report, &format!("Identity provider {}", provider.name), &describe_provider(provider));
    }
    for route in &configuration.routes {
        describe_route(&mut report, &configuration.gateway.public_url.join(route.path.as_str()), route);
    }
    for client in &configuration.authorization_server.clients {
        line(&mut report, &format!("Client {}", client.client_id), &describe_client(client));
    }
    describe_machines_without_users(&mut report, configuration);
    let registration = &configuration.authorization_server.registration;
    let registration = match (registration.enabled, &registration.initial_access_token) {
        (false, _) => "off".to_owned(),
        (true, None) => format!("open to everybody, {} an hour", registration.per_hour),
        (true, Some(_)) => format!("with an initial access token, {} an hour", registration.per_hour),
    };
    line(&mut report, "Client registration", &registration);
    let documents = match configuration.authorization_server.client_documents {
        ClientDocuments { enabled: false, .. } => "off".to_owned(),
        ClientDocuments { enabled: true, per_hour } => format!("on, {per_hour} new ones an hour"),
    };
    line(&mut report, "Client ID metadata documents", &documents);
    for (origin, why) in outbound_origins(configuration) {
        line(&mut report, &format!("Allow the outbound host {origin}"), &why.join(", "));
    }
    for (setting, why) in settings(configuration) {
        line(&mut report, &format!("Give the variable {setting}"), &why.join(", "));
    }
    report
}

fn line(report: &mut String, name: &str, value: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(report, "{name}: {value}");
}

fn describe_provider(provider: &IdentityProvider) -> String {
    let profile = match &provider.profile {
        ProviderProfile::OpenId => "openid",
        ProviderProfile::Entra(entra) if entra.is_multi_tenant() && provider.access.tenants.is_empty() => {
            "entra, users of any tenant"
        }
        ProviderProfile::Entra(_) => "entra",
    };
    let authentication = match &provider.authentication {
        ProviderAuthentication::None => "public client",
        ProviderAuthentication::Secret(_) => "client secret",
        ProviderAuthentication::PrivateKey { .. } => "private_key_jwt",
        ProviderAuthentication::Assertion(_) => "assertion by somebody else",
    };
    format!("{}, profile {profile}, {authentication}, scopes {}", provider.issuer, provider.scopes)
}

fn describe_route(report: &mut String, resource: &str, route: &Route) {
    let servers = match &route.servers {
        Servers::One(upstream) if upstream.transport == Transport::Sse => format!("{} (HTTP+SSE)", upstream.url),
        Servers::One(upstream) => upstream.url.to_string(),
        Servers::Federated(members) => {
            let prefixed = |Member { prefix, upstream }: &Member| match prefix {
                Some(prefix) => format!("{} as {}", upstream.url, prefix.as_str()),
                None => upstream.url.to_string(),
            };
            members.iter().map(prefixed).collect::<Vec<_>>().join(", ")
        }
    };
    let offered: Scopes = route.offered_scopes().cloned().collect();
    let more: Scopes = offered.iter().filter(|scope| !route.scopes.iter().any(|own| own == *scope)).cloned().collect();
    let more = if more.is_empty() { String::new() } else { format!(", where a rule asks for it {more}") };
    line(report, &format!("Route {resource}"), &format!("{servers}; scopes {}{more}", route.scopes));
    let of = |effect| route.policy.rules.iter().filter(move |rule| rule.effect == effect);
    for (what, effect) in [("denied", Effect::Deny), ("else allowed", Effect::Allow)] {
        let names = of(effect).map(|rule| rule.name.as_str()).collect::<Vec<_>>();
        if !names.is_empty() {
            line(report, &format!("Rules of {}, what is {what}", route.path), &names.join(", "));
        }
    }
    for fragile in gatehouse_policy::fragile(&route.policy) {
        line(report, &format!("Warning for {}", route.path), &fragile.to_string());
    }
    for Rate { per, requests, seconds } in &route.rates {
        let per = match per {
            Counted::Subject => "for each subject".to_owned(),
            Counted::Client => "for each client".to_owned(),
            Counted::Route => "in all".to_owned(),
            Counted::Tool(patterns) => {
                let patterns = patterns.iter().map(Pattern::to_string).collect::<Vec<_>>();
                format!("for each subject and each tool {}", patterns.join(", "))
            }
        };
        line(report, &format!("Rate of {}", route.path), &format!("{requests} in {seconds} seconds {per}"));
    }
    for (is_on, what) in [
        (route.validate_arguments, "the arguments of tools must fit their schemas"),
        (route.log_arguments, "the log holds arguments and the URIs of resources, which may be personal"),
    ] {
        if is_on {
            line(report, &format!("At {}", route.path), what);
        }
    }
}

/// Warns of routes where a server gets the user's token of the identity provider, which no machine has.
fn describe_machines_without_users(report: &mut String, configuration: &Configuration) {
    let is_machine = |client: &&RegisteredClient| client.grant_types.contains(&GrantType::ClientCredentials);
    let machines: Vec<_> = configuration.authorization_server.clients.iter().filter(is_machine).collect();
    let needs_user = |upstream: &Upstream| upstream.identity_provider_token_header.is_some();
    let is_for_users = |route: &&Route| match &route.servers {
        Servers::One(upstream) => needs_user(upstream),
        Servers::Federated(members) => members.iter().any(|member| needs_user(&member.upstream)),
    };
    for route in configuration.routes.iter().filter(is_for_users) {
        let reaches = |machine: &&&RegisteredClient| machine.scopes.contains_all(&route.scopes);
        for machine in machines.iter().filter(reaches) {
            let text = format!(
                "the machine {} gets 403 where identity_provider_token_header is set: no machine has such a token",
                machine.client_id
            );
            line(report, &format!("Warning for {}", route.path), &text);
        }
    }
}

fn describe_client(client: &RegisteredClient) -> String {
    let method = match &client.authentication {
        RegisteredAuthentication::None => "none",
        RegisteredAuthentication::SecretBasic(_) => "client_secret_basic",
        RegisteredAuthentication::SecretPost(_) => "client_secret_post",
        RegisteredAuthentication::PrivateKeyJwt(_) => "private_key_jwt",
    };
    let grants = client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" ");
    let grants = if grants.is_empty() { "no grants" } else { &grants };
    let introspects = if client.may_introspect { ", may introspect" } else { "" };
    format!("{method}, {grants}{introspects}")
}

/// What is needed, and for what, each once and in a stable order.
type Needs = BTreeMap<String, Vec<String>>;

/// The places that Gatehouse connects to, as `allowed_outbound_hosts` has them.
fn outbound_origins(configuration: &Configuration) -> Needs {
    let mut needs = Needs::new();
    let mut need = |url: &str, why: String| {
        if let Ok(url) = Url::parse(url) {
            needs.entry(url.origin().ascii_serialization()).or_default().push(why);
        }
    };
    for provider in &configuration.authorization_server.identity_providers {
        need(
            &provider.issuer,
            format!("identity provider {}, and the hosts of the endpoints in its metadata", provider.name),
        );
        if let ProviderProfile::Entra(entra) = &provider.profile {
            need(&entra.graph, format!("groups of users of {}", provider.name));
        }
        if let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, .. }) = &provider.authentication {
            need(&url.to_string(), format!("assertions for {}", provider.name));
        }
    }
    for route in &configuration.routes {
        for upstream in route.upstreams() {
            need(&upstream.url.to_string(), format!("route {}", route.path));
        }
    }
    for client in &configuration.authorization_server.clients {
        if let RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = &client.authentication {
            need(uri, format!("keys of client {}", client.client_id));
        }
    }
    if configuration.authorization_server.client_documents.enabled {
        needs.insert("https://*:443".to_owned(), vec!["client ID metadata documents".to_owned()]);
    }
    needs
}

/// The settings that have to be given. All but the first are secrets.
pub(crate) fn settings(configuration: &Configuration) -> Needs {
    let mut needs = Needs::from([
        (SETTING.to_owned(), vec!["this document".to_owned()]),
        (SERVER_KEYS_SETTING.to_owned(), vec!["see `gatehouse keys generate`".to_owned()]),
    ]);
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    let registration = &configuration.authorization_server.registration;
    if let Some(name) = registration.initial_access_token.as_ref().filter(|_| registration.enabled) {
        need(name, "initial access token of the client registration".to_owned());
    }
    for (name, uses) in provider_settings(configuration) {
        needs.entry(name).or_default().extend(uses);
    }
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    for route in &configuration.routes {
        for (header, name) in route.upstreams().flat_map(|upstream| &upstream.secret_headers) {
            need(name, format!("header {header} of route {}", route.path));
        }
    }
    for client in &configuration.authorization_server.clients {
        match &client.authentication {
            RegisteredAuthentication::SecretBasic(name) | RegisteredAuthentication::SecretPost(name) => {
                need(name, format!("secret of client {}", client.client_id));
            }
            RegisteredAuthentication::None | RegisteredAuthentication::PrivateKeyJwt(_) => {}
        }
    }
    needs
}

/// Those of them with which Gatehouse proves itself to identity providers.
pub(crate) fn provider_settings(configuration: &Configuration) -> Needs {
    let mut needs = Needs::new();
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    for provider in &configuration.authorization_server.identity_providers {
        match &provider.authentication {
            ProviderAuthentication::None => {}
            ProviderAuthentication::Secret(name) => need(name, format!("client secret at {}", provider.name)),
            ProviderAuthentication::PrivateKey { key, .. } => {
                need(key, format!("private key for {} (PEM, PKCS #8)", provider.name));
            }
            ProviderAuthentication::Assertion(AssertionSource::Setting(name)) => {
                need(name, format!("assertion for {}", provider.name));
            }
            ProviderAuthentication::Assertion(AssertionSource::Endpoint { secret_headers, .. }) => {
                for (header, name) in secret_headers {
                    need(name, format!("header {header} for the assertions for {}", provider.name));
                }
            }
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use std::path::Path;

    use super::*;

    /// As the command says it.
    fn in_one_line(error: anyhow::Error) -> String {
        format!("{error:#}")
    }

    const DOCUMENT: &str = r#"
        public_url = "https://gateway.example"

        [registration]
        initial_access_token = { secret = "registration_token" }

        [[clients]]
        client_id = "nightly"
        client_name = "Nightly job"
        token_endpoint_auth_method = "client_secret_basic"
        client_secret = { secret = "nightly_secret" }
        grant_types = ["client_credentials"]
        scopes = ["mcp"]

        [[clients]]
        client_id = "auditor"
        client_name = "Auditor"
        token_endpoint_auth_method = "private_key_jwt"
        jwks_uri = "https://audit.example/jwks"
        grant_types = []
        may_introspect = true

        [[identity_providers]]
        name = "staff"
        profile = "entra"
        tenant = "organizations"
        client_id = "gatehouse"
        access = { any_tenant = true }
        [identity_providers.client_assertion]
        url = "http://169.254.169.254/token?api-version=1"
        headers = { Metadata = "true" }
        secret_headers = { X-IDENTITY-HEADER = { secret = "identity_header" } }

        [[identity_providers]]
        name = "partners"
        issuer = "https://login.partner.example/realm"
        client_id = "gatehouse"
        client_secret = { secret = "partner_secret" }

        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
        secret_headers = { x-functions-key = { secret = "partner_secret" } }

        [[routes]]
        path = "/all"
        members = [{ prefix = "files", url = "http://10.0.0.8/mcp" }, { url = "http://10.0.0.9/mcp" }]
        policy = [
            { name = "readers", tools = ["*_read_*"] },
            { name = "no-guests", effect = "deny", tenants = ["guests"] },
            { name = "writers", scopes = ["files:write"] },
        ]
        rates = [
            { per = "subject", requests = 600, seconds = 60 },
            { per = "tool", tools = ["files_*", "search"], requests = 10, seconds = 1 },
        ]
        validate_arguments = true
        log_arguments = true

        [[routes]]
        path = "/old"
        url = "http://10.0.0.10/sse"
        transport = "sse"
    "#;

    fn check(folder: &Path, document: &str, keys: Option<&str>) -> Result<String, String> {
        let configuration = folder.join("gatehouse.toml");
        fs::write(&configuration, document).unwrap();
        let server_keys = keys.map(|keys| {
            let path = folder.join("server-keys");
            fs::write(&path, keys).unwrap();
            path
        });
        Check { configuration, server_keys, compile: false, output: None }.report().map_err(in_one_line)
    }

    #[test]
    fn a_right_configuration_is_told_in_plain_lines() {
        let folder = tempfile::tempdir().unwrap();
        let keys =
            "2026-11-21:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE,old:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\n";
        let report = check(folder.path(), DOCUMENT, Some(keys)).unwrap();
        assert_eq!(
            report.lines().collect::<Vec<_>>(),
            [
                "Public URL: https://gateway.example",
                "Redirect URI to register at each identity provider: https://gateway.example/callback",
                "Identity provider staff: https://login.microsoftonline.com/organizations/v2.0, profile entra, users of any \
                 tenant, assertion by somebody else, scopes openid profile offline_access",
                "Identity provider partners: https://login.partner.example/realm, profile openid, client secret, scopes \
                 openid profile",
                "Route https://gateway.example/mcp: http://10.0.0.7:8080/mcp; scopes mcp",
                "Route https://gateway.example/all: http://10.0.0.8/mcp as files, http://10.0.0.9/mcp; scopes mcp, where a \
                 rule asks for it files:write",
                "Rules of /all, what is denied: no-guests",
                "Rules of /all, what is else allowed: readers, writers",
                "Rate of /all: 600 in 60 seconds for each subject",
                "Rate of /all: 10 in 1 seconds for each subject and each tool files_*, search",
                "At /all: the arguments of tools must fit their schemas",
                "At /all: the log holds arguments and the URIs of resources, which may be personal",
                "Route https://gateway.example/old: http://10.0.0.10/sse (HTTP+SSE); scopes mcp",
                "Client nightly: client_secret_basic, client_credentials",
                "Client auditor: private_key_jwt, no grants, may introspect",
                "Client registration: with an initial access token, 500 an hour",
                "Client ID metadata documents: on, 500 new ones an hour",
                "Allow the outbound host http://10.0.0.10: route /old",
                "Allow the outbound host http://10.0.0.7:8080: route /mcp",
                "Allow the outbound host http://10.0.0.8: route /all",
                "Allow the outbound host http://10.0.0.9: route /all",
                "Allow the outbound host http://169.254.169.254: assertions for staff",
                "Allow the outbound host https://*:443: client ID metadata documents",
                "Allow the outbound host https://audit.example: keys of client auditor",
                "Allow the outbound host https://graph.microsoft.com: groups of users of staff",
                "Allow the outbound host https://login.microsoftonline.com: identity provider staff, and the hosts of the \
                 endpoints in its metadata",
                "Allow the outbound host https://login.partner.example: identity provider partners, and the hosts of the \
                 endpoints in its metadata",
                "Give the variable config: this document",
                "Give the variable identity_header: header x-identity-header for the assertions for staff",
                "Give the variable nightly_secret: secret of client nightly",
                "Give the variable partner_secret: client secret at partners, header x-functions-key of route /mcp",
                "Give the variable registration_token: initial access token of the client registration",
                "Give the variable server_keys: see `gatehouse keys generate`",
                "Server keys: 2026-11-21, then old",
            ]
        );
        assert!(!report.contains("AQEB") && !report.contains("AgIC"));
    }

    /// shared/cases/strangers.md, S20.
    #[test]
    fn a_denial_beside_a_rule_that_allows_everything_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let warnings = |rules: &str| {
            let document = DOCUMENT.replace(r#"{ name = "readers", tools = ["*_read_*"] },"#, rules);
            let report = check(folder.path(), &document, None).unwrap();
            report.lines().filter(|line| line.starts_with("Warning for /all: ")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(warnings(r#"{ name = "readers", tools = ["*_read_*"] },"#).is_empty());
        let found = warnings(r#"{ name = "secrets", effect = "deny", tools = ["write_secret"] },"#);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("secrets") && found[0].contains("writers") && found[0].contains("spelling"),
            "{found:?}"
        );
    }

    #[test]
    fn a_machine_at_a_route_that_needs_users_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let warnings = |document: &str| {
            let report = check(folder.path(), document, None).unwrap();
            report
                .lines()
                .filter(|line| line.contains("no machine has such a token"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(warnings(DOCUMENT).is_empty());
        let url = "url = \"http://10.0.0.7:8080/mcp\"\n";
        let needs_user =
            DOCUMENT.replace(url, &format!("{url}        identity_provider_token_header = \"x-user-token\"\n"));
        let found = warnings(&needs_user);
        assert!(
            found.len() == 1 && found[0].starts_with("Warning for /mcp: the machine nightly gets 403"),
            "{found:?}"
        );
        let other_scopes = needs_user.replace("x-user-token\"\n", "x-user-token\"\n        scopes = [\"users\"]\n");
        assert!(other_scopes != needs_user && warnings(&other_scopes).is_empty());
    }

    #[test]
    fn a_wrong_configuration_is_told_in_one_line_with_the_file_the_key_and_an_example() {
        let folder = tempfile::tempdir().unwrap();
        let error = check(folder.path(), &DOCUMENT.replace("\"/mcp\"", "\"mcp\""), None).unwrap_err();
        assert_eq!(
            error,
            format!(
                "{}: the configuration key `routes[0].path` must start with a slash and have at most 256 characters; \
                 for example: path = \"/mcp\"",
                folder.path().join("gatehouse.toml").display()
            )
        );
        let error = check(folder.path(), DOCUMENT, Some("c2VjcmV0")).unwrap_err();
        assert!(error.contains("server-keys: entry 1 of server_keys is not id:key"), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
        let missing =
            Check { configuration: folder.path().join("nothing"), server_keys: None, compile: false, output: None };
        assert!(in_one_line(missing.report().unwrap_err()).starts_with("cannot read "));
    }

    #[test]
    fn the_checked_in_example_is_right() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/gatehouse.toml");
        assert!(Check { configuration: example, server_keys: None, compile: false, output: None }.report().is_ok());
    }

    #[test]
    fn what_is_compiled_says_the_same_and_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("gatehouse.toml");
        fs::write(&configuration, DOCUMENT).unwrap();
        let check = |output: Option<&str>, configuration: &Path| {
            let output = output.map(|name| folder.path().join(name));
            Check { configuration: configuration.to_owned(), server_keys: None, compile: true, output }
                .answer()
                .map_err(in_one_line)
        };
        let compiled = check(None, &configuration).unwrap();
        assert!(compiled.starts_with("gatehouse-configuration/3 source=sha256:"), "{compiled}");
        let report = check(Some("compiled"), &configuration).unwrap();
        assert!(report.starts_with("Public URL: https://gateway.example\n"), "{report}");
        assert_eq!(fs::read_to_string(folder.path().join("compiled")).unwrap(), compiled);
        let parts = gatehouse_configuration::Source::read(compiled).unwrap();
        assert!(parts.part(&gatehouse_configuration::Part::Route("/old")).unwrap().is_some());
        let again = check(None, &folder.path().join("compiled")).unwrap_err();
        assert!(
            again.ends_with("the configuration is compiled, and this needs the document that it was made from"),
            "{again}"
        );
        assert!(check(Some("no/such/folder"), &configuration).unwrap_err().starts_with("cannot write "));
        fs::write(&configuration, DOCUMENT.replace("\"/mcp\"", "\"mcp\"")).unwrap();
        assert!(check(Some("wrong"), &configuration).unwrap_err().contains("`routes[0].path`"));
        assert!(!folder.path().join("wrong").exists());
    }
}
