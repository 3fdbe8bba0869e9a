//! What only the adapter for wasmCloud has.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bindings::adapter::exports::gatehouse::host::store::Error;
use crate::component::ADAPTER_WASMCLOUD;
use crate::fakes::Entry;
use crate::nats::Nats;
use crate::store_contract::{Subject, live, store_contract};
use crate::wasmcloud_imports::LOST_RACE;

mod keeps_the_contract_of_the_store {
    super::store_contract!(crate::component::ADAPTER_WASMCLOUD);
}

fn adapter() -> Subject {
    Subject::new(&ADAPTER_WASMCLOUD)
}

/// The adapter over NATS.
fn on_nats() -> Subject {
    let adapter = adapter();
    adapter.fakes.nats.set(Nats::default()).unwrap();
    adapter
}

#[test]
fn it_imports_the_key_value_store_and_the_configuration_and_nothing_else() {
    let expected = [
        "wasi:config/store@0.2.0-rc.1",
        "wasi:keyvalue/atomics@0.2.0-draft",
        "wasi:keyvalue/batch@0.2.0-draft",
        "wasi:keyvalue/store@0.2.0-draft",
    ];
    assert_eq!(ADAPTER_WASMCLOUD.own_imports(), expected);
}

/// Opening makes a connection on Redis, and asks the server on NATS.
#[tokio::test]
async fn the_bucket_is_opened_once_in_an_instance_and_again_after_an_error() {
    let adapter = adapter();
    let opened = || adapter.fakes.opened.load(Ordering::SeqCst);
    let (mut store, instance) = adapter.instance().await;
    assert_eq!(opened(), 0, "who needs no store opens none");
    let interface = instance.gatehouse_host_store();
    interface.call_put(&mut store, &live("a"), b"x").await.unwrap().unwrap();
    interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
    interface.call_list_keys(&mut store, None).await.unwrap().unwrap();
    assert_eq!(opened(), 1);
    adapter.fakes.store_goes_down();
    interface.call_get(&mut store, &live("a")).await.unwrap().unwrap_err();
    adapter.fakes.store_recovers();
    assert_eq!(interface.call_get(&mut store, &live("a")).await.unwrap().unwrap(), Some(b"x".to_vec()));
    assert_eq!(opened(), 2);
}

