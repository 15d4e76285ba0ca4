"""Recording: a function is called on recorded values, and the tape is what remains.

A transformation inside a recording appends to the *same* tape: its inputs become fresh
identity nodes, and it reads the segment that they open.  So nested derivatives need no
levels, and perturbations cannot be confused.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from sys import maxsize
from threading import get_ident
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import float64, generic, ndarray

from wengert.capture import methods, operators, tree  # noqa: F401
from wengert.capture.answers.install import install, remove
from wengert.capture.answers.table import RECORDING
from wengert.capture.array import (
    DEFERRED,
    RecordedArray,
    RecordedScalar,
    RecordedValue,
    check_class,
    handle,
    is_active,
    place,
    plain,
)
from wengert.capture.captures import CAPTURES, Captures, is_set_aside, stand_in
from wengert.capture.deferred import is_known
from wengert.capture.kinds import warn_of_types
from wengert.capture.labelled import without_labels
from wengert.capture.reads.randomness import DrawsRefused
from wengert.capture.reads.walk import RAISES_ERRORS, makes_numpy_raise
from wengert.capture.reads.watched import ReadGenerator
from wengert.capture.recall import Recall
from wengert.capture.repetition import look
from wengert.capture.results import check_results
from wengert.capture.statement import of_scipy, swallowed, taught, users_part
from wengert.core.checked import CheckedTape
from wengert.core.floating_point import ERROR_STATE, Told
from wengert.core.repetitions import written
from wengert.core.tape import CONSTANT, IDENTITY, INPUT, NO_SETTINGS, Tape, strong
from wengert.core.types import (
    builtin,
    copy_as_it_lies,
    has_class,
    in_native_order,
    is_array,
    type_of,
)
from wengert.errors import (
    ArgumentError,
    UnsupportedError,
    WengertError,
    code_of,
    explain,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Function = Callable[..., Any]
#: What needs no questions before it is an input.
SIMPLE = frozenset({float, float64, ndarray})
#: Numbers that need no questions.
NUMBERS = frozenset({float, float64})


def active_tape() -> Tape | None:
    """Return the tape that this thread is recording on, if any."""
    tape = RECORDING.get()
    return tape if tape is not None and tape.thread == get_ident() else None


@contextlib.contextmanager
def lines_of(tape: Tape) -> Iterator[Callable[[int], None]]:
    """Give what says of which node of a tape is what is recorded next, by its line."""
    here = active_tape()
    if here is None:
        yield lambda index: None
        return
    before = here.line_here

    def at(index: int) -> None:
        here.line_here = tape.lines[index]

    try:
        yield at
    finally:
        here.line_here = before


def look_back(tape: Tape) -> None:
    """Look at what was recorded last: for calls that repeat, and for steps that do."""
    if tape.recall is None:
        tape.recall = Recall(tape)
    tape.recall.look()
    if isinstance(tape, CheckedTape):
        return
    if tape.writes_steps_once:
        look(tape)
    else:
        tape.look_at = 2 * len(tape)


class Recording:
    """While entered, this context records on a tape and NumPy's makers are answered."""

    __slots__ = ("tape", "token", "told")

    def __init__(self, tape: Tape) -> None:
        self.tape, self.told = tape, Told()

    def __enter__(self) -> Tape:
        self.tape.thread = get_ident()
        self.tape.look, self.tape.look_at = look_back, self.tape.looks_from
        self.token = RECORDING.set(self.tape)
        self.told.__enter__()
        install()
        if self.tape.defers:  # asked as it is while recording
            self.tape.errors = dict(np.geterr())
            self.tape.error_state = ERROR_STATE.get(None)
        return self.tape

    def __exit__(self, *_: object) -> None:
        remove()
        self.told.__exit__()
        RECORDING.reset(self.token)
        self.tape.thread = None
        self.tape.given.clear()
        self.tape.refusal = None
        self.tape.laid_out.clear()
        self.tape.asked_about.clear()
        self.tape.alike.clear()
        self.tape.called.clear()
        self.tape.end_repetition()
        self.tape.look, self.tape.look_at = None, maxsize
        if self.tape.recall is not None:
            self.tape.recall.end()
            self.tape.recall = None
        self.tape.told = None
        self.tape.unplayed.clear()


