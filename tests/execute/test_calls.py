"""What has no loops is computed by NumPy, in the middle of one native call."""

from __future__ import annotations

import re
import sys
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

import wengert as wg
from tests.execute.test_native_registry import (
    DIFFERENTIABLE,
    EXAMPLES,
    agree,
    scalar_loss,
)
from tests.lower.guarded import call_guarded
from tests.ops.examples import Example
from tests.threads import at_once
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.lower import lower
from wengert.lower.refusal import NotLoweredError

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")


def compiled(function: Any, *args: Any) -> Any:
    """Return a function under `jit` that has one path, with native code."""
    jitted = wg.jit(function, wait=True)
    for _ in range(3):
        jitted(*args)
    (path,) = jitted.paths()
    assert path.kernels, path.reason
    return jitted


def asked(jitted: Any) -> list[str]:
    """Return the names of what NumPy computes for a function."""
    (row,) = jitted.report().rows
    return [text.split()[0] for text in row["asked of NumPy"]]


X = np.array([0.4, 0.7, 1.1])
MATRICES = np.random.default_rng(3).normal(size=(3, 3)) + 3 * np.eye(3)


def spectrum(x: Any) -> Any:
    z = np.fft.fft(x, 90, axis=-1)  # a short one is a product with its matrix
    return np.sum(np.real(z * np.conj(z))[:, :3] * np.cos(x))


def eigen(x: Any) -> Any:
    w, v = np.linalg.eigh(x + x.T)
    return np.sum(np.exp(w)) + np.sum(v**4)


def singular(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x)
    return np.sum(np.log(s)) + np.sum(u**4) - np.sum(vh**4)


def bessel(x: Any) -> Any:
    return np.sum(special.jv(2, np.abs(x)) * special.psi(np.abs(x) + 1))


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (spectrum, {"rfft", "irfft"}),
        (eigen, {"eigh"}),
        (singular, {"svd"}),
        (bessel, {"jv", "psi", "psi_derivative"}),
    ],
)
def test_one_native_call_gives_values_and_gradients(
    function: Any, names: set[str]
) -> None:
    slope = wg.value_and_grad(function)
    jitted = compiled(slope, MATRICES)

    for shift in (0.0, 0.1, -0.2):
        found, expected = jitted(MATRICES + shift), slope(MATRICES + shift)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-12)

    assert set(asked(jitted)) <= names
    assert asked(jitted)


