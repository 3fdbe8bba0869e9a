use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_sessions::SessionRoot;
use gatehouse_storage::StoreUnavailable;
use proptest::prelude::*;

use super::*;
use crate::example::{CONFIGURED, CONFIGURED_URI, Form, RESOURCE, VERIFIER, fits_error_description};

const FORM: &str = "application/x-www-form-urlencoded";

fn code_form() -> Form {
    Form::of(&[
        ("grant_type", "authorization_code"),
        ("code", "SplxlOBeZQQYbYS6WxSbIA"),
        ("redirect_uri", CONFIGURED_URI),
        ("client_id", CONFIGURED),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ])
}

fn refresh_form() -> Form {
    Form::of(&[("grant_type", "refresh_token"), ("refresh_token", "tGzv3JOkF0XG5Qx2TlKWIA"), ("client_id", CONFIGURED)])
}

fn machine_form() -> Form {
    Form::of(&[("grant_type", "client_credentials"), ("client_id", CONFIGURED), ("scope", "mcp")])
}

fn assertion_form() -> Form {
    let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    Form::of(&[("grant_type", grant_type), ("client_id", CONFIGURED), ("assertion", "a.b.c"), ("scope", "mcp")])
}

fn parse(form: &Form) -> Result<TokenRequest, TokenRejection> {
    TokenRequest::parse(Some(FORM), &HeaderMap::new(), form.text().as_bytes())
}

/// The scopes that a refresh asks for.
fn refresh_scopes(form: &Form) -> Result<Option<String>, TokenRejection> {
    match parse(form)?.grant {
        GrantRequest::RefreshToken { scopes, .. } => Ok(scopes.map(|scopes| scopes.to_string())),
        other => panic!("{other:?}"),
    }
}

/// RFC 6749, section 4.1.3, and RFC 7636, section 4.5.
#[test]
fn a_code_is_presented_with_its_verifier() {
    let request = parse(&code_form()).unwrap();
    assert_eq!(request.credentials.as_ref().unwrap().client_id().as_str(), CONFIGURED);
    assert_eq!(request.resource.as_ref().map(ResourceUri::as_str), Some(RESOURCE));
    let GrantRequest::AuthorizationCode { code, redirect_uri, code_verifier } = request.grant else {
        panic!("{request:?}")
    };
    assert_eq!((code.expose(), redirect_uri.as_deref()), ("SplxlOBeZQQYbYS6WxSbIA", Some(CONFIGURED_URI)));
    assert_eq!(code_verifier.expose(), VERIFIER);
    let spare = parse(&code_form().without("redirect_uri").without("resource").and("unknown", "1").and("unknown", "2"))
        .unwrap();
    assert!(spare.resource.is_none());
    assert!(matches!(spare.grant, GrantRequest::AuthorizationCode { redirect_uri: None, .. }));
}

