//! The bill of materials: everything of others that is linked into the program and into the artefacts, as CycloneDX 1.6.
//!
//! Written here and not by a crate: what is asked of a bill is a list, cargo has it, and the generators bring a schema validator
//! with a hundred packages into every build of xtask.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::toolchain::rustc::TARGET;
use crate::workspace::Workspace;
use crate::{build, process};

/// Name and version.
pub type Key = (String, String);

/// Something of others, as the bill has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Part {
    /// An SPDX expression.
    pub license: String,
    /// The files of the archive that it is linked into.
    pub linked_into: BTreeSet<&'static str>,
    /// Where it is from, as a package URL.
    pub purl: String,
    /// SHA-256 of what was downloaded, where a lock file has it.
    pub digest: Option<String>,
}

/// What an archive is made of.
#[derive(Default)]
pub struct Bill {
    pub parts: BTreeMap<Key, Part>,
}

/// The bill of the product, as JSON.
pub fn of_gatehouse(workspace: &Workspace) -> Result<String> {
    let mut bill = Bill::default();
    bill.add_crates(&listed(workspace.root(), &["--package", "gatehouse"])?, "gatehouse");
    for artefact in
        ["gatehouse.wasm", "gatehouse-wasmcloud.wasm", "gatehouse-otel.wasm", "gatehouse-wasmcloud-otel.wasm"]
    {
        let crates: Vec<&str> = build::linked_crates(artefact)?.collect();
        bill.add_components(workspace.root(), &crates, artefact)?;
    }
    bill.add_digests(&lock_file(workspace.root())?);
    bill.to_json("gatehouse")
}

impl Bill {
    /// Adds what is linked into these components of the cargo workspace in `folder`.
    pub fn add_components(&mut self, folder: &Path, crates: &[&str], artefact: &'static str) -> Result<()> {
        if crates.is_empty() {
            return Ok(());
        }
        let which: Vec<&str> = crates.iter().flat_map(|name| ["--package", name]).chain(["--target", TARGET]).collect();
        self.add_crates(&listed(folder, &which)?, artefact);
        Ok(())
    }

    /// Adds the lines of `listed`: `NAME vVERSION[ (FOLDER)]`, a tab, the licence, and ` (*)` where it came before.
    fn add_crates(&mut self, listed: &str, artefact: &'static str) {
        for line in listed.lines() {
            let Some((package, license)) = line.split_once('\t') else { continue };
            let mut words = package.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
            else {
                continue;
            };
            let found = self.parts.entry((name.to_owned(), version.to_owned())).or_default();
            // Cargo's older form has a slash.
            found.license = license.trim_end_matches(" (*)").trim().replace('/', " OR ");
            found.purl = format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"));
            found.linked_into.insert(artefact);
        }
    }

    /// Adds the digests of a `Cargo.lock`.
    pub fn add_digests(&mut self, lock: &str) {
        for (key, checksum) in checksums(lock) {
            if let Some(found) = self.parts.get_mut(&key) {
                found.digest = Some(checksum.to_owned());
            }
        }
    }

    /// As CycloneDX has it.
    pub fn to_json(&self, name: &str) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(&self.document(name))?))
    }

    fn document(&self, name: &str) -> Value {
        let component = |((name, version), part): (&Key, &Part)| {
            let properties: Vec<_> =
                part.linked_into.iter().map(|file| json!({ "name": "gatehouse:linked-into", "value": file })).collect();
            let licenses = (!part.license.is_empty()).then(|| json!([{ "expression": part.license }]));
            let hashes = part.digest.as_ref().map(|digest| json!([{ "alg": "SHA-256", "content": digest }]));
            let mut component = serde_json::Map::new();
            for (member, value) in [
                ("type", Some(json!("library"))),
                ("bom-ref", Some(json!(part.purl))),
                ("name", Some(json!(name))),
                ("version", Some(json!(version))),
                ("purl", Some(json!(part.purl))),
                ("licenses", licenses),
                ("hashes", hashes),
                ("properties", Some(json!(properties))),
            ] {
                component.extend(value.map(|value| (member.to_owned(), value)));
            }
            Value::Object(component)
        };
        let components: Vec<_> = self.parts.iter().map(component).collect();
        json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application", "bom-ref": name, "name": name,
                    "version": env!("CARGO_PKG_VERSION"), "licenses": [{ "expression": "Apache-2.0" }],
                },
            },
            "components": components,
        })
    }
}

/// The lock file of the cargo workspace in `folder`.
pub fn lock_file(folder: &Path) -> Result<String> {
    let file = folder.join("Cargo.lock");
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// What is linked, by `cargo tree`: it alone knows the features, and leaves out what only builds.
fn listed(folder: &Path, which: &[&str]) -> Result<String> {
    let mut cargo = process::native_cargo();
    cargo.current_dir(folder).args(["tree", "--locked", "--edges", "normal,no-proc-macro"]);
    cargo.args(["--prefix", "none", "--format", "{p}\t{l}"]).args(which);
    process::output(&mut cargo, "asking cargo what is linked")
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"http\"\nversion = \"1.5.0\"\nsource = \"registry\"\n\
        checksum = \"abc\"\ndependencies = [\n \"bytes\",\n]\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";

    #[test]
    fn each_crate_is_named_once_with_its_licence_its_checksum_and_where_it_is() {
        let mut bill = Bill::default();
        bill.add_crates(
            "ours v0.1.0 (/r/ours)\tApache-2.0\nhttp v1.5.0\tMIT/Apache-2.0\nhttp v1.5.0\tMIT/Apache-2.0 (*)\n\n",
            "gatehouse",
        );
        bill.add_crates("http v1.5.0\tMIT/Apache-2.0\n", "gatehouse.wasm");
        bill.add_digests(LOCK);
        let document = bill.document("gatehouse");
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
