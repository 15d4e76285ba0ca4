"""Programs that were once wrong: the smallest ones that showed each fault."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import wengert
from tests.programs.generate import by_hand
from tests.programs.judge import Judge
from tests.programs.ways import WAYS, run

PROGRAMS = {
    "a mask without elements writes nothing": """
def program(x, m, s, n):
    v1 = np.exp(x) + 0.5
    v2 = np.cumsum(m, axis=0)
    v1[x[:0] > 0.5] *= np.cos(s)
    v2[m[:0] > 0.5] += s
    x[m[:0, 0] > 0.45] /= np.log(3.0)
    return np.sum(v1) * 0.3 + np.sum(v2) * s + np.sum(x)
""",
    "a store under a mask made of recorded values has a derivative": """
def program(x, m, s, n):
    v3 = m.T
    v3[v3 > 0.45] = 1 / (2 + np.cos(s))
    return np.sum(m)
""",
    "a replayed sum over a transposed view adds in the same order": """
def program(x, m, s, n):
    v1 = m.T
    v1[0] = np.sin(np.max(x))
    return np.sum(v1) * 0.9
""",
    "a replayed store keeps the layout that an index array made": """
def program(x, m, s, n):
    v1 = m[::-1]
    v2 = v1[:, [-1, 0]]
    v2[...] = v2[::-1]
    return np.sum(v2) * 0.8
""",
    "a method's copy is in C order": """
def program(x, m, s, n):
    v1 = m.T.copy() * s - 0.17
    return np.sum(v1) * 0.6
""",
    "a store through a reshape clears a gradient of any layout": """
def program(x, m, s, n):
    m.reshape(-1)[::2] = s * 0.45 - s
    v1 = m.T.reshape(-1)
    v1[::-1] = s * s
    return np.sum(m * x) + np.sum(np.cos(m.T)) + np.sum(v1)
""",
    "a replayed power of numbers is Python's": """
def program(x, m, s, n):
    x[x > 0.45] *= 0.17
    x[1:] *= s ** 2 * 0.6
    return np.sum(x) * 0.3
""",
    "a scale in place by a selected number keeps both derivatives": """
def program(x, m, s, n):
    x[...] *= np.where(s > -0.23, s, -0.23 * s)
    m[0] = np.where(s > 0.6, s, 0.6 * s) + s
    np.add(x, s, out=x[...])
    return np.sum(x) * 0.3 + np.sum(m) * 0.4
""",
    "a sort whose view is scaled in place keeps its permutation": """
def program(x, m, s, n):
    v1 = np.sort(m, axis=0)
    v1[-1][:-1] = np.arctan(s) + n // 2
    v1[..., -1] *= np.minimum(np.mean(m, axis=-1), 0.6)
    return np.sum(v1) * 0.6
""",
    "a tie of truth values is counted, not or-ed": """
def program(x, m, s, n):
    x[[-1, 0]] = s
    return np.sum(x.min()) * 0.7
""",
}


@pytest.mark.parametrize("claim", PROGRAMS)
def test_regression(claim: str) -> None:
    judge = Judge(by_hand(PROGRAMS[claim]))

    assert run(judge, tuple(WAYS)) == []
    assert judge.counts["complex step: compared"]


TYPES = {
    "truth values squared are bytes": (lambda a: a**2, np.array([True, False])),
    "truth values cubed are not": (lambda a: a**3, np.array([True, False])),
    "a product keeps NumPy's type": (lambda a: math.prod([a, a]), np.float32(-0.22)),
    "a product of Python's numbers": (lambda a: math.prod([a, a, 2]), 0.25),
    "dtype= makes a number NumPy's": (lambda a: np.add(a, a, dtype="f8"), 0.22),
}


@pytest.mark.parametrize("name", TYPES)
def test_types_of_results_are_numpys(name: str) -> None:
    function, value = TYPES[name]
    expected = function(value)
    jitted = wengert.jit(function)
    found = [jitted(value) for _ in range(3)]
    found.append(wengert.record(function, value)(value))
    for one in found:
        assert type(one) is type(expected)
        assert np.asarray(one).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("value", [np.float64(2.0), np.float32(-1.0), 2.0])
@pytest.mark.parametrize(
    "key", ["v > 0", "v > 5", "None", "0", ":", "[True]", "0, ..."]
)
def test_numbers_are_indexed_as_numpys_and_pythons_are(value: Any, key: str) -> None:
    def function(v: Any) -> Any:
        return np.sum(eval(f"v[{key}]", {"v": v}))

    try:
        expected = function(value)
    except (TypeError, IndexError) as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            wengert.value_and_grad(function)(value)
    else:
        assert wengert.value_and_grad(function)(value)[0] == expected


def test_numpy_is_asked_with_one_array_where_one_was_given_twice() -> None:
    """Two arrays without axes, of which one is ``out=``, end NumPy's process."""

    def function(x: Any) -> Any:
        v = np.empty_like(0)
        v[...] = 2
        np.cumprod(v, axis=-1, out=v)
        return x

    with pytest.raises(ValueError, match="not a valid axis"):
        wengert.grad(function)(1.0)


