//! A sliding window, estimated from two fixed ones.

/// What is known of one counter at one moment: how many were counted in the current fixed window and in the one before.
///
/// The sliding window reaches back into the previous one; of that one's requests it is taken to hold the share that it
/// covers of it. Where they came unevenly, that is an error, and a bounded one: however requests come, no more than
/// `quota` pass within an instant, and no more than `quota * (1 + d)` within the share `d` of a window's length, so
/// always less than twice the quota within one length. Requests that come evenly are refused by less than one request
/// too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) previous: u64,
    pub(crate) current: u64,
    /// Milliseconds since the current window began; less than `length`.
    pub(crate) elapsed: u64,
    /// Milliseconds; at least 1.
    pub(crate) length: u64,
}

impl Window {
    /// Whether more were counted than `quota`.
    pub(crate) fn exceeds(&self, quota: u64) -> bool {
        self.weight() > whole(quota, self.length)
    }

    /// How many more would not exceed `quota`.
    pub(crate) fn remaining(&self, quota: u64) -> u64 {
        let left = whole(quota, self.length).saturating_sub(self.weight());
        u64::try_from(left / u128::from(self.length.max(1))).unwrap_or(u64::MAX)
    }

    /// Milliseconds until no more than `at_most` are counted, if no more come. At most two lengths.
    pub(crate) fn milliseconds_until(&self, at_most: u64) -> u64 {
        if self.current <= at_most {
            let moment = moment(self.previous, at_most - self.current, self.length);
            return moment.saturating_sub(self.elapsed);
        }
        // Not before the next window, in which these are the previous ones.
        let rest = self.length.saturating_sub(self.elapsed);
        rest.saturating_add(moment(self.current, at_most, self.length))
    }

    /// How many are counted, times the length.
    fn weight(&self) -> u128 {
        let covered = self.length.saturating_sub(self.elapsed);
        whole(self.previous, covered) + whole(self.current, self.length)
    }
}

/// The first millisecond of a window in which no more than `at_most` are counted of the `previous` one's.
fn moment(previous: u64, at_most: u64, length: u64) -> u64 {
    let fading = previous.saturating_sub(at_most);
    let moment = whole(fading, length).div_ceil(u128::from(previous.max(1)));
    u64::try_from(moment).unwrap_or(u64::MAX)
}

fn whole(count: u64, length: u64) -> u128 {
    u128::from(count) * u128::from(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_previous_windows_requests_fade_with_time() {
        let at = |elapsed| Window { previous: 10, current: 0, elapsed, length: 1_000 };
        assert_eq!([0, 1, 100, 500, 999].map(|elapsed| at(elapsed).remaining(10)), [0, 0, 1, 5, 9]);
        assert!(!at(0).exceeds(10) && at(0).exceeds(9) && at(99).exceeds(9) && !at(100).exceeds(9));
        assert_eq!(at(0).milliseconds_until(9), 100);
        assert_eq!(at(100).milliseconds_until(9), 0);
        assert_eq!(at(0).milliseconds_until(0), 1_000);
    }

    #[test]
    fn what_came_in_the_current_window_fades_in_the_next() {
        let window = Window { previous: 0, current: 10, elapsed: 400, length: 1_000 };
        assert_eq!(window.milliseconds_until(9), 600 + 100);
        assert_eq!(window.milliseconds_until(0), 600 + 1_000);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let window = Window { previous: u64::MAX, current: u64::MAX, elapsed: 0, length: 86_400_000 };
        assert!(window.exceeds(10_000_000));
        assert_eq!(window.remaining(10_000_000), 0);
        assert_eq!(window.milliseconds_until(0), 2 * 86_400_000);
    }

    proptest! {
        /// `milliseconds_until` is the first moment, neither later nor earlier.
        #[test]
        fn waiting_as_long_as_said_is_enough_and_no_shorter_is(
            previous in 0_u64..50, current in 0_u64..50, at_most in 0_u64..50, length in 1_u64..3_000, share in 0.0..1.0_f64,
        ) {
            let elapsed = (length as f64 * share) as u64;
            let window = Window { previous, current, elapsed, length };
            let after = |milliseconds: u64| {
                let total = elapsed + milliseconds;
                match total / length {
                    0 => Window { elapsed: total, ..window },
                    1 => Window { previous: current, current: 0, elapsed: total - length, length },
                    _ => Window { previous: 0, current: 0, elapsed: total % length, length },
                }
            };
            let wait = window.milliseconds_until(at_most);
            prop_assert!(!after(wait).exceeds(at_most));
            if wait > 0 {
                prop_assert!(after(wait - 1).exceeds(at_most));
            }
            prop_assert!(wait <= 2 * length);
        }

        #[test]
        fn so_many_more_as_remain_do_not_exceed_and_one_more_does(
            previous in 0_u64..50, current in 0_u64..50, quota in 0_u64..100, elapsed in 0_u64..1_000,
        ) {
            let window = Window { previous, current, elapsed, length: 1_000 };
            let remaining = window.remaining(quota);
            let with = |more| Window { current: current + more, ..window };
            prop_assert_eq!(with(remaining).exceeds(quota), window.exceeds(quota));
            prop_assert!(with(remaining + 1).exceeds(quota));
        }
    }
}
