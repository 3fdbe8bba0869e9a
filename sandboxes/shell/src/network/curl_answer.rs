//! What curl prints of an answer.

use std::time::Duration;

use sandbox_egress::{Answer, Failure, TargetError};

/// curl's exit code for a failure (libcurl-errors(3)).
pub const fn exit_code(failure: &Failure) -> i32 {
    match failure {
        Failure::Url(TargetError::Origin(sandbox_egress::OriginError::Scheme)) => 1,
        Failure::Method | Failure::Header(_) | Failure::HeadersTooLarge(_) => 2,
        Failure::Url(_) | Failure::Redirect(_) => 3,
        Failure::Unresolved => 6,
        Failure::Off
        | Failure::NotNamed(_)
        | Failure::HostRefuses(_)
        | Failure::AddressRefused(_)
        | Failure::Connection(_)
        | Failure::RequestTooLarge(_)
        | Failure::TooManyRequests(_) => 7,
        Failure::TimedOut => 28,
        Failure::TooManyRedirects(_) => 47,
        Failure::AnswerTooLarge(_) => 63,
    }
}

/// The head as it stands in front of a body.
pub fn head(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}", answer.status, phrase(answer.status)).trim_end().as_bytes().to_vec();
    head.extend_from_slice(b"\r\n");
    for (name, value) in &answer.headers {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// What `--write-out` prints of an answer, or of none.
pub fn written_out(format: &str, answer: Option<&Answer>, method: &str, took: Duration) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(before);
        let variable = from.strip_prefix("%{").and_then(|inner| inner.split_once('}'));
        let (value, after) = match variable {
            Some((name, after)) => (value(name, answer, method, took), after),
            None => {
                let (value, length) = match from.get(..2) {
                    Some("%%") => ("%", 2),
                    Some("\\n") => ("\n", 2),
                    Some("\\r") => ("\r", 2),
                    Some("\\t") => ("\t", 2),
                    _ => (from.get(..1).unwrap_or_default(), 1),
                };
                (value.to_owned(), from.get(length..).unwrap_or_default())
            }
        };
        text.push_str(&value);
        rest = after;
    }
    text.push_str(rest);
    text
}

fn value(name: &str, answer: Option<&Answer>, method: &str, took: Duration) -> String {
    let header = |wanted: &str| {
        let found = answer.and_then(|answer| answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    match name {
        "http_code" | "response_code" => format!("{:03}", answer.map_or(0, |answer| answer.status)),
        "size_download" => answer.map_or(0, |answer| answer.body.len()).to_string(),
        "num_redirects" => answer.map_or(0, |answer| answer.redirects).to_string(),
        "url_effective" => answer.map(|answer| answer.url.to_string()).unwrap_or_default(),
        "content_type" => header("content-type"),
        "redirect_url" => {
            let location = header("location");
            let target = answer.filter(|_| !location.is_empty()).and_then(|answer| answer.url.join(&location).ok());
            target.map(|target| target.to_string()).unwrap_or_default()
        }
        "method" => method.to_owned(),
        "time_total" => format!("{:.6}", took.as_secs_f64()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use sandbox_egress::Target;

    use super::*;

    #[test]
    fn variables_and_escapes_are_written_out() {
        let answer = Answer {
            url: Target::parse("https://a.example/x?y").unwrap(),
            status: 302,
            headers: vec![("content-type".to_owned(), b"text/plain".to_vec()), ("location".to_owned(), b"/z".to_vec())],
            body: b"12345".to_vec(),
            redirects: 2,
        };
        let took = Duration::from_millis(1500);
        for (format, said) in [
            ("%{http_code}", "302"),
            ("%{response_code}\\n", "302\n"),
            ("[%{size_download} %{num_redirects}] 100%%\\t%", "[5 2] 100%\t%"),
            ("%{url_effective} %{redirect_url}", "https://a.example/x?y https://a.example/z"),
            ("%{content_type};%{method};%{time_total}", "text/plain;POST;1.500000"),
            ("%{unknown}|%{open", "|%{open"),
            ("ü%{http_code}ü\\x\\", "ü302ü\\x\\"),
        ] {
            assert_eq!(written_out(format, Some(&answer), "POST", took), said, "{format}");
        }
        assert_eq!(written_out("%{http_code} %{size_download}", None, "GET", took), "000 0");
        assert_eq!(
            String::from_utf8_lossy(&head(&answer)),
            "HTTP/1.1 302 Found\r\ncontent-type: text/plain\r\nlocation: /z\r\n\r\n"
        );
    }
}
