//! The fakes behind the components' imports.

use std::sync::atomic::{AtomicU64, Ordering};

use gatehouse_configuration::Source;
use gatehouse_protocol::{Entropy, ResourceUri, Subject, UnixTime};
use gatehouse_rate_limit::long_requests::calls_full_note;
use gatehouse_sealed_storage::sealing::{HandleKeys, KeyRing};
use http::Response;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::OutputStream as _;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use crate::bindings::imports::gatehouse::auth::{api_keys, assertions, backend_tokens, connections, handles, sessions};
use crate::bindings::imports::gatehouse::host::{configuration, peer, settings, store, telemetry};
use crate::bindings::platform::fermyon::spin::variables;
use crate::bindings::platform::wasi::keyvalue::{atomics, batch, store as keyvalue};
use crate::component::Guest;
use crate::fakes::{Entry, SessionCall};
use crate::outbound::whole_body;

/// A bucket that was opened, by its name.
pub struct Bucket(pub String);

/// Nothing of ours compares and swaps.
pub struct CompareAndSwap;

/// The label of the store that the host has.
pub const LABEL: &str = "default";

/// Several values, each with its name.
type NamedValues = Vec<(String, Option<Vec<u8>>)>;
type Fallible<T, E> = Result<std::result::Result<T, E>>;

impl Guest {
    /// One operation on the store, for every interface.
    pub(crate) fn on_store<T>(
        &mut self,
        call: &'static str,
        act: impl FnOnce(&mut std::collections::BTreeMap<String, Entry>) -> std::result::Result<T, String>,
    ) -> std::result::Result<T, keyvalue::Error> {
        let mut store = self.fakes.store.lock().unwrap();
        store.calls.push(call);
        match &store.failure {
            Some(failure) => Err(failure.clone()),
            None => act(&mut store.entries).map_err(keyvalue::Error::Other),
        }
    }

    pub(crate) fn get_value(&mut self, name: &str) -> std::result::Result<Option<Vec<u8>>, keyvalue::Error> {
        self.on_store("get", |entries| match entries.get(name) {
            Some(Entry::Value(value)) => Ok(Some(value.clone())),
            Some(Entry::Counter(_)) => Err("a counter was read as a value".to_owned()),
            None => Ok(None),
        })
    }

    /// As some backends give them: in an order of its own, without what is not there.
    pub(crate) fn get_values<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
    ) -> std::result::Result<NamedValues, keyvalue::Error> {
        let names: std::collections::BTreeSet<&str> = names.collect();
        self.on_store("get-many", |entries| {
            let value = |name: &&str| match entries.get(*name)? {
                Entry::Value(value) => Some(Ok(((*name).to_owned(), Some(value.clone())))),
                Entry::Counter(_) => Some(Err("a counter was read as a value".to_owned())),
            };
            names.iter().filter_map(value).collect()
        })
    }

    pub(crate) fn put_value(&mut self, name: String, value: Vec<u8>) -> std::result::Result<(), keyvalue::Error> {
        self.on_store("put", |entries| match entries.get(&name) {
            Some(Entry::Counter(_)) => Err("a counter was overwritten".to_owned()),
            _ => {
                entries.insert(name, Entry::Value(value));
                Ok(())
            }
        })
    }

    pub(crate) fn delete_entry(&mut self, name: &str) -> std::result::Result<(), keyvalue::Error> {
        // The only kinds of counters that are removed before its time: docs/storage.md, "What must happen once".
        let must_stay = |key: store::Key| self.fakes.now() < key.expires_at && !key.kind.ends_with("-attempt");
        let must_stay = key(name).is_some_and(must_stay);
        self.on_store("delete", |entries| match entries.get(name) {
            Some(Entry::Counter(_)) if must_stay => Err("a counter was deleted before its expiry".to_owned()),
            _ => {
                entries.remove(name);
                Ok(())
            }
        })
    }

    pub(crate) fn add(&mut self, name: String, delta: i64) -> std::result::Result<i64, keyvalue::Error> {
        self.on_store("increment", |entries| match entries.entry(name).or_insert(Entry::Counter(0)) {
            Entry::Counter(count) => {
                *count = count.checked_add(delta).ok_or("the counter is full")?;
                Ok(*count)
            }
            Entry::Value(_) => Err("a value was incremented".to_owned()),
        })
    }
}

fn name(key: &store::Key) -> String {
    format!("{}.{}.{}", key.kind, key.expires_at, key.id)
}

