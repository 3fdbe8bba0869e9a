//! Issuers of access tokens that are not ours.

use crate::{EntraProfile, SecretName};

/// An issuer whose access tokens routes may accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIssuer {
    /// A short id; the first part of the subjects of its tokens.
    pub name: String,
    /// How it is known what a token of it says.
    pub verification: TokenVerification,
    /// The algorithms with which its tokens may be signed, by their names; all that can be verified where it is empty.
    pub algorithms: Vec<String>,
    /// The types (`typ`) that its tokens may have; none where it is not said.
    pub types: Vec<String>,
    /// By how many seconds its clock and ours may differ.
    pub clock_skew: u64,
    /// Which claims say what.
    pub claim_names: TokenClaimNames,
    /// How the groups of a user are looked up that did not fit into a token of Entra.
    pub group_lookup: Option<GroupLookup>,
}

/// Our application at Entra, which may ask Microsoft Graph in which groups a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLookup {
    /// Our client id there.
    pub client_id: String,
    /// The setting with our secret there.
    pub client_secret: SecretName,
}

/// How it is known what a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenVerification {
    /// By a signature, with keys that the issuer's metadata names (OpenID Connect Discovery 1.0, RFC 8414).
    Discovered {
        /// As metadata and tokens have it.
        issuer: String,
        /// Where the metadata is, where that does not follow from the issuer.
        metadata_url: Option<String>,
    },
    /// By a signature of Microsoft Entra ID.
    Entra {
        /// Where its metadata is.
        profile: EntraProfile,
        /// The tenants whose tokens count, where the profile is of several.
        tenants: Vec<String>,
        /// The versions of tokens that count; at least one.
        versions: Vec<EntraVersion>,
    },
    /// By a signature, with keys that the operator names.
    Keys {
        /// As the tokens have it.
        issuer: String,
        /// The keys.
        keys: IssuerKeys,
    },
    /// By asking (RFC 7662).
    Introspected {
        /// As the answers have it, where they must name one.
        issuer: Option<String>,
        /// Whom to ask.
        introspection: Introspection,
    },
}

/// The keys of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// At this URL.
    At(String),
    /// A JWK Set (RFC 7517) itself.
    Inline(String),
}

/// The version of an access token of Entra ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntraVersion {
    /// `ver` is `1.0`.
    V1,
    /// `ver` is `2.0`.
    V2,
}

/// Where tokens are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// The endpoint.
    pub url: String,
    /// Our client id there.
    pub client_id: String,
    /// The setting with our secret there.
    pub client_secret: SecretName,
    /// Whether the secret is in the form (`client_secret_post`), and not in the header.
    pub secret_in_form: bool,
    /// Seconds for which an answer is kept at most; 0 for not at all.
    pub keep_seconds: u64,
}

/// The claims that say what policies ask: a name, or a JSON Pointer (RFC 6901) to a member of a claim, which begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaimNames {
    /// Groups.
    pub groups: String,
    /// Roles.
    pub roles: String,
    /// Scopes; `scope`, and `scp` where there is none, if it is not said.
    pub scopes: Option<String>,
}

impl TokenIssuer {
    /// The issuer as clients know it: where they get tokens. Nobody knows that of one that is only asked.
    pub fn url(&self) -> Option<String> {
        match &self.verification {
            TokenVerification::Discovered { issuer, .. } | TokenVerification::Keys { issuer, .. } => {
                Some(issuer.clone())
            }
            TokenVerification::Introspected { issuer, .. } => issuer.clone(),
            TokenVerification::Entra { profile, .. } => Some(format!("{}/{}/v2.0", profile.authority, profile.tenant)),
        }
    }

    /// Whether its tokens say by a signature what they are.
    pub fn is_signed(&self) -> bool {
        !matches!(self.verification, TokenVerification::Introspected { .. })
    }

    /// The URLs of it that the configuration holds.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match &self.verification {
            TokenVerification::Discovered { issuer, metadata_url } => (Some(issuer), metadata_url.as_ref()),
            TokenVerification::Entra { profile, .. } => (Some(&profile.authority), None),
            TokenVerification::Keys { issuer, keys: IssuerKeys::At(uri) } => (Some(issuer), Some(uri)),
            TokenVerification::Keys { issuer, keys: IssuerKeys::Inline(_) } => (Some(issuer), None),
            TokenVerification::Introspected { issuer, introspection } => (issuer.as_ref(), Some(&introspection.url)),
        };
        one.into_iter().chain(other).map(String::as_str)
    }

    /// Where it is asked: its metadata, its keys or the endpoint for introspection; `None` where all is in the document.
    pub fn asked_at(&self) -> Option<&str> {
        match &self.verification {
            TokenVerification::Discovered { issuer, metadata_url } => Some(metadata_url.as_ref().unwrap_or(issuer)),
            TokenVerification::Entra { profile, .. } => Some(&profile.authority),
            TokenVerification::Keys { keys: IssuerKeys::At(uri), .. } => Some(uri),
            TokenVerification::Keys { keys: IssuerKeys::Inline(_), .. } => None,
            TokenVerification::Introspected { introspection, .. } => Some(&introspection.url),
        }
    }

    /// The secret that it needs.
    pub fn secret(&self) -> Option<&SecretName> {
        match &self.verification {
            TokenVerification::Introspected { introspection, .. } => Some(&introspection.client_secret),
            _ => self.group_lookup.as_ref().map(|lookup| &lookup.client_secret),
        }
    }
}

impl EntraVersion {
    /// `ver`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}
