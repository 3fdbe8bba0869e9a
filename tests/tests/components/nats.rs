//! A fake of wasmCloud's store on NATS: every write has a number, and an increment is a read and a write.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use crate::fakes::{Entry, Fakes};

/// What errors of this store begin with.
const ERROR: &str = "JetStream error";

/// What it has beside the entries of the fakes. Those of another bucket than the first have the bucket's name before their own.
#[derive(Debug, Default)]
pub struct Nats {
    /// The number of the last write of each name, and of all.
    written: Mutex<(BTreeMap<String, u64>, u64)>,
    /// Names that were incremented where nothing was there: written without a condition.
    pub begun_by_increments: Mutex<Vec<String>>,
    steps: Mutex<Steps>,
    changed: Condvar,
}

/// Where an instance is held up.
#[derive(Debug, Default)]
struct Steps {
    /// So many more are made before the next one waits.
    left: Option<usize>,
    is_held: bool,
}

type Answered<T> = Result<T, String>;

impl Nats {
    /// After so many more steps, the next one waits.
    pub fn hold_after(&self, steps: usize) {
        self.steps.lock().unwrap().left = Some(steps);
    }

    /// Waits until a step waits, or until `is_over`. Whether one waits.
    pub fn is_held(&self, is_over: impl Fn() -> bool) -> bool {
        let mut steps = self.steps.lock().unwrap();
        while !steps.is_held && !is_over() {
            steps = self.changed.wait(steps).unwrap();
        }
        steps.is_held
    }

    /// Lets go on what waits.
    pub fn release(&self) {
        let mut steps = self.steps.lock().unwrap();
        *steps = Steps::default();
        self.changed.notify_all();
    }

    /// Those who wait look again.
    pub fn wake(&self) {
        drop(self.steps.lock().unwrap());
        self.changed.notify_all();
    }

    /// Before each read and each write.
    fn step(&self) {
        let mut steps = self.steps.lock().unwrap();
        match steps.left {
            None => {}
            Some(0) => {
                *steps = Steps { left: None, is_held: true };
                self.changed.notify_all();
                drop(self.changed.wait_while(steps, |steps| steps.is_held).unwrap());
            }
            Some(left) => steps.left = Some(left - 1),
        }
    }
}

fn full(bucket: &str, name: &str) -> Answered<String> {
    // As `async-nats` checks it, before it asks anybody.
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_=.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || name.ends_with('.') || !name.bytes().all(is_valid) {
        return Err(format!("{ERROR}: key cannot be empty or start/end with `.`"));
    }
    Ok(if bucket == crate::imports::LABEL { name.to_owned() } else { format!("{bucket}/{name}") })
}

impl Fakes {
    fn on_nats<T>(&self, call: &'static str, act: impl FnOnce(&mut BTreeMap<String, Entry>) -> T) -> Answered<T> {
        let mut store = self.store.lock().unwrap();
        store.calls.push(call);
        match &store.failure {
            Some(failure) => Err(format!("{ERROR}: {failure:?}")),
            None => Ok(act(&mut store.entries)),
        }
    }

    fn nats(&self) -> &Nats {
        self.nats.get().expect("a test with NATS")
    }

    fn read(&self, call: &'static str, name: &str) -> Answered<Option<(u64, Vec<u8>)>> {
        self.nats().step();
        self.on_nats(call, |entries| match entries.get(name)? {
            Entry::Value(value) => {
                Some((self.nats().written.lock().unwrap().0.get(name).copied().unwrap_or(0), value.clone()))
            }
            Entry::Counter(_) => panic!("NATS has values only"),
        })
    }

    /// Under a revision, or without a condition; whether it was written.
    fn write(&self, call: &'static str, name: &str, value: Vec<u8>, revision: Option<u64>) -> Answered<bool> {
        self.nats().step();
        self.on_nats(call, |entries| {
            let mut written = self.nats().written.lock().unwrap();
            if revision.is_some() && revision != written.0.get(name).copied() {
                return false;
            }
            written.1 += 1;
            let number = written.1;
            written.0.insert(name.to_owned(), number);
            entries.insert(name.to_owned(), Entry::Value(value));
            true
        })
    }

    pub fn nats_get(&self, bucket: &str, name: &str) -> Answered<Option<Vec<u8>>> {
        Ok(self.read("get", &full(bucket, name)?)?.map(|(_, value)| value))
    }

    pub fn nats_set(&self, bucket: &str, name: &str, value: Vec<u8>) -> Answered<()> {
        self.write("put", &full(bucket, name)?, value, None).map(drop)
    }

    pub fn nats_delete(&self, bucket: &str, name: &str) -> Answered<()> {
        let name = full(bucket, name)?;
        self.nats().step();
        self.on_nats("delete", |entries| drop(entries.remove(&name)))
    }

    pub fn nats_increment(&self, bucket: &str, name: &str, delta: u64) -> Answered<u64> {
        let name = full(bucket, name)?;
        let read = self.read("increment", &name)?;
        if read.is_none() {
            self.nats().begun_by_increments.lock().unwrap().push(name.clone());
        }
        let before = read.as_ref().and_then(|(_, value)| value.first_chunk().copied()).map_or(0, u64::from_be_bytes);
        let sum = before.saturating_add(delta);
        match self.write("update", &name, sum.to_be_bytes().to_vec(), read.map(|(revision, _)| revision))? {
            true => Ok(sum),
            false => Err(crate::wasmcloud_imports::LOST_RACE.to_owned()),
        }
    }

    /// In the order of the last writes.
    pub fn nats_list(&self, bucket: &str, cursor: u64) -> Answered<(Vec<String>, Option<u64>)> {
        self.nats().step();
        let size = self.page_size.lock().unwrap().unwrap_or(1000);
        let of_this = |name: &String| match name.split_once('/') {
            Some((of, name)) => (of == bucket).then(|| name.to_owned()),
            None => (bucket == crate::imports::LABEL).then(|| name.clone()),
        };
        self.on_nats("list", |entries| {
            let written = self.nats().written.lock().unwrap();
            let mut names: Vec<_> = entries.keys().collect();
            names.sort_by_key(|name| written.0.get(*name).copied().unwrap_or(0));
            let names: Vec<_> = names.into_iter().filter_map(of_this).collect();
            let before = usize::try_from(cursor).unwrap();
            let page: Vec<_> = names.iter().skip(before).take(size).cloned().collect();
            let after = before + page.len();
            (page, (after < names.len()).then_some(after as u64))
        })
    }
}
