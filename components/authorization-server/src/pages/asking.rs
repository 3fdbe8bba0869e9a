//! The pages on which a user decides about a client.

use askama::Template;
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
use super::{Layout, Problem, error};
use crate::texts::{Html, Shown, Texts, fill};

/// Characters.
const LONGEST_SHOWN_URI: usize = 160;

#[derive(Template)]
#[template(path = "choose.html")]
struct ChooseContent<'a> {
    text: Html,
    providers: &'a [IdentityProvider],
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentContent<'a> {
    texts: &'static Texts,
    scopes: Vec<&'a str>,
    resource: &'a str,
    /// The host of the client's document, where it has one.
    described_by: Option<&'a str>,
    receiver: Html,
    redirect_uri: String,
    identity_provider: &'a str,
    note: Option<(Html, Html)>,
    can_remember: bool,
    for_everybody: bool,
    take_back: Html,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "denied.html")]
struct DeniedContent<'a> {
    texts: &'static Texts,
    reason: &'static str,
    provider: &'a str,
    provider_text: Html,
    /// Where somebody comes from a client: what is written on the button that leads back to it.
    back: Option<Html>,
    ticket: &'a str,
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
    layout: Layout<'_>,
    configuration: &Configuration,
    providers: &[IdentityProvider],
    request: &AuthorizationRequest,
    ticket: &str,
) -> Response<Vec<u8>> {
    let Some(route) = configuration.route_of(&request.resource) else {
        return error(layout, Problem::OutOfOrder);
    };
    let texts = layout.texts();
    let client = Shown::Strong(request.client.client_name.as_str());
    let text = fill(texts.choose_text, &[("client", client), ("server", Shown::Strong(&route.name))]);
    let content = Html::of(&ChooseContent { text, providers, ticket });
    // A remembered consent may make the choice the last question.
    let forms = Forms::to_providers(providers).and_to(&request.redirect_uri);
    layout.answer(&layout.plain(200, texts.choose_title, content).with_forms(forms))
}

/// Asks whether the client may come in; whoever may answer `for_everybody`, that as well.
pub(crate) fn consent(
    layout: Layout<'_>,
    configuration: &Configuration,
    consent_request: &ConsentRequest<'_>,
    for_everybody: bool,
    ticket: &str,
) -> Response<Vec<u8>> {
    let (request, provider) = (&consent_request.request, consent_request.provider);
    let Some(route) = configuration.route_of(&request.resource) else {
        return error(layout, Problem::OutOfOrder);
    };
    let (texts, client) = (layout.texts(), request.client.client_name.as_str());
    let redirect_uri = request.redirect_uri.redirect_uri();
    let (voucher, receiver) = (Voucher::of(&request.client), Receiver::of(redirect_uri));
    let redirect_host = redirect_uri.host_and_port();
    let sessions = configuration.public_url.join(OwnPath::Sessions.as_str());
    let content = Html::of(&ConsentContent {
        texts,
        scopes: request.scopes.iter().map(|scope| route.describe(scope)).collect(),
        resource: request.resource.as_str(),
        described_by: match &voucher {
            Voucher::Host(host) => Some(host),
            Voucher::Operator | Voucher::Nobody => None,
        },
        receiver: receiver.words(&redirect_host, texts),
        redirect_uri: shortened(redirect_uri.as_str()),
        identity_provider: &provider.display_name,
        note: note(client, &redirect_host, &voucher, &receiver, texts),
        can_remember: configuration.lifetimes.consent > 0,
        for_everybody,
        take_back: fill(texts.consent_take_back, &[("link", Shown::Link(OwnPath::Sessions.as_str(), &sessions))]),
        ticket,
    });
    let forms = Forms::to_providers([provider]).and_to(&request.redirect_uri);
    let title = fill(texts.consent_title, &[("client", Shown::Plain(client))]);
    let values = [("client", Shown::Strong(client)), ("server", Shown::Plain(&route.name))];
    let page = layout.plain(200, "", content).with_forms(forms);
    layout.answer(&page.with_heading(title, fill(texts.consent_question, &values)))
}

