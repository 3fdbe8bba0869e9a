//! Values that somebody guessed or altered: one answer for all of them, whatever is wrong.
//!
//! Azure's APIM sample sealed without a MAC and told a broken value (500) from an unknown one (401), which makes a
//! padding oracle.

use gatehouse_tests::{Answer, AttackWorld, From, Person, Step, form, unique};

/// `text` with each bit of each of its characters flipped, one at a time, where it is base64url; other characters (the
/// `-` or `.` between two parts are in the alphabet or are not) become another one.
fn bit_flips(text: &str) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut flips = Vec::new();
    for (position, byte) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|known| *known == byte);
        for bit in 0..6 {
            let mut bytes = text.as_bytes().to_vec();
            bytes[position] = value.map_or(b'A', |value| ALPHABET[value ^ (1 << bit)]);
            flips.push(String::from_utf8(bytes).unwrap());
        }
    }
    flips
}

/// Cut, prolonged and written otherwise.
fn variants(text: &str) -> Vec<String> {
    let swapped: String = text.chars().rev().collect();
    vec![
        text[1..].to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
        format!("A{text}"),
        format!("{text}="),
        format!("{text}=="),
        format!("{text}%00"),
        text.to_ascii_uppercase(),
        text.to_ascii_lowercase(),
        swapped,
        unique(""),
        "A".repeat(text.len()),
        "x".to_owned(),
        "null".to_owned(),
        "0".to_owned(),
    ]
}

type Comparable = (u16, Vec<(String, String)>, String);

fn assert_same(expected: &mut Option<Comparable>, answer: &Answer, what: &str) {
    let answer = answer.unmarked();
    let expected = expected.get_or_insert_with(|| answer.clone());
    assert_eq!(&answer, expected, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_access_token_gets_the_same_401() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let token = tokens["access_token"].as_str().unwrap();
    let before = world.store().await;
    let mut expected = Some(world.call("/mcp", "unknown").await.unmarked());
    assert_eq!(expected.as_ref().unwrap().0, 401);
    for altered in bit_flips(token).into_iter().chain(variants(token)).filter(|altered| altered != token) {
        // Not a token68 (RFC 6750, section 2.1) is another mistake, and known without looking at the value.
        if altered.contains('%') {
            continue;
        }
        assert_same(&mut expected, &world.call("/mcp", &altered).await, &altered);
    }
    world.assert_unchanged(&before, "altered access tokens").await;
    assert!(world.upstream.requests().is_empty(), "the upstream was asked");
    assert_eq!(world.call("/mcp", token).await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_refresh_token_gets_the_same_400_and_ends_nothing() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let before = world.store().await;
    let mut expected = None;
    for altered in bit_flips(token).into_iter().chain(variants(token)).filter(|altered| altered != token) {
        assert_same(&mut expected, &world.refresh(&world.public(), &altered).await, &altered);
    }
    assert_eq!(expected.unwrap().0, 400);
    world.assert_unchanged(&before, "altered refresh tokens").await;
    assert_eq!(world.refresh(&world.public(), token).await.status, 200);
    world.gatehouse.stop().await;
}

/// cloudflare/workers-oauth-provider#188: a forged code left the grant without its owner.
#[tokio::test(flavor = "multi_thread")]
async fn every_altered_code_gets_the_same_400_and_leaves_the_grant_as_it_was() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let code = flow.code();
    let redemption = flow.redemption();
    let before = world.store().await;
    let mut expected = None;
    for altered in bit_flips(&code).into_iter().chain(variants(&code)).filter(|altered| *altered != code) {
        let mut pairs = redemption.clone();
        pairs.iter_mut().filter(|(name, _)| name == "code").for_each(|(_, value)| value.clone_from(&altered));
        assert_same(&mut expected, &world.token(&flow.client, &pairs).await, &altered);
    }
    assert_eq!(expected.unwrap().0, 400);
    world.assert_unchanged(&before, "altered codes").await;
    assert_eq!(flow.redeem().await.status, 200, "its owner can still redeem it");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_state_gets_the_same_page() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Returned).await;
    let state = flow.provider_state();
    let before = world.store().await;
    let mut expected = None;
    for altered in bit_flips(&state).into_iter().chain(variants(&state)).filter(|altered| *altered != state) {
        let query = form(&[("code", "x"), ("state", &altered), ("iss", &world.provider().issuer())]);
        let url = world.url(&format!("/callback?{query}")).parse().unwrap();
        assert_same(&mut expected, &alice.open(&url, From::OtherSite).await, &altered);
    }
    assert_eq!(expected.unwrap().0, 400);
    world.assert_unchanged(&before, "altered states").await;
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_ticket_gets_the_same_page() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let ticket = flow.ticket();
    let before = world.store().await;
    let mut expected = None;
    for altered in bit_flips(&ticket).into_iter().chain(variants(&ticket)).filter(|altered| *altered != ticket) {
        let pairs = [("ticket".to_owned(), altered.clone()), ("decision".to_owned(), "approve".to_owned())];
        assert_same(&mut expected, &alice.submit(&world.gatehouse.url, "/consent", &pairs).await, &altered);
    }
    assert_eq!(expected.unwrap().0, 403);
    world.assert_unchanged(&before, "altered tickets").await;
    flow.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_browser_cookie_gets_the_same_page() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let (mut asked, mut returned) = (world.flow(&alice), world.flow(&alice));
    asked.to(Step::Asked).await;
    returned.to(Step::Returned).await;
    let cookie = alice.cookies().into_iter().find(|cookie| cookie.name.starts_with("gatehouse-browser-")).unwrap();
    let before = world.store().await;
    let (mut at_consent, mut at_callback) = (None, None);
    for altered in
        bit_flips(&cookie.value).into_iter().chain(variants(&cookie.value)).filter(|altered| *altered != cookie.value)
    {
        let thief = Person::new("mallory");
        thief.set_cookie("127.0.0.1", &format!("{}={altered}", cookie.name));
        let answer = thief.submit(&world.gatehouse.url, "/consent", &asked.decision("approve")).await;
        assert_same(&mut at_consent, &answer, &altered);
        let answer = thief.open(returned.callback_url.as_ref().unwrap(), From::OtherSite).await;
        assert_same(&mut at_callback, &answer, &altered);
    }
    assert_eq!((at_consent.unwrap().0, at_callback.unwrap().0), (403, 403));
    world.assert_unchanged(&before, "altered cookies").await;
    asked.to(Step::Redeemed).await;
    returned.to(Step::Redeemed).await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_client_id_is_the_same_unknown_client() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let client = world.registered("https://client.example/callback").await;
    let mut flow = world.flow_of(&alice, client.clone(), "/mcp");
    flow.to(Step::Answered).await;
    let redemption = flow.redemption();
    let before = world.store().await;
    let (mut at_authorize, mut at_token) = (None, None);
    for altered in bit_flips(&client.client_id).into_iter().chain(variants(&client.client_id)) {
        if altered == client.client_id {
            continue;
        }
        let pairs = [redemption.clone(), vec![("client_id".to_owned(), altered.clone())]].concat();
        assert_same(&mut at_token, &world.post("/token", &pairs).await, &altered);
        let request = world.flow_of(&alice, client.clone(), "/mcp").with("client_id", Some(&altered));
        assert_same(&mut at_authorize, &alice.open(&request.authorization_url(), From::Nowhere).await, &altered);
    }
    assert_eq!((at_authorize.unwrap().0, at_token.unwrap().0), (400, 401));
    world.assert_unchanged(&before, "altered client ids").await;
    world.flow_of(&alice, client, "/mcp").finish().await;
    world.gatehouse.stop().await;
}

