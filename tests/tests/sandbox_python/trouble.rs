//! Programs that make trouble: every one ends in an answer within its limits, and the next program is served as if nothing had been.

mod table;

use std::time::Duration;

use sandbox_run::Limits;

use super::interpreter::{Interpreter, LIMITS};
use table::{Program, Way};

/// Of programs that go on for ever. The others end before, also where each takes its time.
const ENDLESS_SECONDS: u32 = 2;
const SECONDS: u32 = 5;
/// How much later a run may be over, on a machine that does other things too.
const SLACK: Duration = Duration::from_secs(6);

async fn run(programs: &[Program], seconds: u32) {
    let python = Interpreter::start().await;
    let before = python.run("kept = 'before'").await;
    let limits = Limits { seconds, ..LIMITS };
    for Program(code, way) in programs {
        let ran = python.run_with(code, &before.kept(), limits).await;
        assert!(ran.took < Duration::from_secs(u64::from(seconds)) + SLACK, "{code}: {:?}", ran.took);
        assert!(ran.stdout.len() + ran.stderr.len() <= 256 << 10, "{code}");
        let said = format!("{code}\n{} {} {:?}", ran.stdout, ran.stderr, ran.ended);
        match (way, &ran.ended) {
            (Way::Raises(what), Some(outcome)) => {
                assert!(outcome.exit_code == 1 && ran.stderr.contains(what), "{said}")
            }
            (Way::Prints(what), Some(outcome)) => {
                assert!(outcome.exit_code == 0 && ran.stdout.contains(what), "{said}")
            }
            (Way::Ends(limit), Some(outcome)) => assert_eq!(outcome.limit, Some(*limit), "{said}"),
            (Way::Any, _) => {}
            _ => panic!("{said}"),
        }
        if let Some(outcome) = &ran.ended {
            let bytes: usize = outcome.changed.iter().map(|file| file.contents.len()).sum();
            assert!(bytes <= 8 << 20 && outcome.changed.len() <= 1000 && outcome.state.len() <= 2 << 20, "{said}");
            assert!(outcome.exit_code != 137 || outcome.state == before.outcome().state, "{said}");
        }
        let next = python.run_with("print(kept, 6 * 7)", &before.kept(), LIMITS).await;
        assert_eq!(next.printed(), "before 42\n", "after {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_go_on_for_ever_are_ended() {
    run(&table::ENDLESS, ENDLESS_SECONDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_take_memory_files_or_output_are_ended() {
    run(&table::GREEDY, SECONDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_are_too_deep_are_ended() {
    run(&table::DEEP, SECONDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_look_for_a_way_out_find_none() {
    run(&table::ESCAPING, SECONDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_meddle_with_the_interpreter_hurt_themselves_alone() {
    run(&table::MEDDLING, SECONDS).await;
}
