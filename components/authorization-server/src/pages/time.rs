//! Points in time, as people read them.

use gatehouse_protocol::UnixTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Such as `21 November 2026, 05:00 UTC`. We do not know where the reader is, and say so.
pub(super) fn in_words(time: UnixTime) -> String {
    let timestamp = i64::try_from(time.seconds()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(
        || "at an unknown time".to_owned(),
        |timestamp| timestamp.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC").to_string(),
    )
}
