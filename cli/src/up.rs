//! `gatehouse up`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use gatehouse_configuration::{Configuration, SETTING, Source};
use gatehouse_host::{
    Application, Level, Limits, LogRecord, LogSink as _, Options, Running, StandardErrorLog, TlsFiles, VariableSources,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::address::parse_address;
use crate::log_arguments::{self, LogArguments};
use crate::own_server::OwnServer;
use crate::start_check;
use crate::telemetry_arguments::TelemetryArguments;
use crate::variable::{file_of_variable, parse_variable};

/// How long what was measured last may take on its way.
const LAST_EXPORT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Up {
    /// The application's manifest, or the directory that holds its spin.toml
    #[arg(long, value_name = "PATH", default_value = "spin.toml")]
    from: PathBuf,
    /// The address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = parse_address)]
    listen: SocketAddr,
    /// Where the application's data is kept
    #[arg(long, value_name = "DIRECTORY", default_value = ".gatehouse")]
    state_dir: PathBuf,
    /// Spin's runtime configuration, which says where the key-value stores are [default: SQLite in the state directory]
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Where compiled code is kept [default: $XDG_CACHE_HOME/gatehouse or ~/.cache/gatehouse]
    #[arg(long, value_name = "DIRECTORY")]
    cache_dir: Option<PathBuf>,
    /// Give a variable its value, or the content of a file with NAME=@FILE; wins over the environment's
    /// SPIN_VARIABLE_NAME
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// A TOML file of lines NAME = "VALUE", for variables that are given nowhere else
    #[arg(long, value_name = "FILE")]
    variables_file: Option<PathBuf>,
    /// Trust these certificate authorities (PEM) besides the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// End TLS here, with this certificate and its chain (PEM); HTTP/2 is spoken then, too
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM). Both files are read again when they change
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    own_server: OwnServer,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    telemetry: TelemetryArguments,
    /// How long running requests may go on after an interrupt, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    shutdown_timeout: u64,
    /// Set a limit, such as connections=2000; docs/limits.md has all of them
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// A path of probes, which are answered whatever else is full; may be given again [default: /healthz and /readyz]
    #[arg(long = "probe-path", value_name = "PATH", value_parser = parse_path)]
    probe_paths: Vec<String>,
}

/// Serves until a signal.
pub(crate) fn run(mut up: Up) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
    if up.own_server.is_asked_for() {
        up.log.leave_the_terminal(&up.state_dir)?;
    }
    let log = up.log.open()?;
    let code = runtime.block_on(serve(up, Arc::clone(&log)));
    log_arguments::flush(&log);
    // A read of the key-value store that still runs has nobody to answer to.
    runtime.shutdown_background();
    code
}

async fn serve(mut up: Up, log: Arc<StandardErrorLog>) -> Result<ExitCode> {
    let mut variables = VariableSources::from_environment();
    variables.file = up.variables_file;
    variables.prepared.insert(SETTING.to_owned(), compiled);
    for variable in &up.variables {
        let (name, value) = parse_variable(variable)?;
        match file_of_variable(variable) {
            Some(file) => variables.given_files.insert(name.clone(), file.into()),
            None => variables.given_files.remove(&name),
        };
        variables.given.insert(name, value);
    }
    let tls = up.tls_cert.zip(up.tls_key).map(|(certificate, key)| TlsFiles::new(certificate, key));
    let own_url = format!("{}://{}", if tls.is_some() { "https" } else { "http" }, up.listen);
    let prepared = up.own_server.prepare(&up.state_dir, &up.from, up.listen, &own_url, up.ca_file.as_deref()).await?;
    if let Some(prepared) = &prepared {
        for (name, value) in &prepared.variables {
            if variables.given.insert(name.clone(), value.clone()).is_some() {
                bail!("--upstream sets the variable {name}: leave --variable {name}=… out, or write a configuration");
            }
        }
        up.from.clone_from(&prepared.manifest);
    }
    let mut options = Options::new(up.state_dir);
    options.runtime_config_file = up.runtime_config_file;
    options.cache_directory = up.cache_dir;
    options.variables = variables;
    options.ca_file = up.ca_file;
    options.tls = tls;
    options.log = log.clone();
    options.limits = parse_limits(&up.limits)?;
    options.check_variables = Some(start_check::check);
    options.telemetry = up.telemetry.options()?;
    if !up.probe_paths.is_empty() {
        options.probe_paths = up.probe_paths;
    }

    let application = Application::load(up.from, options).await?;
    // Before the first line is printed: who reads it may send a signal at once.
    let mut signals = Signals::new().context("cannot handle signals")?;
    let running = application.serve(up.listen).await?;
    announce(&application, &running).context("cannot write to standard output")?;
    if let Some(prepared) = prepared {
        log_arguments::say_on_standard_output(prepared.guide(up.log.file()));
    }

    let code = until_stopped(&up.log, &log, &mut signals).await;
    let grace = Duration::from_secs(up.shutdown_timeout);
    let say = |message: String| log.record(&LogRecord::host(Level::Info, None, message));
    say(format!("stopping; running requests have {} s, a second signal ends them at once", up.shutdown_timeout));
    tokio::select! {
        all_ended = running.shutdown(grace) => {
            if !all_ended {
                say("stopped; some requests had to be ended".to_owned());
            }
            // A receiver that does not answer must not keep the host.
            let _ = tokio::time::timeout(LAST_EXPORT, application.export_telemetry()).await;
            Ok(code)
        }
        () = signals.next() => Ok(ExitCode::from(130)),
    }
}

