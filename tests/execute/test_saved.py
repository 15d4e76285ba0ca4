"""A tape as a file: what is loaded is what was saved, or is refused in clear words."""

from __future__ import annotations

import dataclasses
import enum
import io
import json
import linecache
import pickle
import random
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as wg
from tests.execute.corrupt import USES, Marked, damaged, use
from tests.ops.examples import Example, examples
from tests.show.programs import PROGRAMS
from wengert.capture import tree
from wengert.core.tape import CompNode, ConstantNode, Tape
from wengert.core.types import Type, type_of
from wengert.errors import TapeError, WengertError
from wengert.execute.rehearsal import stand_in
from wengert.show.html import page_data

X = np.array([1.0, 2.0, 3.0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.tape"


def again(tape: Tape, path: Path, **known: Any) -> Tape:
    """A tape saved and loaded."""
    tape.save(path)
    return wg.load(path, {f"{__name__}.{name}": part for name, part in known.items()})


def page_of(tape: Tape, *values: Any) -> dict[str, Any]:
    """What the microscope of a loaded tape shows at some inputs."""
    for node, value in zip(tape.inputs, values, strict=True):
        node.output = value
    return page_data(tape, "")


def assert_same(found: Any, expected: Any) -> None:
    """The same numbers, bit for bit, nested in the same way."""
    leaves, structure = tree.flatten(found)
    wanted, wanted_structure = tree.flatten(expected)
    assert structure == wanted_structure
    for leaf, want in zip(leaves, wanted, strict=True):
        assert type(leaf) is type(want)
        np.testing.assert_array_equal(leaf, want)


# What is saved is loaded


@pytest.mark.one_in(4)
@pytest.mark.parametrize("example", examples(), ids=str)
def test_every_operation_is_saved_and_loaded(example: Example, path: Path) -> None:
    """Results, gradient, fingerprint, listing and source are those of the tape."""
    operands = example.operands
    tape = wg.record(example.function, *operands)

    loaded, pickled = again(tape, path), pickle.loads(pickle.dumps(tape))

    assert_same(loaded(*operands), tape(*operands))
    assert loaded.fingerprint() == tape.fingerprint()
    assert loaded.structure == tape.structure
    assert [loaded.line(k) for k in range(len(tape))] == [
        tape.line(k) for k in range(len(tape))
    ]
    assert str(loaded) == str(pickled)
    if example.order and tape.types[tape.output_indices[0]].dtype.kind in "fc":
        assert again(loaded, path).fingerprint() == tape.fingerprint()


def loss(x: Any, p: Any) -> Any:
    y = np.zeros(3)
    y[:2] = x[1:] * p["scale"]
    while y[0] < 3:
        y = y * 1.5 + 0.1
    return np.sum(np.where(y > 2, y**2, y)) + p["shift"]


def test_a_loaded_tape_is_differentiated_compiled_and_written(path: Path) -> None:
    tape = wg.record(loss, X, {"scale": 0.5, "shift": 1.0})

    loaded = again(tape, path)

    args = np.array([1.1, 1.9, 2.9]), {"scale": 0.6, "shift": 1.0}
    names: dict[str, Any] = {}
    exec(loaded.to_numpy(name="written"), names)
    want = loss(*args)
    assert loaded(*args) == pytest.approx(want)
    assert loaded.compile()(*args) == pytest.approx(want)
    assert names["written"](*args) == pytest.approx(want)
    assert wg.grad(loaded)(*args) == pytest.approx(wg.grad(loss)(*args))
    assert "test_saved.py" in loaded.line(len(loaded) - 1)


@dataclasses.dataclass
class Params:
    scale: Any
    shift: Any


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.mark.parametrize(
    "nested",
    [
        {"b": X, "a": 2.0},
        OrderedDict(b=X, a=[2.0, (X, None)]),
        [X, (2.0, {}), {1: X, (2, "c"): X}],
    ],
    ids=["dict", "ordered", "mixed"],
)
def test_arguments_and_results_nest_as_before(nested: Any, path: Path) -> None:
    """The order of keys included."""
    tape = wg.record(lambda p: tree.map_leaves(lambda x: 2 * x, p), nested)

    found = again(tape, path)(nested)

    assert_same(found, tape(nested))
    assert type(found) is type(nested)
    assert repr(found) == repr(tape(nested))


def test_classes_are_handed_over_by_name(path: Path) -> None:
    def f(p: Any) -> Any:
        return Pair(p.scale * 2, p.shift)

    params = Params(X, 1.0)
    tape = wg.record(f, params)
    tape.save(path)

    with pytest.raises(TapeError, match=rf"known=\{{'{__name__}\.Pair': Pair\}}"):
        wg.load(path, {f"{__name__}.Params": Params})
    found = again(tape, path, Params=Params, Pair=Pair)(params)
    assert type(found) is Pair
    assert_same(found, f(params))


# What a user wrote is handed over, or refused by name


@wg.rule(vjp=lambda g, y, x, n: (g * n * x ** (n - 1), None))
def powered(x: Any, n: int) -> Any:
    return np.array([float(part) ** n for part in np.ravel(x)]).reshape(np.shape(x))


@wg.rule
def black_box(x: Any) -> Any:
    return float(x) + 1.0


@wg.custom_vjp
def doubled_slope(x: Any) -> Any:
    return x * 1.0


doubled_slope.defvjp(lambda x: (x * 1.0, None), lambda _, g: (2 * g,))


class Scaled(CompNode):
    """A node of a user's own, with data besides its input."""

    def __init__(self, x: CompNode, factor: float, tape: Tape) -> None:
        self.x, self.factor = x, factor
        super().__init__(tape)

    def forward(self) -> None:
        self.output = self.x.output * self.factor

    def backward(self) -> None:
        self.x.add_gradient(self.gradient * self.factor)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("powered", lambda x: np.sum(powered(x, 3))),
        ("black_box", lambda x: black_box(x[0]) * x[1]),
        ("doubled_slope", lambda x: np.sum(doubled_slope(x) ** 2)),
    ],
)
def test_a_rule_is_refused_unless_handed_over(
    name: str, function: Callable[..., Any], path: Path
) -> None:
    tape = wg.record(function, X)
    tape.save(path)

    with pytest.raises(TapeError, match=f"{name}, which was not handed over"):
        wg.load(path)
    with pytest.raises(TapeError, match=r"hand over what wengert\.rule"):
        wg.load(path, {f"{__name__}.{name}": np.sin})
    loaded = again(tape, path, **{name: globals()[name]})
    assert_same(loaded(2 * X), tape(2 * X))
    if name != "black_box":
        np.testing.assert_array_equal(wg.grad(loaded)(X), wg.grad(function)(X))


