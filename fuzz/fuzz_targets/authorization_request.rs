//! `GET /authorize` and all that follows from it: the query of anybody on the network. Reaches `Parameters`, `ClientId`,
//! `RedirectUri`, `ResourceUri`, `Scopes`, `CodeChallenge` and the authorization request made of them; then the pages'
//! tickets, the remembered consent, the login and the code of a request that can be granted.
//!
//! What must hold: nothing is redirected but to a redirect URI of a client, no parameter more changes where a good request
//! goes, what is granted is there to be granted, every value has one canonical form, and nothing is stored before somebody
//! has approved. A request comes out of each step as it went in, once, in the same browser, and in no other.

#![no_main]

use gatehouse_authorization_server::arrival::{Arrival, Departure};
use gatehouse_authorization_server::authorization::{AuthorizationRequest, BoundRequest, RejectedRequest};
use gatehouse_authorization_server::browser::Browser;
use gatehouse_authorization_server::client_document::DocumentUrl;
use gatehouse_authorization_server::code::{CodeRejection, Redemption, issue_code, redeem_code};
use gatehouse_authorization_server::consent::{Approval, ConsentRequest};
use gatehouse_authorization_server::login::{LoginPurpose, LoginRejection, PendingLogin, ReturnedLogin};
use gatehouse_authorization_server::provider_selection::ProviderSelection;
use gatehouse_authorization_server::remembered_consent::{RememberedConsents, may_be_remembered};
use gatehouse_authorization_server::return_address::ReturnAddress;
use gatehouse_configuration::GrantType;
use gatehouse_fuzz::{
    CHALLENGE, Counting, START, VERIFIER, assert_redirect_of_ours, assert_safe, client_id, configuration, keys,
    metadata, providers, store,
};
use gatehouse_openid::{AccountChoice, Login};
use gatehouse_protocol::{
    Claims, ClientId, CodeChallenge, CodeVerifier, Parameters, RedirectUri, ResourceUri, Scope, Scopes, SecretString,
    Subject,
};
use gatehouse_sessions::{Device, ProviderTokens, SessionBrowser};
use libfuzzer_sys::fuzz_target;
use url::Url;

const GOOD: &str = "response_type=code&client_id=public&redirect_uri=https%3A%2F%2Fclient.example%2Fcb&state=xyz&\
                    code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&\
                    resource=https%3A%2F%2Fgateway.example%2Fmcp";

fuzz_target!(|data: &[u8]| {
    let Ok(query) = core::str::from_utf8(data) else { return };
    values(query);
    leads_nowhere_else(query);
    if let Some(Ok(request)) = outcome(query) {
        stays_itself_in_its_browser(&request);
        is_remembered_as_itself(&request);
        signs_in_once(&request);
        is_granted_once(&request);
    }
    // Whatever is added to a good request, its answer goes where it went, and carries the same state.
    match outcome(&format!("{GOOD}&{query}")) {
        Some(Ok(request)) => {
            assert_eq!(request.redirect_uri.as_str(), "https://client.example/cb");
            assert_eq!(request.state.as_deref(), Some("xyz"));
        }
        Some(Err(rejected)) => {
            assert_eq!(rejected.redirect_uri.as_str(), "https://client.example/cb");
            assert!(rejected.state.is_none_or(|state| state == "xyz"));
        }
        None => {}
    }
});

/// Where a browser may be sent after it has signed in is at our origin, whatever was written.
fn leads_nowhere_else(text: &str) {
    let Ok(address) = ReturnAddress::parse(text, configuration()) else { return };
    let location = address.location(configuration());
    let read = Url::parse(&location).expect("a URL");
    assert_eq!(read.origin().ascii_serialization(), configuration().public_url.as_str());
    assert!(read.username().is_empty() && read.password().is_none());
    assert!(!location.contains(['\r', '\n', ' ', '\\']));
}

