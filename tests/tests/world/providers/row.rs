//! What is known of a provider.

use std::path::Path;

use gatehouse_tests::{Program, repository, tool};
use tokio::process::Command;

/// The folder of the providers' programs.
const PROGRAMS: &str = "tests/world/providers";
/// Where the set-up puts the Python packages, if nothing says otherwise.
const PYTHON: &str = "target/python-providers/bin/python";

/// A secret of letters alone, for providers that do not decode what RFC 6749, section 2.3.1, encodes.
pub(crate) const PLAIN_SECRET: &str = "gatehousesecretoflettersalone";

/// A row of the table.
pub(crate) struct Provider {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Its program in `tests/world/providers`.
    pub(crate) program: &'static str,
    /// A file that the set-up brings where it can: Debian's packages are not everywhere.
    pub(crate) needs: Option<&'static str>,
    /// Gatehouse's secret there; none where it is a public client.
    pub(crate) secret: Option<&'static str>,
    /// Lines of `[identity_provider]` besides the issuer and the client.
    pub(crate) lines: &'static str,
    /// Seconds for which its access tokens are good, and its id_tokens if those are good no longer than this.
    pub(crate) token_seconds: u64,
    /// Whether and how it refreshes.
    pub(crate) refresh: Refresh,
    /// How a user can go there, and what becomes of their session. The last one ends it.
    pub(crate) leaving: &'static [Leaving],
    /// What an operator must know and set, there and here.
    pub(crate) to_set: &'static str,
    /// What does not work, and whose fault it is; what else was seen.
    pub(crate) remarks: &'static str,
}

/// Whether a session outlives the provider's first access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The server gets a new access token of the provider.
    Works,
    /// There is no refresh token; the session goes on without the provider.
    NoToken,
}

/// A way in which a user can go.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// The line for the program that does it.
    pub(crate) line: &'static str,
    /// What it is there.
    pub(crate) name: &'static str,
    /// What becomes of their session.
    pub(crate) session: Gone,
}

/// What becomes of the session of a user who is gone at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The next refresh there ends it.
    Ends,
    /// The provider goes on as if nothing had happened.
    GoesOn,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What ran.
    pub(crate) versions: String,
    pub(crate) refresh: Refresh,
    /// What became of the session after each way of leaving, and what the provider said, by our log.
    pub(crate) gone: Vec<(Gone, String)>,
}

impl Provider {
    /// Why it cannot run on this machine.
    pub(crate) fn is_missing(&self) -> Option<String> {
        let missing = self.needs.filter(|file| !repository().join(file).exists());
        missing.map(|file| format!("there is no {file}: Debian's packages could not be had"))
    }

    /// Starts it for a client with this redirect URI. What it writes goes into `folder`.
    pub(crate) fn start(&self, redirect_uri: &str, folder: &Path) -> Program {
        let interpreter = match self.program.rsplit_once('.') {
            Some((_, "py")) => {
                let default = repository().join(PYTHON);
                tool("GATEHOUSE_TEST_PROVIDERS_PYTHON", &default.to_string_lossy())
            }
            _ => tool("GATEHOUSE_TEST_NODE", "node"),
        };
        let mut command = Command::new(interpreter);
        command.arg(repository().join(PROGRAMS).join(self.program));
        command.env("TMPDIR", folder).args([
            "--redirect-uri",
            redirect_uri,
            "--client-secret",
            self.secret.unwrap_or_default(),
        ]);
        Program::start(self.program, command)
    }

    /// The cells of its row behind the name.
    pub(crate) fn cells(&self, outcome: &Outcome) -> Vec<String> {
        let refresh = match outcome.refresh {
            Refresh::Works => "works",
            Refresh::NoToken => "none: no refresh token",
        };
        let gone = self.leaving.iter().zip(&outcome.gone).map(|(leaving, (gone, words))| match gone {
            Gone::Ends => format!("{}: the session ends (`{words}`)", leaving.name),
            Gone::GoesOn => format!("{}: the session goes on", leaving.name),
        });
        let gone = gone.collect::<Vec<_>>().join("; ");
        [outcome.versions.as_str(), self.to_set, "works", refresh, &gone, self.remarks].map(str::to_owned).to_vec()
    }
}
