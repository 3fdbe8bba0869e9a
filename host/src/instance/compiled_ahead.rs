//! Machine code that was compiled before the first start, and lies beside its component (`gatehouse compile`).
//!
//! Like the program itself, it is run without further checks. So it is taken only from a file, in a folder, that nobody can write to but
//! whoever could change the program as well: root, the program's owner, or we ourselves. Its digest and that of the component it
//! was made from stand in front of it, so that what is damaged or belongs to another build is not used; wasmtime refuses what another
//! version or another configuration made, and what needs a processor that this machine does not have.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use super::engine::configuration;
use crate::error::{StartError, one_line};
use crate::whole_file::folder_of;

/// How such a file begins. Two digests follow, of 32 bytes each: that of the component, and that of the code behind them.
const NAME: &[u8; 24] = b"gatehouse compiled code\n";
const DIGEST: usize = 32;

/// What processors of servers have since about 2013 (x86-64-v3), as far as it makes other code.
#[cfg(target_arch = "x86_64")]
const COMMON_FEATURES: [&str; 11] = [
    "has_cmpxchg16b",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
];

/// Where the code of the component at `source` lies.
#[must_use]
pub fn compiled_ahead_file(source: &Path) -> PathBuf {
    source.with_extension("cwasm")
}

/// Compiles the component `wasm` for processors as servers commonly have them; the content of its file.
///
/// # Errors
/// It is no component, or this machine's kind of processor has no common kind.
pub fn compile_ahead(wasm: &[u8]) -> Result<Vec<u8>, StartError> {
    let failed = |error: wasmtime::Error| StartError::Engine(one_line(&format!("{error:#}")));
    let engine = Engine::new(&common_configuration().map_err(failed)?).map_err(failed)?;
    let code = engine.precompile_component(wasm).map_err(failed)?;
    let digests = [Sha256::digest(wasm), Sha256::digest(&code)].concat();
    Ok([NAME.as_slice(), &digests, &code].concat())
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "wasmtime cannot know whether the flags are those that the code will meet")]
fn common_configuration() -> wasmtime::Result<Config> {
    let mut config = configuration();
    config.target("x86_64-unknown-linux-gnu")?;
    for feature in COMMON_FEATURES {
        // SAFETY: these flags say which instructions may be used. What uses one that a machine lacks is refused there when it is loaded.
        unsafe { config.cranelift_flag_enable(feature) };
    }
    Ok(config)
}

#[cfg(not(target_arch = "x86_64"))]
fn common_configuration() -> wasmtime::Result<Config> {
    wasmtime::bail!("code is compiled ahead for x86-64 only")
}

/// The component of `wasm`, from the code in `file`. `None` where there is no such file.
///
/// # Errors
/// Why the code is not used, in words.
pub(super) fn load(engine: &Engine, wasm: &[u8], file: &Path) -> Result<Option<Component>, String> {
    let Ok(of_file) = fs::symlink_metadata(file) else { return Ok(None) };
    let of_folder = fs::metadata(folder_of(file)).map_err(|error| error.to_string())?;
    if !of_file.is_file() {
        return Err("it is no file of its own".to_owned());
    }
    if !is_trusted(&of_file) || !is_trusted(&of_folder) {
        return Err("others may write to it".to_owned());
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    component(engine, wasm, &bytes).map(Some)
}

#[expect(
    unsafe_code,
    reason = "wasmtime cannot check machine code; who could have written it could change the program"
)]
fn component(engine: &Engine, wasm: &[u8], bytes: &[u8]) -> Result<Component, String> {
    let rest = bytes.strip_prefix(NAME.as_slice()).ok_or("it is no compiled code")?;
    let (digests, code) = rest.split_at_checked(2 * DIGEST).ok_or("it is not whole")?;
    let (of_wasm, of_code) = digests.split_at(DIGEST);
    if Sha256::digest(wasm).as_slice() != of_wasm {
        return Err("it was made from another component".to_owned());
    }
    if Sha256::digest(code).as_slice() != of_code {
        return Err("it is damaged".to_owned());
    }
    // SAFETY: only who may change this program can have written the code (`is_trusted`), it is what `compile_ahead` has written as far as a
    // digest can tell, and wasmtime refuses code of another version, configuration or processor.
    unsafe { Component::deserialize(engine, code) }.map_err(|error| one_line(&format!("{error:#}")))
}

/// Whether nobody can have written it but who could change this program.
fn is_trusted(metadata: &Metadata) -> bool {
    let owner = |path: &str| fs::metadata(path).map(|metadata| metadata.uid()).ok();
    let trusted = [Some(0), owner("/proc/self"), owner("/proc/self/exe")];
    trusted.contains(&Some(metadata.uid())) && metadata.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn engine() -> Engine {
        Engine::new(&configuration()).unwrap()
    }

    #[test]
    fn what_was_compiled_ahead_is_used_with_its_component_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = compiled_ahead_file(&folder.path().join("a.wasm"));
        assert!(load(&engine(), EMPTY_COMPONENT, &file).unwrap().is_none(), "there is no file");
        fs::write(&file, compile_ahead(EMPTY_COMPONENT).unwrap()).unwrap();
        assert!(load(&engine(), EMPTY_COMPONENT, &file).unwrap().is_some());
        let mut other = EMPTY_COMPONENT.to_vec();
        other.extend([0, 1, 0]);
        assert_eq!(load(&engine(), &other, &file).err().unwrap(), "it was made from another component");
        assert!(compile_ahead(b"no component").is_err());
    }

    #[test]
    fn what_is_damaged_or_cut_off_is_not_used_wherever_that_is() {
        let whole = compile_ahead(EMPTY_COMPONENT).unwrap();
        assert!(component(&engine(), EMPTY_COMPONENT, &whole).is_ok());
        for place in [0, NAME.len(), NAME.len() + DIGEST, NAME.len() + 2 * DIGEST, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            assert!(component(&engine(), EMPTY_COMPONENT, &damaged).is_err(), "{place}");
            assert!(component(&engine(), EMPTY_COMPONENT, &whole[..place]).is_err(), "{place}");
        }
    }

    #[test]
    fn what_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.cwasm");
        fs::write(&file, compile_ahead(EMPTY_COMPONENT).unwrap()).unwrap();
        for (path, mode) in [(file.as_path(), 0o666), (folder.path(), 0o777)] {
            let before = fs::metadata(path).unwrap().permissions();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(load(&engine(), EMPTY_COMPONENT, &file).err().unwrap(), "others may write to it");
            fs::set_permissions(path, before).unwrap();
            assert!(load(&engine(), EMPTY_COMPONENT, &file).unwrap().is_some());
        }
        let link = folder.path().join("b.cwasm");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(load(&engine(), EMPTY_COMPONENT, &link).err().unwrap(), "it is no file of its own");
    }
}
