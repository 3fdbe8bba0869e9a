//! The local demo: three servers, their addresses, and what they are started with.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::process;
use crate::workspace::Workspace;

/// The port that the checked-in configuration has for Gatehouse; the two others follow it.
pub const DEFAULT_PORT_BASE: u16 = 3000;
/// The checked-in configuration document of the demo.
const CONFIGURATION: &str = "examples/gatehouse.toml";
/// Variables for real use must not end up in the demo: the embedded host reads all of this kind.
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

/// The file with the client secret that the demo identity provider and Gatehouse share.
pub const IDENTITY_PROVIDER_SECRET: &str = "identity-provider-secret";

/// The names of the servers, as they are shown.
pub const GATEHOUSE: &str = "gatehouse";
pub const IDENTITY_PROVIDER: &str = "identity-provider";
pub const MCP_SERVER: &str = "mcp-server";

/// The loopback addresses of the three servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    base: u16,
}

impl Addresses {
    /// Three ports from `base` on.
    pub fn from_base(base: u16) -> Result<Self> {
        ensure!(
            (1..=u16::MAX - 2).contains(&base),
            "--port-base must be between 1 and 65533: three ports are used from there on"
        );
        Ok(Self { base })
    }

    pub fn gatehouse(self) -> SocketAddrV4 {
        loopback(self.base)
    }

    pub fn identity_provider(self) -> SocketAddrV4 {
        loopback(self.base + 1)
    }

    pub fn mcp_server(self) -> SocketAddrV4 {
        loopback(self.base + 2)
    }

    fn all(self) -> [(&'static str, SocketAddrV4); 3] {
        [(GATEHOUSE, self.gatehouse()), (IDENTITY_PROVIDER, self.identity_provider()), (MCP_SERVER, self.mcp_server())]
    }

    /// Makes sure, before anything is built or started, that nobody else has one of the ports of the first `servers`.
    pub fn ensure_free(self, servers: usize) -> Result<()> {
        for (name, address) in self.all().into_iter().take(servers) {
            match TcpListener::bind(address) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
                    "port {} on {} is in use, and the demo's {name} needs it; stop what listens there, \
                     or choose three other ports, such as: cargo xtask up --port-base {}",
                    address.port(),
                    address.ip(),
                    if self.base < 4000 { 4000 } else { 3000 },
                ),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot listen on {address} for the demo's {name}"));
                }
            }
        }
        Ok(())
    }
}

