//! Requests to servers on their way, and what arrives of their answers.

use http::Response;

use crate::{Milliseconds, Refusal};

/// Requests to servers on their way, numbered from 0 in the order in which they were started. Dropping it closes the
/// connections of those that are not over.
pub trait Transfers {
    /// The next thing that arrives within `time`.
    fn next(&mut self, time: Milliseconds) -> Arrival;

    /// Gives a request up: nothing more arrives of it, and its connection is closed.
    fn abandon(&mut self, number: usize);

    /// Whether nothing can arrive any more.
    fn are_over(&self) -> bool;
}

/// What arrived, and of which request.
#[derive(Debug)]
pub enum Arrival {
    /// The head of its answer.
    Head(usize, Response<()>),
    /// There is none.
    NoAnswer(usize, NoAnswer),
    /// Bytes of its answer's body; not empty.
    Piece(usize, Vec<u8>),
    /// The body's regular end.
    End(usize),
    /// The body broke off.
    Broken(usize),
    /// Nothing, for as long as the caller wanted to wait.
    Nothing,
}

/// Why a server gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Its time was over.
    TimedOut,
    /// There was no connection, or it broke; the text is for the log.
    Unreachable(String),
}

impl From<NoAnswer> for Refusal {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::TimedOut => Self::UpstreamTimedOut,
            NoAnswer::Unreachable(reason) => Self::UpstreamUnreachable(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_told_whether_a_server_was_late_or_not_there() {
        assert_eq!(Refusal::from(NoAnswer::TimedOut), Refusal::UpstreamTimedOut);
        let unreachable = NoAnswer::Unreachable("no route".to_owned());
        assert_eq!(Refusal::from(unreachable), Refusal::UpstreamUnreachable("no route".to_owned()));
    }
}
