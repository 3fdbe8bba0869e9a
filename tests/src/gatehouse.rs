//! Gatehouse itself, from the same manifest and artefact that ship.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{Application, CapturedLog, Options, Running, VariableSources};
use tempfile::TempDir;
use tokio::process::Command;

use crate::clock::TestClock;
use crate::held_port::HeldPort;
use crate::paths::{artefact, repository};
use crate::program::Program;
use crate::spin;
use crate::store::{snapshot, snapshot_of};
use crate::wash::{self, StoreServer, WashStore, Workload};

/// Seconds for which an access token is taken behind its announced end.
const GRACE_SECONDS: u64 = 10;

/// Names the host of those tests that do not say theirs.
const HOST: &str = "GATEHOUSE_TEST_HOST";

/// On what Gatehouse runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Our own host, in this process.
    Embedded,
    /// The same with a Redis of its own.
    EmbeddedRedis,
    /// The same with a proxy before the Redis, which can be told to fail: [`StoreServer::proxy`].
    EmbeddedRedisBehindProxy,
    /// Our own host as it is shipped: `gatehouse up`, in a process of its own.
    EmbeddedProcess,
    /// The same, started by this program with these first arguments. `STATE_DIRECTORY` is set for it.
    EmbeddedProcessUnder(&'static [&'static str]),
    /// The same of a checkout in this folder, as it is released: with the profile `native`, and that checkout's artefact.
    Released(&'static Path),
    /// `spin up`, with a store of its own.
    Spin,
    /// The same with a Redis of its own.
    SpinRedis,
    /// `wash dev`, with this store.
    Wash(WashStore),
}

impl HostKind {
    /// Whether it is on this machine, with its store's server.
    pub fn is_installed(self) -> bool {
        match self {
            Self::Embedded | Self::EmbeddedProcess | Self::EmbeddedProcessUnder(_) | Self::Released(_) => true,
            Self::EmbeddedRedis | Self::EmbeddedRedisBehindProxy => wash::store_is_installed(WashStore::Redis),
            Self::Spin => spin::spin_is_installed(),
            Self::SpinRedis => spin::spin_is_installed() && wash::store_is_installed(WashStore::Redis),
            Self::Wash(store) => wash::wash_is_installed(store),
        }
    }

    /// On what tests run that do not say it: the embedded host, or what `cargo xtask hosts` names in [`HOST`].
    pub(crate) fn of_tests() -> Self {
        match std::env::var(HOST).as_deref() {
            Ok("wash-redis") => Self::Wash(WashStore::Redis),
            Ok(other) => panic!("{HOST}: there is no host `{other}`"),
            Err(_) => Self::Embedded,
        }
    }
}

/// How Gatehouse is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration document.
    pub configuration: String,
    /// The identity provider's origin, for the allowed outbound hosts.
    pub identity_provider: String,
    /// The upstream's origin, for the allowed outbound hosts.
    pub upstream: String,
    /// Secrets and other variables.
    pub variables: Vec<(String, String)>,
    /// A PEM file of certificate authorities to trust besides the system's; only the embedded host can be told.
    pub ca_file: Option<PathBuf>,
    /// More arguments for `gatehouse up`; only a released host has any.
    pub arguments: Vec<String>,
}

/// A running Gatehouse with a store of its own.
pub struct Gatehouse {
    /// Where it is reached; also its issuer.
    pub url: String,
    /// Its clock; only the embedded host can be told the time.
    pub clock: Arc<TestClock>,
    /// Its log; only the embedded host's is kept.
    pub log: Arc<CapturedLog>,
    /// Seconds for which its access tokens are valid.
    access_token_seconds: u64,
    variables: Vec<(String, String)>,
    ca_file: Option<PathBuf>,
    state_directory: Arc<TempDir>,
    runs: Runs,
}

enum Runs {
    Embedded(Running, Option<Arc<StoreServer>>),
    Process(Box<Program>),
    SpinRedis(Box<Program>, Arc<StoreServer>),
    Wash(Box<Program>, Arc<StoreServer>),
}

