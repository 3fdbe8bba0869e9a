//! The pages on which a person gets an access token by hand.

use askama::Template;
use gatehouse_authorization_server::token_page::{TokenPageRequest, is_allowed_at};
use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_protocol::{OwnPath, ResourceUri};
use gatehouse_sessions::Tokens;
use http::Response;

use super::policy::Forms;
use super::sessions_page::sign_in_buttons;
use super::{Layout, time};
use crate::texts::{Html, Shown, Texts, fill};

#[derive(Template)]
#[template(path = "token-page.html")]
struct TokenPageContent<'a> {
    texts: &'static Texts,
    text: Html,
    routes: Vec<RouteRow<'a>>,
    /// Name, and what is written on the button.
    providers: Vec<(&'a str, Html)>,
    ticket: &'a str,
}

struct RouteRow<'a> {
    path: &'a str,
    name: &'a str,
    url: String,
    scopes: Vec<&'a str>,
    /// Those that may be picked.
    further: Vec<ScopeRow<'a>>,
}

struct ScopeRow<'a> {
    /// Of its box, on the page.
    id: String,
    name: &'a str,
    meaning: &'a str,
}

#[derive(Template)]
#[template(path = "access-token.html")]
struct AccessTokenContent<'a> {
    texts: &'static Texts,
    text: Html,
    token: &'a str,
    header: String,
    url: &'a str,
    end: Html,
}

/// Asks for which route a token shall be.
pub(crate) fn token_page(layout: Layout<'_>, configuration: &Configuration, ticket: &str) -> Response<Vec<u8>> {
    let (texts, providers) = (layout.texts(), &configuration.identity_providers);
    let lifetime = time::duration(configuration.token_page.lifetime, texts);
    let routes = configuration.routes.iter().filter(|route| is_allowed_at(route));
    let content = Html::of(&TokenPageContent {
        texts,
        text: fill(texts.token_page_text, &[("time", Shown::Html(&lifetime))]),
        routes: routes.enumerate().map(|row| RouteRow::of(row, configuration)).collect(),
        providers: sign_in_buttons(providers, texts),
        ticket,
    });
    layout.answer(&layout.plain(200, texts.token_page_title, content).with_forms(Forms::to_providers(providers)))
}

/// Shows the token, for the only time.
pub(crate) fn access_token(
    layout: Layout<'_>,
    configuration: &Configuration,
    resource: &ResourceUri,
    tokens: &Tokens,
) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let server = configuration.route_of(resource).map_or(resource.as_str(), |route| &route.name);
    let lifetime = time::duration(tokens.expires_in, texts);
    let values = [("server", Shown::Strong(server)), ("time", Shown::Html(&lifetime))];
    let content = Html::of(&AccessTokenContent {
        texts,
        text: fill(texts.token_text, &values),
        token: tokens.access_token.expose(),
        header: format!("Authorization: Bearer {}", tokens.access_token.expose()),
        url: resource.as_str(),
        end: fill(texts.token_end, &[("link", Shown::Link(OwnPath::Sessions.as_str(), texts.sessions_title))]),
    });
    layout.answer(&layout.plain(200, texts.token_title, content))
}

impl<'a> RouteRow<'a> {
    fn of((number, route): (usize, &'a Route), configuration: &Configuration) -> Self {
        let further = TokenPageRequest::further_scopes(route).enumerate();
        Self {
            path: route.path.as_str(),
            name: &route.name,
            url: configuration.public_url.join(route.path.as_str()),
            scopes: route.scopes.iter().map(|scope| route.describe(scope)).collect(),
            further: further
                .map(|(at, scope)| ScopeRow {
                    id: format!("scope-{number}-{at}"),
                    name: scope.as_str(),
                    meaning: route.describe(scope),
                })
                .collect(),
        }
    }
}
