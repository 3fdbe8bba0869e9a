//! What MCP servers are told of who calls, in words.

use gatehouse_configuration::{Configuration, GrantType, Route, Upstream};

/// What the server learns, and in which headers; `None` where nothing.
pub(crate) fn told(upstream: &Upstream) -> Option<String> {
    let mut told: Vec<String> = upstream.subject_header.iter().map(|name| format!("subject in {name}")).collect();
    if let Some(headers) = &upstream.identity_headers {
        if headers.app_service {
            told.push("the headers of App Service (x-ms-client-principal, -id, -name, -idp)".to_owned());
        }
        told.extend(headers.claims.iter().map(|(name, claim)| format!("{} in {name}", claim.as_str())));
        if let Some(assertion) = &headers.assertion {
            told.push(format!("an assertion for {} in {}", assertion.audience, assertion.header));
        }
        if headers.names {
            told.push("names of users, which are personal, among it".to_owned());
        }
    }
    (!told.is_empty()).then(|| told.join(", "))
}

/// What an operator should know of what a route's servers are told.
pub(crate) fn warnings(configuration: &Configuration, route: &Route) -> Vec<String> {
    let told = || route.upstreams().filter_map(|upstream| upstream.identity_headers.as_deref());
    let mut warnings: Vec<String> = told()
        .flat_map(|headers| headers.own_headers())
        .filter(|name| name.as_str().contains('_'))
        .map(|name| format!("many servers and proxies drop headers with _, such as {name}; write - instead"))
        .collect();
    let server = &configuration.authorization_server;
    let is_machine = server.clients.iter().any(|client| client.grant_types.contains(&GrantType::ClientCredentials));
    let kinds = server.identity_providers.len() + usize::from(is_machine);
    if kinds > 1 && told().any(|headers| headers.app_service) {
        let text = "callers come from several providers, or are machines: x-ms-client-principal-id tells them apart only together with \
                    x-ms-client-principal-idp";
        warnings.push(text.to_owned());
    }
    warnings
}
