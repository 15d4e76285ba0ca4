"""Methods and attributes of recorded arrays are those of `ndarray`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge

M = np.random.default_rng(1).standard_normal((3, 4))
V = np.array([0.5, 1.5, -0.7, 2.0])
C = M + 1j * M[::-1]
S = np.float64(0.6)

METHODS: dict[str, Any] = {
    "sum": lambda x: x.sum(axis=0),
    "mean": lambda x: x.mean(1, keepdims=True),
    "prod": lambda x: x.prod(axis=1),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(),
    "std": lambda x: x.std(axis=0),
    "var": lambda x: x.var(ddof=1),
    "cumsum": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: x.cumprod(),
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(axis=0),
    "any": lambda x: (x > 0).any(axis=0),
    "all": lambda x: (x > 0).all(),
    "nonzero": lambda x: x[(x > 0).nonzero()],
    "clip": lambda x: x.clip(-0.5, 0.5),
    "clip_lower": lambda x: x.clip(0.1),
    "clip_upper": lambda x: x.clip(max=0.1),
    "clip_recorded": lambda x: x.clip([x[0, 0], -0.5, 0.1, 0.2], max=1.0),
    "round": lambda x: x.round(1) * x,
    "conj": lambda x: x.conj() * x.conjugate(),
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(),
    "transpose_axes": lambda x: x.transpose((1, 0)),
    "reshape": lambda x: x.reshape(2, -1),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "squeeze": lambda x: x[:1].squeeze(),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "take": lambda x: x.take([1, 3]),
    "repeat": lambda x: x.repeat(2, axis=0),
    "diagonal": lambda x: x.diagonal(1),
    "trace": lambda x: x.trace(),
    "dot": lambda x: x.dot(V),
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype(complex),
    "compress": lambda x: x.compress([True, False, True], axis=0),
    "searchsorted": lambda x: np.sort(x[0]).searchsorted(0.1),
    "item": lambda x: x.item(5) * x.item(1, 2) + x[:1, :1].item(),
    "flat_iteration": lambda x: sum(v * v for v in x.T.flat),
    "flat_item": lambda x: x.flat[3] * x.flat[1:3],
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_numpys(name: str) -> None:
    judge(METHODS[name], [M])


COMPLEX = ("sum", "mean", "prod", "conj", "real", "imag", "T", "cumsum", "dot", "copy")


@pytest.mark.parametrize("name", COMPLEX)
def test_a_method_of_a_complex_array_is_numpys(name: str) -> None:
    judge(METHODS[name], [C])


SCALAR: dict[str, Any] = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "reshape": lambda x: x.reshape(1, 1),
    "T": lambda x: x.T,
    "real": lambda x: x.real * x.imag + x,
    "conj": lambda x: x.conj(),
    "astype": lambda x: x.astype(np.float64),
    "item": lambda x: x.item() * x,
    "copy": lambda x: x.copy(),
    "clip": lambda x: x.clip(0, 1),
    "round": lambda x: x.round(1) * x,
    "ravel": lambda x: x.ravel(),
    "max": lambda x: x.max(),
    "is_integer": lambda x: x if not x.is_integer() else 0.0,
}


@pytest.mark.parametrize("name", SCALAR)
def test_a_method_of_a_recorded_number_is_numpys(name: str) -> None:
    judge(SCALAR[name], [S])


def in_place(write: Any) -> Any:
    def function(x: Any) -> Any:
        y = x * 1.0
        write(y)
        return y * x

    return function


WRITES: dict[str, Any] = {
    "fill": lambda y: y.fill(y[0, 0] * 2),
    "sort": lambda y: y.sort(),
    "sort_axis": lambda y: y.sort(axis=0),
    "sort_of_view": lambda y: y[1].sort(),
    "put": lambda y: y.put([0, 3], [y[0, 1], 2.0]),
    "flat": lambda y: setattr(y, "flat", y[0]),
    "real": lambda y: setattr(y, "real", y[0]),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_method_that_writes_does_as_numpy_does(name: str) -> None:
    judge(in_place(WRITES[name]), [M])


@pytest.mark.parametrize("dtype", [float, int, bool, complex])
@pytest.mark.parametrize(
    "value", [np.ones(3), np.ones(1), np.array(2.5), [1.0], (), "3", None, 1j, 2.5]
)
@pytest.mark.filterwarnings("ignore:Casting complex")
def test_an_array_is_filled_by_what_numpy_takes_for_one_value(
    value: Any, dtype: Any
) -> None:
    def function(x: Any, value: Any) -> Any:
        x.fill(value)
        return x

    def outcome(function: Any) -> Any:
        try:
            return function(np.zeros(2, dtype), value)
        except (TypeError, ValueError) as error:
            return type(error)

    np.testing.assert_equal(outcome(wengert.jit(function)), outcome(function))


def test_parts_of_complex_arrays_can_be_set() -> None:
    def function(z: Any, v: Any) -> Any:
        w = z * 1j
        w.real = v
        w.imag = v * v
        w.real[0] = 2.0 * v[1]
        w.imag[1, 2:] *= v[2]
        w.T.imag[1] += v[:3] * w.real[:, 0]
        return w * z

    judge(function, [C, V])


def test_facts_are_those_of_the_array() -> None:
    def function(x: Any) -> Any:
        assert x.shape == (3, 4)
        assert x.ndim == 2
        assert x.size == 12
        assert x.dtype == np.float64
        assert x.itemsize == 8
        assert x.nbytes == 96
        assert x.strides == (32, 8)
        assert x.flags.c_contiguous
        assert x.T.flags.f_contiguous
        assert x.base is None
        assert x.T.base is not None
        assert len(x) == 3
        return x.sum()

    np.testing.assert_array_equal(wengert.grad(function)(M), np.ones((3, 4)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.view(np.int64),
        lambda x: x.resize(2, 2),
        lambda x: x.tobytes(),
        lambda x: x.byteswap(),
    ],
)
def test_memory_is_not_handed_out(call: Any) -> None:
    with pytest.raises(wengert.UnsupportedError, match="memory of an array"):
        wengert.grad(lambda x: call(x))(M)


def test_the_shape_is_not_set_in_place() -> None:
    def function(x: Any) -> Any:
        x.shape = (4, 3)
        return x.sum()

    with pytest.raises(wengert.RecordingError, match="does not change in place"):
        wengert.grad(function)(M)


def test_an_unsafe_cast_raises_as_in_numpy() -> None:
    with pytest.raises(TypeError, match="Cannot cast"):
        wengert.grad(lambda x: x.astype(int, casting="safe").sum())(M)


@pytest.mark.parametrize("call", [lambda x: x.tolist(), float, complex])
def test_leaving_the_tape_raises(call: Any) -> None:
    with pytest.raises(wengert.RecordingError, match="stop_gradient"):
        wengert.grad(lambda x: call(x.sum()))(M)


@pytest.mark.parametrize("key", [slice(None, None, -1), 0, -1, [0], [0, 0], ..., 1])
def test_one_element_without_axes_has_a_place_in_flat(key: Any) -> None:
    def f(x: Any) -> Any:
        read = x.flat[key] * 2.0
        x.flat[key] = np.sin(x)
        return np.sum(read) + x, sum(x.flat), len(x.flat)

    def answer(fun: Any) -> Any:
        try:
            return fun(np.array(0.75))
        except IndexError as error:
            return str(error)

    expected, jitted = answer(f), wengert.jit(f)

    assert [answer(jitted) for _ in range(4)] == [pytest.approx(expected)] * 4
