"""The host's processor, and IR text turned into addresses on it.

The only module that imports llvmlite.
Everything else in this folder produces text or numbers.
"""

from __future__ import annotations

import atexit
import ctypes
import ctypes.util
import functools
import itertools
import os
import re
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from threading import get_ident
from types import MappingProxyType
from typing import Any

import numpy as np

from wengert.core import locks
from wengert.emit import disk, settings

try:
    import llvmlite
    import llvmlite.binding as llvm
except ImportError:  # pragma: no cover - exercised where llvmlite is missing
    llvm = None

# One lock for every LLVM call: llvmlite's own lock covers single calls, not the
# sequence find or make an engine, link, count, which must not interleave.
_LOCK = locks.make()

# The name under which this package's IR calls a C library function.  LLVM must not
# recognise it: it would rewrite calls of `exp`, `pow` or `sin` by its own rules.
PREFIX = "wengert."
#: The same of LAPACK's routines.
LAPACK = PREFIX + "lapack."
#: What SciPy calls a routine whose whole numbers have 32 bits, by its arguments' types.
_IN_32_BITS = re.compile(rb"void \((int \*|char \*|__pyx_t_\w+_[sd] \*|, )*\)")
#: The name and the address in a capsule.
_OF_CAPSULE = (
    ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi)
    ),
    ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    ),
)
#: What LLVM's own lowering of floor, rint, fma, copies ... may call by name.
LOWERED_TO = tuple(
    "floor floorf ceil ceilf trunc truncf rint rintf fma fmaf memcpy memset".split()
)
#: And of half precision, where the processor does not convert it: in GCC's library.
HALVES = "__extendhfsf2", "__truncsfhf2"


class EngineMissingError(RuntimeError):
    """Native code was asked for where llvmlite cannot be used."""


def installed() -> bool:
    """Whether there is what makes native code; LLVM is not started to know.

    Raises
    ------
    ArgumentError
        If the environment says what is not known of native code (`emit.settings`).
    """
    settings.check()
    return llvm is not None and not _ABANDONED


def available() -> bool:
    """Whether native code can be made on this machine."""
    return installed() and _start() is None


# The scheduler compares every load and store of a block with every other, up to this
# many of each (LLVM's own bound is 1,000): a row of 120 elements that is written out
# took seconds, and the code is no faster.
_SCHEDULED = "-dag-maps-huge-region=200"


def _start() -> str | None:
    """Start LLVM for this processor, once; the reason why not, or None."""
    if not _STARTED:
        with _LOCK:
            if not _STARTED:
                _STARTED.append(_started())
    return _STARTED[0]


#: What starting LLVM gave, once it was.
_STARTED: list[str | None] = []


def _started() -> str | None:
    """Start LLVM for this processor; the reason why not, or None."""
    try:
        llvm.set_option("wengert", _SCHEDULED)
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.Target.from_default_triple()
    except RuntimeError as error:
        return str(error)
    return None


def require() -> None:
    """Raise `EngineMissingError` unless native code can be made."""
    if available():
        return
    reason = "llvmlite is not installed" if llvm is None else _start()
    reason = reason or "the interpreter exits, and another thread still compiles"
    raise EngineMissingError(
        f"no native code can be made: {reason}; the package's interpreter still "
        "works, and `pip install llvmlite` brings the native engine"
    )


@functools.cache
def features() -> dict[str, bool]:
    """Names of the host processor's features and whether it has them."""
    require()
    with _LOCK:
        try:
            return dict(llvm.get_host_cpu_features())
        except RuntimeError:  # a processor LLVM cannot ask (some ARM kernels)
            return {}


@functools.cache
def _own_bits() -> int:
    """Width of the host's widest floating point registers, in bits."""
    known = features()
    if known.get("avx512f") and known.get("avx512vl") and known.get("avx512dq"):
        return 512
    return 256 if known.get("avx2") else 128


def vector_width() -> int:
    """Doubles of a vector: as the environment says, or as many as a register has.

    One is none: all is computed element by element.
    """
    return settings.lanes() or _own_bits() // 64


def vector_bits() -> int:
    """Width of the floating point registers that native code is made for, in bits.

    Vectors may be wider than registers, which then take a part of one each.
    """
    return min(_own_bits(), 64 * vector_width())


#: What a processor with narrower registers has not, and what needs it: by their bits.
_NARROWED = {256: "avx512f", 128: "avx", 64: "avx"}


