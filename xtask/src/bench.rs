//! `cargo xtask bench`: what Gatehouse costs, beside its floor, an earlier commit and what others have made for the same job.

mod aims;
mod base;
mod budgets;
mod chart;
mod page;
mod parts;
mod programs;
mod results;
mod sandbox_tables;
mod sandboxes;
mod sizes;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, check, dist, process, progress};

use parts::Part;
use results::{Origin, Results, Run};

/// The profile of what is released.
const RELEASED: &str = "native";
/// The profile of the tests.
const OF_THE_TESTS: &str = "dev";

/// How often `--quick` counts what is over its budget: on a busy machine, a thread is woken more often than by the request.
const TRIES: usize = 3;

/// Where what was measured is kept, in the target folder.
const KEPT: &str = "bench/results.json";

#[derive(Args)]
pub struct Arguments {
    /// Only these parts; the page keeps what was measured of the others
    #[arg(long, value_name = "PART", num_args = 1.., value_enum)]
    only: Vec<Part>,
    /// The earlier commit that is measured as well. It is unpacked and built under target/bench, once
    #[arg(long, value_name = "COMMIT", default_value = "9fd1ea9")]
    base: String,
    /// Leave the earlier commit out
    #[arg(long)]
    no_base: bool,
    /// The cargo profile of the embedded host: native, as it is released, or dev, as the tests have it, of which no page is written
    #[arg(long, value_name = "PROFILE", value_parser = [RELEASED, OF_THE_TESTS], default_value = RELEASED)]
    profile: String,
    /// Count, measure no time, and fail where a budget is exceeded: a minute. The host is that of the tests
    #[arg(long, conflicts_with_all = ["only", "profile"])]
    quick: bool,
    /// Measure nothing, and write the page again of what was measured: after a change of its text
    #[arg(long, conflicts_with_all = ["only", "profile", "quick", "turns"])]
    rewrite: bool,
    /// At most so many turns of each case: a trial, of which no page is written
    #[arg(long, value_name = "NUMBER")]
    turns: Option<u32>,
    /// Measure what was built before
    #[arg(long)]
    no_build: bool,
}

/// Builds everything, measures, and writes the page; or counts.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.quick {
        return quick(workspace, arguments);
    }
    if arguments.rewrite {
        let results = Results::kept(&workspace.target().join(KEPT));
        let base = workspace.target().join("bench").join(&arguments.base);
        return write(workspace, workspace.root(), &results, base.is_dir().then_some(&base));
    }
    let parts = if arguments.only.is_empty() { Part::all() } else { arguments.only.clone() };
    let wants_base = !arguments.no_base && parts.iter().any(|part| part.needs_base());
    let base = wants_base.then(|| base::checkout(workspace, &arguments.base)).transpose()?;
    if !arguments.no_build {
        build(workspace, &arguments.profile)?;
        if parts.contains(&Part::Sandboxes) {
            build::sandboxes::all(workspace)?;
        }
    }
    let mut measuring = measuring(workspace, &arguments.profile, &parts)?;
    if let Some(base) = &base {
        measuring.env("GATEHOUSE_BENCH_BASE", base);
    }
    if parts.contains(&Part::Start) && arguments.profile == RELEASED {
        let archive = dist::pack_into(workspace, &workspace.target().join("bench/archive"))?;
        measuring.env("GATEHOUSE_BENCH_ARCHIVE", archive);
    }
    if let Some(turns) = arguments.turns {
        measuring.env("GATEHOUSE_BENCH_TURNS", turns.to_string());
    }
    let mut run = measure(workspace, measuring)?;

    // Half of the main table is no main table.
    if parts.contains(&Part::Calls) != parts.contains(&Part::Peers)
        && let Some(calls) = run.calls.take()
    {
        progress::say(&format!("{}\n{}", tables::calls(&calls), tables::call_ratios(&calls)));
        progress::note(
            "    the page has the cases of `calls` and `peers` in one table: it changes where both are measured",
        );
    }
    let kept = workspace.target().join(KEPT);
    let is_trial = arguments.turns.is_some() || arguments.profile != RELEASED;
    let mut results = if is_trial { Results::default() } else { Results::kept(&kept) };
    results.take(run, &origin(workspace, base.as_deref())?);
    progress::say(&tables::aims(&aims::aims(&results)));
    if is_trial {
        return write(workspace, &workspace.target().join("bench/trial"), &results, base.as_ref());
    }
    results.keep(&kept)?;
    write(workspace, workspace.root(), &results, base.as_ref())
}

