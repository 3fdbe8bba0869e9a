//! A store that behaves as wasmCloud's on NATS does, and instances that act on it in an order that a seed decides.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex};

use crate::store::{Around, Bucket, Page, number};

/// What is under the names of a bucket, each with the number of its last write.
#[derive(Default)]
pub(crate) struct Stored {
    entries: BTreeMap<(&'static str, String), (u64, Vec<u8>)>,
    writes: u64,
}

impl Stored {
    fn write(&mut self, bucket: &'static str, name: &str, value: &[u8]) {
        self.writes += 1;
        self.entries.insert((bucket, name.to_owned()), (self.writes, value.to_vec()));
    }

    fn read(&self, bucket: &'static str, name: &str) -> Option<(u64, Vec<u8>)> {
        self.entries.get(&(bucket, name.to_owned())).cloned()
    }

    /// The names of a bucket.
    pub(crate) fn names(&self, bucket: &str) -> Vec<&str> {
        self.entries.keys().filter(|(of, _)| *of == bucket).map(|(_, name)| name.as_str()).collect()
    }
}

/// A write that an instance made before it ended, and that has not come yet.
type Late = Box<dyn FnOnce(&mut Stored) + Send>;

struct Mixing {
    stored: Stored,
    /// How many instances there still are.
    running: usize,
    /// Those of them that want to make a step.
    waiting: BTreeSet<usize>,
    /// Whose turn it is.
    next: Option<usize>,
    late: Vec<Late>,
    seed: u64,
}

impl Mixing {
    fn chance(&mut self, of: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % of.max(1)
    }

    /// Whose turn it is, once all wait. What is late may come first, or much later.
    fn choose(&mut self) {
        if self.waiting.len() == self.running && self.next.is_none() {
            if !self.late.is_empty() && self.chance(8) == 0 {
                let chosen = self.chance(self.late.len());
                self.late.swap_remove(chosen)(&mut self.stored);
            }
            let chosen = self.chance(self.running);
            self.next = self.waiting.iter().nth(chosen).copied();
        }
    }
}

/// What instances share.
pub(crate) struct Turns {
    state: Mutex<Mixing>,
    turn: Condvar,
}

/// One instance: it has the store's buckets, and ends at the step that it is told.
pub(crate) struct Instance<'a> {
    turns: &'a Turns,
    number: usize,
    steps: Cell<usize>,
    ends_at: usize,
    uniques: RefCell<usize>,
}

/// A bucket, as an instance sees it.
pub(crate) struct Opened<'a>(pub(crate) &'static str, pub(crate) &'a Instance<'a>);

/// What instances say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) &'static str);

impl From<&'static str> for Failed {
    fn from(reason: &'static str) -> Self {
        Self(reason)
    }
}

/// What an instance that has ended is told.
const ENDED: Failed = Failed("the instance has ended");