/// RFC 6749, section 6.
#[test]
fn a_refresh_token_is_presented_with_what_it_is_narrowed_to() {
    let request = parse(&refresh_form().with("scope", "files:read mcp").with("resource", RESOURCE)).unwrap();
    assert_eq!(request.resource.as_ref().map(ResourceUri::as_str), Some(RESOURCE));
    let GrantRequest::RefreshToken { refresh_token, scopes } = request.grant else { panic!("{request:?}") };
    assert_eq!(refresh_token.expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
    assert_eq!(scopes.unwrap().to_string(), "files:read mcp");
    assert_eq!(refresh_scopes(&refresh_form()), Ok(None));
    assert_eq!(refresh_scopes(&refresh_form().with("scope", "")), Ok(None));
}

#[test]
fn a_body_that_is_not_a_form_is_refused() {
    let body = code_form().text();
    for media_type in [
        None,
        Some(""),
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("x-www-form-urlencoded"),
    ] {
        let refused = TokenRequest::parse(media_type, &HeaderMap::new(), body.as_bytes()).unwrap_err();
        assert_eq!(refused, TokenRejection::NotAForm, "{media_type:?}");
    }
    let not_utf8 = [body.as_bytes(), b"&x=\xff"].concat();
    assert_eq!(TokenRequest::parse(Some(FORM), &HeaderMap::new(), &not_utf8).unwrap_err(), TokenRejection::NotAForm);
}

#[test]
fn what_is_missing_empty_or_doubled_is_named() {
    let code = ["grant_type", "code", "code_verifier"].map(|name| (code_form(), name));
    let refresh = ["grant_type", "refresh_token"].map(|name| (refresh_form(), name));
    for (form, name) in code.into_iter().chain(refresh) {
        let missing = TokenRejection::Parameter(ParameterError::Missing(name));
        assert_eq!(parse(&form.without(name)).unwrap_err(), missing, "{form:?}");
        assert_eq!(parse(&form.with(name, "")).unwrap_err(), missing, "{form:?}");
    }
    for (form, name) in [
        (code_form(), "grant_type"),
        (code_form(), "code"),
        (code_form(), "redirect_uri"),
        (code_form(), "code_verifier"),
        (assertion_form(), "assertion"),
        (refresh_form(), "grant_type"),
        (refresh_form(), "refresh_token"),
        (refresh_form().with("scope", "mcp"), "scope"),
    ] {
        let doubled = TokenRejection::Parameter(ParameterError::Doubled(name));
        for second in ["another", ""] {
            assert_eq!(parse(&form.clone().and(name, second)).unwrap_err(), doubled, "{form:?}");
        }
    }
    for form in [code_form(), refresh_form(), assertion_form(), machine_form()] {
        let client = |error| TokenRejection::Client(ClientRejection::Parameter(error));
        // An assertion alone may be a workload's.
        if form.text() != assertion_form().text() {
            assert_eq!(parse(&form.without("client_id")).unwrap_err(), client(ParameterError::Missing("client_id")));
        }
        let twice = form.and("client_id", "another");
        assert_eq!(parse(&twice).unwrap_err(), client(ParameterError::Doubled("client_id")));
    }
    let nothing = TokenRequest::parse(Some(FORM), &HeaderMap::new(), b"").unwrap_err();
    assert_eq!(nothing, TokenRejection::Parameter(ParameterError::Missing("grant_type")));
}

/// CVE-2025-4144: leaving the verifier out must not be a way around it.
#[test]
fn there_are_no_tokens_for_a_code_without_a_well_formed_verifier() {
    let missing = TokenRejection::Parameter(ParameterError::Missing("code_verifier"));
    assert_eq!(parse(&code_form().without("code_verifier")).unwrap_err(), missing);
    let (short, long, longest) = ("a".repeat(42), "a".repeat(129), "a".repeat(128));
    for bad in [
        short.as_str(),
        &long,
        "x",
        &format!("{short}+"),
        &format!("{short}="),
        &format!("{short} "),
        &format!("{short}\u{e9}"),
    ] {
        assert_eq!(
            parse(&code_form().with("code_verifier", bad)).unwrap_err(),
            TokenRejection::MalformedVerifier,
            "{bad}"
        );
    }
    assert!(parse(&code_form().with("code_verifier", &longest)).is_ok());
}

#[test]
fn another_grant_is_not_supported() {
    for grant in
        ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "Authorization_Code", "refresh_token "]
    {
        assert_eq!(parse(&code_form().with("grant_type", grant)).unwrap_err(), TokenRejection::GrantType, "{grant}");
    }
}

#[test]
fn an_id_that_cannot_be_a_clients_is_an_unknown_clients() {
    for bad in ["\u{e9}", "line\r\nbreak", &"a".repeat(2049)] {
        let refused = parse(&code_form().with("client_id", bad)).unwrap_err();
        assert_eq!(refused, TokenRejection::Client(ClientRejection::UnknownClient), "{bad:?}");
    }
}

