//! What is asked for.

use gatehouse_storage::memory::MemoryStore;
use proptest::prelude::*;

use super::*;
use crate::example::{
    CHALLENGE, CONFIGURED, CONFIGURED_URI, LOOPBACK_URI, RESOURCE, configuration_with,
    configuration_with_two_upstreams, fits_error_description, key_ring, query,
};

fn judge(query: &Form, configuration: &Configuration) -> Result<AuthorizationRequest, Box<RejectedRequest>> {
    let bound = BoundRequest::parse(&query.text(), configuration, &key_ring('A'), &MemoryStore::at(START), START);
    bound.unwrap().validate(configuration)
}

/// What is granted, or why not.
fn outcome<T>(
    query: &Form,
    configuration: &Configuration,
    granted: impl Fn(AuthorizationRequest) -> T,
) -> Result<T, AuthorizationRejection> {
    judge(query, configuration).map(granted).map_err(|rejected| rejected.rejection)
}

#[test]
fn a_request_is_granted_as_it_was_asked() {
    let world = World::new();
    let request = world.request();
    assert_eq!(request.client.client_id.as_str(), CONFIGURED);
    assert_eq!(request.redirect_uri.as_str(), CONFIGURED_URI);
    assert_eq!(request.state.as_deref(), Some("xyz"));
    assert_eq!(request.code_challenge.to_wire(), CHALLENGE);
    assert_eq!(request.scopes.to_string(), "mcp");
    assert_eq!(request.resource.as_str(), RESOURCE);
}

/// Every way of asking for something that cannot be; the client is told why, and gets its state back.
#[test]
fn what_a_client_asks_wrongly_it_is_told_at_its_redirect_uri_with_its_state() {
    use AuthorizationRejection as Rejection;
    let world = World::new();
    let missing = |name| Rejection::Parameter(ParameterError::Missing(name));
    for (query, expected, code) in [
        (query().without("response_type"), missing("response_type"), ErrorCode::InvalidRequest),
        (query().with("response_type", ""), missing("response_type"), ErrorCode::InvalidRequest),
        (query().with("response_type", "token"), Rejection::ResponseType, ErrorCode::UnsupportedResponseType),
        (query().with("response_type", "code token"), Rejection::ResponseType, ErrorCode::UnsupportedResponseType),
        (query().with("response_type", "CODE"), Rejection::ResponseType, ErrorCode::UnsupportedResponseType),
        (query().with("response_mode", "fragment"), Rejection::ResponseMode, ErrorCode::InvalidRequest),
        (query().with("response_mode", "form_post"), Rejection::ResponseMode, ErrorCode::InvalidRequest),
        (query().with("code_challenge_method", "plain"), Rejection::ChallengeMethod, ErrorCode::InvalidRequest),
        (query().with("code_challenge", "short"), Rejection::Challenge, ErrorCode::InvalidRequest),
        (query().with("scope", "admin"), Rejection::Scope, ErrorCode::InvalidScope),
        (query().with("resource", "https://evil.example"), Rejection::Resource, ErrorCode::InvalidTarget),
        (query().with("prompt", "none"), Rejection::PromptNone, ErrorCode::InteractionRequired),
        (query().with("request", "eyJ.e30."), Rejection::RequestObject, ErrorCode::RequestNotSupported),
        (query().with("request_uri", "urn:x"), Rejection::RequestUri, ErrorCode::RequestUriNotSupported),
    ] {
        let before = world.store.snapshot();
        let rejected = bind(&query, &world).unwrap().validate(&world.configuration).unwrap_err();
        assert_eq!(rejected.rejection, expected, "{query:?}");
        assert_eq!(rejected.rejection.to_wire(), code, "{query:?}");
        assert_eq!(rejected.redirect_uri.as_str(), CONFIGURED_URI);
        assert_eq!(rejected.state.as_deref(), Some("xyz"));
        assert!(fits_error_description(&expected.to_string()), "{expected}");
        assert_eq!(world.store.snapshot(), before);
    }
}

