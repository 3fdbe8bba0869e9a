//! The runtime configurations: what the store is.

use gatehouse_tests::repository;
use toml::Table;

use crate::filled::filled;

#[test]
fn every_runtime_configuration_has_the_words_of_spin_for_a_redis() {
    let template = repository().join("deploy/templates/gatehouse/content/runtime-config.toml");
    let texts = [filled("spin/runtime-config.toml"), std::fs::read_to_string(template).expect("the file")];
    for text in texts {
        let table: Table = toml::from_str(&text).expect("TOML");
        // A table that Spin does not know is an error there, and so it is on the embedded host.
        assert_eq!(table.keys().collect::<Vec<_>>(), ["key_value_store"], "{text}");
        let store = table["key_value_store"]["default"].as_table().expect("the label that spin.toml names");
        assert_eq!(store["type"].as_str(), Some("redis"));
        let url = url::Url::parse(store["url"].as_str().expect("a URL")).expect("a URL");
        assert!(url.scheme() == "redis" && url.password().is_some() && url.port() == Some(6379), "{url}");
        assert_eq!(store.len(), 2, "{text}");
    }
}
