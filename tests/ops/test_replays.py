"""What the data decide is decided anew at a replay, or a guard refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.examples import Example, examples
from tests.ops.forms import MATRIX, NUMBER, VECTOR, Function
from wengert.capture.array import RecordedValue, is_active
from wengert.core.tape import GUARD

TABLES = {"vector": VECTOR, "matrix": MATRIX, "number": NUMBER}
FORMS = [(kind, name) for kind, table in TABLES.items() for name in table]
pytestmark = pytest.mark.filterwarnings("ignore")


def form(kind: str, name: str) -> Function:
    """Return a form by its name."""
    return TABLES[kind][name]


def points(kind: str) -> Iterator[Any]:
    """Give numbers, or arrays without ties, whose orders and signs differ."""
    if kind == "number":
        yield from (1.75, 0.0, -2.3, 3.0, 0.3, 8.0, -0.5, -0.0, 12.5, 2.5, 1.5)
        return
    random = np.random.default_rng(7)
    shape = (6,) if kind == "vector" else (3, 4)
    for shift in (0.0, 0.3, -0.4, 0.0, 2.0, 0.1, -0.2):
        steps = np.linspace(-1.7, 1.9, int(np.prod(shape)))
        yield random.permutation(steps).reshape(shape) + shift


def leaves(value: Any) -> list[Any]:
    """Return the parts of a result."""
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def same(found: Any, expected: Any) -> None:
    """Assert that two results agree in number, shape, dtype and all elements."""
    assert len(leaves(found)) == len(leaves(expected))
    for one, other in zip(leaves(found), leaves(expected), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        precision = np.finfo(other.dtype).eps if other.dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(
            one, other, rtol=64 * precision, atol=64 * precision, equal_nan=True
        )


def follows(play: Callable[[Any], Any], function: Function, kind: str) -> int:
    """Assert NumPy's answer at every point, or a guard; count the answers."""
    answers = 0
    for x in points(kind):
        try:
            expected = function(copy(x))
        except (IndexError, ValueError, OverflowError):
            continue
        try:
            found = play(copy(x))
        except wengert.GuardError:
            continue
        same(found, expected)
        answers += 1
    return answers


def recorded(function: Function, kind: str) -> wengert.Tape:
    """Return the tape of a form at its first point; skip what is refused."""
    try:
        return wengert.record(function, next(points(kind)))
    except wengert.UnsupportedError as error:
        assert "instead:" in str(error)  # noqa: PT017
        pytest.skip("refused, with advice")


@pytest.mark.parametrize(("kind", "name"), FORMS)
def test_a_replay_answers_for_its_own_data_or_refuses(kind: str, name: str) -> None:
    function = form(kind, name)

    assert follows(recorded(function, kind), function, kind) >= 1


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("kind", "name"), FORMS)
def test_compiled_code_answers_for_its_own_data(kind: str, name: str) -> None:
    function = form(kind, name)
    recorded(function, kind)
    compiled = wengert.jit(function, wait=True)

    assert follows(compiled, function, kind) >= 1
    assert follows(compiled, function, kind) >= 1


def precision(function: Function, x: Any) -> float:
    """Return the precision of the coarsest floats among the results."""
    kinds = [np.asarray(part).dtype for part in leaves(function(copy(x)))]
    return float(max([np.finfo(k).eps for k in kinds if k.kind in "fc"], default=0.0))


def agrees(found: Any, expected: Any, eps: float) -> None:
    """Assert that two gradients agree, up to some rounding of the largest element."""
    tolerance = 1e-9 + 64 * eps
    largest = np.abs(expected).max()
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * largest
    )


def loss_of(function: Function) -> Function:
    """Return a sum of all real results, weighted."""

    def loss(x: Any) -> Any:
        total = np.sum(x) * 0.0
        for part in leaves(function(x)):
            part = np.asarray(part)
            if part.dtype.kind in "fc" and part.size:
                flat = np.reshape(np.real(part), -1)
                total = total + np.sum(flat * np.arange(1.0, 1.0 + flat.size))
        return total

    return loss


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("kind", "name"), FORMS)
def test_a_compiled_gradient_is_that_of_its_own_data(kind: str, name: str) -> None:
    """Judged by the eager gradient, which reads the numbers of its own call."""
    function = form(kind, name)
    recorded(function, kind)
    gradient = wengert.grad(loss_of(function))
    compiled = wengert.jit(gradient, wait=True)
    for x in [*points(kind), *points(kind)]:
        try:
            expected = gradient(copy(x))
        except (IndexError, ValueError, OverflowError):
            continue

        agrees(compiled(x), expected, precision(function, x))


@pytest.mark.parametrize(("kind", "name"), FORMS)
def test_a_recorded_gradient_is_that_of_its_own_data(kind: str, name: str) -> None:
    function = form(kind, name)
    recorded(function, kind)
    gradient = wengert.grad(loss_of(function))
    tape = wengert.record(gradient, next(points(kind)))
    for x in points(kind):
        try:
            expected = gradient(copy(x))
        except (IndexError, ValueError, OverflowError):
            continue
        try:
            found = tape(x)
        except wengert.GuardError:
            continue
        agrees(found, expected, precision(function, x))


# Every example of every operation, at its operands in another order


def shuffled(operand: Any, seed: int) -> Any:
    """Return an operand with its elements in another order; numbers as they are."""
    if type(operand) is not np.ndarray or operand.dtype.kind not in "biufc":
        return operand
    random = np.random.default_rng(seed)
    return random.permutation(operand.ravel()).reshape(operand.shape)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_is_followed_at_other_operands(example: Example) -> None:
    tape = wengert.record(example.function, *example.operands)

    for seed in range(4):
        operands = [shuffled(operand, seed) for operand in example.operands]
        try:
            expected = example.function(*operands)
        except (ValueError, np.linalg.LinAlgError):
            continue
        try:
            found = tape(*operands)
        except (wengert.GuardError, ValueError, np.linalg.LinAlgError):
            continue
        same(found, expected)


# The door: where a number leaves the tape, a guard stays


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each time that a number is asked for; fail where no guard is appended."""
    seen: list[str] = []

    def watched(door: Callable[..., Any]) -> Callable[..., Any]:
        def ask(value: RecordedValue, *args: Any) -> Any:
            before = value._tape.operations.count(GUARD)
            answer = door(value, *args)
            if is_active(value):
                assert value._tape.operations.count(GUARD) > before
            seen.append(door.__name__)
            return answer

        return ask

    for name in ("_ask", "exact"):
        monkeypatch.setattr(RecordedValue, name, watched(getattr(RecordedValue, name)))
    return seen


def asks_for_numbers(tape: wengert.Tape) -> bool:
    """Whether a tape has guards, but for those of how an array lies in memory."""
    pairs = zip(tape.operations, tape.settings, strict=True)
    return any(
        operation is GUARD and settings["kind"] != "strides"
        for operation, settings in pairs
    )


@pytest.mark.parametrize(("kind", "name"), FORMS)
def test_what_is_asked_of_the_data_leaves_a_guard(
    kind: str, name: str, opened: list[str]
) -> None:
    tape = recorded(form(kind, name), kind)

    assert asks_for_numbers(tape) == bool(opened)


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_operation_asks_for_no_number_without_a_guard(
    example: Example, opened: list[str]
) -> None:
    tape = wengert.record(example.function, *example.operands)

    assert asks_for_numbers(tape) == bool(opened)
