//! Clients that the operator knows beforehand.

use gatehouse_protocol::{ClientId, ClientName, RedirectUri};

/// A public client from the configuration: it need not register, and never expires.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// Its id.
    pub client_id: ClientId,
    /// Its name on the consent page.
    pub client_name: ClientName,
    /// Where its codes may go; at least one.
    pub redirect_uris: Vec<RedirectUri>,
}
