//! Open files: how many the process may have, and how many connections of clients fit into that.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, the log, the listeners and the runtime.
const OTHER_FILES: u64 = 64;

/// Raises the soft limit of open files to the hard one, and returns what holds then; `None`: nothing limits it.
pub(crate) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // A system may have a lower limit of its own; what there was still holds.
        Err(_) => limit.current,
    }
}

/// How many of `wanted` connections of clients fit into `files`. Half of what is left is kept for the connections that
/// guests open themselves: a request may need one while its client's own is open.
pub(crate) fn connections_within(files: Option<u64>, wanted: usize) -> usize {
    let Some(files) = files else { return wanted };
    let room = files.saturating_sub(OTHER_FILES) / 2;
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        for (files, wanted, expected) in [
            (None, 4000, 4000),
            (Some(1024), 4000, 480),
            (Some(8064), 4000, 4000),
            (Some(8061), 4000, 3998),
            (Some(1 << 20), 4000, 4000),
            (Some(64), 4000, 1),
            (Some(0), 4000, 1),
        ] {
            assert_eq!(connections_within(files, wanted), expected, "{files:?}");
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let raised = raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(raised, limit.maximum);
    }
}
