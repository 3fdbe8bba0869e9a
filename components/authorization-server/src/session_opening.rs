//! The beginning of a session with a sign-in at a page of ours: there is no code in between.

use gatehouse_audit_log::TokenEvent;
use gatehouse_authorization_server::signed_out::has_signed_out_since;
use gatehouse_protocol::{Claims, Subject, UnixTime};
use gatehouse_sessions::{Opening, ProviderTokens, SessionRoot, Tokens};
use provider_client::SignedIn;
use shell_http::SystemEntropy;

use crate::context::Context;
use crate::log::Details;
use crate::sessions;

/// Opens the session of a login that began at `begun_at`, as `opening` makes it; `None` where the person took back all that they had
/// allowed while this was under way.
///
/// # Errors
/// Why it cannot be opened, for the log.
pub(crate) fn open(
    context: &Context,
    action: &'static str,
    begun_at: UnixTime,
    signed_in: SignedIn,
    opening: impl FnOnce(Subject, Claims, ProviderTokens) -> Result<(SessionRoot, Opening), &'static str>,
) -> Result<Option<Tokens>, String> {
    let SignedIn { identity, claims, tokens } = signed_in;
    let subject = identity.subject().clone();
    let (keys, store, now) = (&context.keys, &context.store, context.now);
    let has_signed_out = |since| has_signed_out_since(since, &subject, keys, store).map_err(|error| error.to_string());
    if has_signed_out(begun_at)? {
        return Ok(None);
    }
    let (root, opening) = opening(subject.clone(), claims, sessions::provider_tokens_of(tokens, now))?;
    let client_id = opening.principal.client_id.clone();
    context.log.begun(action, Some(client_id.as_str()), Some(subject.as_str()));
    let tokens = context.sessions().open(&root, opening, &mut SystemEntropy).map_err(|error| error.to_string())?;
    // Whoever signs out at this very moment may have looked for sessions before this one was there.
    if has_signed_out(now)? {
        context.sessions().end(&root).map_err(|error| error.to_string())?;
        return Ok(None);
    }
    let (client_id, subject) = (Some(client_id.as_str()), Some(subject.as_str()));
    let token = Some(TokenEvent::Issued);
    context.log.completed(action, Details { client_id, subject, token, ..Details::default() });
    Ok(Some(tokens))
}
