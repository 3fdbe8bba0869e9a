//! A line of the report.

use std::fmt::Write as _;

/// Adds what `name` is.
pub(super) fn line(report: &mut String, name: &str, value: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(report, "{name}: {value}");
}
