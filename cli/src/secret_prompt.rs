//! A line from the terminal that the terminal does not show.

use std::io::{self, BufRead};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// What the keys send that do not write: Ctrl-C, Ctrl-D, Ctrl-U, and the two of Backspace.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const CLEAR: u8 = 0x15;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];

/// Reads a line from standard input, which is a terminal, and puts the terminal back as it was, also after Ctrl-C. The line comes without
/// its end.
///
/// # Errors
/// Where standard input is no terminal, or cannot be read, or the user gave up ([`io::ErrorKind::Interrupted`]).
pub(crate) fn read_line() -> io::Result<String> {
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut hidden = before.clone();
    // With signals, Ctrl-C would end the process and leave a terminal behind that shows nothing.
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    tcsetattr(&input, OptionalActions::Flush, &hidden)?;
    let line = line_of(input.lock());
    tcsetattr(&input, OptionalActions::Now, &before)?;
    line
}

/// What the keys mean that `input` tells.
fn line_of(input: impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    for key in input.bytes() {
        match key? {
            b'\n' | b'\r' | END => break,
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            CLEAR => line.clear(),
            key if BACKSPACE.contains(&key) => {
                // The last character may have several bytes.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            key => line.push(key),
        }
    }
    String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_write_do_what_they_do_at_a_terminal() {
        for (keys, line) in [
            ("secret\nmore", "secret"),
            ("secret\r", "secret"),
            ("secret", "secret"),
            ("secret\u{4}", "secret"),
            ("secrex\u{7f}t\n", "secret"),
            ("s\u{e9}\u{8}ecret\n", "secret"),
            ("\u{7f}wrong\u{15}secret\n", "secret"),
        ] {
            assert_eq!(line_of(keys.as_bytes()).unwrap(), line, "{keys:?}");
        }
    }

    #[test]
    fn who_gives_up_has_said_nothing() {
        let error = line_of("secr\u{3}et\n".as_bytes()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
