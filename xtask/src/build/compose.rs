//! Composes components as a `.wac` document says, and checks what comes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use indexmap::IndexMap;
use miette::Diagnostic;
use wac_graph::{
    EncodeOptions,
    types::{BorrowedPackageKey, Package, Types},
};
use wac_parser::Document;

/// What every artefact exports: one handler for all requests.
const HANDLER: &str = "wasi:http/incoming-handler@0.2";
/// What the hosts provide. Anything else that is left open would stop the artefact from starting there.
const HOST_PACKAGES: [&str; 2] = ["wasi:", "fermyon:spin/"];

/// Composes the components `packages` (by the names that the document uses) and returns the component.
///
/// # Errors
/// Where a file cannot be read, the document is wrong, or an import is left that no host has.
pub fn compose(composition: &Path, packages: &[(&str, PathBuf)]) -> Result<Vec<u8>> {
    let source = fs::read_to_string(composition).with_context(|| format!("cannot read {}", composition.display()))?;
    let mut components = IndexMap::new();
    for (name, file) in packages {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        components.insert(BorrowedPackageKey::from_name_and_version(name, None), bytes);
    }
    let wrong =
        |error: &dyn Diagnostic| anyhow!("{}{}: {}", composition.display(), line(&source, error), causes(error));
    let document = Document::parse(&source).map_err(|error| wrong(&error))?;
    let resolution = document.resolve(components).map_err(|error| wrong(&error))?;
    let bytes = resolution.encode(EncodeOptions::default()).map_err(|error| wrong(&error))?;
    check(&bytes).with_context(|| format!("{} does not make a whole", composition.display()))?;
    Ok(bytes)
}

/// Makes sure that nothing of ours is left open: a mismatch in a composition is not always an error of its own.
fn check(component: &[u8]) -> Result<()> {
    let mut types = Types::default();
    let package =
        Package::from_bytes("composed", None, component, &mut types).context("the composed component is not valid")?;
    let world = &types[package.ty()];
    check_names(world.imports.keys().map(String::as_str), world.exports.keys().map(String::as_str))
}

fn check_names<'a>(imports: impl Iterator<Item = &'a str>, mut exports: impl Iterator<Item = &'a str>) -> Result<()> {
    let open: Vec<&str> = imports
        .filter(|name| name.starts_with(HANDLER) || !HOST_PACKAGES.iter().any(|package| name.starts_with(package)))
        .collect();
    if !open.is_empty() {
        bail!("imports that no component provides are left: {}", open.join(", "));
    }
    if !exports.any(|name| name.starts_with(HANDLER)) {
        bail!("it does not export {HANDLER}.x");
    }
    Ok(())
}

/// The line of the document that an error is about, as `:12`, where it says so.
fn line(source: &str, error: &dyn Diagnostic) -> String {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let before = offset.and_then(|offset| source.get(..offset));
    before.map_or_else(String::new, |text| format!(":{}", text.matches('\n').count() + 1))
}

fn causes(error: &dyn Diagnostic) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component with the given text format.
    fn component(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let file = folder.path().join(name);
        fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
        file
    }

    /// A component that hands on what it gets, under the same name.
    fn through(name: &str) -> String {
        format!(r#"(component (import "{name}" (instance $i)) (export "{name}" (instance $i)))"#)
    }

    const HTTP: &str = "wasi:http/incoming-handler@0.2.12";

    #[test]
    fn an_import_is_satisfied_by_the_component_that_the_document_names() {
        let folder = tempfile::tempdir().unwrap();
        let outer = component(&folder, "outer.wasm", &through(HTTP));
        let text = format!(
            r#"(component (import "wasi:clocks/wall-clock@0.2.12" (instance $i)) (export "{HTTP}" (instance $i)))"#
        );
        let inner = component(&folder, "inner.wasm", &text);
        let document = folder.path().join("whole.wac");
        fs::write(
            &document,
            format!(
                "package test:whole;\nlet inner = new test:inner {{ ... }};\n\
                 let outer = new test:outer {{ \"{HTTP}\": inner[\"{HTTP}\"] }};\nexport outer[\"{HTTP}\"];\n"
            ),
        )
        .unwrap();
        let bytes = compose(&document, &[("test:inner", inner), ("test:outer", outer)]).unwrap();
        check(&bytes).unwrap();
    }

    #[test]
    fn an_import_of_ours_that_is_left_open_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"(component (import "gatehouse:host/store@0.1.0" (instance $i)) (export "{HTTP}" (instance $i)))"#
        );
        let only = component(&folder, "only.wasm", &text);
        let document = folder.path().join("part.wac");
        fs::write(
            &document,
            format!("package test:part;\nlet only = new test:only {{ ... }};\nexport only[\"{HTTP}\"];\n"),
        )
        .unwrap();
        let error = format!("{:#}", compose(&document, &[("test:only", only)]).unwrap_err());
        assert!(error.contains("part.wac does not make a whole"), "{error}");
        assert!(error.ends_with("left: gatehouse:host/store@0.1.0"), "{error}");
    }

    #[test]
    fn a_mistake_in_the_document_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("wrong.wac");
        fs::write(&document, "package test:wrong;\n\nexport absent;\n").unwrap();
        let error = format!("{:#}", compose(&document, &[]).unwrap_err());
        assert!(error.contains("wrong.wac:3: undefined name `absent`"), "{error}");
        fs::write(&document, "package test:wrong;\nlet = 1;\n").unwrap();
        let error = format!("{:#}", compose(&document, &[]).unwrap_err());
        assert!(error.contains("wrong.wac:2: "), "{error}");
    }

    #[test]
    fn a_component_that_is_not_built_is_told_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("whole.wac");
        fs::write(&document, "package test:whole;\n").unwrap();
        let error =
            format!("{:#}", compose(&document, &[("test:one", folder.path().join("absent.wasm"))]).unwrap_err());
        assert!(error.contains("absent.wasm"), "{error}");
    }

    #[test]
    fn what_the_hosts_have_may_stay_open_and_a_handler_behind_the_gateway_may_not() {
        let names = ["wasi:io/streams@0.2.12", "wasi:keyvalue/store@0.2.0-draft2", "fermyon:spin/variables@2.0.0"];
        check_names(names.into_iter(), [HTTP].into_iter()).unwrap();
        let error = check_names([HTTP].into_iter(), [HTTP].into_iter()).unwrap_err().to_string();
        assert!(error.contains(HTTP), "{error}");
        let error = check_names(["other:thing/x"].into_iter(), [HTTP].into_iter()).unwrap_err().to_string();
        assert!(error.contains("other:thing/x"), "{error}");
        assert!(check_names(names.into_iter(), ["wasi:cli/run@0.2.12"].into_iter()).is_err());
    }
}
