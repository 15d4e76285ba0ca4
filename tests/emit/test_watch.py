"""A builtin goes to the native call while all that is watched holds, else elsewhere."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from types import CellType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wengert.capture.reads import Contents, PlainArrays, Watch
from wengert.capture.reads.watched import ReadArray
from wengert.emit.objects import counts_changes, is_fast
from wengert.emit.watch import MOST_ARGUMENTS, Do, rows_of, watched

pytestmark = pytest.mark.skipif(not is_fast(), reason="no builtin is made here")


def cell_of(value: Any) -> Any:
    """A cell that holds a value."""
    return (lambda: value).__closure__[0]  # type: ignore[index]


def plain(x: float) -> float:
    """A function without defaults."""
    return x


def with_default(x: float, y: float = 2.0) -> float:
    """A function with one."""
    return x + y


STATE: ContextVar[Any] = ContextVar("state")
ITEM = object()


def watch_of(test: str, **names: Any) -> Watch:
    """A watch of one condition."""
    return Watch(names, [test], lambda: 0, [], [], [], [])


def answers(watch: Watch, *args: Any, **kwargs: Any) -> Any:
    """What the builtin answers: where it went, and with what."""

    def native(*args: Any, **kwargs: Any) -> Any:
        return "native", args, kwargs

    def thunk(*args: Any, **kwargs: Any) -> Any:
        return "thunk", args, kwargs

    return watched(watch, native, thunk, "f")(*args, **kwargs)


#: Expressions with what their names stand for, and whether a row is Python code.
CONDITIONS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "a global": ("v0['k'] is v1", {"v0": {"k": ITEM}, "v1": ITEM}, False),
    "an element": ("v0[1] is v1", {"v0": [0, ITEM], "v1": ITEM}, False),
    "a cell": ("v0.cell_contents is v1", {"v0": cell_of(ITEM), "v1": ITEM}, False),
    "code": ("v0.__code__ is v1", {"v0": plain, "v1": plain.__code__}, False),
    "no defaults": ("v0.__defaults__ is v1", {"v0": plain, "v1": None}, False),
    "defaults": (
        "v0.__defaults__ is v1",
        {"v0": with_default, "v1": with_default.__defaults__},
        False,
    ),
    "attributes": (
        "v0.a.b is v1",
        {"v0": SimpleNamespace(a=SimpleNamespace(b=ITEM)), "v1": ITEM},
        False,
    ),
    "a list": (
        "len(v0) == 2 and v0[0] is v1 and v0[1] is v2",
        {"v0": [ITEM, None], "v1": ITEM, "v2": None},
        False,
    ),
    "a dictionary": (
        "len(d := v0.held) == 1 and d['a'] is v1",
        {"v0": SimpleNamespace(held={"a": ITEM}), "v1": ITEM},
        False,
    ),
    "a class": ("type(v0) is v1", {"v0": 2.0, "v1": float}, False),
    "a dtype": (
        "v0.dtype is v1",
        {"v0": np.zeros(2), "v1": np.dtype("float64")},
        False,
    ),
    "a shape": ("v0.shape == v1", {"v0": np.zeros((2, 3)), "v1": (2, 3)}, False),
    "no shape": ("v0.shape == v1", {"v0": np.array(1.0), "v1": ()}, False),
    "strides": ("v0.strides == v1", {"v0": np.zeros((2, 3)), "v1": (24, 8)}, False),
    "a variable": ("get(None) is v0", {"get": STATE.get, "v0": None}, False),
    "elements": (
        "all(map(is_, v0, v1))",
        {"is_": lambda x, y: x is y, "v0": [ITEM] * 9, "v1": (ITEM,) * 9},
        True,
    ),
    "equality": ("v0 == v1", {"v0": bytearray(b"ab"), "v1": b"ab"}, True),
    "other names": ("get() is v0", {"get": lambda: ITEM, "v0": ITEM}, True),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_asked_as_python_asks_it(name: str) -> None:
    """True, it leads to the native call; with another value on its right, elsewhere."""
    test, names, is_python = CONDITIONS[name]
    watch = watch_of(test, **names)
    rows, _ = rows_of(watch)
    assert any(operation == Do.CALL for operation, _ in rows) == is_python
    assert eval(test, dict(names))
    assert answers(watch, 1, a=2) == ("native", (1,), {"a": 2})
    expected = next(key for key in reversed(names) if key.startswith("v"))
    others = {**names, expected: (7, 7, 7)}
    assert not eval(test, dict(others))
    assert answers(watch_of(test, **others), 1, a=2) == ("thunk", (1,), {"a": 2})


#: What becomes of a dictionary, and back, and whether conditions of it still hold.
CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], bool]] = {
    "another value": (lambda names: names.update(a=0), False),
    "the same value": (lambda names: names.update(a=ITEM), True),
    "another name": (lambda names: names.update(c=0), True),
    "a name that must be missing": (lambda names: names.update(x=0), False),
    "without the name": (lambda names: names.pop("a"), False),
    "empty": (lambda names: names.clear(), False),
    "by code": (lambda names: exec("global a; a = 0", names), False),
}


@pytest.mark.parametrize("is_counted", sorted({False, counts_changes({})}))
@pytest.mark.parametrize("name", CHANGES)
def test_every_change_of_a_dictionary_is_seen(
    name: str, is_counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the call that follows it, and in all others."""
    monkeypatch.setattr("wengert.emit.watch.counts_changes", lambda _: is_counted)
    module = ModuleType("names")
    names, change = vars(module), CHANGES[name][0]
    names |= {"a": ITEM, "b": ITEM, "__builtins__": {}}
    tests = ["v0['a'] is v1", "v0['b'] is v1", "v0.keys().isdisjoint(v2)"]
    held = {"v0": names, "v1": ITEM, "v2": ["x", "y"]}
    watch = Watch(held, tests, lambda: 0, [], [], [], [])
    f = watched(watch, lambda: "native", lambda: "thunk", "f")
    for _ in range(2):
        assert [f(), f()] == ["native", "native"]
        change(names)
        assert [f(), f()] == [["thunk"], ["native"]][CHANGES[name][1]] * 2
        names.pop("x", None)
        names |= {"a": ITEM, "b": ITEM}


