use super::*;
use crate::answer::scripted::{ManualClock, Script, head};
use crate::example::{self, headers, posted};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"region":"eu"}}}"#;
const SCHEMA: &str =
    r#"{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}},"required":["region"]}"#;

fn configuration(validates: bool) -> gatehouse_configuration::Configuration {
    let document = format!("{}validate_arguments = {validates}\n", example::ONE_UPSTREAM);
    gatehouse_configuration::Configuration::parse(&document).unwrap()
}

fn revision(version: &str) -> &'static ProtocolRevision {
    ProtocolRevision::of(&headers(&[("mcp-protocol-version", version)]))
}

/// Checks one call of `look` against this schema, where the server has one.
fn checked(
    validates: bool,
    version: &str,
    call: &str,
    schema: Option<&str>,
    pairs: &[(&str, &str)],
) -> Result<(), Refusal> {
    let (configuration, caller) = (configuration(validates), example::caller());
    let (route, upstream) = (&configuration.routes[0], example::upstream(&configuration));
    let server =
        ToolServer { route, caller: &caller, revision: revision(version), upstream, prefix: None, session: None };
    let posted = posted(version, call);
    let schemas: Vec<_> =
        schema.into_iter().map(|schema| ("look".to_owned(), ToolSchema::parse(schema).unwrap())).collect();
    server.check(&posted.tool_calls(), true, &schemas, &headers(pairs))
}

#[test]
fn calls_are_checked_where_the_route_asks_for_it_or_headers_repeat_arguments() {
    let parameters = headers(&[("mcp-param-region", "eu")]);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for (validates, version, text, headers, expected) in [
        (true, "2025-11-25", CALL, headers(&[]), true),
        (false, "2025-11-25", CALL, headers(&[]), false),
        (false, "2025-11-25", CALL, parameters.clone(), false),
        (false, "2026-07-28", CALL, parameters.clone(), true),
        (false, "2026-07-28", CALL, headers(&[]), false),
        (true, "2026-07-28", list, parameters, false),
    ] {
        let configuration = configuration(validates);
        let must = must_check(&configuration.routes[0], &posted(version, text), &headers);
        assert_eq!(must, expected, "{validates} {version} {headers:?}");
    }
}

#[test]
fn arguments_fit_their_schema_where_the_route_asks_for_it() {
    let misfit = CALL.replace("\"eu\"", "5");
    assert_eq!(checked(true, "2025-11-25", CALL, Some(SCHEMA), &[]), Ok(()));
    let refused = checked(true, "2025-11-25", &misfit, Some(SCHEMA), &[]);
    assert!(matches!(refused, Err(Refusal::InvalidArguments { revision, .. }) if revision.version == "2025-11-25"));
    assert_eq!(checked(false, "2025-11-25", &misfit, Some(SCHEMA), &[]), Ok(()));
    let unusable = r##"{"type":"object","$ref":"#/nowhere"}"##;
    assert!(matches!(checked(true, "2025-11-25", CALL, Some(unusable), &[]), Err(Refusal::UpstreamMalformed(_))));
}

#[test]
fn a_tool_that_the_server_does_not_have_is_unknown_where_arguments_are_validated() {
    assert_eq!(checked(true, "2025-11-25", CALL, None, &[]), Err(Refusal::InvalidParams("Unknown tool".into())));
    assert_eq!(checked(false, "2025-11-25", CALL, None, &[]), Ok(()));
}

#[test]
fn headers_say_what_the_arguments_say() {
    for version in ["2025-11-25", "2026-07-28"] {
        assert_eq!(checked(false, version, CALL, Some(SCHEMA), &[("mcp-param-region", "eu")]), Ok(()), "{version}");
        let other = checked(false, version, CALL, Some(SCHEMA), &[("mcp-param-region", "us")]);
        assert!(matches!(other, Err(Refusal::HeaderMismatch(_))), "{version}");
    }
    assert!(matches!(checked(false, "2026-07-28", CALL, Some(SCHEMA), &[]), Err(Refusal::HeaderMismatch(_))));
    assert_eq!(checked(false, "2025-11-25", CALL, Some(SCHEMA), &[]), Ok(()), "older clients repeat nothing");
    let invalid = SCHEMA.replace("\"Region\"", "\"no name\"");
    let refused = checked(false, "2026-07-28", CALL, Some(&invalid), &[("mcp-param-region", "eu")]);
    assert_eq!(refused, Err(Refusal::UpstreamMalformed("an x-mcp-header of the tool's input schema is invalid")));
}

#[test]
fn each_tool_is_looked_for_once() {
    let batch = posted(
        "2025-03-26",
        &format!(
            "[{CALL},{},{}]",
            CALL.replace("\"id\":1", "\"id\":2"),
            CALL.replace("\"id\":1", "\"id\":3").replace("look", "a")
        ),
    );
    assert_eq!(called_tools(&batch.tool_calls()), ["a", "look"]);
}

