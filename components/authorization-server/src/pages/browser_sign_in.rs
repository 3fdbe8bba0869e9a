//! The pages for people who sign in with a browser.

use askama::Template;
use gatehouse_authorization_server::return_address::ReturnAddress;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::OwnPath;
use http::Response;
use url::form_urlencoded;

use super::Layout;
use super::policy::Forms;
use super::sessions_page::sign_in_buttons;
use crate::texts::{Html, Texts};

#[derive(Template)]
#[template(path = "browser-sign-in.html")]
struct SignInContent {
    links: Vec<(String, Html)>,
}

#[derive(Template)]
#[template(path = "browser-signed-in.html")]
struct SignedInContent<'a> {
    texts: &'static Texts,
    location: &'a str,
}

#[derive(Template)]
#[template(path = "browser-sign-out.html")]
struct SignOutContent<'a> {
    texts: &'static Texts,
    address: Option<&'a str>,
    ticket: &'a str,
}

/// Asks with which of several providers the browser is to be signed in.
pub(crate) fn choose_sign_in(
    layout: Layout<'_>,
    configuration: &Configuration,
    address: &ReturnAddress,
) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("post_login_redirect_uri", address.as_str())
        .finish();
    let links = sign_in_buttons(&configuration.identity_providers, texts).into_iter();
    let links = links.map(|(name, text)| (format!("{}/{name}?{query}", OwnPath::BrowserSignIn), text)).collect();
    layout.answer(&layout.plain(200, texts.choose_title, Html::of(&SignInContent { links })))
}

/// The browser is signed in, and goes on.
pub(crate) fn signed_in_browser(layout: Layout<'_>, location: &str) -> Response<Vec<u8>> {
    let texts = layout.texts();
    layout.answer(&layout.plain(200, texts.browser_signed_in_title, Html::of(&SignedInContent { texts, location })))
}

/// Asks whether the browser is to be signed out: another site has led it here.
pub(crate) fn confirm_browser_sign_out(layout: Layout<'_>, address: Option<&str>, ticket: &str) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let content = Html::of(&SignOutContent { texts, address, ticket });
    layout.answer(&layout.plain(200, texts.browser_sign_out_title, content).with_forms(Forms::to_ourselves()))
}
