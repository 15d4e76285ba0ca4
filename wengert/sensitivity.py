"""How the solution of an optimisation problem moves with its parameters.

Where the solution is regular and its multipliers are not zero, the conditions that it
meets (Karush, Kuhn and Tucker's) are equations, and their Jacobian is factored once.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from wengert.api import grad, jacobian
from wengert.core.types import Array
from wengert.errors import ArgumentError, DerivativeError, explain

#: Condition from which a matrix is taken to be singular.
SINGULAR = 1e14


class Sensitivity:
    """A solution's derivatives by the parameters of its problem.

    Parameters
    ----------
    problem : Problem
        With parameters.
    x : array, shape (n,)
        Its solution.
    tolerance : float
        How far, relatively, x and g(x) may be from a limit that they are said to lie
        at, and the conditions of a solution from being met.

    Attributes
    ----------
    multipliers : array, shape (m,)
        Those of the constraints; negative at a lower limit, zero between the limits.
    bound_multipliers : array, shape (n,)
        The same of the bounds of x.
    value : array, shape of the parameters
        Derivative of the objective at the solution.
    x : array, shape (n,) + that of the parameters
        Derivative of the solution.
    multipliers_by_parameters : array, shape (m,) + that of the parameters
        Derivative of the constraints' multipliers.

    Raises
    ------
    ArgumentError
        If the problem has no parameters.
    DerivativeError
        If x is not a solution; if a limit is reached whose multiplier is zero, so that
        the solution has another derivative to each side; or if the solution is not
        regular.

    Notes
    -----
    With the Lagrangian ``L = f + multipliers @ g``, rows of the limits that are reached
    and columns of the x that are free, the derivatives solve ``[[L_xx, g_x.T], [g_x,
    0]] @ [x_p, multipliers_p] = -[L_xp, g_p]``: A. V. Fiacco, "Introduction to
    Sensitivity and Stability Analysis in Nonlinear Programming", 1983, section 3.2.

    Cost: One factorization of a sparse matrix; a solve a parameter for `x`, one for
    `gradient`.
    """

    def __init__(self, problem: Any, x: Any, tolerance: float = 1e-5) -> None:
        if problem.parameters is None:
            raise ArgumentError(
                explain(
                    "the sensitivity of a problem without parameters",
                    "its solution depends on nothing",
                    "problem(fun, constraints, bounds, parameters=p), with fun(x, p)",
                )
            )
        self.problem, self.at = problem, np.asarray(x, float)
        self.parameters = problem.parameters
        self.shape = np.shape(self.parameters)
        low, high, lower, upper = problem.limits(self.at)
        values = problem.constraints(self.at)
        bounds = reached(self.at, low, high, tolerance)
        limits = reached(values, lower, upper, tolerance)
        self.free = np.flatnonzero(bounds == FREE)
        self.rows = np.flatnonzero(limits != FREE)
        self.slopes = problem.jacobian(self.at).tocsc()
        self.reduced = self.slopes[self.rows][:, self.free]
        gradient = problem.gradient(self.at)
        scale = tolerance * (1.0 + np.abs(gradient).max(initial=0.0))
        self.multipliers = np.zeros(len(values))
        self.multipliers[self.rows] = self.balanced(gradient, scale)
        self.bound_multipliers = -(gradient + self.slopes.T @ self.multipliers)
        self.bound_multipliers[self.free] = 0.0
        check_signs("constraint", self.multipliers, limits, scale)
        check_signs("bound of x", self.bound_multipliers, bounds, scale)
        curves = problem.hessian(self.at, self.multipliers).tocsc()
        self.solve = factored(
            curves[self.free][:, self.free],
            self.reduced,
            "has no curvature along the constraints that it reaches",
        )

    def balanced(self, gradient: Array, scale: float) -> Array:
        """Return the multipliers with which the gradient of the Lagrangian vanishes."""
        from scipy.sparse import eye_array

        wanted = np.concatenate([-gradient[self.free], np.zeros(len(self.rows))])
        solve = factored(
            eye_array(len(self.free)),
            self.reduced,
            "reaches constraints whose gradients depend on each other",
        )
        left, found = np.split(solve(wanted), [len(self.free)])
        worst = np.abs(left).max(initial=0.0)
        if worst > scale:
            raise DerivativeError(
                explain(
                    f"x is not a solution: the Lagrangian has the slope {worst:.2g}",
                    "the derivatives of a solution follow from the conditions it meets",
                    "a smaller tolerance of the solver, or a larger tolerance= here",
                )
            )
        return found

    @cached_property
    def mixed(self) -> Any:
        """The derivatives of what is solved by the parameters, a sparse array."""
        of = self.problem

        def conditions(parameters: Any) -> Any:
            slopes = grad(of.lagrangian)(self.at, self.multipliers, 1.0, parameters)
            both = slopes[self.free], of.stacked(self.at, parameters)[self.rows]
            return np.concatenate(both)

        return jacobian(conditions, sparse=True)(self.parameters)

    @property
    def x(self) -> Array:
        """Derivative of the solution by the parameters."""
        return self.both[0]

    @property
    def multipliers_by_parameters(self) -> Array:
        """Derivative of the constraints' multipliers by the parameters."""
        return self.both[1]

    @cached_property
    def both(self) -> tuple[Array, Array]:
        """Derivatives of the solution and of the multipliers."""
        found = self.solve(-self.mixed.toarray())
        n, m, columns = len(self.at), len(self.multipliers), found.shape[1]
        x, multipliers = np.zeros((n, columns)), np.zeros((m, columns))
        x[self.free], multipliers[self.rows] = np.split(found, [len(self.free)])
        return x.reshape(n, *self.shape), multipliers.reshape(m, *self.shape)

    @cached_property
    def value(self) -> Any:
        """Derivative of the objective at the solution: that of the Lagrangian."""
        by_parameters = grad(self.problem.lagrangian, argnums=3)
        return by_parameters(self.at, self.multipliers, 1.0, self.parameters)

    def gradient(self, slopes: Any) -> Array:
        """Return the derivative of a function of the solution by the parameters.

        Parameters
        ----------
        slopes : array, shape (n,)
            Its derivative by x.

        Returns
        -------
        array, shape of the parameters
        """
        given = np.concatenate(
            [np.asarray(slopes, float)[self.free], np.zeros(len(self.rows))]
        )
        return np.reshape(-(self.mixed.T @ self.solve(given)), self.shape)


