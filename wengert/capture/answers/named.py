"""Functions in Python of libraries that dispatch nothing, such as SciPy's.

While some recording is active their code leads to the answer, however they were
imported (``from scipy.linalg import solve``): what is replaced is the code of the
function, not a name of it.  An answer computes only where an argument is recorded; any
other call, a library's own or another thread's, runs the original.

Replacing thirty functions takes microseconds, which no recording is to pay: a function
gets its own code back when it is called while nothing is recorded.

No module is imported for its rows: one that is loaded gets them at the start of the
next recording, and one that a recorded function imports as soon as it is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from inspect import CO_GENERATOR
from threading import get_ident
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from wengert.capture.answers.followed import SEEN, member, rows_of
from wengert.capture.answers.table import RECORDING
from wengert.capture.array import RecordedValue, call_plain, is_active
from wengert.capture.refusals import RAW, as_numpy
from wengert.core.locks import make as make_lock
from wengert.core.operation import NAMED

Function = Callable[..., Any]


class Answered:
    """A function of a library, its own code, and the code that leads to its answer."""

    __slots__ = (
        "answer",
        "answering",
        "function",
        "looks_into",
        "original",
        "own",
        "owners",
        "takes_functions",
    )

    def __init__(
        self, function: FunctionType, answer: Function, owners: int = 0
    ) -> None:
        self.function, self.answer = function, answer
        #: Whether it calls functions among its arguments, which may read a tape.
        self.takes_functions = getattr(answer, "takes_functions", False)
        #: What is recorded inside of arguments.
        self.looks_into: Function | None = getattr(answer, "looks_into", None)
        #: How many of the first arguments are whose method it is.
        self.owners = owners
        self.own: CodeType = function.__code__
        #: The function as it is without us.
        self.original = copy_of(function)
        self.answering = leading_to(self.call, self.own)
        if not hasattr(function, "__wrapped__"):
            # Whoever asks for the signature finds the one that is written.
            function.__wrapped__ = self.original  # type: ignore[attr-defined]

    def call(self, args: Any, settings: dict[str, Any]) -> Any:
        """Answer a call with a recorded argument; run the original for any other."""
        if not STATE.is_active:
            STATE.restore(self)
            return self.original(*args, **settings)
        values = (*args[self.owners :], *settings.values())
        inside = self.looks_into
        if (
            is_active(values)
            or (self.takes_functions and is_recording())
            or (inside is not None and is_recorded(inside(args)))
        ):
            try:
                return self.answer(*args, **settings)
            except RAW as error:
                function: Any = self.original
                if self.owners:
                    function = function.__get__(args[0])
                raise as_numpy(function, args[self.owners :], settings, error) from (
                    error.__cause__
                )
        tape = RECORDING.get()
        if tape is None or not any(isinstance(v, RecordedValue) for v in args):
            return self.original(*args, **settings)
        return call_plain(self.original, tape, args, settings)


def is_recorded(value: Any) -> bool:
    """Whether a value or a part of it is recorded, or made for such ones to go into."""
    if isinstance(value, (tuple, list)):
        return any(is_recorded(part) for part in value)
    return isinstance(value, RecordedValue)


def is_recording() -> bool:
    """Whether this thread records, so that a function may read what is recorded."""
    tape = RECORDING.get()
    return tape is not None and tape.thread == get_ident()


def copy_of(
    function: FunctionType, cells: tuple[CellType, ...] | None = None
) -> FunctionType:
    """Return a function of the same code, which stays as it is; with other cells."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__ if cells is None else cells,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__ = function.__module__
    copy.__qualname__ = function.__qualname__
    return copy


#: A function of any arguments, inside of one whose variables are its closure; what
#: follows its result is never run, and says what the closure is.
TEMPLATE = """
def outer({names}):
    def template(*args, **settings):
        call = "what is called"
        {answer}
        {names}
    return template
"""
#: How it answers, of a plain function and of a generator.
PLAINLY = "return call(args, settings)"
IN_TURN = "return (yield from call(args, settings))"


