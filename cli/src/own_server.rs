//! `gatehouse up --upstream`: one's own MCP server and identity provider, without a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use gatehouse_configuration::{Configuration, SERVER_KEYS_SETTING, SETTING};
use gatehouse_host::create_private_directory;
use gatehouse_sealed_storage::sealing::KeyRing;
use url::Url;

use crate::doctor::{Findings, HttpClient, Secrets, examine_provider, further_hosts};
use crate::secret_prompt;
use crate::system_entropy::SystemEntropy;

/// How a configuration begins that is ours to write anew.
const WRITTEN_BY_US: &str = "# Written by `gatehouse up --upstream`";

/// The variable of the client secret, as spin.toml declares it.
const SECRET: &str = "identity_provider_secret";
/// Where MCP servers are reached through Gatehouse.
const ROUTE: &str = "/mcp";
/// What is asked of the provider, where it has it.
const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

#[derive(Args)]
pub(crate) struct OwnServer {
    /// Protect this MCP server (its URL), without a configuration; needs --issuer and --client-id
    #[arg(long, value_name = "URL", requires_all = ["issuer", "client_id"], conflicts_with = "variables_file")]
    upstream: Option<String>,
    /// With --upstream: the identity provider at which users sign in
    #[arg(long, value_name = "URL", requires = "upstream")]
    issuer: Option<String>,
    /// With --upstream: as what the identity provider knows Gatehouse
    #[arg(long, value_name = "ID", requires = "upstream")]
    client_id: Option<String>,
    /// With --upstream: a file with the client's secret; without it, a terminal is asked
    #[arg(long, value_name = "FILE", requires = "upstream")]
    client_secret_file: Option<PathBuf>,
    /// With --upstream: the client has no secret
    #[arg(long, requires = "upstream", conflicts_with = "client_secret_file")]
    public_client: bool,
    /// With --upstream: where clients reach Gatehouse, if a proxy is in front [default: the address of --listen, with http:// or https://]
    #[arg(long, value_name = "URL", requires = "upstream")]
    public_url: Option<String>,
}

/// What was asked for, once it is known to work.
pub(crate) struct Prepared {
    /// All that Gatehouse needs.
    pub(crate) variables: BTreeMap<String, String>,
    /// The manifest to serve.
    pub(crate) manifest: PathBuf,
    public_url: String,
    upstream: String,
    issuer: String,
    configuration: PathBuf,
}

