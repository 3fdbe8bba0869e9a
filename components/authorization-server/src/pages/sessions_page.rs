//! The pages on which a user sees what they have allowed, and takes it back.

use askama::Template;
use gatehouse_authorization_server::remembered_consent::ListedConsent;
use gatehouse_authorization_server::token_page;
use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_configuration::{IdentityProvider, Revocation};
use gatehouse_protocol::{OwnPath, ResourceUri, Scopes, UnixTime};
use gatehouse_sessions::{Device, Listing, Summary};
use http::Response;

use super::paragraphs::paragraphs;
use super::policy::Forms;
use super::{Layout, time};
use crate::texts::{Html, Shown, Texts, fill};

/// What a form says that has somebody sign in for the page of linked accounts.
pub(crate) const CONNECTIONS: &str = "connections";

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInContent<'a> {
    texts: &'static Texts,
    text: &'static str,
    /// For which page, where it is not that of the sessions.
    page: Option<&'static str>,
    was_signed_out: bool,
    providers: Vec<(&'a str, Html)>,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsContent<'a> {
    texts: &'static Texts,
    user: Html,
    how_many: Html,
    newest: Option<Html>,
    sessions: Vec<SessionRow<'a>>,
    last_use_note: Html,
    consents: Vec<ConsentRow<'a>>,
    /// Where an administrator sees what is allowed for everybody.
    for_everybody: Option<&'static str>,
    /// Where users link accounts of other services.
    connections: Option<&'static str>,
    /// Where an operator sees what is so at this moment.
    administration: Option<&'static str>,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmContent<'a> {
    texts: &'static Texts,
    ticket: &'a str,
}

struct SessionRow<'a> {
    id: &'a str,
    client_name: &'a str,
    is_of_this_browser: bool,
    server: Html,
    scopes: String,
    device: Option<Html>,
    first_use: Html,
    last_use: Html,
    end: Html,
    label: Html,
}

struct ConsentRow<'a> {
    id: &'a str,
    client_name: &'a str,
    place: Html,
    scopes: String,
    given: Html,
    label: Html,
}

/// What the page of somebody's sessions is made of.
pub(crate) struct SessionsView<'a> {
    /// The configuration.
    pub(crate) configuration: &'a Configuration,
    /// Where they signed in.
    pub(crate) provider: &'a IdentityProvider,
    /// What they are called.
    pub(crate) user: &'a str,
    /// A digest of the cookie of their browser.
    pub(crate) browser: &'a str,
    /// Their sessions.
    pub(crate) listing: &'a Listing,
    /// What they do not want to be asked about again.
    pub(crate) consents: &'a [ListedConsent],
    /// Whether there are connections in which users link accounts.
    pub(crate) has_connections: bool,
    /// Whether they may consent for everybody.
    pub(crate) is_administrator: bool,
    /// Whether they may open the administrator's page.
    pub(crate) is_operator: bool,
    /// The ticket of the forms.
    pub(crate) ticket: &'a str,
    /// The time of the request.
    pub(crate) now: UnixTime,
}

/// A button for each provider: its name, and what is written on it.
pub(super) fn sign_in_buttons<'a>(providers: &'a [IdentityProvider], texts: &Texts) -> Vec<(&'a str, Html)> {
    let text =
        |provider: &IdentityProvider| fill(texts.sign_in_with, &[("provider", Shown::Plain(&provider.display_name))]);
    providers.iter().map(|provider| (provider.name.as_str(), text(provider))).collect()
}

/// Asks who wants to see their own page at `path`. 403 where somebody has just tried to change them.
pub(crate) fn sign_in(
    layout: Layout<'_>,
    configuration: &Configuration,
    path: OwnPath,
    ticket: &str,
    status: u16,
) -> Response<Vec<u8>> {
    let (texts, providers) = (layout.texts(), &configuration.identity_providers);
    let (title, text, page) = match path {
        OwnPath::Connections => (texts.connections_sign_in_title, texts.connections_sign_in_text, Some(CONNECTIONS)),
        _ => (texts.sign_in_title, texts.sign_in_text, None),
    };
    let content = Html::of(&SignInContent {
        texts,
        text,
        page,
        was_signed_out: status != 200,
        providers: sign_in_buttons(providers, texts),
        ticket,
    });
    layout.answer(&layout.plain(status, title, content).with_forms(Forms::to_providers(providers)))
}

/// Shows what a user has allowed.
pub(crate) fn sessions(layout: Layout<'_>, view: &SessionsView<'_>) -> Response<Vec<u8>> {
    let SessionsView { configuration, provider, user, listing, ticket, .. } = *view;
    let texts = layout.texts();
    let count = |count: usize| count.to_string();
    let (shown, total) = (listing.newest.len(), listing.total.to_string());
    let how_many = match listing.total {
        0 => texts.sessions_none,
        1 => texts.sessions_one,
        _ => texts.sessions_many,
    };
    let is_shortened = u32::try_from(shown).is_ok_and(|shown| listing.total > shown);
    let newest = [("shown", Shown::Plain(&count(shown))), ("total", Shown::Plain(&total))];
    let newest = is_shortened.then(|| fill(texts.sessions_newest, &newest));
    let lag = time::duration(configuration.lifetimes.access_token, texts);
    let user = [("user", Shown::Strong(user)), ("provider", Shown::Plain(&provider.display_name))];
    let content = Html::of(&SessionsContent {
        texts,
        user: fill(texts.sessions_user, &user),
        how_many: fill(how_many, &[("count", Shown::Plain(&total))]),
        newest,
        sessions: listing.newest.iter().map(|session| SessionRow::of(session, view, texts)).collect(),
        last_use_note: fill(texts.sessions_last_use_note, &[("time", Shown::Html(&lag))]),
        consents: view.consents.iter().map(|consent| ConsentRow::of(consent, view, texts)).collect(),
        administration: view.is_operator.then_some(OwnPath::Administration.as_str()),
        for_everybody: view.is_administrator.then_some(OwnPath::Consents.as_str()),
        connections: view.has_connections.then_some(OwnPath::Connections.as_str()),
        ticket,
    });
    layout.answer(&layout.plain(200, texts.sessions_title, content).with_forms(Forms::to_ourselves()))
}

