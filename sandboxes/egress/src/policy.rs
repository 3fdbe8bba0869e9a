//! What the operator allows.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::origin::Origin;

/// The most origins that can be named.
pub const MOST_HOSTS: usize = 50;

/// What a run may send, and where to. The numbers are the most that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// The origins. None: egress is off.
    pub hosts: Vec<Origin>,
    /// Requests of one run, where each redirect that is followed is one.
    pub requests: u32,
    /// Bytes of the body of a request.
    pub request_bytes: u32,
    /// Bytes of the body of an answer.
    pub answer_bytes: u32,
}

impl Egress {
    /// The most that a run may be allowed. An interpreter does not take the word of whoever asks it for more. An answer is in the
    /// interpreter's memory three times for a moment, beside everything else.
    pub const MOST_REQUESTS: u32 = 1_000;
    /// The same for the body of a request.
    pub const MOST_REQUEST_BYTES: u32 = 4 << 20;
    /// The same for the body of an answer.
    pub const MOST_ANSWER_BYTES: u32 = 4 << 20;

    /// Nothing, to nowhere.
    pub const fn off() -> Self {
        Self { hosts: Vec::new(), requests: 0, request_bytes: 0, answer_bytes: 0 }
    }

    /// Whether there is nowhere to send to.
    pub const fn is_off(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The same, where a number is not more than the most, and that where it is.
    #[must_use]
    pub fn within_most(mut self) -> Self {
        self.hosts.truncate(MOST_HOSTS);
        Self {
            hosts: self.hosts,
            requests: self.requests.min(Self::MOST_REQUESTS),
            request_bytes: self.request_bytes.min(Self::MOST_REQUEST_BYTES),
            answer_bytes: self.answer_bytes.min(Self::MOST_ANSWER_BYTES),
        }
    }

    /// Whether a request may go there.
    ///
    /// # Errors
    /// Where it may not.
    pub fn check(&self, origin: &Origin) -> Result<(), Failure> {
        if self.is_off() {
            return Err(Failure::Off);
        }
        if self.hosts.contains(origin) { Ok(()) } else { Err(Failure::NotNamed(origin.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(hosts: &[&str]) -> Egress {
        let hosts = hosts.iter().map(|host| Origin::parse(host).unwrap()).collect();
        Egress { hosts, requests: 1, request_bytes: 1, answer_bytes: 1 }
    }

    #[test]
    fn an_origin_is_allowed_where_scheme_host_and_port_are_those_of_one_that_is_named() {
        let egress = egress(&["api.example.com", "https://pkg.example.com:8443", "http://127.0.0.1:8080"]);
        for (origin, is_allowed) in [
            ("https://api.example.com", true),
            ("https://API.EXAMPLE.com:443", true),
            ("https://pkg.example.com:8443", true),
            ("http://127.0.0.1:8080", true),
            ("http://api.example.com", false),
            ("http://api.example.com:443", false),
            ("https://api.example.com:8443", false),
            ("https://pkg.example.com", false),
            ("https://example.com", false),
            ("https://a.api.example.com", false),
            ("https://xapi.example.com", false),
            ("https://api.example.com.evil.example", false),
            ("http://127.0.0.1", false),
            ("http://localhost:8080", false),
            ("http://[::1]:8080", false),
            ("http://[::ffff:127.0.0.1]:8080", false),
        ] {
            assert_eq!(egress.check(&Origin::parse(origin).unwrap()).is_ok(), is_allowed, "{origin}");
        }
    }

    #[test]
    fn without_a_host_everything_is_refused_and_the_reason_says_so() {
        let origin = Origin::parse("api.example.com").unwrap();
        assert_eq!(Egress::off().check(&origin), Err(Failure::Off));
        assert_eq!(egress(&["b.example"]).check(&origin), Err(Failure::NotNamed("https://api.example.com".to_owned())));
    }

    #[test]
    fn a_number_is_what_was_asked_for_or_the_most() {
        let hosts = vec![Origin::parse("a.example").unwrap(); MOST_HOSTS + 1];
        let asked = Egress { hosts, requests: u32::MAX, request_bytes: u32::MAX, answer_bytes: u32::MAX };
        let given = asked.within_most();
        assert_eq!(given.hosts.len(), MOST_HOSTS);
        assert_eq!((given.requests, given.request_bytes, given.answer_bytes), (1_000, 4 << 20, 4 << 20));
        assert_eq!(egress(&["a.example"]).within_most(), egress(&["a.example"]));
    }
}
