//! What is asked of a connection's OAuth server: by way of the browser, and directly.

use gatehouse_configuration::Connection;
use gatehouse_openid::{AuthorizationCode, ClientAuthentication, Endpoint, token_endpoint_request};
use gatehouse_protocol::{CodeVerifier, Scope, SecretString};
use http::Request;
use url::Url;

use crate::{LinkedTokens, Server};

/// Where the browser goes to allow the link (RFC 6749, section 4.1.1). `callback_url` is ours, as registered there.
pub fn authorization_url(
    connection: &Connection,
    server: &Server,
    callback_url: &str,
    state: &str,
    verifier: &CodeVerifier,
) -> Url {
    // The endpoint's own query stays (RFC 6749, section 3.1).
    let mut url = server.authorization.url().clone();
    let mut further = connection.authorization_parameters.clone();
    for (name, _) in server.authorization.url().query_pairs() {
        further.remove(&*name);
    }
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &connection.client_id)
        .append_pair("redirect_uri", callback_url)
        .append_pair("state", state);
    let scope = scope(connection);
    if !scope.is_empty() {
        query.append_pair("scope", &scope);
    }
    if connection.uses_pkce {
        query
            .append_pair("code_challenge", &verifier.challenge().to_wire())
            .append_pair("code_challenge_method", "S256");
    }
    query.extend_pairs(further);
    drop(query);
    url
}

/// The request that redeems `code` (RFC 6749, section 4.1.3).
pub fn code_request(
    connection: &Connection,
    server: &Server,
    authentication: &ClientAuthentication,
    callback_url: &str,
    code: &AuthorizationCode,
    verifier: &CodeVerifier,
) -> Request<Vec<u8>> {
    let mut grant = vec![("grant_type", "authorization_code"), ("code", code.expose()), ("redirect_uri", callback_url)];
    if connection.uses_pkce {
        grant.push(("code_verifier", verifier.expose()));
    }
    of_client(connection, &server.token, authentication, grant)
}

/// The request for new tokens (RFC 6749, section 6). The scopes are named again: Entra refuses a request without them.
pub fn refresh_request(
    connection: &Connection,
    server: &Server,
    authentication: &ClientAuthentication,
    refresh_token: &SecretString,
) -> Request<Vec<u8>> {
    let scope = scope(connection);
    let mut grant = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
    if !scope.is_empty() {
        grant.push(("scope", &scope));
    }
    of_client(connection, &server.token, authentication, grant)
}

/// The requests that revoke tokens (RFC 7009, section 2.1), the refresh token first, which ends most grants; none where the server
/// has no place for that.
pub fn revocation_requests(
    connection: &Connection,
    server: &Server,
    authentication: &ClientAuthentication,
    tokens: &LinkedTokens,
) -> Vec<Request<Vec<u8>>> {
    let Some(endpoint) = &server.revocation else { return Vec::new() };
    let revoked = [("refresh_token", tokens.refresh_token.as_ref()), ("access_token", Some(&tokens.access_token))];
    let request = |(hint, token): (&str, &SecretString)| {
        let grant = [("token", token.expose()), ("token_type_hint", hint)];
        token_endpoint_request(endpoint, &connection.client_id, authentication, &grant)
    };
    revoked.into_iter().filter_map(|(hint, token)| Some((hint, token?))).map(request).collect()
}

