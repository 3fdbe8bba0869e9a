//! Where an assertion is read that somebody else signs for us, such as Azure's instance metadata service for managed
//! identities, or the same of App Service and Container Apps.

use std::collections::BTreeMap;

use gatehouse_protocol::SecretString;
use http::header::ACCEPT;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use serde::Deserialize;
use thiserror::Error;

use crate::AnswerRejection;
use crate::answer::{json, successful};

/// The largest answer worth reading, in bytes.
pub const ASSERTION_BYTES: usize = 64 * 1024;

/// An assertion that cannot be used. The text is for the log and holds nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssertionRejection {
    /// A configured header is none.
    #[error("the header {0} of the client assertion's source cannot be sent")]
    Header(String),
    /// Not an answer with an assertion.
    #[error("the client assertion's source {0}")]
    Answer(#[from] AnswerRejection),
    /// Not a JWT: the secret of something else stands there, or an error page.
    #[error("what the client assertion's source gives is not a JWT")]
    NotAJwt,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
}

/// The request for an assertion. The headers hold secrets.
///
/// # Errors
/// Where a header cannot be sent.
pub fn assertion_request(
    url: &Uri,
    headers: &BTreeMap<String, String>,
    secret_headers: &[(HeaderName, SecretString)],
) -> Result<Request<Vec<u8>>, AssertionRejection> {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = url.clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        let refused = || AssertionRejection::Header(name.clone());
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        request.headers_mut().insert(parsed, HeaderValue::from_str(value).map_err(|_| refused())?);
    }
    for (name, secret) in secret_headers {
        let mut value =
            HeaderValue::from_str(secret.expose()).map_err(|_| AssertionRejection::Header(name.as_str().to_owned()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Reads the answer to [`assertion_request`]: JSON with `access_token`.
///
/// # Errors
/// Where it is not 200, or holds no assertion.
pub fn parse_assertion(response: &Response<Vec<u8>>) -> Result<SecretString, AssertionRejection> {
    let answer: Answer = json(successful(response)?)?;
    assertion(SecretString::new(answer.access_token))
}

/// An assertion from a setting. What is only shaped like one is for the provider to refuse.
///
/// # Errors
/// Where it is not shaped like a JWT, so that no other secret is sent to the provider by mistake.
pub fn assertion(text: SecretString) -> Result<SecretString, AssertionRejection> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let parts = || text.expose().split('.');
    if parts().count() == 3 && parts().all(part) { Ok(text) } else { Err(AssertionRejection::NotAJwt) }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(status: StatusCode, body: &str) -> Response<Vec<u8>> {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status;
        response
    }

    /// "How to use managed identities for Azure resources on an Azure VM to acquire an access token".
    #[test]
    fn azures_metadata_service_is_asked_as_it_wants_and_its_answer_read() {
        let url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
                   &resource=api%3A%2F%2FAzureADTokenExchange";
        let headers = BTreeMap::from([("Metadata".to_owned(), "true".to_owned())]);
        let secret = (HeaderName::from_static("x-identity-header"), SecretString::new("s3cret".to_owned()));
        let request = assertion_request(&url.parse().unwrap(), &headers, &[secret]).unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", url));
        assert_eq!(
            (&request.headers()["metadata"], &request.headers()["x-identity-header"]),
            (&HeaderValue::from_static("true"), &HeaderValue::from_static("s3cret"))
        );
        assert!(!format!("{request:?}").contains("s3cret"));
        let body = json!({
            "access_token": "eyJ0.eyJh.c2ln", "refresh_token": "", "expires_in": "3599", "expires_on": "1506484173",
            "not_before": "1506480273", "resource": "api://AzureADTokenExchange", "token_type": "Bearer",
        });
        assert_eq!(parse_assertion(&answer(StatusCode::OK, &body.to_string())).unwrap().expose(), "eyJ0.eyJh.c2ln");
    }

    #[test]
    fn headers_that_cannot_be_sent_are_named_without_their_values() {
        let url: Uri = "http://127.0.0.1/".parse().unwrap();
        let bad = BTreeMap::from([("a b".to_owned(), "v".to_owned())]);
        assert_eq!(assertion_request(&url, &bad, &[]).unwrap_err(), AssertionRejection::Header("a b".to_owned()));
        let broken = (HeaderName::from_static("x-a"), SecretString::new("line\nbreak".to_owned()));
        let rejection = assertion_request(&url, &BTreeMap::new(), &[broken]).unwrap_err();
        assert_eq!(rejection, AssertionRejection::Header("x-a".to_owned()));
    }

    #[test]
    fn what_is_no_assertion_is_neither_sent_on_nor_quoted() {
        for (status, body) in [
            (StatusCode::BAD_REQUEST, r#"{"access_token":"a.b.c"}"#),
            (StatusCode::FOUND, ""),
            (StatusCode::OK, ""),
            (StatusCode::OK, "{}"),
            (StatusCode::OK, r#"{"access_token":1}"#),
            (StatusCode::OK, r#"{"access_token":""}"#),
            (StatusCode::OK, r#"{"access_token":"hunter2"}"#),
            (StatusCode::OK, r#"{"access_token":"a.b"}"#),
            (StatusCode::OK, r#"{"access_token":"a.b."}"#),
            (StatusCode::OK, r#"{"access_token":"a.b.c.d"}"#),
            (StatusCode::OK, r#"{"access_token":"a.b c.d"}"#),
        ] {
            let rejection = parse_assertion(&answer(status, body)).unwrap_err();
            assert!(!format!("{rejection} {rejection:?}").contains("hunter2"), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(body in ".{0,200}") {
            prop_assert!(parse_assertion(&answer(StatusCode::OK, &body)).is_err());
        }
    }
}
