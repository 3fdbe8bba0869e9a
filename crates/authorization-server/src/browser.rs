//! The browser in which a user decides: a random value in a cookie, to which everything between consent and callback is
//! bound.
//!
//! A browser that opens several windows at once, when it has been here never before, gets a cookie with each of them. Each has
//! a name of its own, so that none takes another's place: what is bound to any of them stays with that browser.
//!
//! Without it, somebody could have their own consent finished by another's login (the confused deputy of
//! GHSA-rww4-4w9c-7733).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, WebOrigin};
use gatehouse_sealed_storage::sealing::HandleSecret;
use sha2::{Digest as _, Sha256};

use crate::page::PageRejection;

/// Characters of the digest in a cookie's name.
const NAME_LENGTH: usize = 8;

/// The value of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser(HandleSecret);

/// All values that one browser has; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserCookies(Browser, Vec<Browser>);

impl Browser {
    /// A browser seen for the first time.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(HandleSecret::generate(entropy))
    }

    /// The browser behind a cookie's value; `None` for what we cannot have set.
    pub fn parse(cookie: &str) -> Option<Self> {
        HandleSecret::from_slice(&URL_SAFE_NO_PAD.decode(cookie).ok()?).map(Self)
    }

    /// The cookie's value.
    pub fn cookie_value(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose())
    }

    /// What is kept of it where it must be recognised but not repeated.
    pub fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose()))
    }

    /// A secret that only this browser leads to, for what is kept on its behalf.
    pub(crate) fn derive(&self, label: &str) -> HandleSecret {
        self.0.derive(label, 0)
    }

    /// The cookie's name: it follows from the value. `__Host-` keeps other hosts and plain http from setting it; browsers take
    /// it only with `Secure`, which not every one of them accepts on plain-http loopback. There the name says honestly that
    /// it has no such protection.
    pub fn cookie_name(&self, public_url: &WebOrigin) -> String {
        let digest = self.digest();
        format!("{}{}", name_prefix(public_url), digest.get(..NAME_LENGTH).unwrap_or_default())
    }
}

fn name_prefix(public_url: &WebOrigin) -> &'static str {
    if public_url.is_plain_http() { "gatehouse-browser-" } else { "__Host-gatehouse-browser-" }
}

impl BrowserCookies {
    /// How many of a browser's cookies are looked at. Only windows that are opened at once in a browser without any make more
    /// than one.
    pub const MOST: usize = 8;

    /// A browser seen for the first time.
    pub fn generate(entropy: &mut impl Entropy) -> Self {
        Self(Browser::generate(entropy), Vec::new())
    }

