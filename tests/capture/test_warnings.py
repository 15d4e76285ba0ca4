"""A warning of NumPy's stands at the user's line, with NumPy's text."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.operation import REGISTRY

HARD = [0.0, -1.0, 2.0, 1e308, -np.inf, np.nan, 1e-320]
ELEMENTWISE = sorted(
    name
    for name, operation in REGISTRY.items()
    if operation.kind == "elementwise" and operation.function is getattr(np, name, None)
    if {"d->d", "dd->d"} & set(getattr(operation.function, "types", ()))
)
#: How a function is recorded.
RECORDERS: dict[str, Callable[..., Any]] = {
    "grad": lambda f, *args: wg.grad(f)(*args),
    "record": wg.record,
    "jvp": lambda f, *args: wg.jvp(f, args, tuple(np.zeros_like(a) for a in args)),
    "hessian": lambda f, *args: wg.hessian(f)(*args),
    "jit": lambda f, *args: wg.jit(f)(*args),
}
every = pytest.mark.parametrize("recorder", RECORDERS.values(), ids=RECORDERS)


def heard(call: Callable[[], Any]) -> list[tuple[str, str, int]]:
    """The warnings of a call: text, file and line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return sorted({(str(w.message), w.filename, w.lineno) for w in caught})


def line_here() -> int:
    """The line that calls."""
    return sys._getframe(1).f_lineno


@every
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_operations_warn_as_numpy_does_at_the_users_line(
    name: str, recorder: Callable[..., Any]
) -> None:
    operation = getattr(np, name)

    def f(*args: Any) -> Any:
        return operation(*args)[0]

    for values in product(HARD, repeat=operation.nin):
        args = [np.array([value, value]) for value in values]
        assert heard(partial(recorder, f, *args)) == heard(partial(f, *args))


@every
@pytest.mark.parametrize("x", [0.0, np.float64(0.0)], ids=["python", "numpy"])
def test_operators_of_numbers_warn_at_the_users_line(
    x: Any, recorder: Callable[..., Any]
) -> None:
    def f(x: Any) -> Any:
        return np.log(x) - np.float64(1.0) / x

    found = heard(lambda: recorder(f, x))

    line = f.__code__.co_firstlineno + 1
    assert {where[1:] for where in found} == {(__file__, line)}
    assert [text.partition(" encountered")[0] for text, *_ in found] == [
        "divide by zero",
        "divide by zero",
    ]


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "mean": lambda x: np.mean(x[:0]),
    "var": lambda x: np.var(x[:1], ddof=1),
    "nanmean": lambda x: np.nanmean(x * np.nan),
    "nanvar": lambda x: np.nanvar(x * np.nan),
    "nanmax": lambda x: np.nanmax(x * np.nan),
    "nanmedian": lambda x: np.nanmedian(x * np.nan),
    "nanquantile": lambda x: np.nanquantile(x * np.nan, 0.5),
    "cov": lambda x: np.sum(np.cov(np.stack([x, x])[:, :1])),
}


@every
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_warn_at_the_users_line(
    name: str, recorder: Callable[..., Any]
) -> None:
    f = REDUCTIONS[name]
    found = heard(lambda: recorder(f, np.ones(3)))

    assert found
    line = f.__code__.co_firstlineno
    assert {where[1:] for where in found} == {(__file__, line)}


def test_a_tape_that_is_played_warns_at_the_recorded_line() -> None:
    def f(x: Any) -> Any:
        y = x - 1.0
        return np.log(y)  # the line

    tape = wg.record(f, 2.0)
    line = f.__code__.co_firstlineno + 2
    text = "divide by zero encountered in log"

    assert heard(lambda: tape(1.0)) == [(text, __file__, line)]
    tape.inputs[0].output = np.float64(1.0)
    assert heard(tape.forward) == [(text, __file__, line)]
    assert heard(tape.outputs[0].forward) == [(text, __file__, line)]


def test_a_tape_by_hand_warns_at_the_line_of_the_node() -> None:
    tape = wg.Tape()
    wg.Log(wg.ConstantNode(0.0, tape), tape)
    line = line_here() - 1

    (where,) = heard(lambda: tape.forward())

    assert where == ("divide by zero encountered in log", __file__, line)


@every
def test_decided_derivatives_do_not_warn(recorder: Callable[..., Any]) -> None:
    """The function itself does not, so neither does what is computed for its slope."""
    for f in (np.sqrt, np.abs, np.cbrt, lambda x: np.sqrt(x) ** 2, lambda x: x**0.5):
        assert heard(lambda f=f: recorder(f, 0.0)) == []


@every
def test_a_warning_that_is_an_error_is_raised(recorder: Callable[..., Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="divide by zero encountered in log"):
            recorder(np.log, 0.0)


@every
def test_what_the_user_tells_numpy_holds(recorder: Callable[..., Any]) -> None:
    """Outside the function and inside."""

    def quiet(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log(x)

    def strict(x: Any) -> Any:
        with np.errstate(divide="raise"):
            return np.log(x)

    told = []
    before = np.geterr()

    assert heard(lambda: recorder(quiet, 0.0)) == []
    refusals = (FloatingPointError, wg.UnsupportedError)  # no tape of it is kept
    with pytest.raises(refusals):
        recorder(strict, 0.0)
    with np.errstate(all="ignore"):
        assert heard(lambda: recorder(np.log, 0.0)) == []
    with np.errstate(divide="raise"), pytest.raises(refusals):
        recorder(np.log, 0.0)
    calling = np.errstate(divide="call", call=lambda *what: told.append(what))
    with calling, contextlib.suppress(wg.UnsupportedError):
        recorder(np.log, 0.0)
        assert told
    assert np.geterr() == before
    assert np.geterrcall() is None


def test_a_recorded_function_finds_numpys_modes_as_they_are() -> None:
    outside = np.geterr(), np.geterrcall()
    inside = []
    wg.grad(lambda x: inside.append((np.geterr(), np.geterrcall())) or x)(1.0)

    assert inside == [outside]


def test_a_warning_is_shown_once_a_line_as_every_warning() -> None:
    def first(x: Any) -> Any:
        return np.log(x)

    def second(x: Any) -> Any:
        return np.log(x)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for f in (first, first, second, second):
            wg.grad(f)(0.0)

    lines = [w.lineno for w in caught]
    assert lines == [f.__code__.co_firstlineno + 1 for f in (first, second)]


def test_a_compiled_function_inside_a_recording_is_found_again() -> None:
    """What NumPy is told while recording is nothing that the function depends on."""
    rows = wg.vmap(lambda x: x / (1.0 + x))
    x = np.arange(3.0)
    wg.grad(lambda x: np.sum(rows(x)))(x)
    wg.grad(lambda x: np.sum(rows(x)))(x)
    (known,) = rows.batch.known.values()
    (entry,) = known.entries.values()
    root = entry.root

    rows(x)

    assert entry.root is root
