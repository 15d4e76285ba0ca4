"""Every transformation: arguments, structures, dtypes, nesting, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from wengert import (
    ArgumentError,
    DerivativeError,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linearize,
    record,
    stop_gradient,
    value_and_grad,
    value_and_hessian,
    value_and_jacobian,
    value_grad_and_hessian,
    vjp,
)

X = np.array([0.5, -1.0, 2.0])
GRADIENTS = [grad, jacobian, jacrev, jacfwd]


def cubic(x: Any, y: Any, z: Any = 1.0) -> Any:
    """Return a polynomial of three numbers."""
    return x**3 * y + z * y**2


# argnums, keywords, aux


@pytest.mark.parametrize("derive", GRADIENTS)
@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 36.0),
        (1, 20.0),
        (2, 9.0),
        (-1, 9.0),
        (-3, 36.0),
        ((0,), (36.0,)),
        ((0, 1), (36.0, 20.0)),
        ((2, 0), (9.0, 36.0)),
        ([1, -1], (20.0, 9.0)),
        ((), ()),
    ],
)
def test_argnums(derive: Any, argnums: Any, expected: Any) -> None:
    assert derive(cubic, argnums)(2.0, 3.0, 2.0) == expected


@pytest.mark.parametrize("derive", [*GRADIENTS, value_and_grad, hessian])
@pytest.mark.parametrize("argnums", [3, -4, (0, 5), 0.5])
def test_argnums_out_of_range_are_refused(derive: Any, argnums: Any) -> None:
    with pytest.raises(ArgumentError, match="argnums"):
        derive(cubic, argnums)(2.0, 3.0, 2.0)


def test_a_call_without_positional_arguments_is_refused() -> None:
    with pytest.raises(ArgumentError, match="0 positional arguments"):
        grad(cubic)(x=1.0, y=2.0)


@pytest.mark.parametrize("derive", GRADIENTS)
def test_keywords_are_passed_on(derive: Any) -> None:
    assert derive(cubic, 1)(2.0, 3.0, z=5.0) == 38.0
    assert derive(lambda x, **kw: x * kw["w"][0])(2.0, w=[7.0]) == 7.0


def test_aux_is_returned_plain() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return np.sum(y), {"y": y, "n": 3, "name": "k"}

    gradient, aux = grad(f, has_aux=True)(X)
    (value, same), _ = value_and_grad(f, has_aux=True)(X)

    np.testing.assert_allclose(gradient, np.cos(X))
    assert value == np.sum(np.sin(X))
    assert (aux["n"], aux["name"], type(aux["y"])) == (3, "k", np.ndarray)
    np.testing.assert_array_equal(aux["y"], same["y"])


@pytest.mark.parametrize("derive", GRADIENTS)
def test_aux_of_every_derivative(derive: Any) -> None:
    matrix, aux = derive(lambda x: (x**2, "aux"), has_aux=True)(3.0)

    assert (matrix, aux) == (6.0, "aux")


def test_aux_of_the_others() -> None:
    def f(x: Any) -> Any:
        return np.sum(x**3), np.max(x)

    (value, aux), matrix = value_and_jacobian(f, has_aux=True)(X)
    _, pull, aux_of_vjp = vjp(f, X, has_aux=True)
    second, aux_of_hessian = hessian(f, has_aux=True)(X)
    (value_again, _), second_again = value_and_hessian(f, has_aux=True)(X)

    assert aux == aux_of_vjp == aux_of_hessian == 2.0
    assert value == value_again == np.sum(X**3)
    np.testing.assert_allclose(matrix, 3 * X**2)
    np.testing.assert_allclose(pull(1.0)[0], 3 * X**2)
    np.testing.assert_allclose(second, np.diag(6 * X))
    np.testing.assert_allclose(second, second_again)


def test_aux_that_is_missing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="return value, aux"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_value_and_gradient_come_from_one_recording() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sum(x**2)

    value, gradient = value_and_grad(f)(X)

    assert (value, len(calls)) == (np.sum(X**2), 1)
    np.testing.assert_array_equal(gradient, 2 * X)


def test_names_and_documentation_are_taken_over() -> None:
    assert grad(cubic).__name__ == "grad_cubic"
    assert grad(cubic).__doc__ == cubic.__doc__


# linearize, vjp and jvp


def test_a_linearized_function_is_called_many_times() -> None:
    value, push = linearize(lambda x: np.outer(x, x), X)

    np.testing.assert_array_equal(value, np.outer(X, X))
    for v in np.eye(3):
        expected = np.outer(X, v) + np.outer(v, X)
        np.testing.assert_allclose(push(v), expected)


def test_a_pullback_is_called_many_times() -> None:
    value, pull = vjp(lambda x: np.outer(x, x), X)

    for g in np.eye(9).reshape(9, 3, 3):
        np.testing.assert_allclose(pull(g)[0], (g + g.T) @ X)
    np.testing.assert_array_equal(value, np.outer(X, X))


def test_a_pullback_does_not_keep_what_it_gave() -> None:
    _, pull = vjp(lambda x: x * 1.0, X)
    g = np.ones(3)

    first = pull(g)[0]
    first[0] = 100
    g[1] = 5

    np.testing.assert_array_equal(pull(np.ones(3))[0], [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(first, [100.0, 1.0, 1.0])


def test_a_jvp_is_the_directional_derivative() -> None:
    v = np.array([1.0, 2.0, 3.0])

    value, tangent = jvp(lambda x, y: np.sum(x * y**2), (X, X + 1), (v, -v))

    assert value == np.sum(X * (X + 1) ** 2)
    assert tangent == pytest.approx(v @ (X + 1) ** 2 - v @ (2 * X * (X + 1)))


@pytest.mark.parametrize("args", [(X, (X,)), ((X,), X), ((X,), (X, X))])
def test_primals_and_tangents_are_tuples_of_one_length(args: Any) -> None:
    with pytest.raises(ArgumentError):
        jvp(np.sin, *args)


@pytest.mark.parametrize("wrong", [np.ones(4), np.ones((2, 3)), 1.0, X * 1j])
def test_a_tangent_that_does_not_fit_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="a tangent of type"):
        jvp(np.sin, (X,), (wrong,))


@pytest.mark.parametrize("wrong", [np.ones(4), np.ones((2, 3)), 1.0, X * 1j])
def test_a_gradient_that_does_not_fit_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="a gradient of type"):
        vjp(np.sin, X)[1](wrong)


# Jacobians


@pytest.mark.parametrize("derive", [jacobian, jacrev, jacfwd])
@pytest.mark.parametrize("out", [(), (2,), (2, 3)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_the_shape_of_a_jacobian(derive: Any, out: Any, shape: Any) -> None:
    weights = np.arange(1.0, 1 + np.prod(out + shape)).reshape(out + shape)
    axes = tuple(range(len(out), len(out + shape)))

    def linear(x: Any) -> Any:
        return np.sum(weights * x, axis=axes) if axes else weights * x

    x = np.ones(shape) if shape else 1.0

    np.testing.assert_allclose(derive(linear)(x), weights)
    assert np.shape(derive(linear)(x)) == out + shape


def test_the_jacobian_of_several_outputs_and_arguments() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y[0], np.sum(x) * y

    (a_x, a_y), (b_x, b_y) = jacobian(f, (0, 1))(X, np.array([2.0, 3.0]))

    np.testing.assert_array_equal(a_x, 2 * np.eye(3))
    np.testing.assert_array_equal(a_y, np.stack([X, 0 * X], axis=1))
    np.testing.assert_array_equal(b_x, [[2.0] * 3, [3.0] * 3])
    np.testing.assert_array_equal(b_y, np.sum(X) * np.eye(2))


def test_value_and_jacobian() -> None:
    value, matrix = value_and_jacobian(lambda x: x**2)(X)

    np.testing.assert_array_equal(value, X**2)
    np.testing.assert_array_equal(matrix, np.diag(2 * X))


@pytest.mark.parametrize("derive", [jacobian, jacrev, jacfwd])
def test_empty_arrays(derive: Any) -> None:
    assert derive(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)
    assert derive(lambda x: np.zeros((2, 0)) * x[0])(X).shape == (2, 0, 3)
    assert grad(np.sum)(np.zeros((0, 3))).shape == (0, 3)


# Hessians


def test_the_shape_of_a_hessian() -> None:
    x = np.arange(4.0).reshape(2, 2)

    found = hessian(lambda x: np.sum(x) ** 2 + np.sum(x**3))(x)

    assert found.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(found.reshape(4, 4), 2 + np.diag(6 * np.arange(4.0)))


def test_the_blocks_of_a_hessian() -> None:
    y = np.array([2.0, 3.0])

    (xx, xy), (yx, yy) = hessian(lambda x, y: np.sum(x) ** 2 * y[0] * y[1], (0, 1))(
        X, y
    )

    s = np.sum(X)
    np.testing.assert_allclose(xx, np.full((3, 3), 12.0))
    np.testing.assert_allclose(xy, np.tile([6 * s, 4 * s], (3, 1)))
    np.testing.assert_allclose(yx, xy.T)
    np.testing.assert_allclose(yy, [[0, s**2], [s**2, 0]])


def test_value_gradient_and_hessian() -> None:
    value, gradient, matrix = value_grad_and_hessian(lambda x: np.sum(x**3))(X)

    assert value == np.sum(X**3)
    np.testing.assert_allclose(gradient, 3 * X**2)
    np.testing.assert_allclose(matrix, np.diag(6 * X))
    np.testing.assert_allclose(value_and_hessian(lambda x: np.sum(x**3))(X)[1], matrix)


def test_a_hessian_product_has_the_structure_of_the_primals() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x**2) * y

    by_x, by_y = hvp(f, (X, 2.0), (np.ones(3), 1.0))
    alone = hvp(lambda x: np.sum(x**3), X, np.ones(3))

    np.testing.assert_allclose(by_x, 4 + 2 * X)
    assert by_y == pytest.approx(2 * np.sum(X))
    np.testing.assert_allclose(alone, 6 * X)


# Dtypes


@pytest.mark.parametrize("derive", [grad, jacobian, jacfwd, jacrev])
def test_integers_are_differentiated_as_floats(derive: Any) -> None:
    assert derive(lambda x: x**2)(3) == 6.0
    found = derive(lambda x: np.sum(x**2))(np.array([1, 2]))
    np.testing.assert_array_equal(found, [2.0, 4.0])
    assert found.dtype == np.float64
    assert derive(lambda x: x * 2.0)(True) == 2.0


@pytest.mark.parametrize("derive", [grad, jacobian, jacfwd, jacrev])
def test_float32_stays_float32(derive: Any) -> None:
    x = X.astype(np.float32)

    assert derive(lambda x: np.sum(np.sin(x) * 2.0 + 1))(x).dtype == np.float32
    assert derive(lambda x: x * 2)(np.float32(3)).dtype == np.float32


def test_float32_of_the_others() -> None:
    x = X.astype(np.float32)

    assert hessian(lambda x: np.sum(x**3))(x).dtype == np.float32
    assert hvp(lambda x: np.sum(x**3), x, x).dtype == np.float32
    assert jvp(np.sin, (x,), (x,))[1].dtype == np.float32
    assert vjp(np.sin, x)[1](x)[0].dtype == np.float32


def test_a_float64_weight_does_not_change_the_dtype_of_the_gradient() -> None:
    x = X.astype(np.float32)

    assert grad(lambda x: np.sum(x * X))(x).dtype == np.float32


# Complex numbers: du/dx - i du/dy for a real loss


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda z: np.abs(z) ** 2, lambda z: 2 * np.conj(z)),
        (lambda z: np.real(z), lambda z: 1.0),
        (lambda z: np.imag(z), lambda z: -1j),
        (lambda z: np.real(z**2), lambda z: 2 * z),
        (lambda z: np.real(np.exp(z)), lambda z: np.exp(z)),
        (lambda z: np.real(np.conj(z) * z), lambda z: 2 * np.conj(z)),
        (lambda z: z.real * z.imag, lambda z: z.imag - 1j * z.real),
    ],
)
def test_the_complex_convention(loss: Any, expected: Any) -> None:
    z, h = 0.3 + 0.7j, 1e-6
    by_x = (loss(np.complex128(z + h)) - loss(np.complex128(z - h))) / (2 * h)
    by_y = (loss(np.complex128(z + 1j * h)) - loss(np.complex128(z - 1j * h))) / (2 * h)

    found = grad(loss)(np.complex128(z))

    assert found == pytest.approx(expected(z))
    assert found == pytest.approx(by_x - 1j * by_y, abs=1e-9)


def test_a_real_argument_of_a_complex_program_has_a_real_gradient() -> None:
    found = grad(lambda t: np.abs(np.exp(1j * t) + t) ** 2)(0.4)

    expected = 2 * 0.4 + 2 * np.cos(0.4) - 2 * 0.4 * np.sin(0.4)
    assert found == pytest.approx(expected)
    assert found.dtype == np.float64


@pytest.mark.parametrize("derive", [jacobian, jacrev, jacfwd])
def test_holomorphic_functions(derive: Any) -> None:
    z = np.array([0.3 + 0.7j, 1.0 - 0.2j])

    found = derive(lambda z: np.exp(z) * z, holomorphic=True)(z)

    np.testing.assert_allclose(found, np.diag(np.exp(z) * (z + 1)), atol=1e-14)
    with pytest.raises(DerivativeError, match="holomorphic"):
        derive(lambda z: np.exp(z))(z)


TIMES = np.array([0.3, 0.9, -1.2])


@pytest.mark.parametrize(
    "function",
    [
        lambda t: np.exp(1j * t),  # element by element
        lambda t: np.fft.fft(t**2),
        lambda t: np.sum(t) * np.exp(1j * t[:2]),
        lambda t: t[0] + 2j * t[1],
    ],
)
@pytest.mark.parametrize("holomorphic", [False, True])
def test_complex_results_of_real_arguments_have_a_complex_jacobian(
    function: Any, holomorphic: bool
) -> None:
    """The word for complex arguments took the imaginary part away."""
    steps = 1e-6 * np.eye(3)
    columns = [(function(TIMES + h) - function(TIMES - h)) / 2e-6 for h in steps]
    expected = np.moveaxis(np.array(columns), 0, -1)

    for derive in (jacobian, jacfwd, lambda f, **k: jit(jacobian(f, **k))):
        found = derive(function, holomorphic=holomorphic)(TIMES)
        np.testing.assert_allclose(found, expected, atol=1e-8)
    with pytest.raises(DerivativeError, match=r"jacrev of real(.|\n)*jacfwd\(f\)"):
        jacrev(function, holomorphic=holomorphic)(TIMES)


def test_real_results_of_complex_arguments_have_gradients_as_rows() -> None:
    z = np.array([0.3 + 0.7j, 1.0 - 0.2j])

    def function(z: Any) -> Any:
        return np.concatenate([np.abs(z) ** 2, [np.real(z[0] * z[1])]])

    expected = [grad(lambda z, k=k: function(z)[k])(z) for k in range(3)]
    for derive in (jacobian, jacrev):
        np.testing.assert_allclose(derive(function)(z), expected, atol=1e-14)
    with pytest.raises(DerivativeError, match=r"jacfwd of real(.|\n)*jacrev\(f\)"):
        jacfwd(function)(z)


def test_real_and_complex_arguments_are_differentiated_together() -> None:
    by_x, by_z = jacobian(lambda x, z: x * z, (0, 1), holomorphic=True)(2.0, 1 + 2j)

    assert (by_x, by_z) == (1 + 2j, 2)
    with pytest.raises(DerivativeError, match=r"jacfwd.* and jacrev"):
        jacobian(lambda x, z: [x * z, np.abs(x * z)], (0, 1), holomorphic=True)(
            2.0, 1 + 2j
        )


def test_the_gradient_of_a_complex_result_is_refused() -> None:
    with pytest.raises(DerivativeError, match="complex"):
        grad(lambda z: z * 1j)(1.0 + 1j)


# What is not connected, and what is no number


def test_unconnected_gradients_are_zeros() -> None:
    x = X.astype(np.float32)

    by_x, by_y = grad(lambda x, y: 3.0 * y, (0, 1))(x, 2.0)
    of_nothing = grad(lambda x: 1.0)(X)

    np.testing.assert_array_equal(by_x, np.zeros(3))
    assert by_x.dtype == np.float32
    assert by_y == 3.0
    np.testing.assert_array_equal(of_nothing, np.zeros(3))
    np.testing.assert_array_equal(jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    np.testing.assert_array_equal(hessian(lambda x: np.sum(x))(X), np.zeros((3, 3)))
    assert jvp(lambda x: 5.0, (X,), (X,)) == (5.0, 0.0)


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (lambda x: x, r"float64\[3\]"),
        (lambda x: (np.sum(x), np.sum(x)), "tuple"),
        (lambda x: [np.sum(x)], "list"),
        (lambda x: None, "NoneType"),
        (lambda x: "text", "str"),
    ],
)
def test_the_gradient_of_what_is_no_number_is_refused(
    function: Any, shown: str
) -> None:
    with pytest.raises(DerivativeError, match=shown) as error:
        grad(function)(X)
    assert "test_api.py" in str(error.value)
    assert "instead: " in str(error.value)


@pytest.mark.parametrize("argument", ["text", None, np.array(["a"]), object()])
def test_what_is_no_number_is_not_differentiated(argument: Any) -> None:
    if argument is None:
        assert grad(lambda x: 1.0)(None) is None
        return
    with pytest.raises(ArgumentError, match="derivative by"):
        grad(lambda x: 1.0)(argument)


# stop_gradient


def test_stop_gradient_is_a_constant() -> None:
    assert grad(lambda x: stop_gradient(x) * x)(3.0) == 3.0
    assert grad(lambda x: stop_gradient({"k": [x * 2]})["k"][0] * x)(3.0) == 6.0
    assert jvp(lambda x: stop_gradient(x) ** 2, (3.0,), (1.0,)) == (9.0, 0.0)
    assert grad(grad(lambda x: stop_gradient(x**2) * x**2))(3.0) == 18.0


def test_stop_gradient_of_plain_values_is_themselves() -> None:
    assert stop_gradient(X) is X
    assert stop_gradient((1.0, "k")) == (1.0, "k")


# Nesting: perturbation confusion and three levels of everything


def test_perturbation_confusion_of_siskind_and_pearlmutter() -> None:
    found = grad(lambda x: x * grad(lambda y: x + y)(2.0))(1.0)

    assert found == 1.0


def test_perturbation_confusion_in_forward_mode() -> None:
    def derivative(f: Any, x: Any) -> Any:
        return jvp(f, (x,), (1.0,))[1]

    assert derivative(lambda x: x * derivative(lambda y: x + y, 2.0), 1.0) == 1.0
    assert derivative(lambda x: x * derivative(lambda y: x * y, 2.0), 3.0) == 6.0


def test_perturbation_confusion_of_manzyuk() -> None:
    """The derivative of a curried function (Manzyuk et al. 2019)."""

    def derivative(f: Any) -> Any:
        return lambda x: jvp(f, (x,), (1.0,))[1]

    def shifted(u: Any) -> Any:
        return lambda f: lambda x: f(x + u)

    second = derivative(lambda u: derivative(shifted(u)(np.exp))(1.0))(0.0)

    assert second == pytest.approx(np.exp(1.0))


def test_an_inner_derivative_by_an_outer_variable() -> None:
    def f(x: Any) -> Any:
        inner = grad(lambda y: np.sin(x * y) + x**2)(x)
        return inner * x

    x, h = 0.7, 1e-6

    def by_hand(x: float) -> float:
        return x * x * np.cos(x * x)

    expected = (by_hand(x + h) - by_hand(x - h)) / (2 * h)
    assert grad(f)(x) == pytest.approx(expected, rel=1e-8)


OPERATORS = {
    "grad": lambda f: grad(f),
    "jacfwd": lambda f: jacfwd(f),
    "jacrev": lambda f: jacrev(f),
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: linearize(f, x)[1](1.0),
    "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
}


@pytest.mark.parametrize("outer", OPERATORS)
@pytest.mark.parametrize("middle", OPERATORS)
@pytest.mark.parametrize("inner", OPERATORS)
def test_three_deep(outer: str, middle: str, inner: str) -> None:
    derive = [OPERATORS[name] for name in (inner, middle, outer)]
    f = np.sin
    for operator in derive:
        f = operator(f)

    assert f(0.3) == pytest.approx(-np.cos(0.3), rel=1e-14)


@pytest.mark.parametrize("outer", ["grad", "jvp", "jacfwd"])
def test_a_hessian_inside(outer: str) -> None:
    def f(t: Any) -> Any:
        return np.sum(hessian(lambda x: np.sum(x**3) * t)(X * t))

    found = OPERATORS[outer](f)(2.0)

    assert found == pytest.approx(2 * 2.0 * 6 * np.sum(X))


def test_five_orders() -> None:
    f = np.exp
    for _ in range(5):
        f = grad(f)

    assert f(0.5) == pytest.approx(np.exp(0.5))


def test_a_gradient_inside_a_recorded_tape() -> None:
    tape = wengert.record(lambda x: grad(lambda y: np.sum(y**3))(x) * x, X)

    np.testing.assert_allclose(tape.verify()(X + 1), 3 * (X + 1) ** 3)
    np.testing.assert_allclose(jacobian(tape)(X), np.diag(9 * X**2))


def test_a_loop_that_uses_its_own_gradient() -> None:
    """Three steps of descent, differentiated by the step size."""

    def end(step: Any) -> Any:
        x = X
        for _ in range(3):
            x = x - step * grad(lambda y: np.sum(y**2))(x)
        return np.sum(x)

    assert grad(end)(0.1) == pytest.approx(np.sum(X) * 3 * 0.8**2 * -2)


def test_exceptions_of_the_function_pass_through() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        grad(f)(1.0)


def test_random_draws_are_free() -> None:
    rng = np.random.default_rng(0)
    expected = np.random.default_rng(0).normal(size=3)

    np.testing.assert_array_equal(
        grad(lambda x: np.sum(x * rng.normal(size=3)))(X), expected
    )


def test_a_global_that_changes_is_read_again() -> None:
    factors = [2.0]
    derivative = grad(lambda x: x * factors[0])

    first = derivative(1.0)
    factors[0] = 5.0

    assert (first, derivative(1.0)) == (2.0, 5.0)


def test_an_argument_named_twice_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"argnums=\(0, 1\)"):
        grad(lambda a, b: a * b, argnums=(0, 1, -1))(2.0, 3.0)


# One number in any shape, and complex numbers


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1)])
def test_a_gradient_is_that_of_one_number_in_any_shape(shape: Any) -> None:
    x = np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        return np.reshape(x[0] ** 2 * x[1], shape)

    for make in (value_and_grad, lambda f: jit(value_and_grad(f))):
        value, g = make(f)(x)

        assert value.shape == shape
        np.testing.assert_array_equal(g, [4.0, 1.0])
    np.testing.assert_array_equal(hessian(f)(x), [[4.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(record(f, x).gradient()[0], [4.0, 1.0])


def test_a_list_or_two_numbers_have_no_gradient() -> None:
    for f in (lambda x: [x[0]], lambda x: x, lambda x: x[:0]):
        with pytest.raises(DerivativeError, match="one real number"):
            grad(f)(np.ones(2))


@pytest.mark.parametrize("z", [1 + 2j, np.complex128(1 + 2j), np.complex64(1 + 2j)])
def test_a_gradient_by_a_complex_number_is_complex(z: Any) -> None:
    """It is du/dx - i du/dy."""
    slopes = {
        (lambda z: z.real): 1,
        (lambda z: np.real(z) ** 2): 2,
        (lambda z: z.imag): -1j,
        (lambda z: abs(z) ** 2): 2 - 4j,
        (lambda z: 3.0): 0,
    }
    for f, slope in slopes.items():
        for make in (
            grad,
            lambda f: jit(grad(f)),
            lambda f: lambda z: vjp(f, z)[1](1.0)[0],
        ):
            found = make(f)(z)

            assert np.iscomplexobj(found)
            assert found == slope


# Jacobians of what acts on elements: one sweep gives the diagonal


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1,)])
@pytest.mark.parametrize(
    "fun",
    [
        lambda x: x * 2.0,
        lambda x: np.sin(x) * x + np.exp(-x),
        lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x**3),
        lambda x: x + 0.0 * np.abs(x),
        lambda x: x * np.max(x),
        lambda x: np.flip(x) * x,
        lambda x: np.reshape(np.reshape(x, -1), x.shape) ** 2,
        lambda x: x * x[:1] + np.cumsum(x, axis=-1),
    ],
)
def test_a_jacobian_is_its_columns(fun: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    columns = [
        wengert.jvp(fun, (x,), (unit.reshape(shape),))[1] for unit in np.eye(x.size)
    ]
    expected = np.stack(columns, axis=-1).reshape(fun(x).shape + shape)

    for transform in (wengert.jacobian, wengert.jacfwd, wengert.jacrev):
        found = transform(fun)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
        jitted = wengert.jit(transform(fun))
        for _ in range(3):
            np.testing.assert_allclose(jitted(x), expected, rtol=1e-13, atol=1e-15)
    curved = wengert.jacobian(wengert.jacobian(fun))(x)
    assert curved.shape == fun(x).shape + 2 * shape
    step = 1e-6 * np.ones(shape)
    change = wengert.jacobian(fun)(x + step) - wengert.jacobian(fun)(x - step)
    slopes = np.sum(curved.reshape(-1, x.size), axis=-1).reshape(change.shape)
    np.testing.assert_allclose(slopes, change / 2e-6, rtol=1e-4, atol=1e-4)


def test_a_gradient_by_a_python_float_is_double() -> None:
    single = np.array([1.0, 2.0], np.float32)

    for make in (
        grad,
        lambda f: jit(grad(f)),
        lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    ):
        found = make(lambda x: np.sum(x * single) * 1.0)(2.0)

        assert type(found) is np.float64
    found = grad(lambda x: np.sum(x * single))(np.float32(2.0))
    assert type(found) is np.float32
