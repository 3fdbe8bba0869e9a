//! Removing what has expired.

use gatehouse_protocol::UnixTime;

use crate::{Store, StoreUnavailable};

/// Seconds that an entry stays after its expiry. A counter must not be deleted while a request that began before may
/// still look at it, nor by an instance whose clock is ahead.
const SPARE_SECONDS: u64 = 60;

/// Deletes entries that have expired, at most `at_most` of them, and returns how many. The expiry is in the name: no
/// value is read.
///
/// # Errors
/// Where the store does not answer; what has been deleted by then stays deleted.
pub fn sweep(store: &impl Store, now: UnixTime, at_most: usize) -> Result<usize, StoreUnavailable> {
    let mut deleted = 0;
    let mut cursor = None;
    loop {
        let page = store.list(cursor.as_deref())?;
        for key in page.keys.iter().filter(|key| now >= key.expires_at().plus(SPARE_SECONDS)) {
            if deleted >= at_most {
                return Ok(deleted);
            }
            store.delete(key)?;
            deleted += 1;
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(deleted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::memory::MemoryStore;

    #[test]
    fn a_sweep_deletes_what_has_expired_and_no_more_than_it_may() {
        let store = MemoryStore::at(UnixTime::from_seconds(1_000));
        let key = |id: &str, expires_at| Key::new("code", id, UnixTime::from_seconds(expires_at)).unwrap();
        for (id, expires_at) in [("old-1", 900), ("old-2", 940), ("fresh", 941), ("later", 2_000)] {
            store.put(&key(id, expires_at), b"x").unwrap();
        }
        store.increment(&key("old-counter", 900), 1).unwrap();
        let now = UnixTime::from_seconds(1_000);
        assert_eq!(sweep(&store, now, 2), Ok(2));
        assert_eq!(sweep(&store, now, 2), Ok(1));
        assert_eq!(sweep(&store, now, 2), Ok(0));
        let left = store.list(None).unwrap().keys;
        assert_eq!(left, [key("later", 2_000), key("fresh", 941)]);
    }
}
