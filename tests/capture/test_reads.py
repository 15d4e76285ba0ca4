"""What a function reads from outside: every change is noticed, and nothing else."""

from __future__ import annotations

import cProfile
import functools
import gc
import importlib
import profile
import subprocess
import sys
import textwrap
import time
import timeit
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import special

import wengert
from wengert import grad, record
from wengert.capture.reads import Reads, Snapshot, split, watched
from wengert.capture.reads.frozen import Contents
from wengert.capture.reads.snapshot import WARNED
from wengert.core.operation import REGISTRY, apply
from wengert.errors import describe_line
from wengert.execute.interpret import run

SETTINGS = types.ModuleType("settings_of_a_user")
TABLE: dict[str, Any] = {}
RATE = 2.0
COUNTER = 0


def snapshot(function: Callable[..., Any]) -> Snapshot:
    return Reads.of(function).snapshot()


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Give every test the same globals."""
    global RATE
    RATE = 2.0
    TABLE.clear()
    TABLE.update(k=1.0, other=5.0, deep={"list": [1.0, [2.0]]})
    SETTINGS.__dict__.update(rate=0.5, nested=types.SimpleNamespace(tol=1e-3))


# Each kind of read


def test_a_changed_global_is_noticed() -> None:
    global RATE
    held = snapshot(lambda x: RATE * x)
    before = held.changed()
    RATE = 3.0

    assert (before, held.changed()) == (None, "global RATE")


RELATIVE = """
def f(x):
    from .settings import RATE
    return x * RATE
"""


def test_an_import_from_the_package_is_followed_by_the_modules_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.15 looks at no `__package__`."""
    package = tmp_path / "of_a_user"
    package.mkdir()
    for name, text in {"__init__": "", "settings": "RATE = 2.0", "f": RELATIVE}.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("of_a_user.f")
    monkeypatch.delattr(module, "__package__")
    settings = importlib.import_module("of_a_user.settings")

    held = snapshot(module.f)
    before = held.changed()
    monkeypatch.setattr(settings, "RATE", 3.0)

    assert not held.unresolved
    assert (before, held.changed()) == (None, "settings.RATE")


def test_an_equal_number_of_another_type_is_a_change() -> None:
    global RATE
    held = snapshot(lambda x: RATE * x)
    RATE = 2

    assert held.changed() == "global RATE"


def test_an_equal_number_in_another_object_is_no_change() -> None:
    global RATE
    held = snapshot(lambda x: RATE * x)
    RATE = float("2.0")

    assert held.changed() is None


def test_zero_changes_its_sign() -> None:
    global RATE
    RATE = 0.0
    held = snapshot(lambda x: RATE * x)
    RATE = -0.0

    assert held.changed() == "global RATE"


def test_nan_stays_nan() -> None:
    global RATE
    RATE = float("nan")
    held = snapshot(lambda x: RATE * x)
    RATE = float("nan")

    assert held.changed() is None


def test_a_global_that_is_gone_is_noticed() -> None:
    held = snapshot(lambda x: RATE * x)
    del globals()["RATE"]

    assert held.changed() == "global RATE"


def test_a_changed_cell_is_noticed() -> None:
    scale = 3.0

    def f(x: Any) -> Any:
        return scale * x

    held = snapshot(f)
    before = held.changed()
    scale = 4.0

    assert (before, held.changed()) == (None, "cell scale")


def test_a_changed_dictionary_entry_is_noticed_and_others_are_not() -> None:
    held = snapshot(lambda x: TABLE["k"] * x)
    TABLE["other"] = 6.0
    before = held.changed()
    TABLE["k"] = 2.0

    assert (before, held.changed()) == (None, "global TABLE['k']")


def test_a_deep_change_in_a_container_is_noticed() -> None:
    held = snapshot(lambda x: sum_of(TABLE) * x)
    before = held.changed()
    TABLE["deep"]["list"][1][0] = 9.0

    assert before is None
    assert held.changed() == "global TABLE['deep']['list'][1][0]"


def sum_of(table: Any) -> float:
    return float(table["k"])


def test_a_longer_list_is_noticed() -> None:
    layers = [1.0, 2.0]
    held = snapshot(lambda x: x * len(layers))
    before = held.changed()
    layers.append(3.0)

    assert (before, held.changed()) == (None, "cell layers")


def test_a_long_list_is_compared() -> None:
    layers = [float(k) for k in range(1000)]
    held = snapshot(lambda x: x * layers[len(layers) - 1])
    before = held.changed()
    layers[700] = -1.0

    assert (before, held.changed()) == (None, "cell layers[700]")


