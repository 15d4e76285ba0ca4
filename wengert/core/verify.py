"""What a legal tape is, and the fingerprint of one.

A tape that was built in this process is checked on request; one that was loaded, or
unpickled, is checked before anything else is done with it.
"""

from __future__ import annotations

import hashlib
import inspect
import keyword
import os
from dataclasses import is_dataclass
from functools import lru_cache
from types import CodeType, EllipsisType
from typing import Any

import numpy as np

from wengert.core.guards import QUESTIONS
from wengert.core.operation import REGISTRY, Operation
from wengert.core.repetitions import COLUMNS, RepeatedColumn
from wengert.core.sources import is_readable
from wengert.core.tape import CONSTANT, GUARD, INPUT, CompNode, Tape
from wengert.core.types import Type, has_class, is_array
from wengert.errors import Place, Source, TapeError, explain

#: What a setting is made of, besides tuples of it.
ATOMS = (type(None), bool, int, float, complex, str, bytes, EllipsisType)
#: Tuples inside tuples in a setting, containers inside containers in an argument.
DEEPEST, DEEPEST_STRUCTURE = 20, 320
#: One past the number of a file's last line.
MOST_LINES = 10**9
#: First letters of NumPy's names of the types of numbers.
NUMBERS = "biufc"


def verify(tape: Tape) -> None:
    """Raise `TapeError` unless every node is legal.

    Operands come before their node; their number and the settings fit the operation;
    settings are plain data; types are those of numbers, and fit into memory; inputs and
    outputs are nodes of this tape; names are names.
    """
    if not all(type(getattr(tape, name)) in (list, RepeatedColumn) for name in COLUMNS):
        raise illegal("a part of the tape that lists its nodes is no list")
    count = len(tape)
    for name in COLUMNS:
        if len(getattr(tape, name)) != count:
            raise illegal(f"{len(getattr(tape, name))} {name} for {count} nodes")
    tape.resolve()
    for index in range(count):
        verify_node(tape, index)
        verify_type(tape.types[index], f"node {index}")
    verify_lines(tape)
    chosen = tape.chosen_outputs
    for part in (tape.input_indices, [] if chosen is None else chosen):
        if type(part) is not list:
            raise illegal("inputs or outputs are no list")
    for index in (*tape.input_indices, *tape.output_indices):
        if type(index) is not int or not 0 <= index < count:
            raise illegal(f"node {index!r} is an input or output of {count} nodes")
    verify_inputs(tape)
    verify_results(tape)
    verify_names(tape)
    verify_structure(tape)


def verify_node(tape: Tape, index: int) -> None:
    """Raise `TapeError` unless one node is legal."""
    operation, operands = tape.operations[index], tape.operands[index]
    if type(operation) is not Operation:
        raise illegal(f"node {index} has no operation")
    name = operation.name
    if type(operands) is not tuple:
        raise illegal(f"the operands of node {index} ({name}) are no tuple")
    for operand in operands:
        if type(operand) is not int or not 0 <= operand < index:
            raise illegal(f"node {index} ({name}) reads node {operand!r}")
    if operation in (INPUT, CONSTANT) and operands:
        raise illegal(f"node {index} ({name}) has operands")
    low, high = known(operand_counts, operation)
    if not low <= len(operands) <= high:
        needed = low if low == high else f"{low} or more"
        raise illegal(
            f"node {index} ({name}) has {len(operands)} operands, not {needed}"
        )
    verify_settings(tape, index)


def known(question: Any, operation: Operation) -> Any:
    """Return an answer about an operation; those of a user's calls are not kept."""
    asked = question if operation.is_registered else question.__wrapped__
    return asked(operation)


@lru_cache(maxsize=4096)
def operand_counts(operation: Operation) -> tuple[int, float]:
    """Return the least and the greatest number of operands of an operation."""
    if operation in (INPUT, CONSTANT):
        return 0, 0
    if operation is GUARD:
        return 1, 1
    arity = len(operation.partials) or len(operation.transposes)
    if arity:
        return arity, arity
    low, high = 0, 0.0
    for parameter in parameters_of(operation):
        if parameter.kind is parameter.VAR_POSITIONAL:
            high = float("inf")
        elif parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            low, high = low + (parameter.default is parameter.empty), high + 1
    return low, high


def parameters_of(operation: Operation) -> list[inspect.Parameter]:
    """Return the parameters of an operation; any are allowed where it has none."""
    try:
        return list(inspect.signature(operation.function).parameters.values())
    except (TypeError, ValueError):
        return [
            inspect.Parameter("operands", inspect.Parameter.VAR_POSITIONAL),
            inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD),
        ]


