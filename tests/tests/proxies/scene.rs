//! Gatehouse behind a proxy, people who sign in there, and what must hold.

use std::time::{Duration, Instant};

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, From, Person, Step, http};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::front::{Front, Proxy, ProxyPort};
use crate::upstream::Upstream;

/// No answer takes longer on two busy cores.
const PATIENCE: Duration = Duration::from_secs(60);
/// nginx has 4 KB for the whole head of an answer unless it is told otherwise.
const LONGEST_HEADER: usize = 3584;
/// `limits.request_bytes`, as it comes.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// How many events are timed: the fastest says what the proxy does, and the others what the machine does besides.
const EVENTS: usize = 8;

/// A world whose public URL is the proxy's.
pub(crate) struct Scene {
    pub(crate) world: AttackWorld,
    pub(crate) upstream: Upstream,
    /// Gatehouse itself, as `ADDRESS:PORT`.
    pub(crate) gatehouse: String,
    front: Front,
}

/// Somebody with an access token.
pub(crate) struct User {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Scene {
    /// Starts everything, with the guide's configuration. `None`, with a word, where there is no such proxy.
    pub(crate) async fn start(proxy: Proxy) -> Option<Self> {
        Self::start_as(proxy, |port, gatehouse| proxy.guided(port, gatehouse)).await
    }

    /// The same with another configuration: of the proxy's port, and of Gatehouse's address.
    pub(crate) async fn start_as(proxy: Proxy, configure: impl FnOnce(u16, &str) -> String) -> Option<Self> {
        let (place, upstream) = (ProxyPort::take(), Upstream::start().await);
        let settings = AttackSettings {
            public_url: Some(place.url()),
            upstream_origin: Some(upstream.origin.clone()),
            ..AttackSettings::default()
        };
        let mut world = AttackWorld::start_with(settings).await;
        let gatehouse = world.gatehouse.url.trim_start_matches("http://").to_owned();
        let front = place.start(proxy, |port| configure(port, &gatehouse)).await?;
        // From here on, everybody goes through the proxy.
        world.gatehouse.url.clone_from(&front.url);
        Some(Self { world, upstream, gatehouse, front })
    }

    /// Signs `name` in, through the proxy.
    pub(crate) async fn sign_in(&self, name: &str) -> User {
        let tokens = self.world.flow(&Person::new(name)).finish().await;
        let token = tokens["access_token"].as_str().expect("an access token").to_owned();
        User { http: http(), url: self.world.url("/mcp"), token }
    }

    pub(crate) async fn stop(self) {
        self.world.gatehouse.stop().await;
    }

    /// Every header of every answer on the way of a sign-in.
    pub(crate) async fn headers_of_a_sign_in_are_short(&self) {
        let person = Person::new("bob");
        // As long as a state may be beside this redirect URI.
        let mut flow = self.world.flow(&person).with("state", Some(&"s".repeat(2048)));
        for step in [Step::Asked, Step::SentToProvider, Step::Answered] {
            flow.to(step).await;
            headers_are_short(flow.page.as_ref().expect("an answer"));
        }
        assert_eq!(flow.response("state").map(|state| state.len()), Some(2048));
    }

    /// The fastest of some events, from the server to the client.
    pub(crate) async fn delay_of_events(&self, user: &User) -> Duration {
        let mut stream = user.listen().await;
        let mut delays = Vec::new();
        for number in 0..EVENTS {
            let (text, said) = (format!("event {number}"), Instant::now());
            self.upstream.say(&text);
            stream.until(&text).await.expect("an event");
            delays.push(said.elapsed());
        }
        delays.into_iter().min().expect("some events")
    }

    pub(crate) async fn events_come_at_once(&self, user: &User) {
        let delay = self.delay_of_events(user).await;
        assert!(delay < Duration::from_millis(100), "the fastest of {EVENTS} events took {delay:?}");
    }

    pub(crate) async fn bodies_of_4_mib_pass(&self, user: &User) {
        let answer = user.call_of(REQUEST_BYTES).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["result"]["content"][0]["text"], REQUEST_BYTES.to_string());
        assert_eq!(self.upstream.calls().last().expect("a call").body.len(), REQUEST_BYTES);
    }

    pub(crate) async fn a_body_that_is_too_large_is_refused_by_gatehouse(&self, user: &User) {
        let before = self.upstream.calls().len();
        let answer = user.call_of(REQUEST_BYTES + 1).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        assert!(answer.json()["error"]["message"].is_string(), "{answer:?}");
        assert_eq!(self.upstream.calls().len(), before);
    }

    pub(crate) async fn parameter_headers_pass(&self, user: &User) {
        let answer = user.call_with_parameters().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let calls = self.upstream.calls();
        let call = calls.last().expect("a call");
        for (name, value) in PARAMETERS {
            assert_eq!(call.header(name), value, "{name}");
        }
    }

    /// What a request for authorization gets whose URL is longer than a line may usually be.
    pub(crate) async fn long_authorization_request(&self) -> Answer {
        let person = Person::new("carol");
        let flow = self.world.flow(&person).with("unknown", Some(&"u".repeat(9000)));
        person.open(&flow.authorization_url(), From::Nowhere).await
    }

    pub(crate) async fn a_long_authorization_request_is_answered_by_gatehouse(&self) {
        let answer = self.long_authorization_request().await;
        assert!(answer.status == 200 && answer.headers.contains_key("x-request-id"), "{answer:?}");
        headers_are_short(&answer);
    }