@pytest.mark.parametrize("shape", [(1,), (7,), (64,), (3, 1), (5, 1000)])
def test_operands_lie_as_they_do(shape: tuple[int, ...]) -> None:
    def function(x: Any) -> Any:
        forth = np.i0(x[::-1].T)
        return np.i0(np.sin(x)) + forth.T, np.i0(x.sum()), np.fft.rfft(x.T)

    x = np.random.default_rng(4).normal(size=shape)
    jitted = compiled(function, x)

    for one, other in zip(jitted(x), function(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_nothing_is_called_where_there_is_nothing() -> None:
    def function(x: Any) -> Any:
        return np.i0(x) * 2.0

    jitted = wg.jit(function, wait=True)

    for _ in range(3):
        assert jitted(np.zeros((0, 3))).shape == (0, 3)


def test_an_error_of_numpys_is_numpys() -> None:
    def function(x: Any) -> Any:
        return np.linalg.eigvalsh(x * 1.0) + np.sin(x[0])

    jitted = compiled(function, np.eye(3))

    with pytest.raises(np.linalg.LinAlgError, match="converge"):
        jitted(np.full((3, 3), np.nan))
    np.testing.assert_allclose(jitted(2 * np.eye(3)), function(2 * np.eye(3)))


def test_what_is_degenerate_is_said() -> None:
    slope = wg.grad(eigen)
    jitted = compiled(slope, MATRICES)

    with pytest.warns(RuntimeWarning, match="equal to rounding"):
        found = jitted(np.eye(3))
    with pytest.warns(RuntimeWarning, match="equal to rounding"):
        expected = slope(np.eye(3))
    np.testing.assert_array_equal(found, expected)


def test_a_branch_on_an_exact_call_is_taken() -> None:
    def function(x: Any) -> Any:
        y = np.i0(x)
        return y * 2 if y[0] > 1.5 else y - 1

    jitted = wg.jit(function, wait=True)

    for scale in (0.5, 2.0, 0.7, 1.9, 0.1, 3.0):
        x = scale * np.arange(1.0, 4.0)
        np.testing.assert_allclose(jitted(x), function(x), rtol=1e-13)
    assert all(path.kernels for path in jitted.paths())


def added_at(x: Any) -> Any:
    z = np.zeros(3)
    np.add.at(z, np.arange(x.shape[1]) % 3, x[0])
    return z[0]


def solved(x: Any) -> Any:
    return np.linalg.solve(x @ x.T + np.eye(5), x)[0, 0]


def carried(x: Any) -> Any:
    y = x[0]
    for _ in range(8):
        y = y * np.sum(y * x[1]) * 0.1 + x[2]
    return np.prod(y[:5])


#: Numbers whose last digit depends on the order in which something is added.
IN_ORDER = {
    "prod": np.prod,
    "product of vectors": lambda x: x[0] @ x[1],
    "product of matrices": lambda x: (x @ x.T)[1, 0],
    "sums over the first axis": lambda x: np.sum(x, axis=0)[1],
    "sums in Fortran's order": lambda x: np.sum(x.T, axis=0)[1],
    "a sum in Fortran's order": lambda x: np.sum(x.T),
    "single precision": lambda x: np.sum(x.astype(np.float32), axis=0)[0],
    "mean": lambda x: np.mean(x, axis=1)[0],
    "norm": np.linalg.norm,
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x)[0, 1],
    "beside complex numbers": lambda x: np.sum(x.T, axis=0)[1] + np.sum(1j * x).real,
    "solve": solved,
    "det of a part": lambda x: np.linalg.det(x[:, :5]),
    "cumsum": lambda x: np.cumsum(x)[-1],
    "convolve": lambda x: np.convolve(x[0], x[1])[7],
    "np.add.at": added_at,
    "a loop": carried,
    "abs of complex numbers": lambda x: np.abs(x[0] * 1j + x[1])[3],
    "products of complex numbers": lambda x: ((x[0] + 1j * x[1]) * (x[2] - 2j)).real[4],
    "quotients of complex numbers": lambda x: (x[0] / (x[1] + 1j)).imag[4],
    "sum of complex numbers": lambda x: np.sum(x * (1 + 2j)).imag,
    "fft": lambda x: np.fft.fft(x[0])[3].imag,
    "largest of complex numbers": lambda x: np.max(x + 1j * x[::-1]).real,
    "elements that lie apart": lambda x: np.sum((x * 2)[:, ::2]),
    "rows that lie apart": lambda x: np.sum((x * 2)[::2, 3:-1]),
    "from the last to the first": lambda x: np.sum((x * 2)[::-1, ::-3]),
    "sums of rows apart": lambda x: np.sum((x * 2).T[::3, 1:], axis=0)[1],
    "windows": lambda x: np.sum(sliding_window_view(x * 2, 4, axis=1)),
    "repeated rows": lambda x: np.sum(np.broadcast_to(x[0] * 2, (3, 37))),
    "a diagonal": lambda x: np.sum(np.diagonal(x * 2, 2)),
    "a product of two alike": lambda x: ((x * 3) @ (x * 3).T)[1, 0],
    "a product with itself": lambda x: ((y := x * 3) @ y.T)[1, 0],
    "a product of rows taken twice": lambda x: (x[[0, 2]] @ x[[0, 2]].T)[1, 0],
    "a product of rows apart": lambda x: ((x * 3)[:, 2:] @ (x * 3)[:, 2:].T)[1, 0],
    "solve by rows apart": lambda x: solved((x * 3)[:, 2:]),
    "a product of parts": lambda x: (x * 3)[0, ::2] @ x[1, ::-2],
    "single precision apart": lambda x: np.mean(x.astype(np.float32)[1:, ::2]),
    "imaginary parts": lambda x: np.sum((x * (1 + 1j)).imag),
    "complex numbers apart": lambda x: np.sum((x * (1 + 2j))[:, ::2]).imag,
    "complex numbers in Fortran's order": lambda x: np.sum((x * (1 + 2j)).T[3:]).real,
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_branch_is_taken_as_numpy_adds(name: str) -> None:
    """Natively, also where the last digit decides."""
    number, random = IN_ORDER[name], np.random.default_rng(7)
    for _ in range(3):
        given = random.normal(size=(6, 5, 37))
        limit = number(given[0])

        def function(x: Any, limit: Any = limit) -> Any:
            return np.sum(x) * (2.0 if number(x) >= limit else 3.0)

        jitted = wg.jit(function, wait=True)
        for x in (*given, *given, given[0]):
            assert np.isclose(jitted(x), function(x), rtol=1e-12)
        assert all(path.kernels for path in jitted.paths())


@pytest.mark.parametrize(
    ("product", "is_shared"),
    [
        (lambda x: (x * 3) @ (x * 3).T, False),
        (lambda x: (y := x * 3) @ y.T, True),
        (lambda x: x[[0, 2]] @ x[[0, 2]].T, False),
    ],
)
def test_numpy_gets_one_array_where_the_program_gives_it_one(
    product: Any, is_shared: bool
) -> None:
    """It adds in another order then, whether or not two arrays hold the same."""

    def function(x: Any) -> Any:
        return 2.0 * np.sum(x) if product(x)[1, 0] > 0.0 else np.sum(x)

    jitted = wg.jit(function, wait=True)
    jitted(np.random.default_rng(7).normal(size=(5, 37)))
    (row,) = jitted.report().rows
    (one, other) = re.findall(r"matmul by NumPy of (\S+), (\S+);", row["nest"])[0]
    assert (one == other) is is_shared


#: Complex numbers whose last digits depend on how NumPy computes them.
COMPLEX = {
    "a sum": lambda x: np.sum(x * (1 + 2j)),
    "a sum of elements apart": lambda x: np.sum((x * (1 + 2j))[::-1, ::2]),
    "single precision": lambda x: np.sum(x.astype(np.complex64) * (1 + 2j)),
    "a quotient": lambda x: x[0, 0] / (x[1, 1] + 1j * x[2, 2]),
    "a product of vectors": lambda x: (x[0] + 1j * x[1]) @ (x[2] - 2j),
    "an exponential": lambda x: np.exp(x[0, 0] + 1j * x[1, 1]),
    "a transform": lambda x: np.fft.fft(x[0])[3],
    "a loop": lambda x: carried(x) * (1 + 2j) - 3j,
    "steps on complex numbers": lambda x: carried(x * (1 + 0.1j)),
}


@pytest.mark.parametrize("asks", ["truth", "text"])
@pytest.mark.parametrize("name", COMPLEX)
def test_a_branch_is_taken_by_a_complex_number(name: str, asks: str) -> None:
    """Natively, also where the last digit decides."""
    number, random = COMPLEX[name], np.random.default_rng(8)
    given = random.normal(size=(4, 5, 37))
    limit = number(given[0])

    def function(x: Any) -> Any:
        found = number(x)
        is_other = found - limit if asks == "truth" else str(found) != str(limit)
        return np.sum(x) * (2.0 if is_other else 3.0)

    jitted = wg.jit(function, wait=True)
    for x in (*given, *given, given[0]):
        assert np.isclose(jitted(x), function(x), rtol=1e-12)
    assert all(path.kernels for path in jitted.paths())


def test_steps_of_a_loop_call() -> None:
    def function(x: Any) -> Any:
        def step(y: Any, row: Any) -> Any:
            y = 0.5 * np.i0(y) + np.sin(row)
            return y, np.sum(y)

        return wg.scan(step, x[0], x)

    x = np.random.default_rng(5).normal(size=(40, 3))
    jitted = compiled(function, x)

    for one, other in zip(jitted(x), function(x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert set(asked(jitted)) == {"i0"}


def folded(x: Any) -> Any:
    y = x[0]
    for _ in range(64):
        y = np.sin(y) * x[1] + 0.1 * x[2]
    return np.sum(y)


def checked(x: Any) -> Any:
    def step(y: Any, row: Any) -> Any:
        y = 0.9 * y + row
        if np.sum(y) > 1e3:
            raise ValueError("too large")
        return y, np.sum(y)

    wg.scan(step, x[0], x)
    return np.sum(x * x)


def scanned(x: Any) -> Any:
    def step(y: Any, row: Any) -> Any:
        y = np.sin(y) * row
        return y, (np.sum(y), y * 2)

    last, (sums, rows) = wg.scan(step, x[0], x)
    return np.sum(last) + np.sum(sums**2) + np.sum(rows)


def shrunk(x: Any) -> Any:
    last = wg.while_loop(lambda y: np.sum(y * y) > 0.5, lambda y: 0.8 * y, x[0])
    return np.sum(last * x[1])


def spun(x: Any) -> Any:
    def step(z: Any, row: Any) -> Any:
        return z * (0.9 + 0.1j) + row, z * row

    last, rows = wg.scan(step, x[0] * (1 + 1j), x)
    return np.sum(last).imag + np.sum(rows).real


def fallen(x: Any) -> Any:
    y, v = 40.0 + x[0], x[1]
    while y[0] > 0.0:
        y, v = y + 0.02 * v, v - 0.02 * (9.81 + 0.1 * v)
    return np.sum(y * x[2] + v)


LOOPS = [folded, checked, scanned, shrunk, spun, fallen]


@pytest.mark.parametrize("function", LOOPS)
def test_a_loop_without_native_steps_is_called(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise NotLoweredError("a test")

    monkeypatch.setattr(lower, "loop", refused)
    monkeypatch.setattr(lower, "while_loop", refused)
    x = np.random.default_rng(6).normal(size=(3, 4))
    slope = wg.value_and_grad(function)
    jitted = compiled(slope, x)

    for scale in (1.0, 0.7):
        for one, other in zip(jitted(scale * x), slope(scale * x), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11)
    assert {"scan", "while_loop"} & set(asked(jitted))


def test_a_loop_that_only_asks_is_native() -> None:
    x = np.abs(np.random.default_rng(6).normal(size=(3, 4)))
    slope = wg.value_and_grad(checked)
    jitted = compiled(slope, x)

    for factor in (0.7, 10.0):
        found, expected = jitted(factor * x), slope(factor * x)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    with pytest.raises(ValueError, match="too large"):
        jitted(1e3 * x)


def test_code_of_the_user_is_called() -> None:
    """With arrays of its own, which it may keep."""

    def inside(x: Any) -> Any:
        owner = x if x.base is None else x.base
        assert owner.base is None
        return np.sin(x)

    box = wg.black_box(inside, jacobian=lambda x: np.diag(np.cos(x)))
    jitted = compiled(wg.value_and_grad(lambda x: np.sum(box(2 * x) ** 2)), X)

    for scale in (1.0, 0.5):
        value, slope = jitted(scale * X)
        np.testing.assert_allclose(value, np.sum(np.sin(2 * scale * X) ** 2))
        np.testing.assert_allclose(slope, 2 * np.sin(4 * scale * X))
    assert asked(jitted) == ["black_box_inside"]


def twice_if_small(x: Any) -> Any:
    """What raises an error of the user's."""
    if x[0] > 1:
        raise ZeroDivisionError("too large")
    return 2 * x


def test_an_error_of_the_users_that_is_caught_is_a_branch() -> None:
    box = wg.black_box(twice_if_small)

    def function(x: Any) -> Any:
        try:
            return np.sum(box(x) * x)
        except ZeroDivisionError:
            return np.sum(x) * 7.0

    jitted = wg.jit(function, wait=True)
    for scale in (1.0, 9.0, 0.5, 5.0, 4.0, 1.0, 9.0):
        assert jitted(scale * X) == pytest.approx(function(scale * X))


def test_an_error_of_the_users_is_the_users() -> None:
    box = wg.black_box(twice_if_small)
    jitted = compiled(lambda x: np.sum(box(x) * x), 0.5 * X)

    assert jitted(0.1 * X) == pytest.approx(np.sum(0.02 * X * X))
    with pytest.raises(ZeroDivisionError, match="too large"):
        jitted(9 * X)
    assert jitted(0.1 * X) == pytest.approx(np.sum(0.02 * X * X))


def test_a_node_of_complex_numbers_is_called() -> None:
    box = wg.black_box(lambda z: z * np.conj(z) + 1j)
    jitted = compiled(lambda x: np.sum(np.imag(box(np.exp(1j * x)) * 2.0)), X)

    assert jitted(0.3 * X) == pytest.approx(6.0)


def test_threads_call_at_once() -> None:
    slope = wg.value_and_grad(spectrum)
    jitted = compiled(slope, MATRICES)
    points = [MATRICES + k / 10 for k in range(8)]
    expected = [slope(x)[0] for x in points]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(200):
            if not np.isclose(jitted(points[k])[0], expected[k], rtol=1e-12):
                wrong.append(k)

    at_once(*[partial(work, k) for k in range(8)])

    assert wrong == []


def test_what_the_arguments_are_in_may_change_meanwhile() -> None:
    items = [np.linspace(0.1, 1, 5), np.linspace(1, 2, 5)]

    def function(parts: Any) -> Any:
        return np.i0(parts[0]) + np.i0(parts[1]), np.cos(parts[0])

    jitted = compiled(function, items)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            items[0] = np.linspace(0.1, 1, 5)

    thread = threading.Thread(target=change)
    thread.start()
    expected = function([np.linspace(0.1, 1, 5), items[1]])
    try:
        for _ in range(2000):
            for one, other in zip(jitted(items), expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13)
    finally:
        stop.set()
        thread.join()


def test_ctrl_c_in_a_call_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    jitted = compiled(spectrum, MATRICES)
    expected = jitted(MATRICES)

    def interrupted(*_: Any, **__: Any) -> Any:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(np.fft._pocketfft, "_raw_fft", interrupted)

    with pytest.raises(KeyboardInterrupt):
        jitted(MATRICES)
    assert jitted(MATRICES) == pytest.approx(expected)


@pytest.fixture
def no_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """No operation has loops: NumPy computes all of them, one call a node."""
    node = lower.Lowering.node

    def refused(self: Any, index: int) -> Any:
        operation = self.tape.operations[index]
        if operation.name in ("constant", "input", "identity", "item", "guard"):
            return node(self, index)
        raise NotLoweredError("a test")

    monkeypatch.setattr(lower.Lowering, "node", refused)
    monkeypatch.setattr(lower.Lowering, "nodes", refused)


@pytest.mark.one_in(8)
@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_loops")
def test_every_operation_may_be_called(example: Example) -> None:
    wanted = tuple(
        k for k, x in enumerate(example.operands) if np.asarray(x).dtype.kind in "fc"
    )
    gradient = wg.grad(scalar_loss(example, [1.0, 0.7, -0.3]), wanted)
    jitted = wg.jit(gradient, wait=True)

    for _ in range(3):
        agree(jitted(*example.operands), gradient(*example.operands))


@pytest.mark.one_in(3)
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages")
@pytest.mark.parametrize("example", EXAMPLES[1::5], ids=str)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_loops")
def test_a_call_touches_nothing_outside(example: Example) -> None:
    tape = wg.record(example.function, *example.operands)
    likes = [tape.types[k] for k in tape.output_indices]
    given = [np.asarray(tape.play.outputs[k]) for k in tape.input_indices]
    try:
        kernel = compile_loops(tape, True, calls=True)
    except NotLoweredError as error:
        pytest.skip(str(error))

    for at_end in (True, False):
        answer, found = call_guarded(kernel, given, likes, at_end)
        assert answer == 0
        expected = tape(*example.operands)
        values = list(expected) if isinstance(expected, (tuple, list)) else [expected]
        agree(found, values)


#: What steps carry: a sum of many numbers, exact numbers, one that nothing reads.
STEPS = {
    "exact": lambda x, y, s, n: (n + np.sum(x[0] * y), y * 0.5, s),
    "a sum": lambda x, y, s, n: (n * 0.5, np.sum(x.T * y) * 0.01 + x[0, 0], s * 0.5),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_branch_asks_a_result_of_a_loop_by_its_place(name: str) -> None:
    """Natively, though nothing reads the first result, which is left out."""
    step, random = STEPS[name], np.random.default_rng(9)
    given = random.normal(size=(4, 5, 37))

    def asked(x: Any) -> Any:
        def body(carry: Any, _: Any) -> Any:
            unread, y, s = carry
            return step(x, y, s, unread), None

        (_, y, s), _ = wg.scan(body, (0.0, x[0, 0], x[1, 1]), length=60)
        return y, s

    limit = asked(given[0])[0]

    def function(x: Any) -> Any:
        y, s = asked(x)
        return np.sum(x) * (2.0 if y >= limit else 3.0) + s

    jitted = wg.jit(function, wait=True)
    for x in (*given, *given, given[0]):
        assert np.isclose(jitted(x), function(x), rtol=1e-12)
    assert all(path.kernels for path in jitted.paths())
    assert "NumPy computes" not in str(jitted.report())