def test_a_condition_is_asked_by_its_field_or_by_its_count() -> None:
    """And what is no field of a plain object, nor a name alone, is looked up."""
    conditions = {
        "v0.__code__ is v1": [Do.FIELDS],
        "v0.__defaults__ is v2": [Do.FIELDS],
        "v3['a'] is v1": [Do.UNCHANGED, Do.LOAD, Do.ITEM, Do.IS, Do.SEEN],
        "v3['a'].b is v1": [Do.LOAD, Do.ITEM, Do.ATTRIBUTE, Do.IS],
    }
    names = {"v0": plain, "v1": plain.__code__, "v2": None, "v3": {"a": ITEM}}
    for test, asked in conditions.items():
        rows, _ = rows_of(watch_of(test, **names))
        if not counts_changes({}):
            asked = [row for row in asked if row not in (Do.UNCHANGED, Do.SEEN)]
        assert [operation for operation, _ in rows] == asked


MISSING: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("v0['k'] is None", {"v0": {}}),
    "element": ("v0[3] is None", {"v0": [1]}),
    "attribute": ("v0.a is None", {"v0": SimpleNamespace()}),
    "function": ("v0() is None", {"v0": lambda: 1 / 0}),
    "length": ("len(v0) == 2", {"v0": 1.0}),
    "variable": ("v0() is None", {"v0": STATE.get}),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_is_gone_leads_to_the_thunk(name: str) -> None:
    """Without an error."""
    test, names = MISSING[name]
    assert answers(watch_of(test, **names), 1) == ("thunk", (1,), {})


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_a_name_that_hides_a_builtin_leads_to_the_thunk(kind: Any) -> None:
    """It may come, and go again; machine code looks into plain dictionaries alone."""
    names = kind(x=1)
    watch = watch_of("v0.keys().isdisjoint(v1)", v0=names, v1=["len", "range"])
    rows, _ = rows_of(watch)
    assert any(operation == Do.CALL for operation, _ in rows) == (kind is not dict)

    for hidden in ("len", "range"):
        assert answers(watch, 1) == ("native", (1,), {})
        names[hidden] = len
        assert answers(watch, 1) == ("thunk", (1,), {})
        del names[hidden]


def test_a_cell_that_is_empty_leads_to_the_thunk() -> None:
    """As `del` leaves it."""
    watch = watch_of("v0.cell_contents is v1", v0=CellType(), v1=1.0)
    assert answers(watch) == ("thunk", (), {})


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_not_swallowed(error: type[BaseException]) -> None:
    """Though an error is."""

    class Model:
        @property
        def a(self) -> float:
            raise error

    watch = watch_of("v0.a is None", v0=Model())
    with pytest.raises(error):
        answers(watch)


