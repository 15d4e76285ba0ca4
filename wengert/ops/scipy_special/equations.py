"""Functions that SciPy gives with their slope, by the equation of the second order.

Parabolic cylinder functions, those of Mathieu's equation and spheroidal ones: their
derivatives by parameters are taken by differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, Operation, apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import NODES, differentiated
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.parameters import power_of
from wengert.ops.scipy_special.several import several

#: Half the lengths of the intervals of all operands that are not whole.
Widths = Callable[..., tuple[Any, ...]]
DEGREE = math.pi / 180


#: The largest orders and parameters that SciPy's code has room for: beyond, and at NaN,
#: it ends the process or asks for all memory.
ORDER, MATHIEU, SPHEROIDAL, CYLINDER = 1e3, 1e6, 170.0, 1e5


def careful(function: Any, *limits: float) -> Function:
    """Return a function that gives NaN where an operand is NaN or beyond its limit."""

    def value(*operands: Any) -> Any:
        is_lost: Any = False
        for operand, limit in zip(operands, limits, strict=True):
            is_lost = is_lost | ~(np.abs(operand) <= limit)
        if not np.any(is_lost):
            return function(*operands)
        found = function(*(np.where(is_lost, 1.0, operand) for operand in operands))
        if isinstance(found, tuple):
            return tuple(np.where(is_lost, np.nan, part)[()] for part in found)
        return np.where(is_lost, np.nan, found)[()]

    return value


def by_widths(
    name: str,
    by_order: Function,
    widths: Widths,
    whole: int,
    known: int = 2,
    *,
    even: bool = False,
) -> Operation:
    """State the derivatives of what has some, so many, by its last operand.

    ``by_order(*operands, order=m)`` has these; the first operands are whole, and no
    derivative is by them.  Of a negative parameter in which it is `even`, the one after
    them, SciPy gives the value at 0.
    """

    def derivative(*operands: Any, orders: tuple[int, ...]) -> Any:
        *left, order = orders
        values = [np.asarray(v, np.float64) for v in operands]
        base = min(order, known)
        is_folded = even and orders[whole] > 0

        def value(*moved: Any) -> Any:
            first, (parameter, *last) = moved[:whole], moved[whole:]
            parameter = np.abs(parameter) if is_folded else parameter
            return by_order(*first, parameter, *last, order=base)

        steps = [*[None] * whole, *widths(*values[whole:])]
        moved = (*[0] * whole, *left[whole:], order - base)
        found = differentiated(value, values, moved, steps)
        if is_folded:
            found = np.where(values[whole] < 0, 0.0, found)
        found = np.zeros_like(found) if any(left[:whole]) else found
        return like(found, np.result_type(*operands, np.float32))

    return family(f"{name}_derivative", derivative)


def of_equation(
    name: str,
    second: Function,
    widths: Widths,
    limit: float,
    *,
    whole: int = 0,
    count: int = 2,
    scale: float = 1.0,
    even: bool = False,
) -> None:
    """State a function with its slope, of so many operands, some first ones whole.

    ``second(y, *operands)`` is the second derivative, in terms of both results, which
    are by the last operand times `scale`.
    """
    public = getattr(special, name)
    function = careful(public, *[ORDER] * whole, limit, np.inf)

    def by_order(*operands: Any, order: int) -> Any:
        y = function(*operands)
        found = y[order] if order < 2 else second(y, *operands)
        return scale**order * found

    every = by_widths(name, by_order, widths, whole, even=even)

    def by_whole(y: Any, *operands: Any) -> Any:
        return 0.0, 0.0

    def by_parameter(k: int) -> Function:
        def slopes(y: Any, *operands: Any) -> Any:
            orders = tuple(int(j == k) for j in range(count))
            value = apply(every, *operands, orders=orders)
            slope = apply(every, *operands, orders=(*orders[:-1], 1))
            return value, slope / scale

        return slopes

    def by_number(y: Any, *operands: Any) -> Any:
        return scale * y[1], scale * second(y, *operands)

    parameters = [by_parameter(k) for k in range(whole, count - 1)]
    rules = (*[by_whole] * whole, *parameters, by_number)
    several(name, function, *rules, numpy=(public,))


def of_parameter(
    name: str, whole: int, width: float, limit: float, *, even: bool = False
) -> Operation:
    """State a characteristic value by its last operand, the others being whole."""
    public = getattr(special, name)
    function = careful(public, *[ORDER] * whole, limit)

    def by_order(*operands: Any, order: int) -> Any:
        return function(*operands)

    def widths(_: Any) -> Any:
        return (width,)

    every = by_widths(name, by_order, widths, whole, known=0, even=even)

    def constant(y: Any, *operands: Any) -> Any:
        return 0.0

    def partial(y: Any, *operands: Any) -> Any:
        return apply(every, *operands, orders=(*[0] * whole, 1))

    partials = (*[constant] * whole, partial)
    return elementwise(name, function, partials, form=Map(), domain=(), numpy=(public,))


# Parabolic cylinder functions: DLMF 12.2.2-3


def cylinder(y: Any, v: Any, x: Any) -> Any:
    """Return ``(x x / 4 - v - 1 / 2) w``."""
    return (0.25 * x * x - v - 0.5) * y[0]


def other_cylinder(y: Any, a: Any, x: Any) -> Any:
    """Return ``(a - x x / 4) w``."""
    return (a - 0.25 * x * x) * y[0]


#: Which shares of the length of an interval are tried.
SHARES = np.linspace(0.6, 1.0, 9)


def cylinder_widths(v: Any, x: Any) -> Any:
    """Return them; the functions are entire.

    Next to a whole number SciPy's values have few digits: of the lengths that are tried
    it is the one whose points keep away most.
    """
    longest = np.minimum(1.0, 2 / (1 + power_of(x)))
    tried = longest[..., None] * SHARES
    points = v[..., None, None] + tried[..., None] * NODES
    distance = np.min(np.abs(points - np.rint(points)), axis=-1)
    best = np.argmax(distance, axis=-1)[..., None]
    chosen = np.take_along_axis(np.broadcast_to(tried, distance.shape), best, -1)
    return chosen[..., 0], 0.5


def other_widths(a: Any, x: Any) -> Any:
    """Return them; the factors have poles at ``+-i / 2``."""
    return 0.15, 0.5


of_equation("pbdv", cylinder, cylinder_widths, CYLINDER)
of_equation("pbvv", cylinder, cylinder_widths, CYLINDER)
of_equation("pbwa", other_cylinder, other_widths, CYLINDER)

# Mathieu's: DLMF 28.2.1 and 28.20.1; his own angles are degrees.  The values meet at
# q = 1.47 i and beyond: DLMF 28.7.

MATHIEU_A = of_parameter("mathieu_a", 1, 0.6, MATHIEU)
MATHIEU_B = of_parameter("mathieu_b", 1, 0.6, MATHIEU)


def angular(value: Operation) -> Function:
    """Return ``(2 q cos(2 x) - a) w``."""

    def second(y: Any, m: Any, q: Any, x: Any) -> Any:
        return (2 * q * np.cos(2 * DEGREE * x) - apply(value, m, q)) * y[0]

    return second


def radial(value: Operation) -> Function:
    """Return ``(a - 2 q cosh(2 x)) w``."""

    def second(y: Any, m: Any, q: Any, x: Any) -> Any:
        return (apply(value, m, q) - 2 * q * np.cosh(2 * x)) * y[0]

    return second


def angular_widths(q: Any, x: Any) -> Any:
    """Return them: next to q = 0 SciPy's values have 10 digits."""
    size = np.abs(q)
    return np.where(size > 0.05, np.minimum(0.4, 0.9 * size), 0.4), 20.0


