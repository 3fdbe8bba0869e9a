//! Where clients publish documents about themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse_tests::{AttackSettings, AttackWorld, serve};
use serde_json::json;
use tokio::sync::Semaphore;

/// Answers of a client's own server, by path; how many requests came.
pub(crate) struct Documents {
    pub(crate) origin: String,
    asked: Arc<AtomicUsize>,
}

/// What holds answers back; several servers may share one.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
    held: Arc<AtomicUsize>,
    most_held: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        let nothing = || Arc::new(Semaphore::new(0));
        Self { arrived: nothing(), open: nothing(), held: Arc::default(), most_held: Arc::default() }
    }

    /// Waits until so many requests have come that were not waited for yet.
    pub(crate) async fn arrived(&self, count: u32) {
        self.arrived.acquire_many(count).await.expect("never closed").forget();
    }

    /// Lets the held answers go, and all that come.
    pub(crate) fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// How many requests were held at the same time, at most.
    pub(crate) fn most_held(&self) -> usize {
        self.most_held.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        let held = Held(&self.held);
        self.most_held.fetch_max(self.held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.arrived.add_permits(1);
        let _permit = self.open.acquire().await.expect("never closed");
        drop(held);
    }
}

/// A request that is held, until its answer may go or whoever asked has gone.
struct Held<'a>(&'a AtomicUsize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Documents {
    /// Answers at once.
    pub(crate) async fn serve(
        answer: impl Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync + 'static,
    ) -> Self {
        let gate = Gate::closed();
        gate.open();
        Self::serve_behind(&gate, answer).await
    }

    /// Answers once the gate is open.
    pub(crate) async fn serve_behind(
        gate: &Gate,
        answer: impl Fn(&str, &str) -> (u16, &'static str, String) + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let own = Arc::new(std::sync::OnceLock::<String>::new());
        let (counted, holding, known) = (Arc::clone(&asked), gate.clone(), Arc::clone(&own));
        let origin = serve(move |received| {
            counted.fetch_add(1, Ordering::SeqCst);
            let (status, header, body) = answer(known.get().map_or("", String::as_str), &received.path);
            let (name, value) = header.split_once(": ").expect("a header");
            let response = http::Response::builder().status(status).header(name, value).body(body.into());
            let gate = holding.clone();
            async move {
                gate.pass().await;
                Some(response.expect("an answer"))
            }
        })
        .await;
        own.set(origin.clone()).expect("set once");
        Self { origin, asked }
    }

    /// Serves a good document at every path.
    pub(crate) async fn good() -> Self {
        Self::serve(|origin, path| (200, JSON, document(&format!("{origin}{path}")).to_string())).await
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub(crate) const JSON: &str = "content-type: application/json";

/// The document of a public client.
pub(crate) fn document(client_id: &str) -> serde_json::Value {
    json!({ "client_id": client_id, "client_name": "Documented", "redirect_uris": ["https://client.example/callback"] })
}

/// A world whose host allows every document on this machine.
pub(crate) async fn world_that_reads_loopback() -> AttackWorld {
    world_that_reads_loopback_with("").await
}

/// The same with more tables in the configuration.
pub(crate) async fn world_that_reads_loopback_with(tables: &str) -> AttackWorld {
    let variables = vec![("client_document_origin".to_owned(), "http://127.0.0.1:*".to_owned())];
    AttackWorld::start_with(AttackSettings { variables, tables: tables.to_owned(), ..AttackSettings::default() }).await
}

/// Fails where anything but the counters and failures of fetches came, went or changed since `before`: their number is
/// fixed.
pub(crate) async fn assert_only_counted(world: &AttackWorld, before: &[(String, Vec<u8>)], after_what: &str) {
    let counts = ["fetch-turns", "fetch-failures", "client-documents"];
    world.assert_only_changed(before, &counts, after_what).await;
}
