//! Resource indicators (RFC 8707): what a token is for.

use core::fmt;

use thiserror::Error;
use url::Url;

/// The canonical form of a resource indicator: what tokens are bound to and compared by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceUri(String);

/// The text is not a resource indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a resource is an absolute http(s) URI without a fragment")]
pub struct InvalidResource;

impl ResourceUri {
    /// Parses a `resource` parameter.
    ///
    /// Canonical means: scheme and host in lower case, no default port, no query and no slash at the end. Claude Code
    /// sends the query string along, and several clients add a slash (`docs/conformance.md`); neither makes it
    /// another resource here, because no two resources of one gateway differ only in these.
    ///
    /// # Errors
    /// Where it is relative, has a fragment (RFC 8707, section 2) or a user, or is not http(s).
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        if is_canonical(text) {
            return Ok(Self(text.to_owned()));
        }
        Self::parse_url(text)
    }

    fn parse_url(text: &str) -> Result<Self, InvalidResource> {
        let mut url = Url::parse(text).map_err(|_| InvalidResource)?;
        let http = matches!(url.scheme(), "http" | "https");
        if !http || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidResource);
        }
        url.set_query(None);
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is in its canonical form beyond doubt, as what Gatehouse itself has written is: a name of lower-case letters and
/// digits, no port, and a path without anything that could be written in another way. Each request compares such URIs, and to parse
/// one as a URL costs as much as a key derivation.
fn is_canonical(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    // A name whose labels begin with a letter is no IPv4 address in any spelling.
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_lowercase())
            && !label.starts_with("xn--")
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_label) && path.is_none_or(|path| path.split('/').all(is_segment))
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_that_clients_use_for_one_resource_are_equal() {
        let resource = ResourceUri::parse("https://gateway.example/mcp").unwrap();
        for same in [
            "HTTPS://Gateway.Example/mcp",
            "https://gateway.example:443/mcp",
            "https://gateway.example/mcp/",
            "https://gateway.example/mcp?tenant=1",
        ] {
            assert_eq!(ResourceUri::parse(same).unwrap(), resource, "{same}");
        }
    }

    #[test]
    fn another_path_port_scheme_or_host_is_another_resource() {
        let resource = ResourceUri::parse("https://gateway.example/mcp").unwrap();
        for other in [
            "https://gateway.example/MCP",
            "https://gateway.example/mcp/more",
            "https://gateway.example:8443/mcp",
            "http://gateway.example/mcp",
            "https://gateway.example.evil.example/mcp",
            "https://gateway.example/%6dcp",
        ] {
            assert_ne!(ResourceUri::parse(other).unwrap(), resource, "{other}");
        }
    }

    #[test]
    fn relative_uris_fragments_users_and_other_schemes_are_refused() {
        for bad in ["", "/mcp", "https://a.example/mcp#x", "https://u@a.example/", "urn:a:b", "javascript:alert(1)"] {
            assert_eq!(ResourceUri::parse(bad), Err(InvalidResource), "{bad}");
        }
    }

    #[test]
    fn what_is_canonical_beyond_doubt_is_that_of_a_gateway() {
        for text in ["https://gateway.example/mcp", "https://mcp-1.team.example", "https://a/team_1/Mcp-2"] {
            assert!(is_canonical(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_canonical_beyond_doubt_is_so_as_a_url(text in "https://[a-z0-9x.-]{1,12}(/[A-Za-z0-9_.%-]{0,6}){0,3}") {
            if is_canonical(&text) {
                prop_assert_eq!(ResourceUri::parse_url(&text), Ok(ResourceUri(text)));
            }
        }

        #[test]
        fn a_resource_is_read_back_as_itself_and_holds_nothing_that_could_hide(text in "https?://[a-z@:.?#/%0-9]{0,40}") {
            if let Ok(resource) = ResourceUri::parse(&text) {
                let authority = resource.as_str().split('/').nth(2).unwrap_or_default();
                prop_assert!(!resource.as_str().contains(['?', '#']) && !authority.contains('@'), "{}", resource);
                prop_assert_eq!(ResourceUri::parse(resource.as_str()), Ok(resource.clone()));
            }
        }
    }
}
