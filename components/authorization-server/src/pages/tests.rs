//! Every page, rendered. They are left in `target/pages/`, to be looked at.

mod administration;
mod asking;
mod every_page;
mod sessions;

use std::fs;
use std::path::Path;

use gatehouse_audit_log::RequestId;
use gatehouse_authorization_server::administrator_consent::AdministratorConsent;
use gatehouse_authorization_server::authorization::{
    AuthorizationRejection, AuthorizationRequest, BoundRequest, RejectedRequest,
};
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_authorization_server::fetches::NotNow;
use gatehouse_authorization_server::language::Language;
use gatehouse_authorization_server::remembered_consent::ListedConsent;
use gatehouse_authorization_server::return_address::ReturnAddress;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{Branding, Logo, Revocation};
use gatehouse_connections::LinkFacts;
use gatehouse_openid::AccessRejection;
use gatehouse_protocol::{
    ClientId, ClientName, LogText, OwnPath, PrivateUseScheme, RedirectUri, ResourceUri, Scopes, SecretString,
    TooManyClaims, UnixTime,
};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::{Device, Listing, SessionBrowser, Summary, Tokens};
use gatehouse_storage::memory::MemoryStore;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, VARY, X_FRAME_OPTIONS};

use super::*;
use crate::texts::Texts;

/// 2026-11-21, 05:00 UTC.
const NOW: u64 = 1_795_237_200;
const SITE: &str = "https://notes.example/callback";
const LOOPBACK: &str = "http://127.0.0.1:33418/callback";
const LOOPBACK_IPV6: &str = "http://[::1]:33418/callback";
const PRIVATE_USE: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

const ID: &str = "000102030405060708090a0b0c0d0e0f";
const ADDRESS: &str = "/authorize?client_id=a&state=\"<b>more";

/// What is around a page in this language.
fn layout(language: Language, configuration: &Configuration) -> Layout<'_> {
    let id: &'static RequestId = Box::leak(Box::new(RequestId::parse(ID).unwrap()));
    Layout::new(language, Some(configuration), id, Some(ADDRESS))
}

fn english(configuration: &Configuration) -> Layout<'_> {
    layout(Language::English, configuration)
}

fn configuration() -> Configuration {
    let document = r#"
        public_url = "https://gateway.example"
        [[clients]]
        client_id = "client"
        client_name = "Visual Studio Code"
        redirect_uris = ["https://notes.example/callback", "http://127.0.0.1/callback", "http://[::1]/callback"]
        [identity_provider]
        name = "contoso"
        display_name = "Contoso"
        issuer = "https://login.contoso.example"
        client_id = "gatehouse"
        [[connections]]
        name = "api"
        display_name = "The API <b>more"
        authorization_endpoint = "http://127.0.0.1:9000/authorize"
        token_endpoint = "http://127.0.0.1:9000/token"
        client_id = "gatehouse"
        scopes = ["read"]
        [[connections]]
        name = "github"
        preset = "github"
        client_id = "gatehouse"
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
        name = "Snippet server"
        scopes = ["read", "write"]
        scope_descriptions = { read = "Read your snippets", write = "Write and delete snippets in your name" }"#;
    let mut configuration = Configuration::parse(document).unwrap();
    configuration.private_use_schemes = vec![PrivateUseScheme::parse("cursor").unwrap()];
    let private_use = RedirectUri::parse(PRIVATE_USE, &configuration.redirect_rules()).unwrap();
    configuration.clients[0].redirect_uris.push(private_use);
    let mut other = configuration.identity_providers[0].clone();
    other.name = "demo".to_owned();
    other.display_name = "Demo identity provider".to_owned();
    other.issuer = "http://127.0.0.1:8081".to_owned();
    configuration.identity_providers.push(other);
    configuration
}

