//! From the user's decision to the client's code.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use wasmtime_wasi_http::Error;

use super::provider::{Provider, back_from_provider};
use super::{
    CALLBACK, CLIENT, Page, REDIRECT_URI, SECRET, authorization, challenge, fakes, get, nothing_happened, post_form,
    query, redirect,
};
use crate::outbound::Answer;

const STATE: &str = "the client's state";
const ISSUER: &str = "https://gateway.example";

#[tokio::test]
async fn who_approves_is_sent_to_the_identity_provider_with_state_nonce_and_pkce() {
    let fakes = fakes();
    Provider::answering(&fakes);
    let page = Page::open(&fakes).await;
    let (place, parameters) = redirect(&page.decide(&fakes, "approve").await);
    assert_eq!(place, "https://provider.example/authorize");
    for (name, value) in [
        ("tenant", "1"),
        ("response_type", "code"),
        ("client_id", "gatehouse"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameters[name], value, "{name}");
    }
    assert_eq!((parameters["nonce"].len(), parameters["code_challenge"].len()), (43, 43));
    assert_ne!(parameters["code_challenge"], challenge(), "the client's challenge is not ours");
    assert_ne!(parameters["state"], STATE);
    assert!(!parameters.contains_key("resource") && !parameters.contains_key("prompt"));
    assert_eq!(fakes.sent().len(), 1, "only the metadata was fetched");
    let stored = fakes.store.lock().unwrap().dump();
    assert!(
        !stored.contains(&parameters["nonce"]) && !stored.contains("conformance") && !stored.contains(STATE),
        "{stored}"
    );
}

#[tokio::test]
async fn the_callback_redeems_the_providers_code_and_sends_the_client_its_own() {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    let (place, parameters) = redirect(&get(&fakes, &target, Some(&cookie)).await);
    assert_eq!(
        (place.as_str(), parameters["state"].as_str(), parameters["iss"].as_str()),
        (REDIRECT_URI, STATE, ISSUER)
    );
    assert!(parameters["code"].len() > 43 && parameters.len() == 3, "{parameters:?}");

    let sent = fakes.sent();
    let exchange = sent.iter().find(|sent| sent.url == "https://provider.example/token").expect("a token request");
    let form = exchange.form();
    assert_eq!((form["code"].as_str(), form["redirect_uri"].as_str()), ("provider-code", CALLBACK));
    assert!(form["code_verifier"].len() >= 43 && !form.contains_key("client_secret"));
    // RFC 6749, section 2.3.1: form-encoded, then Basic; without the line break that the file ended with.
    let credentials =
        format!("gatehouse:{}", byte_serialize(SECRET.as_bytes()).collect::<String>().replace('+', "%20"));
    assert_eq!(exchange.headers["authorization"], format!("Basic {}", STANDARD.encode(credentials)));

    let stored = fakes.store.lock().unwrap().dump() + &fakes.log();
    for secret in [
        "providers-access-token",
        "providers-refresh-token",
        "provider-code",
        &form["code_verifier"],
        &parameters["code"],
    ] {
        assert!(!stored.contains(secret), "{secret} is in the store or the log");
    }
    assert_eq!(fakes.store.lock().unwrap().count("session"), 0, "no session before the code is redeemed");
}

#[tokio::test]
async fn a_callback_works_once() {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    redirect(&get(&fakes, &target, Some(&cookie)).await);
    let (sent, codes) = (fakes.sent().len(), fakes.store.lock().unwrap().count("code"));
    let again = get(&fakes, &target, Some(&cookie)).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (400, ""));
    assert_eq!((fakes.sent().len(), fakes.store.lock().unwrap().count("code")), (sent, codes));
}

