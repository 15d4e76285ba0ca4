"""Checks of derivatives against numbers that no rule had a part in.

`check_grads` compares both modes, to any order, with a numeric derivative of the
function itself: a complex step where the function allows one, and central differences
with Richardson's extrapolation otherwise.  `taylor_test` measures the order at which
the remainder of a Taylor polynomial shrinks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wengert.api import jvp, record, vjp
from wengert.capture import tree
from wengert.core.checked import agree, same
from wengert.core.operation import apply
from wengert.core.tape import CONSTANT, GUARD, CompNode, Tape
from wengert.core.types import has_class, is_array
from wengert.errors import ArgumentError, CheckError, WengertError, explain

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]

__all__ = ["Comparison", "GradCheck", "TaylorTest", "check_grads", "taylor_test"]

EPS = float(np.finfo(np.float64).eps)
#: Step of the central differences.  Their error after one extrapolation is
#: h^4 f''''' + eps f / h, least at h = eps^(1/5).
STEP = EPS**0.2
#: Step of the complex step: its square vanishes beside 1, and it subtracts nothing.
COMPLEX_STEP = 1e-30
#: Rounding errors, in units of the dtype's eps, that a derivative of a long computation
#: may gather: float64 then agrees to 2e-13, float32 to 1.2e-4, of the largest element.
ROUNDINGS = 1000.0
#: A numeric derivative whose own error is larger than this share of it decides nothing.
WORST = 1e-4
#: How far arguments move for a second recording, relative to their size: far enough to
#: change every number that follows from them, too near to take another branch.
MOVED = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One derivative beside its numeric value.

    Attributes
    ----------
    derivative : str
        ``"forward"``, ``"reverse"``, ``"reverse of forward"``, ...
    argument : str
        The argument it was taken by, such as ``"argument 0"`` or ``"argument 1['w']"``.
    analytic, numeric : arrays of one shape
        Forward: the derivative of every result along a random direction.  Reverse: its
        product with random weights of the results.
    tolerance : float
        The largest difference that rounding and the step explain.
    method : str
        ``"complex step"`` or ``"differences"``.
    """

    derivative: str
    argument: str
    analytic: Any
    numeric: Any
    tolerance: float
    method: str

    @property
    def error(self) -> float:
        """The largest absolute difference; NaN where only one side is NaN."""
        return largest_difference(self.analytic, self.numeric)

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        return (
            f"{self.derivative:<20} {self.argument:<14} error {self.error:8.1e}  "
            f"tolerance {self.tolerance:8.1e}  {self.method}"
        )