fn outcome(query: &str) -> Option<Result<AuthorizationRequest, Box<RejectedRequest>>> {
    let store = store();
    let empty = store.snapshot();
    let bound = BoundRequest::parse(query, configuration(), keys(), &store, START);
    assert_eq!(store.snapshot(), empty);
    let outcome = bound.ok()?.validate(configuration());
    match &outcome {
        Ok(request) => {
            assert_redirect_of_ours(&request.redirect_uri);
            assert_returns_state(&request.redirect_uri.location(&parameters(request.state.as_deref())), &request.state);
            let route = configuration().route_of(&request.resource).expect("a resource of ours");
            assert!(!request.scopes.is_empty() && route.scopes.contains_all(&request.scopes));
            let requested = request.redirect_uri.redirect_uri().comparable();
            assert!(request.client.redirect_uris.iter().any(|uri| uri.comparable() == requested));
            assert!(request.client.may(GrantType::AuthorizationCode), "a client without the grant got a code");
        }
        Err(rejected) => {
            assert_redirect_of_ours(&rejected.redirect_uri);
            let location = rejected.redirect_uri.location(&parameters(rejected.state.as_deref()));
            assert_returns_state(&location, &rejected.state);
            assert!(!rejected.rejection.to_wire().as_str().is_empty());
        }
    }
    Some(outcome)
}

fn parameters(state: Option<&str>) -> Vec<(&str, &str)> {
    [("code", "a b"), ("iss", "https://gateway.example")]
        .into_iter()
        .chain(state.map(|state| ("state", state)))
        .collect()
}

/// The client reads its state as it sent it, whatever is in it.
fn assert_returns_state(location: &str, state: &Option<String>) {
    let url = Url::parse(location).expect("a URL");
    let returned: Vec<_> = url.query_pairs().skip_while(|(name, _)| name != "code").collect();
    assert!(returned[0].1 == "a b" && returned[1].1 == "https://gateway.example");
    assert_eq!(returned.get(2).map(|(_, value)| value.as_ref()), state.as_deref());
}

fn assert_same(one: &AuthorizationRequest, other: &AuthorizationRequest) {
    assert_eq!(one.client.client_id, other.client.client_id);
    assert_eq!(one.redirect_uri, other.redirect_uri);
    assert_eq!(one.state, other.state);
    assert_eq!(one.code_challenge, other.code_challenge);
    assert_eq!((&one.scopes, &one.resource), (&other.scopes, &other.resource));
    assert_eq!(one.prompts_consent, other.prompts_consent);
}

fn browsers() -> (Browser, Browser) {
    let mut entropy = Counting::default();
    (Browser::generate(&mut entropy), Browser::generate(&mut entropy))
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).expect("a subject")
}

fn stays_itself_in_its_browser(request: &AuthorizationRequest) {
    let (store, mut entropy, (own, other)) = (store(), Counting::default(), browsers());
    let empty = store.snapshot();
    let later = START.plus(24 * 60 * 60);
    let selection = ProviderSelection { request: request.clone(), may_be_remembered: true, may_go_unasked: true };
    let ticket = selection.ticket(&own, keys(), START, &mut entropy).expect("a ticket");
    let redeem = |browser, now| {
        ProviderSelection::redeem(&ticket, browser, keys(), configuration(), &store, now)
            .map(|(selection, _)| selection)
    };
    let redeemed = redeem(&own, START).expect("the same browser");
    assert_same(&redeemed.request, request);
    assert!(redeemed.may_be_remembered && redeem(&other, START).is_err() && redeem(&own, later).is_err());

    let approved = Some(Approval::Given { remember: true });
    let consent_request = ConsentRequest { request: request.clone(), provider: providers().0, approved };
    let ticket = consent_request.ticket(&own, keys(), START, &mut entropy).expect("a ticket");
    let redeem = |browser, now| {
        ConsentRequest::redeem(&ticket, browser, keys(), configuration(), &store, now)
            .map(|(consent_request, _)| consent_request)
    };
    let redeemed = redeem(&own, START).expect("the same browser");
    assert_same(&redeemed.request, request);
    assert!(redeemed.provider.name == "demo" && redeemed.approved == approved);
    assert!(redeem(&other, START).is_err() && redeem(&own, later).is_err());
    assert_eq!(store.snapshot(), empty, "something was stored before anybody approved");
}

