"""Laplace's approximation: random effects are integrated out of a likelihood.

The inner search, its Hessian and the derivative of the determinant go by the sparse
Hessian of the random effects, of which one factor is made at every point.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.api import grad, hessian, jacobian, stop_gradient, value_and_grad
from wengert.capture import tree
from wengert.capture.array import is_active, plain
from wengert.capture.record import parameter_names, tuple_structure
from wengert.core.types import Array, is_whole_number, type_of
from wengert.errors import ArgumentError, DerivativeError, explain
from wengert.execute.jit import jit
from wengert.structure.black_box import black_box

Function = Callable[..., Any]
#: Arguments of a function, by place or by name.
Slots = int | str | Sequence[int | str]
#: Steps of the inner search, halvings of one of them, and the least decrease, as a
#: share of what the slope promises, that a step is taken for.
MOST_STEPS, MOST_HALVINGS, PROMISED = 100, 40, 1e-4
#: The decrease that Newton's step promises, relative to the value, below which the
#: search is over: the next step would be of the size of rounding errors.
DONE = 1e-20
#: Relative step of differences of the exact gradient: the third root of the precision.
STEP = 6e-6


def laplace(fun: Function, random: Slots = 1, argnums: Slots | None = None) -> Laplace:
    """Return a negative log-likelihood with its random effects integrated out.

    Parameters
    ----------
    fun : callable
        ``fun(parameters, effects) -> number``, in NumPy: the negative logarithm of the
        joint density of the data and the random effects.  It may take other arguments
        besides, which stay as they are given.
    random : int or str, or a sequence of them, default 1
        Which arguments are the random effects, counted from 0, or by their names.
    argnums : int or str, or a sequence of them, optional
        Which are the parameters; by default the first one that is not random.

    Returns
    -------
    Laplace
        Of ``(parameters, start, *args, **kwargs)``: nested containers of numbers and
        arrays, where the search for the likeliest effects starts, and what else `fun`
        takes.  Of a sequence in `random` or in `argnums`, `start` or `parameters` is a
        tuple of one an argument.

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

    Inside other functions it has a gradient by all that it is given but `start`, and
    second derivatives that are central differences of the gradient.

    Cost: A factor of a sparse matrix for every step of the inner search.  A gradient
    takes one more, the entries of its inverse where the factor has any, and one sweep
    over the entries of the Hessian; second derivatives two gradients a parameter.

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
    return Laplace(fun, random, argnums)


class Errors(NamedTuple):
    """Standard errors, and the covariance of the parameters.

    Attributes
    ----------
    parameters, effects : array, or nested containers
        Standard errors, of the structure of both.
    covariance : array, shape (p, p)
        Of all numbers of the parameters, one after another.
    """

    parameters: Any
    effects: Any
    covariance: Array


class Arguments:
    """Which arguments of a function are its parameters, and which its random effects.

    Parameters
    ----------
    fun, random, argnums
        As `laplace` has them.
    """

    def __init__(self, fun: Function, random: Slots, argnums: Slots | None) -> None:
        self.names = parameter_names(fun)
        self.named, self.has_more, self.has_others = known_arguments(fun)
        self.random = self.slots(random, "random")
        if argnums is None:
            count = len(self.random)
            argnums = next(k for k in range(count + 1) if k not in self.random)
        self.is_single = {"random": is_one(random), "argnums": is_one(argnums)}
        self.parameters = self.slots(argnums, "argnums")
        if set(self.parameters) & set(self.random):
            raise self.no_such("argnums", argnums)

    def slots(self, given: Any, what: str) -> list[int | str]:
        """Return arguments by their places, those that have none by their names."""
        found: list[int | str] = []
        for slot in [given] if is_one(given) else given:
            known = self.slot(slot)
            if known is None or known in found:
                raise self.no_such(what, given)
            found.append(known)
        if not found:
            raise self.no_such(what, given)
        return found

    def slot(self, given: Any) -> int | str | None:
        """Return an argument by its place, or by its name; None where it is none."""
        if isinstance(given, str):
            if given in self.names:
                return self.names.index(given)
            return given if given in self.named or self.has_others else None
        if not is_whole_number(given) or given < 0:
            return None
        return int(given) if self.has_more or given < len(self.names) else None

    def no_such(self, what: str, given: Any) -> ArgumentError:
        """Return the error of arguments that are none, or are both."""
        takes = ", ".join([*self.names, *self.named])
        return ArgumentError(
            explain(
                f"laplace was given {what}={given!r} of f({takes})",
                "random= says which arguments are the random effects, argnums= which "
                "others are the parameters",
                "their places, random=0 or random=1, or their names, or a sequence of "
                "them",
            )
        )

    def of_call(self, parameters: Any, start: Any, args: Any, kwargs: Any) -> Any:
        """Return all arguments of the function, by position and by name."""
        given: dict[int | str, Any] = {}
        for what, slots, values in (
            ("argnums", self.parameters, parameters),
            ("random", self.random, start),
        ):
            each = [values] if self.is_single[what] else values
            if not isinstance(each, (tuple, list)) or len(each) != len(slots):
                name = "parameters" if what == "argnums" else "start"
                raise ArgumentError(
                    explain(
                        f"{name} of laplace are a {type(each).__name__}, where "
                        f"{what} names {len(slots)} arguments",
                        "there is one of each of these arguments",
                        f"a tuple of {len(slots)}",
                    )
                )
            given.update(zip(slots, each, strict=True))
        others, found = list(args), list[Any]()
        while len(found) in given or others:
            k = len(found)
            found.append(given.pop(k) if k in given else others.pop(0))
        by_name = {
            slot if isinstance(slot, str) else self.names[slot]: value
            for slot, value in given.items()
        }
        return found, {**kwargs, **by_name}


