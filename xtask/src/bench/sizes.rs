//! What was built: bytes, instances and memories.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::results::{BASE, NOW};
use crate::build;
use crate::check::budgets;

/// The numbers of a checkout, each with its name.
#[derive(Debug)]
pub struct Sizes {
    pub id: String,
    pub numbers: Vec<(String, u64)>,
}

/// Those of this checkout, and of the earlier commit's, where it is there.
pub fn of(now: &Path, base: Option<&Path>) -> Result<Vec<Sizes>> {
    [(NOW, Some(now)), (BASE, base)].into_iter().filter_map(|(id, folder)| Some(measure(id, folder?))).collect()
}

fn measure(id: &str, folder: &Path) -> Result<Sizes> {
    let mut numbers: Vec<(String, u64)> = budgets::measured(folder)?
        .into_iter()
        .map(|(name, number)| (format!("{name} of the artefact"), number))
        .collect();
    for name in build::linked_crates("gatehouse.wasm")? {
        let file = folder.join("target/components").join(format!("{}.wasm", name.replace('-', "_")));
        // The earlier commit may have other components.
        if let Ok(metadata) = fs::metadata(file) {
            numbers.push((format!("bytes of `{name}`"), metadata.len()));
        }
    }
    Ok(Sizes { id: id.to_owned(), numbers })
}
