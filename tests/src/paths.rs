//! Where things are.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// What was built under `target/`, such as `gatehouse.wasm` or the embedded host, `debug/gatehouse`.
pub fn artefact(name: &str) -> PathBuf {
    let path = repository().join("target").join(name);
    assert!(path.exists(), "{} is missing; `cargo xtask test` builds it", path.display());
    path
}

/// The command for a tool that `cargo xtask test` installs; it says in `variable` where.
pub fn tool(variable: &str, default: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| default.to_owned())
}
