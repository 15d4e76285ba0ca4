"""Damages what a tape is made of, anywhere, in any way; and uses what is left of it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wengert.core.operation import REGISTRY
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.ops.index import Placeholder, Slice


class Marked:
    """An object whose every use would show that code ran."""

    used = False

    def __call__(self, *_: Any, **__: Any) -> Any:
        type(self).used = True

    __bool__ = __int__ = __index__ = __call__


def recursive() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


def nested(depth: int) -> Any:
    """Return a tuple in a tuple in a tuple."""
    found: Any = ()
    for _ in range(depth):
        found = (found,)
    return found


#: What may stand anywhere instead of what belongs there.
STRANGE: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: -1,
    lambda: 0,
    lambda: 1,
    lambda: 7,
    lambda: 10**6,
    lambda: 2**63,
    lambda: -(10**30),
    lambda: True,
    lambda: 0.5,
    lambda: float("nan"),
    lambda: 1j,
    lambda: "",
    lambda: "float64",
    lambda: "x = 1\nimport os #",
    lambda: "__import__('os')",
    lambda: "</script><b>",
    lambda: b"bytes",
    lambda: (),
    lambda: (0,),
    lambda: (-1, 2),
    lambda: (10**9, 10**9),
    list,
    lambda: [0],
    dict,
    lambda: {"axis": 0},
    lambda: {0: "x; y"},
    lambda: Ellipsis,
    lambda: slice(None),
    lambda: Slice(None, None, 0),
    lambda: Slice("a", 1.5, None),  # type: ignore[arg-type]
    lambda: (Slice(0, 10**12, 1),),
    lambda: (Placeholder(0),),
    lambda: (Placeholder(99),),
    lambda: (("reshape", (("shape", (3,)),)),),
    lambda: (("nothing", ()),),
    lambda: (("sin", ()),),
    lambda: np.dtype("float32"),
    lambda: np.dtype(object),
    lambda: np.dtype("i4,f8"),
    lambda: np.array([None, 1], dtype=object),
    lambda: np.zeros((2, 2)),
    lambda: np.zeros(0),
    lambda: np.arange(3),
    lambda: Type((), np.dtype("float64")),
    lambda: Type((2, 3), np.dtype("int64")),
    lambda: Type((10**12,), np.dtype("float64")),
    lambda: Type((-1,), np.dtype("float64")),
    lambda: Type((), np.dtype("float64"), weak=True),
    lambda: Type("ab", "f8"),  # type: ignore[arg-type]
    lambda: REGISTRY["sin"],
    lambda: REGISTRY["guard"],
    lambda: REGISTRY["getitem"],
    lambda: print,
    lambda: int,
    lambda: dict,
    Marked,
    lambda: Marked,
    recursive,
    lambda: nested(5),
    lambda: nested(2000),
)


def damaged(value: Any, draw: random.Random, depth: int = 0) -> Any:
    """Return a value of which one part, drawn at random, is another."""
    parts = list(parts_of(value))
    if not parts or depth > 12 or draw.random() < 0.15:
        return replaced(value, draw)
    place, part = draw.choice(parts)
    how = draw.random()
    if how < 0.07:
        return without(value, place)
    if how < 0.12:
        return put(value, place, draw.choice(parts)[1])
    return put(value, place, damaged(part, draw, depth + 1))


def replaced(value: Any, draw: random.Random) -> Any:
    """Return something else, often of the same kind."""
    if type(value) is int and draw.random() < 0.5:
        return value + draw.choice((-100, -2, -1, 1, 2, 100))
    if type(value) is str and draw.random() < 0.3:
        return value + draw.choice(("x", " ", "\n", "'"))
    if type(value) is bool and draw.random() < 0.5:
        return not value
    return draw.choice(STRANGE)()


def parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give places and parts of a container."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def put(value: Any, place: Any, part: Any) -> Any:
    """Return a container with another part at a place."""
    if isinstance(value, dict):
        return {**value, place: part}
    found = [*value[:place], part, *value[place + 1 :]]
    return rebuilt(value, found)


def without(value: Any, place: Any) -> Any:
    """Return a container without a part, or with one part twice."""
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k != place}
    return rebuilt(value, [*value[:place], *value[place + 1 :]])


def rebuilt(value: Any, parts: list[Any]) -> Any:
    """Return parts in a container like another."""
    if isinstance(value, list):
        return parts
    if hasattr(value, "_fields") and len(parts) == len(value._fields):
        return type(value)(*parts)
    return tuple(parts)


#: Everything that a tape is good for.
USES: dict[str, Callable[[Tape, tuple[Any, ...]], Any]] = {
    "verify": lambda tape, _: tape.verify(),
    "str": lambda tape, _: str(tape),
    "repr": lambda tape, _: repr(tape),
    "call": lambda tape, args: tape(*args),
    "forward": lambda tape, _: tape.forward(),
    "gradient": lambda tape, _: tape.gradient(),
    "grad_tape": lambda tape, args: tape.grad_tape()(*args),
    "tangent_tape": lambda tape, _: tape.tangent_tape(),
    "compile": lambda tape, args: tape.compile()(*args),
    "to_numpy": lambda tape, _: compile(tape.to_numpy(), "source", "exec"),
    "to_html": lambda tape, _: tape.to_html(),
    "fingerprint": lambda tape, _: tape.fingerprint(),
    "nodes": lambda tape, _: [(node, node.inputs) for node in tape.computations],
}


def use(tape: Tape, args: tuple[Any, ...], names: Any = USES) -> dict[str, Exception]:
    """Use a tape in every way; return the errors, by use."""
    errors = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name in names:
            try:
                USES[name](tape, args)
            except Exception as error:
                errors[name] = error
    return errors
