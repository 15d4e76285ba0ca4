"""An optimisation problem as one object: all its derivatives, compiled and sparse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.core.types import Array, is_array
from wengert.errors import ArgumentError, UnsupportedError, WengertError, explain
from wengert.execute.report import native_text
from wengert.execute.shared import Shared
from wengert.execute.sparse import OutsideError
from wengert.sensitivity import Sensitivity
from wengert.structure.optimize import (
    BOUNDED,
    CONSTRAINED,
    HESSIANS,
    PRODUCTS,
    VALUES,
)

Function = Callable[..., Any]
#: Points in a row at which slopes followed values, before both are computed at once.
FOLLOWED = 2


def problem(
    fun: Function, constraints: Any = (), bounds: Any = None, parameters: Any = None
) -> Problem:
    """Return an optimisation problem with all derivatives that solvers ask for.

    Minimize ``fun(x)`` where ``lower <= g(x) <= upper`` and x is within its bounds.

    Parameters
    ----------
    fun : callable
        ``fun(x) -> number``, in NumPy, of x of shape (n,).
    constraints : tuple ``(g, lower, upper)``, or a sequence of such
        ``g(x) -> array``; the limits are numbers or arrays of its size, equal for
        equations.  SciPy's constraints (`NonlinearConstraint`, `LinearConstraint`, and
        dictionaries of ``type``, ``fun`` and ``args``) are taken too.
    bounds : tuple ``(low, high)``, or as SciPy has them, optional
        The lowest and the highest x, numbers or arrays; or `scipy.optimize.Bounds`; or
        a list of pairs, one for each x, None in them for no bound.  None by default.
    parameters : number, array, or nested containers of them, optional
        What `fun` and each g are given besides: ``fun(x, parameters)``.

    Returns
    -------
    Problem

    See Also
    --------
    jacobian, hessian, Sensitivity

    Notes
    -----
    Cost: The first two calls run the functions, record them once for all derivatives,
    and find the patterns; then native code is made of what is asked for together: value
    and constraints; gradient and Jacobian with them; the Hessian.  What was computed
    at the last x is kept, and where slopes follow values again and again, both are
    computed at once.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import problem
    >>> p = problem(lambda x: np.sum(x**2), (lambda x: x[0] * x[1:], 1.0, np.inf))
    >>> p.jacobian(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [3., 0., 1.]])
    """
    return Problem(fun, constraints, bounds, parameters)


class Problem:
    """An optimisation problem with its derivatives: plain callbacks for any solver.

    Parameters
    ----------
    fun, constraints, bounds, parameters
        As `problem` has them.
    """

    def __init__(
        self, fun: Function, constraints: Any, bounds: Any, parameters: Any = None
    ) -> None:
        self.fun, self.parts = fun, parts_of(constraints)
        self.bounds = bounds
        self._shared = Shared(self.both, is_second=False)
        self._structure: Any = None
        self.parameters = parameters

    @property
    def parameters(self) -> Any:
        """What the functions are given besides x; None for nothing."""
        return None if self._structure is None else self._with(self.args)[0]

    @parameters.setter
    def parameters(self, given: Any) -> None:
        """Take other parameters; nothing is compiled anew for those of one shape."""
        leaves, structure = ([], None) if given is None else tree.flatten(given)
        if structure != self._structure:
            self._shared = Shared(self.both, self._shared.is_second)
        self._structure = structure
        self.args = tuple([as_numbers(leaf, "parameters")[()] for leaf in leaves])
        self._last: tuple[bytes, Any] = b"", None
        self._last_slopes: tuple[bytes, Any] = b"", None
        #: At how many points in a row slopes were asked for, too, once values were; and
        #: whether they are still to come where values were asked for last.
        self._followed, self._is_open = 0, False
        self._zeros: tuple[int, Array] | None = None

    def _with(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the numbers of the parameters as the functions are given them."""
        if self._structure is None:
            return ()
        return (tree.unflatten(self._structure, list(args)),)

    def run(self, function: Function, x: Any, *args: Any) -> Any:
        """Return what a function gives of arguments that it may write into."""
        x, *own = [arg.copy() if np.ndim(arg) else arg for arg in (x, *args)]
        return function(x, *self._with(own))

    def cost(self, x: Any, *args: Any) -> Any:
        """Return the value; an array of one element is a number in a shape."""
        value = self.run(self.fun, x, *args)
        is_shaped = np.ndim(value) and np.size(value) == 1
        return np.reshape(value, ()) if is_shaped else value

    def stacked(self, x: Any, *args: Any) -> Any:
        """Return all constraints, one after another."""
        if not self.parts:
            return np.zeros(0)
        each = [self.run(g, x, *args) for g, _, _ in self.parts]
        return np.concatenate([np.reshape(part, (-1,)) for part in each])

    def both(self, x: Any, *args: Any) -> tuple[Any, Any]:
        """Return the value and all constraints."""
        return self.cost(x, *args), self.stacked(x, *args)

    def lagrangian(self, x: Any, multipliers: Any, weight: Any, *args: Any) -> Any:
        """Return ``weight * fun(x) + multipliers @ g(x)``."""
        value = weight * self.cost(x, *args)
        return value + multipliers @ self.stacked(x, *args) if self.parts else value

    # What solvers call

    def objective(self, x: Array) -> float:
        """Return the value at x."""
        return float(self.values(x)[0])

    def gradient(self, x: Array) -> Array:
        """Return the gradient at x, shape (n,)."""
        return self.value_and_gradient(x)[1]

    def value_and_gradient(self, x: Array) -> tuple[float, Array]:
        """Return both at x."""
        value, slopes = self.slopes(x)[:2]
        return float(value), np.array(slopes)

    def constraints(self, x: Array) -> Array:
        """Return the constraints at x, shape (m,)."""
        return np.array(self.values(x)[1])

    def jacobian(self, x: Array, out: Any = None) -> Any:
        """Return the Jacobian of the constraints, a CSR array of shape (m, n)."""
        data = self.slopes(x)[3]
        structure = self._shared.first
        if structure is None:
            from scipy.sparse import csr_array

            return csr_array((0, np.size(x)))
        return structure.matrix(data if out is not None else data.copy(), out)

    def hessian(
        self, x: Array, multipliers: Any = None, weight: float = 1.0, out: Any = None
    ) -> Any:
        """Return the Hessian of the Lagrangian, a CSR array of shape (n, n).

        Parameters
        ----------
        x : array, shape (n,)
        multipliers : array, shape (m,), optional
            Zeros by default.
        weight : float
            What the objective is multiplied by.
        out : scipy.sparse.csr_array, optional
            An earlier result that is refilled.
        """
        if not self._shared.is_second:
            self._shared = Shared(self.both, is_second=True)
        (data,) = self.called("curves", x, multipliers, weight)
        assert self._shared.second is not None
        return self._shared.second.matrix(data, out)

    # What was computed at the last x is kept

    def values(self, x: Array) -> tuple[Any, ...]:
        """Return the value and the constraints.

        Where a solver has asked for slopes at the same points again and again, as one
        does whose steps are taken, they are computed at once.
        """
        key = vector(x).tobytes()
        if key not in (self._last[0], self._last_slopes[0]):
            if self._is_open:
                self._followed = 0
            self._is_open = True
            if self._followed < FOLLOWED:
                self._last = key, self.called("values", x)
            else:
                self._last_slopes = key, self.called("slopes", x)
        if self._last_slopes[0] == key:
            value, _, constraints, _ = self._last_slopes[1]
            return value, constraints
        known: tuple[Any, ...] = self._last[1]
        return known

    def slopes(self, x: Array) -> tuple[Any, ...]:
        """Return value, gradient, constraints and entries of the Jacobian."""
        key = vector(x).tobytes()
        if self._is_open:
            self._followed, self._is_open = self._followed + 1, False
        if self._last_slopes[0] != key:
            self._last_slopes = key, self.called("slopes", x)
        known: tuple[Any, ...] = self._last_slopes[1]
        return known

    def called(
        self, part: str, x: Any, multipliers: Any = None, weight: float = 1.0
    ) -> Any:
        """Return a part of what is shared; where its structure lacks entries, anew."""
        x = vector(x)
        if multipliers is None:
            if self._zeros is None or self._zeros[0] != x.size:
                self._zeros = x.size, np.zeros(np.size(self.stacked(x, *self.args)))
            multipliers = self._zeros[1]
        given = x, np.asarray(multipliers, float), np.float64(weight), *self.args
        while True:
            try:
                return getattr(self._shared, part)(*given)
            except OutsideError as error:
                self._shared = self._shared.grown(error)

    def sensitivity(self, x: Any, tolerance: float = 1e-5) -> Sensitivity:
        """Return how a solution moves with the parameters.

        Parameters
        ----------
        x : array, shape (n,)
            A solution, as a solver gives it.
        tolerance : float
            How far, relatively, it may be from one.

        Returns
        -------
        Sensitivity
            ``.x`` is the derivative of the solution by the parameters.
        """
        if self._structure is not None and self._structure is not tree.LEAF:
            raise ArgumentError(
                explain(
                    "the sensitivity of a problem whose parameters are "
                    f"{tree.describe(self._structure)}",
                    "its results have an axis for the elements of one array",
                    "parameters=one array of them all, which the functions take apart",
                )
            )
        return Sensitivity(self, vector(x), tolerance)

    # What is known

    def limits(self, x: Array) -> tuple[Array, Array, Array, Array]:
        """Return the bounds of x, lower and upper, and those of the constraints."""
        x = vector(x)
        low, high = limits_of(self.bounds, x.size)
        low, high = between(low, high, x.size, "bounds of x", BOUNDS)
        sizes = [np.size(self.run(g, x, *self.args)) for g, _, _ in self.parts]
        self._zeros = x.size, np.zeros(sum(sizes))
        limits = [
            between(lower, upper, size, f"limits of constraint {number}", LIMITS)
            for number, ((_, lower, upper), size) in enumerate(
                zip(self.parts, sizes, strict=True)
            )
        ]
        none = np.zeros(0)
        lower, upper = (
            np.concatenate([none, *[ends[k] for ends in limits]]) for k in (0, 1)
        )
        return low, high, lower, upper

    def __str__(self) -> str:
        found = [f"problem: minimize {getattr(self.fun, '__name__', 'f')}"]
        for name, known in (
            ("Jacobian of the constraints", self._shared.first),
            ("Hessian of the Lagrangian", self._shared.second),
        ):
            text = "not yet asked for"
            if known is not None:
                text = str(known.colored).partition("\n")[0]
            found.append(f"  {name}: {text}")
        return "\n".join(found)

    def report(self) -> str:
        """Return what each call takes and does, as native code."""
        lines = []
        shared = self._shared
        for name, made in (
            ("value and constraints", shared.values),
            ("with the gradient and the Jacobian", shared.slopes),
            ("Hessian of the Lagrangian", shared.curves),
        ):
            for row in made.report().rows:
                seconds, why = row["seconds"]["call"], row["reason"] or row["waits"]
                how = why or native_text(row)
                lines.append(f"{name}: {seconds:.2g} s a call, {how}")
        return "\n".join(lines)

    # Solvers

    def minimize(
        self,
        x0: Any,
        method: Any = "trust-constr",
        *,
        tol: float | None = None,
        callback: Function | None = None,
        options: dict[str, Any] | None = None,
    ) -> Any:
        """Solve it by a method of `scipy.optimize.minimize`.

        Parameters
        ----------
        x0 : array, shape (n,)
        method : str
            With constraints ``"trust-constr"``, ``"SLSQP"``, ``"COBYLA"`` or
            ``"COBYQA"``; with bounds ``"L-BFGS-B"``, ``"TNC"``, ``"Nelder-Mead"`` and
            ``"Powell"`` too; any other without both.  It gets the derivatives that it
            wants; Hessians are sparse for ``"trust-constr"``, and where their products
            are all that it asks for.
        tol, callback, options
            As SciPy has them.

        Returns
        -------
        OptimizeResult

        Raises
        ------
        ArgumentError
            Where the method would leave out constraints or bounds.
        """
        from scipy import optimize

        x0 = vector(x0)
        low, high, lower, upper = self.limits(x0)
        is_bounded = bool(np.isfinite([low, high]).any())
        method = fitting(method, is_bounded, len(lower) > 0)
        wants = method.lower() if isinstance(method, str) else ""
        is_second = wants == "trust-constr"
        how: dict[str, Any] = {}
        kinds = [lower == upper, lower != upper]  # apart, in dense matrices
        if is_second:
            how = {"hess": lambda x, multipliers: self.hessian(x, multipliers, 0.0)}
            kinds = [np.full(len(lower), True)]

        def limited(rows: Array) -> Any:
            def slopes(x: Array) -> Any:
                found = self.jacobian(x)[rows]
                return found if is_second else found.toarray()

            return optimize.NonlinearConstraint(
                lambda x: self.constraints(x)[rows],
                lower[rows],
                upper[rows],
                jac=slopes,
                **how,
            )

        is_fed = wants not in VALUES
        return optimize.minimize(
            self.value_and_gradient if is_fed else self.objective,
            x0,
            jac=True if is_fed else None,
            method=method,
            bounds=optimize.Bounds(low, high) if is_bounded else None,
            constraints=[limited(rows) for rows in kinds if rows.any()],
            tol=tol,
            callback=callback,
            options=options,
            **self.curves_for(wants),
        )

    def curves_for(self, wants: str) -> dict[str, Any]:
        """Return the second derivatives of the objective that a method wants."""
        if wants == "trust-constr":
            return {"hess": self.of_objective}
        if wants in HESSIANS:
            return {"hess": lambda x: self.hessian(x).toarray()}
        if wants not in PRODUCTS:
            return {}
        last: list[Any] = [b"", None]

        def product(x: Array, p: Array) -> Array:
            if last[0] != x.tobytes():  # a method asks for several of one Hessian
                last[:] = x.tobytes(), self.hessian(x)
            return last[1] @ p  # type: ignore[no-any-return]

        return {"hessp": product}

    def of_objective(self, x: Array) -> Any:
        """Return the Hessian of the objective alone."""
        return self.hessian(x)

    def ipopt(
        self,
        x0: Any,
        multipliers: Any = None,
        bound_multipliers: Any = None,
        **options: Any,
    ) -> tuple[Array, dict[str, Any]]:
        """Solve it with IPOPT (``pip install cyipopt-wheels``).

        Parameters
        ----------
        x0 : array, shape (n,)
        multipliers : array, shape (m,), optional
            Those of an earlier solution, to start from.
        bound_multipliers : pair of arrays, shape (n,) each, optional
            The same of the lower and of the upper bounds.  Where one of the two is not
            given, it is zeros.
        **options
            IPOPT's, by their names: tol, max_iter, print_level, ...

        Returns
        -------
        x : array, shape (n,)
        info : dict
            As cyipopt has it: ``status``, ``obj_val``, ``g``, the multipliers
            ``mult_g``, ``mult_x_L`` and ``mult_x_U``.

        Raises
        ------
        UnsupportedError
            Where cyipopt is not installed.
        """
        try:
            import cyipopt
        except ImportError as error:
            raise UnsupportedError(
                explain(
                    "problem.ipopt was called, and cyipopt is not installed",
                    "it holds the solver IPOPT",
                    "pip install cyipopt-wheels, or problem.minimize(x0)",
                )
            ) from error
        x0 = vector(x0)
        low, high, lower, upper = self.limits(x0)
        given = started(multipliers, bound_multipliers, len(lower), len(x0))
        callbacks = Callbacks(self, x0, len(lower), cyipopt.CyIpoptEvaluationError)
        solver = cyipopt.Problem(
            n=len(x0),
            m=len(lower),
            problem_obj=callbacks,
            lb=low,
            ub=high,
            cl=lower,
            cu=upper,
        )
        solver.add_option("sb", "yes")
        if given:
            options = {"warm_start_init_point": "yes", **options}
        for name, value in options.items():
            add_option(solver, name, value)
        self._shared.solve_again()
        x, info = solver.solve(x0, **given)
        if callbacks.error is not None:
            raise callbacks.error
        if callbacks.left is None:
            return x, info
        left = options.get("max_iter", MOST_ITERATIONS) - callbacks.iterations
        again = {**options, "max_iter": max(int(left), 0)}
        again.pop("warm_start_init_point", None)
        return self.ipopt(callbacks.left, **again)


