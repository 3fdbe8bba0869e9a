//! Why a token is not accepted.

use gatehouse_jose::{TimeRejection, TokenRejection};
use gatehouse_protocol::{Actors, InvalidSubject, LogText, TooManyClaims};
use thiserror::Error;

use crate::{AnswerRejection, IssuerRejection};

/// The longest token that is read, in bytes. Those of Entra with 200 groups have some 10 KB, and most servers take no longer header.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// Why a token of another issuer is not accepted. The text is a predicate for the log: it holds nothing of the token that is secret,
/// and nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExternalTokenRejection {
    /// Longer than any token that is worth reading.
    #[error("longer than {} bytes", LONGEST_TOKEN)]
    TooLong,
    /// It says to be of an issuer whose tokens are not for this route.
    #[error("of an issuer whose tokens the route does not accept: {0}")]
    UnknownIssuer(LogText),
    /// It says to be of nobody, or is no signed token, and the route asks nobody about tokens.
    #[error("no signed JWT that names an issuer")]
    NoIssuer,
    /// It looks like a token of ours, which is for no other issuer to see.
    #[error("one of Gatehouse's own, which does not count here")]
    Own,
    /// Nobody has signed it whom we believe.
    #[error("a token that {0}")]
    Token(#[from] TokenRejection),
    /// Another issuer's or tenant's.
    #[error("a token that {0}")]
    Issuer(#[from] IssuerRejection),
    /// Not valid now.
    #[error("a token that {0}")]
    Time(#[from] TimeRejection),
    /// A claim is absent.
    #[error("a token that lacks {0}")]
    Missing(&'static str),
    /// For somebody else.
    #[error("a token for another audience (aud)")]
    Audience,
    /// Got by an application that may not have one.
    #[error("a token of an application that is not among client_application_ids: {0}")]
    Application(LogText),
    /// Of a type that is no access token's here.
    #[error("a token of the type {0}, which is none of `types`")]
    Type(LogText),
    /// What only other tokens than access tokens have.
    #[error("no access token: it has the claim {0}")]
    NotForAccess(&'static str),
    /// It is for whoever proves a key (`cnf`, RFC 7800), and nobody is asked for one here.
    #[error("bound to a key (cnf), which nobody can prove here")]
    OfKey,
    /// Nothing says that it is an access token.
    #[error("no access token: it has neither the type at+jwt nor a scope nor a client")]
    NothingOfAccess,
    /// The version of an Entra token.
    #[error("a token of a version that does not count here (ver)")]
    Version,
    /// A claim that is required does not hold what it must.
    #[error("a token whose claim {0} does not hold what required_claims says")]
    RequiredClaim(LogText),
    /// Of nobody who can be named.
    #[error("a token whose sub is refused: {0}")]
    Subject(#[from] InvalidSubject),
    /// `oid` is not an object id.
    #[error("a token whose oid is no object id")]
    ObjectId,
    /// Its client cannot be named.
    #[error("a token whose client cannot be one")]
    Client,
    /// Who acts by it has no name that can be kept, or there are too many of them.
    #[error("a token that does not name all who act by it, or more than {} of them (act)", Actors::MOST)]
    Act,
    /// An access token, where an id_token is due.
    #[error("no id_token: it is a token of another kind, or says what only other tokens say ({0})")]
    NotOfSignIn(&'static str),
    /// Its groups or roles are not in the token but elsewhere, and a rule of the route may need them.
    #[error(
        "a token that does not hold its {0}, only where they are (a rule names groups: set group_lookup of the issuer, or use app roles)"
    )]
    Elsewhere(&'static str),
    /// It has more than are kept.
    #[error("a token with {0}")]
    TooManyClaims(#[from] TooManyClaims),
    /// The issuer does not know it, or knows it no more.
    #[error("not active at its issuer")]
    Inactive,
    /// The issuer's answer about it.
    #[error("a token about which the issuer {0}")]
    Answer(#[from] AnswerRejection),
}

impl ExternalTokenRejection {
    /// Whether it is no word about the token: the issuer must answer first.
    pub const fn says_nothing_of_the_token(&self) -> bool {
        matches!(self, Self::Answer(_))
    }

    /// Whether the issuer may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Token(rejection) if rejection.fresh_keys_may_help())
    }
}
