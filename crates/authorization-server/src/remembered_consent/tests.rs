use super::*;
use crate::example::{
    CONFIGURED, Counting, LOOPBACK_URI, RESOURCE, START, World, alice, bob, configuration_with_two_providers,
    configuration_with_two_upstreams, key_ring, query,
};
use gatehouse_storage::memory::{FailingStore, MemoryStore};

const DAY: u64 = 86_400;
const LIFETIME: u64 = 30 * DAY;
/// The first second of a period of [`LIFETIME`].
const PERIOD_START: UnixTime = UnixTime::from_seconds(START.seconds() / LIFETIME * LIFETIME);

const GIVEN: Approval = Approval::Given { remember: true };

impl World {
    fn consents(&self, now: UnixTime) -> RememberedConsents<'_, MemoryStore> {
        self.store.set_now(now);
        RememberedConsents { store: &self.store, keys: &self.keys, lifetime: LIFETIME, now }
    }

    fn remember(&self, subject: &Subject, request: &AuthorizationRequest, now: UnixTime) {
        self.remember_in(&self.browser, subject, request, now);
    }

    fn remember_in(&self, browser: &Browser, subject: &Subject, request: &AuthorizationRequest, now: UnixTime) {
        let mut entropy = Counting::from(now.seconds());
        self.consents(now).remember(subject, browser, request, self.provider(), &mut entropy).unwrap();
    }

    /// Whether the user of [`World::browser`] is not asked.
    fn covers(&self, request: &AuthorizationRequest, now: UnixTime) -> bool {
        self.consents(now).cover(&self.browser, request, self.provider()).unwrap()
    }

    fn is_approved_by(&self, subject: &Subject, request: &AuthorizationRequest, now: UnixTime) -> bool {
        let consents = self.consents(now);
        consents.is_approved_by(subject, Approval::Remembered, &self.browser, request, self.provider()).unwrap()
    }
}

