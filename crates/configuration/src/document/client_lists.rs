//! Lists of clients by their ids.

use gatehouse_protocol::ClientId;

use crate::authorization_server::Configuration;
use crate::error::problem;
use crate::{ConfigurationError, GrantType};

const EXAMPLE: &str = r#"["my-client", "https://client.example.com/metadata.json"]"#;

/// The ids in the list at `key`.
pub(super) fn client_ids(key: &str, ids: &[String]) -> Result<Vec<ClientId>, ConfigurationError> {
    let each = ids.iter().enumerate().map(|(index, id)| {
        ClientId::parse(id).map_err(|error| problem(format!("{key}[{index}]"), error, example(key)))
    });
    each.collect()
}

/// Nobody is asked about a preauthorized client. So the operator must be the one who says where its codes go: by the redirect
/// URIs of `clients`, or by the URL of its document, whose host vouches for it. Of a client that registers itself, a
/// stranger says so.
pub(super) fn preauthorized_are_known(configuration: &Configuration) -> Result<(), ConfigurationError> {
    let is_known = |id: &ClientId| {
        let mut known = configuration.clients.iter();
        let configured = known.any(|client| client.client_id == *id && client.has(GrantType::AuthorizationCode));
        configured || id.as_str().starts_with("https://")
    };
    let of_all = ("preauthorized_clients".to_owned(), &configuration.preauthorized_clients);
    let of_routes = configuration.routes.iter().enumerate();
    let of_routes = of_routes
        .map(|(index, route)| (format!("routes[{index}].preauthorized_clients"), &route.preauthorized_clients));
    for (key, ids) in std::iter::once(of_all).chain(of_routes) {
        if let Some(index) = ids.iter().position(|id| !is_known(id)) {
            let text = "must be the client_id of one of clients that has the grant authorization_code, or the https URL of a \
                        client's document";
            return Err(problem(format!("{key}[{index}]"), text, example(&key)));
        }
    }
    Ok(())
}

fn example(key: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or_default();
    format!("{name} = {EXAMPLE}")
}
