//! The account pages: what a user has allowed is seen and ended by that user, in their own browser, and by nobody else.

use gatehouse_tests::{Answer, AttackWorld, Cookie, Form, From, Person, Step, flipped, form};
use serde_json::{Value, json};

use crate::answers::{assert_page, assert_shown};

pub(crate) async fn open(world: &AttackWorld, person: &Person) -> Answer {
    person.open(&world.url("/sessions").parse().unwrap(), From::Nowhere).await
}

/// Signs `person` in to the account pages; the page with their sessions.
pub(crate) async fn sign_in(world: &AttackWorld, person: &Person) -> Answer {
    let page = open(world, person).await;
    let pressed = page.form("/sign-in").expect("a form").pressed("provider", "test");
    let sent = person.submit(&world.gatehouse.url, "/sign-in", &pressed).await;
    let returned = person.open(&sent.location().expect("the provider"), From::OtherSite).await;
    let signed_in = person.open(&returned.location().expect("the callback"), From::OtherSite).await;
    assert_eq!(signed_in.location().expect("our page").path(), "/sessions", "{signed_in:?}");
    let page = open(world, person).await;
    assert_shown(&page, 200, "the sessions");
    page
}

/// Signs out everywhere, from the page of the sessions: the user is asked, and confirms it. What is then shown.
pub(crate) async fn sign_out_everywhere(world: &AttackWorld, person: &Person, page: &Answer) -> Answer {
    let asked = page.form("/sign-out").expect("a form").pressed("sign_out", "everywhere");
    let question = person.submit(&world.gatehouse.url, "/sign-out", &asked).await;
    assert_shown(&question, 200, "the question");
    let confirmed = question.form("/sign-out").expect("a form").pressed("sign_out", "all");
    person.submit(&world.gatehouse.url, "/sign-out", &confirmed).await
}