#[test]
fn a_remembered_consent_covers_the_same_request_and_only_its_own_subject_approves_by_it() {
    let world = World::new();
    let request = world.request();
    assert!(!world.covers(&request, START));
    world.remember(&alice(), &request, START);
    let before = world.store.snapshot();
    assert!(world.covers(&request, START.plus(1)));
    assert!(world.is_approved_by(&alice(), &request, START.plus(1)));
    assert!(!world.is_approved_by(&bob(), &request, START.plus(1)));
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn what_was_approved_on_the_page_is_approved_by_whoever_signs_in_then() {
    let world = World::new();
    let (request, before) = (world.request(), world.store.snapshot());
    for approval in [GIVEN, Approval::Given { remember: false }] {
        let consents = world.consents(START);
        assert!(consents.is_approved_by(&bob(), approval, &world.browser, &request, world.provider()).unwrap());
    }
    assert_eq!(world.store.snapshot(), before);
}

/// The duty: "always shown again when client, redirect URI or scopes change".
#[test]
fn any_other_request_is_asked_about() {
    let mut world = World::new();
    world.configuration = configuration_with_two_upstreams();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let registered = world.request_of_registered();
    let client = registered.client.client_id.as_str();
    let of_registered = query().with("client_id", client);
    let mail = "https://gateway.example/mail";
    let before = world.store.snapshot();
    for (what, other) in [
        ("another client", registered.clone()),
        ("more scopes", world.request_of(&query().with("scope", "mcp files:read"))),
        ("other scopes", world.request_of(&query().with("scope", "files:read"))),
        ("all scopes", world.request_of(&query().without("scope"))),
        ("another resource", world.request_of(&query().with("resource", mail).with("scope", "mail"))),
    ] {
        assert!(!world.covers(&other, START), "{what}");
        assert!(!world.is_approved_by(&alice(), &other, START), "{what}");
    }
    assert_eq!(world.store.snapshot(), before);

    world.remember(&alice(), &registered, START);
    let web = of_registered.with("redirect_uri", "https://client.example/registered");
    assert!(!world.covers(&world.request_of(&web), START), "another redirect URI of the same client");
    let more = of_registered.with("redirect_uri", LOOPBACK_URI).with("scope", "mcp files:read");
    world.remember(&alice(), &world.request_of(&more), START);
    let fewer = more.with("scope", "files:read");
    assert!(!world.covers(&world.request_of(&fewer), START), "a part of what was allowed is not what was allowed");
}

/// RFC 8252, section 7.3; state and challenge are new with every request.
#[test]
fn what_changes_with_every_request_is_not_asked_about() {
    let mut world = World::new();
    let registered = world.request_of_registered();
    world.remember(&alice(), &registered, START);
    let same = query().with("client_id", registered.client.client_id.as_str()).with("redirect_uri", LOOPBACK_URI);
    for same in [
        same.with("redirect_uri", "http://127.0.0.1:50000/callback"),
        same.with("redirect_uri", "http://127.0.0.1/callback"),
        same.with("state", "another"),
        same.with("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cA"),
        same.with("scope", " mcp  mcp "),
        same.without("resource"),
    ] {
        assert!(world.covers(&world.request_of(&same), START), "{same:?}");
    }
    let both = query().with("scope", "mcp files:read");
    world.remember(&alice(), &world.request_of(&both), START);
    assert!(world.covers(&world.request_of(&both.with("scope", "files:read mcp")), START), "a set has no order");
}

#[test]
fn another_provider_is_another_consent() {
    let mut world = World::new();
    world.configuration = configuration_with_two_providers();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let other = &world.configuration.identity_providers[1];
    assert!(!world.consents(START).cover(&world.browser, &request, other).unwrap());
}

#[test]
fn another_browser_is_asked() {
    let mut world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let other = world.another_browser();
    let before = world.store.snapshot();
    let consents = world.consents(START);
    assert!(!consents.cover(&other, &request, world.provider()).unwrap());
    let approved = consents.is_approved_by(&alice(), Approval::Remembered, &other, &request, world.provider());
    assert!(!approved.unwrap());
    assert_eq!(world.store.snapshot(), before);
}

/// Whether or not a period ends in between.
#[test]
fn a_consent_counts_until_the_second_in_which_its_lifetime_is_over() {
    for given_at in
        [PERIOD_START, PERIOD_START.plus(1), PERIOD_START.plus(LIFETIME / 2), PERIOD_START.plus(LIFETIME - 1)]
    {
        for (seconds, counts) in
            [(0, true), (LIFETIME / 2, true), (LIFETIME - 1, true), (LIFETIME, false), (2 * LIFETIME, false)]
        {
            let world = World::new();
            let request = world.request();
            world.remember(&alice(), &request, given_at);
            let now = given_at.plus(seconds);
            assert_eq!(world.covers(&request, now), counts, "{given_at} {seconds}");
            assert_eq!(world.is_approved_by(&alice(), &request, now), counts, "{given_at} {seconds}");
            assert_eq!(world.consents(now).of(&alice()).unwrap().len(), usize::from(counts), "{given_at} {seconds}");
        }
    }
}

#[test]
fn a_consent_that_is_given_again_counts_from_then_and_is_listed_once() {
    let world = World::new();
    let request = world.request();
    let again = PERIOD_START.plus(LIFETIME - 10);
    world.remember(&alice(), &request, PERIOD_START);
    world.remember(&alice(), &request, again);
    world.remember(&alice(), &request, again.plus(20));
    let listed = world.consents(again.plus(30)).of(&alice()).unwrap();
    assert_eq!(listed.iter().map(|consent| consent.given_at).collect::<Vec<_>>(), [again.plus(20).seconds()]);
    assert!(world.covers(&request, again.plus(20 + LIFETIME - 1)));
}

#[test]
fn a_clock_that_runs_backwards_asks() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    assert!(!world.covers(&request, UnixTime::from_seconds(START.seconds() - 1)));
}

#[test]
fn a_lifetime_of_0_remembers_nothing_and_knows_nothing() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let before = world.store.snapshot();
    let never = RememberedConsents { lifetime: 0, ..world.consents(START) };
    assert!(!never.cover(&world.browser, &request, world.provider()).unwrap());
    never.remember(&bob(), &world.browser, &request, world.provider(), &mut Counting::from(9)).unwrap();
    let approved = never.is_approved_by(&alice(), Approval::Remembered, &world.browser, &request, world.provider());
    assert!(!approved.unwrap());
    assert!(never.of(&alice()).unwrap().is_empty());
    assert_eq!(world.store.snapshot(), before);
}

#[test]
fn a_lifetime_that_the_operator_has_shortened_holds_for_what_was_given_before() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let shorter = RememberedConsents { lifetime: DAY, ..world.consents(START.plus(DAY)) };
    assert!(!shorter.cover(&world.browser, &request, world.provider()).unwrap());
    assert!(shorter.of(&alice()).unwrap().is_empty());
}

