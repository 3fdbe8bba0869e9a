//! The archive's Containerfile. That its steps work, `tests/tests/dist.rs` shows.

use gatehouse_tests::{deployment_program, outcome, repository};
use tokio::process::Command;

/// Its text.
pub fn text() -> String {
    std::fs::read_to_string(repository().join("examples/archive/Containerfile")).expect("the file")
}

/// The words that an image of it starts with.
pub fn entry_point() -> Vec<String> {
    let text = text();
    let line = text.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).expect("an entry point");
    serde_json::from_str(line).expect("a list of words")
}

#[tokio::test]
async fn a_linter_of_containerfiles_finds_nothing_in_it() {
    let mut hadolint = Command::new(deployment_program("hadolint"));
    hadolint.arg("--no-color").arg(repository().join("examples/archive/Containerfile"));
    assert_eq!(outcome(&mut hadolint).await.unwrap(), "");
}

#[test]
fn an_image_runs_as_a_user_whom_kubernetes_can_tell_from_root() {
    let text = text();
    let user = text.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    let is_a_number = |id: &str| id.parse::<u32>().is_ok_and(|id| id > 0);
    assert!(user.split(':').all(is_a_number), "runAsNonRoot needs a number, not {user}");
}
