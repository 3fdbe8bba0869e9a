use gatehouse_sessions::Device;
use gatehouse_storage::memory::FailingStore;
use proptest::prelude::*;

use super::*;
use crate::example::{
    CHALLENGE, CONFIGURED, CONFIGURED_URI, LOOPBACK_URI, RESOURCE, START, VERIFIER, World, alice, client_id, key_ring,
    with_each_character_changed,
};
use crate::login::PendingLogin;
use crate::signed_out::note_sign_out;

const SESSION_LIFETIME: u64 = 86_400;

/// What the token endpoint was sent; the rest is as it must be.
#[derive(Clone, Copy)]
struct Presented<'a> {
    client_id: &'a str,
    redirect_uri: Option<&'a str>,
    code_verifier: &'a str,
    resource: Option<&'a str>,
}

const RIGHT: Presented<'_> = Presented {
    client_id: CONFIGURED,
    redirect_uri: Some(CONFIGURED_URI),
    code_verifier: VERIFIER,
    resource: Some(RESOURCE),
};

fn claims() -> Claims {
    Claims { groups: vec!["engineering".to_owned()], ..Claims::default() }
}

impl World {
    fn issue(&mut self, request: &AuthorizationRequest) -> String {
        let (provider_tokens, lifetime, entropy) = (provider_tokens(), SESSION_LIFETIME, &mut self.entropy);
        let code = issue_code(
            request,
            &alice(),
            claims(),
            &browser(),
            &provider_tokens,
            lifetime,
            &self.keys,
            &self.store,
            START,
            entropy,
        );
        code.unwrap().expose().to_owned()
    }

    fn redeem(&self, code: &str, presented: Presented<'_>, now: UnixTime) -> Result<Grant, CodeRejection> {
        self.store.set_now(now);
        redeem_from(&self.store, self, code, presented, now)
    }
}

fn redeem_from(
    store: &impl Store,
    world: &World,
    code: &str,
    presented: Presented<'_>,
    now: UnixTime,
) -> Result<Grant, CodeRejection> {
    let (client_id, code_verifier) =
        (client_id(presented.client_id), CodeVerifier::parse(presented.code_verifier).unwrap());
    let resource = presented.resource.map(|resource| ResourceUri::parse(resource).unwrap());
    let code = SecretString::new(code.to_owned());
    let redemption = Redemption {
        code: &code,
        client_id: &client_id,
        redirect_uri: presented.redirect_uri,
        code_verifier: &code_verifier,
        resource: resource.as_ref(),
    };
    redeem_code(&redemption, &world.keys, store, now)
}

fn browser() -> SessionBrowser {
    SessionBrowser { digest: "the-browser".to_owned(), device: Device::of("Firefox/133.0 (Windows NT 10.0)") }
}

fn provider_tokens() -> ProviderTokens {
    ProviderTokens {
        access_token: Some(SecretString::new("provider-access".to_owned())),
        refresh_token: Some(SecretString::new("provider-refresh".to_owned())),
        expires_at: Some(START.plus(3_600)),
    }
}

#[test]
fn a_code_grants_what_the_user_granted() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let grant = world.redeem(&code, RIGHT, START.plus(1)).unwrap();
    assert_eq!(grant.principal.subject, alice());
    assert_eq!(grant.principal.client_id.as_str(), CONFIGURED);
    assert_eq!(grant.principal.resource.as_str(), RESOURCE);
    assert_eq!(grant.principal.scopes.to_string(), "mcp");
    assert_eq!(grant.principal.claims, claims());
    assert_eq!(grant.browser, Some(browser()));
    assert_eq!(grant.root.expires_at, START.plus(SESSION_LIFETIME), "counted from when the user signed in");
    assert!(grant.refreshable);
    let expected = provider_tokens();
    assert_eq!(grant.provider_tokens.access_token, expected.access_token);
    assert_eq!(grant.provider_tokens.refresh_token, expected.refresh_token);
    assert_eq!(grant.provider_tokens.expires_at, expected.expires_at);
}

#[test]
fn an_identity_provider_may_give_no_tokens_and_a_client_may_not_refresh() {
    let mut world = World::new();
    let mut request = world.request();
    request.client.grant_types = vec![GrantType::AuthorizationCode];
    let none = ProviderTokens::default();
    let code = issue_code(
        &request,
        &alice(),
        claims(),
        &browser(),
        &none,
        SESSION_LIFETIME,
        &world.keys,
        &world.store,
        START,
        &mut world.entropy,
    );
    let grant = world.redeem(code.unwrap().expose(), RIGHT, START).unwrap();
    assert!(grant.provider_tokens.access_token.is_none() && grant.provider_tokens.refresh_token.is_none());
    assert!(grant.provider_tokens.expires_at.is_none() && !grant.refreshable);
}

