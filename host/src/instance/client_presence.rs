//! The client of one request, as its guest's side sees it: still there, answered, or gone.
//!
//! A guest whose client has gone may be in the middle of something that must not be lost: the provider has changed a
//! refresh token, and the new one is not stored yet. What must not be lost is short, and the guest itself says so by the
//! time limits that it sets: requests to identity providers end within seconds by themselves. So, when the client has gone
//! before the end of its answer,
//!
//! * an outbound request that may take longer than [`SHORT_REQUEST`], such as a call to an MCP server, is ended at once, and the
//!   guest is told that the connection broke off, so that it can put its things in order;
//! * a shorter one goes on, and so does the guest, until nothing was under way for [`Limits::client_gone`];
//! * after [`LONGEST_MULTIPLE`] times that, the guest is ended in any case.
//!
//! A guest that another component asked may run the code of users, and what that asks of servers is the users' affair: it is ended at once,
//! unless it has asked a further component, and no request of it counts as short. What components ask each other never counts as short, so that
//! all of a chain hears that the client has gone.
//!
//! [`Limits::client_gone`]: crate::Limits::client_gone

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

/// Outbound requests that end within this time by themselves are finished for a client that has gone.
pub(crate) const SHORT_REQUEST: Duration = Duration::from_secs(30);

/// How many times [`Limits::client_gone`](crate::Limits::client_gone) a guest may go on without a client, whatever it does.
const LONGEST_MULTIPLE: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Answered,
    Disconnected,
}

/// Held as long as the client waits for its answer. Dropping it says that the client has gone.
pub(crate) struct ClientGuard(watch::Sender<Stage>);

impl ClientGuard {
    /// The client has all of its answer. What the guest still does, it does for itself.
    pub(crate) fn is_answered(&self) {
        self.0.send_replace(Stage::Answered);
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.0.send_if_modified(|stage| {
            let left = *stage == Stage::Waiting;
            if left {
                *stage = Stage::Disconnected;
            }
            left
        });
    }
}

/// What a guest's side knows of its client.
#[derive(Clone)]
pub(crate) struct ClientPresence {
    stage: watch::Receiver<Stage>,
    short: Arc<ShortRequests>,
    /// Whether the guest has sent a request that it may have to put in order.
    has_asked: Arc<AtomicBool>,
    for_component: bool,
    grace: Duration,
}

/// Outbound requests that are finished whether the client is there or not.
#[derive(Debug)]
struct ShortRequests {
    under_way: AtomicUsize,
    last_end: Mutex<Option<Instant>>,
}

/// One of them, until its answer has ended.
pub(crate) struct ShortRequest(Arc<ShortRequests>);

impl Drop for ShortRequest {
    fn drop(&mut self) {
        *self.0.last_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A client that waits, or another component where the guest runs `for_component`, and what the guest's side knows of it.
pub(crate) fn client_presence(grace: Duration, for_component: bool) -> (ClientGuard, ClientPresence) {
    let (sender, stage) = watch::channel(Stage::Waiting);
    let short = ShortRequests { under_way: AtomicUsize::new(0), last_end: Mutex::default() };
    let has_asked = Arc::default();
    (ClientGuard(sender), ClientPresence { stage, short: Arc::new(short), has_asked, for_component, grace })
}

impl ClientPresence {
    /// Ends when the client has disconnected before the end of its answer; never for one that was answered.
    pub(crate) async fn disconnected(&mut self) {
        if self.stage.wait_for(|stage| *stage == Stage::Disconnected).await.is_err() {
            // It was answered, and nobody is there any more to say otherwise.
            std::future::pending().await
        }
    }

    /// Ends when the guest has to end because its client has gone.
    pub(crate) async fn guest_must_end(&mut self) {
        self.disconnected().await;
        if self.ends_at_once() {
            return;
        }
        let left = Instant::now();
        let latest = self.grace.saturating_mul(LONGEST_MULTIPLE);
        loop {
            let last_end = *self.short.last_end.lock().unwrap_or_else(PoisonError::into_inner);
            let quiet = last_end.map_or(left, |end| end.max(left)).elapsed();
            let is_quiet = self.short.under_way.load(Ordering::Acquire) == 0;
            if (is_quiet && quiet >= self.grace) || left.elapsed() >= latest {
                return;
            }
            let pause = if is_quiet { self.grace.saturating_sub(quiet) } else { self.grace / 4 };
            sleep(pause.max(Duration::from_millis(1))).await;
        }
    }

    /// Whether the guest has nothing to put in order without its client.
    pub(crate) fn ends_at_once(&self) -> bool {
        self.for_component && !self.has_asked.load(Ordering::Acquire)
    }

    /// The guest sends a request, to another component or to a server.
    pub(crate) fn asks(&self, a_component: bool) {
        if a_component || !self.for_component {
            self.has_asked.store(true, Ordering::Release);
        }
    }

    /// Counts a request to a server that is finished in any case; `None` where the guest's requests are not.
    pub(crate) fn short_request(&self) -> Option<ShortRequest> {
        if self.for_component {
            return None;
        }
        self.short.under_way.fetch_add(1, Ordering::AcqRel);
        Some(ShortRequest(Arc::clone(&self.short)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_over(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[tokio::test]
    async fn a_client_that_has_its_answer_is_never_gone() {
        let (waits, mut client) = client_presence(Duration::from_millis(1), false);
        waits.is_answered();
        drop(waits);
        let mut gone = pin!(client.disconnected());
        assert!(!is_over(gone.as_mut()));
    }

    #[tokio::test]
    async fn a_guest_without_a_client_ends_when_nothing_short_is_under_way() {
        let (waits, client) = client_presence(Duration::from_millis(10), false);
        let under_way = client.short_request();
        let mut asked = client.clone();
        let mut end = pin!(asked.guest_must_end());
        assert!(!is_over(end.as_mut()));
        drop(waits);
        assert!(!is_over(end.as_mut()));
        drop(under_way);
        end.await;
    }

    #[tokio::test]
    async fn a_guest_without_a_client_does_not_go_on_for_ever() {
        let (waits, client) = client_presence(Duration::from_millis(5), false);
        let _under_way = client.short_request();
        drop(waits);
        client.clone().guest_must_end().await;
    }

    #[tokio::test]
    async fn a_guest_for_a_component_ends_at_once_unless_it_has_asked_another_component() {
        let hour = Duration::from_secs(3600);
        let ends = |for_component: bool, asks_a_component: Option<bool>| {
            let (waits, client) = client_presence(hour, for_component);
            if let Some(a_component) = asks_a_component {
                client.asks(a_component);
            }
            let mut asked = client.clone();
            let mut end = pin!(asked.guest_must_end());
            assert!(!is_over(end.as_mut()), "its client is there");
            drop(waits);
            is_over(end.as_mut())
        };
        for (for_component, asks_a_component, at_once) in [
            (true, None, true),
            (true, Some(false), true),
            (true, Some(true), false),
            (false, None, false),
            (false, Some(false), false),
            (false, Some(true), false),
        ] {
            assert_eq!(ends(for_component, asks_a_component), at_once, "{for_component} {asks_a_component:?}");
        }
    }

    #[test]
    fn no_request_of_a_guest_for_a_component_is_finished_without_its_client() {
        let (_waits, client) = client_presence(Duration::from_millis(10), true);
        assert!(client.short_request().is_none());
    }
}
