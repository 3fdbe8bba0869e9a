//! A request of a guest to another party: how long it takes until the head of the answer is there.

use gatehouse_telemetry::{Exchange, Moment};
use http::{Method, Request, Uri};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::log::RequestId;
use crate::telemetry::Measuring;

/// A request that was sent.
pub(super) struct ExchangeInProgress {
    measuring: Measuring,
    request: RequestId,
    method: Method,
    uri: Uri,
    traceparent: Option<String>,
    began: Moment,
}

impl ExchangeInProgress {
    pub(super) fn begin(measuring: &Measuring, request: RequestId, sent: &Request<WasiBody>) -> Self {
        let traceparent = sent.headers().get("traceparent").and_then(|parent| parent.to_str().ok());
        Self {
            measuring: measuring.clone(),
            request,
            method: sent.method().clone(),
            uri: sent.uri().clone(),
            traceparent: traceparent.map(str::to_owned),
            began: measuring.now(),
        }
    }

    /// An answer began, with this status; or there is none, for this reason.
    pub(super) fn ended(self, status: Option<u16>, error: Option<&'static str>) {
        let is_https = self.uri.scheme_str() == Some("https");
        let exchange = Exchange {
            method: self.method.as_str(),
            host: self.uri.host().unwrap_or_default(),
            port: self.uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            traceparent: self.traceparent.as_deref(),
            began: self.began,
            ended: self.measuring.now(),
            status,
            error,
        };
        self.measuring.exchanged(self.request.into(), &exchange);
    }
}

/// Why there is no answer, in one of few words.
pub(super) fn error_word(error: &Error) -> &'static str {
    match error {
        Error::HttpRequestDenied | Error::DestinationIpProhibited => "denied",
        Error::ConnectionRefused | Error::DestinationUnavailable | Error::DestinationIpUnroutable => "unreachable",
        Error::ConnectionTimeout | Error::HttpResponseTimeout | Error::ConnectionReadTimeout => "timeout",
        Error::DnsError { .. } | Error::DnsTimeout => "dns",
        Error::TlsCertificateError | Error::TlsProtocolError => "tls",
        Error::ConnectionTerminated => "closed",
        Error::ConnectionLimitReached => "limit",
        Error::LoopDetected => "loop",
        _ => "failed",
    }
}
