"""What a call costs: eager, jitted, with an int, with captures, the first ones.

Run: ``python bench/calls.py``.  Every figure stands beside NumPy's, or a peer's, of the
same run; a peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import captures
import native_workloads as workloads
import wengert as wg
from measure import interleaved, resident_bytes, seconds_of

Thunk = Callable[[], Any]
ROUNDS = 9
SIZES = (10, 10**2, 10**3, 10**4, 10**5, 10**6)
CHAIN = 2000
PATHS = 200


def has(name: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(name) is not None


def best(calls: dict[str, Thunk]) -> dict[str, float]:
    """Best seconds a call of several functions that take turns."""
    return {name: row["best"] for name, row in interleaved(calls, ROUNDS).items()}


# Eager


def chain(x: Any) -> Any:
    """A chain of scalar operations."""
    for _ in range(CHAIN // 2):
        x = x * 0.999 + 0.001
    return x


def recording() -> dict[str, float]:
    """Seconds a node: recording a chain, and computing it with NumPy."""
    x = np.float64(0.5)
    found = best({"wengert": partial(wg.record, chain, x), "numpy": partial(chain, x)})
    return {name: seconds / CHAIN for name, seconds in found.items()}


def eager_rosenbrock() -> dict[str, float]:
    """Value and gradient of ten variables, recorded afresh in every call."""
    x = np.linspace(-1.0, 1.5, 10)
    calls: dict[str, Thunk] = {
        "wengert": partial(wg.value_and_grad(workloads.rosenbrock), x),
        "numpy, value alone": partial(workloads.rosenbrock, x),
    }
    if has("autograd"):
        import autograd

        def function(x: Any) -> Any:
            anp = autograd.numpy
            return anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

        calls["autograd"] = partial(autograd.value_and_grad(function), x)
    return best(calls)


# Jitted and warm


def warm(function: Callable[..., Any], *args: Any) -> Thunk:
    """A jitted function at some arguments, after the calls that compile it."""
    for _ in range(4):
        function(*args)
    if hasattr(function, "wait"):
        function.wait()
    return partial(function, *args)


def jitted_rosenbrock() -> dict[str, float]:
    """Value and gradient of ten variables, replayed natively."""
    x = np.linspace(-1.0, 1.5, 10)
    calls = {"wengert": warm(wg.jit(wg.value_and_grad(workloads.rosenbrock)), x)}
    if has("casadi"):
        casadi = workloads.casadi_call(workloads.casadi_rosenbrock, 10)
        calls["casadi"] = partial(casadi, x)
    if has("jax"):
        calls["jax"] = warm(workloads.jax_rosenbrock(), x)
    return best(calls)


def small_calls() -> dict[str, float]:
    """A sum of ten squares: alone, of a float, with an int, a bool, a text."""
    x = np.ones(10)
    calls = {
        "an array": warm(wg.jit(lambda x: np.sum(x * x)), x),
        "every second of an array": warm(
            wg.jit(lambda x: np.sum(x * x)), np.ones(20)[::2]
        ),
        "a Python float": warm(wg.jit(lambda x: x * x), 1.5),
        "an array and an int": warm(wg.jit(lambda x, n: np.sum(x * x) * n), x, 3),
        "an array and a bool": warm(wg.jit(lambda x, b: np.sum(x * x) * b), x, True),
        "an array and a text": warm(wg.jit(lambda x, t: np.sum(x * x)), x, "sum"),
        "numpy": partial(lambda x: np.sum(x * x), x),
    }
    if has("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        function = jax.jit(lambda x, n: jax.numpy.sum(x * x) * n)
        calls["jax, an array and an int"] = warm(function, x, 3)
    return best(calls)


def squares(*parts: Any) -> Any:
    """The sum of the squares in arrays."""
    return sum((p * p).sum() for p in parts)


def squares_in_list(parts: Any) -> Any:
    """The same of a list."""
    return sum((p * p).sum() for p in parts)


def squares_in_dictionary(parts: Any) -> Any:
    """The same of a dictionary."""
    return sum((p * p).sum() for p in parts.values())


def in_containers() -> dict[str, float]:
    """Value and gradient by six small arrays, one by one and in containers."""
    parts = [np.full(3, float(k)) for k in range(6)]
    named = {f"part {k}": part for k, part in enumerate(parts)}
    in_list, in_dictionary = squares_in_list, squares_in_dictionary
    by_all = wg.value_and_grad(squares, tuple(range(6)))
    calls = {
        "six arrays": warm(wg.jit(by_all), *parts),
        "a list of six": warm(wg.jit(wg.value_and_grad(in_list)), parts),
        "a dictionary of six": warm(wg.jit(wg.value_and_grad(in_dictionary)), named),
    }
    if has("casadi"):
        casadi = workloads.casadi_call(lambda ca, x: ca.sumsqr(x), 18)
        calls["casadi, one vector"] = partial(casadi, np.concatenate(parts))
    if has("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        function = jax.jit(jax.value_and_grad(in_list))
        calls["jax, a list of six"] = warm(function, parts)
        function = jax.jit(jax.value_and_grad(in_dictionary))
        calls["jax, a dictionary of six"] = warm(function, named)
    return best(calls)


def captured() -> dict[str, float]:
    """The same sum when it reads something from outside."""
    x = np.ones(10)
    calls = {name: warm(wg.jit(f), x) for name, f in captures.rows().items()}
    for count in (2, 250_000):
        table = np.ones(count)
        name = f"contents of {count:,} numbers, read by plain code"
        calls[name] = warm(wg.jit(closed_over(table)), x)
    calls["a number that has changed: an input"] = swept(x)
    return best(calls)


def swept(x: Any) -> Callable[[], Any]:
    """A warm call that reads an attribute which has had some values."""
    model = SimpleNamespace(k=1.0)
    function = wg.jit(lambda x: np.sum(x * x) * model.k)
    for value in (1.0, 2.0, 3.0, 4.0):
        model.k = value
        call = warm(function, x)
    return call


def closed_over(table: Any) -> Callable[[Any], Any]:
    """A function that reads an array of its closure in plain NumPy alone."""
    return lambda x: np.sum(x * x) * table.sum()


# Memory


def branching(x: Any) -> Any:
    """A function with a path for every pattern of signs."""
    total = 0.0
    for k in range(8):
        total = total + (x[k] * x[k] if x[k] > 0 else 0.5 * x[k])
    return total


def bytes_a_path() -> float:
    """Bytes that each further path of a small function keeps."""
    function = wg.jit(branching, max_paths=2 * PATHS)
    signs = [[1.0 if k >> bit & 1 else -1.0 for bit in range(8)] for k in range(PATHS)]
    points = [np.array(row) for row in signs]
    before = 0
    for number, point in enumerate(points):
        if number == PATHS // 4:
            gc.collect()
            before = resident_bytes()
        for _ in range(3):
            function(point)
        function.wait()
    gc.collect()
    return (resident_bytes() - before) / (PATHS - PATHS // 4)


# The first calls


def product(x: Any) -> Any:
    """A simple program of any size."""
    return np.sum(np.sin(x) * x)


def by_hand(x: Any) -> Any:
    """Its value and gradient in NumPy."""
    sine = np.sin(x)
    return np.sum(sine * x), np.cos(x) * x + sine


def first_calls(size: int) -> dict[str, float]:
    """The first calls of value and gradient, and settled ones, beside NumPy's."""
    x = np.linspace(0.0, 1.0, size)
    function = wg.jit(wg.value_and_grad(product))
    found = {
        name: seconds_of(partial(function, x), 1)
        for name in ("first", "second", "third")
    }
    function.wait()
    settled = best({"settled": partial(function, x), "numpy": partial(by_hand, x)})
    eager = best({"eager": partial(wg.value_and_grad(product), x)})
    return found | settled | eager


