//! Which counters the backend keeps.
//!
//! All backends but NATS add to a counter in one step, or cannot at all (files). NATS does so only where the counter is there already, so
//! there a counter is kept at a place of its own (`gatehouse-counters`). Which backend it is stands in the store. An instance reads that
//! together with the first entry that it wants, so it costs no question of its own.

use std::cell::RefCell;

use gatehouse_counters::{Around, Bucket as _, Counters, roots};
use wasip2::random::random;

use crate::bindings::wasi::keyvalue0_2_0_draft::store::Error;
use crate::bucket::Bucket;
use crate::race;

/// The entry that says which backend it is. It never expires.
pub(crate) const ENTRY: &str = "backend.18446744073709551615.counters";
/// What it says of a backend that adds in one step.
const EXACT: &str = "exact";
/// What it says of NATS, and before the root.
const ROOT: &str = "root ";
/// The bucket in which instances agree where counters are.
const TURNS: &str = "gatehouse-counters";
/// No entry has this name, and NATS says of it that it can have none.
const NO_NAME: &str = "not a name";
/// What stands in every error of NATS.
const NATS: &str = "JetStream";

/// How counters are kept.
#[derive(Clone)]
enum Backend {
    /// As they are.
    Exact,
    /// At places that were agreed upon, with this root.
    Agreed(String),
}

thread_local! {
    static KNOWN: RefCell<Option<Backend>> = const { RefCell::new(None) };
}

/// Whether the instance has still to be told.
pub(crate) fn is_unknown() -> bool {
    KNOWN.with_borrow(Option::is_none)
}

/// Tells what [`ENTRY`] says.
pub(crate) fn is_said(value: &[u8]) {
    let said = core::str::from_utf8(value).unwrap_or_default();
    let backend = match said.strip_prefix(ROOT) {
        Some(root) => Some(Backend::Agreed(root.to_owned())),
        None => (said == EXACT).then_some(Backend::Exact),
    };
    KNOWN.set(backend);
}

/// Adds to a counter; the sum.
pub(crate) fn increment(bucket: &Bucket, name: &str, delta: u64) -> Result<u64, Error> {
    match backend(bucket)? {
        Backend::Exact => bucket.increment(name, delta),
        Backend::Agreed(root) => {
            let counters = Counters { entries: bucket, around: &Instance };
            counters.increment(name, delta, || Ok((Bucket::open(TURNS)?, root)))
        }
    }
}

/// Removes an entry.
pub(crate) fn delete(bucket: &Bucket, name: &str) -> Result<(), Error> {
    match backend(bucket)? {
        Backend::Exact => bucket.delete(name),
        Backend::Agreed(_) => Counters { entries: bucket, around: &Instance }.delete(name),
    }
}

fn backend(bucket: &Bucket) -> Result<Backend, Error> {
    if is_unknown() {
        let said = match bucket.get(ENTRY)? {
            Some(said) => said,
            None => find_out(bucket)?,
        };
        is_said(&said);
    }
    KNOWN.with_borrow(Clone::clone).ok_or_else(|| "the entry that says which backend it is cannot be read".into())
}

/// Once for a store. Whoever finds it out together finds the same.
fn find_out(bucket: &Bucket) -> Result<Vec<u8>, Error> {
    let said = match bucket.get(NO_NAME) {
        Ok(_) => EXACT.to_owned(),
        Err(Error::Other(reason)) if reason.contains(NATS) => {
            format!("{ROOT}{}", roots::root(&Bucket::open(TURNS)?, &Instance)?)
        }
        Err(error) => return Err(error),
    };
    bucket.set(ENTRY, said.as_bytes())?;
    Ok(said.into_bytes())
}

/// What an instance has.
struct Instance;

impl Around for Instance {
    fn unique(&self) -> String {
        format!("{:016x}{:016x}", random::get_random_u64(), random::get_random_u64())
    }

    fn pause(&self) {
        race::pause();
    }
}
