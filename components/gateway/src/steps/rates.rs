//! How often a caller may ask.

use core::time::Duration;

use gatehouse_configuration::Counted as Per;
use gatehouse_gateway::{PostedMessages, Refusal};
use gatehouse_rate_limit::{Caller as Counted, Verdict};
use gatehouse_storage::StoreUnavailable;
use shell_http::now_in_milliseconds;
use shell_store::HostStore;

use crate::caller::Caller;
use crate::context::RequestContext;

/// Counts this many requests of the caller.
///
/// # Errors
/// Where one is too many, or nothing can be counted.
pub(crate) fn take(context: &mut RequestContext<'_>, caller: &Caller, requests: usize) -> Result<(), Refusal> {
    if context.endpoint.route.rates.is_empty() || requests == 0 {
        return Ok(());
    }
    let requests = u32::try_from(requests).unwrap_or(u32::MAX);
    let now = Duration::from_millis(now_in_milliseconds());
    let taken = gatehouse_rate_limit::take(&HostStore, now, context.endpoint.route, &counted(caller), requests);
    settle(context, taken)
}

/// Counts a request of its address, whoever makes it and whatever becomes of it.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_of_address(context: &mut RequestContext<'_>) -> Result<(), Refusal> {
    let route = context.endpoint.route;
    if !route.rates.iter().any(|rate| rate.per == Per::Address) {
        return Ok(());
    }
    let (now, address) = (Duration::from_millis(now_in_milliseconds()), context.client.counted());
    let taken = gatehouse_rate_limit::take_of_address(&HostStore, now, route.path.as_str(), &route.rates, &address);
    settle(context, taken)?;
    context.taken = core::mem::take(&mut context.taken).for_good();
    Ok(())
}

/// Counts the calls of tools among these messages.
///
/// # Errors
/// Where one is too many, or nothing can be counted.
pub(crate) fn take_tools(
    context: &mut RequestContext<'_>,
    caller: &Caller,
    posted: &PostedMessages,
) -> Result<(), Refusal> {
    if context.endpoint.route.rates.is_empty() {
        return Ok(());
    }
    let tools: Vec<String> = posted.tool_calls().into_iter().filter_map(|call| call.param("name")).collect();
    if tools.is_empty() {
        return Ok(());
    }
    let (now, route) = (Duration::from_millis(now_in_milliseconds()), context.endpoint.route);
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let taken = gatehouse_rate_limit::take_tools(&HostStore, now, route, &counted(caller), &tools);
    settle(context, taken)
}

fn counted(caller: &Caller) -> Counted<'_> {
    Counted { subject: caller.identity.subject.as_str(), client_id: caller.identity.client_id.as_str() }
}

fn settle(context: &mut RequestContext<'_>, verdict: Result<Verdict, StoreUnavailable>) -> Result<(), Refusal> {
    let unavailable = |error| Refusal::Unavailable(format!("requests cannot be counted: {error}"));
    let before = core::mem::take(&mut context.taken);
    match verdict.map_err(unavailable)? {
        Verdict::Within(taken) => {
            context.taken = before.and(taken);
            Ok(())
        }
        Verdict::Exceeded { standing, retry_after } => {
            // What is refused for a tool's rate was counted in the others before its body was read.
            before.give_back(&HostStore).map_err(unavailable)?;
            Err(Refusal::TooManyRequests { retry_after, fields: standing.fields().into_iter().collect() })
        }
    }
}
