//! Points in time, as people read them.
//!
//! No header says in which zone the reader is, and no page runs a script that could ask. So a page says how far away a point in
//! time is, which is right in every zone, and the point itself in UTC.

use askama::Template;
use gatehouse_protocol::UnixTime;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::texts::{Html, Shown, Texts, fill};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

#[derive(Template)]
#[template(path = "time.html")]
struct Time<'a> {
    machine: String,
    distance: Html,
    point: &'a Html,
}

/// Such as `2 hours ago` and, smaller, `21 November 2026, 05:00 UTC`, in a `<time>` that machines read.
pub(super) fn shown(time: UnixTime, now: UnixTime, texts: &Texts) -> Html {
    let Some(utc) = in_utc(time) else { return fill(texts.time_unknown, &[]) };
    let point = point_of(utc, texts);
    Html::of(&Time { machine: written(utc), distance: distance(time, now, texts), point: &point })
}

/// Such as `2026-11-21T05:00:00Z` (RFC 3339), for programs.
pub(crate) fn machine(time: UnixTime) -> String {
    in_utc(time).map(written).unwrap_or_default()
}

fn written(utc: DateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

/// Such as `21 November 2026, 05:00 UTC`.
pub(super) fn point(time: UnixTime, texts: &Texts) -> Html {
    in_utc(time).map_or_else(|| fill(texts.time_unknown, &[]), |utc| point_of(utc, texts))
}

/// Such as `5 minutes`, in the form that stands behind "ago" or "up to". What is left over does not count.
pub(super) fn duration(seconds: u64, texts: &Texts) -> Html {
    let (unit, count) = match seconds {
        ..HOUR => (0, (seconds / MINUTE).max(1)),
        HOUR..172_800 => (2, seconds / HOUR),
        _ => (4, seconds / DAY),
    };
    let unit = texts.time_units.split('|').nth(unit + usize::from(count != 1)).unwrap_or_default();
    fill(unit, &[("count", Shown::Plain(&count.to_string()))])
}

fn in_utc(time: UnixTime) -> Option<DateTime> {
    let timestamp = Timestamp::from_second(i64::try_from(time.seconds()).ok()?).ok()?;
    Some(TimeZone::UTC.to_datetime(timestamp))
}

fn point_of(utc: DateTime, texts: &Texts) -> Html {
    // Not by `strftime`: its interpreter alone is 70 KB of WebAssembly.
    let month = usize::try_from(utc.month() - 1).ok().and_then(|month| texts.time_months.split(' ').nth(month));
    let (day, year) = (utc.day().to_string(), format!("{:04}", utc.year()));
    let time = format!("{:02}:{:02}", utc.hour(), utc.minute());
    let values = [("day", day.as_str()), ("month", month.unwrap_or_default()), ("year", &year), ("time", &time)];
    fill(texts.time_point, &values.map(|(name, value)| (name, Shown::Plain(value))))
}

fn distance(time: UnixTime, now: UnixTime, texts: &Texts) -> Html {
    let (behind, ahead) = (time.seconds_until(now), now.seconds_until(time));
    let (sentence, seconds) = match (behind, ahead) {
        (MINUTE.., _) => (texts.time_ago, behind),
        (_, 1..) => (texts.time_ahead, ahead),
        _ => return fill(texts.time_now, &[]),
    };
    fill(sentence, &[("time", Shown::Html(&duration(seconds, texts)))])
}

#[cfg(test)]
mod tests {
    use gatehouse_authorization_server::language::Language;

    use super::*;

    /// 2026-11-21, 05:00 UTC.
    const NOW: u64 = 1_795_237_200;

    #[test]
    fn how_far_a_point_is_away_is_said_in_the_largest_unit_that_fits() {
        let of = |seconds: i64, language| {
            let time = UnixTime::from_seconds(NOW.checked_add_signed(seconds).unwrap());
            distance(time, UnixTime::from_seconds(NOW), Texts::of(language)).to_string()
        };
        for (seconds, english, german) in [
            (0, "just now", "gerade eben"),
            (-59, "just now", "gerade eben"),
            (-60, "1 minute ago", "vor 1 Minute"),
            (-3_599, "59 minutes ago", "vor 59 Minuten"),
            (-3_600, "1 hour ago", "vor 1 Stunde"),
            (-172_799, "47 hours ago", "vor 47 Stunden"),
            (-172_800, "2 days ago", "vor 2 Tagen"),
            (1, "in 1 minute", "in 1 Minute"),
            (7_200, "in 2 hours", "in 2 Stunden"),
            (30 * 86_400, "in 30 days", "in 30 Tagen"),
        ] {
            assert_eq!(
                (of(seconds, Language::English), of(seconds, Language::German)),
                (english.into(), german.into())
            );
        }
        assert_eq!(of(-7_200, Language::French), "il y a 2 heures");
        assert_eq!(of(7_200, Language::Spanish), "dentro de 2 horas");
        assert_eq!(of(-7_200, Language::Japanese), "2 時間前");
    }

    #[test]
    fn a_point_is_said_in_utc_for_people_and_machines() {
        let time = UnixTime::from_seconds(NOW - 7_200);
        let of = |language| shown(time, UnixTime::from_seconds(NOW), Texts::of(language)).to_string();
        assert_eq!(
            of(Language::English),
            "<time datetime=\"2026-11-21T03:00:00Z\">2 hours ago</time> <span class=\"utc\">21 November 2026, 03:00 UTC</span>"
        );
        for (language, expected) in [
            (Language::German, "21. November 2026, 03:00 UTC"),
            (Language::French, "21 novembre 2026, 03:00 UTC"),
            (Language::Spanish, "21 de noviembre de 2026, 03:00 UTC"),
            (Language::Japanese, "2026年11月21日 03:00 UTC"),
        ] {
            assert!(of(language).contains(expected), "{}", of(language));
        }
        let never = point(UnixTime::from_seconds(u64::MAX), Texts::of(Language::English)).to_string();
        assert_eq!(never, "at an unknown time");
    }
}
