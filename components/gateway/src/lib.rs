//! The gateway component: the first to see every request, and the only one that reaches an MCP server.
//!
//! It decides nothing itself (`gatehouse-gateway` does), and everything that is not its own goes on to the next component.
//! Its modules depend on each other in this order only:
//!
//! * this file, which is asked by the host, and `dispatch`;
//! * `ways`, one for each kind of endpoint and method;
//! * `steps` of a way, before a server is asked;
//! * `upstream`: what servers are sent, and who reads their answers;
//! * `client`: the answer on its way to the client;
//! * `context`, `caller`, `permit`, `clock` and `log`: what all of them are about.

mod bindings;
mod caller;
mod client;
mod clock;
mod context;
mod dispatch;
mod log;
mod permit;
mod steps;
mod upstream;
mod ways;

use gatehouse_gateway::{Origin, Probe, Route};
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
        let probe = Probe::of(head.uri());
        let configuration = shell_settings::configuration();
        if let Err(error) = &configuration {
            log::not_configured(head.method(), &error.to_string());
        }
        match (configuration, probe) {
            (usable, Some(Probe::Health)) => {
                inbound::respond(out, gatehouse_gateway::health(head.method(), usable.is_ok()));
            }
            (Err(_), _) => inbound::respond(out, gatehouse_gateway::not_configured()),
            (Ok(configuration), Some(Probe::Readiness)) => {
                let is_ready = Probe::is_asked_by(head.method()) && readiness::is_ready(&configuration);
                inbound::respond(out, gatehouse_gateway::health(head.method(), is_ready));
            }
            (Ok(configuration), None) => match gatehouse_gateway::route(&configuration, head.uri()) {
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
