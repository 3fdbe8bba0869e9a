//! `[limits]`, `[routes.limits]` and `[[routes.rates]]`.

use serde::{Deserialize, Serialize};

use super::policy::patterns;
use crate::error::problem;
use crate::{ConfigurationError, Counted, Limits, Rate};

/// Bytes. MCP messages are small; a larger upload is for another protocol.
const DEFAULT_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes. The request is held in the instance's memory, whose size hosts limit.
const LARGEST_REQUEST_BYTES: usize = 16 * 1024 * 1024;
const DEFAULT_JSON_DEPTH: usize = 64;
/// What serde_json itself stops at.
const DEEPEST_JSON: usize = 127;
const DEFAULT_HEADERS: usize = 100;
const MOST_HEADERS: usize = 1000;
const DEFAULT_STREAMS: u32 = 32;
const DEFAULT_CALLS: u32 = 32;
/// So that neither the streams nor the calls of one route take every place of [`DEFAULT_LONG_REQUESTS`].
const DEFAULT_PER_ROUTE: u32 = 96;
const MOST_PER_ROUTE: u32 = 10_000;
/// So that short requests find room in the pool of a host that has places for about 260, Spin and the embedded host.
const DEFAULT_LONG_REQUESTS: u32 = 128;
const MOST_LONG_REQUESTS: u32 = 100_000;
/// Seconds. Between two events there may be silence for as long as nothing happens.
const DEFAULT_STREAM_IDLE: u64 = 60 * 60;
/// Seconds. A stream outlives the token that it was opened with; this is for how long at most.
const DEFAULT_STREAM_TOTAL: u64 = 8 * 60 * 60;
const LONGEST_STREAM: u64 = 7 * 24 * 60 * 60;
const MOST_RATES: usize = 64;
const MOST_REQUESTS: u32 = 10_000_000;
const LONGEST_WINDOW: u32 = 24 * 60 * 60;

/// Limits of one route. Streams are GET requests, `/sse` and `subscriptions/listen`. A call is counted when it has
/// waited for its server for more than a second.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsDocument {
    /// The largest body of a request, in bytes. A larger one gets 413.
    ///
    /// Default: [`DEFAULT_REQUEST_BYTES`]
    /// Bounds: 1 to [`LARGEST_REQUEST_BYTES`]
    request_bytes: Option<usize>,
    /// How deep arrays and objects may be nested in a message. A deeper one gets 400.
    ///
    /// Default: [`DEFAULT_JSON_DEPTH`]
    /// Bounds: 4 to [`DEEPEST_JSON`]
    json_depth: Option<usize>,
    /// How many header fields a request may have. A request with more gets 431.
    ///
    /// Default: [`DEFAULT_HEADERS`]
    /// Bounds: 10 to [`MOST_HEADERS`]
    headers: Option<usize>,
    /// How many streams one subject may have open at this route at once. Further ones get 429.
    ///
    /// Default: [`DEFAULT_STREAMS`]
    /// Bounds: 1 to [`MOST_PER_ROUTE`]
    streams_per_subject: Option<u32>,
    /// How many streams may be open at this route at once, counted over all subjects. Further ones get 429.
    ///
    /// Default: [`DEFAULT_PER_ROUTE`]
    /// Bounds: 1 to [`MOST_PER_ROUTE`]
    streams_per_route: Option<u32>,
    /// How many calls of one subject may last at this route at once. Further ones get 429.
    ///
    /// Default: [`DEFAULT_CALLS`]
    /// Bounds: 1 to [`MOST_PER_ROUTE`]
    calls_per_subject: Option<u32>,
    /// How many calls may last at this route at once, counted over all subjects. Further ones get 429.
    ///
    /// Default: [`DEFAULT_PER_ROUTE`]
    /// Bounds: 1 to [`MOST_PER_ROUTE`]
    calls_per_route: Option<u32>,
    /// Seconds without an event after which a stream ends. The upper bound is 7 days.
    ///
    /// Default: [`DEFAULT_STREAM_IDLE`]
    /// Bounds: 1 to [`LONGEST_STREAM`]
    stream_idle: Option<u64>,
    /// Seconds after which a stream ends in any case. A stream can outlive the token that opened it, for this time at
    /// most. The upper bound is 7 days.
    ///
    /// Default: [`DEFAULT_STREAM_TOTAL`]
    /// Bounds: 1 to [`LONGEST_STREAM`]
    stream_total: Option<u64>,
}

