//! A route with rates, and a store that instances share.

use std::sync::Mutex;

use gatehouse_configuration::{Configuration, Route};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::memory::MemoryStore;
use gatehouse_storage::{Key, KeyPage, Store, StoreUnavailable};

/// The first second of an hour, so of a window of any length that divides one.
pub(crate) const START: u64 = 500_000 * 3_600;

/// A route with what `tables` says of it.
pub(crate) fn route(tables: &str) -> Route {
    let document = format!(
        r#"
        public_url = "https://gateway.example"
        identity_provider = {{ name = "demo", issuer = "https://login.example", client_id = "gatehouse" }}
        [[routes]]
        path = "/mcp"
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

/// A store that several threads share, as instances share one.
pub(crate) struct SharedStore(Mutex<MemoryStore>);

impl SharedStore {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(MemoryStore::at(UnixTime::from_seconds(START))))
    }
}

impl Store for SharedStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
        self.0.lock().unwrap().get(key)
    }

    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable> {
        self.0.lock().unwrap().put(key, value)
    }

    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable> {
        self.0.lock().unwrap().delete(key)
    }

    fn increment(&self, key: &Key, delta: i64) -> Result<i64, StoreUnavailable> {
        self.0.lock().unwrap().increment(key, delta)
    }

    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
        self.0.lock().unwrap().list(cursor)
    }
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