def test_an_equal_list_is_no_change() -> None:
    layers = [1.0, (2.0, "a"), {3.0}]
    held = snapshot(lambda x: x * len(layers))
    layers = [1.0, (2.0, "a"), {3.0}]

    assert held.changed() is None


def test_a_changed_set_is_noticed() -> None:
    names = {"a", "b"}
    held = snapshot(lambda x: x * len(names))
    before = held.changed()
    names.add("c")

    assert (before, held.changed()) == (None, "cell names")


def test_a_changed_default_is_noticed() -> None:
    def f(x: Any, table: Any = {"k": 1.0}, *, gains: Any = [2.0]) -> Any:  # noqa: B006
        return x * table["k"] * gains[0]

    held = snapshot(f)
    before = held.changed()
    assert f.__defaults__ is not None
    f.__defaults__[0]["k"] = 2.0
    first = held.changed()
    held = snapshot(f)
    assert f.__kwdefaults__ is not None
    f.__kwdefaults__["gains"][0] = 3.0

    assert before is None
    assert first == "default table of f['k']"
    assert held.changed() == "default gains of f[0]"


def test_replaced_defaults_are_noticed() -> None:
    def f(x: Any, rate: float = 2.0) -> Any:
        return x * rate

    held = snapshot(f)
    f.__defaults__ = (3.0,)

    assert held.changed() == "defaults of f"


def test_an_attribute_of_a_users_module_is_noticed() -> None:
    held = snapshot(lambda x: SETTINGS.rate * SETTINGS.nested.tol * x)
    before = held.changed()
    SETTINGS.nested.tol = 1e-4
    nested = held.changed()
    SETTINGS.nested.tol = 1e-3
    SETTINGS.__dict__["rate"] = 0.25

    assert (before, nested) == (None, "global SETTINGS.nested.tol")
    assert held.changed() == "global SETTINGS.rate"


def test_an_import_inside_a_function_is_followed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wengert_test_settings.py").write_text("rate = 2.0\ngain = 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)

    def f(x: Any) -> Any:
        import wengert_test_settings as settings  # type: ignore[import-not-found]
        from wengert_test_settings import gain

        return settings.rate * gain * x

    import wengert_test_settings as module

    held = snapshot(f)
    before = held.changed()
    module.gain = 3.0
    first = held.changed()
    module.gain = 1.0
    module.rate = 1.0

    assert (before, first) == (None, "wengert_test_settings.gain")
    assert held.changed() == "wengert_test_settings.rate"


# Objects


@dataclass
class Solver:
    tol: float = 1e-3
    steps: list[int] = field(default_factory=lambda: [1, 2])


class Model:
    offset: ClassVar[float] = 1.0

    def __init__(self) -> None:
        self.rate = 2.0
        self.unread = 0
        self.solver = Solver()

    def __call__(self, x: Any) -> Any:
        return self.scaled(x) + self.offset

    def scaled(self, x: Any) -> Any:
        return x * self.rate * self.half

    @property
    def half(self) -> float:
        return self.solver.tol / 2

    @classmethod
    def shifted(cls, x: Any) -> Any:
        return x + cls.offset

    @staticmethod
    def plus_rate(x: Any) -> Any:
        return x + RATE


@pytest.mark.parametrize("kind", ["call", "method", "closure", "partial", "grad"])
def test_attributes_are_followed_through_methods_and_properties(kind: str) -> None:
    model = Model()
    function: Any = {
        "call": model,
        "method": model.scaled,
        "closure": lambda x: model(x),
        "partial": functools.partial(model),
        "grad": grad(model),
    }[kind]
    held = snapshot(function)
    model.unread = 1
    before = held.changed()
    model.solver.tol = 1.0
    first = str(held.changed())
    model.solver.tol = 1e-3
    model.rate = 5.0
    second = str(held.changed())

    assert before is None or kind == "partial"
    assert first.endswith((".solver.tol", "solver.tol"))
    assert second.endswith(".rate")


def test_class_attributes_and_static_methods_are_followed() -> None:
    global RATE
    model = Model()

    def f(x: Any) -> Any:
        return Model.shifted(x) + model.plus_rate(x)

    held = snapshot(f)
    before = held.changed()
    RATE = 3.0
    first = held.changed()
    RATE = 2.0
    Model.offset = 2.0
    second = held.changed()
    Model.offset = 1.0

    assert (before, first) == (None, "global RATE")
    assert second == "cls.offset"


