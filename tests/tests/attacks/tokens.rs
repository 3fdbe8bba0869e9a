//! Tokens and codes in the wrong place, at the wrong time, or twice.

use gatehouse_tests::{AttackWorld, From, Person, Step, TestClient, text};

use crate::answers::assert_error;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// PrefectHQ/fastmcp PR#2763, better-auth GHSA-p2fr-6hmx-4528: the audience is checked, and refreshing cannot change it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_resource_is_refused_at_another_and_cannot_be_refreshed_for_it() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let before = world.store().await;
    let unknown = world.call("/other", "unknown").await;
    assert_eq!(unknown.status, 401);
    assert_eq!(world.call("/other", &access).await.unmarked(), unknown.unmarked());
    let other = world.url("/other");
    for resource in [other.as_str(), "https://evil.example/mcp", &world.url("/mcp/more"), &world.gatehouse.url, "mcp"] {
        let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", &refresh), ("resource", resource)]);
        assert_error(&world.token(&world.public(), &form).await, 400, "invalid_target", resource);
    }
    let both = pairs(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("resource", &world.url("/mcp")),
        ("resource", &other),
    ]);
    assert_error(&world.token(&world.public(), &both).await, 400, "invalid_target", "both resources");
    world.assert_unchanged(&before, "another resource").await;
    assert!(world.upstream.requests().is_empty(), "the upstream was asked");
    // A code of one resource buys no token for another either.
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let before = world.store().await;
    let retargeted = [flow.redemption(), pairs(&[("resource", &other)])].concat();
    assert_error(&world.token(&flow.client, &retargeted).await, 400, "invalid_target", "a code");
    world.assert_unchanged(&before, "a code for another resource").await;
    assert_eq!(flow.redeem().await.status, 200);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_never_widens_what_was_granted() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).with("scope", Some("mcp")).finish().await;
    assert_eq!(tokens["scope"], "mcp");
    let refresh = text(&tokens, "refresh_token");
    let before = world.store().await;
    for scope in ["files", "mcp files", "admin", "MCP", "*", "mcp,files"] {
        let form = pairs(&[("grant_type", "refresh_token"), ("refresh_token", &refresh), ("scope", scope)]);
        assert_error(&world.token(&world.public(), &form).await, 400, "invalid_scope", scope);
    }
    world.assert_unchanged(&before, "wider scopes").await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 403, "`files` is missing");
    world.gatehouse.stop().await;
}

/// Narrowing for one access token does not narrow the grant, and a narrowed one does not do more (RFC 6749, section 6).
#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_access_token_is_refused_where_it_lacks_a_scope() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let form =
        pairs(&[("grant_type", "refresh_token"), ("refresh_token", &text(&tokens, "refresh_token")), ("scope", "mcp")]);
    let narrowed = world.token(&world.public(), &form).await.json();
    assert_eq!(narrowed["scope"], "mcp");
    let refused = world.call("/mcp", &text(&narrowed, "access_token")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{refused:?}");
    assert!(world.upstream.requests().is_empty());
    let full = world.refresh(&world.public(), &text(&narrowed, "refresh_token")).await.json();
    assert_eq!(world.call("/mcp", &text(&full, "access_token")).await.status, 200);
    world.gatehouse.stop().await;
}

/// Cross-client refresh and redemption: a stolen value is of no use to another client (RFC 6749, section 10.4).
#[tokio::test(flavor = "multi_thread")]
async fn another_client_can_neither_refresh_nor_redeem_what_is_not_its_own() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let registered = world.registered("https://client.example/callback").await;
    let before = world.store().await;
    for client in [world.other(), registered, TestClient::public("unknown", "")] {
        let answer = world.refresh(&client, &text(&tokens, "refresh_token")).await;
        let error = if client.client_id == "unknown" { (401, "invalid_client") } else { (400, "invalid_grant") };
        assert_error(&answer, error.0, error.1, &client.client_id);
        assert_error(&world.token(&client, &flow.redemption()).await, error.0, error.1, &client.client_id);
    }
    world.assert_unchanged(&before, "another client").await;
    assert_eq!(flow.redeem().await.status, 200);
    assert_eq!(world.refresh(&world.public(), &text(&tokens, "refresh_token")).await.status, 200);
    world.gatehouse.stop().await;
}

