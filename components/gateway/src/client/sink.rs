//! Where events go.

use gatehouse_mcp_wire::event_stream::Event;

use crate::end::{End, Gone};
use crate::permit::Place;

/// Where events go.
pub(crate) trait Sink {
    /// Begins, before there is an event.
    fn begin(&mut self) -> Result<(), Gone>;

    /// Sends one.
    fn send(&mut self, event: &Event) -> Result<(), Gone>;

    /// There may be nothing to send; called about once a second.
    fn wait(&mut self) -> Result<(), Gone>;

    /// The upstreams answer with events, although they need not.
    fn prefer_events(&mut self) {}
}

/// A stream that has lost its place may end as if its time were over.
pub(crate) fn keep(place: &mut Place<'_>) -> Result<(), End> {
    place.keep().map_err(|refusal| if place.is_of_stream() { End::Gone(Gone::Time) } else { End::NoPlace(refusal) })
}
