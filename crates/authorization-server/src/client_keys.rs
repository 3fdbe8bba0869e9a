//! The keys of clients that sign (`private_key_jwt`), where they are elsewhere (`jwks_uri`).

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_jose::KeySet;
use gatehouse_protocol::Entropy;
use gatehouse_sealed_storage::document_cache::{DocumentCache, lifetime};
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use http::{Request, Response, StatusCode};
use thiserror::Error;

use crate::fetched_url::{FetchedUrl, json_request};

/// The largest key set of a client worth reading, in bytes: a handful of keys, with certificates.
pub const CLIENT_KEYS_BYTES: usize = 32 * 1024;
/// One document for each key set that was read.
const KEYS: Kind = "client-keys";
/// Seconds, where the answer does not say.
const DEFAULT_SECONDS: u64 = 60 * 60;
/// Seconds (a day): a client that withdraws a key must not wait for longer.
const MOST_SECONDS: u64 = 24 * 60 * 60;

/// Where a client's keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysUrl<'a> {
    pub(crate) url: &'a str,
    /// Whether the operator says so, and not a metadata document.
    pub(crate) is_configured: bool,
}

/// Why a client's key set is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientKeysRejection {
    /// The configuration names the host by now, or never let a document's keys be there.
    #[error("the client's jwks_uri may not be fetched")]
    Url,
    /// Anything but 200; a redirect most of all.
    #[error("the client's jwks_uri was answered with status {0}")]
    Status(u16),
    /// Nothing in it verifies a signature.
    #[error("the client's jwks holds no key that can verify a signature")]
    NoUsableKey,
}

impl<'a> KeysUrl<'a> {
    /// The URL as it was written.
    pub const fn as_str(&self) -> &'a str {
        self.url
    }

    /// The URL that a stranger named, judged again: the configuration may have changed since. `None` where the operator
    /// named it, who may name any.
    ///
    /// # Errors
    /// Where it may not be fetched.
    pub fn of_stranger(&self, configuration: &Configuration) -> Result<Option<FetchedUrl>, ClientKeysRejection> {
        if self.is_configured {
            return Ok(None);
        }
        FetchedUrl::parse(self.url, configuration).map(Some).ok_or(ClientKeysRejection::Url)
    }

    /// The request for the keys. Redirects must not be followed, and at most [`CLIENT_KEYS_BYTES`] be read.
    pub fn request(&self) -> Request<Vec<u8>> {
        json_request(self.url)
    }

    /// The keys, where they have been read lately.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn kept(&self, documents: &DocumentCache<'_, impl Store>) -> Result<Option<KeySet>, StoreUnavailable> {
        Ok(documents.get(KEYS, self.url)?.and_then(|document| KeySet::from_json(&document).ok()))
    }

    /// Whether the keys may be fetched although they are kept, because the one that is looked for is not among them:
    /// once a minute.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn may_fetch_again(&self, documents: &DocumentCache<'_, impl Store>) -> Result<bool, StoreUnavailable> {
        documents.may_fetch_again(KEYS, self.url)
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
        documents.put(KEYS, self.url, response.body(), seconds, entropy)?;
        Ok(Ok(keys))
    }
}

#[cfg(test)]
mod tests;
