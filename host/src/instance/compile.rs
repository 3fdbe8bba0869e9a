//! Compiling components, and keeping the machine code for the next start.
//!
//! The kept code is run without further checks. It is trusted because of where it lies: in a directory that belongs
//! to us and that nobody else may write to; any other directory is not used.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::log::{Level, LogRecord, LogSink};
use crate::private_files::create_private_directory;
use crate::whole_file::write_whole;

/// Code that was not used for this long is removed.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// So much code is kept besides the newest. Each build of an artefact leaves some, of 20 MB and more. A process that runs has its
/// code open, and loses nothing.
const MOST_KEPT: usize = 12;
/// What a process that was killed has begun to write is removed after this long.
const BEGUN_FOR: Duration = Duration::from_secs(24 * 3600);
/// Bytes of WebAssembly that take seconds to compile, so that somebody could wonder.
const TAKES_LONG: usize = 512 * 1024;

/// Compiles the component `wasm`, or takes its code from the cache. Trouble with the cache only costs time: it is
/// logged.
pub(crate) fn compile(engine: &Engine, wasm: &[u8], cache: &Path, log: &dyn LogSink) -> wasmtime::Result<Component> {
    let file = match private_cache(cache) {
        Ok(()) => cache.join(file_name(engine, wasm)),
        Err(problem) => {
            let message = format!("compiled code is not kept in {}: {problem}", cache.display());
            log.record(&LogRecord::host(Level::Warn, None, message));
            return announced(engine, wasm, log);
        }
    };
    if let Some(component) = load(engine, &file) {
        return Ok(component);
    }
    let component = announced(engine, wasm, log)?;
    let kept = component.serialize().map_err(io::Error::other).and_then(|code| keep(cache, &file, &code));
    if let Err(error) = kept {
        let message = format!("compiled code could not be kept in {}: {error}", cache.display());
        log.record(&LogRecord::host(Level::Warn, None, message));
    }
    Ok(component)
}

/// Compiles, and says so where it takes long.
fn announced(engine: &Engine, wasm: &[u8], log: &dyn LogSink) -> wasmtime::Result<Component> {
    let say = |message: String| {
        if wasm.len() >= TAKES_LONG {
            log.record(&LogRecord::host(Level::Info, None, message));
        }
    };
    say(format!(
        "compiling {:.1} MB of WebAssembly, which may take a minute; the next start finds it done",
        wasm.len() as f64 / 1e6
    ));
    let begun = Instant::now();
    let component = Component::new(engine, wasm)?;
    say(format!("compiled in {:.1} s", begun.elapsed().as_secs_f64()));
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

/// Keeps the code, and removes what is used no more.
fn keep(cache: &Path, file: &Path, code: &[u8]) -> io::Result<()> {
    write_whole(file, code, 0o600)?;
    remove_unused(cache);
    Ok(())
}

fn remove_unused(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    let with_age = |entry: fs::DirEntry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
        // A time in the future is now.
        Some((modified.elapsed().unwrap_or_default(), entry.path()))
    };
    let (mut code, others): (Vec<_>, Vec<_>) = entries
        .flatten()
        .filter_map(with_age)
        .partition(|(_, path)| path.extension().is_some_and(|extension| extension == "cwasm"));
    code.sort();
    let unused = code.into_iter().enumerate().filter(|(index, (age, _))| *index > MOST_KEPT || *age > KEPT_FOR);
    let begun = others.into_iter().filter(|(age, path)| *age > BEGUN_FOR && is_begun(path));
    for (_, path) in unused.map(|(_, file)| file).chain(begun) {
        // Another host may have removed it first.
        let _ = fs::remove_file(path);
    }
}

/// Whether the name is one of `tempfile`'s.
fn is_begun(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(".tmp"))
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

    /// docs/cases.md, O9.
    #[test]
    fn only_a_few_newest_are_kept_and_nothing_that_is_not_ours_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let cache = parent.path().join("cache");
        let engine = Engine::default();
        create_private_directory(&cache).unwrap();
        let of_age = |name: &str, age: u64| {
            let file = cache.join(name);
            fs::write(&file, b"code").unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
            file
        };
        let code: Vec<_> = (0..20).map(|number| of_age(&format!("{number}.cwasm"), 60 * (1 + number))).collect();
        let (begun, half, note) =
            (of_age(".tmpabc", 2 * 24 * 3600), of_age(".tmpdef", 60), of_age("note.txt", 1 << 30));
        compile(&engine, EMPTY_COMPONENT, &cache, &CapturedLog::new()).unwrap();
        assert!(cache.join(file_name(&engine, EMPTY_COMPONENT)).exists());
        let kept: Vec<_> = code.iter().map(|file| file.exists()).collect();
        assert_eq!(kept, (0..20).map(|number| number < MOST_KEPT).collect::<Vec<_>>());
        assert_eq!((begun.exists(), half.exists(), note.exists()), (false, true, true));
        // The code of a process that runs is not needed under its name any more.
        let component = load(&engine, &cache.join(file_name(&engine, EMPTY_COMPONENT))).unwrap();
        fs::remove_file(cache.join(file_name(&engine, EMPTY_COMPONENT))).unwrap();
        assert!(component.serialize().is_ok());
    }

    #[test]
    fn what_takes_long_is_said_once_and_when_it_is_done() {
        let parent = tempfile::tempdir().unwrap();
        let cache = parent.path().join("cache");
        let (engine, log) = (Engine::default(), CapturedLog::new());
        // A custom section (id 0) of 600,000 bytes: its length in LEB128, and an empty name.
        let mut large = EMPTY_COMPONENT.to_vec();
        large.extend([0x00, 0xc0, 0xcf, 0x24, 0x00]);
        large.resize(EMPTY_COMPONENT.len() + 4 + 600_000, 0);
        compile(&engine, &large, &cache, &log).unwrap();
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("compiling 0.6 MB of WebAssembly"), "{lines:?}");
        assert!(lines[1].contains("compiled in "), "{lines:?}");
        compile(&engine, &large, &cache, &log).unwrap();
        assert_eq!(log.lines().len(), 2);
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
