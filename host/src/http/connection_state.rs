//! What one connection is doing, as far as others have to know.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::connections::{Connections, IncompleteHeads};
use super::waiting_clients::{WaitingClients, WaitingEntry};

/// One connection.
pub(crate) struct Connection {
    idle: Arc<WaitingClients>,
    state: Mutex<State>,
    /// Told when the connection has to be closed for others.
    pub(crate) dismissed: Arc<Notify>,
    heads: Arc<IncompleteHeads>,
    head_bytes: AtomicUsize,
    used: AtomicBool,
    unread_body: AtomicBool,
    /// Something is to be written that the socket does not take yet. Only the connection's own task changes it.
    unsent: AtomicBool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.forget_head();
    }
}

enum State {
    /// Nobody has asked for anything. `head_began`: the first bytes of a request are there.
    /// `entry`: none while it is still being written to.
    Idle { since: Instant, head_began: bool, entry: Option<WaitingEntry> },
    /// A request is under way.
    Busy,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// WaitingClients for a request, of which nothing is there, since this time.
    Idle(Instant),
    /// In the middle of a head that began at this time.
    Head(Instant),
    /// A request is under way.
    Busy,
    /// The client has not taken all of an answer that is complete.
    Writing,
}

/// A request that is under way on a connection, until it is dropped.
pub(crate) struct RequestInProgress(Arc<Connection>);

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.0.set(self.0.idle(false));
    }
}

impl Connection {
    /// A connection that was just opened: its first head is due.
    pub(crate) fn new(connections: &Connections) -> Self {
        let dismissed = Arc::new(Notify::new());
        let idle = Arc::clone(&connections.idle);
        let entry = Some(idle.add(&dismissed));
        let state = Mutex::new(State::Idle { since: Instant::now(), head_began: true, entry });
        Self {
            idle,
            state,
            dismissed,
            heads: Arc::clone(&connections.heads),
            head_bytes: AtomicUsize::new(0),
            used: AtomicBool::new(false),
            unread_body: AtomicBool::new(false),
            unsent: AtomicBool::new(false),
        }
    }

    fn forget_head(&self) {
        self.heads.bytes.fetch_sub(self.head_bytes.swap(0, Ordering::AcqRel), Ordering::AcqRel);
    }

    fn idle(&self, head_began: bool) -> State {
        let entry = (!self.unsent.load(Ordering::Relaxed)).then(|| self.idle.add(&self.dismissed));
        State::Idle { since: Instant::now(), head_began, entry }
    }

