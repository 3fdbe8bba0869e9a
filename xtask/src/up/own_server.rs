//! `cargo xtask up --upstream`: one's own MCP server in the place of the demo's.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use super::demo::{Addresses, Demo, IDENTITY_PROVIDER_SECRET};

/// As what the demo identity provider knows Gatehouse.
const CLIENT_ID: &str = "gatehouse";

#[derive(Args)]
pub struct OwnServer {
    /// Protect this MCP server (its URL) in place of the demo's. Alone, users sign in at the demo identity provider
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// With --upstream: let users sign in at this identity provider; needs --client-id
    #[arg(long, value_name = "URL", requires_all = ["upstream", "client_id"], conflicts_with = "ready_file")]
    issuer: Option<String>,
    /// With --issuer: as what the identity provider knows Gatehouse
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// With --issuer: a file with the client's secret; without it, the terminal is asked
    #[arg(long, value_name = "FILE", requires = "issuer")]
    client_secret_file: Option<PathBuf>,
    /// With --issuer: the client has no secret
    #[arg(long, requires = "issuer", conflicts_with = "client_secret_file")]
    public_client: bool,
    /// With --issuer: where clients reach Gatehouse, if a proxy is in front
    #[arg(long, value_name = "URL", requires = "issuer")]
    public_url: Option<String>,
}

impl OwnServer {
    /// Whether the demo MCP server has no part in it.
    pub fn is_asked_for(&self) -> bool {
        self.upstream.is_some()
    }

    /// Whether the demo identity provider has no part in it either.
    pub fn has_own_provider(&self) -> bool {
        self.issuer.is_some()
    }

    /// How many of the demo's servers run: Gatehouse, the identity provider, the MCP server.
    pub fn servers(&self) -> usize {
        match (self.is_asked_for(), self.has_own_provider()) {
            (false, _) => 3,
            (true, false) => 2,
            (true, true) => 1,
        }
    }

    /// Adds to `gatehouse up` what puts it before the server. No secret is among the arguments.
    pub fn tell(&self, gatehouse: &mut Command, demo: &Demo, addresses: Addresses) {
        let Some(upstream) = &self.upstream else { return };
        gatehouse.args(["--upstream", upstream]);
        let Some((issuer, client_id)) = self.issuer.as_ref().zip(self.client_id.as_ref()) else {
            gatehouse.args(["--issuer", &format!("http://{}", addresses.identity_provider())]);
            gatehouse.args(["--client-id", CLIENT_ID, "--client-secret-file"]);
            gatehouse.arg(demo.folder.join(IDENTITY_PROVIDER_SECRET));
            return;
        };
        gatehouse.args(["--issuer", issuer, "--client-id", client_id]);
        if let Some(file) = &self.client_secret_file {
            gatehouse.arg("--client-secret-file").arg(file);
        }
        if let Some(url) = &self.public_url {
            gatehouse.args(["--public-url", url]);
        }
        gatehouse.args(self.public_client.then_some("--public-client"));
    }
}
