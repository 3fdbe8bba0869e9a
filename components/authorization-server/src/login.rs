//! Sending somebody to an identity provider.

use gatehouse_authorization_server::browser::Browser;
use gatehouse_authorization_server::login::{BeginRejection, LoginPurpose, PageDecision, PendingLogin};
use gatehouse_authorization_server::page::ReturnedTicket;
use gatehouse_configuration::IdentityProvider;
use gatehouse_openid::{AccountChoice, ClientError, Login};
use gatehouse_storage::StoreUnavailable;
use http::Response;
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::pages::Problem;
use crate::{pages, responses};

/// Why nobody is sent away.
pub(crate) enum NotBegun {
    /// The page was answered before, and that login is over; or too many begin at the moment.
    Refused(BeginRejection),
    /// Provider, store or keys do not answer, or the provider not as it must.
    Failed {
        /// For the log.
        reason: String,
        /// What the client is told.
        told: ClientError,
    },
}

/// Keeps what the login is for, and redirects to the provider. Where a form asked for it, `ticket` is that of its page: the
/// form sent again leads to the same login, costs no entry more, and asks the provider for nothing.
///
/// # Errors
/// Where nobody is sent away.
pub(crate) fn begin(
    context: &Context,
    purpose: &LoginPurpose,
    provider: &IdentityProvider,
    browser: &Browser,
    account: AccountChoice,
    ticket: Option<&ReturnedTicket>,
) -> Result<Response<Vec<u8>>, NotBegun> {
    let Context { keys, store, now, .. } = context;
    let pending = match ticket {
        Some(ticket) => {
            let decision = PageDecision { provider, account, approval: purpose.approval(), token: purpose.token() };
            PendingLogin::of_ticket(ticket, &decision, keys, *now, &mut SystemEntropy)
        }
        None => PendingLogin::generate(keys, *now, &mut SystemEntropy),
    };
    let pending = pending.map_err(failed)?;
    if ticket.is_some()
        && let Some(location) = pending.under_way(store, *now)?
    {
        return Ok(responses::redirect_to_identity_provider(&location));
    }
    // Before the provider is asked for anything.
    pending.count(context.configuration.sign_ins.per_minute, store, *now)?;
    let metadata = context.client_of(provider).metadata();
    let metadata =
        metadata.map_err(|failure| NotBegun::Failed { reason: failure.to_string(), told: failure.to_wire() })?;
    let callback_url = context.configuration.callback_url();
    let login = Login::begin(provider, &metadata, &callback_url, pending.state(), account, &mut pending.entropy());
    pending.keep(purpose, provider, &login, browser, store, &mut SystemEntropy)?;
    Ok(responses::redirect_to_identity_provider(login.authorization_url.as_str()))
}

impl From<BeginRejection> for NotBegun {
    fn from(rejection: BeginRejection) -> Self {
        match rejection {
            BeginRejection::AlreadyFinished | BeginRejection::TooMany { .. } => Self::Refused(rejection),
            BeginRejection::Unavailable(error) => failed(error),
        }
    }
}

impl From<StoreUnavailable> for NotBegun {
    fn from(error: StoreUnavailable) -> Self {
        failed(error)
    }
}

fn failed(reason: impl ToString) -> NotBegun {
    NotBegun::Failed { reason: reason.to_string(), told: ClientError::TemporarilyUnavailable }
}

/// Tells somebody who is not sent away what to do.
pub(crate) fn refused(
    context: &Context,
    action: &'static str,
    client_id: Option<&str>,
    rejection: &BeginRejection,
) -> Response<Vec<u8>> {
    context.log.refused(action, client_id, rejection);
    let problem = match rejection {
        BeginRejection::TooMany { retry_after } => Problem::TooManySignIns(*retry_after),
        BeginRejection::AlreadyFinished | BeginRejection::Unavailable(_) => Problem::AnsweredBefore,
    };
    pages::error(context.layout(), problem)
}
