//! What a request shows to say who makes it.

use gatehouse_configuration::{TokenPresentation, Unauthenticated};
use gatehouse_protocol::SecretString;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};

use crate::{Endpoint, NoApiKey, NoBearer, Refusal, api_key, bearer, browser_session};

/// What a request shows, before anybody has looked whose it is. The log has a word for what it turned out to be
/// ([`gatehouse_audit_log::CredentialKind`]).
#[derive(Debug)]
pub enum Credential {
    /// A token, to be validated by whoever issued it.
    Token(PresentedToken),
    /// A key of the route.
    ApiKey(SecretString),
    /// The access token in the cookie of a browser that is signed in.
    BrowserSession(SecretString),
    /// Nothing, at a route that lets everybody in.
    Nothing,
}

/// A token, and where it was in the request.
#[derive(Debug)]
pub struct PresentedToken {
    /// The token.
    pub token: SecretString,
    /// The place.
    pub presentation: TokenPresentation,
}

impl Credential {
    /// What a request shows at the endpoint.
    ///
    /// # Errors
    /// Where it shows nothing that counts there.
    pub(crate) fn of(head: &Request<()>, endpoint: &Endpoint<'_>) -> Result<Self, Refusal> {
        let headers = head.headers();
        if let Some(keys) = &endpoint.route.api_keys {
            match api_key::of(headers, &keys.header, endpoint) {
                Ok(Some(key)) => return Ok(Self::ApiKey(key)),
                Ok(None) => {}
                Err(NoApiKey::Missing) => {
                    return Self::of_nothing(head, endpoint, Refusal::NoApiKey(NoApiKey::Missing));
                }
                Err(reason) => return Err(Refusal::NoApiKey(reason)),
            }
        }
        match PresentedToken::of(headers, endpoint) {
            Ok(token) => Ok(Self::Token(token)),
            Err(NoBearer::Missing) if api_key::is_misplaced(headers, endpoint) => {
                Err(Refusal::NoBearer(NoBearer::KeyInstead))
            }
            // Whoever means to say who they are is not taken for nobody.
            Err(missing) if missing != NoBearer::Missing || headers.contains_key(AUTHORIZATION) => {
                Err(Refusal::NoBearer(missing))
            }
            Err(missing) => Self::of_nothing(head, endpoint, Refusal::NoBearer(missing)),
        }
    }

    /// What a request shows that has neither token nor key: the sign-in of a browser, or nothing, where the route says what becomes of
    /// that; `missing`, where it does not.
    fn of_nothing(head: &Request<()>, endpoint: &Endpoint<'_>, missing: Refusal) -> Result<Self, Refusal> {
        match (endpoint.route.unauthenticated, browser_session::token(head, endpoint)) {
            (_, Some(token)) => Ok(Self::BrowserSession(token)),
            (Unauthenticated::Allow, None) => Ok(Self::Nothing),
            (Unauthenticated::Refuse, None) => Err(Refusal::NobodySignedIn),
            (Unauthenticated::SignIn, None) if browser_session::is_navigation(head) => Err(Refusal::MustSignIn),
            (Unauthenticated::Challenge | Unauthenticated::SignIn, None) => Err(missing),
        }
    }
}

impl PresentedToken {
    fn of(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Result<Self, NoBearer> {
        let Some(accepted) = &endpoint.route.accepted_tokens else {
            let token = bearer::token(headers)?;
            return Ok(Self { token, presentation: TokenPresentation::default() });
        };
        let own = endpoint.route.own_tokens.then(TokenPresentation::default);
        let own = own.filter(|own| !accepted.presentations.contains(own));
        let mut found = None;
        for presentation in accepted.presentations.iter().chain(&own) {
            match bearer::token_in(headers, &presentation.header, &presentation.scheme) {
                Ok(_) if found.is_some() => return Err(NoBearer::Doubled),
                Ok(token) => found = Some(Self { token, presentation: presentation.clone() }),
                Err(NoBearer::Missing) => {}
                Err(rejection) => return Err(rejection),
            }
        }
        found.ok_or(NoBearer::Missing)
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
    use gatehouse_configuration::Configuration;
    use http::Method;

    use super::*;
    use crate::example;

    fn configuration(tokens: &str) -> Configuration {
        let document = format!(
            r#"
            public_url = "https://gateway.example"
            [[token_issuers]]
            name = "one"
            issuer = "https://one.example"
            [[token_issuers]]
            name = "two"
            issuer = "https://two.example"
            [identity_provider]
            name = "demo"
            issuer = "https://login.example"
            client_id = "gatehouse"
            [[routes]]
            path = "/mcp"
            url = "https://server.example/mcp"
            tokens = [{tokens}]
            "#
        );
        Configuration::parse(&document).unwrap()
    }

    fn token_of(configuration: &Configuration, pairs: &[(&str, &str)]) -> Result<(String, String), NoBearer> {
        let shown = PresentedToken::of(&example::headers(pairs), &example::endpoint(configuration))?;
        Ok((shown.token.expose().to_owned(), shown.presentation.header))
    }

    #[test]
    fn a_token_is_where_the_route_says_and_nowhere_else() {
        let configuration = configuration(
            r#"{ issuer = "one", audiences = ["a"], header_name = "X-Token", scheme = "" },
               { issuer = "two", audiences = ["a"], header_name = "x-other", scheme = "Token" }"#,
        );
        let found = |token: &str, header: &str| Ok((token.to_owned(), header.to_owned()));
        assert_eq!(token_of(&configuration, &[("x-token", "abc")]), found("abc", "x-token"));
        assert_eq!(token_of(&configuration, &[("x-other", "token abc")]), found("abc", "x-other"));
        for missing in [&[("authorization", "Bearer abc")][..], &[("x-other", "abc def")], &[]] {
            assert_eq!(token_of(&configuration, missing), Err(NoBearer::Missing), "{missing:?}");
        }
        assert_eq!(token_of(&configuration, &[("x-token", "a b")]), Err(NoBearer::Malformed));
    }

    #[test]
    fn two_tokens_in_two_places_are_none() {
        let configuration = configuration(
            r#"{ issuer = "one", audiences = ["a"] }, { issuer = "two", audiences = ["a"], header_name = "x-token" }"#,
        );
        let both = [("authorization", "Bearer abc"), ("x-token", "Bearer abc")];
        assert_eq!(token_of(&configuration, &both), Err(NoBearer::Doubled));
        assert_eq!(token_of(&configuration, &both[1..]), Ok(("abc".to_owned(), "x-token".to_owned())));
        assert_eq!(token_of(&configuration, &[both[1], both[1]]), Err(NoBearer::Doubled));
    }

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
