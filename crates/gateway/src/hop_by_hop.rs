//! Fields that are for one connection only (RFC 9110, section 7.6.1).

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

/// Those that are hop-by-hop whether `Connection` names them or not.
const ALWAYS: [&str; 10] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The hop-by-hop fields of one message.
pub(crate) struct HopByHop(Vec<String>);

impl HopByHop {
    /// Those of the message with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        Self(named.flat_map(|list| list.split(',')).map(|option| option.trim().to_ascii_lowercase()).collect())
    }

    /// Whether the field ends here.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        Self::is_always(name.as_str()) || self.0.iter().any(|named| named == name.as_str())
    }

    /// Whether the field of this lower-case name ends here in every message.
    pub(crate) fn is_always(name: &str) -> bool {
        ALWAYS.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_fixed_fields_and_those_that_connection_names_end_here() {
        let headers = example::headers(&[("connection", "close, X-One"), ("connection", " x-TWO ,,")]);
        let hop_by_hop = HopByHop::of(&headers);
        for name in ["x-one", "x-two", "te", "connection", "transfer-encoding", "upgrade", "keep-alive"] {
            assert!(hop_by_hop.has(&name.parse().unwrap()), "{name}");
        }
        for name in ["x-three", "content-type", "mcp-name"] {
            assert!(!hop_by_hop.has(&name.parse().unwrap()), "{name}");
        }
    }
}
