use crate::tests::{MINIMAL, problem_of};
use crate::{Configuration, Connection, ConnectionEndpoints, ProviderAuthentication, SecretMethod};

fn document(lines: &str) -> String {
    format!("{MINIMAL}\n[[connections]]\nname = \"it\"\nclient_id = \"us\"\n{lines}\n")
}

fn connection(lines: &str) -> Connection {
    Configuration::parse(&document(lines)).unwrap().authorization_server.connections.remove(0)
}

const GIVEN: &str =
    "authorization_endpoint = \"https://api.example/a?p=1\"\ntoken_endpoint = \"https://api.example/t\"";
const SECRET: &str = "client_secret = { secret = \"api_secret\" }";

#[test]
fn a_connection_is_a_preset_or_discovered_or_has_its_endpoints_given() {
    let given = connection(&format!("{GIVEN}\n{SECRET}\nrevocation_endpoint = \"http://127.0.0.1:1/r\""));
    assert_eq!(
        given.endpoints,
        ConnectionEndpoints::Given {
            issuer: None,
            authorization: "https://api.example/a?p=1".to_owned(),
            token: "https://api.example/t".to_owned(),
            revocation: Some("http://127.0.0.1:1/r".to_owned()),
        }
    );
    assert_eq!((given.secret_method, given.uses_pkce, given.is_shared()), (None, true, false));
    assert_eq!(given.callback_path(), "/connections/callback/it");
    let found = connection("issuer = \"https://api.example\"");
    assert!(
        matches!(found.endpoints, ConnectionEndpoints::Discovered { ref issuer, .. } if issuer == "https://api.example")
    );
    assert_eq!(found.authentication, ProviderAuthentication::None);
    for (preset, authorization, scopes, parameters) in [
        ("github", "https://github.com/login/oauth/authorize", "a", 0),
        ("google", "https://accounts.google.com/o/oauth2/v2/auth", "a", 2),
        ("microsoft-graph", "https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "a offline_access", 0),
        ("slack", "https://slack.com/oauth/v2_user/authorize", "a", 0),
        ("atlassian", "https://auth.atlassian.com/authorize", "a offline_access", 2),
    ] {
        let known = connection(&format!("preset = \"{preset}\"\n{SECRET}\nscopes = [\"a\"]"));
        let ConnectionEndpoints::Given { authorization: at, token, revocation, .. } = &known.endpoints else {
            panic!("{preset}")
        };
        assert_eq!((at.as_str(), known.scopes.to_string().as_str()), (authorization, scopes));
        assert!(token.starts_with("https://") && revocation.as_ref().is_none_or(|url| url.starts_with("https://")));
        assert_eq!((known.authorization_parameters.len(), known.secret_method), (parameters, Some(SecretMethod::Post)));
    }
}

#[test]
fn what_the_operator_says_counts_more_than_the_preset() {
    let lines = "preset = \"google\"\nclient_authentication = \"client_secret_basic\"\nscopes = [\"a\", \"b\"]\n\
                 authorization_parameters = { prompt = \"select_account\" }\nrevocation_endpoint = \"https://own.example/r\"";
    let google = connection(&format!("{lines}\n{SECRET}"));
    assert_eq!(google.authorization_parameters["prompt"], "select_account");
    assert_eq!(google.authorization_parameters["access_type"], "offline");
    assert_eq!(google.secret_method, Some(SecretMethod::Basic));
    assert!(
        matches!(google.endpoints, ConnectionEndpoints::Given { revocation: Some(url), .. } if url == "https://own.example/r")
    );
    let tenant = "preset = \"microsoft-graph\"\ntenant = \"8D1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10\"";
    assert!(connection(tenant).place().contains("/8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10/"));
}

#[test]
fn a_shared_connection_is_linked_by_the_administrators_of_one_provider() {
    let shared = document(&format!("{GIVEN}\nshared = true"));
    assert_eq!(problem_of(&shared).0, "connections[0].shared");
    let with_role = |text: &str| {
        text.replace("client_id = \"gatehouse\"", "client_id = \"gatehouse\"\nadministrator_roles = [\"A\"]")
    };
    let parsed = Configuration::parse(&with_role(&shared)).unwrap();
    assert_eq!(parsed.authorization_server.connections[0].shared_by.as_deref(), Some("entra"));
    let named = |name: &str| with_role(&document(&format!("{GIVEN}\nshared = true\nadministrators_of = \"{name}\"")));
    assert!(Configuration::parse(&named("entra")).is_ok());
    assert_eq!(problem_of(&named("nobody")).0, "connections[0].administrators_of");
}

#[test]
fn what_could_not_be_meant_is_refused_by_its_key() {
    for (lines, key) in [
        (String::new(), "issuer"),
        ("issuer = \"http://api.example\"".to_owned(), "issuer"),
        (
            "issuer = \"https://api.example\"\nrevocation_endpoint = \"https://api.example/r\"".to_owned(),
            "revocation_endpoint",
        ),
        ("token_endpoint = \"https://api.example/t\"".to_owned(), "authorization_endpoint"),
        ("authorization_endpoint = \"https://api.example/a\"".to_owned(), "token_endpoint"),
        (format!("{GIVEN}\nmetadata_url = \"https://api.example/m\""), "metadata_url"),
        (GIVEN.replace("https://api.example/t", "http://api.example/t"), "token_endpoint"),
        (GIVEN.replace("https://api.example/t", "https://api.example/t#x"), "token_endpoint"),
        (GIVEN.replace("https://api.example/a?p=1", "javascript:alert(1)"), "authorization_endpoint"),
        (format!("{GIVEN}\npkce = false"), "pkce"),
        (format!("{GIVEN}\nadministrators_of = \"entra\""), "administrators_of"),
        (format!("{GIVEN}\nclient_authentication = \"none\""), "client_authentication"),
        (format!("{GIVEN}\nauthorization_parameters = {{ state = \"x\" }}"), "authorization_parameters.state"),
        (
            format!("{GIVEN}\nauthorization_parameters = {{ redirect_uri = \"x\" }}"),
            "authorization_parameters.redirect_uri",
        ),
        (format!("{GIVEN}\ntoken_parameters = {{ grant_type = \"x\" }}"), "token_parameters.grant_type"),
        (format!("{GIVEN}\nscopes = [\"a b\"]"), "scopes"),
        ("preset = \"gitlab\"".to_owned(), "preset"),
        ("preset = \"github\"\nissuer = \"https://github.com\"".to_owned(), "issuer"),
        ("preset = \"github\"\ntoken_endpoint = \"https://evil.example\"".to_owned(), "token_endpoint"),
        ("preset = \"github\"\ntenant = \"common\"".to_owned(), "tenant"),
        ("preset = \"microsoft-graph\"\ntenant = \"../x\"".to_owned(), "tenant"),
    ] {
        assert_eq!(problem_of(&document(&lines)).0, format!("connections[0].{key}"), "{lines}");
    }
    let twice = document(GIVEN)
        + &document(GIVEN).split("[[connections]]").nth(1).map(|rest| format!("[[connections]]{rest}")).unwrap();
    assert_eq!(problem_of(&twice).0, "connections[1].name");
    assert_eq!(problem_of(&document(GIVEN).replace("\"it\"", "\"../it\"")).0, "connections[0].name");
}
