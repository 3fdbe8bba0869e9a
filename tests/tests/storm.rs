//! A short storm; `cargo xtask storm` is the whole one.

use gatehouse_tests::storm::{Scale, run};

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_other_users_do_not_notice_a_storm() {
    let report = run(Scale::SHORT).await;
    println!("{report}");
    assert_eq!(report.faults(), Vec::<String>::new());
}
