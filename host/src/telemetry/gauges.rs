//! What is open, for as long as it is.

use gatehouse_telemetry::Stream;

use super::measuring::Measuring;

/// A client's connection, until it is dropped.
pub(crate) struct OpenConnection(Measuring);

impl OpenConnection {
    pub(crate) fn new(measuring: &Measuring) -> Self {
        measuring.connection(true);
        Self(measuring.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connection(false);
    }
}

/// A stream of events to a client, until it is dropped.
pub(crate) struct OpenStream(Measuring, Stream);

impl OpenStream {
    pub(crate) fn new(measuring: &Measuring, stream: Stream) -> Self {
        measuring.stream(stream, true);
        Self(measuring.clone(), stream)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.stream(self.1, false);
    }
}
