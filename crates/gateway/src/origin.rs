//! The `Origin` of a request: which web page it comes from, if any.

use http::header::ORIGIN;
use http::{HeaderMap, HeaderValue};

use crate::Endpoint;

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Not a web page: no `Origin`.
    Absent,
    /// A web page that may call us.
    Allowed(HeaderValue),
    /// A web page that may not: 403 (MCP 2025-11-25, transports, security warning). Two `Origin` fields are refused as
    /// well, since another reader might take the other one.
    Refused,
}

impl Origin {
    /// Reads the origin and checks it against our own, and the endpoint's `cors` or else `allowed_origins`.
    pub fn of(headers: &HeaderMap, endpoint: &Endpoint<'_>) -> Self {
        let mut values = headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else { return Self::Absent };
        let (configuration, own) = (endpoint.configuration, &endpoint.configuration.public_url);
        let allowed = |text: &str| match &endpoint.route.cors {
            Some(cors) => own.as_str() == text || cors.allows(text),
            None => configuration.allowed_origins.allow(text, own),
        };
        match (values.next(), value.to_str()) {
            (None, Ok(text)) if allowed(text) => Self::Allowed(value.clone()),
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example;

    #[test]
    fn our_own_and_the_configured_origins_are_allowed_and_no_others() {
        let configuration = example::configuration();
        let of = |origins: &[&str]| {
            let pairs: Vec<_> = origins.iter().map(|origin| ("origin", *origin)).collect();
            Origin::of(&example::headers(&pairs), &example::endpoint(&configuration))
        };
        assert_eq!(of(&[]), Origin::Absent);
        for good in ["https://gateway.example", "http://localhost:6274"] {
            assert_eq!(of(&[good]), Origin::Allowed(good.parse().unwrap()));
        }
        for bad in [
            "",
            "null",
            "http://evil.example",
            "http://localhost:6275",
            "http://localhost:6274/",
            "https://gateway.example.evil.example",
        ] {
            assert_eq!(of(&[bad]), Origin::Refused, "{bad:?}");
        }
        assert_eq!(of(&["http://localhost:6274", "http://localhost:6274"]), Origin::Refused);
        assert_eq!(of(&["http://localhost:6274 http://evil.example"]), Origin::Refused);
        assert_eq!(of(&["\u{e9}"]), Origin::Refused);
    }

    #[test]
    fn a_wildcard_allows_every_page() {
        let text = example::ONE_UPSTREAM.replace(r#"["http://localhost:6274"]"#, r#"["*"]"#);
        let configuration = gatehouse_configuration::Configuration::parse(&text).unwrap();
        for origin in ["null", "https://anything.example"] {
            let headers = example::headers(&[("origin", origin)]);
            assert_eq!(
                Origin::of(&headers, &example::endpoint(&configuration)),
                Origin::Allowed(origin.parse().unwrap())
            );
        }
    }

    proptest! {
        #[test]
        fn no_origin_but_the_allowed_ones_is_allowed(value in "[ -~]{1,40}") {
            let configuration = example::configuration();
            let origin = Origin::of(&example::headers(&[("origin", value.as_str())]), &example::endpoint(&configuration));
            let known = ["https://gateway.example", "http://localhost:6274"].contains(&value.as_str());
            prop_assert_eq!(matches!(origin, Origin::Allowed(_)), known);
        }
    }
}
