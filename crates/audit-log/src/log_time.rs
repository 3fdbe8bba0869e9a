//! When a line was written.

use core::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// A point in time: whole milliseconds since the Unix epoch. It is written as RFC 3339 says, in UTC, with three digits
/// behind the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogTime(u64);

impl LogTime {
    /// The point `milliseconds` after the epoch.
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
        // Not by `strftime`: its interpreter alone is 70 KB of WebAssembly.
        let time = TimeZone::UTC.to_datetime(time.unwrap_or(Timestamp::MAX));
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }
}

impl Serialize for LogTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_its_milliseconds() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_250_096_007, "2026-11-21T08:34:56.007Z"),
            (u64::MAX, "9999-12-30T22:00:00.999Z"),
        ] {
            assert_eq!(LogTime::from_milliseconds(milliseconds).to_string(), text);
        }
    }
}
