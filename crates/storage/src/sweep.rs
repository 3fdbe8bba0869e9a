//! Removing what has expired, where the host does not do it: a bounded piece at a time.

use gatehouse_protocol::UnixTime;

use crate::{Key, Kind, Periods, Store, StoreUnavailable};

/// Seconds that an entry stays after its expiry. A counter must not be deleted while a request that began before may
/// still look at it, nor by an instance whose clock is ahead.
const SPARE_SECONDS: u64 = 5 * 60;
/// One piece in this time, of all instances together.
const TURNS: Periods = Periods::of_seconds(60);
/// How long it is known where the last piece ended.
const DAYS: Periods = Periods::of_seconds(24 * 60 * 60);
/// Pages of keys that one piece lists at most.
const MOST_PAGES: usize = 10;
/// Entries that one piece removes at most: it holds an instance meanwhile.
const MOST_ENTRIES: usize = 1000;

/// An empty value: somebody has looked whose turn it is in this period.
const MARK: Kind = "sweep-mark";
/// A counter: whose turn it is.
const TURN: Kind = "sweep-turn";
/// Where the next piece begins; empty, or not there: at the start.
const CURSOR: Kind = "sweep-cursor";

/// Sweeps a piece where nobody has in this minute, in any instance, and returns how many entries it removed; `None` where
/// it was not its turn, which costs one `get`.
///
/// The next piece goes on where this one ended. Names are read, and no values: the expiry is in the name.
///
/// # Errors
/// Where the store does not answer; what has been deleted by then stays deleted.
pub fn sweep_in_turn(store: &impl Store, now: UnixTime) -> Result<Option<usize>, StoreUnavailable> {
    let end = TURNS.end_of_new(now);
    let (mark, turn) = (Key::new(MARK, "all", end)?, Key::new(TURN, "all", end)?);
    if store.get(&mark)?.is_some() {
        return Ok(None);
    }
    let is_first = store.increment(&turn, 1)? == 1;
    store.put(&mark, b"")?;
    if is_first { sweep_piece(store, now).map(Some) } else { Ok(None) }
}

