//! The gateway component: the first to see every request, and the only one that reaches an MCP server.
//!
//! It decides nothing itself (`gatehouse-gateway` does), and everything that is not its own goes on to the next component.

mod answer;
mod answering;
mod bindings;
mod delete;
mod exchange;
mod federated;
mod legacy_events;
mod legacy_messages;
mod listen;
mod one;
mod places;
mod post;
mod rates;
mod readiness;
mod reading;
mod rejection;
mod rewriting;
mod schema;
mod session;
mod upstream;

use gatehouse_gateway::{Decision, Origin, Route};
use http::Method;
use shell_http::inbound;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::bindings::wasi::http::incoming_handler as next;

struct Gateway;

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let Ok(head) = inbound::head(&request) else {
            return inbound::respond(out, gatehouse_gateway::malformed_request());
        };
        let configuration = shell_settings::configuration();
        if let Err(error) = &configuration {
            not_configured(head.method().as_str(), &error.to_string());
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
                Route::Mcp(endpoint) => exchange::serve(endpoint, &head, &request, out),
                Route::Elsewhere => next::handle(request, out),
            },
        }
    }
}

fn not_configured(method: &str, reason: &str) {
    let time = shell_http::now_in_milliseconds();
    log(&Decision {
        time,
        event: "not-configured",
        method,
        status: Some(503),
        reason: Some(reason),
        ..Decision::default()
    });
}

/// A line that is about no request of a client.
fn log_event(event: &'static str, route: Option<&str>, reason: &str) {
    let time = shell_http::now_in_milliseconds();
    log(&Decision { time, event, route, reason: Some(reason), ..Decision::default() });
}

/// Standard error is where every host keeps a component's log.
fn log(decision: &Decision<'_>) {
    eprintln!("{decision}");
}
