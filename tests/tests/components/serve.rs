//! One HTTP request to a component.

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot::Receiver;
use tokio::task::JoinHandle;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::component::{Alone, fresh};
use crate::fakes::Fakes;
use crate::outbound::whole_body;

/// The whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    /// A header that is there once, as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name} is there {} times", values.len());
        values.first().map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A request with these headers and this body.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request<WasiBody> {
    let mut builder = Request::builder().method(method).uri(target).header("host", "gateway.example");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(whole_body(body.into())).unwrap()
}

/// Sends the request to a fresh instance and waits for the whole answer and the instance's end.
pub async fn serve(component: &'static Alone, fakes: &Arc<Fakes>, request: Request<WasiBody>) -> Reply {
    let (response, guest) = begin(component, fakes, request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body does not break off").to_bytes();
    guest.await.expect("the instance ends").expect("the instance does not trap");
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("text") }
}

/// The running instance.
pub type Running = JoinHandle<wasmtime::Result<()>>;

/// Sends the request to a fresh instance and waits for the head of the answer.
pub async fn begin(
    component: &'static Alone,
    fakes: &Arc<Fakes>,
    request: Request<WasiBody>,
) -> (Response<WasiBody>, Running) {
    let (receiver, guest) = start(component, fakes, request);
    match receiver.await {
        Ok(response) => (response.expect("a response and no error code"), guest),
        Err(_) => panic!("no answer: {:?}", guest.await),
    }
}

type Answered = Receiver<Result<Response<WasiBody>, ErrorCode>>;

/// Sends the request to a fresh instance. Who aborts what runs kills the instance.
pub fn start(component: &'static Alone, fakes: &Arc<Fakes>, request: Request<WasiBody>) -> (Answered, Running) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let fakes = Arc::clone(fakes);
    let guest = tokio::spawn(async move {
        let mut store = fresh(&fakes);
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        let proxy = ProxyPre::new(component.pre())?.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
    });
    (receiver, guest)
}
