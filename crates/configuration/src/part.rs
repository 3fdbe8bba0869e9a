//! Which parts the configuration has.

/// A part of the configuration, which is read without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What the gateway needs at every route: [`gateway::Configuration`](crate::gateway::Configuration).
    Gateway,
    /// The [`Route`](crate::Route) at this path, compared byte by byte.
    Route(&'a str),
    /// The [`Route`](crate::Route), where there is exactly one.
    OnlyRoute,
    /// What has to be there for Gatehouse to be ready: [`Needs`](crate::gateway::Needs).
    Servers,
    /// What the authorization server needs: [`authorization_server::Configuration`](crate::authorization_server::Configuration).
    AuthorizationServer,
    /// A piece of what an OpenAPI document was compiled to, by its name. A document has none: its compiled form has.
    Piece(&'a str),
}
