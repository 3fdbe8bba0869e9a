//! Conversations with the identity provider.

use core::fmt;

use gatehouse_configuration::{Configuration, IdentityProvider};
use gatehouse_openid::{
    AccessRejection, Admission, AuthorizationCode, ClientAuthentication, ClientCredentials, GroupsUnknown, Identity,
    KEY_SET_BYTES, KeySet, LoginRejection, LoginSecrets, METADATA_BYTES, ProviderMetadata, ProviderTokens,
    TOKEN_ANSWER_BYTES, admit, discovery_request, keys_request, metadata_issuer, parse_keys, token_request,
};
use gatehouse_protocol::UnixTime;
use host_imports::SettingsError;
use http::{Request, Response};
use http_shell::SystemEntropy;
use http_shell::outbound::{self, NoAnswer};

/// Why the conversation came to nothing. The text is for the log.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An answer that does not do.
    Rejected(LoginRejection),
    /// No answer.
    NoAnswer(&'static str, NoAnswer),
    /// Our own secret is missing.
    Settings(SettingsError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::NoAnswer(asked, reason) => write!(f, "identity provider: no {asked}: {reason}"),
            Self::Settings(error) => error.fmt(f),
        }
    }
}

impl<R: Into<LoginRejection>> From<R> for Failure {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// Where the provider's endpoints are.
pub(crate) fn metadata(provider: &IdentityProvider) -> Result<ProviderMetadata, Failure> {
    let request = discovery_request(&provider.issuer)?;
    let response = ask("metadata", &request, METADATA_BYTES)?;
    Ok(ProviderMetadata::parse(&response, &metadata_issuer(provider))?)
}

/// Where the provider's endpoints are, and its keys.
pub(crate) fn keys(provider: &IdentityProvider) -> Result<(ProviderMetadata, KeySet), Failure> {
    let metadata = metadata(provider)?;
    let keys = parse_keys(&ask("keys", &keys_request(&metadata), KEY_SET_BYTES)?)?;
    Ok((metadata, keys))
}

/// Redeems the code that the browser brought, and verifies who signed in and that they may come in.
pub(crate) fn identity(
    configuration: &Configuration,
    provider: &IdentityProvider,
    metadata: &ProviderMetadata,
    code: &AuthorizationCode,
    secrets: &LoginSecrets,
    now: UnixTime,
) -> Result<(Identity, ProviderTokens), Failure> {
    let credentials = match &provider.authentication {
        gatehouse_configuration::ProviderAuthentication::Secret(name) => {
            ClientCredentials::Secret(host_imports::secret(name).map_err(Failure::Settings)?)
        }
        _ => ClientCredentials::None,
    };
    let authentication = ClientAuthentication::choose(&credentials, provider, metadata, now, &mut SystemEntropy)?;
    let request = token_request(provider, metadata, &authentication, &configuration.callback_url(), code, secrets);
    let tokens = ProviderTokens::parse(&ask("tokens", &request, TOKEN_ANSWER_BYTES)?)?;
    let keys = parse_keys(&ask("keys", &keys_request(metadata), KEY_SET_BYTES)?)?;
    let identity = Identity::verify(&tokens.id_token, provider, metadata, &keys, secrets, now)?;
    match admit(&identity, provider).map_err(LoginRejection::from)? {
        Admission::Granted => Ok((identity, tokens)),
        Admission::GroupsNeeded => Err(AccessRejection::from(GroupsUnknown::NoLookup).into()),
    }
}

fn ask(what: &'static str, request: &Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, Failure> {
    outbound::fetch(request, limit).map_err(|reason| Failure::NoAnswer(what, reason))
}
