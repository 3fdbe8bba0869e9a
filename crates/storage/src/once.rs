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

/// What an issue counts where a thing may be issued again ([`issue_again`]); a claim counts 1.
const ISSUE: u64 = 1 << 32;

/// How a thing that may be issued again was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// Nobody has claimed it yet; it may have been issued before.
    Open,
    /// It was claimed.
    Claimed,
}

/// Makes the thing that `counter` stands for claimable, as often as it is asked for, where every caller makes the same
/// thing. It goes with [`claim_issued_again`]; issues and claims are counted apart, so that neither disturbs the other.
///
/// # Errors
/// Where the store does not answer.
pub fn issue_again(store: &impl Store, counter: &Key) -> Result<Issue, StoreUnavailable> {
    let count = store.increment(counter, ISSUE)?;
    Ok(if count % ISSUE == 0 { Issue::Open } else { Issue::Claimed })
}

/// Claims the thing that `counter` stands for. Of all callers, in all instances, one wins, however often it was issued.
///
/// # Errors
/// Where the store does not answer: the caller must deny, and the thing may be spent.
pub fn claim_issued_again(store: &impl Store, counter: &Key) -> Result<Claim, StoreUnavailable> {
    let count = store.increment(counter, 1)?;
    Ok(match (count / ISSUE, count % ISSUE) {
        (1.., 1) => Claim::Won,
        (1.., _) => Claim::AlreadyClaimed,
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
    fn what_is_issued_again_is_won_once_wherever_the_issues_come() {
        for before in 1..4 {
            let store = MemoryStore::at(UnixTime::from_seconds(0));
            for _ in 0..before {
                assert_eq!(issue_again(&store, &counter()), Ok(Issue::Open));
            }
            assert_eq!(claim_issued_again(&store, &counter()), Ok(Claim::Won));
            for _ in 0..3 {
                assert_eq!(issue_again(&store, &counter()), Ok(Issue::Claimed));
                assert_eq!(claim_issued_again(&store, &counter()), Ok(Claim::AlreadyClaimed));
            }
        }
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        for _ in 0..3 {
            assert_eq!(claim_issued_again(&store, &counter()), Ok(Claim::NeverIssued));
        }
    }

    #[test]
    fn a_store_that_is_down_lets_nobody_win() {
        let store = MemoryStore::at(UnixTime::from_seconds(0));
        issue(&store, &counter()).unwrap();
        store.go_down();
        assert!(claim(&store, &counter()).is_err());
    }
}