#: IPOPT's own, where none is given.
MOST_ITERATIONS = 3000


class Callbacks:
    """A problem as cyipopt calls it: entries alone, places once.

    IPOPT is stopped where a callback raises, which it would not do by itself, and where
    a path has entries outside of the places that it was told.

    Parameters
    ----------
    of : Problem
    x : array, shape (n,)
        Where the patterns are found.
    count : int
        Number of constraints m.
    refused : type of exception
        Of those by which a function asks IPOPT for a shorter step.

    Attributes
    ----------
    error : Exception or None
        What a callback raised.
    left : array, shape (n,), or None
        Where there are other entries: the solver is to begin again there.
    iterations : int
    """

    def __init__(
        self, of: Problem, x: Array, count: int, refused: type[Exception]
    ) -> None:
        self.of, self.refused = of, refused
        self.error: Exception | None = None
        self.left: Array | None = None
        self.iterations = 0
        # First: what it records has all derivatives.
        self.curves = of.hessian(x, np.zeros(count))
        self.slopes = of.jacobian(x) if count else None
        rows, columns = self.curves.tocoo().coords
        self.lower = np.flatnonzero(rows >= columns)
        self.places = rows[self.lower], columns[self.lower]
        self.objective = partial(self.noted, of.objective)
        self.gradient = partial(self.noted, of.gradient)
        self.constraints = partial(self.noted, of.constraints)

    def noted(self, call: Callable[..., Any], *given: Any) -> Any:
        """Return what a call gives, or note what it raises."""
        try:
            return call(*given)
        except Exception as error:
            if not isinstance(error, self.refused):
                self.error = self.error or error
            raise

    def intermediate(self, _: int, iterations: int, *others: Any) -> bool:
        """Return whether IPOPT is to go on."""
        self.iterations = iterations
        return self.error is None and self.left is None

    def entries(self, known: Any, x: Array, found: Array) -> Array:
        """Return entries at x; those known before, where there are others now."""
        if len(found) != known.nnz and self.left is None:
            self.left = x.copy()
        return found if self.left is None else known.data

    def jacobianstructure(self) -> tuple[Array, Array]:
        """Return rows and columns of the Jacobian's entries."""
        if self.slopes is None:
            return np.zeros(0, int), np.zeros(0, int)
        return self.slopes.tocoo().coords  # type: ignore[no-any-return]

    def jacobian(self, x: Array) -> Array:
        """Return the Jacobian's entries."""
        if self.slopes is None:
            return np.zeros(0)
        return self.entries(self.slopes, x, self.noted(self.of.slopes, x)[3])

    def hessianstructure(self) -> tuple[Array, Array]:
        """Return rows and columns of the entries of the Hessian's lower triangle."""
        return self.places

    def hessian(self, x: Array, multipliers: Array, weight: float) -> Array:
        """Return the entries of the lower triangle."""
        (found,) = self.noted(self.of.called, "curves", x, multipliers, weight)
        return self.entries(self.curves, x, found)[self.lower]


