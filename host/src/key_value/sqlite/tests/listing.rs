//! What a listing costs, in steps of SQLite's machine.

use rusqlite::StatementStatus;

use super::super::expiry_index::SELECT_EXPIRED;
use super::super::statements::{FIRST_KEYS, KEYS_AFTER};
use super::*;

/// The steps of each page of a whole listing, with the statements and the page size of the store.
fn steps_of_pages(connection: &Connection) -> Vec<i64> {
    let (limit, mut after, mut steps) = (i64::try_from(PAGE + 1).unwrap(), None::<String>, Vec::new());
    loop {
        let mut statement = connection.prepare(if after.is_none() { FIRST_KEYS } else { KEYS_AFTER }).unwrap();
        let keys: Vec<String> = match &after {
            None => statement.query_map(params!["s", limit], |row| row.get(0)).unwrap().map(Result::unwrap).collect(),
            Some(after) => {
                statement.query_map(params!["s", limit, after], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
        };
        steps.push(i64::from(statement.get_status(StatementStatus::VmStep)));
        assert_eq!(statement.get_status(StatementStatus::FullscanStep), 0);
        if keys.len() <= PAGE {
            return steps;
        }
        after = Some(keys[PAGE - 1].clone());
    }
}

#[test]
fn a_page_of_a_million_keys_costs_what_a_page_of_a_hundred_thousand_does() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&directory));
    let connection = connect(&directory);
    fill(&connection, "a", 1_795_000_000, 100_000);
    let small = steps_of_pages(&connection);
    fill(&connection, "b", 1_795_000_000, 900_000);
    let large = steps_of_pages(&connection);
    assert_eq!((small.len(), large.len()), (100, 1000));
    assert_eq!(large.iter().max(), small.iter().max(), "the dearest page");
    assert_eq!(large[1..].iter().max(), large[1..999].iter().min(), "all pages but the last are alike");
    let (small, large): (i64, i64) = (small.iter().sum(), large.iter().sum());
    assert!(large <= 10 * small + small / 1000, "{large} steps for ten times the keys, {small} for a tenth");
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = statement.parameter_count();
    for index in 1..=parameters {
        statement.raw_bind_parameter(index, 1).unwrap();
    }
    let (mut rows, mut plan) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next().unwrap() {
        plan.push(row.get::<_, String>(3).unwrap());
    }
    plan.join("; ")
}

#[test]
fn every_statement_that_is_no_lookup_seeks_in_an_index() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&directory));
    let connection = connect(&directory);
    assert_eq!(plan(&connection, FIRST_KEYS), "SEARCH entries USING PRIMARY KEY (store=?)");
    assert_eq!(plan(&connection, KEYS_AFTER), "SEARCH entries USING PRIMARY KEY (store=? AND key>?)");
    let by_expiry = plan(&connection, SELECT_EXPIRED);
    assert_eq!(by_expiry, "SEARCH entries USING COVERING INDEX entries_by_expiry (<expr><?)");
}

#[test]
fn what_has_expired_is_found_without_looking_at_what_has_not() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(&directory));
    let connection = connect(&directory);
    let steps = |connection: &Connection| {
        let mut statement = connection.prepare(SELECT_EXPIRED).unwrap();
        let found = statement.query_map(params![1_500_000_000, 500], |row| row.get::<_, String>(1)).unwrap().count();
        (found, statement.get_status(StatementStatus::VmStep))
    };
    fill(&connection, "a", 1_500_000_000, 200);
    let few = steps(&connection);
    fill(&connection, "b", 1_500_000_001, 50_000);
    connection.execute("INSERT INTO entries SELECT 't', 'foreign.' || key, value FROM entries", []).unwrap();
    assert_eq!(few.0, 200);
    // One more look: at the first that has not expired.
    let many = steps(&connection);
    assert_eq!(many.0, 200);
    assert!(many.1 <= few.1 + 5, "{many:?} after {few:?}");
}
