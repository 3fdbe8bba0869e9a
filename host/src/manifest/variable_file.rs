//! A variable whose value is a file's content, read again when the file changes: such as a token that the platform replaces.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether the file has changed: requests come more often, and each look is a system call.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The file, and what was read of it last.
pub(crate) struct VariableFile {
    path: PathBuf,
    read: Mutex<Read>,
}

struct Read {
    /// When it was looked for a change last.
    looked: Option<Instant>,
    /// When the file was changed last; `None` before it was read here.
    modified: Option<SystemTime>,
    value: Arc<str>,
}

impl VariableFile {
    /// The file, with the value that was read of it already.
    pub(crate) fn new(path: PathBuf, value: Arc<str>) -> Self {
        Self { path, read: Mutex::new(Read { looked: None, modified: None, value }) }
    }

    /// What is in it now, or was a second ago. Where it cannot be read, what was read last stays: whoever replaces a file may remove it first.
    pub(crate) fn value(&self) -> Arc<str> {
        self.value_at(Instant::now())
    }

    fn value_at(&self, now: Instant) -> Arc<str> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK_EVERY) {
            return Arc::clone(&read.value);
        }
        read.looked = Some(now);
        let modified = fs::metadata(&self.path).and_then(|metadata| metadata.modified()).ok();
        if modified.is_some()
            && modified != read.modified
            && let Ok(text) = fs::read_to_string(&self.path)
        {
            (read.modified, read.value) = (modified, text.into());
        }
        Arc::clone(&read.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changes_and_what_was_read_last_stays_where_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (path, next) = (directory.path().join("token"), directory.path().join("next"));
        fs::write(&path, "first").unwrap();
        let file = VariableFile::new(path.clone(), "first".into());
        let begun = Instant::now();
        let after = |seconds| file.value_at(begun + Duration::from_secs(seconds));
        assert_eq!(&*after(0), "first");
        // As Kubernetes does it: another file takes the place.
        fs::write(&next, "second").unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::options().write(true).open(&next).unwrap().set_modified(later).unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!(&*file.value_at(begun + Duration::from_millis(999)), "first", "it is looked once a second");
        assert_eq!(&*after(1), "second");
        fs::remove_file(&path).unwrap();
        assert_eq!(&*after(2), "second");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(&*after(3), "second", "it is no text");
    }
}
