"""A zero of the chain rule absorbs NaN in native code as it does elsewhere.

Native code multiplies plainly first.  Whatever may hide the NaN of such a product
(found by trying every operation with NaN) must give what the function itself gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import Example, examples
from wengert.core.operation import REGISTRY
from wengert.execute.engine import native_engine
from wengert.execute.plan import Left, Plan
from wengert.lower.hiding import hidden

pytestmark = pytest.mark.filterwarnings("ignore")


def singular_slope(t: Any, w: Any) -> Any:
    """Return the gradient of ``sum(w * sqrt(t)**2)``: w, and 0 where t is 0."""
    return wg.grad(lambda t: np.sum(w * np.sqrt(t) ** 2))(t)


def with_slope(example: Example, k: int) -> Callable[..., Any]:
    """Return an example one operand of which is a slope that may be 0 * inf."""

    def function(t: Any, *operands: Any) -> Any:
        given = list(operands)
        given[k] = singular_slope(t, given[k])
        return example.function(*given)

    return function


def numbers(result: Any) -> Any:
    """Return all numbers of a result as one flat array."""
    parts = result if isinstance(result, (tuple, list)) else [result]
    return np.concatenate([np.ravel(np.asarray(part)) for part in parts])


def hides(example: Example, k: int) -> bool:
    """Whether an operation answers NaN in an operand by something else than NaN."""
    operands = list(example.operands)
    if not (example.takes_nan and isinstance(operands[k], (float, np.ndarray))):
        return False
    if np.asarray(operands[k]).dtype != np.float64 or not np.size(operands[k]):
        return False
    operands[k] = np.full(np.shape(operands[k]), np.nan)[()]
    try:
        with np.errstate(all="ignore"):
            found = numbers(example.function(*operands))
    except Exception:
        return False
    return found.dtype.kind != "f" or not np.isnan(found).all()


def hiding_examples() -> Iterator[Any]:
    for example in examples():
        for k in range(len(example.operands)):
            if hides(example, k):
                yield pytest.param(example, k, id=f"{example}-operand {k}")


HIDING = list(hiding_examples())


def points(shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield regular points, then singular ones, then a regular one."""
    yield np.ones(shape)[()]
    yield np.full(shape, 2.0)[()]
    for place in list(np.ndindex(shape))[:3]:
        t = np.ones(shape)
        t[place] = 0.0
        yield t[()]
    yield np.zeros(shape)[()]
    yield np.ones(shape)[()]


def same(found: Any, expected: Any) -> None:
    found = found if isinstance(found, (tuple, list)) else [found]
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_the_family_has_what_it_is_about() -> None:
    operations = {param.values[0].operation for param in HIDING}
    assert operations >= {"greater", "where", "fmax", "argmax", "signbit", "any"}


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("example", "k"), HIDING)
def test_what_hides_a_nan_sees_none_that_a_zero_absorbs(
    example: Example, k: int
) -> None:
    function = with_slope(example, k)
    jitted = wg.jit(function, wait=True)

    for t in points(np.shape(example.operands[k])):
        try:
            expected = function(t, *example.operands)
        except (ValueError, ArithmeticError, wg.WengertError):
            continue
        same(jitted(t, *example.operands), expected)


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("example", "k"), HIDING)
def test_plays_with_plain_products_give_what_a_zero_absorbs(
    example: Example, k: int
) -> None:
    function = with_slope(example, k)
    regular, *others = points(np.shape(example.operands[k]))
    tape = wg.record(function, regular, *example.operands)
    for t in others:
        given = [tape.play.outputs[index] for index in tape.input_indices]
        given[0] = t
        found, plan = Plan(tape).run(given), Plan(tape)
        plan.hopeful = []
        expected = plan.run(given)
        assert isinstance(found, Left) == isinstance(expected, Left)
        same(list(found), list(expected))


@pytest.mark.one_in(5)
@pytest.mark.parametrize(("example", "k"), HIDING)
def test_rows_with_a_zero_that_absorbs_are_as_one_by_one(
    example: Example, k: int
) -> None:
    function, operands = with_slope(example, k), example.operands
    rows = np.stack(list(points(np.shape(operands[k]))) * 2)
    try:
        expected = [function(t, *operands) for t in rows]
    except (ValueError, ArithmeticError, wg.WengertError):
        pytest.skip("no result at a singular point")
    if len({np.shape(numbers(row)) for row in expected}) > 1:
        pytest.skip("results of several shapes")

    shared = (0, *[None] * len(operands))
    found = wg.vmap(function, in_axes=shared)(rows, *operands)

    if isinstance(expected[0], (tuple, list)):
        same(list(found), [np.stack(part) for part in zip(*expected, strict=True)])
    else:
        same(found, np.stack(expected))