/// A registration that nobody uses is dropped after a day.
#[test]
fn a_client_that_gets_a_code_is_in_use() {
    let mut world = World::new();
    let request = world.request_of_registered();
    let client_id = request.client.client_id.clone();
    let known = |world: &World, now| {
        crate::client::Client::find(&client_id, &world.configuration, &world.keys, &world.store, now).is_ok()
    };
    assert!(!known(&world, START.plus(86_400)));
    world.issue(&request);
    assert!(known(&world, START.plus(45 * 86_400)));
    let records = world.store.values().len();
    world.issue(&request);
    assert_eq!(world.store.values().len(), records + 1, "another code, and nothing else");
}

/// RFC 6749 asks for the redirect URI, OAuth 2.1 no longer does; clients of MCP 2025-03-26 do not know `resource`.
#[test]
fn redirect_uri_and_resource_need_not_be_repeated() {
    for presented in [
        Presented { redirect_uri: None, ..RIGHT },
        Presented { resource: None, ..RIGHT },
        Presented { resource: Some("https://GATEWAY.example:443/mcp/?tenant=1"), ..RIGHT },
    ] {
        let mut world = World::new();
        let code = world.issue(&world.request());
        assert!(world.redeem(&code, presented, START).is_ok());
    }
}

/// OAuth 2.1, section 4.1.3: who presents a code wrongly must not be able to spend it for its owner.
#[test]
fn whatever_does_not_fit_leaves_the_code_redeemable() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let before = world.store.snapshot();
    let other_verifier = VERIFIER.replacen('d', "e", 1);
    let longest = "z".repeat(128);
    for (presented, expected) in [
        (Presented { client_id: "another", ..RIGHT }, CodeRejection::ClientMismatch),
        (Presented { client_id: "CONFORMANCE", ..RIGHT }, CodeRejection::ClientMismatch),
        (Presented { redirect_uri: Some(LOOPBACK_URI), ..RIGHT }, CodeRejection::RedirectUriMismatch),
        (Presented { redirect_uri: Some("https://client.example/cb/"), ..RIGHT }, CodeRejection::RedirectUriMismatch),
        (Presented { redirect_uri: Some("https://CLIENT.example/cb"), ..RIGHT }, CodeRejection::RedirectUriMismatch),
        (Presented { redirect_uri: Some(""), ..RIGHT }, CodeRejection::RedirectUriMismatch),
        (Presented { code_verifier: &other_verifier, ..RIGHT }, CodeRejection::VerifierMismatch),
        (Presented { code_verifier: &longest, ..RIGHT }, CodeRejection::VerifierMismatch),
        // `plain`: the challenge stands in the browser's history.
        (Presented { code_verifier: CHALLENGE, ..RIGHT }, CodeRejection::VerifierMismatch),
        (Presented { resource: Some("https://gateway.example/mail"), ..RIGHT }, CodeRejection::ResourceMismatch),
        (Presented { resource: Some("https://evil.example/mcp"), ..RIGHT }, CodeRejection::ResourceMismatch),
    ] {
        assert_eq!(world.redeem(&code, presented, START).unwrap_err(), expected);
        assert_eq!(world.store.snapshot(), before, "{expected}");
    }
    assert!(world.redeem(&code, RIGHT, START).is_ok());
}

/// RFC 8252, section 7.3: the port may differ from the registered one, and not between the two requests.
#[test]
fn the_redirect_uri_is_that_of_the_request_and_not_another_of_the_clients() {
    let mut world = World::new();
    let request = world.request_of_registered();
    let code = world.issue(&request);
    let right = Presented { client_id: request.client.client_id.as_str(), redirect_uri: Some(LOOPBACK_URI), ..RIGHT };
    for other in ["https://client.example/registered", "http://127.0.0.1:33419/callback", "http://127.0.0.1/callback"] {
        let refused = world.redeem(&code, Presented { redirect_uri: Some(other), ..right }, START).unwrap_err();
        assert_eq!(refused, CodeRejection::RedirectUriMismatch, "{other}");
    }
    assert!(world.redeem(&code, right, START).is_ok());
}

