"""Products: dot, matmul, einsum, convolve and what is made of them."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Contract
from wengert.core.operation import Operation, answers, apply, general, multilinear
from wengert.ops.axes import integer
from wengert.ops.elements import conjugate, into
from wengert.ops.index import INDEX_ADD, Placeholder
from wengert.ops.join import as_array, deliver
from wengert.ops.reduce import cast
from wengert.ops.shape import lying_as_made

# Matrix products


def swap(x: Any) -> Any:
    """Return `x` with its last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def matmul_by_left(g: Any, x: Any, y: Any) -> Any:
    """Return g y^T; extra axes are summed by the sweep."""
    if y.ndim == 1:
        return np.multiply(g[..., None], y) if x.ndim > 1 else np.multiply(g, y)
    if x.ndim == 1:
        return np.matmul(y, g[..., None])[..., 0]
    return np.matmul(g, swap(y))


def matmul_by_right(g: Any, x: Any, y: Any) -> Any:
    """Return x^T g; extra axes are summed by the sweep."""
    if x.ndim == 1:
        if y.ndim == 1:
            return np.multiply(g, x)
        return np.multiply(x[:, None], g[..., None, :])
    if y.ndim == 1:
        return np.matmul(swap(x), g[..., None])[..., 0]
    return np.matmul(swap(x), g)


def matmul_subscripts(x: int, y: int) -> str:
    """Return the subscripts of a matrix product of operands with so many axes."""
    left, right = "j" if x == 1 else "...ij", "j" if y == 1 else "...jk"
    rows, columns = "" if x == 1 else "i", "" if y == 1 else "k"
    return f"{left},{right}->...{rows}{columns}"


multilinear(
    "matmul",
    np.matmul,
    (matmul_by_left, matmul_by_right),
    form=Contract(matmul_subscripts),
    numpy=(np.matmul,),
)


def dot_by_left(g: Any, x: Any, y: Any) -> Any:
    """Return g summed against `y` over all axes of `y` but the contracted one."""
    if x.ndim == 0 or y.ndim == 0:
        return np.multiply(g, y)
    if y.ndim == 1:
        return np.multiply(np.expand_dims(g, -1), y)
    if y.ndim == 2:
        return np.dot(g, np.transpose(y))
    rest = [k for k in range(y.ndim) if k != y.ndim - 2]
    return np.tensordot(g, y, axes=(list(range(x.ndim - 1, g.ndim)), rest))


def dot_by_right(g: Any, x: Any, y: Any) -> Any:
    """Return g summed against `x` over all axes of `x` but the contracted one."""
    if x.ndim == 0 or y.ndim == 0:
        return np.multiply(g, x)
    if x.ndim == 2 and y.ndim <= 2:
        return np.dot(np.transpose(x), g)
    axes = list(range(x.ndim - 1))
    result = np.tensordot(x, g, axes=(axes, axes))
    return np.moveaxis(result, 0, -2) if y.ndim > 1 else result


def dot_subscripts(x: int, y: int) -> str:
    """Return the subscripts of ``np.dot`` of operands with so many axes."""
    left, right = string.ascii_lowercase[:x], string.ascii_uppercase[:y]
    if x == 0 or y == 0:
        return f"{left},{right}->{left}{right}"
    shared = max(y - 2, 0)
    rest = right[:shared] + right[shared + 1 :]
    right = right[:shared] + left[-1] + right[shared + 1 :]
    return f"{left},{right}->{left[:-1]}{rest}"


DOT = multilinear(
    "dot", np.dot, (dot_by_left, dot_by_right), form=Contract(dot_subscripts)
)