# What raises, raises as in NumPy and Python, and in their order


def raised(function: Any, *args: Any) -> Exception | None:
    """Return what a call raises."""
    try:
        with np.errstate(all="ignore"):
            function(*args)
    except Exception as error:
        return error
    return None


def check_raised(found: Exception | None, expected: Exception | None) -> None:
    """Compare what two calls raised: by Python's class, as NumPy's own are private."""
    if expected is None or found is None:
        assert found is expected
        return
    kinds = [k for k in type(expected).__mro__ if k.__module__ == "builtins"]
    assert isinstance(found, kinds[0])


def diagonal(x: Any) -> Any:
    return np.diagonal(np.outer(x, x))


def spread(x: Any) -> Any:
    return np.broadcast_to(x, (2, *x.shape))


@pytest.mark.parametrize("view", [diagonal, spread, lambda x: x.copy()])
@pytest.mark.parametrize(
    "write",
    [
        "v //= s",  # to a float: a cast that NumPy refuses
        "v += np.ones(7)",
        "v **= 1j",
        "v @= np.ones(5)",
        "v *= 2",
        "np.add(v, np.ones(7), out=v)",
        "np.divide(v, s, out=v)",
        "np.cumsum(v, axis=-1, dtype=complex, out=v)",
        "np.cumsum(v, axis=7, out=v)",
        "np.sum(v, out=v)",
        "np.clip(v, 0.5, 1.5, out=v)",
        "np.copyto(v, s)",
        "np.matmul(v, v, out=v)",
        "v.sort(axis=7)",
    ],
)
def test_an_array_is_asked_in_numpys_order_before_it_is_written(
    view: Any, write: str
) -> None:
    def function(x: Any, s: Any) -> Any:
        names = {"np": np, "v": view(x), "s": s}
        exec(write, names)
        return names["v"]

    expected = raised(function, np.arange(4), 1.5)
    check_raised(raised(wengert.record, function, np.arange(4), 1.5), expected)


#: Kinds of numbers, and arrays that Python may take for one.
KINDS = (
    *(0.6, 2, True, 0.3 + 0.1j, math.inf),
    *(np.float64(0.6), np.float32(0.6), np.float16(0.6), np.int32(3), np.uint8(7)),
    *(np.bool_(True), np.complex64(0.25), np.float32(-1.7), np.float32(math.nan)),
    *(np.array(0.6, np.float32), np.array(2), np.ones(1), np.ones(2, np.float32)),
)
#: `math`'s functions whose rule is SciPy's, of which none stands here.
SPECIAL = {"erf", "erfc", "gamma", "lgamma"}
MATH = sorted({n for n, f in vars(math).items() if callable(f) and n[0] != "_"})
NUMBERS = {"fsum": "[a, 0.6]", "prod": "[a, a, 0.6]", "dist": "[a, 1], (0.6, a)"}
ARGUMENTS = ("a", "a, 2", "0.7, a", "a, a", "3, a")


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", sorted(set(MATH) - SPECIAL))
def test_math_of_any_kind_of_number_is_pythons(name: str) -> None:
    """`math` computes in Python's floats, and says itself what it takes."""
    for given in (NUMBERS[name],) if name in NUMBERS else ARGUMENTS:
        call = compile(f"math.{name}({given})", "<math>", "eval")

        def function(a: Any, call: Any = call) -> Any:
            return eval(call, {"math": math, "a": a})

        for value in KINDS:
            check_call(function, value)


