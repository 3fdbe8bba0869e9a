//! The memory of the component. What it is linked with by default is a stack of one megabyte; a shell that calls itself needs more. And what the
//! product's components begin with (`xtask/src/toolchain/wasm.rs`) has no room for that stack and for the tables of bashkit.

/// Bytes of the stack, and of all memory at the beginning.
const STACK: u32 = 4 << 20;
const MEMORY: u32 = 8 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
        // The last one holds, and these come after RUSTFLAGS.
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={MEMORY}");
    }
}