@answers(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Answer ``np.dot``."""
    return into(out, apply(DOT, as_array(a), as_array(b)), "exact")


@answers(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Answer ``np.vdot``."""
    return np.vecdot(np.reshape(as_array(a), -1), np.reshape(as_array(b), -1))


@answers(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Answer ``np.inner``."""
    a, b = as_array(a), as_array(b)
    return np.dot(a, swap(b) if np.ndim(a) and np.ndim(b) > 1 else b)


@answers(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """Answer ``np.outer``."""
    a, b = np.ravel(as_array(a)), np.ravel(as_array(b))
    return deliver(np.multiply(a[:, None], b[None, :]), out)


def conjugated_jvp(product: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return the rule of a product that conjugates its first factor."""

    def jvp(tangents: Any, result: Any, x: Any, y: Any) -> Any:
        """Return x_dot^* y + x^* y_dot."""
        x_dot, y_dot = tangents
        parts = [] if x_dot is None else [product(x_dot, y)]
        parts += [] if y_dot is None else [product(x, y_dot)]
        return sum(parts[1:], parts[0])

    return jvp


def vecdot_vjp(g: Any, result: Any, x: Any, y: Any) -> Any:
    """Return the gradients of x^* y; the first factor is conjugated."""
    g = np.expand_dims(g, -1)
    return np.conjugate(np.multiply(g, y)), np.multiply(g, np.conjugate(x))


VECDOT = general(
    "vecdot",
    np.vecdot,
    form=Contract("...i,...i->...", conjugated=0),
    jvp=conjugated_jvp(np.vecdot),
    vjp=vecdot_vjp,
)


@answers(np.vecdot)
def vecdot(x1: Any, x2: Any, /, axis: int = -1) -> Any:
    """Answer ``np.vecdot``."""
    x1, x2 = as_array(x1), as_array(x2)
    if axis != -1 or type(axis) is not int:
        axis = integer(axis)
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    return apply(VECDOT, x1, x2)


def matvec_by_matrix(g: Any, x: Any, y: Any) -> Any:
    """Return g y^T."""
    return np.multiply(np.expand_dims(g, -1), np.expand_dims(y, -2))


def matvec_by_vector(g: Any, x: Any, y: Any) -> Any:
    """Return x^T g."""
    return np.matvec(swap(x), g)


multilinear(
    "matvec",
    np.matvec,
    (matvec_by_matrix, matvec_by_vector),
    form=Contract("...ij,...j->...i"),
    numpy=(np.matvec,),
)


def vecmat_vjp(g: Any, result: Any, x: Any, y: Any) -> Any:
    """Return the gradients of x^* y; the vector is conjugated."""
    by_matrix = np.multiply(np.expand_dims(np.conjugate(x), -1), np.expand_dims(g, -2))
    return np.conjugate(np.matvec(y, g)), by_matrix


general(
    "vecmat",
    np.vecmat,
    form=Contract("...i,...ij->...j", conjugated=0),
    jvp=conjugated_jvp(np.vecmat),
    vjp=vecmat_vjp,
    numpy=(np.vecmat,),
)


@answers(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Answer ``np.tensordot``."""
    a, b = as_array(a), as_array(b)
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        over_a, over_b = list(range(-axes, 0)), list(range(axes))
    else:
        over_a, over_b = (list(np.atleast_1d(part).astype(int)) for part in axes)
    over_a = [int(k) + np.ndim(a) if k < 0 else int(k) for k in over_a]
    over_b = [int(k) + np.ndim(b) if k < 0 else int(k) for k in over_b]
    shape_a, shape_b = np.shape(a), np.shape(b)
    if [shape_a[k] for k in over_a] != [shape_b[k] for k in over_b]:
        raise ValueError("shape-mismatch for sum")
    kept_a = [k for k in range(len(shape_a)) if k not in over_a]
    kept_b = [k for k in range(len(shape_b)) if k not in over_b]
    count = int(np.prod([shape_a[k] for k in over_a], dtype=np.int64))
    rows = int(np.prod([shape_a[k] for k in kept_a], dtype=np.int64))
    columns = int(np.prod([shape_b[k] for k in kept_b], dtype=np.int64))
    left = np.reshape(np.transpose(a, kept_a + over_a), (rows, count))
    right = np.reshape(np.transpose(b, over_b + kept_b), (count, columns))
    shape = [shape_a[k] for k in kept_a] + [shape_b[k] for k in kept_b]
    return np.reshape(np.dot(left, right), shape)


@answers(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Answer ``np.kron``."""
    a, b = as_array(a), as_array(b)
    ndim = max(np.ndim(a), np.ndim(b))
    if 0 in (np.ndim(a), np.ndim(b)):
        return np.multiply(a, b)
    shape_a = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    shape_b = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    left = np.reshape(a, tuple(n for m in shape_a for n in (m, 1)))
    right = np.reshape(b, tuple(n for m in shape_b for n in (1, m)))
    shape = tuple(m * n for m, n in zip(shape_a, shape_b, strict=True))
    return np.reshape(np.multiply(left, right), shape)


@answers(np.cross)
def cross(
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """Answer ``np.cross``."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a = np.moveaxis(as_array(a), axisa, -1)
    b = np.moveaxis(as_array(b), axisb, -1)
    if {a.shape[-1], b.shape[-1]} - {2, 3}:
        raise ValueError(
            "incompatible dimensions for cross product\n(dimension must be 2 or 3)"
        )
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    third = a0 * b1 - a1 * b0
    if a.shape[-1] == b.shape[-1] == 2:
        return third
    a2 = a[..., 2] if a.shape[-1] == 3 else None
    b2 = b[..., 2] if b.shape[-1] == 3 else None
    if a2 is None:
        parts = (a1 * b2, -(a0 * b2), third)
    elif b2 is None:
        parts = (-(a2 * b1), a2 * b0, third)
    else:
        parts = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, third)
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


# Einstein's sums.  The subscripts of a recorded one are explicit: one letter an axis,
# the ellipsis and the interleaved form are written out.


def evaluate_einsum(*operands: Any, subscripts: str, optimize: Any) -> Any:
    """Return ``np.einsum``."""
    return np.einsum(subscripts, *operands, optimize=optimize)


def einsum_jvp(
    tangents: Any, result: Any, *operands: Any, subscripts: str, optimize: Any
) -> Any:
    """Return the sum of the products with one operand replaced by its tangent."""
    total = None
    for k, tangent in enumerate(tangents):
        if tangent is not None:
            parts = (*operands[:k], tangent, *operands[k + 1 :])
            part = apply(EINSUM, *parts, subscripts=subscripts, optimize=optimize)
            total = part if total is None else total + part
    return total


def einsum_vjp(
    g: Any, result: Any, *operands: Any, subscripts: str, optimize: Any
) -> Any:
    """Return for each operand the product of the gradient with the other operands."""
    inputs, output = split_subscripts(subscripts)
    return tuple(
        einsum_gradient(g, k, operands, inputs, output, optimize)
        for k in range(len(operands))
    )


def einsum_gradient(
    g: Any, k: int, operands: Any, inputs: list[str], output: str, optimize: Any
) -> Any:
    """Return the gradient of one operand of an einsum."""
    x, labels = operands[k], inputs[k]
    others = [(inputs[j], y) for j, y in enumerate(operands) if j != k]
    sizes = dict(zip(output, np.shape(g), strict=True))
    for names, y in others:
        for label, n in zip(names, y.shape, strict=True):
            sizes[label] = max(n, sizes.get(label, 1)) if n else 0
    # Each letter once; what nobody else has was summed, what x repeats is summed now.
    own = "".join(dict.fromkeys(labels))
    extent = dict(zip(labels, x.shape, strict=True))
    kept = "".join(c for c in own if c in sizes and extent[c] == sizes[c])
    terms = [output, *(names for names, _ in others)]
    parts = [g, *(y for _, y in others)]
    result = np.einsum(f"{','.join(terms)}->{kept}", *parts, optimize=optimize)
    shape = tuple(extent[c] for c in own)
    flat = tuple(extent[c] if c in kept else 1 for c in own)
    result = np.broadcast_to(np.reshape(result, flat), shape)
    return result if own == labels else on_diagonal(result, x, own, labels)


def on_diagonal(result: Any, x: Any, own: str, labels: str) -> Any:
    """Return zeros in the shape of `x` with `result` on the diagonal of the labels."""
    places = [
        np.arange(n).reshape([-1 if c == label else 1 for c in own])
        for label, n in zip(labels, x.shape, strict=True)
    ]
    zeros = np.zeros(x.shape, result.dtype)
    key = tuple(Placeholder(k) for k in range(len(places)))
    return apply(INDEX_ADD, zeros, result, *places, chain=(), key=key)


def split_subscripts(subscripts: str) -> tuple[list[str], str]:
    """Return the labels of every operand, and those of the result."""
    inputs, output = subscripts.split("->")
    return inputs.split(","), output


def own_subscripts(*_: int, subscripts: str, optimize: Any) -> str:
    """Return the subscripts that are a setting."""
    return subscripts


EINSUM = general(
    "einsum",
    evaluate_einsum,
    form=Contract(own_subscripts),
    jvp=einsum_jvp,
    vjp=einsum_vjp,
    reads=(True,),
    view=True,
    moves=True,
)


def starts_at_zero(
    operation: Operation, shapes: Sequence[tuple[int, ...]], settings: dict[str, Any]
) -> bool:
    """Whether NumPy adds products to a zero, so that none comes out negative.

    `np.dot` of two matrices of one element hands out their product, and `np.einsum`
    what it only moves.
    """
    form = operation.form
    if not isinstance(form, Contract):
        return False
    if operation is DOT:
        return any(len(shape) > 2 or math.prod(shape) > 1 for shape in shapes)
    return not only_moves(form.of(tuple(map(len, shapes)), settings))


def only_moves(subscripts: str) -> bool:
    """Whether a sum has one operand and leaves none of its axes out: a view of it."""
    terms, output = split_subscripts(subscripts)
    return len(terms) == 1 and set(terms[0]) <= set(output)


def explicit_subscripts(subscripts: str, operands: Any) -> str:
    """Return subscripts with an arrow and without ellipses."""
    subscripts = subscripts.replace(" ", "")
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum with {len(terms)} subscripts for {len(operands)} operands"
        )
    used = set(subscripts)
    free = [c for c in string.ascii_letters if c not in used]
    extra = [
        np.ndim(x) - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(terms, operands, strict=True)
    ]
    dots = "".join(free[: max(extra, default=0)])
    terms = [
        term.replace("...", dots[len(dots) - n :])
        for term, n in zip(terms, extra, strict=True)
    ]
    if "->" not in subscripts:
        letters = "".join(terms)
        once = sorted(
            c for c in set(letters) if letters.count(c) == 1 and c not in dots
        )
        output = "..." + "".join(once)
    return f"{','.join(terms)}->{output.replace('...', dots)}"


def from_interleaved(operands: Any) -> tuple[str, list[Any]]:
    """Return subscripts and operands of ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""
    arrays = list(operands[0 : 2 * (len(operands) // 2) : 2])
    lists = list(operands[1::2])
    output = operands[-1] if len(operands) % 2 else None
    labels = sorted({k for part in lists for k in part if k is not Ellipsis})
    letters = dict(zip(labels, string.ascii_letters, strict=False))
    letters[Ellipsis] = "..."
    terms = ["".join(letters[k] for k in part) for part in lists]
    subscripts = ",".join(terms)
    if output is not None:
        subscripts += "->" + "".join(letters[k] for k in output)
    return subscripts, arrays


@answers(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
    optimize: Any = False,
) -> Any:
    """Answer ``np.einsum``."""
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], list(operands[1:])
    else:
        subscripts, arrays = from_interleaved(operands)
    given = arrays = [as_array(x) for x in arrays]
    subscripts = explicit_subscripts(subscripts, arrays)
    optimize = tuple(optimize) if isinstance(optimize, list) else optimize
    if only_moves(subscripts) and out is None:  # of the dtype that it has
        return apply(EINSUM, *arrays, subscripts=subscripts, optimize=optimize)
    made = {"dtype": dtype, "order": order, "casting": casting, "optimize": optimize}
    if dtype is None and out is not None and not optimize:
        dtype = np.result_type(*arrays, out)
    if dtype is not None:
        arrays = [cast(x, dtype) for x in arrays]
    result = apply(EINSUM, *arrays, subscripts=subscripts, optimize=optimize)
    if out is None and (dtype is not None or order != "K"):
        result = lying_as_made(result, np.einsum, [subscripts, *given], made)
    return deliver(result, out, casting=casting)


# Convolution


def evaluate_convolve(a: Any, v: Any, *, mode: str) -> Any:
    """Return ``np.convolve``."""
    return np.convolve(a, v, mode)  # type: ignore[call-overload]


def whole_gradient(g: Any, a: Any, v: Any, mode: str) -> Any:
    """Return the gradient of the whole convolution, of which `mode` kept the middle."""
    n = min(a.size, v.size)
    start = {"full": 0, "same": (n - 1) // 2, "valid": n - 1}[mode]
    stop = a.size + v.size - 1 - start - g.size
    return np.pad(g, (start, stop)) if start or stop else g


def convolve_by_first(g: Any, a: Any, v: Any, *, mode: str) -> Any:
    """Return the gradient slid along the second operand."""
    return np.convolve(whole_gradient(g, a, v, mode), v[::-1], "valid")


def convolve_by_second(g: Any, a: Any, v: Any, *, mode: str) -> Any:
    """Return the gradient slid along the first operand."""
    return np.convolve(whole_gradient(g, a, v, mode), a[::-1], "valid")


CONVOLVE = multilinear(
    "convolve",
    evaluate_convolve,
    (convolve_by_first, convolve_by_second),
    form=Contract("i,j->i+j"),
)
MODES = ("full", "same", "valid")


@answers(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Answer ``np.convolve``."""
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}")
    a, v = np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))
    if a.size == 0 or v.size == 0:
        raise ValueError("an argument of np.convolve is empty")
    return apply(CONVOLVE, a, v, mode=mode)


@answers(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Answer ``np.correlate``."""
    a, v = as_array(a), as_array(v)
    if a.size >= v.size:
        return convolve(a, conjugate(v)[::-1], mode)
    return conjugate(convolve(v, conjugate(a)[::-1], mode)[::-1])
