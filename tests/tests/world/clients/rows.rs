//! The clients, and what each is known to be unable to do.

use crate::installed::Registry;

/// A client of others.
pub(crate) struct Row {
    /// What the table, and the program that drives it, call it.
    pub(crate) name: &'static str,
    /// Its package.
    pub(crate) registry: Registry,
    pub(crate) package: &'static str,
    /// How it comes to be known.
    pub(crate) identity: &'static str,
    /// Whether it goes on when its token has expired, without a browser.
    pub(crate) outlives: Ability,
    /// Whether it asks for the scope that a call needs.
    pub(crate) steps_up: Ability,
    /// What must be set, and what else is to be known.
    pub(crate) remark: &'static str,
}

/// What a client can, or why it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ability {
    /// It does.
    Yes,
    /// It does not; what the table says of it.
    No(&'static str),
}

use Ability::{No, Yes};

const REGISTERS: &str = "registers";
/// <https://github.com/modelcontextprotocol/typescript-sdk/issues/2255>
const REFRESHES: Ability = No("the TypeScript SDK 1.32 in it refreshes instead, which widens no token");

#[rustfmt::skip]
pub(crate) static CLIENTS: [Row; 11] = [
    Row { name: "fastmcp", registry: Registry::PyPi, package: "fastmcp", identity: REGISTERS, outlives: Yes, steps_up: Yes, remark: "" },
    Row { name: "@ai-sdk/mcp", registry: Registry::Npm, package: "@ai-sdk/mcp", identity: REGISTERS, outlives: Yes, steps_up: No("it hands the 403 to the application"), remark: "" },
    Row { name: "langchain-mcp-adapters", registry: Registry::PyPiSdk1, package: "langchain-mcp-adapters", identity: REGISTERS, outlives: Yes, steps_up: Yes, remark: "`auth`: the SDK's `OAuthClientProvider`" },
    Row { name: "pydantic-ai", registry: Registry::PyPi, package: "pydantic-ai-slim", identity: REGISTERS, outlives: Yes, steps_up: Yes, remark: "`auth`: fastmcp's `OAuth`" },
    Row { name: "@mastra/mcp", registry: Registry::Npm, package: "@mastra/mcp", identity: "its document", outlives: Yes, steps_up: No("it opens the browser, but nobody listens for the answer"), remark: "it does not register: `clientMetadataUrl`, or `clientInformation` with an id of the configuration" },
    Row { name: "strands-agents", registry: Registry::PyPiSdk1, package: "strands-agents", identity: REGISTERS, outlives: Yes, steps_up: Yes, remark: "`auth_provider`: the SDK's `OAuthClientProvider`" },
    Row { name: "openai-agents", registry: Registry::PyPi, package: "openai-agents", identity: REGISTERS, outlives: Yes, steps_up: Yes, remark: "`params['auth']`: the SDK's `OAuthClientProvider`" },
    Row { name: "@langchain/mcp-adapters", registry: Registry::Npm, package: "@langchain/mcp-adapters", identity: REGISTERS, outlives: Yes, steps_up: REFRESHES, remark: "" },
    Row { name: "use-mcp", registry: Registry::Npm, package: "use-mcp", identity: REGISTERS, outlives: Yes, steps_up: REFRESHES, remark: "in Chromium; `allowed_origins` must name its page" },
    Row { name: "mcp-use", registry: Registry::PyPiSdk1, package: "mcp-use", identity: REGISTERS, outlives: No("it keeps its first token for as long as it is connected"), steps_up: No("it does not know this answer"), remark: "" },
    Row { name: "mcporter", registry: Registry::Npm, package: "mcporter", identity: REGISTERS, outlives: Yes, steps_up: REFRESHES, remark: "`oauthRedirectUrl` with a port: without it, each command has another port, forgets its registration, and cannot refresh" },
];
