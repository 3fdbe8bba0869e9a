//! A soak of as many minutes, and over the store, that variables say; `cargo xtask soak` runs it.

use gatehouse_tests::repository;
use gatehouse_tests::soak::{SoakStore, run};

/// In which variable the minutes are.
const MINUTES: &str = "GATEHOUSE_SOAK_MINUTES";
/// In which one the name of the store is.
const STORE: &str = "GATEHOUSE_SOAK_STORE";

#[ignore = "it takes minutes, and wants the machine for itself: cargo xtask soak"]
#[tokio::test(flavor = "multi_thread")]
async fn of_crowds_that_come_while_one_thing_after_the_other_breaks_nothing_is_left() {
    let minutes = std::env::var(MINUTES).expect(MINUTES).parse().expect("a number of minutes");
    let store = SoakStore::named(&std::env::var(STORE).expect(STORE)).expect("the name of a store");
    let report = run(minutes, store).await;
    let text = report.to_string();
    println!("{text}");
    std::fs::write(repository().join("target/soak.txt"), text).expect("target can be written");
    assert_eq!(report.faults(), Vec::<String>::new());
}
