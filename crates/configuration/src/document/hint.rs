//! What an operator could write in place of a mistake.

use std::borrow::Cow;

use serde_path_to_error::Path;

use super::mistake::Mistake;
#[cfg(not(target_family = "wasm"))]
use super::reference::{Reference, SchemaNode};

/// What is known beyond serde's words.
pub(super) struct Hint {
    /// The key, where another one is to be mended than the one over which serde stumbled.
    pub(super) key: Option<String>,
    /// What is wrong, where more is known than serde says.
    pub(super) problem: Option<String>,
    /// A line that would be right.
    pub(super) example: Cow<'static, str>,
}

/// The artefact does not hold the reference, which would be 60 KB of it.
#[cfg(target_family = "wasm")]
pub(super) fn hint(_: &Path, _: &Mistake<'_>) -> Hint {
    Hint { key: None, problem: None, example: "`gatehouse check` says what is right".into() }
}

/// What the reference of the configuration says about the place of the mistake.
#[cfg(not(target_family = "wasm"))]
pub(super) fn hint(path: &Path, mistake: &Mistake<'_>) -> Hint {
    let reference = Reference::default();
    let place = reference.place(path);
    let said = |problem: String, example: String| Hint { key: None, problem: Some(problem), example: example.into() };
    if place.is_list_of_one_table() {
        let key = Some(place.written().to_owned());
        return Hint { key, ..said("must be one table, and is a list".to_owned(), place.example()) };
    }
    match mistake {
        Mistake::Unknown(_) => unknown(&reference, &place).map(|(problem, example)| said(problem, example)),
        Mistake::Missing(name) => {
            place.key(name).map(|key| Hint { key: None, problem: None, example: key.example().into() })
        }
        Mistake::Kind { found, .. } if *found == Mistake::TABLE && place.is_list_of_tables() => {
            Some(said("must be a list of tables, and is one table".to_owned(), place.example()))
        }
        Mistake::Kind { found, .. } => place.bounds().map(|(least, most)| {
            said(format!("must be a whole number, {least} to {most}, and is {found}"), place.example())
        }),
        Mistake::Size => {
            place.bounds().map(|(least, most)| said(format!("must be {least} to {most}"), place.example()))
        }
        Mistake::Other(_) => None,
    }
    .unwrap_or_else(|| Hint { key: None, problem: None, example: place.example().into() })
}

/// What is said of a key that does not exist, and a key that does.
#[cfg(not(target_family = "wasm"))]
fn unknown(reference: &Reference, place: &SchemaNode<'_>) -> Option<(String, String)> {
    let name = place.unknown()?;
    if let Some(key) = reference.root().key(name) {
        let problem = "is a key of the document itself, which stands above the first table";
        return Some((problem.to_owned(), key.example()));
    }
    if let Some(nearest) = nearest(name, place.keys()) {
        return Some((format!("does not exist; did you mean {nearest}?"), place.key(nearest)?.example()));
    }
    if let Some((table, key)) = reference.elsewhere(name) {
        return Some((format!("does not exist; {name} is a key of {table}"), key.example()));
    }
    let keys: Vec<_> = place.keys().collect();
    let problem = format!("does not exist; the keys here are {}", keys.join(", "));
    Some((problem, place.first_key()?.example()))
}

/// The name that was meant: two letters in a row are exchanged, or at most a third of them are others.
#[cfg(not(target_family = "wasm"))]
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase().replace('-', "_");
    let distances = known.map(|known| (strsim::osa_distance(&folded, known), known));
    distances.min().filter(|(distance, known)| distance.saturating_mul(3) <= known.len().max(3)).map(|(_, known)| known)
}
