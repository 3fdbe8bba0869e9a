//! What the provider says of itself (OpenID Connect Discovery 1.0).

use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::WebOrigin;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Response};
use serde::Deserialize;
use thiserror::Error;
use url::Url;

use crate::answer::{json, successful};
use crate::{AnswerRejection, ClientError, Endpoint, InvalidEndpoint, LogText, SigningAlgorithm};

/// The largest metadata document worth reading, in bytes. Those of the large providers have 1 to 5 KB.
pub const METADATA_BYTES: usize = 64 * 1024;

/// The request for the metadata of the `provider`.
///
/// # Errors
/// Where no safe URL can be made of what is configured.
pub fn discovery_request(provider: &IdentityProvider) -> Result<Request<Vec<u8>>, MetadataRejection> {
    let (key, location) = match &provider.metadata_url {
        Some(url) => ("metadata_url", url.clone()),
        // OpenID Connect Discovery, section 4: "any terminating / MUST be removed before appending".
        None => ("issuer", format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'))),
    };
    let endpoint = Endpoint::parse(&location).map_err(|problem| invalid(key, problem))?;
    Ok(get(&endpoint))
}

/// A request for a public JSON document.
pub(crate) fn get(endpoint: &Endpoint) -> Request<Vec<u8>> {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = endpoint.uri().clone();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// The provider's metadata, as far as a relying party needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMetadata {
    issuer: String,
    authorization_endpoint: Endpoint,
    token_endpoint: Endpoint,
    jwks_uri: Endpoint,
    names_itself_in_answers: bool,
    token_endpoint_auth_methods: Option<Vec<String>>,
    assertion_algorithms: Option<Vec<SigningAlgorithm>>,
    id_token_algorithms: Vec<SigningAlgorithm>,
}

/// Metadata that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataRejection {
    /// Not a metadata document at all.
    #[error("the metadata endpoint {answer}{}", cure(.0), answer = .0)]
    Answer(#[from] AnswerRejection),
    /// A required member is absent.
    #[error("the metadata lacks {0}")]
    Missing(&'static str),
    /// The document is another issuer's: an attacker's, or the configured one is misspelt (OpenID Connect Discovery,
    /// section 4.3: "MUST be identical").
    #[error(
        "the metadata is of the issuer {found}: set issuer to that, letter by letter, and metadata_url to the address that was asked"
    )]
    IssuerDiffers {
        /// The issuer that the document names.
        found: LogText,
    },
    /// A URL that must not be used.
    #[error("the URL {member} {problem}")]
    Endpoint {
        /// The member that holds it.
        member: &'static str,
        /// What is wrong with it.
        problem: InvalidEndpoint,
    },
    /// No id_token of this provider could be verified, so it is said before anyone signs in.
    #[error(
        "the metadata lists id_token_signing_alg_values_supported {listed}; what is accepted is {}",
        SigningAlgorithm::names(&SigningAlgorithm::ALL)
    )]
    NoUsableAlgorithm {
        /// What it lists.
        listed: LogText,
    },
}

/// The members as they are on the wire; every one optional, so that a missing one has a name.
#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    authorization_response_iss_parameter_supported: Option<bool>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

impl ProviderMetadata {
    /// Reads the answer to [`discovery_request`]. `issuer` is what it must name
    /// ([`metadata_issuer`](crate::metadata_issuer)).
    ///
    /// # Errors
    /// Where the answer is not 200, or for the reasons of [`ProviderMetadata::from_json`].
    pub fn parse(response: &Response<Vec<u8>>, issuer: &str) -> Result<Self, MetadataRejection> {
        Self::from_json(successful(response)?, issuer)
    }

    /// Reads a metadata document, such as the body of an answer that was kept. `issuer` is what it must
    /// name ([`metadata_issuer`](crate::metadata_issuer)).
    ///
    /// # Errors
    /// See [`MetadataRejection`].
    pub fn from_json(document: &[u8], issuer: &str) -> Result<Self, MetadataRejection> {
        let document: Document = json(document)?;
        let found = document.issuer.ok_or(MetadataRejection::Missing("issuer"))?;
        if found != issuer {
            return Err(MetadataRejection::IssuerDiffers { found: LogText::new(&found) });
        }
        let endpoint = |member, url| endpoint(member, url, issuer);
        Ok(Self {
            authorization_endpoint: endpoint("authorization_endpoint", document.authorization_endpoint)?,
            token_endpoint: endpoint("token_endpoint", document.token_endpoint)?,
            jwks_uri: endpoint("jwks_uri", document.jwks_uri)?,
            names_itself_in_answers: document.authorization_response_iss_parameter_supported.unwrap_or(false),
            token_endpoint_auth_methods: document.token_endpoint_auth_methods_supported,
            assertion_algorithms: document.token_endpoint_auth_signing_alg_values_supported.as_deref().map(known),
            id_token_algorithms: algorithms(document.id_token_signing_alg_values_supported)?,
            issuer: found,
        })
    }

