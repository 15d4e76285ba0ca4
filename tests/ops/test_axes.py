"""Where NumPy and SciPy take no bool for an axis or a size, no answer does."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.special

import wengert
from wengert.errors import WengertError

MODULES = {
    module.__name__: module
    for module in (
        np,
        np.linalg,
        np.fft,
        scipy.fft,
        scipy.integrate,
        scipy.linalg,
        scipy.ndimage,
        scipy.signal,
        scipy.special,
    )
}
#: Settings that are whole numbers.
WHOLE = frozenset(
    (
        "axis axes axis1 axis2 shape newshape n k N M s num nu ord kth repeats reps "
        "shift sections offset order size start decimals"
    ).split()
)
BOOLS = {True: 1, (True,): (1,), (False, True): (0, 1)}
X = np.arange(1.0, 7.0).reshape(2, 3) / 7
#: What stands for the operands that have no default, tried one after the other.
FILLINGS: tuple[Callable[[Any, int], list[Any]], ...] = (
    lambda x, count: [x] * count,
    lambda x, count: [x[0]] * count,
    lambda x, count: [x, *[2] * (count - 1)],
    lambda x, count: [x, *[0.5] * (count - 1)],
)


def settings_of(module: Any) -> Iterator[tuple[Any, str, int]]:
    """Yield functions, a whole-number setting, and how many operands come first."""
    for name in dir(module):
        function = getattr(module, name)
        if name.startswith("_") or not callable(function) or isinstance(function, type):
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            continue
        for setting in parameters:
            if setting.name in WHOLE and setting.kind != setting.POSITIONAL_ONLY:
                others = [
                    one
                    for one in parameters
                    if one.default is one.empty and one.name != setting.name
                    if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
                ]
                names = [one.name for one in parameters]
                if all(
                    names.index(one.name) < names.index(setting.name) for one in others
                ):
                    yield function, setting.name, len(others)


def outcome(function: Any, x: Any, operands: Any, settings: dict[str, Any]) -> Any:
    """Return the type of the error that a call raises; None without one."""
    try:
        function(*operands(x), **settings)
    except WengertError:
        raise
    except Exception as error:
        return type(error)
    return None


def disagreement(
    function: Any, setting: str, filling: Any, count: int, value: Any
) -> Any:
    """Return what the plain call and the recorded one raise, where they differ."""

    def operands(x: Any) -> list[Any]:
        return filling(x, count)

    if outcome(function, X.copy(), operands, {setting: BOOLS[value]}) is not None:
        return None
    settings = {setting: value}
    plain = outcome(function, X.copy(), operands, settings)
    found = []

    def program(x: Any) -> Any:
        found.append(outcome(function, x, operands, settings))
        return np.sum(x)

    try:
        wengert.grad(program)(X.copy())
    except WengertError:  # a function that is not answered, or not so
        return None
    return None if found == [plain] else (function.__name__, settings, plain, found)


@pytest.mark.parametrize("name", MODULES)
def test_a_bool_is_taken_where_it_is_taken(name: str) -> None:
    wrong, count = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function, setting, operands in settings_of(MODULES[name]):
            for filling in FILLINGS:
                for value in BOOLS:
                    count += 1
                    wrong.append(
                        disagreement(function, setting, filling, operands, value)
                    )
    assert [one for one in wrong if one is not None] == []
    assert count > 30


#: Whole numbers that the data decide, in tuples and lists of axes and sizes.
DECIDED: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, k: np.sum(x, axis=(k, 0)),
    "sum by position": lambda x, k: np.sum(x, (0, k)),
    "method": lambda x, k: x.sum((k, 0)),
    "mean": lambda x, k: x.mean(axis=(k, 0)),
    "std": lambda x, k: np.std(x, axis=(k, 0)),
    "max": lambda x, k: np.max(x, axis=(k, 0), keepdims=True),
    "median": lambda x, k: np.median(x, axis=(k, 0)),
    "count_nonzero": lambda x, k: np.count_nonzero(x, axis=(k, 0)),
    "norm": lambda x, k: np.linalg.norm(x, axis=(k, 0)),
    "expand_dims": lambda x, k: np.expand_dims(x, [k, 0]),
    "moveaxis": lambda x, k: np.moveaxis(x, [k, 0], [0, k]),
    "transpose": lambda x, k: np.transpose(x, [k, 0, 2]),
    "squeeze": lambda x, k: np.squeeze(x[:1, :1], (k, 0)),
    "flip": lambda x, k: np.flip(x, (k, 0)),
    "roll": lambda x, k: np.roll(x, [k, 2], axis=(k, 0)),
    "fftn": lambda x, k: np.fft.fftn(x, (k + 1, 2), (k, 0)),
    "tensordot": lambda x, k: np.tensordot(x, x, axes=([k, 0], [k, 0])),
    "reshape": lambda x, k: np.reshape(x, [k + 1, -1]),
    "broadcast_to": lambda x, k: np.broadcast_to(x, [k + 1, 2, 3, 4]),
    "full": lambda x, k: np.full((k, 2), x[0, 0, 1]),
    "tile": lambda x, k: np.tile(x, [k, 2]),
    "repeat by a mask": lambda x, k: np.repeat(x[0, 0], x[0, 1] > 4.0 + k),
    "repeat by a truth value": lambda x, k: x.repeat(x[0, 0, 1] > k - 1),
    "roll by a truth value": lambda x, k: np.roll(x, x[0, 0, 1] > k - 1),
    "sum over a list": lambda x, k: np.sum(x, axis=[k, 0]),
    "size that is a truth value": lambda x, k: x.reshape((x[0, 0, 1] > k - 1, -1)),
}


@pytest.mark.parametrize("name", DECIDED)
def test_axes_and_sizes_that_data_decide_are_whole_numbers(name: str) -> None:
    function = DECIDED[name]
    x = np.arange(24.0).reshape(2, 3, 4)

    def decided(x: Any) -> Any:
        return function(x, np.argmax(x[:, 0, 0]))

    jitted = wengert.jit(decided)
    for given in (x, x, x):
        try:
            expected = decided(given)
        except TypeError:
            with pytest.raises(TypeError):
                jitted(given)
            continue
        found = jitted(given)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected)
