//! `POST /consent`, and what leads to it: the user decides whether a client may come in.

use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::authorization::AuthorizationRequest;
use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::consent::{Approval, ConsentRequest};
use gatehouse_authorization_server::login::{self, LoginPurpose};
use gatehouse_authorization_server::page::ReturnedTicket;
use gatehouse_authorization_server::preauthorization::{is_preauthorized, may_be_approved_for_everybody};
use gatehouse_authorization_server::sessions_page::SignedInUser;
use gatehouse_openid::{AccessRejection, AccountChoice, ClientError};
use gatehouse_storage::StoreUnavailable;
use http::{Request, Response};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms::{self, Form, FormRejection};
use crate::log::Details;
use crate::login::{NotBegun, begin, refused};
use crate::{cookies, failures, pages, responses};

const ACTION: &str = "consent";

/// Which approvals may stand for asking, as the way says on which the browser came.
#[derive(Clone, Copy)]
pub(crate) struct Unasked {
    /// One that the user wanted remembered.
    pub(crate) by_the_user: bool,
    /// One of the operator's or an administrator's.
    pub(crate) for_everybody: bool,
}

impl Unasked {
    /// The user is asked.
    pub(crate) const NEVER: Self = Self { by_the_user: false, for_everybody: false };
}

/// Shows the consent page, or sends the user on to the identity provider where they need not be asked. `account` is who is signed in
/// to the account pages; `ticket` is that of the page on which they chose the provider, where there was one.
pub(crate) fn ask(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    browser: &BrowserCookies,
    unasked: Unasked,
    account: Option<&SignedInUser>,
    ticket: Option<&ReturnedTicket>,
    action: &'static str,
) -> Response<Vec<u8>> {
    let client_id = Some(consent_request.request.client.client_id.as_str());
    match approved_before(context, consent_request, browser, unasked) {
        Ok(Some(approval)) => {
            return sign_in(context, consent_request, browser, approval, AccountChoice::ByProvider, ticket, action);
        }
        Ok(None) => {}
        // The user can be asked without a store.
        Err(error) => context.log.failed(action, client_id, error),
    }
    let for_everybody = account.is_some_and(|account| may_answer_for_everybody(context, account, consent_request));
    match consent_request.ticket(browser.first(), &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => pages::consent(context.layout(), &context.configuration, consent_request, for_everybody, &ticket),
        Err(error) => failures::out_of_order(context, action, client_id, error),
    }
}

/// The approval for which nobody need be asked. Whether it still counts is looked up when somebody has signed in.
fn approved_before(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    browser: &BrowserCookies,
    unasked: Unasked,
) -> Result<Option<Approval>, StoreUnavailable> {
    let ConsentRequest { request, provider, .. } = consent_request;
    if unasked.for_everybody && is_preauthorized(request, &context.configuration) {
        return Ok(Some(Approval::Preauthorized));
    }
    let consents = context.remembered_consents();
    if unasked.by_the_user && browser.any(|browser| consents.cover(browser, request, provider))? {
        return Ok(Some(Approval::Remembered));
    }
    let by_administrator = unasked.for_everybody && context.administrator_consents(provider).cover(request)?;
    Ok(by_administrator.then_some(Approval::ByAdministrator))
}

/// Whether whoever is signed in to the account pages is offered to answer for everybody. They have to sign in once more, and are
/// judged by what the provider says then.
fn may_answer_for_everybody(context: &Context, account: &SignedInUser, consent_request: &ConsentRequest<'_>) -> bool {
    let administered = account.administrator_of(&context.configuration);
    administered.is_some_and(|provider| provider.name == consent_request.provider.name)
        && may_be_approved_for_everybody(&consent_request.request)
}

/// What the user has decided.
enum ConsentDecision {
    Approved(Approval, AccountChoice),
    Denied,
}

/// Sends the user to the identity provider, or the client its refusal.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match decided(context, request) {
        Ok((browser, consent_request, ticket, ConsentDecision::Approved(approval, account))) => {
            sign_in(context, &consent_request, &browser, approval, account, Some(&ticket), ACTION)
        }
        Ok((_, consent_request, ticket, ConsentDecision::Denied)) => denied_by_user(context, &consent_request, &ticket),
        Err(rejection) => forms::refused(context, ACTION, &rejection),
    }
}

