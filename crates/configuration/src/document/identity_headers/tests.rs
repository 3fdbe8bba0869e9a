use crate::{Configuration, IdentityClaim, IdentityHeaders};

const KEYS: &str = r#"caller_assertion_keys = { secret = "caller_assertion_keys" }"#;
const OPENID: &str = r#"{ name = "main", issuer = "https://login.example", client_id = "gatehouse" }"#;

fn read(top: &str, lines: &str) -> Result<Configuration, String> {
    let document = format!(
        "public_url = \"https://gateway.example\"\n{top}\nidentity_providers = [{OPENID}]\n\n[[routes]]\npath = \"/mcp\"\n\
         url = \"http://10.0.0.7:8080/mcp\"\n{lines}\n"
    );
    Configuration::parse(&document).map_err(|error| error.to_string())
}

fn headers(configuration: &Configuration) -> &IdentityHeaders {
    configuration.routes[0].upstreams().next().unwrap().identity_headers.as_ref().unwrap()
}

#[test]
fn a_server_is_told_what_the_operator_chose_and_nothing_else() {
    let none = read("", "").unwrap();
    assert_eq!(none.routes[0].upstreams().next().unwrap().identity_headers, None);
    assert!(!none.authorization_server.routes[0].keeps_names);
    let one = read("", "identity_headers = { app_service = true }").unwrap();
    let expected =
        IdentityHeaders { app_service: true, claims: Vec::new(), assertion: None, names: false, bytes: 8192 };
    assert_eq!(*headers(&one), expected);
    let lines = "identity_headers = { claims = { X-User-Groups = \"groups\", x-name = \"name\" }, names = true, \
                 assertion_header = \"x-caller\", bytes = 2048 }";
    let all = read(KEYS, lines).unwrap();
    let all_headers = headers(&all);
    assert_eq!(
        all_headers.headers().map(|name| name.to_string()).collect::<Vec<_>>(),
        ["x-user-groups", "x-name", "x-caller"]
    );
    assert_eq!((all_headers.claims[0].1, all_headers.bytes), (IdentityClaim::Groups, 2048));
    assert_eq!(all_headers.assertion.as_ref().unwrap().audience, "http://10.0.0.7:8080/mcp");
    assert!(all.authorization_server.routes[0].keeps_names);
    assert_eq!(all.gateway.caller_assertion_keys, all.authorization_server.caller_assertion_keys);
    let audience = "identity_headers = { assertion_header = \"x-caller\", assertion_audience = \"api://tools\" }";
    assert_eq!(headers(&read(KEYS, audience).unwrap()).assertion.as_ref().unwrap().audience, "api://tools");
}

#[test]
fn every_claim_has_one_name() {
    for (name, claim) in IdentityClaim::ALL {
        let configuration =
            read("", &format!("identity_headers = {{ names = true, claims = {{ x-it = \"{name}\" }} }}"));
        assert_eq!(headers(&configuration.unwrap()).claims[0].1, claim);
        assert_eq!(claim.as_str(), name);
    }
}

