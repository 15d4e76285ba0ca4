"""Sparse Jacobians and Hessians equal the dense ones, in a structure that is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from tests.derive.test_roll import (
    LOOPS,
    argument,
    of_python_numbers,
    second_loop_reads_backwards,
    single_precision,
    stores,
)
from tests.derive.test_sparsity import POINT, PROGRAMS
from wengert import (
    color_cols,
    color_symmetric,
    fori_loop,
    grad,
    hessian,
    hessian_sparsity,
    jacobian,
    jacobian_sparsity,
    jit,
    record,
    scan,
    switch,
    value_and_grad,
    value_and_hessian,
    value_and_jacobian,
    value_grad_and_hessian,
    vmap,
    while_loop,
)
from wengert.core.operation import apply
from wengert.derive import repeats
from wengert.errors import ArgumentError, DerivativeError
from wengert.execute.engine import native_engine
from wengert.ops.sparse.products import PRODUCT

FORMATS = ("csr", "csc", "coo")


@pytest.mark.parametrize("name", PROGRAMS)
def test_sparse_jacobian_equals_the_dense_one(name: str) -> None:
    f = jacobian(PROGRAMS[name], sparse=True)

    for k in range(3):
        x = POINT + 1e-4 * k
        dense = jacobian(PROGRAMS[name])(x).reshape(-1, POINT.size)
        np.testing.assert_allclose(f(x).toarray(), dense, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_sparse_hessian_equals_the_dense_one(name: str) -> None:
    def total(x: Any) -> Any:
        y = np.ravel(PROGRAMS[name](x))
        return np.sum(y * np.linspace(0.7, 1.9, y.size))

    f = hessian(total, sparse=True)

    for k in range(3):
        x = POINT + 1e-4 * k
        found = f(x)
        np.testing.assert_allclose(
            found.toarray(), hessian(total)(x), rtol=1e-12, atol=1e-13
        )


def chain(x: Any) -> Any:
    """Return the terms of Rosenbrock's chained function."""
    return 100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2


@pytest.mark.parametrize("output_format", FORMATS)
def test_result_has_the_format_that_was_asked_for(output_format: Any) -> None:
    x = np.linspace(0.5, 1.5, 8)
    found = jacobian(chain, sparse=True, output_format=output_format)(x)

    assert found.format == output_format
    assert found.nnz == 14
    np.testing.assert_allclose(found.toarray(), jacobian(chain)(x), rtol=1e-14)


@pytest.mark.parametrize(
    "verb", [jacobian, value_and_jacobian, hessian, value_and_hessian]
)
@pytest.mark.parametrize("told", [{"pattern": "grow"}, {"output_format": "coo"}])
def test_what_sparse_derivatives_are_told_is_refused_by_dense_ones(
    verb: Any, told: Any
) -> None:
    with pytest.raises(ArgumentError, match=rf"{verb.__name__}\(f, sparse=True"):
        verb(chain, **told)


@pytest.mark.parametrize("output_format", FORMATS)
def test_out_is_refilled(output_format: Any) -> None:
    f = jacobian(chain, sparse=True, output_format=output_format)
    first, x = f(np.ones(6)), np.linspace(0.5, 1.5, 6)

    assert f(x, out=first) is first
    np.testing.assert_allclose(first.toarray(), jacobian(chain)(x), rtol=1e-14)


def test_out_of_another_structure_is_refused() -> None:
    f = jacobian(chain, sparse=True)

    with pytest.raises(ArgumentError, match="out= of an earlier call"):
        f(np.ones(6), out=sparse.csr_array((5, 6)))


def test_value_comes_with_the_sparse_derivatives() -> None:
    x = np.linspace(0.5, 1.5, 6)
    value, matrix = value_and_jacobian(chain, sparse=True)(x)
    total, second = value_and_hessian(lambda x: np.sum(chain(x)), sparse=True)(x)

    np.testing.assert_allclose(value, chain(x))
    assert matrix.shape == (5, 6)
    assert total == pytest.approx(np.sum(chain(x)))
    assert second.shape == (6, 6)


def either(x: Any) -> Any:
    """Return what depends on another element on another path."""
    return x[:1] * 2.0 if x[0] > 0.0 else x[1:2] * 3.0


def test_path_outside_of_the_structure_is_an_error_that_names_the_way_out() -> None:
    f = jacobian(either, sparse=True)
    f(np.array([1.0, 2.0]))

    with pytest.raises(DerivativeError, match='pattern="grow"'):
        f(np.array([-1.0, 2.0]))


def test_structure_grows_where_it_may() -> None:
    f = jacobian(either, sparse=True, pattern="grow")

    first, second = f(np.array([1.0, 2.0])), f(np.array([-1.0, 2.0]))
    again = f(np.array([1.0, 2.0]))
    assert (first.nnz, second.nnz, again.nnz) == (1, 2, 2)
    assert np.array_equal(second.toarray(), [[0.0, 3.0]])
    assert np.array_equal(again.toarray(), [[2.0, 0.0]])