    /// The metadata, where none of its URLs leads to us at `own`. What a provider names there, users' browsers are sent to:
    /// at our own authorization endpoint, that would be a request of the provider's in our name. Only where the operator
    /// has put the provider itself at our origin, behind one proxy, are its URLs there.
    ///
    /// # Errors
    /// See [`InvalidEndpoint::OwnOrigin`].
    pub fn away_from(self, own: &WebOrigin) -> Result<Self, MetadataRejection> {
        let shares_origin = Url::parse(&self.issuer).is_ok_and(|issuer| own.is_reached_by(&issuer));
        let urls = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("jwks_uri", &self.jwks_uri),
        ];
        let to_us = urls.iter().find(|(_, endpoint)| own.is_reached_by(endpoint.url())).map(|(member, _)| *member);
        match to_us.filter(|_| !shares_origin) {
            Some(member) => Err(invalid(member, InvalidEndpoint::OwnOrigin)),
            None => Ok(self),
        }
    }

    /// The issuer: of an Entra endpoint for several tenants with a placeholder for the tenant.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where users sign in.
    pub const fn authorization_endpoint(&self) -> &Endpoint {
        &self.authorization_endpoint
    }

    /// Where codes become tokens.
    pub const fn token_endpoint(&self) -> &Endpoint {
        &self.token_endpoint
    }

    /// Where the keys are.
    pub const fn jwks_uri(&self) -> &Endpoint {
        &self.jwks_uri
    }

    /// Every place of the provider that it names.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri].into_iter()
    }

    /// `authorization_response_iss_parameter_supported`: every authorization response names its issuer (RFC 9207).
    pub const fn names_itself_in_answers(&self) -> bool {
        self.names_itself_in_answers
    }

    /// `token_endpoint_auth_methods_supported`, where the provider says.
    pub fn token_endpoint_auth_methods(&self) -> Option<&[String]> {
        self.token_endpoint_auth_methods.as_deref()
    }

    /// `token_endpoint_auth_signing_alg_values_supported`, where the provider says: how client assertions may be signed;
    /// those of ours.
    pub fn assertion_algorithms(&self) -> Option<&[SigningAlgorithm]> {
        self.assertion_algorithms.as_deref()
    }

    /// The algorithms with which this provider signs id_tokens; those of ours where it does not say.
    pub fn id_token_algorithms(&self) -> &[SigningAlgorithm] {
        &self.id_token_algorithms
    }
}

/// What the operator can do about an answer that will be the same later.
fn cure(answer: &AnswerRejection) -> &'static str {
    match answer.to_wire() {
        ClientError::ServerError => {
            ": issuer is wrong, or the provider has its metadata elsewhere, which metadata_url can say"
        }
        ClientError::AccessDenied | ClientError::TemporarilyUnavailable => "",
    }
}

fn endpoint(member: &'static str, url: Option<String>, issuer: &str) -> Result<Endpoint, MetadataRejection> {
    let url = url.ok_or(MetadataRejection::Missing(member))?;
    let endpoint = Endpoint::parse(&url).map_err(|problem| invalid(member, problem))?;
    // Plain http is for a provider on this machine. One elsewhere that points to loopback points into our network.
    if endpoint.is_plain_http() && !issuer.starts_with("http:") {
        return Err(invalid(member, InvalidEndpoint::Insecure));
    }
    Ok(endpoint)
}

fn algorithms(names: Option<Vec<String>>) -> Result<Vec<SigningAlgorithm>, MetadataRejection> {
    let Some(names) = names else {
        return Ok(SigningAlgorithm::ALL.to_vec());
    };
    let algorithms = known(&names);
    if algorithms.is_empty() {
        return Err(MetadataRejection::NoUsableAlgorithm { listed: LogText::new(&names.join(",")) });
    }
    Ok(algorithms)
}

fn known(names: &[String]) -> Vec<SigningAlgorithm> {
    names.iter().filter_map(|name| SigningAlgorithm::parse(name)).collect()
}

const fn invalid(member: &'static str, problem: InvalidEndpoint) -> MetadataRejection {
    MetadataRejection::Endpoint { member, problem }
}

#[cfg(test)]
mod tests;
