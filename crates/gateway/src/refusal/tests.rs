use gatehouse_configuration::{Configuration, Servers};
use gatehouse_mcp_wire::json_rpc::{Body, Id};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::*;
use crate::{Endpoint, example};

const SECRET: &str = "connection to 10.0.0.7:8080 refused";

fn revision(version: &str) -> &'static ProtocolRevision {
    ProtocolRevision::of(&example::headers(&[("mcp-protocol-version", version)]))
}

fn prefix() -> Prefix {
    let text = example::ONE_UPSTREAM.split("[[routes]]").next().unwrap();
    let members = "[[routes.members]]\nprefix = \"files\"\nurl = \"http://10.0.0.7:8080\"\n";
    let text = format!("{text}[[routes]]\npath = \"/all\"\n{members}");
    let configuration = Configuration::parse(&text).unwrap();
    let Servers::Federated(members) = &configuration.routes[0].servers else { panic!() };
    members[0].prefix.clone().unwrap()
}

/// Each refusal, its status where nobody waits for an answer and where somebody does, its code, and how its challenge
/// begins.
fn all() -> Vec<(Refusal, u16, u16, i64, Option<&'static str>)> {
    let scopes = Scopes::parse("mcp files:read").unwrap();
    let unparsable = |unparsable| Refusal::Unparsable(unparsable);
    let plain = |refusal, status, code| (refusal, status, status, code, None);
    let challenged = |refusal, status, code, start| (refusal, status, status, code, Some(start));
    let in_band = |refusal, status, code| (refusal, status, 200, code, None);
    let arguments =
        |version| Refusal::InvalidArguments { detail: "/a: missing".to_owned(), revision: revision(version) };
    vec![
        plain(Refusal::Origin, 403, 403),
        plain(Refusal::Method, 405, 405),
        plain(Refusal::OnlyPost, 405, 405),
        challenged(Refusal::NoBearer(NoBearer::Missing), 401, 401, "Bearer scope="),
        challenged(Refusal::NoBearer(NoBearer::Doubled), 400, -32600, "Bearer error=\"invalid_request\""),
        challenged(Refusal::NoBearer(NoBearer::Malformed), 400, -32600, "Bearer error=\"invalid_request\""),
        challenged(Refusal::NoBearer(NoBearer::KeyInstead), 401, 401, "Bearer scope="),
        challenged(Refusal::NoApiKey(NoApiKey::Missing), 401, 401, "Bearer scope="),
        challenged(Refusal::InvalidApiKey("replaced"), 401, 401, "Bearer scope="),
        plain(Refusal::NoApiKey(NoApiKey::Doubled), 400, -32600),
        plain(Refusal::NoApiKey(NoApiKey::Ambiguous), 400, -32600),
        plain(Refusal::TooManyWrongApiKeys { retry_after: 7 }, 429, 429),
        challenged(Refusal::InvalidToken("expired".into()), 401, 401, "Bearer error=\"invalid_token\""),
        challenged(Refusal::InsufficientScope(scopes), 403, 403, "Bearer error=\"insufficient_scope\""),
        in_band(Refusal::Denied, 403, 403),
        plain(Refusal::NoProviderToken(CredentialKind::OwnToken), 403, 403),
        plain(Refusal::NoProviderToken(CredentialKind::ExternalToken), 403, 403),
        plain(Refusal::NobodySignedIn, 403, 403),
        plain(Refusal::MustSignIn, 302, 302),
        plain(Refusal::ClientNotAllowed, 403, 403),
        plain(Refusal::IdentityTooLarge, 403, 403),
        plain(Refusal::TooManyHeaders, 431, 431),
        plain(Refusal::DoubledHeader(HeaderName::from_static("mcp-session-id")), 400, -32600),
        plain(Refusal::MediaType, 415, 415),
        plain(Refusal::ContentEncoding, 415, 415),
        plain(Refusal::BodyTooLarge, 413, 413),
        plain(Refusal::BodyTooLargeForMembers, 413, 413),
        plain(Refusal::BodyBroken, 400, -32600),
        plain(unparsable(Unparsable::NotUtf8), 400, -32700),
        plain(unparsable(Unparsable::DoubledKey), 400, -32600),
        plain(Refusal::HeaderMismatch("the Mcp-Name header is missing".into()), 400, -32020),
        plain(Refusal::WrongRevision("Not in this version"), 400, -32600),
        plain(Refusal::BatchNotAllowed, 400, -32600),
        plain(Refusal::UnknownSession, 404, -32001),
        plain(Refusal::UnknownEvent, 400, -32600),
        plain(Refusal::MethodNotFound(revision("2026-07-28")), 404, -32601),
        in_band(Refusal::MethodNotFound(revision("2025-11-25")), 404, -32601),
        in_band(Refusal::InvalidParams("Unknown tool".into()), 400, -32602),
        in_band(arguments("2025-06-18"), 400, -32602),
        plain(Refusal::TooManyRequests { retry_after: 7, fields: HeaderMap::new() }, 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::StreamsOfSubject), 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::StreamsOfRoute), 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject), 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::CallsOfRoute), 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::AllOfSubject), 429, 429),
        plain(Refusal::TooManyLongRequests(LongRequestLimit::All), 503, -32603),
        plain(Refusal::Unavailable(SECRET.to_owned()), 503, -32603),
        plain(Refusal::UpstreamUnreachable(SECRET.to_owned()), 502, -32603),
        plain(Refusal::UpstreamMalformed("it is odd"), 502, -32603),
        plain(Refusal::UpstreamBrokeOff, 502, -32603),
        plain(Refusal::UpstreamTooLarge, 502, -32603),
        plain(Refusal::UpstreamUnauthorized, 502, -32603),
        plain(Refusal::UpstreamRedirects, 502, -32603),
        plain(Refusal::UpstreamBusy { retry_after: 7 }, 503, -32603),
        plain(Refusal::UpstreamTimedOut, 504, -32603),
        plain(Refusal::MembersFailed(vec![("files".to_owned(), FailureReason::Unreadable)]), 502, -32603),
        plain(Refusal::MembersFailed(vec![("files".to_owned(), FailureReason::TooLate)]), 504, -32603),
        in_band(Refusal::UpstreamVersion(revision("2026-07-28")), 502, -32603),
        plain(Refusal::UpstreamUnreachable(SECRET.to_owned()).at_member(Some(&prefix())), 502, -32603),
        in_band(Refusal::Denied.at_member(Some(&prefix())), 403, 403),
    ]
}

