//! The browser in which a user decides: one random value in a cookie, to which everything between consent and
//! callback is bound.
//!
//! Without it, somebody could have their own consent finished by another's login (the confused deputy of
//! GHSA-rww4-4w9c-7733).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, WebOrigin};
use gatehouse_sealed_storage::sealing::HandleSecret;
use sha2::{Digest as _, Sha256};

/// The value of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser(HandleSecret);

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

    /// The cookie's name. `__Host-` keeps other hosts and plain http from setting it; browsers take it only with
    /// `Secure`, which not every one of them accepts on plain-http loopback. There the name says honestly that it has
    /// no such protection.
    pub fn cookie_name(public_url: &WebOrigin) -> &'static str {
        if public_url.is_plain_http() { "gatehouse-browser" } else { "__Host-gatehouse-browser" }
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
        let name = |url| Browser::cookie_name(&WebOrigin::parse(url).unwrap());
        assert_eq!(name("https://g.example"), "__Host-gatehouse-browser");
        assert_eq!(name("http://127.0.0.1:3000"), "gatehouse-browser");
    }
}
