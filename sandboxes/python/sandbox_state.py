"""The names of a program, from one run to the next.

Each name is pickled by itself, so that one that cannot be is left out and the others stay; but by one pickler, so that two names for one
object are two names for one object in the next run as well. Functions of the program keep their code alone: their global names are those of
the program, and not copies.

The state is a pickle of the names and lengths of the pickles that follow it, and of how many parts are numbered after each. It is loaded
nowhere but here: a pickle can do whatever a program can, and the one who made it was a program in a sandbox like this.
"""

import functools
import io
import pickle
import sys
import types

import cloudpickle

# The most notes of a run, and the most characters of a text in them that the program chose.
MOST_NOTES = 20
MOST_CHARACTERS = 100
# Bytes of the length of the list of names.
LENGTH = 4


class TooLarge(Exception):
    """There are more bytes than may be kept."""


class Lost:
    """Stands where a name refers to a part of one that could not be brought back."""

    def __repr__(self) -> str:
        return "<lost, because another name could not be brought back>"


class Bounded(io.BytesIO):
    """Takes so many bytes, so that the others need no memory."""

    def __init__(self, most: int):
        super().__init__()
        self._most = most

    def write(self, data):
        if self.tell() + len(data) > self._most:
            raise TooLarge
        return super().write(data)


def globals_of_the_program() -> dict:
    return sys.modules["__main__"].__dict__


def function(code, name, closure):
    """Makes a function of the program anew."""
    return types.FunctionType(code, globals_of_the_program(), name, None, closure)


def set_state(made, state):
    attributes, slots, cells = state
    made.__dict__.update(attributes)
    for cell, value in zip(made.__closure__ or (), cells):
        if value:
            cell.cell_contents = value[0]
    for name, value in slots.items():
        setattr(made, name, value)


def cached(wrapped, parameters):
    """Makes a function with an empty cache."""
    return functools.lru_cache(**parameters)(wrapped)


def contents(cell):
    """A cell's contents as a tuple; an empty one where the cell is empty."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


SLOTS = ("__qualname__", "__kwdefaults__", "__defaults__", "__module__", "__doc__", "__annotations__")


class Pickler(cloudpickle.Pickler):
    """cloudpickle's, but for functions whose global names are the program's, and for those with a cache."""

    def reducer_override(self, obj):
        # Python pickles them by their name, which is not there yet when they are brought back.
        if type(obj) is functools._lru_cache_wrapper and obj.__module__ == "__main__":
            return cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)

    def _dynamic_function_reduce(self, func):
        if func.__globals__ is not globals_of_the_program():
            return super()._dynamic_function_reduce(func)
        cells = func.__closure__
        # Bound later, because a function may be in its own closure.
        empty = None if cells is None else tuple(cloudpickle.cloudpickle._make_empty_cell() for _ in cells)
        slots = {name: getattr(func, name) for name in SLOTS}
        state = (dict(func.__dict__), slots, [contents(cell) for cell in cells or ()])
        return (function, (func.__code__, func.__name__, empty), state, None, None, set_state)


def names_to_keep(namespace: dict) -> list[str]:
    return [name for name in namespace if isinstance(name, str) and not (name.startswith("__") and name.endswith("__"))]


def short(text: object) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"


def reason(error: BaseException) -> str:
    try:
        return short(error) or type(error).__name__
    except BaseException:
        return type(error).__name__


def pickled(namespace: dict, names: list[str], most: int) -> tuple[list[tuple[str, int, int]], bytes]:
    file = Bounded(most)
    pickler = Pickler(file, protocol=pickle.HIGHEST_PROTOCOL)
    lengths = []
    for name in names:
        before = file.tell()
        pickler.dump(namespace[name])
        lengths.append((name, file.tell() - before, len(pickler.memo.copy())))
    return lengths, file.getvalue()


def keep(namespace: dict, most: int, notes: list[str]) -> bytes | None:
    """The state, of at most so many bytes; None where it would have more."""
    names = names_to_keep(namespace)
    try:
        lengths, blobs = pickled(namespace, names, most)
    except BaseException:
        # One that cannot be pickled leaves half of itself in what comes after it: it must be known before.
        sizes = {}
        for name in names:
            try:
                sizes[name] = len(pickled(namespace, [name], most)[1])
            except TooLarge:
                sizes[name] = most
            except BaseException as error:
                notes.append(f"{short(name)} was not kept: {reason(error)}")
        names = list(sizes)
        try:
            lengths, blobs = pickled(namespace, names, most)
        except BaseException as error:
            largest = ", ".join(short(name) for name in sorted(names, key=lambda name: -sizes[name])[:3])
            why = f"they have more than {most} bytes" if isinstance(error, TooLarge) else reason(error)
            notes.insert(0, f"the names of this run were not kept: {why}; the largest: {largest}")
            return None
    head = pickle.dumps(lengths)
    if LENGTH + len(head) + len(blobs) > most:
        notes.insert(0, f"the names of this run were not kept: they have more than {most} bytes")
        return None
    return len(head).to_bytes(LENGTH, "big") + head + blobs


def restore(state: bytes, namespace: dict, notes: list[str]) -> None:
    """Puts the names of a state into the program's."""
    if not state:
        return
    start = LENGTH + int.from_bytes(state[:LENGTH], "big")
    try:
        lengths = pickle.loads(state[LENGTH:start])
    except BaseException as error:
        notes.append(f"no name could be brought back: {reason(error)}")
        return
    file = io.BytesIO(state)
    unpickler = pickle.Unpickler(file)
    for name, length, known in lengths:
        file.seek(start)
        start += length
        try:
            namespace[name] = unpickler.load()
        except BaseException as error:
            notes.append(f"{short(name)} could not be brought back: {reason(error)}")
            # What it has read ahead goes with it. Later names refer to earlier parts by their numbers, so each that is missing has its place.
            # The one in C forgets all parts where it is given some.
            memo = {number: Lost() for number in range(known)} | unpickler.memo.copy()
            unpickler = pickle._Unpickler(file)
            unpickler.memo = memo
