//! `gatehouse compile`.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_host::{compile_ahead, compiled_ahead_file, write_whole};

#[derive(Args)]
pub(crate) struct Compile {
    /// The WebAssembly component, such as gatehouse.wasm; its machine code goes beside it, as gatehouse.cwasm
    #[arg(value_name = "FILE")]
    component: PathBuf,
}

/// Compiles the component, and says where the code is.
pub(crate) fn run(compile: &Compile) -> Result<ExitCode> {
    let Compile { component } = compile;
    let wasm = fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
    let code = compile_ahead(&wasm).with_context(|| format!("cannot compile {}", component.display()))?;
    let file = compiled_ahead_file(component);
    // A host may start meanwhile.
    write_whole(&file, &code, 0o644).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(io::stdout(), "Compiled: {}", file.display())?;
    Ok(ExitCode::SUCCESS)
}
