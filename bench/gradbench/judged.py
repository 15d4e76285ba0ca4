"""An eval of GradBench that also says how far an answer is from the reference's.

``python judged.py RUN.PY ...`` runs an eval as it is; what it says of an answer has
``apart``, the largest difference of an array's elements over its largest element,
where the eval compares an answer with a reference.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


def arrays(value: Any) -> Iterator[Any]:
    """Give the arrays of numbers in what JSON has."""
    if isinstance(value, dict):
        for name in sorted(value):
            yield from arrays(value[name])
    else:
        yield np.asarray(value, float)


def apart(expected: Any, found: Any) -> float:
    """Return the largest difference of arrays, each over its largest element."""
    pairs = zip(arrays(expected), arrays(found), strict=True)
    return max(float(difference(x, y)) for x, y in pairs)


def difference(x: Any, y: Any) -> Any:
    """Return the largest difference of two arrays over the first one's largest."""
    largest = np.max(np.abs(x), initial=0.0)
    return np.max(np.abs(x - y), initial=0.0) / (largest or 1.0)


def main() -> None:
    """Run an eval."""
    from gradbench import eval as judge

    compare, send = judge.compare_json_objects, judge.SingleModuleValidatedEval.send
    told: dict[str, Any] = {}

    def compared(expected: Any, found: Any, *more: Any) -> Any:
        wrong = compare(expected, found, *more)
        if not wrong:
            told["apart"] = apart(expected, found)
        return wrong

    def sent(self: Any, message: Any) -> Any:
        if message["kind"] == "analysis":
            message = message | told
            told.clear()
        return send(self, message)

    judge.compare_json_objects = compared
    judge.SingleModuleValidatedEval.send = sent
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
