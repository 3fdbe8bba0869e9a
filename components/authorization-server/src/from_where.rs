//! Who may call an endpoint from where, and how often from one address: asked before anything else is looked at.

use core::time::Duration;

use gatehouse_configuration::Networks;
use gatehouse_rate_limit::{Verdict, take_of_address};
use shell_http::now_in_milliseconds;

use crate::context::Context;

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The address may not come here, or is not known. The text is for the log.
    Network(String),
    /// Too many requests have come from the address. Seconds until there may be more.
    TooMany(u64),
    /// Nothing can be counted. The text is for the log.
    Uncounted(String),
}

/// Whether the request's address may come here.
///
/// # Errors
/// Where it may not.
pub(crate) fn check(context: &Context, networks: &Networks) -> Result<(), Stopped> {
    context.client.check(networks).map_err(Stopped::Network)
}

/// Counts the request among those of its address, whatever becomes of it.
///
/// # Errors
/// Where it is one too many, or cannot be counted.
pub(crate) fn count(context: &Context) -> Result<(), Stopped> {
    let rates = &context.configuration.rates;
    if rates.is_empty() {
        return Ok(());
    }
    let now = Duration::from_millis(now_in_milliseconds());
    match take_of_address(&context.store, now, "", rates, &context.client.counted()) {
        Ok(Verdict::Within(_)) => Ok(()),
        Ok(Verdict::Exceeded { retry_after, .. }) => Err(Stopped::TooMany(retry_after)),
        Err(error) => Err(Stopped::Uncounted(format!("requests cannot be counted: {error}"))),
    }
}