def parts_of(constraints: Any) -> list[tuple[Function, Any, Any]]:
    """Return constraints as functions with their limits."""
    if hasattr(constraints, "lb") and hasattr(constraints, "ub"):
        fun = getattr(constraints, "fun", None) or linear(constraints.A)
        return [(fun, constraints.lb, constraints.ub)]
    if isinstance(constraints, dict):
        upper = KINDS.get(str(constraints.get("type")).lower())
        if upper is not None and "fun" in constraints:
            return [(of_dictionary(**constraints), 0.0, upper)]
        shown = ", ".join(f"{key!r}: {value!r}" for key, value in constraints.items())
        raise ArgumentError(
            explain(
                f"a constraint is the dictionary {{{shown}}}",
                "it has a function, and a type that says what is at least, or is, 0",
                '{"type": "ineq", "fun": g} for g(x) >= 0, {"type": "eq", "fun": g} '
                "for g(x) = 0, or (g, lower, upper)",
            )
        )
    if isinstance(constraints, Sequence):
        if len(constraints) == 3 and callable(constraints[0]):
            return [(constraints[0], constraints[1], constraints[2])]
        return [part for given in constraints for part in parts_of(given)]
    raise ArgumentError(
        explain(
            f"a constraint is a {type(constraints).__name__}",
            "it is a function with its limits",
            "(g, lower, upper), where g(x) is an array",
        )
    )


