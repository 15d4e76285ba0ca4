"""The tape (Wengert list), its nodes by hand, and a play: one run's numbers.

A `Tape` keeps parallel lists, one entry a node, in the order of recording.  `CompNode`
objects are handles (tape, index) that a person holds; a recording never makes them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from sys import maxsize
from threading import get_ident
from typing import Any, NamedTuple, overload

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import array_equal, asarray, float64, uint8, uint64

from wengert.core.forms import Map, Routine
from wengert.core.names import variable_names
from wengert.core.operation import Operation, constant_of, linear
from wengert.core.repetitions import COLUMNS, RepeatedColumn, Repetition
from wengert.core.sources import loaded_line, placed
from wengert.core.types import (
    MOST_GAPS,
    Recorded,
    builtin,
    copy_as_it_lies,
    has_class,
    is_array,
    type_of,
)
from wengert.errors import (
    Line,
    RecordingError,
    TapeError,
    describe_line,
    explain,
    user_line,
)

NO_SETTINGS: dict[str, Any] = {}
PYTHON_NUMBERS = (bool, int, float, complex)
#: Steps below which it was hardly worth it to write them once.
SHORT = 16


def _no_value(**settings: Any) -> Any:
    raise AssertionError("inputs and constants are not evaluated")


INPUT = constant_of("input", _no_value, form=Routine(), numpy=())
CONSTANT = constant_of("constant", _no_value, form=Routine(), numpy=())


def _same(x: Any) -> Any:
    return x


IDENTITY = linear("identity", _same, transpose=lambda g, x: g, form=Map("x"))


def _check_guard(value: Any, *, kind: str, expected: Any) -> Any:
    return value


#: A recorded fact that must hold at replay; its operand is the value Python asked for.
GUARD = constant_of("guard", _check_guard, form=Map(), numpy=())


class Play:
    """One run's numbers: outputs and gradients, indexed by node."""

    __slots__ = ("outputs", "gradients", "is_complete")

    def __init__(self, length: int = 0) -> None:
        self.outputs: list[Any] = [None] * length
        self.gradients: list[Any] = [None] * length
        #: Whether a forward sweep has run, and not only what rules read was kept.
        self.is_complete = False


class Derived(NamedTuple):
    """A stretch of a tape that a derivative appended.

    Attributes
    ----------
    question : what was derived
    stop : int
        One past the last node.
    places : dict
        The nodes of the results.
    """

    question: Any
    stop: int
    places: dict[int, Any]


#: The numbers of results of what was derived, by the first node of the stretch and by
#: their own.
FoundNumbers = dict[int, dict[int, Any]]


class Steps(NamedTuple):
    """The steps of a loop that are on a tape one by one, and as a node.

    Attributes
    ----------
    grid : Grid
        The nodes of every step.
    fixed, columns : dict
        By position of a step the node that is the same in all of them, or the one that
        has it of all of them.
    node : int or None
        The loop; None where all of a step is the same in every step.
    step : Tape
        What it does in a step.
    places : dict
        By position of a step its node on that tape.
    """

    grid: Any
    fixed: dict[int, int]
    columns: dict[int, int]
    node: int | None
    step: Any
    places: dict[int, int]


#: Kinds of dtypes whose arrays are read anew before a replay.
REFILLED = "fc"


class Loops(NamedTuple):
    """Nodes of a tape that stand on it once more, as loops.

    Attributes
    ----------
    stop : int
        One past the last node of what stands there once more.
    same : dict
        By node the one that is the same.
    steps : list of Steps
    """

    stop: int
    same: dict[int, int]
    steps: list[Steps]


