//! What a shell and Python can do together.

use serde_json::json;

use crate::scene::{Caller, Scene, stdout};

const CSV: &str = "printf 'city,degrees\\nOslo,4\\nRome,19\\nCairo,28\\n' > /work/cities.csv && \
                   tail -n +2 cities.csv | sort -t, -k2 -n -r | head -1 | cut -d, -f1";
const STATISTICS: &str = r#"
import csv, sqlite3, statistics
rows = [(row["city"], int(row["degrees"])) for row in csv.DictReader(open("/work/cities.csv"))]
base = sqlite3.connect("/work/cities.db")
base.execute("create table cities (city text, degrees integer)")
base.executemany("insert into cities values (?, ?)", rows)
base.commit()
print(statistics.mean(degrees for _, degrees in rows), base.execute("select max(degrees) from cities").fetchone()[0])
def above(degrees):
    return [city for city, own in rows if own > degrees]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shell_writes_python_reads_and_what_python_defines_is_there_for_the_next_call() {
    let scene = Scene::start("").await;
    let id = scene.launch(Caller::Alice).await;
    assert_eq!(stdout(&scene.shell(Caller::Alice, &id, CSV).await), "Cairo\n");
    assert_eq!(stdout(&scene.python(Caller::Alice, &id, STATISTICS).await), "17 28\n");
    assert_eq!(stdout(&scene.python(Caller::Alice, &id, "print(above(5))").await), "['Rome', 'Cairo']\n");
    // The other way round: the database is a file for the shell, and so is what Python removes.
    assert_eq!(
        stdout(&scene.shell(Caller::Alice, &id, "ls; head -c 15 cities.db").await),
        "cities.csv\ncities.db\nSQLite format 3"
    );
    let removed = "import os; os.remove('/work/cities.csv'); os.makedirs('deep/er'); print('ü', end='', file=open('deep/er/a b', 'w'))";
    assert_eq!(stdout(&scene.python(Caller::Alice, &id, removed).await), "");
    assert_eq!(
        stdout(&scene.shell(Caller::Alice, &id, "cat 'deep/er/a b'; ls cities.csv 2>&1 || echo gone").await)
            .lines()
            .last(),
        Some("gone")
    );
    // Its files are resources.
    let uri = format!("sandbox://{id}/deep/er/a%20b");
    let answer = scene.ask(Caller::Alice, "resources/read", &json!({ "uri": uri })).await;
    assert_eq!(answer["result"]["contents"][0]["text"], "ü", "{answer}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_hits_a_limit_says_which_and_leaves_the_environment_as_it_was() {
    let scene =
        Scene::start("[run]\nseconds = 2\noutput_bytes = 2000\nfile_bytes = 100000\nfiles = 5\nstate_bytes = 20000\n")
            .await;
    let id = scene.launch(Caller::Alice).await;
    let before = "kept = 1\nopen('/work/kept', 'w').write('kept')";
    scene.python(Caller::Alice, &id, before).await;
    scene.shell(Caller::Alice, &id, "kept=1").await;
    for (language, code, limits) in [
        ("python", "kept = 2\nopen('/work/kept', 'w').write('lost')\nwhile True: pass", ["time", "compute"]),
        ("python", "kept = 2\nprint('x' * 3000)", ["output", "output"]),
        ("python", "kept = 2\nopen('/work/big', 'wb').write(bytes(200000))", ["files", "files"]),
        ("python", "kept = 2\nmore = 'y' * 30000", ["state", "state"]),
        ("shell", "kept=2; echo lost > kept; while true; do :; done", ["time", "compute"]),
        ("shell", "kept=2; seq 1 10000", ["output", "output"]),
        ("shell", "kept=2; for n in 1 2 3 4 5 6 7; do echo $n > f$n; done", ["files", "files"]),
    ] {
        let result = match language {
            "python" => scene.python(Caller::Alice, &id, code).await,
            _ => scene.shell(Caller::Alice, &id, code).await,
        };
        let limit = result["structuredContent"]["limit"].as_str();
        let is_python_error = limit.is_none()
            && result["structuredContent"]["stderr"].as_str().is_some_and(|text| text.contains("Error"));
        assert!(limit.is_some_and(|limit| limits.contains(&limit)) || is_python_error, "{code}: {result}");
        let kept = scene.python(Caller::Alice, &id, "print(open('/work/kept').read())").await;
        assert_eq!(stdout(&kept), "kept\n", "after {code}");
    }
    assert_eq!(stdout(&scene.python(Caller::Alice, &id, "print(kept)").await), "1\n");
    assert_eq!(stdout(&scene.shell(Caller::Alice, &id, "echo $kept").await), "1\n");
    scene.stop().await;
}
