//! The kinds of tokens of other issuers.

/// As what a token is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExternalTokenKind {
    /// An access token: what its client may do for its subject.
    #[default]
    Access,
    /// An id_token: who has signed in at its client. It is for that client alone, and is good for nothing but an exchange.
    SignIn,
}