#[tokio::test]
async fn a_callback_in_another_browser_is_refused_and_the_first_one_can_still_finish() {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    let other = Page::open(&fakes).await.cookie;
    let (before, sent) = (fakes.snapshot(), fakes.sent().len());
    for stranger in [None, Some(other.as_str())] {
        let reply = get(&fakes, &target, stranger).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (403, ""), "{stranger:?}");
    }
    assert_eq!((fakes.snapshot(), fakes.sent().len()), (before, sent));
    // The browser itself, which may have got another cookie since: a window that was opened at the same time had none yet.
    redirect(&get(&fakes, &target, Some(&format!("{cookie}; {other}"))).await);
}

#[tokio::test]
async fn a_forged_or_late_state_is_refused_without_asking_the_provider() {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let (before, sent) = (fakes.snapshot(), fakes.sent().len());
    for forged in ["", "x", &state[1..], STATE] {
        let target = format!("/callback?{}", query(&[("state", forged), ("code", "c")]));
        assert_eq!(get(&fakes, &target, Some(&cookie)).await.status, 400, "{forged}");
    }
    fakes.advance(600);
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "c")]));
    assert_eq!(get(&fakes, &target, Some(&cookie)).await.status, 400);
    assert_eq!((fakes.snapshot(), fakes.sent().len()), (before, sent));
}

#[tokio::test]
async fn an_id_token_that_proves_nothing_gives_the_client_an_error_and_no_code() {
    for (claim, value) in
        [("nonce", "another"), ("aud", "another-client"), ("iss", "https://evil.example"), ("sub", "")]
    {
        let (fakes, provider, cookie, state) = back_from_provider().await;
        provider.claims.lock().unwrap()[claim] = value.into();
        let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
        let (place, parameters) = redirect(&get(&fakes, &target, Some(&cookie)).await);
        assert_eq!(place, REDIRECT_URI, "{claim}");
        assert!(parameters.contains_key("error") && !parameters.contains_key("code"), "{claim}: {parameters:?}");
        assert_eq!(fakes.store.lock().unwrap().count("code"), 0, "{claim}");
    }
}

#[tokio::test]
async fn an_id_token_whose_claims_were_exchanged_gives_no_code() {
    let (fakes, provider, cookie, state) = back_from_provider().await;
    provider.forges.store(true, Ordering::SeqCst);
    let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
    let (_, parameters) = redirect(&get(&fakes, &target, Some(&cookie)).await);
    assert!(parameters.contains_key("error") && !parameters.contains_key("code"), "{parameters:?}");
    assert_eq!(fakes.store.lock().unwrap().count("code"), 0);
    assert!(fakes.log().contains("signature"), "{}", fakes.log());
}

#[tokio::test]
async fn the_providers_refusal_reaches_the_client_and_no_token_is_asked_for() {
    let (fakes, _, cookie, state) = back_from_provider().await;
    let target = format!("/callback?{}", query(&[("state", &state), ("error", "access_denied")]));
    let (place, parameters) = redirect(&get(&fakes, &target, Some(&cookie)).await);
    assert_eq!(
        (place.as_str(), parameters["error"].as_str(), parameters["state"].as_str()),
        (REDIRECT_URI, "access_denied", STATE)
    );
    assert!(!fakes.sent().iter().any(|sent| sent.method == "POST"));
}

#[tokio::test]
async fn who_denies_goes_back_to_the_client_and_nothing_is_sent_or_stored() {
    let fakes = fakes();
    let page = Page::open(&fakes).await;
    let (place, parameters) = redirect(&page.decide(&fakes, "deny").await);
    assert_eq!((place.as_str(), parameters["error"].as_str()), (REDIRECT_URI, "access_denied"));
    assert_eq!((parameters["state"].as_str(), parameters["iss"].as_str()), (STATE, ISSUER));
    nothing_happened(&fakes);
}

