use super::*;
use crate::Configuration;

fn document(service: &str) -> String {
    format!(
        r#"
        public_url = "https://gateway.example"
        [identity_provider]
        name = "main"
        issuer = "https://login.example"
        client_id = "gatehouse"
        client_secret = {{ secret = "identity_provider_secret" }}
        [[token_services]]
        name = "apis"
        {service}
        [[routes]]
        path = "/mcp"
        url = "https://mcp.example/mcp"
        "#
    )
}

fn kind(service: &str) -> TokenServiceKind {
    let configuration = Configuration::parse(&document(service)).unwrap();
    configuration.authorization_server.token_services.into_iter().next().unwrap().kind
}

fn problem(service: &str) -> String {
    Configuration::parse(&document(service)).unwrap_err().to_string()
}

#[test]
fn a_token_service_is_one_of_four() {
    let endpoint =
        "token_endpoint = \"https://auth.example/token\"\nclient_id = \"g\"\nclient_secret = { secret = \"s\" }\n";
    let post = format!("{endpoint}authentication_method = \"client_secret_post\"\nparameters = {{ tenant = \"a\" }}");
    match (kind(endpoint), kind(&post)) {
        (TokenServiceKind::Endpoint(basic), TokenServiceKind::Endpoint(post)) => {
            assert_eq!((basic.secret_in_body, post.secret_in_body), (false, true));
            assert_eq!((basic.parameters.len(), post.parameters.len()), (0, 1));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(kind("identity_provider = \"main\""), TokenServiceKind::IdentityProvider("main".to_owned()));
    match kind("managed_identity = \"vm\"\nclient_id = \"one\"") {
        TokenServiceKind::ManagedIdentity(identity) => {
            assert_eq!(identity.url.to_string(), METADATA_SERVICE);
            assert_eq!((identity.api_version, identity.client_id.as_deref()), ("2018-02-01", Some("one")));
        }
        other => panic!("{other:?}"),
    }
    let app = "managed_identity = \"app-service\"\ntoken_endpoint = \"http://localhost:1/msi/token\"\n\
               identity_header = { secret = \"h\" }";
    assert!(matches!(kind(app), TokenServiceKind::ManagedIdentity(identity) if identity.identity_header.is_some()));
    assert!(matches!(kind("token = { secret = \"workload_token\" }"), TokenServiceKind::Setting(_)));
}

#[test]
fn what_a_token_service_cannot_be_is_named() {
    let endpoint = "token_endpoint = \"https://auth.example/token\"\n";
    for (service, key) in [
        ("", "token_services[0].token_endpoint"),
        (endpoint, "token_services[0].client_id"),
        (&format!("{endpoint}client_id = \"g\""), "token_services[0].client_secret"),
        (&format!("{endpoint}client_id = \"g\"\nclient_secret = {{ secret = \"S\" }}"), "client_secret.secret"),
        ("token_endpoint = \"http://auth.example/token\"\nclient_id = \"g\"", "token_services[0].token_endpoint"),
        (
            "token_endpoint = \"https://gateway.example/token\"\nclient_id = \"g\"\nclient_secret = { secret = \"s\" }",
            "own public_url",
        ),
        ("identity_provider = \"other\"", "token_services[0].identity_provider"),
        ("identity_provider = \"main\"\nclient_id = \"g\"", "token_services[0].client_id"),
        ("managed_identity = \"pod\"", "token_services[0].managed_identity"),
        (
            "managed_identity = \"app-service\"\ntoken_endpoint = \"http://localhost:1/t\"",
            "token_services[0].identity_header",
        ),
        ("managed_identity = \"vm\"\nidentity_header = { secret = \"h\" }", "token_services[0].identity_header"),
        ("managed_identity = \"vm\"\ntoken_endpoint = \"http://10.0.0.1/t\"", "token_services[0].token_endpoint"),
        ("managed_identity = \"vm\"\ntoken = { secret = \"t\" }", "token_services[0]"),
        ("token = { secret = \"t\" }\nclient_secret = { secret = \"s\" }", "token_services[0].client_secret"),
    ] {
        assert!(problem(service).contains(key), "{service}: {}", problem(service));
    }
    let with = |parameters: &str| {
        problem(&format!(
            "{endpoint}client_id = \"g\"\nclient_secret = {{ secret = \"s\" }}\nparameters = {{ {parameters} }}"
        ))
    };
    for parameters in ["scope = \"a\"", "subject_token = \"a\"", "\"a b\" = \"a\"", "a = \"\"", "a = \"x\\ny\""] {
        assert!(with(parameters).contains("token_services[0].parameters"), "{parameters}");
    }
}
