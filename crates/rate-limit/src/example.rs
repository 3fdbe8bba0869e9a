//! A route with rates, and a store that instances share.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};

use gatehouse_configuration::{Configuration, Route};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

/// The first second of an hour, so of a window of any length that divides one.
pub(crate) const START: u64 = 500_000 * 3_600;

/// A route with what `tables` says of it.
pub(crate) fn route(tables: &str) -> Route {
    route_at("/mcp", tables)
}

/// The same at another path.
pub(crate) fn route_at(path: &str, tables: &str) -> Route {
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        identity_provider = {{ name = "demo", issuer = "https://login.example", client_id = "gatehouse" }}
        [[routes]]
        path = "{path}"
        url = "http://10.0.0.7:8080/mcp"
        {tables}
        "#
    );
    Configuration::parse(&document).unwrap().routes.remove(0)
}

/// A route with rates: what each is per, requests and seconds.
pub(crate) fn route_with(rates: &[(&str, u32, u32)]) -> Route {
    let table = |(per, requests, seconds): &(&str, u32, u32)| {
        let tools = if *per == "tool" { r#"tools = ["*"]"# } else { "" };
        format!("[[routes.rates]]\nper = \"{per}\"\nrequests = {requests}\nseconds = {seconds}\n{tools}\n")
    };
    route(&rates.iter().map(table).collect::<String>())
}

/// A store that instances share.
pub(crate) fn shared_store() -> Mutex<MemoryStore> {
    Mutex::new(MemoryStore::at(UnixTime::from_seconds(START)))
}

/// How many of 64 threads, let go at once, `act` succeeds for.
pub(crate) fn successes_of_64(act: impl Fn() -> bool + Sync) -> usize {
    let barrier = std::sync::Barrier::new(64);
    let one = || {
        barrier.wait();
        act()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|success| *success).count()
    })
}

/// Lets threads act on a store one step at a time, in an order that a seed decides.
pub(crate) struct Turns<'a> {
    store: &'a Mutex<MemoryStore>,
    state: Mutex<Mixing>,
    turn: Condvar,
}

struct Mixing {
    /// How many threads there still are.
    running: usize,
    /// Those of them that want to make a step.
    waiting: BTreeSet<usize>,
    /// Whose turn it is.
    next: Option<usize>,
    seed: u64,
}

/// The store as one of the threads sees it.
pub(crate) struct Mixed<'a> {
    turns: &'a Turns<'a>,
    number: usize,
}

impl<'a> Turns<'a> {
    /// How many of so many threads `act` succeeds for.
    pub(crate) fn mix(
        store: &'a Mutex<MemoryStore>,
        threads: usize,
        seed: u64,
        act: impl Fn(&Mixed<'_>) -> bool + Sync,
    ) -> usize {
        let mixing = Mixing { running: threads, waiting: BTreeSet::new(), next: None, seed };
        let turns = Turns { store, state: Mutex::new(mixing), turn: Condvar::new() };
        let one = |number| {
            let success = act(&Mixed { turns: &turns, number });
            let mut state = turns.state.lock().unwrap();
            state.running -= 1;
            state.choose();
            turns.turn.notify_all();
            success
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|number| {
                    let one = &one;
                    scope.spawn(move || one(number))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|success| *success).count()
        })
    }

    fn step<T>(&self, number: usize, act: impl FnOnce(&Mutex<MemoryStore>) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        state.waiting.insert(number);
        state.choose();
        self.turn.notify_all();
        let mut state = self.turn.wait_while(state, |state| state.next != Some(number)).unwrap();
        state.next = None;
        state.waiting.remove(&number);
        act(self.store)
    }
}

impl Mixing {
    /// Whose turn it is, once all wait.
    fn choose(&mut self) {
        if self.waiting.len() == self.running && self.next.is_none() {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let chosen = (self.seed >> 33) as usize % self.running.max(1);
            self.next = self.waiting.iter().nth(chosen).copied();
        }
    }
}

impl Store for Mixed<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.turns.step(self.number, |store| store.get(key))
    }
    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.turns.step(self.number, |store| store.put(key, value))
    }
    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.turns.step(self.number, |store| store.delete(key))
    }
    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable> {
        self.turns.step(self.number, |store| store.increment(key, delta))
    }
    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.turns.step(self.number, |store| store.list(cursor))
    }
}
