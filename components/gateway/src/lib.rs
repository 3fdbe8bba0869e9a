//! The gateway component: the first to see every request, and the only one that reaches an MCP server.
//!
//! It decides nothing itself (`gatehouse-gateway` does), and everything that is not its own goes on to the next component.

mod bindings;
mod caller;
mod client;
mod dispatch;
mod end;
mod log;
mod permit;
mod posted;
mod rejection;
mod request;
mod steps;
mod upstream;
mod ways;

use gatehouse_gateway::{Origin, Route};
use http::Method;
use shell_http::inbound;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::wasi::http::incoming_handler as next;
use crate::ways::readiness;

struct Gateway;

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let Ok(head) = inbound::head(&request) else {
            return inbound::respond(out, gatehouse_gateway::malformed_request());
        };
        let configuration = shell_settings::configuration();
        if let Err(error) = &configuration {
            log::not_configured(head.method().as_str(), &error.to_string());
        }
        match configuration {
            usable if Route::is_health(head.uri()) => {
                inbound::respond(out, gatehouse_gateway::health(head.method(), usable.is_ok()));
            }
            Err(_) => inbound::respond(out, gatehouse_gateway::not_configured()),
            Ok(configuration) if readiness::is_asked_at(head.uri()) => {
                let is_probe = matches!(*head.method(), Method::GET | Method::HEAD);
                let is_ready = is_probe && readiness::is_ready(&configuration);
                inbound::respond(out, gatehouse_gateway::health(head.method(), is_ready));
            }
            Ok(configuration) => match gatehouse_gateway::route(&configuration, head.uri()) {
                Route::Health => inbound::respond(out, gatehouse_gateway::health(head.method(), true)),
                Route::ProtectedResource(endpoint) => {
                    let origin = Origin::of(head.headers(), &configuration);
                    inbound::respond(out, gatehouse_gateway::metadata(&endpoint, &head, &origin));
                }
                Route::Mcp(endpoint) => dispatch::serve(endpoint, &head, &request, out),
                Route::Elsewhere => next::handle(request, out),
            },
        }
    }
}

/// The macro's code needs unsafe.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Gateway;

    wasip2::http::proxy::export!(Gateway);
}
