"""What stands for a whole number in a NumPy function while recording, beside NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import wengert
from wengert.capture import keys
from wengert.scipy.optimize import minimize

X = np.array([1.5, 2.5, 3.5, 4.5])
NUMBERS: dict[str, Any] = {
    "int": 1,
    "flag": True,
    "numpy_flag": np.True_,
    "one_byte": np.int8(1),
    "float": 1.0,
    "two": 2.0,
    "numpy_float": np.float64(1.0),
    "array": np.array(1),
    "float_array": np.array(1.0),
    "one_element": np.array([1]),
    "one_float": np.array([1.0]),
    "list": [1],
    "list_of_float": [1.0],
    "tuple": (1,),
}
AXES = (
    "sum mean prod max min std var any all cumsum cumprod argmax argmin argsort sort "
    "median nansum nanmean average count_nonzero nanmax flip diff gradient trapezoid "
    "unwrap expand_dims cumulative_sum"
)


def square(x: Any) -> Any:
    return np.reshape(x, (2, 2))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        f"{name} axis": lambda x, k, name=name: getattr(np, name)(square(x), axis=k)
        for name in AXES.split()
    },
    "tile": np.tile,
    "repeat": np.repeat,
    "repeat method": lambda x, k: x.repeat(k),
    "repeat axis": lambda x, k: np.repeat(square(x), 2, axis=k),
    "roll": np.roll,
    "roll axis": lambda x, k: np.roll(square(x), 1, axis=k),
    "squeeze": lambda x, k: np.squeeze(np.reshape(x, (4, 1)), k),
    "squeeze method": lambda x, k: np.reshape(x, (4, 1)).squeeze(k),
    "linspace": lambda x, k: np.linspace(x[0], x[1], k),
    "linspace axis": lambda x, k: np.linspace(square(x), 0.0, 3, axis=k),
    "logspace": lambda x, k: np.logspace(x[0], x[1], k),
    "geomspace": lambda x, k: np.geomspace(x[0], x[1], k),
    "reshape": lambda x, k: np.reshape(x, (k, 4)),
    "zeros": lambda x, k: np.zeros(k) + x[0],
    "full": lambda x, k: np.full(k, x[0]),
    "eye": lambda x, k: np.eye(k) * x[0],
    "eye diagonal": lambda x, k: np.eye(3, k=k) * x[0],
    "tri": lambda x, k: np.tri(k) * x[0],
    "diag": np.diag,
    "diagflat": np.diagflat,
    "tril": lambda x, k: np.tril(square(x), k),
    "triu": lambda x, k: np.triu(square(x), k),
    "diagonal": lambda x, k: np.diagonal(square(x), k),
    "trace": lambda x, k: np.trace(square(x), k),
    "swapaxes": lambda x, k: np.swapaxes(square(x), k, 0),
    "moveaxis": lambda x, k: np.moveaxis(square(x), k, 0),
    "rollaxis": lambda x, k: np.rollaxis(square(x), k),
    "transpose": lambda x, k: np.transpose(square(x), (k, 0)),
    "take": np.take,
    "take axis": lambda x, k: np.take(square(x), [0], axis=k),
    "index": lambda x, k: x[k],
    "slice": lambda x, k: x[k:],
    "delete": np.delete,
    "insert": lambda x, k: np.insert(x, k, 7.0),
    "partition": np.partition,
    "split": lambda x, k: np.split(x, k),
    "array_split": np.array_split,
    "concatenate": lambda x, k: np.concatenate([square(x), square(x)], axis=k),
    "stack": lambda x, k: np.stack([x, x], axis=k),
    "pad": np.pad,
    "vander": np.vander,
    "matrix_power": lambda x, k: np.linalg.matrix_power(square(x), k),
    "tensordot": lambda x, k: np.tensordot(x, x, k),
    "round": np.round,
    "fft": lambda x, k: np.fft.fft(x, k),
    "fft axis": lambda x, k: np.fft.fft(square(x), axis=k),
    "polyder": np.polyder,
    "broadcast_to": lambda x, k: np.broadcast_to(x[0], k),
    "arange": lambda x, k: np.arange(k) * x[0],
}

#: Where NumPy takes what is no whole number for one, and we do not.
REFUSED = {("cumulative_sum axis", "tuple")}


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a call gives as arrays, or the class of the error that it raises."""
    try:
        found = function(*args)
    except Exception as error:
        return type(error)
    parts = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(keys.plain(part)) for part in parts]


@pytest.mark.one_in(5)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", CALLS)
def test_what_counts_as_a_whole_number_is_what_numpy_says(
    name: str, number: str
) -> None:
    expected = outcome(CALLS[name], X, NUMBERS[number])
    found: list[Any] = []

    def f(x: Any) -> Any:
        found.append(outcome(CALLS[name], x, NUMBERS[number]))
        return x

    wengert.record(f, X)

    if (name, number) in REFUSED:
        assert found == [wengert.errors.UnsupportedError]
    elif isinstance(expected, type):
        assert found == [expected]
    else:
        for ours, numpys in zip(found[0], expected, strict=True):
            assert ours.shape == numpys.shape
            np.testing.assert_allclose(ours, numpys, rtol=1e-14)


def test_a_flag_is_no_count_where_numpys_is_none() -> None:
    def count(x: Any) -> Any:
        return np.linspace(x[0], x[1], x[0] > 0.0)

    with pytest.raises(TypeError):
        count(X)
    with pytest.raises(TypeError):
        wengert.record(count, X)
    with pytest.raises(TypeError):
        wengert.record(lambda x: x[0] * np.linspace(0.0, 1.0, x[0] > 0.0), X)


@pytest.mark.parametrize("method", ["SLSQP", "COBYLA", "COBYQA", "trust-constr"])
@pytest.mark.parametrize("is_dict", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_constraints_may_write_into_their_x(method: str, is_dict: bool) -> None:
    def writing(x: Any) -> Any:
        x[0] *= 2.0
        return x[0] + x[1] - 2.0

    def constraint(fun: Any) -> Any:
        if is_dict:
            return {"type": "eq", "fun": fun}
        return scipy.optimize.NonlinearConstraint(fun, 0.0, 0.0)

    def cost(x: Any) -> Any:
        return (x[0] - 1.0) ** 2 + (x[1] - 2.5) ** 2

    start = np.array([2.0, 0.0])
    pure = constraint(lambda x: 2.0 * x[0] + x[1] - 2.0)
    expected = scipy.optimize.minimize(cost, start, method=method, constraints=pure)
    found = minimize(cost, start, method=method, constraints=constraint(writing))

    np.testing.assert_allclose(found.x, expected.x, atol=1e-3)
    np.testing.assert_array_equal(start, [2.0, 0.0])
