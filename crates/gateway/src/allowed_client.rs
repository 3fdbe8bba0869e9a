//! Whether the client of a token may be used at an endpoint.

use gatehouse_protocol::ClientId;

use crate::{Endpoint, Refusal};

/// Checks that the route lists the client, where it lists any. It is checked at the sign-in as well; here, because the operator
/// may have changed the list since.
///
/// # Errors
/// [`Refusal::ClientNotAllowed`].
pub fn check_client(endpoint: &Endpoint<'_>, client_id: &ClientId) -> Result<(), Refusal> {
    let allowed = &endpoint.route.allowed_clients;
    if allowed.is_empty() || allowed.contains(client_id) { Ok(()) } else { Err(Refusal::ClientNotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_route_that_lists_clients_takes_no_token_of_another_one() {
        let mut configuration = example::configuration();
        let client = |text: &str| ClientId::parse(text).unwrap();
        assert_eq!(check_client(&example::endpoint(&configuration), &client("any")), Ok(()));
        configuration.routes[0].allowed_clients = vec![client("a"), client("https://b.example/client.json")];
        let endpoint = example::endpoint(&configuration);
        for (id, allowed) in
            [("a", true), ("https://b.example/client.json", true), ("A", false), ("a ", false), ("b", false)]
        {
            let Ok(id) = ClientId::parse(id) else { continue };
            assert_eq!(check_client(&endpoint, &id).is_ok(), allowed, "{id}");
        }
    }
}
