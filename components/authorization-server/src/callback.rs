//! `GET /callback`: the user comes back from the identity provider.

use gatehouse_oauth::ErrorCode;
use gatehouse_oauth::authorization::AuthorizationRequest;
use gatehouse_oauth::code::issue_code;
use gatehouse_oauth::login::{LoginRejection, ReturnedLogin};
use gatehouse_openid::{Callback, ClientError};
use gatehouse_protocol::{SecretString, Subject};
use gatehouse_session::UpstreamTokens;
use http::{Request, Response};
use http_shell::SystemEntropy;

use crate::consent::answer_client;
use crate::context::Context;
use crate::identity_provider::{self, Failure};
use crate::log::Decision;
use crate::{authorize, cookies, log, pages, responses};

const EVENT: &str = "callback";

/// Sends the client its code, or the reason why there is none.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let callback = match Callback::parse(request.uri().query().unwrap_or_default()) {
        Ok(callback) => callback,
        Err(rejection) => return refused(400, &rejection.to_string()),
    };
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let (keys, configuration) = (&context.keys, &context.configuration);
    let login =
        match ReturnedLogin::take(callback.state(), browser.as_ref(), keys, configuration, &context.store, context.now)
        {
            Ok(login) => login,
            Err(LoginRejection::Unbound(rejection)) => return authorize::unbound(&rejection),
            Err(LoginRejection::Unavailable(error)) => {
                log::failed(EVENT, error);
                return pages::out_of_order();
            }
            Err(rejection @ LoginRejection::OtherBrowser) => return refused(403, &rejection.to_string()),
            Err(
                rejection @ (LoginRejection::Unrecognised | LoginRejection::Expired | LoginRejection::AlreadyFinished),
            ) => {
                return refused(400, &rejection.to_string());
            }
        };
    match sign_in(context, callback, &login) {
        Ok((subject, code)) => {
            let client_id = Some(login.request.client.client_id.as_str());
            Decision {
                event: EVENT,
                outcome: "allowed",
                client_id,
                subject: Some(subject.as_str()),
                ..Decision::default()
            }
            .write();
            answer_with_code(context, &login.request, &code)
        }
        Err(failure) => {
            log::failed(EVENT, &failure);
            let (code, description) = to_wire(&failure);
            answer_client(context, &login.request, code, description)
        }
    }
}

/// Why nobody signed in.
enum Unsuccessful {
    Provider(Failure),
    Store(String),
}

impl core::fmt::Display for Unsuccessful {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Provider(failure) => failure.fmt(f),
            Self::Store(reason) => f.write_str(reason),
        }
    }
}

fn sign_in(
    context: &Context,
    callback: Callback,
    login: &ReturnedLogin,
) -> Result<(Subject, SecretString), Unsuccessful> {
    let from_provider = || -> Result<_, Failure> {
        let metadata = identity_provider::metadata(&context.configuration.identity_providers[0])?;
        let code = callback.code(&metadata)?;
        identity_provider::identity(&context.configuration, &metadata, &code, &login.secrets, context.now)
    };
    let (identity, tokens) = from_provider().map_err(Unsuccessful::Provider)?;
    let upstream = UpstreamTokens {
        access_token: Some(tokens.access_token),
        refresh_token: tokens.refresh_token,
        expires_at: tokens.expires_in.map(|seconds| context.now.plus(seconds)),
    };
    let session_lifetime = context.configuration.lifetimes.session;
    let (keys, store, now) = (&context.keys, &context.store, context.now);
    let code = issue_code(
        &login.request,
        identity.subject(),
        &upstream,
        session_lifetime,
        keys,
        store,
        now,
        &mut SystemEntropy,
    )
    .map_err(|error| Unsuccessful::Store(error.to_string()))?;
    Ok((identity.subject().clone(), code))
}

/// The authorization response (OAuth 2.1, section 4.1.2), with `iss` (RFC 9207).
fn answer_with_code(context: &Context, request: &AuthorizationRequest, code: &SecretString) -> Response<Vec<u8>> {
    let mut parameters = vec![("code", code.expose())];
    parameters.extend(request.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", context.configuration.public_url.as_str()));
    responses::redirect_to_client(&request.redirect_uri, &parameters)
}

fn to_wire(failure: &Unsuccessful) -> (ErrorCode, &'static str) {
    match failure {
        Unsuccessful::Provider(Failure::Rejected(rejection)) => {
            let error = rejection.to_wire();
            let code = match error {
                ClientError::AccessDenied => ErrorCode::AccessDenied,
                ClientError::ServerError => ErrorCode::ServerError,
                ClientError::TemporarilyUnavailable => ErrorCode::TemporarilyUnavailable,
            };
            (code, error.description())
        }
        Unsuccessful::Provider(Failure::NoAnswer(..)) | Unsuccessful::Store(_) => {
            (ErrorCode::TemporarilyUnavailable, "the sign-in could not be completed; try again later")
        }
        Unsuccessful::Provider(Failure::Settings(_)) => {
            (ErrorCode::ServerError, "this server is not configured correctly")
        }
    }
}

fn refused(status: u16, reason: &str) -> Response<Vec<u8>> {
    log::denied(EVENT, None, reason);
    pages::error(
        status,
        "This sign-in cannot be completed",
        "It was begun in another browser, took too long, or was completed before. Go back to your application \
         and sign in again.",
    )
}