fn request(configuration: &Configuration, redirect_uri: &str) -> AuthorizationRequest {
    let query = format!(
        "response_type=code&client_id=client&redirect_uri={redirect_uri}&code_challenge_method=S256\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let now = UnixTime::from_seconds(NOW);
    let keys = KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap();
    let bound = BoundRequest::parse(&query, configuration, &keys, &MemoryStore::at(now), now).unwrap();
    bound.validate(configuration).unwrap()
}

/// One that is not in the configuration.
fn stranger(mut request: AuthorizationRequest, client_id: &str, name: &str) -> AuthorizationRequest {
    request.client.client_id = ClientId::parse(client_id).unwrap();
    request.client.client_name = ClientName::parse(name).unwrap();
    request.client.is_configured = false;
    request
}

fn consent_page(configuration: &Configuration, request: AuthorizationRequest) -> Response<Vec<u8>> {
    consent_page_in(english(configuration), configuration, request)
}

fn consent_page_in(
    layout: Layout<'_>,
    configuration: &Configuration,
    request: AuthorizationRequest,
) -> Response<Vec<u8>> {
    let provider = configuration.identity_provider("contoso").unwrap();
    consent(layout, configuration, &ConsentRequest { request, provider, approved: None }, false, "the-ticket")
}

fn rejected_page(layout: Layout<'_>, request: AuthorizationRequest) -> Response<Vec<u8>> {
    let AuthorizationRequest { client, redirect_uri, state, .. } = request;
    let location = redirect_uri.location(&[("error", "invalid_scope"), ("state", "\"><b>x</b>")]);
    let rejection = AuthorizationRejection::Scope;
    rejected(layout, &RejectedRequest { client, redirect_uri, state, rejection }, &location)
}

fn text(page: &Response<Vec<u8>>) -> String {
    String::from_utf8(page.body().clone()).unwrap()
}

fn policy(page: &Response<Vec<u8>>) -> String {
    page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
}

fn form_action(page: &Response<Vec<u8>>) -> String {
    let policy = policy(page);
    policy.split("; ").find_map(|it| it.strip_prefix("form-action ")).unwrap().to_owned()
}

fn session(id: &str, client_name: &str, resource: &str) -> Summary {
    Summary {
        id: id.to_owned(),
        client_id: ClientId::parse("client").unwrap(),
        client_name: ClientName::parse(client_name).unwrap(),
        browser: Some(SessionBrowser {
            digest: id.to_owned(),
            device: Device::of("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"),
        }),
        resource: ResourceUri::parse(resource).unwrap(),
        scopes: Scopes::parse("read").unwrap(),
        opened_at: UnixTime::from_seconds(NOW - 7_200),
        last_used_at: UnixTime::from_seconds(NOW),
        expires_at: UnixTime::from_seconds(NOW + 79_200),
    }
}

fn listed_consent(client_name: &str) -> ListedConsent {
    ListedConsent {
        id: "the-consent".to_owned(),
        client_id: "client".to_owned(),
        client_name: client_name.to_owned(),
        redirect_host: "127.0.0.1:33418".to_owned(),
        resource: "https://gateway.example/mcp".to_owned(),
        scopes: "read write".to_owned(),
        given_at: NOW,
    }
}

fn given_for_everybody() -> AdministratorConsent {
    AdministratorConsent {
        id: "for-everybody".to_owned(),
        client_id: "https://app.example.com/client.json".to_owned(),
        client_name: "Notes & <b>more</b>".to_owned(),
        redirect_uri: SITE.to_owned(),
        redirect_host: "notes.example".to_owned(),
        resource: "https://gateway.example/mcp".to_owned(),
        scopes: "read".to_owned(),
        given_by: "contoso:8f2c1e".to_owned(),
        given_by_name: Some("carol@contoso.example <b>more".to_owned()),
        given_at: NOW,
    }
}

fn consents_page(
    layout: Layout<'_>,
    configuration: &Configuration,
    consents: &[AdministratorConsent],
) -> Response<Vec<u8>> {
    let provider = configuration.identity_provider("contoso").unwrap();
    let (ticket, now) = ("the-ticket", UnixTime::from_seconds(NOW));
    super::consents(layout, &ConsentsView { configuration, provider, consents, ticket, now })
}

/// One that is linked, one that is not, and one of an administrator's.
fn connections_page(layout: Layout<'_>, configuration: &Configuration, are_there: bool) -> Response<Vec<u8>> {
    let link = || LinkFacts {
        linked_at: UnixTime::from_seconds(NOW),
        ends_at: UnixTime::from_seconds(NOW + 15_552_000),
        linked_by: Some("contoso:carol <b>more".to_owned()),
    };
    let mut others = configuration.connections.clone();
    others[1].shared_by = Some("contoso".to_owned());
    let views = [
        ConnectionView { connection: &others[0], link: Some(link()), may_change: true },
        ConnectionView { connection: &others[0], link: None, may_change: true },
        ConnectionView { connection: &others[1], link: Some(link()), may_change: false },
    ];
    let connections = if are_there { &views[..] } else { &[] };
    let provider = configuration.identity_provider("contoso").unwrap();
    let user = "alice@contoso.example <b>more";
    let view = ConnectionsView { provider, user, connections, ticket: "the-ticket", now: UnixTime::from_seconds(NOW) };
    super::connections(layout, &view)
}

/// Every page in this language, with its name.
fn access_token_page(layout: Layout<'_>, configuration: &Configuration) -> Response<Vec<u8>> {
    let tokens = Tokens {
        access_token: SecretString::new("the-token".to_owned()),
        refresh_token: None,
        expires_in: 3_600,
        scopes: Scopes::default(),
    };
    access_token(layout, configuration, &ResourceUri::parse("https://gateway.example/mcp").unwrap(), &tokens)
}

fn every_page(language: Language, configuration: &Configuration) -> Vec<(&'static str, Response<Vec<u8>>)> {
    let layout = layout(language, configuration);
    let request = |uri| request(configuration, uri);
    let provider = configuration.identity_provider("contoso").unwrap();
    let asked = |request| ConsentRequest { request, provider, approved: None };
    let sessions_page = |newest: &[Summary], total: u32, consents: &[ListedConsent]| {
        let listing = Listing { newest: newest.to_vec(), total };
        let view = SessionsView {
            configuration,
            provider,
            user: "alice@contoso.example <b>more",
            browser: "first",
            listing: &listing,
            consents,
            is_administrator: !consents.is_empty(),
            has_connections: !consents.is_empty(),
            is_operator: !consents.is_empty(),
            ticket: "the-ticket",
            now: UnixTime::from_seconds(NOW),
        };
        sessions(layout, &view)
    };
    let mcp = "https://gateway.example/mcp";
    let two = [
        session("first", "Visual Studio Code", mcp),
        session("second", "Notes & <b>more</b>", "https://gateway.example/gone"),
    ];
    let many = vec![two[0].clone(); 200];
    let notes = || stranger(request(SITE), "1-a", "Notes & <b>more</b>");
    let document = stranger(request(SITE), "https://app.example.com/client.json", "App");
    let mut at_expiry = configuration.clone();
    at_expiry.routes[0].revocation = Revocation::AtExpiry;
    let mut pages = vec![
        ("choose", choose(layout, configuration, &configuration.identity_providers, &request(SITE), "the-ticket")),
        ("consent-loopback", consent_page_in(layout, configuration, request(LOOPBACK))),
        ("consent-private-use", consent_page_in(layout, configuration, request(PRIVATE_USE))),
        ("consent-configured", consent_page_in(layout, configuration, request(SITE))),
        ("consent-unverified", consent_page_in(layout, configuration, notes())),
        ("consent-document", consent_page_in(layout, configuration, document)),
        ("consent-for-everybody", consent(layout, configuration, &asked(request(SITE)), true, "the-ticket")),
        ("consents", consents_page(layout, configuration, &[given_for_everybody()])),
        ("consents-none", consents_page(layout, configuration, &[])),
        ("administration", administration::page(layout, configuration, administration::Shown::Nothing)),
        ("administration-sessions", administration::page(layout, configuration, administration::Shown::Sessions)),
        ("administration-client", administration::page(layout, configuration, administration::Shown::Client)),
        ("administration-answer", administration::page(layout, configuration, administration::Shown::Answer)),
        ("sessions-none", sessions_page(&[], 0, &[])),
        ("sessions-one", sessions_page(&two[..1], 1, &[])),
        ("sessions-two", sessions_page(&two, 2, &[listed_consent("Visual Studio Code")])),
        ("sessions-many", sessions_page(&many, 205, &[])),
        ("sign-in", sign_in(layout, configuration, OwnPath::Sessions, "the-ticket", 200)),
        ("sign-in-connections", sign_in(layout, configuration, OwnPath::Connections, "the-ticket", 200)),
        ("connections", connections_page(layout, configuration, true)),
        ("connections-none", connections_page(layout, configuration, false)),
        ("sign-in-again", sign_in(layout, configuration, OwnPath::Sessions, "the-ticket", 403)),
        ("confirm-sign-out", confirm_sign_out(layout, "the-ticket")),
        ("signed-out", signed_out(layout)),
        ("signed-out-everywhere", signed_out_everywhere(layout, configuration)),
        ("signed-out-everywhere-at-expiry", signed_out_everywhere(layout, &at_expiry)),
        ("browser-choose", choose_sign_in(layout, configuration, &ReturnAddress::sessions())),
        ("browser-signed-in", signed_in_browser(layout, "https://gateway.example/mcp?a=\"<b>more")),
        ("browser-sign-out", confirm_browser_sign_out(layout, Some("/app"), "the-ticket")),
        ("rejected", rejected_page(layout, notes())),
        ("home", home(layout)),
        ("token-page", token_page(layout, configuration, "the-ticket")),
        ("access-token", access_token_page(layout, configuration)),
    ];
    for (name, rejection) in [
        ("denied-tenant", AccessRejection::Tenant(LogText::new("a-tenant"))),
        ("denied-user", AccessRejection::User),
        ("denied-domain", AccessRejection::Domain),
        ("denied-domain-unverified", AccessRejection::DomainUnverified),
        ("denied-role", AccessRejection::Role),
        ("denied-group", AccessRejection::Group),
        ("denied-unknown", AccessRejection::Unreadable("roles")),
        ("denied-too-many", TooManyClaims::Groups.into()),
    ] {
        pages.push((name, not_let_in(layout, &asked(request(SITE)), &rejection, "the-ticket")));
    }
    let of_account = not_let_in_to_sessions_page(layout, provider, &AccessRejection::Group, "the-ticket");
    pages.push(("denied-account", of_account));
    for (name, problem) in [
        ("not-found", Problem::NotFound),
        ("out-of-order", Problem::OutOfOrder),
        ("wait-unreachable", Problem::NotNow(NotNow::HostFailedLately)),
        ("wait-busy", Problem::NotNow(NotNow::Busy)),
        ("wait-hour", Problem::NotNow(NotNow::TooMany { retry_after: 60 })),
        ("too-many", Problem::TooManySignIns(60)),
        ("too-many-links", Problem::TooManyLinks(60)),
        ("withdrawn-provider", Problem::WithdrawnProvider),
        ("incomplete", Problem::Unbound(Unbound::Incomplete)),
        ("unknown-client", Problem::Unbound(Unbound::UnknownClient)),
        ("redirect-uri", Problem::Unbound(Unbound::RedirectUri)),
        ("withdrawn-resource", Problem::Unbound(Unbound::WithdrawnResource)),
        ("no-administrator", Problem::NoAdministrator),
        ("form", Problem::Form { status: 403 }),
        ("unreadable", Problem::UnreadableForm { status: 413 }),
        ("answered-before", Problem::AnsweredBefore),
        ("refused-by-provider", Problem::RefusedByProvider),
        ("not-completed", Problem::NotCompleted { status: 400 }),
        ("not-linked", Problem::NotLinked { status: 403 }),
        ("link-refused", Problem::LinkRefused),
    ] {
        pages.push((name, error(layout, problem)));
    }
    pages
}