@pytest.mark.parametrize(
    "call",
    [
        lambda y: math.dist([y], [1.0]),
        lambda y: math.hypot(y, 2.0),
        lambda y: math.modf(y)[1],
    ],
)
def test_math_of_what_depends_on_no_input_is_pythons(call: Any) -> None:
    def function(a: Any) -> Any:
        return call(np.where(a > 1.5, a, 0.5))

    assert type(wengert.jit(function)(3)) is type(function(3))


def check_call(function: Any, value: Any) -> None:
    """Compare a call, recorded and replayed, with the plain one."""
    expected = raised(function, value)
    if expected is not None:
        check_raised(raised(wengert.record, function, value), expected)
        return
    with np.errstate(all="ignore"):
        found, plain = wengert.record(function, value)(value), function(value)
    assert type(found) is type(plain)
    np.testing.assert_allclose(found, plain, rtol=1e-15)


@pytest.mark.parametrize(
    "call", ["round(a)", "round(a, 1)", "math.trunc(a)", "[1, 2, 3][a]", "range(a)"]
)
def test_methods_that_a_kind_of_value_lacks_are_lacking(call: str) -> None:
    def function(a: Any) -> Any:
        return eval(call, {"math": math, "a": a})

    for value in KINDS:
        check_raised(raised(wengert.record, function, value), raised(function, value))


#: NumPy itself reads outside of an array of no elements by the first.
FLAT_KEYS = (
    *(True, (), 0, -1, 6, -7, False, np.True_, np.int64(1), np.array(1), None, ...),
    *(slice(None), slice(1, 4), slice(None, None, -2), [0, 0], [], [7], [True] * 6),
    *(np.array([[1, 2], [3, 4]]), np.array([True, False] * 3), np.ones((2, 3), bool)),
    *((0,), (0, 0), (...,), (slice(1, 3),), ([0, 1],), 1.0, "a", [0.5], (1, None)),
)
FLAT_VALUES: tuple[Any, ...] = (
    *(9.0, [7.0, 8.0], [], np.array([[7.0]]), "q", math.nan),
    *(lambda x: x.ravel()[:2] * 2, lambda x: [x.sum(), 1.0], lambda x: x.sum() * 1.5),
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "x", [np.arange(6.0).reshape(2, 3), np.arange(6).reshape(3, 2).T, np.zeros((0, 2))]
)
def test_every_key_of_flat_is_numpys(x: Any) -> None:
    def read(x: Any, key: Any, value: Any) -> Any:
        return x.flat[key]

    def write(x: Any, key: Any, value: Any) -> Any:
        y = x.copy()
        y.flat[key] = value(x) if callable(value) else value
        return y

    for key in FLAT_KEYS[x.size == 0 :]:
        for function, value in ((read, None), *((write, v) for v in FLAT_VALUES)):

            def once(x: Any, function: Any = function, k: Any = key, v: Any = value):  # type: ignore[no-untyped-def]
                return function(x, k, v)

            expected = raised(once, x)
            if expected is not None:
                with pytest.raises(type(expected), match=re.escape(str(expected))):
                    wengert.record(once, x)
            else:
                np.testing.assert_array_equal(wengert.record(once, x)(x), once(x))


def test_nditer_of_nothing_raises_as_in_numpy() -> None:
    with pytest.raises(ValueError, match="zero-sized"):
        wengert.record(lambda x: list(np.nditer(x)), np.zeros((2, 0)))


@pytest.mark.parametrize("value", [-1, [], [-1], 1.5])
def test_nothing_is_put_into_nothing(value: Any) -> None:
    """NumPy looks at the array before it looks at the number."""

    def function(x: Any, places: Any, mode: Any) -> Any:
        y = x.astype(np.uint8)
        y.put(places, value, mode=mode)
        return y

    for places in ([0], [], [5]):
        for mode in ("raise", "wrap", "clip"):

            def at_once(x: Any, places: Any = places, mode: Any = mode) -> Any:
                return function(x, places, mode)

            found = raised(lambda x: wengert.record(at_once, x), np.zeros(0))
            check_raised(found, raised(at_once, np.zeros(0)))