/// RFC 6749, section 3.1; the second value may even be the same.
#[test]
fn no_parameter_may_be_given_twice() {
    let world = World::new();
    for (name, value) in [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("prompt", "login"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "mcp"),
        ("request", "eyJ.e30."),
        ("request_uri", "urn:x"),
    ] {
        let query = query().with(name, value).and(name, value);
        let rejected = judge(&query, &world.configuration).unwrap_err();
        assert_eq!(rejected.rejection, AuthorizationRejection::Parameter(ParameterError::Doubled(name)));
        assert_eq!(rejected.rejection.to_wire(), ErrorCode::InvalidRequest);
        assert_eq!(rejected.state.as_deref(), Some("xyz"), "{name}");
    }
}

#[test]
fn a_parameter_that_nobody_knows_is_passed_over() {
    let world = World::new();
    assert!(judge(&query().and("audience", "x").and("audience", "y"), &world.configuration).is_ok());
}

#[test]
fn a_state_is_returned_letter_by_letter_and_an_empty_one_counts_as_absent() {
    let world = World::new();
    let longest = "s".repeat(2048);
    for (state, expected) in [
        ("a&b=c#d +%20\r\n\u{e9}\u{1f600}", Some("a&b=c#d +%20\r\n\u{e9}\u{1f600}")),
        (longest.as_str(), Some(longest.as_str())),
        ("", None),
    ] {
        let query = query().with("state", state);
        assert_eq!(judge(&query, &world.configuration).unwrap().state.as_deref(), expected);
        let rejected = judge(&query.with("scope", "admin"), &world.configuration).unwrap_err();
        assert_eq!(rejected.state.as_deref(), expected);
    }
    assert_eq!(judge(&query().without("state"), &world.configuration).unwrap().state, None);
}

#[test]
fn a_doubled_or_overlong_state_is_refused_and_not_returned() {
    let world = World::new();
    for (query, expected) in [
        (query().and("state", "xyz"), AuthorizationRejection::Parameter(ParameterError::Doubled("state"))),
        (query().with("state", &"s".repeat(2049)), AuthorizationRejection::State),
        // Each of these is three bytes where it is returned.
        (query().with("state", &"{".repeat(1024)), AuthorizationRejection::State),
    ] {
        let rejected = judge(&query, &world.configuration).unwrap_err();
        assert_eq!(rejected.rejection.to_wire(), ErrorCode::InvalidRequest);
        assert!(fits_error_description(&expected.to_string()));
        assert_eq!((rejected.rejection, rejected.state), (expected, None));
    }
}

/// CVE-2025-4144: a server that lets a request without PKCE through is a server without PKCE.
#[test]
fn there_is_no_request_without_an_s256_challenge() {
    use AuthorizationRejection as Rejection;
    let world = World::new();
    let missing = Rejection::Parameter(ParameterError::Missing("code_challenge"));
    for (query, expected) in [
        (query().without("code_challenge"), missing.clone()),
        (query().with("code_challenge", ""), missing.clone()),
        (query().without("code_challenge").without("code_challenge_method"), missing),
        // Absent, the method would be `plain` (RFC 7636, section 4.3).
        (query().without("code_challenge_method"), Rejection::ChallengeMethod),
        (query().with("code_challenge_method", ""), Rejection::ChallengeMethod),
        (query().with("code_challenge_method", "plain"), Rejection::ChallengeMethod),
        (query().with("code_challenge_method", "s256"), Rejection::ChallengeMethod),
        (query().with("code_challenge_method", "S256 "), Rejection::ChallengeMethod),
        (query().with("code_challenge_method", "S512"), Rejection::ChallengeMethod),
        (query().with("code_challenge", &CHALLENGE[1..]), Rejection::Challenge),
        (query().with("code_challenge", &format!("{CHALLENGE}A")), Rejection::Challenge),
        (query().with("code_challenge", &format!("{CHALLENGE}=")), Rejection::Challenge),
        (query().with("code_challenge", &CHALLENGE.replace('-', "+")), Rejection::Challenge),
        (query().with("code_challenge", &CHALLENGE.replace('-', " ")), Rejection::Challenge),
        // The last character holds four bits; a fifth would be a second spelling of the same challenge.
        (query().with("code_challenge", &CHALLENGE.replace("cM", "cN")), Rejection::Challenge),
        (query().with("code_challenge", &"a".repeat(5000)), Rejection::Challenge),
    ] {
        assert_eq!(judge(&query, &world.configuration).unwrap_err().rejection, expected, "{query:?}");
    }
}

