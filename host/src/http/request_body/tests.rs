//! Bodies in pieces, and what is refused of them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use http_body_util::BodyExt as _;

use super::super::body_pace::SMALL_BODY;
use super::*;

/// A body whose frames are all there, and that then ends, or goes on without anything coming.
struct Frames {
    frames: VecDeque<Frame<Bytes>>,
    ends: bool,
    lower: u64,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.lower);
        hint
    }
}

fn frames(count: usize, size: usize, ends: bool) -> Frames {
    let frame = Bytes::from(vec![b'a'; size]);
    Frames { frames: (0..count).map(|_| Frame::data(frame.clone())).collect(), ends, lower: 0 }
}

fn limits() -> Limits {
    Limits {
        body_bytes: 8 << 20,
        // Those of one credential may have it all, where nothing else is said.
        body_share: 100,
        body_read: Duration::from_millis(50),
        body_rate: 1 << 30,
        queue_wait: Duration::from_millis(20),
        ..Limits::default()
    }
}

struct World {
    limits: Limits,
    budget: BodyBudget,
    connections: Connections,
    connection: Arc<Connection>,
    credentials: Cell<u64>,
}

fn world() -> World {
    let (limits, connections) = (limits(), Connections::new(9, 1000));
    let connection = Arc::new(Connection::new(&connections));
    World { budget: BodyBudget::new(&limits), limits, connections, connection, credentials: Cell::new(100) }
}

impl World {
    fn body(&self, frames: Frames) -> RequestBody<Frames> {
        // Each has a credential of its own.
        self.credentials.set(self.credentials.get() + 1);
        self.body_of(Caller::Credential(self.credentials.get()), frames)
    }

    fn body_of(&self, caller: Caller, frames: Frames) -> RequestBody<Frames> {
        RequestBody::new(frames, &self.limits, &self.budget, &self.connection, caller)
    }

    async fn gathered(&self, body: &mut RequestBody<Frames>) -> Result<(), Refusal> {
        body.gather(&self.limits, &self.connections).await
    }

    fn free(&self) -> usize {
        self.budget.bytes.available_permits()
    }
}

async fn pieces(body: &mut RequestBody<Frames>) -> Vec<usize> {
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push(frame.unwrap().into_data().unwrap().len());
    }
    pieces
}

#[tokio::test]
async fn a_small_body_is_one_piece_however_it_came() {
    let world = world();
    let mut body = world.body(frames(900, 10, true));
    world.gathered(&mut body).await.unwrap();
    assert_eq!(world.free(), world.limits.body_bytes - 9000);
    assert_eq!(pieces(&mut body).await, [9000]);
    body.held.release();
    assert_eq!(world.free(), world.limits.body_bytes);
    drop(body);
    assert!(!world.connection.has_unread_body());
}

#[tokio::test]
async fn a_large_body_comes_in_pieces_of_16_kib_or_more() {
    let world = world();
    let mut body = world.body(frames(100, 3000, true));
    world.gathered(&mut body).await.unwrap();
    let pieces = pieces(&mut body).await;
    assert_eq!(pieces.iter().sum::<usize>(), 300_000);
    assert!(pieces.iter().rev().skip(1).all(|piece| *piece >= PIECE), "{pieces:?}");
}

#[tokio::test]
async fn frames_of_next_to_nothing_are_refused_and_small_ones_are_not() {
    for (count, size, expected) in [
        (1000, 1, Ok(())),
        (1067, 1, Err(Refusal::TinyFrames)),
        (4000, 16, Ok(())),
        (60_000, 1, Err(Refusal::TinyFrames)),
    ] {
        let world = world();
        assert_eq!(world.gathered(&mut world.body(frames(count, size, true))).await, expected, "{count} of {size}");
    }
}

#[tokio::test]
async fn trailers_come_after_the_data() {
    let world = world();
    let mut with_trailers = frames(1, 3, true);
    let trailers = HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("a"))]);
    with_trailers.frames.push_back(Frame::trailers(trailers.clone()));
    let mut body = world.body(with_trailers);
    world.gathered(&mut body).await.unwrap();
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "aaa");
}

