//! Requests that last: a stream acquires a permit at its beginning, any other request when it has waited for a second.

use gatehouse_mcp_wire::json_rpc::{Body, Message};
use gatehouse_protocol::UnixTime;
use gatehouse_rate_limit::long_requests::{
    self, Acquisition, ExhaustedLimit, LongRequestKind, Permit, PermitRequest, Renewal,
};
use gatehouse_storage::{Store, StoreUnavailable};

use crate::{Caller, Clock, Endpoint, LongRequestLimit, Milliseconds, Refusal};

/// After this time of waiting for a server, a request is one that lasts. Nothing is counted of what is over by then.
const AFTER: Milliseconds = 1_000;
/// How often a permit is renewed: a few times in each minute.
const RENEW_EVERY: Milliseconds = 20_000;
/// What is asked of a server that may take its time.
const CALLS: [&str; 4] = ["tools/call", "resources/read", "prompts/get", "completion/complete"];

/// The permit of a request to last, from before it has one.
#[derive(Debug)]
pub struct LongRequest<'a> {
    request: PermitRequest<'a>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It acquires one at this time.
    NotYet(Milliseconds),
    /// It has one, renewed at this time.
    Held(Permit, Milliseconds),
    /// Others have it.
    Lost,
}

/// A permit that need not end its request.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It is held, or not needed yet.
    Held,
    /// Nothing can be counted at the moment; why. What is under way goes on.
    NotCounted(StoreUnavailable),
}

impl<'a> LongRequest<'a> {
    /// Acquires a permit for a stream.
    ///
    /// # Errors
    /// Where none is left, or nothing can be counted.
    pub fn stream(
        store: &impl Store,
        clock: &impl Clock,
        endpoint: &Endpoint<'a>,
        caller: &'a Caller,
    ) -> Result<Self, Refusal> {
        let request = permit_request(endpoint, caller, LongRequestKind::Stream);
        match long_requests::acquire(store, clock.now(), &request).map_err(unavailable)? {
            Acquisition::Granted(permit) => Ok(Self { request, state: State::Held(permit, clock.elapsed()) }),
            Acquisition::Exhausted(limit) => Err(refusal(LongRequestKind::Stream, limit)),
        }
    }

    /// A request that may last; it acquires no permit before it does.
    pub fn call(clock: &impl Clock, endpoint: &Endpoint<'a>, caller: &'a Caller) -> Self {
        let request = permit_request(endpoint, caller, LongRequestKind::Call);
        Self { request, state: State::NotYet(clock.elapsed().saturating_add(AFTER)) }
    }

    /// Whether it is a stream, which may end at any time.
    pub fn is_stream(&self) -> bool {
        self.request.kind == LongRequestKind::Stream
    }

    /// Acquires the permit when it is time, and renews it; to be called about once a second.
    ///
    /// # Errors
    /// [`Refusal::TooManyLongRequests`] where none is left: then the request must end.
    pub fn renew(&mut self, store: &impl Store, clock: &impl Clock) -> Result<Renewed, Refusal> {
        let elapsed = clock.elapsed();
        let limit = match &mut self.state {
            State::NotYet(time) if elapsed < *time => return Ok(Renewed::Held),
            State::NotYet(time) => match long_requests::acquire(store, clock.now(), &self.request) {
                Ok(Acquisition::Granted(permit)) => {
                    self.state = State::Held(permit, elapsed);
                    return Ok(Renewed::Held);
                }
                Ok(Acquisition::Exhausted(limit)) => limit,
                Err(error) => {
                    *time = elapsed.saturating_add(RENEW_EVERY);
                    return Ok(Renewed::NotCounted(error));
                }
            },
            State::Held(_, renewed) if elapsed.saturating_sub(*renewed) < RENEW_EVERY => return Ok(Renewed::Held),
            State::Held(permit, renewed) => {
                *renewed = elapsed;
                match long_requests::renew(store, clock.now(), permit) {
                    Ok(Renewal::Held) => return Ok(Renewed::Held),
                    Ok(Renewal::Lost(limit)) => limit,
                    Err(error) => return Ok(Renewed::NotCounted(error)),
                }
            }
            State::Lost => ExhaustedLimit::Subject,
        };
        self.state = State::Lost;
        Err(refusal(self.request.kind, limit))
    }

    /// Gives the permit back, if there is one.
    ///
    /// # Errors
    /// Where the store does not answer; it then counts for up to two minutes.
    pub fn release(&mut self, store: &impl Store, clock: &impl Clock) -> Result<(), StoreUnavailable> {
        match core::mem::replace(&mut self.state, State::Lost) {
            State::Held(permit, _) => long_requests::release(store, clock.now(), permit),
            State::NotYet(_) | State::Lost => Ok(()),
        }
    }
}

/// Refuses calls for which there would be no permit, as far as that is known before any server is asked: so that a client that
/// comes again does not do anything twice. What is known already is in `known`; else the store is asked, and of calls alone.
///
/// # Errors
/// Where the caller has as many calls under way as may be ([`long_requests::calls_full_note`] tells), or nobody can tell.
pub fn check_calls_under_way(
    known: Option<bool>,
    store: &impl Store,
    now: UnixTime,
    endpoint: &Endpoint<'_>,
    caller: &Caller,
    body: &Body,
) -> Result<(), Refusal> {
    let is_call = |message: &Message| message.call().is_some_and(|call| CALLS.contains(&call.method.as_str()));
    if !body.messages().iter().any(is_call) {
        return Ok(());
    }
    let are_full = match known {
        Some(known) => known,
        None => {
            long_requests::calls_are_full(store, now, endpoint.path(), caller.subject.as_str()).map_err(unavailable)?
        }
    };
    if are_full { Err(Refusal::TooManyLongRequests(LongRequestLimit::CallsOfSubject)) } else { Ok(()) }
}

fn permit_request<'a>(endpoint: &Endpoint<'a>, caller: &'a Caller, kind: LongRequestKind) -> PermitRequest<'a> {
    let (of_subject, in_all) =
        (endpoint.configuration.long_requests_of_subject(), endpoint.configuration.long_requests);
    PermitRequest { route: endpoint.route, subject: caller.subject.as_str(), kind, of_subject, in_all }
}

fn refusal(kind: LongRequestKind, limit: ExhaustedLimit) -> Refusal {
    Refusal::TooManyLongRequests(match (kind, limit) {
        (LongRequestKind::Stream, ExhaustedLimit::Subject) => LongRequestLimit::StreamsOfSubject,
        (LongRequestKind::Stream, ExhaustedLimit::Route) => LongRequestLimit::StreamsOfRoute,
        (LongRequestKind::Call, ExhaustedLimit::Subject) => LongRequestLimit::CallsOfSubject,
        (LongRequestKind::Call, ExhaustedLimit::Route) => LongRequestLimit::CallsOfRoute,
        (LongRequestKind::Stream | LongRequestKind::Call, ExhaustedLimit::AllOfSubject) => {
            LongRequestLimit::AllOfSubject
        }
        (LongRequestKind::Stream | LongRequestKind::Call, ExhaustedLimit::All) => LongRequestLimit::All,
    })
}

fn unavailable(error: StoreUnavailable) -> Refusal {
    Refusal::Unavailable(format!("requests that last cannot be counted: {error}"))
}

#[cfg(test)]
mod tests;