/// Waits until the host is to stop, for a signal or for want of a log. Returns with which status it is to end.
async fn until_stopped(arguments: &LogArguments, log: &StandardErrorLog, signals: &mut Signals) -> ExitCode {
    tokio::select! {
        () = signals.next() => return ExitCode::SUCCESS,
        () = log.closed() => {}
    }
    let (consequence, code) = if arguments.needs_reader() {
        ("the host stops", ExitCode::FAILURE)
    } else {
        ("requests go on without a log", ExitCode::SUCCESS)
    };
    log_arguments::say_on_standard_output(format!("gatehouse: nobody reads the log on standard error; {consequence}"));
    if !arguments.needs_reader() {
        signals.next().await;
    }
    code
}

/// Tells tools and people where it serves. The first line is for tools: nothing but the address after `Serving`.
fn announce(application: &Application, running: &Running) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Serving {}://{}", application.scheme(), running.address())?;
    for (route, component) in application.routes() {
        writeln!(out, "  {route} -> {component}")?;
    }
    if let Some(address) = application.metrics_address() {
        writeln!(out, "  Metrics: http://{address}/metrics")?;
    }
    for line in application.variable(SETTING).and_then(urls).unwrap_or_default() {
        writeln!(out, "  {line}")?;
    }
    out.flush()
}

/// What an operator gives to clients and to the identity provider; `None` where the variable is not Gatehouse's.
fn urls(configuration: &str) -> Option<Vec<String>> {
    let source = Source::read(configuration.to_owned()).ok()?;
    let Configuration { gateway, authorization_server, routes } = Configuration::of_source(&source).ok()?;
    let clients = routes
        .iter()
        .map(|route| format!("URL for MCP clients, {}: {}", route.name, gateway.public_url.join(route.path.as_str())));
    let redirect = format!("Redirect URI at the identity provider: {}", authorization_server.callback_url());
    Some(clients.chain([redirect]).collect())
}

/// A path as a request has it.
fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err("write it as a path, for example /healthz".to_owned()) }
}

/// The default limits, but for those that are given as `name=value`.
fn parse_limits(given: &[String]) -> Result<Limits> {
    let mut limits = Limits::default();
    for text in given {
        let (name, value) = text.split_once('=').with_context(|| format!("--limit needs NAME=VALUE, not {text:?}"))?;
        limits.set(name, value)?;
    }
    Ok(limits)
}

/// The compiled form of Gatehouse's configuration, so that a request pays only for the part that it needs. What cannot be
/// compiled goes on as it is: [`start_check`] says what is wrong, and another application has another configuration.
fn compiled(document: &str) -> Option<String> {
    crate::rest_api::compiled(document).ok()
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    #[test]
    fn an_operator_reads_the_urls_for_clients_and_the_provider() {
        let document = "public_url = \"https://gateway.example\"\n[identity_provider]\nname = \"main\"\nissuer = \
                        \"https://login.example\"\nclient_id = \"gatehouse\"\n[[routes]]\npath = \"/mcp\"\nname = \
                        \"Files\"\nurl = \"http://10.0.0.7/mcp\"\n";
        for form in [document.to_owned(), compiled(document).unwrap()] {
            assert_eq!(
                urls(&form).unwrap(),
                [
                    "URL for MCP clients, Files: https://gateway.example/mcp",
                    "Redirect URI at the identity provider: https://gateway.example/callback",
                ]
            );
        }
        assert_eq!(urls("of another application"), None);
    }
}
