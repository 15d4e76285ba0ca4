"""Laplace's approximation: random effects are integrated out of a likelihood.

The inner search, its Hessian and the derivative of the determinant go by the sparse
Hessian of the random effects, of which one factor is made at every point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.api import grad, hessian, jacobian, value_and_grad
from wengert.capture.array import is_active
from wengert.core.types import Array
from wengert.errors import ArgumentError, DerivativeError, explain
from wengert.execute.jit import jit
from wengert.structure.black_box import black_box

Function = Callable[..., Any]
#: Steps of the inner search, halvings of one of them, and the least decrease, as a
#: share of what the slope promises, that a step is taken for.
MOST_STEPS, MOST_HALVINGS, PROMISED = 100, 40, 1e-4
#: The decrease that Newton's step promises, relative to the value, below which the
#: search is over: the next step would be of the size of rounding errors.
DONE = 1e-20
#: Relative step of differences of the exact gradient: the third root of the precision.
STEP = 6e-6


def laplace(fun: Function, random: int = 1) -> Laplace:
    """Return a negative log-likelihood with its random effects integrated out.

    Parameters
    ----------
    fun : callable
        ``fun(parameters, effects) -> number``, in NumPy: the negative logarithm of the
        joint density of the data and the random effects.
    random : int, default 1
        Which of the two arguments, counted from 0, are the random effects.

    Returns
    -------
    Laplace
        Of ``(parameters, start)``, where the search for the likeliest effects starts.

    See Also
    --------
    hessian, problem

    Notes
    -----
    With the likeliest effects u of parameters p and the Hessian H of `fun` by them, it
    is ``fun(p, u) + log(det(H)) / 2 - u.size * log(2 * pi) / 2``: K. Kristensen,
    A. Nielsen, C. W. Berg, H. Skaug, B. M. Bell, "TMB: Automatic Differentiation and
    Laplace Approximation", Journal of Statistical Software 70 (2016), section 2.  It is
    exact where the effects are Gaussian.

    Cost: A factor of a sparse matrix for every step of the inner search.  A gradient
    takes one more, the entries of its inverse where the factor has any, and one sweep
    over the entries of the Hessian.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import laplace
    >>> data = np.array([1.0, 2.0, 4.0])
    >>> def joint(p, u):
    ...     return np.sum((data - p[0] - u) ** 2 + u**2) / 2
    >>> fit = laplace(joint).fit(np.zeros(1), np.zeros(3))
    >>> np.round(fit.x, 4), np.round(fit.errors.parameters, 4)
    (array([2.3333]), array([0.8165]))
    """
    return Laplace(fun, random)


class Errors(NamedTuple):
    """Standard errors, and the covariance of the parameters.

    Attributes
    ----------
    parameters, effects : array
        Standard errors, of the shapes of both.
    covariance : array, shape (p, p)
    """

    parameters: Array
    effects: Array
    covariance: Array


class Laplace:
    """A negative log-likelihood without its random effects; see `laplace`.

    Parameters
    ----------
    fun, random
        As `laplace` has them.
    """

    def __init__(self, fun: Function, random: int = 1) -> None:
        if random not in (0, 1):
            raise ArgumentError(
                explain(
                    f"laplace was given random={random!r}",
                    "it says which of the two arguments are the random effects",
                    "random=0 or random=1",
                )
            )

        def joint(parameters: Any, effects: Any) -> Any:
            given = (effects, parameters) if random == 0 else (parameters, effects)
            return fun(*given)

        second: Any = hessian(joint, 1, sparse=True, pattern="grow")

        def weighted(weights: Any, parameters: Any, effects: Any) -> Any:
            return np.sum(weights * second.products.at(parameters, effects)[1])

        def slope(direction: Any, parameters: Any, effects: Any) -> Any:
            return np.sum(direction * grad(joint, 1)(parameters, effects))

        # What both read from outside is what the function reads.
        weighted.__wrapped__ = slope.__wrapped__ = fun  # type: ignore[attr-defined]
        self.joint, self.second = joint, second
        self.by_effects = jit(value_and_grad(joint, 1))
        self.by_parameters = jit(grad(joint, 0))
        self.of_entries = jit(grad(weighted, (1, 2)))
        self.of_slope = jit(grad(slope, 1))
        self.mixed = jit(jacobian(grad(joint, 1), 0))

        def value(parameters: Any, start: Any) -> float:
            return self.at(parameters, start).value

        def slope_of_value(parameters: Any, start: Any) -> Array:
            return self.at(parameters, start).gradient()

        first = black_box(slope_of_value)  # it has no derivatives itself

        def slopes(parameters: Any, start: Any) -> tuple[Any, Array]:
            return first(parameters, start), np.zeros(np.shape(start))

        self.recorded = black_box(value, slopes)

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree: one is made for each."""
        return [self.joint]

    def __call__(self, parameters: Any, start: Any) -> float:
        """Return the value; of what is recorded as one node, with a gradient."""
        if is_active((parameters, start)):
            return self.recorded(parameters, start)
        return self.at(parameters, start).value

    def mode(self, parameters: Any, start: Any) -> Array:
        """Return the likeliest random effects."""
        return self.at(parameters, start).effects

    def value_and_gradient(self, parameters: Any, start: Any) -> tuple[float, Array]:
        """Return the value, and its derivative by the parameters."""
        at = self.at(parameters, start)
        return at.value, at.gradient()

    def at(self, parameters: Any, start: Any) -> Mode:
        """Return the likeliest effects of parameters, by Newton's method.

        Raises
        ------
        DerivativeError
            Where the search does not end at a least value with a regular Hessian.
        """
        parameters, effects = np.asarray(parameters, float), np.array(start, float)
        value, slopes = self.by_effects(parameters, effects)
        for _ in range(MOST_STEPS):
            factor = self.factor(parameters, effects)
            step = -factor.solve(slopes.ravel()).reshape(effects.shape)
            promised = float(np.sum(slopes * step))
            if not -promised > DONE * (1.0 + abs(value)):
                return Mode(self, parameters, effects, float(value), factor)
            length = 1.0
            for _ in range(MOST_HALVINGS):
                tried = effects + length * step
                lower, others = self.by_effects(parameters, tried)
                if lower <= value + PROMISED * length * promised + 1e-15 * abs(value):
                    break
                length /= 2
            else:
                break
            effects, value, slopes = tried, lower, others
        raise DerivativeError(
            explain(
                f"the likeliest random effects were not found in {MOST_STEPS} steps",
                "the negative log-likelihood has no least value where the search goes",
                "a start that is closer to it, or other parameters",
            )
        )

    def factor(self, parameters: Array, effects: Array) -> Factor:
        """Return the factor of the Hessian; where it bends down, of a convex one."""
        matrix = self.second(parameters, effects)
        added = 0.0
        while True:
            factor = Factor.of(matrix, added)
            if factor is not None:
                return factor
            scale = np.abs(matrix.data).max(initial=1.0)
            added = max(10 * added, 1e-6 * float(scale))

    def fit(
        self, parameters: Any, start: Any, method: str = "BFGS", **options: Any
    ) -> Any:
        """Return the likeliest parameters, by a method of `scipy.optimize.minimize`.

        Parameters
        ----------
        parameters : array
        start : array
            Effects that the search starts from; then from those found before.
        method : str
        **options
            Keywords of SciPy's: bounds, tol, callback, options.

        Returns
        -------
        OptimizeResult
            With ``effects``, the likeliest ones, and ``errors``, standard errors.
        """
        from scipy import optimize

        last = [np.array(start, float)]
        first = np.asarray(parameters, float)

        def both(p: Array) -> tuple[float, Array]:
            at = self.at(p.reshape(first.shape), last[0])
            last[0] = at.effects
            return at.value, at.gradient().ravel()

        found = optimize.minimize(
            both, first.ravel(), jac=True, method=method, **options
        )
        found.x = found.x.reshape(first.shape)
        found.effects = self.mode(found.x, last[0])
        found.errors = self.errors(found.x, found.effects)
        return found

    def errors(self, parameters: Any, start: Any) -> Errors:
        """Return standard errors of the parameters and of the effects.

        Parameters
        ----------
        parameters : array, shape (p,)
            The likeliest ones.
        start : array

        Notes
        -----
        The covariance of the parameters is the inverse of the Hessian, differences of
        the exact gradient; an effect moves with them, and has its own.
        """
        at = self.at(parameters, start)
        covariance = self.covariance(at)
        moves = at.moves()
        own = at.factor.inverse().diagonal()
        own = own + np.einsum("ij,jk,ik->i", moves, covariance, moves)
        return Errors(
            np.sqrt(np.diag(covariance)).reshape(at.parameters.shape),
            np.sqrt(own).reshape(at.effects.shape),
            covariance,
        )

    def delta(self, fun: Function, parameters: Any, start: Any) -> tuple[Array, Array]:
        """Return a function of parameters and effects, and its standard errors.

        Parameters
        ----------
        fun : callable
            ``fun(parameters, effects) -> array``.
        parameters : array, shape (p,)
            The likeliest ones.
        start : array

        Returns
        -------
        value, errors : array
            Errors by the delta method.
        """
        at = self.at(parameters, start)
        given = at.parameters, at.effects
        value = np.asarray(fun(*[part.copy() for part in given]), float)
        first, second = (
            np.reshape(part, (value.size, -1)) for part in jacobian(fun, (0, 1))(*given)
        )
        moved = first + second @ at.moves()
        own = np.einsum("ij,ji->i", second, at.factor.solve(second.T))
        whole = own + np.einsum("ij,jk,ik->i", moved, self.covariance(at), moved)
        return value, np.sqrt(whole).reshape(value.shape)

    def covariance(self, at: Mode) -> Array:
        """Return the inverse of the Hessian by the parameters."""
        flat = at.parameters.ravel()
        rows = []
        for k in range(flat.size):
            step = np.zeros(flat.size)
            step[k] = STEP * max(1.0, abs(flat[k]))
            ends = [
                self.at((flat + way * step).reshape(at.parameters.shape), at.effects)
                for way in (1.0, -1.0)
            ]
            up, down = (end.gradient().ravel() for end in ends)
            rows.append((up - down) / (2 * step[k]))
        bent = (np.array(rows) + np.array(rows).T) / 2
        if np.linalg.eigvalsh(bent).min(initial=1.0) <= 0.0:
            raise DerivativeError(
                explain(
                    "the parameters have no standard errors",
                    "the likelihood has no curvature along one of them: they are not "
                    "the likeliest ones, or the data do not determine them",
                    "the parameters of laplace(f).fit(...), or fewer of them",
                )
            )
        return np.linalg.inv(bent)


