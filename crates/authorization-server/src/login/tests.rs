use gatehouse_openid::{AccountChoice, Login, ProviderMetadata};
use gatehouse_storage::memory::FailingStore;
use proptest::prelude::*;

use super::*;
use crate::consent::ConsentRequest;
use crate::example::{
    CONFIGURED_URI, LOOPBACK_URI, START, World, configuration_with, configuration_with_two_providers, key_ring,
    with_each_character_changed,
};

/// OpenID Connect Discovery, as far as a login needs it.
const PROVIDER: &str = r#"{"issuer":"https://login.example","authorization_endpoint":"https://login.example/authorize",
    "token_endpoint":"https://login.example/token","jwks_uri":"https://login.example/jwks"}"#;

impl World {
    fn pending(&mut self) -> PendingLogin {
        PendingLogin::generate(&self.keys, START, &mut self.entropy).unwrap()
    }

    fn login(&mut self, state: &str) -> Login {
        let provider = &self.configuration.identity_providers[0];
        let metadata = ProviderMetadata::from_json(PROVIDER.as_bytes(), &provider.issuer).unwrap();
        let callback_url = self.configuration.callback_url();
        Login::begin(provider, &metadata, &callback_url, state, AccountChoice::ByProvider, &mut self.entropy)
    }

    /// Sends the user of [`World::browser`] away, and returns the state.
    fn begin(&mut self, request: &AuthorizationRequest) -> String {
        self.begin_at(&approved(request), 0)
    }

    fn begin_at(&mut self, purpose: &LoginPurpose, provider: usize) -> String {
        let pending = self.pending();
        let state = pending.state().to_owned();
        let login = self.login(&state);
        let provider = &self.configuration.identity_providers[provider];
        pending.keep(purpose, provider, &login, &self.browser, &self.store, &mut self.entropy).unwrap();
        state
    }

    fn returned(
        &self,
        state: &str,
        browser: Option<&Browser>,
        now: UnixTime,
    ) -> Result<ReturnedLogin<'_>, LoginRejection> {
        self.store.set_now(now);
        ReturnedLogin::take(state, browser, &self.keys, &self.configuration, &self.store, now)
    }
}

fn approved(request: &AuthorizationRequest) -> LoginPurpose {
    LoginPurpose::Authorization { request: Box::new(request.clone()), approval: Approval::Given { remember: false } }
}

fn stored(secrets: &LoginSecrets) -> serde_json::Value {
    serde_json::to_value(secrets).unwrap()
}

#[test]
fn a_login_comes_back_with_its_request_and_its_secrets() {
    let mut world = World::new();
    let purpose = approved(&world.request_of_registered());
    let pending = world.pending();
    let state = pending.state().to_owned();
    let login = world.login(&state);
    let provider = &world.configuration.identity_providers[0];
    pending.keep(&purpose, provider, &login, &world.browser, &world.store, &mut world.entropy).unwrap();
    let returned = world.returned(&state, Some(&world.browser), START.plus(30)).unwrap();
    assert_eq!(format!("{:?}", returned.purpose), format!("{purpose:?}"));
    assert_eq!(returned.provider.name, "demo");
    assert_eq!(stored(&returned.secrets), stored(&login.secrets));
}

#[test]
fn a_login_comes_back_for_what_it_was_begun() {
    let mut world = World::new();
    let request = Box::new(world.request());
    for purpose in [
        LoginPurpose::SessionsPage,
        LoginPurpose::Authorization { request: request.clone(), approval: Approval::Given { remember: true } },
        LoginPurpose::Authorization { request, approval: Approval::Remembered },
    ] {
        let state = world.begin_at(&purpose, 0);
        let returned = world.returned(&state, Some(&world.browser), START).unwrap();
        assert_eq!(format!("{:?}", returned.purpose), format!("{purpose:?}"));
    }
}

/// RFC 9700, section 4.4: with several providers, each answer is for the one that was asked.
#[test]
fn a_login_comes_back_to_the_provider_where_it_began() {
    let mut world = World::new();
    world.configuration = configuration_with_two_providers();
    for (provider, name) in [(0, "demo"), (1, "other")] {
        let state = world.begin_at(&LoginPurpose::SessionsPage, provider);
        assert_eq!(world.returned(&state, Some(&world.browser), START).unwrap().provider.name, name);
    }
}