#[tokio::test]
async fn an_increment_that_loses_a_race_is_tried_again_over_the_same_bucket() {
    let adapter = adapter();
    adapter.increment(&live("c"), 1).await.unwrap();
    let before = adapter.fakes.opened.load(Ordering::SeqCst);
    adapter.fakes.lost_races.store(20, Ordering::SeqCst);
    assert_eq!(adapter.increment(&live("c"), 1).await, Ok(2));
    assert_eq!(adapter.fakes.lost_races.load(Ordering::SeqCst), 0);
    assert_eq!(adapter.fakes.opened.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn an_increment_that_loses_every_race_is_an_error_and_counts_nothing() {
    let adapter = adapter();
    adapter.increment(&live("c"), 1).await.unwrap();
    let before = adapter.fakes.snapshot();
    adapter.fakes.lost_races.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(adapter.increment(&live("c"), 1).await, Err(Error::Unavailable(LOST_RACE.to_owned())));
    assert_eq!(adapter.fakes.snapshot(), before);
}

/// It may have been counted.
#[tokio::test]
async fn an_increment_that_failed_otherwise_is_not_tried_again() {
    let adapter = adapter();
    let (mut store, instance) = adapter.instance().await;
    let interface = instance.gatehouse_host_store();
    interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
    adapter.fakes.store.lock().unwrap().take_calls();
    adapter.fakes.store_goes_down();
    let answer = interface.call_increment(&mut store, &live("c"), 1).await.unwrap();
    assert!(matches!(answer, Err(Error::Unavailable(_))));
    assert_eq!(adapter.fakes.store.lock().unwrap().take_calls(), ["increment"]);
}

/// On Redis, a request costs what it did before there was NATS.
#[tokio::test]
async fn which_backend_it_is_is_read_together_with_the_first_entry_and_found_out_once_for_a_store() {
    let adapter = adapter();
    let calls = || adapter.fakes.store.lock().unwrap().take_calls();
    adapter.increment(&live("c"), 1).await.unwrap();
    assert_eq!(calls(), ["get", "get", "put", "increment"], "it is found out");
    let (mut store, instance) = adapter.instance().await;
    let interface = instance.gatehouse_host_store();
    interface.call_get(&mut store, &live("a")).await.unwrap().unwrap();
    interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
    interface.call_delete(&mut store, &live("a")).await.unwrap().unwrap();
    interface.call_get(&mut store, &live("a")).await.unwrap().unwrap();
    assert_eq!(calls(), ["get-many", "increment", "delete", "get"]);
    // Who reads nothing before asks for it.
    adapter.increment(&live("c"), 1).await.unwrap();
    assert_eq!(calls(), ["get", "increment"]);
    assert_eq!(adapter.list(None).await.unwrap().keys, [live("c")], "it is no entry of Gatehouse's");
}

#[tokio::test]
async fn an_entry_that_says_no_backend_lets_nobody_count() {
    let adapter = adapter();
    adapter.increment(&live("c"), 1).await.unwrap();
    let said = Entry::Value(b"another".to_vec());
    adapter.fakes.store.lock().unwrap().entries.insert("backend.18446744073709551615.counters".to_owned(), said);
    let before = adapter.fakes.snapshot();
    assert!(matches!(adapter.increment(&live("c"), 1).await, Err(Error::Unavailable(_))));
    assert_eq!(adapter.fakes.snapshot(), before);
}

#[tokio::test]
async fn a_cursor_of_another_store_is_an_error_and_lists_nothing() {
    let adapter = adapter();
    for cursor in ["", "test.12.a", "-1", "1.5"] {
        assert!(matches!(adapter.list(Some(cursor)).await, Err(Error::Unavailable(_))), "{cursor}");
    }
    assert!(adapter.fakes.store.lock().unwrap().calls.is_empty());
}

#[tokio::test]
async fn on_nats_it_keeps_the_contract_of_the_store() {
    use crate::store_contract as promises;
    promises::what_is_put_is_read_back_by_another_instance_byte_for_byte(on_nats()).await;
    promises::several_values_are_read_in_the_order_of_their_keys(on_nats()).await;
    promises::a_deleted_entry_is_gone_and_deleting_it_again_succeeds(on_nats()).await;
    promises::a_long_listing_comes_in_pages_that_hold_every_key_once(on_nats()).await;
    promises::a_counter_begins_at_zero_and_every_instance_sees_its_sum(on_nats()).await;
    promises::an_increment_by_zero_tells_the_sum_and_changes_nothing(on_nats()).await;
    promises::a_counter_goes_as_far_as_every_backend_counts_and_no_further(on_nats()).await;
    promises::of_many_increments_at_once_each_gets_a_sum_of_its_own(on_nats()).await;
    promises::a_backend_that_does_not_answer_fails_every_function_and_changes_nothing(on_nats()).await;
}

#[tokio::test]
async fn on_nats_a_counter_that_is_there_costs_one_read_more() {
    let adapter = on_nats();
    adapter.increment(&live("c"), 1).await.unwrap();
    let (mut store, instance) = adapter.instance().await;
    let interface = instance.gatehouse_host_store();
    interface.call_get(&mut store, &live("a")).await.unwrap().unwrap();
    adapter.fakes.store.lock().unwrap().take_calls();
    interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
    assert_eq!(adapter.fakes.store.lock().unwrap().take_calls(), ["get", "increment", "update"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_nats_first_increments_that_come_together_each_get_a_sum_of_their_own() {
    for _ in 0..10 {
        let adapter = Arc::new(on_nats());
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let adapter = Arc::clone(&adapter);
            racing.spawn(async move { adapter.increment(&live("c"), 1).await.unwrap() });
        }
        let sums: BTreeSet<_> = racing.join_all().await.into_iter().collect();
        assert_eq!(sums, (1..=16).collect());
        // Nothing was ever written over what somebody else had counted.
        assert_eq!(*adapter.fakes.nats.get().unwrap().begun_by_increments.lock().unwrap(), [""; 0]);
    }
}

/// However late the write that an instance is about to make: it changes no count. One is held up before each of its steps, while two
/// others count from the beginning to the end.
#[test]
fn on_nats_an_instance_that_is_held_up_at_any_step_spoils_no_count() {
    let alone = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = |adapter: &Subject| alone().block_on(adapter.increment(&live("c"), 1));
    for is_known in [false, true] {
        for step in 0.. {
            let adapter = on_nats();
            let nats = adapter.fakes.nats.get().unwrap();
            if is_known {
                // The first counter of a store begins the root, too.
                alone().block_on(adapter.increment(&live("other"), 1)).unwrap();
            }
            nats.hold_after(step);
            let is_over = AtomicBool::new(false);
            let was_held = std::thread::scope(|scope| {
                let first = scope.spawn(|| {
                    let sum = count(&adapter);
                    is_over.store(true, Ordering::SeqCst);
                    nats.wake();
                    sum
                });
                let was_held = nats.is_held(|| is_over.load(Ordering::SeqCst));
                if !was_held {
                    nats.release();
                }
                let others = [count(&adapter), count(&adapter)];
                nats.release();
                let mut sums = others.to_vec();
                sums.push(first.join().unwrap());
                sums.sort_by_key(|sum| sum.clone().ok());
                assert_eq!(sums, [Ok(1), Ok(2), Ok(3)], "held up at step {step}");
                was_held
            });
            if !was_held {
                assert!(step > 8, "{step} steps: nothing was held up");
                break;
            }
        }
    }
}

#[tokio::test]
async fn on_nats_a_counter_leaves_with_its_name() {
    let adapter = on_nats();
    adapter.increment(&live("c"), 1).await.unwrap();
    let count = |name: &str| adapter.fakes.store.lock().unwrap().count(name);
    assert_eq!((count("test"), count("counter")), (1, 1));
    adapter.delete(&live("c")).await.unwrap();
    assert_eq!((count("test"), count("counter")), (0, 0));
}
