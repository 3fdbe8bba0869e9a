//! Fetching what clients publish about themselves.

use core::fmt::{self, Display};

use gatehouse_authorization_server::fetched_url::FetchedUrl;
use gatehouse_authorization_server::fetches::{Acquaintance, Fetches, NotNow, Outcome};
use gatehouse_sealed_storage::document_cache::{DocumentCache, FETCH_MILLISECONDS};
use gatehouse_storage::StoreUnavailable;
use http::{Request, Response};
use shell_http::outbound::{self, Limits, NoAnswer};
use shell_http::{SystemEntropy, elapsed};
use shell_store::HostStore;

use crate::context::Context;

/// Why there is no answer. The text is for the log.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was asked.
    NotNow(NotNow),
    /// The URL leads to an identity provider.
    OfProvider,
    /// Nobody answered.
    NoAnswer(NoAnswer),
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNow(not_now) => not_now.fmt(f),
            Self::OfProvider => f.write_str("the URL is at an identity provider's host"),
            Self::NoAnswer(reason) => reason.fmt(f),
        }
    }
}

/// An answer as it was read, or why it is refused, or why there is none.
pub(crate) type Fetched<T, R> = Result<Result<T, R>, Failure>;

/// Fetches what a stranger named, and has the answer read.
///
/// # Errors
/// The outer one where the store does not answer.
pub(crate) fn fetch_for_stranger<T, R>(
    context: &Context,
    url: &FetchedUrl,
    acquaintance: Acquaintance,
    request: &Request<Vec<u8>>,
    limit: usize,
    read: impl FnOnce(&Response<Vec<u8>>) -> Result<T, R>,
) -> Result<Fetched<T, R>, StoreUnavailable> {
    if is_at_a_provider(context, url) {
        return Ok(Err(Failure::OfProvider));
    }
    fetch(context, url.as_str(), acquaintance, request, limit, read)
}

/// Fetches from `url`, and has the answer read: where the time is now, and within ten seconds in all.
///
/// # Errors
/// The outer one where the store does not answer.
pub(crate) fn fetch<T, R>(
    context: &Context,
    url: &str,
    acquaintance: Acquaintance,
    request: &Request<Vec<u8>>,
    limit: usize,
    read: impl FnOnce(&Response<Vec<u8>>) -> Result<T, R>,
) -> Result<Fetched<T, R>, StoreUnavailable> {
    let documents = DocumentCache::<HostStore> { store: &context.store, keys: &context.keys, now: shell_http::now() };
    let fetches = Fetches { documents, per_hour: context.configuration.client_documents.per_hour };
    let began = elapsed();
    let fetch = match fetches.begin(url, acquaintance)? {
        Ok(fetch) => fetch,
        Err(not_now) => return Ok(Err(Failure::NotNow(not_now))),
    };
    // The turn began before this instant; what is left of its time is less than all of it.
    let time = FETCH_MILLISECONDS.saturating_sub(elapsed().saturating_sub(began));
    let fetched = outbound::fetch_within(request, limit, Limits::SHORT, time).map(|response| read(&response));
    let outcome = match &fetched {
        Ok(Ok(_)) => Outcome::Usable,
        Ok(Err(_)) | Err(NoAnswer::TooLarge) => Outcome::Unusable,
        // What is decided by the URL alone, before its name is looked up.
        Err(NoAnswer::Address | NoAnswer::NotAllowed) => Outcome::NotAsked,
        // Private addresses read like servers that do not answer, or whoever asks twice could tell them apart.
        Err(NoAnswer::Prohibited | NoAnswer::TimedOut | NoAnswer::NoRoom | NoAnswer::Failed(_)) => Outcome::NoAnswer,
    };
    fetches.end(fetch, outcome, &mut SystemEntropy)?;
    Ok(fetched.map_err(Failure::NoAnswer))
}

/// Whether the URL leads to where an identity provider's metadata says that we talk to it: the configuration names only
/// its issuer. What is not kept of it is not asked for.
fn is_at_a_provider(context: &Context, url: &FetchedUrl) -> bool {
    context.configuration.identity_providers.iter().any(|provider| {
        let kept = context.client_of(provider).kept_metadata().ok().flatten();
        kept.is_some_and(|metadata| metadata.endpoints().any(|endpoint| url.shares_host_with(&endpoint.to_string())))
    })
}
