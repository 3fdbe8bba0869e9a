//! A soak of as many minutes as the variable says; `cargo xtask soak` runs it.

use gatehouse_tests::repository;
use gatehouse_tests::soak::run;

/// In which variable the minutes are.
const MINUTES: &str = "GATEHOUSE_SOAK_MINUTES";

#[ignore = "it takes minutes, and wants the machine for itself: cargo xtask soak"]
#[tokio::test(flavor = "multi_thread")]
async fn of_crowds_that_come_while_one_thing_after_the_other_breaks_nothing_is_left() {
    let minutes = std::env::var(MINUTES).expect(MINUTES).parse().expect("a number of minutes");
    let report = run(minutes).await;
    let text = report.to_string();
    println!("{text}");
    std::fs::write(repository().join("target/soak.txt"), text).expect("target can be written");
    assert_eq!(report.faults(), Vec::<String>::new());
}
