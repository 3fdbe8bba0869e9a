use crate::{Configuration, TokenVerification};

/// The key that is wrong where the only issuer has these lines, and what is wrong with it; the issuer where nothing is.
fn issuer(lines: &str) -> Result<crate::TokenIssuer, (String, String)> {
    let document = format!(
        "public_url = \"https://gateway.example\"\n[[token_issuers]]\nname = \"it\"\n{lines}\n[[routes]]\npath = \"/mcp\"\n\
         url = \"https://server.example\"\ntokens = [{{ issuer = \"it\", audiences = [\"api://mcp\"] }}]"
    );
    match Configuration::parse(&document) {
        Ok(configuration) => Ok(configuration.authorization_server.token_issuers[0].clone()),
        Err(error) => {
            let text = error.to_string();
            let key = text.split('`').nth(1).unwrap_or_default().to_owned();
            Err((key, text))
        }
    }
}

const TENANT: &str = r#"tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10""#;

const LOOKUP: &str = r#"group_lookup = { client_id = "lookup", client_secret = { secret = "s" }, graph = "https://graph.microsoft.us" }"#;

#[test]
fn groups_are_looked_up_by_an_application_with_a_secret_in_the_cloud_that_is_named() {
    let found = issuer(&format!("profile = \"entra\"\n{TENANT}\n{LOOKUP}")).unwrap();
    assert_eq!(found.secret().map(|name| name.as_str()), Some("s"));
    let TokenVerification::Entra { profile, .. } = found.verification else { panic!("it is Entra") };
    assert_eq!(profile.graph, "https://graph.microsoft.us");
}

