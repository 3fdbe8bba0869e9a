//! Debian packages: installed for the machine, or one of another release downloaded privately.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, progress};

/// Where Debian is when the machine's own sources do not tell.
const DEFAULT_MIRROR: &str = "http://deb.debian.org/debian";
/// Named by `Signed-By`; the file has either name, by the age of the release.
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Installs what is missing of `packages`; does nothing, quickly, where nothing is.
///
/// # Errors
/// Where there is no apt, no right to install, or apt fails.
pub fn install(packages: &[&str], why: &str) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if process::find_program(&["apt-get"]).is_none() {
        bail!("{why}: this machine has no apt-get to install them with ({names})");
    }
    progress::stage(&format!("Installing Debian packages: {names} ({why})"));
    if let Err(error) = process::run(as_root()?.args(["apt-get", "-q", "update"]), "apt-get update") {
        // A source of somebody else's that does not answer is no reason to stop: the install below decides.
        progress::note(&format!("    going on with the package lists as they are: {error:#}"));
    }
    process::run(
        as_root()?.args(["apt-get", "-q", "install", "--yes", "--no-install-recommends"]).args(&missing),
        &format!("installing {names}"),
    )
}

/// Downloads one package of the release `suite` into `folder` and returns the file. The machine's own sources and
/// lists stay as they are: apt is given a source list and a state of its own.
pub fn download_from_suite(package: &str, suite: &str, folder: &Path) -> Result<PathBuf> {
    let parts = folder.join("sources");
    for needed in [parts.clone(), folder.join("state/lists/partial"), folder.join("cache/archives/partial")] {
        fs::create_dir_all(&needed).with_context(|| format!("cannot create {}", needed.display()))?;
    }
    let keyring = KEYRINGS.into_iter().find(|file| Path::new(file).is_file());
    fs::write(parts.join("private.sources"), private_source(&machine_mirror(), suite, keyring))?;

    let apt = || {
        let mut command = process::command("apt-get");
        command.arg("-q").current_dir(folder);
        for option in [
            "Dir::Etc::SourceList=/dev/null",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ] {
            command.args(["-o", option]);
        }
        for (name, value) in [
            ("Dir::Etc::SourceParts", parts.clone()),
            ("Dir::State::Lists", folder.join("state/lists")),
            ("Dir::Cache", folder.join("cache")),
            ("Dir::Cache::archives", folder.join("cache/archives")),
        ] {
            let mut option = OsString::from(format!("{name}="));
            option.push(value);
            command.arg("-o").arg(option);
        }
        command
    };
    process::run(apt().arg("update"), &format!("reading the package list of Debian {suite}"))?;
    process::run(apt().args(["download", package]), &format!("downloading {package}"))?;
    downloaded(package, folder)
}

/// Unpacks `packages` of the machine's own release into `folder/root`, with what they need and the machine lacks, but for packages
/// whose names begin as one of `without`. Nothing is installed, and no program of the packages runs. The files that were downloaded stay in
/// `folder/archives`.
///
/// # Errors
/// Where there is no apt, or the release has no such package.
pub fn unpack(packages: &[&str], without: &[&str], folder: &Path) -> Result<()> {
    if process::find_program(&["apt-get"]).is_none() {
        bail!("this machine has no apt-get");
    }
    let needed = || -> Result<Vec<String>> {
        let mut simulate = process::command("apt-get");
        simulate.args(["--simulate", "--no-install-recommends", "--reinstall", "install"]).args(packages);
        Ok(to_install(&process::output(&mut simulate, "asking apt-get what the packages need")?, without))
    };
    let packages = needed().or_else(|_| {
        process::run(as_root()?.args(["apt-get", "-q", "update"]), "apt-get update")?;
        needed()
    })?;
    let (archives, root) = (folder.join("archives"), folder.join("root"));
    for fresh in [&archives, &root] {
        if fresh.exists() {
            fs::remove_dir_all(fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
        }
        fs::create_dir_all(fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    }
    let mut download = process::command("apt-get");
    download.current_dir(&archives).args(["-q", "-o", "APT::Sandbox::User=root", "download"]).args(&packages);
    process::run(&mut download, &format!("downloading {}", packages.join(" ")))?;
    for name in &packages {
        let archive = downloaded(name, &archives)?;
        let mut extract = process::command("dpkg-deb");
        process::run(extract.arg("--extract").arg(&archive).arg(&root), &format!("unpacking {name}"))?;
    }
    Ok(())
}

/// The packages in what `apt-get --simulate` prints.
fn to_install(simulation: &str, without: &[&str]) -> Vec<String> {
    let names = simulation.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    names.filter(|name| !without.iter().any(|start| name.starts_with(start))).map(str::to_owned).collect()
}

fn downloaded(package: &str, folder: &Path) -> Result<PathBuf> {
    let start = format!("{package}_");
    fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .flatten()
        .map(|file| file.path())
        .find(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&start) && name.ends_with(".deb")
        })
        .with_context(|| format!("apt-get said nothing, but there is no {start}*.deb in {}", folder.display()))
}

/// Whether the machine has this package.
pub fn is_installed(package: &str) -> bool {
    let mut query = process::command("dpkg-query");
    process::output(query.args(["--show", "--showformat=${db:Status-Status}", package]), "asking dpkg")
        .is_ok_and(|status| status == "installed")
}

/// `env` as root, waiting for nobody who is not there: sudo asks for a password on a terminal only.
fn as_root() -> Result<Command> {
    let mut command = if is_root()? {
        process::command("env")
    } else if process::find_program(&["sudo"]).is_some() {
        let mut sudo = process::command("sudo");
        if !io::stdin().is_terminal() {
            sudo.arg("--non-interactive");
        }
        sudo.arg("env");
        sudo
    } else {
        bail!("installing Debian packages needs root, and there is no sudo");
    };
    command.arg("DEBIAN_FRONTEND=noninteractive");
    Ok(command)
}

