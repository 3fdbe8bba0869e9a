use super::*;
use crate::{Configuration, Part, Source, compile};

const SERVICES: &str = r#"
public_url = "https://gateway.example"
caller_assertion_keys = { secret = "assertion_keys" }
[identity_provider]
name = "main"
profile = "entra"
tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
client_id = "gatehouse"
client_secret = { secret = "identity_provider_secret" }
[[token_services]]
name = "apis"
token_endpoint = "https://auth.example/token"
client_id = "gatehouse"
client_secret = { secret = "token_service_secret" }
[[token_services]]
name = "azure"
managed_identity = "vm"
[[token_services]]
name = "pod"
token = { secret = "workload_token" }
"#;

fn one(token: &str, lines: &str) -> String {
    format!(
        "{SERVICES}\n[[routes]]\npath = \"/mcp\"\nurl = \"https://mcp.example/mcp\"\n{lines}\nbackend_token = {{ {token} }}\n"
    )
}

fn token(document: &str) -> BackendToken {
    let configuration = Configuration::parse(document).unwrap();
    let upstream = configuration.routes[0].upstreams().next().unwrap();
    upstream.backend_token.as_deref().unwrap().clone()
}

fn problem(token: &str, lines: &str) -> String {
    Configuration::parse(&one(token, lines)).unwrap_err().to_string()
}

const OWN: &str = r#"flow = "client-credentials", token_service = "apis", scopes = ["read"]"#;