#[test]
fn a_user_sees_what_they_allowed_and_nobody_else_does() {
    let mut world = World::new();
    let (first, second) = (world.request(), world.request_of_registered());
    world.remember(&alice(), &first, START);
    world.remember(&alice(), &second, START.plus(60));
    let listed = world.consents(START.plus(90)).of(&alice()).unwrap();
    let seen: Vec<_> = listed.iter().map(|it| (it.client_name.as_str(), it.redirect_host.as_str())).collect();
    assert_eq!(seen, [("Example client", "127.0.0.1:33418"), ("Conformance runner", "client.example")]);
    let first = listed.last().unwrap();
    assert_eq!(
        (first.client_id.as_str(), first.resource.as_str(), first.scopes.as_str()),
        (CONFIGURED, RESOURCE, "mcp")
    );
    assert_eq!(first.given_at, START.seconds());
    assert!(world.consents(START.plus(90)).of(&bob()).unwrap().is_empty());
}

#[test]
fn what_a_user_forgets_is_asked_about_again_even_by_a_login_that_is_under_way() {
    let mut world = World::new();
    let (request, other) = (world.request(), world.request_of_registered());
    world.remember(&alice(), &request, PERIOD_START);
    // Given again in the next period: there are two records.
    let now = PERIOD_START.plus(LIFETIME - 1);
    world.remember(&alice(), &request, now);
    let now = now.plus(2);
    world.remember(&alice(), &request, now);
    world.remember(&alice(), &other, now);
    assert!(world.covers(&request, now), "the login begins");
    let listed = world.consents(now).of(&alice()).unwrap();
    let id = &listed.iter().find(|it| it.client_id == CONFIGURED).unwrap().id;
    world.consents(now).forget(&alice(), id).unwrap();
    assert!(!world.is_approved_by(&alice(), &request, now), "the login comes back");
    assert!(!world.covers(&request, now));
    assert!(world.covers(&other, now) && world.is_approved_by(&alice(), &other, now));
    assert_eq!(world.consents(now).of(&alice()).unwrap().len(), 1);
    world.consents(now).forget(&alice(), id).unwrap();
}

#[test]
fn nobody_can_forget_for_somebody_else() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let id = world.consents(START).of(&alice()).unwrap().remove(0).id;
    let before = world.store.snapshot();
    world.consents(START).forget(&bob(), &id).unwrap();
    for unknown in ["", "x", &id[1..], &"A".repeat(43)] {
        world.consents(START).forget(&alice(), unknown).unwrap();
    }
    assert_eq!(world.store.snapshot(), before);
    assert!(world.is_approved_by(&alice(), &request, START));
}

/// Two people at one browser: the record says whose consent it is, and the other is asked after signing in.
#[test]
fn the_last_to_consent_in_a_browser_is_the_one_who_is_not_asked() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    world.remember(&bob(), &request, START.plus(1));
    let now = START.plus(2);
    assert!(world.is_approved_by(&bob(), &request, now) && !world.is_approved_by(&alice(), &request, now));
}

/// A record that is written while its listing is removed, or put there by whoever can write to the store.
#[test]
fn a_record_that_is_not_listed_does_not_count() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    let secret = secret(&world.browser, &request, world.provider());
    let key = key(&secret.record_id(), Periods::of_seconds(LIFETIME).end_of_new(START)).unwrap();
    let record = world.store.get(&key).unwrap().unwrap();
    let id = world.consents(START).of(&alice()).unwrap().remove(0).id;
    world.consents(START).forget(&alice(), &id).unwrap();
    world.store.put(&key, &record).unwrap();
    assert!(world.covers(&request, START));
    assert!(!world.is_approved_by(&alice(), &request, START));
}

#[test]
fn a_record_that_was_altered_or_moved_is_none() {
    let mut world = World::new();
    let (request, other) = (world.request(), world.request_of_registered());
    world.remember(&alice(), &request, START);
    world.remember(&alice(), &other, START);
    let end = Periods::of_seconds(LIFETIME).end_of_new(START);
    let [mine, others] = [&request, &other]
        .map(|request| key(&secret(&world.browser, request, world.provider()).record_id(), end).unwrap());
    let genuine = world.store.get(&mine).unwrap().unwrap();
    let moved = world.store.get(&others).unwrap().unwrap();
    for altered in [moved, genuine[1..].to_vec(), Vec::new()] {
        world.store.put(&mine, &altered).unwrap();
        assert!(!world.covers(&request, START) && !world.is_approved_by(&alice(), &request, START));
    }
    world.store.put(&mine, &genuine).unwrap();
    assert!(world.is_approved_by(&alice(), &request, START));
}

#[test]
fn a_key_ring_without_the_key_of_the_listing_asks() {
    let mut world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    world.keys = key_ring('B');
    assert!(!world.is_approved_by(&alice(), &request, START));
}

