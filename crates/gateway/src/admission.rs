//! The first part of a request to an MCP endpoint: everything that is decided before its credential is looked up.

use http::{Method, Request, Response};

use crate::{Credential, Endpoint, EndpointKind, Origin, Refusal, cors};

/// What comes of a request before its credential is looked up.
#[derive(Debug)]
pub enum Admission {
    /// The request asked for the options; this is the whole answer.
    Options(Response<Vec<u8>>),
    /// The request goes no further.
    Refused(Refusal),
    /// The request shows this, which must be validated next.
    Shown(Credential),
}

/// Decides in the order that the browsers and the specification need: preflights carry no token, so they come
/// first; a page that may not call us learns nothing about tokens; then method and credential.
pub fn admit(endpoint: &Endpoint<'_>, head: &Request<()>, origin: &Origin) -> Admission {
    if *origin == Origin::Refused {
        return Admission::Refused(Refusal::Origin);
    }
    if head.method() == Method::OPTIONS {
        let mut response = cors::options(head, origin, endpoint.methods(), endpoint.route.cors.as_ref());
        if let Some(keys) = &endpoint.route.api_keys {
            cors::also_allow(response.headers_mut(), &keys.header);
        }
        for name in endpoint.route.token_headers() {
            cors::also_allow(response.headers_mut(), &name);
        }
        return Admission::Options(response);
    }
    if !has_method(endpoint.kind, head.method()) {
        return Admission::Refused(Refusal::Method);
    }
    if !cors::may_use(endpoint, head.method(), origin) {
        return Admission::Refused(Refusal::OriginMethod);
    }
    Credential::of(head, endpoint).map_or_else(Admission::Refused, Admission::Shown)
}

fn has_method(kind: EndpointKind, method: &Method) -> bool {
    match kind {
        EndpointKind::Streamable => matches!(*method, Method::GET | Method::POST | Method::DELETE),
        EndpointKind::LegacyEvents => *method == Method::GET,
        EndpointKind::LegacyMessages => *method == Method::POST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoBearer, example};

    const EVIL: (&str, &str) = ("origin", "http://evil.example");
    const GOOD: (&str, &str) = ("origin", "http://localhost:6274");
    const TOKEN: (&str, &str) = ("authorization", "Bearer abc");

    fn of(method: &Method, target: &str, pairs: &[(&str, &str)]) -> Admission {
        let configuration = example::configuration();
        let head = example::request(method.clone(), target, pairs);
        let endpoint = Endpoint::at(&configuration, head.uri().path()).unwrap();
        admit(&endpoint, &head, &Origin::of(head.headers(), &endpoint))
    }

    fn refused(method: &Method, target: &str, pairs: &[(&str, &str)]) -> Refusal {
        let Admission::Refused(refusal) = of(method, target, pairs) else {
            panic!("{method} {target} was not refused")
        };
        refusal
    }

    #[test]
    fn a_preflight_of_an_allowed_page_is_answered_without_a_token() {
        let preflight = [GOOD, ("access-control-request-method", "POST")];
        let Admission::Options(response) = of(&Method::OPTIONS, "/mcp", &preflight) else { panic!() };
        assert_eq!(response.status(), 204);
        assert!(response.headers().contains_key("access-control-allow-methods"));
    }

    #[test]
    fn a_foreign_page_is_refused_whatever_it_brings() {
        for method in [Method::OPTIONS, Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let pairs = [EVIL, TOKEN, ("access-control-request-method", "POST")];
            assert_eq!(refused(&method, "/mcp", &pairs), Refusal::Origin, "{method}");
        }
    }

    #[test]
    fn the_methods_of_mcp_need_a_token_and_others_are_not_allowed() {
        let other = Method::from_bytes(b"get").unwrap();
        for method in [Method::HEAD, Method::PUT, Method::PATCH, Method::TRACE, Method::CONNECT, other] {
            assert_eq!(refused(&method, "/mcp", &[TOKEN]), Refusal::Method, "{method}");
        }
        for method in [Method::GET, Method::POST, Method::DELETE] {
            assert_eq!(refused(&method, "/mcp", &[]), Refusal::NoBearer(NoBearer::Missing));
            let Admission::Shown(Credential::Token(token)) = of(&method, "/mcp", &[TOKEN]) else { panic!() };
            assert_eq!(token.token.expose(), "abc");
        }
    }

    #[test]
    fn a_page_uses_the_methods_that_the_route_allows_and_what_is_no_page_or_our_own_any() {
        let document =
            format!("{}\ncors = {{ origins = [\"https://a.example\"], methods = [\"GET\"] }}", example::ONE_UPSTREAM);
        let configuration = gatehouse_configuration::Configuration::parse(&document).unwrap();
        let admitted = |method: &Method, pairs: &[(&str, &str)]| {
            let head = example::request(method.clone(), "/mcp", &[pairs, &[TOKEN]].concat());
            let endpoint = example::endpoint(&configuration);
            admit(&endpoint, &head, &Origin::of(head.headers(), &endpoint))
        };
        let page = [("origin", "https://a.example")];
        for method in [Method::POST, Method::DELETE] {
            let refused = admitted(&method, &page);
            assert!(matches!(refused, Admission::Refused(Refusal::OriginMethod)), "{refused:?}");
            for pairs in [[].as_slice(), &[("origin", "https://gateway.example")]] {
                assert!(!matches!(admitted(&method, pairs), Admission::Refused(_)), "{method} {pairs:?}");
            }
        }
        assert!(!matches!(admitted(&Method::GET, &page), Admission::Refused(_)));
        // The route's pages are in place of everybody's.
        assert!(matches!(admitted(&Method::GET, &[GOOD]), Admission::Refused(Refusal::Origin)));
    }

    #[test]
    fn the_older_transport_has_a_method_for_each_of_its_places() {
        for (path, has) in [("/mcp/sse", Method::GET), ("/mcp/message", Method::POST)] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let admitted = matches!(of(&method, path, &[TOKEN]), Admission::Shown(_));
                assert_eq!(admitted, method == has, "{method} {path}");
            }
            let Admission::Options(response) = of(&Method::OPTIONS, path, &[]) else { panic!() };
            assert_eq!(response.headers()["allow"], format!("{has}, OPTIONS"));
        }
    }

    #[test]
    fn a_token_in_the_query_is_as_good_as_none() {
        let refusal = refused(&Method::POST, "/mcp?access_token=abc", &[]);
        assert_eq!(refusal, Refusal::NoBearer(NoBearer::Missing));
    }
}
