//! Gatehouse itself, from the same manifest and artefact that ship.

mod host_kind;
mod starting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_host::{CapturedLog, Options, Running};
use tempfile::TempDir;
use tokio::process::Command;

pub use self::host_kind::HostKind;
use self::starting::{
    embedded_process, manifest, on_wash, options, prepare_up, runtime_config, serve, serving, spin_over, up,
    with_telemetry,
};
use crate::audit_lines::CheckedLines;
use crate::clock::TestClock;
use crate::held_port::HeldPort;
use crate::paths::repository;
use crate::program::Program;
use crate::spin;
use crate::store::{snapshot, snapshot_of};
use crate::store_server::{StoreKind, StoreServer};

/// Seconds for which an access token is taken behind its announced end.
const GRACE_SECONDS: u64 = 10;

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
    /// More arguments for `gatehouse up`: of a released host, or of one in a process of its own.
    pub arguments: Vec<String>,
    /// Who gets what the components tell by `wasi:otel`: a receiver of OTLP, over HTTP for Spin and by gRPC for wash. Then it is the artefact
    /// with telemetry that runs.
    pub otlp: Option<String>,
}

/// A running Gatehouse with a store of its own.
pub struct Gatehouse {
    /// Where it is reached; also its issuer.
    pub url: String,
    /// Its clock; only the embedded host can be told the time.
    pub clock: Arc<TestClock>,
    /// Its log; only the embedded host's is kept.
    pub log: Arc<CapturedLog>,
    lines: CheckedLines,
    /// Seconds for which its access tokens are valid.
    access_token_seconds: u64,
    variables: Vec<(String, String)>,
    ca_file: Option<PathBuf>,
    state_directory: Arc<TempDir>,
    runs: Runs,
}

enum Runs {
    Embedded(Running, Option<Arc<StoreServer>>),
    /// `gatehouse up` or `spin up`, and the Redis of the former if it has one.
    Process(Box<Program>, Option<Arc<StoreServer>>),
    SpinRedis(Box<Program>, Arc<StoreServer>),
    Wash(Box<Program>, Arc<StoreServer>),
}