def _target_machine(level: int, **how: str) -> llvm.TargetMachine:
    """Code generator for the host, optimisation level 0 to 3."""
    wanted = ",".join(f"{'+' if on else '-'}{name}" for name, on in features().items())
    bits = vector_bits()
    if bits == 512:
        # LLVM prefers half registers on several AVX-512 processors; measured on
        # lane loops, full registers are 1.3 to 1.8 times faster.
        wanted += ",-prefer-256-bit"
    elif bits < _own_bits() and _NARROWED[bits] in features():
        wanted += f",-{_NARROWED[bits]}"
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=wanted, opt=level, **how
    )


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Module:
    """Machine code in memory; it lives as long as this object.

    Attributes
    ----------
    addresses : dict of str to int
        Entry address of each function that was asked for.
    seconds : dict of str to float
        Time spent by stage: ``generate``, parsing included, or ``load`` where all code
        was on disk.
    token : array
        The code is freed when this is.  The cyclic collector does not look at arrays:
        what it looks at, it may report as gone before it calls the `__del__` of an
        object that is gone with it, which may call the code.
    """

    addresses: dict[str, int]
    seconds: dict[str, float]
    token: np.ndarray = field(default_factory=lambda: np.empty(0))


# Libraries linked by one engine.  LLVM keeps 10 KiB of a library that is freed until
# its engine is freed; an engine costs 1 ms (measured).  So engines change, and each is
# freed with the last of its libraries.
MOST_LIBRARIES = 64


@dataclass(slots=True, eq=False)
class Engine:
    """LLVM's linker for one code generation level, and how many libraries it made.

    It belongs to one process: in a forked child, a thread that is not there may hold
    its locks for ever.
    """

    linker: Any
    process: int = field(default_factory=os.getpid)
    libraries: int = 0

    def link(
        self,
        builder: Any,
        texts: Sequence[str],
        names: tuple[str, ...],
        symbols: Mapping[str, int],
    ) -> Any:
        """Make a library of what a builder holds, with symbols of its own."""
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        for name in {*LOWERED_TO, *HALVES, *_DECLARATION.findall("".join(texts))}:
            if _is_known(name):
                builder.import_symbol(name, _SYMBOLS[name])
        self.libraries += 1
        return builder.link(self.linker, f"library {next(_NUMBERS)}")

    def free(self, library: Any) -> None:
        """Free the code of one library; what a parent process made is left alone."""
        if self.process == os.getpid():
            library.close()
        else:
            library.detach()
            self.linker.detach()


_NUMBERS = itertools.count()
_ROUTINE = re.compile(rf"^declare void @({re.escape(LAPACK)}\w+)\(", re.MULTILINE)
_DECLARATION = re.compile(r"^declare [^@]*@([\w.$]+)\(", re.MULTILINE)
#: Addresses of the functions that IR may call, by the names that it calls them by.
_SYMBOLS: dict[str, int] = {}
#: The engine in use for each level.
_ENGINES: dict[int, Engine] = {}
#: Code that nothing refers to any more, and that is not freed yet.
_DEAD: deque[tuple[Engine, Any]] = deque()


def _engine(level: int) -> Engine:
    """Return the engine in use for a level."""
    engine = _ENGINES.get(level)
    if engine is None or engine.libraries >= MOST_LIBRARIES:
        made = llvm.create_lljit_compiler(_target_machine(level), use_jit_link=True)
        engine = _ENGINES[level] = Engine(made)
    return engine


#: Takes how many parts of a compilation are done, and how many there are.
Told = Callable[[int, int], None]


NO_SYMBOLS: Mapping[str, int] = MappingProxyType({})


class BusyError(RuntimeError):
    """Somebody else compiles, and the caller would not wait."""


def compile_text(
    text: str, names: tuple[str, ...], waits: bool = True, level: int = 0
) -> Module:
    """Machine code of an IR module that holds addresses of this process.

    Parameters
    ----------
    text : str
        LLVM's textual IR.
    names : tuple of str
        Functions whose addresses are wanted.
    waits : bool
        Whether to wait for a compilation that is under way.
    level : int
        Code generation level, 0 (fast to compile) to 3.

    Returns
    -------
    Module

    Raises
    ------
    EngineMissingError
        Where llvmlite cannot be used.
    BusyError
        Where it would have to wait, and shall not.
    """
    require()
    _library()
    started = time.perf_counter()
    if not _LOCK.acquire(blocking=waits):
        raise BusyError
    try:
        engine = _engine(level)
        builder = llvm.JITLibraryBuilder().add_ir(text)
        library = engine.link(builder, (text,), names, NO_SYMBOLS)
    finally:
        _LOCK.release()
    return _module(engine, library, names, {"generate": started})


