"""The methods of SciPy's distributions: supports, bad parameters, location and scale.

What a distribution is between the ends of its support is its own formula of SciPy's,
``_logpdf`` and its kin, which are NumPy and special functions and record as they stand;
where that cannot be recorded, or is no good to differentiate, it is one of `formulas`.
SciPy is imported where one of its distributions is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operation import answers_named, apply
from wengert.core.types import Recorded, plain_example
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS

Function = Callable[..., Any]


def formula(dist: Any, name: str) -> Function:
    """Return a formula of a distribution, by the name of SciPy's private method."""
    from wengert.ops.stats.formulas import DEFAULTS
    from wengert.ops.stats.own import FORMULAS

    kind = type(dist)
    own = FORMULAS.get(kind, {}).get(name)
    if own is not None:
        return own
    default = DEFAULTS.get(getattr(kind, name))
    if default is not None:
        return lambda *x: default(dist, *x)
    found: Function = getattr(dist, name)
    return found


# Where a distribution is


def holds(condition: Any) -> bool:
    """Whether a condition is no matter of recorded values, and true everywhere."""
    return not isinstance(condition, Recorded) and bool(np.all(condition))


def both(first: Any, second: Any) -> Any:
    """Return where two conditions hold."""
    if holds(first) and np.ndim(first) == 0:
        return second
    return first if holds(second) and np.ndim(second) == 0 else first & second


def choose(condition: Any, value: Any, other: Any) -> Any:
    """Return a value where a condition holds, else another."""
    return value if holds(condition) else np.where(condition, value, other)


def are_good(dist: Any, args: Any) -> Any:
    """Return where the shape parameters are those of a distribution."""
    from scipy.stats import rv_continuous

    if type(dist)._argcheck is not rv_continuous._argcheck:
        return dist._argcheck(*args)
    good: Any = np.True_
    for arg in args:
        good = both(good, arg > 0)
    return good


def support(dist: Any, args: Any) -> tuple[Any, Any, bool]:
    """Return the ends of the standard distribution, and whether there are none."""
    from wengert.ops.stats.own import FORMULAS

    own = FORMULAS.get(type(dist), {}).get("_support", dist._get_support)
    a, b = own(*args)
    is_plain = not isinstance(a, Recorded) and not isinstance(b, Recorded)
    is_whole = is_plain and bool(np.all(np.isneginf(a)) and np.all(np.isposinf(b)))
    return a, b, is_whole


def inside(x: Any, condition: Any, a: Any, b: Any) -> Any:
    """Return x, and some number of the support where it is outside."""
    if holds(condition):
        return x
    a, b = (apply(STOP_GRADIENT, as_array(end)) for end in (a, b))
    has_low, has_high = np.isfinite(a), np.isfinite(b)
    low = np.where(has_low, a, np.where(has_high, b - 2.0, -1.0))
    high = np.where(has_high, b, np.where(has_low, a + 2.0, 1.0))
    return np.where(condition, x, 0.5 * (low + high))


def result(value: Any) -> Any:
    """Return a result as SciPy does: a number where it has no axes.

    Powers of Python's own numbers are complex where the parameters are bad.
    """
    if (
        type(plain_example(value)) is float
    ):  # of arithmetic alone with a number of Python's own
        return np.positive(value)
    value = np.real(value) if value.dtype.kind == "c" else value
    return value[()] if np.ndim(value) == 0 else value


def standard(x: Any, loc: Any, scale: Any) -> Any:
    """Return x less the location, over the scale, in double precision."""
    kind = np.promote_types(x.dtype, np.float64)
    if np.ndim(loc) or isinstance(loc, Recorded) or loc != 0:
        x = x - loc
    if np.ndim(scale) or isinstance(scale, Recorded) or scale != 1:
        x = x / scale
    return x if x.dtype == kind else np.astype(x, kind)


# Continuous distributions