impl LimitsDocument {
    /// `table` is where the keys stand.
    pub(super) fn check(self, table: &str) -> Result<Limits, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        let limits = Limits {
            request_bytes: self.request_bytes.unwrap_or(DEFAULT_REQUEST_BYTES),
            json_depth: self.json_depth.unwrap_or(DEFAULT_JSON_DEPTH),
            headers: self.headers.unwrap_or(DEFAULT_HEADERS),
            streams_per_subject: self.streams_per_subject.unwrap_or(DEFAULT_STREAMS),
            streams_per_route: self.streams_per_route.unwrap_or(DEFAULT_PER_ROUTE),
            calls_per_subject: self.calls_per_subject.unwrap_or(DEFAULT_CALLS),
            calls_per_route: self.calls_per_route.unwrap_or(DEFAULT_PER_ROUTE),
            stream_idle: self.stream_idle.unwrap_or(DEFAULT_STREAM_IDLE),
            stream_total: self.stream_total.unwrap_or(DEFAULT_STREAM_TOTAL),
        };
        if !(1..=LARGEST_REQUEST_BYTES).contains(&limits.request_bytes) {
            let text = "must be 1 to 16777216 bytes (16 MiB)";
            return Err(problem(key("request_bytes"), text, "request_bytes = 4194304"));
        }
        if !(4..=DEEPEST_JSON).contains(&limits.json_depth) {
            return Err(problem(key("json_depth"), "must be 4 to 127", "json_depth = 64"));
        }
        if !(10..=MOST_HEADERS).contains(&limits.headers) {
            return Err(problem(key("headers"), "must be 10 to 1000", "headers = 100"));
        }
        for (name, value, example) in [
            ("streams_per_subject", limits.streams_per_subject, "streams_per_subject = 32"),
            ("streams_per_route", limits.streams_per_route, "streams_per_route = 96"),
            ("calls_per_subject", limits.calls_per_subject, "calls_per_subject = 32"),
            ("calls_per_route", limits.calls_per_route, "calls_per_route = 96"),
        ] {
            if !(1..=MOST_PER_ROUTE).contains(&value) {
                return Err(problem(key(name), "must be 1 to 10000", example));
            }
        }
        if !(1..=LONGEST_STREAM).contains(&limits.stream_idle) {
            return Err(problem(key("stream_idle"), "must be 1 to 604800 seconds", "stream_idle = 3600"));
        }
        if !(1..=LONGEST_STREAM).contains(&limits.stream_total) {
            return Err(problem(key("stream_total"), "must be 1 to 604800 seconds", "stream_total = 28800"));
        }
        Ok(limits)
    }
}

/// Limits that hold for all routes together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotalsDocument {
    /// How many requests may last at once, counted over all users, routes and instances: open streams, and calls that
    /// have waited for a server for more than a second. Further ones get 503 and `Retry-After`. One subject may have a
    /// quarter of them, rounded up; further ones of that subject get 429. [Requests that
    /// last](operations.md#requests-that-last) says how to choose the number.
    ///
    /// Default: [`DEFAULT_LONG_REQUESTS`]
    /// Bounds: 1 to [`MOST_LONG_REQUESTS`]
    long_requests: Option<u32>,
}

impl TotalsDocument {
    /// The most requests that may last at once.
    pub(super) fn check(&self) -> Result<u32, ConfigurationError> {
        let most = self.long_requests.unwrap_or(DEFAULT_LONG_REQUESTS);
        if !(1..=MOST_LONG_REQUESTS).contains(&most) {
            return Err(problem("limits.long_requests", "must be 1 to 100000", "long_requests = 128"));
        }
        Ok(most)
    }
}

