"""Programs of arrays under `jit`, value and gradient, beside JAX and C.

Run: ``python bench/arrays.py``; JAX is left out where it is not installed, C where
there is no compiler.  Each program is one text, run with the peer's own `numpy`; C's
are written by hand (`by_hand.c`).  First calls, what it takes from the first one until
wengert's are native (JAX's are from the first on), and the best settled ones, which
take turns; one thread.  ``--largest`` adds what takes gigabytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import numpy  # noqa: E402

from by_hand import in_c  # noqa: E402
from measure import interleaved  # noqa: E402

Thunk = Callable[[], Any]
ROUNDS = 5


def chain(np: Any, x: Any) -> Any:
    """Ten elementwise operations and a sum."""
    y = np.exp(-(x * 1.5 + x))
    y = 1 / (1 + y * y) - 0.3 * x
    return np.sum(np.maximum(np.sqrt(y * y + 0.1), 0.2) * x)


def logsumexp(np: Any, x: Any) -> Any:
    """The logarithm of a sum of exponentials."""
    top = np.max(x)
    return np.log(np.sum(np.exp(x - top))) + top


def likelihood(np: Any, x: Any, mean: Any, log_scale: Any) -> Any:
    """A Gaussian log-likelihood, by its data and both parameters."""
    z = (x - mean) / np.exp(log_scale)
    return -np.sum(0.5 * z * z + log_scale)


def softmax(np: Any, inputs: Any, targets: Any, w: Any) -> Any:
    """Softmax regression."""
    z = inputs @ w
    top = np.max(z, axis=1)
    each = top + np.log(np.sum(np.exp(z - top[:, None]), axis=1))
    return np.mean(each - np.sum(targets * z, axis=1)) + 0.01 * np.sum(w * w)


def doubled(np: Any, x: Any) -> Any:
    """The least that there is to compile."""
    return np.sum(x * 2)


def kmeans(np: Any, points: Any, centres: Any) -> Any:
    """The sum of squared distances to the nearest centre."""
    difference = points[:, None, :] - centres[None, :, :]
    return np.sum(np.min(np.sum(difference * difference, axis=2), axis=1))


def gmm(np: Any, data: Any, index: Any, alpha: Any, mu: Any, q: Any, low: Any) -> Any:
    """A Gaussian mixture's log-likelihood, GradBench's."""
    diagonal, sum_q = np.exp(q), np.sum(q, axis=1)
    zero = np.zeros((len(low), 1))
    lower = np.concatenate((low, zero), axis=1)[:, index]
    centred = data[:, None, :] - mu[None, :, :]
    qx = diagonal * centred + np.einsum("kij,nkj->nki", lower, centred)
    inner = alpha + sum_q - 0.5 * np.sum(qx * qx, axis=2)
    top = np.max(inner, axis=1)
    total = np.sum(top + np.log(np.sum(np.exp(inner - top[:, None]), axis=1)))
    prior = 0.5 * (np.sum(diagonal * diagonal) + np.sum(low * low))
    return total - len(data) * logsumexp(np, alpha) - prior


def rows(
    is_largest: bool = False,
) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]]:
    """Each row's program, what it is given before the arguments, and those."""
    random = numpy.random.default_rng(7)
    normal = random.standard_normal
    found: dict[str, Any] = {}
    for n in (100, 1000, 10_000, 100_000, 1_000_000, 10_000_000)[: 5 + is_largest]:
        x = random.uniform(0.5, 1.5, n)
        found[f"x * 2 {n}"] = doubled, (), (x,)
        found[f"chain {n}"] = chain, (), (x,)
        found[f"logsumexp {n}"] = logsumexp, (), (normal(n),)
        found[f"likelihood {n}"] = likelihood, (), (normal(n), 0.3, 0.1)
    for n in (2000, 10_000):
        targets = numpy.eye(10)[random.integers(0, 10, n)]
        given = normal((n, 50)), targets
        found[f"softmax {n} x 50 x 10"] = softmax, given, (0.1 * normal((50, 10)),)
    for n in (1000, 10_000):
        points, centres = normal((n, 8)), normal((100, 8))
        found[f"kmeans {n} x 100 x 8"] = kmeans, (points,), (centres,)
        found[f"kmeans {n}, curvature"] = curved, (points,), (centres,)
    d, k = 10, 25
    low = d * (d - 1) // 2
    index = numpy.full((d, d), low)
    index[numpy.tril_indices(d, -1)] = numpy.arange(low)
    for n in (1000, 10_000):
        arguments = normal(k), normal((k, d)), normal((k, d)), normal((k, low))
        found[f"gmm 10 x 25 x {n}"] = gmm, (normal((n, d)), index), arguments
    return found


def curved_by_wengert(points: Any, centres: Any) -> tuple[Any, tuple[Any]]:
    """Value of k-means and the diagonal of its Hessian, which is diagonal."""
    import wengert

    slope = wengert.grad(partial(kmeans, numpy, points))
    diagonal = wengert.jvp(slope, (centres,), (numpy.ones_like(centres),))[1]
    return kmeans(numpy, points, centres), (diagonal,)


