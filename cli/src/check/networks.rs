//! Networks, proxies and web pages of other origins, in plain lines, and what is probably not meant.

use gatehouse_configuration::{
    AddressRange, Configuration, Counted, CrossOrigin, ForwardingHeader, Networks, PageOrigin, PageOrigins, Route,
    TrustedProxies,
};

use super::line::line;

/// Each route, and what holds for everything.
pub(super) fn describe(report: &mut String, configuration: &Configuration) {
    configuration.routes.iter().for_each(|route| describe_route(report, route));
    let (gateway, server) = (&configuration.gateway, &configuration.authorization_server);
    let proxies = &gateway.client_addresses.proxies;
    if let Some(text) = describe_proxies(proxies) {
        line(report, "A client's address", &text);
    }
    for (what, networks) in
        [("the pages", &server.pages), ("the endpoints", &server.endpoints), ("the probes", &gateway.probes)]
    {
        describe_networks(report, what, networks, proxies);
    }
    for rate in &server.rates {
        let text = format!("{} in {} seconds for each address", rate.requests, rate.seconds);
        line(report, "Rate of the pages and endpoints", &text);
    }
    if gateway.client_addresses.are_hidden {
        line(report, "The log", "has no addresses of clients");
    }
    for text in proxy_warnings(proxies) {
        line(report, "Warning for trusted_proxies", &text);
    }
    let rates = configuration.routes.iter().flat_map(|route| &route.rates).chain(&server.rates);
    let needs_addresses = rates.into_iter().any(|rate| rate.per == Counted::Address)
        || all_networks(configuration).any(|networks| !networks.is_unrestricted());
    if needs_addresses && proxies.hops.is_none() {
        let text = "wasmCloud and wasmtime tell no address: there, without trusted_proxies.hops, networks refuse everybody, and a rate \
                    of addresses counts all together";
        line(report, "Note on addresses", text);
    }
    for route in &configuration.routes {
        for text in route.cors.as_ref().map(cors_warnings).unwrap_or_default() {
            line(report, &format!("Warning for {}", route.path), &text);
        }
    }
}

/// What a route has of its own.
fn describe_route(report: &mut String, route: &Route) {
    // Who stands in front is said once, for all.
    describe_networks(report, route.path.as_str(), &route.networks, &TrustedProxies::default());
    if let Some(cors) = &route.cors {
        line(report, &format!("Web pages that may call {}", route.path), &describe_pages(cors));
    }
}

fn all_networks(configuration: &Configuration) -> impl Iterator<Item = &Networks> {
    let server = &configuration.authorization_server;
    let own = [&server.pages, &server.endpoints, &configuration.gateway.probes];
    own.into_iter().chain(configuration.routes.iter().map(|route| &route.networks))
}

fn describe_proxies(proxies: &TrustedProxies) -> Option<String> {
    let header = match proxies.header {
        ForwardingHeader::XForwardedFor => "X-Forwarded-For",
        ForwardingHeader::Forwarded => "Forwarded",
    };
    let from = list(&proxies.ranges);
    match (proxies.hops, proxies.ranges.is_empty()) {
        (None, true) => None,
        (None, false) => Some(format!("the last in {header} that is no proxy's, where a proxy connects: {from}")),
        (Some(hops), true) => Some(format!("number {hops} from the end of {header}, whoever connects")),
        (Some(hops), false) => Some(format!("number {hops} from the end of {header}, where a proxy connects: {from}")),
    }
}

fn describe_networks(report: &mut String, what: &str, networks: &Networks, proxies: &TrustedProxies) {
    if networks.is_unrestricted() {
        return;
    }
    let allowed = if networks.allow.is_empty() { "everywhere".to_owned() } else { list(&networks.allow) };
    let but = if networks.deny.is_empty() { String::new() } else { format!(", but not from {}", list(&networks.deny)) };
    line(report, &format!("From where {what} can be reached"), &format!("{allowed}{but}"));
    for text in warnings(networks, proxies) {
        line(report, &format!("Warning for {what}"), &text);
    }
}

/// What of the ranges does nothing.
fn warnings(networks: &Networks, proxies: &TrustedProxies) -> Vec<String> {
    let mut said = Vec::new();
    for (name, ranges) in [("allow", &networks.allow), ("deny", &networks.deny)] {
        for (place, range) in ranges.iter().enumerate() {
            let mut others = ranges.iter().enumerate().filter(|(other, _)| *other != place);
            let covers =
                |(other, wider): &(usize, &AddressRange)| wider.covers(range) && (*wider != range || *other < place);
            if let Some((_, wider)) = others.find(covers) {
                said.push(format!("networks.{name} has {range} already, by {wider}"));
            }
        }
    }
    for range in &networks.allow {
        if let Some(denied) = networks.deny.iter().find(|denied| denied.covers(range)) {
            said.push(format!("{range} is allowed for nothing: {denied} is denied"));
        }
        if let Some(proxy) = proxies.ranges.iter().find(|proxy| proxy.covers(range)) {
            said.push(format!(
                "{range} is of the proxies ({proxy}): it allows what they ask themselves, and no client of theirs"
            ));
        }
    }
    said
}

fn proxy_warnings(proxies: &TrustedProxies) -> Vec<String> {
    let mut said = Vec::new();
    for range in &proxies.ranges {
        if range.is_everything() {
            said.push(format!("{range} is everybody: each client says himself where he is"));
        } else if is_wide(range) {
            said.push(format!("{range} is a whole private network: every machine in it can say that it is any client"));
        }
    }
    if proxies.hops.is_some() && proxies.ranges.is_empty() {
        let text = "hops without ranges believes whoever connects: nobody but the proxies may reach Gatehouse's port";
        said.push(text.to_owned());
    }
    said
}