@pytest.mark.parametrize("pattern", [None, "grow"])
def test_arguments_of_another_size_have_a_structure_of_their_own(pattern: Any) -> None:
    f = jacobian(chain, sparse=True, pattern=pattern)
    for size in (6, 9, 2, 6, 9, 6, 9):
        x = np.linspace(0.5, 1.5, size)
        found = f(x)

        np.testing.assert_allclose(found.toarray(), jacobian(chain)(x), rtol=1e-13)
        assert found.nnz == 2 * size - 2
        assert f.colored.sparsity.shape == found.shape  # type: ignore[attr-defined]


def test_structure_of_all_paths_may_be_given() -> None:
    f = jacobian(either, sparse=True, pattern=color_cols(np.ones((1, 2))))

    assert np.array_equal(f(np.array([1.0, 2.0])).toarray(), [[2.0, 0.0]])
    assert np.array_equal(f(np.array([-1.0, 2.0])).toarray(), [[0.0, 3.0]])


def slope(x: Any) -> Any:
    """Return differences, each of two numbers beside each other."""
    return x[1:] - x[:-1] ** 2


@pytest.mark.parametrize("kind", [sparse.csc_array, sparse.coo_matrix, np.asarray])
def test_pattern_without_colours_is_coloured(kind: Any) -> None:
    x = np.linspace(1.0, 2.0, 9)
    band = np.eye(8, 9) + np.eye(8, 9, 1) + np.eye(8, 9, 3)
    slopes = jacobian(slope, sparse=True, pattern=kind(band))
    full = hessian(
        lambda x: np.sum(slope(x) ** 2), sparse=True, pattern=np.ones((9, 9))
    )

    for z in (x, 2 * x, 3 * x):
        assert slopes(z).nnz == np.count_nonzero(band)
        np.testing.assert_allclose(slopes(z).toarray(), jacobian(slope)(z))
        dense = hessian(lambda x: np.sum(slope(x) ** 2))(z)
        np.testing.assert_allclose(full(z).toarray(), dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pattern", ["growing", 3, [[True]]])
def test_what_is_no_pattern_is_refused(pattern: Any) -> None:
    with pytest.raises(ArgumentError, match="jacobian_sparsity"):
        jacobian(slope, sparse=True, pattern=pattern)


@pytest.mark.parametrize("pattern", [None, "grow", np.ones((3, 4))])
def test_results_of_another_size_are_no_rows_of_the_structure(pattern: Any) -> None:
    slopes = jacobian(
        lambda x: x[:3] ** 2 if x[0] > 0 else x[:2], sparse=True, pattern=pattern
    )
    x = np.ones(4)

    assert np.array_equal(slopes(x).toarray(), 2.0 * np.eye(3, 4))
    with pytest.raises(DerivativeError, match=r"has the shape \(2, 4\)"):
        slopes(-x)


@pytest.mark.parametrize("out", [np.zeros((4, 4)), sparse.eye_array(4), [1.0]])
def test_what_is_no_sparse_array_of_the_format_is_no_out(out: Any) -> None:
    slopes, x = jacobian(np.sin, sparse=True), np.arange(4.0)
    with pytest.raises(ArgumentError, match="out= of an earlier call"):
        slopes(x, out=out)


@pytest.mark.parametrize("is_inside", [False, True])
@pytest.mark.parametrize("make", [jacobian, value_and_jacobian])
def test_keywords_are_arguments_that_stay(make: Any, is_inside: bool) -> None:
    def f(x: Any, shift: Any = 0.0, *, scale: Any = 1.0) -> Any:
        return scale * x[1:] ** 3 + shift * x[:-1]

    slopes = make(f, sparse=True)
    call = jit(slopes) if is_inside else slopes
    x = np.linspace(1.0, 2.0, 5)

    for k in range(4):
        given = {"scale": 2.0 + k, "shift": np.arange(4.0) - k}
        found = call(x, **given)
        dense = make(f)(x, **given)
        pairs = [(found, dense)] if make is jacobian else zip(found, dense, strict=True)
        for one, other in pairs:
            one = one.toarray() if sparse.issparse(one) else one
            np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("output_format", FORMATS)
def test_hessian_is_found_by_substitution(output_format: Any) -> None:
    random = np.random.default_rng(5)
    first, second = random.integers(0, 30, (2, 70))

    def energy(x: Any) -> Any:
        return np.sum(np.sin(x[first]) * x[second] ** 2)

    x = random.normal(size=30)
    colored = color_symmetric(hessian_sparsity(energy, x), method="acyclic")
    given: Any = {"pattern": colored, "output_format": output_format}
    f = hessian(energy, sparse=True, **given)
    assert colored.sums is not None
    for k in range(4):
        found, dense = f(x + 0.1 * k), hessian(energy)(x + 0.1 * k)
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-12, atol=1e-12)
    small = f(x.astype(np.float32))
    np.testing.assert_allclose(small.toarray(), hessian(energy)(x), atol=2e-5)
    weights = random.normal(size=30)
    product = jit(lambda x: f(x) @ weights, wait=True)
    np.testing.assert_allclose(product(x), hessian(energy)(x) @ weights, rtol=1e-11)


