"""Systems of equations under `jit`, value and gradient, beside JAX and NumPy by hand.

Run: ``python bench/systems.py``; JAX is left out where it is not installed.  The sum of
the squares of a solution, by the matrix and by the right-hand side, and of the sines of
a Cholesky factor: of one matrix, and of 1,000.  ``numpy value`` has no
gradient.  First calls, and the best settled ones, which take turns; one thread.
"""

from __future__ import annotations

from typing import Any

from arrays import main  # before NumPy: it asks for one thread

# isort: split
import numpy

STACK = 1000


def solve(np: Any, a: Any, b: Any) -> Any:
    """The sum of the squares of a solution."""
    x = np.linalg.solve(a, b)
    return np.sum(x * x)


def solve_value(a: Any, b: Any) -> Any:
    """The same, with no gradient."""
    return solve(numpy, a, b), ()


def solve_by_hand(a: Any, b: Any) -> Any:
    """The same with its gradient, as one writes it with NumPy."""
    x = numpy.linalg.solve(a, b)
    by_right = numpy.linalg.solve(numpy.swapaxes(a, -1, -2), 2 * x)
    if b.ndim == 1:
        return numpy.sum(x * x), (-numpy.outer(by_right, x), by_right)
    by_matrix = -numpy.matmul(by_right, numpy.swapaxes(x, -1, -2))
    return numpy.sum(x * x), (by_matrix, by_right)


def cholesky(np: Any, a: Any) -> Any:
    """The sum of the sines of the factor's elements, of a matrix made symmetric."""
    a = 0.5 * (a + np.swapaxes(a, -1, -2))
    return np.sum(np.sin(np.linalg.cholesky(a)))


def cholesky_value(a: Any) -> Any:
    """The same, with no gradient."""
    return cholesky(numpy, a), ()


def cholesky_by_hand(a: Any) -> Any:
    """The same with its gradient, as one writes it with NumPy."""
    factor = numpy.linalg.cholesky(0.5 * (a + numpy.swapaxes(a, -1, -2)))
    inner = numpy.tril(numpy.matmul(numpy.swapaxes(factor, -1, -2), numpy.cos(factor)))
    n = a.shape[-1]
    inner[..., range(n), range(n)] *= 0.5
    inverse = numpy.linalg.inv(factor)
    found = numpy.matmul(numpy.matmul(numpy.swapaxes(inverse, -1, -2), inner), inverse)
    both = found + numpy.swapaxes(found, -1, -2)
    return numpy.sum(numpy.sin(factor)), (both / 2,)


def symmetric(a: Any) -> Any:
    """A positive definite matrix."""
    return numpy.matmul(a, numpy.swapaxes(a, -1, -2)) + numpy.eye(a.shape[-1])


def rows() -> dict[str, Any]:
    """Each row's programs, what they are given before the arguments, and those."""
    normal = numpy.random.default_rng(7).standard_normal
    found: dict[str, Any] = {}
    solves = {
        "wengert": solve,
        "jax": solve,
        "numpy": solve_by_hand,
        "numpy value": solve_value,
    }
    factors = {
        "wengert": cholesky,
        "jax": cholesky,
        "numpy": cholesky_by_hand,
        "numpy value": cholesky_value,
    }
    for n in (2, 4, 8, 12, 16, 32, 64, 128, 256, 500):
        a = normal((n, n)) + numpy.sqrt(n) * numpy.eye(n)
        found[f"solve {n}"] = solves, (), (a, normal(n))
        found[f"cholesky {n}"] = factors, (), (symmetric(a),)
    for n in (4, 8, 16):
        a = normal((STACK, n, n)) + n * numpy.eye(n)
        found[f"{STACK} solves {n}"] = solves, (), (a, normal((STACK, n, 1)))
        found[f"{STACK} choleskys {n}"] = factors, (), (symmetric(a),)
    return found


if __name__ == "__main__":
    main(rows(), __doc__, ("numpy", "numpy value", "jax"))
