//! `POST /subscriptions/…/sessionPools/NAME/fetchMCPServerCredentials` and `…/regenerateCredentials`: the key of a route, for
//! its administrators, at the paths of Azure Resource Manager.

use gatehouse_api_keys::IssuedKeys;
use gatehouse_authorization_server::session_pools::{Action, PoolRequest, SHORTEST_TOKEN, presented};
use gatehouse_configuration::{RoutePath, SessionPool};
use gatehouse_protocol::SecretString;
use gatehouse_rate_limit::failures::{self, Failed};
use gatehouse_storage::StoreUnavailable;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response};
use serde::Serialize;
use shell_http::{SystemEntropy, wait};
use shell_store::HostStore;

use crate::context::Context;
use crate::log::Details;
use crate::responses;

/// Milliseconds until one looks again whether somebody else has come to the end of what they were doing.
const PAUSE: u64 = 50;

/// As the article has it.
#[derive(Serialize)]
struct Credentials<'a> {
    #[serde(rename = "apiKey")]
    api_key: &'a str,
}

/// As Azure Resource Manager has it, so that its command line shows the message.
#[derive(Serialize)]
struct Failure<'a> {
    error: FailureDetails<'a>,
}

#[derive(Serialize)]
struct FailureDetails<'a> {
    code: &'a str,
    message: &'a str,
}

/// Tells or replaces the key.
pub(crate) fn answer(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let Some(asked) = PoolRequest::of(request.uri().path()) else { return responses::not_found() };
    let action = asked.action.log_name();
    let pools = &context.configuration.session_pools;
    let found = pools.iter().find(|(_, pool)| pool.name.eq_ignore_ascii_case(asked.pool));
    let token = presented(request.headers());
    // Without one, nobody is told which pools there are.
    let Some((route, pool)) = found else {
        context.log.refused(action, None, "there is no session pool with this name");
        return unauthorized();
    };
    let about = Details { route: Some(route.as_str()), ..Details::default() };
    match administrator(pool, token.as_ref()) {
        Ok(Some(label)) => {
            let about = Details { client_id: Some(label), ..about };
            context.log.begun_about(action, about);
            match act(context, asked.action, route, pool) {
                Ok(key) => {
                    context.log.completed(action, about);
                    responses::json(200, &Credentials { api_key: key.expose() })
                }
                Err(error) => {
                    context.log.failed_about(action, about, &error.to_string());
                    unavailable()
                }
            }
        }
        Ok(None) => match failures::count(
            &HostStore,
            context.now,
            route.as_str(),
            Failed::Administrator,
            pool.failures_per_minute,
        ) {
            Ok(None) => {
                context.log.refused_about(action, about, "the credential is not one of an administrator of the route");
                unauthorized()
            }
            Ok(Some(seconds)) => {
                context.log.refused_about(action, about, "the credential is wrong, as too many were in this minute");
                let mut response = failure(429, "TooManyRequests", "Too many wrong credentials");
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
                response
            }
            Err(error) => {
                context.log.failed_about(action, about, &error.to_string());
                unavailable()
            }
        },
        Err(reason) => {
            context.log.failed_about(action, about, &reason);
            unavailable()
        }
    }
}

/// The label of the administrator with this token. The tokens of all are compared, each in constant time.
fn administrator<'a>(pool: &'a SessionPool, token: Option<&SecretString>) -> Result<Option<&'a str>, String> {
    let Some(token) = token else { return Ok(None) };
    let mut found = None;
    for known in &pool.administrators {
        let secret = shell_configuration::secret(&known.secret).map_err(|error| error.to_string())?;
        if secret.expose().len() < SHORTEST_TOKEN {
            return Err(format!("the variable {} is shorter than 32 characters", known.secret.as_str()));
        }
        if secret == *token {
            found = Some(known.label.as_str());
        }
    }
    Ok(found)
}

fn act(
    context: &Context,
    action: Action,
    route: &RoutePath,
    pool: &SessionPool,
) -> Result<SecretString, StoreUnavailable> {
    let keys = IssuedKeys {
        store: &HostStore,
        keys: &context.keys,
        route: route.as_str(),
        now: context.now,
        overlap: pool.validation_seconds,
    };
    match action {
        Action::Fetch => keys.fetch(&mut SystemEntropy, &|| wait(PAUSE)),
        Action::Regenerate => keys.regenerate(&mut SystemEntropy, &|| wait(PAUSE)),
    }
}

fn unauthorized() -> Response<Vec<u8>> {
    let mut response = failure(401, "AuthenticationFailed", "The bearer token is not one of an administrator");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="API keys""#));
    response
}

fn unavailable() -> Response<Vec<u8>> {
    failure(503, "ServiceUnavailable", "The key cannot be told at the moment")
}

fn failure(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    responses::json(status, &Failure { error: FailureDetails { code, message } })
}
