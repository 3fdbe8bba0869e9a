//! The environments of a sandbox: a program that the test plays answers in its place.

use std::future::pending;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gatehouse_tests::rest_double::json_answer;
use gatehouse_tests::{Answer, AttackWorld, From, Person, Received, form, serve};
use http::Response;
use serde_json::{Value, json};

use super::{act, acts, filled, open, sent, signed_in, world_with};
use crate::account::sign_in;
use crate::answers::assert_shown;

const SECRET: &str = "secret-of-administrators-1c93";
const HANDLE: &str = "5984064.1.abcdefghijkl";

type Answers = dyn Fn(&Received) -> Option<Response<Bytes>> + Send + Sync;

/// What answers in the place of a sandbox; it ends with the test's runtime.
struct Sandbox {
    origin: String,
    requests: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Arc<Answers>>>,
}

impl Sandbox {
    /// With one environment, of alice.
    async fn start() -> Self {
        let requests = Arc::<Mutex<Vec<Received>>>::default();
        let answers: Arc<Mutex<Arc<Answers>>> = Arc::new(Mutex::new(Arc::new(|received| Some(as_it_should(received)))));
        let (record, scripted) = (Arc::clone(&requests), Arc::clone(&answers));
        let origin = serve(move |received: Received| {
            let answers = Arc::clone(&scripted.lock().unwrap());
            let answer = answers(&received);
            record.lock().unwrap().push(received);
            async move {
                match answer {
                    Some(answer) => Some(answer),
                    // It never answers.
                    None => pending().await,
                }
            }
        });
        Self { origin: origin.await, requests, answers }
    }

    /// Answers in this way; not at all where there is `None`.
    fn answer_with(&self, answers: impl Fn(&Received) -> Option<Response<Bytes>> + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Arc::new(answers);
    }

    /// What was to be ended.
    fn endings(&self) -> Vec<Received> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|received| received.method != "GET").cloned().collect()
    }
}

fn environment(subject: &str) -> Value {
    json!({
        "handle": HANDLE, "name": "abcdefghijkl", "subject": subject,
        "launchedAt": 1_795_219_200, "usedAt": 1_795_219_260, "endsAt": 1_795_219_560, "runs": 7, "isRunning": true,
    })
}

fn page_of(environments: &[Value]) -> Value {
    json!({ "count": 1, "most": 1000, "environments": environments, "next": "5984063.9" })
}

fn as_it_should(received: &Received) -> Response<Bytes> {
    if received.header("x-sandbox-administration") != SECRET {
        return json_answer(401, &json!({ "error": "Unauthorized" }));
    }
    match received.method.as_str() {
        "GET" if received.query.is_empty() => json_answer(200, &page_of(&[environment("test:alice")])),
        "GET" => json_answer(200, &json!({ "count": 1, "most": 1000, "environments": [environment("test:bob")] })),
        "DELETE" if received.path.ends_with(HANDLE) => json_answer(200, &json!({ "subject": "test:alice" })),
        _ => json_answer(404, &json!({ "error": "There is no such environment" })),
    }
}

async fn world_before(sandbox: &Sandbox, secret: &str) -> AttackWorld {
    let environments =
        format!("environments = {{ url = \"{}/environments\", secret = \"sandbox_administration\" }}", sandbox.origin);
    world_with(environments, &[("sandbox_administration", secret)]).await
}