    fn set(&self, new: State) {
        let old = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *state, new)
        };
        // Its entry is removed without the lock: two locks at once would need an order.
        drop(old);
    }

    /// A whole head has come.
    pub(crate) fn begin(self: &Arc<Self>) -> RequestInProgress {
        self.used.store(true, Ordering::Relaxed);
        self.set(State::Busy);
        self.forget_head();
        RequestInProgress(Arc::clone(self))
    }

    /// So many bytes have come. Where they are of a head, and all heads together are too large, the connection that has
    /// been idle longest makes room.
    pub(crate) fn received(&self, bytes: usize) {
        match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Busy => return,
            State::Idle { head_began: true, .. } => {}
            State::Idle { since, head_began, .. } => (*since, *head_began) = (Instant::now(), true),
        }
        self.head_bytes.fetch_add(bytes, Ordering::AcqRel);
        if self.heads.bytes.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes) > self.heads.most {
            self.idle.dismiss_longest(None);
        }
    }

    /// The socket takes nothing more of what is to be written: until it does, the connection is not idle, even where hyper
    /// has all of the answer already.
    pub(crate) fn is_unsent(&self) {
        if self.unsent.swap(true, Ordering::Relaxed) {
            return;
        }
        let entry = match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Idle { entry, .. } => entry.take(),
            State::Busy => None,
        };
        drop(entry);
    }

    /// All that was to be written is with the socket. Where nobody asks for anything, it is idle from now on.
    pub(crate) fn is_sent(&self) {
        if !self.unsent.swap(false, Ordering::Relaxed) {
            return;
        }
        let head_began = match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Idle { head_began, .. } => *head_began,
            State::Busy => return,
        };
        self.set(self.idle(head_began));
    }

    /// What it is doing.
    pub(crate) fn activity(&self) -> Activity {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Idle { .. } if self.unsent.load(Ordering::Relaxed) => Activity::Writing,
            State::Idle { since, head_began: false, .. } => Activity::Idle(*since),
            State::Idle { since, head_began: true, .. } => Activity::Head(*since),
            State::Busy => Activity::Busy,
        }
    }

    /// Whether there was any request.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// A request was answered before its body had come.
    pub(crate) fn leave_body_unread(&self) {
        self.unread_body.store(true, Ordering::Relaxed);
    }

    /// Whether one was.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_dismissed(dismissed: &Notify) -> bool {
        pin!(dismissed.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn who_has_been_idle_longest_makes_room_and_who_is_busy_never_does() {
        let connections = Connections::new(3, 1000);
        let slots = [connections.room().await, connections.room().await, connections.room().await];
        let (busy, first, second) = (
            Arc::new(Connection::new(&connections)),
            Arc::new(Connection::new(&connections)),
            Arc::new(Connection::new(&connections)),
        );
        let _under_way = busy.begin();
        // The first is used and idle again: now it has been idle for a shorter time than the second.
        drop(first.begin());
        let [_busy, _first, mut slot] = slots;
        let making_room = async {
            second.dismissed.notified().await;
            slot = None;
        };
        let (room, ()) = tokio::join!(connections.room(), making_room);
        assert!(room.is_some());
        assert!(!is_dismissed(&first.dismissed) && !is_dismissed(&busy.dismissed));
        assert_eq!(busy.activity(), Activity::Busy);
        assert!(matches!(first.activity(), Activity::Idle(_)));
    }

    #[tokio::test]
    async fn where_nobody_is_idle_the_oldest_incomplete_body_makes_room() {
        let connections = Connections::new(1, 1000);
        let mut slot = connections.room().await;
        let (old, new) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let _entries = (connections.bodies.add(&old), connections.bodies.add(&new));
        let making_room = async {
            old.notified().await;
            slot = None;
        };
        let (room, ()) = tokio::join!(connections.room(), making_room);
        assert!(room.is_some() && !is_dismissed(&new));
    }

    #[test]
    fn a_head_is_timed_from_its_first_byte() {
        let connection = Arc::new(Connection::new(&Connections::new(1, 1000)));
        assert!(matches!(connection.activity(), Activity::Head(_)));
        drop(connection.begin());
        let Activity::Idle(idle_since) = connection.activity() else { panic!("it is idle") };
        connection.received(1);
        let Activity::Head(began) = connection.activity() else { panic!("a head has begun") };
        connection.received(1);
        assert_eq!(connection.activity(), Activity::Head(began));
        assert!(began >= idle_since);
    }

    #[test]
    fn who_has_not_taken_all_of_an_answer_is_not_idle() {
        let connections = Connections::new(9, 1000);
        let connection = Arc::new(Connection::new(&connections));
        let busy = connection.begin();
        connection.is_unsent();
        assert_eq!(connection.activity(), Activity::Busy);
        // hyper has all of it.
        drop(busy);
        assert_eq!(connection.activity(), Activity::Writing);
        assert!(!connections.idle.dismiss_longest(None));
        connection.is_sent();
        let Activity::Idle(since) = connection.activity() else { panic!("it is idle") };
        connection.is_unsent();
        assert_eq!(connection.activity(), Activity::Writing);
        assert!(!connections.idle.dismiss_longest(None));
        connection.is_sent();
        assert!(matches!(connection.activity(), Activity::Idle(later) if later > since));
        assert!(connections.idle.dismiss_longest(None) && is_dismissed(&connection.dismissed));
    }

    #[test]
    fn incomplete_heads_together_have_one_budget() {
        let connections = Connections::new(9, 1000);
        let (old, new) = (Arc::new(Connection::new(&connections)), Arc::new(Connection::new(&connections)));
        old.received(600);
        new.received(400);
        assert!(!is_dismissed(&old.dismissed));
        new.received(1);
        assert!(is_dismissed(&old.dismissed) && !is_dismissed(&new.dismissed));
        drop(old);
        let _complete = new.begin();
        // What comes now is a body.
        new.received(5000);
        assert_eq!(connections.heads.bytes.load(Ordering::Acquire), 0);
    }
}