/// What the user has to know before they allow it; nothing where the operator vouches for a web site.
fn note(client: &str, host: &str, voucher: &Voucher, receiver: &Receiver, texts: &Texts) -> Option<(Html, Html)> {
    let name = ("client", Shown::Plain(client));
    match (receiver, voucher) {
        (Receiver::Loopback | Receiver::PrivateUse, _) => {
            Some((fill(texts.consent_note_program, &[name]), Html::default()))
        }
        (Receiver::Site, Voucher::Operator) => None,
        (Receiver::Site, Voucher::Host(own)) => {
            let trust = if own == host { texts.consent_trust } else { texts.consent_trust_both };
            let own = ("host", Shown::Code(own));
            Some((fill(texts.consent_note_host, &[name, own]), fill(trust, &[own, ("other", Shown::Code(host))])))
        }
        (Receiver::Site, Voucher::Nobody) => {
            let trust = fill(texts.consent_trust, &[("host", Shown::Code(host))]);
            Some((fill(texts.consent_note_unchecked, &[name]), trust))
        }
    }
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
    layout: Layout<'_>,
    consent_request: &ConsentRequest<'_>,
    rejection: &AccessRejection,
    ticket: &str,
) -> Response<Vec<u8>> {
    let request = &consent_request.request;
    let client = [("client", Shown::Plain(request.client.client_name.as_str()))];
    let back = fill(layout.texts().back_to, &client);
    let forms = Forms::to_providers([consent_request.provider]).and_to(&request.redirect_uri);
    denied(layout, consent_request.provider, rejection, Some(back), forms, ticket)
}

/// Tells somebody who wanted to see their sessions why they may not come in.
pub(crate) fn not_let_in_to_sessions_page(
    layout: Layout<'_>,
    provider: &IdentityProvider,
    rejection: &AccessRejection,
    ticket: &str,
) -> Response<Vec<u8>> {
    denied(layout, provider, rejection, None, Forms::to_providers([provider]), ticket)
}

fn denied(
    layout: Layout<'_>,
    provider: &IdentityProvider,
    rejection: &AccessRejection,
    back: Option<Html>,
    forms: Forms,
    ticket: &str,
) -> Response<Vec<u8>> {
    let texts = layout.texts();
    let content = Html::of(&DeniedContent {
        texts,
        reason: reason(rejection, texts),
        provider: &provider.name,
        provider_text: fill(texts.denied_provider, &[("provider", Shown::Plain(&provider.display_name))]),
        back,
        ticket,
    });
    layout.answer(&layout.plain(403, texts.denied_title, content).with_forms(forms).with_reference())
}

/// What the user is told: why, without what the rules are.
const fn reason(rejection: &AccessRejection, texts: &Texts) -> &'static str {
    match rejection {
        AccessRejection::Tenant(_) => texts.denied_tenant,
        AccessRejection::User => texts.denied_user,
        AccessRejection::Domain => texts.denied_domain,
        AccessRejection::DomainUnverified => texts.denied_domain_unverified,
        AccessRejection::Role => texts.denied_role,
        AccessRejection::Group => texts.denied_group,
        AccessRejection::GroupsUnknown(_) | AccessRejection::Unreadable(_) => texts.denied_unknown,
        AccessRejection::TooMany(_) => texts.denied_too_many,
    }
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
    /// Where the answer goes, in words.
    fn words(&self, host: &str, texts: &Texts) -> Html {
        let (name, text) = match self {
            Self::PrivateUse => ("scheme", texts.consent_answer_to_program),
            Self::Loopback => ("host", texts.consent_answer_here),
            Self::Site => ("host", "{host}"),
        };
        fill(text, &[(name, Shown::Code(host))])
    }

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
