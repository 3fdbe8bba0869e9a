//! What is the same in every adapter, and beside the store's contract.

use crate::bindings::adapter::exports::gatehouse::host::configuration::{Error as ConfigurationError, Part};
use crate::bindings::adapter::exports::gatehouse::host::peer::Place;
use crate::bindings::adapter::exports::gatehouse::host::settings::Error as SettingsError;
use crate::bindings::adapter::exports::gatehouse::host::store::Error;
use crate::bindings::platform::wasi::keyvalue::store::Error as KeyValueError;
use crate::component::{ADAPTER_SPIN, ADAPTER_WASMCLOUD};
use crate::fakes::{Entry, NOW};
use crate::store_contract::{Subject, key, live};

/// Each adapter, over fakes of its own.
fn adapters() -> [Subject; 2] {
    [&ADAPTER_SPIN, &ADAPTER_WASMCLOUD].map(Subject::new)
}

impl Subject {
    /// What `settings` says.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_settings().call_get(&mut store, name).await.expect("no trap")
    }

    /// What `configuration` says.
    pub async fn part(&self, part: &Part) -> Result<Option<String>, ConfigurationError> {
        let (mut store, adapter) = self.instance().await;
        adapter.gatehouse_host_configuration().call_get(&mut store, part).await.expect("no trap")
    }
}

/// Anybody can send `spin-client-addr`; only where the host adds its own is the last one true.
#[tokio::test]
async fn only_the_adapter_of_hosts_that_tell_who_connects_says_where() {
    let mut told = Vec::new();
    for subject in adapters() {
        let (mut store, adapter) = subject.instance().await;
        told.push(adapter.gatehouse_host_peer().call_told_in(&mut store).await.expect("no trap"));
    }
    assert_eq!(told, [Place::SpinClientAddr, Place::Nothing]);
}

/// The smallest document.
const DOCUMENT: &str = r#"
public_url = "https://gateway.example"
[identity_provider]
name = "demo"
issuer = "https://login.example"
client_id = "gatehouse"
[[routes]]
path = "/mcp"
url = "https://upstream.example/mcp"
"#;