#[test]
fn a_client_gets_the_scopes_that_it_asks_for_or_all_where_it_asks_for_none() {
    let world = World::new();
    let granted = |query: Form| outcome(&query, &world.configuration, |request| request.scopes.to_string());
    for (asked, expected) in [
        ("mcp", "mcp"),
        ("files:read mcp", "files:read mcp"),
        ("  mcp   mcp ", "mcp"),
        ("", "mcp files:read"),
        (" ", "mcp files:read"),
        // Scopes of OpenID are for OpenID providers; clients send them to everybody.
        ("openid profile email offline_access", "mcp files:read"),
        ("openid files:read offline_access", "files:read"),
    ] {
        assert_eq!(granted(query().with("scope", asked)).as_deref(), Ok(expected), "{asked:?}");
    }
    assert_eq!(granted(query().without("scope")).as_deref(), Ok("mcp files:read"));
    for refused in
        ["admin", "mcp admin", "MCP", "openid admin", "mail", "mcp\tfiles:read", "a\"b", "m\u{e9}p", &"a".repeat(257)]
    {
        assert_eq!(granted(query().with("scope", refused)), Err(AuthorizationRejection::Scope), "{refused:?}");
    }
}

#[test]
fn a_scope_by_which_a_rule_allows_more_is_granted_to_who_asks_for_it() {
    let rules = "policy = [{ name = \"writers\", scopes = [\"files:write\"], tools = [\"write_*\"] },
        { name = \"never\", effect = \"deny\", scopes = [\"files:delete\"] }]\nscopes = [\"mcp\"";
    let configuration = configuration_with("scopes = [\"mcp\"", rules);
    let granted = |scope| outcome(&query().with("scope", scope), &configuration, |request| request.scopes.to_string());
    assert_eq!(granted("mcp files:read files:write").as_deref(), Ok("mcp files:read files:write"));
    assert_eq!(granted("").as_deref(), Ok("mcp files:read"), "what the route needs, and no more");
    assert_eq!(granted("openid").as_deref(), Ok("mcp files:read"));
    assert_eq!(granted("mcp files:delete"), Err(AuthorizationRejection::Scope), "no rule allows anything by it");
}

#[test]
fn a_scope_that_an_upstream_and_openid_share_is_the_upstreams() {
    let configuration = configuration_with_two_upstreams();
    let query = query().with("resource", "https://gateway.example/mail");
    let granted = |scope| outcome(&query.with("scope", scope), &configuration, |request| request.scopes.to_string());
    assert_eq!(granted("openid email").as_deref(), Ok("email"));
    assert_eq!(granted("openid profile").as_deref(), Ok("mail email"));
    assert_eq!(granted("mcp"), Err(AuthorizationRejection::Scope), "another upstream's");
}

#[test]
fn a_resource_is_recognised_in_the_spellings_that_clients_use() {
    let world = World::new();
    for same in [
        "https://gateway.example/mcp",
        "https://gateway.example/mcp/",
        "https://gateway.example/mcp?tenant=1",
        "https://gateway.example:443/mcp",
        "HTTPS://GATEWAY.example/mcp",
        "",
    ] {
        let granted = outcome(&query().with("resource", same), &world.configuration, |it| it.resource.to_string());
        assert_eq!(granted.as_deref(), Ok(RESOURCE), "{same}");
    }
    for other in [
        "https://gateway.example",
        "https://gateway.example/",
        "https://gateway.example/MCP",
        "https://gateway.example/mcp/tools",
        "https://gateway.example/mcp#fragment",
        "https://user@gateway.example/mcp",
        "https://gateway.example.evil.example/mcp",
        "https://gateway.example:8443/mcp",
        "http://gateway.example/mcp",
        "http://10.0.0.7:8080/mcp",
        "/mcp",
        "mcp",
        "urn:gateway:mcp",
    ] {
        let rejected = judge(&query().with("resource", other), &world.configuration).unwrap_err();
        assert_eq!(rejected.rejection, AuthorizationRejection::Resource, "{other}");
        assert_eq!(rejected.rejection.to_wire(), ErrorCode::InvalidTarget);
    }
}

#[test]
fn without_a_resource_the_scopes_say_which_route_is_meant() {
    let (one, two) = (World::new().configuration, configuration_with_two_upstreams());
    let unnamed = query().without("resource");
    let resource = |it: AuthorizationRequest| it.resource.to_string();
    assert_eq!(outcome(&unnamed.with("scope", ""), &one, resource).as_deref(), Ok(RESOURCE), "there is only one");
    for (scope, expected) in [
        ("mcp", Ok(RESOURCE)),
        ("files:read", Ok(RESOURCE)),
        ("openid mcp offline_access", Ok(RESOURCE)),
        ("mail", Ok("https://gateway.example/mail")),
        ("openid email", Ok("https://gateway.example/mail")),
        // Of none, or of several.
        ("", Err(AuthorizationRejection::Resource)),
        ("openid profile", Err(AuthorizationRejection::Resource)),
        ("mcp mail", Err(AuthorizationRejection::Resource)),
        ("mcp admin", Err(AuthorizationRejection::Resource)),
        ("admin", Err(AuthorizationRejection::Resource)),
    ] {
        let target = outcome(&unnamed.with("scope", scope), &two, resource);
        assert_eq!(target.as_deref(), expected.as_ref().map(|text| *text), "{scope}");
    }
    // A scope that both have says nothing.
    let mut shared = two.clone();
    shared.routes[1].offered_scopes = shared.routes[0].offered_scopes.clone();
    assert_eq!(outcome(&unnamed.with("scope", "mcp"), &shared, resource), Err(AuthorizationRejection::Resource));
    for (path, scope) in [("/mcp", "files:read"), ("/mail", "mail")] {
        let named = format!("https://gateway.example{path}");
        let query = query().with("resource", &named).with("scope", scope);
        assert_eq!(outcome(&query, &two, resource), Ok(named));
    }
}

/// RFC 8707, section 2, lets a client name several; one token is for one resource here.
#[test]
fn several_resources_are_refused_and_the_same_one_twice_is_one() {
    let configuration = configuration_with_two_upstreams();
    let resource = |query: Form| outcome(&query, &configuration, |it| it.resource.to_string());
    assert_eq!(resource(query().and("resource", RESOURCE)).as_deref(), Ok(RESOURCE));
    assert_eq!(resource(query().and("resource", "")).as_deref(), Ok(RESOURCE));
    for second in ["https://gateway.example/mail", "https://evil.example/mcp", "x"] {
        assert_eq!(resource(query().and("resource", second)), Err(AuthorizationRejection::Resource), "{second}");
        let reversed = query().with("resource", second).and("resource", RESOURCE);
        assert_eq!(resource(reversed), Err(AuthorizationRejection::Resource), "{second}");
    }
}

#[test]
fn a_client_cannot_keep_the_user_from_being_asked() {
    let world = World::new();
    for silent in ["none", "none login", "login none"] {
        let rejected = judge(&query().with("prompt", silent), &world.configuration).unwrap_err();
        assert_eq!(rejected.rejection, AuthorizationRejection::PromptNone, "{silent}");
    }
    for asking in ["consent", "login", "select_account consent", "nonesuch", ""] {
        assert!(judge(&query().with("prompt", asking), &world.configuration).is_ok(), "{asking}");
    }
    assert!(judge(&query().with("response_mode", "query"), &world.configuration).is_ok());
}

#[test]
fn a_client_may_want_the_user_asked_again() {
    let world = World::new();
    for (prompt, expected) in [
        ("consent", true),
        ("login consent", true),
        ("login", false),
        ("Consent", false),
        ("consents", false),
        ("", false),
    ] {
        let asked = outcome(&query().with("prompt", prompt), &world.configuration, |it| it.prompts_consent);
        assert_eq!(asked, Ok(expected), "{prompt:?}");
    }
    assert!(!world.request().prompts_consent);
}

proptest! {
    #[test]
    fn any_values_are_judged_and_nothing_beyond_the_resource_is_granted(
        name in prop::sample::select(vec![
            "response_type", "response_mode", "state", "code_challenge", "code_challenge_method", "scope", "resource", "prompt", "request",
        ]),
        value in prop_oneof![".{0,60}", "[a-z:_ ]{0,30}", "(mcp|files:read|openid|admin| ){0,6}"],
        twice in any::<bool>(),
    ) {
        let world = World::new();
        let once = query().with(name, &value);
        let query = if twice { once.and(name, &value) } else { once };
        match bind(&query, &world).unwrap().validate(&world.configuration) {
            Ok(request) => {
                prop_assert!(!request.scopes.is_empty());
                prop_assert!(world.configuration.routes[0].scopes.contains_all(&request.scopes));
                prop_assert_eq!(request.resource.as_str(), RESOURCE);
            }
            Err(rejected) => prop_assert_eq!(rejected.redirect_uri.as_str(), CONFIGURED_URI),
        }
    }
}

#[test]
fn a_client_that_gets_no_codes_is_told_so() {
    let machine = r#"[[clients]]
client_id = "machine"
client_name = "Machine"
redirect_uris = ["https://client.example/cb"]
token_endpoint_auth_method = "client_secret_basic"
client_secret = { secret = "machine_secret" }
grant_types = ["client_credentials"]
scopes = ["mcp"]

[identity_provider]"#;
    let configuration = configuration_with("[identity_provider]", machine);
    let rejected = judge(&query().with("client_id", "machine"), &configuration).unwrap_err();
    assert_eq!(rejected.rejection, AuthorizationRejection::Client);
    assert_eq!(rejected.rejection.to_wire(), ErrorCode::UnauthorizedClient);
}

/// Who registers a client must not get a link of ours that leads to a place of their own (RFC 9700, section 4.11.2).
#[test]
fn an_answer_is_sent_without_asking_only_to_known_clients_and_to_the_users_own_machine() {
    let mut world = World::new();
    let registered = world.register();
    let rejected = |world: &World, client: &str, redirect_uri| {
        let query = query().with("client_id", client).with("redirect_uri", redirect_uri).with("scope", "admin");
        bind(&query, world).unwrap().validate(&world.configuration).unwrap_err()
    };
    assert!(rejected(&world, CONFIGURED, CONFIGURED_URI).may_redirect());
    assert!(rejected(&world, registered.as_str(), LOOPBACK_URI).may_redirect());
    assert!(!rejected(&world, registered.as_str(), "https://client.example/registered").may_redirect());
}

#[test]
fn only_a_listed_client_may_ask_for_a_resource_that_lists_its_clients() {
    let with =
        |ids: &str| configuration_with("path = \"/mcp\"", &format!("path = \"/mcp\"\nallowed_clients = [{ids}]"));
    let (others, own) =
        (with("\"another\", \"https://client.example/metadata.json\""), with("\"another\", \"conformance\""));
    let refused = outcome(&query(), &others, |_| ());
    assert_eq!(refused, Err(AuthorizationRejection::ClientNotAllowed));
    assert_eq!(refused.unwrap_err().to_wire(), ErrorCode::UnauthorizedClient);
    assert_eq!(outcome(&query(), &own, |_| ()), Ok(()));
    // One that was allowed when it was asked for.
    let text = World::new().request().to_text();
    let restored = |configuration| {
        AuthorizationRequest::restore(&text, configuration, &key_ring('A'), &MemoryStore::at(START), START).map(|_| ())
    };
    assert_eq!((restored(&others), restored(&own)), (Err(UnboundRejection::WithdrawnResource), Ok(())));
}
