//! Request headers that a client may not speak to the upstream with.
//!
//! Names are compared in the form that servers reduce them to: CGI, WSGI and their kin turn `-` into `_` and forget the
//! case, so that `X_MS_Client-Principal` and `x-ms-client-principal` reach the application as one variable
//! (oauth2-proxy, CVE-2025-64484).

use gatehouse_configuration::Upstream;
use gatehouse_configuration::gateway::{self, NEVER_OF_CLIENTS};
use gatehouse_mcp_wire::header::MCP_PARAM_PREFIX;
use http::HeaderName;

use crate::hop_by_hop::HopByHop;

/// In the reduced form. Each is decided by the gateway, or would have the upstream believe something that nobody has
/// checked.
const RESERVED: [&str; 38] = [
    // Credentials for us, not for the upstream (MCP, authorization: a token is never passed on).
    "authorization",
    "cookie",
    "cookie2",
    // Framing and addressing: the host writes them for the request that it really sends.
    "content-length",
    "expect",
    "host",
    "max-forwards",
    "x-host",
    // Bound to the user, or of our own log and trace; ours are set afterwards.
    "last-event-id",
    "mcp-session-id",
    "traceparent",
    "tracestate",
    "x-request-id",
    // Checked here against our own origins, of which an upstream knows nothing: its own check would refuse them.
    "origin",
    "access-control-request-headers",
    "access-control-request-method",
    // Where the client is, and how it came. Nobody before us has checked it.
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "front-end-https",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-real-ip",
    "x-scheme",
    "x-script-name",
    "x-url-scheme",
    // Another method or path than the one that was checked (Symfony, IIS, Express's method-override).
    "x-http-method",
    "x-http-method-override",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-method-override",
    "x-override-url",
    "x-rewrite-url",
    "x-waws-unencoded-url",
    // CGI's HTTP_PROXY (CVE-2016-5385).
    "proxy",
];

/// Families of such names, in the reduced form.
const RESERVED_FAMILIES: [&str; 25] = [
    "x-forwarded",
    // The method, path, host and address before a rewrite: IIS, nginx, Envoy, and those who read them.
    "x-original-",
    // Who the client is, as other gateways say it: Authelia and their kin, Kong, Grafana, Tailscale.
    "remote-",
    "x-remote-",
    "x-authenticated-",
    "x-consumer-",
    "x-webauth-",
    "tailscale-",
    "proxy-client-",
    "wl-proxy-",
    // Azure Front Door. X-MS-CLIENT-PRINCIPAL*, X-MS-TOKEN-* of App Service and Container Apps are among NEVER_OF_CLIENTS.
    "x-azure-",
    // Other gateways' identities: oauth2-proxy, AWS, Google, Cloudflare, Pomerium.
    "x-auth-request-",
    "x-amzn-oidc-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "cf-access-",
    "x-pomerium-",
    // Client certificates and original paths, as TLS-terminating proxies say them: RFC 9440, Azure, nginx, Apache, Envoy.
    "client-cert",
    "x-arr-",
    "x-client-cert",
    "x-ssl-client-",
    "ssl-client-",
    "x-envoy-",
    // What a browser says about the page, which Go's cross-origin protection would judge a second time.
    "sec-fetch-",
    // What Spin tells a component about its own route.
    "spin-",
];

