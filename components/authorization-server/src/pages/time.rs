//! Points in time, as people read them.

use gatehouse_protocol::UnixTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Such as `21 November 2026, 05:00 UTC`. We do not know where the reader is, and say so.
pub(super) fn in_words(time: UnixTime) -> String {
    let timestamp = i64::try_from(time.seconds()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(
        || "at an unknown time".to_owned(),
        |timestamp| {
            // Not by `strftime`: its interpreter alone is 70 KB of WebAssembly.
            let time = TimeZone::UTC.to_datetime(timestamp);
            let month = usize::try_from(time.month() - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
            format!("{} {month} {:04}, {:02}:{:02} UTC", time.day(), time.year(), time.hour(), time.minute())
        },
    )
}
