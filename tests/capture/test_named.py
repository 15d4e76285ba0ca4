"""SciPy's functions in Python answer however they were imported, while recording."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from operator import attrgetter
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg
from scipy import linalg
from scipy.linalg import cho_factor, cho_solve, det, expm, null_space, solve
from scipy.linalg import solve as renamed

import wengert
from tests.threads import at_once
from wengert.capture.answers.named import leading_to
from wengert.core.operation import NAMED

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
B = np.array([1.0, -2.0, 0.5])
INVERSE = np.linalg.inv(A)
partial = functools.partial(solve, A)
held = {"solve": solve}

CALLS: dict[str, Callable[[Any], Any]] = {
    "through the module": lambda b: linalg.solve(A, b),
    "through the package": lambda b: scipy.linalg.solve(A, b),
    "by name": lambda b: solve(A, b),
    "by another name": lambda b: renamed(A, b),
    "by keyword": lambda b: solve(b=b, a=A),
    "partial": partial,
    "out of a dictionary": lambda b: held["solve"](A, b),
    "as an argument": lambda b, f=solve: f(A, b),
    "several": lambda b: cho_solve(cho_factor(A), b),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_answers_however_it_was_imported(name: str) -> None:
    function = CALLS[name]

    np.testing.assert_allclose(wengert.jacobian(function)(B), INVERSE, rtol=1e-13)
    jitted = wengert.jit(function)
    for scale in (1.0, 2.0, 3.0, 4.0):
        np.testing.assert_array_equal(jitted(scale * B), function(scale * B))


def test_a_function_is_differentiated_as_it_is() -> None:
    np.testing.assert_allclose(
        wengert.grad(det)(A), np.linalg.det(A) * INVERSE.T, rtol=1e-13
    )


def test_outside_of_recordings_the_functions_are_their_own() -> None:
    source, signature = inspect.getsource(solve), inspect.signature(solve)
    solve(A, B)
    code = solve.__code__

    def failing(b: Any) -> Any:
        assert solve.__code__ is not code
        assert inspect.signature(solve) == signature
        raise KeyError("stop")

    with pytest.raises(KeyError):
        wengert.grad(failing)(B)

    assert inspect.getsource(solve) == source
    assert inspect.signature(solve) == signature
    solve(A, B)
    assert solve.__code__ is code
    assert str(inspect.signature(cho_factor)).startswith("(a, lower=False")


def test_a_debugger_may_look_at_the_frames() -> None:
    """Of a function with a closure too: a frame without one is a crash."""
    seen = []

    def function(b: Any) -> Any:
        for answered in (cho_factor, solve):
            try:
                answered(b, b)
            except Exception as error:
                trace = error.__traceback__
                while trace is not None:
                    frame = trace.tb_frame
                    seen.append((frame.f_code, frame.f_locals))
                    trace = trace.tb_next
        raise KeyError("stop")

    with pytest.raises(KeyError) as stopped:
        wengert.grad(function)(B)
    del stopped

    assert all(set(code.co_freevars) <= set(found) for code, found in seen)
    assert {code.co_name for code, _ in seen} >= {solve.__code__.co_name}


def test_plain_arguments_run_the_original() -> None:
    """Also those of a library's own calls, and arrays that depend on no input."""

    def function(x: Any) -> Any:
        assert type(solve(A, B)) is np.ndarray
        assert null_space(np.ones((2, 2))).shape == (2, 1)
        found = det(np.eye(3) * 2.0) * x + solve(np.eye(3) * 2.0, B).sum()
        return found + float(expm(np.zeros((2, 2)))[0, 0])

    assert wengert.grad(function)(1.0) == 8.0


def test_a_passive_result_is_written_into() -> None:
    def function(x: Any) -> Any:
        y = solve(np.eye(3), np.ones(3))
        y[1] = x
        return np.sum(y * x)

    assert wengert.grad(function)(3.0) == 2 + 6.0


def test_other_threads_are_undisturbed() -> None:
    found: list[Any] = []

    def function(b: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(solve(A, B)))
        thread.start()
        thread.join()
        return np.sum(solve(A, b))

    wengert.grad(function)(B)

    assert type(found[0]) is np.ndarray
    np.testing.assert_array_equal(found[0], solve(A, B))


def test_recordings_in_several_threads_at_once() -> None:
    failures = []

    def recorder() -> None:
        for _ in range(30):
            found = wengert.grad(lambda b: np.sum(solve(A, b)))(B)
            if not np.allclose(found, INVERSE.sum(axis=0), rtol=1e-13):
                failures.append(found)

    def bystander() -> None:
        for _ in range(200):
            if type(solve(A, B)) is not np.ndarray:
                failures.append("bystander")

    at_once(recorder, recorder, bystander)

    assert failures == []