fn loopback(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

/// Where the demo keeps its keys, its configuration and its stores.
pub struct Demo {
    pub addresses: Addresses,
    pub folder: PathBuf,
    configuration: PathBuf,
}

impl Demo {
    /// Makes the folder, the keys and the secret on first use, and the configuration where the ports are not those of
    /// the checked-in one.
    pub fn prepare(workspace: &Workspace, addresses: Addresses, folder: Option<&Path>) -> Result<Self> {
        let folder =
            folder.map_or_else(|| default_folder(workspace, addresses), |folder| workspace.root().join(folder));
        create_private_folder(&folder)?;
        create_secret(&folder.join("server-keys"), server_key)?;
        create_secret(&folder.join(IDENTITY_PROVIDER_SECRET), || random(24))?;
        create_secret(&folder.join("upstream-secret"), || random(24))?;
        let checked_in = workspace.path(CONFIGURATION);
        let configuration = if addresses.base == DEFAULT_PORT_BASE {
            checked_in
        } else {
            let text =
                fs::read_to_string(&checked_in).with_context(|| format!("cannot read {}", checked_in.display()))?;
            let generated = folder.join("gatehouse.toml");
            fs::write(&generated, configuration_for(&text, addresses))
                .with_context(|| format!("cannot write {}", generated.display()))?;
            generated
        };
        Ok(Self { addresses, folder, configuration })
    }

    /// The three servers in the order in which they are started: each depends on the ones before it.
    pub fn commands(&self, workspace: &Workspace) -> [(&'static str, Command); 3] {
        let secret = self.file_variable(IDENTITY_PROVIDER_SECRET);
        let upstream_secret = self.file_variable("upstream-secret");
        let issuer = format!("http://{}", self.addresses.identity_provider());
        let gatehouse = format!("http://{}", self.addresses.gatehouse());
        let upstream = format!("http://{}", self.addresses.mcp_server());
        let configuration = format!("@{}", self.configuration.display());
        [
            (
                IDENTITY_PROVIDER,
                self.host(
                    workspace,
                    IDENTITY_PROVIDER,
                    "examples/identity-provider/spin.toml",
                    self.addresses.identity_provider(),
                    &[
                        ("issuer", &issuer),
                        ("client_secret", &secret),
                        ("redirect_uri", &format!("{gatehouse}/callback")),
                    ],
                ),
            ),
            (
                MCP_SERVER,
                self.host(
                    workspace,
                    MCP_SERVER,
                    "examples/mcp-server/spin.toml",
                    self.addresses.mcp_server(),
                    &[("api_key", &upstream_secret)],
                ),
            ),
            (
                GATEHOUSE,
                self.host(
                    workspace,
                    GATEHOUSE,
                    "spin.toml",
                    self.addresses.gatehouse(),
                    &[
                        ("config", &configuration),
                        ("server_keys", &self.file_variable("server-keys")),
                        ("identity_provider_secret", &secret),
                        ("upstream_secret", &upstream_secret),
                        ("identity_provider_origin", &issuer),
                        ("upstream_origin", &upstream),
                    ],
                ),
            ),
        ]
    }

    /// Where the lines of the server `name` go.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Gatehouse alone, before a server of the user's own, which its command line is told.
    pub fn gatehouse(&self, workspace: &Workspace) -> Command {
        self.host(workspace, GATEHOUSE, "spin.toml", self.addresses.gatehouse(), &[])
    }

    fn file_variable(&self, file: &str) -> String {
        format!("@{}", self.folder.join(file).display())
    }

    fn host(
        &self,
        workspace: &Workspace,
        name: &str,
        manifest: &str,
        address: SocketAddrV4,
        variables: &[(&str, &str)],
    ) -> Command {
        let mut command = process::command(workspace.native_target().join("debug/gatehouse"));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().to_uppercase().starts_with(VARIABLE_PREFIX) {
                command.env_remove(variable);
            }
        }
        command.current_dir(workspace.root());
        command.args(["up", "--from"]).arg(workspace.path(manifest));
        command.args(["--listen", &address.to_string(), "--state-dir"]).arg(self.folder.join(name));
        for (variable, value) in variables {
            command.arg("--variable").arg(format!("{variable}={value}"));
        }
        command
    }
}

/// One folder for each set of ports, so that two demos do not share their stores.
fn default_folder(workspace: &Workspace, addresses: Addresses) -> PathBuf {
    let folder = workspace.path(".gatehouse");
    if addresses.base == DEFAULT_PORT_BASE { folder } else { folder.join(format!("port-{}", addresses.base)) }
}

/// The checked-in document with the three addresses replaced by `addresses`. Everything else, comments too, stays.
fn configuration_for(document: &str, addresses: Addresses) -> String {
    let checked_in = Addresses { base: DEFAULT_PORT_BASE };
    let mut rest = document;
    let mut replaced = String::with_capacity(document.len());
    // One pass, so that a new address which looks like an old one is not replaced again.
    while let Some(character) = rest.chars().next() {
        let found = checked_in.all().into_iter().zip(addresses.all()).find_map(|((_, old), (_, new))| {
            let after = rest.strip_prefix(&old.to_string())?;
            (!after.starts_with(|next: char| next.is_ascii_digit())).then_some((after, new))
        });
        if let Some((after, new)) = found {
            replaced.push_str(&new.to_string());
            rest = after;
        } else {
            replaced.push(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
    }
    replaced
}

/// One server key, `id:base64url of 32 bytes`; the id is the day, so that a later key sorts after it.
fn server_key() -> Result<String> {
    let now = jiff::Timestamp::now().to_string();
    let day = now.get(..10).context("the clock shows no date")?;
    Ok(format!("{day}:{}", random(32)?))
}

/// `length` bytes from the operating system's generator, as base64url.
fn random(length: usize) -> Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the operating system gives no random bytes: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Writes a secret once, readable by this user only from its first moment on.
fn create_secret(file: &Path, make: impl FnOnce() -> Result<String>) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    // Written whole under another name first: an interrupted run must not leave half a key that is used ever after.
    let unfinished = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&unfinished)
        .and_then(|mut opened| opened.write_all(make().map_err(io::Error::other)?.as_bytes()))
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, file).with_context(|| format!("cannot write {}", file.display()))
}

