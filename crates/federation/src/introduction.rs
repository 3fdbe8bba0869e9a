//! What a federation says of itself: `initialize` (up to 2025-11-25) and `server/discover` (2026-07-28).

use std::collections::HashSet;

use gatehouse_mcp_wire::json_rpc::Object;
use serde_json::{Value, json};

use crate::capabilities;
use crate::listing::set_caching;
use crate::naming::Naming;

/// The versions that `initialize` can agree on. A member that names another one has not understood the client, and would
/// make it leave the others.
const LEGACY_VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// What a member says of itself.
#[derive(Debug)]
pub(crate) struct Introduction {
    /// One of `initialize`, all that it supports of `server/discover`.
    versions: Vec<String>,
    capabilities: Object,
    instructions: Option<String>,
    milliseconds: u64,
    is_public: bool,
}

impl Introduction {
    /// Reads an `InitializeResult`. `None` where it is none.
    pub(crate) fn initialized(result: &Object) -> Option<Self> {
        let version = result.str("protocolVersion").filter(|version| LEGACY_VERSIONS.contains(&version.as_str()))?;
        Self::read(result, vec![version])
    }

    /// Reads a `DiscoverResult`. `None` where it is none.
    pub(crate) fn discovered(result: &Object) -> Option<Self> {
        Self::read(result, serde_json::from_str(result.get("supportedVersions")?.get()).ok()?)
    }

    fn read(result: &Object, versions: Vec<String>) -> Option<Self> {
        Some(Self {
            versions,
            capabilities: result.object("capabilities")?,
            instructions: result.str("instructions").filter(|text| !text.is_empty()),
            milliseconds: result.get("ttlMs").and_then(|text| text.get().parse().ok()).unwrap_or(0),
            is_public: result.str("cacheScope").as_deref() == Some("public"),
        })
    }
}

/// An `InitializeResult`: the oldest of the members' versions, which all of them speak.
pub(crate) fn initialize(naming: &Naming, name: &str, members: Vec<(usize, Introduction)>) -> Object {
    let mut result = Object::new();
    let oldest = members.iter().filter_map(|(_, member)| member.versions.first()).min();
    result.set("protocolVersion", &oldest);
    let instructions = instructions(naming, &members);
    result.set_raw("capabilities", union(naming, members).to_raw());
    result.set("serverInfo", &server_info(name));
    if let Some(instructions) = instructions {
        result.set("instructions", &instructions);
    }
    result
}

/// A `DiscoverResult`: the versions that all members have in common. `asked` is the version of the request, which all of
/// them understood.
pub(crate) fn discover(
    naming: &Naming,
    members: Vec<(usize, Introduction)>,
    asked: Option<String>,
    is_whole: bool,
) -> Object {
    let mut result = Object::new();
    result.set("resultType", "complete");
    let lists: Vec<_> = members.iter().map(|(_, member)| member.versions.clone()).collect();
    result.set("supportedVersions", &common(&lists).unwrap_or_else(|| asked.into_iter().collect()));
    let instructions = instructions(naming, &members);
    let milliseconds = members.iter().map(|(_, member)| member.milliseconds).min().filter(|_| is_whole).unwrap_or(0);
    let is_public = members.iter().all(|(_, member)| member.is_public);
    result.set_raw("capabilities", union(naming, members).to_raw());
    if let Some(instructions) = instructions {
        result.set("instructions", &instructions);
    }
    set_caching(&mut result, milliseconds, is_public);
    result
}

/// The `Implementation` that the client speaks to: not any member, but the route.
pub(crate) fn server_info(name: &str) -> Value {
    json!({"name": name, "version": env!("CARGO_PKG_VERSION")})
}

/// What all lists have, in the order of the first. `None` where that is nothing.
pub(crate) fn common(lists: &[Vec<String>]) -> Option<Vec<String>> {
    let (first, others) = lists.split_first()?;
    let others: Vec<HashSet<_>> = others.iter().map(|other| other.iter().collect()).collect();
    let is_common = |version: &&String| others.iter().all(|other| other.contains(version));
    Some(first.iter().filter(is_common).cloned().collect::<Vec<_>>()).filter(|common| !common.is_empty())
}

fn union(naming: &Naming, members: Vec<(usize, Introduction)>) -> Object {
    let capabilities: Vec<_> = members.into_iter().map(|(member, part)| (member, part.capabilities)).collect();
    capabilities::union(naming, &capabilities)
}

/// Each member's own words, after which names they are about.
fn instructions(naming: &Naming, members: &[(usize, Introduction)]) -> Option<String> {
    let (mut unprefixed, mut prefixed) = (Vec::new(), Vec::new());
    for (member, part) in members {
        let Some(text) = &part.instructions else { continue };
        match naming.prefix(*member) {
            None => unprefixed.push(text.clone()),
            Some(prefix) => {
                prefixed.push(format!("About the names that begin with `{prefix}_` or `{prefix}+`:\n\n{text}"));
            }
        }
    }
    unprefixed.append(&mut prefixed);
    (!unprefixed.is_empty()).then(|| unprefixed.join("\n\n"))
}