def radial_widths(q: Any, x: Any) -> Any:
    """Return them: powers of q stand in these."""
    return 0.3 * np.minimum(q, 1.0), 0.3


for _kind, _value in (("ce", MATHIEU_A), ("se", MATHIEU_B)):
    of_equation(
        f"mathieu_{_kind}m",
        angular(_value),
        angular_widths,
        MATHIEU,
        whole=1,
        count=3,
        scale=DEGREE,
    )
    for _number in "12":
        of_equation(
            f"mathieu_mod{_kind}m{_number}",
            radial(_value),
            radial_widths,
            MATHIEU,
            whole=1,
            count=3,
        )

# Spheroidal ones: DLMF 30.2.1 and 30.11.  Of the second kind SciPy's slopes are not
# those of its values.  The values meet at c = 1.82 + 2.60 i and beyond (Meixner and
# Schaefke 1954, 3.24).

PRO_CV = of_parameter("pro_cv", 2, 0.8, SPHEROIDAL, even=True)
OBL_CV = of_parameter("obl_cv", 2, 0.8, SPHEROIDAL, even=True)


def spheroidal(value: Operation, sign: float) -> Function:
    """Return w'' of the equation between -1 and 1, and beyond."""

    def second(y: Any, m: Any, n: Any, c: Any, x: Any) -> Any:
        left = (1 - x) * (1 + x)
        rest = apply(value, m, n, c) - sign * (c * x) ** 2 - m * m / left
        return (2 * x * y[1] - rest * y[0]) / left

    return second


def oblate_radial(y: Any, m: Any, n: Any, c: Any, x: Any) -> Any:
    """Return w'' of the oblate equation of an imaginary number."""
    right = 1 + x * x
    rest = apply(OBL_CV, m, n, c) - (c * x) ** 2 - m * m / right
    return (rest * y[0] - 2 * x * y[1]) / right


def angular_part(c: Any, x: Any) -> Any:
    """Return them, away from -1 and 1."""
    return 0.8, 0.3 * np.minimum(np.abs(1 - x), np.abs(1 + x))


def radial_part(c: Any, x: Any) -> Any:
    """Return them; powers of c stand in the radial ones."""
    return 0.3 * np.minimum(np.abs(c), 1.0), 0.3 * np.abs(1 - x)


def oblate_part(c: Any, x: Any) -> Any:
    """Return them, away from i."""
    return 0.3 * np.minimum(np.abs(c), 1.0), 0.2


PROLATE, OBLATE = spheroidal(PRO_CV, 1.0), spheroidal(OBL_CV, -1.0)
for _name, _second, _widths in (
    ("pro_ang1", PROLATE, angular_part),
    ("pro_rad1", PROLATE, radial_part),
    ("obl_ang1", OBLATE, angular_part),
    ("obl_rad1", oblate_radial, oblate_part),
):
    _is_even = _widths is angular_part
    of_equation(_name, _second, _widths, SPHEROIDAL, whole=2, count=4, even=_is_even)
