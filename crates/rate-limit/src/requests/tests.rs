use core::cell::Cell;

use gatehouse_configuration::Configuration;
use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;
use crate::example::{START, route, route_with, shared_store, successes_of_64};
use crate::{MOST_NAMES, SLOTS};

const ALICE: Caller<'_> = Caller { subject: "demo:alice", client_id: "client-1" };
const BOB: Caller<'_> = Caller { subject: "demo:bob", client_id: "client-1" };

fn store() -> MemoryStore {
    MemoryStore::at(UnixTime::from_seconds(START))
}

/// So many milliseconds after the start of a window.
fn after(milliseconds: u64) -> Duration {
    Duration::from_millis(START * 1_000 + milliseconds)
}

fn is_within(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Within(_))
}

fn passes(store: &impl Store, milliseconds: u64, route: &Route, caller: &Caller<'_>) -> bool {
    is_within(&take(store, after(milliseconds), route, caller, 1).unwrap())
}

/// How many of `tries` requests at one moment pass.
fn passing(store: &impl Store, milliseconds: u64, route: &Route, tries: usize) -> usize {
    (0..tries).filter(|_| passes(store, milliseconds, route, &ALICE)).count()
}

fn calls(store: &impl Store, milliseconds: u64, route: &Route, tools: &[&str]) -> bool {
    is_within(&take_tools(store, after(milliseconds), route, &ALICE, tools).unwrap())
}

/// How many requests every counter holds.
fn counted(store: &MemoryStore) -> Vec<(String, u64)> {
    store.counters().into_iter().map(|(name, sum)| (name, still_taken(sum))).collect()
}

fn fields(standing: &Standing) -> Vec<String> {
    standing.fields().into_iter().map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn as_many_pass_as_are_allowed_and_the_next_is_refused() {
    for requests in [1, 2, 10] {
        let (store, route) = (store(), route_with(&[("subject", requests, 60)]));
        assert_eq!(passing(&store, 0, &route, requests as usize), requests as usize);
        let before = counted(&store);
        assert!(!passes(&store, 0, &route, &ALICE));
        // What was refused does not count, but for having asked for the window before.
        assert_eq!(counted(&store), before);
    }
}

#[test]
fn a_route_without_rates_asks_the_store_nothing() {
    let store = store();
    store.go_down();
    let route = route("");
    assert!(passes(&store, 0, &route, &ALICE) && calls(&store, 0, &route, &["search"]));
    let only_tools = route_with(&[("tool", 1, 60)]);
    assert!(passes(&store, 0, &only_tools, &ALICE));
    let only_requests = route_with(&[("subject", 1, 60)]);
    assert!(calls(&store, 0, &only_requests, &["search"]));
}

#[test]
fn a_store_that_does_not_answer_lets_nobody_pass() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60), ("tool", 10, 60)]));
    store.go_down();
    assert!(take(&store, after(0), &route, &ALICE, 1).is_err());
    assert!(take_tools(&store, after(0), &route, &ALICE, &["search"]).is_err());
}

#[test]
fn each_kind_counts_together_what_it_says() {
    let other_client = Caller { client_id: "client-2", ..ALICE };
    let stranger = Caller { subject: "demo:carol", client_id: "client-3" };
    for (per, same, others) in [
        ("subject", vec![&ALICE, &other_client], vec![&BOB, &stranger]),
        ("client", vec![&ALICE, &BOB], vec![&other_client, &stranger]),
        ("route", vec![&ALICE, &BOB, &other_client, &stranger], vec![]),
    ] {
        let (store, route) = (store(), route_with(&[(per, 1, 60)]));
        assert!(passes(&store, 0, &route, &ALICE), "{per}");
        assert!(same.iter().all(|caller| !passes(&store, 0, &route, caller)), "{per}");
        assert!(others.iter().all(|caller| passes(&store, 0, &route, caller)), "{per}");
    }
}

#[test]
fn routes_do_not_count_together() {
    let store = store();
    let one = route_with(&[("route", 1, 60)]);
    let mut other = Configuration::parse(OTHER).unwrap().routes.remove(0);
    other.rates.clone_from(&one.rates);
    assert!(passes(&store, 0, &one, &ALICE) && passes(&store, 0, &other, &ALICE));
    assert!(!passes(&store, 0, &one, &ALICE) && !passes(&store, 0, &other, &ALICE));
}

