//! How often a caller may ask.

use core::time::Duration;

use gatehouse_gateway::Refusal;
use gatehouse_rate_limit::{Caller as Counted, Verdict};
use gatehouse_storage::StoreUnavailable;
use shell_http::now_in_milliseconds;
use shell_store::HostStore;

use crate::caller::Caller;
use crate::request::Exchange;

/// Counts this many requests of the caller.
///
/// # Errors
/// Where one is too many, or nothing can be counted.
pub(crate) fn take(exchange: &mut Exchange<'_>, caller: &Caller, requests: usize) -> Result<(), Refusal> {
    if exchange.endpoint.route.rates.is_empty() {
        return Ok(());
    }
    let requests = u32::try_from(requests).unwrap_or(u32::MAX);
    let now = Duration::from_millis(now_in_milliseconds());
    let taken = gatehouse_rate_limit::take(&HostStore, now, exchange.endpoint.route, &counted(caller), requests);
    judge(exchange, taken)
}

/// Counts calls of these tools.
///
/// # Errors
/// Where one is too many, or nothing can be counted.
pub(crate) fn take_tools(exchange: &mut Exchange<'_>, caller: &Caller, tools: &[&str]) -> Result<(), Refusal> {
    if exchange.endpoint.route.rates.is_empty() || tools.is_empty() {
        return Ok(());
    }
    let now = Duration::from_millis(now_in_milliseconds());
    let taken = gatehouse_rate_limit::take_tools(&HostStore, now, exchange.endpoint.route, &counted(caller), tools);
    judge(exchange, taken)
}

fn counted(caller: &Caller) -> Counted<'_> {
    Counted { subject: &caller.principal.subject, client_id: &caller.principal.client_id }
}

fn judge(exchange: &mut Exchange<'_>, verdict: Result<Verdict, StoreUnavailable>) -> Result<(), Refusal> {
    let unavailable = |error| Refusal::Unavailable(format!("requests cannot be counted: {error}"));
    let before = core::mem::take(&mut exchange.taken);
    match verdict.map_err(unavailable)? {
        Verdict::Within(taken) => {
            exchange.taken = before.and(taken);
            Ok(())
        }
        Verdict::Exceeded { standing, retry_after } => {
            // What is refused for a tool's rate was counted in the others before its body was read.
            before.give_back(&HostStore).map_err(unavailable)?;
            Err(Refusal::TooManyRequests { retry_after, fields: standing.fields().into_iter().collect() })
        }
    }
}