def test_a_node_class_is_refused_unless_handed_over(path: Path) -> None:
    tape = Tape()
    x = ConstantNode(3.0, tape)
    Scaled(Scaled(x, 2.0, tape), 5.0, tape)
    tape.save(path)

    with pytest.raises(TapeError, match=r"Scaled, which was not handed over"):
        wg.load(path)
    loaded = again(tape, path, Scaled=Scaled)
    loaded.forward()
    loaded.backward()
    assert loaded.outputs[0].output == 30.0
    assert loaded.node(0).gradient == 10.0


@pytest.mark.parametrize("make", [wg.checkpoint, wg.vmap])
def test_a_function_inside_a_node_is_refused_when_saved(
    make: Callable[..., Any], path: Path
) -> None:
    tape = wg.record(lambda x: np.sum(make(np.sin)(x)), np.ones(40))

    with pytest.raises(TapeError, match=r"as one node.*\n(.*\n)*.*without checkpoint"):
        tape.save(path)


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    path.write_bytes(b"nothing of the sort")
    with pytest.raises(TapeError, match="holds no legal tape"):
        wg.load(path)
    with pytest.raises(FileNotFoundError):
        wg.load(path.with_name("missing"))


def test_another_version_is_refused(path: Path) -> None:
    wg.record(np.sin, 1.0).save(path)
    parts = unpacked(path.read_bytes())
    parts["tape.json"] = parts["tape.json"].replace(b'"version": 2', b'"version": 3')

    with pytest.raises(TapeError, match="version 3 of the format"):
        wg.load(packed(parts))


