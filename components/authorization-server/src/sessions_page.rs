//! `/sessions`, `/sign-in` and `/sign-out`: the user's own view of what they have allowed.

use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::browser::{Browser, BrowserCookies};
use gatehouse_authorization_server::login::{LoginPurpose, ReturnedLogin};
use gatehouse_authorization_server::page::PageRejection;
use gatehouse_authorization_server::sessions_page::{SignedInUser, check_sign_in, sign_in_ticket};
use gatehouse_authorization_server::signed_out::{has_signed_out_since, note_sign_out};
use gatehouse_configuration::IdentityProvider;
use gatehouse_openid::{AccountChoice, ClientError};
use gatehouse_protocol::OwnPath;
use http::{Request, Response};
use provider_client::{Failure, SignedIn};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms::{self, Form, FormRejection};
use crate::log::Details;
use crate::login::NotBegun;
use crate::pages::SessionsView;
use crate::{cookies, failures, login, pages, responses};

const SESSIONS: &str = "sessions";
const SIGN_IN: &str = "sign-in";
const SIGN_OUT: &str = "sign-out";

/// `GET /sessions`: what the user has allowed; to nobody in particular, a way to sign in.
pub(crate) fn show(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let account = browser.as_ref().and_then(|browser| cookies::signed_in_user(request.headers(), browser, context));
    match (browser, account) {
        (Some(browser), Some(account)) => {
            let page = overview(context, &account, browser.first());
            page.unwrap_or_else(|reason| failures::out_of_order(context, SESSIONS, None, &reason))
        }
        (browser, _) => ask_to_sign_in(context, browser, OwnPath::Sessions, 200),
    }
}

fn overview(context: &Context, account: &SignedInUser, browser: &Browser) -> Result<Response<Vec<u8>>, String> {
    let provider = account.provider(&context.configuration).ok_or("the identity provider is gone")?;
    let listing = context.sessions().list(&account.subject).map_err(unavailable)?;
    let consents = context.remembered_consents().of(&account.subject).map_err(|error| error.to_string())?;
    let ticket = account.ticket(browser, &context.keys, context.now, &mut SystemEntropy);
    let ticket = ticket.map_err(|error| error.to_string())?;
    let view = SessionsView {
        configuration: &context.configuration,
        provider,
        user: account.name(),
        browser: &browser.digest(),
        listing: &listing,
        consents: &consents,
        is_operator: account.is_operator(&context.configuration),
        is_administrator: account.administrator_of(&context.configuration).is_some(),
        has_connections: !context.configuration.connections.is_empty(),
        ticket: &ticket,
        now: context.now,
    };
    Ok(pages::sessions(context.layout(), &view))
}

/// Asks whoever is there to sign in, for the page at `path`.
pub(crate) fn ask_to_sign_in(
    context: &Context,
    browser: Option<BrowserCookies>,
    path: OwnPath,
    status: u16,
) -> Response<Vec<u8>> {
    let browser = browser.unwrap_or_else(|| BrowserCookies::generate(&mut SystemEntropy));
    let browser = browser.first();
    match sign_in_ticket(browser, &context.keys, context.now, &mut SystemEntropy) {
        Ok(ticket) => {
            let mut page = pages::sign_in(context.layout(), &context.configuration, path, &ticket, status);
            cookies::set_browser(&mut page, browser, &context.configuration);
            page
        }
        Err(error) => failures::out_of_order(context, SESSIONS, None, error.to_string()),
    }
}

/// `POST /sessions`: the user ends one session, or has a consent forgotten.
pub(crate) fn change(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let changed = own_form(context, request).and_then(|own| {
        let Some((form, account)) = own else { return Ok(None) };
        let (session, consent) = (form.optional("end_session")?, form.optional("forget_consent")?);
        context.log.begun(SESSIONS, None, Some(account.subject.as_str()));
        let changed = match (session, consent) {
            // One that has ended meanwhile is what the user wanted.
            (Some(id), None) => {
                let ended = context.sessions().end_one(&account.subject, id).map_err(unavailable);
                ended.map(|ended| ended.then_some(TokenEvent::Revoked))
            }
            (None, Some(id)) => {
                let forgotten = context.remembered_consents().forget(&account.subject, id);
                forgotten.map(|()| None).map_err(|error| error.to_string())
            }
            (Some(_), Some(_)) | (None, None) => return Err(FormRejection::Incomplete),
        };
        Ok(Some((account, changed)))
    });
    match changed {
        Ok(Some((account, Ok(token)))) => {
            completed(context, SESSIONS, &account, token);
            responses::redirect_to_own_page(&context.configuration.public_url, OwnPath::Sessions)
        }
        Ok(Some((_, Err(reason)))) => failures::out_of_order(context, SESSIONS, None, &reason),
        Ok(None) => not_signed_in(context, request, OwnPath::Sessions, SESSIONS),
        Err(rejection) => forms::refused(context, SESSIONS, &rejection),
    }
}