#[test]
fn at_most_one_resource_is_named() {
    let named = |form: Form| parse(&form).map(|request| request.resource.map(|it| it.to_string()));
    for form in [code_form().without("resource"), refresh_form()] {
        assert_eq!(named(form.clone()), Ok(None));
        assert_eq!(named(form.clone().and("resource", "")), Ok(None));
        let once = form.and("resource", RESOURCE);
        assert_eq!(named(once.clone()), Ok(Some(RESOURCE.to_owned())));
        assert_eq!(named(once.clone().and("resource", RESOURCE)), Ok(Some(RESOURCE.to_owned())));
        assert_eq!(named(once.and("resource", "https://gateway.example/mail")), Err(TokenRejection::Resource));
    }
    assert_eq!(named(code_form().with("resource", "https://gateway.example/mcp/?a=b")), Ok(Some(RESOURCE.to_owned())));
    for bad in ["mcp", "/mcp", "https://gateway.example/mcp#a", "https://u@gateway.example/mcp", "urn:a:b"] {
        assert_eq!(named(code_form().with("resource", bad)), Err(TokenRejection::Resource), "{bad}");
    }
}

#[test]
fn a_malformed_scope_is_refused_at_a_refresh() {
    for bad in ["a\"b", "a\\b", "m\u{e9}p", "mcp\tadmin", &"a".repeat(257)] {
        assert_eq!(refresh_scopes(&refresh_form().with("scope", bad)), Err(TokenRejection::Scope), "{bad:?}");
    }
}

/// RFC 6749, section 5.2, and RFC 8707, section 2: every arm.
#[test]
fn every_rejection_has_its_status_and_code_on_the_wire() {
    let root =
        SessionRoot { secret: HandleSecret::from_slice(&[7; 32]).unwrap(), expires_at: UnixTime::from_seconds(1) };
    let down = || StoreUnavailable("at 10.0.0.9".to_owned());
    for (rejection, status, code) in [
        (TokenRejection::NotAForm, 400, ErrorCode::InvalidRequest),
        (ParameterError::Missing("code").into(), 400, ErrorCode::InvalidRequest),
        (ParameterError::Doubled("code").into(), 400, ErrorCode::InvalidRequest),
        (TokenRejection::MalformedVerifier, 400, ErrorCode::InvalidRequest),
        (TokenRejection::GrantType, 400, ErrorCode::UnsupportedGrantType),
        (ClientRejection::UnknownClient.into(), 401, ErrorCode::InvalidClient),
        (ClientRejection::WrongSecret.into(), 401, ErrorCode::InvalidClient),
        (TokenRejection::UnauthorizedClient, 400, ErrorCode::UnauthorizedClient),
        (TokenRejection::MachineSubject, 400, ErrorCode::UnauthorizedClient),
        (TokenRejection::ClientNotAllowed, 400, ErrorCode::UnauthorizedClient),
        (TokenRejection::MayNotIntrospect, 403, ErrorCode::UnauthorizedClient),
        (IdentityAssertionRejection::Type.into(), 400, ErrorCode::InvalidGrant),
        (TokenRejection::AssertionReplayed, 400, ErrorCode::InvalidGrant),
        (AccessRejection::Role.into(), 400, ErrorCode::InvalidGrant),
        (ClientUnknown::NotRegistered.into(), 401, ErrorCode::InvalidClient),
        (ClientUnknown::Unavailable(down()).into(), 503, ErrorCode::TemporarilyUnavailable),
        (TokenRejection::Resource, 400, ErrorCode::InvalidTarget),
        (TokenRejection::Scope, 400, ErrorCode::InvalidScope),
        (CodeRejection::Unrecognised.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::Expired.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::ClientMismatch.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::RedirectUriMismatch.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::VerifierMismatch.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::SignedOut.into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::Replayed(root).into(), 400, ErrorCode::InvalidGrant),
        (CodeRejection::ResourceMismatch.into(), 400, ErrorCode::InvalidTarget),
        (CodeRejection::Unavailable(down()).into(), 503, ErrorCode::TemporarilyUnavailable),
        (SessionRejection::Unrecognised.into(), 400, ErrorCode::InvalidGrant),
        (SessionRejection::Expired.into(), 400, ErrorCode::InvalidGrant),
        (SessionRejection::Revoked.into(), 400, ErrorCode::InvalidGrant),
        (SessionRejection::Reused.into(), 400, ErrorCode::InvalidGrant),
        (SessionRejection::WrongClient.into(), 400, ErrorCode::InvalidGrant),
        (SessionRejection::BeyondGrant.into(), 400, ErrorCode::InvalidScope),
        (SessionRejection::OtherResource.into(), 400, ErrorCode::InvalidTarget),
        (SessionRejection::TooOften { retry_after: 7 }.into(), 429, ErrorCode::TemporarilyUnavailable),
        (SessionRejection::Unavailable("at 10.0.0.9".to_owned()).into(), 503, ErrorCode::TemporarilyUnavailable),
        (TokenRejection::Unavailable("at 10.0.0.9".to_owned()), 503, ErrorCode::TemporarilyUnavailable),
    ] {
        let (found_status, found_code, description) = rejection.to_wire();
        assert_eq!((found_status, found_code), (status, code), "{rejection:?}");
        assert!(fits_error_description(&description), "{description}");
        assert!(!description.contains("10.0.0.9"), "what failed within is for the log");
        if code == ErrorCode::InvalidGrant {
            assert_eq!(description, invalid_grant().2, "whatever is wrong with a code or a token reads the same");
        }
    }
}

