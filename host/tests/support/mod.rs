//! A scratch application: a directory with a manifest and a component that needs no WebAssembly toolchain.

use std::fs;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

pub const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "scratch"
[[trigger.http]]
route = "/trap/..."
component = "trap"
[component.trap]
source = "trap.wasm"
"#;

/// A directory that holds `spin.toml` with `manifest`, and `trap.wasm`.
pub fn application(manifest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("spin.toml"), manifest).unwrap();
    fs::write(directory.path().join("trap.wasm"), trapping_handler()).unwrap();
    directory
}

/// A component that exports `wasi:http/incoming-handler`, whose every function traps.
fn trapping_handler() -> Vec<u8> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/deps");
    let mut resolve = Resolve::default();
    // Each after those that it depends on.
    for package in ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"] {
        resolve.push_path(wit.join(format!("wasi-{package}@0.2.12"))).unwrap();
    }
    let package = resolve
        .push_str("handler.wit", "package scratch:handler; world handler { export wasi:http/incoming-handler@0.2.12; }")
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
