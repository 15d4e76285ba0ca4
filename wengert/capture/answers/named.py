"""Functions in Python of libraries, NumPy's and those that dispatch nothing.

While some recording is active their code leads to the answer, however they were
imported (``from scipy.linalg import solve``): what is replaced is the code of the
function, not a name of it, and ``how is np.sum`` holds.  An answer of another library
computes only where an argument is recorded; any other call, a library's own or another
thread's, runs the original.

Replacing thirty functions takes microseconds, which no recording is to pay: a function
gets its own code back when it is called while nothing is recorded.

No module is imported for its rows: one that is loaded gets them when wengert is
imported, or at the start of the next recording, and one that a recorded function
imports as soon as it is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import get_ident
from types import CodeType, FunctionType, ModuleType
from typing import Any

from wengert.capture.answers.followed import SEEN, member, rows_of
from wengert.capture.answers.leading import code_holder, copy_of, leading_to, plain
from wengert.capture.answers.table import ANSWERS, RECORDING, VIA
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


class OfNumPy(Answered):
    """A function of NumPy's own, whose answer knows what to do of any arguments."""

    __slots__ = ("calls",)

    def __init__(self, function: Any, answer: Function) -> None:
        holder = code_holder(function)
        assert holder is not None
        super().__init__(holder, answer)
        self.original = plain(function)
        self.calls = 0

    def call(self, args: Any, settings: dict[str, Any]) -> Any:
        """Answer a call; run the original where nothing is recorded.

        Its own code is put back once it is called often enough to be worth it: a
        derivative between two recordings calls a few functions a few times.
        """
        if STATE.is_active:
            return self.answer(*args, **settings)
        self.calls += 1
        if self.calls >= WORTH_IT:
            self.calls = 0
            STATE.restore(self)
        return self.original(*args, **settings)


#: Calls after which putting a function's own code back takes less than they would.
WORTH_IT = 8
VIA.add(OfNumPy.call.__code__)


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
        self.is_made = False

    def begin(self) -> None:
        """Lead all functions of loaded modules to their answers."""
        with self.lock:
            self.is_active = True
            self.take_in()
            self.lead()
            if len(self.loaded) < len(NAMED) and is_importing():
                sys.meta_path.insert(0, LATE)

    def prepare(self) -> None:
        """Take in what is loaded already, which the first recording then need not."""
        with self.lock:
            self.take_in()

    def take_in(self) -> None:
        """Take in the functions of NumPy, and of the modules that are loaded."""
        if not self.is_made:
            self.is_made = True
            self.own += [OfNumPy(*row) for row in rows_of_numpy()]
        if len(sys.modules) != self.seen:
            self.look()

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


def rows_of_numpy() -> list[tuple[Any, Function]]:
    """Return NumPy's functions in Python, each with what answers it."""
    rows = [
        (vars(module)[name], answer)
        for module, answers in ANSWERS.items()
        for name, answer in answers.items()
    ]
    # Some have several names.
    unique = {code_holder(function): (function, answer) for function, answer in rows}
    return [row for holder, row in unique.items() if holder is not None]


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