@dataclass(frozen=True, slots=True)
class GradCheck:
    """What `check_grads` compared; printing it lists every comparison.

    Attributes
    ----------
    function : str
    comparisons : tuple of Comparison
    absorbed : tuple of str
        Operations, with the line they came from, whose derivative is infinite or NaN
        here and counts for nothing, because a zero multiplies it.
    """

    function: str
    comparisons: tuple[Comparison, ...]
    absorbed: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every comparison passed."""
        return all(comparison.passed for comparison in self.comparisons)

    def __str__(self) -> str:
        lines = [f"check_grads of {self.function}", *map(str, self.comparisons)]
        lines += [f"absorbed by a zero: {where}" for where in self.absorbed]
        return "\n  ".join(lines)


# check_grads


@dataclass(frozen=True, slots=True)
class Settings:
    """What every level of a check shares."""

    name: str
    arguments: tuple[str, ...]
    modes: tuple[str, ...]
    atol: float | None
    rtol: float | None
    eps: float
    dtype_eps: float
    random: np.random.Generator
    #: Whether a failure looks for the operation whose derivative is wrong.
    looks_inside: bool = True


def check_grads(
    f: Function,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> GradCheck:
    """Compare the derivatives of `f` with numeric ones; raise where they differ.

    Each floating-point leaf of the arguments is moved along a random direction, alone.
    Forward mode must give the numeric derivative of every result, reverse mode its
    product with random weights; from `order` 2 on the same is asked of the forward and
    of the reverse derivative as functions themselves, in every combination of `modes`.

    Parameters
    ----------
    f : callable, returns numbers, arrays or nested containers of them
    args : sequence of arguments; what is not floating point is passed on as it is
    order : int, default 2
    modes : sequence of ``"fwd"`` and ``"rev"``
    atol, rtol : float, optional
        A difference up to ``atol + rtol * |numeric|`` is allowed.  By default it is
        1000 roundings of the arguments' dtype, relative to the largest element, and
        what the numeric derivative says of its own error.
    eps : float, optional
        Step of the differences, in units of the argument; default 7.4e-4 = eps^(1/5).

    Returns
    -------
    GradCheck
        Every comparison; print it.

    Raises
    ------
    CheckError
        If a derivative differs from its numeric value by more than the tolerance, has
        another shape or dtype than its argument, or the numeric value cannot tell.

    See Also
    --------
    taylor_test, grad, rule

    Notes
    -----
    Cost: Some dozen evaluations of `f` for every argument at order 1, and as many of
    its derivatives for every further order.

    Numeric derivatives are taken in float64, also of float32 arguments.  The complex
    step (Squire and Trapp, SIAM Review 40, 1998) is used where it agrees with the
    differences, so for analytic functions of real arguments.  At complex arguments the
    convention of reverse mode is du/dx - i du/dy.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import check_grads
    >>> check_grads(lambda x, y: np.sin(x) * y, (0.5, 2.0)).passed
    True
    """
    check_modes(modes)
    function, leaves, names = as_flat(f, args)
    settings = Settings(
        getattr(f, "__name__", repr(f)),
        names,
        tuple(modes),
        atol,
        rtol,
        STEP if eps is None else eps,
        max(float(np.finfo(leaf.dtype).eps) for leaf in leaves),
        np.random.default_rng(0),
    )
    found: list[Comparison] = []
    check_level(function, leaves, "", order, settings, found)
    return GradCheck(settings.name, tuple(found), absorbed_by_zeros(function, leaves))


def absorbed_by_zeros(function: Function, leaves: list[Any]) -> tuple[str, ...]:
    """Return the elementwise nodes whose non-finite partials meet a zero gradient."""
    tape = record(function, *leaves)
    with np.errstate(all="ignore"):
        tape.forward()
        seeds = [np.ones_like(node.output) for node in tape.outputs]
        tape.backward(seeds[0] if len(seeds) == 1 else seeds)
        found = [
            f"{node.operation.name} at {node.line}"
            for node in tape.computations
            if node.operation.partials and absorbs(node)
        ]
    return tuple(dict.fromkeys(found))


def absorbs(node: CompNode) -> bool:
    """Whether a partial of a node is not finite where the node's gradient is zero."""
    values = [operand.output for operand in node.inputs]
    values = [np.asarray(value)[()] for value in [node.output, *values]]
    unreached = np.equal(node.gradient, 0)
    return any(
        bool(np.any(unreached & ~np.isfinite(partial(*values))))
        for partial in node.operation.partials
        if callable(partial)
    )


def check_modes(modes: Sequence[str]) -> None:
    """Raise unless every mode is known."""
    for mode in modes:
        if mode not in ("fwd", "rev"):
            raise ArgumentError(
                explain(
                    f"check_grads was asked for mode {mode!r}",
                    "there are two modes, forward and reverse",
                    "modes=('fwd', 'rev')",
                )
            )


def as_flat(
    f: Function, args: Sequence[Any]
) -> tuple[Function, list[Any], tuple[str, ...]]:
    """Return `f` as a function from float leaves to a list of float leaves.

    Also the leaves, and what to call each of them.
    """
    if not isinstance(args, (tuple, list)):
        raise ArgumentError(
            explain(
                f"check_grads was given arguments as {type(args).__name__}",
                "they are listed, one entry an argument of the function",
                "check_grads(f, (x,))",
            )
        )
    leaves, structure = tree.flatten_all(tuple(args))
    places = [k for k, leaf in enumerate(leaves) if is_float(leaf)]
    if not places:
        raise ArgumentError(
            explain(
                "check_grads was given no floating-point argument",
                "derivatives are checked by numbers that can be moved a little",
                "check_grads(f, (1.0,)): the arguments as a tuple, of floats",
            )
        )

    def function(*moved: Any) -> list[Any]:
        given = list(leaves)
        for place, leaf in zip(places, moved, strict=True):
            given[place] = leaf
        # The function may write into its arguments.
        given = [x.copy("K") if is_array(x) else x for x in given]
        results = tree.shown(f(*tree.unflatten(structure, given)))
        return [result for result in results if is_float(result)]

    names = leaf_names(args)
    chosen = [np.asarray(leaves[k])[()] for k in places]
    return function, chosen, tuple(names[k] for k in places)


