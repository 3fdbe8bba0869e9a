//! The table of methods.

use gatehouse_mcp_wire::json_rpc::Call;

use crate::Lifecycle;
use crate::listing::Listed;
use crate::merge::Kind;

/// Whom a method is for, and how the answers become one.
pub(crate) enum Rule {
    /// The member whose tool or prompt `params.name` is.
    Name,
    /// The member whose resource `params.uri` is.
    Uri,
    /// The member whose prompt or resource template `params.ref` is.
    Reference,
    /// The member that gave out `params.progressToken`.
    Progress,
    /// All.
    All(Kind),
    Listing(Listed),
    Subscribe,
    /// Whatever we do not know is for the member whose server it is as if it stood there alone.
    Unprefixed,
}

impl Rule {
    pub(crate) fn of(lifecycle: Lifecycle, call: &Call) -> Self {
        let method = call.method.as_str();
        if call.id.is_none() {
            return Self::of_notification(lifecycle, method);
        }
        if let Some(listed) = Listed::of(method) {
            return Self::Listing(listed);
        }
        match (lifecycle, method) {
            (_, "tools/call" | "prompts/get") => Self::Name,
            (_, "resources/read") | (Lifecycle::Session, "resources/subscribe" | "resources/unsubscribe") => Self::Uri,
            (_, "completion/complete") => Self::Reference,
            (Lifecycle::Session, "initialize") => Self::All(Kind::Initialize),
            (Lifecycle::Session, "ping" | "logging/setLevel") => Self::All(Kind::Empty),
            (Lifecycle::Stateless, "server/discover") => {
                let version = call.meta().and_then(|meta| meta.str("io.modelcontextprotocol/protocolVersion"));
                Self::All(Kind::Discover { version })
            }
            (Lifecycle::Stateless, "subscriptions/listen") => Self::Subscribe,
            _ => Self::Unprefixed,
        }
    }

    fn of_notification(lifecycle: Lifecycle, method: &str) -> Self {
        match (lifecycle, method) {
            // The request that is cancelled is the client's own; whoever does not know it does not mind (MCP, cancellation).
            // The task is one of the client's, too.
            (_, "notifications/cancelled")
            | (
                Lifecycle::Session,
                "notifications/initialized" | "notifications/roots/list_changed" | "notifications/tasks/status",
            ) => Self::All(Kind::Notification),
            (Lifecycle::Session, "notifications/progress") => Self::Progress,
            _ => Self::Unprefixed,
        }
    }
}
