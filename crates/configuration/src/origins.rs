//! Which web pages may call the MCP endpoints.

use gatehouse_protocol::WebOrigin;

/// The `Origin` values that are accepted. A request without `Origin` does not come from a web page and needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page. The token in the header is then the only protection against DNS rebinding.
    Any,
    /// These pages, and those of our own origin.
    These(Vec<WebOrigin>),
}

impl AllowedOrigins {
    /// Whether a request with this `Origin` header is accepted.
    pub fn allow(&self, origin: &str, own: &WebOrigin) -> bool {
        match self {
            Self::Any => true,
            Self::These(origins) => own.as_str() == origin || origins.iter().any(|allowed| allowed.as_str() == origin),
        }
    }
}
