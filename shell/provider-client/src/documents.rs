//! Metadata and keys of identity providers and of issuers of tokens, kept in the store.

use gatehouse_openid::{
    Endpoint, IssuerMetadata, KEY_SET_BYTES, KeySet, KeysRejection, LoginRejection, METADATA_BYTES, MetadataRejection,
    ProviderMetadata, discovery_request, document_request, keys_request, metadata_issuer, parse_keys,
};
use gatehouse_protocol::{UnixTime, WebOrigin};
use gatehouse_sealed_storage::document_cache::{DocumentCache, lifetime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Kind, Store};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Request, Response};

use crate::{Failure, Host, ProviderClient};

/// Their metadata by URL.
pub(crate) const METADATA: Kind = "provider-metadata";
/// Their key sets by URL.
const KEYS: Kind = "provider-keys";
/// Seconds for which a document is kept that does not say for how long.
const DEFAULT_SECONDS: u64 = 60 * 60;
/// Seconds for which a document is kept at most: a key that the provider gave up works here no longer than that.
const LONGEST_SECONDS: u64 = 24 * 60 * 60;

/// How often a document is asked for in a minute that cannot be had: whoever can have us ask must not be able to have us ask
/// a provider without end that is down.
const FAILURES_IN_A_MINUTE: u64 = 60;

/// Reads a document of the issuer with this name; no URL in it may lead to our own origin.
pub(crate) type Parse<T, R> = fn(&Response<Vec<u8>>, &str, &WebOrigin) -> Result<T, R>;

/// A document, as it is asked for and read.
pub(crate) struct Document<T, R> {
    pub(crate) kind: Kind,
    /// What it is, for the log.
    pub(crate) name: &'static str,
    pub(crate) limit: usize,
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) parse: Parse<T, R>,
    /// The issuer that it must be of.
    pub(crate) issuer: String,
}

/// The documents, as they are seen during one request.
pub(crate) struct Documents<'a, H> {
    pub(crate) keys: &'a KeyRing,
    /// Our own origin, where nobody's documents are.
    pub(crate) own: &'a WebOrigin,
    pub(crate) now: UnixTime,
    pub(crate) host: &'a H,
}

impl<H: Host> ProviderClient<'_, H> {
    /// Where the provider's endpoints are, as far as that is known without asking it.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn kept_metadata(&self) -> Result<Option<ProviderMetadata>, Failure> {
        self.documents().kept(&self.metadata_document()?)
    }

    /// Where the provider's endpoints are.
    ///
    /// # Errors
    /// Where they cannot be known.
    pub fn metadata(&self) -> Result<ProviderMetadata, Failure> {
        self.documents().current(&self.metadata_document()?)
    }

    /// Verifies something with the provider's keys.
    pub(crate) fn verified<T, R>(
        &self,
        metadata: &ProviderMetadata,
        verify: impl Fn(&KeySet) -> Result<T, R>,
        fresh_keys_may_help: impl Fn(&R) -> bool,
    ) -> Result<Result<T, R>, Failure> {
        self.documents().verified(&key_set(keys_request(metadata)), verify, fresh_keys_may_help)
    }

    fn metadata_document(&self) -> Result<Document<ProviderMetadata, MetadataRejection>, Failure> {
        Ok(Document {
            kind: METADATA,
            name: "metadata",
            limit: METADATA_BYTES,
            request: discovery_request(self.provider)?,
            parse: |response, issuer, own| ProviderMetadata::parse(response, issuer)?.away_from(own),
            issuer: metadata_issuer(self.provider),
        })
    }

    fn documents(&self) -> Documents<'_, H> {
        Documents { keys: self.keys, own: &self.configuration.public_url, now: self.now, host: &self.host }
    }
}

/// The metadata at this place of an issuer whose tokens are only verified.
pub(crate) fn issuer_metadata(place: &Endpoint, issuer: &str) -> Document<IssuerMetadata, MetadataRejection> {
    Document {
        kind: METADATA,
        name: "metadata",
        limit: METADATA_BYTES,
        request: document_request(place),
        parse: IssuerMetadata::parse,
        issuer: issuer.to_owned(),
    }
}

/// The key set that is asked for like this.
pub(crate) fn key_set(request: Request<Vec<u8>>) -> Document<KeySet, KeysRejection> {
    Document {
        kind: KEYS,
        name: "keys",
        limit: KEY_SET_BYTES,
        request,
        parse: |response, _issuer, _own| parse_keys(response),
        issuer: String::new(),
    }
}

