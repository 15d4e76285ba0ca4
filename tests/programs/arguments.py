"""The arguments of random programs, as text: kinds, layouts and unusual numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Shape = tuple[int, ...]

DTYPES = ("float64",) * 8 + ("float32", "float32", "int64", "int64", "int32", "int8")
DTYPES += ("uint8", "bool", "bool", "complex128")
FLOATING = ("float64", "float32")
SHAPES: tuple[Shape, ...] = (
    *(((3,),) * 4),
    *(((2, 3),) * 3),
    *((), (1,), (4,), (3, 3), (1, 3), (3, 1), (2, 2, 3), (0,), (0, 3)),
)
UNUSUAL = ("nan", "inf", "-inf", "0.0", "-0.0", "1e100", "1e-100", "1.0", "-1.0")
UNUSUAL_SINGLE = ("nan", "inf", "-inf", "0.0", "-0.0", "1e30", "1.0")
TEXTS = ("'sum'", "'mean'", "'a'", "''")


@dataclass(frozen=True)
class Kind:
    """What one argument is in every call; `is_float` where it has a derivative."""

    name: str
    make: Callable[[Random, Shape, bool], str]
    shape: Shape = ()
    is_float: bool = False
    layout: str = ""


def number(random: Random, dtype: str, is_unusual: bool = False) -> str:
    """Return one element as text; one in three of an unusual argument is unusual."""
    if dtype == "bool":
        return str(random.random() < 0.5)
    if dtype.startswith("int"):
        return str(random.randint(-4, 6))
    if dtype.startswith("uint"):
        return str(random.randint(0, 9))
    if is_unusual and random.random() < 0.34:
        return random.choice(UNUSUAL_SINGLE if dtype == "float32" else UNUSUAL)
    text = repr(round(random.uniform(-2, 2), 2))
    if dtype == "complex128":
        return f"{text}{random.uniform(-2, 2):+.2f}j"
    return text


def nested(random: Random, shape: Shape, dtype: str, is_unusual: bool) -> str:
    """Return the elements as nested lists."""
    if not shape:
        return number(random, dtype, is_unusual)
    inner = [nested(random, shape[1:], dtype, is_unusual) for _ in range(shape[0])]
    return f"[{', '.join(inner)}]"


def array(random: Random, shape: Shape, dtype: str, is_unusual: bool = False) -> str:
    """Return an array in C order as text."""
    if 0 in shape:
        return f"np.zeros({shape}, '{dtype}')"
    return f"np.array({nested(random, shape, dtype, is_unusual)}, '{dtype}')"


def laid_out(random: Random, shape: Shape, dtype: str, layout: str, odd: bool) -> str:
    """Return an array of a shape that lies in memory as `layout` says."""
    if layout == "F":
        return f"np.asfortranarray({array(random, shape, dtype, odd)})"
    if layout == "T":
        return f"{array(random, shape[::-1], dtype, odd)}.T"
    if layout == "strided" and shape:
        longer = (2 * shape[0], *shape[1:])
        return f"{array(random, longer, dtype, odd)}[::2]"
    if layout == "reversed" and shape:
        return f"{array(random, shape, dtype, odd)}[::-1]"
    if layout == "broadcast" and shape:
        return f"np.broadcast_to({array(random, shape[1:], dtype, odd)}, {shape})"
    if layout == "swapped":
        return f"{array(random, shape, dtype, odd)}.astype('{dtype}').astype('>f8')"
    return array(random, shape, dtype, odd)


LAYOUTS = ("C",) * 6 + ("F", "T", "strided", "reversed", "broadcast")


def array_kind(random: Random) -> Kind:
    """Return an array of any dtype, shape and layout."""
    dtype, shape = random.choice(DTYPES), random.choice(SHAPES)
    layout = random.choice(LAYOUTS)

    def make(random: Random, shape: Shape, odd: bool) -> str:
        return laid_out(random, shape, dtype, layout, odd)

    return Kind(f"{dtype} array", make, shape, dtype in FLOATING, layout)


def vector_kind(random: Random) -> Kind:
    """Return the commonest argument: a vector or matrix of float64 in C order."""
    shape = random.choice(((3,), (3,), (2, 3), (3, 3)))

    def make(random: Random, shape: Shape, odd: bool) -> str:
        return array(random, shape, "float64", odd)

    return Kind("float64 array", make, shape, True, "C")


def python_float(random: Random) -> Kind:
    """Return a Python float."""
    return Kind("float", lambda r, _, odd: number(r, "float64", odd), (), True)


def numpy_scalar(random: Random) -> Kind:
    """Return a NumPy scalar."""
    dtype = random.choice(("float64", "float64", "float32", "int64", "int32"))

    def make(random: Random, shape: Shape, odd: bool) -> str:
        return f"np.{dtype}({number(random, dtype, odd)})"

    return Kind(f"{dtype} scalar", make, (), dtype in FLOATING)


def python_int(random: Random) -> Kind:
    """Return a Python int, small enough to repeat and to index with."""
    return Kind("int", lambda r, _, odd: str(r.choice((0, 1, 2, 2, 3, 3, 4, -1))))


def python_bool(random: Random) -> Kind:
    """Return a Python bool."""
    return Kind("bool", lambda r, _, odd: str(r.random() < 0.5))


def text(random: Random) -> Kind:
    """Return a string."""
    return Kind("str", lambda r, _, odd: r.choice(TEXTS))


def dictionary(random: Random) -> Kind:
    """Return a dictionary of arrays and numbers, its keys in no order."""

    def make(random: Random, shape: Shape, odd: bool) -> str:
        w = array(random, shape, "float64", odd)
        return f"{{'w': {w}, 'b': {number(random, 'float64', odd)}}}"

    return Kind("dict", make, (3,), True)


def pair(random: Random) -> Kind:
    """Return a list or tuple of an array and a number."""
    opened, closed = random.choice(("[]", "()"))

    def make(random: Random, shape: Shape, odd: bool) -> str:
        w = array(random, shape, "float64", odd)
        return f"{opened}{w}, {number(random, 'float64', odd)}{closed}"

    return Kind("list" if opened == "[" else "tuple", make, (3,), True)


#: Python's numbers at the edges of what they can be.
FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-320, 1e308, -1e308, 1e200, 709.0),
    *(1000.0, math.inf, -math.inf, math.nan, 0.1, 2.675, 1e16, 0.75, -0.25, 9.0),
)
INTEGERS = (
    *(0, 1, -1, 2, 3, -2, 7, 10, 64, 12345, 2**31, -(2**31), 2**53 + 1, 2**62),
    *(2**63 - 1, -(2**63), 2**63, 3 * 2**61, 2**40),
)


def any_float(random: Random) -> Kind:
    """Return a Python float of any size."""

    def make(random: Random, shape: Shape, odd: bool) -> str:
        if random.random() < 0.4:
            return number(random, "float64")
        return repr(random.choice(FLOATS))

    return Kind("any float", make, (), True)


def any_int(random: Random) -> Kind:
    """Return a Python int of any size."""

    def make(random: Random, shape: Shape, odd: bool) -> str:
        return str(
            random.randint(1, 9) if random.random() < 0.4 else random.choice(INTEGERS)
        )

    return Kind("any int", make)


KINDS: tuple[Callable[[Random], Kind], ...] = (
    *((vector_kind,) * 4),
    *((array_kind,) * 5),
    *((python_float,) * 3),
    *((python_int,) * 3),
    *(numpy_scalar, python_bool, text, dictionary, pair),
)


def other_shape(shape: Shape, change: dict[int, int]) -> Shape:
    """Return a shape with axes of some lengths replaced."""
    return tuple(change.get(n, n) for n in shape)


def calls(random: Random, kinds: list[Kind], count: int) -> tuple[list[str], set[str]]:
    """Return the arguments of `count` calls as text, and what is special of them."""
    features: set[str] = set()
    changing = random.random() < 0.2
    aliased = random.random() < 0.3
    found = []
    for k in range(count):
        change: dict[int, int] = {}
        if changing and k and random.random() < 0.6:
            change = {3: random.choice((0, 1, 2, 4, 5))}
            features.add("changing shapes")
        odd = k > 0 and random.random() < 0.15
        if odd:
            features.add("unusual numbers")
        texts = [
            kind.make(random, other_shape(kind.shape, change), odd) for kind in kinds
        ]
        if aliased:
            features.update(alias(random, kinds, texts))
        found.append(f"({''.join(text + ', ' for text in texts)})")
    for kind in kinds:
        features.add(f"argument: {kind.name}")
        if kind.layout not in ("", "C"):
            features.add(f"layout: {kind.layout}")
    return found, features


def alias(random: Random, kinds: list[Kind], texts: list[str]) -> set[str]:
    """Let one array argument be another one, or overlap with it, in most calls."""
    arrays = [k for k, kind in enumerate(kinds) if kind.name.endswith("array")]
    same = [
        (i, j)
        for i in arrays
        for j in arrays
        if i < j and kinds[i].shape == kinds[j].shape and kinds[i].name == kinds[j].name
    ]
    if not same or random.random() < 0.2:
        return set()
    i, j = same[0]
    texts[i] = f"(shared := {texts[i]})"
    texts[j] = random.choice(
        ("shared", "shared", "shared[::-1]" if kinds[i].shape else "shared")
    )
    return {"aliased arguments"}