#[test]
fn each_flow_has_its_source_and_its_owner() {
    let owner = |text: &str| match token(&one(text, "")).source {
        BackendTokenSource::Kept(kept) => kept.owner,
        other => panic!("{other:?}"),
    };
    assert_eq!(owner(OWN), TokenOwner::Gateway);
    assert_eq!(
        owner(r#"flow = "workload-identity", token_service = "azure", resource = "api://x""#),
        TokenOwner::Gateway
    );
    assert_eq!(owner(r#"flow = "on-behalf-of", scopes = ["api://x/.default"]"#), TokenOwner::User { place: 0 });
    assert_eq!(owner(r#"flow = "token-exchange", token_service = "apis""#), TokenOwner::User { place: 0 });
    let of_setting = token(&one(r#"flow = "workload-identity", token_service = "pod", header = "X-Token""#, ""));
    assert_eq!(of_setting.header, "x-token");
    assert!(matches!(of_setting.source, BackendTokenSource::Setting(name) if name.as_str() == "workload_token"));
    let assertion = token(&one(r#"flow = "assertion""#, ""));
    assert_eq!(assertion.header, "authorization");
    let audience = "https://mcp.example/mcp".to_owned();
    assert_eq!(assertion.source, BackendTokenSource::Assertion { audience });
}

#[test]
fn whatever_differs_gives_another_fingerprint_and_the_compiled_form_has_the_same() {
    let fingerprint = |document: &str| match token(document).source {
        BackendTokenSource::Kept(kept) => kept.fingerprint,
        other => panic!("{other:?}"),
    };
    let first = one(OWN, "");
    let changed = [
        one(&format!("{OWN}, audience = \"orders\""), ""),
        one(&OWN.replace("read", "write"), ""),
        first.replace("path = \"/mcp\"", "path = \"/other\""),
        first.replace("auth.example", "auth2.example"),
        first.replace(
            "\"gatehouse\"\nclient_secret = { secret = \"token",
            "\"other\"\nclient_secret = { secret = \"token",
        ),
    ];
    for other in &changed {
        assert_ne!(fingerprint(&first), fingerprint(other), "{other}");
    }
    assert_eq!(fingerprint(&first), fingerprint(&one(&format!("{OWN}, header = \"x-token\""), "")));
    for document in changed.iter().chain([&first]) {
        let source = Source::read(compile(document).unwrap()).unwrap();
        assert_eq!(Configuration::of_source(&source).unwrap(), Configuration::parse(document).unwrap());
        let route = source.part(&Part::OnlyRoute).unwrap().unwrap();
        assert!(!route.contains("auth.example") && !route.contains("scopes"), "{route}");
    }
}

#[test]
fn the_users_tokens_of_all_routes_have_places_of_their_own() {
    let route = |path: &str| {
        format!(
            "[[routes]]\npath = \"{path}\"\nurl = \"https://mcp.example{path}\"\nbackend_token = {{ flow = \"token-exchange\", token_service = \"apis\" }}\n"
        )
    };
    let members = "[[routes]]\npath = \"/all\"\n[[routes.members]]\nurl = \"https://a.example/mcp\"\n\
                   backend_token = { flow = \"token-exchange\", token_service = \"apis\" }\n\
                   [[routes.members]]\nprefix = \"b\"\nurl = \"https://b.example/mcp\"\n";
    let document = format!("{SERVICES}{}{members}{}", route("/one"), route("/two"));
    let configuration = Configuration::parse(&document).unwrap();
    let places = |route: &Route| {
        let of = |upstream: &Upstream| match &upstream.backend_token.as_deref()?.source {
            BackendTokenSource::Kept(KeptBackendToken { owner: TokenOwner::User { place }, .. }) => Some(*place),
            _ => None,
        };
        route.upstreams().map(of).collect::<Vec<_>>()
    };
    let places: Vec<_> = configuration.routes.iter().map(places).collect();
    assert_eq!(places, [vec![Some(0)], vec![Some(1), None], vec![Some(2)]]);
    let source = Source::read(compile(&document).unwrap()).unwrap();
    assert_eq!(Configuration::of_source(&source).unwrap(), configuration);
    let many: String = (0..64).map(|number| route(&format!("/r{number}"))).collect();
    assert!(Configuration::parse(&format!("{SERVICES}{many}")).is_ok());
    let error = Configuration::parse(&format!("{SERVICES}{many}{}", route("/one-more"))).unwrap_err();
    assert!(error.to_string().contains("routes[64].backend_token"), "{error}");
}

#[test]
fn the_secrets_of_a_token_are_needed_by_its_server_and_its_places_are_nobodys_to_name() {
    let configuration = Configuration::parse(&one(OWN, "")).unwrap();
    let server = &configuration.authorization_server;
    let needs = crate::gateway::Needs::of(server, &configuration.routes, None);
    let secrets: Vec<_> = needs.servers[0].secrets.iter().map(crate::SecretName::as_str).collect();
    assert_eq!(secrets, ["token_service_secret"]);
    assert!(server.configured_urls().contains(&"https://auth.example/token".to_owned()));
    let pod = Configuration::parse(&one(r#"flow = "workload-identity", token_service = "pod""#, "")).unwrap();
    let needs = crate::gateway::Needs::of(&pod.authorization_server, &pod.routes, None);
    assert_eq!(needs.servers[0].secrets[0].as_str(), "workload_token");
}

#[test]
fn what_a_token_cannot_be_is_named() {
    for (token, key) in [
        (r#"token_service = "apis""#, "backend_token.flow"),
        (r#"flow = "password""#, "backend_token.flow"),
        (r#"flow = "client-credentials""#, "backend_token.token_service"),
        (r#"flow = "client-credentials", token_service = "other""#, "backend_token.token_service"),
        (r#"flow = "client-credentials", token_service = "azure""#, "backend_token.token_service"),
        (r#"flow = "client-credentials", token_service = "pod""#, "backend_token.token_service"),
        (r#"flow = "workload-identity", token_service = "apis""#, "backend_token.token_service"),
        (r#"flow = "workload-identity", token_service = "azure""#, "backend_token.resource"),
        (r#"flow = "workload-identity", token_service = "pod", resource = "x""#, "backend_token.resource"),
        (
            r#"flow = "workload-identity", token_service = "azure", resource = "x", scopes = ["a"]"#,
            "backend_token.scopes",
        ),
        (r#"flow = "on-behalf-of""#, "backend_token.scopes"),
        (r#"flow = "assertion", scopes = ["a"]"#, "backend_token.scopes"),
        (r#"flow = "client-credentials", token_service = "apis", scopes = ["a b"]"#, "backend_token.scopes"),
        (r#"flow = "client-credentials", token_service = "apis", audience = "a b""#, "backend_token.audience"),
        (r#"flow = "client-credentials", token_service = "apis", header = "host""#, "backend_token.header"),
        (r#"flow = "client-credentials", token_service = "apis", header = "a\r\nb""#, "backend_token.header"),
    ] {
        assert!(problem(token, "").contains(key), "{token}: {}", problem(token, ""));
    }
    for lines in [
        "subject_header = \"X_Token\"",
        "secret_headers = { \"x-token\" = { secret = \"key\" } }",
        "identity_provider_token_header = \"x-token\"",
        "identity_headers = { claims = { \"x-token\" = \"subject\" } }",
    ] {
        assert!(problem(&format!("{OWN}, header = \"x-token\""), lines).contains("backend_token.header"), "{lines}");
    }
    let keys = "own_tokens = false\napi_keys = { keys = [{ label = \"robot\", sha256 = \"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592\" }] }";
    assert!(problem(r#"flow = "token-exchange", token_service = "apis""#, keys).contains("backend_token.flow"));
    let nobody = one(r#"flow = "token-exchange", token_service = "apis""#, "");
    let (before, after) = nobody.split_once("[identity_provider]").unwrap();
    let nobody = format!("{before}{}", &after[after.find("[[token_services]]").unwrap()..]);
    assert!(Configuration::parse(&nobody).unwrap_err().to_string().contains("backend_token.flow"));
    let no_keys = one(r#"flow = "assertion""#, "").replace("caller_assertion_keys", "# ");
    assert!(Configuration::parse(&no_keys).unwrap_err().to_string().contains("caller_assertion_keys"));
    let no_entra = one(r#"flow = "on-behalf-of", scopes = ["a"]"#, "").replace(
        "profile = \"entra\"\ntenant = \"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10\"",
        "issuer = \"https://login.example\"",
    );
    assert!(Configuration::parse(&no_entra).unwrap_err().to_string().contains("backend_token.token_service"));
}

const CONNECTION: &str = "[[connections]]\nname = \"api\"\nclient_id = \"us\"\nissuer = \"https://api.example\"\n";

fn linked(token: &str, lines: &str) -> String {
    format!("{}{CONNECTION}", one(token, lines))
}

#[test]
fn a_server_gets_the_token_of_a_connection_in_the_header_that_it_wants() {
    for (text, header) in
        [("connection = \"api\"", "authorization"), ("connection = \"api\", header = \"X-Api-Token\"", "x-api-token")]
    {
        let token = token(&linked(text, ""));
        assert_eq!(token.header.as_str(), header);
        assert_eq!(token.source, BackendTokenSource::Connection("api".to_owned()));
    }
}

#[test]
fn a_connection_that_is_not_there_and_what_means_nothing_with_one_are_refused() {
    for (text, lines, key) in [
        ("connection = \"other\"", "", "connection"),
        ("connection = \"Api\"", "", "connection"),
        ("connection = \"api\", flow = \"assertion\"", "", "flow"),
        ("connection = \"api\", token_service = \"apis\"", "", "token_service"),
        ("connection = \"api\", scopes = [\"read\"]", "", "scopes"),
        ("connection = \"api\", audience = \"https://api.example\"", "", "audience"),
        ("connection = \"api\", resource = \"https://api.example\"", "", "resource"),
        ("connection = \"api\", header = \"x_key\"", "secret_headers = { \"x-key\" = { secret = \"key\" } }", "header"),
        ("connection = \"api\", header = \"x-user\"", "subject_header = \"x-user\"", "header"),
        ("connection = \"api\"", "identity_provider_token_header = \"authorization\"", "header"),
    ] {
        let refused = Configuration::parse(&linked(text, lines)).unwrap_err().to_string();
        assert!(refused.contains(&format!("`routes[0].backend_token.{key}`")), "{text}: {refused}");
    }
}
