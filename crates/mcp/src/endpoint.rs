//! An MCP endpoint as the public sees it.

use gatehouse_configuration::{Configuration, Route};
use gatehouse_protocol::Scope;

/// The place of protected resource metadata (RFC 9728, section 3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// One of the gateway's MCP endpoints: a configured route under our own origin.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// The configuration that it is part of.
    pub configuration: &'a Configuration,
    /// What is there.
    pub route: &'a Route,
}

impl Endpoint<'_> {
    /// The path of the endpoint; it names the route in the log and in errors, where the upstream's address must not
    /// stand.
    pub fn path(&self) -> &str {
        self.route.path.as_str()
    }

    /// The resource indicator (RFC 8707): the audience that a token must have. It is in its canonical form.
    pub fn resource(&self) -> String {
        self.configuration.public_url.join(self.path())
    }

    /// Where the protected resource metadata is: the well-known segment before the path (RFC 9728, section 3.1).
    pub fn metadata_url(&self) -> String {
        self.configuration.public_url.join(&format!("{WELL_KNOWN}{}", self.path()))
    }

    /// The scopes that a token needs, and that clients are told to ask for. `offline_access` is not among them: it is
    /// no scope of a resource, and clients that see it demand a consent prompt each time (MCP 2026-07-28,
    /// authorization).
    pub(crate) fn required_scopes(&self) -> impl Iterator<Item = &str> {
        self.route.scopes.iter().map(Scope::as_str).filter(|scope| *scope != "offline_access")
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_protocol::ResourceUri;

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
    fn the_metadata_url_has_the_well_known_segment_before_the_path() {
        let configuration = example::configuration();
        let url = example::endpoint(&configuration).metadata_url();
        assert_eq!(url, "https://gateway.example/.well-known/oauth-protected-resource/mcp");
    }
}