const OTHER: &str = r#"
    public_url = "https://gateway.example"
    identity_provider = { name = "demo", issuer = "https://login.example", client_id = "gatehouse" }
    routes = [{ path = "/other", url = "http://10.0.0.7:8080/mcp" }]
"#;

#[test]
fn each_tool_is_counted_by_itself_and_for_each_subject() {
    let (store, route) =
        (store(), route(r#"rates = [{ per = "tool", tools = ["delete_*", "send"], requests = 2, seconds = 60 }]"#));
    assert!(calls(&store, 0, &route, &["delete_a"]) && calls(&store, 0, &route, &["delete_a"]));
    assert!(!calls(&store, 0, &route, &["delete_a"]));
    assert!(calls(&store, 0, &route, &["delete_b"]) && calls(&store, 0, &route, &["send"]));
    assert!((0..10).all(|_| calls(&store, 0, &route, &["search"])));
    assert!(is_within(&take_tools(&store, after(0), &route, &BOB, &["delete_a"]).unwrap()));
}

#[test]
fn the_calls_of_a_batch_count_each_and_pass_together_or_not_at_all() {
    let (store, route) = (store(), route_with(&[("subject", 5, 60), ("tool", 2, 60)]));
    assert!(!calls(&store, 0, &route, &["a", "b", "a", "a"]));
    assert!(calls(&store, 0, &route, &["a", "b", "a"]));
    assert!(!calls(&store, 0, &route, &["b", "a"]));
    assert!(calls(&store, 0, &route, &["b"]));
    let batch = |requests| is_within(&take(&store, after(0), &route, &ALICE, requests).unwrap());
    assert!(batch(3) && !batch(3) && batch(2) && !batch(1) && batch(0));
}

#[test]
fn a_batch_that_is_larger_than_the_rate_never_passes() {
    let (store, route) = (store(), route_with(&[("subject", 5, 60)]));
    for milliseconds in [0, 59_999, 600_000] {
        let verdict = take(&store, after(milliseconds), &route, &ALICE, u32::MAX).unwrap();
        assert!(matches!(verdict, Verdict::Exceeded { retry_after: 1.., .. }));
    }
    assert_eq!(passing(&store, 600_000, &route, 6), 5);
}

#[test]
fn all_rates_must_let_a_request_pass_and_one_refusal_takes_everything_back() {
    let rates = [("subject", 5, 60), ("client", 8, 60), ("route", 6, 3_600)];
    let (store, route) = (store(), route_with(&rates));
    assert_eq!(passing(&store, 0, &route, 10), 5);
    // Five were refused by the first rate. Of the others' eight and six, only five are taken.
    assert!(passes(&store, 0, &route, &BOB));
    assert!(!passes(&store, 0, &route, &BOB));
    let before = counted(&store);
    let Verdict::Exceeded { standing, retry_after } = take(&store, after(0), &route, &BOB, 1).unwrap() else {
        panic!()
    };
    assert_eq!(counted(&store), before);
    assert_eq!(fields(&standing), [r#""route";q=6;w=3600"#, r#""route";r=0;t=4200"#]);
    assert_eq!(retry_after, 4_200);
}

#[test]
fn of_several_rates_that_refuse_the_longest_wait_is_told() {
    let (store, route) = (store(), route_with(&[("subject", 1, 1), ("client", 1, 60), ("route", 1, 10)]));
    assert!(passes(&store, 0, &route, &ALICE));
    let Verdict::Exceeded { standing, retry_after } = take(&store, after(0), &route, &ALICE, 1).unwrap() else {
        panic!()
    };
    assert_eq!(retry_after, 120);
    let limits = r#""subject";r=0;t=2, "client";r=0;t=120, "route";r=0;t=20"#;
    assert_eq!(fields(&standing)[1], limits);
}

#[test]
fn what_was_refused_further_on_is_given_back() {
    let (store, route) = (store(), route_with(&[("subject", 2, 60), ("tool", 1, 60)]));
    for _ in 0..5 {
        let Verdict::Within(taken) = take(&store, after(0), &route, &ALICE, 1).unwrap() else { panic!() };
        let Verdict::Within(further) = take_tools(&store, after(0), &route, &ALICE, &["search"]).unwrap() else {
            panic!()
        };
        taken.and(further).give_back(&store).unwrap();
    }
    assert_eq!(passing(&store, 0, &route, 5), 2);
}

#[test]
fn a_caller_is_told_what_remains_of_every_rate() {
    let (store, route) =
        (store(), route_with(&[("subject", 600, 60), ("client", 5, 10), ("client", 100, 60), ("tool", 3, 60)]));
    let Verdict::Within(taken) = take(&store, after(30_000), &route, &ALICE, 1).unwrap() else { panic!() };
    let policies = r#""subject";q=600;w=60, "client-10";q=5;w=10, "client-60";q=100;w=60"#;
    let limits = r#""subject";r=599;t=90, "client-10";r=4;t=20, "client-60";r=99;t=90"#;
    assert_eq!(fields(taken.standing()), [policies, limits]);
    let tools = ["search", "read", "search"];
    let Verdict::Within(further) = take_tools(&store, after(30_000), &route, &ALICE, &tools).unwrap() else { panic!() };
    let both = taken.and(further);
    assert_eq!(fields(both.standing())[1], format!(r#"{limits}, "tool";r=1;t=60"#));
}

#[test]
fn a_limit_that_was_lowered_holds_at_once_and_one_that_was_raised_does_too() {
    let (store, ten, five, twenty) = (
        store(),
        route_with(&[("subject", 10, 60)]),
        route_with(&[("subject", 5, 60)]),
        route_with(&[("subject", 20, 60)]),
    );
    assert_eq!(passing(&store, 0, &ten, 8), 8);
    assert!(!passes(&store, 0, &five, &ALICE));
    // Eight fade to four within half of the next window.
    assert!(!passes(&store, 89_999, &five, &ALICE));
    assert!(passes(&store, 90_000, &five, &ALICE));
    assert_eq!(passing(&store, 90_000, &twenty, 30), 15);
}

#[test]
fn rates_that_count_the_same_count_it_once_and_the_lower_one_holds() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60), ("subject", 4, 60), ("subject", 7, 60)]));
    assert_eq!(passing(&store, 0, &route, 20), 4);
    let overlapping = crate::example::route(
        r#"rates = [{ per = "tool", tools = ["*"], requests = 9, seconds = 60 },
                    { per = "tool", tools = ["delete_*"], requests = 2, seconds = 60 }]"#,
    );
    assert_eq!((0..9).filter(|_| calls(&store, 0, &overlapping, &["delete_a"])).count(), 2);
    assert_eq!((0..20).filter(|_| calls(&store, 0, &overlapping, &["search"])).count(), 9);
}

