//! Sends what the crate `sandbox-egress` allows, by the host's `wasi:http`. The host may refuse it still: `allowed_outbound_hosts`.

use http::{Request, Response};
use sandbox_egress::{Failure, Room};
use shell_http::outbound::{self, Limits, NoAnswer};

/// Seconds to connect.
const CONNECT: u64 = 10;

/// Sends a request, and reads the whole answer. Redirects are not followed.
///
/// # Errors
/// See [`Failure`].
pub fn send(request: &Request<Vec<u8>>, room: Room) -> Result<Response<Vec<u8>>, Failure> {
    // Ours holds, to the millisecond; the host's are for one whose clock stands still for us.
    let seconds = room.milliseconds.div_ceil(1000).saturating_add(1);
    let limits =
        Limits { connect_seconds: CONNECT.min(seconds), first_byte_seconds: seconds, between_bytes_seconds: seconds };
    let most = usize::try_from(room.bytes).unwrap_or(usize::MAX);
    outbound::fetch_within(request, most, limits, room.milliseconds).map_err(|reason| failure(reason, request, room))
}

fn failure(reason: NoAnswer, request: &Request<Vec<u8>>, room: Room) -> Failure {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let origin = || format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
    match reason {
        NoAnswer::NotAllowed => Failure::HostRefuses(origin()),
        NoAnswer::Prohibited => Failure::AddressRefused(origin()),
        NoAnswer::TimedOut => Failure::TimedOut,
        NoAnswer::TooLarge => Failure::AnswerTooLarge(room.bytes),
        NoAnswer::NoRoom => Failure::Connection("the host has as many requests under way as it allows".to_owned()),
        NoAnswer::Address => Failure::Connection("the address cannot be used".to_owned()),
        NoAnswer::Failed(text) => failed(&text),
    }
}

/// The host's text is the name of an error of `wasi:http`.
fn failed(text: &str) -> Failure {
    let name = text.strip_prefix("ErrorCode::").unwrap_or(text).split(['(', ' ', '{']).next().unwrap_or_default();
    match name {
        "DnsError" => Failure::Unresolved,
        "ConnectionRefused" => Failure::Connection("it was refused".to_owned()),
        "TlsCertificateError" => {
            Failure::Connection("the server's certificate is not one that the host trusts".to_owned())
        }
        "TlsProtocolError" | "TlsAlertReceived" => Failure::Connection("there was no TLS".to_owned()),
        "HttpProtocolError" => {
            Failure::Connection("the server closed it without an answer, or spoke no HTTP".to_owned())
        }
        "ConnectionTerminated" => Failure::Connection("it broke off".to_owned()),
        _ => Failure::Connection(text.chars().take(200).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_says_is_told_in_words() {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = "https://a.example:8443/path?secret".parse().unwrap();
        let room = Room { bytes: 10, milliseconds: 1 };
        for (reason, said) in [
            (NoAnswer::NotAllowed, "does not allow a connection to https://a.example:8443:"),
            (NoAnswer::Prohibited, "an address that the host does not connect to, such as one that is not public"),
            (NoAnswer::TimedOut, "in time"),
            (NoAnswer::TooLarge, "more than 10 bytes"),
            (NoAnswer::NoRoom, "as many requests"),
            (NoAnswer::Failed("ErrorCode::DnsError(DnsErrorPayload { rcode: None })".to_owned()), "resolved"),
            (NoAnswer::Failed("ErrorCode::ConnectionRefused".to_owned()), "it was refused"),
            (NoAnswer::Failed("ErrorCode::TlsCertificateError".to_owned()), "certificate"),
            (
                NoAnswer::Failed("ErrorCode::HttpProtocolError".to_owned()),
                "the server closed it without an answer, or spoke no HTTP",
            ),
            (NoAnswer::Failed("the answer broke off".to_owned()), "the answer broke off"),
        ] {
            let text = failure(reason.clone(), &request, room).to_string();
            assert!(text.contains(said) && !text.contains("secret"), "{reason:?}: {text}");
        }
    }
}
