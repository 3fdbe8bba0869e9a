//! `[limits]`, `[routes.limits]` and `[[routes.rates]]`.

use serde::{Deserialize, Serialize};

use super::policy::patterns;
use crate::error::problem;
use crate::{ConfigurationError, Counted, Limits, Rate};

/// Bytes. MCP messages are small; a larger upload is for another protocol.
const DEFAULT_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes. The request is held in the instance's memory, whose size hosts limit.
const LARGEST_REQUEST_BYTES: usize = 32 * 1024 * 1024;
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

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsDocument {
    request_bytes: Option<usize>,
    json_depth: Option<usize>,
    headers: Option<usize>,
    streams_per_subject: Option<u32>,
    streams_per_route: Option<u32>,
    calls_per_subject: Option<u32>,
    calls_per_route: Option<u32>,
    stream_idle: Option<u64>,
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
            let text = "must be 1 to 33554432 bytes (32 MiB)";
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

/// What holds for all routes together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotalsDocument {
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

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateDocument {
    per: String,
    #[serde(default)]
    tools: Vec<String>,
    requests: u32,
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
            "tool" if self.tools.is_empty() => {
                return Err(problem(key("tools"), "is missing", r#"tools = ["*"]"#));
            }
            "tool" => Counted::Tool(patterns(&key("tools"), &self.tools)?),
            _ => return Err(problem(key("per"), "must be subject, client, route or tool", RATE)),
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
