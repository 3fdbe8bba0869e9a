//! Compiling components, and keeping the machine code for the next start.
//!
//! The kept code is run without further checks. It is trusted because of where it lies: in a directory that belongs
//! to us and that nobody else may write to; any other directory is not used.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::log::{Level, LogRecord, LogSink};
use crate::private_files::create_private_directory;

/// Code that was not used for this long is removed.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Compiles the component `wasm`, or takes its code from the cache. Trouble with the cache only costs time: it is
/// logged.
pub(crate) fn compile(engine: &Engine, wasm: &[u8], cache: &Path, log: &dyn LogSink) -> wasmtime::Result<Component> {
    let file = match private_cache(cache) {
        Ok(()) => cache.join(file_name(engine, wasm)),
        Err(problem) => {
            let message = format!("compiled code is not kept in {}: {problem}", cache.display());
            log.record(&LogRecord::host(Level::Warn, None, message));
            return Component::new(engine, wasm);
        }
    };
    if let Some(component) = load(engine, &file) {
        return Ok(component);
    }
    let component = Component::new(engine, wasm)?;
    let kept = component.serialize().map_err(io::Error::other).and_then(|code| keep(cache, &file, &code));
    if let Err(error) = kept {
        let message = format!("compiled code could not be kept in {}: {error}", cache.display());
        log.record(&LogRecord::host(Level::Warn, None, message));
    }
    Ok(component)
}

/// Makes sure that nobody but us can put code into `cache`.
fn private_cache(cache: &Path) -> Result<(), String> {
    create_private_directory(cache).map_err(|error| error.to_string())?;
    let directory = fs::symlink_metadata(cache).map_err(|error| error.to_string())?;
    let own = fs::metadata("/proc/self").map(|process| process.uid());
    if !directory.is_dir() {
        return Err("it is not a directory".to_owned());
    }
    if own.is_ok_and(|uid| uid != directory.uid()) {
        return Err("it belongs to someone else".to_owned());
    }
    if directory.mode() & 0o022 != 0 {
        return Err("others may write to it".to_owned());
    }
    Ok(())
}

/// Named by the component's content, and by the engine's version and configuration.
fn file_name(engine: &Engine, wasm: &[u8]) -> PathBuf {
    let digest: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut engine_hash = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut engine_hash);
    PathBuf::from(format!("{digest}-{:016x}.cwasm", engine_hash.finish()))
}

#[expect(unsafe_code, reason = "wasmtime cannot check machine code; the directory it comes from is ours alone")]
fn load(engine: &Engine, file: &Path) -> Option<Component> {
    // Its time is when it was last used. It also tells whether the file is there at all.
    File::open(file).and_then(|opened| opened.set_modified(SystemTime::now())).ok()?;
    // SAFETY: `file` lies in a directory that `private_cache` found writable by us only, and files come into it only by
    // `keep`, whole, from `Component::serialize`. wasmtime itself refuses code of another version or configuration.
    unsafe { Component::deserialize_file(engine, file) }.ok()
}

/// Writes the code beside its place and renames it, so that no other process sees half of it.
fn keep(cache: &Path, file: &Path, code: &[u8]) -> io::Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(cache)?;
    temporary.write_all(code)?;
    temporary.persist(file).map_err(|error| error.error)?;
    remove_unused(cache);
    Ok(())
}

fn remove_unused(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    for entry in entries.flatten() {
        let unused = (entry.metadata().and_then(|metadata| metadata.modified()).ok())
            .and_then(|modified| modified.elapsed().ok())
            .is_some_and(|age| age > KEPT_FOR);
        if unused && entry.path().extension().is_some_and(|extension| extension == "cwasm") {
            // Another host may have removed it first.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::log::CapturedLog;

    /// The smallest component: a header and nothing in it (Component Model, binary format: version 13, layer 1).
    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn files(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn compiled_code_is_kept_under_the_contents_name_and_used_again() {
        let parent = tempfile::tempdir().unwrap();
        let cache = parent.path().join("cache");
        let engine = Engine::default();
        let log = CapturedLog::new();
        compile(&engine, EMPTY_COMPONENT, &cache, &log).unwrap();
        assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(files(&cache), 1);
        assert!(load(&engine, &cache.join(file_name(&engine, EMPTY_COMPONENT))).is_some());
        compile(&engine, EMPTY_COMPONENT, &cache, &log).unwrap();
        assert_eq!(files(&cache), 1);
        assert!(log.lines().is_empty());
    }

    #[test]
    fn a_damaged_file_is_compiled_again() {
        let parent = tempfile::tempdir().unwrap();
        let cache = parent.path().join("cache");
        let engine = Engine::default();
        create_private_directory(&cache).unwrap();
        let file = cache.join(file_name(&engine, EMPTY_COMPONENT));
        fs::write(&file, b"not code").unwrap();
        compile(&engine, EMPTY_COMPONENT, &cache, &CapturedLog::new()).unwrap();
        assert!(load(&engine, &file).is_some());
    }

    #[test]
    fn a_cache_that_others_may_write_to_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let cache = parent.path().join("cache");
        create_private_directory(&cache).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        let log = CapturedLog::new();
        compile(&Engine::default(), EMPTY_COMPONENT, &cache, &log).unwrap();
        assert_eq!(files(&cache), 0);
        assert!(log.lines()[0].contains("others may write to it"), "{:?}", log.lines());
    }
}
