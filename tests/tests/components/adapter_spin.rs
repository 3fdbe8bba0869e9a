//! What only the adapter for Spin's key-value store and variables has.

use crate::bindings::adapter::exports::gatehouse::host::settings::Error as SettingsError;
use crate::bindings::adapter::exports::gatehouse::host::store::Error;
use crate::component::ADAPTER_SPIN;
use crate::store_contract::{Subject, live, store_contract};

mod keeps_the_contract_of_the_store {
    super::store_contract!(crate::component::ADAPTER_SPIN);
}

#[test]
fn it_imports_the_key_value_store_and_the_variables_and_nothing_else() {
    let expected = [
        "fermyon:spin/variables@2.0.0",
        "wasi:keyvalue/atomics@0.2.0-draft2",
        "wasi:keyvalue/batch@0.2.0-draft2",
        "wasi:keyvalue/store@0.2.0-draft2",
    ];
    assert_eq!(ADAPTER_SPIN.own_imports(), expected);
}

/// Fermyon Cloud and Akamai Functions have the store and no `increment` (docs/deployment.md): better no Gatehouse than one whose codes can
/// be used twice.
#[test]
fn a_host_whose_store_cannot_increment_starts_nothing_and_names_what_is_missing() {
    let refused = ADAPTER_SPIN.refused_without_increment();
    assert!(refused.contains("wasi:keyvalue/atomics@0.2.0-draft2"), "{refused}");
}

/// Spin's store in Redis (4.1.0) sends `KEYS`, with several names; Redis refuses that.
#[tokio::test]
async fn where_the_host_cannot_read_several_values_at_once_they_are_read_one_by_one() {
    let adapter = Subject::new(&ADAPTER_SPIN);
    adapter.put(&live("a"), b"1").await.unwrap();
    adapter.put(&live("b"), b"2").await.unwrap();
    let asked = || adapter.fakes.store.lock().unwrap().calls.len();
    let before = asked();
    let values = [Some(b"2".to_vec()), None, Some(b"1".to_vec())];
    let keys = [live("b"), live("missing"), live("a")];
    assert_eq!(adapter.get_many(&keys).await, Ok(values.to_vec()));
    assert_eq!(asked() - before, 1, "all at once");
    *adapter.fakes.reads_one_by_one.lock().unwrap() = true;
    assert_eq!(adapter.get_many(&keys).await, Ok(values.to_vec()));
    assert_eq!(adapter.get_many(&keys[..1]).await, Ok(values[..1].to_vec()));
    adapter.fakes.store_goes_down();
    assert!(matches!(adapter.get_many(&keys).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_name_that_no_variable_can_have_is_an_error_and_not_an_unset_setting() {
    let adapter = Subject::new(&ADAPTER_SPIN);
    assert_eq!(adapter.setting("1config").await, Err(SettingsError::InvalidName("1config".to_owned())));
}
