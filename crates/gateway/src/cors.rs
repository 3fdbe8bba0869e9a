//! Cross-origin requests from web pages (the Fetch standard, section 3.2).
//!
//! A page may read an answer only where the answer names its origin. Cookies are allowed only where the operator says so at a
//! route: the token is in a header.

use gatehouse_configuration::CrossOrigin;
use gatehouse_mcp_wire::header::MCP_PARAM_PREFIX;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use crate::protection::protect;
use crate::{Endpoint, Origin};

/// What an MCP client sends besides the headers that every page may send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, \
     Mcp-Name, Last-Event-ID, traceparent, tracestate";
/// A tool's own header parameters (MCP 2026-07-28): their names are not known beforehand, and `*` does not cover
/// `Authorization`.
const ALLOWED_PREFIX: &str = MCP_PARAM_PREFIX;
const EXPOSED_HEADERS: &str =
    "WWW-Authenticate, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy, x-request-id";
/// Seconds; browsers cap it at 2 hours (Chromium) or a day (Firefox).
const MAX_AGE: u32 = 7_200;

/// What the answer to a preflight depends on.
const PREFLIGHT_VARY: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Lets the page at `origin` read the answer with these headers, and tells caches that it depends on the origin.
pub fn allow(headers: &mut HeaderMap, origin: &Origin, rules: Option<&CrossOrigin>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Origin::Allowed(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = rules.and_then(|rules| rules.exposed_headers.as_deref());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, configured(exposed, EXPOSED_HEADERS));
        if rules.is_some_and(|rules| rules.credentials) {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// Whether a page at this origin may use the method here. Browsers ask for some methods only, and never for POST.
pub(crate) fn may_use(endpoint: &Endpoint<'_>, method: &Method, origin: &Origin) -> bool {
    let Origin::Allowed(origin) = origin else { return true };
    let is_own = origin.as_bytes() == endpoint.configuration.public_url.as_str().as_bytes();
    is_own || endpoint.route.cors.as_ref().is_none_or(|cors| cors.has_method(method.as_str()))
}

/// The answer to `OPTIONS`: of a page that asks before its request, or of anyone who asks for the methods (RFC 9110,
/// section 9.3.7).
pub(crate) fn options<B>(
    request: &Request<B>,
    origin: &Origin,
    methods: &'static str,
    rules: Option<&CrossOrigin>,
) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(methods));
    protect(headers);
    allow(headers, origin, rules);
    let asked = request.headers();
    if is_preflight(request) && matches!(origin, Origin::Allowed(_)) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allowed_methods(methods, rules));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked, rules));
        let max_age = rules.and_then(|rules| rules.max_age).unwrap_or(MAX_AGE);
        headers.insert(ACCESS_CONTROL_MAX_AGE, max_age.into());
        headers.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARY));
    }
    response
}

