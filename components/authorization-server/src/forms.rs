//! The forms of our own pages.
//!
//! What decides whether a form counts is the sealed ticket in it, which opens only for the browser that was shown the
//! page. `Origin` and `Sec-Fetch-Site` stop the rest early, in browsers that send them.

use core::fmt;

use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::page::PageRejection;
use gatehouse_protocol::Parameters;
use http::header::ORIGIN;
use http::{HeaderMap, Request, Response};

use crate::context::Context;
use crate::pages::Problem;
use crate::{cookies, failures, pages, requests};

/// A form that a page of ours has sent, as far as the request's head tells.
pub(crate) struct Form {
    /// The browser that was shown the page.
    pub(crate) browser: BrowserCookies,
    /// What stands in it.
    pub(crate) parameters: Parameters,
}

/// Why a form does not count. The text is for the log.
pub(crate) enum FormRejection {
    /// It is not a form.
    MediaType,
    /// It was not sent by a page of ours, or not by this browser's.
    Foreign(&'static str),
    /// A field is missing or doubled.
    Incomplete,
    /// Its ticket does not open.
    Page(PageRejection),
}

impl Form {
    /// Reads the form in `request`.
    pub(crate) fn read(context: &Context, request: &Request<Vec<u8>>) -> Result<Self, FormRejection> {
        if requests::media_type(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(FormRejection::MediaType);
        }
        came_from_our_page(context, request.headers()).map_err(FormRejection::Foreign)?;
        let browser = cookies::browser(request.headers(), &context.configuration.public_url)
            .ok_or(FormRejection::Foreign("the browser sent no cookie of ours"))?;
        Ok(Self { browser, parameters: Parameters::parse(&String::from_utf8_lossy(request.body())) })
    }

    /// A field that must be there, once.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, FormRejection> {
        self.parameters.required(name).map_err(|_| FormRejection::Incomplete)
    }

    /// A field that need not be there.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&str>, FormRejection> {
        self.parameters.optional(name).map_err(|_| FormRejection::Incomplete)
    }
}

impl From<PageRejection> for FormRejection {
    fn from(rejection: PageRejection) -> Self {
        Self::Page(rejection)
    }
}

impl fmt::Display for FormRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MediaType => f.write_str("the body is not a form"),
            Self::Foreign(reason) => f.write_str(reason),
            Self::Incomplete => f.write_str("the form is incomplete"),
            Self::Page(rejection) => rejection.fmt(f),
        }
    }
}

/// Tells the user that their form does not count, and what to do.
pub(crate) fn refused(context: &Context, action: &'static str, rejection: &FormRejection) -> Response<Vec<u8>> {
    let problem = match rejection {
        FormRejection::Page(PageRejection::Unbound(rejection)) => return failures::unbound(context, action, rejection),
        FormRejection::Page(PageRejection::UnknownProvider) => Problem::WithdrawnProvider,
        FormRejection::MediaType => Problem::Form { status: 400 },
        FormRejection::Foreign(_)
        | FormRejection::Incomplete
        | FormRejection::Page(PageRejection::Foreign | PageRejection::Expired) => Problem::Form { status: 403 },
    };
    context.log.refused(action, None, rejection);
    pages::error(context.layout(), problem)
}

fn came_from_our_page(context: &Context, headers: &HeaderMap) -> Result<(), &'static str> {
    let all_are = |name: &str, expected: &str| headers.get_all(name).iter().all(|value| value == expected);
    if !all_are(ORIGIN.as_str(), context.configuration.public_url.as_str()) {
        return Err("the form was sent from another origin");
    }
    if !all_are("sec-fetch-site", "same-origin") {
        return Err("the form was sent from another site");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gatehouse_authorization_server::language::Language;
    use gatehouse_client_address::{ClientAddress, PeerSource};
    use gatehouse_configuration::ClientAddresses;
    use gatehouse_configuration::authorization_server::Configuration;
    use gatehouse_protocol::UnixTime;
    use gatehouse_sealed_storage::sealing::KeyRing;
    use shell_store::HostStore;

    use super::*;
    use crate::log::RequestLog;

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const COOKIE: (&str, &str) =
        ("cookie", "__Host-gatehouse-browser-Zmh6rfhi=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");

    fn read(headers: &[(&str, &str)]) -> Result<Form, FormRejection> {
        let document = r#"{"public_url":"https://g.example",
            "identity_provider":{"name":"a","issuer":"https://i.example","client_id":"b"},
            "routes":[{"path":"/a","url":"https://c.example/","scopes":["x"]}]}"#;
        let context = Context {
            configuration: Configuration::parse(document).unwrap(),
            keys: KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap(),
            store: HostStore,
            now: UnixTime::from_seconds(0),
            language: Language::English,
            address: None,
            departures: Vec::new(),
            client: ClientAddress::of(&HeaderMap::new(), PeerSource::Nothing, &ClientAddresses::default()),
            log: RequestLog::example(),
        };
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Form::read(&context, &request.body(b"ticket=t&twice=1&twice=1".to_vec()).unwrap())
    }

    #[test]
    fn a_form_of_our_page_is_read_whatever_the_browser_says_of_it() {
        for headers in [
            &[FORM, COOKIE][..],
            &[FORM, COOKIE, ("origin", "https://g.example")],
            &[FORM, COOKIE, ("origin", "https://g.example"), ("sec-fetch-site", "same-origin")],
            &[("content-type", "Application/X-WWW-Form-URLEncoded; charset=utf-8"), COOKIE],
        ] {
            let form = read(headers).unwrap_or_else(|rejection| panic!("{headers:?}: {rejection}"));
            assert!(matches!(form.required("ticket"), Ok("t")) && matches!(form.optional("absent"), Ok(None)));
            assert!(matches!(form.required("absent"), Err(FormRejection::Incomplete)));
            assert!(matches!(form.optional("twice"), Err(FormRejection::Incomplete)));
        }
    }

    /// Cross-site request forgery, stopped before its ticket is looked at.
    #[test]
    fn a_form_from_elsewhere_is_not_read() {
        for more in [
            ("origin", "https://evil.example"),
            ("origin", "https://g.example.evil.example"),
            ("origin", "http://g.example"),
            ("origin", "https://g.example:8443"),
            ("origin", "null"),
            ("origin", ""),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
        ] {
            let refused = read(&[FORM, COOKIE, more]);
            assert!(matches!(refused, Err(FormRejection::Foreign(_))), "{more:?}");
        }
        let two = read(&[FORM, COOKIE, ("origin", "https://g.example"), ("origin", "https://evil.example")]);
        assert!(matches!(two, Err(FormRejection::Foreign(_))));
        assert!(matches!(read(&[FORM]), Err(FormRejection::Foreign(_))), "no cookie");
    }

    #[test]
    fn what_is_not_a_form_is_not_read() {
        for headers in [
            &[COOKIE][..],
            &[COOKIE, ("content-type", "text/plain")],
            &[COOKIE, ("content-type", "multipart/form-data; boundary=x")],
            &[COOKIE, FORM, FORM],
        ] {
            assert!(matches!(read(headers), Err(FormRejection::MediaType)), "{headers:?}");
        }
    }
}
