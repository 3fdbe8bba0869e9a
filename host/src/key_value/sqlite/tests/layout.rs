//! The layout of the database, and those of other versions.

use super::*;

/// The layout of the versions before 2, with what they wrote.
fn database_of_version_1(directory: &tempfile::TempDir) -> Connection {
    std::fs::create_dir(directory.path().join("state")).unwrap();
    let connection = connect(directory);
    let create = "
        PRAGMA journal_mode = WAL;
        CREATE TABLE entries (
            store TEXT NOT NULL, key TEXT NOT NULL, value ANY NOT NULL, PRIMARY KEY (store, key)
        ) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 1;
        INSERT INTO entries VALUES ('s', 'code.1795000000.old', x'01'), ('s', 'code-use.1795000000.old', 2),
            ('s', 'code.1795009999.new', x'02'), ('s', 'config', x'03');";
    connection.execute_batch(create).unwrap();
    connection
}

fn version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_database_of_version_1_is_taken_over_in_place_and_its_expired_entries_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let old = database_of_version_1(&directory);
    let store = open(&directory);
    assert_eq!(version(&old), 2);
    assert_eq!(store.get("s", "code.1795000000.old").await, Ok(Some(vec![1])));
    assert_eq!(store.increment("s", "code-use.1795000000.old", 1).await, Ok(3));
    // A process of the version before, which still runs, writes as it did.
    old.execute("INSERT INTO entries VALUES ('s', 'code.1795000001.old', x'04')", []).unwrap();
    let swept = store.sweep_piece(Duration::from_secs(1_795_000_301)).await;
    assert_eq!(swept, Ok(Swept::Removed { entries: 3, more: false }));
    assert_eq!(store.list_keys("s", None).await.unwrap().keys, ["code.1795009999.new", "config"]);
    drop(store);
    assert_eq!(open(&directory).get("s", "config").await, Ok(Some(vec![3])));
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&directory));
    let connection = connect(&directory);
    connection.execute_batch("PRAGMA user_version = 3").unwrap();
    let line = open_in(&directory.path().join("state"), StoreLimits::default()).unwrap_err().to_string();
    assert!(line.contains("written by a newer gatehouse (layout 3, this one knows 2)"), "{line}");
    assert_eq!(version(&connection), 3);
}

#[test]
fn a_database_of_spin_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("state")).unwrap();
    let connection = connect(&directory);
    let create = "CREATE TABLE spin_key_value (
            store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
        );
        INSERT INTO spin_key_value VALUES ('default', 'k', x'01');";
    connection.execute_batch(create).unwrap();
    let line = open_in(&directory.path().join("state"), StoreLimits::default()).unwrap_err().to_string();
    assert!(line.contains("it is a key-value store of Spin"), "{line}");
    let tables = "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'";
    assert_eq!(connection.query_row(tables, [], |row| row.get(0)), Ok("spin_key_value".to_owned()));
}
