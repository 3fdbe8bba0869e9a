//! What `gatehouse:host/store` promises, for every adapter.
//!
//! [`store_contract!`] runs an adapter through all of it. What a backend says in its own words, and what only one
//! backend has, is tested beside the adapter.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bindings::adapter::exports::gatehouse::host::store::{Error, Key, KeyPage};
use crate::bindings::adapter::{Adapter, AdapterPre};
use crate::component::{Alone, Guest, fresh};
use crate::fakes::{Entry, Fakes, NOW};

/// An adapter over a fake of its backend.
pub struct Subject {
    pub component: &'static Alone,
    pub fakes: Arc<Fakes>,
}

impl Subject {
    /// The adapter over an empty backend.
    pub fn new(component: &'static Alone) -> Self {
        Self { component, fakes: Fakes::new() }
    }

    /// A fresh instance: another one for each call, as on real hosts.
    pub async fn instance(&self) -> (wasmtime::Store<Guest>, Adapter) {
        let mut store = fresh(&self.fakes);
        let pre = AdapterPre::new(self.component.pre()).expect("it exports an adapter's interfaces");
        let adapter = pre.instantiate_async(&mut store).await.expect("an instance");
        (store, adapter)
    }

    pub async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_get(&mut store, key).await.expect("no trap")
    }

    pub async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_get_many(&mut store, keys).await.expect("no trap")
    }

    pub async fn put(&self, key: &Key, value: &[u8]) -> Result<(), Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_put(&mut store, key, value).await.expect("no trap")
    }

    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_delete(&mut store, key).await.expect("no trap")
    }

    pub async fn increment(&self, key: &Key, delta: u64) -> Result<u64, Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_increment(&mut store, key, delta).await.expect("no trap")
    }

    pub async fn list(&self, cursor: Option<&str>) -> Result<KeyPage, Error> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_store().call_list_keys(&mut store, cursor).await.expect("no trap")
    }
}

/// A key that exists until `expires_at`.
pub fn key(kind: &str, id: &str, expires_at: u64) -> Key {
    Key { kind: kind.to_owned(), id: id.to_owned(), expires_at }
}

/// A key that exists for another hour.
pub fn live(id: &str) -> Key {
    key("test", id, NOW + 3600)
}

pub async fn what_is_put_is_read_back_by_another_instance_byte_for_byte(subject: Subject) {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(subject.get(&live("a")).await, Ok(None));
    subject.put(&live("a"), &bytes).await.unwrap();
    assert_eq!(subject.get(&live("a")).await, Ok(Some(bytes)));
    subject.put(&live("empty"), b"").await.unwrap();
    assert_eq!(subject.get(&live("empty")).await, Ok(Some(Vec::new())));
}

pub async fn several_values_are_read_in_the_order_of_their_keys(subject: Subject) {
    subject.put(&live("a"), b"1").await.unwrap();
    subject.put(&live("b"), b"2").await.unwrap();
    subject.put(&key("test", "over", NOW), b"3").await.unwrap();
    let keys = [live("b"), live("missing"), key("test", "over", NOW), live("a"), live("b")];
    let values = [Some(b"2".to_vec()), None, None, Some(b"1".to_vec()), Some(b"2".to_vec())];
    assert_eq!(subject.get_many(&keys).await, Ok(values.to_vec()));
    assert_eq!(subject.get_many(&keys[1..3]).await, Ok(vec![None, None]));
    assert_eq!(subject.get_many(&[]).await, Ok(Vec::new()));
}

pub async fn a_second_put_replaces_the_first(subject: Subject) {
    subject.put(&live("a"), b"the first, which is longer").await.unwrap();
    subject.put(&live("a"), b"second").await.unwrap();
    assert_eq!(subject.get(&live("a")).await, Ok(Some(b"second".to_vec())));
}

pub async fn keys_that_differ_in_any_part_are_different_entries(subject: Subject) {
    let keys =
        [live("a"), live("A"), live("a-"), live("_a"), key("test2", "a", NOW + 3600), key("test", "a", NOW + 3601)];
    for (number, key) in (0_u8..).zip(&keys) {
        subject.put(key, &[number]).await.unwrap();
    }
    for (number, key) in (0_u8..).zip(&keys) {
        assert_eq!(subject.get(key).await, Ok(Some(vec![number])), "{key:?}");
    }
}

pub async fn a_deleted_entry_is_gone_and_deleting_it_again_succeeds(subject: Subject) {
    subject.put(&live("a"), b"x").await.unwrap();
    subject.put(&live("b"), b"x").await.unwrap();
    subject.delete(&live("a")).await.unwrap();
    assert_eq!(subject.get(&live("a")).await, Ok(None));
    assert_eq!(subject.get(&live("b")).await, Ok(Some(b"x".to_vec())));
    subject.delete(&live("a")).await.unwrap();
}

