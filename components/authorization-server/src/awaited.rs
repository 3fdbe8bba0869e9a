//! What one request gets and others wait for: the new tokens of an identity provider, of a token service, of a linked account.

use shell_http::{Milliseconds, elapsed, wait};

/// Between two looks at what somebody else gets.
const PAUSE: Milliseconds = 50;
/// Less than clients wait, and than a lease lasts.
const LONGEST: Milliseconds = 25_000;

/// Looks until there is something, with a pause before each further look; `None` where it takes too long. The time counts, and not how
/// often somebody looked: a slow store makes nobody wait longer.
///
/// # Errors
/// Those of looking.
pub(crate) fn awaited<T, E>(mut look: impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    let end = elapsed().saturating_add(LONGEST);
    loop {
        let found = look()?;
        if found.is_some() || elapsed() >= end {
            return Ok(found);
        }
        wait(PAUSE);
    }
}
