//! An answer on its way to the client.

use gatehouse_configuration::Limits;
use http_shell::inbound::Writer;
use http_shell::outbound::{Arrival, Exchanges};
use http_shell::{Milliseconds, elapsed};

/// How often a silent answer is asked whether its reader is still there. Without it, a client that leaves during silence
/// would hold the upstream's connection until the next event.
pub(crate) const TICK: Milliseconds = 1000;

/// How an answer came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The upstream ended it.
    Complete,
    /// The upstream broke it off.
    SourceBroken,
    /// The client went away.
    ReaderGone,
    /// The route's limit for streams was reached.
    TimeUp,
}

/// The time that a stream has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    idle: Milliseconds,
    total: Milliseconds,
    started: Milliseconds,
    heard: Milliseconds,
}

impl Patience {
    /// As long as `limits` say, from now on.
    pub(crate) fn of(limits: &Limits) -> Self {
        let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
        let now = elapsed();
        Self {
            idle: milliseconds(limits.stream_idle),
            total: milliseconds(limits.stream_total),
            started: now,
            heard: now,
        }
    }

    /// Something came.
    pub(crate) fn heard(&mut self) {
        self.heard = elapsed();
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        let now = elapsed();
        now.saturating_sub(self.heard) >= self.idle || now.saturating_sub(self.started) >= self.total
    }

    /// All the time that there is left.
    pub(crate) fn left(&self) -> Milliseconds {
        self.total.saturating_sub(elapsed().saturating_sub(self.started))
    }
}

/// Passes every byte on as soon as it arrives, until either side ends. `tick` is called about once a second, and ends
/// the answer when it returns false.
pub(crate) fn relay(
    exchanges: &mut Exchanges,
    writer: Writer,
    mut patience: Patience,
    mut tick: impl FnMut() -> bool,
) -> End {
    let writer = writer.at_most(patience.left());
    let mut ticked = elapsed();
    loop {
        match exchanges.next(TICK) {
            Arrival::Piece(_, bytes) => {
                patience.heard();
                if writer.write(&bytes).is_err() {
                    return End::ReaderGone;
                }
            }
            Arrival::End(_) => {
                writer.finish();
                return End::Complete;
            }
            Arrival::Broken(_) | Arrival::NoAnswer(..) => return End::SourceBroken,
            Arrival::Head(..) => {}
            Arrival::Tick if !writer.has_reader() => return End::ReaderGone,
            Arrival::Tick => {}
        }
        if elapsed().saturating_sub(ticked) >= TICK {
            ticked = elapsed();
            if patience.is_over() || !tick() {
                writer.finish();
                return End::TimeUp;
            }
        }
    }
}