class Mode:
    """The likeliest effects of parameters, and what follows from them.

    Parameters
    ----------
    of : Laplace
    parameters, effects : array
    joint : float
        The value with the effects.
    factor : Factor
    """

    def __init__(
        self, of: Laplace, parameters: Array, effects: Array, joint: float, factor: Any
    ) -> None:
        if factor.added:
            raise DerivativeError(
                explain(
                    "the Hessian of the random effects is not positive definite",
                    "the effects where its slope vanishes are not the likeliest ones, "
                    "or are not determined",
                    "another start, or a density of the effects",
                )
            )
        self.of, self.parameters, self.effects = of, parameters, effects
        self.factor = factor
        half = factor.half_log() - effects.size * float(np.log(2 * np.pi)) / 2
        self.value: float = joint + half

    def gradient(self) -> Array:
        """Return the derivative of the value by the parameters."""
        of, given = self.of, (self.parameters, self.effects)
        pattern = of.second.products.structure
        inverse = self.factor.inverse()
        weights = np.asarray(inverse[pattern.rows, pattern.columns]).ravel() / 2
        by_parameters, by_effects = of.of_entries(weights, *given)
        moved = self.factor.solve(np.ravel(by_effects)).reshape(self.effects.shape)
        found = of.by_parameters(*given) + by_parameters - of.of_slope(moved, *given)
        return np.asarray(found)

    def moves(self) -> Array:
        """Return the derivative of the effects by the parameters, a matrix."""
        mixed = self.of.mixed(self.parameters, self.effects)
        moves: Array = -self.factor.solve(np.reshape(mixed, (self.effects.size, -1)))
        return moves


