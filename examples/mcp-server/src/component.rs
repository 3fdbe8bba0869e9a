//! The component: WASI's request in, WASI's response out.

use http::{Request, Response, StatusCode};
use shell_http::inbound::{self, Unreadable};
use shell_http::now;
use shell_settings::host::settings;
use shell_store::HostStore;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::settings::Settings;
use crate::{answers, server};

/// Bytes of a request's body: the largest snippet, every character of it escaped, and what stands around it.
const LARGEST_BODY: usize = 512 * 1024;

struct Component;

impl wasip2::exports::http::incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        inbound::serve(&request, out, LARGEST_BODY, respond);
    }
}

wasip2::http::proxy::export!(Component);

fn respond(request: Result<Request<Vec<u8>>, Unreadable>) -> Response<Vec<u8>> {
    let settings = match Settings::read(|name| settings::get(name).map_err(|error| format!("{error:?}"))) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("demo MCP server: {error}");
            return answers::refused(StatusCode::SERVICE_UNAVAILABLE, "Not configured; see the log");
        }
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => return answers::refused(error.status(), &error.to_string()),
    };
    server::answer(&request, &settings, now(), &HostStore, &mut |failure| eprintln!("demo MCP server: {failure}"))
}
