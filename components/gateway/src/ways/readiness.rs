//! `/readyz`: whether this instance can serve, and which routes.

use gatehouse_audit_log::Event;
use gatehouse_configuration::SecretName;
use gatehouse_configuration::gateway::{Needs, Server};
use gatehouse_gateway::readiness::{self, Addresses, Answered, Readiness, TIMEOUTS};
use http::{Method, Request};
use shell_configuration::SettingsError;
use shell_store::HostStore;

use crate::clock::HostClock;
use crate::log;
use crate::upstream::transfers::OutboundTransfers;

/// That of the route at this path, or of the instance; `None` where there is no such route. Where the keys, a provider's secret or
/// the store cannot be used, nothing is ready.
pub(crate) fn of(needs: &Needs, path: Option<&str>) -> Option<Readiness> {
    let is_asked = |server: &&Server| path.is_none_or(|path| server.route.as_str() == path);
    needs.servers.iter().find(is_asked)?;
    if !has_keys_and_secrets(needs) {
        return Some(Readiness::NotReady);
    }
    let addresses = Addresses::of(&needs.servers);
    let known = readiness::known(&HostStore, &HostClock, &addresses, || look(&addresses, &needs.servers));
    let answered = match known {
        Ok(answered) => answered,
        Err(error) => {
            log::event(Event::NotReady, None, &error.to_string());
            return Some(Readiness::NotReady);
        }
    };
    let routes = readiness::of_routes(&needs.servers, |server| {
        addresses.has_answered(server, &answered) && are_set(&server.secrets, Some(server.route.as_str()))
    });
    match path {
        Some(path) => routes.get(path).copied(),
        None => Some(readiness::of_all(&routes)),
    }
}

fn has_keys_and_secrets(needs: &Needs) -> bool {
    let has_keys = match shell_configuration::server_keys() {
        Ok(_) => true,
        Err(error) => {
            log::event(Event::NotReady, None, &error.to_string());
            false
        }
    };
    are_set(&needs.provider_secrets, None) && has_keys
}

/// Whether every secret has a value; the log names those that have none.
fn are_set(names: &[SecretName], route: Option<&str>) -> bool {
    let mut are_set = true;
    for name in names {
        let secret = shell_configuration::secret(name).and_then(|secret| match secret.expose() {
            "" => Err(SettingsError::Missing(name.as_str().to_owned())),
            _ => Ok(()),
        });
        if let Err(error) = secret {
            log::event(Event::NotReady, route, &error.to_string());
            are_set = false;
        }
    }
    are_set
}

/// Asks every server something that does nothing.
fn look(addresses: &Addresses<'_>, servers: &[Server]) -> Answered {
    let mut transfers = OutboundTransfers::default();
    let urls: Vec<_> = addresses.urls().collect();
    for url in &urls {
        let mut request = Request::new(Vec::new());
        *request.method_mut() = Method::OPTIONS;
        *request.uri_mut() = (*url).clone();
        transfers.start(&request, TIMEOUTS);
    }
    readiness::who_answers(&HostClock, &mut transfers, urls.len(), |number, refusal| {
        let routes = servers.iter().filter(|server| urls.get(number).is_some_and(|url| **url == server.url));
        for server in routes {
            log::event(Event::NotReady, Some(server.route.as_str()), &refusal.reason());
        }
    })
}
