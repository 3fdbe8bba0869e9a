//! When a token is valid.

use chrono::{DateTime, TimeDelta, Utc};
use gatehouse_protocol::UnixTime;
use jwt_compact::{Claims, Empty, TimeOptions};
use thiserror::Error;

/// By how much the clock of a token's issuer and ours may differ, in seconds, for `exp`, `nbf` and `iat` alike. OpenID
/// Connect Core allows "some small leeway, usually no more than a few minutes"; machines with NTP differ by less than a
/// second.
pub const LEEWAY_SECONDS: u64 = 60;

/// `exp`, `nbf` and `iat` of a token (RFC 7519, sections 4.1.4 to 4.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeClaims {
    /// When it ends.
    pub exp: Option<UnixTime>,
    /// When it begins.
    pub nbf: Option<UnixTime>,
    /// When it was made.
    pub iat: Option<UnixTime>,
}

/// What one kind of token asks of its times. `exp` is always required: a token without an end is a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRules {
    /// Whether `iat` is required.
    pub issued_at_required: bool,
    /// How old a token may be by its `iat`, in seconds.
    pub oldest_seconds: Option<u64>,
    /// How far `exp` may lie ahead, in seconds. Where a token works once, it bounds how long that must be remembered.
    pub longest_seconds: Option<u64>,
}

