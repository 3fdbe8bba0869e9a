//! The table of methods.

use gatehouse_mcp_wire::json_rpc::Call;

use crate::Era;
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
    Listen,
    /// Whatever we do not know is for the member whose server it is as if it stood there alone.
    Unprefixed,
}

impl Rule {
    pub(crate) fn of(era: Era, call: &Call) -> Self {
        let method = call.method.as_str();
        if call.id.is_none() {
            return Self::of_notification(era, method);
        }
        if let Some(listed) = Listed::of(method) {
            return Self::Listing(listed);
        }
        match (era, method) {
            (_, "tools/call" | "prompts/get") => Self::Name,
            (_, "resources/read") | (Era::Legacy, "resources/subscribe" | "resources/unsubscribe") => Self::Uri,
            (_, "completion/complete") => Self::Reference,
            (Era::Legacy, "initialize") => Self::All(Kind::Initialize),
            (Era::Legacy, "ping" | "logging/setLevel") => Self::All(Kind::Empty),
            (Era::Modern, "server/discover") => {
                let version = call.meta().and_then(|meta| meta.str("io.modelcontextprotocol/protocolVersion"));
                Self::All(Kind::Discover { version })
            }
            (Era::Modern, "subscriptions/listen") => Self::Listen,
            _ => Self::Unprefixed,
        }
    }

    fn of_notification(era: Era, method: &str) -> Self {
        match (era, method) {
            // The request that is cancelled is the client's own; whoever does not know it does not mind (MCP, cancellation).
            // The task is one of the client's, too.
            (_, "notifications/cancelled")
            | (
                Era::Legacy,
                "notifications/initialized" | "notifications/roots/list_changed" | "notifications/tasks/status",
            ) => Self::All(Kind::Notification),
            (Era::Legacy, "notifications/progress") => Self::Progress,
            _ => Self::Unprefixed,
        }
    }
}
