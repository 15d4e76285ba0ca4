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
#: Numbers up to which eigenvalues are found of the whole matrix, and the relative size
#: of those that are zero.
DENSE, ROUNDING = 64, 1e-10
TINY = np.finfo(float).tiny


class Sensitivity:
    """A solution's derivatives by the parameters of its problem.

    Parameters
    ----------
    problem : Problem
        With parameters.
    x : array, shape (n,)
        Its solution.
    tolerance : float
        How far, relatively, x may be from the solution, and x and g(x) from a limit
        that they are said to lie at.

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
        If x is not a solution: outside of a limit, further than the tolerance from
        where the conditions are met, or no minimum; if a limit is reached whose
        multiplier is zero, so that the solution has another derivative to each side; or
        if the solution is not regular.

    Notes
    -----
    With the Lagrangian ``L = f + multipliers @ g``, rows of the limits that are reached
    and columns of the x that are free, the derivatives solve ``[[L_xx, g_x.T], [g_x,
    0]] @ [x_p, multipliers_p] = -[L_xp, g_p]``: A. V. Fiacco, "Introduction to
    Sensitivity and Stability Analysis in Nonlinear Programming", 1983, section 3.2.

    Cost: One factorization of a sparse matrix, and some tens of solves that tell
    whether it is a minimum; a solve a parameter for `x`, one for `gradient`.
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
        self.parameters, self.tolerance = problem.parameters, tolerance
        self.shape = np.shape(self.parameters)
        low, high, lower, upper = problem.limits(self.at)
        values = problem.constraints(self.at)
        check_within("x", self.at, low, high, tolerance)
        check_within("constraint", values, lower, upper, tolerance)
        bounds = reached(self.at, low, high, tolerance)
        limits = reached(values, lower, upper, tolerance)
        self.free = np.flatnonzero(bounds == FREE)
        self.rows = np.flatnonzero(limits != FREE)
        self.slopes = problem.jacobian(self.at).tocsc()
        self.reduced = self.slopes[self.rows][:, self.free]
        gradient = problem.gradient(self.at)
        self.multipliers = np.zeros(len(values))
        self.multipliers[self.rows] = self.balanced(gradient)
        left = gradient + self.slopes.T @ self.multipliers
        self.bound_multipliers = -left
        self.bound_multipliers[self.free] = 0.0
        curves = problem.hessian(self.at, self.multipliers).tocsc()
        self.check_complementary(gradient, curves.diagonal(), limits, bounds)
        self.solve = factored(
            curves[self.free][:, self.free],
            self.reduced,
            "has no curvature along the constraints that it reaches",
        )
        ends = np.where(limits == UPPER, upper, lower)
        missing = (values - ends)[self.rows]
        self.check_solved(np.concatenate([left[self.free], missing]))
        self.check_minimum()

    def balanced(self, gradient: Array) -> Array:
        """Return the multipliers with which the gradient of the Lagrangian is least."""
        from scipy.sparse import eye_array

        wanted = np.concatenate([-gradient[self.free], np.zeros(len(self.rows))])
        solve = factored(
            eye_array(len(self.free)),
            self.reduced,
            "reaches constraints whose gradients depend on each other",
        )
        return solve(wanted)[len(self.free) :]  # type: ignore[no-any-return]

    def check_complementary(
        self, gradient: Array, curves: Array, limits: Array, bounds: Array
    ) -> None:
        """Raise where a limit is reached whose multiplier does not say so.

        It is compared with what the slopes change by over a move of x by its own size,
        and with what they are made of: it has no scale of its own.
        """
        each = abs(self.slopes.T) @ np.abs(self.multipliers)
        scale = np.abs(curves) * (1.0 + np.abs(self.at)) + each
        of_rows = abs(self.slopes).multiply(scale + np.abs(gradient)).max(axis=1)
        sizes = abs(self.slopes).power(2).max(axis=1)
        rows = of_rows.toarray().ravel() / np.maximum(sizes.toarray().ravel(), TINY)
        check_signs("constraint", self.multipliers, limits, self.tolerance * rows)
        check_signs(
            "bound of x", self.bound_multipliers, bounds, self.tolerance * scale
        )

    def check_solved(self, left: Array) -> None:
        """Raise where a step of Newton's method would lead away from x."""
        step = np.abs(self.solve(-left)[: len(self.free)])
        worst = (step / (1.0 + np.abs(self.at[self.free]))).max(initial=0.0)
        if not worst <= self.tolerance:
            raise DerivativeError(
                explain(
                    f"x is not a solution: one is {worst:.2g} away, relatively",
                    "the derivatives of a solution follow from the conditions it meets",
                    "a smaller tolerance of the solver, or a larger tolerance= here",
                )
            )

    def check_minimum(self) -> None:
        """Raise where the Lagrangian bends down along the constraints.

        The solutions for slopes of x alone are a symmetric matrix, of the inverses of
        the curvatures there.
        """
        n, m = len(self.free), len(self.rows)

        def inverse(slopes: Array) -> Array:
            given = np.concatenate([np.ravel(slopes), np.zeros(m)])
            return self.solve(given)[:n]  # type: ignore[no-any-return]

        if least_eigenvalue(inverse, n) < 0.0:
            raise DerivativeError(
                explain(
                    "x is no minimum: the Lagrangian bends down along the constraints",
                    "the conditions that it meets are those of a saddle or a maximum",
                    "another start of the solver; fun is what is made least",
                )
            )

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


def check_within(
    what: str, values: Array, low: Array, high: Array, tolerance: float
) -> None:
    """Raise where numbers lie outside of their limits."""
    for limit, side in ((low, -1.0), (high, 1.0)):
        slack = tolerance * (1.0 + np.abs(limit))
        outside = np.flatnonzero(~(side * (values - limit) <= slack))
        if outside.size:
            k = int(outside[0])
            raise DerivativeError(
                explain(
                    f"x is not a solution: {what} {k} is {values[k]:.6g}, and its "
                    f"limit {limit[k]:.6g}",
                    "the derivatives of a solution follow from the conditions it meets",
                    "the x that a solver gives, at these parameters; or a larger "
                    "tolerance=",
                )
            )


def check_signs(what: str, multipliers: Array, limits: Array, scale: Array) -> None:
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


def least_eigenvalue(product: Any, n: int) -> float:
    """Return the least eigenvalue of a symmetric matrix; 0 for one that is rounding.

    Parameters
    ----------
    product : callable
        Its product with a vector of n numbers.
    n : int
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    if n <= DENSE:
        matrix = np.array([product(row) for row in np.eye(n)]).reshape(n, n)
        found = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    else:
        operator = LinearOperator((n, n), product, dtype=float)
        try:
            found = eigsh(operator, 2, which="BE", return_eigenvectors=False, tol=1e-6)
        except ArpackNoConvergence as error:
            found = error.eigenvalues
    is_rounding = found > -ROUNDING * np.abs(found).max(initial=0.0)
    return float(np.where(is_rounding, 0.0, found).min(initial=0.0))


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
