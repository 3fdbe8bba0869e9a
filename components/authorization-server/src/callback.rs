//! `GET /callback`: the user comes back from the identity provider.

use core::fmt;

use gatehouse_authorization_server::ErrorCode;
use gatehouse_authorization_server::authorization::AuthorizationRequest;
use gatehouse_authorization_server::browser::BrowserCookies;
use gatehouse_authorization_server::code::issue_code;
use gatehouse_authorization_server::consent::{Approval, ConsentRequest};
use gatehouse_authorization_server::login::{self, LoginPurpose, ReturnedLogin};
use gatehouse_authorization_server::preauthorization::is_preauthorized;
use gatehouse_authorization_server::signed_out::has_signed_out_since;
use gatehouse_openid::{Callback, CallbackRejection};
use gatehouse_protocol::{OwnPath, SecretString, Subject};
use gatehouse_sessions::{Device, SessionBrowser};
use gatehouse_storage::StoreUnavailable;
use http::header::USER_AGENT;
use http::{HeaderMap, Request, Response};
use provider_client::{Failure, SignedIn};
use shell_http::SystemEntropy;

use crate::consent::{self, Unasked, answer_client, to_code};
use crate::context::Context;
use crate::log::Details;
use crate::pages::Problem;
use crate::{
    browser_sign_in, consents_page, cookies, failures, pages, requests, responses, sessions, sessions_page, token_page,
};

const ACTION: &str = "callback";
const NO_REFRESH_TOKEN: &str = "the identity provider was asked for a refresh token and gave none: it may want prompt=consent \
                                (authorization_parameters), or its client there may not have refresh tokens";

/// Finishes the login: with a code for the client, with the account pages, or with the reason why not.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let callback = match Callback::parse(request.uri().query().unwrap_or_default()) {
        Ok(callback) => callback,
        Err(rejection @ CallbackRejection::RefusedWithoutState(_)) => return refused_by_provider(context, &rejection),
        Err(rejection) => return refused(context, 400, &rejection.to_string()),
    };
    let request_headers = request.headers();
    let browser = cookies::browser(request_headers, &context.configuration.public_url);
    let (keys, configuration) = (&context.keys, &context.configuration);
    let values = browser.iter().flat_map(BrowserCookies::iter);
    let login = match ReturnedLogin::take(callback.state(), values, keys, configuration, &context.store, context.now) {
        Ok(login) => login,
        Err(rejection) => return not_taken(context, rejection),
    };
    let Some(browser) = browser else {
        return not_taken(context, login::LoginRejection::OtherBrowser);
    };
    let signed_in = sign_in(context, callback, &login);
    match &login.purpose {
        LoginPurpose::SessionsPage => sessions_page::signed_in(context, &login, &browser, OwnPath::Sessions, signed_in),
        LoginPurpose::ConnectionsPage => {
            sessions_page::signed_in(context, &login, &browser, OwnPath::Connections, signed_in)
        }
        LoginPurpose::Browser(address) => {
            browser_sign_in::signed_in(context, address, &login, &browser, device(request_headers), signed_in)
        }
        LoginPurpose::TokenPage(request) => {
            token_page::signed_in(context, request, &login, &browser, device(request_headers), signed_in)
        }
        LoginPurpose::Authorization { request, approval } => {
            let consent_request =
                ConsentRequest { request: (**request).clone(), provider: login.provider, approved: Some(*approval) };
            let outcome = signed_in.map_err(Unsuccessful::Provider).and_then(|signed_in| {
                let subject = signed_in.identity.subject().clone();
                if has_signed_out_since(login.begun_at, &subject, keys, &context.store)? {
                    return Err(Unsuccessful::SignedOut);
                }
                let seen = SessionBrowser { digest: browser.first().digest(), device: device(request_headers) };
                Ok((subject, authorize(context, &consent_request, *approval, (&browser, &seen), signed_in)?))
            });
            finish(context, consent_request, &browser, outcome)
        }
    }
}

/// A login that does not count: nothing of it may be used, and nobody sent anywhere.
fn not_taken(context: &Context, rejection: login::LoginRejection) -> Response<Vec<u8>> {
    use login::LoginRejection as Rejection;
    match rejection {
        Rejection::Unbound(rejection) => failures::unbound(context, ACTION, &rejection),
        Rejection::Unavailable(error) => failures::out_of_order(context, ACTION, None, error),
        Rejection::WithdrawnProvider => {
            context.log.refused(ACTION, None, rejection);
            pages::error(context.layout(), Problem::WithdrawnProvider)
        }
        Rejection::OtherBrowser => refused(context, 403, &rejection.to_string()),
        Rejection::Unrecognised | Rejection::Expired | Rejection::AlreadyFinished => {
            refused(context, 400, &rejection.to_string())
        }
    }
}

/// Why a client gets no code.
enum Unsuccessful {
    Provider(Failure),
    Store(StoreUnavailable),
    /// The one who signed in is not the one whose consent was remembered.
    NotTheirConsent,
    /// They took back all that they had allowed while this was under way.
    SignedOut,
}

impl From<StoreUnavailable> for Unsuccessful {
    fn from(error: StoreUnavailable) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Unsuccessful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(failure) => failure.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::NotTheirConsent => f.write_str("the approval is not this user's, or was taken back"),
            Self::SignedOut => f.write_str("the user has signed out everywhere since the login began"),
        }
    }
}

