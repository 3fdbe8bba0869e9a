//! What is wrong with the variables of a Gatehouse, before it serves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gatehouse_configuration::{Configuration, SERVER_KEYS_SETTING, SETTING, Source};
use gatehouse_sealed_storage::sealing::KeyRing;

use crate::check::needs::{provider_settings, settings};

/// Checks the variables of a component. One without a configuration and server keys is not Gatehouse, and anything will do.
///
/// # Errors
/// What is wrong, without the value.
pub(crate) fn check(variables: &BTreeMap<String, Arc<str>>) -> Result<(), String> {
    let (Some(document), Some(keys)) = (variables.get(SETTING), variables.get(SERVER_KEYS_SETTING)) else {
        return Ok(());
    };
    let configuration = Source::read(document.to_string())
        .and_then(|source| Configuration::of_source(&source))
        .map_err(|error| forgotten_file(document).unwrap_or_else(|| format!("variable `{SETTING}`: {error}")))?;
    KeyRing::parse(keys).map_err(|error| {
        let hint = forgotten_at(SERVER_KEYS_SETTING, keys).unwrap_or_default();
        format!("variable `{SERVER_KEYS_SETTING}`: {error}; `gatehouse keys generate` makes one{hint}")
    })?;
    let of_providers = provider_settings(&configuration);
    for (name, uses) in settings(&configuration) {
        let what = format!("variable `{name}` ({})", uses.join(", "));
        match variables.get(&name) {
            None => {
                return Err(format!(
                    "{what} is not there: declare it in [variables] and in the component's variables in spin.toml"
                ));
            }
            // Without those of a provider, nobody can sign in. Another one that is empty is not given, and closes what it is for.
            Some(value) if value.trim().is_empty() && of_providers.contains_key(&name) => {
                return Err(format!("{what} is empty"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The error where the value is the name of a file, whose content was meant.
fn forgotten_file(document: &str) -> Option<String> {
    let hint = forgotten_at(SETTING, document)?;
    Some(format!("variable `{SETTING}` is the name of a file, and not a configuration{hint}"))
}

/// What to write instead, where the value is the name of a file.
fn forgotten_at(variable: &str, value: &str) -> Option<String> {
    let name = value.trim();
    let is_file = !name.is_empty() && !name.contains('\n') && Path::new(name).is_file();
    is_file.then(|| format!("; write {variable}=@{name} for the content of the file"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    const DOCUMENT: &str = "public_url = \"https://gateway.example\"\n[identity_provider]\nname = \"main\"\nissuer = \
                            \"https://login.example\"\nclient_id = \"gatehouse\"\nclient_secret = { secret = \
                            \"identity_provider_secret\" }\n[[routes]]\npath = \"/mcp\"\nurl = \"http://10.0.0.7/mcp\"\n";
    const KEYS: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn checked(variables: &[(&str, &str)]) -> Result<(), String> {
        check(&variables.iter().map(|(name, value)| ((*name).to_owned(), Arc::from(*value))).collect())
    }

    #[test]
    fn what_gatehouse_needs_is_right_in_either_form_and_other_components_need_nothing() {
        let compiled = gatehouse_configuration::compile(DOCUMENT).unwrap();
        for document in [DOCUMENT, &compiled] {
            let variables = [("config", document), ("server_keys", KEYS), ("identity_provider_secret", "s\n")];
            assert_eq!(checked(&variables), Ok(()));
        }
        // Other secrets may be given later; what they are for is closed until then.
        let with_header = format!("{DOCUMENT}secret_headers = {{ x-key = {{ secret = \"upstream_secret\" }} }}\n");
        let variables = [
            ("config", with_header.as_str()),
            ("server_keys", KEYS),
            ("identity_provider_secret", "s"),
            ("upstream_secret", ""),
        ];
        assert_eq!(checked(&variables), Ok(()));
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&[("config", "of another application")]), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        let compiled = gatehouse_configuration::compile(DOCUMENT).unwrap();
        let damaged = compiled.replace("10.0.0.7", "10.0.0.8");
        let secret = ("identity_provider_secret", "s");
        for (variables, expected) in [
            (vec![("config", "public_url = 1"), ("server_keys", KEYS)], "variable `config`: "),
            (vec![("config", ""), ("server_keys", KEYS)], "variable `config`: "),
            (vec![("config", &damaged), ("server_keys", KEYS), secret], "variable `config`: "),
            (vec![("config", DOCUMENT), ("server_keys", "hunter2"), secret], "variable `server_keys`: "),
            (vec![("config", DOCUMENT), ("server_keys", ""), secret], "variable `server_keys`: "),
            (
                vec![("config", DOCUMENT), ("server_keys", KEYS)],
                "variable `identity_provider_secret` (client secret at main) is not there: declare it in [variables]",
            ),
            (
                vec![("config", &compiled), ("server_keys", KEYS), ("identity_provider_secret", " \n")],
                "variable `identity_provider_secret` (client secret at main) is empty",
            ),
        ] {
            let error = checked(&variables).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_name_of_a_file_in_place_of_its_content_is_noticed() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(
            checked(&[("config", file), ("server_keys", KEYS)]),
            Err(format!(
                "variable `config` is the name of a file, and not a configuration; write config=@{file} for the content of \
                 the file"
            ))
        );
        let error = checked(&[("config", DOCUMENT), ("server_keys", file)]).unwrap_err();
        assert!(error.ends_with(&format!("; write server_keys=@{file} for the content of the file")), "{error}");
    }
}
