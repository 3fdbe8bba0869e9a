//! A route with rates, and a store that instances share.

use std::sync::Mutex;

use gatehouse_configuration::{Configuration, Route};
use gatehouse_protocol::UnixTime;
use gatehouse_storage::memory::MemoryStore;

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
