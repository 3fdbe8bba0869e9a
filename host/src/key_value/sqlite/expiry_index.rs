//! The index on the expiry that keys carry (`key_value::expiry`), in SQL.

/// The expiry that the column `key` carries, `NULL` where it carries none, as an SQL expression. The index on expiry is
/// an index on this expression, and SQLite uses it for queries with exactly this expression.
///
/// `length` counts the characters of a text up to a NUL, and the bytes of a BLOB: where they differ, the key has characters
/// that no part may have. All functions are in every SQLite, so that other programs can open the database.
macro_rules! expires_at {
    () => {
        "CASE WHEN instr(key, '.') BETWEEN 2 AND 33 \
         AND length(key) - instr(key, '.') BETWEEN 12 AND 139 \
         AND length(CAST(key AS BLOB)) = length(key) \
         AND substr(key, 1, instr(key, '.') - 1) NOT GLOB '*[^A-Za-z0-9-]*' \
         AND substr(key, instr(key, '.') + 1, 11) GLOB '[1-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].' \
         AND substr(key, instr(key, '.') + 12) NOT GLOB '*[^A-Za-z0-9_-]*' \
         THEN CAST(substr(key, instr(key, '.') + 1, 10) AS INTEGER) END"
    };
}

/// The index on expiry. It holds what a sweep needs, store and key. Those without an expiry stand at its beginning, where no
/// comparison with a number looks; leaving them out would have each write work the expiry out twice.
pub(super) const CREATE_INDEX: &str =
    concat!("CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (", expires_at!(), ")");

/// Store and key of `?2` entries that expired at `?1` or before, the oldest first.
pub(super) const SELECT_EXPIRED: &str =
    concat!("SELECT store, key FROM entries WHERE ", expires_at!(), " <= ?1 ORDER BY ", expires_at!(), " LIMIT ?2");

#[cfg(test)]
mod tests {
    use gatehouse_protocol::UnixTime;
    use gatehouse_storage::Key;
    use proptest::prelude::*;
    use rusqlite::Connection;

    use crate::key_value::expiry::expires_at;

    fn expiry_in_sql(key: &str) -> Option<u64> {
        let connection = Connection::open_in_memory().unwrap();
        let sql = concat!("SELECT ", expires_at!(), " FROM (SELECT ?1 AS key)");
        let expiry: Option<i64> = connection.query_row(sql, [key], |row| row.get(0)).unwrap();
        expiry.map(|expiry| u64::try_from(expiry).unwrap())
    }

    /// What the crate that makes the keys reads there; the host takes ten digits only.
    fn expiry_in_key(key: &str) -> Option<u64> {
        let seconds = Key::parse(key)?.expires_at().seconds();
        (1_000_000_000..=9_999_999_999).contains(&seconds).then_some(seconds)
    }

    #[test]
    fn a_key_of_another_form_never_expires() {
        let foreign = [
            "",
            ".",
            "..",
            "a",
            "code",
            "code.1795000000",
            "code.1795000000.",
            ".1795000000.a",
            "code.179500000.a",
            "code.17950000000.a",
            "code.0795000000.a",
            "code.-795000000.a",
            "code.179500000x.a",
            "code. 795000000.a",
            "code.1795000000.a.b",
            "code.1795000000.a b",
            "code.1795000000.a\0",
            "code.1795000000.\0",
            "code.1795000000.a\0.b",
            "co\0de.1795000000.a",
            "c_d.1795000000.a",
            "co de.1795000000.a",
            "cöde.1795000000.a",
            "code.1795000000.ä",
            "code.１795000000.a",
            "code..1795000000.a",
            "code.1795000000a",
            "config.2024.backup",
        ];
        for key in foreign {
            assert_eq!((expiry_in_sql(key), expires_at(key), expiry_in_key(key)), (None, None, None), "{key:?}");
        }
        let (long_kind, long_id) = ("k".repeat(33), "i".repeat(129));
        for key in [format!("{long_kind}.1795000000.a"), format!("code.1795000000.{long_id}")] {
            assert_eq!((expiry_in_sql(&key), expires_at(&key)), (None, None), "{key}");
        }
    }

    #[test]
    fn a_key_that_carries_its_expiry_says_it() {
        for (key, expiry) in [
            ("code.1795000000.a", 1_795_000_000),
            ("a.1000000000.-", 1_000_000_000),
            ("A-z-09.9999999999.A_z-09", 9_999_999_999),
        ] {
            let expiry = Some(expiry);
            assert_eq!((expiry_in_sql(key), expires_at(key), expiry_in_key(key)), (expiry, expiry, expiry), "{key}");
        }
        let longest = format!("{}.1795000000.{}", "k".repeat(32), "i".repeat(128));
        assert_eq!((expiry_in_sql(&longest), expires_at(&longest)), (Some(1_795_000_000), Some(1_795_000_000)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_key_that_guests_make_is_read_as_they_read_it(
            kind in "[a-zA-Z0-9-]{1,32}", id in "[a-zA-Z0-9_-]{1,128}", expiry in 1_000_000_000_u64..10_000_000_000,
        ) {
            let key = Key::new(&kind, &id, UnixTime::from_seconds(expiry)).unwrap().to_string();
            prop_assert_eq!((expiry_in_sql(&key), expires_at(&key)), (Some(expiry), Some(expiry)));
        }

        #[test]
        fn any_text_is_read_as_the_crate_that_makes_keys_reads_it(
            key in "[a-c.0-9_é\\-\\x00 ]{0,4}[.][0-9]{9,11}[.][a-c._é\\x00 -]{0,4}|.{0,40}",
        ) {
            prop_assert_eq!(expiry_in_sql(&key), expiry_in_key(&key));
            prop_assert_eq!(expires_at(&key), expiry_in_key(&key));
        }
    }
}
