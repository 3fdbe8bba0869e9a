//! An MCP endpoint as the public sees it.

use gatehouse_configuration::gateway::Configuration;
use gatehouse_configuration::{LEGACY_MESSAGE, LEGACY_SSE, Route, Servers, Transport};
use gatehouse_protocol::Scope;

/// The place of protected resource metadata (RFC 9728, section 3).
pub(crate) const WELL_KNOWN: &str = gatehouse_protocol::OwnPath::ProtectedResourceMetadata.as_str();

/// One of the gateway's MCP endpoints: a configured route under our own origin.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// What holds for all routes.
    pub configuration: &'a Configuration,
    /// What is there.
    pub route: &'a Route,
    /// How it is spoken to.
    pub kind: EndpointKind,
    pub(crate) location: EndpointLocation,
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// Streamable HTTP: messages are posted here.
    Streamable,
    /// HTTP+SSE of 2024-11-05: the event stream, at `PATH/sse`. At the route's own path, too, where its server speaks
    /// nothing else: clients try a POST there, and after the 405 a GET (2025-11-25, transports, "Backwards
    /// Compatibility").
    LegacyEvents,
    /// HTTP+SSE of 2024-11-05: messages are posted here, at `PATH/message`.
    LegacyMessages,
}

impl EndpointKind {
    /// How the route's own path is spoken to.
    pub(crate) fn of(route: &Route) -> Self {
        match &route.servers {
            Servers::One(upstream) if upstream.transport == Transport::Sse => Self::LegacyEvents,
            Servers::One(_) | Servers::Federated(_) => Self::Streamable,
        }
    }
}

/// Where an endpoint is, seen from its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointLocation {
    /// At the route's path.
    Route,
    /// Behind it.
    BehindRoute,
    /// At the root, for the only route there is.
    Root,
}

impl<'a> Endpoint<'a> {
    /// The endpoint at the route's own path.
    pub(crate) fn of_route(configuration: &'a Configuration, route: &'a Route) -> Self {
        Self { configuration, route, kind: EndpointKind::of(route), location: EndpointLocation::Route }
    }

    /// The path of the route; it names the route in the log and in errors, where an upstream's address must not stand.
    pub fn path(&self) -> &'a str {
        self.route.path.as_str()
    }

    /// The resource indicator (RFC 8707): the audience that a token must have, whichever of the route's URLs the client
    /// called. It is in its canonical form.
    pub fn resource(&self) -> String {
        self.configuration.public_url.join(self.path())
    }

    /// The path to which a client of this event stream posts its messages.
    pub fn messages_path(&self) -> String {
        format!("{}{LEGACY_MESSAGE}", self.base())
    }

    /// The methods that mean something here.
    pub(crate) fn methods(&self) -> &'static str {
        match self.kind {
            EndpointKind::Streamable => "GET, POST, DELETE, OPTIONS",
            EndpointKind::LegacyEvents => "GET, OPTIONS",
            EndpointKind::LegacyMessages => "POST, OPTIONS",
        }
    }

    /// The resource as the client knows it: the URL that it was told to call, which its metadata must name (RFC 9728,
    /// section 3.3). A client of the older transport knows its event stream only.
    pub(crate) fn called(&self) -> String {
        self.configuration.public_url.join(&self.called_path())
    }

    /// Where the protected resource metadata is: the well-known segment before the path (RFC 9728, section 3.1).
    pub fn metadata_url(&self) -> String {
        self.configuration.public_url.join(&format!("{WELL_KNOWN}{}", self.called_path()))
    }

    fn called_path(&self) -> String {
        let at_route = Self::of_route(self.configuration, self.route);
        // Where the event stream is at the route's path as well, a message may belong to either; the shorter is what the
        // clients of both accept (the SDKs compare by prefix).
        let shared = self.kind == EndpointKind::LegacyMessages && at_route.kind == EndpointKind::LegacyEvents;
        match self.location {
            EndpointLocation::Route => self.path().to_owned(),
            EndpointLocation::BehindRoute if shared => self.path().to_owned(),
            EndpointLocation::BehindRoute | EndpointLocation::Root => format!("{}{LEGACY_SSE}", self.base()),
        }
    }

    fn base(&self) -> &'a str {
        match self.location {
            EndpointLocation::Route | EndpointLocation::BehindRoute => self.path(),
            EndpointLocation::Root => "",
        }
    }

    /// The scopes that a token needs, and that clients are told to ask for. `offline_access` is not among them: it is
    /// no scope of a resource, and clients that see it demand a consent prompt each time (MCP 2026-07-28,
    /// authorization).
    pub(crate) fn required_scopes(&self) -> impl Iterator<Item = &'a Scope> + use<'a> {
        self.route.scopes.iter().filter(|scope| scope.as_str() != OFFLINE_ACCESS)
    }
}