fn sweep_piece(store: &impl Store, now: UnixTime) -> Result<usize, StoreUnavailable> {
    let kept = kept_cursor(store, now)?;
    let (mut cursor, mut deleted) = (kept.clone(), 0_usize);
    for _ in 0..MOST_PAGES {
        let page = match store.list(cursor.as_deref()) {
            Ok(page) => page,
            Err(error) => {
                // It may be the cursor: of a backend that was replaced since, or one that keeps none for so long.
                keep_cursor(store, now, kept.as_deref(), None)?;
                return Err(error);
            }
        };
        for key in page.keys.iter().filter(|key| now >= key.expires_at().plus(SPARE_SECONDS)) {
            if deleted >= MOST_ENTRIES {
                // The next piece sees the rest of this page.
                keep_cursor(store, now, kept.as_deref(), cursor.as_deref())?;
                return Ok(deleted);
            }
            store.delete(key)?;
            deleted = deleted.saturating_add(1);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    keep_cursor(store, now, kept.as_deref(), cursor.as_deref())?;
    Ok(deleted)
}

fn kept_cursor(store: &impl Store, now: UnixTime) -> Result<Option<String>, StoreUnavailable> {
    for end in DAYS.possible_ends(now) {
        if let Some(cursor) = store.get(&Key::new(CURSOR, "all", end)?)? {
            // What is no text is none of ours: from the start.
            return Ok(String::from_utf8(cursor).ok().filter(|cursor| !cursor.is_empty()));
        }
    }
    Ok(None)
}

fn keep_cursor(
    store: &impl Store,
    now: UnixTime,
    kept: Option<&str>,
    next: Option<&str>,
) -> Result<(), StoreUnavailable> {
    if kept.is_none() && next.is_none() {
        return Ok(());
    }
    store.put(&Key::new(CURSOR, "all", DAYS.end_of_new(now))?, next.unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};

    use super::*;
    use crate::KeyPage;
    use crate::memory::MemoryStore;

    /// On the minute and on the day.
    const NOW: u64 = 1_795_219_200;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    fn key(kind: &str, id: impl core::fmt::Display, expires_at: u64) -> Key {
        Key::new(kind, &id.to_string(), at(expires_at)).unwrap()
    }

    /// A store that lists in pages, with names for cursors, and says what was asked of it.
    struct Paged {
        store: MemoryStore,
        size: usize,
        calls: RefCell<Vec<&'static str>>,
        /// What increments say, where they do not say the truth.
        sums: RefCell<Vec<u64>>,
        refuses_cursors: Cell<bool>,
    }

    impl Paged {
        fn of(size: usize) -> Self {
            let store = MemoryStore::at(at(NOW));
            Self { store, size, calls: RefCell::default(), sums: RefCell::default(), refuses_cursors: Cell::new(false) }
        }

        fn old(size: usize, entries: usize) -> Self {
            let store = Self::of(size);
            for number in 0..entries {
                store.store.put(&key("code", format!("{number:05}"), NOW - 300), b"x").unwrap();
            }
            store
        }

        fn calls(&self) -> Vec<&'static str> {
            self.calls.take()
        }

        fn left(&self, kind: &str) -> usize {
            self.store.list(None).unwrap().keys.iter().filter(|key| key.kind() == kind).count()
        }
    }

    impl Store for Paged {
        fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
            self.calls.borrow_mut().push("get");
            self.store.get(key)
        }

        fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
            self.calls.borrow_mut().push("put");
            self.store.put(key, value)
        }

        fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
            self.calls.borrow_mut().push("delete");
            self.store.delete(key)
        }

        fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
            self.calls.borrow_mut().push("increment");
            let sum = self.store.increment(key, delta)?;
            Ok(self.sums.borrow_mut().pop().unwrap_or(sum))
        }

        fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
            self.calls.borrow_mut().push("list");
            if cursor.is_some() && self.refuses_cursors.get() {
                return Err(StoreUnavailable("no cursors here".to_owned()));
            }
            let mut names: Vec<_> = self.store.list(None)?.keys.iter().map(Key::to_string).collect();
            names.retain(|name| cursor.is_none_or(|cursor| name.as_str() > cursor));
            let more = names.len() > self.size;
            names.truncate(self.size);
            let next = names.last().filter(|_| more).cloned();
            Ok(KeyPage { keys: names.iter().filter_map(|name| Key::parse(name)).collect(), next })
        }
    }

    #[test]
    fn what_expired_five_minutes_ago_is_removed_and_nothing_else() {
        let store = MemoryStore::at(at(NOW));
        for (id, expires_at) in [("old", NOW - 300), ("fresh", NOW - 299), ("live", NOW + 1)] {
            store.put(&key("code", id, expires_at), b"x").unwrap();
        }
        store.increment(&key("code-use", "old", NOW - 600), 1).unwrap();
        assert_eq!(sweep_in_turn(&store, at(NOW)), Ok(Some(2)));
        let left = store.list(None).unwrap().keys;
        let left: Vec<_> = left.iter().filter(|key| key.kind().starts_with("code")).map(Key::id).collect();
        assert_eq!(left, ["fresh", "live"]);
    }

    #[test]
    fn one_piece_is_swept_in_a_minute_and_whoever_else_asks_costs_one_get() {
        let store = Paged::old(100, 3);
        assert_eq!(sweep_in_turn(&store, at(NOW)), Ok(Some(3)));
        let expected = ["get", "increment", "put", "get", "get", "list", "delete", "delete", "delete"];
        assert_eq!(store.calls(), expected);
        for second in [0, 1, 59] {
            assert_eq!(sweep_in_turn(&store, at(NOW + second)), Ok(None));
            assert_eq!(store.calls(), ["get"]);
        }
        assert_eq!(sweep_in_turn(&store, at(NOW + 60)), Ok(Some(0)));
    }

    #[test]
    fn of_instances_that_race_the_first_one_sweeps() {
        for (told, sweeps) in [(1, true), (2, false), (5, false)] {
            let store = Paged::old(100, 1);
            store.sums.borrow_mut().push(told);
            assert_eq!(sweep_in_turn(&store, at(NOW)).unwrap().is_some(), sweeps, "{told}");
            assert_eq!(store.left("code"), usize::from(!sweeps));
            store.calls();
            assert_eq!(sweep_in_turn(&store, at(NOW + 1)), Ok(None));
            assert_eq!(store.calls(), ["get"], "nor does it cost the others more");
        }
    }

    #[test]
    fn a_piece_is_bounded_and_the_next_goes_on_where_it_ended() {
        let store = Paged::of(10);
        for number in 0..250 {
            store.store.put(&key("a", format!("{number:05}"), NOW + 9000), b"x").unwrap();
        }
        store.store.put(&key("b", "x", NOW - 300), b"x").unwrap();
        let lists = |store: &Paged| store.calls().into_iter().filter(|call| *call == "list").count();
        for (minute, removed, listed) in [(0, 0, 10), (1, 0, 10), (2, 1, 6), (3, 0, 10)] {
            let now = at(NOW + 60 * minute);
            store.store.set_now(now);
            assert_eq!(sweep_in_turn(&store, now), Ok(Some(removed)), "minute {minute}");
            assert_eq!(lists(&store), listed, "minute {minute}");
        }
    }

    #[test]
    fn a_page_of_which_not_all_may_be_removed_is_gone_on_with() {
        // As on Spin, where one page holds everything.
        let store = Paged::old(usize::MAX, 2 * MOST_ENTRIES + 1);
        store.refuses_cursors.set(true);
        for (minute, removed) in [(0, MOST_ENTRIES), (1, MOST_ENTRIES), (2, 1)] {
            assert_eq!(sweep_in_turn(&store, at(NOW + 60 * minute)), Ok(Some(removed)));
        }
        assert_eq!((store.left("code"), store.left("sweep-cursor")), (0, 0));
    }

    #[test]
    fn a_cursor_that_the_backend_no_longer_takes_is_forgotten() {
        let store = Paged::old(10, 1);
        store.store.put(&key("sweep-cursor", "all", NOW + 2 * 86_400), b"of another backend").unwrap();
        store.refuses_cursors.set(true);
        assert!(sweep_in_turn(&store, at(NOW)).is_err());
        assert_eq!(sweep_in_turn(&store, at(NOW + 60)), Ok(Some(1)));
    }

    #[test]
    fn where_it_ended_is_known_on_the_next_day() {
        let store = Paged::of(1);
        let (evening, morning) = (at(NOW + 86_399), at(NOW + 86_400));
        for number in 0..12 {
            store.store.put(&key("a", format!("{number:05}"), NOW + 900_000), b"x").unwrap();
        }
        store.store.set_now(evening);
        assert_eq!(sweep_in_turn(&store, evening), Ok(Some(0)));
        assert!(kept_cursor(&store, morning).unwrap().is_some());
    }

    #[test]
    fn a_store_that_does_not_answer_is_not_swept() {
        let store = MemoryStore::at(at(NOW));
        store.put(&key("code", "old", 1), b"x").unwrap();
        let before = store.snapshot();
        store.go_down();
        assert!(sweep_in_turn(&store, at(NOW)).is_err());
        assert_eq!(store.snapshot(), before);
    }
}
