//! The counters that are always there.
//!
//! Whoever finds none makes a set of them under a name of its own, a *root*, and only then says so, under another name that is written
//! once. Whoever says so lists what was said: the first in the order of the writes is the root of all, for ever. Later sets are never
//! used. The listing is one of a bucket that holds nothing else, so it stays short.

use crate::store::{Around, Bucket};

/// Begins the names of what was said.
const SAID: &str = "root-";
/// How many counters a root has. Beginnings of one do not disturb those of another; 200 instances that find no root at once still
/// have their names on one page of NATS' store.
pub(crate) const COUNTERS: u64 = 4;
/// What they begin with, so that one that was removed can be told from one that is new.
pub(crate) const FIRST: u64 = 1;

/// The root, which is made where there is none.
///
/// # Errors
/// Where the store does not answer.
pub fn root<B: Bucket>(bucket: &B, around: &impl Around) -> Result<String, B::Error> {
    if let Some(root) = first(bucket)? {
        return Ok(root);
    }
    let root = around.unique();
    for number in 0..COUNTERS {
        bucket.set(&counter(&root, number), &FIRST.to_be_bytes())?;
    }
    bucket.set(&format!("{SAID}{root}"), b"1")?;
    first(bucket)?.ok_or_else(|| "what was written is not listed".into())
}

fn first<B: Bucket>(bucket: &B) -> Result<Option<String>, B::Error> {
    let mut cursor = None;
    loop {
        let (names, next) = bucket.list(cursor)?;
        if let Some(root) = names.iter().find_map(|name| name.strip_prefix(SAID)) {
            return Ok(Some(root.to_owned()));
        }
        if next.is_none() {
            return Ok(None);
        }
        cursor = next;
    }
}

/// The name of one of a root's counters.
pub(crate) fn counter(root: &str, number: u64) -> String {
    format!("{root}-{number}")
}
