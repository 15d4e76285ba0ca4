"""The table: for every operation one or several examples, a line each.

An example is a call in plain NumPy and its operands.  An elementwise operation, and an
operation that is not differentiable, has examples as soon as it states its domain; all
others are entered here, ``example(name, function, *operands)``, and so is every
answered NumPy function that is made of other operations.  An operand is an array
or a number, or a draw: a function of a random generator (`normal(2, 3)`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from scipy import fft as sf
from scipy import integrate, sparse, special, stats
from scipy import interpolate as sp
from scipy import linalg as sl
from scipy import ndimage as si
from scipy import signal as ss
from scipy.sparse import linalg as sparse_linalg
from scipy.spatial import distance

import wengert.ops.scipy_special
import wengert.ops.stats.own  # noqa: F401  (states the operations)
from wengert import jvp, record, stop_gradient, switch, while_loop
from wengert.core.operation import DISPATCH, REGISTRY, Operation, apply
from wengert.derive.loops import PART, SCAN
from wengert.derive.steps import Body
from wengert.derive.while_loops import WHILE_DERIVATIVE

Function = Callable[..., Any]


@dataclass(frozen=True)
class Example:
    """One call of one operation.

    Attributes
    ----------
    operation : str
        The operation that the call is to record.
    function : callable
    draws : tuple of operands and draws
    label : str
        What distinguishes it among the examples of the operation.
    order : int
        Up to which order of derivatives it is judged; 0 where none passes on purpose.
    """

    operation: str
    function: Function
    draws: tuple[Any, ...]
    label: str = ""
    order: int = 2

    @property
    def allowed(self) -> dict[str, float]:
        """What differences may be off by."""
        return ROUGHLY if self.operation.removesuffix("_derivative") in ROUGH else {}

    @property
    def takes_nan(self) -> bool:
        """Whether SciPy lives on where an operand is NaN."""
        return self.operation.removesuffix("_derivative") not in FATAL

    @property
    def operands(self) -> list[Any]:
        """The operands; the same ones every time."""
        random = np.random.default_rng(crc32(str(self).encode()))
        return [draw(random) if callable(draw) else draw for draw in self.draws]

    def __str__(self) -> str:
        return f"{self.operation}-{self.label}" if self.label else self.operation


#: Functions whose values SciPy gives to 12 digits or so, which differences magnify:
#: their derivatives are judged more sharply in `test_special_functions`.
ROUGH = frozenset(
    (
        "gdtrc fdtri fdtridfd bdtrik bdtrin nbdtrik nbdtrin stdtridf jv yv iv kv "
        "jve yve ive kve hyp0f1 hyp1f1 hyp2f1 elliprf elliprd hankel1 hankel2 "
        "hankel1e hankel2e itairy eval_legendre eval_chebyt eval_chebyu eval_chebyc "
        "eval_chebys eval_laguerre eval_sh_legendre eval_sh_chebyt eval_sh_chebyu "
        "eval_genlaguerre eval_gegenbauer eval_jacobi eval_sh_jacobi hyperu struve "
        "modstruve wright_bessel log_wright_bessel besselpoly lpmv elliprj elliprg "
        "elliprc tklmbda chndtr chndtrix chndtridf chndtrinc ncfdtr ncfdtri nctdtr "
        "nctdtrit nctdtridf _ncx2_pdf _ncx2_sf _ncf_pdf _ncf_sf _nct_pdf _nct_sf "
        "smirnov pbdv pbvv pbwa mathieu_a mathieu_b mathieu_cem mathieu_sem "
        "mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 pro_cv obl_cv "
        "pro_ang1 pro_rad1 obl_ang1 obl_rad1"
    ).split()
)
ROUGHLY = {"atol": 1e-6, "rtol": 1e-6}
#: Functions of which a parameter that is NaN ends the process, in SciPy itself.
FATAL = frozenset(
    (
        "mathieu_cem mathieu_sem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 "
        "mathieu_modsem2 pro_cv obl_cv pro_ang1 obl_ang1 pro_rad1 obl_rad1"
    ).split()
)

EXAMPLES: dict[str, list[Example]] = {}


def example(
    operation: str, function: Function, *operands: Any, label: str = "", order: int = 2
) -> None:
    """Enter an example of an operation."""
    entries = EXAMPLES.setdefault(operation, [])
    label = label or (str(len(entries)) if entries else "")
    entries.append(Example(operation, function, operands, label, order))


# Draws


def normal(*shape: int) -> Function:
    """Draw normal numbers."""
    return lambda random: random.standard_normal(shape)[()]


def uniform(low: float, high: float, *shape: int) -> Function:
    """Draw numbers between two."""
    return lambda random: random.uniform(low, high, shape)[()]


def positive(*shape: int) -> Function:
    """Draw numbers between 1/2 and 2."""
    return uniform(0.5, 2.0, *shape)


def distinct(*shape: int) -> Function:
    """Draw numbers of which any two differ by at least 1/10: no ties when moved."""

    def draw(random: np.random.Generator) -> Any:
        count = int(np.prod(shape))
        return random.permutation(
            np.linspace(-0.1 * count, 0.1 * count, count)
        ).reshape(shape)

    return draw


def complex_normal(*shape: int) -> Function:
    """Draw complex numbers."""
    return lambda random: (
        random.standard_normal(shape) + 1j * random.standard_normal(shape)
    )[()]


def single(draw: Function) -> Function:
    """Draw in single precision."""
    return lambda random: np.asarray(draw(random)).astype(np.float32)[()]


# Elementwise operations and those without derivative: from their domains

#: Domains narrower than the stated one, where differences of second derivatives need
#: room to the kinks.
ROOM = 0.05


def domain_draw(domain: tuple[float, float], *shape: int) -> Function:
    """Draw from a domain, a little inside."""
    low, high = domain
    return uniform(low + ROOM, high - ROOM, *shape)


def call(operation: Operation) -> Function:
    """Return a plain function that applies an operation to plain or recorded values."""
    if DISPATCH.get(operation.function) is operation:
        return operation.function
    return lambda *operands: apply(operation, *operands)


#: Where the quotient stays between two whole numbers: a step further is a jump.
ONE_QUOTIENT = ((-2.8, -2.1), (1.5, 1.9))
NARROW = dict.fromkeys(("remainder", "fmod", "floor_divide"), ONE_QUOTIENT)


#: Shapes that broadcast, one an operand.
SHAPES_OF = ((2, 1, 3), (2, 1), (3,), ())


def elementwise_example(operation: Operation) -> Example:
    """Return the example of an operation that states its domain: broadcast."""
    domains = NARROW.get(operation.name, operation.domain)
    shapes = SHAPES_OF if len(domains) > 1 else ((2, 3),)
    draws = tuple(
        domain_draw(domain, *shape)
        for domain, shape in zip(domains, shapes, strict=False)
    )
    return Example(operation.name, call(operation), draws, "domain")


def is_elementwise(operation: Operation) -> bool:
    """Whether an operation acts on elements and says where it may be evaluated."""
    return bool(operation.domain)


def examples() -> list[Example]:
    """Return every example of every operation."""
    found = [example for entries in EXAMPLES.values() for example in entries]
    for operation in REGISTRY.values():
        if is_elementwise(operation) and operation.name != "ldexp":  # of integers
            found.append(elementwise_example(operation))
    return found


#: Operations that only the recording itself writes.
BY_RECORDING = {"input", "constant", "guard", "identity", "is_same", "raises"}

# Arithmetic, powers, signs: what a domain does not say

INTEGERS = np.array([[3, 5, 0], [6, 2, 9]])
OTHER_INTEGERS = np.array([1, 2, 4])
for _ufunc in (
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.left_shift,
    np.right_shift,
    np.gcd,
    np.lcm,
):
    example(_ufunc.__name__, _ufunc, INTEGERS, OTHER_INTEGERS)
example("invert", np.invert, INTEGERS)
example("bitwise_count", np.bitwise_count, INTEGERS)
example("ldexp", lambda x: np.ldexp(x, np.array([1, -2, 0])), normal(2, 3))
example("power", np.power, uniform(0.3, 3.0, 2, 3), uniform(-2.0, 2.0, 3))
example("power", lambda x: x**3, normal(2, 3), label="cube")
example("power", lambda x: x**-2, positive(3), label="inverse_square")
example("power", lambda x: 2.0**x, normal(3), label="of_two")
example("power", lambda x: x ** np.array([0, 1, 2]), normal(2, 3), label="integers")
example("stop_gradient", lambda x: stop_gradient(x), normal(3), order=0)
example("fsum", lambda x, y, z: apply(REGISTRY["fsum"], x, y, z), 0.5, 1e17, -1e17)
example(
    "python_round",
    lambda x: apply(REGISTRY["python_round"], x, decimals=2),
    normal(2, 3),
    order=0,
)
example("valued_as", lambda x: apply(REGISTRY["valued_as"], x, 1.0 * x), normal(2, 3))

example("modf", np.modf, normal(2, 3))
example("conjugate", np.conjugate, complex_normal(2, 3))
example("conjugate", np.conj, normal(3), label="real")
example("real", np.real, complex_normal(2, 3))
example("real", np.real, normal(3), label="real")
example("imag", np.imag, complex_normal(2, 3))
example("imag", np.imag, normal(3), label="real")
example("complex_sign", np.sign, complex_normal(2, 3))
example("arctan2", np.arctan2, positive(2, 3), positive(3))
example("arctan2", lambda z: np.angle(z), complex_normal(2, 3), label="angle")
example("arctan2", lambda z: np.angle(z, deg=True), complex_normal(3), label="degrees")
example("remainder", lambda x, y: np.divmod(x, y)[1], normal(2, 3), positive(3))

# Reading and writing elements

example("getitem", lambda x: x[1], normal(3))
example("getitem", lambda x: x[1:, ::-2], normal(3, 4), label="slices")
example("getitem", lambda x: x[..., None, 0], normal(3, 4), label="new_axis")
example("getitem", lambda x: x[[0, 2, 0]], normal(3, 2), label="repeated")
example("getitem", lambda x: x[x > 0], distinct(3, 4), label="mask")
example("getitem", lambda x: x[[0, 1], 1:, [2, 0]], normal(2, 3, 4), label="mixed")


def stored(x: Any, y: Any) -> Any:
    """Return an array after writes into it and through views of it."""
    z = x * 1.0
    z[1] = y
    z[:, 0] *= 2.0
    z.reshape(-1)[2:4] += z[0, :2]
    return z


def stored_at(x: Any, y: Any) -> Any:
    """Return an array after a write at repeated indices."""
    z = x * 1.0
    z[np.array([0, 2, 0])] = y
    return z


example("store", stored, normal(3, 4), normal(4))
example("store", stored_at, normal(3), normal(3), label="repeated")
example(
    "index_add",
    lambda x, y: apply(
        REGISTRY["index_add"], x, y, chain=(), key=(slice_key(1, None),)
    ),
    normal(3),
    normal(2),
)


def slice_key(start: int, stop: int | None) -> Any:
    """Return a slice as settings have it."""
    from wengert.ops.index import Slice

    return Slice(start, stop, None)


# Several results

example("item", lambda x: np.modf(x)[0], normal(3))

# Reductions

MASK = np.array([[True, False, True], [False, True, True]])
example("sum", lambda x: np.sum(x), normal(2, 3))
example("sum", lambda x: np.sum(x, axis=-1, keepdims=True), normal(2, 3), label="axis")
example("sum", lambda x: np.sum(x, axis=(0, 2)), normal(2, 3, 2), label="axes")
example("sum", lambda x: np.sum(x, axis=0), normal(0, 3), label="empty")
example("sum", lambda x: np.sum(x), single(normal(2, 3)), label="single")
example("sum", lambda x: np.sum(x, axis=1), complex_normal(2, 3), label="complex")
example("sum_where", lambda x: np.sum(x, initial=2.0), normal(3), label="initial")
example("sum_where", lambda x: np.sum(x, axis=1, where=MASK), normal(2, 3))
example("prod", lambda x: np.prod(x), normal(2, 3))
example("prod", lambda x: np.prod(x, axis=1), normal(2, 3), label="axis")
example("prod", lambda x: np.prod(x, axis=0), complex_normal(2, 3), label="complex")
example("prod_where", lambda x: np.prod(x, axis=1, where=MASK), normal(2, 3))
example("max", lambda x: np.max(x), distinct(2, 3))
example("max", lambda x: np.max(x, axis=1, keepdims=True), distinct(2, 3), label="axis")
example("min", lambda x: np.min(x, axis=0), distinct(2, 3))
example("nanmax", lambda x: np.nanmax(x, axis=1), distinct(2, 3))
example("nanmin", lambda x: np.nanmin(x), distinct(2, 3))
example("argmax", lambda x: np.argmax(x, axis=1), distinct(2, 3))
example("argmin", lambda x: np.argmin(x), distinct(2, 3))
example("any", lambda x: np.any(x > 0, axis=1), distinct(2, 3))
example("all", lambda x: np.all(x > 0), distinct(2, 3))
example("count_nonzero", lambda x: np.count_nonzero(x > 0), distinct(2, 3))

# Shape and data movement

example("reshape", lambda x: np.reshape(x, (3, -1)), normal(2, 3))
example("transpose", lambda x: np.transpose(x, (2, 0, 1)), normal(2, 3, 2))
example("broadcast_to", lambda x: np.broadcast_to(x, (2, 2, 3)), normal(2, 1))
example("copy", lambda x: np.copy(x), normal(2, 3))
example("astype", lambda x: np.astype(x * 1, np.complex128), normal(2, 3))
example("astype_exact", lambda x: np.astype(x * 1, np.int64), normal(2, 3))
example("diagonal", lambda x: np.diagonal(x, 1, 0, 2), normal(2, 3, 3))
example("stack", lambda x, y: np.stack([x, y], axis=1), normal(2, 3), normal(2, 3))
example(
    "concatenate",
    lambda x, y: np.concatenate([x, y], axis=1),
    normal(2, 3),
    normal(2, 2),
)

# Products

example("matmul", np.matmul, normal(2, 3), normal(3, 4))
example("matmul", np.matmul, normal(3), normal(3), label="vectors")
example("matmul", np.matmul, normal(2, 3), normal(3), label="matrix_vector")
example("matmul", np.matmul, normal(3), normal(2, 3, 4), label="vector_matrices")
example("matmul", np.matmul, normal(2, 1, 2, 3), normal(2, 3, 2), label="broadcast")
example("matmul", np.matmul, complex_normal(2, 3), normal(3, 2), label="complex")
example("dot", np.dot, normal(2, 3), normal(3, 2))
example("dot", np.dot, normal(2, 3), normal(2, 3, 2), label="nd")
example("vecdot", np.vecdot, complex_normal(2, 3), complex_normal(3))
example("einsum", lambda x, y: np.einsum("ij,jk->ki", x, y), normal(2, 3), normal(3, 2))
example("einsum", lambda x: np.einsum("iij->j", x), normal(3, 3, 2), label="trace")
example("convolve", lambda x, y: np.convolve(x, y, "same"), normal(5), normal(3))

# Selecting and sorting

example("where", lambda x, y: np.where(MASK, x, y), normal(2, 3), normal(3))
example("where", lambda x: np.where(x > 0, x, 0.0), distinct(2, 3), label="number")
example("choose", lambda x, y: np.choose(INTEGERS % 2, (x, y)), normal(2, 3), normal(3))
example("clip", lambda x: np.clip(x, -0.5, 0.5), distinct(2, 3))
example(
    "clip",
    lambda x, a: np.clip(x, a, a + 0.7),
    distinct(2, 3),
    normal(3),
    label="moving",
)
example(
    "minimum", lambda x, a: np.clip(x, None, a), normal(2, 3), normal(), label="clip"
)
example("select", lambda x: np.select([x > 1, x > 0], [x**2, x], -x), distinct(2, 3))
example(
    "piecewise",
    lambda x: np.piecewise(x, [x < 0, x >= 0], [-1, lambda x: x**2]),
    distinct(6),
)
example("extract", lambda x: np.extract(MASK, x), normal(2, 3))
example("compress", lambda x: np.compress([True, False, True], x, axis=1), normal(2, 3))
example("take", lambda x: np.take(x, [0, 2, 0], axis=1), normal(2, 3))
example("take", lambda x: np.take(x, [0, 7], mode="clip"), normal(2, 3), label="clip")
example(
    "take_along_axis",
    lambda x: np.take_along_axis(x, np.array([[0, 2], [1, 1]]), axis=1),
    normal(2, 3),
)
example("nan_to_num", lambda x: np.nan_to_num(x), normal(2, 3))
example("sort", lambda x: np.sort(x, axis=0), distinct(3, 2))
example("sort", lambda x: np.sort(x, axis=None), distinct(3, 2), label="flat")
example("partition", lambda x: np.partition(x, 2), distinct(5))
example("argsort", lambda x: np.argsort(x, axis=1), distinct(2, 3))
example("argpartition", lambda x: np.argpartition(x, 2), distinct(5))
example("count_unique", lambda x: np.unique(x, return_counts=True)[1], distinct(4))
example("tally", lambda x: np.bincount(np.argsort(x)), distinct(4))
example("divmod", np.divmod, normal(2, 3), positive(3))
example("lexsort", lambda x: np.lexsort((x[0], x[1])), distinct(2, 4))
example(
    "searchsorted", lambda x: np.searchsorted(np.array([-0.4, 0.1]), x), distinct(3)
)
example("digitize", lambda x: np.digitize(x, np.array([-0.4, 0.1])), distinct(3))
example("nonzero", lambda x: np.nonzero(x > 0), distinct(3, 2))
example("flatnonzero", lambda x: np.flatnonzero(x > 0), distinct(3, 2))
example("argwhere", lambda x: np.argwhere(x > 0), distinct(3, 2))
example("unique", lambda x: np.unique(x), distinct(4))
example(
    "unique",
    lambda x: np.unique(x, return_inverse=True)[1],
    distinct(4),
    label="inverse",
)
example("unique_all", lambda x: np.unique_all(x)[0], distinct(4))
example("unique_inverse", lambda x: np.unique_inverse(x)[0], distinct(4))
example("unique_counts", lambda x: np.unique_counts(x)[0], distinct(4))
example("union1d", np.union1d, distinct(3), uniform(5.0, 6.0, 2))
example("setdiff1d", np.setdiff1d, distinct(3), uniform(5.0, 6.0, 2))
example("setxor1d", np.setxor1d, distinct(3), uniform(5.0, 6.0, 2))
example("intersect1d", lambda x: np.intersect1d(x, x), distinct(3))
example("isin", np.isin, INTEGERS, OTHER_INTEGERS)
example("sort_complex", np.sort_complex, complex_normal(3))
example("unique_values", lambda x: np.unique_values(x), distinct(4))
example("bincount", lambda w: np.bincount([0, 2, 2], w), normal(3))
example("histogram", lambda x: np.histogram(x, 3)[0], distinct(5))
example(
    "interval",
    lambda x: np.interp(x, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0]),
    uniform(0.1, 0.9, 3),
)
example(
    "interp",
    lambda x, y: np.interp(x, np.array([0.0, 1.0, 2.0]), y),
    uniform(1.1, 1.9, 4),
    normal(3),
)
example("isclose", lambda x, y: np.isclose(x, y), normal(3), normal(3))

# Along an axis

example("cumsum", lambda x: np.cumsum(x, axis=1), normal(2, 3))
example("cumsum", lambda x: np.cumsum(x), normal(2, 3), label="flat")
example("cumprod", lambda x: np.cumprod(x, axis=0), normal(3, 2))
example("cumprod", lambda x: np.cumprod(x), positive(4), label="flat")
example("recurrence", lambda x: jvp(np.cumprod, (x,), (x**2,))[1], positive(4))
for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    example(f"{_ufunc.__name__}_accumulate", _ufunc.accumulate, distinct(5))
example("cumulative_sum", lambda x: np.cumulative_sum(x, axis=0), normal(3, 2))
example("cumulative_prod", lambda x: np.cumulative_prod(x, axis=0), normal(3, 2))
example("nancumsum", lambda x: np.nancumsum(x, axis=0), normal(3, 2))
example("nancumprod", lambda x: np.nancumprod(x, axis=0), normal(3, 2))
example("diff", lambda x: np.diff(x, 2, axis=0), normal(4, 2))
example("ediff1d", lambda x: np.ediff1d(x, to_end=x[:2]), normal(4))
example("gradient", lambda x: np.gradient(x, 0.5, axis=0), normal(4, 2))
example("trapezoid", lambda y, x: np.trapezoid(y, x), normal(2, 4), normal(4))
example("unwrap", lambda x: np.unwrap(x), uniform(-9, 9, 5))

# Statistics

example("mean", lambda x: np.mean(x, axis=0), normal(3, 2))
example("mean", lambda x: np.mean(x), single(normal(3, 2)), label="single")
example(
    "average", lambda x, w: np.average(x, axis=1, weights=w), normal(2, 3), positive(3)
)
example("var", lambda x: np.var(x, axis=1, ddof=1), normal(2, 3))
example("var", lambda x: np.var(x), complex_normal(3), label="complex")
example("std", lambda x: np.std(x, axis=0), normal(3, 2))
example("median", lambda x: np.median(x, axis=1), distinct(2, 4))
example("quantile", lambda x: np.quantile(x, 0.3, axis=0), distinct(4, 2))
example("quantile", lambda x: np.quantile(x, [0.2, 0.7]), distinct(5), label="several")
example("percentile", lambda x: np.percentile(x, 40.0), distinct(5))
example("ptp", lambda x: np.ptp(x, axis=1), distinct(2, 3))
example("cov", lambda x: np.cov(x), normal(2, 5))
example("corrcoef", lambda x: np.corrcoef(x), normal(2, 5))
# Fourier transforms

example("fft", lambda x: np.fft.fft(x, axis=0), normal(3, 4))
example("fft", lambda x: np.fft.fft(x, 3), complex_normal(2, 4), label="cut_off")
example("ifft", np.fft.ifft, complex_normal(2, 4))
example("rfft", lambda x: np.fft.rfft(x, norm="ortho"), normal(2, 5))
example("irfft", np.fft.irfft, complex_normal(2, 4))
example(
    "irfft",
    lambda x: np.fft.irfft(x, 2 * x.shape[0] - 1),
    complex_normal(4),
    label="odd",
)
example("hfft", np.fft.hfft, complex_normal(4))
example("ihfft", np.fft.ihfft, normal(5))
example("fftn", lambda x: np.fft.fftn(x, axes=(0, 2)), normal(2, 2, 3))
example("ifftn", np.fft.ifftn, complex_normal(2, 3))
example("rfftn", np.fft.rfftn, normal(2, 3))
example("irfftn", np.fft.irfftn, complex_normal(2, 3))
example("fft2", np.fft.fft2, normal(2, 3))
example("ifft2", np.fft.ifft2, complex_normal(2, 3))
example("rfft2", np.fft.rfft2, normal(2, 4))
example("irfft2", np.fft.irfft2, complex_normal(2, 3))
example("fftshift", np.fft.fftshift, normal(5))
example("ifftshift", lambda x: np.fft.ifftshift(x, axes=1), normal(2, 5))
for _name in ("fftn", "ifftn", "hfftn", "irfftn"):
    example(
        f"scipy_{_name}",
        lambda x, _name=_name: getattr(sf, _name)(x, axes=(0, 1)),
        complex_normal(2, 3, 2),
    )
for _name in ("rfftn", "ihfftn"):
    example(
        f"scipy_{_name}",
        lambda x, _name=_name: getattr(sf, _name)(x, axes=(0, 1)),
        normal(2, 3, 2),
    )
for _name in ("hfftn", "hfft2"):
    example(_name, getattr(sf, _name), complex_normal(2, 3))
for _name in ("ihfftn", "ihfft2"):
    example(_name, getattr(sf, _name), normal(2, 4))
for _name in ("dctn", "dstn", "idctn", "idstn"):
    example(
        _name, lambda x, _name=_name: getattr(sf, _name)(x, axes=(0, 1)), normal(2, 3)
    )
for _name in ("dct", "dst", "idct", "idst"):
    example(
        _name,
        lambda x, _name=_name: getattr(sf, _name)(x, 3, 5, 0, norm="forward"),
        normal(4, 2),
    )
for _name in ("fht", "ifht"):
    example(
        _name, lambda x, _name=_name: getattr(sf, _name)(x, 0.1, 0.5, 0.2), normal(2, 4)
    )

# Images and signals

IMAGE, FEEDBACK = (3, 4), np.array([1.0, -0.4, 0.2])
PLACES = np.array([[0.3, 1.6, 1.1], [0.7, 2.2, 1.4]])
for _name in ("correlate1d", "convolve1d"):
    example(
        _name,
        lambda x, w, _name=_name: getattr(si, _name)(x, w, 0),
        normal(*IMAGE),
        normal(3),
    )
example(
    "ndimage_correlate",
    lambda x, w: si.correlate(x, w, mode="wrap"),
    normal(*IMAGE),
    normal(2, 3),
)
for _name, _given in {
    "uniform_filter1d": (3,),
    "uniform_filter": ((2, 3),),
    "gaussian_filter1d": (0.6,),
    "gaussian_filter": (0.6,),
    "gaussian_laplace": (0.6,),
    "gaussian_gradient_magnitude": (0.6,),
    "sobel": (),
    "prewitt": (),
    "laplace": (),
    "spline_filter1d": (),
    "spline_filter": (),
}.items():
    example(
        _name,
        lambda x, _name=_name, _given=_given: getattr(si, _name)(x, *_given),
        normal(*IMAGE),
    )
for _name, _given in {
    "maximum_filter1d": (2,),
    "maximum_filter": ((2, 3),),
    "minimum_filter1d": (2,),
    "minimum_filter": ((2, 3),),
    "median_filter": (3,),
    "rank_filter": (2, 3),
    "percentile_filter": (30, 3),
}.items():
    example(
        _name,
        lambda x, _name=_name, _given=_given: getattr(si, _name)(x, *_given),
        distinct(*IMAGE),
    )
for _name, _given in {
    "map_coordinates": (PLACES,),
    "affine_transform": (np.array([0.9, 1.1]), 0.2),
    "shift": ((0.3, -0.6),),
    "zoom": (1.4,),
    "rotate": (31.0,),
}.items():
    for _label in (_name, f"{_name}_value"):
        example(
            _label,
            lambda x, _name=_name, _given=_given: getattr(si, _name)(x, *_given),
            normal(*IMAGE),
        )
for _label, _name in (
    ("signal_convolve", "convolve"),
    ("signal_correlate", "correlate"),
    ("fftconvolve", "fftconvolve"),
    ("oaconvolve", "oaconvolve"),
    ("convolve2d", "convolve2d"),
    ("correlate2d", "correlate2d"),
    ("convolve2d_value", "convolve2d"),
):
    _given = ("direct",) if _name == "correlate" else ()
    example(
        _label,
        lambda x, w, _name=_name, _given=_given: getattr(ss, _name)(
            x, w, "same", *_given
        ),
        normal(*IMAGE),
        normal(2, 2),
    )
example("lfilter", ss.lfilter, normal(2), uniform(0.5, 1.0, 2), normal(2, 4))
example(
    "lfilter_value",
    lambda b, x: ss.lfilter(b, FEEDBACK, x, zi=b[1:]),
    normal(3),
    normal(5),
)
SECTIONS = np.array([[0.3, 0.2, 0.5, 1.0, -0.4, 0.2], [0.1, 0.7, 0.0, 1.0, 0.3, 0.0]])
for _label in ("sosfilt", "sosfilt_value"):
    example(_label, lambda x: ss.sosfilt(SECTIONS, x), normal(5))
example("upfirdn", lambda h, x: ss.upfirdn(h, x, 3, 2), normal(4), normal(2, 3))
example(
    "upfirdn_value",
    lambda h, x: ss.upfirdn(h, x, 2, 1, axis=0, mode="smooth"),
    normal(3),
    normal(3, 2),
)
for _label in ("savgol_filter", "savgol_value"):
    example(_label, lambda x: ss.savgol_filter(x, 4, 2), normal(2, 6))
example("detrend", lambda x: ss.detrend(x), normal(2, 5))
example("hilbert", lambda x: ss.hilbert(x), normal(2, 5))

# Interpolation

KNOTS = np.array([0.0, 0.7, 1.5, 2.1, 3.3, 4.0, 4.9])
TABLE = np.array([0.3, -0.4, 1.1, 0.2, -0.9, 0.5, 0.8])
AUGMENTED = np.concatenate([[0.0] * 3, KNOTS, [4.9] * 3])
BETWEEN = uniform(0.8, 1.4, 3)
for _label, _kind in (
    ("ppoly", "CubicSpline"),
    ("spline_coefficients", "CubicSpline"),
    ("CubicSpline.__init__", "CubicSpline"),
    ("PchipInterpolator.__init__", "PchipInterpolator"),
    ("Akima1DInterpolator.__init__", "Akima1DInterpolator"),
    ("interp1d_value", "interp1d"),
    ("interp1d.__init__", "interp1d"),
    ("bspline_value", "make_interp_spline"),
    ("bspline_coefficients", "make_interp_spline"),
    ("make_interp_spline", "make_interp_spline"),
):
    example(
        _label,
        lambda y, x, _kind=_kind: getattr(sp, _kind)(KNOTS, y)(x),
        normal(7),
        BETWEEN,
    )
example(
    "CubicHermiteSpline.__init__",
    lambda y, d, x: sp.CubicHermiteSpline(KNOTS, y, d)(x),
    normal(7),
    normal(7),
    BETWEEN,
)
for _label in ("_PPolyBase.__init__", "PPoly.__init__"):  # the second of SciPy 1.18
    example(_label, lambda c: sp.PPoly(c, KNOTS)(1.1), normal(3, 6))
for _label, _made in (
    ("_PPolyBase.__call__", lambda: sp.CubicSpline(KNOTS, TABLE)),
    ("PPoly.__call__", lambda: sp.CubicSpline(KNOTS, TABLE)),
    ("BSpline.__call__", lambda: sp.make_interp_spline(KNOTS, TABLE)),
    ("UnivariateSpline.__call__", lambda: sp.UnivariateSpline(KNOTS, TABLE, s=0.1)),
    ("_Interpolator1D.__call__", lambda: sp.interp1d(KNOTS, TABLE)),
):
    example(_label, lambda x, _made=_made: _made()(x), BETWEEN)
example(
    "ppoly_antiderivative",
    lambda y: sp.CubicSpline(KNOTS, y).antiderivative()(1.1),
    normal(7),
)
example(
    "PPoly.integrate",
    lambda a: sp.CubicSpline(KNOTS, TABLE).integrate(a, 3.0),
    uniform(0.8, 1.4),
)
example(
    "ppoly_integral", lambda y: sp.CubicSpline(KNOTS, y).integrate(1.0, 3.0), normal(7)
)
for _label in ("bspline_integral", "BSpline.integrate"):
    example(
        _label,
        lambda a: sp.make_interp_spline(KNOTS, TABLE).integrate(a, 3.0),
        uniform(0.8, 1.4),
    )
example("BSpline.__init__", lambda c: sp.BSpline(AUGMENTED, c, 3)(1.1), normal(9))
example(
    "make_lsq_spline",
    lambda y: sp.make_lsq_spline(np.linspace(0, 4.9, 15), y, AUGMENTED)(1.1),
    normal(15),
)
for _label in ("splev", "splev_value"):
    example(_label, lambda c, x: sp.splev(x, (AUGMENTED, c, 3)), normal(9), BETWEEN)
for _label in ("grid_value", "RegularGridInterpolator.__init__"):
    example(
        _label,
        lambda v, x: sp.RegularGridInterpolator((KNOTS[:3], KNOTS[:4]), v)(x),
        normal(3, 4),
        uniform(0.8, 1.4, 3, 2),
    )
example(
    "RegularGridInterpolator.__call__",
    lambda x: sp.RegularGridInterpolator((KNOTS, KNOTS), np.outer(TABLE, TABLE))(x),
    uniform(0.8, 1.4, 3, 2),
)
example(
    "interpn",
    lambda v, x: sp.interpn((KNOTS[:3], KNOTS[:4]), v, x),
    normal(3, 4),
    uniform(0.8, 1.4, 3, 2),
)

# Histograms and windows

EDGES = np.array([-2.0, -0.5, 0.5, 2.0])
example(
    "histogram_value",
    lambda x, w: np.histogram(x, EDGES, weights=w, density=True)[0],
    distinct(6),
    positive(6),
)
for _label in ("histogram_bin_edges", "bin_edges_value"):
    example(_label, lambda x: np.histogram_bin_edges(x, 3), distinct(6))
for _label in ("histogram2d", "histogramdd"):
    example(
        _label,
        {
            "histogram2d": lambda x, w: np.histogram2d(x, x[::-1], 2, weights=w),
            "histogramdd": lambda x, w: np.histogramdd([x], (3,), weights=w)[0],
        }[_label],
        distinct(6),
        positive(6),
    )
example(
    "quantile",
    lambda x, q: np.quantile(x, q, axis=1),
    distinct(2, 5),
    uniform(0.3, 0.45, 2),
    label="q",
)
example(
    "sliding_window_view",
    lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)) ** 2,
    normal(3, 4),
)
for _function in (np.isposinf, np.isneginf):
    example(_function.__name__, _function, np.array([np.inf, -np.inf, np.nan, 1.0]))

WITH_NAN = np.array([[0.0, np.nan, 0.0, 0.0], [0.0, 0.0, 0.0, np.nan]])
for _function in (
    np.nanmean,
    np.nanvar,
    np.nanstd,
    np.nansum,
    np.nanprod,
    np.nanmedian,
):
    example(
        _function.__name__,
        lambda x, _function=_function: _function(x + WITH_NAN, axis=1),
        distinct(2, 4),
    )
example(
    "nanquantile", lambda x: np.nanquantile(x + WITH_NAN, 0.3, axis=1), distinct(2, 4)
)
example(
    "nanpercentile",
    lambda x: np.nanpercentile(x + WITH_NAN, 30, axis=1),
    distinct(2, 4),
)
example("nanargmax", lambda x: np.nanargmax(x + WITH_NAN, axis=1), distinct(2, 4))
example("nanargmin", lambda x: np.nanargmin(x + WITH_NAN, axis=1), distinct(2, 4))
example("amax", lambda x: np.amax(x, axis=0), distinct(2, 3))
example("amin", lambda x: np.amin(x, axis=0), distinct(2, 3))

# Shapes made of other shapes

example("append", lambda x, y: np.append(x, y), normal(2), normal(3))
example("array_split", lambda x: np.array_split(x, 3), normal(5))
example("split", lambda x: np.split(x, [1, 2], axis=1), normal(2, 4))
example("hsplit", lambda x: np.hsplit(x, 2), normal(2, 4))
example("vsplit", lambda x: np.vsplit(x, 2), normal(2, 4))
example("dsplit", lambda x: np.dsplit(x, 2), normal(1, 2, 4))
example("unstack", lambda x: np.unstack(x, axis=1), normal(2, 3))
example("atleast_1d", lambda x: np.atleast_1d(x), normal())
example("atleast_2d", lambda x: np.atleast_2d(x), normal(3))
example("atleast_3d", lambda x: np.atleast_3d(x), normal(3))
example("block", lambda x, y: np.block([[x, y], [y, x]]), normal(2, 2), normal(2, 2))
example(
    "broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y), normal(2, 1), normal(3)
)
example("column_stack", lambda x, y: np.column_stack([x, y]), normal(3), normal(3, 2))
example("hstack", lambda x, y: np.hstack([x, y]), normal(3), normal(2))
example("vstack", lambda x, y: np.vstack([x, y]), normal(3), normal(2, 3))
example("dstack", lambda x, y: np.dstack([x, y]), normal(2, 3), normal(2, 3))
example("delete", lambda x: np.delete(x, [0, 2]), normal(4))
example("insert", lambda x, y: np.insert(x, 1, y), normal(4), normal())
example("diag", lambda x: np.diag(x), normal(3))
example("diag", lambda x: np.diag(x, 1), normal(3, 3), label="of_matrix")
example("diagflat", lambda x: np.diagflat(x, 1), normal(2, 2))
example("expand_dims", lambda x: np.expand_dims(x, (0, 2)), normal(3))
example("flip", lambda x: np.flip(x, 1), normal(2, 3))
example("fliplr", lambda x: np.fliplr(x), normal(2, 3))
example("flipud", lambda x: np.flipud(x), normal(2, 3))
example("matrix_transpose", lambda x: np.matrix_transpose(x), normal(2, 2, 3))
example("ix_", lambda x, y: np.ix_(x, y, [True, False]), normal(2), normal(3))
example("meshgrid", lambda x, y: np.meshgrid(x, y), normal(2), normal(3))
example("moveaxis", lambda x: np.moveaxis(x, 0, -1), normal(2, 3, 2))
example("rollaxis", lambda x: np.rollaxis(x, 2), normal(2, 3, 2))
example("swapaxes", lambda x: np.swapaxes(x, 0, 1), normal(2, 3))
example("pad", lambda x: np.pad(x, ((1, 0), (0, 2))), normal(2, 3))
example("pad", lambda x: np.pad(x, 2, mode="reflect"), normal(4), label="reflect")
example("pad", lambda x: np.pad(x, 2, mode="wrap"), normal(4), label="wrap")
example("pad", lambda x: np.pad(x, 1, mode="edge"), normal(2, 3), label="edge")
example("ravel", lambda x: np.ravel(x), normal(2, 3))
example("ravel", lambda x: np.ravel(x, order="K"), normal(2, 3), label="as_it_lies")
example("repeat", lambda x: np.repeat(x, 2, axis=1), normal(2, 3))
example("repeat", lambda x: np.repeat(x, [1, 0, 2]), normal(3), label="counts")
example("resize", lambda x: np.resize(x, (2, 4)), normal(3))
example("roll", lambda x: np.roll(x, (1, 2), axis=(0, 1)), normal(2, 3))
example("rot90", lambda x: np.rot90(x), normal(2, 3))
example("squeeze", lambda x: np.squeeze(x), normal(1, 3, 1))
example("tile", lambda x: np.tile(x, (2, 2)), normal(3))
example("trace", lambda x: np.trace(x, 1), normal(3, 3))
example("tril", lambda x: np.tril(x, -1), normal(3, 3))
example("triu", lambda x: np.triu(x), normal(2, 3, 3))
example("vander", lambda x: np.vander(x, 3), normal(3))

# Makers

example("zeros_like", lambda x: np.zeros_like(x) + x, normal(3))
example("ones_like", lambda x: np.ones_like(x) * x, normal(3))
example("full_like", lambda x, y: np.full_like(x, y), normal(3), normal())
example("linspace", lambda x, y: np.linspace(x, y, 5), normal(), normal())
example("logspace", lambda x, y: np.logspace(x, y, 4), normal(), normal())
example("geomspace", lambda x, y: np.geomspace(x, y, 4), positive(), positive())


def written(write: Function) -> Function:
    """Return a function that writes into a copy of its first argument."""

    def function(x: Any, *others: Any) -> Any:
        z = x * 1.0
        write(z, *others)
        return z

    return function


COLUMNS = np.array([[2], [0]])
example("copyto", written(lambda z, y: np.copyto(z, y)), normal(2, 3), normal(3))
example(
    "copyto",
    written(lambda z, y: np.copyto(z, y, where=MASK)),
    normal(2, 3),
    normal(3),
    label="where",
)
example(
    "fill_diagonal",
    written(lambda z, y: np.fill_diagonal(z, y)),
    normal(3, 3),
    normal(),
)
example("place", written(lambda z, y: np.place(z, MASK, y)), normal(2, 3), normal(2))
example("put", written(lambda z, y: np.put(z, [0, 4], y)), normal(2, 3), normal(2))
example(
    "putmask", written(lambda z, y: np.putmask(z, MASK, y)), normal(2, 3), normal(2, 3)
)
example(
    "put_along_axis",
    written(lambda z, y: np.put_along_axis(z, COLUMNS, y, axis=1)),
    normal(2, 3),
    normal(2, 1),
)
example(
    "apply_along_axis",
    lambda x: np.apply_along_axis(lambda row: np.sum(row**2), 1, x),
    normal(2, 3),
)
example(
    "apply_over_axes",
    lambda x: np.apply_over_axes(np.prod, x, (0, -1)),
    normal(2, 3),
)

# Products made of others

example("matvec", np.matvec, normal(2, 2, 3), normal(3))
example("vecmat", np.vecmat, complex_normal(2), complex_normal(2, 3))
example("vdot", np.vdot, complex_normal(3), complex_normal(3))
example("inner", np.inner, normal(2, 3), normal(4, 3))
example("outer", np.outer, normal(2), normal(3))
example(
    "tensordot",
    lambda x, y: np.tensordot(x, y, axes=([1], [0])),
    normal(2, 3),
    normal(3, 2),
)
example("kron", np.kron, normal(2, 2), normal(2, 3))
example("cross", np.cross, normal(2, 3), normal(3))
example("correlate", lambda x, y: np.correlate(x, y, "full"), normal(4), normal(3))
example("polyval", np.polyval, normal(3), normal(2))

# NumPy's own special functions, and numbers taken apart

example("sinc", lambda x: np.sinc(x), normal(2, 3))
example("i0", lambda x: np.i0(x), normal(3))
example("round", lambda x: np.round(x, 1), normal(3))
example("around", lambda x: np.around(x), normal(3))
example("fix", lambda x: np.fix(x), normal(3))
example("frexp", np.frexp, positive(3))
example("angle", np.angle, complex_normal(3))
example("sign", np.sign, normal(3))

# Methods of ufuncs

example("add_reduceat", lambda x: np.add.reduceat(x, [0, 2, 1], axis=1), normal(2, 4))
example("reduceat", lambda x: np.logical_or.reduceat(x > 0, [0, 2]), distinct(4))
example("reduce", lambda x: np.logical_xor.reduce(x > 0, axis=1), distinct(2, 3))
example("accumulate", lambda x: np.logical_or.accumulate(x > 0), distinct(4))
example("add", lambda x, y: np.add.outer(x, y), normal(2), normal(3), label="outer")
example("sum", lambda x: np.add.reduce(x, axis=1), normal(2, 3), label="reduce")
example("subtract", lambda x: np.subtract.reduce(x), normal(4), label="reduce")
example("divide", lambda x: np.divide.accumulate(x), positive(4), label="accumulate")
example("logaddexp", lambda x: np.logaddexp.reduce(x, axis=1), normal(2, 3))
example(
    "index_add",
    written(lambda z, y: np.add.at(z, [0, 2, 0], y)),
    normal(3),
    normal(3),
    label="at",
)

# What the methods of ufuncs need beyond reductions

example("reduce", lambda x: np.bitwise_or.reduce(x, axis=1), INTEGERS)
example("accumulate", lambda x: np.bitwise_xor.accumulate(x, axis=1), INTEGERS)
example("reduceat", lambda x: np.gcd.reduceat(x, [0, 2], axis=1), INTEGERS)
example("add_reduceat", lambda x: np.add.reduceat(x, [0, 2, 1], axis=1), normal(2, 3))


def of_parts(x: Any, y: Any) -> Any:
    """Return a complex array whose parts were written one after the other."""
    z = np.zeros(4, complex)
    z.real = x
    z.imag[1:] = y * x[:3]
    return z * z


example("store", of_parts, normal(4), normal(3), label="parts")

# Polynomials by their coefficients, and places as one number

example("polyadd", np.polyadd, normal(3), normal(5))
example("polysub", np.polysub, normal(5), normal(3))
example("poly", np.poly, normal(3))
example("roots", np.roots, lambda random: np.poly([-1.3, 0.4, random.uniform(1, 2)]))
example("polydiv", lambda u: np.polydiv(u, [1.5, -0.5])[0], normal(4))
example("polyfit", lambda x, y: np.polyfit(x, y, 1), distinct(5), normal(5))
example("polymul", np.polymul, normal(3), normal(4))
example("polyder", lambda p: np.polyder(p, 2), normal(5))
example("polyint", lambda p: np.polyint(p, 2, [3.0, 1.0]), normal(4))
INFINITE = np.array([1.0, np.inf, -np.inf])
example(
    "isposinf", lambda x: np.where(np.isposinf(x * INFINITE), x, 2.0 * x), normal(3)
)
example(
    "isneginf", lambda x: np.where(np.isneginf(x * INFINITE), x, 2.0 * x), normal(3)
)
example("isreal", lambda x: np.where(np.isreal(x * 1j), x, 2.0 * x), normal(3))
example("iscomplex", lambda x: np.where(np.iscomplex(x * 1j), x, 2.0 * x), normal(3))
example("real_if_close", lambda x: np.real_if_close(x * (1.0 + 0j)), normal(3))
example("trim_zeros", lambda x: np.trim_zeros(x * np.array([0, 1.0, 1, 0])), normal(4))
example(
    "unravel_index",
    lambda x: x[np.unravel_index(np.argmax(x), (2, 3))] * x,
    distinct(2, 3),
)
example(
    "ravel_multi_index",
    lambda x: np.ravel(x)[np.ravel_multi_index(np.nonzero(x > 0), (2, 3))],
    distinct(2, 3),
)

# Linear algebra


def definite(*shape: int) -> Function:
    """Draw symmetric positive definite matrices, with eigenvalues from 1 on."""

    def draw(random: np.random.Generator) -> Any:
        x = random.standard_normal(shape)
        return x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])

    return draw


def hermitian(*shape: int) -> Function:
    """Draw Hermitian positive definite matrices."""

    def draw(random: np.random.Generator) -> Any:
        x = complex_normal(*shape)(random)
        return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(shape[-1])

    return draw


def regular(*shape: int) -> Function:
    """Draw matrices that are well away from singular ones."""
    return lambda random: random.standard_normal(shape) + 3.0 * np.eye(*shape[-2:])


def complex_regular(*shape: int) -> Function:
    """Draw complex matrices that are well away from singular ones."""
    return lambda random: complex_normal(*shape)(random) + 3.0 * np.eye(*shape[-2:])


def separated(*shape: int) -> Function:
    """Draw matrices whose singular values are 1, 2, 3."""

    def draw(random: np.random.Generator) -> Any:
        k = min(shape[-2:])
        left, right = (
            np.linalg.qr(random.standard_normal((*shape[:-2], n, k)))[0]
            for n in shape[-2:]
        )
        return left * np.arange(1.0, k + 1) @ np.swapaxes(right, -1, -2)

    return draw


def real_eigenvalues(*shape: int) -> Function:
    """Draw matrices whose eigenvalues are 1, 2, 3, and not symmetric."""

    def draw(random: np.random.Generator) -> Any:
        v = random.standard_normal(shape) / 3 + np.eye(shape[-1])
        return v * np.arange(1.0, shape[-1] + 1) @ np.linalg.inv(v)

    return draw


def without_phase(function: Function) -> Function:
    """Return a decomposition's results where a factor of size 1 does not show."""

    def invariant(x: Any) -> Any:
        w, v = function(x)
        first = v[..., :, :1]
        return w, np.abs(v), first @ np.conj(np.swapaxes(first, -1, -2))

    return invariant