class SetAside:
    """While entered, the recording of this context is set aside.

    Code runs as if nothing were recorded; the recorded values that it meets all the
    same are looked up in `captures`.
    """

    __slots__ = ("captures", "tape", "tokens")

    def __init__(self, captures: Captures | None) -> None:
        self.captures = captures

    def __enter__(self) -> None:
        self.tape = active_tape()
        if self.tape is not None:
            self.tape.thread, self.tape.is_aside = None, True
            if self.captures is None:
                remove()  # nothing recorded is met, and NumPy's functions are quicker
        self.tokens = RECORDING.set(None), CAPTURES.set(self.captures)

    def __exit__(self, *_: object) -> None:
        recording, captures = self.tokens
        CAPTURES.reset(captures)
        RECORDING.reset(recording)
        if self.tape is not None:
            self.tape.thread, self.tape.is_aside = get_ident(), False
            if self.captures is None:
                install()


class Segment:
    """The part of a tape that one call of a function wrote.

    Attributes
    ----------
    tape : Tape
    nested : bool
        Whether an outer recording goes on, so that derivatives must be recorded too.
    start, stop : int
        First node, and one past the last.
    inputs : list of int
        The nodes of the leaves that were made inputs.
    given : dict of int to array
        The caller's arrays by their nodes.
    result : the function's result, recorded
    """

    __slots__ = ("given", "inputs", "nested", "result", "start", "stop", "tape")

    def __init__(self, tape: Tape, nested: bool) -> None:
        self.tape, self.nested = tape, nested
        self.start = len(tape)
        self.stop = self.start
        self.inputs: list[int] = []
        self.given: dict[int, Any] = {}
        self.result: Any = None

    def input(self, value: Any, name: str = "", keeps: bool = False) -> Any:
        """Return a recorded value that stands for one leaf of the arguments.

        With `keeps` the caller may change an array afterwards: it is copied.
        """
        tape, given = self.tape, value
        if type(value) not in SIMPLE:
            check_class(value)
            if is_set_aside(value):
                value = stand_in(value)
            value = builtin(value)
        value = in_native_order(value)
        if keeps:
            value = own_array(value)
        if self.nested:
            if (deferred := same_later(tape, value)) is not None:
                self.inputs.append(deferred._index)
                return deferred
            index, value = identity(tape, value)
        else:
            settings = {"name": name} if name else NO_SETTINGS
            index = tape.append(INPUT, (), settings, type_of(value), strong(value))
            tape.input_indices.append(index)
        self.inputs.append(index)
        if type(value) is ndarray:
            self.note(index, given if type(given) is ndarray else value)
        return handle(tape, index, value)

    def note(self, index: int, value: Any) -> None:
        """Note the caller's array, which may share memory with another argument."""
        source = self.tape.operands[index][0] if self.nested else index
        known = self.tape.given.get(source)
        self.given[index] = value if known is None else known[source]
        self.tape.given[index] = self.given


def same_later(tape: Tape, value: Any) -> Any:
    """Append an identity node of a value that has no numbers yet; None of others."""
    if type(value) not in DEFERRED or is_known(value):
        return None
    return value.defer(IDENTITY, (value,), NO_SETTINGS)


def identity(tape: Tape, value: Any) -> tuple[int, Any]:
    """Append an identity node of a value; return it and the plain value."""
    source = place(tape, value)
    if isinstance(value, RecordedArray):
        value._own_storage().shared = True
    value = plain(value)
    index = tape.append(IDENTITY, (source,), NO_SETTINGS, type_of(value), strong(value))
    return index, value


def record_segment(
    function: Callable[..., Any],
    args: Sequence[Any],
    wanted: Callable[[int, Any], Any],
    kwargs: dict[str, Any],
    tape: Tape | None = None,
) -> Segment:
    """Call a function on recorded arguments.

    ``wanted(k, arg)`` prepares argument k: it returns the leaves' replacement, using
    ``segment.input``; every other array argument is recorded by `protect`.
    """
    outer = active_tape() if tape is None else None
    if tape is None:
        tape = Tape() if outer is None else outer
    segment = Segment(tape, outer is not None)
    if outer is not None:
        segment.result = call(function, args, wanted, kwargs, segment)
    else:
        with Recording(segment.tape):
            segment.result = call(function, args, wanted, kwargs, segment)
    segment.stop = len(tape)
    return segment


def call(
    function: Callable[..., Any],
    args: Sequence[Any],
    wanted: Callable[[int, Any], Any],
    kwargs: dict[str, Any],
    segment: Segment,
) -> Any:
    """Call a function with its arguments made recorded."""
    given = [wanted(segment, k, arg) for k, arg in enumerate(args)]  # type: ignore[call-arg,arg-type]
    keywords = {name: protect(segment, value) for name, value in kwargs.items()}
    warn_of_types(function, given)
    try:
        return function(*given, **keywords)
    except WengertError as error:
        named = of_scipy(error) or error
        raise named.with_traceback(users_part(error.__traceback__)) from error.__cause__
    except Exception as error:
        taken = taught(error) or swallowed(error, segment.tape.refusal)
        if taken is None:
            raise
        named = of_scipy(taken.with_traceback(error.__traceback__)) or taken
        raise named.with_traceback(users_part(error.__traceback__)) from None


