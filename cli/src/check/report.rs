//! What a configuration means, in plain lines.

use gatehouse_configuration::{
    AllowedOrigins, ClientDocuments, Configuration, Counted, Effect, GrantType, IdentityProvider, ListKind, Member,
    Pattern, ProviderAuthentication, ProviderProfile, Rate, RegisteredAuthentication, RegisteredClient, Route,
    RouteTokens, Rule, Servers, TokenPage, Transport, Upstream, Workload,
};
use gatehouse_protocol::{OwnPath, Scopes, is_loopback_host};
use jiff::Timestamp;
use url::Url;

use super::api_keys;
use super::callers::describe_callers;
use super::line::line;
use super::needs::{EVERY_CLIENT_DOCUMENT, Purpose, outbound_origins, settings};
use crate::{identity_headers, ways_in};

/// A line for each thing that an operator has to know or do. What has ended, or ends soon, is said as of `now`.
pub(super) fn describe(configuration: &Configuration, now: Timestamp) -> String {
    let mut report = String::new();
    line(&mut report, "Public URL", configuration.gateway.public_url.as_str());
    if !configuration.authorization_server.identity_providers.is_empty() {
        line(
            &mut report,
            "Redirect URI to register at each identity provider",
            &configuration.authorization_server.callback_url(),
        );
    }
    for route in &configuration.routes {
        let url = configuration.gateway.public_url.join(route.path.as_str());
        line(&mut report, &format!("URL for MCP clients, {}", route.name), &url);
    }
    line(&mut report, "Web pages that may call", &describe_origins(configuration));
    for provider in &configuration.authorization_server.identity_providers {
        line(&mut report, &format!("Identity provider {}", provider.name), &describe_provider(provider));
        line(&mut report, &format!("Who may come in through {}", provider.name), &describe_access(provider));
    }
    for route in &configuration.routes {
        describe_route(&mut report, &configuration.gateway.public_url.join(route.path.as_str()), route);
        for (name, value) in api_keys::describe(route, now) {
            line(&mut report, &name, &value);
        }
        describe_other_tokens(&mut report, configuration, route);
        describe_identity(&mut report, configuration, route);
    }
    if !configuration.authorization_server.signs_users_in() {
        line(&mut report, "Who may sign in", &describe_nobody(configuration));
    }
    for client in &configuration.authorization_server.clients {
        line(&mut report, &format!("Client {}", client.client_id), &describe_client(client));
    }
    describe_callers(&mut report, configuration);
    for workload in &configuration.authorization_server.workloads {
        line(&mut report, &format!("Workload {}", workload.name), &describe_workload(workload));
    }
    describe_machines_without_users(&mut report, configuration);
    let registration = &configuration.authorization_server.registration;
    let registration = match (registration.enabled, &registration.initial_access_token) {
        (false, _) => "off".to_owned(),
        (true, None) => format!("open to everybody, {} an hour", registration.per_hour),
        (true, Some(_)) => format!("with an initial access token, {} an hour", registration.per_hour),
    };
    line(&mut report, "Client registration", &registration);
    let documents = match &configuration.authorization_server.client_documents {
        ClientDocuments { enabled: false, .. } => "off".to_owned(),
        ClientDocuments { enabled: true, per_hour, .. } => format!("on, {per_hour} new ones an hour"),
    };
    line(&mut report, "Client ID metadata documents", &documents);
    let token_page = match configuration.authorization_server.token_page {
        TokenPage { enabled: false, .. } => "off".to_owned(),
        TokenPage { enabled: true, lifetime } => {
            let url = configuration.gateway.public_url.join(OwnPath::AccessToken.as_str());
            format!("{url}, each good for {lifetime} seconds")
        }
    };
    line(&mut report, "Page for access tokens by hand", &token_page);
    if configuration.authorization_server.caller_assertion_keys.is_some() {
        let url = configuration.gateway.public_url.join(OwnPath::CallerKeys.as_str());
        line(&mut report, "Keys that verify assertions of who calls", &url);
    }
    for (origin, purposes) in outbound_origins(configuration) {
        let why: Vec<_> = purposes.iter().map(Purpose::to_string).collect();
        line(&mut report, &format!("Allow the outbound host {origin}"), &why.join(", "));
    }
    if configuration.authorization_server.client_documents.enabled {
        let name = format!("Allow the outbound host {EVERY_CLIENT_DOCUMENT}");
        line(&mut report, &name, "client ID metadata documents");
    }
    for (setting, why) in settings(configuration) {
        line(&mut report, &format!("Give the variable {setting}"), &why.join(", "));
    }
    report
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

/// Who of the provider's users gets tokens.
fn describe_access(provider: &IdentityProvider) -> String {
    let access = &provider.access;
    let one_of = |what: &str, several: &str, values: &[String]| match values {
        [] => None,
        [one] => Some(format!("{what} {one}")),
        values => Some(format!("{several} {}", values.join(", "))),
    };
    let rules = [
        one_of("from the tenant", "from one of the tenants", &access.tenants),
        one_of("in the group", "in one of the groups", &access.groups),
        one_of("with the role", "with one of the roles", &access.roles),
        one_of("with the id", "with one of the ids", &access.users),
        one_of("with a verified e-mail address at", "with a verified e-mail address at one of", &access.domains),
    ];
    let rules: Vec<_> = rules.into_iter().flatten().collect();
    let whole = match &provider.profile {
        ProviderProfile::OpenId => "every user of the provider".to_owned(),
        ProviderProfile::Entra(entra) if entra.is_multi_tenant() => "every user of any tenant".to_owned(),
        ProviderProfile::Entra(entra) => format!("every user of the tenant {}", entra.tenant),
    };
    let mut text = if rules.is_empty() { whole } else { format!("users {}", rules.join(" and ")) };
    if provider.accepts_identity_assertions {
        text.push_str("; also with the provider's identity assertions (ID-JAG)");
    }
    text
}

fn describe_origins(configuration: &Configuration) -> String {
    let own = &configuration.gateway.public_url;
    match &configuration.gateway.allowed_origins {
        AllowedOrigins::Any => {
            "every page of the web; nothing but the token protects from a page of strangers".to_owned()
        }
        AllowedOrigins::These(others) if others.is_empty() => format!("only those at {own}"),
        AllowedOrigins::These(others) => {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            format!("those at {own}, {}", others.join(", "))
        }
    }
}

/// Which servers get users' tokens of the identity provider.
fn describe_tokens(report: &mut String, route: &Route) {
    for upstream in route.upstreams() {
        let Some(header) = &upstream.identity_provider_token_header else { continue };
        let name = format!("Gets users' tokens of the identity provider at {}", route.path);
        line(report, &name, &format!("{}, in the header {header}", upstream.url));
        let is_plain = Url::parse(&upstream.url.to_string())
            .is_ok_and(|url| url.scheme() == "http" && !url.host().is_some_and(|host| is_loopback_host(&host)));
        if is_plain {
            let text = format!("{} gets users' tokens without encryption (http)", upstream.url);
            line(report, &format!("Warning for {}", route.path), &text);
        }
    }
}

/// Who may come in with tokens that are not ours.
fn describe_other_tokens(report: &mut String, configuration: &Configuration, route: &Route) {
    if route.accepted_tokens.is_some() {
        let ways = ways_in::describe(configuration, route).join("; ");
        line(report, &format!("Who may come in at {}", route.path), &ways);
    }
    for warning in ways_in::warnings(configuration, route) {
        line(report, &format!("Warning for {}", route.path), &warning);
    }
}

/// Which servers are told who calls.
fn describe_identity(report: &mut String, configuration: &Configuration, route: &Route) {
    for upstream in route.upstreams() {
        if let Some(told) = identity_headers::told(upstream) {
            line(report, &format!("Learns who calls at {}", route.path), &format!("{}: {told}", upstream.url));
        }
    }
    for warning in identity_headers::warnings(configuration, route) {
        line(report, &format!("Warning for {}", route.path), &warning);
    }
}

/// Warns of rules about all resources of a member that leave the pages of its MCP Apps out: those have the prefix behind `ui://`.
fn describe_apps(report: &mut String, route: &Route) {
    let Servers::Federated(members) = &route.servers else { return };
    for prefix in members.iter().filter_map(|member| member.prefix.as_ref()) {
        let (resources, apps) = (format!("{}+", prefix.as_str()), format!("ui://{}+", prefix.as_str()));
        for rule in route.policy.rules() {
            let names = |beginning: &str| {
                rule.list(ListKind::Resources).patterns().any(|pattern| pattern.matches_all(beginning))
            };
            if names(&resources) && !names(&apps) {
                let text = format!("rule {} names {resources}* and not the member's MCP Apps, {apps}*", rule.name());
                line(report, &format!("Warning for {}", route.path), &text);
            }
        }
    }
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
    let offered = route.offered_scopes();
    let more: Scopes = offered.iter().filter(|scope| !route.scopes.iter().any(|own| own == *scope)).cloned().collect();
    let more = if more.is_empty() { String::new() } else { format!(", where a rule asks for it {more}") };
    line(report, &format!("Route {resource}"), &format!("{servers}; scopes {}{more}", route.scopes));
    describe_tokens(report, route);
    let of = |effect| route.policy.rules().filter(move |rule| rule.effect == effect);
    for (what, effect) in [("denied", Effect::Deny), ("else allowed", Effect::Allow)] {
        let names = of(effect).map(Rule::name).collect::<Vec<_>>();
        if !names.is_empty() {
            line(report, &format!("Rules of {}, what is {what}", route.path), &names.join(", "));
        }
    }
    describe_apps(report, route);
    for fragile in gatehouse_policy::fragile(&route.policy) {
        line(report, &format!("Warning for {}", route.path), &fragile.to_string());
    }
    for Rate { per, requests, seconds } in &route.rates {
        let per = match per {
            Counted::Subject => "for each subject".to_owned(),
            Counted::Address => "for each address".to_owned(),
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

/// That there is no identity provider, and who gets tokens all the same.
fn describe_nobody(configuration: &Configuration) -> String {
    let without = "nobody: there is no identity provider, no /authorize and no registration";
    match configuration.authorization_server.issues_tokens() {
        true => format!("{without}; workloads and clients without users get tokens at /token"),
        false => format!("{without}; no route takes tokens of Gatehouse"),
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
    let tokens = &client.exchangeable;
    let listed = |what: &str, tokens: &[RouteTokens]| {
        let each = tokens.iter().map(|one| format!(", {what} of {} for {}", one.issuer, one.audiences.join(", ")));
        each.collect::<String>()
    };
    let exchanged =
        listed("exchanges tokens", &tokens.access_tokens) + &listed("exchanges id_tokens", &tokens.id_tokens);
    let actors = listed("lets act who has a token", &tokens.actors);
    format!("{method}, {grants}{introspects}{exchanged}{actors}")
}

/// Who comes in as it, and what for.
fn describe_workload(workload: &Workload) -> String {
    let rules = workload.claims.iter().map(|rule| format!("{} = {}", rule.name, rule.pattern));
    let routes = workload.routes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!(
        "a token of {} for {} alone, with {}; not longer than {} seconds; for {routes}; scopes {}",
        workload.issuer,
        workload.audience,
        rules.collect::<Vec<_>>().join(" and "),
        workload.longest_lifetime,
        workload.scopes
    )
}
