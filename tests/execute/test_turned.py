"""Large arrays in Fortran's order are read as they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute import arrays, entries
from wengert.execute.engine import native_engine
from wengert.execute.keys import WRITES

RANDOM = np.random.default_rng(3)
SQUARE = RANDOM.normal(size=(6, 6))
CUBE = RANDOM.normal(size=(3, 4, 5))


@pytest.fixture(autouse=True)
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let arrays of any size be large."""
    monkeypatch.setattr(arrays, "COPIED", 0)
    monkeypatch.setattr(entries, "COPIED", 0)


def total(x: Any) -> Any:
    return np.sum(np.sin(x) * np.cumsum(x, axis=0))


def stored(x: Any) -> Any:
    y = x.copy()
    y[1:] += x[:-1] * 2.0
    return y


def written(x: Any) -> Any:
    x[0] = 2.0 * x[1]
    return x.sum(axis=0)


def branched(x: Any) -> Any:
    return x[0] if x[0, 0] > 0.0 else x[:, 0]


def by_layout(x: Any) -> Any:
    return x * 2.0 if x.flags.c_contiguous else x * 3.0


FUNCTIONS = {
    "sum": total,
    "gradient": wg.grad(total),
    "product": lambda x: x @ x.T,
    "reshape": lambda x: x.reshape(-1)[:7] * 2.0,
    "ravel in K": lambda x: x.ravel("K"),
    "stored": stored,
    "written": written,
    "branched": branched,
    "layout": by_layout,
    "strides": lambda x: x * float(x.strides[0]),
    "vmap": wg.vmap(lambda row: np.sum(row**2) * row),
    "nested": wg.jit(lambda x: np.exp(x) - x[::-1]),
}


def layouts(x: Any) -> list[Any]:
    """Return an array in several orders; equal shapes where it is square."""
    every = [x, np.asfortranarray(x), x[::-1], x.T.copy().T, np.asfortranarray(-x), x]
    return every + ([x.T, x.T.copy()] if len(set(x.shape)) == 1 else [])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("x", [SQUARE, SQUARE[:, :4]], ids=["square", "oblong"])
def test_orders_take_turns(name: str, waits: bool, x: Any) -> None:
    function = FUNCTIONS[name]
    jitted = wg.jit(function, wait=waits)

    for given in layouts(x) * 4:
        kept = given.copy()
        expected = function(given.copy(order="K") if name == "written" else given)
        np.testing.assert_allclose(jitted(given), expected, rtol=1e-13, atol=1e-14)
        np.testing.assert_array_equal(given, kept)


def test_what_is_read_as_it_lies_is_native() -> None:
    jitted = wg.jit(total, wait=True)
    for given in (SQUARE, np.asfortranarray(SQUARE)) * 3:
        jitted(given)

    assert len(jitted.entries) == 2
    assert all(path.kernels for path in jitted.paths()) or not native_engine()
    assert "float64[6, 6] in Fortran's order" in str(jitted.report())


def test_more_axes_and_containers() -> None:
    def f(pair: Any, *, scale: Any, power: int = 2) -> Any:
        x, inner = pair
        return {"y": np.einsum("ijk,ij->k", x, inner["z"]) * scale**power}

    jitted = wg.jit(f, wait=True)
    for order in "CFFCFCF":
        given = CUBE.copy(order), {"z": CUBE[..., 0].copy(order)}
        found = jitted(given, scale=1.5, power=3)["y"]
        np.testing.assert_allclose(found, f(given, scale=1.5, power=3)["y"])


def test_one_array_in_both_orders() -> None:
    def f(x: Any, y: Any) -> Any:
        return x @ y + y

    jitted, slope = wg.jit(f, wait=True), wg.jit(wg.grad(lambda x, y: f(x, y).sum()))
    x = np.asfortranarray(SQUARE)
    for pair in ((x, x), (x, x.T), (x.T, x), (SQUARE, x), (x, SQUARE)) * 3:
        np.testing.assert_allclose(jitted(*pair), f(*pair))
        np.testing.assert_allclose(slope(*pair), np.ones((6, 6)) @ pair[1].T)


def test_static_arguments_stand_beside() -> None:
    jitted = wg.jit(lambda n, x: x[:n] * n, static_argnums=0)
    for n in (2, 3, 2, 3):
        for order in "FCFC":
            given = SQUARE.copy(order)
            np.testing.assert_array_equal(jitted(n, given), given[:n] * n)


def test_what_is_asked_of_memory_is_asked_of_the_argument() -> None:
    jitted = wg.jit(written, wait=True)
    for order in "FFCCFC":
        given = SQUARE.copy(order)
        np.testing.assert_allclose(jitted(given), written(SQUARE.copy(order)))
        given.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            jitted(given)
    assert WRITES in jitted.keys.asked


def test_results_are_put_where_they_are_wanted() -> None:
    jitted = wg.jit(lambda x: x * 2.0)
    for order in "CFCFCF":
        out = np.empty((6, 6), order="F")
        assert jitted(SQUARE.copy(order), out=out) is out
        np.testing.assert_array_equal(out, SQUARE * 2.0)
