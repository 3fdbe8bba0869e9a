//! The programs of others that take part: nginx, strace, workers-oauth-provider and FastMCP.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::parts::Part;
use crate::toolchain::{apt, hosts, npm, proxies, python};
use crate::workspace::Workspace;
use crate::{process, progress};

/// The folder of the peers' programs, with the lists of what they need.
const PEERS: &str = "tests/peers";

/// Installs what the parts need, and tells the program that measures where it is.
pub fn tell(workspace: &Workspace, parts: &[Part], measuring: &mut Command) -> Result<()> {
    if parts.iter().any(|part| part.needs_nginx()) {
        let (nginx, libraries) = proxies::nginx(workspace).context("nginx is the MCP server that is measured with")?;
        measuring.env("GATEHOUSE_BENCH_NGINX", nginx);
        if let Some(libraries) = libraries {
            measuring.env("GATEHOUSE_BENCH_NGINX_LIBRARIES", libraries);
        }
    }
    if parts.contains(&Part::Peers) {
        npm::install(workspace, PEERS, "npm-peers", &["--ignore-scripts"])?;
        let python = python::environment(workspace, &format!("{PEERS}/requirements.txt"), "peers-python")?;
        measuring.env("GATEHOUSE_BENCH_PEERS_PYTHON", python.join("python"));
    }
    if parts.contains(&Part::Hosts) || parts.contains(&Part::Sandboxes) {
        hosts::tell(workspace, measuring);
    }
    if parts.contains(&Part::Counts) {
        match strace(workspace) {
            Ok(strace) => {
                measuring.env("GATEHOUSE_BENCH_STRACE", strace);
            }
            Err(error) => progress::note(&format!("    system calls are not counted without strace: {error:#}")),
        }
    }
    Ok(())
}

/// The machine's strace, else Debian's, unpacked and not installed.
fn strace(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(strace) = process::find_program(&["strace"]) {
        return Ok(strace);
    }
    let folder = workspace.target().join("strace");
    let strace = folder.join("root/usr/bin/strace");
    if !strace.is_file() {
        progress::stage(&format!("Unpacking strace of Debian into {}", workspace.shown(&folder)));
        apt::unpack(&["strace"], &[], &folder)?;
    }
    Ok(strace)
}

/// The versions of those that are measured, in words.
pub fn versions(workspace: &Workspace) -> String {
    let package = |name: &str| {
        let text =
            std::fs::read_to_string(workspace.path(&format!("{PEERS}/node_modules/{name}/package.json"))).ok()?;
        let package: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(package.get("version")?.as_str()?.to_owned())
    };
    let fastmcp = std::fs::read_to_string(workspace.path(&format!("{PEERS}/requirements.txt"))).ok();
    let fastmcp =
        fastmcp.and_then(|list| Some(list.lines().find_map(|line| line.strip_prefix("fastmcp=="))?.to_owned()));
    let nginx = proxies::nginx(workspace).ok().and_then(|(nginx, libraries)| {
        let mut command = process::command(nginx);
        command.arg("-v").envs(libraries.map(|libraries| ("LD_LIBRARY_PATH", libraries)));
        // It says so on standard error.
        let output = command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(text.trim().rsplit_once('/')?.1.split_whitespace().next()?.to_owned())
    });
    let node = process::output(process::command("node").arg("--version"), "asking node for its version").ok();
    let known = [
        ("nginx", nginx),
        ("workers-oauth-provider", package("@cloudflare/workers-oauth-provider")),
        ("miniflare", package("miniflare")),
        ("workerd", package("workerd")),
        ("Node.js", node.map(|version| version.trim().trim_start_matches('v').to_owned())),
        ("FastMCP", fastmcp),
    ];
    let named: Vec<String> =
        known.into_iter().filter_map(|(name, version)| Some(format!("{name} {}", version?))).collect();
    named.join(", ")
}
