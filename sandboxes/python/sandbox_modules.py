"""The modules that programs can import: all of the standard library that there is for WebAssembly, but what is of no use in a sandbox."""

import encodings
import importlib
import importlib.util
import pkgutil
import sys

# Not in this build of CPython: no threads, processes, terminals, shared memory or libraries of the machine's.
ABSENT = {
    "bz2", "compression.bz2", "compression.lzma", "compression.zstd", "compression.zstd._zstdfile", "ctypes", "curses", "dbm.gnu", "dbm.ndbm", "fcntl",
    "grp", "lzma", "mmap", "msvcrt", "nt", "pty", "pwd", "readline", "resource", "ssl", "syslog", "termios", "tty", "winreg", "winsound",
}

# Of no use without a screen, a browser, a network service or a second interpreter; or they do something when they are imported.
LEFT_OUT = (
    "antigravity", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "this", "tkinter", "turtle", "turtledemo", "venv", "webbrowser", "wsgiref",
    "asyncio.windows", "concurrent.interpreters", "concurrent.futures.interpreter", "distutils", "encodings.mbcs", "encodings.oem", "encodings.bz2_codec",
    "importlib.metadata.diagnose", "json.__main__", "multiprocessing.popen", "multiprocessing.resource", "multiprocessing.shared", "multiprocessing.dummy",
    "multiprocessing.forkserver", "multiprocessing.heap", "multiprocessing.managers", "multiprocessing.pool", "multiprocessing.queues",
    "multiprocessing.sharedctypes", "multiprocessing.spawn", "multiprocessing.synchronize", "site", "smtplib", "ftplib", "poplib", "imaplib",
    "socketserver", "xmlrpc.server", "unittest.__main__", "pathlib._os", "compression._common", "sysconfig.__main__", "http.server", "profile", "cProfile",
    "pdb", "bdb", "compileall", "py_compile", "modulefinder", "zipapp", "tabnanny", "symtable", "pyclbr", "trace", "tracemalloc", "pydoc", "doctest",
    "nturl2path", "mailbox", "asyncio.__main__", "asyncio.tools", "string.templatelib.__main__",
)


def left_out(name: str) -> bool:
    return name.startswith("_") or "._" in name or any(name == one or name.startswith(one + ".") or (one.count(".") and name.startswith(one)) for one in LEFT_OUT)


def names():
    """The public modules, with those in packages."""
    for name in sorted(sys.stdlib_module_names):
        if left_out(name) or name in ABSENT:
            continue
        yield name
        specification = importlib.util.find_spec(name)
        for place in [specification.submodule_search_locations] if specification and specification.submodule_search_locations else []:
            for _, inner, _ in pkgutil.walk_packages(place, f"{name}.", onerror=lambda _: None):
                if not left_out(inner) and inner not in ABSENT:
                    yield inner


def import_all() -> None:
    """Imports them. What fails and is not known to be absent fails the build."""
    for name in names():
        importlib.import_module(name)
    # What others import when they first need it.
    for name in ("_strptime", "_pydecimal", "_pylong", "_pyio", "_colorize", "_markupbase", "_sitebuiltins", "_suggestions"):
        importlib.import_module(name)
    for name in set(encodings.aliases.aliases.values()):
        try:
            importlib.import_module(f"encodings.{name}")
        except ImportError:
            pass
