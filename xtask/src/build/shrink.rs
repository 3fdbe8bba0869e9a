//! Makes a component smaller: its largest core module, which is the compiled crate, goes through wasm-opt.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_encoder::{Component, RawSection};
use wasmparser::BinaryReader;

use crate::stamp::Stamp;
use crate::toolchain::wasm_opt::WasmOpt;
use crate::workspace::Workspace;

/// The bytes before the first section: the magic number and the version.
const PREAMBLE: usize = 8;
/// The section of a component that holds one core module.
const CORE_MODULE: u8 = 1;

/// The smaller form of the component in `file`. What has not changed is not made again, because it takes half a minute.
pub fn shrunk(workspace: &Workspace, wasm_opt: &WasmOpt, file: &Path) -> Result<PathBuf> {
    let folder = workspace.target().join("shrunk");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = file.file_stem().with_context(|| format!("{} names no file", file.display()))?;
    let place = |ending: &str| folder.join(name).with_extension(ending);
    let (output, original, smaller) = (place("wasm"), place("original.wasm"), place("core.wasm"));
    let stamp = Stamp::new(place("recipe"), &[&wasm_opt.recipe()]);
    let component = read(file)?;
    let sections = sections(&component).with_context(|| format!("{} is no component", file.display()))?;
    let modules = sections.iter().enumerate().filter(|(_, (id, _))| *id == CORE_MODULE);
    let (index, (_, module)) = modules
        .max_by_key(|(_, (_, data))| data.len())
        .with_context(|| format!("{} has no core module", file.display()))?;
    if !(stamp.is_current() && fs::read(&original).is_ok_and(|before| before == *module)) {
        stamp.clear()?;
        write(&original, module)?;
        wasm_opt.shrink(&original, &smaller)?;
        stamp.set()?;
    }
    write(&output, &with_section(&sections, index, &read(&smaller)?))?;
    Ok(output)
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

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
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
    fn what_is_cut_off_is_no_component() {
        let component = wat::parse_str(COMPONENT).unwrap();
        assert!(sections(&component[..component.len() - 1]).is_err() && sections(b"\0asm").is_err());
    }
}
