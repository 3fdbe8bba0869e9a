//! Two thousand programs that make trouble, in three languages: the shell, Python, and SQL inside of Python. Each must end in an answer
//! within its limits, and whoever comes next is served. A run of all tests takes every twentieth, another one for each commit;
//! `GATEHOUSE_TROUBLE=all` takes all.

mod programs;

use serde_json::Value;

use self::programs::{Language, Program, all};
use crate::scene::{Caller, Scene, stdout};

/// Seconds that a run may take here.
const SECONDS: u64 = 2;
/// Milliseconds after which an answer has come in any case: the limit, what the server allows beyond it, and what a busy machine needs to
/// begin.
const LONGEST: u64 = (SECONDS + 2) * 1_000 + 4_000;
/// Of so many programs one is taken.
const PART: usize = 20;
/// After so many programs, somebody else comes.
const NEXT_USER: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn every_program_that_makes_trouble_ends_in_an_answer_and_the_next_user_is_served() {
    let programs = all();
    assert!(programs.len() >= 2_000, "{}", programs.len());
    let scene = Scene::start(&format!(
        "environments_per_subject = 10000\nenvironments = 10000\n\
         [run]\nseconds = {SECONDS}\noutput_bytes = 20000\nfile_bytes = 1000000\nfiles = 100\nstate_bytes = 200000\n"
    ))
    .await;
    let others = scene.launch(Caller::Mallory).await;
    let mut faults = Vec::new();
    for (number, program) in chosen(programs).into_iter().enumerate() {
        let id = scene.launch(Caller::Alice).await;
        let result = match program.language {
            Language::Shell => scene.shell(Caller::Alice, &id, &program.code).await,
            Language::Python | Language::Sql => scene.python(Caller::Alice, &id, &program.code).await,
        };
        faults.extend(fault(&result).map(|fault| format!("{fault}: {}\n{result}", program.code)));
        // What it has left behind stops nobody from using the environment: the answer says what became of it, or it works.
        let after = match program.language {
            Language::Shell => scene.shell(Caller::Alice, &id, "echo still here").await,
            Language::Python | Language::Sql => scene.python(Caller::Alice, &id, "print('still here')").await,
        };
        faults.extend(fault(&after).map(|fault| format!("{fault} after {}\n{after}", program.code)));
        if number % NEXT_USER == 0 {
            assert_eq!(stdout(&scene.python(Caller::Mallory, &others, "print(1)").await), "1\n", "{}", program.code);
        }
    }
    assert!(faults.is_empty(), "{} programs:\n{}", faults.len(), faults.join("\n\n"));
    scene.stop().await;
}

/// What is wrong with an answer.
fn fault(result: &Value) -> Option<&'static str> {
    let content = &result["structuredContent"];
    if !content["exitCode"].is_i64() {
        return Some("there is no result of a run");
    }
    let took = content["executionTimeInMilliseconds"].as_u64();
    if took.is_none_or(|took| took > LONGEST) {
        return Some("it took longer than it may");
    }
    let written = ["stdout", "stderr"].map(|name| content[name].as_str().map_or(0, str::len));
    (written.iter().sum::<usize>() > 3 * 20_000).then_some("it wrote more than it may")
}

fn chosen(programs: Vec<Program>) -> Vec<Program> {
    let choice = std::env::var("GATEHOUSE_TROUBLE").unwrap_or_default();
    if choice == "all" {
        return programs;
    }
    // `cargo xtask test` tells the commit.
    let commit = std::env::var("GATEHOUSE_WORLD").unwrap_or_default();
    let first =
        commit.bytes().take(8).fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))) % PART;
    programs.into_iter().skip(first).step_by(PART).collect()
}
