//! Another process at the embedded host's database, which makes the store fail, hang or wait.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

/// Counts the writes of one entry, or removals of one, that still succeed.
const COUNTER: &str = "
    CREATE TABLE writes_left (count INTEGER NOT NULL) STRICT;
    INSERT INTO writes_left VALUES (0);
    CREATE VIEW endless AS WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers)
        SELECT number FROM numbers;";

/// The database of a state directory, as another process has it open.
pub struct StoreFaults(Connection);

impl StoreFaults {
    /// Opens the database, which a host has set up.
    pub fn at(state_directory: &Path) -> Self {
        let connection = Connection::open(state_directory.join("key-value.db")).expect("the store opens");
        connection.busy_timeout(Duration::from_secs(10)).expect("a time to wait");
        Self(connection)
    }

    /// Holds the lock of the database: nobody else can write until [`StoreFaults::unlock`].
    pub fn lock(&self) {
        self.run("BEGIN EXCLUSIVE");
    }

    /// Gives the lock back.
    pub fn unlock(&self) {
        self.run("ROLLBACK");
    }

    /// After so many more writes, every write fails.
    pub fn fail_after(&self, writes: u32) {
        self.trip(writes, "RAISE(ABORT, 'the disk is broken')");
    }

    /// After so many more writes, the next one never ends, and holds the lock of the database.
    pub fn hang_after(&self, writes: u32) {
        self.trip(writes, "(SELECT count(*) FROM endless)");
    }

    fn trip(&self, writes: u32, then: &str) {
        // What fails or never ends is rolled back, and its count with it: so the counter stays at 0.
        let trigger = |event: &str| {
            format!(
                "CREATE TRIGGER before_{event} BEFORE {event} ON entries BEGIN
                     UPDATE writes_left SET count = count - 1;
                     SELECT CASE WHEN (SELECT count FROM writes_left) < 0 THEN {then} END;
                 END;"
            )
        };
        let triggers = [trigger("INSERT"), trigger("DELETE")].concat();
        self.run(&format!("BEGIN IMMEDIATE; {COUNTER} UPDATE writes_left SET count = {writes}; {triggers} COMMIT;"));
    }

    /// Nothing fails any more. Whether all writes were made that could be: one more failed, if there was one.
    pub fn mend(&self) -> bool {
        let left: i64 = self.0.query_row("SELECT count FROM writes_left", [], |row| row.get(0)).expect("the counter");
        self.run(
            "BEGIN IMMEDIATE; DROP TRIGGER before_INSERT; DROP TRIGGER before_DELETE; DROP VIEW endless; DROP TABLE writes_left; COMMIT;",
        );
        left == 0
    }

    /// Takes the table away: everything fails, reads too.
    pub fn take_away(&self) {
        self.run("ALTER TABLE entries RENAME TO taken_away");
    }

    /// Brings the table back.
    pub fn bring_back(&self) {
        self.run("ALTER TABLE taken_away RENAME TO entries");
    }

    /// Waits until a writer holds the lock for longer than any write takes.
    pub async fn hanging(&self) {
        const LONGER_THAN_ANY: Duration = Duration::from_millis(300);
        const BEFORE_ANOTHER_LOOK: Duration = Duration::from_millis(10);
        let mut since = None;
        loop {
            match self.is_locked() {
                false => since = None,
                true if since.get_or_insert_with(std::time::Instant::now).elapsed() > LONGER_THAN_ANY => return,
                true => {}
            }
            tokio::time::sleep(BEFORE_ANOTHER_LOOK).await;
        }
    }

    fn is_locked(&self) -> bool {
        self.0.busy_timeout(Duration::ZERO).expect("no time to wait");
        let begun = self.0.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
        self.0.busy_timeout(Duration::from_secs(10)).expect("a time to wait");
        match begun {
            Ok(()) => false,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => true,
            Err(error) => panic!("the store cannot be asked: {error}"),
        }
    }

    fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
