//! Counts the statements that SQLite runs in this process: reads and writes of the store's table.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

static READS: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);

/// The counting has begun for every database that is opened from now on.
pub(super) struct Counter(());

/// How many statements there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statements {
    pub(super) reads: u64,
    pub(super) writes: u64,
}

impl Counter {
    pub(super) fn so_far(&self) -> Statements {
        Statements { reads: READS.load(Ordering::SeqCst), writes: WRITES.load(Ordering::SeqCst) }
    }
}

/// Begins to count.
#[expect(unsafe_code, reason = "SQLite tells its statements to C functions only")]
pub(super) fn count() -> Counter {
    // SAFETY: `trace` is a function of the type that SQLite calls, and stays; registering it again does nothing.
    unsafe { rusqlite::auto_extension::register_auto_extension(trace) }.expect("SQLite takes it");
    Counter(())
}

/// Called by SQLite for each database that is opened.
#[expect(unsafe_code, reason = "SQLite tells its statements to C functions only")]
unsafe extern "C" fn trace(
    database: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _routines: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite gives us the database that it opens; `statement` is of the type that it calls, and has no context.
    unsafe { ffi::sqlite3_trace_v2(database, ffi::SQLITE_TRACE_STMT, Some(statement), std::ptr::null_mut()) }
}

/// Called by SQLite when a statement begins to run.
#[expect(unsafe_code, reason = "SQLite tells its statements to C functions only")]
unsafe extern "C" fn statement(
    _event: c_uint,
    _context: *mut c_void,
    statement: *mut c_void,
    _text: *mut c_void,
) -> c_int {
    let statement = statement.cast::<ffi::sqlite3_stmt>();
    // SAFETY: for this event SQLite gives the statement, which lives during the call, with its text, which ends with a zero byte.
    let (text, is_read) = unsafe {
        let text = ffi::sqlite3_sql(statement);
        (if text.is_null() { c"" } else { CStr::from_ptr(text) }, ffi::sqlite3_stmt_readonly(statement) != 0)
    };
    // Transactions and settings are no operations.
    if text.to_bytes().windows(7).any(|part| part == b"entries") {
        if is_read { &READS } else { &WRITES }.fetch_add(1, Ordering::SeqCst);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_of_the_table_are_counted_and_nothing_else_is() {
        let counter = count();
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE entries (a); CREATE TABLE other (a)").unwrap();
        let before = counter.so_far();
        connection
            .execute_batch("BEGIN; INSERT INTO entries VALUES (1); INSERT INTO other VALUES (1); COMMIT")
            .unwrap();
        for _ in 0..3 {
            connection.query_row("SELECT a FROM entries", [], |row| row.get::<_, i64>(0)).unwrap();
        }
        let after = counter.so_far();
        // Other tests of this process may have databases of their own.
        assert!(after.reads - before.reads >= 3 && after.writes > before.writes, "{before:?} {after:?}");
    }
}