# Printing

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def shown(seconds: float) -> str:
    """A time in the unit that suits it."""
    scale, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def tables() -> dict[str, dict[str, float]]:
    """Measure everything; each table is printed when it is there."""
    made: dict[str, Callable[[], dict[str, float]]] = {
        "recording, a node": recording,
        "eager value and gradient, Rosenbrock of 10": eager_rosenbrock,
        "jitted value and gradient, Rosenbrock of 10": jitted_rosenbrock,
        "a warm call with": small_calls,
        "a warm value and gradient by": in_containers,
        "a warm call that reads": captured,
    }
    for size in SIZES:
        title = f"value and gradient of sum(sin(x) * x), n = {size:,}"
        made[title] = partial(first_calls, size)
    found = {}
    for title, measure in made.items():
        found[title] = measure()
        print(f"\n{title}")
        head = next(iter(found[title].values()))
        for name, seconds in found[title].items():
            print(f"  {name:48s} {shown(seconds):>9s}  {seconds / head:8.2f}")
    return found


def main() -> None:
    """Print all tables; write them where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures to this file, too")
    arguments = parser.parse_args()
    found: dict[str, Any] = dict(tables())
    found["bytes a path"] = bytes_a_path()
    print(f"\nmemory a path: {found['bytes a path'] / 1024:.0f} KiB")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
