//! Places for requests that last: a stream takes one at its beginning, any other request when it has waited for a second.

use gatehouse_gateway::{NoPlace, Refusal};
use gatehouse_mcp_wire::json_rpc::{Body, Message};
use gatehouse_rate_limit::places::{self, Answer, Asking, Full, Kept, Lasting};
use gatehouse_storage::StoreUnavailable;
use shell_http::{Milliseconds, elapsed, now};
use shell_store::HostStore;

use crate::caller::Caller;
use crate::log;
use crate::request::Exchange;

/// After this time of waiting for a server, a request is one that lasts. Nothing is counted of what is over by then.
const AFTER: Milliseconds = 1_000;
/// How often whoever has a place says so: a few times in each minute.
const KEEP_EVERY: Milliseconds = 20_000;
/// What is asked of a server that may take its time.
const CALLS: [&str; 4] = ["tools/call", "resources/read", "prompts/get", "completion/complete"];

/// The place of a request, once it has one. It is given back when this is dropped.
pub(crate) struct Place<'a> {
    asking: Asking<'a>,
    state: State,
}

enum State {
    /// It takes one at this time.
    NotYet(Milliseconds),
    /// It has one, and last said so at this time.
    Taken(places::Place, Milliseconds),
    /// Somebody else has it.
    Lost,
}

impl<'a> Place<'a> {
    /// Takes a place for a stream.
    ///
    /// # Errors
    /// Where all are taken, or nothing can be counted.
    pub(crate) fn of_stream(exchange: &'a Exchange<'_>, caller: &'a Caller) -> Result<Self, Refusal> {
        let asking = asking(exchange, caller, Lasting::Stream);
        match places::take(&HostStore, now(), &asking).map_err(unavailable)? {
            Answer::Taken(place) => Ok(Self { asking, state: State::Taken(place, elapsed()) }),
            Answer::Full(full) => Err(Refusal::NoPlace(no_place(Lasting::Stream, full))),
        }
    }

    /// The place of a request that may last; it takes none before it does.
    pub(crate) fn of_call(exchange: &'a Exchange<'_>, caller: &'a Caller) -> Self {
        let asking = asking(exchange, caller, Lasting::Call);
        Self { asking, state: State::NotYet(elapsed().saturating_add(AFTER)) }
    }

    /// Whether it is one of a stream, which may end at any time.
    pub(crate) fn is_of_stream(&self) -> bool {
        self.asking.lasting == Lasting::Stream
    }

    /// Takes it when it is time, and keeps it; to be called about once a second.
    ///
    /// # Errors
    /// Where all are taken: then the request must end. While nothing can be counted, what is under way goes on.
    pub(crate) fn keep(&mut self) -> Result<(), Refusal> {
        let elapsed = elapsed();
        let full = match &mut self.state {
            State::NotYet(time) if elapsed < *time => return Ok(()),
            State::NotYet(time) => match places::take(&HostStore, now(), &self.asking) {
                Ok(Answer::Taken(place)) => {
                    self.state = State::Taken(place, elapsed);
                    return Ok(());
                }
                Ok(Answer::Full(full)) => full,
                Err(error) => {
                    *time = elapsed.saturating_add(KEEP_EVERY);
                    not_counted(&error);
                    return Ok(());
                }
            },
            State::Taken(_, kept) if elapsed.saturating_sub(*kept) < KEEP_EVERY => return Ok(()),
            State::Taken(place, kept) => {
                *kept = elapsed;
                match places::keep(&HostStore, now(), place) {
                    Ok(Kept::Taken) => return Ok(()),
                    Ok(Kept::Lost(full)) => full,
                    Err(error) => {
                        not_counted(&error);
                        return Ok(());
                    }
                }
            }
            State::Lost => Full::Subject,
        };
        self.state = State::Lost;
        Err(Refusal::NoPlace(no_place(self.asking.lasting, full)))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let State::Taken(place, _) = core::mem::replace(&mut self.state, State::Lost)
            && let Err(error) = places::give_back(&HostStore, now(), place)
        {
            not_counted(&error);
        }
    }
}

/// Refuses calls for which there would be no place, as far as that is known before anybody is asked: so that who comes
/// again does not do anything twice.
///
/// # Errors
/// Where the caller's places are all taken, or it cannot be known.
pub(crate) fn check(exchange: &Exchange<'_>, caller: &Caller, body: &Body) -> Result<(), Refusal> {
    let is_call = |message: &Message| message.call().is_some_and(|call| CALLS.contains(&call.method.as_str()));
    if !body.messages().iter().any(is_call) {
        return Ok(());
    }
    let (route, subject) = (exchange.endpoint.route, &caller.principal.subject);
    match places::calls_are_full(&HostStore, now(), route, subject).map_err(unavailable)? {
        true => Err(Refusal::NoPlace(NoPlace::CallsOfSubject)),
        false => Ok(()),
    }
}

fn asking<'a>(exchange: &'a Exchange<'_>, caller: &'a Caller, lasting: Lasting) -> Asking<'a> {
    let (configuration, route) = (exchange.endpoint.configuration, exchange.endpoint.route);
    let (of_subject, in_all) = (configuration.long_requests_of_subject(), configuration.long_requests);
    Asking { route, subject: &caller.principal.subject, lasting, of_subject, in_all }
}

fn no_place(lasting: Lasting, full: Full) -> NoPlace {
    match (lasting, full) {
        (Lasting::Stream, Full::Subject) => NoPlace::StreamsOfSubject,
        (Lasting::Stream, Full::Route) => NoPlace::StreamsOfRoute,
        (Lasting::Call, Full::Subject) => NoPlace::CallsOfSubject,
        (Lasting::Call, Full::Route) => NoPlace::CallsOfRoute,
        (Lasting::Stream | Lasting::Call, Full::AllOfSubject) => NoPlace::AllOfSubject,
        (Lasting::Stream | Lasting::Call, Full::All) => NoPlace::All,
    }
}

fn unavailable(error: StoreUnavailable) -> Refusal {
    Refusal::Unavailable(format!("requests that last cannot be counted: {error}"))
}

fn not_counted(error: &StoreUnavailable) {
    log::event("not-counted", None, &error.to_string());
}