/// How often something may be asked for. Requests beyond a rate get 429 and `Retry-After`. The window slides, and its
/// count is an estimate at the border of two windows ([how requests are counted](storage.md#how-requests-are-counted)).
///
/// ```toml
/// [[routes]]
/// path = "/mcp"
/// url = "http://10.0.0.7:8080/mcp"
/// rates = [
///   { per = "subject", requests = 600, seconds = 60 },
///   { per = "tool", tools = ["search*"], requests = 10, seconds = 60 },
/// ]
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateDocument {
    /// What is counted together: the requests of a subject, of a client, of the whole route, the calls of each tool
    /// by each subject, or the requests of an address with something that must be looked up, before it is known whose
    /// they are. An IPv6 address counts as its first 64 bits ([networks.md](networks.md#limits-by-address)).
    ///
    /// Values: `subject`, `client`, `route`, `tool`, `address`
    per: String,
    /// Patterns for the names of the tools that are counted, each tool by itself. It is required with `per = "tool"`,
    /// and not allowed otherwise. If a name matches only a pattern with `*` or `?`, the first 128 names that a subject
    /// calls in a window have counters of their own, and all others share 128 counters.
    ///
    /// Example: `["search*"]`
    #[serde(default)]
    tools: Vec<String>,
    /// How many requests are allowed in the window.
    ///
    /// Bounds: 1 to [`MOST_REQUESTS`]
    requests: u32,
    /// The length of the window in seconds.
    ///
    /// Bounds: 1 to [`LONGEST_WINDOW`]
    seconds: u32,
}

const RATE: &str = r#"{ per = "subject", requests = 600, seconds = 60 }"#;

/// The rates in the tables at `table`.
pub(super) fn rates(table: &str, documents: Vec<RateDocument>) -> Result<Vec<Rate>, ConfigurationError> {
    if documents.len() > MOST_RATES {
        return Err(problem(table, "has more than 64 tables", RATE));
    }
    let rates = documents.into_iter().enumerate();
    rates.map(|(index, rate)| rate.check(&format!("{table}[{index}]"))).collect()
}

/// The rates of the authorization server, where nobody is known yet.
pub(super) fn rates_by_address(documents: Vec<RateDocument>) -> Result<Vec<Rate>, ConfigurationError> {
    const EXAMPLE: &str = r#"{ per = "address", requests = 120, seconds = 60 }"#;
    let rates = rates("rates", documents)?;
    match rates.iter().position(|rate| rate.per != Counted::Address) {
        Some(index) => Err(problem(format!("rates[{index}].per"), "must be address here", EXAMPLE)),
        None => Ok(rates),
    }
}

impl RateDocument {
    fn check(self, table: &str) -> Result<Rate, ConfigurationError> {
        let key = |name: &str| format!("{table}.{name}");
        if self.per != "tool" && !self.tools.is_empty() {
            return Err(problem(key("tools"), "is only for per = \"tool\"", r#"per = "tool""#));
        }
        let per = match self.per.as_str() {
            "subject" => Counted::Subject,
            "client" => Counted::Client,
            "route" => Counted::Route,
            "address" => Counted::Address,
            "tool" if self.tools.is_empty() => {
                return Err(problem(key("tools"), "is missing", r#"tools = ["*"]"#));
            }
            "tool" => Counted::Tool(patterns(key("tools"), &self.tools)?),
            _ => return Err(problem(key("per"), "must be subject, client, route, tool or address", RATE)),
        };
        if !(1..=MOST_REQUESTS).contains(&self.requests) {
            return Err(problem(key("requests"), "must be 1 to 10000000", RATE));
        }
        if !(1..=LONGEST_WINDOW).contains(&self.seconds) {
            return Err(problem(key("seconds"), "must be 1 to 86400", RATE));
        }
        Ok(Rate { per, requests: self.requests, seconds: self.seconds })
    }
}

#[cfg(test)]
mod tests;