#[test]
fn a_provider_that_was_removed_or_replaced_meanwhile_signs_nobody_in() {
    for (from, to) in [("name = \"demo\"", "name = \"another\""), ("https://login.example", "https://evil.example")] {
        let mut world = World::new();
        let state = world.begin(&world.request());
        world.configuration = configuration_with(from, to);
        let refused = world.returned(&state, Some(&world.browser), START).unwrap_err();
        assert_eq!(refused, LoginRejection::WithdrawnProvider, "{to}");
    }
}

#[test]
fn every_login_has_a_state_of_its_own_that_tells_nothing() {
    let mut world = World::new();
    let request = world.request();
    let states = [world.begin(&request), world.begin(&request)];
    assert_ne!(states[0], states[1]);
    for state in &states {
        assert!(
            !state.contains("xyz") && state.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
    }
}

#[test]
fn a_login_ends_once() {
    let mut world = World::new();
    let state = world.begin(&world.request());
    assert!(world.returned(&state, Some(&world.browser), START).is_ok());
    let before = world.store.snapshot();
    for _ in 0..2 {
        let again = world.returned(&state, Some(&world.browser), START).unwrap_err();
        assert_eq!(again, LoginRejection::AlreadyFinished);
        assert_eq!(world.store.snapshot(), before);
    }
    assert!(world.store.values().is_empty(), "neither the request nor the secrets are left");
}

/// Two callbacks at once: both have read the record before either has deleted it.
#[test]
fn of_two_callbacks_at_once_one_wins() {
    let mut world = World::new();
    let state = world.begin(&world.request());
    let handle = SealedHandle::open(STATE, &world.keys, &state).unwrap();
    let key = handle.key(LOGIN).unwrap();
    let record = world.store.get(&key).unwrap().unwrap();
    assert!(world.returned(&state, Some(&world.browser), START).is_ok());
    world.store.put(&key, &record).unwrap();
    let late = world.returned(&state, Some(&world.browser), START).unwrap_err();
    assert_eq!(late, LoginRejection::AlreadyFinished);
}

/// GHSA-rww4-4w9c-7733: consent in one browser, callback in another.
#[test]
fn another_browser_cannot_finish_a_login_and_does_not_use_it_up() {
    let mut world = World::new();
    let state = world.begin(&world.request());
    let other = world.another_browser();
    let before = world.store.snapshot();
    for browser in [Some(&other), None] {
        assert_eq!(world.returned(&state, browser, START).unwrap_err(), LoginRejection::OtherBrowser);
        assert_eq!(world.store.snapshot(), before);
    }
    assert!(world.returned(&state, Some(&world.browser), START).is_ok());
}

#[test]
fn a_login_can_be_finished_until_the_second_in_which_it_expires() {
    for (seconds, in_time) in [(599, true), (600, false), (601, false)] {
        let mut world = World::new();
        let state = world.begin(&world.request());
        let before = world.store.snapshot();
        let returned = world.returned(&state, Some(&world.browser), START.plus(seconds));
        if in_time {
            assert!(returned.is_ok(), "{seconds}");
        } else {
            assert_eq!(returned.unwrap_err(), LoginRejection::Expired, "{seconds}");
            assert_eq!(world.store.snapshot(), before);
        }
    }
}

#[test]
fn a_state_that_was_altered_or_made_up_is_not_recognised() {
    let mut world = World::new();
    let state = world.begin(&world.request());
    let foreign = PendingLogin::generate(&key_ring('B'), START, &mut world.entropy).unwrap();
    let provider = &world.configuration.identity_providers[0];
    let consent_request = ConsentRequest { request: world.request(), provider, approved: None };
    let ticket = consent_request.ticket(&world.browser, &world.keys, START, &mut world.entropy).unwrap();
    let mut forged = vec![
        String::new(),
        "xyz".to_owned(),
        state[1..].to_owned(),
        format!("{state}A"),
        foreign.state().to_owned(),
        ticket,
    ];
    forged.extend(with_each_character_changed(&state));
    let before = world.store.snapshot();
    for forged in forged {
        let refused = world.returned(&forged, Some(&world.browser), START).unwrap_err();
        assert_eq!(refused, LoginRejection::Unrecognised, "{forged}");
    }
    assert_eq!(world.store.snapshot(), before);
    assert!(world.returned(&state, Some(&world.browser), START).is_ok());
}

#[test]
fn a_state_whose_login_was_never_kept_leads_nowhere() {
    let mut world = World::new();
    let pending = world.pending();
    let before = world.store.snapshot();
    let refused = world.returned(pending.state(), Some(&world.browser), START).unwrap_err();
    assert_eq!(refused, LoginRejection::AlreadyFinished);
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn what_changed_while_the_user_signed_in_is_noticed() {
    for (from, to, expected) in [
        ("\"conformance\"", "\"another\"", UnboundRejection::UnknownClient),
        (CONFIGURED_URI, "https://client.example/moved", UnboundRejection::ForeignRedirectUri),
    ] {
        let mut world = World::new();
        let state = world.begin(&world.request());
        world.configuration = configuration_with(from, to);
        let refused = world.returned(&state, Some(&world.browser), START).unwrap_err();
        assert_eq!(refused, LoginRejection::Unbound(expected));
    }
}

/// Wherever the store fails, nobody is sent away with a login that is not whole.
#[test]
fn a_login_that_could_not_be_kept_whole_cannot_be_finished() {
    let mut answers = 0;
    loop {
        let mut world = World::new();
        let request = world.request();
        let pending = world.pending();
        let state = pending.state().to_owned();
        let login = world.login(&state);
        let failing = FailingStore::after(answers, &world.store);
        let provider = &world.configuration.identity_providers[0];
        let kept = pending.keep(&approved(&request), provider, &login, &world.browser, &failing, &mut world.entropy);
        if kept.is_ok() {
            break;
        }
        let refused = world.returned(&state, Some(&world.browser), START).unwrap_err();
        assert_eq!(refused, LoginRejection::AlreadyFinished, "after {answers} answers");
        answers += 1;
    }
    assert!(answers >= 2, "a record and a counter");
}

#[test]
fn a_store_that_fails_at_any_point_of_a_callback_finishes_no_login() {
    let mut answers = 0;
    loop {
        let mut world = World::new();
        let request = world.request_of_registered();
        let state = world.begin(&request);
        let failing = FailingStore::after(answers, &world.store);
        match ReturnedLogin::take(&state, Some(&world.browser), &world.keys, &world.configuration, &failing, START) {
            Ok(_) => break,
            Err(LoginRejection::Unavailable(_) | LoginRejection::Unbound(UnboundRejection::Unavailable(_))) => {
                answers += 1
            }
            Err(other) => panic!("{other:?} after {answers} answers"),
        }
    }
    assert!(answers >= 4, "a record, a counter, a deletion and a client");
}

#[test]
fn the_store_holds_nothing_of_a_login_in_clear() {
    let mut world = World::new();
    let purpose = approved(&world.request_of_registered());
    let pending = world.pending();
    let state = pending.state().to_owned();
    let login = world.login(&state);
    let provider = &world.configuration.identity_providers[0];
    pending.keep(&purpose, provider, &login, &world.browser, &world.store, &mut world.entropy).unwrap();
    let dump = format!("{}{}", String::from_utf8_lossy(&world.store.values().concat()), world.store.snapshot());
    let secrets = stored(&login.secrets);
    for text in [
        LOOPBACK_URI,
        "xyz",
        secrets["nonce"].as_str().unwrap(),
        secrets["code_verifier"].as_str().unwrap(),
        &world.browser.digest(),
        &world.browser.cookie_value(),
        &state,
    ] {
        assert!(!dump.contains(text), "{text}");
    }
}

#[test]
fn a_login_never_prints_its_state() {
    let mut world = World::new();
    let pending = world.pending();
    let printed = format!("{pending:?}");
    assert!(!printed.contains(pending.state()), "{printed}");
}

proptest! {
    #[test]
    fn any_text_is_no_state(text in prop_oneof![".{0,100}", "[A-Za-z0-9_-]{0,200}"]) {
        let world = World::new();
        let refused = world.returned(&text, Some(&world.browser), START).unwrap_err();
        prop_assert_eq!(refused, LoginRejection::Unrecognised);
    }
}

/// A page, as [`World::browser`] sends its form back.
impl World {
    fn returned_ticket(&mut self) -> ReturnedTicket {
        let provider = &self.configuration.identity_providers[0];
        let consent_request = ConsentRequest { request: self.request(), provider, approved: None };
        let ticket = consent_request.ticket(&self.browser, &self.keys, START, &mut self.entropy).unwrap();
        ConsentRequest::redeem(&ticket, &self.browser, &self.keys, &self.configuration, &self.store, START).unwrap().1
    }

    /// What `POST /consent` does at `now`; where the user is sent.
    fn answer(&mut self, ticket: &ReturnedTicket, remember: bool, now: UnixTime) -> Result<String, BeginRejection> {
        let approval = Approval::Given { remember };
        let request = Box::new(self.request());
        let purpose = LoginPurpose::Authorization { request, approval };
        let provider = &self.configuration.identity_providers[0];
        let decision =
            PageDecision { provider, account: AccountChoice::ByProvider, approval: Some(approval), token: None };
        self.store.set_now(now);
        let pending = PendingLogin::of_ticket(ticket, &decision, &self.keys, now, &mut self.entropy).unwrap();
        if let Some(location) = pending.under_way(&self.store, now)? {
            return Ok(location);
        }
        pending.count(2, &self.store, now)?;
        let metadata = ProviderMetadata::from_json(PROVIDER.as_bytes(), &provider.issuer).unwrap();
        let (callback, account) = (self.configuration.callback_url(), AccountChoice::ByProvider);
        let login = Login::begin(provider, &metadata, &callback, pending.state(), account, &mut pending.entropy());
        pending.keep(&purpose, provider, &login, &self.browser, &self.store, &mut self.entropy)?;
        Ok(login.authorization_url.to_string())
    }

    fn rows(&self) -> usize {
        self.store.list(None).unwrap().keys.iter().filter(|key| key.kind() != LOGINS).count()
    }
}

fn state_in(location: &str) -> String {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

/// S16 of the strangers: each time a login of its own, with two rows.
#[test]
fn a_page_that_is_answered_a_thousand_times_begins_one_login_and_leads_to_one_address() {
    let mut world = World::new();
    let ticket = world.returned_ticket();
    let first = world.answer(&ticket, false, START).unwrap();
    for _ in 1..1_000 {
        assert_eq!(world.answer(&ticket, false, START.plus(5)).unwrap(), first);
    }
    assert_eq!(world.rows(), 2, "a record and its counter");
    assert!(world.returned(&state_in(&first), Some(&world.browser), START.plus(9)).is_ok());
    // Once it is over, it is over.
    let before = world.rows();
    for second in [60, 120, 180] {
        let again = world.answer(&ticket, false, START.plus(second));
        assert_eq!(again.unwrap_err(), BeginRejection::AlreadyFinished);
    }
    assert_eq!(world.rows(), before);
    let again = world.returned(&state_in(&first), Some(&world.browser), START.plus(200)).unwrap_err();
    assert_eq!(again, LoginRejection::AlreadyFinished);
}

#[test]
fn two_decisions_on_one_page_are_two_logins_and_two_pages_are_two_as_well() {
    let mut world = World::new();
    let (one, other) = (world.returned_ticket(), world.returned_ticket());
    let plain = world.answer(&one, false, START).unwrap();
    let remembered = world.answer(&one, true, START).unwrap();
    let elsewhere = world.answer(&other, false, START.plus(60)).unwrap();
    assert!(plain != remembered && plain != elsewhere && remembered != elsewhere);
    for location in [plain, remembered, elsewhere] {
        assert!(world.returned(&state_in(&location), Some(&world.browser), START.plus(60)).is_ok());
    }
}

/// A double click: both have looked before either has written.
#[test]
fn of_two_answers_to_one_page_at_once_both_lead_to_the_one_login() {
    let mut world = World::new();
    let ticket = world.returned_ticket();
    let provider = world.configuration.identity_providers[0].clone();
    let purpose = approved(&world.request());
    let decision = PageDecision {
        provider: &provider,
        account: AccountChoice::ByProvider,
        approval: purpose.approval(),
        token: None,
    };
    let metadata = ProviderMetadata::from_json(PROVIDER.as_bytes(), &provider.issuer).unwrap();
    let callback = world.configuration.callback_url();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let pending = PendingLogin::of_ticket(&ticket, &decision, &world.keys, START, &mut world.entropy).unwrap();
            assert_eq!(pending.under_way(&world.store, START), Ok(None));
            let (state, account) = (pending.state().to_owned(), AccountChoice::ByProvider);
            let login = Login::begin(&provider, &metadata, &callback, &state, account, &mut pending.entropy());
            (pending, login, state)
        })
        .collect();
    let secrets: Vec<_> = both.iter().map(|(_, login, _)| stored(&login.secrets)).collect();
    assert_eq!(secrets[0], secrets[1]);
    let mut states = Vec::new();
    for (pending, login, state) in both {
        pending.keep(&purpose, &provider, &login, &world.browser, &world.store, &mut world.entropy).unwrap();
        states.push(state);
    }
    assert_eq!(world.rows(), 2);
    let returned = world.returned(&states[0], Some(&world.browser), START).unwrap();
    assert_eq!(stored(&returned.secrets), secrets[0]);
    assert_eq!(world.returned(&states[1], Some(&world.browser), START).unwrap_err(), LoginRejection::AlreadyFinished);
}

#[test]
fn whoever_denies_what_they_approved_before_ends_the_login_that_is_under_way() {
    let mut world = World::new();
    let (ticket, other) = (world.returned_ticket(), world.returned_ticket());
    let locations = [false, true].map(|remember| world.answer(&ticket, remember, START.plus(60)).unwrap());
    let kept = world.answer(&other, false, START).unwrap();
    let provider = world.provider().clone();
    let decisions = [false, true].map(|remember| PageDecision {
        provider: &provider,
        account: AccountChoice::ByProvider,
        approval: Some(Approval::Given { remember }),
        token: None,
    });
    for _ in 0..2 {
        cancel(&ticket, &decisions, &world.store).unwrap();
    }
    for location in locations {
        let refused = world.returned(&state_in(&location), Some(&world.browser), START.plus(61)).unwrap_err();
        assert_eq!(refused, LoginRejection::AlreadyFinished);
    }
    assert!(world.returned(&state_in(&kept), Some(&world.browser), START.plus(61)).is_ok());
}

#[test]
fn whoever_answers_again_when_the_login_has_expired_gets_time_anew() {
    let mut world = World::new();
    let ticket = world.returned_ticket();
    let first = world.answer(&ticket, false, START).unwrap();
    let late = START.plus(LOGIN_SECONDS);
    assert_eq!(world.returned(&state_in(&first), Some(&world.browser), late).unwrap_err(), LoginRejection::Expired);
    let second = world.answer(&ticket, false, late).unwrap();
    assert_eq!(world.rows(), 2);
    assert!(world.returned(&state_in(&second), Some(&world.browser), late.plus(LOGIN_SECONDS - 1)).is_ok());
}

#[test]
fn no_more_logins_begin_in_a_minute_than_the_operator_allows_and_one_too_many_leaves_nothing() {
    let mut world = World::new();
    let now = UnixTime::from_seconds(START.seconds() / MINUTE * MINUTE);
    let tickets: Vec<_> = (0..4).map(|_| world.returned_ticket()).collect();
    for ticket in &tickets[..2] {
        world.answer(ticket, false, now).unwrap();
    }
    let rows = world.rows();
    for second in [0, 1, 59] {
        let refused = world.answer(&tickets[2], false, now.plus(second)).unwrap_err();
        assert_eq!(refused, BeginRejection::TooMany { retry_after: 60 - second });
    }
    assert_eq!(world.rows(), rows);
    assert!(world.answer(&tickets[0], false, now.plus(59)).is_ok(), "one that is under way is none more");
    assert!(world.answer(&tickets[2], false, now.plus(60)).is_ok());
}

/// Nobody but us can know nonce and verifier before the login ends, not even who has page, form and cookie.
#[test]
fn what_is_derived_for_a_login_is_long_and_different_for_each() {
    let mut world = World::new();
    let tickets = [world.returned_ticket(), world.returned_ticket()];
    let decision = PageDecision {
        provider: &world.configuration.identity_providers[0].clone(),
        account: AccountChoice::ByProvider,
        approval: None,
        token: None,
    };
    let mut seen = std::collections::BTreeSet::new();
    for ticket in &tickets {
        let pending = PendingLogin::of_ticket(ticket, &decision, &world.keys, START, &mut world.entropy).unwrap();
        let mut entropy = pending.entropy();
        for _ in 0..4 {
            assert!(seen.insert(entropy.bytes::<32>()));
        }
        let mut long = [0; 80];
        pending.entropy().fill(&mut long);
        assert!(long.chunks(16).collect::<std::collections::BTreeSet<_>>().len() == 5);
    }
}
