//! Makes a component smaller: its largest core module, which is the compiled crate, goes through wasm-opt, and the names that
//! nobody reads go away.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};
use wasm_encoder::{Component, RawSection};
use wasmparser::BinaryReader;

use crate::toolchain::wasm_opt::WasmOpt;

/// The bytes before the first section: the magic number and the version.
const PREAMBLE: usize = 8;
/// The section of a component that holds one core module.
const CORE_MODULE: u8 = 1;
/// A section of any kind that does nothing, and the beginning of the one with names for debuggers: how long its own name is, and
/// that.
const CUSTOM: u8 = 0;
const NAMES: &[u8] = b"\x0ecomponent-name";

/// The component in `file`, smaller. Smaller modules are kept in `folder`, because one takes half a minute; each is named by what
/// it was made from, so that one of another build is never taken for it.
pub fn shrunk(wasm_opt: &WasmOpt, folder: &Path, file: &Path) -> Result<Vec<u8>> {
    let component = read(file)?;
    let mut sections = sections(&component).with_context(|| format!("{} is no component", file.display()))?;
    sections.retain(|section| !is_names(section));
    let modules = sections.iter().enumerate().filter(|(_, (id, _))| *id == CORE_MODULE);
    let (index, (_, module)) = modules
        .max_by_key(|(_, (_, data))| data.len())
        .with_context(|| format!("{} has no core module", file.display()))?;
    let kept = place(folder, file, &wasm_opt.recipe(), module)?;
    let smaller = fs::read(&kept).or_else(|_| make(wasm_opt, &kept, module))?;
    Ok(with_section(&sections, index, &smaller))
}

/// Where the smaller form of a component's module is kept.
fn place(folder: &Path, file: &Path, recipe: &str, module: &[u8]) -> Result<PathBuf> {
    let name = file.file_stem().with_context(|| format!("{} names no file", file.display()))?;
    let digest = Sha256::new().chain_update(recipe).chain_update([0]).chain_update(module).finalize();
    let digest: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Ok(folder.join(format!("{}-{digest}.wasm", name.display())))
}

/// Has the smaller module made, beside the place where it is kept: what is there is whole.
fn make(wasm_opt: &WasmOpt, kept: &Path, module: &[u8]) -> Result<Vec<u8>> {
    let own = std::process::id();
    let [original, unfinished] = ["original", "unfinished"].map(|what| kept.with_extension(format!("{own}.{what}")));
    fs::write(&original, module).with_context(|| format!("cannot write {}", original.display()))?;
    wasm_opt.shrink(&original, &unfinished)?;
    let smaller = read(&unfinished)?;
    fs::remove_file(&original).with_context(|| format!("cannot remove {}", original.display()))?;
    fs::rename(&unfinished, kept).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(smaller)
}

/// The sections of a component, by their ids.
fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(component, 0);
    reader.read_bytes(PREAMBLE)?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        sections.push((id, reader.read_bytes(usize::try_from(size)?)?));
    }
    Ok(sections)
}

/// Whether it holds names for debuggers: of what a component has, and not of its functions, which are stripped anyway.
fn is_names((id, data): &(u8, &[u8])) -> bool {
    *id == CUSTOM && data.starts_with(NAMES)
}

/// The component with other data in one section.
fn with_section(sections: &[(u8, &[u8])], index: usize, data: &[u8]) -> Vec<u8> {
    let mut component = Component::new();
    for (place, (id, own)) in sections.iter().enumerate() {
        component.section(&RawSection { id: *id, data: if place == index { data } else { own } });
    }
    component.finish()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = r#"(component
        (core module $small (func (export "a")))
        (core module $large (func (export "b")) (func (export "c")))
        (core instance (instantiate $small))
        (core instance (instantiate $large)))"#;

    #[test]
    fn a_component_is_put_together_again_as_it_was() {
        let component = wat::parse_str(COMPONENT).unwrap();
        let sections = sections(&component).unwrap();
        for (index, (_, data)) in sections.iter().enumerate() {
            assert_eq!(with_section(&sections, index, data), component);
        }
    }

    #[test]
    fn one_module_is_exchanged_and_all_else_stays() {
        let component = wat::parse_str(COMPONENT).unwrap();
        let other = wat::parse_str(r#"(module (func (export "other")))"#).unwrap();
        let before = sections(&component).unwrap();
        let exchanged = with_section(&before, 1, &other);
        let after = sections(&exchanged).unwrap();
        assert_eq!(after[1], (CORE_MODULE, other.as_slice()));
        assert_eq!((&after[..1], &after[2..]), (&before[..1], &before[2..]));
        wasmparser::Validator::new().validate_all(&exchanged).unwrap();
    }

    #[test]
    fn names_for_debuggers_are_known_and_nothing_else_is_taken_for_them() {
        let named = wat::parse_str("(component $named (core module $small))").unwrap();
        let sections = sections(&named).unwrap();
        let names: Vec<_> = sections.iter().filter(|section| is_names(section)).collect();
        assert_eq!(names.len(), 1);
        let without: Vec<_> = sections.iter().filter(|section| !is_names(section)).copied().collect();
        let index = without.iter().position(|(id, _)| *id == CORE_MODULE).unwrap();
        let smaller = with_section(&without, index, without[index].1);
        assert!(smaller.len() < named.len());
        wasmparser::Validator::new().validate_all(&smaller).unwrap();
        assert!(!is_names(&(CUSTOM, b"\x09producers")) && !is_names(&(CORE_MODULE, NAMES)));
    }

    #[test]
    fn what_is_cut_off_is_no_component() {
        let component = wat::parse_str(COMPONENT).unwrap();
        assert!(sections(&component[..component.len() - 1]).is_err() && sections(b"\0asm").is_err());
    }

    #[test]
    fn another_module_or_another_program_has_another_place() {
        let place = |file: &str, recipe, module: &[u8]| place(Path::new("f"), Path::new(file), recipe, module).unwrap();
        let one = place("a.wasm", "1", b"m");
        assert!(one.starts_with("f") && one == place("x/a.wasm", "1", b"m"), "{}", one.display());
        for other in [place("b.wasm", "1", b"m"), place("a.wasm", "2", b"m"), place("a.wasm", "1", b"n")] {
            assert_ne!(one, other);
        }
    }
}
