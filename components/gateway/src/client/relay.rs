//! An answer that passes as it is.

use gatehouse_gateway::Refusal;
use gatehouse_mcp_wire::event_stream::Event;
use shell_http::elapsed;
use shell_http::inbound::Writer;
use shell_http::outbound::{Arrival, Exchanges};

use crate::client::clock::{Patience, TICK};
use crate::client::sink::keep;
use crate::end::{End, Gone};
use crate::permit::Place;

/// Passes every byte on as soon as it arrives, until either side ends. `farewell` is what the client of an event stream is
/// told where there is no place for it any more.
pub(crate) fn relay(
    exchanges: &mut Exchanges,
    writer: Writer,
    mut patience: Patience,
    place: &mut Place<'_>,
    farewell: impl FnOnce(&Refusal) -> Option<Event>,
) -> End {
    let writer = writer.at_most(patience.left());
    let (mut waited, mut ending) = (elapsed(), Ending::default());
    loop {
        match exchanges.next(TICK) {
            Arrival::Piece(_, bytes) => {
                patience.heard();
                ending.note(&bytes);
                if writer.write(&bytes).is_err() {
                    return End::Gone(Gone::Reader);
                }
            }
            Arrival::End(_) => {
                writer.finish();
                return End::Complete;
            }
            Arrival::Broken(_) | Arrival::NoAnswer(..) => {
                return End::Failed(Refusal::UpstreamMalformed("it broke off"));
            }
            Arrival::Head(..) => {}
            Arrival::Tick if !writer.has_reader() => return End::Gone(Gone::Reader),
            Arrival::Tick => {}
        }
        if elapsed().saturating_sub(waited) >= TICK {
            waited = elapsed();
            let kept = if patience.is_over() { Err(End::Gone(Gone::Time)) } else { keep(place) };
            let Err(end) = kept else { continue };
            // A subscription may end; half an answer must not look like a whole one.
            if place.is_of_stream() {
                writer.finish();
            } else if let End::NoPlace(refusal) = &end
                && ending.is_between_events()
                && let Some(event) = farewell(refusal)
                && writer.write(&event.to_bytes()).is_ok()
            {
                writer.finish();
            }
            return end;
        }
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Ending(Vec<u8>);

impl Ending {
    fn note(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.drain(..self.0.len().saturating_sub(4));
    }

    /// Whether another event can follow.
    fn is_between_events(&self) -> bool {
        self.0.is_empty() || ["\n\n", "\r\n\r\n", "\r\r"].iter().any(|end| self.0.ends_with(end.as_bytes()))
    }
}
