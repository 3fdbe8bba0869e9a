//! What is in an environment: files, and the states of the two languages.

use std::collections::{BTreeMap, BTreeSet};

use sandbox_run::{File, Limit, Limits, Outcome, TreePath};
use thiserror::Error;

/// In which language a run's code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Commands of the shell.
    Shell,
    /// Python.
    Python,
}

/// What is in an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The files by their paths.
    pub files: BTreeMap<TreePath, Vec<u8>>,
    /// What the shell keeps from run to run: variables, functions, the working directory. Empty before the first run.
    pub shell: Vec<u8>,
    /// What Python keeps from run to run: the globals. Empty before the first run.
    pub python: Vec<u8>,
}

/// What an interpreter says cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unusable {
    /// A path is said twice, or is that of a file and of a folder.
    #[error("two files are in each other's place")]
    Conflict,
    /// There are more files than allowed.
    #[error("there are more files than an environment may have")]
    Files,
    /// The files are larger than allowed.
    #[error("the files are larger than an environment may have")]
    FileBytes,
    /// The state is larger than allowed.
    #[error("the language's state is larger than an environment may keep")]
    State,
}

impl Contents {
    /// The state of a language.
    pub fn state(&self, language: Language) -> &[u8] {
        match language {
            Language::Shell => &self.shell,
            Language::Python => &self.python,
        }
    }

    /// The contents after a run that ended by itself. Nothing of its outcome is believed: whatever is wrong with one of the changes makes
    /// all of them void.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn after(&self, language: Language, outcome: Outcome, limits: &Limits) -> Result<Self, Unusable> {
        let Outcome { state, changed, removed, .. } = outcome;
        if state.len() > size(limits.state_bytes) {
            return Err(Unusable::State);
        }
        if changed.len() > size(limits.files) {
            return Err(Unusable::Files);
        }
        let removed: BTreeSet<TreePath> = removed.into_iter().collect();
        let mut after = self.clone();
        after.files.retain(|path, _| !removed.contains(path));
        let mut said = BTreeSet::new();
        for File { path, contents } in changed {
            if removed.contains(&path) || !said.insert(path.clone()) {
                return Err(Unusable::Conflict);
            }
            after.files.insert(path, contents);
        }
        after.check(limits)?;
        match language {
            Language::Shell => after.shell = state,
            Language::Python => after.python = state,
        }
        Ok(after)
    }

    /// The bytes of all files.
    pub fn file_bytes(&self) -> usize {
        self.files.values().map(Vec::len).fold(0, usize::saturating_add)
    }

    fn check(&self, limits: &Limits) -> Result<(), Unusable> {
        if self.files.len() > size(limits.files) {
            return Err(Unusable::Files);
        }
        if self.file_bytes() > size(limits.file_bytes) {
            return Err(Unusable::FileBytes);
        }
        let paths: BTreeSet<&str> = self.files.keys().map(TreePath::as_str).collect();
        let is_in_a_file = |path: &TreePath| path.folders().any(|folder| paths.contains(folder));
        if self.files.keys().any(is_in_a_file) { Err(Unusable::Conflict) } else { Ok(()) }
    }
}

impl Unusable {
    /// The limit that it means, if it means one.
    pub const fn limit(self) -> Option<Limit> {
        match self {
            Self::Conflict => None,
            Self::Files | Self::FileBytes => Some(Limit::Files),
            Self::State => Some(Limit::State),
        }
    }
}

/// A limit as a number of bytes or files here.
pub(crate) fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{contents, path};

    const LIMITS: Limits = Limits { seconds: 1, output_bytes: 1, files: 3, file_bytes: 10, state_bytes: 4 };

    fn outcome(changed: &[(&str, &str)], removed: &[&str], state: &str) -> Outcome {
        let file = |(at, text): &(&str, &str)| File { path: path(at), contents: text.as_bytes().to_vec() };
        Outcome {
            exit_code: 0,
            state: state.as_bytes().to_vec(),
            changed: changed.iter().map(file).collect(),
            removed: removed.iter().map(|text| path(text)).collect(),
            limit: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_run_changes_its_files_and_the_state_of_its_language_alone() {
        let before = contents(&[("a", "1"), ("b", "2")]);
        let changes = outcome(&[("c/d", "3"), ("a", "x")], &["b"], "new");
        let after = before.after(Language::Python, changes, &LIMITS).unwrap();
        assert_eq!(after, Contents { python: b"new".to_vec(), ..contents(&[("a", "x"), ("c/d", "3")]) });
        let after = before.after(Language::Shell, outcome(&[], &[], "s"), &LIMITS).unwrap();
        assert_eq!(after, Contents { shell: b"s".to_vec(), ..before.clone() });
        // A file where a folder was: the files of the folder must have gone.
        let after = contents(&[("a/b", "1")]).after(Language::Shell, outcome(&[("a", "1")], &["a/b"], ""), &LIMITS);
        assert_eq!(after.unwrap().files.keys().map(TreePath::as_str).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_is_wrong_or_too_much_makes_all_changes_void() {
        let before = contents(&[("a", "1"), ("b", "2")]);
        for (changes, reason) in [
            (outcome(&[("c", "1"), ("c", "2")], &[], ""), Unusable::Conflict),
            (outcome(&[("a", "2")], &["a"], ""), Unusable::Conflict),
            (outcome(&[("a/c", "2")], &[], ""), Unusable::Conflict),
            (outcome(&[("c", "1"), ("c/d", "2")], &["a"], ""), Unusable::Conflict),
            (outcome(&[("c", ""), ("d", "")], &[], ""), Unusable::Files),
            (outcome(&[("1", ""), ("2", ""), ("3", ""), ("4", "")], &["a", "b"], ""), Unusable::Files),
            (outcome(&[("a", "0123456789")], &[], ""), Unusable::FileBytes),
            (outcome(&[], &[], "12345"), Unusable::State),
        ] {
            assert_eq!(before.after(Language::Shell, changes.clone(), &LIMITS), Err(reason), "{changes:?}");
        }
        // At the limits.
        assert!(before.after(Language::Shell, outcome(&[("c", "12345678")], &[], "1234"), &LIMITS).is_ok());
    }
}
