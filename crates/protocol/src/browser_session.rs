//! The sign-in of a browser, where both components name it.

use crate::{ResourceUri, WebOrigin};

/// The client of such a session, for the rules of policies, the log and the list of sessions. Nobody can register it.
pub const BROWSER_CLIENT_ID: &str = "gatehouse:browser";

/// The cookie with the session's access token. `__Host-` keeps other hosts and plain http from setting it; browsers take it only with
/// `Secure`.
pub fn browser_session_cookie(public_url: &WebOrigin) -> &'static str {
    if public_url.is_plain_http() { "gatehouse-session" } else { "__Host-gatehouse-session" }
}

/// What the session's access token is for. No route can be there, so it is good at none but by the cookie.
pub fn browser_resource(public_url: &WebOrigin) -> String {
    public_url.join("/.auth")
}

/// The same, parsed; `None` only if the path above were wrong.
pub fn parsed_browser_resource(public_url: &WebOrigin) -> Option<ResourceUri> {
    ResourceUri::parse(&browser_resource(public_url)).ok()
}