impl Gatehouse {
    /// A valid key ring for tests.
    pub const SERVER_KEYS: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    /// Starts on `host` at the port that is held. Spin has to be let have it: it opens its own socket.
    pub async fn start(host: HostKind, held: HeldPort, settings: Settings, access_token_seconds: u64) -> Self {
        let state_directory = Arc::new(tempfile::tempdir().expect("a folder for the state"));
        let mut variables = vec![
            ("config".to_owned(), settings.configuration),
            ("server_keys".to_owned(), Self::SERVER_KEYS.to_owned()),
            ("identity_provider_origin".to_owned(), settings.identity_provider),
            ("upstream_origin".to_owned(), settings.upstream),
        ];
        variables.extend(settings.variables);
        let ca_file = settings.ca_file;
        let (clock, log) = (Arc::new(TestClock::default()), Arc::new(CapturedLog::new()));
        let checkout = match host {
            HostKind::Released(checkout) => checkout.to_owned(),
            _ => repository(),
        };
        let (manifest, port) = (manifest(&checkout, &variables, state_directory.path()), held.number());
        let runs = match host {
            HostKind::Embedded => {
                let options = options(&variables, &ca_file, state_directory.path(), &clock, &log);
                Runs::Embedded(serve(&manifest, options, held).await, None)
            }
            HostKind::EmbeddedRedis | HostKind::EmbeddedRedisBehindProxy => {
                let store = match host {
                    HostKind::EmbeddedRedisBehindProxy => WashStore::RedisBehindProxy,
                    _ => WashStore::Redis,
                };
                let store = Arc::new(StoreServer::start(store, state_directory.path()).await);
                let mut options = options(&variables, &ca_file, state_directory.path(), &clock, &log);
                options.runtime_config_file = Some(runtime_config(&store, state_directory.path()));
                Runs::Embedded(serve(&manifest, options, held).await, Some(store))
            }
            HostKind::EmbeddedProcess => {
                drop(held);
                let command = embedded_process(&[], &ca_file, state_directory.path());
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await))
            }
            HostKind::EmbeddedProcessUnder(starter) => {
                drop(held);
                let command = embedded_process(starter, &ca_file, state_directory.path());
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await))
            }
            HostKind::Released(checkout) => {
                assert_eq!(ca_file, None, "nothing that is measured needs an authority");
                drop(held);
                let mut command = Command::new(checkout.join("target/native/gatehouse"));
                command.arg("up").args(&settings.arguments);
                prepare_up(&mut command, &manifest, port, state_directory.path(), &variables);
                // Whoever measures has no time to spare for the log.
                let log = state_directory.path().join("log");
                Runs::Process(Box::new(serving(Program::start_with_errors_in("up", command, &log)).await))
            }
            HostKind::Spin => {
                assert_eq!(ca_file, None, "Spin trusts the system's authorities only");
                drop(held);
                let command = spin::command(state_directory.path());
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await))
            }
            HostKind::SpinRedis => {
                assert_eq!(ca_file, None, "Spin trusts the system's authorities only");
                drop(held);
                let store = Arc::new(StoreServer::start(WashStore::Redis, state_directory.path()).await);
                let program = spin_over(&store, &manifest, port, state_directory.path(), &variables).await;
                Runs::SpinRedis(Box::new(program), store)
            }
            HostKind::Wash(store) => {
                assert_eq!(ca_file, None, "what is tested on wasmCloud needs no authority");
                drop(held);
                let store = Arc::new(StoreServer::start(store, state_directory.path()).await);
                let program = on_wash(&store, port, &variables, state_directory.path()).await;
                Runs::Wash(Box::new(program), store)
            }
        };
        let url = format!("http://127.0.0.1:{port}");
        Self { url, clock, log, access_token_seconds, variables, ca_file, state_directory, runs }
    }

    /// Another instance of the same configuration, with the same store, clock and log, at a port of its own: what a load
    /// balancer has behind it. It is on the embedded host, but for that of a wasmCloud or of a Spin over
    /// Redis.
    ///
    /// `changed` variables have other values: what a roll-out has beside the old instances.
    pub async fn beside_with(&self, changed: &[(&str, &str)]) -> Self {
        self.beside_adjusted(changed, |_| {}).await
    }

    /// The same with other options of the host.
    pub async fn beside_adjusted(&self, changed: &[(&str, &str)], adjust: impl FnOnce(&mut Options)) -> Self {
        let held = HeldPort::take();
        let url = format!("http://127.0.0.1:{}", held.number());
        let kept = self.variables.iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name)).cloned();
        let changed = changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables: Vec<_> = kept.chain(changed).collect();
        let runs = match &self.runs {
            Runs::Wash(_, store) => {
                let folder = self.state_directory.path().join(held.number().to_string());
                let port = held.number();
                drop(held);
                let program = on_wash(store, port, &variables, &folder).await;
                Runs::Wash(Box::new(program), Arc::clone(store))
            }
            Runs::SpinRedis(_, store) => {
                let (folder, port) = (self.state_directory.path().join(held.number().to_string()), held.number());
                std::fs::create_dir_all(&folder).expect("the folder can be made");
                drop(held);
                let manifest = manifest(&repository(), &variables, &folder);
                let program = spin_over(store, &manifest, port, &folder, &variables).await;
                Runs::SpinRedis(Box::new(program), Arc::clone(store))
            }
            Runs::Embedded(..) | Runs::Process(_) => {
                let (folder, store) = (self.state_directory.path(), self.shared_store());
                let manifest = manifest(&repository(), &variables, folder);
                let mut options = options(&variables, &self.ca_file, folder, &self.clock, &self.log);
                options.runtime_config_file = store.as_deref().map(|store| runtime_config(store, folder));
                adjust(&mut options);
                Runs::Embedded(serve(&manifest, options, held).await, store)
            }
        };
        Self {
            url,
            clock: Arc::clone(&self.clock),
            log: Arc::clone(&self.log),
            access_token_seconds: self.access_token_seconds,
            variables,
            ca_file: self.ca_file.clone(),
            state_directory: Arc::clone(&self.state_directory),
            runs,
        }
    }

    /// Another instance of the same configuration, with the same store, in a process of its own: one that a test can kill.
    pub async fn process_beside(&self) -> Self {
        let held = HeldPort::take();
        let (port, folder) = (held.number(), self.state_directory.path());
        drop(held);
        let manifest = manifest(&repository(), &self.variables, folder);
        let command = embedded_process(&[], &self.ca_file, folder);
        let runs = Runs::Process(Box::new(up(command, &manifest, port, folder, &self.variables).await));
        Self {
            url: format!("http://127.0.0.1:{port}"),
            clock: Arc::new(TestClock::default()),
            log: Arc::new(CapturedLog::new()),
            access_token_seconds: self.access_token_seconds,
            variables: self.variables.clone(),
            ca_file: self.ca_file.clone(),
            state_directory: Arc::clone(&self.state_directory),
            runs,
        }
    }

    /// The value of a variable, such as `config`.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Lets every access token that was issued so far expire.
    pub async fn expire_access_tokens(&self) {
        match self.runs {
            Runs::Embedded(..) => self.clock.advance(self.access_token_seconds + GRACE_SECONDS),
            // A process has the machine's clock. The wait is what is tested: the token's own lifetime and its grace, and no more.
            Runs::Process(_) | Runs::SpinRedis(..) | Runs::Wash(..) => {
                tokio::time::sleep(Duration::from_secs(self.access_token_seconds + GRACE_SECONDS)).await;
            }
        }
    }

    /// The folder of the store.
    pub fn state_directory(&self) -> PathBuf {
        self.state_directory.path().to_owned()
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop_within(Duration::from_secs(1)).await;
    }

    /// Whether wasmCloud serves it, and so reads requests before it does.
    pub fn is_on_wash(&self) -> bool {
        matches!(self.runs, Runs::Wash(..))
    }

    /// Its process; `None` where it runs in this one.
    pub fn process_id(&self) -> Option<u32> {
        match &self.runs {
            Runs::Embedded(..) => None,
            Runs::Process(program) | Runs::SpinRedis(program, _) | Runs::Wash(program, _) => program.id(),
        }
    }

    /// The server of its store, if it has one of its own.
    pub fn store_server(&self) -> Option<&StoreServer> {
        match &self.runs {
            Runs::Wash(_, store) | Runs::SpinRedis(_, store) | Runs::Embedded(_, Some(store)) => Some(store),
            Runs::Embedded(_, None) | Runs::Process(_) => None,
        }
    }

    /// The Redis of the embedded host, if it has one.
    fn shared_store(&self) -> Option<Arc<StoreServer>> {
        match &self.runs {
            Runs::Embedded(_, store) => store.clone(),
            Runs::Process(_) | Runs::SpinRedis(..) | Runs::Wash(..) => None,
        }
    }

    /// Every entry of its store, name and value, in order: to compare before and after.
    pub async fn store(&self) -> Vec<(String, Vec<u8>)> {
        match &self.runs {
            Runs::Wash(_, store) => store.entries().await,
            Runs::SpinRedis(_, store) | Runs::Embedded(_, Some(store)) => snapshot_of(&store.open()).await,
            Runs::Embedded(_, None) | Runs::Process(_) => snapshot(self.state_directory.path()).await,
        }
    }

    /// Ends its process at once, as SIGKILL does.
    pub async fn kill(self) {
        match self.runs {
            Runs::Embedded(..) => panic!("it runs in this process"),
            Runs::Process(mut program) | Runs::SpinRedis(mut program, _) | Runs::Wash(mut program, _) => {
                program.kill().await
            }
        }
    }

    /// Ends it, and gives running requests `grace` to end by themselves. Whether all of them did; a process does not say.
    pub async fn stop_within(self, grace: Duration) -> bool {
        match self.runs {
            Runs::Embedded(running, _) => running.shutdown(grace).await,
            Runs::Process(mut program) | Runs::SpinRedis(mut program, _) | Runs::Wash(mut program, _) => {
                program.interrupt().await;
                true
            }
        }
    }
}

