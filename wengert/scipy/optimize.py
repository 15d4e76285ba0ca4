"""`scipy.optimize` fed with derivatives: gradients, Jacobians, Hessians, products.

Arguments and results are SciPy's.  The functions are compiled (`jit`), and recorded as
SciPy's own are: their solutions are differentiated as implicit functions.  `linprog`
and `milp`, which are given matrices, are SciPy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import linprog, milp

from wengert.api import hessian, hvp, jacobian, value_and_grad
from wengert.execute.sparse import Sparse
from wengert.scipy.matrices import Factors, compiled, is_apart, matrix_of
from wengert.scipy.signatures import bound, signed
from wengert.structure.optimize import HESSIANS, PRODUCTS, VALUES

Function = Callable[..., Any]
__all__ = ["curve_fit", "least_squares", "linprog", "milp", "minimize", "root"]

#: Methods of `root` that use a Jacobian.
JACOBIANS = frozenset({"hybr", "lm"})


def minimize(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Minimize a function with its exact derivatives; see `scipy.optimize.minimize`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> number``, in NumPy.
    x0 : array
    args, method, bounds, constraints, tol, callback, options
        As SciPy has them.  The method decides what it gets: the gradient, Hessians, or
        products of the Hessian and a vector.  Constraints get their Jacobians.
        ``"trust-constr"`` gets sparse ones where most entries are zero.
    jac, hess, hessp : as SciPy has them, optional
        Derivatives that are there already: they are handed on in place of ours.

    Returns
    -------
    OptimizeResult

    See Also
    --------
    least_squares, root

    Notes
    -----
    Cost: Compiled once; then one native call for a value and its gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert.scipy.optimize import minimize
    >>> def valley(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> np.round(minimize(valley, [-1.2, 1.0], method="trust-exact").x, 6)
    array([1., 1.])
    """
    wants = "" if method is None or callable(method) else method.lower()
    given = {"hess": hess, "hessp": hessp}
    if hess is None and hessp is None:
        value = first_of(fun) if jac is True else fun
        given = curves_of(value, wants, x0, args)
    is_fed = jac is None and wants not in VALUES
    limits = fed_constraints(constraints, wants, x0)
    if wants == "trust-constr" and any_sparse(limits):
        options = {"sparse_jacobian": True, **(options or {})}
    return scipy.optimize.minimize(
        Fed(fun) if is_fed else fun,
        x0,
        args,
        method,
        jac=True if is_fed else jac,
        bounds=bounds,
        constraints=limits,
        tol=tol,
        callback=callback,
        options=options,
        **given,
    )


@signed(scipy.optimize.least_squares)
def least_squares(*args: Any, **keywords: Any) -> Any:
    """Solve a least-squares problem with its exact Jacobian.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs) -> residuals``, in NumPy.
    x0 : array
    *args, **keywords
        As `scipy.optimize.least_squares` has them: bounds, method, loss, args, ...
        All methods but ``"lm"`` get a sparse Jacobian where most entries are zero.  A
        `jac` that is given is handed on in place of ours, and `fun` as it is.

    Returns
    -------
    OptimizeResult

    See Also
    --------
    curve_fit, minimize

    Notes
    -----
    Cost: Compiled once; then one native call for the residuals, one for a Jacobian.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert.scipy.optimize import least_squares
    >>> t = np.linspace(0.0, 1.0, 5)
    >>> data = 2 * np.exp(-3 * t)
    >>> np.round(least_squares(lambda x: x[0] * np.exp(-x[1] * t) - data, [1, 1]).x, 6)
    array([2., 3.])
    """
    call = bound(least_squares, args, keywords)
    given = call.arguments
    if "jac" not in given:
        fun, start = given["fun"], np.asarray(given["x0"], float)
        jac = compiled(jacobian(fun))
        if is_for_sparse(given) and not given.get("kwargs"):
            jac = matrix_of(jacobian, fun, (start, *given.get("args", ())))
        given.update(fun=compiled(fun), x0=start, jac=jac)
    return scipy.optimize.least_squares(*call.args, **call.kwargs)


def is_for_sparse(given: dict[str, Any]) -> bool:
    """Whether what a least-squares problem is solved by takes sparse matrices."""
    return given.get("method", "trf") != "lm" and given.get("tr_solver") != "exact"


