//! The key-value stores of an application, by their labels.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

use crate::error::StartError;
use crate::key_value::KeyValueStore;
use crate::options::Options;
use crate::runtime_config::{self, StorePlace};

/// The stores that the components of an application may open.
pub(crate) struct KeyValueStores {
    by_label: BTreeMap<String, KeyValueStore>,
    /// Each of them once: several labels can be in one database.
    all: Vec<KeyValueStore>,
}

impl KeyValueStores {
    /// Opens the stores with these labels: where the runtime configuration says, or else in the database in the state
    /// directory. Blocks on the disk; a Redis need not be reachable yet.
    pub(crate) fn open<'a>(
        labels: impl Iterator<Item = &'a String>,
        options: &Options,
        tls: &ClientConfig,
    ) -> Result<Self, StartError> {
        let places = match &options.runtime_config_file {
            Some(file) => runtime_config::read(file)?,
            None => BTreeMap::new(),
        };
        let (mut stores, mut files) = (Self { by_label: BTreeMap::new(), all: Vec::new() }, BTreeMap::new());
        for label in labels {
            if stores.by_label.contains_key(label) {
                continue;
            }
            let store = match places.get(label) {
                Some(StorePlace::Redis(url)) => {
                    let (url, clock) = (url.clone(), Arc::clone(&options.wall_clock));
                    let store = KeyValueStore::in_redis(url, options.limits.store, clock, tls.clone());
                    stores.all.push(store.clone());
                    store
                }
                Some(StorePlace::File(path)) => stores.in_file(path, &mut files, options)?,
                None => stores.in_file(&KeyValueStore::file_in(&options.state_directory), &mut files, options)?,
            };
            stores.by_label.insert(label.clone(), store);
        }
        // A label that was meant for another would leave that one to the state directory, and each machine with entries of its own.
        if let (Some(file), Some(label)) =
            (&options.runtime_config_file, places.keys().find(|label| !stores.by_label.contains_key(*label)))
        {
            let known: Vec<_> = stores.by_label.keys().map(String::as_str).collect();
            let message = match known.as_slice() {
                [] => format!("`[key_value_store.{label}]` is for no component: the manifest names no store"),
                known => format!(
                    "`[key_value_store.{label}]` is for no component: the manifest names `{}`",
                    known.join("`, `")
                ),
            };
            return Err(StartError::RuntimeConfig { path: file.clone(), message });
        }
        Ok(stores)
    }

    fn in_file(
        &mut self,
        path: &Path,
        files: &mut BTreeMap<PathBuf, KeyValueStore>,
        options: &Options,
    ) -> Result<KeyValueStore, StartError> {
        match files.entry(path.to_owned()) {
            Entry::Occupied(open) => Ok(open.get().clone()),
            Entry::Vacant(place) => {
                let store = KeyValueStore::in_file(path, options.limits.store)?;
                self.all.push(store.clone());
                Ok(place.insert(store).clone())
            }
        }
    }

    /// Those with these labels.
    pub(crate) fn of(&self, labels: &[String]) -> BTreeMap<String, KeyValueStore> {
        let named = labels.iter().filter_map(|label| Some((label.clone(), self.by_label.get(label)?.clone())));
        named.collect()
    }

    /// Each of them once.
    pub(crate) fn all(&self) -> &[KeyValueStore] {
        &self.all
    }
}
