"""The user's door: transformations of functions, with JAX's names and signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from threading import get_ident
from typing import Any, Literal, ParamSpec, TypeVar, overload

import numpy as np

from wengert.capture import tree
from wengert.capture.array import (
    RecordedScalar,
    RecordedValue,
    is_active,
    place,
    plain,
    value_type,
    wrap_passive,
)
from wengert.capture.record import (
    SIMPLE,
    Segment,
    active_tape,
    check_states,
    finish,
    plain_result,
    record_onto,
    split_aux,
    trace,
    tuple_structure,
)
from wengert.core.operation import apply
from wengert.core.tape import Tape
from wengert.core.transformed import Transformed
from wengert.core.types import (
    ARRAYS,
    FLOAT64,
    Array,
    has_class,
    is_whole_number,
    type_of,
)
from wengert.derive import functions, reverse
from wengert.derive.called import called
from wengert.derive.forgetful import Forgetful
from wengert.derive.functions import as_arguments, own_gradients
from wengert.derive.modes import fit, zeros_like_type
from wengert.derive.sparsity import Pattern
from wengert.derive.steps import BUDGET
from wengert.errors import ArgumentError, DerivativeError, explain
from wengert.execute import directions
from wengert.execute.colouring import ColoredPattern, color_cols, color_symmetric
from wengert.execute.jit import Jitted
from wengert.execute.sparse import FORMATS, Products, Sparse
from wengert.execute.stretch import Stretch, node_of
from wengert.structure.budget import Budgeted, within

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Function = Callable[..., Any]
Argnums = int | Sequence[int]
#: What pulls a gradient back: one gradient a primal.
Pull = Callable[[Any], tuple[Any, ...]]
ONE = np.float64(1.0)


# Recording a function at its arguments


def each_of(argnums: Any) -> tuple[Any, ...]:
    """Return argnums as a tuple, whatever they are."""
    return tuple(argnums) if hasattr(argnums, "__iter__") else (argnums,)


def positions(argnums: Argnums, count: int, name: str) -> tuple[int, ...]:
    """Return argnums as checked non-negative positions."""
    if argnums == 0 and count and type(argnums) is int:
        return (0,)
    chosen = each_of(argnums)
    for argnum in chosen:
        if not is_whole_number(argnum) or not -count <= argnum < count:
            raise ArgumentError(
                explain(
                    f"{name} was asked for argnums={argnums!r} of {count} positional "
                    f"argument{'' if count == 1 else 's'}",
                    "argnums counts the arguments that are passed by position, from 0",
                    f"{name}(f, argnums={count - 1}) for the last one"
                    if count
                    else f"{name}(f)(x) rather than {name}(f)(x=x)",
                )
            )
    found = tuple(int(argnum) % count for argnum in chosen)
    if len(set(found)) < len(found):
        raise ArgumentError(
            explain(
                f"{name} was asked for argnums={argnums!r}",
                "an argument is named twice",
                f"{name}(f, argnums={tuple(sorted(set(found)))})",
            )
        )
    return found


def input_order(
    segment: Segment, structures: Sequence[Any], chosen: Sequence[int]
) -> list[int]:
    """Return the input nodes in the order of `chosen` (recorded in argument order)."""
    if len(chosen) == 1 or list(chosen) == sorted(chosen):
        return segment.inputs
    counts = [len(leaves_of(structure)) for structure in structures]
    by_position = dict(zip(chosen, counts, strict=True))
    starts, total = {}, 0
    for k in sorted(chosen):
        starts[k] = total
        total += by_position[k]
    return [
        segment.inputs[starts[k] + j] for k in chosen for j in range(by_position[k])
    ]


def leaves_of(structure: Any) -> list[Any]:
    """Return one placeholder a leaf of a structure."""
    if isinstance(structure, tree.Leaf):
        return [structure]
    return [leaf for part in structure.children for leaf in leaves_of(part)]


def rebuild(values: list[Any], structures: Sequence[Any], single: bool) -> Any:
    """Return a flat list of leaves nested as the chosen arguments."""
    if single and structures[0] is tree.LEAF:
        return values[0]
    parts = tree.unflatten(tuple_structure(structures), values)
    return parts[0] if single else parts


def scalar_output(segment: Segment, value: Any, name: str) -> int | None:
    """Return the node of a real scalar output; None where it is a plain constant.

    An array of one element is a number in a shape.
    """
    if type(value) is RecordedScalar and type(value._value) in SIMPLE:
        return place(segment.tape, value)
    value = tree.contents(value)
    dtype = value.dtype if has_class(value, ARRAYS) else None
    if isinstance(value, (tuple, list, dict)) or np.size(value) != 1:
        shown = type_of(plain(value)) if dtype is not None else type(value).__name__
        raise DerivativeError(
            explain(
                f"{name} of a function that returned {shown}",
                "a gradient is defined for one real number",
                "wengert.jacobian(f), or f = lambda x: np.sum(...)",
            )
        )
    if dtype is None:
        dtype = (
            type_of(value).dtype if has_class(value, (int, float, complex)) else None
        )
    if dtype is None:
        raise DerivativeError(
            explain(
                f"{name} of a function that returned {type(value).__name__}",
                "a gradient is defined for one real number",
                "return the number from the function",
            )
        )
    if dtype.kind == "c":
        raise DerivativeError(
            explain(
                f"{name} of a function that returned a complex number",
                "a gradient is defined for one real number",
                "return np.real(z) or np.abs(z)**2; jacobian(f, holomorphic=True) for "
                "the derivative of a holomorphic function",
            )
        )
    return place(segment.tape, value) if is_active(value) else None


# Gradients


def grad(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    memory: str | float | None = None,
    disk: str | float | None = None,
) -> Callable[P, Any]:
    """Return the function that computes the gradient of `fun`.

    Parameters
    ----------
    fun : callable, returns one real number (with `has_aux`: and anything else)
        It may be an array of one element.
    argnums : int or sequence of int, default 0
        Positional arguments to differentiate.
    has_aux : bool
        Whether `fun` returns ``(value, aux)``.
    memory : str or number, optional
        Bytes, as ``"500 MB"`` or 2**30, that the sweep over loops (`scan`, `fori_loop`,
        `while_loop`) may hold: steps are done again where they cannot all be kept.
        ``grad(f, memory=...).plan(x)`` prints what will be held and done again.
    disk : str or number, optional
        Bytes that states of loops may take on disk besides, where reading them is
        quicker than doing steps again: in a file in the folder for temporary ones
        (``TMPDIR``) that has no name and is gone with the call, however it ends.

    Returns
    -------
    callable
        With the arguments of `fun`; gives the gradient in the structure, shapes and
        dtypes of the argument (integers as float64), a tuple for several `argnums`;
        ``(gradient, aux)`` with `has_aux`.  At complex z it is du/dx - i du/dy.

    Raises
    ------
    DerivativeError
        If the value is not one real number.
    ArgumentError
        If a loop cannot be swept within the memory; it names the least that is enough.

    See Also
    --------
    value_and_grad, jacobian, hvp, jit

    Notes
    -----
    Cost: One recording of `fun` and one reverse sweep: two to four times the
    arithmetic of `fun`, whatever the number of arguments, and memory for what the
    sweep reads.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import grad
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return made(Gradient, fun, argnums, has_aux, False, memory=memory, disk=disk)


