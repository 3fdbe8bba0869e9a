//! How a browser came to the authorization endpoint, as far as it tells: whether that was the user's own act.
//!
//! A page that somebody else wrote can lead a browser here at any time. Only where no page did, may a remembered consent
//! stand for asking. Browsers say so in the headers of Fetch Metadata, which no script can write.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{ClientId, WebOrigin};
use sha2::{Digest as _, Sha256};

/// What the head of an authorization request says of its way.
#[derive(Clone, Debug, Default)]
pub struct Arrival<'a> {
    /// `Sec-Fetch-Site` (Fetch Metadata Request Headers, section 2.3): how far from here the page is that caused the
    /// request.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Mode` (section 2.2).
    pub mode: Option<&'a str>,
    /// `Sec-Fetch-Dest` (section 2.1).
    pub destination: Option<&'a str>,
    /// Whether the page is fetched before the user has asked for it (`Sec-Purpose`, or one of its predecessors).
    pub is_prefetch: bool,
    /// The values of the cookies that say for which client, or clients, we have just sent the browser elsewhere
    /// ([`Departure`]).
    pub departures: Vec<&'a str>,
}

impl Arrival<'_> {
    /// Whether the browser opens a page, as far as it tells: nothing in a frame, and nothing before the user asked for it.
    pub fn is_a_page(&self) -> bool {
        !self.is_prefetch
            && self.mode.is_none_or(|mode| mode == "navigate")
            && self.destination.is_none_or(|destination| destination == "document")
    }

    /// Whether the user, or a program of theirs, has opened the authorization request of `client_id` as a page.
    ///
    /// `none` alone says so: no page caused it. `same-origin` says the opposite: a link or a form of a page of ours, which
    /// can name a place that somebody else chose, and that sends the browser back here. Since `none` stays through all
    /// redirects, it does not count either where we have just sent the browser elsewhere for another client: what it was
    /// sent to may have redirected it here. A browser that tells nothing is taken for sent.
    pub fn is_the_users_act(&self, client_id: &ClientId) -> bool {
        let own = Departure::for_client(client_id);
        self.site == Some("none")
            && self.mode == Some("navigate")
            && self.destination == Some("document")
            && !self.is_prefetch
            && self.departures.iter().all(|value| *value == own.cookie_value())
    }
}

/// That we have sent a browser elsewhere, to an identity provider or back to a client: the value of a cookie that goes with
/// the redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure(String);

impl Departure {
    /// Seconds for which it counts. A chain of redirects takes as long as browsers wait for an answer, which is five
    /// minutes.
    pub const SECONDS: u64 = 5 * 60;

    /// On behalf of more than one client, or of nobody knows whom. It is no SHA-256: it is no client's own note.
    const SEVERAL: &'static str = "several";

    /// What is noted when the browser, which brings these notes, is sent elsewhere on behalf of this client. A note is
    /// added and never replaced: else whoever leads the browser here for a client could make that client the last one.
    pub fn after<T: AsRef<str>>(brought: &[T], client_id: &ClientId) -> Self {
        let own = Self::for_client(client_id);
        if brought.iter().all(|value| value.as_ref() == own.cookie_value()) {
            own
        } else {
            Self(Self::SEVERAL.to_owned())
        }
    }

