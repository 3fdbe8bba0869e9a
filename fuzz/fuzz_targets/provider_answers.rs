//! What identity providers and what stands beside them send, or whoever speaks in their place: metadata, key sets, answers
//! to a code and to a refresh token, of the group lookup and of the source of client assertions, callbacks, signed tokens.
//! The input is read as each of them in turn; a JSON object also as the claims of an id_token that the right provider has
//! signed, so that everything behind the signature is reached.
//!
//! What must hold: metadata is of the issuer that was asked for and leads nowhere in clear, a URL is read by whoever sends
//! the request as it was judged, no token but the one that was signed is verified, nobody comes in past the access rules,
//! what is sent on arrives as it came, and an answer that is no answer is an error that fits a line of the log.

#![no_main]

use std::sync::LazyLock;

use gatehouse_configuration::{AccessRules, IdentityProvider};
use gatehouse_fuzz::{
    Counting, ISSUER, RESOURCE, START, VERIFIER, assert_said, client_id, configuration, keys, metadata, providers,
    public_keys, reread, signed, store,
};
use gatehouse_jose::{KeySet, SignedToken};
use gatehouse_openid::{
    AccountChoice, Admission, Callback, ClientAuthentication, ClientCredentials, Endpoint, Identity, Login,
    LoginRejection, LoginSecrets, Memberships, NamedClaims, ProviderMetadata, RefreshedTokens, TokenResponse, admit,
    admit_member, discovery_request, group_requests, keys_request, metadata_issuer, parse_assertion, parse_keys,
    refresh_request, token_request,
};
use gatehouse_protocol::{Actors, Claims, ClientName, LogText, Parameters, ResourceUri, Scopes, SecretString, Subject};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_sessions::{
    AccessTokenTerms, Opening, Principal, ProviderTokenState, ProviderTokens, RefreshClaim, RefreshedTokens as Kept,
    SessionRoot, Sessions,
};
use http::{Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

const NONCE: &str = "n-0S6_WzA2Mj";
const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";
const GROUP: &str = "1f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11";
const DENIED: &str = "2f0c5a52-90a3-4c0e-b6d4-6a8f3f6f5d11";

struct Fixed {
    metadata: ProviderMetadata,
    secrets: LoginSecrets,
    /// The only token that an input could repeat.
    token: SecretString,
    /// `demo`, with a rule of each kind.
    guarded: IdentityProvider,
    /// A user of `staff` with more groups than fit into a token.
    overage: Identity,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": "gatehouse", "nonce": NONCE,
        "exp": START.seconds() + 300, "iat": START.seconds(),
    });
    let staff = providers().1;
    let of_staff = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "tid": TENANT, "oid": TENANT, "sub": "bob",
        "aud": "gatehouse", "nonce": NONCE, "exp": START.seconds() + 300, "iat": START.seconds(), "hasgroups": true,
    });
    let secrets: LoginSecrets = serde_json::from_value(json!({ "nonce": NONCE, "code_verifier": VERIFIER })).unwrap();
    let token_of_staff = signed(None, &of_staff);
    let metadata_of_staff = metadata(&metadata_issuer(staff));
    let overage = Identity::verify(&token_of_staff, staff, &metadata_of_staff, public_keys(), &secrets, START);
    let list = |text: &str| vec![text.to_owned()];
    let access = AccessRules {
        tenants: Vec::new(),
        domains: list("staff.example"),
        groups: list("g"),
        roles: list("r"),
        users: Vec::new(),
    };
    Fixed {
        metadata: metadata(ISSUER),
        secrets,
        token: signed(None, &claims),
        guarded: IdentityProvider { access, ..providers().0.clone() },
        overage: overage.unwrap(),
    }
});