#[test]
fn a_burst_across_the_edge_of_a_window_is_no_larger_than_one_within() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60)]));
    assert_eq!(passing(&store, 59_999, &route, 10), 10);
    assert_eq!(passing(&store, 60_000, &route, 10), 0);
    let store = self::store();
    assert_eq!(passing(&store, 59_999, &route, 5), 5);
    assert_eq!(passing(&store, 60_001, &route, 10), 5);
}

#[test]
fn after_two_windows_of_silence_everything_is_there_again() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60)]));
    assert_eq!(passing(&store, 59_999, &route, 11), 10);
    assert_eq!(passing(&store, 119_999, &route, 11), 9);
    assert_eq!(passing(&store, 240_000, &route, 11), 10);
}

#[test]
fn no_clock_lets_more_pass_in_a_window_than_are_allowed() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60)]));
    // Back and forth over the edge.
    let moments = [59_000, 61_000, 59_000, 61_000, 30_000, 90_000, 59_999, 60_000];
    let mut passed = [0, 0];
    for milliseconds in moments {
        passed[usize::from(milliseconds >= 60_000)] += passing(&store, milliseconds, &route, 20);
    }
    assert!(passed.iter().all(|passed| *passed <= 10), "{passed:?}");
    // At the beginning of time, too.
    let at_zero = take(&store, Duration::ZERO, &route, &BOB, 1).unwrap();
    assert!(is_within(&at_zero));
    assert!(take(&store, Duration::MAX, &route, &BOB, 1).is_ok());
}