/// Asks whether all sessions are to end.
pub(crate) fn confirm_sign_out(layout: Layout<'_>, ticket: &str) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let content = Html::of(&ConfirmContent { texts, ticket });
    layout.answer(&layout.plain(200, texts.confirm_title, content).with_forms(Forms::to_ourselves()))
}

/// The user has left the page of their sessions, and all of those go on.
pub(crate) fn signed_out(layout: Layout<'_>) -> Response<Vec<u8>> {
    let texts = layout.texts();
    paragraphs(layout, texts.signed_out_title, &[texts.signed_out_text, texts.signed_out_provider])
}

/// Everything has ended, but for what a route lets go on until it expires.
pub(crate) fn signed_out_everywhere(layout: Layout<'_>, configuration: &Configuration) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let is_at_expiry = configuration.routes.iter().any(|route| route.revocation == Revocation::AtExpiry);
    let at_expiry = is_at_expiry.then_some(texts.signed_out_everywhere_at_expiry);
    let mut sentences = vec![texts.signed_out_everywhere_text, texts.signed_out_everywhere_streams];
    sentences.extend(at_expiry);
    sentences.push(texts.signed_out_provider);
    paragraphs(layout, texts.signed_out_everywhere_title, &sentences)
}

impl<'a> SessionRow<'a> {
    fn of(session: &'a Summary, view: &SessionsView<'_>, texts: &Texts) -> Self {
        let route = view.configuration.route_of(&session.resource);
        let server = route.map_or(session.resource.as_str(), |route| &route.name);
        let is_by_hand = session.client_id.as_str() == token_page::CLIENT_ID;
        let client_name = if is_by_hand { texts.token_title } else { session.client_name.as_str() };
        let browser = session.browser.as_ref();
        let shown = |time| time::shown(time, view.now, texts);
        Self {
            id: &session.id,
            client_name,
            is_of_this_browser: browser.is_some_and(|browser| browser.digest == view.browser),
            server: fill(texts.sessions_server, &[("server", Shown::Plain(server))]),
            scopes: described(&session.scopes, route),
            device: browser.map(|browser| device(browser.device, texts)),
            first_use: shown(session.opened_at),
            last_use: shown(session.last_used_at),
            end: shown(session.expires_at),
            label: label(texts.sessions_end_one_label, client_name, session.opened_at, texts),
        }
    }
}

impl<'a> ConsentRow<'a> {
    fn of(consent: &'a ListedConsent, view: &SessionsView<'_>, texts: &Texts) -> Self {
        let given_at = UnixTime::from_seconds(consent.given_at);
        let (place, route) = place(&consent.resource, &consent.redirect_host, view.configuration, texts);
        Self {
            id: &consent.id,
            client_name: &consent.client_name,
            place,
            scopes: described(&Scopes::parse(&consent.scopes).unwrap_or_default(), route),
            given: time::shown(given_at, view.now, texts),
            label: label(texts.sessions_ask_again_label, &consent.client_name, given_at, texts),
        }
    }
}

/// Where somebody has consented to a client's use of a server, and the server's route, where there still is one.
pub(super) fn place<'a>(
    resource: &str,
    redirect_host: &str,
    configuration: &'a Configuration,
    texts: &Texts,
) -> (Html, Option<&'a Route>) {
    let parsed = ResourceUri::parse(resource).ok();
    let route = parsed.and_then(|parsed| configuration.route_of(&parsed));
    let server = route.map_or(resource, |route| &route.name);
    let place = [("host", Shown::Code(redirect_host)), ("server", Shown::Plain(server))];
    (fill(texts.sessions_consent_place, &place), route)
}

/// The scopes in the operator's words; as they are where the operator has taken the server away.
pub(super) fn described(scopes: &Scopes, route: Option<&Route>) -> String {
    let words = scopes.iter().map(|scope| route.map_or(scope.as_str(), |route| route.describe(scope)));
    words.collect::<Vec<_>>().join("; ")
}

/// Such as `Firefox on Windows`.
fn device(device: Device, texts: &Texts) -> Html {
    let unknown = texts.sessions_browser_unknown;
    match (device.browser, device.system) {
        (None, None) => fill(unknown, &[]),
        (Some(browser), None) => fill("{browser}", &[("browser", Shown::Plain(browser))]),
        (browser, Some(system)) => {
            let values = [("browser", Shown::Plain(browser.unwrap_or(unknown))), ("system", Shown::Plain(system))];
            fill(texts.sessions_browser_on, &values)
        }
    }
}

/// What a button is called for those who hear it: several on a page are told apart.
pub(super) fn label(text: &str, client_name: &str, time: UnixTime, texts: &Texts) -> Html {
    let time = time::point(time, texts);
    fill(text, &[("client", Shown::Plain(client_name)), ("time", Shown::Html(&time))])
}
