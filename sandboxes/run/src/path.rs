//! The path of a file within an environment.

use serde::{Deserialize, Deserializer, Serialize};

/// The most bytes of a path.
pub const MOST_BYTES: usize = 1024;
/// The most bytes of one name in it, as on Linux.
const MOST_BYTES_OF_A_NAME: usize = 255;

/// A path relative to [`crate::WORK_FOLDER`], with `/` between its names. No name in it is empty, `.` or `..`: it never leads out of the
/// folder, and a file has one path only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TreePath(String);

/// Why a text is no path of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is nothing.
    #[error("a path is empty")]
    Empty,
    /// It is longer than the file systems of both languages take.
    #[error("a path has more than {MOST_BYTES} bytes, or a name in it more than {MOST_BYTES_OF_A_NAME}")]
    TooLong,
    /// It begins or ends with `/`, has an empty name, `.` or `..`, or a NUL.
    #[error("a path is not a list of names with one `/` between them")]
    NotRelative,
}

impl TreePath {
    /// Checks a path.
    ///
    /// # Errors
    /// Where it is none: see [`PathError`].
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > MOST_BYTES || text.split('/').any(|name| name.len() > MOST_BYTES_OF_A_NAME) {
            return Err(PathError::TooLong);
        }
        if text.contains('\0') || text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(PathError::NotRelative);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders above it, the outermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').filter_map(|(at, _)| self.0.get(..at))
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_names_is_taken_as_it_is() {
        for text in ["a", "a.csv", "out/a.csv", ".hidden", "a b/ü", "...", "a/..b"] {
            assert_eq!(TreePath::parse(text).unwrap().as_str(), text);
        }
        let folders: Vec<_> = TreePath::parse("a/b/c").unwrap().folders().map(str::to_owned).collect();
        assert_eq!(folders, ["a", "a/b"]);
    }

    #[test]
    fn what_leads_elsewhere_or_has_a_second_spelling_is_refused() {
        assert_eq!(TreePath::parse(""), Err(PathError::Empty));
        for text in ["/", "/a", "a/", "a//b", ".", "./a", "..", "a/../b", "a/.", "a\0b"] {
            assert_eq!(TreePath::parse(text), Err(PathError::NotRelative), "{text:?}");
        }
        assert_eq!(TreePath::parse(&"n".repeat(256)), Err(PathError::TooLong));
        assert_eq!(TreePath::parse(&"n/".repeat(600)), Err(PathError::TooLong));
    }
}
