//! Sending somebody to an identity provider.

use gatehouse_configuration::IdentityProvider;
use gatehouse_oauth::browser::Browser;
use gatehouse_oauth::login::{LoginPurpose, PendingLogin};
use gatehouse_openid::Login;
use http::Response;
use http_shell::SystemEntropy;

use crate::context::Context;
use crate::{identity_provider, responses};

/// With which account the user is to sign in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhichAccount {
    /// With the one that the provider knows already, where it does.
    Any,
    /// With one that the user picks (`prompt=select_account`, OpenID Connect Core 1.0, section 3.1.2.1): the one that
    /// the provider knows was not let in.
    Another,
}

/// Keeps what the login is for, and redirects to the provider.
///
/// # Errors
/// Where the provider or the store does not answer; nobody is sent away then. The text is for the log.
pub(crate) fn begin(
    context: &Context,
    purpose: &LoginPurpose,
    provider: &IdentityProvider,
    browser: &Browser,
    which: WhichAccount,
) -> Result<Response<Vec<u8>>, String> {
    let metadata = identity_provider::metadata(provider).map_err(|error| error.to_string())?;
    let pending =
        PendingLogin::generate(&context.keys, context.now, &mut SystemEntropy).map_err(|error| error.to_string())?;
    let callback_url = context.configuration.callback_url();
    let login = Login::begin(provider, &metadata, &callback_url, pending.state(), &mut SystemEntropy);
    pending
        .keep(purpose, provider, &login.secrets, browser, &context.store, &mut SystemEntropy)
        .map_err(|error| error.to_string())?;
    let mut authorization_url = login.authorization_url;
    match which {
        WhichAccount::Any => {}
        WhichAccount::Another => {
            authorization_url.query_pairs_mut().append_pair("prompt", "select_account");
        }
    }
    Ok(responses::redirect_to_identity_provider(authorization_url.as_str()))
}
