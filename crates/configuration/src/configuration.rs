//! The whole of the configuration.

use crate::{Route, authorization_server, gateway};

/// All that an operator can decide, in the parts that are read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// What the gateway needs at every route.
    pub gateway: gateway::Configuration,
    /// What the authorization server needs.
    pub authorization_server: authorization_server::Configuration,
    /// The MCP endpoints; at least one, each with a path of its own.
    pub routes: Vec<Route>,
}
