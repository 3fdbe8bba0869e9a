//! How an answer comes to its end.

use gatehouse_gateway::Refusal;

/// Why nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The client went away.
    Reader,
    /// The route's limit for streams was reached.
    Time,
}

/// How an answer came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything has been said.
    Complete,
    /// Nothing more can be sent.
    Gone(Gone),
    /// What came cannot be passed on.
    Failed(Refusal),
    /// It lasted, and there was no place for it.
    NoPlace(Refusal),
}
