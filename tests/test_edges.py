"""Every row of the published table of derivatives at edges is a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import (
    fft,
    integrate,
    interpolate,
    ndimage,
    optimize,
    signal,
    sparse,
    special,
    stats,
)
from scipy.spatial import distance

from wengert import grad, jvp, vjp

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "edges.md"
#: What plays a tape.  An engine is a function from a function to one that is played.
ENGINES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "interpreter": lambda function: function,
}
NAMES = {
    "np": np,
    "fft": fft,
    "integrate": integrate,
    "interpolate": interpolate,
    "ndimage": ndimage,
    "optimize": optimize,
    "signal": signal,
    "sparse": sparse,
    "special": special,
    "stats": stats,
    "distance": distance,
    "inf": np.inf,
    "nan": np.nan,
}


class Row(NamedTuple):
    """One row: plain NumPy, where, and the derivatives of the sum by name."""

    expression: str
    at: str
    derivative: str
    why: str

    def __str__(self) -> str:
        return f"{self.expression} at {self.at}"

    @property
    def point(self) -> dict[str, Any]:
        """The arguments."""
        return numbers(self.at)

    @property
    def expected(self) -> dict[str, Any]:
        """The derivative by each argument."""
        return numbers(self.derivative)


def numbers(text: str) -> dict[str, Any]:
    """Return ``x=[1, 2], y=0`` as arrays and numbers of float64 by name."""
    found = eval(f"dict({text})", NAMES)
    return {name: np.asarray(value, float)[()] for name, value in found.items()}


def rows(order: int = 1) -> list[Row]:
    """Return the rows of every table of derivatives of an order."""
    found = []
    first, _, second = PAGE.read_text().partition("## Second derivatives")
    for line in (first if order == 1 else second).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert len(cells) == 5, f"five columns: {line}"
            found.append(Row(*[cell.strip("`") for cell in cells[:3]], cells[4]))
    return found


def total(row: Row) -> Callable[..., Any]:
    """Return the sum of the row's value as a function of its arguments."""
    *statements, last = ast.parse(row.expression).body
    body = ast.Module(statements, [])
    names = list(row.point)

    def function(*args: Any) -> Any:
        scope = {**NAMES, **dict(zip(names, args, strict=True))}
        exec(compile(body, "<edges>", "exec"), scope)
        value = eval(compile(ast.Expression(last.value), "<edges>", "eval"), scope)
        return np.sum(value) * 1.0

    return function


def reverse(function: Any, point: list[Any]) -> list[Any]:
    """Return the gradients by reverse mode."""
    return list(vjp(function, *point)[1](1.0))


def recorded_reverse(function: Any, point: list[Any]) -> list[Any]:
    """Return the gradients by a reverse sweep that is itself recorded."""
    return list(vjp(lambda *args: vjp(function, *args)[1](1.0), *point)[0])


def forward(function: Any, point: list[Any]) -> list[Any]:
    """Return the gradients by forward mode, an element at a time."""
    return pushed(lambda tangents: jvp(function, tuple(point), tangents)[1], point)


def recorded_forward(function: Any, point: list[Any]) -> list[Any]:
    """Return the gradients by forward sweeps that are themselves recorded."""

    def derivative(tangents: Any) -> Any:
        return vjp(lambda *args: jvp(function, args, tangents)[1], *point)[0]

    return pushed(derivative, point)


def pushed(derivative: Any, point: list[Any]) -> list[Any]:
    """Return gradients from derivatives along every element of every argument."""
    found = []
    for k, value in enumerate(point):
        parts = []
        for unit in np.eye(np.size(value)).reshape(-1, *np.shape(value)):
            tangents = [np.zeros_like(other) for other in point]
            tangents[k] = unit[()]
            parts.append(derivative(tuple(tangents)))
        found.append(np.reshape(parts, np.shape(value)))
    return found


