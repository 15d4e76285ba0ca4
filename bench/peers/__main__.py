"""The same programs by wengert and its peers: ``python -m bench.peers``.

Each peer runs in a process of its own, on one thread; of a row they take turns, and the
median of the rounds is told.  A peer that cannot run a program says why, and so does
one whose answer differs from wengert's.  ``--python PEER=PATH`` runs a peer with
another Python than this one.  ``--write`` puts the figures into the documents, where
rows that were not measured keep theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import select
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import arrays
from bench.peers import report
from bench.peers.engines import ENGINES
from bench.peers.programs import NAMES
from bench.peers.worker import Start

ROOT = Path(__file__).parents[2]


class Worker:
    """A process that runs one peer on one row."""

    def __init__(self, python: str, peer: str, name: str) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "bench.peers.worker", peer, name],
            cwd=ROOT,
            env={**os.environ, "WENGERT_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def answer(self, limit: float | None = None) -> Any:
        """What it says next; a text where that is nothing, or not in time."""
        stream = self.process.stdout
        assert stream is not None
        if not select.select([stream], [], [], limit)[0]:
            self.end()
            return f"no first call within {limit:g} s"
        try:
            return pickle.load(stream)
        except EOFError:
            return "its process ended"

    def batch(self) -> float:
        """Seconds of a call, in one batch."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return float(self.answer())

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def measured(name: str, given: argparse.Namespace, versions: dict[str, Any]) -> Any:
    """What each peer took of a row, or why it took nothing."""
    pythons = dict(text.split("=", 1) for text in given.python)
    found: dict[str, Any] = {}
    workers: dict[str, Worker] = {}
    ours: Any = None
    for peer in given.peers:
        python = pythons.get(peer, sys.executable)
        worker = Worker(python, peer, name)
        start = worker.answer(given.limit)
        if isinstance(start, Start):
            ours = ours or start.result
            start = differs(ours, start.result) or start
        if isinstance(start, Start):
            workers[peer], found[peer] = worker, {"first": start.first}
            versions[peer] = start.versions
        else:
            worker.end()
            found[peer] = {"why": start}
    try:
        times: dict[str, list[float]] = {peer: [] for peer in workers}
        for _ in range(given.rounds):
            for peer, worker in workers.items():
                times[peer].append(worker.batch())
    finally:
        for worker in workers.values():
            worker.end()
    for peer, seconds in times.items():
        found[peer] |= {"median": statistics.median(seconds), "best": min(seconds)}
    return found


def differs(ours: Any, theirs: Any) -> str:
    """What is wrong with an answer; nothing where it is that of wengert."""
    try:
        arrays.agree({"wengert": lambda: ours, "peer": lambda: theirs})
    except AssertionError:
        return "its value or gradient is another"
    return ""


def beside(found: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """What was measured, with what was not from an earlier run."""
    rows = earlier["rows"] | found["rows"]
    ordered = {name: rows[name] for name in NAMES if name in rows}
    return found | {
        "rows": ordered,
        "versions": earlier["versions"] | found["versions"],
    }


def machine() -> str:
    """What this runs on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    model = models[0] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help="those whose names begin so")
    parser.add_argument("--peers", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=90.0, help="s of a first call")
    parser.add_argument("--python", action="append", default=[], help="PEER=PATH")
    parser.add_argument("--write", action="store_true", help="into the documents")
    given = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "rounds": given.rounds}
    found |= {"limit": given.limit, "versions": {}, "rows": {}}
    for name in NAMES:
        if name.startswith(tuple(given.rows) or ""):
            row = found["rows"][name] = measured(name, given, found["versions"])
            print(f"{name:28}", json.dumps(row), flush=True)
    print(report.table(found))
    if given.write:
        found = beside(found, json.loads(report.FIGURES.read_text()))
        report.FIGURES.write_text(json.dumps(found, indent=1) + "\n")
        report.write()


if __name__ == "__main__":
    main()
