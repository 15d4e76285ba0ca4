"""What is measured: programs of the other benchmarks, each one text for all peers.

A program gets the peer's ``numpy``, what is given, and the arguments that it is
differentiated by.  Where JAX would unroll a loop there is a second text with its own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy

import arrays
import functions
import loops
import native_workloads
import workloads


def network(np: Any, images: Any, wanted: Any, *parameters: Any) -> Any:
    """The loss of a network, by its weights and biases."""
    return workloads.network(np, parameters, images, wanted)


def solve(np: Any, a: Any, b: Any) -> Any:
    """The sum of the squares of a linear system's solution."""
    return functions.solve(np, None, a, b)


def newton(np: Any, a: Any) -> Any:
    """A square root by Newton's method: a `while` that the data end."""
    return native_workloads.newton(a)


def newton_loop(np: Any, a: Any) -> Any:
    """The same by `lax.while_loop`."""
    from jax import lax

    def goes_on(y: Any) -> Any:
        return abs(y * y - a) > 1e-12 * a

    return lax.while_loop(goes_on, lambda y: 0.5 * (y + a / y), 0.5 * (1.0 + a))


def rows() -> dict[str, Any]:
    """Each row's program or programs, what is given, and the arguments."""
    every = arrays.rows() | loops.rows()
    parameters, images, labels = workloads.network_data()
    wanted = numpy.eye(workloads.LAYERS[-1])[labels]
    own = {
        "rosenbrock 10": (workloads.rosenbrock, (), (numpy.linspace(-1.0, 1.5, 10),)),
        "network 64-256-256-10 x 128": (network, (images, wanted), tuple(parameters)),
        "solve 100 x 100": (solve, (), functions.arguments(100)),
        "newton": ({"wengert": newton, "jax": newton_loop}, (), (1234.5,)),
    }
    return {name: every.get(name) or own[name] for name in NAMES}


NAMES = (
    "rosenbrock 10",
    "chain 10000",
    "logsumexp 100000",
    "softmax 2000 x 50 x 10",
    "kmeans 1000 x 100 x 8",
    "gmm 10 x 25 x 1000",
    "network 64-256-256-10 x 128",
    "solve 100 x 100",
    "pendulum 4000",
    "garch 4000",
    "runge-kutta 1000 x 100",
    "heat 1000 x 1000",
    "lstm 1024",
    "newton",
)


def text_for(program: Any, own_loops: bool) -> Any:
    """The text of a program: that with JAX's loops, or the plain one."""
    if not isinstance(program, dict):
        return program
    return program["jax" if own_loops else "wengert"]


def bound(row: Any, np: Any, own_loops: bool = False, put: Any = None) -> Any:
    """A row's program with what it is given, as a function of the arguments."""
    program, given, _ = row
    return partial(text_for(program, own_loops), np, *map(put or (lambda x: x), given))