#: The upper limits of constraints that are dictionaries, by their type.
KINDS = {"eq": 0.0, "ineq": np.inf}
#: How limits are written.
BOUNDS = (
    "(low, high), numbers or arrays, or scipy.optimize.Bounds(low, high), or a list of "
    "pairs"
)
LIMITS = "(g, lower, upper), numbers or arrays, -np.inf and np.inf where there is none"


def between(
    low: Any, high: Any, size: int, what: str, instead: str
) -> tuple[Array, Array]:
    """Return the lower and upper limits of some numbers.

    Raises
    ------
    ArgumentError
        Where no number lies between them.
    """
    lower, upper = (np.array(filled(ends, size, what)) for ends in (low, high))
    is_right = (lower <= upper) & (lower < np.inf) & (upper > -np.inf)
    if not np.all(is_right):
        k = int(np.flatnonzero(~is_right)[0])
        raise ArgumentError(
            explain(
                f"the {what}[{k}] are {lower[k]} and {upper[k]}",
                "no number lies between them",
                instead,
            )
        )
    return lower, upper


def filled(limits: Any, size: int, what: str) -> Array:
    """Return limits of one number each, a number for all or one for each."""
    found = as_numbers(limits, what)
    if found.size not in (1, size):
        raise ArgumentError(
            explain(
                f"the {what} have the shape {found.shape}",
                f"there are {size} numbers that they limit",
                f"a number, or an array of shape ({size},)",
            )
        )
    return np.broadcast_to(found.reshape(-1), size)


