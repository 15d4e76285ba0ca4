"""A scalar program compiled: its kernel, how to call it, what it cost."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wengert.emit import llvm_ir, machine
from wengert.emit.program import Program
from wengert.emit.refusal import refuses

KERNEL_TYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
)
# Optimising costs 60 to 100 microseconds a written node, level 0 about 10, for calls
# that are 10 to 40 % shorter (measured): at once only where it stays below 0.1 s.
_OPTIMISED_NODES = 1000
# At level 2, 256 and 1024 nodes a chunk take 12 % less and 35 % more compile time than
# 512, and run within 3 % of it; smaller chunks pass more values through memory.
_CHUNK = 512


# A part more costs a tenth of a millisecond; some chunks take as many milliseconds.
_FEWEST_PARTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Native code of one program.

    Attributes
    ----------
    address : int
        The kernel's address; its C signature stands in `emit.llvm_ir`.
    workspace : int
        Bytes of workspace a call needs, aligned to 64 bytes.
    lanes, level, chunks, loops : int
        How it was compiled.
    nodes, written : int
        Nodes of the program, and nodes in the code: loops' bodies count once.
    has_guards, has_blocks : bool
        Whether a call may be refused; whether it is done for many blocks of rows.
    gives_way : bool
        Whether the next kernel is the same one, in which zeros absorb what is not
        finite: it goes first once this one has failed for that often enough.
    seconds : dict of str to float
        Compile time by stage: ``write``, ``parse``, ``generate``.
    """

    address: int
    workspace: int
    lanes: int
    level: int
    chunks: int
    loops: int
    nodes: int
    written: int
    has_guards: bool
    has_blocks: bool
    seconds: dict[str, float]
    module: machine.Module
    function: Callable[..., int]
    gives_way: bool = False
    #: What the code reads besides its arguments.
    data: tuple[np.ndarray, ...] = ()
    #: The loops over arrays that it is, as text; none where it is a line of scalars.
    nest: str = ""
    #: Operations of a call of such loops, and bytes that their statements move.
    flops: int = 0
    moved: int = 0

    def call(
        self,
        arguments: Sequence[int],
        results: Sequence[int],
        begin: int = 0,
        end: int = 1,
    ) -> int:
        """Run the kernel on memory addresses; releases the interpreter lock.

        Parameters
        ----------
        arguments, results : sequence of int
            Address of each argument's and result's first element.
        begin, end : int
            Range of blocks, for a kernel that is done for many.

        Returns
        -------
        int
            0, or the number of the first guard that failed.
        """
        workspace = ctypes.create_string_buffer(self.workspace + 64)
        aligned = (ctypes.addressof(workspace) + 63) // 64 * 64
        given = (ctypes.c_void_p * max(1, len(arguments)))(*arguments)
        taken = (ctypes.c_void_p * max(1, len(results)))(*results)
        return int(self.function(given, taken, aligned, begin, end))


@refuses
def compile_program(
    program: Program,
    level: int | None = None,
    chunk_size: int | None = None,
    has_loops: bool = True,
    told: machine.Told | None = None,
) -> Compiled:
    """Native code of a scalar program.

    Parameters
    ----------
    program : Program
    level : int, optional
        0 compiles fastest, 2 runs fastest; by the program's length if not given.
    chunk_size : int, optional
        Nodes per chunk function.
    has_loops : bool
        Whether repetitions become loops; the results do not depend on it.
    told : callable, optional
        Called with the number of parts that are compiled, and of all.

    Returns
    -------
    Compiled

    Raises
    ------
    EngineMissingError
        Where no native code can be made.
    NotLoweredError
        Something has no native form; a `VocabularyError` where it is an operation.
    """
    machine.require()
    started = time.perf_counter()
    size = chunk_size or _CHUNK
    text = llvm_ir.write(program, size, has_loops)
    if level is None:
        written = text.nodes + text.stores
        level = 2 if written <= _OPTIMISED_NODES else 0
    seconds = {"write": time.perf_counter() - started}
    names = (llvm_ir.KERNEL,)
    if len(text.parts) > _FEWEST_PARTS:
        module = machine.compile_parts(text.parts, names, level, told)
    else:
        module = machine.compile_parts((text.ir,), names, level)
    address = module.addresses[llvm_ir.KERNEL]
    return Compiled(
        address=address,
        workspace=text.workspace,
        lanes=1,
        level=level,
        chunks=text.chunks,
        loops=text.loops,
        nodes=len(program.operations),
        written=text.nodes,
        has_guards=program.guard_count > 0,
        has_blocks=False,
        seconds=seconds | module.seconds,
        module=module,
        function=KERNEL_TYPE(address),
    )