def is_float(value: Any) -> bool:
    """Whether a leaf is a real or complex floating-point number or array."""
    dtype = getattr(value, "dtype", None)
    return (
        dtype.kind in "fc" if dtype is not None else has_class(value, (float, complex))
    )


def leaf_names(args: Sequence[Any]) -> list[str]:
    """Return what to call every leaf of the arguments: ``argument 1['w']``."""
    names: list[str] = []
    for k, arg in enumerate(args):
        name_leaves(arg, f"argument {k}", names)
    return names


def name_leaves(value: Any, name: str, names: list[str]) -> None:
    """Append the names of the leaves of one argument, in the order of `tree`."""
    if isinstance(value, dict):
        for key in value:
            name_leaves(value[key], f"{name}[{key!r}]", names)
    elif isinstance(value, list | tuple):
        for k, part in enumerate(value):
            name_leaves(part, f"{name}[{k}]", names)
    else:
        count = len(tree.flatten(value)[0])
        names.extend([name] if count == 1 else [f"{name}.{k}" for k in range(count)])


def check_level(
    function: Function,
    leaves: list[Any],
    of: str,
    order: int,
    settings: Settings,
    found: list[Comparison],
) -> None:
    """Check the first derivatives of a flat function, then those of its derivatives."""
    random = settings.random
    values = [np.asarray(value) for value in function(*leaves)]
    directions = [random_like(leaf, random) for leaf in leaves]
    weights = [random_like(value, random) for value in values]
    for k in range(len(leaves)):
        try:
            numeric = directional(function, leaves, k, directions[k], settings.eps)
        except UncertainError as error:
            found_in = suspect(function, leaves, settings)
            raise uncertain(error, found_in) from None
        for mode in settings.modes:
            compare = compare_forward if mode == "fwd" else compare_reverse
            for comparison in compare(
                function, leaves, k, directions[k], weights, numeric, settings, of
            ):
                found.append(comparison)
                if not comparison.passed:
                    found_in = suspect(function, leaves, settings)
                    raise failure(settings.name, comparison, found_in)
    if order > 1:
        for mode in settings.modes:
            derivative = derivative_function(function, mode, directions, weights)
            check_level(
                derivative, leaves, f" of {NAMES[mode]}{of}", order - 1, settings, found
            )


NAMES = {"fwd": "forward", "rev": "reverse"}


def derivative_function(
    function: Function, mode: str, directions: list[Any], weights: list[Any]
) -> Function:
    """Return a derivative of a flat function, along given directions, as one itself."""

    def forward(*leaves: Any) -> Any:
        return jvp(function, leaves, tuple(directions))[1]

    def reverse(*leaves: Any) -> Any:
        return list(vjp(function, *leaves)[1](weights))

    return forward if mode == "fwd" else reverse


def compare_forward(
    function: Function,
    leaves: list[Any],
    k: int,
    direction: Any,
    weights: list[Any],
    numeric: Numeric,
    settings: Settings,
    of: str,
) -> list[Comparison]:
    """Return the comparisons of forward mode, one a result."""
    tangents = [np.zeros_like(leaf) for leaf in leaves]
    tangents[k] = direction
    values, pushed = jvp(function, tuple(leaves), tuple(tangents))
    comparisons = []
    for value, tangent, expected, error in zip(
        values, pushed, numeric.values, numeric.errors, strict=True
    ):
        check_type("tangent", tangent, value, settings, k)
        tolerance = tolerance_of(expected, error, settings, numeric)
        comparisons.append(
            Comparison(
                f"forward{of}",
                settings.arguments[k],
                tangent,
                expected,
                tolerance,
                numeric.method,
            )
        )
    return comparisons


