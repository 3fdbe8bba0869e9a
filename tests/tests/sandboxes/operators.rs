//! Operators of Gatehouse, who see the environments of all callers and end them, and those who would like to.

use std::sync::Arc;

use gatehouse_tests::{Answer, Form, From, Person, http};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{ADMINISTRATION, Caller, Scene, stdout};

/// An id that no environment has.
const NEVER: &str = "99999999-9999-9999-9999-999999999999";

/// Carol, who is an operator, with the page.
async fn operator(scene: &Scene) -> (Person, Answer) {
    scene.world.provider().script(|script| script.claims = Arc::new(|claims| claims["roles"] = json!(["Ops"])));
    let (carol, own) = (Person::new("carol"), &scene.world.gatehouse.url);
    let page = carol.open(&scene.world.url("/sessions").parse().unwrap(), From::Nowhere).await;
    let pressed = page.form("/sign-in").expect("a form").pressed("provider", "test");
    let sent = carol.submit(own, "/sign-in", &pressed).await;
    let returned = carol.open(&sent.location().expect("the provider"), From::OtherSite).await;
    carol.open(&returned.location().expect("the callback"), From::OtherSite).await;
    let page = carol.open(&scene.world.url("/admin").parse().unwrap(), From::SameOrigin).await;
    assert_eq!(page.status, 200, "{page:?}");
    (carol, page)
}

/// The forms that end an environment, in their order.
fn endings(page: &Answer) -> Vec<Form> {
    let ends = |form: &Form| form.buttons.iter().any(|(_, value)| value == "end-environment");
    page.forms().into_iter().filter(ends).collect()
}

async fn end(scene: &Scene, carol: &Person, form: &Form) -> Answer {
    carol.submit(&scene.world.gatehouse.url, "/admin", &form.pressed("act", "end-environment")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_callers_have_launched_and_ends_it() {
    let scene = Scene::start("").await;
    let (of_alice, of_mallory) = (scene.launch(Caller::Alice).await, scene.launch(Caller::Mallory).await);
    assert_eq!(stdout(&scene.shell(Caller::Alice, &of_alice, "echo secret > needle-file; echo done").await), "done\n");
    let (carol, page) = operator(&scene).await;
    for words in ["Places that are taken: 2 of 1000.", "key:alice", "key:mallory"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for secret in [of_alice.as_str(), &of_mallory, "needle-file", ADMINISTRATION] {
        assert!(!page.body.contains(secret), "{secret}: {}", page.body);
    }
    let forms = endings(&page);
    assert_eq!(forms.len(), 2, "{}", page.body);
    // The newest stands first.
    let ended = end(&scene, &carol, &forms[1]).await;
    assert!(ended.body.contains("It is done.") && ended.body.contains("Places that are taken: 1 of 1000."));
    assert!(!ended.body.contains("key:alice") && ended.body.contains("key:mallory"), "{}", ended.body);
    let unknown = scene.shell(Caller::Alice, NEVER, "cat needle-file").await;
    assert_eq!(scene.shell(Caller::Alice, &of_alice, "cat needle-file").await, unknown);
    // Of the forms of one page, one changes something.
    let again = end(&scene, &carol, &forms[0]).await;
    assert_eq!(again.status, 403, "{again:?}");
    assert_eq!(stdout(&scene.shell(Caller::Mallory, &of_mallory, "echo here").await), "here\n");
    let log = scene.stop_and_read_log().await;
    let ended: Vec<_> = log.lines().filter(|line| line.contains("\"event\":\"environment-end\"")).collect();
    assert!(ended.len() == 1 && ended[0].contains("key:alice"), "{log}");
}

/// The run is long, and the environment is ended while it prints.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_under_way_does_not_bring_back_what_an_operator_ends() {
    let scene = Scene::start("").await;
    let id = scene.launch(Caller::Alice).await;
    let (carol, _) = operator(&scene).await;
    let run = scene.shell(Caller::Alice, &id, "echo here > note; sleep 6; echo done");
    let ending = async {
        loop {
            let page = carol.open(&scene.world.url("/admin").parse().unwrap(), From::SameOrigin).await;
            if page.body.contains("A run is under way.") {
                return end(&scene, &carol, &endings(&page)[0]).await;
            }
        }
    };
    let (result, ended) = tokio::join!(run, ending);
    assert!(ended.body.contains("It is done."), "{}", ended.body);
    assert_eq!(result["isError"], true, "{result}");
    let unknown = scene.shell(Caller::Alice, NEVER, "cat needle-file").await;
    assert_eq!(scene.shell(Caller::Alice, &id, "cat note").await, unknown);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_administrators_secret_sees_and_ends_nothing() {
    let scene = Scene::start("").await;
    let id = scene.launch(Caller::Alice).await;
    let ask = async |method: Method, path: &str, secret: Option<&str>| {
        let mut request = http().request(method, format!("{}{path}", scene.origin()));
        if let Some(secret) = secret {
            request = request.header("x-sandbox-administration", secret);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = ask(Method::GET, "/environments", Some(ADMINISTRATION)).await;
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &listed["environments"][0]["subject"]), (200, &json!("key:alice")));
    let path = format!("/environments/{}", listed["environments"][0]["handle"].as_str().unwrap());
    for secret in [None, Some(""), Some("secret-of-the-gateway-0f6b"), Some("secret-of-administrators-1c94")] {
        for (method, path) in [(Method::GET, "/environments"), (Method::DELETE, path.as_str())] {
            let (status, text) = ask(method, path, secret).await;
            assert_eq!(status, 401, "{secret:?}: {text}");
            assert!(!text.contains("alice"), "{text}");
        }
    }
    // Through Gatehouse, nobody reaches the path.
    for path in ["/code/environments", "/environments", "/code/../environments"] {
        let answer = http().get(format!("{}{path}", scene.world.gatehouse.url));
        let answer =
            answer.header("x-ms-apikey", Caller::Alice.key()).header("x-sandbox-administration", ADMINISTRATION);
        let answer = answer.send().await.unwrap();
        let status = answer.status().as_u16();
        assert!(
            (400..500).contains(&status) && !answer.text().await.unwrap().contains("key:alice"),
            "{path}: {status}"
        );
    }
    assert_eq!(stdout(&scene.shell(Caller::Alice, &id, "echo here").await), "here\n");
    assert_eq!(ask(Method::DELETE, &path, Some(ADMINISTRATION)).await.0, 200);
    assert_eq!(ask(Method::DELETE, &path, Some(ADMINISTRATION)).await.0, 404);
    scene.stop().await;
}
