//! `/connections` and `/connections/callback/NAME`: users link accounts of other services, see what they have linked, and remove it.

use gatehouse_authorization_server::browser::{Browser, BrowserCookies};
use gatehouse_authorization_server::connection_login::{LinkRejection, PendingLink, ReturnedLink};
use gatehouse_authorization_server::login::BeginRejection;
use gatehouse_authorization_server::sessions_page::SignedInUser;
use gatehouse_configuration::Connection;
use gatehouse_connections::{LinkedTokens, Owner, authorization_url};
use gatehouse_openid::{Callback, ClientError};
use gatehouse_protocol::OwnPath;
use http::{Request, Response};
use provider_client::{ConnectionClient, ConnectionFailure, Failure};
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::forms::{self, FormRejection};
use crate::log::Details;
use crate::pages::{ConnectionView, ConnectionsView, Problem};
use crate::sessions_page::{ask_to_sign_in, not_signed_in, own_form};
use crate::{cookies, failures, login, pages, responses};

/// What the log calls the page, and the making of a link.
const LINK: &str = "connection-link";
const REMOVAL: &str = "connection-removal";
const NO_ADMINISTRATOR: &str = "the connection is shared, and the user is no administrator who may link it";
const NO_REVOCATION: &str = "the server has no place where tokens are revoked (revocation_endpoint)";

/// `GET /connections`: what the user has linked; to nobody in particular, a way to sign in. The address says nothing of a user: whoever
/// opens it sees and changes their own.
pub(crate) fn show(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match signed_in(context, request) {
        (Some(browser), Some(account)) => {
            let page = overview(context, &account, browser.first());
            page.unwrap_or_else(|reason| failures::out_of_order(context, LINK, None, &reason))
        }
        (browser, _) => ask_to_sign_in(context, browser, OwnPath::Connections, 200),
    }
}

fn signed_in(context: &Context, request: &Request<Vec<u8>>) -> (Option<BrowserCookies>, Option<SignedInUser>) {
    let browser = cookies::browser(request.headers(), &context.configuration.public_url);
    let account = browser.as_ref().and_then(|browser| cookies::signed_in_user(request.headers(), browser, context));
    (browser, account)
}

fn overview(context: &Context, account: &SignedInUser, browser: &Browser) -> Result<Response<Vec<u8>>, String> {
    let provider = account.provider(&context.configuration).ok_or("the identity provider is gone")?;
    let ticket = account.ticket(browser, &context.keys, context.now, &mut SystemEntropy);
    let seen = |connection| {
        let link = context.links().find(owner(connection, account), connection)?;
        let may_change = may_change(context, connection, account);
        Ok(ConnectionView { connection, link: link.map(|link| link.facts), may_change })
    };
    let connections = context.configuration.connections.iter().map(seen).collect::<Result<Vec<_>, _>>();
    let view = ConnectionsView {
        provider,
        user: account.name(),
        connections: &connections.map_err(|error: gatehouse_storage::StoreUnavailable| error.to_string())?,
        ticket: &ticket.map_err(|error| error.to_string())?,
        now: context.now,
    };
    Ok(pages::connections(context.layout(), &view))
}

fn owner<'a>(connection: &Connection, account: &'a SignedInUser) -> Owner<'a> {
    if connection.is_shared() { Owner::Everybody } else { Owner::User(&account.subject) }
}

/// Everybody may link their own account, and administrators the shared one.
fn may_change(context: &Context, connection: &Connection, account: &SignedInUser) -> bool {
    connection.shared_by.as_ref().is_none_or(|provider| {
        account.administrator_of(&context.configuration).is_some_and(|own| own.name == *provider)
    })
}

/// `POST /connections`: the user begins a link, or removes one.
pub(crate) fn change(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let asked = own_form(context, request).and_then(|own| {
        let Some((form, account)) = own else { return Ok(None) };
        let wanted = match (form.optional("link")?, form.optional("remove")?) {
            (Some(name), None) => (name.to_owned(), true),
            (None, Some(name)) => (name.to_owned(), false),
            (Some(_), Some(_)) | (None, None) => return Err(FormRejection::Incomplete),
        };
        Ok(Some((form.browser, account, wanted)))
    });
    let (browser, account, (name, is_link)) = match asked {
        Ok(Some(asked)) => asked,
        Ok(None) => return not_signed_in(context, request, OwnPath::Connections, LINK),
        Err(rejection) => return forms::refused(context, LINK, &rejection),
    };
    let Some(connection) = context.configuration.connection(&name) else {
        return forms::refused(context, LINK, &FormRejection::Incomplete);
    };
    if !may_change(context, connection, &account) {
        context.log.refused_to(LINK, &account.subject, NO_ADMINISTRATOR);
        return pages::error(context.layout(), Problem::NoAdministrator);
    }
    match is_link {
        true => begin(context, connection, &account, browser.first()),
        false => remove(context, connection, &account),
    }
}

/// Sends the user to the connection's server.
fn begin(context: &Context, connection: &Connection, account: &SignedInUser, browser: &Browser) -> Response<Vec<u8>> {
    let (keys, store, now) = (&context.keys, &context.store, context.now);
    let pending = match PendingLink::begin(&account.subject, keys, store, now, &mut SystemEntropy) {
        Ok(pending) => pending,
        Err(BeginRejection::Unavailable(error)) => return failures::out_of_order(context, LINK, None, error),
        Err(rejection @ BeginRejection::TooMany { retry_after }) => {
            context.log.refused(LINK, None, &rejection);
            return pages::error(context.layout(), Problem::TooManyLinks(retry_after));
        }
        Err(rejection) => return login::refused(context, LINK, None, &rejection),
    };
    let server = match client(context, connection).server() {
        Ok(server) => server,
        Err(failure) => return failures::out_of_order(context, LINK, None, failure),
    };
    let callback_url = callback_url(context, connection);
    let url = authorization_url(connection, &server, &callback_url, pending.state(), pending.verifier());
    match pending.keep(connection, &account.subject, browser, store, &mut SystemEntropy) {
        Ok(()) => {
            context.log.begun(LINK, None, Some(account.subject.as_str()));
            responses::redirect_to_identity_provider(url.as_str())
        }
        Err(error) => failures::out_of_order(context, LINK, None, error),
    }
}

