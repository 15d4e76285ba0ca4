"""A hidden Markov model of earthquakes: the forward algorithm and its gradient.

How many earthquakes of magnitude 7 or more the world had a year, 1900 to 2006: counts
whose rate jumps between hidden states (W. Zucchini and I. L. MacDonald, 2009, Hidden
Markov Models for Time Series, table 1.1; their chapter 3 has the likelihoods).  The
gradient by the log density of every count is the probability of every state in every
year: no backward algorithm is written.
"""

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import log_softmax, logsumexp
from scipy.stats import poisson

import wengert as wg

Rows = list[tuple[str, str, str]]
COUNTS = np.array(
    "13 14 8 10 16 26 32 27 18 32 36 24 22 23 22 18 25 21 21 14 8 11 14 23 18 17 19 20 "
    "22 19 13 26 13 14 22 24 21 22 26 21 23 24 27 41 31 27 35 26 28 36 39 21 17 22 17 "
    "19 15 34 10 15 22 18 15 20 15 22 19 16 30 27 29 23 20 16 21 21 25 16 18 15 18 14 "
    "10 15 8 15 6 11 8 7 18 16 13 12 13 20 15 16 12 18 15 16 13 15 16 11 11".split(),
    float,
)
#: Minus the greatest log-likelihoods of two and three states, as published.
PUBLISHED = {2: 342.3183, 3: 329.4603}
#: Where the fits start: counts a year.
STARTS = {2: [15.0, 25.0], 3: [12.0, 20.0, 30.0]}


def unpack(parameters: np.ndarray, states: int) -> tuple[np.ndarray, np.ndarray]:
    """The rate of every state, and the logarithms of the probabilities to move."""
    moves = np.zeros((states, states))
    moves[~np.eye(states, dtype=bool)] = parameters[states:]
    return np.exp(parameters[:states]), log_softmax(moves, axis=1)


def forward(log_moves: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """The log-likelihood, from the stationary distribution of the states on."""
    ones = np.ones(len(log_moves))
    stationary = np.linalg.solve((np.eye(len(ones)) - np.exp(log_moves) + 1.0).T, ones)
    alpha = np.log(stationary) + log_density[0]
    for row in log_density[1:]:
        alpha = logsumexp(alpha[:, None] + log_moves, axis=0) + row
    return logsumexp(alpha)


def fit(states: int) -> OptimizeResult:
    """SciPy's optimum; `fun` is minus the log-likelihood."""

    def objective(parameters: np.ndarray) -> np.ndarray:
        rates, log_moves = unpack(parameters, states)
        return -forward(log_moves, poisson.logpmf(COUNTS[:, None], rates))

    start = np.concatenate([np.log(STARTS[states]), np.full(states**2 - states, -2.0)])
    return minimize(wg.value_and_grad(objective), start, jac=True)


def state_probabilities(parameters: np.ndarray, states: int) -> np.ndarray:
    """The probability of every state in every year given all counts."""
    rates, log_moves = unpack(parameters, states)
    return wg.grad(forward, 1)(log_moves, poisson.logpmf(COUNTS[:, None], rates))


def main() -> Rows:
    """Fit two and three states; rows of (quantity, result, expected)."""
    rows = []
    for states, published in PUBLISHED.items():
        found = fit(states)
        rates = unpack(found.x, states)[0]
        busy = state_probabilities(found.x, states)[:, -1] > 0.5
        name = f"{states} states"
        rows += [
            (f"{name}: log-likelihood", f"{-found.fun:.4f}", f"{-published}"),
            (f"{name}: earthquakes a year", str(np.round(rates, 2)), ""),
            (f"{name}: years of the busiest", str(np.sum(busy)), ""),
        ]
    return rows


if __name__ == "__main__":
    for row in main():
        print(*row, sep="\t")
