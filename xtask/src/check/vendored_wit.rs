//! `wit/deps` is as published: an interface that was edited here would fit no host.

use anyhow::Result;

use super::report::Report;
use crate::build::vendored_wit;
use crate::workspace::Workspace;

/// Compares every copied file with its source.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let (files, differing) = vendored_wit::compare(workspace)?;
    let faults =
        differing.iter().map(|file| format!("wit/deps/{file} differs from its source, or is missing")).collect();
    Ok(Report { summary: format!("{files} files"), faults })
}