fuzz_target!(|data: &[u8]| {
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE] {
        let mut response = Response::new(data.to_vec());
        *response.status_mut() = status;
        provider_metadata(&response);
        key_set(&response);
        tokens(&response);
        refreshed(&response);
        groups(&response);
        assertion(&response);
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    urls(text);
    callback(text);
    signed_tokens(text);
    if let Ok(claims) = serde_json::from_str::<&RawValue>(text)
        && let Ok(Value::Object(_)) = serde_json::from_str(text)
    {
        users_of_demo(claims, text);
        users_of_staff(claims, text);
    }
    assert!(LogText::new(text).as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(LogText::new(text).as_str().len() <= 128);
});

/// The log gets one short line of visible characters and spaces.
fn assert_one_line(error: &dyn core::fmt::Display) {
    let line = error.to_string();
    assert!(!line.is_empty() && line.len() < 1000 && !line.contains(char::is_control), "{line:?}");
}

/// Whatever sends a request reads its URL as the crate did that judged it.
fn assert_read_alike(request: &Request<Vec<u8>>, judged: &str) {
    let (sent, judged) = (request.uri(), Url::parse(judged).expect("a URL"));
    assert!(judged.scheme() == "https" || judged.host_str().is_some_and(is_loopback), "{judged}");
    assert_eq!(sent.scheme_str(), Some(judged.scheme()));
    assert_eq!(sent.host(), judged.host_str());
    assert_eq!(sent.port_u16(), judged.port());
    assert_eq!((sent.path(), sent.query()), (judged.path(), judged.query()));
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"
}

fn provider_metadata(response: &Response<Vec<u8>>) {
    let provider = providers().0;
    let metadata = match ProviderMetadata::parse(response, ISSUER) {
        Ok(metadata) => metadata,
        Err(rejection) => {
            assert_one_line(&rejection);
            LoginRejection::from(rejection).to_wire();
            return;
        }
    };
    assert_eq!((response.status(), metadata.issuer()), (StatusCode::OK, ISSUER));
    for endpoint in [metadata.authorization_endpoint(), metadata.token_endpoint(), metadata.jwks_uri()] {
        assert!(endpoint.to_string().starts_with("https://"));
    }
    assert!(!metadata.id_token_algorithms().is_empty());
    assert_read_alike(&keys_request(&metadata), &metadata.jwks_uri().to_string());
    let mut entropy = Counting::default();
    // What the endpoint's own query says comes first, and ours is there once.
    let begun =
        Login::begin(provider, &metadata, "https://gateway.example/callback", "s", AccountChoice::ByUser, &mut entropy);
    let ours: Vec<_> = begun.authorization_url.query_pairs().collect();
    let ours = &ours[ours.len() - 9..];
    assert!(ours[0] == ("response_type".into(), "code".into()) && ours[4] == ("state".into(), "s".into()));
    for secret in [ClientCredentials::Secret(SecretString::new("a:b%".to_owned())), ClientCredentials::None] {
        let Ok(chosen) = ClientAuthentication::choose(&secret, provider, &metadata, START, &mut entropy) else {
            continue;
        };
        let request = refresh_request(provider, &metadata, &chosen, &SecretString::new("r".to_owned()));
        assert_read_alike(&request, &metadata.token_endpoint().to_string());
    }
}

fn key_set(response: &Response<Vec<u8>>) {
    match parse_keys(response) {
        Ok(keys) => {
            assert_eq!(response.status(), StatusCode::OK);
            // Somebody else's keys verify nothing of ours, unless they are the same.
            let text = String::from_utf8_lossy(response.body());
            let same = text.contains("ZOBsEwWxP4r1p4p6X0xR3AvHhSOaGajHY6cZnp9zeQc") || text.contains("\\u");
            assert!(verified(&FIXED.token, providers().0, &keys).is_err() || same);
        }
        Err(rejection) => assert_one_line(&rejection),
    }
}

fn verified(
    token: &SecretString,
    provider: &IdentityProvider,
    keys: &KeySet,
) -> Result<Identity, impl core::fmt::Display> {
    Identity::verify(token, provider, &FIXED.metadata, keys, &FIXED.secrets, START)
}

fn tokens(response: &Response<Vec<u8>>) {
    let tokens = match TokenResponse::parse(response) {
        Ok(tokens) => tokens,
        Err(rejection) => {
            assert_one_line(&rejection);
            LoginRejection::from(rejection).to_wire();
            return;
        }
    };
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!tokens.access_token.expose().is_empty() && !tokens.id_token.expose().is_empty());
    if let Some(answer) = reread(response.body()) {
        assert!(answer["access_token"] == tokens.access_token.expose() || answer.is_array());
    }
    are_refreshed_once(&tokens);
}

