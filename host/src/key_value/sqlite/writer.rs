//! The thread that writes: it puts what waits into one transaction, and what has waited for too long into none.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::statements::{self, is_busy};
use super::sweep::Piece;
use crate::key_value::deadlines::Deadlines;
use crate::key_value::outcome::{KeyValueError, Swap, Swept};

/// Jobs in one transaction.
const BATCH: usize = 256;
/// Before the next attempt, where SQLite gave up before its time was over.
const BEFORE_ANOTHER_ATTEMPT: Duration = Duration::from_millis(5);

/// Something that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    /// When it no longer may begin.
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<Result<Outcome, KeyValueError>>,
}

#[derive(Debug)]
pub(super) enum Task {
    Write { store: String, write: Write },
    Sweep(Piece),
}

#[derive(Debug)]
pub(super) enum Write {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment { key: String, delta: i64 },
    Swap { key: String, expected: Option<Vec<u8>>, value: Vec<u8> },
}

#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Counter(i64),
    Swap(Swap),
    Swept(Swept),
}

impl Job {
    /// Whether it must not begin any more: its time is over, or nobody waits for it.
    fn has_expired(&self) -> bool {
        Instant::now() >= self.deadline || self.answer.is_closed()
    }
}

/// Runs the jobs until all senders are gone.
pub(super) fn write_all(mut connection: Connection, jobs: &mpsc::Receiver<Job>, deadlines: &Arc<Deadlines>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(BATCH - 1));
        run_all(&mut connection, batch, deadlines);
    }
}

/// Answers every job of the batch: each at its deadline at the latest, so long as it has not begun.
fn run_all(connection: &mut Connection, mut batch: Vec<Job>, deadlines: &Arc<Deadlines>) {
    loop {
        let (expired, left): (Vec<_>, Vec<_>) = batch.into_iter().partition(Job::has_expired);
        let none_had_expired = expired.is_empty();
        expired.into_iter().for_each(|job| answer(job, Err(KeyValueError::TimedOut)));
        let Some(deadline) = left.iter().map(|job| job.deadline).min() else { return };
        batch = left;
        match run(connection, &batch, deadline) {
            Ok(outcomes) => {
                deadlines.succeeded();
                return batch.into_iter().zip(outcomes).for_each(|(job, outcome)| answer(job, outcome));
            }
            // Another process holds the database. At least one of them is over now.
            Err(error) if is_busy(&error) => {
                deadlines.ran_out();
                if none_had_expired && !batch.iter().any(Job::has_expired) {
                    thread::sleep(BEFORE_ANOTHER_ATTEMPT);
                }
            }
            Err(error) if batch.len() == 1 => {
                return batch.into_iter().for_each(|job| answer(job, Err(error_of(&error))));
            }
            // One of them failed and took the others with it: each for itself.
            Err(_) => return batch.into_iter().for_each(|job| run_all(connection, vec![job], deadlines)),
        }
    }
}

fn error_of(error: &rusqlite::Error) -> KeyValueError {
    KeyValueError::Database(error.to_string())
}

fn answer(job: Job, outcome: Result<Outcome, KeyValueError>) {
    // The guest that asked may be gone.
    let _ = job.answer.send(outcome);
}

/// Runs the jobs in one transaction, which waits until `deadline` for that of another process. A job that only finds the
/// store in the wrong state has written nothing, so its error is its own; a failing database fails the transaction.
fn run(
    connection: &mut Connection,
    batch: &[Job],
    deadline: Instant,
) -> Result<Vec<Result<Outcome, KeyValueError>>, rusqlite::Error> {
    statements::wait_until(connection, deadline)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for job in batch {
        // Waiting for the other process took time, too.
        let has_expired = job.has_expired();
        outcomes.push(if has_expired { Err(KeyValueError::TimedOut) } else { run_job(&transaction, &job.task)? });
    }
    transaction.commit()?;
    Ok(outcomes)
}

fn run_job(transaction: &Transaction<'_>, task: &Task) -> Result<Result<Outcome, KeyValueError>, rusqlite::Error> {
    let (store, write) = match task {
        Task::Sweep(piece) => return piece.run(transaction).map(|swept| Ok(Outcome::Swept(swept))),
        Task::Write { store, write } => (store.as_str(), write),
    };
    match write {
        Write::Set(entries) => {
            for (key, value) in entries {
                statements::put(transaction, store, key, value)?;
            }
            Ok(Ok(Outcome::Done))
        }
        Write::Delete(keys) => {
            for key in keys {
                statements::delete(transaction, store, key)?;
            }
            Ok(Ok(Outcome::Done))
        }
        Write::Increment { key, delta } => increment(transaction, store, key, *delta),
        Write::Swap { key, expected, value } => {
            let current = statements::get(transaction, store, key)?;
            if current != *expected {
                return Ok(Ok(Outcome::Swap(Swap::Changed(current))));
            }
            statements::put(transaction, store, key, value)?;
            Ok(Ok(Outcome::Swap(Swap::Swapped)))
        }
    }
}

fn increment(
    transaction: &Transaction<'_>,
    store: &str,
    key: &str,
    delta: i64,
) -> Result<Result<Outcome, KeyValueError>, rusqlite::Error> {
    let current = match statements::counter(transaction, store, key)? {
        None => 0,
        Some(Some(counter)) => counter,
        Some(None) => return Ok(Err(KeyValueError::NotACounter)),
    };
    let Some(sum) = current.checked_add(delta) else { return Ok(Err(KeyValueError::CounterOverflow)) };
    statements::put_counter(transaction, store, key, sum)?;
    Ok(Ok(Outcome::Counter(sum)))
}
