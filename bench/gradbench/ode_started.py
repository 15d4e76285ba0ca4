"""The eval ``ode`` with states that start at 1, in GradBench's protocol.

GradBench's own start at 0, and then most of them, and their derivatives, stay there.
The gradient is checked along random directions, by complex steps.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

START = 1.0


def end(x: Any, steps: int) -> Any:
    """Return the states at time 2, by Runge and Kutta's method of fourth order."""
    y, h = np.full_like(x, START), 2.0 / steps

    def slope(y: Any) -> Any:
        return x * np.concatenate((np.ones(1), y[:-1]))

    for _ in range(steps):
        k1 = slope(y)
        k2 = slope(y + h * k1 / 2)
        k3 = slope(y + h * k2 / 2)
        k4 = slope(y + h * k3)
        y = y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
    return y


def check(function: str, given: Any, output: Any) -> None:
    """Raise unless an answer is right."""
    x, steps, found = np.array(given["x"]), given["s"], np.array(output)
    if function == "primal":
        np.testing.assert_allclose(found, end(x, steps), rtol=1e-12)
        return
    for way in np.random.default_rng(0).standard_normal((3, len(x))):
        expected = end(x + 1e-100j * way, steps)[-1].imag / 1e-100
        size = np.abs(found) @ np.abs(way)
        np.testing.assert_allclose(found @ way, expected, rtol=0, atol=1e-12 * size)


def main() -> None:
    """Ask for both functions, at all sizes."""
    from gradbench.eval import SingleModuleValidatedEval, assertion

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", nargs="+", type=int, default=[1000])
    parser.add_argument("-s", nargs="+", type=int, default=[10, 100])
    sizes = parser.parse_args()
    judge = SingleModuleValidatedEval(module="ode", validator=assertion(check))
    judge.start()
    if not judge.define().success:
        return
    for n in sizes.n:
        x = np.random.default_rng(n).random(n).tolist()
        for s in sizes.s:
            given = {"x": x, "s": s, "start": START, "min_runs": 1, "min_seconds": 1}
            for function in ("primal", "gradient"):
                judge.evaluate(
                    function=function, input=given, description=f"n={n},s={s}"
                )


if __name__ == "__main__":
    main()
