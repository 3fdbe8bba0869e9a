use std::sync::LazyLock;

use http::Uri;
use proptest::prelude::*;

use super::*;
use crate::Trace;
use crate::example::{self, Counting};

static ID: LazyLock<RequestId> = LazyLock::new(|| RequestId::generate(&mut Counting::default()));
static HOP: LazyLock<Hop> =
    LazyLock::new(|| Trace::of(&HeaderMap::new(), &mut Counting::default()).hop(&mut Counting::default()));

fn nothing(method: &Method) -> Own<'_> {
    Own {
        method,
        subject: Some("demo:alice"),
        request_id: &ID,
        hop: &HOP,
        session_id: None,
        last_event_id: None,
        secrets: &[],
        identity_provider_token: None,
        backend_token: None,
        identity: &[],
        mcp_name: None,
        accept: None,
    }
}

/// Whichever route the request is for.
#[test]
fn a_header_in_which_some_route_takes_tokens_is_withheld_in_every_spelling() {
    let given = [("x-token", "a"), ("x_token", "b"), ("x.token", "c"), ("x-tokens", "d")];
    let mut configuration = example::configuration();
    configuration.gateway.token_headers.push(HeaderName::from_static("x-token"));
    let (given, upstream) = (example::headers(&given), example::upstream(&configuration));
    let headers = forwarded(&given, &configuration.gateway, upstream, &nothing(&Method::GET)).unwrap();
    let left: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("x-t")).collect();
    assert_eq!(left, ["x-tokens"]);
    assert!(!headers.contains_key("x_token") && !headers.contains_key("x.token"));
}

fn forward(pairs: &[(&str, &str)], own: &Own<'_>) -> Result<HeaderMap, Refusal> {
    let configuration = example::configuration();
    forwarded(&example::headers(pairs), &configuration.gateway, example::upstream(&configuration), own)
}

fn checked(method: Method, path: &str, pairs: &[(&str, &str)]) -> Result<(), Refusal> {
    let configuration = example::configuration();
    let endpoint = Endpoint::at(&configuration, path.parse::<Uri>().unwrap().path()).unwrap();
    check(&example::request(method, path, pairs), &endpoint)
}

const OURS: [(&str, &str); 5] = [
    ("accept-encoding", "identity"),
    ("via", "1.1 gatehouse"),
    ("x-request-id", "000102030405060708090a0b0c0d0e0f"),
    ("traceparent", "00-000102030405060708090a0b0c0d0e0f-0001020304050607-01"),
    ("x-gatehouse-subject", "demo:alice"),
];

fn with_ours(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut expected = example::headers(pairs);
    for (name, value) in OURS {
        expected.append(name, HeaderValue::from_static(value));
    }
    expected
}

#[test]
fn what_belongs_to_mcp_passes_unchanged() {
    let sent = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?w6k=?="),
        ("mcp-param-unknown_one", "1"),
        ("mcp-param-other", "=?base64?w6k=?="),
        ("baggage", "a=b"),
        ("via", "1.1 edge"),
    ];
    assert_eq!(forward(&sent, &nothing(&Method::POST)), Ok(with_ours(&sent)));
}

#[test]
fn what_is_the_gateways_to_say_never_comes_from_the_client() {
    let forged = [
        ("authorization", "Bearer abc"),
        ("cookie", "a=b"),
        ("host", "evil.example"),
        ("content-length", "77"),
        ("mcp-session-id", "bound"),
        ("last-event-id", "sealed"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "a=b"),
        ("x-request-id", "mine"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-http-method-override", "DELETE"),
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
    let own = nothing(&Method::DELETE);
    let own = Own { session_id: Some("upstream"), last_event_id: Some("7"), secrets: &secrets, ..own };
    let headers = forward(&forged, &own).unwrap();
    let expected = with_ours(&[("mcp-session-id", "upstream"), ("last-event-id", "7"), ("x-functions-key", "theirs")]);
    assert_eq!(headers, expected);
    assert!(headers["x-functions-key"].is_sensitive());
}

#[test]
fn only_a_post_has_a_body_whatever_the_client_says() {
    let sent = [
        ("content-type", "application/json"),
        ("content-encoding", "identity"),
        ("content-length", "77"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
        ("accept", "text/event-stream"),
    ];
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(forward(&sent, &nothing(&method)), Ok(with_ours(&[("accept", "text/event-stream")])), "{method}");
    }
    let headers = forward(&[], &nothing(&Method::POST)).unwrap();
    assert_eq!(headers["content-type"], "application/json", "a POST that the gateway makes of a GET");
}

#[test]
fn an_answer_is_asked_for_in_a_form_that_the_gateway_can_read() {
    let own = Own { accept: Some("text/event-stream"), ..nothing(&Method::POST) };
    let headers = forward(&[("accept-encoding", "gzip, br"), ("accept", "*/*")], &own).unwrap();
    for (name, value) in [("accept-encoding", "identity"), ("accept", "text/event-stream")] {
        assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value]);
    }
}