def density(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Any:
    """Return a density or its logarithm."""
    args, loc, scale = dist._parse_args(*args, **kwds)
    x, loc, scale, *args = map(as_array, (x, loc, scale, *args))
    is_log = name == "_logpdf"
    with np.errstate(all="ignore"):
        good = both(are_good(dist, args), scale > 0)
        x = standard(x, loc, scale)
        a, b, is_whole = support(dist, args)
        there = good if is_whole else both(good, is_in_support(dist, x, args, a, b))
        value = formula(dist, name)(x if is_whole else inside(x, there, a, b), *args)
        if np.ndim(scale) or isinstance(scale, Recorded) or scale != 1:
            value = value - np.log(scale) if is_log else value / scale
        rest: Any = -np.inf if is_log else 0.0
        if not (is_whole and holds(good)):
            rest = np.where(np.isnan(x), np.nan, rest)
        value = choose(there, value, choose(good, rest, np.nan))
    return result(value)


def is_in_support(dist: Any, x: Any, args: Any, a: Any, b: Any) -> Any:
    """Return where a number is in the support, with its ends unless it says not."""
    from scipy.stats import rv_continuous

    mask = type(dist)._support_mask
    if mask is rv_continuous._support_mask:
        return between(x, a, b)
    if mask is rv_continuous._open_support_mask:
        return (a < x) & (x < b)
    return dist._support_mask(x, *args)


def between(x: Any, a: Any, b: Any) -> Any:
    """Return where a number is between two; they are not both infinite for all."""
    ends = [] if is_infinite(a) else [a <= x]
    ends += [] if is_infinite(b) else [x <= b]
    return both(*ends) if len(ends) == 2 else ends[0]


#: What a distribution function is below, and from its upper end on.
ENDS = {
    "_cdf": (0.0, 1.0),
    "_logcdf": (-np.inf, 0.0),
    "_sf": (1.0, 0.0),
    "_logsf": (0.0, -np.inf),
}


def cumulative(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Any:
    """Return a distribution function, its complement, or the logarithm of either."""
    args, loc, scale = dist._parse_args(*args, **kwds)
    x, loc, scale, *args = map(as_array, (x, loc, scale, *args))
    below, above = ENDS[name]
    with np.errstate(all="ignore"):
        good = both(are_good(dist, args), scale > 0)
        x = standard(x, loc, scale)
        a, b, _ = support(dist, args)
        there = both(good, (a < x) & (x < b))
        value = formula(dist, name)(inside(x, there, a, b), *args)
        rest = np.where(x >= b, above, below)
        rest = np.where(np.isnan(x), np.nan, rest)
        value = np.where(there, value, choose(good, rest, np.nan))
    return result(value)


def quantile(dist: Any, name: str, q: Any, args: Any, kwds: Any) -> Any:
    """Return the number that has a probability below it, or above it."""
    args, loc, scale = dist._parse_args(*args, **kwds)
    q, loc, scale, *args = map(as_array, (q, loc, scale, *args))
    with np.errstate(all="ignore"):
        good = both(both(are_good(dist, args), scale > 0), loc == loc)
        there = both(good, (q >= 0) & (q <= 1))
        value = formula(dist, name)(np.where(there, q, 0.5), *args) * scale + loc
        a, b, _ = support(dist, args)
        if name == "_isf":
            a, b = b, a
        ends = [end if is_infinite(end) else end * scale + loc for end in (a, b)]
        at_end = np.where(q == 0, ends[0], np.where(q == 1, ends[1], value))
        value = choose(there, apply(VALUED_AS, value, at_end), np.nan)
    return result(value)


def is_infinite(end: Any) -> bool:
    """Whether an end is infinite, whatever the parameters are."""
    return not isinstance(end, Recorded) and bool(np.all(np.isinf(end)))


# Discrete distributions


def whole(dist: Any, k: Any, args: Any, kwds: Any) -> Any:
    """Return the parts of a call: by a whole number there is no derivative."""
    args, loc, _ = dist._parse_args(*args, **kwds)
    k, loc, *args = map(as_array, (k, loc, *args))
    if np.ndim(loc) or isinstance(loc, Recorded) or loc != 0:
        k = k - loc
    return apply(STOP_GRADIENT, k), loc, args


def rounded_in(value: Any) -> Any:
    """Return a probability that rounding may have moved beyond 0 or 1, as SciPy does.

    At 0 and at 1 it moves as its formula does.
    """
    return apply(VALUED_AS, value, np.clip(value, 0, 1))


def probability(dist: Any, name: str, k: Any, args: Any, kwds: Any) -> Any:
    """Return the probability of a number, or its logarithm."""
    k, _, args = whole(dist, k, args, kwds)
    is_log = name == "_logpmf"
    with np.errstate(all="ignore"):
        good = are_good(dist, args)
        a, b, _ = support(dist, args)
        there = both(good, both((k >= a) & (k <= b), dist._nonzero(k, *args)))
        value = formula(dist, name)(np.where(there, k, a), *args)
        value = value if is_log else rounded_in(value)
        rest = np.where(np.isnan(k), np.nan, -np.inf if is_log else 0.0)
        value = np.where(there, value, choose(good, rest, np.nan))
    return result(value)


def step(dist: Any, name: str, k: Any, args: Any, kwds: Any) -> Any:
    """Return a distribution function of whole numbers, or what belongs to it."""
    k, _, args = whole(dist, k, args, kwds)
    below, above = ENDS[name]
    with np.errstate(all="ignore"):
        good = are_good(dist, args)
        a, b, _ = support(dist, args)
        there = both(good, (k >= a) & (k < b) & np.isfinite(k))
        value = formula(dist, name)(np.where(there, k, a), *args)
        value = value if "log" in name else rounded_in(value)
        rest = np.where(k >= b, above, below)
        rest = np.where(np.isnan(k), np.nan, rest)
        rest = choose(good, rest, np.nan)
        if name == "_logcdf":  # of bad parameters too
            rest = np.where(k >= b, above, rest)
        value = np.where(there, value, rest)
    return result(value)


# Which methods are answered


def row(kind: str, name: str, how: Function) -> None:
    """Enter the row of a method: `how` answers it by the private one of the name."""

    def answer(self: Any, x: Any, *args: Any, **kwds: Any) -> Any:
        return how(self, f"_{name}", x, args, kwds)

    answers_named(f"scipy.stats:{kind}.{name}")(answer)


for _name in ("pdf", "logpdf"):
    row("rv_continuous", _name, density)
for _name in ("cdf", "logcdf", "sf", "logsf"):
    row("rv_continuous", _name, cumulative)
    row("rv_discrete", _name, step)
for _name in ("ppf", "isf"):
    row("rv_continuous", _name, quantile)
for _name in ("pmf", "logpmf"):
    row("rv_discrete", _name, probability)


# Moments


def parts_of_stats(dist: Any, args: Any, kwds: Any) -> tuple[Any, ...]:
    """Return the parts of a call, and where its parameters are good."""
    args, loc, scale, moments = dist._parse_args_stats(*args, **kwds)
    loc, scale, *args = map(as_array, (loc, scale, *args))
    good = both(both(are_good(dist, args), scale > 0), loc == loc)
    return args, loc, scale, moments, good


def doubled(value: Any) -> Any:
    """Return numbers in double precision, in which SciPy has the results."""
    return value if value.dtype == np.float64 else np.astype(value, np.float64)


@answers_named("scipy.stats:rv_continuous.stats")
def stats(self: Any, *args: Any, **kwds: Any) -> Any:
    """Answer the method ``stats``, which ``mean``, ``var`` and ``std`` call."""
    with np.errstate(all="ignore"):
        args, loc, scale, moments, good = parts_of_stats(self, args, kwds)
        settings = {"moments": moments} if self._stats_has_moments else {}
        mean, variance, skewness, kurtosis = formula(self, "_stats")(*args, **settings)

        def central(order: int) -> Any:
            return formula(self, "_munp")(order, *args)

        mean = central(1) if mean is None else mean
        if variance is None and set(moments) & set("vsk"):
            variance = central(2) - mean**2
        if skewness is None and set(moments) & set("sk"):
            third = (-mean * mean - 3 * variance) * mean + central(3)
            skewness = third / variance**1.5
        if kurtosis is None and "k" in moments:
            third = skewness * variance**1.5
            fourth = ((-(mean**2) - 6 * variance) * mean - 4 * third) * mean
            kurtosis = (fourth + central(4)) / variance**2 - 3.0
        found = {
            "m": lambda: mean * scale + loc,
            "v": lambda: variance * scale * scale,
            "s": lambda: skewness,
            "k": lambda: kurtosis,
        }
        values = [
            result(doubled(np.where(good, found[m](), np.nan)))
            for m in "mvsk"
            if m in moments
        ]
    return values[0] if len(values) == 1 else tuple(values)


@answers_named("scipy.stats:rv_continuous.entropy")
def entropy(self: Any, *args: Any, **kwds: Any) -> Any:
    """Answer the method ``entropy``."""
    with np.errstate(all="ignore"):
        args, _, scale, _, good = parts_of_stats(self, args, kwds)
        value = formula(self, "_entropy")(*map(doubled, args)) + np.log(scale)
        return result(doubled(np.where(good, value, np.nan)))


# What the formulas of SciPy's are made of


@answers_named(
    "scipy._lib.array_api_extra._lib._funcs:apply_where",
    "scipy._external.array_api_extra._lib._funcs:apply_where",  # from SciPy 1.18 on
)
def apply_where(
    cond: Any,
    args: Any,
    f1: Any,
    f2: Any = None,
    /,
    *,
    fill_value: Any = None,
    **_: Any,
) -> Any:
    """Answer the function that computes one thing where a condition holds, else one."""
    args = args if type(args) is tuple else (args,)
    other = fill_value if f2 is None else f2(*args)
    return np.where(cond, f1(*args), other)


@answers_named("scipy._lib._util:_lazyselect")
def lazyselect(condlist: Any, choicelist: Any, arrays: Any, default: Any = 0) -> Any:
    """Answer the function that computes the first choice of which a condition holds."""
    found = np.broadcast_to(default, np.broadcast_shapes(*map(np.shape, arrays)))
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        found = np.where(condition, choice(*arrays), found)
    return found
