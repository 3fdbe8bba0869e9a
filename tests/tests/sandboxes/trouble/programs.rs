//! The programs: what is done, with what, and how often or how large.

/// In what a program is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Language {
    Shell,
    Python,
    /// Of SQLite, by Python.
    Sql,
}

/// A program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) language: Language,
    pub(super) code: String,
}

/// All of them.
pub(super) fn all() -> Vec<Program> {
    let mut programs = Vec::new();
    let mut add = |language, code: String| programs.push(Program { language, code });
    for size in SIZES {
        SIZED_PYTHON.iter().for_each(|code| add(Language::Python, code.replace("{N}", size)));
        SIZED_SHELL.iter().for_each(|code| add(Language::Shell, code.replace("{N}", size)));
        SIZED_SQL.iter().for_each(|code| add(Language::Sql, sql(&code.replace("{N}", size))));
    }
    for frame in PYTHON_FRAMES {
        PYTHON_BODIES.iter().for_each(|body| add(Language::Python, frame.replace("{BODY}", body)));
    }
    for frame in SHELL_FRAMES {
        SHELL_BODIES.iter().for_each(|body| add(Language::Shell, frame.replace("{BODY}", body)));
    }
    PYTHON.iter().for_each(|code| add(Language::Python, (*code).to_owned()));
    SHELL.iter().for_each(|code| add(Language::Shell, (*code).to_owned()));
    SQL.iter().for_each(|code| add(Language::Sql, sql(code)));
    programs
}

fn sql(statement: &str) -> String {
    format!("import sqlite3\nfor row in sqlite3.connect(':memory:').execute({statement:?}): print(row)")
}

/// How often, or how large.
const SIZES: [&str; 17] = [
    "0",
    "1",
    "2",
    "255",
    "1000",
    "65536",
    "100000",
    "2500000",
    "10000000",
    "100000000",
    "1000000000",
    "2147483647",
    "4294967296",
    "100000000000",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999",
];

const SIZED_PYTHON: [&str; 44] = [
    // Memory.
    "x = 'x' * {N}",
    "x = bytes({N})",
    "x = bytearray({N})",
    "x = [0] * {N}",
    "x = [[] for _ in range({N})]",
    "x = dict.fromkeys(range({N}))",
    "x = set(range({N}))",
    "x = 1 << {N}",
    "x = 7 ** {N}",
    "x = '%*d' % ({N}, 1)",
    "x = '{:>{}}'.format(1, {N})",
    "x = 'a'.zfill({N})",
    "x = 'ab'.replace('a', 'b' * min({N}, 10**9))",
    "x = ('a' * 1000).join(['b'] * {N})",
    "import array\nx = array.array('q', [0]) * {N}",
    "import itertools\nx = list(itertools.repeat(0, {N}))",
    "import itertools\nx = list(itertools.combinations(range(60), min(30, {N})))",
    "from decimal import Decimal, getcontext\ngetcontext().prec = min({N}, 10**9) or 1\nx = Decimal(1) / 3",
    "import random\nx = random.getrandbits({N})",
    "import os\nx = os.urandom({N})",
    // Time.
    "x = sum(range({N}))",
    "x = max(range({N} + 1))",
    "x = {N} in (i for i in iter(int, 1))",
    "import hashlib\nx = hashlib.pbkdf2_hmac('sha256', b'a', b'b', max(1, min({N}, 2**31 - 1)))",
    "import re\nx = re.match(r'(a+)+$', 'a' * min({N}, 10**5) + 'b')",
    "import re\nx = re.match(r'(a|aa)+$', 'a' * min({N}, 10**5) + 'b')",
    "import time\ntime.sleep({N})",
    "x = pow(3, {N}, 10**9 + 7)",
    "import math\nx = math.factorial({N})",
    "x = int('9' * min({N}, 10**8))",
    "import json\nx = json.loads('[' * min({N}, 10**7))",
    "x = eval('(' * min({N}, 10**6) + ')' * min({N}, 10**6))",
    "x = compile('-' * min({N}, 10**7) + '1', 'x', 'eval')",
    // Recursion.
    "import sys\nsys.setrecursionlimit(max(1, min({N}, 2**31 - 1)))\ndef f(n): return f(n + 1)\nf(0)",
    "x = []\nfor _ in range({N}): x = [x]\nprint(len(repr(x)))",
    // Output.
    "print('x' * {N})",
    "for n in range({N}): print(n)",
    "import sys\nfor n in range({N}): sys.stderr.write('x')",
    "import os\nfor n in range({N}): os.write(1, b'x' * 100)",
    // Files.
    "open('/work/f', 'wb').write(bytes(min({N}, 10**9)))",
    "f = open('/work/f', 'wb')\nf.seek({N})\nf.write(b'x')",
    "open('/work/f', 'wb').truncate({N})",
    "for n in range({N}): open(f'/work/{n}', 'w').close()",
    "import zlib\nx = zlib.decompress(zlib.compress(bytes(min({N}, 10**7)))) * min({N}, 10**6)",
];