def is_one(slots: Any) -> bool:
    """Whether one argument is named, not a sequence of them."""
    return isinstance(slots, str) or not np.iterable(slots)


def known_arguments(fun: Function) -> tuple[list[str], bool, bool]:
    """Return the names of arguments without a place, and whether there are any others.

    These are given by position, or by name.
    """
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return [], True, True
    kinds = {parameter.kind for parameter in parameters}
    only = [part.name for part in parameters if part.kind is part.KEYWORD_ONLY]
    more = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return only, more[0] in kinds, more[1] in kinds


class Layout(NamedTuple):
    """How the numbers of a call lie in two vectors, and among what is fixed.

    Attributes
    ----------
    structure : structure of (parameters, start, args, kwargs)
    roles : tuple of "p", "u" and ""
        By leaf, which vector it is a part of; what is fixed is of none.  What is given
        besides and recorded is of "p": it may be differentiated by.
    shapes : tuple of tuples of int
        The shapes of the leaves; () of what is fixed.
    """

    structure: Any
    roles: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, whole: Any) -> tuple[Layout, Any, Any, tuple[Any, ...]]:
        """Return the layout of a call, its two vectors, and what is fixed."""
        parts = [tree.flatten(part) for part in whole]
        each = [tree.with_fixed(structure, leaves) for leaves, structure in parts]
        leaves = [leaf for leaves, _ in each for leaf in leaves]
        counts = [len(leaves) for leaves, _ in each]
        roles = ["p"] * counts[0] + ["u"] * counts[1]
        roles += ["p" if is_varied(x) else "" for x in leaves[len(roles) :]]
        shapes = [np.shape(x) if r else () for x, r in zip(leaves, roles, strict=True)]
        structure = tuple_structure([structure for _, structure in each])
        vectors = [
            vector([x for x, r in zip(leaves, roles, strict=True) if r == role])
            for role in "pu"
        ]
        fixed = tuple([x for x, r in zip(leaves, roles, strict=True) if not r])
        return cls(structure, tuple(roles), tuple(shapes)), *vectors, fixed

    def whole(self, p: Any, u: Any, fixed: Sequence[Any]) -> Any:
        """Return (parameters, start, args, kwargs) of two vectors and what is fixed."""
        at, others, leaves = {"p": 0, "u": 0}, iter(fixed), []
        vectors = {"p": p, "u": u}
        for role, shape in zip(self.roles, self.shapes, strict=True):
            if not role:
                leaves.append(next(others))
                continue
            first, stop = at[role], at[role] + math.prod(shape)
            at[role], part = stop, vectors[role]
            if shape != (np.size(part),):
                part = part[first] if shape == () else part[first:stop].reshape(shape)
            leaves.append(part)
        return tree.unflatten(self.structure, leaves)

    def nested(self, role: str, flat: Any) -> Any:
        """Return a vector nested as the parameters are, or as the start is."""
        vectors = {other: np.zeros(self.size(other)) for other in "pu"} | {role: flat}
        fixed = [0.0] * self.roles.count("")
        own = self.whole(vectors["p"], vectors["u"], fixed)["pu".index(role)]
        return tree.map_leaves(lambda x: np.array(x)[()], own)

    def size(self, role: str) -> int:
        """Return the number of elements of a vector."""
        pairs = zip(self.roles, self.shapes, strict=True)
        return sum([math.prod(shape) for r, shape in pairs if r == role])


