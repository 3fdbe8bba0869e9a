//! The tokens with which MCP servers are called, in words.

use gatehouse_configuration::{
    BackendToken, BackendTokenSource, Configuration, ProviderProfile, Route, TokenOwner, Upstream,
};
use gatehouse_protocol::is_loopback_host;
use url::Url;

/// Which token the server gets, from whom, and in which header; `None` where none is got for it.
pub(crate) fn told(configuration: &Configuration, upstream: &Upstream) -> Option<String> {
    let BackendToken { header, source } = upstream.backend_token.as_deref()?;
    let token = match source {
        BackendTokenSource::Connection(name) => format!("the token of the account that is linked at {name}"),
        BackendTokenSource::Setting(name) => format!("the token of the workload in the variable {name}"),
        BackendTokenSource::Assertion { audience } => format!("an assertion of who calls, for {audience}"),
        BackendTokenSource::Kept(kept) => {
            let server = &configuration.authorization_server;
            let grant = server.backend_grants.iter().find(|grant| grant.fingerprint == kept.fingerprint)?;
            let whose =
                if kept.owner == TokenOwner::Gateway { "the gateway's own token" } else { "a token of the user" };
            let service = grant.service.as_deref().unwrap_or("the identity provider of the user");
            let mut text = format!("{whose}, by {} at {service}", grant.flow.as_str());
            if !grant.scopes.is_empty() {
                text.push_str(&format!(", scopes {}", grant.scopes));
            }
            for (name, value) in [("audience", &grant.audience), ("resource", &grant.resource)] {
                text.extend(value.iter().map(|value| format!(", {name} {value}")));
            }
            text
        }
    };
    Some(format!("{token}, in the header {header}"))
}

/// What an operator should know of the tokens of a route's servers.
pub(crate) fn warnings(configuration: &Configuration, route: &Route) -> Vec<String> {
    let mut warnings = Vec::new();
    for upstream in route.upstreams().filter(|upstream| upstream.backend_token.is_some()) {
        let is_plain = Url::parse(&upstream.url.to_string())
            .is_ok_and(|url| url.scheme() == "http" && !url.host().is_some_and(|host| is_loopback_host(&host)));
        if is_plain {
            warnings.push(format!("{} gets tokens without encryption (http)", upstream.url));
        }
    }
    let needs_user = route.upstreams().any(|upstream| {
        let source = upstream.backend_token.as_deref().map(|token| &token.source);
        matches!(source, Some(BackendTokenSource::Kept(kept)) if kept.owner != TokenOwner::Gateway)
    });
    if !needs_user {
        return warnings;
    }
    if route.accepted_tokens.is_some() || route.api_keys.is_some() {
        let text = "callers with tokens of other issuers, and with API keys, get 403 where backend_token is a user's: there is no token \
                    of theirs that could be exchanged";
        warnings.push(text.to_owned());
    }
    for provider in &configuration.authorization_server.identity_providers {
        let is_own_api =
            |scope: &str| scope.contains('/') || !matches!(scope, "openid" | "profile" | "email" | "offline_access");
        let is_entra = matches!(provider.profile, ProviderProfile::Entra(_));
        if is_entra && !provider.scopes.iter().any(|scope| is_own_api(scope.as_str())) {
            warnings.push(format!(
                "the scopes of {} name none of Gatehouse's own API (api://CLIENT-ID/SCOPE): the users' tokens are then for Microsoft \
                 Graph, and Entra exchanges none of those",
                provider.name
            ));
        }
        if !provider.is_asked_for_refresh_tokens() {
            warnings.push(format!(
                "{} may give no refresh tokens (scope offline_access): when a user's token there ends, the user has to sign in again",
                provider.name
            ));
        }
    }
    warnings
}