# The lines of the nodes, with their sources


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_microscope_shows_a_loaded_tape_as_the_recorded_one(
    name: str, path: Path
) -> None:
    """Source, marks, guards in words, names: all that its page holds."""
    program = PROGRAMS[name]
    tape = wg.record(program.function, *program.args)

    for other in (again(tape, path), pickle.loads(pickle.dumps(tape))):
        values = [node.output for node in tape.inputs]
        twice = again(other, path.with_name("2"))
        assert page_of(other, *values) == page_data(tape, "")
        assert page_of(twice, *values) == page_data(tape, "")


def test_what_is_derived_from_a_loaded_tape_has_its_lines(path: Path) -> None:
    tape = wg.record(loss, X, {"scale": 0.5, "shift": 1.0})
    loaded = again(tape, path)
    page_of(loaded, *(node.output for node in tape.inputs))

    derived, expected = loaded.grad_tape(), tape.grad_tape()

    assert list(map(derived.line, range(len(derived)))) == list(
        map(expected.line, range(len(expected)))
    )
    with pytest.raises(wg.GuardError, match=r"^test_saved\.py:\d+: a replay left"):
        loaded(5 * X, {"scale": 0.5, "shift": 1.0})


def test_a_file_of_the_first_version_is_loaded() -> None:
    """It was written by that version: of a line it says file and number."""
    tape = wg.load(Path(__file__).with_name("version_1.tape"))

    assert [tape.line(k) for k in range(len(tape))] == [
        "", "", "model.py:5", "model.py:6", "model.py:6"
    ]  # fmt: skip
    assert tape(2.0, 3.0) == np.sin(6.0) + 2.0
    (source,) = page_of(tape, 2.0, 3.0)["sources"]
    assert (source["file"], source["text"]) == ("model.py", ())
    assert tape.profile().by_line


def recorded_from(code: str) -> Tape:
    """The tape of a function that stands in a file of its own."""
    lines = io.StringIO(code).readlines()
    linecache.cache["signs.py"] = (len(code), None, lines, "signs.py")
    names: dict[str, Any] = {"np": np}
    exec(compile(code, "signs.py", "exec"), names)
    return wg.record(names["f"], 1.0)


def test_signs_that_do_not_print_are_saved_as_such(path: Path) -> None:
    """A terminal shows a line of the source; nothing in it may command it."""
    code = "def f(x):\n    # \x1b[2J \u202e \x0b\tand\n    return x * len('\x1b')\n"
    tape = recorded_from(code)

    (source,) = page_of(again(tape, path), 1.0)["sources"]

    comment = "    # \ufffd[2J \ufffd \ufffd\tand"
    assert source["text"] == ("def f(x):", comment, "    return x * len('\ufffd')")


@pytest.mark.parametrize(
    ("part", "value", "says"),
    [
        ("text", ["def f(x):", "\x1b[2J", "    return x * 2"], "does not print"),
        ("text", ["def f(x):\n", "    return x * 2"], "does not print"),
        ("text", ["def f(x):"], "outside of its source"),
        ("text", [1, 2, 3], "does not print"),
        ("file", "a\nb", "does not print"),
        ("function", None, "does not print"),
        ("first", 10**12, "begins at"),
        ("first", -5, "begins at"),
        ("start", 99, "outside of its source"),
        ("start", "0", "is at"),
        ("number", 7, "outside of its source"),
        ("which", -1, "no place in a list"),
        ("which", 9, "no place in a list"),
        ("which", True, "no place in a list"),
    ],
)
def test_a_line_that_is_none_is_refused(
    part: str, value: Any, says: str, path: Path
) -> None:
    recorded_from("def f(x):\n    x = x * 2\n    return x\n").save(path)
    parts = unpacked(path.read_bytes())
    state = json.loads(parts["tape.json"])
    names = {"file": 0, "function": 1, "first": 2, "text": 3}
    if part in names:
        state["sources"][0][names[part]] = value
    elif part == "which":
        state["lines"][-1] = value
    else:
        state["places"][0][{"number": 1, "start": 2}[part]] = value
    parts["tape.json"] = json.dumps(state).encode()

    with pytest.raises(TapeError, match=says):
        wg.load(packed(parts))


def test_the_source_of_a_loaded_tape_is_no_markup(path: Path) -> None:
    tape = recorded_from("def f(x):\n    # </script><script>alert(1)\n    return -x\n")
    loaded = again(tape, path)
    loaded.inputs[0].output = 1.0

    assert loaded.to_html().count("</script>") == tape.to_html().count("</script>") == 2
    assert "<script>alert" not in loaded.to_html()


