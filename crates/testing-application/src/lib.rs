//! Applications for tests of the embedded host and of the command line: a directory with a manifest, and a component that
//! needs no WebAssembly toolchain.

#![allow(clippy::unwrap_used, reason = "for tests, which fail by panicking, in their helpers too")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve};

/// A manifest with one component, `trap`, at `/trap/...`.
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
///
/// # Panics
/// Where the directory cannot be written.
#[must_use]
pub fn application(manifest: &str) -> TempDir {
    application_with(manifest, "trap.wasm", &trapping_component())
}

/// A directory that holds `spin.toml` with [`MANIFEST`], and as its component one that first writes `says` to standard
/// error, as it is and without a line's end of its own, and then does `then` (WebAssembly text). `then` may call `$say`
/// with the offset and the length of a text in memory, `$now` to ask for the time, and `$environment` with the offset at which
/// the list of the environment variables is to be; it has a local `$i`.
///
/// # Panics
/// Where `then` is not WebAssembly text, or the directory cannot be written.
#[must_use]
pub fn application_of_guest(says: &str, then: &str) -> TempDir {
    let escaped: String = says.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = says.len();
    let module = format!(
        r#"(module
            (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $stderr (result i32)))
            (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
                (func $write (param i32 i32 i32 i32)))
            (import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall_clock (param i32)))
            (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
            (memory (export "memory") 1)
            (global $free (mut i32) (i32.const 32768))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (global.get $free))
                (global.set $free
                    (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
                (local.get $at))
            (data (i32.const 64) "{escaped}")
            (func $say (param $offset i32) (param $length i32)
                (call $write (call $stderr) (local.get $offset) (local.get $length) (i32.const 0)))
            (func $now (call $wall_clock (i32.const 0)))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32) (local $i i32)
                (call $say (i32.const 64) (i32.const {length}))
                {then}))"#
    );
    let component = component(&module, &["cli/stderr", "cli/environment", "io/streams", "clocks/wall-clock"]);
    application_with(MANIFEST, "trap.wasm", &component)
}

/// A directory that holds `spin.toml` with `manifest`, and `component` in the file `source`.
///
/// # Panics
/// Where the directory cannot be written.
#[must_use]
pub fn application_with(manifest: &str, source: &str, component: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("spin.toml"), manifest).unwrap();
    fs::write(directory.path().join(source), component).unwrap();
    directory
}

/// A component that exports `wasi:http/incoming-handler`, made of `module` (WebAssembly text). It may import the interfaces
/// of WASI 0.2 that `imports` names, such as `cli/stderr`.
///
/// # Panics
/// Where the module is not WebAssembly text, or needs other interfaces.
#[must_use]
pub fn component(module: &str, imports: &[&str]) -> Vec<u8> {
    let (resolve, package) = world(imports);
    encode(wat::parse_str(module).unwrap(), &resolve, package)
}

/// The same whose every function traps.
fn trapping_component() -> Vec<u8> {
    let (resolve, package) = world(&[]);
    let world = resolve.select_world(&[package], None).unwrap();
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    encode(module, &resolve, package)
}

/// A world that imports these interfaces of WASI, and exports the handler.
fn world(imports: &[&str]) -> (Resolve, PackageId) {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/deps");
    let mut resolve = Resolve::default();
    // Each after those that it depends on.
    for package in ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"] {
        resolve.push_path(wit.join(format!("wasi-{package}@0.2.12"))).unwrap();
    }
    let imports: String = imports.iter().map(|name| format!("import wasi:{name}@0.2.12;")).collect();
    let world =
        format!("package scratch:handler; world handler {{ {imports} export wasi:http/incoming-handler@0.2.12; }}");
    let package = resolve.push_str("handler.wit", &world).unwrap();
    (resolve, package)
}

fn encode(mut module: Vec<u8>, resolve: &Resolve, package: PackageId) -> Vec<u8> {
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
