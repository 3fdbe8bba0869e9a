//! The environments of sandboxes: each sandbox is asked while the page is made.

use gatehouse_audit_log::X_REQUEST_ID;
use gatehouse_authorization_server::administration::environments::{
    EnvironmentPage, LARGEST_ANSWER, ReturnedText, end_request, list_request, read_ended, read_page,
};
use gatehouse_configuration::SandboxEnvironments;
use gatehouse_protocol::{SecretString, Subject};
use http::{Request, Response};
use shell_http::outbound::{Limits, fetch_within};
use shell_http::{Milliseconds, elapsed};

use crate::context::Context;
use crate::log::Details;
use crate::pages::RouteEnvironments;

/// What the log calls looking at them.
pub(super) const FIND: &str = "administration-environments";
/// For which a sandbox is waited for; for all of them together, so that the page comes; and where one ends an environment.
const TIME: Milliseconds = 2_000;
const TIME_IN_ALL: Milliseconds = 5_000;
const TIME_TO_END: Milliseconds = 10_000;

/// Those of each route; of one route, from another place of the list on.
pub(super) fn of(context: &Context, from: Option<&(String, ReturnedText)>) -> Vec<RouteEnvironments> {
    let give_up = elapsed().saturating_add(TIME_IN_ALL);
    let routes = context.configuration.environments.iter().map(|(route, sandbox)| {
        let from = from.filter(|(path, _)| path == route.as_str()).map(|(_, from)| from);
        let page = listed(context, sandbox, from, TIME.min(give_up.saturating_sub(elapsed())));
        if let Err(reason) = &page {
            context.log.failed_about(FIND, Details { route: Some(route.as_str()), ..Details::default() }, reason);
        }
        RouteEnvironments { path: route.as_str().to_owned(), page: page.ok() }
    });
    routes.collect()
}

fn listed(
    context: &Context,
    sandbox: &SandboxEnvironments,
    from: Option<&ReturnedText>,
    time: Milliseconds,
) -> Result<EnvironmentPage, String> {
    let request = list_request(&sandbox.url, &secret(sandbox)?, from);
    read_page(&answer(context, request, time)?)
}

/// Ends one of a route; whose it was, `None` where there is none.
pub(super) fn end(context: &Context, route: &str, handle: &ReturnedText) -> Result<Option<Subject>, String> {
    let mut routes = context.configuration.environments.iter();
    let Some((_, sandbox)) = routes.find(|(path, _)| path.as_str() == route) else { return Ok(None) };
    let request = end_request(&sandbox.url, &secret(sandbox)?, handle);
    read_ended(&answer(context, request, TIME_TO_END)?)
}

fn secret(sandbox: &SandboxEnvironments) -> Result<SecretString, String> {
    shell_configuration::secret(&sandbox.secret).map_err(|error| error.to_string())
}

fn answer(
    context: &Context,
    request: Option<Request<Vec<u8>>>,
    time: Milliseconds,
) -> Result<Response<Vec<u8>>, String> {
    let mut request = request.ok_or("the sandbox's secret cannot be sent in a header")?;
    // The sandbox's own lines have it.
    request.headers_mut().insert(X_REQUEST_ID, context.log.request_id().to_header_value());
    fetch_within(&request, LARGEST_ANSWER, Limits::SHORT, time).map_err(|error| format!("the sandbox: {error}"))
}