#[test]
fn a_member_is_told_its_own_name() {
    let own = Own { mcp_name: Some(&gatehouse_mcp_wire::header_value::encoded("\u{e9}cho")), ..nothing(&Method::POST) };
    let sent = [("mcp-method", "tools/call"), ("mcp-name", "files_\u{e9}cho")];
    let headers = forward(&sent, &own).unwrap();
    assert_eq!(headers.get_all("mcp-name").iter().collect::<Vec<_>>(), ["=?base64?w6ljaG8=?="]);
}

#[test]
fn the_state_of_the_trace_goes_with_it() {
    let given = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), ("tracestate", "congo=1")];
    let hop = Trace::of(&example::headers(&given), &mut Counting::default()).hop(&mut Counting::default());
    let headers = forward(&given, &Own { hop: &hop, ..nothing(&Method::POST) }).unwrap();
    assert_eq!(headers["traceparent"], "00-4bf92f3577b34da6a3ce929d0e0e4736-0001020304050607-00");
    assert_eq!(headers["tracestate"], "congo=1");
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
    let own = Own { identity_provider_token: token, ..nothing(&Method::POST) };
    forwarded(&example::headers(pairs), &configuration.gateway, &upstream, &own)
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
    let unasked = Own { identity_provider_token: Some(&token), ..nothing(&Method::POST) };
    assert!(!format!("{:?}", forward(&[], &unasked)).contains("provider-token"));
}

#[test]
fn without_the_token_that_its_upstream_needs_a_client_is_told_to_sign_in_again() {
    let refusal = forward_with_token("authorization", &[], None).unwrap_err();
    assert!(matches!(refusal, Refusal::InvalidToken(_)), "{refusal:?}");
    let splitting = SecretString::new("a\r\nhost: evil".to_owned());
    let refusal = forward_with_token("authorization", &[], Some(&splitting)).unwrap_err();
    assert!(matches!(&refusal, Refusal::Unavailable(reason) if !reason.contains("evil")), "{refusal:?}");
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_body_is_announced_at_its_limit_and_not_past_it() {
    for good in ["0", "4194303", "4194304", "", "-1", "a"] {
        assert_eq!(checked(Method::POST, "/mcp", &[JSON, ("content-length", good)]), Ok(()), "{good}");
    }
    for bad in ["4194305", "18446744073709551615"] {
        let refused = checked(Method::POST, "/mcp", &[JSON, ("content-length", bad)]);
        assert_eq!(refused, Err(Refusal::BodyTooLarge), "{bad}");
    }
    assert_eq!(checked(Method::POST, "/mcp", &[JSON]), Ok(()));
}

#[test]
fn a_body_that_is_not_json_is_refused_wherever_messages_are_posted() {
    for path in ["/mcp", "/mcp/message"] {
        assert_eq!(checked(Method::POST, path, &[("content-type", "text/plain")]), Err(Refusal::MediaType));
        assert_eq!(checked(Method::POST, path, &[JSON, ("content-encoding", "gzip")]), Err(Refusal::ContentEncoding));
    }
    assert_eq!(checked(Method::DELETE, "/mcp", &[("content-type", "text/plain")]), Ok(()));
}

#[test]
fn there_are_as_many_header_fields_as_the_limit_and_no_more() {
    let limit = example::configuration().routes[0].limits.headers;
    let pairs = |count| std::iter::repeat_n(("x-a", "1"), count - 1).chain([JSON]).collect::<Vec<_>>();
    assert_eq!(checked(Method::POST, "/mcp", &pairs(limit - 1)), Ok(()));
    assert_eq!(checked(Method::POST, "/mcp", &pairs(limit)), Ok(()));
    assert_eq!(checked(Method::POST, "/mcp", &pairs(limit + 1)), Err(Refusal::TooManyHeaders));
    // What the host adds is nobody's; what somebody adds to it is.
    let of_the_host = OF_THE_HOST.map(|name| (name, "1"));
    let beside_the_hosts = |count| [pairs(count), of_the_host.to_vec()].concat();
    assert_eq!(checked(Method::POST, "/mcp", &beside_the_hosts(limit)), Ok(()));
    assert_eq!(checked(Method::POST, "/mcp", &beside_the_hosts(limit + 1)), Err(Refusal::TooManyHeaders));
    let forged = [beside_the_hosts(limit), of_the_host[..1].to_vec()].concat();
    assert_eq!(checked(Method::POST, "/mcp", &forged), Err(Refusal::TooManyHeaders));
}

#[test]
fn doubled_headers_of_the_protocol_are_refused_and_others_are_not() {
    for name in SINGLE.into_iter().chain([HeaderName::from_static("mcp-param-x")]) {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let once = [JSON, (name.as_str(), "a")];
            assert_eq!(checked(method.clone(), "/mcp", &once), Ok(()));
            let twice = [JSON, (name.as_str(), "a"), (name.as_str(), "a")];
            assert_eq!(checked(method, "/mcp", &twice), Err(Refusal::DoubledHeader(name.clone())));
        }
    }
    assert_eq!(checked(Method::POST, "/mcp", &[JSON, ("accept", "a"), ("accept", "b")]), Ok(()));
}

