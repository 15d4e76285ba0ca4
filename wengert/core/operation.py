"""What an operation is, and the registry of all of them.

An operation is stated once, in `wengert.ops`, by one of five verbs: `elementwise`,
`linear`, `multilinear`, `general` and `constant_of` (not differentiable).  Both modes,
higher orders, the node class, the table of operations and the tests follow from that
statement.  `answers` says which NumPy function a piece of plain NumPy code answers.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from types import CodeType
from typing import Any

from wengert.core.forms import Form, Map, Routine, adds_as_it_lies
from wengert.core.types import Recorded
from wengert.errors import TapeError, explain

Function = Callable[..., Any]
#: A partial derivative: +1 or -1, or a function (result, *operands) -> array.
Partial = int | Function

#: The form of an operation that is made at run time.
CALLED_BACK = Routine()

#: Attributes that a rule may ask of an operand whose numbers were not kept.
TYPE_ATTRIBUTES = frozenset({"shape", "dtype", "ndim", "size"})


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation: how it is evaluated, and how it is differentiated.

    Parameters
    ----------
    name : str
        NumPy's name of the operation; the node class has it in capitals.
    function : callable
        ``function(*operands, **settings)`` on plain NumPy values.
    kind : str
        The verb that stated it.
    partials : tuple of partials, one an operand
        For elementwise operations, in terms of the result and the operands.
    transposes : tuple of callables, one an operand
        For linear ones ``(g, x, **settings)`` with `x` a `Type`, for multilinear ones
        ``(g, *operands, **settings)``.
    jvp : callable or None
        ``jvp(tangents, result, *operands, **settings)``; a tangent may be None.
    vjp : callable or None
        ``vjp(g, result, *operands, **settings)``, a gradient or None an operand.
    reads, reads_result : which operands', and the result's, numbers a rule needs
    view : bool
        Whether NumPy may return a view of the first operand.
    writes : bool
        Whether the result is the first operand with some elements replaced, so that the
        interpreter may work in place.
    results : int
        Number of results; 1 unless the output is a tuple.
    moves : bool
        Whether it only moves, adds and multiplies elements, so that NumPy does it on
        elements of any kind (native code is made by doing it on symbols).
    form : Form
        How elements of the result depend on those of the operands.
    native : str or None
        The text of its form, where native code is made of that.
    domain : tuple of (low, high), one an operand
        Where the tests may evaluate it.
    of_powers : tuple of callables, one an operand
        Where the result has a tip, the partials of its powers, which have none:
        ``(p, result, *operands)`` for the power p, at least 2.
    """

    name: str
    function: Function
    kind: str
    partials: tuple[Partial, ...] = ()
    transposes: tuple[Function, ...] = ()
    jvp: Function | None = None
    vjp: Function | None = None
    reads: tuple[bool, ...] | None = None
    reads_result: bool = True
    view: bool = False
    writes: bool = False
    results: int = 1
    moves: bool = False
    form: Form = CALLED_BACK
    native: str | None = None
    domain: tuple[tuple[float, float], ...] = ()
    of_powers: tuple[Function, ...] = ()
    identity: Hashable = field(default=None)
    #: Whether `vjp` takes ``wanted=``: which operands' gradients somebody needs.
    names_wanted: bool = False
    #: Whether a rule needs the first operand's numbers (asked for at every node).
    reads_first: bool = field(init=False, default=False)
    #: Whether its last bits depend on how the operands lie (asked likewise).
    adds: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads_first", self.reads_operand(0))
        object.__setattr__(self, "adds", adds_as_it_lies(self.form))

    @property
    def is_differentiable(self) -> bool:
        """Whether gradients pass through it."""
        return self.kind != "constant"

    @property
    def is_registered(self) -> bool:
        """Whether it is stated in `wengert.ops`, not made at run time."""
        return REGISTRY.get(self.name) is self

    def reads_operand(self, position: int) -> bool:
        """Whether a rule needs the numbers of the operand at `position`."""
        if self.reads is None:
            return self.is_differentiable
        return self.reads[min(position, len(self.reads) - 1)] if self.reads else False

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # By name: a pickled tape carries no code.  Operations made at run time
        # (custom rules, users' nodes) say how they are found again in `identity`.
        return (find_operation, (self.identity or self.name,))


REGISTRY: dict[str, Operation] = {}
#: NumPy function or ufunc -> the operation it is, or the plain code that answers it.
DISPATCH: dict[Any, Operation | Function] = {}
#: Functions of libraries that ask nobody who answers them: module -> name -> the plain
#: code that answers.  Who uses a module loads it (`capture.answers`).
NAMED: dict[str, dict[str, Function]] = {}
#: Rooms that state the operations of another library, by its module: it is imported
#: by those who use it alone.
ROOMS: dict[str, str] = {}


