//! What must happen once.
//!
//! The recipe is the only one that holds on every backend: whoever issues the thing creates its counter (1), whoever
//! redeems it increments again and has won only with exactly 2. Creating it beforehand matters: on one backend two
//! racing first increments can both see 1 (`docs/storage.md`).

use crate::{Key, Store, StoreUnavailable};

/// The outcome of a race; losing it is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This caller, and no other, may go on.
    Won,
    /// Somebody was here before.
    AlreadyClaimed,
    /// Nothing was ever issued under this key.
    NeverIssued,
}

/// Makes the thing that `counter` stands for claimable. Call it once, before the thing leaves our hands.
///
/// # Errors
/// Where the store does not answer, or the counter is already there: then nothing may be issued.
pub fn issue(store: &impl Store, counter: &Key) -> Result<(), StoreUnavailable> {
    match store.increment(counter, 1)? {
        1 => Ok(()),
        other => Err(StoreUnavailable(format!("a fresh {} counter stood at {other}", counter.kind()))),
    }
}

/// Claims the thing that `counter` stands for. Of all callers, in all instances, one wins.
///
/// # Errors
/// Where the store does not answer: the caller must deny, and the thing may be spent.
pub fn claim(store: &impl Store, counter: &Key) -> Result<Claim, StoreUnavailable> {
    Ok(match store.increment(counter, 1)? {
        2 => Claim::Won,
        3.. => Claim::AlreadyClaimed,
        _ => Claim::NeverIssued,
    })
}

#[cfg(test)]
mod tests {
    use gatehouse_protocol::UnixTime;

    use super::*;
    use crate::memory::MemoryStore;

    fn counter() -> Key {
        Key::new("code-use", "x", UnixTime::from_seconds(100)).unwrap()
    }

    #[test]
    fn an_issued_thing_is_won_once() {
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        issue(&store, &counter()).unwrap();
        assert_eq!(claim(&store, &counter()), Ok(Claim::Won));
        assert_eq!(claim(&store, &counter()), Ok(Claim::AlreadyClaimed));
        assert_eq!(claim(&store, &counter()), Ok(Claim::AlreadyClaimed));
    }

    #[test]
    fn what_was_never_issued_cannot_be_won_by_the_first_claim() {
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        assert_eq!(claim(&store, &counter()), Ok(Claim::NeverIssued));
    }

    #[test]
    fn a_thing_cannot_be_issued_twice() {
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        issue(&store, &counter()).unwrap();
        assert!(issue(&store, &counter()).is_err());
    }

    #[test]
    fn a_store_that_is_down_lets_nobody_win() {
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        issue(&store, &counter()).unwrap();
        store.go_down();
        assert!(claim(&store, &counter()).is_err());
    }
}
