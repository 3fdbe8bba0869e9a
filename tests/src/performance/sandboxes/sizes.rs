//! Bytes of the artefacts, and of the code that the embedded host has made of them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::paths::artefact;

const ARTEFACTS: [&str; 3] = ["sandbox.wasm", "sandbox-shell.wasm", "sandbox-python.wasm"];

/// The sizes; the compiled code is in the folder `cache`.
pub(super) fn of(cache: &Path) -> Vec<Value> {
    let one = |name: &&str| {
        let wasm = fs::read(artefact(name)).expect("it was started before");
        json!({ "name": name, "bytes": wasm.len(), "compiled_bytes": compiled(cache, &wasm) })
    };
    ARTEFACTS.iter().map(one).collect()
}

/// The host names its files after the component's digest.
fn compiled(cache: &Path, wasm: &[u8]) -> Option<u64> {
    let digest: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut own = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&digest));
    Some(own.next()?.metadata().ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_code_is_found_by_the_digest_of_its_component() {
        let cache = tempfile::tempdir().unwrap();
        // SHA-256 of no bytes.
        let name = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855-0123456789abcdef.cwasm";
        fs::write(cache.path().join(name), b"code").unwrap();
        assert_eq!(compiled(cache.path(), b""), Some(4));
        assert_eq!(compiled(cache.path(), b"another"), None);
    }
}