def compare_reverse(
    function: Function,
    leaves: list[Any],
    k: int,
    direction: Any,
    weights: list[Any],
    numeric: Numeric,
    settings: Settings,
    of: str,
) -> list[Comparison]:
    """Return the comparison of reverse mode: one number, summed over the results."""
    gradient = vjp(function, *leaves)[1](list(weights))[k]
    check_type("gradient", gradient, leaves[k], settings, k)
    analytic = real_product(gradient, direction)
    expected, error, size = 0.0, 0.0, 0.0
    for weight, value, own in zip(weights, numeric.values, numeric.errors, strict=True):
        expected += real_product(weight, value)
        total = float(np.sum(np.abs(weight)))
        error += own * total
        size += total * norm(value)
    tolerance = tolerance_of(expected, error, settings, numeric, size)
    return [
        Comparison(
            f"reverse{of}",
            settings.arguments[k],
            analytic,
            expected,
            tolerance,
            numeric.method,
        )
    ]


def real_product(g: Any, v: Any) -> float:
    """Return the real part of the sum of g times v, in float64 or better."""
    product = np.multiply(np.asarray(g, np.result_type(g, np.float64)), v)
    return float(np.sum(np.real(product)))


def norm(value: Any) -> float:
    """Return the largest absolute value, 0 of no elements."""
    return float(np.max(np.abs(value), initial=0.0))


def tolerance_of(
    numeric: Any, error: float, settings: Settings, how: Numeric, size: float = 0.0
) -> float:
    """Return the difference that rounding and the numeric error explain."""
    if settings.atol is not None or settings.rtol is not None:
        return (settings.atol or 0.0) + (settings.rtol or 0.0) * norm(numeric)
    scale = max(norm(numeric), size, how.scale)
    return ROUNDINGS * settings.dtype_eps * scale + error


def largest_difference(analytic: Any, numeric: Any) -> float:
    """Return the largest absolute difference; equal infinities and NaNs agree."""
    analytic, numeric = np.asarray(analytic), np.asarray(numeric)
    if analytic.shape != numeric.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        difference = np.abs(analytic - numeric)
    same = (analytic == numeric) | (np.isnan(analytic) & np.isnan(numeric))
    return float(np.max(np.where(same, 0.0, difference), initial=0.0))


def check_type(what: str, value: Any, like: Any, settings: Settings, k: int) -> None:
    """Raise unless a derivative has the shape and the dtype of what it belongs to."""
    found, expected = np.asarray(value), np.asarray(like)
    if found.shape == expected.shape and found.dtype == expected.dtype:
        return
    raise CheckError(
        explain(
            f"the {what} of {settings.name} by {settings.arguments[k]} is "
            f"{found.dtype}{list(found.shape)}, of a value that is "
            f"{expected.dtype}{list(expected.shape)}",
            "a derivative has the shape and the dtype of its value",
            "correct the rule; np.broadcast_to and .astype make them agree",
        )
    )


def suspect(function: Function, leaves: list[Any], settings: Settings) -> str:
    """Return the first operation, with its line, whose own derivative is wrong.

    Empty where every operation of the function is right on its own.  Only a failure
    asks.
    """
    if not settings.looks_inside:
        return ""
    try:
        tape = record(function, *leaves)
    except WengertError:  # it cannot be kept: it draws random numbers
        return ""
    with np.errstate(all="ignore"):
        tape.forward()
        return first_wrong(tape, settings)


def first_wrong(tape: Tape, settings: Settings) -> str:
    """Return the first operation of a played tape whose own derivative is wrong."""
    alone = replace(settings, looks_inside=False, atol=None, rtol=None)
    for node in tape.computations[len(tape.inputs) :]:
        values = [operand.output for operand in node.inputs]
        places = [k for k, value in enumerate(values) if is_float(value)]
        if not (node.operation.is_differentiable and places):
            continue
        given = [np.asarray(values[k])[()] for k in places]
        names = tuple(f"operand {k}" for k in places)
        try:
            by_itself = operation_alone(tape, node.index, values, places)
            check_level(by_itself, given, "", 1, replace(alone, arguments=names), [])
        except CheckError:
            return f"{node.operation.name}, recorded at {node.line}"
    return ""


