//! What the provider can do (OpenID Connect Discovery 1.0, section 3).

use serde_json::{Value, json};

use crate::settings::Settings;

/// The scopes that mean something here; others are ignored (OpenID Connect Core, section 3.1.2.1).
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The provider's metadata.
pub fn metadata(settings: &Settings) -> Value {
    let at = |path| settings.issuer.join(path);
    json!({
        "issuer": settings.issuer.as_str(),
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "name", "preferred_username", "email", "email_verified"
        ],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