fn server(version: &str, act: impl FnOnce(&ToolServer<'_>)) {
    let (configuration, caller) = (configuration(true), example::caller());
    let (route, upstream) = (&configuration.routes[0], example::upstream(&configuration));
    let session = (version != "2026-07-28").then_some("abc");
    act(&ToolServer { route, caller: &caller, revision: revision(version), upstream, prefix: None, session });
}

#[test]
fn a_request_for_the_listing_says_so_and_nothing_of_the_call() {
    let pairs = [("mcp-method", "tools/call"), ("mcp-name", "look"), ("mcp-param-region", "eu"), ("accept", "*/*")];
    server("2026-07-28", |server| {
        let mut of_the_call = headers(&pairs);
        server.make_listing_request(&mut of_the_call);
        assert_eq!(of_the_call, headers(&[("mcp-method", "tools/list"), ("accept", "*/*")]));
    });
    server("2025-11-25", |server| {
        let mut without = headers(&[("accept", "*/*")]);
        server.make_listing_request(&mut without);
        assert_eq!(without, headers(&[("accept", "*/*")]));
    });
}

#[test]
fn only_2026_07_28_shares_a_schema_with_everybody() {
    let public = CacheDirective { scope: SchemaScope::Shared, seconds: 60 };
    server("2026-07-28", |server| {
        assert_eq!(server.cache_scopes(), [SchemaScope::Shared, SchemaScope::Subject]);
        assert_eq!(server.scope_to_cache(public), SchemaScope::Shared);
        let entries = [SchemaScope::Shared, SchemaScope::Subject].map(|scope| server.cache_entry("look", scope));
        assert_ne!(entries[0], entries[1]);
    });
    server("2025-11-25", |server| {
        assert_eq!(server.cache_scopes(), [SchemaScope::Subject]);
        assert_eq!(server.scope_to_cache(public), SchemaScope::Subject);
    });
}

fn page(version: &str, script: Vec<Script>) -> Result<Step, Refusal> {
    let mut step = None;
    server(version, |server| {
        let clock = ManualClock::default();
        let posted = posted(version, CALL);
        let mut search = server.search(vec!["look".to_owned()], posted.tool_calls()[0]);
        let id = Id::from("gatehouse-1-0");
        let request = search.request(id.clone()).unwrap();
        assert_eq!(request.method, "tools/list");
        let mut answers = Answers::of(clock.transfers(script));
        step = Some(server.read_page(&clock, &mut answers, &mut search, &id, 5_000));
    });
    step.unwrap()
}

#[test]
fn a_listing_is_read_in_either_format_until_the_tool_is_found() {
    let listing = format!(
        r#"{{"jsonrpc":"2.0","id":"gatehouse-1-0","result":{{"tools":[{{"name":"look","inputSchema":{SCHEMA}}}]}}}}"#
    );
    let more = r#"{"jsonrpc":"2.0","id":"gatehouse-1-0","result":{"tools":[],"nextCursor":"2"}}"#;
    for version in ["2025-11-25", "2026-07-28"] {
        let json = vec![head(0, 200, "application/json"), Script::piece(0, &listing), Script::End(0)];
        assert_eq!(page(version, json), Ok(Step::Done));
        let other = r#"{"jsonrpc":"2.0","method":"notifications/message"}"#;
        let events = vec![head(0, 200, "text/event-stream"), Script::event(0, other), Script::event(0, more)];
        assert_eq!(page(version, events), Ok(Step::Ask));
    }
}

#[test]
fn what_is_no_listing_is_refused() {
    let malformed = |why| Err(Refusal::UpstreamMalformed(why));
    let json = || head(0, 200, "application/json");
    let page = |script| page("2025-11-25", script);
    assert_eq!(page(vec![head(0, 404, "application/json")]), Err(Refusal::UnknownSession));
    assert_eq!(page(vec![head(0, 200, "text/html")]), malformed("its tools/list is neither JSON nor events"));
    assert_eq!(page(vec![json(), Script::End(0)]), malformed("its tools/list has no answer"));
    assert_eq!(page(vec![json(), Script::Broken(0)]), Err(Refusal::UpstreamBrokeOff));
    assert_eq!(page(vec![json(), Script::Wait(60_000)]), Err(Refusal::UpstreamTimedOut));
    assert_eq!(page(vec![Script::NoAnswer(0, crate::answer::NoAnswer::TimedOut)]), Err(Refusal::UpstreamTimedOut));
    let no = r#"{"jsonrpc":"2.0","id":"gatehouse-1-0","error":{"code":-32601,"message":"no"}}"#;
    assert_eq!(page(vec![json(), Script::piece(0, no), Script::End(0)]), malformed("it refuses tools/list"));
    let late = vec![
        head(0, 200, "text/event-stream"),
        Script::Wait(4_999),
        Script::event(0, r#"{"jsonrpc":"2.0","method":"a"}"#),
        Script::Wait(9_000),
    ];
    assert_eq!(page(late), Err(Refusal::UpstreamTimedOut));
}

#[test]
fn every_mistake_of_a_server_has_words_of_its_own() {
    let schemas = [
        UnusableSchema::NoObject,
        UnusableSchema::TooLong,
        UnusableSchema::TooDeep,
        UnusableSchema::TooManyPatterns,
        UnusableSchema::Dialect,
        UnusableSchema::NestedId,
        UnusableSchema::Reference,
        UnusableSchema::Circle,
        UnusableSchema::Invalid,
    ]
    .map(schema_refusal);
    let listings =
        [ListingError::Unreadable, ListingError::Refused, ListingError::TooManyPages, ListingError::TooLarge]
            .map(listing_refusal);
    let mut words: Vec<_> = schemas.iter().chain(&listings).map(|refusal| refusal.reason().into_owned()).collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 13);
}
