//! What `gatehouse up` measures, and for whom.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use gatehouse_host::{OtlpOptions, TelemetryOptions};
use http::{HeaderName, HeaderValue, Uri};

use crate::address::parse_address;
use crate::telemetry_names;

/// OpenTelemetry's default.
const METRICS_EVERY: u64 = 60;

#[derive(Args)]
pub(crate) struct TelemetryArguments {
    /// Where Prometheus fetches metrics, at /metrics: an address that clients need not reach
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    metrics_listen: Option<SocketAddr>,
    /// Who gets metrics and traces by OTLP over HTTP: a URL such as http://127.0.0.1:4318, without /v1/traces
    #[arg(long, value_name = "URL", value_parser = parse_endpoint)]
    otlp_endpoint: Option<Uri>,
    /// A header for that receiver, or the content of a file with NAME=@FILE; may be given again
    #[arg(long = "otlp-header", value_name = "NAME=VALUE", requires = "otlp_endpoint")]
    otlp_headers: Vec<String>,
    /// How Gatehouse is called there
    #[arg(long, value_name = "NAME", default_value = "gatehouse", requires = "otlp_endpoint")]
    otlp_service: String,
    /// How often the metrics are sent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = METRICS_EVERY, requires = "otlp_endpoint",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    otlp_interval: u64,
    /// The part of the traces that is recorded, from 0 (none) to 1 (all that their callers record)
    #[arg(long, value_name = "RATIO", default_value_t = 1.0, requires = "otlp_endpoint", value_parser = parse_ratio)]
    trace_ratio: f64,
}

impl TelemetryArguments {
    /// What the host is told; `None` where nothing is measured.
    ///
    /// # Errors
    /// A header is none. Its value is not repeated: it may be a secret.
    pub(crate) fn options(&self) -> Result<Option<TelemetryOptions>> {
        if self.metrics_listen.is_none() && self.otlp_endpoint.is_none() {
            return Ok(None);
        }
        let headers = self.otlp_headers.iter().map(|text| parse_header(text)).collect::<Result<Vec<_>>>()?;
        let otlp = self.otlp_endpoint.clone().map(|endpoint| OtlpOptions {
            endpoint,
            headers,
            service: self.otlp_service.clone(),
            trace_ratio: self.trace_ratio,
            every: Duration::from_secs(self.otlp_interval),
        });
        Ok(Some(TelemetryOptions { metrics: self.metrics_listen, otlp, names: names_of }))
    }
}

fn names_of(variables: &BTreeMap<String, Arc<str>>) -> Option<gatehouse_telemetry::Names> {
    telemetry_names::of(variables.get(gatehouse_configuration::SETTING)?)
}

fn parse_endpoint(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "write it as a URL, for example http://127.0.0.1:4318".to_owned())?;
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) if !has_user && uri.query().is_none() => Ok(uri),
        _ => Err("write it as http:// or https://, with a host and without a user or a query; a key is for \
                  --otlp-header"
            .to_owned()),
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("write a number from 0 to 1".to_owned()),
    }
}

/// `name=value` or `name=@file`.
fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) =
        text.split_once('=').context("--otlp-header needs NAME=VALUE or NAME=@FILE, but one is without `=`")?;
    let name: HeaderName = name.parse().with_context(|| format!("--otlp-header: {name:?} is not a header's name"))?;
    let value = match value.strip_prefix('@') {
        Some(file) => fs::read_to_string(file)
            .with_context(|| format!("--otlp-header {name}: cannot read the file {file}"))?
            .trim_end()
            .to_owned(),
        None => value.to_owned(),
    };
    let value =
        HeaderValue::try_from(value).ok().with_context(|| format!("--otlp-header {name}: its value is none"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

    use super::*;

    #[test]
    fn a_receiver_is_a_url_without_secrets_and_a_key_is_a_header_that_no_error_repeats() {
        for good in ["http://127.0.0.1:4318", "https://otlp.example/tenant/"] {
            assert!(parse_endpoint(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:4318", "grpc://h:4317", "https://u:secret@h", "https://h/?key=secret", "/v1", ""] {
            assert!(parse_endpoint(bad).is_err_and(|error| !error.contains("secret")), "{bad}");
        }
        let (name, value) = parse_header("Authorization=Bearer a=b").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer a=b"));
        for bad in ["secret", "x=se\ncret", "a b=secret", "x=@/nowhere/file"] {
            let error = format!("{:#}", parse_header(bad).unwrap_err());
            assert!(!error.contains("secret") && !error.contains("cret\n"), "{error}");
        }
        assert_eq!(
            (parse_ratio("0.5"), parse_ratio("1.1").is_err(), parse_ratio("NaN").is_err()),
            (Ok(0.5), true, true)
        );
    }
}
