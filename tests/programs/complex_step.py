"""What must hold of every program: its value, both derivatives, and its replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert
from tests.programs.analytic import INPUT_SHAPES, Program

Function = Callable[..., Any]
#: The complex step needs no difference, so its error is rounding alone; a program of a
#: few dozen operations on numbers of size 1 loses less than this.
TOLERANCE = 1e-9
STEP = 1e-30
#: Derivatives beyond this come from repeated squaring and are not compared.
LARGEST = 1e6


class ComplexNumpy:
    """NumPy for the complex step.

    It makes complex arrays, and what selects or sorts looks at the real part alone: at
    ties, NumPy would look at the imaginary part, which is the derivative.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def zeros(self, shape: Any) -> Any:
        """Return complex zeros."""
        return np.zeros(shape, complex)

    def empty(self, shape: Any) -> Any:
        """Return a complex array."""
        return np.empty(shape, complex)

    def sort(self, a: Any, axis: int = -1) -> Any:
        """Return the elements in the order of their real parts."""
        order = np.argsort(np.real(a), axis=axis)
        result = np.copy(a, order="K")  # laid out as NumPy's result
        result[...] = np.take_along_axis(a, order, axis)
        return result

    def argsort(self, a: Any) -> Any:
        """Return the order of the real parts."""
        return np.argsort(np.real(a))

    def argmax(self, a: Any) -> Any:
        """Return the place of the largest real part."""
        return np.argmax(np.real(a))

    def max(self, a: Any, axis: Any = None) -> Any:
        """Return the element of the largest real part, the mean of equal ones."""
        chosen = np.real(a) == np.max(np.real(a), axis=axis, keepdims=True)
        return np.mean(a, axis=axis, where=chosen)

    def min(self, a: Any, axis: Any = None) -> Any:
        """Return the element of the least real part, the mean of equal ones."""
        return -self.max(-a, axis)

    def maximum(self, a: Any, b: Any) -> Any:
        """Return the element of the larger real part, the mean of equal ones."""
        a, b = np.asarray(a), np.asarray(b)
        larger = np.where(a.real > b.real, a, b)
        return np.where(a.real == b.real, (a + b) / 2, larger)[()]

    def minimum(self, a: Any, b: Any) -> Any:
        """Return the element of the smaller real part, the mean of equal ones."""
        return -self.maximum(-a, -b)


def arguments(seed: int) -> tuple[Any, ...]:
    """Return a vector, a matrix, a number and an int."""
    rng = np.random.default_rng(seed)
    x, m, s = (rng.uniform(-1.0, 1.0, shape) for shape in INPUT_SHAPES.values())
    return x, m, float(s), 3


def call(function: Function, args: tuple[Any, ...]) -> Any:
    """Return what plain NumPy gives, with arguments that the function may change."""
    return function(*[a.copy() if isinstance(a, np.ndarray) else a for a in args])