def parting(z: Any, scale: Any) -> Any:
    """Return rows of which some take another path than others."""

    def row(x: Any, scale: Any) -> Any:
        if x[0] > 0.0:
            return x[:2] * scale
        return np.array([x[2] ** 2 * x[1], np.sin(scale) * x[0]])

    return vmap(row, in_axes=(0, None))(z.reshape(-1, 3), scale).ravel()


def test_rows_that_part_are_blocks_of_the_structure() -> None:
    random, scale = np.random.default_rng(6), np.array(0.7)
    first = jacobian(parting, argnums=(0, 1), sparse=True)
    second = hessian(lambda z, s: np.sum(parting(z, s) ** 2), sparse=True)
    for _ in range(4):  # of other paths each time, in one structure
        z = random.normal(size=36)
        found, curves = first(z, scale), second(z, scale)
        step = 1e-6 * random.normal(size=37)
        ends = [parting(z + k * step[:-1], scale + k * step[-1]) for k in (1, -1)]
        np.testing.assert_allclose(found @ (2 * step), ends[0] - ends[1], atol=1e-10)
        dense = hessian(lambda z: np.sum(parting(z, scale) ** 2))(z)
        np.testing.assert_allclose(curves.toarray(), dense, atol=1e-12)
        assert (found.nnz, curves.nnz) == (24 * 4, 12 * 9)
    assert np.array_equal(first.colored.sparsity.toarray()[:2, :3], np.ones((2, 3)))  # type: ignore[attr-defined]


def test_hessian_of_a_lagrangian_moves_with_its_multipliers() -> None:
    def lagrangian(x: Any, multipliers: Any) -> Any:
        return multipliers @ chain(x)

    f, x = hessian(lagrangian, sparse=True), np.linspace(0.5, 1.5, 6)

    for k in range(4):
        multipliers = np.arange(5.0) - k
        dense = hessian(lagrangian)(x, multipliers)
        np.testing.assert_allclose(
            f(x, multipliers).toarray(), dense, rtol=1e-12, atol=1e-12
        )


def test_several_arguments_stand_side_by_side() -> None:
    def f(a: Any, b: Any) -> Any:
        return a * b

    found = jacobian(f, argnums=(0, 1), sparse=True)(np.ones(2), np.full(2, 3.0))

    assert np.array_equal(found.toarray(), [[3, 0, 1, 0], [0, 3, 0, 1]])


def test_sparse_jacobian_inside_a_compiled_function_is_recorded() -> None:
    f = jacobian(chain, sparse=True)

    def product(x: Any) -> Any:
        return f(x) @ x

    x = np.linspace(0.5, 1.5, 6)
    expected = jacobian(chain)(x) @ x
    np.testing.assert_allclose(jit(product)(x), expected, rtol=1e-13)
    np.testing.assert_allclose(product(x), expected, rtol=1e-13)


@pytest.mark.parametrize("output_format", ["csr", "csc", "coo"])
def test_compiled_function_gives_sparse_arrays(output_format: str) -> None:
    def products(x: Any) -> Any:
        return x[1:] * x[:-1] ** 2

    slopes = jacobian(products, sparse=True, output_format=output_format)
    x = np.arange(1.0, 7.0)
    compiled, tape = jit(slopes), record(slopes, x)
    for k in range(4):
        for call in (compiled, tape):
            found = call(x + k)

            assert found.format == output_format
            dense = jacobian(products)(x + k)
            np.testing.assert_allclose(found.toarray(), dense, rtol=1e-14)
            places = found.coords[0] if output_format == "coo" else found.indices
            places[:] = 0  # they are of this result alone
    rows = vmap(lambda x: slopes(x).data)(np.stack([x, x + 1.0]))
    np.testing.assert_allclose(rows, [slopes(x).data, slopes(x + 1.0).data])


@pytest.mark.parametrize("argnums", [-1, (0, -1), 0.5])
def test_arguments_are_counted_from_0(argnums: Any) -> None:
    with pytest.raises(ArgumentError, match="counted from 0"):
        jacobian(chain, argnums, sparse=True)


SECONDS = [hessian, value_and_hessian, value_grad_and_hessian]
DERIVATIVES = [jacobian, value_and_jacobian, *SECONDS]


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("given", ["csc", "dense", 1, None, sparse.csr_array])
def test_what_is_no_truth_value_is_refused(derivative: Any, given: Any) -> None:
    wanted = given if given == "csc" else "csr"

    with pytest.raises(ArgumentError, match=f'sparse=True, output_format="{wanted}"'):
        derivative(chain, sparse=given)


@pytest.mark.parametrize("derivative", [jacobian, value_and_jacobian])
def test_sparse_derivatives_are_real(derivative: Any) -> None:
    with pytest.raises(ArgumentError, match="a sparse derivative is real"):
        derivative(chain, holomorphic=True, sparse=True)


def weighed(x: Any, y: Any, scale: float = 1.0) -> Any:
    """Return a number, of two arrays, and more beside it."""
    steps = x[1:] * x[:-1] ** 2 + (np.sin(y) if y[0] > 0 else y)
    return scale * np.sum(steps**2), {"steps": steps, "name": "weighed", "n": len(x)}