class Tape:
    """A Wengert list: operations and constants in the order they were done.

    Build one by hand with node classes, or let `wengert.record` write it.

    Examples
    --------
    >>> from wengert import ConstantNode, Multiply, Tape
    >>> tape = Tape()
    >>> a, b = ConstantNode(2, tape), ConstantNode(3, tape)
    >>> o = Multiply(a, b, tape)
    >>> f = Multiply(ConstantNode(5, tape), o, tape)
    >>> tape.forward()
    >>> tape.backward()
    >>> o.gradient, a.gradient, b.gradient
    (5, 15, 10)
    """

    #: Nodes that are written before steps are looked for among them.
    looks_from = 4096
    #: Whether arrays that rules read are computed again for them, and not kept.
    forgets = False
    #: Whether operations on large arrays are appended without their numbers, which are
    #: computed when somebody asks for them; the error state of the recording.
    defers = False
    errors: dict[str, Any] | None = None
    error_state: Any = None
    #: Whether results of a recording may be computed later.
    is_awaited = True

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.operands: list[tuple[int, ...]] = []
        self.settings: list[dict[str, Any]] = []
        self.types: list[Any] = []
        self.lines: list[Line | None] = []
        self.input_indices: list[int] = []
        self.chosen_outputs: list[int] | None = None
        self.play = Play()
        #: Nodes that were appended without their numbers.
        self.deferred: dict[int, Any] = {}
        #: How often the numbers of one were asked for.
        self.asked = 0
        #: Whether lines and guards are written down (not in a first-order gradient).
        self.keeps_lines = False
        self.keeps_guards = False
        #: While recording: whether it is to be compiled.
        self.is_jitted = False
        #: The line of the node whose derivative is being recorded.
        self.line_here: Line | None = None
        #: While recording: by input the arguments of its call, as the caller gave them.
        self.given: dict[int, dict[int, Any]] = {}
        #: While recording: the last error of a number that was to leave the tape.
        self.refusal: Exception | None = None
        #: While recording: nodes that are made of arguments whose layout is guarded.
        self.laid_out: set[int] = set()
        #: The strides of what a sum read, of tables that do not lie in C order.
        self.lying: dict[int, tuple[int, ...]] = {}
        #: While recording: nodes looked through for sums that guards ask about.
        self.asked_about: set[int] = set()
        #: The thread that may append while a recording is under way; None otherwise.
        self.thread: int | None = None
        #: Whether it is set aside: a function runs as if nothing were recorded.
        self.is_aside = False
        #: What was recorded, for people: the name of a function.
        self.title = ""
        #: How arguments and results nest, when `record` made the tape.
        self.structure: tuple[Any, Any] | None = None
        #: Names of nodes where the tape was derived from another; None: ask the lines.
        self.names: dict[int, str] | None = None
        self._nodes: dict[int, CompNode] = {}
        self._numbers: dict[tuple[type, Any], int] = {}
        self._arrays: dict[int, tuple[Any, Any, int]] = {}
        #: Constants made of arrays that someone may refill before a replay; others are
        #: compared with what they were.
        self.refillable: set[int] = set()
        #: While recording: those arrays, by their ``id``; None if all may be.
        self.refilled: Container[int] | None = None
        #: While recording: gives the input that a plain number is, if it is one.
        self.lifted: Callable[[Any], int | None] | None = None
        #: What was derived while it was recorded, by the first node of the stretch.
        self.derived: dict[int, Derived] = {}
        #: While recording: the same by what it was derived of (`derive.alike`).
        self.alike: dict[Any, list[Any]] = {}
        #: While recording: what calls of derivatives appended (`derive.called`).
        self.called: dict[Any, Any] = {}
        #: The two stretches that were found the same last.
        self.alike_last: tuple[int, int, int] | None = None
        #: Where derivatives appended to it: one past the last node, by the first.
        self.derivatives: dict[int, int] = {}
        #: What stands on it as loops, too, by the first node that does.
        self.loops: dict[int, Loops] = {}
        #: Where a play may leave the path, where that is known: nothing is appended.
        self.leaving: list[int] | None = None
        #: Whether steps that repeat are found while they are recorded.
        self.writes_steps_once = False
        #: While recording: the steps that the next node may go on with; from where on
        #: such are looked for, and what looks.
        self.repetition: Repetition | None = None
        self.look_at, self.looks_every = maxsize, self.looks_from
        self.look: Callable[[Tape], None] | None = None
        #: Nodes behind which calls of more functions were recalled from then on; while
        #: recording: those functions.
        self.recalled: list[int] = []
        self.recall: Any = None
        #: While recording a call that may be recorded again: the numbers of what was
        #: derived, by the first node of the stretch; stretches whose own are not there.
        self.told: FoundNumbers | None = None
        self.unplayed: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.operations)

    # Writing

    def append(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        settings: dict[str, Any],
        type_: Any,
        output: Any = None,
        line: Line | None = None,
    ) -> int:
        """Append one node and return its index."""
        repetition = self.repetition
        if repetition is not None:
            if repetition.takes(operation, operands, settings, type_, line):
                outputs = self.play.outputs
                outputs.append(output)
                return len(outputs) - 1
            self.end_repetition()
        index = len(self.operations)
        self.operations.append(operation)
        self.operands.append(operands)
        self.settings.append(settings)
        self.types.append(type_)
        self.lines.append(line)
        self.play.outputs.append(output)
        if index >= self.look_at and self.look is not None:
            self.look(self)
        return index

    @contextmanager
    def not_looking(self) -> Iterator[None]:
        """While entered, the columns stay the lists that they are."""
        look, self.look = self.look, None
        try:
            yield
        finally:
            self.look = look

    def repeat(self, repetition: Repetition) -> None:
        """Let the last nodes be steps of which one is written."""
        self.repetition = repetition
        for name, kind in COLUMNS.items():
            column = getattr(self, name)
            if type(column) is list:
                column = RepeatedColumn(column, kind)
                setattr(self, name, column)
            del column.plain[-repetition.size :]
            column.begin(repetition)

    def end_repetition(self) -> None:
        """Write what follows node by node."""
        if self.repetition is not None:
            was_short = self.repetition.steps < SHORT
            self.looks_every = 2 * self.looks_every if was_short else self.looks_from
            self.look_at, self.repetition = len(self) + self.looks_every, None

    def append_columns(self, operations: list[Operation], *columns: list[Any]) -> None:
        """Append nodes whose parts, in the order of `append`, are given in lists."""
        if type(self) is not Tape:
            for node in zip(operations, *columns, strict=True):
                self.append(*node)
            return
        operands, settings, types, outputs, lines = columns
        if self.repetition is not None:
            nodes = zip(operations, operands, settings, types, lines, strict=True)
            taken = self.repetition.takes_first(nodes)
            self.play.outputs += outputs[:taken]
            if taken < len(operations):
                self.end_repetition()
                self.append_columns(operations[taken:], *[x[taken:] for x in columns])
            return
        self.operations += operations
        self.operands += operands
        self.settings += settings
        self.types += types
        self.lines += lines
        self.play.outputs += outputs

    def append_all(self, tape: Tape, nodes: Sequence[int], at: dict[int, int]) -> None:
        """Append nodes of another tape, without numbers; `at` says where nodes are."""
        self.end_repetition()
        start = len(self)
        at.update(zip(nodes, range(start, start + len(nodes)), strict=True))
        self.operations += [tape.operations[k] for k in nodes]
        place = at.__getitem__
        self.operands += [tuple(map(place, tape.operands[k])) for k in nodes]
        self.settings += [tape.settings[k] for k in nodes]
        self.types += [tape.types[k] for k in nodes]
        self.lines += [tape.lines[k] for k in nodes]
        self.play.outputs += [None] * len(nodes)

    def number(self, value: Any) -> int:
        """Return the constant node of a Python or NumPy number, one node a number.

        What is known to be read from outside is an input.
        """
        if self.lifted is not None and (known := self.lifted(value)) is not None:
            return known
        # As `number_key` has it, for a call of that takes longer than all else.
        index = self._numbers.get((type(value), value if value else repr(value)))
        if index is None:
            value = builtin(value)
            key = number_key(value)
            index = self._numbers.get(key)
        if index is None:
            index = self.append(
                CONSTANT, (), {"value": value}, type_of(value), strong(value)
            )
            self._numbers[key] = index
        return index

    def note_constant(self, value: Any, index: int, is_refillable: bool) -> None:
        """Note that a node holds a constant, as `number` and `array` would."""
        if not is_array(value):
            self._numbers.setdefault(number_key(value), index)
            return
        self._arrays.setdefault(id(value), (value, value, index))
        if is_refillable:
            self.refillable.add(index)

    def knows(self, index: int) -> bool:
        """Whether the constant at a node would be taken where it is met again.

        Numbers of loops are not: they are copied with their nodes.
        """
        value = self.settings[index]["value"]
        return is_array(value) or self._numbers.get(number_key(value)) == index

    def array(self, value: Any) -> int:
        """Return a constant node with the present contents of a plain array.

        The contents are copied, so that the caller may refill the array; an array met
        again is compared with that copy.
        """
        known = self._arrays.get(id(value))
        if known is not None and known[0] is value and same_contents(value, known[1]):
            return known[2]
        copy = value if not value.flags.writeable and value.flags.owndata else None
        copy = copy_as_it_lies(value, MOST_GAPS) if copy is None else copy
        index = self.append(CONSTANT, (), {"value": copy}, type_of(copy), copy)
        self._arrays[id(value)] = (value, copy, index)
        may_be_refilled = self.refilled is None or id(value) in self.refilled
        if self.keeps_guards and may_be_refilled and value.dtype.kind in REFILLED:
            self.refillable.add(index)
        return index

    def constant(self, value: Any) -> int:
        """Return a constant node of a number or an array."""
        if is_array(value):
            return self.array(value)
        return self.number(value)

    def check_thread(self) -> None:
        """Raise unless this thread is recording on this tape."""
        if self.thread == get_ident():
            return
        if self.thread is None:
            raise RecordingError(
                explain(
                    "a recorded value was used after its recording ended",
                    "its tape is closed: what is computed now would not be on it",
                    "return the value from the function (grad(..., has_aux=True)), or "
                    "take its number with wengert.stop_gradient inside the function",
                )
            )
        raise RecordingError(
            explain(
                "a recorded value was used in another thread",
                "a tape is written by the one thread that records it",
                "call wengert.grad, or wengert.record, inside each thread",
            )
        )

    # The tape by hand

    def add(self, node: CompNode) -> None:
        """Add a node at the end; `CompNode.__init__` calls it."""
        operation, operands, settings = node._statement()
        line = user_line()
        node.index = self.append(operation, operands, settings, None, line=line)
        self._nodes[node.index] = node

    def node(self, index: int) -> CompNode:
        """Return the node at an index."""
        known = self._nodes.get(index)
        if known is None:
            known = object.__new__(node_class(self.operations[index]))
            known.tape, known.index = self, index
            self._nodes[index] = known
        return known

    @property
    def computations(self) -> Computations:
        """The nodes, in order."""
        return Computations(self)

    @property
    def inputs(self) -> list[CompNode]:
        """The input nodes, in the order of the arguments."""
        return [self.node(index) for index in self.input_indices]

    @inputs.setter
    def inputs(self, nodes: Sequence[CompNode]) -> None:
        self.input_indices = [self._own(node).index for node in nodes]

    @property
    def outputs(self) -> list[CompNode]:
        """The output nodes: the last node unless set."""
        return [self.node(index) for index in self.output_indices]

    @outputs.setter
    def outputs(self, nodes: Sequence[CompNode]) -> None:
        self.chosen_outputs = [self._own(node).index for node in nodes]

    @property
    def output_indices(self) -> list[int]:
        """Indices of the output nodes."""
        if self.chosen_outputs is not None:
            return self.chosen_outputs
        return [len(self) - 1] if len(self) else []

    def _own(self, node: CompNode) -> CompNode:
        if node.tape is self:
            return node
        raise TapeError(
            explain(
                f"{node!r} belongs to another tape",
                "nodes refer to each other by their place on one tape",
                "build both nodes on the same tape",
            )
        )

    def resolve(self) -> None:
        """Find the operands of users' nodes, which name them as attributes."""
        for index, node in self._nodes.items():
            if not self.operands[index] and type(node)._generated is None:
                operands = tuple(self._own(part).index for part in node_parts(node))
                self.operands[index] = operands

    def line(self, index: int) -> str:
        """Return ``file.py:12``, the user's line of a node, or an empty string."""
        return describe_line(self.lines[index])

    # Delegations: what other folders do with a tape

    def forward(self) -> None:
        """Run every node in order, on the tape's own play."""
        from wengert.execute.interpret import forward

        forward(self)

    def backward(self, gradient: Any = None) -> None:
        """Set all gradients to 0, seed the outputs, run every node in reverse.

        Parameters
        ----------
        gradient : array of the output's shape, or a list of one an output; or ones
        """
        from wengert.derive.reverse import backward

        backward(self, gradient)

    def __call__(self, *args: Any) -> Any:
        """Replay the tape at new arguments; the structure is the recorded one."""
        from wengert.execute.interpret import replay

        return replay(self, args)

    def batch(self, *args: Any, in_axes: Any = 0, out_axes: Any = 0) -> Any:
        """Replay the tape for many rows of arguments side by side; see `vmap`."""
        from wengert.execute.vmap import vmap

        return vmap(self, in_axes, out_axes)(*args)

    def compile(self) -> Any:
        """Return the tape as a native function of its arguments; see `jit`."""
        from wengert.execute.jit import jit

        return jit(self, wait=True)

    def function(
        self, inputs: Sequence[CompNode], outputs: Sequence[CompNode] | CompNode
    ) -> Callable[..., Any]:
        """Return the function from some nodes to others that this tape computes."""
        from wengert.execute.interpret import tape_function

        return tape_function(self, inputs, outputs)

    def player(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Return the function from the inputs' values to the outputs'."""
        from wengert.execute.plan import Player

        return Player(self)

    def compute(self, nodes: Sequence[int]) -> None:
        """Compute the numbers of nodes that were appended without them."""
        from wengert.execute.deferred import compute

        compute(self, nodes)

    def compute_all(self) -> None:
        """Compute what was appended without numbers, and go on with them.

        For those who read the numbers of nodes as the tape keeps them.
        """
        self.defers = False
        if self.deferred:
            self.compute(list(self.deferred))

    def settle(self, nodes: Sequence[int]) -> None:
        """Compute results that have no numbers, and what NumPy may warn of."""
        from wengert.execute.deferred import settle

        settle(self, nodes)

    def native_player(
        self, warns: bool, made: Callable[[Tape], Tape] = lambda tape: tape
    ) -> Callable[[Sequence[Any]], list[Any] | None] | None:
        """Return the same in native code where that pays: None where it fails.

        Or, if asked to, where NumPy would warn.  Code is of what is made of the tape.
        """
        from wengert.execute.native import loop_player

        return loop_player(self, warns, made)

    def gradient(self, wrt: Any = None) -> Any:
        """Return the gradient of the one output by the inputs, or by any nodes."""
        from wengert.derive.tapes import gradient

        return gradient(self, wrt)

    def grad_tape(self) -> Tape:
        """Return the tape of the gradient of the one output by the inputs."""
        from wengert.derive.tapes import grad_tape

        return grad_tape(self)

    def tangent_tape(self) -> Tape:
        """Return the tape of the outputs' tangents for tangents of the inputs."""
        from wengert.derive.tapes import tangent_tape

        return tangent_tape(self)

    def jacobian_tape(self) -> Tape:
        """Return the tape of the Jacobian of the outputs by the inputs."""
        from wengert.derive.tapes import jacobian_tape

        return jacobian_tape(self)

    def to_numpy(self, name: str = "f") -> str:
        """Return the tape as the source of a NumPy function that runs by itself."""
        from wengert.show.numpy_source import numpy_source

        return numpy_source(self, name)

    def first_nonfinite(self, gradient: Any = None) -> Any:
        """Return where the first number that is not finite arose; None if none did."""
        from wengert.show.nonfinite import first_nonfinite

        return first_nonfinite(self, gradient)

    def profile(self, repeats: int = 5) -> Any:
        """Return the time and bytes of every node in both sweeps; print it."""
        from wengert.show.profile import profile

        return profile(self, repeats)

    def guards(self) -> Any:
        """Return what Python asked, and what would change its answers; print it."""
        from wengert.show.questions import guards_of

        return guards_of(self)

    def show(self, path: Any = None, *, open_browser: bool | None = None) -> Any:
        """Write the tape as one HTML file, open it in the browser, return its path."""
        from wengert.show.html import show

        return show(self, path, open_browser=open_browser)

    def to_html(self) -> str:
        """Return the tape as one self-contained HTML page that steps through it."""
        from wengert.show.html import page

        return page(self)

    def _repr_html_(self) -> str:
        from wengert.show.html import notebook_frame

        return notebook_frame(self)

    def verify(self) -> Tape:
        """Raise `TapeError` unless the tape is legal; return it."""
        from wengert.core.verify import verify

        verify(self)
        return self

    def fingerprint(self) -> str:
        """Return a stable hash of operations, settings and constants."""
        from wengert.core.verify import fingerprint

        return fingerprint(self)

    def __str__(self) -> str:
        from wengert.show.listing import listing

        return listing(self)

    def __repr__(self) -> str:
        return (
            f"<tape of {len(self)} nodes, {len(self.input_indices)} inputs, "
            f"{len(self.output_indices)} outputs>"
        )

    # Pickling: plain data.  Operations travel by name, lines with their sources.

    def __getstate__(self) -> dict[str, Any]:
        self.resolve()
        state = {name: getattr(self, name) for name in STATE}
        state.update({name: list(state[name]) for name in COLUMNS if name in state})
        state["lines"] = placed(self.lines)
        # A user's node is known by the name of its operation alone.
        state["settings"] = [
            {} if "node" in settings else settings for settings in self.settings
        ]
        state["names"] = variable_names(self)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from wengert.execute.rehearsal import admit

        self.fill(state)
        admit(self)

    def fill(self, state: dict[str, Any]) -> None:
        """Take over what `__getstate__` gave, perhaps in another process."""
        self.__init__()  # type: ignore[misc]
        missing = sorted(set(STATE) - set(state))
        lines = state.get("lines")
        if missing or type(lines) is not list or type(state["operations"]) is not list:
            raise TapeError(
                explain(
                    f"a loaded tape lacks {', '.join(missing) or 'lines of its nodes'}",
                    "it was not written by wengert, or by another version",
                    "record the function again",
                )
            )
        for name in STATE:
            setattr(self, name, state[name])
        self.lines = [loaded_line(line) for line in lines]
        self.play = Play(len(lines))

    def save(self, path: Any) -> None:
        """Write the tape as data into one file; see `wengert.load`."""
        from wengert.execute.saved import save

        save(self, path)


#: What a tape is in another process; its lines besides.
STATE = (
    "operations operands settings types input_indices chosen_outputs structure names "
    "title"
).split()


class Computations(Sequence["CompNode"]):
    """The nodes of a tape as a sequence; nodes are made when asked for."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def __len__(self) -> int:
        return len(self._tape)

    @overload
    def __getitem__(self, index: int) -> CompNode: ...

    @overload
    def __getitem__(self, index: slice) -> list[CompNode]: ...

    def __getitem__(self, index: int | slice) -> CompNode | list[CompNode]:
        if isinstance(index, slice):
            return [self._tape.node(k) for k in range(*index.indices(len(self)))]
        return self._tape.node(range(len(self))[index])

    def __iter__(self) -> Iterator[CompNode]:
        return (self._tape.node(k) for k in range(len(self)))


class CompNode:
    """A node of a tape; subclass it to write an operation of your own by hand.

    A subclass names its inputs as attributes, computes ``self.output`` in `forward` and
    pushes to its inputs with `add_gradient` in `backward`, both in NumPy terms.

    Examples
    --------
    >>> from wengert import CompNode, ConstantNode, Tape
    >>> class Cube(CompNode):
    ...     def __init__(self, x, tape):
    ...         self.x = x
    ...         super().__init__(tape)
    ...
    ...     def forward(self):
    ...         self.output = self.x.output**3
    ...
    ...     def backward(self):
    ...         self.x.add_gradient(self.gradient * 3 * self.x.output**2)
    >>> tape = Tape()
    >>> x = ConstantNode(2.0, tape)
    >>> y = Cube(x, tape)
    >>> tape.forward()
    >>> tape.backward()
    >>> print(y.output, x.gradient)
    8.0 12.0
    """

    tape: Tape
    index: int
    #: The operation of a generated class; None for a class written by a user.
    _generated: Operation | None = None

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        tape.add(self)

    def _statement(self) -> tuple[Operation, tuple[int, ...], dict[str, Any]]:
        from wengert.core.user_node import user_operation

        return user_operation(type(self)), (), {"node": self}  # type: ignore[arg-type]

    @property
    def operation(self) -> Operation:
        """What the node does."""
        return self.tape.operations[self.index]

    @property
    def inputs(self) -> tuple[CompNode, ...]:
        """The nodes it reads."""
        self.tape.resolve()
        return tuple(self.tape.node(k) for k in self.tape.operands[self.index])

    @property
    def output(self) -> Any:
        """Its value in the tape's own play."""
        value = self.tape.play.outputs[self.index]
        if value is None and self.tape.play.is_complete:
            from wengert.execute.interpret import recompute

            value = recompute(self.tape, self.index)
        return value

    @output.setter
    def output(self, value: Any) -> None:
        self.tape.play.outputs[self.index] = value

    @property
    def gradient(self) -> Any:
        """Its gradient (adjoint) in the tape's own play; zeros if none reached it."""
        gradients = self.tape.play.gradients
        value = gradients[self.index] if self.index < len(gradients) else None
        if value is not None:
            return value
        output = self.output
        return 0 if output is None or np.ndim(output) == 0 else np.zeros_like(output)

    @gradient.setter
    def gradient(self, value: Any) -> None:
        gradients = self.tape.play.gradients
        gradients.extend([None] * (self.index + 1 - len(gradients)))
        gradients[self.index] = value

    def set_gradient(self, gradient: Any) -> None:
        """Replace the gradient."""
        self.gradient = gradient

    def add_gradient(self, gradient: Any) -> None:
        """Add to the gradient; never in place."""
        self.gradient = self.gradient + gradient

    @property
    def line(self) -> str:
        """``file.py:12``, the user's line it came from."""
        return self.tape.line(self.index)

    def forward(self) -> None:
        """Compute ``self.output`` from the inputs' outputs."""
        from wengert.execute.interpret import forward_node

        forward_node(self)

    def backward(self) -> None:
        """Push ``self.gradient`` to the inputs with `add_gradient`."""
        from wengert.derive.reverse import backward_node

        backward_node(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} node {getattr(self, 'index', '?')}>"


class ConstantNode(CompNode):
    """A number or an array on the tape; change its `value` and play again.

    Parameters
    ----------
    value : number or array
    tape : Tape
    """

    _generated = CONSTANT

    def __init__(self, value: Any, tape: Tape) -> None:
        self._value = value
        super().__init__(tape)

    def _statement(self) -> tuple[Operation, tuple[int, ...], dict[str, Any]]:
        return CONSTANT, (), {"value": own_constant(self.__dict__.pop("_value"))}

    @property
    def value(self) -> Any:
        """The constant; assigning changes every later play."""
        return self.tape.settings[self.index]["value"]

    @value.setter
    def value(self, value: Any) -> None:
        self.tape.settings[self.index] = {"value": own_constant(value)}


def own_constant(value: Any) -> Any:
    """Return a constant that nobody else can change: lists and arrays are copied."""
    return np.array(value) if has_class(value, (list, tuple, np.ndarray)) else value


class OperationNode(CompNode):
    """Base of the generated node classes: ``Multiply(left, right, tape)``.

    Operands are nodes, recorded arrays or numbers; settings go by keyword.  The tape
    may be left out where an operand has one.
    """

    def __init__(self, *operands: Any, **settings: Any) -> None:
        if operands and isinstance(operands[-1], Tape):
            *parts, self.tape = operands
        else:
            parts = list(operands)
            self.tape = settings.pop("tape", None) or tape_of(parts, type(self))
        self._parts = (tuple(parts), settings)
        if any(isinstance(part, Recorded) for part in parts):
            self._record()
        else:
            super().__init__(self.tape)

    def _statement(self) -> tuple[Operation, tuple[int, ...], dict[str, Any]]:
        operands, settings = self.__dict__.pop("_parts")
        tape, operation = self.tape, type(self)._generated
        assert operation is not None
        indices = tuple(
            tape._own(part).index if isinstance(part, CompNode) else tape.constant(part)
            for part in operands
        )
        return operation, indices, complete_settings(operation, settings)

    def _record(self) -> None:
        operands, settings = self.__dict__.pop("_parts")
        values = [p.output if isinstance(p, CompNode) else p for p in operands]
        recorded = next(part for part in operands if isinstance(part, Recorded))
        operation = type(self)._generated
        assert operation is not None
        settings = complete_settings(operation, settings)
        result = recorded.record(operation, tuple(values), settings)
        self.index = result._index
        self.tape.play.outputs[self.index] = result
        self.tape._nodes[self.index] = self


#: What a NumPy function takes where it is not told.
NUMPY_DEFAULTS = {"axis": None, "keepdims": False, "dtype": None, "chain": ()}


def complete_settings(operation: Operation, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a node made by hand, NumPy's defaults filled in."""
    parameters = inspect.signature(operation.function).parameters.values()
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
        and parameter.default is parameter.empty
        and parameter.name not in settings
    ]
    missing = [name for name in needed if name not in NUMPY_DEFAULTS]
    if missing:
        name = class_name(operation)
        raise TapeError(
            explain(
                f"{name} was made without {', '.join(missing)}",
                "a node is made with its operation's settings, by keyword",
                f"{name}(..., tape, {', '.join(f'{name}=...' for name in missing)})",
            )
        )
    if not needed:
        return settings or NO_SETTINGS
    return {name: NUMPY_DEFAULTS[name] for name in needed} | settings


def tape_of(parts: Sequence[Any], kind: type) -> Tape:
    """Return the tape of the first operand that has one."""
    for part in parts:
        if isinstance(part, CompNode):
            return part.tape
        if isinstance(part, Recorded):
            return part._tape  # type: ignore[attr-defined, no-any-return]
    raise TapeError(
        explain(
            f"{kind.__name__} was given no tape",
            "none of its operands is a node or a recorded array",
            f"{kind.__name__}(..., tape)",
        )
    )


def node_parts(node: CompNode) -> list[CompNode]:
    """Return the nodes that a user's node holds as attributes, lists included."""
    parts: list[CompNode] = []
    for value in vars(node).values():
        if isinstance(value, CompNode):
            parts.append(value)
        elif isinstance(value, (list, tuple)):
            parts += [part for part in value if isinstance(part, CompNode)]
    return parts


SPECIAL_NAMES = {"matmul": "MatMul", "getitem": "GetItem", "constant": "Constant"}
_CLASSES: dict[str, type[CompNode]] = {"constant": ConstantNode}


def class_name(operation: Operation) -> str:
    """Return the name of an operation's node class: ``broadcast_to`` -> BroadcastTo."""
    name = operation.name
    return SPECIAL_NAMES.get(name) or "".join(p.capitalize() for p in name.split("_"))


def node_class(operation: Operation) -> type[CompNode]:
    """Return the node class of an operation, made from its one statement."""
    name = operation.name
    known = _CLASSES.get(name)
    if known is None:
        fields = {
            "_generated": operation,
            "__doc__": f"Node of the operation `{name}`: ``{class_name(operation)}"
            "(*operands, tape, **settings)``.",
            "__module__": "wengert.nodes",
        }
        known = type(class_name(operation), (OperationNode,), fields)
        if operation.is_registered:
            _CLASSES[name] = known
    return known


def number_key(value: Any) -> tuple[type, Any]:
    """Return what tells a number from another: zeros by their sign, which == misses."""
    return type(value), value if value else repr(value)


def strong(value: Any) -> Any:
    """Return a Python number as the NumPy number of the same kind."""
    kind = type(value)
    if kind is float:
        return float64(value)
    return asarray(value)[()] if kind in PYTHON_NUMBERS else value


#: Bytes from which contents are compared as words, not as one run of bytes.
LARGE = 1 << 16


def same_contents(array: Any, copy: Any) -> bool:
    """Whether two arrays hold the same bytes."""
    if array.shape != copy.shape or array.dtype != copy.dtype:
        return False
    if not (array.flags.c_contiguous and copy.flags.c_contiguous and array.size):
        return bool(array.tobytes() == copy.tobytes())
    if array.nbytes < LARGE or array.dtype.hasobject:
        return memoryview(array).cast("B") == memoryview(copy).cast("B")
    word = uint64 if array.nbytes % 8 == 0 else uint8
    now, before = (part.reshape(-1).view(word) for part in (array, copy))
    return all(
        array_equal(now[k : k + LARGE], before[k : k + LARGE])
        for k in range(0, now.size, LARGE)
    )