def test_a_replaced_method_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    held = snapshot(lambda x: model.scaled(x))
    monkeypatch.setattr(Model, "scaled", lambda self, x: x)

    assert held.changed() == "method Model.scaled"


def test_an_object_that_is_handed_on_is_compared_as_a_whole() -> None:
    solver = Solver()
    held = snapshot(lambda x: solve(x, solver))
    before = held.changed()
    solver.steps[1] = 7

    assert (before, held.changed()) == (None, "cell solver.steps[1]")


def solve(x: Any, solver: Solver) -> Any:
    return x * solver.tol * solver.steps[0]


def test_a_dataclass_with_slots_is_compared() -> None:
    @dataclass(slots=True)
    class Gains:
        gain: float

    gains = Gains(1.0)
    held = snapshot(lambda x: list(map(str, [gains])))
    before = held.changed()
    gains.gain = 2.0

    assert (before, held.changed()) == (None, "cell gains.gain")


def test_a_local_name_for_a_path_is_followed() -> None:
    model = Model()

    def f(x: Any) -> Any:
        solver = model.solver
        return (lambda y: y * solver.tol)(x)

    held = snapshot(f)
    model.rate = 7.0
    before = held.changed()
    model.solver.tol = 2.0

    assert (before, held.changed()) == (None, "cell model.solver.tol")


def test_an_attribute_that_is_written_is_watched() -> None:
    model = Model()

    def f(x: Any) -> Any:
        model.unread = 3
        return x

    first = snapshot(f)
    f(1.0)
    then = snapshot(f)
    f(1.0)
    before = then.changed()
    model.unread = 4

    line = f.__code__.co_firstlineno + 1
    written = first.written()
    assert written is not None
    assert (written[0], describe_line(written[1])) == (
        "cell model.unread",
        f"test_reads.py:{line}",
    )
    assert before is None
    assert then.changed() == "cell model.unread"


# Functions that are called


def helper(x: Any) -> Any:
    return x * RATE


def even(n: int) -> float:
    return RATE if n == 0 else odd(n - 1)


def odd(n: int) -> float:
    return 0.0 if n == 0 else even(n - 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: helper(x),
        lambda x: [helper(part) for part in x],
        lambda x: (lambda y: helper(y))(x),
        lambda x: list(map(helper, x)),
        lambda x: even(4) * x,
        functools.partial(helper),
        grad(helper),
        lambda x: grad(helper)(x),
    ],
    ids="call comprehension lambda map recursion partial grad inner_grad".split(),
)
def test_what_called_functions_read_is_noticed(function: Any) -> None:
    global RATE
    held = snapshot(function)
    before = held.changed()
    RATE = 3.0

    assert (before, held.changed()) == (None, "global RATE")


def test_a_replaced_helper_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    held = snapshot(lambda x: helper(x))
    monkeypatch.setitem(globals(), "helper", lambda x: x)

    assert held.changed() == "global helper"


def test_new_code_of_a_helper_is_noticed() -> None:
    def inner(x: Any) -> Any:
        return x

    held = snapshot(lambda x: inner(x))
    inner.__code__ = (lambda x: 2 * x).__code__

    assert held.changed() == "code of inner"


