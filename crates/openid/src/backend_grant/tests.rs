use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{TokenService, TokenServiceKind};
use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

fn configuration(services: &str, backend_token: &str) -> Configuration {
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        [identity_provider]
        name = "staff"
        profile = "entra"
        tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"
        client_id = "gatehouse"
        client_secret = {{ secret = "identity_provider_secret" }}
        {services}
        [[routes]]
        path = "/mcp"
        url = "http://10.0.0.7:8080/mcp"
        backend_token = {{ {backend_token} }}
        "#
    );
    Configuration::parse(&document).unwrap()
}

fn grant(backend_token: &str) -> BackendGrant {
    let services = r#"
        [[token_services]]
        name = "apis"
        token_endpoint = "https://auth.example/token"
        client_id = "gate house"
        client_secret = { secret = "token_service_secret" }
    "#;
    configuration(services, backend_token).backend_grants.remove(0)
}

fn sent(grant: &BackendGrant, subject_token: Option<&str>) -> (Vec<(String, String)>, Request<Vec<u8>>) {
    let token = subject_token.map(|token| SecretString::new(token.to_owned()));
    let parameters = BTreeMap::from([("tenant".to_owned(), "a b".to_owned())]);
    let request = BackendRequest { grant, subject_token: token.as_ref(), parameters: &parameters };
    let endpoint = Endpoint::parse("https://auth.example/token").unwrap();
    let authentication = ClientAuthentication::SecretBasic(SecretString::new("s3cret".to_owned()));
    let request = request.to(&endpoint, "gate house", &authentication);
    (form_urlencoded::parse(request.body()).into_owned().collect(), request)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = expected.iter().chain(&[("tenant", "a b")]);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn answer(status: u16, body: &Value) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_string().into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[test]
fn client_credentials_are_asked_for_as_the_rfc_says() {
    let grant = grant(
        r#"flow = "client-credentials", token_service = "apis", scopes = ["read", "write"], audience = "orders""#,
    );
    let (form, request) = sent(&grant, None);
    let expected = [("grant_type", "client_credentials"), ("scope", "read write"), ("audience", "orders")];
    assert_eq!(form, pairs(&expected));
    assert_eq!(request.uri(), "https://auth.example/token");
    assert!(request.headers()["authorization"].is_sensitive());
}

/// "Microsoft identity platform and OAuth2.0 On-Behalf-Of flow", the first case.
#[test]
fn entra_is_asked_on_behalf_of_the_user_as_its_documentation_says() {
    let (form, _) =
        sent(&grant(r#"flow = "on-behalf-of", scopes = ["api://orders/.default"]"#), Some("eyJ.user.token"));
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "eyJ.user.token"),
        ("requested_token_use", "on_behalf_of"),
        ("scope", "api://orders/.default"),
    ];
    assert_eq!(form, pairs(&expected));
}

/// RFC 8693, section 2.1.
#[test]
fn a_token_is_exchanged_for_one_of_the_backends_audience() {
    let (form, _) = sent(
        &grant(
            r#"flow = "token-exchange", token_service = "apis", audience = "orders", resource = "https://orders.example""#,
        ),
        Some("opaque"),
    );
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "opaque"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", "orders"),
        ("resource", "https://orders.example"),
    ];
    assert_eq!(form, pairs(&expected));
}

fn read(grant: &BackendGrant, status: u16, body: &Value) -> Result<BackendAnswer, BackendRejection> {
    let parameters = BTreeMap::new();
    BackendRequest { grant, subject_token: None, parameters: &parameters }.read(&answer(status, body))
}

fn refused(grant: &BackendGrant, status: u16, body: &Value) -> Option<(TokenRefusal, String)> {
    match read(grant, status, body).unwrap_err() {
        BackendRejection::Refused { of, reason } => Some((of, reason)),
        BackendRejection::Temporary(_) => None,
    }
}