def test_a_file_holds_no_pickle(path: Path) -> None:
    """An array of objects in it is refused, whatever it says."""
    wg.record(lambda x: x * X, X).save(path)
    parts = unpacked(path.read_bytes())
    data = io.BytesIO()
    np.save(data, np.array([Marked()], dtype=object), allow_pickle=True)
    parts["0.npy"] = data.getvalue()

    with pytest.raises(TapeError, match="holds no legal tape"):
        wg.load(packed(parts))


# Names are names


@pytest.mark.parametrize(
    "name", ["", "f g", "f(x): return x\nopened = True\ndef g", "class", "1f", 3]
)
def test_a_function_is_written_under_an_identifier_only(name: Any) -> None:
    tape = wg.record(np.sin, 1.0)

    with pytest.raises(wg.ArgumentError, match="an identifier"):
        tape.to_numpy(name=name)


def test_a_key_that_is_no_literal_is_not_written() -> None:
    tape = wg.record(lambda p: sum(p.values()), {Params: 1.0})

    with pytest.raises(wg.UnsupportedError, match="a dictionary with the key"):
        tape.to_numpy()


def test_a_name_of_a_loaded_tape_is_no_markup(path: Path) -> None:
    tape = wg.record(lambda x: x * 2, 1.0)
    state = tape.__getstate__()
    state["settings"][0] = {"name": "</script><script>alert(1)"}
    other = Tape.__new__(Tape)
    other.__setstate__(state)
    other.inputs[0].output = 1.0

    assert "<script>alert(1)" not in other.to_html()


# What was damaged is refused, or works


def damaged_states() -> list[tuple[dict[str, Any], tuple[Any, ...]]]:
    """Tapes of all operations as they are pickled, and arguments."""
    found = []
    for example in examples():
        operands = tuple(example.operands)
        tape = wg.record(example.function, *operands)
        found.append((tape.__getstate__(), operands))
    args = X, {"scale": 0.5, "shift": 1.0}
    tape = wg.record(loss, *args)
    found += [(tape.__getstate__(), args)] * 20
    found += [(tape.grad_tape().__getstate__(), args)] * 20
    return found


STATES: list[Any] = []


def states() -> list[Any]:
    if not STATES:
        STATES.extend(damaged_states())
    return STATES


@pytest.mark.one_in(2)
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_pickle_gives_a_clear_error(seed: int) -> None:
    """500 times: the tape is refused, or all that it is good for works or refuses."""
    for number in range(500):
        draw = random.Random(1000 * seed + number)
        state, args = draw.choice(states())
        check_damaged(lambda state=state, draw=draw: restored(state, draw), args)
    assert not Marked.used


@pytest.mark.parametrize("shape", [(3, 2), (2,), (4, 3, 2)])
@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det, np.linalg.cholesky])
def test_matrices_that_are_none_are_refused(function: Any, shape: Any) -> None:
    """NumPy's class of errors is that of singular matrices."""
    state = wg.record(function, np.eye(2)).__getstate__()
    state["types"] = [like._replace(shape=shape) for like in state["types"]]

    with pytest.raises(wg.TapeError, match="LinAlgError"):
        Tape.__new__(Tape).__setstate__(state)


def test_an_array_of_pythons_numbers_has_a_stand_in() -> None:
    """A loop's columns are such; of an input it is a damage."""
    like = Type((2,), np.dtype(float), weak=True)

    np.testing.assert_array_equal(stand_in(like), [1.0, 1.0])
    assert type(stand_in(like._replace(shape=()))) is float


@pytest.mark.slow
def test_many_damaged_pickles_give_clear_errors() -> None:
    for number in range(100_000):
        draw = random.Random(10**6 + number)
        state, args = draw.choice(states())
        check_damaged(lambda state=state, draw=draw: restored(state, draw), args)
    assert not Marked.used


class Plain:
    """A class of no container: nothing says what its parts are."""


@dataclasses.dataclass
class Empty:
    """A dataclass without fields."""


KINDS: list[Any] = [Plain, Params, Pair, Empty, Example, tree.Fixed, tree.Leaf]
KINDS += [type(None), dict, list, OrderedDict, random.Random, time.struct_time]
KINDS += [bool, enum.Enum]