def protect(segment: Segment, value: Any) -> Any:
    """Return an argument that is not differentiated: its arrays become inputs too.

    So the function may write into them, and the caller's arrays stay as they are.
    Objects of pandas stay data: much of what it does takes plain numbers.
    """
    if has_class(value, (ndarray, RecordedArray)):
        return segment_copy(segment, value)
    if has_class(value, (float, int, str, generic, RecordedValue)):
        return value
    leaves, structure = tree.flatten(value, tree.is_of_pandas)
    if not any(has_class(leaf, (ndarray, RecordedArray)) for leaf in leaves):
        return value
    return tree.unflatten(structure, [protect(segment, leaf) for leaf in leaves])


def segment_copy(segment: Segment, value: Any) -> Any:
    """Return a recorded array with the contents of one that is not differentiated."""
    kind = value.dtype.kind
    if kind not in "biufc":
        return value
    if type(value) is not ndarray:
        check_class(value)
    value = in_native_order(stand_in(value))
    tape = segment.tape
    if segment.nested:
        if (deferred := same_later(tape, value)) is not None:
            return deferred
        index, value = identity(tape, value)
    else:
        index = tape.append(INPUT, (), NO_SETTINGS, type_of(value), value)
        tape.input_indices.append(index)
    segment.note(index, value)
    return handle(tape, index, value)


# A function at its arguments


def differentiated(segment: Segment, leaf: Any, keeps: bool) -> Any:
    """Return the recorded input for a leaf that is differentiated."""
    if type(leaf) in NUMBERS:
        return segment.input(leaf)
    dtype = check_number(leaf)
    if dtype.kind in "iub":
        leaf = leaf.astype(np.float64) if hasattr(leaf, "astype") else float(leaf)
    return segment.input(leaf, keeps=keeps)


def trace(
    function: Function,
    args: Sequence[Any],
    chosen: Sequence[int],
    kwargs: Any,
    keeps: bool = False,
    tape: Tape | None = None,
) -> tuple[Segment, list[Any]]:
    """Record a call with the leaves of the chosen arguments as inputs.

    Returns the segment and the structure of every chosen argument.  With `keeps` the
    segment is read after the caller got its result, and may have changed the arrays.
    """
    structures: dict[int, Any] = {}

    def prepare(segment: Segment, k: int, arg: Any) -> Any:
        if k not in chosen:
            return protect(segment, arg)
        leaves, structures[k] = tree.flatten_all(arg)
        made = [differentiated(segment, leaf, keeps) for leaf in leaves]
        return tree.unflatten(structures[k], made)

    segment = record_segment(function, args, prepare, kwargs, tape)  # type: ignore[arg-type]
    return segment, [structures[k] for k in chosen]


def split_aux(result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Return the value and the auxiliary part of a function's result."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(
            explain(
                f"has_aux=True, and the function returned {type(result).__name__}",
                "with has_aux it must return two things",
                "return value, aux",
            )
        )
    return result


def output_node(segment: Segment, leaf: Any) -> int | None:
    """Return the node of one leaf of a result; None where it is a plain constant."""
    return place(segment.tape, leaf) if is_active(leaf) else None


# Leaving


def finish(segment: Segment, value: Any) -> Any:
    """Return a result as the caller may keep it: plain unless a recording goes on."""
    return value if segment.nested else leave(value)


def leave(value: Any) -> Any:
    """Return plain results: recorded leaves give their numbers."""
    if type(value) is RecordedScalar:
        return value._value
    return tree.map_leaves(plain_result, value)


def plain_result(value: Any) -> Any:
    """Return the numbers of one result, in memory of their own."""
    if isinstance(value, RecordedArray):
        contents = value._current()
        return contents.copy()
    return plain(value)


# A tape that is kept


def own_array(leaf: Any) -> Any:
    """Return a leaf that the caller cannot change any more: arrays are copied.

    A copy of what is read-only is read-only: a write into it is an error all the same.
    """
    if not is_array(leaf):
        return leaf
    copy = copy_as_it_lies(in_native_order(leaf))
    copy.flags.writeable = leaf.flags.writeable
    return copy


