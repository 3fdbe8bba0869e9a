//! What a program writes, and what it ends with.

use std::time::Duration;

use sandbox_run::{Limit, Limits};

use super::interpreter::{Interpreter, Kept, LIMITS};

#[tokio::test(flavor = "multi_thread")]
async fn the_value_of_a_last_expression_is_printed() {
    let python = Interpreter::start().await;
    for (code, printed) in [
        ("1 + 1", "2\n"),
        ("x = 5\nx", "5\n"),
        ("'text'", "'text'\n"),
        ("None", ""),
        ("print('a')", "a\n"),
        ("x = 1", ""),
        ("", ""),
        ("# nothing", ""),
        ("for i in range(2): i", ""),
        ("[n * n for n in range(4)]\n", "[0, 1, 4, 9]\n"),
    ] {
        assert_eq!(python.run(code).await.printed(), printed, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_a_traceback_of_the_programs_own_lines() {
    let python = Interpreter::start().await;
    let ran = python.run("def f():\n    return 1 / 0\n\nf()").await;
    assert_eq!(ran.outcome().exit_code, 1);
    let expected = "Traceback (most recent call last):\n  File \"<python>\", line 4, in <module>\n    f()\n    ~^^\n  File \"<python>\", line 2, in f\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
    let wrong = python.run("x = = 1").await;
    assert!(wrong.stderr.starts_with("  File \"<python>\", line 1\n    x = = 1\n"), "{}", wrong.stderr);
    assert_eq!(wrong.outcome().exit_code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_what_a_process_would_have() {
    let python = Interpreter::start().await;
    for (code, exit_code) in [
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(0)", 0),
        ("import sys; sys.exit(7)", 7),
        ("import sys; sys.exit(256)", 0),
        ("import sys; sys.exit(-1)", 255),
        ("raise SystemExit('why')", 1),
        ("exit(3)", 3),
        ("import os; os._exit(4)", 4),
        ("import os; os.abort()", 134),
        ("raise KeyboardInterrupt", 130),
        ("raise BaseException", 1),
        ("raise BaseExceptionGroup('several', [KeyboardInterrupt(), ValueError()])", 1),
        ("input()", 1),
    ] {
        assert_eq!(python.run(code).await.outcome().exit_code, exit_code, "{code}");
    }
    assert_eq!(python.run("raise SystemExit('why')").await.stderr, "why\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_comes_as_it_is_written() {
    let python = Interpreter::start().await;
    let ran = python.run("import time\nprint('first')\ntime.sleep(1)\nprint('second')").await;
    assert_eq!(ran.printed(), "first\nsecond\n");
    let first = ran.first_output.expect("something came");
    assert!(ran.took - first > Duration::from_millis(900), "{first:?} of {:?}", ran.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_are_few_pieces_and_none_is_lost_however_the_program_ends() {
    let python = Interpreter::start().await;
    let lines: String = (0..10_000).map(|number| format!("{number}\n")).collect();
    let limits = Limits { seconds: 5, ..LIMITS };
    for (end, exit_code) in [
        ("", 0),
        ("import sys; sys.exit(3)", 3),
        ("import os; os._exit(4)", 4),
        ("1 / 0", 1),
        ("import time; time.sleep(100)", 137),
        ("while True: pass", 137),
    ] {
        let ran = python.run_with(&format!("for i in range(10000): print(i)\n{end}"), &Kept::default(), limits).await;
        assert_eq!(ran.outcome().exit_code, exit_code, "{end}");
        assert!(ran.stdout == lines, "{end}: {}", ran.stdout.len());
        // One for 16 KiB, one for each tenth of a second, and what is before and after.
        let most = lines.len() / (16 << 10) + usize::try_from(ran.took.as_millis() / 100).expect("a number") + 3;
        assert!(ran.pieces <= most, "{end}: {} pieces in {:?}", ran.pieces, ran.took);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_output_than_the_most_that_can_be_set() {
    let python = Interpreter::start().await;
    let most = u32::MAX;
    let limits = Limits { seconds: most, output_bytes: most, file_bytes: most, files: most, state_bytes: most };
    let ran = python.run_with("for _ in range(2): print('x' * 700_000)", &Kept::default(), limits).await;
    assert_eq!((ran.printed().len(), ran.outcome().limit), (1 << 20, Some(Limit::Output)));
    let code = "n = 0\ntry:\n    while True:\n        open(str(n), 'w').close()\n        n += 1\nexcept OSError:\n    print(n)";
    let ran = python.run_with(code, &Kept::default(), limits).await;
    assert_eq!((ran.printed(), ran.outcome().limit), ("10000\n", Some(Limit::Files)), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn output_below_pythons_own_is_caught_too_and_the_streams_stay_apart() {
    let python = Interpreter::start().await;
    let code = "import os, sys\nos.write(1, b'one\\n')\nos.write(2, b'two\\n')\nprint('three', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff\\n')\nsys.__stdout__.write('four')";
    let ran = python.run(code).await;
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("one\n\u{fffd}\nfour4\n", "two\nthree\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_whole_at_its_limit_and_cut_past_it_and_the_names_are_kept_either_way() {
    let python = Interpreter::start().await;
    let limits = Limits { output_bytes: 1000, ..LIMITS };
    let fits = python.run_with("x = 1\nprint('a' * 999)", &Kept::default(), limits).await;
    assert_eq!((fits.printed().len(), fits.outcome().limit), (1000, None));
    let cut = python.run_with("x = 1\nprint('a' * 1000)", &Kept::default(), limits).await;
    assert_eq!((cut.printed().len(), cut.outcome().limit), (1000, Some(Limit::Output)));
    assert!(cut.outcome().state == fits.outcome().state);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_open_at_the_end_are_written() {
    let python = Interpreter::start().await;
    let ran = python.run("f = open('a', 'w')\nf.write('text')\nimport atexit\natexit.register(lambda: open('b', 'w').write('at exit'))").await;
    assert_eq!(super::interpreter::changed(&ran), [("a", &b"text"[..]), ("b", &b"at exit"[..])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_numbers_differ_from_run_to_run_and_time_passes() {
    let python = Interpreter::start().await;
    let code = "import random, os, uuid, secrets, time\nprint(random.random(), os.urandom(8), uuid.uuid4(), secrets.token_hex(8))";
    let (one, other) = (python.run(code).await, python.run(code).await);
    assert!(one.printed() != other.printed());
    let parts = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (left, right) in parts(&one.stdout).iter().zip(parts(&other.stdout)) {
        assert!(*left != right, "{left}");
    }
    let now =
        python.run("import time\nprint(int(time.time()))").await.printed().trim().parse::<u64>().expect("a number");
    let here = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    assert!(here.abs_diff(now) < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_finds_nothing_of_another_run() {
    let python = Interpreter::start().await;
    python.run("import builtins, sys, os\nsecret = builtins.secret = os.secret = 'planted-4711'\nopen('/tmp/secret', 'w').write(secret)\nopen('secret', 'w').write(secret)\nos.environ['SECRET'] = secret\nprint(secret)").await;
    let code = "import gc, os, builtins, sys\nfound = [o for o in gc.get_objects() if isinstance(o, dict) and any(isinstance(v, str) and v.startswith('planted' + '-') for v in list(o.values()))]\nprint(found, os.listdir('/tmp'), os.listdir('.'), hasattr(builtins, 'secret'), hasattr(os, 'secret'), sorted(os.environ))";
    assert_eq!(python.run(code).await.printed(), "[] [] [] False False ['HOME', 'LANG', 'PWD', 'TMPDIR']\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_run_is_answered() {
    let python = Interpreter::start().await;
    assert_eq!(python.post("/", Vec::new()).await.status, 404);
    assert_eq!(python.post("/run?x", Vec::new()).await.status, 404);
    for body in [Vec::new(), b"print(1)".to_vec(), vec![0xff; 1000]] {
        let ran = python.post("/run", body).await;
        assert!(ran.status == 400 && ran.ended.is_none());
    }
    assert_eq!(python.post("/run", vec![0; 30 << 20]).await.status, 413);
}
