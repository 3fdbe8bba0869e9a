//! The disk below the state directory is full, takes no more writes, or cannot be written at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, HostKind, Person, artefact, repository, text};
use tokio::process::Command;

use crate::acts::{Act, Ready, Recovery, assert_works};

/// Starts a program with a state directory that is a file system of its own, of 2 MiB. It is seen by that program alone, and ends with
/// it.
const ON_A_SMALL_DISK: &[&str] = &[
    "unshare",
    "--map-root-user",
    "--mount",
    "sh",
    "-ec",
    "cp -a \"$STATE_DIRECTORY\" \"$STATE_DIRECTORY.copy\"
     mount -t tmpfs -o size=2m,mode=0700 tmpfs \"$STATE_DIRECTORY\"
     cp -a \"$STATE_DIRECTORY.copy/.\" \"$STATE_DIRECTORY\"
     rm -r \"$STATE_DIRECTORY.copy\"
     exec \"$@\"",
    "sh",
];

/// Starts a program that gets an error, and no signal, where it writes beyond what it may.
const WITHOUT_THE_SIGNAL: &[&str] = &["sh", "-ec", "trap '' XFSZ; exec \"$@\"", "sh"];

/// Whether this machine lets a program have a file system of its own. Where it does not, the tests with one say so and do nothing else.
async fn can_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-ec", "mount -t tmpfs -o size=1m tmpfs /mnt"]);
    let can = command.stderr(Stdio::null()).status().await.is_ok_and(|status| status.success());
    if !can {
        eprintln!(
            "unshare cannot mount a file system here: a full disk was tested by the limit of a file's size alone"
        );
    }
    can
}

/// Writes a file until there is no room for more.
fn fill(file: &Path) {
    let mut filler = std::fs::File::create(file).expect("the file can be made");
    for length in [64 * 1024, 512, 1] {
        let piece = vec![0; length];
        while filler.write_all(&piece).is_ok() {}
    }
}

/// What must hold while nothing can be written, `break_disk` and `mend_disk` being what makes it so.
async fn nothing_is_granted_while_nothing_can_be_written(
    world: AttackWorld,
    break_disk: impl Fn(),
    mend_disk: impl Fn(),
) {
    let alice = Person::new("alice");
    let client = world.public();
    let tokens = world.flow(&alice).finish().await;
    for act in [Act::Registration, Act::Consent, Act::Callback, Act::Redemption, Act::Refresh, Act::Revocation] {
        let ready = Ready::for_act(act, &world, &alice).await;
        break_disk();
        let answer = Answer::of(ready.request(&world).send().await.expect("an answer")).await;
        ready.assert_refused_for_now(&answer, "nothing can be written");
        assert_eq!(world.call("/mcp", &text(&tokens, "access_token")).await.status, 200, "{act:?}: what reads goes on");
        assert_eq!(world.get("/healthz").await.status, 200, "{act:?}");
        mend_disk();
        assert_eq!(ready.recover(&world, "there is room again").await, Recovery::Again, "{act:?}");
    }
    assert_works(&world, &client, &tokens, "there is room again").await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_what_writes_gets_503_and_with_room_again_the_same_requests_work() {
    if !can_mount().await {
        return;
    }
    let world = AttackWorld::start_with(AttackSettings {
        host: Some(HostKind::EmbeddedProcessUnder(ON_A_SMALL_DISK)),
        ..AttackSettings::default()
    })
    .await;
    let process = world.gatehouse.process_id().expect("it runs in a process of its own");
    let folder = PathBuf::from(format!("/proc/{process}/root{}", world.gatehouse.state_directory().display()));
    let filler = folder.join("filler");
    let removed = filler.clone();
    nothing_is_granted_while_nothing_can_be_written(
        world,
        || fill(&filler),
        || std::fs::remove_file(&removed).expect("the file can be removed"),
    )
    .await;
}

/// What a quota does, and a disk that fails: an error in the middle of a write.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_takes_no_more_writes_they_get_503_and_later_the_same_requests_work() {
    let world = AttackWorld::start_with(AttackSettings {
        host: Some(HostKind::EmbeddedProcessUnder(WITHOUT_THE_SIGNAL)),
        ..AttackSettings::default()
    })
    .await;
    let process = world.gatehouse.process_id().expect("it runs in a process of its own");
    let limit = |bytes: &str| {
        let mut command = std::process::Command::new("prlimit");
        command.args(["--pid", &process.to_string(), &format!("--fsize={bytes}:")]);
        assert!(command.status().expect("prlimit, of util-linux").success());
    };
    nothing_is_granted_while_nothing_can_be_written(world, || limit("0"), || limit("unlimited")).await;
}

/// Runs `gatehouse up` after `prepare`, a shell's script in which `$STATE_DIRECTORY` is a disk of its own: its status and what it said.
async fn start_after(prepare: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    // Its configuration is a good one.
    let world = AttackWorld::start().await;
    let script = format!("mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$STATE_DIRECTORY\"; {prepare}; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-ec", &script, "sh"]).arg(artefact("debug/gatehouse"));
    command.arg("up").arg("--from").arg(repository().join("spin.toml")).args(["--listen", "127.0.0.1:0"]);
    command.arg("--state-dir").arg(folder.path()).env("STATE_DIRECTORY", folder.path());
    for name in ["config", "server_keys", "identity_provider_secret", "identity_provider_origin", "upstream_origin"] {
        command.arg("--variable").arg(format!("{name}={}", world.gatehouse.variable(name)));
    }
    command.kill_on_drop(true).stdin(Stdio::null());
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("it ends");
    world.gatehouse.stop().await;
    let output = output.expect("unshare");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_state_directory_is_read_only_or_full_gatehouse_does_not_start_and_names_the_file() {
    if !can_mount().await {
        return;
    }
    for (prepare, reason) in [
        ("mount -o remount,ro tmpfs \"$STATE_DIRECTORY\"", "Read-only file system"),
        ("cat /dev/zero > \"$STATE_DIRECTORY/filler\" 2> /dev/null || true", "full"),
    ] {
        let (status, said) = start_after(prepare).await;
        assert_eq!(status, Some(1), "{prepare}: {said}");
        assert!(said.contains("key-value.db") && said.contains(reason), "{prepare}: {said}");
    }
}