fn is_remembered_as_itself(request: &AuthorizationRequest) {
    let (store, mut entropy, (own, other)) = (store(), Counting::default(), browsers());
    let (provider, other_provider) = providers();
    let (alice, mallory) = (subject("demo:alice"), subject("demo:mallory"));
    let lifetime = configuration().lifetimes.consent;
    let consents = RememberedConsents { store: &store, keys: keys(), lifetime, now: START };
    let covers = |browser, provider| consents.cover(browser, request, provider).expect("the store answers");
    let approves = |who, browser| {
        let approved = consents.is_approved_by(who, Approval::Remembered, browser, request, provider);
        approved.expect("the store answers")
    };
    assert!(!covers(&own, provider) && !approves(&alice, &own));
    consents.remember(&alice, &own, request, provider, &mut entropy).expect("the store answers");
    assert!(covers(&own, provider) && !covers(&other, provider) && !covers(&own, other_provider));
    assert!(approves(&alice, &own) && !approves(&mallory, &own) && !approves(&alice, &other));
    // A request that differs by a scope is another one.
    let mut narrower = request.clone();
    narrower.scopes = Scopes::parse(request.scopes.iter().next().expect("a scope").as_str()).expect("scopes");
    let is_same = narrower.scopes == request.scopes;
    assert_eq!(consents.cover(&own, &narrower, provider).expect("the store answers"), is_same);
    let listed = consents.of(&alice).expect("the store answers");
    assert!(listed.len() == 1 && consents.of(&mallory).expect("the store answers").is_empty());
    assert_eq!(listed[0].client_id, request.client.client_id.as_str());
    assert_eq!(listed[0].resource, request.resource.as_str());
    consents.forget(&mallory, &listed[0].id).expect("the store answers");
    assert!(covers(&own, provider));
    consents.forget(&alice, &listed[0].id).expect("the store answers");
    assert!(!covers(&own, provider) && !approves(&alice, &own));
    let departure = Departure::for_client(&request.client.client_id);
    let text = request.state.as_deref();
    for departures in [vec![], vec![departure.cookie_value()], text.into_iter().collect()] {
        let [site, mode, destination] = ["none", "navigate", "document"].map(Some);
        let good = Arrival { site, mode, destination, is_prefetch: false, departures };
        let is_own = good.departures.iter().all(|value| *value == departure.cookie_value());
        assert_eq!(may_be_remembered(request, &good), is_own && !request.prompts_consent);
        for other in [
            Arrival { site: text, ..good.clone() },
            Arrival { mode: text, ..good.clone() },
            Arrival { destination: text, ..good.clone() },
        ] {
            let is_good = (other.site, other.mode, other.destination) == (site, mode, destination);
            assert!(!may_be_remembered(request, &other) || is_good);
        }
        assert!(!may_be_remembered(request, &Arrival { is_prefetch: true, ..good }));
    }
}

fn signs_in_once(request: &AuthorizationRequest) {
    let (store, mut entropy, (own, other)) = (store(), Counting::default(), browsers());
    let provider = providers().0;
    let pending = PendingLogin::generate(keys(), START, &mut entropy).expect("a login");
    let state = pending.state().to_owned();
    let callback_url = configuration().callback_url();
    let known = metadata(&provider.issuer);
    let login = Login::begin(provider, &known, &callback_url, &state, AccountChoice::ByProvider, &mut entropy);
    assert!(login.authorization_url.as_str().starts_with("https://op.example/authorize?"));
    let approval = Approval::Given { remember: false };
    let purpose = LoginPurpose::Authorization { request: Box::new(request.clone()), approval };
    pending.keep(&purpose, provider, &login, &own, &store, &mut entropy).expect("the store answers");
    let kept = store.snapshot();
    let take = |browser| ReturnedLogin::take(&state, browser, keys(), configuration(), &store, START);
    assert!(matches!(take(None), Err(LoginRejection::OtherBrowser)));
    assert!(matches!(take(Some(&other)), Err(LoginRejection::OtherBrowser)));
    assert_eq!(store.snapshot(), kept, "another browser used the login up");
    let returned = take(Some(&own)).expect("the browser in which it began");
    assert_eq!(returned.provider.name, provider.name);
    match &returned.purpose {
        LoginPurpose::Authorization { request: kept, .. } => assert_same(kept, request),
        LoginPurpose::SessionsPage
        | LoginPurpose::ConnectionsPage
        | LoginPurpose::TokenPage(_)
        | LoginPurpose::Browser(_) => panic!("another purpose"),
    }
    assert!(matches!(take(Some(&own)), Err(LoginRejection::AlreadyFinished)));
}