fn sign_in(context: &Context, callback: Callback, login: &ReturnedLogin<'_>) -> Result<SignedIn, Failure> {
    let provider = context.client_of(login.provider);
    let metadata = provider.metadata()?;
    let code = callback.code(&metadata)?;
    provider.sign_in(&metadata, &context.configuration.callback_url(), &code, &login.secrets)
}

/// What the browser says that it is.
fn device(headers: &HeaderMap) -> Device {
    Device::of(requests::single(headers, &USER_AGENT).unwrap_or_default())
}

/// Issues the code, where the one who signed in is the one who approved.
fn authorize(
    context: &Context,
    consent_request: &ConsentRequest<'_>,
    approval: Approval,
    (browser, seen): (&BrowserCookies, &SessionBrowser),
    signed_in: SignedIn,
) -> Result<SecretString, Unsuccessful> {
    let SignedIn { identity, claims, tokens } = signed_in;
    let subject = identity.subject();
    let (request, provider) = (&consent_request.request, consent_request.provider);
    let consents = context.remembered_consents();
    // Looked up again: it may have been taken back meanwhile, or never have been theirs to give.
    let is_approved = match approval {
        Approval::Given { .. } => true,
        Approval::Remembered => {
            browser.any(|browser| consents.is_approved_by(subject, approval, browser, request, provider))?
        }
        Approval::Preauthorized => is_preauthorized(request, &context.configuration),
        Approval::ByAdministrator => context.administrator_consents(provider).cover(request)?,
        Approval::ForEverybody => provider.administrator_role(&claims).is_some(),
    };
    if !is_approved {
        return Err(Unsuccessful::NotTheirConsent);
    }
    let client_id = Some(request.client.client_id.as_str());
    context.log.begun(ACTION, client_id, Some(subject.as_str()));
    if approval == Approval::ForEverybody {
        consents_page::give(context, provider, request, &identity);
    }
    if approval == (Approval::Given { remember: true })
        && let Err(error) = consents.remember(subject, browser.first(), request, provider, &mut SystemEntropy)
    {
        // The user is asked again next time; that is no reason to turn them away now.
        context.log.failed("consent", client_id, error);
    }
    if tokens.refresh_token.is_none() && provider.is_asked_for_refresh_tokens() {
        context.log.failed("identity-provider-tokens", client_id, NO_REFRESH_TOKEN);
    }
    let provider_tokens = sessions::provider_tokens_of(tokens, context.now);
    let session_lifetime = context.configuration.lifetimes.session;
    let claims = context.configuration.kept_claims(claims, &request.resource);
    let (keys, store, now) = (&context.keys, &context.store, context.now);
    Ok(issue_code(
        request,
        subject,
        claims,
        seen,
        &provider_tokens,
        session_lifetime,
        keys,
        store,
        now,
        &mut SystemEntropy,
    )?)
}

fn finish(
    context: &Context,
    consent_request: ConsentRequest<'_>,
    browser: &BrowserCookies,
    outcome: Result<(Subject, SecretString), Unsuccessful>,
) -> Response<Vec<u8>> {
    let client_id = Some(consent_request.request.client.client_id.as_str());
    let failure = match outcome {
        Ok((subject, code)) => {
            let subject = Some(subject.as_str());
            context.log.completed(ACTION, Details { client_id, subject, ..Details::default() });
            return answer_with_code(context, &consent_request.request, &code);
        }
        Err(failure) => failure,
    };
    match &failure {
        Unsuccessful::NotTheirConsent | Unsuccessful::SignedOut => {
            context.log.refused(ACTION, client_id, &failure);
            let consent_request = ConsentRequest { approved: None, ..consent_request };
            consent::ask(context, &consent_request, browser, Unasked::NEVER, None, None, ACTION)
        }
        Unsuccessful::Provider(of_provider) => match of_provider.access() {
            Some(rejection) => {
                context.log.refused(ACTION, client_id, &failure);
                consent::not_let_in(context, &consent_request, browser, rejection)
            }
            None => {
                context.log.failed(ACTION, client_id, &failure);
                let error = of_provider.to_wire();
                answer_client(context, &consent_request.request, to_code(error), error.description())
            }
        },
        Unsuccessful::Store(_) => {
            context.log.failed(ACTION, client_id, &failure);
            let description = "the sign-in could not be completed; try again later";
            answer_client(context, &consent_request.request, ErrorCode::TemporarilyUnavailable, description)
        }
    }
}

/// The authorization response (OAuth 2.1, section 4.1.2), with `iss` (RFC 9207).
fn answer_with_code(context: &Context, request: &AuthorizationRequest, code: &SecretString) -> Response<Vec<u8>> {
    let mut parameters = vec![("code", code.expose())];
    parameters.extend(request.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", context.configuration.public_url.as_str()));
    responses::redirect_to_client(context, &request.client, &request.redirect_uri, &parameters)
}

fn refused_by_provider(context: &Context, rejection: &CallbackRejection) -> Response<Vec<u8>> {
    context.log.refused(ACTION, None, rejection);
    pages::error(context.layout(), Problem::RefusedByProvider)
}

fn refused(context: &Context, status: u16, reason: &str) -> Response<Vec<u8>> {
    context.log.refused(ACTION, None, reason);
    pages::error(context.layout(), Problem::NotCompleted { status })
}