def operation_alone(
    tape: Tape, index: int, values: list[Any], places: list[int]
) -> Function:
    """Return one node's operation as a flat function of some of its operands."""
    operation, settings = tape.operations[index], tape.settings[index]

    def function(*moved: Any) -> list[Any]:
        given = list(values)
        for place, value in zip(places, moved, strict=True):
            given[place] = value
        found = apply(operation, *given, **settings)
        results = found if isinstance(found, tuple) else (found,)
        return [result for result in results if is_float(result)]

    return function


def failure(name: str, comparison: Comparison, found_in: str = "") -> CheckError:
    """Return the error of one wrong derivative, at its worst element."""
    analytic = np.asarray(comparison.analytic)
    numeric = np.asarray(comparison.numeric)
    at = ""
    if analytic.shape == numeric.shape and analytic.ndim:
        worst = np.unravel_index(np.argmax(np.abs(analytic - numeric)), analytic.shape)
        analytic, numeric = analytic[worst], numeric[worst]
        at = f" at result [{', '.join(str(int(k)) for k in worst)}]"
    return CheckError(
        explain(
            f"the {comparison.derivative} derivative of {name} by "
            f"{comparison.argument} is wrong{at}: analytic {analytic!s}, numeric "
            f"{numeric!s}",
            f"they differ by {comparison.error:.2g}, and {comparison.method} allows "
            f"{comparison.tolerance:.2g}"
            + (f"; suspect: {found_in}, whose own is wrong" if found_in else ""),
            "correct the rule of the operation; at a kink move the argument, or set "
            "atol, rtol or eps",
        )
    )


# Numeric derivatives


@dataclass(frozen=True, slots=True)
class Numeric:
    """A numeric derivative along one direction: one array a result, with its error."""

    values: list[Array]
    errors: list[float]
    method: str
    scale: float


def directional(
    function: Function, leaves: list[Any], k: int, direction: Any, eps: float
) -> Numeric:
    """Return the derivative of every result when leaf `k` moves along a direction.

    The complex step is taken at its word only where the differences confirm it: where
    a function is not analytic (an absolute value, a comparison) it is another number.
    """
    wide = [widen(leaf) for leaf in leaves]
    by_differences = differences(function, wide, k, widen(direction), eps)
    if any(np.asarray(leaf).dtype.kind == "c" for leaf in leaves):
        return by_differences
    stepped = complex_step(function, wide, k, widen(direction))
    if stepped is None or len(stepped) != len(by_differences.values):
        return by_differences
    for exact, rough, error in zip(
        stepped, by_differences.values, by_differences.errors, strict=True
    ):
        if not largest_difference(exact, rough) <= error:
            return by_differences
    errors = [0.0] * len(stepped)
    return Numeric(stepped, errors, "complex step", by_differences.scale)


def widen(value: Any) -> Any:
    """Return a value in double precision."""
    value = np.asarray(value)
    return value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)[()]


def moved(function: Function, leaves: list[Any], k: int, step: Any) -> list[Array]:
    """Return the results with one leaf moved by a step."""
    changed = [*leaves[:k], np.asarray(leaves[k] + step)[()], *leaves[k + 1 :]]
    return [np.asarray(value) for value in function(*changed)]


def differences(
    function: Function, leaves: list[Any], k: int, direction: Any, eps: float
) -> Numeric:
    """Return central differences at h, h/2 and h/4, extrapolated twice.

    The error is what the last extrapolation changed (it is far better than that), and
    the roundings of the values divided by the step.
    """
    slopes, size = [], 0.0
    h = eps * max(1.0, norm(leaves[k]))
    for step in (h, h / 2, h / 4):
        upper = moved(function, leaves, k, step * direction)
        lower = moved(function, leaves, k, -step * direction)
        size = max([size, *map(norm, upper)])
        slopes.append([(u - v) / (2 * step) for u, v in zip(upper, lower, strict=True)])
    values, errors = [], []
    for coarse, middle, fine in zip(*slopes, strict=True):
        first = (4 * middle - coarse) / 3
        second = (4 * fine - middle) / 3
        last = (16 * second - first) / 15
        rounding = 100 * EPS * size / h  # a value is good to a hundred roundings
        error = largest_difference(last, second) + rounding
        check_reliable(error, max(norm(last), size))
        values.append(last)
        errors.append(error)
    scale = size if np.isfinite(size) else 0.0
    return Numeric(values, errors, "differences", scale)


