//! The commands that send HTTP requests, where egress is on. bashkit's own need a client of TLS, which a component has not: the host has it.

mod arguments;
mod curl;
mod curl_answer;
mod curl_options;
mod curl_request;
mod wget;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bashkit::{BuiltinContext, normalize_path, vfs_join};
use sandbox_egress::{Answer, Client, Egress, Failure, Request, Room};

pub use curl::Curl;
pub use wget::Wget;

/// Sends a request that was judged, and reads the whole answer.
pub type SendRequest =
    Arc<dyn Fn(&http::Request<Vec<u8>>, Room) -> Result<http::Response<Vec<u8>>, Failure> + Send + Sync>;

type SendOne = Box<dyn FnMut(&http::Request<Vec<u8>>, Room) -> Result<http::Response<Vec<u8>>, Failure> + Send>;

/// What a run may send, and until when.
pub struct Network {
    client: Mutex<Client<SendOne>>,
    deadline: Instant,
}

impl Network {
    /// For a run that ends then. `before` is done before each request: nothing else happens while it is under way.
    pub fn new(egress: Egress, deadline: Instant, send: SendRequest, before: impl Fn() + Send + 'static) -> Arc<Self> {
        let send: SendOne = Box::new(move |request, room| {
            before();
            send(request, room)
        });
        Arc::new(Self { client: Mutex::new(Client::new(egress, send)), deadline })
    }

    /// Sends a request, with the redirects that follow where they are wanted, within this time and that of the run.
    fn send(&self, request: &Request, follows: bool, time: Option<Duration>) -> Result<Answer, Failure> {
        let deadline = match time.and_then(|time| Instant::now().checked_add(time)) {
            Some(own) => own.min(self.deadline),
            None => self.deadline,
        };
        let left = || {
            let left = deadline.saturating_duration_since(Instant::now());
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
        };
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if follows { client.follow(request, &left) } else { client.fetch(request, &left) }
    }
}

/// A file that a command names.
fn path(context: &BuiltinContext<'_>, name: &str) -> PathBuf {
    normalize_path(&vfs_join(context.cwd, std::path::Path::new(name)))
}

/// A number of seconds, with a fraction.
fn seconds(text: &str) -> Option<Duration> {
    text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
