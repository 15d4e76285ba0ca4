"""The mistakes that people make: the message names the line, the reason, the repair.

Each mistake is a file as a user writes it, whose wrong line is marked ``# here``.
"""

from __future__ import annotations

import inspect
import re
import runpy
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import errors

Run = Callable[[str], wengert.WengertError]
HEAD = "import numpy as np\nimport wengert\nx = np.array([3.0, 1.0, 2.0])\n"


@pytest.fixture
def raised(tmp_path: Path) -> Run:
    """Run a file of the user; give its error, which names the marked line."""

    def run(source: str) -> wengert.WengertError:
        path = tmp_path / "model.py"
        path.write_text(HEAD + inspect.cleandoc(source) + "\n")
        lines = path.read_text().splitlines()
        marked = [k for k, line in enumerate(lines, 1) if "# here" in line]
        with pytest.raises(wengert.WengertError) as caught:
            runpy.run_path(str(path))

        assert re.match(f"model.py:{marked[0]}: ", str(caught.value)), caught.value
        return caught.value

    return run


def says(error: Exception, what: str, why: str, instead: str) -> None:
    """Check the three parts of a message."""
    first, second, third = str(error).split("\n")
    assert what in first
    assert second.startswith("  why: ")
    assert why in second
    assert third.startswith("  instead: ")
    assert instead in third


# Leaving the tape


def test_float_of_a_recorded_value(raised: Run) -> None:
    error = raised("""
        def f(x):
            return float(x) ** 2  # here

        wengert.grad(f)(2.0)
        """)

    assert isinstance(error, wengert.RecordingError)
    says(error, "float(x)", "carries no derivative", "leave float() out")


def test_complex_of_a_recorded_value(raised: Run) -> None:
    error = raised("""
        wengert.grad(lambda x: abs(complex(x)))(2.0)  # here
        """)

    says(error, "complex(x)", "carries no derivative", "x + 0j")


def test_a_function_in_c_asks_for_an_array(raised: Run) -> None:
    error = raised("""
        from scipy.signal import symiirorder1

        def f(x):
            smooth = symiirorder1(x, 1.0, 0.0)  # here
            return np.sum(smooth)

        wengert.grad(f)(x)
        """)

    assert isinstance(error, wengert.RecordingError)
    says(
        error,
        "scipy.signal.symiirorder1 met a recorded value: a float64[3] was to become",
        "SciPy computes with plain numbers",
        "where it is linear in x, wengert.rule(f, jvp=",
    )


def test_a_function_that_is_not_numpys_asks_for_an_array(raised: Run) -> None:
    error = raised("""
        from numpy import asarray

        wengert.grad(lambda x: np.sum(asarray(x)))(x)  # here
        """)

    assert isinstance(error, wengert.RecordingError)
    says(
        error,
        "a recorded float64[3] was to become a plain array",
        "not NumPy's own",
        "wengert.rule around this one",
    )


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_type_of_numpy_that_is_called(raised: Run, kind: str) -> None:
    error = raised(f"""
        wengert.grad(lambda x: np.{kind}(x) ** 2)(2.0)  # here
        """)

    says(
        error,
        f"np.{kind}(x) of a recorded number",
        "NumPy's types make plain numbers",
        f"np.asarray(x, np.{kind})",
    )
    assert wengert.grad(lambda x: np.asarray(x, kind) ** 2)(2.0) == 4.0


@pytest.mark.parametrize(
    ("head", "use"),
    [
        ("from json import dumps", "len(dumps(x))"),
        ("", "memoryview(x)[0]"),
    ],
)
def test_compiled_code_that_looks_for_plain_values(
    raised: Run, head: str, use: str
) -> None:
    error = raised(f"""
        {head or "pass"}

        def f(x):
            return {use}  # here

        wengert.grad(f)(x)
        """)

    says(
        error,
        "a recorded value met a function that takes plain ones",
        "RecordedArray stands for NumPy's arrays",
        "wengert.rule around this one",
    )


