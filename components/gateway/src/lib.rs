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

use gatehouse_configuration::gateway::{Configuration, Server};
use gatehouse_gateway::{Found, Origin, Route, Routes};
use http::{Method, Request};
use shell_configuration::SettingsError;
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
        let method = head.method();
        if Route::is_health(head.uri()) {
            let usable = shell_configuration::gateway().map_err(|error| log_not_configured(&head, &error));
            return inbound::respond(out, gatehouse_gateway::health(method, usable.is_ok()));
        }
        let target = || match gatehouse_gateway::route(&Configured, head.uri())? {
            Route::Mcp(found) => Ok(Target::Mcp(found, shell_configuration::gateway()?)),
            Route::ProtectedResource(found) => Ok(Target::ProtectedResource(found, shell_configuration::gateway()?)),
            Route::Health | Route::Elsewhere if readiness::is_asked_at(head.uri()) => {
                shell_configuration::servers().map(Target::Readiness)
            }
            Route::Health | Route::Elsewhere => Ok(Target::Elsewhere),
        };
        match target() {
            Err(error) => {
                log_not_configured(&head, &error);
                inbound::respond(out, gatehouse_gateway::not_configured());
            }
            Ok(Target::Mcp(found, configuration)) => {
                dispatch::serve(found.endpoint(&configuration), &head, &request, out);
            }
            Ok(Target::ProtectedResource(found, configuration)) => {
                let origin = Origin::of(head.headers(), &configuration);
                inbound::respond(out, gatehouse_gateway::metadata(&found.endpoint(&configuration), &head, &origin));
            }
            Ok(Target::Readiness(servers)) => {
                let is_probe = matches!(*method, Method::GET | Method::HEAD);
                let is_ready = is_probe && readiness::is_ready(&servers);
                inbound::respond(out, gatehouse_gateway::health(method, is_ready));
            }
            Ok(Target::Elsewhere) => next::handle(request, out),
        }
    }
}

/// Whom a request is for, and what of the configuration that needs.
enum Target {
    Mcp(Box<Found>, Configuration),
    ProtectedResource(Box<Found>, Configuration),
    Readiness(Vec<Server>),
    Elsewhere,
}

/// The routes, each read when it is asked for.
struct Configured;

impl Routes for Configured {
    type Error = SettingsError;

    fn at(&self, path: &str) -> Result<Option<gatehouse_configuration::Route>, SettingsError> {
        shell_configuration::route(path)
    }

    fn only(&self) -> Result<Option<gatehouse_configuration::Route>, SettingsError> {
        shell_configuration::only_route()
    }
}

fn log_not_configured(head: &Request<()>, error: &SettingsError) {
    log::not_configured(head.method().as_str(), &error.to_string());
}

/// The macro's code needs unsafe.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Gateway;

    wasip2::http::proxy::export!(Gateway);
}
