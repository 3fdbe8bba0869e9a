//! Whether somebody can sign in where somebody has to.

use super::identity_provider::EXAMPLE;
use crate::authorization_server::Configuration;
use crate::error::problem;
use crate::{ConfigurationError, GrantType};

/// Without an identity provider, only machines get tokens of ours, and clients that exchange those of others. There must be one of them, and
/// nothing for which people sign in.
pub(super) fn provider_is_there_where_it_is_needed(configuration: &Configuration) -> Result<(), ConfigurationError> {
    if configuration.signs_users_in() || !configuration.issues_tokens() {
        return Ok(());
    }
    let missing = |text: String| Err(problem("identity_provider", text, EXAMPLE));
    let users = [GrantType::AuthorizationCode, GrantType::JwtBearer];
    let has =
        |grants: &[GrantType]| configuration.clients.iter().position(|it| grants.iter().any(|grant| it.has(*grant)));
    if configuration.workloads.is_empty() && has(&[GrantType::ClientCredentials, GrantType::TokenExchange]).is_none() {
        return missing("is missing: nobody could sign in".to_owned());
    }
    if let Some(index) = has(&users) {
        return missing(format!("is missing: clients[{index}] has a grant for users who sign in there"));
    }
    let routes = || configuration.routes.iter();
    for (is_there, key) in [
        (configuration.browser_sign_in.enabled, "browser_sign_in.enabled"),
        (configuration.token_page.enabled, "token_page.enabled"),
        (!configuration.preauthorized_clients.is_empty(), "preauthorized_clients"),
        (routes().any(|route| !route.preauthorized_clients.is_empty()), "routes.preauthorized_clients"),
        (routes().any(|route| route.needs_identity_provider_token), "routes.identity_provider_token_header"),
        (!configuration.client_documents.identity_assertions.is_empty(), "client_documents.identity_assertions"),
    ] {
        if is_there {
            return missing(format!("is missing: {key} is for users who sign in there"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Configuration;

    const DOCUMENT: &str = r#"
public_url = "https://gateway.example.com"
[[token_issuers]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
[[workloads]]
name = "deploy"
issuer = "github"
claims = { repository_id = "1" }
routes = ["/mcp"]
scopes = ["mcp"]
[[routes]]
path = "/mcp"
url = "http://10.0.0.7:8080/mcp"
"#;
    const PROVIDER: &str =
        "[identity_provider]\nname = \"main\"\nissuer = \"https://accounts.example.com\"\nclient_id = \"gatehouse\"\n";

    #[test]
    fn where_only_machines_come_in_no_identity_provider_is_needed() {
        let machine = r#"
[[clients]]
client_id = "nightly"
client_name = "Nightly"
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "a_secret" }
grant_types = ["client_credentials"]
scopes = ["mcp"]
"#;
        let workload = DOCUMENT.find("[[workloads]]").unwrap()..DOCUMENT.find("[[routes]]").unwrap();
        let mut alone = DOCUMENT.to_owned();
        alone.replace_range(workload, "");
        for document in [DOCUMENT.to_owned(), format!("{alone}{machine}")] {
            let configuration = Configuration::parse(&document).unwrap().authorization_server;
            assert!(configuration.issues_tokens() && !configuration.signs_users_in());
        }
        let said = Configuration::parse(&alone).unwrap_err().to_string();
        assert!(said.contains("key `identity_provider` is missing: nobody could sign in"), "{said}");
    }

    #[test]
    fn what_is_for_people_needs_a_place_where_they_sign_in() {
        const PUBLIC: &str = "[[clients]]\nclient_id = \"app\"\nclient_name = \"App\"\nredirect_uris = [\"http://127.0.0.1/callback\"]\n";
        for (added, key) in [
            (PUBLIC, "clients[0]"),
            ("[browser_sign_in]\nenabled = true\n", "browser_sign_in.enabled"),
            ("[token_page]\nenabled = true\n", "token_page.enabled"),
            ("identity_provider_token_header = \"x-token\"\n", "routes.identity_provider_token_header"),
        ] {
            let document = format!("{DOCUMENT}{added}");
            let said = Configuration::parse(&document).unwrap_err().to_string();
            assert!(said.contains(&format!("key `identity_provider` is missing: {key} ")), "{added}: {said}");
            let with_one = Configuration::parse(&format!("{document}{PROVIDER}"));
            assert!(with_one.is_ok(), "{added}: {}", with_one.unwrap_err());
        }
    }
}