/// Every kind of value works in its own place only.
#[tokio::test(flavor = "multi_thread")]
async fn no_sealed_value_passes_for_one_of_another_kind() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Asked).await;
    let ticket = flow.ticket();
    flow.to(Step::Answered).await;
    let (code, state) = (flow.code(), flow.provider_state());
    let tokens = world.flow(&alice).finish().await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let session = world.mcp_session(&access).await;
    let cookie = alice.cookies().into_iter().find(|cookie| cookie.name.contains("gatehouse")).unwrap().value;
    let asked = world.upstream.requests().len();
    let before = world.store().await;
    for (kind, value) in [
        ("ticket", &ticket),
        ("code", &code),
        ("state", &state),
        ("access token", &access),
        ("refresh token", &refresh),
        ("session id", &session),
        ("cookie", &cookie),
    ] {
        if kind != "access token" {
            assert_eq!(world.call("/mcp", value).await.status, 401, "{kind} as an access token");
        }
        if kind != "refresh token" {
            assert_error(
                &world.refresh(&world.public(), value).await,
                400,
                "invalid_grant",
                &format!("{kind} as a refresh token"),
            );
        }
        if kind != "code" {
            let mut form = flow.redemption();
            form.iter_mut().filter(|(name, _)| name == "code").for_each(|(_, code)| value.clone_into(code));
            assert_error(&world.token(&flow.client, &form).await, 400, "invalid_grant", &format!("{kind} as a code"));
        }
        if kind != "session id" {
            let request = world.mcp_request("/mcp").bearer_auth(&access).header("mcp-session-id", value);
            assert_eq!(request.send().await.unwrap().status(), 404, "{kind} as a session id");
        }
        if kind != "ticket" {
            let form = pairs(&[("ticket", value), ("decision", "approve")]);
            assert_eq!(alice.submit(&world.gatehouse.url, "/consent", &form).await.status, 403, "{kind} as a ticket");
        }
        let url =
            world.url(&format!("/authorize?client_id={value}&redirect_uri=https%3A%2F%2Fclient.example%2Fcallback"));
        assert_eq!(alice.open(&url.parse().unwrap(), From::Nowhere).await.status, 400, "{kind} as a client id");
    }
    world.assert_unchanged(&before, "values in other places").await;
    assert_eq!(world.upstream.requests().len(), asked, "the upstream was asked");
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_code_is_refused_to_the_second_and_an_access_token_ten_seconds_after_its_announced_end() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Answered).await;
    let tokens = world.flow(&alice).finish().await;
    let access = text(&tokens, "access_token");
    let before = world.store().await;
    world.gatehouse.clock.advance(61);
    assert_error(&flow.redeem().await, 400, "invalid_grant", "a code after a minute");
    assert_eq!(world.call("/mcp", &access).await.status, 200);
    // The clock runs on by itself: some seconds are left for a machine that is busy.
    world.gatehouse.clock.advance(300 - 61 + 5);
    assert_eq!(world.call("/mcp", &access).await.status, 200, "what was sent in time may arrive late");
    world.gatehouse.clock.advance(5);
    let asked = world.upstream.requests().len();
    assert_eq!(world.call("/mcp", &access).await.unmarked(), world.call("/mcp", "unknown").await.unmarked());
    assert_eq!(world.upstream.requests().len(), asked);
    world.assert_unchanged(&before, "expired values").await;
    // The session ends at its end, however often it was refreshed.
    let mut refresh = text(&tokens, "refresh_token");
    for _ in 0..4 {
        world.gatehouse.clock.advance(6 * 60 * 60 - 120);
        let answer = world.refresh(&world.public(), &refresh).await;
        if answer.status != 200 {
            panic!("{answer:?}");
        }
        refresh = text(&answer.json(), "refresh_token");
    }
    world.gatehouse.clock.advance(10 * 60);
    assert_error(&world.refresh(&world.public(), &refresh).await, 400, "invalid_grant", "after a day");
    world.gatehouse.stop().await;
}

/// OAuth 2.1, section 4.1.3: a replay with the right verifier ends what the code opened; one without it does nothing, or
/// anyone who has seen a code could sign users out.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_code_ends_its_session_only_with_the_right_verifier() {
    let world = AttackWorld::start().await;
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let of_bob = world.flow(&bob).finish().await;
    let mut flow = world.flow(&alice);
    flow.to(Step::Redeemed).await;
    let tokens = flow.tokens.clone().unwrap();
    let before = world.store().await;
    let mut wrong = flow.redemption();
    wrong.iter_mut().filter(|(name, _)| name == "code_verifier").for_each(|(_, verifier)| *verifier = "x".repeat(43));
    assert_error(&world.token(&flow.client, &wrong).await, 400, "invalid_grant", "a replay by a thief");
    assert_error(
        &world.token(&world.other(), &flow.redemption()).await,
        400,
        "invalid_grant",
        "a replay by another client",
    );
    world.assert_unchanged(&before, "a replay by a thief").await;
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200);

    assert_error(&flow.redeem().await, 400, "invalid_grant", "a replay");
    assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 401);
    assert_error(
        &world.refresh(&flow.client, &text(&tokens, "refresh_token")).await,
        400,
        "invalid_grant",
        "after a replay",
    );
    assert_eq!(world.call("/mcp", &text(&of_bob, "access_token")).await.status, 200, "another session");
    world.gatehouse.stop().await;
}

