//! What the authorization server says of itself (RFC 8414).

use gatehouse_configuration::Configuration;
use gatehouse_protocol::Scopes;
use serde::Serialize;

/// The metadata document; also served at the OpenID location, where some clients look first.
#[derive(Debug, Serialize)]
pub struct AuthorizationServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    /// Never `offline_access`: clients that find it add `prompt=consent`, which loops at Entra (MCP 2026-07-28,
    /// authorization).
    scopes_supported: Vec<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    /// Clients refuse a server that does not say so (MCP 2026-07-28, authorization security).
    code_challenge_methods_supported: [&'static str; 1],
    client_id_metadata_document_supported: bool,
    /// RFC 9207, section 3.
    authorization_response_iss_parameter_supported: bool,
}

impl AuthorizationServerMetadata {
    /// The document for `configuration`.
    pub fn of(configuration: &Configuration) -> Self {
        let endpoint = |path| configuration.public_url.join(path);
        let scopes: Scopes =
            configuration.upstreams.iter().flat_map(|upstream| upstream.scopes.iter().cloned()).collect();
        Self {
            issuer: configuration.public_url.to_string(),
            authorization_endpoint: endpoint("/authorize"),
            token_endpoint: endpoint("/token"),
            registration_endpoint: configuration.registration.enabled.then(|| endpoint("/register")),
            scopes_supported: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: ["authorization_code", "refresh_token"],
            token_endpoint_auth_methods_supported: ["none"],
            code_challenge_methods_supported: ["S256"],
            client_id_metadata_document_supported: true,
            authorization_response_iss_parameter_supported: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"public_url":"https://g.example/","identity_provider":{"name":"a","issuer":"https://i.example","client_id":"b"},
        "upstreams":[{"path":"/a","url":"https://c.example/","scopes":["x","y"]},{"path":"/b","url":"https://c.example/","scopes":["y"]}]}"#;

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
                "scopes_supported": ["x", "y"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "client_id_metadata_document_supported": true,
                "authorization_response_iss_parameter_supported": true,
            })
        );
    }

    #[test]
    fn a_closed_registration_is_not_advertised() {
        let document = DOCUMENT.replacen('{', r#"{"registration":{"enabled":false},"#, 1);
        let metadata = AuthorizationServerMetadata::of(&Configuration::parse(&document).unwrap());
        assert!(serde_json::to_value(metadata).unwrap().get("registration_endpoint").is_none());
    }
}
