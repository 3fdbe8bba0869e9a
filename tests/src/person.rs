//! Somebody at a browser: cookies are kept, redirects are followed only when the test says so.

use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::http;
use crate::page::Answer;
use crate::scripted_provider::PERSON_HEADER;
use crate::text::form;

/// What the browser says that it is.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

/// A person with a browser of their own.
pub struct Person {
    name: String,
    http: reqwest::Client,
    cookies: Mutex<Vec<Cookie>>,
}

/// A cookie as a browser keeps it. Paths are not looked at: all of ours have `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its host; browsers do not tell ports apart.
    pub host: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Everything after the value, as it was sent.
    pub attributes: String,
}

/// From where a browser comes to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// An application opened the URL, or somebody typed it.
    Nowhere,
    /// A page of the same origin.
    SameOrigin,
    /// A page of another site, or a redirect by one.
    OtherSite,
    /// A browser that does not say (Safari before 16.4).
    Unknown,
}

impl From {
    fn sec_fetch_site(self) -> Option<&'static str> {
        match self {
            Self::Nowhere => Some("none"),
            Self::SameOrigin => Some("same-origin"),
            Self::OtherSite => Some("cross-site"),
            Self::Unknown => None,
        }
    }
}

impl Person {
    /// A person with a fresh browser. The scripted providers sign them in under `name`.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), http: http(), cookies: Mutex::default() }
    }

    /// Their name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens `url` as a page.
    pub async fn open(&self, url: &Url, from: From) -> Answer {
        self.send(self.page(url, from)).await
    }

    /// The request that opens `url` as a page, not sent yet.
    pub fn page(&self, url: &Url, from: From) -> RequestBuilder {
        self.navigation(self.http.get(url.clone()), url, from, true)
    }

    /// Sends `pairs` as a form of the page at `origin` does.
    pub async fn submit(&self, origin: &str, path: &str, pairs: &[(String, String)]) -> Answer {
        self.post(&format!("{origin}{path}"), &form(pairs), From::SameOrigin, Some(origin)).await
    }

    /// Posts the form `body` to `url`, from wherever, with whatever `Origin`.
    pub async fn post(&self, url: &str, body: &str, from: From, origin: Option<&str>) -> Answer {
        self.send(self.form(url, body, from, origin)).await
    }

    /// The request that posts the form `body` to `url`, not sent yet.
    pub fn form(&self, url: &str, body: &str, from: From, origin: Option<&str>) -> RequestBuilder {
        let url = Url::parse(url).expect("a URL");
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = self.navigation(request.body(body.to_owned()), &url, from, false);
        origin.into_iter().fold(request, |request, origin| request.header(ORIGIN, origin))
    }

    /// Calls `url` with JSON, as a script of a page of the same origin does.
    pub async fn call(&self, method: Method, url: &Url, body: &serde_json::Value) -> Answer {
        let request = self.http.request(method, url.clone()).header(CONTENT_TYPE, "application/json");
        let cookies = self.cookie_header(url, From::SameOrigin, true);
        self.send(request.header(COOKIE, cookies).body(body.to_string())).await
    }

    /// What a browser adds to a navigation.
    fn navigation(&self, request: RequestBuilder, url: &Url, from: From, is_safe: bool) -> RequestBuilder {
        let site = from.sec_fetch_site();
        let request = site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site));
        let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        let request = request.header(PERSON_HEADER, &self.name).header(reqwest::header::USER_AGENT, USER_AGENT);
        let cookies = self.cookie_header(url, from, is_safe);
        if cookies.is_empty() { request } else { request.header(COOKIE, cookies) }
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        self.sent(request).await.expect("an answer")
    }

    /// Sends a request of this browser: the answer, or why there was none.
    pub async fn sent(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let answer = Answer::read(request.send().await?).await?;
        let host = answer.url.host_str().expect("a host");
        for cookie in answer.headers.get_all(SET_COOKIE) {
            self.keep(host, cookie.to_str().expect("text"));
        }
        Ok(answer)
    }

    fn keep(&self, host: &str, text: &str) {
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let (name, value) = pair.split_once('=').expect("a name");
        let mut cookies = self.cookies.lock().expect("no panic");
        cookies.retain(|cookie| cookie.host != host || cookie.name != name);
        let attributes = attributes.to_ascii_lowercase();
        let is_gone = |attribute: &str| attribute == "max-age=0" || attribute.starts_with("expires=thu, 01 jan 1970");
        if !attributes.split(';').map(str::trim).any(is_gone) {
            let (host, name, value) = (host.to_owned(), name.to_owned(), value.to_owned());
            cookies.push(Cookie { host, name, value, attributes });
        }
    }

    /// The cookies that the browser has.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.cookies.lock().expect("no panic").clone()
    }

    /// Puts a cookie into the browser: an attacker's, or one of another browser.
    pub fn set_cookie(&self, host: &str, text: &str) {
        self.keep(host, text);
    }

    /// Forgets the cookies of this name, as when their time is over.
    pub fn forget_cookie(&self, name: &str) {
        self.cookies.lock().expect("no panic").retain(|cookie| cookie.name != name);
    }

    /// Forgets all cookies.
    pub fn forget_cookies(&self) {
        self.cookies.lock().expect("no panic").clear();
    }

    /// `Cookie` for a request to `url`, by the rules of SameSite.
    pub fn cookie_header(&self, url: &Url, from: From, is_safe: bool) -> String {
        let goes_along = |cookie: &&Cookie| {
            let is = |value: &str| cookie.attributes.split(';').any(|part| part.trim() == format!("samesite={value}"));
            let from_elsewhere = from == From::OtherSite;
            let held_back = from_elsewhere && (is("strict") || (!is_safe && !is("none")));
            Some(cookie.host.as_str()) == url.host_str() && !held_back
        };
        let cookies = self.cookies();
        let pairs: Vec<_> =
            cookies.iter().filter(goes_along).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        pairs.join("; ")
    }
}