#[test]
fn of_64_at_once_exactly_as_many_pass_as_are_allowed() {
    for rates in [
        &[("subject", 10, 60)][..],
        &[("route", 10, 60), ("subject", 10, 60), ("client", 10, 1)],
        &[("subject", 30, 60), ("client", 10, 60), ("route", 20, 60)],
    ] {
        let (store, route) = (shared_store(), route_with(rates));
        assert_eq!(successes_of_64(|| passes(&store, 0, &route, &ALICE)), 10, "{rates:?}");
        // Nothing of those who were refused is left: were it ten more, ten would pass.
        let raised: Vec<_> = rates.iter().map(|(per, requests, seconds)| (*per, requests + 10, *seconds)).collect();
        assert_eq!(successes_of_64(|| passes(&store, 0, &route_with(&raised), &ALICE)), 10, "{rates:?}");
    }
}

#[test]
fn of_64_at_once_that_come_after_others_no_more_pass_than_remain() {
    let (store, route) = (shared_store(), route_with(&[("subject", 10, 60)]));
    assert_eq!(passing(&store, 0, &route, 10), 10);
    // Half of a window later, five of the ten have faded.
    assert_eq!(successes_of_64(|| passes(&store, 90_000, &route, &ALICE)), 5);
}

#[test]
fn the_store_holds_counters_and_where_they_are_and_names_nobody() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60), ("client", 10, 60), ("tool", 10, 60)]));
    assert!(passes(&store, 0, &route, &ALICE) && calls(&store, 0, &route, &["search"]));
    assert_eq!(store.values(), [b"nowhere"]);
    let snapshot = store.snapshot();
    assert!(["alice", "client-1", "search", "mcp"].iter().all(|word| !snapshot.contains(word)));
}

/// What the store is to compute, with the requests themselves.
#[derive(Default)]
struct Reference {
    passed: Vec<u64>,
}

impl Reference {
    fn passes(&mut self, now: u64, requests: u64, length: u64) -> bool {
        let begin = now / length * length;
        let in_window =
            |from: u64| self.passed.iter().filter(|time| (from..from + length).contains(time)).count() as u64;
        let (current, previous) = (in_window(begin) + 1, begin.checked_sub(length).map_or(0, in_window));
        // In thousandths of the length, nothing is rounded.
        let passes = previous * (begin + length - now) + current * length <= requests * length;
        if passes {
            self.passed.push(now);
        }
        passes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The same as the model; and in no stretch of time more than the estimate's known error allows: `requests` and the
    /// share of the window that the stretch is, so never twice as many in one window.
    #[test]
    fn what_passes_is_what_the_model_says_and_is_bounded_in_every_stretch_of_time(
        requests in 1_u32..8, seconds in 1_u32..4, steps in proptest::collection::vec(0_u64..1_500, 1..60),
    ) {
        let (store, route) = (store(), route_with(&[("subject", requests, seconds)]));
        let length = u64::from(seconds) * 1_000;
        let mut model = Reference::default();
        let mut now = START * 1_000;
        for step in steps {
            now += step * u64::from(step % 3 != 0);
            let verdict = take(&store, Duration::from_millis(now), &route, &ALICE, 1).unwrap();
            prop_assert_eq!(is_within(&verdict), model.passes(now, u64::from(requests), length));
        }
        for (first, begin) in model.passed.iter().enumerate() {
            for (last, end) in model.passed.iter().enumerate().skip(first) {
                let (stretch, passed) = (end - begin, (last - first + 1) as u64);
                if stretch < length {
                    prop_assert!(passed * length <= u64::from(requests) * (length + stretch));
                }
            }
        }
    }

    /// `Retry-After` is enough, whatever the rates; and a second less is not.
    #[test]
    fn who_waits_as_long_as_told_passes(
        rates in proptest::collection::vec((0..3_usize, 1_u32..6, 1_u32..5), 1..4),
        steps in proptest::collection::vec(0_u64..900, 1..40),
    ) {
        let rates: Vec<_> = rates.into_iter().map(|(per, most, time)| (["subject", "client", "route"][per], most, time)).collect();
        let (store, route) = (store(), route_with(&rates));
        let mut now = 0;
        for step in steps {
            now += step;
            let Verdict::Exceeded { retry_after, standing } = take(&store, after(now), &route, &ALICE, 1).unwrap() else {
                continue;
            };
            prop_assert_eq!(standing.fields().len(), 2);
            if retry_after > 1 {
                prop_assert!(!passes(&store, now + (retry_after - 1) * 1_000, &route, &ALICE));
            }
            now += retry_after * 1_000;
            prop_assert!(passes(&store, now, &route, &ALICE));
        }
    }

    /// What remains is what passes at once.
    #[test]
    fn as_many_pass_as_a_caller_is_told_that_remain(
        requests in 1_u32..10, earlier in proptest::collection::vec(0_u64..2_000, 0..20),
    ) {
        let (store, route) = (store(), route_with(&[("subject", requests, 2)]));
        let mut now = 0;
        for step in earlier {
            now += step;
            passes(&store, now, &route, &ALICE);
        }
        if let Verdict::Within(taken) = take(&store, after(now), &route, &ALICE, 1).unwrap() {
            let limit = fields(taken.standing()).remove(1);
            let remaining: usize = limit.split(';').find_map(|part| part.strip_prefix("r=")).unwrap().parse().unwrap();
            prop_assert_eq!(passing(&store, now, &route, 20), remaining);
        }
    }
}

/// Entries of each kind in the store.
fn rows(store: &impl Store) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for key in store.list(None).unwrap().keys {
        *rows.entry(key.kind().to_owned()).or_default() += 1;
    }
    rows
}

