//! Whether this machine's clock is right, by the clock of another.

use gatehouse_jose::LEEWAY_SECONDS;
use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::findings::Findings;

/// Compares `Date` of an answer that came at `now`. Half of what tokens may be off is as good as wrong: clocks drift.
pub(super) fn compare(of: &str, headers: &HeaderMap, now: Timestamp, findings: &mut Findings) {
    const MOST_SECONDS: i64 = LEEWAY_SECONDS.cast_signed() / 2;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    // An HTTP date is one of RFC 5322, but for the name of its zone.
    let theirs = date.and_then(|date| rfc2822::parse(&date.replace("GMT", "+0000")).ok());
    let Some(theirs) = theirs else {
        findings.note("clock", format!("{of} does not say what time it is"), "");
        return;
    };
    let seconds = now.as_second() - theirs.timestamp().as_second();
    let differs = match seconds {
        0 => "the same as".to_owned(),
        1.. => format!("{seconds} s ahead of"),
        _ => format!("{} s behind", -seconds),
    };
    let text = format!("this machine's is {differs} that of {of}");
    if seconds.abs() > MOST_SECONDS {
        let advice =
            "let both keep time (chrony, systemd-timesyncd); tokens would count as not yet valid, or as expired";
        findings.wrong("clock", text, advice);
    } else {
        findings.right("clock", text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_clock_may_differ_by_half_of_what_tokens_may() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        for (date, is_right, said) in [
            ("Sat, 28 Nov 2026 10:00:00 GMT", true, "the same as that of the provider"),
            ("Sat, 28 Nov 2026 09:59:30 GMT", true, "30 s ahead of"),
            ("Sat, 28 Nov 2026 09:59:29 GMT", false, "31 s ahead of"),
            ("Sat, 28 Nov 2026 10:05:00 GMT", false, "300 s behind"),
            ("yesterday", true, "does not say what time it is"),
        ] {
            let (mut headers, mut findings) = (HeaderMap::new(), Findings::default());
            headers.insert(DATE, HeaderValue::from_static(date));
            compare("the provider", &headers, now, &mut findings);
            assert_eq!(findings.nothing_is_wrong(), is_right, "{date}");
            assert!(findings.to_string().contains(said), "{findings}");
        }
    }
}