/// RFC 6749, section 5.1.
#[test]
fn an_answer_leaves_the_refresh_token_out_where_there_is_none() {
    let answer = |refresh_token: Option<&str>| {
        serde_json::to_value(TokenAnswer {
            access_token: "a".to_owned(),
            token_type: "Bearer",
            expires_in: 300,
            refresh_token: refresh_token.map(str::to_owned),
            scope: "mcp files:read".to_owned(),
            issued_token_type: None,
        })
        .unwrap()
    };
    let mut expected = serde_json::json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 300, "scope": "mcp files:read" });
    assert_eq!(answer(None), expected);
    expected["refresh_token"] = "r".into();
    assert_eq!(answer(Some("r")), expected);
}

/// What is derived `Debug` ends up in a log one day.
#[test]
fn a_token_request_never_prints_what_it_presents() {
    for (form, secret) in
        [(code_form(), VERIFIER), (code_form(), "SplxlOBeZQQYbYS6WxSbIA"), (refresh_form(), "tGzv3JOkF0XG5Qx2TlKWIA")]
    {
        let printed = format!("{:?}", parse(&form).unwrap());
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #[test]
    fn any_body_is_refused_as_it_names_no_grant(
        media_type in prop::option::of(prop_oneof![Just(FORM.to_owned()), ".{0,40}"]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(TokenRequest::parse(media_type.as_deref(), &HeaderMap::new(), &body).is_err());
    }

    #[test]
    fn any_values_are_parsed_or_refused_and_no_code_goes_without_a_verifier(
        name in prop::sample::select(vec![
            "grant_type", "code", "redirect_uri", "client_id", "code_verifier", "resource", "scope", "refresh_token", "client_secret",
        ]),
        value in prop_oneof![".{0,60}", "[A-Za-z0-9._~-]{40,130}", "https?://[a-z.]{1,10}/[a-z#?]{0,5}"],
        refreshing in any::<bool>(),
        twice in any::<bool>(),
    ) {
        let once = if refreshing { refresh_form() } else { code_form() }.with(name, &value);
        let form = if twice { once.and(name, &value) } else { once };
        match parse(&form) {
            Ok(TokenRequest { grant: GrantRequest::AuthorizationCode { code_verifier, .. }, .. }) => {
                prop_assert!((43..=128).contains(&code_verifier.expose().len()));
                prop_assert!(!refreshing);
            }
            Ok(TokenRequest { grant: GrantRequest::RefreshToken { .. }, .. }) => prop_assert!(refreshing),
            Ok(other) => prop_assert!(false, "{other:?}"),
            Err(rejection) => prop_assert!(fits_error_description(&rejection.to_wire().2)),
        }
    }
}
