//! Private-use URI schemes: how a code reaches an application that has no web address.

use thiserror::Error;

/// A private-use URI scheme (RFC 8252, section 7.1), such as `cursor` or `com.example.app`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrivateUseScheme(String);

/// The scheme cannot be a private-use one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a private-use scheme: letters, digits and + - . in lower case, none that browsers know themselves")]
pub struct InvalidPrivateUseScheme;

impl PrivateUseScheme {
    /// Schemes that browsers act on themselves, and those with which another browser is told to open a web page: a code
    /// must never become a script, a file or a web page.
    const OF_BROWSERS: [&'static str; 36] = [
        "about",
        "blob",
        "brave",
        "chrome",
        "chrome-extension",
        "data",
        "edge",
        "file",
        "filesystem",
        "firefox",
        "firefox-focus",
        "ftp",
        "googlechrome",
        "googlechromes",
        "http",
        "https",
        "intent",
        "jar",
        "javascript",
        "mailto",
        "microsoft-edge",
        "microsoft-edge-http",
        "microsoft-edge-https",
        "moz-extension",
        "ms-msdt",
        "opera-http",
        "opera-https",
        "resource",
        "touch-http",
        "touch-https",
        "vbscript",
        "view-source",
        "ws",
        "wss",
        "x-safari-http",
        "x-safari-https",
    ];

    /// Parses the scheme without its colon.
    ///
    /// # Errors
    /// Where it is not a scheme (RFC 3986, section 3.1) in lower case, or one that browsers act on themselves.
    pub fn parse(text: &str) -> Result<Self, InvalidPrivateUseScheme> {
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.');
        if !starts || text.len() > 64 || !text.bytes().all(plain) || Self::OF_BROWSERS.contains(&text) {
            return Err(InvalidPrivateUseScheme);
        }
        Ok(Self(text.to_owned()))
    }

    /// The scheme without its colon.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_private_use_scheme_is_written_in_lower_case_and_is_none_of_the_browsers_own() {
        for good in ["cursor", "com.example.app", "ms-copilot", "web+mcp", "a", &"a".repeat(64)] {
            assert_eq!(PrivateUseScheme::parse(good).map(|scheme| scheme.as_str().to_owned()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "Cursor",
            "cursor:",
            "cursor://",
            "1app",
            "-app",
            "my app",
            "my_app",
            "äpp",
            "http",
            "https",
            "javascript",
            "data",
            "file",
            "intent",
            "googlechromes",
            "microsoft-edge",
            "x-safari-https",
            &"a".repeat(65),
        ] {
            assert_eq!(PrivateUseScheme::parse(bad), Err(InvalidPrivateUseScheme), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_a_scheme_for_the_url_parser_too(text in "[a-zA-Z0-9+.:/ -]{0,20}") {
            if let Ok(scheme) = PrivateUseScheme::parse(&text) {
                prop_assert_eq!(scheme.as_str(), text.as_str());
                let url = url::Url::parse(&format!("{text}://x/")).unwrap();
                prop_assert_eq!(url.scheme(), text.as_str());
            }
        }
    }
}
