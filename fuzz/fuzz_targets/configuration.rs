//! The configuration document, as TOML and JSON. It is the operator's, but a mistake in it must never be read as
//! something less safe.
//!
//! What must hold of every document that is accepted: nobody gets by a mistake what needs proof, several Entra tenants come
//! in only on purpose, all names are unique, everything goes where a URL may go, and its parts mean the same by themselves,
//! compiled or not. Of every other: one line that says why.

#![no_main]

use gatehouse_configuration::gateway::{self, Needs};
use gatehouse_configuration::{
    ClientKeys, Configuration, GrantType, Part, Prefix, ProviderAuthentication, ProviderProfile,
    RegisteredAuthentication, Route, Servers, Source, authorization_server, compile,
};
use gatehouse_openid::discovery_request;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Configuration::parse(text) {
        Ok(configuration) => assert_sound(&configuration, text),
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("the configuration ") && !line.contains(char::is_control), "{line:?}");
        }
    }
});

fn assert_sound(whole: &Configuration, text: &str) {
    assert_same_in_parts(whole, text);
    assert_same_in_parts(whole, &compile(text).expect("what is accepted can be compiled"));
    let (configuration, routes) = (&whole.authorization_server, &whole.routes);
    let own = Url::parse(configuration.public_url.as_str()).expect("a URL");
    assert!(own.scheme() == "https" || configuration.public_url.is_plain_http());
    assert!(!routes.is_empty());
    if configuration.issues_tokens() && !configuration.signs_users_in() {
        let has = |grant| configuration.clients.iter().any(|client| client.has(grant));
        let machines = has(GrantType::ClientCredentials) || has(GrantType::TokenExchange);
        assert!(machines || !configuration.workloads.is_empty(), "nobody could get a token");
        assert!(!has(GrantType::AuthorizationCode) && !configuration.registration.enabled);
        assert!(!configuration.client_documents.enabled && !configuration.browser_sign_in.enabled);
    }
    assert_unique(routes.iter().map(|route| route.path.as_str()));
    assert_unique(configuration.clients.iter().map(|client| client.client_id.as_str()));
    assert_unique(configuration.identity_providers.iter().map(|provider| provider.name.as_str()));
    for client in &configuration.clients {
        let is_public = matches!(client.authentication, RegisteredAuthentication::None);
        let alone = client.has(GrantType::ClientCredentials);
        assert!(!(is_public && (alone || client.has(GrantType::JwtBearer) || client.may_introspect)));
        assert!(client.redirect_uris.is_empty() <= !client.has(GrantType::AuthorizationCode));
        let exchanges = client.has(GrantType::TokenExchange);
        assert_eq!(alone || exchanges, !client.scopes.is_empty());
        assert!(!(is_public && exchanges));
        if let RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = &client.authentication {
            assert!(uri.parse::<http::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https")), "{uri}");
        }
        for uri in &client.redirect_uris {
            assert!(text.contains("redirect_uris"));
            let allowed = |scheme: &str| configuration.private_use_schemes.iter().any(|it| it.as_str() == scheme);
            let url = Url::parse(uri.as_str()).expect("a URL");
            assert!(url.scheme() == "https" || uri.is_loopback() || (uri.is_private_use() && allowed(url.scheme())));
        }
    }
    for provider in &configuration.identity_providers {
        assert!(!["client", "key", "workload", "nobody"].contains(&provider.name.as_str()));
        assert!(provider.scopes.iter().any(|scope| scope.as_str() == "openid"));
        assert!(provider.issuer.starts_with("https:") || provider.issuer.to_ascii_lowercase().starts_with("http"));
        assert!(discovery_request(provider).is_ok(), "nobody could sign in at {}", provider.issuer);
        if let ProviderProfile::Entra(entra) = &provider.profile {
            assert_eq!(provider.issuer, format!("{}/{}/v2.0", entra.authority, entra.tenant));
            if entra.is_multi_tenant() {
                assert!(!provider.access.tenants.is_empty() || text.contains("any_tenant"));
                assert!(provider.access.domains.is_empty());
            }
        }
        if !matches!(provider.authentication, ProviderAuthentication::None) {
            assert!(
                text.contains("client_secret") || text.contains("private_key") || text.contains("client_assertion")
            );
        }
    }
    for route in routes {
        assert!(!route.scopes.is_empty() && route.path.as_str().starts_with('/'));
        assert!(route.upstreams().next().is_some());
        assert_unique(route.policy.rules().map(|rule| rule.name()));
        if let Servers::Federated(members) = &route.servers {
            assert_unique(members.iter().map(|member| member.prefix.as_ref().map_or("", Prefix::as_str)));
        }
        for upstream in route.upstreams() {
            if let Some(token) = &upstream.identity_provider_token_header {
                assert!(upstream.secret_headers.iter().all(|(name, _)| name != token && name != "authorization"));
                assert_ne!(upstream.subject_header.as_ref(), Some(token));
            }
        }
    }
}

/// Part by part, either form means what the whole document means.
fn assert_same_in_parts(whole: &Configuration, setting: &str) {
    let source = Source::read(setting.to_owned()).expect("a setting");
    let part = |part| source.part(&part).expect("a whole part").expect("a part").into_owned();
    assert_eq!(gateway::Configuration::from_part(&part(Part::Gateway)).as_ref(), Ok(&whole.gateway));
    let server = authorization_server::Configuration::from_part(&part(Part::AuthorizationServer));
    assert_eq!(server.as_ref(), Ok(&whole.authorization_server));
    let keys = whole.gateway.caller_assertion_keys.as_ref();
    let needs = Needs::of(&whole.authorization_server, &whole.routes, keys);
    assert_eq!(Needs::from_part(&part(Part::Servers)), Ok(needs));
    for route in &whole.routes {
        assert_eq!(Route::from_part(&part(Part::Route(route.path.as_str()))).as_ref(), Ok(route));
    }
}

fn assert_unique<'a>(names: impl Iterator<Item = &'a str>) {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}
