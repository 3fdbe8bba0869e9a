//! A line from the terminal that the terminal does not show.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Reads a line from standard input, which is a terminal, and puts the terminal back as it was.
///
/// # Errors
/// Where standard input is no terminal, or cannot be read.
pub(crate) fn read_line() -> io::Result<String> {
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden)?;
    let mut line = String::new();
    let read = input.read_line(&mut line);
    tcsetattr(&input, OptionalActions::Now, &before)?;
    read.map(|_| line)
}