def check_reliable(error: float, scale: float) -> None:
    """Raise where a numeric derivative is too uncertain to judge by."""
    if error > WORST * max(scale, 1e-12):
        raise UncertainError(error, scale)


class UncertainError(Exception):
    """A numeric derivative that decides nothing: its error, and the size of it."""


def uncertain(raised: UncertainError, found_in: str) -> CheckError:
    """Return the error of a numeric derivative that decides nothing."""
    error, scale = raised.args
    return CheckError(
        explain(
            f"the numeric derivative is uncertain by {error:.2g} at size {scale:.2g}",
            "differences at three steps do not agree: a kink, a jump or a pole is "
            "near, or the function is not the same on every call"
            + (f"; suspect: {found_in}" if found_in else ""),
            "move the argument, choose eps, and fix seeds inside the function",
        )
    )


def complex_step(
    function: Function, leaves: list[Any], k: int, direction: Any
) -> list[Array] | None:
    """Return the complex-step derivatives; None where the function takes none.

    Every argument is made complex, so that gradients by the others keep their
    imaginary parts.
    """
    leaves = [leaf + 0j for leaf in leaves]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            results = moved(function, leaves, k, 1j * COMPLEX_STEP * direction)
    except Exception:
        return None
    return [np.imag(value) / COMPLEX_STEP for value in results]


def random_like(value: Any, random: np.random.Generator) -> Any:
    """Return normal numbers in the shape and dtype of a value."""
    value = np.asarray(value)
    drawn = random.standard_normal(value.shape)
    if value.dtype.kind == "c":
        drawn = drawn + 1j * random.standard_normal(value.shape)
    return np.asarray(drawn).astype(value.dtype)[()]


# taylor_test


