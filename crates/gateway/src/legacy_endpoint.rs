//! The `endpoint` event of 2024-11-05: "a URI for the client to use for sending messages".
//!
//! A server's own would lead past the gateway. The client gets one of the gateway's, with a sealed
//! [`crate::SealedReference::LegacyEndpoint`] or [`crate::SealedReference::Channel`] in its query.

use gatehouse_configuration::Upstream;
use gatehouse_mcp_wire::event_stream::Event;
use http::Uri;
use url::{Url, form_urlencoded};

use crate::{Endpoint, Refusal};

/// The name of the event.
pub(crate) const EVENT: &str = "endpoint";
const SESSION: &str = "session";

/// What the event says to the client of `endpoint`: where it posts messages, by path and query. `sealed` holds base64url
/// characters only.
pub fn announced(endpoint: &Endpoint<'_>, sealed: &str) -> String {
    format!("{}?{SESSION}={sealed}", endpoint.messages_path())
}

/// The event itself.
pub fn event(endpoint: &Endpoint<'_>, sealed: &str) -> Event {
    Event { event: Some(EVENT.to_owned()), data: Some(announced(endpoint, sealed)), ..Event::default() }
}

/// The sealed reference that a client posts its messages with.
///
/// # Errors
/// [`Refusal::UnknownSession`] where there is none, or more than one.
pub fn presented(requested: &Uri) -> Result<String, Refusal> {
    let query = requested.query().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == SESSION);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Ok(value.into_owned()),
        _ => Err(Refusal::UnknownSession),
    }
}

/// The address that the server's own event means: relative to its event stream, and at the same origin. Another one would
/// have the gateway call, with the server's secrets, whatever a server names.
///
/// # Errors
/// [`Refusal::UpstreamMalformed`].
pub fn resolve(upstream: &Upstream, event: &str) -> Result<Uri, Refusal> {
    let malformed = || Refusal::UpstreamMalformed("its endpoint event is no address of its own origin");
    let stream = Url::parse(&upstream.url.to_string()).map_err(|_| malformed())?;
    let mut messages = stream.join(event).map_err(|_| malformed())?;
    let has_user = !messages.username().is_empty() || messages.password().is_some();
    if messages.origin() != stream.origin() || !stream.origin().is_tuple() || has_user {
        return Err(malformed());
    }
    messages.set_fragment(None);
    messages.as_str().parse().map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    fn at(url: &str) -> Upstream {
        let configuration = example::configuration();
        Upstream { url: url.parse().unwrap(), ..example::upstream(&configuration).clone() }
    }

    #[test]
    fn what_is_announced_is_presented_again() {
        let configuration = example::one_upstream();
        for (path, expected) in [("/mcp/sse", "/mcp/message?session=a-_b"), ("/sse", "/message?session=a-_b")] {
            let event = announced(&Endpoint::at(&configuration, path).unwrap(), "a-_b");
            assert_eq!(event, expected);
            assert_eq!(presented(&event.parse().unwrap()), Ok("a-_b".to_owned()));
        }
        for bad in ["/message", "/message?", "/message?Session=a", "/message?session=a&session=a"] {
            assert_eq!(presented(&bad.parse().unwrap()), Err(Refusal::UnknownSession), "{bad}");
        }
        assert_eq!(presented(&"/message?x=1&session=a".parse().unwrap()), Ok("a".to_owned()));
    }

    #[test]
    fn the_servers_own_address_is_found_as_a_client_would() {
        let upstream = at("http://10.0.0.7:8080/api/sse?key=1");
        for (event, expected) in [
            ("/messages?sessionId=1", "http://10.0.0.7:8080/messages?sessionId=1"),
            ("messages?sessionId=1", "http://10.0.0.7:8080/api/messages?sessionId=1"),
            ("?sessionId=1", "http://10.0.0.7:8080/api/sse?sessionId=1"),
            ("http://10.0.0.7:8080/m#part", "http://10.0.0.7:8080/m"),
            ("HTTP://10.0.0.7:8080/m", "http://10.0.0.7:8080/m"),
            ("//10.0.0.7:8080/m", "http://10.0.0.7:8080/m"),
            ("/a/../m", "http://10.0.0.7:8080/m"),
        ] {
            assert_eq!(resolve(&upstream, event).unwrap().to_string(), expected, "{event}");
        }
        assert_eq!(resolve(&at("https://a.example/sse"), "https://a.example:443/m").unwrap(), "https://a.example/m");
    }

    #[test]
    fn an_address_of_another_origin_is_refused() {
        let upstream = at("https://a.example/sse");
        for event in [
            "http://a.example/m",
            "https://a.example:8443/m",
            "https://b.example/m",
            "//b.example/m",
            "\\\\b.example/m",
            "https://a.example@b.example/m",
            "https://user@a.example/m",
            "https://a.example.b.example/m",
            "javascript:alert(1)",
            "data:,x",
            "file:///etc/passwd",
            "https://",
        ] {
            assert!(matches!(resolve(&upstream, event), Err(Refusal::UpstreamMalformed(_))), "{event}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_server_announces_stays_at_its_origin(event in "(https?:)?[/\\\\]{0,3}[a-z.@:0-9]{0,12}/?[ -~]{0,20}") {
            if let Ok(url) = resolve(&at("https://a.example/sse"), &event) {
                prop_assert_eq!(url.scheme_str(), Some("https"));
                prop_assert_eq!(url.authority().map(|authority| authority.as_str()), Some("a.example"));
            }
        }

        #[test]
        fn one_handle_or_none_is_presented(query in "[ -\"$-~]{0,40}") {
            let Ok(uri) = format!("/message?{query}").parse::<Uri>() else { return Ok(()) };
            if presented(&uri).is_ok() {
                let doubled = format!("/message?{query}&session=x").parse().unwrap();
                prop_assert!(presented(&doubled).is_err());
            }
        }
    }
}