const SIZED_SHELL: [&str; 40] = [
    // Memory.
    "x=$(printf '%*s' {N} x); echo ${#x}",
    "printf '%0{N}d' 1 | wc -c",
    "x=a; for n in $(seq 1 {N}); do x=$x$x; done; echo ${#x}",
    "echo {1..{N}} | wc -c",
    "echo {a,b}{a,b}{a,b}{a,b}{a,b}{1..{N}} | wc -c",
    "a=($(seq 1 {N})); echo ${#a[@]}",
    "x=aaaaaaaaaa; y=${x//a/$(printf '%*s' {N})}; echo ${#y}",
    "declare -A a; for ((i = 0; i < {N}; i++)); do a[$i]=$i; done; echo ${#a[@]}",
    "head -c {N} /dev/zero | wc -c",
    "head -c {N} /dev/urandom | sha256sum",
    "yes | head -n {N} | tail -n 1",
    "yes x | head -c {N} | sort | uniq -c",
    "seq 1 {N} | tac | head -1",
    "seq 1 {N} | sort -R | wc -l",
    "awk 'BEGIN { x = \"a\"; for (i = 0; i < {N}; i++) x = x x; print length(x) }'",
    "awk 'BEGIN { for (i = 0; i < {N}; i++) a[i] = i; print length(a) }'",
    "jq -n '[range({N})] | length'",
    "jq -n '\"x\" * {N} | length'",
    "jq -n 'reduce range({N}) as $i (0; . + $i)'",
    // Time.
    "for ((i = 0; i < {N}; i++)); do :; done; echo $i",
    "i=0; while [ $i -lt {N} ]; do i=$((i + 1)); done; echo $i",
    "i=0; until [[ $i -ge {N} ]]; do ((i++)); done; echo $i",
    "sleep {N}",
    "timeout 60 sleep {N}",
    "awk 'BEGIN { for (i = 0; i < {N}; i++) x += i; print x }'",
    "printf 'a%.0s' $(seq 1 {N}) | grep -E '(a+)+$' | wc -c",
    "echo $(( 2 ** {N} )) $(( 1 << {N} )) $(( {N} * {N} ))",
    "echo a | sed ':a;s/a/aa/;ta' | head -c {N}",
    "seq {N} | xargs -n 1 echo | wc -l",
    // Recursion.
    "f() { [ $1 -gt {N} ] || f $(($1 + 1)); }; f 0; echo done",
    "f() { local x=$1; [ $x -ge {N} ] && return; $(f $((x + 1))); }; f 0",
    "x='echo deep'; for n in $(seq 1 {N}); do x=\"eval $x\"; done; $x",
    // Output.
    "seq 1 {N}",
    "yes | head -n {N}",
    "for n in $(seq 1 {N}); do echo $n >&2; done",
    // Files.
    "head -c {N} /dev/zero > f; wc -c < f",
    "dd if=/dev/zero of=f bs=1024 count={N} 2>&1",
    "truncate -s {N} f; wc -c < f",
    "for n in $(seq 1 {N}); do : > f$n; done; ls | wc -l",
    "p=d; for n in $(seq 1 {N}); do p=$p/d; done; mkdir -p $p && find . | wc -l",
];