/// docs/cases.md, S6: 5,000 names that no server has left 10,000 entries.
#[test]
fn names_that_a_client_makes_up_do_not_fill_the_store() {
    let store = store();
    let route = route_with(&[("tool", 1_000, 60)]);
    for round in 0..3 {
        for name in 0..5_000 {
            assert!(calls(&store, round * 1_000, &route, &[&format!("invented-{name}")]));
        }
        let rows = rows(&store);
        let (names, slots) = (MOST_NAMES as usize, usize::from(SLOTS));
        assert_eq!((rows["tool-name"], rows["tool-names"]), (names, 2), "{rows:?}");
        assert!(rows["requests"] <= names + slots, "{rows:?}");
    }
}

#[test]
fn a_tool_that_the_configuration_names_is_counted_by_itself_whatever_else_was_named() {
    let tables = r#"rates = [{ per = "tool", tools = ["real", "*"], requests = 3, seconds = 60 }]"#;
    let (store, route) = (store(), route(tables));
    for name in 0..1_000 {
        calls(&store, 0, &route, &[&format!("invented-{name}")]);
    }
    let before = rows(&store);
    let passing = (0..5).filter(|_| calls(&store, 0, &route, &["real"])).count();
    assert_eq!(passing, 3);
    assert_eq!(rows(&store)["tool-name"], before["tool-name"]);
}

#[test]
fn a_tool_among_the_first_names_has_its_own_rate_to_the_last_call() {
    let (store, route) = (store(), route_with(&[("tool", 3, 60)]));
    assert!(calls(&store, 0, &route, &["real"]));
    for name in 0..1_000 {
        calls(&store, 0, &route, &[&format!("invented-{name}")]);
    }
    assert!(calls(&store, 0, &route, &["real"]) && calls(&store, 0, &route, &["real"]));
    assert!(!calls(&store, 0, &route, &["real"]));
    // In the next window it counts what it counted in this one.
    assert!(!calls(&store, 60_000, &route, &["real"]));
    assert!(calls(&store, 120_000, &route, &["real"]));
}

/// However somebody fills the places, no name is called more often than its rate allows.
#[test]
fn names_that_share_a_counter_are_within_their_rate() {
    let (store, route) = (store(), route_with(&[("tool", 3, 60)]));
    let invent = |window: u64| {
        for name in 0..MOST_NAMES {
            calls(&store, window * 60_000, &route, &[&format!("invented-{name}")]);
        }
    };
    let real = |milliseconds: u64| (0..5).filter(|_| calls(&store, milliseconds, &route, &["real"])).count();
    invent(0);
    assert_eq!(real(0), 3);
    // It shared a counter before, and has its own now.
    assert_eq!(real(60_000), 0);
    // It had its own before (in which nothing passed), and shares one now.
    invent(2);
    assert_eq!(real(120_000), 3);
    invent(3);
    assert_eq!(real(180_000), 0);
    assert!(
        is_within(&take_tools(&store, after(0), &route, &BOB, &["real"]).unwrap()),
        "nobody else's places are taken"
    );
}

