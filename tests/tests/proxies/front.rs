//! A proxy as its own process: from a file of the guide, or from another configuration.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gatehouse_tests::{HeldPort, http, repository};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// No proxy takes longer to listen, on two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);
/// One attempt to get an answer of it.
const ATTEMPT: Duration = Duration::from_secs(1);
/// What stands for Gatehouse and for the name of the machine in every file of the guide.
const GATEHOUSE: &str = "127.0.0.1:3000";
const NAME: &str = "gateway.example.com";
/// What the proxy says on standard error.
const LOG: &str = "log";

/// A proxy that the guide configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Nginx,
    Haproxy,
    Caddy,
}

impl Proxy {
    /// Its program; `None`, with a word, where it is not installed.
    fn program(self) -> Option<Command> {
        let name = match self {
            Self::Nginx => "NGINX",
            Self::Haproxy => "HAPROXY",
            Self::Caddy => "CADDY",
        };
        // One that is unpacked has its libraries beside it.
        let (program, libraries) = (format!("GATEHOUSE_TEST_{name}"), "GATEHOUSE_TEST_PROXY_LIBRARIES");
        let Ok(program) = std::env::var(&program) else {
            eprintln!(
                "skipped: {program} does not say where {self:?} is; `cargo xtask test` does, where it can bring it"
            );
            return None;
        };
        let mut command = Command::new(program);
        if let Ok(libraries) = std::env::var(libraries) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        Some(command)
    }

    /// The file of the guide.
    fn file(self) -> PathBuf {
        let name = match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Caddy => "Caddyfile",
        };
        repository().join("examples/proxies").join(name)
    }

    /// The lines of the guide that a test cannot have, with what takes their place; `{port}` is the proxy's.
    fn replaced(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Nginx => &[
                ("listen 443 ssl http2;", "listen 127.0.0.1:{port};"),
                ("access_log /var/log/nginx/gatehouse.log gatehouse;", "access_log /dev/stderr gatehouse;"),
                ("ssl_certificate /etc/ssl/certs/gateway.example.com.pem;", ""),
                ("ssl_certificate_key /etc/ssl/private/gateway.example.com.key;", ""),
            ],
            Self::Haproxy => &[
                ("log /dev/log local0", "log stderr format raw local0"),
                (
                    "bind :443 ssl crt /etc/haproxy/certs/gateway.example.com.pem alpn h2,http/1.1",
                    "bind 127.0.0.1:{port}",
                ),
            ],
            // At all addresses, the port could be that of a client that connects from another address of this machine.
            Self::Caddy => &[("gateway.example.com {", "http://127.0.0.1:{port} {\n\tbind 127.0.0.1")],
        }
    }

    /// The guide's configuration without TLS, from the proxy's `port` to `gatehouse`, an address.
    pub(crate) fn guided(self, port: u16, gatehouse: &str) -> String {
        let mut text = std::fs::read_to_string(self.file()).expect("a file of the guide");
        for (line, other) in self.replaced() {
            assert!(text.contains(line), "{self:?}: the file has no {line}");
            text = text.replace(line, &other.replace("{port}", &port.to_string()));
        }
        assert!(text.contains(GATEHOUSE), "{self:?}: the file does not lead to {GATEHOUSE}");
        text.replace(GATEHOUSE, gatehouse)
    }

    /// How the program is told to run `configuration`, or only to check it.
    fn command(self, folder: &Path, configuration: &str, check: bool) -> Option<Command> {
        let mut command = self.program()?;
        let file = folder.join("configuration");
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("the folder can be written");
        match self {
            Self::Nginx => {
                let at = |name: &str| folder.join(name).display().to_string();
                let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| {
                    std::fs::create_dir_all(at(kind)).expect("the folder can be written");
                    format!("{kind}_temp_path {};\n", at(kind))
                });
                let (pid, own, paths) = (at("pid"), at("gatehouse.conf"), paths.concat());
                write(Path::new(&own), configuration);
                let main = format!(
                    "daemon off;\nmaster_process off;\npid {pid};\nerror_log stderr;\nevents {{}}\n\
                     http {{\naccess_log off;\n{paths}include {own};\n}}\n"
                );
                write(&file, &main);
                command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(&file);
                command.args(check.then_some("-t"));
            }
            Self::Haproxy => {
                write(&file, configuration);
                command.args(if check { ["-c"].as_slice() } else { &["-db"] }).arg("-f").arg(&file);
            }
            Self::Caddy => {
                write(&file, &format!("{{\n\tadmin off\n\tauto_https off\n}}\n{configuration}"));
                command.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
                command.arg(if check { "validate" } else { "run" });
                command.args(["--adapter", "caddyfile", "--config"]).arg(&file);
            }
        }
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null());
        Some(command)
    }

    /// Whether the file of the guide, with its TLS, is one that the program takes. `None` where there is no program.
    pub(crate) async fn takes_its_file(self) -> Option<Result<(), String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("certificate", &certificate), ("key", &key), ("both", &format!("{certificate}{key}"))] {
            std::fs::write(at(name), text).expect("the folder can be written");
        }
        let mut text = std::fs::read_to_string(self.file()).expect("a file of the guide");
        for (path, name) in [
            ("/etc/ssl/certs/gateway.example.com.pem", "certificate"),
            ("/etc/ssl/private/gateway.example.com.key", "key"),
            ("/etc/haproxy/certs/gateway.example.com.pem", "both"),
            ("/var/log/nginx/gatehouse.log", LOG),
        ] {
            text = text.replace(path, &at(name).display().to_string());
        }
        let checked = self.command(folder.path(), &text, true)?.stderr(Stdio::piped()).output().await;
        let checked = checked.expect("the program runs");
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        Some(if checked.status.success() { Ok(()) } else { Err(said) })
    }
}

