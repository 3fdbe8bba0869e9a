use super::*;

#[test]
fn each_entry_allows_what_it_says_and_nothing_past_the_edge() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "https://example.com",
            &["https://example.com/", "https://example.com:443/x", "https://EXAMPLE.com/"],
            &[
                "http://example.com/",
                "https://example.com:8443/",
                "https://example.com./",
                "https://sub.example.com/",
                "https://example.com.evil.test/",
                "https://evil.test/example.com",
                "https://user@example.com/",
                "https://example.com:443@evil.test/",
                "/relative",
            ],
        ),
        (
            "http://127.0.0.1:3001",
            &["http://127.0.0.1:3001/a"],
            &[
                "http://127.0.0.1:3002/",
                "http://127.0.0.1/",
                "https://127.0.0.1:3001/",
                "http://localhost:3001/",
                "http://2130706433:3001/",
                "http://127.1:3001/",
            ],
        ),
        (
            "https://*.example.com",
            &["https://a.example.com/", "https://a.b.example.com/"],
            &[
                "https://example.com/",
                "https://aexample.com/",
                "https://.example.com/",
                "https://a.example.com.evil.test/",
                "http://a.example.com/",
            ],
        ),
        (
            "http://localhost:*",
            &["http://localhost/", "http://localhost:1/", "http://localhost:65535/"],
            &["https://localhost/", "http://localhost.evil.test/"],
        ),
        (
            "http://localhost:8000..8002",
            &["http://localhost:8000/", "http://localhost:8001/"],
            &["http://localhost:7999/", "http://localhost:8002/"],
        ),
        ("*://*:*", &["http://a/", "https://b:1/"], &["/relative", "http://user@a/"]),
        ("*://example.com:443", &["https://example.com/", "http://example.com:443/"], &["http://example.com/"]),
        ("http://10.0.0.0/8:80", &["http://10.1.2.3/"], &["http://11.0.0.0/", "http://ten.example/"]),
        ("http://[::1]:3000", &["http://[::1]:3000/"], &["http://[::2]:3000/", "http://127.0.0.1:3000/"]),
        ("https://example.com/", &["https://example.com/"], &["https://example.com:1/"]),
    ];
    for (entry, allowed, denied) in table {
        let hosts = AllowedOutboundHosts::parse([entry]).unwrap();
        for (uris, expected) in [(allowed, true), (denied, false)] {
            for uri in *uris {
                // What is no URI never becomes a request.
                let Ok(parsed) = uri.parse::<Uri>() else {
                    assert!(!expected, "{uri}");
                    continue;
                };
                assert_eq!(hosts.permission(&parsed) != Permission::Denied, expected, "{entry} {uri}");
            }
        }
    }
}

#[test]
fn no_entries_allow_nothing() {
    let nothing = AllowedOutboundHosts::default();
    assert_eq!(nothing.permission(&Uri::from_static("https://example.com/")), Permission::Denied);
}

#[test]
fn a_wildcard_leads_to_public_addresses_only_and_a_named_host_wherever_it_is() {
    let hosts = AllowedOutboundHosts::parse(["https://*:443", "https://inside.example", "https://10.0.0.7"]).unwrap();
    for (uri, expected) in [
        ("https://client.example/", Permission::PublicOnly),
        ("https://8.8.8.8/", Permission::PublicOnly),
        // Names and other spellings are judged when they are resolved.
        ("https://localhost/", Permission::PublicOnly),
        ("https://127.1/", Permission::PublicOnly),
        ("https://127.0.0.1/", Permission::Denied),
        ("https://169.254.169.254/", Permission::Denied),
        ("https://[::1]/", Permission::Denied),
        ("https://[::ffff:10.0.0.7]/", Permission::Denied),
        ("https://inside.example/", Permission::Anywhere),
        ("https://10.0.0.7/", Permission::Anywhere),
    ] {
        assert_eq!(hosts.permission(&uri.parse().unwrap()), expected, "{uri}");
    }
}

#[test]
fn a_wrong_entry_is_refused_in_words() {
    for (entry, part) in [
        ("", "is empty"),
        ("  ", "is empty"),
        ("*", "has no scheme"),
        ("example.com", "has no scheme"),
        ("insecure:allow-all", "has no scheme"),
        ("redis://localhost", "http and https only"),
        ("https://example.com/path", "has a path, and is only scheme://host[:port]; write \"https://example.com\""),
        ("http://127.0.0.1:7402/mcp", "write \"http://127.0.0.1:7402\""),
        ("http://127.0.0.1/mcp", "write \"http://127.0.0.1\""),
        ("https://example.com:8443?a=b", "write \"https://example.com:8443\""),
        ("https://[::1]:3000/a/b/", "write \"https://[::1]:3000\""),
        ("http://10.0.0.0/8/mcp", "write \"http://10.0.0.0/8\""),
        ("https:///mcp", "not a host name"),
        ("https://user@example.com", "must not have a user"),
        ("https://*example.com", "first label"),
        ("https://a.*.com", "first label"),
        ("https://", "not a host name"),
        ("https://a..b", "not a host name"),
        ("https://example.com:http", "not a port number"),
        ("https://example.com:65536", "not a port number"),
        ("https://example.com:", "not a port number"),
        ("*://example.com", "needs a port"),
        ("http://self", "Spin feature"),
        ("http://self.alt", "name a component, as http://COMPONENT.spin.internal"),
        ("https://other.spin.internal", "reached as http://COMPONENT.spin.internal"),
        ("*://other.spin.internal:80", "reached as http://COMPONENT.spin.internal"),
        ("http://other.spin.internal:3000", "reached as http://COMPONENT.spin.internal"),
        ("http://a.b.spin.internal", "reached as http://COMPONENT.spin.internal"),
        ("http://spin.internal", "reached as http://COMPONENT.spin.internal"),
        ("{http,https}://a", "http and https only"),
    ] {
        let message = AllowedOutboundHosts::parse([entry]).unwrap_err().to_string();
        assert!(message.contains(part), "{entry}: {message}");
    }
}

#[test]
fn a_component_of_the_application_is_allowed_by_its_name_alone() {
    let permission = |entries: &[&str], uri: &str| {
        AllowedOutboundHosts::parse(entries).unwrap().permission(&uri.parse::<Uri>().unwrap())
    };
    for entries in [["http://shell.spin.internal"], ["http://*.spin.internal"]] {
        for uri in ["http://shell.spin.internal/run", "http://shell.spin.internal:80/", "http://SHELL.Spin.Internal/"] {
            assert_eq!(permission(&entries, uri), Permission::Component, "{entries:?} {uri}");
        }
        for uri in [
            "https://shell.spin.internal/",
            "http://shell.spin.internal:8080/",
            "http://shell.spin.internal:/",
            "http://shell.spin.internal./",
            "http://.spin.internal/",
            "http://spin.internal/",
            "http://a.shell.spin.internal/",
            "http://user@shell.spin.internal/",
            "http://shell.spin.internal.example.com/",
        ] {
            assert_eq!(permission(&entries, uri), Permission::Denied, "{entries:?} {uri}");
        }
    }
    assert_eq!(permission(&["http://shell.spin.internal"], "http://python.spin.internal/"), Permission::Denied);
    // What allows the whole internet does not allow what is behind the front.
    let wide = ["*://*:*", "http://*:80", "http://*.internal", "https://*:443"];
    for uri in ["http://shell.spin.internal/", "https://shell.spin.internal/", "http://shell.spin.internal./"] {
        assert_eq!(permission(&wide, uri), Permission::Denied, "{uri}");
    }
}
