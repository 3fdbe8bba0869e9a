//! For how long Redis keeps an entry.

use std::time::Duration;

use crate::key_value::expiry::expires_at;

/// Seconds that an entry stays after its expiry, as the instance that writes it sees the time: one with a clock that is behind
/// still needs it, and a counter must not go while a request that began before may still look at it.
pub(super) const MARGIN_SECONDS: u64 = 600;

/// Seconds for which Redis is to keep the entry of `key`, from `now` (since 1970-01-01T00:00:00Z) on; `None`: for ever. It is a
/// length of time and no moment, so that Redis' own clock does not matter.
pub(super) fn time_to_live(key: &str, now: Duration) -> Option<u64> {
    Some(expires_at(key)?.saturating_sub(now.as_secs()).saturating_add(MARGIN_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_kept_for_ten_minutes_after_its_expiry_and_one_without_for_ever() {
        let now = Duration::from_millis(1_795_000_000_900);
        for (key, seconds) in [
            ("code.1795000060.a", Some(660)),
            ("code.1795000000.a", Some(600)),
            // It had expired when it was written. Nobody sees it; but it is not refused, either.
            ("code.1794990000.a", Some(600)),
            ("code.9999999999.a", Some(8_205_000_599)),
            ("config", None),
            ("a.2024.b", None),
        ] {
            assert_eq!(time_to_live(key, now), seconds, "{key}");
        }
    }
}
