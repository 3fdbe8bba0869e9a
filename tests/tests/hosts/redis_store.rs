//! What is special about the embedded host's store in Redis: names and bytes that other hosts share, times to live, how it is reached,
//! and a Redis that hangs, goes or refuses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatehouse_host::{
    CapturedLog, KeyValueError, KeyValueStore, RedisUrl, StoreLimits, SystemWallClock, WallClock as _,
};
use gatehouse_tests::{StoreKind, StoreServer, TlsFront, store_is_installed};
use redis::AsyncCommands as _;
use tempfile::TempDir;

/// Seconds that Redis keeps an entry after its expiry.
pub(crate) const MARGIN: u64 = 600;

/// A Redis in a folder of its own; nothing where there is none on this machine.
async fn redis() -> Option<(TempDir, StoreServer)> {
    if !store_is_installed(StoreKind::Redis) {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = StoreServer::start(StoreKind::Redis, folder.path()).await;
    Some((folder, server))
}

pub(crate) fn now() -> u64 {
    SystemWallClock.now().as_secs()
}

/// The store at `url`, which trusts no authority but the system's and those in `ca_file`.
fn open(url: &str, ca_file: Option<&std::path::Path>) -> KeyValueStore {
    let tls = gatehouse_host::tls(ca_file, &CapturedLog::new()).unwrap();
    let clock = Arc::new(SystemWallClock);
    KeyValueStore::in_redis(RedisUrl::parse(url).unwrap(), StoreLimits::default(), clock, tls)
}

/// It accepts, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_redis_says_nothing_there_is_one_attempt_to_connect_at_a_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let accepting = tokio::spawn({
        let attempts = Arc::clone(&attempts);
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                attempts.lock().unwrap().push(stream);
            }
        }
    });
    let limits = StoreLimits { wait: Duration::from_millis(20), ..StoreLimits::default() };
    let tls = gatehouse_host::tls(None, &CapturedLog::new()).unwrap();
    let store = KeyValueStore::in_redis(RedisUrl::parse(&url).unwrap(), limits, Arc::new(SystemWallClock), tls);
    for _ in 0..20 {
        assert!(store.get("s", "k").await.is_err());
    }
    assert_eq!(attempts.lock().unwrap().len(), 1);
    accepting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_have_the_names_and_the_bytes_that_spin_gives_them() {
    let Some((_folder, server)) = redis().await else { return };
    let (store, mut spin) = (server.open(), server.redis().await);
    let key = format!("access.{}.a", now() + 60);
    store.set("default", &key, vec![0, 255, b'\r', b'\n']).await.unwrap();
    store.increment("default", "counter", 41).await.unwrap();
    assert_eq!(spin.get::<_, Vec<u8>>(&key).await.unwrap(), [0, 255, b'\r', b'\n']);
    assert_eq!(spin.get::<_, String>("counter").await.unwrap(), "41");
    // And the other way round; the label of the store is not in the name.
    spin.set::<_, _, ()>("by-spin", b"\xff").await.unwrap();
    assert_eq!(spin.incr::<_, _, i64>("counter", 1).await.unwrap(), 42);
    assert_eq!(store.get("other-label", "by-spin").await, Ok(Some(vec![255])));
    assert_eq!(store.increment("default", "counter", 1).await, Ok(43));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_writes_an_entry_redis_keeps_it_for_ten_minutes_beyond_its_expiry() {
    let Some((_folder, server)) = redis().await else { return };
    let (store, mut redis) = (server.open(), server.redis().await);
    let name = |what: &str| format!("{what}.{}.a", now() + 60);
    let [set, first, second, counted, swapped] = ["set", "first", "second", "counted", "swapped"].map(name);
    let began = now();
    store.set("s", &set, b"x".to_vec()).await.unwrap();
    store.set_many("s", vec![(first.clone(), b"x".to_vec()), (second.clone(), b"x".to_vec())]).await.unwrap();
    store.increment("s", &counted, 1).await.unwrap();
    store.compare_and_swap("s", &swapped, None, b"x".to_vec()).await.unwrap();
    for key in [&set, &first, &second, &counted, &swapped] {
        let left = redis.ttl::<_, i64>(key).await.unwrap();
        let spent = i64::try_from(now() - began).unwrap();
        let whole = i64::try_from(MARGIN + 60).unwrap();
        assert!((whole - spent - 2..=whole).contains(&left), "{key}: {left}");
    }
    // Written again, it is not kept for longer, and not for ever.
    store.increment("s", &counted, 1).await.unwrap();
    assert!(redis.ttl::<_, i64>(&counted).await.unwrap() > 0);
    // What says no expiry has none.
    store.set("s", "config", b"x".to_vec()).await.unwrap();
    store.increment("s", "count.2024.x", 1).await.unwrap();
    for key in ["config", "count.2024.x"] {
        assert_eq!(redis.ttl::<_, i64>(key).await.unwrap(), -1, "{key}");
    }
    // An expiry that is over by the writer's clock: others may have one that is behind.
    let old = format!("old.{}.a", now() - 3600);
    store.set("s", &old, b"x".to_vec()).await.unwrap();
    assert!(redis.ttl::<_, i64>(&old).await.unwrap() > 0);
}

/// Redis counts what it sends: no more of it than may be read at once is ever in the host's memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_somebody_else_that_is_too_large_is_an_error_and_is_not_read_whole() {
    const HUGE: usize = 64 << 20;
    const MOST: u64 = 34 << 20;
    let Some((_folder, server)) = redis().await else { return };
    let (store, mut other) = (server.open(), server.redis().await);
    other.setrange::<_, _, ()>("huge", isize::try_from(HUGE - 1).unwrap(), b"x").await.unwrap();
    store.set("s", "small", b"v".to_vec()).await.unwrap();
    let mut sent = async || {
        let stats: redis::InfoDict = redis::cmd("INFO").arg("stats").query_async(&mut other).await.unwrap();
        stats.get::<u64>("total_net_output_bytes").expect("a number")
    };
    let before = sent().await;
    assert!(matches!(store.get("s", "huge").await, Err(KeyValueError::TooLarge(_))));
    let after_one = sent().await;
    assert!(after_one - before < MOST, "{} bytes", after_one - before);
    let many = [vec!["small".to_owned()], vec!["huge".to_owned(); 99]].concat();
    assert!(matches!(store.get_many("s", many).await, Err(KeyValueError::TooLarge(_))));
    let after_many = sent().await;
    assert!(after_many - after_one < MOST, "{} bytes", after_many - after_one);
    let swapped = store.compare_and_swap("s", "huge", None, b"v".to_vec()).await;
    assert!(matches!(swapped, Err(KeyValueError::TooLarge(_))));
    let after_swap = sent().await;
    assert!(after_swap - after_many < MOST, "{} bytes", after_swap - after_many);
    assert_eq!(store.exists("s", "huge").await, Ok(true));
    assert_eq!(store.get("s", "small").await, Ok(Some(b"v".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_longer_than_one_share_of_a_question_are_read_whole() {
    let Some((_folder, server)) = redis().await else { return };
    let store = server.open();
    let lengths = [0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20];
    let entries: Vec<_> = lengths.iter().map(|length| (format!("k-{length}"), vec![b'x'; *length])).collect();
    store.set_many("s", entries.clone()).await.unwrap();
    let asked = entries.iter().map(|(key, _)| key.clone()).chain(["missing".to_owned()]).collect();
    let found = store.get_many("s", asked).await.unwrap();
    let there = entries.into_iter().map(|(key, value)| (key, Some(value)));
    assert_eq!(found, there.chain([("missing".to_owned(), None)]).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_costs_each_operation_its_time_and_all_goes_on_when_it_does() {
    let Some((_folder, server)) = redis().await else { return };
    let wait = Duration::from_secs(2);
    let store = server.open_with(StoreLimits { wait, ..StoreLimits::default() });
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    server.pause();
    let began = Instant::now();
    assert_eq!(store.get("s", "k").await, Err(KeyValueError::TimedOut));
    assert!(began.elapsed() >= wait);
    // Nobody waits for as long until something gets through, and not one after the other.
    let began = Instant::now();
    let (set, get, list, increment) = tokio::join!(
        store.set("s", "other", b"v".to_vec()),
        store.get_many("s", vec!["k".to_owned(), "other".to_owned()]),
        store.list_keys("s", None),
        store.increment("s", "n", 1),
    );
    assert_eq!(set, Err(KeyValueError::TimedOut));
    assert_eq!(get, Err(KeyValueError::TimedOut));
    assert_eq!(list, Err(KeyValueError::TimedOut));
    assert_eq!(increment, Err(KeyValueError::TimedOut));
    assert!(began.elapsed() < wait, "{:?}", began.elapsed());
    server.resume();
    // On a busy machine it may itself take longer than its time.
    while store.get("s", "k").await == Err(KeyValueError::TimedOut) {}
    assert_eq!(store.get("s", "k").await, Ok(Some(b"v".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_is_an_error_at_once_and_the_first_operation_after_it_is_back_succeeds() {
    let Some((_folder, server)) = redis().await else { return };
    let store = server.open();
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    server.stop().await;
    for _ in 0..3 {
        assert!(matches!(store.get("s", "k").await, Err(KeyValueError::Database(_))));
        assert!(matches!(store.increment("s", "n", 1).await, Err(KeyValueError::Database(_))));
    }
    server.start_again().await;
    // Its data were in its memory alone.
    assert_eq!(store.get("s", "k").await, Ok(None));
    assert_eq!(store.increment("s", "n", 1).await, Ok(1));
    // It goes and comes while nobody asks.
    server.stop().await;
    server.start_again().await;
    let mut again = store.increment("s", "n", 1).await;
    if again.is_err() {
        // Nobody had noticed yet; what is not known to have happened is not done twice.
        again = store.increment("s", "n", 1).await;
    }
    assert_eq!(again, Ok(1));
}

/// After a failover the name leads to another server, and the old one is a replica.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_become_a_replica_is_an_error_and_is_left() {
    let Some((_folder, server)) = redis().await else { return };
    let (store, mut administrator) = (server.open(), server.redis().await);
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    let mut connections = async || {
        let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut administrator).await.unwrap();
        let connections = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        connections.expect("a number").parse::<u64>().expect("a number")
    };
    let before = connections().await;
    let replicate = async |of: [&str; 2]| {
        let mut administrator = server.redis().await;
        redis::cmd("REPLICAOF").arg(&of).exec_async(&mut administrator).await.unwrap();
    };
    // Nothing listens there.
    replicate(["127.0.0.1", "1"]).await;
    let looks_elsewhere = async {
        // That of `replicate` is one of them.
        while connections().await <= before + 1 {
            let error = store.increment("s", "n", 1).await.unwrap_err().to_string();
            assert!(error.contains("read only"), "{error}");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looks_elsewhere).await.expect("another connection");
    replicate(["NO", "ONE"]).await;
    assert_eq!(store.increment("s", "n", 1).await, Ok(1));
    assert_eq!(store.get("s", "k").await, Ok(Some(b"v".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_operations_than_may_wait_fail_at_once() {
    let Some((_folder, server)) = redis().await else { return };
    let store = server.open_with(StoreLimits { wait: Duration::from_secs(60), queue: 2 });
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    server.pause();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = store.clone();
        waiting.spawn(async move { store.get("s", "k").await });
    }
    let first = waiting.join_next().await.expect("three of them").expect("no panic");
    assert_eq!(first, Err(KeyValueError::QueueFull));
    server.resume();
    assert_eq!(waiting.join_all().await, vec![Ok(Some(b"v".to_vec())); 2]);
    assert_eq!(store.exists("s", "k").await, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_used_and_never_shown() {
    let Some((_folder, server)) = redis().await else { return };
    let mut administrator = server.redis().await;
    let set: String = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "correct/horse"])
        .query_async(&mut administrator)
        .await
        .unwrap();
    assert_eq!(set, "OK");
    let with = |password: &str| server.redis_url().replace("redis://", &format!("redis://:{password}@"));
    let store = open(&with("correct%2Fhorse"), None);
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    assert!(!format!("{store:?}").contains("horse"), "{store:?}");
    for url in [with("wrong-horse"), server.redis_url()] {
        let store = open(&url, None);
        let error = store.get("s", "k").await.unwrap_err().to_string();
        assert!(error.contains("the key-value store failed") && !error.contains("horse"), "{error}");
        assert!(!format!("{store:?}").contains("horse"), "{store:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_certificate_is_checked() {
    let Some((folder, server)) = redis().await else { return };
    let front = TlsFront::take("localhost").await;
    let (url, authority) = (front.origin.replace("https://", "rediss://"), folder.path().join("authority.pem"));
    std::fs::write(&authority, &front.certificate).unwrap();
    front.lead_to(&server.redis_url().replace("redis://", "http://"));
    let store = open(&url, Some(&authority));
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    assert_eq!(server.open().get("s", "k").await, Ok(Some(b"v".to_vec())));
    let error = open(&url, None).get("s", "k").await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_is_reached_by_a_socket_of_the_file_system_and_entries_are_in_the_database_that_the_url_names() {
    let Some((folder, server)) = redis().await else { return };
    let socket = folder.path().join("redis.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let address = server.redis_url().replace("redis://", "");
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = tokio::net::TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let store = open(&format!("redis+unix://{}?db=2", socket.display()), None);
    store.set("s", "k", b"v".to_vec()).await.unwrap();
    assert_eq!(server.open().get("s", "k").await, Ok(None));
    let second = open(&format!("{}/2", server.redis_url()), None);
    assert_eq!(second.get("s", "k").await, Ok(Some(b"v".to_vec())));
}