def as_numbers(given: Any, what: str) -> Array:
    """Return numbers as an array."""
    try:
        return np.asarray(given, float)
    except WengertError:
        raise
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            explain(
                f"the {what} are {given!r}",
                f"they become real numbers: {error}",
                "numbers, or arrays of them",
            )
        ) from None


def vector(x: Any) -> Array:
    """Return x as an array of one axis."""
    found = x if type(x) is np.ndarray else as_numbers(x, "x of a problem")
    if found.ndim != 1:
        raise ArgumentError(
            explain(
                f"x of a problem has the shape {found.shape}",
                "Jacobian and Hessian are matrices, with a column for each number of x",
                "np.ravel(x), and np.reshape(x, shape) in the functions",
            )
        )
    return found if found.dtype == float else as_numbers(found, "x of a problem")


def started(multipliers: Any, of_bounds: Any, m: int, n: int) -> dict[str, Any]:
    """Return the multipliers that a solver starts from, as cyipopt takes them."""
    if multipliers is None and of_bounds is None:
        return {}
    pair = np.zeros((2, n)) if of_bounds is None else of_bounds
    shapes = [np.shape(part) for part in pair] if np.iterable(pair) else []
    if shapes != [(n,), (n,)]:
        raise ArgumentError(
            explain(
                f"bound_multipliers are arrays of the shapes {shapes}",
                f"there is one of each lower and one of each upper bound of {n} x",
                'bound_multipliers=(info["mult_x_L"], info["mult_x_U"])',
            )
        )
    found = np.zeros(m) if multipliers is None else multipliers
    if np.shape(found) != (m,):
        raise ArgumentError(
            explain(
                f"multipliers have the shape {np.shape(found)}",
                f"there is one of each of the {m} constraints",
                'multipliers=info["mult_g"]',
            )
        )
    zl, zu = pair
    return {"lagrange": list(found), "zl": list(zl), "zu": list(zu)}