def singular_parts(x: Any) -> Any:
    """Return what a singular value decomposition says, but phases."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return s, np.abs(u), np.abs(vh), u[..., :, :1] @ vh[..., :1, :]


def singular_spaces(x: Any) -> Any:
    """Return what a full singular value decomposition says, but bases of spaces."""
    u, s, vh = np.linalg.svd(x)
    k = s.shape[-1]
    left, right = u[..., :, k:], vh[..., k:, :]
    return s, u[..., :, :k], vh[..., :k, :], left @ left.T, right.T @ right


def complete_parts(x: Any) -> Any:
    """Return what a complete QR decomposition says, but a basis of a space."""
    q, r = np.linalg.qr(x, "complete")
    rest = q[..., :, r.shape[-1] :]
    return q[..., :, : r.shape[-1]], r, rest @ np.conj(rest.T)


la = np.linalg
example("solve", la.solve, regular(3, 3), normal(3, 2))
example("solve", la.solve, regular(2, 3, 3), regular(3, 3), label="stack")
example("solve", la.solve, complex_regular(2, 2), normal(2, 1), label="complex")
example("solve", la.solve, normal(0, 3, 3), normal(0, 3, 1), label="none")
example("solve", la.solve, normal(0, 0), normal(0, 2), label="of_nothing")
example("solve_vector", la.solve, regular(3, 3), normal(3))
example("solve_vector", la.solve, regular(2, 3, 3), normal(3), label="stack")
example("solve_vector", la.solve, regular(1, 1), normal(1), label="number")
example("tensorsolve", la.tensorsolve, regular(2, 3, 6), normal(2, 3))
example(
    "tensorsolve",
    lambda a, b: la.tensorsolve(a, b, axes=(1,)),
    regular(2, 6, 3),
    normal(2, 3),
    label="axes",
)
example("inv", la.inv, regular(3, 3))
example("inv", la.inv, complex_regular(2, 2, 2), label="complex")
example("inv", la.inv, normal(0, 0), label="of_nothing")
example("tensorinv", lambda x: la.tensorinv(x, ind=1), regular(6, 2, 3))
example("det", la.det, normal(3, 3))
example("det", la.det, normal(2, 3, 3), label="stack")
example("det", la.det, complex_normal(2, 2), label="complex")
example("det", la.det, normal(1, 1), label="number")
example("det", la.det, normal(0, 0), label="of_nothing")
example("det", la.det, np.arange(9.0).reshape(3, 3), label="singular")
example("cofactors", lambda x: apply(REGISTRY["cofactors"], x), normal(3, 3))
example(
    "cofactors_tangent",
    lambda x, t: apply(REGISTRY["cofactors_tangent"], x, t),
    regular(3, 3),
    normal(3, 3),
)
example("slogdet", la.slogdet, normal(3, 3))
example("slogdet", la.slogdet, complex_regular(2, 2, 2), label="complex")
example(
    "slogdet_gradient", lambda x: apply(REGISTRY["slogdet_gradient"], x), regular(3, 3)
)
example("cholesky", la.cholesky, definite(3, 3))
example("cholesky", la.cholesky, hermitian(2, 2, 2), label="complex")
example(
    "cholesky", lambda x: la.cholesky(x, upper=True), hermitian(2, 2), label="upper"
)
example("cholesky", la.cholesky, definite(0, 0), label="of_nothing")
example(
    "cholesky_pull",
    lambda g, x: apply(REGISTRY["cholesky_pull"], g, x),
    normal(2, 3, 3),
    regular(2, 3, 3),
)
example("eigh", la.eigh, definite(3, 3))
example("eigh", lambda x: la.eigh(x, "U"), definite(2, 3, 3), label="upper")
example("eigh", without_phase(la.eigh), hermitian(2, 3, 3), label="complex")
example("eigh", la.eigh, definite(1, 1), label="number")
example("eigvalsh", la.eigvalsh, definite(2, 3, 3))
example("eigvalsh", lambda x: la.eigvalsh(x, "U"), hermitian(3, 3), label="complex")
PAIR = np.array([[1.0, -2.0, 0.3], [2.0, 1.5, -0.2], [0.1, 0.4, 4.0]])
example("eig", la.eig, PAIR)
example("eig", la.eig, real_eigenvalues(3, 3), label="real")
example("eig", la.eig, complex_normal(2, 2, 2), label="complex")
example("eigvals", la.eigvals, np.stack([PAIR, PAIR.T + 1.0]))
example("eigvals", la.eigvals, real_eigenvalues(3, 3), label="real")
example(
    "inverse_gaps",
    lambda x: apply(REGISTRY["inverse_gaps"], x, squares=False),
    distinct(3),
)
example(
    "inverse_gaps",
    lambda x: apply(REGISTRY["inverse_gaps"], x, squares=True),
    np.array([[0.5, 1.0, 1.7], [2.0, 1.4, 0.3]]),
    label="squares",
)
example("inverse_values", lambda x: apply(REGISTRY["inverse_values"], x), positive(3))
example("svd", lambda x: la.svd(x, full_matrices=False), separated(4, 2))
example(
    "svd", lambda x: la.svd(x, full_matrices=False), separated(2, 2, 3), label="wide"
)
example("svd", la.svd, separated(3, 3), label="square")
example("svd", singular_parts, complex_normal(3, 2), label="complex")
example("svd", singular_parts, complex_normal(2, 3), label="complex_wide")
example("svd_full", singular_spaces, separated(4, 2))
example("svd_full", singular_spaces, separated(2, 3), label="wide")
example("svdvals", la.svdvals, complex_normal(2, 3, 2))
example("eigh", lambda x: la.svd(x, hermitian=True)[1], definite(3, 3), label="svd")
example("pinv", la.pinv, normal(4, 2))
example("pinv", la.pinv, complex_normal(2, 2, 3), label="complex")
example(
    "pinv", lambda x: la.pinv(np.outer(x, x[:2]), 1e-4), normal(3), label="rank_one"
)
example("pinv", la.pinv, normal(0, 2), label="of_nothing")
example("pinv_hermitian", lambda x: la.pinv(x, hermitian=True), hermitian(3, 3))
example("lstsq", la.lstsq, normal(4, 2), normal(4))
example("lstsq_values", lambda a: la.lstsq(a, np.ones(4))[3], normal(4, 2))
example("lstsq", la.lstsq, normal(2, 3), normal(2, 2), label="wide")
example("lstsq", la.lstsq, complex_normal(3, 2), complex_normal(3, 2), label="complex")
example("cond", la.cond, regular(3, 3))
for _p in (-2, 1, -1, np.inf, "fro", "nuc"):
    example("cond", lambda x, p=_p: la.cond(x, p), regular(2, 3, 3), label=str(_p))
example("inv_or_nan", lambda x: apply(REGISTRY["inv_or_nan"], x), regular(2, 2))
example("matrix_rank", la.matrix_rank, normal(2, 3, 2))
example("qr", la.qr, normal(4, 2))
example("qr", la.qr, complex_regular(2, 2, 2), label="complex")
example("qr", la.qr, complex_normal(2, 4), label="wide")
example("qr", lambda x: la.qr(x, "r"), normal(3, 3), label="r")
example("qr_complete", complete_parts, complex_normal(4, 2))
example("matrix_power", lambda x: la.matrix_power(x, 5), normal(2, 3, 3))
example(
    "matrix_power", lambda x: la.matrix_power(x, -2), regular(2, 2), label="inverse"
)
example(
    "matrix_power", lambda x: la.matrix_power(x, 0) * x, normal(2, 2), label="zeroth"
)
example(
    "multi_dot",
    lambda x, y, z: la.multi_dot([x, y, z, y]),
    normal(3),
    normal(3, 3),
    complex_normal(3, 3),
)
example(
    "multi_dot",
    lambda x, y: la.multi_dot([x, y, x]),
    normal(2, 2),
    normal(2, 2),
    label="three",
)
for _p in (None, 0, 0.5, 1, -1, 2, 3, np.inf, -np.inf):
    example(
        "norm",
        lambda x, p=_p: la.norm(x, p, axis=1),
        normal(2, 3),
        label=f"vector_{_p}",
    )
for _p in (None, 1, -1, 2, -2, np.inf, -np.inf, "nuc"):
    example(
        "norm",
        lambda x, p=_p: la.norm(x, p, axis=(2, 0), keepdims=True),
        normal(3, 2, 2),
        label=f"matrix_{_p}",
    )
example("norm", la.norm, complex_normal(2, 3, 2), label="whole")
example("vector_norm", lambda x: la.vector_norm(x, axis=(0, 2)), normal(2, 3, 2))
example(
    "vector_norm",
    lambda x: la.vector_norm(x, ord=3, keepdims=True),
    normal(2, 3),
    label="keepdims",
)
example("matrix_norm", lambda x: la.matrix_norm(x, ord=2), normal(2, 3, 2))
example("trace", lambda x: la.trace(x, offset=1), normal(2, 3, 3), label="stack")
example("diagonal", lambda x: la.diagonal(x, offset=1), normal(2, 3, 3), label="stack")
example("cross", la.cross, normal(2, 3), normal(3), label="linalg")
example("outer", la.outer, normal(2), normal(3), label="linalg")
example("matmul", la.matmul, normal(2, 3), normal(3, 2), label="linalg")
example(
    "tensordot",
    lambda x, y: la.tensordot(x, y, axes=1),
    normal(2, 3),
    normal(3, 2),
    label="linalg",
)
example(
    "vecdot",
    lambda x, y: la.vecdot(x, y, axis=0),
    complex_normal(3, 2),
    complex_normal(3, 2),
    label="linalg",
)
example("matrix_transpose", la.matrix_transpose, normal(2, 2, 3), label="linalg")


# SciPy's linear algebra


def banded(size: float, *shape: int) -> Function:
    """Draw bands of which one row, the diagonal, has large numbers."""

    def draw(random: np.random.Generator) -> Any:
        x = random.standard_normal(shape) / 2
        x[int(size)] += 6.0
        return x

    return draw


def eigh_parts(a: Any, b: Any = None) -> Any:
    """Return eigenvalues, and vectors without their signs or phases."""
    w, v = sl.eigh(a, b)
    return w, np.abs(v)


for _lower in (False, True):
    _how = "lower" if _lower else "upper"
    example(
        "solve_triangular",
        lambda a, b, lower=_lower: sl.solve_triangular(a, b, lower=lower),
        regular(3, 3),
        normal(3),
        label=_how,
    )
    example(
        "scipy_cholesky",
        lambda a, lower=_lower: sl.cholesky(a, lower=lower),
        hermitian(2, 2),
        label=_how,
    )
    example(
        "cho_factor",
        lambda a, lower=_lower: sl.cho_factor(a, lower)[0],
        hermitian(2, 2, 2),
        label=_how,
    )
    example(
        "cho_solve",
        lambda c, b, lower=_lower: sl.cho_solve((c, lower), b),
        complex_regular(2, 2),
        normal(2),
        label=_how,
    )
    example(
        "solveh_banded",
        lambda ab, b, lower=_lower: sl.solveh_banded(ab, b, lower=lower),
        banded(0 if _lower else 2, 3, 5),
        normal(5),
        label=_how,
    )
example(
    "solve_triangular",
    lambda a, b: sl.solve_triangular(a, b, trans="C", unit_diagonal=True),
    complex_regular(2, 3, 3),
    normal(3, 2),
    label="adjoint",
)
example("lu_factor", lambda a: sl.lu_factor(a), normal(3, 3))
example(
    "lu_factor",
    lambda a: tuple(sl.lu_factor(a)),  # of a stack SciPy returns a list
    complex_normal(2, 4, 2),
    label="tall",
)
example("lu_factor", lambda a: sl.lu_factor(a), normal(2, 4), label="wide")
for _trans in (0, 1, 2):
    example(
        "lu_solve",
        lambda a, b, trans=_trans: sl.lu_solve(sl.lu_factor(a), b, trans),
        complex_normal(3, 3),
        normal(3),
        label=str(_trans),
    )
example(
    "order_of_pivots",
    lambda a: jvp(lambda a: sl.lu_factor(a)[0], (a,), (a * a,))[1],
    normal(3, 3),
)
example("lu", lambda a: sl.lu(a), normal(2, 3, 3))
example("lu", lambda a: sl.lu(a, permute_l=True), normal(4, 2), label="tall")
example("lu", lambda a: sl.lu(a, p_indices=True), normal(2, 4), label="wide")
example("expm", sl.expm, normal(2, 3, 3))
example("expm", sl.expm, complex_normal(2, 2), label="complex")
example("expm", sl.expm, np.zeros((2, 2)), label="of_zeros")
example(
    "expm_frechet",
    lambda a, t: sl.expm_frechet(a, t, compute_expm=False),
    normal(2, 2),
    normal(2, 2),
)
example("expm_beside", sl.expm_frechet, normal(2, 2), normal(2, 2))
example("logm", sl.logm, definite(2, 2))
example("logm", sl.logm, complex_regular(2, 2), label="complex")
example(
    "logm_frechet",
    lambda a, t: apply(REGISTRY["logm_frechet"], a, t),
    definite(2, 2),
    normal(2, 2),
    order=1,
)
example("sqrtm", sl.sqrtm, real_eigenvalues(3, 3))
example("sqrtm", sl.sqrtm, complex_regular(2, 2, 2), label="complex")
example(
    "solve_sylvester", sl.solve_sylvester, regular(3, 3), regular(2, 2), normal(3, 2)
)
for _how, _a, _q in (
    ("real", regular(3, 3), normal(3, 3)),
    ("complex", complex_regular(2, 2), complex_normal(2, 2)),
    ("stack", regular(2, 2, 2), normal(2, 2)),
):
    example(
        "solve_continuous_lyapunov", sl.solve_continuous_lyapunov, _a, _q, label=_how
    )


def riccati(name: str, **settings: Any) -> Any:
    """Return a solver of Riccati's equation, of weights that are definite."""

    def solve(a: Any, b: Any, m: Any, n: Any, e: Any = None, s: Any = None) -> Any:
        q, r = (np.matmul(x, np.conj(np.swapaxes(x, -1, -2))) + 1 for x in (m, n))
        e = None if e is None else np.eye(e.shape[-1]) + e
        return getattr(sl, name)(a, b, q, r, e, s, **settings)

    return solve


