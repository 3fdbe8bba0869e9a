//! The end of a session.

use gatehouse_backend_tokens::TokenPlace;
use gatehouse_storage::{Kind, Store};

use crate::provider_records;
use crate::record::{AccessRecord, SessionRecord};
use crate::summary::Summary;
use crate::{Rejection, SessionName};

/// Says that a session was ended, for a refresh that was under way.
const ENDED: Kind = "ended";

/// Ends the session of `name`: notes it first and deletes then. Whoever writes a record of a session that was there
/// looks for the note last, and where it is there ends the session again; so nothing that was under way brings it back.
pub(crate) fn end(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
    store.put(&name.key(ENDED, 0)?, &[])?;
    AccessRecord::delete_all(name, store)?;
    SessionRecord::delete(name, store)?;
    provider_records::delete(name, store)?;
    TokenPlace::delete_of_session(&name.secret, name.expires_at, store)?;
    // Last: it is what an end that broke off begins again with.
    Summary::delete(name, store)
}

/// Ends the session again where it was ended while the caller wrote.
///
/// # Errors
/// [`Rejection::Revoked`] where it was.
pub(crate) fn check(name: &SessionName, store: &impl Store) -> Result<(), Rejection> {
    if store.get(&name.key(ENDED, 0)?)?.is_none() {
        return Ok(());
    }
    end(name, store)?;
    Err(Rejection::Revoked)
}
