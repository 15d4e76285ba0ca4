"""Factors and solves of matrices in native code give what NumPy's do."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import wengert as wg
from tests.lower.guarded import call_guarded
from tests.lower.test_nests import WAYS, check_tape, compiled, given_to
from wengert.emit import lapack, machine
from wengert.emit.cache import KERNELS
from wengert.execute.engine import native_engine
from wengert.lower.refusal import BOUNDS
from wengert.lower.systems import MOST_OWN

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages"),
]

SIZES, BATCHES = (0, 1, 2, 3, 5, 7, 13, 16, 33, 64), (0, 1, 3, 7, 17, 64)
Function = Any
ULPS = 1e4  # of the largest number
#: Whether NumPy is called for what LAPACK is not there for.
CALLS = not lapack.is_there()


def solve(a: Any, b: Any) -> Any:
    """A solve, of a vector where the right-hand side is one."""
    return np.linalg.solve(a, b)


def definite(a: Any) -> Any:
    """A positive definite matrix."""
    return np.matmul(a, np.swapaxes(a, -1, -2))


def some(b: Any) -> Any:
    """A number of an array, near 1."""
    return 1.0 + 0.01 * np.sum(np.sin(b))


#: Functions of a matrix and of a right-hand side.
FUNCTIONS: tuple[Function, ...] = (
    solve,
    lambda a, b: solve(np.swapaxes(a, -1, -2), b),
    lambda a, b: solve(a, np.tanh(b)) + solve(np.swapaxes(a, -1, -2), b),
    lambda a, b: solve(a[..., ::-1, :], b),
    lambda a, b: solve(2.0 * a[..., ::-1], b[::-1]),
    lambda a, b: np.linalg.inv(a) * some(b),
    lambda a, b: np.linalg.cholesky(definite(a)) * some(b),
    lambda a, b: np.linalg.cholesky(definite(a), upper=True) * some(b),
    lambda a, b: solve(np.linalg.cholesky(definite(a)), b),
    lambda a, b: np.linalg.det(a / (2 * max(1, a.shape[-1]) ** 0.5)) + some(b),
    lambda a, b: np.linalg.slogdet(a)[1] * some(b),
    lambda a, b: np.linalg.slogdet(-a)[0] * some(b),
)


def random_system(seed: int) -> tuple[Function, list[np.ndarray]]:
    """Return a function, and a matrix or a stack of them and a right-hand side."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice(SIZES))
    batch = [(), (), (int(rng.choice(BATCHES)),), (2, 3)][rng.integers(4)]
    batch = batch if n < 20 or not batch else (3,)
    lead = [(), batch, batch[1:]][rng.integers(3)]
    right = [(n,), (*lead, n, 1), (*lead, n, 4)][rng.integers(3)]
    dtype = ("float64", "float32")[int(rng.integers(2))]
    a = rng.normal(size=(*batch, n, n)) + 2 * np.sqrt(n) * rng.permutation(np.eye(n))
    arrays = [x.astype(dtype) for x in (a, rng.normal(size=right))]
    return FUNCTIONS[rng.integers(len(FUNCTIONS))], arrays