impl OwnServer {
    /// Whether this is what the command line asks for.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.upstream.is_some()
    }

    /// Writes configuration and server keys into `state`, and asks the provider whether it is one. `None` where there is no
    /// `--upstream`. `own_url`: where it is reached without a proxy.
    pub(crate) async fn prepare(
        &self,
        state: &Path,
        manifest: &Path,
        listen: SocketAddr,
        own_url: &str,
        ca_file: Option<&Path>,
    ) -> Result<Option<Prepared>> {
        let (Some(upstream), Some(issuer), Some(client_id)) = (&self.upstream, &self.issuer, &self.client_id) else {
            return Ok(None);
        };
        let public_url = match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if listen.port() == 0 => {
                bail!("--upstream needs a port that is known before, such as --listen 127.0.0.1:3000")
            }
            None => own_url.to_owned(),
        };
        let secret = self.secret(client_id, issuer, &public_url)?;
        let write = |offline: bool| document(&public_url, upstream, issuer, client_id, secret.is_some(), offline);
        let mut text = write(true);
        let parsed = Configuration::parse(&text).context("what was given makes no configuration")?;
        let (findings, metadata, scopes) = {
            let provider = parsed.authorization_server.identity_providers.first().context("there is no provider")?;
            let client = HttpClient::new(ca_file)?;
            let secrets = secret.iter().map(|secret| (SECRET.to_owned(), secret.clone())).collect();
            let mut findings = Findings::default();
            let examined = examine_provider(&client, &parsed, provider, &Secrets::new(secrets), &mut findings).await;
            let (metadata, scopes) = examined.unzip();
            let hosts = metadata.map(|metadata| further_hosts(provider, &metadata)).unwrap_or_default();
            (findings, hosts, scopes.flatten())
        };
        let faults: Vec<_> = findings.faults().collect();
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        if scopes.is_some_and(|scopes| !scopes.iter().any(|scope| scope == "offline_access")) {
            text = write(false);
        }
        create_private_directory(state).with_context(|| format!("cannot create {}", state.display()))?;
        let configuration = state.join("gatehouse.toml");
        ensure!(
            fs::read_to_string(&configuration).map_or(true, |before| before.starts_with(WRITTEN_BY_US)),
            "{} is a configuration of your own: leave --upstream out, or choose another --state-dir",
            configuration.display()
        );
        fs::write(&configuration, &text).with_context(|| format!("cannot write {}", configuration.display()))?;
        let mut variables = BTreeMap::from([
            (SETTING.to_owned(), text),
            (SERVER_KEYS_SETTING.to_owned(), server_keys(&state.join("server-keys"))?),
            ("identity_provider_origin".to_owned(), origin(issuer)?),
            ("upstream_origin".to_owned(), origin(upstream)?),
        ]);
        variables.extend(secret.map(|secret| (SECRET.to_owned(), secret)));
        let manifest = with_hosts(manifest, &metadata, state)?;
        Ok(Some(Prepared {
            variables,
            manifest,
            public_url,
            upstream: upstream.clone(),
            issuer: issuer.clone(),
            configuration,
        }))
    }

    /// The client's secret; `None` for a public client.
    fn secret(&self, client_id: &str, issuer: &str, public_url: &str) -> Result<Option<String>> {
        if self.public_client {
            return Ok(None);
        }
        if let Some(file) = &self.client_secret_file {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            ensure!(!text.trim().is_empty(), "{} is empty", file.display());
            return Ok(Some(text.trim().to_owned()));
        }
        ensure!(
            io::stdin().is_terminal(),
            "give the client's secret with --client-secret-file FILE, or say --public-client"
        );
        let mut out = io::stdout();
        writeln!(out, "At {issuer}, the client {client_id} must have the redirect URI {public_url}/callback.")?;
        write!(out, "Its secret (nothing for a public client): ")?;
        out.flush()?;
        let secret = secret_prompt::read_line();
        writeln!(out)?;
        let secret = secret.context("cannot read the secret")?;
        let secret = secret.trim();
        Ok((!secret.is_empty()).then(|| secret.to_owned()))
    }
}

impl Prepared {
    /// How to connect. `log` is where the log goes, where that is not this terminal.
    pub(crate) fn guide(&self, log: Option<&Path>) -> String {
        let Self { public_url, upstream, issuer, .. } = self;
        let url = format!("{public_url}{ROUTE}");
        let configuration = self.configuration.display();
        let log = log.map(|log| format!("Log                   {}\n", log.display())).unwrap_or_default();
        format!(
            r#"
Gatehouse protects {upstream}. Connect any MCP client to

    {url}
    {url}/sse   (clients of 2024-11-05: SSE)

The client opens your browser; there you allow it, and sign in at {issuer}.

MCP Inspector, in the browser       npx @modelcontextprotocol/inspector@2
                                    (transport: Streamable HTTP, URL: {url})
MCP Inspector, on the command line  MCP_AUTO_OPEN_ENABLED=true npx @modelcontextprotocol/inspector@2 --cli {url} --transport http --method tools/list
                                    (both need Node.js 22.19 or newer)
VS Code                             code --add-mcp '{{"name":"gatehouse","type":"http","url":"{url}"}}'
Claude Code                         claude mcp add --transport http gatehouse {url}
                                    (then, in claude: /mcp)

Redirect URI          {public_url}/callback   (register it at {issuer})
Configuration         {configuration}   (to go on from: docs/configuration.md)
{log}
Press Ctrl-C to stop.

Ready: {url}
"#
        )
    }
}

