"""Sines and cosines of vectors, as polynomials.

C's vector library finds twice how far a number is from a multiple of a quarter turn,
and keeps nothing in registers of what calls it: both take two to three times as long.
One of them alone takes as long or a quarter longer, and has the same bits as beside
the other.

Of ``x`` that is ``r``; the multiple says which of the polynomials in ``r`` is which,
and the signs.  Results are off by 1.5 units in the last place at most.  Where a number
is too large for that, or is none, the library is called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wengert.emit.exponential import is_written_out

if TYPE_CHECKING:
    from wengert.emit.vocabulary import Emitter

BOTH = ("sin", "cos")
#: Their texts.
PAIR = ("sin(x)", "cos(x)")
#: Where a number becomes too large.
MOST = 2.0**40
#: A quarter turn, in three numbers: a multiple of the first is taken off exactly.
QUARTER = (math.pi / 2, 6.123233995736766e-17, -1.4973849048591698e-33)
#: What is added to a number for the sum to hold, in its last bits, the next whole one.
WHOLE = 1.5 * 2.0**52
#: ``(sin(r) - r) / r ** 3`` and ``(cos(r) - 1 + r ** 2 / 2) / r ** 4``, of ``r ** 2``:
#: those of Sun's C library (fdlibm, `k_sin.c` and `k_cos.c`).
SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
REAL, BITS = "float64", "int64"
SIGN = -(2**63)


def is_paired(lanes: int) -> bool:
    """Whether both are written out for vectors of so many doubles."""
    return is_written_out(lanes)


def circular(emitter: Emitter, names: Sequence[str], x: str) -> list[str]:
    """Write the sine of a vector of doubles, its cosine, or both; return their names.

    What is computed for the other one alone is left out by LLVM.
    """
    real, block = emitter.ir(REAL), emitter.start_block()
    n, r, near = turned(emitter, x)
    sine, cosine = of_rest(emitter, r)
    sine = with_sign(emitter, sine, near)
    bit = emitter.line(f"and {emitter.ir(BITS)} {n}, {emitter.number(1, BITS)}")
    is_odd = emitter.line(f"icmp ne {emitter.ir(BITS)} {bit}, zeroinitializer")
    next_ = emitter.line(f"add {emitter.ir(BITS)} {n}, {emitter.number(1, BITS)}")
    ways = {"sin": ((cosine, sine), n), "cos": ((sine, cosine), next_)}
    found = []
    for pair, turns in map(ways.__getitem__, names):
        choice = ", ".join(f"{real} {one}" for one in pair)
        one = emitter.line(f"select {emitter.ir('bool')} {is_odd}, {choice}")
        found.append(signed(emitter, one, turns))
    size = emitter.intrinsic("fabs", [x], REAL)
    is_large = emitter.line(f"fcmp uge {real} {size}, {emitter.number(MOST)}")

    def by_library() -> list[str]:
        return [emitter.of_library(name, [x], REAL) for name in names]

    return emitter.unless(is_large, found, block, by_library, REAL)


def turned(emitter: Emitter, x: str) -> tuple[str, str, str]:
    """Write by how many quarter turns a number exceeds what is left, and that.

    The last one is all but the same, and -0.0 where the number is.
    """
    real, whole = emitter.ir(REAL), emitter.number(WHOLE)
    turns = emitter.fused(x, emitter.number(2 / math.pi), whole)
    n = emitter.line(f"bitcast {real} {turns} to {emitter.ir(BITS)}")
    turns = emitter.line(f"fsub {real} {turns}, {whole}")
    for part in QUARTER[:2]:
        x = emitter.fused(turns, emitter.number(-part), x)
    return n, emitter.fused(turns, emitter.number(-QUARTER[2]), x), x


def of_rest(emitter: Emitter, r: str) -> tuple[str, str]:
    """Write sine and cosine of what is at most an eighth of a turn."""
    real = emitter.ir(REAL)
    square = emitter.line(f"fmul {real} {r}, {r}")
    cube = emitter.line(f"fmul {real} {r}, {square}")
    sine = emitter.fused(cube, series(emitter, SINE, square), r)
    near = emitter.fused(square, emitter.number(-0.5), emitter.number(1.0))
    fourth = emitter.line(f"fmul {real} {square}, {square}")
    cosine = emitter.fused(fourth, series(emitter, COSINE, square), near)
    return sine, cosine


def series(emitter: Emitter, terms: Sequence[float], x: str) -> str:
    """Write a polynomial by the fewest instructions."""
    *rest, found = [emitter.number(term) for term in terms]
    for term in reversed(rest):
        found = emitter.fused(found, x, term)
    return found


def with_sign(emitter: Emitter, x: str, other: str) -> str:
    """Write a number that is zero, or has the sign of another one, with that sign."""
    real, bits = emitter.ir(REAL), emitter.ir(BITS)
    raw, own = (emitter.line(f"bitcast {real} {y} to {bits}") for y in (x, other))
    own = emitter.line(f"and {bits} {own}, {emitter.number(SIGN, BITS)}")
    raw = emitter.line(f"or {bits} {raw}, {own}")
    return emitter.line(f"bitcast {bits} {raw} to {real}")


def signed(emitter: Emitter, x: str, turns: str) -> str:
    """Write a number with the other sign where a second bit is set."""
    real, bits = emitter.ir(REAL), emitter.ir(BITS)
    second = emitter.line(f"shl {bits} {turns}, {emitter.number(62, BITS)}")
    sign = emitter.line(f"and {bits} {second}, {emitter.number(SIGN, BITS)}")
    raw = emitter.line(f"bitcast {real} {x} to {bits}")
    raw = emitter.line(f"xor {bits} {raw}, {sign}")
    return emitter.line(f"bitcast {bits} {raw} to {real}")