pub async fn an_entry_exists_until_the_second_before_its_expiry(subject: Subject) {
    let key = key("test", "a", NOW + 10);
    subject.put(&key, b"x").await.unwrap();
    subject.fakes.advance(9);
    assert_eq!(subject.get(&key).await, Ok(Some(b"x".to_vec())));
    subject.fakes.advance(1);
    assert_eq!(subject.get(&key).await, Ok(None));
    subject.fakes.advance(u64::from(u32::MAX));
    assert_eq!(subject.get(&key).await, Ok(None));
}

pub async fn the_listing_gives_every_key_as_it_was_put_expired_ones_too(subject: Subject) {
    assert_eq!(subject.list(None).await, Ok(KeyPage { keys: Vec::new(), next: None }));
    let longest = key(&"k".repeat(32), &"i".repeat(128), u64::MAX);
    let keys = [live("a"), live("a_b-c"), key("test", "old", 0), key("a-b", "x", NOW), longest];
    for key in &keys {
        subject.put(key, b"x").await.unwrap();
    }
    subject.increment(&key("counter", "c", NOW + 1), 1).await.unwrap();
    let listed = names(&subject.list(None).await.unwrap().keys);
    let expected: Vec<_> = keys.into_iter().chain([key("counter", "c", NOW + 1)]).collect();
    assert_eq!(listed, names(&expected));
}

pub async fn a_long_listing_comes_in_pages_that_hold_every_key_once(subject: Subject) {
    *subject.fakes.page_size.lock().unwrap() = Some(3);
    let keys: Vec<_> = (0..8).map(|number| live(&format!("id-{number}"))).collect();
    for key in &keys {
        subject.put(key, b"x").await.unwrap();
    }
    let (mut listed, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = subject.list(cursor.as_deref()).await.unwrap();
        listed.extend(page.keys);
        pages += 1;
        assert!(pages <= keys.len(), "the listing does not end");
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(listed.len(), keys.len(), "a key came twice");
    assert_eq!(names(&listed), names(&keys));
}

pub async fn foreign_keys_are_left_out_of_the_listing_without_ending_it(subject: Subject) {
    let foreign = [
        "",
        "config",
        "a.b",
        "a.b.c",
        "test.12.",
        ".12.a",
        "test.012.a",
        "test.+12.a",
        "test.12.a.b",
        "te st.12.a",
        "test.-1.a",
    ];
    for name in foreign {
        subject.fakes.store.lock().unwrap().entries.insert(name.to_owned(), Entry::Value(b"foreign".to_vec()));
    }
    *subject.fakes.page_size.lock().unwrap() = Some(2);
    subject.put(&live("ours"), b"x").await.unwrap();
    let (mut listed, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = subject.list(cursor.as_deref()).await.unwrap();
        listed.extend(page.keys);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, [live("ours")]);
    assert_eq!(subject.fakes.snapshot().len(), foreign.len() + 1, "nothing was removed");
}

pub async fn a_key_that_not_every_backend_can_hold_is_refused_by_every_function(subject: Subject) {
    let (long_kind, long_id) = ("k".repeat(33), "i".repeat(129));
    let bad_kinds = ["", "a.b", "a_b", "a b", "é", "a/b", "a:b", "a\n", long_kind.as_str()];
    let bad_ids = ["", "a.b", "a b", "a/b", "a=", "a+b", "é", "a\0", long_id.as_str()];
    let kinds = bad_kinds.iter().map(|kind| key(kind, "a", NOW + 1));
    let ids = bad_ids.iter().map(|id| key("test", id, NOW + 1));
    for key in kinds.chain(ids) {
        assert!(matches!(subject.get(&key).await, Err(Error::InvalidKey(_))), "{key:?}");
        assert!(matches!(subject.get_many(&[live("a"), key.clone()]).await, Err(Error::InvalidKey(_))), "{key:?}");
        assert!(matches!(subject.put(&key, b"x").await, Err(Error::InvalidKey(_))), "{key:?}");
        assert!(matches!(subject.delete(&key).await, Err(Error::InvalidKey(_))), "{key:?}");
        assert!(matches!(subject.increment(&key, 1).await, Err(Error::InvalidKey(_))), "{key:?}");
    }
    assert!(subject.fakes.snapshot().is_empty());
    assert!(subject.fakes.store.lock().unwrap().calls.is_empty(), "the backend was asked");
}

pub async fn a_counter_begins_at_zero_and_every_instance_sees_its_sum(subject: Subject) {
    let counter = live("c");
    assert_eq!(subject.increment(&counter, 1).await, Ok(1));
    assert_eq!(subject.increment(&counter, 1).await, Ok(2));
    assert_eq!(subject.increment(&counter, 40).await, Ok(42));
    assert_eq!(subject.increment(&counter, 0).await, Ok(42));
    assert_eq!(subject.increment(&live("other"), 5).await, Ok(5));
}

pub async fn an_increment_by_zero_tells_the_sum_and_changes_nothing(subject: Subject) {
    assert_eq!(subject.increment(&live("c"), 3).await, Ok(3));
    let before = subject.fakes.snapshot();
    assert_eq!(subject.increment(&live("c"), 0).await, Ok(3));
    assert_eq!(subject.increment(&live("c"), 0).await, Ok(3));
    assert_eq!(subject.fakes.snapshot(), before);
    assert_eq!(subject.increment(&live("c"), 1).await, Ok(4));
    assert_eq!(subject.increment(&live("none"), 0).await, Ok(0));
    assert_eq!(subject.increment(&live("none"), 1).await, Ok(1));
}

pub async fn a_counter_goes_as_far_as_every_backend_counts_and_no_further(subject: Subject) {
    let most = i64::MAX.cast_unsigned();
    assert!(matches!(subject.increment(&live("c"), most + 1).await, Err(Error::Unavailable(_))));
    assert!(subject.fakes.snapshot().is_empty(), "nothing was counted");
    assert_eq!(subject.increment(&live("c"), most).await, Ok(most));
    assert!(matches!(subject.increment(&live("c"), 1).await, Err(Error::Unavailable(_))));
}

pub async fn of_many_increments_at_once_each_gets_a_sum_of_its_own(subject: Subject) {
    assert_eq!(subject.increment(&live("c"), 1).await, Ok(1));
    let subject = Arc::new(subject);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let subject = Arc::clone(&subject);
        racing.spawn(async move { subject.increment(&live("c"), 1).await.unwrap() });
    }
    let sums: BTreeSet<_> = racing.join_all().await.into_iter().collect();
    assert_eq!(sums, (2..=17).collect());
}