def state_rooms(everything: bool = False) -> bool:
    """State the operations of modules that are imported now; whether there were any."""
    wanted = [name for name in list(ROOMS) if everything or name in sys.modules]
    for name in wanted:
        room = ROOMS.get(name)
        if room is not None:
            import_module(room)  # it waits where another thread is importing it
            ROOMS.pop(name, None)
    return bool(wanted)


def is_stated(name: str) -> bool:
    """Whether there is an operation of a name."""
    if name in REGISTRY or (state_rooms() and name in REGISTRY):
        return True
    return state_rooms(everything=True) and name in REGISTRY


def find_answer(function: Any) -> Operation | Function | None:
    """Return the operation that a function is, or the plain code that answers it."""
    found = DISPATCH.get(function)
    if found is None and state_rooms():
        found = DISPATCH.get(function)
    return found


def find_operation(name: Hashable) -> Operation:
    """Return a registered operation by name (used when a tape is loaded).

    A tape carries no code: an operation made at run time (a rule or a node class of a
    user) is loaded as one that may be looked at, and raises when it is evaluated.
    """
    if isinstance(name, str) and is_stated(name):
        return REGISTRY[name]
    *_, module, qualified = name if isinstance(name, tuple) else ("", str(name))

    def missing(*_: Any, **__: Any) -> Any:
        raise TapeError(
            explain(
                f"a loaded tape is to evaluate {qualified} of {module or 'a session'}",
                "a pickled tape holds data only, never the code of a function",
                f"record the function that calls {qualified} again",
            )
        )

    return Operation(
        qualified.rpartition(".")[2],
        missing,
        "general",
        vjp=missing,
        reads=(True,),
        identity=name,
    )


def apply(operation: Operation, *operands: Any, **settings: Any) -> Any:
    """Evaluate an operation on plain values, or record it where one is recorded."""
    for operand in operands:
        if isinstance(operand, Recorded):
            return operand.record(operation, operands, settings)
    return operation.function(*operands, **settings)


def register(operation: Operation, numpy: tuple[Any, ...]) -> Operation:
    """Enter an operation into the registry and the dispatch from NumPy."""
    assert operation.name not in REGISTRY, f"{operation.name} is stated twice"
    REGISTRY[operation.name] = operation
    for function in numpy:
        DISPATCH[function] = operation
    return operation


def answers(*functions: Any) -> Callable[[Function], Function]:
    """Say which NumPy functions the decorated plain NumPy code answers."""

    def register_answer(code: Function) -> Function:
        for function in functions:
            DISPATCH[function] = code
        return code

    return register_answer


def answers_named(
    *paths: str, looks_into: Function | None = None
) -> Callable[[Function], Function]:
    """Say which functions the decorated code answers: ``"scipy.linalg.solve"``.

    A method is written ``"scipy.stats:rv_continuous.pdf"``; ``looks_into(args)`` is
    what may be recorded inside of arguments.
    """

    def register_answer(code: Function) -> Function:
        code.looks_into = looks_into  # type: ignore[attr-defined]
        for path in paths:
            separator = ":" if ":" in path else "."
            module, _, name = path.rpartition(separator)
            NAMED.setdefault(module, {})[name] = code
        return code

    return register_answer


def elementwise(
    name: str,
    function: Function,
    partials: tuple[Partial, ...],
    *,
    form: Map,
    domain: tuple[tuple[float, float], ...] = ((-3.0, 3.0),),
    of_powers: tuple[Function, ...] = (),
    numpy: tuple[Any, ...] | None = None,
) -> Operation:
    """State an operation on elements by its partial derivatives.

    ``partials[k](result, *operands)`` is the derivative of the result by operand k; +1
    and -1 stand for themselves.  `of_powers` is for results with a tip.
    """
    arity = len(partials)
    functions = [partial for partial in partials if callable(partial)]
    used = [read_parameters(rule, arity + 1, types=False) for rule in functions]
    reads = [any(use[k + 1] for use in used) for k in range(arity)]
    operation = Operation(
        name,
        function,
        "elementwise",
        partials=partials,
        reads=tuple(reads),
        reads_result=any(use[0] for use in used),
        form=form,
        native=text_of(form),
        domain=domain * arity if len(domain) == 1 else domain,
        of_powers=of_powers,
    )
    return register(operation, (function,) if numpy is None else numpy)