/// The manifest that ships with the checkout; with more variables where a test has secrets that it does not declare, as its comments ask
/// operators to.
fn manifest(checkout: &Path, variables: &[(String, String)], folder: &Path) -> PathBuf {
    let artefact = checkout.join("target/gatehouse.wasm");
    assert!(artefact.exists(), "{} is missing; `cargo xtask build` makes it", artefact.display());
    let shipped = checkout.join("spin.toml");
    let mut text = std::fs::read_to_string(&shipped).expect("the manifest");
    let undeclared: Vec<_> = variables
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !text.contains(&format!("\n{name} = {{")))
        .cloned()
        .collect();
    if undeclared.is_empty() {
        return shipped;
    }
    for name in undeclared {
        text = text
            .replace("\n[[trigger.http]]", &format!("{name} = {{ default = \"\", secret = true }}\n\n[[trigger.http]]"))
            .replace(
                "\n[component.gatehouse.build]",
                &format!("{name} = \"{{{{ {name} }}}}\"\n\n[component.gatehouse.build]"),
            );
    }
    let text = text.replace("\"target/gatehouse.wasm\"", &format!("{:?}", artefact.display().to_string()));
    let path = folder.join("spin.toml");
    std::fs::write(&path, text).expect("the folder can be written");
    path
}