#[test]
fn the_newest_era_has_only_post() {
    for (version, allowed) in
        [("2025-11-25", true), ("2026-07-28", false), ("2027-01-01", false), (" 2026-07-28 ", false), ("v9", true)]
    {
        let pairs = [JSON, ("mcp-protocol-version", version)];
        for method in [Method::GET, Method::DELETE] {
            let expected = if allowed { Ok(()) } else { Err(Refusal::OnlyPost) };
            assert_eq!(checked(method.clone(), "/mcp", &pairs), expected, "{method} {version}");
        }
        assert_eq!(checked(Method::POST, "/mcp", &pairs), Ok(()));
        assert_eq!(checked(Method::GET, "/mcp/sse", &pairs), Ok(()), "2024-11-05 has no versions in headers");
    }
}

#[test]
fn a_secret_that_would_split_the_header_is_refused_and_not_shown() {
    let secrets = [(HeaderName::from_static("x-functions-key"), SecretString::new("a\r\nhost: evil".to_owned()))];
    let refusal = forward(&[], &Own { secrets: &secrets, ..nothing(&Method::POST) }).unwrap_err();
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
        let headers = forward(&sent, &Own { session_id: Some("upstream!"), ..nothing(&Method::POST) }).unwrap();
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

#[test]
fn what_is_told_of_the_caller_stands_in_place_of_what_the_client_sent() {
    let name = HeaderName::from_static("x-ms-client-principal-id");
    let identity = [(name.clone(), HeaderValue::from_static("alice"))];
    let own = Own { identity: &identity, ..nothing(&Method::POST) };
    let forged =
        [("X-MS-CLIENT-PRINCIPAL-ID", "admin"), ("x_ms_client_principal_id", "admin"), ("connection", name.as_str())];
    let headers = forward(&forged, &own).unwrap();
    assert_eq!(headers.get_all(&name).iter().collect::<Vec<_>>(), ["alice"]);
    assert!(headers.values().all(|value| value != "admin"), "{headers:?}");
    let nobody = forward(&forged, &nothing(&Method::POST)).unwrap();
    assert!(!nobody.contains_key(&name) && nobody.values().all(|value| value != "admin"), "{nobody:?}");
}

#[test]
fn secrets_and_tokens_are_secret_and_what_is_said_of_the_caller_is_not() {
    let told = "subject_header = \"x-who\"\nidentity_headers = { app_service = true, assertion_header = \"x-caller\", \
                claims = { \"x-roles\" = \"roles\" } }\n";
    let told = example::ONE_UPSTREAM.replace("subject_header = \"x-gatehouse-subject\"\n", told);
    let document = format!("caller_assertion_keys = {{ secret = \"k\" }}\n{told}");
    let configuration = gatehouse_configuration::Configuration::parse(&document).unwrap();
    let source = BackendTokenSource::Assertion { audience: "api://orders".to_owned() };
    let upstream = Upstream {
        identity_provider_token_header: Some(HeaderName::from_static("x-user-token")),
        backend_token: Some(Box::new(BackendToken { header: AUTHORIZATION, source })),
        ..example::upstream(&configuration).clone()
    };
    let mut names = secret_names(&upstream);
    names.sort_by_key(HeaderName::to_string);
    assert_eq!(names, ["authorization", "x-caller", "x-functions-key", "x-tenant_key", "x-user-token"]);
}
