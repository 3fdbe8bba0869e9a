//! `gatehouse:host/telemetry`, of which the adapters keep nothing but the log, and `gatehouse:host/otel`.

use wasip2::cli::stderr::get_stderr;

use crate::bindings::exports::gatehouse::host::otel::{Encoding, Guest as Otel};
use crate::bindings::exports::gatehouse::host::telemetry::{Failure, Guest, Request};
use crate::{Adapter, Platform};

/// What WASI takes by one blocking write, in bytes.
const BLOCKING_WRITE: usize = 4096;

impl<P: Platform + 'static> Guest for Adapter<P> {
    /// To standard error, which is where every host keeps a component's log. Not by way of the standard library, which asks the host some
    /// ten questions before its first line.
    fn log(line: String) {
        let line = line + "\n";
        let standard_error = get_stderr();
        let mut pieces = line.as_bytes().chunks(BLOCKING_WRITE);
        // What the standard library does where nobody takes the line ends the instance: nobody would read what it does.
        if !pieces.all(|piece| standard_error.blocking_write_and_flush(piece).is_ok()) {
            eprint!("{line}");
        }
    }

    fn answered(_: u16) {}

    fn sent(_: Request) -> u32 {
        0
    }

    fn arrived(_: u32, _: Result<u16, Failure>) {}
}

impl<P: Platform + 'static> Otel for Adapter<P> {
    fn attribute_values() -> Encoding {
        if P::OTEL_VALUES_ARE_JSON { Encoding::Json } else { Encoding::Text }
    }

    fn takes_metrics() -> bool {
        P::OTEL_METRICS
    }
}
