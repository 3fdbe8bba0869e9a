//! The names of tools in the answer to `tools/list`.

use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    result: Option<Listing>,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
}

/// The tools that an answer lists: a JSON-RPC message, or a stream of events that holds one. Nothing where it is neither.
pub fn tool_names(body: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(body) else { return Vec::new() };
    let names = |json: &str| serde_json::from_str::<Answer>(json).ok().and_then(|answer| answer.result);
    let listings: Vec<Listing> = match names(text) {
        Some(listing) => vec![listing],
        // An event of MCP has its message in one line.
        None => text.lines().filter_map(|line| names(line.strip_prefix("data:")?.trim())).collect(),
    };
    listings.into_iter().flat_map(|listing| listing.tools).map(|tool| tool.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_in_either_form_and_anything_else_lists_nothing() {
        let json = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo","inputSchema":{}},{"name":"read"}]}}"#;
        let events = format!("event: message\nid: 7\ndata: {json}\n\n");
        for body in [json, events.as_str()] {
            assert_eq!(tool_names(body.as_bytes()), ["echo", "read"], "{body}");
        }
        let nothing =
            ["", "{}", "data:", "[]", r#"{"result":{}}"#, r#"{"result":{"tools":[{"title":"x"}]}}"#, "\u{feff}{"];
        for body in nothing {
            assert!(tool_names(body.as_bytes()).is_empty(), "{body}");
        }
        assert!(tool_names(b"\xff").is_empty());
    }
}
