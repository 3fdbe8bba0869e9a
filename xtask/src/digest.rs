//! SHA-256 of files.

use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

/// The digest of a file, in hexadecimal.
pub fn of_file(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