def weighed_rows(x: Any, y: Any, scale: float = 1.0) -> Any:
    """Return an array instead of the number."""
    value, more = weighed(x, y, scale)
    return {"rows": more["steps"] * y, "value": [value]}, more


def without_aux(f: Any) -> Any:
    """Return a function without what it returns beside its value."""
    return lambda *args, **keywords: f(*args, **keywords)[0]


def same(found: Any, like: Any) -> None:
    """Check that nested containers hold the same, of sparse arrays the dense one."""
    if sparse.issparse(found):
        like = like.toarray() if sparse.issparse(like) else like
        np.testing.assert_allclose(found.toarray(), like, atol=1e-12)
    elif isinstance(like, dict):
        assert found.keys() == like.keys()
        for key in like:
            same(found[key], like[key])
    elif isinstance(like, (tuple, list)):
        assert type(found) is type(like)
        assert len(found) == len(like)
        for pair in zip(found, like, strict=True):
            same(*pair)
    elif isinstance(like, str):
        assert found == like
    else:
        assert np.shape(found) == np.shape(like)
        np.testing.assert_allclose(found, like, rtol=1e-12, atol=1e-13)


def dense_of(matrix: Any, by: Any) -> Any:
    """Return a dense derivative of several results and arguments as one matrix."""
    if isinstance(matrix, dict):
        blocks = [dense_of(matrix["rows"], by), dense_of(matrix["value"][0], by)]
        return np.vstack(blocks)
    if isinstance(by, int):
        return matrix.reshape(-1, 5 - by) if matrix.ndim == 1 else matrix
    order = sorted(range(len(by)), key=by.__getitem__)
    if isinstance(matrix[0], tuple):
        return np.block([[matrix[i][j] for j in order] for i in order])
    return np.hstack([np.atleast_2d(matrix[k]) for k in order])


@pytest.mark.parametrize("by", [0, 1, (0, 1), (1, 0)], ids=str)
@pytest.mark.parametrize("has_aux", [False, True])
@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_what_is_given_beside_a_sparse_derivative_is_as_beside_a_dense_one(
    derivative: Any, has_aux: bool, by: Any
) -> None:
    f: Any = weighed if derivative in SECONDS else weighed_rows
    f = f if has_aux else without_aux(f)
    found = derivative(f, by, has_aux, sparse=True, pattern="grow")
    dense = derivative(f, by, has_aux)
    jitted = jit(lambda x, y: found(x, y))

    x, y = np.linspace(0.5, 1.5, 5), np.array([0.5, 1.0, 2.0, -1.0])
    for k in range(5):
        y[0] = 0.5 - k % 2  # along two paths
        like = dense(x + k, y, scale=2.0)
        if isinstance(like, tuple) and derivative in (jacobian, hessian) and has_aux:
            wanted: Any = dense_of(like[0], by), like[1]
        elif derivative in (jacobian, hessian):
            wanted = dense_of(like, by)
        else:
            wanted = *like[:-1], dense_of(like[-1], by)
        same(found(x + k, y, scale=2.0), wanted)
        same(jitted(x + k, y), found(x + k, y))


@pytest.mark.filterwarnings("ignore:.* runs eagerly from now on")
def test_functions_that_write_elsewhere_have_values_of_their_own_kind() -> None:
    """Such a function runs at every call."""
    calls: list[Any] = []

    def noting(x: Any) -> Any:
        calls.append(0)
        return {"square": x**2, "first": [x[0]]}, len(calls)

    both = value_and_jacobian(noting, has_aux=True, sparse=True)
    for k in range(1, 5):
        (value, count), matrix = both(np.ones(3) * k)
        assert count == len(calls)
        np.testing.assert_allclose(value["square"], k**2)
        np.testing.assert_allclose(value["first"], [k])
        assert matrix.nnz == 4


def test_value_gradient_and_hessian_refill() -> None:
    asked = value_grad_and_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2), sparse=True)
    x = np.arange(1.0, 6.0)
    _, _, matrix = asked(x)

    value, slopes, again = asked(x + 1.0, out=matrix)
    assert again is matrix
    like = value_grad_and_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(x + 1.0)
    same((value, slopes, again), like)
    assert asked.colored.num_colors < 4


def test_gradient_of_nested_arguments_is_nested() -> None:
    def cost(p: Any) -> Any:
        return p["a"] ** 2 * np.sum(p["b"][0] ** 3)

    p = {"a": 2.0, "b": [np.array([1.0, 2.0])]}
    value, slopes, matrix = value_grad_and_hessian(cost, sparse=True)(p)
    like = value_and_grad(cost)(p)
    same((value, slopes), like)
    np.testing.assert_allclose(matrix.toarray()[0], [18.0, 12.0, 48.0])


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_what_is_compiled_is_told_by_the_users_line() -> None:
    def widths(x: Any) -> Any:
        a = np.reshape(x, (3, 3))
        return np.linalg.eigvalsh(a + a.T) * np.sum(np.sqrt(x))

    f: Any = jacobian(widths, sparse=True)
    for k in (1.0, 2.0):
        f(k + np.arange(9.0))
    f.products.fast.wait()
    line = widths.__code__.co_firstlineno + 2
    asked = f.products.fast.report().rows[0]["asked of NumPy"]
    assert asked
    assert all(f" at test_sparse.py:{line} (" in text for text in asked)


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'csr' or 'csc' or 'coo'"):
        jacobian(chain, sparse=True, output_format="dok")  # type: ignore[arg-type]