def test_math_imported_by_name(raised: Run) -> None:
    error = raised("""
        from math import atan, sin

        def f(x):
            return sin(2.0 * x)  # here

        wengert.grad(f)(1.0)
        """)

    says(
        error,
        "sin(2.0 * x) of a recorded number: math's sin, imported by name",
        "plain Python numbers",
        "np.sin(...), or import math and math.sin(...)",
    )


def test_math_imported_by_name_names_numpys_spelling(raised: Run) -> None:
    error = raised("""
        from math import atan
        wengert.grad(lambda x: atan(x))(1.0)  # here
        """)

    assert "np.arctan(...)" in str(error)


def test_a_function_without_a_rule(raised: Run) -> None:
    error = raised("""
        from scipy import special
        wengert.grad(lambda p: special.nctdtrinc(5.0, p, 1.0))(0.3)  # here
        """)

    assert isinstance(error, NotImplementedError)
    says(
        error,
        "scipy.special.nctdtrinc cannot be recorded",
        "no rule",
        "wengert.stop_gradient(x)",
    )
    assert "wengert.rule" in str(error)


@pytest.mark.parametrize("leave", [float, np.asarray, np.ndarray.tolist])
def test_the_way_out_works(leave: Callable[[Any], Any]) -> None:
    """What `stop_gradient` gives is plain while a gradient is recorded."""

    def f(x: Any) -> Any:
        stopped = wengert.stop_gradient(x[0])
        plain = stopped if leave is np.ndarray.tolist else leave(stopped)
        return x[0] * plain

    assert wengert.grad(f)(np.array([3.0]))[0] == 3.0


def test_a_recorded_tape_has_another_way_out(raised: Run) -> None:
    """A plain number in a tape that is kept would be stale when it is replayed."""
    error = raised("""
        wengert.record(lambda x: x * float(wengert.stop_gradient(x)), 2.0)  # here
        """)

    assert "wengert.rule around the code that needs plain numbers" in str(error)


# Writing


def test_store_into_a_plain_array_from_outside(raised: Run) -> None:
    error = raised("""
        table = np.zeros(3)

        def f(x):
            table[0] = x[0]  # here
            return np.sum(table)

        wengert.grad(f)(x)
        """)

    assert isinstance(error, wengert.RecordingError)
    says(
        error,
        "table[0] = a recorded number, and table is a plain array",
        "table was made outside the function",
        "new = np.array(table) inside the function, then write into new",
    )


def test_store_of_an_array_into_a_plain_array_from_outside(raised: Run) -> None:
    error = raised("""
        class Model:
            state = np.zeros(3)

        def f(x):
            Model.state[:] = x  # here
            return np.sum(Model.state)

        wengert.grad(f)(x)
        """)

    says(
        error,
        "Model.state[:] = a recorded float64[3]",
        "outside",
        "new = np.array(Model.state)",
    )


def test_out_into_a_plain_array_from_outside(raised: Run) -> None:
    error = raised("""
        table = np.zeros(3)

        def f(x):
            np.multiply(x, x, out=table)  # here
            return np.sum(table)

        wengert.grad(f)(x)
        """)

    says(error, "multiply was to write", "made outside", "new = np.array(table)")


def test_zeros_imported_by_name(raised: Run) -> None:
    error = raised("""
        from numpy import zeros

        def f(x):
            y = zeros(3)
            y[0] = x[0]  # here
            return np.sum(y)

        wengert.grad(f)(x)
        """)

    says(
        error,
        "y[0] = a recorded number, and y is a plain array",
        "zeros, imported by name",
        "import numpy as np, and y = np.zeros(3)",
    )


def test_write_into_a_read_only_result(raised: Run) -> None:
    error = raised("""
        def f(x):
            y = np.broadcast_to(x[0], (3,))
            y[0] = 2.0  # here
            return np.sum(y)

        wengert.grad(f)(x)
        """)

    says(error, "read-only float64[3]", "broadcast_to", "x.copy()")


