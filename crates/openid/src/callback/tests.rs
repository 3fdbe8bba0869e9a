use gatehouse_protocol::ParameterError;
use proptest::prelude::*;

use super::*;
use crate::ClientError;
use crate::test_provider::{metadata, metadata_with};

fn naming() -> ProviderMetadata {
    metadata_with(|document| document["authorization_response_iss_parameter_supported"] = true.into())
}

fn code(query: &str, metadata: &ProviderMetadata) -> Result<String, LoginRejection> {
    Ok(Callback::parse(query)?.code(metadata)?.expose().to_owned())
}

/// OpenID Connect Core, section 3.1.2.5.
#[test]
fn the_example_of_the_specification_gives_its_code() {
    let callback = Callback::parse("code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj").unwrap();
    assert_eq!(callback.state(), "af0ifjsldkj");
    assert_eq!(callback.code(&metadata()).unwrap().expose(), "SplxlOBeZQQYbYS6WxSbIA");
}

/// OpenID Connect Core, section 3.1.2.6.
#[test]
fn the_error_example_of_the_specification_is_an_error() {
    let query = "error=invalid_request&error_description=Unsupported%20response_type%20value&state=af0ifjsldkj";
    let refusal = ProviderRefusal::Misconfigured(LogText::new("invalid_request"));
    assert_eq!(code(query, &metadata()), Err(refusal.into()));
}

/// RFC 9207, sections 2.1 and 2.2.
#[test]
fn the_issuer_of_the_response_must_be_the_one_where_the_login_began() {
    let mixed_up = |iss: &str| Err(CallbackRejection::IssuerDiffers(LogText::new(iss)).into());
    for metadata in [metadata(), naming()] {
        assert_eq!(code("code=c&state=s&iss=https%3A%2F%2Fop.example", &metadata), Ok("c".to_owned()));
        for (iss, found) in [
            ("https%3A%2F%2Fattacker.example", "https://attacker.example"),
            ("https%3A%2F%2Fop.example%2F", "https://op.example/"),
            ("https%3A%2F%2FOP.example", "https://OP.example"),
        ] {
            assert_eq!(code(&format!("code=c&state=s&iss={iss}"), &metadata), mixed_up(found));
            // An error of another issuer must not end this login as if the user had denied it.
            assert_eq!(code(&format!("error=access_denied&state=s&iss={iss}"), &metadata), mixed_up(found));
        }
    }
}

#[test]
fn a_provider_that_always_names_itself_may_not_be_silent() {
    for query in ["code=c&state=s", "code=c&state=s&iss=", "error=access_denied&state=s"] {
        assert_eq!(code(query, &naming()), Err(CallbackRejection::IssuerMissing.into()), "{query}");
    }
    assert_eq!(code("code=c&state=s", &metadata()), Ok("c".to_owned()));
}

#[test]
fn each_error_code_has_its_meaning_and_tells_the_client_what_it_must_know() {
    let interaction = |error| ProviderRefusal::InteractionRequired(LogText::new(error));
    let misconfigured = |error| ProviderRefusal::Misconfigured(LogText::new(error));
    for (error, refusal, told) in [
        ("access_denied", ProviderRefusal::UserDenied, ClientError::AccessDenied),
        ("login_required", interaction("login_required"), ClientError::AccessDenied),
        ("consent_required", interaction("consent_required"), ClientError::AccessDenied),
        ("interaction_required", interaction("interaction_required"), ClientError::AccessDenied),
        ("account_selection_required", interaction("account_selection_required"), ClientError::AccessDenied),
        ("temporarily_unavailable", ProviderRefusal::TemporarilyUnavailable, ClientError::TemporarilyUnavailable),
        ("server_error", ProviderRefusal::ServerError, ClientError::ServerError),
        ("invalid_scope", misconfigured("invalid_scope"), ClientError::ServerError),
        ("unauthorized_client", misconfigured("unauthorized_client"), ClientError::ServerError),
        ("x%0d%0alevel=info", misconfigured("x??level=info"), ClientError::ServerError),
    ] {
        let rejection = code(&format!("error={error}&state=s"), &metadata()).unwrap_err();
        assert_eq!((rejection.to_wire(), rejection), (told, refusal.into()));
    }
}

