//! The pages on which a user decides about a client.

use askama::Template;
use gatehouse_audit_log::RequestId;
use gatehouse_authorization_server::authorization::AuthorizationRequest;
use gatehouse_authorization_server::client::Client;
use gatehouse_authorization_server::client_document::DocumentUrl;
use gatehouse_authorization_server::consent::ConsentRequest;
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_openid::AccessRejection;
use gatehouse_protocol::{OwnPath, RedirectUri};
use http::{Response, Uri};

use super::policy::Forms;
use super::{Pick, STYLE, html, out_of_order};

/// Characters.
const LONGEST_SHOWN_URI: usize = 160;

#[derive(Template)]
#[template(path = "choose.html")]
struct ChoosePage<'a> {
    style: &'static str,
    client_name: &'a str,
    server_name: &'a str,
    providers: Vec<Pick<'a>>,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    style: &'static str,
    client_name: &'a str,
    voucher: Voucher,
    redirect_host: String,
    redirect_uri: String,
    receiver: Receiver,
    server_name: &'a str,
    resource: &'a str,
    scopes: Vec<&'a str>,
    identity_provider: &'a str,
    can_remember: bool,
    sessions_url: String,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "denied.html")]
struct DeniedPage<'a> {
    style: &'static str,
    reason: &'a str,
    provider: Pick<'a>,
    client_name: Option<&'a str>,
    ticket: &'a str,
    request_id: &'a RequestId,
}

/// Who says that the client is what it calls itself.
enum Voucher {
    /// The operator.
    Operator,
    /// The host of its metadata document: whoever controls that host wrote it.
    Host(String),
    /// Nobody.
    Nobody,
}

/// What stands behind the redirect URI.
enum Receiver {
    /// A web site.
    Site,
    /// A program that listens on this computer.
    Loopback,
    /// The program with which this computer opens the scheme.
    PrivateUse,
}

/// Asks where the user wants to sign in.
pub(crate) fn choose(
    request_id: &RequestId,
    configuration: &Configuration,
    providers: &[IdentityProvider],
    request: &AuthorizationRequest,
    ticket: &str,
) -> Response<Vec<u8>> {
    let Some(route) = configuration.route_of(&request.resource) else {
        return out_of_order(request_id);
    };
    let page = ChoosePage {
        style: STYLE,
        client_name: request.client.client_name.as_str(),
        server_name: &route.name,
        providers: providers.iter().map(Pick::of).collect(),
        ticket,
    };
    // A remembered consent may make the choice the last question.
    html(200, &page, &Forms::to_providers(providers).and_to(&request.redirect_uri))
}

/// Asks whether the client may come in.
pub(crate) fn consent(
    request_id: &RequestId,
    configuration: &Configuration,
    consent_request: &ConsentRequest<'_>,
    ticket: &str,
) -> Response<Vec<u8>> {
    let (request, provider) = (&consent_request.request, consent_request.provider);
    let Some(route) = configuration.route_of(&request.resource) else {
        return out_of_order(request_id);
    };
    let redirect_uri = request.redirect_uri.redirect_uri();
    let page = ConsentPage {
        style: STYLE,
        client_name: request.client.client_name.as_str(),
        voucher: Voucher::of(&request.client),
        redirect_host: redirect_uri.host_and_port(),
        redirect_uri: shortened(redirect_uri.as_str()),
        receiver: Receiver::of(redirect_uri),
        server_name: &route.name,
        resource: request.resource.as_str(),
        scopes: request.scopes.iter().map(|scope| route.describe(scope)).collect(),
        identity_provider: &provider.display_name,
        can_remember: configuration.lifetimes.consent > 0,
        sessions_url: configuration.public_url.join(OwnPath::Sessions.as_str()),
        ticket,
    };
    html(200, &page, &Forms::to_providers([provider]).and_to(&request.redirect_uri))
}

/// As much of a redirect URI as a page has room for: one that is longer must not push the warning out of sight. It is
/// ASCII; its host stands apart.
fn shortened(redirect_uri: &str) -> String {
    match redirect_uri.get(..LONGEST_SHOWN_URI) {
        Some(start) if redirect_uri.len() > LONGEST_SHOWN_URI => format!("{start}…"),
        Some(_) | None => redirect_uri.to_owned(),
    }
}

/// Tells somebody why they may not come in.
pub(crate) fn not_let_in(
    request_id: &RequestId,
    consent_request: &ConsentRequest<'_>,
    rejection: &AccessRejection,
    ticket: &str,
) -> Response<Vec<u8>> {
    let page = DeniedPage {
        style: STYLE,
        reason: rejection.words(),
        provider: Pick::of(consent_request.provider),
        client_name: Some(consent_request.request.client.client_name.as_str()),
        ticket,
        request_id,
    };
    html(403, &page, &Forms::to_providers([consent_request.provider]).and_to(&consent_request.request.redirect_uri))
}

/// Tells somebody who wanted to see their sessions why they may not come in.
pub(crate) fn not_let_in_to_sessions_page(
    request_id: &RequestId,
    provider: &IdentityProvider,
    rejection: &AccessRejection,
    ticket: &str,
) -> Response<Vec<u8>> {
    let provider_pick = Pick::of(provider);
    let page = DeniedPage {
        style: STYLE,
        reason: rejection.words(),
        provider: provider_pick,
        client_name: None,
        ticket,
        request_id,
    };
    html(403, &page, &Forms::to_providers([provider]))
}

impl Voucher {
    fn of(client: &Client) -> Self {
        if client.is_configured {
            return Self::Operator;
        }
        let url = DocumentUrl::names_a_document(&client.client_id).then(|| client.client_id.as_str().parse::<Uri>());
        match url.and_then(Result::ok).as_ref().and_then(Uri::host) {
            Some(host) => Self::Host(host.to_owned()),
            None => Self::Nobody,
        }
    }
}

impl Receiver {
    fn of(redirect_uri: &RedirectUri) -> Self {
        if redirect_uri.is_private_use() {
            Self::PrivateUse
        } else if redirect_uri.is_loopback() {
            Self::Loopback
        } else {
            Self::Site
        }
    }
}
