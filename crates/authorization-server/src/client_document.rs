//! Client ID Metadata Documents: a client whose id is the URL of a document about it
//! (draft-ietf-oauth-client-id-metadata-document; MCP 2025-11-25 and later, client registration).
//!
//! The URL comes from whoever opens `/authorize`: `fetched_url` says which may be fetched, `fetches` when; nothing is
//! followed, little is read.
//!
//! Nothing is kept at a stranger's word. A document that was read for a page travels with the request, in the page and
//! then in the login, and is kept once a user has approved the client and signed in: for as long as HTTP allows. From then
//! on the client is *known*: its document may be read anew by whoever names it, in place of what is kept. So is one that the
//! operator has named for identity assertions, which come without a user.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_jose::KeySet;
use gatehouse_protocol::{ClientId, ClientName, Entropy, RedirectUri, UnixTime, essence};
use gatehouse_sealed_storage::document_cache::{DocumentCache, lifetime};
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::client_authentication::{AuthenticationMethod, AuthenticationText, KeysText};
use crate::fetched_url::{FetchedUrl, json_request};
use crate::fetches::Acquaintance;

/// The largest document worth reading, in bytes (section 6.6 of the draft recommends it).
pub const DOCUMENT_BYTES: usize = 5 * 1024;
/// One document for each client of this kind that is known.
const DOCUMENT: Kind = "client-document";
/// An empty entry for each client of this kind that is known.
pub(crate) const KNOWN: Kind = "known-client";
/// 90 days, as long as the longest session: whoever holds a token of such a client finds it known.
const KNOWN_PERIODS: Periods = Periods::of_seconds(90 * 24 * 60 * 60);
/// Seconds for which a document is fresh where the answer does not say.
const DEFAULT_SECONDS: u64 = 60 * 60;
/// Seconds for which a document is kept after it has become stale (an hour): a flow that began with a fresh document ends
/// with it. ProviderSelection of a provider, consent, sign-in and code together take less. The draft lets a server have such a lower
/// bound.
const FLOW_SECONDS: u64 = 60 * 60;
/// Seconds. Together with a flow, a day: what a client withdraws must not work for longer.
const MOST_SECONDS: u64 = 24 * 60 * 60 - FLOW_SECONDS;
/// No client in the field lists more than a handful.
const MOST_REDIRECT_URIS: usize = 16;

/// A client id that is the URL of a metadata document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl {
    url: FetchedUrl,
    /// Whether the operator has named the client for identity assertions. It is known without a user's approval, for it comes
    /// without a user.
    presents_assertions: bool,
}

/// Why a metadata document is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DocumentRejection {
    /// The operator does not take clients of this kind.
    #[error("client metadata documents are disabled; ask the operator for a client_id")]
    Disabled,
    /// The URL is not one that may be fetched.
    #[error("the client_id is not the https URL, with a path, of a document on a public host")]
    Url,
    /// Anything but 200; a redirect most of all.
    #[error("the client metadata document was answered with status {0}")]
    Status(u16),
    /// Not JSON.
    #[error("the client metadata document is not application/json")]
    MediaType,
    /// Not client metadata. The text is not repeated: anybody may have written it.
    #[error("the client metadata document is not client metadata at line {line}, column {column}")]
    NotMetadata {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is about another client.
    #[error("the client metadata document has another client_id than its own URL")]
    OtherClient,
    /// The name cannot be shown.
    #[error("the client metadata document has a client_name that cannot be shown")]
    ClientName,
    /// No usable redirect URI, too many, or one that is refused.
    #[error(
        "the client metadata document must have 1 to {MOST_REDIRECT_URIS} redirect_uris, each https, loopback, or with a scheme \
         that is allowed here (applications or private_use_schemes)"
    )]
    RedirectUris,
    /// The client wants to authenticate in a way that a document cannot have: it is public, and so would be its secret.
    #[error("the client metadata document must have the token_endpoint_auth_method none or private_key_jwt")]
    Authentication,
    /// The client signs, and it cannot be known with which keys.
    #[error("the client metadata document must have either jwks with a usable key or a jwks_uri that may be fetched")]
    Keys,
}

#[derive(Deserialize)]
struct Metadata {
    client_id: String,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    client_secret: Option<Value>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

/// What a document says of its client, as it was read at a certain time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadDocument {
    /// Seconds since the epoch.
    read_at: u64,
    /// Seconds since the epoch: from then on the document is read anew where a flow begins.
    stale_from: u64,
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) refreshable: bool,
    pub(crate) authentication: AuthenticationText,
}

impl core::fmt::Debug for ReadDocument {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ReadDocument").field("read_at", &self.read_at).finish_non_exhaustive()
    }
}

/// The document that a client was found by.
#[derive(Clone, Debug)]
pub(crate) struct FoundDocument {
    url: DocumentUrl,
    read: ReadDocument,
    /// Whether it is in the store.
    is_kept: bool,
}

