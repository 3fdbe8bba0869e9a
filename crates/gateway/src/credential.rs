//! What a request shows to say who makes it.

use gatehouse_configuration::TokenPresentation;
use gatehouse_protocol::SecretString;
use http::HeaderMap;

use crate::{Endpoint, NoBearer, Refusal, api_key, bearer};

/// What a request shows, before anybody has looked whose it is. The log has a word for what it turned out to be
/// ([`gatehouse_audit_log::CredentialKind`]).
#[derive(Debug)]
pub enum Credential {
    /// A token, to be validated by whoever issued it.
    Token(PresentedToken),
    /// A key of the route.
    ApiKey(SecretString),
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
    /// What a request with these headers shows at the endpoint.
    ///
    /// # Errors
    /// Where it shows nothing that counts there.
    pub(crate) fn of(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Result<Self, Refusal> {
        if let Some(keys) = &endpoint.route.api_keys
            && let Some(key) = api_key::of(headers, &keys.header, endpoint).map_err(Refusal::NoApiKey)?
        {
            return Ok(Self::ApiKey(key));
        }
        PresentedToken::of(headers, endpoint).map(Self::Token).map_err(|missing| {
            let is_misplaced = missing == NoBearer::Missing && api_key::is_misplaced(headers, endpoint);
            Refusal::NoBearer(if is_misplaced { NoBearer::KeyInstead } else { missing })
        })
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

#[cfg(test)]
mod tests {
    use gatehouse_configuration::Configuration;

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

    fn of(configuration: &Configuration, pairs: &[(&str, &str)]) -> Result<(String, String), NoBearer> {
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
        assert_eq!(of(&configuration, &[("x-token", "abc")]), found("abc", "x-token"));
        assert_eq!(of(&configuration, &[("x-other", "token abc")]), found("abc", "x-other"));
        for missing in [&[("authorization", "Bearer abc")][..], &[("x-other", "abc def")], &[]] {
            assert_eq!(of(&configuration, missing), Err(NoBearer::Missing), "{missing:?}");
        }
        assert_eq!(of(&configuration, &[("x-token", "a b")]), Err(NoBearer::Malformed));
    }

    #[test]
    fn two_tokens_in_two_places_are_none() {
        let configuration = configuration(
            r#"{ issuer = "one", audiences = ["a"] }, { issuer = "two", audiences = ["a"], header_name = "x-token" }"#,
        );
        let both = [("authorization", "Bearer abc"), ("x-token", "Bearer abc")];
        assert_eq!(of(&configuration, &both), Err(NoBearer::Doubled));
        assert_eq!(of(&configuration, &both[1..]), Ok(("abc".to_owned(), "x-token".to_owned())));
        assert_eq!(of(&configuration, &[both[1], both[1]]), Err(NoBearer::Doubled));
    }
}