for _name in ("solve_continuous_are", "solve_discrete_are"):
    example(
        _name,
        lambda a, b, _name=_name: riccati(_name)(a, b, np.eye(2), np.eye(2)),
        uniform(-0.5, 0.5, 2, 2),
        regular(2, 2),
    )
    example(
        _name,
        riccati(_name, balanced=False),  # SciPy's balance is not for all e
        uniform(-0.5, 0.5, 2, 2),
        regular(2, 2),
        normal(2, 2),
        normal(2, 2),
        uniform(-0.1, 0.1, 2, 2),
        uniform(-0.1, 0.1, 2, 2),
        order=1,
        label="all",
    )
example("polar", sl.polar, regular(3, 3))
example("polar", lambda a: sl.polar(a, "left"), complex_normal(3, 2), label="tall")
example("polar", sl.polar, normal(2, 3), label="wide")
example("toeplitz", sl.toeplitz, complex_normal(3))
example("toeplitz", sl.toeplitz, normal(3), normal(2), label="row")
example(
    "solve_toeplitz",
    lambda c, r, b: sl.solve_toeplitz((c, r), b),
    np.array([5.0, 0.5, -0.3]),
    normal(3),
    normal(3, 2),
)
example(
    "solve_toeplitz",
    lambda c, b: sl.solve_toeplitz(c, b),
    np.array([5.0, 0.5 + 1j, -0.3]),
    normal(3),
    label="hermitian",
)
example(
    "solve_banded",
    lambda ab, b: sl.solve_banded((1, 2), ab, b),
    banded(2, 4, 5),
    normal(5),
)
example(
    "solve_banded",
    lambda ab, b: sl.solve_banded((2, 0), ab, b),
    banded(0, 3, 4),
    complex_normal(4, 2),
    label="columns",
)
example("circulant", sl.circulant, complex_normal(2, 3))
example("hankel", sl.hankel, normal(3))
example("hankel", sl.hankel, normal(3), complex_normal(2), label="row")
example("block_diag", sl.block_diag, normal(2, 2), normal(2), complex_normal(1, 2))
for _assume in (None, "gen", "sym", "her", "pos", "upper triangular", "tridiagonal"):
    example(
        "scipy_solve",
        lambda a, b, assume=_assume: sl.solve(a, b, assume_a=assume, lower=True),
        hermitian(3, 3) if _assume in ("her", "pos") else complex_regular(3, 3),
        normal(3),
        label=str(_assume),
    )
