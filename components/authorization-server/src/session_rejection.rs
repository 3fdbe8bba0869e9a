//! What the sessions component says, in the words of the crates that decide.

use gatehouse_authorization_server::token::TokenRejection;
use gatehouse_sessions::Rejection;

use crate::bindings::gatehouse::auth::sessions;

pub(crate) fn rejection(rejection: sessions::Rejection) -> TokenRejection {
    TokenRejection::Session(match rejection {
        sessions::Rejection::Unrecognised => Rejection::Unrecognised,
        sessions::Rejection::Expired => Rejection::Expired,
        sessions::Rejection::Revoked => Rejection::Revoked,
        sessions::Rejection::Reused => Rejection::Reused,
        sessions::Rejection::WrongClient => Rejection::WrongClient,
        sessions::Rejection::BeyondGrant => Rejection::BeyondGrant,
        sessions::Rejection::OtherResource => Rejection::OtherResource,
        sessions::Rejection::TooOften(retry_after) => Rejection::TooOften { retry_after },
        sessions::Rejection::Unavailable(reason) => Rejection::Unavailable(reason),
    })
}