def compile_parts(
    parts: Sequence[str],
    names: tuple[str, ...],
    level: int,
    told: Told | None = None,
    symbols: Mapping[str, int] = NO_SYMBOLS,
) -> Module:
    """Machine code of IR modules that call each other, kept on disk (`emit.disk`).

    Others may compile between one and the next, and an exit or a fork has to wait for
    one alone.

    Parameters
    ----------
    parts : sequence of str
        Texts, in which all addresses are symbols.
    names : tuple of str
        Functions whose addresses are wanted.
    level : int
        Code generation level, 0 (fast to compile) to 3.
    told : callable, optional
        Called with the number of parts that are done, and of all.
    symbols : mapping of str to int
        Addresses of the memory that they name.

    Returns
    -------
    Module

    Raises
    ------
    EngineMissingError
        Where llvmlite cannot be used.
    """
    require()
    _library()
    for symbol in _ROUTINE.findall("".join(parts)):
        _is_known(symbol)  # SciPy is not imported under the lock
    started, told = time.perf_counter(), told or _unheard
    kept = [disk.name_of(text, *_generated_for(level)) for text in parts]
    codes = [disk.read(name) for name in kept]
    stage = "generate" if None in codes else "load"
    try:
        engine, library = _linked(parts, codes, names, level, told, symbols)
    except RuntimeError:
        if stage == "generate":
            raise
        for name in kept:  # whatever it is, it is no code of ours
            disk.forget(name)
        stage, nothing = "generate", [None] * len(parts)
        engine, library = _linked(parts, nothing, names, level, told, symbols)
    return _module(engine, library, names, {stage: started})


def is_generated(parts: Sequence[str], level: int) -> bool:
    """Whether the code of IR modules is on disk."""
    return all(disk.has(disk.name_of(text, *_generated_for(level))) for text in parts)


def _linked(
    parts: Sequence[str],
    codes: Sequence[bytes | None],
    names: tuple[str, ...],
    level: int,
    told: Told,
    symbols: Mapping[str, int],
) -> tuple[Engine, Any]:
    """Return the library of modules, of which some have code already.

    The others' code is kept on disk where all of it together cost enough.
    """
    builder = llvm.JITLibraryBuilder()
    unkept, started = list[Any](), time.perf_counter()
    for number, (text, code) in enumerate(zip(parts, codes, strict=True)):
        told(number, len(parts))
        if code is None:
            code = _generated(text, level)
            unkept.append((disk.name_of(text, *_generated_for(level)), code))
        builder.add_object_img(code)
        while unkept and time.perf_counter() - started >= disk.WORTH:
            disk.write(*unkept.pop())
    with _LOCK:
        engine = _engine(level)
        library = engine.link(builder, parts, names, symbols)
    told(len(parts), len(parts))
    return engine, library


def _generated(text: str, level: int) -> bytes:
    """Return the code of a module."""
    with _LOCK:
        parsed = llvm.parse_assembly(text, llvm.create_context())
        target = _target_machine(level, reloc="pic", codemodel="small")
        code: bytes = target.emit_object(parsed)
    return code


def _generated_for(level: int) -> tuple[str, ...]:
    """Return all that code depends on beside its text."""
    return str(level), *host()


@functools.cache
def host() -> tuple[str, ...]:
    """Return what code is made by, and for: the compiler, and this processor."""
    versions = *llvm.llvm_version_info, llvmlite.__version__
    triple, name = llvm.get_process_triple(), llvm.get_host_cpu_name()
    known = str(sorted(features().items())), str(vector_bits())
    return str(versions), triple, name, *known, *sorted(settings.missing())


def _unheard(done: int, total: int) -> None:
    """Tell nobody."""


def _module(
    engine: Engine, library: Any, names: tuple[str, ...], started: Mapping[str, float]
) -> Module:
    """Own a library, as long as somebody refers to its code."""
    addresses = {name: library[name] for name in names}
    now = time.perf_counter()
    module = Module(addresses, {stage: now - then for stage, then in started.items()})
    weakref.finalize(module.token, _bury, engine, library).atexit = False
    _free_dead()
    return module


def _bury(engine: Engine, library: Any) -> None:
    """Free machine code that nothing refers to, or leave it to whoever compiles."""
    _DEAD.append((engine, library))
    _free_dead()


def _free_dead() -> None:
    """Free the code that waits for it.

    Never waits: the cyclic collector calls it in any thread, at any time, and somebody
    else may compile for seconds.
    """
    while _DEAD and _LOCK.acquire(blocking=False):
        try:
            engine, library = _DEAD.popleft()
            engine.free(library)
        finally:
            _LOCK.release()


@functools.cache
def _library() -> tuple[ctypes.CDLL, ctypes.CDLL | None]:
    """C math library, and glibc's vector math library where there is one to use."""
    try:
        scalar = ctypes.CDLL("libm.so.6")  # to look for it asks another program
    except OSError:
        scalar = ctypes.CDLL(ctypes.util.find_library("m") or None)
    vector = None
    if "libmvec" not in settings.missing():
        with suppress(OSError):
            vector = ctypes.CDLL("libmvec.so.1")
    for name in LOWERED_TO:
        _publish(scalar, name, name)
    with suppress(OSError):
        compilers = ctypes.CDLL("libgcc_s.so.1")
        for name in HALVES:
            _publish(compilers, name, name)
    return scalar, vector


