//! What a check gives back.

/// What a check found.
pub struct Report {
    /// What was looked at, in a few words with numbers: a check that looked at nothing must be noticed.
    pub summary: String,
    /// Each fault, with the file where it is. None: the check passes.
    pub faults: Vec<String>,
}
