//! The secrets that a doctor was given.

use std::collections::BTreeMap;

use gatehouse_configuration::SecretName;
use gatehouse_protocol::SecretString;

/// The secrets that were given, by their names.
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// These and no others.
    pub(crate) fn new(secrets: BTreeMap<String, String>) -> Self {
        Self(secrets)
    }

    /// The value of a secret, without the line break at its end that files have. An empty one is not given.
    pub(super) fn value(&self, name: &SecretName) -> Option<SecretString> {
        let value = self.0.get(name.as_str())?.trim();
        (!value.is_empty()).then(|| SecretString::new(value.to_owned()))
    }
}
