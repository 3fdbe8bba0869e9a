//! A token service: whether it can be asked for tokens.

use gatehouse_configuration::{ManagedIdentity, TokenService, TokenServiceKind};
use http::Request;

use super::client::HttpClient;
use super::findings::Findings;
use super::secrets::Secrets;
use super::token_endpoint::{self, Registration};

/// Larger than what such a service says.
const MOST_BYTES: usize = 64 * 1024;

/// Looks at the service. No token is got.
pub(super) async fn examine(client: &HttpClient, service: &TokenService, secrets: &Secrets, findings: &mut Findings) {
    let subject = format!("token service {}", service.name);
    match &service.kind {
        TokenServiceKind::Endpoint(endpoint) => {
            let registration = Registration {
                client_id: &endpoint.client_id,
                authentication: &endpoint.authentication,
                secret_in_body: endpoint.secret_in_body,
            };
            token_endpoint::examine(client, &subject, &endpoint.url, &registration, secrets, findings).await;
        }
        TokenServiceKind::IdentityProvider(name) => {
            findings.right(&subject, format!("is the identity provider {name}: see there"));
        }
        TokenServiceKind::ManagedIdentity(identity) => managed_identity(client, &subject, identity, findings).await,
        TokenServiceKind::Setting(name) => match secrets.value(name) {
            Some(_) => findings.right(&subject, format!("the variable {} holds a token", name.as_str())),
            None => findings.note(
                &subject,
                format!("whether the variable {} holds a token was not asked: it is not given", name.as_str()),
                format!("add --variable {}=@FILE", name.as_str()),
            ),
        },
    }
}

/// Asks without the header that a token needs: it only says whether anybody is there.
async fn managed_identity(client: &HttpClient, subject: &str, identity: &ManagedIdentity, findings: &mut Findings) {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = identity.url.clone();
    match client.send(request, MOST_BYTES).await {
        Ok(answer) => findings.right(subject, format!("{} answers, with {}", identity.url, answer.status().as_u16())),
        Err(error) => findings.note(
            subject,
            format!("{} cannot be asked: {error}", identity.url),
            "it is there only where Gatehouse runs with the identity: run the doctor there",
        ),
    }
}
