"""The host's processor, and IR text turned into addresses on it.

The only module that imports llvmlite.
Everything else in this folder produces text or numbers.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import threading
import time
import weakref
from dataclasses import dataclass

try:
    import llvmlite.binding as llvm
except ImportError:  # pragma: no cover - exercised where llvmlite is missing
    llvm = None

# One lock for every LLVM call: llvmlite's own lock covers single calls, not the
# sequence parse, create engine, finalise, which must not interleave on one module.
_LOCK = threading.RLock()

# The name under which this package's IR calls a C library function.  LLVM must not
# recognise it: it would rewrite calls of `exp`, `pow` or `sin` by its own rules.
PREFIX = "wengert."


class EngineMissingError(RuntimeError):
    """Native code was asked for where llvmlite cannot be used."""


def available() -> bool:
    """Whether native code can be made on this machine."""
    return llvm is not None and _start() is None


@functools.cache
def _start() -> str | None:
    """Start LLVM for this processor; the reason why not, or None."""
    try:
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
def vector_bits() -> int:
    """Width of the host's widest floating point registers, in bits."""
    known = features()
    if known.get("avx512f") and known.get("avx512vl") and known.get("avx512dq"):
        return 512
    return 256 if known.get("avx2") else 128


def _target_machine(level: int) -> llvm.TargetMachine:
    """Code generator for the host, optimisation level 0 to 3."""
    wanted = ",".join(f"{'+' if on else '-'}{name}" for name, on in features().items())
    if vector_bits() == 512:
        # LLVM prefers half registers on several AVX-512 processors; measured on
        # lane loops, full registers are 1.3 to 1.8 times faster.
        wanted += ",-prefer-256-bit"
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=wanted, opt=level
    )


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Module:
    """Machine code in memory; it lives as long as this object.

    Attributes
    ----------
    addresses : dict of str to int
        Entry address of each function that was asked for.
    seconds : dict of str to float
        Time spent by stage: ``parse``, ``generate``.
    """

    addresses: dict[str, int]
    seconds: dict[str, float]


def compile_text(text: str, names: tuple[str, ...], level: int = 0) -> Module:
    """Machine code of an IR module.

    Parameters
    ----------
    text : str
        LLVM's textual IR.
    names : tuple of str
        Functions whose addresses are wanted.
    level : int
        Code generation level, 0 (fast to compile) to 3.

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
    started = time.perf_counter()
    with _LOCK:
        context = llvm.create_context()
        parsed = llvm.parse_assembly(text, context)
        between = time.perf_counter()
        engine = llvm.create_mcjit_compiler(parsed, _target_machine(level))
        engine.finalize_object()
        addresses = {name: engine.get_function_address(name) for name in names}
    seconds = {"parse": between - started, "generate": time.perf_counter() - between}
    module = Module(addresses, seconds)
    # The finalizer holds both, so that the cyclic collector, which goes in any order,
    # cannot free the context before the engine that needs it.
    weakref.finalize(module, _dispose, engine, context).atexit = False
    return module


def _dispose(engine: llvm.ExecutionEngine, context: llvm.ContextRef) -> None:
    """Free machine code that nothing refers to any more."""
    engine.close()
    context.close()


def assembly(text: str, level: int = 0) -> str:
    """Assembler text of an IR module, for looking at."""
    require()
    with _LOCK:
        parsed = llvm.parse_assembly(text, llvm.create_context())
        return str(_target_machine(level).emit_assembly(parsed))


def define_symbol(name: str, address: int) -> None:
    """Make an address known to IR under a name, for good."""
    require()
    with _LOCK:
        llvm.add_symbol(name, address)


@functools.cache
def _library() -> tuple[ctypes.CDLL, ctypes.CDLL | None]:
    """C math library, and glibc's vector math library where there is one."""
    scalar = ctypes.CDLL(ctypes.util.find_library("m") or None)
    try:
        vector = ctypes.CDLL("libmvec.so.1")
    except OSError:
        vector = None
    with _LOCK:
        # LLVM's own lowering of floor, rint, fma ... may call these by name.
        for name in ("floor", "ceil", "trunc", "rint", "fma", "memcpy", "memset"):
            for suffix in ("", "f"):
                _publish(scalar, name + suffix, name + suffix)
    return scalar, vector


def _publish(library: ctypes.CDLL, name: str, symbol: str) -> bool:
    """Make a library's function known to IR; whether it exists."""
    try:
        function = getattr(library, name)
    except AttributeError:
        return False
    llvm.add_symbol(symbol, ctypes.cast(function, ctypes.c_void_p).value)
    return True


@functools.cache
def scalar_symbol(name: str, is_single: bool) -> str | None:
    """IR name of a C math function on double or float, None if there is none."""
    require()
    name += "f" * is_single
    with _LOCK:
        if _publish(_library()[0], name, PREFIX + name):
            return PREFIX + name
    return None


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
        with _LOCK:
            if _publish(library, symbol, PREFIX + symbol):
                return PREFIX + symbol, width
    return None
