//! What a program defines, and the programs after it use.

use super::interpreter::{Interpreter, Kept, LIMITS};

/// A program, then one that prints something of what it left.
const PAIRS: [(&str, &str, &str); 17] = [
    ("numbers = [1, 2, 3]", "print(sum(numbers))", "6\n"),
    ("def double(x):\n    return 2 * x", "print(double(21))", "42\n"),
    (
        "def outer(x):\n    return inner(x)\ndef inner(x):\n    return 1",
        "def inner(x):\n    return 2\nprint(outer(0))",
        "2\n",
    ),
    ("total = 1\ndef add():\n    global total\n    total += 1", "add(); add(); print(total)", "3\n"),
    ("def down(n):\n    return 0 if n == 0 else 1 + down(n - 1)", "print(down(50))", "50\n"),
    (
        "class Point:\n    def __init__(self, x):\n        self.x = x\np = Point(3)",
        "print(p.x, type(p) is Point, isinstance(p, Point))",
        "3 True True\n",
    ),
    (
        "from dataclasses import dataclass\n@dataclass\nclass Row:\n    a: int\n    b: str = 'x'\nrows = [Row(1), Row(2, 'y')]",
        "print(rows, Row(3) == Row(3))",
        "[Row(a=1, b='x'), Row(a=2, b='y')] True\n",
    ),
    (
        "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step\nstep = counter(); step()",
        "print(step(), step())",
        "2 3\n",
    ),
    ("factorial = lambda n: 1 if n < 2 else n * factorial(n - 1)", "print(factorial(10))", "3628800\n"),
    ("a = [1]\nb = a", "b.append(2); print(a, a is b)", "[1, 2] True\n"),
    ("loop = []\nloop.append(loop)", "print(loop[0] is loop)", "True\n"),
    (
        "import statistics as st\nfrom collections import Counter, defaultdict\nc = Counter('aab')\nd = defaultdict(list)\nd['x'].append(1)",
        "print(st.mean([1, 3]), c, d['y'])",
        "2 Counter({'a': 2, 'b': 1}) []\n",
    ),
    (
        "from enum import Enum\nclass Colour(Enum):\n    RED = 1\nred = Colour.RED",
        "print(red is Colour.RED, Colour(1))",
        "True Colour.RED\n",
    ),
    (
        "import functools\n@functools.lru_cache\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(20)",
        "print(fib(80))",
        "23416728348467685\n",
    ),
    (
        "class Base:\n    def name(self):\n        return 'base'\nclass Derived(Base):\n    def name(self):\n        return 'derived of ' + super().name()\nd = Derived()",
        "print(d.name(), isinstance(d, Base))",
        "derived of base True\n",
    ),
    (
        "import decimal, datetime, pathlib, re\nx = (decimal.Decimal('0.1'), datetime.date(2026, 1, 2), pathlib.Path('a/b'), re.compile('a+'))",
        "print(x[0] + x[0], x[1].isoformat(), x[2].name, bool(x[3].match('aa')))",
        "0.2 2026-01-02 b True\n",
    ),
    (
        "def greet(name, /, *, mark: str = '!') -> str:\n    'Says hello.'\n    return name + mark\ngreet.calls = 1",
        "print(greet('a', mark='?'), greet('b'), greet.__doc__, greet.calls, greet.__annotations__)",
        "a? b! Says hello. 1 {'mark': <class 'str'>, 'return': <class 'str'>}\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_one_program_defines_the_next_one_uses() {
    let python = Interpreter::start().await;
    for (first, second, printed) in PAIRS {
        let before = python.run(first).await;
        assert_eq!(
            (before.outcome().exit_code, before.outcome().notes.len()),
            (0, 0),
            "{first}: {:?}",
            before.outcome().notes
        );
        let after = python.run_with(second, &before.kept(), LIMITS).await;
        assert_eq!(after.printed(), printed, "{first}");
        // What was only read is kept as well.
        let third = python
            .run_with("print(sorted(n for n in globals() if not n.startswith('__')))", &after.kept(), LIMITS)
            .await;
        assert!(third.printed().len() > 3, "{first}: {}", third.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_kept_is_left_out_with_a_note_and_the_others_stay() {
    let python = Interpreter::start().await;
    let code = "import sqlite3\nbefore = 1\nc = sqlite3.connect(':memory:')\ng = (x for x in 'ab')\nclass Bad:\n    def __reduce__(self):\n        raise ValueError('never')\nbad = Bad()\nafter = [before]";
    let first = python.run(code).await;
    let notes = first.outcome().notes.join("; ");
    for name in ["c was not kept", "g was not kept", "bad was not kept: never"] {
        assert!(notes.contains(name), "{notes}");
    }
    let second = python.run_with("print(before, after, 'c' in globals(), Bad.__name__)", &first.kept(), LIMITS).await;
    assert_eq!(second.printed(), "1 [1] False Bad\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_before_an_exception_are_kept() {
    let python = Interpreter::start().await;
    let first = python.run("x = 1\ny = x / 0\nz = 2").await;
    assert_eq!(first.outcome().exit_code, 1);
    let second = python.run_with("print(x, 'z' in globals())", &first.kept(), LIMITS).await;
    assert_eq!(second.printed(), "1 False\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_bytes_of_names_leave_those_of_before() {
    let python = Interpreter::start().await;
    let first = python.run("x = 'before'").await;
    let second = python.run_with("x = 'after'\ndata = list(range(1_000_000))", &first.kept(), LIMITS).await;
    let outcome = second.outcome();
    assert_eq!(outcome.limit, Some(sandbox_run::Limit::State));
    assert!(outcome.notes[0].contains("the largest: data"), "{:?}", outcome.notes);
    assert!(outcome.state == first.outcome().state, "the state of before is what is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_none_is_told_and_the_program_runs_without_it() {
    let python = Interpreter::start().await;
    for state in [&b"\x00\x00\x00\x02xx"[..], b"nonsense", &[0xff; 100], b"\x00\x00\x00\x05\x80\x05]\x94.\x80\x05"] {
        let kept = Kept { state: state.to_vec(), files: Vec::new() };
        let ran = python.run_with("print('here')", &kept, LIMITS).await;
        assert_eq!(ran.printed(), "here\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_module_is_gone_is_told_and_the_others_come_back() {
    let python = Interpreter::start().await;
    let files = Kept::with_files(&[("helper.py", b"class Thing:\n    pass\n")]);
    let first = python.run_with("import helper\nthing = helper.Thing()\nother = 5", &files, LIMITS).await;
    assert_eq!(first.outcome().exit_code, 0, "{}", first.stderr);
    let without = Kept { state: first.outcome().state.clone(), files: Vec::new() };
    let second = python.run_with("print(other, 'thing' in globals())", &without, LIMITS).await;
    assert_eq!(second.printed(), "5 False\n");
    assert!(
        second.outcome().notes.iter().any(|note| note.contains("thing could not be brought back")),
        "{:?}",
        second.outcome().notes
    );
}
