//! The programs, and how they end.

use sandbox_run::Limit;

/// A program.
pub struct Program(pub &'static str, pub Way);

/// How one ends.
pub enum Way {
    /// With a traceback that has this text.
    Raises(&'static str),
    /// Well, and with this text.
    Prints(&'static str),
    /// In an answer that names this limit.
    Ends(Limit),
    /// In one of these ways, or in an answer that is cut short because a stack or a memory has no room.
    Any,
}

use Way::{Any, Ends, Prints, Raises};

pub const ENDLESS: [Program; 26] = [
    Program("while True: pass", Ends(Limit::Time)),
    Program(
        "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
        Ends(Limit::Time),
    ),
    Program("sum(range(10**12))", Ends(Limit::Time)),
    Program("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", Ends(Limit::Time)),
    Program("import re\nre.search('(.*a){20}', 'a' * 30)", Any),
    Program("10 ** 10 ** 8", Any),
    Program("int('9' * 4000) ** 5000", Any),
    Program("import itertools\nlist(zip(*[itertools.count()] * 2, strict=True))", Any),
    Program("for _ in iter(int, 1): pass", Ends(Limit::Time)),
    Program("import time\nwhile True: time.sleep(0.1)", Ends(Limit::Time)),
    Program("import time\ntime.sleep(10**9)", Ends(Limit::Time)),
    Program("import asyncio\nasyncio.run(asyncio.sleep(10**6))", Ends(Limit::Time)),
    Program(
        "import asyncio\nasync def f():\n    while True: await asyncio.sleep(0)\nasyncio.run(f())",
        Ends(Limit::Time),
    ),
    Program(
        "import asyncio\nasync def f(): await asyncio.Event().wait()\nasyncio.run(f())",
        Raises("every task waits"),
    ),
    Program("def g():\n    while True: yield\nfor _ in g(): pass", Ends(Limit::Time)),
    Program("class A:\n    def __del__(self):\n        while True: pass\nA()\nx = 1", Ends(Limit::Time)),
    Program("class A:\n    def __reduce__(self):\n        while True: pass\na = A()", Ends(Limit::Time)),
    Program("class A:\n    def __repr__(self):\n        while True: pass\nA()", Ends(Limit::Time)),
    Program("class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", Ends(Limit::Time)),
    Program("import atexit\ndef f():\n    while True: pass\natexit.register(f)", Ends(Limit::Time)),
    Program(
        "import sqlite3\nsqlite3.connect(':memory:').execute('with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t').fetchall()",
        Ends(Limit::Time),
    ),
    Program("import hashlib\nh = b''\nwhile True: h = hashlib.sha256(h).digest()", Ends(Limit::Time)),
    // What copies or fills much is one operation of WebAssembly.
    Program("x, y = bytearray(20 << 20), bytearray(20 << 20)\nwhile True: x[:] = y", Ends(Limit::Time)),
    Program("while True: bytes(20 << 20)", Ends(Limit::Time)),
    Program("sorted(range(10**6), key=lambda x: [0] * 1000)", Any),
    Program("import sys, signal\nsys.settrace(lambda *a: None)\nwhile True:\n    pass", Ends(Limit::Time)),
];

pub const GREEDY: [Program; 24] = [
    Program("bytearray(10**9)", Raises("MemoryError")),
    Program("x = []\nwhile True: x.append(bytearray(1 << 20))", Raises("MemoryError")),
    Program("'x' * 10**9", Raises("MemoryError")),
    Program("[0] * 10**9", Raises("MemoryError")),
    Program("x = {}\nwhile True: x[len(x)] = str(len(x))", Any),
    Program("x = 'a'\nwhile True: x += x", Raises("MemoryError")),
    Program(
        "x = []\nwhile True:\n    try:\n        x.append(bytearray(1 << 16))\n    except BaseException:\n        pass",
        Any,
    ),
    Program("x = []\nwhile True: x = [x, x]", Any),
    Program("while True: print('x' * 1000)", Ends(Limit::Output)),
    Program("import sys\nwhile True: sys.stderr.write('x' * 1000)", Ends(Limit::Output)),
    Program("import os\nwhile True: os.write(1, b'x' * 100000)", Ends(Limit::Output)),
    Program("while True:\n    try: print('x' * 1000)\n    except BaseException: pass", Ends(Limit::Output)),
    Program("print('x' * 2**20)\nprint('end')", Ends(Limit::Output)),
    Program("f = open('big', 'wb')\nwhile True: f.write(b'x' * 100000)", Ends(Limit::Files)),
    Program("f = open('/tmp/big', 'wb')\nwhile True: f.write(b'x' * 100000)", Ends(Limit::Files)),
    Program("f = open('big', 'wb')\nf.seek(10**12)\nf.write(b'x')\nf.close()", Ends(Limit::Files)),
    Program("n = 0\nwhile True:\n    open(str(n), 'w').close()\n    n += 1", Ends(Limit::Files)),
    Program("import os\nn = 0\nwhile True:\n    os.mkdir(str(n))\n    n += 1", Ends(Limit::Files)),
    Program("import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')", Any),
    Program(
        "x = []\nwhile True:\n    f = open('/tmp/x', 'wb')\n    f.write(b'x' * 100000); f.flush()\n    import os\n    os.unlink('/tmp/x'); x.append(f)",
        Ends(Limit::Files),
    ),
    Program("x = [open('a', 'w') for _ in range(10**6)]", Any),
    Program(
        "import zipfile, io\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('zeros', bytes(20 << 20))\nprint(len(b.getvalue()) < 100000)\nzipfile.ZipFile(b).extractall('out')",
        Ends(Limit::Files),
    ),
    Program(
        "import zlib\nx = zlib.compress(bytes(20 << 20))\ny = [zlib.decompress(x) for _ in range(10)]",
        Raises("MemoryError"),
    ),
    Program("data = list(range(10**6))", Ends(Limit::State)),
];

pub const DEEP: [Program; 15] = [
    Program("def f(): return f()\nf()", Raises("RecursionError")),
    Program("import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()", Any),
    Program("class A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().a", Any),
    Program("class A:\n    def __add__(self, o): return self + o\nA() + A()", Any),
    Program("x = []\nfor _ in range(100000): x = [x]\nrepr(x)", Any),
    Program("x = []\nfor _ in range(100000): x = [x]", Any),
    Program("x = None\nfor _ in range(10**6): x = (x,)\ndel x\nprint('freed')", Any),
    Program("import json\njson.loads('[' * 100000)", Any),
    Program("eval('-' * 100000 + '1')", Any),
    Program("eval('(' * 150 + ')' * 150)", Raises("MemoryError")),
    Program("exec('if 1:\\n' + ''.join(' ' * i + 'if 1:\\n' for i in range(1, 200)))", Raises("IndentationError")),
    Program("import copy\nx = []\nfor _ in range(10000): x = [x]\ncopy.deepcopy(x)", Any),
    Program("def f(n):\n    try: f(n + 1)\n    finally: f(n + 1)\nf(0)", Any),
    Program("import re\nre.compile('(' * 5000 + ')' * 5000)", Any),
    Program("class A:\n    def __init__(self): A()\nA()", Raises("RecursionError")),
];

pub const ESCAPING: [Program; 28] = [
    Program("import socket\nsocket.create_connection(('127.0.0.1', 80))", Raises("gaierror")),
    Program("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)", Raises("PermissionError")),
    Program("import socket\nsocket.getaddrinfo('example.com', 80)", Raises("gaierror")),
    Program("import socket\nsocket.socketpair()", Raises("Error")),
    Program("import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')", Raises("URLError")),
    Program("import http.client\nhttp.client.HTTPConnection('10.0.0.1').request('GET', '/')", Raises("gaierror")),
    Program("import subprocess\nsubprocess.run(['ls'])", Raises("does not support processes")),
    Program("import os\nos.system('ls')", Raises("AttributeError")),
    Program("import os\nos.fork()", Raises("AttributeError")),
    Program("import os\nos.execv('/bin/sh', ['sh'])", Raises("Error")),
    Program("import os\nos.kill(1, 9)", Raises("Error")),
    Program("import threading\nthreading.Thread(target=print).start()", Raises("can't start new thread")),
    Program(
        "import concurrent.futures as c\nc.ThreadPoolExecutor().submit(print).result()",
        Raises("can't start new thread"),
    ),
    Program("import multiprocessing\nmultiprocessing.Process(target=print).start()", Raises("Error")),
    Program("import ctypes", Raises("ModuleNotFoundError")),
    Program("import _ctypes", Raises("ModuleNotFoundError")),
    Program("import mmap", Raises("ModuleNotFoundError")),
    Program("open('/etc/passwd')", Raises("FileNotFoundError")),
    Program("open('/proc/self/mem', 'wb')", Raises("FileNotFoundError")),
    Program("open('../../../../etc/passwd')", Raises("FileNotFoundError")),
    Program("open('/work/../etc/passwd')", Raises("FileNotFoundError")),
    Program("open('/etc/x', 'w')", Raises("Error")),
    Program("import os\nos.symlink('/', 'root')", Raises("PermissionError")),
    Program(
        "import os\nprint(sorted(os.environ), os.listdir('/'))",
        Prints("['HOME', 'LANG', 'PWD', 'TMPDIR'] ['tmp', 'work']"),
    ),
    Program(
        "import os\nfor d in range(3, 200):\n    try: print(d, os.fstat(d))\n    except OSError: pass\nprint('none')",
        Any,
    ),
    Program("import pickle\npickle.loads(b\"cposix\\n_exit\\n(I3\\ntR.\")", Any),
    Program("import pip", Raises("ModuleNotFoundError")),
    Program("import sandbox_app, sandbox_state\nprint(sandbox_state.restore(b'x' * 100, {}, []))", Any),
];

pub const MEDDLING: [Program; 22] = [
    Program("import sys\nsys.stdout = None", Any),
    Program("import sys\nsys.stdout.close()\nsys.stderr.close()", Any),
    Program("import os\nos.close(1); os.close(2)\nprint('x')", Any),
    Program("import builtins\nfor n in list(vars(builtins)):\n    delattr(builtins, n)", Any),
    Program("import sys\nsys.modules.clear()", Any),
    Program("globals().clear()", Any),
    Program("import gc\nfor o in gc.get_objects():\n    if type(o) is dict:\n        o.clear()", Any),
    Program("import sandbox_app\nsandbox_app.outcome = None\nsandbox_app.Interpreter.run = None", Any),
    Program("import sandbox_state\nsandbox_state.keep = lambda *a: 'no bytes'", Any),
    Program("import sandbox_state\nsandbox_state.keep = lambda *a: b'x' * (64 << 20)", Any),
    Program("import sandbox_app\nsandbox_app.report = lambda e: 1 / 0\n1 / 0", Any),
    Program("import sandbox_app\nsandbox_app.interpreter.Outcome = lambda *a: None", Any),
    Program("import wit_world, componentize_py_runtime", Any),
    Program(
        "import componentize_py_runtime as r\nprint(dir(r))\nfor n in dir(r):\n    try: getattr(r, n)(0, [])\n    except BaseException as e: print(n, e)",
        Any,
    ),
    Program("raise BaseException", Raises("BaseException")),
    Program("class E(BaseException):\n    def __str__(self): raise E\nraise E", Raises("E")),
    Program("class E(Exception):\n    __traceback__ = property(lambda s: 1 / 0)\nraise E", Any),
    Program("import sys\nsys.excepthook = 1\nsys.displayhook = None\n5", Any),
    Program("class A(dict): pass\nimport sys\nsys.modules['__main__'] = A()", Any),
    Program("import sys, types\nsys.modules['__main__'].__dict__[5] = 1", Any),
    Program("import sys\nsys.setrecursionlimit(1)", Any),
    Program(
        "(lambda: 0).__code__.replace(co_code=b'\\x00' * 100)\ndef f(): pass\nf.__code__ = f.__code__.replace(co_code=bytes(range(256)))\nf()",
        Any,
    ),
];
