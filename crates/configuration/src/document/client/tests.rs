use gatehouse_protocol::ClientId;

use crate::tests::{MINIMAL, problem_of};
use crate::{ClientKeys, Configuration, GrantType, RegisteredAuthentication, RegisteredClient};

const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b"}]}"#;

fn with(client: &str) -> String {
    format!("{MINIMAL}\n[[clients]]\nclient_id = \"machine\"\nclient_name = \"Machine\"\n{client}")
}

fn client(text: &str) -> RegisteredClient {
    Configuration::parse(&with(text)).unwrap().authorization_server.clients.remove(0)
}

#[test]
fn a_client_is_public_and_signs_users_in_unless_it_says_otherwise() {
    let client = client(r#"redirect_uris = ["https://client.example/cb"]"#);
    assert!(matches!(client.authentication, RegisteredAuthentication::None));
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    assert!(client.scopes.is_empty() && !client.may_introspect);
}

#[test]
fn each_way_to_authenticate_has_its_own_credential() {
    const USERS: &str = "redirect_uris = [\"https://client.example/cb\"]\n";
    let authentication = |text: &str| client(&format!("{USERS}{text}")).authentication;
    let basic = authentication(
        "token_endpoint_auth_method = \"client_secret_basic\"\nclient_secret = { secret = \"machine_secret\" }",
    );
    assert!(matches!(basic, RegisteredAuthentication::SecretBasic(name) if name.as_str() == "machine_secret"));
    let post = authentication(
        "token_endpoint_auth_method = \"client_secret_post\"\nclient_secret = { secret = \"machine_secret\" }",
    );
    assert!(matches!(post, RegisteredAuthentication::SecretPost(name) if name.as_str() == "machine_secret"));
    let inline = authentication(&format!("token_endpoint_auth_method = \"private_key_jwt\"\njwks = '{JWKS}'"));
    assert!(matches!(inline, RegisteredAuthentication::PrivateKeyJwt(ClientKeys::Inline(keys)) if keys == JWKS));
    let at = authentication(
        "token_endpoint_auth_method = \"private_key_jwt\"\njwks_uri = \"https://client.example/jwks?v=1\"",
    );
    let RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = at else { panic!("{at:?}") };
    assert_eq!(uri, "https://client.example/jwks?v=1");
}

#[test]
fn a_machine_needs_no_redirect_uri_and_gets_only_scopes_that_an_upstream_has() {
    let machine = client(
        r#"token_endpoint_auth_method = "client_secret_basic"
           client_secret = { secret = "machine_secret" }
           grant_types = ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"]
           scopes = ["mcp"]"#,
    );
    assert_eq!(machine.grant_types, [GrantType::ClientCredentials, GrantType::JwtBearer]);
    assert_eq!(machine.scopes.to_string(), "mcp");
    assert!(machine.redirect_uris.is_empty());
}

#[test]
fn a_resource_server_may_introspect_and_do_nothing_else() {
    let server = client(&format!(
        "token_endpoint_auth_method = \"private_key_jwt\"\njwks = '{JWKS}'\ngrant_types = []\nmay_introspect = true"
    ));
    assert!(server.may_introspect && server.grant_types.is_empty());
}

#[test]
fn an_allowed_private_use_scheme_may_stand_in_a_redirect_uri() {
    let document = with(r#"redirect_uris = ["cursor://anysphere.cursor-mcp/oauth/callback"]"#);
    let (key, _) = problem_of(&document);
    assert_eq!(key, "clients[0].redirect_uris[0]");
    let configuration = Configuration::parse(&format!("private_use_schemes = [\"cursor\"]\n{document}")).unwrap();
    assert!(configuration.authorization_server.clients[0].redirect_uris[0].is_private_use());
    assert_eq!(
        configuration.authorization_server.redirect_rules().private_use_schemes,
        configuration.authorization_server.private_use_schemes
    );
}

/// Issue 9, row S1: what the operator writes is held to the same rule.
#[test]
fn a_redirect_uri_to_ourselves_is_refused_at_its_key_however_it_is_written() {
    for uri in [
        "https://gateway.example/authorize?client_id=victim",
        "https://GATEWAY.example:443/callback",
        "https://gateway.example./",
        "https://g%61teway.example/",
    ] {
        let document = with(&format!("redirect_uris = [\"https://client.example/cb\", {uri:?}]"));
        let (key, problem) = problem_of(&document);
        assert_eq!(key, "clients[0].redirect_uris[1]", "{uri}");
        assert_eq!(problem, "must not lead to the authorization server itself", "{uri}");
        let error = Configuration::parse(&document).unwrap_err().to_string();
        assert!(error.ends_with(r#"for example: redirect_uris = ["http://127.0.0.1/callback"]"#), "{error}");
    }
    let local = |uri: &str| {
        let document = with(&format!("redirect_uris = [{uri:?}]"));
        document.replace("https://gateway.example", "http://127.0.0.1:3000")
    };
    for uri in ["http://localhost:3000/cb", "http://127.0.0.2:3000/cb", "http://[::1]:3000/cb"] {
        assert_eq!(problem_of(&local(uri)).0, "clients[0].redirect_uris[0]", "{uri}");
    }
    assert!(Configuration::parse(&local("http://127.0.0.1/cb")).is_ok());
}

#[test]
fn contradictions_are_refused_at_the_key_that_has_to_change() {
    const USERS: &str = "redirect_uris = [\"https://client.example/cb\"]\n";
    const BASIC: &str = "token_endpoint_auth_method = \"client_secret_basic\"\nclient_secret = { secret = \"s\" }\n";
    const SIGNED: &str = "token_endpoint_auth_method = \"private_key_jwt\"\n";
    let (users, basic, signed) = (USERS, BASIC, SIGNED);
    for (text, key, said) in [
        (String::new(), "redirect_uris", "is empty"),
        (format!("{users}token_endpoint_auth_method = \"client_secret_jwt\""), "token_endpoint_auth_method", "must be"),
        // Credentials of another method: the client would be public although the operator gave it a secret.
        (format!("{users}client_secret = {{ secret = \"s\" }}"), "client_secret", "is not used with"),
        (format!("{users}{basic}jwks = '{JWKS}'"), "jwks", "is not used with"),
        (format!("{users}jwks_uri = \"https://client.example/jwks\""), "jwks_uri", "is not used with"),
        (format!("{users}{signed}client_secret = {{ secret = \"s\" }}"), "client_secret", "is not used with"),
        (format!("{users}token_endpoint_auth_method = \"client_secret_basic\""), "client_secret", "is missing"),
        (format!("{users}token_endpoint_auth_method = \"client_secret_post\""), "client_secret", "is missing"),
        (format!("{users}{signed}"), "jwks", "is missing"),
        (
            format!("{users}{signed}jwks = '{JWKS}'\njwks_uri = \"https://client.example/jwks\""),
            "jwks_uri",
            "together with jwks",
        ),
        (format!("{users}{signed}jwks = 'keys'"), "jwks", "is not JSON"),
        (format!("{users}{signed}jwks = '[]'"), "jwks", "is not a JWK Set"),
        (format!("{users}{signed}jwks = '{{\"keys\":[]}}'"), "jwks", "at least one key"),
        (format!("{users}{signed}jwks = '{{\"keys\":[{{\"kid\":\"a\"}}]}}'"), "jwks", "not a JWK"),
        (format!("{users}{signed}jwks = '{{\"keys\":[{{\"kty\":\"EC\",\"d\":\"x\"}}]}}'"), "jwks", "private key"),
        (format!("{users}{signed}jwks = '{{\"keys\":[{{\"kty\":\"oct\",\"k\":\"x\"}}]}}'"), "jwks", "private key"),
        (format!("{users}grant_types = [\"password\"]"), "grant_types", "may hold only"),
        (format!("{users}grant_types = []"), "grant_types", "could do nothing"),
        (format!("{users}grant_types = [\"refresh_token\"]"), "grant_types", "without authorization_code"),
        (
            format!("{basic}grant_types = [\"client_credentials\", \"refresh_token\"]\nscopes = [\"mcp\"]"),
            "grant_types",
            "without authorization_code",
        ),
        (
            "grant_types = [\"client_credentials\"]\nscopes = [\"mcp\"]".to_owned(),
            "token_endpoint_auth_method",
            "prove who they are",
        ),
        (
            "grant_types = [\"urn:ietf:params:oauth:grant-type:jwt-bearer\"]".to_owned(),
            "token_endpoint_auth_method",
            "prove who they are",
        ),
        (format!("{users}may_introspect = true"), "token_endpoint_auth_method", "may_introspect"),
        (format!("{basic}grant_types = [\"client_credentials\"]"), "scopes", "is missing"),
        (format!("{users}scopes = [\"mcp\"]"), "scopes", "is not used without client_credentials"),
        (
            format!("{basic}grant_types = [\"client_credentials\"]\nscopes = [\"mcp\", \"admin\"]"),
            "scopes",
            "\"admin\"",
        ),
        (format!("{basic}grant_types = [\"client_credentials\"]\nscopes = [\"a b\"]"), "scopes", "a scope is"),
    ] {
        let (refused, problem) = problem_of(&with(&text));
        assert_eq!(refused, format!("clients[0].{key}"), "{text}");
        assert!(problem.contains(said), "{text}: {problem}");
    }
}

#[test]
fn keys_are_fetched_only_by_https_from_a_host_with_a_domain() {
    for bad in [
        "http://client.example/jwks",
        "http://127.0.0.1:3000/jwks",
        "https://127.0.0.1/jwks",
        "https://[::1]/jwks",
        "https://169.254.169.254/jwks",
        "https://localhost/jwks",
        "https://keys.localhost/jwks",
        "https://keys/jwks",
        "https://user@client.example/jwks",
        "https://client.example/jwks#a",
        "file:///etc/passwd",
        "jwks",
        " https://client.example/jwks",
        "https://client.example/jw ks",
        "https://client}.example/jwks",
        "https://b\u{fc}cher.example/jwks",
    ] {
        let text = format!(
            "redirect_uris = [\"https://client.example/cb\"]\ntoken_endpoint_auth_method = \"private_key_jwt\"\njwks_uri = {bad:?}"
        );
        assert_eq!(problem_of(&with(&text)).0, "clients[0].jwks_uri", "{bad}");
    }
}

#[test]
fn the_id_of_a_machine_fits_into_a_subject() {
    let with_id = |id: &str| {
        let machine = "token_endpoint_auth_method = \"client_secret_basic\"\nclient_secret = { secret = \"s\" }\n\
                       grant_types = [\"client_credentials\"]\nscopes = [\"mcp\"]";
        with(machine).replacen("\"machine\"", &format!("{id:?}"), 1)
    };
    assert!(Configuration::parse(&with_id(&"a".repeat(255))).is_ok());
    for bad in [&"a".repeat(256), "two words"] {
        assert!(ClientId::parse(bad).is_ok());
        assert_eq!(problem_of(&with_id(bad)).0, "clients[0].client_id");
    }
}

const USERS: &str = "redirect_uris = [\"https://client.example/cb\"]";

#[test]
fn only_a_client_whose_redirect_uris_the_operator_knows_can_be_preauthorized() {
    let lists = |of_all: &str, of_route: &str, client: &str| {
        let document =
            with(client).replacen("[[routes]]", &format!("[[routes]]\npreauthorized_clients = [{of_route}]"), 1);
        format!("preauthorized_clients = [{of_all}]\n{document}")
    };
    let document = "\"https://client.example/metadata.json\"";
    let configuration = Configuration::parse(&lists("\"machine\"", document, USERS)).unwrap().authorization_server;
    assert_eq!(configuration.preauthorized_clients, [ClientId::parse("machine").unwrap()]);
    assert_eq!(configuration.routes[0].preauthorized_clients.len(), 1);
    let machine = "grant_types = [\"client_credentials\"]\nscopes = [\"mcp\"]\n\
                   token_endpoint_auth_method = \"client_secret_basic\"\nclient_secret = { secret = \"machine_secret\" }";
    for (of_all, of_route, client, key) in [
        ("\"1795000000-abc\"", "", USERS, "preauthorized_clients[0]"),
        ("\"machine\", \"Machine\"", "", USERS, "preauthorized_clients[1]"),
        ("\"http://client.example/metadata.json\"", "", USERS, "preauthorized_clients[0]"),
        ("", "\"someone\"", USERS, "routes[0].preauthorized_clients[0]"),
        ("\"machine\"", "", machine, "preauthorized_clients[0]"),
    ] {
        let (found, problem) = problem_of(&lists(of_all, of_route, client));
        assert_eq!(found, key, "{problem}");
        assert!(problem.contains("must be the client_id of one of clients"), "{problem}");
    }
}

#[test]
fn the_gateway_and_the_authorization_server_know_the_clients_that_a_route_allows() {
    let document = with(USERS).replacen("[[routes]]", "[[routes]]\nallowed_clients = [\"machine\"]", 1);
    let configuration = Configuration::parse(&document).unwrap();
    let (of_gateway, of_server) = (&configuration.routes[0], &configuration.authorization_server.routes[0]);
    let (own, other) = (ClientId::parse("machine").unwrap(), ClientId::parse("other").unwrap());
    assert_eq!(of_gateway.allowed_clients, std::slice::from_ref(&own));
    assert!(of_server.allows_client(&own) && !of_server.allows_client(&other));
    let (key, _) = problem_of(&document.replace("[\"machine\"]", "[\"\"]"));
    assert_eq!(key, "routes[0].allowed_clients[0]");
}