async fn access_token(world: &AttackWorld, person: &Person) -> String {
    let tokens: Value = world.flow(person).finish().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn account_cookie(person: &Person) -> Cookie {
    person
        .cookies()
        .into_iter()
        .find(|cookie| cookie.name.ends_with("gatehouse-account"))
        .expect("the account's cookie")
}

/// The forms that end a session.
fn endings(page: &Answer) -> Vec<Form> {
    let ends = |form: &Form| form.buttons.iter().any(|(name, _)| name == "end_session");
    page.forms().into_iter().filter(ends).collect()
}

fn ending(form: &Form) -> Vec<(String, String)> {
    form.pressed("end_session", &form.buttons[0].1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_ends_one_session_and_then_all_of_them_and_nobody_elses() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (first, second, of_bob) =
        (access_token(&world, &alice).await, access_token(&world, &alice).await, access_token(&world, &bob).await);
    let page = sign_in(&world, &alice).await;
    let forms = endings(&page);
    assert_eq!(forms.len(), 2, "{page:?}");
    for (words, times) in
        [("Firefox on Linux", 2), ("this browser</span>", 2), ("<strong>alice@example.test</strong>", 1)]
    {
        assert_eq!(page.body.matches(words).count(), times, "{words}: {}", page.body);
    }
    let ended = alice.submit(&world.gatehouse.url, "/sessions", &ending(&forms[0])).await;
    assert_eq!(ended.status, 303, "{ended:?}");
    let statuses = [world.call("/mcp", &first).await.status, world.call("/mcp", &second).await.status];
    assert!(statuses == [200, 401] || statuses == [401, 200], "{statuses:?}");
    let signed_out = sign_out_everywhere(&world, &alice, &open(&world, &alice).await).await;
    assert_shown(&signed_out, 200, "signed out");
    assert!(signed_out.body.contains("You are signed out everywhere"), "{}", signed_out.body);
    for token in [&first, &second] {
        assert_eq!(world.call("/mcp", token).await.status, 401);
    }
    assert_eq!(world.call("/mcp", &of_bob).await.status, 200, "somebody else");
    assert!(open(&world, &alice).await.form("/sign-in").is_some(), "she is still signed in");
    // The log says so, and so the metrics count it.
    let lines = world.gatehouse.log.lines();
    let revoked = |action: &str| {
        let parts = ["\"token\":\"revoked\"", "\"event\":\"completed\"", &format!("\"action\":\"{action}\"")];
        lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    };
    assert_eq!((revoked("sessions"), revoked("sign-out")), (1, 1), "{lines:#?}");
    world.gatehouse.stop().await;
}

/// Who leaves the page, or is asked whether everything is to end and does not answer, ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn leaving_the_page_and_an_unconfirmed_end_of_everything_end_no_session() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let token = access_token(&world, &alice).await;
    let page = sign_in(&world, &alice).await;
    let form = page.form("/sign-out").expect("a form");
    let before = world.store().await;
    let everywhere = form.pressed("sign_out", "everywhere");
    let question = alice.submit(&world.gatehouse.url, "/sign-out", &everywhere).await;
    assert_shown(&question, 200, "the question");
    assert!(!question.body.contains("You are signed out"), "{}", question.body);
    for unsaid in [None, Some(""), Some("yes"), Some("here,all")] {
        let mut pairs = form.hidden.clone();
        pairs.extend(unsaid.map(|value| ("sign_out".to_owned(), value.to_owned())));
        assert_shown(&alice.submit(&world.gatehouse.url, "/sign-out", &pairs).await, 403, "not said which");
    }
    assert_eq!(endings(&open(&world, &alice).await).len(), 1, "she is still there");
    let left = alice.submit(&world.gatehouse.url, "/sign-out", &form.pressed("sign_out", "here")).await;
    assert_shown(&left, 200, "left");
    assert!(
        left.body.contains("You are signed out of this page") && !left.body.contains("everywhere"),
        "{}",
        left.body
    );
    assert!(open(&world, &alice).await.form("/sign-in").is_some(), "she is still signed in");
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.assert_unchanged(&before, "leaving").await;
    world.gatehouse.stop().await;
}

/// A code that its client keeps back, and a sign-in that somebody finishes later, are in no list of sessions.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_a_user_signed_out_everywhere_lets_nobody_in() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let (mut kept_back, mut unfinished) = (world.flow(&alice), world.flow(&alice));
    let (mut of_bob, mut unfinished_of_bob) = (world.flow(&bob), world.flow(&bob));
    for flow in [&mut unfinished, &mut unfinished_of_bob] {
        flow.to(Step::Returned).await;
    }
    for flow in [&mut kept_back, &mut of_bob] {
        flow.to(Step::Answered).await;
    }
    let page = sign_in(&world, &alice).await;
    let sign_out = [page.form("/sign-out").expect("a form").hidden, vec![("sign_out".into(), "all".into())]].concat();
    world.gatehouse.clock.advance(2);
    assert_shown(&alice.submit(&world.gatehouse.url, "/sign-out", &sign_out).await, 200, "signed out");
    world.gatehouse.clock.advance(2);

    let before = world.store().await;
    for _ in 0..2 {
        let refused = kept_back.redeem().await;
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_grant"), "{refused:?}");
    }
    world.assert_unchanged(&before, "a code from before").await;
    // Whoever finishes the sign-in is asked anew: it is the page on the screen, and no code.
    let codes = |store: Vec<(String, Vec<u8>)>| store.iter().filter(|(name, _)| name.starts_with("code.")).count();
    let before = codes(before);
    unfinished.advance().await;
    assert_eq!(unfinished.step(), Step::Asked);
    assert_eq!(codes(world.store().await), before, "a code");

    // Nobody else is asked anything, and who signs in anew comes in.
    assert_eq!(of_bob.redeem().await.status, 200);
    unfinished_of_bob.to(Step::Redeemed).await;
    unfinished.to(Step::Redeemed).await;
    let sessions = endings(&sign_in(&world, &alice).await).len();
    assert_eq!(sessions, 1, "the one from after");
    world.gatehouse.stop().await;
}