    /// On behalf of this client alone.
    pub fn for_client(client_id: &ClientId) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(client_id.as_str())))
    }

    /// The cookie's value.
    pub fn cookie_value(&self) -> &str {
        &self.0
    }

    /// The cookie's name; with `__Host-` as that of [`Browser::cookie_name`](crate::browser::Browser::cookie_name).
    pub fn cookie_name(public_url: &WebOrigin) -> &'static str {
        if public_url.is_plain_http() { "gatehouse-departure" } else { "__Host-gatehouse-departure" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    /// A link that an application opened, or that the user typed.
    fn opened() -> Arrival<'static> {
        Arrival { site: Some("none"), mode: Some("navigate"), destination: Some("document"), ..Arrival::default() }
    }

    #[test]
    fn only_a_page_that_no_page_caused_is_the_users_act() {
        assert!(opened().is_the_users_act(&client("a")));
        for site in [None, Some("same-origin"), Some("same-site"), Some("cross-site"), Some("None"), Some("")] {
            assert!(!Arrival { site, ..opened() }.is_the_users_act(&client("a")), "{site:?}");
        }
        for mode in
            [None, Some("cors"), Some("no-cors"), Some("same-origin"), Some("websocket"), Some("nested-navigate")]
        {
            assert!(!Arrival { mode, ..opened() }.is_the_users_act(&client("a")), "{mode:?}");
        }
        for destination in [None, Some("iframe"), Some("embed"), Some("object"), Some("empty"), Some("image")] {
            assert!(!Arrival { destination, ..opened() }.is_the_users_act(&client("a")), "{destination:?}");
        }
        assert!(!Arrival { is_prefetch: true, ..opened() }.is_the_users_act(&client("a")));
        assert!(!Arrival::default().is_the_users_act(&client("a")), "a browser that tells nothing");
    }

    #[test]
    fn what_is_in_a_frame_or_fetched_beforehand_is_no_page() {
        for site in [None, Some("none"), Some("cross-site")] {
            assert!(Arrival { site, ..opened() }.is_a_page(), "{site:?}");
        }
        assert!(Arrival::default().is_a_page(), "a browser that tells nothing");
        for arrival in [
            Arrival { is_prefetch: true, ..opened() },
            Arrival { mode: Some("no-cors"), ..opened() },
            Arrival { destination: Some("iframe"), ..opened() },
            Arrival { is_prefetch: true, ..Arrival::default() },
        ] {
            assert!(!arrival.is_a_page(), "{arrival:?}");
        }
    }

    #[test]
    fn what_follows_our_redirect_for_another_client_is_not_the_users_act() {
        let (own, other) = (Departure::for_client(&client("a")), Departure::for_client(&client("b")));
        for (departures, counts) in [
            (vec![], true),
            (vec![own.cookie_value()], true),
            (vec![other.cookie_value()], false),
            (vec![own.cookie_value(), other.cookie_value()], false),
            (vec![""], false),
        ] {
            let arrival = Arrival { departures, ..opened() };
            assert_eq!(arrival.is_the_users_act(&client("a")), counts, "{arrival:?}");
        }
    }

    #[test]
    fn a_note_of_another_client_is_added_to_and_never_replaced() {
        let (a, b) = (client("a"), client("b"));
        let (of_a, of_b) = (Departure::for_client(&a), Departure::for_client(&b));
        let (of_a, of_b) = (of_a.cookie_value(), of_b.cookie_value());
        for (brought, own) in [
            (vec![], true),
            (vec![of_a], true),
            (vec![of_a, of_a], true),
            (vec![of_b], false),
            (vec![of_a, of_b], false),
            (vec![of_b, of_a], false),
            (vec!["several"], false),
            (vec![""], false),
            (vec!["x"], false),
        ] {
            let note = Departure::after(&brought, &a);
            assert_eq!(note.cookie_value() == of_a, own, "{brought:?}");
            // With what it says, whoever is asked for, nobody goes past the question but the only client.
            for (asking, is_alone) in [(&a, own), (&b, false), (&client("several"), false)] {
                let arrival = Arrival { departures: vec![note.cookie_value()], ..opened() };
                assert_eq!(arrival.is_the_users_act(asking), is_alone, "{brought:?}, {asking}");
            }
            // However often the browser is then sent elsewhere for any of them.
            if !own {
                for next in [&a, &b] {
                    assert_eq!(Departure::after(&[note.cookie_value()], next), note, "{brought:?}, {next}");
                }
            }
        }
    }
}
