//! What is installed to build, to test and to check: compilers, packages and programs. `docs/set-up.md` tells where each goes.

pub mod apt;
pub mod cargo_deny;
pub mod client_packages;
pub mod debian;
pub mod deployment;
pub mod hosts;
pub mod license_texts;
pub mod npm;
pub mod observability;
pub mod proxies;
pub mod python;
pub mod reproducible;
pub mod rustc;
pub mod unpacked;
pub mod wasm;
pub mod wasm_opt;
pub mod world_packages;
