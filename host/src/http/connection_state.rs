//! What one connection is doing, as far as others have to know.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::broken_off::BrokenOff;
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
    /// On HTTP/2, the most bytes of it that can be of a head which is not complete; 0 on HTTP/1.1.
    http2_head: AtomicUsize,
    broken_off: BrokenOff,
    abused: AtomicBool,
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
    /// Requests are under way: on HTTP/1.1, one.
    Busy { requests: usize },
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
    /// Its client breaks off too many requests.
    Abused,
    /// The client has not taken all of an answer that is complete.
    Writing,
}

/// A request that is under way on a connection, until it is dropped.
pub(crate) struct RequestInProgress {
    connection: Arc<Connection>,
    /// Whether another one was under way on its connection when it began.
    is_further: bool,
    _room: Option<OwnedSemaphorePermit>,
}

impl RequestInProgress {
    /// Whether there is room for it: a connection has room for one request, and each further one needs its own.
    pub(crate) async fn has_room(&mut self, connections: &Connections) -> bool {
        if !self.is_further {
            return true;
        }
        self._room = connections.room_for_request().await;
        self._room.is_some()
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.connection.end_request();
    }
}

/// A request of HTTP/2 that its client may break off. It does so if this is dropped before it is told that it was answered.
pub(crate) struct Unanswered(Option<Arc<Connection>>);

impl Unanswered {
    /// Its answer is with the client, or it is not the client's doing that it is not.
    pub(crate) fn is_answered(&mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.count_broken_off();
        }
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
            http2_head: AtomicUsize::new(0),
            broken_off: BrokenOff::new(),
            abused: AtomicBool::new(false),
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

    /// It speaks HTTP/2, where a head that is not complete has at most `head_bytes`.
    pub(crate) fn is_http2(&self, head_bytes: usize) {
        self.http2_head.store(head_bytes.max(1), Ordering::Relaxed);
    }

    /// Whether it does.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.http2_head.load(Ordering::Relaxed) > 0
    }

    /// A whole head has come.
    pub(crate) fn begin(self: &Arc<Self>) -> RequestInProgress {
        self.used.store(true, Ordering::Relaxed);
        let before = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *state {
                State::Busy { requests } => {
                    *requests = requests.saturating_add(1);
                    None
                }
                State::Idle { .. } => Some(std::mem::replace(&mut *state, State::Busy { requests: 1 })),
            }
        };
        let is_further = before.is_none();
        drop(before);
        self.forget_head();
        RequestInProgress { connection: Arc::clone(self), is_further, _room: None }
    }

    fn end_request(&self) {
        if let State::Busy { requests } = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner)
            && *requests > 1
        {
            *requests -= 1;
            return;
        }
        self.set(self.idle(false));
    }

    /// A request of HTTP/2 has begun, which its client may break off.
    pub(crate) fn unanswered(self: &Arc<Self>) -> Unanswered {
        Unanswered(Some(Arc::clone(self)))
    }

    fn count_broken_off(&self) {
        if self.broken_off.count() {
            self.abused.store(true, Ordering::Relaxed);
            self.dismissed.notify_one();
        }
    }

    /// So many bytes have come. Where they are of a head, and all heads together are too large, the connection that has
    /// been idle longest makes room.
    ///
    /// On HTTP/2 it is not known whether they are of a head, or a client's ping. They do not make a connection less idle, nor
    /// does its time for a head begin with them.
    pub(crate) fn received(&self, bytes: usize) {
        let http2_head = self.http2_head.load(Ordering::Relaxed);
        match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Busy { .. } => return,
            State::Idle { head_began: true, .. } => {}
            State::Idle { .. } if http2_head > 0 => {}
            State::Idle { since, head_began, .. } => (*since, *head_began) = (Instant::now(), true),
        }
        let bytes = match http2_head {
            0 => bytes,
            most => bytes.min(most.saturating_sub(self.head_bytes.load(Ordering::Acquire))),
        };
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
            State::Busy { .. } => None,
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
            State::Busy { .. } => return,
        };
        self.set(self.idle(head_began));
    }

    /// What it is doing.
    pub(crate) fn activity(&self) -> Activity {
        if self.abused.load(Ordering::Relaxed) {
            return Activity::Abused;
        }
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Idle { .. } if self.unsent.load(Ordering::Relaxed) => Activity::Writing,
            State::Idle { since, head_began: false, .. } => Activity::Idle(*since),
            State::Idle { since, head_began: true, .. } => Activity::Head(*since),
            State::Busy { .. } => Activity::Busy,
        }
    }

    /// Whether there was any request.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// A request was answered before its body had come. On HTTP/2, that is the end of its stream alone.
    pub(crate) fn leave_body_unread(&self) {
        if !self.speaks_http2() {
            self.unread_body.store(true, Ordering::Relaxed);
        }
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

    #[tokio::test]
    async fn a_connection_of_http_2_is_busy_until_its_last_request_ends_and_only_the_first_needs_no_room() {
        let connections = Connections::new(1, 1000);
        let connection = Arc::new(Connection::new(&connections));
        connection.is_http2(100);
        let (mut first, mut second, mut third) = (connection.begin(), connection.begin(), connection.begin());
        assert!(first.has_room(&connections).await && second.has_room(&connections).await);
        assert!(!third.has_room(&connections).await);
        drop((first, third));
        assert_eq!(connection.activity(), Activity::Busy);
        drop(second);
        assert!(matches!(connection.activity(), Activity::Idle(_)));
    }

    #[test]
    fn what_comes_on_an_idle_connection_of_http_2_neither_begins_a_head_nor_fills_the_budget_of_heads() {
        let connections = Connections::new(1, 1000);
        let connection = Arc::new(Connection::new(&connections));
        connection.is_http2(100);
        drop(connection.begin());
        let Activity::Idle(since) = connection.activity() else { panic!("it is idle") };
        (0..1000).for_each(|_| connection.received(17));
        assert_eq!(connection.activity(), Activity::Idle(since));
        assert_eq!(connections.heads.bytes.load(Ordering::Acquire), 100);
        drop(connection);
        assert_eq!(connections.heads.bytes.load(Ordering::Acquire), 0);
    }

    #[test]
    fn who_breaks_off_too_many_requests_has_to_go_and_who_is_answered_has_not() {
        let connection = Arc::new(Connection::new(&Connections::new(1, 1000)));
        (0..1000).for_each(|_| connection.unanswered().is_answered());
        assert!(!is_dismissed(&connection.dismissed));
        (0..1000).for_each(|_| drop(connection.unanswered()));
        assert_eq!(connection.activity(), Activity::Abused);
        assert!(is_dismissed(&connection.dismissed));
    }
}
