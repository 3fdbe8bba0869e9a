//! The limits that end a run: each is named in the answer, which gives back what was there before.

use std::time::Duration;

use sandbox_run::{Limit, Limits};

use super::interpreter::{Interpreter, LIMITS, Ran};

/// How much later than its limit a run may be over, on a machine that does other things too.
const SLACK: Duration = Duration::from_secs(4);

async fn stopped(code: &str, limit: Limit) -> Ran {
    let python = Interpreter::start().await;
    let before = python.run("kept = 'before'").await;
    let limits = Limits { seconds: 2, ..LIMITS };
    let ran = python.run_with(code, &before.kept(), limits).await;
    let outcome = ran.outcome();
    assert_eq!((outcome.limit, outcome.exit_code), (Some(limit), 137), "{code}");
    assert!(
        outcome.state == before.outcome().state && outcome.changed.is_empty() && outcome.removed.is_empty(),
        "{code}"
    );
    // The next one is served at once.
    let after = python.run_with("print(kept)", &before.kept(), LIMITS).await;
    assert_eq!(after.printed(), "before\n");
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_computes_for_too_long_is_ended_in_time() {
    let ran = stopped("kept = 'after'\nopen('a', 'w').write('x')\nprint('begun')\nwhile True: pass", Limit::Time).await;
    assert_eq!(ran.stdout, "begun\n", "what it had written was sent");
    assert!(ran.took >= Duration::from_secs(2) && ran.took < Duration::from_secs(2) + SLACK, "{:?}", ran.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_sleeps_for_too_long_is_ended_in_time() {
    let ran = stopped("import time\ntime.sleep(1000)", Limit::Time).await;
    assert!(ran.took < Duration::from_secs(2) + SLACK, "{:?}", ran.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_writes_without_end_is_ended() {
    let ran = stopped("while True: print('x' * 1000)", Limit::Output).await;
    assert_eq!(ran.stdout.len(), 256 << 10);
}
