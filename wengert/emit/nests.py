"""A nest of loops as LLVM's textual IR.

A loop in lanes takes as many elements at once as a vector has, several vectors where
its body is short, and what is left over under a mask, so that nothing outside of a
buffer is read or written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from wengert.emit import machine
from wengert.emit.cache import KERNELS
from wengert.emit.calls import CALL_TYPE, write_call
from wengert.emit.circular import PAIR, is_paired
from wengert.emit.compile import KERNEL_TYPE, Compiled
from wengert.emit.orders import write_order
from wengert.emit.refusal import NotLoweredError, refuses
from wengert.emit.routines import write_routine
from wengert.emit.sums import pairwise_sum
from wengert.emit.tails import ends_earlier, folds
from wengert.emit.tiles import write_product
from wengert.emit.vocabulary import (
    IN_MEMORY,
    SIZES,
    TYPES,
    in_lanes,
    ir_type,
    literal,
    pair_template,
    template,
    widening,
)
from wengert.emit.written import Written
from wengert.lower.memory import placed
from wengert.lower.nest import (
    Across,
    Address,
    Buffer,
    Call,
    Count,
    Fill,
    Fold,
    Guard,
    Let,
    Load,
    Loop,
    Nest,
    Number,
    Operand,
    Order,
    Part,
    Product,
    Read,
    Routine,
    Start,
    Statement,
    Store,
    Sum,
    Where,
    While,
    count,
    everything,
    inside_of,
)
from wengert.lower.work import work_of

#: The function that a kernel is, and the types of its arguments: the addresses of
#: arguments and of results, aligned scratch memory, and a range of blocks.
KERNEL, ARGUMENTS = "wengert.kernel", "ptr, ptr, ptr, i64, i64"
NOTHING = "wengert.nothing"
NAMED = "ptr %given, ptr %taken, ptr %workspace, i64 %begin, i64 %end"
#: A nest that is cut has few loops where this times their statements are less than all.
FEW_INSIDE = 10
#: The level at which code runs fastest.
BEST = 2
#: Characters of a text from which code that is wanted soon is made at level 0 first,
#: which takes half as long.
LONG_TEXT = 16_384
#: Steps of a loop after which its sums are added to a total, so that they stay exact.
BLOCK = 64
#: Lines after which a block of code ends: code generation is quadratic in a block.
MOST_LINES = 150
#: Bytes of constants up to which a kernel is kept for functions that are made anew.
MOST_KEPT_BYTES = 1 << 20
#: Lines of a nest that are kept for people.
MOST_SHOWN = 5000
#: Bytes of scratch memory that a call may take.
MOST_WORKSPACE = 1 << 31


#: What does the block of a nest for all blocks, and stops where one is refused.
BLOCKS = """
define i64 @{kernel}({named}) nounwind {{
entry:
 br label %ask
ask:
 %k = phi i64 [%begin, %entry], [%next, %do]
 %is.more = icmp slt i64 %k, %end
 br i1 %is.more, label %do, label %done
do:
 %next = add i64 %k, 1
 %answer = call i64 @block(ptr %given, ptr %taken, ptr %workspace, i64 %k, i64 %next)
 %is.fine = icmp eq i64 %answer, 0
 br i1 %is.fine, label %ask, label %refused
refused:
 ret i64 %answer
done:
 ret i64 0
}}
"""


def written(
    nest: Nest,
    constants: list[np.ndarray],
    lanes: int,
    seconds: dict[str, float],
    steps: Sequence[int] | None = None,
    calls: Sequence[Callable[[int], int]] = (),
) -> Written:
    """Return the text of a nest.

    Parameters
    ----------
    nest : Nest
    constants : list of array
        What its constant buffers hold.
    lanes : int
        Elements of a vector, as the nest was built for.
    seconds : dict of str to float
        What was spent on it before, by stage.
    steps : sequence of int, optional
        Where it is done for many blocks: by how many bytes each argument, then each
        result, of a block lies behind that of the block before.
    calls : sequence of callable
        What its calls are: given the address of a table of addresses, of operands and
        of results, each returns 1 where it has computed these.

    Raises
    ------
    NotLoweredError
        Where it takes too much memory, or there is no native code.
    """
    machine.require()
    started = time.perf_counter()
    parts: list[Part | None] = [p for p in nest.body if isinstance(p, Part)]
    places, end = placed(nest)
    writers = [
        Writer(nest, lanes, places, steps, part, workspace=end)
        for part in parts or [None]
    ]
    texts = [writer.module() for writer in writers]
    if parts:
        texts.append(calls_of(writers, steps is not None))
    workspace = max(writer.workspace for writer in writers)
    if workspace > MOST_WORKSPACE:
        raise NotLoweredError(f"{workspace >> 20} MiB of scratch memory")
    work = work_of(nest)
    return Written(
        texts=tuple(texts),
        constants=tuple(constants),
        shown=nest.shown(MOST_SHOWN),
        workspace=workspace,
        lanes=lanes,
        level=0 if parts and is_straight(nest) else BEST,
        loops=sum(writer.loops for writer in writers),
        nodes=nest.values,
        flops=work.flops,
        moved=work.bytes,
        has_guards=any(bool(writer.guards) for writer in writers),
        has_blocks=steps is not None,
        asked=tuple([str(asked.called) for asked in nest.calls]),
        seconds=seconds | {"write": time.perf_counter() - started},
        calls=tuple(calls),
    )


def is_straight(nest: Nest) -> bool:
    """Whether most of a nest is in no loop."""
    parts = [part.body for part in nest.body if isinstance(part, Part)]
    loops = [each for body in parts for each in body if isinstance(each, Loop | While)]
    return count(loops) * FEW_INSIDE < count(nest.body)


def calls_of(writers: Sequence[Writer], has_blocks: bool) -> str:
    """Return the text of what calls parts, until one refuses."""
    linkage, name = ("internal ", "block") if has_blocks else ("", KERNEL)
    lines = [f"declare i64 @{writer.function}({ARGUMENTS})\n" for writer in writers]
    lines.append(f"define {linkage}i64 @{name}({NAMED}) nounwind {{\n")
    for k, writer in enumerate(writers):
        lines.append(f" %a{k} = call i64 @{writer.function}({NAMED})\n")
        if writer.guards:
            lines.append(
                f" %is.refused{k} = icmp ne i64 %a{k}, 0\n"
                f" br i1 %is.refused{k}, label %refused{k}, label %on{k}\n"
                f"refused{k}:\n ret i64 %a{k}\n"
                f"on{k}:\n"
            )
    lines.append(" ret i64 0\n}\n")
    return "".join(
        [*lines, BLOCKS.format(kernel=KERNEL, named=NAMED) if has_blocks else ""]
    )


@refuses
def compile_written(
    found: Written,
    level: int | None = None,
    told: machine.Told | None = None,
    is_hurried: bool = False,
) -> Compiled:
    """Return the native code of a nest's text; of equal ones the same.

    Parameters
    ----------
    found : Written
    level : int, optional
        0 compiles fastest, 2 runs fastest; as the text says if not given.
    told : callable, optional
        Called with the number of parts that are compiled, and of all.
    is_hurried : bool
        Whether code is wanted soon: what takes long is compiled at level 0, unless
        better code of it is there.
    """
    level = found.level if level is None else level
    size = sum(array.nbytes for array in found.constants)
    is_kept = size <= MOST_KEPT_BYTES and not found.calls
    content = found.fingerprint() if is_kept else b""
    is_long = sum(map(len, found.texts)) >= LONG_TEXT
    if is_hurried and is_long and KERNELS.kept.get((content, level)) is None:
        level = level if machine.is_generated(found.texts, level) else 0
    if not is_kept:
        return made(found, level, told)
    return KERNELS.kept_or_made((content, level), lambda: made(found, level, told))


def made(
    found: Written, level: int = BEST, told: machine.Told | None = None
) -> Compiled:
    """Return the native code of a nest's text."""
    symbols, calls = symbols_of(found)
    module = machine.compile_parts(found.texts, (KERNEL,), level, told, symbols)
    address = module.addresses[KERNEL]
    return Compiled(
        address=address,
        workspace=found.workspace,
        lanes=found.lanes,
        level=level,
        parts=max(1, len(found.texts) - 1),
        loops=found.loops,
        nodes=found.nodes,
        has_guards=found.has_guards,
        has_blocks=found.has_blocks,
        seconds=found.seconds | module.seconds,
        module=module,
        function=KERNEL_TYPE(address),
        data=found.constants,
        calls=calls,
        asked=found.asked,
        nest=found.shown,
        flops=found.flops,
        moved=found.moved,
        again=found if level < BEST else None,
    )


