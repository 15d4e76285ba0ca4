"""Access paths in bytecode: what a code object reads from outside its arguments.

The instructions are read once, in a line: a load of a global, of a cell or of a local
name starts an access path, which attributes and constant keys continue.  What happens
to the value at the end of a path is not followed: it counts as used as a whole.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from wengert.capture.reads.expressions import Known, Span, Uses, find_uses
from wengert.core.types import has_class
from wengert.errors import Line

#: ``("attribute", name)`` or ``("item", key)``.
Step = tuple[str, Any]
#: ``("global", name)``, ``("name", a local name or a cell)``, or ``("super", the name
#: of the object)``.
Root = tuple[str, str]
SKIPPED = frozenset({"EXTENDED_ARG", "CACHE", "NOP", "RESUME", "PRECALL"})
LOCAL = "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"
CELL = "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"
GLOBAL = "LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"
STORE = (
    "STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL",
    "DELETE_FAST", "DELETE_DEREF", "DELETE_NAME", "DELETE_GLOBAL",
)  # fmt: skip
KEYS = (str, int, float, bool, bytes, tuple, type(None))


@dataclass(frozen=True, slots=True)
class Access:
    """One access path in a code object.

    Attributes
    ----------
    root, steps : where it starts, and the attributes and keys that follow
    is_called : bool
        Whether the value at the end is called, and not used otherwise.
    line : the code object and the instruction of the load
    consumer : (int, int) or None
        First and last offset (bytes) of the instruction that uses the value.
    is_repeated : bool
        Whether one call of the code may come here more than once.
    is_store : bool
        Whether the place that the path names is written, or deleted.
    """

    root: Root
    steps: tuple[Step, ...]
    is_called: bool
    line: Line
    consumer: tuple[int, int] | None
    is_repeated: bool
    is_store: bool = False


class Analysis(NamedTuple):
    """What a code object reads, the same for equal ones: accesses, names for paths.

    `spans` are the tokens of its access paths, `kept` the local names that are written
    once, `loops` first and last offset of every loop, `imports` what it imports into
    local names.
    """

    accesses: tuple[Access, ...]
    aliases: dict[str, Access]
    stored: frozenset[str]
    writes_text: bool
    spans: dict[int, Span]
    kept: frozenset[str]
    loops: tuple[tuple[int, int], ...]
    imports: tuple[Import, ...]


class Import(NamedTuple):
    """One import statement: what a local name stands for."""

    name: str
    level: int
    module: str
    attribute: str | None


class Token(NamedTuple):
    """One instruction in the words of this module."""

    kind: str
    value: Any
    is_call: bool
    offset: int
    raw: dis.Instruction


@lru_cache(maxsize=4096)
def analyse(code: CodeType) -> Analysis:
    """Return the access paths of a code object."""
    tokens = tokenise(code)
    loops = backward_jumps(tokens)
    stores = count_stores(code, tokens)
    parameters = code.co_varnames[
        : code.co_argcount
        + code.co_kwonlyargcount
        + bool(code.co_flags & 0x04)
        + bool(code.co_flags & 0x08)
    ]
    is_body = not code.co_flags & inspect.CO_OPTIMIZED
    accesses: list[Access] = []
    aliases: dict[str, Access] = {}
    spans: dict[int, Span] = {}
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "store" and is_outside(code, token):
            accesses.append(written(code, token))
        if token.kind != "root":
            at += 1
            continue
        if token.value == ("global", "super"):
            access, at = parent(code, tokens, at)
            accesses.append(access)
            continue
        access, after = chain(code, tokens, at, loops)
        following = tokens[after] if after < len(tokens) else None
        spans[at], at, start = Span(after), after, at
        if following is not None and following.kind == "store_attribute":
            step = ("attribute", following.value)
            steps = (*access.steps, step)
            access = replace(access, steps=steps, is_called=False, is_store=True)
        elif following is not None and following.kind == "store" and not is_body:
            name = following.value
            single = stores.get(name) == 1 and name not in parameters
            if single and not access.is_called and not is_outside(code, following):
                aliases[name] = access
                continue
        is_copied = any(part.kind == "copy" for part in tokens[start:after])
        if not (access.is_store or is_copied):
            spans[start] = Span(after, len(accesses))
        accesses.append(access)

    closed = {*parameters, *code.co_cellvars}
    kept = {name for name, count in stores.items() if count == 1} - closed
    writes_text = any(token.raw.opname.startswith("FORMAT_") for token in tokens)
    return Analysis(
        tuple(accesses),
        aliases,
        frozenset(stores),
        writes_text,
        spans,
        frozenset() if is_body else frozenset(kept),
        tuple(loops),
        imports(tokens),
    )


def uses(code: CodeType, reads: Collection[int], known: Mapping[int, Known]) -> Uses:
    """Return what takes what is computed of some reads, by number.

    `known` are the functions that code calls, by number of the read.
    """
    analysis = analyse(code)

    def effect(token: Token) -> tuple[int, int] | None:
        return stack_effect(token.raw)

    tokens = tokenise(code)
    return find_uses(tokens, analysis.spans, reads, known, analysis.kept, effect)


def is_outside(code: CodeType, token: Token) -> bool:
    """Whether a store writes to a global or to a cell of an enclosing function."""
    name = token.raw.opname
    if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
        return True
    return name in ("STORE_DEREF", "DELETE_DEREF") and token.value in code.co_freevars


def written(code: CodeType, token: Token) -> Access:
    """Return the access of a global or of a cell that is written."""
    kind = "name" if token.raw.opname.endswith("DEREF") else "global"
    line = code, token.offset
    return Access((kind, token.value), (), False, line, None, True, is_store=True)


def parent(code: CodeType, tokens: list[Token], at: int) -> tuple[Access, int]:
    """Return the access of ``super().name``, and the token after it."""
    first = code.co_varnames[0] if code.co_argcount else ""
    steps: tuple[Step, ...] = ()
    after = at + 1
    for k in range(after, min(at + 6, len(tokens))):
        if tokens[k].kind == "attribute":
            steps, after = (("attribute", tokens[k].value),), k + 1
            break
    line = code, tokens[at].offset
    return Access(("super", first), steps, True, line, None, True), after


def tokenise(code: CodeType) -> list[Token]:
    """Return the instructions of a code object as tokens."""
    tokens: list[Token] = []
    closed = set(code.co_cellvars) | set(code.co_freevars)
    for step in dis.get_instructions(code):
        if step.opname not in SKIPPED:
            tokens.extend(
                Token(kind, value, is_call, step.offset, step)
                for kind, value, is_call in words(step, closed)
            )
    return tokens


def words(step: dis.Instruction, closed: set[str]) -> list[tuple[str, Any, bool]]:
    """Return what one instruction says, in one or two tokens."""
    name, value = step.opname, step.argval
    if name in GLOBAL:
        return [("root", ("global", value), "NULL" in step.argrepr)]
    if name in CELL:
        return [("root", ("name", value), False)]
    if name in LOCAL:
        # Python 3.13 loads the cells of an inner function like locals.
        return [("other", None, False)] if value in closed else [local(value)]
    if name.startswith("LOAD_FAST_") and isinstance(value, tuple):
        return [local(part) for part in value]
    if name == "STORE_FAST_LOAD_FAST":
        return [("store", value[0], False), local(value[1])]
    if name == "STORE_FAST_STORE_FAST":
        return [("store", part, False) for part in value]
    if name in STORE:
        return [("store", value, False)]
    if name in ("STORE_ATTR", "DELETE_ATTR"):
        return [("store_attribute", value, False)]
    if name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
        is_call = name == "LOAD_METHOD" or "NULL" in step.argrepr
        return [("attribute", value, is_call)]
    if name in ("LOAD_CONST", "LOAD_SMALL_INT"):
        return [("constant", value, False)]
    if name == "BINARY_SUBSCR" or (name == "BINARY_OP" and step.argrepr == "[]"):
        return [("subscript", None, False)]
    if name == "COPY" and step.arg == 1:
        return [("copy", None, False)]
    if name == "IMPORT_NAME":
        return [("import", value, False)]
    if name == "IMPORT_FROM":
        return [("from", value, False)]
    return [(OTHERS.get(name, "other"), None, False)]


#: Whether the empty place beside a callable is pushed after it, and not before.
NULL_FOLLOWS = sys.version_info >= (3, 13)
OTHERS = {"PUSH_NULL": "null"}


def local(name: str) -> tuple[str, Any, bool]:
    """Return the token of a load of a local name."""
    return "root", ("name", name), False


def chain(
    code: CodeType, tokens: list[Token], at: int, loops: list[tuple[int, int]]
) -> tuple[Access, int]:
    """Return the access path that starts at a token, and the token after it."""
    first = tokens[at]
    steps: list[Step] = []
    is_called = first.is_call or (
        not NULL_FOLLOWS and at > 0 and tokens[at - 1].kind == "null"
    )
    after, last = at + 1, at
    while after < len(tokens):
        token = tokens[after]
        following = tokens[after + 1] if after + 1 < len(tokens) else None
        if token.kind == "attribute":
            steps.append(("attribute", token.value))
            last, after = after, after + 1
            if token.is_call:
                is_called = True
                break
        elif token.kind == "copy" and following and following.kind == "attribute":
            after += 1
        elif (
            token.kind == "constant"
            and following
            and following.kind == "subscript"
            and has_class(token.value, KEYS)
        ):
            steps.append(("item", token.value))
            last, after = after + 1, after + 2
        else:
            break
    if NULL_FOLLOWS and after < len(tokens) and tokens[after].kind == "null":
        is_called = True
    repeated = any(start <= first.offset <= end for start, end in loops)
    access = Access(
        first.value,
        tuple(steps),
        is_called,
        (code, first.offset),
        consumer(tokens, last),
        repeated,
    )
    return access, after


#: How many values an instruction takes and gives, for those that may come between the
#: load of an array and its use.
EFFECTS = {
    "BINARY_OP": (2, 1),
    "BINARY_SUBSCR": (2, 1),
    "COMPARE_OP": (2, 1),
    "UNARY_NEGATIVE": (1, 1),
    "LOAD_ATTR": (1, 1),
    "LOAD_METHOD": (1, 2),
    "PUSH_NULL": (0, 1),
    "KW_NAMES": (0, 0),
}


def consumer(tokens: list[Token], at: int) -> tuple[int, int] | None:
    """Return the offsets of the instruction that uses what a token put there."""
    above = 0
    for k in range(at + 1, len(tokens)):
        step = tokens[k].raw
        effect = stack_effect(step)
        if effect is None:
            return None
        takes, gives = effect
        if takes > above:
            end = tokens[k + 1].offset - 1 if k + 1 < len(tokens) else step.offset + 1
            return step.offset, end
        above += gives - takes
    return None


def stack_effect(step: dis.Instruction) -> tuple[int, int] | None:
    """Return how many values an instruction takes and gives; None where not known."""
    name, count = step.opname, step.arg or 0
    is_call = "NULL" in step.argrepr
    if name in EFFECTS:
        takes, gives = EFFECTS[name]
        return takes, gives + (is_call and name == "LOAD_ATTR")
    if name in ("CALL", "CALL_KW"):
        return count + 2 + (name == "CALL_KW"), 1
    if name in ("BUILD_TUPLE", "BUILD_LIST"):
        return count, 1
    if name in GLOBAL:
        return 0, 1 + is_call
    if name in CELL or name in LOCAL or name in ("LOAD_CONST", "LOAD_SMALL_INT"):
        return 0, 1
    if name.startswith("LOAD_FAST_") and isinstance(step.argval, tuple):
        # Two tokens share the instruction; each counts its own value.
        return 0, 1
    return None


def backward_jumps(tokens: list[Token]) -> list[tuple[int, int]]:
    """Return first and last offset of every loop."""
    return [
        (token.raw.argval, token.offset)
        for token in tokens
        if "JUMP_BACKWARD" in token.raw.opname
    ]


def inner_codes(code: CodeType) -> list[CodeType]:
    """Return the code of the functions that a code object makes."""
    return [part for part in code.co_consts if isinstance(part, CodeType)]


def count_stores(code: CodeType, tokens: list[Token]) -> dict[str, int]:
    """Return how often each name is written, by inner functions too."""
    counts: dict[str, int] = {}
    for token in tokens:
        if token.kind == "store" and not token.raw.opname.endswith("GLOBAL"):
            counts[token.value] = counts.get(token.value, 0) + 1
        elif token.raw.opname == "LOAD_FAST_AND_CLEAR":
            counts[token.raw.argval] = counts.get(token.raw.argval, 0) + 2
    for part in inner_codes(code):
        for name in analyse(part).stored & set(part.co_freevars):
            counts[name] = counts.get(name, 0) + 2
    return counts


def imports(tokens: list[Token]) -> tuple[Import, ...]:
    """Return what a code object imports into local names."""
    found: list[Import] = []
    for k, token in enumerate(tokens):
        if token.kind != "import":
            continue
        level, names, module = (
            tokens[k - 2].value or 0,
            tokens[k - 1].value,
            token.value,
        )
        following = tokens[k + 1 :]
        if names:
            pairs = zip(following[::2], following[1::2], strict=False)
            for source, target in itertools.islice(pairs, len(names)):
                found.append(Import(target.value, level, module, source.value))
        elif following[0].kind == "store":
            top = module.partition(".")[0]
            found.append(Import(following[0].value, level, top, None))
        else:
            target = next(part for part in following if part.kind == "store")
            found.append(Import(target.value, level, module, None))
    return tuple(found)


def repeated_codes(
    calls: dict[CodeType, list[tuple[CodeType | None, bool]]],
) -> set[CodeType]:
    """Return the code that may run more than once in one call of the function."""
    repeated = {
        code
        for code, callers in calls.items()
        if len(callers) > 1 or any(again for _, again in callers)
    }
    size = -1
    while size != len(repeated):
        size = len(repeated)
        for code, callers in calls.items():
            if any(caller in repeated for caller, _ in callers):
                repeated.add(code)
    return repeated
