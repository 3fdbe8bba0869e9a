//! What the sessions component refuses, as the gateway says it to the client.
//!
//! Every case is named, so that a new one cannot be let through unnoticed.

use gatehouse_mcp::Refusal;

use crate::bindings::gatehouse::auth::{handles, sessions};

/// For a rejected access token.
pub(crate) fn of_token(rejection: sessions::Rejection) -> Refusal {
    use sessions::Rejection;
    match rejection {
        Rejection::Unrecognised => Refusal::InvalidToken("not one of ours, or for another resource"),
        Rejection::Expired => Refusal::InvalidToken("expired"),
        Rejection::Revoked => Refusal::InvalidToken("of a session that has ended"),
        // These are about refresh tokens; should one come here, it is no access token.
        Rejection::Reused => Refusal::InvalidToken("of a session that ended because a refresh token was used twice"),
        Rejection::WrongClient => Refusal::InvalidToken("of another client"),
        Rejection::BeyondGrant => Refusal::InvalidToken("for less than was granted"),
        Rejection::OtherResource => Refusal::InvalidToken("for another resource"),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("the token cannot be validated: {reason}")),
    }
}

/// For a handle that was not bound: it cannot be given out.
pub(crate) fn of_binding(rejection: handles::Rejection) -> Refusal {
    use handles::Rejection;
    match rejection {
        Rejection::Unrecognised => Refusal::Unavailable("a handle cannot be bound to this principal".to_owned()),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("a handle cannot be bound: {reason}")),
    }
}
