"""What compiling takes in a process that finds its code on disk, and in one before it.

Run: ``python bench/warm_start.py``.  Programs of `arrays.py` and `loops.py`, value and
gradient, each in two processes of its own, one after the other, with a folder of code
that is empty at first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import Any

ROWS = (
    "chain 10000",
    "logsumexp 10000",
    "softmax 2000 x 50 x 10",
    "kmeans 1000 x 100 x 8",
    "gmm 10 x 25 x 1000",
    "lstm 1024",
)


def work(name: str) -> None:
    """Compile one program, and print what each stage took."""
    import numpy

    import arrays
    import loops
    import wengert
    from wengert.derive.shortened import shortened
    from wengert.execute.loops import compile_loops

    program, given, arguments = (arrays.rows() | loops.rows())[name]
    program = program["wengert"] if isinstance(program, dict) else program
    every = tuple(range(len(arguments)))
    evaluate = wengert.value_and_grad(partial(program, numpy, *given), every)
    tape, captured = shortened(wengert.record(evaluate, *arguments), [])
    started = time.perf_counter()
    seconds: dict[str, Any] = dict(compile_loops(tape, False, captured).seconds)
    print(json.dumps(seconds | {"all": time.perf_counter() - started}))


def main() -> None:
    """Measure and print every row."""
    print(f"{'':24}{'generate':>10}{'load':>10}{'all, cold':>12}{'warm':>10}   ms")
    for name in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"WENGERT_CACHE": os.path.join(folder, "kept")}
            command = [sys.executable, __file__, name]
            cold, warm = (
                json.loads(subprocess.check_output(command, env=environment))
                for _ in range(2)
            )
        # Parts that were quick to make are not kept: they are made again.
        loaded = warm.get("load", 0.0) + warm.get("generate", 0.0)
        cells = cold["generate"], loaded, cold["all"], warm["all"]
        print(f"{name:24}" + "".join(f"{1e3 * x:11.1f}" for x in cells), flush=True)


if __name__ == "__main__":
    work(sys.argv[1]) if len(sys.argv) > 1 else main()
