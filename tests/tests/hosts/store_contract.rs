//! What the embedded host's store promises its guests, over each of its backends.

use std::collections::BTreeSet;

use gatehouse_host::{KeyValueError, KeyValueStore, Swap};
use gatehouse_tests::{StoreKind, StoreServer, store_is_installed};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Keys that one operation takes, and that a page has.
const PAGE: usize = 1000;
const LONGEST_KEY: usize = 1024;
const LARGEST_VALUE: usize = 16 << 20;

/// A backend with nothing in it.
struct Backend {
    folder: TempDir,
    redis: Option<StoreServer>,
}

impl Backend {
    async fn sqlite() -> Option<Self> {
        Some(Self { folder: tempfile::tempdir().unwrap(), redis: None })
    }

    async fn redis() -> Option<Self> {
        if !store_is_installed(StoreKind::Redis) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let redis = Some(StoreServer::start(StoreKind::Redis, folder.path()).await);
        Some(Self { folder, redis })
    }

    /// The store as one more process opens it.
    fn open(&self) -> KeyValueStore {
        match &self.redis {
            None => KeyValueStore::open(self.folder.path()).unwrap(),
            Some(redis) => redis.open(),
        }
    }
}

async fn all_keys(store: &KeyValueStore) -> Vec<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = store.list_keys("s", cursor).await.unwrap();
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return keys.into_iter().collect();
        }
    }
}

async fn a_value_is_what_was_set_last_and_gone_when_deleted(backend: Backend) {
    let (store, other) = (backend.open(), backend.open());
    assert_eq!(store.get("s", "k").await, Ok(None));
    assert_eq!(store.exists("s", "k").await, Ok(false));
    for value in [b"one".to_vec(), b"two".to_vec(), Vec::new(), (0..=255).collect(), b"\r\n$5\r\n".to_vec()] {
        store.set("s", "k", value.clone()).await.unwrap();
        assert_eq!(other.get("s", "k").await, Ok(Some(value)));
    }
    assert_eq!(other.exists("s", "k").await, Ok(true));
    other.delete("s", "k").await.unwrap();
    other.delete("s", "k").await.unwrap();
    assert_eq!(store.get("s", "k").await, Ok(None));
}

async fn a_counter_counts_from_zero_and_keeps_its_value_when_it_would_overflow(backend: Backend) {
    let store = backend.open();
    for counter in ["n", "requests.1895000000.n"] {
        assert_eq!(store.increment("s", counter, 1).await, Ok(1));
        assert_eq!(store.increment("s", counter, -5).await, Ok(-4));
        assert_eq!(store.increment("s", counter, i64::MIN).await, Err(KeyValueError::CounterOverflow));
        assert_eq!(store.increment("s", counter, 0).await, Ok(-4));
        store.delete("s", counter).await.unwrap();
        assert_eq!(store.increment("s", counter, i64::MAX).await, Ok(i64::MAX));
        assert_eq!(store.increment("s", counter, 1).await, Err(KeyValueError::CounterOverflow));
        assert_eq!(store.increment("s", counter, 0).await, Ok(i64::MAX));
    }
}

async fn incrementing_a_value_is_an_error_and_changes_nothing(backend: Backend) {
    let store = backend.open();
    for key in ["k", "code.1895000000.k"] {
        for value in [b"text".to_vec(), vec![0; 8], Vec::new()] {
            store.set("s", key, value.clone()).await.unwrap();
            assert_eq!(store.increment("s", key, 1).await, Err(KeyValueError::NotACounter));
            assert_eq!(store.get("s", key).await, Ok(Some(value)));
        }
    }
    assert_eq!(store.increment("s", "other", 1).await, Ok(1));
}

async fn sixty_four_increments_through_four_stores_give_sixty_four_numbers(backend: Backend) {
    let stores: Vec<_> = (0..4).map(|_| backend.open()).collect();
    for counter in ["n", "requests.1895000000.n"] {
        let mut racing = JoinSet::new();
        for number in 0..64 {
            let store = stores[number % stores.len()].clone();
            racing.spawn(async move { store.increment("s", counter, 1).await.unwrap() });
        }
        let sums: BTreeSet<i64> = racing.join_all().await.into_iter().collect();
        assert_eq!(sums, (1..=64).collect());
    }
}

async fn of_many_swaps_from_the_same_state_exactly_one_wins(backend: Backend) {
    let stores: Vec<_> = (0..4).map(|_| backend.open()).collect();
    for key in ["k", "state.1895000000.k"] {
        for expected in [None, Some(b"start".to_vec())] {
            if let Some(value) = &expected {
                stores[0].set("s", key, value.clone()).await.unwrap();
            }
            let mut racing = JoinSet::new();
            for number in 0..32_u8 {
                let (store, expected) = (stores[usize::from(number) % stores.len()].clone(), expected.clone());
                racing.spawn(async move { store.compare_and_swap("s", key, expected, vec![number]).await.unwrap() });
            }
            let (mut winners, mut seen) = (0, BTreeSet::new());
            for swap in racing.join_all().await {
                match swap {
                    Swap::Swapped => winners += 1,
                    Swap::Changed(current) => drop(seen.insert(current)),
                }
            }
            assert_eq!(winners, 1);
            assert_eq!(seen, BTreeSet::from([stores[0].get("s", key).await.unwrap()]));
        }
    }
}