fn key(name: &str) -> Option<store::Key> {
    let mut parts = name.splitn(3, '.');
    let (kind, expires_at, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some(store::Key { kind: kind.to_owned(), id: id.to_owned(), expires_at: expires_at.parse().ok()? })
}

fn unavailable(error: keyvalue::Error) -> store::Error {
    store::Error::Unavailable(format!("{error:?}"))
}

impl store::Host for Guest {
    fn get(&mut self, key: store::Key) -> Fallible<Option<Vec<u8>>, store::Error> {
        let expired = self.fakes.now() >= key.expires_at;
        let value = self.get_value(&name(&key));
        Ok(value.map(|value| value.filter(|_| !expired)).map_err(unavailable))
    }

    fn get_many(&mut self, keys: Vec<store::Key>) -> Fallible<Vec<Option<Vec<u8>>>, store::Error> {
        let names: Vec<_> = keys.iter().map(|key| (name(key), self.fakes.now() < key.expires_at)).collect();
        let values = self.get_values(names.iter().filter(|(_, exists)| *exists).map(|(name, _)| name.as_str()));
        Ok(values.map_err(unavailable).map(|values| {
            let value = |name: &String| values.iter().find(|(found, _)| found == name)?.1.clone();
            names.iter().map(|(name, _)| value(name)).collect()
        }))
    }

    fn put(&mut self, key: store::Key, value: Vec<u8>) -> Fallible<(), store::Error> {
        Ok(self.put_value(name(&key), value).map_err(unavailable))
    }

    fn delete(&mut self, key: store::Key) -> Fallible<(), store::Error> {
        Ok(self.delete_entry(&name(&key)).map_err(unavailable))
    }

    fn increment(&mut self, key: store::Key, delta: u64) -> Fallible<u64, store::Error> {
        let sum = self.add(name(&key), delta.cast_signed()).map(i64::cast_unsigned);
        Ok(sum.map_err(unavailable))
    }

    fn list_keys(&mut self, _: Option<String>) -> Fallible<store::KeyPage, store::Error> {
        let keys = self.on_store("list", |entries| Ok(entries.keys().filter_map(|name| key(name)).collect()));
        Ok(keys.map(|keys| store::KeyPage { keys, next: None }).map_err(unavailable))
    }
}

impl settings::Host for Guest {
    fn get(&mut self, name: String) -> Fallible<Option<String>, settings::Error> {
        self.fakes.settings_read.lock().unwrap().push(name.clone());
        if let Some(failure) = self.fakes.settings_failure.lock().unwrap().clone() {
            return Ok(Err(settings::Error::Unavailable(failure)));
        }
        Ok(Ok(self.fakes.settings.lock().unwrap().get(&name).cloned().filter(|value| !value.is_empty())))
    }
}

impl sessions::Host for Guest {
    fn validate(
        &mut self,
        token: String,
        resource: String,
        revocation: sessions::Revocation,
        calls_at: Option<String>,
        _others: Option<sessions::OtherIssuers>,
    ) -> Fallible<sessions::Validated, sessions::Rejection> {
        let call = SessionCall::Validate { token, resource, revocation, calls_at: calls_at.clone() };
        self.fakes.session_calls.lock().unwrap().push(call);
        let principal = self.fakes.validated.lock().unwrap().clone().unwrap_or(Err(sessions::Rejection::Unrecognised));
        Ok(principal.map(|principal| {
            let (store, now) = (self.fakes.store.lock().unwrap(), UnixTime::from_seconds(self.fakes.now()));
            let note = |path: String| calls_full_note(now, &path, &principal.subject).unwrap().to_string();
            let calls_are_full = calls_at.map(note).is_some_and(|note| store.entries.contains_key(&note));
            let calls_are_full = Some(calls_are_full);
            sessions::Validated { principal, issuer: sessions::TokenIssuer::Ourselves, calls_are_full }
        }))
    }

    fn identity_provider_token(
        &mut self,
        token: String,
        resource: String,
        ids: sessions::RequestIds,
    ) -> Fallible<sessions::ProviderToken, sessions::Rejection> {
        self.fakes.session_calls.lock().unwrap().push(SessionCall::IdentityProviderToken { token, resource, ids });
        Ok(self.fakes.provider_token.lock().unwrap().clone().unwrap_or(Err(sessions::Rejection::Unrecognised)))
    }
}

/// The keys for handles of `subject` at `resource`, derived as the authorization server does it.
fn handle_keys(subject: &str, resource: &str) -> HandleKeys {
    let server_keys = KeyRing::parse("fake:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE").unwrap();
    HandleKeys::derive(&server_keys, &Subject::parse(subject).unwrap(), &ResourceUri::parse(resource).unwrap())
}

/// Nothing is ever sealed twice alike, not here either.
struct Counting;

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        for (byte, count) in bytes.iter_mut().zip(COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes()) {
            *byte = count;
        }
    }
}

/// A handle as a client gets it.
pub fn bound(subject: &str, resource: &str, handle: &str) -> String {
    handle_keys(subject, resource).seal(handle, &mut Counting).unwrap()
}

