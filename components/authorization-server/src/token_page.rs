//! `/access-token`: a person gets an access token by hand, where the operator allows it.

use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::login::{LoginPurpose, ReturnedLogin};
use gatehouse_authorization_server::page::PageRejection;
use gatehouse_authorization_server::token_page::{TokenPageRequest, check, ticket};
use gatehouse_openid::AccountChoice;
use gatehouse_protocol::UnixTime;
use gatehouse_sessions::{Device, SessionBrowser, Tokens};
use http::{Request, Response};
use provider_client::{Failure, SignedIn};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms::{self, Form, FormRejection};
use crate::login::NotBegun;
use crate::pages::Problem;
use crate::{cookies, failures, login, pages, requests, responses, session_opening, sessions_page};

const ACTION: &str = "access-token";

/// `GET /access-token`: for which server, and with which scopes?
pub(crate) fn show(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if !context.configuration.token_page.enabled {
        return not_here(context, request);
    }
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let browser = browser.unwrap_or_else(|| BrowserCookies::generate(&mut SystemEntropy));
    let browser = browser.first();
    match ticket(browser, &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => {
            let mut page = pages::token_page(context.layout(), &context.configuration, &ticket);
            cookies::set_browser(&mut page, browser, &context.configuration);
            page
        }
        Err(error) => failures::out_of_order(context, ACTION, None, error.to_string()),
    }
}

/// The operator does not allow it: the answer is as at any path that is not ours.
fn not_here(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if requests::accepts_a_page(request.headers()) {
        pages::error(context.layout(), Problem::NotFound)
    } else {
        responses::not_found()
    }
}

/// `POST /access-token`: sends the person to the identity provider that they picked.
pub(crate) fn sign_in(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if !context.configuration.token_page.enabled {
        return not_here(context, request);
    }
    let picked = Form::read(context, request).and_then(|form| {
        let ticket = form.required("ticket")?;
        let ticket = form.browser.open(|browser| check(ticket, browser, &context.keys, context.now))?;
        let provider = context.configuration.identity_provider(form.required("provider")?);
        let provider = provider.ok_or(FormRejection::Page(PageRejection::UnknownProvider))?;
        let further = form.parameters.all("scope");
        let request = TokenPageRequest::parse(form.required("route")?, further, &context.configuration);
        Ok((provider, request.map_err(PageRejection::from)?, form.browser, ticket))
    });
    let (provider, request, browser, ticket) = match picked {
        Ok(picked) => picked,
        Err(rejection) => return forms::refused(context, ACTION, &rejection),
    };
    let purpose = LoginPurpose::TokenPage(request);
    match login::begin(context, &purpose, provider, browser.first(), AccountChoice::ByProvider, Some(&ticket)) {
        Ok(redirect) => redirect,
        Err(NotBegun::Refused(rejection)) => login::refused(context, ACTION, None, &rejection),
        Err(NotBegun::Failed { reason, .. }) => failures::out_of_order(context, ACTION, None, &reason),
    }
}

/// The person comes back from the identity provider: the token is made, and shown once.
pub(crate) fn signed_in(
    context: &Context,
    request: &TokenPageRequest,
    login: &ReturnedLogin<'_>,
    browser: &BrowserCookies,
    device: Device,
    outcome: Result<SignedIn, Failure>,
) -> Response<Vec<u8>> {
    let signed_in = match outcome {
        Ok(signed_in) => signed_in,
        Err(failure) => return sessions_page::nobody_signed_in(context, login.provider, browser, &failure, ACTION),
    };
    let browser = SessionBrowser { digest: browser.first().digest(), device };
    match open(context, request, login.begun_at, browser, signed_in) {
        Ok(Some(tokens)) => pages::access_token(context.layout(), &context.configuration, &request.resource, &tokens),
        Ok(None) => {
            context.log.refused(ACTION, None, "the user has signed out everywhere since the login began");
            pages::error(context.layout(), Problem::NotCompleted { status: 400 })
        }
        Err(reason) => failures::out_of_order(context, ACTION, None, &reason),
    }
}

fn open(
    context: &Context,
    request: &TokenPageRequest,
    begun_at: UnixTime,
    browser: SessionBrowser,
    signed_in: SignedIn,
) -> Result<Option<Tokens>, String> {
    session_opening::open(context, ACTION, begun_at, signed_in, |subject, claims, provider_tokens| {
        let (lifetime, now) = (context.configuration.token_page.lifetime, context.now);
        let opening = request.opening(subject, claims, browser, provider_tokens, lifetime, now, &mut SystemEntropy);
        let (root, mut opening) = opening.ok_or("the token page has no name")?;
        let claims = std::mem::take(&mut opening.principal.claims);
        opening.principal.claims = context.configuration.kept_claims(claims, &opening.principal.resource);
        Ok((root, opening))
    })
}
