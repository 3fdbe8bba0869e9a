//! How long a guest waits for an answer to a request of its own.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::timed_body::TimedBody;

/// Time limits for guests that set none: Spin's, except that a connection is there sooner or not at all.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(600);
const BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(600);

/// The time limits of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimits {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    between_bytes: Duration,
}

impl TimeLimits {
    /// Those that the guest has set, and the usual ones where it has set none.
    pub(crate) fn of(options: &RequestOptions) -> Self {
        Self {
            connect: options.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            first_byte: options.first_byte_timeout.unwrap_or(FIRST_BYTE_TIMEOUT),
            between_bytes: options.between_bytes_timeout.unwrap_or(BETWEEN_BYTES_TIMEOUT),
        }
    }

    /// The answer, if its head comes within `wait`; each piece of its body has to come in time, too.
    ///
    /// # Errors
    /// [`Error::HttpResponseTimeout`] where it does not, and the error of `answering`.
    pub(crate) async fn keep<B>(
        self,
        wait: Duration,
        answering: impl Future<Output = Result<Response<B>, Error>>,
    ) -> Result<Response<WasiBody>, Error>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Error>,
    {
        let response = timeout(wait, answering).await.map_err(|_| Error::HttpResponseTimeout)??;
        Ok(response.map(|body| TimedBody::new(body, self.between_bytes).boxed_unsync()))
    }
}
