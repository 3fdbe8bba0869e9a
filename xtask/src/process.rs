//! Child processes that do one thing and end: cargo, apt-get, npm.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::progress;

/// A command in the environment that the user started us with, as far as it can be had back.
///
/// `cargo run` puts the toolchain's libraries on the library path and describes *this* package in variables; a
/// compiler of another version would load the wrong libraries, and cargo would take the variables for changes.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_this_package) {
            command.env_remove(name);
        }
    }
    if let Some(paths) = env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", without_cargos_own(&paths));
    }
    command
}

fn describes_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || variable == "CARGO_PRIMARY_PACKAGE"
        || variable == "CARGO_CRATE_NAME"
        || variable == "CARGO_BIN_NAME"
}

/// A library path without the folders that `cargo run` adds: build outputs and `lib` of rustup toolchains.
fn without_cargos_own(paths: &OsStr) -> OsString {
    let kept: Vec<PathBuf> = env::split_paths(paths)
        .filter(|path| {
            let text = path.to_string_lossy();
            !(text.contains("/toolchains/") || text.contains("/target/") || text.is_empty())
        })
        .collect();
    env::join_paths(kept).unwrap_or_default()
}

/// The cargo that runs us, with its own compiler: the one for everything native.
pub fn native_cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output shown as it comes, and says every so often that it is still at work.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = run_with_heartbeat(command, what)?;
    if !status.success() {
        bail!("{what} failed ({status}); the command was: {}", shown(command));
    }
    Ok(())
}

/// Runs `command` like [`run`]; failing is an answer, not an error.
pub fn succeeds(command: &mut Command, what: &str) -> Result<bool> {
    run_with_heartbeat(command, what).map(|status| status.success())
}

fn run_with_heartbeat(command: &mut Command, what: &str) -> Result<ExitStatus> {
    let started = Instant::now();
    let (finished, watch) = mpsc::channel::<()>();
    let label = what.to_owned();
    let heartbeat = thread::spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = watch.recv_timeout(progress::HEARTBEAT) {
            if !progress::children_draw_their_own() {
                progress::note(&format!("    … {label}: {} so far", progress::elapsed(started)));
            }
        }
    });
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)));
    drop(finished);
    // It has nothing left to do but to notice that the channel is closed; a panic in it is its own affair.
    let _ = heartbeat.join();
    status
}

/// Runs `command` silently and returns its standard output; its complaints are part of the error.
pub fn output(command: &mut Command, what: &str) -> Result<String> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{what} failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// How a command with a time limit ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Limited {
    Succeeded,
    Failed,
    /// It was still at work at the end of the time and was ended.
    TimedOut,
    /// The program is not on this machine.
    Missing,
}

/// Runs `command` with its output shown, for at most `limit`.
pub fn run_limited(command: &mut Command, limit: Duration) -> Result<Limited> {
    let started = Instant::now();
    let mut child = match command.stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Limited::Missing),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot start {}", shown(command)));
        }
    };
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot watch {}", shown(command)))? {
            return Ok(if status.success() { Limited::Succeeded } else { Limited::Failed });
        }
        if started.elapsed() >= limit {
            // Either may fail when it ends by itself at this moment, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Limited::TimedOut);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The first of `names` that the search path holds.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    names
        .iter()
        .flat_map(|name| env::split_paths(&paths).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

/// The command as a person could type it.
pub fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .map(|word| if word.contains(' ') { format!("'{word}'") } else { word.into_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let started = Instant::now();
        let ended = run_limited(Command::new("sleep").arg("60"), Duration::from_millis(100)).unwrap();
        assert_eq!(ended, Limited::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_is_not_there_is_told_apart_from_one_that_fails() {
        let limit = Duration::from_secs(30);
        assert_eq!(run_limited(&mut Command::new("gatehouse-no-such-program"), limit).unwrap(), Limited::Missing);
        assert_eq!(run_limited(&mut Command::new("false"), limit).unwrap(), Limited::Failed);
        assert_eq!(run_limited(&mut Command::new("true"), limit).unwrap(), Limited::Succeeded);
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = run(Command::new("false").arg("--with").arg("two words"), "the step").unwrap_err().to_string();
        assert!(error.starts_with("the step failed"), "{error}");
        assert!(error.ends_with("false --with 'two words'"), "{error}");
    }

    #[test]
    fn a_commands_complaints_are_part_of_the_error() {
        let error = output(Command::new("sh").args(["-c", "echo no such suite >&2; exit 3"]), "asking")
            .unwrap_err()
            .to_string();
        assert!(error.contains("no such suite") && error.contains('3'), "{error}");
    }

    #[test]
    fn what_cargo_adds_to_the_library_path_is_taken_off_and_the_rest_stays() {
        let paths = OsStr::new("/home/me/x/target/debug/deps:/root/.rustup/toolchains/stable/lib:/opt/oracle/lib:");
        assert_eq!(without_cargos_own(paths), OsString::from("/opt/oracle/lib"));
    }

    #[test]
    fn settings_of_the_user_are_passed_on_and_descriptions_of_this_package_are_not() {
        for kept in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "CARGO_NET_OFFLINE", "PATH"] {
            assert!(!describes_this_package(kept), "{kept}");
        }
        for removed in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_PRIMARY_PACKAGE"] {
            assert!(describes_this_package(removed), "{removed}");
        }
    }
}
