//! An identity provider: what it says of itself, its keys, its clock, and whether it knows us.

use gatehouse_configuration::{Configuration, IdentityProvider, ProviderAuthentication};
use gatehouse_openid::{
    AnswerRejection, ClientAuthentication, ClientCredentials, KEY_SET_BYTES, METADATA_BYTES, MetadataRejection,
    ProviderMetadata, RefreshRejection, RefreshedTokens, TOKEN_ANSWER_BYTES, discovery_request, keys_request,
    metadata_issuer, parse_keys, refresh_request,
};
use gatehouse_protocol::{SecretString, UnixTime};
use http::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::client::HttpClient;
use super::clock;
use super::findings::Findings;
use super::secrets::Secrets;
use crate::system_entropy::SystemEntropy;

/// No provider has issued it.
const MADE_UP_TOKEN: &str = "gatehouse-doctor-asks-whether-the-client-is-known";

/// Lists in the metadata by which Gatehouse decides nothing, but which say what the provider is set up for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Lists {
    scopes_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
}

/// Looks at `provider`. What it says of itself, where that can be used, and the scopes that it lists.
pub(crate) async fn examine(
    client: &HttpClient,
    configuration: &Configuration,
    provider: &IdentityProvider,
    secrets: &Secrets,
    findings: &mut Findings,
) -> Option<(ProviderMetadata, Option<Vec<String>>)> {
    let subject = format!("identity provider {}", provider.name);
    let request = discovery_request(provider)
        .map_err(|rejection| findings.wrong(&subject, rejection.to_string(), "mend it in the configuration"))
        .ok()?;
    let url = request.uri().to_string();
    let answer = match client.send(request, METADATA_BYTES).await {
        Ok(answer) => answer,
        Err(error) => {
            findings.wrong(&subject, format!("{url} cannot be read: {error}"), error.advice());
            return None;
        }
    };
    clock::compare(&subject, answer.headers(), Timestamp::now(), findings);
    let metadata = ProviderMetadata::parse(&answer, &metadata_issuer(provider))
        .and_then(|metadata| metadata.away_from(&configuration.gateway.public_url));
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(rejection) => {
            findings.wrong(&subject, format!("{url}: {rejection}"), advice(&rejection, &answer));
            return None;
        }
    };
    findings.right(&subject, format!("{url} is the metadata of {}", metadata.issuer()));
    algorithms(&subject, &metadata, findings);
    let lists: Lists = serde_json::from_slice(answer.body()).unwrap_or_default();
    examine_lists(&subject, provider, &lists, findings);
    own_name(&subject, &metadata, findings);
    for host in further_hosts(provider, &metadata) {
        let advice = format!("see that \"{host}\" is in allowed_outbound_hosts of spin.toml");
        findings.note(&subject, format!("Gatehouse connects to {host}, too"), advice);
    }
    keys(client, &subject, &metadata, findings).await;
    credentials(client, &subject, provider, &metadata, secrets, findings).await;
    Some((metadata, lists.scopes_supported))
}

/// The origins that Gatehouse connects to besides the issuer's. Only browsers go to the authorization endpoint.
pub(crate) fn further_hosts(provider: &IdentityProvider, metadata: &ProviderMetadata) -> Vec<String> {
    let origin = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization()).ok();
    let own = origin(&provider.issuer);
    let endpoints = [metadata.token_endpoint().to_string(), metadata.jwks_uri().to_string()];
    let mut hosts: Vec<String> =
        endpoints.iter().filter_map(|url| origin(url)).filter(|host| Some(host) != own.as_ref()).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn advice(rejection: &MetadataRejection, answer: &Response<Vec<u8>>) -> String {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match rejection {
        MetadataRejection::Answer(AnswerRejection::Status(status)) if status.is_redirection() => {
            format!("redirects are not followed; perhaps the issuer belongs to {}", header(LOCATION))
        }
        MetadataRejection::Answer(AnswerRejection::Status(_)) => {
            "the metadata is at the issuer and /.well-known/openid-configuration; look for the issuer in the provider's \
             own settings"
                .to_owned()
        }
        MetadataRejection::Answer(_) if header(CONTENT_TYPE).starts_with("text/html") => {
            "this is a page, and not metadata; look for the issuer in the provider's own settings".to_owned()
        }
        MetadataRejection::IssuerDiffers { found } => {
            format!("if that is your provider, write issuer = \"{found}\", and the URL above as metadata_url")
        },
        MetadataRejection::NoUsableAlgorithm { .. } => {
            "let the provider sign with RS256 or ES256 for this client".to_owned()
        }
        MetadataRejection::Answer(_) | MetadataRejection::Missing(_) | MetadataRejection::Endpoint { .. } => {
            "mend it at the provider".to_owned()
        }
    }
}

fn algorithms(subject: &str, metadata: &ProviderMetadata, findings: &mut Findings) {
    let names: Vec<_> = metadata.id_token_algorithms().iter().map(|algorithm| algorithm.as_str()).collect();
    findings.right(subject, format!("signs id_tokens with {}", names.join(", ")));
}

