//! What is measured, and where the programs are: `cargo xtask bench` builds and installs them, and says so in variables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::HostKind;
use crate::paths::{artefact, repository};

/// What is measured, each a part of its own.
pub(super) const PARTS: [&str; 9] =
    ["calls", "peers", "counts", "features", "start", "growth", "streams", "hosts", "sandboxes"];

/// What `cargo xtask bench` asks for.
pub(super) struct Setup {
    pub(super) parts: BTreeSet<String>,
    /// Only what is counted, and few of it.
    pub(super) quick: bool,
    /// The most turns of a case, if it is not the usual number.
    pub(super) turns: Option<usize>,
    /// This checkout.
    pub(super) now: Checkout,
    /// The earlier commit's, if it is measured as well.
    pub(super) base: Option<Checkout>,
    /// This checkout, unpacked from its archive.
    pub(super) archive: Option<Checkout>,
    /// nginx, and where its libraries are, if it is not the machine's own.
    pub(super) nginx: Option<PathBuf>,
    pub(super) nginx_libraries: Option<String>,
    /// The interpreter that has FastMCP.
    pub(super) peers_python: Option<PathBuf>,
    pub(super) strace: Option<PathBuf>,
    /// Where the results go, as JSON.
    pub(super) results: PathBuf,
}

/// A checkout with its artefact and its host.
#[derive(Clone, Copy)]
pub(super) struct Checkout {
    pub(super) host: HostKind,
    /// Its program `gatehouse`.
    program: &'static Path,
    /// `spin.toml` with the artefact.
    manifest: &'static Path,
}

impl Checkout {
    fn released(folder: PathBuf) -> Self {
        let folder: &'static Path = Box::leak(folder.into_boxed_path());
        Self { host: HostKind::Released(folder), ..Self::at(folder, folder.join("target/native/gatehouse")) }
    }

    /// This checkout as the tests have it.
    fn of_the_tests() -> Self {
        Self::at(&repository(), artefact("debug/gatehouse"))
    }

    fn at(folder: &Path, program: PathBuf) -> Self {
        let manifest = Box::leak(folder.join("spin.toml").into_boxed_path());
        Self { host: HostKind::EmbeddedProcess, program: Box::leak(program.into_boxed_path()), manifest }
    }

    /// The same, with its host in this process.
    pub(super) fn in_this_process(&self) -> Self {
        Self { host: HostKind::Embedded, ..*self }
    }

    pub(super) fn program(&self) -> &'static Path {
        self.program
    }

    pub(super) fn manifest(&self) -> &'static Path {
        self.manifest
    }
}

impl Setup {
    /// As the variables say.
    pub(super) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(format!("GATEHOUSE_BENCH_{name}")).ok();
        let file = |name: &str| variable(name).map(PathBuf::from);
        let parts = variable("PARTS").expect("run `cargo xtask bench`");
        let is_released = variable("PROFILE").as_deref() == Some("native");
        Self {
            parts: parts.split(',').map(str::to_owned).collect(),
            quick: variable("QUICK").is_some(),
            turns: variable("TURNS").and_then(|turns| turns.parse().ok()),
            now: if is_released { Checkout::released(repository()) } else { Checkout::of_the_tests() },
            base: file("BASE").map(Checkout::released),
            archive: file("ARCHIVE").map(|folder| Checkout::at(&folder, folder.join("gatehouse"))),
            nginx: file("NGINX"),
            nginx_libraries: variable("NGINX_LIBRARIES"),
            peers_python: file("PEERS_PYTHON"),
            strace: file("STRACE"),
            results: file("RESULTS").expect("run `cargo xtask bench`"),
        }
    }

    pub(super) fn measures(&self, part: &str) -> bool {
        self.parts.contains(part)
    }
}
