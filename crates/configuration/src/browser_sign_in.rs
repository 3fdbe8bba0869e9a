//! The sign-in of people in browsers, as App Service has it.

/// The endpoints below `/.auth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSignIn {
    /// Whether there are any.
    pub enabled: bool,
    /// URLs elsewhere to which a browser may be sent after it has signed in or out, letter by letter.
    pub allowed_redirect_urls: Vec<String>,
    /// Seconds for which the sign-in is good, unless it is refreshed.
    pub lifetime: u64,
    /// Whether `/.auth/me` tells the identity provider's access token.
    pub tells_token: bool,
}