def root(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Solve equations with their exact Jacobian; see `scipy.optimize.root`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args) -> array``, in NumPy, 0 at the solution.
    x0 : array
    args, method, tol, callback, options
        As SciPy has them.  ``"hybr"`` and ``"lm"`` get the Jacobian as a matrix of all
        its entries.  ``"krylov"``, for many equations, gets factors of it as its
        preconditioner where most entries are zero: it then takes Newton's steps.  Other
        methods estimate the Jacobian themselves and get none.
    jac : as SciPy has it, optional
        A Jacobian that is there already: it is handed on in place of ours, and `fun` as
        it is.

    Returns
    -------
    OptimizeResult

    See Also
    --------
    minimize, least_squares

    Notes
    -----
    Cost: Compiled once; then one native call for the equations, one for a Jacobian.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert.scipy.optimize import root
    >>> np.round(root(lambda x: np.cos(x) - x, np.ones(1)).x, 6)
    array([0.739085])
    """
    wants = method.lower()
    if jac is None:
        if wants == "krylov":
            options = preconditioned(fun, x0, args, options or {})
        jac = compiled(jacobian(fun)) if wants in JACOBIANS else None
        fun = compiled(fun)
    return scipy.optimize.root(fun, x0, args, method, jac, tol, callback, options)


def preconditioned(
    fun: Function, x0: Any, args: Any, options: dict[str, Any]
) -> dict[str, Any]:
    """Return the options of a Krylov method, a preconditioner among them if it pays."""
    x0 = np.asarray(x0, float)
    args = args if isinstance(args, tuple) else (args,)
    given = options.get("jac_options", {})
    jac = None if "inner_M" in given else matrix_of(jacobian, fun, (x0, *args))
    if x0.ndim != 1 or not isinstance(jac, Sparse):
        return options
    return {**options, "jac_options": {"inner_M": Factors(jac, x0, args), **given}}


@signed(scipy.optimize.curve_fit)
def curve_fit(*args: Any, **keywords: Any) -> Any:
    """Fit a function to data with its exact Jacobian; see `scipy.optimize.curve_fit`.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters) -> array``, in NumPy.
    xdata, ydata : array
    *args, **keywords
        As SciPy has them: p0, sigma, absolute_sigma, bounds, method, ...  A `jac` that
        is given is handed on in place of ours.

    Returns
    -------
    popt, pcov : array

    See Also
    --------
    least_squares

    Notes
    -----
    Cost: Compiled once; then one native call for the values, one for a Jacobian.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert.scipy.optimize import curve_fit
    >>> t = np.linspace(0.0, 1.0, 5)
    >>> popt, _ = curve_fit(lambda t, a, k: a * np.exp(-k * t), t, 2 * np.exp(-3 * t))
    >>> np.round(popt, 6)
    array([2., 3.])
    """

    call = bound(curve_fit, args, keywords)
    given = call.arguments
    if given.get("jac") is None:
        given["jac"] = by_parameters(given["f"])
    return scipy.optimize.curve_fit(*call.args, **call.kwargs)


def by_parameters(f: Function) -> Function:
    """Return the Jacobian of a model by its parameters, as SciPy calls it."""

    def of_parameters(p: Any, x: Any) -> Any:
        return f(x, *p)

    inner = compiled(jacobian(of_parameters))

    def jac(x: Any, *parameters: Any) -> Any:
        return inner(np.asarray(parameters, float), x)

    return jac


class Fed:
    """A cost that returns its gradient too."""

    def __init__(self, cost: Function) -> None:
        self.cost = cost
        self.both = compiled(value_and_grad(cost))

    def __call__(self, x: Any, *args: Any) -> Any:
        """Return the value and the gradient."""
        return self.both(x, *args)


def first_of(fun: Function) -> Function:
    """Return a cost without the gradient that it returns too."""

    def cost(x: Any, *args: Any) -> Any:
        return fun(x, *args)[0]

    return cost


def curves_of(fun: Function, wants: str, x0: Any, args: Any) -> dict[str, Any]:
    """Return the second derivatives that a method wants, by SciPy's names."""
    if wants == "trust-constr":
        args = args if isinstance(args, tuple) else (args,)
        return {"hess": matrix_of(hessian, fun, (np.asarray(x0, float), *args))}
    if wants in HESSIANS:
        return {"hess": compiled(hessian(fun))}
    return {"hessp": compiled(product_of(fun))} if wants in PRODUCTS else {}


def product_of(fun: Function) -> Function:
    """Return the product of a function's Hessian and a vector, as SciPy calls it."""

    def hessp(x: Any, p: Any, *args: Any) -> Any:
        return hvp(lambda x: fun(x, *args), x, p)

    return hessp


def fed_constraints(constraints: Any, wants: str, x0: Any) -> Any:
    """Return constraints with their derivatives, where a method wants them.

    Their functions may write into their x: some methods hand out their own.
    """
    if isinstance(constraints, Sequence):
        return [fed_constraints(part, wants, x0) for part in constraints]
    if isinstance(constraints, dict):
        fun, jac = constraints["fun"], constraints.get("jac")
        if jac is None and wants not in VALUES:
            jac = compiled(jacobian(fun))
        added = {"fun": of_a_copy(fun)}
        if callable(jac):
            added["jac"] = of_a_copy(jac)
        return constraints | added
    if isinstance(constraints, scipy.optimize.NonlinearConstraint):
        if wants not in VALUES:
            return nonlinear(constraints, wants, x0)
        constraints = copy(constraints)
        constraints.fun = of_a_copy(constraints.fun)
    return constraints


def of_a_copy(fun: Function) -> Function:
    """Return a function that may write into its x, which stays as it is."""

    def own(x: Any, *args: Any) -> Any:
        return fun(np.array(x), *args)

    return own


def any_sparse(constraints: Any) -> bool:
    """Whether a constraint has a sparse Jacobian."""
    if isinstance(constraints, Sequence):
        return any(any_sparse(part) for part in constraints)
    return isinstance(getattr(constraints, "jac", None), Sparse)


def nonlinear(given: Any, wants: str, x0: Any) -> Any:
    """Return a nonlinear constraint with its derivatives."""
    fun = given.fun

    def weighted(x: Any, v: Any) -> Any:
        return np.sum(v * fun(x))

    jac, hess = compiled(jacobian(fun)), compiled(hessian(weighted))
    if wants == "trust-constr" and is_apart():
        x0 = np.asarray(x0, float)
        jac = matrix_of(jacobian, fun, (x0,))
        if isinstance(jac, Sparse):
            hess = matrix_of(hessian, weighted, (x0, np.ones(np.shape(fun(x0)))))
    jac = given.jac if callable(given.jac) else jac
    return scipy.optimize.NonlinearConstraint(
        of_a_copy(fun),
        given.lb,
        given.ub,
        jac if isinstance(jac, Sparse) else of_a_copy(jac),
        given.hess if callable(given.hess) else hess,
        given.keep_feasible,
    )
