//! The first to see a request where a composition has telemetry: it says when the request begins and when it ends, and hands it on.
//!
//! It is a component of its own, because the one that learns the rest stands behind all others, and no component can stand at both ends.

mod bindings;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::gatehouse::telemetry::requests;
use crate::bindings::wasi::http::incoming_handler as next;

struct Front;

impl Guest for Front {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        requests::began(&request);
        // It returns when the answer has been handed over to its last byte, for a stream, too.
        next::handle(request, out);
        requests::ended();
    }
}

/// The macro's code needs unsafe.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Front;

    wasip2::http::proxy::export!(Front);
}
