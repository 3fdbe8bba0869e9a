//! Listings: the pages of all members as one page (MCP, pagination; 2026-07-28, caching).

use gatehouse_mcp_wire::json_rpc::Object;
use serde_json::value::RawValue;

use crate::Lifecycle;
use crate::content::with_uri;
use crate::cursor::{self, Cursor};
use crate::naming::Naming;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Tools,
    Prompts,
    Resources,
    Templates,
}

/// One member's page, with the client's names.
#[derive(Debug)]
pub(crate) struct Page {
    items: Vec<Box<RawValue>>,
    next: Option<String>,
    milliseconds: u64,
    is_public: bool,
}

impl Listed {
    pub(crate) fn of(method: &str) -> Option<Self> {
        match method {
            "tools/list" => Some(Self::Tools),
            "prompts/list" => Some(Self::Prompts),
            "resources/list" => Some(Self::Resources),
            "resources/templates/list" => Some(Self::Templates),
            _ => None,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// Reads a member's page. `None` where it is none, or its cursor is longer than ours could carry.
    pub(crate) fn page(self, naming: &Naming, member: usize, result: &Object) -> Option<Page> {
        let is_complete = result.get("resultType").is_none_or(|kind| kind.get() == r#""complete""#);
        let items = result.array(self.key()).filter(|_| is_complete)?;
        let next = match result.get("nextCursor") {
            Some(next) if next.get() != "null" => Some(result.str("nextCursor")?),
            _ => None,
        };
        if next.as_ref().is_some_and(|next| next.len() > cursor::MOST_BYTES) {
            return None;
        }
        Some(Page {
            items: items.iter().filter_map(|item| self.outward(naming, member, item)).collect(),
            next,
            milliseconds: result.get("ttlMs").and_then(|text| text.get().parse().ok()).unwrap_or(0),
            is_public: result.str("cacheScope").as_deref() == Some("public"),
        })
    }

    /// One page of many. Of members that have no part in it, `is_whole` says that there are none.
    pub(crate) fn merge(
        self,
        naming: &Naming,
        lifecycle: Lifecycle,
        pages: Vec<(usize, Page)>,
        was_private: bool,
        is_whole: bool,
    ) -> Object {
        let is_private = was_private || pages.iter().any(|(_, page)| !page.is_public);
        // What misses something is to be asked for again.
        let milliseconds = pages.iter().map(|(_, page)| page.milliseconds).min().filter(|_| is_whole).unwrap_or(0);
        let (mut items, mut positions) = (Vec::new(), Vec::new());
        for (member, page) in pages {
            items.extend(page.items);
            positions.extend(page.next.map(|next| (member, next)));
        }
        let mut result = Object::new();
        if lifecycle == Lifecycle::Stateless {
            result.set("resultType", "complete");
        }
        result.set(self.key(), &items);
        if !positions.is_empty() {
            let is_private = is_private && lifecycle == Lifecycle::Stateless;
            result.set("nextCursor", &Cursor { is_private, positions }.text(naming));
        }
        if lifecycle == Lifecycle::Stateless {
            set_caching(&mut result, milliseconds, !is_private);
        }
        result
    }

    /// An item as the client gets it. `None` where it has no name that a call could say.
    fn outward(self, naming: &Naming, member: usize, item: &RawValue) -> Option<Box<RawValue>> {
        let uri = |uri: &str| naming.uri_outward(member, uri);
        match self {
            Self::Resources => has(item, "uri").and_then(|()| with_uri(item, "uri", &uri)),
            Self::Templates => has(item, "uriTemplate").and_then(|()| with_uri(item, "uriTemplate", &uri)),
            Self::Prompts => {
                has(item, "name").and_then(|()| with_uri(item, "name", &|name: &str| naming.name_outward(member, name)))
            }
            Self::Tools => tool(naming, member, item),
        }
    }
}

/// `ttlMs` and `cacheScope`.
pub(crate) fn set_caching(result: &mut Object, milliseconds: u64, is_public: bool) {
    result.set("ttlMs", &milliseconds);
    result.set("cacheScope", if is_public { "public" } else { "private" });
}

fn has(item: &RawValue, key: &str) -> Option<()> {
    Object::of(item)?.str(key).map(|_| ())
}

/// A tool: its name, and the resource that shows it (MCP Apps, `_meta.ui.resourceUri`, formerly `ui/resourceUri`).
fn tool(naming: &Naming, member: usize, item: &RawValue) -> Option<Box<RawValue>> {
    let mut tool = Object::of(item)?;
    let name = naming.name_outward(member, &tool.str("name")?)?;
    if naming.prefix(member).is_none() {
        return Some(item.to_owned());
    }
    // Tasks go by ids of their own, in methods that only the member without a prefix gets.
    if tool.object("execution").is_some_and(|execution| execution.str("taskSupport").as_deref() == Some("required")) {
        return None;
    }
    tool.remove("execution");
    tool.set("name", &name);
    if let Some(mut meta) = tool.object("_meta") {
        let outward = |uri: &str| naming.uri_outward(member, uri);
        if let Some(ui) = meta.get("ui").and_then(|ui| with_uri(ui, "resourceUri", &outward)) {
            meta.set_raw("ui", ui);
        }
        if let Some(uri) = meta.str("ui/resourceUri").and_then(|uri| outward(&uri)) {
            meta.set("ui/resourceUri", &uri);
        }
        tool.set_raw("_meta", meta.to_raw());
    }
    Some(tool.to_raw())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::naming::naming;

    fn object(value: &Value) -> Object {
        Object::parse(&value.to_string()).unwrap()
    }

    fn items(listed: Listed, member: usize, items: Value) -> Value {
        let naming = naming(&["", "files", "git"]);
        let page = listed.page(&naming, member, &object(&json!({listed.key(): items}))).unwrap();
        serde_json::from_str(&serde_json::to_string(&page.items).unwrap()).unwrap()
    }

    #[test]
    fn listed_things_get_the_prefix_where_their_names_stand() {
        let tool =
            |name: &str| json!({"name": name, "title": "Search", "inputSchema": {"type": "object", "name": "search"}});
        assert_eq!(items(Listed::Tools, 1, json!([tool("search")])), json!([tool("files_search")]));
        assert_eq!(items(Listed::Tools, 0, json!([tool("search")])), json!([tool("search")]));
        let prompt = |name: &str| json!({"name": name, "arguments": [{"name": "search"}]});
        assert_eq!(items(Listed::Prompts, 2, json!([prompt("search")])), json!([prompt("git_search")]));
        let resource = |uri: &str| json!({"name": "search", "uri": uri, "size": 5});
        assert_eq!(items(Listed::Resources, 1, json!([resource("file:///a")])), json!([resource("files+file:///a")]));
        let template = |uri: &str| json!({"name": "search", "uriTemplate": uri});
        assert_eq!(items(Listed::Templates, 1, json!([template("{+x}:y")])), json!([template("files+{+x}:y")]));
    }

    #[test]
    fn what_cannot_be_called_is_not_listed() {
        for name in [json!("files_search"), json!(null), json!(5)] {
            assert_eq!(items(Listed::Tools, 0, json!([{"name": name}, {"name": "a"}])), json!([{"name": "a"}]));
            assert_eq!(items(Listed::Prompts, 0, json!([{"name": name}, {"name": "a"}])), json!([{"name": "a"}]));
        }
        for uri in [json!("files+x:y"), json!("FILES+x:y"), json!(null)] {
            assert_eq!(items(Listed::Resources, 0, json!([{"uri": uri}, {"uri": "x:y"}])), json!([{"uri": "x:y"}]));
            let templates = json!([{"uriTemplate": uri}, {"uriTemplate": "x:y"}]);
            assert_eq!(items(Listed::Templates, 0, templates), json!([{"uriTemplate": "x:y"}]));
        }
        assert_eq!(items(Listed::Tools, 1, json!([null, 5, "a", [], {}])), json!([]));
    }

    #[test]
    fn a_tool_names_its_page_as_the_client_does_and_no_tasks() {
        let tool = |name: &str, uri: &str| json!({"name": name, "_meta": {"ui": {"resourceUri": uri, "x": 1}, "ui/resourceUri": uri, "y": 2}});
        let mut own = tool("search", "ui://a");
        own["execution"] = json!({"taskSupport": "optional"});
        let required = json!({"name": "slow", "execution": {"taskSupport": "required"}});
        assert_eq!(items(Listed::Tools, 1, json!([own, required])), json!([tool("files_search", "ui://files+a")]));
        assert_eq!(items(Listed::Tools, 0, json!([own, required])), json!([own, required]));
    }

    #[test]
    fn a_page_that_is_none_is_not_read() {
        let naming = naming(&["files"]);
        let long = "a".repeat(cursor::MOST_BYTES + 1);
        for result in [
            json!({}),
            json!({"tools": {}}),
            json!({"tools": null}),
            json!({"prompts": []}),
            json!({"tools": [], "nextCursor": 5}),
            json!({"tools": [], "nextCursor": long}),
            json!({"tools": [], "resultType": "input_required"}),
        ] {
            assert!(Listed::Tools.page(&naming, 0, &object(&result)).is_none(), "{result}");
        }
    }

    fn merged(lifecycle: Lifecycle, pages: &[(usize, Value)], was_private: bool, is_whole: bool) -> Value {
        let naming = naming(&["", "files", "git"]);
        let pages = pages
            .iter()
            .map(|(member, page)| (*member, Listed::Tools.page(&naming, *member, &object(page)).unwrap()))
            .collect();
        let merged = Listed::Tools.merge(&naming, lifecycle, pages, was_private, is_whole);
        serde_json::from_str(&merged.to_string()).unwrap()
    }

    #[test]
    fn a_modern_page_is_as_fresh_and_as_public_as_its_parts() {
        let page = |ttl: Value, scope: &str| json!({"tools": [], "ttlMs": ttl, "cacheScope": scope});
        let caching = |pages: &[(usize, Value)], was_private, is_whole| {
            let merged = merged(Lifecycle::Stateless, pages, was_private, is_whole);
            (merged["ttlMs"].as_u64().unwrap(), merged["cacheScope"].as_str().unwrap().to_owned())
        };
        let public = |milliseconds| (milliseconds, "public".to_owned());
        let private = |milliseconds| (milliseconds, "private".to_owned());
        let both = [(0, page(json!(10), "public")), (1, page(json!(7), "public"))];
        assert_eq!(caching(&both, false, true), public(7));
        assert_eq!(caching(&both, true, true), private(7));
        assert_eq!(caching(&both, false, false), public(0));
        assert_eq!(
            caching(&[(0, page(json!(10), "public")), (1, page(json!(20), "private"))], false, true),
            private(10)
        );
        assert_eq!(caching(&[(0, page(json!(10), "public")), (1, json!({"tools": []}))], false, true), private(0));
        assert_eq!(caching(&[(0, page(json!(-5), "public"))], false, true), public(0));
        assert_eq!(caching(&[(0, page(json!(10), "PUBLIC"))], false, true), private(10));
    }

    #[test]
    fn a_legacy_page_says_nothing_of_caching() {
        let pages = [(0, json!({"tools": [{"name": "a"}], "nextCursor": "2"})), (2, json!({"tools": [{"name": "b"}]}))];
        let positions = vec![(0, "2".to_owned())];
        let next = Cursor { is_private: false, positions }.text(&naming(&["", "files", "git"]));
        assert_eq!(
            merged(Lifecycle::Session, &pages, false, true),
            json!({"tools": [{"name": "a"}, {"name": "git_b"}], "nextCursor": next})
        );
    }
}
