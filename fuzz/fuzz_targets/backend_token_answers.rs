//! What token services answer, or whoever speaks in their place: to on-behalf-of, token exchange and client credentials, and what Azure's
//! managed identities answer. The input is the body of an answer with each status that decides.
//!
//! What must hold: a token comes of a success alone, and is the one that was given; only a flow of a user can be a user's fault; who is
//! overloaded is asked again; the log's line has no description, no token and no claims challenge in it.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gatehouse_configuration::{BackendFlow, BackendGrant, Configuration};
use gatehouse_fuzz::{START, reread};
use gatehouse_openid::{BackendAnswer, BackendRejection, BackendRequest, TokenRefusal, parse_managed_identity};
use gatehouse_protocol::SecretString;
use http::{Response, StatusCode};
use libfuzzer_sys::fuzz_target;

/// A route for each flow that asks a token endpoint.
const DOCUMENT: &str = r#"
public_url = "https://gateway.example"

[identity_provider]
name = "staff"
profile = "entra"
tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
client_id = "gatehouse"
client_secret = { secret = "identity_provider_secret" }

[[token_services]]
name = "apis"
token_endpoint = "https://auth.example/token"
client_id = "gatehouse"
client_secret = { secret = "token_service_secret" }

[[routes]]
path = "/behalf"
url = "http://10.0.0.7/behalf"
backend_token = { flow = "on-behalf-of", token_service = "apis", scopes = ["api://orders/.default"] }

[[routes]]
path = "/exchange"
url = "http://10.0.0.7/exchange"
backend_token = { flow = "token-exchange", token_service = "apis", audience = "invoices" }

[[routes]]
path = "/own"
url = "http://10.0.0.7/own"
backend_token = { flow = "client-credentials", token_service = "apis", audience = "stock" }
"#;

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(|| Configuration::parse(DOCUMENT).unwrap());

const STATUSES: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::GONE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

fuzz_target!(|data: &[u8]| {
    let grants = &CONFIGURATION.authorization_server.backend_grants;
    assert_eq!(grants.len(), 3);
    let (user_token, parameters) = (SecretString::new("the-users-own-token".to_owned()), BTreeMap::new());
    for status in STATUSES {
        let mut response = Response::new(data.to_vec());
        *response.status_mut() = status;
        for grant in grants {
            let request = BackendRequest { grant, subject_token: Some(&user_token), parameters: &parameters };
            judge(request.read(&response), Some(grant), &response);
        }
        judge(parse_managed_identity(&response, START), None, &response);
    }
});

/// `grant` is none of a managed identity.
fn judge(
    read: Result<BackendAnswer, BackendRejection>,
    grant: Option<&BackendGrant>,
    response: &Response<Vec<u8>>,
) {
    let (status, said) = (response.status(), reread(response.body()));
    let rejection = match read {
        Ok(answer) => {
            assert_eq!(status, StatusCode::OK);
            let token = answer.access_token.expose();
            assert!(!token.is_empty() && !format!("{answer:?}").contains("\"access_token\""));
            if let Some(said) = said.filter(|said| said.is_object()) {
                assert_eq!(said["access_token"], token);
            }
            return;
        }
        Err(rejection) => rejection,
    };
    let line = rejection.to_string();
    assert!(!line.is_empty() && line.len() < 1000 && !line.contains(char::is_control), "{line:?}");
    if let Some(said) = &said {
        for secret in ["error_description", "access_token", "claims", "refresh_token"] {
            let is_elsewhere = |text: &str| ["error", "suberror", "token_type"].iter().any(|name| said[*name].to_string().contains(text));
            let text = said[secret].as_str().filter(|text| text.len() > 24 && !is_elsewhere(text));
            assert!(text.is_none_or(|text| !line.contains(text)), "{secret}: {line}");
        }
    }
    let is_of_user =
        grant.is_some_and(|grant| matches!(grant.flow, BackendFlow::OnBehalfOf | BackendFlow::TokenExchange));
    if let BackendRejection::Refused { of, .. } = rejection {
        assert!(is_of_user || of == TokenRefusal::Gateway, "{line}");
        assert!(status != StatusCode::OK || of == TokenRefusal::Gateway, "{line}");
        let may_pass = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        assert!(!may_pass, "it is asked again: {line}");
    }
}