/// Headers whose meaning the gateway or the upstream acts on; only their own spelling is passed on.
const ONE_SPELLING: [&str; 7] =
    ["accept", "accept-encoding", "content-encoding", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version"];

/// The family of a tool's own headers, to which the same applies: what follows is the tool's to spell.
const PARAMETERS: &str = MCP_PARAM_PREFIX;

/// Whether the client's field of this name must not reach `upstream`.
pub(crate) fn is_reserved(name: &HeaderName, configuration: &gateway::Configuration, upstream: &Upstream) -> bool {
    let reduced = reduced(name.as_str());
    let configured = upstream.subject_header.iter().chain(&upstream.identity_provider_token_header);
    let configured = configured.chain(upstream.secret_headers.iter().map(|(name, _)| name));
    let configured = configured.chain(&configuration.identity_header_names).chain(&configuration.api_key_headers);
    let configured = configured.chain(&configuration.token_headers);
    RESERVED.contains(&reduced.as_str())
        || HopByHop::is_always(&reduced)
        || RESERVED_FAMILIES.iter().chain(&NEVER_OF_CLIENTS).any(|family| reduced.starts_with(family))
        || (ONE_SPELLING.contains(&reduced.as_str()) && reduced != name.as_str())
        || (reduced.starts_with(PARAMETERS) && !name.as_str().starts_with(PARAMETERS))
        || configured.map(|name| self::reduced(name.as_str())).any(|configured| configured == reduced)
}

/// Lower case, and `-` for everything that is neither letter nor digit.
fn reduced(name: &str) -> String {
    name.chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use gatehouse_configuration::Configuration;

    use crate::example;

    fn reserved(name: &str) -> bool {
        let configuration = example::configuration();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let mut gateway = configuration.gateway.clone();
        gateway.api_key_headers.push(HeaderName::from_static("ocp-apim-subscription-key"));
        gateway.token_headers.push(HeaderName::from_static("x-access-token"));
        is_reserved(&name, &gateway, example::upstream(&configuration))
    }

    #[test]
    fn identity_forwarding_and_configured_names_are_reserved_in_every_spelling() {
        for name in [
            "Authorization",
            "Cookie",
            "Host",
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Anything",
            "x_forwarded_proto",
            "X-Real-IP",
            "X-MS-CLIENT-PRINCIPAL",
            "X_MS_Client-Principal_Name",
            "X-MS-TOKEN-AAD-ID-TOKEN",
            "x-ms-apikey",
            "X_MS_ApiKey",
            "Ocp-Apim-Subscription-Key",
            "ocp_apim_subscription_key",
            "X-Access-Token",
            "x_access_token",
            "x.access-token",
            "x.ms.client.principal",
            "x-gatehouse-subject",
            "X_Gatehouse_Subject",
            "x-functions-key",
            "X_FUNCTIONS_KEY",
            "x-tenant-key",
            "x_tenant_key",
            "mcp-session-id",
            "Mcp_Session_Id",
            "mcp_protocol_version",
            "Content_Type",
            "content_length",
            "transfer_encoding",
            "spin-full-url",
            "Origin",
            "Sec-Fetch-Site",
            "Proxy",
            "X-HTTP-Method-Override",
            "X_HTTP_Method_Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "X-Original-URL",
            "X-Original-Method",
            "X-Rewrite-URL",
            "X-Forwarded-Host",
            "X-Host",
            "Remote-User",
            "Remote-Groups",
            "X-Remote-User",
            "Client-Cert",
            "Client-Cert-Chain",
            "Last-Event-ID",
            "last_event_id",
            "traceparent",
            "tracestate",
            "X-Request-ID",
            "x_request_id",
            "mcp_method",
            "mcp_name",
            "mcp-param_city",
            "Mcp_Param_City",
            "accept_encoding",
        ] {
            assert!(reserved(name), "{name}");
        }
    }

    /// A header in which one server is told who calls, at the server of another route, of another member, and where nobody is told.
    #[test]
    fn what_says_who_calls_is_reserved_at_every_server_in_every_spelling() {
        let told = "subject_header = \"x-who\"\nidentity_headers = { app_service = true, assertion_header = \"x-caller\", \
                    claims = { \"x-user_groups\" = \"groups\" } }\n";
        let told = example::ONE_UPSTREAM.replace("subject_header = \"x-gatehouse-subject\"\n", told);
        let document = format!(
            "caller_assertion_keys = {{ secret = \"k\" }}\n{told}\n[[routes]]\npath = \"/other\"\nurl = \"http://10.0.0.8/\"\n"
        );
        let told = Configuration::parse(&document).unwrap();
        let nobody = example::federation();
        let spellings = |name: &str| {
            let separators = ["-", "_", ".", "~", "!"].map(|separator| name.replace('-', separator));
            let mixed = name.char_indices().map(|(index, character)| match character {
                '-' if index % 2 == 0 => '_',
                other if index % 2 == 0 => other.to_ascii_uppercase(),
                other => other,
            });
            separators.into_iter().chain([name.to_ascii_uppercase(), mixed.collect()]).collect::<Vec<_>>()
        };
        let always = [
            "x-ms-client-principal",
            "x-ms-client-principal-id",
            "x-ms-client-principal-name",
            "x-ms-client-principal-idp",
            "x-ms-client-principal-roles",
            "x-ms-token-aad-access-token",
            "x-ms-token-aad-id-token",
            "x-ms-token-aad-expires-on",
            "x-ms-token-aad-refresh-token",
            "x-ms-auth-token",
            "x-ms-auth-internal-user-id",
            "x-gatehouse-assertion",
            "x-gatehouse-subject",
        ];
        for name in always.iter().flat_map(|name| spellings(name)) {
            for configuration in [&told, &nobody] {
                for upstream in configuration.routes.iter().flat_map(|route| route.upstreams()) {
                    let header = HeaderName::from_bytes(name.as_bytes()).unwrap();
                    assert!(is_reserved(&header, &configuration.gateway, upstream), "{name} to {}", upstream.url);
                }
            }
        }
        for name in ["x-who", "x-caller", "x-user-groups"].iter().flat_map(|name| spellings(name)) {
            let header = HeaderName::from_bytes(name.as_bytes()).unwrap();
            for upstream in told.routes.iter().flat_map(|route| route.upstreams()) {
                assert!(is_reserved(&header, &told.gateway, upstream), "{name} to {}", upstream.url);
            }
            let elsewhere = nobody.routes[0].upstreams().next().unwrap();
            assert!(!is_reserved(&header, &nobody.gateway, elsewhere), "{name} means nothing there");
        }
    }

    #[test]
    fn ordinary_headers_and_unknown_parameters_of_tools_are_not() {
        for name in [
            "accept",
            "content-type",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-param-city",
            "mcp-param-user_id",
            "baggage",
            "user-agent",
            "x-custom",
            "x_custom",
            "accept-encoding",
            "x-msx",
            "x-access-tokens",
            "forwarded-by",
        ] {
            assert!(!reserved(name), "{name}");
        }
    }

    fn any_reserved() -> impl Strategy<Value = String> {
        let configured =
            ["x-gatehouse-subject", "x-functions-key", "x-tenant-key", "ocp-apim-subscription-key", "x-access-token"];
        let exact: Vec<String> = RESERVED.iter().chain(&configured).map(|name| (*name).to_owned()).collect();
        let member = (select(RESERVED_FAMILIES.to_vec()), "[a-z][a-z0-9-]{0,8}")
            .prop_map(|(family, rest)| format!("{family}{rest}"));
        prop_oneof![select(exact), member]
    }

    proptest! {
        #[test]
        fn no_reserved_name_gets_through_in_another_spelling(
            name in any_reserved(),
            upper in proptest::collection::vec(any::<bool>(), 64),
            separators in proptest::collection::vec(select(b"-_.~!#$%&'*+^`|".to_vec()), 64),
            at in any::<Index>(),
        ) {
            let all = at.index(2) == 0;
            let spelled: String = name.char_indices().map(|(index, character)| match character {
                '-' if all || at.index(name.len()) == index => separators[index % 64] as char,
                other if upper[index % 64] => other.to_ascii_uppercase(),
                other => other,
            }).collect();
            prop_assert!(reserved(&spelled), "{}", spelled);
        }
    }
}
