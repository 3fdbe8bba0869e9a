//! What a status says of a server that is no answer to the client.

use http::{Response, StatusCode};

use crate::Refusal;

/// Whether the answer with this head is one for the client. What goes wrong between Gatehouse and a server is not: a client that
/// got the server's 401 would throw its own good token away, and nothing in MCP sends a client elsewhere.
///
/// # Errors
/// [`Refusal::UpstreamUnauthorized`] and [`Refusal::UpstreamRedirects`].
pub fn check_status(head: &Response<()>) -> Result<(), Refusal> {
    match head.status() {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(Refusal::UpstreamUnauthorized),
        status if status.is_redirection() => Err(Refusal::UpstreamRedirects),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::scripted::response;

    #[test]
    fn a_refusal_of_gatehouse_and_a_redirect_are_not_for_the_client() {
        for (status, refusal) in [
            (200, None),
            (202, None),
            (301, Some(Refusal::UpstreamRedirects)),
            (307, Some(Refusal::UpstreamRedirects)),
            (308, Some(Refusal::UpstreamRedirects)),
            (400, None),
            (401, Some(Refusal::UpstreamUnauthorized)),
            (403, None),
            (404, None),
            (407, Some(Refusal::UpstreamUnauthorized)),
            (503, None),
        ] {
            assert_eq!(check_status(&response(status, &[])).err(), refusal, "{status}");
        }
    }
}