/// The tokens of a session, whatever the provider says of their end.
fn are_refreshed_once(tokens: &TokenResponse) {
    let (store, mut entropy) = (store(), Counting::default());
    let sessions = Sessions { store: &store, keys: keys(), now: START };
    let resource = ResourceUri::parse(RESOURCE).expect("a resource");
    let root = SessionRoot { secret: HandleSecret::generate(&mut entropy), expires_at: START.plus(86_400) };
    let opening = Opening {
        principal: Principal {
            subject: Subject::parse("demo:alice").expect("a subject"),
            client_id: client_id("public"),
            resource: resource.clone(),
            scopes: Scopes::parse("mcp").expect("scopes"),
            claims: Claims::default(),
            actors: Actors::default(),
        },
        client_name: ClientName::parse("Public").expect("a name"),
        browser: None,
        provider_tokens: ProviderTokens {
            access_token: Some(tokens.access_token.clone()),
            refresh_token: tokens.refresh_token.clone(),
            expires_at: tokens.expires_at(START),
        },
        access_tokens: AccessTokenTerms { lifetime: 300, self_contained: false },
        refreshable: true,
        listed: true,
    };
    let ours = sessions.open(&root, opening, &mut entropy).expect("the store answers");
    let grant = sessions.provider_grant(ours.access_token.expose(), &resource).expect("a token of ours");
    // The last second in which the session is there.
    for now in [START, START.plus(86_399)] {
        match grant.state(&store, now).expect("the store answers") {
            ProviderTokenState::Fresh(token) => {
                assert_eq!(token.expose(), tokens.access_token.expose());
                assert!(tokens.expires_at(START).is_none_or(|end| now < end));
            }
            ProviderTokenState::Ended | ProviderTokenState::NeverGiven => {
                assert!(tokens.expires_at(START).is_some_and(|end| end <= now.plus(60)))
            }
            ProviderTokenState::Due(due) => {
                assert!(tokens.refresh_token.is_some());
                let claimed = grant.claim_refresh(due, &store, now, &mut entropy).expect("the store answers");
                let RefreshClaim::Lease(lease) = claimed else { panic!("nobody else asked") };
                if let ProviderTokenState::Due(due) = grant.state(&store, now).expect("the store answers") {
                    let second = grant.claim_refresh(due, &store, now, &mut entropy).expect("the store answers");
                    assert!(matches!(second, RefreshClaim::Wait), "two leases");
                }
                let new = SecretString::new("new".to_owned());
                let answer = Kept { access_token: new, refresh_token: None, expires_at: None, claims: None };
                let token = lease.complete(answer, &store, now, &mut entropy).expect("the store answers");
                assert_eq!(token.expose(), "new");
                let state = grant.state(&store, now).expect("the store answers");
                assert!(matches!(state, ProviderTokenState::Fresh(token) if token.expose() == "new"));
                return;
            }
        }
    }
}

fn refreshed(response: &Response<Vec<u8>>) {
    let old = SecretString::new("old".to_owned());
    match RefreshedTokens::parse(response, &old) {
        Ok(tokens) => {
            assert_eq!(response.status(), StatusCode::OK);
            assert!(!tokens.access_token.expose().is_empty() && !tokens.refresh_token.expose().is_empty());
        }
        Err(rejection) => {
            assert_one_line(&rejection);
            // A session ends only where the provider says so in as many words.
            if rejection.ends_the_session()
                && let Some(answer) = reread(response.body())
            {
                let error = answer["error"].as_str().or(answer[0].as_str()).expect("an error");
                assert!(error == "invalid_grant" || error.ends_with("_required"), "{error}");
            }
        }
    }
}

