//! The host's interfaces for guests: WASI 0.2, `wasi:http`, `wasi:keyvalue` and Spin's variables.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime::{Engine, Result, StoreContextMut};

use self::bindings::fermyon::spin::variables;
use self::bindings::wasi::keyvalue::{atomics, batch, store};
use super::guest_state::GuestState;
use super::store_call::StoreCallInProgress;
use crate::key_value::{KeyPage, KeyValueError, KeyValueStore, Swap};
use crate::manifest::check_name;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package gatehouse:embedded-host;
            world imports {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import fermyon:spin/variables@2.0.0;
            }",
        path: ["../wit/deps/wasi-keyvalue@0.2.0-draft2", "../wit/deps/fermyon-spin@2.0.0"],
        imports: {
            default: async | trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": super::Bucket,
            "wasi:keyvalue/atomics.cas": super::CompareAndSwap,
        },
    });
}

/// An open key-value store.
pub struct Bucket {
    key_value: KeyValueStore,
    label: String,
}

/// A compare-and-swap that has begun, with the value that it compares to.
pub struct CompareAndSwap {
    key_value: KeyValueStore,
    label: String,
    key: String,
    seen: Option<Vec<u8>>,
}

/// A linker with everything that a guest may import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    store::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    atomics::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    batch::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    // Not by the generated function: it would have each value copied once more, and one of them is the configuration.
    linker
        .instance("fermyon:spin/variables@2.0.0")?
        .func_wrap("get", |context: StoreContextMut<'_, GuestState>, (name,): (String,)| {
            Ok((context.data().variable(name),))
        })?;
    Ok(linker)
}

impl GuestState {
    fn variable(&self, name: String) -> Result<Arc<str>, variables::Error> {
        if let Some(file) = self.grants.files.get(&name) {
            return Ok(file.value());
        }
        match self.grants.variables.get(&name) {
            Some(value) => Ok(Arc::clone(value)),
            None => Err(match check_name(&name) {
                Ok(()) => variables::Error::Undefined(name),
                Err(problem) => variables::Error::InvalidName(problem.to_string()),
            }),
        }
    }

    fn bucket(&self, bucket: &Resource<Bucket>) -> Result<(KeyValueStore, String)> {
        let Bucket { key_value, label } = self.table.get(bucket)?;
        Ok((key_value.clone(), label.clone()))
    }

    /// Begins a call of the store.
    fn calls(&self, operation: &'static str, store: &KeyValueStore) -> StoreCallInProgress {
        StoreCallInProgress::begin(&self.grants, self.request, operation, store.system())
    }
}

/// The guest's form of an error.
impl From<KeyValueError> for store::Error {
    fn from(error: KeyValueError) -> Self {
        Self::Other(error.to_string())
    }
}

impl store::Host for GuestState {
    async fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, store::Error>> {
        let Some(key_value) = self.grants.key_value_stores.get(&identifier).cloned() else {
            return Ok(Err(store::Error::AccessDenied));
        };
        Ok(Ok(self.table.push(Bucket { key_value, label: identifier })?))
    }
}

impl store::HostBucket for GuestState {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("get", &key_value);
        Ok(call.ended(key_value.get(&label, &key).await))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Result<Result<(), store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("set", &key_value);
        Ok(call.ended(key_value.set(&label, &key, value).await))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("delete", &key_value);
        Ok(call.ended(key_value.delete(&label, &key).await))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<bool, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("exists", &key_value);
        Ok(call.ended(key_value.exists(&label, &key).await))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Result<Result<store::KeyResponse, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        if !self.listing.may_go_on() {
            return Ok(Err(store::Error::Other("one request lists 100 pages of keys at most".to_owned())));
        }
        let call = self.calls("list_keys", &key_value);
        let page = call.ended(key_value.list_keys(&label, cursor).await);
        Ok(page.map(|KeyPage { keys, cursor }| store::KeyResponse { keys, cursor }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for GuestState {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("increment", &key_value);
        Ok(call.ended(key_value.increment(&label, &key, delta).await))
    }

    async fn swap(&mut self, cas: Resource<CompareAndSwap>, value: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        let mut cas = self.table.delete(cas)?;
        let call = self.calls("swap", &cas.key_value);
        let swap = cas.key_value.compare_and_swap(&cas.label, &cas.key, cas.seen.take(), value).await;
        Ok(match call.ended(swap) {
            Ok(Swap::Swapped) => Ok(()),
            Ok(Swap::Changed(current)) => {
                cas.seen = current;
                Err(atomics::CasError::CasFailed(self.table.push(cas)?))
            }
            Err(error) => Err(atomics::CasError::StoreError(error)),
        })
    }
}

impl atomics::HostCas for GuestState {
    /// Reads the value at once, so that a swap without `current` is a comparison too and never overwrites blindly.
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Resource<CompareAndSwap>, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("get", &key_value);
        match call.ended(key_value.get(&label, &key).await) {
            Ok(seen) => Ok(Ok(self.table.push(CompareAndSwap { key_value, label, key, seen })?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn current(&mut self, cas: Resource<CompareAndSwap>) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        let CompareAndSwap { key_value, label, key, .. } = self.table.get(&cas)?;
        let (key_value, label, key) = (key_value.clone(), label.clone(), key.clone());
        let call = self.calls("get", &key_value);
        match call.ended(key_value.get(&label, &key).await) {
            Ok(current) => {
                self.table.get_mut(&cas)?.seen.clone_from(&current);
                Ok(Ok(current))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn drop(&mut self, cas: Resource<CompareAndSwap>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for GuestState {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("get_many", &key_value);
        Ok(call.ended(key_value.get_many(&label, keys).await))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("set_many", &key_value);
        Ok(call.ended(key_value.set_many(&label, entries).await))
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Result<Result<(), store::Error>> {
        let (key_value, label) = self.bucket(&bucket)?;
        let call = self.calls("delete_many", &key_value);
        Ok(call.ended(key_value.delete_many(&label, keys).await))
    }
}
