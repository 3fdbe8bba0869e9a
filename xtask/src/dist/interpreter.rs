//! What the Python interpreter of the sandboxes is made of: the wheel of componentize-py has it built, and says little of what is in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::licenses::Source;
use super::sbom::{Bill, Part};
use crate::workspace::Workspace;

/// The file of the archive that it is in.
pub const ARTEFACT: &str = "sandbox-python.wasm";

/// What CPython of componentize-py 0.25.1 has in it: name, version, licence, package URL, and the heading below which the page "History and
/// License" of CPython's documentation has its text. A test asks the interpreter for those versions that it tells.
///
/// What CPython has changed for itself is named by its place in CPython. OpenSSL, libffi and what else the page has are not built in.
const BUILT_IN: [BuiltIn; 8] = [
    BuiltIn {
        name: "cpython",
        version: "3.14.0",
        license: "PSF-2.0",
        purl: "pkg:generic/cpython@3.14.0",
        heading: Some("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2"),
    },
    BuiltIn {
        name: "expat",
        version: "2.7.3",
        license: "MIT",
        purl: "pkg:generic/expat@2.7.3",
        heading: Some("expat"),
    },
    BuiltIn {
        name: "hacl-star",
        version: "of cpython 3.14.0",
        license: "MIT",
        purl: "pkg:generic/cpython@3.14.0#Modules/_hacl",
        heading: None,
    },
    BuiltIn {
        name: "mimalloc",
        version: "of cpython 3.14.0",
        license: "MIT",
        purl: "pkg:generic/cpython@3.14.0#Objects/mimalloc",
        heading: Some("mimalloc"),
    },
    BuiltIn {
        name: "mpdecimal",
        version: "2.5.1",
        license: "BSD-2-Clause",
        purl: "pkg:generic/mpdecimal@2.5.1",
        heading: Some("libmpdec"),
    },
    // In the public domain; the blessing asks for nothing.
    BuiltIn {
        name: "sqlite",
        version: "3.51.2",
        license: "blessing",
        purl: "pkg:generic/sqlite@3.51.2",
        heading: None,
    },
    BuiltIn {
        name: "wasi-libc",
        version: "of wasi-sdk with clang 22.1.0",
        license: "MIT AND BSD-2-Clause AND CC0-1.0 AND Apache-2.0 WITH LLVM-exception",
        purl: "pkg:generic/wasi-libc?vcs_url=git%2Bhttps://github.com/WebAssembly/wasi-libc",
        heading: None,
    },
    BuiltIn { name: "zlib", version: "1.3.1", license: "Zlib", purl: "pkg:generic/zlib@1.3.1", heading: Some("zlib") },
];

/// Whose names stand above the text of MIT's licence, where the text itself is in no package: HACL* is in CPython as source, each file with
/// these two lines, and CPython's page does not have it.
pub const MIT_WITHOUT_A_TEXT: [(&str, &str); 1] = [(
    "hacl-star of CPython 3.14.0",
    "2016-2022 INRIA, CMU and Microsoft Corporation\nCopyright (c) 2022-2023 HACL* Contributors",
)];

/// Where CPython's documentation has these headings' texts as well: parts of CPython itself.
const OWN_HEADINGS: [&str; 4] = ["Mersenne Twister", "Sockets", "strtod and dtoa", "Global Unbounded Sequences (GUS)"];

struct BuiltIn {
    name: &'static str,
    version: &'static str,
    license: &'static str,
    purl: &'static str,
    heading: Option<&'static str>,
}

/// Adds all of it to the bill. `packages` is the folder of the installed Python packages, and `component` what componentize-py made.
pub fn add(bill: &mut Bill, requirements: &str, packages: &Path, component: &[u8]) -> Result<()> {
    let part = |license: &str, purl: String| Part {
        license: license.to_owned(),
        linked_into: [ARTEFACT].into(),
        purl,
        digest: None,
    };
    for one in BUILT_IN {
        bill.parts.insert((one.name.to_owned(), one.version.to_owned()), part(one.license, one.purl.to_owned()));
    }
    for (name, license) in [("componentize-py", "Apache-2.0 WITH LLVM-exception"), ("cloudpickle", "BSD-3-Clause")] {
        let (version, digest) = pinned(requirements, name)?;
        let mut part = part(license, format!("pkg:pypi/{name}@{version}"));
        part.digest = Some(digest);
        bill.parts.insert((name.to_owned(), version), part);
    }
    // componentize-py's own bill has more: it is that of the program, and not of what the program puts into a component.
    let known =
        fs::read(wheel(packages, requirements, "componentize-py")?.join("sboms/componentize-py.cyclonedx.json"))
            .context("componentize-py has no bill of materials")?;
    let known: Value = serde_json::from_slice(&known).context("componentize-py's bill of materials is no JSON")?;
    for (name, version) in crates_in(component) {
        let license = license_in(&known, &name, &version).with_context(|| {
            format!("componentize-py's bill does not name {name} {version}, which is in the component")
        })?;
        // One of the same version may be in a lock file of ours as well.
        let new = part(&license, format!("pkg:cargo/{name}@{version}"));
        bill.parts.entry((name, version)).or_insert(new).linked_into.insert(ARTEFACT);
    }
    Ok(())
}