/// Writes the page and its charts below the folder `root`.
fn write(workspace: &Workspace, root: &Path, results: &Results, base: Option<&PathBuf>) -> Result<()> {
    let sizes = sizes::of(workspace.root(), base.map(PathBuf::as_path))?;
    for path in page::write(root, results, &sizes)? {
        progress::say(&format!("Written: {}", workspace.shown(&root.join(path))));
    }
    Ok(())
}

/// Counts, and compares with the budgets.
fn quick(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !arguments.no_build {
        build(workspace, OF_THE_TESTS)?;
    }
    let mut faults = Vec::new();
    for _ in 0..TRIES {
        let mut measuring = measuring(workspace, OF_THE_TESTS, &[Part::Counts])?;
        measuring.env("GATEHOUSE_BENCH_QUICK", "1");
        let counts = measure(workspace, measuring)?.counts.context("nothing was counted")?;
        progress::say(&format!("{}\n{}", tables::store(&counts), tables::system_calls(&counts)));
        faults = budgets::faults(&counts);
        if faults.is_empty() {
            break;
        }
    }
    let artefact = check::budgets::report(workspace)?;
    progress::say(&artefact.summary);
    faults.extend(artefact.faults);
    for fault in &faults {
        progress::say(&format!("Fault: {fault}"));
    }
    if faults.is_empty() { Ok(()) } else { bail!("{} of the budgets are exceeded", faults.len()) }
}

/// The components, the forwarder and the host.
fn build(workspace: &Workspace, profile: &str) -> Result<()> {
    build::all(workspace)?;
    build::forwarder(workspace)?;
    if profile == RELEASED {
        return base::build_host(workspace, workspace.root());
    }
    progress::stage(&format!("Building the embedded host with the profile {profile}"));
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).args(["build", "--bin", "gatehouse", "--target-dir"]);
    process::run(cargo.arg(workspace.target()), "building the embedded host")
}

/// The command of the program that measures. The load generator needs an asynchronous runtime and the tests' identity provider;
/// this crate stays without. It is built as the tests are, of which it shares most, whatever the hosts are built with. No package is
/// named: cargo would choose other features for one alone, and compile wasmtime again.
fn measuring(workspace: &Workspace, profile: &str, parts: &[Part]) -> Result<Command> {
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root());
    cargo.args(["bench", "--bench", "performance", "--profile", OF_THE_TESTS]);
    cargo.arg("--target-dir").arg(workspace.native_target());
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    cargo.env("GATEHOUSE_BENCH_PARTS", names.join(",")).env("GATEHOUSE_BENCH_PROFILE", profile);
    programs::tell(workspace, parts, &mut cargo)?;
    Ok(cargo)
}

fn measure(workspace: &Workspace, mut measuring: Command) -> Result<Run> {
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file: PathBuf = folder.join("run.json");
    progress::stage("Measuring");
    process::run(measuring.env("GATEHOUSE_BENCH_RESULTS", &file), "measuring")?;
    Run::read(&file)
}

/// What is measured, when and where.
fn origin(workspace: &Workspace, base: Option<&Path>) -> Result<Origin> {
    let git = |arguments: &[&str]| {
        let mut git = process::command("git");
        process::output(git.current_dir(workspace.root()).args(arguments), "asking git for the commit")
    };
    let commit = git(&["rev-parse", "--short=7", "HEAD"])?.trim().to_owned();
    // The page itself is what the last run has written.
    let changes = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/performance*"])?;
    let commit = if changes.trim().is_empty() { commit } else { format!("{commit} with changes") };
    Ok(Origin {
        commit,
        base: base.and_then(|base| Some(base.file_name()?.to_string_lossy().into_owned())),
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        machine: machine(),
        versions: programs::versions(workspace),
    })
}

/// The processor, how many cores of it, and the memory.
fn machine() -> String {
    let of = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1.trim().to_owned();
        Some(line)
    };
    let processor = of("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = of("/proc/meminfo", "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    let memory =
        memory.map(|kibibytes| format!(", {} GiB of memory", (kibibytes + (1 << 19)) >> 20)).unwrap_or_default();
    format!("{cores} cores of {processor}{memory}")
}