/// OAuth 2.1, section 4.3.1: a refresh token that comes again after its grace has been stolen; the family ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_reused_refresh_token_ends_the_whole_family_and_no_other() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let (stolen, elsewhere) = (world.flow(&alice).finish().await, world.flow(&alice).finish().await);
    let second = world.refresh(&world.public(), &text(&stolen, "refresh_token")).await.json();
    // In the grace, a late twin gets a successor of the same family.
    let twin = world.refresh(&world.public(), &text(&stolen, "refresh_token")).await;
    assert_eq!(twin.status, 200);
    let third = world.refresh(&world.public(), &text(&second, "refresh_token")).await.json();
    world.gatehouse.clock.advance(31);
    assert_error(&world.refresh(&world.public(), &text(&stolen, "refresh_token")).await, 400, "invalid_grant", "reuse");
    for tokens in [&second, &twin.json(), &third] {
        assert_eq!(world.call("/mcp", &text(tokens, "access_token")).await.status, 401);
        assert_error(
            &world.refresh(&world.public(), &text(tokens, "refresh_token")).await,
            400,
            "invalid_grant",
            "the family",
        );
    }
    assert_eq!(world.refresh(&world.public(), &text(&elsewhere, "refresh_token")).await.status, 200, "another session");
    world.gatehouse.stop().await;
}

/// cloudflare/workers-oauth-provider#225: a prefix of a code was enough to end its grant.
#[tokio::test(flavor = "multi_thread")]
async fn part_of_a_code_or_of_a_token_does_nothing() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let mut flow = world.flow(&alice);
    flow.to(Step::Redeemed).await;
    let refresh = text(flow.tokens.as_ref().unwrap(), "refresh_token");
    let code = flow.code();
    let before = world.store().await;
    for length in (1..code.len()).step_by(3).chain([code.len() - 1]) {
        let mut form = flow.redemption();
        form.iter_mut().filter(|(name, _)| name == "code").for_each(|(_, value)| *value = code[..length].to_owned());
        assert_error(&world.token(&flow.client, &form).await, 400, "invalid_grant", "a part of a code");
    }
    for length in (1..refresh.len()).step_by(3).chain([refresh.len() - 1]) {
        assert_error(&world.refresh(&flow.client, &refresh[..length]).await, 400, "invalid_grant", "a part of a token");
    }
    world.assert_unchanged(&before, "parts").await;
    assert_eq!(world.refresh(&flow.client, &refresh).await.status, 200);
    world.gatehouse.stop().await;
}

/// RFC 6749, section 2.3: a public client has no secret to present, and a token is never taken from the query.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_the_wrong_place_are_refused() {
    let world = AttackWorld::start().await;
    let alice = Person::new("alice");
    let tokens = world.flow(&alice).finish().await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let before = world.store().await;
    let asked = world.upstream.requests().len();
    assert_eq!(world.mcp_request(&format!("/mcp?access_token={access}")).send().await.unwrap().status(), 401);
    let form = world.mcp_request("/mcp").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.body(format!("access_token={access}")).send().await.unwrap().status(), 401);
    for header in [
        ("cookie", format!("access_token={access}")),
        ("x-access-token", access.clone()),
        ("proxy-authorization", format!("Bearer {access}")),
    ] {
        assert_eq!(
            world.mcp_request("/mcp").header(header.0, header.1).send().await.unwrap().status(),
            401,
            "{}",
            header.0
        );
    }
    for scheme in [
        format!("Basic {access}"),
        format!("Bearer{access}"),
        format!("Bearer {access} x"),
        format!("Bearer {access}, Bearer {access}"),
        format!("Token {access}"),
        access.clone(),
    ] {
        let status = world.mcp_request("/mcp").header("authorization", &scheme).send().await.unwrap().status();
        assert!([400, 401].contains(&status.as_u16()), "{scheme}: {status}");
    }
    let twice = world
        .mcp_request("/mcp")
        .header("authorization", "Bearer unknown")
        .header("authorization", format!("Bearer {access}"));
    assert!([400, 401].contains(&twice.send().await.unwrap().status().as_u16()));
    let with_secret = pairs(&[("grant_type", "refresh_token"), ("refresh_token", &refresh), ("client_secret", "x")]);
    assert_error(
        &world.token(&world.public(), &with_secret).await,
        401,
        "invalid_client",
        "a secret of a public client",
    );
    world.assert_unchanged(&before, "credentials elsewhere").await;
    assert_eq!(world.upstream.requests().len(), asked, "the upstream was asked");
    world.gatehouse.stop().await;
}
