"""Evals of GradBench (github.com/gradbench/gradbench), answered by wengert.

``GRADBENCH_DIR=... python -m bench.gradbench`` runs all of them, at small sizes, and
prints the times, how far answers are from GradBench's reference, and whether they are
right: GradBench asks for 1e-4, we for 1e-12 of the largest element; names choose some,
and what follows ``--`` is handed to the eval: ``... gmm -- -d 10 -k 25 -n 1000``.
``--serve`` speaks GradBench's protocol on the standard streams.
``--form structured`` answers the evals that have loops with structured ones, and
``--form both`` measures these beside the plain ones.
``--tool NAME=COMMAND`` measures another tool beside, eval by eval; the commands run in
this repository.  Behind each eval then stands our time over theirs, the geometric mean
of what both answered: of values, of derivatives, and of what comes before the calls
that are timed, which is recording and compiling.

The evals want pydantic, dataclasses-json and SciPy in the Python that
``GRADBENCH_PYTHON`` names, a C++ compiler, and ``cpp/json.hpp`` in the checkout.
"""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.gradbench.answers import EVALS, FORMS
from bench.gradbench.drive import OWN, Run, measured
from bench.gradbench.protocol import serve

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "bench.gradbench", "--serve", "--form"]
#: What our tools are called, by form.
OURS = {"plain": "wengert", "structured": "structured"}
#: Small sizes of the evals that begin with larger ones.
SIZES = {
    "llsq": "-n 128 -m 32",
    "lse": "-n 10000",
    "ode": "-n 1000 -s 10",
    "det": "-l 5 6",
    "kmeans": "-k 10 -n 1000 -d 8",
    "gmm": "-d 2 10 -k 5 -n 1000",
    "lstm": "-l 2 -c 128",
    "ba": "--min 1 --max 1",
    "ht": "--min 1 --max 1",
}
#: How far an answer may be from the reference's, of its largest element.
EXACT = 1e-12
#: The same of evals whose reference computes by another formula: manual's gradient of
#: lse is a closed form, a derived one has 1 less the sum of all in its largest element.
LESS_EXACT = {"lse": 1e-10}
#: Functions that are no derivatives.
VALUES = frozenset({"square", "primal", "objective", "cost"})


def line(tool: str, name: str, run: Run) -> str:
    """Return what a run took."""
    verdict = wrong(name, run) or "right"
    best = f"{1e3 * run.best:12.4f} ms" if run.times else " " * 15
    first = f"{1e3 * run.compiled_in:10.1f} ms"
    what = f"{tool:10.10} {name:9} {run.function:10} {run.size:24.24}"
    apart = " " * 9 if run.apart is None else f"{run.apart:9.1e}"
    return f"{what} {best} {first} {apart}  {verdict}"


def wrong(name: str, run: Run) -> str:
    """Return what is wrong with an answer; nothing where it is right."""
    if not run.is_valid:
        return f"WRONG {run.error[:200]}"
    most = LESS_EXACT.get(name, EXACT)
    return f"FURTHER APART than {most:g}" if (run.apart or 0.0) > most else ""


def is_value(run: Run) -> bool:
    """Whether a run was of a function that is no derivative."""
    return run.function in VALUES


#: What is compared: of which runs, and what they took.
COMPARED: dict[str, tuple[Callable[[Run], bool], Callable[[Run], float]]] = {
    "values": (is_value, lambda run: run.best),
    "derivatives": (lambda run: not is_value(run), lambda run: run.best),
    "set-ups": (lambda run: run.compiled_in > 0, lambda run: run.compiled_in),
}


def ratios(name: str, found: dict[str, list[Run]]) -> Iterator[str]:
    """Give our times over those of each other tool."""
    ours, *others = found
    for other in others:
        for kind, (counts, taken) in COMPARED.items():
            mine, theirs = (
                {
                    (run.function, run.size): taken(run)
                    for run in found[tool]
                    if run.times and counts(run)
                }
                for tool in (ours, other)
            )
            logs = [math.log(mine[k] / theirs[k]) for k in mine if k in theirs]
            if logs:
                mean = math.exp(sum(logs) / len(logs))
                yield f"{name}: {kind} take {mean:.3g} of {other}'s time"


def main() -> int:
    """Run evals, or answer one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "evals", nargs="*", metavar="EVAL", help=" ".join([*EVALS, *OWN])
    )
    parser.add_argument("--serve", action="store_true", help="speak the protocol")
    parser.add_argument("--form", choices=[*FORMS, "both"], default="plain")
    parser.add_argument(
        "--tool", action="append", default=[], help="NAME=COMMAND of another tool"
    )
    words = [*sys.argv[1:], "--"]
    end = words.index("--")
    chosen, given = parser.parse_args(words[:end]), words[end + 1 : -1]
    if chosen.serve:
        serve(FORMS[chosen.form])
        return 0
    checkout = os.environ.get("GRADBENCH_DIR")
    if not checkout:
        parser.error(
            "GRADBENCH_DIR names no checkout of github.com/gradbench/gradbench"
        )
    forms = FORMS if chosen.form == "both" else [chosen.form]
    tools = {OURS[form]: [*SERVE, form] for form in forms}
    for text in chosen.tool:
        tool, _, command = text.partition("=")
        tools[tool] = shlex.split(command)
    heads = f"{'tool':10} {'eval':9} {'function':10} {'size':24}"
    print(f"{heads} {'best call':>15} {'compiled in':>13} {'apart':>9}")
    is_right = True
    for name in chosen.evals or [*EVALS, *OWN]:
        more = given or SIZES.get(name, "").split()
        found: dict[str, list[Run]] = {}
        for tool, command in tools.items():
            found[tool] = []
            for run in measured(Path(checkout), name, more, command, ROOT):
                is_right &= not wrong(name, run) or tool not in OURS.values()
                found[tool].append(run)
                print(line(tool, name, run), flush=True)
        print("\n".join(ratios(name, found)), end="\n" * (len(tools) > 1))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
