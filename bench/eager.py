"""Eager value and gradient beside autograd and PyTorch: time, memory, growth.

Each measurement runs in a process of its own (``eager_worker.py``); the engines of one
timing take turns inside one process.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from workloads import ENGINES, TITLES

WORKER = Path(__file__).with_name("eager_worker.py")
ELEMENT_SIZES = (10**2, 10**3, 10**4, 10**5)
RECORDING_SIZES = (10**3, 10**4, 10**5, 10**6)


def measured(threads: int, *words: str) -> Any:
    """What one measurement printed, with the thread pools set to `threads`."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(pools, str(threads))}
    command = [sys.executable, str(WORKER), *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def versions(engines: list[str]) -> dict[str, str]:
    """The versions of everything that takes part."""
    found = {"python": platform.python_version()}
    for name in ("numpy", *engines):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "from the source tree"
    return found


def measure_everything(arguments: argparse.Namespace) -> dict[str, Any]:
    """All measurements, by kind."""
    engines = arguments.engines.split(",")
    threads = arguments.threads
    results: dict[str, Any] = {
        "versions": versions(engines),
        "cores": os.cpu_count(),
        "threads": threads,
        "time": {},
        "memory": {},
    }
    for workload in TITLES:
        chosen = ["--workload", workload, "--engines"]
        results["time"][workload] = measured(
            threads, "time", *chosen, arguments.engines, f"--rounds={arguments.rounds}"
        )
        results["memory"][workload] = {
            engine: measured(threads, "memory", *chosen, engine) for engine in engines
        }
    if "wengert" not in engines:
        return results
    for kind, sizes in (
        ("element-loop", ELEMENT_SIZES),
        ("recording", RECORDING_SIZES),
    ):
        results[kind] = [
            measured(threads, kind, f"--size={size}")
            for size in sizes
            if size <= arguments.largest
        ]
    return results


def readable_seconds(seconds: float) -> str:
    """Seconds in the unit that leaves one to three digits before the point."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def readable_bytes(size: float) -> str:
    """Bytes in units of 1024, at most three digits."""
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"


def new_table(title: str, *headings: str) -> Table:
    """An empty table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def engine_table(results: dict[str, Any]) -> Table:
    """Time and memory of every engine, with ratios to the first one."""
    table = new_table(
        "Value and gradient; ratios are to the first engine, above 1 it wins",
        *("workload", "engine", "best", "median", "ratio best", "ratio median"),
        *("peak, resident", "peak, traced"),
    )
    for workload, title in TITLES.items():
        times = results["time"][workload]
        first = next(iter(times.values()))
        for number, (engine, spent) in enumerate(times.items()):
            peak = results["memory"][workload][engine]
            table.add_row(
                "" if number else title,
                engine,
                *(readable_seconds(spent[key]) for key in ("best", "median")),
                *(f"{spent[key] / first[key]:.2f}" for key in ("best", "median")),
                *(readable_bytes(peak[key]) for key in ("resident", "traced")),
            )
        table.add_section()
    return table


def growth_table(title: str, unit: str, rows: list[dict[str, float]]) -> Table:
    """Cost of each element or node as the program grows."""
    per = f"per {unit}"
    table = new_table(
        title, unit + "s", f"time {per}", f"resident {per}", f"traced {per}"
    )
    for row in rows:
        table.add_row(
            f"{row['count']:,}",
            readable_seconds(row["seconds_each"]),
            readable_bytes(row["resident_each"]),
            readable_bytes(row["traced_each"]),
        )
    return table


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    # rich takes a pipe for 80 columns, too few for the widest table.
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    named = ", ".join(f"{name} {text}" for name, text in results["versions"].items())
    console.print(f"{named}; {results['threads']} thread(s), {results['cores']} cores")
    console.print(engine_table(results))
    if "recording" in results:
        loop = "Value and gradient of the element loop"
        console.print(growth_table(loop, "element", results["element-loop"]))
        console.print(growth_table("Recording", "node", results["recording"]))


def parsed_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default=",".join(ENGINES), help="%(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="%(default)s a timing")
    parser.add_argument("--threads", type=int, default=1, help="of BLAS and PyTorch")
    parser.add_argument("--largest", type=int, default=10**6, help="loop or recording")
    parser.add_argument("--json", type=Path, help="write all figures to this file, too")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write the figures where the command line says."""
    arguments = parsed_arguments()
    results = measure_everything(arguments)
    show(results)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