/// The configuration: what was given, and a default for everything else.
fn document(
    public_url: &str,
    upstream: &str,
    issuer: &str,
    client_id: &str,
    has_secret: bool,
    offline: bool,
) -> String {
    // What JSON writes, TOML reads: its basic strings have the same escapes.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let provider = match entra_tenant(issuer) {
        Some(tenant) => format!("profile = \"entra\"\ntenant = {}", quoted(&tenant)),
        None => format!("issuer = {}", quoted(issuer)),
    };
    let secret = if has_secret { format!("client_secret = {{ secret = \"{SECRET}\" }}\n") } else { String::new() };
    let scopes = SCOPES.into_iter().filter(|scope| offline || *scope != "offline_access").map(quoted);
    let scopes = scopes.collect::<Vec<_>>().join(", ");
    format!(
        "{WRITTEN_BY_US}, which writes it anew each time. docs/configuration.md has every key.\n\
         public_url = {}\n# MCP Inspector in a browser.\n\
         allowed_origins = [\"http://localhost:6274\", \"http://127.0.0.1:6274\"]\n\
         # Editors that are answered by a scheme of their own.\n\
         applications = [\"cursor\", \"vscode\", \"vscode-insiders\", \"warp\"]\n\n\
         [identity_provider]\nname = \"provider\"\n{provider}\nclient_id = {}\n{secret}scopes = [{scopes}]\n\n\
         [[routes]]\npath = \"{ROUTE}\"\nurl = {}\n",
        quoted(public_url),
        quoted(client_id),
        quoted(upstream),
    )
}

/// The tenant in an issuer of Microsoft Entra ID, which has ways of its own.
fn entra_tenant(issuer: &str) -> Option<String> {
    let url = Url::parse(issuer).ok().filter(|url| url.host_str() == Some("login.microsoftonline.com"))?;
    url.path_segments()?.next().filter(|tenant| !tenant.is_empty()).map(str::to_owned)
}

fn origin(url: &str) -> Result<String> {
    let url = Url::parse(url).with_context(|| format!("{url} is not a URL"))?;
    Ok(url.origin().ascii_serialization())
}

/// The server keys in `file`, made at first use.
fn server_keys(file: &Path) -> Result<String> {
    if !file.exists() {
        let mut entropy = SystemEntropy::default();
        let today = jiff::Timestamp::now().strftime("%F").to_string();
        let ring = KeyRing::generate(&today, &mut entropy).context("cannot make server keys")?;
        entropy.into_result()?;
        // Whole under another name first: half a key must not be used ever after.
        let unfinished = file.with_extension("new");
        let write = || {
            let mut options = fs::OpenOptions::new();
            let mut opened = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            opened.write_all(ring.expose().as_bytes())?;
            fs::rename(&unfinished, file)
        };
        write().with_context(|| format!("cannot write {}", file.display()))?;
    }
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The manifest at `path`, or, where more hosts must be allowed than it has places for, a copy of it in `state` that names them.
fn with_hosts(path: &Path, hosts: &[String], state: &Path) -> Result<PathBuf> {
    if hosts.is_empty() {
        return Ok(path.to_owned());
    }
    let path = if path.is_dir() { path.join("spin.toml") } else { path.to_owned() };
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read the manifest {shown}"))?;
    let folder = fs::canonicalize(&path).with_context(|| format!("cannot find {shown}"))?;
    let folder = folder.parent().unwrap_or(Path::new("/")).display().to_string();
    let lines: String = hosts.iter().map(|host| format!("\n  \"{host}\",")).collect();
    // As text, so that comments stay.
    let (source, allowed) = ("source = \"", "allowed_outbound_hosts = [");
    ensure!(
        text.matches(source).count() == 1 && text.matches(allowed).count() == 1,
        "add these to allowed_outbound_hosts in {shown}: {}",
        hosts.join(", ")
    );
    let text = text.replace(allowed, &format!("{allowed}{lines}")).replace(source, &format!("{source}{folder}/"));
    let copy = state.join("spin.toml");
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

#[cfg(test)]
mod tests;