def test_hessian_of_several_numbers_is_refused() -> None:
    with pytest.raises(DerivativeError, match="a Hessian is that of one number"):
        hessian(chain, sparse=True)(np.ones(4))


def test_second_derivative_of_a_loop_with_one_last_row_is_compiled() -> None:
    """`as_slice` asked for the stride of a single row."""

    def terms(x: Any) -> Any:
        y = [x[k + 1] - x[k] - 0.1 * np.sin(x[k]) for k in range(40)]
        return np.array([*y, x[0], x[40]])

    def lagrangian(x: Any, multipliers: Any) -> Any:
        return multipliers @ terms(x)

    x, multipliers = np.linspace(0.0, 1.0, 41), np.linspace(1.0, 2.0, 42)
    f = hessian(lagrangian, sparse=True)
    slopes = grad(lagrangian)
    step = 1e-6 * np.eye(41)[3]
    column = (slopes(x + step, multipliers) - slopes(x - step, multipliers)) / 2e-6

    np.testing.assert_allclose(f(x, multipliers).toarray()[3], column, atol=1e-8)


@pytest.mark.filterwarnings("ignore:.*runs eagerly")
def test_function_is_run_once_a_recording() -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(x)
        return chain(x)

    derivative = jacobian(f, sparse=True)
    for calls in (1, 2):
        derivative(np.linspace(0.5, 1.5, 6))
        assert len(runs) == calls


def collocation(x: Any) -> Any:
    """Return the defects of a pendulum, by a plain loop over 80 steps."""
    slopes = [(x[2 * k + 1], -np.sin(x[2 * k]) * x[2 * k + 1]) for k in range(81)]
    return np.array(
        [
            x[2 * k + 2 + i] - x[2 * k + i] - 0.1 * (slopes[k][i] + slopes[k + 1][i])
            for k in range(80)
            for i in range(2)
        ]
    )


def test_steps_of_a_plain_loop_that_carry_nothing_are_operations_on_arrays() -> None:
    x = np.random.default_rng(3).normal(size=162)
    derivative = jacobian(collocation, sparse=True)
    matrix = derivative(x)
    products: Any = derivative.products  # type: ignore[attr-defined]

    step = 1e-6 * np.eye(162)[7]
    column = (collocation(x + step) - collocation(x - step)) / 2e-6
    np.testing.assert_allclose(matrix.toarray()[:, 7], column, atol=1e-8)
    tape = products.sweeps.tape
    assert len(products.stretch.nodes) > 20 * len(tape)
    assert "scan" not in {operation.name for operation in tape.operations}


def test_what_a_loop_adds_up_is_computed_at_once() -> None:
    def total(x: Any) -> Any:
        s = 0.0
        for k in range(80):
            s = s + 100.0 * (x[k + 1] - x[k] ** 2) ** 2 + (1.0 - x[k]) ** 2
        return s

    x = np.random.default_rng(3).normal(size=81)
    derivative = hessian(total, sparse=True)
    matrix = derivative(x)
    sweep: Any = derivative.products.sweeps  # type: ignore[attr-defined]

    slopes, step = grad(total), 1e-6 * np.eye(81)[7]
    column = (slopes(x + step) - slopes(x - step)) / 2e-6
    np.testing.assert_allclose(matrix.toarray()[:, 7], column, rtol=1e-6, atol=1e-5)
    assert matrix.nnz == 81 + 2 * 80
    loops = [
        settings["body"]
        for operation, settings in zip(
            sweep.tape.operations, sweep.tape.settings, strict=True
        )
        if operation.name == "scan"
    ]
    assert all(len(body.tape) < 6 for body in loops)


QUICK = (stores, second_loop_reads_backwards, of_python_numbers, single_precision)


@pytest.mark.parametrize(
    "loop",
    [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in LOOPS],
)
def test_hessians_of_loops_are_the_dense_ones(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "LEAST_STRETCH", 30)
    f = hessian(loop, sparse=True)
    for seed in range(3):
        x = argument(loop, seed)
        found = f(x).toarray()
        dense = np.reshape(hessian(loop)(x), found.shape)
        rtol = 1e-5 if loop is single_precision else 1e-11
        scale = float(np.abs(dense).max())
        np.testing.assert_allclose(found, dense, rtol=0, atol=rtol * scale)


