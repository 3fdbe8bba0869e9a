//! What the server needs of its host, so that tests can give it.

use gatehouse_protocol::{Entropy, UnixTime};
use http::Request;
use shell_http::outbound::{Arrival, Exchanges, Limits};
use shell_http::{Milliseconds, SystemEntropy};

/// Time, randomness, the log, and the way to the interpreters.
pub trait Host {
    /// An answer that is on its way.
    type Answer: Arrivals;

    /// The time by the wall clock.
    fn now(&self) -> UnixTime;

    /// The same for the log.
    fn now_in_milliseconds(&self) -> Milliseconds;

    /// A clock that nobody sets.
    fn elapsed(&self) -> Milliseconds;

    /// Waits.
    fn wait(&self, time: Milliseconds);

    /// Randomness.
    fn entropy(&self) -> impl Entropy;

    /// Writes a line of the log.
    fn log(&self, line: &str);

    /// Sends a request.
    fn start(&self, request: Request<Vec<u8>>, limits: Limits) -> Self::Answer;
}

/// An answer as it arrives. Dropping it ends the exchange.
pub trait Arrivals {
    /// The next thing that arrives within `time`.
    fn next(&mut self, time: Milliseconds) -> Arrival;
}

impl Arrivals for Exchanges {
    fn next(&mut self, time: Milliseconds) -> Arrival {
        self.next(time)
    }
}

/// The host of a component.
#[derive(Clone, Copy, Debug)]
pub struct WasiHost;

impl Host for WasiHost {
    type Answer = Exchanges;

    fn now(&self) -> UnixTime {
        shell_http::now()
    }

    fn now_in_milliseconds(&self) -> Milliseconds {
        shell_http::now_in_milliseconds()
    }

    fn elapsed(&self) -> Milliseconds {
        shell_http::elapsed()
    }

    fn wait(&self, time: Milliseconds) {
        shell_http::wait(time);
    }

    fn entropy(&self) -> impl Entropy {
        SystemEntropy
    }

    fn log(&self, line: &str) {
        shell_http::log(&line);
    }

    fn start(&self, request: Request<Vec<u8>>, limits: Limits) -> Exchanges {
        let mut exchange = Exchanges::default();
        exchange.start(request, limits);
        exchange
    }
}