const SIZED_SQL: [&str; 14] = [
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < {N}) select count(*) from n",
    "with recursive n(i) as (select 1 union all select i + 1 from n limit {N}) select max(i) from n",
    "with recursive n(s) as (select 'a' union all select s || s from n limit {N}) select max(length(s)) from n",
    "select length(zeroblob({N}))",
    "select length(hex(zeroblob({N})))",
    "select length(randomblob({N}))",
    "select length(replace(hex(zeroblob(min({N}, 1000000))), '0', 'aaaaaaaaaa'))",
    "select length(printf('%{N}d', 1))",
    "select length(printf('%.*c', {N}, 'a'))",
    "select 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' || {N} like '%a%a%a%a%a%a%a%a%a%a%a%a%a%b'",
    "select abs({N}), {N} * {N}, round({N}, {N}), substr('abc', {N}, {N})",
    "select group_concat(a.name || b.name) from pragma_function_list a, pragma_function_list b where {N} > 0",
    "with n(i) as (values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) select count(*) from n a, n b, n c, n d, n e, n f, n g, n h where a.i < {N}",
    "select json_array_length(json('[' || substr(replace(hex(zeroblob(min({N}, 100000))), '0', '1,'), 1, 100000) || '1]'))",
];

/// What catches, repeats and holds on.
const PYTHON_FRAMES: [&str; 9] = [
    "while True:\n    {BODY}",
    "while True:\n    try:\n        {BODY}\n    except BaseException:\n        pass",
    "def f():\n    {BODY}\n    f()\nf()",
    "def f():\n    try:\n        {BODY}\n        f()\n    finally:\n        f()\nf()",
    "class C:\n    def __del__(self):\n        {BODY}\n        C()\nC()",
    "class C:\n    def __reduce__(self):\n        {BODY}\n        return (C, ())\nkept = C()",
    "class C:\n    def __getstate__(self):\n        return {}\n    def __setstate__(self, state):\n        while True:\n            {BODY}\nkept = C()",
    "class C:\n    def __repr__(self):\n        {BODY}\n        return repr(self)\nC()",
    "import sys\ndef hook(*of_it):\n    {BODY}\n    return hook\nsys.settrace(hook)\nsys.excepthook = hook\nsys.displayhook = hook\ndef f(): return 1\nf()\n1 / 0",
];

const PYTHON_BODIES: [&str; 23] = [
    "pass",
    "kept = [0] * 1000",
    "print('x' * 100)",
    "raise SystemExit(3)",
    "raise KeyboardInterrupt",
    "raise MemoryError",
    "raise StopIteration",
    "import os; os._exit(4)",
    "import os; os.abort()",
    "import os; os.kill(os.getpid(), 9)",
    "import signal; signal.signal(signal.SIGINT, lambda *of_it: None)",
    "import socket; socket.create_connection(('127.0.0.1', 80))",
    "import socket; socket.getaddrinfo('example.com', 80)",
    "import subprocess; subprocess.run(['ls'])",
    "import threading; threading.Thread(target=print).start()",
    "import ctypes; ctypes.string_at(0)",
    "import gc; gc.collect()",
    "import sys; sys.setrecursionlimit(10**9)",
    "open('/etc/passwd').read()",
    "open('/work/f', 'ab').write(bytes(100000))",
    "import os; os.system('ls'); os.fork()",
    "import builtins; builtins.print = None; del builtins.__import__",
    "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')",
];

const SHELL_FRAMES: [&str; 8] = [
    "while true; do {BODY}; done",
    "until false; do {BODY}; done",
    "for ((;;)); do {BODY}; done",
    "f() { {BODY}; f; }; f",
    "f() { {BODY}; f | f & }; f; wait",
    "trap '{BODY}; exit 1' EXIT ERR INT; while :; do {BODY}; done",
    "eval 'while :; do {BODY}; done' 2>/dev/null || { {BODY}; }",
    "echo '{BODY}; . /work/again' > /work/again; . /work/again",
];

const SHELL_BODIES: [&str; 22] = [
    ":",
    "x=$x$x$RANDOM",
    "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "echo a >&2",
    "sleep 0.1",
    "set -e; false",
    "kill -9 $$",
    "kill -STOP $$ 2>/dev/null",
    "exec bash -c true",
    "bash -c :",
    "head -c 100000 /dev/zero >> f",
    "cat f f > g 2>/dev/null; cp g f 2>/dev/null",
    "ln -s loop loop 2>/dev/null; cat loop 2>/dev/null",
    "curl http://127.0.0.1:80/ 2>/dev/null",
    "read line",
    "cat",
    "ulimit -v unlimited 2>/dev/null",
    "unset PATH",
    "(cd / && find . | xargs cat) 2>/dev/null | wc -c",
    "mkdir -p a/b/c && cp -r a a/b/c/d 2>/dev/null",
    "tar czf t.tgz . 2>/dev/null; tar xzf t.tgz 2>/dev/null",
    "a+=(1 2 3 4)",
];