fn options(
    variables: &[(String, String)],
    ca_file: &Option<PathBuf>,
    folder: &Path,
    clock: &Arc<TestClock>,
    log: &Arc<CapturedLog>,
) -> Options {
    let mut options = Options::new(folder);
    options.variables = VariableSources { given: variables.iter().cloned().collect(), ..VariableSources::default() };
    // As `gatehouse up` does it. Spin, and those who clear this, give the document as it is.
    let compiled = |document: &str| gatehouse_configuration::compile(document).ok();
    options.variables.prepared.insert(gatehouse_configuration::SETTING.to_owned(), compiled);
    options.ca_file = ca_file.clone();
    options.wall_clock = Arc::clone(clock) as _;
    options.log = Arc::clone(log) as _;
    // Tests compare the store before and after; the host's own sweeps have tests of their own.
    options.sweep_every = Duration::from_secs(60 * 60);
    options
}

/// `gatehouse up`, which `starter` starts where there is one.
fn embedded_process(starter: &[&str], ca_file: &Option<PathBuf>, state_directory: &Path) -> Command {
    let program = artefact("debug/gatehouse");
    let mut command = match starter.split_first() {
        None => Command::new(program),
        Some((first, arguments)) => {
            let mut command = Command::new(first);
            command.args(arguments).arg(program).env("STATE_DIRECTORY", state_directory);
            command
        }
    };
    command.arg("up");
    if let Some(file) = ca_file {
        command.arg("--ca-file").arg(file);
    }
    command
}

