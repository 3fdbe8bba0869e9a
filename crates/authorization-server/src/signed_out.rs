//! "Signed out everywhere": what was under way by then is over, too.
//!
//! A code that was issued before, a login or a link that was begun before, and a sign-in to the account pages, which lives in a
//! cookie, belong to no session that could be ended. So it is noted when a subject signed out, and whoever redeems such a code,
//! finishes such a login or link, or opens such a cookie asks for that note: one read for each server key. The note outlives
//! them all.

use gatehouse_protocol::{Entropy, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose};
use gatehouse_storage::{Kind, Periods, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

use crate::record::{Record, Unreadable};

/// Two records for each sign-out.
const SIGNED_OUT: Kind = "signed-out";
const SECRET: Purpose = "signed-out";
/// Longer than a login lives, from the page whose form began it, and a code, a link and an account's cookie: what began in one period is over before the
/// next one ends, and so before a note does that ends with it.
const PERIODS: Periods = Periods::of_seconds(30 * 60);

#[derive(Serialize, Deserialize)]
struct SignedOutText {
    at: u64,
}

/// Notes that `subject` signs out everywhere now. To be done before the sessions are ended: what is not there yet finds
/// the note, and what is there is ended.
///
/// # Errors
/// Where the store does not answer; then nobody may be told that they are signed out.
pub fn note_sign_out(
    subject: &Subject,
    keys: &KeyRing,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<(), StoreUnavailable> {
    let secret = keys.subject_secrets(SECRET, subject).next();
    let secret = secret.ok_or_else(|| StoreUnavailable("there is no server key".to_owned()))?;
    // What is under way began in this period or in the one before, and is looked for under the end that follows from that.
    for expires_at in PERIODS.possible_ends(now) {
        let record = Record { kind: SIGNED_OUT, secret: &secret, expires_at };
        record.put(&SignedOutText { at: now.seconds() }, store, entropy)?;
    }
    Ok(())
}

/// Whether `subject` has signed out everywhere since `begun`, or in the same second: then what began at that time, and
/// lives no longer than half an hour, counts no more.
///
/// # Errors
/// Where the store does not answer, or the note was altered: then it must not count either.
pub fn has_signed_out_since(
    begun: UnixTime,
    subject: &Subject,
    keys: &KeyRing,
    store: &impl Store,
) -> Result<bool, StoreUnavailable> {
    let expires_at = PERIODS.end_of_new(begun);
    for secret in keys.subject_secrets(SECRET, subject) {
        let record = Record { kind: SIGNED_OUT, secret: &secret, expires_at };
        let text: Option<SignedOutText> = record.get(store).map_err(|error| match error {
            Unreadable::Foreign => StoreUnavailable("the note of a sign-out cannot be read".to_owned()),
            Unreadable::Unavailable(error) => error,
        })?;
        if text.is_some_and(|text| begun.seconds() <= text.at) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::FailingStore;
    use proptest::prelude::*;

    use super::*;
    use crate::example::{START, World, alice, key_ring};

    /// Of a login, which is the longest.
    const LIFE: u64 = 25 * 60;

    proptest! {
        #[test]
        fn what_began_before_a_sign_out_is_over_as_long_as_it_lives_and_what_begins_after_it_is_not(
            begun in 0_u64..4_000, out in 0_u64..4_000, later in 0_u64..=LIFE,
        ) {
            let mut world = World::new();
            let at = |seconds| START.plus(seconds);
            world.store.set_now(at(out));
            note_sign_out(&alice(), &world.keys, &world.store, at(out), &mut world.entropy).unwrap();
            let now = out.max(begun).max((begun + later).min(begun + LIFE));
            prop_assume!(now <= begun + LIFE);
            world.store.set_now(at(now));
            let is_over = has_signed_out_since(at(begun), &alice(), &world.keys, &world.store).unwrap();
            prop_assert_eq!(is_over, begun <= out);
            let of_bob = Subject::parse("demo:bob").unwrap();
            prop_assert!(!has_signed_out_since(at(begun), &of_bob, &world.keys, &world.store).unwrap());
        }
    }

    #[test]
    fn the_last_sign_out_counts_and_no_note_is_there_for_good() {
        let mut world = World::new();
        for seconds in [0, 60] {
            let now = START.plus(seconds);
            world.store.set_now(now);
            note_sign_out(&alice(), &world.keys, &world.store, now, &mut world.entropy).unwrap();
        }
        let is_over =
            |world: &World| has_signed_out_since(START.plus(30), &alice(), &world.keys, &world.store).unwrap();
        assert!(is_over(&world));
        world.store.set_now(START.plus(60 * 60));
        assert!(!is_over(&world), "an hour later");
    }

    /// What was noted under a key is found until that key is removed.
    #[test]
    fn a_note_is_found_under_a_server_key_that_was_replaced() {
        let mut world = World { keys: key_ring('a'), ..World::new() };
        note_sign_out(&alice(), &world.keys, &world.store, START, &mut world.entropy).unwrap();
        let rotated = KeyRing::parse(&format!("z:z{0},a:a{0}", "A".repeat(42))).unwrap();
        assert!(has_signed_out_since(START, &alice(), &rotated, &world.store).unwrap());
        assert!(!has_signed_out_since(START, &alice(), &key_ring('z'), &world.store).unwrap());
    }

    #[test]
    fn where_the_store_does_not_answer_or_a_note_was_altered_nothing_counts() {
        let mut world = World::new();
        for succeeding in 0..2 {
            let store = FailingStore::after(succeeding, &world.store);
            assert!(note_sign_out(&alice(), &world.keys, &store, START, &mut world.entropy).is_err(), "{succeeding}");
        }
        let store = FailingStore::after(0, &world.store);
        assert!(has_signed_out_since(START, &alice(), &world.keys, &store).is_err());
        note_sign_out(&alice(), &world.keys, &world.store, START, &mut world.entropy).unwrap();
        for key in world.store.list(None).unwrap().keys {
            world.store.put(&key, b"altered").unwrap();
        }
        assert!(has_signed_out_since(START, &alice(), &world.keys, &world.store).is_err());
    }
}
