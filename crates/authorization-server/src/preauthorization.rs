//! Clients that no user is asked about, because the operator or an administrator has answered for everybody.
//!
//! Whoever is not asked cannot be warned, so everything that a consent page shows must be known to be right beforehand: the
//! operator has named the client, and nobody else says where its codes go. A client that registered itself never counts: anybody
//! can register any name ("Confused Deputy Problem", MCP 2026-07-28, security best practices).

use gatehouse_configuration::authorization_server::Configuration;

use crate::arrival::Arrival;
use crate::authorization::AuthorizationRequest;

/// Whether the configuration approves the client's request for everybody.
pub fn is_preauthorized(request: &AuthorizationRequest, configuration: &Configuration) -> bool {
    let client = &request.client;
    // Where the client is known from, and not what its id looks like.
    let is_named_by_the_operator = client.is_configured || client.document.is_some();
    let of_route = configuration.route_of(&request.resource).map(|route| route.preauthorized_clients.as_slice());
    let mut listed = configuration.preauthorized_clients.iter().chain(of_route.unwrap_or_default());
    is_named_by_the_operator && listed.any(|client_id| *client_id == client.client_id)
}

/// Whether an approval for everybody may stand for asking: not where the client wants the user asked, and only where a page is
/// opened. Where the answer goes to a program on the user's computer, nobody can tell which program that is (RFC 8252, section
/// 8.6). There, it counts only where the user, or a program of theirs, has opened the request: no web page starts such a
/// program's sign-in unseen.
pub fn may_go_unasked(request: &AuthorizationRequest, arrival: &Arrival<'_>) -> bool {
    let redirect_uri = request.redirect_uri.redirect_uri();
    let is_to_a_program = redirect_uri.is_loopback() || redirect_uri.is_private_use();
    !request.prompts_consent
        && arrival.is_a_page()
        && (!is_to_a_program || arrival.is_the_users_act(&request.client.client_id))
}

/// Whether an administrator can answer for everybody. A client that registered itself with the address of a program has an id for
/// each installation, and any program on anybody's computer could take its part.
pub fn may_be_approved_for_everybody(request: &AuthorizationRequest) -> bool {
    let redirect_uri = request.redirect_uri.redirect_uri();
    let is_known = request.client.is_configured || request.client.document.is_some();
    is_known || !(redirect_uri.is_loopback() || redirect_uri.is_private_use())
}

#[cfg(test)]
mod tests;
