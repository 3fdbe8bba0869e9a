//! How long it takes from the start of the process to its first answer.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::process;
use super::servers::private_folder;
use super::setup::{Checkout, Setup};
use super::statistics::median;
use crate::{Gatehouse, HeldPort};

/// How often a warm start is measured; a cold one is measured once.
const WARM_STARTS: usize = 7;
/// Who does not answer within this time never will.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures both.
pub(super) async fn run(setup: &Setup) -> Value {
    let mut results = Vec::new();
    for (id, checkout) in [("now", Some(setup.now)), ("archive", setup.archive), ("base", setup.base)] {
        let Some(checkout) = checkout else { continue };
        let (folder, cache) = private_folder();
        let (cold, cold_processor) = start(&checkout, &cache, folder.path()).await;
        let mut warm = Vec::new();
        for _ in 0..WARM_STARTS {
            warm.push(start(&checkout, &cache, folder.path()).await);
        }
        let milliseconds =
            |times: Vec<Duration>| median(&times.iter().map(|time| time.as_secs_f64() * 1e3).collect::<Vec<f64>>());
        results.push(json!({
            "id": id,
            "cold_ms": milliseconds(vec![cold]),
            "cold_processor_ms": milliseconds(vec![cold_processor]),
            "warm_ms": milliseconds(warm.iter().map(|start| start.0).collect()),
            "warm_processor_ms": milliseconds(warm.iter().map(|start| start.1).collect()),
            "compiled_bytes": size_of_files(&cache),
        }));
    }
    results.into()
}

/// The time until the first answer that a component gives, and the time of processors until then.
async fn start(checkout: &Checkout, cache: &Path, folder: &Path) -> (Duration, Duration) {
    let port = HeldPort::take().lend();
    let configuration = format!(
        "public_url = \"http://127.0.0.1:{port}\"\n[identity_provider]\nname = \"none\"\nissuer = \"http://127.0.0.1:1\"\n\
         client_id = \"gateway\"\nclient_secret = {{ secret = \"identity_provider_secret\" }}\n\
         [[routes]]\npath = \"/mcp\"\nurl = \"http://127.0.0.1:1/mcp\"\nscopes = [\"mcp\"]\n"
    );
    let file = folder.join("gatehouse.toml");
    std::fs::write(&file, configuration).expect("the folder can be written");
    let mut command = Command::new(checkout.program());
    command.arg("up").arg("--from").arg(checkout.manifest()).arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.arg("--state-dir").arg(folder.join("state")).arg("--cache-dir").arg(cache);
    for variable in [
        &format!("config=@{}", file.display()),
        &format!("server_keys={}", Gatehouse::SERVER_KEYS),
        "identity_provider_secret=secret",
        "identity_provider_origin=http://127.0.0.1:1",
        "upstream_origin=http://127.0.0.1:1",
    ] {
        command.arg("--variable").arg(variable);
    }
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let process = child.id().expect("it runs");
    while !answers(port).await {
        assert!(begun.elapsed() < PATIENCE, "{} does not answer", checkout.program().display());
        assert!(child.try_wait().is_ok_and(|status| status.is_none()), "{} ended early", checkout.program().display());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (took, processor) = (begun.elapsed(), process::processor_time(&[process]));
    let _sent = Command::new("kill").args(["-INT", &process.to_string()]).status().await;
    let _status = child.wait().await;
    (took, processor)
}

async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!(
            "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask.await.unwrap_or(false)
}

fn size_of_files(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}