impl DocumentUrl {
    /// Whether `client_id` is of this kind: every other kind of id starts differently.
    pub fn names_a_document(client_id: &ClientId) -> bool {
        ["https://", "http://"].iter().any(|scheme| client_id.as_str().starts_with(scheme))
    }

    /// The URL, where it may be fetched: https, with a path, of a named public host (section 3 of the draft). Only where
    /// `public_url` is itself plain http on this machine, for development, may it be at `127.0.0.1:PORT` or
    /// `localhost:PORT`, by http or by https, too.
    ///
    /// # Errors
    /// Where the operator has disabled documents, or the URL is not such a one.
    pub fn parse(client_id: &ClientId, configuration: &Configuration) -> Result<Self, DocumentRejection> {
        if !configuration.client_documents.enabled {
            return Err(DocumentRejection::Disabled);
        }
        let url = FetchedUrl::parse(client_id.as_str(), configuration).ok_or(DocumentRejection::Url)?;
        let presents_assertions = configuration.client_documents.identity_assertions.contains(client_id);
        Ok(Self { url, presents_assertions })
    }

    /// The URL itself.
    pub const fn url(&self) -> &FetchedUrl {
        &self.url
    }

    /// Whether the operator has named the client for identity assertions.
    pub(crate) const fn presents_assertions(&self) -> bool {
        self.presents_assertions
    }

    /// Whether the document must be read before a flow begins, and if so, whether its client is known. A stale one is read
    /// again once a minute at most, and is good enough meanwhile.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn needs_reading(
        &self,
        documents: &DocumentCache<'_, impl Store>,
    ) -> Result<Option<Acquaintance>, StoreUnavailable> {
        Ok(match self.find(documents)? {
            Some(kept) if documents.now < UnixTime::from_seconds(kept.stale_from) => None,
            Some(_) => documents.may_fetch_again(DOCUMENT, self.as_str())?.then_some(Acquaintance::Known),
            None if self.is_known(documents)? => Some(Acquaintance::Known),
            None => Some(Acquaintance::New),
        })
    }

    /// Whether a document is kept, fresh or not: it is good enough for flows that have begun.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn is_kept(&self, documents: &DocumentCache<'_, impl Store>) -> Result<bool, StoreUnavailable> {
        Ok(self.find(documents)?.is_some())
    }

    /// The request for the document. Redirects must not be followed, and at most [`DOCUMENT_BYTES`] be read.
    pub fn request(&self) -> Request<Vec<u8>> {
        json_request(self.as_str())
    }

    /// Reads the answer. Nothing is kept.
    ///
    /// # Errors
    /// Where the document is refused.
    pub fn read(
        &self,
        response: &Response<Vec<u8>>,
        configuration: &Configuration,
        now: UnixTime,
    ) -> Result<ReadDocument, DocumentRejection> {
        if response.status() != StatusCode::OK {
            return Err(DocumentRejection::Status(response.status().as_u16()));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = essence(content_type.unwrap_or_default());
        if media_type != "application/json"
            && !(media_type.starts_with("application/") && media_type.ends_with("+json"))
        {
            return Err(DocumentRejection::MediaType);
        }
        let metadata: Metadata = serde_json::from_slice(response.body())
            .map_err(|error| DocumentRejection::NotMetadata { line: error.line(), column: error.column() })?;
        if metadata.client_id != self.as_str() {
            return Err(DocumentRejection::OtherClient);
        }
        ClientName::parse(&metadata.client_name).map_err(|_| DocumentRejection::ClientName)?;
        let rules = configuration.redirect_rules();
        let usable = metadata.redirect_uris.iter().all(|uri| RedirectUri::parse(uri, &rules).is_ok());
        if !usable || !(1..=MOST_REDIRECT_URIS).contains(&metadata.redirect_uris.len()) {
            return Err(DocumentRejection::RedirectUris);
        }
        let fresh = lifetime(&self.request(), response, now, DEFAULT_SECONDS, MOST_SECONDS);
        Ok(ReadDocument {
            read_at: now.seconds(),
            stale_from: now.plus(fresh).seconds(),
            authentication: authentication(&metadata, configuration)?,
            refreshable: metadata.grant_types.is_none_or(|types| types.iter().any(|it| it == "refresh_token")),
            client_name: metadata.client_name,
            redirect_uris: metadata.redirect_uris,
        })
    }

    /// Keeps the document, unless one is kept that was read later. Only documents of clients that are known are kept:
    /// anybody can name any number of others.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn keep(
        &self,
        document: &ReadDocument,
        documents: &DocumentCache<'_, impl Store>,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if self.find(documents)?.is_some_and(|kept| kept.read_at > document.read_at) {
            return Ok(());
        }
        let text = serde_json::to_vec(document).map_err(|error| StoreUnavailable(error.to_string()))?;
        documents.put(DOCUMENT, self.as_str(), &text, documents.now.seconds_until(document.ends()), entropy)
    }

    /// What was read now is refused, and that ends what was kept; a server that merely fails (RFC 5861, section 4) says
    /// nothing about the client.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn refuse(
        &self,
        rejection: &DocumentRejection,
        documents: &DocumentCache<'_, impl Store>,
    ) -> Result<(), StoreUnavailable> {
        match rejection {
            DocumentRejection::Status(500..) => Ok(()),
            _ => documents.forget(DOCUMENT, self.as_str()),
        }
    }

    /// The document that is kept, or one that was `read` for this request or this flow, whichever was read later.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn found(
        self,
        read: Option<&ReadDocument>,
        documents: &DocumentCache<'_, impl Store>,
    ) -> Result<Option<FoundDocument>, StoreUnavailable> {
        let kept = self.find(documents)?;
        let read = read.filter(|read| documents.now < read.ends());
        Ok(match (kept, read) {
            (Some(kept), Some(read)) if kept.read_at < read.read_at => {
                Some(FoundDocument { url: self, read: read.clone(), is_kept: false })
            }
            (Some(kept), _) => Some(FoundDocument { url: self, read: kept, is_kept: true }),
            (None, Some(read)) => Some(FoundDocument { url: self, read: read.clone(), is_kept: false }),
            (None, None) => None,
        })
    }

    fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// One that another version wrote is read anew.
    fn find(&self, documents: &DocumentCache<'_, impl Store>) -> Result<Option<ReadDocument>, StoreUnavailable> {
        let document = documents.get(DOCUMENT, self.as_str())?;
        Ok(document.and_then(|document| serde_json::from_slice(&document).ok()))
    }

    /// Whether the operator has named the client, or a user has approved it, and it was used since.
    fn is_known(&self, documents: &DocumentCache<'_, impl Store>) -> Result<bool, StoreUnavailable> {
        if self.presents_assertions {
            return Ok(true);
        }
        for end in KNOWN_PERIODS.possible_ends(documents.now) {
            if documents.store.get(&self.known(end)?)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An empty entry that says that the client is known.
    fn known(&self, end: UnixTime) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(KNOWN, &URL_SAFE_NO_PAD.encode(Sha256::digest(self.as_str())), end)?)
    }
}