def leading_to(call: Function, own: CodeType) -> CodeType:
    """Return code of any arguments that calls a function with them.

    It stands for other code of a function, whose closure it takes and leaves alone.
    Code of a generator is that of one.
    """
    answer = IN_TURN if own.co_flags & CO_GENERATOR else PLAINLY
    code, before, after = template_of(own.co_freevars, answer)
    return code.replace(
        co_consts=(*before, call, *after),
        co_name=own.co_name,
        co_qualname=own.co_qualname,
        co_filename=own.co_filename,
        co_firstlineno=own.co_firstlineno,
    )


@cache
def template_of(names: tuple[str, ...], answer: str) -> tuple[CodeType, Any, Any]:
    """Return the code of the template with variables of these names, and an answer.

    Its constants are returned, too: those before and behind what is called.
    """
    made: dict[str, Any] = {}
    exec(TEMPLATE.format(names=", ".join(names), answer=answer), made)
    code: CodeType = made["outer"](*names).__code__
    at = code.co_consts.index("what is called")
    return code, code.co_consts[:at], code.co_consts[at + 1 :]


class State:
    """Which functions there are, and which of them have their own code."""

    def __init__(self) -> None:
        self.is_active = False
        self.lock = make_lock()
        self.loaded: set[str] = set()
        #: How many modules there were at the last look.
        self.seen = -1
        #: Those that have their own code.
        self.own: list[Answered] = []
        #: All of them: one that is inherited has one row.
        self.known: set[FunctionType] = set()

    def begin(self) -> None:
        """Lead all functions of loaded modules to their answers."""
        with self.lock:
            self.is_active = True
            if len(sys.modules) != self.seen:
                self.look()
            self.lead()
            if len(self.loaded) < len(NAMED) and is_importing():
                sys.meta_path.insert(0, LATE)

    def look(self) -> None:
        """Take in the modules that have been loaded since the last time."""
        self.seen = len(sys.modules)
        for name in NAMED.keys() - self.loaded:
            module = sys.modules.get(name)
            if module is not None and is_being_loaded(module):
                self.seen = -1  # it is looked for again
            elif module is not None:
                self.add(name, module)

    def add(self, name: str, module: ModuleType) -> None:
        """Take in the functions of a module that have rows."""
        self.loaded.add(name)
        for key, answer in rows_of(name, module).items():
            function = member(module, key)
            if isinstance(function, FunctionType) and function not in self.known:
                self.known.add(function)
                self.own.append(Answered(function, answer, "." in key))
                SEEN[function] = function

    def lead(self) -> None:
        """Lead the functions that have their own code to their answers."""
        for answered in self.own:
            answered.function.__code__ = answered.answering
        self.own.clear()

    def end(self) -> None:
        """Let each function have its own code again when it is called."""
        with self.lock:
            self.is_active = False
            if is_importing() and LATE in sys.meta_path:
                sys.meta_path.remove(LATE)

    def restore(self, answered: Answered) -> None:
        """Give a function its own code, unless a recording has begun meanwhile."""
        with self.lock:
            if not self.is_active and answered not in self.own:
                answered.function.__code__ = answered.own
                self.own.append(answered)

    def take(self, name: str, module: ModuleType) -> None:
        """Take in a module that was imported; while recording it answers at once."""
        with self.lock:
            if self.is_active and name not in self.loaded:
                self.add(name, module)
                self.lead()


def is_importing() -> bool:
    """Whether modules can be imported: at the interpreter's end they cannot."""
    return getattr(sys, "meta_path", None) is not None


def is_being_loaded(module: ModuleType) -> bool:
    """Whether a module's body has not come to its end."""
    return getattr(module.__spec__, "_initializing", False)


class LateFinder(MetaPathFinder):
    """Finds the modules that have rows and are imported while something is recorded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of such a module, whose loader gives its functions rows."""
        if name not in NAMED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LateLoader(name, spec.loader)
        return spec


class LateLoader(Loader):
    """Loads a module as its own loader does, and leads its functions to the answers."""

    def __init__(self, name: str, own: Any) -> None:
        self.name, self.own = name, own

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return the module that its own loader makes."""
        return self.own.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's body; then its functions answer."""
        self.own.exec_module(module)
        module.__loader__ = self.own
        assert module.__spec__ is not None
        module.__spec__.loader = self.own
        STATE.take(self.name, module)


LATE = LateFinder()
STATE = State()
