//! `POST /consent`: the user has decided.

use gatehouse_oauth::ErrorCode;
use gatehouse_oauth::authorization::AuthorizationRequest;
use gatehouse_oauth::browser::Browser;
use gatehouse_oauth::consent::{ConsentRejection, redeem};
use gatehouse_oauth::login::PendingLogin;
use gatehouse_openid::{AccountChoice, Login};
use gatehouse_protocol::Parameters;
use http::header::ORIGIN;
use http::{HeaderMap, Request, Response};
use http_shell::SystemEntropy;

use crate::context::Context;
use crate::log::Decision;
use crate::{authorize, cookies, identity_provider, log, pages, requests, responses};

const EVENT: &str = "consent";

/// Sends the user to the identity provider, or the client its refusal.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    if let Err(reason) = came_from_our_page(context, request.headers()) {
        return refused(reason);
    }
    let Some(browser) = cookies::browser(request.headers(), &context.configuration.public_url) else {
        return refused("the browser sent no cookie of ours");
    };
    let form = Parameters::parse(&String::from_utf8_lossy(request.body()));
    let (Ok(ticket), Ok(decision)) = (form.required("ticket"), form.required("decision")) else {
        return refused("the form is incomplete");
    };
    let authorization =
        match redeem(ticket, &browser, &context.keys, &context.configuration, &context.store, context.now) {
            Ok(authorization) => authorization,
            Err(ConsentRejection::Unbound(rejection)) => return authorize::unbound(&rejection),
            Err(rejection @ (ConsentRejection::Foreign | ConsentRejection::Expired)) => {
                return refused(&rejection.to_string());
            }
        };
    match decision {
        "approve" => send_to_identity_provider(context, &authorization, &browser),
        _ => denied_by_user(context, &authorization),
    }
}

/// The page's own form, in a browser that says where a request comes from. The sealed ticket is what decides; this
/// stops the rest early.
fn came_from_our_page(context: &Context, headers: &HeaderMap) -> Result<(), &'static str> {
    let all_are = |name: &str, expected: &str| headers.get_all(name).iter().all(|value| value == expected);
    if !all_are(ORIGIN.as_str(), context.configuration.public_url.as_str()) {
        return Err("the form was sent from another origin");
    }
    if !all_are("sec-fetch-site", "same-origin") {
        return Err("the form was sent from another site");
    }
    if requests::media_type(headers).as_deref() == Some("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err("the body is not a form")
    }
}

fn send_to_identity_provider(
    context: &Context,
    authorization: &AuthorizationRequest,
    browser: &Browser,
) -> Response<Vec<u8>> {
    let began = || -> Result<String, String> {
        let provider = &context.configuration.identity_providers[0];
        let metadata = identity_provider::metadata(provider).map_err(|error| error.to_string())?;
        let pending = PendingLogin::generate(&context.keys, context.now, &mut SystemEntropy)
            .map_err(|error| error.to_string())?;
        let login = Login::begin(
            provider,
            &metadata,
            &context.configuration.callback_url(),
            pending.state(),
            AccountChoice::ByProvider,
            &mut SystemEntropy,
        );
        pending
            .keep(authorization, &login.secrets, browser, &context.store, &mut SystemEntropy)
            .map_err(|error| error.to_string())?;
        Ok(login.authorization_url.into())
    };
    match began() {
        Ok(authorization_url) => {
            let client_id = Some(authorization.client.client_id.as_str());
            Decision { event: EVENT, outcome: "allowed", client_id, ..Decision::default() }.write();
            responses::redirect_to_identity_provider(&authorization_url)
        }
        Err(reason) => {
            log::failed(EVENT, reason);
            answer_client(
                context,
                authorization,
                ErrorCode::TemporarilyUnavailable,
                "the identity provider cannot be reached; try again later",
            )
        }
    }
}

fn denied_by_user(context: &Context, authorization: &AuthorizationRequest) -> Response<Vec<u8>> {
    log::denied(EVENT, Some(authorization.client.client_id.as_str()), "the user denied");
    answer_client(context, authorization, ErrorCode::AccessDenied, "the user denied the request")
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
    responses::redirect_to_client(&authorization.redirect_uri, &parameters)
}

fn refused(reason: &str) -> Response<Vec<u8>> {
    log::denied(EVENT, None, reason);
    pages::error(
        403,
        "This decision does not count",
        "The page was open for too long, or was not opened in this browser. Go back to your application and sign in \
         again.",
    )
}
