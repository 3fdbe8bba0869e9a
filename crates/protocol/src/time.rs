//! Points in time, always passed in.

use core::fmt;

/// Seconds since the Unix epoch (1970-01-01T00:00:00Z), without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The point `seconds` after the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The beginning of a day in UTC, written `YYYY-MM-DD` (RFC 3339, full-date), from 1970 to 9999.
    pub fn from_date(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| {
            let digits = text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse::<u64>().ok()
        };
        let is_separated = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = |month: u64| match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if !is_separated || year < 1970 || !(1..=12).contains(&month) || !(1..=length(month)).contains(&day) {
            return None;
        }
        let leap_days = (1970..year).filter(|year| is_leap(*year)).map(|_| 1_u64).sum::<u64>();
        let days = (year - 1970) * 365 + leap_days + (1..month).map(length).sum::<u64>() + day - 1;
        Some(Self(days * 86_400))
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// This point and `seconds` more; the end of time is not passed.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `self` to `later`, 0 where `later` is not later.
    pub const fn seconds_until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_utc() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1972-03-01", 68_256_000),
            ("2000-02-29", 951_782_400),
            ("2026-11-29", 1_795_910_400),
            ("9999-12-31", 253_402_214_400),
        ] {
            assert_eq!(UnixTime::from_date(text), Some(UnixTime::from_seconds(seconds)), "{text}");
        }
        for wrong in [
            "",
            "2026",
            "2026-11-29T00:00:00Z",
            "2026-13-01",
            "2026-00-01",
            "2026-11-31",
            "2026-11-00",
            "2027-02-29",
            "2100-02-29",
            "1969-12-31",
            "2026/11/29",
            "26-11-29",
            "2026-1-029",
            "+026-11-29",
            "2026-11-\u{e9}",
        ] {
            assert_eq!(UnixTime::from_date(wrong), None, "{wrong}");
        }
    }
}
