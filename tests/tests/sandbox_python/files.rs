//! The environment's files, as programs see them.

use sandbox_run::{File, Limit, Limits, TreePath};

use super::interpreter::{Interpreter, Kept, LIMITS, changed};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_the_files_and_only_what_it_wrote_comes_back() {
    let python = Interpreter::start().await;
    let kept =
        Kept::with_files(&[("sales.csv", b"who,amount\na,3\nb,5\n"), ("in/deep/x.txt", b"x"), ("old.txt", b"old")]);
    let code = "import csv, os, statistics, pathlib\nrows = list(csv.DictReader(open('sales.csv')))\nprint(statistics.mean(float(r['amount']) for r in rows))\npathlib.Path('out').mkdir()\npathlib.Path('out/mean.txt').write_text('4')\nos.remove('old.txt')\nprint(sorted(os.listdir('.')), pathlib.Path('in/deep/x.txt').read_text(), os.getcwd())";
    let ran = python.run_with(code, &kept, LIMITS).await;
    assert_eq!(ran.printed(), "4.0\n['in', 'out', 'sales.csv'] x /work\n");
    assert_eq!(changed(&ran), [("out/mean.txt", &b"4"[..])]);
    assert_eq!(ran.outcome().removed, [TreePath::parse("old.txt").unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_kept_between_two_runs() {
    let python = Interpreter::start().await;
    let first = python.run("import sqlite3\nwith sqlite3.connect('a.db') as db:\n    db.execute('create table t (x)')\n    db.executemany('insert into t values (?)', [(i,) for i in range(1000)])\ndb.close()").await;
    assert_eq!(first.outcome().exit_code, 0, "{}", first.stderr);
    let code = "import sqlite3\ndb = sqlite3.connect('a.db')\ndb.execute('insert into t values (1000)')\ndb.commit()\nprint(db.execute('select count(*), sum(x) from t').fetchone())";
    let second = python.run_with(code, &first.kept(), LIMITS).await;
    assert_eq!(second.printed(), "(1001, 500500)\n");
    assert_eq!(changed(&second).len(), 1, "the journal is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_behave_as_on_a_disk() {
    let python = Interpreter::start().await;
    let code = "
import os, shutil, tempfile, pathlib, zipfile, gzip, glob, errno
with open('a', 'w') as f: f.write('hello')
with open('a', 'r+') as f: f.seek(3); f.write('LO!')
with open('a', 'a') as f: f.write('+')
assert open('a').read() == 'helLO!+'
os.rename('a', 'b'); assert not os.path.exists('a')
open('c', 'w').close(); os.replace('b', 'c'); assert open('c').read() == 'helLO!+'
os.makedirs('d/e/f'); shutil.copy('c', 'd/e/f/g'); shutil.move('d/e', 'h')
assert glob.glob('**/g', recursive=True) == ['h/f/g']
assert [p.name for p in pathlib.Path('h').iterdir()] == ['f']
shutil.rmtree('h'); os.rmdir('d')
with tempfile.TemporaryDirectory() as t:
    p = os.path.join(t, 'x'); open(p, 'wb').write(b'1' * 100000); assert os.path.getsize(p) == 100000
    shutil.move(p, 'moved'); assert os.path.getsize('moved') == 100000
with tempfile.NamedTemporaryFile('w+') as f: f.write('x'); f.flush(); assert os.path.getsize(f.name) == 1
os.truncate('moved', 10); assert os.stat('moved').st_size == 10
f = open('gone', 'w+'); f.write('still here'); os.unlink('gone'); f.seek(0); assert f.read() == 'still here'; f.close()
with zipfile.ZipFile('z.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('n/ü.txt', 'x' * 1000)
zipfile.ZipFile('z.zip').extractall('unzipped'); assert open('unzipped/n/ü.txt').read() == 'x' * 1000
with gzip.open('y.gz', 'wt') as f: f.write('packed')
assert gzip.open('y.gz', 'rt').read() == 'packed'
os.utime('c', (1, 2)); assert os.stat('c').st_mtime == 2
with open('holes', 'wb') as f: f.seek(1000); f.write(b'x')
assert os.path.getsize('holes') == 1001
for path, error in [('/etc/passwd', FileNotFoundError), ('c/x', NotADirectoryError), ('n' * 300, OSError), ('../../etc/passwd', FileNotFoundError), ('unzipped', IsADirectoryError)]:
    try: open(path)
    except error: pass
    else: assert False, path
for action in [lambda: open('/x', 'w'), lambda: os.mkdir('/home'), lambda: os.rmdir('/work'), lambda: os.rename('/tmp', 'x'), lambda: os.symlink('c', 's'), lambda: os.link('c', 'l'), lambda: os.mkdir('c'), lambda: os.rmdir('unzipped')]:
    try: action()
    except OSError: pass
    else: assert False
print(sorted(os.listdir('/')), 'ok')
";
    let ran = python.run(code).await;
    assert_eq!(ran.printed(), "['tmp', 'work'] ok\n", "{}", ran.stderr);
    let names: Vec<&str> = changed(&ran).iter().map(|(path, _)| *path).collect();
    assert_eq!(names, ["c", "holes", "moved", "unzipped/n/ü.txt", "y.gz", "z.zip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_bytes_and_files_are_those_of_the_run() {
    let python = Interpreter::start().await;
    let limits = Limits { file_bytes: 1000, files: 3, ..LIMITS };
    // To the limit, and past it.
    let fits = python.run_with("open('a', 'wb').write(b'x' * 1000)", &Kept::default(), limits).await;
    assert_eq!((fits.outcome().exit_code, fits.outcome().limit), (0, None), "{}", fits.stderr);
    for code in [
        "open('a', 'wb').write(b'x' * 1001)",
        "for n in 'abcd': open(n, 'w').close()",
        "import os\nos.makedirs('a/b/c/d')",
        "f = open('a', 'wb')\nf.truncate(10**12)",
        "f = open('a', 'wb')\nf.seek(10**15)\nf.write(b'x')\nf.close()",
        "open('/tmp/a', 'wb').write(b'x' * 1001)",
    ] {
        let ran = python.run_with(code, &Kept::default(), limits).await;
        let outcome = ran.outcome();
        assert_eq!(outcome.limit, Some(Limit::Files), "{code}: {}", ran.stderr);
        assert!(
            outcome.changed.iter().map(|file| file.contents.len()).sum::<usize>() <= 1000 && outcome.changed.len() <= 3
        );
    }
    // What is removed makes room.
    let code = "import os\nfor i in range(50):\n    open('a', 'wb').write(b'x' * 900)\n    os.remove('a')\nopen('b', 'wb').write(b'y' * 1000)";
    let again = python.run_with(code, &Kept::default(), limits).await;
    assert_eq!((again.outcome().exit_code, again.outcome().limit), (0, None), "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_more_than_their_own_limits_are_not_run() {
    let python = Interpreter::start().await;
    let kept = Kept::with_files(&[("a", &[0; 100]), ("b", &[0; 100])]);
    for limits in [Limits { file_bytes: 199, ..LIMITS }, Limits { files: 1, ..LIMITS }] {
        assert_eq!(python.run_with("print(1)", &kept, limits).await.status, 422);
    }
    let mut twice = kept.clone();
    twice.files.push(File { path: TreePath::parse("a/b").unwrap(), contents: Vec::new() });
    assert_eq!(python.run_with("print(1)", &twice, LIMITS).await.status, 422, "a file within a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_is_named_in_a_note() {
    let python = Interpreter::start().await;
    let ran = python.run("import os\nos.makedirs('a/b')").await;
    assert_eq!(ran.outcome().notes.len(), 2, "{:?}", ran.outcome().notes);
    assert!(ran.outcome().notes[0].contains("a/b is empty"), "{:?}", ran.outcome().notes);
}
