//! The end of a session.

use gatehouse_storage::{Kind, Store};

use crate::provider_tokens;
use crate::record::{AccessRecord, SESSION};
use crate::summary::Summary;
use crate::{Rejection, SessionName};

/// Says that a session was ended, for a refresh that was under way.
const ENDED: Kind = "ended";

/// Ends the session of `name`: notes it first and deletes then. Whoever writes a record of a session that was there
/// looks for the note last, and where it is there ends the session again; so nothing that was under way brings it back.
///
/// `generation` is what the caller itself has just written for; a summary that was deleted by then no longer tells it.
pub(crate) fn end(name: &SessionName, generation: Option<u64>, store: &impl Store) -> Result<(), Rejection> {
    store.put(&name.key(ENDED, 0)?, &[])?;
    let noted = Summary::get(name, store)?.map(|summary| summary.generation);
    for generation in generation.into_iter().chain(noted) {
        // The access token of one refresh ago may still be in use; that of the next one may have been written by a
        // refresh that did not come further.
        for live in generation.saturating_sub(1)..=generation.saturating_add(1) {
            AccessRecord::delete(name, live, store)?;
        }
    }
    store.delete(&name.key(SESSION, 0)?)?;
    provider_tokens::delete(name, store)?;
    // Last: it is what an end that broke off begins again with.
    Summary::delete(name, store)
}

/// Ends the session again where it was ended while the caller wrote.
///
/// # Errors
/// [`Rejection::Revoked`] where it was.
pub(crate) fn check(name: &SessionName, generation: Option<u64>, store: &impl Store) -> Result<(), Rejection> {
    if store.get(&name.key(ENDED, 0)?)?.is_none() {
        return Ok(());
    }
    end(name, generation, store)?;
    Err(Rejection::Revoked)
}
