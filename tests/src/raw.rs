//! HTTP as bytes, for requests that no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status of the first answer; `None` where the connection was closed without one.
    pub status: Option<u16>,
    /// Everything that was sent.
    pub text: String,
}

impl RawAnswer {
    /// Every value of the header `name` (in lower case) of the first answer.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The body, of an answer that is the only one.
    pub fn body(&self) -> String {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if self.headers("transfer-encoding") != ["chunked"] {
            return body.to_owned();
        }
        let (mut rest, mut whole) = (body, String::new());
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("a chunk's size");
            whole.push_str(after.get(..size).expect("a whole chunk"));
            rest = after.get(size + 2..).unwrap_or_default();
        }
        whole
    }

    /// How many answers were sent: more than one means that the server saw more than one request.
    pub fn count(&self) -> usize {
        self.text.match_indices("HTTP/1.1 ").count()
    }
}

/// Writes `request` to the server at `origin` (`http://HOST:PORT`) and reads until it closes the connection; the
/// request should ask it to.
pub async fn raw(origin: &str, request: &[u8]) -> RawAnswer {
    let exchange = async {
        let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).await.expect("a connection");
        // A server may close before it has read everything: what it had to say is what counts.
        let _closed = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), exchange).await;
    let asked = || String::from_utf8_lossy(request.get(..500).unwrap_or(request)).into_owned();
    let answer = answer.unwrap_or_else(|_| panic!("the server does not close the connection after {}", asked()));
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    RawAnswer { status, text }
}