def value_and_grad(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    memory: str | float | None = None,
    disk: str | float | None = None,
) -> Callable[P, tuple[R, Any]]:
    """Return the function that computes `fun` and its gradient in one go.

    Parameters and gradient as for `grad`; the result is ``(value, gradient)``, or
    ``((value, aux), gradient)`` with `has_aux`.

    See Also
    --------
    grad, value_and_hessian

    Notes
    -----
    Cost: That of `grad`: the value is a by-product.

    Examples
    --------
    >>> from wengert import value_and_grad
    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, np.float64(12.0))
    """
    return made(Gradient, fun, argnums, has_aux, True, memory=memory, disk=disk)


def made(
    kind: Callable[..., Transformed],
    fun: Callable[P, Any],
    *settings: Any,
    memory: Any = None,
    disk: Any = None,
) -> Callable[P, Any]:
    """Return a transformation of a function: jitted, or in a budget, where that is."""
    if isinstance(fun, Jitted):
        found = made(kind, fun.fun, *settings, memory=memory, disk=disk)
        return fun.transformed(found)
    if isinstance(fun, Budgeted):
        memory = fun.memory if memory is None else memory
        disk = fun.disk if disk is None else disk
        fun = fun.fun
    derived: Callable[P, Any] = within(kind(fun, *settings), memory, disk)
    return derived


