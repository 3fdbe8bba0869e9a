//! Which names may stand in a label: those that the operator or a server has told, and never those that clients choose.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use gatehouse_mcp_wire::json_rpc::requests;

use crate::label::{Label, OTHER};

/// The most names of tools of one route.
const MOST_TOOLS: usize = 200;
/// The longest name of a tool (MCP 2025-11-25, tools: 128 characters).
const LONGEST_TOOL: usize = 128;

/// What another party is for Gatehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The MCP server behind a route.
    Server,
    /// An identity provider.
    IdentityProvider,
    /// Anybody else: the issuer of other tokens, a client's document.
    Other,
}

impl Peer {
    /// Its word in a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::IdentityProvider => "identity-provider",
            Self::Other => "other",
        }
    }
}

/// The names that are known.
#[derive(Debug, Default)]
pub struct Names {
    paths: HashSet<String>,
    peers: HashMap<(String, u16), Peer>,
    tools: RwLock<HashMap<String, BTreeSet<String>>>,
}

impl Names {
    /// Those of a configuration: the paths that are served, the parties by host and port, and the tools of each route that the
    /// configuration names.
    pub fn new(
        paths: impl IntoIterator<Item = String>,
        peers: BTreeMap<(String, u16), Peer>,
        tools: impl IntoIterator<Item = (String, Vec<String>)>,
    ) -> Self {
        let names = Self { paths: paths.into_iter().collect(), peers: peers.into_iter().collect(), ..Self::default() };
        for (route, tools) in tools {
            names.learn(&route, tools);
        }
        names
    }

    /// Adds tools that a server at this route lists, as far as there is room for them.
    pub fn learn(&self, route: &str, tools: impl IntoIterator<Item = String>) {
        let mut known = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        if !self.paths.contains(route) {
            return;
        }
        let known = known.entry(route.to_owned()).or_default();
        for tool in tools.into_iter().filter(|tool| is_tool_name(tool)) {
            if known.len() < MOST_TOOLS {
                known.insert(tool);
            }
        }
    }

    pub(crate) fn path(&self, path: &str) -> Label {
        if self.paths.contains(path) { Label::Owned(path.to_owned()) } else { OTHER }
    }

    pub(crate) fn tool(&self, route: &str, tool: &str) -> Label {
        let known = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        if known.get(route).is_some_and(|tools| tools.contains(tool)) { Label::Owned(tool.to_owned()) } else { OTHER }
    }

    /// Host, port, and what the party is.
    pub(crate) fn peer(&self, host: &str, port: u16) -> [Label; 3] {
        match self.peers.get(&(host.to_ascii_lowercase(), port)) {
            Some(peer) => [Label::Owned(host.to_ascii_lowercase()), Label::Owned(port.to_string()), peer.word().into()],
            None => [OTHER, Label::default(), Peer::Other.word().into()],
        }
    }
}

/// What MCP advises for the names of tools. Others have room in no label, for they could say anything.
fn is_tool_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    (1..=LONGEST_TOOL).contains(&name.len()) && name.bytes().all(plain)
}

/// The methods of HTTP that the conventions know; any other is `_OTHER` there.
pub(crate) fn http_method(method: &str) -> Label {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).map_or(Label::Borrowed("_OTHER"), Label::Borrowed)
}

/// The methods of MCP, of all revisions; any other is `other`.
pub(crate) fn mcp_method(method: &str) -> Label {
    const NOTIFICATIONS: [&str; 11] = [
        "notifications/cancelled",
        "notifications/elicitation/complete",
        "notifications/initialized",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
        "notifications/tools/list_changed",
    ];
    requests().chain(NOTIFICATIONS).find(|known| *known == method).map_or(OTHER, Label::Borrowed)
}

pub(crate) const TOOLS_CALL: &str = "tools/call";
pub(crate) const TOOLS_LIST: &str = "tools/list";

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let peers = BTreeMap::from([(("files.internal".to_owned(), 8080), Peer::Server)]);
        Names::new(["/mcp".to_owned()], peers, [("/mcp".to_owned(), vec!["echo".to_owned(), "read*".to_owned()])])
    }

    #[test]
    fn a_name_that_nobody_has_told_is_another() {
        let names = names();
        assert_eq!((names.path("/mcp"), names.path("/alice")), ("/mcp".into(), OTHER));
        assert_eq!(names.tool("/mcp", "echo"), "echo");
        for (route, tool) in [("/mcp", "read_1"), ("/mcp", "read*"), ("/other", "echo"), ("/mcp", "")] {
            assert_eq!(names.tool(route, tool), OTHER, "{route} {tool}");
        }
        assert_eq!(names.peer("Files.internal", 8080), ["files.internal", "8080", "server"].map(Label::from));
        assert_eq!(names.peer("alice.example", 443), ["other", "", "other"].map(Label::from));
        assert_eq!((http_method("BREW"), mcp_method("alice@example.com")), ("_OTHER".into(), OTHER));
        assert_eq!((http_method("POST"), mcp_method("tools/call")), ("POST".into(), "tools/call".into()));
    }

    #[test]
    fn a_listing_tells_names_up_to_a_number_and_only_those_that_look_like_one() {
        let names = names();
        names.learn("/mcp", ["alice@example.com".to_owned(), "a b".to_owned(), "x".repeat(129)]);
        names.learn("/unknown", ["tool".to_owned()]);
        names.learn("/mcp", (0..1_000).map(|number| format!("tool_{number}")));
        assert_eq!(names.tool("/mcp", "alice@example.com"), OTHER);
        assert_eq!(names.tool("/unknown", "tool"), OTHER);
        assert_eq!((names.tool("/mcp", "tool_198"), names.tool("/mcp", "tool_199")), ("tool_198".into(), OTHER));
    }
}
