//! The page on which people get an access token by hand.

/// Whether a person may have an access token shown to them, for a program that cannot sign in by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPage {
    /// Whether there is such a page.
    pub enabled: bool,
    /// Seconds for which a token from it is valid. It cannot be refreshed.
    pub lifetime: u64,
}
