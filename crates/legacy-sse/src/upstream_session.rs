//! What the channel's writers must know of the upstream.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::Store;

use crate::entries::UPSTREAM_SESSION;
use crate::{Channel, Rejection};

/// Notes the session that the upstream has opened for the channel, replacing what was noted: in front of Streamable HTTP
/// one POST gets its id (`Mcp-Session-Id`), and the next ones must send it.
///
/// # Errors
/// [`Rejection::Closed`] where there is nothing to note it for, [`Rejection::Unavailable`] where the store does not
/// answer.
pub fn set_upstream_session(
    store: &impl Store,
    channel: &Channel,
    session: &str,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<(), Rejection> {
    if channel.has_expired(now) {
        return Err(Rejection::Closed);
    }
    channel.put(store, UPSTREAM_SESSION, 0, session.as_bytes(), entropy)
}

/// The session that was noted last; `None` where there is none.
///
/// # Errors
/// Where the store does not answer, or the note was altered in it.
pub fn upstream_session(store: &impl Store, channel: &Channel) -> Result<Option<String>, Rejection> {
    let Some(found) = channel.get(store, UPSTREAM_SESSION, 0)? else { return Ok(None) };
    let altered = || Rejection::Unavailable("the note of an upstream's session was altered in the store".to_owned());
    let text = found.map_err(|_| altered())?;
    String::from_utf8(text.to_vec()).map(Some).map_err(|_| altered())
}