/// `POST /sign-out`: ends the user's stay on the account pages, or asks whether all their sessions are to end, or ends them.
pub(crate) fn sign_out(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let asked = own_form(context, request).and_then(|own| {
        let Some((form, account)) = own else { return Ok(None) };
        let which = match form.required("sign_out")? {
            "here" => SignOut::Here,
            "everywhere" => SignOut::Everywhere,
            "all" => SignOut::Confirmed,
            _ => return Err(FormRejection::Incomplete),
        };
        Ok(Some((form, account, which)))
    });
    match asked {
        Ok(Some((_, account, SignOut::Here))) => {
            completed(context, SIGN_OUT, &account, None);
            left(context, pages::signed_out(context.layout()))
        }
        Ok(Some((form, account, SignOut::Everywhere))) => {
            match account.ticket(form.browser.first(), &context.keys, context.now, &mut SystemEntropy) {
                Ok(ticket) => pages::confirm_sign_out(context.layout(), &ticket),
                Err(error) => failures::out_of_order(context, SIGN_OUT, None, error),
            }
        }
        Ok(Some((_, account, SignOut::Confirmed))) => sign_out_everywhere(context, &account),
        Ok(None) => not_signed_in(context, request, OwnPath::Sessions, SIGN_OUT),
        Err(rejection) => forms::refused(context, SIGN_OUT, &rejection),
    }
}

/// What a user who signs out wants.
enum SignOut {
    /// To leave the account pages.
    Here,
    /// To end all sessions; they have not confirmed it.
    Everywhere,
    /// The same, confirmed.
    Confirmed,
}

/// Ends all sessions of the user, what is under way to one, and their stay on the account pages.
fn sign_out_everywhere(context: &Context, account: &SignedInUser) -> Response<Vec<u8>> {
    context.log.begun(SIGN_OUT, None, Some(account.subject.as_str()));
    let (keys, store, now) = (&context.keys, &context.store, context.now);
    let noted = note_sign_out(&account.subject, keys, store, now, &mut SystemEntropy);
    let noted = noted.map_err(|error| error.to_string());
    match noted.and_then(|()| context.sessions().end_all(&account.subject).map_err(unavailable)) {
        Ok(()) => {
            completed(context, SIGN_OUT, account, Some(TokenEvent::Revoked));
            left(context, pages::signed_out_everywhere(context.layout(), &context.configuration))
        }
        Err(reason) => failures::out_of_order(context, SIGN_OUT, None, &reason),
    }
}

/// The page, for somebody who is signed in no longer.
fn left(context: &Context, mut page: Response<Vec<u8>>) -> Response<Vec<u8>> {
    cookies::remove_signed_in_user(&mut page, &context.configuration.public_url);
    page
}

/// `POST /sign-in`: sends the user to the identity provider that they picked.
pub(crate) fn sign_in(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let picked = Form::read(context, request).and_then(|form| {
        let ticket = form.required("ticket")?;
        let ticket = form.browser.open(|browser| check_sign_in(ticket, browser, &context.keys, context.now))?;
        let provider = context.configuration.identity_provider(form.required("provider")?);
        let which = match form.optional("account")? {
            Some("another") => AccountChoice::ByUser,
            Some(_) | None => AccountChoice::ByProvider,
        };
        let purpose = match form.optional("page")? {
            Some(pages::CONNECTIONS) => LoginPurpose::ConnectionsPage,
            Some(_) | None => LoginPurpose::SessionsPage,
        };
        Ok((provider.ok_or(PageRejection::UnknownProvider)?, which, form.browser, ticket, purpose))
    });
    match picked {
        Ok((provider, which, browser, ticket, purpose)) => {
            match login::begin(context, &purpose, provider, browser.first(), which, Some(&ticket)) {
                Ok(redirect) => redirect,
                Err(NotBegun::Refused(rejection)) => login::refused(context, SIGN_IN, None, &rejection),
                Err(NotBegun::Failed { reason, .. }) => failures::out_of_order(context, SIGN_IN, None, &reason),
            }
        }
        Err(rejection) => forms::refused(context, SIGN_IN, &rejection),
    }
}

