//! What the shell knows from one run to the next: variables, functions, aliases, the working folder; and of the files what no
//! [`sandbox_run::File`] says. It never holds a file's contents: Python changes the same files.

use std::collections::{BTreeMap, BTreeSet};

use bashkit::ShellState;
use sandbox_run::TreePath;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The first byte of what is kept, to be raised with its form.
const VERSION: u8 = 1;

/// What is kept. Its bytes are [`sandbox_run::Outcome::state`].
#[derive(Default, Serialize, Deserialize)]
pub struct Kept {
    /// What [`written`] made of the shell; empty before the first run. It is as long as what it holds: bashkit's own snapshots are packed, and a
    /// small one may unpack to much.
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

/// The shell's variables, functions, aliases and folders, in the order of their names. With how many functions are not in it.
///
/// # Errors
/// Where bashkit's form is not the one that it was.
pub fn written(shell: &ShellState) -> Result<(Vec<u8>, usize), Unreadable> {
    let mut shell = serde_json::to_value(shell).map_err(|_error| Unreadable)?;
    let functions = shell.get_mut("functions").and_then(Value::as_object_mut).ok_or(Unreadable)?;
    let all = functions.len();
    // bashkit parses a function's source again, and never takes a syntax tree from outside.
    functions.retain(|_name, function| function.get("source").is_some_and(Value::is_string));
    for function in functions.values_mut().filter_map(Value::as_object_mut) {
        function.remove("ast");
    }
    let lost = all.saturating_sub(functions.len());
    Ok((serde_json::to_vec(&shell).map_err(|_error| Unreadable)?, lost))
}

/// Reads what [`written`] wrote.
///
/// # Errors
/// Where it is something else.
pub fn read(shell: &[u8]) -> Result<ShellState, Unreadable> {
    serde_json::from_slice(shell).map_err(|_error| Unreadable)
}

#[cfg(test)]
mod tests {
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
