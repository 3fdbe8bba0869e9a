//! The authorization server component: the HTTP side of the flows that `gatehouse-authorization-server` decides, and the sessions.
//!
//! A request comes in here, `routes` finds its endpoint, the endpoint asks the deciding crates and answers. What the gateway asks
//! about a token comes in at `sessions`, and about a key at `api_keys`
//! (`gatehouse:auth`).

mod administration;
mod api_keys;
mod authorize;
mod awaited;
mod bindings;
mod browser_sign_in;
mod callback;
mod choose;
mod client_document;
mod clients;
mod connection_tokens;
mod connections_page;
mod consent;
mod consents_page;
mod context;
mod cookies;
mod departures;
mod export;
mod failures;
mod fetches;
mod forms;
mod from_where;
mod introspect;
mod log;
mod login;
mod metadata;
mod pages;
mod register;
mod requests;
mod responses;
mod revoke;
mod routes;
mod session_opening;
mod session_pools;
mod sessions;
mod sessions_page;
mod sweep;
mod texts;
mod token;
mod token_page;

use shell_http::inbound;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct AuthorizationServer;

impl wasip2::exports::http::incoming_handler::Guest for AuthorizationServer {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answered = routes::answer(&request);
        inbound::respond(out, answered.response);
        // The client has its answer; what it waits for is over.
        if answered.keeps_state {
            sweep::in_turn(&answered.log);
        }
    }
}