/// A proxy that runs; it ends with the test.
pub(crate) struct Front {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    _child: Child,
    folder: TempDir,
}

impl Front {
    /// What the proxy has written so far: its own log, and what is wrong.
    pub(crate) fn log(&self) -> String {
        logged(&self.folder)
    }
}

fn logged(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join(LOG)).unwrap_or_default()
}

/// A port for a proxy, known before there is one.
pub(crate) struct ProxyPort(HeldPort);

impl ProxyPort {
    pub(crate) fn take() -> Self {
        Self(HeldPort::take())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.number())
    }

    /// Starts `proxy` here, with what `configure` writes for the port, and waits until it answers. `None` where there is no
    /// program.
    pub(crate) async fn start(self, proxy: Proxy, configure: impl FnOnce(u16) -> String) -> Option<Front> {
        let (url, port) = (self.url(), self.0.lend());
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = proxy.command(folder.path(), &configure(port), false)?;
        let log = std::fs::File::create(folder.path().join(LOG)).expect("the folder can be written");
        let mut child =
            command.stderr(log).spawn().unwrap_or_else(|error| panic!("{proxy:?} cannot be started: {error}"));
        let client = http();
        let listening = async {
            // An answer, and not only a connection: a process that another test starts in this moment can still hold the port that was
            // let go, and a connection that it took is cut.
            while client.get(&url).timeout(ATTEMPT).send().await.is_err() {
                if let Some(status) = child.try_wait().expect("a status") {
                    panic!("{proxy:?} ended early, with {status}: {}", logged(&folder));
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, listening).await.expect("the proxy listens");
        Some(Front { url, _child: child, folder })
    }
}

#[tokio::test]
async fn each_proxy_takes_the_guides_own_file_with_its_tls() {
    for proxy in [Proxy::Nginx, Proxy::Haproxy, Proxy::Caddy] {
        if let Some(Err(said)) = proxy.takes_its_file().await {
            panic!("{proxy:?}: {said}");
        }
    }
}