def test_a_function_in_a_container_is_followed() -> None:
    global RATE
    layers: list[Callable[..., Any]] = [np.sin, helper]

    def f(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    held = snapshot(f)
    before = held.changed()
    RATE = 3.0

    assert (before, held.changed()) == (None, "global RATE")


def test_methods_of_a_class_that_is_made_inside_are_followed() -> None:
    global RATE

    class Scaled:
        def __init__(self, x: Any) -> None:
            self.x = x

        def value(self) -> Any:
            return self.x * RATE

    held = snapshot(lambda x: Scaled(x).value())
    RATE = 3.0

    assert held.changed() == "global RATE"


def test_a_function_of_its_arguments_alone_reads_nothing() -> None:
    def f(x: Any, y: float = 2.0) -> Any:
        total = np.sum(np.sin(x) ** 2) + len(x)
        return max(total, y)

    def g(x: Any) -> Any:
        return np.sum(x**2)

    assert snapshot(g).is_empty
    assert not snapshot(f).is_empty
    assert snapshot(f).changed() is None
    assert not snapshot(lambda x: RATE * x).is_empty


def test_what_pytest_writes_around_an_assertion_is_not_read() -> None:
    """Its functions that say what failed lead through all of pytest: 3 s, 5,000 guards.

    What the assertion itself names is read as ever.
    """

    def positive(x: Any) -> Any:
        assert np.all(x > 0), "no log"
        assert TABLE["k"] == 1.0
        return x

    held = snapshot(positive)
    before = held.changed()
    TABLE["k"] = 2.0

    assert "@pytest_ar" in positive.__code__.co_names
    assert (before, held.changed()) == (None, "global TABLE['k']")
    assert len(held.guards) < 20
    assert not held.unresolved


# Arrays


def test_arrays_are_listed_by_their_path() -> None:
    weights = {"W": np.eye(2), "layers": [np.ones(2)]}
    held = snapshot(lambda x: total(weights, x))

    assert [path for path, _ in held.arrays] == [
        "cell weights['W']",
        "cell weights['layers'][0]",
    ]


def total(weights: Any, x: Any) -> Any:
    return weights["W"] @ x + weights["layers"][0]


def test_another_array_is_a_change_even_with_equal_contents() -> None:
    w = np.ones(2)
    held = snapshot(lambda x: w * x)
    before = held.changed()
    w = np.ones(2)

    assert (before, held.changed()) == (None, "cell w")


def recorded(function: Any, *args: Any) -> tuple[Any, Any]:
    held = snapshot(function)
    return split(held, record(function, *args))


@pytest.mark.parametrize("wrap", [lambda f: f, grad], ids=["value", "grad"])
def test_an_array_that_only_the_tape_reads_is_read_at_replay(wrap: Any) -> None:
    w, b = np.eye(3), np.ones(3)

    def loss(x: Any) -> Any:
        return np.sum(np.tanh(w @ x) * b)

    on_tape, plain = recorded(wrap(loss), np.ones(3))
    w[0, 1] = 5.0

    assert {id(array) for array, _ in on_tape} == {id(w), id(b)}
    assert plain.changed() is None


@pytest.mark.parametrize("wrap", [lambda f: f, grad], ids=["value", "grad"])
def test_a_replay_reads_the_present_contents(wrap: Any) -> None:
    w = np.eye(3)
    function = wrap(lambda x: np.sum(np.tanh(w @ x)))
    held, x = snapshot(function), np.array([0.1, 0.2, 0.3])
    tape = record(function, x)
    on_tape, _ = split(held, tape)
    w[0, 1] = 5.0
    outputs = run(tape, [x], [(index, array) for array, index in on_tape])
    (output,) = tape.output_indices

    np.testing.assert_array_equal(outputs[output], function(x))


def test_an_array_that_plain_code_reads_is_compared_by_contents() -> None:
    w = np.ones(3)
    on_tape, plain = recorded(lambda x: x * np.sum(w), 2.0)
    before = plain.changed()
    w[1] = 7.0

    assert on_tape == []
    assert (before, plain.changed()) == (None, "cell w")


def test_an_array_read_by_the_tape_and_by_plain_code_is_compared() -> None:
    w = np.ones(3)
    on_tape, plain = recorded(lambda x: (x * w) * np.sum(w), np.ones(3))
    w[1] = 7.0

    assert on_tape == []
    assert plain.changed() == "cell w"


def test_an_array_in_a_loop_that_starts_plain_is_compared() -> None:
    w, start = np.eye(2), np.ones(2)

    def f(x: Any) -> Any:
        h = start
        for _ in range(2):
            h = np.tanh(w @ h) + x
        return h

    on_tape, plain = recorded(f, np.ones(2))
    w[0, 0] = 7.0

    assert on_tape == []
    assert plain.changed() == "cell w"


def test_an_array_that_the_function_refills_is_never_current() -> None:
    buffer = np.zeros(2)

    def f(x: Any) -> Any:
        buffer[0] += 1.0
        return buffer * x

    on_tape, plain = recorded(f, np.ones(2))

    assert on_tape == []
    assert plain.changed() == "cell buffer"


def test_a_shape_question_does_not_read_contents() -> None:
    w = np.ones(3)
    on_tape, _ = recorded(lambda x: (x * w) / w.shape[0], np.ones(3))

    assert len(on_tape) == 1


def test_a_large_array_is_compared_in_blocks() -> None:
    w = np.zeros(200_000)
    _, plain = recorded(lambda x: x * np.sum(w), 2.0)
    before = plain.changed()
    w[-1] = -0.0

    assert (before, plain.changed()) == (None, "cell w")


def test_a_reshaped_array_is_noticed() -> None:
    w = np.zeros((2, 3))
    _, plain = recorded(lambda x: x * np.sum(w[0]), 2.0)
    w.resize((3, 2), refcheck=False)

    assert plain.changed() == "cell w"


# What cannot be followed


def clock(x: Any) -> Any:
    return x * time.time()


def test_what_cannot_be_followed_warns_once_with_its_line() -> None:
    WARNED.clear()
    source = clock.__code__.co_firstlineno + 1
    match = (
        rf"(?s)test_reads.py:{source}: global time.time is read from outside and "
        r"cannot be watched.*why: what it answers or does need not depend on its "
        r"arguments alone; the function runs eagerly.*instead: pass it as an argument"
    )
    held = snapshot(clock)
    with pytest.warns(UserWarning, match=match):
        held.eager_reason()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        held = snapshot(clock)

    assert held.eager_reason() == f"test_reads.py:{source}: global time.time"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (iter([1.0, 2.0]), "a list_iterator hides what it gives next"),
        (SETTINGS, "a module is handed on as a whole"),
        ([[] for _ in range(60)], "it holds more than 50 values"),
    ],
    ids=["iterator", "module", "large"],
)
def test_values_that_cannot_be_compared_warn(
    value: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "MOST_VALUES", 50)
    WARNED.clear()
    held = snapshot(lambda x: next(value) * x)
    with pytest.warns(UserWarning, match=f"(?s)cell value.*why: {why}"):
        held.eager_reason()

    assert [part.why for part in held.unresolved] == [why]


