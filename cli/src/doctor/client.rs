//! HTTP as Gatehouse itself speaks it: the same roots, no redirects, nothing compressed.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use gatehouse_host::{CapturedLog, tls};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use thiserror::Error;
use tokio::time::timeout;

use super::event;

/// For a whole answer. Who waits longer than this waits for somebody who does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends requests, and reads whole answers.
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// There is no answer.
#[derive(Debug, Error)]
pub(crate) enum NoAnswer {
    #[error("the name of the host cannot be found")]
    Name,
    #[error("nobody listens there")]
    Refused,
    #[error("its certificate is not trusted: {0}")]
    Certificate(String),
    #[error("there was no whole answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("there is no answer: {0}")]
    Other(String),
}

impl NoAnswer {
    /// What to do.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Name => "look for a misspelt host, and for the DNS of this machine",
            Self::Refused => "start it, or mend host and port; a firewall may refuse, too",
            Self::Certificate(_) => {
                "if a CA of your own has signed it, give that with --ca-file, here and to `gatehouse up`"
            }
            Self::Late => "look whether it is up, and whether a firewall is in between",
            Self::TooLarge(_) => "look what answers there",
            Self::Other(_) => "look whether it speaks https or http as the URL says",
        }
    }
}

impl HttpClient {
    /// Trusts the system's roots and those of `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self> {
        let tls = tls(ca_file, &CapturedLog::new())?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).build(https)))
    }

    /// The answer to `request`, with at most `limit` bytes. A stream of events is read to the end of its first one, which
    /// is all that comes of some.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, NoAnswer> {
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("gatehouse-doctor"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| reason(&error))?;
            let (head, body) = answer.into_parts();
            let is_stream = event::is_stream(head.headers.get(CONTENT_TYPE));
            Ok(Response::from_parts(head, read(body, limit, is_stream).await?))
        };
        timeout(PATIENCE, exchange).await.map_err(|_| NoAnswer::Late)?
    }
}

async fn read(mut body: Incoming, limit: usize, is_stream: bool) -> Result<Vec<u8>, NoAnswer> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| reason(&error))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
        if bytes.len() > limit {
            return Err(NoAnswer::TooLarge(limit));
        }
        if is_stream && event::first(&bytes).is_some() {
            break;
        }
    }
    Ok(bytes)
}

fn reason(error: &(dyn StdError + 'static)) -> NoAnswer {
    let mut cause = Some(error);
    let mut last = error.to_string();
    while let Some(error) = cause {
        last = error.to_string();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.kind() == io::ErrorKind::ConnectionRefused {
                return NoAnswer::Refused;
            }
            // rustls says what is wrong inside an error of this type.
            if error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("certificate") {
                return NoAnswer::Certificate(error.to_string());
            }
        }
        if last.contains("failed to lookup address") {
            return NoAnswer::Name;
        }
        cause = error.source();
    }
    NoAnswer::Other(last)
}
