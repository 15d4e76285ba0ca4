"""Programs that the tests of `wengert.show` record, with arguments."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


def loop_of_writes(x: Any, n: Any) -> Any:
    """Writes elements, branches on one, and overwrites an array in place."""
    y = np.zeros(4)
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = y[i - 1] * np.sin(x[i])
    if y[3] > 5:
        y = y * 2
    z = y[1:] * 2 + np.var(x)
    z += 1
    return np.sum(z**2) / n


def views(x: Any) -> Any:
    """Keeps a view and a copy of an array that is then written through another view."""
    base = x * 2.0
    kept = base[::2].copy()
    window = base.reshape(2, 3)[:, 1:]
    window[0, 0] = x[5]
    window *= 3.0
    base[[0, 0, 4]] += 1.0
    return np.sum(base * x) + np.sum(kept**2)


def network(layers: Any, image: Any) -> Any:
    """A small network over nested parameters."""
    signal = image
    for layer in layers:
        signal = np.tanh(signal @ layer["weights"] + layer["bias"])
    return np.sum(signal**2)


def newton(target: Any) -> Any:
    """A loop until convergence: its test becomes guards."""
    x = 1.0
    for _ in range(50):
        step = (x * x - target) / (2.0 * x)
        x = x - step
        if abs(step) < 1e-12:
            break
    return x


def selection(x: Any) -> Any:
    """Selects where the other branch has no finite value."""
    safe = np.where(x > 0, np.log(np.abs(x)), 0.0)
    return np.max(safe) + np.sum(np.sort(x)[:2]) + np.mean(np.einsum("i,j->ij", x, x))


def single_precision(x: Any) -> Any:
    """Stays in float32."""
    return np.sum(np.exp(x) * np.float32(0.5) + 2.0) - np.prod(x)


class Program(NamedTuple):
    """A function and arguments to record it at."""

    function: Any
    args: tuple[Any, ...]


RANDOM = np.random.default_rng(0)
LAYERS = [
    {"weights": RANDOM.normal(size=(3, 2)), "bias": RANDOM.normal(size=2)},
    {"weights": RANDOM.normal(size=(2, 1)), "bias": RANDOM.normal(size=1)},
]

PROGRAMS = {
    "loop_of_writes": Program(loop_of_writes, (np.arange(1.0, 5.0), 3.0)),
    "views": Program(views, (np.linspace(0.3, 2.0, 6),)),
    "network": Program(network, (LAYERS, np.array([0.5, -1.0, 2.0]))),
    "newton": Program(newton, (2.0,)),
    "selection": Program(selection, (np.array([0.5, -1.0, 2.0, -0.3]),)),
    "single_precision": Program(
        single_precision, (np.linspace(0.5, 1.5, 4, dtype=np.float32),)
    ),
}
