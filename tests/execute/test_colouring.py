"""Colourings: entries are read off, colours are few, patterns are kept in files."""

from __future__ import annotations

import io
import itertools
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from wengert import (
    ColoredPattern,
    color_bidirectional,
    color_cols,
    color_rows,
    color_symmetric,
)
from wengert.derive.spy import spy, spy_svg
from wengert.errors import ArgumentError
from wengert.execute import colouring
from wengert.execute.colouring import ORDERS
from wengert.execute.sparse import Structure

COLOURINGS: dict[str, Any] = {
    "cols": color_cols,
    "rows": color_rows,
    "symmetric": color_symmetric,
    "acyclic": partial(color_symmetric, method="acyclic"),
    "bidirectional": color_bidirectional,
}
SYMMETRIC = "symmetric", "acyclic"


def random_matrix(seed: int, is_symmetric: bool) -> Any:
    """Return a sparse matrix of random entries."""
    random = np.random.default_rng(seed)
    found = sparse.random_array((40, 40), density=0.06, rng=random).tocsr()
    return (found + found.T).tocsr() if is_symmetric else found


def read_off(colored: ColoredPattern, matrix: Any) -> Any:
    """Return the matrix as its products with the seeds give it."""
    products = [
        seeds @ matrix if is_left else (matrix @ seeds.T).T
        for seeds, is_left in colored.ways
    ]
    pattern = colored.sparsity
    data = Structure(colored, "csr").entries(np.concatenate(products, axis=None))
    return sparse.csr_array((data, pattern.indices, pattern.indptr), pattern.shape)


@pytest.mark.parametrize("order", [None, *ORDERS])
@pytest.mark.parametrize("kind", COLOURINGS)
def test_products_of_a_colouring_hold_every_entry(kind: str, order: Any) -> None:
    for seed in range(20):
        matrix = random_matrix(seed, kind in SYMMETRIC)
        colored = COLOURINGS[kind](matrix, order)

        found, expected = read_off(colored, matrix).toarray(), matrix.toarray()
        np.testing.assert_allclose(found, expected, atol=1e-14 * (kind == "acyclic"))


@pytest.mark.parametrize("order", ORDERS)
def test_no_circle_of_an_acyclic_colouring_has_two_colors(order: str) -> None:
    for seed in range(10):
        colored = COLOURINGS["acyclic"](random_matrix(seed, True), order)
        pattern, colors = colored.sparsity.tocoo(), colored.colors
        rows, columns = pattern.coords
        for pair in itertools.combinations(range(colored.num_colors), 2):
            ours = np.isin(colors, pair)
            kept = ours[rows] & ours[columns] & (rows < columns)
            assert (colors[rows[kept]] != colors[columns[kept]]).all()
            ends = rows[kept], columns[kept]
            graph = sparse.coo_array((np.ones(kept.sum()), ends), pattern.shape)
            trees = connected_components(graph, directed=False)[0]
            assert len(colors) - trees == kept.sum()


def test_acyclic_colouring_has_fewer_colors_and_short_sums() -> None:
    for seed in range(10):
        matrix = random_matrix(seed, True)
        star, acyclic = (COLOURINGS[name](matrix) for name in SYMMETRIC)

        assert acyclic.num_colors < star.num_colors
        assert np.diff(acyclic.sums.indptr).max() <= 12


def test_colors_that_leave_a_circle_are_refused() -> None:
    square = color_symmetric([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    colored = ColoredPattern(square.sparsity, np.array([0, 1, 0, 1]), "symmetric")

    with pytest.raises(ArgumentError, match="have the same colour"):
        _ = colored.found


def test_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match="'star' or 'acyclic'"):
        color_symmetric(np.eye(2), method="cyclic")


def test_band_needs_as_many_colors_as_a_row_has_entries() -> None:
    band = sparse.diags_array(np.ones(5), offsets=range(-2, 3), shape=(50, 50))

    assert color_cols(band).num_colors == color_rows(band).num_colors == 5


def test_arrow_takes_two_colors_as_a_symmetric_matrix() -> None:
    arrow = sparse.lil_array((30, 30))
    arrow.setdiag(1.0)
    arrow[0, :] = arrow[:, 0] = 1.0

    assert color_symmetric(arrow).num_colors == 2
    assert color_cols(arrow).num_colors == 30


@pytest.mark.parametrize("name", ["colors.npz", "colors", None])
def test_saved_colouring_is_the_same_when_loaded(
    tmp_path: Path, name: str | None
) -> None:
    colored = color_symmetric(random_matrix(0, is_symmetric=True))
    file: Any = io.BytesIO() if name is None else str(tmp_path / name)
    colored.save(file)
    if name is None:
        file.seek(0)
    loaded = ColoredPattern.load(file)

    assert (loaded.sparsity != colored.sparsity).nnz == 0
    assert np.array_equal(loaded.colors, colored.colors)
    assert loaded.kind == "symmetric"


def written(tmp_path: Path, **changed: Any) -> Path:
    """Return a file of a saved pattern, arrays of which are others, or left out."""
    file = tmp_path / "pattern.npz"
    color_cols(sparse.eye_array(3)).save(file)
    arrays = dict(np.load(file)) | changed
    np.savez(file, **{k: v for k, v in arrays.items() if v is not None})
    return file


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"colors": None}, "it has no array 'colors'"),
        ({"indptr": None}, "it has no array 'indptr'"),
        ({"colors": np.zeros(4, int)}, r"colors \(4,\) of 'cols' of 3 x 3"),
        ({"kind": "columns"}, r"of 'columns'"),
        ({"indptr": np.array([0, 9])}, "no pattern"),
        ({"shape": np.array([3])}, "no pattern"),
        ({"indices": np.float64(3.0)}, "no pattern"),
    ],
)
def test_another_file_of_arrays_is_refused(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    file = written(tmp_path, **changed)

    with pytest.raises(ArgumentError, match=why) as caught:
        ColoredPattern.load(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"colors", b"PK\x03\x04 cut", b"\x80\x04."])
