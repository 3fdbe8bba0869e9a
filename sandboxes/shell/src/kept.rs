//! What the shell knows from one run to the next: variables, functions, aliases, the working folder; and of the files what no
//! [`sandbox_run::File`] says. It never holds a file's contents: Python changes the same files.

use std::collections::{BTreeMap, BTreeSet};

use sandbox_run::TreePath;
use serde::{Deserialize, Serialize};

/// The first byte of what is kept, to be raised with its form.
const VERSION: u8 = 1;

/// What is kept. Its bytes are [`sandbox_run::Outcome::state`].
#[derive(Default, Serialize, Deserialize)]
pub struct Kept {
    /// bashkit's snapshot without files; empty before the first run.
    pub shell: Vec<u8>,
    /// What the tree holds beside files.
    pub shape: Shape,
}

/// What a tree of files holds beside the files.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Folders without a file.
    pub folders: BTreeSet<TreePath>,
    /// Permissions that are not the usual ones, of files.
    pub modes: BTreeMap<TreePath, u32>,
    /// Symbolic links, and where they lead.
    pub links: BTreeMap<TreePath, String>,
}

/// State that is not of this component, or of another version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the shell kept cannot be read")]
pub struct Unreadable;

impl Kept {
    /// As bytes.
    ///
    /// # Errors
    /// None that is known: what can be held can be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Unreadable> {
        postcard::to_extend(self, vec![VERSION]).map_err(|_error| Unreadable)
    }

    /// Reads the bytes of a former run; nothing from no bytes.
    ///
    /// # Errors
    /// Where they are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes.split_first() {
            None => Ok(Self::default()),
            Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
                Ok((kept, [])) => Ok(kept),
                _ => Err(Unreadable),
            },
            Some(_) => Err(Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_was_written_and_nothing_else_is() {
        let path = |text: &str| TreePath::parse(text).unwrap();
        let shape = Shape {
            folders: BTreeSet::from([path("out/empty")]),
            modes: BTreeMap::from([(path("go.sh"), 0o755)]),
            links: BTreeMap::from([(path("latest"), "out/1".to_owned())]),
        };
        let bytes = Kept { shell: vec![0, 255], shape: shape.clone() }.to_bytes().unwrap();
        let kept = Kept::from_bytes(&bytes).unwrap();
        assert!(kept.shell == [0, 255] && kept.shape == shape);
        assert!(Kept::from_bytes(&[]).unwrap().shell.is_empty());
        for end in 1..bytes.len() {
            assert!(Kept::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
        }
        let other_version = [&[VERSION + 1], &bytes[1..]].concat();
        assert!(Kept::from_bytes(&other_version).is_err() && Kept::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}
