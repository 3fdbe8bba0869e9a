//! Builds the components and composes them into the artefacts that are run and shipped.

mod compose;
mod fuel;
mod interpreter;
pub mod sandboxes;
mod shrink;
pub mod vendored_wit;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::toolchain::rustc::TARGET;
use crate::toolchain::wasm::WasmToolchain;
use crate::toolchain::wasm_opt::WasmOpt;
use crate::workspace::Workspace;
use crate::{process, progress};

/// Builds the program `gatehouse` of a checkout as it is released, into `native/gatehouse` of the folder `target`. The package is named, so
/// that it has the features that it needs and no others: whoever asks in another way has wasmtime compiled once more.
pub fn released_program(checkout: &Path, target: &Path) -> Result<()> {
    progress::stage("Building the program `gatehouse` as it is released (about 13 minutes on 2 cores, once)");
    let mut cargo = process::native_cargo();
    cargo.current_dir(checkout);
    cargo.args(["build", "--locked", "--profile", "native", "--package", "gatehouse", "--target-dir"]);
    process::run(cargo.arg(target), "building the program")
}

/// Builds the program `gatehouse` for tests and demos, into `debug/gatehouse` of the native target. No package is named: cargo would choose
/// other features for one alone than for the tests, and compile wasmtime for each.
pub fn host(workspace: &Workspace) -> Result<()> {
    progress::stage("Building the embedded host");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root());
    cargo.args(["build", "--bin", "gatehouse", "--target-dir"]).arg(workspace.native_target());
    process::run(&mut cargo, "building the embedded host")
}

/// A component of this workspace: the name that compositions give it, and its crate.
struct Component {
    package: &'static str,
    crate_name: &'static str,
}

const fn component(package: &'static str, crate_name: &'static str) -> Component {
    Component { package, crate_name }
}

/// What Gatehouse is made of on one family of hosts.
const fn gatehouse_with(adapter: &'static str) -> [Component; 3] {
    [
        component("gatehouse:gateway", "gateway"),
        component("gatehouse:authorization-server", "authorization-server"),
        component("gatehouse:adapter", adapter),
    ]
}

/// A composition (a `.wac` file), what goes into it, and the file that comes out.
struct Artefact {
    composition: &'static str,
    components: &'static [Component],
    output: &'static str,
}

/// The same with telemetry by `wasi:otel`.
const fn gatehouse_with_telemetry_and(adapter: &'static str) -> [Component; 5] {
    let [gateway, authorization_server, adapter] = gatehouse_with(adapter);
    let front = component("gatehouse:telemetry-front", "telemetry-front");
    let otel = component("gatehouse:telemetry-otel", "telemetry-otel");
    [gateway, authorization_server, adapter, front, otel]
}

const ARTEFACTS: [Artefact; 6] = [
    Artefact {
        composition: "components/gatehouse.wac",
        components: &gatehouse_with("adapter-spin"),
        output: "target/gatehouse.wasm",
    },
    Artefact {
        composition: "components/gatehouse.wac",
        components: &gatehouse_with("adapter-wasmcloud"),
        output: "target/gatehouse-wasmcloud.wasm",
    },
    Artefact {
        composition: "components/gatehouse-otel.wac",
        components: &gatehouse_with_telemetry_and("adapter-spin"),
        output: "target/gatehouse-otel.wasm",
    },
    Artefact {
        composition: "components/gatehouse-otel.wac",
        components: &gatehouse_with_telemetry_and("adapter-wasmcloud"),
        output: "target/gatehouse-wasmcloud-otel.wasm",
    },
    Artefact {
        composition: "examples/identity-provider/demo-identity-provider.wac",
        components: &[
            component("demo:identity-provider", "demo-identity-provider"),
            component("gatehouse:adapter-spin", "adapter-spin"),
        ],
        output: "target/demo-identity-provider.wasm",
    },
    Artefact {
        composition: "examples/mcp-server/demo-mcp-server.wac",
        components: &[
            component("demo:mcp-server", "demo-mcp-server"),
            component("gatehouse:adapter-spin", "adapter-spin"),
        ],
        output: "target/demo-mcp-server.wasm",
    },
];

/// The crate of the component that forwards and does nothing else, which no command but `bench` needs.
const FORWARDER: &str = "forwarder";

/// Builds and composes everything; returns the composed files. What has not changed is not built again.
pub fn all(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let toolchain = WasmToolchain::ready(workspace)?;
    build_components(workspace, &toolchain, &crates(), "")?;
    shrink_components(workspace, crates().into_iter().map(|name| component_file(workspace, name)))?;
    ARTEFACTS.iter().map(|artefact| compose_one(workspace, artefact)).collect()
}

