//! What is asked of Redis. Every operation has a deadline, with the time to connect in it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisResult, ToRedisArgs, cmd, pipe};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::connection::SharedConnection;
use super::failure::{failure, failure_of_increment, is_broken, is_of_wrong_server};
use super::server::Server;
use super::time_to_live::time_to_live;
use super::url::RedisUrl;
use crate::clock::WallClock;
use crate::key_value::deadlines::Deadlines;
use crate::key_value::limits::{LARGEST_VALUE, PAGE, StoreLimits, check_read};
use crate::key_value::outcome::{KeyPage, KeyValueError, Swap};

/// Values that one question asks for.
const TOGETHER: usize = 64;
/// Bytes that it asks for of each: so that there are never more in memory than may be read at once. Longer values are asked for alone.
const SHORT: usize = LARGEST_VALUE / TOGETHER;

/// Sets `KEYS[1]` to `ARGV[2]`, for `ARGV[1]` seconds (0: for ever), if it holds `ARGV[4]`, or is not there where that is not given.
/// Answers with what it holds otherwise, after a zero: with `ARGV[3]` bytes of it at most.
const COMPARE_AND_SWAP: &str = "
    local current = redis.call('GET', KEYS[1])
    if current ~= (ARGV[4] or false) then return {0, current and string.sub(current, 1, tonumber(ARGV[3]))} end
    if ARGV[1] == '0' then redis.call('SET', KEYS[1], ARGV[2])
    else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1]) end
    return {1, false}";

/// A Redis with the entries.
pub(in crate::key_value) struct Redis {
    connection: SharedConnection,
    deadlines: Deadlines,
    /// For those that wait for an answer.
    permits: Semaphore,
    clock: Arc<dyn WallClock>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Redis({})", self.url())
    }
}

impl Redis {
    pub(in crate::key_value) fn new(
        url: RedisUrl,
        limits: StoreLimits,
        clock: Arc<dyn WallClock>,
        tls: ClientConfig,
    ) -> Self {
        Self {
            connection: SharedConnection::new(Server::new(url, tls)),
            deadlines: Deadlines::new(limits.wait),
            permits: Semaphore::new(limits.queue.min(Semaphore::MAX_PERMITS)),
            clock,
        }
    }

    /// Where it is.
    pub(super) fn url(&self) -> &RedisUrl {
        &self.connection.server().url
    }

