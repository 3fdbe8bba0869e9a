//! Why an answer differs from the server's own.

use super::differences::Difference;

/// A kind of difference, and its reason.
pub(crate) struct Explained {
    /// What the table calls it.
    pub(crate) name: &'static str,
    fields: &'static [&'static str],
    change: Change,
    /// Why Gatehouse does it.
    pub(crate) reason: &'static str,
}

/// What becomes of the field.
#[derive(Clone, Copy)]
enum Change {
    /// Anything.
    Any,
    /// It does not come through.
    Withheld,
    /// Its value is Gatehouse's.
    Ours(&'static str),
    /// It has no parameters any more.
    WithoutParameters,
    /// Gatehouse began to answer before the server did.
    BegunEarly,
}

use Change::{Any, BegunEarly, Ours, Withheld, WithoutParameters};

/// All that may differ. A field of a message is not among it.
pub(crate) static EXPLAINED: [Explained; 10] = [
    Explained {
        name: "`Connection`, `Keep-Alive`, `Transfer-Encoding`, `Content-Length`, `Date`",
        fields: &[
            "header connection",
            "header keep-alive",
            "header transfer-encoding",
            "header content-length",
            "header date",
        ],
        change: Any,
        reason: "They belong to one connection and one answer (RFC 9110, 6.6.1 and 7.6.1).",
    },
    Explained {
        name: "`Server`, `X-Powered-By`, `ETag`, `Content-Security-Policy`",
        fields: &["header server", "header x-powered-by", "header etag", "header content-security-policy"],
        change: Withheld,
        reason: "Only those headers of a server come through that MCP knows ([cases.md](cases.md), S22).",
    },
    Explained {
        name: "`Access-Control-…`",
        fields: &[
            "header access-control-allow-origin",
            "header access-control-allow-methods",
            "header access-control-allow-headers",
            "header access-control-allow-credentials",
            "header access-control-expose-headers",
        ],
        change: Withheld,
        reason: "A browser is before Gatehouse, which answers its questions itself.",
    },
    Explained {
        name: "`WWW-Authenticate`",
        fields: &["header www-authenticate"],
        change: Withheld,
        reason: "Clients have tokens of Gatehouse; context7 names an authorization server of its own in every answer.",
    },
    Explained {
        name: "`Cache-Control`",
        fields: &["header cache-control"],
        change: Ours("no-store"),
        reason: "What is for one user is kept by nobody on the way.",
    },
    Explained {
        name: "`Vary`",
        fields: &["header vary"],
        change: Ours("Origin"),
        reason: "What browsers are told depends on the origin of their page, at every route.",
    },
    Explained {
        name: "`X-Content-Type-Options`, `X-Request-Id`, `X-Accel-Buffering`",
        fields: &["header x-content-type-options", "header x-request-id", "header x-accel-buffering"],
        change: Any,
        reason: "Gatehouse adds them to every answer, or to every stream.",
    },
    Explained {
        name: "`Content-Type: text/event-stream` with parameters",
        fields: &["header content-type"],
        change: WithoutParameters,
        reason: "Gatehouse writes the events anew; the type needs no parameters.",
    },
    Explained {
        name: "`Mcp-Session-Id` before a request of 2026-07-28",
        fields: &["header mcp-session-id"],
        change: Withheld,
        reason: "2026-07-28 has no sessions; mcp-proxy (PyPI) begins one for each request.",
    },
    Explained {
        name: "`Content-Type`, and the status, of an answer of 2026-07-28 that takes more than 2 s",
        fields: &["status", "header content-type", "event 0 id", "event 0 name"],
        change: BegunEarly,
        reason: "Gatehouse begins a stream of events by itself, so that nobody on the way gives up; the answer is in it.",
    },
];

impl Explained {
    /// Whether it depends on how busy the machine is.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        matches!(self.change, BegunEarly)
    }

    /// Whether it explains `difference`.
    pub(crate) fn explains(&self, difference: &Difference) -> bool {
        let Difference { direct, through, .. } = difference;
        let kind =
            |value: &Option<String>| value.as_deref().and_then(|value| value.split(';').next()).map(str::to_owned);
        self.fields.contains(&difference.field.as_str())
            && match self.change {
                Any => true,
                BegunEarly => difference.is_begun_early && difference.asked.ends_with("2026-07-28"),
                Withheld => through.is_none(),
                Ours(value) => through.as_deref() == Some(value),
                WithoutParameters => kind(direct) == kind(through) && kind(through) == *through,
            }
    }
}
