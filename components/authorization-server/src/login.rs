//! Sending somebody to an identity provider.

use gatehouse_configuration::IdentityProvider;
use gatehouse_oauth::browser::Browser;
use gatehouse_oauth::login::{LoginPurpose, PendingLogin};
use gatehouse_openid::{AccountChoice, Login};
use http::Response;
use http_shell::SystemEntropy;

use crate::context::Context;
use crate::responses;

/// Keeps what the login is for, and redirects to the provider.
///
/// # Errors
/// Where the provider or the store does not answer; nobody is sent away then. The text is for the log.
pub(crate) fn begin(
    context: &Context,
    purpose: &LoginPurpose,
    provider: &IdentityProvider,
    browser: &Browser,
    account: AccountChoice,
) -> Result<Response<Vec<u8>>, String> {
    let metadata = context.client_of(provider).metadata().map_err(|error| error.to_string())?;
    let pending =
        PendingLogin::generate(&context.keys, context.now, &mut SystemEntropy).map_err(|error| error.to_string())?;
    let callback_url = context.configuration.callback_url();
    let login = Login::begin(provider, &metadata, &callback_url, pending.state(), account, &mut SystemEntropy);
    pending
        .keep(purpose, provider, &login.secrets, browser, &context.store, &mut SystemEntropy)
        .map_err(|error| error.to_string())?;
    Ok(responses::redirect_to_identity_provider(login.authorization_url.as_str()))
}
