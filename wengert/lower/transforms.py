"""Fourier transforms as native code does them: by their matrix, or by half a spectrum.

One of few elements is a product with its matrix.  Of real numbers NumPy computes half
the spectrum; the other half is its mirror image.  What is not finite is left to NumPy:
which elements it reaches depends on how the transform is done.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import CONSTANT
from wengert.core.types import Type
from wengert.lower.refusal import NotLoweredError
from wengert.ops.fft import FFT, IFFT, IRFFT, RFFT
from wengert.ops.index import GETITEM, Slice
from wengert.ops.join import CONCATENATE

if TYPE_CHECKING:
    from wengert.lower.parts import Parts

TRANSFORMS = frozenset({FFT, IFFT, RFFT, IRFFT})
#: Elements of a matrix up to which products with it are quicker than asking NumPy.
MOST_ELEMENTS = 256
EINSUM = REGISTRY["einsum"]


def transformed(parts: Parts, index: int, operation: Operation, operand: int) -> None:
    """Write a transform in parts.

    Raises
    ------
    NotLoweredError
        Where NumPy does it as it stands.
    """
    tape = parts.tape
    like, given, settings = (
        tape.types[index],
        tape.types[operand],
        tape.settings[index],
    )
    axis = settings["axis"]
    if settings["dtype"] is None and like.size:
        if given.shape[axis] * like.shape[axis] <= MOST_ELEMENTS:
            by_matrix(parts, index, operation, operand)
            return
        if operation is FFT and operand not in parts.pairs:
            mirrored(parts, index, operand)
            return
    raise NotLoweredError(f"{operation.name} of many elements")


def by_matrix(parts: Parts, index: int, operation: Operation, operand: int) -> None:
    """Write a transform as products with what it makes of unit vectors."""
    tape, half = parts.tape, parts.half_of(index)
    settings, like = tape.settings[index], tape.types[index]
    axis, shape = settings["axis"], tape.types[operand].shape
    units = np.eye(shape[axis], dtype=half)
    given = [(units, parts.pair(operand, half)[0])]
    if operand in parts.pairs:
        given.append((units * np.complex64(1j), parts.pairs[operand][1]))
    rows = [
        (operation.function(unit, **settings | {"axis": 1}), part)
        for unit, part in given
    ]
    letters = string.ascii_lowercase[: len(shape)]
    into = letters[:axis] + "z" + letters[axis + 1 :]
    how: dict[str, Any] = {
        "subscripts": f"{letters},{letters[axis]}z->{into}",
        "optimize": False,
    }

    def total(matrices: list[Any]) -> int:
        products = []
        for matrix, (_, part) in zip(matrices, rows, strict=True):
            value = np.ascontiguousarray(matrix, half)
            told = {"value": value}
            place = parts.append(CONSTANT, (), told, Type(value.shape, half))
            given = part, place
            products.append(parts.append(EINSUM, given, how, Type(like.shape, half)))
        return products[0] if len(products) == 1 else parts.do("add", *products)

    real = total([np.real(matrix) for matrix, _ in rows])
    if like.dtype.kind == "c":
        imaginary = total([np.imag(matrix) for matrix, _ in rows])
        parts.pairs[index] = parts.finite(real, imaginary)
    else:
        parts.reals[index] = parts.finite(real, real)[0]


def mirrored(parts: Parts, index: int, operand: int) -> None:
    """Write the transform of real numbers: NumPy computes half of it."""
    tape = parts.tape
    settings, like = tape.settings[index], tape.types[index]
    axis, count = settings["axis"], like.shape[settings["axis"]]

    def shaped(n: int, dtype: Any) -> Type:
        return Type((*like.shape[:axis], n, *like.shape[axis + 1 :]), dtype)

    kept = count // 2 + 1
    known = parts.asked_of_numpy(RFFT, (operand,), settings, shaped(kept, like.dtype))
    last = (count - 1) // 2
    key = (*[Slice(None, None, None)] * axis, Slice(last, 0, -1))
    found: list[int] = []
    for half in parts.finite(*parts.apart(known, shaped(kept, like.dtype))):
        dtype = parts.new.types[half].dtype
        behind = parts.append(GETITEM, (half,), {"key": key}, shaped(last, dtype))
        if found:
            behind = parts.do("negative", behind)
        told = {"axis": axis}
        whole = shaped(count, dtype)
        found.append(parts.append(CONCATENATE, (half, behind), told, whole))
    parts.pairs[index] = found[0], found[1]