/// Asks for a refresh token; no scope of a resource.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

#[cfg(test)]
mod tests {
    use gatehouse_protocol::ResourceUri;

    use super::*;
    use crate::example;

    #[test]
    fn the_resource_is_already_in_the_form_that_tokens_are_compared_by() {
        let configuration = example::configuration();
        for endpoint in example::endpoints(&configuration) {
            let resource = endpoint.resource();
            assert_eq!(ResourceUri::parse(&resource).unwrap().as_str(), resource);
        }
    }

    #[test]
    fn every_url_of_a_route_is_a_resource_of_its_own_to_clients_and_one_audience_to_tokens() {
        let streamable = example::one_upstream();
        let events = example::one_sse_upstream();
        for (configuration, path, kind, called) in [
            (&streamable, "/mcp", EndpointKind::Streamable, "/mcp"),
            (&streamable, "/mcp/sse", EndpointKind::LegacyEvents, "/mcp/sse"),
            (&streamable, "/mcp/message", EndpointKind::LegacyMessages, "/mcp/sse"),
            (&streamable, "/sse", EndpointKind::LegacyEvents, "/sse"),
            (&streamable, "/message", EndpointKind::LegacyMessages, "/sse"),
            (&events, "/mcp", EndpointKind::LegacyEvents, "/mcp"),
            (&events, "/mcp/sse", EndpointKind::LegacyEvents, "/mcp/sse"),
            (&events, "/mcp/message", EndpointKind::LegacyMessages, "/mcp"),
            (&events, "/sse", EndpointKind::LegacyEvents, "/sse"),
            (&events, "/message", EndpointKind::LegacyMessages, "/sse"),
        ] {
            let endpoint = Endpoint::at(configuration, path).unwrap();
            assert_eq!(endpoint.kind, kind, "{path}");
            assert_eq!(endpoint.called(), format!("https://gateway.example{called}"), "{path}");
            let metadata = format!("https://gateway.example/.well-known/oauth-protected-resource{called}");
            assert_eq!(endpoint.metadata_url(), metadata, "{path}");
            assert_eq!(endpoint.resource(), "https://gateway.example/mcp", "{path}");
            let named = ResourceUri::parse(&endpoint.called()).unwrap();
            assert_eq!(
                configuration.authorization_server.route_of(&named).unwrap().path,
                endpoint.route.path,
                "{path}"
            );
        }
    }

    #[test]
    fn messages_are_posted_beside_the_stream_that_was_called() {
        let configuration = example::one_upstream();
        for (path, messages) in [("/mcp/sse", "/mcp/message"), ("/sse", "/message")] {
            let endpoint = Endpoint::at(&configuration, path).unwrap();
            assert_eq!(endpoint.messages_path(), messages);
            assert_eq!(Endpoint::at(&configuration, messages).unwrap().kind, EndpointKind::LegacyMessages);
        }
        let configuration = example::one_sse_upstream();
        assert_eq!(Endpoint::at(&configuration, "/mcp").unwrap().messages_path(), "/mcp/message");
    }
}