/// Allows one more header, where the answer allows any.
pub(crate) fn also_allow(headers: &mut HeaderMap, name: &HeaderName) {
    let allowed = headers.get(ACCESS_CONTROL_ALLOW_HEADERS).and_then(|value| value.to_str().ok());
    let Some(allowed) = allowed.map(|allowed| format!("{allowed}, {name}")) else { return };
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Those of an endpoint's methods that a page may use.
fn allowed_methods(methods: &'static str, rules: Option<&CrossOrigin>) -> HeaderValue {
    let allowed = |rules: &CrossOrigin| {
        methods.split(", ").filter(|method| rules.has_method(method)).collect::<Vec<_>>().join(", ")
    };
    configured(rules.map(allowed).as_deref(), methods)
}

/// The configured text where there is one, which can stand in a header as it was checked.
fn configured(text: Option<&str>, usual: &'static str) -> HeaderValue {
    text.and_then(|text| HeaderValue::from_str(text).ok()).unwrap_or(HeaderValue::from_static(usual))
}

/// The configured names; or the fixed ones, and those of the tool parameters that the page asked for.
fn allowed_headers(asked: &HeaderMap, rules: Option<&CrossOrigin>) -> HeaderValue {
    match rules.and_then(|rules| rules.headers.as_deref()) {
        // `*` does not cover it.
        Some("*") => return HeaderValue::from_static("*, Authorization"),
        Some(names) => return configured(Some(names), ALLOWED_HEADERS),
        None => {}
    }
    let asked = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|value| value.to_str().ok());
    let parameters = asked
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .filter(|name| name.as_str().starts_with(ALLOWED_PREFIX));
    let names = parameters.fold(ALLOWED_HEADERS.to_owned(), |names, name| format!("{names}, {name}"));
    HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    const METHODS: &str = "GET, POST, OPTIONS";

    fn origin() -> Origin {
        Origin::Allowed(HeaderValue::from_static("http://localhost:6274"))
    }

    fn preflight(requested: &str) -> Response<Vec<u8>> {
        let pairs = [("access-control-request-method", "POST"), ("access-control-request-headers", requested)];
        options(&example::request(Method::OPTIONS, "/mcp", &pairs), &origin(), METHODS, None)
    }

    #[test]
    fn a_preflight_is_told_what_an_mcp_client_needs() {
        let response = preflight("authorization,mcp-protocol-version");
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let headers = response.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:6274");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], METHODS);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], ALLOWED_HEADERS);
        assert_eq!(headers[VARY], PREFLIGHT_VARY);
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn parameters_of_tools_are_allowed_by_name_and_other_names_are_not_echoed() {
        let response =
            preflight("x-evil, Mcp-Param-City,mcp-param-user_id, mcp-param-\u{e9}, mcp-paramx, mcp-param-a b");
        let allowed = response.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, ALLOWED_HEADERS, "a list with a byte that is not ASCII is not read at all");
        let response = preflight("x-evil, Mcp-Param-City,mcp-param-user_id, mcp-paramx, mcp-param-a b");
        let allowed = response.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, format!("{ALLOWED_HEADERS}, mcp-param-city, mcp-param-user_id"));
    }

    #[test]
    fn a_further_header_is_allowed_to_a_page_that_is_allowed_any() {
        let name = HeaderName::from_static("x-ms-apikey");
        let mut response = preflight("x-ms-apikey");
        also_allow(response.headers_mut(), &name);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], format!("{ALLOWED_HEADERS}, x-ms-apikey"));
        let mut response = options(&example::request(Method::OPTIONS, "/mcp", &[]), &Origin::Absent, METHODS, None);
        also_allow(response.headers_mut(), &name);
        assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_HEADERS));
    }

    #[test]
    fn options_of_others_names_the_methods_and_allows_no_page() {
        let response = options(&example::request(Method::OPTIONS, "/mcp", &[]), &Origin::Absent, METHODS, None);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers()[ALLOW], METHODS);
        assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
    }

    /// What the table says of the route.
    fn rules(table: &str) -> CrossOrigin {
        let document = format!("{}\ncors = {{ origins = [\"https://a.example\"], {table} }}", example::ONE_UPSTREAM);
        let mut configuration = gatehouse_configuration::Configuration::parse(&document).unwrap();
        configuration.routes.remove(0).cors.unwrap()
    }

    #[test]
    fn a_preflight_is_told_what_the_route_says_in_place_of_what_every_route_has() {
        let asked = |table: &str| {
            let pairs = [("access-control-request-method", "POST"), ("access-control-request-headers", "mcp-param-a")];
            let request = example::request(Method::OPTIONS, "/mcp", &pairs);
            let response = options(&request, &origin(), METHODS, Some(&rules(table)));
            let value = |name: HeaderName| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            [
                value(ACCESS_CONTROL_ALLOW_METHODS),
                value(ACCESS_CONTROL_ALLOW_HEADERS),
                value(ACCESS_CONTROL_MAX_AGE),
                value(ACCESS_CONTROL_ALLOW_CREDENTIALS),
            ]
        };
        let said = |texts: [&str; 4]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
        let usual = format!("{ALLOWED_HEADERS}, mcp-param-a");
        assert_eq!(asked(""), said([METHODS, &usual, "7200", ""]));
        assert_eq!(asked("max_age = 0, credentials = true"), said([METHODS, &usual, "0", "true"]));
        // DELETE is no method of this endpoint, and the route allows no GET.
        assert_eq!(asked(r#"methods = ["POST", "DELETE"]"#), said(["POST", &usual, "7200", ""]));
        assert_eq!(asked(r#"headers = ["Authorization"]"#), said([METHODS, "Authorization", "7200", ""]));
        assert_eq!(asked(r#"headers = ["*"]"#), said([METHODS, "*, Authorization", "7200", ""]));
    }

    #[test]
    fn a_page_reads_the_headers_that_the_route_names() {
        let exposed = |rules: Option<&CrossOrigin>| {
            let mut headers = HeaderMap::new();
            allow(&mut headers, &origin(), rules);
            headers[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().to_owned()
        };
        assert_eq!(exposed(None), EXPOSED_HEADERS);
        assert_eq!(exposed(Some(&rules(""))), EXPOSED_HEADERS);
        assert_eq!(
            exposed(Some(&rules(r#"exposed_headers = ["X-Request-Id", "Retry-After"]"#))),
            "X-Request-Id, Retry-After"
        );
    }

    #[test]
    fn an_answer_depends_on_the_origin_even_where_none_is_allowed() {
        for origin in [Origin::Absent, Origin::Refused] {
            let mut headers = HeaderMap::new();
            allow(&mut headers, &origin, None);
            assert_eq!(headers, example::headers(&[("vary", "Origin")]));
        }
    }
}