    /// A stream on which nothing comes lives on, beside one behind the same proxy whose time is `shortened`.
    pub(crate) async fn a_silent_stream_outlives_one_whose_time_is_short(
        &self,
        user: &User,
        proxy: Proxy,
        shortened: impl FnOnce(String) -> String,
    ) {
        let hasty = ProxyPort::take().start(proxy, |port| {
            let guided = proxy.guided(port, &self.gatehouse);
            let short = shortened(guided.clone());
            assert_ne!(short, guided);
            short
        });
        let hasty = hasty.await.expect("the proxy is there");
        let (mut kept, mut cut) = (user.listen().await, user.at(&hasty.url).listen().await);
        self.upstream.say("first");
        kept.until("first").await.expect("an event");
        cut.until("first").await.expect("an event");
        assert!(cut.until("never").await.is_err());
        self.upstream.say("second");
        kept.until("second").await.expect("the stream lives on");
    }

    /// The proxy's log has paths without their queries, which hold codes, and the ids of Gatehouse's own log. Caddy writes no
    /// such log unless it is told to.
    pub(crate) async fn the_log_finds_a_request_and_holds_no_code(&self, proxy: Proxy) {
        let answer = self.long_authorization_request().await;
        let written = async {
            while proxy != Proxy::Caddy && !self.front.log().contains(answer.header("x-request-id")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, written).await.expect("the request is in the proxy's log");
        let log = self.front.log();
        assert_eq!(log.contains("GET /callback "), proxy != Proxy::Caddy, "{log}");
        assert!(!log.contains("code=") && !log.contains("state="), "{log}");
    }

    /// What says where a client is reaches no server, whoever says it; and the request's id is Gatehouse's own.
    pub(crate) async fn what_proxies_add_is_believed_by_nobody(&self, user: &User) {
        let own = "ab".repeat(16);
        let request = user.call("echo", &json!({})).header("x-forwarded-for", "192.0.2.1").header("x-request-id", &own);
        let answer = Answer::of(send(request).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = answer.header("x-request-id");
        assert!(id.len() == 32 && id != own, "{answer:?}");
        let calls = self.upstream.calls();
        let call = calls.last().expect("a call");
        assert_eq!(call.header("x-request-id"), id);
        let names: Vec<_> = call.headers.keys().map(|name| name.as_str()).collect();
        assert!(!names.iter().any(|name| name.starts_with("x-forwarded") || *name == "forwarded"), "{names:?}");
    }
}

/// The arguments of the tool `echo` in their headers: name and value.
pub(crate) const PARAMETERS: [(&str, &str); 3] =
    [("mcp-param-region_name", "eu"), ("mcp-param-city.name", "ulm"), ("mcp-param-odd~name", "yes")];

impl User {
    /// The same at another place.
    fn at(&self, origin: &str) -> Self {
        Self { http: http(), url: format!("{origin}/mcp"), token: self.token.clone() }
    }

    /// A call of a tool, with what 2026-07-28 asks for.
    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> RequestBuilder {
        let parameters = json!({ "name": tool, "arguments": arguments, "_meta": meta() });
        self.post("tools/call", &parameters).header("mcp-name", tool)
    }

    pub(crate) async fn call_with_parameters(&self) -> Answer {
        let request = self.call("echo", &json!({ "region": "eu", "city": "ulm", "odd": "yes" }));
        let request = PARAMETERS.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(send(request).await).await
    }

    /// A call whose body has this many bytes.
    pub(crate) async fn call_of(&self, bytes: usize) -> Answer {
        let parameters = |text: &str| json!({ "name": "long", "arguments": { "text": text }, "_meta": meta() });
        let empty = message("tools/call", &parameters("")).to_string().len();
        let request = self.post("tools/call", &parameters(&"x".repeat(bytes - empty))).header("mcp-name", "long");
        Answer::of(send(request).await).await
    }

    /// A stream of what the server says.
    pub(crate) async fn listen(&self) -> Stream {
        let filter = json!({ "notifications": { "toolsListChanged": true }, "_meta": meta() });
        let answer = send(self.post("subscriptions/listen", &filter)).await;
        assert_eq!(answer.status(), 200);
        Stream { answer, read: String::new() }
    }

    fn post(&self, method: &str, parameters: &Value) -> RequestBuilder {
        let request = self.http.post(&self.url).bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        request.body(message(method, parameters).to_string())
    }
}

/// An answer of events.
pub(crate) struct Stream {
    answer: Response,
    read: String,
}

impl Stream {
    /// Reads until `text` has come.
    ///
    /// # Errors
    /// Where the stream ends before.
    pub(crate) async fn until(&mut self, text: &str) -> Result<(), String> {
        while !self.read.contains(text) {
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.expect("the next piece in time");
            let chunk = chunk.map_err(|error| error.to_string())?.ok_or("the stream ended")?;
            self.read.push_str(core::str::from_utf8(&chunk).expect("UTF-8"));
        }
        Ok(())
    }
}

fn message(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters })
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "gatehouse-tests", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

async fn send(request: RequestBuilder) -> Response {
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer in time").expect("an answer")
}

fn headers_are_short(answer: &Answer) {
    for (name, value) in &answer.headers {
        assert!(name.as_str().len() + value.len() <= LONGEST_HEADER, "{name} has {} bytes", value.len());
    }
}
