"""The exponential function of vectors, as a polynomial.

C's vector library reads tables, element by element, and what calls it keeps nothing in
registers: it takes two to three times as long.  Where the processor does not scale by
powers of two in one instruction, it is as fast.

``exp(x)`` is ``2 ** n * exp(r)``: n is the whole number next to ``x / log(2)``, r what
is left.  The polynomial is off by 2.5e-17 at most, the result by 1.2 units in the last
place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wengert.emit import machine

if TYPE_CHECKING:
    from wengert.emit.vocabulary import Emitter

#: Where the result is 0, and where it is infinite.
LEAST, MOST = -746.0, 710.0
#: The logarithm of 2: what a number holds of it, and the rest.
LOG_2, REST_OF_IT = math.log(2), 2.3190468138462996e-17
#: ``(exp(r) - 1 - r) / r ** 2``, by Remez' algorithm for the least relative error of
#: ``exp(r)`` where r is at most half of that.
TERMS = (
    0.5,
    0.1666666666666194,
    0.041666666666619785,
    0.008333333336537652,
    0.0013888888920606563,
    0.00019841262658579025,
    2.480151620520753e-05,
    2.7563863920514752e-06,
    2.7622290967206044e-07,
    2.2976436948750897e-08,
)
REAL = "float64"
#: How many numbers the processor's instruction scales at once.
LANES = (2, 4, 8)


def is_written_out(lanes: int) -> bool:
    """Whether the processor scales vectors of so many numbers by powers of two."""
    return machine.vector_bits() == 512 and lanes in LANES


def exponential(emitter: Emitter, x: str) -> str:
    """Write the exponential function of a vector of doubles; return its name."""
    x = between(emitter, x)
    turns = emitter.line(f"fmul {emitter.ir(REAL)} {x}, {emitter.number(1 / LOG_2)}")
    n = emitter.intrinsic("rint", [turns], REAL)
    rest = emitter.fused(n, emitter.number(-LOG_2), x)
    rest = emitter.fused(n, emitter.number(-REST_OF_IT), rest)
    found = polynomial(emitter, TERMS, rest)
    square = emitter.line(f"fmul {emitter.ir(REAL)} {rest}, {rest}")
    found = emitter.fused(found, square, rest)
    found = emitter.line(f"fadd {emitter.ir(REAL)} {found}, {emitter.number(1.0)}")
    return scaled(emitter, found, n)


def between(emitter: Emitter, x: str) -> str:
    """Write numbers that are no larger, and no less, than matters; NaN stays."""
    ir, bits = emitter.ir(REAL), emitter.ir("bool")
    for end, test in ((LEAST, "olt"), (MOST, "ogt")):
        is_beyond = emitter.line(f"fcmp {test} {ir} {x}, {emitter.number(end)}")
        choice = f"{ir} {emitter.number(end)}, {ir} {x}"
        x = emitter.line(f"select {bits} {is_beyond}, {choice}")
    return x


def polynomial(emitter: Emitter, terms: Sequence[float], x: str) -> str:
    """Write a polynomial in pairs, which do not wait for each other."""
    found = [emitter.number(term) for term in terms]
    while len(found) > 1:
        pairs = zip(found[::2], found[1::2], strict=False)
        rest = found[len(found) // 2 * 2 :]
        found = [*(emitter.fused(high, x, low) for low, high in pairs), *rest]
        x = emitter.line(f"fmul {emitter.ir(REAL)} {x}, {x}")
    return found[0]


def scaled(emitter: Emitter, x: str, n: str) -> str:
    """Write numbers times powers of two, rounded once."""
    ir = emitter.ir(REAL)
    given = [(ir, x), (ir, n), (ir, x), ("i8", "-1")]
    if emitter.lanes == 8:
        given.append(("i32", "4"))  # rounded as all else is
    symbol = f"llvm.x86.avx512.mask.scalef.pd.{64 * emitter.lanes}"
    return emitter.call(symbol, ir, given)