class Gradient(Transformed):
    """The gradient of a function, with its value or without."""

    spares_arguments = derives = True

    def __init__(
        self, fun: Function, argnums: Argnums, has_aux: bool, has_value: bool
    ) -> None:
        verb = "value_and_grad" if has_value else "grad"
        super().__init__(verb, fun, argnums, has_aux, has_value)
        self.owns_results = not (has_aux or has_value)
        self.argnums, self.is_single = argnums, is_whole_number(argnums)
        self.has_aux, self.has_value = has_aux, has_value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called(self, self.derived, args, kwargs)

    def derived(self, args: Sequence[Any], kwargs: Any) -> Any:
        """Run the function, and derive."""
        chosen = positions(self.argnums, len(args), "grad")
        segment, structures = trace(self.fun, args, chosen, kwargs, tape=new_tape())
        value, aux = split_aux(segment.result, self.has_aux)
        found = gradients_of(segment, structures, chosen, value)
        g = rebuild(found, structures, self.is_single)
        if not self.has_value:
            return (g, finish(segment, aux)) if self.has_aux else g
        value = finish(segment, value)
        return ((value, finish(segment, aux)) if self.has_aux else value), g


def new_tape() -> Tape | None:
    """Return the tape of a recording under a budget; None for any other."""
    plan = BUDGET.get()
    if plan is None or plan.budget is None or active_tape() is not None:
        return None
    return Forgetful()


def gradients_of(
    segment: Segment, structures: Any, chosen: Sequence[int], value: Any
) -> list[Any]:
    """Return the gradients of a recorded scalar by the segment's inputs."""
    output = scalar_output(segment, value, "grad")
    wanted = input_order(segment, structures, chosen)
    tape = segment.tape
    if output is None:
        return [zeros_like_type(tape.types[index]) for index in wanted]
    like = tape.types[output]
    seed = ONE if like is FLOAT64 else fit(ONE, like)
    if isinstance(tape, Forgetful) and not segment.nested:
        *wanted, output = tape.roll([output], wanted)
    found = reverse.pull(
        tape, segment.start, len(tape), [(output, seed)], wanted, segment.nested
    )
    return own_gradients(segment, as_arguments(tape, wanted, found))


# Both modes at a point


@overload
def vjp(
    fun: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Pull]: ...


