//! How much, how long and how often, at a route.

use crate::Pattern;

/// The limits of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub request_bytes: usize,
    /// How deep arrays and objects may be nested in a message.
    pub json_depth: usize,
    /// The most header fields of a request.
    pub headers: usize,
    /// The most streams that a subject may have open here at once: listening ones (GET, `subscriptions/listen`, `/sse`).
    pub streams_per_subject: u32,
    /// The most streams that all subjects together may have open here at once.
    pub streams_per_route: u32,
    /// The most calls of a subject that may last here at once: that have waited for a server for more than a second.
    pub calls_per_subject: u32,
    /// The most calls of all subjects together that may last here at once.
    pub calls_per_route: u32,
    /// Seconds after which a stream without any event ends.
    pub stream_idle: u64,
    /// Seconds after which a stream ends in any case.
    pub stream_total: u64,
}

/// A limit on how often: `requests` in `seconds`, by a window that slides over the counts of two (`gatehouse-rate-limit`
/// says how closely).
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// What is counted together.
    pub per: Counted,
    /// At least 1.
    pub requests: u32,
    /// At least 1.
    pub seconds: u32,
}

/// What a rate counts together, always within one route or among the pages and endpoints of the authorization server.
#[derive(Clone, Debug, PartialEq)]
pub enum Counted {
    /// The requests of an address, before it is known whose they are; of IPv6, of its first 64 bits.
    Address,
    /// The requests of a user or machine.
    Subject,
    /// The requests of an OAuth client, whoever its users are.
    Client,
    /// All requests.
    Route,
    /// A subject's calls of each tool that one of the patterns matches, each tool by itself.
    Tool(Vec<Pattern<'static>>),
}