def test_what_a_loop_carries_stays_a_loop_with_all_colours_as_rows() -> None:
    def f(x: Any) -> Any:
        y, found = x[0], []
        for k in range(60):
            y = np.sin(y) + x[k % 3]
            found.append(y * x[k % 3])
        return np.array(found)

    x = np.array([0.3, 0.5, 0.7])
    derivative = jacobian(f, sparse=True)
    for _ in range(3):
        np.testing.assert_allclose(derivative(x).toarray(), jacobian(f)(x), rtol=1e-12)
        x = x * 1.1


def test_number_of_python_comes_back_as_one() -> None:
    f = value_and_hessian(lambda x: x * x * x, sparse=True)

    for _ in range(3):
        value, matrix = f(2.0)
        assert type(value) is float
        assert (value, matrix.toarray().tolist()) == (8.0, [[12.0]])


def test_array_from_outside_is_read_at_every_call() -> None:
    scale = np.array([1.0, 2.0, 3.0])
    f = jacobian(lambda x: scale * x * x, sparse=True)
    for _ in range(4):
        np.testing.assert_allclose(f(np.ones(3)).data, 2.0 * scale)
        scale *= 1.5


def test_place_that_the_data_decide_may_be_another_in_a_replay() -> None:
    def f(x: Any) -> Any:
        return x[np.argmin(x)] * x

    derivative = jacobian(f, sparse=True)
    for k in (0, 0, 0, 0, 2):
        x = np.arange(1.0, 5.0)
        x[k] = 0.5
        np.testing.assert_allclose(derivative(x).toarray(), jacobian(f)(x))


# Places that the data decide, in loops

NUMBERS = 6


def of_rows(x: Any) -> Any:
    """Return what a loop reads at places that are its rows."""
    return scan(lambda y, k: (y + x[k], x[k] * x[0]), 0.0, np.argsort(x))[1]


def of_mask(x: Any) -> Any:
    """Return what a loop reads at places that are made of bools."""
    return scan(lambda y, is_high: (y, x[is_high * 3] * x[3]), 0.0, x > 2.5)[1]


def of_carried(x: Any) -> Any:
    """Return what a loop reads at a place that it carries."""

    def step(k: Any, t: Any) -> Any:
        return (k + 1) % NUMBERS, x[k] * x[t]

    return scan(step, np.argmin(x), np.arange(NUMBERS))[1]


def of_fixed(x: Any) -> Any:
    """Return what a loop reads at a place that is the same in every step."""
    first = np.argmin(x)
    return fori_loop(0, 4, lambda k, y: y * 0.5 + x[(first + k) % NUMBERS] * x, x)


def made_inside(x: Any) -> Any:
    """Return what a loop reads at places that the step before found."""
    return scan(lambda k, row: (np.argmax(x * row), x[k] * row), 0, x)[1]


def searched(x: Any) -> Any:
    """Return what a loop reads at places that it searches for."""
    grid = np.arange(1.0, NUMBERS)
    return scan(lambda y, row: (y, x[np.searchsorted(grid, row)] * row), 0.0, x)[1]


def stored_inside(x: Any) -> Any:
    """Return what a loop writes at a place that it carries."""

    def step(t: Any, carry: Any) -> Any:
        k, y = carry
        y = np.array(y)
        y[k] = x[t] * y[k]
        return (k + 1) % NUMBERS, y

    return fori_loop(0, NUMBERS, step, (np.argmin(x), np.ones(NUMBERS)))[1]


def in_two_loops(x: Any) -> Any:
    """Return what a loop reads at places that a loop inside of it finds."""

    def outer(k: Any, row: Any) -> Any:
        k, _ = scan(lambda k, t: ((k + t) % NUMBERS, 0.0), k, np.arange(3))
        return k, x[k] * row

    return scan(outer, np.argmin(x), x)[1]


def after_it(x: Any) -> Any:
    """Return what is read at a place that a loop found."""
    k, _ = scan(lambda k, row: ((k + 1) % NUMBERS, row), np.argmin(x), x)
    return x[k] * x


def in_a_while_loop(x: Any) -> Any:
    """Return what a loop of unknown length reads at a place that it carries."""

    def step(carry: Any) -> Any:
        t, k, y = carry
        return t + 1, (k + 1) % NUMBERS, y + x[k]

    return while_loop(lambda carry: carry[0] < 2, step, (0, np.argmin(x), 1.0 * x))[2]


def of_branches(x: Any) -> Any:
    """Return what the branches read that data choose for every step."""
    pick = np.argmin(x) % 2
    branches = [lambda row: row * x[0], lambda row: row * x[1]]
    return scan(lambda y, row: (y, switch(pick, branches, row)), 0.0, x)[1]


def plainly(x: Any) -> Any:
    """Return what a plain loop reads at a place that it carries."""
    k, found = np.argmin(x), []
    for t in range(60):
        found.append(x[k] * x[t % NUMBERS])
        k = (k + 1) % NUMBERS
    return np.array(found)


def plainly_ordered(x: Any) -> Any:
    """Return what a plain loop reads in an order that the data decide."""
    order, y, found = np.argsort(x), 0.0, []
    for t in range(60):
        y = np.sin(y) * x[order[t % NUMBERS]] + x[t % NUMBERS]
        found.append(y)
    return np.array(found[:3])


