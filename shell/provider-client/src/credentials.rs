//! How we prove at the provider who we are: the values behind the configuration's names.

use gatehouse_configuration::{AssertionSource, ProviderAuthentication};
use gatehouse_openid::{
    ASSERTION_BYTES, ClientAuthentication, ClientAuthenticationRejection, ClientCredentials, ProviderMetadata,
    SigningKey, assertion, assertion_request, parse_assertion,
};
use gatehouse_protocol::SecretString;

use crate::{Failure, Host, ProviderClient};

impl<H: Host> ProviderClient<'_, H> {
    /// The authentication of one request to the token endpoint.
    pub(crate) fn authentication(&self, metadata: &ProviderMetadata) -> Result<ClientAuthentication, Failure> {
        let credentials = credentials(&self.host, &self.provider.authentication)?;
        let mut entropy = self.host.entropy();
        Ok(ClientAuthentication::choose(&credentials, self.provider, metadata, self.now, &mut entropy)?)
    }
}

/// The values behind the names.
pub(crate) fn credentials(
    host: &impl Host,
    authentication: &ProviderAuthentication,
) -> Result<ClientCredentials, Failure> {
    let secret = |name| host.secret(name).map_err(Failure::Settings);
    Ok(match authentication {
        ProviderAuthentication::None => ClientCredentials::None,
        ProviderAuthentication::Secret(name) => ClientCredentials::Secret(secret(name)?),
        ProviderAuthentication::PrivateKey { key, key_id, certificate_thumbprint } => ClientCredentials::PrivateKey {
            key: SigningKey::from_pem(&secret(key)?).map_err(ClientAuthenticationRejection::Key)?,
            key_id: key_id.clone(),
            certificate_thumbprint: certificate_thumbprint.clone(),
        },
        ProviderAuthentication::Assertion(source) => ClientCredentials::Assertion(read_assertion(host, source)?),
    })
}

/// The assertion that somebody else signs for us, as it is now: it is short-lived and never kept.
fn read_assertion(host: &impl Host, source: &AssertionSource) -> Result<SecretString, Failure> {
    match source {
        AssertionSource::Setting(name) => Ok(assertion(host.secret(name).map_err(Failure::Settings)?)?),
        AssertionSource::Endpoint { url, headers, secret_headers } => {
            let mut secrets = Vec::new();
            for (header, name) in secret_headers {
                secrets.push((header.clone(), host.secret(name).map_err(Failure::Settings)?));
            }
            let request = assertion_request(url, headers, &secrets)?;
            let response = host.fetch(&request, ASSERTION_BYTES);
            let response =
                response.map_err(|reason| Failure::NoAnswer("client assertion", reason).at(request.uri()))?;
            Ok(parse_assertion(&response)?)
        }
    }
}