def check_number(leaf: Any) -> np.dtype[Any]:
    """Return the dtype of a leaf; raise unless it can be differentiated."""
    if has_class(leaf, (RecordedValue, ndarray, float, int, complex, generic)):
        dtype: np.dtype[Any] = (
            leaf.dtype if hasattr(leaf, "dtype") else type_of(leaf).dtype
        )
        if dtype.kind in "fciub":
            return dtype
        shown = f"an array of dtype {dtype}"
    else:
        shown = f"a {type(leaf).__name__}"
    raise ArgumentError(
        explain(
            f"a derivative by {shown} was asked for",
            "only numbers and arrays of numbers have derivatives",
            without_labels(leaf)
            or "choose the arguments to differentiate with argnums=; under jit and "
            "vmap read other data from outside the function",
        )
    )


def parameter_names(fun: Function) -> list[str]:
    """Return the names of a function's positional parameters, as far as it has any."""
    if has_own_signature(fun):
        return list(fun.__code__.co_varnames[: fun.__code__.co_argcount])
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):  # a builtin or ufunc without a signature
        return []
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in named]


def has_own_signature(fun: Any) -> TypeIs[FunctionType]:
    """Whether a function's code says what it takes, and nothing else is stated."""
    stated = "__wrapped__", "__signature__"
    return type(fun) is FunctionType and fun.__dict__.keys().isdisjoint(stated)


def tuple_structure(structures: Sequence[Any]) -> Any:
    """Return the structure of a tuple of parts."""
    return tree.Branch(tuple, None, tuple(structures))


def check_states(tape: Tape) -> None:
    """Raise if a tape is of code that makes NumPy raise, which a replay would not."""
    for code in dict.fromkeys(map(code_of, written(tape.lines))):
        if code is not None and makes_numpy_raise(code):
            raise UnsupportedError(
                explain(
                    "np.errstate(...='raise') in a function of which a tape is kept",
                    RAISES_ERRORS,
                    "wengert.jit, which runs such a function as it stands, or "
                    "np.isfinite(x) where it matters",
                )
            )


def title_of(fun: Function) -> str:
    """Return what a function is called; of a partial one, the function inside."""
    while not hasattr(fun, "__name__") and callable(getattr(fun, "func", None)):
        fun = fun.func  # type: ignore[attr-defined]
    name = str(getattr(fun, "__name__", type(fun).__name__))
    return "lambda" if name == "<lambda>" else name


def record_apart(fun: Callable[..., Any], args: Sequence[Any]) -> Tape:
    """Record what plays a tape, or a rule, as if nothing else were recorded.

    The user's code in it has run before, and what it draws was refused then.
    """
    with SetAside(None):
        return record_onto(Tape(), fun, args, is_users=False)


def record_onto(
    tape: Tape,
    fun: Callable[..., Any],
    args: Sequence[Any],
    is_users: bool = True,
    generators: list[ReadGenerator] | None = None,
) -> Tape:
    """Record one call ``fun(*args)`` on a tape that is kept; see `wengert.record`.

    Every number and array among the arguments is an input.  Random draws of a function
    of the user's are refused; `generators` are those that it reaches, where known.
    """
    tape.keeps_guards = tape.writes_steps_once = True
    tape.keeps_lines = type(tape) is Tape
    tape.title = title_of(fun)
    structures: list[Any] = []
    names = parameter_names(fun)

    def prepare(segment: Segment, k: int, arg: Any) -> Any:
        leaves, structure = tree.flatten_all(arg)
        structures.append(structure)
        for leaf in leaves:
            check_number(leaf)
        paths = tree.paths(structure, names[k] if k < len(names) else f"x{k}")
        pairs = zip(leaves, paths, strict=True)
        made = [segment.input(leaf, path, keeps=True) for leaf, path in pairs]
        return tree.unflatten(structure, made)

    reached = fun if generators is None else generators
    with DrawsRefused(reached) if is_users else contextlib.nullcontext():
        segment = record_segment(fun, args, prepare, {}, tape)  # type: ignore[arg-type]
    leaves, structure = tree.flatten(segment.result)
    leaves, structure = tree.with_fixed(structure, leaves)
    check_results(structure, segment.tape)
    if tape.deferred and tape.is_awaited:
        tape.settle([leaf._index for leaf in leaves if type(leaf) in DEFERRED])
    tape.chosen_outputs = []
    for leaf in leaves:
        if type(leaf) in (str, bytes):  # a text is no array of one
            like = type_of(np.asarray(leaf))
            index = tape.append(CONSTANT, (), {"value": leaf}, like, leaf)
        else:
            index = place(tape, leaf)
        tape.chosen_outputs.append(index)
        if tape.play.outputs[index] is None and index not in tape.deferred:
            tape.play.outputs[index] = plain_result(leaf)
    tape.structure = (tuple_structure(structures), structure)
    if isinstance(tape, CheckedTape):
        tape.close()
    return tape
