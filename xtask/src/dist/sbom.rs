//! The bill of materials: every crate that is linked into the program and into the artefacts, as CycloneDX 1.6.
//!
//! Written here and not by a crate: what is asked of a bill is a list, cargo has it, and the generators bring a schema validator
//! with a hundred packages into every build of xtask.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::toolchain::rustc::TARGET;
use crate::workspace::Workspace;
use crate::{build, process};

/// Name and version.
type Key = (String, String);

/// A crate, as the bill has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Crate {
    /// An SPDX expression.
    license: String,
    /// The files of the archive that it is linked into.
    parts: BTreeSet<&'static str>,
}

/// The bill, as JSON.
pub fn of(workspace: &Workspace) -> Result<String> {
    let mut crates = BTreeMap::new();
    add(&mut crates, &listed(workspace, &["--package", "gatehouse"])?, "gatehouse");
    for part in ["gatehouse.wasm", "gatehouse-wasmcloud.wasm", "gatehouse-otel.wasm", "gatehouse-wasmcloud-otel.wasm"] {
        let components: Vec<&str> =
            build::linked_crates(part)?.flat_map(|name| ["--package", name]).chain(["--target", TARGET]).collect();
        add(&mut crates, &listed(workspace, &components)?, part);
    }
    let lock = std::fs::read_to_string(workspace.path("Cargo.lock")).context("cannot read Cargo.lock")?;
    let document = document(&crates, &checksums(&lock));
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

/// What is linked, by `cargo tree`: it alone knows the features, and leaves out what only builds.
fn listed(workspace: &Workspace, which: &[&str]) -> Result<String> {
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).args(["tree", "--locked", "--edges", "normal,no-proc-macro"]);
    cargo.args(["--prefix", "none", "--format", "{p}\t{l}"]).args(which);
    process::output(&mut cargo, "asking cargo what is linked")
}

/// Adds the lines of `listed`: `NAME vVERSION[ (FOLDER)]`, a tab, the licence, and ` (*)` where it came before.
fn add(crates: &mut BTreeMap<Key, Crate>, listed: &str, part: &'static str) {
    for line in listed.lines() {
        let Some((package, license)) = line.split_once('\t') else { continue };
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v'))) else {
            continue;
        };
        let found = crates.entry((name.to_owned(), version.to_owned())).or_default();
        // Cargo's older form has a slash.
        found.license = license.trim_end_matches(" (*)").trim().replace('/', " OR ");
        found.parts.insert(part);
    }
}

/// The checksums of the packages of registries in a `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<Key, &str> {
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .filter_map(|block| {
            let value = |key: &str| {
                block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
            };
            Some(((value("name")?.to_owned(), value("version")?.to_owned()), value("checksum")?))
        })
        .collect()
}

fn document(crates: &BTreeMap<Key, Crate>, checksums: &BTreeMap<Key, &str>) -> Value {
    let component = |(key, found): (&Key, &Crate)| {
        let (name, version) = key;
        let purl = format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"));
        let properties: Vec<_> =
            found.parts.iter().map(|part| json!({ "name": "gatehouse:linked-into", "value": part })).collect();
        let licenses = (!found.license.is_empty()).then(|| json!([{ "expression": found.license }]));
        let hashes = checksums.get(key).map(|checksum| json!([{ "alg": "SHA-256", "content": checksum }]));
        let mut component = serde_json::Map::new();
        for (member, value) in [
            ("type", Some(json!("library"))),
            ("bom-ref", Some(json!(purl))),
            ("name", Some(json!(name))),
            ("version", Some(json!(version))),
            ("purl", Some(json!(purl))),
            ("licenses", licenses),
            ("hashes", hashes),
            ("properties", Some(json!(properties))),
        ] {
            component.extend(value.map(|value| (member.to_owned(), value)));
        }
        Value::Object(component)
    };
    let components: Vec<_> = crates.iter().map(component).collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": "gatehouse", "name": "gatehouse",
                "version": env!("CARGO_PKG_VERSION"), "licenses": [{ "expression": "Apache-2.0" }],
            },
        },
        "components": components,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"http\"\nversion = \"1.5.0\"\nsource = \"registry\"\n\
        checksum = \"abc\"\ndependencies = [\n \"bytes\",\n]\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";

    #[test]
    fn each_crate_is_named_once_with_its_licence_its_checksum_and_where_it_is() {
        let mut crates = BTreeMap::new();
        add(
            &mut crates,
            "ours v0.1.0 (/r/ours)\tApache-2.0\nhttp v1.5.0\tMIT/Apache-2.0\nhttp v1.5.0\tMIT/Apache-2.0 (*)\n\n",
            "gatehouse",
        );
        add(&mut crates, "http v1.5.0\tMIT/Apache-2.0\n", "gatehouse.wasm");
        let document = document(&crates, &checksums(LOCK));
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 2);
        assert_eq!(components[0]["purl"], "pkg:cargo/http@1.5.0");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[0]["hashes"][0]["content"], "abc");
        assert_eq!(components[0]["properties"].as_array().unwrap().len(), 2);
        assert_eq!(components[1].get("hashes"), None);
        assert!(!document.to_string().contains("/r/"));
    }
}