impl Gatehouse {
    /// A valid key ring for tests.
    pub const SERVER_KEYS: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    /// Starts on `host` at the port that is held.
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
        let mut manifest = manifest(&checkout, &variables, state_directory.path());
        let port = held.number();
        let runs = match host {
            HostKind::Embedded => {
                let options = options(&variables, &ca_file, state_directory.path(), &clock, &log);
                Runs::Embedded(serve(&manifest, options, held).await, None)
            }
            HostKind::EmbeddedRedis | HostKind::EmbeddedRedisBehindProxy => {
                let store = match host {
                    HostKind::EmbeddedRedisBehindProxy => StoreKind::RedisBehindProxy,
                    _ => StoreKind::Redis,
                };
                let store = Arc::new(StoreServer::start(store, state_directory.path()).await);
                let mut options = options(&variables, &ca_file, state_directory.path(), &clock, &log);
                options.runtime_config_file = Some(runtime_config(&store, state_directory.path()));
                Runs::Embedded(serve(&manifest, options, held).await, Some(store))
            }
            HostKind::EmbeddedProcess => {
                held.lend();
                let mut command = embedded_process(&[], &ca_file, state_directory.path(), None);
                command.args(&settings.arguments);
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await), None)
            }
            HostKind::EmbeddedProcessUnder(starter) => {
                held.lend();
                let command = embedded_process(starter, &ca_file, state_directory.path(), None);
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await), None)
            }
            HostKind::Released(checkout) => {
                assert_eq!(ca_file, None, "nothing that is measured needs an authority");
                held.lend();
                let mut command = Command::new(checkout.join("target/native/gatehouse"));
                command.arg("up").args(&settings.arguments);
                prepare_up(&mut command, &manifest, port, state_directory.path(), &variables);
                // Whoever measures has no time to spare for the log.
                let log = state_directory.path().join("log");
                Runs::Process(Box::new(serving(Program::start_with_errors_in("up", command, &log)).await), None)
            }
            HostKind::Spin => {
                assert_eq!(ca_file, None, "Spin trusts the system's authorities only");
                held.lend();
                let mut command = spin::command(state_directory.path());
                if let Some(otlp) = &settings.otlp {
                    manifest = with_telemetry(&manifest, state_directory.path());
                    spin::tell(&mut command, otlp);
                }
                Runs::Process(Box::new(up(command, &manifest, port, state_directory.path(), &variables).await), None)
            }
            HostKind::SpinRedis => {
                assert_eq!(ca_file, None, "Spin trusts the system's authorities only");
                held.lend();
                let store = Arc::new(StoreServer::start(StoreKind::Redis, state_directory.path()).await);
                let program = spin_over(&store, &manifest, port, state_directory.path(), &variables).await;
                Runs::SpinRedis(Box::new(program), store)
            }
            HostKind::Wash(store) => {
                assert_eq!(ca_file, None, "what is tested on wasmCloud needs no authority");
                held.lend();
                let store = Arc::new(StoreServer::start(store, state_directory.path()).await);
                let (folder, otlp) = (state_directory.path(), settings.otlp.as_deref());
                let program = on_wash(&store, port, &variables, folder, otlp).await;
                Runs::Wash(Box::new(program), store)
            }
        };
        let url = format!("http://127.0.0.1:{port}");
        let lines = CheckedLines::of(&log);
        Self { url, clock, log, lines, access_token_seconds, variables, ca_file, state_directory, runs }
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
                held.lend();
                let program = on_wash(store, port, &variables, &folder, None).await;
                Runs::Wash(Box::new(program), Arc::clone(store))
            }
            Runs::SpinRedis(_, store) => {
                let (folder, port) = (self.state_directory.path().join(held.number().to_string()), held.number());
                std::fs::create_dir_all(&folder).expect("the folder can be made");
                held.lend();
                let manifest = manifest(&repository(), &variables, &folder);
                let program = spin_over(store, &manifest, port, &folder, &variables).await;
                Runs::SpinRedis(Box::new(program), Arc::clone(store))
            }
            Runs::Embedded(..) | Runs::Process(..) => {
                let (folder, store) = (self.state_directory.path(), self.redis());
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
            lines: self.lines.beside(),
            access_token_seconds: self.access_token_seconds,
            variables,
            ca_file: self.ca_file.clone(),
            state_directory: Arc::clone(&self.state_directory),
            runs,
        }
    }

    /// Another instance of the same configuration, with the same store, in a process of its own: one that a test can kill. The store is
    /// one that `gatehouse up` can open, so it is beside any host but a wasmCloud.
    pub async fn process_beside(&self) -> Self {
        assert!(!self.is_on_wash(), "`gatehouse up` has no store together with a wasmCloud");
        let held = HeldPort::take();
        let (port, folder) = (held.number(), self.state_directory.path());
        held.lend();
        let (manifest, store) = (manifest(&repository(), &self.variables, folder), self.redis());
        let command = embedded_process(&[], &self.ca_file, folder, store.as_deref());
        let runs = Runs::Process(Box::new(up(command, &manifest, port, folder, &self.variables).await), store);
        let log = Arc::new(CapturedLog::new());
        Self {
            url: format!("http://127.0.0.1:{port}"),
            clock: Arc::new(TestClock::default()),
            lines: CheckedLines::of(&log),
            log,
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
            Runs::Process(..) | Runs::SpinRedis(..) | Runs::Wash(..) => {
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
            Runs::Process(program, _) | Runs::SpinRedis(program, _) | Runs::Wash(program, _) => program.id(),
        }
    }

    /// The server of its store, if it has one of its own.
    pub fn store_server(&self) -> Option<&StoreServer> {
        match &self.runs {
            Runs::Wash(_, store) | Runs::SpinRedis(_, store) => Some(store),
            Runs::Embedded(_, store) | Runs::Process(_, store) => store.as_deref(),
        }
    }

    /// The Redis in which entries have the names that Spin and the embedded host give them.
    fn redis(&self) -> Option<Arc<StoreServer>> {
        match &self.runs {
            Runs::Embedded(_, store) | Runs::Process(_, store) => store.clone(),
            Runs::SpinRedis(_, store) => Some(Arc::clone(store)),
            Runs::Wash(..) => None,
        }
    }

    /// Every entry of its store, name and value, in order: to compare before and after.
    pub async fn store(&self) -> Vec<(String, Vec<u8>)> {
        match &self.runs {
            Runs::Wash(_, store) => store.entries().await,
            Runs::SpinRedis(_, store) | Runs::Embedded(_, Some(store)) | Runs::Process(_, Some(store)) => {
                snapshot_of(&store.open()).await
            }
            Runs::Embedded(_, None) | Runs::Process(_, None) => snapshot(self.state_directory.path()).await,
        }
    }

    /// Ends its process at once, as SIGKILL does.
    pub async fn kill(self) {
        match self.runs {
            Runs::Embedded(..) => panic!("it runs in this process"),
            Runs::Process(mut program, _) | Runs::SpinRedis(mut program, _) | Runs::Wash(mut program, _) => {
                program.kill().await
            }
        }
    }

    /// Ends it, and gives running requests `grace` to end by themselves. Whether all of them did; a process does not say.
    pub async fn stop_within(self, grace: Duration) -> bool {
        match self.runs {
            Runs::Embedded(running, _) => running.shutdown(grace).await,
            Runs::Process(mut program, _) | Runs::SpinRedis(mut program, _) | Runs::Wash(mut program, _) => {
                program.interrupt().await;
                true
            }
        }
    }
}