#[test]
fn a_wrong_table_is_told_with_its_key() {
    for (top, lines, said) in [
        ("", "identity_headers = {}", "`routes[0].identity_headers` names no header"),
        ("", "identity_headers = { names = true }", "`routes[0].identity_headers` names no header"),
        (
            "",
            "identity_headers = { claims = { x-a = \"secrets\" } }",
            "`routes[0].identity_headers.claims.x-a` must be one of subject",
        ),
        (
            "",
            "identity_headers = { claims = { x-a = \"email\" } }",
            "`routes[0].identity_headers.claims.x-a` is personal data",
        ),
        (
            "",
            "identity_headers = { claims = { host = \"subject\" } }",
            "is a header that the gateway itself decides on",
        ),
        ("", "identity_headers = { claims = { authorization = \"subject\" } }", "must not be authorization"),
        ("", "identity_headers = { claims = { x-a = \"subject\", x_a = \"roles\" } }", "says two things in the header"),
        (
            "",
            "identity_headers = { app_service = true, claims = { x_ms_client_principal-id = \"subject\" } }",
            "says two things in the header x_ms_client_principal-id",
        ),
        (
            "",
            "subject_header = \"x-who\"\nidentity_headers = { claims = { x_who = \"subject\" } }",
            "`routes[0].identity_headers` must not say something else in the header x_who",
        ),
        (
            "",
            "secret_headers = { x-key = { secret = \"a\" } }\nidentity_headers = { claims = { x-key = \"subject\" } }",
            "must not say something else in the header x-key",
        ),
        (
            "",
            "identity_provider_token_header = \"x-token\"\nidentity_headers = { claims = { x-token = \"subject\" } }",
            "must not say something else in the header x-token",
        ),
        ("", "identity_headers = { assertion_header = \"x-caller\" }", "`caller_assertion_keys` is missing"),
        (
            KEYS,
            "identity_headers = { app_service = true, assertion_audience = \"a\" }",
            "needs assertion_header beside it",
        ),
        (KEYS, "identity_headers = { assertion_header = \"x-a\", assertion_audience = \"a b\" }", "visible ASCII"),
        ("", "identity_headers = { app_service = true, bytes = 1023 }", "must be 1024 to 65536"),
        ("", "identity_headers = { app_service = true, bytes = 65537 }", "must be 1024 to 65536"),
    ] {
        let error = read(top, lines).unwrap_err();
        assert!(error.contains(said), "{lines}: {error}");
    }
    let many: Vec<_> = (0..17).map(|number| format!("x-{number} = \"subject\"")).collect();
    let error = read("", &format!("identity_headers = {{ claims = {{ {} }} }}", many.join(", "))).unwrap_err();
    assert!(error.contains("more than 16"), "{error}");
}

#[test]
fn each_member_is_told_for_itself_and_no_client_may_send_any_of_the_names_to_any_server() {
    let members = r#"
        public_url = "https://gateway.example"
        identity_provider = { name = "main", issuer = "https://login.example", client_id = "gatehouse" }
        [[routes]]
        path = "/all"
        members = [
            { prefix = "a", url = "http://10.0.0.7/", identity_headers = { claims = { x-groups = "groups" } } },
            { prefix = "b", url = "http://10.0.0.8/", subject_header = "x-who" },
            { url = "http://10.0.0.9/", identity_headers = { app_service = true } },
        ]
        [[routes]]
        path = "/token"
        url = "http://10.0.0.10/"
        "#;
    let members = members.replace("/token\"", "/other\"");
    let configuration = Configuration::parse(&members).unwrap();
    let told: Vec<_> =
        configuration.routes[0].upstreams().map(|upstream| upstream.identity_headers.is_some()).collect();
    assert_eq!(told, [true, false, true]);
    let names: Vec<_> = configuration.gateway.identity_header_names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["x-groups", "x-who"]);
    let both = members.replace("members = [", "identity_headers = { app_service = true }\nmembers = [");
    let error = Configuration::parse(&both).unwrap_err().to_string();
    assert!(error.contains("must not be given together with members"), "{error}");
}

#[test]
fn nobody_but_a_user_of_entra_comes_from_aad_where_both_are_there() {
    let document = |app_service: bool| {
        format!(
            r#"
            public_url = "https://gateway.example"
            [[identity_providers]]
            name = "staff"
            profile = "entra"
            tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
            client_id = "gatehouse"
            [[identity_providers]]
            name = "aad"
            issuer = "https://login.example"
            client_id = "gatehouse"
            [[routes]]
            path = "/mcp"
            url = "http://10.0.0.7/"
            identity_headers = {{ app_service = {app_service}, claims = {{ x-who = "subject" }} }}
            "#
        )
    };
    assert!(Configuration::parse(&document(false)).is_ok());
    let error = Configuration::parse(&document(true)).unwrap_err().to_string();
    assert!(error.contains("`identity_providers` holds a provider with the name `aad`"), "{error}");
}
