"""A function as one node: checkpoints, rules, rows, implicit functions, solvers.

Recorded values and arrays among the arguments of a call become operands; everything
else (Python numbers, strings, keywords, objects) is a setting.  What the function reads
from the recordings around it is *captured*: it becomes an operand too, and stands in
for what was read when the function runs again (`Closed`).  Derivatives of a node are
nodes again, which run the function on recorded values (`Rerun`), so that there are all
orders of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.capture import tree
from wengert.capture.captures import CAPTURES, Captures, read_only
from wengert.capture.record import SetAside, active_tape
from wengert.core.operation import Operation, apply
from wengert.core.tape import CONSTANT
from wengert.core.types import Recorded, Type, has_class, is_array, type_of
from wengert.derive.functions import linearize, vjp
from wengert.derive.modes import zeros_like_type
from wengert.errors import DerivativeError, RecordingError, RuleError, explain
from wengert.structure.as_called import AsCalled

Function = Callable[..., Any]
#: Times the spacing of numbers by which sums in another order may differ.
CLOSE = 1000

NUMBERS = (bool, int, float, complex, np.generic)


class Setting:
    """The part of a call that is not an operand: equal and hashable as plain data."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.text = describe(value)

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return [self.text, self.value]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return (loaded_setting, (self.text,))  # a pickled tape carries no code


def loaded_setting(text: str) -> Setting:
    """Return a setting that was loaded: its text without its value."""
    setting = Setting(None)
    setting.text = text
    return setting


