//! What upstreams are told of who calls.

use std::sync::Arc;

use super::{CONFIGURATION, PING, RESOURCE, call, fakes, is_terse_refusal, principal, sent_nothing, validation};
use crate::bindings::imports::gatehouse::auth::assertions::Assertion;
use crate::bindings::imports::gatehouse::auth::sessions::{Claims, Names, Principal};
use crate::fakes::{Fakes, SessionCall};

const KEYS: &str = "caller_assertion_keys = { secret = \"caller_assertion_keys\" }";
const UPSTREAM: &str = "https://upstream.internal.example/server?version=2";

/// Everything in order, and the upstream is told this.
fn fakes_with(table: &str) -> Arc<Fakes> {
    let fakes = fakes();
    let setting = format!("identity_headers = {{ {table} }}\nlimits");
    fakes.set("config", &format!("{KEYS}\n{}", CONFIGURATION.replace("limits", &setting)));
    fakes
}

fn known(groups: usize) -> Principal {
    let groups = (0..groups).map(|number| format!("group-{number:04}")).collect();
    let names = Names { name: Some("Álice".to_owned()), preferred_username: None, email: None };
    let claims = Claims { tenant: None, groups, roles: vec!["reader".to_owned()], names: Some(names) };
    Principal { claims, ..principal() }
}

#[tokio::test]
async fn an_assertion_is_asked_for_once_with_the_caller_as_the_session_said_it() {
    for (names, told) in [(true, known(2).claims.names), (false, None)] {
        let fakes = fakes_with(&format!("assertion_header = \"x-caller\", names = {names}"));
        *fakes.validated.lock().unwrap() = Some(Ok(known(2)));
        let reply = call(&fakes, &[("x-caller", "forged"), ("X_Caller", "forged")], PING).await;
        assert_eq!(reply.status, 200);
        let caller =
            Principal { claims: Claims { names: told, ..known(2).claims }, resource: RESOURCE.to_owned(), ..known(2) };
        let question = Assertion {
            caller,
            issuer: "https://gateway.example".to_owned(),
            audience: UPSTREAM.to_owned(),
            signing_keys: "caller_assertion_keys".to_owned(),
        };
        assert_eq!(fakes.session_calls(), [validation(), SessionCall::Sign(Box::new(question))]);
        let sent = fakes.sent();
        assert_eq!(sent[0].headers.get_all("x-caller").iter().collect::<Vec<_>>(), ["signed"]);
        assert!(!format!("{:?}", sent[0].headers).contains("forged"));
        assert!(
            !fakes.settings_read.lock().unwrap().contains(&"caller_assertion_keys".to_owned()),
            "the gateway has no key"
        );
    }
}

#[tokio::test]
async fn without_an_assertion_nothing_is_sent() {
    let fakes = fakes_with("assertion_header = \"x-caller\"");
    *fakes.signed.lock().unwrap() = Some(Err("key 1 of caller_assertion_keys cannot be used".to_owned()));
    let reply = call(&fakes, &[], PING).await;
    is_terse_refusal(&reply, 503);
    assert!(!reply.body.contains("caller_assertion_keys") && fakes.log().contains("caller_assertion_keys"));
    sent_nothing(&fakes);
}

#[tokio::test]
async fn claims_are_told_without_a_question_and_stand_in_no_log() {
    let fakes =
        fakes_with("app_service = true, names = true, claims = { \"x-groups\" = \"groups\", \"x-name\" = \"name\" }");
    *fakes.validated.lock().unwrap() = Some(Ok(known(2)));
    let reply = call(&fakes, &[("x_groups", "forged"), ("x-ms-client-principal-name", "forged")], PING).await;
    assert_eq!((reply.status.as_u16(), fakes.session_calls()), (200, vec![validation()]));
    let headers = &fakes.sent()[0].headers;
    assert_eq!(headers["x-groups"], r#"["group-0000","group-0001"]"#);
    assert_eq!(headers["x-name"].as_bytes(), "Álice".as_bytes());
    assert_eq!(headers["x-ms-client-principal-name"].as_bytes(), "Álice".as_bytes());
    assert_eq!(headers["x-ms-client-principal-id"], "alice");
    assert_eq!(headers["x-ms-client-principal-idp"], "demo");
    assert!(!format!("{headers:?}").contains("forged"));
    assert!(!fakes.log().contains("Álice") && !fakes.log().contains("group-"), "{}", fakes.log());
}

#[tokio::test]
async fn a_caller_with_too_many_groups_is_refused_before_anybody_is_asked_and_nothing_is_cut_off() {
    let table = "assertion_header = \"x-caller\", claims = { \"x-groups\" = \"groups\" }";
    for (groups, status) in [(600, 200), (1_000, 403)] {
        let fakes = fakes_with(table);
        *fakes.validated.lock().unwrap() = Some(Ok(known(groups)));
        let reply = call(&fakes, &[], PING).await;
        if status == 200 {
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(fakes.sent()[0].headers["x-groups"].len(), 1 + groups * 13);
            continue;
        }
        is_terse_refusal(&reply, status);
        assert!(reply.body.contains("too many groups or roles"), "{}", reply.body);
        assert!(fakes.log().contains("identity_headers.bytes"), "{}", fakes.log());
        assert_eq!(fakes.session_calls(), [validation()]);
        sent_nothing(&fakes);
    }
}

#[tokio::test]
async fn each_member_is_told_what_it_should_be_and_no_other() {
    let fakes = fakes();
    let members = "members = [\n\
        { prefix = \"a\", url = \"https://a.internal.example/\", identity_headers = { claims = { x-who = \"subject\" } } },\n\
        { prefix = \"b\", url = \"https://b.internal.example/\" },\n]";
    let routes = CONFIGURATION.split_once("url = \"https://upstream").unwrap().0;
    fakes.set("config", &format!("{routes}name = \"Demo\"\nscopes = [\"mcp\"]\n{members}\n"));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    fakes.answer_always(200, "application/json", result);
    call(&fakes, &[("x_who", "forged"), ("x-who", "forged")], list).await;
    let sent = fakes.sent();
    let told: Vec<_> = sent.iter().map(|sent| sent.headers.get("x-who").map(|value| value.to_str().unwrap())).collect();
    assert!(told.contains(&Some("demo:alice")) && told.contains(&None) && !told.contains(&Some("forged")), "{told:?}");
    assert!(!format!("{sent:?}").contains("forged"));
}
