"""Every function of NumPy's, of every kind of recorded argument, against plain NumPy.

The answer is NumPy's, or an error that says what to write instead; never a raw error
where NumPy answers.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.capture.array import RecordedValue
from wengert.capture.record import leave

V = np.array([0.5, 0.7, 1.5])
W = np.array([0.25, 1.0, 2.0])
M = np.array([[1.0, 0.5, 0.25], [0.5, 2.0, 0.125], [0.25, 0.125, 3.0]])
C = np.array([1 + 2j, 0.5 - 1j, 2.0])
NOTHING = np.zeros(0)
MASK = np.array([True, False, True])
PLACES = np.array([2, 0, 1])
ORDERED = np.array([0, 1, 2])
S = 0.75
#: What functions are tried with; a call that NumPy itself refuses is no case.
ARGUMENTS: list[tuple[Any, ...]] = [
    *[(V,), (S,), (M,), (C,), (NOTHING,), ([V, W],), ([S, 2.0],)],
    *[(V, W), (S, S), (M, M), (M, V), (C, C), (C, V), (V, S), (S, V)],
    *[(V, 2), (2, V), (V, PLACES), (PLACES, V), (MASK, V), (V, MASK), (V, [0, 1])],
    *[(V, (3, 1)), (M, 0), (M, 1), ([V, W], 0), (V, None), (V, "f4"), ("i,i", V, W)],
    *[(V, W, V), (MASK, V, W), (V, MASK, W), (V, ORDERED, W), (V, [0, 1], S)],
    *[(V, W, "same"), (V, 0, 0.25), (V, PLACES, 0), (M, PLACES, 1), (M, 0, 1)],
]
#: What is tried elsewhere, has nothing to do with arrays, or draws an order of its own.
LEFT_OUT = {
    *("vectorize frompyfunc piecewise apply_along_axis apply_over_axes").split(),
    *("save savez savez_compressed savetxt load loadtxt genfromtxt fromfile").split(),
    *("seterr seterrcall setbufsize set_printoptions printoptions test info").split(),
    *("show_config show_runtime get_include memmap empty empty_like").split(),
    *("broadcast ndenumerate nditer ndindex unique_values").split(),
}
SPACES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    f"{space}.{name}": getattr(module, name)
    for space, module in SPACES.items()
    for name in sorted(module.__all__)
    if callable(getattr(module, name))
    and not isinstance(getattr(module, name), type)
    and name not in LEFT_OUT
}


def ways(value: Any) -> list[str]:
    """Return how an argument can be given."""
    parts = value if isinstance(value, list) else [value]
    if all(isinstance(part, float) for part in parts):
        return ["recorded"] if isinstance(value, list) else ["plain", "recorded"]
    if not all(isinstance(part, np.ndarray) for part in parts):
        return ["plain"]
    if parts[0].dtype.kind not in "fc":
        return ["plain", "recorded"]
    return ["plain", "recorded", "listed"] if parts[0].size else ["plain", "recorded"]


def given(value: Any, way: str, one: Any) -> Any:
    """Return an argument in a way: times one, which is recorded or not."""
    if way == "plain":
        return value
    if isinstance(value, list):
        return [given(part, way, one) for part in value]
    if isinstance(value, float):
        return value * one
    if value.dtype.kind == "b":
        return np.logical_and(value, one > 0.0)
    if value.dtype.kind == "i":
        return (value * one).astype(int)
    if way == "recorded":
        return value * one
    if value.ndim == 1:
        return [part.item() * one for part in value]
    return [given(row, way, one) for row in value]


def cases() -> Iterator[tuple[tuple[Any, ...], tuple[str, ...]]]:
    """Give the arguments, each in all the ways with something recorded."""
    for arguments in ARGUMENTS:
        for way in itertools.product(*map(ways, arguments)):
            if set(way) != {"plain"}:
                yield arguments, way


CASES = list(cases())


def agree(got: Any, right: Any) -> bool:
    """Whether two results have the same structure, classes, shapes and numbers."""
    if isinstance(right, (list, tuple)):
        return len(got) == len(right) and all(map(agree, got, right))
    if not isinstance(right, (np.ndarray, np.generic, float, int, complex)):
        return type(got) is type(right)
    kind = np.asarray(right).dtype.kind
    if isinstance(got, np.ndarray) != isinstance(right, np.ndarray):
        return False
    if np.shape(got) != np.shape(right) or np.asarray(got).dtype.kind != kind:
        return False
    if kind in "OUS":
        return np.array_equal(got, right)
    return np.allclose(got, right, equal_nan=True)


def outcome(name: str, arguments: Any, way: tuple[str, ...]) -> str:
    """Return what came of a call: "no case", "right", "refused", or what is wrong."""

    def call(one: Any) -> Any:
        function = getattr(SPACES[name.rpartition(".")[0]], name.rpartition(".")[2])
        pairs = zip(copy.deepcopy(arguments), way, strict=True)
        return function(*[given(value, how, one) for value, how in pairs])

    found = []

    def recorded(one: Any) -> Any:
        found.append(leave(call(one)))
        return one * 1.0

    try:
        right = call(1.0)
    except Exception:
        return "no case"
    try:
        wengert.grad(recorded)(1.0)
    except wengert.WengertError as error:
        return "refused" if "instead:" in str(error) else f"no advice: {error}"
    except Exception as error:
        return f"raw {type(error).__name__}: {error}"
    return "right" if agree(found[0], right) else f"{found[0]} and not {right}"


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_numpy_answers_or_says_what_to_write(name: str) -> None:
    wrong = {
        f"{way} of {arguments}: {found}"
        for arguments, way in CASES
        if (found := outcome(name, arguments, way))
        not in ("right", "refused", "no case")
    }

    assert wrong == set()


def test_the_sweep_finds_raw_errors_and_other_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sort(*args: Any) -> Any:
        """Sort, unless recorded values are among what is sorted."""
        if isinstance(args[0], RecordedValue):
            return args[0] + 1.0 if np.ndim(args[0]) == 1 else args[0].sides
        return np.asarray(args[0])

    monkeypatch.setattr(np, "other_sort", sort, raising=False)

    assert outcome("np.other_sort", (V,), ("recorded",)).startswith("[1.5 1.7 2.5] and")
    assert outcome("np.other_sort", (M,), ("recorded",)).startswith("raw AttributeErr")