async fn several_keys_are_set_read_and_removed_at_once(backend: Backend) {
    let store = backend.open();
    let entries = [("a", b"1"), ("b", b"2"), ("state.1895000000.c", b"3")];
    store.set_many("s", entries.map(|(key, value)| (key.to_owned(), value.to_vec())).to_vec()).await.unwrap();
    store.set_many("s", Vec::new()).await.unwrap();
    let keys = ["b", "missing", "a", "", "state.1895000000.c", "b"].map(str::to_owned);
    for count in 0..=keys.len() {
        let mut expected = Vec::new();
        for key in &keys[..count] {
            expected.push((key.clone(), store.get("s", key).await.unwrap()));
        }
        assert_eq!(store.get_many("s", keys[..count].to_vec()).await, Ok(expected));
    }
    assert_eq!(store.get("s", "b").await, Ok(Some(b"2".to_vec())));
    store.delete_many("s", keys.to_vec()).await.unwrap();
    store.delete_many("s", Vec::new()).await.unwrap();
    assert_eq!(all_keys(&store).await, Vec::<String>::new());
}

async fn keys_are_listed_in_pages_until_the_cursor_ends(backend: Backend) {
    let store = backend.open();
    assert_eq!(all_keys(&store).await, Vec::<String>::new());
    let expected: Vec<String> = (0..=2 * PAGE).map(|number| format!("key-{number:05}")).collect();
    for keys in expected.chunks(PAGE) {
        store.set_many("s", keys.iter().map(|key| (key.clone(), b"v".to_vec())).collect()).await.unwrap();
    }
    let first = store.list_keys("s", None).await.unwrap();
    assert!(first.cursor.is_some() && first.keys.len() <= PAGE + PAGE / 2, "{} keys", first.keys.len());
    assert_eq!(all_keys(&store).await, expected);
}

async fn an_operation_is_bounded_and_one_that_is_too_large_changes_nothing(backend: Backend) {
    let store = backend.open();
    let entries = |count: usize| (0..count).map(|number| (format!("k-{number:04}"), vec![0])).collect::<Vec<_>>();
    let keys = |count: usize| entries(count).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let (longest, longer) = ("k".repeat(LONGEST_KEY), "k".repeat(LONGEST_KEY + 1));
    let too_large = |outcome: Result<(), KeyValueError>| assert!(matches!(outcome, Err(KeyValueError::TooLarge(_))));
    too_large(store.set_many("s", entries(PAGE + 1)).await);
    too_large(store.set("s", &longer, vec![0]).await);
    too_large(store.increment("s", &longer, 1).await.map(drop));
    too_large(store.compare_and_swap("s", &longer, None, vec![0]).await.map(drop));
    too_large(store.set("s", "k", vec![0; LARGEST_VALUE + 1]).await);
    too_large(store.compare_and_swap("s", "k", None, vec![0; LARGEST_VALUE + 1]).await.map(drop));
    assert_eq!(all_keys(&store).await, Vec::<String>::new());

    store.set_many("s", entries(PAGE)).await.unwrap();
    assert_eq!(store.get_many("s", keys(PAGE)).await.unwrap().len(), PAGE);
    too_large(store.get_many("s", keys(PAGE + 1)).await.map(drop));
    too_large(store.delete_many("s", keys(PAGE + 1)).await);
    assert_eq!(all_keys(&store).await.len(), PAGE);

    store.set("s", &longest, vec![0; LARGEST_VALUE]).await.unwrap();
    assert_eq!(store.get_many("s", vec![longest.clone()]).await.unwrap().len(), 1);
    too_large(store.get_many("s", vec![longest, "k-0000".to_owned()]).await.map(drop));
}

/// The promises as tests of one backend.
macro_rules! contract {
    ($backend:ident, [$($promise:ident),* $(,)?]) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    if let Some(backend) = super::Backend::$backend().await {
                        super::$promise(backend).await;
                    }
                }
            )*
        }
    };
    ($($backend:ident),*) => {
        $(
            contract!($backend, [
                a_value_is_what_was_set_last_and_gone_when_deleted,
                a_counter_counts_from_zero_and_keeps_its_value_when_it_would_overflow,
                incrementing_a_value_is_an_error_and_changes_nothing,
                sixty_four_increments_through_four_stores_give_sixty_four_numbers,
                of_many_swaps_from_the_same_state_exactly_one_wins,
                several_keys_are_set_read_and_removed_at_once,
                keys_are_listed_in_pages_until_the_cursor_ends,
                an_operation_is_bounded_and_one_that_is_too_large_changes_nothing,
            ]);
        )*
    };
}
contract!(sqlite, redis);
