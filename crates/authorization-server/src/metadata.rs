//! What the authorization server says of itself (RFC 8414).

use gatehouse_configuration::GrantType;
use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_jose::SigningAlgorithm;
use gatehouse_protocol::{OwnPath, Scopes};
use serde::Serialize;

use crate::client_authentication::AuthenticationMethod;

/// Enterprise-managed authorization (draft-ietf-oauth-identity-assertion-authz-grant, section 7).
const ID_JAG_PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

/// The metadata document. It is not served at the location of OpenID Connect Discovery: it lacks what a document there must have.
#[derive(Debug, Serialize)]
pub struct AuthorizationServerMetadata {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    /// Never `offline_access`: clients that find it add `prompt=consent`, which loops at Entra (MCP 2026-07-28,
    /// authorization).
    scopes_supported: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    response_types_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    response_modes_supported: &'static [&'static str],
    grant_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_grant_profiles_supported: Vec<&'static str>,
    /// `none` among them: some clients use metadata documents only where they find it.
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 10],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 10],
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_methods_supported: Option<[&'static str; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_signing_alg_values_supported: Option<[&'static str; 10]>,
    /// Clients refuse a server that does not say so (MCP 2026-07-28, authorization security).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    code_challenge_methods_supported: &'static [&'static str],
    client_id_metadata_document_supported: bool,
    /// RFC 9207, section 3.
    authorization_response_iss_parameter_supported: bool,
}

impl AuthorizationServerMetadata {
    /// The document for `configuration`. What nobody may use is not advertised, and "claims with zero elements MUST be omitted" (RFC 8414,
    /// section 3.2): where nobody can sign in, everything about the authorization endpoint is.
    pub fn of(configuration: &Configuration) -> Self {
        let endpoint = |path: OwnPath| configuration.public_url.join(path.as_str());
        let scopes: Scopes = configuration.routes.iter().flat_map(Route::offered_scopes).cloned().collect();
        let introspects = configuration.clients.iter().any(|client| client.may_introspect);
        let signs_in = configuration.signs_users_in();
        let of_users = |names: &'static [&'static str]| if signs_in { names } else { &[] };
        let methods = AuthenticationMethod::ALL.map(AuthenticationMethod::as_str);
        let algorithms = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
        Self {
            issuer: configuration.public_url.to_string(),
            authorization_endpoint: signs_in.then(|| endpoint(OwnPath::Authorize)),
            token_endpoint: endpoint(OwnPath::Token),
            registration_endpoint: configuration.registration.enabled.then(|| endpoint(OwnPath::Register)),
            revocation_endpoint: endpoint(OwnPath::Revoke),
            introspection_endpoint: introspects.then(|| endpoint(OwnPath::Introspect)),
            scopes_supported: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            response_types_supported: of_users(&["code"]),
            response_modes_supported: of_users(&["query"]),
            grant_types_supported: grant_types(configuration),
            authorization_grant_profiles_supported: takes_assertions(configuration)
                .then_some(ID_JAG_PROFILE)
                .into_iter()
                .collect(),
            token_endpoint_auth_methods_supported: methods,
            token_endpoint_auth_signing_alg_values_supported: algorithms,
            revocation_endpoint_auth_methods_supported: methods,
            revocation_endpoint_auth_signing_alg_values_supported: algorithms,
            introspection_endpoint_auth_methods_supported: introspects
                .then(|| AuthenticationMethod::CONFIDENTIAL.map(AuthenticationMethod::as_str)),
            introspection_endpoint_auth_signing_alg_values_supported: introspects.then_some(algorithms),
            code_challenge_methods_supported: of_users(&["S256"]),
            client_id_metadata_document_supported: configuration.client_documents.enabled,
            authorization_response_iss_parameter_supported: signs_in,
        }
    }
}

fn grant_types(configuration: &Configuration) -> Vec<&'static str> {
    let is_supported = |grant_type: &GrantType| match grant_type {
        GrantType::AuthorizationCode | GrantType::RefreshToken => configuration.signs_users_in(),
        GrantType::ClientCredentials | GrantType::TokenExchange => {
            configuration.clients.iter().any(|client| client.has(*grant_type))
        }
        GrantType::JwtBearer => takes_assertions(configuration) || !configuration.workloads.is_empty(),
    };
    GrantType::ALL.into_iter().filter(is_supported).map(GrantType::as_str).collect()
}

