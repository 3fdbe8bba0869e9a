//! Programs that agents write, by the library and by the component.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use sandbox_run::{Limit, TreePath};
use support::{Environment, Host, Interpreter};

/// What is printed by a program; with the exit code that it has.
const PROGRAMS: [(&str, &str, i32); 40] = [
    ("echo hello", "hello\n", 0),
    ("pwd; echo $HOME; cd; pwd", "/work\n/work\n/work\n", 0),
    ("ls", "sales.csv\n", 0),
    ("wc -l < sales.csv", "6\n", 0),
    ("cut -d, -f2 sales.csv | tail -n +2 | sort -u", "apples\npears\nplums\n", 0),
    (
        "tail -n +2 sales.csv | awk -F, '{sum[$2] += $3} END {for (k in sum) print k, sum[k]}' | sort",
        "apples 15\npears 7\nplums 4\n",
        0,
    ),
    ("sort -t, -k3,3nr sales.csv | head -n 2 | cut -d, -f1,3", "3,10\n5,6\n", 0),
    ("sed -n '2,3p' sales.csv | sed 's/apples/APPLES/'", "1,APPLES,5\n2,pears,1\n", 0),
    ("grep -c pears sales.csv", "2\n", 0),
    ("grep -q oranges sales.csv", "", 1),
    ("awk -F, 'NR > 1 && $3 > 4 {print $1}' sales.csv | paste -sd+ -", "1+3+5\n", 0),
    ("awk -F, 'NR>1{s+=$3; n++} END {printf \"%.2f\\n\", s/n}' sales.csv", "5.20\n", 0),
    (r#"echo '{"a":[1,2,{"b":"x"}]}' | jq -c '.a[2].b, (.a | length)'"#, "\"x\"\n3\n", 0),
    (r"jq -n -r '[range(5)] | map(. * .) | @csv'", "0,1,4,9,16\n", 0),
    ("cat <<END\nTotal: $((6 * 7))\nEND", "Total: 42\n", 0),
    ("cat <<'END'\n$HOME $(date)\nEND", "$HOME $(date)\n", 0),
    ("tr a-z A-Z <<< 'grün'", "GRüN\n", 0),
    ("x=(a b 'c d'); echo ${#x[@]} \"${x[2]}\" ${x[@]:1:1}", "3 c d b\n", 0),
    (
        "declare -A m=([one]=1 [two]=2); for k in $(echo ${!m[@]} | tr ' ' '\\n' | sort); do echo $k=${m[$k]}; done",
        "one=1\ntwo=2\n",
        0,
    ),
    (
        "s=report.final.txt; echo ${s%.txt} ${s##*.} ${s/final/draft} ${s^^} ${#s}",
        "report.final txt report.draft.txt REPORT.FINAL.TXT 16\n",
        0,
    ),
    ("for i in {1..3}; do for j in a b; do printf '%s%s ' $i $j; done; done; echo", "1a 1b 2a 2b 3a 3b \n", 0),
    ("i=0; while (( i < 3 )); do echo $((i++)); done", "0\n1\n2\n", 0),
    (
        "while IFS=, read -r id name count; do [[ $count -gt 5 ]] 2>/dev/null && echo $name; done < <(tail -n +2 sales.csv)",
        "apples\npears\n",
        0,
    ),
    ("case report.csv in *.txt) echo text;; *.csv) echo table;; esac", "table\n", 0),
    (
        "f() { local n=$1; (( n < 2 )) && { echo $n; return; }; echo $(( $(f $((n-1))) + $(f $((n-2))) )); }; f 7",
        "13\n",
        0,
    ),
    ("echo out; echo err >&2; exit 3", "out\n", 3),
    ("(exit 5); echo $?", "5\n", 0),
    ("set -e; false; echo never", "", 1),
    ("set -o pipefail; false | true", "", 1),
    ("no-such-command", "", 127),
    ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n", 0),
    ("echo ü€😀 | wc -m", "4\n", 0),
    ("printf 'a\\0b' | od -An -tx1 | tr -d ' \\n'", "610062", 0),
    ("find . -name '*.csv' | xargs wc -l | awk '{print $1}'", "6\n", 0),
    ("mkdir -p a/b && touch a/b/c && find a -type f && rm -r a && ls", "a/b/c\nsales.csv\n", 0),
    ("echo 'b a c' | tr ' ' '\\n' | sort | uniq -c | awk '{print $2}' | rev", "a\nb\nc\n", 0),
    ("diff <(seq 3) <(seq 2 4)", "1d0\n< 1\n3a3\n> 4\n", 1),
    ("tar czf t.tgz sales.csv && mkdir x && tar xzf t.tgz -C x && cmp sales.csv x/sales.csv && echo same", "same\n", 0),
    ("sha256sum < /dev/null | cut -c1-8; printf abc | base64", "e3b0c442\nYWJj\n", 0),
    ("[[ 2026-11-29 =~ ^([0-9]+)-([0-9]+) ]] && echo ${BASH_REMATCH[2]}", "11\n", 0),
];

const SALES: &[u8] = b"id,fruit,count\n1,apples,5\n2,pears,1\n3,apples,10\n4,plums,4\n5,pears,6\n";

fn programs(interpreter: &Interpreter) {
    let mut failures = Vec::new();
    for (code, stdout, exit_code) in PROGRAMS {
        let mut environment = Environment::new(interpreter).with_file("sales.csv", SALES);
        let answer = environment.run(code);
        let outcome = answer.outcome();
        if (answer.stdout().as_str(), outcome.exit_code, outcome.limit) != (stdout, exit_code, None) {
            failures.push(format!(
                "{code}\n  {:?} {:?} {outcome:?} {:?}",
                answer.stdout(),
                answer.stderr(),
                outcome.notes
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What one run leaves for the next.
fn what_is_kept(interpreter: &Interpreter) {
    let mut environment = Environment::new(interpreter);
    let mut run = |code: &str, stdout: &str| {
        let answer = environment.run(code);
        assert_eq!(answer.stdout(), stdout, "{code}: {:?} {:?}", answer.stderr(), answer.outcome().notes);
    };
    run("greet() { echo \"hello $1\"; }; x=1; export Y='ü z'; a=(p q); declare -A m=([k]=v); alias ll='ls -1'", "");
    run("greet you; echo $x $Y ${a[1]} ${m[k]}; env | grep -c ^Y=", "hello you\n1 ü z q v\n1\n");
    run("mkdir -p out/empty && cd out && echo 1 > n", "");
    run("pwd; cat n; ls", "/work/out\n1\nempty\nn\n");
    run("echo 'echo from a script' > ../go.sh; chmod +x ../go.sh; ln -s out/n ../latest", "");
    run("../go.sh; cat ../latest; [ -d empty ] && echo there", "from a script\n1\nthere\n");
    run("unset x; unset -f greet; cd ..; rm -r out", "");
    run("echo ${x-none}; type greet 2>/dev/null; pwd; ls -A", "none\n/work\ngo.sh\nlatest\n");
    run("exit 4", "");
    run("echo $Y", "ü z\n");
    assert!(environment.state.len() < 20_000, "{} bytes", environment.state.len());
}

/// What Python does to the tree between two runs of the shell.
fn files_of_others(interpreter: &Interpreter) {
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let mut environment = Environment::new(interpreter).with_file("b.bin", &binary).with_file("a/b.txt", b"1");
    let answer = environment.run("cp b.bin c.bin; wc -c < b.bin; cd a; mkdir e");
    assert_eq!(answer.stdout(), "70000\n", "{:?}", answer.stderr());
    let changed: Vec<_> = answer.outcome().changed.iter().map(|file| file.path.as_str()).collect();
    assert!(changed == ["c.bin"] && environment.file("c.bin") == Some(&binary), "{changed:?}");
    // The folder where the shell is goes, a file comes where a folder was, and one whose name the shell cannot hold.
    environment.files.remove(&TreePath::parse("a/b.txt").unwrap());
    environment.files.insert(TreePath::parse("a").unwrap(), b"now a file\n".to_vec());
    environment.files.insert(TreePath::parse("line\nfeed").unwrap(), b"unseen".to_vec());
    let answer = environment.run("pwd; cat a; ls; rm b.bin");
    assert_eq!(answer.stdout(), "/work\nnow a file\na\nb.bin\nc.bin\n", "{:?}", answer.stderr());
    let outcome = answer.outcome();
    assert!(outcome.notes.len() == 2 && outcome.changed.is_empty(), "{:?} {outcome:?}", outcome.notes);
    assert!(
        outcome.removed == [TreePath::parse("b.bin").unwrap()] && environment.file("line\nfeed") == Some(b"unseen")
    );
}

fn limits(interpreter: &Interpreter) {
    let mut environment = Environment::new(interpreter);
    environment.run("x=before; echo 1 > file");
    let kept = |environment: &mut Environment, limit: Limit, code: &str| {
        let answer = environment.run(code);
        let outcome = answer.outcome();
        assert_eq!(
            outcome.limit,
            Some(limit),
            "{code}: {:?} {:?} {:?}",
            answer.stdout(),
            answer.stderr(),
            outcome.notes
        );
        answer
    };
    // What stops a program leaves what there was, and what was printed.
    environment.limits.seconds = 1;
    for code in ["echo printed; x=after; echo 2 > file; sleep 20", "f() { echo printed; sleep 20; }; x=after; f"] {
        let answer = kept(&mut environment, Limit::Time, code);
        assert_eq!((answer.stdout().as_str(), answer.outcome().exit_code), ("printed\n", 124));
        assert!(answer.took.as_secs() < 10, "{:?}", answer.took);
        assert!(answer.outcome().changed.is_empty());
    }
    environment.limits = support::LIMITS;
    let answer = kept(&mut environment, Limit::Compute, "f() { f; }; x=after; echo printed; f");
    assert_eq!(answer.stdout(), "printed\n");
    assert_eq!(environment.run("echo $x; cat file").stdout(), "before\n1\n");
    // What cuts it does not stop it.
    environment.limits.output_bytes = 1000;
    let answer = kept(&mut environment, Limit::Output, "seq 1000; echo err >&2; x=cut; echo 3 > file");
    assert_eq!((answer.stdout.len() + answer.stderr.len(), answer.outcome().exit_code), (1000, 0));
    assert_eq!(environment.run("echo $x; cat file").stdout(), "cut\n3\n");
    environment.limits = support::LIMITS;
    environment.limits.file_bytes = 10_000;
    environment.limits.files = 5;
    for code in ["head -c 20000 /dev/zero > large", "for i in 1 2 3 4 5 6 7; do echo $i > f$i; done; rm f*"] {
        kept(&mut environment, Limit::Files, code);
        assert!(environment.files.values().map(Vec::len).sum::<usize>() <= 10_000 && environment.files.len() <= 5);
    }
    environment.limits = support::LIMITS;
    environment.limits.state_bytes = 10_000;
    kept(&mut environment, Limit::State, "large=$(printf '%09999d' 0); echo 4 > file; f() { echo kept; }");
    assert_eq!(environment.run("echo $x ${large-none}; cat file").stdout(), "cut none\n4\n");
    // State of nobody.
    environment.state = b"something else".to_vec();
    let answer = environment.run("echo ${x-none}; cat file");
    assert_eq!(answer.stdout(), "none\n4\n");
    assert_eq!(answer.outcome().notes.len(), 1, "{:?}", answer.outcome().notes);
}

/// Nothing of a host is there, and no way out.
fn isolation(interpreter: &Interpreter) {
    let mut environment = Environment::new(interpreter);
    let answer = environment.run("env | cut -d= -f1 | sort | tr '\\n' ' '");
    println!("{}", answer.stdout());
    for code in ["curl -s http://127.0.0.1:1/", "wget http://example.com/", "exec 3<>/dev/tcp/127.0.0.1/80"] {
        let answer = environment.run(code);
        assert!(answer.outcome().exit_code != 0 && !answer.stderr().is_empty(), "{code}: {:?}", answer.stdout());
    }
    let answer = environment.run("curl http://127.0.0.1:1/");
    assert!(answer.stderr().contains("network"), "{:?}", answer.stderr());
    environment.run("echo secret > /tmp/left; history -s secret; echo secret > /dev/shm/x");
    assert_eq!(environment.run("cat /tmp/left /dev/shm/x 2>/dev/null; ls /tmp").stdout(), "");
}

/// What is printed is there before the program ends.
fn streaming(interpreter: &Interpreter) {
    let mut environment = Environment::new(interpreter);
    let answer = environment.run("echo first; sleep 1; echo second");
    assert_eq!(answer.stdout(), "first\nsecond\n");
    let first = answer.first.unwrap();
    assert!(answer.took.saturating_sub(first).as_millis() > 700, "{first:?} of {:?}", answer.took);
}

/// A test, which needs an interpreter.
type Test = fn(&Interpreter);

const ALL: [(&str, Test); 6] = [
    ("programs", programs),
    ("what_is_kept", what_is_kept),
    ("files_of_others", files_of_others),
    ("limits", limits),
    ("isolation", isolation),
    ("streaming", streaming),
];

#[test]
fn programs_print_what_they_print_in_bash_and_leave_what_they_leave() {
    for (name, test) in ALL {
        println!("{name}");
        test(&Interpreter::Library);
    }
}

#[test]
fn the_component_does_the_same_on_a_host_and_answers_nothing_but_a_run() {
    let Some(host) = Host::start() else {
        eprintln!("there is no wasmtime, or no target/sandbox-shell.wasm: nothing was tested on it");
        return;
    };
    refusals(&host);
    let interpreter = Interpreter::Served(host);
    for (name, test) in ALL {
        println!("{name}");
        test(&interpreter);
    }
    println!("ends_in_the_middle");
    ends_in_the_middle(&interpreter);
}

/// A command that bashkit does not end itself: the fuel of the module does.
fn ends_in_the_middle(interpreter: &Interpreter) {
    let mut environment = Environment::new(interpreter);
    environment.limits.seconds = 1;
    environment.run("x=before");
    for code in [
        "x=after; echo printed; jq -n 'def f: f; f'",
        "x=after; echo printed; jq -n 'reduce range(1e12) as $i (0; . + $i)'",
    ] {
        let answer = environment.run(code);
        assert_eq!((answer.stdout().as_str(), answer.outcome().exit_code), ("printed\n", 124), "{code}");
        assert_eq!(answer.outcome().limit, Some(Limit::Time));
        assert!(answer.took.as_secs() < 10, "{:?}", answer.took);
    }
    environment.limits = support::LIMITS;
    let answer = environment.run(
        "x=after; echo printed; seq 100000 > s; cat s s s s s s s s s s > t; cat t t t | sort | sort | sort | wc -l",
    );
    assert_eq!((answer.stdout().as_str(), answer.outcome().limit), ("printed\n", Some(Limit::Memory)));
    assert_eq!(environment.run("echo $x; ls").stdout(), "before\n");
}

fn refusals(host: &Host) {
    let run = sandbox_run::RUN_TYPE;
    for (method, path, media_type, body, status) in [
        ("POST", "/", run, &b""[..], 404),
        ("GET", "/run", run, b"", 405),
        ("POST", "/run", "text/plain", b"echo", 415),
        ("POST", "/run", run, b"echo", 400),
        ("POST", "/run", run, b"", 400),
    ] {
        let (head, _body) = host.ask(method, path, media_type, body);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path} {media_type}: {head}");
    }
}
