//! What is removed, when, by whom, and what waits meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::sweep::PIECE;
use super::*;
use crate::clock::WallClock;
use crate::log::CapturedLog;

const NOW: u64 = 1_795_000_000;

async fn sweep(store: &Sqlite, now: u64) -> Swept {
    store.sweep_piece(Duration::from_secs(now)).await.unwrap()
}

fn count(connection: &Connection) -> usize {
    let count: i64 = connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[tokio::test]
async fn only_what_says_that_it_expired_five_minutes_ago_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let kept = [
        format!("code.{}.x", NOW - 299),
        format!("code.{NOW}.x"),
        format!("code.{}.x.y", NOW - 300),
        format!("code.{}.", NOW - 300),
        "code.60.x".to_owned(),
        "config".to_owned(),
    ];
    for key in &kept {
        store.set("s", key, b"x".to_vec()).await.unwrap();
    }
    store.set("s", &format!("code.{}.x", NOW - 300), b"x".to_vec()).await.unwrap();
    store.increment("s", &format!("code-use.{}.x", NOW - 600), 1).await.unwrap();
    store.set("other", &format!("code.{}.x", NOW - 300), b"x".to_vec()).await.unwrap();
    assert_eq!(sweep(&store, NOW).await, Swept::Removed { entries: 3, more: false });
    assert_eq!(sweep(&store, NOW).await, Swept::Removed { entries: 0, more: false });
    let mut keys = store.list_keys("s", None).await.unwrap().keys;
    keys.sort();
    let mut kept = kept.to_vec();
    kept.sort();
    assert_eq!(keys, kept);
    assert!(store.list_keys("other", None).await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn of_many_expired_entries_each_piece_removes_a_bounded_number_and_the_next_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let connection = connect(&directory);
    fill(&connection, "live", NOW, 18_000);
    fill(&connection, "old", NOW - 300, 2 * PIECE + 1);
    for entries in [PIECE, PIECE, 1, 0] {
        assert_eq!(sweep(&store, NOW).await, Swept::Removed { entries, more: entries == PIECE });
    }
    assert_eq!(count(&connection), 18_000);
}

#[tokio::test]
async fn of_several_processes_one_sweeps_and_another_takes_over_when_it_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (open(&directory), open(&directory));
    let connection = connect(&directory);
    fill(&connection, "old", NOW - 600, 4 * PIECE);
    let removed = Swept::Removed { entries: PIECE, more: true };
    assert_eq!(sweep(&first, NOW).await, removed);
    assert_eq!(sweep(&second, NOW).await, Swept::Elsewhere);
    assert_eq!(sweep(&second, NOW + 59).await, Swept::Elsewhere);
    assert_eq!(count(&connection), 3 * PIECE);
    // The first one keeps it while it goes on; for a minute after that nobody else has it.
    assert_eq!(sweep(&first, NOW + 30).await, removed);
    assert_eq!(sweep(&second, NOW + 60).await, Swept::Elsewhere);
    assert_eq!(sweep(&second, NOW + 90).await, removed);
    assert_eq!(sweep(&first, NOW + 91).await, Swept::Elsewhere);
    // A lease from a clock that was ahead does not keep everybody from sweeping until then.
    assert_eq!(sweep(&first, NOW).await, removed);
    assert_eq!(count(&connection), 0);
}

/// A trigger notes how many expired entries were there at the moment of each write.
#[tokio::test]
async fn a_write_that_comes_during_a_sweep_waits_for_one_piece_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory));
    let connection = connect(&directory);
    fill(&connection, "old", NOW - 300, 20 * PIECE);
    connection
        .execute_batch(
            "CREATE TABLE seen (number INTEGER);
             CREATE TRIGGER note AFTER INSERT ON entries WHEN new.store = 'w' BEGIN
                 INSERT INTO seen SELECT count(*) FROM entries WHERE store = 's';
             END;
             BEGIN IMMEDIATE;",
        )
        .unwrap();
    // Nothing gets through: a piece waits first, and writes behind it.
    let sweeping = {
        let store = Arc::clone(&store);
        async move { while sweep(&store, NOW).await == (Swept::Removed { entries: PIECE, more: true }) {} }
    };
    let mut sweeping = Box::pin(sweeping);
    assert!(still_waits(&mut sweeping).await);
    let mut writes: Vec<_> = (0..10)
        .map(|number| {
            let store = Arc::clone(&store);
            Box::pin(async move { store.set("w", &number.to_string(), b"x".to_vec()).await })
        })
        .collect();
    for write in &mut writes {
        assert!(still_waits(write).await);
    }
    connection.execute_batch("ROLLBACK").unwrap();
    let all_written = async {
        for write in writes {
            write.await.unwrap();
        }
    };
    tokio::join!(sweeping, all_written);
    let mut seen = connection.prepare("SELECT number FROM seen").unwrap();
    let seen: Vec<i64> = seen.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(seen, vec![i64::try_from(19 * PIECE).unwrap(); 10]);
}

/// Polls once; whether it is still waiting.
async fn still_waits(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending()))
        .await
}

struct Clock(AtomicU64);

impl WallClock for Clock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn the_host_sweeps_by_itself_by_its_own_clock_until_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, log) = (Arc::new(open(&directory)), Arc::new(CapturedLog::new()));
    let connection = connect(&directory);
    fill(&connection, "live", NOW + 60, 10);
    fill(&connection, "old", NOW - 299, 2 * PIECE + 3);
    let clock = Arc::new(Clock(AtomicU64::new(NOW)));
    assert_eq!(sweep(&store, NOW).await, Swept::Removed { entries: 0, more: false });
    clock.0.store(NOW + 1, Ordering::SeqCst);
    let every = Duration::from_millis(1);
    let sweeping = tokio::spawn(keep_swept(Arc::downgrade(&store), clock, every, Arc::clone(&log) as _));
    log.wait_for(|line| line.contains("1003 expired entries were removed from the key-value store")).await;
    assert_eq!(count(&connection), 10);
    drop(store);
    sweeping.await.unwrap();
}
