"""Every registered operation: values, both modes, second order, shapes, dtypes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ops.examples import (
    BY_RECORDING,
    EXAMPLES,
    ROUGH,
    ROUGHLY,
    Example,
    call,
    domain_draw,
    examples,
    is_elementwise,
)
from tests.ops.judge import (
    floats,
    has_float_result,
    is_float,
    judge,
    judge_modes,
    judge_no_gradient,
    judge_value,
    plain_call,
    quietly,
)
from wengert import record
from wengert.checks import check_grads
from wengert.core.operation import DISPATCH, NAMED, REGISTRY, Operation

EVERY = examples()
ELEMENTWISE = [
    operation
    for operation in REGISTRY.values()
    if is_elementwise(operation) and operation.name not in ("chain_product", "ldexp")
]
SMOOTH = [operation for operation in ELEMENTWISE if operation.is_differentiable]


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - BY_RECORDING))
def test_every_operation_has_an_example(name: str) -> None:
    assert name in EXAMPLES or is_elementwise(REGISTRY[name]), (
        f"{name} has no example: enter one in tests/ops/examples.py"
    )


#: Answered with facts and text about an array, not with numbers made from it.
QUESTIONS = {
    "allclose",
    "array2string",
    "array_equal",
    "array_equiv",
    "array_repr",
    "array_str",
    "can_cast",
    "common_type",
    "diag_indices_from",
    "einsum_path",
    "empty_like",
    "iscomplexobj",
    "isrealobj",
    "may_share_memory",
    "min_scalar_type",
    "ndim",
    "result_type",
    "shape",
    "shares_memory",
    "size",
    "tril_indices_from",
    "triu_indices_from",
}


def module(function: Any) -> Any:
    """Return the module of a function; a ufunc does not say where it is."""
    return getattr(function, "__module__", None)


ANSWERED = {
    function.__name__
    for function, answer in DISPATCH.items()
    # What is followed is judged in `test_polynomial_classes`.
    if not isinstance(answer, Operation) and ".polynomial." not in str(module(function))
} - QUESTIONS
#: Solvers and integrals, which call what they are given.
OF_FUNCTIONS = {
    name
    for rows in NAMED.values()
    for name, answer in rows.items()
    if getattr(answer, "takes_functions", False)
}
#: Of functions with the name of NumPy's the operation is SciPy's own.
ANSWERED |= {name for rows in NAMED.values() for name in rows} - OF_FUNCTIONS
#: Answered with an error alone.
ANSWERED -= {"rv_discrete.rvs"}
STRUCTURE = Path(__file__).parents[1] / "structure"


@pytest.mark.parametrize("name", sorted(ANSWERED - set(REGISTRY)))
def test_every_answered_function_has_an_example(name: str) -> None:
    assert name in EXAMPLES, (
        f"{name} has no example: enter one in tests/ops/examples.py"
    )


@pytest.mark.parametrize("name", sorted(OF_FUNCTIONS))
def test_every_function_of_functions_is_judged_with_the_nodes_that_hold_one(
    name: str,
) -> None:
    texts = [path.read_text() for path in STRUCTURE.glob("test_*.py")]

    assert any(re.search(rf"\b{name}\b", text) for text in texts)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_example_is_of_something_known(name: str) -> None:
    assert name in REGISTRY or name in ANSWERED


@pytest.mark.parametrize("example", EVERY, ids=str)
def test_example_records_its_operation(example: Example) -> None:
    tape = record(example.function, *example.operands)

    assert (
        example.operation not in REGISTRY
        or REGISTRY[example.operation] in tape.operations
    )


@pytest.mark.parametrize("example", EVERY, ids=str)
def test_value_and_derivatives(example: Example) -> None:
    if example.order:
        judge(example.function, example.operands, example.order, example.allowed)
    else:
        judge_value(example.function, example.operands)
    tape = record(example.function, *example.operands)
    if not any(o.is_differentiable for o in tape.operations):
        judge_no_gradient(example.function, example.operands)


# Every example again, with operands of another dtype, layout or size


def single(x: Any) -> Any:
    """Return single precision."""
    return x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)[()]


def complex_(x: Any) -> Any:
    """Return complex numbers off the axes."""
    return (x * (1 + 0.3j))[()]


def fortran(x: Any) -> Any:
    """Return the numbers column by column."""
    return np.asarray(x, order="F")[()]


def empty(x: Any) -> Any:
    """Return an array without elements."""
    return x[:0] if x.ndim else x[()]


#: Where a value is not NumPy's to the bit, or not NumPy's case, and why.
DIFFERENT = {
    ("sign", complex_): "the operation complex_sign then",
    ("unique_values", complex_): "NumPy leaves complex ones unsorted",
    ("signed_logsumexp", complex_): "the last bit: from the complex logarithm",
    ("apply_where", complex_): "of complex numbers there is no distribution",
    ("cg", complex_): "the last bit: of a product of two sparse matrices",
    ("minres", complex_): "the last bit: of a product of two sparse matrices",
    **{
        (f"multivariate_normal_{kind}", single): "the last bit: SciPy's is of an eigh"
        for kind in (
            "gen.pdf",
            "gen.logpdf",
            "frozen.pdf",
            "frozen.logpdf",
            "frozen.__init__",
        )
    },
    ("nanstd", complex_): "the last bit: NumPy multiplies by the conjugate",
    ("nanvar", complex_): "the last bit: NumPy multiplies by the conjugate",
    ("cov", empty): "NumPy answers what has no variables apart",
    ("corrcoef", empty): "NumPy answers what has no variables apart",
    ("vector_norm", single): "the last bit: of NumPy's number a power is C's powf",
    ("eig", complex_): "a rounding decides in which order LAPACK finds them",
    ("lu", empty): "SciPy gives the permutation of a stack of nothing another shape",
    ("lu_solve", empty): "SciPy takes what has no equations, whatever its shape",
    ("solve_sylvester", empty): "SciPy takes what has no equations, in any shape",
    ("solve_toeplitz", empty): "SciPy takes what has no equations, in any shape",
    ("scipy_eig", complex_): "a rounding decides in which order LAPACK finds them",
    ("scipy_eigvals", complex_): "a rounding decides in which order LAPACK finds them",
    ("cumulative_simpson", single): "SciPy multiplies by double spacings first",
    ("scipy_svd", complex_): "LAPACK chooses the phases: judged apart without them",
    ("scipy_svd_full", complex_): "LAPACK chooses the phases: judged apart without",
    ("eigvals", complex_): "a rounding decides in which order LAPACK finds them",
    ("eigh", complex_): "LAPACK chooses the phases: judged apart without them",
    ("svd", complex_): "LAPACK chooses the phases: judged apart without them",
    ("svd_full", complex_): "LAPACK chooses the phases: judged apart without them",
}
VARIANTS = [
    (example, cast) for example in EVERY for cast in (single, complex_, fortran, empty)
]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("example", "cast"), VARIANTS, ids=lambda v: getattr(v, "__name__", str(v))
)
def test_other_dtypes_layouts_and_sizes(example: Example, cast: Any) -> None:
    """Where NumPy takes the operands, wengert does, with NumPy's value and types."""
    operands = [cast(np.asarray(x)) if is_float(x) else x for x in example.operands]
    if (example.operation, cast) in DIFFERENT or not numpy_takes(example, operands):
        pytest.skip("not NumPy's case")
    judge_value(example.function, operands)
    if example.order and floats(operands):
        judge_modes(example.function, operands)
        if cast in (single, complex_) and has_float_result(example.function, operands):
            allowed = example.allowed if cast is complex_ else {}
            check_grads(example.function, tuple(operands), order=1, **allowed)