#[tokio::test]
async fn a_consent_that_our_page_did_not_send_does_nothing() {
    let fakes = fakes();
    let (page, other) = (Page::open(&fakes).await, Page::open(&fakes).await);
    let ours = ("cookie", page.cookie.as_str());
    let own_origin = ("origin", ISSUER);
    let altered = format!("{}A", page.ticket);
    for (headers, ticket) in [
        (vec![own_origin], &page.ticket),
        (vec![own_origin, ("cookie", &other.cookie)], &page.ticket),
        (vec![own_origin, ours], &other.ticket),
        (vec![own_origin, ours], &altered),
        (vec![("origin", "https://evil.example"), ours], &page.ticket),
        (vec![("origin", "null"), ours], &page.ticket),
        (vec![own_origin, ("sec-fetch-site", "cross-site"), ours], &page.ticket),
    ] {
        let reply = post_form(&fakes, "/consent", &headers, &[("ticket", ticket), ("decision", "approve")]).await;
        assert!(reply.status.is_client_error() && reply.header("location").is_empty(), "{headers:?}: {}", reply.status);
    }
    fakes.advance(900);
    assert!(page.decide(&fakes, "approve").await.status.is_client_error(), "the page has expired");
    nothing_happened(&fakes);
}

#[tokio::test]
async fn while_the_provider_is_down_the_client_is_told_and_nothing_but_how_often_is_stored() {
    let fakes = fakes();
    let page = Page::open(&fakes).await;
    for answer in [(|| Answer::Fails(Error::ConnectionRefused)) as fn() -> Answer, || Answer::status(500)] {
        fakes.answer(move |_| answer());
        let (place, parameters) = redirect(&page.decide(&fakes, "approve").await);
        assert_eq!((place.as_str(), parameters["error"].as_str()), (REDIRECT_URI, "temporarily_unavailable"));
        let stored: Vec<_> = fakes.snapshot().into_keys().map(|name| format!("{name:?}")).collect();
        let is_count = |name: &String| ["logins", "document-failures"].iter().any(|kind| name.contains(kind));
        assert!(stored.iter().all(is_count), "{stored:?}");
    }
}

/// What stays as it is until the operator does something is not "try again later".
#[tokio::test]
async fn a_lasting_mistake_about_the_provider_is_a_server_error_and_names_the_address_that_was_asked() {
    let other_issuer = || Answer::json(&json!({ "issuer": "https://provider.example/" }));
    for (answer, error, logged) in [
        ((|| Answer::Fails(Error::HttpRequestDenied)) as fn() -> Answer, "server_error", "allowed_outbound_hosts"),
        (|| Answer::Fails(Error::DestinationIpProhibited), "server_error", "this name resolves to"),
        (|| Answer::status(404), "server_error", "metadata_url can say"),
        (|| Answer::json(&json!("x".repeat(100_000))), "server_error", "larger than allowed"),
        (other_issuer, "server_error", "set issuer to that"),
        (|| Answer::status(503), "temporarily_unavailable", "503"),
        (|| Answer::Fails(Error::ConnectionTimeout), "temporarily_unavailable", "in time"),
    ] {
        let fakes = fakes();
        let page = Page::open(&fakes).await;
        fakes.answer(move |_| answer());
        let (place, parameters) = redirect(&page.decide(&fakes, "approve").await);
        assert_eq!((place.as_str(), parameters["error"].as_str()), (REDIRECT_URI, error), "{logged}");
        let log = fakes.log();
        assert!(log.contains(logged), "{log}");
        assert!(log.contains("(asked: https://provider.example/.well-known/openid-configuration)"), "{log}");
    }
}

#[tokio::test]
async fn while_the_store_is_down_nobody_is_sent_to_the_provider() {
    let fakes = fakes();
    Provider::answering(&fakes);
    let page = Page::open(&fakes).await;
    fakes.store_goes_down();
    let (place, parameters) = redirect(&page.decide(&fakes, "approve").await);
    assert_eq!((place.as_str(), parameters["error"].as_str()), (REDIRECT_URI, "temporarily_unavailable"));
}

