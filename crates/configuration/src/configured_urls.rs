//! What the operator has named: the places that nobody else may make us talk to.

use crate::authorization_server::Configuration;
use crate::{
    AssertionSource, ClientKeys, ProviderAuthentication, ProviderProfile, RegisteredAuthentication, TokenIssuer,
    TokenService,
};

impl Configuration {
    /// Every URL that the configuration holds: our own, those of MCP servers, sandboxes' environments, identity providers, Microsoft
    /// Graph, sources of assertions, issuers of tokens and clients' keys.
    pub fn configured_urls(&self) -> Vec<String> {
        let mut urls = vec![self.public_url.to_string()];
        for provider in &self.identity_providers {
            urls.push(provider.issuer.clone());
            urls.extend(provider.metadata_url.clone());
            if let ProviderProfile::Entra(entra) = &provider.profile {
                urls.extend([entra.authority.clone(), entra.graph.clone()]);
            }
            if let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, .. }) = &provider.authentication {
                urls.push(url.to_string());
            }
        }
        urls.extend(self.token_issuers.iter().flat_map(TokenIssuer::urls).map(str::to_owned));
        urls.extend(self.token_services.iter().flat_map(TokenService::urls));
        urls.extend(self.server_urls.iter().cloned());
        for client in &self.clients {
            if let RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = &client.authentication {
                urls.push(uri.clone());
            }
        }
        urls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_the_operator_names_is_among_them() {
        let configuration = Configuration::parse(
            r#"
public_url = "https://gateway.example"
[[clients]]
client_id = "signer"
client_name = "Signer"
redirect_uris = ["https://signer.example/cb"]
token_endpoint_auth_method = "private_key_jwt"
jwks_uri = "https://keys.example/jwks.json"
[[identity_providers]]
name = "open"
issuer = "https://login.example/realm"
metadata_url = "https://metadata.example/realm"
client_id = "x"
client_assertion = { url = "http://169.254.169.254/token?a=b" }
[[identity_providers]]
name = "staff"
profile = "entra"
tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
authority = "https://login.cloud.example"
graph = "https://graph.cloud.example"
client_id = "x"
[[routes]]
path = "/one"
url = "http://10.0.0.7:8080/mcp"
[[routes]]
path = "/all"
[[routes.members]]
url = "https://wiki.example/mcp"
[[routes.members]]
prefix = "files"
url = "https://files.example/mcp"
"#,
        )
        .unwrap();
        assert_eq!(
            configuration.configured_urls(),
            [
                "https://gateway.example",
                "https://login.example/realm",
                "https://metadata.example/realm",
                "http://169.254.169.254/token?a=b",
                "https://login.cloud.example/8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10/v2.0",
                "https://login.cloud.example",
                "https://graph.cloud.example",
                "http://10.0.0.7:8080/mcp",
                "https://wiki.example/mcp",
                "https://files.example/mcp",
                "https://keys.example/jwks.json",
            ]
        );
    }
}
