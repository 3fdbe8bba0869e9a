//! The headers that the upstream gets.

use gatehouse_configuration::Upstream;
use gatehouse_protocol::SecretString;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::era::PROTOCOL_VERSION;
use crate::hop_by_hop::HopByHop;
use crate::reserved::is_reserved;
use crate::session_id::SESSION_ID;
use crate::{Endpoint, Era, Refusal};

const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Headers of which two could be read as either.
const SINGLE: [HeaderName; 5] = [PROTOCOL_VERSION, SESSION_ID, MCP_METHOD, MCP_NAME, LAST_EVENT_ID];
/// What we call ourselves to upstreams (RFC 9110, section 7.6.3: a gateway MUST send `Via`).
const VIA_GATEHOUSE: HeaderValue = HeaderValue::from_static("1.1 gatehouse");

/// What the gateway itself says to the upstream.
#[derive(Debug)]
pub struct Own<'a> {
    /// The signed-in user.
    pub subject: &'a str,
    /// The upstream's own session id.
    pub session_id: Option<&'a str>,
    /// The values of the configured secret headers.
    pub secrets: &'a [(HeaderName, SecretString)],
    /// The user's access token of the identity provider, where [`needs_identity_provider_token`] and there is one.
    pub identity_provider_token: Option<&'a SecretString>,
    /// The length of the body in bytes.
    pub body_length: usize,
}

/// Checks that no header of the protocol is given twice.
///
/// # Errors
/// [`Refusal::DoubledHeader`].
pub fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    match SINGLE.iter().find(|name| headers.get_all(*name).iter().count() > 1) {
        Some(name) => Err(Refusal::DoubledHeader(name.clone())),
        None => Ok(()),
    }
}

/// Refuses a body that says itself that it is too large, so that it need not be received.
///
/// # Errors
/// [`Refusal::BodyTooLarge`]. A body without a length, or with a false one, is for the reader of the body to limit.
pub fn check_length(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Result<(), Refusal> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let limit = u64::try_from(endpoint.route.limits.request_bytes).unwrap_or(u64::MAX);
    if length.is_some_and(|length| length > limit) { Err(Refusal::BodyTooLarge) } else { Ok(()) }
}

/// Whether the upstream acts in the user's name at the identity provider, and gets the token for it.
pub fn needs_identity_provider_token(upstream: &Upstream) -> bool {
    upstream.identity_provider_token_header.is_some()
}

/// The headers for `upstream`: the client's without those that are not its to send, and our own.
///
/// # Errors
/// [`Refusal::Unavailable`] where one of our own values cannot stand in a header; [`Refusal::InvalidToken`] where the
/// upstream needs the identity provider's token and there is none: the client then signs its user in again, which gets
/// one.
pub fn forwarded(client: &Request<()>, upstream: &Upstream, own: &Own<'_>) -> Result<HeaderMap, Refusal> {
    let mut headers = of_client(client.headers(), upstream);
    headers.append(VIA, VIA_GATEHOUSE);
    if client.method() != Method::GET {
        headers.insert(CONTENT_LENGTH, own.body_length.into());
    }
    if let Some(id) = own.session_id {
        headers.insert(SESSION_ID, value(&SESSION_ID, id)?);
    }
    if let Some(name) = &upstream.subject_header {
        headers.insert(name, value(name, own.subject)?);
    }
    for (name, secret) in own.secrets {
        headers.insert(name, sensitive(name, secret)?);
    }
    if let Some(name) = &upstream.identity_provider_token_header {
        let missing = || Refusal::InvalidToken("of a session without a usable token of the identity provider");
        let token = own.identity_provider_token.ok_or_else(missing)?;
        headers.insert(name, if *name == AUTHORIZATION { bearer(token)? } else { sensitive(name, token)? });
    }
    Ok(headers)
}

/// RFC 6750, section 2.1.
fn bearer(token: &SecretString) -> Result<HeaderValue, Refusal> {
    sensitive(&AUTHORIZATION, &SecretString::new(format!("Bearer {}", token.expose())))
}

fn sensitive(name: &HeaderName, secret: &SecretString) -> Result<HeaderValue, Refusal> {
    let mut value = value(name, secret.expose())?;
    value.set_sensitive(true);
    Ok(value)
}

