//! Whether the tables of the document fit each other.

use std::collections::BTreeMap;

use gatehouse_protocol::{Subject, WebOrigin};
use url::Url;

use crate::error::problem;
use crate::{
    Configuration, ConfigurationError, IdentityHeaders, IdentityProvider, ListKind, ProviderProfile, Route,
    TokenIssuer, TokenVerification, authorization_server,
};

/// Nobody signs in at ourselves: we would ask ourselves who they are. A provider behind the same proxy, at a path of its own,
/// is another server.
pub(super) fn providers_are_elsewhere(
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

/// A route that sends browsers to sign in sends them somewhere.
pub(super) fn browsers_can_sign_in(
    configuration: &crate::authorization_server::Configuration,
) -> Result<(), ConfigurationError> {
    let index = configuration.routes.iter().position(|route| route.takes_browsers);
    match index.filter(|_| !configuration.browser_sign_in.enabled) {
        Some(index) => {
            let text = "must not be redirect without browser_sign_in.enabled: there would be no page to sign in on";
            let example = "[browser_sign_in] enabled = true";
            Err(problem(format!("routes[{index}].unauthenticated"), text, example))
        }
        None => Ok(()),
    }
}

/// Users of Entra come from `aad` in the headers of App Service, as they do there. Nobody else may come from there: a server that
/// asks for the provider and the id would take one user for another.
pub(super) fn app_service_tells_providers_apart(configuration: &Configuration) -> Result<(), ConfigurationError> {
    let is_entra = |provider: &IdentityProvider| matches!(provider.profile, ProviderProfile::Entra(_));
    let providers = &configuration.authorization_server.identity_providers;
    let mut upstreams = configuration.routes.iter().flat_map(Route::upstreams);
    let is_used =
        upstreams.any(|upstream| upstream.identity_headers.as_ref().is_some_and(|headers| headers.app_service));
    let issuers = &configuration.authorization_server.token_issuers;
    let is_of_entra = |issuer: &TokenIssuer| matches!(issuer.verification, TokenVerification::Entra { .. });
    let has_entra = providers.iter().any(is_entra) || issuers.iter().any(is_of_entra);
    let is_named = |name: &str| name == IdentityHeaders::ENTRA;
    let is_taken = providers.iter().any(|provider| !is_entra(provider) && is_named(&provider.name))
        || issuers.iter().any(|issuer| !is_of_entra(issuer) && is_named(&issuer.name));
    if is_used && has_entra && is_taken {
        let text = "holds a provider with the name `aad` that is not Entra, and app_service calls users of Entra so";
        return Err(problem("identity_providers", text, r#"name = "partners""#));
    }
    Ok(())
}

/// A description is of a scope that tokens for the route can have; of another one, nobody would read it.
pub(super) fn descriptions_fit_scopes<'a>(
    routes: &[Route],
    described: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> Result<(), ConfigurationError> {
    const DESCRIPTIONS: &str = r#"scope_descriptions = { mcp = "Use the tools of this server in your name" }"#;
    for (index, (route, described)) in routes.iter().zip(described).enumerate() {
        let offered = route.offered_scopes();
        let is_offered = |name: &str| offered.iter().any(|scope| scope.as_str() == name);
        if let Some(name) = described.keys().find(|name| !is_offered(name)) {
            let text = format!("describes no scope of the route or of its rules, which are: {offered}");
            return Err(problem(format!("routes[{index}].scope_descriptions.{name}"), text, DESCRIPTIONS));
        }
    }
    Ok(())
}

/// An issuer of tokens that has the name of an identity provider has its users, too: only the same issuer can. A subject would
/// otherwise be two people.
pub(super) fn issuers_fit_providers(
    configuration: &authorization_server::Configuration,
) -> Result<(), ConfigurationError> {
    for (index, issuer) in configuration.token_issuers.iter().enumerate() {
        let Some(provider) = configuration.identity_provider(&issuer.name) else { continue };
        let is_same = match (&issuer.verification, &provider.profile) {
            (TokenVerification::Entra { profile, .. }, ProviderProfile::Entra(other)) => {
                (&profile.authority, &profile.tenant) == (&other.authority, &other.tenant)
            }
            (TokenVerification::Entra { .. }, _) | (_, ProviderProfile::Entra(_)) => false,
            (_, ProviderProfile::OpenId) => issuer.url().as_ref() == Some(&provider.issuer),
        };
        if !is_same {
            let text = "is the name of an identity provider with another issuer: two people could be one subject";
            return Err(problem(format!("token_issuers[{index}].name"), text, r#"name = "partner""#));
        }
    }
    Ok(())
}

/// Rules that mean identity providers mean those that there are: what one denies to nobody, it does not deny. And where there
/// are several, groups and roles are those of one: another one could give its users the same name.
pub(super) fn rules_fit_providers(configuration: &Configuration) -> Result<(), ConfigurationError> {
    const SUBJECTS: &str = r#"subjects = ["main:8f2c1e", "client:nightly-report"]"#;
    const PROVIDERS: &str = r#"providers = ["main"]"#;
    let providers = &configuration.authorization_server;
    let names = providers.subject_providers();
    let is_known =
        |name: &str| [Subject::MACHINES, Subject::WORKLOADS, Subject::KEYS].contains(&name) || names.contains(name);
    let provider = |subject: &str| subject.split(':').next().unwrap_or_default().to_owned();
    for (route, policy) in configuration.routes.iter().map(|route| &route.policy).enumerate() {
        for (index, rule) in policy.rules().enumerate() {
            let key = |name: &str| format!("routes[{route}].policy[{index}].{name}");
            let mut subjects = rule.list(ListKind::Subjects).values();
            if let Some(index) = subjects.position(|subject| !is_known(&provider(subject))) {
                let text = "must begin with the name of an identity provider, or with `client`, `workload` or `key`";
                return Err(problem(format!("{}[{index}]", key("subjects")), text, SUBJECTS));
            }
            let named = rule.list(ListKind::Providers);
            if let Some(index) = named.values().position(|provider| !is_known(provider)) {
                let text = "must be the name of an identity provider, or `client`, `workload` or `key`";
                return Err(problem(format!("{}[{index}]", key("providers")), text, PROVIDERS));
            }
            let is_given = |kind| !rule.list(kind).is_empty();
            let needs_provider = is_given(ListKind::Groups) || is_given(ListKind::Roles);
            if needs_provider && named.is_empty() && names.len() > 1 {
                let text =
                    "is missing: with several identity providers, a rule must say whose groups and roles it means";
                return Err(problem(key("providers"), text, PROVIDERS));
            }
        }
    }
    Ok(())
}
