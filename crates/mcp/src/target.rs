//! The address of the upstream for one request.

use gatehouse_configuration::Upstream;
use http::Uri;
use http::uri::PathAndQuery;
use url::form_urlencoded;

use crate::{Endpoint, EndpointKind, Refusal};

/// The configured address, with the query of the request after its own. Where messages of the older transport are posted,
/// the query is the gateway's own, and stays here.
///
/// A token in the query is not accepted (RFC 6750, section 2.3), and must not reach the upstream and its log either.
///
/// # Errors
/// [`Refusal::UpstreamUnreachable`] where the two together are no address.
pub fn target(endpoint: &Endpoint<'_>, upstream: &Upstream, requested: &Uri) -> Result<Uri, Refusal> {
    let url = &upstream.url;
    let of_client = requested.query().filter(|_| endpoint.kind != EndpointKind::LegacyMessages);
    let queries = [url.query().map(str::to_owned), of_client.map(without_token)];
    let query = queries.into_iter().flatten().filter(|query| !query.is_empty()).collect::<Vec<_>>().join("&");
    let text = if query.is_empty() { url.path().to_owned() } else { format!("{}?{query}", url.path()) };
    let mut parts = url.clone().into_parts();
    let unusable =
        || Refusal::UpstreamUnreachable("the query makes no address together with the configured url".to_owned());
    parts.path_and_query = Some(PathAndQuery::try_from(text).map_err(|_| unusable())?);
    Uri::from_parts(parts).map_err(|_| unusable())
}

/// The query without `access_token`, however it is spelled; everything else stays as it was sent.
fn without_token(query: &str) -> String {
    let is_token = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| name.eq_ignore_ascii_case("access_token"))
    };
    query.split('&').filter(|pair| !is_token(pair)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_query_goes_on_after_the_configured_one_without_a_token() {
        let configuration = example::configuration();
        let [first, second] = example::endpoints(&configuration).collect::<Vec<_>>()[..] else { panic!() };
        let events = Endpoint::at(&configuration, "/mcp/sse").unwrap();
        let messages = Endpoint::at(&configuration, "/mcp/message").unwrap();
        for (endpoint, requested, expected) in [
            (first, "/mcp", "http://10.0.0.7:8080/api/mcp?code=1"),
            (first, "/mcp?", "http://10.0.0.7:8080/api/mcp?code=1"),
            (first, "/mcp?a=%2f&b=c+d&&b", "http://10.0.0.7:8080/api/mcp?code=1&a=%2f&b=c+d&&b"),
            (first, "/mcp?access_token=x", "http://10.0.0.7:8080/api/mcp?code=1"),
            (first, "/mcp?a=1&access_token=x&b=2&Access%5FToken=y", "http://10.0.0.7:8080/api/mcp?code=1&a=1&b=2"),
            (events, "/mcp/sse?a=1&access_token=x", "http://10.0.0.7:8080/api/mcp?code=1&a=1"),
            (messages, "/mcp/message?session=x&a=1", "http://10.0.0.7:8080/api/mcp?code=1"),
            (first, "/mcp?xaccess_token=x", "http://10.0.0.7:8080/api/mcp?code=1&xaccess_token=x"),
            (second, "/team/files.v2", "https://files.internal.example/"),
            (
                second,
                "/team/files.v2?a=http://evil.example/@",
                "https://files.internal.example/?a=http://evil.example/@",
            ),
        ] {
            let target =
                target(&endpoint, endpoint.route.upstreams().next().unwrap(), &requested.parse().unwrap()).unwrap();
            assert_eq!(target.to_string(), expected);
        }
    }
}
