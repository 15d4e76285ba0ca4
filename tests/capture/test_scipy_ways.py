"""SciPy's functions that are refused are named, and what is advised instead works."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import linecache
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.stats

import wengert as wg
from wengert.capture.answers.followed import FOLLOWED
from wengert.capture.scipy_ways import CALLS, MODULES
from wengert.core.operation import NAMED as ROWS
from wengert.core.operation import find_answer

MODULE_NAMES = (
    "special linalg integrate optimize interpolate signal stats fft sparse ndimage "
    "spatial spatial.distance sparse.linalg"
).split()
SCOPE = {name: importlib.import_module(f"scipy.{name}") for name in MODULE_NAMES[:11]}
SCOPE |= {"np": np, "wengert": wg}

# The ways compute what the functions compute

POINT = np.array([0.35, 0.6, 0.8])
MATRIX = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.0]])
VALUES: dict[str, Any] = {
    "x": POINT,
    "y": np.array([0.5, 0.9, 0.7]),
    "a": 1.7,
    "b": 2.3,
    "n": 2,
    "A": MATRIX,
    "v": np.array([0.5, -1.0]),
    "f": lambda t: np.exp(-t) * np.cos(3 * t),
}
OTHERS: dict[str, dict[str, Any]] = {}


def flat(result: Any) -> Any:
    """A result as one array; of a table its values between the places."""
    if callable(result):
        result = result(np.array([0.2, 0.55]))
    result = result[0] if isinstance(result, tuple) else result
    return np.ravel(result)


def evaluated(way: str, given: dict[str, Any]) -> Any:
    """What a way gives, with the names that it explains."""
    expression, _, where = way.partition(", where ")
    scope = SCOPE | given
    if where:
        names, _, value = where.partition(" is ")
        exec(f"{names} = {value}", scope)
    return eval(expression, scope)


def moving(way: str, call: str) -> list[str]:
    """The parameters that a way is differentiated by."""
    parameters = call.partition("(")[2].rstrip(")").split(", ")
    found = re.fullmatch(r"wengert\.rule\(.*\)\(([\w, ]+)\)", way)
    names = found[1].split(", ") if found else parameters
    return [name for name in names if name.isidentifier() and name != "f"]


@pytest.mark.parametrize("call", CALLS)
def test_the_way_is_the_function_and_its_derivative_too(call: str) -> None:
    way = CALLS[call]
    given = VALUES | OTHERS.get(call, {})
    names = moving(way, call)
    wanted = flat(eval(call, SCOPE | given))
    weights = np.cos(np.arange(wanted.size) + 0.5)
    is_complex = np.iscomplexobj(wanted)

    def of_scipy(**moved: Any) -> Any:
        return np.sum(weights * np.real(flat(eval(call, SCOPE | given | moved))))

    def of_way(*moved: Any) -> Any:
        got = evaluated(way, given | dict(zip(names, moved, strict=True)))
        return np.sum(weights * np.real(flat(got)))

    here = [np.asarray(given[name], float)[()] for name in names]
    np.testing.assert_allclose(flat(evaluated(way, given)), wanted, rtol=1e-9)
    gradients = wg.grad(of_way, argnums=tuple(range(len(names))))(*here)
    for name, value, gradient in zip(names, here, gradients, strict=True):
        direction = np.sin(np.arange(1.0, 1.0 + value.size)).reshape(value.shape)
        step = 1e-6
        ends = [of_scipy(**{name: value + s * step * direction}) for s in (1, -1)]
        numeric = (ends[0] - ends[1]) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(numeric, 2e-6, 1e-8)
    assert not is_complex or call.startswith("fft.")


def test_the_ways_of_modules_work() -> None:
    """Those that are code, run as they stand in the advice."""
    from scipy import sparse
    from scipy.interpolate import CubicSpline
    from scipy.sparse.linalg import spsolve

    S = sparse.csc_matrix(MATRIX)
    spline = CubicSpline([0.0, 0.5, 0.7, 1.0], [0.0, 1.0, 0.3, 2.0])
    scope = {"wengert": wg, "S": S, "spline": spline, "spsolve": spsolve}
    found = {}
    for module in ("interpolate", "sparse", "sparse.linalg"):
        code = re.search(r"wengert\.rule\(.*\)\([xb]\)", MODULES[f"scipy.{module}"])
        assert code is not None
        name = code[0][-2]
        function = eval(f"lambda {name}: {code[0]}", scope)
        found[module] = wg.grad(lambda x, f=function: np.sum(f(x) ** 2))(POINT)

    np.testing.assert_allclose(
        found["interpolate"], 2 * spline(POINT) * spline.derivative()(POINT)
    )
    np.testing.assert_allclose(found["sparse"], 2 * MATRIX.T @ (MATRIX @ POINT))
    inverse = np.linalg.inv(MATRIX)
    np.testing.assert_allclose(
        found["sparse.linalg"], 2 * inverse.T @ (inverse @ POINT)
    )


# Every function is named


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """SciPy's public functions by name."""
    for module in MODULE_NAMES:
        home = importlib.import_module(f"scipy.{module}")
        for name in home.__all__:
            value = getattr(home, name)
            if inspect.isclass(value):
                continue
            if hasattr(value, "logpdf") or hasattr(value, "logpmf"):
                method = "logpdf" if hasattr(value, "logpdf") else "logpmf"
                yield f"scipy.{module}.{name}.{method}", getattr(value, method)
            elif name[0] != "_" and callable(value):
                yield f"scipy.{module}.{name}", value


