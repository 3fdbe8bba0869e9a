//! How many files this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit of open files to what is needed.
pub(crate) fn allow_descriptors(needed: usize) {
    let needed = u64::try_from(needed).expect("a small number");
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit { current: Some(needed), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("the hard limit of open files leaves room for it");
    }
}