/// The sign-in to the account pages is a cookie, and in no list of sessions.
#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_everywhere_is_signed_out_of_the_account_pages_in_every_browser_and_can_sign_in_anew() {
    let world = AttackWorld::start().await;
    let (here, elsewhere, late, bob) =
        (Person::new("alice"), Person::new("alice"), Person::new("alice"), Person::new("bob"));
    let page = sign_in(&world, &here).await;
    let left_open = sign_in(&world, &elsewhere).await;
    sign_in(&world, &bob).await;
    let pressed = open(&world, &late).await.form("/sign-in").expect("a form").pressed("provider", "test");
    let sent = late.submit(&world.gatehouse.url, "/sign-in", &pressed).await;
    let returned = late.open(&sent.location().expect("the provider"), From::OtherSite).await;
    assert_shown(&sign_out_everywhere(&world, &here, &page).await, 200, "signed out");
    world.gatehouse.clock.advance(2);

    let before = world.store().await;
    for path in ["/sessions", "/connections", "/consents"] {
        let shown = elsewhere.open(&world.url(path).parse().unwrap(), From::Nowhere).await;
        assert!(matches!(shown.status, 200 | 404), "{path}: {shown:?}");
        assert!(!shown.body.contains("alice@example.test"), "{path}: {}", shown.body);
    }
    assert!(open(&world, &elsewhere).await.form("/sign-in").is_some(), "she is still signed in elsewhere");
    let form = left_open.form("/sign-out").expect("a form").pressed("sign_out", "everywhere");
    let refused = elsewhere.submit(&world.gatehouse.url, "/sign-out", &form).await;
    assert_shown(&refused, 403, "a page that stood open");
    assert!(refused.form("/sign-in").is_some(), "{}", refused.body);
    assert!(open(&world, &bob).await.form("/sign-out").is_some(), "somebody else");
    world.assert_unchanged(&before, "an account's cookie from before").await;
    // A sign-in to the page that began before.
    let refused = late.open(&returned.location().expect("the callback"), From::OtherSite).await;
    assert_shown(&refused, 403, "a sign-in from before");
    assert!(open(&world, &late).await.form("/sign-in").is_some(), "it counts");

    for browser in [&here, &elsewhere, &late] {
        assert!(sign_in(&world, browser).await.form("/sign-out").is_some(), "signed in anew");
    }
    world.gatehouse.stop().await;
}

/// Having signed in for a client, or being in the same browser, is not having signed in here.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shown_to_nobody_who_has_not_signed_in_here() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    access_token(&world, &alice).await;
    let before = world.store().await;
    let page = open(&world, &alice).await;
    assert!(!page.body.contains("Public client") && endings(&page).is_empty(), "{page:?}");
    world.assert_unchanged(&before, "looking").await;
    // Whoever signs in sees their own, and nothing of the browser's other users.
    let page = sign_in(&world, &bob).await;
    assert!(!page.body.contains("Public client") && endings(&page).is_empty(), "{page:?}");
    world.gatehouse.stop().await;
}

/// Cross-site request forgery of every form of the account pages.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_the_account_pages_is_taken_from_elsewhere() {
    let world = AttackWorld::start().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let tokens = [access_token(&world, &alice).await, access_token(&world, &mallory).await];
    let fresh = Person::new("bob");
    let asked = open(&world, &fresh).await.form("/sign-in").unwrap().pressed("provider", "test");
    let of_alice = sign_in(&world, &alice).await;
    let of_mallory = sign_in(&world, &mallory).await;
    let own = world.gatehouse.url.clone();
    let before = world.store().await;
    let sign_out = [of_alice.form("/sign-out").unwrap().hidden, vec![("sign_out".into(), "all".into())]].concat();
    let end = ending(&endings(&of_alice)[0]);
    let theirs = ending(&endings(&of_mallory)[0]);
    for (person, path, pairs) in
        [(&alice, "/sign-out", &sign_out), (&alice, "/sessions", &end), (&fresh, "/sign-in", &asked)]
    {
        let (url, body) = (world.url(path), form(pairs));
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost",
            &own.replace("http:", "https:"),
            &format!("{own}.evil.example"),
        ] {
            assert_shown(
                &person.post(&url, &body, From::SameOrigin, Some(origin)).await,
                403,
                &format!("{path} {origin}"),
            );
        }
        assert_shown(&person.post(&url, &body, From::OtherSite, Some(&own)).await, 403, path);
        assert_shown(&person.post(&url, &body, From::OtherSite, None).await, 403, path);
        // Without its ticket, with an altered one, and with another page's.
        assert_shown(&person.submit(&own, path, &[]).await, 403, path);
        for position in 0..pairs[0].1.len() {
            let mut altered = pairs.clone();
            altered[0].1 = flipped(&altered[0].1, position);
            assert_shown(&person.submit(&own, path, &altered).await, 403, path);
        }
        let mut foreign = pairs.clone();
        foreign[0].1.clone_from(&theirs[0].1);
        assert_shown(&person.submit(&own, path, &foreign).await, 403, &format!("{path}: the attacker's ticket"));
        assert_eq!(
            person.open(&format!("{url}?{body}").parse().unwrap(), From::OtherSite).await.header("location"),
            "",
            "{path}"
        );
    }
    // The attacker has signed the victim's browser in as themselves? The cookie is bound to the browser.
    assert_shown(&alice.submit(&own, "/sessions", &theirs).await, 403, "the attacker's form");
    world.assert_unchanged(&before, "forged forms").await;
    for token in &tokens {
        assert_eq!(world.call("/mcp", token).await.status, 200);
    }
    world.gatehouse.stop().await;
}

