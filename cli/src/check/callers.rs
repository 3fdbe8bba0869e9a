//! Who may come in: through which clients, and with or without a sign-in.

use gatehouse_configuration::authorization_server::Configuration as AuthorizationServer;
use gatehouse_configuration::{Configuration, Route, Unauthenticated};
use gatehouse_protocol::{ClientId, OwnPath};

use super::line::line;

/// What holds for all routes.
pub(super) fn describe_callers(report: &mut String, configuration: &Configuration) {
    let server = &configuration.authorization_server;
    if !server.preauthorized_clients.is_empty() {
        line(report, "Clients that nobody is asked about, at every route", &joined(&server.preauthorized_clients));
    }
    for provider in &server.identity_providers {
        if !provider.administrator_roles.is_empty() {
            let name = format!("Who may consent for all users of {}", provider.name);
            let url = configuration.gateway.public_url.join(OwnPath::Consents.as_str());
            let roles = provider.administrator_roles.join(", ");
            line(report, &name, &format!("users with one of the roles {roles}; listed at {url}"));
        }
    }
    for provider in &server.identity_providers {
        if !provider.operator_roles.is_empty() {
            let url = configuration.gateway.public_url.join(OwnPath::Administration.as_str());
            let (name, roles) = (format!("Who may open {url}"), provider.operator_roles.join(", "));
            line(report, &name, &format!("users of {} with one of the roles {roles}", provider.name));
        }
    }
    if server.browser_sign_in.enabled {
        line(report, "People in browsers sign in at", &describe_browsers(configuration));
    }
    for route in &configuration.routes {
        describe_route(report, route, server);
    }
}

fn describe_browsers(configuration: &Configuration) -> String {
    let sign_in = &configuration.authorization_server.browser_sign_in;
    let url = configuration.gateway.public_url.join(OwnPath::BrowserSignIn.as_str());
    let elsewhere = match sign_in.allowed_redirect_urls.as_slice() {
        [] => "nowhere else".to_owned(),
        urls => urls.join(", "),
    };
    let tells = if sign_in.tells_token { "; scripts of pages there get the provider's access token" } else { "" };
    format!("{url}, for {} seconds; from there to pages of our own and to {elsewhere}{tells}", sign_in.lifetime)
}

fn describe_route(report: &mut String, route: &Route, server: &AuthorizationServer) {
    let path = &route.path;
    if !route.allowed_clients.is_empty() {
        line(report, &format!("The only clients at {path}"), &joined(&route.allowed_clients));
    }
    let of_route = server.routes.iter().find(|of_server| of_server.path == *path);
    let preauthorized = of_route.map_or([].as_slice(), |route| route.preauthorized_clients.as_slice());
    if !preauthorized.is_empty() {
        line(report, &format!("Clients that nobody is asked about at {path}"), &joined(preauthorized));
    }
    if let Some(environments) = &route.environments {
        line(report, &format!("Environments of {path}"), &format!("shown to operators; told by {}", environments.url));
        if server.identity_providers.iter().all(|provider| provider.operator_roles.is_empty()) {
            let text = "nobody sees its environments: no identity provider has operator_roles";
            line(report, &format!("Warning for {path}"), text);
        }
    }
    let without = match route.unauthenticated {
        Unauthenticated::Challenge => return,
        Unauthenticated::Refuse => "is refused (403)",
        Unauthenticated::SignIn => "is sent to sign in, if a browser opens a page; else 401",
        Unauthenticated::Allow => "goes on without an identity",
    };
    line(report, &format!("What shows nothing at {path}"), without);
    if route.unauthenticated == Unauthenticated::Allow && route.policy.is_empty() {
        let text = "everybody who reaches Gatehouse may do everything there: there are no rules (policy)";
        line(report, &format!("Warning for {path}"), text);
    }
}

fn joined(clients: &[ClientId]) -> String {
    clients.iter().map(ClientId::as_str).collect::<Vec<_>>().join(", ")
}
