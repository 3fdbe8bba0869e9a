use crate::tests::{MINIMAL, problem_of};
use crate::{AssertionSource, ClaimNames, Configuration, IdentityProvider, ProviderAuthentication, ProviderProfile};

const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";

/// The document with these lines as its only provider.
fn with(provider: &str) -> String {
    let (before, rest) = MINIMAL.split_once("[identity_provider]").unwrap();
    let (_, after) = rest.split_once("[[routes]]").unwrap();
    format!("{before}[identity_provider]\n{provider}\n[[routes]]{after}")
}

fn openid(more: &str) -> String {
    with(&format!("name = \"op\"\nissuer = \"https://op.example\"\nclient_id = \"gatehouse\"\n{more}"))
}

fn entra(more: &str) -> String {
    with(&format!("name = \"entra\"\nprofile = \"entra\"\nclient_id = \"gatehouse\"\n{more}"))
}

fn provider(document: &str) -> IdentityProvider {
    Configuration::parse(document).unwrap().authorization_server.identity_providers.remove(0)
}

#[test]
fn the_address_of_the_metadata_is_not_the_issuer() {
    for (issuer, meant) in [
        ("https://op.example/.well-known/openid-configuration", "https://op.example"),
        ("https://op.example/realms/main/.well-known/openid-configuration", "https://op.example/realms/main"),
        ("https://op.example/.well-known/oauth-authorization-server/main", "https://op.example"),
    ] {
        let text = openid("").replace("https://op.example", issuer);
        let (key, problem) = problem_of(&text);
        assert_eq!(key, "identity_provider.issuer");
        assert!(problem.starts_with("is the address of the provider's metadata"), "{problem}");
        let said = Configuration::parse(&text).unwrap_err().to_string();
        assert!(said.ends_with(&format!("for example: issuer = \"{meant}\"")), "{said}");
    }
    let (key, problem) = problem_of(&openid("").replace("https://op.example", "https://*.op.example"));
    assert_eq!(
        (key.as_str(), problem.as_str()),
        ("identity_provider.issuer", "has a * in its host, which stands for no other host")
    );
}

/// Gatehouse has the metadata of an issuer itself: it would ask itself who its users are.
#[test]
fn users_do_not_sign_in_at_ourselves() {
    for issuer in ["https://gateway.example", "https://GATEWAY.example:443/", "https://gateway.example."] {
        let (key, problem) = problem_of(&openid("").replace("https://op.example", issuer));
        assert_eq!(key, "identity_provider.issuer", "{issuer}");
        assert!(problem.contains("own public_url"), "{problem}");
    }
    let listed = openid("").replace("[identity_provider]", "[[identity_providers]]");
    let (key, _) = problem_of(&listed.replace("https://op.example", "https://gateway.example"));
    assert_eq!(key, "identity_providers[0].issuer");
    // Another server behind the same proxy.
    let beside = openid("").replace("https://op.example", "https://gateway.example/realms/main");
    assert!(Configuration::parse(&beside).is_ok());
}