fn own_name(subject: &str, metadata: &ProviderMetadata, findings: &mut Findings) {
    if metadata.names_itself_in_answers() {
        findings.right(subject, "names itself in its answers (RFC 9207)");
    } else {
        findings.note(subject, "does not name itself in its answers (RFC 9207)", "nothing; many do not");
    }
}

fn examine_lists(subject: &str, provider: &IdentityProvider, lists: &Lists, findings: &mut Findings) {
    let lacks = |list: &Option<Vec<String>>, value: &str| {
        list.as_ref().is_some_and(|list| !list.iter().any(|listed| listed == value))
    };
    if lacks(&lists.response_types_supported, "code") {
        findings.wrong(subject, "does not list response_type code", "allow the authorization code flow there");
    }
    match &lists.code_challenge_methods_supported {
        Some(methods) if methods.iter().any(|method| method == "S256") => findings.right(subject, "takes PKCE (S256)"),
        Some(methods) => findings.wrong(
            subject,
            format!("lists PKCE methods without S256: {}", methods.join(", ")),
            "switch PKCE with S256 on there; Gatehouse always uses it",
        ),
        None => findings.note(
            subject,
            "does not say whether it takes PKCE",
            "nothing, if sign-in works; if it is refused with invalid_request, switch PKCE with S256 on there",
        ),
    }
    let unlisted: Vec<_> = provider
        .scopes
        .iter()
        .map(|scope| scope.as_str().to_owned())
        .filter(|scope| lacks(&lists.scopes_supported, scope))
        .collect();
    if !unlisted.is_empty() {
        let text = format!("does not list the scopes {}", unlisted.join(" "));
        let advice = "if sign-in is refused with invalid_scope, allow them there or leave them out of `scopes`; \
                      without offline_access, some want authorization_parameters = { access_type = \"offline\" }";
        findings.note(subject, text, advice);
    }
}

async fn keys(client: &HttpClient, subject: &str, metadata: &ProviderMetadata, findings: &mut Findings) {
    let url = metadata.jwks_uri();
    match client.send(keys_request(metadata), KEY_SET_BYTES).await {
        Err(error) => findings.wrong(subject, format!("{url} cannot be read: {error}"), error.advice()),
        Ok(answer) => match parse_keys(&answer) {
            Ok(_) => findings.right(subject, format!("{url} has keys that can be used")),
            Err(rejection) => {
                findings.wrong(subject, format!("{url}: {rejection}"), "look at its keys at the provider")
            }
        },
    }
}

/// Asks with a refresh token that is made up. Who is refused as a client is told so; who is only refused this token is known.
async fn credentials(
    client: &HttpClient,
    subject: &str,
    provider: &IdentityProvider,
    metadata: &ProviderMetadata,
    secrets: &Secrets,
    findings: &mut Findings,
) {
    let credentials = match &provider.authentication {
        ProviderAuthentication::None => ClientCredentials::None,
        ProviderAuthentication::Secret(name) => match secrets.value(name) {
            Some(secret) => ClientCredentials::Secret(secret),
            None => {
                let text =
                    format!("whether it knows client_id and secret was not asked: {} is not given", name.as_str());
                findings.note(subject, text, format!("add --variable {}=@FILE", name.as_str()));
                return;
            }
        },
        ProviderAuthentication::PrivateKey { .. } | ProviderAuthentication::Assertion(_) => {
            findings.note(subject, "whether it knows our key or assertion was not asked", "sign in once");
            return;
        }
    };
    let mut entropy = SystemEntropy::default();
    let now = UnixTime::from_seconds(Timestamp::now().as_second().try_into().unwrap_or(0));
    let authentication = match ClientAuthentication::choose(&credentials, provider, metadata, now, &mut entropy) {
        Ok(authentication) => authentication,
        Err(rejection) => {
            findings.wrong(subject, rejection.to_string(), "allow it for this client at the provider");
            return;
        }
    };
    let token = SecretString::new(MADE_UP_TOKEN.to_owned());
    let url = metadata.token_endpoint();
    match client.send(refresh_request(provider, metadata, &authentication, &token), TOKEN_ANSWER_BYTES).await {
        Err(error) => findings.wrong(subject, format!("{url} cannot be asked: {error}"), error.advice()),
        Ok(answer) => match RefreshedTokens::parse(&answer, &token) {
            Err(RefreshRejection::SignInAgain(_)) => {
                findings.right(subject, format!("{url} knows the client {}", provider.client_id));
            }
            Err(RefreshRejection::Misconfigured(rejection)) if is_about_the_client(&rejection.to_string()) => {
                let advice = "compare client_id and the secret with the provider's; a secret may have expired";
                findings.wrong(subject, format!("{url}: {rejection}"), advice);
            }
            // A client without the grant is known, too; others say this of any token that they do not know.
            Err(rejection) => findings.note(subject, format!("{url}: {rejection}"), "sign in once to be sure"),
            Ok(_) => findings.note(subject, format!("{url} gave tokens for a made-up refresh token"), "do not use it"),
        },
    }
}

fn is_about_the_client(rejection: &str) -> bool {
    rejection.contains("invalid_client") || rejection.contains("status 401")
}