def test_sort_in_place_leaves_the_callers_array_alone() -> None:
    """Arguments are recorded copies: ``x.sort()`` is right, and nobody else sees it."""

    def smallest_twice(x: Any) -> Any:
        x.sort()
        return 2.0 * x[0]

    x = np.array([3.0, 1.0, 2.0])
    value, gradient = wengert.value_and_grad(smallest_twice)(x)

    assert value == 2.0
    assert gradient.tolist() == [0.0, 2.0, 0.0]
    assert x.tolist() == [3.0, 1.0, 2.0]


# Asking for a derivative that is not there


def test_grad_of_an_array(raised: Run) -> None:
    error = raised("""
        wengert.grad(np.sin)(x)  # here
        """)

    assert isinstance(error, wengert.DerivativeError)
    says(error, "returned float64[3]", "one real number", "wengert.jacobian(f)")
    assert "np.sum" in str(error)


def test_grad_of_a_complex_number(raised: Run) -> None:
    error = raised("""
        wengert.grad(lambda x: np.exp(1j * x))(2.0)  # here
        """)

    says(error, "returned a complex number", "one real number", "np.abs(z)**2")


def test_grad_of_nothing(raised: Run) -> None:
    error = raised("""
        def f(x):
            x * 2.0

        wengert.grad(f)(2.0)  # here
        """)

    says(error, "returned NoneType", "one real number", "return the number")


@pytest.mark.parametrize("use", ["x[n]", "x[:n].sum()", "np.zeros(n).sum()"])
def test_an_integer_that_must_stay_one(raised: Run, use: str) -> None:
    error = raised(f"""
        def f(n, x):
            return {use}  # here

        wengert.grad(f)(1, x)
        """)

    says(
        error,
        "a recorded float64 is used as an index, a size or a range",
        "become floats",
        "leave that argument out of argnums",
    )


def test_a_plain_table_that_is_indexed_by_a_float(raised: Run) -> None:
    error = raised("""
        table = [np.arange(3.0)]

        def f(n):
            return n * table[0][n]  # here

        wengert.grad(f)(1)
        """)

    says(
        error,
        "table[0][n] with a recorded number as index",
        "become floats",
        "leave that argument out of argnums",
    )


def test_an_integer_that_counts_a_loop(raised: Run) -> None:
    error = raised("""
        def power(x, n):
            y = 1.0
            for _ in range(n):  # here
                y = y * x
            return y

        wengert.grad(power, argnums=(0, 1))(2.0, 3)
        """)

    assert "leave that argument out of argnums" in str(error)
    assert wengert.grad(lambda x, n: x**n)(2.0, 3) == 12.0


@pytest.mark.parametrize("argnums", [2, -3, "'y'", "(0, 2)"])
def test_wrong_argnums(raised: Run, argnums: object) -> None:
    error = raised(f"""
        wengert.grad(lambda x, y: x * y, argnums={argnums})(1.0, 2.0)  # here
        """)

    assert isinstance(error, wengert.ArgumentError)
    says(
        error,
        f"argnums={argnums} of 2 positional arguments",
        "by position, from 0",
        "grad(f, argnums=1) for the last one",
    )


def test_an_argument_by_name_is_not_differentiated(raised: Run) -> None:
    error = raised("""
        wengert.grad(lambda x: x**2)(x=2.0)  # here
        """)

    assert "grad(f)(x) rather than grad(f)(x=x)" in str(error)


def test_a_string_is_differentiated(raised: Run) -> None:
    error = raised("""
        wengert.grad(lambda kind, x: x)("fast", 2.0)  # here
        """)

    says(error, "a derivative by a str", "only numbers and arrays", "argnums=")


# Rules of one's own


