//! Clients that prove who they are, as the configuration has them.

use gatehouse_tests::jwt::SigningKey;
use gatehouse_tests::{AttackSettings, ClientAuthentication, TestClient};
use serde_json::json;

/// It holds what a form has to encode.
pub(crate) const SECRET: &str = "a secret & 100% +more:of it";
const OTHER_SECRET: &str = "the other client's secret";
const REDIRECT_URI: &str = "https://client.example/callback";

/// The kinds of confidential clients, and a machine.
pub(crate) fn settings() -> AttackSettings {
    let jwks = json!({ "keys": [SigningKey::P256.jwk(), SigningKey::Rsa.jwk()] });
    let tables = format!(
        r#"
[[clients]]
client_id = "basic"
client_name = "Client with a secret in the header"
redirect_uris = ["{REDIRECT_URI}"]
token_endpoint_auth_method = "client_secret_basic"
client_secret = {{ secret = "client_secret_one" }}
may_introspect = true

[[clients]]
client_id = "post"
client_name = "Client with a secret in the body"
redirect_uris = ["{REDIRECT_URI}"]
token_endpoint_auth_method = "client_secret_post"
client_secret = {{ secret = "client_secret_two" }}

[[clients]]
client_id = "signer"
client_name = "Client with a key"
redirect_uris = ["{REDIRECT_URI}"]
token_endpoint_auth_method = "private_key_jwt"
jwks = '{jwks}'

[[clients]]
client_id = "machine"
client_name = "Machine"
token_endpoint_auth_method = "client_secret_basic"
client_secret = {{ secret = "client_secret_one" }}
grant_types = ["client_credentials"]
scopes = ["mcp"]

[[clients]]
client_id = "agent"
client_name = "Agent of the enterprise"
token_endpoint_auth_method = "client_secret_basic"
client_secret = {{ secret = "client_secret_one" }}
grant_types = ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
"#
    );
    let variables = [("client_secret_one", SECRET), ("client_secret_two", OTHER_SECRET)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    AttackSettings { tables, variables, ..AttackSettings::default() }
}

pub(crate) fn basic() -> TestClient {
    TestClient::public("basic", REDIRECT_URI).with(ClientAuthentication::Basic(SECRET.to_owned()))
}

pub(crate) fn post() -> TestClient {
    TestClient::public("post", REDIRECT_URI).with(ClientAuthentication::Post(OTHER_SECRET.to_owned()))
}

pub(crate) fn signer() -> TestClient {
    TestClient::public("signer", REDIRECT_URI).with(ClientAuthentication::PrivateKeyJwt(SigningKey::P256))
}

pub(crate) fn machine() -> TestClient {
    TestClient::public("machine", "").with(ClientAuthentication::Basic(SECRET.to_owned()))
}

pub(crate) fn agent() -> TestClient {
    TestClient::public("agent", "").with(ClientAuthentication::Basic(SECRET.to_owned()))
}

/// Owned pairs.
pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
