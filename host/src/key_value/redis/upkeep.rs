//! What a host does with a Redis besides answering guests: it says whether it is there, and gives a time to live to what another
//! host has left without one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::{cmd, pipe};
use tokio::time::sleep;

use super::failure::failure;
use super::operations::Redis;
use crate::key_value::outcome::KeyValueError;
use crate::log::{Level, LogRecord, LogSink};

/// Before the next attempt, where Redis does not answer.
const BEFORE_ANOTHER_ATTEMPT: Duration = Duration::from_secs(30);
/// Between two pages of keys.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two looks at all keys. Only a host that sets no time to live (Spin, wasmCloud) leaves anything to do.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks after the Redis until nobody has the store any more.
pub(in crate::key_value) async fn look_after(redis: Weak<Redis>, log: Arc<dyn LogSink>) {
    let say = |level: Level, message: String| log.record(&LogRecord::host(level, None, message));
    let mut is_first = true;
    loop {
        let Some(present) = redis.upgrade() else { return };
        let looked = if is_first { look_at_start(&present, &say).await } else { Ok(()) };
        drop(present);
        if looked.is_err() {
            sleep(BEFORE_ANOTHER_ATTEMPT).await;
            continue;
        }
        is_first = false;
        match give_times_to_live(&redis).await {
            Ok(entries) => {
                if entries > 0 {
                    say(Level::Info, format!("{entries} entries in Redis had no time to live, and have one now"));
                }
                sleep(EVERY).await;
            }
            Err(error) => {
                say(
                    Level::Warn,
                    format!("entries without a time to live are looked for again, because Redis said: {error}"),
                );
                sleep(BEFORE_ANOTHER_ATTEMPT).await;
            }
        }
    }
}

/// Says where the store is, or that it does not answer; and what it is set to that loses entries.
async fn look_at_start(redis: &Redis, say: &impl Fn(Level, String)) -> Result<(), KeyValueError> {
    let url = redis.url();
    if let Err(error) = redis.ask::<String>(&cmd("PING")).await {
        say(
            Level::Warn,
            format!("{url} does not answer, which is tried again; what needs it is refused until then: {error}"),
        );
        return Err(error);
    }
    say(Level::Info, format!("the key-value store is {url}"));
    // Not everybody may ask.
    let memory: String = redis.ask(cmd("INFO").arg("memory")).await.unwrap_or_default();
    let value = |name: &str| memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    if let (Some(most), Some(policy)) = (value("maxmemory"), value("maxmemory_policy"))
        && most != "0"
        && policy != "noeviction"
    {
        say(
            Level::Warn,
            format!(
                "{url} drops entries when it is full (maxmemory-policy {policy}); set it to noeviction, or what is used once could be used again"
            ),
        );
    }
    Ok(())
}

/// Gives a time to live to every entry whose key carries an expiry and that has none; how many there were.
async fn give_times_to_live(redis: &Weak<Redis>) -> Result<usize, KeyValueError> {
    let (mut cursor, mut entries) = (None, 0_usize);
    loop {
        let Some(redis) = redis.upgrade() else { return Ok(entries) };
        let page = redis.list_keys(cursor).await?;
        entries = entries.saturating_add(of_page(&redis, page.keys).await?);
        drop(redis);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(entries);
        }
        sleep(PAUSE).await;
    }
}

async fn of_page(redis: &Redis, keys: Vec<String>) -> Result<usize, KeyValueError> {
    let timed: Vec<(String, u64)> =
        keys.into_iter().filter_map(|key| redis.time_to_live(&key).map(|seconds| (key, seconds))).collect();
    let mut questions = pipe();
    for (key, _) in &timed {
        questions.cmd("TTL").arg(key);
    }
    let ask =
        async |commands| redis.ask_together::<Vec<i64>>(&commands).await.map_err(|error| error.into_failure(failure));
    let left = if timed.is_empty() { Vec::new() } else { ask(questions).await? };
    let mut changes = pipe();
    // -1: it has none.
    for ((key, seconds), _) in timed.iter().zip(left).filter(|(_, left)| *left == -1) {
        changes.cmd("EXPIRE").arg(key).arg(*seconds);
    }
    if changes.is_empty() { Ok(0) } else { ask(changes).await.map(|changed| changed.len()) }
}
