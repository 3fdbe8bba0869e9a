"""What the interpreter of the sandboxes runs: one program, with the names of the runs before it.

componentize-py imports this module when the component is built, and keeps the memory. What is imported then is what programs can import:
there is no library on a disk (sandbox_modules.py).

A program shares the interpreter with this module, so nothing here protects against it. What does is WebAssembly: the instance serves one run,
holds nothing of anybody else's, and its limits are outside (sandboxes/world, xtask/src/build/fuel.rs).
"""

import ast
import asyncio
import builtins
import gc
import io
import linecache
import os
import random
import sys
import traceback
import types

import sandbox_egress
import sandbox_modules
import sandbox_state
from wit_world.exports import interpreter

WORK_FOLDER = "/work"
# How a program is called in tracebacks.
FILE_NAME = "<python>"
# As CPython's own.
RECURSION_LIMIT = 1000
# What a shell has for a program that an interrupt has ended.
INTERRUPTED = 130
ABORTED = 134

sandbox_modules.import_all()
sandbox_egress.install()


class Exit(SystemExit):
    """os._exit and os.abort, which would end the component without an answer."""


def leave(status: int = 0) -> None:
    raise Exit(status)


def abort() -> None:
    raise Exit(ABORTED)


class Waiting:
    """The selector of event loops: there is nothing to wait for but time."""

    def __init__(self):
        self._keys = {}

    def register(self, fileobj, events, data=None):
        raise OSError("there are no sockets, and there are no pipes")

    def unregister(self, fileobj):
        raise KeyError(fileobj)

    def get_map(self):
        return self._keys

    def get_key(self, fileobj):
        raise KeyError(fileobj)

    def select(self, timeout=None):
        if timeout is None:
            raise OSError("every task waits for another one")
        if timeout > 0:
            time_sleep(timeout)
        return []

    def close(self):
        pass


class EventLoop(asyncio.SelectorEventLoop):
    """An event loop for coroutines and timers. The one of CPython needs a pair of sockets to be woken by threads, of which there are none."""

    def __init__(self):
        super().__init__(Waiting())

    def _make_self_pipe(self):
        pass

    def _close_self_pipe(self):
        pass

    def _write_to_self(self):
        pass


time_sleep = sys.modules["time"].sleep


def prepare(main: types.ModuleType) -> None:
    """Makes the process look like one that has just begun. What was there when the component was built is no program's affair."""
    sys.modules["__main__"] = main
    sys.argv = [""]
    sys.path[:] = [WORK_FOLDER]
    sys.path_importer_cache.clear()
    os.environ.clear()
    os.environ.update({"HOME": WORK_FOLDER, "PWD": WORK_FOLDER, "TMPDIR": "/tmp", "LANG": "C.UTF-8"})
    os.chdir(WORK_FOLDER)
    os._exit = sys.modules["posix"]._exit = leave
    os.abort = sys.modules["posix"].abort = abort
    # What is compiled for an import would count as a file of the program's.
    sys.dont_write_bytecode = True
    sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    # Each line at once, so that who reads along sees it. The errors are those of Python for these two.
    sys.stdout = sys.__stdout__ = stream(1, "strict")
    sys.stderr = sys.__stderr__ = stream(2, "backslashreplace")
    sys.setrecursionlimit(RECURSION_LIMIT)
    # The seed was taken when the component was built.
    random.seed()
    asyncio.SelectorEventLoop = asyncio.DefaultEventLoop = EventLoop
    asyncio.events._event_loop_policy = None
    asyncio.DefaultEventLoopPolicy._loop_factory = EventLoop
    asyncio.new_event_loop = asyncio.events.new_event_loop = asyncio.runners.events.new_event_loop = EventLoop


def stream(descriptor: int, errors: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors=errors, line_buffering=True)


def execute(code: str, namespace: dict) -> None:
    """Runs the statements, and prints the value of a last expression as notebooks do."""
    linecache.cache[FILE_NAME] = (len(code), None, code.splitlines(keepends=True), FILE_NAME)
    tree = compile(code, FILE_NAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    run(compile(tree, FILE_NAME, "exec", dont_inherit=True), namespace)
    if last is not None:
        expression = ast.Expression(last.value)
        sys.displayhook(run(compile(expression, FILE_NAME, "eval", dont_inherit=True), namespace))


def run(code: types.CodeType, namespace: dict) -> object:
    return eval(code, namespace)


def report(error: BaseException) -> int:
    """Prints a traceback of the program's own lines, and gives the exit code."""
    if isinstance(error, SystemExit):
        status = error.code
        if status is None:
            return 0
        if isinstance(status, int):
            return status & 0xFF
        print(status, file=sys.stderr)
        return 1
    # The frames above are ours: this module's functions call each other, and then the program.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    try:
        traceback.print_exception(type(error), error, frames, file=sys.stderr)
    except BaseException:
        # Its own methods may fail.
        print(type(error).__name__, file=sys.stderr)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def guarded(action, *arguments) -> int:
    """The exit code of something that runs code of the program."""
    try:
        action(*arguments)
    except BaseException as error:
        try:
            # What was too deep or too large for the program must not be so for the report.
            sys.setrecursionlimit(RECURSION_LIMIT)
            return report(error)
        except BaseException:
            return 1
    return 0


def finish() -> None:
    """What Python does at the end of a process, as far as it concerns files."""
    sys.modules["atexit"]._run_exitfuncs()
    sys.modules["logging"].shutdown()


def flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        stream.flush()


class Interpreter:
    """The exported interface `gatehouse:interpreter/interpreter`."""

    def run(self, code: str, state: bytes, state_bytes: int) -> interpreter.Outcome:
        try:
            return outcome(code, state, state_bytes)
        except BaseException as error:
            # Nothing may leave this function: it would end the component without an answer.
            return interpreter.Outcome(1, None, [f"the run could not be finished: {type(error).__name__}"])


def outcome(code: str, state: bytes, state_bytes: int) -> interpreter.Outcome:
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    namespace = main.__dict__
    prepare(main)
    notes: list[str] = []
    sandbox_state.restore(state, namespace, notes)
    exit_code = guarded(execute, code, namespace)
    guarded(finish)
    kept = sandbox_state.keep(namespace, state_bytes, notes)
    # Files that are still open are written to when they go.
    guarded(namespace.clear)
    guarded(gc.collect)
    guarded(flush)
    return interpreter.Outcome(exit_code, kept, notes[: sandbox_state.MOST_NOTES])


def clear_free_memory() -> None:
    """Overwrites what the imports have left behind: zeros are not in the component, which is 5 MB smaller without the rest."""
    blocks: list[object] = [bytes(size - sys.getsizeof(b"")) for size in range(48, 513, 16) for _ in range(600)]
    blocks += [bytearray(4096) for _ in range(1500)]
    del blocks


# Nothing of what there is now will ever go: a collection need not look at it. That takes a run from 200 ms to 50.
gc.collect()
gc.freeze()
clear_free_memory()