/// The user comes back from the identity provider, to see their own page at `path`.
pub(crate) fn signed_in(
    context: &Context,
    login: &ReturnedLogin<'_>,
    browser: &BrowserCookies,
    path: OwnPath,
    outcome: Result<SignedIn, Failure>,
) -> Response<Vec<u8>> {
    let provider = login.provider;
    let (identity, claims) = match outcome {
        // The tokens are dropped, and of the claims nothing is kept but the role of an administrator.
        Ok(SignedIn { identity, claims, .. }) => (identity, claims),
        Err(failure) => return nobody_signed_in(context, provider, browser, &failure, SIGN_IN),
    };
    // So whoever is signed in here has signed in later than in the second of the last sign-out, which ends what was there by then.
    match has_signed_out_since(login.begun_at, identity.subject(), &context.keys, &context.store) {
        Ok(false) => {}
        Ok(true) => {
            context.log.refused_to(
                SIGN_IN,
                identity.subject(),
                "the user has signed out everywhere since the login began",
            );
            return ask_to_sign_in(context, Some(browser.clone()), path, 403);
        }
        Err(error) => return failures::out_of_order(context, SIGN_IN, None, error),
    }
    let account = SignedInUser::signed_in(identity.subject().clone(), identity.display_name(), provider, context.now)
        .with_administrator_role(provider.administrator_role(&claims))
        .with_operator_role(provider.operator_role(&claims));
    match account.cookie_value(browser.first(), &context.keys, &mut SystemEntropy) {
        Ok(value) => {
            completed(context, SIGN_IN, &account, None);
            let mut response = responses::redirect_to_own_page(&context.configuration.public_url, path);
            cookies::set_signed_in_user(&mut response, &account, &value, context);
            response
        }
        Err(error) => failures::out_of_order(context, SIGN_IN, None, error.to_string()),
    }
}

/// The user comes back without having been let in.
pub(crate) fn nobody_signed_in(
    context: &Context,
    provider: &IdentityProvider,
    browser: &BrowserCookies,
    failure: &Failure,
    action: &'static str,
) -> Response<Vec<u8>> {
    if let Some(rejection) = failure.access() {
        context.log.refused(action, None, rejection);
        return match sign_in_ticket(browser.first(), &context.keys, context.now, &mut SystemEntropy) {
            Ok(ticket) => pages::not_let_in_to_sessions_page(context.layout(), provider, rejection, &ticket),
            Err(error) => failures::out_of_order(context, action, None, error.to_string()),
        };
    }
    match failure.to_wire() {
        ClientError::AccessDenied => {
            context.log.refused(action, None, failure);
            ask_to_sign_in(context, Some(browser.clone()), OwnPath::Sessions, 403)
        }
        ClientError::ServerError | ClientError::TemporarilyUnavailable => {
            failures::out_of_order(context, action, None, failure.to_string())
        }
    }
}

/// A form of a page that shows an account; `None` where nobody is signed in, or no longer.
pub(crate) fn own_form(
    context: &Context,
    request: &Request<Vec<u8>>,
) -> Result<Option<(Form, SignedInUser)>, FormRejection> {
    let form = Form::read(context, request)?;
    let ticket = form.required("ticket")?;
    let Some(account) = cookies::signed_in_user(request.headers(), &form.browser, context) else { return Ok(None) };
    form.browser.open(|browser| account.check(ticket, browser, &context.keys, context.now))?;
    Ok(Some((form, account)))
}

/// The answer to a form of somebody who is not signed in, or no longer.
pub(crate) fn not_signed_in(
    context: &Context,
    request: &Request<Vec<u8>>,
    path: OwnPath,
    action: &'static str,
) -> Response<Vec<u8>> {
    context.log.refused(action, None, "nobody is signed in");
    ask_to_sign_in(context, cookies::browser(request.headers(), &context.configuration.public_url), path, 403)
}

fn completed(context: &Context, action: &'static str, account: &SignedInUser, token: Option<TokenEvent>) {
    context.log.completed(action, Details { subject: Some(account.subject.as_str()), token, ..Details::default() });
}

fn unavailable(rejection: gatehouse_sessions::Rejection) -> String {
    format!("sessions: {rejection}")
}
