"""Arrays with labels: those of xarray are containers of their array."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import DerivativeError, RecordingError

xr = pytest.importorskip("xarray")

RANDOM = np.random.default_rng(0)
V = xr.DataArray(
    RANDOM.uniform(0.5, 2.0, (3, 4)),
    dims=("t", "x"),
    coords={"t": [10.0, 20.0, 30.0], "x": list("abcd"), "g": ("x", [0, 0, 1, 1])},
    name="v",
    attrs={"unit": "m"},
)
#: Other coordinates, in part.
SOME = xr.DataArray([1.0, 2.0, 3.0], dims="x", coords={"x": list("bcd")})


def written(v: Any) -> Any:
    """Assign through a copy."""
    w = v.copy(deep=True)
    w[0] = 5.0
    w.loc[{"x": "b"}] = 2 * w.loc[{"x": "a"}]
    return (w**2).sum()


PROGRAMS = {
    "sum": lambda v: (v**2).sum(),
    "mean": lambda v: (v.mean("t") ** 2).sum(),
    "std": lambda v: v.std(),
    "max": lambda v: v.max("t").sum(),
    "median": lambda v: v.median("t").sum(),
    "ufunc": lambda v: np.sum(np.sin(v)),
    "operators": lambda v: (2.0**v / (1 + v) - v).sum(),
    "sel": lambda v: (v.sel(x=slice("b", "c")) ** 3).sum(),
    "isel": lambda v: (v.isel(t=[0, 2]) ** 3).sum(),
    "where": lambda v: (v.where(v > 1, 0.0) ** 2).sum(),
    "shift": lambda v: (v.shift(t=1, fill_value=0.0) * v).sum(),
    "diff": lambda v: (v.diff("t") ** 2).sum(),
    "rolling": lambda v: (v.rolling(t=2).mean() ** 2).sum(),
    "groupby": lambda v: (v.groupby("g").mean() ** 2).sum(),
    "concat": lambda v: (xr.concat([v, v * 2], "t") ** 2).sum(),
    "dot": lambda v: xr.dot(v, v, dim="x").sum(),
    "align": lambda v: ((v * SOME) ** 2).sum(),
    "align reflected": lambda v: ((SOME * v) ** 2).sum(),
    "transpose": lambda v: (v.transpose("x", "t") * v).sum(),
    "stack": lambda v: (v.stack(z=("t", "x")) ** 2).sum(),
    "sortby": lambda v: (v.sortby("t", ascending=False) * v.data).sum(),
    "dataset": lambda v: (xr.Dataset({"a": v, "b": v * 2})["b"] ** 2).sum(),
    "values": lambda v: np.sum(v.values**2),
    "asarray": lambda v: np.sum(np.asarray(v) ** 2),
    "assign": written,
    "branch": lambda v: v.sum() if v[0, 0] > 0 else -v.sum(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_xarray_computes_with_a_recorded_array(name: str) -> None:
    """Values and slopes are those of plain runs; the gradient has the labels."""
    f, h = PROGRAMS[name], 1e-6
    direction = RANDOM.standard_normal(V.shape)

    value, g = wg.value_and_grad(f)(V)
    slope = (float(f(V + h * direction)) - float(f(V - h * direction))) / (2 * h)

    assert float(value) == pytest.approx(float(f(V)), rel=1e-14)
    assert np.sum(g.data * direction) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert g.identical(V.copy(data=g.data))


def test_a_labelled_result_keeps_its_labels() -> None:
    def f(v: Any) -> Any:
        return v.sum("t") ** 2

    value, pull = wg.vjp(f, V)
    _, tangent = wg.jvp(f, (V,), (V,))
    tape = pickle.loads(pickle.dumps(wg.record(f, V)))

    assert value.identical(f(V))
    assert pull(value)[0].dims == V.dims
    assert tangent.identical(2 * f(V))
    assert tape(V).identical(f(V))


def test_a_jacobian_has_no_labels() -> None:
    found = wg.jacobian(lambda v: v.sum("t"))(V)

    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, np.einsum("xy,t->xty", np.eye(4), np.ones(3)))


@pytest.mark.slow  # jit looks through the code of xarray for what it reads
@pytest.mark.filterwarnings("ignore")  # xarray's own code is run eagerly, which warns
def test_a_jitted_function_takes_the_labels_it_is_given() -> None:
    f = wg.jit(lambda v: v * 2.0)
    moved = V.assign_coords(t=[1.0, 2.0, 3.0])

    for v in (V, moved, V, moved):
        assert f(v).identical(v * 2.0)


def test_labelled_data_goes_with_recorded_numbers_on_either_side() -> None:
    """With a recorded number on the right the gradient was 0, without an error."""
    t = xr.DataArray([0.0, 1.0, 2.0], dims="t")

    for f in (
        lambda p: np.sum(np.exp(t * p)),
        lambda p: np.sum(np.exp(p * t)),
        lambda p: np.exp(p * t).sum("t"),
    ):
        expected = np.sum(t.data * np.exp(0.5 * t.data))
        assert float(wg.grad(f)(0.5)) == pytest.approx(expected, rel=1e-14)


class Quantity:
    """Another library's array: it says what an array says, and holds one."""

    dtype, shape, ndim, size = np.dtype(float), (), 0, 1

    def __init__(self, x: Any) -> None:
        self.x = x


@pytest.mark.parametrize(
    "derive",
    [
        wg.grad,
        wg.jacobian,
        lambda f: lambda x: wg.vjp(f, x),
        lambda f: lambda x: wg.jvp(f, (x,), (1.0,)),
    ],
)
def test_another_librarys_array_is_no_constant_result(derive: Any) -> None:
    """Its derivative was 0, without an error."""
    with pytest.raises((DerivativeError, RecordingError), match="Quantity"):
        derive(lambda x: Quantity(x * 2.0))(1.0)