example(
    "scipy_solve",
    lambda a, b: sl.solve(a, b, transposed=True),
    regular(3, 3),
    normal(3),
    label="transposed",
)
example("scipy_inv", sl.inv, complex_regular(2, 2, 2))
example(
    "scipy_inv",
    lambda a: sl.inv(a, assume_a="pos", lower=True),
    definite(2, 2),
    label="pos",
)
example("scipy_det", sl.det, normal(2, 3, 3))
example("scipy_svd", lambda a: sl.svd(a, full_matrices=False), separated(3, 2))
example(
    "scipy_svd_full",
    lambda a: (lambda u, s, vh: (s, u[:, :2], vh, u[:, 2:] @ u[:, 2:].T))(*sl.svd(a)),
    separated(3, 2),
)
example("scipy_svdvals", sl.svdvals, normal(2, 3))
example("scipy_pinv", sl.pinv, normal(3, 2))
example(
    "rank_of_pinv", lambda a: sl.pinv(a, return_rank=True), normal(2, 3), label="both"
)
example("scipy_lstsq", sl.lstsq, normal(4, 2), normal(4))
example(
    "scipy_lstsq",
    lambda a, b: tuple(sl.lstsq(a, b)),  # SciPy 1.17 has a list
    normal(2, 3, 2),
    normal(3, 1),
    label="batch",
)
example("scipy_eigh", eigh_parts, definite(3, 3))
example("scipy_eigvalsh", sl.eigvalsh, hermitian(3, 3))
example("scipy_eigh_general", eigh_parts, normal(3, 3), definite(3, 3))
example(
    "scipy_eigh_general", eigh_parts, hermitian(2, 2), hermitian(2, 2), label="complex"
)
example("scipy_eig", sl.eig, PAIR)
example("scipy_eig", lambda a: sl.eig(a)[1], real_eigenvalues(3, 3), label="real")
example("scipy_eigvals", sl.eigvals, PAIR)
example("scipy_qr", lambda a: sl.qr(a, mode="economic"), complex_normal(4, 2))
example("scipy_qr", lambda a: sl.qr(a, pivoting=True), normal(2, 3), label="pivoting")
example(
    "scipy_qr_full",
    lambda a: (lambda q, r: (q[:, :2], r, q[:, 2:] @ np.conj(q[:, 2:].T)))(*sl.qr(a)),
    normal(4, 2),
)
example("scipy_qr", lambda a: sl.qr(a, mode="r"), normal(4, 2), label="r")
example("scipy_nrm2", sl.norm, complex_normal(3))
example("norm", lambda a: sl.norm(a, "nuc"), complex_normal(2, 3), label="scipy")
# SciPy's special functions that do not act on every operand alike