fn body(response: &http::Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn every_refusal_has_its_status_its_json_rpc_code_and_its_challenge() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    for (refusal, status, awaited, code, start) in all() {
        for (id, status) in [(None, status), (Some(Id::from(7)), awaited)] {
            let response = refusal.response(&endpoint, id.as_ref());
            assert_eq!(response.status(), status, "{refusal:?}");
            assert_eq!(response.headers()["content-type"], "application/json");
            assert_eq!(response.headers()["cache-control"], "no-store");
            let retries = status == 503 || status == 429;
            assert_eq!(response.headers().contains_key("retry-after"), retries, "{refusal:?}");
            let body = body(&response);
            assert_eq!(body["error"]["code"], code, "{refusal:?}");
            assert_eq!(body["id"], id.map_or(Value::Null, |_| json!(7)));
            let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
            assert_eq!(challenge.is_some(), start.is_some(), "{refusal:?}");
            if let (Some(challenge), Some(start)) = (challenge, start) {
                assert!(challenge.starts_with(start), "{challenge}");
                assert!(challenge.contains(r#"scope="mcp files:read""#));
                assert!(challenge.ends_with(
                    r#"resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp""#
                ));
            }
        }
        assert!(!refusal.reason().is_empty());
    }
}

#[test]
fn a_route_with_keys_alone_leads_to_no_authorization_server() {
    let configuration = example::with_keys(false);
    let endpoint = example::endpoint(&configuration);
    for refusal in [
        Refusal::NoApiKey(NoApiKey::Missing),
        Refusal::NoApiKey(NoApiKey::TokenInstead),
        Refusal::NoApiKey(NoApiKey::Malformed),
        Refusal::InvalidApiKey("expired"),
    ] {
        let response = refusal.response(&endpoint, None);
        assert_eq!(response.status(), 401, "{refusal:?}");
        assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"ApiKey realm="/mcp", header="x-ms-apikey""#);
        assert!(!String::from_utf8_lossy(response.body()).contains("expired;"), "{refusal:?}");
    }
}

#[test]
fn the_wire_names_the_route_and_never_the_address_nor_the_operators_text() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    for (refusal, status, ..) in all() {
        let response = refusal.response(&endpoint, None);
        let text = format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body()));
        for hidden in ["10.0.0.7", "refused", "expired;", "it is odd"] {
            assert!(!text.contains(hidden), "{text}");
        }
        assert!(!matches!(status, 502 | 504) || text.contains("/mcp "), "{text}");
    }
    let member = Refusal::UpstreamTimedOut.at_member(Some(&prefix()));
    let message = body(&member.response(&endpoint, None))["error"]["message"].clone();
    assert_eq!(message, "The MCP server files at /mcp did not answer in time");
    assert_eq!(member.reason(), "files: the upstream did not answer in time");
    assert_eq!(Refusal::UpstreamTimedOut.at_member(None), Refusal::UpstreamTimedOut);
}

