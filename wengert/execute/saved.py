"""A tape as a file: a zip of one JSON text and one ``.npy`` an array, and no code.

``tape.json`` has ``format``, ``version`` and the lists of `STATE`.  What JSON has no
word for is an object of one key, its kind: ``{"tuple": [...]}``, ``{"array": "3"}``.
What a user wrote (a rule, a node class, a class of containers) is named; the file is
read only together with what bears that name, which `load` is given.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.core.operation import REGISTRY, Operation, is_stated
from wengert.core.tape import CompNode, Tape
from wengert.core.types import Type, array_type, has_class, is_array
from wengert.core.user_node import user_operation
from wengert.core.verify import content
from wengert.derive.steps import Body
from wengert.errors import Place, Source, TapeError, explain
from wengert.execute.rehearsal import admit, try_container
from wengert.ops.index import Placeholder, Slice
from wengert.ops.results import NUMPYS
from wengert.structure.custom_rules import Call, CustomRule, WithRule
from wengert.structure.nested import Setting

FORMAT, VERSION = "wengert tape", 2
#: Versions that are read: in the first, lines are texts, ``file.py:12``.
VERSIONS = (1, VERSION)
TEXT = "tape.json"
#: Bytes of text, and of one array, that are read: a small zip can hold very much.
MOST_TEXT, MOST_ARRAY = 1 << 30, 1 << 36
PLAIN_CLASSES: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "None": type(None),
}
PLAIN_CLASSES |= {"OrderedDict": OrderedDict}
NAMED = {"bool": bool, "int": int, "float": float, "complex": complex}


def save(tape: Tape, path: Any) -> None:
    """Write a tape as data into one file.

    Parameters
    ----------
    tape : Tape
    path : str or path-like

    Raises
    ------
    TapeError
        If the tape is not legal, or holds what cannot be written as data.

    Examples
    --------
    >>> import os
    >>> import tempfile
    >>> import wengert
    >>> tape = wengert.record(lambda x: x**2 + 1.0, 3.0)
    >>> path = os.path.join(tempfile.mkdtemp(), "square.tape")
    >>> tape.save(path)
    >>> wengert.load(path)(4.0)
    17.0
    """
    tape.verify()
    writer = Writer(tape)
    text = json.dumps(writer.state(), allow_nan=False)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(TEXT, text)
        for name, array in writer.arrays.items():
            data = io.BytesIO()
            np.save(data, array, allow_pickle=False)
            file.writestr(f"{name}.npy", data.getvalue())


def load(path: Any, known: Mapping[str, Any] | None = None) -> Tape:
    """Return a tape that `Tape.save` wrote, checked before anything is done with it.

    Parameters
    ----------
    path : str or path-like
    known : mapping of str to object, optional
        What the tape needs of yours, by the names that it was saved under: functions
        with rules, node classes, dataclasses.  An error names what is missing.

    Returns
    -------
    Tape

    Raises
    ------
    TapeError
        If the file is no legal tape, or needs what it was not given.

    See Also
    --------
    record, Tape
    """
    try:
        with zipfile.ZipFile(path) as file:
            state = json.loads(read(file, TEXT, MOST_TEXT))
            return Reader(file, {**NUMPYS, **(known or {})}).tape(state)
    except (OSError, TapeError):
        raise
    except (Exception, RecursionError) as error:
        raise no_tape(f"{type(error).__name__}: {error}"[:200]) from None


def read(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return one part of a zip that is not larger than it may be."""
    if file.getinfo(name).file_size > most:
        raise no_tape(f"{name} is too large")
    return file.read(name)


def no_tape(what: str) -> TapeError:
    """Return the error of a file that is no tape."""
    return TapeError(
        explain(
            f"the file holds no legal tape: {what}",
            "it was not written by Tape.save, or was damaged, or is of another version",
            "tape.save(path), and wengert.load(path)",
        )
    )


def not_data(what: str, instead: str) -> TapeError:
    """Return the error of a tape that is more than data."""
    return TapeError(
        explain(
            f"the tape holds {what}",
            "a saved tape is data, never the code of a function",
            instead,
        )
    )


