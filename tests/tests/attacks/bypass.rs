//! Ways round the gateway, byte by byte: what an upstream could read otherwise than the gateway did. The upstream sees
//! nothing but what its route's policy allows to somebody whom we know, and nothing that is refused leaves a trace.

mod bodies;
mod framing;
mod headers;
mod names;
mod notifications;
mod targets;

use gatehouse_tests::{AttackSettings, AttackWorld, Person, RawAnswer, Received, raw};
use serde_json::Value;

/// Who may use what: at `/mcp` everybody may call the tool `read`, and nothing else that has a target. A stream that is
/// opened ends within the test.
const POLICY: &str = r#"subject_header = "x-subject"

[[routes.policy]]
name = "reading"
tools = ["read"]

[routes.limits]
stream_total = 1
"#;
/// What nobody may call: where it reaches the upstream, the gateway was passed by.
const FORBIDDEN: &str = "delete";
/// The upstream's path behind `/mcp`.
const INSIDE: &str = "/inside";

/// A call of `tool`, as bytes of JSON.
fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

/// The same in the newest era.
fn modern_call(tool: &str) -> String {
    let prefix = "io.modelcontextprotocol/";
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}},"_meta":{{
        "{prefix}protocolVersion":"2026-07-28","{prefix}clientCapabilities":{{}},
        "{prefix}clientInfo":{{"name":"test","version":"1"}}}}}}}}"#
    )
}

/// Gatehouse with a policy before the recording upstream, and somebody's token for each of its two routes.
struct Bypass {
    world: AttackWorld,
    /// For `/mcp`.
    token: String,
    /// For `/other`, which has no policy.
    other_token: String,
    before: Vec<(String, Vec<u8>)>,
}

impl Bypass {
    async fn start() -> Self {
        let settings = AttackSettings { mcp_lines: POLICY.to_owned(), ..AttackSettings::default() };
        let world = AttackWorld::start_with(settings).await;
        let alice = Person::new("alice");
        let text = |tokens: Value| tokens["access_token"].as_str().expect("an access token").to_owned();
        let token = text(world.flow(&alice).finish().await);
        let other_token = text(world.flow_of(&alice, world.public(), "/other").finish().await);
        let before = world.store().await;
        Self { world, token, other_token, before }
    }

    /// A POST to `target` with these header lines and this body, framed by its length.
    fn post(&self, target: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
        self.request("POST", target, lines, body)
    }

    fn request(&self, method: &str, target: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: gatehouse\r\nconnection: close\r\n");
        for line in lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [head.as_bytes(), body].concat()
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.token)
    }

    /// The lines of a good request by alice, but for what a test changes.
    fn lines<'a>(&self, bearer: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&[bearer, "accept: application/json, text/event-stream"], more].concat()
    }

    /// Sends `request`: the answer, and what reached the upstream.
    async fn send(&self, request: &[u8]) -> (RawAnswer, Vec<Received>) {
        let seen = self.world.upstream.requests().len();
        let answer = raw(&self.world.gatehouse.url, request).await;
        (answer, self.world.upstream.requests().split_off(seen))
    }

    /// `request` gets one of `statuses` (0 for a connection that is closed without a word) and reaches nobody.
    async fn refuses(&self, what: &str, request: &[u8], statuses: &[u16]) -> RawAnswer {
        let (answer, reached) = self.send(request).await;
        assert!(reached.is_empty(), "{what} reached the upstream: {reached:?}\n{}", answer.text);
        assert!(statuses.contains(&answer.status.unwrap_or(0)), "{what}: {statuses:?}, but {}", answer.text);
        assert!(answer.count() <= 1, "{what} was read as several requests: {}", answer.text);
        answer
    }

    /// `request` reaches the upstream once, as alice's; what it was.
    async fn passes(&self, what: &str, request: &[u8]) -> Received {
        let (answer, mut reached) = self.send(request).await;
        assert_eq!((answer.status, reached.len()), (Some(200), 1), "{what}: {}", answer.text);
        let received = reached.remove(0);
        assert_harmless(&received, what);
        received
    }

    /// Nothing of all this was stored.
    async fn end(self, what: &str) {
        // How many streams somebody has open is counted in the store, and whoever may listen may have one.
        self.world.assert_only_changed(&self.before, &["places", "places-left"], what).await;
        for received in self.world.upstream.requests() {
            assert_harmless(&received, what);
        }
        self.world.gatehouse.stop().await;
    }
}

/// What reached the upstream came from somebody whom we know, where it belongs, and does nothing that is forbidden.
fn assert_harmless(received: &Received, what: &str) {
    let body = String::from_utf8_lossy(&received.body).replace('\0', "");
    assert_eq!(received.path, INSIDE, "{what}");
    assert_eq!(received.headers.get_all("x-subject").iter().collect::<Vec<_>>(), ["test:alice"], "{what}");
    assert!(!body.contains(FORBIDDEN), "{what}: {received:?}");
    assert_eq!(received.headers.get("authorization"), None, "{what}");
}