class Apart(NamedTuple):
    """The parts of a nest as functions of their own, which share scratch memory.

    They are called as a kernel is; `nothing` does nothing.
    """

    parts: Sequence[Callable[..., int]]
    nothing: Callable[..., int]
    workspace: int
    #: What lives as long as they do.
    kept: tuple[Any, ...]


@refuses
def compile_apart(
    nest: Nest,
    constants: list[np.ndarray],
    lanes: int,
    calls: Sequence[Callable[[int], int]],
) -> Apart:
    """Return native code of each part of a nest; see `written`."""
    found = written(nest, constants, lanes, {}, calls=calls)
    names = [f"part{p.number}" for p in nest.body if isinstance(p, Part)]
    texts = (*found.texts, f"define i64 @{NOTHING}({NAMED}) {{\n ret i64 0\n}}\n")
    symbols, kept = symbols_of(found)
    module = machine.compile_parts(texts, (*names, NOTHING), BEST, symbols=symbols)
    *parts, nothing = (KERNEL_TYPE(module.addresses[x]) for x in (*names, NOTHING))
    return Apart(parts, nothing, found.workspace, (module, kept, found.constants))


def symbols_of(found: Written) -> tuple[dict[str, int], tuple[Any, ...]]:
    """Return the addresses that a text names, and the calls that live at some."""
    symbols = {f"c{k}": array.ctypes.data for k, array in enumerate(found.constants)}
    calls = tuple(map(CALL_TYPE, found.calls))
    symbols |= {f"call{k}": machine.address_of(call) for k, call in enumerate(calls)}
    return symbols, calls


@dataclass(slots=True)
class Name:
    """A value in the text: its name, whether it is a vector, and where it is made."""

    text: str
    is_wide: bool
    type: str
    made: list[str]
    wide: str = ""


@dataclass(slots=True)
class Register:
    """What is folded so far."""

    name: str
    type: str
    start: float
    is_wide: bool
    is_across: bool  # lanes run inside of the fold
    fold: str = ""


@dataclass(slots=True)
class Lane:
    """The loop in lanes that is being written: which elements exist."""

    loop: int
    count: int  # of the lanes that exist
    #: Which lanes are not done before, as a vector; all of them where it is empty.
    is_new: str = ""