def judge(seed: int) -> None:
    """A random system and its gradient, between guard pages."""
    function, arrays = random_system(seed)
    way, at_end = WAYS[seed % len(WAYS)], bool(seed // len(WAYS) % 2)
    check_tape(wg.record(function, *arrays), way, at_end, ULPS, CALLS)
    gradient = wg.grad(lambda a, b: np.sum(np.sin(function(a, b))), (0, 1))
    check_tape(wg.record(gradient, *arrays), way, at_end, ULPS, CALLS)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("first", range(0, 30, 10))
def test_random_systems_are_numpys(first: int) -> None:
    for seed in range(first, first + 10):
        judge(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(30, 1000, 97))
def test_many_random_systems_are_numpys(first: int) -> None:
    for seed in range(first, first + 97):
        judge(seed)


def test_a_matrix_is_factored_once_for_value_and_gradient() -> None:
    a, b = np.eye(4) * 3.0 + np.arange(16.0).reshape(4, 4), np.arange(4.0)
    tape = wg.record(
        wg.value_and_grad(lambda a, b: np.sum(np.linalg.solve(a, b)), (0, 1)), a, b
    )
    kernel = compiled(tape, WAYS[0])
    assert kernel is not None

    assert str(kernel.nest).count("= lu of") == 1


#: By the number of rows.
SINGULAR = {
    1: [np.array([[0.0]])],
    3: [
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.arange(9.0).reshape(3, 3) + 1,
        np.diag([1.0, 2.0, 0.0]),
        np.outer([1.0, 0.3, 0.7], [0.1, 0.9, 0.2]),
        np.full((3, 3), np.nan),
    ],
    14: [np.arange(196.0).reshape(14, 14)],
    20: [np.arange(400.0).reshape(20, 20)],
}


@pytest.mark.parametrize(
    ("function", "way"),
    [(np.linalg.inv, WAYS[1]), (np.linalg.inv, WAYS[2]), (np.linalg.cholesky, WAYS[0])],
)
def test_a_singular_matrix_refuses_the_call(
    function: Function, way: tuple[int, int]
) -> None:
    for n, matrices in SINGULAR.items():
        stack = np.stack([np.eye(n) + 0.1] * 5)
        kernel = compiled(tape := wg.record(function, stack), way, calls=CALLS)
        assert kernel is not None
        likes = [tape.types[index] for index in tape.output_indices]
        for k, wrong in itertools.product(range(5), matrices):
            given = stack.copy()
            given[k] = wrong
            assert call_guarded(kernel, [given], likes, True)[0] == BOUNDS
        assert call_guarded(kernel, given_to(tape), likes, True)[0] == 0


def test_a_singular_matrix_raises_numpys_error() -> None:
    rng = np.random.default_rng(0)
    b = rng.normal(size=3)
    solve_it = wg.jit(np.linalg.solve)
    for _ in range(3):
        solve_it(rng.normal(size=(3, 3)), b)

    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        solve_it(np.ones((3, 3)), b)


#: Of SciPy's, of one matrix.
SCIPYS: tuple[Function, ...] = (
    lambda a, b: linalg.solve_triangular(a, b, lower=True, trans=1),
    lambda a, b: linalg.solve_triangular(a.T, b, unit_diagonal=True) * 0.1,
    lambda a, b: linalg.cho_solve(linalg.cho_factor(definite(a)), b),
    lambda a, b: linalg.cho_solve((linalg.cholesky(definite(a), lower=True), True), b),
)


@pytest.mark.parametrize("n", [1, 6, 20])
@pytest.mark.parametrize("function", SCIPYS)
def test_scipys_triangular_solves_are_native(function: Function, n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = np.tril(rng.normal(size=(n, n)) / n) + 2 * np.eye(n), rng.normal(size=(n, 3))

    def total(a: Any, b: Any) -> Any:
        return np.sum(np.sin(function(a, b)))

    tape = wg.record(wg.value_and_grad(total, (0, 1)), a, b)
    check_tape(tape, WAYS[1], ulps=ULPS, calls=CALLS)
    kernel = compiled(tape, WAYS[1], calls=CALLS)
    assert kernel is not None
    likes = [tape.types[index] for index in tape.output_indices]
    a[-1, -1] = np.inf
    assert call_guarded(kernel, [a, b], likes, True)[0] == BOUNDS
    a[-1, -1] = 0.0
    refuses = function is not SCIPYS[1]
    if CALLS and n > MOST_OWN:  # what SciPy does then
        refuses = is_refused(function, a, b)
    assert call_guarded(kernel, [a, b], likes, True)[0] == (BOUNDS if refuses else 0)


def is_refused(function: Function, a: Any, b: Any) -> bool:
    """Whether SciPy has no answer."""
    try:
        function(a, b)
    except np.linalg.LinAlgError:
        return True
    return False


def test_without_lapack_numpy_is_called_for_large_systems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of native code, not instead of it."""
    monkeypatch.setattr(lapack, "is_there", lambda: False)
    monkeypatch.setenv("WENGERT_CACHE", "off")

    def function(a: Any) -> Any:
        return np.sum(np.sin(np.linalg.inv(np.cos(a))))

    for n, is_own in ((16, True), (17, False)):
        a = np.eye(n) + 0.01 * np.arange(n)
        tape = wg.record(np.linalg.inv, a)
        assert (compiled(tape, WAYS[0]) is not None) is is_own
        slope = wg.jit(wg.grad(function), wait=True)
        np.testing.assert_allclose(slope(a), wg.grad(function)(a), rtol=1e-9)
        (row,) = slope.report().rows
        assert ("inv" in str(row["asked of NumPy"])) is not is_own
        assert not row["reason"]


#: The routines of an inverse.
INVERSE = ("dgetrf", "dtrtrs")


def test_a_routine_of_lapack_is_found_by_its_name_in_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WENGERT_CACHE", str(tmp_path / "code"))
    tape, names = wg.record(np.linalg.inv, np.eye(21) + 0.01), () if CALLS else INVERSE
    check_tape(tape, WAYS[1], calls=CALLS)
    known = {name: machine._SYMBOLS.pop(machine.LAPACK + name) for name in names}
    KERNELS.kept.clear()

    check_tape(tape, WAYS[1], calls=CALLS)
    assert known == {name: machine._SYMBOLS[machine.LAPACK + name] for name in names}
    assert CALLS is not any(
        name.startswith(machine.LAPACK) for name in machine._SYMBOLS
    )


@pytest.mark.parametrize("n", [3, 12, 20])
def test_gradients_are_differences(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(3, n, n)) + 3 * np.eye(n), rng.normal(size=(3, n, 2))

    def function(a: Any, b: Any) -> Any:
        factor = np.linalg.cholesky(definite(a))
        return np.sum(np.sin(solve(factor, b)) + np.cos(solve(a, b)))

    tape = wg.record(wg.grad(function, (0, 1)), a, b)
    kernel = compiled(tape, WAYS[2], calls=CALLS)
    assert kernel is not None
    likes = [tape.types[k] for k in tape.output_indices]
    _, found = call_guarded(kernel, [a, b], likes, True)
    step = 1e-6
    for place, gradient in enumerate(found):
        t = rng.normal(size=gradient.shape)
        ends = []
        for sign in (1, -1):
            at = [a, b]
            at[place] = at[place] + sign * step * t
            ends.append(function(*at))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert np.sum(gradient * t) == pytest.approx(slope, rel=1e-6)


def smoothed(noise: Any, y: Any) -> Any:
    """The likelihood of numbers by a filter, and what a smoother makes of them."""
    step, seen = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    m, p, found, total = np.zeros(2), 10.0 * np.eye(2), [], 0.0
    for number in y:
        m, p = step @ m, step @ p @ step.T + noise[0] * np.eye(2)
        s = seen @ p @ seen.T + noise[1]
        gain, v = p @ seen.T @ np.linalg.inv(s), number - seen @ m
        total = total - np.log(s[0, 0]) - v[0] ** 2 / s[0, 0]
        m, p = m + gain @ v, p - gain @ s @ gain.T
        found.append((m, p))
    later = m
    for m, p in found[-2::-1]:
        ahead = step @ p @ step.T + noise[0] * np.eye(2)
        later = m + np.linalg.solve(ahead, step @ p).T @ (later - step @ m)
        total = total + later[0]
    return total


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_a_smoother_of_small_matrices_is_native(n: int) -> None:
    noise, y = np.array([0.5, 0.25]), np.cos(np.arange(n))
    for function in (smoothed, wg.grad(smoothed), wg.jacfwd(wg.grad(smoothed))):
        compiled_function = wg.jit(function, wait=True)
        np.testing.assert_allclose(
            compiled_function(noise, y), function(noise, y), rtol=1e-10
        )
        assert "1 native" in repr(compiled_function)
