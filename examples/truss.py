"""A truss of given weight is made as stiff as it can be.

Every pair of neighbouring joints may have a bar; the areas of the bars minimise the
work of the load, whose gradient goes through `scipy.sparse.linalg.spsolve`.  The best
value is also that of a linear program, without any derivative: W. S. Dorn, R. E.
Gomory and H. J. Greenberg, Journal de Mecanique 3 (1964).
"""

from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.optimize import OptimizeResult, linprog, minimize
from scipy.sparse.linalg import spsolve

import wengert as wg

Rows = list[tuple[str, str, str]]
WIDTH, HEIGHT = 4, 3
JOINTS = np.array([(x, y) for x in range(WIDTH) for y in range(HEIGHT)], float)
#: Bars of up to the length sqrt(5); the joints of the left side are held.
BARS = np.array(
    [
        (i, j)
        for i, j in combinations(range(len(JOINTS)), 2)
        if np.gcd(*np.abs(JOINTS[j] - JOINTS[i]).astype(int)) == 1
        and np.hypot(*(JOINTS[j] - JOINTS[i])) < 2.3
    ]
)
SPANS = JOINTS[BARS[:, 1]] - JOINTS[BARS[:, 0]]
LENGTHS = np.hypot(*SPANS.T)
VOLUME, YOUNG = 10.0, 1.0


def stretches() -> sparse.csr_array:
    """The matrix from the moves of the free joints to the bars' changes of length."""
    rows = np.zeros((len(BARS), len(JOINTS), 2))
    for row, (i, j), way in zip(rows, BARS, SPANS / LENGTHS[:, None], strict=True):
        row[i], row[j] = -way, way
    return sparse.csr_array(rows[:, HEIGHT:].reshape(len(BARS), -1))


STRETCH = stretches()
#: A unit of force downwards, at the middle of the right side.
LOAD = np.zeros(STRETCH.shape[1])
LOAD[-3] = -1.0


def moves(areas: np.ndarray) -> np.ndarray:
    """How far the free joints move under the load."""
    stiffness = STRETCH.T @ sparse.diags_array(YOUNG * areas / LENGTHS) @ STRETCH
    return spsolve(stiffness.tocsc(), LOAD)


def work(areas: np.ndarray) -> np.ndarray:
    """The work of the load: the smaller, the stiffer the truss."""
    return LOAD @ moves(areas)


def optimise() -> OptimizeResult:
    """The areas of the least work, all but nothing where no bar is worth its weight."""
    even = np.full(len(BARS), VOLUME / np.sum(LENGTHS))
    weight = {
        "type": "eq",
        "fun": lambda a: LENGTHS @ a - VOLUME,
        "jac": lambda a: LENGTHS,
    }
    return minimize(
        wg.value_and_grad(work),
        even,
        jac=True,
        method="SLSQP",
        bounds=[(1e-6, None)] * len(BARS),
        constraints=weight,
        options={"maxiter": 300, "ftol": 1e-10},
    )


def least_work() -> float:
    """The least work there can be, by the lightest forces that hold the load."""
    pull_and_push = sparse.hstack([STRETCH.T, -STRETCH.T])
    forces = linprog(np.tile(LENGTHS, 2), A_eq=pull_and_push, b_eq=LOAD)
    return forces.fun**2 / (YOUNG * VOLUME)


def main() -> Rows:
    """Optimise; rows of (quantity, result, expected)."""
    found = optimise()
    even = work(np.full(len(BARS), VOLUME / np.sum(LENGTHS)))
    return [
        ("work with even bars", f"{even:.3f}", ""),
        (
            "with the best bars",
            f"{found.fun:.3f}",
            f"{least_work():.3f} (linear program)",
        ),
        ("bars that are left", f"{np.sum(found.x > 1e-3)} of {len(BARS)}", ""),
        ("calls", f"{found.nfev} and {found.njev}", "of the work and its gradient"),
    ]


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