WHOLE = np.array([0, 1, 3])
for _name in ("kn", "yn", "expn"):
    _function = getattr(special, _name)
    example(_name, lambda x, f=_function: f(WHOLE, x), positive(2, 3))
example("lambertw", lambda x: special.lambertw(x).real, positive(2, 3))
example("lambertw", lambda x: special.lambertw(x, -1), complex_normal(3))
for _name in ("sici", "shichi", "fresnel"):
    example(_name, getattr(special, _name), positive(2, 3))
    example(_name, getattr(special, _name), complex_normal(3), label="complex")
example(
    "hyp2f1",
    lambda a, b, x: special.hyp2f1(a, b, 1.3, x * (1.0 + 0.5j)),
    positive(3),
    positive(2, 1),
    uniform(0.2, 0.6, 3),
    label="complex",
)
example("huber", special.huber, positive(3), uniform(3.0, 6.0, 3), label="outside")
for _name in "jv yv iv kv kve hyp0f1 hyp1f1".split():
    _orders = [positive(2, 3)] * (len(REGISTRY[_name].domain) - 1)
    _function = getattr(special, _name)
    example(
        _name,
        lambda *x, f=_function: f(*x[:-1], x[-1] * (1.0 + 0.5j)),
        *_orders,
        uniform(0.2, 0.6, 3),
        label="complex",
    )