/// The handle in what a client got.
pub fn opened(subject: &str, resource: &str, bound: &str) -> String {
    handle_keys(subject, resource).open(bound).unwrap().expose().to_owned()
}

impl handles::Host for Guest {
    fn keys(&mut self, subject: String, resource: String) -> Fallible<String, String> {
        let keys = handle_keys(&subject, &resource).expose().expose().to_owned();
        self.fakes.session_calls.lock().unwrap().push(SessionCall::HandleKeys { subject, resource });
        Ok(self.fakes.handle_keys_failure.lock().unwrap().clone().map_or(Ok(keys), Err))
    }
}

/// No key was ever issued here.
impl api_keys::Host for Guest {
    fn validate(&mut self, _: String, _: String, _: u64, _: Option<String>) -> Fallible<bool, api_keys::Rejection> {
        Ok(Err(api_keys::Rejection::Unrecognised))
    }
}

impl assertions::Host for Guest {
    fn sign(&mut self, assertion: assertions::Assertion) -> Fallible<String, String> {
        self.fakes.session_calls.lock().unwrap().push(SessionCall::Sign(Box::new(assertion)));
        Ok(self.fakes.signed.lock().unwrap().clone().unwrap_or_else(|| Ok("signed".to_owned())))
    }
}

/// Nobody has linked an account here.
impl connections::Host for Guest {
    fn access_token(
        &mut self,
        _: String,
        _: String,
        _: bool,
        _: sessions::RequestIds,
    ) -> Fallible<String, connections::Rejection> {
        Ok(Err(connections::Rejection::LinkNeeded))
    }
}

impl backend_tokens::Host for Guest {
    fn token(
        &mut self,
        wanted: backend_tokens::Wanted,
        session: Option<backend_tokens::Session>,
        _: sessions::RequestIds,
    ) -> Fallible<String, backend_tokens::Rejection> {
        self.fakes.session_calls.lock().unwrap().push(SessionCall::BackendToken { wanted, session });
        Ok(self.fakes.backend_token.lock().unwrap().clone().unwrap_or_else(|| Ok("backend-token".to_owned())))
    }
}

impl configuration::Host for Guest {
    fn get(&mut self, part: configuration::Part) -> Fallible<Option<String>, configuration::Error> {
        use configuration::{Error, Part};
        let part = match &part {
            Part::Gateway => gatehouse_configuration::Part::Gateway,
            Part::Route(path) => gatehouse_configuration::Part::Route(path),
            Part::Piece(name) => gatehouse_configuration::Part::Piece(name),
            Part::OnlyRoute => gatehouse_configuration::Part::OnlyRoute,
            Part::Servers => gatehouse_configuration::Part::Servers,
            Part::AuthorizationServer => gatehouse_configuration::Part::AuthorizationServer,
        };
        self.fakes.parts_read.lock().unwrap().push(format!("{part:?}"));
        if let Some(failure) = self.fakes.settings_failure.lock().unwrap().clone() {
            return Ok(Err(Error::Unavailable(failure)));
        }
        let document = self.fakes.settings.lock().unwrap().get("config").cloned().filter(|value| !value.is_empty());
        let Some(document) = document else { return Ok(Err(Error::Missing)) };
        let read = Source::read(document).and_then(|source| Ok(source.part(&part)?.map(std::borrow::Cow::into_owned)));
        Ok(read.map_err(|error| Error::Invalid(error.to_string())))
    }
}

/// As Spin and the embedded host tell it.
impl peer::Host for Guest {
    fn told_in(&mut self) -> Result<peer::Place> {
        Ok(peer::Place::SpinClientAddr)
    }
}

/// As an adapter has it.
impl telemetry::Host for Guest {
    fn log(&mut self, line: String) -> Result<()> {
        Ok(self.log.write((line + "\n").into())?)
    }

    fn answered(&mut self, _: u16) -> Result<()> {
        Ok(())
    }

    fn sent(&mut self, _: telemetry::Request) -> Result<u32> {
        Ok(0)
    }

    fn arrived(&mut self, _: u32, _: std::result::Result<u16, telemetry::Failure>) -> Result<()> {
        Ok(())
    }
}

impl keyvalue::Host for Guest {
    fn open(&mut self, identifier: String) -> Fallible<Resource<Bucket>, keyvalue::Error> {
        if identifier != LABEL {
            return Ok(Err(keyvalue::Error::NoSuchStore));
        }
        match self.fakes.store.lock().unwrap().failure.clone() {
            Some(failure @ (keyvalue::Error::NoSuchStore | keyvalue::Error::AccessDenied)) => Ok(Err(failure)),
            Some(keyvalue::Error::Other(_)) | None => Ok(Ok(self.table.push(Bucket(identifier))?)),
        }
    }
}

