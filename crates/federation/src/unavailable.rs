//! Members that could not contribute, as the client is told.

use serde_json::{Value, json};

use crate::naming::Naming;

/// The key of a result's `_meta` that lists them.
pub(crate) const UNAVAILABLE: &str = "gatehouse/unavailable";

/// Why a member has no part in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// No connection, or it broke before the answer.
    DidNotAnswer,
    /// The time for it was over.
    TooLate,
    /// It answered with an error, of HTTP or of JSON-RPC.
    Refused,
    /// It does not accept the credentials that it gets: 401 or 407.
    Unauthorized,
    /// It was not asked: there is no token with which it could be called.
    NoToken,
    /// It answered with something else than was asked for.
    Unreadable,
    /// Its answer is larger than can be read, with those of the others.
    TooLarge,
    /// It did not answer when the client's session began, so it does not know the client.
    NotInSession,
}

impl FailureReason {
    /// As the client reads it, after the name of the member.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DidNotAnswer => "did not answer",
            Self::TooLate => "did not answer in time",
            Self::Refused => "answered with an error",
            Self::Unauthorized => "does not accept this gateway's credentials",
            Self::NoToken => "cannot be called for you, because this gateway gets no token for it",
            Self::TooLarge => "gave an answer that is too large",
            Self::Unreadable => "answered with something else than was asked for",
            Self::NotInSession => "did not answer when the session began",
        }
    }
}

/// The value of [`UNAVAILABLE`], in the members' order.
pub(crate) fn list(naming: &Naming, members: &[(usize, FailureReason)]) -> Value {
    let mut members = members.to_vec();
    members.sort_by_key(|(member, _)| *member);
    let entry =
        |(member, reason): &(usize, FailureReason)| json!({"member": naming.label(*member), "reason": reason.as_str()});
    members.iter().map(entry).collect()
}
