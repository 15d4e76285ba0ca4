"""Operations on elements: arithmetic, powers, exponentials, trigonometry, rounding.

Partials are functions of (result, *operands), in the operands' order.  At a tie, and
wherever else the derivative does not exist, the value is the one in the table of edges
(docs/reference/edges.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import (
    answers,
    apply,
    constant_of,
    elementwise,
    general,
    linear,
)
from wengert.core.types import has_class
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.reduce import as_array, cast

_name: str
_function: Any
_rule: Any

POSITIVE = ((0.2, 3.0),)
UNIT = ((-0.9, 0.9),)

# Arithmetic

elementwise("add", np.add, (1, 1), form=Map("x + y"))
elementwise("subtract", np.subtract, (1, -1), form=Map("x - y"))
elementwise(
    "multiply", np.multiply, (lambda z, x, y: y, lambda z, x, y: x), form=Map("x * y")
)
elementwise(
    "divide",
    np.divide,
    (lambda z, x, y: 1 / y, lambda z, x, y: -z / y),
    form=Map("x / y"),
    domain=((-3.0, 3.0), (0.5, 3.0)),
)
elementwise("negative", np.negative, (-1,), form=Map("-x"))
elementwise("positive", np.positive, (1,), form=Map("x"))
elementwise(
    "reciprocal",
    np.reciprocal,
    (lambda y, x: -y * y,),
    form=Map("1 / x"),
    domain=((0.5, 3.0),),
)
elementwise("square", np.square, (lambda y, x: 2 * x,), form=Map("x * x"))
elementwise(
    "sqrt", np.sqrt, (lambda y, x: 0.5 / y,), form=Map("sqrt(x)"), domain=POSITIVE
)
elementwise(
    "cbrt",
    np.cbrt,
    (lambda y, x: 1 / (3 * y * y),),
    form=Map("cbrt(x)"),
    domain=POSITIVE,
)


# Powers


def share_of(x: Any, total: Any) -> Any:
    """Return x over a total, 0 where the total is 0, and all its derivatives too."""
    is_zero = total == 0
    return np.where(is_zero, 0.0, x / np.where(is_zero, 1.0, total))


def power_by_base(z: Any, x: Any, y: Any) -> Any:
    """Return y x^(y-1); exactly 0 where y is 0, also at x = 0.

    The zero absorbs in the product alone, so that it is differentiated as it stands:
    by y it gives x^(y-1) (1 + y log x), which is 1/x at y = 0.
    """
    x = as_real(x, z)
    if has_class(y, np.generic) and np.isfinite(y):  # a constant exponent
        exponent: Any = y
        return exponent * x ** (exponent - 1) if exponent else 0.0
    return apply(CHAIN_PRODUCT, y, apply(LIMIT_POWER, x, y - 1.0))


def power_by_exponent(z: Any, x: Any, y: Any) -> Any:
    """Return x^y log x, its limit at x = 0; 0 at x = y = 0, as for y > 0."""
    is_corner = np.logical_and(x == 0, y == 0)
    return np.where(is_corner, 0.0, limit_by_exponent(z, x, y))


def limit_by_exponent(z: Any, x: Any, y: Any) -> Any:
    """Return x^y log x, its limit at x = 0."""
    return apply(CHAIN_PRODUCT, z, np.log(as_real(x, z)))


def as_real(x: Any, z: Any) -> Any:
    """Return a base in the dtype of the power, where its own has no such numbers.

    Products of integers wrap, and Python's power of a negative number is complex.
    """
    if not hasattr(x, "dtype"):
        return x
    like = z.dtype if hasattr(z, "dtype") else np.result_type(z)  # by hand, Python's
    kinds = "biuf" if like.kind == "c" else "biu"
    return x.astype(like) if x.dtype.kind in kinds else x


#: The power inside a derivative of a power: its derivatives are limits everywhere.
LIMIT_POWER = elementwise(
    "limit_power",
    np.power,
    (power_by_base, limit_by_exponent),
    form=Map("x ** y"),
    domain=((0.3, 3.0), (-2.0, 2.0)),
    numpy=(),
)
POWER_DOMAIN = ((0.3, 3.0), (-2.0, 2.0))
elementwise(
    "power",
    np.power,
    (power_by_base, power_by_exponent),
    form=Map("x ** y"),
    domain=POWER_DOMAIN,
)
elementwise(
    "float_power",
    np.float_power,
    (power_by_base, power_by_exponent),
    form=Map("x ** y"),
    domain=POWER_DOMAIN,
)


def power_by_real(p: Any, y: Any, x: Any) -> Any:
    """Return p |x|^(p-2) x, the derivative of |x|^p; conjugated for complex x."""
    return p * np.conjugate(x) * (y ** (p - 2) if p != 2 else 1.0)


elementwise(
    "hypot",
    np.hypot,
    (lambda z, x, y: share_of(x, z), lambda z, x, y: share_of(y, z)),
    form=Map("hypot(x, y)"),
    of_powers=(
        lambda p, z, x, y: power_by_real(p, z, x),
        lambda p, z, x, y: power_by_real(p, z, y),
    ),
)

# Exponentials and logarithms

LOG2 = float(np.log(2.0))
LOG10 = float(np.log(10.0))

elementwise("exp", np.exp, (lambda y, x: y,), form=Map("exp(x)"))
elementwise("exp2", np.exp2, (lambda y, x: y * LOG2,), form=Map("exp2(x)"))
elementwise("expm1", np.expm1, (lambda y, x: np.exp(x),), form=Map("expm1(x)"))
elementwise("log", np.log, (lambda y, x: 1 / x,), form=Map("log(x)"), domain=POSITIVE)
elementwise(
    "log2",
    np.log2,
    (lambda y, x: 1 / (LOG2 * x),),
    form=Map("log2(x)"),
    domain=POSITIVE,
)
elementwise(
    "log10",
    np.log10,
    (lambda y, x: 1 / (LOG10 * x),),
    form=Map("log10(x)"),
    domain=POSITIVE,
)
elementwise(
    "log1p",
    np.log1p,
    (lambda y, x: 1 / (1 + x),),
    form=Map("log1p(x)"),
    domain=((-0.7, 3.0),),
)


def share(exp: Any, z: Any, x: Any, y: Any) -> Any:
    """Return exp(x - z), the share of x in the sum.

    Where z = x, as at infinity, it is 1, or 1/2 where y is as large.
    """
    same = x == z
    alone = np.where(x == y, z.dtype.type(0.5), z.dtype.type(1))
    difference = np.where(same, 0.0, x) - np.where(same, 0.0, z)
    return np.where(same, alone, exp(difference))


#: The logarithm of the sum of two exponentials.
LOG_OF_SUM = (
    "select(x == y, x + 0.6931471805599453, maximum(x, y) + log1p(exp(-fabs(x - y))))"
)
elementwise(
    "logaddexp",
    np.logaddexp,
    (lambda z, x, y: share(np.exp, z, x, y), lambda z, x, y: share(np.exp, z, y, x)),
    form=Map(LOG_OF_SUM),
)
elementwise(
    "logaddexp2",
    np.logaddexp2,
    (lambda z, x, y: share(np.exp2, z, x, y), lambda z, x, y: share(np.exp2, z, y, x)),
    form=Map(
        "select(x == y, x + 1,"
        " maximum(x, y) + 1.4426950408889634 * log1p(exp2(-fabs(x - y))))"
    ),
)

# Trigonometry (angles in radians unless the name says degrees)

elementwise("sin", np.sin, (lambda y, x: np.cos(x),), form=Map("sin(x)"))
elementwise("cos", np.cos, (lambda y, x: -np.sin(x),), form=Map("cos(x)"))
elementwise(
    "tan", np.tan, (lambda y, x: 1 + y * y,), form=Map("tan(x)"), domain=((-1.2, 1.2),)
)
elementwise(
    "arcsin",
    np.arcsin,
    (lambda y, x: 1 / np.sqrt((1 - x) * (1 + x)),),
    form=Map("asin(x)"),
    domain=UNIT,
)
elementwise(
    "arccos",
    np.arccos,
    (lambda y, x: -1 / np.sqrt((1 - x) * (1 + x)),),
    form=Map("acos(x)"),
    domain=UNIT,
)
elementwise("arctan", np.arctan, (lambda y, x: 1 / (1 + x * x),), form=Map("atan(x)"))


def square_of_radius(z: Any, x: Any, y: Any) -> Any:
    """Return x^2 + y^2."""
    x, y = as_real(x, z), as_real(y, z)
    return x * x + y * y


def turned_by(x: Any, total: Any) -> Any:
    """Return x over a total, 0 where that is 0 or infinite: no angle turns there."""
    return np.where(np.isinf(total), 0.0, share_of(x, total))


elementwise(
    "arctan2",
    np.arctan2,
    (
        lambda z, x, y: turned_by(as_real(y, z), square_of_radius(z, x, y)),
        lambda z, x, y: turned_by(-as_real(x, z), square_of_radius(z, x, y)),
    ),
    form=Map("atan2(x, y)"),
    domain=((0.3, 3.0), (0.3, 3.0)),
)


elementwise("sinh", np.sinh, (lambda y, x: np.cosh(x),), form=Map("sinh(x)"))
elementwise("cosh", np.cosh, (lambda y, x: np.sinh(x),), form=Map("cosh(x)"))
elementwise("tanh", np.tanh, (lambda y, x: 1 - y * y,), form=Map("tanh(x)"))
elementwise(
    "arcsinh", np.arcsinh, (lambda y, x: 1 / np.sqrt(1 + x * x),), form=Map("asinh(x)")
)
elementwise(
    "arccosh",
    np.arccosh,
    (lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    form=Map("acosh(x)"),
    domain=((1.2, 4.0),),
)
elementwise(
    "arctanh",
    np.arctanh,
    (lambda y, x: 1 / ((1 - x) * (1 + x)),),
    form=Map("atanh(x)"),
    domain=UNIT,
)

DEGREE = float(np.pi / 180)
for _name, _function in (("deg2rad", np.deg2rad), ("radians", np.radians)):
    elementwise(_name, _function, (lambda y, x: DEGREE,), form=Map("x * (pi / 180)"))
for _name, _function in (("rad2deg", np.rad2deg), ("degrees", np.degrees)):
    elementwise(
        _name, _function, (lambda y, x: 1 / DEGREE,), form=Map("x * (180 / pi)")
    )

# Sign, absolute value, selection


def absolute_partial(y: Any, x: Any) -> Any:
    """Return the sign, 0 at 0; for complex x its conjugate over its absolute value."""
    if np.iscomplexobj(x):
        return share_of(np.conj(x), y)
    return np.sign(x)


elementwise(
    "absolute",
    np.absolute,
    (absolute_partial,),
    form=Map("fabs(x)"),
    of_powers=(power_by_real,),
)
elementwise(
    "fabs",
    np.fabs,
    (lambda y, x: np.sign(x),),
    form=Map("fabs(x)"),
    of_powers=(power_by_real,),
)
elementwise(
    "copysign",
    np.copysign,
    (
        lambda z, x, y: np.sign(x) * np.copysign(1.0, y),
        lambda z, x, y: 0.0,
    ),
    form=Map("copysign(x, y)"),
    of_powers=(
        lambda p, z, x, y: power_by_real(p, z, x),
        lambda p, z, x, y: 0.0,
    ),
)


def as_computed(z: Any, *operands: Any) -> list[Any]:
    """Return operands in the dtype of a result, in which they were compared.

    A Python number has more digits than a result in single precision.
    """
    dtype = as_array(z).dtype
    return [cast(as_array(operand), dtype) for operand in operands]


def of_maximum(z: Any, x: Any, y: Any) -> Any:
    """Return 1 where `x` alone is the result, 1/2 at a tie, 0 where `y` is.

    A NaN operand is the result.
    """
    x, y = as_computed(z, x, y)
    mine, other = (x == z) | (x != x), (y == z) | (y != y)
    return split(z, mine, other)


def of_fmax(z: Any, x: Any, y: Any) -> Any:
    """Return the same where a NaN operand is passed over, unless both are NaN."""
    x, y = as_computed(z, x, y)
    neither = (x != x) & (y != y)
    return split(z, (x == z) | neither, (y == z) | neither)


def split(z: Any, mine: Any, other: Any) -> Any:
    """Return 1 where mine, 1/2 where both, 0 elsewhere, in the dtype of `z`."""
    number = z.dtype.type
    return np.where(mine, np.where(other, number(0.5), number(1)), number(0))


for _name, _function, _rule in (
    ("maximum", np.maximum, of_maximum),
    ("minimum", np.minimum, of_maximum),
    ("fmax", np.fmax, of_fmax),
    ("fmin", np.fmin, of_fmax),
):
    elementwise(
        _name,
        _function,
        (_rule, lambda z, x, y, _rule=_rule: _rule(z, y, x)),
        form=Map(f"{_name}(x, y)"),
    )

# Remainders: the quotient is locally constant

elementwise(
    "remainder",
    np.remainder,
    (1, lambda z, x, y: -np.floor_divide(*as_computed(z, x, y))),
    form=Map("x % y"),
    domain=((-3.0, 3.0), (0.5, 2.0)),
)
elementwise(
    "fmod",
    np.fmod,
    (1, lambda z, x, y: -np.rint((x - z) / y)),
    form=Map("fmod(x, y)"),
    domain=((-3.0, 3.0), (0.5, 2.0)),
)
elementwise(
    "ldexp",
    np.ldexp,
    (lambda z, x, k: np.ldexp(z.dtype.type(1), k), lambda z, x, k: 0.0),
    form=Map("ldexp(x, y)"),
)


def modf_jvp(tangents: Any, results: Any, x: Any) -> Any:
    """Return the tangent of the fraction; the whole part is locally constant."""
    return tangents[0], results[1] * 0.0


def modf_vjp(gradients: Any, results: Any, x: Any) -> Any:
    """Return the gradient of the fraction."""
    return (gradients[0],)


FRACTION = "select(isinf(x), copysign(0, x), copysign(x - trunc(x), x))"
general(
    "modf",
    np.modf,
    form=Map((FRACTION, "trunc(x)")),
    jvp=modf_jvp,
    vjp=modf_vjp,
    results=2,
    numpy=(np.modf,),
)


@answers(np.divmod)
def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """Answer ``np.divmod``."""
    return np.floor_divide(x, y), np.remainder(x, y)


# Steps: flat wherever they have a derivative

SIGN = constant_of(
    "sign", np.sign, form=Map("sign(x)"), domain=((-3.0, 3.0),), numpy=()
)
for _name, _function, _text in (
    ("floor", np.floor, "floor(x)"),
    ("ceil", np.ceil, "ceil(x)"),
    ("trunc", np.trunc, "trunc(x)"),
    ("rint", np.rint, "rint(x)"),
):
    constant_of(_name, _function, form=Map(_text), domain=((-3.0, 3.0),))
constant_of(
    "floor_divide",
    np.floor_divide,
    form=Map("x // y"),
    domain=((-3.0, 3.0), (0.5, 2.0)),
)
elementwise(
    "heaviside",
    np.heaviside,
    (
        lambda z, x, y: 0.0,
        lambda z, x, y: np.where(x == 0, z.dtype.type(1), z.dtype.type(0)),
    ),
    form=Map("select(x != x, x, select(x == 0, y, select(x < 0, 0, 1)))"),
)
constant_of(
    "spacing",
    np.spacing,
    form=Map("nextafter(x, select(x < 0, -inf, inf)) - x"),
    domain=((-3.0, 3.0),),
)
elementwise(
    "nextafter", np.nextafter, (1, lambda z, x, y: 0.0), form=Map("nextafter(x, y)")
)

# Complex numbers.  A gradient is du/dx - i du/dy, so it pairs with dz by Re(g dz).

linear(
    "conjugate",
    np.conjugate,
    lambda g, x: np.conjugate(g),
    numpy=(np.conjugate,),
    form=Map("x"),
)
linear("real", np.real, lambda g, x: g, view=True, numpy=(np.real,), form=Map("x"))


def imag_transpose(g: Any, x: Any) -> Any:
    """Return -i g, as Re(-i g dz) = g Im(dz); zero for real numbers."""
    return -1j * g if x.dtype.kind == "c" else np.zeros(x.shape, x.dtype)


linear("imag", np.imag, imag_transpose, form=Map("0"), view=True, numpy=(np.imag,))


@answers(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """Answer ``np.angle``."""
    is_complex = z.dtype.kind == "c"
    result = np.arctan2(np.imag(z) if is_complex else 0, np.real(z))
    return result * (180 / np.pi) if deg else result


def complex_sign_jvp(tangents: Any, result: Any, x: Any) -> Any:
    """Return the part of the tangent across z, over |z|; 0 at 0."""
    along = np.real(np.conjugate(result) * tangents[0])
    return across(tangents[0] - result * along, x)


def complex_sign_vjp(g: Any, result: Any, x: Any) -> Any:
    """Return the transpose of the forward rule."""
    along = np.real(g * result)
    return (across(g - along * np.conjugate(result), x),)


def across(part: Any, x: Any) -> Any:
    """Return a part of a tangent over |z|; 0 at 0."""
    return share_of(part, np.absolute(x))


COMPLEX_SIGN = general(
    "complex_sign", np.sign, form=Map(), jvp=complex_sign_jvp, vjp=complex_sign_vjp
)


@answers(np.sign)
def sign(x: Any) -> Any:
    """Answer ``np.sign``: flat for real numbers, z/|z| for complex ones."""
    return apply(COMPLEX_SIGN if x.dtype.kind == "c" else SIGN, x)