#[test]
fn all_reasons_for_a_token_not_to_be_accepted_look_the_same() {
    let configuration = example::configuration();
    let wire = |reason: &'static str| {
        let response = Refusal::InvalidToken(reason.into()).response(&example::endpoint(&configuration), None);
        (response.status(), response.headers().clone(), response.into_body())
    };
    assert_eq!(wire("expired"), wire("not one of ours"));
}

#[test]
fn a_client_is_told_what_it_could_do_instead() {
    let configuration = example::configuration();
    let fields = example::headers(&[("ratelimit", "\"subject\";r=0;t=7")]);
    for (path, refusal, name, value) in [
        ("/mcp", Refusal::Method, ALLOW.as_str(), "GET, POST, DELETE, OPTIONS"),
        ("/mcp/sse", Refusal::Method, ALLOW.as_str(), "GET, OPTIONS"),
        ("/mcp/message", Refusal::Method, ALLOW.as_str(), "POST, OPTIONS"),
        ("/mcp", Refusal::OnlyPost, ALLOW.as_str(), "POST, OPTIONS"),
        ("/mcp", Refusal::MediaType, "accept", "application/json"),
        ("/mcp", Refusal::ContentEncoding, "accept-encoding", "identity"),
        ("/mcp", Refusal::TooManyRequests { retry_after: 7, fields: fields.clone() }, RETRY_AFTER.as_str(), "7"),
        ("/mcp", Refusal::TooManyRequests { retry_after: 7, fields }, "ratelimit", "\"subject\";r=0;t=7"),
        ("/mcp", Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject), RETRY_AFTER.as_str(), "10"),
        ("/mcp", Refusal::TooManyLongRequests(LongRequestLimit::All), RETRY_AFTER.as_str(), "10"),
    ] {
        let response = refusal.response(&Endpoint::at(&configuration, path).unwrap(), None);
        assert_eq!(response.headers()[name], value, "{path} {refusal:?}");
    }
}

#[test]
fn who_finds_no_place_learns_of_his_own_limit_and_of_nobody_elses_and_the_log_names_the_key() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    for (limit, message, key) in [
        (
            LongRequestLimit::StreamsOfSubject,
            "More than the 32 open streams allowed at /mcp",
            "limits.streams_per_subject",
        ),
        (
            LongRequestLimit::CallsOfSubject,
            "More than the 32 calls at once allowed at /mcp",
            "limits.calls_per_subject",
        ),
        (LongRequestLimit::StreamsOfRoute, "Too many streams are open at /mcp", "limits.streams_per_route"),
        (LongRequestLimit::CallsOfRoute, "Too many calls are under way at /mcp", "limits.calls_per_route"),
        (
            LongRequestLimit::AllOfSubject,
            "More than the 32 open streams and calls at once allowed to one user",
            "a quarter of limits.long_requests",
        ),
        (LongRequestLimit::All, "Too many requests are under way at this gateway", "limits.long_requests"),
    ] {
        let refusal = Refusal::TooManyLongRequests(limit);
        assert_eq!(body(&refusal.response(&endpoint, None))["error"]["message"], message);
        assert_eq!(refusal.reason(), format!("as many requests last as {key} allows"));
    }
}

#[test]
fn a_denial_that_a_scope_would_lift_asks_for_it_and_answers_the_request() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    let missing = Scopes::parse("files:write").unwrap();
    let refusal = crate::denied(&endpoint, &Scopes::parse("mcp files:read").unwrap(), Some(&missing));
    let response = refusal.response(&endpoint, Some(&Id::from("a")));
    assert_eq!(response.status(), 403);
    assert_eq!(body(&response)["id"], "a");
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        r#"Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="mcp files:read files:write", resource_metadata="https://gateway.example/.well-known/oauth-protected-resource/mcp""#
    );
}

