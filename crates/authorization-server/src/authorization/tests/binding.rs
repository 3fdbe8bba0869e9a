//! Who asks, and where the answer goes.

use proptest::prelude::*;

use super::*;
use crate::example::{CONFIGURED, CONFIGURED_URI, LOOPBACK_URI, configuration_with, query};

#[test]
fn while_client_or_redirect_uri_are_in_doubt_nothing_is_redirected() {
    let mut world = World::new();
    let registered = world.register();
    let missing = |name| UnboundRejection::Parameter(ParameterError::Missing(name));
    let doubled = |name| UnboundRejection::Parameter(ParameterError::Doubled(name));
    let before = world.store.snapshot();
    for (query, expected) in [
        (query().without("client_id"), missing("client_id")),
        (query().with("client_id", ""), missing("client_id")),
        (query().and("client_id", CONFIGURED), doubled("client_id")),
        (query().and("client_id", "evil"), doubled("client_id")),
        (query().with("client_id", "nobody"), UnboundRejection::UnknownClient),
        (query().with("client_id", "line\r\nbreak"), UnboundRejection::UnknownClient),
        (query().with("client_id", &"a".repeat(2049)), UnboundRejection::UnknownClient),
        (query().without("redirect_uri"), missing("redirect_uri")),
        (query().with("redirect_uri", ""), missing("redirect_uri")),
        (query().and("redirect_uri", CONFIGURED_URI), doubled("redirect_uri")),
        (query().and("redirect_uri", "https://evil.example/"), doubled("redirect_uri")),
        (query().with("redirect_uri", "not a uri"), UnboundRejection::ForeignRedirectUri),
        // Another client's.
        (query().with("client_id", registered.as_str()), UnboundRejection::ForeignRedirectUri),
        (query().with("redirect_uri", LOOPBACK_URI), UnboundRejection::ForeignRedirectUri),
    ] {
        assert_eq!(bind(&query, &world).unwrap_err(), expected, "{query:?}");
        assert_eq!(world.store.snapshot(), before);
    }
}

#[test]
fn a_redirect_uri_is_compared_letter_by_letter() {
    let world = World::new();
    for foreign in [
        "https://client.example/cb/",
        "https://client.example/cb?",
        "https://client.example/cb?next=https://evil.example",
        "https://client.example/cb#",
        "https://client.example/cb/../evil",
        "https://client.example/./cb",
        "https://client.example/%63b",
        "https://client.example/CB",
        "https://CLIENT.example/cb",
        "https://client.example:443/cb",
        "https://client.example:8443/cb",
        "https://client.example./cb",
        "https://client.example.evil.example/cb",
        "https://client.example@evil.example/cb",
        "https://evil.example/https://client.example/cb",
        "https://evil.example\\@client.example/cb",
        "https:client.example/cb",
        "http://client.example/cb",
        "//client.example/cb",
        " https://client.example/cb",
        "https://client.example/cb\n",
        "javascript://client.example/cb",
        "https://gateway.example/callback",
    ] {
        let refused = bind(&query().with("redirect_uri", foreign), &world).unwrap_err();
        assert_eq!(refused, UnboundRejection::ForeignRedirectUri, "{foreign}");
    }
}

/// RFC 8252, section 7.3.
#[test]
fn of_a_loopback_redirect_uri_only_the_port_may_differ() {
    let mut world = World::new();
    let query = query().with("client_id", world.register().as_str());
    for same in ["http://127.0.0.1:33418/callback", "http://127.0.0.1:50000/callback", "http://127.0.0.1/callback"] {
        let bound = bind(&query.with("redirect_uri", same), &world).unwrap();
        assert_eq!(bound.redirect_uri.as_str(), same, "the answer goes to the port that was asked for");
    }
    for other in [
        "http://localhost:33418/callback",
        "http://[::1]:33418/callback",
        "http://127.0.0.2:33418/callback",
        "https://127.0.0.1:33418/callback",
        "http://127.0.0.1:33418/callback/",
        "http://127.0.0.1:33418/callback?x",
        "http://127.0.0.1:33418/",
        "http://127.0.0.1:33418@evil.example/callback",
        "https://client.example:33418/registered",
    ] {
        let refused = bind(&query.with("redirect_uri", other), &world).unwrap_err();
        assert_eq!(refused, UnboundRejection::ForeignRedirectUri, "{other}");
    }
}