impl<H: Host> Documents<'_, H> {
    /// The document that is kept, or as it is now.
    pub(crate) fn current<T, R: Into<LoginRejection>>(&self, document: &Document<T, R>) -> Result<T, Failure> {
        match self.kept(document)? {
            Some(kept) => Ok(kept),
            None => self.fetched(document),
        }
    }

    /// Verifies something with the keys of a set. Where a key is missing, the kept keys are fetched again, by one
    /// caller in a minute: anyone can send tokens that name keys that are nowhere.
    pub(crate) fn verified<T, R>(
        &self,
        document: &Document<KeySet, KeysRejection>,
        verify: impl Fn(&KeySet) -> Result<T, R>,
        fresh_keys_may_help: impl Fn(&R) -> bool,
    ) -> Result<Result<T, R>, Failure> {
        let Some(kept) = self.kept(document)? else {
            return Ok(verify(&self.fetched(document)?));
        };
        match verify(&kept) {
            Err(rejection) if fresh_keys_may_help(&rejection) => {
                let url = document.request.uri().to_string();
                if self.cache(self.host.store()).may_fetch_again(KEYS, &url).map_err(Failure::Store)? {
                    Ok(verify(&self.fetched(document)?))
                } else {
                    Ok(Err(rejection))
                }
            }
            verdict => Ok(verdict),
        }
    }

    /// The document that is kept, while it is fresh. One that can no longer be used, since the configuration or we have
    /// changed, counts as absent.
    pub(crate) fn kept<T, R>(&self, document: &Document<T, R>) -> Result<Option<T>, Failure> {
        let url = document.request.uri().to_string();
        let kept = self.cache(self.host.store()).get(document.kind, &url).map_err(Failure::Store)?;
        Ok(kept.and_then(|bytes| self.read(document, &Response::new(bytes.to_vec())).ok()))
    }

    /// The document as it is now. Only one that can be used is kept: an error, or a page in its place, would lock everyone
    /// out for as long.
    fn fetched<T, R: Into<LoginRejection>>(&self, document: &Document<T, R>) -> Result<T, Failure> {
        let url = document.request.uri().to_string();
        let cache = self.cache(self.host.store());
        if cache.failures(document.kind, &url).map_err(Failure::Store)? >= FAILURES_IN_A_MINUTE {
            return Err(Failure::LeftInPeace(document.name));
        }
        let fetched = self.fetch(document, &url);
        if fetched.is_err() {
            cache.note_failure(document.kind, &url).map_err(Failure::Store)?;
        }
        fetched
    }

    fn fetch<T, R: Into<LoginRejection>>(&self, document: &Document<T, R>, url: &str) -> Result<T, Failure> {
        let asked = self.host.fetch(&document.request, document.limit);
        let response = asked.map_err(|reason| Failure::NoAnswer(document.name, reason).at(document.request.uri()))?;
        let parsed =
            self.read(document, &response).map_err(|reason| Failure::from(reason).at(document.request.uri()))?;
        let mut head = Response::new(());
        *head.headers_mut() = of_sole_user(response.headers());
        let seconds = lifetime(&document.request, &head, self.now, DEFAULT_SECONDS, LONGEST_SECONDS);
        self.cache(self.host.store())
            .put(document.kind, url, response.body(), seconds, &mut self.host.entropy())
            .map_err(Failure::Store)?;
        Ok(parsed)
    }

    fn read<T, R>(&self, document: &Document<T, R>, response: &Response<Vec<u8>>) -> Result<T, R> {
        (document.parse)(response, &document.issuer, self.own)
    }

    fn cache<'s, S: Store>(&'s self, store: &'s S) -> DocumentCache<'s, S> {
        DocumentCache { store, keys: self.keys, now: self.now }
    }
}

/// The headers without `Cache-Control: private`, with which Entra answers here. It forbids caches that serve several
/// users (RFC 9111, section 5.2.2.7); of these documents, Gatehouse itself is the only one.
fn of_sole_user(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    kept.remove(CACHE_CONTROL);
    for value in headers.get_all(CACHE_CONTROL) {
        let Ok(text) = value.to_str() else {
            // Not text: for the rules to refuse.
            kept.append(CACHE_CONTROL, value.clone());
            continue;
        };
        let private = |directive: &&str| directive.trim().eq_ignore_ascii_case("private");
        let others: Vec<&str> = text.split(',').filter(|directive| !private(directive)).collect();
        if let Ok(value) = HeaderValue::from_str(&others.join(",")) {
            kept.append(CACHE_CONTROL, value);
        }
    }
    kept
}
