//! Another process holds the database: what waits is answered at its deadline, and not done.

use std::sync::mpsc::sync_channel;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

fn open_with(directory: &tempfile::TempDir, limits: StoreLimits) -> Sqlite {
    open_in(&directory.path().join("state"), limits).unwrap()
}

fn impatient(directory: &tempfile::TempDir) -> Sqlite {
    open_with(directory, StoreLimits { wait: SHORT, ..StoreLimits::default() })
}

async fn snapshot(store: &Sqlite) -> Vec<(String, Option<Vec<u8>>)> {
    let keys = store.list_keys("s", None).await.unwrap().keys;
    store.get_many("s", keys).await.unwrap()
}

#[tokio::test]
async fn a_write_whose_deadline_passes_fails_and_is_not_done_later() {
    for begin in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let directory = tempfile::tempdir().unwrap();
        let patient = open(&directory);
        patient.set("s", "k", b"before".to_vec()).await.unwrap();
        patient.increment("s", "n", 1).await.unwrap();
        let store = impatient(&directory);
        let before = snapshot(&patient).await;
        let other = connect(&directory);
        other.execute_batch(begin).unwrap();
        assert_eq!(store.set("s", "k", b"after".to_vec()).await, Err(KeyValueError::TimedOut));
        assert_eq!(store.delete("s", "k").await, Err(KeyValueError::TimedOut));
        assert_eq!(store.increment("s", "n", 1).await, Err(KeyValueError::TimedOut));
        let swap = store.compare_and_swap("s", "k", Some(b"before".to_vec()), b"after".to_vec()).await;
        assert_eq!(swap, Err(KeyValueError::TimedOut));
        let swept = store.sweep_piece(Duration::from_secs(1_795_000_000)).await;
        assert_eq!(swept, Err(KeyValueError::TimedOut));
        assert_eq!(snapshot(&patient).await, before, "what only reads is not held up");
        other.execute_batch("COMMIT").unwrap();
        // Behind all that waited. On a busy machine it may itself take longer than its time.
        while store.increment("s", "other", 1).await == Err(KeyValueError::TimedOut) {}
        while store.delete("s", "other").await == Err(KeyValueError::TimedOut) {}
        assert_eq!(snapshot(&patient).await, before);
    }
}

#[tokio::test]
async fn writes_that_wait_together_fail_together_and_not_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(impatient(&directory));
    let other = connect(&directory);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // More than one transaction takes.
    let writes: Vec<_> = (0..600)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.increment("s", "n", 1).await })
        })
        .collect();
    for write in writes {
        assert_eq!(write.await.unwrap(), Err(KeyValueError::TimedOut));
    }
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.increment("s", "n", 1).await, Ok(1));
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_does_not_begin() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let other = connect(&directory);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut write = Box::pin(store.increment("s", "n", 1));
    tokio::select! {
        biased;
        _ = &mut write => panic!("the database is held"),
        () = std::future::ready(()) => {}
    }
    drop(write);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.increment("s", "n", 1).await, Ok(1));
}

#[tokio::test]
async fn more_writes_than_may_wait_fail_at_once() {
    let directory = tempfile::tempdir().unwrap();
    // A writer that takes nothing from its queue.
    let (writer, jobs) = sync_channel(2);
    let store = Sqlite { writer, ..impatient(&directory) };
    let waiting = async { (store.increment("s", "n", 1).await, store.increment("s", "n", 1).await) };
    let (first, second, third) =
        tokio::join!(store.increment("s", "n", 1), store.increment("s", "n", 1), store.increment("s", "n", 1));
    assert_eq!((first, second), (Err(KeyValueError::TimedOut), Err(KeyValueError::TimedOut)));
    assert_eq!(third, Err(KeyValueError::QueueFull));
    assert_eq!(jobs.try_iter().count(), 2);
    assert_eq!(waiting.await, (Err(KeyValueError::TimedOut), Err(KeyValueError::TimedOut)), "there is room again");
}

/// Reads that do not end before the sender is dropped.
fn held_reads(store: &Arc<Sqlite>) -> (std::sync::mpsc::Sender<()>, Vec<tokio::task::JoinHandle<()>>) {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let reads = (0..4)
        .map(|_| {
            let (store, held) = (Arc::clone(store), Arc::clone(&held));
            tokio::spawn(async move {
                let read = store.readers.read(move |_, _| {
                    let _ = held.lock().unwrap().recv();
                    Ok(())
                });
                let _ = read.await;
            })
        })
        .collect();
    (release, reads)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_whose_deadline_passes_fails_and_those_that_hang_keep_their_turns() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(impatient(&directory));
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    let (release, reads) = held_reads(&store);
    // Their askers get their error; the reads themselves go on.
    for read in reads {
        read.await.unwrap();
    }
    assert_eq!(store.get("s", "k").await, Err(KeyValueError::TimedOut));
    assert_eq!(store.list_keys("s", None).await, Err(KeyValueError::TimedOut));
    drop(release);
    // The turns come back one after the other.
    while store.get("s", "k").await != Ok(Some(b"v".to_vec())) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_reads_than_may_wait_fail_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let wait = Duration::from_secs(60);
    let store = Arc::new(open_with(&directory, StoreLimits { wait, queue: 1 }));
    let (release, reads) = held_reads(&store);
    while store.readers.turns_left() > 0 {
        tokio::task::yield_now().await;
    }
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.exists("s", "k").await })
    };
    while store.readers.permits_left() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.exists("s", "k").await, Err(KeyValueError::QueueFull));
    drop(release);
    assert_eq!(waiting.await.unwrap(), Ok(false));
    for read in reads {
        read.await.unwrap();
    }
    assert_eq!(store.exists("s", "k").await, Ok(false));
}

#[tokio::test]
async fn many_keys_are_not_read_beyond_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_with(&directory, StoreLimits { wait: Duration::ZERO, ..StoreLimits::default() });
    let keys = (0..PAGE).map(|number| number.to_string()).collect();
    assert_eq!(store.get_many("s", keys).await, Err(KeyValueError::TimedOut));
}
