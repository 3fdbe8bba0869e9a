//! Programs of Debian that are unpacked and not installed: an installed server begins to serve, on every address.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apt;
use crate::{process, progress};

/// A program of a package.
pub struct Packaged {
    pub name: &'static str,
    pub package: &'static str,
    /// Where it is in the package.
    pub place: &'static str,
}

/// A program that is there.
pub struct Program {
    pub path: PathBuf,
    /// The folder of its libraries, where it was unpacked.
    pub libraries: Option<PathBuf>,
}

/// The machine's own, else Debian's, unpacked into `folder`.
pub fn program(packaged: &Packaged, folder: &Path) -> Result<Program> {
    let Packaged { name, package, place } = packaged;
    // Debian's can be in a folder that is on root's search path only.
    let unpacked = folder.join("root").join(place);
    let own = [PathBuf::from("/").join(place), unpacked.clone()].into_iter().find(|program| program.is_file());
    let path = match process::find_program(&[name]).or(own) {
        Some(program) => program,
        None => {
            progress::stage(&format!("Unpacking {name} of Debian into {}", folder.display()));
            apt::unpack(&[package], &[], folder)?;
            unpacked.clone()
        }
    };
    // The machine's own has libraries of its own, perhaps newer ones.
    let libraries = if path == unpacked { libraries_in(folder) } else { None };
    Ok(Program { path, libraries })
}

/// Where the unpacked packages have their libraries: below `usr/lib`, in the folder that is named like the machine.
fn libraries_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("root/usr/lib")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-linux-gnu"))
}