def test_values_that_refer_to_themselves_are_compared() -> None:
    loop: list[Any] = [1.0]
    loop.append(loop)
    held = snapshot(lambda x: x * len(loop))
    before = held.changed()
    loop[0] = 2.0

    assert (before, held.changed()) == (None, "cell loop[0]")


# What it costs


def test_a_check_costs_well_under_a_microsecond_a_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = {f"g{k}": float(k) for k in range(20)}
    exec("def f(x): return " + " + ".join(names), names)
    held = snapshot(names["f"])
    seconds = min(timeit.repeat(held.changed, number=2000, repeat=5)) / 2000 / 20
    with capsys.disabled():
        print(f" {seconds * 1e9:.0f} ns a read ", end="")

    assert held.changed() is None


def seconds_of(question: Callable[[], Any], number: int) -> float:
    """Return the least time of one call."""
    return min(timeit.repeat(question, number=number, repeat=7)) / number


@pytest.mark.parametrize("made", ["plain", "reversed", "column"])
def test_contents_are_compared_at_the_speed_of_memory(made: str) -> None:
    """No slower than NumPy's own comparison, which allocates its answer."""
    whole = np.random.default_rng(0).normal(size=(500, 500))
    array = {"plain": whole, "reversed": whole.T, "column": whole[:, ::2]}[made]
    held = Contents(array)
    copy = array.copy()
    assert held.hold()

    own = seconds_of(held.hold, 20)
    assert own < 2.0 * seconds_of(lambda: np.array_equal(array, copy), 20)


def test_two_numbers_are_compared_in_less_than_a_copy_of_them() -> None:
    held, array = Contents(np.array([1.0, 2.0])), np.array([1.0, 2.0])
    own = seconds_of(held.hold, 5000)

    assert own < 4.0 * seconds_of(array.copy, 5000)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i2", "?", "U3", "M8[D]"])
@pytest.mark.parametrize("form", ["c", "fortran", "strided", "reversed", "zero"])
def test_a_change_of_one_element_is_seen(dtype: str, form: str) -> None:
    whole = np.zeros((4, 6), dtype)
    array = {
        "c": whole,
        "fortran": np.asfortranarray(whole),
        "strided": whole[::2, 1::2],
        "reversed": whole[::-1],
        "zero": whole[0, 0:1].reshape(()),
    }[form]
    held = Contents(array)
    before = held.hold()
    array[(-1,) * array.ndim] = np.ones((), "i8").astype(dtype)

    assert before
    assert not held.hold()


# What the recording does not come to


PLOTS = """
import logging, pathlib, time
import numpy as np
log = logging.getLogger(__name__)
class Model:
    def __init__(self):
        self.rate, self.log, self.made, self.file = 2.0, log, time.time(), None
    def loss(self, x):
        if x is None: print("nothing to do")
        return np.sum(x**2) * self.rate
    def save(self, path):
        pathlib.Path(path).write_text(str(self.rate))
    def plot(self):
        import matplotlib.pyplot as plt
        plt.plot([self.rate])
        plt.show()
    def fit(self, x):
        self.log.info("fit")
        return self.loss(x), time.time()
models = [Model()]
def f(x):
    for model in models:
        x = model.loss(x)
    return x
"""


