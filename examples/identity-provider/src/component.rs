//! The component: WASI's request in, WASI's response out.

use http::{Request, Response, StatusCode};
use shell_http::inbound::{self, Unreadable};
use shell_http::{SystemEntropy, now};
use shell_settings::host::settings;
use shell_store::HostStore;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::settings::Settings;
use crate::{answers, provider};

/// Bytes of a request's body; the largest is the login form.
const LARGEST_BODY: usize = 64 * 1024;

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
            eprintln!("demo identity provider: {error}");
            return answers::text(StatusCode::SERVICE_UNAVAILABLE, "not configured; see the log");
        }
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => return answers::text(error.status(), &error.to_string()),
    };
    provider::answer(&request, &settings, now(), &mut SystemEntropy, &HostStore).unwrap_or_else(|failure| {
        eprintln!("demo identity provider: {failure}");
        answers::text(StatusCode::SERVICE_UNAVAILABLE, "unavailable; see the log")
    })
}