    pub(in crate::key_value) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let asked = self.within_time(async |mut connection| read(&mut connection, &[key], LARGEST_VALUE).await);
        let value = asked.await.map_err(|error| error.into_failure(failure))?.pop().flatten();
        check_read(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    pub(in crate::key_value) async fn get_many(
        &self,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, KeyValueError> {
        let asked = self.within_time(async |mut connection| {
            let (mut values, mut bytes) = (Vec::with_capacity(keys.len()), 0_usize);
            for keys in keys.chunks(TOGETHER) {
                for (key, mut value) in keys.iter().zip(read(&mut connection, keys, SHORT).await?) {
                    if value.as_ref().is_some_and(|value| value.len() > SHORT) {
                        let rest = LARGEST_VALUE.saturating_sub(bytes);
                        value = read(&mut connection, &[key], rest).await?.pop().flatten();
                    }
                    bytes = bytes.saturating_add(value.as_ref().map_or(0, Vec::len));
                    if let Err(error) = check_read(bytes) {
                        return Ok(Err(error));
                    }
                    values.push(value);
                }
            }
            Ok(Ok(values))
        });
        let values = asked.await.map_err(|error| error.into_failure(failure))??;
        Ok(keys.into_iter().zip(values).collect())
    }

    pub(in crate::key_value) async fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.ask(cmd("EXISTS").arg(key)).await
    }

    pub(in crate::key_value) async fn list_keys(&self, cursor: Option<String>) -> Result<KeyPage, KeyValueError> {
        let cursor: u64 = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| KeyValueError::WrongCursor)?,
            None => 0,
        };
        let (next, names): (u64, Vec<Vec<u8>>) = self.ask(cmd("SCAN").arg(cursor).arg("COUNT").arg(PAGE)).await?;
        // A name that is no text is of somebody else.
        let keys = names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
        Ok(KeyPage { keys, cursor: (next != 0).then(|| next.to_string()) })
    }

    pub(in crate::key_value) async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), KeyValueError> {
        match entries.as_slice() {
            [] => Ok(()),
            [(key, value)] => self.ask(&self.set(key, value)).await,
            entries => {
                let mut together = pipe();
                together.atomic();
                for (key, value) in entries {
                    together.add_command(self.set(key, value)).ignore();
                }
                self.ask_together(&together).await.map_err(|error| error.into_failure(failure))
            }
        }
    }

    pub(in crate::key_value) async fn delete_many(&self, keys: Vec<String>) -> Result<(), KeyValueError> {
        if keys.is_empty() { Ok(()) } else { self.ask(cmd("DEL").arg(keys)).await }
    }

    pub(in crate::key_value) async fn increment(&self, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        let mut together = pipe();
        // Both or none, so that no counter stays for ever.
        together.atomic().cmd("INCRBY").arg(key).arg(delta);
        if let Some(seconds) = self.time_to_live(key) {
            together.cmd("EXPIRE").arg(key).arg(seconds).ignore();
        }
        let sum: (i64,) =
            self.ask_together(&together).await.map_err(|error| error.into_failure(failure_of_increment))?;
        Ok(sum.0)
    }

    pub(in crate::key_value) async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, KeyValueError> {
        let mut script = cmd("EVAL");
        script.arg(COMPARE_AND_SWAP).arg(1).arg(key).arg(self.time_to_live(key).unwrap_or(0)).arg(value);
        script.arg(LARGEST_VALUE.saturating_add(1)).arg(expected);
        match self.ask::<(i64, Option<Vec<u8>>)>(&script).await? {
            (1, _) => Ok(Swap::Swapped),
            (_, current) => {
                check_read(current.as_ref().map_or(0, Vec::len))?;
                Ok(Swap::Changed(current))
            }
        }
    }

    /// Seconds for which Redis is to keep the entry of `key`; `None`: for ever.
    pub(super) fn time_to_live(&self, key: &str) -> Option<u64> {
        time_to_live(key, self.clock.now())
    }

    fn set(&self, key: &str, value: &[u8]) -> Cmd {
        let mut set = cmd("SET");
        set.arg(key).arg(value);
        if let Some(seconds) = self.time_to_live(key) {
            set.arg("EX").arg(seconds);
        }
        set
    }

    /// The answer to one command.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, KeyValueError> {
        let asked = self.within_time(async |mut connection| command.query_async(&mut connection).await);
        asked.await.map_err(|error| error.into_failure(failure))
    }

    /// The answers to several commands.
    pub(super) async fn ask_together<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Unanswered> {
        self.within_time(async |mut connection| commands.query_async(&mut connection).await).await
    }

    async fn within_time<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Unanswered> {
        let Ok(_permit) = self.permits.try_acquire() else { return Err(KeyValueError::QueueFull.into()) };
        let deadline: tokio::time::Instant = Instant::into(self.deadlines.deadline());
        let late = || {
            self.deadlines.ran_out();
            Unanswered::from(KeyValueError::TimedOut)
        };
        let live = timeout_at(deadline, self.connection.get()).await.map_err(|_| late())??;
        match timeout_at(deadline, ask(live.connection.clone())).await {
            Ok(Ok(answer)) => {
                self.deadlines.succeeded();
                Ok(answer)
            }
            Ok(Err(error)) => {
                if is_broken(&error) || (is_of_wrong_server(&error) && live.is_worth_replacing()) {
                    self.connection.give_up(&live);
                }
                Err(Unanswered::ByRedis(error))
            }
            // It may lead nowhere any more.
            Err(_) => {
                self.connection.give_up(&live);
                Err(late())
            }
        }
    }
}

/// The values of `keys`: of each, no more than `most` bytes, and one more where it has more. Redis answers for a key that is not there as
/// for an empty value. So it is asked before and after whether the key is there: another client may remove or write it in between.
/// Not in a transaction, in which a Redis whose memory is full takes no command at all, not even one that reads.
async fn read(
    connection: &mut MultiplexedConnection,
    keys: &[impl ToRedisArgs],
    most: usize,
) -> RedisResult<Vec<Option<Vec<u8>>>> {
    let mut together = pipe();
    for key in keys {
        together.cmd("EXISTS").arg(key).cmd("GETRANGE").arg(key).arg(0).arg(most).cmd("EXISTS").arg(key);
    }
    let answers: Vec<(bool, Vec<u8>, bool)> = together.query_async(connection).await?;
    let value = |(was_there, value, is_there): (bool, Vec<u8>, bool)| {
        (!value.is_empty() || (was_there && is_there)).then_some(value)
    };
    Ok(answers.into_iter().map(value).collect())
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// Redis says so, or the connection broke.
    ByRedis(RedisError),
    /// It was not asked, or did not answer in time.
    Otherwise(KeyValueError),
}

impl From<KeyValueError> for Unanswered {
    fn from(error: KeyValueError) -> Self {
        Self::Otherwise(error)
    }
}

impl Unanswered {
    pub(super) fn into_failure(self, of_redis: impl FnOnce(&RedisError) -> KeyValueError) -> KeyValueError {
        match self {
            Self::ByRedis(error) => of_redis(&error),
            Self::Otherwise(error) => error,
        }
    }
}
