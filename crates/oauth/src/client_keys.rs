//! The keys of clients that sign (`private_key_jwt`), where they are elsewhere (`jwks_uri`).

use gatehouse_document_cache::{DocumentCache, lifetime};
use gatehouse_jose::KeySet;
use gatehouse_protocol::Entropy;
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use http::{Request, Response, StatusCode};
use thiserror::Error;

use crate::fetched_url::json_request;

/// The largest key set of a client worth reading, in bytes: a handful of keys, with certificates.
pub const CLIENT_KEYS_BYTES: usize = 32 * 1024;
/// One document for each key set that was read.
const KEYS: Kind = "client-keys";
/// Seconds, where the answer does not say.
const DEFAULT_SECONDS: u64 = 60 * 60;
/// Seconds (a day): a client that withdraws a key must not wait for longer.
const MOST_SECONDS: u64 = 24 * 60 * 60;

/// Where a client's keys are. It comes from the configuration, or from a metadata document that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysUrl<'a>(pub(crate) &'a str);

/// Why a client's key set is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientKeysRejection {
    /// Anything but 200; a redirect most of all.
    #[error("the client's jwks_uri was answered with status {0}")]
    Status(u16),
    /// Nothing in it verifies a signature.
    #[error("the client's jwks holds no key that can verify a signature")]
    NoUsableKey,
}

impl KeysUrl<'_> {
    /// The request for the keys. Redirects must not be followed, and at most [`CLIENT_KEYS_BYTES`] be read.
    pub fn request(&self) -> Request<Vec<u8>> {
        json_request(self.0)
    }

    /// The keys, where they have been read lately.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn kept(&self, documents: &DocumentCache<'_, impl Store>) -> Result<Option<KeySet>, StoreUnavailable> {
        Ok(documents.get(KEYS, self.0)?.and_then(|document| KeySet::from_json(&document).ok()))
    }

    /// Whether the keys may be fetched although they are kept, because the one that is looked for is not among them:
    /// once a minute.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn may_fetch_again(&self, documents: &DocumentCache<'_, impl Store>) -> Result<bool, StoreUnavailable> {
        documents.may_fetch_again(KEYS, self.0)
    }

    /// Reads the answer and keeps the keys, for as long as it allows. Whatever is refused is not kept.
    ///
    /// # Errors
    /// The outer one where the store does not answer, the inner one where the answer is refused.
    pub fn keep(
        &self,
        response: &Response<Vec<u8>>,
        documents: &DocumentCache<'_, impl Store>,
        entropy: &mut impl Entropy,
    ) -> Result<Result<KeySet, ClientKeysRejection>, StoreUnavailable> {
        if response.status() != StatusCode::OK {
            return Ok(Err(ClientKeysRejection::Status(response.status().as_u16())));
        }
        let Ok(keys) = KeySet::from_json(response.body()) else { return Ok(Err(ClientKeysRejection::NoUsableKey)) };
        let seconds = lifetime(&self.request(), response, documents.now, DEFAULT_SECONDS, MOST_SECONDS);
        documents.put(KEYS, self.0, response.body(), seconds, entropy)?;
        Ok(Ok(keys))
    }
}

#[cfg(test)]
mod tests;
