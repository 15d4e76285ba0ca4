"""Random programs from the command line: a range of seeds, or one to look at.

``python -m tests.programs.fuzz --seed 42`` runs one program, and prints a smallest one
that is wrong in the same way; ``--first 0 --count 1000`` runs many; ``--style`` says
what they are made of.
"""

from __future__ import annotations

import argparse
import faulthandler
import time
from collections import Counter

from tests.programs import distribution
from tests.programs.generate import STYLES, generate
from tests.programs.judge import Judge, MismatchError
from tests.programs.limits import LIMITS
from tests.programs.program import Program
from tests.programs.shrink import mismatch, shrink
from tests.programs.ways import run, usual

SECONDS_A_PROGRAM = 120
COMMAND = "python -m tests.programs.fuzz"


def judge(
    seed: int, counts: Counter[str], style: str = "any"
) -> tuple[Program, list[MismatchError]]:
    """Run the program of a seed; return it with what is wrong."""
    program = generate(seed, style)
    counts["programs"] += 1
    counts.update(f"feature: {name}" for name in program.features)
    found = run(Judge(program, counts), usual(program))
    counts["programs with a mismatch"] += bool(found)
    return program, found


def describe(program: Program, error: MismatchError) -> str:
    """Return a mismatch as text: what, how to see it again, the program."""
    command = f"{COMMAND} --style {program.style} --seed {program.seed}"
    return f"[{error.way}] {error}\n{command}\n\n{program.source}"


def explain(seed: int, style: str) -> bool:
    """Run one program, and print a smallest one for each way in which it is wrong."""
    program, found = judge(seed, Counter(), style)
    for error in found:
        small = shrink(program, error)
        print(describe(small, mismatch(small, error.way) or error))
    if not found:
        print(f"{program.source}\nno mismatch")
    return not found


def summary(counts: Counter[str]) -> str:
    """Return what the programs of a run had in them, and how they were answered."""
    lines = distribution.lines(counts)
    for name, count in sorted(counts.items()):
        if not name.startswith(("feature: ", "refusal: ")):
            lines.append(f"{count:8d}  {name}")
    refusals = [(c, n) for n, c in counts.items() if n.startswith("refusal: ")]
    lines += [
        f"{count:8d}  {name}" for count, name in sorted(refusals, reverse=True)[:40]
    ]
    return "\n".join([*lines, "", "Limits:", *(f"- {limit}" for limit in LIMITS)])


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="one program, made small where wrong")
    parser.add_argument("--style", choices=STYLES, default="any")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most")
    parser.add_argument("--each", type=int, default=1, help="programs shown of a kind")
    options = parser.parse_args()
    faulthandler.enable()
    if options.seed is not None:
        raise SystemExit(not explain(options.seed, options.style))
    counts: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    started = time.monotonic()
    for seed in range(options.first, options.first + options.count):
        faulthandler.dump_traceback_later(SECONDS_A_PROGRAM, exit=True)
        for error in judge(seed, counts, options.style)[1]:
            kind = error.way, error.kind
            kinds[kind] += 1
            if kinds[kind] <= options.each:
                print(f"{seed}: [{error.kind}] {error}"[:300], flush=True)
        if time.monotonic() - started > options.seconds:
            break
    faulthandler.cancel_dump_traceback_later()
    print(summary(counts))
    for kind, count in kinds.most_common():
        print(f"{count:6d}  [{kind[0]}] {kind[1]}")
    raise SystemExit(bool(kinds))


if __name__ == "__main__":
    main()
