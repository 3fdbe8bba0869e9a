//! `wasi:cli`: nothing to read, no arguments, no terminal; standard output and standard error go into the answer.

use sandbox_run::{Limit, Stream};

use crate::World;
use crate::bindings::exports::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
    terminal_stdout,
};
use crate::bindings::exports::wasi::io::streams::{InputStream, OutputStream};
use crate::run;
use crate::streams::{Reader, Writer};

/// What programs find in their environment.
const ENVIRONMENT: [(&str, &str); 4] =
    [("HOME", sandbox_run::WORK_FOLDER), ("PWD", sandbox_run::WORK_FOLDER), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")];

impl environment::Guest for World {
    fn get_environment() -> Vec<(String, String)> {
        ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn get_arguments() -> Vec<String> {
        Vec::new()
    }

    fn initial_cwd() -> Option<String> {
        None
    }
}

impl exit::Guest for World {
    /// The interpreter is to give back an outcome, and does not exit. What does is the fuel that xtask builds into it, when it is used up
    /// (xtask/src/build/fuel.rs).
    fn exit(_status: Result<(), ()>) {
        run::stop(Limit::Compute)
    }

    fn exit_with_code(_status_code: u8) {
        run::stop(Limit::Compute)
    }
}

impl stdin::Guest for World {
    fn get_stdin() -> InputStream {
        InputStream::new(Reader::Empty)
    }
}

impl stdout::Guest for World {
    fn get_stdout() -> OutputStream {
        OutputStream::new(Writer::Output(Stream::Stdout))
    }
}

impl stderr::Guest for World {
    fn get_stderr() -> OutputStream {
        OutputStream::new(Writer::Output(Stream::Stderr))
    }
}

/// Of which there is none.
pub enum Terminal {}

impl terminal_input::GuestTerminalInput for Terminal {}

impl terminal_output::GuestTerminalOutput for Terminal {}

impl terminal_input::Guest for World {
    type TerminalInput = Terminal;
}

impl terminal_output::Guest for World {
    type TerminalOutput = Terminal;
}

impl terminal_stdin::Guest for World {
    fn get_terminal_stdin() -> Option<terminal_input::TerminalInput> {
        None
    }
}

impl terminal_stdout::Guest for World {
    fn get_terminal_stdout() -> Option<terminal_output::TerminalOutput> {
        None
    }
}

impl terminal_stderr::Guest for World {
    fn get_terminal_stderr() -> Option<terminal_output::TerminalOutput> {
        None
    }
}