impl keyvalue::HostBucket for Guest {
    fn get(&mut self, _: Resource<Bucket>, key: String) -> Fallible<Option<Vec<u8>>, keyvalue::Error> {
        Ok(self.get_value(&key))
    }

    fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Fallible<(), keyvalue::Error> {
        Ok(self.put_value(key, value))
    }

    fn delete(&mut self, _: Resource<Bucket>, key: String) -> Fallible<(), keyvalue::Error> {
        Ok(self.delete_entry(&key))
    }

    fn exists(&mut self, _: Resource<Bucket>, _: String) -> Fallible<bool, keyvalue::Error> {
        wasmtime::bail!("the contract needs no `exists`")
    }

    fn list_keys(
        &mut self,
        _: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Fallible<keyvalue::KeyResponse, keyvalue::Error> {
        let size = self.fakes.page_size.lock().unwrap().unwrap_or(usize::MAX);
        Ok(self.on_store("list", |entries| {
            let after = |name: &&String| cursor.as_ref().is_none_or(|cursor| *name > cursor);
            let mut keys: Vec<_> = entries.keys().filter(after).take(size.saturating_add(1)).cloned().collect();
            let more = keys.len() > size;
            keys.truncate(size);
            Ok(keyvalue::KeyResponse { cursor: keys.last().filter(|_| more).cloned(), keys })
        }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    fn get_many(&mut self, _: Resource<Bucket>, keys: Vec<String>) -> Fallible<NamedValues, keyvalue::Error> {
        if *self.fakes.reads_one_by_one.lock().unwrap() {
            let error = "ERR wrong number of arguments for 'keys' command".to_owned();
            return Ok(Err(keyvalue::Error::Other(error)));
        }
        Ok(self.get_values(keys.iter().map(String::as_str)))
    }

    fn set_many(&mut self, _: Resource<Bucket>, _: Vec<(String, Vec<u8>)>) -> Fallible<(), keyvalue::Error> {
        wasmtime::bail!("the contract needs no `set-many`")
    }

    fn delete_many(&mut self, _: Resource<Bucket>, _: Vec<String>) -> Fallible<(), keyvalue::Error> {
        wasmtime::bail!("the contract needs no `delete-many`")
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, _: Resource<Bucket>, key: String, delta: i64) -> Fallible<i64, keyvalue::Error> {
        Ok(self.add(key, delta))
    }

    fn swap(&mut self, _: Resource<CompareAndSwap>, _: Vec<u8>) -> Fallible<(), atomics::CasError> {
        wasmtime::bail!("the contract needs no compare-and-swap")
    }
}

impl atomics::HostCas for Guest {
    fn new(&mut self, _: Resource<Bucket>, _: String) -> Fallible<Resource<CompareAndSwap>, keyvalue::Error> {
        wasmtime::bail!("the contract needs no compare-and-swap")
    }

    fn current(&mut self, _: Resource<CompareAndSwap>) -> Fallible<Option<Vec<u8>>, keyvalue::Error> {
        wasmtime::bail!("the contract needs no compare-and-swap")
    }

    fn drop(&mut self, _: Resource<CompareAndSwap>) -> Result<()> {
        wasmtime::bail!("the contract needs no compare-and-swap")
    }
}

impl variables::Host for Guest {
    fn get(&mut self, name: String) -> Fallible<String, variables::Error> {
        if let Some(failure) = self.fakes.settings_failure.lock().unwrap().clone() {
            return Ok(Err(variables::Error::Provider(failure)));
        }
        if name.starts_with(|character: char| !character.is_ascii_lowercase()) {
            return Ok(Err(variables::Error::InvalidName(name)));
        }
        let value = self.fakes.settings.lock().unwrap().get(&name).cloned();
        Ok(value.ok_or(variables::Error::Undefined(name)))
    }
}

/// The next component behind the gateway: it notes the request and answers with a text of its own.
pub fn answer_next(
    guest: &mut Guest,
    request: Resource<HostIncomingRequest>,
    out: Resource<HostResponseOutparam>,
) -> Result<()> {
    use wasmtime_wasi_http::WasiHttpView as _;
    use wasmtime_wasi_http::p2::bindings::http::types::HostIncomingRequest as _;
    let borrowed = || Resource::new_borrow(request.rep());
    let method = format!("{:?}", guest.http().method(borrowed())?);
    let target = guest.http().path_with_query(borrowed())?.unwrap_or_default();
    guest.fakes.handed_on.lock().unwrap().push(format!("{method} {target}"));
    guest.table.delete(request)?;
    let out = guest.table.delete(out)?;
    (out.send)(Ok(Response::builder().status(218).body(whole_body(b"from the next component".to_vec()))?));
    Ok(())
}