def curved_by_jax(points: Any, centres: Any) -> tuple[Any, tuple[Any]]:
    """The same."""
    import jax
    from jax import numpy as jnp

    slope = jax.grad(partial(kmeans, jnp, points))
    diagonal = jax.jvp(slope, (centres,), (jnp.ones_like(centres),))[1]
    return kmeans(jnp, points, centres), (diagonal,)


class Own(NamedTuple):
    """What a peer compiles as it is: it gives the value and what else it computes."""

    function: Callable[..., Any]


curved = {"wengert": Own(curved_by_wengert), "jax": Own(curved_by_jax)}


def call_of(peer: str, program: Any, given: Any, arguments: Any) -> Thunk:
    """A call of a peer's compiled value and gradient by all arguments.

    NumPy's and C's are written by hand.
    """
    every = tuple(range(len(arguments)))
    if peer == "c":
        return partial(getattr(in_c(), name_in_c(program)), *given, *arguments)
    program = program[peer] if isinstance(program, dict) else program
    if peer.startswith("numpy"):
        return partial(program, *given, *arguments)
    if peer == "wengert":
        import wengert

        if isinstance(program, Own):
            evaluate = wengert.jit(partial(program.function, *given))
        else:
            function = partial(program, numpy, *given)
            evaluate = wengert.jit(wengert.value_and_grad(function, argnums=every))
        return partial(evaluate, *arguments)
    if peer == "torch":
        return partial(program, *given, *arguments)
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    if isinstance(program, Own):
        compiled = jax.jit(partial(program.function, *given))
    else:
        function = partial(program, jnp, *given)
        compiled = jax.jit(jax.value_and_grad(function, argnums=every))
    return lambda: jax.block_until_ready(compiled(*arguments))


def name_in_c(program: Any) -> str:
    """What a program is called in C."""
    program = program["wengert"] if isinstance(program, dict) else program
    return "" if isinstance(program, Own) else str(program.__name__)


def has(peer: str, program: Any) -> bool:
    """Whether a peer runs a program."""
    if peer == "c":
        return hasattr(in_c(), name_in_c(program))
    return not isinstance(program, dict) or peer in program


def agree(calls: dict[str, Thunk]) -> None:
    """Stop unless all peers return the same value and the same gradients, if any."""
    results = {name: call() for name, call in calls.items()}
    value, gradients = results["wengert"]
    for other_value, others in results.values():
        numpy.testing.assert_allclose(other_value, value, rtol=1e-9)
        for gradient, other in zip(gradients, others or gradients, strict=True):
            size = abs(numpy.asarray(gradient)).max()
            numpy.testing.assert_allclose(other, gradient, rtol=1e-7, atol=1e-9 * size)


def measured(row: Any, peers: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """First call and best settled call of one row, the peers taking turns."""
    program, given, arguments = row
    calls = {
        peer: call_of(peer, program, given, arguments)
        for peer in peers
        if has(peer, program)
    }
    found: dict[str, dict[str, float]] = {}
    for peer, call in calls.items():
        started = time.perf_counter()
        call()
        found[peer] = {"first": time.perf_counter() - started}
        call()
        if peer == "wengert":
            call.func.wait()
            found[peer]["native"] = time.perf_counter() - started
        settle(peer, call)
    agree(calls)
    for peer, times in interleaved(calls, rounds).items():
        found[peer] |= times
    return found


def settle(peer: str, call: Thunk, seconds: float = 1.5) -> None:
    """Call until what is compiled beside the calls is in place."""
    started = time.perf_counter()
    while peer == "wengert" and time.perf_counter() - started < seconds:
        call()
        time.sleep(0.002)


def is_there(peer: str) -> bool:
    """Whether a peer is installed, or has a compiler."""
    if peer == "c":
        return in_c() is not None
    return importlib.util.find_spec(peer.partition(" ")[0]) is not None


def columns_of(peer: str) -> dict[str, str]:
    """Return what is printed of a peer, and what its columns are called."""
    native = {"native": "until native"} if peer == "wengert" else {}
    return {"first": f"{peer} first", **native, "best": peer}


def times_of(peer: str, times: dict[str, float] | None) -> str:
    """A peer's times in milliseconds, as columns."""
    if times is None:
        return "".join(f"{'-':>16}" for _ in columns_of(peer))
    return "".join(
        f"{times[name] * 1e3:16.{4 if name == 'best' else 1}f}"
        for name in columns_of(peer)
    )


def main(
    rows: dict[str, Any] | Callable[[bool], dict[str, Any]],
    about: str | None,
    peers: tuple[str, ...] = ("jax", "c"),
) -> argparse.Namespace:
    """Measure and print every row, beside those peers that are installed.

    Returns what the command line says.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rows", default="", help="those whose names begin so")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--largest", action="store_true", help="rows of 10^7 numbers")
    given = parser.parse_args()
    rows = rows(given.largest) if callable(rows) else rows
    there = [peer for peer in peers if is_there(peer)]
    beside = ["wengert", *there]
    found = {}
    head = "".join(f"{title:>16}" for p in beside for title in columns_of(p).values())
    print(f"{'':24}{head}   milliseconds")
    for name, row in rows.items():
        if not name.startswith(given.rows):
            continue
        found[name] = measured(row, beside, given.rounds)
        cells = "".join(times_of(peer, found[name].get(peer)) for peer in beside)
        print(f"{name:24}{cells}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))
    return given


if __name__ == "__main__":
    main(rows, __doc__)