#[test]
fn a_store_that_fails_at_any_point_remembers_nothing_that_counts() {
    let mut answers = 0;
    loop {
        let world = World::new();
        let request = world.request();
        let failing = FailingStore::after(answers, &world.store);
        let consents = RememberedConsents { store: &failing, keys: &world.keys, lifetime: LIFETIME, now: START };
        if consents.remember(&alice(), &world.browser, &request, world.provider(), &mut Counting::from(1)).is_ok() {
            break;
        }
        assert!(!world.covers(&request, START), "after {answers} answers");
        assert!(world.consents(START).of(&alice()).unwrap().is_empty(), "after {answers} answers");
        answers += 1;
    }
    assert!(answers >= 2, "a listing and a record");
}

#[test]
fn a_store_that_is_down_approves_nothing() {
    let world = World::new();
    let request = world.request();
    world.remember(&alice(), &request, START);
    for answers in 0..3 {
        let failing = FailingStore::after(answers, &world.store);
        let consents = RememberedConsents { store: &failing, keys: &world.keys, lifetime: LIFETIME, now: START };
        let approved =
            consents.is_approved_by(&alice(), Approval::Remembered, &world.browser, &request, world.provider());
        assert!(approved.is_err(), "after {answers} answers");
    }
    world.store.go_down();
    let consents = world.consents(START);
    assert!(consents.cover(&world.browser, &request, world.provider()).is_err());
    assert!(consents.of(&alice()).is_err());
    assert!(consents.forget(&alice(), "x").is_err());
}

#[test]
fn only_the_user_may_lead_past_the_question() {
    let world = World::new();
    let (plain, prompting) = (world.request(), world.request_of(&query().and("prompt", "login consent")));
    let arrival = |site| Arrival { site, mode: Some("navigate"), destination: Some("document"), ..Arrival::default() };
    for (site, counts) in [
        (Some("none"), true),
        (Some("same-origin"), false),
        (None, false),
        (Some("cross-site"), false),
        (Some("same-site"), false),
        (Some("None"), false),
        (Some("none, none"), false),
        (Some(""), false),
    ] {
        assert_eq!(may_be_remembered(&plain, &arrival(site)), counts, "{site:?}");
        assert!(!may_be_remembered(&prompting, &arrival(site)), "{site:?}");
    }
}

#[test]
fn the_store_names_neither_the_user_nor_the_client_nor_the_browser() {
    let mut world = World::new();
    let request = world.request_of_registered();
    world.remember(&alice(), &request, START);
    let dump = format!("{}{}", String::from_utf8_lossy(&world.store.values().concat()), world.store.snapshot());
    for text in
        ["alice", "Example client", LOOPBACK_URI, RESOURCE, &world.browser.cookie_value(), &world.browser.digest()]
    {
        assert!(!dump.contains(text), "{text}");
    }
}

/// Each browser has a consent of its own; whoever clears their cookies makes another one each time.
#[test]
fn of_one_user_the_newest_two_hundred_consents_are_kept_and_shown_and_no_other_counts() {
    let mut world = World::new();
    let request = world.request();
    let browsers: Vec<_> = (0..205).map(|_| Browser::generate(&mut world.entropy)).collect();
    for (second, browser) in (0..).zip(&browsers) {
        world.remember_in(browser, &alice(), &request, START.plus(second));
    }
    let now = START.plus(300);
    let consents = world.consents(now);
    assert_eq!(consents.of(&alice()).unwrap().len(), 200);
    for (number, browser) in browsers.iter().enumerate() {
        assert_eq!(consents.cover(browser, &request, world.provider()).unwrap(), number >= 5, "{number}");
        let approved = consents.is_approved_by(&alice(), Approval::Remembered, browser, &request, world.provider());
        assert_eq!(approved.unwrap(), number >= 5, "{number}");
    }
    let values = || world.store.values().iter().filter(|value| !value.is_empty()).count();
    assert_eq!(values(), 400, "a record and its place for each");
    // Given again, as often as anybody likes, it stays one and pushes no other out.
    for second in 0..450 {
        world.remember_in(&browsers[204], &alice(), &request, now.plus(second));
    }
    assert_eq!((world.consents(now.plus(460)).of(&alice()).unwrap().len(), values()), (200, 400));
    let first = world.consents(now.plus(460)).of(&alice()).unwrap().remove(0);
    assert_eq!(first.given_at, now.plus(449).seconds(), "the newest first, whatever place it has");
}
