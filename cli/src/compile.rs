//! `gatehouse compile`.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_host::{compile_ahead, compiled_ahead_file};
use tempfile::NamedTempFile;

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
    let written = write(&file, &code);
    written.with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(io::stdout(), "Compiled: {}", file.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes it whole or not at all: a host may start meanwhile.
fn write(file: &Path, code: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = NamedTempFile::new_in(folder)?;
    temporary.write_all(code)?;
    temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}