/// A token that is not valid at this time. The text is a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeRejection {
    /// A required claim is absent.
    #[error("lacks {0}")]
    Missing(&'static str),
    /// Over, by its issuer's clock and the leeway.
    #[error("expired at {at}; it is {now} (is a clock wrong?)")]
    Expired {
        /// `exp`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `exp` is further ahead than is accepted.
    #[error("is valid until {at}, longer than is accepted; it is {now}")]
    ValidTooLong {
        /// `exp`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `nbf` is to come.
    #[error("is not valid before {from}; it is {now} (is a clock wrong?)")]
    NotYetValid {
        /// `nbf`.
        from: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `iat` is to come.
    #[error("was issued at {at}; it is {now} (is a clock wrong?)")]
    IssuedInTheFuture {
        /// `iat`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `iat` is long ago.
    #[error("was issued at {at}, which is too long ago; it is {now} (is a clock wrong?)")]
    IssuedLongAgo {
        /// `iat`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
}

impl TimeClaims {
    /// Judges the times, and returns from when on the token is refused here: `exp` and the leeway. Whoever takes a token
    /// once must remember it until then.
    ///
    /// # Errors
    /// See [`TimeRejection`].
    pub fn check(&self, rules: &TimeRules, now: UnixTime) -> Result<UnixTime, TimeRejection> {
        self.check_with(rules, LEEWAY_SECONDS, now)
    }

    /// The same, where the clocks may differ by `leeway` seconds.
    ///
    /// # Errors
    /// See [`TimeRejection`].
    pub fn check_with(&self, rules: &TimeRules, leeway: u64, now: UnixTime) -> Result<UnixTime, TimeRejection> {
        let at = self.exp.ok_or(TimeRejection::Missing("exp"))?;
        let claims = self.with(Empty {});
        // `jwt-compact` still takes a token at `exp` and the leeway. RFC 7519 refuses it "on or after" that second.
        match leeway.checked_sub(1) {
            Some(leeway) => {
                claims.validate_expiration(&clock(now, leeway)).map_err(|_| TimeRejection::Expired { at, now })?;
            }
            None if now >= at => return Err(TimeRejection::Expired { at, now }),
            None => {}
        }
        if rules.longest_seconds.is_some_and(|longest| at > now.plus(longest).plus(leeway)) {
            return Err(TimeRejection::ValidTooLong { at, now });
        }
        if let Some(from) = self.nbf {
            claims.validate_maturity(&clock(now, leeway)).map_err(|_| TimeRejection::NotYetValid { from, now })?;
        }
        match self.iat {
            None if rules.issued_at_required => return Err(TimeRejection::Missing("iat")),
            None => {}
            Some(at) if at > now.plus(leeway) => return Err(TimeRejection::IssuedInTheFuture { at, now }),
            Some(at) if rules.oldest_seconds.is_some_and(|oldest| now > at.plus(oldest).plus(leeway)) => {
                return Err(TimeRejection::IssuedLongAgo { at, now });
            }
            Some(_) => {}
        }
        Ok(at.plus(leeway))
    }

    /// The times of these claims; `None` where one lies before the epoch. `jwt-compact` reads such a time, and panics when it
    /// takes the leeway from the earliest one.
    pub(crate) fn of<T>(claims: &Claims<T>) -> Option<Self> {
        let time = |claim: Option<DateTime<Utc>>| match claim {
            None => Some(None),
            Some(date) => u64::try_from(date.timestamp()).ok().map(|seconds| Some(UnixTime::from_seconds(seconds))),
        };
        Some(Self { exp: time(claims.expiration)?, nbf: time(claims.not_before)?, iat: time(claims.issued_at)? })
    }

    /// These times, and the other claims of a token.
    pub(crate) fn with<T>(self, custom: T) -> Claims<T> {
        let mut claims = Claims::new(custom);
        claims.expiration = self.exp.map(date);
        claims.not_before = self.nbf.map(date);
        claims.issued_at = self.iat.map(date);
        claims
    }
}

/// A clock that stands at `now`.
fn clock(now: UnixTime, leeway_seconds: u64) -> TimeOptions<impl Fn() -> DateTime<Utc>> {
    let leeway = i64::try_from(leeway_seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or_default();
    let now = date(now);
    TimeOptions::new(leeway, move || now)
}

/// The same point in time, or the last one that can be written: the year 262142.
fn date(time: UnixTime) -> DateTime<Utc> {
    let date = i64::try_from(time.seconds()).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    date.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);
    const STRICT: TimeRules =
        TimeRules { issued_at_required: true, oldest_seconds: Some(3600), longest_seconds: Some(600) };
    const LAX: TimeRules = TimeRules { issued_at_required: false, oldest_seconds: None, longest_seconds: None };

    fn time(offset: i64) -> UnixTime {
        UnixTime::from_seconds(NOW.seconds().checked_add_signed(offset).unwrap())
    }

    fn date(offset: i64) -> Option<UnixTime> {
        Some(time(offset))
    }

    fn check(exp: i64, nbf: i64, iat: i64, rules: &TimeRules) -> Result<UnixTime, TimeRejection> {
        TimeClaims { exp: date(exp), nbf: date(nbf), iat: date(iat) }.check(rules, NOW)
    }

    #[test]
    fn a_token_works_until_the_leeway_is_over_and_not_a_second_longer() {
        for fine in [300, 0, -59] {
            assert_eq!(check(fine, 0, 0, &STRICT), Ok(time(fine + 60)));
        }
        for past in [-60, -61, -3600] {
            assert_eq!(check(past, -7200, -7200, &LAX), Err(TimeRejection::Expired { at: time(past), now: NOW }));
        }
    }

    #[test]
    fn a_token_that_lives_too_long_is_refused_where_that_matters() {
        for fine in [600, 660] {
            assert!(check(fine, 0, 0, &STRICT).is_ok());
        }
        assert_eq!(check(661, 0, 0, &STRICT), Err(TimeRejection::ValidTooLong { at: time(661), now: NOW }));
        assert!(check(1 << 40, 0, 0, &LAX).is_ok());
    }

    #[test]
    fn a_token_may_begin_within_the_leeway_and_not_later() {
        for fine in [-300, 0, 60] {
            assert!(check(300, fine, 0, &STRICT).is_ok());
        }
        for to_come in [61, 3600] {
            let rejection = TimeRejection::NotYetValid { from: time(to_come), now: NOW };
            assert_eq!(check(300, to_come, 0, &STRICT), Err(rejection));
        }
    }

    #[test]
    fn a_token_was_issued_neither_later_nor_long_ago() {
        for fine in [60, 0, -300, -3660] {
            assert!(check(300, 0, fine, &STRICT).is_ok(), "{fine}");
        }
        let to_come = TimeRejection::IssuedInTheFuture { at: time(61), now: NOW };
        assert_eq!(check(300, 0, 61, &STRICT), Err(to_come));
        assert_eq!(check(300, 0, 61, &LAX), Err(to_come));
        assert_eq!(check(300, 0, -3661, &STRICT), Err(TimeRejection::IssuedLongAgo { at: time(-3661), now: NOW }));
        assert!(check(300, 0, -86400, &LAX).is_ok());
    }

    #[test]
    fn an_end_is_always_required_and_the_time_of_issue_where_the_rules_say() {
        let without = |exp, iat| TimeClaims { exp, nbf: None, iat };
        assert_eq!(without(None, date(0)).check(&LAX, NOW), Err(TimeRejection::Missing("exp")));
        assert_eq!(without(date(300), None).check(&STRICT, NOW), Err(TimeRejection::Missing("iat")));
        assert_eq!(without(date(300), None).check(&LAX, NOW), Ok(time(360)));
    }
}
