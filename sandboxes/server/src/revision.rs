//! The revisions of MCP, and by which of them a request goes.

use gatehouse_mcp_wire::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use gatehouse_mcp_wire::header_value::{decoded, plain};
use gatehouse_mcp_wire::json_rpc::{Call, Reply, code};
use http::HeaderMap;
use serde_json::json;

/// Newest first.
pub const VERSIONS: [&str; 5] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Where a request of 2026-07-28 names its version.
const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do, in each request of 2026-07-28.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Characters of what a client has sent that an error repeats.
const LONGEST_REPEATED: usize = 64;

/// The rules that a request goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(&'static str);

impl Revision {
    /// The one that is assumed where nobody names any (2025-11-25, transports, "Protocol Version Header").
    pub const UNNAMED: Self = Self("2025-03-26");

    /// The version.
    pub const fn version(self) -> &'static str {
        self.0
    }

    /// Whether each request stands alone.
    pub fn is_stateless(self) -> bool {
        self.0 >= "2026-07-28"
    }

    /// Whether a tool may say what its result looks like.
    pub fn has_output_schemas(self) -> bool {
        self.0 >= "2025-06-18"
    }

    /// Whether a tool may say what it does to its surroundings.
    pub fn has_annotations(self) -> bool {
        self.0 >= "2025-03-26"
    }

    /// Whether there are batches.
    pub fn has_batches(self) -> bool {
        self.0 == "2025-03-26"
    }

    /// The revision of an `initialize`: the one that it asks for where there is one, and the newest with `initialize` otherwise. The
    /// documented server's clients may ask for none, and get the one of its documents.
    pub fn initialized(call: &Call) -> Self {
        let [_, newest, ..] = VERSIONS;
        match call.param("protocolVersion") {
            None => Self::UNNAMED,
            Some(version) => known(&version).filter(|known| !known.is_stateless()).unwrap_or(Self(newest)),
        }
    }

    /// The revision of a request, once headers and body agree on it.
    ///
    /// # Errors
    /// The error that is answered with 400.
    pub fn of(headers: &HeaderMap, call: &Call) -> Result<Self, Box<Reply>> {
        let claim = call.meta().filter(|meta| meta.contains(CLAIM));
        let named = headers.get(MCP_PROTOCOL_VERSION).map(|value| plain(value).unwrap_or_default());
        if let Some(meta) = claim {
            let claimed = meta.str(CLAIM).ok_or_else(|| invalid(call, &format!("{CLAIM} is no string")))?;
            if named.is_some_and(|named| named != claimed) {
                return Err(mismatch(call, "MCP-Protocol-Version is not the version of the body"));
            }
            let revision = known(&claimed).ok_or_else(|| unsupported(call, &claimed))?;
            if !revision.is_stateless() {
                return Ok(revision);
            }
            if meta.object(CAPABILITIES).is_none() {
                return Err(invalid(call, &format!("_meta lacks {CAPABILITIES}")));
            }
            if named.is_none() {
                return Err(mismatch(call, "MCP-Protocol-Version is missing"));
            }
            check_repeated(headers, call)?;
            return Ok(revision);
        }
        match named {
            None => Ok(Self::UNNAMED),
            // What it asks for stands in the body.
            Some(_) if call.method == "initialize" => Ok(Self::initialized(call)),
            Some(version) => match known(version) {
                Some(revision) if revision.is_stateless() => Err(invalid(call, &format!("_meta lacks {CLAIM}"))),
                Some(revision) => Ok(revision),
                None => Err(unsupported(call, version)),
            },
        }
    }
}

/// Checks that the headers of 2026-07-28 say what the body says.
fn check_repeated(headers: &HeaderMap, call: &Call) -> Result<(), Box<Reply>> {
    match headers.get(MCP_METHOD) {
        None => return Err(mismatch(call, "Mcp-Method is missing")),
        Some(value) if plain(value) != Some(&call.method) => {
            return Err(mismatch(call, "Mcp-Method is not the method of the body"));
        }
        Some(_) => {}
    }
    let parameter = match call.method.as_str() {
        "tools/call" => "name",
        "resources/read" => "uri",
        _ => return Ok(()),
    };
    match (call.param(parameter), headers.get(MCP_NAME)) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(mismatch(call, "Mcp-Name is missing")),
        (Some(name), Some(value)) if decoded(value).is_some_and(|value| *value == name) => Ok(()),
        (Some(_), Some(_)) => Err(mismatch(call, &format!("Mcp-Name is not the {parameter} of the body"))),
    }
}

fn known(version: &str) -> Option<Revision> {
    VERSIONS.into_iter().find(|known| *known == version).map(Revision)
}

fn invalid(call: &Call, text: &str) -> Box<Reply> {
    Box::new(Reply::error::<()>(call.id.clone(), code::INVALID_PARAMS, text, None))
}

fn mismatch(call: &Call, text: &str) -> Box<Reply> {
    Box::new(Reply::error::<()>(call.id.clone(), code::HEADER_MISMATCH, text, None))
}

fn unsupported(call: &Call, version: &str) -> Box<Reply> {
    let requested: String = version.chars().take(LONGEST_REPEATED).collect();
    let data = json!({ "supported": VERSIONS, "requested": requested });
    let text = "Unsupported protocol version";
    Box::new(Reply::error(call.id.clone(), code::UNSUPPORTED_VERSION, text, Some(&data)))
}