class Factor:
    """A positive definite sparse matrix as ``L @ D @ L.T``, its columns in an order.

    Parameters
    ----------
    lower : csc_array, shape (n, n)
        L, with ones on its diagonal and sorted columns.
    diagonal : array, shape (n,)
    order : array of int
        The places of rows and columns among those of the factor.
    solve : callable
    added : float
        The multiple of one that was added to the matrix.
    """

    def __init__(
        self, lower: Any, diagonal: Array, order: Array, solve: Any, added: float
    ) -> None:
        self.lower, self.diagonal, self.order = lower, diagonal, order
        self.solve, self.added = solve, added

    @classmethod
    def of(cls, matrix: Any, added: float) -> Factor | None:
        """Return the factor of a matrix; None where it is not positive definite."""
        from scipy.sparse import csc_array, eye_array
        from scipy.sparse.linalg import splu

        whole = csc_array(matrix)
        if added:
            whole = csc_array(whole + added * eye_array(whole.shape[0]))
        how = {"SymmetricMode": True}
        try:
            found = splu(
                whole,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options=how,
            )
        except RuntimeError:  # SciPy's: a pivot is zero
            return None
        diagonal = found.U.diagonal()
        if not (np.all(diagonal > 0) and np.array_equal(found.perm_r, found.perm_c)):
            return None
        lower = csc_array(found.L)
        lower.sort_indices()
        return cls(lower, diagonal, found.perm_c, found.solve, added)

    def half_log(self) -> float:
        """Return half the logarithm of the determinant."""
        return float(np.sum(np.log(self.diagonal)) / 2)

    def inverse(self) -> Any:
        """Return the entries of the inverse where the factor has any, in CSR.

        K. Takahashi, J. Fagan, M. S. Chin, "Formation of a sparse bus impedance matrix
        and its application to short circuit study", 1973: column by column from the
        last one, of entries that are known then.
        """
        from scipy.sparse import csr_array

        lower, n = self.lower, len(self.diagonal)
        rows, starts = lower.indices.astype(np.int64), lower.indptr
        columns = np.repeat(np.arange(n), np.diff(starts))
        keys = columns * n + rows  # sorted
        found = np.zeros(len(keys))
        for k in range(n - 1, -1, -1):
            first, stop = starts[k], starts[k + 1]
            below, ratios = rows[first + 1 : stop], lower.data[first + 1 : stop]
            low = np.minimum.outer(below, below)
            high = np.maximum.outer(below, below)
            block = found[np.searchsorted(keys, low * n + high)]
            column = -(block @ ratios)
            found[first + 1 : stop] = column
            found[first] = 1.0 / self.diagonal[k] - column @ ratios
        back = np.argsort(self.order)
        i, j, apart = back[rows], back[columns], rows != columns
        entries = np.concatenate([found, found[apart]])
        places = np.concatenate([i, j[apart]]), np.concatenate([j, i[apart]])
        return csr_array((entries, places), shape=(n, n))