def fitting(method: Any, is_bounded: bool, is_constrained: bool) -> Any:
    """Return a method that takes what a problem has; SciPy's choice for None."""
    has = [("constraints", CONSTRAINED)] * is_constrained
    has += [("bounds", BOUNDED)] * is_bounded
    if method is None:
        return "SLSQP" if is_constrained else "L-BFGS-B" if is_bounded else "BFGS"
    for what, methods in has:
        if isinstance(method, str) and method.lower() not in methods:
            raise ArgumentError(
                explain(
                    f"problem.minimize was given method={method!r}, and the problem "
                    f"has {what}",
                    "SciPy's method would leave them out, and find another minimum",
                    f"method={' or '.join(map(repr, methods.values()))}",
                )
            )
    return method


def add_option(solver: Any, name: str, value: Any) -> None:
    """Set an option of IPOPT's."""
    try:
        solver.add_option(name, value)
    except TypeError as error:
        raise ArgumentError(
            explain(
                f"IPOPT does not take the option {name}={value!r}",
                "it has none of this name, or it takes other values",
                "an option of https://coin-or.github.io/Ipopt/OPTIONS.html",
            )
        ) from error


def linear(matrix: Any) -> Function:
    """Return the product with a matrix, dense or sparse."""
    return lambda x, *_: matrix @ x