#[test]
fn a_code_is_good_until_the_second_in_which_it_is_60_seconds_old() {
    for (seconds, in_time) in [(59, true), (60, false), (61, false), (1_000_000, false)] {
        let mut world = World::new();
        let code = world.issue(&world.request());
        let before = world.store.snapshot();
        let outcome = world.redeem(&code, RIGHT, START.plus(seconds));
        if in_time {
            assert!(outcome.is_ok(), "{seconds}");
        } else {
            assert_eq!(outcome.unwrap_err(), CodeRejection::Expired, "{seconds}");
            assert_eq!(world.store.snapshot(), before);
        }
    }
}

#[test]
fn a_replay_by_whoever_has_the_verifier_names_the_session_to_end() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let first = world.redeem(&code, RIGHT, START).unwrap();
    for seconds in [0, 1, 59] {
        let replayed = world.redeem(&code, RIGHT, START.plus(seconds)).unwrap_err();
        assert_eq!(replayed, CodeRejection::Replayed(first.root.clone()));
    }
}

/// OAuth 2.1, section 4.1.3: else anybody who has seen a code could end the session that it opened.
#[test]
fn a_replay_that_does_not_fit_ends_nothing() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    world.redeem(&code, RIGHT, START).unwrap();
    let before = world.store.snapshot();
    for (presented, expected) in [
        (Presented { code_verifier: CHALLENGE, ..RIGHT }, CodeRejection::VerifierMismatch),
        (Presented { client_id: "another", ..RIGHT }, CodeRejection::ClientMismatch),
    ] {
        assert_eq!(world.redeem(&code, presented, START).unwrap_err(), expected);
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn two_codes_open_two_sessions() {
    let mut world = World::new();
    let request = world.request();
    let [first, second] = [world.issue(&request), world.issue(&request)];
    assert_ne!(first, second);
    let roots = [first, second].map(|code| world.redeem(&code, RIGHT, START).unwrap().root);
    assert_ne!(roots[0], roots[1]);
}

#[test]
fn what_was_never_issued_is_not_recognised() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let state = PendingLogin::generate(&world.keys, START, &mut world.entropy).unwrap();
    let expires_at = START.plus(CODE_SECONDS);
    let own =
        SealedHandle::generate(expires_at, &mut world.entropy).seal(CODE, &world.keys, &mut world.entropy).unwrap();
    let foreign =
        SealedHandle::open(CODE, &world.keys, &code).unwrap().seal(CODE, &key_ring('B'), &mut world.entropy).unwrap();
    let mut forged = vec![
        String::new(),
        "SplxlOBeZQQYbYS6WxSbIA".to_owned(),
        code[1..].to_owned(),
        format!("{code}A"),
        format!("{code}="),
        state.state().to_owned(),
        own.expose().to_owned(),
        foreign.expose().to_owned(),
    ];
    forged.extend(with_each_character_changed(&code));
    let before = world.store.snapshot();
    for forged in forged {
        assert_eq!(world.redeem(&forged, RIGHT, START).unwrap_err(), CodeRejection::Unrecognised, "{forged}");
    }
    assert_eq!(world.store.snapshot(), before);
    assert!(world.redeem(&code, RIGHT, START).is_ok());
}

/// A backend that lost the counter and kept the record.
#[test]
fn a_code_whose_counter_is_gone_is_not_redeemed() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let handle = SealedHandle::open(CODE, &world.keys, &code).unwrap();
    world.store.delete(&handle.key(USE).unwrap()).unwrap();
    assert_eq!(world.redeem(&code, RIGHT, START).unwrap_err(), CodeRejection::Unrecognised);
}

#[test]
fn a_record_that_was_tampered_with_grants_nothing() {
    let mut world = World::new();
    let request = world.request();
    let [mine, other] = [world.issue(&request), world.issue(&request)];
    let [my_key, other_key] =
        [&mine, &other].map(|code| SealedHandle::open(CODE, &world.keys, code).unwrap().key(RECORD).unwrap());
    let genuine = world.store.get(&my_key).unwrap().unwrap();
    let moved = world.store.get(&other_key).unwrap().unwrap();
    for tampered in [moved, genuine[1..].to_vec(), Vec::new()] {
        world.store.put(&my_key, &tampered).unwrap();
        let before = world.store.snapshot();
        assert!(matches!(world.redeem(&mine, RIGHT, START), Err(CodeRejection::Unavailable(_))));
        assert_eq!(world.store.snapshot(), before, "the code is not used up");
    }
    world.store.put(&my_key, &genuine).unwrap();
    assert!(world.redeem(&mine, RIGHT, START).is_ok());
}

