//! `/consents`: what administrators have allowed for everybody, and what they take back.

use gatehouse_authorization_server::authorization::AuthorizationRequest;
use gatehouse_authorization_server::browser::Browser;
use gatehouse_authorization_server::sessions_page::SignedInUser;
use gatehouse_configuration::IdentityProvider;
use gatehouse_openid::Identity;
use gatehouse_protocol::OwnPath;
use http::{Request, Response};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms;
use crate::log::Details;
use crate::pages::{ConsentsView, Problem};
use crate::sessions_page::{ask_to_sign_in, not_signed_in, own_form};
use crate::{cookies, failures, pages, responses};

const ACTION: &str = "consents";
/// What the log calls a consent for everybody, given or taken back.
const FOR_EVERYBODY: &str = "administrator-consent";
const NO_ADMINISTRATOR: &str = "the user has none of the provider's administrator_roles";

/// `GET /consents`: the consents for everybody, to an administrator; to nobody in particular, a way to sign in.
pub(crate) fn show(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let account = browser.as_ref().and_then(|browser| cookies::signed_in_user(request.headers(), browser, context));
    let (Some(browser), Some(account)) = (&browser, account) else {
        return ask_to_sign_in(context, browser, OwnPath::Sessions, 200);
    };
    match account.administrator_of(&context.configuration) {
        Some(provider) => {
            let page = overview(context, &account, provider, browser.first());
            page.unwrap_or_else(|reason| failures::out_of_order(context, ACTION, None, &reason))
        }
        None => no_administrator(context),
    }
}

fn overview(
    context: &Context,
    account: &SignedInUser,
    provider: &IdentityProvider,
    browser: &Browser,
) -> Result<Response<Vec<u8>>, String> {
    let consents = context.administrator_consents(provider).all().map_err(|error| error.to_string())?;
    let ticket = account.ticket(browser, &context.keys, context.now, &mut SystemEntropy);
    let view = ConsentsView {
        configuration: &context.configuration,
        provider,
        consents: &consents,
        ticket: &ticket.map_err(|error| error.to_string())?,
        now: context.now,
    };
    Ok(pages::consents(context.layout(), &view))
}

/// `POST /consents`: an administrator takes one back.
pub(crate) fn take_back(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let own = own_form(context, request)
        .and_then(|own| own.map(|(form, account)| Ok((form.required("take_back")?.to_owned(), account))).transpose());
    let (id, account) = match own {
        Ok(Some(own)) => own,
        Ok(None) => return not_signed_in(context, request, OwnPath::Sessions, ACTION),
        Err(rejection) => return forms::refused(context, ACTION, &rejection),
    };
    let Some(provider) = account.administrator_of(&context.configuration) else { return no_administrator(context) };
    let subject = Some(account.subject.as_str());
    match context.administrator_consents(provider).take_back(&id) {
        Ok(taken_back) => {
            if let Some(consent) = taken_back {
                let (client_id, reason) = (Some(consent.client_id.as_str()), Some("taken back"));
                context.log.completed(FOR_EVERYBODY, Details { client_id, subject, reason, ..Details::default() });
            }
            responses::redirect_to_own_page(&context.configuration.public_url, OwnPath::Consents)
        }
        Err(error) => failures::out_of_order(context, ACTION, None, error),
    }
}

/// Keeps the consent of an administrator who has just signed in. If it cannot be kept, they come in all the same, and their own
/// page does not show it.
pub(crate) fn give(
    context: &Context,
    provider: &IdentityProvider,
    request: &AuthorizationRequest,
    identity: &Identity,
) {
    let client_id = Some(request.client.client_id.as_str());
    let consents = context.administrator_consents(provider);
    match consents.give(request, identity.subject(), identity.display_name(), &mut SystemEntropy) {
        Ok(()) => {
            let (subject, reason) = (Some(identity.subject().as_str()), Some("given"));
            context.log.completed(FOR_EVERYBODY, Details { client_id, subject, reason, ..Details::default() });
        }
        Err(error) => context.log.failed(FOR_EVERYBODY, client_id, error),
    }
}

fn no_administrator(context: &Context) -> Response<Vec<u8>> {
    context.log.refused(ACTION, None, NO_ADMINISTRATOR);
    pages::error(context.layout(), Problem::NoAdministrator)
}
