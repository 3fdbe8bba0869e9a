//! Which clients may come without being in the configuration, and how many users at once.

use gatehouse_protocol::ClientId;

use crate::SecretName;

/// Dynamic client registration (RFC 7591).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Whether unknown clients may register.
    pub enabled: bool,
    /// The setting that holds the initial access token (RFC 7591, section 3): without it, registration is open.
    pub initial_access_token: Option<SecretName>,
    /// How many clients may register in an hour, all together. There is no trustworthy address to count by.
    pub per_hour: u32,
}

/// Users who are sent to an identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIns {
    /// How many sign-ins may begin in a minute, all together: each keeps two entries in the store until it is over, though
    /// nobody may ever come back from the provider.
    pub per_minute: u32,
}

/// Client ID metadata documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDocuments {
    /// Whether a client's id may be the URL of its document.
    pub enabled: bool,
    /// How many documents that no user has approved yet are fetched in an hour, of all clients together. Anybody can name
    /// one, and there is no trustworthy address to count by.
    pub per_hour: u32,
    /// The clients of this kind, by their ids, that may present identity assertions (ID-JAG), and so come without a browser in
    /// which a user has approved them.
    pub identity_assertions: Vec<ClientId>,
}
