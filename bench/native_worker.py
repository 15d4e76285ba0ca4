"""One row of the native benchmark in a process of its own; prints JSON.

Run by ``native.py``, which sets the number of threads before NumPy is loaded.
"""

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy

import native_workloads as workloads
from measure import interleaved, peak_bytes, resident_bytes, seconds_of

Figures = dict[str, Any]


def first_seconds(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    return seconds_of(call, 1)


def require_same(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    """Stop unless two values and gradients agree to a relative tolerance."""
    for a, b in zip(ours, theirs, strict=True):
        b = numpy.asarray(b)
        scale = float(numpy.max(numpy.abs(b)))
        numpy.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def measure_rosenbrock(arguments: argparse.Namespace) -> Figures:
    """Value and gradient of ten variables, from Python on a NumPy array."""
    import wengert

    x = numpy.linspace(-1.0, 1.5, 10)
    functions = {
        "wengert": wengert.jit(wengert.value_and_grad(workloads.rosenbrock), wait=True),
        "casadi": workloads.casadi_call(workloads.casadi_rosenbrock, 10),
        "numba by hand": workloads.rosenbrock_by_hand(),
        "jax": workloads.jax_rosenbrock(),
    }
    first = {name: first_seconds(lambda f=f: f(x)) for name, f in functions.items()}
    reference = functions["wengert"](x)
    for function in functions.values():
        require_same(reference, function(x))
    # A partial adds 10 ns to a call, a lambda 30.
    calls = {name: functools.partial(f, x) for name, f in functions.items()}
    times = interleaved(calls, arguments.rounds)
    return {name: {"first": first[name], **times[name]} for name in functions}


def measure_loop(arguments: argparse.Namespace) -> Figures:
    """Value and gradient of the loop of 4,000 steps: first, then, and after 5 s."""
    import wengert

    p = workloads.PENDULUM
    ours = wengert.jit(wengert.value_and_grad(workloads.pendulum), wait=True)
    first = {"wengert": first_seconds(lambda: ours(p))}
    soon = [first_seconds(lambda: ours(p)) for _ in range(100)]
    time.sleep(5)
    make = {
        "casadi": lambda: workloads.casadi_call(workloads.casadi_pendulum, 4),
        "jax, scan": workloads.jax_pendulum,
        "numba, value alone": workloads.rolled_pendulum,
    }
    functions: dict[str, Callable[..., Any]] = {"wengert": ours}
    for name, maker in make.items():
        start = time.perf_counter()
        functions[name] = maker()
        functions[name](p)
        first[name] = time.perf_counter() - start
    for name in ("casadi", "jax, scan"):
        require_same(ours(p), functions[name](p))
    calls = {name: (lambda f=f: f(p)) for name, f in functions.items()}
    times = interleaved(calls, arguments.rounds)
    found = {name: {"first": first[name], **times[name]} for name in functions}
    found["wengert"]["best in the first calls"] = min(soon)
    found["wengert"]["median in the first calls"] = statistics.median(soon)
    return found


def measure_unrolled(arguments: argparse.Namespace) -> Figures:
    """The loop as JAX sees it without `scan`: every step traced and compiled."""
    unrolled = workloads.jax_pendulum(is_unrolled=True)
    call = lambda: unrolled(workloads.PENDULUM)  # noqa: E731
    return {"first": first_seconds(call), **interleaved({"f": call}, 3)["f"]}


def measure_straight_line(arguments: argparse.Namespace) -> Figures:
    """A straight line of `size` random operations with its reverse sweep."""
    import wengert

    function = workloads.straight_line(arguments.size)
    x = numpy.random.default_rng(1).uniform(0.1, 0.9, 32)
    wengert.jit(wengert.value_and_grad(workloads.straight_line(100)), wait=True)(x)
    start, before = time.perf_counter(), resident_bytes()
    plain = function(x)
    ours = wengert.jit(wengert.value_and_grad(function), wait=True)
    value, slope = ours(x)
    first = time.perf_counter() - start
    row = ours.report().rows[0]
    call = lambda: ours(x)  # noqa: E731
    soon = interleaved({"f": call}, 3)["f"]
    waited = wait_for_optimised(ours, arguments.patience)
    times = interleaved({"f": call}, arguments.rounds)["f"]
    numpy.testing.assert_allclose(value, plain, rtol=1e-9)
    numpy.testing.assert_allclose(ours(x)[1], slope, rtol=1e-6)
    return {
        "nodes": arguments.size,
        "first call": first,
        "stages": {name: float(spent) for name, spent in row["seconds"].items()},
        "values": row["values"],
        "best at first": soon["best"],
        "optimised after": waited,
        "best": times["best"],
        "peak bytes": peak_bytes() - before,
        "reason": row["reason"],
    }


def wait_for_optimised(jitted: Any, patience: float) -> float | None:
    """Seconds until a jitted function's code was optimised; None if it was not."""
    start = time.perf_counter()
    while time.perf_counter() - start < patience:
        if all(path.kernels[0].level == 2 for path in jitted.paths() if path.kernels):
            return time.perf_counter() - start
        time.sleep(0.05)
    return None


def measure_heston(arguments: argparse.Namespace) -> Figures:
    """Payoffs of 16,384 paths alone, and with seven sensitivities each."""
    from wengert import value_and_grad, vmap

    p, z = workloads.PARAMETERS, workloads.normals(workloads.PATHS)
    axes = (None, 0)
    both = value_and_grad(workloads.heston)
    functions: dict[str, Callable[..., Any]] = {
        f"{name}, {threads} thread{'s' * (threads > 1)}": vmap(
            fun, axes, threads=threads
        )
        for name, fun in (("value", workloads.heston), ("gradient", both))
        for threads in (1, 2)
    }
    functions["jax value"], functions["jax gradient"] = workloads.jax_heston()
    first = {n: first_seconds(lambda f=f: f(p, z)) for n, f in functions.items()}
    ours, theirs = (
        functions["gradient, 1 thread"](p, z),
        functions["jax gradient"](p, z),
    )
    require_same(ours, theirs, 1e-8)
    for one, two in zip(ours, functions["gradient, 2 threads"](p, z), strict=True):
        numpy.testing.assert_array_equal(one, two)
    calls = {name: (lambda f=f: f(p, z)) for name, f in functions.items()}
    times = interleaved(calls, arguments.rounds)
    found = {name: {"first": first[name], **times[name]} for name in functions}
    for name in ("gradient, 1 thread", "gradient, 2 threads"):
        found[name]["processor"] = min(processor_seconds(calls[name]) for _ in range(9))
    return found


def processor_seconds(call: Callable[[], Any]) -> float:
    """Seconds that all processors together spent on one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measure_barrier(arguments: argparse.Namespace) -> Figures:
    """The gradient with a barrier, as one `if` and as one a day, beside none."""
    from wengert import value_and_grad, vmap

    p, z = workloads.PARAMETERS, workloads.normals(workloads.PATHS)
    programs = {
        "no barrier": workloads.heston,
        "one if": workloads.barrier_at_end,
        "an if a day": workloads.barrier_in_loop,
    }
    functions = {
        name: vmap(value_and_grad(fun), (None, 0), threads=1)
        for name, fun in programs.items()
    }
    # The second call of a function with hundreds of paths still finds new ones.
    first = {
        name: [first_seconds(lambda f=f: f(p, z)) for _ in range(3)]
        for name, f in functions.items()
    }
    require_same(functions["one if"](p, z), functions["an if a day"](p, z))
    found = functions["an if a day"](p, z)
    for k in range(0, workloads.PATHS, workloads.PATHS // 20):
        value, slope = value_and_grad(workloads.barrier_in_loop)(p, z[k])
        numpy.testing.assert_allclose(found[0][k], value, rtol=1e-9, atol=1e-9)
        numpy.testing.assert_allclose(found[1][k], slope, rtol=1e-8, atol=1e-9)
    calls = {name: (lambda f=f: f(p, z)) for name, f in functions.items()}
    times = interleaved(calls, arguments.rounds)
    return {name: {"first": first[name][0], **times[name]} for name in functions}


def measure_paths(arguments: argparse.Namespace) -> Figures:
    """Value and gradient at 200 random inputs over many paths, jitted and eager."""
    import wengert

    found: Figures = {}
    for name, (fun, inputs) in workloads.many_paths().items():
        eager = wengert.value_and_grad(fun)
        jitted = wengert.jit(eager, max_paths=256, wait=True)
        batched = wengert.vmap(eager)
        stacked = numpy.array(inputs)

        def all_of(f: Callable[..., Any], inputs: list[Any] = inputs) -> list[Any]:
            return [f(x) for x in inputs]

        start = time.perf_counter()
        results = all_of(jitted)
        first = time.perf_counter() - start
        for _ in range(2):
            batched(stacked)
        for result, again, x in zip(results, all_of(jitted), inputs, strict=True):
            require_same(result, eager(x), 1e-8)
            require_same(again, eager(x), 1e-8)
        calls = {
            "jitted": lambda f=jitted, g=all_of: g(f),
            "vmap": lambda f=batched, x=stacked: f(x),
            "eager": lambda f=eager, g=all_of: g(f),
        }
        times = interleaved(calls, arguments.rounds)
        found[name] = {"paths": len(jitted.paths()), "first": first, **times}
    return found


ROWS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "rosenbrock": measure_rosenbrock,
    "loop": measure_loop,
    "unrolled": measure_unrolled,
    "straight-line": measure_straight_line,
    "heston": measure_heston,
    "barrier": measure_barrier,
    "paths": measure_paths,
}


def main() -> None:
    """Measure the row that the command line asks for and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=sorted(ROWS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds")
    arguments = parser.parse_args()
    print(json.dumps(ROWS[arguments.row](arguments)))


if __name__ == "__main__":
    main()
