//! Counts the system calls of a process, with strace.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

/// A system call as it is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) name: String,
    /// Whether it reads, writes or waits for a connection.
    pub(super) of_connections: bool,
}

/// Counts what `process` calls while `work` is done.
///
/// # Errors
/// A text, where strace may not trace the process.
pub(super) async fn count<Done>(
    strace: &Path,
    process: u32,
    work: impl Future<Output = Done>,
) -> Result<(HashMap<Call, u64>, Done), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("calls");
    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-yy", "-s", "0", "-o"]).arg(&file).args(["-p", &process.to_string()]);
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut tracing = command.spawn().map_err(|error| error.to_string())?;
    let begun = Instant::now();
    while !is_traced(process) {
        if tracing.try_wait().is_ok_and(|status| status.is_some()) || begun.elapsed() > Duration::from_secs(20) {
            let _killed = tracing.start_kill();
            let output = tracing.wait_with_output().await.map_err(|error| error.to_string())?;
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let done = work.await;
    let id = tracing.id().ok_or("strace ended early")?;
    let _sent = Command::new("kill").args(["-INT", &id.to_string()]).status().await;
    let _status = tracing.wait().await;
    let text = fs::read(&file).map_err(|error| error.to_string())?;
    Ok((counted(&String::from_utf8_lossy(&text)), done))
}

/// Whether all threads of a process are traced.
fn is_traced(process: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let mut traced = tasks.map(|task| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|id| id.trim() != "0"))
    });
    traced.by_ref().all(|traced| traced)
}

/// The calls in what strace writes: a line each, with the kind of the first descriptor; one that is resumed is not a second one.
fn counted(text: &str) -> HashMap<Call, u64> {
    let mut calls = HashMap::new();
    for line in text.lines() {
        let rest = line.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start();
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        // A write that wakes a thread is another thing than one that keeps or tells something.
        let wakes = first_argument(arguments).contains("[eventfd");
        let name_and_kind = if wakes { format!("{name} (eventfd)") } else { name.to_owned() };
        let call = Call { name: name_and_kind, of_connections: is_of_connections(name, arguments) };
        *calls.entry(call).or_default() += 1;
    }
    calls
}

fn is_of_connections(name: &str, arguments: &str) -> bool {
    // What is waited for is a connection, or a thread that has something to do with one.
    if name.starts_with("epoll_") {
        return true;
    }
    let Some((number, kind)) = first_argument(arguments).split_once('<') else { return false };
    number.bytes().all(|byte| byte.is_ascii_digit())
        && ["TCP", "socket:", "UNIX"].iter().any(|start| kind.starts_with(start))
}

fn first_argument(arguments: &str) -> &str {
    arguments.split([',', ')']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What strace 6.1 writes.
    const TRACE: &str = "\
7121 epoll_wait(3<anon_inode:[eventpoll]>,  <unfinished ...>
7122 recvfrom(12<TCP:[127.0.0.1:3000->127.0.0.1:41022]>, \"\"..., 8192, 0, NULL, NULL) = 512
7122 writev(13<TCP:[127.0.0.1:41024->127.0.0.1:9101]>, [{iov_base=\"\"..., iov_len=300}], 1) = 300
7121 <... epoll_wait resumed>[{events=EPOLLIN}], 1024, -1) = 1
7122 write(2</tmp/log>, \"\"..., 200) = 200
7122 write(5<anon_inode:[eventfd]>, \"\"..., 8) = 8
7122 fcntl(9</tmp/state/key-value.db-shm>, F_SETLK, {l_type=F_RDLCK}) = 0
7122 futex(0x7f11, FUTEX_WAKE_PRIVATE, 1) = 1
7122 futex(0x7f11, FUTEX_WAKE_PRIVATE, 1) = 1
7122 --- SIGURG {si_signo=SIGURG} ---
7122 +++ exited with 0 +++
";

    #[test]
    fn calls_are_counted_once_and_those_of_connections_apart() {
        let calls = counted(TRACE);
        let count = |name: &str, of_connections| calls.get(&Call { name: name.to_owned(), of_connections }).copied();
        assert_eq!(calls.len(), 7, "{calls:?}");
        assert_eq!(
            (count("epoll_wait", true), count("recvfrom", true), count("writev", true)),
            (Some(1), Some(1), Some(1))
        );
        assert_eq!(count("write (eventfd)", false), Some(1));
        assert_eq!((count("write", false), count("fcntl", false), count("futex", false)), (Some(1), Some(1), Some(2)));
    }
}