def test_a_custom_gradient_of_the_wrong_shape(raised: Run) -> None:
    error = raised("""
        def slope(g, y, x):  # here
            return g * np.ones(2)

        @wengert.rule(vjp=slope)
        def total(x):
            return np.sum(x)

        wengert.grad(total)(x)
        """)

    assert isinstance(error, wengert.RuleError)
    says(
        error,
        "the vjp of total gave, as gradient of argument 0, shape (2,) for a value of "
        "shape (3,)",
        "structure, shape and kind",
        "return a gradient shaped as argument 0, or None for zero",
    )


def test_a_custom_tangent_of_the_wrong_shape(raised: Run) -> None:
    error = raised("""
        @wengert.rule(jvp=lambda tangents, y, x: tangents[0])  # here
        def total(x):
            return np.sum(x)

        wengert.jvp(total, (x,), (x,))
        """)

    says(error, "the jvp of total", "shape", "return a tangent shaped as the result")


def test_a_custom_rule_with_the_wrong_number_of_gradients(raised: Run) -> None:
    error = raised("""
        @wengert.custom_vjp
        def product(a, b):
            return a * b

        def forward(a, b):
            return a * b, (a, b)

        def backward(residuals, g):  # here
            return (g * residuals[1],)

        product.defvjp(forward, backward)
        wengert.grad(product)(2.0, 3.0)
        """)

    says(
        error,
        "the vjp of product gave 1 gradient for 2 arguments",
        "one gradient an argument",
        "None where it is zero: (g0, g1)",
    )


def test_a_black_box_is_differentiated(raised: Run) -> None:
    error = raised("""
        import math

        @wengert.rule
        def table(x):
            return math.erf(x)

        wengert.grad(lambda x: 2.0 * table(x))(1.0)  # here
        """)

    assert isinstance(error, wengert.DerivativeError)
    says(error, "a derivative of table", "black box", "wengert.rule(vjp=...)(table)")


def test_a_result_that_changes_its_structure(raised: Run) -> None:
    error = raised("""
        names = iter("abc")

        @wengert.rule
        def model(x):
            return {next(names): x}

        tape = wengert.record(lambda x: model(x)["a"], 1.0)
        tape(2.0)  # here
        """)

    says(error, "model returned {'b': *} after {'a': *}", "one way", "record")


def test_tangents_that_nest_otherwise(raised: Run) -> None:
    error = raised("""
        f = lambda p: p["w"] ** 2
        wengert.jvp(f, ({"w": 1.0},), ({"v": 1.0},))  # here
        """)

    says(
        error,
        "the structure of the tangents differs",
        "({'v': *},) was given where ({'w': *},) is needed",
        "pass ({'w': *},)",
    )


def test_arguments_of_a_tape_that_nest_otherwise(raised: Run) -> None:
    error = raised("""
        tape = wengert.record(lambda p: p["w"] * p["b"], {"w": 1.0, "b": 2.0})
        tape({"w": 1.0})  # here
        """)

    assert isinstance(error, wengert.ArgumentError)
    assert "{'w': *, 'b': *}" in str(error)


# When and where a tape is written


def test_a_recorded_value_that_leaked(raised: Run) -> None:
    error = raised("""
        kept = []

        def f(x):
            kept.append(x * 2.0)
            return np.sum(x)

        wengert.grad(f)(x)
        print(kept[0] + 1.0)  # here
        """)

    assert isinstance(error, wengert.RecordingError)
    says(error, "after its recording ended", "its tape is closed", "has_aux=True")


def test_a_recorded_value_that_leaked_keeps_its_numbers() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x * 2.0)
        return np.sum(x)

    wengert.grad(f)(np.array([1.0, 2.0]))

    assert np.asarray(kept[0]).tolist() == [2.0, 4.0]
    assert f"{kept[0]}" == "[2. 4.]"


def test_recording_from_another_thread(raised: Run) -> None:
    error = raised("""
        from concurrent.futures import ThreadPoolExecutor

        def f(x):
            with ThreadPoolExecutor() as pool:
                return sum(pool.map(lambda part: part**2, list(x)))  # here

        wengert.grad(f)(x)
        """)

    assert isinstance(error, wengert.RecordingError)
    says(error, "another thread", "one thread", "inside each thread")