fn groups(response: &Response<Vec<u8>>) {
    let mut memberships = Memberships::default();
    let added = memberships.add(response);
    let claims = admit_member(&FIXED.overage, &memberships, providers().1, &named());
    match (added, claims) {
        (Ok(()), Ok(claims)) => {
            assert_eq!(response.status(), StatusCode::OK);
            assert!(claims.groups.contains(&GROUP.to_owned()));
            let Some(answer) = reread(response.body()) else { return };
            let listed = answer["value"].as_array().or(answer[0].as_array()).expect("a list");
            let is_listed =
                |group: &str| listed.iter().filter_map(Value::as_str).any(|listed| listed.eq_ignore_ascii_case(group));
            assert!(claims.groups.iter().all(|group| is_listed(group) && [GROUP, DENIED].contains(&group.as_str())));
        }
        (Ok(()), Err(_)) => {}
        (Err(unknown), claims) => {
            assert_one_line(&unknown);
            assert!(claims.is_err());
        }
    }
}

/// What the policies name.
fn named() -> NamedClaims<'static> {
    NamedClaims::of(&configuration().rule_claims)
}

/// What came from the source reaches the provider as it came.
fn assertion(response: &Response<Vec<u8>>) {
    let provider = providers().0;
    let assertion = match parse_assertion(response) {
        Ok(assertion) => assertion,
        Err(rejection) => return assert_one_line(&rejection),
    };
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = assertion.expose().bytes();
    assert!(bytes.clone().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
    assert_eq!(bytes.filter(|byte| *byte == b'.').count(), 2);
    let credentials = ClientCredentials::Assertion(assertion.clone());
    let chosen = ClientAuthentication::choose(&credentials, provider, &FIXED.metadata, START, &mut Counting::default());
    let request = refresh_request(provider, &FIXED.metadata, &chosen.expect("it is taken"), &assertion);
    let form = Parameters::parse(core::str::from_utf8(request.body()).expect("a form"));
    assert_eq!(form.required("client_assertion"), Ok(assertion.expose()));
    assert_eq!(form.required("refresh_token"), Ok(assertion.expose()));
}

fn urls(text: &str) {
    if let Ok(endpoint) = Endpoint::parse(text) {
        let judged = Url::parse(&endpoint.to_string()).expect("a URL");
        assert!(judged.fragment().is_none() && judged.username().is_empty() && judged.password().is_none());
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }
    let provider = IdentityProvider { issuer: text.to_owned(), ..providers().0.clone() };
    if let Ok(request) = discovery_request(&provider) {
        let judged = request.uri().to_string();
        assert_read_alike(&request, &judged);
        assert!(judged.ends_with("/.well-known/openid-configuration"), "{judged}");
    }
    if let Ok(requests) = group_requests(providers().1, &named(), &SecretString::new(text.to_owned())) {
        for request in requests {
            assert_read_alike(&request, "https://graph.microsoft.com/v1.0/me/checkMemberGroups");
            assert_eq!(request.headers()["authorization"].as_bytes(), format!("Bearer {text}").as_bytes());
        }
    }
}

fn callback(query: &str) {
    let callback = match Callback::parse(query) {
        Ok(callback) => callback,
        Err(rejection) => return assert_one_line(&rejection),
    };
    assert!(!callback.state().is_empty());
    let parameters = Parameters::parse(query);
    assert_eq!(parameters.required("state"), Ok(callback.state()));
    match callback.code(&FIXED.metadata) {
        Ok(code) => {
            assert!(parameters.optional("iss").expect("one").is_none_or(|iss| iss == ISSUER));
            let secret = ClientAuthentication::SecretPost(SecretString::new("s&".to_owned()));
            let callback_url = configuration().callback_url();
            let request = token_request(providers().0, &FIXED.metadata, &secret, &callback_url, &code, &FIXED.secrets);
            let form = Parameters::parse(core::str::from_utf8(request.body()).expect("a form"));
            assert_eq!(form.required("code"), parameters.required("code"));
            assert_eq!(form.required("grant_type"), Ok("authorization_code"));
            assert_eq!(form.required("client_secret"), Ok("s&"));
            assert_eq!(form.required("code_verifier"), Ok(VERIFIER));
        }
        Err(rejection) => {
            assert_one_line(&rejection);
            let _ = rejection.to_wire();
        }
    }
}

fn signed_tokens(text: &str) {
    if let Ok(token) = SignedToken::parse(text) {
        let verified = token.verify::<Value>(public_keys(), FIXED.metadata.id_token_algorithms());
        assert!(verified.is_err() || text == FIXED.token.expose(), "a signature was forged");
    }
    match verified(&SecretString::new(text.to_owned()), providers().0, public_keys()) {
        Ok(_) => assert_eq!(text, FIXED.token.expose()),
        Err(rejection) => assert_one_line(&rejection),
    }
}

fn users_of_demo(claims: &RawValue, text: &str) {
    let token = signed(None, &claims);
    let demo = providers().0;
    let identity = match verified(&token, demo, public_keys()) {
        Ok(identity) => identity,
        Err(rejection) => return assert_one_line(&rejection),
    };
    let claims: Value = serde_json::from_str(text).expect("claims that were read");
    let sub = claims["sub"].as_str().expect("a sub");
    assert!(claims["iss"] == ISSUER && claims["nonce"] == NONCE, "{claims}");
    assert!(
        claims["aud"] == "gatehouse" || claims["aud"].as_array().is_some_and(|all| all.contains(&json!("gatehouse")))
    );
    assert!(claims["aud"].as_array().is_none_or(|all| all.len() == 1) || claims["azp"] == "gatehouse");
    assert!(claims["exp"].as_f64().is_some_and(|end| end + 60.0 >= START.seconds() as f64));
    assert_eq!(identity.subject().as_str(), format!("demo:{sub}"));
    assert!(!format!("{identity:?}").contains("@"), "an address is in the log");
    let again =
        |subject: &Subject| Identity::verify_refreshed(&token, demo, &FIXED.metadata, public_keys(), subject, START);
    assert!(again(identity.subject()).is_ok_and(|it| it == identity));
    let other = Subject::parse(&format!("demo:{sub}").replacen(':', ":x", 1));
    assert!(other.is_err() || other.is_ok_and(|other| again(&other).is_err()));
    match admit(&identity, demo, &named()) {
        Ok(Admission::Granted(known)) => {
            assert_said(&known, &claims);
            assert_eq!(known.tenant, None);
        }
        Ok(Admission::GroupsNeeded) => panic!("there is nowhere to ask"),
        Err(rejection) => assert_one_line(&rejection),
    }
    match admit(&identity, &FIXED.guarded, &named()) {
        Ok(_) => {
            let has = |claim: &str, text: &str| {
                claims[claim] == text || claims[claim].as_array().is_some_and(|all| all.contains(&json!(text)))
            };
            assert!(has("groups", "g") && has("roles", "r"));
            let address = claims["email"].as_str().expect("an address").to_ascii_lowercase();
            assert!(address.ends_with("@staff.example"));
            assert!([json!(true), json!("true"), json!(1), json!("1")].contains(&claims["email_verified"]));
        }
        Err(rejection) => {
            assert_one_line(&rejection);
        }
    }
}

fn users_of_staff(claims: &RawValue, text: &str) {
    let (staff, token) = (providers().1, signed(None, &claims));
    let metadata = metadata(&metadata_issuer(staff));
    let identity = match Identity::verify(&token, staff, &metadata, public_keys(), &FIXED.secrets, START) {
        Ok(identity) => identity,
        Err(rejection) => return assert_one_line(&rejection),
    };
    let claims: Value = serde_json::from_str(text).expect("claims that were read");
    let tenant = claims["tid"].as_str().expect("a tenant");
    assert_eq!(claims["iss"], format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    let object = claims["oid"].as_str().expect("an object");
    assert_eq!(identity.subject().as_str(), format!("staff:{tenant}.{object}").to_ascii_lowercase());
    match admit(&identity, staff, &named()) {
        Ok(admission) => {
            assert!(tenant.eq_ignore_ascii_case(TENANT), "{tenant}");
            let listed = |group: &Value| group.as_str().is_some_and(|group| group.eq_ignore_ascii_case(GROUP));
            let in_one =
                listed(&claims["groups"]) || claims["groups"].as_array().is_some_and(|all| all.iter().any(listed));
            match admission {
                Admission::GroupsNeeded => {}
                Admission::Granted(known) => {
                    assert!(in_one && known.tenant.as_deref() == Some(TENANT));
                    assert_said(&known, &claims);
                }
            }
        }
        Err(rejection) => assert_one_line(&rejection),
    }
}