def natives() -> list[str]:
    return sorted({op.native for op in REGISTRY.values() if op.native is not None})


VALUES = [-np.inf, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, np.inf]
BY_NATIVE = {op.native: op for op in REGISTRY.values() if op.native is not None}


@pytest.mark.parametrize("native", natives())
def test_what_is_said_to_hand_a_nan_on_does(native: str) -> None:
    """NaN gives NaN, or what every number in its place gives."""
    operation = BY_NATIVE[native]
    count = operation.function.nin if isinstance(operation.function, np.ufunc) else 0
    if not 1 <= count <= 2 or operation.name == "ldexp":
        pytest.skip("not a function of one or two floats")
    grid = np.meshgrid(*[VALUES] * count, indexing="ij")
    try:
        table = operation.function(*grid)
    except TypeError:
        pytest.skip("not a function of floats")
    for k in range(count):
        if k in hidden(native, str(table.dtype)):
            continue
        replaced = [*grid]
        replaced[k] = np.full_like(grid[k], np.nan)
        found = operation.function(*replaced)
        spread = np.broadcast_to(np.take(table, [0], axis=k), table.shape)
        constant = np.all(table == spread, axis=k, keepdims=True)
        kept = np.broadcast_to(constant, table.shape) & (found == table)
        assert np.all(np.isnan(found) | kept), native


def test_a_guard_is_not_asked_of_a_nan() -> None:
    """A branch on a slope that is 0 * inf in plain products takes the right way."""

    def function(t: Any) -> Any:
        g = singular_slope(t, np.ones(2))
        return t * 2.0 if g[0] > -1.0 else t * 3.0

    jitted = wg.jit(function, wait=True)
    for t in ([1.0, 4.0], [2.0, 3.0], [0.0, 4.0], [0.0, 0.0]):
        same(jitted(np.array(t)), function(np.array(t)))
    assert len(jitted.paths()) == 1


def test_a_loop_asks_in_every_step() -> None:
    def function(t: Any) -> Any:
        total = t * 0.0
        for k in range(40):
            g = singular_slope(t + 0.0 * k, np.ones(2))
            total = total + np.where(np.abs(g) < 2.0, g, 5.0) * 0.9**k
        return total

    jitted = wg.jit(function, wait=True)
    for t in ([1.0, 4.0], [2.0, 3.0], [0.0, 4.0]):
        same(jitted(np.array(t)), function(np.array(t)))


def test_native_parts_of_a_tape_absorb() -> None:
    """Where NumPy plays the rest, the parts that are native absorb as well."""
    eye = np.eye(300)

    def function(t: Any, large: Any) -> Any:
        g = singular_slope(t, np.ones(4))
        x = np.where(np.abs(g) < 2.0, g, 5.0)
        for _ in range(10):
            x = np.sin(x) + np.cos(x)
        return x, np.sum(np.sort(large @ eye) * x[0])

    jitted, large = wg.jit(function, wait=True), np.linspace(1.0, 2.0, 300)
    for t in ([1.0, 4.0, 1.0, 2.0], [0.0, 4.0, 0.0, 1.0]):
        same(jitted(np.array(t), large), function(np.array(t), large))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_gradient_of_selections_asks_nothing_more() -> None:
    """Selections hand a NaN on: their gradients have the one guard of the results."""
    slope = wg.jit(
        wg.grad(lambda x: np.sum(np.maximum(x, 0.5) ** 2 * np.abs(x))), wait=True
    )
    slope(np.ones(4))

    (path,) = slope.paths()
    lines = path.kernels[0].nest.splitlines()
    assert [line.split(":")[0] for line in lines if "guard" in line] == ["guard 1"]
    assert sum("x != x" in line for line in lines) == 1


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_where_plain_products_keep_failing_the_absorbing_kernel_goes_first() -> None:
    """A kernel that fails in vain is passed over; results do not depend on it."""
    slope = wg.jit(lambda t: singular_slope(t, np.ones(2)), wait=True)
    regular, singular = np.array([1.0, 4.0]), np.array([0.0, 4.0])

    for _ in range(40):
        same(slope(singular), np.array([0.0, 1.0]))
        same(slope(regular), np.array([1.0, 1.0]))

    (path,) = slope.paths()
    assert [kernel.gives_way for kernel in path.kernels] == [True, False]


def test_a_failing_guard_is_no_reason_to_pass_a_kernel_over() -> None:
    def function(t: Any) -> Any:
        g = singular_slope(t, np.ones(2))
        return g * 2.0 if t[1] > 2.0 else g * 3.0

    jitted = wg.jit(function, wait=True)
    points = [[1.0, 4.0], [0.0, 4.0], [1.0, 1.0], [0.0, 1.0]]
    for t in points * 30:
        same(jitted(np.array(t)), function(np.array(t)))
    assert len(jitted.paths()) == 2
