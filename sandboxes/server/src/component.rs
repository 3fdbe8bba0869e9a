//! The component: WASI's request in, WASI's response out.

use core::cell::Cell;

use http::StatusCode;
use shell_http::Milliseconds;
use shell_http::inbound::{self, Writer};
use shell_settings::host::settings;
use shell_store::HostStore;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::answers;
use crate::configuration::Configuration;
use crate::host::{Host as _, WasiHost};
use crate::log::{self, Ids, Line};
use crate::progress::Events;
use crate::sandbox::Sandbox;
use crate::server::Answer;

/// Bytes of a request's body: code, with what stands around it.
const LARGEST_BODY: usize = 1 << 20;

/// Milliseconds that a client has to take what is left of its events when the run has ended. The run is kept by then, whatever the client
/// does.
const LAST_EVENT: Milliseconds = 10_000;

struct Component;

impl wasip2::exports::http::incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let configuration = match Configuration::read(|name| settings::get(name).map_err(|error| format!("{error:?}")))
        {
            Ok(configuration) => configuration,
            Err(error) => {
                let reason = error.to_string();
                let line =
                    Line { event: "configuration", decision: "failed", reason: Some(&reason), ..Line::default() };
                WasiHost.log(&log::written(WasiHost.now_in_milliseconds(), &Ids::default(), &line));
                let text = "Not configured; see the log";
                return inbound::respond(out, answers::refused(StatusCode::SERVICE_UNAVAILABLE, text));
            }
        };
        let server = Sandbox {
            host: &WasiHost,
            store: &HostStore,
            configuration: &configuration,
            has_written: Cell::new(false),
        };
        let head = match inbound::head(&request) {
            Ok(head) => head,
            Err(error) => return inbound::respond(out, answers::refused(error.status(), &error.to_string())),
        };
        if let Some(answer) = server.answer_to_head(&head) {
            inbound::drain(&request);
            inbound::respond(out, answer);
            return server.sweep();
        }
        let body = match inbound::body(&request, head.headers(), LARGEST_BODY) {
            Ok(body) => body,
            Err(error) => return inbound::respond(out, answers::refused(error.status(), &error.to_string())),
        };
        match server.answer(&head.map(|()| body)) {
            Answer::Whole(response) => inbound::respond(out, response),
            Answer::Stream(streamed) => {
                if let Some(writer) = Writer::open(out, StatusCode::OK, &answers::event_stream()) {
                    let last = server.stream(*streamed, &writer);
                    writer.at_most(LAST_EVENT).finish_with(&last);
                }
            }
        }
        server.sweep();
    }
}

wasip2::http::proxy::export!(Component);

impl Events for Writer {
    fn offer(&self, bytes: &[u8]) -> Option<usize> {
        self.write_some(bytes).ok()
    }

    fn is_there(&self) -> bool {
        self.has_reader()
    }
}