const PYTHON: [&str; 24] = [
    "import sys\nsys.exit(256)",
    "import sys\nsys.exit('text')",
    "def f(): yield from f()\nlist(f())",
    "import copy\nx = []\nfor _ in range(100000): x = [x]\ny = copy.deepcopy(x)",
    "import pickle\nclass C:\n    def __reduce__(self): return (exec, ('while True: pass',))\nkept = pickle.loads(pickle.dumps(C()))",
    "class M(type):\n    def __getattribute__(self, name): return M\nclass C(metaclass=M): pass\nkept = C",
    "kept = {}\nkept['kept'] = kept\nkept['more'] = [kept] * 1000",
    "import sys\nsys.stdout.close()\nsys.stderr.close()\nprint('gone')",
    "import os\nos.close(0)\nos.close(1)\nos.close(2)\nprint('gone')",
    "globals().clear()",
    "import sys\nsys.modules.clear()",
    "import builtins\nfor name in list(vars(builtins)):\n    delattr(builtins, name)",
    "import asyncio\nasync def f():\n    while True: await asyncio.sleep(0)\nasyncio.run(f())",
    "import io, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED)\nfor n in range(50): z.writestr(str(n), bytes(10**6))\nz.close()\nzipfile.ZipFile(b).extractall('/work')",
    "import io, tarfile\nb = io.BytesIO()\nt = tarfile.open(fileobj=b, mode='w')\ni = tarfile.TarInfo('../../escape')\nt.addfile(i)\nt.close()\nb.seek(0)\ntarfile.open(fileobj=b).extractall('/work')",
    "import gzip\nd = gzip.compress(bytes(10**7))\nx = gzip.decompress(d * 50)",
    "exec('x = ' + '+'.join(['1'] * 100000))",
    "x = ()\nfor _ in range(1000000): x = (x,)\nhash(x)",
    "a = 'a'\nfor _ in range(100): a += a",
    "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(10 ** 10000000)))",
    "f = open('/work/f', 'w+')\nwhile True: f.write('x' * 1000)",
    "import os\nfor n in range(10**6): os.makedirs(f'/work/{n}/{n}/{n}')",
    "import os\nos.symlink('/work/a', '/work/b')\nos.symlink('/work/b', '/work/a')\nopen('/work/a').read()",
    "import tempfile\nwhile True: tempfile.mkstemp()",
];

const SHELL: [&str; 16] = [
    ":(){ :|:& };:",
    "yes",
    "cat /dev/zero",
    "cat /dev/urandom | tr -dc a-z",
    "while read -r line; do echo $line; done < /dev/zero",
    "sed ':a;N;$!ba;s/x/xx/g;ta' /etc/passwd; echo x | sed ':a;s/x/xx/g;ta'",
    "awk 'BEGIN { while (1) print \"x\" }'",
    "awk 'function f() { f() } BEGIN { f() }'",
    "jq -n 'def f: f; f'",
    "jq -n '[limit(infinite; repeat(1))]'",
    "jq -n 'def f: [., .] | f; f'",
    "echo ${x:=${x:=${x:=$(yes)}}}",
    "find / -exec find / -exec echo {} + {} +",
    "cat <<A\n$(while :; do echo A; done)\nA",
    "x='$x'; while :; do eval \"x=\\\"$x$x\\\"\"; done",
    "head -c 10000000 /dev/zero | gzip > f.gz; for n in 1 2 3 4 5 6 7 8; do cat f.gz f.gz > g.gz; cp g.gz f.gz; done; gunzip f.gz",
];

const SQL: [&str; 6] = [
    "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
    "with recursive n(i) as (select 1 union all select i from n) select i from n",
    "select load_extension('/work/x')",
    "attach '/etc/passwd' as other",
    "pragma mmap_size = 9223372036854775807",
    "create table t as select value from json_each('[1,2,3]')",
];
