//! Two users on one route, in both eras, at the same time: nobody ever sees what is the other's.

use std::collections::BTreeSet;

use gatehouse_tests::{Answer, AttackSettings, AttackWorld, Person, http};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::echoing_upstream::EchoingUpstream;
use crate::mcp::{Era, in_session, request, send};

const PATH: &str = "/echo";
const REQUESTS: usize = 1000;
const STREAMS: usize = 50;
/// Requests that are on their way together.
const AT_ONCE: usize = 32;

/// Somebody with a token for the route.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) subject: String,
    http: reqwest::Client,
    url: String,
    token: String,
}

impl User {
    /// Signs `name` in at the route at `path`.
    pub(crate) async fn sign_in(world: &AttackWorld, path: &str, name: &str) -> Self {
        let tokens = world.flow_of(&Person::new(name), world.public(), path).finish().await;
        let token = tokens["access_token"].as_str().expect("an access token").to_owned();
        Self { subject: format!("test:{name}"), http: http(), url: world.url(path), token }
    }

    /// The same at another instance.
    pub(crate) fn at(&self, instance: &AttackWorld, path: &str) -> Self {
        Self { url: instance.url(path), ..self.clone() }
    }

    pub(crate) fn ask(&self, method: Method) -> RequestBuilder {
        let request = self.http.request(method, &self.url).bearer_auth(&self.token);
        request.header("accept", "application/json, text/event-stream")
    }

    pub(crate) fn post(&self, message: &Value) -> RequestBuilder {
        self.ask(Method::POST).header("content-type", "application/json").body(message.to_string())
    }

    /// A request of the newest era.
    pub(crate) fn stateless(&self, method: &str, mut parameters: Value) -> RequestBuilder {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "gatehouse-tests", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        parameters["_meta"] = meta;
        let name = parameters["name"].as_str().map(str::to_owned);
        let post = self.post(&request(method, &parameters));
        let post = post.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        name.into_iter().fold(post, |post, name| post.header("mcp-name", name))
    }

    /// A call of `tool` in the era, for the older one in this session.
    fn call(&self, era: Era, session: &str, tool: &str, arguments: Value) -> RequestBuilder {
        let parameters = json!({ "name": tool, "arguments": arguments });
        match era {
            Era::Sessions => in_session(self.post(&request("tools/call", &parameters)), session),
            Era::Stateless => self.stateless("tools/call", parameters),
        }
    }

    /// Begins a session; its id as the client sees it.
    pub(crate) async fn initialize(&self) -> String {
        let parameters = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "gatehouse-tests", "version": "1" },
        });
        let answer = send(self.post(&request("initialize", &parameters))).await;
        assert_eq!(answer.status(), 200);
        answer.headers()["mcp-session-id"].to_str().expect("text").to_owned()
    }

    /// A listening stream: of the session, or of the name in the newest era.
    pub(crate) async fn listen(&self, era: Era, key: &str) -> Response {
        send(match era {
            Era::Sessions => in_session(self.ask(Method::GET), key),
            Era::Stateless => {
                let filter = json!({ "notifications": { "toolsListChanged": true } });
                self.stateless("subscriptions/listen", filter).header("x-stream", key)
            }
        })
        .await
    }
}

/// A stream, event by event.
struct Events {
    answer: Response,
    unread: String,
}