/// Builds the component that Gatehouse's speed is compared with: for hosts with Spin's variables, and for the others.
pub fn forwarder(workspace: &Workspace) -> Result<()> {
    let toolchain = WasmToolchain::ready(workspace)?;
    for (features, output) in [("", "forwarder.wasm"), ("forwarder/environment", "forwarder-wasmcloud.wasm")] {
        build_components(workspace, &toolchain, &BTreeSet::from([FORWARDER]), features)?;
        let file = component_file(workspace, FORWARDER);
        let component = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        write_if_changed(&workspace.target().join(output), &component)?;
    }
    Ok(())
}

/// The crates of the components that an artefact of `target/` is made of.
pub fn linked_crates(name: &str) -> Result<impl Iterator<Item = &'static str>> {
    let artefact = ARTEFACTS.iter().find(|artefact| artefact.output.strip_prefix("target/") == Some(name));
    let components = artefact.with_context(|| format!("there is no artefact {name}"))?.components;
    Ok(components.iter().map(|component| component.crate_name))
}

/// The crates of all components, each once.
pub fn crates() -> BTreeSet<&'static str> {
    ARTEFACTS.iter().flat_map(|artefact| artefact.components).map(|component| component.crate_name).collect()
}

/// Where the compiler leaves a component.
fn component_file(workspace: &Workspace, crate_name: &str) -> PathBuf {
    component_target(workspace).join(TARGET).join("release").join(file_name(crate_name))
}

fn file_name(crate_name: &str) -> String {
    format!("{}.wasm", crate_name.replace('-', "_"))
}

/// A target folder of its own: the compiler may be another one than that of the native builds.
fn component_target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("wasm")
}

fn build_components(
    workspace: &Workspace,
    toolchain: &WasmToolchain,
    names: &BTreeSet<&str>,
    features: &str,
) -> Result<()> {
    progress::stage(&format!("Building the components ({toolchain})"));

    let mut cargo = toolchain.cargo(workspace.root())?;
    cargo.current_dir(workspace.root());
    cargo.args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(component_target(workspace));
    for name in names {
        cargo.args(["--package", name]);
    }
    cargo.args(["--features", features]);
    process::run(&mut cargo, "building the components")
}

/// Where the components lie as they are composed; tests that run one alone take it from here.
const COMPOSED: &str = "components";
/// Where the smaller core modules are kept.
const SHRUNK: &str = "shrunk";

/// Leaves the components where they are composed from: smaller, or as the compiler made them, where the program for that cannot be
/// had.
fn shrink_components(workspace: &Workspace, files: impl Iterator<Item = PathBuf>) -> Result<()> {
    let wasm_opt = WasmOpt::ready(workspace);
    match &wasm_opt {
        Ok(_) => progress::stage("Shrinking the components"),
        Err(reason) => {
            progress::note(&format!("The artefact will be larger than it could be: there is no wasm-opt ({reason:#})"))
        }
    }
    let (composed, kept) = (workspace.target().join(COMPOSED), workspace.target().join(SHRUNK));
    for folder in [&composed, &kept] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    for file in files {
        let component = match &wasm_opt {
            Ok(wasm_opt) => shrink::shrunk(wasm_opt, &kept, &file)?,
            Err(_) => std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?,
        };
        let name = file.file_name().with_context(|| format!("{} names no file", file.display()))?;
        write_if_changed(&composed.join(name), &component)?;
    }
    Ok(())
}

/// Where a component lies before it is composed.
fn composed_file(workspace: &Workspace, crate_name: &str) -> PathBuf {
    workspace.target().join(COMPOSED).join(file_name(crate_name))
}

fn compose_one(workspace: &Workspace, artefact: &Artefact) -> Result<PathBuf> {
    let composition = workspace.path(artefact.composition);
    let packages: Vec<(&str, PathBuf)> = artefact
        .components
        .iter()
        .map(|component| (component.package, composed_file(workspace, component.crate_name)))
        .collect();
    let output = workspace.path(artefact.output);
    let bytes = compose::compose(&composition, &packages)?;
    write_if_changed(&output, &bytes)?;
    Ok(output)
}

/// Leaves the file alone where it holds the same: hosts and caches go by its time.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(file).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let unfinished = file.with_extension("wasm.new");
    std::fs::write(&unfinished, bytes).with_context(|| format!("cannot write {}", unfinished.display()))?;
    std::fs::rename(&unfinished, file).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_artefact_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        write_if_changed(&file, b"one").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        write_if_changed(&file, b"one").unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), long_ago);
        write_if_changed(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_components_file_is_named_as_cargo_names_it() {
        let workspace = Workspace::at(Path::new("/r"));
        assert_eq!(
            component_file(&workspace, "adapter-spin"),
            Path::new("/r/target/wasm/wasm32-wasip2/release/adapter_spin.wasm")
        );
    }

    #[test]
    fn every_artefact_is_composed_with_an_adapter_so_that_it_runs_on_a_host() {
        for artefact in &ARTEFACTS {
            let adapters = artefact.components.iter().filter(|one| one.crate_name.starts_with("adapter-")).count();
            assert_eq!(adapters, 1, "{}", artefact.output);
        }
    }
}
