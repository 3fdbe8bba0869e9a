//! Where a browser goes after it has signed in or out: a place of ours, or one that the operator has named.

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::OwnPath;
use thiserror::Error;

/// Bytes. With our origin in front, it goes into a header and into a link.
const LONGEST: usize = 2048;

/// A place to which a browser may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnAddress {
    /// Of ours: a path that begins with one slash, perhaps with a query and a fragment.
    Own(String),
    /// Elsewhere: letter by letter one of `browser_sign_in.allowed_redirect_urls`.
    Elsewhere(String),
}

/// It is neither ours nor named by the operator; nobody is sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the address is neither a path of public_url nor one of browser_sign_in.allowed_redirect_urls")]
pub struct ForeignAddress;

impl ReturnAddress {
    /// The page on which users see their sessions: where a browser goes that was given no address.
    pub fn sessions() -> Self {
        Self::Own(OwnPath::Sessions.as_str().to_owned())
    }

    /// Reads an address that anybody may have written.
    ///
    /// # Errors
    /// [`ForeignAddress`].
    pub fn parse(text: &str, configuration: &Configuration) -> Result<Self, ForeignAddress> {
        if configuration.browser_sign_in.allowed_redirect_urls.iter().any(|allowed| allowed == text) {
            return Ok(Self::Elsewhere(text.to_owned()));
        }
        let own = configuration.public_url.as_str();
        let path = text.strip_prefix(own).filter(|rest| !rest.is_empty()).unwrap_or(text);
        if is_own_path(path) { Ok(Self::Own(path.to_owned())) } else { Err(ForeignAddress) }
    }

    /// For `Location`: always whole, so that no browser resolves it.
    pub fn location(&self, configuration: &Configuration) -> String {
        match self {
            Self::Own(path) => configuration.public_url.join(path),
            Self::Elsewhere(url) => url.clone(),
        }
    }

    /// As it was given, for a record or a form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Own(text) | Self::Elsewhere(text) => text,
        }
    }
}

/// One slash, and then nothing that a browser reads as another one, or that could leave the header or the link. Our own endpoints do
/// things when they are opened, but for the pages.
fn is_own_path(text: &str) -> bool {
    let plain = |byte: u8| (0x21..=0x7e).contains(&byte) && !br#"\"<>^`{|}"#.contains(&byte);
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let pages = [OwnPath::Sessions, OwnPath::Consents, OwnPath::AccessToken];
    text.len() <= LONGEST
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(plain)
        && !has_dot_segment(path)
        && (!OwnPath::reserves(path) || pages.iter().any(|page| page.as_str() == path))
}

/// Whether a browser would resolve the path to another one.
fn has_dot_segment(path: &str) -> bool {
    let is_dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    path.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::configuration_with;

    fn configuration() -> Configuration {
        configuration_with(
            "[identity_provider]",
            "[browser_sign_in]\nallowed_redirect_urls = [\"https://app.example/welcome\"]\n\n[identity_provider]",
        )
    }

    #[test]
    fn our_own_paths_and_what_the_operator_named_are_taken_as_they_are() {
        let configuration = configuration();
        for (text, location) in [
            ("/", "https://gateway.example/"),
            ("/mcp?a=b&c=%5c#d", "https://gateway.example/mcp?a=b&c=%5c#d"),
            ("/sessions", "https://gateway.example/sessions"),
            ("/app/%2e%2ex//x", "https://gateway.example/app/%2e%2ex//x"),
            ("https://gateway.example/app", "https://gateway.example/app"),
            ("https://app.example/welcome", "https://app.example/welcome"),
        ] {
            let address = ReturnAddress::parse(text, &configuration).unwrap();
            assert_eq!(address.location(&configuration), location, "{text}");
        }
    }

    #[test]
    fn nobody_is_sent_anywhere_else() {
        let configuration = configuration();
        for text in [
            "",
            "mcp",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "https:evil.example",
            "https:/evil.example",
            "https://evil.example",
            "https://evil.example/https://gateway.example/",
            "https://gateway.example",
            "https://gateway.example.evil.example/",
            "https://gateway.example@evil.example/",
            "https://gateway.example:443@evil.example/",
            "https://gateway.example:8443/",
            "https://gateway.example//evil.example",
            "http://gateway.example/",
            "HTTPS://gateway.example/",
            "https://app.example/welcome/",
            "https://app.example/welcome?x",
            "https://app.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/a\r\nset-cookie: a=b",
            "/a b",
            "/\t/evil.example",
            "\t//evil.example",
            " /mcp",
            "/\u{e9}",
            "/a\"b",
            "/.auth/logout",
            "/x/../.auth/logout",
            "/x/%2e%2E/.auth/logout",
            "/x/.%2e/.auth/logout",
            "/./.auth/logout",
            "/x/..",
            "/.auth/login/demo",
            "/callback?code=x",
            "/authorize?client_id=x",
            "/token",
            "/.well-known/x",
        ] {
            assert_eq!(ReturnAddress::parse(text, &configuration), Err(ForeignAddress), "{text:?}");
        }
        assert!(ReturnAddress::parse(&format!("/{}", "a".repeat(LONGEST)), &configuration).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_written_a_browser_ends_at_our_origin_or_at_the_named_place(
            text in r"(https?:)?[/\\]{0,3}(gateway\.example)?[@:./\\%?#a-z0-9\r\n\t -]{0,20}"
        ) {
            let configuration = configuration();
            if let Ok(address) = ReturnAddress::parse(&text, &configuration) {
                let location = address.location(&configuration);
                let read = url::Url::parse(&location).unwrap();
                prop_assert!(location == "https://app.example/welcome" || read.origin().ascii_serialization() == "https://gateway.example");
                prop_assert!(read.username().is_empty() && !location.contains(['\r', '\n', ' ']));
            }
        }
    }
}