#[test]
fn of_many_first_calls_of_one_tool_as_many_pass_as_may() {
    let (store, route) = (shared_store(), route_with(&[("tool", 10, 60)]));
    assert_eq!(successes_of_64(|| calls(&store, 0, &route, &["a"])), 10);
    assert_eq!(rows(&store)["tool-name"], 1);
}

/// Counted operations: what a batch asks of the store grows with its calls, not with their square.
#[test]
fn the_cost_of_counting_a_batch_is_linear_in_its_calls() {
    let route = route_with(&[("tool", 1_000, 60), ("tool", 1_000, 3_600)]);
    let cost = |tools: usize| {
        let store = CountingStore { store: store(), operations: Cell::new(0) };
        let names: Vec<_> = (0..tools).map(|name| format!("tool-{name}")).collect();
        assert!(calls(&store, 0, &route, &names.iter().map(String::as_str).collect::<Vec<_>>()));
        store.operations.get()
    };
    assert!(cost(50) <= 50 * cost(1) && cost(1) <= 16, "{} {}", cost(50), cost(1));
}

struct CountingStore {
    store: MemoryStore,
    operations: Cell<usize>,
}

impl CountingStore {
    fn counted(&self) -> &MemoryStore {
        self.operations.set(self.operations.get() + 1);
        &self.store
    }
}

impl Store for CountingStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.counted().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.counted().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.counted().delete(key)
    }

    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.counted().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<gatehouse_storage::KeyPage, StoreUnavailable> {
        self.counted().list(cursor)
    }
}

#[test]
fn an_address_has_a_rate_of_its_own_at_each_place_and_what_is_refused_later_still_counts() {
    let (store, route) = (store(), route_with(&[("address", 3, 60), ("subject", 1, 60)]));
    let take_at = |place: &str, address: &str| take_of_address(&store, after(0), place, &route.rates, address).unwrap();
    for _ in 0..3 {
        let Verdict::Within(taken) = take_at("/mcp", "192.0.2.1") else { panic!("it is within") };
        taken.for_good().give_back(&store).unwrap();
    }
    let before = counted(&store);
    let Verdict::Exceeded { standing, retry_after } = take_at("/mcp", "192.0.2.1") else { panic!("one too many") };
    assert_eq!(fields(&standing)[0], "\"address\";q=3;w=60");
    assert!((1..=120).contains(&retry_after), "{retry_after}");
    assert_eq!(counted(&store), before);
    assert!(is_within(&take_at("/mcp", "192.0.2.2")) && is_within(&take_at("/other", "192.0.2.1")));
    assert!(is_within(&take_at("", "192.0.2.1")));
    // Nobody is known: the other rates of the route are not asked, and what counts subjects counts no address.
    assert_eq!(passing(&store, 0, &route, 3), 1);
    assert!(store.counters().iter().all(|(name, _)| !name.contains("192")), "{:?}", store.counters());
}

#[test]
fn requests_of_an_address_cost_two_increments_and_one_more_where_they_are_refused() {
    let route = route_with(&[("address", 1, 60)]);
    let store = CountingStore { store: store(), operations: Cell::new(0) };
    for expected in [2, 3, 3] {
        store.operations.set(0);
        take_of_address(&store, after(0), "/mcp", &route.rates, "192.0.2.1").unwrap();
        assert_eq!(store.operations.get(), expected);
    }
}

#[test]
fn whoever_looks_sees_what_is_used_of_a_rate_and_uses_nothing() {
    let (store, route) = (store(), route_with(&[("subject", 10, 60), ("route", 100, 60), ("client", 50, 60)]));
    let used = |subject| standing(&store, after(0), &route, subject).unwrap().used().collect::<Vec<_>>();
    assert_eq!(passing(&store, 0, &route, 3), 3);
    assert!(passes(&store, 0, &route, &BOB));
    for _ in 0..2 {
        assert_eq!(used(Some(ALICE.subject)), [(3, 10, 60)]);
        assert_eq!(used(Some(BOB.subject)), [(1, 10, 60)]);
        assert_eq!(used(None), [(4, 100, 60)]);
    }
    store.go_down();
    assert!(standing(&store, after(0), &route, None).is_err());
}
