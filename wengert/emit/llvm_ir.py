"""A scalar program as IR text: chunk functions, and the kernel that calls them.

The text of one node is one filled-in template, so writing is linear and costs about
a microsecond a node.  A tape is cut into chunk functions of bounded size because
LLVM's optimising levels are superlinear in the length of a block; repetitions are
written once, as loops (`emit.roll`).  Values that outlive their chunk lie in a
workspace that the caller provides.

The kernel is ``int64 kernel(void **arguments, void **results, void *workspace,
int64 begin, int64 end)``.  It returns 0, or the number of the first guard that failed
(results may then be partly written); what is done for many blocks of rows
(`emit.nests`) does those from `begin` on and before `end`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wengert.emit.memory import SLOT, Block
from wengert.emit.program import CONSTANT, GUARD, INPUT, Program
from wengert.emit.roll import (
    Carried,
    Column,
    Elements,
    Fixed,
    Here,
    Key,
    Loop,
    Numbers,
    Plan,
    Read,
    Segment,
    Straight,
    plan,
)
from wengert.emit.slots import Copies, Slots, assign, in_steps
from wengert.emit.vocabulary import SIZES, TYPES, literal, template
from wengert.lower.products import has_sum_of, is_product

KERNEL = "wengert.kernel"
_SIGNATURE = "ptr %arguments, ptr %results, ptr noalias %workspace"
_PASS = "ptr %arguments, ptr %results, ptr %workspace"
_LOOP = " br label %loop\nloop:\n %k = phi i64 [0, %entry], [%k.next, %latch]\n"
_LATCH = (
    " br label %latch\nlatch:\n"
    " %k.next = add i64 %k, 1\n"
    " %more = icmp slt i64 %k.next, {}\n"
    " br i1 %more, label %loop, label %done\ndone:\n"
)
_LEAVES = frozenset({INPUT, CONSTANT})  # made again in every chunk that reads them


@dataclass(frozen=True, slots=True)
class Text:
    """IR of a program.

    Attributes
    ----------
    ir : str
        The module.
    parts : list of str
        The same as modules of one function each, the kernel's last; they are linked.
    workspace : int
        Bytes of workspace one call needs.
    chunks, loops, nodes, stores : int
        Number of chunk functions, of loops among them, of nodes written, and of results
        that are stored one by one or in loops.
    """

    ir: str
    parts: list[str]
    workspace: int
    chunks: int
    loops: int
    nodes: int
    stores: int


def write(
    program: Program,
    chunk_size: int = 1000,
    has_loops: bool = True,
) -> Text:
    """IR text of a program.

    Parameters
    ----------
    program : Program
    chunk_size : int
        Nodes per chunk function.
    has_loops : bool
        Whether repetitions become loops.

    Returns
    -------
    Text
    """
    strict = strict_slice(program)
    made = plan(program, strict, chunk_size, has_loops)
    return _Writer(program, made, assign(program, made.segments)).text(chunk_size)


def strict_slice(program: Program) -> set[int]:
    """Nodes that are compiled without contraction.

    Those that decide something: some guard depends on them, or a result that is no
    float.  And sums of two products.
    """
    operations, operands, types = program.operations, program.operands, program.types
    strict = {operands[i][0] for i, name in enumerate(operations) if name == GUARD}
    strict |= {i for i, *_ in program.outputs if not types[i].startswith("float")}
    if strict:
        for i in range(len(operations) - 1, -1, -1):
            if i in strict and operations[i] not in _LEAVES:
                strict.update(operands[i])
    return strict | sums_of_products(program)


def sums_of_products(program: Program) -> set[int]:
    """Nodes that add two products."""
    products: set[int] = set()
    sums: set[int] = set()
    for i, name in enumerate(program.operations):
        if name in _LEAVES or name == GUARD or not program.types[i].startswith("float"):
            continue
        read = [a for a in program.operands[i] if program.values.get(a) != 0]
        if is_product(name, program.operands[i], products) or (
            name == "x + y" and len(read) == 1 and read[0] in products
        ):
            products.add(i)
        elif has_sum_of(name, program.operands[i], products):
            sums.add(i)
    return sums


@dataclass(slots=True)
class _Writer:
    """One program being written."""

    program: Program
    plan: Plan
    slots: Slots
    lines: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)
    formats: list[Callable[..., str]] = field(init=False)
    has_guards: list[bool] = field(default_factory=list)  # of each chunk
    guards: int = 0
    tables: int = 0
    #: How each function is declared to the kernel, its text, and the tables it reads.
    functions: list[tuple[str, str, list[str]]] = field(default_factory=list)
    #: Tables of the function that is written.
    own_tables: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Templates of every kind of node; guards have none."""
        self.formats = [self.make(key) for key in self.plan.keys]

    def text(self, chunk_size: int) -> Text:
        """The whole module."""
        for segment in self.plan.segments:
            before = self.guards
            chunk = _Chunk(self, Block(self.program))
            chunk.write(segment)
            self.close(chunk.block, self.guards > before)
        copies, late = in_steps(self.program, self.slots)
        for each in copies:
            chunk = _Chunk(self, Block(self.program))
            chunk.copy(each)
            self.close(chunk.block, False)
        for start in range(0, len(late), chunk_size):
            chunk = _Chunk(self, Block(self.program))
            for node, result, element in late[start : start + chunk_size]:
                chunk.store(node, result, element)
            self.close(chunk.block, False)
        written = len(self.lines)
        _write_kernel(self)
        loops = [s for s in self.plan.segments if isinstance(s, Loop)]
        return Text(
            ir="".join(self.declarations) + "".join(self.lines),
            parts=self.parts("".join(self.lines[written:])),
            workspace=self.slots.count * SLOT,
            chunks=len(self.has_guards),
            loops=len(loops),
            nodes=sum(len(segment.nodes) for segment in self.plan.segments),
            stores=len(copies) + len(late) + sum(map(len, self.slots.stores.values())),
        )

    def parts(self, kernel: str) -> list[str]:
        """Modules of one function each."""
        tables = {line for _, _, own in self.functions for line in own}
        shared = "".join(line for line in self.declarations if line not in tables)
        declared = "".join(declaration for declaration, _, _ in self.functions)
        return [
            *(shared + "".join(own) + text for _, text, own in self.functions),
            shared + declared + kernel,
        ]

    def close(self, block: Block, has_guards: bool) -> None:
        """Head and tail of a chunk function."""
        kind, end = ("i64", "ret i64 0") if has_guards else ("void", "ret void")
        name = f"@chunk{len(self.has_guards)}"
        head = f"{kind} {name}({_SIGNATURE}) noinline nounwind"
        body = [" {\nentry:\n", *block.head, *block.lines, f" {end}\n}}\n"]
        self.lines += [f"define internal {head}", *body]
        part = f"declare {head}\n", "".join([f"define {head}", *body]), self.own_tables
        self.functions.append(part)
        self.own_tables = []
        self.has_guards.append(has_guards)

    def make(self, key: Key) -> Callable[..., str]:
        """The text of a kind of node; guards are written elsewhere."""
        operation, result, is_strict, read = key
        if operation == GUARD:
            return str
        made = template(operation, read, result, 1, is_strict)
        self.declarations.update(dict.fromkeys(sorted(made.declarations)))
        return made.format

    def table(self, values: list[str], ir: str) -> str:
        """A constant array, one entry a repetition."""
        self.tables += 1
        name = f"@table{self.tables}"
        text = ", ".join(f"{ir} {value}" for value in values)
        line = f"{name} = internal constant [{len(values)} x {ir}] [{text}]\n"
        self.declarations[line] = None
        self.own_tables.append(line)
        return name


