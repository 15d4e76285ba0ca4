"""The table: for every operation one or several examples, a line each.

An example is a call in plain NumPy and its operands.  An elementwise operation, and an
operation that is not differentiable, has examples as soon as it states its domain; all
others are entered here, ``example(name, function, *operands)``.  An operand is an array
or a number, or a draw: a function of a random generator (`normal(2, 3)`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from wengert.core.operation import DISPATCH, REGISTRY, Operation, apply

Function = Callable[..., Any]


@dataclass(frozen=True)
class Example:
    """One call of one operation.

    Attributes
    ----------
    operation : str
        The operation that the call is to record.
    function : callable
    draws : tuple of operands and draws
    label : str
        What distinguishes it among the examples of the operation.
    order : int
        Up to which order of derivatives it is judged.
    """

    operation: str
    function: Function
    draws: tuple[Any, ...]
    label: str = ""
    order: int = 2

    @property
    def operands(self) -> list[Any]:
        """The operands; the same ones every time."""
        random = np.random.default_rng(crc32(str(self).encode()))
        return [draw(random) if callable(draw) else draw for draw in self.draws]

    def __str__(self) -> str:
        return f"{self.operation}-{self.label}" if self.label else self.operation


EXAMPLES: dict[str, list[Example]] = {}


def example(
    operation: str, function: Function, *operands: Any, label: str = "", order: int = 2
) -> None:
    """Enter an example of an operation."""
    entries = EXAMPLES.setdefault(operation, [])
    label = label or (str(len(entries)) if entries else "")
    entries.append(Example(operation, function, operands, label, order))


# Draws


def normal(*shape: int) -> Function:
    """Draw normal numbers."""
    return lambda random: random.standard_normal(shape)[()]


def uniform(low: float, high: float, *shape: int) -> Function:
    """Draw numbers between two."""
    return lambda random: random.uniform(low, high, shape)[()]


def positive(*shape: int) -> Function:
    """Draw numbers between 1/2 and 2."""
    return uniform(0.5, 2.0, *shape)


def distinct(*shape: int) -> Function:
    """Draw numbers of which any two differ by at least 1/10: no ties when moved."""

    def draw(random: np.random.Generator) -> Any:
        count = int(np.prod(shape))
        return random.permutation(
            np.linspace(-0.1 * count, 0.1 * count, count)
        ).reshape(shape)

    return draw


def complex_normal(*shape: int) -> Function:
    """Draw complex numbers."""
    return lambda random: (
        random.standard_normal(shape) + 1j * random.standard_normal(shape)
    )[()]


def single(draw: Function) -> Function:
    """Draw in single precision."""
    return lambda random: np.asarray(draw(random)).astype(np.float32)[()]


# Elementwise operations and those without derivative: from their domains

#: Domains narrower than the stated one, where differences of second derivatives need
#: room to the kinks.
ROOM = 0.05


def domain_draw(domain: tuple[float, float], *shape: int) -> Function:
    """Draw from a domain, a little inside."""
    low, high = domain
    return uniform(low + ROOM, high - ROOM, *shape)


def call(operation: Operation) -> Function:
    """Return a plain function that applies an operation to plain or recorded values."""
    if DISPATCH.get(operation.function) is operation:
        return operation.function
    return lambda *operands: apply(operation, *operands)


def elementwise_example(operation: Operation) -> Example:
    """Return the example of an operation that states its domain: broadcasting shapes."""
    shapes = ((2, 3),) if len(operation.domain) == 1 else ((2, 1, 3), (2, 1), (3,))
    draws = tuple(
        domain_draw(domain, *shape)
        for domain, shape in zip(operation.domain, shapes, strict=False)
    )
    return Example(operation.name, call(operation), draws)


def is_elementwise(operation: Operation) -> bool:
    """Whether an operation acts on elements and says where it may be evaluated."""
    return bool(operation.domain)


def examples() -> list[Example]:
    """Return every example of every operation."""
    found = [example for entries in EXAMPLES.values() for example in entries]
    for operation in REGISTRY.values():
        if is_elementwise(operation) and operation.name not in EXAMPLES:
            found.append(elementwise_example(operation))
    return found


#: Operations that only the recording itself writes; test_tape and test_record judge them.
BY_RECORDING = {"input", "constant", "guard", "identity"}

# Arithmetic, powers, signs: what a domain does not say

INTEGERS = np.array([[3, 5, 0], [6, 2, 9]])
OTHER_INTEGERS = np.array([1, 2, 4])
for (
    _name
) in "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm".split():
    example(_name, getattr(np, _name), INTEGERS, OTHER_INTEGERS)
example("invert", np.invert, INTEGERS)
example("bitwise_count", np.bitwise_count, INTEGERS)
example("ldexp", lambda x: np.ldexp(x, np.array([1, -2, 0])), normal(2, 3))
example("power", np.power, uniform(0.3, 3.0, 2, 3), uniform(-2.0, 2.0, 3))
example("power", lambda x: x**3, normal(2, 3), label="cube")
example("power", lambda x: x**-2, positive(3), label="inverse_square")
example("power", lambda x: 2.0**x, normal(3), label="of_two")
example("power", lambda x: x ** np.array([0, 1, 2]), normal(2, 3), label="integers")
example("stop_gradient", lambda x: __import__("wengert").stop_gradient(x), normal(3))

example("modf", np.modf, normal(2, 3))
example("conjugate", np.conjugate, complex_normal(2, 3))
example("conjugate", np.conj, normal(3), label="real")
example("real", np.real, complex_normal(2, 3))
example("real", np.real, normal(3), label="real")
example("imag", np.imag, complex_normal(2, 3))
example("imag", np.imag, normal(3), label="real")
example("complex_sign", np.sign, complex_normal(2, 3))
example("arctan2", np.arctan2, positive(2, 3), positive(3))
example("arctan2", lambda z: np.angle(z), complex_normal(2, 3), label="angle")
example("arctan2", lambda z: np.angle(z, deg=True), complex_normal(3), label="degrees")
example("remainder", lambda x, y: np.divmod(x, y)[1], normal(2, 3), positive(3))

# Reading and writing elements

example("getitem", lambda x: x[1], normal(3))
example("getitem", lambda x: x[1:, ::-2], normal(3, 4), label="slices")
example("getitem", lambda x: x[..., None, 0], normal(3, 4), label="new_axis")
example("getitem", lambda x: x[[0, 2, 0]], normal(3, 2), label="repeated")
example("getitem", lambda x: x[x > 0], distinct(3, 4), label="mask")
example("getitem", lambda x: x[[0, 1], 1:, [2, 0]], normal(2, 3, 4), label="mixed")


def stored(x: Any, y: Any) -> Any:
    """Return an array after writes into it and through views of it."""
    z = x * 1.0
    z[1] = y
    z[:, 0] *= 2.0
    z.reshape(-1)[2:4] += z[0, :2]
    return z


def stored_at(x: Any, y: Any) -> Any:
    """Return an array after a write at repeated indices."""
    z = x * 1.0
    z[np.array([0, 2, 0])] = y
    return z


example("store", stored, normal(3, 4), normal(4))
example("store", stored_at, normal(3), normal(3), label="repeated")
example(
    "index_add",
    lambda x, y: apply(
        REGISTRY["index_add"], x, y, chain=(), key=(slice_key(1, None),)
    ),
    normal(3),
    normal(2),
)


def slice_key(start: int, stop: int | None) -> Any:
    """Return a slice as settings have it."""
    from wengert.ops.index import Slice

    return Slice(start, stop, None)


# Several results

example("item", lambda x: np.modf(x)[0], normal(3))

# Reductions

MASK = np.array([[True, False, True], [False, True, True]])
example("sum", lambda x: np.sum(x), normal(2, 3))
example("sum", lambda x: np.sum(x, axis=-1, keepdims=True), normal(2, 3), label="axis")
example("sum", lambda x: np.sum(x, axis=(0, 2)), normal(2, 3, 2), label="axes")
example("sum", lambda x: np.sum(x, axis=0), normal(0, 3), label="empty")
example("sum", lambda x: np.sum(x), single(normal(2, 3)), label="single")
example("sum", lambda x: np.sum(x, axis=1), complex_normal(2, 3), label="complex")
example("sum_where", lambda x: np.sum(x, initial=2.0), normal(3), label="initial")
example("sum_where", lambda x: np.sum(x, axis=1, where=MASK), normal(2, 3))
example("prod", lambda x: np.prod(x), normal(2, 3))
example("prod", lambda x: np.prod(x, axis=1), normal(2, 3), label="axis")
example("prod", lambda x: np.prod(x, axis=0), complex_normal(2, 3), label="complex")
example("prod_where", lambda x: np.prod(x, axis=1, where=MASK), normal(2, 3))
example("max", lambda x: np.max(x), distinct(2, 3))
example("max", lambda x: np.max(x, axis=1, keepdims=True), distinct(2, 3), label="axis")
example("min", lambda x: np.min(x, axis=0), distinct(2, 3))
example("nanmax", lambda x: np.nanmax(x, axis=1), distinct(2, 3))
example("nanmin", lambda x: np.nanmin(x), distinct(2, 3))
example("argmax", lambda x: np.argmax(x, axis=1), distinct(2, 3))
example("argmin", lambda x: np.argmin(x), distinct(2, 3))
example("any", lambda x: np.any(x > 0, axis=1), distinct(2, 3))
example("all", lambda x: np.all(x > 0), distinct(2, 3))
example("count_nonzero", lambda x: np.count_nonzero(x > 0), distinct(2, 3))

# Shape and data movement

example("reshape", lambda x: np.reshape(x, (3, -1)), normal(2, 3))
example("transpose", lambda x: np.transpose(x, (2, 0, 1)), normal(2, 3, 2))
example("broadcast_to", lambda x: np.broadcast_to(x, (2, 2, 3)), normal(2, 1))
example("copy", lambda x: np.copy(x), normal(2, 3))
example("astype", lambda x: np.astype(x * 1, np.complex128), normal(2, 3))
example("astype_exact", lambda x: np.astype(x * 1, np.int64), normal(2, 3))
example("diagonal", lambda x: np.diagonal(x, 1, 0, 2), normal(2, 3, 3))
example("stack", lambda x, y: np.stack([x, y], axis=1), normal(2, 3), normal(2, 3))
example(
    "concatenate",
    lambda x, y: np.concatenate([x, y], axis=1),
    normal(2, 3),
    normal(2, 2),
)

# Products

example("matmul", np.matmul, normal(2, 3), normal(3, 4))
example("matmul", np.matmul, normal(3), normal(3), label="vectors")
example("matmul", np.matmul, normal(2, 3), normal(3), label="matrix_vector")
example("matmul", np.matmul, normal(3), normal(2, 3, 4), label="vector_matrices")
example("matmul", np.matmul, normal(2, 1, 2, 3), normal(2, 3, 2), label="broadcast")
example("matmul", np.matmul, complex_normal(2, 3), normal(3, 2), label="complex")
example("dot", np.dot, normal(2, 3), normal(3, 2))
example("dot", np.dot, normal(2, 3), normal(2, 3, 2), label="nd")
example("vecdot", np.vecdot, complex_normal(2, 3), complex_normal(3))
example("einsum", lambda x, y: np.einsum("ij,jk->ki", x, y), normal(2, 3), normal(3, 2))
example("einsum", lambda x: np.einsum("iij->j", x), normal(3, 3, 2), label="trace")
example("convolve", lambda x, y: np.convolve(x, y, "same"), normal(5), normal(3))

# Selecting and sorting

example("where", lambda x, y: np.where(MASK, x, y), normal(2, 3), normal(3))
example("where", lambda x: np.where(x > 0, x, 0.0), distinct(2, 3), label="number")
