//! Stamps: files that say with which inputs a step was done, so that it is done once.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// The record of a finished step. It holds the step's inputs verbatim: equal inputs mean that there is nothing to do.
pub struct Stamp {
    file: PathBuf,
    inputs: String,
}

impl Stamp {
    /// The stamp in `file` for a step that depends on nothing but `inputs`.
    pub fn new(file: PathBuf, inputs: &[&str]) -> Self {
        Self { file, inputs: inputs.join("\n--\n") }
    }

    /// Whether the step was finished with the same inputs. An unreadable stamp counts as none.
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|recorded| recorded == self.inputs)
    }

    /// Forgets an earlier run, so that a step which is then interrupted counts as not done.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.file.display()))
            }
            _ => Ok(()),
        }
    }

    /// Records that the step is finished. Call it last.
    pub fn set(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&self.file, &self.inputs).with_context(|| format!("cannot write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(folder: &tempfile::TempDir, inputs: &[&str]) -> Stamp {
        Stamp::new(folder.path().join("stamps/step"), inputs)
    }

    #[test]
    fn a_step_is_done_only_once_its_stamp_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let step = stamp(&folder, &["rustc 1.96.0"]);
        assert!(!step.is_current());
        step.set().unwrap();
        assert!(step.is_current());
    }

    #[test]
    fn another_compiler_makes_the_stamp_stale() {
        let folder = tempfile::tempdir().unwrap();
        stamp(&folder, &["rustc 1.96.0", "recipe 1"]).set().unwrap();
        assert!(!stamp(&folder, &["rustc 1.97.0", "recipe 1"]).is_current());
        assert!(!stamp(&folder, &["rustc 1.96.0", "recipe 2"]).is_current());
        assert!(!stamp(&folder, &["rustc 1.96.0"]).is_current());
    }

    #[test]
    fn a_cleared_stamp_is_stale_and_clearing_twice_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let step = stamp(&folder, &["x"]);
        step.set().unwrap();
        step.clear().unwrap();
        step.clear().unwrap();
        assert!(!step.is_current());
    }
}