#[test]
fn one_table_or_a_list_of_them_names_who_signs_users_in() {
    let (before, rest) = MINIMAL.split_once("[identity_provider]").unwrap();
    let (_, after) = rest.split_once("[[routes]]").unwrap();
    let list = |tables: &str| format!("{before}{tables}\n[[routes]]{after}");
    let table = |name: &str| {
        format!("[[identity_providers]]\nname = {name:?}\nissuer = \"https://a.example\"\nclient_id = \"g\"\n")
    };
    let two = Configuration::parse(&list(&format!("{}{}", table("a"), table("b")))).unwrap();
    assert_eq!(
        two.authorization_server.identity_providers.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(
        two.authorization_server.identity_provider("b").is_some()
            && two.authorization_server.identity_provider("c").is_none()
    );

    let (key, problem) = problem_of(&list(&format!("{}{}", table("a"), table("a"))));
    assert_eq!((key.as_str(), problem.as_str()), ("identity_providers[1].name", "is \"a\" for a second time"));
    assert_eq!(problem_of(&list(&format!("{}{}", table("a"), table("B")))).0, "identity_providers[1].name");
    assert_eq!(problem_of(&list("")).0, "identity_provider");
    assert_eq!(problem_of(&format!("identity_providers = []\n{}", list(""))).0, "identity_providers");
    let both = format!("{MINIMAL}\n{}", table("a"));
    assert_eq!(problem_of(&both).0, "identity_provider");
}

#[test]
fn an_issuer_is_a_url_of_which_requests_can_be_made() {
    let with_issuer = |issuer: &str| openid("").replace("\"https://op.example\"", &format!("{issuer:?}"));
    for good in ["https://op.example", "https://op.example:8443/realms/a/", "http://127.0.0.1:4000"] {
        assert_eq!(provider(&with_issuer(good)).issuer, good);
    }
    for bad in [
        "op.example",
        "http://op.example",
        "https://op.example?a=b",
        "https://op.example/#a",
        "https://user@op.example",
        "https://:password@op.example",
        " https://op.example",
        "https://op.exa\tmple",
        "https://op.example/a b",
        "https://op}.example",
    ] {
        assert_eq!(problem_of(&with_issuer(bad)).0, "identity_provider.issuer", "{bad}");
    }
}

#[test]
fn the_metadata_may_be_at_a_place_of_its_own() {
    let with_url = |url: &str| openid(&format!("metadata_url = {url:?}"));
    for good in [
        "https://op.example/api/auth/.well-known/openid-configuration",
        "https://login.example/metadata?p=b2c_1_sign_in",
        "http://127.0.0.1:4000/metadata",
    ] {
        let provider = provider(&with_url(good));
        assert_eq!((provider.metadata_url.as_deref(), provider.issuer.as_str()), (Some(good), "https://op.example"));
    }
    assert_eq!(provider(&openid("")).metadata_url, None);
    for bad in [
        "",
        "/metadata",
        "http://op.example/metadata",
        "https://op.example/#a",
        "https://u@op.example",
        "https://op.example/a b?c",
    ] {
        assert_eq!(problem_of(&with_url(bad)).0, "identity_provider.metadata_url", "{bad}");
    }
    let of_entra = entra(&format!("tenant = {TENANT:?}\nmetadata_url = \"https://op.example/metadata\""));
    assert_eq!(problem_of(&of_entra).0, "identity_provider.metadata_url");
}

#[test]
fn groups_and_roles_may_be_in_claims_of_other_names_but_not_in_those_that_mean_something_else() {
    let with_claims = |claims: &str| openid(&format!("claims = {{ {claims} }}"));
    assert_eq!(provider(&openid("")).claim_names, ClaimNames::default());
    let names = provider(&with_claims(r#"groups = "cognito:groups", roles = "/realm_access/roles""#)).claim_names;
    assert_eq!((names.groups.as_str(), names.roles.as_str()), ("cognito:groups", "/realm_access/roles"));
    let names = provider(&with_claims(r#"roles = "https://example.com/roles""#)).claim_names;
    assert_eq!((names.groups.as_str(), names.roles.as_str()), ("groups", "https://example.com/roles"));
    for bad in ["", "/", "//roles", "sub", "/aud", "/email/0", "tid", "a\nb", &"a".repeat(129)] {
        assert_eq!(
            problem_of(&with_claims(&format!("groups = {bad:?}"))).0,
            "identity_provider.claims.groups",
            "{bad}"
        );
        assert_eq!(problem_of(&with_claims(&format!("roles = {bad:?}"))).0, "identity_provider.claims.roles", "{bad}");
    }
}

#[test]
fn requests_can_be_made_of_the_places_of_entra() {
    for key in ["authority", "graph"] {
        let document = entra(&format!("tenant = {TENANT:?}\n{key} = \"https://log`in.example\""));
        assert_eq!(problem_of(&document).0, format!("identity_provider.{key}"));
    }
}

#[test]
fn the_name_of_machines_is_taken() {
    let (key, problem) = problem_of(&openid("").replace("\"op\"", "\"client\""));
    assert_eq!(key, "identity_provider.name");
    assert!(problem.contains("reserved for machine clients"), "{problem}");
    assert!(Configuration::parse(&openid("").replace("\"op\"", "\"clients\"")).is_ok());
}

#[test]
fn an_entra_provider_is_named_by_its_tenant_and_has_an_issuer_that_follows() {
    let single = provider(&entra(&format!("tenant = {:?}", TENANT.to_uppercase())));
    let ProviderProfile::Entra(profile) = &single.profile else { panic!("{:?}", single.profile) };
    assert_eq!(profile.tenant, TENANT);
    assert_eq!(profile.authority, "https://login.microsoftonline.com");
    assert_eq!(profile.graph, "https://graph.microsoft.com");
    assert!(!profile.is_multi_tenant());
    assert_eq!(single.issuer, format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    assert_eq!(single.scopes.to_string(), "openid profile offline_access");

    let sovereign = provider(&entra(&format!(
        "tenant = {TENANT:?}\nauthority = \"http://127.0.0.1:3001/\"\ngraph = \"https://graph.microsoft.us\""
    )));
    let ProviderProfile::Entra(profile) = &sovereign.profile else { panic!("{:?}", sovereign.profile) };
    assert_eq!(
        (profile.authority.as_str(), profile.graph.as_str()),
        ("http://127.0.0.1:3001", "https://graph.microsoft.us")
    );
    assert_eq!(sovereign.issuer, format!("http://127.0.0.1:3001/{TENANT}/v2.0"));

    let several = provider(&entra("tenant = \"organizations\"\naccess = { any_tenant = true }"));
    assert_eq!(several.issuer, "https://login.microsoftonline.com/organizations/v2.0");
}

#[test]
fn what_belongs_to_one_profile_is_refused_in_the_other() {
    for (document, key) in [
        (entra(""), "tenant"),
        (entra("tenant = \"contoso.onmicrosoft.com\""), "tenant"),
        (entra("tenant = \"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f1\""), "tenant"),
        (entra("tenant = \"Organizations\""), "tenant"),
        (
            entra(&format!("tenant = {TENANT:?}\nissuer = \"https://login.microsoftonline.com/{TENANT}/v2.0\"")),
            "issuer",
        ),
        (entra(&format!("tenant = {TENANT:?}\nauthority = \"http://login.example\"")), "authority"),
        (entra(&format!("tenant = {TENANT:?}\nauthority = \"https://login.example/path\"")), "authority"),
        (entra(&format!("tenant = {TENANT:?}\ngraph = \"graph.microsoft.com\"")), "graph"),
        (openid(&format!("tenant = {TENANT:?}")), "tenant"),
        (openid("authority = \"https://login.example\""), "authority"),
        (openid("graph = \"https://graph.example\""), "graph"),
        (openid("profile = \"google\""), "profile"),
        (with("name = \"op\"\nclient_id = \"gatehouse\""), "issuer"),
        (with("name = \"op\"\nissuer = \"https://op.example\"\nclient_id = \"\""), "client_id"),
        (openid("scopes = [\"profile\"]"), "scopes"),
    ] {
        assert_eq!(problem_of(&document).0, format!("identity_provider.{key}"), "{document}");
    }
}

#[test]
fn several_tenants_are_listed_or_all_of_them_are_let_in_on_purpose() {
    const OTHER: &str = "00000000-0000-0000-0000-00000000000A";
    for tenant in ["organizations", "common", "consumers"] {
        let (key, problem) = problem_of(&entra(&format!("tenant = {tenant:?}")));
        assert_eq!(key, "identity_provider.access.tenants");
        assert!(problem.contains("everybody with a Microsoft account"), "{problem}");
        let listed = provider(&entra(&format!("tenant = {tenant:?}\naccess = {{ tenants = [{OTHER:?}] }}")));
        assert_eq!(listed.access.tenants, [OTHER.to_lowercase()]);
        assert!(
            provider(&entra(&format!("tenant = {tenant:?}\naccess = {{ any_tenant = true }}")))
                .access
                .tenants
                .is_empty()
        );
    }
    let own = provider(&entra(&format!("tenant = {TENANT:?}\naccess = {{ tenants = [{TENANT:?}] }}")));
    assert_eq!(own.access.tenants, [TENANT]);
    for (document, key) in [
        (entra(&format!("tenant = \"common\"\naccess = {{ tenants = [{OTHER:?}], any_tenant = true }}")), "any_tenant"),
        // Entra's e-mail claims are not verified across tenants ("nOAuth").
        (entra("tenant = \"common\"\naccess = { any_tenant = true, domains = [\"a.example\"] }"), "domains"),
        (
            entra(&format!("tenant = \"common\"\naccess = {{ tenants = [{OTHER:?}], domains = [\"a.example\"] }}")),
            "domains",
        ),
        (entra(&format!("tenant = {TENANT:?}\naccess = {{ any_tenant = true }}")), "any_tenant"),
        (entra(&format!("tenant = {TENANT:?}\naccess = {{ tenants = [{OTHER:?}] }}")), "tenants"),
        (openid("access = { any_tenant = true }"), "any_tenant"),
        (openid(&format!("access = {{ tenants = [{TENANT:?}] }}")), "tenants"),
    ] {
        assert_eq!(problem_of(&document).0, format!("identity_provider.access.{key}"), "{document}");
    }
}

#[test]
fn access_rules_are_values_that_a_claim_can_have() {
    let rules = provider(&openid(
        "access = { domains = [\"Example.COM\", \"xn--bcher-kva.example\"], groups = [\"g 1\"], roles = [\"Mcp.User\"] }",
    ));
    assert_eq!(rules.access.domains, ["example.com", "xn--bcher-kva.example"]);
    assert_eq!(
        (rules.access.groups.as_slice(), rules.access.roles.as_slice()),
        (&["g 1".to_owned()][..], &["Mcp.User".to_owned()][..])
    );
    assert_eq!(rules.scopes.to_string(), "openid profile email", "the claim comes with the scope");
    for bad in [
        "",
        "example",
        "@example.com",
        "a@example.com",
        "*.example.com",
        ".example.com",
        "example.com.",
        "bücher.example",
    ] {
        let (key, _) = problem_of(&openid(&format!("access = {{ domains = [\"a.example\", {bad:?}] }}")));
        assert_eq!(key, "identity_provider.access.domains[1]", "{bad}");
    }
    for list in ["groups", "roles"] {
        let (key, problem) = problem_of(&openid(&format!("access = {{ {list} = [\" \"] }}")));
        assert_eq!((key, problem.as_str()), (format!("identity_provider.access.{list}[0]"), "is empty"));
    }
    assert_eq!(
        problem_of(&entra("tenant = \"common\"\naccess = { tenants = [\"a\"] }")).0,
        "identity_provider.access.tenants[0]"
    );
}

#[test]
fn there_is_one_way_to_prove_who_we_are_or_none() {
    let authentication = |more: &str| provider(&openid(more)).authentication;
    assert!(matches!(authentication(""), ProviderAuthentication::None));
    assert!(matches!(authentication("client_secret = { secret = \"a\" }"), ProviderAuthentication::Secret(_)));
    let thumbprint = "A".repeat(43);
    let signed = authentication(&format!(
        "private_key = {{ secret = \"k\", key_id = \"2026\", certificate_thumbprint = {thumbprint:?} }}"
    ));
    let ProviderAuthentication::PrivateKey { key, key_id, certificate_thumbprint } = signed else {
        panic!("{signed:?}")
    };
    assert_eq!((key.as_str(), key_id.as_deref(), certificate_thumbprint), ("k", Some("2026"), Some(thumbprint)));
    let setting = authentication("client_assertion = { secret = \"assertion\" }");
    assert!(
        matches!(setting, ProviderAuthentication::Assertion(AssertionSource::Setting(name)) if name.as_str() == "assertion")
    );
    let managed = authentication(
        "[identity_provider.client_assertion]\nurl = \"http://169.254.169.254/token?resource=a%3Ab\"\n\
         headers = { Metadata = \"true\" }\nsecret_headers = { X-IDENTITY-HEADER = { secret = \"identity_header\" } }",
    );
    let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, headers, secret_headers }) = managed else {
        panic!("{managed:?}")
    };
    assert_eq!(url, "http://169.254.169.254/token?resource=a%3Ab");
    assert_eq!(headers.into_iter().collect::<Vec<_>>(), [("metadata".to_owned(), "true".to_owned())]);
    assert_eq!((secret_headers[0].0.as_str(), secret_headers[0].1.as_str()), ("x-identity-header", "identity_header"));
}

#[test]
fn what_could_not_prove_who_we_are_is_refused() {
    let at = |url: &str| format!("client_assertion = {{ url = {url:?} }}");
    for (more, key) in [
        ("client_secret = { secret = \"a\" }\nprivate_key = { secret = \"b\" }", "private_key"),
        ("client_secret = { secret = \"a\" }\nclient_assertion = { secret = \"b\" }", "client_assertion"),
        ("private_key = { secret = \"a\" }\nclient_assertion = { secret = \"b\" }", "client_assertion"),
        ("client_secret = { secret = \"A\" }", "client_secret.secret"),
        ("private_key = { secret = \"-----BEGIN\" }", "private_key.secret"),
        ("private_key = { secret = \"a\", key_id = \"\" }", "private_key.key_id"),
        ("private_key = { secret = \"a\", certificate_thumbprint = \"90BCF4\" }", "private_key.certificate_thumbprint"),
        ("client_assertion = {}", "client_assertion"),
        ("client_assertion = { secret = \"a\", url = \"https://a.example/\" }", "client_assertion"),
        ("client_assertion = { secret = \"a\", headers = { a = \"b\" } }", "client_assertion"),
        ("client_assertion = { secret = \"A\" }", "client_assertion.secret"),
        (&at("http://metadata.example/token"), "client_assertion.url"),
        (&at("http://169.255.0.1/token"), "client_assertion.url"),
        (&at("file:///var/run/token"), "client_assertion.url"),
        (&at("https://user@a.example/"), "client_assertion.url"),
        (&at("https://a.example/#a"), "client_assertion.url"),
        (&at("token"), "client_assertion.url"),
        (
            "client_assertion = { url = \"https://a.example/\", headers = { Host = \"b\" } }",
            "client_assertion.headers.Host",
        ),
        (
            "client_assertion = { url = \"https://a.example/\", headers = { a = \"b\\nc\" } }",
            "client_assertion.headers.a",
        ),
        (
            "client_assertion = { url = \"https://a.example/\", headers = { a = \"b\" }, secret_headers = { A = { secret = \"c\" } } }",
            "client_assertion.secret_headers.A",
        ),
    ] {
        assert_eq!(problem_of(&openid(more)).0, format!("identity_provider.{key}"), "{more}");
    }
}

#[test]
fn identity_assertions_are_taken_only_where_the_operator_says_so() {
    assert!(!provider(&openid("")).accepts_identity_assertions);
    assert!(provider(&openid("accepts_identity_assertions = true")).accepts_identity_assertions);
}

#[test]
fn further_parameters_are_sent_and_none_of_ours_is_replaced() {
    let with = |parameters: &str| openid(&format!("authorization_parameters = {parameters}\n"));
    let provider = provider(&with(r#"{ prompt = "consent", access_type = "offline" }"#));
    assert_eq!(provider.authorization_parameters.len(), 2);
    assert!(provider.is_asked_for_refresh_tokens());
    assert!(!self::provider(&with(r#"{ access_type = "online" }"#)).is_asked_for_refresh_tokens());
    assert!(self::provider(&openid("scopes = [\"openid\", \"offline_access\"]\n")).is_asked_for_refresh_tokens());
    for (parameters, key) in [
        (r#"{ state = "x" }"#, "state"),
        (r#"{ redirect_uri = "https://evil.example" }"#, "redirect_uri"),
        (r#"{ request = "x" }"#, "request"),
        (r#"{ prompt = "none" }"#, "prompt"),
        (r#"{ prompt = "login none" }"#, "prompt"),
        (r#"{ "a b" = "x" }"#, "a b"),
        (r#"{ a = "\u0000" }"#, "a"),
        (r#"{ prompt = "" }"#, "prompt"),
        (r#"{ dpop_jkt = "x" }"#, "dpop_jkt"),
        (r#"{ client_assertion = "x" }"#, "client_assertion"),
    ] {
        let (found, _) = problem_of(&with(parameters));
        assert_eq!(found, format!("identity_provider.authorization_parameters.{key}"), "{parameters}");
    }
}

#[test]
fn single_users_are_named_as_their_subjects_name_them() {
    const OBJECT: &str = "1f0c2b1a-9d3e-4c57-8a41-0c7d5e2b9f10";
    let users = |document: String| provider(&document).access.users;
    assert_eq!(users(openid("access = { users = [\"8f2c1e\", \"urn:alice\"] }")), ["8f2c1e", "urn:alice"]);
    let own = format!("{TENANT}.{OBJECT}");
    let entra_with =
        |tenant: &str, user: &str| entra(&format!("tenant = \"{tenant}\"\naccess = {{ users = [\"{user}\"] }}"));
    assert_eq!(users(entra_with(TENANT, &OBJECT.to_uppercase())), [own.as_str()]);
    assert_eq!(users(entra_with(TENANT, &own.to_uppercase())), [own.as_str()]);
    for (document, said) in [
        (openid("access = { users = [\"a b\"] }"), "is not a sub"),
        (openid("access = { users = [\"\"] }"), "is not a sub"),
        (entra_with(TENANT, "alice@example.com"), "is not an object id"),
        (entra_with(TENANT, "alice"), "is not an object id"),
        (
            entra(&format!("tenant = \"organizations\"\naccess = {{ any_tenant = true, users = [\"{OBJECT}\"] }}")),
            "users of several tenants",
        ),
    ] {
        let (key, problem) = problem_of(&document);
        assert_eq!(key, "identity_provider.access.users[0]", "{problem}");
        assert!(problem.contains(said), "{problem}");
    }
}

#[test]
fn nobody_is_an_administrator_unless_a_role_says_so() {
    use gatehouse_protocol::Claims;
    let with_roles =
        |roles: &[&str]| Claims::new(None, vec![], roles.iter().map(|role| (*role).to_owned()).collect()).unwrap();
    assert_eq!(provider(&openid("")).administrator_role(&with_roles(&["Admin", ""])), None);
    let configured = provider(&openid("administrator_roles = [\"Admin\", \"Owner\"]"));
    assert_eq!(configured.administrator_role(&with_roles(&["x", "Owner"])), Some("Owner"));
    for roles in [&["admin"][..], &["Administrator"], &[]] {
        assert_eq!(configured.administrator_role(&with_roles(roles)), None, "{roles:?}");
    }
    let (key, problem) = problem_of(&openid("administrator_roles = [\"Admin\", \" \"]"));
    assert_eq!((key.as_str(), problem.as_str()), ("identity_provider.administrator_roles[1]", "is empty"));
}

#[test]
fn nobody_is_an_operator_unless_a_role_says_so() {
    use gatehouse_protocol::Claims;
    let with_roles =
        |roles: &[&str]| Claims::new(None, vec![], roles.iter().map(|role| (*role).to_owned()).collect()).unwrap();
    assert_eq!(provider(&openid("")).operator_role(&with_roles(&["Admin", ""])), None);
    let configured = provider(&openid("operator_roles = [\"Admin\", \"Owner\"]"));
    assert_eq!(configured.operator_role(&with_roles(&["x", "Owner"])), Some("Owner"));
    for roles in [&["admin"][..], &["Administrator"], &[]] {
        assert_eq!(configured.operator_role(&with_roles(roles)), None, "{roles:?}");
    }
    let (key, problem) = problem_of(&openid("operator_roles = [\"Admin\", \" \"]"));
    assert_eq!((key.as_str(), problem.as_str()), ("identity_provider.operator_roles[1]", "is empty"));
}
