//! The key of a request, in the header that the route has for it.
//!
//! Only that header counts: a key in the query, in a cookie or in `Authorization` is as good as none.

use gatehouse_protocol::SecretString;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use thiserror::Error;

use crate::Endpoint;

/// The header in which Azure's clients show a key, whatever this Gatehouse has configured.
const USUAL_HEADER: HeaderName = HeaderName::from_static("x-ms-apikey");

/// Why there is no key that could be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoApiKey {
    /// Nothing is shown.
    #[error("no API key")]
    Missing,
    /// A route that takes keys alone got an `Authorization`.
    #[error("an Authorization header in place of the API key")]
    TokenInstead,
    /// Two keys: another reader might take the other one.
    #[error("more than one API key")]
    Doubled,
    /// A route that takes keys and tokens got both: they may be of two callers.
    #[error("an API key and an Authorization header")]
    Ambiguous,
    /// Not a text.
    #[error("an API key with characters that no key has")]
    Malformed,
}

/// The key in this header; `None` where there is no such header.
pub(crate) fn presented(headers: &HeaderMap, name: &HeaderName) -> Result<Option<SecretString>, NoApiKey> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(NoApiKey::Doubled);
    }
    let text = value.to_str().map_err(|_| NoApiKey::Malformed)?;
    Ok(Some(SecretString::new(text.to_owned())))
}

/// The key at a route that takes keys; `None` where the route takes tokens as well, and no key is shown.
pub(crate) fn of(
    headers: &HeaderMap,
    name: &HeaderName,
    endpoint: &Endpoint<'_>,
) -> Result<Option<SecretString>, NoApiKey> {
    match (presented(headers, name)?, endpoint.route.takes_tokens()) {
        (Some(_), true) if shows_token(headers, endpoint) => Err(NoApiKey::Ambiguous),
        (Some(key), _) => Ok(Some(key)),
        (None, true) => Ok(None),
        (None, false) if headers.contains_key(AUTHORIZATION) => Err(NoApiKey::TokenInstead),
        (None, false) => Err(NoApiKey::Missing),
    }
}

/// Whether something is shown where the route takes tokens.
fn shows_token(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> bool {
    let accepted = endpoint.route.accepted_tokens.iter().flat_map(|tokens| &tokens.presentations);
    headers.contains_key(AUTHORIZATION)
        || accepted.into_iter().any(|presentation| headers.contains_key(&presentation.header))
}

/// Whether a key is shown where none is taken: in the header of another route, or in the usual one.
pub(crate) fn is_misplaced(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> bool {
    let configured = &endpoint.configuration.api_key_headers;
    configured.iter().chain([&USUAL_HEADER]).any(|name| headers.contains_key(name))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};

    use super::*;
    use crate::{Credential, NoBearer, Refusal, example};

    fn shown(own_tokens: bool, pairs: &[(&str, &str)]) -> Result<String, Refusal> {
        let configuration = example::with_keys(own_tokens);
        Credential::of(&example::request(Method::POST, "/mcp", pairs), &example::endpoint(&configuration)).map(
            |credential| match credential {
                Credential::Token(shown) => format!("token {}", shown.token.expose()),
                Credential::ApiKey(key) => format!("key {}", key.expose()),
                other => panic!("{other:?}"),
            },
        )
    }

    const KEY: (&str, &str) = ("X-Ms-ApiKey", "k");
    const TOKEN: (&str, &str) = ("authorization", "Bearer t");

    #[test]
    fn a_route_with_keys_alone_ignores_an_authorization_beside_the_key() {
        assert_eq!(shown(false, &[KEY]).unwrap(), "key k");
        assert_eq!(shown(false, &[KEY, TOKEN]).unwrap(), "key k");
        for (pairs, expected) in [
            (&[][..], NoApiKey::Missing),
            (&[TOKEN], NoApiKey::TokenInstead),
            (&[("authorization", "ApiKey k")], NoApiKey::TokenInstead),
            (&[KEY, KEY], NoApiKey::Doubled),
            (&[KEY, ("x-ms-apikey", "other")], NoApiKey::Doubled),
            (&[("x_ms_apikey", "k")], NoApiKey::Missing),
            (&[("x-api-key", "k"), ("cookie", "x-ms-apikey=k")], NoApiKey::Missing),
            (&[("x-ms-apikey", "\u{e9}")], NoApiKey::Malformed),
        ] {
            assert_eq!(shown(false, pairs), Err(Refusal::NoApiKey(expected)), "{pairs:?}");
        }
    }

    #[test]
    fn a_route_with_both_takes_either_and_not_both() {
        assert_eq!(shown(true, &[KEY]).unwrap(), "key k");
        assert_eq!(shown(true, &[TOKEN]).unwrap(), "token t");
        assert_eq!(shown(true, &[KEY, TOKEN]), Err(Refusal::NoApiKey(NoApiKey::Ambiguous)));
        assert_eq!(shown(true, &[KEY, ("authorization", "x")]), Err(Refusal::NoApiKey(NoApiKey::Ambiguous)));
        assert_eq!(shown(true, &[]), Err(Refusal::NoBearer(NoBearer::Missing)));
    }

    #[test]
    fn a_route_with_tokens_alone_ignores_a_key_and_says_so_where_there_is_nothing_else() {
        let configuration = example::with_keys(false);
        let endpoint = example::endpoints(&configuration).nth(1).unwrap();
        let of = |pairs: &[(&str, &str)]| Credential::of(&example::request(Method::POST, "/mcp", pairs), &endpoint);
        assert!(matches!(of(&[KEY, TOKEN]), Ok(Credential::Token(_))));
        let refused = |pairs: &[(&str, &str)]| of(pairs).unwrap_err();
        assert_eq!(refused(&[KEY]), Refusal::NoBearer(NoBearer::KeyInstead));
        assert_eq!(refused(&[("x-other-key", "k")]), Refusal::NoBearer(NoBearer::Missing));
        assert_eq!(refused(&[KEY, ("authorization", "Basic eDp5")]), Refusal::NoBearer(NoBearer::KeyInstead));
        assert_eq!(refused(&[KEY, TOKEN, TOKEN]), Refusal::NoBearer(NoBearer::Doubled));
    }

    #[test]
    fn a_value_is_taken_as_it_is() {
        let name = HeaderName::from_static("x-ms-apikey");
        let mut headers = HeaderMap::new();
        headers.insert(&name, HeaderValue::from_static("a b"));
        assert_eq!(presented(&headers, &name).unwrap().unwrap().expose(), "a b");
    }
}