def test_a_file_of_no_arrays_is_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "pattern.npz"
    file.write_bytes(text)

    with pytest.raises(ArgumentError, match="npz"):
        ColoredPattern.load(file)
    with pytest.raises(FileNotFoundError):
        ColoredPattern.load(tmp_path / "none.npz")


def test_one_array_is_no_pattern(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.eye(3))

    with pytest.raises(ArgumentError, match="npz"):
        ColoredPattern.load(tmp_path / "one.npy")


def test_colors_of_another_pattern_are_refused() -> None:
    full = sparse.csr_array(np.ones((2, 2), bool))

    with pytest.raises(ArgumentError, match="have the same colour"):
        _ = ColoredPattern(full, np.zeros(2, int), "cols").places


def test_pattern_that_is_not_symmetric_is_refused() -> None:
    with pytest.raises(ArgumentError, match="it is not symmetric"):
        color_symmetric(np.array([[1, 1], [0, 1]]))


def test_unknown_order_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match="'smallest_last'"):
        color_cols(np.eye(2), "alphabetical")


def test_empty_pattern_has_one_color_or_none() -> None:
    assert color_cols(sparse.csr_array((0, 0))).num_colors == 0
    assert color_cols(sparse.csr_array((3, 2))).places[0].size == 0


def test_picture_of_a_diagonal_is_a_diagonal() -> None:
    text = str(color_cols(sparse.eye_array(8)))

    assert text.splitlines()[0] == "8 x 8, 8 nonzeros, 1 colors (cols)"
    assert spy(sparse.eye_array(8)) == "⠑⢄⠀⠀\n⠀⠀⠑⢄"


@pytest.mark.parametrize("kind", [kind for kind in COLOURINGS if kind != "acyclic"])
def test_machine_code_finds_the_same_colors(kind: str, monkeypatch: Any) -> None:
    for seed, density in enumerate([0.0, 0.02, 0.06, 0.3, 0.9]):
        random = np.random.default_rng(seed)
        shape = (90, 90) if kind == "symmetric" else (70, 90)
        matrix = sparse.random_array(shape, density=density, rng=random).tocsr()
        matrix = (matrix + matrix.T).tocsr() if kind == "symmetric" else matrix
        for order in ORDERS:
            monkeypatch.setattr(colouring, "LARGE", 1 << 60)
            by_python = COLOURINGS[kind](matrix, order)
            monkeypatch.setattr(colouring, "LARGE", 0)
            native = COLOURINGS[kind](matrix, order)

            assert np.array_equal(native.colors, by_python.colors)


def test_svg_has_a_square_an_entry_in_its_colour() -> None:
    colored = color_rows(random_matrix(1, is_symmetric=False))
    paths = ElementTree.fromstring(colored._repr_svg_()).findall("{*}path")
    large = spy_svg(sparse.eye_array(10_000).tocsr())

    assert len(paths) == colored.num_colors
    squares = [path.attrib["d"].count("M") for path in paths]
    assert sum(squares) == colored.sparsity.nnz
    first = np.isin(colored.sparsity.tocoo().row, np.flatnonzero(colored.colors == 0))
    assert squares[0] == first.sum()
    assert large.count("M") == 200


def test_both_ways_need_no_more_colors_than_one() -> None:
    for seed in range(10):
        matrix = random_matrix(seed, is_symmetric=False).tolil()
        matrix[seed] = matrix[:, seed] = 1.0

        both = color_bidirectional(matrix)
        one = min(color_cols(matrix).num_colors, color_rows(matrix).num_colors)
        assert both.num_colors < one / 2
