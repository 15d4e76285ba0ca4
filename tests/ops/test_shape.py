"""Shape and data movement: value, both modes, second order, and what aliases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge

V = np.random.default_rng(0).standard_normal(6)
W = V[::-1].copy()
M = np.random.default_rng(1).standard_normal((3, 4))
T = np.random.default_rng(2).standard_normal((2, 3, 4))
C = M + 1j * M[::-1]
S = np.float64(0.7)
E = np.zeros((0, 3))
F = M.astype(np.float32)
SQUARE = M[:, :3]

CALLS: dict[str, tuple[Any, Any]] = {
    "reshape": (lambda x: np.reshape(x, (2, -1)), M),
    "reshape_fortran": (lambda x: np.reshape(x, (4, 3), order="F"), M),
    "reshape_a": (lambda x: np.reshape(x.T, (2, 6), order="A"), M),
    "reshape_copy": (lambda x: np.reshape(x, 12, copy=True), M),
    "reshape_scalar": (lambda x: np.reshape(x, (1, 1)), S),
    "reshape_empty": (lambda x: np.reshape(x, (3, 0)), E),
    "reshape_single": (lambda x: np.reshape(x, (4, 3)), F),
    "reshape_method": (lambda x: x.reshape(4, 3) * x.reshape((4, 3)), M),
    "ravel": (lambda x: np.ravel(x), M),
    "ravel_fortran": (lambda x: np.ravel(x, order="F"), M),
    "ravel_k": (lambda x: np.ravel(x.T, order="K"), M),
    "flatten": (lambda x: x.flatten("F"), M),
    "squeeze": (lambda x: np.squeeze(x[:, None, :, None]), M),
    "squeeze_axis": (lambda x: np.squeeze(x[:, None, :, None], axis=1), M),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), M),
    "atleast_1d": (lambda x: np.atleast_1d(x), S),
    "atleast_2d": (lambda x: np.atleast_2d(x), V),
    "atleast_3d": (lambda x: np.atleast_3d(x), M),
    "atleast_many": (lambda x: np.atleast_2d(x, x[0])[1], M),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), T),
    "transpose_negative": (lambda x: x.transpose(-1, 0, 1), T),
    "permute_dims": (lambda x: np.permute_dims(x, (1, 0)), M),
    "matrix_transpose": (lambda x: np.matrix_transpose(x) + x.mT, T),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), T),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), T),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), T),
    "T": (lambda x: x.T, C),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), M),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x, x[0], 1.0), M),
    "meshgrid": (lambda x: np.meshgrid(x, x[:2]), V),
    "meshgrid_ij": (lambda x: np.meshgrid(x, x[:2], indexing="ij", sparse=True), V),
    "copy": (lambda x: np.copy(x), C),
    "astype": (lambda x: x.astype(complex) * 1j, M),
    "astype_single": (lambda x: np.astype(x, np.float32).astype(float), F),
    "astype_real": (lambda x: np.astype(np.real(x), float), C),
    "flip": (lambda x: np.flip(x), T),
    "flip_axis": (lambda x: np.flip(x, (0, 2)), T),
    "fliplr": (lambda x: np.fliplr(x), M),
    "flipud": (lambda x: np.flipud(x), V),
    "rot90_1": (lambda x: np.rot90(x), M),
    "rot90_2": (lambda x: np.rot90(x, 2), M),
    "rot90_3": (lambda x: np.rot90(x, -1, axes=(1, 2)), T),
    "roll": (lambda x: np.roll(x, 2), M),
    "roll_axis": (lambda x: np.roll(x, -1, axis=1), M),
    "roll_axes": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    "roll_none": (lambda x: np.roll(x, 4, axis=1), M),
    "roll_empty": (lambda x: np.roll(x, 1, axis=1), E),
    "repeat": (lambda x: np.repeat(x, 3), M),
    "repeat_axis": (lambda x: np.repeat(x, 2, axis=1), T),
    "repeat_counts": (lambda x: np.repeat(x, [2, 0, 1], axis=0), M),
    "repeat_scalar": (lambda x: np.repeat(x, 4), S),
    "repeat_once": (lambda x: np.repeat(x, 1), V),
    "tile": (lambda x: np.tile(x, 2), M),
    "tile_more": (lambda x: np.tile(x, (2, 1, 3)), M),
    "tile_less": (lambda x: np.tile(x, 2), T),
    "tile_once": (lambda x: np.tile(x, 1), V),
    "tile_scalar": (lambda x: np.tile(x, 3), S),
    "resize": (lambda x: np.resize(x, (3, 5)), V),
    "resize_shorter": (lambda x: np.resize(x, 4), M),
    "take": (lambda x: np.take(x, [3, 0, 3]), V),
    "take_axis": (lambda x: x.take([[0, 2], [1, 1]], axis=1), T),
    "take_one": (lambda x: np.take(x, 2, axis=-1), T),
    "take_wrap": (lambda x: np.take(x, [7, -8], mode="wrap"), V),
    "take_clip": (lambda x: np.take(x, [7, -8], mode="clip"), V),
    "take_by_recorded": (lambda x: np.take(V, np.argsort(x)) * x, W),
    "unravel_index": (lambda x: x[np.unravel_index(np.argmax(x), x.shape)] * x, M),
    "unravel_fortran": (
        lambda x: x[np.unravel_index(np.argsort(x[0]), (3, 4), order="F")],
        M,
    ),
    "ravel_multi_index": (
        lambda x: np.ravel(x)[np.ravel_multi_index(np.nonzero(x > 0), (3, 4))],
        M,
    ),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, np.argsort(M, axis=1), axis=1),
        M,
    ),
    "take_along_flat": (
        lambda x: np.take_along_axis(x, np.array([3, 3, 5]), axis=None),
        M,
    ),
    "diagonal": (lambda x: np.diagonal(x, -1), M),
    "diagonal_axes": (lambda x: np.diagonal(x, 1, axis1=2, axis2=0), T),
    "diagonal_twice": (lambda x: np.diagonal(x) * x.diagonal(), M),
    "trace": (lambda x: np.trace(x), M),
    "trace_nd": (lambda x: x.trace(1, 1, 2), T),
    "diag_of": (lambda x: np.diag(x, 1), M),
    "diag_make": (lambda x: np.diag(x, -2), V),
    "diagflat": (lambda x: np.diagflat(x, 1), M),
    "tril": (lambda x: np.tril(x), M),
    "tril_nd": (lambda x: np.tril(x, -1), T),
    "triu": (lambda x: np.triu(x, 1), C),
    "triu_vector": (lambda x: np.triu(x), V),
    "pad": (lambda x: np.pad(x, 2), M),
    "pad_values": (
        lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=((1, 2), (3, 4))),
        M,
    ),
    "pad_recorded": (lambda x: np.pad(x, 1, constant_values=x[0]), V),
    "pad_dict": (lambda x: np.pad(x, {1: (1, 2)}), M),
    "pad_edge": (lambda x: np.pad(x, (1, 2), mode="edge"), M),
    "pad_reflect": (lambda x: np.pad(x, 5, mode="reflect"), M),
    "pad_symmetric": (lambda x: np.pad(x, 2, mode="symmetric"), M),
    "pad_wrap": (lambda x: np.pad(x, (3, 7), mode="wrap"), V),
    "pad_ramp": (lambda x: np.pad(x, (2, 3), "linear_ramp", end_values=(5.0, -4.0)), V),
    "pad_mean": (lambda x: np.pad(x, 2, "mean", stat_length=2), M),
    "pad_maximum": (lambda x: np.pad(x, ((0, 1), (2, 0)), "maximum"), M),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_modes_agree(name: str) -> None:
    function, operand = CALLS[name]

    judge(function, [operand])


#: Views of a 3 by 4 array that NumPy lets one write into.
VIEWS: dict[str, Any] = {
    "T": lambda x: x.T,
    "reshape": lambda x: x.reshape(2, 6),
    "ravel": lambda x: x.ravel(),
    "transpose": lambda x: np.transpose(x),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "squeeze": lambda x: np.squeeze(x[:, None]),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "flip": lambda x: np.flip(x),
    "rot90": lambda x: np.rot90(x),
    "split": lambda x: np.split(x, 2, axis=1)[1],
    "hsplit": lambda x: np.hsplit(x, [1])[1],
    "array_split": lambda x: np.array_split(x, 2)[0],
    "unstack": lambda x: np.unstack(x)[1],
    "einsum": lambda x: np.einsum("ii->i", x[:, :3]),
    "slice_of_transpose": lambda x: x.T[1:, ::-1],
    "asarray": lambda x: np.asarray(x),
    "reshape_of_slice": lambda x: x[1].reshape(2, 2),
    "copied": lambda x: x[:, ::2].reshape(6),
    "copy": lambda x: x.copy(),
    "flatten": lambda x: x.flatten(),
    "take": lambda x: np.take(x, [0, 1], axis=0),
    "tile": lambda x: np.tile(x, 1),
    "repeat": lambda x: np.repeat(x, 1, axis=0),
    "roll": lambda x: np.roll(x, 0, axis=0),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_write_into_the_result_is_seen_where_numpy_shows_it(name: str) -> None:
    view = VIEWS[name]

    def function(x: Any, v: Any) -> Any:
        y = x * 1.0
        part = view(y)
        part[0] = v * v
        part *= 2.0
        y[1, 1] = v
        return y + np.ravel(part)[-1]

    judge(function, [M, np.float64(1.3)])


def test_diagonal_and_broadcast_views_are_read_only() -> None:
    def write(view: Any) -> Any:
        def function(x: Any) -> Any:
            view(x * 1.0)[0] = 1.0
            return x.sum()

        return function

    for view in (np.diagonal, lambda x: np.broadcast_to(x, (2, 3, 4))):
        with pytest.raises(wengert.RecordingError, match="read-only"):
            wengert.grad(write(view))(M)


def test_a_read_only_view_follows_later_writes() -> None:
    def function(x: Any) -> Any:
        y = x * 1.0
        diagonal = np.diagonal(y)
        y[1, 1] = x[0, 0] ** 2
        return diagonal * 1.0

    judge(function, [M])


def put(y: Any, v: Any) -> None:
    np.put(y, [0, -2, 5], v[:3])


WRITES: dict[str, Any] = {
    "put": put,
    "put_one": lambda y, v: y.put([1, 2], v[0]),
    "put_wrap": lambda y, v: np.put(y, [14, 3], v[:2], mode="wrap"),
    "put_short": lambda y, v: np.put(y, [1, 2, 3], v[:2]),
    "put_along_axis": lambda y, v: np.put_along_axis(
        y, np.array([[0], [2], [1]]), v[:3, None], axis=1
    ),
    "putmask": lambda y, v: np.putmask(y, M > 0, v),
    "putmask_one": lambda y, v: np.putmask(y, M > 0, v[2]),
    "place": lambda y, v: np.place(y, M > 0, v[:2]),
    "copyto": lambda y, v: np.copyto(y, v[:4]),
    "copyto_where": lambda y, v: np.copyto(y, v[:4], where=M > 0),
    "fill_diagonal": lambda y, v: np.fill_diagonal(y, v[0]),
    "fill_diagonal_many": lambda y, v: np.fill_diagonal(y, v[:3]),
    "fill": lambda y, v: y[1].fill(v[0]),
    "flat": lambda y, v: y.flat.__setitem__(slice(1, None, 3), v[:4]),
    "flat_one": lambda y, v: y.T.flat.__setitem__(2, v[3]),
}


@pytest.mark.parametrize("name", WRITES)
def test_functions_that_write_do_as_numpy_does(name: str) -> None:
    write = WRITES[name]

    def function(x: Any, v: Any) -> Any:
        y = np.sin(x)
        write(y, v)
        return y * y

    judge(function, [M, V])


@pytest.mark.parametrize("name", WRITES)
def test_writing_into_a_plain_array_raises(name: str) -> None:
    outside = M.copy()

    def function(v: Any) -> Any:
        WRITES[name](outside, v)
        return v.sum()

    with pytest.raises((wengert.RecordingError, TypeError, ValueError)):
        wengert.grad(function)(V)
    np.testing.assert_array_equal(outside, M)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: np.squeeze(x, axis=0), "size not equal to one"),
        (lambda x: np.fliplr(x[0]), "2-d"),
        (lambda x: np.rot90(x, axes=(0, 0)), "different"),
        (lambda x: np.diag(x[None]), "1- or 2-d"),
        (lambda x: np.matrix_transpose(x[0]), "2-dimensional"),
        (lambda x: np.reshape(x, (5, 5)), "reshape"),
        (lambda x: np.broadcast_to(x, (2, 2)), "broadcast"),
        (lambda x: np.transpose(x, (0, 1, 2)), "ax"),
        (lambda x: np.pad(x, -1), "negative"),
    ],
)
def test_wrong_arguments_raise_as_numpy_does(call: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error) as plain:
        call(M)
    with pytest.raises(type(plain.value), match=error):
        wengert.grad(lambda x: call(x).sum())(M)


def test_what_pad_does_not_record_says_so() -> None:
    with pytest.raises(wengert.UnsupportedError, match="reflect_type"):
        wengert.grad(lambda x: np.pad(x, 1, "reflect", reflect_type="odd").sum())(V)
    with pytest.raises(wengert.UnsupportedError, match="function of the user's"):
        wengert.grad(lambda x: np.pad(x, 1, lambda *a: None).sum())(V)


def test_no_derivative_passes_through_whole_numbers() -> None:
    def function(x: Any) -> Any:
        return x.astype(int) * 2.5 + x

    gradient = wengert.grad(lambda x: function(x).sum())(V)
    tangent = wengert.jvp(function, (V,), (np.ones(6),))[1]

    np.testing.assert_array_equal(gradient, np.ones(6))
    np.testing.assert_array_equal(tangent, np.ones(6))


MATRIX = np.arange(6.0).reshape(2, 3)
LAID_OUT = {
    "C": MATRIX,
    "Fortran": np.asfortranarray(MATRIX),
    "broadcast rows": np.broadcast_to(np.arange(3.0), (2, 3)),
    "broadcast columns": np.broadcast_to(np.arange(2.0)[:, None], (2, 3)),
    "broadcast in the middle": np.broadcast_to(MATRIX.T[:, None], (3, 4, 2)),
    "broadcast outside": np.broadcast_to(MATRIX.T, (4, 3, 2)),
    "reversed": MATRIX[::-1, ::-1],
    "three axes": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
}


@pytest.mark.parametrize("layout", LAID_OUT)
def test_ravel_in_memory_order_is_numpys(layout: str) -> None:
    x = LAID_OUT[layout]
    expected = np.ravel(x, order="K")

    found = wengert.jvp(lambda x: np.ravel(x, order="K"), (x,), (x,))

    assert np.array_equal(found[0], expected)
    assert np.array_equal(found[1], expected)
