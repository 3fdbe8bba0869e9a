//! The configuration as it was read, in the words of the document. A secret is there by the name of its variable.

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{
    Counted, Effect, ProviderAuthentication, Route, Rule, SecretName, Servers, Unauthenticated, Upstream,
};
use http::Uri;

/// Scheme, host and path of an address: what else is in it may be a secret of the operator's.
pub(super) fn place(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme_str().unwrap_or_default(), url.path())
}

/// The lines of all of it.
pub(super) fn text(configuration: &Configuration, routes: &[Route]) -> String {
    let mut lines = Lines::default();
    lines.add("public_url", configuration.public_url.as_str());
    let lifetimes = &configuration.lifetimes;
    lines.add("lifetimes.access_token", lifetimes.access_token);
    lines.add("lifetimes.session", lifetimes.session);
    lines.add("lifetimes.consent", lifetimes.consent);
    for provider in &configuration.identity_providers {
        let key = |name: &str| format!("identity_providers.{}.{name}", provider.name);
        lines.add(&key("issuer"), &provider.issuer);
        lines.add(&key("client_id"), &provider.client_id);
        lines.add(&key("scopes"), &provider.scopes);
        lines.secrets(&key(authentication(&provider.authentication)), provider.authentication.secrets());
        lines.list(&key("administrator_roles"), &provider.administrator_roles);
        lines.list(&key("operator_roles"), &provider.operator_roles);
    }
    for issuer in &configuration.token_issuers {
        lines.secrets(&format!("token_issuers.{}", issuer.name), issuer.secret());
    }
    for client in &configuration.clients {
        lines.add(&format!("clients.{}", client.client_id), client.client_name.as_str());
    }
    lines.list("preauthorized_clients", &configuration.preauthorized_clients);
    routes.iter().for_each(|route| lines.route(route));
    lines.0
}

const fn authentication(authentication: &ProviderAuthentication) -> &'static str {
    match authentication {
        ProviderAuthentication::None => "authentication",
        ProviderAuthentication::Secret(_) => "client_secret",
        ProviderAuthentication::PrivateKey { .. } => "private_key",
        ProviderAuthentication::Assertion(_) => "client_assertion",
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl ToString) {
        for part in [key, " = ", &value.to_string(), "\n"] {
            self.0.push_str(part);
        }
    }

    fn list(&mut self, key: &str, values: &[impl ToString]) {
        if !values.is_empty() {
            self.add(key, values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        }
    }

    /// The names of the variables, and nothing of what is in them.
    fn secrets<'a>(&mut self, key: &str, names: impl IntoIterator<Item = &'a SecretName>) {
        let names: Vec<_> = names.into_iter().map(|name| format!("${}", name.as_str())).collect();
        self.list(key, &names);
    }

    fn route(&mut self, route: &Route) {
        let key = |name: &str| format!("{} {name}", route.path.as_str());
        match &route.servers {
            Servers::One(upstream) => self.upstream(&key("url"), upstream),
            Servers::Federated(members) => {
                for member in members {
                    let prefix = member.prefix.as_ref().map_or("", |prefix| prefix.as_str());
                    self.upstream(&key(&format!("members.{prefix}")), &member.upstream);
                }
            }
        }
        self.add(&key("scopes"), &route.scopes);
        self.add(&key("own_tokens"), route.own_tokens);
        self.list(&key("allowed_clients"), &route.allowed_clients);
        self.add(
            &key("unauthenticated"),
            match route.unauthenticated {
                Unauthenticated::Challenge => "401",
                Unauthenticated::Refuse => "403",
                Unauthenticated::SignIn => "redirect",
                Unauthenticated::Allow => "allow",
            },
        );
        if let Some(environments) = &route.environments {
            self.add(&key("environments"), place(&environments.url));
            self.secrets(&key("environments.secret"), [&environments.secret]);
        }
        for rate in &route.rates {
            let per = match &rate.per {
                Counted::Address => "address",
                Counted::Subject => "subject",
                Counted::Client => "client",
                Counted::Route => "route",
                Counted::Tool(_) => "tool",
            };
            self.add(&key(&format!("rates.{per}")), format_args!("{} / {} s", rate.requests, rate.seconds));
        }
        route.policy.rules().for_each(|rule: Rule<'_>| {
            let effect = if rule.effect == Effect::Deny { "deny" } else { "allow" };
            self.add(&key(&format!("policy.{}", rule.name())), effect);
        });
        let limits = &route.limits;
        self.add(&key("limits.streams_per_subject"), limits.streams_per_subject);
        self.add(&key("limits.streams_per_route"), limits.streams_per_route);
        self.add(&key("limits.calls_per_subject"), limits.calls_per_subject);
        self.add(&key("limits.calls_per_route"), limits.calls_per_route);
    }

    fn upstream(&mut self, key: &str, upstream: &Upstream) {
        self.add(key, place(&upstream.url));
        for (header, secret) in &upstream.secret_headers {
            self.secrets(&format!("{key}.secret_headers.{header}"), [secret]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"
        public_url = "https://gateway.example"
        [identity_provider]
        name = "main"
        issuer = "https://login.example"
        client_id = "gatehouse"
        client_secret = { secret = "identity_provider_secret" }
        operator_roles = ["Ops"]
        [[clients]]
        client_id = "robot"
        client_name = "Robot"
        redirect_uris = ["https://robot.example/callback"]
        [[routes]]
        path = "/mcp"
        url = "https://mcp.example:8443/api?code=in-the-address"
        secret_headers = { x-functions-key = { secret = "upstream_secret" } }
        rates = [{ per = "subject", requests = 10, seconds = 60 }]
        policy = [{ name = "no-erasing", effect = "deny", tools = ["erase"] }]
        environments = { url = "http://10.0.0.9:3010/environments", secret = "sandbox_administration" }
    "#;

    #[test]
    fn a_secret_is_there_by_the_name_of_its_variable_and_an_address_without_its_query() {
        let whole = gatehouse_configuration::Configuration::parse(DOCUMENT).unwrap();
        let text = text(&whole.authorization_server, &whole.routes);
        for line in [
            "public_url = https://gateway.example\n",
            "identity_providers.main.client_secret = $identity_provider_secret\n",
            "identity_providers.main.operator_roles = Ops\n",
            "clients.robot = Robot\n",
            "/mcp url = https://mcp.example:8443/api\n",
            "/mcp url.secret_headers.x-functions-key = $upstream_secret\n",
            "/mcp rates.subject = 10 / 60 s\n",
            "/mcp policy.no-erasing = deny\n",
            "/mcp environments = http://10.0.0.9:3010/environments\n",
            "/mcp environments.secret = $sandbox_administration\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("in-the-address"), "{text}");
    }
}
