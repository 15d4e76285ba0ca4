"""An eval of a checkout and a tool, as two processes whose messages are passed on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JUDGED = Path(__file__).with_name("judged.py")
#: Evals that are not GradBench's.
OWN = {"ode-started": Path(__file__).with_name("ode_started.py")}


@dataclass
class Run:
    """What came of one message.

    Attributes
    ----------
    function, size : str
        What the eval asked for.
    times : list of float
        Seconds of each call.
    first : float
        Seconds until it was compiled, as the tool says.
    is_valid : bool
        Whether the eval found the answer right, which it says last.
    error : str
    apart : float or None
        How far it is from the reference's answer, where there is one.
    """

    function: str
    size: str
    times: list[float] = field(default_factory=list)
    first: float = 0.0
    is_valid: bool = False
    error: str = ""
    apart: float | None = None

    @property
    def best(self) -> float:
        """Seconds of the quickest call."""
        return min(self.times)

    @property
    def compiled_in(self) -> float:
        """Seconds until it was compiled.

        Of a tool that does not say, what its first call took longer than the best one.
        """
        return self.first or (self.times[0] - self.best if self.times else 0.0)

    def take(self, response: dict[str, Any]) -> None:
        """Take in what the tool answered."""
        self.error = response.get("error") or ""
        for timing in response.get("timings") or ():
            seconds = timing["nanoseconds"] / 1e9
            if timing["name"] == "evaluate":
                self.times.append(seconds)
            else:
                self.first += seconds


def measured(
    checkout: Path, name: str, given: Sequence[str], tool: Sequence[str], root: Path
) -> Iterator[Run]:
    """Give what a tool took for each message of an eval, once it is judged."""
    python = os.environ.get("GRADBENCH_PYTHON", sys.executable)
    package = checkout / "python" / "gradbench"
    program = OWN.get(name, package / "gradbench" / "evals" / name / "run.py")
    eval_ = started(
        [python, str(JUDGED), str(program), *given], checkout, PYTHONPATH=str(package)
    )
    answering = started(tool, root)
    runs: dict[int, Run] = {}
    with eval_, answering:
        for line in eval_.stdout or ():
            message = json.loads(line)
            response = asked(answering, line)
            if message["kind"] == "evaluate":
                size = message.get("description") or ""
                run = runs[message["id"]] = Run(message["function"], size)
                run.take(response)
            if message["kind"] == "analysis":
                run = runs[message["of"]]
                run.is_valid, run.apart = message["valid"], message.get("apart")
                run.error = run.error or message.get("error") or ""
                yield run
            send(eval_, json.dumps(response) + "\n")


def started(words: Sequence[str], folder: Path, **more: str) -> subprocess.Popen[str]:
    """Start a process whose lines are written and read, on one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **one, "WENGERT_THREADS": "1", **more}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True
    )


def asked(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Return what a process answers to a line."""
    send(process, line)
    assert process.stdout is not None
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"the tool ended at {line[:200]}")
    found: dict[str, Any] = json.loads(answer)
    return found


def send(process: subprocess.Popen[str], line: str) -> None:
    """Write a line to a process."""
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()