def name_of(value: Any) -> str:
    """Return the name under which something of a user's is saved."""
    return f"{value.__module__}.{value.__qualname__}"


def content_of(tape: Tape) -> str:
    """Return a hash of what a tape computes, wherever it was recorded.

    It is empty where a user's code is a part of the tape, or what no data says.
    """
    writer = Writer(tape)
    try:
        said = writer.program()
    except TapeError:
        return ""
    if not all(type(operation) is str for operation in said["operations"]):
        return ""
    found = hashlib.sha256(json.dumps([said, tape.output_indices]).encode())
    for array in writer.arrays.values():
        found.update(content(array))
    return found.hexdigest()


class Writer:
    """Writes one tape; collects its arrays."""

    def __init__(self, tape: Tape, arrays: dict[str, np.ndarray] | None = None) -> None:
        self.tape = tape
        self.arrays: dict[str, np.ndarray] = {} if arrays is None else arrays
        #: How the step of a loop is written.
        self.written = Writer.program

    def program(self) -> dict[str, Any]:
        """Return what the tape computes in JSON's words."""
        tape = self.tape
        operations = [self.operation(op, k) for k, op in enumerate(tape.operations)]
        settings = [
            self.node(part["node"]) if "node" in part else self.settings(part, index)
            for index, part in enumerate(tape.settings)
        ]
        return {
            "operations": operations,
            "operands": [list(part) for part in tape.operands],
            "settings": settings,
            "types": [self.type(like) for like in tape.types],
            "input_indices": tape.input_indices,
            "chosen_outputs": tape.chosen_outputs,
        }

    def state(self) -> dict[str, Any]:
        """Return the tape in JSON's words."""
        tape, state = self.tape, self.tape.__getstate__()
        self.written = Writer.state
        return {
            "format": FORMAT,
            "version": VERSION,
            **self.program(),
            **self.lines(state["lines"]),
            "structure": None
            if tape.structure is None
            else [self.structure(part) for part in tape.structure],
            "names": {str(index): name for index, name in state["names"].items()},
            "title": tape.title,
        }

    def lines(self, lines: list[Place | None]) -> dict[str, Any]:
        """Return the sources, the places in them, and which place a node has."""
        places = dict.fromkeys(line for line in lines if line is not None)
        numbers = {place: k for k, place in enumerate(places)}
        sources = dict.fromkeys(place.source for place in places)
        at = {source: k for k, source in enumerate(sources)}
        return {
            "sources": [[*source[:3], list(source.text)] for source in sources],
            "places": [[at[place.source], *place[1:]] for place in places],
            "lines": [None if line is None else numbers[line] for line in lines],
        }

    def operation(self, operation: Operation, index: int) -> Any:
        """Return an operation by name; what a user made of one, with its kind."""
        if operation.is_registered:
            return operation.name
        identity = operation.identity
        kind = identity[0] if isinstance(identity, tuple) else ""
        if kind in ("rule", "user node"):
            return {kind: ".".join(identity[1:])}  # type: ignore[index]
        raise not_data(
            f"{operation.name} as one node ({self.tape.line(index) or 'no line'})",
            "save a tape of the function without checkpoint, vmap or a solver",
        )

    def settings(self, settings: dict[str, Any], index: int) -> dict[str, Any]:
        """Return the settings of one node."""
        found = {}
        for name, value in settings.items():
            if type(value) is Setting:
                value = self.call(self.tape.operations[index])
            else:
                value = self.value(value)
            found[name] = value
        return found

    def call(self, operation: Operation) -> Any:
        """Return how the arguments of a function with rules nest."""
        call = getattr(operation.function, "__self__", None)
        if type(call) is not Call:
            raise not_data(
                f"a call of {operation.name} without its rules",
                "save the tape where the function is at hand",
            )
        arguments = call.arguments
        return {
            "call": {
                "structure": self.structure(arguments.structure),
                "leaves": [self.value(leaf) for leaf in arguments.leaves],
                "places": list(arguments.places),
                "weak": [kind and kind.__name__ for kind in arguments.weak],
                "keywords": self.value(call.keywords),
                "result": self.structure(call.structure),
            }
        }

    def node(self, node: CompNode) -> dict[str, Any]:
        """Return the attributes of a node of a user's class."""
        held = {k: v for k, v in vars(node).items() if k not in ("tape", "index")}
        return {"node": {name: self.attribute(part) for name, part in held.items()}}

    def attribute(self, value: Any) -> Any:
        """Return an attribute of a node: another node, several, or plain data."""
        if isinstance(value, CompNode):
            return {"input": value.index}
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [self.attribute(part) for part in value]}
        return self.value(value)

    def value(self, value: Any) -> Any:
        """Return plain data in JSON's words."""
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is complex:
            return {"complex": [self.value(value.real), self.value(value.imag)]}
        is_numpy = is_array(value) or has_class(value, np.generic)
        if is_numpy and np.asarray(value).dtype.kind not in "OV":
            name = str(len(self.arrays))
            self.arrays[name] = np.asarray(value)
            return {"array" if kind is np.ndarray else "scalar": name}
        if isinstance(value, np.dtype) and value.kind not in "OV":
            return {"dtype": value.str}
        if isinstance(value, type) and value in NAMED.values():
            return {"class": value.__name__}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"class": f"numpy.{value.__name__}"}
        return self.container(value)

    def container(self, value: Any) -> Any:
        """Return a container of plain data."""
        kind = type(value)
        if value is Ellipsis:
            return {"ellipsis": 0}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind is Slice or kind is Placeholder:
            return {kind.__name__: [self.value(part) for part in value]}
        if kind in (tuple, list):
            return {kind.__name__: [self.value(part) for part in value]}
        if kind is dict:
            pairs = [[self.value(k), self.value(v)] for k, v in value.items()]
            return {"dict": pairs}
        if kind is tree.Leaf or kind is tree.Branch:
            return {"structure": self.structure(value)}
        if kind is Body:
            step = self.written(Writer(value.tape, self.arrays))
            return {"step": [step, value.carried, value.moving, value.again]}
        raise not_data(
            f"a {kind.__name__} as a setting",
            "pass numbers, texts and tuples of them as settings",
        )

    def type(self, like: Any) -> Any:
        """Return the type of a node."""
        if like is None:
            return None
        if type(like) is tuple:
            return {"tuple": [self.type(part) for part in like]}
        return [list(like.shape), like.dtype.str, like.weak]

    def structure(self, structure: Any) -> Any:
        """Return how arguments or results nest."""
        if structure is None or isinstance(structure, tree.Leaf):
            return "*" if structure is not None else None
        kind = structure.kind
        names = [name for name, plain in PLAIN_CLASSES.items() if plain is kind]
        carried = structure.carried
        if carried is not None and (carried.values or carried.leaves):
            raise not_data(
                f"a {kind.__name__} that has attributes besides its fields",
                "pass a plain dataclass, a named tuple, a dict, a list or a tuple",
            )
        return {
            "kind": names[0] if names else name_of(kind),
            "keys": self.value(structure.keys),
            "children": [self.structure(part) for part in structure.children],
            "setters": [] if carried is None else list(carried.setters),
        }


