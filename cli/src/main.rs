//! `gatehouse`: runs Spin applications where no Spin is installed, and prepares what Gatehouse itself is given.

/// A request makes some thousand short-lived values on one thread, which this allocator is made for: with that of glibc, a request
/// took a tenth more of the processor.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod api_keys;
mod backend_tokens;
mod check;
mod compile;
mod doctor;
mod explain;
mod identity_headers;
mod keys;
mod log_arguments;
mod own_server;
mod secret_prompt;
mod start_check;
mod system_entropy;
mod up;
mod variable;
mod ways_in;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "gatehouse",
    version,
    about = "Gatehouse's command line: checks a configuration, makes server keys, and serves Gatehouse (or another spin.toml) without Spin"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the application until it is interrupted
    Up(Box<up::Up>),
    /// Make server keys and API keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Read a configuration as Gatehouse does, and say what it means or what is wrong with it
    Check(check::Check),
    /// Compile a component before its first start, for processors as servers commonly have them
    Compile(compile::Compile),
    /// Ask the identity providers and MCP servers that a configuration names, and say what is wrong there and what to do
    Doctor(doctor::Doctor),
    /// Say whether somebody may do something at a route, and by which rule (exit status 0 or 1; 2 for a wrong question)
    Explain(Box<explain::Explain>),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    // Of `explain`, 1 means that what was asked about is denied.
    let failure = match arguments.command {
        Command::Explain(_) => ExitCode::from(WRONG_USE),
        _ => ExitCode::FAILURE,
    };
    let outcome = match arguments.command {
        Command::Up(up) => up::run(*up),
        Command::Keys(keys) => keys::run(keys),
        Command::Compile(compile) => compile::run(&compile),
        Command::Check(check) => check::run(&check),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Explain(explain) => explain::run(&explain),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            failure
        }
    }
}

/// As usual for command lines; also so that `explain` can say 1 for something else.
const WRONG_USE: u8 = 2;

/// Help goes to standard output as it is; a wrong command line is said in one line.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader that is gone does not want the rest.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        complain(match std::env::args().nth(1).as_deref() {
            Some("keys") => "say what to do with keys; try `gatehouse keys generate` or `gatehouse keys api new`",
            _ => "no command given; try `gatehouse up` or `gatehouse --help`",
        });
        return ExitCode::from(WRONG_USE);
    }
    let text = error.render().to_string();
    let first = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    let message = first.strip_prefix("error: ").unwrap_or(&first);
    complain(&format!("{message} (see `gatehouse help`)"));
    ExitCode::from(WRONG_USE)
}

/// Says what is wrong in one line on standard error: what was done, with what, and why it failed. Where nobody reads there,
/// the exit status says it alone.
fn complain(message: &str) {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "gatehouse: {line}");
}