#: Where a number lies: between its limits, at one, or at both, which are equal.
FREE, LOWER, UPPER, FIXED = range(4)


def reached(values: Array, low: Array, high: Array, tolerance: float) -> Array:
    """Return where numbers lie between their limits."""
    found = np.full(len(values), FREE)
    for limit, place in ((low, LOWER), (high, UPPER)):
        is_there = np.isfinite(limit)
        near = np.abs(values - np.where(is_there, limit, 0.0))
        found[is_there & (near <= tolerance * (1.0 + np.abs(limit)))] = place
    found[low == high] = FIXED
    return found


def check_signs(what: str, multipliers: Array, limits: Array, scale: float) -> None:
    """Raise where a limit is reached whose multiplier does not say so."""
    pushed = np.where(limits == LOWER, -multipliers, multipliers)
    is_limit = (limits == LOWER) | (limits == UPPER)
    wrong = np.flatnonzero(is_limit & (pushed <= scale))
    if wrong.size:
        k = int(wrong[0])
        raise DerivativeError(
            explain(
                f"{what} {k} lies at its limit with a multiplier of {pushed[k]:.2g}",
                "it is not positive, so that the limit holds for parameters to one "
                "side alone, and the solution has another derivative to each",
                "other parameters; or, where x is near the limit but not at it, a "
                "smaller tolerance=",
            )
        )


def factored(top: Any, rows: Any, what: str) -> Any:
    """Return what solves ``[[top, rows.T], [rows, 0]]``, or say why it is singular."""
    from scipy.sparse import block_array, csc_array
    from scipy.sparse.linalg import LinearOperator, norm, onenormest, splu

    empty = csc_array((rows.shape[0],) * 2)
    matrix = block_array([[top, rows.T], [rows, empty]], format="csc")
    if not matrix.shape[0]:
        return np.copy
    try:
        solve = splu(matrix).solve
        inverse = LinearOperator(matrix.shape, solve, solve, dtype=float)
        is_singular = norm(matrix, 1) * onenormest(inverse) > SINGULAR
    except RuntimeError:  # SciPy's: a pivot is zero
        is_singular = True
    if is_singular:
        raise DerivativeError(
            explain(
                f"the solution is not regular: it {what}",
                "its derivatives are not determined by the conditions that it meets",
                "a problem without constraints that follow from others, or with a "
                "small multiple of x @ x in its objective",
            )
        )
    return solve