fn is_root() -> Result<bool> {
    Ok(process::output(process::command("id").arg("-u"), "asking for the user id")?.trim() == "0")
}

fn private_source(mirror: &str, suite: &str, keyring: Option<&str>) -> String {
    let mut source = format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n");
    if let Some(keyring) = keyring {
        source.push_str(&format!("Signed-By: {keyring}\n"));
    }
    source
}

/// The mirror that this machine gets its own release from: others may be out of its reach.
fn machine_mirror() -> String {
    let codename = fs::read_to_string("/etc/os-release").ok().and_then(|text| codename(&text));
    let lists = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = std::iter::once(PathBuf::from("/etc/apt/sources.list")).chain(lists).collect();
    files.sort();
    codename
        .and_then(|codename| {
            files.iter().find_map(|file| {
                let text = fs::read_to_string(file).ok()?;
                match file.extension()?.to_str()? {
                    "sources" => mirror_in_stanzas(&text, &codename),
                    "list" => mirror_in_lines(&text, &codename),
                    _ => None,
                }
            })
        })
        .unwrap_or_else(|| DEFAULT_MIRROR.to_owned())
}

fn codename(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim_matches('"').to_owned())
}

/// The mirror of `suite`'s main component in a `.sources` file (sources.list(5), "deb822-style format").
fn mirror_in_stanzas(text: &str, suite: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).find_map(|stanza| {
        let field = |name: &str| {
            stanza.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value.trim())
            })
        };
        let has =
            |name: &str, word: &str| field(name).is_some_and(|value| value.split_whitespace().any(|one| one == word));
        let enabled = field("Enabled").is_none_or(|value| !value.eq_ignore_ascii_case("no"));
        if enabled && has("Types", "deb") && has("Suites", suite) && has("Components", "main") {
            field("URIs")?.split_whitespace().next().map(str::to_owned)
        } else {
            None
        }
    })
}

/// The same in a `.list` file (sources.list(5), "one-line-style format").
fn mirror_in_lines(text: &str, suite: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        let mut words = rest.split_whitespace();
        let uri = words.next()?;
        (words.next()? == suite && words.any(|component| component == "main")).then(|| uri.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "Types: deb\n\
        # http://snapshot.debian.org/archive/debian/20250520T000000Z\n\
        URIs: http://mirror.example/debian\n\
        Suites: bookworm bookworm-updates\n\
        Components: main\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\
        \n\
        Types: deb\n\
        URIs: http://mirror.example/debian-security\n\
        Suites: bookworm-security\n\
        Components: main\n";

    #[test]
    fn the_mirror_of_the_machines_own_release_is_taken_and_not_the_security_one() {
        assert_eq!(mirror_in_stanzas(STANZAS, "bookworm").as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(
            mirror_in_stanzas(STANZAS, "bookworm-security").as_deref(),
            Some("http://mirror.example/debian-security")
        );
        assert_eq!(mirror_in_stanzas(STANZAS, "trixie"), None);
    }

    #[test]
    fn a_disabled_source_and_a_source_of_somebody_else_are_not_taken() {
        let disabled = format!("Enabled: no\n{STANZAS}");
        assert_eq!(mirror_in_stanzas(&disabled, "bookworm"), None);
        let nodesource = "Types: deb\nURIs: https://deb.nodesource.com/node_20.x\nSuites: nodistro\nComponents: main\n";
        assert_eq!(mirror_in_stanzas(nodesource, "bookworm"), None);
        let docker = "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.gpg] https://download.docker.com/linux/debian bookworm stable";
        assert_eq!(mirror_in_lines(docker, "bookworm"), None);
    }

    #[test]
    fn one_line_sources_are_read_with_and_without_options() {
        assert_eq!(
            mirror_in_lines("# comment\ndeb http://a.example/debian bookworm main contrib\n", "bookworm").as_deref(),
            Some("http://a.example/debian")
        );
        assert_eq!(
            mirror_in_lines("deb [ arch=amd64 ] http://b.example/debian bookworm main", "bookworm").as_deref(),
            Some("http://b.example/debian")
        );
        assert_eq!(mirror_in_lines("deb-src http://c.example/debian bookworm main", "bookworm"), None);
    }

    #[test]
    fn the_codename_is_read_with_and_without_quotes() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n").as_deref(), Some("bookworm"));
        assert_eq!(codename("VERSION_CODENAME=\"trixie\"\n").as_deref(), Some("trixie"));
        assert_eq!(codename("ID=arch\n"), None);
    }

    #[test]
    fn the_private_source_names_the_keyring_so_that_the_release_is_verified() {
        let source = private_source("http://mirror.example/debian", "trixie", Some("/keyring.gpg"));
        assert_eq!(
            source,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\nSigned-By: /keyring.gpg\n"
        );
    }

    #[test]
    fn what_a_package_needs_is_read_from_a_simulation() {
        let simulation = "NOTE: This is only a simulation!\nInst libconfig9 (1.5-0.4 Debian:12.12/oldstable [amd64])\n\
            Inst mariadb-client (1:10.11 Debian [all])\nInst glewlwyd [2.7.5] (2.7.5-3 Debian [amd64])\nConf libconfig9 (1.5-0.4)\n";
        assert_eq!(to_install(simulation, &["mariadb-", "dbconfig-"]), ["libconfig9", "glewlwyd"]);
    }

    #[test]
    fn a_package_that_is_not_there_is_not_installed() {
        assert!(!is_installed("gatehouse-no-such-package"));
    }
}