fn remove(context: &Context, connection: &Connection, account: &SignedInUser) -> Response<Vec<u8>> {
    context.log.begun(REMOVAL, None, Some(account.subject.as_str()));
    match context.links().remove(owner(connection, account), connection) {
        Ok(removed) => {
            if let Some(tokens) = removed {
                completed(context, REMOVAL, connection, account);
                revoke(context, connection, &tokens);
            }
            responses::redirect_to_own_page(&context.configuration.public_url, OwnPath::Connections)
        }
        Err(error) => failures::out_of_order(context, REMOVAL, None, error),
    }
}

/// Nobody here can use the tokens any more, whatever the server says.
fn revoke(context: &Context, connection: &Connection, tokens: &LinkedTokens) {
    match client(context, connection).revoke(tokens) {
        Ok(true) => {}
        Ok(false) => context.log.refused(REMOVAL, None, format!("{}: {NO_REVOCATION}", connection.name)),
        Err(failure) => context.log.failed(REMOVAL, None, format!("{}: {failure}", connection.name)),
    }
}

/// `GET /connections/callback/NAME`: the user comes back from the connection's server.
pub(crate) fn linked(context: &Context, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let name = request.uri().path().strip_prefix(OwnPath::ConnectionsCallback.as_str()).unwrap_or_default();
    let name = name.trim_start_matches('/');
    let callback = match Callback::parse(request.uri().query().unwrap_or_default()) {
        Ok(callback) => callback,
        Err(rejection) => return refused(context, 400, &rejection.to_string()),
    };
    let (browser, account) = signed_in(context, request);
    let values = browser.iter().flat_map(BrowserCookies::iter);
    let subject = account.as_ref().map(|account| &account.subject);
    let (keys, configuration, store) = (&context.keys, &context.configuration, &context.store);
    let taken = ReturnedLink::take(callback.state(), name, values, subject, keys, configuration, store, context.now);
    let returned = match taken {
        Ok(returned) => returned,
        Err(LinkRejection::Unavailable(error)) => return failures::out_of_order(context, LINK, None, error),
        Err(rejection @ (LinkRejection::OtherBrowser | LinkRejection::OtherUser | LinkRejection::SignedOut)) => {
            return refused(context, 403, &rejection.to_string());
        }
        Err(rejection) => return refused(context, 400, &rejection.to_string()),
    };
    let Some(account) = account else { return refused(context, 403, "nobody is signed in") };
    let connection = returned.connection;
    if !may_change(context, connection, &account) {
        context.log.refused_to(LINK, &account.subject, NO_ADMINISTRATOR);
        return pages::error(context.layout(), Problem::NoAdministrator);
    }
    let tokens = match redeem(context, callback, &returned) {
        Ok(tokens) => tokens,
        Err(failure) => return not_linked(context, connection, &failure),
    };
    let linked_by = connection.is_shared().then_some(&account.subject);
    match context.links().put(owner(connection, &account), connection, tokens, linked_by, &mut SystemEntropy) {
        Ok(()) => {
            completed(context, LINK, connection, &account);
            responses::redirect_to_own_page(&context.configuration.public_url, OwnPath::Connections)
        }
        Err(error) => failures::out_of_order(context, LINK, None, error),
    }
}

fn redeem(
    context: &Context,
    callback: Callback,
    returned: &ReturnedLink<'_>,
) -> Result<LinkedTokens, ConnectionFailure> {
    let client = client(context, returned.connection);
    let server = client.server()?;
    let code = callback.code_of(server.issuer(), server.names_itself_in_answers()).map_err(Failure::from)?;
    client.redeem(&server, &callback_url(context, returned.connection), &code, &returned.verifier)
}

/// Tells the user that there is no link, and the operator why.
fn not_linked(context: &Context, connection: &Connection, failure: &ConnectionFailure) -> Response<Vec<u8>> {
    let reason = format!("{}: {failure}", connection.name);
    let is_theirs = match failure {
        ConnectionFailure::Rejected(_) => failure.ends_the_link(),
        ConnectionFailure::Conversation(failure) => failure.to_wire() == ClientError::AccessDenied,
    };
    if is_theirs {
        context.log.refused(LINK, None, reason);
        return pages::error(context.layout(), Problem::LinkRefused);
    }
    failures::out_of_order(context, LINK, None, reason)
}

fn client<'a>(context: &'a Context, connection: &'a Connection) -> ConnectionClient<'a> {
    ConnectionClient::new(connection, &context.configuration, &context.keys, context.now)
}

fn callback_url(context: &Context, connection: &Connection) -> String {
    context.configuration.public_url.join(&connection.callback_path())
}

fn completed(context: &Context, action: &'static str, connection: &Connection, account: &SignedInUser) {
    let (subject, reason) = (Some(account.subject.as_str()), Some(connection.name.as_str()));
    context.log.completed(action, Details { subject, reason, ..Details::default() });
}

fn refused(context: &Context, status: u16, reason: &str) -> Response<Vec<u8>> {
    context.log.refused(LINK, None, reason);
    pages::error(context.layout(), Problem::NotLinked { status })
}
