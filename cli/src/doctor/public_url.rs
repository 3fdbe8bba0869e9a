//! The place where clients look for Gatehouse.

use gatehouse_configuration::Configuration;
use http::Request;
use serde::Deserialize;

use super::client::HttpClient;
use super::findings::Findings;

/// Larger than our metadata is.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
}

/// Whether Gatehouse is there. It need not be yet.
pub(super) async fn examine(client: &HttpClient, configuration: &Configuration, findings: &mut Findings) {
    let (subject, public_url) = ("public URL", &configuration.gateway.public_url);
    let url = public_url.join("/.well-known/oauth-authorization-server");
    let Ok(request) = Request::get(&url).body(Vec::new()) else { return };
    let advice = "if Gatehouse runs already, look at the proxy in front of it (docs/proxies.md)";
    match client.send(request, MOST_BYTES).await {
        Err(error) => findings.note(subject, format!("{url}: {error}"), advice),
        Ok(answer) => match serde_json::from_slice::<Metadata>(answer.body()) {
            Ok(metadata) if metadata.issuer == public_url.as_str() => {
                findings.right(subject, format!("Gatehouse answers at {public_url}"));
            }
            Ok(metadata) => findings.wrong(
                subject,
                format!("{url} is the metadata of {}", metadata.issuer),
                "another authorization server has this URL, or runs with another public_url",
            ),
            Err(_) => findings.note(subject, format!("{url} answered {} without metadata", answer.status()), advice),
        },
    }
}
