//! `gatehouse:host/telemetry`: what a component tells of itself while it answers a request.
//!
//! Without a host, as in tests and without the feature `host`, nobody is told; the log goes to standard error.

mod bindings;

use http::{Request, StatusCode};

#[doc(hidden)]
pub use bindings::gatehouse::host;
pub use host::telemetry::Failure;
use host::telemetry::{self, Request as Described};

/// Whether there is a host.
const HAS_HOST: bool = cfg!(all(target_family = "wasm", feature = "host"));

/// Writes a line of the log, which is given without its end.
pub fn log(line: &str) {
    if HAS_HOST {
        telemetry::log(line);
    } else {
        eprintln!("{line}");
    }
}

/// Tells the status with which the client is answered.
pub fn answered(status: StatusCode) {
    if HAS_HOST {
        telemetry::answered(status.as_u16());
    }
}

/// A request to another party that is on its way.
#[derive(Debug)]
pub struct Sent(u32);

impl Sent {
    /// Tells that it goes there.
    pub fn now<T>(request: &Request<T>) -> Self {
        if !HAS_HOST {
            return Self(0);
        }
        let (uri, headers) = (request.uri(), request.headers());
        let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        Self(telemetry::sent(&Described {
            method: request.method().to_string(),
            host: uri.host().unwrap_or_default().to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            traceparent: headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned),
        }))
    }

    /// Tells that the head of its answer is there, with this status, or why there will be none.
    pub fn arrived(self, answer: Result<StatusCode, Failure>) {
        if HAS_HOST {
            telemetry::arrived(self.0, answer.map(|status| status.as_u16()));
        }
    }
}
