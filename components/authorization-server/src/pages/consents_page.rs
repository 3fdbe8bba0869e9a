//! The page on which administrators see what they have allowed for everybody, and take it back.

use askama::Template;
use gatehouse_authorization_server::administrator_consent::{AdministratorConsent, LIFETIME};
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{OwnPath, Scopes, UnixTime};
use http::Response;

use super::policy::Forms;
use super::sessions_page::{described, label, place};
use super::{Layout, time};
use crate::texts::{Html, Shown, Texts, fill};

#[derive(Template)]
#[template(path = "consents.html")]
struct ConsentsContent<'a> {
    texts: &'static Texts,
    text: Html,
    consents: Vec<Row<'a>>,
    sessions: &'static str,
    ticket: &'a str,
}

struct Row<'a> {
    id: &'a str,
    client_name: &'a str,
    client_id: &'a str,
    place: Html,
    scopes: String,
    given_by: &'a str,
    given: Html,
    end: Html,
    label: Html,
}

/// What the page of an administrator is made of.
pub(crate) struct ConsentsView<'a> {
    /// The configuration.
    pub(crate) configuration: &'a Configuration,
    /// Whose users the consents are for.
    pub(crate) provider: &'a IdentityProvider,
    /// The consents for everybody.
    pub(crate) consents: &'a [AdministratorConsent],
    /// The ticket of the forms.
    pub(crate) ticket: &'a str,
    /// The time of the request.
    pub(crate) now: UnixTime,
}

/// Shows what was allowed for everybody.
pub(crate) fn consents(layout: Layout<'_>, view: &ConsentsView<'_>) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let text = if view.consents.is_empty() { texts.consents_none } else { texts.consents_text };
    let content = Html::of(&ConsentsContent {
        texts,
        text: fill(text, &[("provider", Shown::Plain(&view.provider.display_name))]),
        consents: view.consents.iter().map(|consent| Row::of(consent, view, texts)).collect(),
        sessions: OwnPath::Sessions.as_str(),
        ticket: view.ticket,
    });
    let forms = if view.consents.is_empty() { Forms::none() } else { Forms::to_ourselves() };
    layout.answer(&layout.plain(200, texts.consents_title, content).with_forms(forms))
}

impl<'a> Row<'a> {
    fn of(consent: &'a AdministratorConsent, view: &ConsentsView<'_>, texts: &Texts) -> Self {
        let given_at = UnixTime::from_seconds(consent.given_at);
        let (place, route) = place(&consent.resource, &consent.redirect_host, view.configuration, texts);
        Self {
            id: &consent.id,
            client_name: &consent.client_name,
            client_id: &consent.client_id,
            place,
            scopes: described(&Scopes::parse(&consent.scopes).unwrap_or_default(), route),
            given_by: consent.given_by_name.as_deref().unwrap_or(&consent.given_by),
            given: time::shown(given_at, view.now, texts),
            end: time::shown(given_at.plus(LIFETIME), view.now, texts),
            label: label(texts.consents_take_back_label, &consent.client_name, given_at, texts),
        }
    }
}