def test_errors_are_scipys() -> None:
    for call in (
        lambda x: linalg.solve(x[:2], B),
        lambda x: linalg.cholesky(-x),
        lambda x: linalg.solve(x, B[:2]),
        lambda x: linalg.det(x * np.inf),
        lambda x: linalg.cho_factor(x[0, 0] * np.eye(2), bad=1),
        lambda x: linalg.polar(x, side="up"),
    ):
        with pytest.raises(Exception) as expected:  # noqa: PT011
            call(A)
        with pytest.raises(expected.type) as found:
            wengert.grad(lambda x, call=call: np.sum(call(x)))(A)
        assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda x: linalg.eigh(x, subset_by_index=[0, 1]), "all of them, and a slice"),
        (lambda x: linalg.eigh(x, x, type=2), "type=1"),
        (lambda x: linalg.qr(x, mode="raw"), "mode='full'"),
        (lambda x: linalg.eig(x, x), "eig(a)"),
        (lambda x: linalg.eigvals(x, x), "eigvals(a)"),
        (lambda x: linalg.lstsq(x, B, lapack_driver="gelsy"), "gelsd"),
    ],
)
def test_what_has_no_rule_says_what_to_write(call: Any, instead: str) -> None:
    with pytest.raises(wengert.UnsupportedError) as error:
        wengert.record(call, A)

    assert instead in str(error.value)


def test_every_row_is_a_function_in_python() -> None:
    """One in C has no code that could lead anywhere else."""
    homes = {"scipy._lib", "scipy._external"}  # of what SciPy takes along, by version
    absent = {f"{home}.array_api_extra" for home in homes}
    missing = set()
    for name, rows in NAMED.items():
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            missing.add(error.name)
            continue
        for row in rows:
            assert inspect.isfunction(attrgetter(row)(module)), row
    assert len(missing) == 1
    assert missing < absent | homes


def test_code_that_leads_to_an_answer_is_of_its_function_s_kind() -> None:
    """Since Python 3.13 no code of a generator may stand for other code."""

    def counted(n: int) -> Iterator[int]:
        yield from range(n)

    def answer(args: Any, settings: Any) -> Any:
        return [*args, settings]

    one, several = (
        FunctionType(leading_to(answer, function.__code__), {})
        for function in (det, counted)
    )

    assert not inspect.isgeneratorfunction(one)
    assert inspect.isgeneratorfunction(several)
    assert one(1, b=2) == list(several(1, b=2)) == [1, {"b": 2}]


ALONE = """
    import sys
    import numpy as np
    import wengert

    def f(x):
        return np.sum(np.linalg.solve(x, x[0]))

    x = np.array([[2.0, 1.0], [0.5, 3.0]])
    wengert.grad(f)(x)
    assert not [name for name in sys.modules if name.startswith("scipy.linalg")]

    def g(x):
        from scipy.linalg import det, expm
        return det(x) + expm(x)[0, 0]

    first = wengert.grad(g)(x)
    assert [type(finder).__name__ for finder in sys.meta_path].count("LateFinder") == 0
    import scipy.linalg
    assert scipy.linalg.__loader__ is scipy.linalg.__spec__.loader
    assert type(scipy.linalg.__loader__).__name__ == "SourceFileLoader"
    np.testing.assert_array_equal(first, wengert.grad(g)(x))
    assert type(scipy.linalg.det(x)) is np.float64

    def h(x):
        from scipy import special
        return special.polygamma(1, x[0, 0])

    wengert.grad(h)(x)
    assert "scipy.stats" not in sys.modules
    print("done")
"""


def test_scipy_is_not_imported_for_its_rows() -> None:
    """A module that a recorded function imports answers in that recording too."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ALONE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("done\n", "")


#: A module is loaded, then wengert, then another one.
PREPARED = """
    import sys
    import scipy.linalg
    own = scipy.linalg.solve.__code__
    import wengert
    from wengert.capture.answers.named import STATE
    assert scipy.linalg.solve in STATE.known and not STATE.is_active
    assert scipy.linalg.solve.__code__ is own
    known = len(STATE.known)
    wengert.grad(lambda x: x * x)(2.0)
    assert len(STATE.known) == known
    import scipy.signal
    wengert.grad(lambda x: x * x)(2.0)
    assert scipy.signal.lfilter_zi in STATE.known
    print("done")
"""


def test_what_is_loaded_is_taken_in_when_wengert_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PREPARED)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("done\n", "")
