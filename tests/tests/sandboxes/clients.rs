//! The official SDKs and the Inspector do the same job with an API key: a pipeline over a CSV in the shell, statistics and sqlite3 in
//! Python, a function that one call defines and the next one uses.

use gatehouse_tests::{Program, StoreKind, wash_is_installed};

use crate::scene::{Caller, Scene};

const PROGRAMS: [(&str, &[&str]); 4] = [
    ("sandbox.mjs", &["--sdk", "legacy"]),
    ("sandbox.mjs", &["--sdk", "modern"]),
    ("sandbox.py", &[]),
    ("sandbox-inspector.mjs", &[]),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_and_the_inspector_work_in_an_environment_with_a_key() {
    every_client_works(Scene::start("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_work_on_wasmcloud_as_well() {
    if wash_is_installed(StoreKind::Redis) {
        every_client_works(Scene::start_on_wash("", "http://127.0.0.1:1").await).await;
    }
}

async fn every_client_works(scene: Scene) {
    for (program, more) in PROGRAMS {
        let mut client = Program::client(program, &[&[&scene.url(), "--key", &Caller::Alice.key()], more].concat());
        for (step, said) in [("shell", "Cairo"), ("python", "17 28"), ("next", "['Rome', 'Cairo']")] {
            let answer = client.step(step).await;
            assert_eq!(answer["stdout"], format!("{said}\n"), "{program} {more:?}: {answer}");
        }
        client.step("done").await;
        client.finish().await;
    }
    scene.stop().await;
}