/// A session is ended by its owner only, whoever knows what the page calls it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_session_of_somebody_else_by_its_name() {
    let world = AttackWorld::start().await;
    let (alice, mallory) = (Person::new("alice"), Person::new("mallory"));
    let token = access_token(&world, &alice).await;
    access_token(&world, &mallory).await;
    let name = endings(&sign_in(&world, &alice).await)[0].buttons[0].1.clone();
    let page = sign_in(&world, &mallory).await;
    let before = world.store().await;
    let mut pairs = ending(&endings(&page)[0]);
    for guess in
        [name.clone(), flipped(&name, 0), String::new(), "x".to_owned(), "../session".to_owned(), "A".repeat(43)]
    {
        pairs.iter_mut().filter(|(field, _)| field == "end_session").for_each(|(_, value)| value.clone_from(&guess));
        let answer = mallory.submit(&world.gatehouse.url, "/sessions", &pairs).await;
        assert!([303, 400, 403].contains(&answer.status), "{guess}: {answer:?}");
    }
    world.assert_unchanged(&before, "another's session").await;
    assert_eq!(world.call("/mcp", &token).await.status, 200);
    world.gatehouse.stop().await;
}

/// Bit flips of the account's cookie, the cookie in another browser, and the cookie after its quarter of an hour: nobody.
#[tokio::test(flavor = "multi_thread")]
async fn an_altered_stolen_or_old_account_cookie_is_nobody() {
    let world = AttackWorld::start().await;
    let (alice, thief) = (Person::new("alice"), Person::new("mallory"));
    access_token(&world, &alice).await;
    sign_in(&world, &alice).await;
    open(&world, &thief).await;
    let cookie = account_cookie(&alice);
    for attribute in ["httponly", "path=/"] {
        assert!(cookie.attributes.split(';').any(|part| part.trim() == attribute), "{}", cookie.attributes);
    }
    assert!(
        cookie.attributes.contains("samesite=strict") || cookie.attributes.contains("samesite=lax"),
        "{}",
        cookie.attributes
    );
    let before = world.store().await;
    let is_nobody = |page: &Answer| page.form("/sign-in").is_some() && endings(page).is_empty();
    thief.set_cookie("127.0.0.1", &format!("{}={}", cookie.name, cookie.value));
    assert!(is_nobody(&open(&world, &thief).await), "a stolen cookie");
    for position in 0..cookie.value.len() {
        alice.set_cookie("127.0.0.1", &format!("{}={}", cookie.name, flipped(&cookie.value, position)));
        let page = open(&world, &alice).await;
        assert!(is_nobody(&page), "position {position}");
        assert_page(&page, "nobody");
    }
    alice.set_cookie("127.0.0.1", &format!("{}={}", cookie.name, cookie.value));
    assert!(!is_nobody(&open(&world, &alice).await), "her own");
    world.gatehouse.clock.advance(15 * 60 + 1);
    assert!(is_nobody(&open(&world, &alice).await), "after a quarter of an hour");
    world.assert_unchanged(&before, "cookies").await;
    world.gatehouse.stop().await;
}

/// CVE-2025-62800, stored: a client's name comes up on the page of sessions, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_name_is_text_on_the_page_of_sessions() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let name = "\"><img src=x onerror=alert(1)></form><form action=\"https://evil.example\">";
    let registered =
        world.register(&json!({ "client_name": name, "redirect_uris": ["https://client.example/"] })).await;
    if registered.status == 201 {
        let id = registered.json()["client_id"].as_str().unwrap().to_owned();
        world
            .flow_of(&alice, gatehouse_tests::TestClient::public(&id, "https://client.example/"), "/mcp")
            .finish()
            .await;
        let page = sign_in(&world, &alice).await;
        assert!(!page.body.contains("<img") && !page.body.contains("action=\"https://evil"), "{page:?}");
        assert_eq!(endings(&page).len(), 1);
    }
    world.gatehouse.stop().await;
}

/// A remembered consent that its user takes back counts no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_taken_back_is_asked_for_again() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.remember = true;
    flow.finish().await;
    let page = sign_in(&world, &alice).await;
    let forms = page.forms();
    let form =
        forms.iter().find(|form| form.buttons.iter().any(|(name, _)| name == "forget_consent")).expect("a consent");
    let answer =
        alice.submit(&world.gatehouse.url, "/sessions", &form.pressed("forget_consent", &form.buttons[0].1)).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let mut flow = world.flow(&alice);
    flow.advance().await;
    assert_eq!(flow.step(), Step::Asked);
    world.gatehouse.stop().await;
}
