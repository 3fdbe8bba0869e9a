//! `cargo xtask up`: the demo, from nothing to a URL.

mod demo;
mod guide;
mod own_server;
mod supervise;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, progress};

use demo::{Addresses, Demo, GATEHOUSE, MCP_SERVER};
use own_server::OwnServer;
use supervise::{Ended, Event, Output, Servers};

/// A server that has said that it serves answers at once; only the machine can be slow.
const HEALTH_LIMIT: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Arguments {
    /// The first of three ports on 127.0.0.1: Gatehouse, the demo identity provider, the demo MCP server
    #[arg(long, value_name = "PORT", default_value_t = demo::DEFAULT_PORT_BASE)]
    port_base: u16,
    /// Where stores, keys and secrets are kept [default: .gatehouse, or .gatehouse/port-PORT for other ports]
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// Write the MCP URL into this file once all three servers are ready
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Start what was built before, as it is
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    own_server: OwnServer,
}

/// Builds, starts the three servers and stays until Ctrl-C.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let addresses = Addresses::from_base(arguments.port_base)?;
    addresses.ensure_free(arguments.own_server.servers())?;
    if !arguments.no_build {
        build::all(workspace)?;
        build::host(workspace)?;
    }
    let demo = Demo::prepare(workspace, addresses, arguments.state_dir.as_deref())?;
    addresses.ensure_free(arguments.own_server.servers())?;
    if arguments.own_server.has_own_provider() {
        let mut gatehouse = demo.gatehouse(workspace);
        arguments.own_server.tell(&mut gatehouse, &demo, addresses);
        return become_process(gatehouse);
    }

    let (sender, events) = mpsc::channel();
    let interrupts = sender.clone();
    ctrlc::set_handler(move || {
        // It fails only when everything has stopped already.
        let _ = interrupts.send(Event::Interrupted);
    })
    .context("cannot watch for Ctrl-C")?;
    let mut servers = Servers::new(sender, events);
    let ended = serve(workspace, arguments, &demo, &mut servers);
    servers.stop()?;
    match ended? {
        Ended::Interrupted => Ok(()),
        Ended::Died(name, how) => {
            bail!("{name} ended by itself ({how}), so the others were stopped; its last lines are above")
        }
    }
}

/// Gatehouse alone has the terminal: it asks for the secret there, and says how to connect.
#[cfg(unix)]
fn become_process(mut command: Command) -> Result<()> {
    let shown = process::shown(&command);
    Err(std::os::unix::process::CommandExt::exec(&mut command)).with_context(|| format!("cannot start {shown}"))
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> Result<()> {
    process::run(&mut command, "gatehouse up")
}

fn serve(workspace: &Workspace, arguments: &Arguments, demo: &Demo, servers: &mut Servers) -> Result<Ended> {
    let own = &arguments.own_server;
    let which = if own.is_asked_for() { "" } else { ", the demo MCP server" };
    let folder = demo.folder.display();
    progress::stage(&format!("Starting the demo identity provider{which} and Gatehouse (logs: {folder}/*.log)"));
    for (name, mut command) in demo.commands(workspace) {
        let mut output = Output::Logged;
        if own.is_asked_for() && name == MCP_SERVER {
            continue;
        }
        if own.is_asked_for() && name == GATEHOUSE {
            command = demo.gatehouse(workspace);
            own.tell(&mut command, demo, demo.addresses);
            // It says itself how to connect.
            output = Output::Shown;
        }
        if let Some(ended) = servers.start(name, &mut command, &demo.log(name), output)? {
            return Ok(ended);
        }
    }
    ensure_healthy(demo.addresses.gatehouse())?;

    let url = guide::mcp_url(demo.addresses);
    if !own.is_asked_for() {
        progress::say(&guide::text(demo.addresses, &demo.folder));
        progress::say(&format!("\nReady: {url}"));
    }
    if let Some(file) = &arguments.ready_file {
        fs::write(file, format!("{url}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    servers.watch()
}

/// Asks Gatehouse whether it is well. Serving is not enough: a wrong configuration shows itself at first use.
fn ensure_healthy(address: SocketAddrV4) -> Result<()> {
    let answer = health(address).with_context(|| format!("Gatehouse does not answer at http://{address}/healthz"))?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "Gatehouse is not well: http://{address}/healthz answered `{status}`; see its log"
    );
    Ok(())
}

fn health(address: SocketAddrV4) -> Result<String> {
    let mut connection = TcpStream::connect_timeout(&SocketAddr::V4(address), HEALTH_LIMIT)?;
    connection.set_read_timeout(Some(HEALTH_LIMIT))?;
    write!(connection, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(answer: &'static str) -> SocketAddrV4 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            connection.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_healthy_answer_is_a_200() {
        ensure_healthy(answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).unwrap();
    }

    #[test]
    fn any_other_status_is_told() {
        let error = ensure_healthy(answering("HTTP/1.1 500 Internal Server Error\r\n\r\n")).unwrap_err().to_string();
        assert!(error.contains("`HTTP/1.1 500 Internal Server Error`"), "{error}");
    }
}