@dataclass(slots=True)
class _Chunk:
    """One chunk function being written."""

    writer: _Writer
    block: Block
    names: dict[int, str] = field(default_factory=dict)  # by node
    reads: dict[Read, str] = field(default_factory=dict)  # in a loop's body

    def write(self, segment: Segment) -> None:
        """The text of a segment."""
        if isinstance(segment, Straight):
            self.straight(segment.nodes)
        else:
            self.loop(segment)

    def straight(self, nodes: list[int]) -> None:
        """Nodes one after another."""
        writer, names, lines = self.writer, self.names, self.block.lines
        operations, operands = writer.program.operations, writer.program.operands
        formats, kinds, slots = writer.formats, writer.plan.kinds, writer.slots.nodes
        stores = writer.slots.stores
        for i in nodes:
            read = operands[i]
            for a in read:
                if a not in names:
                    names[a] = self.bring(a)
            if operations[i] == GUARD:
                self.guard(i, names[read[0]])
                continue
            lines.append(formats[kinds[i]](i, *[names[a] for a in read]))
            names[i] = f"%v{i}"
            if i in slots:
                self.save(i, slots[i])
            if i in stores:
                for result, element in stores[i]:
                    self.store(i, result, element)

    def save(self, node: int, slot: int) -> None:
        """Write a value to the workspace."""
        self.block.put(
            f"%v{node}", self.writer.program.types[node], self.block.slot(slot)
        )

    def bring(self, node: int) -> str:
        """A node's value from outside the chunk."""
        program, block = self.writer.program, self.block
        operation, t = program.operations[node], program.types[node]
        if operation == CONSTANT:
            return literal(program.values[node], t)
        if operation == INPUT:
            k, element = program.operands[node]
            start = block.offset(block.base("arguments", k), element * SIZES[t])
            return block.read(t, start)
        return block.read(t, block.slot(self.writer.slots.nodes[node]))

    def store(self, node: int, result: int, element: int) -> None:
        """Write a node's value to a result's element."""
        if node not in self.names:
            self.names[node] = self.bring(node)
        name, t = self.names[node], self.writer.program.types[node]
        wanted = self.writer.program.results[result]
        assert t == wanted, f"node {node} is {t}, its result {wanted}"
        self.block.store(name, result, element)

    def copy(self, copies: Copies) -> None:
        """A loop that writes results which were computed before."""
        program, block, node = self.writer.program, self.block, copies.node
        t, operation = program.types[node], program.operations[node]
        block.lines.append(_LOOP)
        if operation == CONSTANT:
            name = literal(program.values[node], t)
        elif operation == INPUT:
            k, element = program.operands[node]
            start, step = element * SIZES[t], copies.source_step * SIZES[t]
            name = block.read(t, block.moving(block.base("arguments", k), start, step))
        else:
            start = self.writer.slots.nodes[node] * SLOT
            pointer = block.moving("%workspace", start, copies.source_step * SLOT)
            name = block.read(t, pointer)
        result, element = copies.result, copies.element
        block.store(name, result, element, copies.element_step)
        block.lines.append(_LATCH.format(copies.count))

    # -- guards ----------------------------------------------------------------------

    def guard(self, i: int, name: str, per_repetition: int = 0) -> None:
        """End the play where a value is not the expected one."""
        writer, block = self.writer, self.block
        writer.guards += 1
        (node,), expected = writer.program.operands[i], writer.program.values[i]
        t = writer.program.types[node]
        word = "fcmp oeq" if t.startswith("float") else "icmp eq"
        held = block.value(f"{word} {TYPES[t]} {name}, {literal(expected, t)}")
        block.line(f"br i1 {held}, label %held{i}, label %failed{i}")
        block.lines.append(f"failed{i}:\n")
        number = self.guard_number(str(writer.guards), per_repetition)
        block.lines.append(f" ret i64 {number}\nheld{i}:\n")

    def guard_number(self, number: str, per_repetition: int) -> str:
        """A guard's number, which grows with every repetition of a loop."""
        if not per_repetition:
            return number
        before = self.block.value(f"mul i64 %k, {per_repetition}")
        return self.block.value(f"add i64 {before}, {number}")

    # -- loops -------------------------------------------------------------------------

    def loop(self, loop: Loop) -> None:
        """A body, its count of repetitions, and the values carried between them."""
        program, block, outside = self.writer.program, self.block, self.block.lines
        for read in [read for reads in loop.reads for read in reads]:
            nodes = read.initial if isinstance(read, Carried) else ()
            if isinstance(read, Fixed):
                nodes = (read.node,)
            for node in nodes:
                if node not in self.names:
                    self.names[node] = self.bring(node)
        body = block.lines = [_LOOP]
        for read in dict.fromkeys(r for reads in loop.reads for r in reads):
            if isinstance(read, Carried):
                self.carry(read, loop.nodes, program.types)
        guards = sum(program.operations[i] == GUARD for i in loop.nodes)
        first = self.writer.guards
        for position, i in enumerate(loop.nodes):
            self.step(loop, position, i, guards)
        self.writer.guards = first + guards * loop.count
        body.append(_LATCH.format(loop.count))
        block.lines = outside
        # Addresses found while writing the body belong before it.
        block.head.extend(outside)
        outside[:] = body

    def carry(self, read: Carried, nodes: list[int], types: Sequence[str]) -> None:
        """Values of the last repetitions, newest last made: a chain of phis."""
        node = nodes[read.position]
        ir, newest = TYPES[types[node]], f"%v{node}"
        for initial in reversed(read.initial):
            pair = f"[{self.names[initial]}, %entry], [{newest}, %latch]"
            newest = self.block.value(f"phi {ir} {pair}")
        self.reads[read] = newest

    def step(self, loop: Loop, position: int, i: int, guards: int) -> None:
        """One node of a loop's body."""
        writer, program, block = self.writer, self.writer.program, self.block
        names = [self.read(read, loop) for read in loop.reads[position]]
        if program.operations[i] == GUARD:
            self.guard(i, names[0], guards)
            return
        t = program.types[i]
        block.lines.append(writer.formats[writer.plan.kinds[i]](i, *names))
        self.names[i] = f"%v{i}"
        column = writer.slots.columns.get((loop.nodes[0], position))
        if column is not None:
            step = SLOT if column.is_whole else 0
            pointer = block.moving("%workspace", column.base * SLOT, step)
            block.put(f"%v{i}", t, pointer)

    def read(self, read: Read, loop: Loop) -> str:
        """The value of an operand in a loop's body."""
        match read:
            case Here(position):
                return f"%v{loop.nodes[position]}"
            case Fixed(node):
                return self.names[node]
        if read not in self.reads:
            self.reads[read] = self.moving(read)
        return self.reads[read]

    def moving(self, read: Read) -> str:
        """The value of an operand that lies elsewhere in every repetition."""
        block = self.block
        match read:
            case Column(segment, position, first, step):
                loop = self.writer.plan.segments[segment]
                column = self.writer.slots.columns[loop.nodes[0], position]
                start = (column.base + first) * SLOT
                pointer = block.moving("%workspace", start, step * SLOT)
                return block.read(
                    self.writer.program.types[loop.nodes[position]], pointer
                )
            case Elements():
                t = self.writer.program.arguments[read.argument]
                return block.read(t, self.element_pointer(read))
            case Numbers(t, values):
                return self.number(t, values)
        raise AssertionError(read)

    def element_pointer(self, read: Elements) -> str:
        """Address of an argument's element, which moves with the repetitions."""
        scale = SIZES[self.writer.program.arguments[read.argument]]
        base = self.block.base("arguments", read.argument)
        first, step = read.elements[0], read.elements[1] - read.elements[0]
        if read.elements == tuple(
            range(first, first + step * len(read.elements), step or 1)
        ):
            return self.block.moving(base, first * scale, step * scale)
        table = self.writer.table([str(e * scale) for e in read.elements], "i64")
        entry = self.block.value(f"getelementptr i64, ptr {table}, i64 %k")
        distance = self.block.value(f"load i64, ptr {entry}")
        return self.block.value(f"getelementptr i8, ptr {base}, i64 {distance}")

    def number(self, t: str, values: tuple[float, ...]) -> str:
        """A constant that is another one in every repetition."""
        ir = TYPES[t]
        table = self.writer.table([literal(value, t) for value in values], ir)
        entry = self.block.value(f"getelementptr {ir}, ptr {table}, i64 %k")
        return self.block.value(f"load {ir}, ptr {entry}, align {SIZES[t]}")


# -- the kernel ------------------------------------------------------------------------


def _write_kernel(writer: _Writer) -> None:
    """The kernel: the chunks one after another."""
    lines = writer.lines
    head = f"define i64 @{KERNEL}({_SIGNATURE}, i64 %begin, i64 %end) nounwind {{\n"
    lines.append(head)
    for k, has_guards in enumerate(writer.has_guards):
        if not has_guards:
            lines.append(f" call void @chunk{k}({_PASS})\n")
            continue
        lines.append(
            f" %c{k} = call i64 @chunk{k}({_PASS})\n"
            f" %f{k} = icmp ne i64 %c{k}, 0\n"
            f" br i1 %f{k}, label %failed{k}, label %held{k}\n"
            f"failed{k}:\n ret i64 %c{k}\n"
            f"held{k}:\n"
        )
    lines.append(" ret i64 0\n}\n")
