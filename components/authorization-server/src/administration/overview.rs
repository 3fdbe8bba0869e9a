//! What is so at this moment: what answers, what is open, and which clients and keys there are.

use std::time::Duration;

use gatehouse_authorization_server::administration::EntryCounts;
use gatehouse_configuration::gateway::{Needs, Server};
use gatehouse_configuration::{Connection, Route, RoutePath};
use gatehouse_connections::Owner;
use gatehouse_gateway::readiness::{self, Addresses};
use gatehouse_protocol::Subject;
use gatehouse_rate_limit::long_requests::{LongRequestKind, held};
use gatehouse_rate_limit::standing;
use shell_http::now_in_milliseconds;

use super::{configuration, environments};
use crate::context::Context;
use crate::pages::{Found, Health, Open, OpenAt, Overview, RouteKeys};

/// All of it.
///
/// # Errors
/// Where the store does not answer, or the configuration cannot be read.
pub(super) fn of<'a>(context: &'a Context, found: &Found) -> Result<Overview<'a>, String> {
    let needs = shell_configuration::needs().map_err(|error| error.to_string())?;
    let routes = routes(&needs)?;
    let counts = EntryCounts::of(&context.store, context.now).map_err(|error| error.to_string())?;
    Ok(Overview {
        configuration: &context.configuration,
        servers: servers(context, &needs)?,
        providers: providers(context),
        open: open(context, &routes, None)?,
        counts,
        connections: connections(context)?,
        environments: environments::of(context, found.environments_from()),
        keys: routes.iter().filter_map(RouteKeys::of).collect(),
        text: configuration::text(&context.configuration, &routes),
        now: context.now,
    })
}

/// What is open of one subject.
///
/// # Errors
/// As [`of`].
pub(super) fn of_subject(context: &Context, subject: &Subject) -> Result<Open, String> {
    let needs = shell_configuration::needs().map_err(|error| error.to_string())?;
    open(context, &routes(&needs)?, Some(subject.as_str()))
}

/// Every route, whichever tokens it takes.
fn routes(needs: &Needs) -> Result<Vec<Route>, String> {
    let mut paths: Vec<&RoutePath> = Vec::new();
    for server in &needs.servers {
        if !paths.contains(&&server.route) {
            paths.push(&server.route);
        }
    }
    let read = |path: &RoutePath| shell_configuration::route(path.as_str()).map_err(|error| error.to_string());
    let routes = paths.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(routes.into_iter().flatten().collect())
}

fn servers(context: &Context, needs: &Needs) -> Result<Vec<(String, String, Health)>, String> {
    let addresses = Addresses::of(&needs.servers);
    let answered = readiness::last(&context.store, &addresses, context.now).map_err(|error| error.to_string())?;
    let health = |server: &Server| match &answered {
        None => Health::Unknown,
        Some(answered) if addresses.has_answered(server, answered) => Health::Answers,
        Some(_) => Health::Silent,
    };
    let row = |server: &Server| (server.route.as_str().to_owned(), configuration::place(&server.url), health(server));
    Ok(needs.servers.iter().map(row).collect())
}

/// Whether what a provider says of itself is there: it was asked for it within the last day at most.
fn providers(context: &Context) -> Vec<(&str, Health)> {
    let health = |kept| match kept {
        Ok(Some(_)) => Health::Answers,
        Ok(None) => Health::Unknown,
        Err(_) => Health::Silent,
    };
    let providers = context.configuration.identity_providers.iter();
    providers.map(|provider| (provider.issuer.as_str(), health(context.client_of(provider).kept_metadata()))).collect()
}

/// The connections, each with whether it is linked where all share one account. Whether a user has linked theirs, only that user finds.
fn connections<'a>(context: &'a Context) -> Result<Vec<(&'a str, Option<bool>)>, String> {
    let row = |connection: &'a Connection| {
        let shared = Owner::of(connection, None).map(|everybody| context.links().find(everybody, connection));
        let linked = shared.transpose().map_err(|error| error.to_string())?.map(|link| link.is_some());
        Ok((connection.display_name.as_str(), linked))
    };
    context.configuration.connections.iter().map(row).collect()
}

fn open(context: &Context, routes: &[Route], subject: Option<&str>) -> Result<Open, String> {
    let taken = |at| held(&context.store, context.now, at, subject).map_err(|error| error.to_string());
    let now = Duration::from_millis(now_in_milliseconds());
    let mut open = Open { at: Vec::new(), all: taken(None)? };
    for route in routes {
        let path = route.path.as_str();
        let rates = standing(&context.store, now, route, subject).map_err(|error| error.to_string())?;
        open.at.push(OpenAt {
            path: path.to_owned(),
            streams: taken(Some((path, LongRequestKind::Stream)))?,
            calls: taken(Some((path, LongRequestKind::Call)))?,
            rates: rates.used().collect(),
        });
    }
    Ok(open)
}
