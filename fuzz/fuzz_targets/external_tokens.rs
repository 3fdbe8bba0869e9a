//! Tokens that Gatehouse has not issued: what anybody shows as one, what issuers sign, and what they answer where they are asked
//! (RFC 7662). A JSON object is read as the claims of a token that the right issuer has signed (of any issuer, of Entra ID in both
//! versions, of a workload's platform), and everything as the answer about an opaque token.
//!
//! What must hold: who is let in is named by the token's own claims, in its own issuer's name; a token counts for one of the audiences,
//! within its times, and for an allowed application; what only other tokens have is refused; policies judge by what the claims say; keys
//! come from the configured places; the issuer is asked about the token as it came; and a refusal is one line of the log.

#![no_main]

use std::fmt::Display;
use std::sync::LazyLock;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{TokenIssuer, TokenPresentation, TokenRoute, TokenVerification};
use gatehouse_fuzz::{START, assert_said, public_keys, reread, signed};
use gatehouse_jose::KeySet;
use gatehouse_openid::{
    ExternalPrincipal, KeySource, LONGEST_TOKEN, MayAct, Presented, SignedPrincipal, WorkloadAssertion,
    document_request, introspected, introspection_request,
};
use gatehouse_protocol::SecretString;
use http::{Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::form_urlencoded;

const ISSUER: &str = "https://op.example";
const AUDIENCE: &str = "api://mcp";
const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";
const APPLICATION: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";
/// What only other tokens than access tokens have. `token_use` is apart: some issuers say `access` by it.
const OF_OTHERS: [&str; 6] = ["nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"];
/// Seconds by which clocks may differ.
const SKEW: u64 = 60;

const DOCUMENT: &str = r#"
public_url = "https://gateway.example"

[[token_issuers]]
name = "partner"
issuer = "https://op.example"

[[token_issuers]]
name = "entra"
profile = "entra"
tenant = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"

[[token_issuers]]
name = "several"
profile = "entra"
tenant = "organizations"
tenants = ["8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10"]
versions = ["2.0"]

[[token_issuers]]
name = "asked"
introspection = { url = "https://op.example/introspect", client_id = "gatehouse", client_secret = { secret = "s" }, authentication_method = "client_secret_post" }

[[token_issuers]]
name = "platform"
issuer = "https://platform.example"

[[workloads]]
name = "reporter"
issuer = "platform"
audience = "https://gateway.example"
claims = { sub = "system:serviceaccount:agents:*", "/kubernetes.io/namespace" = "agents" }
routes = ["/own"]
scopes = ["mcp"]
longest_lifetime = 3600

[[workloads]]
name = "job"
issuer = "platform"
audience = "https://gateway.example"
claims = { repository = "acme/site", run_attempt = "1" }
routes = ["/own"]
scopes = ["mcp"]
longest_lifetime = 600

[[routes]]
path = "/partner"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
tokens = [{ issuer = "partner", audiences = ["api://mcp"] }]

[[routes]]
path = "/strict"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
tokens = [{ issuer = "partner", audiences = ["api://mcp"], client_application_ids = ["aebc6443-996d-45c2-90f0-388ff96faa56"], required_claims = [{ name = "roles", values = ["Mcp.Call"] }], granted_scopes = ["granted"] }]

[[routes]]
path = "/entra"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
tokens = [{ issuer = "entra", audiences = ["api://mcp"], client_application_ids = ["aebc6443-996d-45c2-90f0-388ff96faa56"] }]

[[routes]]
path = "/several"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
tokens = [{ issuer = "several", audiences = ["api://mcp"] }, { issuer = "asked", audiences = ["api://mcp"] }]

[[routes]]
path = "/asked"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
tokens = [{ issuer = "asked", audiences = ["api://mcp"] }]

[[routes]]
path = "/own"
url = "http://10.0.0.7:8080/mcp"
scopes = ["mcp"]
own_tokens = true
"#;

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(|| {
    let document = format!(
        "{DOCUMENT}\n[identity_provider]\nname = \"demo\"\nissuer = \"https://login.example\"\nclient_id = \"x\"\n"
    );
    gatehouse_configuration::Configuration::parse(&document).expect("a right document").authorization_server
});

/// The same keys, each for tokens of version 2 alone, as Entra publishes them.
static BOUND_KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let mut keys: Value =
        serde_json::from_slice(include_bytes!("../../crates/jose/test-keys/jwks.json")).expect("JSON");
    for key in keys["keys"].as_array_mut().expect("a key set") {
        key["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
    }
    KeySet::from_json(keys.to_string().as_bytes()).expect("a key set")
});

