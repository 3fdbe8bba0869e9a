//! The whole storm, against the embedded host in a process of its own; `cargo xtask storm` runs it.

use std::process::ExitCode;

use gatehouse_tests::storm::{Scale, run};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(run(Scale::FULL));
    print!("{report}");
    let faults = report.faults();
    for fault in &faults {
        println!("Fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
