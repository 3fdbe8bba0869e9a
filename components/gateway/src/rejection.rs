//! What the sessions component refuses, and what tools' schemas do, as the gateway says it to the client.
//!
//! Every case is named, so that a new one cannot be let through unnoticed.

use gatehouse_gateway::{Era, Refusal};
use gatehouse_tool_schema::{InvalidArguments, NoListing, UnusableSchema};

use crate::bindings::gatehouse::auth::sessions;

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
        Rejection::TooOften(_) => Refusal::InvalidToken("of a session that is refreshed too often"),
        Rejection::Unavailable(reason) => Refusal::Unavailable(format!("the token cannot be validated: {reason}")),
    }
}

/// For arguments that do not fit their tool.
pub(crate) fn of_arguments(invalid: InvalidArguments, era: &'static Era) -> Refusal {
    match invalid {
        InvalidArguments::Misfit { .. }
        | InvalidArguments::Somewhere
        | InvalidArguments::TooMuchWork
        | InvalidArguments::Unreadable => Refusal::InvalidArguments { detail: invalid.to_string(), era },
        InvalidArguments::Schema(unusable) => of_schema(unusable),
    }
}

/// For a schema by which nothing can be said of arguments.
pub(crate) fn of_schema(unusable: UnusableSchema) -> Refusal {
    Refusal::UpstreamMalformed(match unusable {
        UnusableSchema::NoObject => "the tool's input schema is no JSON object",
        UnusableSchema::TooLong => "the tool's input schema is too long",
        UnusableSchema::TooDeep => "the tool's input schema goes too deep",
        UnusableSchema::TooManyPatterns => "the tool's input schema has too many patterns",
        UnusableSchema::Dialect => "the tool's input schema has an unknown $schema",
        UnusableSchema::NestedId => "a part of the tool's input schema has an $id of its own",
        UnusableSchema::Reference => "a reference in the tool's input schema does not lead to a part of it",
        UnusableSchema::Circle => "references in the tool's input schema lead in a circle",
        UnusableSchema::Invalid => "the tool's input schema is no valid JSON Schema",
    })
}

/// For a listing in which a tool was looked for.
pub(crate) fn of_listing(missing: NoListing) -> Refusal {
    Refusal::UpstreamMalformed(match missing {
        NoListing::Unreadable => "its tools/list cannot be read",
        NoListing::Refused => "it refuses tools/list",
        NoListing::TooManyPages => "its tools/list has too many pages, or leads in a circle",
        NoListing::TooLarge => "its tools/list is too large",
    })
}
