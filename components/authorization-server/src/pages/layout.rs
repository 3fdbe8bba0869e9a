//! What is around the content of every page: the language, the operator's name and links, and the policy.

use askama::Template;
use gatehouse_audit_log::RequestId;
use gatehouse_authorization_server::language::Language;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{Branding, Logo};
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

use super::policy::{self, Forms};
use crate::responses;
use crate::texts::{Html, Shown, Texts, fill};

const STYLE: &str = include_str!("../../templates/style.css");

/// For whom a page is made, and in whose name.
#[derive(Clone, Copy)]
pub(crate) struct Layout<'a> {
    pub(super) language: Language,
    /// `None` where the configuration cannot be read.
    pub(super) configuration: Option<&'a Configuration>,
    pub(super) request_id: &'a RequestId,
    /// The page's own path and query, where it is worth another try.
    pub(super) address: Option<&'a str>,
}

/// A page, but for what is around it.
pub(super) struct Page {
    pub(super) status: u16,
    /// Of the window.
    pub(super) title: Html,
    pub(super) heading: Html,
    /// Paragraphs, lists and forms.
    pub(super) content: Html,
    /// Whether it tells the reader the number by which the log calls the request.
    pub(super) has_reference: bool,
    pub(super) forms: Forms,
}

#[derive(Template)]
#[template(path = "base.html")]
struct Document<'a> {
    layout: Layout<'a>,
    style: &'static str,
    operator: Option<&'a str>,
    logo: Option<&'a str>,
    title: &'a Html,
    heading: &'a Html,
    content: &'a Html,
    reference: Option<Html>,
    links: Vec<(&'a str, &'static str)>,
}

impl Page {
    /// The same, with a heading that is not its title.
    pub(super) fn with_heading(self, title: Html, heading: Html) -> Self {
        Self { title, heading, ..self }
    }

    /// The same, with the number of the request.
    pub(super) fn with_reference(self) -> Self {
        Self { has_reference: true, ..self }
    }

    /// The same, whose forms lead there.
    pub(super) fn with_forms(self, forms: Forms) -> Self {
        Self { forms, ..self }
    }
}

impl<'a> Layout<'a> {
    /// The layout of what is answered to the request with this id. `address` is its path and query, where it asked for a page.
    pub(crate) const fn new(
        language: Language,
        configuration: Option<&'a Configuration>,
        request_id: &'a RequestId,
        address: Option<&'a str>,
    ) -> Self {
        Self { language, configuration, request_id, address }
    }

    /// The texts in the reader's language.
    pub(super) const fn texts(&self) -> &'static Texts {
        Texts::of(self.language)
    }

    fn branding(&self) -> &'a Branding {
        self.configuration.map_or(const { &Branding::NONE }, |configuration| &configuration.branding)
    }

    /// Who runs this server: by name, or else by the host at which it is reached.
    fn operator(&self) -> Option<&'a str> {
        let host = |configuration: &'a Configuration| configuration.public_url.as_str().split("://").nth(1);
        self.branding().name.as_deref().or_else(|| host(self.configuration?))
    }

    /// A page with a title that is its heading, and with no form.
    pub(super) fn plain(&self, status: u16, title: &str, content: Html) -> Page {
        let (title, heading) = (fill(title, &[]), fill(title, &[]));
        Page { status, title, heading, content, has_reference: false, forms: Forms::none() }
    }

    /// The page as an answer.
    pub(super) fn answer(&self, page: &Page) -> Response<Vec<u8>> {
        let (branding, texts) = (self.branding(), self.texts());
        let (logo, pictures) = match &branding.logo {
            Some(Logo::Data(url)) => (Some(url.as_str()), Some("data:".to_owned())),
            Some(Logo::OwnPath(path)) => {
                (Some(path.as_str()), self.configuration.map(|configuration| configuration.public_url.join(path)))
            }
            None => (None, None),
        };
        let links = [(&branding.contact, texts.contact), (&branding.privacy, texts.privacy)];
        let reference = || fill(texts.reference, &[("number", Shown::Code(self.request_id.as_str()))]);
        let document = Document {
            layout: *self,
            style: STYLE,
            operator: self.operator(),
            logo,
            title: &page.title,
            heading: &page.heading,
            content: &page.content,
            reference: page.has_reference.then(reference),
            links: links.into_iter().filter_map(|(url, text)| Some((url.as_deref()?, text))).collect(),
        };
        let Ok(text) = document.render() else {
            return responses::status_only(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = Response::new(text.into_bytes());
        *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A page without its policy is not shown.
        let Ok(policy) = HeaderValue::from_str(&policy::text(STYLE, pictures.as_deref(), &page.forms)) else {
            return responses::status_only(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_LANGUAGE, self.language.tag()),
            (VARY, "accept-language"),
            (CACHE_CONTROL, "no-store"),
            (X_FRAME_OPTIONS, "DENY"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // `same-origin` and not `no-referrer`, under which browsers send `Origin: null` with our own form.
            (REFERRER_POLICY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
