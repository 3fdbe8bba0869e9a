//! A connection: what its OAuth server says of itself, and whether it knows us.

use gatehouse_configuration::{Configuration, Connection, ConnectionEndpoints, SecretMethod};
use gatehouse_connections::{Server, places};
use gatehouse_openid::METADATA_BYTES;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode, Uri};

use super::client::HttpClient;
use super::findings::Findings;
use super::secrets::Secrets;
use super::token_endpoint::{self, Registration};

/// Looks at the connection's server. Nobody is sent there, and no token is got.
pub(super) async fn examine(
    client: &HttpClient,
    configuration: &Configuration,
    connection: &Connection,
    secrets: &Secrets,
    findings: &mut Findings,
) {
    let subject = format!("connection {}", connection.name);
    let server = match server(client, configuration, connection).await {
        Ok((server, from)) => {
            findings.right(&subject, from);
            server
        }
        Err((text, advice)) => return findings.wrong(&subject, text, advice),
    };
    match server.can_revoke() {
        true => findings.right(&subject, "takes tokens back (RFC 7009) when a user removes a link"),
        false => findings.note(
            &subject,
            "has no place where tokens are taken back (RFC 7009)",
            "nothing, if it has none; users take the access back in their settings there",
        ),
    }
    let callback = configuration.gateway.public_url.join(&connection.callback_path());
    findings.note(
        &subject,
        format!("its redirect URI is {callback}"),
        "see that it is registered there, letter by letter",
    );
    let secret_in_body = match server.secret_method(connection) {
        Ok(method) => method == SecretMethod::Post,
        Err(rejection) => {
            return findings.wrong(&subject, rejection.to_string(), "allow it for this client there");
        }
    };
    let registration =
        Registration { client_id: &connection.client_id, authentication: &connection.authentication, secret_in_body };
    let url = server.token_endpoint().to_string();
    token_endpoint::examine(client, &subject, &url, &registration, secrets, findings).await;
}

/// The server, and what is right about it; or what is wrong, and what to do.
async fn server(
    client: &HttpClient,
    configuration: &Configuration,
    connection: &Connection,
) -> Result<(Server, String), (String, String)> {
    let own = &configuration.gateway.public_url;
    let ConnectionEndpoints::Discovered { issuer, .. } = &connection.endpoints else {
        let mend = |rejection: gatehouse_openid::MetadataRejection| {
            (rejection.to_string(), "mend it in the configuration".to_owned())
        };
        let server = Server::of(connection, own).map_err(mend)?;
        let server =
            server.ok_or_else(|| ("has no endpoints".to_owned(), "mend it in the configuration".to_owned()))?;
        return Ok((server, "has its endpoints in the configuration".to_owned()));
    };
    let places =
        places(connection).map_err(|problem| (problem.to_string(), "mend it in the configuration".to_owned()))?;
    let mut last = ("has no place for its metadata".to_owned(), "mend issuer".to_owned());
    for place in places.iter().map(ToString::to_string) {
        let Ok(uri) = place.parse::<Uri>() else { continue };
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        match client.send(request, METADATA_BYTES).await {
            Ok(answer) if answer.status() == StatusCode::OK => {
                let server = Server::parse(&answer, issuer, own);
                let advice = "look for the issuer in the service's own documents";
                let server = server.map_err(|rejection| (format!("{place}: {rejection}"), advice.to_owned()))?;
                return Ok((server, format!("{place} is the metadata of {issuer}")));
            }
            Ok(answer) => {
                let advice = "many services have no metadata: then write authorization_endpoint and token_endpoint";
                last = (format!("{place} answers with {}", answer.status().as_u16()), advice.to_owned());
            }
            Err(error) => last = (format!("{place} cannot be read: {error}"), error.advice().to_owned()),
        }
    }
    Err(last)
}
