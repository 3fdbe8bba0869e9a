use std::sync::Mutex;

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::renewal_lease::LEASE_SECONDS;
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing};
use gatehouse_storage::Store;
use gatehouse_storage::memory::MemoryStore;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

fn secret(byte: u8) -> HandleSecret {
    HandleSecret::from_slice(&[byte; 32]).unwrap()
}

fn place_of(session: u8, place: u8, fingerprint: &str) -> TokenPlace {
    TokenPlace::of_session(&secret(session), &secret(100 + session), NOW.plus(86_400), place, fingerprint.to_owned())
}

fn given(token: &str, expires_at: Option<UnixTime>) -> GivenToken {
    GivenToken { access_token: SecretString::new(token.to_owned()), refresh_token: None, expires_at }
}

fn keep(place: &TokenPlace, store: &impl Store, token: &str, expires_at: Option<UnixTime>, now: UnixTime) {
    place.begin(&given(token, expires_at), store, now, &mut Counting(0)).unwrap();
}

fn fresh(place: &TokenPlace, store: &impl Store, now: UnixTime) -> Option<String> {
    match place.state(store, now).unwrap() {
        TokenState::Fresh(token) => Some(token.expose().to_owned()),
        TokenState::Due(_) | TokenState::Refused(_) => None,
    }
}

fn due(place: &TokenPlace, store: &impl Store, now: UnixTime) -> DueToken {
    match place.state(store, now).unwrap() {
        TokenState::Due(due) => due,
        other => panic!("{other:?}"),
    }
}

fn lease(place: &TokenPlace, store: &impl Store, now: UnixTime) -> Option<TokenLease> {
    match place.claim(&due(place, store, now), store, now, &mut Counting(9)).unwrap() {
        TokenClaim::Lease(lease) => Some(lease),
        TokenClaim::Wait | TokenClaim::Paused => None,
    }
}

#[test]
fn a_token_is_due_a_minute_before_its_end_or_halfway_and_usable_until_then() {
    let place = place_of(1, 0, "sum");
    for (lifetime, due_after) in [(Some(3_600), 3_540), (Some(100), 50), (Some(20), 10), (None, 240)] {
        let store = MemoryStore::at(NOW);
        keep(&place, &store, "a-token", lifetime.map(|seconds| NOW.plus(seconds)), NOW);
        assert_eq!(fresh(&place, &store, NOW.plus(due_after - 1)).as_deref(), Some("a-token"), "{lifetime:?}");
        let end = lifetime.unwrap_or(300);
        for (second, usable) in [(due_after, true), (end - 1, true), (end, false)] {
            assert_eq!(due(&place, &store, NOW.plus(second)).usable.is_some(), usable, "{lifetime:?} {second}");
        }
    }
}

#[test]
fn a_token_counts_for_its_session_place_and_settings_alone() {
    let store = MemoryStore::at(NOW);
    let end = Some(NOW.plus(3_600));
    keep(&place_of(1, 0, "sum"), &store, "a-token", end, NOW);
    for other in [place_of(2, 0, "sum"), place_of(1, 1, "sum"), place_of(1, 0, "another")] {
        assert_eq!(fresh(&other, &store, NOW), None);
        assert!(due(&other, &store, NOW).usable.is_none());
    }
    // Who has the session's name, and not its secret, opens nothing.
    let stranger = TokenPlace::of_session(&secret(1), &secret(9), NOW.plus(86_400), 0, "sum".to_owned());
    assert!(stranger.state(&store, NOW).is_err());
    // And the other settings get one of their own, in place of it.
    let other = place_of(1, 0, "another");
    lease(&other, &store, NOW).unwrap().complete(given("other-token", end), &store, NOW, &mut Counting(3)).unwrap();
    assert_eq!(fresh(&other, &store, NOW).as_deref(), Some("other-token"));
    assert_eq!(fresh(&place_of(1, 0, "sum"), &store, NOW), None);
}

#[test]
fn sixty_four_threads_ask_once_for_each_token_from_the_first_one_on() {
    for round in 0..20 {
        let store = Mutex::new(MemoryStore::at(NOW));
        let asked = Mutex::new(Vec::new());
        for generation in 0..3_u64 {
            let now = NOW.plus(generation * 3_600);
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| {
                        let place = place_of(1, 0, "sum");
                        loop {
                            let due = match place.state(&store, now).unwrap() {
                                TokenState::Fresh(token) => {
                                    return assert_eq!(token.expose(), format!("token-{generation}"));
                                }
                                TokenState::Due(due) => due,
                                TokenState::Refused(refused) => panic!("{refused:?}"),
                            };
                            match place.claim(&due, &store, now, &mut Counting(1)).unwrap() {
                                TokenClaim::Wait => std::thread::yield_now(),
                                TokenClaim::Paused => panic!("nobody gave up"),
                                TokenClaim::Lease(lease) => {
                                    asked.lock().unwrap().push(generation);
                                    let token = given(&format!("token-{generation}"), Some(now.plus(3_600)));
                                    lease.complete(token, &store, now, &mut Counting(2)).unwrap();
                                }
                            }
                        }
                    });
                }
            });
        }
        assert_eq!(*asked.lock().unwrap(), [0, 1, 2], "round {round}");
    }
}

