//! The provider's keys.

use gatehouse_jose::{KeySet, KeySetRejection};
use http::{Request, Response};
use thiserror::Error;

use crate::answer::successful;
use crate::provider_metadata::get;
use crate::{AnswerRejection, ProviderMetadata};

/// The largest key set worth reading, in bytes. Entra's, with certificates, has some 20 KB; a thousand of RSA without have 420.
pub const KEY_SET_BYTES: usize = 512 * 1024;

/// The request for the provider's keys.
pub fn keys_request(metadata: &ProviderMetadata) -> Request<Vec<u8>> {
    get(metadata.jwks_uri())
}

/// A key set that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeysRejection {
    /// Not an answer with a key set.
    #[error("the key set's endpoint {0}")]
    Answer(#[from] AnswerRejection),
    /// The key set itself.
    #[error("the key set {0}")]
    KeySet(#[from] KeySetRejection),
}

/// Reads the answer to [`keys_request`].
///
/// # Errors
/// Where the answer is not 200 or holds no usable key.
pub fn parse_keys(response: &Response<Vec<u8>>) -> Result<KeySet, KeysRejection> {
    Ok(KeySet::from_json(successful(response)?)?)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::test_provider::metadata;

    #[test]
    fn the_keys_are_asked_for_where_the_metadata_says() {
        let request = keys_request(&metadata());
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", "https://op.example/jwks"));
        assert_eq!(request.headers()["accept"], "application/json");
    }

    #[test]
    fn only_a_200_with_a_key_set_is_one() {
        let mut response = Response::new(include_bytes!("../../jose/test-keys/jwks.json").to_vec());
        assert!(parse_keys(&response).is_ok());
        *response.status_mut() = StatusCode::NOT_FOUND;
        let rejection = parse_keys(&response).unwrap_err();
        assert_eq!(rejection, AnswerRejection::Status(StatusCode::NOT_FOUND).into());
        let rejection = parse_keys(&Response::new(b"{\"keys\":[]}".to_vec())).unwrap_err();
        assert_eq!(rejection.to_string(), "the key set holds no key that can verify a signature");
    }
}