def of_dictionary(fun: Function, args: Any = (), **_: Any) -> Function:
    """Return the function of a constraint that is a dictionary, as SciPy has them."""
    return lambda x, *parameters: fun(x, *args, *parameters)


def limits_of(bounds: Any, n: int) -> tuple[Any, Any]:
    """Return bounds of n numbers as the lowest and the highest values."""
    if bounds is None:
        return -np.inf, np.inf
    if hasattr(bounds, "lb"):
        return bounds.lb, bounds.ub
    if is_array(bounds) or isinstance(bounds, Sequence):
        halves = pairs_of(bounds, n)
        if halves is not None:
            return halves
        if len(bounds) == 2:
            return bounds[0], bounds[1]
    size = f" of {len(bounds)}" if hasattr(bounds, "__len__") else ""
    raise ArgumentError(
        explain(
            f"the bounds of {n} numbers are a {type(bounds).__name__}{size}",
            "they are the lowest and the highest values, or a pair for each x",
            "(low, high), numbers or arrays, or scipy.optimize.Bounds(low, high), or a "
            "list of pairs",
        )
    )


def pairs_of(bounds: Any, n: int) -> tuple[Array, Array] | None:
    """Return the halves of n pairs of bounds; None where they are no such pairs.

    Of two numbers, tuples are pairs; two arrays in a tuple are halves.
    """
    if len(bounds) != n or any(np.shape(pair) != (2,) for pair in bounds):
        return None
    kinds = {type(pair) for pair in bounds}
    if n == 2 and kinds != {tuple} and not any(end is None for end in chain(*bounds)):
        if type(bounds) is tuple and np.ndarray in kinds:
            return None
        raise ArgumentError(
            explain(
                "the bounds of two numbers are two lists of two",
                "these may be the lowest and the highest values, or a pair for each",
                "scipy.optimize.Bounds(low, high), or pairs that are tuples: [(low, "
                "high), (low, high)]",
            )
        )
    ends = zip(*bounds, strict=True)
    low, high = (
        np.array([default if end is None else end for end in half], float)
        for half, default in zip(ends, (-np.inf, np.inf), strict=True)
    )
    return low, high