#[test]
fn a_store_that_fails_at_any_point_issues_no_code() {
    let mut answers = 0;
    loop {
        let mut world = World::new();
        let (request, failing) = (world.request(), FailingStore::after(answers, &world.store));
        let lifetime = SESSION_LIFETIME;
        match issue_code(
            &request,
            &alice(),
            claims(),
            &browser(),
            &provider_tokens(),
            lifetime,
            &world.keys,
            &failing,
            START,
            &mut world.entropy,
        ) {
            Ok(_) => break,
            Err(StoreUnavailable(_)) => answers += 1,
        }
    }
    assert!(answers >= 2, "a record and a counter");
}

#[test]
fn a_store_that_fails_at_any_point_redeems_no_code() {
    let mut answers = 0;
    loop {
        let mut world = World::new();
        let code = world.issue(&world.request());
        match redeem_from(&FailingStore::after(answers, &world.store), &world, &code, RIGHT, START) {
            Ok(_) => break,
            Err(CodeRejection::Unavailable(_)) => answers += 1,
            Err(other) => panic!("{other:?} after {answers} answers"),
        }
    }
    assert!(answers >= 2, "a record and a counter");
}

#[test]
fn the_store_holds_nothing_of_a_code_in_clear() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let dump = format!("{}{}", String::from_utf8_lossy(&world.store.values().concat()), world.store.snapshot());
    for secret in
        ["provider-access", "provider-refresh", "alice", "engineering", CONFIGURED, CONFIGURED_URI, CHALLENGE, &code]
    {
        assert!(!dump.contains(secret), "{secret}");
    }
}

#[test]
fn a_grant_never_prints_the_tokens_or_the_root_that_it_holds() {
    let mut world = World::new();
    let code = world.issue(&world.request());
    let grant = world.redeem(&code, RIGHT, START).unwrap();
    let printed = format!("{grant:?} {:?}", CodeRejection::Replayed(grant.root.clone()));
    let root = format!("{:?}", grant.root.secret.expose());
    assert!(!printed.contains("provider-access") && !printed.contains("provider-refresh") && !printed.contains(&root));
}

/// What is derived `Debug` ends up in a log one day, and a code that was not redeemed is a session.
#[test]
fn a_redemption_never_prints_its_code_or_its_verifier() {
    let (client_id, code_verifier) = (client_id(CONFIGURED), CodeVerifier::parse(VERIFIER).unwrap());
    let code = SecretString::new("the-code".to_owned());
    let redemption = Redemption {
        code: &code,
        client_id: &client_id,
        redirect_uri: None,
        code_verifier: &code_verifier,
        resource: None,
    };
    let printed = format!("{redemption:?}");
    assert!(!printed.contains(VERIFIER), "{printed}");
    assert!(!printed.contains("the-code"), "{printed}");
}

proptest! {
    #[test]
    fn any_text_is_no_code(text in prop_oneof![".{0,100}", "[A-Za-z0-9_-]{0,200}"]) {
        let world = World::new();
        prop_assert_eq!(world.redeem(&text, RIGHT, START).unwrap_err(), CodeRejection::Unrecognised);
    }

    #[test]
    fn no_other_verifier_redeems_a_code(verifier in "[A-Za-z0-9._~-]{43,128}") {
        prop_assume!(verifier != VERIFIER);
        let mut world = World::new();
        let code = world.issue(&world.request());
        let refused = world.redeem(&code, Presented { code_verifier: &verifier, ..RIGHT }, START).unwrap_err();
        prop_assert_eq!(refused, CodeRejection::VerifierMismatch);
    }
}

#[test]
fn a_code_that_was_issued_before_its_user_signed_out_everywhere_is_refused() {
    let mut world = World::new();
    let request = world.request();
    let code = world.issue(&request);
    let out = START.plus(1);
    world.store.set_now(out);
    note_sign_out(&alice(), &world.keys, &world.store, out, &mut world.entropy).unwrap();
    for seconds in [1, 2, 59] {
        let refused = world.redeem(&code, RIGHT, START.plus(seconds)).unwrap_err();
        assert_eq!(refused, CodeRejection::SignedOut, "{seconds}");
    }
    // What was issued afterwards counts.
    let provider_tokens = provider_tokens();
    let (later, entropy) = (out.plus(1), &mut world.entropy);
    let issued = issue_code(
        &request,
        &alice(),
        claims(),
        &browser(),
        &provider_tokens,
        SESSION_LIFETIME,
        &world.keys,
        &world.store,
        later,
        entropy,
    );
    assert!(world.redeem(issued.unwrap().expose(), RIGHT, later).is_ok());
}
