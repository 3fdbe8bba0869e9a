//! How long tokens, sessions and consents live.

/// How long things live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token. Short: until it ends, a copied one works.
    pub access_token: u64,
    /// A session, from sign-in to the last refresh.
    pub session: u64,
    /// A remembered consent. 0 means that none is remembered.
    pub consent: u64,
}
