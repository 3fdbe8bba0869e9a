//! Where users sign in.

use std::collections::BTreeMap;

use gatehouse_protocol::{Claims, Scopes};
use http::{HeaderName, Uri};

use crate::SecretName;

/// An OpenID provider and what it knows of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// A short id; the first part of every subject. Changing it makes every user a new one.
    pub name: String,
    /// What people read on the consent page.
    pub display_name: String,
    /// The issuer identifier, letter by letter as the provider's metadata and tokens have it. Of an Entra provider for
    /// several tenants it is where the metadata is; tokens then have their own tenant in its place.
    pub issuer: String,
    /// Where the provider's metadata is, where that does not follow from the issuer.
    pub metadata_url: Option<String>,
    /// What the provider is known to do its own way.
    pub profile: ProviderProfile,
    /// Our client id there.
    pub client_id: String,
    /// How we prove there who we are.
    pub authentication: ProviderAuthentication,
    /// What is asked for; always with `openid`.
    pub scopes: Scopes,
    /// Further parameters of the authorization request, by name; none of them one that every request has.
    pub authorization_parameters: BTreeMap<String, String>,
    /// Where its id_tokens say what access rules and policies ask.
    pub claim_names: ClaimNames,
    /// Who of its users may come in.
    pub access: AccessRules,
    /// The roles whose holders may consent for all of its users; nobody where there is none.
    pub administrator_roles: Vec<String>,
    /// The roles whose holders may open the administrator's page; nobody where there is none.
    pub operator_roles: Vec<String>,
    /// Whether its identity assertions (ID-JAG, enterprise-managed authorization) are taken for grants. Off by default.
    pub accepts_identity_assertions: bool,
}

impl IdentityProvider {
    /// The role by which a user with these claims may consent for all users of the provider.
    pub fn administrator_role<'a>(&'a self, claims: &Claims) -> Option<&'a str> {
        self.administrator_roles.iter().find(|role| claims.roles.contains(role)).map(String::as_str)
    }

    /// The role by which a user with these claims may open the administrator's page.
    pub fn operator_role<'a>(&'a self, claims: &Claims) -> Option<&'a str> {
        self.operator_roles.iter().find(|role| claims.roles.contains(role)).map(String::as_str)
    }

    /// Whether it is asked for refresh tokens: by the scope of OpenID Connect Core 1.0, section 11, or as Google has it.
    pub fn is_asked_for_refresh_tokens(&self) -> bool {
        let has_scope = self.scopes.iter().any(|scope| scope.as_str() == "offline_access");
        has_scope || self.authorization_parameters.get("access_type").is_some_and(|value| value == "offline")
    }
}

/// What a provider is known to do its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderProfile {
    /// As the OpenID specifications say.
    OpenId,
    /// Microsoft Entra ID, v2.0 endpoints.
    Entra(EntraProfile),
}

/// Microsoft Entra ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraProfile {
    /// `https://login.microsoftonline.com`, or that of a sovereign cloud; without a slash at the end.
    pub authority: String,
    /// The tenant's id (a UUID in lower case), or one of `organizations`, `common`, `consumers`.
    pub tenant: String,
    /// Microsoft Graph, where the groups of a user with too many for a token are looked up:
    /// `https://graph.microsoft.com`, or that of a sovereign cloud; without a slash at the end.
    pub graph: String,
}

impl EntraProfile {
    /// Whether users of several tenants sign in.
    pub fn is_multi_tenant(&self) -> bool {
        matches!(self.tenant.as_str(), "organizations" | "common" | "consumers")
    }
}

/// How we prove at the provider's token endpoint who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderAuthentication {
    /// `none`: a public client, with PKCE.
    None,
    /// `client_secret_basic` or `client_secret_post`, whichever the provider takes.
    Secret(SecretName),
    /// `private_key_jwt` (OpenID Connect Core 1.0, section 9; RFC 7523).
    PrivateKey {
        /// The setting that holds the key: PEM, PKCS #8.
        key: SecretName,
        /// `kid` of the assertion, where the provider needs one.
        key_id: Option<String>,
        /// `x5t#S256` of the assertion: the certificate's SHA-256 thumbprint, base64url. Entra finds the key by it.
        certificate_thumbprint: Option<String>,
    },
    /// An assertion that somebody else signs for us, such as a managed identity (RFC 7523; Entra's "federated identity
    /// credential").
    Assertion(AssertionSource),
}

impl ProviderAuthentication {
    /// The settings that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let (one, several) = match self {
            Self::None => (None, [].as_slice()),
            Self::Secret(name)
            | Self::PrivateKey { key: name, .. }
            | Self::Assertion(AssertionSource::Setting(name)) => (Some(name), [].as_slice()),
            Self::Assertion(AssertionSource::Endpoint { secret_headers, .. }) => (None, secret_headers.as_slice()),
        };
        one.into_iter().chain(several.iter().map(|(_, name)| name))
    }
}

/// Where an assertion is read, each time it is needed: it is short-lived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssertionSource {
    /// A setting that the host's variable provider keeps fresh.
    Setting(SecretName),
    /// An HTTP endpoint such as Azure's instance metadata service: GET, answered by JSON with `access_token`.
    Endpoint {
        /// Its URL, with the query.
        url: Uri,
        /// Fixed headers, such as `Metadata: true`.
        headers: BTreeMap<String, String>,
        /// Headers whose values are secrets, such as `X-IDENTITY-HEADER`.
        secret_headers: Vec<(HeaderName, SecretName)>,
    },
}

/// The claims that hold a user's groups and roles: a name, or a JSON Pointer (RFC 6901) to a member of a claim, which begins with
/// `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Groups.
    pub groups: String,
    /// Roles.
    pub roles: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self { groups: "groups".to_owned(), roles: "roles".to_owned() }
    }
}

/// Who of a provider's users may come in: every list that is not empty must hold something of the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// Entra tenants (`tid`).
    pub tenants: Vec<String>,
    /// Domains of verified e-mail addresses, in lower case.
    pub domains: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Single users: the part of their subjects behind the provider's name.
    pub users: Vec<String>,
}