class Reader:
    """Reads one tape from a file; `known` is what the user handed over, by name."""

    def __init__(self, file: zipfile.ZipFile, known: dict[str, Any]) -> None:
        self.file, self.known = file, known
        #: Class and attributes of the nodes of users' classes, by index.
        self.users: dict[int, tuple[type[CompNode], dict[str, Any]]] = {}

    def tape(self, state: Any) -> Tape:
        """Return the tape of a state in JSON's words."""
        if state["format"] != FORMAT:
            raise no_tape("it says that it is something else")
        if state["version"] not in VERSIONS:
            raise no_tape(f"version {state['version']!r:.20} of the format")
        count = len(state["operations"])
        if any(len(state[k]) != count for k in ("operands", "settings", "types")):
            raise no_tape("its lists of nodes differ in length")
        nodes = [self.node(state, index) for index in range(count)]
        read = {
            "operations": [operation for operation, _ in nodes],
            "operands": [tuple(part) for part in state["operands"]],
            "settings": [settings for _, settings in nodes],
            "types": [self.type(like) for like in state["types"]],
            "lines": self.lines(state),
            "input_indices": state["input_indices"],
            "chosen_outputs": state["chosen_outputs"],
            "structure": state["structure"]
            and tuple(self.structure(part) for part in state["structure"]),
            "names": {int(index): name for index, name in state["names"].items()},
            "title": str(state.get("title", "")),
        }
        made = Tape()
        made.fill(read)
        for index in self.users:
            self.users_node(made, index)
        return admit(made)

    def lines(self, state: Any) -> list[Any]:
        """Return the lines of the nodes; those of the first version are texts."""
        if state["version"] == 1:
            return list(state["lines"])
        sources = [
            Source(file, function, first, tuple(text))
            for file, function, first, text in state["sources"]
        ]
        places = [
            Place(sources[inside(k, sources)], *where) for k, *where in state["places"]
        ]
        return [
            None if k is None else places[inside(k, places)] for k in state["lines"]
        ]

    def given(self, name: str, what: str) -> Any:
        """Return what was handed over under a name."""
        if name in self.known:
            return self.known[name]
        short = name.rpartition(".")[2]
        raise not_data(
            f"{what} {name}, which was not handed over",
            f"wengert.load(path, known={{{name!r}: {short}}})",
        )

    def node(self, state: Any, index: int) -> tuple[Any, dict[str, Any]]:
        """Return the operation and the settings of one node."""
        operation, settings = state["operations"][index], state["settings"][index]
        if type(settings) is not dict:
            raise no_tape(f"node {index} has no settings")
        if type(operation) is str:
            if not is_stated(operation):
                raise no_tape(f"node {index} is an unknown operation {operation!r:.40}")
            read = {name: self.value(part) for name, part in settings.items()}
            return REGISTRY[operation], read
        ((kind, name),) = operation.items()
        if kind == "rule":
            return self.call(self.given(name, "a call of"), settings["call"]["call"])
        if kind != "user node":
            raise no_tape(f"node {index} is of an unknown kind {kind!r:.40}")
        made = self.given(name, "a node of")
        if not (isinstance(made, type) and issubclass(made, CompNode)):
            raise not_data(
                f"a node, and {made!r:.60} was handed over for its class",
                "hand over the subclass of wengert.CompNode",
            )
        self.users[index] = made, settings["node"]
        return user_operation(made), {}  # type: ignore[arg-type]

    def call(self, function: Any, parts: Any) -> tuple[Operation, dict[str, Any]]:
        """Return operation and settings of one call of a function with rules."""
        structure = self.structure(parts["structure"])
        leaves = [self.value(leaf) for leaf in parts["leaves"]]
        rules = self.rules(function, len(structure.children))
        call = Call(rules, (), self.value(parts["keywords"]))
        arguments = call.arguments
        arguments.structure, arguments.leaves = structure, leaves
        arguments.places = parts["places"]
        arguments.weak = [name and NAMED[name] for name in parts["weak"]]
        call.structure = self.structure(parts["result"])
        setting = Setting((structure, leaves, call.keywords))
        return call.operation, {"call": setting}

    def rules(self, function: Any, count: int) -> Any:
        """Return the rules of a function that was handed over."""
        if isinstance(function, WithRule):
            return function.rules
        if isinstance(function, CustomRule) and not function.nondiff_argnums:
            return function.rules([], count)
        raise not_data(
            f"a call of a function with a rule, and {function!r:.60} was handed over",
            "hand over what wengert.rule, custom_jvp or custom_vjp returned",
        )

    def users_node(self, tape: Tape, index: int) -> None:
        """Give a tape a node of a user's class, its attributes as they were."""
        kind, parts = self.users[index]
        made = object.__new__(kind)
        for name, part in parts.items():
            made.__dict__[name] = self.attribute(tape, part)
        made.tape, made.index = tape, index
        tape._nodes[index] = made
        tape.settings[index] = {"node": made}
        tape.operands[index] = ()  # its attributes say which nodes it reads

    def attribute(self, tape: Tape, part: Any) -> Any:
        """Return an attribute of a node."""
        if type(part) is dict:
            ((kind, inner),) = part.items()
            if kind == "input":
                return tape.node(range(len(tape))[inner])
            if kind in ("list", "tuple"):
                return PLAIN_CLASSES[kind]([self.attribute(tape, p) for p in inner])
        return self.value(part)

    def value(self, part: Any) -> Any:
        """Return plain data."""
        if part is None or type(part) in (bool, int, float, str):
            return part
        if type(part) is not dict:
            raise no_tape(f"a {type(part).__name__} stands where a value belongs")
        ((kind, inner),) = part.items()
        if kind not in READ:
            raise no_tape(f"a value is of an unknown kind {kind!r:.40}")
        return READ[kind](self, inner)

    def values(self, parts: Any) -> list[Any]:
        """Return several values."""
        return [self.value(part) for part in parts]

    def array(self, name: Any) -> np.ndarray:
        """Return an array of the file."""
        data = read(self.file, f"{name}.npy", MOST_ARRAY)
        array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
        array.flags.writeable = False
        return array

    def type(self, part: Any) -> Any:
        """Return the type of a node."""
        if part is None:
            return None
        if type(part) is dict:
            return tuple(self.type(inner) for inner in part["tuple"])
        shape, dtype, weak = part
        make = Type if weak else array_type
        return make(tuple(shape), np.dtype(dtype), *([weak] if weak else []))

    def structure(self, part: Any) -> Any:
        """Return how arguments or results nest."""
        if part is None or part == "*":
            return None if part is None else tree.LEAF
        name = part["kind"]
        kind = PLAIN_CLASSES.get(name)
        if kind is None:
            kind = self.given(name, "the class")
        setters = tuple(part["setters"])
        carried = tree.Carried({}, (), setters) if setters else None
        children = tuple(self.structure(child) for child in part["children"])
        found = tree.Branch(kind, self.value(part["keys"]), children, carried)
        try_container(found)
        return found


