//! What a request shows to say who makes it.

use gatehouse_configuration::Unauthenticated;
use gatehouse_protocol::SecretString;
use http::Request;
use http::header::AUTHORIZATION;

use crate::{Endpoint, NoBearer, Refusal, bearer, browser_session};

/// What a request shows, before anybody has looked whose it is. The log has a word for what it turned out to be
/// ([`gatehouse_audit_log::CredentialKind`]).
#[derive(Debug)]
pub enum Credential {
    /// A bearer token, to be validated by whoever issued it.
    Token(SecretString),
    /// The access token in the cookie of a browser that is signed in.
    BrowserSession(SecretString),
    /// Nothing, at a route that lets everybody in.
    Nothing,
}

impl Credential {
    /// What a request shows at the endpoint.
    ///
    /// # Errors
    /// Where it shows nothing that counts there.
    pub(crate) fn of(head: &Request<()>, endpoint: &Endpoint<'_>) -> Result<Self, Refusal> {
        match bearer::token(head.headers()) {
            Ok(token) => Ok(Self::Token(token)),
            // Whoever means to say who they are is not taken for nobody.
            Err(missing) if missing != NoBearer::Missing || head.headers().contains_key(AUTHORIZATION) => {
                Err(Refusal::NoBearer(missing))
            }
            Err(missing) => match (endpoint.route.unauthenticated, browser_session::token(head, endpoint)) {
                (_, Some(token)) => Ok(Self::BrowserSession(token)),
                (Unauthenticated::Allow, None) => Ok(Self::Nothing),
                (Unauthenticated::Refuse, None) => Err(Refusal::NobodySignedIn),
                (Unauthenticated::SignIn, None) if browser_session::is_navigation(head) => Err(Refusal::MustSignIn),
                (Unauthenticated::Challenge | Unauthenticated::SignIn, None) => Err(Refusal::NoBearer(missing)),
            },
        }
    }
}

/// What a browser is told whose sign-in is over.
pub fn browser_refusal(refusal: Refusal, head: &Request<()>) -> Refusal {
    match refusal {
        Refusal::InvalidToken(_) if browser_session::is_navigation(head) => Refusal::MustSignIn,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use http::Method;

    fn of(unauthenticated: Unauthenticated, pairs: &[(&str, &str)]) -> Result<Credential, Refusal> {
        let mut configuration = example::configuration();
        configuration.routes[0].unauthenticated = unauthenticated;
        Credential::of(&example::request(Method::GET, "/mcp", pairs), &example::endpoint(&configuration))
    }

    #[test]
    fn a_request_that_shows_nothing_is_treated_as_the_route_says() {
        let page = [("accept", "text/html")];
        let missing = Refusal::NoBearer(NoBearer::Missing);
        assert_eq!(of(Unauthenticated::Challenge, &page).unwrap_err(), missing);
        assert_eq!(of(Unauthenticated::Refuse, &page).unwrap_err(), Refusal::NobodySignedIn);
        assert_eq!(of(Unauthenticated::SignIn, &page).unwrap_err(), Refusal::MustSignIn);
        assert_eq!(of(Unauthenticated::SignIn, &[]).unwrap_err(), missing);
        assert!(matches!(of(Unauthenticated::Allow, &[]), Ok(Credential::Nothing)));
    }

    #[test]
    fn whoever_shows_something_wrong_is_not_nobody() {
        for value in ["", "Bearer", "Bearer a b", "Basic YTpi", "DPoP x"] {
            for route in [Unauthenticated::Allow, Unauthenticated::SignIn, Unauthenticated::Refuse] {
                let shown = of(route, &[("authorization", value), ("accept", "text/html")]);
                assert!(matches!(shown, Err(Refusal::NoBearer(_))), "{value:?} {route:?}: {shown:?}");
            }
        }
        assert!(matches!(of(Unauthenticated::Allow, &[("authorization", "Bearer a")]), Ok(Credential::Token(_))));
    }
}
