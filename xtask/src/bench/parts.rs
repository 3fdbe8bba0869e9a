//! What is measured, part by part.

use clap::ValueEnum;

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The same call through Gatehouse, the bare forwarder and the earlier commit's
    Calls,
    /// The same call through nginx and what others have made for this job
    Peers,
    /// Operations of the store and system calls
    Counts,
    /// A policy, rates, two members
    Features,
    /// From the start of the process to the first answer
    Start,
    /// More sessions, routes, rules, tools, groups
    Growth,
    /// Event streams
    Streams,
    /// The same call on wasmCloud, and on Spin
    Hosts,
    /// Shells and Python for agents: calls, programs, starts, sizes
    Sandboxes,
}

impl Part {
    /// All of them.
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// The name that the program which measures knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Peers => "peers",
            Self::Counts => "counts",
            Self::Features => "features",
            Self::Start => "start",
            Self::Growth => "growth",
            Self::Streams => "streams",
            Self::Hosts => "hosts",
            Self::Sandboxes => "sandboxes",
        }
    }

    /// Whether the earlier commit is measured as well.
    pub fn needs_base(self) -> bool {
        matches!(self, Self::Calls | Self::Counts | Self::Start | Self::Streams)
    }

    /// Whether nginx is the MCP server.
    pub fn needs_nginx(self) -> bool {
        matches!(self, Self::Calls | Self::Peers | Self::Hosts | Self::Sandboxes)
    }
}
