//! wasm-opt (Binaryen), which makes core modules smaller than the compiler does.
//!
//! npm has it for every platform, pinned by its lock file. It needs no script at its installation.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::npm;
use crate::process;
use crate::workspace::Workspace;

/// The folder of the lock file.
const FOLDER: &str = "xtask/wasm-opt";
/// What the compiler uses for this target, and nothing more: a host need not know newer features.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// For size, and without what only people read.
const OPTIONS: [&str; 5] = ["-Oz", "--gufa-optimizing", "-Oz", "--strip-debug", "--strip-producers"];

/// The program, installed.
pub struct WasmOpt {
    script: PathBuf,
    lock: String,
}

impl WasmOpt {
    /// The program.
    ///
    /// # Errors
    /// Where it cannot be had, such as without Node.js or without a network.
    pub fn ready(workspace: &Workspace) -> Result<Self> {
        npm::install(workspace, FOLDER, "wasm-opt", &["--ignore-scripts"])?;
        let lock_file = workspace.path(FOLDER).join("package-lock.json");
        let lock = fs::read_to_string(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
        Ok(Self { script: workspace.path(FOLDER).join("node_modules/binaryen/bin/wasm-opt"), lock })
    }

    /// What decides, beside a module, what becomes of it.
    pub fn recipe(&self) -> String {
        [self.lock.as_str(), &FEATURES.join(" "), &OPTIONS.join(" ")].join("\n")
    }

    /// Writes a smaller core module that does the same.
    pub fn shrink(&self, module: &Path, smaller: &Path) -> Result<()> {
        let mut command = process::command("node");
        command.arg(&self.script).args(FEATURES).args(OPTIONS);
        process::run(command.arg(module).arg("-o").arg(smaller), "shrinking a component")
    }
}
