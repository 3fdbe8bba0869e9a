//! Client ID Metadata Documents: a client whose id is the URL of a document about it
//! (draft-ietf-oauth-client-id-metadata-document; MCP 2025-11-25 and later, client registration).
//!
//! The URL comes from whoever opens `/authorize`, and fetching it is a request in our name (server-side request
//! forgery): only https, only named public hosts, nothing followed, little read. A document that was read is kept for
//! an hour or two; one that was refused is never kept.

use gatehouse_configuration::Configuration;
use gatehouse_protocol::{ClientId, ClientName, RedirectUri, UnixTime, essence};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use url::{Host, Url};

use crate::client::Client;

/// The largest document worth reading, in bytes (section 6.6 of the draft recommends it).
pub const DOCUMENT_BYTES: usize = 5 * 1024;
/// One record for each document that was read.
const DOCUMENT: Kind = "client-document";
/// Seconds. A document is kept until the end of the period after the one in which it was read, so that its key
/// follows from its URL and the time.
const PERIOD_SECONDS: u64 = 60 * 60;
/// No client in the field lists more than a handful.
const MOST_REDIRECT_URIS: usize = 16;
/// Names that are no public hosts (RFC 6761, RFC 6762, RFC 8375, and those in use on private networks).
const PRIVATE_SUFFIXES: [&str; 12] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "home.arpa",
    "test",
    "invalid",
    "example",
    "onion",
];

/// A client id that is the URL of a metadata document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentUrl(String);

/// Why a metadata document is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DocumentRejection {
    /// The URL is not one that may be fetched.
    #[error("the client_id is not the https URL, with a path, of a document on a public host")]
    Url,
    /// Anything but 200; a redirect most of all.
    #[error("the client metadata document was answered with status {0}")]
    Status(u16),
    /// Not JSON.
    #[error("the client metadata document is not application/json")]
    MediaType,
    /// Not client metadata.
    #[error("the client metadata document cannot be read: {0}")]
    NotMetadata(String),
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
    /// The client wants to authenticate in a way that we do not have for documents.
    #[error("the client metadata document asks for a token_endpoint_auth_method other than none")]
    Authentication,
}

#[derive(Deserialize)]
struct Metadata {
    client_id: String,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    client_secret: Option<serde_json::Value>,
}

/// What is kept of a document.
#[derive(Serialize, Deserialize)]
struct Kept {
    client_id: String,
    client_name: String,
    redirect_uris: Vec<String>,
    refreshable: bool,
}

impl DocumentUrl {
    /// Whether `client_id` is of this kind: every other kind of id starts differently.
    pub fn names_a_document(client_id: &ClientId) -> bool {
        client_id.as_str().starts_with("https://")
    }

    /// The URL, where it may be fetched.
    ///
    /// # Errors
    /// Where it has a port-less host that is not public, is an address, or has parts that the draft forbids
    /// (section 3).
    pub fn parse(client_id: &ClientId) -> Result<Self, DocumentRejection> {
        let text = client_id.as_str();
        let url = Url::parse(text).map_err(|_| DocumentRejection::Url)?;
        let public = match url.host() {
            Some(Host::Domain(name)) => is_public_name(name),
            // An address says nothing of who the client is, and is where private networks are reached.
            Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
        };
        // The parsed form is the written form: no dot segments, no other spelling, which two parsers could read
        // differently.
        let written_plainly = url.as_str() == text && url.path() != "/" && !text.contains('\\');
        let bare = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if url.scheme() == "https" && public && written_plainly && bare {
            Ok(Self(text.to_owned()))
        } else {
            Err(DocumentRejection::Url)
        }
    }

    /// The request for the document. Redirects must not be followed, and at most [`DOCUMENT_BYTES`] be read.
    pub fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::new(Vec::new());
        if let Ok(uri) = self.0.parse() {
            *request.uri_mut() = uri;
        }
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request
    }

    /// Reads the answer and keeps the client. Whatever is refused is not kept.
    ///
    /// # Errors
    /// The outer one where the store does not answer, the inner one where the document is refused.
    pub fn keep(
        &self,
        response: &Response<Vec<u8>>,
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Result<(), DocumentRejection>, StoreUnavailable> {
        let kept = match self.read(response, configuration) {
            Ok(kept) => kept,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let text = serde_json::to_vec(&kept).map_err(|error| StoreUnavailable(error.to_string()))?;
        store.put(&self.key(now)?, &text)?;
        Ok(Ok(()))
    }

    fn read(&self, response: &Response<Vec<u8>>, configuration: &Configuration) -> Result<Kept, DocumentRejection> {
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
            .map_err(|error| DocumentRejection::NotMetadata(error.to_string()))?;
        if metadata.client_id != self.0 {
            return Err(DocumentRejection::OtherClient);
        }
        ClientName::parse(&metadata.client_name).map_err(|_| DocumentRejection::ClientName)?;
        let rules = configuration.redirect_rules();
        let usable = metadata.redirect_uris.iter().all(|uri| RedirectUri::parse(uri, &rules).is_ok());
        if !usable || !(1..=MOST_REDIRECT_URIS).contains(&metadata.redirect_uris.len()) {
            return Err(DocumentRejection::RedirectUris);
        }
        let is_public = metadata.token_endpoint_auth_method.is_none_or(|method| method == "none");
        if !is_public || metadata.client_secret.is_some() {
            return Err(DocumentRejection::Authentication);
        }
        let refreshable = metadata.grant_types.is_none_or(|types| types.iter().any(|it| it == "refresh_token"));
        Ok(Kept {
            client_id: metadata.client_id,
            client_name: metadata.client_name,
            redirect_uris: metadata.redirect_uris,
            refreshable,
        })
    }

    /// The client, where its document has been read lately.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn kept(
        &self,
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Option<Client>, StoreUnavailable> {
        let Some(text) = store.get(&self.key(now)?)? else { return Ok(None) };
        let broken = || StoreUnavailable("a kept client metadata document cannot be read".to_owned());
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| broken())?;
        let rules = configuration.redirect_rules();
        if kept.client_id != self.0 {
            return Err(broken());
        }
        Ok(Some(Client {
            client_id: ClientId::parse(&kept.client_id).map_err(|_| broken())?,
            client_name: ClientName::parse(&kept.client_name).map_err(|_| broken())?,
            redirect_uris: kept.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri, &rules).ok()).collect(),
            refreshable: kept.refreshable,
            is_configured: false,
        }))
    }

    fn key(&self, now: UnixTime) -> Result<Key, StoreUnavailable> {
        use base64::Engine as _;
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0));
        let period = now.seconds() / PERIOD_SECONDS;
        let end = UnixTime::from_seconds(period.saturating_add(2).saturating_mul(PERIOD_SECONDS));
        Key::new(DOCUMENT, &id, end).map_err(|error| StoreUnavailable(error.to_string()))
    }
}

/// Whether a name is that of a public host: it has several labels, and is not one of the names that are kept for
/// private use. What it resolves to is the host's to judge; a component cannot see it.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.contains('.')
        && !PRIVATE_SUFFIXES.iter().any(|suffix| name == *suffix || name.ends_with(&format!(".{suffix}")))
}

#[cfg(test)]
mod tests;