#[tokio::test]
async fn the_configuration_is_given_in_parts_whichever_form_it_has() {
    for adapter in adapters() {
        let compiled = gatehouse_configuration::compile(DOCUMENT).unwrap();
        for form in [DOCUMENT.to_owned(), compiled.clone(), compiled.trim_end().to_owned()] {
            adapter.fakes.set("config", &form);
            let gateway = adapter.part(&Part::Gateway).await.unwrap().unwrap();
            assert_eq!(gateway, r#"{"public_url":"https://gateway.example"}"#);
            let route = adapter.part(&Part::Route("/mcp".to_owned())).await.unwrap();
            assert_eq!(route.as_deref(), Some(r#"0:{"path":"/mcp","url":"https://upstream.example/mcp"}"#));
            assert_eq!(adapter.part(&Part::OnlyRoute).await, Ok(route));
            assert_eq!(adapter.part(&Part::Route("/other".to_owned())).await, Ok(None));
            let servers = adapter.part(&Part::Servers).await.unwrap().unwrap();
            assert_eq!(servers, r#"{"servers":[{"route":"/mcp","url":"https://upstream.example/mcp"}]}"#);
            assert!(adapter.part(&Part::AuthorizationServer).await.unwrap().unwrap().contains("https://login.example"));
        }
    }
}

#[tokio::test]
async fn without_a_usable_configuration_no_part_is_given() {
    for adapter in adapters() {
        assert_eq!(adapter.part(&Part::Gateway).await, Err(ConfigurationError::Missing));
        adapter.fakes.set("config", "public_url = 1");
        let Err(ConfigurationError::Invalid(reason)) = adapter.part(&Part::Gateway).await else { panic!() };
        assert!(reason.contains("`public_url` must be text in quotes, and is a whole number (line 1)"), "{reason}");
        *adapter.fakes.settings_failure.lock().unwrap() = Some("the vault is sealed".to_owned());
        let unavailable = ConfigurationError::Unavailable("the vault is sealed".to_owned());
        assert_eq!(adapter.part(&Part::Gateway).await, Err(unavailable));
    }
}

#[tokio::test]
async fn the_name_in_the_backend_is_kind_expiry_and_id() {
    for adapter in adapters() {
        adapter.put(&key("code", "a_b-C", NOW + 60), b"x").await.unwrap();
        let expected = [(format!("code.{}.a_b-C", NOW + 60), Entry::Value(b"x".to_vec()))];
        assert_eq!(adapter.fakes.snapshot(), expected.into());
    }
}

#[tokio::test]
async fn each_function_costs_one_operation_of_the_backend() {
    for adapter in adapters() {
        let (mut store, instance) = adapter.instance().await;
        let interface = instance.gatehouse_host_store();
        let calls = || adapter.fakes.store.lock().unwrap().take_calls();
        interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
        calls();
        interface.call_put(&mut store, &live("a"), b"x").await.unwrap().unwrap();
        assert_eq!(calls(), ["put"]);
        interface.call_get(&mut store, &live("a")).await.unwrap().unwrap();
        assert_eq!(calls(), ["get"]);
        let expired = key("test", "a", NOW);
        let asked = [live("a"), expired.clone(), live("b"), live("d")];
        interface.call_get_many(&mut store, &asked).await.unwrap().unwrap();
        assert_eq!(calls(), ["get-many"]);
        interface.call_get_many(&mut store, &[expired.clone(), expired]).await.unwrap().unwrap();
        assert_eq!(calls(), [""; 0], "what has expired is not asked for");
        interface.call_increment(&mut store, &live("c"), 1).await.unwrap().unwrap();
        assert_eq!(calls(), ["increment"]);
        interface.call_list_keys(&mut store, None).await.unwrap().unwrap();
        assert_eq!(calls(), ["list"]);
        interface.call_delete(&mut store, &live("a")).await.unwrap().unwrap();
        assert_eq!(calls(), ["delete"]);
        interface.call_get(&mut store, &key("test", "a", NOW)).await.unwrap().unwrap();
        assert_eq!(calls(), [""; 0], "an expired entry needs no backend");
    }
}

#[tokio::test]
async fn a_counter_is_never_set_and_a_value_never_counted() {
    for adapter in adapters() {
        adapter.increment(&live("c"), 3).await.unwrap();
        adapter.increment(&live("c"), 1).await.unwrap();
        adapter.put(&live("v"), b"x").await.unwrap();
        let before = adapter.fakes.snapshot();
        assert_eq!(before[&format!("test.{}.c", NOW + 3600)], Entry::Counter(4));
        assert!(matches!(adapter.put(&live("c"), b"9").await, Err(Error::Unavailable(_))));
        assert!(matches!(adapter.get(&live("c")).await, Err(Error::Unavailable(_))));
        assert!(matches!(adapter.increment(&live("v"), 1).await, Err(Error::Unavailable(_))));
        assert_eq!(adapter.fakes.snapshot(), before);
    }
}

#[tokio::test]
async fn a_setting_has_its_value_and_an_empty_or_undefined_one_has_none() {
    for adapter in adapters() {
        adapter.fakes.set("config", "public_url = \"https://é.example\"\n");
        adapter.fakes.set("empty", "");
        adapter.fakes.set("blank", " ");
        assert_eq!(adapter.setting("config").await, Ok(Some("public_url = \"https://é.example\"\n".to_owned())));
        assert_eq!(adapter.setting("empty").await, Ok(None));
        assert_eq!(
            adapter.setting("blank").await,
            Ok(Some(" ".to_owned())),
            "what a space means is for the reader to say"
        );
        assert_eq!(adapter.setting("undefined").await, Ok(None));
    }
}

#[tokio::test]
async fn a_variable_provider_that_fails_is_an_error_and_not_an_unset_setting() {
    for adapter in adapters() {
        adapter.fakes.set("config", "x");
        *adapter.fakes.settings_failure.lock().unwrap() = Some("the vault is sealed".to_owned());
        assert_eq!(adapter.setting("config").await, Err(SettingsError::Unavailable("the vault is sealed".to_owned())));
        assert_eq!(
            adapter.setting("undefined").await,
            Err(SettingsError::Unavailable("the vault is sealed".to_owned()))
        );
    }
}

#[tokio::test]
async fn a_missing_store_and_a_missing_permission_are_said_in_the_operators_words() {
    let denied = "the component may not use the key-value store `default`; see";
    let denied = ["key_value_stores", "the host interfaces of the workload"].map(|place| format!("{denied} {place}"));
    for (number, denied) in denied.iter().enumerate() {
        for (failure, words) in [
            (KeyValueError::NoSuchStore, "there is no key-value store `default`"),
            (KeyValueError::AccessDenied, denied.as_str()),
            (KeyValueError::Other("the disk is full".to_owned()), "the disk is full"),
        ] {
            let adapter = &adapters()[number];
            adapter.fakes.store_fails_with(failure);
            let unavailable = Error::Unavailable(words.to_owned());
            assert_eq!(adapter.get(&live("a")).await, Err(unavailable.clone()));
            assert_eq!(adapter.get_many(&[live("a"), live("b")]).await, Err(unavailable.clone()));
            assert_eq!(adapter.put(&live("a"), b"x").await, Err(unavailable.clone()));
            assert_eq!(adapter.delete(&live("a")).await, Err(unavailable.clone()));
            assert_eq!(adapter.increment(&live("a"), 1).await, Err(unavailable.clone()));
            assert_eq!(adapter.list(None).await, Err(unavailable));
            assert!(adapter.fakes.snapshot().is_empty());
        }
    }
}
