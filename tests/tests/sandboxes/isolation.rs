//! Nobody sees what is another's: not by an id, not by what a run before has left in memory, files or globals.

use serde_json::json;

use crate::scene::{Caller, Scene, stdout};

const SECRET: &str = "the-secret-of-alice-b7f3";

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_of_somebody_else_is_one_that_there_never_was() {
    let scene = Scene::start("").await;
    let id = scene.launch(Caller::Alice).await;
    scene.shell(Caller::Alice, &id, &format!("echo {SECRET} > secret")).await;
    let uri = |id: &str| json!({ "uri": format!("sandbox://{id}/secret") });
    // As long as an id, and of the same form.
    let never: String = id.chars().rev().collect();
    for (others, none) in [
        (
            scene.shell(Caller::Mallory, &id, "cat secret").await,
            scene.shell(Caller::Mallory, &never, "cat secret").await,
        ),
        (scene.python(Caller::Mallory, &id, "print(1)").await, scene.python(Caller::Mallory, &never, "print(1)").await),
        (
            scene.ask(Caller::Mallory, "resources/read", &uri(&id)).await["error"]["code"].clone(),
            scene.ask(Caller::Mallory, "resources/read", &uri(&never)).await["error"]["code"].clone(),
        ),
    ] {
        assert_eq!(others, none);
        assert!(!others.is_null() && !others.to_string().contains(SECRET), "{others}");
    }
    assert_eq!(stdout(&scene.shell(Caller::Alice, &id, "cat secret").await), format!("{SECRET}\n"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_search_finds_what_another_environment_has_in_memory_files_and_globals() {
    let scene = Scene::start("").await;
    let (alice, mallory) = (scene.launch(Caller::Alice).await, scene.launch(Caller::Mallory).await);
    let plant = format!("secret = '{SECRET}' * 1000\nopen('/work/secret', 'w').write(secret)\nprint(len(secret))");
    let search = r#"
import gc, os
found = []
for folder, _, names in os.walk('/'):
    found += [name for name in names if b'secret-of-' in open(os.path.join(folder, name), 'rb').read()]
import re
wanted = re.compile('secret-of-a[l]ice')
found += [str(type(one)) for one in gc.get_objects() if isinstance(one, (dict, list, tuple)) and wanted.search(repr(one)[:100000]) and one is not globals()]
found += [name for name, value in os.environ.items() if wanted.search(value)]
print(found)
"#;
    for _ in 0..5 {
        assert_eq!(stdout(&scene.python(Caller::Alice, &alice, &plant).await), "24000\n");
        scene
            .shell(Caller::Alice, &alice, &format!("secret={SECRET}; for n in $(seq 100); do echo $secret > s$n; done"))
            .await;
        let shell = "(set; env; find / -type f | xargs cat) 2>/dev/null | grep -c 'secret-of-a[l]ice' || true";
        assert_eq!(stdout(&scene.shell(Caller::Mallory, &mallory, shell).await), "0\n");
        assert_eq!(stdout(&scene.python(Caller::Mallory, &mallory, search).await), "[]\n");
    }
    // Nor is it in what lies on the disk, nor in the log.
    let mut folders = vec![scene.state().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{}", path.display());
        }
    }
    scene.stop().await;
}