FUNCTIONS = dict(functions())
#: They show, ask, write files, or take no numbers but whole ones; or a Python program,
#: not an array.
TAKE_NONE = re.compile(
    r"\.(test|show_options|errprint|geterr|seterr|use_named_args|.*_backend"
    r"|get_(lapack|blas)_funcs|find_best_blas_type|get_workers|set_workers"
    r"|(special\.(.*_zeros|(.*_)?roots(_.*)?|(sh_)?(cheby[cstu]|legendre|jacobi)|gegenbauer"
    r"|(gen)?laguerre|hermite(norm)?))"
    r"|special\.(euler|bernoulli|ellip_normal|riccati_[jy]n|lqn)|check_(COLA|NOLA)"
    r"|linalg\.matrix_power|stats\.(log|exp|abs)|qmc_quad|sobol_indices"
    r"|issparse|isspmatrix.*|is_.*|(save|load)_npz|next_fast_len|prev_fast_len)$"
)


def arguments(count: int) -> Iterator[tuple[Any, ...]]:
    """Numbers, arrays and matrices for so many arguments."""
    yield from itertools.product((0.5, POINT, MATRIX), repeat=count)


def met(function: Callable[..., Any]) -> list[str]:
    """The errors of ours when a function is given recorded values."""
    found = []
    for count in (1, 2, 3):
        for args in arguments(count):
            try:
                wg.record(lambda *a: [function(*a), 1.0][1], *args)
            except wg.WengertError as error:
                found.append(str(error))
            except Exception:  # the function's own: it takes other arguments
                continue
        if found:
            break
    return found


#: A row may be where a public module has its code.
ANSWERED = {
    f"{home}.{name}"
    for module, rows in ROWS.items()
    for home in (module, module.partition("._")[0])
    for name in rows
} | {f"{module}.{name}" for module in FOLLOWED for name in FOLLOWED[module].split()}
#: Their methods are answered; distances are, or call what is.
DISTRIBUTIONS = (
    scipy.stats.rv_continuous,
    scipy.stats.rv_discrete,
    type(scipy.stats.dirichlet).__base__,
)
TAKEN = sorted(
    name
    for name, function in FUNCTIONS.items()
    if not TAKE_NONE.search(name)
    and find_answer(function) is None
    and not isinstance(getattr(function, "__self__", None), DISTRIBUTIONS)
    and "spatial.distance." not in name
)
NAMED_FIRST = re.compile(r"test_scipy_ways\.py:\d+: scipy(\.\w+){2,4} (met|cannot be) ")


def check_named(names: list[str]) -> None:
    """A function that meets a recorded value is named, with a way out."""
    texts = {name: met(FUNCTIONS[name]) for name in names if name not in ANSWERED}

    for text in itertools.chain(*texts.values()):
        assert NAMED_FIRST.match(text), text
        assert "\n  instead: " in text
    # Others take whole numbers, texts or functions.
    others = sum(not text for text in texts.values())
    assert others < 0.25 * len(names)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(4))
def test_functions_that_meet_a_recorded_value_are_named(start: int) -> None:
    check_named(TAKEN[start::40])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(10))
def test_all_functions_that_meet_a_recorded_value_are_named(start: int) -> None:
    check_named(TAKEN[start::10])


def test_functions_in_c_are_named() -> None:
    """They have no frame: the user's line says what is called."""
    from scipy import optimize, signal

    for f in (
        lambda x: optimize.linear_sum_assignment(x)[0],
        lambda x: signal.sepfir2d(x, x[0], x[0]),
    ):
        with pytest.raises(
            wg.RecordingError, match=r": scipy\.\w+\.\w+ met a recorded"
        ):
            wg.grad(f)(MATRIX)


# Advice names what exists

PACKAGE = Path(wg.__file__).parent
NAMED = re.compile(
    r"\b(np|numpy|scipy|math|wengert)((?:\.[a-z]\w*)+)(?=[\s(),;:'\"`*]|$)"
)
ROOTS = {"np": np, "numpy": np, "scipy": scipy, "math": math, "wengert": wg}


def texts() -> Iterator[tuple[str, str]]:
    """The texts of the package that are no docstrings, with the module's name.

    Native code has names of its own.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        module = str(path.relative_to(PACKAGE))
        nodes = list(ast.walk(ast.parse(path.read_text())))
        sentences = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in set(nodes) - sentences:
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and not module.startswith("emit"):
                yield module, node.value


def exists(root: Any, path: str) -> bool:
    """Whether a dotted name stands for something."""
    for part in path.split("."):
        if not hasattr(root, part):
            try:
                importlib.import_module(f"{root.__name__}.{part}")
            except (ImportError, AttributeError):
                return False
        root = getattr(root, part)
    return True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_text_names_a_function_that_does_not_exist() -> None:
    missing = {
        (module, match[0])
        for module, text in texts()
        for match in NAMED.finditer(text)
        if not exists(ROOTS[match[1]], match[2][1:])
    }

    assert missing == set()


@pytest.mark.parametrize(
    "name", [n for n in dir(math) if callable(getattr(math, n)) and n[0] != "_"]
)
def test_advice_for_an_imported_function_of_math_names_what_exists(name: str) -> None:
    program = f"from math import {name}\ndef f(*x): return {name}(*x)"
    scope: dict[str, Any] = {}
    exec(compile(program, f"<{name}>", "exec"), scope)
    linecache.cache[f"<{name}>"] = (0, None, program.splitlines(True), f"<{name}>")
    for count in (1, 2, 3):
        try:
            wg.record(scope["f"], *[np.float64(0.5)] * count)
        except wg.WengertError as error:
            advice = str(error).partition("instead: ")[2]
            for match in NAMED.finditer(advice):
                assert exists(ROOTS[match[1]], match[2][1:]), advice
        except (TypeError, ValueError):
            continue