#[test]
fn a_store_that_is_down_binds_only_clients_of_the_configuration() {
    let mut world = World::new();
    let registered = query().with("client_id", world.register().as_str()).with("redirect_uri", LOOPBACK_URI);
    assert!(bind(&registered, &world).is_ok());
    world.store.go_down();
    assert!(matches!(bind(&registered, &world), Err(UnboundRejection::Unavailable(_))));
    assert!(bind(&query(), &world).is_ok());
}

#[test]
fn a_kept_request_comes_back_as_it_was() {
    let mut world = World::new();
    let request = world.request_of_registered();
    let restored =
        AuthorizationRequest::restore(&request.to_text(), &world.configuration, &world.keys, &world.store, START)
            .unwrap();
    assert_eq!(format!("{restored:?}"), format!("{request:?}"));
}

#[test]
fn a_kept_request_is_bound_anew() {
    let mut world = World::new();
    let registered = world.request_of_registered().to_text();
    let configured = world.request().to_text();
    let restore = |text, configuration: &Configuration, now| {
        AuthorizationRequest::restore(text, configuration, &world.keys, &world.store, now).unwrap_err()
    };
    let moved = configuration_with(CONFIGURED_URI, "https://client.example/moved");
    assert_eq!(restore(&configured, &moved, START), UnboundRejection::ForeignRedirectUri);
    let gone = configuration_with("\"conformance\"", "\"another\"");
    assert_eq!(restore(&configured, &gone, START), UnboundRejection::UnknownClient);
    let without_server = configuration_with("path = \"/mcp\"", "path = \"/other\"");
    assert_eq!(restore(&configured, &without_server, START), UnboundRejection::WithdrawnResource);
    let without_scope = configuration_with("[\"mcp\", \"files:read\"]", "[\"files:read\"]");
    assert_eq!(restore(&configured, &without_scope, START), UnboundRejection::WithdrawnResource);
    let a_year_later = START.plus(365 * 86_400);
    assert_eq!(restore(&registered, &world.configuration, a_year_later), UnboundRejection::UnknownClient);
    world.store.go_down();
    assert!(matches!(restore(&registered, &world.configuration, START), UnboundRejection::Unavailable(_)));
}

/// Whether a code may go to `uri`, by other means than the product's: the registered text, or for loopback the same
/// around any port.
fn may_receive_a_code(uri: &str) -> bool {
    let beside_port = uri.strip_prefix("http://127.0.0.1").map(|rest| match rest.strip_prefix(':') {
        Some(rest) => rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    });
    uri == "https://client.example/registered" || beside_port == Some("/callback")
}

/// Redirect URIs that are nearly right: a registered one, or the start of one, with something put in or appended.
fn nearly_registered() -> impl Strategy<Value = String> {
    let base =
        prop::sample::select(vec![LOOPBACK_URI, "https://client.example/registered", "http://127.0.0.1/callback"]);
    let intruder = prop_oneof![
        "[/?#@:.\\\\%0-9a-zA-Z \\t\\n]{0,3}",
        prop::sample::select(vec!["@evil.example", ".evil.example", "//", "/..", "%2e", ":1", ":65536", "\u{ff0f}"])
            .prop_map(str::to_owned),
        ".{0,8}",
    ];
    (base, any::<prop::sample::Index>(), any::<prop::sample::Index>(), intruder).prop_map(
        |(base, from, to, intruder)| {
            let (from, to) = (from.index(base.len() + 1), to.index(base.len() + 1));
            // What stands between the two places is left out, or repeated.
            format!("{}{intruder}{}", &base[..from], &base[to..])
        },
    )
}

proptest! {
    #[test]
    fn any_query_is_refused_without_a_trace_since_it_names_no_client(query in ".{0,200}") {
        let world = World::new();
        let before = world.store.snapshot();
        prop_assert!(BoundRequest::parse(&query, &world.configuration, &world.keys, &world.store, START).is_err());
        prop_assert_eq!(world.store.snapshot(), before);
    }

    #[test]
    fn no_request_is_ever_bound_to_a_foreign_redirect_uri(
        uri in prop_oneof![nearly_registered(), ".{0,80}"],
        appended in "(&[a-z_]{1,12}=.{0,20}){0,3}",
    ) {
        let mut world = World::new();
        let query = query().with("client_id", world.register().as_str()).with("redirect_uri", &uri);
        let text = format!("{}{appended}", query.text());
        if let Ok(bound) = BoundRequest::parse(&text, &world.configuration, &world.keys, &world.store, START) {
            prop_assert!(may_receive_a_code(&uri), "{}", uri);
            prop_assert_eq!(bound.redirect_uri.as_str(), uri.as_str());
        }
    }
}