    /// Those of ours among the cookies of a request, given by name and value. `None` where there is none that we can have set.
    pub fn parse<'a>(cookies: impl Iterator<Item = (&'a str, &'a str)>, public_url: &WebOrigin) -> Option<Self> {
        let ours = cookies.filter(|(name, _)| name.starts_with(name_prefix(public_url)));
        let mut browsers: Vec<_> = ours
            .filter_map(|(name, value)| Browser::parse(value).filter(|browser| browser.cookie_name(public_url) == name))
            .collect();
        // Always in the same order, whichever was set first.
        browsers.sort_by_key(Browser::cookie_value);
        browsers.dedup();
        browsers.truncate(Self::MOST);
        let others = browsers.split_off(1.min(browsers.len()));
        browsers.pop().map(|first| Self(first, others))
    }

    /// That to which everything new is bound: always the same one of them.
    pub const fn first(&self) -> &Browser {
        &self.0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Browser> {
        core::iter::once(&self.0).chain(&self.1)
    }

    /// What is bound to any of them, as `open` finds it with the right one.
    ///
    /// # Errors
    /// Those of `open`; where it is bound to none of them, that it is [foreign](PageRejection::Foreign).
    pub fn open<T>(&self, open: impl Fn(&Browser) -> Result<T, PageRejection>) -> Result<T, PageRejection> {
        let mut opened = self.iter().map(open).filter(|opened| !matches!(opened, Err(PageRejection::Foreign)));
        opened.next().unwrap_or(Err(PageRejection::Foreign))
    }

    /// Whether something holds of any of them.
    ///
    /// # Errors
    /// Those of `holds`.
    pub fn any<E>(&self, holds: impl Fn(&Browser) -> Result<bool, E>) -> Result<bool, E> {
        for browser in self.iter() {
            if holds(browser)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_we_cannot_have_set_is_nobody() {
        let browser = Browser(HandleSecret::from_slice(&[3; 32]).unwrap());
        assert_eq!(Browser::parse(&browser.cookie_value()), Some(browser.clone()));
        assert_ne!(browser.digest(), browser.cookie_value());
        for bad in ["", "a", &browser.cookie_value()[1..], &format!("{}=", browser.cookie_value())] {
            assert_eq!(Browser::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_cookie_is_host_only_wherever_the_connection_is_secure() {
        let browser = browser(3);
        let name = |url| browser.cookie_name(&WebOrigin::parse(url).unwrap());
        assert_eq!(name("https://g.example"), format!("__Host-gatehouse-browser-{}", &browser.digest()[..8]));
        assert_eq!(name("http://127.0.0.1:3000"), format!("gatehouse-browser-{}", &browser.digest()[..8]));
    }

    fn browser(byte: u8) -> Browser {
        Browser(HandleSecret::from_slice(&[byte; 32]).unwrap())
    }

    fn parse(cookies: &[(String, String)]) -> Option<BrowserCookies> {
        let public_url = WebOrigin::parse("https://g.example").unwrap();
        BrowserCookies::parse(cookies.iter().map(|(name, value)| (name.as_str(), value.as_str())), &public_url)
    }

    fn cookie(browser: &Browser) -> (String, String) {
        (browser.cookie_name(&WebOrigin::parse("https://g.example").unwrap()), browser.cookie_value())
    }

    #[test]
    fn all_cookies_of_a_browser_count_and_the_first_is_always_the_same() {
        let (a, b, c) = (browser(1), browser(2), browser(3));
        for order in [[&a, &b, &c], [&c, &b, &a], [&b, &c, &a]] {
            let cookies = parse(&order.map(cookie)).unwrap();
            assert_eq!(cookies.first(), &a);
            assert_eq!(cookies.iter().collect::<Vec<_>>(), [&a, &b, &c]);
        }
        assert_eq!(parse(&[cookie(&b), cookie(&b)]).unwrap().iter().collect::<Vec<_>>(), [&b], "the same one twice");
        assert_eq!(parse(&[]), None);
    }

    #[test]
    fn no_more_than_eight_are_looked_at() {
        let many: Vec<_> = (0..50).map(|byte| cookie(&browser(byte))).collect();
        let cookies = parse(&many).unwrap();
        assert_eq!(cookies.iter().count(), BrowserCookies::MOST);
        assert_eq!(cookies.first(), &browser(0));
    }

    #[test]
    fn a_cookie_whose_name_is_not_its_values_is_not_ours() {
        let (own, other) = (cookie(&browser(1)), cookie(&browser(2)));
        for (name, value) in [
            (own.0.clone(), other.1.clone()),
            ("__Host-gatehouse-browser".to_owned(), own.1.clone()),
            ("__Host-gatehouse-browser-".to_owned(), own.1.clone()),
            (own.0.trim_start_matches("__Host-").to_owned(), own.1.clone()),
            (own.0.to_ascii_lowercase(), own.1.clone()),
        ] {
            assert_eq!(parse(&[(name.clone(), value)]), None, "{name}");
        }
    }

    #[test]
    fn what_is_bound_to_any_of_them_opens_and_nothing_else() {
        let cookies = parse(&[cookie(&browser(1)), cookie(&browser(2))]).unwrap();
        let open =
            |bound: u8| cookies.open(|it| if *it == browser(bound) { Ok(bound) } else { Err(PageRejection::Foreign) });
        assert_eq!((open(1), open(2), open(3)), (Ok(1), Ok(2), Err(PageRejection::Foreign)));
        let expired: Result<(), _> = cookies.open(|_| Err(PageRejection::Expired));
        assert_eq!(expired, Err(PageRejection::Expired));
        assert_eq!(cookies.any(|it| Ok::<_, ()>(*it == browser(2))), Ok(true));
        assert_eq!(cookies.any(|it| Ok::<_, ()>(*it == browser(3))), Ok(false));
        assert_eq!(cookies.any(|_| Err(())), Err(()));
    }
}