def linear(
    name: str,
    function: Function,
    transpose: Function,
    *,
    form: Form,
    view: bool = False,
    numpy: tuple[Any, ...] = (),
) -> Operation:
    """State an operation that is linear in its one operand by its transpose.

    ``transpose(g, x, **settings)`` with `x` the operand's `Type`.
    """
    operation = Operation(
        name,
        function,
        "linear",
        transposes=(transpose,),
        reads=(False,),
        reads_result=False,
        view=view,
        form=form,
        native=text_of(form),
    )
    return register(operation, numpy)


def multilinear(
    name: str,
    function: Function,
    transposes: tuple[Function, ...],
    *,
    form: Form,
    numpy: tuple[Any, ...] = (),
) -> Operation:
    """State an operation that is linear in each operand by one transpose an operand.

    ``transposes[k](g, *operands, **settings)``; the tangent is the sum of the operation
    with one operand at a time replaced by its tangent.
    """
    arity = len(transposes)
    operation = Operation(
        name,
        function,
        "multilinear",
        transposes=transposes,
        reads=(True,) * arity,
        reads_result=False,
        form=form,
    )
    return register(operation, numpy)


def general(
    name: str,
    function: Function,
    *,
    form: Form,
    jvp: Function | None = None,
    vjp: Function | None = None,
    writes: bool = False,
    view: bool = False,
    results: int = 1,
    moves: bool = False,
    reads: tuple[bool, ...] | None = None,
    numpy: tuple[Any, ...] = (),
) -> Operation:
    """State an operation by a forward rule, a reverse rule, or both.

    `reads` is found from the rules unless stated: a rule over ``*operands`` is taken to
    read them all.
    """
    rules = [rule for rule in (jvp, vjp) if rule is not None]
    assert rules, f"{name} needs a jvp or a vjp"
    operation = Operation(
        name,
        function,
        "general",
        jvp=jvp,
        vjp=vjp,
        reads=general_reads(rules) if reads is None else reads,
        # A view's numbers change with what it is a view of: nothing reads them here.
        reads_result=not view and any(read_parameters(rule, 2)[1] for rule in rules),
        writes=writes,
        view=view,
        results=results,
        moves=moves,
        form=form,
        names_wanted=vjp is not None and "wanted" in inspect.getfullargspec(vjp)[4],
    )
    return register(operation, numpy)


def constant_of(
    name: str,
    function: Function,
    *,
    form: Form,
    domain: tuple[tuple[float, float], ...] = (),
    results: int = 1,
    numpy: tuple[Any, ...] | None = None,
) -> Operation:
    """State that an operation is not differentiable: its tangents are zero."""
    operation = Operation(
        name,
        function,
        "constant",
        reads=(),
        reads_result=False,
        form=form,
        native=text_of(form),
        domain=domain,
        results=results,
    )
    return register(operation, (function,) if numpy is None else numpy)


def text_of(form: Form) -> str | None:
    """Return the text of a form that is a map; None for others."""
    is_one = isinstance(form, Map) and isinstance(form.text, str)
    return form.text if is_one else None  # type: ignore[union-attr,return-value]


# Which numbers a rule reads.  A rule is a few lines of plain NumPy: its bytecode names
# the parameters it loads, and what it asks of each.


def general_reads(rules: list[Function]) -> tuple[bool, ...]:
    """Return which operands any of the general rules reads; the last one repeats."""
    counts = [rule.__code__.co_argcount - 2 for rule in rules]
    if any(rule.__code__.co_flags & 0x04 for rule in rules):  # *operands
        return (True,)
    used = [read_parameters(rule, rule.__code__.co_argcount) for rule in rules]
    return tuple(any(use[k + 2] for use in used) for k in range(min(counts)))


def read_parameters(rule: Function, count: int, types: bool = True) -> list[bool]:
    """Return for each of the first `count` parameters whether its numbers are read.

    With `types`, asking for the shape or dtype alone does not count as reading.
    """
    code: CodeType = rule.__code__
    names = code.co_varnames[: code.co_argcount]
    instructions = list(dis.get_instructions(code))
    read: set[str] = set()
    for this, following in pairwise(instructions):
        if "LOAD" not in this.opname or "CONST" in this.opname:
            continue
        loaded = this.argval if isinstance(this.argval, tuple) else (this.argval,)
        asks = "ATTR" in following.opname and following.argval in TYPE_ATTRIBUTES
        by_type = types and asks
        read.update(name for name in loaded[:-1])
        if not by_type:
            read.add(loaded[-1])
    if code.co_flags & 0x04:  # *operands: everything may be read
        return [True] * count
    return [k < len(names) and names[k] in read for k in range(count)]