#: What makes elements of numbers, of an array `y` of whole numbers or of its dtype `d`.
ELEMENTS = (
    *("y[0] = a", "y[:2] = a", "y[:2] = [a, 1.0]", "y[[0, 1]] = a", "y[0] += a"),
    *("y[y == 0] = a", "y.fill(a)", "y.flat[0] = a", "y.flat[:] = a"),
    *("y.flat[:] = [a, 1]", "np.place(y, y == 0, [1.0, 1.0, 1.0, a])"),
    *("np.place(y, y == 1, [a, 1])", "np.place(y, y == 0, a)", "y.put([0], [1, a])"),
    *("np.put(y, [0], a)", "np.put(y, [], [a])", "np.putmask(y, y == 0, [1, a])"),
    *("np.putmask(y, y == 0, a)", "np.place(y, y == 0, np.array([a]))"),
    *("np.copyto(y, a, casting='unsafe')", "np.fill_diagonal(y[:, None], [a])"),
    *("np.put_along_axis(y, np.array([0]), a, 0)", "y = np.insert(y, 0, a)"),
    *("y = np.insert(y, 0, [a, 1.0])", "y = np.array([a, 1.0], dtype=d)"),
    *("y = np.array(a, dtype=d)", "y = np.asarray([[a]], dtype=d)"),
    *("y = np.full(3, a, d)", "y = np.full_like(y, a)", "y = np.fromiter([a], d)"),
    *("np.place(y, [True], a)", "np.place(y, y == 0, [])"),
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
@pytest.mark.parametrize("kind", [float, np.float32])
@pytest.mark.parametrize("line", ELEMENTS)
def test_numbers_that_do_not_fit_among_elements_are_refused_as_numpys(
    line: str, kind: Any, dtype: Any
) -> None:
    code = f"def function(a):\n    y = np.zeros(3, d)\n    {line}\n    return y"
    names: dict[str, Any] = {"np": np, "d": dtype}
    exec(code, names)
    function = names["function"]
    jitted = wengert.jit(function)
    for number in (0.5, 0.5, 3.0, 0.5, -1.5, -math.inf, 0.5, math.nan):
        value = kind(number)
        expected = raised(function, value)
        for call in (jitted, lambda v: wengert.record(function, v)(v)):
            check_raised(raised(call, value), expected)
            if expected is None:
                np.testing.assert_array_equal(call(value), function(value))


#: What NumPy's numbers have and recorded ones refuse: it is of no use, or of memory.
REFUSED = {
    "ctypes",
    "data",
    "fill",
    "flat",
    "put",
    "sort",
    "to_device",
    "fromhex",
    "from_bytes",
    "from_number",
}
SAMPLES = (*(0.5, 2, True, 1j), *(np.dtype(c).type(1) for c in "fdgbBlLFD?"))


@pytest.mark.parametrize("value", [*SAMPLES, np.ones((2, 2))], ids=repr)
def test_a_recorded_value_has_the_attributes_of_its_plain_one(value: Any) -> None:
    names = {name for kind in map(type, (*SAMPLES, np.ones(1))) for name in dir(kind)}
    names = {name for name in names - REFUSED if not name.startswith("_")}
    found = {}

    def function(x: Any) -> Any:
        found.update({name: hasattr(x, name) for name in names})
        found["dir"] = dir(x)
        return x

    wengert.record(function, value)

    assert found.pop("dir") == dir(value)
    assert found == {name: hasattr(value, name) for name in names}


def test_an_attribute_that_floats_lack_is_missed_in_pythons_words() -> None:
    with pytest.raises(
        AttributeError, match=r"^'float' object has no attribute 'conj'"
    ):
        wengert.grad(lambda x: x.conj())(0.5)
    with pytest.raises(AttributeError, match=r"^'numpy.float64' .* no attribute 'dot'"):
        wengert.grad(lambda x: x.dot(x))(np.float64(0.5))


def test_a_replay_that_raises_leaves_the_path_where_the_function_may_catch() -> None:
    def bare(x: Any, k: Any) -> Any:
        return x[k] * 2

    def careful(x: Any, k: Any) -> Any:
        try:
            return x[k] * 2
        except IndexError:
            return x[0]

    with pytest.raises(IndexError):
        wengert.record(bare, np.ones(3), 1)(np.ones(3), 5)
    with pytest.raises(wengert.GuardError, match="raises IndexError"):
        wengert.record(careful, np.ones(3), 1)(np.ones(3), 5)


def follows_numpy(function: Any, *calls: Any) -> None:
    """Assert plain NumPy's answers, eager, jitted and replayed."""
    jitted = wengert.jit(function)
    for args in [call for call in calls for _ in (1, 2)] * 2:
        copies = [tuple(map(np.copy, args)) for _ in (1, 2, 3)]
        expected = function(*copies[0])
        assert_same(jitted(*copies[1]), expected)
        assert_same(wengert.record(function, *args)(*copies[2]), expected)


def assert_same(found: Any, expected: Any) -> None:
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_whole_numbers_are_copied_where_numpy_copies_them() -> None:
    def f(x: Any) -> Any:
        y = np.nan_to_num(x)
        x[0] = 7
        return y

    follows_numpy(f, (np.array([1, 2]),))


def test_truth_values_have_no_gradient_as_in_numpy() -> None:
    with pytest.raises(TypeError, match="boolean subtract"):
        wengert.record(lambda x: np.gradient(x > 0.5), np.array([0.1, 0.7, 0.9]))


def test_elements_by_a_recorded_mask_of_flat() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        y.flat[y > 1.0] = -1.0
        return y

    follows_numpy(f, (np.array([0.2, 0.7, 0.9]),), (np.array([0.9, 0.1, 0.3]),))


def test_a_truth_value_of_a_difference_of_products_is_numpys() -> None:
    def f(x: Any) -> Any:
        return np.any(np.cross(x, x) > 0)

    points = np.random.default_rng(0).uniform(-2.0, 2.0, (20, 3))
    follows_numpy(f, *[(point,) for point in points])


def test_a_recorded_bound_of_a_write_into_a_plain_array_is_guarded() -> None:
    def f(k: Any) -> Any:
        y = np.zeros(4)
        y[:k] = 1.0
        return y

    tape = wengert.record(f, 3)
    np.testing.assert_array_equal(tape(3), f(3))
    with pytest.raises(wengert.GuardError):
        tape(2)


def test_a_power_that_leaves_the_reals_has_a_derivative() -> None:
    def f(x: Any, y: Any) -> Any:
        return (x**y).imag

    by_base, by_exponent = wengert.grad(f, (0, 1))(-0.75, 1.5)
    step = 1e-6
    slope = (f(-0.75 + step, 1.5) - f(-0.75 - step, 1.5)) / (2 * step)
    other = (f(-0.75, 1.5 + step) - f(-0.75, 1.5 - step)) / (2 * step)
    np.testing.assert_allclose([by_base, by_exponent], [slope, other], rtol=1e-8)


@pytest.mark.parametrize("exponent", [-np.inf, np.inf])
def test_an_infinite_exponent_has_the_same_gradient_compiled(exponent: float) -> None:
    slope = wengert.grad(lambda x, y: np.sum(np.power(x, y)))
    x = np.array([0.3, 0.96, 1.5])
    jitted = wengert.jit(slope)
    for _ in range(3):
        np.testing.assert_array_equal(jitted(x, exponent), slope(x, exponent))


@pytest.mark.filterwarnings("ignore")
def test_a_gradient_by_a_number_has_one_dtype_however_it_is_played() -> None:
    def f(a: Any, x: Any) -> Any:
        y = x / (a * a)
        y **= np.add(np.full(3, a), x, dtype="float64")
        return np.sum(y)

    jitted = wengert.jit(wengert.grad(f))
    x = np.array([[-0.71, 1.67, 1.99], [-1.81, 0.13, -0.67]], "float32")
    assert {type(jitted(1.01, x)) for _ in range(4)} == {np.float64}


def test_a_power_of_single_precision_stays_single_however_it_is_played() -> None:
    jitted = wengert.jit(wengert.grad(lambda x: np.sqrt(1 + x * x) ** 3))
    assert {type(jitted(np.float32(-0.57))) for _ in range(4)} == {np.float32}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("by", ["x.real", "x.conjugate()", "+x", "x % 1"])
def test_rules_never_divide_pythons_numbers(by: str) -> None:
    f = eval(f"lambda x: np.float64(2.0) / ({by})", {"np": np})

    assert not np.isfinite(wengert.grad(f)(0.0))
    assert not np.isfinite(wengert.jvp(f, (0.0,), (1.0,))[1])


def test_single_precision_is_compared_in_single_precision() -> None:
    def f(x: Any) -> Any:
        return np.array([*(x > 0.17), x[0] > 0.17, np.max(x[:1]) >= 0.3, x[2] == 0.3])

    follows_numpy(f, (np.array([0.17, 0.2, 0.3], "float32"),))


def test_floats_added_to_integers_are_rounded_one_by_one() -> None:
    def f(x: Any, y: Any) -> Any:
        x = x * 2
        np.add.at(x, [0, 0], y * y)
        return x

    follows_numpy(f, (np.array([-8, 3]), np.array(2.87)))


def test_numbers_added_to_bools_are_made_bools_one_by_one() -> None:
    def f(x: Any, n: Any) -> Any:
        x = np.copy(x)
        np.add.at(x, [0, 0], n)
        return x

    follows_numpy(f, (np.array([False, True]), -1))


@pytest.mark.parametrize(
    "written",
    [
        "np.multiply(n, n, out=a)",
        "np.add(n, a, out=a)",
        "np.negative(n, out=a)",
        "np.multiply(n, 2.5, out=a, casting='unsafe')",
        "np.sum(a * n, out=a[0:1].reshape(()))",
    ],
)
@pytest.mark.parametrize("n", [4, 100, np.int64(1000), np.array(500)])
def test_what_is_written_into_out_is_cast_and_need_not_fit(
    written: str, n: Any
) -> None:
    write = eval(f"lambda a, n: {written}", {"np": np})

    def f(a: Any, n: Any) -> Any:
        a = np.copy(a)
        write(a, n)
        return a

    follows_numpy(f, (np.array([1, 2, 3], "int8"), n))


def store(a: Any, x: Any) -> None:
    """Write an element."""
    a[0, 0] = x


def fill(a: Any, x: Any) -> None:
    """Write all elements."""
    a.fill(x)


def store_flat(a: Any, x: Any) -> None:
    """Write an element by its place in C order."""
    a.flat[0] = x


#: What has no source to look at.
FILL = eval("lambda a, x: a.fill(x)")


@pytest.mark.parametrize("write", [store, fill, store_flat, FILL])
def test_a_recorded_float_is_not_written_into_plain_integers(write: Any) -> None:
    def f(x: Any) -> Any:
        write(TABLE, x)
        return x

    for value in (3.2, np.array(-1.82)):
        with pytest.raises(wengert.RecordingError, match="plain"):
            wengert.grad(f)(value)


TABLE = np.zeros((2, 2), "uint8")


@pytest.mark.parametrize("limit", [1.81, -1.49])
@pytest.mark.parametrize(
    "text", ["np.fmax(x, a)", "np.minimum(x, a)", "np.clip(x, a, 2.5)", "x % a"]
)
def test_a_number_and_single_precision_meet_where_numpy_compares_them(
    text: str, limit: float
) -> None:
    x = np.array([0.7, 5.43, -1.2], "float32")
    f = eval(f"lambda x, a: np.sum({text})", {"np": np})
    slope = wengert.grad(f, (0, 1))
    jitted = wengert.jit(slope)
    doubled = slope(x.astype("float64"), float(np.float32(limit)))
    for found in (slope(x, limit), *(jitted(x, limit) for _ in range(3))):
        np.testing.assert_allclose(found[0], doubled[0])
        np.testing.assert_allclose(found[1], doubled[1])


def test_what_is_no_container_has_no_elements() -> None:
    def f(x: Any) -> Any:
        return (x > 0)[...]

    with pytest.raises(TypeError, match="'bool' object is not subscriptable"):
        wengert.jit(f)(1.5)
    assert isinstance(wengert.jit(lambda x: x[...])(np.float64(2.0)), np.ndarray)


@pytest.mark.parametrize(
    "text", ["math.hypot(a, 1.0)", "math.cos(a)", "math.fmod(a, 2)"]
)
def test_math_gives_pythons_numbers_of_arrays_that_nothing_was_recorded_of(
    text: str,
) -> None:
    call = eval(f"lambda a: {text}", {"math": math})

    def f(x: Any) -> Any:
        return x * 1.0, call(np.where(True, 0.5, 0.25))

    assert type(wengert.jit(f)(2.0)[1]) is float


@pytest.mark.parametrize("shape", [(3,), (1, 1), (2, 1)])
def test_the_core_axes_of_out_are_those_of_the_result(shape: tuple[int, ...]) -> None:
    def f(x: Any, y: Any) -> Any:
        out = np.zeros(shape)
        np.matmul(x, y, out=out)
        return out

    x, y = np.array([[-1.3, 0.8, -1.5]]), np.array([-0.9, 0.3, 0.7])
    if shape == (3,):
        for function in (f, wengert.jit(f)):
            with pytest.raises(ValueError, match="core dimension 0"):
                function(x, y)
    else:
        follows_numpy(f, (x, y))


def test_a_number_has_no_axis_to_flip() -> None:
    def f(x: Any) -> Any:
        return np.flip(np.angle(x * 2.0), 0)

    for function in (f, wengert.jit(f)):
        with pytest.raises(np.exceptions.AxisError):
            function(1.4)


def test_an_angle_far_away_does_not_turn() -> None:
    for x in (np.inf, -np.inf):
        assert wengert.grad(np.arctan2, (0, 1))(x, 1.37) == (0.0, 0.0)
        assert wengert.grad(np.arctan2, (0, 1))(1.37, x) == (0.0, 0.0)


def test_the_slope_of_an_even_function_at_zero_absorbs() -> None:
    def f(x: Any, n: Any) -> Any:
        return wengert.grad(lambda x: np.sum(np.sinc(x) * n))(x)

    jitted = wengert.jit(f)
    for x in (0.44, 0.44, 0.44, 0.0, 0.0, 0.0):
        np.testing.assert_equal(jitted(x, WITH_NAN), f(x, WITH_NAN))


WITH_NAN = np.array([np.nan, 1.0])


@pytest.mark.parametrize("number", [np.int64(7), 7.5])
def test_only_pythons_integers_have_a_power_modulo_a_number(number: Any) -> None:
    def f(x: Any) -> Any:
        return pow(x, 2, 5)

    with pytest.raises(TypeError):
        f(number)
    for _ in range(2):
        with pytest.raises(TypeError):
            wengert.jit(f)(number)
    assert [wengert.jit(f)(n) for n in range(-3, 9)] == [f(n) for n in range(-3, 9)]


def test_the_inverse_modulo_a_number_of_many_integers() -> None:
    jitted = wengert.jit(lambda n: pow(n, -1, 11))

    assert [jitted(n) for n in range(1, 11)] == [pow(n, -1, 11) for n in range(1, 11)]


@pytest.mark.parametrize("function", [math.gamma, math.lgamma, math.erf, math.erfc])
def test_a_replay_raises_where_the_functions_of_math_do(function: Any) -> None:
    name = function.__name__

    def f(x: Any) -> Any:
        return getattr(math, name)(x) * 2.0

    def outcome(call: Any, x: float) -> Any:
        try:
            return call(x)
        except (ValueError, OverflowError) as error:
            return type(error)

    jitted = wengert.jit(f)
    points = [0.3, 0.3, 0.3, 0.0, -0.0, -3.0, -math.inf, math.inf, 172.0, 1e308, 0.4]
    for x in points:
        found, expected = outcome(jitted, x), outcome(f, x)
        if isinstance(expected, float):
            expected = pytest.approx(expected, rel=1e-12)
        assert found == expected


@pytest.mark.parametrize(
    "bounds", [(1.25 - 0.72j,), (2.5 + 1.5j,), (1j, 4 + 3j, 1 + 1j), (0, 9, 1 + 2j)]
)
def test_a_range_of_complex_numbers_ends_where_numpys_does(bounds: Any) -> None:
    def f(*given: Any) -> Any:
        return np.arange(*given) * 2.0

    for call in (f, wengert.jit(f), wengert.jit(f)):
        for _ in range(3):
            found = call(*map(np.complex128, bounds))
            np.testing.assert_array_equal(found, f(*bounds))