/// Whether it has all of a private network (RFC 1918, RFC 4193).
fn is_wide(range: &AddressRange) -> bool {
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fd00::/8"];
    private.iter().filter_map(|text| AddressRange::parse(text).ok()).any(|private| range.covers(&private))
}

fn describe_pages(cors: &CrossOrigin) -> String {
    let pages = match &cors.origins {
        PageOrigins::Any => "every page of the web".to_owned(),
        PageOrigins::These(origins) => {
            let origins: Vec<_> = origins.iter().map(PageOrigin::written).collect();
            format!("those at {}", origins.join(", "))
        }
    };
    let methods = cors.methods.as_ref().map(|methods| format!("; with {}", methods.join(", "))).unwrap_or_default();
    let credentials = if cors.credentials { "; with cookies" } else { "" };
    format!("{pages}{methods}{credentials}")
}

/// What a client of MCP in a browser would lack.
fn cors_warnings(cors: &CrossOrigin) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(headers) = cors.headers.as_deref().filter(|headers| *headers != "*") {
        let has = |name: &str| headers.split(", ").any(|header| header.eq_ignore_ascii_case(name));
        for name in ["Authorization", "Content-Type", "MCP-Protocol-Version"] {
            if !has(name) {
                said.push(format!("cors.headers lacks {name}, which clients of MCP in browsers send"));
            }
        }
    }
    let lacks_post = cors.methods.as_ref().is_some_and(|_| !cors.has_method("POST"));
    if lacks_post {
        said.push("cors.methods lacks POST, with which clients of MCP call".to_owned());
    }
    said
}

fn list(ranges: &[AddressRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(top: &str, route: &str) -> String {
        let document = format!(
            r#"
            public_url = "https://gateway.example"
            {top}
            [identity_provider]
            name = "demo"
            issuer = "https://login.example"
            client_id = "gatehouse"
            [[routes]]
            path = "/mcp"
            url = "http://10.0.0.7:8080/mcp"
            {route}
            "#
        );
        let configuration = Configuration::parse(&document).unwrap();
        let mut report = String::new();
        describe(&mut report, &configuration);
        report
    }

    #[test]
    fn what_is_not_configured_is_not_spoken_of() {
        assert_eq!(report("", ""), "");
    }

    #[test]
    fn each_setting_is_told_with_what_is_probably_not_meant() {
        let top = r#"
            log_addresses = false
            rates = [{ per = "address", requests = 60, seconds = 60 }]
            trusted_proxies = { ranges = ["10.0.0.0/8", "0.0.0.0/0"], hops = 2, header = "forwarded" }
            networks = { pages = { allow = ["10.1.0.0/16"] }, probes = { deny = ["203.0.113.0/24", "203.0.113.7"] } }
        "#;
        let route = r#"
            networks = { allow = ["192.0.2.0/24", "198.51.100.0/24"], deny = ["192.0.0.0/8"] }
            cors = { origins = ["https://*.example.com"], methods = ["GET"], headers = ["Content-Type"], credentials = true }
        "#;
        assert_eq!(
            report(top, route),
            "\
From where /mcp can be reached: 192.0.2.0/24, 198.51.100.0/24, but not from 192.0.0.0/8
Warning for /mcp: 192.0.2.0/24 is allowed for nothing: 192.0.0.0/8 is denied
Web pages that may call /mcp: those at https://*.example.com; with GET; with cookies
A client's address: number 2 from the end of Forwarded, where a proxy connects: 10.0.0.0/8, 0.0.0.0/0
From where the pages can be reached: 10.1.0.0/16
Warning for the pages: 10.1.0.0/16 is of the proxies (10.0.0.0/8): it allows what they ask themselves, and no client of theirs
From where the probes can be reached: everywhere, but not from 203.0.113.0/24, 203.0.113.7/32
Warning for the probes: networks.deny has 203.0.113.7/32 already, by 203.0.113.0/24
Rate of the pages and endpoints: 60 in 60 seconds for each address
The log: has no addresses of clients
Warning for trusted_proxies: 10.0.0.0/8 is a whole private network: every machine in it can say that it is any client
Warning for trusted_proxies: 0.0.0.0/0 is everybody: each client says himself where he is
Warning for /mcp: cors.headers lacks Authorization, which clients of MCP in browsers send
Warning for /mcp: cors.headers lacks MCP-Protocol-Version, which clients of MCP in browsers send
Warning for /mcp: cors.methods lacks POST, with which clients of MCP call
"
        );
    }

    #[test]
    fn a_list_on_a_host_without_addresses_and_proxies_that_nobody_checks_are_told() {
        let without = report("", "networks = { allow = [\"192.0.2.0/24\", \"192.0.2.0/24\"] }");
        assert!(without.contains("Note on addresses: wasmCloud and wasmtime tell no address"), "{without}");
        assert!(without.contains("networks.allow has 192.0.2.0/24 already, by 192.0.2.0/24"), "{without}");
        let counted = report("", "rates = [{ per = \"address\", requests = 1, seconds = 1 }]");
        assert!(counted.contains("Note on addresses"), "{counted}");
        let hops = report("trusted_proxies = { hops = 1 }", "networks = { allow = [\"192.0.2.0/24\"] }");
        assert!(!hops.contains("Note on addresses"), "{hops}");
        assert!(hops.contains("number 1 from the end of X-Forwarded-For, whoever connects"), "{hops}");
        assert!(hops.contains("Warning for trusted_proxies: hops without ranges believes whoever connects"), "{hops}");
    }
}
