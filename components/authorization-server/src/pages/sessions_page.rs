//! The pages on which a user sees what they have allowed, and takes it back.

use askama::Template;
use gatehouse_authorization_server::remembered_consent::ListedConsent;
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_protocol::{ResourceUri, Scope, Scopes, UnixTime};
use gatehouse_sessions::{Listing, Summary};
use http::Response;

use super::policy::Forms;
use super::time::in_words;
use super::{Pick, STYLE, html};

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    style: &'static str,
    was_signed_out: bool,
    providers: Vec<Pick<'a>>,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage<'a> {
    style: &'static str,
    identity_provider: &'a str,
    sessions: Vec<SessionRow<'a>>,
    /// How many there are; more than are shown, where there are very many.
    total: u32,
    consents: Vec<ConsentRow<'a>>,
    ticket: &'a str,
}

struct SessionRow<'a> {
    id: &'a str,
    client_name: &'a str,
    server_name: &'a str,
    opened: String,
    last_used: String,
    ends: String,
}

struct ConsentRow<'a> {
    id: &'a str,
    client_name: &'a str,
    server_name: &'a str,
    redirect_host: &'a str,
    scopes: Vec<String>,
    given: String,
}

#[derive(Template)]
#[template(path = "signed-out.html")]
struct SignedOutPage {
    style: &'static str,
}

/// Asks who wants to see their sessions. 403 where somebody has just tried to change them.
pub(crate) fn sign_in(configuration: &Configuration, ticket: &str, status: u16) -> Response<Vec<u8>> {
    let providers = &configuration.identity_providers;
    let page = SignInPage {
        style: STYLE,
        was_signed_out: status != 200,
        providers: providers.iter().map(Pick::of).collect(),
        ticket,
    };
    html(status, &page, &Forms::to_providers(providers))
}

/// Shows what the user who signed in at `provider` has allowed.
pub(crate) fn sessions(
    configuration: &Configuration,
    provider: &IdentityProvider,
    listing: &Listing,
    consents: &[ListedConsent],
    ticket: &str,
) -> Response<Vec<u8>> {
    let page = SessionsPage {
        style: STYLE,
        identity_provider: &provider.display_name,
        total: listing.total,
        sessions: listing.newest.iter().map(|session| SessionRow::of(session, configuration)).collect(),
        consents: consents.iter().map(|consent| ConsentRow::of(consent, configuration)).collect(),
        ticket,
    };
    html(200, &page, &Forms::to_ourselves())
}

/// Everything has ended.
pub(crate) fn signed_out() -> Response<Vec<u8>> {
    html(200, &SignedOutPage { style: STYLE }, &Forms::none())
}

impl<'a> SessionRow<'a> {
    fn of(session: &'a Summary, configuration: &'a Configuration) -> Self {
        Self {
            id: &session.id,
            client_name: session.client_name.as_str(),
            server_name: configuration
                .route_of(&session.resource)
                .map_or(session.resource.as_str(), |server| &server.name),
            opened: in_words(session.opened_at),
            last_used: in_words(session.last_used_at),
            ends: in_words(session.expires_at),
        }
    }
}

impl<'a> ConsentRow<'a> {
    fn of(consent: &'a ListedConsent, configuration: &'a Configuration) -> Self {
        let server = server(configuration, &consent.resource);
        let scopes = Scopes::parse(&consent.scopes).unwrap_or_default();
        let describe = |scope: &Scope| server.map_or(scope.as_str(), |server| server.describe(scope)).to_owned();
        Self {
            id: &consent.id,
            client_name: &consent.client_name,
            server_name: server.map_or(&consent.resource, |server| &server.name),
            redirect_host: &consent.redirect_host,
            scopes: scopes.iter().map(describe).collect(),
            given: in_words(UnixTime::from_seconds(consent.given_at)),
        }
    }
}

/// The server behind a resource, where the operator has not taken it away.
fn server<'a>(configuration: &'a Configuration, resource: &str) -> Option<&'a Route> {
    configuration.route_of(&ResourceUri::parse(resource).ok()?)
}