impl Events {
    fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        Self { answer, unread: String::new() }
    }

    /// The id of the next event, and what it says.
    async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(str::trim_start).collect::<String>()
                };
                let (id, data) = (field("id:"), field("data:"));
                self.unread = rest.to_owned();
                if !data.is_empty() {
                    let message: Value = serde_json::from_str(&data).expect("JSON");
                    return (id, message["params"]["data"].clone());
                }
            }
            let chunk = self.answer.chunk().await.expect("an unbroken stream").expect("the stream goes on");
            self.unread.push_str(core::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

/// One of the streams, and what was said on it.
struct Listening {
    user: User,
    era: Era,
    key: String,
    events: Events,
    said: BTreeSet<String>,
}

async fn world(upstream: &EchoingUpstream) -> AttackWorld {
    let tables = upstream.route(PATH, "[routes.limits]\nstreams_per_subject = 25");
    // Each of the two has a quarter: 25 streams, and calls that the machine may make slow.
    let top = "limits = { long_requests = 400 }".to_owned();
    AttackWorld::start_with(AttackSettings { tables, top, ..AttackSettings::default() }).await
}

/// GHSA-345p-7cg4-v4c7, fastmcp and others: one server object, one buffer or one connection for several users.
#[tokio::test(flavor = "multi_thread")]
async fn two_users_never_see_each_others_data_through_a_thousand_requests_and_fifty_streams() {
    let upstream = EchoingUpstream::start().await;
    let world = world(&upstream).await;
    let users = [User::sign_in(&world, PATH, "alice").await, User::sign_in(&world, PATH, "bob").await];
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let user = users[number % 2].clone();
        let era = if number / 2 % 2 == 0 { Era::Sessions } else { Era::Stateless };
        let key = match era {
            Era::Sessions => user.initialize().await,
            Era::Stateless => format!("stream-{number}"),
        };
        let mut events = Events::of(user.listen(era, &key).await);
        let (_, hello) = events.next().await;
        assert_eq!(hello["subject"], user.subject.as_str(), "{hello}");
        streams.push(Listening { user, era, key, events, said: BTreeSet::new() });
    }

    let mut asked = JoinSet::new();
    for number in 0..REQUESTS {
        // Each user speaks by turns in each of the sessions, and without one.
        let index = number % STREAMS;
        let stream = &mut streams[index];
        let (user, era, key) = (stream.user.clone(), stream.era, stream.key.clone());
        let text = format!("{} {number}", user.subject);
        let publishes = number % 3 == 0;
        if publishes {
            stream.said.insert(text.clone());
        }
        asked.spawn(async move {
            let (tool, arguments) = match publishes {
                true => ("publish", json!({ "stream": key, "text": text })),
                false => ("whoami", json!({ "text": text })),
            };
            let answer = Answer::of(send(user.call(era, &key, tool, arguments)).await).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let result = answer.json()["result"].clone();
            assert_eq!(result["subject"], user.subject.as_str(), "{result}");
            if publishes {
                assert_eq!(result["sent"], true, "{result}");
            } else {
                assert_eq!(result["asked"]["arguments"]["text"], text.as_str(), "{result}");
                let session = result["session"].as_str().expect("text");
                assert!(session.is_empty() || session.ends_with(&user.subject), "{result}");
            }
        });
        if asked.len() == AT_ONCE {
            asked.join_next().await.expect("a request").expect("no panic");
        }
    }
    asked.join_all().await;
    for stream in &mut streams {
        while !stream.said.is_empty() {
            let (_, data) = stream.events.next().await;
            assert_eq!(data["subject"], stream.user.subject.as_str(), "{data}");
            let text = data["text"].as_str().expect("text");
            assert!(stream.said.remove(text), "{text} came twice, or was never said on this stream");
        }
    }
    drop(streams);
    world.gatehouse.stop().await;
}

/// An id of a session or of an event is worth something to the user only that it was given to, and nothing that the
/// upstream calls it itself.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_resumes_or_enters_what_is_somebody_elses() {
    let upstream = EchoingUpstream::start().await;
    let world = world(&upstream).await;
    let (alice, bob) = (User::sign_in(&world, PATH, "alice").await, User::sign_in(&world, PATH, "bob").await);
    let (hers, her_other, his) = (alice.initialize().await, alice.initialize().await, bob.initialize().await);
    let (her_event, _) = Events::of(alice.listen(Era::Sessions, &hers).await).next().await;
    let (his_event, _) = Events::of(bob.listen(Era::Sessions, &his).await).next().await;
    assert!(!her_event.contains("upstream"), "{her_event}");

    let (seen, sessions, store) = (upstream.requests(), upstream.sessions(), world.store().await);
    let resume = |user: &User, session: &str, event: &str| {
        in_session(user.ask(Method::GET), session).header("last-event-id", event)
    };
    let list = request("tools/list", &json!({}));
    for (user, session) in [(&bob, &hers), (&bob, &her_other), (&alice, &his)] {
        for asked in [
            in_session(user.ask(Method::GET), session),
            in_session(user.ask(Method::DELETE), session),
            in_session(user.post(&list), session),
            resume(user, session, &her_event),
            resume(user, session, &his_event),
        ] {
            let answer = Answer::of(send(asked).await).await;
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32001)), "{answer:?}");
        }
    }
    let own = "upstream-session-0-test:alice/0";
    for (user, session, event) in [
        (&bob, &his, her_event.as_str()),
        (&alice, &hers, &his_event),
        (&alice, &her_other, &her_event),
        (&alice, &hers, own),
        (&alice, &hers, &hers),
        (&alice, &hers, &her_event[1..]),
        (&alice, &hers, "0"),
    ] {
        let answer = Answer::of(send(resume(user, session, event)).await).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32600)), "{event}: {answer:?}");
    }
    assert_eq!((upstream.requests(), upstream.sessions()), (seen, sessions), "the upstream was asked");
    // Streams of before may give their places back.
    world.assert_only_changed(&store, &["places", "places-left"], "ids of somebody else").await;

    // And to whom it was given, it is what the upstream said.
    let (_, resumed) = Events::of(send(resume(&alice, &hers, &her_event)).await).next().await;
    assert_eq!(resumed["resumed"], own, "{resumed}");
    world.gatehouse.stop().await;
}