def _is_known(symbol: str) -> bool:
    """Whether a symbol has an address, now that a text asks for it.

    A text that another process wrote names functions that nobody here looked up.
    """
    if symbol in _SYMBOLS or not symbol.startswith(PREFIX):
        return symbol in _SYMBOLS
    if symbol.startswith(LAPACK):
        return _publish_routine(symbol)
    name = symbol.removeprefix(PREFIX)
    return any(_publish(library, name, symbol) for library in _library() if library)


def _publish_routine(symbol: str) -> bool:
    """Make SciPy's routine of LAPACK known to IR; whether there is one to use."""
    if "lapack" in settings.missing():
        return False
    try:
        table = import_module("scipy.linalg.cython_lapack").__pyx_capi__
        capsule = table[symbol.removeprefix(LAPACK)]
    except (ImportError, AttributeError, KeyError):
        return False
    called = _OF_CAPSULE[0](capsule)
    if not _IN_32_BITS.fullmatch(called):
        return False
    _SYMBOLS[symbol] = _OF_CAPSULE[1](capsule, called) or 0
    return True


def lapack_symbol(name: str) -> str | None:
    """IR name of a routine of LAPACK, all its arguments pointers; None if none."""
    return LAPACK + name if _is_known(LAPACK + name) else None


def _publish(library: ctypes.CDLL, name: str, symbol: str) -> bool:
    """Make a library's function known to IR; whether it exists."""
    try:
        function = getattr(library, name)
    except AttributeError:
        return False
    _SYMBOLS[symbol] = address_of(function)
    return True


@functools.cache
def scalar_symbol(name: str, is_single: bool) -> str | None:
    """IR name of a C math function on double or float, None if there is none."""
    require()
    name += "f" * is_single
    return PREFIX + name if _publish(_library()[0], name, PREFIX + name) else None


@functools.cache
def vector_symbol(
    name: str, arity: int, lanes: int, is_single: bool
) -> tuple[str, int] | None:
    """IR name and width of a vector math function for so many lanes.

    Returns
    -------
    (str, int) or None
        The widest function of at most `lanes` lanes that this processor can run;
        None where glibc's ``libmvec`` has none.
    """
    require()
    library = _library()[1]
    if library is None:
        return None
    half = 1 + is_single
    for bits, letter in ((512, "e"), (256, "d"), (128, "b")):
        width = bits // 64 * half
        if bits > vector_bits() or width > lanes:
            continue
        symbol = f"_ZGV{letter}N{width}{'v' * arity}_{name}{'f' * is_single}"
        if _publish(library, symbol, PREFIX + symbol):
            return PREFIX + symbol, width
    return None


# Forks and exits.  Both wait a moment for a compilation that is under way, so that LLVM
# is at rest; the child of a fork makes engines of its own, whatever the parent's did.

#: Seconds that a fork or an exit waits; a compilation that takes longer is left alone.
MOST_WAITED = 0.2
#: Whether a thread that forks has waited for LLVM, by thread.
_AT_REST: dict[int, bool] = {}


def _before_fork() -> None:
    """Wait for a compilation."""
    _AT_REST[get_ident()] = _LOCK.acquire(timeout=MOST_WAITED)


def _after_fork() -> None:
    """Let others compile."""
    if _AT_REST.pop(get_ident(), False):
        _LOCK.release()


def _in_child() -> None:
    """Forget the parent's engines, and free nothing of theirs; free llvmlite's lock."""
    for engine in _ENGINES.values():
        engine.linker.detach()
    _ENGINES.clear()
    if llvm is not None:
        lock: Any = getattr(llvm.ffi.lib._lock, "_lock", None)
        if hasattr(lock, "_at_fork_reinit"):
            lock._at_fork_reinit()
    _after_fork()
    _AT_REST.clear()


def _at_exit() -> None:
    """See to it that LLVM is at rest when the process takes its memory down.

    The lock is never given back: this thread may still compile, daemon threads wait for
    ever.  Where one compiles on, the process ends before it comes to LLVM's memory.
    """
    if _LOCK.acquire(timeout=MOST_WAITED):
        return
    process = ctypes.CDLL(None)
    if not hasattr(process, "on_exit"):  # not the C library of GNU
        _LOCK.acquire()
        return
    _ABANDONED.append(True)
    process.fflush(None)
    process.on_exit(process._exit, None)


#: Holds something when the interpreter exits while a thread compiles.
_ABANDONED: list[bool] = []
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
    )


def address_of(function: Any) -> int:
    """Return the address of a function of ctypes."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