fn create_private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("cannot create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(base: u16) -> Addresses {
        Addresses::from_base(base).unwrap()
    }

    #[test]
    fn three_ports_follow_the_base() {
        let at = addresses(4000);
        assert_eq!(at.gatehouse().to_string(), "127.0.0.1:4000");
        assert_eq!(at.identity_provider().to_string(), "127.0.0.1:4001");
        assert_eq!(at.mcp_server().to_string(), "127.0.0.1:4002");
        assert!(Addresses::from_base(0).is_err());
        assert!(Addresses::from_base(65534).is_err());
    }

    #[test]
    fn a_port_in_use_is_told_with_what_needs_it_and_how_to_choose_another() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = addresses(port.min(65533)).ensure_free(3).unwrap_err().to_string();
        assert!(error.contains("is in use") && error.contains("--port-base"), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn other_ports_replace_the_checked_in_ones_wherever_they_occur() {
        let document = "# Grüße\npublic_url = \"http://127.0.0.1:3000\"\nissuer = \"http://127.0.0.1:3001\"\nurl = \"http://127.0.0.1:3002/mcp\"\n";
        let expected = "# Grüße\npublic_url = \"http://127.0.0.1:3001\"\nissuer = \"http://127.0.0.1:3002\"\nurl = \"http://127.0.0.1:3003/mcp\"\n";
        assert_eq!(configuration_for(document, addresses(3001)), expected);
    }

    #[test]
    fn longer_ports_and_other_hosts_stay_as_they_are() {
        let document = "a = \"http://127.0.0.1:30001\"\nb = \"http://localhost:3000\"\nc = 3000\n";
        assert_eq!(configuration_for(document, addresses(4000)), document);
    }

    #[test]
    fn a_server_key_is_a_day_and_32_random_bytes() {
        let (one, other) = (server_key().unwrap(), server_key().unwrap());
        assert_ne!(one, other);
        let (day, key) = one.split_once(':').unwrap();
        assert_eq!(day.len(), 10);
        assert_eq!(URL_SAFE_NO_PAD.decode(key).unwrap().len(), 32);
    }

    #[test]
    fn keys_are_made_once_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server-keys");
        create_secret(&file, server_key).unwrap();
        let first = fs::read_to_string(&file).unwrap();
        create_secret(&file, || unreachable!()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_keys_or_list_their_folder() {
        use std::os::unix::fs::PermissionsExt;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("state");
        create_private_folder(&folder).unwrap();
        create_secret(&folder.join("secret"), || random(24)).unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(folder.join("secret").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn secrets_are_passed_by_file_and_never_as_arguments() {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("examples")).unwrap();
        fs::write(outer.path().join(CONFIGURATION), "public_url = \"http://127.0.0.1:3000\"\n").unwrap();
        let workspace = Workspace::at(outer.path());
        let demo = Demo::prepare(&workspace, addresses(4000), None).unwrap();
        let secrets = ["server-keys", "identity-provider-secret", "upstream-secret"]
            .map(|file| fs::read_to_string(demo.folder.join(file)).unwrap());
        for (name, command) in demo.commands(&workspace) {
            let shown = process::shown(&command);
            assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{name}");
        }
        assert!(demo.folder.ends_with(".gatehouse/port-4000"));
        assert_eq!(
            fs::read_to_string(demo.folder.join("gatehouse.toml")).unwrap(),
            "public_url = \"http://127.0.0.1:4000\"\n"
        );
    }
}
