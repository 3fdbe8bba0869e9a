//! What web pages of other origins may do at a route (the Fetch standard, section 3.2).

use gatehouse_protocol::WebOrigin;

/// What the operator has said of a route. What is `None` is as the gateway has it for every route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossOrigin {
    /// The pages. Those of our own origin always may.
    pub origins: PageOrigins,
    /// The methods with which they may call.
    pub methods: Option<Vec<String>>,
    /// The names of the headers that they may send, as a list in one text.
    pub headers: Option<String>,
    /// The names of the headers of answers that they may read, as a list in one text.
    pub exposed_headers: Option<String>,
    /// Whether browsers may send cookies along. Never for every page.
    pub credentials: bool,
    /// Seconds for which a browser may keep the answer to a preflight.
    pub max_age: Option<u32>,
}

/// Pages, by their origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageOrigins {
    /// Every page.
    Any,
    /// Those at these origins.
    These(Vec<PageOrigin>),
}

/// An origin, or all that differ in their first label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageOrigin {
    /// This one.
    Exact(WebOrigin),
    /// `https://*.example.com`: the `*` is one label of the host, and nothing else.
    AnyLabel {
        /// Behind the label: `.example.com`, with the port where there is one.
        rest: String,
    },
}

impl CrossOrigin {
    /// Whether pages of this origin may call, beside those of our own.
    pub fn allows(&self, origin: &str) -> bool {
        match &self.origins {
            PageOrigins::Any => true,
            PageOrigins::These(origins) => origins.iter().any(|allowed| allowed.matches(origin)),
        }
    }

    /// Whether they may call with this method.
    pub fn has_method(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|allowed| allowed == method))
    }
}

impl PageOrigin {
    const SCHEME: &str = "https://";
    const ANY_LABEL: &str = "*.";

    /// Parses an origin, or one whose host begins with `*.`.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix(Self::SCHEME).and_then(|rest| rest.strip_prefix(Self::ANY_LABEL)) else {
            return WebOrigin::parse(text).map(Self::Exact).map_err(|error| error.to_string());
        };
        let origin = WebOrigin::parse(&format!("{}{rest}", Self::SCHEME)).map_err(|error| error.to_string())?;
        let host = origin.as_str().strip_prefix(Self::SCHEME).unwrap_or_default();
        let name = host.split(':').next().unwrap_or_default();
        // Nobody is all of a top-level domain, and an address has no labels.
        if !name.contains('.') || name.ends_with(|last: char| last.is_ascii_digit() || last == '.') {
            return Err("must name a domain of at least two labels behind the *".to_owned());
        }
        Ok(Self::AnyLabel { rest: format!(".{host}") })
    }

    /// Whether it is this origin, as browsers write it (RFC 6454, section 6.2).
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str() == origin,
            Self::AnyLabel { rest } => {
                let label = origin.strip_prefix(Self::SCHEME).and_then(|host| host.strip_suffix(rest.as_str()));
                let is_of_label =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
                label.is_some_and(|label| matches!(label.len(), 1..=63) && label.bytes().all(is_of_label))
            }
        }
    }

    /// As the document writes it.
    pub fn written(&self) -> String {
        match self {
            Self::Exact(exact) => exact.to_string(),
            Self::AnyLabel { rest } => format!("{}*{rest}", Self::SCHEME),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> PageOrigin {
        PageOrigin::parse(text).unwrap()
    }

    #[test]
    fn the_wildcard_is_exactly_one_label_and_scheme_and_port_are_exact() {
        let wildcard = origin("https://*.example.com");
        for (text, matches) in [
            ("https://a.example.com", true),
            ("https://app-1.example.com", true),
            ("https://xn--bcher-kva.example.com", true),
            ("https://example.com", false),
            ("https://.example.com", false),
            ("https://a.b.example.com", false),
            ("https://aexample.com", false),
            ("https://a.example.com.evil.example", false),
            ("https://a.example.comevil", false),
            ("https://evil.example/.example.com", false),
            ("https://evil.example#.example.com", false),
            ("https://evil.example?.example.com", false),
            ("https://user@a.example.com", false),
            ("https://a.example.com:8443", false),
            ("https://a.example.com:443", false),
            ("https://a.example.com/", false),
            ("http://a.example.com", false),
            ("HTTPS://a.example.com", false),
            ("https://A.example.com", false),
            ("https://a.EXAMPLE.com", false),
            ("https://*.example.com", false),
            ("https://a%2e.example.com", false),
            ("https://a..example.com", false),
            (" https://a.example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(wildcard.matches(text), matches, "{text}");
        }
        let long = format!("https://{}.example.com", "a".repeat(64));
        assert!(!wildcard.matches(&long));
        let with_port = origin("https://*.example.com:8443");
        assert!(with_port.matches("https://a.example.com:8443") && !with_port.matches("https://a.example.com"));
        assert_eq!(origin("https://*.Example.com:443").written(), "https://*.example.com");
    }

    #[test]
    fn what_is_no_origin_of_pages_is_refused() {
        for text in [
            "https://*",
            "https://*.",
            "https://*.com",
            "https://*.*.example.com",
            "https://a.*.example.com",
            "https://a*.example.com",
            "https://*a.example.com",
            "https://*.example.com/",
            "http://*.example.com",
            "https://*.example.com/a",
            "https://*.10.0.0.1",
            "https://*.localhost",
            "https://*.example.com.",
            "*.example.com",
            "null",
            "https://*.[::1]",
        ] {
            // A slash at the end is no more than an origin.
            assert!(PageOrigin::parse(text).is_err() || text.ends_with("com/"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_wildcard_matches_is_one_origin_directly_below_the_domain(text in "https?://[a-z.:/@#*-]{0,12}[.]example[.]com[:a-z.]{0,4}") {
            if origin("https://*.example.com").matches(&text) {
                let url = url::Url::parse(&text).unwrap();
                let host = url.host_str().unwrap();
                prop_assert_eq!(host.split('.').count(), 3);
                prop_assert!(host.ends_with(".example.com") && url.scheme() == "https" && url.port().is_none());
            }
        }
    }
}