fn is_granted_once(request: &AuthorizationRequest) {
    let (store, mut entropy) = (store(), Counting::default());
    let browser = SessionBrowser { digest: "a digest".to_owned(), device: Device::default() };
    let code = issue_code(
        request,
        &subject("demo:alice"),
        Claims::default(),
        &browser,
        &ProviderTokens::default(),
        configuration().lifetimes.session,
        keys(),
        &store,
        START,
        &mut entropy,
    );
    let code = code.expect("the store answers");
    let issued = store.snapshot();
    let verifier = CodeVerifier::parse(VERIFIER).expect("a verifier");
    let redeem = |code: &SecretString, client: &ClientId, uri: &str, resource: &ResourceUri| {
        let redemption = Redemption {
            code,
            client_id: client,
            redirect_uri: Some(uri),
            code_verifier: &verifier,
            resource: Some(resource),
        };
        redeem_code(&redemption, keys(), &store, START)
    };
    let (own, uri, resource) = (&request.client.client_id, request.redirect_uri.as_str(), &request.resource);
    assert!(matches!(redeem(&code, &client_id("basic"), uri, resource), Err(CodeRejection::ClientMismatch)));
    let other = format!("{uri}x");
    assert!(matches!(redeem(&code, own, &other, resource), Err(CodeRejection::RedirectUriMismatch)));
    let first = redeem(&code, own, uri, resource);
    if request.code_challenge.to_wire() != CHALLENGE {
        assert!(matches!(first, Err(CodeRejection::VerifierMismatch)));
        assert_eq!(store.snapshot(), issued, "a wrong verifier used the code up");
        return;
    }
    let grant = first.expect("the right verifier");
    assert_eq!((&grant.principal.scopes, &grant.principal.resource), (&request.scopes, resource));
    assert!(grant.principal.subject.as_str() == "demo:alice" && grant.principal.client_id == *own);
    assert!(matches!(redeem(&code, own, uri, resource), Err(CodeRejection::Replayed(_))));
}

fn values(text: &str) {
    let parameters = Parameters::parse(text);
    let names = ["client_id", "redirect_uri", "resource", "scope", "code_challenge"];
    for value in names.iter().flat_map(|name| parameters.all(name)).chain([text]) {
        if let Ok(uri) = RedirectUri::parse(value, &configuration().redirect_rules()) {
            assert_eq!(uri.as_str(), value);
            assert_safe(&uri);
            assert!(uri.clone().bind(&[uri]).is_some());
        }
        if let Ok(resource) = ResourceUri::parse(value) {
            assert_eq!(ResourceUri::parse(resource.as_str()).as_ref(), Ok(&resource));
        }
        if let Ok(scopes) = Scopes::parse(value) {
            assert_eq!(Scopes::parse(&scopes.to_string()).as_ref(), Ok(&scopes));
            assert!(scopes.iter().all(|scope| Scope::parse(scope.as_str()).as_ref() == Ok(scope)));
        }
        if let Ok(challenge) = CodeChallenge::parse(value) {
            assert_eq!(challenge.to_wire(), value);
        }
        if let Ok(client_id) = ClientId::parse(value) {
            assert_eq!(client_id.as_str(), value);
            // Only what may be fetched becomes the URL of a document.
            if let Ok(url) = DocumentUrl::parse(&client_id, configuration()) {
                let fetched = url.request().uri().clone();
                assert_eq!(fetched.scheme_str(), Some("https"));
                // Whoever sends the request reads the host as we did.
                let read = Url::parse(value).expect("a URL");
                assert_eq!(fetched.host(), read.domain());
                assert_eq!(fetched.port_u16(), read.port());
            }
        }
    }
}