impl ReadDocument {
    /// When it no longer counts: a flow that began with it fresh is over.
    const fn ends(&self) -> UnixTime {
        UnixTime::from_seconds(self.stale_from).plus(FLOW_SECONDS)
    }
}

impl FoundDocument {
    /// What it says.
    pub(crate) const fn document(&self) -> &ReadDocument {
        &self.read
    }

    /// What must travel with a request of the client, because it is not kept.
    pub(crate) fn carried(&self) -> Option<&ReadDocument> {
        (!self.is_kept).then_some(&self.read)
    }

    /// A user has approved the client, or it was used since: its document is kept, and it is known from now on. Two reads
    /// of the store, and one write in 90 days, where it was known.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn note_use(
        &self,
        documents: &DocumentCache<'_, impl Store>,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if !self.is_kept {
            self.url.keep(&self.read, documents, entropy)?;
        }
        let known = self.url.known(KNOWN_PERIODS.end_of_new(documents.now))?;
        if documents.store.get(&known)?.is_none() {
            documents.store.put(&known, &[])?;
        }
        Ok(())
    }
}

/// `none`, or the client's own keys. A secret in a public document is none (section 4.1 of the draft).
fn authentication(metadata: &Metadata, configuration: &Configuration) -> Result<AuthenticationText, DocumentRejection> {
    let method = metadata.token_endpoint_auth_method.as_deref().unwrap_or("none");
    let method = AuthenticationMethod::parse(method).ok_or(DocumentRejection::Authentication)?;
    match method {
        _ if metadata.client_secret.is_some() => Err(DocumentRejection::Authentication),
        AuthenticationMethod::ClientSecretBasic | AuthenticationMethod::ClientSecretPost => {
            Err(DocumentRejection::Authentication)
        }
        AuthenticationMethod::None => Ok(AuthenticationText::None),
        AuthenticationMethod::PrivateKeyJwt => {
            let keys = match (&metadata.jwks, &metadata.jwks_uri) {
                (Some(keys), None) => inline_keys(keys).map(KeysText::Jwks),
                (None, Some(uri)) => FetchedUrl::parse(uri, configuration).map(|_| KeysText::JwksUri(uri.clone())),
                (Some(_), Some(_)) | (None, None) => None,
            };
            keys.map(AuthenticationText::PrivateKeyJwt).ok_or(DocumentRejection::Keys)
        }
    }
}

/// A client's `jwks`, where at least one of its keys can verify a signature.
pub(crate) fn inline_keys(jwks: &Value) -> Option<String> {
    let text = jwks.to_string();
    KeySet::from_json(text.as_bytes()).is_ok().then_some(text)
}

#[cfg(test)]
mod tests;
