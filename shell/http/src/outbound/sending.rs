//! The body of a request, on its way while something else is waited for.

use wasip2::http::types::OutgoingBody;
use wasip2::io::poll::Pollable;
use wasip2::io::streams::OutputStream;

use super::no_answer::{NoAnswer, failed, refused};
use crate::streams;

/// The part of a body that is still to be sent.
///
/// The other side may answer before it has read everything, and then stop reading: whoever writes the whole body before
/// looking at the answer waits for ever.
pub(super) struct Sending {
    // Dropped in this order: WASI traps where a body goes before its stream.
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    sent: usize,
}

impl Sending {
    /// Begins to send; `None` where there is nothing to.
    pub(super) fn begin(body: OutgoingBody, bytes: Vec<u8>) -> Result<Option<Self>, NoAnswer> {
        if bytes.is_empty() {
            OutgoingBody::finish(body, None).map_err(refused)?;
            return Ok(None);
        }
        let stream = body.write().map_err(|()| failed("no stream"))?;
        Ok(Some(Self { stream, body, bytes, sent: 0 }))
    }

    /// Sends what there is room for now; `None` when nothing is left, or the other side takes no more.
    pub(super) fn go_on(mut self) -> Option<Self> {
        loop {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                let Self { stream, body, .. } = self;
                let _wants_no_more = stream.flush();
                drop(stream);
                let _wants_no_more = OutgoingBody::finish(body, None);
                return None;
            }
            match streams::write_some(&self.stream, rest) {
                Ok(0) => return Some(self),
                Ok(taken) => self.sent = self.sent.saturating_add(taken),
                Err(_) => return None,
            }
        }
    }

    /// Ready when there is room.
    pub(super) fn subscribe(&self) -> Pollable {
        self.stream.subscribe()
    }
}