for _name in ("ive", "jve", "yve"):
    _function = getattr(special, _name)
    example(_name, _function, positive(2, 3), positive(3))
    example(_name, _function, positive(2), complex_normal(2), label="complex")

for _name in ("airy", "airye"):
    _function = getattr(special, _name)
    example(_name, _function, positive(3))
    example(_name, _function, complex_normal(2), label="complex")
example("airy", special.airy, normal(2, 3), label="any")
for (
    _name
) in "kelvin itairy itj0y0 iti0k0 it2j0y0 it2i0k0 modfresnelp modfresnelm".split():
    example(_name, getattr(special, _name), positive(3))
for _name in ("eval_hermite", "eval_hermitenorm"):
    _function = getattr(special, _name)
    example(_name, lambda x, f=_function: f(WHOLE, x), normal(2, 3))
for _name in ("jn", "yn", "in", "kn"):
    _function = getattr(special, f"spherical_{_name}")
    example(f"spherical_{_name}", lambda x, f=_function: f(WHOLE, x), positive(2, 3))
    example(
        f"spherical_{_name}_slope",
        lambda x, f=_function: f(WHOLE, x, derivative=True),
        positive(2, 3),
    )
    example(
        f"spherical_{_name}",
        lambda x, f=_function: f(2, x),
        complex_normal(3),
        label="complex",
    )
