//! Counters of what is taken, and given back.
//!
//! Some backends can only add, and whoever is refused must give back what he took. So one counter holds both: what was taken in
//! its lower half, what was given back in its upper half. Either is one increment, and each increment tells how many are taken at
//! that moment.
//!
//! The sum of a counter stays below 2^63, and backends say so where it does not: 2^31 that were given back in one counter's time
//! are an error of the store, and whoever counts there is refused.

/// One that was given back.
const ONE: u64 = 1 << 32;

/// What to add to the counter to give `amount` back. To take as many, add `amount` itself.
pub const fn giving_back(amount: u32) -> u64 {
    // Below 2^64, as both factors are at most 2^32.
    (amount as u64).saturating_mul(ONE)
}

/// How many are taken and were not given back, by what the counter says.
pub const fn still_taken(sum: u64) -> u64 {
    (sum % ONE).saturating_sub(sum / ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_not_taken_any_more() {
        let mut sum = 0;
        for amount in [1_u32, 50, 1_000] {
            sum += u64::from(amount);
            assert_eq!(still_taken(sum), u64::from(amount));
            sum += giving_back(amount);
            assert_eq!(still_taken(sum), 0);
        }
        sum += 3 + giving_back(1);
        assert_eq!(still_taken(sum), 2);
    }

    #[test]
    fn a_counter_that_says_nonsense_is_no_negative_number() {
        assert_eq!(still_taken(giving_back(7)), 0);
        assert_eq!(still_taken(u64::MAX), 0);
    }
}
