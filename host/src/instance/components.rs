//! How a guest reaches other components of its application.

use std::pin::Pin;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, WasiBody};

/// The answer of a component, as soon as its head is there. Dropping it says that nobody waits for it any more.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

/// The other components of an application, for one guest.
pub(crate) trait Components: Send + Sync {
    /// Sends `request` to the component that its host names, which this guest may do.
    fn call(&self, request: Request<WasiBody>) -> Answering;
}