#[test]
fn arguments_that_do_not_fit_are_told_to_the_model_where_the_era_has_it_so() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    let text = "The arguments do not fit the tool's input schema: /a: missing";
    let content = json!([{ "type": "text", "text": text }]);
    for (version, outcome) in [
        ("2025-06-18", json!({ "error": { "code": -32602, "message": text } })),
        ("2025-11-25", json!({ "result": { "content": content, "isError": true } })),
        ("2026-07-28", json!({ "result": { "resultType": "complete", "content": content, "isError": true } })),
    ] {
        let refusal = Refusal::InvalidArguments { detail: "/a: missing".to_owned(), revision: revision(version) };
        let mut expected = outcome;
        expected["jsonrpc"] = json!("2.0");
        expected["id"] = json!(7);
        let response = refusal.response(&endpoint, Some(&Id::from(7)));
        assert_eq!((response.status().as_u16(), body(&response)), (200, expected), "{version}");
        let member = refusal.clone().at_member(Some(&prefix()));
        assert_eq!(member.response(&endpoint, Some(&Id::from(7))).into_body(), response.into_body());
        assert_eq!(refusal.response(&endpoint, None).status(), 400, "nobody waits for a notification's answer");
    }
}

#[test]
fn a_batch_gets_an_error_for_each_of_its_requests() {
    let configuration = example::configuration();
    let endpoint = example::endpoint(&configuration);
    let answer = |text: &str| {
        let response = Refusal::Denied.response_to(&endpoint, &Body::parse(text.as_bytes(), 64).unwrap());
        (response.status().as_u16(), body(&response))
    };
    let error = |id: Value| {
        let error = json!({ "code": 403, "message": "You are not allowed to do this here" });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    };
    let [one, two] = [r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, r#"{"jsonrpc":"2.0","id":"b","method":"a"}"#];
    let notification = r#"{"jsonrpc":"2.0","method":"a"}"#;
    let response = r#"{"jsonrpc":"2.0","id":3,"result":{}}"#;
    assert_eq!(answer(one), (200, error(json!(1))));
    assert_eq!(answer(notification), (403, error(Value::Null)));
    assert_eq!(answer(response), (403, error(Value::Null)));
    assert_eq!(answer(&format!("[{one},{notification},{two}]")), (200, json!([error(json!(1)), error(json!("b"))])));
    assert_eq!(answer(&format!("[{notification}]")), (403, error(Value::Null)));
}

#[test]
fn where_no_member_gives_an_answer_the_client_and_the_log_are_told_what_each_did() {
    let configuration = example::federation();
    let endpoint = example::endpoint(&configuration);
    let refusal = Refusal::MembersFailed(vec![
        ("files".to_owned(), FailureReason::Refused),
        ("git".to_owned(), FailureReason::Unauthorized),
        (String::new(), FailureReason::TooLate),
    ]);
    let each = "files answered with an error; git does not accept this gateway's credentials; the one without a prefix did not answer in time";
    let message = body(&refusal.response(&endpoint, Some(&Id::from(1))))["error"]["message"].to_string();
    assert!(message.ends_with(&format!(" gave an answer: {each}\"")), "{message}");
    assert!(message.starts_with("\"No MCP server at /"), "{message}");
    assert_eq!(refusal.reason(), format!("no member gave an answer: {each}"));
}

/// Then the other members of a federation answer.
#[test]
fn a_token_that_is_missing_for_one_server_is_told_from_one_that_does_not_count() {
    let prefix = prefix();
    for why in [
        NoBackendToken::RefusedUser,
        NoBackendToken::UserAction,
        NoBackendToken::RefusedGateway,
        NoBackendToken::Unavailable,
    ] {
        let refusal = Refusal::NoBackendToken(why, "x".to_owned());
        assert!(refusal.is_missing_token() && refusal.at_member(Some(&prefix)).is_missing_token(), "{why:?}");
    }
    assert!(Refusal::NoProviderToken(CredentialKind::ApiKey).is_missing_token());
    for refusal in [
        Refusal::InvalidToken("of a session that has ended".into()),
        Refusal::Unavailable("the store".to_owned()),
        Refusal::NoAccount,
        Refusal::UpstreamUnauthorized,
    ] {
        assert!(!refusal.clone().at_member(Some(&prefix)).is_missing_token(), "{refusal:?}");
    }
}
