//! `wasi:http/outgoing-handler`, answered by the test.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{mpsc, oneshot};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::fakes::Fakes;

/// A request as it left the component.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Sent {
    /// The headers as sorted pairs.
    pub fn header_pairs(&self) -> Vec<(String, String)> {
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let mut pairs: Vec<_> = self.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        pairs.sort();
        pairs
    }

    /// What strict servers refuse, whatever it says: a body without its length, and a request that leaves it to the server to
    /// compress its answer.
    fn refused(&self) -> Option<Answer> {
        let length = self.headers.get("content-length").map(|length| length.as_bytes());
        // Where the test leaves bodies unread, there is none here.
        let is_length = length == Some(self.body.len().to_string().as_bytes()) || self.body.is_empty();
        let lacks_length = if self.method == "POST" { length.is_none() || !is_length } else { length.is_some() };
        let may_be_compressed = self.headers.get("accept-encoding").is_none_or(|value| value != "identity");
        lacks_length.then(|| Answer::status(411)).or_else(|| may_be_compressed.then(|| Answer::status(406)))
    }

    /// The fields of a form.
    pub fn form(&self) -> std::collections::BTreeMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What the other side does.
pub enum Answer {
    /// It answers at once.
    Whole(Response<Vec<u8>>),
    /// It sends its head and goes on with the body whenever the test says.
    Stream(Response<WasiBody>),
    /// It does not answer.
    Fails(Error),
    /// It answers when the test says. The sender is closed when the component gives the request up.
    Later(oneshot::Receiver<Answer>),
}

impl Answer {
    /// A JSON document.
    pub fn json(document: &serde_json::Value) -> Self {
        let response = Response::builder().header("content-type", "application/json");
        Self::Whole(response.body(document.to_string().into_bytes()).unwrap())
    }

    /// Nothing but a status.
    pub fn status(status: u16) -> Self {
        Self::Whole(Response::builder().status(status).body(Vec::new()).unwrap())
    }
}

/// A body of these bytes.
pub fn whole_body(bytes: Vec<u8>) -> WasiBody {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

/// A body that the test sends piece by piece; it ends when the sender is dropped.
pub struct Pieces(pub mpsc::UnboundedReceiver<Result<Bytes, Error>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Records what is sent and answers by the script.
pub struct Outbound(pub Arc<Fakes>);

type Ended = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    /// Hosts differ in where they set it; what the component itself sends is what counts here.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Ended,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Ended), Error>> + Send> {
        let fakes = Arc::clone(&self.0);
        Box::new(async move {
            let (parts, body) = request.into_parts();
            let body = if fakes.leaves_bodies_unread.load(Ordering::SeqCst) {
                fakes.unread.lock().unwrap().push(body);
                Vec::new()
            } else {
                body.collect().await?.to_bytes().to_vec()
            };
            let (method, url) = (parts.method.to_string(), parts.uri.to_string());
            let sent = Sent { method, url, headers: parts.headers, body };
            fakes.sent.lock().unwrap().push(sent.clone());
            let mut answer = match (sent.refused(), fakes.answers.lock().unwrap().as_ref()) {
                (Some(refusal), _) => refusal,
                (None, Some(script)) => script(&sent),
                (None, None) => Answer::Fails(Error::HttpRequestDenied),
            };
            let response = loop {
                match answer {
                    Answer::Whole(response) => break response.map(whole_body),
                    Answer::Stream(response) => break response,
                    Answer::Fails(error) => return Err(error),
                    Answer::Later(later) => answer = later.await.unwrap_or(Answer::Fails(Error::ConnectionTerminated)),
                }
            };
            Ok((response, Box::new(async { Ok(()) }) as Ended))
        })
    }
}
