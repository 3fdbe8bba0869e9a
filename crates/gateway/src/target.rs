//! The address of the upstream for one request.

use gatehouse_configuration::Upstream;
use http::Uri;
use http::uri::PathAndQuery;
use url::form_urlencoded;

use crate::{Endpoint, EndpointKind, Refusal};

/// The configured address, with the query of the request after its own. Where messages of the older transport are posted,
/// the query is the gateway's own, and stays here.
///
/// Three kinds of parameters do not go on. A token in the query is not accepted (RFC 6750, section 2.3), and must not
/// reach the upstream and its log either. `_method` would have some frameworks take a POST for something else. And what
/// the operator has set in the configured address is not the client's to say: many readers take the last of two.
///
/// # Errors
/// [`Refusal::UpstreamUnreachable`] where the two together are no address.
pub fn target(endpoint: &Endpoint<'_>, upstream: &Upstream, requested: &Uri) -> Result<Uri, Refusal> {
    let url = &upstream.url;
    let own = url.query().unwrap_or_default();
    let of_client = requested.query().filter(|_| endpoint.kind != EndpointKind::LegacyMessages).unwrap_or_default();
    let kept = without_reserved(of_client, own);
    let query = [own, &kept].into_iter().filter(|query| !query.is_empty()).collect::<Vec<_>>().join("&");
    let text = if query.is_empty() { url.path().to_owned() } else { format!("{}?{query}", url.path()) };
    let mut parts = url.clone().into_parts();
    let unusable =
        || Refusal::UpstreamUnreachable("the query makes no address together with the configured url".to_owned());
    parts.path_and_query = Some(PathAndQuery::try_from(text).map_err(|_| unusable())?);
    Uri::from_parts(parts).map_err(|_| unusable())
}

/// The query without the parameters that are not the client's to send; everything else stays as it was sent.
fn without_reserved(query: &str, own: &str) -> String {
    let mut reserved: Vec<_> = ["access_token", "_method"].map(str::to_owned).into();
    reserved.extend(names(own));
    let is_reserved = |pair: &&str| names(pair).any(|name| reserved.contains(&name));
    query.split('&').filter(|pair| !is_reserved(pair)).collect::<Vec<_>>().join("&")
}

/// The names of the parameters, in the form that the most forgiving readers reduce them to: some split at `;` too, some
/// forget the case, and PHP takes ` a.b[c]` for `a_b`.
fn names(query: &str) -> impl Iterator<Item = String> {
    query.split(['&', ';']).filter_map(|pair| form_urlencoded::parse(pair.as_bytes()).next()).map(|(name, _)| {
        let whole = name.trim_start().split(['[', '\0']).next().unwrap_or_default();
        whole.trim_end().replace(['.', ' '], "_").to_ascii_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            (first, "/mcp?a=1;access_token=x&b=2;c", "http://10.0.0.7:8080/api/mcp?code=1&b=2;c"),
            (first, "/mcp?_method=DELETE&a=1&%5Fmethod=PUT", "http://10.0.0.7:8080/api/mcp?code=1&a=1"),
            (first, "/mcp?code=2&a=1", "http://10.0.0.7:8080/api/mcp?code=1&a=1"),
            (
                first,
                "/mcp?Code=2&c%6fde=3&+code=4&code[]=5&code%00=6&code&a=1;code=7",
                "http://10.0.0.7:8080/api/mcp?code=1",
            ),
            (first, "/mcp?codes=2", "http://10.0.0.7:8080/api/mcp?code=1&codes=2"),
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

    proptest! {
        #[test]
        fn what_the_operator_set_is_said_once(query in "((%63|c|C)ode|a|access_token|;|&|=|[!-~]){0,12}") {
            let configuration = example::configuration();
            let endpoint = example::endpoint(&configuration);
            let Ok(requested) = format!("/mcp?{query}").parse() else { return Ok(()) };
            let target = target(&endpoint, example::upstream(&configuration), &requested).unwrap();
            let sent = target.query().unwrap();
            prop_assert!(sent.starts_with("code=1"));
            prop_assert_eq!(names(sent).filter(|name| name == "code").count(), 1, "{}", sent);
            prop_assert!(names(sent).all(|name| name != "access_token"), "{}", sent);
        }
    }
}
