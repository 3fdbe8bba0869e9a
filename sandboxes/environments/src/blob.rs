//! How contents are cut into chunks, and put together again.

use std::collections::BTreeMap;

use sandbox_run::TreePath;

use crate::records::{Blob, ChunkName};
use crate::secrets::hash;

/// Bytes in the store of the largest entry: what the strictest backends of the supported hosts take.
pub(crate) const LARGEST_ENTRY: usize = 64 << 10;
/// What sealing adds: a nonce of 24 bytes and a tag of 16.
const SEAL: usize = 40;
/// Bytes in a chunk.
pub(crate) const CHUNK: usize = LARGEST_ENTRY - SEAL;
/// A file of so many bytes has chunks of its own.
const LARGE: usize = 16 << 10;
/// So few bytes stand where the chunks' names would.
const SMALL: usize = 1 << 10;

/// Chunks that are to be written.
pub(crate) type Chunks = BTreeMap<ChunkName, Vec<u8>>;

/// The blob of `bytes`. What does not fit here goes into `chunks`; `here` is how many bytes do.
pub(crate) fn blob(bytes: &[u8], here: usize, chunks: &mut Chunks) -> Blob {
    if bytes.len() <= here {
        return Blob::Here(bytes.to_vec());
    }
    Blob::Chunks(bytes.chunks(CHUNK).filter_map(|piece| add(piece.to_vec(), chunks)).collect())
}

/// A blob of a language's state.
pub(crate) fn state(bytes: &[u8], chunks: &mut Chunks) -> Blob {
    blob(bytes, SMALL, chunks)
}

/// The blob of all files' contents, one after the other. Small files share chunks; where a chunk ends depends on the files that are
/// near, so that a new file changes the chunks around it and no others.
pub(crate) fn tree(files: &BTreeMap<TreePath, Vec<u8>>, chunks: &mut Chunks) -> Blob {
    if files.values().map(Vec::len).sum::<usize>() <= SMALL {
        return Blob::Here(files.values().flatten().copied().collect());
    }
    let (mut names, mut shared) = (Vec::new(), Vec::new());
    for (path, contents) in files {
        let is_large = contents.len() >= LARGE;
        if is_large || shared.len() + contents.len() > CHUNK {
            names.extend(add(core::mem::take(&mut shared), chunks));
        }
        if is_large {
            names.extend(contents.chunks(CHUNK).filter_map(|piece| add(piece.to_vec(), chunks)));
            continue;
        }
        shared.extend_from_slice(contents);
        if ends_a_chunk(path) {
            names.extend(add(core::mem::take(&mut shared), chunks));
        }
    }
    names.extend(add(shared, chunks));
    Blob::Chunks(names)
}

/// One path in 16.
fn ends_a_chunk(path: &TreePath) -> bool {
    hash(path.as_str().as_bytes()).first().is_some_and(|byte| byte % 16 == 0)
}

fn add(contents: Vec<u8>, chunks: &mut Chunks) -> Option<ChunkName> {
    let length = u32::try_from(contents.len()).ok()?.try_into().ok()?;
    let name = ChunkName { hash: hash(&contents), length };
    chunks.insert(name, contents);
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::path;

    fn together(blob: &Blob, chunks: &Chunks) -> Vec<u8> {
        match blob {
            Blob::Here(bytes) => bytes.clone(),
            Blob::Chunks(names) => names.iter().flat_map(|name| chunks[name].clone()).collect(),
        }
    }

    fn files(sizes: &[usize]) -> BTreeMap<TreePath, Vec<u8>> {
        let file = |(number, size): (usize, &usize)| {
            let byte = |at: usize| u8::try_from((at * 31 + at / 251 + number * 7) % 256).unwrap();
            (path(&format!("folder/file-{number:04}")), (0..*size).map(byte).collect())
        };
        sizes.iter().enumerate().map(file).collect()
    }

    #[test]
    fn a_new_small_file_changes_the_chunk_that_it_is_in_and_no_other() {
        let mut chunks = Chunks::new();
        let mut all = files(&[2_000; 400]);
        tree(&all, &mut chunks);
        let before = chunks.clone();
        all.insert(path("folder/file-0200-new"), b"new".to_vec());
        let mut after = Chunks::new();
        tree(&all, &mut after);
        assert!(before.len() > 12, "{}", before.len());
        let new = after.keys().filter(|name| !before.contains_key(name)).count();
        assert!((1..=3).contains(&new), "{new} of {}", after.len());
    }

    #[test]
    fn a_large_file_that_moves_or_is_copied_is_written_once() {
        let mut chunks = Chunks::new();
        let large = files(&[300_000]).into_values().next().unwrap();
        let all = BTreeMap::from([(path("a"), large.clone()), (path("b/c"), large)]);
        let Blob::Chunks(names) = tree(&all, &mut chunks) else { panic!("it is large") };
        assert_eq!((names.len(), chunks.len()), (10, 5));
    }

    #[test]
    fn what_is_small_is_kept_without_a_chunk() {
        let mut chunks = Chunks::new();
        assert_eq!(
            tree(&files(&[100, 0, 900]), &mut chunks),
            Blob::Here(files(&[100, 0, 900]).into_values().flatten().collect())
        );
        assert_eq!(state(&[1; SMALL], &mut chunks), Blob::Here(vec![1; SMALL]));
        assert!(chunks.is_empty());
        assert!(matches!(state(&[1; SMALL + 1], &mut chunks), Blob::Chunks(names) if names.len() == 1));
    }

    proptest! {
        #[test]
        fn whatever_is_cut_is_the_same_put_together_and_no_chunk_is_empty_or_too_large(
            sizes in prop::collection::vec(prop_oneof![0..300_usize, 0..40_000_usize, 60_000..140_000_usize], 0..30),
        ) {
            let (all, mut chunks) = (files(&sizes), Chunks::new());
            let blob = tree(&all, &mut chunks);
            let bytes: Vec<u8> = all.into_values().flatten().collect();
            prop_assert!(together(&blob, &chunks) == bytes);
            prop_assert!(chunks.iter().all(|(name, contents)| (1..=CHUNK).contains(&contents.len()) && name.length.get() as usize == contents.len()));
            let mut chunks = Chunks::new();
            let blob = state(&bytes, &mut chunks);
            prop_assert!(together(&blob, &chunks) == bytes);
            prop_assert!(chunks.values().all(|contents| (1..=CHUNK).contains(&contents.len())));
        }
    }
}
