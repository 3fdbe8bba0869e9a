//! The pages that only say something, and lead back.

use askama::Template;
use gatehouse_protocol::OwnPath;
use http::Response;

use super::Layout;
use crate::texts::Html;

/// Some paragraphs, and a way back.
#[derive(Template)]
#[template(path = "paragraphs.html")]
pub(super) struct Paragraphs<'a> {
    pub(super) paragraphs: &'a [&'static str],
    /// A path of ours, and what is written on the link to it.
    pub(super) way_back: (&'a str, &'static str),
}

/// What this server is, for somebody who opens its address in a browser.
pub(crate) fn home(layout: Layout<'_>) -> Response<Vec<u8>> {
    let texts = layout.texts();
    paragraphs(layout, texts.home_title, &[texts.home_text])
}

/// A page that leads back to the page of sessions.
pub(super) fn paragraphs(layout: Layout<'_>, title: &str, paragraphs: &[&'static str]) -> Response<Vec<u8>> {
    let way_back = (OwnPath::Sessions.as_str(), layout.texts().sessions_title);
    layout.answer(&layout.plain(200, title, Html::of(&Paragraphs { paragraphs, way_back })))
}
