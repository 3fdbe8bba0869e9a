//! What only the adapter for wasmCloud has.

use std::sync::atomic::Ordering;

use crate::bindings::adapter::exports::gatehouse::host::store::Error;
use crate::component::ADAPTER_WASMCLOUD;
use crate::store_contract::{Subject, live, store_contract};
use crate::wasmcloud_imports::LOST_RACE;

mod keeps_the_contract_of_the_store {
    super::store_contract!(crate::component::ADAPTER_WASMCLOUD);
}

fn adapter() -> Subject {
    Subject::new(&ADAPTER_WASMCLOUD)
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
    adapter.fakes.store_goes_down();
    assert!(matches!(adapter.increment(&live("c"), 1).await, Err(Error::Unavailable(_))));
    assert_eq!(adapter.fakes.store.lock().unwrap().take_calls(), ["increment"]);
}

#[tokio::test]
async fn a_cursor_of_another_store_is_an_error_and_lists_nothing() {
    let adapter = adapter();
    for cursor in ["", "test.12.a", "-1", "1.5"] {
        assert!(matches!(adapter.list(Some(cursor)).await, Err(Error::Unavailable(_))), "{cursor}");
    }
    assert!(adapter.fakes.store.lock().unwrap().calls.is_empty());
}