fn of_client<'a>(
    connection: &'a Connection,
    endpoint: &Endpoint,
    authentication: &ClientAuthentication,
    mut grant: Vec<(&'a str, &'a str)>,
) -> Request<Vec<u8>> {
    grant.extend(connection.token_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    token_endpoint_request(endpoint, &connection.client_id, authentication, &grant)
}

fn scope(connection: &Connection) -> String {
    connection.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use gatehouse_configuration::{ConnectionEndpoints, ProviderAuthentication};
    use gatehouse_protocol::{Scopes, WebOrigin};

    use super::*;

    pub(crate) fn connection() -> Connection {
        Connection {
            name: "api".to_owned(),
            display_name: "The API".to_owned(),
            endpoints: ConnectionEndpoints::Given {
                issuer: None,
                authorization: "https://api.example/a?p=1".to_owned(),
                token: "https://api.example/t".to_owned(),
                revocation: Some("https://api.example/r".to_owned()),
            },
            client_id: "us&prompt=none".to_owned(),
            authentication: ProviderAuthentication::None,
            secret_method: None,
            scopes: Scopes::parse("read write").unwrap(),
            authorization_parameters: [("audience", "x"), ("p", "2")].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            token_parameters: [("audience".to_owned(), "y&z".to_owned())].into(),
            uses_pkce: true,
            shared_by: None,
        }
    }

    pub(crate) fn discovered() -> Connection {
        let endpoints =
            ConnectionEndpoints::Discovered { issuer: "https://api.example".to_owned(), metadata_url: None };
        Connection { endpoints, ..connection() }
    }

    fn server() -> Server {
        Server::of(&connection(), &WebOrigin::parse("https://gateway.example").unwrap()).unwrap().unwrap()
    }

    fn verifier() -> CodeVerifier {
        CodeVerifier::parse(&"v".repeat(43)).unwrap()
    }

    const CALLBACK: &str = "https://gateway.example/connections/callback/api";

    #[test]
    fn the_authorization_request_has_every_parameter_once_and_no_value_becomes_one() {
        let parameters = |connection: &Connection| {
            let url = authorization_url(connection, &server(), CALLBACK, "s&state=1", &verifier());
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
            assert_eq!(map.len(), pairs.len(), "no parameter stands twice: {url}");
            map
        };
        let with = parameters(&connection());
        for (name, value) in [
            ("p", "1"),
            ("audience", "x"),
            ("response_type", "code"),
            ("client_id", "us&prompt=none"),
            ("redirect_uri", CALLBACK),
            ("state", "s&state=1"),
            ("scope", "read write"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &verifier().challenge().to_wire()),
        ] {
            assert_eq!(with.get(name).map(String::as_str), Some(value), "{name}");
        }
        let without = parameters(&Connection { uses_pkce: false, scopes: Scopes::default(), ..connection() });
        assert_eq!(without.len(), with.len() - 3);
    }

    fn body(request: &Request<Vec<u8>>) -> String {
        String::from_utf8(request.body().clone()).unwrap()
    }

    #[test]
    fn a_code_and_a_refresh_token_are_redeemed_at_the_token_endpoint() {
        let (connection, server) = (connection(), server());
        let authentication = ClientAuthentication::SecretBasic(SecretString::new("s".to_owned()));
        let code = AuthorizationCode::parse("c").unwrap();
        let request = code_request(&connection, &server, &authentication, CALLBACK, &code, &verifier());
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "https://api.example/t"));
        assert!(request.headers().contains_key("authorization"));
        assert_eq!(
            body(&request),
            format!(
                "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fgateway.example%2Fconnections%2Fcallback%2Fapi&code_verifier={}&audience=y%26z",
                "v".repeat(43)
            )
        );
        let token = SecretString::new("r".to_owned());
        let request = refresh_request(&connection, &server, &ClientAuthentication::None, &token);
        assert_eq!(
            body(&request),
            "grant_type=refresh_token&refresh_token=r&scope=read+write&audience=y%26z&client_id=us%26prompt%3Dnone"
        );
    }

    #[test]
    fn tokens_are_revoked_where_there_is_a_place_for_it() {
        let (connection, mut server) = (connection(), server());
        let tokens = LinkedTokens {
            access_token: SecretString::new("a".to_owned()),
            refresh_token: Some(SecretString::new("r".to_owned())),
            expires_in: None,
        };
        let requests = revocation_requests(&connection, &server, &ClientAuthentication::None, &tokens);
        let bodies: Vec<_> = requests.iter().map(body).collect();
        assert_eq!(
            bodies,
            [
                "token=r&token_type_hint=refresh_token&client_id=us%26prompt%3Dnone",
                "token=a&token_type_hint=access_token&client_id=us%26prompt%3Dnone"
            ]
        );
        server.revocation = None;
        assert!(revocation_requests(&connection, &server, &ClientAuthentication::None, &tokens).is_empty());
    }
}