/// `spin up` over this Redis, with its own files in `folder`.
async fn spin_over(
    store: &StoreServer,
    manifest: &Path,
    port: u16,
    folder: &Path,
    variables: &[(String, String)],
) -> Program {
    let mut command = spin::command(folder);
    command.arg("--runtime-config-file").arg(runtime_config(store, folder));
    up(command, manifest, port, folder, variables).await
}

/// A file of Spin's runtime configuration that leads to this Redis.
fn runtime_config(store: &StoreServer, folder: &Path) -> PathBuf {
    let path = folder.join("runtime-config.toml");
    let text = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", store.redis_url());
    std::fs::write(&path, text).expect("the folder can be written");
    path
}

/// Runs the manifest with `command`, `spin up` or one that takes the same flags, and waits until it serves.
async fn up(
    mut command: Command,
    manifest: &Path,
    port: u16,
    state_directory: &Path,
    variables: &[(String, String)],
) -> Program {
    prepare_up(&mut command, manifest, port, state_directory, variables);
    serving(Program::start("up", command)).await
}

/// Adds the flags.
fn prepare_up(
    command: &mut Command,
    manifest: &Path,
    port: u16,
    state_directory: &Path,
    variables: &[(String, String)],
) {
    command.arg("--from").arg(manifest).arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.arg("--state-dir").arg(state_directory);
    for (name, value) in variables {
        // A document can be longer than an argument may be.
        let file = state_directory.join(format!("{name}.variable"));
        std::fs::write(&file, value).expect("the folder can be written");
        command.arg("--variable").arg(format!("{name}=@{}", file.display()));
    }
}

/// The artefact for wasmCloud on `wash dev`, with the same variables: some of them are origins that `spin.toml` allows, and the others
/// are the configuration.
async fn on_wash(store: &StoreServer, port: u16, variables: &[(String, String)], folder: &Path) -> Program {
    let (origins, mut configuration): (Vec<_>, Vec<_>) =
        variables.iter().cloned().partition(|(name, _)| name.ends_with("_origin"));
    // As docs/hosts.md advises.
    for (_, value) in configuration.iter_mut().filter(|(name, _)| name == gatehouse_configuration::SETTING) {
        *value = gatehouse_configuration::compile(value).unwrap_or_else(|_| value.clone());
    }
    let workload = Workload {
        component: artefact("gatehouse-wasmcloud.wasm"),
        configuration: &configuration,
        environment: &[],
        allowed_hosts: &origins.into_iter().map(|(_, origin)| origin).collect::<Vec<_>>(),
    };
    wash::dev(&workload, store, port, folder).await
}

/// Waits until it serves.
async fn serving(mut program: Program) -> Program {
    while !program.line().await.contains("Serving http://") {}
    program
}

/// Serves a manifest on the embedded host.
async fn serve(manifest: &Path, options: Options, held: HeldPort) -> Running {
    let application = Application::load(manifest, options).await.expect("the application loads");
    application.serve_on(held.into_listener()).expect("the application serves")
}