def is_varied(leaf: Any) -> bool:
    """Whether a leaf is a recorded real number, or an array of them."""
    return is_active((leaf,)) and type_of(plain(leaf)).dtype.kind == "f"


def vector(leaves: Sequence[Any]) -> Any:
    """Return numbers and arrays as one vector."""
    numbers = [x if is_active((x,)) else np.asarray(x, float) for x in leaves]
    flat = [x if np.ndim(x) == 1 else np.reshape(x, (-1,)) for x in numbers]
    return flat[0] if len(flat) == 1 else np.concatenate([np.zeros(0), *flat])


class Laplace:
    """A negative log-likelihood without its random effects; see `laplace`.

    Parameters
    ----------
    fun, random, argnums
        As `laplace` has them.

    Attributes
    ----------
    second : Sparse
        The Hessian by the random effects, of the arguments that were given last.
    """

    def __init__(
        self, fun: Function, random: Slots = 1, argnums: Slots | None = None
    ) -> None:
        self.fun, self.settings = fun, (random, argnums)
        self.arguments = Arguments(fun, random, argnums)
        self.cores: dict[Layout, Core] = {}

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree: one is made for each."""
        return [self.fun, *self.settings]

    @property
    def second(self) -> Any:
        """The Hessian by the random effects, of the arguments that were given last."""
        return self.last.second

    def call(self, *whole: Any) -> tuple[Core, Any, Any, tuple[Any, ...]]:
        """Return what is made for a call's layout, its vectors, and what is fixed."""
        layout, p, u, fixed = Layout.of(whole)
        if layout not in self.cores:
            self.cores[layout] = Core(self.fun, self.arguments, layout)
        self.last = self.cores[layout]
        return self.last, p, u, fixed

    def __call__(self, parameters: Any, start: Any, *args: Any, **kwargs: Any) -> float:
        """Return the value; of what is recorded as one node, with derivatives."""
        core, p, u, fixed = self.call(parameters, stop_gradient(start), args, kwargs)
        if is_active((p, u, fixed)):
            return core.recorded(p, u, *fixed)  # type: ignore[no-any-return]
        return core.at(p, u, fixed).value

    def mode(self, parameters: Any, start: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the likeliest random effects, of the structure of `start`."""
        core, *given = self.call(parameters, start, args, kwargs)
        return core.layout.nested("u", core.at(*given).effects)

    def value_and_gradient(
        self, parameters: Any, start: Any, *args: Any, **kwargs: Any
    ) -> tuple[float, Any]:
        """Return the value, and its derivative by the parameters."""
        core, *given = self.call(parameters, start, args, kwargs)
        at = core.at(*given)
        return at.value, core.layout.nested("p", at.gradient())

    def fit(
        self,
        parameters: Any,
        start: Any,
        method: str = "BFGS",
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Return the likeliest parameters, by a method of `scipy.optimize.minimize`.

        Parameters
        ----------
        parameters : array, or nested containers
        start : array, or nested containers
            Effects that the search starts from; then from those found before.
        method : str
        args, kwargs : tuple and dict, optional
            What the function takes besides.
        **options
            Keywords of SciPy's: bounds, tol, callback, options.  They see all numbers
            of the parameters as one vector.

        Returns
        -------
        OptimizeResult
            With ``x``, of the structure of the parameters, ``effects``, the likeliest
            ones, and ``errors``, standard errors.
        """
        from scipy import optimize

        more = kwargs or {}
        core, first, effects, fixed = self.call(parameters, start, args, more)
        last = [effects]

        def both(p: Array) -> tuple[float, Array]:
            at = core.at(p, last[0], fixed)
            last[0] = at.effects
            return at.value, at.gradient()

        found = optimize.minimize(both, first, jac=True, method=method, **options)
        at = core.at(found.x, last[0], fixed)
        found.x = core.layout.nested("p", at.parameters)
        found.effects = core.layout.nested("u", at.effects)
        found.errors = core.errors(at)
        return found

    def errors(self, parameters: Any, start: Any, *args: Any, **kwargs: Any) -> Errors:
        """Return standard errors of the parameters and of the effects.

        Parameters
        ----------
        parameters : array, or nested containers
            The likeliest ones.
        start : array, or nested containers
        *args, **kwargs
            What the function takes besides.

        Notes
        -----
        The covariance of the parameters is the inverse of the Hessian, differences of
        the exact gradient; an effect moves with them, and has its own.
        """
        core, *given = self.call(parameters, start, args, kwargs)
        return core.errors(core.at(*given))

    def delta(
        self, fun: Function, parameters: Any, start: Any, *args: Any, **kwargs: Any
    ) -> tuple[Array, Array]:
        """Return a function of parameters and effects, and its standard errors.

        Parameters
        ----------
        fun : callable
            ``fun(parameters, effects) -> array``.
        parameters : array, or nested containers
            The likeliest ones.
        start : array, or nested containers
        *args, **kwargs
            What the likelihood takes besides.

        Returns
        -------
        value, errors : array
            Errors by the delta method.
        """
        core, *given = self.call(parameters, start, args, kwargs)
        at, layout, fixed = core.at(*given), core.layout, given[-1]

        def flat(p: Any, u: Any) -> Any:
            own = layout.whole(p, u, fixed)
            return fun(own[0], own[1])

        vectors = at.parameters, at.effects
        value = np.asarray(flat(*[part.copy() for part in vectors]), float)
        first, second = (
            np.reshape(part, (value.size, -1))
            for part in jacobian(flat, (0, 1))(*vectors)
        )
        moved = first + second @ at.moves()
        own = np.einsum("ij,ji->i", second, at.factor.solve(second.T))
        whole = own + np.einsum("ij,jk,ik->i", moved, core.covariance(at), moved)
        return value, np.sqrt(whole).reshape(value.shape)


class Core:
    """What is made for calls of one layout, of two vectors and what is fixed.

    Parameters
    ----------
    fun, arguments
        As `Laplace` has them.
    layout : Layout
    """

    def __init__(self, fun: Function, arguments: Arguments, layout: Layout) -> None:
        self.fun, self.arguments, self.layout = fun, arguments, layout

        def joint(p: Any, u: Any, *fixed: Any) -> Any:
            args, kwargs = arguments.of_call(*layout.whole(p, u, fixed))
            return fun(*args, **kwargs)

        second: Any = hessian(joint, 1, sparse=True, pattern="grow")

        def weighted(weights: Any, *given: Any) -> Any:
            return np.sum(weights * second.products.at(*given)[1])

        def slope(direction: Any, *given: Any) -> Any:
            return np.sum(direction * grad(joint, 1)(*given))

        own: list[Any] = [joint, weighted, slope]
        for made in own:
            made.__wrapped__ = fun  # what they read from outside is what it reads
        self.second = second
        self.by_effects = jit(value_and_grad(joint, 1))
        self.by_parameters = jit(grad(joint, 0))
        self.of_entries = jit(grad(weighted, (1, 2)))
        self.of_slope = jit(grad(slope, 1))
        self.mixed = jit(jacobian(grad(joint, 1), 0))
        self.recorded = self.box(getattr(fun, "__name__", "f"))

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree: one is made for each."""
        arguments = self.arguments
        slots = arguments.random, arguments.parameters, arguments.is_single
        return [self.fun, *slots, self.layout]

    def box(self, name: str) -> Function:
        """Return the value as one node, with first and second derivatives."""

        def value(p: Any, u: Any, *fixed: Any) -> float:
            return self.at(p, u, fixed).value

        def gradient(p: Any, u: Any, *fixed: Any) -> Array:
            return self.at(p, u, fixed).gradient()

        def curvature(p: Any, u: Any, *fixed: Any) -> Array:
            return self.curvature(self.at(p, u, fixed))

        def third(*_: Any) -> Any:
            raise DerivativeError(
                explain(
                    f"a third derivative of laplace({name}) was asked for",
                    "its second ones are differences of the gradient, and are not "
                    "differentiated",
                    f"grad and hessian of laplace({name}), or its formula in NumPy",
                )
            )

        def with_zeros(function: Function) -> Function:
            """Return its result as the derivative by the first vector alone."""

            def parts(p: Any, *others: Any) -> tuple[Any, ...]:
                found = function(p, *others)
                shape = np.shape(found)[:-1]
                zeros = [np.zeros(shape + np.shape(x)) for x in others]
                return found, *zeros

            return parts

        by = black_box(curvature, third)
        slopes = black_box(gradient, with_zeros(by))
        return black_box(value, with_zeros(slopes))

    def at(self, p: Any, u: Any, fixed: Sequence[Any]) -> Mode:
        """Return the likeliest effects of parameters, by Newton's method.

        Raises
        ------
        DerivativeError
            Where the search does not end at a least value with a regular Hessian.
        """
        p, effects = np.asarray(p, float), np.array(u, float)
        value, slopes = self.by_effects(p, effects, *fixed)
        for _ in range(MOST_STEPS):
            factor = self.factor(p, effects, fixed)
            step = -factor.solve(slopes)
            promised = float(np.sum(slopes * step))
            if not -promised > DONE * (1.0 + abs(value)):
                return Mode(self, p, effects, fixed, float(value), factor)
            length = 1.0
            for _ in range(MOST_HALVINGS):
                tried = effects + length * step
                lower, others = self.by_effects(p, tried, *fixed)
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

    def factor(self, p: Array, u: Array, fixed: Sequence[Any]) -> Factor:
        """Return the factor of the Hessian; where it bends down, of a convex one."""
        matrix = self.second(p, u, *fixed)
        added = 0.0
        while True:
            factor = Factor.of(matrix, added)
            if factor is not None:
                return factor
            scale = np.abs(matrix.data).max(initial=1.0)
            added = max(10 * added, 1e-6 * float(scale))

    def errors(self, at: Mode) -> Errors:
        """Return standard errors of the parameters and of the effects."""
        covariance = self.covariance(at)
        moves = at.moves()
        own = at.factor.inverse().diagonal()
        own = own + np.einsum("ij,jk,ik->i", moves, covariance, moves)
        of_parameters = np.sqrt(np.diag(covariance))
        return Errors(
            self.layout.nested("p", of_parameters),
            self.layout.nested("u", np.sqrt(own)),
            covariance,
        )

    def curvature(self, at: Mode) -> Array:
        """Return the Hessian by the parameters: differences of the gradient."""
        rows = []
        for k, number in enumerate(at.parameters):
            step = np.zeros(at.parameters.size)
            step[k] = STEP * max(1.0, abs(number))
            up, down = (
                self.at(at.parameters + way * step, at.effects, at.fixed).gradient()
                for way in (1.0, -1.0)
            )
            rows.append((up - down) / (2 * step[k]))
        found = np.reshape(rows, (len(rows),) * 2)
        return (found + found.T) / 2

    def covariance(self, at: Mode) -> Array:
        """Return the inverse of the Hessian by the parameters."""
        bent = self.curvature(at)
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
    of : Core
    parameters, effects : array
        Vectors.
    fixed : sequence
        What the function takes besides.
    joint : float
        The value with the effects.
    factor : Factor
    """

    def __init__(
        self,
        of: Core,
        parameters: Array,
        effects: Array,
        fixed: Sequence[Any],
        joint: float,
        factor: Any,
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
        self.fixed, self.factor = fixed, factor
        half = factor.half_log() - effects.size * float(np.log(2 * np.pi)) / 2
        self.value: float = joint + half

    def gradient(self) -> Array:
        """Return the derivative of the value by the parameters."""
        of, given = self.of, (self.parameters, self.effects, *self.fixed)
        pattern = of.second.products.structure
        inverse = self.factor.inverse()
        weights = np.asarray(inverse[pattern.rows, pattern.columns]).ravel() / 2
        by_parameters, by_effects = of.of_entries(weights, *given)
        moved = self.factor.solve(by_effects)
        found = of.by_parameters(*given) + by_parameters - of.of_slope(moved, *given)
        return np.asarray(found)

    def moves(self) -> Array:
        """Return the derivative of the effects by the parameters, a matrix."""
        mixed = self.of.mixed(self.parameters, self.effects, *self.fixed)
        moves: Array = -self.factor.solve(mixed)
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