def fails() -> Any:
    """Raise an error."""
    raise ValueError("no")


def test_errors_of_the_call_are_its_own() -> None:
    """And the numbers behind the arguments are given up."""
    number = 1234.5
    watch = Watch({"v0": [number]}, [], lambda: 0, [], [], ["v0[0]"], [])
    f = watched(watch, lambda *_: fails(), fails, "f")
    before = sys.getrefcount(number)
    for _ in range(10):
        with pytest.raises(ValueError, match="no"):
            f(1)
    assert sys.getrefcount(number) == before


def test_numbers_from_outside_are_handed_on_behind_the_arguments() -> None:
    """As they are now; where the call is given names, the thunk does."""
    held = {"a": 2.0}
    names = {"v0": held, "v1": SimpleNamespace(b=3)}
    values = ["v0['a']", "v1.b", "v0['a'] * v1.b"]
    watch = Watch(names, [], lambda: 0, [], [], values, [])
    assert answers(watch, "x") == ("native", ("x", 2.0, 3, 6.0), {})
    held["a"] = 5.0
    assert answers(watch) == ("native", (5.0, 3, 15.0), {})
    assert answers(watch, x=1) == ("thunk", (), {"x": 1})
    many = tuple(range(MOST_ARGUMENTS))
    assert answers(watch, *many) == ("native", (*many, 5.0, 3, 15.0), {})
    assert answers(watch, *many, 0) == ("thunk", (*many, 0), {})
    del held["a"]
    assert answers(watch, "x") == ("thunk", ("x",), {})


def test_a_number_may_be_fixed() -> None:
    """An input that was tried at one value alone."""
    held = [2.0, 3.0]
    watch = Watch({"v": held}, [], lambda: 0, [], [], ["v[0]", "v[1]"], [(1, held[1])])
    assert answers(watch, 1) == ("native", (1, 2.0, 3.0), {})
    held[0] = 4.0
    assert answers(watch, 1) == ("native", (1, 4.0, 3.0), {})
    held[1] = 4.0
    assert answers(watch, 1) == ("thunk", (1,), {})


def reads(array: np.ndarray) -> Watch:
    """A watch of what an array holds."""
    held = PlainArrays([ReadArray("a", array)], {id(array): Contents(array)})
    return Watch({}, [], lambda: 0, [held], [], [], [])


ARRAYS: dict[str, Callable[[], np.ndarray]] = {
    "numbers": lambda: np.arange(6.0).reshape(2, 3),
    "Fortran's order": lambda: np.arange(6.0).reshape(3, 2).T,
    "steps": lambda: np.arange(12.0)[::2].reshape(2, 3),
    "one number": lambda: np.array(2.0),
    "truth values": lambda: np.array([True, False]),
    "complex numbers": lambda: np.array([1j, 2.0]),
    "objects": lambda: np.array([None, ITEM]),
    "a row": lambda: np.broadcast_to(np.arange(3.0), (2, 3)).copy()[0],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_an_array_holds_is_compared(name: str) -> None:
    """Each element of it."""
    array = ARRAYS[name]()
    watch = reads(array)
    assert answers(watch, 1) == ("native", (1,), {})
    for place in np.ndindex(array.shape):
        before = array[place]
        array[place] = not before
        assert answers(watch, 1) == ("thunk", (1,), {})
        array[place] = before
        assert answers(watch, 1) == ("native", (1,), {})


def test_an_array_that_was_made_smaller_is_not_read_beyond_its_end() -> None:
    """What lies behind it is not looked at."""
    array = np.arange(100_000.0)
    watch = reads(array)
    array.resize(2, refcheck=False)
    assert answers(watch) == ("thunk", (), {})
    empty = np.zeros((0, 3))
    assert answers(reads(empty)) == ("native", (), {})


def test_a_call_leaves_all_counts_of_references_as_they_were() -> None:
    """Whether it holds or not, and wherever it is left."""
    for test, names, _ in CONDITIONS.values():
        for key in ("", *names):
            kept = {**names, key: (7, 7, 7)}
            watch = watch_of(test, **kept)
            f = watched(watch, plain, plain, "f")
            before = [sys.getrefcount(value) for value in kept.values()]
            for _ in range(50):
                f(1.0)
            after = [sys.getrefcount(value) for value in kept.values()]
            assert max(map(lambda x, y: y - x, before, after)) < 20, test