example(
    "eval_jacobi",
    lambda a, b, x: special.eval_jacobi(WHOLE, a, b, x),
    *[positive(3)] * 3,
    label="whole",
)

example("ellipj", lambda u, m: special.ellipj(u, m), normal(2, 3), uniform(0.2, 0.8, 3))
example("factorial", special.factorial, positive(3))
example("factorial", lambda x: special.factorial(x), normal(3), label="any")
example("diric", lambda x: special.diric(x, 5), normal(2, 3))
example("diric", lambda x: special.diric(x, 4), normal(), label="even")
for _name in ("legendre_p", "assoc_legendre_p", "sph_legendre_p"):
    _function = getattr(special, _name)
    _orders = (WHOLE, np.array([0, -1, 2]))[: 1 if _name == "legendre_p" else 2]
    for _count in (0, 1):
        example(
            _name,
            lambda x, f=_function, n=_orders, k=_count: f(*n, x, diff_n=k),
            uniform(0.2, 0.8, 2, 3),
            label=f"up to {_count}",
        )
example(
    "sph_harm_y",
    lambda x, y: special.sph_harm_y(3, WHOLE, x, y),
    positive(2, 1),
    normal(3),
)
example(
    "MultiUFunc.__call__", lambda x: special.legendre_p(WHOLE, x), uniform(-0.8, 0.8, 3)
)
example(
    "lpmv", lambda v, x: special.lpmv(1, v, x), positive(2, 1), uniform(-0.8, 0.8, 3)
)

example("smirnov", lambda d: special.smirnov(5, d), uniform(0.42, 0.58, 2, 3))
example("smirnovi", lambda p: special.smirnovi(4, p), uniform(0.12, 0.3, 3))
example(
    "smirnov_derivative",
    lambda d: apply(REGISTRY["smirnov_derivative"], 5.0, d, orders=(0, 1)),
    uniform(0.42, 0.58, 3),
)
for _name in ("pbdv", "pbvv", "pbwa"):
    example(_name, getattr(special, _name), positive(2, 1), positive(3))
for _name in ("mathieu_a", "mathieu_b"):
    example(_name, lambda q, f=_name: getattr(special, f)(2, q), positive(3))
#: In double: of numbers in single Mathieu's functions are NaN in SciPy, and its search
#: for a spheroidal one's value does not end.
DOUBLE = np.float64(1), np.float64(2)
for _name in ("cem", "sem"):
    example(
        f"mathieu_{_name}",
        lambda q, x, f=f"mathieu_{_name}": getattr(special, f)(DOUBLE[1], q, 30.0 * x),
        positive(2, 1),
        positive(3),
    )
for _name in "modcem1 modcem2 modsem1 modsem2".split():
    example(
        f"mathieu_{_name}",
        lambda q, x, f=f"mathieu_{_name}": getattr(special, f)(DOUBLE[0], q, x),
        positive(2, 1),
        positive(3),
    )
for _name in ("pro_cv", "obl_cv"):
    _function = getattr(special, _name)
    example(_name, lambda c, f=_function: f(*DOUBLE, c), positive(3))
for _name in "pro_ang1 pro_rad1 obl_ang1 obl_rad1".split():
    example(
        _name,
        lambda c, x, f=_name: getattr(special, f)(*DOUBLE, c, x),
        positive(2, 1),
        uniform(1.5, 2.0, 3) if _name == "pro_rad1" else uniform(0.2, 0.7, 3),
    )

# Distribution functions of whole numbers, and private ufuncs of SciPy's

TRIALS = np.array([5, 7, 8])
PROBABILITY = uniform(0.2, 0.8, 2, 3)
for _name in ("bdtr", "bdtrc", "nbdtr", "nbdtrc"):
    _function = call(REGISTRY[_name])
    example(_name, lambda p, f=_function: f(WHOLE, TRIALS, p), PROBABILITY)
for _name in ("bdtri", "nbdtri"):
    _function = getattr(special, _name)
    example(_name, lambda y, f=_function: f(WHOLE, TRIALS, y), PROBABILITY)
example("pdtri", lambda y: special.pdtri(WHOLE, y), PROBABILITY)
example(
    "_binom_pmf",
    lambda n, p: special._ufuncs._binom_pmf(WHOLE, n, p),
    uniform(5.0, 8.0, 3),
    PROBABILITY,
)
example(
    "_nbinom_pmf",
    lambda n, p: special._ufuncs._nbinom_pmf(WHOLE, n, p),
    uniform(2.0, 4.0, 3),
    PROBABILITY,
)

# Their derivatives


def derivative(name: str, *orders: int) -> Function:
    """Return a derivative of a function that is one operation for all orders."""
    operation = REGISTRY[f"{name}_derivative"]
    return lambda *operands: apply(operation, *operands, orders=orders)


for _name, _orders in {
    "wofz": (1,),
    "erfcx": (2,),
    "dawsn": (1,),
    "exprel": (1,),
    "psi": (1,),
    "zeta": (0, 1),
    "gammainc": (1,),
    "betainc": (0, 1),
    "stdtr": (1,),
    "hyp0f1": (1, 0),
    "hyp1f1": (0, 1, 1),
    "hyp2f1": (0, 0, 1, 0),
    "elliprf": (1, 0, 0),
    **dict.fromkeys("jv yv iv kv kve hankel1 hankel2 hankel1e hankel2e".split(), (1,)),
    **dict.fromkeys(
        "eval_legendre eval_chebyt eval_chebyu eval_chebyc eval_chebys eval_laguerre "
        "eval_sh_legendre eval_sh_chebyt eval_sh_chebyu struve modstruve".split(),
        (1, 0),
    ),
    **dict.fromkeys(
        "eval_genlaguerre eval_gegenbauer hyperu wright_bessel".split(), (0, 1, 1)
    ),
    **dict.fromkeys(("eval_jacobi", "eval_sh_jacobi"), (0, 1, 0, 0)),
    **dict.fromkeys(("chndtr", "nctdtr", "besselpoly"), (0, 1, 0)),
    **dict.fromkeys(("ncfdtr", "elliprj"), (0, 1, 0, 0)),
}.items():
    _domains = REGISTRY[_name].domain
    example(
        f"{_name}_derivative",
        derivative(_name, *_orders),
        *[domain_draw(d, *s) for d, s in zip(_domains, SHAPES_OF, strict=False)],
    )
example("log1prel_derivative", derivative("log1prel", 1), uniform(-0.4, 0.9, 3))

example(
    "lpmv_derivative",
    lambda v, x: apply(REGISTRY["lpmv_derivative"], 1.0, v, x, orders=(0, 1, 0)),
    positive(2, 1),
    uniform(-0.5, 0.5, 3),
)

for _name in ("pbdv", "pbvv", "pbwa"):
    example(f"{_name}_derivative", derivative(_name, 1, 0), positive(2, 1), positive(3))
for _name in ("mathieu_a", "mathieu_b"):
    _function = derivative(_name, 0, 1)
    example(f"{_name}_derivative", lambda q, f=_function: f(2.0, q), positive(3))
for _name in "cem sem modcem1 modcem2 modsem1 modsem2".split():
    _function = derivative(f"mathieu_{_name}", 0, 1, 0)
    example(
        f"mathieu_{_name}_derivative",
        lambda q, x, f=_function: f(1.0, q, x),
        positive(2, 1),
        positive(3),
    )
for _name in ("pro_cv", "obl_cv"):
    _function = derivative(_name, 0, 0, 1)
    example(f"{_name}_derivative", lambda c, f=_function: f(1.0, 2.0, c), positive(3))
for _name in "pro_ang1 pro_rad1 obl_ang1 obl_rad1".split():
    _function = derivative(_name, 0, 0, 1, 0)
    example(
        f"{_name}_derivative",
        lambda c, x, f=_function: f(1.0, 2.0, c, x),
        positive(2, 1),
        uniform(1.5, 2.0, 3) if _name == "pro_rad1" else uniform(0.2, 0.7, 3),
    )

# SciPy's special functions that are written in Python

example("logsumexp", special.logsumexp, normal(2, 3))
example("logsumexp", lambda x: special.logsumexp(x, axis=1), uniform(20.0, 22.0, 2, 3))
example(
    "logsumexp",
    lambda x: special.logsumexp(x, axis=(0, -1), keepdims=True),
    normal(2, 3, 2),
    label="axes",
)
example("logsumexp", special.logsumexp, normal(), label="number")
example("weighted_logsumexp", special.logsumexp, complex_normal(3))
example(
    "weighted_logsumexp",
    lambda x, b: special.logsumexp(x, axis=-1, b=b),
    normal(2, 3),
    positive(3),
    label="weights",
)
example(
    "signed_logsumexp",
    lambda x, b: special.logsumexp(x, axis=1, b=b - 1.2, return_sign=True),
    normal(2, 3),
    positive(3),
)
for _function in (special.softmax, special.log_softmax):
    _name = _function.__name__
    example(_name, _function, normal(2, 3))
    example(
        _name,
        lambda x, f=_function: f(x, axis=1),
        uniform(20.0, 22.0, 2, 3),
        label="axis",
    )
example("softplus", special.softplus, normal(3))
example("polygamma", lambda x: special.polygamma(2, x), positive(2, 3))
example("polygamma", lambda x: special.polygamma([0, 1, 3], x), positive(2, 3))
example("multigammaln", lambda x: special.multigammaln(x + 1, 3), positive(2, 3))
example("comb", lambda x: special.comb(x + 4, 2), positive(3))
example("comb", lambda x: special.comb(x + 4, 2, repetition=True), positive(3))
example("perm", lambda x: special.perm(x + 4, 2), positive(3))

# Distributions