@dataclass(slots=True)
class Writer:
    """The text of one kernel."""

    nest: Nest
    width: int
    #: Where each scratch buffer begins.
    places: Sequence[int]
    steps: Sequence[int] | None = None
    part: Part | None = None
    lines: list[list[str]] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    declarations: set[str] = field(default_factory=set)
    names: dict[int, Name] = field(default_factory=dict)
    registers: dict[int, Register] = field(default_factory=dict)
    indices: dict[int, str] = field(default_factory=dict)
    pointers: dict[Buffer, str] = field(default_factory=dict)
    lane: Lane | None = None
    block: str = "entry"
    guards: list[tuple[str, int]] = field(default_factory=list)
    count: int = 0
    loops: int = 0
    length: int = 0
    workspace: int = 0
    #: The cosine or the sine of the same number that follows, by value; and the values
    #: that were written with one before.
    partners: dict[int, Let] = field(default_factory=dict)
    with_partner: set[int] = field(default_factory=set)

    # The module

    @property
    def function(self) -> str:
        """The name of the function."""
        if self.part is not None:
            return f"part{self.part.number}"
        return KERNEL if self.steps is None else "block"

    def module(self) -> str:
        """Return the text of the module."""
        for buffer in self.buffers():
            self.pointers[buffer] = self.pointer(buffer)
        self.body(self.nest.body if self.part is None else self.part.body)
        externals = [
            f"@c{b.number} = external global i8\n" for b in self.nest.constants
        ]
        is_block = self.steps is not None and self.part is None
        linkage = "internal " * is_block
        head = f"define {linkage}i64 @{self.function}({NAMED}) nounwind {{\nentry:\n"
        rest = f" ret i64 {self.answer()}\n}}\n"
        text = "".join("".join(chunk) for chunk in self.lines)
        if is_block:
            rest += BLOCKS.format(kernel=KERNEL, named=NAMED)
        return "".join(
            [*externals, *sorted(self.declarations), head, *self.entry, text, rest]
        )

    def buffers(self) -> Iterator[Buffer]:
        """Give every buffer."""
        yield from self.nest.arguments
        yield from self.nest.constants
        yield from self.nest.results
        yield from self.nest.scratch

    def pointer(self, buffer: Buffer) -> str:
        """Return the name of a buffer's first element."""
        if buffer.kind == "constant":
            return f"@c{buffer.number}"
        name = f"%{buffer.kind}{buffer.number}"
        if buffer.kind == "scratch":
            at = self.places[buffer.number]
            self.entry.append(f" {name} = getelementptr i8, ptr %workspace, i64 {at}\n")
            return name
        table = "%given" if buffer.kind == "argument" else "%taken"
        self.entry.append(
            f" {name}.at = getelementptr ptr, ptr {table}, i64 {buffer.number}\n"
            f" {name} = load ptr, ptr {name}.at\n"
        )
        step = self.step_of(buffer)
        if step:
            self.entry.append(
                f" {name}.on = mul i64 %begin, {step}\n"
                f" {name}.here = getelementptr i8, ptr {name}, i64 {name}.on\n"
            )
            name += ".here"
        return name

    def step_of(self, buffer: Buffer) -> int:
        """Return by how many bytes a buffer moves on from block to block."""
        if self.steps is None:
            return 0
        place = buffer.number
        if buffer.kind == "result":
            place += len(self.steps) - len(self.nest.results)
        return self.steps[place]

    def room(self, size: int) -> str:
        """Return the pointer of so many bytes of the workspace."""
        name = f"%room{self.fresh()}"
        at = self.workspace
        self.entry.append(f" {name} = getelementptr i8, ptr %workspace, i64 {at}\n")
        self.workspace += (size + 63) // 64 * 64
        return name

    # Writing

    def fresh(self) -> int:
        """Return a new number."""
        self.count += 1
        return self.count

    def line(self, text: str) -> list[str]:
        """Append a line; return where more may be put right behind it."""
        made = [text]
        self.lines.append(made)
        self.length += text.count("\n")
        return made

    def value(self, text: str) -> str:
        """Append an instruction; return the name of its result."""
        name = f"%t{self.fresh()}"
        self.line(f" {name} = {text}\n")
        return name

    def offset(self, ir: str, pointer: str, index: str) -> str:
        """Return a pointer so many elements on."""
        return self.value(f"getelementptr {ir}, ptr {pointer}, i64 {index}")

    def start_block(self, label: str) -> None:
        """Begin a block."""
        self.line(f"{label}:\n")
        self.block, self.length = label, 0

    def break_block(self) -> None:
        """Begin another block where this one has become long."""
        if self.length > MOST_LINES:
            label = f"b{self.fresh()}"
            self.line(f" br label %{label}\n")
            self.start_block(label)

    def ir(self, type_: str, is_wide: bool) -> str:
        """Return IR's name of a type, or of a vector of it."""
        return ir_type(type_, self.width if is_wide else 1)

    def wide(self, ir: str) -> str:
        """Return IR's name of a vector; of one element that is the element's."""
        return in_lanes(ir, self.width)

    def constants(self, ir: str, given: Iterable[int | float]) -> str:
        """Return a vector of constants, one a lane."""
        if self.width == 1:
            return "".join(map(str, given))
        return "<" + ", ".join(f"{ir} {x}" for x in given) + ">"

    def element(self, ir: str, name: str, lane: int) -> str:
        """Return the element of a vector in one lane."""
        if self.width == 1:
            return name
        return self.value(f"extractelement {self.wide(ir)} {name}, i64 {lane}")

    def with_element(self, ir: str, name: str, one: str, lane: int) -> str:
        """Return a vector with another element in one lane."""
        if self.width == 1:
            return one
        wide = self.wide(ir)
        return self.value(f"insertelement {wide} {name}, {ir} {one}, i64 {lane}")

    def declare(self, text: str) -> None:
        """Note a declaration."""
        self.declarations.add(f"declare {text}\n")

    # Operands

    def define(self, value: int, text: str, is_wide: bool, type_: str) -> None:
        """Note what a value is called; the line that makes it was the last one."""
        self.names[value] = Name(text, is_wide, type_, self.lines[-1])

    def name(self, operand: Operand, is_wide: bool) -> str:
        """Return an operand's text, as a vector where that is asked."""
        if isinstance(operand, Number):
            lanes = self.width if is_wide else 1
            return literal(operand.value, operand.type, lanes)
        found = self.names[operand]
        if found.is_wide == is_wide:
            return found.text
        assert is_wide, "a vector where a number is asked"
        if not found.wide:
            found.wide, text = self.spread(found.text, found.type)
            found.made.append(text)
        return found.wide

    def spread(self, name: str, type_: str) -> tuple[str, str]:
        """Return the name of a vector of one number, and the text that makes it."""
        if self.width == 1:
            return name, ""
        one, wide = self.ir(type_, False), self.ir(type_, True)
        number = self.fresh()
        mask = f"<{self.width} x i32> zeroinitializer"
        text = (
            f" %s{number} = insertelement {wide} poison, {one} {name}, i64 0\n"
            f" %w{number} = shufflevector {wide} %s{number}, {wide} poison, {mask}\n"
        )
        return f"%w{number}", text

    def splat(self, name: str, type_: str) -> str:
        """Return a vector of one number."""
        wide, text = self.spread(name, type_)
        self.line(text)
        return wide

    def is_wide(self, *operands: Operand) -> bool:
        """Whether any operand is a vector."""
        if self.lane is not None:
            for operand in operands:
                if not isinstance(operand, Number) and self.names[operand].is_wide:
                    return True
        return False

    def type_of(self, operand: Operand) -> str:
        """Return an operand's type."""
        return operand.type if isinstance(operand, Number) else self.names[operand].type

    # Statements

    def body(self, statements: Sequence[Statement]) -> None:
        """Write statements."""
        outer, self.partners = self.partners, partners_of(statements)
        for statement in statements:
            self.break_block()
            WRITERS[type(statement)](self, statement)
        self.partners = outer

    def let(self, let: Let) -> None:
        """An expression."""
        partner = self.partners.pop(let.value, None)
        if partner is not None and self.is_pair(let):
            self.pair(let, partner)
            return
        if let.value in self.with_partner:
            self.with_partner.discard(let.value)
            return
        is_wide = self.is_wide(*let.operands)
        names = [self.name(x, is_wide) for x in let.operands]
        types = [self.type_of(x) for x in let.operands]
        text = self.written(let.text, names, types, let.type, is_wide, let.is_strict)
        self.define(let.value, text, is_wide, let.type)

    def is_pair(self, let: Let) -> bool:
        """Whether a sine or a cosine is written with the other one."""
        (operand,) = let.operands
        types = {let.type, self.type_of(operand)}
        return types == {"float64"} and is_paired(self.width) and self.is_wide(operand)

    def pair(self, let: Let, partner: Let) -> None:
        """A sine and a cosine of the same vector, of which the first is met."""
        made, number = pair_template(self.width), self.fresh()
        self.declarations |= made.declarations
        self.line(made.format(number, self.name(let.operands[0], True)))
        self.block = made.block.format(number)
        for one in (let, partner):
            name = f"%v{number}" + ".cos" * (one.text == PAIR[1])
            self.define(one.value, name, True, one.type)
        self.with_partner.add(partner.value)

    def steps_done(self, count: Count) -> None:
        """The index of a loop, or one a lane."""
        self.line("")
        self.define(count.value, self.indices[count.loop], False, "int64")
        if self.lane is not None and count.loop == self.lane.loop:
            whole, first = self.ir("int64", True), self.name(count.value, True)
            steps = self.constants("i64", range(self.width))
            text = self.value(f"add nsw {whole} {first}, {steps}")
            self.define(count.value, text, True, "int64")

    def written(
        self,
        text: str,
        names: Sequence[str],
        types: Sequence[str],
        type_: str,
        is_wide: bool,
        is_strict: bool = False,
    ) -> str:
        """Write an expression of names; return the name of its value."""
        lanes = self.width if is_wide else 1
        made = template(text, tuple(types), type_, lanes, is_strict)
        self.declarations |= made.declarations
        number = self.fresh()
        self.line(made.format(number, *names))
        if made.block:
            self.block = made.block.format(number)
        return f"%v{number}"

    def load(self, load: Load) -> None:
        """An element of memory, or one a lane."""
        pointer, lane_stride, picks = self.place(load.address)
        is_wide = lane_stride != 0 or bool(picks)
        type_ = load.type
        if not is_wide:
            text = self.read(pointer, type_, False)
        elif not picks and lane_stride == 1:
            is_whole = load.address.is_wide or self.is_full
            text = self.read(pointer, type_, True, not is_whole)
        elif not picks:
            text = self.read_apart(pointer, lane_stride, type_)
        else:
            text = self.gathered(
                self.pointers_of(pointer, lane_stride, picks, type_), type_
            )
        self.define(load.value, text, is_wide, type_)

    def sum(self, sum_: Sum) -> None:
        """Elements added in NumPy's order."""
        pointer, _, _ = self.place(sum_.address)
        name, text = pairwise_sum(self.memory_ir(sum_.type), SIZES[sum_.type])
        self.declarations.add(text)
        ir = self.ir(sum_.type, False)
        found = self.value(f"call {ir} @{name}(ptr {pointer}, i64 {sum_.count})")
        self.define(sum_.value, found, False, sum_.type)

    @property
    def is_full(self) -> bool:
        """Whether all lanes exist."""
        return self.lane is None or self.lane.count == self.width

    @property
    def mask(self) -> str:
        """Which lanes exist."""
        count = self.width if self.lane is None else self.lane.count
        return self.constants("i1", (int(k < count) for k in range(self.width)))

    def filler(self, ir: str) -> str:
        """Return what is read where no lanes exist, of an element's type in memory.

        Ones: LLVM takes 0 / 0 for 0 where it knows that lanes are zeros, and leaves out
        what hides them (`SimplifyDemandedVectorElts`, found in LLVM 22).
        """
        return self.constants(ir, [1 if ir.startswith("i") else 1.0] * self.width)

    def place(self, address: Address) -> tuple[str, int, list[tuple[str, int]]]:
        """Return where the first lane is, the lanes' stride, and vectors of places."""
        total, lane_stride = "", int(address.is_wide)
        for loop, stride in address.terms:
            total = self.plus(total, self.indices[loop], stride)
            if self.lane is not None and loop == self.lane.loop:
                lane_stride += stride
        picks = []
        for operand, stride in address.picks:
            wide = self.is_wide(operand)
            index = self.as_index(operand, wide)
            if wide:
                picks.append((index, stride))
            else:
                total = self.plus(total, index, stride)
        ir = self.memory_ir(address.buffer.type)
        pointer = self.pointers[address.buffer]
        if total:
            pointer = self.offset(ir, pointer, total)
        if address.offset:
            size = SIZES[address.buffer.type] * address.offset
            pointer = self.value(f"getelementptr i8, ptr {pointer}, i64 {size}")
        return pointer, lane_stride, picks

    def plus(self, total: str, index: str, stride: int) -> str:
        """Return a total and an index times a stride."""
        if stride != 1:
            index = self.value(f"mul nsw i64 {index}, {stride}")
        return self.value(f"add nsw i64 {total}, {index}") if total else index

    def as_index(self, operand: Operand, is_wide: bool) -> str:
        """Return a whole number as an index."""
        name, type_ = self.name(operand, is_wide), self.type_of(operand)
        if type_ == "int64":
            return name
        return self.written("x", [name], [type_], "int64", is_wide)

    def memory_ir(self, type_: str) -> str:
        """Return IR's name of a type in memory: truth values are bytes."""
        return IN_MEMORY.get(type_, TYPES[type_])

    def vector(self, type_: str) -> str:
        """Return IR's name of a vector in memory."""
        return self.wide(self.memory_ir(type_))

    def suffix(self, type_: str) -> str:
        """Return what names a vector's type in an intrinsic."""
        names = {"double": "f64", "float": "f32", "half": "f16"}
        ir = self.memory_ir(type_)
        return f"v{self.width}" * (self.width > 1) + names.get(ir, ir)

    def read(
        self, pointer: str, type_: str, is_wide: bool, is_masked: bool = False
    ) -> str:
        """Read from a pointer."""
        size = SIZES[type_]
        ir = self.vector(type_) if is_wide else self.memory_ir(type_)
        if is_masked:
            name = f"llvm.masked.load.{self.suffix(type_)}.p0"
            bits = self.wide("i1")
            self.declare(f"{ir} @{name}(ptr, i32, {bits}, {ir})")
            text = self.value(
                f"call {ir} @{name}(ptr {pointer}, i32 {size}, {bits} {self.mask},"
                f" {ir} {self.filler(self.memory_ir(type_))})"
            )
        else:
            text = self.value(f"load {ir}, ptr {pointer}, align {size}")
        return self.from_memory(text, ir, type_)

    def from_memory(self, text: str, ir: str, type_: str) -> str:
        """Return what was read; bytes as truth values, narrow numbers as wide ones."""
        if type_ == "bool":
            zero = "zeroinitializer" if ir[0] == "<" else "0"
            return self.value(f"icmp ne {ir} {text}, {zero}")
        wide = self.ir(type_, ir[0] == "<")
        return (
            text
            if wide == ir
            else self.value(f"{widening(type_)} {ir} {text} to {wide}")
        )

    def to_memory(self, text: str, type_: str, is_wide: bool) -> str:
        """Return what is written: truth values as bytes, wide numbers narrow."""
        ir = self.vector(type_) if is_wide else self.memory_ir(type_)
        wide = self.ir(type_, is_wide)
        if wide == ir:
            return text
        word = {"bool": "zext", "float16": "fptrunc"}.get(type_, "trunc")
        return self.value(f"{word} {wide} {text} to {ir}")

    def read_apart(self, pointer: str, stride: int, type_: str) -> str:
        """Read the lanes that exist, each so many elements on.

        Number by number: many processors do not gather faster.
        """
        ir, whole = self.memory_ir(type_), self.vector(type_)
        if stride == 2 and self.is_full and self.width > 2:
            return self.read_every_second(pointer, type_)
        found = self.filler(ir)
        for k, at in enumerate(self.apart(pointer, stride, type_)):
            one = self.value(f"load {ir}, ptr {at}, align {SIZES[type_]}")
            found = self.with_element(ir, found, one, k)
        return self.from_memory(found, whole, type_)

    def write_apart(self, pointer: str, stride: int, name: str, type_: str) -> None:
        """Write the lanes that exist, each so many elements on."""
        name = self.to_memory(name, type_, True)
        ir = self.memory_ir(type_)
        if stride == 2 and self.is_full and self.width > 2 and self.has_masks:
            self.write_every_second(pointer, name, type_)
            return
        for k, at in enumerate(self.apart(pointer, stride, type_)):
            one = self.element(ir, name, k)
            self.line(f" store {ir} {one}, ptr {at}, align {SIZES[type_]}\n")

    def halves(self, pointer: str, type_: str) -> tuple[str, str]:
        """Return where two vectors begin that hold every second element of one more.

        The second one ends with the last of them, so that nothing behind is touched.
        """
        size = (self.width - 1) * SIZES[type_]
        return pointer, self.value(f"getelementptr i8, ptr {pointer}, i64 {size}")

    def read_every_second(self, pointer: str, type_: str) -> str:
        """Read two vectors, and keep the elements that are meant."""
        whole, width = self.vector(type_), self.width
        low, high = (
            self.value(f"load {whole}, ptr {at}, align {SIZES[type_]}")
            for at in self.halves(pointer, type_)
        )
        places = [*range(0, width, 2), *range(width + 1, 2 * width, 2)]
        mask = ", ".join(f"i32 {k}" for k in places)
        found = self.value(
            f"shufflevector {whole} {low}, {whole} {high}, <{width} x i32> <{mask}>"
        )
        return self.from_memory(found, whole, type_)

    @property
    def has_masks(self) -> bool:
        """Whether the processor writes some elements of a vector at once."""
        return machine.vector_bits() == 512

    def write_every_second(self, pointer: str, name: str, type_: str) -> None:
        """Write every second element of two vectors."""
        whole, width = self.vector(type_), self.width
        symbol = f"llvm.masked.store.{self.suffix(type_)}.p0"
        bits = f"<{width} x i1>"
        self.declare(f"void @{symbol}({whole}, ptr, i32, {bits})")
        for odd, at in enumerate(self.halves(pointer, type_)):
            places = [(k + odd * width) // 2 for k in range(width)]
            mask = ", ".join(f"i32 {k}" for k in places)
            spread = self.value(
                f"shufflevector {whole} {name}, {whole} poison,"
                f" <{width} x i32> <{mask}>"
            )
            chosen = ", ".join(f"i1 {int(k % 2 == odd)}" for k in range(width))
            self.line(
                f" call void @{symbol}({whole} {spread}, ptr {at},"
                f" i32 {SIZES[type_]}, {bits} <{chosen}>)\n"
            )

    def apart(self, pointer: str, stride: int, type_: str) -> Iterator[str]:
        """Give a pointer for every lane that exists."""
        count = self.width if self.lane is None else self.lane.count
        for k in range(count):
            size = k * stride * SIZES[type_]
            yield self.value(f"getelementptr i8, ptr {pointer}, i64 {size}")

    def pointers_of(
        self, pointer: str, stride: int, picks: Sequence[tuple[str, int]], type_: str
    ) -> str:
        """Return a vector of pointers, one a lane."""
        whole = self.wide("i64")
        total = self.constants("i64", (k * stride for k in range(self.width)))
        for index, step in picks:
            if step != 1:
                steps = self.constants("i64", [step] * self.width)
                index = self.value(f"mul nsw {whole} {index}, {steps}")
            total = self.value(f"add nsw {whole} {index}, {total}")
        ir = self.memory_ir(type_)
        return self.value(f"getelementptr {ir}, ptr {pointer}, {whole} {total}")

    def gathered(self, pointers: str, type_: str) -> str:
        """Read one element a lane."""
        if self.width == 1:
            return self.read(pointers, type_, True)
        ir, bits = self.vector(type_), self.wide("i1")
        name = f"llvm.masked.gather.{self.suffix(type_)}.v{self.width}p0"
        self.declare(f"{ir} @{name}({self.wide('ptr')}, i32, {bits}, {ir})")
        text = self.value(
            f"call {ir} @{name}({self.wide('ptr')} {pointers}, i32 {SIZES[type_]},"
            f" {bits} {self.mask}, {ir} {self.filler(self.memory_ir(type_))})"
        )
        return self.from_memory(text, ir, type_)

    def store(self, store: Store) -> None:
        """An operand written to memory, or folded into what is there."""
        pointer, lane_stride, picks = self.place(store.address)
        is_block = store.address.is_wide
        is_wide = lane_stride != 0 or bool(picks)
        type_ = store.type
        name = self.name(store.operand, is_wide)
        own = self.type_of(store.operand)
        if own != type_:
            name = self.written("x", [name], [own], type_, is_wide)
        if picks and store.fold:
            self.one_by_one(pointer, lane_stride, picks, name, store)
        elif picks:
            pointers = self.pointers_of(pointer, lane_stride, picks, type_)
            self.scatter(pointers, name, type_)
        elif lane_stride not in (0, 1):
            if store.fold:
                before = self.read_apart(pointer, lane_stride, type_)
                name = self.folded(store.fold, before, name, type_, True)
                name = self.once(before, name, type_)
            self.write_apart(pointer, lane_stride, name, type_)
        else:
            if is_block and store.fold and self.lane is not None and not self.is_full:
                name = self.masked(name, store.start, type_)
            masked = is_wide and not is_block and not self.is_full
            if store.fold:
                before = self.read(pointer, type_, is_wide, masked)
                name = self.folded(store.fold, before, name, type_, is_wide)
                name = self.once(before, name, type_) if is_wide else name
            self.write(pointer, name, type_, is_wide, masked)

    def once(self, before: str, after: str, type_: str) -> str:
        """Return what is folded, of lanes that are done before what was there."""
        if self.lane is None or not self.lane.is_new:
            return after
        ir, flags = self.ir(type_, True), f"{self.wide('i1')} {self.lane.is_new}"
        return self.value(f"select {flags}, {ir} {after}, {ir} {before}")

    def folded(self, text: str, x: str, y: str, type_: str, is_wide: bool) -> str:
        """Return a fold of two names."""
        return self.written(text, [x, y], [type_, type_], type_, is_wide)

    def masked(self, name: str, start: float, type_: str) -> str:
        """Return a vector whose lanes that do not exist are what nothing folds to."""
        ir = self.ir(type_, True)
        other = literal(start, type_, self.width)
        return self.value(
            f"select {self.wide('i1')} {self.mask}, {ir} {name}, {ir} {other}"
        )

    def write(
        self, pointer: str, name: str, type_: str, is_wide: bool, is_masked: bool
    ) -> None:
        """Write to a pointer."""
        name = self.to_memory(name, type_, is_wide)
        ir = self.vector(type_) if is_wide else self.memory_ir(type_)
        if is_masked and self.lane is not None and self.lane.count == 1:
            # LLVM writes a narrowed element in full where a mask has one lane.
            name = self.value(f"extractelement {ir} {name}, i64 0")
            ir, is_masked = self.memory_ir(type_), False
        if not is_masked:
            self.line(f" store {ir} {name}, ptr {pointer}, align {SIZES[type_]}\n")
            return
        bits = self.wide("i1")
        symbol = f"llvm.masked.store.{self.suffix(type_)}.p0"
        self.declare(f"void @{symbol}({ir}, ptr, i32, {bits})")
        self.line(
            f" call void @{symbol}({ir} {name}, ptr {pointer}, i32 {SIZES[type_]},"
            f" {bits} {self.mask})\n"
        )

    def scatter(self, pointers: str, name: str, type_: str) -> None:
        """Write one element a lane; of equal places the last one stands."""
        if self.width == 1:
            self.write(pointers, name, type_, True, False)
            return
        name = self.to_memory(name, type_, True)
        ir, bits = self.vector(type_), self.wide("i1")
        symbol = f"llvm.masked.scatter.{self.suffix(type_)}.v{self.width}p0"
        self.declare(f"void @{symbol}({ir}, {self.wide('ptr')}, i32, {bits})")
        self.line(
            f" call void @{symbol}({ir} {name}, {self.wide('ptr')} {pointers},"
            f" i32 {SIZES[type_]}, {bits} {self.mask})\n"
        )

    def one_by_one(
        self,
        pointer: str,
        stride: int,
        picks: Sequence[tuple[str, int]],
        name: str,
        store: Store,
    ) -> None:
        """Fold lanes into places that may repeat, in their order."""
        type_ = store.type
        pointers = self.pointers_of(pointer, stride, picks, type_)
        count = self.width if self.lane is None else self.lane.count
        for k in range(count):
            at = self.element("ptr", pointers, k)
            one = self.element(self.ir(type_, False), name, k)
            before = self.read(at, type_, False)
            one = self.folded(store.fold, before, one, type_, False)
            self.write(at, one, type_, False, False)

    def fill(self, fill: Fill) -> None:
        """All of a buffer."""
        buffer = fill.buffer
        pointer = self.pointers[buffer]
        size = buffer.size * SIZES[buffer.type]
        number = literal(fill.value, buffer.type) if buffer.type != "bool" else ""
        if fill.value == 0 and math.copysign(1.0, fill.value) > 0:
            self.declare("void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            self.line(
                f" call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size},"
                " i1 false)\n"
            )
            return
        ir = self.memory_ir(buffer.type)
        value = "1" if buffer.type == "bool" else number

        def step(index: str) -> None:
            at = self.offset(ir, pointer, index)
            self.line(f" store {ir} {value}, ptr {at}\n")

        self.counted("0", str(buffer.size), 1, [], step)

    # Registers

    def register(self, type_: str, is_wide: bool = True) -> int:
        """Return a new register, not one of the nest's."""
        number = -self.fresh()
        self.registers[number] = Register("", type_, 0.0, is_wide, False)
        return number

    def start(self, start: Start) -> None:
        """A register begins."""
        lanes = self.width if start.is_wide else 1
        name = literal(start.start, start.type, lanes)
        across = start.is_wide and self.lane is None
        self.registers[start.register] = Register(
            name, start.type, start.start, start.is_wide, across
        )

    def fold(self, fold: Fold) -> None:
        """An operand goes into a register."""
        register = self.registers[fold.register]
        name, own = (
            self.name(fold.operand, register.is_wide),
            self.type_of(fold.operand),
        )
        if own != register.type:
            name = self.written("x", [name], [own], register.type, register.is_wide)
        if register.is_across and self.lane is not None and not self.is_full:
            name = self.masked(name, register.start, register.type)
        register.fold = fold.text
        register.name = self.folded(
            fold.text, register.name, name, register.type, register.is_wide
        )

    def read_register(self, read: Read) -> None:
        """The value of a register."""
        register = self.registers[read.register]
        name, is_wide = register.name, register.is_wide
        if read.is_across:
            name, is_wide = self.over_lanes(read.text, name, read.type), False
        self.line("")
        self.define(read.value, name, is_wide, read.type)

    def across(self, across: Across) -> None:
        """The lanes of an operand folded to one."""
        name = self.over_lanes(
            across.text, self.name(across.operand, True), across.type
        )
        self.define(across.value, name, False, across.type)

    def over_lanes(self, text: str, name: str, type_: str) -> str:
        """Fold the lanes of a vector, halves first.

        The last two are numbers: from their sum as vectors LLVM makes wrong code
        where several sums of whole numbers lie side by side.
        """
        width, whole = self.width, self.ir(type_, True)
        if width == 1:
            return name
        while width > 2:
            width //= 2
            places = [k + width if k < width else k for k in range(self.width)]
            mask = ", ".join(f"i32 {k}" for k in places)
            other = self.value(
                f"shufflevector {whole} {name}, {whole} poison,"
                f" <{self.width} x i32> <{mask}>"
            )
            name = self.folded(text, name, other, type_, True)
        one, two = (self.element(self.ir(type_, False), name, k) for k in (0, 1))
        return self.folded(text, one, two, type_, False)

    def guard(self, guard: Guard) -> None:
        """The call is refused."""
        self.guards.append((self.name(guard.operand, False), guard.number))

    def answer(self) -> str:
        """Return the number of the first guard that refuses, or zero."""
        found = "0"
        for flag, number in reversed(self.guards):
            found = self.value(f"select i1 {flag}, i64 {number}, i64 {found}")
        return found

    # Loops

    def loop(self, loop: Loop) -> None:
        """A loop, in lanes or one by one."""
        self.loops += 1
        carried = folded_in(loop.body, self.registers)
        if not loop.is_lanes:

            def one(index: str) -> None:
                self.indices[loop.loop] = index
                self.body(loop.body)

            self.counted("0", str(loop.extent), 1, carried, one)
            return
        width, times = self.width, loop.unroll
        if not carried and ends_earlier(loop, times * width):
            self.overlapping(loop)
            return
        main = loop.extent // (times * width)
        if main > 1:
            self.main_loop(loop, main, times, carried)
        else:
            main = 0
        for first in range(main * times * width, loop.extent, width):
            with self.lanes(loop.loop, min(width, loop.extent - first)):
                self.indices[loop.loop] = str(first)
                self.body(loop.body)

    def overlapping(self, loop: Loop) -> None:
        """The vectors of a loop, the last of which do some elements again."""
        step, is_folding = loop.unroll * self.width, folds(loop)
        last = loop.extent - step

        def vectors(index: str) -> None:
            is_less = self.value(f"icmp slt i64 {index}, {last}")
            first = self.value(f"select i1 {is_less}, i64 {index}, i64 {last}")
            for copy in range(loop.unroll):
                at = first
                if copy:
                    at = self.value(f"add nsw i64 {first}, {copy * self.width}")
                self.indices[loop.loop] = at
                is_new = self.lanes_from(index, at) if is_folding else ""
                with self.lanes(loop.loop, self.width, is_new):
                    self.body(loop.body)

        self.counted("0", str(loop.extent), step, [], vectors)

    def lanes_from(self, index: str, first: str) -> str:
        """Return which lanes, of those that begin somewhere, come from an index on."""
        whole = self.ir("int64", True)
        done = self.splat(self.value(f"sub nsw i64 {index}, {first}"), "int64")
        steps = self.constants("i64", range(self.width))
        return self.value(f"icmp sge {whole} {steps}, {done}")

    @contextmanager
    def lanes(self, loop: int, count: int, is_new: str = "") -> Iterator[None]:
        """Write what runs in lanes of which so many exist."""
        before, self.lane = self.lane, Lane(loop, count, is_new)
        names = self.names
        self.names = dict(names)
        yield
        self.lane, self.names = before, names

    def main_loop(self, loop: Loop, main: int, times: int, carried: list[int]) -> None:
        """The whole vectors of a loop, several at once, sums in blocks."""
        step = times * self.width
        sums = [k for k in carried if self.registers[k].type.startswith("float")]

        def vectors(index: str) -> None:
            kept = {k: self.registers[k].name for k in carried}
            folded: dict[int, list[str]] = {k: [] for k in carried}
            for copy in range(times):
                at = index
                if copy:
                    at = self.value(f"add nsw i64 {index}, {copy * self.width}")
                self.indices[loop.loop] = at
                for k in carried:
                    self.registers[k].name = kept[k] if not copy else self.nothing(k)
                with self.lanes(loop.loop, self.width):
                    self.body(loop.body)
                for k in carried:
                    folded[k].append(self.registers[k].name)
            for k in carried:
                register = self.registers[k]
                register.name = self.tree(register, folded[k])

        body: Callable[[str], None] = vectors
        whole = main * step
        while sums and whole >= 2 * BLOCK * step:
            body, step = self.in_blocks(body, step, whole, carried), BLOCK * step
        self.counted("0", str(whole), step, carried, body)

    def in_blocks(
        self, body: Callable[[str], None], step: int, whole: int, carried: list[int]
    ) -> Callable[[str], None]:
        """Return what does `BLOCK` steps of a loop, and adds their sums to the totals.

        Of very many steps blocks are steps of blocks, so that totals stay exact too.
        """

        def block(index: str) -> None:
            totals = {k: self.registers[k].name for k in carried}
            for k in carried:
                self.registers[k].name = self.nothing(k)
            last = self.value(f"add nsw i64 {index}, {BLOCK * step}")
            is_less = self.value(f"icmp slt i64 {last}, {whole}")
            end = self.value(f"select i1 {is_less}, i64 {last}, i64 {whole}")
            self.counted(index, end, step, carried, body)
            for k in carried:
                register = self.registers[k]
                register.name = self.tree(register, [totals[k], register.name])

        return block

    def nothing(self, register: int) -> str:
        """Return what folds to the other number in a register, of a sum to its bits."""
        found = self.registers[register]
        is_sum = found.fold == "x + y" and found.type.startswith("float")
        start = -0.0 if is_sum else found.start
        return literal(start, found.type, self.width if found.is_wide else 1)

    def tree(self, register: Register, names: list[str]) -> str:
        """Return what several names fold to, by halves."""
        while len(names) > 1:
            half = [
                self.folded(register.fold, x, y, register.type, register.is_wide)
                for x, y in zip(names[::2], names[1::2], strict=False)
            ]
            names = half + names[len(names) // 2 * 2 :]
        return names[0]

    def loop_while(self, loop: While) -> None:
        """A loop that is left, before a step, where a condition does not hold."""
        self.loops += 1
        number = self.fresh()
        inside, before = f"d{number}", self.block
        carried = folded_in(inside_of(loop), self.registers)
        head, first = self.start_loop(number, carried)
        self.indices[loop.loop] = f"%i{number}"
        self.body(loop.asks)
        ends = {k: self.registers[k].name for k in carried}
        flag = self.name(loop.condition, False)
        self.line(f" br i1 {flag}, label %{inside}, label %x{number}\n")
        self.start_block(inside)
        self.body(loop.body)
        head[0] = self.phis(number, "0", before, first)
        self.line(f" %n{number} = add nsw i64 %i{number}, 1\n br label %l{number}\n")
        self.start_block(f"x{number}")
        for k in carried:
            self.registers[k].name = ends[k]

    def where(self, where: Where) -> None:
        """Statements that are left out where no lane needs them."""
        number, is_wide = self.fresh(), self.is_wide(where.condition)
        flag = self.name(where.condition, is_wide)
        if is_wide and self.width > 1:
            bits = self.value(f"bitcast <{self.width} x i1> {flag} to i{self.width}")
            flag = self.value(f"icmp ne i{self.width} {bits}, 0")
        self.line(f" br i1 {flag}, label %w{number}, label %e{number}\n")
        before, names, self.names = self.block, self.names, dict(self.names)
        carried = folded_in(where.body, self.registers)
        kept = {k: self.registers[k].name for k in carried}
        self.start_block(f"w{number}")
        self.body(where.body)
        after, self.names = self.block, names
        self.line(f" br label %e{number}\n")
        self.start_block(f"e{number}")
        for k, name in kept.items():
            register = self.registers[k]
            ir, own = self.ir(register.type, register.is_wide), register.name
            found = f"phi {ir} [{name}, %{before}], [{own}, %{after}]"
            register.name = self.value(found)
        self.line("")

    def start_loop(
        self, number: int, carried: Sequence[int]
    ) -> tuple[list[str], dict[int, str]]:
        """Begin a loop; return where its `phis` go, and what it carries at first."""
        self.line(f" br label %l{number}\n")
        self.start_block(f"l{number}")
        first = {k: self.registers[k].name for k in carried}
        for k in carried:
            self.registers[k].name = f"%r{number}.{k}"
        return self.line(""), first

    def phis(self, number: int, low: str, before: str, first: Mapping[int, str]) -> str:
        """Return what the index of a loop, and what it carries, are in each step.

        Names that are made wide behind these lines come after all of them.
        """
        text = f" %i{number} = phi i64 [{low}, %{before}],"
        text += f" [%n{number}, %{self.block}]\n"
        for k, name in first.items():
            register = self.registers[k]
            ir = self.ir(register.type, register.is_wide)
            text += (
                f" %r{number}.{k} = phi {ir} [{name}, %{before}],"
                f" [{register.name}, %{self.block}]\n"
            )
        return text

    def counted(
        self,
        low: str,
        high: str,
        step: int,
        carried: list[int],
        body: Callable[[str], None],
    ) -> None:
        """Write a loop that is entered at least once, and what it carries."""
        number, before = self.fresh(), self.block
        head, first = self.start_loop(number, carried)
        self.line("")
        body(f"%i{number}")
        head[0] = self.phis(number, low, before, first)
        self.line(
            f" %n{number} = add nsw i64 %i{number}, {step}\n"
            f" %c{number} = icmp slt i64 %n{number}, {high}\n"
            f" br i1 %c{number}, label %l{number}, label %x{number}\n"
        )
        self.start_block(f"x{number}")


def partners_of(statements: Sequence[Statement]) -> dict[int, Let]:
    """Return the sines and cosines behind a cosine or a sine of the same, by that."""
    first, found = dict[Any, Let](), dict[int, Let]()
    for let in statements:
        if not isinstance(let, Let) or let.text not in PAIR or let.is_strict:
            continue
        other = PAIR[let.text == PAIR[0]]
        if (partner := first.pop((let.operands, other), None)) is not None:
            found[partner.value] = let
        else:
            first[let.operands, let.text] = let
    return found


def folded_in(body: Sequence[Statement], known: Mapping[int, Any]) -> list[int]:
    """Return the registers that statements fold into and that began before."""
    inside = list(everything(body))
    folded = {s.register for s in inside if isinstance(s, Fold)} & known.keys()
    return sorted(folded - {s.register for s in inside if isinstance(s, Start)})


WRITERS: dict[type, Callable[[Writer, Any], None]] = {
    Let: Writer.let,
    Count: Writer.steps_done,
    Load: Writer.load,
    Store: Writer.store,
    Sum: Writer.sum,
    Fill: Writer.fill,
    Start: Writer.start,
    Fold: Writer.fold,
    Read: Writer.read_register,
    Across: Writer.across,
    Guard: Writer.guard,
    Product: write_product,
    Routine: write_routine,
    Order: write_order,
    Call: write_call,
    Loop: Writer.loop,
    While: Writer.loop_while,
    Where: Writer.where,
}
