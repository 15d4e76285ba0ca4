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
import sparse_programs
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


def det(np: Any, a: Any) -> Any:
    """A determinant by minors, recursively."""
    from bench.gradbench import functions

    return functions.det(a)


def bundle(np: Any, of: Any, z: Any) -> Any:
    """The squares of a bundle adjustment's errors, by cameras, points and weights."""
    return np.sum(sparse_programs.bundle(np, z, of) ** 2)


def bundles() -> tuple[Any, Any]:
    """The views of a bundle adjustment, and its argument, points before the cameras."""
    of = sparse_programs.views()
    return (of,), (sparse_programs.before_cameras(of),)


def gap(np: Any, x: Any, y: Any) -> Any:
    """A function with a saddle point."""
    return np.sum(x**2) - np.sum(y**2)


def saddle(np: Any, grad: Any, start: Any, x: Any) -> Any:
    """What the worst of an opponent leaves, who descends by a gradient of his own."""
    from bench.gradbench.functions import descend

    return descended(np, grad, start, x, descend)


def saddle_loop(np: Any, grad: Any, start: Any, x: Any) -> Any:
    """The same by `lax.while_loop`; derived forwards, as JAX cannot backwards."""
    import jax

    from bench.gradbench.structured import descend

    def value(x: Any) -> Any:
        return descended(np, grad, start, x, partial(descend, lax=jax.lax))

    both = jax.custom_vjp(value)
    both.defvjp(
        lambda x: (value(x), jax.jacfwd(value)(x)), lambda slope, g: (g * slope,)
    )
    return both(x)


def descended(np: Any, grad: Any, start: Any, x: Any, descend: Any) -> Any:
    """A function with a saddle point, where it is least along its second argument."""

    def worst(y: Any) -> Any:
        return -gap(np, x, y)

    def length(z: Any) -> Any:
        return np.sqrt(np.sum(z**2))

    return gap(np, x, descend(worst, grad(worst), start, length=length))


def gradient(function: Any) -> Any:
    """What a program is given for its library's gradient; some have none."""
    raise TypeError("it has no gradients to take inside of functions")


def with_gradient(row: Any, grad: Any) -> Any:
    """A row whose program is given a library's own gradient, where it takes one."""
    program, given, arguments = row
    return program, tuple([grad if g is gradient else g for g in given]), arguments


def rows() -> dict[str, Any]:
    """Each row's program or programs, what is given, and the arguments."""
    every = arrays.rows() | loops.rows()
    parameters, images, labels = workloads.network_data()
    wanted = numpy.eye(workloads.LAYERS[-1])[labels]
    own = {
        "rosenbrock 10": (workloads.rosenbrock, (), (numpy.linspace(-1.0, 1.5, 10),)),
        "network 64-256-256-10 x 128": (network, (images, wanted), tuple(parameters)),
        "solve 100 x 100": (solve, (), functions.arguments(100)),
        "det 6": (det, (), (functions.arguments(6)[0],)),
        "bundle adjustment 31843": (bundle, *bundles()),
        "saddle": (
            {"wengert": saddle, "jax": saddle_loop},
            (gradient, numpy.ones(2)),
            (numpy.array([1.0, 0.5]),),
        ),
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
    "llsq 4096 x 128",
    "det 6",
    "bundle adjustment 31843",
    "saddle",
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