@dataclass(frozen=True, slots=True)
class TaylorTest:
    """How fast the remainder of a Taylor polynomial shrinks with the step.

    Attributes
    ----------
    order : float
        Observed order: the least slope of log remainder over log step, of the steps
        whose remainder is above rounding; infinite where every remainder is below.
    expected : int
        2 with the gradient alone, 3 with the second derivative.
    steps, remainders : tuples of float
    """

    order: float
    expected: int
    steps: tuple[float, ...]
    remainders: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether the observed order is at least the expected one, less 0.1."""
        return self.order > self.expected - 0.1

    def __str__(self) -> str:
        rows = [
            f"  step {step:8.1e}  remainder {remainder:8.1e}"
            for step, remainder in zip(self.steps, self.remainders, strict=True)
        ]
        head = f"observed order {self.order:.2f}, expected {self.expected}"
        return "\n".join([head, *rows])


def taylor_test(
    f: Function,
    x: Any,
    direction: Any = None,
    order: int = 1,
    steps: Sequence[float] = (1e-2, 5e-3, 2.5e-3, 1.25e-3),
) -> TaylorTest:
    """Return the observed order of the remainder of `f` along a direction.

    Parameters
    ----------
    f : callable of one argument, returns one real number
    x : array or nested containers of arrays
    direction : in the structure of `x`, optional
        Default: normal numbers from a fixed seed.
    order : 1 or 2
        Derivatives in the polynomial: the gradient (by reverse mode), or also the
        second derivative (by forward over reverse).
    steps : decreasing floats

    Returns
    -------
    TaylorTest
        ``order`` near 2 with a right gradient, near 3 with a right second derivative;
        near 1, or 2, with a wrong one.  Nothing is raised: look at ``order`` or
        ``passed``.

    See Also
    --------
    check_grads, hvp

    Notes
    -----
    The remainder f(x + h v) - f(x) - h g.v [- h^2 v.H v / 2] is O(h^2) [O(h^3)]; the
    test is that of pyadjoint (`taylor_test`).

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import taylor_test
    >>> round(taylor_test(lambda x: np.sum(np.exp(x)), np.zeros(3)).order, 1)
    2.0
    """
    if order not in (1, 2):
        raise ArgumentError(
            explain(
                f"taylor_test was asked for order={order!r}",
                "it has polynomials of one and of two derivatives",
                "order=1, or order=2",
            )
        )
    leaves, structure = tree.flatten(x)
    leaves = [widen(leaf) for leaf in leaves]
    random = np.random.default_rng(0)
    if direction is None:
        v = [random_like(leaf, random) for leaf in leaves]
    else:
        given = tree.leaves_like(structure, direction, "the direction")
        v = [widen(leaf) for leaf in given]

    def flat(*parts: Any) -> Any:
        return f(tree.unflatten(structure, list(parts)))

    def slope(*parts: Any) -> Any:
        gradients = vjp(flat, *parts)[1](1.0)
        products = [np.sum(np.real(g * d)) for g, d in zip(gradients, v, strict=True)]
        return sum(products)

    value = float(flat(*leaves))
    first = float(slope(*leaves))
    second = float(jvp(slope, tuple(leaves), tuple(v))[1]) if order == 2 else 0.0
    remainders = []
    for h in steps:
        there = flat(*[leaf + h * d for leaf, d in zip(leaves, v, strict=True)])
        remainders.append(abs(float(there) - value - h * first - h * h / 2 * second))
    # Roundings of f at both ends; a remainder under a hundred of them shows noise only.
    floor = 100 * EPS * max(abs(value), 1e-300)
    observed = observed_order(steps, remainders, floor)
    return TaylorTest(observed, order + 1, tuple(steps), tuple(remainders))


def observed_order(
    steps: Sequence[float], remainders: Sequence[float], floor: float
) -> float:
    """Return the least slope between steps whose remainders are above `floor`."""
    slopes = [
        float(np.log(r0 / r1) / np.log(h0 / h1))
        for h0, h1, r0, r1 in zip(
            steps, steps[1:], remainders, remainders[1:], strict=False
        )
        if r1 > floor
    ]
    return min(slopes, default=float("inf"))


# Two recordings


@dataclass(frozen=True, slots=True)
class FrozenNumber:
    """A constant of a tape that another recording made another number.

    Attributes
    ----------
    line : str
        Where it met recorded values.
    before, now : its values in the two recordings
    follows_arguments : bool
        Whether only a recording at moved arguments changes it: a derivative misses it.
        Otherwise it differs from call to call.
    """

    line: str
    before: Any
    now: Any
    follows_arguments: bool

    def __str__(self) -> str:
        cause = "follows from the arguments" if self.follows_arguments else "changes"
        return (
            f"{self.line}: a number that is constant on the tape {cause}: "
            f"{self.before} became {self.now}"
        )


def frozen_numbers(f: Function, args: Sequence[Any]) -> tuple[FrozenNumber, ...]:
    """Return the constants that change when `f` is recorded again.

    The function is recorded twice at its arguments, and once at ones that are a little
    further; the tapes are compared node by node, as far as they do the same.
    """
    first = record(f, *args)
    again = changed_constants(first, record(f, *args), False)
    known = {number.line for number in again}
    moved_args = [tree.map_leaves(a_little_further, arg) for arg in args]
    moved_tape = record(f, *moved_args)
    found = changed_constants(first, moved_tape, True)
    return (*again, *(number for number in found if number.line not in known))


def a_little_further(leaf: Any) -> Any:
    """Return a floating-point leaf moved by a millionth; others as they are."""
    return leaf + (abs(leaf) + 1) * MOVED if is_float(leaf) else leaf


def changed_constants(
    one: Tape, other: Tape, follows_arguments: bool
) -> list[FrozenNumber]:
    """Return the constants that differ, up to where two tapes do different things."""
    found = []
    for index in range(min(len(one), len(other))):
        operation = one.operations[index]
        settings, others = one.settings[index], other.settings[index]
        if not agree(operation, other.operations[index]):
            break
        if one.operands[index] != other.operands[index]:
            break
        if same(settings, others):
            continue
        if operation is GUARD:
            break
        before: Any = settings["value"] if operation is CONSTANT else settings
        now: Any = others["value"] if operation is CONSTANT else others
        line = line_of(one, index)
        found.append(FrozenNumber(line, before, now, follows_arguments))
    return found


def line_of(tape: Tape, index: int) -> str:
    """Return the line of a node, or that of the first one that takes its output."""
    users = (k for k in range(index, len(tape)) if index in tape.operands[k])
    return tape.line(index) or tape.line(next(users, index))
