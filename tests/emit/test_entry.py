"""The fast call: right for its own signature, safe for any other argument."""

from __future__ import annotations

import functools
import gc
import itertools
import pickle
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import wengert as wg
from tests.emit.kernels import compiled
from tests.threads import at_once
from wengert.emit import entry, machine, settings
from wengert.emit.entry import Parameter, Returned, Signature, bind
from wengert.emit.objects import is_fast
from wengert.execute.engine import native_engine
from wengert.lower.refusal import BOUNDS

pytestmark = pytest.mark.skipif(not machine.available(), reason="needs llvmlite")

VALUE_AND_GRADIENT = Signature(
    (Parameter("array", "float64", (10,)),),
    (Returned("scalar"), Returned("array", "float64", (10,))),
    (0, 1),
)


@functools.cache
def rosenbrock():
    """Value and gradient of the Rosenbrock function of 10 variables."""
    return compiled(wg.value_and_grad(rosen_by_hand), np.linspace(-1, 1, 10))


def rosen_by_hand(x):
    """The Rosenbrock function, number by number."""
    value = 0.0
    for k in range(9):
        rest, gap = x[k + 1] - x[k] * x[k], 1.0 - x[k]
        value = value + 100.0 * rest * rest + gap * gap
    return value


def branch(is_positive):
    """x*x where x > 0, else -x, as one of two paths; and whether x > 0."""

    def function(x):
        test = x > 0.0
        return (x * x if test else -x), test

    return compiled(function, np.float64(1.0 if is_positive else -1.0))


def echo(*arguments, **keywords):
    """The fallback: shows what it was given."""
    return "fallback", arguments, keywords


@pytest.fixture(params=["builtin", "ctypes"])
def way(request, monkeypatch):
    """Both ways of calling."""
    if request.param == "ctypes":
        monkeypatch.setattr(entry, "is_fast", lambda: False)
    elif not is_fast():
        pytest.skip("objects lie differently in memory here")
    return request.param


def test_this_python_is_known():
    """CPython 3.11 to 3.14 with the interpreter lock has the fast way, where wanted."""
    is_known = sys.implementation.name == "cpython"
    if sys.version_info < (3, 15) and sys.platform == "linux":
        assert is_fast() == (is_known and "entry" not in settings.missing())


def test_value_and_gradient_of_an_array(way):
    """Right values in new objects of the right types."""
    f = bind([rosenbrock()], VALUE_AND_GRADIENT, echo)
    x = np.linspace(-1, 1, 10)

    value, gradient = f(x)

    assert type(value) is np.float64
    np.testing.assert_allclose(value, rosen(x), rtol=1e-14)
    np.testing.assert_allclose(gradient, rosen_der(x), rtol=1e-12)
    assert gradient.flags.owndata
    assert gradient.flags.writeable


X = np.linspace(-1, 1, 10)
READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "x", [X, READ_ONLY, pickle.loads(pickle.dumps(X)), X[:].copy()]
)
def test_any_plain_array_is_accepted(way, x):
    """Read-only arrays, and arrays whose dtype object is a copy."""
    f = bind([rosenbrock()], VALUE_AND_GRADIENT, echo)

    assert f(x)[0] == f(X)[0]


class Subclass(np.ndarray):
    """An array of another class."""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (X, X),
        (X[:9],),
        (X[::-1],),
        (np.linspace(-1, 1, 20)[::2],),
        (X.astype("f4"),),
        (X.astype(">f8"),),
        (X.astype("i8"),),
        (X.astype(object),),
        (X.astype(complex),),
        (X.reshape(2, 5),),
        (X.reshape(10, 1),),
        (X.view(Subclass),),
        (np.frombuffer(b"\0" * 81, np.uint8)[1:].view("f8"),),
        (X.tolist(),),
        (1.0,),
        (None,),
        ("x",),
        (np.float64(1),),
        (np.array(1.0),),
        (np.empty(0),),
    ],
    ids=str,
)
def test_anything_else_goes_to_the_fallback(way, arguments):
    """Unchanged, and never to the kernel."""
    f = bind([rosenbrock()], VALUE_AND_GRADIENT, echo)

    name, given, keywords = f(*arguments)

    assert name == "fallback"
    assert keywords == {}
    assert all(a is b for a, b in zip(given, arguments, strict=True))