def describe(value: Any) -> str:
    """Return a text for a setting that is the same in every process."""
    if isinstance(value, (list, tuple)):
        return f"({', '.join(describe(part) for part in value)})"
    if isinstance(value, dict):
        pairs = (f"{key!r}: {describe(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if value is None or has_class(value, (*NUMBERS, str, bytes)):
        return repr(value)
    name = getattr(value, "__qualname__", None)
    kind = type(value)
    return name or f"{kind.__module__}.{kind.__qualname__}"


def is_operand(leaf: Any) -> bool:
    """Whether a leaf of the arguments becomes an operand."""
    return has_class(leaf, (Recorded, np.ndarray))


class Arguments:
    """How the arguments of one call nest, and which of their leaves are operands."""

    __slots__ = ("leaves", "places", "structure", "weak")

    def __init__(self, args: Any) -> None:
        leaves, self.structure = tree.flatten(args)
        self.places = [k for k, leaf in enumerate(leaves) if is_operand(leaf)]
        #: Python's type of an operand that is a recorded Python number.
        self.weak = [weak_kind(leaves[k]) for k in self.places]
        self.leaves = [None if is_operand(leaf) else leaf for leaf in leaves]

    def fill(self, operands: Sequence[Any], leaves: Sequence[Any] | None = None) -> Any:
        """Return the arguments with operands in their places, and other leaves."""
        leaves = list(self.leaves if leaves is None else leaves)
        for k, operand, kind in zip(self.places, operands, self.weak, strict=False):
            leaves[k] = of_kind(kind, operand)
        return tree.unflatten(self.structure, leaves)

    def by_argument(self, parts: Sequence[Any]) -> list[Any]:
        """Return one part an operand as one a leaf of the arguments, None elsewhere."""
        return replaced([None] * len(self.leaves), self.places, parts)

    def fill_tangents(self, tangents: Sequence[Any], operands: Sequence[Any]) -> Any:
        """Return tangents nested as the arguments, zeros where there is none."""
        leaves = [0.0 for _ in self.leaves]
        for k, tangent, operand in zip(self.places, tangents, operands, strict=False):
            leaves[k] = zero_like(operand) if tangent is None else tangent
        return tree.unflatten(self.structure, leaves)


def weak_kind(leaf: Any) -> type | None:
    """Return float, int ... for a recorded Python number; None otherwise."""
    kind = type(leaf._value) if hasattr(leaf, "_value") else None
    return kind if kind in (bool, int, float, complex) else None


def of_kind(kind: type | None, operand: Any) -> Any:
    """Return an operand that stands for a Python number, if a kind is given, as one."""
    is_number = kind is not None and has_class(operand, np.generic)
    return kind(operand) if is_number else operand  # type: ignore[misc]


def zero_like(operand: Any) -> Any:
    """Return the zero tangent of an operand."""
    dtype = operand.dtype if hasattr(operand, "dtype") else np.asarray(operand).dtype
    return np.zeros(np.shape(operand), dtype if dtype.kind in "fc" else np.float64)[()]


def value_type(value: Any) -> Any:
    """Return shape and dtype of a plain or recorded value."""
    return value if hasattr(value, "dtype") else type_of(value)


def operands_of(args: Any) -> list[Any]:
    """Return the leaves of the arguments that become operands."""
    return [leaf for leaf in tree.flatten(args)[0] if is_operand(leaf)]


def any_recorded(values: Any) -> bool:
    """Whether a recorded value is among some values."""
    return any(isinstance(value, Recorded) for value in values)


def settle(value: Any) -> Any:
    """Return an operand for a rule: constants of whole numbers stay plain."""
    if not isinstance(value, Recorded) or value.dtype.kind not in "iub":  # type: ignore[attr-defined]
        return value
    index, tape = value._index, value._tape  # type: ignore[attr-defined]
    return value._value if index >= 0 and tape.operations[index] is CONSTANT else value  # type: ignore[attr-defined]


def private(value: Any) -> Any:
    """Return an argument that a function may keep: arrays are copied."""
    return value.copy() if is_array(value) else value


def run_apart(
    function: Callable[..., Any], args: tuple[Any, ...], name: str, **keywords: Any
) -> Any:
    """Call a function on plain values with the recording set aside.

    Raises
    ------
    RuleError
        If it reads a recorded value from outside its arguments, or writes into one.
    """

    def refuse(value: Any) -> Exception:
        return RuleError(
            explain(
                f"{name} read a recorded {type_of(value._current())} from outside its "
                "arguments",
                "it is one node of the tape, and only its arguments are operands",
                f"pass the value to {name} as an argument",
            )
        )

    leaves, structure = tree.flatten(args)
    given = [private(leaf) for leaf in leaves]
    with SetAside(Captures(refuse=refuse)):
        result = function(*tree.unflatten(structure, given), **keywords)
    for leaf, copy in zip(leaves, given, strict=True):
        if is_array(leaf) and leaf.tobytes() != copy.tobytes():
            raise RuleError(
                explain(
                    f"{name} wrote into its argument of type {type_of(leaf)}",
                    "it is one node of the tape: the write would be lost",
                    f"copy the argument inside {name} and return the copy",
                )
            )
    return result


def own_leaf(leaf: Any, name: str) -> Any:
    """Return one leaf of a result as a number or an array of its own."""
    if has_class(leaf, NUMBERS):
        return leaf
    if is_array(leaf) and leaf.dtype.kind in "biufc":
        return np.array(leaf, subok=False)
    shown = type_of(leaf) if is_array(leaf) else type(leaf).__name__
    raise RuleError(
        explain(
            f"{name} returned {shown}",
            "the result of a node is a number, an array, or nested containers of them",
            "return numbers and arrays",
        )
    )


def count_leaves(structure: Any) -> int:
    """Return the number of leaves of a structure."""
    if isinstance(structure, tree.Leaf):
        return 1
    return sum(count_leaves(part) for part in structure.children)


def spread_over(structure: Any, value: Any, refuse: Callable[[str], Exception]) -> Any:
    """Return the leaves of a value over a structure; None stands for all of a part.

    `refuse` makes the error of a value that nests differently.
    """
    if value is None:
        return [None] * count_leaves(structure)
    if isinstance(structure, tree.Leaf):
        if has_class(value, tree.NUMERIC):
            return [value]
        if tree.children_of(value) is not None:
            raise refuse(f"{tree.describe(tree.flatten(value)[1])} where * belongs")
        raise refuse(f"a {type(value).__name__} where a number or an array belongs")
    children = tree.children_like(structure, value)
    if children is None:
        shown = tree.describe(tree.flatten(value)[1])
        raise refuse(f"{shown} where {tree.describe(structure)} belongs")
    pairs = zip(structure.children, children, strict=True)
    return [leaf for part, v in pairs for leaf in spread_over(part, v, refuse)]


def check_part(part: Any, like: Type, refuse: Callable[[str], Exception]) -> None:
    """Raise unless a gradient or tangent has the shape, and a dtype, of its value."""
    if part is None:
        return
    given = value_type(part)
    if given.shape != like.shape:
        raise refuse(f"shape {given.shape} for a value of shape {like.shape}")
    if given.dtype.kind not in "biufc":
        raise refuse(f"dtype {given.dtype} for a value of dtype {like.dtype}")
    if given.dtype.kind == "c" and like.dtype.kind != "c":
        raise refuse(f"dtype {given.dtype} for a real value")


# What a function captures


class Captured:
    """Recorded values that a function read from outside, as operands of its node.

    Parameters
    ----------
    found : list of pairs
        A value that was read, and what it is in the recording around the function.
    refuse : callable
        Makes the error of another value that is read when the function runs again.
    """

    def __init__(
        self, found: list[tuple[Any, Any]], refuse: Callable[[Any], BaseException]
    ) -> None:
        self.found, self.refuse = found, refuse  # held, so that no id is given twice
        self.places = [id(value) for value, _ in found]
        self.weak = [weak_kind(value) for value, _ in found]

    @property
    def operands(self) -> list[Any]:
        """What was captured, as the recording around the function has it."""
        return [around for _, around in self.found]

    @contextmanager
    def replaced(self, given: Sequence[Any]) -> Iterator[None]:
        """Let operands stand in for what was captured."""
        operands = map(of_kind, self.weak, given)
        stand_ins = dict(zip(self.places, operands, strict=True))
        token = CAPTURES.set(Captures(stand_ins, self.refuse))
        try:
            yield
        finally:
            CAPTURES.reset(token)


class Closed:
    """One call of a function, as a function of operands alone.

    The operands are the arrays and recorded values among the arguments, then what was
    captured when it first ran.

    Parameters
    ----------
    fun : callable
    call : pair of the arguments by position and those by keyword
    name : str
        What it is called in errors.

    Attributes
    ----------
    result : what it returned when it first ran, with the recording set aside
    operands : list
    """

    def __init__(self, fun: Function, call: Any, name: str) -> None:
        self.name, self.arguments = name, Arguments(call)
        self.called = AsCalled(fun, *self.arguments.leaves)
        own = operands_of(call)
        captures = Captures()
        with SetAside(captures), self.called.running():
            args, keywords = self.arguments.fill([read_only(plain_of(v)) for v in own])
            with RefusingWrites(name):
                self.result = fun(*args, **keywords)
        self.captured = Captured(captures.found, self.refuse)
        self.operands = own + self.captured.operands

    def __call__(self, *operands: Any) -> Any:
        """Return the result at other operands."""
        args, keywords, captured = self.call_of(operands)
        with self.standing_in(captured) as fun:
            return fun(*args, **keywords)

    @contextmanager
    def standing_in(self, captured: Sequence[Any]) -> Iterator[Function]:
        """Give the function, as it was, with operands in place of the captures."""
        with self.captured.replaced(captured), self.called.running() as (fun, *_):
            yield fun

    def call_of(self, operands: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        """Return the arguments, the keywords, and what stands in for the captures."""
        count, (_, *leaves) = len(self.arguments.places), self.called.now
        args, keywords = self.arguments.fill(operands[:count], leaves)
        return args, keywords, operands[count:]

    @property
    def parts(self) -> list[Any]:
        """What it is made of, for a recording that is checked."""
        return [self.called, self.arguments.structure]

    def refuse(self, value: Any) -> Exception:
        """Return the error of a value that was not read when it first ran."""
        return not_repeatable(self.name, "read another recorded value")


def plain_of(value: Any) -> Any:
    """Return the plain contents of an operand."""
    return value._current() if hasattr(value, "_current") else value


class RefusingWrites:
    """While entered, a write into an operand, which is read-only, says what it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ValueError) and "read-only" in str(error):
            raise RecordingError(
                explain(
                    f"{self.name} wrote into an array that it was given",
                    "it is one node of the tape: what it writes would be lost",
                    "write into a copy inside the function: y = np.copy(x)",
                )
            ) from error


def not_repeatable(name: str, what: str) -> DerivativeError:
    """Return the error of a function that does something else when it runs again."""
    return DerivativeError(
        explain(
            f"{name} {what} when it ran again",
            "it is one node, of which no intermediate values are kept: it must repeat",
            "pass what changes (random draws, counters, rebound names) as an argument",
        )
    )


# A function that runs again


class Remembered:
    """What was computed last of plain numbers: other directions ask for it again."""

    def __init__(self) -> None:
        self.known: tuple[list[Any], Any] | None = None

    def of(self, values: Sequence[Any], make: Callable[[], Any]) -> Any:
        """Return what `make` gives for these numbers; make it unless it is known."""
        if active_tape() is not None or any_recorded(values):
            return make()
        known = self.known
        if known is not None and all(map(np.array_equal, known[0], values)):
            return known[1]
        made = make()
        self.known = [private(value) for value in values], made
        return made


class Node:
    """A function as the operation of one node; a subclass has values and derivatives.

    Parameters
    ----------
    name : str
    parts : list
        What it is made of, for a recording that is checked.
    first : tuple or None
        The results of its first run, which was done already.
    **how
        What its operation states otherwise.
    """

    def __init__(
        self,
        name: str,
        parts: list[Any],
        first: tuple[Any, ...] | None = None,
        **how: Any,
    ) -> None:
        self.name, self.parts, self.first = name, parts, first
        rules: dict[str, Any] = {"jvp": self.push, "vjp": self.pull, "reads": (True,)}
        self.operation = Operation(name, self.evaluate, "general", **(rules | how))

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return self.parts

    def evaluate(self, *operands: Any, **_: Any) -> Any:
        """Return the results at plain operands."""
        if self.first is not None:
            found, self.first = self.first, None
            return found
        return self.values(*operands)

    def values(self, *operands: Any) -> Any:
        """Return the results of a run at plain operands."""
        raise NotImplementedError

    def push(self, tangents: Any, result: Any, *operands: Any) -> Any:
        """Return the tangents of the results."""
        raise NotImplementedError

    def pull(self, g: Any, result: Any, *operands: Any) -> Any:
        """Return the gradients of the operands."""
        raise NotImplementedError


class Nested(Node):
    """A node of a function of flat operands; a subclass has its derivatives.

    Parameters
    ----------
    run : callable
        Takes the operands, returns a flat tuple of results.
    source : callable
        The user's function, whose reads from outside are watched for rows.
    name, parts, first : what a node has
    """

    #: Whether what is recorded of a derivative at one row holds for others.
    takes_rows = True

    def __init__(
        self,
        name: str,
        run: Function,
        source: Function,
        parts: list[Any],
        first: tuple[Any, ...] | None = None,
    ) -> None:
        super().__init__(name, parts, first, identity=("checkpoint", name))
        self.run, self.source = run, source
        self.shapes = None if first is None else tuple(map(np.shape, first))

    def values(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results of a run, which does not write into its operands."""
        with SetAside(None), RefusingWrites(self.name):
            results = self.run(*[read_only(operand) for operand in operands])
        found = tuple(own_leaf(leaf, self.name) for leaf in results)
        shapes = tuple(map(np.shape, found))
        if self.shapes is None:
            self.shapes = shapes
        elif shapes != self.shapes:  # a replay leaves its path, and records another
            raise ValueError(f"{self.name} gave shapes {shapes} after {self.shapes}")
        return found

    def apply(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results: one node where an operand is recorded."""
        return tuple(apply(self.operation, *operands))

    def derivative(
        self, mode: str, run: Function, places: list[int], operands: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Return the results of a derivative, a function that runs again as a node."""
        parts, name = [places, *self.parts], f"{self.name}_{mode}"
        made = Rerun(name, run, self.source, parts, takes_rows=self.takes_rows)
        return made.apply(*operands)


class Rerun(Nested):
    """A function that can be recorded as the operation of one node.

    Its derivatives run it again, and are such functions themselves.

    Parameters
    ----------
    *given : what a node has
    again : callable, optional
        What is recorded for derivatives, where that is not what gives the values.
    takes_rows : bool
        Whether what is recorded of it at one row holds for others.
    """

    def __init__(
        self, *given: Any, again: Function | None = None, takes_rows: bool = True
    ) -> None:
        super().__init__(*given)
        self.again = again or self.run
        self.repeats, self.takes_rows = again is None, takes_rows
        #: The function of rows that it is, by which operands have rows (`execute`).
        self.of_rows: dict[tuple[bool, ...], Any] = {}
        #: What records much for every derivative keeps the last recording; a
        #: checkpoint keeps nothing.
        self.last: dict[Any, Remembered] = {}

    def recorded(
        self, mode: str, places: list[int], values: Sequence[Any], make: Function
    ) -> Any:
        """Return what `make` records of the function of the chosen operands."""
        function = of_chosen(self.again, values, places)
        chosen = [values[k] for k in places]
        if self.repeats:
            return make(function, chosen)
        last = self.last.setdefault((mode, *places), Remembered())
        return last.of(values, lambda: make(function, chosen))

    def body(self, *operands: Any) -> tuple[Any, ...]:
        """Return the results, recorded as if it were not one node."""
        return self.again(*operands)  # type: ignore[no-any-return]

    def push(self, tangents: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the tangents of the results."""
        places = [k for k, tangent in enumerate(tangents) if tangent is not None]

        def pushed(*given: Any) -> tuple[Any, ...]:
            dots, values = given[: len(places)], given[len(places) :]
            _, push = self.recorded("jvp", places, values, linearized)
            return tuple(push(*dots))

        dots = [tangents[k] for k in places]
        return self.derivative("jvp", pushed, places, [*dots, *operands])

    def pull(self, g: Any, result: Any, *operands: Any) -> tuple[Any, ...]:
        """Return the gradients of the operands."""
        places = float_places(operands)
        seeds = seeds_of(g, result)
        is_plain = not any_recorded((*seeds, *operands))
        expected = result if self.repeats and is_plain else None

        def pulled(*given: Any) -> tuple[Any, ...]:
            values = given[len(seeds) :]
            again, back = self.recorded("vjp", places, values, pulled_back)
            if expected is not None:
                self.compare(again, expected, values)
            return tuple(back(tuple(given[: len(seeds)])))

        found = self.derivative("vjp", pulled, places, [*seeds, *operands])
        return scattered(found, places, len(operands))

    def compare(
        self,
        again: tuple[Any, ...],
        before: tuple[Any, ...],
        operands: Sequence[Any],
    ) -> None:
        """Raise unless a second run, which was recorded, gave the numbers of the first.

        What is jitted, or has a budget, adds in another order where it is recorded: its
        numbers are close, or a run that is not recorded gives those of the first.
        """
        name = self.name.removeprefix("checkpoint_")
        if len(again) != len(before):
            raise not_repeatable(name, f"gave {len(again)} results after {len(before)}")
        if all(map(are_close, again, before)):
            return
        if not all(map(same_bits, self.values(*operands), before)):
            raise not_repeatable(name, "gave other numbers")


def same_bits(one: Any, other: Any) -> bool:
    """Whether two results are the same numbers of the same type."""
    is_type = type_of(one) == type_of(other)
    return is_type and np.asarray(one).tobytes() == np.asarray(other).tobytes()


def are_close(one: Any, other: Any) -> bool:
    """Whether results of one type are the same but for the order of sums."""
    if same_bits(one, other):
        return True
    if type_of(one) != type_of(other) or np.asarray(one).dtype.kind not in "fc":
        return False
    with np.errstate(all="ignore"):
        scale = np.max(np.abs(other), initial=0.0)
        apart = np.abs(np.subtract(one, other))
        return bool(np.all(apart <= CLOSE * np.finfo(apart.dtype).eps * scale))


def linearized(function: Function, chosen: Sequence[Any]) -> Any:
    """Return a function's value, and the function that pushes tangents through it."""
    return linearize(function, chosen, keeps=True)


def pulled_back(function: Function, chosen: Sequence[Any]) -> Any:
    """Return a function's value, and the function that pulls gradients back."""
    return vjp(function, *chosen)


def of_chosen(run: Function, values: Sequence[Any], places: Sequence[int]) -> Function:
    """Return the function of some operands, the others at their values."""

    def function(*chosen: Any) -> Any:
        return run(*replaced(values, places, chosen))

    return function


def replaced(
    values: Sequence[Any], places: Sequence[int], chosen: Sequence[Any]
) -> list[Any]:
    """Return values with others at some places."""
    given = list(values)
    for k, value in zip(places, chosen, strict=True):
        given[k] = value
    return given


def float_places(operands: Sequence[Any]) -> list[int]:
    """Return which operands are real or complex numbers, which have gradients."""
    kinds = [value_type(operand).dtype.kind for operand in operands]
    return [k for k, kind in enumerate(kinds) if kind in "fc"]


def seeds_of(g: Sequence[Any], result: Sequence[Any]) -> list[Any]:
    """Return the gradients of results, zeros where there is none."""
    return [
        zeros_like_type(value_type(value)) if part is None else part
        for part, value in zip(g, result, strict=True)
    ]


def scattered(
    found: Sequence[Any], places: Sequence[int], count: int
) -> tuple[Any, ...]:
    """Return gradients of some of so many operands; None for the others."""
    return tuple(replaced([None] * count, places, found))