def numpy_takes(example: Example, operands: list[Any]) -> bool:
    """Whether plain NumPy computes the example without an error or a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            plain_call(example.function, operands)
        except Exception:
            return False
    return True


# Elementwise operations over shapes and dtypes

SHAPES = [(), (3,), (2, 3), (2, 1, 2), (0,), (2, 0)]
PAIRS = [
    ((), ()),
    ((), (3,)),
    ((3,), ()),
    ((2, 1), (3,)),
    ((1, 3), (2, 3)),
    ((2, 1, 2), (3, 1)),
    ((0,), (1,)),
    ((), (2, 0)),
]


def operands_of(
    operation: Operation, shapes: Any, dtype: Any = np.float64
) -> list[Any]:
    """Return operands from the operation's domain."""
    random = np.random.default_rng(7)
    return [
        dtype(domain_draw(domain, *shape)(random))
        if shape == ()
        else domain_draw(domain, *shape)(random).astype(dtype)
        for domain, shape in zip(operation.domain, shapes, strict=True)
    ]


def shapes_of(operation: Operation) -> list[Any]:
    """Return the shapes that an elementwise operation is tried at."""
    if len(operation.domain) == 1:
        return [(shape,) for shape in SHAPES]
    return [(pair * 2)[: len(operation.domain)] for pair in PAIRS]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("operation", ELEMENTWISE, ids=lambda o: o.name)
