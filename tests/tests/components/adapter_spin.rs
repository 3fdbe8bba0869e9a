//! What only the adapter for Spin's key-value store and variables has.

use crate::bindings::adapter::exports::gatehouse::host::settings::Error as SettingsError;
use crate::component::ADAPTER_SPIN;
use crate::store_contract::{Subject, store_contract};

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

#[tokio::test]
async fn a_name_that_no_variable_can_have_is_an_error_and_not_an_unset_setting() {
    let adapter = Subject::new(&ADAPTER_SPIN);
    assert_eq!(adapter.setting("1config").await, Err(SettingsError::InvalidName("1config".to_owned())));
}
