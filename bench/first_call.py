"""The first, second, third and settled call of jitted functions, eager and JAX beside.

Run: ``python bench/first_call.py``.  A call of a bare function is compared with one
recording of it, which is what its first call costs; all else with the eager call.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

import wengert as wg
from calls import shown
from measure import interleaved, seconds_of

Function = Callable[..., Any]
SIZES = (10, 10**2, 10**3, 10**4, 10**5, 10**6)
#: Calls before the settled ones, and seconds of calls in which code may be swapped in.
FIRST, QUIET = 3, 2.0
#: What each of the first calls may take: eager calls, or seconds, whichever is more.
MOST_CALLS, MOST_SECONDS = 5, 0.3
ROUNDS = 5


def elementwise(x: Any) -> Any:
    """Code on arrays, element by element."""
    return np.sin(x) * x + 0.5 * np.exp(-x * x)


def product(a: Any, b: Any) -> Any:
    """A product of matrices."""
    return a @ b


def network(w: Any, v: Any, x: Any) -> Any:
    """The loss of a network with one hidden layer."""
    return np.sum((np.tanh(x @ w) @ v) ** 2)


def loop(x: Any, count: int) -> Any:
    """A loop of so many scalar steps."""
    for _ in range(count):
        x = x * 0.999 + 0.001 * np.sin(x)
    return x


def pulled(x: Any) -> Any:
    """A vector of residuals, each of its neighbours."""
    return x[1:] ** 2 - np.sin(x[:-1]) * x[1:]


def energy(x: Any) -> Any:
    """A sum over neighbours."""
    return np.sum((x[1:] - x[:-1] ** 2) ** 2) + np.sum(np.cos(x))


def programs(size: int) -> Iterator[tuple[str, Function, Function, tuple[Any, ...]]]:
    """Give each program of a size: its name, body, transformation and arguments.

    The size is that of the arguments, or the number of steps; what would take minutes
    in every library, or more memory than there is, is left out.
    """
    random = np.random.default_rng(0)
    x = random.uniform(0.5, 1.5, size)
    side = max(2, round(size**0.5))
    square = random.normal(size=(side, side))

    def plain(f: Function) -> Function:
        return f

    yield "elementwise", elementwise, plain, (x,)
    yield "A @ B", product, plain, (square, square.T.copy())
    units = max(2, min(side, 256))
    weights = random.normal(size=(units, units)), random.normal(size=(units, 3))
    batch = random.normal(size=(max(1, size // units), units))
    yield "network, gradient", network, wg.value_and_grad, (*weights, batch)
    if size <= 10**5:
        yield "loop, gradient", loop, wg.value_and_grad, (0.7, size)
    if size <= 10**3:
        yield "Jacobian", pulled, wg.jacobian, (x,)
        yield "Hessian", energy, wg.hessian, (x,)


def measure(body: Function, transform: Function, args: tuple[Any, ...]) -> Any:
    """Return the seconds of the first calls and of settled ones, and how it settled."""
    eager = transform(body)
    jitted = wg.jit(transform(body))
    calls = [seconds_of(partial(jitted, *args), 1) for _ in range(FIRST)]
    is_bare = eager is body
    unit = partial(wg.record, eager, *args) if is_bare else partial(eager, *args)
    started = time.perf_counter()
    while time.perf_counter() - started < QUIET:
        jitted(*args)
    pending = any(path.is_pending for path in jitted.paths())
    settled = interleaved({"settled": partial(jitted, *args), "eager": unit}, ROUNDS)
    row = dict(zip(("first", "second", "third"), calls, strict=True))
    row |= {name: times["best"] for name, times in settled.items()}
    native = all(path.kernels for path in jitted.paths())
    row["how"] = "native" if native else "still waits" if pending else "first tier"
    return row


def measure_jax(body: Function, name: str, args: tuple[Any, ...]) -> Any:
    """Return the seconds of JAX's first and settled call."""
    import jax

    jax.config.update("jax_enable_x64", True)
    transforms = {
        "network, gradient": jax.value_and_grad,
        "loop, gradient": jax.value_and_grad,
        "Jacobian": jax.jacobian,
        "Hessian": jax.hessian,
    }
    theirs = FunctionType(body.__code__, {"np": jax.numpy, "range": range})
    static = (1,) if body is loop else ()
    function = jax.jit(transforms.get(name, lambda f: f)(theirs), static_argnums=static)

    def call() -> Any:
        return jax.block_until_ready(function(*args))

    first = seconds_of(call, 1)
    return first, interleaved({"jax": call}, ROUNDS)["jax"]["best"]


def main() -> None:
    """Print a table, and keep it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--most-steps-of-jax", type=int, default=1000)
    options = parser.parse_args()
    has_jax = importlib.util.find_spec("jax") is not None
    print(f"{'program':18} {'size':>8}  " + "".join(f"{name:>11}" for name in HEADINGS))
    rows = []
    for size in map(int, options.sizes.split(",")):
        for name, body, transform, args in programs(size):
            row = {"program": name, "size": size, **measure(body, transform, args)}
            # JAX unrolls a plain loop, and compiles for minutes.
            unrolls = name.startswith("loop") and size > options.most_steps_of_jax
            if has_jax and not unrolls:
                row["jax first"], row["jax"] = measure_jax(body, name, args)
            rows.append(row)
            print(line_of(row), flush=True)
    if options.json:
        options.json.parent.mkdir(exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1))


HEADINGS = "first second third settled eager jax-first jax".split()


def line_of(row: dict[str, Any]) -> str:
    """Return one row as text; what breaks a promise is marked."""
    text = f"{row['program']:18} {row['size']:>8,}  "
    for name in HEADINGS:
        seconds = row.get(name.replace("-", " "))
        text += f"{shown(seconds) if seconds else '':>11}"
    most = max(MOST_CALLS * row["eager"], MOST_SECONDS)
    late = [name for name in ("first", "second", "third") if row[name] > most]
    slow = ["settled"] if row["settled"] > row["eager"] else []
    broken = f"  over its limit: {', '.join(late + slow)}" if late or slow else ""
    return f"{text}  {row['how']}{broken}"


if __name__ == "__main__":
    main()
