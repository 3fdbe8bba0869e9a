//! How often a caller may ask, and how many streams it may have open.

use core::time::Duration;

use gatehouse_mcp::Refusal;
use gatehouse_rate_limit::streams::{self, Kept, OpenStream};
use gatehouse_rate_limit::{Caller as Counted, Verdict};
use gatehouse_storage::StoreUnavailable;
use host_imports::HostStore;
use http_shell::{Milliseconds, elapsed, now, now_in_milliseconds};

use crate::exchange::{Caller, Exchange};
use crate::log_event;

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

/// How often an open stream says that it is there: a few times in each minute.
const KEEP_EVERY: Milliseconds = 20_000;

/// A place among the streams that a subject may have open. It is given back when this is dropped.
pub(crate) struct Place {
    stream: Option<OpenStream>,
    kept: Milliseconds,
}

impl Place {
    /// Takes a place.
    ///
    /// # Errors
    /// Where all are taken, or nothing can be counted.
    pub(crate) fn take(exchange: &Exchange<'_>, caller: &Caller) -> Result<Self, Refusal> {
        let stream = streams::open(&HostStore, now(), exchange.endpoint.route, &caller.principal.subject)
            .map_err(|error| Refusal::Unavailable(format!("streams cannot be counted: {error}")))?;
        let stream = stream.ok_or(Refusal::TooManyStreams)?;
        Ok(Self { stream: Some(stream), kept: elapsed() })
    }

    /// Keeps it; to be called about once a second. Whether the stream may go on.
    pub(crate) fn keep(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        if elapsed().saturating_sub(self.kept) < KEEP_EVERY {
            return true;
        }
        self.kept = elapsed();
        match streams::keep(&HostStore, now(), stream) {
            Ok(Kept::Open) => true,
            Ok(Kept::Lost) => {
                self.stream = None;
                false
            }
            Err(error) => {
                log_event("stream-not-counted", None, &error.to_string());
                true
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take()
            && let Err(error) = streams::close(&HostStore, now(), stream)
        {
            log_event("stream-not-counted", None, &error.to_string());
        }
    }
}