/// The licence texts of what is no crate of a lock file.
pub fn licenses(workspace: &Workspace, requirements: &str, packages: &Path) -> Result<Vec<Source>> {
    let texts = crate::toolchain::license_texts::folder(workspace)?;
    let page = read(&texts.join("usr/share/doc/python3.13/html/_sources/license.rst.txt"))?;
    for heading in BUILT_IN.iter().filter_map(|one| one.heading).chain(OWN_HEADINGS) {
        ensure!(has_heading(&page, heading), "the page of CPython's licences has no heading \"{heading}\"");
    }
    let mut sources = vec![
        Source {
            of: "CPython and what is in it, by the page \"History and License\" of its documentation (with parts that are not built in here)"
                .to_owned(),
            text: page,
        },
        Source {
            of: "wasi-libc, by Debian's list of its licences".to_owned(),
            text: read(&texts.join("usr/share/doc/wasi-libc/copyright"))?,
        },
    ];
    for name in ["componentize-py", "cloudpickle"] {
        let text = read(&wheel(packages, requirements, name)?.join("licenses/LICENSE"))?;
        sources.push(Source { of: format!("{name} {}", pinned(requirements, name)?.0), text });
    }
    Ok(sources)
}

/// The version and the digest that a list of requirements pins.
fn pinned(requirements: &str, name: &str) -> Result<(String, String)> {
    let (_, rest) = requirements
        .split_once(&format!("{name}=="))
        .with_context(|| format!("sandboxes/python/requirements.txt does not pin {name}"))?;
    let version = rest.split_whitespace().next().context("a pin has a version")?;
    let digest = rest.split_once("--hash=sha256:").and_then(|(_, digest)| digest.split_whitespace().next());
    Ok((version.to_owned(), digest.with_context(|| format!("{name} is pinned without a digest"))?.to_owned()))
}

/// The folder in which an installed wheel says what it is.
fn wheel(packages: &Path, requirements: &str, name: &str) -> Result<PathBuf> {
    let version = pinned(requirements, name)?.0;
    let folder = packages.join(format!("{}-{version}.dist-info", name.replace('-', "_")));
    ensure!(folder.is_dir(), "{} is not there; `cargo xtask sandboxes` installs it", folder.display());
    Ok(folder)
}

/// Names and versions of the crates whose source files a component names: `index.crates.io-…/NAME-VERSION/src/…`.
fn crates_in(component: &[u8]) -> std::collections::BTreeSet<(String, String)> {
    const REGISTRY: &[u8] = b"index.crates.io-";
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    component
        .windows(REGISTRY.len())
        .enumerate()
        .filter(|(_, window)| *window == REGISTRY)
        .filter_map(|(at, _)| {
            let rest = text(component.get(at..(at + 200).min(component.len()))?);
            let (name, version) = rest.split('/').nth(1)?.rsplit_once('-')?;
            version.starts_with(|first: char| first.is_ascii_digit()).then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

/// The licence of a crate in a bill.
fn license_in(bill: &Value, name: &str, version: &str) -> Option<String> {
    let parts = bill.get("components")?.as_array()?;
    let found = parts.iter().find(|part| part["name"] == name && part["version"] == version)?;
    Some(found.pointer("/licenses/0/expression")?.as_str()?.to_owned())
}

/// Whether a page in reStructuredText has this heading.
fn has_heading(page: &str, heading: &str) -> bool {
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let is_underlined = lines.peek().is_some_and(|next| next.starts_with("---") || next.starts_with("==="));
        if line == heading && is_underlined {
            return true;
        }
    }
    false
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("a licence is not where it should be: {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIREMENTS: &str = include_str!("../../../sandboxes/python/requirements.txt");

    #[test]
    fn the_bill_has_the_interpreter_what_is_built_into_it_and_the_crates_that_the_component_names() {
        let packages = tempfile::tempdir().unwrap();
        let wheel = packages.path().join("componentize_py-0.25.1.dist-info/sboms");
        fs::create_dir_all(&wheel).unwrap();
        let known =
            r#"{"components":[{"name":"pyo3","version":"0.28.3","licenses":[{"expression":"MIT OR Apache-2.0"}]}]}"#;
        fs::write(wheel.join("componentize-py.cyclonedx.json"), known).unwrap();
        let named = b"\0/root/.cargo/registry/src/index.crates.io-1949cf8c/pyo3-0.28.3/src/a.rs\0";
        let mut bill = Bill::default();
        add(&mut bill, REQUIREMENTS, packages.path(), named).unwrap();
        let part = |name: &str| {
            let found = bill.parts.iter().find(|((found, _), _)| found == name);
            found.unwrap_or_else(|| panic!("{name} is not in the bill")).1
        };
        assert_eq!(part("pyo3").license, "MIT OR Apache-2.0");
        assert_eq!(part("cpython").license, "PSF-2.0");
        assert_eq!(part("cloudpickle").purl, "pkg:pypi/cloudpickle@3.1.3");
        assert_eq!(part("componentize-py").digest.as_ref().unwrap().len(), 64);
        assert!(bill.parts.values().all(|part| !part.purl.is_empty() && part.linked_into.contains(ARTEFACT)));

        let unknown = b"index.crates.io-1949cf8c/other-1.0.0/src/a.rs";
        let error = add(&mut Bill::default(), REQUIREMENTS, packages.path(), unknown).unwrap_err();
        assert!(error.to_string().contains("other 1.0.0"), "{error}");
    }

    #[test]
    fn a_heading_is_a_line_with_a_line_below_it() {
        assert!(has_heading("x\n\nexpat\n-----\n", "expat"));
        assert!(!has_heading("expat\nis here\n", "expat"));
        assert!(!has_heading("libexpat\n-----\n", "expat"));
    }

    #[test]
    fn a_pin_without_a_digest_is_an_error() {
        assert!(pinned("a==1\n", "a").is_err());
        assert_eq!(pinned("a==1 \\\n  --hash=sha256:abc\n", "a").unwrap(), ("1".to_owned(), "abc".to_owned()));
    }
}