pub async fn a_backend_that_does_not_answer_fails_every_function_and_changes_nothing(subject: Subject) {
    subject.put(&live("a"), b"x").await.unwrap();
    let before = subject.fakes.snapshot();
    subject.fakes.store_goes_down();
    assert!(matches!(subject.get(&live("a")).await, Err(Error::Unavailable(_))));
    assert!(matches!(subject.get_many(&[live("a"), live("b")]).await, Err(Error::Unavailable(_))));
    assert!(matches!(subject.put(&live("a"), b"y").await, Err(Error::Unavailable(_))));
    assert!(matches!(subject.delete(&live("a")).await, Err(Error::Unavailable(_))));
    assert!(matches!(subject.increment(&live("c"), 1).await, Err(Error::Unavailable(_))));
    assert!(matches!(subject.list(None).await, Err(Error::Unavailable(_))));
    assert_eq!(subject.fakes.snapshot(), before);
    subject.fakes.store_recovers();
    assert_eq!(subject.get(&live("a")).await, Ok(Some(b"x".to_vec())));
}

fn names(keys: &[Key]) -> BTreeSet<String> {
    keys.iter().map(|key| format!("{}.{}.{}", key.kind, key.expires_at, key.id)).collect()
}

/// The contract as tests of one adapter.
macro_rules! store_contract {
    ($component:expr, [$($promise:ident),* $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::store_contract::$promise($crate::store_contract::Subject::new(&$component)).await;
            }
        )*
    };
    ($component:expr) => {
        $crate::store_contract::store_contract!($component, [
            what_is_put_is_read_back_by_another_instance_byte_for_byte,
            several_values_are_read_in_the_order_of_their_keys,
            a_second_put_replaces_the_first,
            keys_that_differ_in_any_part_are_different_entries,
            a_deleted_entry_is_gone_and_deleting_it_again_succeeds,
            an_entry_exists_until_the_second_before_its_expiry,
            the_listing_gives_every_key_as_it_was_put_expired_ones_too,
            a_long_listing_comes_in_pages_that_hold_every_key_once,
            foreign_keys_are_left_out_of_the_listing_without_ending_it,
            a_key_that_not_every_backend_can_hold_is_refused_by_every_function,
            a_counter_begins_at_zero_and_every_instance_sees_its_sum,
            an_increment_by_zero_tells_the_sum_and_changes_nothing,
            a_counter_goes_as_far_as_every_backend_counts_and_no_further,
            of_many_increments_at_once_each_gets_a_sum_of_its_own,
            a_backend_that_does_not_answer_fails_every_function_and_changes_nothing,
        ]);
    };
}
pub(crate) use store_contract;