impl Turns {
    /// What so many instances get that `act` at once, and the store afterwards. Instance `n` ends at step `ends_at(n)`.
    pub(crate) fn mix<T: Send>(
        instances: usize,
        seed: u64,
        ends_at: impl Fn(usize) -> usize + Sync,
        act: impl Fn(&Instance<'_>) -> Result<T, Failed> + Sync,
    ) -> (Vec<Result<T, Failed>>, Stored) {
        Self::mix_over(Stored::default(), instances, seed, ends_at, act)
    }

    /// The same over what is stored already.
    pub(crate) fn mix_over<T: Send>(
        stored: Stored,
        instances: usize,
        seed: u64,
        ends_at: impl Fn(usize) -> usize + Sync,
        act: impl Fn(&Instance<'_>) -> Result<T, Failed> + Sync,
    ) -> (Vec<Result<T, Failed>>, Stored) {
        let mixing =
            Mixing { stored, running: instances, waiting: BTreeSet::new(), next: None, late: Vec::new(), seed };
        let turns = Turns { state: Mutex::new(mixing), turn: Condvar::new() };
        let one = |number| {
            let ends_at = ends_at(number);
            let instance = Instance { turns: &turns, number, steps: Cell::new(0), ends_at, uniques: RefCell::new(0) };
            let result = act(&instance);
            let mut state = turns.state.lock().unwrap();
            state.running -= 1;
            state.choose();
            turns.turn.notify_all();
            result
        };
        let results = std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = (0..instances).map(|number| scope.spawn(move || one(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        (results, turns.state.into_inner().unwrap().stored)
    }
}

impl Instance<'_> {
    /// Which one it is.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How many steps it has made.
    pub(crate) fn steps(&self) -> usize {
        self.steps.get()
    }

    /// A step of the store. `act` is a write that can come late, where the instance ends here.
    fn step<T>(&self, act: impl FnOnce(&mut Stored) -> T + Send + 'static) -> Result<T, Failed> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > self.ends_at {
            return Err(ENDED);
        }
        let mut state = self.turns.state.lock().unwrap();
        state.waiting.insert(self.number);
        state.choose();
        self.turns.turn.notify_all();
        let mut state = self.turns.turn.wait_while(state, |state| state.next != Some(self.number)).unwrap();
        state.next = None;
        state.waiting.remove(&self.number);
        if self.steps.get() == self.ends_at {
            state.late.push(Box::new(|stored| drop(act(stored))));
            return Err(ENDED);
        }
        Ok(act(&mut state.stored))
    }
}

impl Around for Instance<'_> {
    fn unique(&self) -> String {
        *self.uniques.borrow_mut() += 1;
        // Over what is stored already, others were there before.
        format!("u{}x{}x{}", self.number, self.uniques.borrow(), self.turns.state.lock().unwrap().stored.writes)
    }

    /// A step in which nothing happens.
    fn pause(&self) {
        _ = self.step(|_| ());
    }
}

impl Bucket for Opened<'_> {
    type Error = Failed;

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failed> {
        let (bucket, name) = (self.0, name.to_owned());
        self.1.step(move |stored| stored.read(bucket, &name).map(|(_, value)| value))
    }

    /// In several steps, in an order of its own.
    fn get_many(&self, names: &[String]) -> Result<Vec<(String, Vec<u8>)>, Failed> {
        let mut found = Vec::new();
        for name in names.iter().rev() {
            found.extend(self.get(name)?.map(|value| (name.clone(), value)));
        }
        Ok(found)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Failed> {
        let (bucket, name, value) = (self.0, name.to_owned(), value.to_vec());
        self.1.step(move |stored| stored.write(bucket, &name, &value))
    }

    fn delete(&self, name: &str) -> Result<(), Failed> {
        let (bucket, name) = (self.0, name.to_owned());
        self.1.step(move |stored| drop(stored.entries.remove(&(bucket, name))))
    }

    /// wash 2.10: a read, and then a write: under the revision that was read, or without a condition where there was nothing.
    fn increment(&self, name: &str, delta: u64) -> Result<u64, Failed> {
        let bucket = self.0;
        for _ in 0..1000 {
            let asked = name.to_owned();
            let read = self.1.step(move |stored| stored.read(bucket, &asked))?;
            let (revision, before) = match &read {
                Some((revision, value)) => (Some(*revision), number(value).unwrap_or(0)),
                None => (None, 0),
            };
            let (sum, name) = (before.saturating_add(delta), name.to_owned());
            let written = self.1.step(move |stored| {
                let is_as_read = revision.is_none() || stored.read(bucket, &name).map(|(now, _)| now) == revision;
                if is_as_read {
                    stored.write(bucket, &name, &sum.to_be_bytes());
                }
                is_as_read
            })?;
            if written {
                return Ok(sum);
            }
        }
        Err(Failed("every race was lost"))
    }

    /// In the order of the last writes, two at a time.
    fn list(&self, cursor: Option<u64>) -> Result<Page, Failed> {
        let bucket = self.0;
        self.1.step(move |stored| {
            let mut names: Vec<_> = stored.entries.iter().filter(|((of, _), _)| *of == bucket).collect();
            names.sort_by_key(|(_, (write, _))| *write);
            let before = cursor.unwrap_or(0) as usize;
            let page = names.iter().skip(before).take(40).map(|((_, name), _)| name.clone()).collect::<Vec<_>>();
            let after = before + page.len();
            (page, (after < names.len()).then_some(after as u64))
        })
    }
}
