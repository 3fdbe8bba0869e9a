//! `[browser_sign_in]`.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::problem;
use crate::{BrowserSignIn, ConfigurationError};

const DEFAULT_SECONDS: u64 = 60 * 60;
const SHORTEST_SECONDS: u64 = 60;
const LONGEST_SECONDS: u64 = 8 * 60 * 60;

/// The endpoints `/.auth/login`, `/.auth/me`, `/.auth/refresh` and `/.auth/logout`, as Azure App Service has them
/// ([People in browsers](browser-sign-in.md)). A route with `unauthenticated = "redirect"` needs them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrowserSignInDocument {
    /// Whether there are these endpoints.
    ///
    /// Default: `false`
    enabled: Option<bool>,
    /// URLs elsewhere to which a browser may be sent after it has signed in or out, letter by letter. Paths of `public_url` are
    /// always allowed.
    ///
    /// Example: `["https://app.example.com/welcome"]`
    #[serde(default)]
    allowed_redirect_urls: Vec<String>,
    /// Seconds for which a browser is signed in, unless it asks `/.auth/refresh`. Never longer than `lifetimes.session`.
    ///
    /// Default: [`DEFAULT_SECONDS`]
    /// Bounds: [`SHORTEST_SECONDS`] to [`LONGEST_SECONDS`]
    lifetime: Option<u64>,
    /// Whether `/.auth/me` tells scripts of pages at `public_url` the identity provider's access token. Any such script can then act
    /// in the user's name elsewhere.
    ///
    /// Default: `false`
    tells_token: Option<bool>,
}

impl BrowserSignInDocument {
    pub(super) fn check(self, session: u64) -> Result<BrowserSignIn, ConfigurationError> {
        let lifetime = self.lifetime.unwrap_or(DEFAULT_SECONDS);
        if !(SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&lifetime) {
            let text = "must be 60 to 28800 seconds (eight hours)";
            return Err(problem("browser_sign_in.lifetime", text, "lifetime = 3600"));
        }
        for (index, url) in self.allowed_redirect_urls.iter().enumerate() {
            redirect_url(url).map_err(|text| {
                let example = r#"allowed_redirect_urls = ["https://app.example.com/welcome"]"#;
                problem(format!("browser_sign_in.allowed_redirect_urls[{index}]"), text, example)
            })?;
        }
        Ok(BrowserSignIn {
            enabled: self.enabled.unwrap_or(false),
            allowed_redirect_urls: self.allowed_redirect_urls,
            lifetime: lifetime.min(session),
            tells_token: self.tells_token.unwrap_or(false),
        })
    }
}

/// As it goes into `Location`, and as every browser reads it.
fn redirect_url(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let is_loopback = url.host().is_some_and(|host| gatehouse_protocol::is_loopback_host(&host));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err("must use https (http only on a loopback host)");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user");
    }
    if url.as_str() != text {
        return Err("must be written as browsers write it: in ASCII, with a path, without a default port");
    }
    Ok(())
}
