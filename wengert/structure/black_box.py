"""Black boxes: functions that cannot be recorded, with a Jacobian by other means."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from wengert.capture import tree
from wengert.core.types import Array, has_class
from wengert.errors import (
    DerivativeError,
    RecordingError,
    RuleError,
    UnsupportedError,
    explain,
)
from wengert.structure.custom_rules import (
    Rules,
    WithRule,
    call_with,
    check_given,
    line_of_rule,
    name_of,
)
from wengert.structure.nested import replaced, value_type

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[..., Any]
__all__ = ["black_box"]

#: Steps that balance what a difference leaves out against what rounding takes away.
COMPLEX_STEP = 1e-100
DIFFERENCE = float(np.cbrt(np.finfo(float).eps))
NUMERIC = ("complex-step", "finite-differences")


@overload
def black_box(
    fun: Callable[P, R],
    jacobian: Function | str | None = None,
    *,
    vectorized: bool = False,
) -> Callable[P, R]: ...


@overload
def black_box(
    fun: None = None,
    jacobian: Function | str | None = None,
    *,
    vectorized: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def black_box(
    fun: Function | None = None,
    jacobian: Function | str | None = None,
    *,
    vectorized: bool = False,
) -> Any:
    """Make code that cannot be recorded one node of the tape.

    The function is called on plain numbers and arrays, so it may be anything: a
    compiled library, a simulator, a table.

    Parameters
    ----------
    fun : callable
        Of numbers and arrays; returns a number or an array.  Keywords are passed on,
        and not differentiated.
    jacobian : callable, "complex-step" or "finite-differences", optional
        What derivatives are made of.  A callable takes what `fun` takes and returns its
        Jacobian, of shape ``result.shape + x.shape``, or a tuple of one an argument;
        written in NumPy, it is differentiated itself for higher orders.  The complex
        step is exact to rounding where `fun` computes with complex numbers; central
        differences keep some ten digits.  Without it, a derivative is an error.
    vectorized : bool
        Whether `fun` takes all arguments with more axes in front of their own: `vmap`,
        and a Jacobian by steps, then call it once for all points.

    Raises
    ------
    DerivativeError
        If a derivative is needed, and `jacobian` was not given or does not reach it.
    RuleError
        If a Jacobian does not fit, or the complex step meets real results.

    See Also
    --------
    rule, stop_gradient

    Notes
    -----
    Cost: One node for every call.  A derivative calls `jacobian` once; the complex step
    calls `fun` once an element of the arguments, differences twice.

    Examples
    --------
    >>> import math
    >>> from wengert import black_box, grad
    >>> erf = black_box(lambda x: math.erf(x), jacobian="finite-differences")
    >>> round(float(grad(erf)(0.0)), 6)
    1.128379
    """
    if fun is None:
        return functools.partial(black_box, jacobian=jacobian, vectorized=vectorized)
    return BlackBox(fun, jacobian, vectorized)


class BlackBox(WithRule):
    """A function that is one node, and differentiated by its Jacobian."""

    def __init__(
        self, fun: Function, jacobian: Function | str | None, vectorized: bool = False
    ) -> None:
        if isinstance(jacobian, str):
            check_known(fun, jacobian)
        check_given(fun, {"function": (fun, 0)})
        if not isinstance(jacobian, str):
            check_given(fun, {"jacobian": (jacobian, 0)})
        super().__init__(fun, None, None, None, vectorized=vectorized)
        self.settings = jacobian, vectorized
        self.name = name_of(fun)
        self.rules = Rules(
            fun,
            f"black_box_{self.name}",
            jvp=self.push,
            vjp=self.pull,
            vectorized=vectorized,
            told=True,
        )
        self.jacobian = jacobian
        self.vectorized = vectorized

    def push(self, tangents: Any, result: Any, *args: Any, **keywords: Any) -> Any:
        """Return the tangent of the result: the Jacobians times the tangents."""
        wanted = [tangent is not None for tangent in tangents]
        parts = [
            np.tensordot(part, tangent, np.ndim(tangent))
            for part, tangent in zip(
                self.parts(result, args, keywords, wanted), tangents, strict=True
            )
            if part is not None
        ]
        return functools.reduce(np.add, parts) if parts else None

    def pull(
        self, g: Any, result: Any, *args: Any, wanted: Sequence[bool], **keywords: Any
    ) -> Any:
        """Return the gradients of the arguments: the gradient times the Jacobians."""
        return tuple(
            None if part is None else np.tensordot(g, part, np.ndim(result))
            for part in self.parts(result, args, keywords, wanted)
        )

    def parts(
        self,
        result: Any,
        args: Sequence[Any],
        keywords: dict[str, Any],
        wanted: Sequence[bool],
    ) -> list[Any]:
        """Return the Jacobian by every wanted argument; None by whole numbers."""
        shape = np.shape(self.only_numbers("result", result))
        kinds = [value_type(self.only_numbers("argument", x)).dtype.kind for x in args]
        places = [k for k, kind in enumerate(kinds) if wanted[k] and kind in "fc"]
        found = self.found(args, keywords, places)
        for k in places:
            if np.shape(found[k]) != shape + np.shape(args[k]):
                raise self.misfit(np.shape(found[k]), shape + np.shape(args[k]), k)
        return replaced([None] * len(args), places, [found[k] for k in places])

    def found(
        self, args: Sequence[Any], keywords: dict[str, Any], places: list[int]
    ) -> Sequence[Any]:
        """Return the Jacobians as they were given, or are computed."""
        how, name = self.jacobian, f"the jacobian of {self.name}"
        if how is None:
            raise self.no_jacobian()
        if isinstance(how, str):
            steps = Steps(self.fun, self.name, how, self.vectorized, places)
            some = call_with(self.numeric(steps, name), tuple(args), keywords)
            return replaced([None] * len(args), places, some)
        try:
            given = how(*args, **keywords)
        except (RecordingError, UnsupportedError):  # it cannot be recorded either
            given = call_with(self.numeric(how, name), tuple(args), keywords)
        if len(args) == 1 and not isinstance(given, tuple):
            return (given,)
        if isinstance(given, (tuple, list)) and len(given) == len(args):
            return given
        shown = f"{len(given)} parts" if isinstance(given, (tuple, list)) else "one"
        raise self.misfit(shown, f"a tuple of {len(args)}", None)

    def numeric(self, jacobian: Function, name: str) -> Rules:
        """Return a Jacobian that is computed on plain numbers as one node."""
        return Rules(jacobian, name, jvp=self.no_second, vjp=self.no_second)

    # Refusals

    def only_numbers(self, what: str, value: Any) -> Any:
        """Return a value; raise unless it is a number or an array."""
        if has_class(value, tree.NUMERIC):
            return value
        raise RuleError(
            explain(
                f"a {what} of the black box {self.name} is a {type(value).__name__}",
                "a Jacobian has one axis of numbers for the result and each argument",
                "numbers and arrays as arguments and result, or wengert.rule, whose "
                "rules take nested containers",
                line_of_rule(self.fun),
            )
        )

    def misfit(self, found: Any, wanted: Any, place: int | None) -> Exception:
        """Return the error of a Jacobian of another shape, or number of parts."""
        of = "" if place is None else f" by argument {place}"
        return RuleError(
            explain(
                f"the jacobian of {self.name}{of} is {found}, where {wanted} belongs",
                "a Jacobian has the axes of the result, then those of its argument; of "
                "several arguments it is a tuple",
                f"return {wanted}",
                None if isinstance(self.jacobian, str) else line_of_rule(self.jacobian),
            )
        )

    def no_second(self, *_: Any, **__: Any) -> Any:
        """Raise the error of a derivative that a Jacobian does not reach."""
        raise DerivativeError(
            explain(
                f"a second derivative of {self.name} is needed, a black box",
                "its jacobian was computed from plain numbers, and has no derivative",
                "jacobian= a function in NumPy, which is recorded",
                line_of_rule(self.fun),
            )
        )

    def no_jacobian(self) -> Exception:
        """Return the error of a derivative that nothing was given for."""
        return DerivativeError(
            explain(
                f"a derivative of {self.name} is needed, which is a black box without "
                "a jacobian",
                "it was evaluated on plain values",
                f"wengert.black_box({self.name}, jacobian=...), with a function, "
                '"complex-step" or "finite-differences"; or wengert.stop_gradient on '
                "its arguments",
                line_of_rule(self.fun),
            )
        )


def check_known(fun: Function, jacobian: str) -> None:
    """Raise unless a text names a way to compute a Jacobian."""
    if jacobian not in NUMERIC:
        raise RuleError(
            explain(
                f"jacobian={jacobian!r} of the black box {name_of(fun)}",
                "a text names one of the two ways to compute a Jacobian by steps",
                '"complex-step", "finite-differences", or a function',
            )
        )


class Steps:
    """The Jacobian of a function by steps along every element of its arguments."""

    def __init__(
        self, fun: Function, name: str, how: str, vectorized: bool, places: list[int]
    ) -> None:
        self.fun, self.how, self.vectorized = fun, how, vectorized
        self.places, self.name = places, name
        self.__name__ = self.__qualname__ = f"jacobian_{name}"
        self.__module__ = getattr(fun, "__module__", None) or ""

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return [self.fun, self.how, self.vectorized, self.places]

    def __call__(self, *args: Any, **keywords: Any) -> tuple[Any, ...]:
        """Return the Jacobian by every argument that is differentiated."""
        return tuple(self.by(k, args, keywords) for k in self.places)

    def by(self, k: int, args: Sequence[Any], keywords: dict[str, Any]) -> Array:
        """Return the Jacobian by one argument."""
        x = np.asarray(args[k])
        if not x.size:
            return np.zeros(np.shape(self.fun(*args, **keywords)) + x.shape)
        if x.dtype.kind == "c":
            raise RuleError(
                explain(
                    f"the black box {self.name} has a complex argument",
                    f"{self.how} steps along real numbers",
                    "real and imaginary part as two arguments, or jacobian= a function",
                )
            )

        def at(points: Array) -> Array:
            return self.values([*args[:k], points, *args[k + 1 :]], k, keywords)

        # One point a row: the argument with one element moved.
        moves = np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
        if self.how == "complex-step":
            found = at(x + 1j * COMPLEX_STEP * moves)
            if found.dtype.kind != "c":
                raise self.not_complex(found.dtype)
            slopes = found.imag / COMPLEX_STEP
        else:
            size = np.maximum(1.0, np.abs(x)) * step_of(x.dtype)
            up, down = x + size * moves, x - size * moves
            width = np.sum((up - down).reshape(x.size, -1), axis=1)
            change = at(up) - at(down)
            slopes = change / width.reshape(-1, *(1,) * (change.ndim - 1))
        return np.moveaxis(slopes, 0, -1).reshape(slopes.shape[1:] + x.shape)

    def values(self, args: list[Any], k: int, keywords: dict[str, Any]) -> Array:
        """Return the function at many points of one argument, along the first axis."""
        points = args[k]
        if not self.vectorized:
            rows = [
                self.fun(*args[:k], point[()], *args[k + 1 :], **keywords)
                for point in points
            ]
            return np.asarray(rows)
        given = [
            value if j == k else np.broadcast_to(value, (len(points), *np.shape(value)))
            for j, value in enumerate(args)
        ]
        return np.asarray(self.fun(*given, **keywords))

    def not_complex(self, dtype: Any) -> Exception:
        """Return the error of a function that leaves the complex plane."""
        return RuleError(
            explain(
                f"{self.name} returned {dtype} at a complex argument",
                "the complex step reads the derivative off the imaginary part",
                'jacobian="finite-differences", or a function that computes with '
                "complex numbers (without abs, real, float, max)",
                line_of_rule(self.fun),
            )
        )


def step_of(dtype: np.dtype[Any]) -> float:
    """Return the relative step of a central difference."""
    return DIFFERENCE if dtype.itemsize >= 8 else float(np.cbrt(np.finfo(dtype).eps))