def test_a_branch_inside_strict(raised: Run) -> None:
    error = raised("""
        def f(x):
            if x > 0.0:  # here
                return x
            return -x

        with wengert.strict():
            wengert.grad(f)(2.0)
        """)

    assert isinstance(error, wengert.GuardError)
    says(
        error,
        "a branch (if, while, and, or, not) on a recorded value inside wengert.strict",
        "only the path that is taken",
        "np.where(condition, a, b)",
    )


def test_an_integer_inside_strict(raised: Run) -> None:
    error = raised("""
        with wengert.strict():
            wengert.record(lambda x: x[: np.argmax(x) + 1].sum(), x)  # here
        """)

    assert "a whole number (an index, range, int)" in str(error)


def test_strict_ends_with_its_block_and_leaves_plain_values_alone() -> None:
    with wengert.strict():
        plain = wengert.grad(lambda x: x * 2.0 if np.ones(1)[0] else x)(1.0)
    after = wengert.grad(lambda x: x * 2.0 if x > 0.0 else x)(1.0)

    assert (plain, after) == (2.0, 2.0)


def test_a_replay_that_leaves_its_path(raised: Run) -> None:
    error = raised("""
        def f(x):
            return x if x > 0.0 else -x  # here

        tape = wengert.record(f, 1.0)
        tape(-1.0)
        """)

    says(error, "left the recorded path", "one path", "record again")


def test_a_generator_from_outside_under_record(raised: Run) -> None:
    error = raised("""
        rng = np.random.default_rng(0)

        def f(x):
            return x * rng.normal()  # here

        wengert.record(f, 1.0)
        """)

    assert isinstance(error, wengert.RecordingError)
    says(error, "rng drew random numbers", "repeat the same", "pass the numbers as an")


def test_a_generator_from_outside_is_free_in_eager() -> None:
    rng = np.random.default_rng(0)

    first, second = [wengert.grad(lambda x: x * rng.normal())(1.0) for _ in range(2)]

    assert first != second


def test_a_black_box_with_several_results_runs_once() -> None:
    calls = []

    @wengert.rule
    def model(x: Any) -> Any:
        calls.append(x)
        return {"a": x, "b": 2.0 * x}

    wengert.record(lambda x: model(x)["a"], 1.0)

    assert len(calls) == 1


# The errors themselves


def test_the_traceback_ends_at_the_users_line(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(HEAD + "def f(x):\n    return float(x)\nwengert.grad(f)(1.0)\n")
    with pytest.raises(wengert.RecordingError) as caught:
        runpy.run_path(str(path))
    last = traceback.extract_tb(caught.value.__traceback__)[-1]

    assert (last.name, last.line) == ("f", "return float(x)")


def snippets(kind: type[Exception]) -> tuple[str, str]:
    """Return the failing code and its repair, from the documentation of an error."""
    text = inspect.cleandoc(kind.__doc__ or "")
    fails, repair = text.partition("Fails:")[2].split("Repair:")
    return inspect.cleandoc(fails), inspect.cleandoc(repair)


KINDS = [name for name in errors.__all__ if name != "WengertError"]


@pytest.mark.parametrize("name", KINDS)
def test_an_error_documents_what_fails_and_its_repair(name: str) -> None:
    kind = getattr(errors, name)
    fails, repair = snippets(kind)
    scope: dict[str, Any] = {"np": np, "wengert": wengert}

    with pytest.raises(kind):
        exec(fails, dict(scope))
    exec(repair, dict(scope))

    assert issubclass(kind, wengert.WengertError)


@pytest.mark.parametrize("name", KINDS)
def test_an_error_is_also_a_standard_one(name: str) -> None:
    drawn = re.search(rf"{name} \((\w+)\)", errors.__doc__ or "")

    assert drawn
    assert drawn[1] in [base.__name__ for base in getattr(errors, name).__mro__]