def plainly_searched(x: Any) -> Any:
    """Return what a plain loop reads at places that it searches for."""
    y, found, grid = x[0], [], np.arange(1.0, NUMBERS)
    for t in range(60):
        k = np.searchsorted(grid, 0.1 * y + x[t % NUMBERS])
        y = np.sin(y) * x[k]
        found.append(x[k] * x[t % NUMBERS])
    return np.array(found)


def product_at_places(x: Any) -> Any:
    """Return a product with a sparse matrix whose places are the data's."""
    rows, columns = np.argsort(x), np.arange(NUMBERS)
    return apply(PRODUCT, x, rows, columns, x, shape=(NUMBERS, NUMBERS))


DECIDED = [
    *(of_rows, of_mask, of_carried, of_fixed, made_inside, searched, stored_inside),
    *(in_two_loops, after_it, in_a_while_loop, of_branches),
    *(plainly, plainly_ordered, plainly_searched, product_at_places),
]
#: The path is compiled at the first, and then replayed.
ORDERS = [
    *[(1, 2, 3, 4, 5, 6)] * 4,
    *[(3, 1, 6, 2, 5, 4), (6, 5, 4, 3, 2, 1), (2, 6, 1, 5, 4, 3)],
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("f", DECIDED)
def test_places_that_the_data_decide_in_a_loop_may_be_others(f: Any) -> None:
    def total(x: Any) -> Any:
        y = f(x)
        return np.sum(y * np.linspace(0.7, 1.9, y.size))

    slopes, curves = jacobian(f, sparse=True), hessian(total, sparse=True)
    for order in ORDERS:
        x = np.array(order) + 0.01 * np.arange(NUMBERS)
        np.testing.assert_allclose(slopes(x).toarray(), jacobian(f)(x), atol=1e-14)
        np.testing.assert_allclose(curves(x).toarray(), hessian(total)(x), atol=1e-13)


def test_places_that_no_data_decide_are_known_in_every_step() -> None:
    def f(x: Any) -> Any:
        places, steps = np.arange(NUMBERS), 2
        k, y = scan(lambda k, t: ((k + steps) % NUMBERS, x[k] * x[t]), 0, places)
        return y * x[k]

    x = np.arange(1.0, 1.0 + NUMBERS)
    found = jacobian(f, sparse=True)(x)

    assert found.nnz == np.count_nonzero(jacobian(f)(x)) < 3 * NUMBERS


@pytest.mark.parametrize("is_inside", [False, True])
@pytest.mark.parametrize("kind", [np.int64, lambda k: np.full(NUMBERS, k), float])
def test_places_that_other_arguments_decide_may_be_others(
    kind: Any, is_inside: bool
) -> None:
    def f(x: Any, k: Any) -> Any:
        return x[np.asarray(k).astype(int)] * x

    derivative, x = jacobian(f, sparse=True), np.arange(1.0, 1.0 + NUMBERS)
    product = jit(lambda x, k: derivative(x, k) @ x)
    for k in (0, 0, 0, 0, 2, 3):
        dense = jacobian(f)(x, kind(k))
        if is_inside:
            np.testing.assert_allclose(product(x, kind(k)), dense @ x)
        else:
            np.testing.assert_allclose(derivative(x, kind(k)).toarray(), dense)


def test_int_of_python_is_a_place_that_is_known() -> None:
    derivative = jacobian(lambda x, k: x[k] * x, sparse=True)

    assert [derivative(np.ones(4), 2).nnz for _ in range(4)] == [7] * 4


SCALE = 2.0


def test_sparse_derivative_follows_numbers_from_outside(monkeypatch: Any) -> None:
    f = jacobian(lambda x: SCALE * x**2, sparse=True)
    second = hessian(lambda x: np.sum(SCALE * x**2), sparse=True)

    for scale in [2.0] * 5 + [3.0, 4.0, 5.0, 5.0, 6.0]:
        monkeypatch.setitem(globals(), "SCALE", scale)
        np.testing.assert_allclose(f(np.ones(3)).data, 2.0 * scale)
        np.testing.assert_allclose(second(np.ones(3)).data, 2.0 * scale)


def test_products_with_sparse_matrices_have_sparse_derivatives() -> None:
    first = sparse.random_array((30, 40), density=0.05, rng=np.random.default_rng(0))
    second = sparse.diags_array([1.0, -1.0], offsets=[0, 1], shape=(29, 30)).tocsr()

    def f(x: Any) -> Any:
        return second @ (first @ np.sin(x)) ** 2

    def total(x: Any) -> Any:
        return np.sum(f(x) * np.linspace(0.5, 1.5, 29))

    x = np.linspace(0.0, 1.0, 40)
    slopes, curves = jacobian(f, sparse=True), hessian(total, sparse=True)
    for k in range(3):
        dense = jacobian(f)(x + k)
        np.testing.assert_allclose(slopes(x + k).toarray(), dense, atol=1e-13)
        found = curves(x + k).toarray()
        np.testing.assert_allclose(found, hessian(total)(x + k), atol=1e-12)
    slopes.products.fast.wait()  # type: ignore[attr-defined]
    (row,) = slopes.products.fast.report().rows  # type: ignore[attr-defined]
    assert row["loops"] or not native_engine()


def test_dense_rows_and_columns_take_a_sweep_each_way() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x) * x[0]
        return np.concatenate([np.array([np.sum(x**2)]), y[1:], x[:5] ** 2])

    x = np.linspace(0.5, 1.5, 60)
    slopes: Any = value_and_jacobian(f, sparse=True, output_format="csc")

    for k in range(3):
        value, found = slopes(x + k)
        np.testing.assert_allclose(value, f(x + k))
        np.testing.assert_allclose(found.toarray(), jacobian(f)(x + k), atol=1e-12)
    assert slopes.colored.kind == "bidirectional"
    assert slopes.colored.num_colors < 6


