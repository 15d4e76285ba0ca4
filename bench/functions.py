"""Functions that users call, with their gradients: eager, beside the peers.

Run: ``python bench/functions.py``; a peer that is not installed is left out.  Each
program is one text, run with the peer's own `numpy` and `scipy.special`.  With
``--jit`` both wengert's and JAX's are compiled, and settled calls are told.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from measure import interleaved

Thunk = Callable[[], Any]
SIZES = (3, 10, 30, 100, 300, 500)
ROUNDS = 7
#: What compiling beside the calls may take.
SECONDS = 2.0
PEERS = ("wengert", "autograd", "advect", "jax")


def solve(np: Any, _: Any, a: Any, b: Any) -> Any:
    """A linear system, by its matrix and its right-hand side."""
    return np.sum(np.linalg.solve(a, b) ** 2)


def cholesky(np: Any, _: Any, a: Any, b: Any) -> Any:
    """A factor of a positive definite matrix that is a product."""
    factor = np.linalg.cholesky(np.matmul(a, a.T) / len(b) + np.diag(1.0 + b**2))
    return np.sum(factor * factor * a)


def eigh(np: Any, _: Any, a: Any, b: Any) -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    w, v = np.linalg.eigh(a + a.T + np.diag(b))
    return np.sum(w**2) + np.sum(v**4 * a)


def svd(np: Any, _: Any, a: Any, b: Any) -> Any:
    """Singular values and both kinds of vectors."""
    u, s, vh = np.linalg.svd(a + np.diag(b), full_matrices=False)
    return np.sum(s**2) + np.sum(u**4 * a) + np.sum(vh**4 * a)


def logsumexp(np: Any, special: Any, a: Any, b: Any) -> Any:
    """Logarithms of the sums of rows' exponentials."""
    return np.sum(special.logsumexp(a, axis=1) * b)


def ndtr(np: Any, special: Any, a: Any, b: Any) -> Any:
    """Normal distribution functions."""
    return np.sum(special.ndtr(a) * b)


def gammaln(np: Any, special: Any, a: Any, b: Any) -> Any:
    """Logarithms of gamma functions of positive numbers."""
    return np.sum(special.gammaln(1.0 + a * a) * b)


def fft(np: Any, _: Any, a: Any, b: Any) -> Any:
    """The power of rows' spectra."""
    spectrum = np.fft.fft(a)
    return np.sum(np.real(spectrum * np.conj(spectrum)) * b)


PROGRAMS: dict[str, Callable[..., Any]] = {
    program.__name__: program
    for program in (solve, cholesky, eigh, svd, logsumexp, ndtr, gammaln, fft)
}


def arguments(n: int) -> tuple[Any, Any]:
    """A matrix of size n, well away from a singular one, and a vector."""
    random = numpy.random.default_rng(0)
    a = random.standard_normal((n, n)) / n**0.5 + 3.0 * numpy.eye(n)
    return a, random.standard_normal(n)


#: Peers that compile.
COMPILERS = ("wengert", "jax")


def call_of(
    peer: str, program: Callable[..., Any], n: int, compiled: bool = False
) -> Thunk:
    """A call of a peer's value and gradient by both arguments."""
    a, b = arguments(n)
    if peer == "wengert":
        from scipy import special

        import wengert

        function = partial(program, numpy, special)
        evaluate = wengert.value_and_grad(function, argnums=(0, 1))
        return partial(
            settled(wengert.jit(evaluate), a, b) if compiled else evaluate, a, b
        )
    if peer == "autograd":
        import autograd
        from autograd import numpy as anp
        from autograd.scipy import special, stats

        special.ndtr = stats.norm.cdf
        function = partial(program, anp, special)
        return partial(autograd.value_and_grad(function, argnum=(0, 1)), a, b)
    if peer == "advect":
        import advect
        from advect.scipy import special

        function = partial(program, numpy, special)
        return partial(advect.value_and_grad(function, argnums=(0, 1)), a, b)
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = partial(program, jnp, jax.scipy.special)
    evaluate = jax.value_and_grad(function, argnums=(0, 1))
    evaluate = jax.jit(evaluate) if compiled else evaluate
    return lambda: jax.block_until_ready(evaluate(a, b))


def settled(jitted: Any, a: Any, b: Any) -> Any:
    """A jitted function, once what is compiled beside its calls is in place."""
    started = time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        jitted(a, b)
        time.sleep(0.01)
    return jitted


def agree(calls: dict[str, Thunk]) -> None:
    """Stop unless all peers return the same value and gradients.

    What a gradient says of a triangle that is not read, their text does not ask.
    """
    results = {name: call() for name, call in calls.items()}
    value, gradients = results["wengert"]
    for other_value, others in results.values():
        numpy.testing.assert_allclose(other_value, value, rtol=1e-8)
        for gradient, other in zip(gradients, others, strict=True):
            size = abs(numpy.asarray(gradient)).max()
            numpy.testing.assert_allclose(other, gradient, rtol=1e-6, atol=1e-8 * size)


def measured(
    name: str, n: int, peers: list[str], rounds: int, compiled: bool
) -> dict[str, float]:
    """Best seconds of one program and size, the peers taking turns.

    A peer that has no such function is left out.
    """
    calls = {peer: call_of(peer, PROGRAMS[name], n, compiled) for peer in peers}
    for peer in list(calls):
        try:
            calls[peer]()
        except Exception:
            if peer == "wengert":
                raise
            del calls[peer]
    agree(calls)
    return {peer: row["best"] for peer, row in interleaved(calls, rounds).items()}


def main() -> None:
    """Measure and print every program at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--jit", action="store_true", help="compiled")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    peers = [p for p in PEERS if p == "wengert" or importlib.util.find_spec(p)]
    peers = [p for p in peers if p in COMPILERS or not given.jit]
    rows = {}
    print(f"{'':14}" + "".join(f"{peer:>14}" for peer in peers) + "   microseconds")
    for name in given.programs.split(","):
        for n in map(int, given.sizes.split(",")):
            row = measured(name, n, peers, given.rounds, given.jit)
            rows[f"{name} {n}"] = row
            cells = "".join(
                f"{row[peer] * 1e6:14.1f}" if peer in row else f"{'-':>14}"
                for peer in peers
            )
            print(f"{name + ' ' + str(n):14}{cells}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