fn decided<'c>(
    context: &'c Context,
    request: &Request<Vec<u8>>,
) -> Result<(BrowserCookies, ConsentRequest<'c>, ReturnedTicket, ConsentDecision), FormRejection> {
    let form = Form::read(context, request)?;
    let (ticket, decision) = (form.required("ticket")?, form.required("decision")?);
    let remember = form.optional("remember")?.is_some();
    let for_everybody = form.optional("for_everybody")?.is_some();
    let (keys, configuration) = (&context.keys, &context.configuration);
    let redeem =
        |browser: &_| ConsentRequest::redeem(ticket, browser, keys, configuration, &context.store, context.now);
    let (consent_request, ticket) = form.browser.open(redeem)?;
    let decided = match (decision, consent_request.approved) {
        ("approve", None) if for_everybody => {
            let account = cookies::signed_in_user(request.headers(), &form.browser, context);
            if !account.is_some_and(|account| may_answer_for_everybody(context, &account, &consent_request)) {
                return Err(FormRejection::Foreign("nobody is signed in who may consent for everybody"));
            }
            ConsentDecision::Approved(Approval::ForEverybody, AccountChoice::ByProvider)
        }
        ("approve", None) => ConsentDecision::Approved(Approval::Given { remember }, AccountChoice::ByProvider),
        // Only the page that tells of a refusal by the provider has this button, and its ticket says what was approved.
        ("another-account", Some(approval)) => ConsentDecision::Approved(approval, AccountChoice::ByUser),
        _ => ConsentDecision::Denied,
    };
    Ok((form.browser, consent_request, ticket, decided))
}

fn sign_in(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    browser: &BrowserCookies,
    approval: Approval,
    account: AccountChoice,
    ticket: Option<&ReturnedTicket>,
    action: &'static str,
) -> Response<Vec<u8>> {
    let client_id = Some(consent_request.request.client.client_id.as_str());
    let purpose = LoginPurpose::Authorization { request: Box::new(consent_request.request.clone()), approval };
    match begin(context, &purpose, consent_request.provider, browser.first(), account, ticket) {
        Ok(mut redirect) => {
            // What a provider redirects to is its own business.
            cookies::set_departure(&mut redirect, &consent_request.request.client.client_id, context);
            let reason = match approval {
                Approval::Given { .. } | Approval::ForEverybody => None,
                Approval::Remembered => Some("the user does not want to be asked again"),
                Approval::ByAdministrator => Some("an administrator has consented for everybody"),
                Approval::Preauthorized => Some("the client is preauthorized"),
            };
            context.log.completed(action, Details { client_id, reason, ..Details::default() });
            redirect
        }
        Err(NotBegun::Refused(rejection)) => refused(context, action, client_id, &rejection),
        Err(NotBegun::Failed { reason, told }) => {
            context.log.failed(action, client_id, reason);
            answer_client(context, &consent_request.request, to_code(told), told.description())
        }
    }
}

fn denied_by_user(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    ticket: &ReturnedTicket,
) -> Response<Vec<u8>> {
    let client_id = Some(consent_request.request.client.client_id.as_str());
    let of = |account, approval| login::PageDecision {
        provider: consent_request.provider,
        account,
        approval: Some(approval),
        token: None,
    };
    // What the same page may have begun before, in another window or by going back.
    let begun = match consent_request.approved {
        None => {
            let given = [false, true].map(|remember| Approval::Given { remember });
            let given = given.into_iter().chain([Approval::ForEverybody]);
            given.map(|approval| of(AccountChoice::ByProvider, approval)).collect()
        }
        Some(approval) => vec![of(AccountChoice::ByUser, approval)],
    };
    if let Err(error) = login::cancel(ticket, &begun, &context.store) {
        context.log.failed(ACTION, client_id, error);
    }
    let reason = match consent_request.approved {
        None => "the user denied the request",
        Some(_) => "the user was not let in",
    };
    context.log.refused(ACTION, client_id, reason);
    answer_client(context, &consent_request.request, ErrorCode::AccessDenied, reason)
}

/// Tells somebody who has signed in why they may not come in: they can try another account, and the client learns of it
/// when they go back to it.
pub(crate) fn not_let_in(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    browser: &BrowserCookies,
    rejection: &AccessRejection,
) -> Response<Vec<u8>> {
    match consent_request.ticket(browser.first(), &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => pages::not_let_in(context.layout(), consent_request, rejection, &ticket),
        Err(error) => {
            let client_id = Some(consent_request.request.client.client_id.as_str());
            failures::out_of_order(context, ACTION, client_id, error)
        }
    }
}

/// The code of a failed sign-in.
pub(crate) const fn to_code(error: ClientError) -> ErrorCode {
    match error {
        ClientError::AccessDenied => ErrorCode::AccessDenied,
        ClientError::ServerError => ErrorCode::ServerError,
        ClientError::TemporarilyUnavailable => ErrorCode::TemporarilyUnavailable,
    }
}

/// An error response at the client's redirect URI.
pub(crate) fn answer_client(
    context: &Context,
    authorization: &AuthorizationRequest,
    code: ErrorCode,
    description: &str,
) -> Response<Vec<u8>> {
    let mut parameters = vec![("error", code.as_str()), ("error_description", description)];
    parameters.extend(authorization.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", context.configuration.public_url.as_str()));
    responses::redirect_to_client(context, &authorization.client, &authorization.redirect_uri, &parameters)
}