#[tokio::test]
async fn a_slow_body_is_refused_before_and_after_its_guest_starts() {
    let world = world();
    let mut small = world.body(frames(1, 100, false));
    assert_eq!(world.gathered(&mut small).await, Err(Refusal::Slow));
    let mut large = world.body(frames(65, 1 << 16, false));
    world.gathered(&mut large).await.unwrap();
    let mut read = 0;
    let error = loop {
        match large.frame().await.unwrap() {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(read, 65 << 16);
    assert!(matches!(error, Error::ConnectionReadTimeout));
    assert_eq!(large.refused.get(), Some(Refusal::Slow));
    drop((small, large));
    assert!(world.connection.has_unread_body());
    assert_eq!(world.free(), world.limits.body_bytes);
}

#[tokio::test]
async fn bodies_together_have_one_budget_and_one_that_never_fits_is_too_large() {
    let world = world();
    let mut declared = frames(1, 1, false);
    declared.lower = (8 << 20) + 1;
    assert_eq!(world.gathered(&mut world.body(declared)).await, Err(Refusal::TooLarge));

    let mut full = world.body(frames(128, 1 << 16, true));
    world.gathered(&mut full).await.unwrap();
    assert_eq!(pieces(&mut full).await.iter().sum::<usize>(), 8 << 20);
    // Its guest has read it, and holds it.
    assert_eq!(world.free(), 0);
    let mut next = world.body(frames(1, 100, true));
    assert_eq!(world.gathered(&mut next).await, Err(Refusal::NoRoom));
    full.held.release();
    assert_eq!(world.gathered(&mut world.body(frames(1, 100, true))).await, Ok(()));
}

#[tokio::test]
async fn the_body_that_has_been_coming_for_longest_makes_room() {
    let mut world = world();
    world.limits.body_read = Duration::from_secs(60);
    world.limits.queue_wait = Duration::from_secs(60);
    let mut taken = world.body(frames(127, 1 << 16, true));
    world.gathered(&mut taken).await.unwrap();
    pieces(&mut taken).await;
    let slow = async {
        let mut slow = world.body(frames(1, SMALL_BODY - 1, false));
        world.gathered(&mut slow).await
    };
    let fresh = async {
        // The slow one is polled first, and has its bytes.
        let mut fresh = world.body(frames(1, 1000, true));
        world.gathered(&mut fresh).await
    };
    let (slow, fresh) = tokio::join!(biased; slow, fresh);
    assert_eq!((slow, fresh), (Err(Refusal::NoRoom), Ok(())));
}

#[tokio::test]
async fn a_credential_has_its_share_and_what_has_none_has_half() {
    let mut world = world();
    world.limits.body_share = 25;
    world.budget = BodyBudget::new(&world.limits);
    let mib = || frames(16, 1 << 16, true);
    let (one, other) = (Caller::Credential(1), Caller::Credential(2));
    let more_than_half = || frames(20, 1 << 16, true);
    let mut first = world.body_of(one, more_than_half());
    world.gathered(&mut first).await.unwrap();
    let mut second = world.body_of(one, more_than_half());
    assert_eq!(world.gathered(&mut second).await, Err(Refusal::CredentialShare));
    drop(second);
    world.gathered(&mut world.body_of(other, mib())).await.unwrap();
    // It can never have as much.
    let mut declared = frames(1, 1, true);
    declared.lower = 3 << 20;
    assert_eq!(world.gathered(&mut world.body_of(one, declared)).await, Err(Refusal::TooLarge));

    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut body = world.body_of(Caller::Anonymous, mib());
        world.gathered(&mut body).await.unwrap();
        strangers.push(body);
    }
    let mut stranger = world.body_of(Caller::Anonymous, frames(1, 1, true));
    assert_eq!(world.gathered(&mut stranger).await, Err(Refusal::NoRoom));
    world.gathered(&mut world.body_of(other, mib())).await.unwrap();

    first.held.release();
    strangers.clear();
    world.gathered(&mut world.body_of(one, more_than_half())).await.unwrap();
    world.gathered(&mut world.body_of(Caller::Anonymous, mib())).await.unwrap();
    drop((first, stranger));
    assert_eq!(world.free(), world.limits.body_bytes);
    assert!(world.budget.shares.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_small_body_counts_until_the_answer_and_a_large_one_until_the_guest_ends() {
    let world = world();
    for (size, held) in [(SMALL_BODY, 0), (SMALL_BODY + 1, SMALL_BODY + 1)] {
        let mut body = world.body(frames(1, size, true));
        world.gathered(&mut body).await.unwrap();
        body.held.release_small();
        assert_eq!(world.free(), world.limits.body_bytes - held);
        body.held.release();
        assert_eq!(world.free(), world.limits.body_bytes);
    }
}

#[test]
fn bodies_without_a_credential_make_room_first_and_make_none_with_one_go() {
    let waiting = Arc::new(super::super::waiting_clients::WaitingClients::default());
    let told = |notify: &Arc<Notify>| {
        let mut notified = Box::pin(notify.notified());
        notified.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    };
    let [known, old, new] = [(); 3].map(|()| Arc::new(Notify::new()));
    let (own_known, _old, own) =
        (waiting.add_with(true, &known), waiting.add_with(false, &old), waiting.add_with(false, &new));
    assert!(waiting.dismiss_longest(Some(&own)) && told(&old));
    assert!(!waiting.dismiss_longest(Some(&own)));
    let later = Arc::new(Notify::new());
    let own_later = waiting.add_with(true, &later);
    assert!(waiting.dismiss_longest(Some(&own_later)) && told(&new) && !told(&known));
    assert!(waiting.dismiss_longest(Some(&own_later)) && told(&known));
    drop(own_known);
}