/// MCP 2025-11-25, security best practices: a session id is bound to its user, and is no credential.
#[tokio::test(flavor = "multi_thread")]
async fn every_altered_or_foreign_session_id_is_the_same_unknown_session() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (of_alice, of_bob) = (world.flow(&alice).finish().await, world.flow(&bob).finish().await);
    let (alices, bobs) = (of_alice["access_token"].as_str().unwrap(), of_bob["access_token"].as_str().unwrap());
    let session = world.mcp_session(alices).await;
    assert!(!session.contains("upstream-session"), "the upstream's own id is given out");
    let ask = async |token: &str, id: &str| {
        Answer::of(world.mcp_request("/mcp").bearer_auth(token).header("mcp-session-id", id).send().await.unwrap())
            .await
    };
    let (before, asked) = (world.store().await, world.upstream.requests().len());
    let mut expected = Some(ask(bobs, &session).await.unmarked());
    assert_eq!(expected.as_ref().unwrap().0, 404);
    let upstreams_own =
        world.upstream.requests().iter().map(|request| request.header("mcp-session-id").to_owned()).collect::<Vec<_>>();
    for altered in bit_flips(&session).into_iter().chain(variants(&session)).chain(upstreams_own) {
        if altered != session && !altered.is_empty() {
            assert_same(&mut expected, &ask(alices, &altered).await, &altered);
        }
    }
    world.assert_unchanged(&before, "altered session ids").await;
    assert_eq!(world.upstream.requests().len(), asked, "the upstream was asked");
    assert_eq!(ask(alices, &session).await.status, 200);
    // Without a token it is worth nothing.
    let request = world.mcp_request("/mcp").header("mcp-session-id", &session);
    assert_eq!(request.send().await.unwrap().status(), 401);
    world.gatehouse.stop().await;
}
