use std::path::Path;

use super::*;

/// A database with a write-ahead log, and the connection that writes to it.
fn database(folder: &Path) -> Connection {
    let connection = connect(folder);
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.execute_batch("CREATE TABLE entries (value); INSERT INTO entries VALUES (1)").unwrap();
    connection
}

fn connect(folder: &Path) -> Connection {
    Connection::open(folder.join("key-value.db")).unwrap()
}

fn write(connection: &Connection) {
    connection.execute_batch("UPDATE entries SET value = value + 1").unwrap();
}

fn read(readers: &Arc<IdleReaders>) -> i64 {
    let connection = readers.take().unwrap();
    let value = connection.query_row("SELECT value FROM entries", [], |row| row.get(0)).unwrap();
    readers.put_and_hold(connection);
    value
}

/// Whether the log of writes can begin anew.
fn begins_anew(connection: &Connection) -> bool {
    connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).map(|busy: i64| busy == 0).unwrap()
}

#[tokio::test]
async fn reads_see_what_was_written_while_one_connection_holds_the_lock_and_it_is_held_for_a_moment_only() {
    let folder = tempfile::tempdir().unwrap();
    let writer = database(folder.path());
    let readers = Arc::new(IdleReaders::default());
    readers.put(connect(folder.path()));
    readers.put(connect(folder.path()));
    assert_eq!(read(&readers), 1);
    assert!(readers.lock.is_held());
    write(&writer);
    assert_eq!(read(&readers), 2);
    write(&writer);
    assert_eq!((read(&readers), read(&readers)), (3, 3));
    assert!(!begins_anew(&writer));

    readers.give_back();
    assert!(!readers.lock.is_held());
    assert_eq!(readers.idle().len(), 2);
    assert!(begins_anew(&writer));
}

#[tokio::test]
async fn who_writes_finds_moments_without_it_however_often_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let writer = database(folder.path());
    let readers = Arc::new(IdleReaders::default());
    readers.put(connect(folder.path()));
    readers.put(connect(folder.path()));
    read(&readers);
    write(&writer);
    readers.give_back();
    assert_eq!(read(&readers), 2);
    assert!(!readers.lock.is_held(), "something was written while it was held");
    assert!(begins_anew(&writer));

    readers.lock.end_pause();
    read(&readers);
    assert!(readers.lock.is_held());
    readers.give_back();
    read(&readers);
    assert!(readers.lock.is_held(), "nothing was written");
}

#[test]
fn a_runtime_that_ends_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let writer = database(folder.path());
    let readers = Arc::new(IdleReaders::default());
    readers.put(connect(folder.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { read(&readers) });
    assert!(readers.lock.is_held());
    drop(runtime);
    assert!(!readers.lock.is_held());
    assert!(begins_anew(&writer));
}