def test_methods_that_are_not_called_cost_nothing() -> None:
    """Files, clocks, loggers and whole packages that only they reach do not count."""
    space: dict[str, Any] = {"__name__": "plots"}
    exec(PLOTS, space)
    held = snapshot(space["f"])
    with held.noticing():
        space["f"](np.ones(2))
    before = held.changed()
    space["models"][0].rate = 3.0

    assert held.eager_reason() is None
    assert len(held.guards) < 40
    assert (before, held.changed()) == (None, "global models[0].rate")


def under_own(function: Any, x: Any) -> Any:
    """Call a function under a profiler that is a function of Python's."""
    seen: list[str] = []

    def look(frame: Any, event: str, argument: Any) -> None:
        seen.append(f"{event} {frame.f_code.co_name}")

    sys.setprofile(look)
    try:
        result = function(x)
    finally:
        assert sys.getprofile() is look
        sys.setprofile(None)
    assert seen.count("call loss") == seen.count("return loss")
    return result


@pytest.mark.parametrize(
    "under",
    [
        lambda *call: cProfile.Profile().runcall(*call),
        lambda *call: profile.Profile().runcall(*call),
        under_own,
    ],
    ids=["cProfile", "profile", "own"],
)
def test_a_profiler_goes_on(under: Any) -> None:
    gc.collect()  # `profile` loses count where the collector calls back

    def loss(x: Any) -> Any:
        if x[0] > 100.0:
            print(x)
        return x * 2.0

    function = wengert.jit(loss)

    for _ in range(4):
        found = under(function, np.ones(2))

    np.testing.assert_array_equal(found, loss(np.ones(2)))


def test_under_a_profiler_that_can_not_be_shared_all_counts_as_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space: dict[str, Any] = {"__name__": "plots"}
    exec(PLOTS, space)
    held = snapshot(space["f"])
    unresolved = list(held.unresolved)
    monkeypatch.setattr(sys, "getprofile", object)

    with held.noticing():
        space["f"](np.ones(2))

    assert unresolved
    assert held.unresolved == unresolved


def test_a_partial_of_a_function_is_no_reason_to_look() -> None:
    """Nor are the arguments that are no more than they were; keywords are."""

    def times(factor: Any, x: Any, power: int) -> Any:
        return factor * x**power

    held = [2.0]
    with_keywords = functools.partial(times, 2.0, power=2)
    with_list = functools.partial(lambda values, x: values[0] * x, held)

    assert snapshot(functools.partial(times, np)).is_empty
    assert not snapshot(with_keywords).is_empty
    assert not snapshot(with_list).is_empty
    fast, listed = (wengert.jit(f, wait=True) for f in (with_keywords, with_list))
    assert [fast(3.0), fast(3.0), listed(3.0), listed(3.0)] == [18.0, 18.0, 6.0, 6.0]
    with_keywords.keywords["power"], held[0] = 3, 5.0
    assert [fast(3.0), listed(3.0)] == [54.0, 15.0]


def test_a_function_of_ours_that_calls_itself_is_followed_once() -> None:
    """It is a part of itself, and of no end."""
    wengert.record(special.struve, 1.5, 2.0)  # whose module is loaded by then
    operation = REGISTRY["struve_derivative"]

    def f(v: Any, x: Any) -> Any:
        return apply(operation, v, x, orders=(0, 1))

    jitted = wengert.jit(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [jitted(1.5, 2.0) for _ in range(3)]
    np.testing.assert_allclose(found, f(1.5, 2.0), rtol=1e-14)


#: A jitted function of a ufunc; then ufuncs of modules that are loaded afterwards.
UFUNCS = """
    import sys
    import numpy as np
    import wengert
    from wengert.capture.reads.libraries import is_known_ufunc
    assert float(wengert.jit(lambda x: np.sin(x))(0.0)) == 0.0
    assert "numpy.strings" not in sys.modules and "scipy.special" not in sys.modules
    assert not is_known_ufunc(np.frompyfunc(abs, 1, 1))
    from scipy import special
    for known in (np.strings.isalpha, special.gamma, np.true_divide, np.abs):
        assert is_known_ufunc(known), known
    print("done")
"""


def test_modules_are_not_loaded_for_their_ufuncs() -> None:
    command = [sys.executable, "-c", textwrap.dedent(UFUNCS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("done\n", "")
