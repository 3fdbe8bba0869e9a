//! The store before and after a storm.

use std::path::Path;

use gatehouse_storage::Key;
use rusqlite::{Connection, params};

/// Writes so many entries, about as large as the record of a session, of which every tenth expired an hour ago.
pub(super) fn fill(state_directory: &Path, rows: usize, now: u64) {
    let live = rows - rows / 10;
    for (kind, expiry, count) in [("session", now + 86_400, live), ("summary", now - 3_600, rows / 10)] {
        let sql =
            "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?3)
            INSERT INTO entries (store, key, value)
            SELECT 'default', printf('%s.%d.%043d', ?1, ?2, number), zeroblob(300) FROM numbers";
        let integer = |number: u64| i64::try_from(number).expect("a small number");
        let parameters = params![kind, integer(expiry), integer(count as u64)];
        connect(state_directory).execute(sql, parameters).expect("the entries are written");
    }
}

/// How many entries have not expired.
pub(crate) fn count(state_directory: &Path, now: u64) -> i64 {
    let connection = connect(state_directory);
    let mut select = connection.prepare("SELECT key FROM entries").expect("the store's table");
    let keys = select.query_map([], |row| row.get::<_, String>(0)).expect("the store answers");
    let exists = |key: &String| Key::parse(key).is_none_or(|key| key.expires_at().seconds() > now);
    let count = keys.map(|key| key.expect("a key")).filter(exists).count();
    i64::try_from(count).expect("a small number")
}

fn connect(state_directory: &Path) -> Connection {
    let connection = Connection::open(state_directory.join("key-value.db")).expect("the store opens");
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time to wait");
    connection
}