fn assert_silent(page: &Answer, what: &str) {
    assert_shown(page, 200, what);
    assert!(page.body.contains("<code>/mcp</code></h3>\n<p>It gives no answer.</p>"), "{what}: {}", page.body);
    assert!(!page.body.contains("end-environment"), "{what}: {}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_operator_ends_an_environment_and_each_form_once() {
    let sandbox = Sandbox::start().await;
    let world = world_before(&sandbox, SECRET).await;
    let (alice, carol, dave) = (Person::new("alice"), Person::new("carol"), Person::new("dave"));
    let page = signed_in(&world, &carol).await;
    for words in ["Places that are taken: 1 of 1000.", "<h4>test:alice</h4>", "A run is under way."] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains(SECRET), "{}", page.body);
    let ending = filled(&page, "end-environment", &[]);
    for person in [&alice, &dave] {
        sign_in(&world, person).await;
    }
    let before = world.store().await;
    for person in [&alice, &dave] {
        assert_shown(&person.submit(&world.gatehouse.url, "/admin", &ending).await, 403, person.name());
    }
    let (url, own) = (world.url("/admin"), world.gatehouse.url.clone());
    for (from, origin) in [(From::OtherSite, "https://evil.example"), (From::SameOrigin, "https://evil.example")] {
        assert_shown(&carol.post(&url, &form(&ending), from, Some(origin)).await, 403, origin);
    }
    let mut without_ticket = ending.clone();
    without_ticket.retain(|(name, _)| name != "ticket");
    assert_shown(&carol.submit(&own, "/admin", &without_ticket).await, 403, "no ticket");
    carol.open(&format!("{url}?{}", form(&ending)).parse().unwrap(), From::OtherSite).await;
    world.assert_unchanged(&before, "forged").await;
    assert!(sandbox.endings().is_empty(), "{:?}", sandbox.endings());

    let ended = sent(&world, &carol, &page, "end-environment", &[]).await;
    assert!(ended.body.contains("It is done."), "{}", ended.body);
    let replayed = carol.submit(&own, "/admin", &ending).await;
    assert_shown(&replayed, 403, "twice");
    let [received] = sandbox.endings().try_into().expect("one request");
    assert_eq!((received.method.as_str(), received.path.as_str()), ("DELETE", "/environments/5984064.1.abcdefghijkl"));
    assert_eq!((received.header("x-sandbox-administration"), received.header("x-request-id").len()), (SECRET, 32));
    let events = [act("begun", ""), act("completed", "test:alice"), act("refused", "")];
    assert_eq!(acts(&world, "administration-end-environment", 3).await, events);
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_further_and_what_is_gone_or_no_handle_ends_nothing() {
    let sandbox = Sandbox::start().await;
    let world = world_before(&sandbox, SECRET).await;
    let carol = Person::new("carol");
    let page = signed_in(&world, &carol).await;
    let older = sent(&world, &carol, &page, "find-environments", &[]).await;
    assert!(older.body.contains("test:bob") && !older.body.contains("test:alice"), "{}", older.body);
    assert!(!older.body.contains("find-environments"), "it was the last page: {}", older.body);
    assert_eq!(acts(&world, "administration-environments", 1).await, [act("completed", "")]);
    for (name, value, reaches) in [
        ("environment", "5984064.2.abcdefghijkl", true),
        ("environment", "../environments", false),
        ("environment", "a?b", false),
        ("route", "/other", false),
    ] {
        let page = open(&world, &carol).await;
        let before = sandbox.endings().len();
        let mut pairs = filled(&page, "end-environment", &[]);
        pairs.iter_mut().find(|(own, _)| own == name).unwrap().1 = value.to_owned();
        let answer = carol.submit(&world.gatehouse.url, "/admin", &pairs).await;
        assert_shown(&answer, 200, value);
        assert!(answer.body.contains("There is nothing with this name."), "{value}: {}", answer.body);
        assert_eq!(sandbox.endings().len() - before, usize::from(reaches), "{value}");
    }
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_secret_the_list_stays_closed_and_nothing_ends() {
    let sandbox = Sandbox::start().await;
    let world = world_before(&sandbox, SECRET).await;
    let carol = Person::new("carol");
    let page = signed_in(&world, &carol).await;
    let wrong = world.beside_with(&[("sandbox_administration", "another-secret-of-administrators")]).await;
    assert_silent(&carol.open(&wrong.url("/admin").parse().unwrap(), From::SameOrigin).await, "a wrong secret");
    let ending = form(&filled(&page, "end-environment", &[]));
    let own = world.gatehouse.url.clone();
    let answer = carol.post(&wrong.url("/admin"), &ending, From::SameOrigin, Some(&own)).await;
    assert_shown(&answer, 503, "a wrong secret");
    let [received] = sandbox.endings().try_into().expect("one request");
    assert_eq!(as_it_should(&received).status(), 401, "the sandbox refused it");
    let log = wrong.gatehouse.log.lines().join("\n");
    assert!(log.contains("the sandbox answers 401"), "{log}");
    assert!(!log.contains("another-secret"), "{log}");
    wrong.gatehouse.stop().await;
    world.gatehouse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_gives_no_answer_or_a_wrong_one_never_breaks_the_page() {
    let sandbox = Sandbox::start().await;
    let world = world_before(&sandbox, SECRET).await;
    let carol = Person::new("carol");
    signed_in(&world, &carol).await;
    sandbox.answer_with(|_| None);
    assert_silent(&open(&world, &carol).await, "none");
    let markup = json_answer(200, &page_of(&[environment("test:<script>alert(1)</script>")]));
    let elsewhere = Response::builder().status(302).header("location", "/environments").body(Bytes::new()).unwrap();
    for (answer, what) in [
        (json_answer(503, &json!({})), "503"),
        (json_answer(200, &json!({ "count": 1 })), "another document"),
        (Response::new(Bytes::from_static(b"<html>")), "no JSON"),
        (Response::new(Bytes::from(vec![b' '; 300_000])), "too much"),
        (json_answer(200, &page_of(&vec![environment("test:alice"); 201])), "too many"),
        (json_answer(200, &page_of(&[environment("<b>no subject")])), "no subject"),
        (elsewhere, "a redirect"),
    ] {
        sandbox.answer_with(move |_| Some(answer.clone()));
        assert_silent(&open(&world, &carol).await, what);
    }
    sandbox.answer_with(move |_| Some(markup.clone()));
    let page = open(&world, &carol).await;
    // Text, if it is a subject at all.
    assert_shown(&page, 200, "markup");
    assert!(!page.body.contains("<script"), "{}", page.body);
    world.gatehouse.stop().await;
}