def inside(k: Any, parts: list[Any]) -> int:
    """Return a place in a list; an error if it is none."""
    if type(k) is not int or not 0 <= k < len(parts):
        raise no_tape(f"{k!r:.20} is no place in a list of {len(parts)}")
    return k


def dtype_of(_: Reader, text: Any) -> Any:
    """Return a dtype of numbers or texts."""
    dtype = np.dtype(text)
    if type(text) is not str or dtype.kind in "OV":
        raise no_tape(f"a dtype is {text!r:.40}")
    return dtype


def class_of(_: Reader, name: Any) -> Any:
    """Return a class of numbers."""
    if name in NAMED:
        return NAMED[name]
    module, _, rest = name.partition(".")
    kind = getattr(np, rest, None) if module == "numpy" else None
    if not (isinstance(kind, type) and issubclass(kind, np.generic)):
        raise no_tape(f"a class is {name!r:.40}")
    return kind


def step_of(reader: Reader, parts: Any) -> Body:
    """Return the step of a loop."""
    state, carried, moving, again = parts
    return Body(Reader(reader.file, reader.known).tape(state), carried, moving, again)


#: How each kind of value is read.
READ: dict[str, Callable[[Reader, Any], Any]] = {
    "float": lambda _, text: float(text),
    "complex": lambda reader, parts: complex(*reader.values(parts)),
    "array": Reader.array,
    "scalar": lambda reader, name: reader.array(name)[()],
    "dtype": dtype_of,
    "class": class_of,
    "ellipsis": lambda *_: Ellipsis,
    "bytes": lambda _, text: bytes.fromhex(text),
    "Slice": lambda reader, parts: Slice(*reader.values(parts)),
    "Placeholder": lambda reader, parts: Placeholder(*reader.values(parts)),
    "tuple": lambda reader, parts: tuple(reader.values(parts)),
    "list": Reader.values,
    "dict": lambda reader, pairs: dict(map(reader.values, pairs)),
    "structure": Reader.structure,
    "step": step_of,
}
