use gatehouse_mcp_wire::json_rpc::Message;
use serde_json::{Value, json};

use super::*;
use crate::SchemaScope;

fn search(tools: &[&str]) -> Search {
    Search::of(tools.iter().map(|tool| (*tool).to_owned()))
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object", "title": name } })
}

fn page(tools: &[Value], cursor: Option<&str>) -> String {
    let mut result = json!({ "tools": tools });
    if let Some(cursor) = cursor {
        result["nextCursor"] = json!(cursor);
    }
    answer(&result)
}

fn answer(result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": "a", "result": result }).to_string()
}

fn read(search: &mut Search, text: &str) -> Result<Step, ListingError> {
    search.read(text, &Id::from("a"))
}

fn ask(search: &mut Search) -> Value {
    let call = search.request(Id::from("a")).unwrap();
    serde_json::from_str(&call.to_object().to_string()).unwrap()
}

#[test]
fn a_tool_is_found_on_the_page_that_has_it_and_no_further_one_is_asked_for() {
    let mut search = search(&["b"]);
    assert_eq!(ask(&mut search), json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list" }));
    assert_eq!(read(&mut search, &page(&[tool("a")], Some("2"))), Ok(Step::Ask));
    assert_eq!(ask(&mut search)["params"], json!({ "cursor": "2" }));
    assert_eq!(read(&mut search, &page(&[tool("b"), tool("c")], Some("3"))), Ok(Step::Done));
    let found = search.into_found();
    assert_eq!((found.len(), found[0].tool.as_str()), (1, "b"));
    assert!(found[0].schema.as_ref().unwrap().text().contains(r#""b""#));
}

#[test]
fn several_tools_are_found_with_one_search_and_a_missing_one_is_looked_for_to_the_end() {
    let mut search = search(&["a", "c", "none"]);
    assert_eq!(read(&mut search, &page(&[tool("c"), tool("b")], Some("2"))), Ok(Step::Ask));
    assert_eq!(read(&mut search, &page(&[tool("a")], None)), Ok(Step::Done));
    let names: Vec<_> = search.into_found().into_iter().map(|found| found.tool).collect();
    assert_eq!(names, ["c", "a"]);
}

#[test]
fn names_are_the_same_byte_by_byte_or_not_at_all() {
    let mut search = search(&["Read"]);
    let tools = ["read", "READ", " Read", "Read ", "Re\u{301}ad"].map(tool);
    assert_eq!(read(&mut search, &page(&tools, None)), Ok(Step::Done));
    assert!(search.into_found().is_empty());
}

#[test]
fn the_listing_is_asked_for_as_the_client_of_the_call_would() {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "a", "arguments": { "x": 1 }, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": 7, "traceparent": "00-1-2-01",
        },
    } });
    let Ok(Body::Single(Message::Request(call))) = Body::parse(call.to_string().as_bytes(), 64) else { panic!() };
    let mut search = search(&["a"]).in_the_name_of(&call);
    let params =
        json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "traceparent": "00-1-2-01" } });
    assert_eq!(ask(&mut search)["params"], params);
}

#[test]
fn what_is_no_answer_to_the_request_is_waited_past() {
    let mut search = search(&["a"]);
    for other in [
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":"b","result":{"tools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
    ] {
        assert_eq!(read(&mut search, other), Ok(Step::Wait), "{other}");
    }
    let batch = format!(r#"[{{"jsonrpc":"2.0","method":"x"}},{}]"#, page(&[tool("a")], None));
    assert_eq!(read(&mut search, &batch), Ok(Step::Done));
}

#[test]
fn what_cannot_be_relied_on_is_no_listing() {
    let doubled = page(&[tool("a"), tool("a")], None);
    for (text, why) in [
        ("", ListingError::Unreadable),
        ("{", ListingError::Unreadable),
        (r#"{"jsonrpc":"2.0","id":"a","result":{"tools":[],"tools":[]}}"#, ListingError::Unreadable),
        (r#"{"jsonrpc":"2.0","id":"a","result":[]}"#, ListingError::Unreadable),
        (r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no"}}"#, ListingError::Refused),
        (r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#, ListingError::Refused),
        (doubled.as_str(), ListingError::Unreadable),
    ] {
        assert_eq!(read(&mut search(&["a"]), text), Err(why), "{text}");
    }
    for result in [
        json!({}),
        json!({ "tools": {} }),
        json!({ "tools": ["a"] }),
        json!({ "tools": [{}] }),
        json!({ "tools": [{ "name": 1 }] }),
        json!({ "tools": [], "nextCursor": 1 }),
        json!({ "tools": [], "resultType": "input_required" }),
        json!({ "tools": [], "resultType": null }),
    ] {
        assert_eq!(read(&mut search(&["a"]), &answer(&result)), Err(ListingError::Unreadable), "{result}");
    }
    for result in [json!({ "tools": [], "nextCursor": null }), json!({ "tools": [], "resultType": "complete" })] {
        assert_eq!(read(&mut search(&["a"]), &answer(&result)), Ok(Step::Done), "{result}");
    }
}

#[test]
fn a_tool_whose_schema_is_none_is_found_and_says_so() {
    let mut search = search(&["a", "b"]);
    let tools = [json!({ "name": "a" }), json!({ "name": "b", "inputSchema": true })];
    assert_eq!(read(&mut search, &page(&tools, None)), Ok(Step::Done));
    assert!(search.into_found().iter().all(|found| found.schema.is_err()));
}

#[test]
fn each_page_says_how_long_it_may_be_kept() {
    let mut search = search(&["a", "b"]);
    let result = json!({ "tools": [tool("a")], "nextCursor": "2", "ttlMs": 5000, "cacheScope": "public" });
    assert_eq!(read(&mut search, &answer(&result)), Ok(Step::Ask));
    assert_eq!(read(&mut search, &page(&[tool("b")], None)), Ok(Step::Done));
    let directive: Vec<_> = search.into_found().into_iter().map(|found| found.directive).collect();
    assert_eq!(directive[0], CacheDirective { scope: SchemaScope::Shared, seconds: 5 });
    assert_eq!(directive[1], CacheDirective { scope: SchemaScope::Subject, seconds: 60 });
}

#[test]
fn a_listing_ends_after_so_many_pages() {
    let mut search = search(&["a"]);
    for number in 0..MOST_PAGES {
        ask(&mut search);
        assert_eq!(read(&mut search, &page(&[], Some(&number.to_string()))), Ok(Step::Ask));
    }
    assert_eq!(search.request(Id::from("a")), Err(ListingError::TooManyPages));
}

#[test]
fn a_cursor_that_leads_to_itself_is_not_followed() {
    let mut search = search(&["a"]);
    assert_eq!(read(&mut search, &page(&[], Some("2"))), Ok(Step::Ask));
    assert_eq!(read(&mut search, &page(&[], Some("2"))), Err(ListingError::TooManyPages));
}

#[test]
fn all_pages_together_are_no_larger_than_allowed() {
    let mut search = search(&["a"]);
    let padded = |length: usize, cursor: &str| {
        let bare = page(&[], Some(cursor)).len();
        format!("{}{}", page(&[], Some(cursor)), " ".repeat(length - bare))
    };
    assert_eq!(read(&mut search, &padded(MOST_BYTES / 2, "1")), Ok(Step::Ask));
    assert_eq!(read(&mut search, &padded(MOST_BYTES / 2, "2")), Ok(Step::Ask));
    assert_eq!(read(&mut search, " "), Err(ListingError::TooLarge));
}
