"""One call of a function that becomes one node: its arguments as operands, its result.

Recorded values and arrays among the arguments become operands; everything else (Python
numbers, strings, keywords, objects) is a setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.captures import Captures
from wengert.capture.record import SetAside
from wengert.core.tape import CONSTANT
from wengert.core.types import Recorded, Type, has_class, is_array, type_of
from wengert.errors import RuleError, explain

NUMBERS = (bool, int, float, complex, np.generic)


class Setting:
    """The part of a call that is not an operand: equal and hashable as plain data."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.text = describe(value)

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return [self.text, self.value]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return (loaded_setting, (self.text,))  # a pickled tape carries no code


def loaded_setting(text: str) -> Setting:
    """Return a setting that was loaded: its text without its value."""
    setting = Setting(None)
    setting.text = text
    return setting


def describe(value: Any) -> str:
    """Return a text for a setting that is the same in every process."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(describe(part) for part in value)})"
    if isinstance(value, dict):
        pairs = (f"{key!r}: {describe(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if value is None or has_class(value, (*NUMBERS, str, bytes)):
        return repr(value)
    name = getattr(value, "__qualname__", None)
    kind = type(value)
    return name or f"{kind.__module__}.{kind.__qualname__}"


def is_operand(leaf: Any) -> bool:
    """Whether a leaf of the arguments becomes an operand."""
    return has_class(leaf, (Recorded, np.ndarray))


class Arguments:
    """How the arguments of one call nest, and which of their leaves are operands."""

    __slots__ = ("leaves", "places", "structure", "weak")

    def __init__(self, args: Any) -> None:
        leaves, self.structure = tree.flatten(args)
        self.places = [k for k, leaf in enumerate(leaves) if is_operand(leaf)]
        #: Python's type of an operand that is a recorded Python number.
        self.weak = [weak_kind(leaves[k]) for k in self.places]
        self.leaves = [None if is_operand(leaf) else leaf for leaf in leaves]

    def fill(self, operands: Sequence[Any]) -> Any:
        """Return the arguments with operands in their places."""
        leaves = list(self.leaves)
        for k, operand, kind in zip(self.places, operands, self.weak, strict=False):
            if kind is not None and has_class(operand, np.generic):
                operand = kind(operand)
            leaves[k] = operand
        return tree.unflatten(self.structure, leaves)

    def fill_tangents(self, tangents: Sequence[Any], operands: Sequence[Any]) -> Any:
        """Return tangents nested as the arguments, zeros where there is none."""
        leaves = [0.0 for _ in self.leaves]
        for k, tangent, operand in zip(self.places, tangents, operands, strict=False):
            leaves[k] = zero_like(operand) if tangent is None else tangent
        return tree.unflatten(self.structure, leaves)


def weak_kind(leaf: Any) -> type | None:
    """Return float, int ... for a recorded Python number; None otherwise."""
    kind = type(leaf._value) if hasattr(leaf, "_value") else None
    return kind if kind in (bool, int, float, complex) else None


def zero_like(operand: Any) -> Any:
    """Return the zero tangent of an operand."""
    dtype = operand.dtype if hasattr(operand, "dtype") else np.asarray(operand).dtype
    return np.zeros(np.shape(operand), dtype if dtype.kind in "fc" else np.float64)[()]


def value_type(value: Any) -> Any:
    """Return shape and dtype of a plain or recorded value."""
    return value if hasattr(value, "dtype") else type_of(value)


def operands_of(args: Any) -> list[Any]:
    """Return the leaves of the arguments that become operands."""
    return [leaf for leaf in tree.flatten(args)[0] if is_operand(leaf)]


def any_recorded(values: Any) -> bool:
    """Whether a recorded value is among some values."""
    return any(isinstance(value, Recorded) for value in values)


def settle(value: Any) -> Any:
    """Return an operand for a rule: constants of whole numbers stay plain."""
    if not isinstance(value, Recorded) or value.dtype.kind not in "iub":  # type: ignore[attr-defined]
        return value
    index, tape = value._index, value._tape  # type: ignore[attr-defined]
    return value._value if index >= 0 and tape.operations[index] is CONSTANT else value  # type: ignore[attr-defined]


def private(value: Any) -> Any:
    """Return an argument that a function may keep: arrays are copied."""
    return value.copy() if is_array(value) else value


def run_apart(
    function: Callable[..., Any], args: tuple[Any, ...], name: str, **keywords: Any
) -> Any:
    """Call a function on plain values with the recording set aside.

    Raises
    ------
    RuleError
        If it reads a recorded value from outside its arguments, or writes into one.
    """

    def refuse(value: Any) -> Exception:
        return RuleError(
            explain(
                f"{name} read a recorded {type_of(value._current())} from outside its "
                "arguments",
                "it is one node of the tape, and only its arguments are operands",
                f"pass the value to {name} as an argument",
            )
        )

    leaves, structure = tree.flatten(args)
    given = [private(leaf) for leaf in leaves]
    with SetAside(Captures(refuse=refuse)):
        result = function(*tree.unflatten(structure, given), **keywords)
    for leaf, copy in zip(leaves, given, strict=True):
        if is_array(leaf) and leaf.tobytes() != copy.tobytes():
            raise RuleError(
                explain(
                    f"{name} wrote into its argument of type {type_of(leaf)}",
                    "it is one node of the tape: the write would be lost",
                    f"copy the argument inside {name} and return the copy",
                )
            )
    return result


def own_leaf(leaf: Any, name: str) -> Any:
    """Return one leaf of a result as a number or an array of its own."""
    if has_class(leaf, NUMBERS):
        return leaf
    if is_array(leaf) and leaf.dtype.kind in "biufc":
        return np.array(leaf, subok=False)
    shown = type_of(leaf) if is_array(leaf) else type(leaf).__name__
    raise RuleError(
        explain(
            f"{name} returned {shown}",
            "the result of a node is a number, an array, or nested containers of them",
            "return numbers and arrays",
        )
    )


def count_leaves(structure: Any) -> int:
    """Return the number of leaves of a structure."""
    if isinstance(structure, tree.Leaf):
        return 1
    return sum(count_leaves(part) for part in structure.children)


def spread_over(structure: Any, value: Any, refuse: Callable[[str], Exception]) -> Any:
    """Return the leaves of a value over a structure; None stands for all of a part.

    `refuse` makes the error of a value that nests differently.
    """
    if value is None:
        return [None] * count_leaves(structure)
    if isinstance(structure, tree.Leaf):
        if has_class(value, tree.NUMERIC):
            return [value]
        if tree.children_of(value) is not None:
            raise refuse(f"{tree.describe(tree.flatten(value)[1])} where * belongs")
        raise refuse(f"a {type(value).__name__} where a number or an array belongs")
    children = tree.children_like(structure, value)
    if children is None:
        shown = tree.describe(tree.flatten(value)[1])
        raise refuse(f"{shown} where {tree.describe(structure)} belongs")
    pairs = zip(structure.children, children, strict=True)
    return [leaf for part, v in pairs for leaf in spread_over(part, v, refuse)]


def check_part(part: Any, like: Type, refuse: Callable[[str], Exception]) -> None:
    """Raise unless a gradient or tangent has the shape, and a dtype, of its value."""
    if part is None:
        return
    given = value_type(part)
    if given.shape != like.shape:
        raise refuse(f"shape {given.shape} for a value of shape {like.shape}")
    if given.dtype.kind not in "biufc":
        raise refuse(f"dtype {given.dtype} for a value of dtype {like.dtype}")
    if given.dtype.kind == "c" and like.dtype.kind != "c":
        raise refuse(f"dtype {given.dtype} for a real value")