/// Of the codes for our own request, none says what is wrong with it: `invalid_request` may be about PKCE, too.
#[test]
fn where_our_request_is_refused_the_log_says_what_to_check_and_pkce_is_among_it() {
    let rejection = code("error=invalid_request&state=s", &metadata()).unwrap_err().to_string();
    for part in ["invalid_request", "client_id", "redirect URI", "scopes", "PKCE (code_challenge)"] {
        assert!(rejection.contains(part), "{part}: {rejection}");
    }
}

#[test]
fn a_doubled_missing_or_contradictory_parameter_is_refused() {
    let doubled = |name| CallbackRejection::Parameter(ParameterError::Doubled(name));
    for (query, rejection) in [
        ("code=a&code=a&state=s", doubled("code")),
        ("code=a&code=b&state=s", doubled("code")),
        ("code=a&code=&state=s", doubled("code")),
        ("code=a&state=s&state=t", doubled("state")),
        ("code=a&state=s&iss=i&iss=i", doubled("iss")),
        ("error=a&error=b&state=s", doubled("error")),
        ("error=a&error_description=b&error_description=c&state=s", doubled("error_description")),
        ("error=a&error_uri=b&error_uri=c&state=s", doubled("error_uri")),
        ("code=a", CallbackRejection::Parameter(ParameterError::Missing("state"))),
        ("code=a&state=", CallbackRejection::Parameter(ParameterError::Missing("state"))),
        ("error=access_denied", CallbackRejection::RefusedWithoutState(ProviderRefusal::UserDenied)),
        (
            "error=invalid_request&state=",
            CallbackRejection::RefusedWithoutState(ProviderRefusal::Misconfigured(LogText::new("invalid_request"))),
        ),
        ("code=a&error=b&state=s", CallbackRejection::CodeAndError),
        ("state=s", CallbackRejection::Empty),
        ("code=&state=s", CallbackRejection::Empty),
        ("Code=a&state=s", CallbackRejection::Empty),
        ("code=a%0d%0ab&state=s", CallbackRejection::MalformedCode),
        ("code=%C3%A9&state=s", CallbackRejection::MalformedCode),
        ("code=%ff&state=s", CallbackRejection::MalformedCode),
    ] {
        assert_eq!(Callback::parse(query).unwrap_err(), rejection, "{query}");
    }
}

#[test]
fn parameters_of_no_concern_are_ignored() {
    let query = "code=a&state=s&session_state=1&session_state=2&scope=openid&client_info=x";
    assert_eq!(code(query, &metadata()), Ok("a".to_owned()));
}

#[test]
fn neither_the_code_nor_the_description_is_ever_printed() {
    let callback = Callback::parse("code=SplxlOBeZQQYbYS6WxSbIA&state=s").unwrap();
    assert!(!format!("{callback:?}").contains("Splx"));
    let query = "error=server_error&error_description=alice%40example.com&state=s";
    let rejection = code(query, &metadata()).unwrap_err();
    assert!(!format!("{rejection} {rejection:?}").contains("alice"));
}

fn pair() -> impl Strategy<Value = (&'static str, &'static str)> {
    const NAMES: &[&str] = &["code", "error", "state", "iss", "error_description", "error_uri", "other"];
    const VALUES: &[&str] = &["", "a", "access_denied", "https%3A%2F%2Fop.example", "%00", "%E2%80%AE"];
    (prop::sample::select(NAMES), prop::sample::select(VALUES))
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,200}") {
        prop_assert!(code(&text, &naming()).is_err());
    }

    #[test]
    fn a_query_gives_a_code_exactly_when_it_is_a_success_response(
        pairs in prop::collection::vec(pair(), 0..6),
    ) {
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let values = |name: &str| pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value).collect::<Vec<_>>();
        let single = ["code", "error", "state", "iss", "error_description", "error_uri"];
        let success = single.iter().all(|name| values(name).len() <= 1)
            && matches!(values("code").as_slice(), ["a" | "access_denied" | "https%3A%2F%2Fop.example"])
            && matches!(values("error").as_slice(), [] | [""])
            && matches!(values("state").as_slice(), [value] if !value.is_empty())
            && matches!(values("iss").as_slice(), [] | ["" | "https%3A%2F%2Fop.example"]);
        prop_assert_eq!(code(&query.join("&"), &metadata()).is_ok(), success);
    }
}
