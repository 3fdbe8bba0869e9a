//! The fakes behind what the adapter for wasmCloud imports.

use std::sync::atomic::Ordering;

use wasmtime::Result;
use wasmtime::component::Resource;

use crate::bindings::platform::wasi::keyvalue::store::Error as Draft2Error;
use crate::bindings::wasmcloud::wasi::config::store as config;
use crate::bindings::wasmcloud::wasi::keyvalue::{atomics, batch, store as keyvalue};
use crate::component::Guest;
use crate::imports::{Bucket, LABEL};

/// The bucket of another name, which NATS makes where it is opened.
pub const TURNS: &str = "gatehouse-counters";

type Fallible<T, E> = Result<std::result::Result<T, E>>;

/// What wasmCloud says of an increment on NATS that lost a race.
pub const LOST_RACE: &str = "JetStream error: wrong last revision";

fn refused(error: Draft2Error) -> keyvalue::Error {
    match error {
        Draft2Error::NoSuchStore => keyvalue::Error::NoSuchStore,
        Draft2Error::AccessDenied => keyvalue::Error::AccessDenied,
        Draft2Error::Other(reason) => keyvalue::Error::Other(reason),
    }
}

impl Guest {
    fn name(&self, bucket: &Resource<Bucket>) -> Result<String> {
        Ok(self.table.get(bucket)?.0.clone())
    }
}

impl keyvalue::Host for Guest {
    fn open(&mut self, identifier: String) -> Fallible<Resource<Bucket>, keyvalue::Error> {
        self.fakes.opened.fetch_add(1, Ordering::SeqCst);
        if identifier != LABEL && !(self.fakes.nats.get().is_some() && identifier == TURNS) {
            return Ok(Err(keyvalue::Error::NoSuchStore));
        }
        match self.fakes.store.lock().unwrap().failure.clone() {
            Some(failure @ (Draft2Error::NoSuchStore | Draft2Error::AccessDenied)) => Ok(Err(refused(failure))),
            Some(Draft2Error::Other(_)) | None => Ok(Ok(self.table.push(Bucket(identifier))?)),
        }
    }
}

impl keyvalue::HostBucket for Guest {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Fallible<Option<Vec<u8>>, keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            return Ok(self.fakes.nats_get(&self.name(&bucket)?, &key).map_err(keyvalue::Error::Other));
        }
        Ok(self.get_value(&key).map_err(refused))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Fallible<(), keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            return Ok(self.fakes.nats_set(&self.name(&bucket)?, &key, value).map_err(keyvalue::Error::Other));
        }
        Ok(self.put_value(key, value).map_err(refused))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Fallible<(), keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            return Ok(self.fakes.nats_delete(&self.name(&bucket)?, &key).map_err(keyvalue::Error::Other));
        }
        Ok(self.delete_entry(&key).map_err(refused))
    }

    fn exists(&mut self, _: Resource<Bucket>, _: String) -> Fallible<bool, keyvalue::Error> {
        wasmtime::bail!("the contract needs no `exists`")
    }

    /// The cursor is how many names the pages before had, as on NATS.
    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Fallible<keyvalue::KeyResponse, keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            let page = self.fakes.nats_list(&self.name(&bucket)?, cursor.unwrap_or(0));
            let page = page.map(|(keys, cursor)| keyvalue::KeyResponse { keys, cursor });
            return Ok(page.map_err(keyvalue::Error::Other));
        }
        let size = self.fakes.page_size.lock().unwrap().unwrap_or(usize::MAX);
        let before = usize::try_from(cursor.unwrap_or(0)).unwrap();
        let page = self.on_store("list", |entries| {
            let keys: Vec<_> = entries.keys().skip(before).take(size).cloned().collect();
            let after = before.saturating_add(keys.len());
            Ok(keyvalue::KeyResponse { cursor: (after < entries.len()).then_some(after as u64), keys })
        });
        Ok(page.map_err(refused))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: u64) -> Fallible<u64, keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            return Ok(self.fakes.nats_increment(&self.name(&bucket)?, &key, delta).map_err(keyvalue::Error::Other));
        }
        let loses = |left: u64| left.checked_sub(1);
        if self.fakes.lost_races.fetch_update(Ordering::SeqCst, Ordering::SeqCst, loses).is_ok() {
            return Ok(Err(keyvalue::Error::Other(LOST_RACE.to_owned())));
        }
        Ok(self.add(key, delta.cast_signed()).map(i64::cast_unsigned).map_err(refused))
    }
}

impl batch::Host for Guest {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        names: Vec<String>,
    ) -> Fallible<Vec<Option<(String, Vec<u8>)>>, keyvalue::Error> {
        if self.fakes.nats.get().is_some() {
            let bucket = self.name(&bucket)?;
            let get = |name: String| Ok(self.fakes.nats_get(&bucket, &name)?.map(|value| (name, value)));
            return Ok(names
                .into_iter()
                .map(get)
                .collect::<std::result::Result<_, _>>()
                .map_err(keyvalue::Error::Other));
        }
        let values = self.get_values(names.iter().map(String::as_str)).map_err(refused);
        Ok(values.map(|values| values.into_iter().map(|(name, value)| Some((name, value?))).collect()))
    }

    fn set_many(&mut self, _: Resource<Bucket>, _: Vec<(String, Vec<u8>)>) -> Fallible<(), keyvalue::Error> {
        wasmtime::bail!("the contract needs no `set-many`")
    }

    fn delete_many(&mut self, _: Resource<Bucket>, _: Vec<String>) -> Fallible<(), keyvalue::Error> {
        wasmtime::bail!("the contract needs no `delete-many`")
    }
}

impl config::Host for Guest {
    fn get(&mut self, name: String) -> Fallible<Option<String>, config::Error> {
        if let Some(failure) = self.fakes.settings_failure.lock().unwrap().clone() {
            return Ok(Err(config::Error::Upstream(failure)));
        }
        Ok(Ok(self.fakes.settings.lock().unwrap().get(&name).cloned()))
    }

    fn get_all(&mut self) -> Fallible<Vec<(String, String)>, config::Error> {
        wasmtime::bail!("the contract needs no `get-all`")
    }
}