def test_sparse_derivative_follows_places_that_are_changed_outside() -> None:
    places, weights = np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0])
    f = jacobian(lambda x: weights * x[places] ** 2, sparse=True, pattern="grow")
    x = np.array([0.5, 1.0, 1.5])

    for k in range(8):
        if k in (4, 6):
            places[k // 4 - 1] = 2
            weights[1] += 1.0
        expected = np.zeros((3, 3))
        expected[np.arange(3), places] = 2.0 * weights * x[places]
        np.testing.assert_allclose(f(x).toarray(), expected)
        if k == 3:
            f.products.fast.wait()  # type: ignore[attr-defined]


def test_pattern_of_a_jitted_function_is_that_of_all_its_paths() -> None:
    def turned(x: Any, shift: Any, names: Any) -> Any:
        y = x**2 if x[0] > shift else x[::-1] ** 3
        return y * 2.0 if names == "both" else y

    x, other = np.arange(1.0, 6.0), -np.arange(1.0, 6.0)
    fast = jit(turned)
    for _ in range(3):
        fast(x, 0.5, "both"), fast(other, 0.5, "both")
    paths = [jacobian_sparsity(turned, at, 0.5, "") for at in (x, other)]
    found = jacobian_sparsity(fast, x, 0.5, "both")

    assert not (found != paths[0] + paths[1]).nnz
    assert not (jacobian_sparsity(fast, x, 0.5, "one") != paths[0]).nnz
    assert jacobian_sparsity(fast, x, 0.5, "both", local=True).nnz == 5
    whole = hessian_sparsity(jit(lambda x: np.sum(turned(x, 0.5, ""))), x)
    assert whole.nnz == 5
    slopes = jacobian(fast, sparse=True, pattern=color_cols(found))
    for at in (x, other):
        dense = jacobian(turned)(at, 0.5, "both")
        np.testing.assert_allclose(slopes(at, 0.5, "both").toarray(), dense)


@pytest.mark.parametrize("view", [np.ravel, lambda p: np.reshape(p, (-1,))])
@pytest.mark.parametrize("is_second", [False, True])
def test_derivative_of_a_sparse_one_is_recorded_as_it_was(
    view: Any, is_second: bool
) -> None:
    """What rules read of constants that were derived is one node in every recording."""

    def f(p: Any, u: Any) -> Any:
        a, b = view(p)
        found = u**2 * np.exp(b) * a + u[::-1]
        return np.sum(found * u) if is_second else found

    make = hessian if is_second else jacobian
    inner: Any = make(f, 1, sparse=True)
    slopes = jit(grad(lambda p, u: np.sum(inner(p, u).data), (0, 1)))
    dense: Any = grad(lambda p, u: np.sum(make(f, 1)(p, u)), (0, 1))

    for k in range(4):
        given = np.array([0.3, -0.4 + 0.1 * k]), np.arange(3.0) / (k + 1)
        for one, other in zip(slopes(*given), dense(*given), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)
    assert [path.is_believed for path in slopes.paths()] == [True]


#: By what is done, functions of the elements of x one by one.
OF_NUMBERS = {
    "sum": lambda x: np.sum(x[0] * x[1]) * x[2] + np.mean(x[3]) ** 2,
    "prod": lambda x: np.prod(x[2]) * np.max(x[3]) + np.cumsum(x[0] * x[1])[0] ** 3,
    "norm": lambda x: np.linalg.norm(x[0] * x[1]) + np.einsum("->", x[2]) * x[3],
    "clip": lambda x: np.clip(x[0] * x[1], -9.0, 9.0) + np.clip(x[2], x[3] ** 2, 9.0),
    "array": lambda x: np.sum(np.clip(x, 0.0, 1.0) ** 2 * x[::-1]),
}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_derivatives_of_what_is_done_with_numbers_are_the_dense_ones(name: str) -> None:
    f, x = OF_NUMBERS[name], np.array([0.3, 1.7, -0.4, 0.6])
    second, first = hessian(f, sparse=True), jacobian(f, sparse=True)

    for z in (x, x[::-1] + 0.1, x):
        np.testing.assert_allclose(second(z).toarray(), hessian(f)(z), atol=1e-14)
        np.testing.assert_allclose(first(z).toarray()[0], grad(f)(z), atol=1e-14)
