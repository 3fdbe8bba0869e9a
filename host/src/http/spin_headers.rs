//! The headers that Spin gives a guest's request, and so this host.

use std::net::SocketAddr;

use http::Request;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::connection_headers::remove_named_by_connection;
use crate::manifest::Route;

/// Gives the request the headers that Spin gives it. A client's own of those names are lies.
pub(crate) fn for_guest<B>(mut request: Request<B>, route: &Route, client: SocketAddr, scheme: &str) -> Request<B> {
    let own: Vec<HeaderName> =
        request.headers().keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
    for name in own {
        request.headers_mut().remove(name);
    }
    remove_named_by_connection(request.headers_mut());
    let path = request.uri().path().to_owned();
    let authority = (request.uri().authority().map(|authority| authority.as_str().to_owned()))
        .or_else(|| Some(request.headers().get(header::HOST)?.to_str().ok()?.to_owned()))
        .unwrap_or_default();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let values = [
        ("spin-full-url", format!("{scheme}://{authority}{target}")),
        ("spin-path-info", route.path_info(&path).to_owned()),
        ("spin-matched-route", route.to_string()),
        ("spin-raw-component-route", route.to_string()),
        ("spin-component-route", route.base().to_owned()),
        ("spin-base-path", "/".to_owned()),
        ("spin-client-addr", client.to_string()),
    ];
    let headers: &mut HeaderMap = request.headers_mut();
    for (name, value) in values {
        // Parts of a request line are header characters too.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    request
}
