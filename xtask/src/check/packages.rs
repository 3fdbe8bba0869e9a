//! No package is in the artefacts twice, in two versions: each costs bytes, and two generations of cryptography cannot even
//! exchange a key.
//!
//! Asked is `cargo tree`, because it alone tells what is linked for the target: by features, and without build scripts and
//! macros. What runs on this machine only may be doubled; it costs nobody anything but time to compile.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::report::Report;
use crate::toolchain::rustc::TARGET;
use crate::workspace::Workspace;
use crate::{build, process};

/// A version that may be there beside another one.
struct Exception {
    name: &'static str,
    /// The beginning of the version, at a dot: `0.10` is each 0.10.x.
    version: &'static str,
    reason: &'static str,
}

const JWT_COMPACT: &str = "jwt-compact brings it for HS256, HS384 and HS512, which we refuse; none of it is linked";
const BINDINGS: &str =
    "generated bindings of a package need the version that generated them; what is left of it is `cabi_realloc`";

const EXCEPTIONS: [Exception; 8] = [
    Exception { name: "hmac", version: "0.12", reason: JWT_COMPACT },
    Exception { name: "sha2", version: "0.10", reason: JWT_COMPACT },
    Exception { name: "digest", version: "0.10", reason: JWT_COMPACT },
    Exception { name: "rand_core", version: "0.6", reason: JWT_COMPACT },
    Exception { name: "block-buffer", version: "0.10", reason: "digest 0.10 needs it" },
    Exception { name: "crypto-common", version: "0.1", reason: "digest 0.10 needs it" },
    Exception { name: "wit-bindgen", version: "0.51", reason: BINDINGS },
    Exception { name: "wit-bindgen", version: "0.62", reason: BINDINGS },
];

/// What may not be linked at all, though tests may have it: name, version and reason.
const REFUSED: [(&str, &str, &str); 1] =
    [("rsa", "0.9", "RUSTSEC-2023-0071: its operations with the private key tell about it by their time")];

/// Looks at what is linked into the components of all artefacts.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).args([
        "tree",
        "--locked",
        "--target",
        TARGET,
        "--edges",
        "normal,no-proc-macro",
    ]);
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    for name in build::crates() {
        cargo.args(["--package", name]);
    }
    let listed = process::output(&mut cargo, "asking cargo what is linked into the components")?;
    Ok(report(&listed))
}

/// `listed` has one package a line, `name v1.2.3`, as often as it is depended on.
fn report(listed: &str) -> Report {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in listed.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v'))) {
            versions.entry(name).or_default().insert(version);
        }
    }
    let mut faults: Vec<String> = versions
        .iter()
        .filter_map(|(name, versions)| {
            let unexcused: Vec<&str> = versions
                .iter()
                .filter(|version| !EXCEPTIONS.iter().any(|one| one.name == *name && covers(one, version)))
                .copied()
                .collect();
            (unexcused.len() > 1).then(|| format!("{name} is linked in several versions: {}", unexcused.join(", ")))
        })
        .collect();
    let unused = EXCEPTIONS.iter().filter(|one| {
        let versions = versions.get(one.name);
        !versions.is_some_and(|versions| versions.len() > 1 && versions.iter().any(|version| covers(one, version)))
    });
    faults.extend(
        unused
            .map(|one| format!("the exception for {} {} is needed no longer ({})", one.name, one.version, one.reason)),
    );
    let linked = |name, version| versions.get(name).is_some_and(|all| all.iter().any(|one| starts_with(one, version)));
    let refused = REFUSED.iter().filter(|(name, version, _)| linked(*name, version));
    faults.extend(refused.map(|(name, version, reason)| format!("{name} {version} is linked; {reason}")));
    Report { summary: format!("{} packages for {TARGET}", versions.len()), faults }
}

fn covers(exception: &Exception, version: &str) -> bool {
    starts_with(version, exception.version)
}

/// Whether a version begins so, up to a dot.
fn starts_with(version: &str, beginning: &str) -> bool {
    version.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the exceptions are for, each beside another version.
    fn expected() -> String {
        EXCEPTIONS.iter().map(|one| format!("{0} v{1}.9\n{0} v99.0.0 (*)\n", one.name, one.version)).collect()
    }

    #[test]
    fn what_has_an_exception_is_no_fault() {
        assert_eq!(report(&expected()).faults, Vec::<String>::new());
    }

    #[test]
    fn a_second_generation_of_cryptography_is_told() {
        let listed = expected()
            + "p256 v0.14.0\ngateway v0.1.0 (/gatehouse/components/gateway)\np256 v0.13.2\np256 v0.14.0 (*)\n";
        assert_eq!(report(&listed).faults, ["p256 is linked in several versions: 0.13.2, 0.14.0"]);
    }

    #[test]
    fn a_third_version_is_told_where_one_of_two_has_an_exception() {
        let faults = report(&(expected() + "sha2 v0.9.9\n")).faults;
        assert_eq!(faults, ["sha2 is linked in several versions: 0.9.9, 99.0.0"]);
    }

    #[test]
    fn a_package_that_leaks_is_refused() {
        let faults = report(&(expected() + "rsa v0.9.10\n")).faults;
        assert_eq!(faults.len(), 1);
        assert!(faults.iter().all(|fault| fault.starts_with("rsa 0.9 is linked; RUSTSEC-2023-0071")), "{faults:?}");
    }

    #[test]
    fn an_exception_that_nothing_needs_is_told() {
        let listed = expected().replace("hmac v0.12.9\n", "");
        assert_eq!(
            report(&listed).faults,
            [format!("the exception for hmac 0.12 is needed no longer ({JWT_COMPACT})")]
        );
    }
}