@pytest.mark.parametrize("which", [0, 1], ids=["arguments", "results"])
@pytest.mark.parametrize("keys", [None, (), ("a",), ("a", "b"), 3, "ab", (0, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_container_of_any_class_is_refused_or_works(
    kind: type, keys: Any, which: int
) -> None:
    """Whatever class, and whatever names of its parts, a structure says."""
    tape = wg.record(lambda p: {"a": p["a"] * 2, "b": p["b"]}, {"a": X, "b": 2.0})
    state = tape.__getstate__()
    arguments, results = state["structure"]
    inner = results if which else arguments.children[0]
    for children in (inner.children, ()):
        other = inner._replace(kind=kind, keys=keys, children=children)
        if which:
            changed = arguments, other
        else:
            changed = arguments._replace(children=(other,)), results
        damage = {**state, "structure": changed}
        check_damaged(lambda damage=damage: unpickled(damage), ({"a": X, "b": 2.0},))


def restored(state: dict[str, Any], draw: random.Random) -> Tape:
    """A tape from a damaged state, as pickle would make it."""
    found = damaged(state, draw)
    if not isinstance(found, dict):
        raise TapeError("pickle itself would not get here")
    return unpickled(found)


def unpickled(state: dict[str, Any]) -> Tape:
    """A tape from a state, as pickle makes it."""
    made = Tape.__new__(Tape)
    made.__setstate__(state)
    return made


def check_damaged(make: Callable[[], Tape], args: tuple[Any, ...]) -> None:
    """Either the tape is refused, or no use of it gives an error of another kind."""
    try:
        tape = make()
    except WengertError:
        return
    names = [name for name in USES if name != "compile"]
    for name, error in use(tape, args, names).items():
        by_numbers = is_by_numbers(tape, args, name, error)
        assert isinstance(error, WengertError) or by_numbers, (name, error)


#: What NumPy says where the numbers of a call do not fit: an index, a mask.
BY_NUMBERS = ("is out of bounds for axis", "NumPy boolean array indexing assignment")


def is_by_numbers(tape: Tape, args: Any, name: str, error: Exception) -> bool:
    """Whether NumPy refuses numbers: in clear words, or not at ones and zeros.

    A damaged tape may read another node than before: the tape is as legal as a function
    that is written so, and raises where that function does.
    """
    if any(text in str(error) for text in BY_NUMBERS):
        return True
    if not isinstance(error, (ValueError, IndexError)):
        return False
    others = tree.map_leaves(lambda leaf: stand_in(type_of(leaf)), args)
    return name not in use(tape, others, [name])


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_gives_a_clear_error(seed: int, path: Path) -> None:
    """In its text, in an array, or in the zip itself."""
    files = []
    for state, args in states()[seed::8]:
        tape = Tape.__new__(Tape)
        tape.__setstate__(dict(state))
        tape.save(path)
        files.append((unpacked(path.read_bytes()), args))
    for number in range(500):
        draw = random.Random(1000 * seed + number)
        parts, args = draw.choice(files)
        data = damaged_file(dict(parts), draw)
        check_damaged(lambda data=data: wg.load(data), args)


def damaged_file(parts: dict[str, bytes], draw: random.Random) -> io.BytesIO:
    """A file with one thing in it that is another."""
    if draw.random() < 0.7:
        state = json.loads(parts["tape.json"])
        parts["tape.json"] = json.dumps(as_json(damaged(state, draw))).encode()
    else:
        name = draw.choice(sorted(parts))
        content = bytearray(parts[name])
        content[draw.randrange(len(content))] = draw.randrange(256)
        parts[name] = bytes(content[: draw.randrange(1, len(content) + 1)])
    data = bytearray(packed(parts).getvalue())
    if draw.random() < 0.1:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return io.BytesIO(bytes(data))


def as_json(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it."""
    if depth > 30:
        return None
    if isinstance(value, dict):
        return {str(k): as_json(part, depth + 1) for k, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(part, depth + 1) for part in value]
    is_plain = value is None or type(value) in (bool, int, float, str)
    return value if is_plain else {"array": "0"}


def unpacked(data: bytes) -> dict[str, bytes]:
    """The parts of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(parts: dict[str, bytes]) -> io.BytesIO:
    """A zip of parts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return data
