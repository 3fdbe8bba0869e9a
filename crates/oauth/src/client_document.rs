//! Client ID Metadata Documents: a client whose id is the URL of a document about it
//! (draft-ietf-oauth-client-id-metadata-document; MCP 2025-11-25 and later, client registration).
//!
//! The URL comes from whoever opens `/authorize`: `fetched_url` says which may be fetched; nothing is followed, little is
//! read. A document that was read is kept for as long as HTTP allows; one that was refused is never kept.

use gatehouse_configuration::Configuration;
use gatehouse_document_cache::{DocumentCache, lifetime};
use gatehouse_jose::KeySet;
use gatehouse_protocol::{ClientId, ClientName, Entropy, RedirectUri, Scopes, UnixTime, essence};
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::client::Client;
use crate::client_authentication::{AuthenticationMethod, AuthenticationText, KeysText};
use crate::fetched_url::{FetchedUrl, json_request};
use crate::registered_client::grant_types;

/// The largest document worth reading, in bytes (section 6.6 of the draft recommends it).
pub const DOCUMENT_BYTES: usize = 5 * 1024;
/// One document for each client of this kind.
const DOCUMENT: Kind = "client-document";
/// Seconds for which a document is fresh where the answer does not say.
const DEFAULT_SECONDS: u64 = 60 * 60;
/// Seconds for which a document is kept after it has become stale (an hour): a flow that began with a fresh document ends
/// with it. Choice of a provider, consent, sign-in and code together take less. The draft lets a server have such a lower
/// bound.
const FLOW_SECONDS: u64 = 60 * 60;
/// Seconds. Together with a flow, a day: what a client withdraws must not work for longer.
const MOST_SECONDS: u64 = 24 * 60 * 60 - FLOW_SECONDS;
/// No client in the field lists more than a handful.
const MOST_REDIRECT_URIS: usize = 16;

/// A client id that is the URL of a metadata document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl(FetchedUrl);

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
        "the client metadata document must have 1 to {MOST_REDIRECT_URIS} redirect_uris that are https or loopback"
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

/// What is kept of a document.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Seconds since the epoch: from then on the document is read anew where a flow begins.
    stale_from: u64,
    client_name: String,
    redirect_uris: Vec<String>,
    refreshable: bool,
    authentication: AuthenticationText,
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
        let url = FetchedUrl::parse(client_id.as_str(), &configuration.public_url);
        url.map(Self).ok_or(DocumentRejection::Url)
    }

    /// Whether the document must be read before a flow begins: it has not been read, or is stale. A stale one is read again
    /// once a minute at most, and is good enough meanwhile.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn needs_reading(&self, documents: &DocumentCache<'_, impl Store>) -> Result<bool, StoreUnavailable> {
        match self.find(documents)? {
            Some(kept) if documents.now < UnixTime::from_seconds(kept.stale_from) => Ok(false),
            Some(_) => documents.may_fetch_again(DOCUMENT, self.0.as_str()),
            None => Ok(true),
        }
    }

    /// The request for the document. Redirects must not be followed, and at most [`DOCUMENT_BYTES`] be read.
    pub fn request(&self) -> Request<Vec<u8>> {
        json_request(self.0.as_str())
    }

    /// Reads the answer and keeps the client. Whatever is refused is not kept, and ends what was kept; a server that
    /// merely fails (RFC 5861, section 4) says nothing about the client.
    ///
    /// # Errors
    /// The outer one where the store does not answer, the inner one where the document is refused.
    pub fn keep(
        &self,
        response: &Response<Vec<u8>>,
        configuration: &Configuration,
        documents: &DocumentCache<'_, impl Store>,
        entropy: &mut impl Entropy,
    ) -> Result<Result<(), DocumentRejection>, StoreUnavailable> {
        let fresh = lifetime(&self.request(), response, documents.now, DEFAULT_SECONDS, MOST_SECONDS);
        let kept = match self.read(response, configuration, documents.now.plus(fresh)) {
            Ok(kept) => kept,
            Err(rejection @ DocumentRejection::Status(500..)) => return Ok(Err(rejection)),
            Err(rejection) => {
                documents.forget(DOCUMENT, self.0.as_str())?;
                return Ok(Err(rejection));
            }
        };
        let text = serde_json::to_vec(&kept).map_err(|error| StoreUnavailable(error.to_string()))?;
        documents.put(DOCUMENT, self.0.as_str(), &text, fresh.saturating_add(FLOW_SECONDS), entropy)?;
        Ok(Ok(()))
    }

    fn read(
        &self,
        response: &Response<Vec<u8>>,
        configuration: &Configuration,
        stale_from: UnixTime,
    ) -> Result<Kept, DocumentRejection> {
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
        if metadata.client_id != self.0.as_str() {
            return Err(DocumentRejection::OtherClient);
        }
        ClientName::parse(&metadata.client_name).map_err(|_| DocumentRejection::ClientName)?;
        let rules = configuration.redirect_rules();
        let usable = metadata.redirect_uris.iter().all(|uri| RedirectUri::parse(uri, &rules).is_ok());
        if !usable || !(1..=MOST_REDIRECT_URIS).contains(&metadata.redirect_uris.len()) {
            return Err(DocumentRejection::RedirectUris);
        }
        Ok(Kept {
            stale_from: stale_from.seconds(),
            authentication: authentication(&metadata, configuration)?,
            refreshable: metadata.grant_types.is_none_or(|types| types.iter().any(|it| it == "refresh_token")),
            client_name: metadata.client_name,
            redirect_uris: metadata.redirect_uris,
        })
    }

    /// The client, where its document has been read lately.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn kept(
        &self,
        configuration: &Configuration,
        documents: &DocumentCache<'_, impl Store>,
    ) -> Result<Option<Client>, StoreUnavailable> {
        let Some(kept) = self.find(documents)? else { return Ok(None) };
        let broken = || StoreUnavailable("a kept client metadata document cannot be read".to_owned());
        let rules = configuration.redirect_rules();
        Ok(Some(Client {
            client_id: ClientId::parse(self.0.as_str()).map_err(|_| broken())?,
            client_name: ClientName::parse(&kept.client_name).map_err(|_| broken())?,
            redirect_uris: kept.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri, &rules).ok()).collect(),
            grant_types: grant_types(kept.refreshable),
            authentication: kept.authentication.into(),
            scopes: Scopes::default(),
            may_introspect: false,
            is_configured: false,
            registration: None,
        }))
    }

    /// One that another version wrote is read anew.
    fn find(&self, documents: &DocumentCache<'_, impl Store>) -> Result<Option<Kept>, StoreUnavailable> {
        let document = documents.get(DOCUMENT, self.0.as_str())?;
        Ok(document.and_then(|document| serde_json::from_slice(&document).ok()))
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
                (None, Some(uri)) => {
                    FetchedUrl::parse(uri, &configuration.public_url).map(|_| KeysText::JwksUri(uri.clone()))
                }
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
