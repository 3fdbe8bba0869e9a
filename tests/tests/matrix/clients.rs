//! The clients: which program with which options, and what each can do.

use gatehouse_tests::Program;

use crate::outcome::Outcome;
use Transport::{Events, Http, HttpThenEvents};

/// A real client.
pub(crate) struct Client {
    /// What the table calls it.
    pub(crate) name: &'static str,
    program: &'static [&'static str],
    pub(crate) transport: Transport,
    /// Whether it begins sessions with `initialize`.
    pub(crate) legacy: bool,
    /// Whether it speaks 2026-07-28.
    pub(crate) modern: bool,
    pub(crate) notices: Notices,
}

/// Over which transports a client connects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Streamable HTTP.
    Http,
    /// HTTP+SSE (2024-11-05): it is given the route's `/sse`.
    Events,
    /// The first, and the second where that is not there.
    HttpThenEvents,
}

/// What notifications a program can show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notices {
    /// None: it prints answers only.
    None,
    /// Those of a call that is running.
    Progress,
    /// These, and those outside of any request.
    All,
}

const fn client(
    name: &'static str,
    program: &'static [&'static str],
    transport: Transport,
    (legacy, modern): (bool, bool),
    notices: Notices,
) -> Client {
    Client { name, program, transport, legacy, modern, notices }
}

const LEGACY: (bool, bool) = (true, false);
const MODERN: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

/// The rows of the table.
#[rustfmt::skip]
pub(crate) static CLIENTS: [Client; 16] = [
    client("TypeScript SDK 1.32", &["sdk-legacy.mjs"], Http, LEGACY, Notices::All),
    client("TypeScript SDK 1.32, SSE only", &["sdk-legacy.mjs", "--transport", "sse"], Events, LEGACY, Notices::All),
    client("TypeScript SDK 2.4, legacy", &["sdk-modern.mjs", "--negotiation", "legacy"], Http, LEGACY, Notices::All),
    client("TypeScript SDK 2.4, auto", &["sdk-modern.mjs", "--negotiation", "auto"], Http, BOTH, Notices::All),
    client("TypeScript SDK 2.4, modern", &["sdk-modern.mjs", "--negotiation", "modern"], Http, MODERN, Notices::All),
    client("Python SDK 2.3, legacy", &["python_sdk.py", "--mode", "legacy"], Http, LEGACY, Notices::Progress),
    client("Python SDK 2.3, auto", &["python_sdk.py", "--mode", "auto"], Http, BOTH, Notices::Progress),
    client("Python SDK 2.3, modern", &["python_sdk.py", "--mode", "modern"], Http, MODERN, Notices::Progress),
    client("Python SDK 2.3, SSE only", &["python_sdk.py", "--mode", "legacy", "--transport", "sse"], Events, LEGACY, Notices::Progress),
    client("`mcp-remote` 0.15", &["mcp-remote.mjs", "--protocol", "legacy"], HttpThenEvents, LEGACY, Notices::All),
    client("`mcp-remote` 0.15, auto", &["mcp-remote.mjs", "--protocol", "auto"], HttpThenEvents, BOTH, Notices::All),
    client("`mcp-remote` 0.15, SSE only", &["mcp-remote.mjs", "--transport", "sse-only"], Events, LEGACY, Notices::All),
    client("Inspector 2.12, legacy", &["inspector.mjs", "--era", "legacy"], Http, LEGACY, Notices::None),
    client("Inspector 2.12, auto", &["inspector.mjs", "--era", "auto"], Http, BOTH, Notices::None),
    client("Inspector 2.12, modern", &["inspector.mjs", "--era", "modern"], Http, MODERN, Notices::None),
    client("Inspector 2.12, SSE only", &["inspector.mjs", "--era", "legacy", "--transport", "sse"], Events, LEGACY, Notices::None),
];

impl Client {
    /// Signs in at the route at `url`, lists, calls and waits for notifications.
    pub(crate) async fn meets(&self, url: &str) -> Outcome {
        let url = if self.transport == Events { format!("{url}/sse") } else { url.to_owned() };
        let (program, how) = self.program.split_first().expect("a program");
        let arguments = [&[url.as_str()], how, &["--notifications", "--client-id", "public"]].concat();
        Outcome::of(Program::client(program, &arguments).steps().await)
    }
}