#[test]
fn an_issuer_is_found_in_one_of_five_ways() {
    let entra = format!("profile = \"entra\"\n{TENANT}");
    let url = |lines: &str| issuer(lines).unwrap().url();
    assert_eq!(url(r#"issuer = "https://op.example""#).as_deref(), Some("https://op.example"));
    let of_entra = "https://login.microsoftonline.com/8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10/v2.0";
    assert_eq!(url(&entra).as_deref(), Some(of_entra));
    let keys = "issuer = \"https://op.example\"\njwks_uri = \"https://keys.example/jwks?a=b\"";
    assert_eq!(issuer(keys).unwrap().asked_at(), Some("https://keys.example/jwks?a=b"));
    let inline = "issuer = \"https://op.example\"\njwks = '{\"keys\":[{\"kty\":\"EC\"}]}'";
    assert_eq!(issuer(inline).unwrap().asked_at(), None);
    let asked =
        r#"introspection = { url = "https://op.example/i", client_id = "x", client_secret = { secret = "s" } }"#;
    let asked = issuer(asked).unwrap();
    assert!(
        matches!(&asked.verification, TokenVerification::Introspected { issuer: None, introspection } if introspection.keep_seconds == 60)
    );
    assert_eq!((asked.url(), asked.secret().map(|name| name.as_str())), (None, Some("s")));
}

#[test]
fn what_could_not_be_meant_is_refused_by_its_key() {
    let openid = |more: &str| format!("issuer = \"https://op.example\"\n{more}");
    for (lines, key) in [
        (String::new(), "issuer"),
        (openid("jwks_uri = \"http://keys.example/jwks\""), "jwks_uri"),
        (openid("jwks = '{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}'"), "jwks"),
        (openid("algorithms = [\"HS256\"]"), "algorithms[0]"),
        (openid("algorithms = [\"none\"]"), "algorithms[0]"),
        (openid("clock_skew = 601"), "clock_skew"),
        (openid("types = [\"\"]"), "types[0]"),
        (openid("tenants = [\"8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10\"]"), "tenants"),
        (openid("claims = { roles = \"aud\" }"), "claims.roles"),
        (openid("jwks_uri = \"https://k.example\"\nmetadata_url = \"https://m.example\""), "metadata_url"),
        ("profile = \"entra\"\ntenant = \"organizations\"".to_owned(), "tenants"),
        (openid(LOOKUP), "group_lookup"),
        (
            format!("profile = \"entra\"\n{TENANT}\n{}", LOOKUP.replace("lookup\", c", "\", c")),
            "group_lookup.client_id",
        ),
        (format!("profile = \"entra\"\n{TENANT}\nversions = [\"3.0\"]"), "versions"),
        (format!("profile = \"entra\"\n{TENANT}\njwks_uri = \"https://k.example\""), "jwks_uri"),
        (
            "introspection = { url = \"http://op.example/i\", client_id = \"x\", client_secret = { secret = \"s\" } }"
                .to_owned(),
            "introspection.url",
        ),
    ] {
        let (found, text) = issuer(&lines).unwrap_err();
        assert_eq!(found, format!("token_issuers[0].{key}"), "{text}");
    }
}

#[test]
fn an_issuer_has_one_entry_for_tokens_that_are_verified_and_one_for_those_that_it_is_asked_about() {
    const SIGNED: &str = r#"jwks_uri = "https://op.example/keys""#;
    const ASKED: &str =
        r#"introspection = { url = "https://op.example/i", client_id = "x", client_secret = { secret = "s" } }"#;
    let parse = |ways: &[&str]| {
        let entry = |(index, way): (usize, &&str)| {
            format!("[[token_issuers]]\nname = \"it-{index}\"\nissuer = \"https://op.example\"\n{way}\n")
        };
        let entries: String = ways.iter().enumerate().map(entry).collect();
        let tokens: Vec<_> =
            (0..ways.len()).map(|index| format!("{{ issuer = \"it-{index}\", audiences = [\"a\"] }}")).collect();
        Configuration::parse(&format!(
            "public_url = \"https://gateway.example\"\n{entries}[[routes]]\npath = \"/mcp\"\nurl = \"https://server.example\"\n\
             tokens = [{}]\n",
            tokens.join(", ")
        ))
    };
    for ways in [[SIGNED, ASKED], [ASKED, SIGNED], ["", ASKED]] {
        let configuration = parse(&ways).unwrap();
        let accepted = configuration.routes[0].accepted_tokens.as_ref().unwrap();
        assert_eq!(accepted.issuers, ["https://op.example"], "clients are told once");
    }
    for ways in [[SIGNED, SIGNED].as_slice(), &[SIGNED, ""], &[ASKED, ASKED], &[SIGNED, ASKED, SIGNED]] {
        let refused = parse(ways).unwrap_err().to_string();
        let key = format!("`token_issuers[{}].issuer`", ways.len() - 1);
        assert!(refused.contains(&key) && refused.contains("for a second time"), "{refused}");
    }
}

#[test]
fn nobody_asks_gatehouse_itself_what_to_believe() {
    for lines in [
        "issuer = \"https://gateway.example\"",
        "issuer = \"https://op.example\"\njwks_uri = \"https://gateway.example/jwks\"",
        "introspection = { url = \"https://GATEWAY.example:443/introspect\", client_id = \"x\", client_secret = { secret = \"s\" } }",
    ] {
        let (key, text) = issuer(lines).unwrap_err();
        assert!(key == "token_issuers[0]" && text.contains("own public_url"), "{text}");
    }
    assert!(
        issuer("issuer = \"https://gateway.example/realm\"").is_ok(),
        "behind the same proxy, at a path of its own"
    );
}

#[test]
fn the_name_of_an_identity_provider_is_for_the_same_issuer_only() {
    let parse = |issuer: &str| {
        Configuration::parse(&format!(
            "public_url = \"https://gateway.example\"\n[identity_provider]\nname = \"main\"\nissuer = \"https://op.example\"\n\
             client_id = \"x\"\n[[token_issuers]]\nname = \"main\"\nissuer = \"{issuer}\"\n[[routes]]\npath = \"/mcp\"\n\
             url = \"https://server.example\"\n"
        ))
    };
    assert!(parse("https://op.example").is_ok());
    let refused = parse("https://other.example").unwrap_err().to_string();
    assert!(refused.contains("`token_issuers[0].name`"), "{refused}");
}
