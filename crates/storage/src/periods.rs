//! Expiries that follow from the time alone.
//!
//! The expiry is part of an entry's name, so whoever looks for an entry must know when it ends. For entries that
//! nobody holds a handle of, time is divided into periods: an entry ends with the period after the one in which it was
//! written, and whoever looks tries both ends that are possible.

use gatehouse_protocol::UnixTime;

/// Periods of equal length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    seconds: u64,
}

impl Periods {
    /// Periods of so many seconds; an entry then lives for one to two of them. 0 counts as 1.
    pub const fn of_seconds(seconds: u64) -> Self {
        Self { seconds: if seconds == 0 { 1 } else { seconds } }
    }

    /// The end of an entry that is written now.
    pub const fn end_of_new(self, now: UnixTime) -> UnixTime {
        self.end_after(now, 2)
    }

    /// The ends that an entry which is still there can have, that of a new one first.
    pub const fn possible_ends(self, now: UnixTime) -> [UnixTime; 2] {
        [self.end_after(now, 2), self.end_after(now, 1)]
    }

    const fn end_after(self, now: UnixTime, periods: u64) -> UnixTime {
        UnixTime::from_seconds((now.seconds() / self.seconds).saturating_add(periods).saturating_mul(self.seconds))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_found_for_one_period_and_gone_after_two(
            seconds in 1_u64..10_000_000, written in 0_u64..4_000_000_000, later in 0_u64..30_000_000,
        ) {
            let periods = Periods::of_seconds(seconds);
            let end = periods.end_of_new(UnixTime::from_seconds(written));
            let now = UnixTime::from_seconds(written + later);
            let is_found = periods.possible_ends(now).contains(&end) && now < end;
            if later < seconds {
                prop_assert!(is_found);
            }
            if later >= 2 * seconds {
                prop_assert!(!is_found);
            }
            // Nothing that exists is overlooked.
            prop_assert_eq!(is_found, now < end);
        }
    }
}