fn route(path: &str) -> &'static TokenRoute {
    CONFIGURATION.token_routes.iter().find(|route| route.path == path).expect("a route with tokens")
}

fn issuer(name: &str) -> &'static TokenIssuer {
    CONFIGURATION.token_issuer(name).expect("an issuer")
}

fuzz_target!(|data: &[u8]| {
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE] {
        answer(data, status);
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    shown(text);
    asked_about(text);
    if let Ok(claims) = serde_json::from_str::<&RawValue>(text)
        && let Ok(said @ Value::Object(_)) = serde_json::from_str(text)
    {
        for typ in [None, Some("JWT"), Some("at+jwt"), Some("id_token")] {
            let token = signed(typ, &claims);
            for path in ["/partner", "/strict", "/entra", "/several", "/asked"] {
                token_of_issuer(path, typ, &token, &said);
            }
            workload(typ, &token, &said);
        }
    }
});

/// The log gets one line, which is not long.
fn assert_one_line(rejection: &impl Display) {
    let text = rejection.to_string();
    assert!(!text.is_empty() && text.len() <= 400 && !text.chars().any(char::is_control), "{text:?}");
}

/// What anybody shows as a token. Nobody of us has signed it.
fn shown(text: &str) {
    let assertion = WorkloadAssertion::parse(text);
    if let Ok(assertion) = &assertion
        && let Ok(issuer) = assertion.issuer(&CONFIGURATION.token_issuers, &CONFIGURATION.workloads)
    {
        assert_eq!(issuer.name, "platform");
        assert!(assertion.verify(issuer, &CONFIGURATION.workloads, public_keys(), START).is_err(), "it was forged");
    }
    for route in &CONFIGURATION.token_routes {
        match Presented::choose(text, &TokenPresentation::default(), route, &CONFIGURATION.token_issuers) {
            Ok(Presented::Signed(token)) => {
                assert!(text.len() <= LONGEST_TOKEN);
                assert_configured_place(&token.keys().expect("the places are URLs"));
                assert_one_line(&token.verify(public_keys(), START).expect_err("it was forged"));
            }
            Ok(Presented::Opaque { accepted, issuer }) => {
                assert!(text.len() <= LONGEST_TOKEN);
                assert!(
                    accepted.issuer == issuer.name
                        && issuer.name == "asked"
                        && ["/several", "/asked"].contains(&route.path.as_str())
                );
            }
            Err(rejection) => assert_one_line(&rejection),
        }
        let elsewhere = TokenPresentation { header: "x-token".to_owned(), ..TokenPresentation::default() };
        assert!(Presented::choose(text, &elsewhere, route, &CONFIGURATION.token_issuers).is_err(), "in another header");
    }
}

/// Nothing in a token says where its keys are.
fn assert_configured_place(source: &KeySource<'_>) {
    let KeySource::Discovered { places, issuer } = source else { panic!("no issuer has other keys: {source:?}") };
    let origins = ["https://op.example/", "https://login.microsoftonline.com/", "https://platform.example/"];
    for place in places {
        let place = document_request(place).uri().to_string();
        assert!(origins.iter().any(|origin| place.starts_with(origin)), "{place}");
    }
    assert!(
        [ISSUER, "https://platform.example"].contains(&issuer.as_str())
            || issuer.contains(TENANT)
            || issuer.contains("{tenantid}")
    );
}

