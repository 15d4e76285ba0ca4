"""Every row of the published table of derivatives at edges is a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from wengert import hessian, jvp, vjp

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "edges.md"
#: What plays a tape.  An engine is a function from a function to one that is played.
ENGINES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "interpreter": lambda function: function,
}
NAMES = {"np": np, "inf": np.inf, "nan": np.nan}


class Row(NamedTuple):
    """One row: plain NumPy, where, and the derivatives of the sum by name."""

    expression: str
    at: str
    derivative: str

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


def rows() -> list[Row]:
    """Return the rows of every table of the page."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert len(cells) == 5, f"five columns: {line}"
            found.append(Row(*[cell.strip("`") for cell in cells[:3]]))
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


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (lambda x: np.hypot(x[0], x[1]), 2),
        (lambda x: np.arctan2(x[0], x[1]), 2),
        (lambda x: np.std(x), 3),
        (lambda x: np.sum(np.abs(x)), 2),
        (lambda x: np.sum(x**0 + x**1), 2),
        (lambda x: np.sum(np.where(x != 0, 1 / x, 0)), 2),
        (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0)), 2),
    ],
)
def test_no_curvature_at_a_tip_or_where_nothing_was_selected(
    function: Any, size: int
) -> None:
    with np.errstate(all="ignore"):
        found = hessian(function)(np.zeros(size))

    np.testing.assert_array_equal(found, np.zeros((size, size)))


def test_smooth_functions_keep_their_curvature_at_edges() -> None:
    np.testing.assert_array_equal(hessian(lambda x: np.sum(x**2))(np.zeros(1)), [[2]])
    np.testing.assert_array_equal(
        hessian(np.prod)(np.array([0.0, 2.0, 3.0])), [[0, 3, 2], [3, 0, 0], [2, 0, 0]]
    )
    assert hessian(np.sinc)(0.0) == pytest.approx(-(np.pi**2) / 3)