def methods(kind: str, names: str, call: Function, *operands: Any) -> None:
    """Enter methods of SciPy's distributions: ``call(name, *operands)``."""
    for name in names.split():
        example(
            f"{kind}.{name}", lambda *x, name=name: call(name, *x), *operands, order=2
        )


methods(
    "rv_continuous",
    "pdf logpdf cdf logcdf sf logsf",
    lambda name, x, a: getattr(stats.gamma, name)(x, a, 0.1, 0.8),
    uniform(2.0, 3.0, 2, 3),
    uniform(1.0, 1.5, 3),
)
methods(
    "rv_continuous",
    "ppf isf",
    lambda name, q, s: getattr(stats.lognorm, name)(q, s, 0.1),
    uniform(0.3, 0.7, 2, 3),
    positive(3),
)
methods(
    "rv_continuous",
    "stats entropy",
    lambda name, a, s: getattr(stats.gamma, name)(a, scale=s),
    positive(3),
    positive(2, 1),
)
methods(
    "rv_discrete",
    "pmf logpmf cdf logcdf sf logsf",
    lambda name, p: getattr(stats.geom, name)(WHOLE + 1, p),
    PROBABILITY,
)
example(
    "apply_where",
    lambda x: stats.cauchy.logpdf(x),
    distinct(2, 3),
)
example("_lazyselect", lambda v: stats.t.stats(v, moments="mv")[1], uniform(4, 5, 3))
example(
    "vonmises_derivative",
    lambda x, k: stats.vonmises.cdf(x, k),
    uniform(-2.0, 2.0, 2, 3),
    positive(3),
)
example("landau_derivative", stats.landau.pdf, distinct(2, 3))
example("landau_above", stats.landau.sf, distinct(2, 3))
example("irwin_hall", lambda x: stats.irwinhall.pdf(x, 5), uniform(1.0, 4.0, 2, 3))
example(
    "quantile_of",
    lambda q, k: stats.vonmises.ppf(q, k),
    uniform(0.2, 0.8, 3),
    positive(3),
)

# Of all orders up to one

example("lqn", lambda x: special.lqn(2, x), uniform(-0.8, 0.8, 3))
example("lqn", lambda x: special.lqn(3, x), uniform(1.5, 2.5), label="beyond")
for _kind in ("jn", "yn"):
    _riccati = getattr(special, f"riccati_{_kind}")
    for _name in (f"riccati_{_kind}_value", f"riccati_{_kind}"):
        example(_name, lambda x, f=_riccati: f(3, x), uniform(0.5, 2.0))

# Distances

_POINTS, _OTHERS = normal(3, 2), normal(4, 2)
example("cdist", distance.cdist, _POINTS, _OTHERS)
example("pdist", lambda x: distance.pdist(x, "cityblock"), _POINTS)
example("squareform", distance.squareform, normal(6))
for _name in "chebyshev cosine correlation".split():
    example(_name, getattr(distance, _name), distinct(3), positive(3))
example("canberra", distance.canberra, uniform(0.5, 1.0, 3), uniform(2.0, 3.0, 3))
example("jensenshannon", distance.jensenshannon, positive(3), positive(3))

# Sparse matrices

_PLACES = (np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 0, 2]))
_CONSTANT = sparse.csc_array(
    np.array([[4.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 0.0, 2.0]])
)


def sparse_example(name: str, function: Function, *others: Any) -> None:
    """Enter a function of a matrix of recorded entries."""
    example(
        name,
        lambda d, *x: function(
            sparse.coo_array((d, _PLACES), shape=(3, 3)).tocsc(), *x
        ),
        lambda random: np.array([4.0, 1.0, 3.0, 1.0, 2.0]) + random.random(5),
        *others,
    )


sparse_example("sparse_matmul", lambda a, x: a @ x, normal(3))
sparse_example("_spbase._matmul_dispatch", lambda a, x: x @ a, normal(2, 3))
for _name in ("sparse_solve", "spsolve"):
    sparse_example(_name, sparse_linalg.spsolve, normal(3))
sparse_example("splu", lambda a, b: sparse_linalg.splu(a).solve(b, "T"), normal(3, 2))
sparse_example("factorized", lambda a, b: sparse_linalg.factorized(a)(b), normal(3))
for _name in ("sparse_iterative", "gmres", "bicgstab", "bicg", "cgs"):
    _method = getattr(sparse_linalg, _name, sparse_linalg.gmres)
    sparse_example(_name, lambda a, b, m=_method: m(a, b, rtol=1e-13)[0], normal(3))
for _name in ("cg", "minres"):
    _method = getattr(sparse_linalg, _name)
    sparse_example(
        _name, lambda a, b, m=_method: m(a.T @ a, b, rtol=1e-13)[0], normal(3)
    )
for _name, _function in {
    "_cs_matrix.__init__": lambda a: a.data * 2.0,
    "_coo_base.__init__": lambda a: a.tocoo().data * 2.0,
    "_cs_matrix.toarray": lambda a: a.toarray(),
    "_coo_base.toarray": lambda a: a.tocoo().toarray(),
    "_cs_matrix.tocoo": lambda a: a.tocoo().toarray(),
    "_csr_base.tocsc": lambda a: a.T.tocsc().data * 2.0,
    "_csc_base.tocsr": lambda a: a.tocsr().data * 2.0,
    "_coo_base.tocsr": lambda a: a.tocoo().tocsr().data * 2.0,
    "_coo_base.tocsc": lambda a: a.tocoo().tocsc().data * 2.0,
    "_cs_matrix.diagonal": lambda a: a.diagonal(),
    "_coo_base.diagonal": lambda a: a.tocoo().diagonal(),
    "_cs_matrix.sum": lambda a: a.sum(axis=0),
    "_cs_matrix._add_sparse": lambda a: (a + _CONSTANT).toarray(),
    "_cs_matrix._sub_sparse": lambda a: (a - _CONSTANT).toarray(),
    "_coo_base._add_sparse": lambda a: (a.tocoo() + _CONSTANT).toarray(),
    "_coo_base._sub_sparse": lambda a: (a.tocoo() - _CONSTANT).toarray(),
    "_data_matrix._mul_scalar": lambda a: (2.0 * a).toarray(),
}.items():
    sparse_example(_name, _function)
example(  # numbers whose sum is exact in any order
    "_spbase.sum",
    lambda d: sparse.coo_array((d, _PLACES), shape=(3, 3)).sum(),
    np.array([4.0, 0.5, 3.0, -1.0, 2.25]),
)
for _name in ("diags", "diags_array"):
    _function = getattr(sparse, _name)
    example(_name, lambda x, f=_function: f(x).toarray(), normal(3))

# Distributions of vectors


def of_vectors(name: str, method: str, parameters: Function, x: Any, y: Any) -> None:
    """Enter a distribution of vectors, and what is frozen of it."""
    dist = getattr(stats, name)
    for call in (method, f"log{method}"):
        example(
            f"{name}_gen.{call}",
            lambda x, y, call=call: getattr(dist, call)(x, *parameters(y)),
            x,
            y,
        )
        example(
            f"{name}_frozen.{call}",
            lambda x, y, call=call: getattr(dist(*parameters(y)), call)(x),
            x,
            y,
        )
    frozen = EXAMPLES[f"{name}_frozen.{method}"][0]
    example(f"{name}_frozen.__init__", frozen.function, x, y)


of_vectors(
    "multivariate_normal",
    "pdf",
    lambda y: (y, np.diag([1.0, 2.0])),
    normal(3, 2),
    normal(2),
)
of_vectors("dirichlet", "pdf", lambda a: (a,), uniform(0.1, 0.4, 2), positive(3))
of_vectors(
    "multinomial",
    "pmf",
    lambda p: (4, np.stack([p, p, 1.0 - 2.0 * p])),
    np.array([1, 1, 2]),
    uniform(0.1, 0.4),
)

TWO = np.array([[2.0, 0.6], [0.6, 1.0]])

# Draws, which move by location and scale; by shapes: test_stats.py

example(
    "rv_continuous.rvs",
    lambda m, s: stats.norm.rvs(m, s, random_state=np.random.default_rng(5)),
    normal(3),
    positive(2, 1),
)
example(
    "multivariate_normal_gen.rvs",
    lambda m: stats.multivariate_normal.rvs(m, TWO, 3, np.random.default_rng(5)),
    normal(2),
)
example(
    "multivariate_normal_frozen.rvs",
    lambda m: stats.multivariate_normal(m, TWO).rvs(3, np.random.default_rng(5)),
    normal(2),
)

# Loops


def looped(
    step: Function, carried: int, moving: int, *like: Any, reverse: bool = False
) -> Function:
    """Return the function of operands that does a step for every row of a stack."""
    sample = [*like[:carried], *[x[0] for x in like[carried : carried + moving]]]
    body = Body(record(step, *sample, *like[carried + moving :]), carried, moving)
    count = len(like[carried])

    def function(*operands: Any) -> Any:
        return apply(SCAN, *operands, body=body, count=count, reverse=reverse)

    return function


def damped(x: Any, v: Any, force: Any, k: Any) -> Any:
    """Return the next state of an oscillator, and its energy."""
    v = 0.9 * v + 0.1 * (force * np.sin(k[1]) - k[0] * x)
    return x + 0.1 * v, v, v * v + k[0] * x * x


_likes = np.zeros(2), np.zeros(2), np.zeros((4, 2)), np.zeros(2)
for _back in (False, True):
    example(
        "scan",
        looped(damped, 2, 1, *_likes, reverse=_back),
        normal(2),
        normal(2),
        normal(4, 2),
        normal(2),
        label="back" if _back else "",
    )

_counts = np.arange(2), np.arange(12).reshape(6, 2)
_counted = Body(
    record(lambda x, row: [x + row, x * row], _counts[0], _counts[1][0]), 1, 1
)


def counted(x: Any, rows: Any) -> Any:
    """Return what four steps of six give; rows behind theirs hold nothing."""
    how = {"body": _counted, "count": 6, "reverse": True}
    total, kept = apply(PART, np.int64(4), x, rows, **how)
    return total, kept[:4]


example("scan_part", counted, *_counts)

# Branches, and loops that end by a condition

example(
    "switch",
    lambda x, k: switch(
        np.argmax(x), [lambda x: np.sin(x) * k, lambda x: (x + k) * x[0]], x
    ),
    normal(2),
    normal(2),
)


def grown(x: Any, k: Any) -> Any:
    """Return numbers that have grown beyond a bound, in six steps or less."""
    return while_loop(
        lambda at: (np.sum(at[0] * at[0]) < 9.0) & (at[1] < 6),
        lambda at: (1.5 * at[0] + 0.1 * np.sin(k * at[0]), at[1] + 1),
        (x, 0),
    )[0]


_grown = Body(
    record(lambda x, k: [1.5 * x + 0.1 * np.sin(k * x)], TWO[0], TWO[1]), 1, 0
)
example("while_loop", grown, normal(2), normal(2))
example(
    "while_loop_derivative",
    lambda g, x, k: apply(
        WHILE_DERIVATIVE,
        np.int64(3),
        g,
        x,
        k,
        body=_grown,
        modes=(("vjp", (True, True), (True,)),),
    ),
    normal(2),
    normal(2),
    normal(2),
)

# Integrals of samples

for _name in ("simpson", "cumulative_trapezoid", "cumulative_simpson", "romb"):
    example(_name, getattr(integrate, _name), normal(2, 5))