#[test]
fn who_is_refused_follows_from_the_error() {
    let user = grant(r#"flow = "on-behalf-of", scopes = ["api://orders/.default"]"#);
    let exchange = grant(r#"flow = "token-exchange", token_service = "apis""#);
    let own = grant(r#"flow = "client-credentials", token_service = "apis""#);
    let of = |grant: &BackendGrant, body: &Value| refused(grant, 400, body).unwrap().0;
    for (body, expected) in [
        (json!({ "error": "invalid_grant" }), TokenRefusal::User),
        (json!({ "error": "invalid_grant", "suberror": "bad_token" }), TokenRefusal::User),
        (json!({ "error": "invalid_grant", "suberror": "consent_required" }), TokenRefusal::UserAction),
        (json!({ "error": "invalid_grant", "claims": "{}" }), TokenRefusal::UserAction),
        (json!({ "error": "interaction_required" }), TokenRefusal::UserAction),
        (json!({ "error": "consent_required" }), TokenRefusal::UserAction),
        (json!({ "error": "access_denied" }), TokenRefusal::User),
        (json!({ "error": "invalid_scope" }), TokenRefusal::Gateway),
        (json!({ "error": "invalid_client" }), TokenRefusal::Gateway),
        (json!({ "error": "unauthorized_client" }), TokenRefusal::Gateway),
    ] {
        assert_eq!(of(&user, &body), expected, "{body}");
        assert_eq!(of(&own, &body), TokenRefusal::Gateway, "{body}");
    }
    assert_eq!(of(&exchange, &json!({ "error": "invalid_request" })), TokenRefusal::User);
    assert_eq!(of(&user, &json!({ "error": "invalid_request" })), TokenRefusal::Gateway);
    assert_eq!(of(&user, &json!({ "access_token": "a" })), TokenRefusal::Gateway, "no token_type");
}

#[test]
fn an_outage_is_no_refusal() {
    let user = grant(r#"flow = "on-behalf-of", scopes = ["api://orders/.default"]"#);
    for (status, body) in [
        (503, json!({ "error": "invalid_grant" })),
        (500, Value::Null),
        (429, Value::Null),
        (400, json!({ "error": "temporarily_unavailable" })),
        (200, json!({ "error": "server_error" })),
    ] {
        assert_eq!(refused(&user, status, &body), None, "{status} {body}");
    }
}

#[test]
fn the_reason_names_entras_codes_and_neither_descriptions_nor_ids() {
    let user = grant(r#"flow = "on-behalf-of", scopes = ["api://orders/.default"]"#);
    let body = json!({
        "error": "interaction_required", "error_codes": [50076], "suberror": "basic_action",
        "error_description": "AADSTS50076: alice@example.com must use multi-factor authentication",
        "trace_id": "0000aaaa", "claims": "{\"access_token\":{\"polids\":{\"essential\":true,\"values\":[\"9ab0\"]}}}",
    });
    let (of, reason) = refused(&user, 400, &body).unwrap();
    assert_eq!(of, TokenRefusal::UserAction);
    assert_eq!(reason, "interaction_required, basic_action, AADSTS50076, with a claims challenge (status 400)");
    let strange = json!({ "error": "a b\nc", "error_codes": ["alice"], "suberror": 1 });
    assert!(!refused(&user, 400, &strange).unwrap().1.contains(['\n', 'l']), "{strange}");
}

#[test]
fn a_token_is_read_and_none_is_in_a_debug_text() {
    let own = grant(r#"flow = "client-credentials", token_service = "apis""#);
    let given =
        read(&own, 200, &json!({ "access_token": "the-token", "token_type": "Bearer", "expires_in": 60 })).unwrap();
    assert_eq!((given.access_token.expose(), given.expires_in), ("the-token", Some(60)));
    assert!(!format!("{given:?}").contains("the-token"));
}

fn managed(lines: &str) -> Box<ManagedIdentity> {
    let services = format!("[[token_services]]\nname = \"azure\"\n{lines}");
    let configuration =
        configuration(&services, r#"flow = "workload-identity", token_service = "azure", resource = "api://orders""#);
    match configuration.token_services.into_iter().next() {
        Some(TokenService { kind: TokenServiceKind::ManagedIdentity(identity), .. }) => identity,
        other => panic!("{other:?}"),
    }
}

/// "How to use managed identities for Azure resources on an Azure VM to acquire an access token", and "How to use managed identities
/// for App Service and Azure Functions".
#[test]
fn azures_services_for_managed_identities_are_asked_as_they_want() {
    let request = managed_identity_request(&managed("managed_identity = \"vm\""), "api://orders", None).unwrap();
    assert_eq!(
        request.uri().to_string(),
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Forders"
    );
    assert_eq!(request.headers()["metadata"], "true");
    let identity = managed(
        "managed_identity = \"app-service\"\ntoken_endpoint = \"http://localhost:42356/msi/token\"\nclient_id = \"one\"\n\
         identity_header = { secret = \"identity_header\" }",
    );
    let secret = SecretString::new("853b9a84-5bfa\n".to_owned());
    let request = managed_identity_request(&identity, "https://vault.azure.net", Some(&secret)).unwrap();
    assert_eq!(
        request.uri().to_string(),
        "http://localhost:42356/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&client_id=one"
    );
    assert_eq!(request.headers()["x-identity-header"], "853b9a84-5bfa");
    assert!(!request.headers().contains_key("metadata") && !format!("{request:?}").contains("853b9a84"));
    let broken = SecretString::new("a\nb".to_owned());
    assert!(managed_identity_request(&identity, "x", Some(&broken)).is_err());
}

#[test]
fn a_managed_identitys_token_ends_when_either_version_says() {
    let of = |body: &Value| parse_managed_identity(&answer(200, body), NOW).unwrap().expires_in;
    let on = (NOW.seconds() + 700).to_string();
    assert_eq!(
        of(&json!({ "access_token": "a", "expires_in": "3599", "expires_on": on, "token_type": "Bearer" })),
        Some(3_599)
    );
    assert_eq!(of(&json!({ "access_token": "a", "expires_on": on })), Some(700));
    assert_eq!(of(&json!({ "access_token": "a", "expires_on": "1" })), Some(0));
    assert_eq!(of(&json!({ "access_token": "a" })), None);
    for (status, is_refusal) in [(400, true), (403, true), (404, false), (410, false), (429, false), (500, false)] {
        let rejection =
            parse_managed_identity(&answer(status, &json!({ "error": "invalid_request" })), NOW).unwrap_err();
        assert_eq!(matches!(rejection, BackendRejection::Refused { .. }), is_refusal, "{status}");
    }
    assert!(parse_managed_identity(&answer(200, &json!({})), NOW).is_err());
}