MODE_NAMES = ("reverse", "forward")
MODES = [reverse, forward, recorded_reverse, recorded_forward]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("row", rows(), ids=str)
def test_row(row: Row, mode: Any, engine: str) -> None:
    function = ENGINES[engine](total(row))
    with np.errstate(all="ignore"):
        found = mode(function, list(row.point.values()))

    assert list(row.point) == list(row.expected)
    for derivative, expected in zip(found, row.expected.values(), strict=True):
        np.testing.assert_allclose(derivative, expected, rtol=1e-15, atol=1e-15)


def test_every_decided_edge_is_in_the_table() -> None:
    """The functions that the design decides by name."""
    page = " ".join(row.expression for row in rows())
    decided = (
        "maximum minimum fmax fmin max min clip sort abs sign std hypot sqrt where "
        "nansum prod sinc logaddexp arctan2 log copysign remainder add.at cumprod"
    )

    assert [n for n in decided.split() if not re.search(rf"np\.{n}\(", page)] == []


def test_rows_differ() -> None:
    assert len(set(map(str, rows()))) == len(rows()) > 90


# Second derivatives


def derivative(mode: str, function: Any, k: int) -> Callable[..., Any]:
    """Return the derivative of a function by argument `k`, or along its elements."""
    if mode == "reverse":
        return grad(function, k)

    def forward_derivative(*args: Any) -> Any:
        shape = np.shape(args[k])
        parts = []
        for unit in np.eye(int(np.prod(shape))).reshape(-1, *shape):
            tangents = [np.zeros(np.shape(arg)) for arg in args]
            tangents[k] = unit
            parts.append(jvp(function, args, tuple(tangents))[1])
        return np.reshape(np.stack(parts), shape)

    return forward_derivative


def block(outer: str, inner: str, row: Row, names: str) -> Any:
    """Return one block of the Hessian, an element of the inner derivative at a time."""
    point = row.point
    first, second = (list(point).index(name) for name in names)
    slope = derivative(inner, total(row), first)
    shape = np.shape(point[names[0]])

    def element(place: tuple[int, ...]) -> Callable[..., Any]:
        return lambda *args: slope(*args)[place] * 1.0

    found = [
        derivative(outer, element(place), second)(*point.values())
        for place in np.ndindex(shape)
    ]
    return np.reshape(np.stack(found), shape + np.shape(point[names[1]]))


ORDERS = [(outer, inner) for outer in MODE_NAMES for inner in MODE_NAMES]


@pytest.mark.parametrize(("outer", "inner"), ORDERS)
@pytest.mark.parametrize("row", rows(2), ids=str)
def test_row_of_second_derivatives(row: Row, outer: str, inner: str) -> None:
    for names, expected in row.expected.items():
        with np.errstate(all="ignore"):
            found = block(outer, inner, row, names)

        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("row", rows(2), ids=str)
def test_smooth_second_derivatives_are_those_of_the_neighbours(row: Row) -> None:
    """Second differences of plain NumPy at a distance, where the page says a number."""
    if not row.why.startswith(("smooth", "the ")):
        pytest.skip("a choice, or a limit that is infinite")
    point, function = list(row.point.values()), total(row)
    names, h = list(row.point), 1e-4
    for pair, expected in row.expected.items():
        first, second = (names.index(name) for name in pair)
        for place in np.ndindex(np.shape(expected)):
            left = moved(point, first, place[: np.ndim(point[first])], h)
            right = moved(point, second, place[np.ndim(point[first]) :], h)
            steps = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [
                i
                * j
                * function(
                    *[
                        p + i * a + j * b
                        for p, a, b in zip(point, left, right, strict=True)
                    ]
                )
                for i, j in steps
            ]
            found = sum(values) / (4 * h * h)
            assert found == pytest.approx(np.asarray(expected)[place], abs=1e-5)


def moved(point: list[Any], k: int, place: tuple[int, ...], h: float) -> list[Any]:
    """Return a small step of one element of one argument."""
    steps = [np.zeros(np.shape(value)) for value in point]
    steps[k][place] = h
    return steps


def test_rows_of_second_derivatives_differ() -> None:
    assert len(set(map(str, rows(2)))) == len(rows(2)) >= 35