def complex_step(function: Function, args: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Return the gradient by all numbers of the first three arguments."""
    x, m, s, n = args
    flat = np.concatenate([x, m.ravel(), [s]]).astype(complex)
    found = np.empty(flat.size)
    for k in range(flat.size):
        z = flat.copy()
        z[k] += STEP * 1j
        found[k] = np.imag(function(z[:3], z[3:9].reshape(2, 3), z[9], n)) / STEP
    return found


def flatten(gradients: Any) -> np.ndarray[Any, Any]:
    """Return the gradients of the three arguments as one vector."""
    return np.concatenate([np.ravel(g) for g in gradients])


def judge(program: Program, seed: int, second_order: bool = False) -> None:
    """Raise `AssertionError` unless everything holds of a program at some arguments."""
    args = arguments(seed)
    function = program.function()
    with np.errstate(all="ignore"):
        expected = call(function, args)
        if not np.isfinite(expected):
            return
        gradient = judge_reverse(function, program, args, expected)
        if gradient is not None:
            judge_forward(function, args, expected, gradient)
            if second_order:
                judge_second_order(function, args, gradient)
        judge_replay(function, args, expected, seed)


def judge_reverse(
    function: Function, program: Program, args: Any, expected: Any
) -> np.ndarray[Any, Any] | None:
    """Check value and gradient; return the gradient."""
    kept = [np.copy(a) for a in args]
    value, gradients = wengert.value_and_grad(function, (0, 1, 2))(*args)
    assert same_bits(value, expected), f"value {value!r}, NumPy {expected!r}"
    for a, copy in zip(args, kept, strict=True):
        assert same_bits(a, copy), "an argument was changed"
    numeric = complex_step(program.function(ComplexNumpy()), args)
    if not np.all(np.isfinite(numeric)) or np.max(np.abs(numeric)) > LARGEST:
        return None
    found = flatten(gradients)
    scale = 1 + np.max(np.abs(numeric))
    error = np.max(np.abs(found - numeric)) / scale
    assert error < TOLERANCE, f"reverse {found}, complex step {numeric}"
    return found


def direction(gradient: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """Return a fixed direction in the space of the first three arguments."""
    v = np.cos(1.0 + np.arange(gradient.size))
    return v[:3], v[3:9].reshape(2, 3), v[9]


def judge_forward(
    function: Function, args: Any, expected: Any, gradient: np.ndarray[Any, Any]
) -> None:
    """Check value and tangent along one direction."""
    n = args[3]
    v = direction(gradient)
    value, tangent = wengert.jvp(lambda x, m, s: function(x, m, s, n), args[:3], v)
    along = float(gradient @ flatten(v))

    assert same_bits(value, expected), f"jvp value {value!r}, NumPy {expected!r}"
    scale = 1 + np.max(np.abs(gradient))
    assert abs(tangent - along) / scale < TOLERANCE, f"tangent {tangent}, not {along}"


def judge_second_order(
    function: Function, args: Any, gradient: np.ndarray[Any, Any]
) -> None:
    """Check a Hessian-vector product, both orders of modes, and by differences."""
    n = args[3]

    def three(x: Any, m: Any, s: Any) -> Any:
        return function(x, m, s, n)

    v = direction(gradient)
    of_reverse = flatten(wengert.hvp(three, args[:3], v))

    def along(x: Any, m: Any, s: Any) -> Any:
        return wengert.jvp(three, (x, m, s), v)[1]

    of_forward = flatten(wengert.grad(along, (0, 1, 2))(*args[:3]))
    scale = 1 + np.max(np.abs(of_reverse)) + np.max(np.abs(gradient))
    if not scale < LARGEST:
        return
    error = np.max(np.abs(of_reverse - of_forward)) / scale
    assert error < TOLERANCE, f"hvp {of_reverse}, reverse of forward {of_forward}"
    numeric = differences(three, args[:3], v)
    # Central differences with h = 1e-5: h^2 times a third derivative, and eps / h.
    # Where one of the two points leaves the path they say nothing.
    if numeric is not None:
        error = np.max(np.abs(of_reverse - numeric)) / scale
        assert error < 1e-3, f"hvp {of_reverse}, differences {numeric}"


def differences(three: Function, args: Any, v: Any) -> np.ndarray[Any, Any] | None:
    """Return differences of the gradient along a direction; None off the path."""
    gradient, found = wengert.grad(three, (0, 1, 2)), []
    for h in (1e-5, 3e-6):
        ahead = gradient(*[a + h * d for a, d in zip(args, v, strict=True)])
        behind = gradient(*[a - h * d for a, d in zip(args, v, strict=True)])
        found.append((flatten(ahead) - flatten(behind)) / (2 * h))
    scale = 1 + np.max(np.abs(found[0]))
    return found[0] if np.max(np.abs(found[0] - found[1])) / scale < 1e-4 else None


def judge_replay(function: Function, args: Any, expected: Any, seed: int) -> None:
    """Check the recorded tape at the same arguments, and at others."""
    tape = wengert.record(function, *args).verify()
    assert same_bits(tape(*args), expected), f"replay {tape(*args)!r} of {expected!r}"
    other = arguments(seed + 1)
    try:
        found = tape(*other)
    except wengert.GuardError:
        return
    there = call(function, other)
    assert same_bits(found, there), f"replay elsewhere {found!r}, NumPy {there!r}"


def same_bits(value: Any, expected: Any) -> bool:
    """Whether two numbers or arrays have one dtype and the same bytes."""
    value, expected = np.asarray(value), np.asarray(expected)
    return value.dtype == expected.dtype and value.tobytes() == expected.tobytes()
