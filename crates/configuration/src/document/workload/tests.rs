use crate::Configuration;

const DOCUMENT: &str = r#"
public_url = "https://gateway.example.com"
[identity_provider]
name = "main"
issuer = "https://accounts.example.com"
client_id = "gatehouse"
[[token_issuers]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
[[token_issuers]]
name = "asked"
introspection = { url = "https://asked.example/introspect", client_id = "gatehouse", client_secret = { secret = "a_secret" } }
[[workloads]]
name = "deploy"
issuer = "github"
claims = { repository = "acme/site", "/job/ref" = "refs/heads/*" }
routes = ["/mcp"]
scopes = ["mcp"]
[[clients]]
client_id = "frontend"
client_name = "Front end"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "a_secret" }
grant_types = ["urn:ietf:params:oauth:grant-type:token-exchange"]
scopes = ["mcp"]
may_exchange = [{ issuer = "github", audiences = ["api://frontend"] }]
[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp"
"#;

/// What is said where `from` is written as `to`.
fn said(from: &str, to: &str) -> String {
    let document = DOCUMENT.replacen(from, to, 1);
    assert_ne!(document, DOCUMENT, "{from}");
    Configuration::parse(&document).unwrap_err().to_string()
}

#[test]
fn a_workload_is_for_us_and_has_its_rules_its_routes_and_its_scopes() {
    let configuration = Configuration::parse(DOCUMENT).unwrap().authorization_server;
    let workload = &configuration.workloads[0];
    assert_eq!((workload.audience.as_str(), workload.longest_lifetime), ("https://gateway.example.com", 86_400));
    let rules: Vec<_> = workload.claims.iter().map(|rule| (rule.name.as_str(), rule.pattern.as_str())).collect();
    assert_eq!(rules, [("/job/ref", "refs/heads/*"), ("repository", "acme/site")]);
    assert_eq!((workload.routes[0].as_str(), workload.scopes.to_string().as_str()), ("/mcp", "mcp"));
    // The parts, read back, mean the same: `compile` refuses them otherwise.
    crate::compile(DOCUMENT).unwrap();
}

#[test]
fn rules_that_would_let_every_machine_of_the_issuer_in_are_refused() {
    const RULES: &str = r#"claims = { repository = "acme/site", "/job/ref" = "refs/heads/*" }"#;
    for open in ["", "claims = {}", r#"claims = { sub = "*" }"#, r#"claims = { sub = "?*", ref = "***" }"#] {
        let said = said(RULES, open);
        assert!(said.contains("key `workloads[0].claims` ") && said.contains("would come in"), "{open}: {said}");
    }
    for (rule, key) in [
        (r#"aud = "x""#, "workloads[0].claims.aud"),
        (r#"iss = "x""#, "workloads[0].claims.iss"),
        (r#""/exp" = "1""#, "workloads[0].claims./exp"),
        (r#"sub = """#, "workloads[0].claims.sub"),
        (r#""" = "x""#, "workloads[0].claims."),
    ] {
        let said = said(RULES, &format!("claims = {{ {rule} }}"));
        assert!(said.contains(&format!("key `{key}` ")), "{rule}: {said}");
    }
}

#[test]
fn what_a_workload_names_must_be_there() {
    for (from, to, key) in [
        (
            r#"issuer = "github"
claims"#,
            r#"issuer = "gitlab"
claims"#,
            "workloads[0].issuer",
        ),
        (
            r#"issuer = "github"
claims"#,
            r#"issuer = "asked"
claims"#,
            "workloads[0].issuer",
        ),
        (r#"routes = ["/mcp"]"#, "routes = []", "workloads[0].routes"),
        (r#"routes = ["/mcp"]"#, r#"routes = ["/mcp/"]"#, "workloads[0].routes[0]"),
        (
            r#"scopes = ["mcp"]
[[clients]]"#,
            "scopes = []\n[[clients]]",
            "workloads[0].scopes",
        ),
        (
            r#"scopes = ["mcp"]
[[clients]]"#,
            "scopes = [\"files\"]\n[[clients]]",
            "workloads[0].scopes",
        ),
        (r#"name = "deploy""#, r#"name = "Deploy""#, "workloads[0].name"),
        (r#"name = "deploy""#, "name = \"deploy\"\nlongest_lifetime = 86401", "workloads[0].longest_lifetime"),
        (r#"name = "deploy""#, "name = \"deploy\"\nlongest_lifetime = 59", "workloads[0].longest_lifetime"),
        (r#"name = "github""#, r#"name = "workload""#, "token_issuers[0].name"),
        (r#"client_id = "frontend""#, r#"client_id = "workload:deploy""#, "clients[0].client_id"),
        (r#"client_id = "frontend""#, r#"client_id = "key:robot""#, "clients[0].client_id"),
        (r#"client_id = "frontend""#, r#"client_id = "gatehouse:browser""#, "clients[0].client_id"),
        (r#"client_id = "frontend""#, r#"client_id = "github:deploy""#, "clients[0].client_id"),
        (r#"name = "github""#, r#"name = "gatehouse""#, "token_issuers[0].name"),
        (r#"name = "github""#, r#"name = "https""#, "token_issuers[0].name"),
    ] {
        let said = said(from, to);
        assert!(said.contains(&format!("key `{key}` ")), "{to}: {said}");
    }
}

#[test]
fn a_client_that_exchanges_proves_itself_and_says_what_it_exchanges() {
    const EXCHANGE: &str = r#"may_exchange = [{ issuer = "github", audiences = ["api://frontend"] }]"#;
    const PROOF: &str =
        "token_endpoint_auth_method = \"client_secret_basic\"\nclient_secret = { secret = \"a_secret\" }\n";
    for (from, to, key) in [
        (EXCHANGE, "", "clients[0].may_exchange"),
        (EXCHANGE, r#"may_exchange = [{ issuer = "github", audiences = [] }]"#, "clients[0].may_exchange[0].audiences"),
        (EXCHANGE, r#"may_exchange = [{ issuer = "gitlab", audiences = ["a"] }]"#, "clients[0].may_exchange[0].issuer"),
        (PROOF, "", "clients[0].token_endpoint_auth_method"),
        ("token-exchange\"]\nscopes = [\"mcp\"]", "token-exchange\"]", "clients[0].scopes"),
        ("urn:ietf:params:oauth:grant-type:token-exchange", "client_credentials", "clients[0].may_exchange"),
    ] {
        let said = said(from, to);
        assert!(said.contains(&format!("key `{key}` ")), "{to}: {said}");
    }
}
