#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::os::unix::fs::PermissionsExt as _;

use gatehouse_configuration::ProviderProfile;

use super::*;

#[test]
fn the_configuration_holds_what_was_given_and_nothing_secret() {
    let text = document(
        "https://gateway.example",
        "http://10.0.0.7:8080/mcp?a=\"b\"",
        "https://login.example/realms/a",
        "the \"id\"",
        true,
        true,
    );
    assert!(Configuration::parse(&text.replace("?a=\\\"b\\\"", "")).is_ok(), "{text}");
    let text = document("https://gateway.example", "http://10.0.0.7/mcp", "https://login.example", "id", false, false);
    let configuration = Configuration::parse(&text).unwrap();
    let provider = &configuration.authorization_server.identity_providers[0];
    assert_eq!(provider.scopes.to_string(), "openid profile email");
    assert_eq!((provider.issuer.as_str(), provider.client_id.as_str()), ("https://login.example", "id"));
    assert!(!text.contains("client_secret"));
}

#[test]
fn an_issuer_of_entra_becomes_its_profile() {
    let issuer = "https://login.microsoftonline.com/5fe0a4c8-90b8-4c36-9a6f-6a8ff1aef45c/v2.0";
    let text = document("https://gateway.example", "http://10.0.0.7/mcp", issuer, "id", true, true);
    let configuration = Configuration::parse(&text).unwrap();
    assert!(matches!(
        &configuration.authorization_server.identity_providers[0].profile,
        ProviderProfile::Entra(entra) if entra.tenant == "5fe0a4c8-90b8-4c36-9a6f-6a8ff1aef45c"
    ));
}

#[test]
fn server_keys_are_made_once_and_nobody_else_can_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    create_private_directory(&state).unwrap();
    let file = state.join("server-keys");
    let first = server_keys(&file).unwrap();
    assert!(KeyRing::parse(&first).is_ok());
    assert_eq!(server_keys(&file).unwrap(), first);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_provider_with_endpoints_on_other_hosts_gets_a_manifest_that_allows_them() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml"));
    assert_eq!(with_hosts(shipped, &[], folder.path()).unwrap(), shipped);
    let copy = with_hosts(shipped, &["https://oauth2.example".to_owned()], folder.path()).unwrap();
    let manifest: toml::Table = fs::read_to_string(&copy).unwrap().parse().unwrap();
    let component = manifest["component"]["gatehouse"].as_table().unwrap();
    assert!(Path::new(component["source"].as_str().unwrap()).is_absolute());
    let allowed = component["allowed_outbound_hosts"].as_array().unwrap();
    assert_eq!(allowed[0].as_str(), Some("https://oauth2.example"));
    assert_eq!(allowed.len(), 5);
}