@overload
def vjp(
    fun: Callable[..., tuple[R, T]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Pull, T]: ...


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return ``fun(*primals)`` and the function that pulls gradients back through it.

    Returns
    -------
    value : the result of `fun`
    vjp_fun : callable
        Takes a gradient in the structure of the value, returns a tuple of one gradient
        a primal.  It may be called any number of times.
    aux : only with `has_aux`

    See Also
    --------
    grad, jvp, linearize, jacrev

    Notes
    -----
    Cost: One recording; every call of `vjp_fun` is one reverse sweep over it.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import vjp
    >>> value, pull = vjp(np.multiply, 2.0, 3.0)
    >>> pull(1.0)
    (np.float64(3.0), np.float64(2.0))
    """
    chosen = tuple(range(len(primals)))
    segment, structures = trace(fun, primals, chosen, {}, keeps=True)
    result, aux = split_aux(segment.result, has_aux)
    door: Any = vjp
    read = functions.Read.of(
        segment, structures, lambda given: door(fun, *given, has_aux=has_aux)[1]
    )
    vjp_fun = functions.pullback(segment, structures, result, read)
    value = finish(segment, result)
    return (value, vjp_fun, finish(segment, aux)) if has_aux else (value, vjp_fun)


def linearize(fun: Callable[..., R], *primals: Any) -> tuple[R, Callable[..., R]]:
    """Return ``fun(*primals)`` and the linear function that pushes tangents through it.

    The function is recorded once; the second result may be called any number of times
    with tangents in the structure of the primals.

    See Also
    --------
    jvp, vjp, jacfwd

    Notes
    -----
    Cost: One recording; every call of the linear function is one forward sweep over
    it.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import linearize
    >>> value, push = linearize(np.sin, 0.0)
    >>> push(2.0)
    np.float64(2.0)
    """
    return functions.linearize(fun, primals, keeps=True)


def jvp(
    fun: Callable[..., R], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[R, R]:
    """Return ``fun(*primals)`` and its derivative along `tangents`.

    Parameters
    ----------
    fun : callable
    primals, tangents : sequences of the same structure, shapes and dtypes

    Returns
    -------
    value, tangent : both in the structure of the function's result

    See Also
    --------
    linearize, vjp, hvp

    Notes
    -----
    Cost: One recording and one forward sweep: two to three times the arithmetic of
    `fun`.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import jvp
    >>> jvp(np.square, (3.0,), (1.0,))
    (np.float64(9.0), np.float64(6.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(
        tangents, (tuple, list)
    ):
        raise ArgumentError(
            explain(
                "jvp was given primals or tangents that are not tuples",
                "both list one entry an argument of the function",
                "jvp(f, (x,), (v,))",
            )
        )
    return functions.jvp(fun, primals, tangents)


# Jacobians and Hessians


def jacrev(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Return the function that computes the Jacobian of `fun`, row by row in reverse.

    Parameters as for `jacobian`.

    See Also
    --------
    jacobian, jacfwd, vjp

    Notes
    -----
    Cost: One recording, and one reverse sweep for every element of the result.
    """
    return made(Jacobian, fun, argnums, has_aux, holomorphic, "reverse", False)


def jacfwd(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Return the function that computes the Jacobian of `fun`, column by column.

    Parameters as for `jacobian`.

    See Also
    --------
    jacobian, jacrev, jvp

    Notes
    -----
    Cost: One recording, and one forward sweep for every element of the arguments.
    """
    return made(Jacobian, fun, argnums, has_aux, holomorphic, "forward", False)


def jacobian(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    sparse: bool = False,
    output_format: Literal["csr", "csc", "coo"] = "csr",
    pattern: ColoredPattern | Array | Literal["grow"] | None = None,
) -> Callable[P, Any]:
    """Return the function that computes the Jacobian of `fun`.

    Forward mode where there are fewer inputs than outputs, reverse mode otherwise.

    Parameters
    ----------
    fun : callable, returns an array of shape S (or nested arrays)
    argnums : int or sequence of int, default 0
    has_aux : bool
        Whether `fun` returns ``(value, aux)``.
    holomorphic : bool
        Whether `fun` is a holomorphic function of complex arguments.  Complex results
        of real arguments, and real results of complex ones, need no such word.
    sparse : bool
        Whether the result is a `scipy.sparse` array of shape (m, n), for m numbers that
        `fun` returns and n in the arguments, in their order.
    output_format : {"csr", "csc", "coo"}
    pattern : ColoredPattern, sparse array of bools, or "grow", optional
        The structure of all sparse results; what `jacobian_sparsity` gives is coloured.
        By default that of the first call, where it is found and coloured; with
        ``"grow"`` it grows with the paths that are met.

    Returns
    -------
    callable
        Gives an array of shape ``S + x.shape`` for every output and argument, outputs
        outermost.  A sparse one takes ``out=``, an earlier result that is refilled, and
        has its structure and colours as ``colored``.

    Raises
    ------
    DerivativeError
        By a call of a sparse one whose path has entries outside of the structure, or
        results of another size.

    See Also
    --------
    jacfwd, jacrev, value_and_jacobian, jvp, vjp

    Notes
    -----
    Cost: One recording, and one sweep for every input or every output, whichever
    are fewer; of a sparse one a sweep for every colour, compiled, and recorded again
    only where a call takes another path.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import jacobian
    >>> jacobian(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    if is_sparse("jacobian", sparse, output_format, pattern, holomorphic):
        beside = named(aux=has_aux)
        return made_sparse(fun, argnums, False, beside, output_format, pattern)
    return made(Jacobian, fun, argnums, has_aux, holomorphic, "chosen", False)


def value_and_jacobian(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    sparse: bool = False,
    output_format: Literal["csr", "csc", "coo"] = "csr",
    pattern: ColoredPattern | Array | Literal["grow"] | None = None,
) -> Callable[P, tuple[R, Any]]:
    """Return the function that computes `fun` and its Jacobian from one recording.

    Parameters as for `jacobian`; the result is ``(value, jacobian)``, or
    ``((value, aux), jacobian)`` with `has_aux`.

    See Also
    --------
    jacobian, value_and_grad

    Notes
    -----
    Cost: That of `jacobian`: the value is a by-product.
    """
    if is_sparse("value_and_jacobian", sparse, output_format, pattern, holomorphic):
        beside = named(value=True, aux=has_aux)
        return made_sparse(fun, argnums, False, beside, output_format, pattern)
    return made(Jacobian, fun, argnums, has_aux, holomorphic, "chosen", True)


def named(**flags: bool) -> tuple[str, ...]:
    """Return the names of the flags that are set."""
    return tuple([name for name, flag in flags.items() if flag])


def made_sparse(
    fun: Function,
    argnums: Argnums,
    is_second: bool,
    beside: tuple[str, ...],
    output_format: str,
    pattern: Any,
) -> Callable[..., Any]:
    """Return a sparse derivative, by arguments that are counted from 0."""
    chosen = each_of(argnums)
    if any(not is_whole_number(k) or k < 0 for k in chosen):
        raise ArgumentError(
            explain(
                f"a sparse derivative was asked for with argnums={argnums!r}",
                "its columns are those of arguments that are counted from 0",
                "argnums=0 for the first one",
            )
        )
    by = int(chosen[0]) if is_whole_number(argnums) else tuple(map(int, chosen))
    return Sparse(fun, by, is_second, beside, output_format, pattern)


def is_sparse(
    name: str, sparse: Any, output_format: str, pattern: Any, holomorphic: bool = False
) -> bool:
    """Whether a derivative is to be sparse; raise where it is told what does not fit.

    That is what sparse ones alone have, or what they have not.
    """
    if not has_class(sparse, (bool, np.bool_)):
        told, why = f"{sparse=}", "sparse is a truth value: whether the result is"
        wanted = sparse if isinstance(sparse, str) and sparse in FORMATS else "csr"
        how = f'sparse=True, output_format="{wanted}"'
    elif sparse and holomorphic:
        told, why = "sparse=True and holomorphic=True", "a sparse derivative is real"
        how = "holomorphic=True"
    elif not sparse and (pattern is not None or output_format != "csr"):
        told = "a pattern" if pattern is not None else f"{output_format=}"
        told += " without sparse=True"
        why = "its result would be dense, and have all entries"
        how = "sparse=True, ..."
    else:
        return bool(sparse)
    raise ArgumentError(explain(f"{name} was given {told}", why, f"{name}(f, {how})"))


class Jacobian(Transformed):
    """The Jacobian of a function in one direction, with its value or without."""

    spares_arguments = derives = True

    def __init__(
        self,
        fun: Function,
        argnums: Argnums,
        has_aux: bool,
        holomorphic: bool,
        direction: str,
        has_value: bool,
    ) -> None:
        settings = argnums, has_aux, holomorphic, direction, has_value
        verb = "value_and_jacobian" if has_value else "jacobian"
        super().__init__(verb, fun, *settings)
        self.owns_results = not (has_aux or has_value)
        self.argnums, self.is_single = argnums, is_whole_number(argnums)
        self.has_aux, self.has_value = has_aux, has_value
        self.holomorphic, self.direction = holomorphic, direction

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called(self, self.derived, args, kwargs)

    def derived(self, args: Sequence[Any], kwargs: Any) -> Any:
        """Run the function, and derive."""
        chosen = positions(self.argnums, len(args), "jacobian")
        segment, structures = trace(self.fun, args, chosen, kwargs)
        result, aux = split_aux(segment.result, self.has_aux)
        leaves, structure = tree.flatten(result)
        inputs = input_order(segment, structures, chosen)
        direction = complex_direction(
            [segment.tape.types[index].dtype.kind == "c" for index in inputs],
            [value_type(leaf).dtype.kind == "c" for leaf in leaves],
            self.holomorphic,
            self.direction,
        )
        blocks = directions.jacobian_blocks(
            segment, inputs, leaves, direction, self.fun
        )
        rows = [rebuild(row, structures, self.is_single) for row in blocks]
        matrix = tree.unflatten(structure, rows)
        if not self.has_value:
            return (matrix, finish(segment, aux)) if self.has_aux else matrix
        value = finish(segment, result)
        return ((value, finish(segment, aux)) if self.has_aux else value), matrix


def complex_direction(
    arguments: list[bool], results: list[bool], holomorphic: bool, direction: str
) -> str:
    """Return the direction in which a Jacobian with complex numbers is found whole.

    `arguments` and `results` say which of them are complex.  A tangent from a real
    argument to a complex result is complex, and so is the gradient of a real result by
    a complex argument; the other way round each would lose a part.
    """
    if any(arguments) and any(results) and not holomorphic:
        raise DerivativeError(
            explain(
                "jacobian of complex results by complex arguments",
                "it has one complex derivative only if it is holomorphic",
                "jacobian(f, holomorphic=True), or split into real and imaginary parts",
            )
        )
    needed = []
    if any(results) and not all(arguments):
        needed.append("forward")
    if any(arguments) and not all(results):
        needed.append("reverse")
    if len(needed) == 2 or (needed and direction not in ("chosen", *needed)):
        name = {"forward": "jacfwd", "reverse": "jacrev", "chosen": "jacobian"}
        raise DerivativeError(
            explain(
                f"{name[direction]} of real and complex numbers",
                "the derivative by a real argument of a complex result is found "
                "forward, that by a complex argument of a real result in reverse",
                " and ".join(f"{name[way]}(f)" for way in needed)
                + " for such arguments and results alone" * (len(needed) == 2),
            )
        )
    return needed[0] if needed else direction


def hessian(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    sparse: bool = False,
    output_format: Literal["csr", "csc", "coo"] = "csr",
    pattern: ColoredPattern | Array | Literal["grow"] | None = None,
) -> Callable[P, Any]:
    """Return the function that computes the Hessian of `fun`, forward over reverse.

    Parameters as for `grad`, and for sparse ones as for `jacobian`.  The result has
    shape ``x.shape + x.shape`` for a single array, and nested blocks otherwise; of a
    sparse one that is (n, n), for n numbers in the arguments.

    See Also
    --------
    hvp, grad, value_and_hessian

    Notes
    -----
    Cost: One recording of the gradient, and one forward sweep over it for every
    input; of a sparse one for every colour of a star colouring, compiled.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    if is_sparse("hessian", sparse, output_format, pattern):
        beside = named(aux=has_aux)
        return made_sparse(fun, argnums, True, beside, output_format, pattern)
    return jacfwd(grad(fun, argnums, has_aux), argnums, has_aux)


def value_and_hessian(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    sparse: bool = False,
    output_format: Literal["csr", "csc", "coo"] = "csr",
    pattern: ColoredPattern | Array | Literal["grow"] | None = None,
) -> Callable[P, tuple[R, Any]]:
    """Return the function that computes `fun` and its Hessian.

    Parameters as for `grad`; the result is ``(value, hessian)``, or
    ``((value, aux), hessian)`` with `has_aux`.

    See Also
    --------
    hessian, value_grad_and_hessian

    Notes
    -----
    Cost: That of `hessian`: the value is a by-product.
    """
    if is_sparse("value_and_hessian", sparse, output_format, pattern):
        beside = named(value=True, aux=has_aux)
        return made_sparse(fun, argnums, True, beside, output_format, pattern)
    return ValueAndHessian(fun, argnums, has_aux, False)


def value_grad_and_hessian(
    fun: Callable[P, R],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    sparse: bool = False,
    output_format: Literal["csr", "csc", "coo"] = "csr",
    pattern: ColoredPattern | Array | Literal["grow"] | None = None,
) -> Callable[P, tuple[R, Any, Any]]:
    """Return the function that computes `fun`, its gradient and its Hessian.

    Parameters as for `hessian`; the result is ``(value, gradient, hessian)``, or
    ``((value, aux), gradient, hessian)`` with `has_aux`.

    See Also
    --------
    hessian, value_and_grad

    Notes
    -----
    Cost: That of `hessian`: value and gradient are by-products.
    """
    if is_sparse("value_grad_and_hessian", sparse, output_format, pattern):
        beside = named(value=True, gradient=True, aux=has_aux)
        return made_sparse(fun, argnums, True, beside, output_format, pattern)
    return ValueAndHessian(fun, argnums, has_aux, True)


class ValueAndHessian(Transformed):
    """The value and the Hessian of a function, with its gradient or without."""

    spares_arguments = True

    def __init__(
        self, fun: Function, argnums: Argnums, has_aux: bool, has_gradient: bool
    ) -> None:
        super().__init__("value_and_hessian", fun, argnums, has_aux, has_gradient)
        both = GradientAndBoth(fun, argnums, has_aux)
        self.matrix_of = jacfwd(both, argnums, has_aux=True)
        self.has_gradient = has_gradient

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        matrix, (value, g) = self.matrix_of(*args, **kwargs)
        return (value, g, matrix) if self.has_gradient else (value, matrix)


class GradientAndBoth(Transformed):
    """The gradient of a function, and beside it value and gradient."""

    spares_arguments = True

    def __init__(self, fun: Function, argnums: Argnums, has_aux: bool) -> None:
        super().__init__("grad", fun, argnums, has_aux)
        self.both = value_and_grad(fun, argnums, has_aux)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        value, g = self.both(*args, **kwargs)
        return g, (value, g)


def jacobian_sparsity(
    fun: Function, *args: Any, argnums: Argnums = 0, local: bool = False
) -> Any:
    """Return which entries of the Jacobian of `fun` may be nonzero.

    Parameters
    ----------
    fun : callable, returns m numbers in all, in arrays or nested containers
    *args : numbers, arrays, or nested containers of them
        Where `fun` is recorded: the pattern holds on the path that it takes there,
        wherever data decide which elements are read, and if it is jitted on all paths
        that it has taken with arguments of such shapes.
    argnums : int or sequence of int, default 0
        The arguments of n numbers in all that it is differentiated by.
    local : bool
        Whether entries are left out that are zero at these very arguments.

    Returns
    -------
    scipy.sparse.csr_array, shape (m, n), of bools
        Rows are the results' elements one after another, columns the arguments'.

    See Also
    --------
    hessian_sparsity, jacobian

    Notes
    -----
    Cost: One recording, and work that grows with the elements of the tape and with the
    entries found.  What an operation does not tell about its elements is taken to
    depend on all of its operands.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import jacobian_sparsity
    >>> jacobian_sparsity(np.diff, np.ones(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    asked = partial(pattern_of, fun, argnums, "jacobian_sparsity")
    if local:
        return nonzero(fun, args, argnums, asked(args, is_local=True).jacobian(), False)
    every = args, *recorded_at(fun, args)
    return reduce(add, [asked(given).jacobian() for given in every])


def hessian_sparsity(
    fun: Function, *args: Any, argnums: Argnums = 0, local: bool = False
) -> Any:
    """Return which entries of the Hessian of `fun` may be nonzero.

    Parameters
    ----------
    fun : callable, returns one real number
    *args : numbers, arrays, or nested containers of them
        Where `fun` is recorded: the pattern holds on the path that it takes there,
        wherever data decide which elements are read, and if it is jitted on all paths
        that it has taken with arguments of such shapes.
    argnums : int or sequence of int, default 0
        The arguments of n numbers in all that it is differentiated by.
    local : bool
        Whether entries are left out that are zero at these very arguments.

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n), of bools

    See Also
    --------
    jacobian_sparsity, hessian

    Notes
    -----
    Cost: That of `jacobian_sparsity`; a derivative is computed for `local` alone.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import hessian_sparsity
    >>> hessian_sparsity(lambda x: x[0] * x[1] + x[2] ** 3, np.ones(3)).toarray()
    array([[False,  True, False],
           [ True, False, False],
           [False, False,  True]])
    """
    asked = partial(pattern_of, fun, argnums, "hessian_sparsity")
    if local:
        return nonzero(fun, args, argnums, asked(args, is_local=True).hessian(), True)
    every = args, *recorded_at(fun, args)
    return reduce(add, [asked(given).hessian() for given in every])


def nonzero(
    fun: Function, args: Any, argnums: Argnums, pattern: Any, is_second: bool
) -> Any:
    """Return the entries of a pattern that are not zero at some arguments."""
    color = color_symmetric if is_second else color_cols
    chosen = positions(argnums, len(args), "local=True")
    made = Products(fun, chosen, is_second, (), "csr", color(pattern))
    made.is_replayed = False
    _, entries = made.recorded(args, {})
    found = (made.structure.matrix(entries, None) != 0).tocsr()
    found.eliminate_zeros()
    return found


def recorded_at(fun: Function, args: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the arguments at which the paths of a jitted function were recorded."""
    return fun.recorded_at(args) if isinstance(fun, Jitted) else []


def pattern_of(
    fun: Function, argnums: Argnums, name: str, args: Any, is_local: bool = False
) -> Pattern:
    """Return what is asked for the patterns of a call.

    They hold wherever data may have places that they decide, or at these arguments.
    """
    chosen = positions(argnums, len(args), name)
    segment, structures = trace(fun, args, chosen, {}, keeps=True)
    leaves, _ = tree.flatten(segment.result)
    outputs = [node_of(segment.tape, leaf) for leaf in leaves]
    inputs = input_order(segment, structures, chosen)
    stretch = Stretch(segment, inputs, outputs)
    return stretch.pattern(stretch.short(), is_replayed=not is_local)


def hvp(fun: Function, primals: Any, tangents: Any) -> Any:
    """Return the Hessian of `fun` times a vector, forward over reverse.

    Parameters
    ----------
    fun : callable, returns one real number
    primals, tangents : tuples with one entry an argument, or a single array each

    Returns
    -------
    The product, in the structure of `primals`.

    See Also
    --------
    hessian, grad, jvp

    Notes
    -----
    Cost: One recording of the gradient and one forward sweep over it, whatever the
    number of arguments; the Hessian is never made.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import hvp
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.ones(2),))
    (array([ 6., 12.]),)
    """
    single = not isinstance(primals, (tuple, list))
    points = (primals,) if single else tuple(primals)
    directions = (tangents,) if single else tuple(tangents)
    gradient = grad(fun, tuple(range(len(points))))
    product = jvp(gradient, points, directions)[1]
    return product[0] if single else product


# Leaving and shaping the tape


def stop_gradient(x: T) -> T:
    """Return `x` as a constant: nothing is differentiated through it.

    Works on nested containers; outside a recording it returns `x` itself.

    See Also
    --------
    rule, grad

    Notes
    -----
    Cost: Nothing in a gradient; one node on a tape that is kept.
    """
    return tree.map_leaves(  # type: ignore[no-any-return]
        lambda leaf: plain_copy(leaf) if isinstance(leaf, RecordedValue) else leaf, x
    )


def plain_copy(value: Any) -> Any:
    """Return the present numbers of a recorded value.

    A tape that is kept has a node, so that a replay finds them anew; a gradient that is
    recorded afresh on every call needs plain numbers only.
    """
    from wengert.ops.constants import STOP_GRADIENT

    tape = value._tape
    if tape.keeps_guards or tape.thread != get_ident():
        return apply(STOP_GRADIENT, value)
    return wrap_passive(tape, plain_result(value))


def record(fun: Function, *args: Any) -> Tape:
    """Return the tape of one call ``fun(*args)``.

    Every number and array among the arguments is an input.  Branches that Python took
    on a recorded value are guards: `GuardError` is raised where a replay would leave
    the path.

    Parameters
    ----------
    fun : callable
    *args : numbers, arrays, or nested containers of them

    Returns
    -------
    Tape
        ``tape(*args)`` replays it; its own play holds the recorded run.

    See Also
    --------
    Tape, jit, load

    Notes
    -----
    Cost: One call of `fun`, and one to two microseconds for every operation.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import record
    >>> tape = record(lambda x: np.sin(x) * x, 2.0)
    >>> tape(3.0) == np.sin(3.0) * 3.0
    np.True_
    """
    tape = record_onto(Tape(), fun, args)
    check_states(tape)
    return tape
