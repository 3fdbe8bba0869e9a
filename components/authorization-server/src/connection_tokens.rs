//! `gatehouse:auth/connections`: the access token of a link, renewed where it must be.

use gatehouse_configuration::Connection;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_connections::{LinkState, Links, Owner, TokenClaim};
use gatehouse_protocol::{SecretString, Subject};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::StoreUnavailable;
use provider_client::ConnectionClient;
use shell_http::{SystemEntropy, now};
use shell_store::HostStore;

use crate::AuthorizationServer;
use crate::awaited::awaited;
use crate::bindings::exports::gatehouse::auth::connections::{Guest, Rejection as NoToken, RequestIds};
use crate::log::{Details, RequestLog};

/// What the log calls it.
const REFRESH: &str = "connection-refresh";

impl Guest for AuthorizationServer {
    fn access_token(
        connection: String,
        subject: String,
        has_session: bool,
        ids: RequestIds,
    ) -> Result<String, NoToken> {
        let log = RequestLog::on_behalf_of(&ids.request_id, ids.trace_id.as_deref());
        let subject = Subject::parse(&subject).map_err(unavailable)?;
        let configuration = shell_configuration::authorization_server().map_err(unavailable)?;
        let keys = shell_configuration::server_keys().map_err(unavailable)?;
        let connection =
            configuration.connection(&connection).ok_or_else(|| unavailable("there is no such connection"))?;
        let token = access_token(connection, &subject, has_session, &configuration, keys, &log)?;
        Ok(token.expose().to_owned())
    }
}

impl From<StoreUnavailable> for NoToken {
    fn from(error: StoreUnavailable) -> Self {
        unavailable(error)
    }
}

fn unavailable(reason: impl core::fmt::Display) -> NoToken {
    NoToken::Unavailable(reason.to_string())
}

fn access_token(
    connection: &Connection,
    subject: &Subject,
    has_session: bool,
    configuration: &Configuration,
    keys: &KeyRing,
    log: &RequestLog,
) -> Result<SecretString, NoToken> {
    // Only who signs in at one of the identity providers can come to the page. What is no session outlives a sign-out everywhere.
    let is_user = has_session && configuration.identity_provider(subject.provider()).is_some();
    let user = is_user.then_some(subject);
    let owner = Owner::of(connection, user).ok_or(NoToken::NoUser)?;
    let found = awaited(|| {
        let links = Links { store: &HostStore, keys, now: now() };
        let link = links.find(owner, connection)?.ok_or(NoToken::LinkNeeded)?;
        let due = match link.state(&HostStore, links.now)? {
            LinkState::Fresh(token) => return Ok(Some(token)),
            LinkState::Over => return Err(NoToken::LinkNeeded),
            LinkState::Due(due) => due,
        };
        let lease = match link.claim(&due, &HostStore, links.now, &mut SystemEntropy)? {
            TokenClaim::Lease(lease) => lease,
            TokenClaim::Wait | TokenClaim::Paused if due.usable.is_some() => return Ok(due.usable),
            TokenClaim::Paused => {
                return Err(unavailable(format!("{}: has not answered for several times", connection.name)));
            }
            TokenClaim::Wait => return Ok(None),
        };
        let client = ConnectionClient::new(connection, configuration, keys, links.now);
        let failure = match client.refresh(lease.refresh_token()) {
            Ok(tokens) => {
                let token = lease.complete(tokens, &HostStore, now(), &mut SystemEntropy)?;
                return token.map(Some).ok_or(NoToken::LinkNeeded);
            }
            Err(failure) => failure,
        };
        let reason = format!("{}: {failure}", connection.name);
        if !failure.ends_the_link() {
            lease.give_up(&HostStore, now(), &mut SystemEntropy)?;
            return due.usable.map(Some).ok_or(NoToken::Unavailable(reason));
        }
        log.refused_about(REFRESH, Details { subject: Some(subject.as_str()), ..Details::default() }, &reason);
        match lease.end_link(&HostStore)? {
            true => Err(NoToken::LinkNeeded),
            false => Ok(None),
        }
    })?;
    found
        .ok_or_else(|| unavailable(format!("{}: the tokens are being renewed, and it takes too long", connection.name)))
}
