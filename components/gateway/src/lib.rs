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
//! * `api_key`, which finds the caller with a key;
//! * `context`, `caller`, `permit`, `clock` and `log`: what all of them are about.

mod api_key;
mod bindings;
mod caller;
mod client;
mod clock;
mod context;
mod dispatch;
mod link_duty;
mod log;
mod permit;
mod steps;
mod upstream;
mod ways;

use gatehouse_configuration::gateway::{Configuration, Needs};
use gatehouse_gateway::readiness::Readiness;
use gatehouse_gateway::{Found, Probe, Route, Routes};
use http::Request;
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
        let target = || match Probe::of(head.uri()) {
            Some(probe) => {
                let configuration = shell_configuration::gateway()?;
                let client = shell_peer::client_address(head.headers(), &configuration.client_addresses);
                match (client.check(&configuration.probes), probe) {
                    (Err(_), _) => Ok(Target::Forbidden),
                    (Ok(()), Probe::Health) => Ok(Target::Health),
                    (Ok(()), Probe::Readiness) => Ok(Target::Readiness(shell_configuration::needs()?, None)),
                    (Ok(()), Probe::RouteReadiness(path)) => {
                        Ok(Target::Readiness(shell_configuration::needs()?, Some(path)))
                    }
                }
            }
            None => Ok(match gatehouse_gateway::route(&Configured, head.uri())? {
                Route::Mcp(found) => Target::Mcp(found, shell_configuration::gateway()?),
                Route::ProtectedResource(found) => Target::ProtectedResource(found, shell_configuration::gateway()?),
                Route::Elsewhere => Target::Elsewhere,
            }),
        };
        match target() {
            Err(error) => {
                log_not_configured(&head, &error);
                inbound::respond(
                    out,
                    match Probe::of(head.uri()) {
                        Some(_) => gatehouse_gateway::health(method, Some(Readiness::NotReady)),
                        None => gatehouse_gateway::not_configured(),
                    },
                );
            }
            Ok(Target::Health) => inbound::respond(out, gatehouse_gateway::health(method, Some(Readiness::Ready))),
            Ok(Target::Mcp(found, configuration)) => {
                dispatch::serve(found.endpoint(&configuration), &head, &request, out);
            }
            Ok(Target::ProtectedResource(found, configuration)) => {
                dispatch::describe(found.endpoint(&configuration), &head, out);
            }
            Ok(Target::Readiness(needs, path)) => {
                let readiness = if Probe::is_asked_by(method) { readiness::of(&needs, path) } else { None };
                inbound::respond(out, gatehouse_gateway::health(method, readiness));
            }
            Ok(Target::Forbidden) => inbound::respond(out, gatehouse_gateway::not_from_here(method)),
            Ok(Target::Elsewhere) => next::handle(request, out),
        }
    }
}

/// Whom a request is for, and what of the configuration that needs.
enum Target<'a> {
    Health,
    Mcp(Box<Found>, Configuration),
    ProtectedResource(Box<Found>, Configuration),
    /// Of the route at this path, or of all.
    Readiness(Needs, Option<&'a str>),
    /// A probe, asked from where it may not be.
    Forbidden,
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
    log::not_configured(head.method(), &error.to_string());
}

/// The macro's code needs unsafe.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::Gateway;

    wasip2::http::proxy::export!(Gateway);
}