#[test]
fn a_refusal_counts_for_half_a_minute_and_ends_the_token_from_before() {
    let (store, place) = (MemoryStore::at(NOW), place_of(1, 0, "sum"));
    keep(&place, &store, "a-token", Some(NOW.plus(100)), NOW);
    let at = NOW.plus(60);
    let refused = Refused { of: RefusedBy::UserAction, reason: "interaction_required".to_owned() };
    lease(&place, &store, at).unwrap().refused(refused.clone(), &store, at, &mut Counting(3)).unwrap();
    for seconds in [0, 29] {
        let state = place.state(&store, at.plus(seconds)).unwrap();
        assert!(matches!(state, TokenState::Refused(kept) if kept == refused), "{seconds}");
    }
    assert!(due(&place, &store, at.plus(30)).usable.is_none());
    assert!(lease(&place, &store, at.plus(30)).is_some());
}

#[test]
fn a_late_answer_does_not_replace_what_a_quicker_lease_brought() {
    let (store, place) = (MemoryStore::at(NOW), place_of(1, 0, "sum"));
    let slow = lease(&place, &store, NOW).unwrap();
    let other_slow = LEASE_SECONDS;
    let now = NOW.plus(other_slow);
    let quick = lease(&place, &store, now).unwrap();
    quick.complete(given("quick", Some(now.plus(600))), &store, now, &mut Counting(3)).unwrap();
    let got = slow.complete(given("slow", Some(now.plus(600))), &store, now, &mut Counting(4)).unwrap();
    assert_eq!(got.expose(), "quick");
    assert_eq!(fresh(&place, &store, now).as_deref(), Some("quick"));
}

#[test]
fn who_does_not_answer_is_left_in_peace_after_six_times() {
    let (store, place) = (MemoryStore::at(NOW), place_of(1, 0, "sum"));
    for _ in 0..6 {
        lease(&place, &store, NOW).unwrap().give_up(&store, NOW, &mut Counting(3)).unwrap();
    }
    let claimed = place.claim(&due(&place, &store, NOW), &store, NOW, &mut Counting(9)).unwrap();
    assert!(matches!(claimed, TokenClaim::Paused));
    assert!(lease(&place, &store, NOW.plus(1)).is_some());
}

#[test]
fn the_end_of_a_session_removes_all_of_its_tokens_and_no_other() {
    let store = MemoryStore::at(NOW);
    for session in [1, 2] {
        TokenPlace::mark_session(&secret(session), NOW.plus(86_400), &store).unwrap();
        for place in [0, 7, USER_PLACES - 1] {
            let place = place_of(session, place, "sum");
            let got = given("a-token", Some(NOW.plus(60)));
            lease(&place, &store, NOW).unwrap().complete(got, &store, NOW, &mut Counting(3)).unwrap();
        }
    }
    let left = |kind: &str| store.list(None).unwrap().keys.iter().filter(|key| key.kind() == kind).count();
    assert_eq!((left("backend-token"), left("backend-lease"), left("backend-tokens")), (6, 6, 2));
    TokenPlace::delete_of_session(&secret(1), NOW.plus(86_400), &store).unwrap();
    assert_eq!((left("backend-token"), left("backend-lease"), left("backend-tokens")), (3, 3, 1));
    assert_eq!(fresh(&place_of(1, 7, "sum"), &store, NOW), None);
    assert_eq!(fresh(&place_of(2, 7, "sum"), &store, NOW).as_deref(), Some("a-token"));
}

#[test]
fn the_gateways_own_tokens_have_places_that_move_once_a_day_at_different_times() {
    let keys = KeyRing::parse(&format!("a:{}", "A".repeat(43))).unwrap();
    let mut lived = std::collections::BTreeSet::new();
    for number in 0..30 {
        let at = |now| TokenPlace::of_gateway(&keys, now, format!("sum-{number}")).unwrap();
        let store = MemoryStore::at(NOW);
        keep(&at(NOW), &store, "own", Some(NOW.plus(10 * 86_400)), NOW);
        assert_eq!(fresh(&at(NOW), &store, NOW).as_deref(), Some("own"));
        let hours = (0..=24).find(|hours| fresh(&at(NOW.plus(hours * 3_600)), &store, NOW).is_none());
        lived.insert(hours.expect("no place stays for longer than a day"));
        let other = KeyRing::parse(&format!("b:{}B", "A".repeat(42))).unwrap_or_else(|_| keys.clone());
        let other = TokenPlace::of_gateway(&other, NOW, format!("other-{number}")).unwrap();
        assert_eq!(fresh(&other, &store, NOW), None);
    }
    assert!(lived.len() > 8, "{lived:?}");
}

#[test]
fn nothing_of_it_is_in_clear_or_in_a_debug_text() {
    let (store, place) = (MemoryStore::at(NOW), place_of(1, 0, "sum"));
    let token = GivenToken {
        refresh_token: Some(SecretString::new("refresh-secret".to_owned())),
        ..given("access-secret", Some(NOW.plus(10)))
    };
    let texts = format!("{token:?} {place:?}");
    place.begin(&token, &store, NOW, &mut Counting(0)).unwrap();
    let texts = format!("{texts} {:?} {:?}", place.state(&store, NOW), place.state(&store, NOW.plus(9)));
    let dump = store.values().concat();
    for secret in ["access-secret", "refresh-secret"] {
        assert!(!texts.contains(secret), "{texts}");
        assert!(!dump.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