/// W12: whichever page was answered last.
#[tokio::test]
async fn pages_that_were_opened_at_once_in_a_fresh_browser_all_lead_to_a_code() {
    let fakes = fakes();
    let provider = Provider::answering(&fakes);
    let pages = [Page::open(&fakes).await, Page::open(&fakes).await, Page::open(&fakes).await];
    let cookies = pages.iter().map(|page| page.cookie.as_str()).collect::<Vec<_>>();
    let names: std::collections::BTreeSet<_> = cookies.iter().map(|cookie| cookie.split('=').next().unwrap()).collect();
    assert_eq!(names.len(), 3, "{cookies:?}");
    let all = cookies.join("; ");
    for page in &pages {
        let page = Page { cookie: all.clone(), ticket: page.ticket.clone() };
        let state = provider.sign_in(&page.decide(&fakes, "approve").await);
        let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
        let (place, parameters) = redirect(&get(&fakes, &target, Some(&all)).await);
        assert_eq!((place.as_str(), parameters.contains_key("code")), (REDIRECT_URI, true), "{parameters:?}");
    }
    // A browser with cookies keeps them, and gets no further one: whichever it is, it is one of them.
    let again = Page::of(&get(&fakes, &authorization(CLIENT, REDIRECT_URI, &[]), Some(&all)).await);
    assert!(cookies.contains(&again.cookie.as_str()), "{}", again.cookie);
    // With the cookies of the other two, the third page is another browser's.
    let page = Page { cookie: cookies[..2].join("; "), ticket: pages[2].ticket.clone() };
    assert_eq!(page.decide(&fakes, "approve").await.status, 403);
}

#[tokio::test]
async fn groups_in_a_claim_of_another_name_let_their_members_in() {
    for (names, is_in) in [("", false), ("claims = { groups = \"cognito:groups\" }", true)] {
        let fakes = fakes();
        let access = format!("access = {{ groups = [\"staff\"] }}\n{names}\n[[routes]]");
        fakes.set("config", &super::CONFIGURATION.replacen("[[routes]]", &access, 1));
        let provider = Provider::answering(&fakes);
        provider.claims.lock().unwrap()["cognito:groups"] = json!(["staff"]);
        let page = Page::open(&fakes).await;
        let state = provider.sign_in(&page.decide(&fakes, "approve").await);
        let target = format!("/callback?{}", query(&[("state", &state), ("code", "provider-code")]));
        let reply = get(&fakes, &target, Some(&page.cookie)).await;
        assert_eq!(reply.header("location").contains("code="), is_in, "{names}: {}", reply.body);
        assert_eq!(fakes.log().contains("in none of access.groups"), !is_in, "{}", fakes.log());
    }
}

#[tokio::test]
async fn a_refusal_without_a_state_is_told_as_the_providers_and_its_code_is_in_the_log() {
    let fakes = fakes();
    let before = fakes.snapshot();
    let reply = get(&fakes, "/callback?error=invalid_request&error_description=who+knows", None).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""));
    assert!(reply.body.contains("The sign-in service did not let you in"), "{}", reply.body);
    assert!(!reply.body.contains("another browser") && !reply.body.contains("invalid_request"), "{}", reply.body);
    let log = fakes.log();
    assert!(log.contains("refused our request (invalid_request)") && !log.contains("who knows"), "{log}");
    assert_eq!(fakes.snapshot(), before);
}

#[tokio::test]
async fn a_refresh_token_that_was_asked_for_and_did_not_come_is_in_the_log() {
    for (scopes, is_noted) in [(r#""openid", "offline_access""#, true), (r#""openid", "profile""#, false)] {
        let (fakes, provider, cookie, state) = back_from_provider().await;
        let configuration = super::CONFIGURATION.replace(r#""openid", "profile""#, scopes);
        fakes.set("config", &configuration);
        provider.tokens.lock().unwrap().as_object_mut().unwrap().remove("refresh_token");
        let reply =
            get(&fakes, &format!("/callback?{}", query(&[("code", "c"), ("state", &state)])), Some(&cookie)).await;
        assert!(redirect(&reply).1.contains_key("code"), "{}", reply.body);
        let log = fakes.log();
        assert_eq!(log.contains("was asked for a refresh token and gave none"), is_noted, "{log}");
    }
}
