//! A scratch application: a directory with a manifest and a component that needs no WebAssembly toolchain.

#![allow(dead_code, reason = "each test binary uses a part of it")]

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

/// A directory that holds `spin.toml` with `manifest`, and `trap.wasm`, whose every function traps.
pub fn application(manifest: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("spin.toml"), manifest).unwrap();
    fs::write(directory.path().join("trap.wasm"), component(None)).unwrap();
    directory
}

/// A directory that holds `spin.toml` with [`MANIFEST`], and as its component one that first writes `says` to standard
/// error, as it is and without a line's end of its own, and then does `then` (WebAssembly text). `then` may call `$say`
/// with the offset and the length of a text in memory, and `$now` to ask for the time; it has a local `$i`.
pub fn application_of_guest(says: &str, then: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let escaped: String = says.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = says.len();
    let module = format!(
        r#"(module
            (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall_clock (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 64) "{escaped}")
            (func $say (param $offset i32) (param $length i32)
                (call $write (call $stderr) (local.get $offset) (local.get $length) (i32.const 0)))
            (func $now (call $wall_clock (i32.const 0)))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32) (local $i i32)
                (call $say (i32.const 64) (i32.const {length}))
                {then}))"#
    );
    fs::write(directory.path().join("spin.toml"), MANIFEST).unwrap();
    fs::write(directory.path().join("trap.wasm"), component(Some(&module))).unwrap();
    directory
}

/// A component that exports `wasi:http/incoming-handler`, made of `module` (WebAssembly text) or of functions that trap.
fn component(module: Option<&str>) -> Vec<u8> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/deps");
    let mut resolve = Resolve::default();
    // Each after those that it depends on.
    for package in ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"] {
        resolve.push_path(wit.join(format!("wasi-{package}@0.2.12"))).unwrap();
    }
    let imports = ["cli/stderr", "io/streams", "clocks/wall-clock"].map(|name| format!("import wasi:{name}@0.2.12;"));
    let imports = if module.is_some() { imports.concat() } else { String::new() };
    let world =
        format!("package scratch:handler; world handler {{ {imports} export wasi:http/incoming-handler@0.2.12; }}");
    let package = resolve.push_str("handler.wit", &world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = match module {
        Some(text) => wat::parse_str(text).unwrap(),
        None => dummy_module(&resolve, world, ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync)),
    };
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
