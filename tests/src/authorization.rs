//! A sign-in that stops at the code, for tests that redeem it themselves.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::{Url, form_urlencoded};

use crate::program::Program;
use crate::world::World;

/// The verifier and its S256 challenge of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// See [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An authorization response, not redeemed yet. Its client is `conformance`, its verifier [`VERIFIER`].
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The code.
    pub code: String,
    /// The redirect URI of the request.
    pub redirect_uri: String,
}

impl World {
    /// Signs `user` in for the client `conformance`, as far as its redirect URI.
    pub async fn authorize(&self, user: &str) -> Authorization {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let redirect_uri = format!("http://{}/callback", listener.local_addr().expect("an address"));
        let resource = self.mcp_url();
        let query = [
            ("response_type", "code"),
            ("client_id", "conformance"),
            ("redirect_uri", &redirect_uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", &resource),
            ("state", "the-state"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let url = format!("{}/authorize?{query}", self.gatehouse.url);
        let mut browser = Program::client("sign-in.mjs", &[&url, "--user", user]);
        let target = callback(&listener).await;
        browser.json().await;
        browser.finish().await;
        let parameter = |name: &str| {
            let value = target.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            value.unwrap_or_else(|| panic!("no {name} in the authorization response"))
        };
        assert_eq!(
            (parameter("state").as_str(), parameter("iss").as_str()),
            ("the-state", self.gatehouse.url.as_str())
        );
        Authorization { code: parameter("code"), redirect_uri }
    }
}

/// The URL with which the browser comes back.
async fn callback(listener: &TcpListener) -> Url {
    let (mut stream, _) = listener.accept().await.expect("a browser");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .await
        .expect("a browser that waits");
    let head = String::from_utf8(head).expect("text");
    let target = head.split(' ').nth(1).expect("a request line");
    Url::parse("http://client.example").and_then(|base| base.join(target)).expect("a target")
}
