"""Native replay beside its peers: the call, long loops, many inputs, many paths.

Each row is measured in a process of its own (``native_worker.py``), where it and its
peers take turns.  A claim is a ratio of two figures of one row.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from eager import new_table, readable_bytes, readable_seconds, versions

WORKER = Path(__file__).with_name("native_worker.py")
SIZES = (10**3, 10**4, 10**5, 10**6)
ROWS = ("rosenbrock", "loop", "straight-line", "heston", "barrier", "paths")
PATHS = 16_384
INPUTS = 200


def measured(row: str, *words: str) -> Any:
    """What one row's process printed; the pools of other libraries have one thread."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(pools, "1")}
    command = [sys.executable, str(WORKER), row, *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure_everything(arguments: argparse.Namespace) -> dict[str, Any]:
    """All rows that were asked for."""
    rounds = f"--rounds={arguments.rounds}"
    results: dict[str, Any] = {
        "versions": versions(["wengert", "llvmlite", "casadi", "numba", "jax"]),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    for row in arguments.rows.split(","):
        if row == "straight-line":
            results[row] = [
                measured(row, rounds, f"--size={size}")
                for size in SIZES
                if size <= arguments.largest
            ]
        else:
            results[row] = measured(row, rounds)
        Console(stderr=True).print(f"measured {row}")
    if arguments.unrolled and "loop" in results:
        try:
            results["loop"]["jax, unrolled"] = measured("unrolled")
        except subprocess.CalledProcessError as error:  # its compiler may not survive
            Console(stderr=True).print(f"jax, unrolled: {error}")
    return results


# What is claimed: a figure, what it should reach, and whether it does


Claim = tuple[str, str, str, bool]


def claim(what: str, found: float, wanted: str, is_reached: bool, text: str) -> Claim:
    """One claim, with its figure as text."""
    return what, text.format(found), wanted, is_reached


def at_most(what: str, found: float, limit: float) -> Claim:
    """A claim about seconds."""
    shown = readable_seconds(found)
    return what, shown, f"at most {readable_seconds(limit)}", found <= limit


def at_least(what: str, ratio: float, limit: float) -> Claim:
    """A claim that something is so many times faster than something else."""
    return what, f"{ratio:.2f} times", f"at least {limit:g} times", ratio >= limit


def below(what: str, ratio: float, limit: float) -> Claim:
    """A claim that something costs so many times something else at most."""
    return what, f"{ratio:.2f} times", f"at most {limit:g} times", ratio <= limit


def claims(results: dict[str, Any]) -> Iterator[Claim]:
    """Every claim about the rows that were measured; medians of the rounds."""
    for row, of_row in CLAIMS.items():
        if row in results:
            yield from of_row(results[row])


def of_rosenbrock(row: Any) -> Iterator[Claim]:
    """The call from Python."""
    ours = row["wengert"]["median"]
    yield at_most("Rosenbrock, 10 variables: a call", ours, 150e-9)
    for peer, limit in (("casadi", 2), ("numba by hand", 3), ("jax", 30)):
        yield at_least(f"  faster than {peer}", row[peer]["median"] / ours, limit)


def of_loop(row: Any) -> Iterator[Claim]:
    """The long loop."""
    ours = row["wengert"]
    yield at_most("loop of 4,000 steps: first call", ours["first"], 0.5)
    yield at_most("  a call then", ours["median in the first calls"], 0.25e-3)
    yield at_most("  a call after 5 s", ours["median"], 60e-6)
    for peer in ("casadi", "jax, scan"):
        yield at_least(f"  faster than {peer}", row[peer]["median"] / ours["median"], 1)


def of_straight_line(row: Any) -> Iterator[Claim]:
    """Long straight lines."""
    for size in row:
        nodes = size["nodes"]
        stages = size["stages"]
        compiled = sum(stages.get(k, 0) for k in ("graph", "nest", "write", "generate"))
        if nodes == 10**4:
            yield at_most("straight line, 10,000 nodes: native in", compiled, 0.3)
        best = size["best"] / nodes
        yield at_most(f"  a primal node of {nodes:,}, with reverse", best, 1e-9)


def of_heston(row: Any) -> Iterator[Claim]:
    """Many inputs."""
    times = {name: figures["median"] for name, figures in row.items()}
    gradient = times["gradient, 1 thread"]
    yield at_most("Heston: gradient a path, one thread", gradient / PATHS, 1e-6)
    yield below("  gradient over value", gradient / times["value, 1 thread"], 2)
    yield at_least("  two threads", gradient / times["gradient, 2 threads"], 1.9)
    spent = [row[f"gradient, {n}"]["processor"] for n in ("1 thread", "2 threads")]
    # Where other programs share the cores, this says what threads themselves cost.
    yield below("  two threads' processor time over one's", spent[1] / spent[0], 1.1)
    yield at_least("  faster than jax", times["jax gradient"] / gradient, 1)


def of_barrier(row: Any) -> Iterator[Claim]:
    """Paths among many inputs."""
    plain = row["no barrier"]["median"]
    for name in ("one if", "an if a day"):
        yield below(f"barrier, {name}: over none", row[name]["median"] / plain, 2)


def of_paths(row: Any) -> Iterator[Claim]:
    """Many paths, one input at a time."""
    for name, figures in row.items():
        ratio = figures["eager"]["median"] / figures["jitted"]["median"]
        yield at_least(f"{name}, {figures['paths']} paths: over eager", ratio, 10)


CLAIMS = {
    "rosenbrock": of_rosenbrock,
    "loop": of_loop,
    "straight-line": of_straight_line,
    "heston": of_heston,
    "barrier": of_barrier,
    "paths": of_paths,
}


# Tables


def times_table(title: str, row: dict[str, Any], count: int = 1, per: str = "") -> Any:
    """First call, best and median of every engine of a row."""
    table = new_table(title, "", "first call", f"best{per}", f"median{per}")
    for name, figures in row.items():
        table.add_row(
            name,
            readable_seconds(figures["first"]),
            *(readable_seconds(figures[key] / count) for key in ("best", "median")),
        )
    return table


def straight_table(row: list[dict[str, Any]]) -> Any:
    """Cost of straight lines as they grow."""
    table = new_table(
        "Straight line of scalars, value and gradient",
        *("nodes", "first call", "record", "compile", "a node at first"),
        *("optimised after", "a node", "peak memory"),
    )
    for size in row:
        stages, nodes = size["stages"], size["nodes"]
        compiled = sum(stages.get(k, 0) for k in ("graph", "nest", "write", "generate"))
        waited = size["optimised after"]
        table.add_row(
            f"{nodes:,}",
            readable_seconds(size["first call"]),
            readable_seconds(stages.get("record", 0)),
            readable_seconds(compiled),
            readable_seconds(size["best at first"] / nodes),
            "not yet" if waited is None else readable_seconds(waited),
            readable_seconds(size["best"] / nodes),
            readable_bytes(size["peak bytes"]),
        )
    return table


def paths_table(row: dict[str, Any]) -> Any:
    """Time of 200 inputs over many paths."""
    table = new_table(
        "Value and gradient at 200 random inputs, per input",
        *("", "paths", "first time", "jitted", "vmap", "eager"),
    )
    for name, figures in row.items():
        table.add_row(
            name,
            str(figures["paths"]),
            readable_seconds(figures["first"] / INPUTS),
            *(
                readable_seconds(figures[key]["median"] / INPUTS)
                for key in ("jitted", "vmap", "eager")
            ),
        )
    return table


def claims_table(results: dict[str, Any]) -> Any:
    """What was to be reached, and whether it was."""
    table = new_table("Medians of this run", "figure", "found", "wanted", "reached")
    for what, found, wanted, is_reached in claims(results):
        table.add_row(what, found, wanted, "yes" if is_reached else "no")
    return table


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    named = ", ".join(f"{name} {text}" for name, text in results["versions"].items())
    console.print(f"{named}; {results['cores']} cores")
    titles = {
        "rosenbrock": ("Rosenbrock, 10 variables, value and gradient", 1, ""),
        "loop": ("Loop of 4,000 steps, value and gradient", 1, ""),
        "heston": ("Heston, 252 steps, 16,384 paths", PATHS, " a path"),
        "barrier": ("Barrier option, value and gradient", PATHS, " a path"),
    }
    for row, (title, count, per) in titles.items():
        if row in results:
            console.print(times_table(title, results[row], count, per))
    if "straight-line" in results:
        console.print(straight_table(results["straight-line"]))
    if "paths" in results:
        console.print(paths_table(results["paths"]))
    console.print(claims_table(results))


def main() -> None:
    """Measure, print, and write the figures where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default=",".join(ROWS), help="%(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="%(default)s a timing")
    parser.add_argument("--largest", type=int, default=10**6, help="straight line")
    parser.add_argument("--unrolled", action="store_true", help="JAX's loop unrolled")
    parser.add_argument("--json", type=Path, help="write all figures to this file, too")
    arguments = parser.parse_args()
    results = measure_everything(arguments)
    show(results)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