def test_shapes_and_broadcasting(operation: Operation) -> None:
    for shapes in shapes_of(operation):
        operands = operands_of(operation, shapes)
        judge_value(call(operation), operands)
        judge_modes(call(operation), operands)


@pytest.mark.parametrize("operation", ELEMENTWISE, ids=lambda o: o.name)
def test_single_precision_stays_single(operation: Operation) -> None:
    shapes = [(2, 3), (3,), (), (2, 1)][: len(operation.domain)]
    operands = operands_of(operation, shapes, np.float32)
    judge_value(call(operation), operands)
    judge_modes(call(operation), operands)
    if operation.is_differentiable:
        check_grads(call(operation), tuple(operands), order=1)


@pytest.mark.parametrize("operation", SMOOTH, ids=lambda o: o.name)
def test_partials_do_not_promote(operation: Operation) -> None:
    operands = operands_of(operation, [(3,)] * len(operation.domain), np.float32)
    result = operation.function(*operands)
    for partial in operation.partials:
        found = partial(result, *operands) if callable(partial) else partial

        assert np.result_type(result, found) == result.dtype


@pytest.mark.one_in(3)
@pytest.mark.parametrize("operation", ELEMENTWISE, ids=lambda o: o.name)
def test_python_numbers_are_weak(operation: Operation) -> None:
    if len(operation.domain) != 2:
        pytest.skip("one operand")
    x, y = operands_of(operation, [(3,), (3,)], np.float32)
    low, high = operation.domain[1]
    for weak in (float(y[0]), 2) if low < 2 < high else (float(y[0]),):
        judge_value(lambda x: call(operation)(x, weak), [x])  # noqa: B023
        judge_modes(lambda x: call(operation)(x, weak), [x])  # noqa: B023
    first = float(x[0])
    judge_value(lambda y: call(operation)(first, y), [y])
    judge_modes(lambda y: call(operation)(first, y), [y])


@pytest.mark.parametrize("operation", ELEMENTWISE, ids=lambda o: o.name)
def test_integer_operands_mix(operation: Operation) -> None:
    """Integers of its domain, one operand at a time, beside floats."""
    random = np.random.default_rng(3)
    shapes = [(2, 3), (3,), (), (2, 1)][: len(operation.domain)]
    for k, (low, high) in enumerate(operation.domain):
        least, most = int(np.ceil(low)), int(np.floor(high))
        if most < least:
            continue
        operands = operands_of(operation, shapes)
        operands[k] = random.integers(least, most + 1, shapes[k])
        judge_value(call(operation), operands)
        if len(operands) > 1:
            judge_modes(call(operation), operands)


def takes_complex(operation: Operation) -> bool:
    """Whether NumPy's function takes complex numbers, and is this operation then."""
    if operation.name == "sign":
        return False
    operands = [np.array([0.5 + 0.25j])] * len(operation.domain)
    try:
        np.asarray(operation.function(*operands))
    except TypeError:
        return False
    return True


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "operation", [o for o in ELEMENTWISE if takes_complex(o)], ids=lambda o: o.name
)
def test_complex_numbers(operation: Operation) -> None:
    random = np.random.default_rng(5)
    shapes = [(2, 3), (3,), (), (2, 1)][: len(operation.domain)]
    operands = [
        random.uniform(0.3, 0.9, shape) + 1j * random.uniform(0.2, 0.9, shape)
        for shape in shapes
    ]
    if operation.is_differentiable:
        allowed = ROUGHLY if operation.name in ROUGH else {}
        judge(quietly(call(operation)), operands, allowed=allowed)
    else:
        judge_value(call(operation), operands)
        judge_no_gradient(call(operation), operands)


@pytest.mark.parametrize(
    "operation",
    [o for o in SMOOTH if takes_complex(o) and len(o.domain) == 2],
    ids=lambda o: o.name,
)
def test_real_and_complex_numbers_mix(operation: Operation) -> None:
    x = np.array([0.5, 0.7, 1.5])
    z = np.array([[0.4 + 0.3j], [0.8 - 0.6j]])
    judge(call(operation), [x, z])
    judge(call(operation), [z, x])
