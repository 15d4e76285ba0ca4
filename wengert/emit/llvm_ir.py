"""A scalar program as IR text: chunk functions, and the kernel that calls them.

The text of one node is one filled-in template, so writing is linear and costs about
a microsecond a node.  A tape is cut into chunk functions of bounded size because
LLVM's optimising levels are superlinear in the length of a block; values that outlive
their chunk lie in a workspace that the caller provides.

The kernel is ``int64 kernel(void **arguments, void **results, void *workspace,
int64 begin, int64 end)``.  Without rows it returns 0, or the number of the first guard
that failed (results may then be partly written).  With rows, `begin` to `end` is the
range of rows, it returns 0, and each row's first failed guard (0: none) goes to the
int32 array behind the last result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.emit.program import CONSTANT, GUARD, INPUT, Program
from wengert.emit.vocabulary import SIZES, TYPES, Template, ir_type, literal, template

KERNEL = "wengert.kernel"
_LEAVES = frozenset({INPUT, CONSTANT})  # made again in every chunk that reads them
_NO_SLOT = -1
_SLOT = 8  # bytes of a workspace slot per lane; every type fits
_SIGNATURE = "ptr %arguments, ptr %results, ptr noalias %workspace"
_ROW = ", i64 %row, i64 %low, i64 %high"
_PASS = "ptr %arguments, ptr %results, ptr %workspace"


@dataclass(frozen=True, slots=True)
class Text:
    """IR of a program.

    Attributes
    ----------
    ir : str
        The module.
    workspace : int
        Bytes of workspace one call needs.
    chunks : int
        Number of chunk functions.
    """

    ir: str
    workspace: int
    chunks: int


def write(
    program: Program, lanes: int = 1, has_rows: bool = False, chunk_size: int = 1000
) -> Text:
    """IR text of a program.

    Parameters
    ----------
    program : Program
    lanes : int
        Rows computed side by side: 1, 2, 4 or 8.  More than 1 implies rows, and the
        arrays must hold at least so many rows.
    has_rows : bool
        Whether the kernel loops over rows.
    chunk_size : int
        Nodes per chunk function.

    Returns
    -------
    Text
    """
    return _Writer(program, lanes, has_rows or lanes > 1, chunk_size).text()


@dataclass(slots=True)
class _Writer:
    """One program being written."""

    program: Program
    lanes: int
    has_rows: bool
    chunk_size: int
    lines: list[str] = field(default_factory=list)
    declarations: dict[str, None] = field(default_factory=dict)
    templates: dict[tuple[object, ...], Template] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    slot_count: int = 0
    # of the chunk being written:
    names: dict[int, str] = field(default_factory=dict)
    prologue: list[str] = field(default_factory=list)
    bases: dict[tuple[str, int], str] = field(default_factory=dict)

    def text(self) -> Text:
        """The whole module."""
        count = len(self.program.operations)
        starts = range(0, count, self.chunk_size)
        chunks = [range(s, min(s + self.chunk_size, count)) for s in starts]
        stores = self.stores_by_node()
        self.assign_slots(chunks)
        status = (
            self.new_slot() if self.has_rows and self.program.guard_count else _NO_SLOT
        )
        sums = self.sum_slots()
        strict = _strict_slice(self.program)
        returns = []
        number = 0
        for k, nodes in enumerate(chunks):
            first = number
            number = self.chunk(k, nodes, stores, strict, number, sums, status)
            returns.append(number > first and not self.has_rows)
        kernel = _rows_kernel if self.has_rows else _plain_kernel
        kernel(self, returns, sums, status)
        ir = "".join(self.declarations) + "".join(self.lines)
        return Text(ir, self.slot_count * _SLOT * self.lanes, len(chunks))

    # -- the plan ----------------------------------------------------------------

    def new_slot(self) -> int:
        """A workspace slot never used by another value."""
        self.slot_count += 1
        return self.slot_count - 1

    def sum_slots(self) -> dict[tuple[int, int], int]:
        """An accumulator's slot for each element that is summed over the rows."""
        results = self.program.results
        wanted = {(r, e) for _, r, e in self.program.outputs if results[r].is_sum}
        return {key: self.new_slot() for key in sorted(wanted)}

    def stores_by_node(self) -> dict[int, list[tuple[int, int]]]:
        """Results each node is written to."""
        stores: dict[int, list[tuple[int, int]]] = {}
        for node, result, element in self.program.outputs:
            stores.setdefault(node, []).append((result, element))
        return stores

    def assign_slots(self, chunks: list[range]) -> None:
        """Give values that outlive their chunk a slot; slots are used again."""
        size, operations = self.chunk_size, self.program.operations
        last: dict[int, int] = {}
        for i, operands in enumerate(self.program.operands):
            if operations[i] in _LEAVES:
                continue
            for a in operands:
                if a // size != i // size:
                    last[a] = i // size
        dying: list[list[int]] = [[] for _ in chunks]
        free: list[int] = []
        born = sorted(a for a in last if operations[a] not in _LEAVES)
        at = 0
        for k in range(len(chunks)):
            while at < len(born) and born[at] // size == k:
                node = born[at]
                self.slots[node] = free.pop() if free else self.new_slot()
                dying[last[node]].append(self.slots[node])
                at += 1
            # A slot read in this chunk may be rewritten only in a later one.
            free.extend(dying[k])

    # -- one chunk ---------------------------------------------------------------

    def chunk(
        self,
        k: int,
        nodes: range,
        stores: dict[int, list[tuple[int, int]]],
        strict: set[int],
        number: int,
        sums: dict[tuple[int, int], int],
        status: int,
    ) -> int:
        """Write one chunk function; the number of guards so far."""
        program, first = self.program, number
        operations, types, operands = (
            program.operations,
            program.types,
            program.operands,
        )
        self.names, self.bases = {}, {}
        self.prologue = body = []
        names, slots, templates = self.names, self.slots, self.templates
        for i in nodes:
            operation = operations[i]
            if operation in _LEAVES:
                pass
            elif operation == GUARD:
                number += 1
                self.guard(i, number, status)
                continue
            else:
                read = operands[i]
                for a in read:
                    if a not in names:
                        self.bring(a)
                key = (operation, types[i], i in strict, *[types[a] for a in read])
                made = templates.get(key) or self.make(key)
                body.append(made.format(i, *[names[a] for a in read]))
                names[i] = f"%v{i}"
                if i in slots:
                    self.save(i)
            if i in stores:
                for result, element in stores[i]:
                    self.store(i, result, element, sums)
        self.wrap_chunk(k, number > first and not self.has_rows)
        return number

    def wrap_chunk(self, k: int, has_guards: bool) -> None:
        """Head and tail of a chunk function."""
        kind, end = ("i64", "ret i64 0") if has_guards else ("void", "ret void")
        row = _ROW if self.has_rows else ""
        head = f"define internal {kind} @chunk{k}({_SIGNATURE}{row})"
        self.lines.append(f"{head} noinline nounwind {{\n")
        self.lines.extend(self.prologue)
        self.lines.append(f" {end}\n}}\n")

    def make(self, key: tuple[object, ...]) -> Template:
        """Template of an operation on these types."""
        operation, result, is_strict, *read = key
        made = template(operation, tuple(read), result, self.lanes, is_strict)
        self.templates[key] = made
        self.declarations.update(dict.fromkeys(sorted(made.declarations)))
        return made

    def bring(self, node: int) -> None:
        """Make a node's value available in the chunk being written."""
        operation = self.program.operations[node]
        if operation == CONSTANT:
            value = self.program.values[node]
            self.names[node] = literal(value, self.program.types[node], self.lanes)
        elif operation == INPUT:
            self.load_input(node)
        else:
            self.load_slot(node)

    def load_slot(self, node: int) -> None:
        """Read a value from the workspace."""
        t = self.program.types[node]
        pointer = self.slot_pointer(self.slots[node], f"%l{node}")
        self.names[node] = self.read(f"%v{node}", t, pointer)

    def save(self, node: int) -> None:
        """Write a value to the workspace."""
        pointer = self.slot_pointer(self.slots[node], f"%s{node}")
        self.put(self.names[node], self.program.types[node], pointer, f"%m{node}")

    def slot_pointer(self, slot: int, name: str) -> str:
        """Address of a workspace slot."""
        offset = slot * _SLOT * self.lanes
        self.prologue.append(
            f" {name} = getelementptr i8, ptr %workspace, i64 {offset}\n"
        )
        return name

    def read(self, name: str, t: str, pointer: str) -> str:
        """Load lanes that lie side by side; truth values are bytes in memory."""
        if t != "bool":
            ir = ir_type(t, self.lanes)
            self.prologue.append(
                f" {name} = load {ir}, ptr {pointer}, align {SIZES[t]}\n"
            )
            return name
        byte = _bytes(self.lanes)
        zero = "0" if self.lanes == 1 else "zeroinitializer"
        self.prologue.append(
            f" {name}.b = load {byte}, ptr {pointer}, align 1\n"
            f" {name} = icmp ne {byte} {name}.b, {zero}\n"
        )
        return name

    def put(self, name: str, t: str, pointer: str, fresh: str) -> None:
        """Store lanes side by side."""
        ir = ir_type(t, self.lanes)
        if t == "bool":
            byte = _bytes(self.lanes)
            self.prologue.append(f" {fresh} = zext {ir} {name} to {byte}\n")
            ir, name = byte, fresh
        self.prologue.append(f" store {ir} {name}, ptr {pointer}, align {SIZES[t]}\n")

    # -- arguments and results -----------------------------------------------------

    def base(self, table: str, k: int, t: str, stride: int) -> str:
        """Address of the current row in an argument or result."""
        known = self.bases.get((table, k))
        if known is not None:
            return known
        name = f"%{table[0]}{k}"
        self.prologue.append(
            f" {name}.p = getelementptr ptr, ptr %{table}, i64 {k}\n"
            f" {name}.0 = load ptr, ptr {name}.p\n"
        )
        self.bases[table, k] = f"{name}.0"
        if self.has_rows and stride:
            self.prologue.append(
                f" {name}.i = mul i64 %row, {stride * SIZES[t]}\n"
                f" {name}.1 = getelementptr i8, ptr {name}.0, i64 {name}.i\n"
            )
            self.bases[table, k] = f"{name}.1"
        return self.bases[table, k]

    def load_input(self, node: int) -> None:
        """Read an argument's element, in all lanes."""
        k, element = self.program.operands[node]
        where = self.program.arguments[k]
        base = self.base("arguments", k, where.type, where.row_stride)
        size, name = SIZES[where.type], f"%v{node}"
        start = element * where.element_stride * size
        self.names[node] = name
        if self.lanes == 1 or where.row_stride == 1:
            pointer = self.offset(base, start, f"%l{node}")
            self.read(name, where.type, pointer)
            return
        count = self.lanes if where.row_stride else 1
        step = where.row_stride * size
        ones = [
            self.read_one(f"%v{node}.{j}", where.type, base, start + j * step)
            for j in range(count)
        ]
        self.join(name, where.type, ones * (self.lanes // count))

    def offset(self, base: str, distance: int, name: str) -> str:
        """An address some bytes on."""
        self.prologue.append(
            f" {name} = getelementptr i8, ptr {base}, i64 {distance}\n"
        )
        return name

    def read_one(self, name: str, t: str, base: str, distance: int) -> str:
        """Load one element."""
        pointer = self.offset(base, distance, f"{name}.p")
        if t == "bool":
            self.prologue.append(
                f" {name}.b = load i8, ptr {pointer}\n"
                f" {name} = icmp ne i8 {name}.b, 0\n"
            )
        else:
            ir = TYPES[t]
            self.prologue.append(
                f" {name} = load {ir}, ptr {pointer}, align {SIZES[t]}\n"
            )
        return name

    def join(self, name: str, t: str, ones: list[str]) -> None:
        """Put single values into the lanes of one."""
        ir, last = ir_type(t, self.lanes), "poison"
        for j, one in enumerate(ones):
            made = name if j == len(ones) - 1 else f"{name}.j{j}"
            self.prologue.append(
                f" {made} = insertelement {ir} {last}, {TYPES[t]} {one}, i64 {j}\n"
            )
            last = made

    def store(
        self, node: int, k: int, element: int, sums: dict[tuple[int, int], int]
    ) -> None:
        """Write a node's value to a result's element."""
        if node not in self.names:
            self.bring(node)
        where, t = self.program.results[k], self.program.types[node]
        if t != where.type:
            raise ValueError(f"node {node} is {t} but its result is {where.type}")
        if where.is_sum and self.has_rows:
            self.add_to_sum(node, k, element, sums[k, element])
            return
        name = self.names[node]
        base = self.base("results", k, t, where.row_stride)
        start = element * where.element_stride * SIZES[t]
        fresh = f"%r{k}.{element}.{node}"
        if self.lanes == 1 or where.row_stride == 1:
            self.put(name, t, self.offset(base, start, f"{fresh}.p"), fresh)
            return
        for j in range(self.lanes):
            one = f"{fresh}.{j}"
            step = start + j * where.row_stride * SIZES[t]
            pointer = self.offset(base, step, f"{one}.p")
            ir = ir_type(t, self.lanes)
            self.prologue.append(f" {one} = extractelement {ir} {name}, i64 {j}\n")
            kind = TYPES[t]
            if t == "bool":
                self.prologue.append(f" {one}.b = zext i1 {one} to i8\n")
                one, kind = f"{one}.b", "i8"
            self.prologue.append(f" store {kind} {one}, ptr {pointer}\n")

    def add_to_sum(self, node: int, k: int, element: int, slot: int) -> None:
        """Add the rows of this step to an accumulator; not the rows seen before."""
        t = self.program.types[node]
        ir, bit = ir_type(t, self.lanes), ir_type("bool", self.lanes)
        name = f"%q{k}.{element}"
        self.row_mask()
        pointer = self.slot_pointer(slot, f"{name}.p")
        self.read(f"{name}.a", t, pointer)
        zero = literal(0, t, self.lanes)
        add = "fadd" if t.startswith("float") else "add"
        value = self.names[node]
        self.prologue.append(
            f" {name}.m = select {bit} %mask, {ir} {value}, {ir} {zero}\n"
            f" {name}.b = {add} {ir} {name}.a, {name}.m\n"
        )
        self.put(f"{name}.b", t, pointer, f"{name}.c")

    def row_mask(self) -> None:
        """Which lanes hold rows of this step that no earlier step computed."""
        if ("mask", 0) in self.bases:
            return
        self.bases["mask", 0] = "%mask"
        w = self.lanes
        if w == 1:
            self.prologue.append(" %mask = icmp slt i64 %row, %high\n")
            return
        each = f"<{w} x i64>"
        count = "<" + ", ".join(f"i64 {j}" for j in range(w)) + ">"
        for name in ("row", "low", "high"):
            self.prologue.append(
                f" %{name}.0 = insertelement {each} poison, i64 %{name}, i64 0\n"
                f" %{name}.s = shufflevector {each} %{name}.0, {each} poison,"
                f" <{w} x i32> zeroinitializer\n"
            )
        self.prologue.append(
            f" %rows = add {each} %row.s, {count}\n"
            f" %mask.0 = icmp sge {each} %rows, %low.s\n"
            f" %mask.1 = icmp slt {each} %rows, %high.s\n"
            f" %mask = and <{w} x i1> %mask.0, %mask.1\n"
        )

    # -- guards ----------------------------------------------------------------------

    def guard(self, i: int, number: int, status: int) -> None:
        """End the play, or mark the lanes, where a value is not the expected one."""
        (node,), expected = self.program.operands[i], self.program.values[i]
        if node not in self.names:
            self.bring(node)
        t = self.program.types[node]
        word = "fcmp oeq" if t.startswith("float") else "icmp eq"
        ir, value = ir_type(t, self.lanes), literal(expected, t, self.lanes)
        self.prologue.append(f" %g{i} = {word} {ir} {self.names[node]}, {value}\n")
        if not self.has_rows:
            self.prologue.append(
                f" br i1 %g{i}, label %held{i}, label %failed{i}\n"
                f"failed{i}:\n ret i64 {number}\n"
                f"held{i}:\n"
            )
            return
        ints, bit = ir_type("int32", self.lanes), ir_type("bool", self.lanes)
        pointer = self.slot_pointer(status, f"%g{i}.p")
        self.read(f"%g{i}.s", "int32", pointer)
        zero, mark = (
            literal(0, "int32", self.lanes),
            literal(number, "int32", self.lanes),
        )
        self.prologue.append(
            f" %g{i}.f = icmp ne {ints} %g{i}.s, {zero}\n"
            f" %g{i}.k = or {bit} %g{i}, %g{i}.f\n"
            f" %g{i}.n = select {bit} %g{i}.k, {ints} %g{i}.s, {ints} {mark}\n"
        )
        self.put(f"%g{i}.n", "int32", pointer, f"%g{i}.c")


def _bytes(lanes: int) -> str:
    """IR type of truth values in memory."""
    return "i8" if lanes == 1 else f"<{lanes} x i8>"


def _strict_slice(program: Program) -> set[int]:
    """Nodes that some guard depends on: compiled without contraction."""
    operations, operands = program.operations, program.operands
    strict = {operands[i][0] for i, name in enumerate(operations) if name == GUARD}
    if not strict:
        return strict
    for i in range(len(operations) - 1, -1, -1):
        if i in strict and operations[i] not in (INPUT, CONSTANT, GUARD):
            strict.update(operands[i])
    return strict


def _plain_kernel(
    writer: _Writer,
    returns: list[bool],
    sums: dict[tuple[int, int], int],
    status: int,
) -> None:
    """The kernel of a program without rows: the chunks one after another."""
    lines = writer.lines
    lines.append(
        f"define i64 @{KERNEL}({_SIGNATURE}, i64 %begin, i64 %end) nounwind {{\n"
    )
    for k, has_guards in enumerate(returns):
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


def _rows_kernel(
    writer: _Writer,
    returns: list[bool],
    sums: dict[tuple[int, int], int],
    status: int,
) -> None:
    """The kernel of a program with rows: a loop over groups of lanes.

    The last group ends with the last row, so it may compute some rows a second time:
    no masked access, and nothing outside the arrays is touched.
    """
    w, lines = writer.lanes, writer.lines
    lines.append(
        f"define i64 @{KERNEL}({_SIGNATURE}, i64 %begin, i64 %end) nounwind {{\n"
        "entry:\n"
    )
    writer.prologue = lines
    for (k, element), slot in sums.items():
        t = writer.program.results[k].type
        pointer = writer.slot_pointer(slot, f"%z{k}.{element}")
        writer.put(literal(0, t, w), t, pointer, f"%y{k}.{element}")
    lines.append(
        f" %final = sub i64 %end, {w}\n"
        " %some = icmp slt i64 %begin, %end\n"
        " br i1 %some, label %loop, label %done\n"
        "loop:\n"
        " %low = phi i64 [%begin, %entry], [%next, %loop]\n"
        " %fits = icmp sle i64 %low, %final\n"
        " %clamped = select i1 %fits, i64 %low, i64 %final\n"
        " %legal = icmp sge i64 %clamped, 0\n"
        " %row = select i1 %legal, i64 %clamped, i64 0\n"
    )
    _status_lines(writer, status, "before")
    for k in range(len(returns)):
        row = "i64 %row, i64 %low, i64 %end"
        lines.append(f" call void @chunk{k}({_PASS}, {row})\n")
    _status_lines(writer, status, "after")
    lines.append(
        f" %next = add i64 %low, {w}\n"
        " %more = icmp slt i64 %next, %end\n"
        " br i1 %more, label %loop, label %done\n"
        "done:\n"
    )
    _write_sums(writer, sums)
    lines.append(" ret i64 0\n}\n")


def _status_lines(writer: _Writer, status: int, when: str) -> None:
    """Clear the lanes' guard numbers before a group of rows, write them after it."""
    if status == _NO_SLOT:
        return
    w, lines = writer.lanes, writer.lines
    pointer = writer.slot_pointer(status, f"%status.{when}")
    if when == "before":
        writer.put(literal(0, "int32", w), "int32", pointer, "")
        return
    writer.read("%status", "int32", pointer)
    k = len(writer.program.results)
    lines.append(
        f" %status.t = getelementptr ptr, ptr %results, i64 {k}\n"
        " %status.r = load ptr, ptr %status.t\n"
        " %status.p = getelementptr i32, ptr %status.r, i64 %row\n"
    )
    writer.put("%status", "int32", "%status.p", "")


def _write_sums(writer: _Writer, sums: dict[tuple[int, int], int]) -> None:
    """Add the lanes of each accumulator, in order, and write the sums."""
    writer.bases = {}
    writer.has_rows = False  # sums do not lie at a row
    for (k, element), slot in sums.items():
        where = writer.program.results[k]
        t, name = where.type, f"%u{k}.{element}"
        add = "fadd" if t.startswith("float") else "add"
        pointer = writer.slot_pointer(slot, f"{name}.p")
        total = writer.read(f"{name}.v", t, pointer)
        if writer.lanes > 1:
            vector, ir = total, ir_type(t, writer.lanes)
            for j in range(writer.lanes):
                one = f"{name}.{j}"
                writer.lines.append(f" {one} = extractelement {ir} {vector}, i64 {j}\n")
                if j:
                    line = f" {one}.s = {add} {TYPES[t]} {total}, {one}\n"
                    writer.lines.append(line)
                total = f"{one}.s" if j else one
        base = writer.base("results", k, t, 0)
        start = element * where.element_stride * SIZES[t]
        target = writer.offset(base, start, f"{name}.t")
        writer.lines.append(f" store {TYPES[t]} {total}, ptr {target}\n")