fn of_client(client: &HeaderMap, upstream: &Upstream) -> HeaderMap {
    let hop_by_hop = HopByHop::of(client);
    let has_sessions = Era::of(client).has_sessions;
    let passes = |name: &HeaderName| {
        !hop_by_hop.has(name) && !is_reserved(name, upstream) && (has_sessions || *name != LAST_EVENT_ID)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in client.iter().filter(|(name, _)| passes(name)) {
        headers.append(name, value.clone());
    }
    headers
}

fn value(name: &HeaderName, text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text)
        .map_err(|_| Refusal::Unavailable(format!("the value for the header {name} holds a control character")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    const NOTHING: Own<'static> =
        Own { subject: "demo:alice", session_id: None, secrets: &[], identity_provider_token: None, body_length: 2 };

    fn forward(method: Method, pairs: &[(&str, &str)], own: &Own<'_>) -> Result<HeaderMap, Refusal> {
        let configuration = example::configuration();
        forwarded(&example::request(method, "/mcp", pairs), example::upstream(&configuration), own)
    }

    #[test]
    fn what_belongs_to_mcp_passes_unchanged() {
        let sent = [
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "=?base64?w6k=?="),
            ("mcp-param-unknown_one", "1"),
            ("mcp-param-unknown_one", "2"),
            ("last-event-id", "7"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("via", "1.1 edge"),
        ];
        let mut expected = example::headers(&sent);
        expected.append("via", HeaderValue::from_static("1.1 gatehouse"));
        expected.append("content-length", HeaderValue::from_static("2"));
        expected.append("x-gatehouse-subject", HeaderValue::from_static("demo:alice"));
        assert_eq!(forward(Method::POST, &sent, &NOTHING), Ok(expected));
    }

    #[test]
    fn what_is_the_gateways_to_say_never_comes_from_the_client() {
        let forged = [
            ("authorization", "Bearer abc"),
            ("cookie", "a=b"),
            ("host", "evil.example"),
            ("content-length", "77"),
            ("mcp-session-id", "bound"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x_ms_client_principal", "admin"),
            ("x-gatehouse-subject", "demo:admin"),
            ("x_gatehouse_subject", "demo:admin"),
            ("x-functions-key", "mine"),
            ("x-functions_key", "mine"),
            ("connection", "x-mine, content-type"),
            ("x-mine", "1"),
            ("content-type", "text/plain"),
            ("te", "trailers"),
        ];
        let secrets = [(HeaderName::from_static("x-functions-key"), SecretString::new("theirs".to_owned()))];
        let own = Own { session_id: Some("upstream"), secrets: &secrets, ..NOTHING };
        let headers = forward(Method::DELETE, &forged, &own).unwrap();
        let expected = [
            ("via", "1.1 gatehouse"),
            ("content-length", "2"),
            ("mcp-session-id", "upstream"),
            ("x-gatehouse-subject", "demo:alice"),
            ("x-functions-key", "theirs"),
        ];
        assert_eq!(headers, example::headers(&expected));
        assert!(headers["x-functions-key"].is_sensitive());
    }

    /// What an upstream gets that takes the identity provider's token in the header `name`.
    fn forward_with_token(
        name: &'static str,
        pairs: &[(&str, &str)],
        token: Option<&SecretString>,
    ) -> Result<HeaderMap, Refusal> {
        let configuration = example::configuration();
        let header = Some(HeaderName::from_static(name));
        let upstream = Upstream { identity_provider_token_header: header, ..example::upstream(&configuration).clone() };
        assert!(needs_identity_provider_token(&upstream));
        let own = Own { identity_provider_token: token, ..NOTHING };
        forwarded(&example::request(Method::POST, "/mcp", pairs), &upstream, &own)
    }

    #[test]
    fn an_upstream_that_acts_in_the_users_name_gets_the_identity_providers_token_and_no_other() {
        let token = SecretString::new("provider-token".to_owned());
        for (name, expected) in [("authorization", "Bearer provider-token"), ("x-user-token", "provider-token")] {
            let forged = [("authorization", "Bearer ours"), ("x-user-token", "forged"), ("x_user_token", "forged")];
            let headers = forward_with_token(name, &forged, Some(&token)).unwrap();
            assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [expected]);
            assert!(headers[name].is_sensitive());
            assert_eq!(headers.contains_key("authorization"), name == "authorization");
        }
        let configuration = example::configuration();
        assert!(!needs_identity_provider_token(example::upstream(&configuration)));
        let unasked = Own { identity_provider_token: Some(&token), ..NOTHING };
        assert!(!format!("{:?}", forward(Method::POST, &[], &unasked)).contains("provider-token"));
    }

    #[test]
    fn without_the_token_that_its_upstream_needs_a_client_is_told_to_sign_in_again() {
        let refusal = forward_with_token("authorization", &[], None).unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidToken(_)), "{refusal:?}");
        let splitting = SecretString::new("a\r\nhost: evil".to_owned());
        let refusal = forward_with_token("authorization", &[], Some(&splitting)).unwrap_err();
        assert!(matches!(&refusal, Refusal::Unavailable(reason) if !reason.contains("evil")), "{refusal:?}");
    }

    #[test]
    fn a_body_is_announced_at_its_limit_and_not_past_it() {
        let configuration = example::configuration();
        let check = |length: &str| {
            check_length(&example::headers(&[("content-length", length)]), &example::endpoint(&configuration))
        };
        for good in ["0", "4194303", "4194304", "", "-1", "a"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["4194305", "18446744073709551615"] {
            assert_eq!(check(bad), Err(Refusal::BodyTooLarge), "{bad}");
        }
        assert_eq!(check_length(&HeaderMap::new(), &example::endpoint(&configuration)), Ok(()));
    }

    #[test]
    fn a_get_has_no_length() {
        assert!(!forward(Method::GET, &[], &NOTHING).unwrap().contains_key("content-length"));
    }

    #[test]
    fn the_stateless_era_has_no_resumption() {
        let sent = [("mcp-protocol-version", "2026-07-28"), ("last-event-id", "7"), ("mcp-session-id", "anything")];
        let headers = forward(Method::POST, &sent, &NOTHING).unwrap();
        assert!(!headers.contains_key("last-event-id") && !headers.contains_key("mcp-session-id"));
        assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
    }

    #[test]
    fn doubled_headers_of_the_protocol_are_refused_and_others_are_not() {
        for name in SINGLE {
            let once = example::headers(&[(name.as_str(), "a")]);
            assert_eq!(check(&once), Ok(()));
            let twice = example::headers(&[(name.as_str(), "a"), (name.as_str(), "a")]);
            assert_eq!(check(&twice), Err(Refusal::DoubledHeader(name)));
        }
        assert_eq!(
            check(&example::headers(&[("accept", "a"), ("accept", "b"), ("mcp-param-x", "1"), ("mcp-param-x", "2")])),
            Ok(())
        );
    }

    #[test]
    fn a_secret_that_would_split_the_header_is_refused_and_not_shown() {
        let secrets = [(HeaderName::from_static("x-functions-key"), SecretString::new("a\r\nhost: evil".to_owned()))];
        let refusal = forward(Method::POST, &[], &Own { secrets: &secrets, ..NOTHING }).unwrap_err();
        assert!(matches!(&refusal, Refusal::Unavailable(reason) if !reason.contains("evil")), "{refusal:?}");
    }

    const NAMES: &str = "[a-zA-Z_-]{1,12}|[xX][-_][mM][sS][-_][a-z]{1,9}|[xX][-_]gatehouse[-_]subject|\
                         [mM]cp[-_]session[-_]id|[aA]uthorization|connection";

    proptest! {
        #[test]
        fn whatever_the_client_sends_the_gateways_own_headers_are_its_own(
            sent in proptest::collection::vec((NAMES, "[a-zA-Z,-]{0,20}"), 0..12),
        ) {
            let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let headers = forward(Method::POST, &sent, &Own { session_id: Some("upstream!"), ..NOTHING }).unwrap();
            let reduced = |name: &HeaderName| name.as_str().replace('_', "-");
            for (name, value) in &headers {
                match reduced(name).as_str() {
                    "x-gatehouse-subject" => prop_assert_eq!(value, "demo:alice"),
                    "mcp-session-id" => prop_assert_eq!(value, "upstream!"),
                    "authorization" | "connection" => prop_assert!(false, "{} came through", name),
                    other => prop_assert!(!other.starts_with("x-ms-"), "{} came through", name),
                }
            }
            prop_assert_eq!(headers.get_all("x-gatehouse-subject").iter().count(), 1);
            prop_assert_eq!(headers.get_all("mcp-session-id").iter().count(), 1);
        }
    }
}