@lru_cache(maxsize=4096)
def setting_names(operation: Operation) -> tuple[frozenset[str], frozenset[str] | None]:
    """Return which settings an operation needs, and which it takes; None: any."""
    if operation is INPUT:
        return frozenset(), frozenset({"name"})
    if operation is CONSTANT:
        return frozenset({"value"}), frozenset({"value"})
    if operation is GUARD:
        return frozenset({"kind", "expected"}), None
    named = [p for p in parameters_of(operation) if p.kind is not p.VAR_POSITIONAL]
    takes = {p.name for p in named if p.kind is not p.VAR_KEYWORD}
    needs = {p.name for p in named if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    is_open = any(p.kind is p.VAR_KEYWORD for p in named)
    return frozenset(needs), None if is_open else frozenset(takes)


def verify_settings(tape: Tape, index: int) -> None:
    """Raise `TapeError` unless one node's settings are those of its operation."""
    operation, settings = tape.operations[index], tape.settings[index]
    name = operation.name
    if not has_class(settings, dict) or not all(type(k) is str for k in settings):
        raise illegal(f"the settings of node {index} ({name}) are no named values")
    needs, takes = known(setting_names, operation)
    if operation is CONSTANT and "value" not in settings:
        raise illegal(f"node {index} is a constant without a value")
    missing = needs - settings.keys()
    more = settings.keys() - (settings if takes is None else takes)
    if operation is CONSTANT:
        verify_constant(settings["value"], index)
    elif operation is GUARD and not missing:
        verify_guard(settings, index)
    elif operation is not GUARD:
        for key, value in settings.items():
            if not is_plain(value):
                raise illegal(
                    f"setting {key} of node {index} ({name}) is not plain "
                    f"hashable data: {type(value).__name__}"
                )
    if "chain" in settings:
        verify_chain(settings["chain"], index)
    check = getattr(operation.form, "check", None)
    if check is not None and not (missing or more):
        wrong = check(tape, index)
        if wrong:
            raise illegal(f"node {index} ({name}): {wrong}")
    if missing or more:
        what = f"lacks {min(missing)}" if missing else f"has a setting {min(more)!r}"
        raise illegal(f"node {index} ({name}) {what}")


def verify_constant(value: Any, index: int) -> None:
    """Raise `TapeError` unless a value is a number, or an array without objects."""
    if type(value) in (bool, int, float, complex):
        return
    is_numpy = is_array(value) or has_class(value, np.generic)
    if is_numpy and np.asarray(value).dtype.kind not in "OV":
        return
    raise illegal(f"constant {index} is a {type(value).__name__}, not numbers")


def verify_guard(settings: dict[str, Any], index: int) -> None:
    """Raise `TapeError` unless a guard asks a known question and expects an answer."""
    kind = settings["kind"]
    if type(kind) is not str or kind not in QUESTIONS:
        raise illegal(f"guard {index} asks an unknown question {kind!r:.40}")
    expected = settings["expected"]
    if not is_plain(expected) or expected is None:
        raise illegal(f"guard {index} expects a {type(expected).__name__}")


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a setting is plain data: hashable, and of types that hold no code."""
    kind = type(value)
    if kind.__name__ == "Slice" and has_class(value, tuple):
        return all(type(part) in (int, type(None)) for part in value)
    if kind is tuple or (has_class(value, tuple) and hasattr(kind, "_fields")):
        return depth < DEEPEST and all(is_plain(part, depth + 1) for part in value)
    if kind in ATOMS or has_class(value, (np.dtype, np.bool_, np.number)):
        return True
    if has_class(value, type):
        return issubclass(value, (bool, int, float, complex, np.generic))
    return is_users_setting(value)


def is_users_setting(value: Any) -> bool:
    """Whether a setting is what a rule, a checkpoint or a user's node class keeps."""
    module = type(value).__module__.partition(".")[0]
    return module == "wengert" or has_class(value, CompNode)


@lru_cache(maxsize=1)
def memory() -> int:
    """Return the bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 40


def verify_type(like: Any, what: str) -> None:
    """Raise `TapeError` unless a type is one of numbers, several, or none."""
    if like is None:
        return
    if type(like) is tuple:
        for part in like:
            if type(part) is not Type:
                raise illegal(f"the type of {what} is no type")
            verify_type(part, what)
        return
    if type(like) is not Type or not has_class(like.dtype, np.dtype):
        raise illegal(f"the type of {what} is no type")
    shape = like.shape
    if type(shape) is not tuple or any(type(n) is not int or n < 0 for n in shape):
        raise illegal(f"the shape of {what} is {shape!r:.60}")
    if like.dtype.kind in "OV" or type(like.weak) is not bool:
        raise illegal(f"the type of {what} is {like.dtype}, weak {like.weak!r:.20}")
    size = like.dtype.itemsize
    for length in shape:
        size *= length
    if size > memory() or len(shape) > 64:
        raise illegal(f"{what} has the shape {shape!r:.60}, more than the memory holds")


def verify_lines(tape: Tape) -> None:
    """Raise `TapeError` unless lines are those of code, or places in sources."""
    known: dict[int, Any] = {}
    for index, line in enumerate(tape.lines):
        if line is None or known.get(id(line)) is line:
            continue
        if type(line) is Place:
            if known.get(id(line.source)) is not line.source:
                verify_source(line.source, index)
                known[id(line.source)] = line.source
            verify_place(line, index)
        elif not is_code_line(line):
            raise illegal(f"the line of node {index} is {line!r:.60}")
        known[id(line)] = line


def is_code_line(line: Any) -> bool:
    """Whether a line is the place of an instruction in code."""
    if type(line) is not tuple or len(line) != 2:
        return False
    return type(line[0]) is CodeType and type(line[1]) is int


def verify_place(place: Place, index: int) -> None:
    """Raise `TapeError` unless a place lies in its source."""
    _, number, start, stop = place
    if not all(type(part) is int for part in (number, start, stop)):
        raise illegal(f"the line of node {index} is at {(number, start, stop)!r:.60}")
    source = place.source
    is_known = 0 <= number - source.first < len(source.text)
    width = len(source.text[number - source.first]) if is_known else -1
    is_inside = (start, stop) == (-1, -1) or 0 <= start <= stop <= width
    if not (0 <= number < MOST_LINES and is_inside and (is_known or not source.text)):
        raise illegal(f"the line of node {index} is outside of its source")


def verify_source(source: Any, index: int) -> None:
    """Raise `TapeError` unless a stretch of source is one, and prints as one."""
    if type(source) is not Source or type(source.text) is not tuple:
        raise illegal(f"the source of node {index} is a {type(source).__name__}")
    texts = source.file, source.function, *source.text
    if not all(type(text) is str and is_readable(text) for text in texts):
        raise illegal(f"the source of node {index} holds what does not print")
    if type(source.first) is not int or not 0 < source.first < MOST_LINES:
        raise illegal(f"the source of node {index} begins at {source.first!r:.20}")


def verify_inputs(tape: Tape) -> None:
    """Raise `TapeError` unless a recorded tape lists each of its inputs once."""
    inputs = [k for k, operation in enumerate(tape.operations) if operation is INPUT]
    listed = sorted(tape.input_indices)
    if tape.structure is None:
        if len(set(listed)) < len(listed) or not set(inputs) <= set(listed):
            raise illegal(f"the inputs are {inputs}, and {listed} are listed")
    elif inputs != listed:
        raise illegal(f"the inputs are {inputs}, and {listed} are listed")


def verify_results(tape: Tape) -> None:
    """Raise `TapeError` unless every result that is read is one value.

    Several results are read by projections only; a guard has none.
    """
    types, operations = tape.types, tape.operations
    if tape.structure is not None and any(like is None for like in types):
        raise illegal("a recorded tape has a node without a type")
    for index, operands in enumerate(tape.operands):
        is_projection = operations[index].name == "item"
        for operand in operands:
            if type(types[operand]) is tuple and not is_projection:
                raise illegal(f"node {index} reads all results of node {operand}")
            if operations[operand] is GUARD:
                raise illegal(f"node {index} reads guard {operand}")
    for index in tape.output_indices:
        if type(types[index]) is tuple or operations[index] is GUARD:
            raise illegal(f"output {index} is no value")


def verify_chain(chain: Any, index: int) -> None:
    """Raise `TapeError` unless a chain of views is one, each with its settings."""
    for part in chain if type(chain) is tuple else (chain,):
        is_step = type(part) is tuple and len(part) == 2 and type(part[0]) is str
        operation = REGISTRY.get(part[0]) if is_step else None
        if operation is None or not operation.view or type(part[1]) is not tuple:
            raise illegal(f"node {index} writes through no view: {part!r:.60}")
        pairs = [pair for pair in part[1] if type(pair) is tuple and len(pair) == 2]
        names = {name for name, _ in pairs if type(name) is str}
        needs, takes = known(setting_names, operation)
        if len(names) < len(part[1]) or not needs <= names <= (takes or names):
            raise illegal(f"node {index} writes through a view with {part[1]!r:.60}")


def verify_names(tape: Tape) -> None:
    """Raise `TapeError` unless the names of nodes and inputs are names."""
    names = tape.names
    if names is not None and type(names) is not dict:
        raise illegal("the names of the nodes are no dictionary")
    for index, name in (names or {}).items():
        if type(index) is not int or not is_name(name):
            raise illegal(f"node {index!r:.20} is named {name!r:.60}")
    for index, operation in enumerate(tape.operations):
        name = tape.settings[index].get("name", "") if operation is INPUT else ""
        if type(name) is not str or not name.isprintable():
            raise illegal(f"input {index} is named {name!r:.60}")


def is_name(name: Any) -> bool:
    """Whether a name can stand in a program."""
    return type(name) is str and name.isidentifier() and not keyword.iskeyword(name)


def verify_structure(tape: Tape) -> None:
    """Raise `TapeError` unless arguments and results nest as their nodes do."""
    structure = tape.structure
    if structure is None:
        return
    if type(structure) is not tuple or len(structure) != 2:
        raise illegal("the structure of arguments and results is no pair")
    counts = len(tape.input_indices), len(tape.output_indices)
    if type(structure[0]).__name__ != "Branch" or structure[0].kind is not tuple:
        raise illegal("the structure of the arguments is no tuple")
    for part, count, what in zip(
        structure, counts, ("arguments", "results"), strict=True
    ):
        if leaves_of(part, 0) != count:
            raise illegal(f"the {what} nest otherwise than {count} values")


def leaves_of(structure: Any, depth: int) -> int:
    """Return the number of leaves of a structure."""
    children = getattr(structure, "children", ())
    if (
        type(structure).__name__ not in ("Leaf", "Branch")
        or type(children) is not tuple
    ):
        raise illegal(f"a structure holds a {type(structure).__name__}")
    if type(structure).__name__ == "Leaf":
        return 1
    if not has_class(structure.kind, type) or depth > DEEPEST_STRUCTURE:
        raise illegal("a structure is of no class, or nests too deep")
    verify_keys(structure)
    return sum(leaves_of(child, depth + 1) for child in children)


def verify_keys(structure: Any) -> None:
    """Raise `TapeError` unless the parts of a container are found as its class says."""
    keys, kind, children = structure.keys, structure.kind, structure.children
    name = kind.__name__
    if not (issubclass(kind, CONTAINERS) or kind.__flags__ & WRITTEN_IN_PYTHON):
        raise illegal(f"a structure is of {name}, which is no container")
    if not is_hashable(keys) or type(structure.carried).__name__ not in CARRIED:
        raise illegal(f"the structure of a {name} is not plain data")
    if issubclass(kind, dict) or is_dataclass(kind):
        more = 0 if structure.carried is None else len(structure.carried.leaves)
        if type(keys) is not tuple or len(keys) + more != len(children):
            raise illegal(f"the structure of a {name} has other keys than values")
        if is_dataclass(kind) and not all(map(is_name, keys)):
            raise illegal(f"a field of a {name} is no name")
    elif issubclass(kind, (list, tuple, type(None))) and keys is not None:
        raise illegal(f"the structure of a {name} has keys")
    elif children and kind is type(None):
        raise illegal("the structure of None has parts")


#: Classes in C that arguments nest in; `Py_TPFLAGS_HEAPTYPE` marks a user's class.
CONTAINERS, WRITTEN_IN_PYTHON = (dict, list, tuple, type(None)), 1 << 9
#: What a structure has for attributes besides items and fields (`capture.tree`).
CARRIED = ("NoneType", "Carried")


def is_hashable(value: Any) -> bool:
    """Whether a value can be a key."""
    try:
        hash(value)
    except (TypeError, RecursionError):
        return False
    return True


def illegal(what: str, cause: str = "") -> TapeError:
    """Return the error of an illegal tape."""
    return TapeError(
        explain(
            what,
            cause or "a tape lists every node after the nodes that it reads",
            "build tapes with node classes or wengert.record",
        )
    )


def fingerprint(tape: Tape) -> str:
    """Return a stable hash: operations by name, settings, constants by content."""
    tape.resolve()
    digest = hashlib.sha256()
    for index, operation in enumerate(tape.operations):
        digest.update(f"{operation.name}{tape.operands[index]}".encode())
        for name, value in sorted(tape.settings[index].items()):
            digest.update(name.encode())
            digest.update(content(value))
        digest.update(str(tape.types[index]).encode())
    digest.update(f"{tape.input_indices}{tape.output_indices}".encode())
    return digest.hexdigest()


def content(value: Any) -> bytes:
    """Return the bytes that stand for a setting."""
    if is_array(value):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    if has_class(value, np.generic):
        return f"{value.dtype}".encode() + value.tobytes()
    if type(value) is dict:
        value = [*value.items()]
    if type(value) is frozenset:
        return b"frozenset" + b"".join(sorted(map(content, value)))
    if type(value) in (tuple, list):  # a text of it would leave out much of an array
        parts = [content(x) for x in value]
        return f"{type(value).__name__}{len(parts)}".encode() + b"".join(parts)
    own = getattr(type(value), "content", None)
    if own is not None:  # the step of a loop
        return bytes(own(value))
    return f"{type(value).__name__}:{value!r}".encode()