/// The issuer is asked about the token as it came, and of nothing else.
fn asked_about(token: &str) {
    let TokenVerification::Introspected { introspection, .. } = &issuer("asked").verification else {
        panic!("it is asked")
    };
    let secret = SecretString::new("a&b=c".to_owned());
    let request = introspection_request(introspection, &secret, token).expect("the endpoint is one");
    assert_eq!(request.uri(), "https://op.example/introspect");
    let form: Vec<_> = form_urlencoded::parse(request.body()).into_owned().collect();
    let expected =
        [("token", token), ("token_type_hint", "access_token"), ("client_id", "gatehouse"), ("client_secret", "a&b=c")];
    assert!(form.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{form:?}");
}

/// What the issuer says of an opaque token.
fn answer(body: &[u8], status: StatusCode) {
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = status;
    let asked = issuer("asked");
    let accepted = &route("/asked").tokens[0];
    let principal = match introspected(&response, asked, accepted, START) {
        Ok(said) => said.principal,
        Err(rejection) => return assert_one_line(&rejection),
    };
    assert_eq!(status, StatusCode::OK);
    let Some(said) = reread(body) else { return };
    assert_eq!(said["active"], true, "{said}");
    let token_type = said["token_type"].as_str().map(str::to_ascii_lowercase);
    assert!(matches!(token_type.as_deref(), None | Some("bearer" | "access_token")), "{said}");
    match said["exp"].as_u64() {
        Some(exp) => assert_eq!(principal.ends_at.seconds(), exp.saturating_add(SKEW)),
        None => assert_eq!(principal.ends_at, START.plus(60)),
    }
    assert!(said["nbf"].as_u64().is_none_or(|from| from <= START.seconds() + SKEW), "{said}");
    assert_of_openid("asked", &principal, &said);
}

/// A token that an issuer has signed, at this route.
fn token_of_issuer(path: &str, typ: Option<&str>, token: &SecretString, said: &Value) {
    let presented =
        Presented::choose(token.expose(), &TokenPresentation::default(), route(path), &CONFIGURATION.token_issuers);
    let signed = match presented {
        Ok(Presented::Signed(signed)) => signed,
        Ok(Presented::Opaque { issuer, .. }) => return assert_eq!(issuer.name, "asked"),
        Err(rejection) => return assert_one_line(&rejection),
    };
    let principal = match signed.verify(public_keys(), START) {
        Ok(SignedPrincipal::Whole(principal)) => principal,
        Ok(SignedPrincipal::WithoutGroups(_)) => return assert!(!["/partner", "/strict"].contains(&path), "{said}"),
        Err(rejection) => return assert_one_line(&rejection),
    };
    assert_ne!(typ, Some("id_token"));
    let exp = said["exp"].as_f64().expect("exp is a number");
    assert!(principal.ends_at > START && principal.ends_at.seconds() as f64 <= exp + SKEW as f64 + 1.0, "{exp}");
    let is_bound = signed.verify(&BOUND_KEYS, START).is_ok();
    match path {
        "/partner" | "/strict" => {
            assert!(said["iss"] == ISSUER && !is_bound, "{said}");
            assert_of_openid("partner", &principal, said);
        }
        _ => {
            assert_eq!(is_bound, said["ver"] == "2.0", "a key of version 2 is for those alone");
            assert_of_entra(&principal, said);
            assert!(path != "/several" || said["ver"] == "2.0");
        }
    }
    if ["/strict", "/entra"].contains(&path) {
        assert!(principal.client_id.as_str().ends_with(&format!(":{APPLICATION}")), "{said}");
    }
    if path == "/strict" {
        assert!(texts(&said["roles"]).contains(&"Mcp.Call"), "{said}");
        assert!(principal.scopes.iter().any(|scope| scope.as_str() == "granted"));
    }
    let kept = principal.to_kept().expect("what is kept is written");
    let read = ExternalPrincipal::from_kept(&kept, principal.ends_at).expect("what is kept is read");
    assert_eq!(read, ExternalPrincipal { may_act: MayAct::Nobody, ..principal });
}

fn assert_of_openid(name: &str, principal: &ExternalPrincipal, said: &Value) {
    assert_eq!(principal.subject.as_str(), format!("{name}:{}", said["sub"].as_str().expect("a subject")));
    let client = principal.client_id.as_str().strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    let client = client.expect("an id in the issuer's name");
    let is_named = ["client_id", "azp", "appid", "cid"].iter().any(|claim| said[*claim] == client);
    assert!(client.is_empty() || is_named, "{said}");
    assert_eq!(principal.claims.tenant, None);
    assert_for_access(principal, said);
}

fn assert_of_entra(principal: &ExternalPrincipal, said: &Value) {
    let (issuer, client) = match said["ver"].as_str() {
        Some("1.0") => (format!("https://sts.windows.net/{TENANT}/"), "appid"),
        Some("2.0") => (format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "azp"),
        _ => panic!("of no version: {said}"),
    };
    assert!(said["iss"] == issuer && said["tid"] == TENANT && said[client].is_string(), "{said}");
    let application = principal.client_id.as_str().split_once(':').expect("an id in the issuer's name").1;
    let of_either = ["azp", "appid"].iter().any(|claim| said[*claim] == application);
    assert!(of_either, "{said}");
    let object = said["oid"].as_str().expect("an object").to_ascii_lowercase();
    assert!(object.len() == 36 && object.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{object}");
    assert_eq!(principal.subject.as_str().split_once(':').expect("a subject").1, format!("{TENANT}.{object}"));
    assert_eq!(principal.claims.tenant.as_deref(), Some(TENANT));
    assert_for_access(principal, said);
}

/// What holds of everybody who is let in.
fn assert_for_access(principal: &ExternalPrincipal, said: &Value) {
    assert!(texts(&said["aud"]).contains(&AUDIENCE), "{said}");
    for claim in OF_OTHERS {
        assert!(said[claim].is_null(), "it has {claim}");
    }
    assert!(said["token_use"].is_null() || said["token_use"] == "access", "{said}");
    let scopes: Vec<&str> =
        ["scope", "scp"].iter().flat_map(|claim| texts(&said[*claim])).flat_map(|text| text.split(' ')).collect();
    let is_known = |scope: &str| scope == "granted" || scopes.contains(&scope);
    assert!(principal.scopes.iter().all(|scope| is_known(scope.as_str())), "{said}");
    assert_said(&principal.claims, said);
}

/// The token of a machine.
fn workload(typ: Option<&str>, token: &SecretString, said: &Value) {
    let assertion = match WorkloadAssertion::parse(token.expose()) {
        Ok(assertion) => assertion,
        Err(rejection) => return assert_one_line(&rejection),
    };
    let issuer = match assertion.issuer(&CONFIGURATION.token_issuers, &CONFIGURATION.workloads) {
        Ok(issuer) => issuer,
        Err(rejection) => return assert_one_line(&rejection),
    };
    let verified = match assertion.verify(issuer, &CONFIGURATION.workloads, public_keys(), START) {
        Ok(verified) => verified,
        Err(rejection) => return assert_one_line(&rejection),
    };
    assert!(said["iss"] == "https://platform.example" && !matches!(typ, Some("at+jwt" | "id_token")), "{said}");
    assert_eq!(texts(&said["aud"]), ["https://gateway.example"], "for nobody else");
    assert!(OF_OTHERS.iter().all(|claim| said[*claim].is_null()), "{said}");
    assert!(!verified.workloads.is_empty());
    for workload in verified.workloads {
        let longest = START.seconds() + workload.longest_lifetime + 2 * SKEW + 1;
        assert!(verified.ends_at > START && verified.ends_at.seconds() <= longest, "{said}");
        match workload.name.as_str() {
            "reporter" => {
                let sub = said["sub"].as_str().expect("a text");
                assert!(sub.starts_with("system:serviceaccount:agents:"), "{sub}");
                assert_eq!(said["kubernetes.io"]["namespace"], "agents");
            }
            _ => {
                assert_eq!(said["repository"], "acme/site");
                assert!(said["run_attempt"] == "1" || said["run_attempt"] == 1, "{said}");
            }
        }
    }
}

/// A claim that is one text, or a list of texts.
fn texts(claim: &Value) -> Vec<&str> {
    match claim {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}