fn takes_assertions(configuration: &Configuration) -> bool {
    let is_configured = configuration.clients.iter().any(|client| client.has(GrantType::JwtBearer));
    configuration.identity_providers.iter().any(|provider| provider.accepts_identity_assertions)
        && (is_configured || !configuration.client_documents.identity_assertions.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [&str; 4] = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
    const ALGORITHMS: [&str; 10] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"];
    const DOCUMENT: &str = r#"{"public_url":"https://g.example/","identity_provider":{"name":"a","issuer":"https://i.example","client_id":"b"},
        "routes":[{"path":"/a","url":"https://c.example/","scopes":["x","y"]},{"path":"/b","url":"https://c.example/","scopes":["y"],
        "policy":[{"name":"c","scopes":["y","z"]}]}]}"#;

    #[test]
    fn the_metadata_names_every_endpoint_and_the_issuer_without_a_slash() {
        let configuration = Configuration::parse(DOCUMENT).unwrap();
        let metadata = serde_json::to_value(AuthorizationServerMetadata::of(&configuration)).unwrap();
        assert_eq!(
            metadata,
            serde_json::json!({
                "issuer": "https://g.example",
                "authorization_endpoint": "https://g.example/authorize",
                "token_endpoint": "https://g.example/token",
                "registration_endpoint": "https://g.example/register",
                "revocation_endpoint": "https://g.example/revoke",
                "scopes_supported": ["x", "y", "z"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": METHODS,
                "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
                "revocation_endpoint_auth_methods_supported": METHODS,
                "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
                "code_challenge_methods_supported": ["S256"],
                "client_id_metadata_document_supported": true,
                "authorization_response_iss_parameter_supported": true,
            })
        );
    }

    #[test]
    fn where_nobody_can_sign_in_nothing_about_it_is_advertised() {
        let document = r#"{"public_url":"https://g.example/","token_issuers":[{"name":"p","issuer":"https://p.example"}],
            "workloads":[{"name":"w","issuer":"p","claims":{"sub":"s"},"routes":["/a"],"scopes":["x"]}],
            "routes":[{"path":"/a","url":"https://c.example/","scopes":["x"]}]}"#;
        let configuration = Configuration::parse(document).unwrap();
        let metadata = serde_json::to_value(AuthorizationServerMetadata::of(&configuration)).unwrap();
        let expected = serde_json::json!({
            "issuer": "https://g.example",
            "token_endpoint": "https://g.example/token",
            "revocation_endpoint": "https://g.example/revoke",
            "scopes_supported": ["x"],
            "grant_types_supported": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "token_endpoint_auth_methods_supported": METHODS,
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "revocation_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "client_id_metadata_document_supported": false,
            "authorization_response_iss_parameter_supported": false,
        });
        assert_eq!(metadata, expected);
    }

    #[test]
    fn a_closed_registration_is_not_advertised() {
        let document = DOCUMENT.replacen('{', r#"{"registration":{"enabled":false},"#, 1);
        let metadata = AuthorizationServerMetadata::of(&Configuration::parse(&document).unwrap());
        assert!(serde_json::to_value(metadata).unwrap().get("registration_endpoint").is_none());
    }

    #[test]
    fn what_clients_of_the_configuration_may_do_is_advertised_and_nothing_else() {
        let document = DOCUMENT.replacen(
            '{',
            r#"{"clients":[{"client_id":"a","client_name":"A","redirect_uris":["https://a.example/"]}],"#,
            1,
        );
        let mut configuration = Configuration::parse(&document).unwrap();
        let of = |configuration: &Configuration, name: &str| {
            let metadata = serde_json::to_value(AuthorizationServerMetadata::of(configuration)).unwrap();
            metadata.get(name).cloned().unwrap_or_default()
        };
        assert!(of(&configuration, "introspection_endpoint").is_null());
        configuration.clients[0].may_introspect = true;
        assert_eq!(of(&configuration, "introspection_endpoint"), "https://g.example/introspect");
        let methods = of(&configuration, "introspection_endpoint_auth_methods_supported");
        assert_eq!(methods, serde_json::json!(&METHODS[1..]), "never none");
        configuration.clients[0].grant_types.push(GrantType::ClientCredentials);
        let with_machines = serde_json::json!(["authorization_code", "refresh_token", "client_credentials"]);
        assert_eq!(of(&configuration, "grant_types_supported"), with_machines);
        configuration.clients[0].grant_types.push(GrantType::JwtBearer);
        assert_eq!(of(&configuration, "grant_types_supported"), with_machines, "no provider is trusted with it");
        configuration.identity_providers[0].accepts_identity_assertions = true;
        assert_eq!(of(&configuration, "grant_types_supported")[3], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!(of(&configuration, "authorization_grant_profiles_supported"), serde_json::json!([ID_JAG_PROFILE]));
        configuration.client_documents.enabled = false;
        assert_eq!(of(&configuration, "client_id_metadata_document_supported"), false);
    }
}