COPIED = replace(VALUE_AND_GRADIENT, is_copied=True)
UNALIGNED = np.zeros(81, np.uint8)[1:].view("f8")
UNEVEN = {
    "strided": np.linspace(-1, 1, 20)[::2],
    "reversed": X[::-1],
    "a column": np.linspace(-1, 1, 50).reshape(10, 5)[:, 2],
    "one number": np.broadcast_to(0.3, 10),
    "read-only": READ_ONLY[::-1],
    "unaligned": UNALIGNED,
}
needs_builtin = pytest.mark.skipif(
    not is_fast(), reason="the native entry is not made here"
)


@needs_builtin
@pytest.mark.parametrize("x", UNEVEN.values(), ids=UNEVEN)
def test_an_array_in_another_order_is_copied_where_it_may_be(x):
    before = x.copy()

    value, gradient = bind([rosenbrock()], COPIED, echo)(x)

    np.testing.assert_allclose(value, rosen(before), rtol=1e-14)
    np.testing.assert_allclose(gradient, rosen_der(before), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(x, before)
    assert bind([rosenbrock()], VALUE_AND_GRADIENT, echo)(x)[0] == "fallback"


@needs_builtin
@pytest.mark.parametrize(
    "x",
    [
        X[::-2],
        X.astype(">f8")[::-1],
        np.ones((10, 2))[:, :1],
        np.ones(20, "f4")[::2],
        X[::-1].view(Subclass),
        [1.0],
    ],
    ids=repr,
)
def test_what_does_not_fit_goes_to_the_fallback_as_it_is(x):
    assert bind([rosenbrock()], COPIED, echo)(x)[1][0] is x


@needs_builtin
def test_copies_of_arguments_are_given_up():
    """On every way out; the fallback is given what the caller gave."""
    parameters = (Parameter("array", "float64", (2, 1)), Parameter("float"))
    parts = Signature(parameters, (Returned("array", "float64", (2, 1)),), 0)
    kernel = compiled(lambda x, y: x * y if y > 0.0 else x, np.ones((2, 1)), 1.0)
    f = bind([kernel], replace(parts, is_copied=True), echo)
    x = np.arange(6.0).reshape(2, 3)[:, :1]
    memory = pytest.importorskip("_testcapi")
    expected, counts = f(x, 2.0), sys.getrefcount(x)

    np.testing.assert_array_equal(expected, 2.0 * x)
    assert f(x, -2.0)[1][0] is x
    assert f(x, "two")[1][0] is x
    blocks = sys.getallocatedblocks()
    for _ in range(2000):
        for y in (2.0, -2.0, "two"):
            f(x, y)
    assert abs(sys.getallocatedblocks() - blocks) < 1000
    errors = 0
    for start in range(12):
        memory.set_nomemory(start, start + 1)
        try:
            f(x, 2.0)
        except MemoryError:
            errors += 1
        finally:
            memory.remove_mem_hooks()
    assert errors > 1
    assert sys.getrefcount(x) == counts


def test_keywords_go_to_the_fallback(way):
    """The fallback knows their names."""
    f = bind([rosenbrock()], VALUE_AND_GRADIENT, echo)

    assert f(X, scale=2)[2] == {"scale": 2}


@pytest.mark.parametrize("releases_lock", [False, True])
def test_paths_are_tried_in_order(way, releases_lock):
    """A failed guard is not an answer."""
    signature = Signature(
        (Parameter("real"),), (Returned("scalar"), Returned("python", "bool")), (0, 1)
    )
    paths = [branch(True), branch(False)]

    f = bind(paths, signature, echo, releases_lock=releases_lock)
    only = bind(paths[:1], signature, echo, releases_lock=releases_lock)

    assert f(3.0) == (9.0, True)
    assert f(np.float64(-3.0)) == (3.0, False)
    assert f(-3.0)[1] is False
    assert f(3)[0] == "fallback"
    assert only(3.0) == (9.0, True)
    assert only(-3.0)[0] == "fallback"


def test_floats_are_told_apart(way):
    """A Python float and a NumPy float64 are different parameters."""
    results = (Returned("python"), Returned("scalar", "bool"))

    f = bind([branch(True)], Signature((Parameter("float"),), results, (0, 1)), echo)
    g = bind([branch(True)], Signature((Parameter("float64"),), results, (0, 1)), echo)

    assert type(f(2.0)[0]) is float
    assert type(f(2.0)[1]) is np.bool_
    assert f(np.float64(2))[0] == g(2.0)[0] == "fallback"
    assert g(np.float64(2)) == (4.0, True)


def test_results_come_in_their_structure(way):
    """Nested tuples; an array of no axes stays an array."""
    signature = Signature(
        (Parameter("array", "float64", ()),),
        (Returned("array"), Returned("python", "bool")),
        ((1,), (), (0,)),
    )

    found = bind([branch(True)], signature, echo)(np.array(3.0))

    assert found == ((True,), (), (9.0,))
    assert type(found[2][0]) is np.ndarray


@pytest.mark.parametrize("type_name", ["float32", "int64", "int32", "bool"])
def test_every_type_can_be_returned(way, type_name):
    """As an array, a NumPy scalar and a Python number."""
    x = np.ones(1, type_name)
    kernel = compiled(lambda x: x, x)
    parameters = (Parameter("array", type_name, (1,)),)

    def returned(kind, shape=()):
        results = (Returned(kind, type_name, shape),)
        return bind([kernel], Signature(parameters, results), echo)(x)

    assert returned("array", (1,)).dtype == type_name
    assert type(returned("scalar")) is np.dtype(type_name).type
    assert type(returned("python")) is type(x[0].item())
    assert returned("array", (1,)) == returned("scalar") == returned("python") == 1


def test_captured_arrays_are_read_at_each_call(way):
    """Their current contents count."""
    captured = np.array([1.0, 2.0])
    kernel = compiled(lambda x, y: x * y[1], 3.0, captured)
    signature = Signature((Parameter("float"),), (Returned("python"),), 0, (captured,))
    f = bind([kernel], signature, echo)

    assert f(3.0) == 6.0
    captured[1] = 5.0
    assert f(3.0) == 15.0


# Containers

LEAVES = 6


@functools.cache
def doubling(is_long=False):
    """Twice each of six numbers; a first one below 0 fails a guard."""

    def function(*inputs):
        waste = np.nan if inputs[0] < 0.0 else inputs[0]
        for _ in range(6000 if is_long else 0):
            waste = np.sin(waste) * inputs[1] + inputs[2]
        return [2.0 * (x + 1e-300 * waste) for x in inputs]

    return compiled(function, *np.ones(LEAVES))


def nested(rng, leaves, depth=0):
    """Some plain container of all leaves, and a None here and there."""
    items, leaves = [], [*leaves]
    while leaves:
        count = rng.integers(0, len(leaves) + 1)
        part, leaves = leaves[:count], leaves[count:]
        if rng.random() < 0.1:
            items.append(None)
        if depth < 4 and rng.random() < 0.6:
            items.append(nested(rng, part, depth + 1))
        else:
            items += part
    kind = [list, tuple, dict][rng.integers(3)]
    if kind is not dict:
        return kind(items)
    names = rng.permutation([*"abcdefghijklmnop", *range(1000, 1016)])
    keys = [str(x) if x.isalpha() else int(x) for x in names]
    more = itertools.count(5000)
    return {(keys.pop() if keys else next(more)): item for item in items}


def filled(structure, leaf):
    """The same containers with a leaf of their own for each one."""
    if type(structure) is dict:
        return {key: filled(item, leaf) for key, item in structure.items()}
    if type(structure) in (list, tuple):
        return type(structure)(filled(item, leaf) for item in structure)
    return None if structure is None else leaf(structure)


def is_same(found, expected):
    """Whether classes, keys in their order and numbers are the same."""
    if type(found) is not type(expected):
        return False
    if type(found) is dict:
        if [(type(k), k) for k in found] != [(type(k), k) for k in expected]:
            return False
        found, expected = [*found.values()], [*expected.values()]
    if type(found) in (list, tuple):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(is_same(*pair) for pair in pairs)
    return np.array_equal(found, expected)


def changed(value, rng):
    """A value with one of its containers or leaves something else."""
    children = list(value.values() if type(value) is dict else value)
    places = [k for k, child in enumerate(children) if child is not None]
    if type(value) in (list, tuple, dict) and places and rng.random() < 0.7:
        k = places[rng.integers(len(places))]
        if type(children[k]) in (list, tuple, dict):
            children[k] = changed(children[k], rng)
        else:
            others = [1, "x", np.ones(2), np.ones(1, "f4"), None, [children[k]], 1 + 1j]
            children[k] = others[rng.integers(len(others))]
        if type(value) is dict:
            return dict(zip(value, children, strict=True))
        return type(value)(children)
    if type(value) is dict:
        return changed_dictionary(value, rng)
    more = type(value)([*children, 1.0])
    other = (list if type(value) is tuple else tuple)(children)
    subclass = type("Sub", (type(value),), {})(children)
    return [more, other, subclass, dict(enumerate(children)), 1.0][rng.integers(5)]


class Text(str):
    """A text of another class."""


class Number(int):
    """An int of another class."""


def changed_dictionary(value, rng):
    """A dictionary with another key, order, length or class."""
    pairs = [*value.items()]
    found = [{**value, "more": 1.0}, type("Sub", (dict,), {})(pairs), [*value]]
    if pairs:
        (key, item), *rest = pairs
        twin = Text(key) if type(key) is str else Number(key)
        found += [dict([(twin, item), *rest]), dict([(float, item), *rest])]
        found += [dict(rest), dict([("other", item), *rest])]
    if len(pairs) > 1:
        found += [dict(pairs[::-1])]
    return found[rng.integers(len(found))]


@pytest.mark.parametrize("seed", range(12))
def test_containers_go_in_and_come_out(way, seed):
    """As plain Python would take and give them, and anything else to the fallback."""
    rng = np.random.default_rng(seed)
    kinds = [["array", "float", "real"][rng.integers(3)] for _ in range(LEAVES)]
    parameters = [
        Parameter("array", "float64", (1,)) if kind == "array" else Parameter(kind)
        for kind in kinds
    ]
    given = tuple([nested(rng, range(LEAVES)), ()][:: rng.choice([-1, 1])])
    structure = nested(rng, rng.permutation(LEAVES).tolist())
    results = [("array", (1,)), ("scalar", ()), ("python", ())]
    chosen = [results[rng.integers(3)] for _ in range(LEAVES)]
    signature = Signature(
        filled(given, parameters.__getitem__),
        tuple(Returned(kind, "float64", shape) for kind, shape in chosen),
        structure,
    )
    f = bind([doubling()], signature, echo, releases_lock=bool(seed % 2))

    def leaf(k, numbers):
        return np.full(1, numbers[k]) if kinds[k] == "array" else float(numbers[k])

    def result(k, numbers):
        kind, value = chosen[k][0], 2 * numbers[k]
        makers = {"array": lambda x: np.full(1, x), "python": float}
        return makers.get(kind, np.float64)(value)

    for _ in range(3):
        numbers = rng.uniform(1.0, 9.0, LEAVES)
        arguments = filled(given, lambda k: leaf(k, numbers))  # noqa: B023
        expected = filled(structure, lambda k: result(k, numbers))  # noqa: B023
        assert is_same(f(*arguments), expected)
        again = pickle.loads(pickle.dumps(arguments))  # other keys, which are equal
        assert is_same(f(*again), expected)
    for _ in range(40):
        other, k = [*arguments], rng.integers(len(arguments))
        other[k] = changed(other[k], rng)
        name, found, _ = f(*other)
        assert name == "fallback"
        assert all(a is b for a, b in zip(found, other, strict=True))
    numbers[0] = -1.0
    assert f(*filled(given, lambda k: leaf(k, numbers)))[0] == "fallback"


PART = Parameter("array", "float64", (1,))
# Names that nothing else in the process has: their references are counted.
NESTED = Signature(
    ([PART, {"a": PART, 70000: (PART, Parameter("float"))}], [PART], PART),
    (Returned("array", "float64", (1,)),) * (LEAVES - 1) + (Returned("scalar"),),
    {
        "the xs": [0, {}, 1],
        80000: (2, None, {"y": {"z": 3}}),
        "the ws": [4],
        "the vs": 5,
    },
)


def arguments_of_nested(first=1.0):
    """Arguments of that signature."""
    x = [np.full(1, first + k) for k in range(LEAVES)]
    return [x[0], {"a": x[1], 70000: (x[2], 4.5)}], [x[4]], x[5]


def test_results_in_containers_are_new(way):
    f = bind([doubling()], NESTED, echo)
    given = arguments_of_nested()

    first, second = f(*given), f(*given)
    first["the xs"].append(1)
    first["the ws"][0][:] = 0.0
    first[80000][2]["y"]["z"] = None

    assert is_same(second, f(*given))
    assert [*second] == ["the xs", 80000, "the ws", "the vs"]


def test_a_list_that_changes_between_calls_is_read_anew(way):
    f = bind([doubling()], NESTED, echo)
    given = arguments_of_nested()
    f(*given)

    given[0][0] = np.full(1, 30.0)
    assert f(*given)["the xs"][0] == 60.0
    given[0][1]["a"] = 1.0
    assert f(*given)[0] == "fallback"
    given[0][1]["a"] = np.full(1, 40.0)
    assert f(*given)["the xs"][2] == 80.0
    given[0][1]["b"] = given[0][1].pop("a")
    assert f(*given)[0] == "fallback"


@pytest.mark.one_in(4)
@pytest.mark.parametrize("releases_lock", [False, True])
def test_containers_lose_no_reference(way, releases_lock):
    """Of arguments and results, on every way out."""
    f = bind([doubling()], NESTED, lambda *_: None, releases_lock=releases_lock)
    good, bad = arguments_of_nested(), arguments_of_nested(-1.0)
    odd = [good[0][0], {"a": good[0][1]["a"], 70000: (1.0, 1.0)}], [good[1][0]], None
    calls = [good, bad, odd]
    held = [good[0], good[0][0], good[0][1], good[0][1]["a"], good[1], good[2]]
    held += [*NESTED.structure, bad[0][0], None]
    for call in calls:
        f(*call)
    gc.collect()
    blocks, counts = sys.getallocatedblocks(), [sys.getrefcount(x) for x in held]

    for _ in range(10_000 if way == "builtin" else 300):
        for call in calls:
            f(*call)
    gc.collect()

    found = [sys.getrefcount(x) for x in held]
    assert max(abs(a - b) for a, b in zip(found, counts, strict=True)) < 100
    assert found[:-1] == counts[:-1]
    assert abs(sys.getallocatedblocks() - blocks) < 1000


@needs_builtin
def test_containers_survive_memory_that_runs_out():
    """At any allocation of a call: an error or the result, and nothing is lost."""
    memory = pytest.importorskip("_testcapi")
    f = bind([doubling()], NESTED, echo)
    given = arguments_of_nested()
    expected = f(*given)
    held = [given[0], given[0][0], given[0][1], *NESTED.structure]
    counts = [sys.getrefcount(x) for x in held]
    errors, made = 0, []
    # CPython keeps some freed ones, which it would take up again.
    kept = [[kind() for _ in range(200)] for kind in (list, dict)]
    for start in range(60):
        memory.set_nomemory(start, start + 1)
        try:
            made.append(f(*given))
        except MemoryError:
            errors += 1
        finally:
            memory.remove_mem_hooks()

    assert errors > LEAVES + len(kept)
    assert all(is_same(found, expected) for found in made)
    del made
    assert [sys.getrefcount(x) for x in held] == counts


@needs_builtin
def test_a_list_emptied_while_the_lock_is_let_go_is_held():
    """What the kernel reads lives until it returns."""
    signature = Signature(
        ([Parameter("float"), {"x": PART}, *[PART] * 4],),
        (Returned("python"),) * LEAVES,
        tuple(range(LEAVES)),
    )
    f = bind([doubling(is_long=True)], signature, echo, releases_lock=True)
    is_done, wrong = threading.Event(), []

    def empty(items):
        while not is_done.is_set():
            items[0] = float(len(items))
            items[1] = {"x": np.full(1, 1.0)}
            items[2:] = [np.full(1, 2.0) for _ in range(4)]
            poison = [np.full(1, 1e9) for _ in range(8)], [k + 1e9 for k in range(8)]
            del poison

    items = [6.0, {"x": np.full(1, 1.0)}, *[np.full(1, 2.0) for _ in range(4)]]
    thread = threading.Thread(target=empty, args=(items,))
    thread.start()
    for _ in range(300):
        found = f(items)
        if found[0] != "fallback" and found != (12.0, 2.0, 4.0, 4.0, 4.0, 4.0):
            wrong.append(found)
    is_done.set()
    thread.join()

    assert not wrong


@needs_builtin
def test_the_collector_finds_whole_containers():
    """Where it runs between two containers of a result, and calls back."""
    f = bind([doubling()], NESTED, echo)
    given, seen = arguments_of_nested(), []
    expected = f(*given)

    def look(phase, _):
        if phase == "start":
            young = [x for x in gc.get_objects(0) if type(x) in (list, tuple)]
            seen.extend([*x] for x in young)  # an item that is not there crashes
            seen.append(f(*given))

    before = gc.get_threshold()
    gc.callbacks.append(look)
    gc.set_threshold(1, 1, 1)
    try:
        kept = [f(*given) for _ in range(20)]
    finally:
        gc.callbacks.remove(look)
        gc.set_threshold(*before)

    assert sum(is_same(found, expected) for found in seen)
    assert all(is_same(found, expected) for found in kept)


def test_errors_of_the_fallback_arrive(way):
    """With their type."""

    def refuse(*arguments):
        raise LookupError("no such path")

    f = bind([rosenbrock()], VALUE_AND_GRADIENT, refuse)

    with pytest.raises(LookupError, match="no such path"):
        f(1)


def test_reference_counts_are_kept(way):
    """Of arguments, results and the fallback, on every way out."""

    def fallback(*arguments):
        return arguments

    parameters = (Parameter("array", "float64", (1,)),)
    results = (Returned("array"), Returned("array", "bool"))
    f = bind([branch(True)], Signature(parameters, results, (0, (1,))), fallback)
    x, negative = np.ones(1), -np.ones(1)
    for item in (x, negative, None):
        f(item)
    gc.collect()
    blocks, counts = sys.getallocatedblocks(), sys.getrefcount(x)

    for _ in range(2000):
        for item in (x, negative, None):
            f(item)
    gc.collect()

    assert sys.getrefcount(x) == counts
    # One object lost in a call would be 2000; ctypes fills caches of its own.
    assert abs(sys.getallocatedblocks() - blocks) < 1000
    before = sys.getrefcount(fallback)
    del f
    gc.collect()
    assert sys.getrefcount(fallback) < before


def test_eight_threads_call_at_once():
    """Each call has a workspace of its own, with and without the lock."""

    def function(x):
        values, steps = x, []
        for k in range(5000):
            values = np.sin(values + x) * (k % 7 + x) if k % 3 else np.cos(values * x)
            steps.append(values)
        total = 0.0
        for step in reversed(steps):
            total = total + step
        return total

    kernel = compiled(function, 0.5)
    signature = Signature((Parameter("float"),), (Returned("python"),))
    f = bind([kernel], signature, echo, releases_lock=True)
    want = [f(float(k)) for k in range(8)]
    failures = []

    def work(k):
        failures.extend(1 for _ in range(50) if f(float(k)) != want[k])

    at_once(*[functools.partial(work, k) for k in range(8)])

    assert kernel.workspace > 32768
    assert not failures


@pytest.mark.parametrize("signature", [VALUE_AND_GRADIENT, COPIED])
@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_random_arguments_never_crash(count, signature):
    """Arrays of every kind and other objects, some of which fit."""
    rng = np.random.default_rng(0)
    f = bind([rosenbrock()], signature, lambda *a: None)
    types = ["f8", "f8", "f8", ">f8", "f4", "i4", "?", "c16", "O", "S3", "M8[s]"]
    others = [None, 1, 2.5, "x", [1.0] * 10, (), {}, object(), np.float64(1), f]
    hits = 0
    for _ in range(count):
        shape = [(10,), (10,), (), (5, 2), (11,), (0,), (10, 0)][rng.integers(7)]
        array = np.zeros(shape, types[rng.integers(len(types))])
        if rng.random() < 0.2 and array.ndim:
            array = array[:: rng.choice([-1, 2])]
        if rng.random() < 0.1:
            array = others[rng.integers(len(others))]
        hits += f(*[array] * rng.choice([1, 1, 1, 0, 2])) is not None

    assert 0 < hits < count


def interval(low, high, answer):
    """A path that holds where low < x < high; its first guard asks for `low`."""

    def function(x):
        return answer if x > low and x < high else None

    return compiled(function, np.float64((low + high) / 2))


FIRST, SECOND = BOUNDS + 1, BOUNDS + 2


@pytest.mark.parametrize(("x", "answer"), [(0.5, 10.0), (2.5, 12.0), (-1.5, 13.0)])
def test_a_failing_guard_chooses_the_next_kernel(way, x, answer):
    """A kernel that would hold but that nothing leads to is not tried."""
    kernels = [
        interval(0.0, 1.0, 10.0),
        interval(-9.0, 9.0, 11.0),
        interval(1.0, 9.0, 12.0),
        interval(-9.0, 0.0, 13.0),
    ]
    signature = Signature((Parameter("float"),), (Returned("scalar"),))
    exits = [{SECOND: 2, FIRST: 3}, {}, {}, {}]

    f = bind(kernels, signature, echo, exits=exits)

    assert f(x) == answer


def test_other_guards_lead_to_the_kernel_under_zero(way):
    kernels = [interval(0.0, 1.0, 10.0), interval(0.0, 2.0, 11.0)]
    kernels += [interval(-9.0, 9.0, 12.0)]
    signature = Signature((Parameter("float"),), (Returned("scalar"),))

    f = bind(kernels, signature, echo, exits=[{SECOND: 1, 0: 2}, {0: 2}, {}])

    assert [f(x) for x in (0.5, 1.5, 2.5, -1.0)] == [10.0, 11.0, 12.0, 12.0]
    assert f(10.0) == ("fallback", (10.0,), {})


def loose(x):
    """A function that holds an array of the size of its argument meanwhile."""
    y = np.cumsum(np.exp(x))
    return np.sum(y[::-1] * x / np.sum(y))


@pytest.fixture
def kept(monkeypatch):
    """The workspace that is kept, given up before and afterwards."""
    if not (is_fast() and native_engine()):
        pytest.skip("workspaces are kept by builtins")
    place = entry._KEPT_WORKSPACE
    before, place[:] = place.copy(), 0
    yield place
    place[:] = before


def test_the_largest_workspace_is_kept_for_the_next_call(kept):
    small, large = np.linspace(0.0, 1.0, 20_000), np.linspace(0.0, 1.0, 200_000)
    f = wg.jit(loose, wait=True)
    for x in (small, large):
        f(x), f(x)
    f(small)
    address, room = kept
    if not room:
        pytest.skip("there is no scratch memory in it")
    for x in (large, small, large):
        assert f(x) == pytest.approx(loose(x), rel=1e-12)
        assert tuple(kept) == (address, room)


def test_a_workspace_that_is_too_large_is_not_kept(kept, monkeypatch):
    monkeypatch.setattr(entry, "_MOST_KEPT", 40_000)
    monkeypatch.setattr(entry, "_ENTRIES", {})
    x = np.linspace(0.0, 1.0, 20_001)
    f = wg.jit(loose, wait=True)
    for _ in range(3):
        assert f(x) == pytest.approx(loose(x), rel=1e-12)
    assert tuple(kept) == (0, 0)


def test_a_call_inside_a_call_has_a_workspace_of_its_own(kept):
    x = np.linspace(0.0, 1.0, 20_000)
    inner = wg.jit(loose, wait=True)
    inner(x), inner(x)

    @wg.black_box
    def asked(y):
        return inner(x) + y

    def outer(x):
        y = np.cumsum(np.exp(x))
        return np.sum(asked(np.sum(y)) * y[::-1] * x / np.sum(y))

    f = wg.jit(outer, wait=True)
    y = np.cumsum(np.exp(x))
    expected = np.sum((loose(x) + np.sum(y)) * y[::-1] * x / np.sum(y))
    for _ in range(4):
        assert f(x) == pytest.approx(expected, rel=1e-12)
    assert kept[1] > 0


def test_threads_at_once_have_workspaces_of_their_own(kept):
    f = wg.jit(loose, wait=True)
    xs = [np.linspace(0.0, 1.0 + k, 100_000) for k in range(8)]
    expected = [loose(x) for x in xs]
    f(xs[0]), f(xs[0])

    def often(k):
        return [f(xs[k]) for _ in range(20)]

    for k, found in enumerate(
        at_once(*[functools.partial(often, k) for k in range(8)])
    ):
        assert found == pytest.approx([expected[k]] * 20, rel=1e-12)


def moved(a, b, c):
    """Two arrays that are written in place, and a number."""
    a -= 0.1 * b
    b += c
    return a, b, (a * b).sum()


def test_arrays_that_share_memory_are_handed_back(way):
    kernels = [compiled(moved, *np.ones((3, 2, 2)))]
    arrays = Parameter("array", "float64", (2, 2))
    results = Returned("array", "float64", (2, 2)), Returned("scalar")
    signature = Signature(
        (arrays, [arrays, arrays]), (results[0], *results), (0, 1, 2), is_apart=True
    )
    call = bind(kernels, signature, lambda *_: "handed back", "moved")
    memory = np.arange(1.0, 17.0)

    def at(*starts):
        a, b, c = (memory[k : k + 4].reshape(2, 2) for k in starts)
        return call(a, [b, c])

    for starts in itertools.permutations([0, 4, 8]):
        expected = moved(*(memory[k : k + 4].reshape(2, 2).copy() for k in starts))
        for found, wanted in zip(at(*starts), expected, strict=True):
            np.testing.assert_allclose(found, wanted)
    for starts in ((0, 0, 8), (0, 3, 8), (0, 8, 11), (8, 0, 5), (5, 8, 0), (9, 0, 9)):
        assert at(*starts) == "handed back"
    np.testing.assert_array_equal(memory, np.arange(1.0, 17.0))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_step_that_writes_into_several_arguments_is_called_natively():
    step = wg.jit(moved, wait=True)
    for _ in range(3):
        step(*np.ones((3, 2, 2)).copy())

    assert [entry.direct[0] is not None for entry in step.entries.values()] == [True]
