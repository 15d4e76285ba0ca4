"""The fast call: a builtin made by the JIT that checks, allocates, calls and returns.

A builtin made here costs about 50 ns beyond its kernel.  It accepts exactly the
arguments its signature states, in plain containers too; anything else, a failed guard
and keyword arguments included, it hands to a Python fallback, so it is never wrong,
only slower.

It reads CPython's and NumPy's objects at fixed offsets.  `is_fast` holds them against
live objects first, and where one differs a Python function does the same by ctypes.

What lies in a list or a dictionary belongs to that container alone.  No Python code
runs, and no collector, from its check to the end of the kernels; while they run without
the interpreter lock, it is held.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from sys import maxsize
from typing import Any

import numpy as np

from wengert.core.types import dtype_name
from wengert.emit import machine
from wengert.emit.compile import Compiled
from wengert.emit.objects import (
    CONTIGUOUS_ALIGNED,
    DATA,
    DTYPE,
    FLAGS,
    FORTRAN,
    NEW_ARRAY,
    NEW_COPY,
    NUMBER,
    ORDER,
    RANK,
    SHAPE,
    TYPE,
    VALUE,
    WRITEABLE,
    WRITTEN,
    builtin,
    cpython,
    is_fast,
    of_numpy,
    pointer,
)

#: Plain containers, nested, around parameters or around the indices of results; a None
#: among them is itself.  Dictionaries have texts and ints (no subclasses) as keys.
Structure = Any

_ROW = 32  # bytes of a row of the table of kernels
_STACK_BYTES = 32768  # workspaces up to this lie on the stack
#: A workspace of at most so many bytes is kept for the next call, one for all entries:
#: pages that are taken anew are zeroed by the system, which may take most of a call.
_MOST_KEPT = 1 << 27
#: Where it lies and its bytes, read and written under the interpreter's lock.
_KEPT_WORKSPACE = np.zeros(2, np.int64)
_KEPT, _KEPT_ROOM = (pointer(_KEPT_WORKSPACE.ctypes.data + at) for at in (0, 8))
# Calls for which a kernel whose zeros absorb nothing may fail in vain.
_MOST_MISSES = 16
# Nodes times rows from which the interpreter lock is let go: about 20 microseconds,
# a hundred times what letting go and taking it again costs.
_UNLOCK_NODES = 20_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument a fast call accepts.

    Attributes
    ----------
    kind : str
        ``"array"``: exactly a ``numpy.ndarray`` of this type and shape, native byte
        order, aligned, C-contiguous; ``"float"``: a Python float; ``"float64"``: a
        ``numpy.float64``; ``"real"``: either; ``"int"``: a Python int of 64 bits;
        ``"static"``: this value and no other, which the kernel does not see.
    type : str
        NumPy's name of the element type; the class's of a static value.
    shape : tuple of int
    value : bool, int, str, None or member of an enumeration
        That a static argument is: exactly of this class, and the same or equal.
    is_writeable : bool
        Whether an array that is read-only is not accepted.
    """

    kind: str = "array"
    type: str = "float64"
    shape: tuple[int, ...] = ()
    value: object = None
    is_writeable: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """One result of a fast call.

    Attributes
    ----------
    kind : str
        ``"array"``: a new array; ``"scalar"``: a NumPy scalar; ``"python"``: a Python
        float, int or bool.
    type : str
        NumPy's name of the element type.
    shape : tuple of int
    """

    kind: str = "array"
    type: str = "float64"
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a kernel and what comes out.

    Attributes
    ----------
    parameters : tuple of Parameter, None, or lists, tuples and dicts of such
        The call's arguments; those that are not static are the kernel's first ones.
    results : tuple of Returned
        The kernel's results.
    structure : int, None, or nested lists, tuples and dicts of such
        How the results are returned, by index.
    captures : tuple of array
        The kernel's remaining arguments: arrays whose memory is read at each call.
    rows : int
        Number of rows, for a kernel with rows (and without guards).
    is_copied : bool
        Whether arguments that are arrays in another order than C's may be copied for a
        call; else they do not fit.
    most_copied : int
        Bytes from which an array in Fortran's order is not copied all the same.
    is_apart : bool
        Whether arguments that are arrays must not share memory, as one is written.
    """

    parameters: tuple[Structure, ...]
    results: tuple[Returned, ...]
    structure: Structure = 0
    captures: tuple[np.ndarray, ...] = ()
    rows: int = 1
    is_copied: bool = False
    most_copied: int = maxsize
    is_apart: bool = False

    @property
    def moving(self) -> int:
        """Number of arguments that the kernel takes."""
        return sum(leaf.kind != "static" for leaf in leaves(self.parameters))


def children_of(structure: Structure) -> tuple[Structure, ...] | None:
    """What a container of a structure holds; None for what is none."""
    if type(structure) is dict:
        return tuple(structure.values())
    return tuple(structure) if type(structure) in (list, tuple) else None


def leaves(structure: Structure) -> list[Any]:
    """The parameters or indices in a structure, in order."""
    children = children_of(structure)
    if children is not None:
        return [leaf for child in children for leaf in leaves(child)]
    return [] if structure is None else [structure]


def _by_identity(structure: Structure) -> object:
    """What two structures share whose entries are the same machine code."""
    if type(structure) is dict:
        pairs = structure.items()
        return dict, *[(type(key), id(key), _by_identity(x)) for key, x in pairs]
    if type(structure) in (list, tuple):
        return type(structure), *map(_by_identity, structure)
    if type(structure) is Parameter and structure.kind == "static":
        value = structure.value
        return replace(structure, value=(type(value), id(value)))
    return structure


def bind(
    kernels: Sequence[Compiled],
    signature: Signature,
    fallback: Callable[..., object],
    name: str = "replay",
    releases_lock: bool | None = None,
    exits: Sequence[Mapping[int, int]] | None = None,
    waits: bool = True,
) -> Callable[..., object]:
    """A function that runs kernels until one's guards hold.

    Parameters
    ----------
    kernels : sequence of Compiled
        Paths; all have the signature's arguments and results.
    signature : Signature
    fallback : callable
        Called with the same arguments where the signature does not fit or every
        kernel's guards fail.
    name : str
        ``__name__`` of the function.
    releases_lock : bool, optional
        Whether the interpreter lock is let go while kernels run; by the kernels'
        length if not given.
    exits : sequence of mapping of int to int, optional
        For each kernel, which one is tried where its guard of a number fails, under 0
        where any other one fails; the next one if not given.  They come to an end.
    waits : bool
        Whether to wait for a compilation that is under way.

    Returns
    -------
    callable
        A builtin where `is_fast` and nobody else compiles, else a Python function.
    """
    indices = sorted(leaves(signature.structure))
    assert indices == list(range(len(signature.results))), signature.structure
    for array in signature.captures:
        assert array.flags.c_contiguous, "a capture is read as it lies"
        assert array.flags.aligned, "a capture is read as it lies"
    if exits is None:
        exits = [{0: k} for k in range(1, len(kernels))] + [{}]
    if not is_fast():
        return _slow_entry(tuple(kernels), signature, fallback, exits)
    if releases_lock is None:
        work = max(kernel.nodes for kernel in kernels) * signature.rows
        asks = any(kernel.calls for kernel in kernels)  # Python code runs meanwhile
        releases_lock = asks or work > _UNLOCK_NODES
    size = 1 << max(8, max(kernel.workspace for kernel in kernels) - 1).bit_length()
    try:
        module = _entry(signature, releases_lock, size, waits)
    except machine.BusyError:
        return _slow_entry(tuple(kernels), signature, fallback, exits)
    table = _table(kernels, signature, exits)
    # The builtin owns this object, and with it the machine code it runs.
    owner = fallback, table, (module, tuple(kernels), signature)
    return builtin(module.addresses["entry"], owner, name)


def _table(
    kernels: Sequence[Compiled],
    signature: Signature,
    exits: Sequence[Mapping[int, int]],
) -> np.ndarray:
    """What an entry reads: its captures, a row for each kernel, and their exits.

    A row is the kernel's address, whether it gives way, how often it missed, and where
    its exits are: pairs of a guard's number and a row, the last one for any number.
    Places are in bytes from the table's beginning; 0 is none.
    """
    numbers = [*map(id, signature.captures), 0, 0, 0, 0]
    first, lists = 8 * len(numbers), list[int]()
    start = first + _ROW * len(kernels)
    for kernel, ways in zip(kernels, exits, strict=True):
        numbers += [kernel.address, int(kernel.gives_way), 0, start + 8 * len(lists)]
        for guard, to in sorted(ways.items(), reverse=True):
            lists += [guard, first + _ROW * to]
        if 0 not in ways:
            lists += [0, 0]
    return np.array([*numbers, *lists], np.int64)


#: Entries by what they take and return; the kernels that they run are in a table.
_ENTRIES: weakref.WeakValueDictionary[Any, machine.Module] = (
    weakref.WeakValueDictionary()
)
#: The last ones that were made: a function drops its entry before it asks again.
_RECENT: deque[machine.Module] = deque(maxlen=16)


def _entry(
    signature: Signature, releases_lock: bool, size: int, waits: bool
) -> machine.Module:
    """The code of an entry, one for all functions that take and return the same."""
    parameters = _by_identity(signature.parameters)
    captures = tuple(
        (dtype_name(array.dtype), array.shape) for array in signature.captures
    )
    structure = _by_identity(signature.structure)
    results = signature.results, structure, signature.rows
    copied = signature.is_copied, signature.most_copied, signature.is_apart
    key = parameters, captures, results, copied, releases_lock, size
    module = _ENTRIES.get(key)
    if module is None:
        text = _Entry(signature, releases_lock, size).text()
        module = _ENTRIES[key] = machine.compile_text(text, ("entry",), waits)
        _RECENT.append(module)
    return module


# -- the builtin's text -----------------------------------------------------------


#: An entry that copies arguments: it calls itself again with those.
_COPIES = """
define ptr @entry(ptr %self, ptr %args, i64 %n, ptr %names) {{
 %answer = call ptr @call(ptr %self, ptr %args, i64 %n, ptr %names, ptr %args)
 ret ptr %answer
}}
define internal ptr @with.copies(ptr %self, ptr %args, i64 %n) {{
entry:
 %copies = alloca ptr, i64 %n
 br label %next
next:
 %k = phi i64 [0, %entry], [%k.next, %do]
 %is.more = icmp slt i64 %k, %n
 br i1 %is.more, label %do, label %all
do:
 %from = getelementptr ptr, ptr %args, i64 %k
 %to = getelementptr ptr, ptr %copies, i64 %k
 %item = load ptr, ptr %from
 %made = call ptr @in.order(ptr %item)
 store ptr %made, ptr %to
 %k.next = add i64 %k, 1
 %is.made = icmp ne ptr %made, null
 br i1 %is.made, label %next, label %drop
all:
 %found = call ptr @call(ptr %self, ptr %copies, i64 %n, ptr null, ptr %args)
 br label %drop
drop:
 %answer = phi ptr [%found, %all], [null, %do]
 %count = phi i64 [%n, %all], [%k, %do]
 br label %ask
ask:
 %j = phi i64 [%count, %drop], [%j.next, %give]
 %is.left = icmp sgt i64 %j, 0
 br i1 %is.left, label %give, label %end
give:
 %j.next = sub i64 %j, 1
 %at = getelementptr ptr, ptr %copies, i64 %j.next
 %copy = load ptr, ptr %at
 call void {give}(ptr %copy)
 br label %ask
end:
 ret ptr %answer
}}
define internal ptr @in.order(ptr %item) {{
 %kind.at = getelementptr i8, ptr %item, i64 {type}
 %kind = load ptr, ptr %kind.at
 %is.array = icmp eq ptr %kind, {array}
 br i1 %is.array, label %ask, label %same
ask:
 %flags.at = getelementptr i8, ptr %item, i64 {flags}
 %flags = load i32, ptr %flags.at
 %those = and i32 %flags, {wanted}
 %is.fine = icmp eq i32 %those, {wanted}
 br i1 %is.fine, label %same, label %other
same:
 call void {take}(ptr %item)
 ret ptr %item
other:
 %made = call ptr {copy}(ptr %item, i32 0)
 ret ptr %made
}}
"""


@dataclass(slots=True)
class _Entry:
    """The text of one entry."""

    signature: Signature
    releases_lock: bool
    size: int
    lines: list[str] = field(default_factory=list)
    counter: Iterator[int] = field(default_factory=itertools.count)
    #: Which argument of the kernel is checked next.
    given: Iterator[int] = field(default_factory=itertools.count)
    #: Arrays and floats that only a container of the arguments holds.
    inside: list[str] = field(default_factory=list)
    #: Where the arguments' arrays begin, and their bytes.
    memory: list[tuple[str, int]] = field(default_factory=list)

    @property
    def objects(self) -> int:
        """How many objects a call makes, at most."""
        return len(self.signature.results) + _parts(self.signature.structure)

    def line(self, text: str) -> None:
        """Write one line."""
        self.lines.append(f" {text}\n")

    def value(self, text: str) -> str:
        """Write an instruction; the name of its result."""
        name = f"%i{next(self.counter)}"
        self.line(f"{name} = {text}")
        return name

    def load(self, kind: str, base: str, offset: int) -> str:
        """Read a field."""
        at = self.value(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.value(f"load {kind}, ptr {at}")

    def need(self, condition: str, otherwise: str = "slow") -> None:
        """Go on only if a condition holds."""
        label = f"b{next(self.counter)}"
        self.line(f"br i1 {condition}, label %{label}, label %{otherwise}")
        self.lines.append(f"{label}:\n")

    def element(self, table: str, k: int) -> str:
        """Address of an entry of a table of pointers."""
        return self.value(f"getelementptr ptr, ptr {table}, i64 {k}")

    def text(self) -> str:
        """The whole module."""
        is_copied = self.signature.is_copied
        name, more = ("@call", ", ptr %own") if is_copied else ("@entry", "")
        self.lines.append(
            f"define {'internal ' * is_copied}ptr {name}"
            f"(ptr %self, ptr %args, i64 %n, ptr %names{more}) {{\n"
        )
        self.tables()
        self.check_call()
        for k, part in enumerate(self.signature.parameters):
            self.check(self.load("ptr", "%args", 8 * k), part, False)
        if self.signature.is_apart:
            self.check_apart()
        for k, array in enumerate(self.signature.captures):
            # Its shape, its dtype and its memory may be others than they were.
            item = self.load("ptr", "%table", 8 * k)
            like = Parameter("array", dtype_name(array.dtype), array.shape)
            self.check_array(item, self.load("ptr", item, TYPE), like, "slow")
            data = self.load("ptr", item, DATA)
            at = self.element("%given", self.signature.moving + k)
            self.line(f"store ptr {data}, ptr {at}")
        for k, result in enumerate(self.signature.results):
            self.prepare(k, result)
        self.run()
        for k, result in enumerate(self.signature.results):
            if result.kind != "array":
                self.box(k, result)
        self.hand_out()
        self.ways_out()
        return "".join(self.lines)

    def tables(self) -> None:
        """Stack space: pointers of arguments and results, objects, scalars."""
        signature = self.signature
        given = signature.moving + len(signature.captures)
        count = len(signature.results)
        self.line(f"%given = alloca [{max(given, 1)} x ptr]")
        self.line(f"%taken = alloca [{max(count, 1)} x ptr]")
        self.line(f"%scalars = alloca [{2 * max(count, 1)} x i64], align 8")
        self.line(f"%objects = alloca [{max(self.objects, 1)} x ptr]")
        self.line("%place_in_dict = alloca i64")
        self.line("%key_in_dict = alloca ptr")
        self.line("%item_in_dict = alloca ptr")
        for k in range(self.objects):
            at = self.element("%objects", k)
            self.line(f"store ptr null, ptr {at}")
        if self.size <= _STACK_BYTES:
            self.line(f"%workspace = alloca i8, i64 {self.size}, align 64")
        items = tuple.__basicsize__
        self.line(f"%held = getelementptr i8, ptr %self, i64 {items + 8}")
        self.line("%array = load ptr, ptr %held")
        self.line(f"%memory = getelementptr i8, ptr %array, i64 {DATA}")
        self.line("%table = load ptr, ptr %memory")

    def check_call(self) -> None:
        """The number of arguments, and no keywords."""
        count = len(self.signature.parameters)
        self.need(self.value(f"icmp eq i64 %n, {count}"))
        self.need(self.value("icmp eq ptr %names, null"))

    def check_static(self, item: str, value: object) -> None:
        """One argument that must be a known value; ints and texts may be equal."""
        known = pointer(id(value))
        same = self.value(f"icmp eq ptr {item}, {known}")
        if type(value) not in (int, str):
            self.need(same)
            return
        # CPython keeps one object for small ints and for the texts of a program.
        label = f"b{next(self.counter)}"
        self.line(f"br i1 {same}, label %{label}, label %{label}.other")
        self.lines.append(f"{label}.other:\n")
        kind = self.load("ptr", item, TYPE)
        self.need(self.value(f"icmp eq ptr {kind}, {pointer(id(type(value)))}"))
        compare = cpython("PyObject_RichCompareBool")
        equal = self.value(f"call i32 {compare}(ptr {item}, ptr {known}, i32 2)")
        self.need(self.value(f"icmp eq i32 {equal}, 1"))
        self.line(f"br label %{label}")
        self.lines.append(f"{label}:\n")

    def check_integer(self, item: str, kind: str) -> str:
        """A Python int, whose 64 bits are put on the stack; their address."""
        self.need(self.value(f"icmp eq ptr {kind}, {pointer(id(int))}"))
        convert = cpython("PyLong_AsLongLongAndOverflow")
        # In the entry block's frame: nothing here is in a loop.
        above, place = self.value("alloca i32"), self.value("alloca i64")
        number = self.value(f"call i64 {convert}(ptr {item}, ptr {above})")
        overflow = self.value(f"load i32, ptr {above}")
        self.need(self.value(f"icmp eq i32 {overflow}, 0"))
        self.line(f"store i64 {number}, ptr {place}")
        return place

    def check(self, item: str, part: Structure, is_inside: bool) -> None:
        """One argument, or what lies inside of one."""
        if part is None:
            self.check_static(item, None)
        elif type(part) is not Parameter:
            items = self.items_of(item, part)
            for name, child in zip(items, children_of(part) or (), strict=True):
                self.check(name, child, True)
        elif part.kind == "static":
            self.check_static(item, part.value)
        else:
            is_copied = self.signature.is_copied and not is_inside
            self.check_leaf(item, part, "uneven" if is_copied else "slow")
            if is_inside and part.kind != "int":
                self.inside.append(item)

    def items_of(self, item: str, part: Structure) -> list[str]:
        """The items of a container that must be of one class, length and keys."""
        kind, count = type(part), len(part)
        found = self.load("ptr", item, TYPE)
        self.need(self.value(f"icmp eq ptr {found}, {pointer(id(kind))}"))
        name = f"Py{kind.__name__.capitalize()}"
        size = self.value(f"call i64 {cpython(f'{name}_Size')}(ptr {item})")
        self.need(self.value(f"icmp eq i64 {size}, {count}"))
        if kind is dict:
            self.line("store i64 0, ptr %place_in_dict")
            return [self.next_in_dict(item, key) for key in part]
        get = cpython(f"{name}_GetItem")
        return [
            self.value(f"call ptr {get}(ptr {item}, i64 {k})") for k in range(count)
        ]

    def next_in_dict(self, item: str, key: object) -> str:
        """The next item of a dictionary, under a key that must be this one."""
        some = self.value(
            f"call i32 {cpython('PyDict_Next')}(ptr {item}, ptr %place_in_dict,"
            " ptr %key_in_dict, ptr %item_in_dict)"
        )
        self.need(self.value(f"icmp ne i32 {some}, 0"))
        self.check_static(self.value("load ptr, ptr %key_in_dict"), key)
        return self.value("load ptr, ptr %item_in_dict")

    def check_leaf(self, item: str, parameter: Parameter, uneven: str) -> None:
        """An array or a number, and its memory's address into the table."""
        kind = self.load("ptr", item, TYPE)
        if parameter.kind == "array":
            self.check_array(item, kind, parameter, uneven)
            data = self.load("ptr", item, DATA)
            self.memory.append((data, self.size_of(parameter)))
        elif parameter.kind == "int":
            data = self.check_integer(item, kind)
        else:
            self.check_float(kind, parameter.kind)
            data = self.value(f"getelementptr i8, ptr {item}, i64 {VALUE}")
        at = self.element("%given", next(self.given))
        self.line(f"store ptr {data}, ptr {at}")

    def check_float(self, kind: str, wanted: str) -> None:
        """A Python float, a NumPy float64, or either."""
        types = {"float": (float,), "float64": (np.float64,)}
        tests = [
            self.value(f"icmp eq ptr {kind}, {pointer(id(t))}")
            for t in types.get(wanted, (float, np.float64))
        ]
        if len(tests) == 2:
            tests = [self.value(f"or i1 {tests[0]}, {tests[1]}")]
        self.need(tests[0])

    def check_array(
        self, item: str, kind: str, parameter: Parameter, uneven: str
    ) -> None:
        """Type, dtype, shape and layout of an array; where to go by the last."""
        self.need(self.value(f"icmp eq ptr {kind}, {pointer(id(np.ndarray))}"))
        rank = self.load("i32", item, RANK)
        self.need(self.value(f"icmp eq i32 {rank}, {len(parameter.shape)}"))
        dtype = self.load("ptr", item, DTYPE)
        number = self.load("i32", dtype, NUMBER)
        wanted = np.dtype(parameter.type).num
        self.need(self.value(f"icmp eq i32 {number}, {wanted}"))
        order = self.load("i8", dtype, ORDER)
        self.need(self.value(f"icmp ne i8 {order}, {ord('>')}"))
        flags = self.load("i32", item, FLAGS)
        wanted_flags = CONTIGUOUS_ALIGNED | WRITEABLE * parameter.is_writeable
        masked = self.value(f"and i32 {flags}, {wanted_flags}")
        if parameter.shape:
            shape = self.load("ptr", item, SHAPE)
        for axis, length in enumerate(parameter.shape):
            found = self.load("i64", shape, 8 * axis)
            self.need(self.value(f"icmp eq i64 {found}, {length}"))
        is_even = self.value(f"icmp eq i32 {masked}, {wanted_flags}")
        is_large = self.size_of(parameter) >= self.signature.most_copied
        if uneven != "slow" and len(parameter.shape) > 1 and is_large:
            fortran = self.value(f"and i32 {flags}, {FORTRAN}")
            other = self.value(f"icmp eq i32 {fortran}, 0")
            self.need(self.value(f"or i1 {is_even}, {other}"))
        self.need(is_even, uneven)

    def size_of(self, parameter: Parameter) -> int:
        """Bytes of an array."""
        return prod(parameter.shape) * np.dtype(parameter.type).itemsize

    def check_apart(self) -> None:
        """No two arrays, each of one piece, have a byte in common."""
        ranges = [
            (self.value(f"ptrtoint ptr {data} to i64"), size)
            for data, size in self.memory
            if size
        ]
        ends = {start: self.value(f"add i64 {start}, {size}") for start, size in ranges}
        for (one, _), (other, _) in itertools.combinations(ranges, 2):
            before = self.value(f"icmp ule i64 {ends[one]}, {other}")
            behind = self.value(f"icmp ule i64 {ends[other]}, {one}")
            self.need(self.value(f"or i1 {before}, {behind}"))

    def prepare(self, k: int, result: Returned) -> None:
        """A new array, or a scalar's place on the stack."""
        at = self.element("%taken", k)
        if result.kind != "array":
            place = self.value(f"getelementptr i64, ptr %scalars, i64 {2 * k}")
            self.line(f"store ptr {place}, ptr {at}")
            return
        rank, number = len(result.shape), np.dtype(result.type).num
        shape = ", ".join(f"i64 {length}" for length in result.shape)
        dims = "null"
        if rank:
            dims = f"@shape{k}"
            constant = f"{dims} = internal constant [{rank} x i64] [{shape}]\n"
            self.lines.insert(0, constant)
        make, array = pointer(of_numpy(NEW_ARRAY)), pointer(id(np.ndarray))
        made = self.value(
            f"call ptr {make}(ptr {array},"
            f" i32 {rank}, ptr {dims}, i32 {number}, ptr null, ptr null, i32 0, i32 0,"
            " ptr null)"
        )
        self.keep(k, made)
        data = self.load("ptr", made, DATA)
        self.line(f"store ptr {data}, ptr {at}")

    def keep(self, k: int, made: str) -> None:
        """Note a new object; leave with the error if it was not made."""
        at = self.element("%objects", k)
        self.line(f"store ptr {made}, ptr {at}")
        self.need(self.value(f"icmp ne ptr {made}, null"), "failed")

    def run(self) -> None:
        """The kernels, from one to another until one's guards hold."""
        workspace = self.take_workspace()
        state = ""
        if self.releases_lock:
            for item in self.inside:
                self.line(f"call void {cpython('Py_IncRef')}(ptr {item})")
            state = self.value(f"call ptr {cpython('PyEval_SaveThread')}()")
        before = 8 * len(self.signature.captures)
        self.line("br label %ready")
        self.lines.append("ready:\n")
        self.line(f"%first = getelementptr i8, ptr %table, i64 {before + _ROW}")
        self.line("br label %next")
        self.lines.append("next:\n")
        self.line("%place = phi ptr [%first, %ready], [%behind, %next], [%to, %jump]")
        self.line(f"%behind = getelementptr i8, ptr %place, i64 {_ROW}")
        self.line("%kernel = load ptr, ptr %place")
        # A kernel that has kept failing for the one that absorbs is passed over.
        gives = self.load("i64", "%place", 8)
        misses = self.load("i64", "%place", 16)
        many = self.value(f"icmp sgt i64 {misses}, {_MOST_MISSES}")
        gives_way = self.value(f"icmp ne i64 {gives}, 0")
        passed = self.value(f"and i1 {gives_way}, {many}")
        self.line(f"br i1 {passed}, label %next, label %try")
        self.lines.append("try:\n")
        self.line(
            "%answer = call i64 %kernel(ptr %given, ptr %taken,"
            f" ptr {workspace}, i64 0, i64 {self.signature.rows})"
        )
        self.line("%holds = icmp eq i64 %answer, 0")
        self.count_misses()
        self.line("br i1 %holds, label %after, label %left")
        self.choose_next()
        self.lines.append("after:\n")
        self.line("%kept = phi i1 [true, %try], [false, %chosen]")
        if self.releases_lock:
            self.line(f"call void {cpython('PyEval_RestoreThread')}(ptr {state})")
            for item in self.inside:
                self.line(f"call void {cpython('Py_DecRef')}(ptr {item})")
        self.give_workspace()
        self.need("%kept", "refused")

    def choose_next(self) -> None:
        """The kernel that the failing guard's number leads to, or the way out."""
        self.lines.append("left:\n")
        start = self.load("i64", "%place", 24)
        self.line(f"%exits = getelementptr i8, ptr %table, i64 {start}")
        self.line("br label %search")
        self.lines.append("search:\n")
        self.line("%pair = phi ptr [%exits, %left], [%later, %search]")
        self.line("%later = getelementptr i8, ptr %pair, i64 16")
        self.line("%guard = load i64, ptr %pair")
        hit = self.value("icmp eq i64 %guard, %answer")
        last = self.value("icmp eq i64 %guard, 0")
        stop = self.value(f"or i1 {hit}, {last}")
        self.line(f"br i1 {stop}, label %chosen, label %search")
        self.lines.append("chosen:\n")
        row = self.load("i64", "%pair", 8)
        self.line(f"%to = getelementptr i8, ptr %table, i64 {row}")
        none = self.value(f"icmp eq i64 {row}, 0")
        self.line(f"br i1 {none}, label %after, label %jump")
        self.lines.append("jump:\n")
        self.line("br label %next")

    def count_misses(self) -> None:
        """Count a call that the kernel which absorbs took up, and one that it did not.

        Where it leaves its path as well, nothing was absorbed: a guard failed.
        """
        gave_way = self.load("i64", "%place", 8 - _ROW)
        place = self.value(f"getelementptr i8, ptr %place, i64 {16 - _ROW}")
        before = self.value(f"load i64, ptr {place}")
        step = self.value("select i1 %holds, i64 1, i64 -1")
        counted = self.value(f"mul i64 {step}, {gave_way}")
        self.line(
            f"store i64 {self.value(f'add i64 {before}, {counted}')}, ptr {place}"
        )

    def take_workspace(self) -> str:
        """The workspace: what is kept, if it is large enough, else new memory."""
        size = self.size
        if size <= _STACK_BYTES:
            return "%workspace"
        room = size + 64
        self.line(f"%kept.memory = load ptr, ptr {_KEPT}")
        self.line(f"%kept.room = load i64, ptr {_KEPT_ROOM}")
        self.line(f"%fits = icmp uge i64 %kept.room, {room}")
        self.line("br i1 %fits, label %again, label %fresh")
        self.lines.append("again:\n")
        self.line(f"store ptr null, ptr {_KEPT}")
        self.line(f"store i64 0, ptr {_KEPT_ROOM}")
        self.line("br label %got")
        self.lines.append("fresh:\n")
        self.line(f"%new = call ptr {cpython('PyMem_RawMalloc')}(i64 {room})")
        self.line("br label %got")
        self.lines.append("got:\n")
        self.line("%own.memory = phi ptr [%kept.memory, %again], [%new, %fresh]")
        self.line(f"%own.room = phi i64 [%kept.room, %again], [{room}, %fresh]")
        self.need(self.value("icmp ne ptr %own.memory, null"), "starved")
        number = self.value("ptrtoint ptr %own.memory to i64")
        above = self.value(f"add i64 {number}, 63")
        aligned = self.value(f"and i64 {above}, -64")
        return self.value(f"inttoptr i64 {aligned} to ptr")

    def give_workspace(self) -> None:
        """Keep the workspace for the next call, or what is kept if that is larger."""
        if self.size <= _STACK_BYTES:
            return
        self.line(f"%other = load ptr, ptr {_KEPT}")
        self.line(f"%other.room = load i64, ptr {_KEPT_ROOM}")
        larger = self.value("icmp ugt i64 %own.room, %other.room")
        small = self.value(f"icmp ule i64 %own.room, {_MOST_KEPT}")
        keeps = self.value(f"and i1 {larger}, {small}")
        for name, own, other, place in (
            ("memory", "ptr %own.memory", "ptr %other", _KEPT),
            ("room", "i64 %own.room", "i64 %other.room", _KEPT_ROOM),
        ):
            self.line(f"%next.{name} = select i1 {keeps}, {own}, {other}")
            self.line(f"store {own.split()[0]} %next.{name}, ptr {place}")
        left = self.value(f"select i1 {keeps}, ptr %other, ptr %own.memory")
        self.line(f"call void {cpython('PyMem_RawFree')}(ptr {left})")

    def box(self, k: int, result: Returned) -> None:
        """A scalar result as an object."""
        place = self.value(f"getelementptr i64, ptr %scalars, i64 {2 * k}")
        if result.type == "bool":
            self.box_truth(k, place, result.kind)
            return
        kind = WRITTEN[result.type]
        value = self.value(f"load {kind}, ptr {place}, align 4")
        if result.kind == "python":
            self.keep(k, self.python_number(kind, value))
            return
        scalar = pointer(id(np.dtype(result.type).type))
        made = self.value(f"call ptr {cpython('_PyObject_New')}(ptr {scalar})")
        self.keep(k, made)
        target = self.value(f"getelementptr i8, ptr {made}, i64 {VALUE}")
        self.line(f"store {kind} {value}, ptr {target}, align 4")

    def python_number(self, kind: str, value: str) -> str:
        """A Python number of a native one."""
        if kind == WRITTEN["complex128"]:
            parts = ", ".join(
                f"double {self.value(f'extractelement {kind} {value}, i64 {k}')}"
                for k in (0, 1)
            )
            name = cpython("PyComplex_FromDoubles")
            return self.value(f"call ptr {name}({parts})")
        if kind == "float":
            value, kind = self.value(f"fpext float {value} to double"), "double"
        if kind == "i32":
            value, kind = self.value(f"sext i32 {value} to i64"), "i64"
        name = "PyFloat_FromDouble" if kind == "double" else "PyLong_FromLongLong"
        return self.value(f"call ptr {cpython(name)}({kind} {value})")

    def box_truth(self, k: int, place: str, kind: str) -> None:
        """One of the two objects of a truth type."""
        yes, no = (True, False) if kind == "python" else (np.True_, np.False_)
        value = self.value(f"load i8, ptr {place}")
        test = self.value(f"icmp ne i8 {value}, 0")
        made = self.value(
            f"select i1 {test}, ptr {pointer(id(yes))}, ptr {pointer(id(no))}"
        )
        self.line(f"call void {cpython('Py_IncRef')}(ptr {made})")
        self.keep(k, made)

    def hand_out(self) -> None:
        """The results in their structure."""
        free = itertools.count(len(self.signature.results))
        at = self.element("%objects", self.put_together(self.signature.structure, free))
        self.line(f"ret ptr {self.value(f'load ptr, ptr {at}')}")

    def put_together(self, structure: Structure, free: Iterator[int]) -> int:
        """An object of the structure; where it lies among the objects.

        A container is made when its items are there, and filled at once: making the
        next one may start the collector, whose callbacks find all that exists.
        """
        if type(structure) is int:
            return structure
        if structure is None:
            self.line(f"call void {cpython('Py_IncRef')}(ptr {pointer(id(None))})")
            at = next(free)
            self.keep(at, pointer(id(None)))
            return at
        children = children_of(structure) or ()
        items = [self.put_together(child, free) for child in children]
        kind, at, count = type(structure), next(free), len(items)
        if kind is dict:
            made = self.value(f"call ptr {cpython('PyDict_New')}()")
        else:
            new = cpython("PyList_New" if kind is list else "PyTuple_New")
            made = self.value(f"call ptr {new}(i64 {count})")
        self.keep(at, made)
        places = structure if kind is dict else range(count)
        for place, item in zip(places, items, strict=True):
            self.move(item, made, kind, place)
        return at

    def move(self, item: int, made: str, kind: type, place: Any) -> None:
        """Move an object into a container."""
        at = self.element("%objects", item)
        name = self.value(f"load ptr, ptr {at}")
        if kind is dict:
            put, key = cpython("PyDict_SetItem"), pointer(id(place))
            failed = self.value(f"call i32 {put}(ptr {made}, ptr {key}, ptr {name})")
            self.need(self.value(f"icmp eq i32 {failed}, 0"), "failed")
            self.line(f"call void {cpython('Py_DecRef')}(ptr {name})")
        elif kind is list:
            put = cpython("PyList_SetItem")
            self.value(f"call i32 {put}(ptr {made}, i64 {place}, ptr {name})")
        else:  # a new one holds nothing
            own = tuple.__basicsize__ + 8 * place
            target = self.value(f"getelementptr i8, ptr {made}, i64 {own}")
            self.line(f"store ptr {name}, ptr {target}")
        self.line(f"store ptr null, ptr {at}")

    def ways_out(self) -> None:
        """The fallback, and errors: nothing made here survives either."""
        call = cpython("PyObject_Vectorcall")
        self.lines.append("slow:\n")
        fallback = self.load("ptr", "%self", tuple.__basicsize__)
        args = "%own" if self.signature.is_copied else "%args"
        self.line(
            f"%found = call ptr {call}(ptr {fallback}, ptr {args}, i64 %n, ptr %names)"
        )
        self.line("ret ptr %found")
        for label, then in (("refused", "br label %slow"), ("failed", "ret ptr null")):
            self.lines.append(f"{label}:\n")
            self.drop_objects()
            self.line(then)
        if self.size > _STACK_BYTES:
            self.lines.append("starved:\n")
            self.value(f"call ptr {cpython('PyErr_NoMemory')}()")
            self.line("br label %failed")
        if self.signature.is_copied:
            self.lines.append("uneven:\n")
            call = "call ptr @with.copies(ptr %self, ptr %args, i64 %n)"
            self.line(f"ret ptr {self.value(call)}")
        self.lines.append("}\n")
        if self.signature.is_copied:
            self.lines.append(
                _COPIES.format(
                    type=TYPE,
                    array=pointer(id(np.ndarray)),
                    flags=FLAGS,
                    wanted=CONTIGUOUS_ALIGNED,
                    copy=pointer(of_numpy(NEW_COPY)),
                    take=cpython("Py_IncRef"),
                    give=cpython("Py_DecRef"),
                )
            )

    def drop_objects(self) -> None:
        """Give up every object made so far."""
        for k in range(self.objects):
            at = self.element("%objects", k)
            made = self.value(f"load ptr, ptr {at}")
            self.line(f"call void {cpython('Py_DecRef')}(ptr {made})")


def _parts(structure: Structure) -> int:
    """How many parts of a structure are containers or None."""
    if structure is None:
        return 1
    children = children_of(structure)
    return 0 if children is None else 1 + sum(map(_parts, children))


# -- the same by ctypes ---------------------------------------------------------


def _slow_entry(
    kernels: tuple[Compiled, ...],
    signature: Signature,
    fallback: Callable[..., object],
    exits: Sequence[Mapping[int, int]],
) -> Callable[..., object]:
    """What `bind` returns where no builtin can be made."""

    @functools.wraps(fallback, assigned=("__doc__",), updated=())
    def replay(*arguments: object, **keywords: object) -> object:
        given = _accepted(arguments, signature.parameters)
        if keywords or given is None or (signature.is_apart and _overlap(given)):
            return fallback(*arguments, **keywords)
        given += signature.captures
        taken = [np.empty(r.shape, r.type) for r in signature.results]
        place: int | None = 0
        while place is not None:
            guard = kernels[place].call(given, taken, 0, signature.rows)
            if not guard:
                return handed_out(signature.structure, signature.results, taken)
            place = exits[place].get(guard, exits[place].get(0))
        return fallback(*arguments)

    return replay


def _accepted(
    arguments: tuple[object, ...], parameters: tuple[Structure, ...]
) -> tuple[np.ndarray, ...] | None:
    """The arguments as arrays, or None if one is not what its parameter says."""
    given: list[np.ndarray] = []
    return tuple(given) if _fits(arguments, parameters, given) else None


def _overlap(given: Sequence[np.ndarray]) -> bool:
    """Whether two arrays, each of one piece, have a byte in common."""
    pairs = itertools.combinations(given, 2)
    return any(np.may_share_memory(one, other) for one, other in pairs)


def _fits(item: Any, part: Structure, given: list[np.ndarray]) -> bool:
    """Whether an argument is what its parameter says; its arrays join those given."""
    if part is None:
        return item is None
    if type(part) is Parameter:
        return _leaf_fits(item, part, given)
    if type(item) is not type(part):
        return False
    if type(item) is dict:
        pairs = tuple(item.items())  # at once: another thread may change it
        item, keys = [child for _, child in pairs], [key for key, _ in pairs]
        # Their classes first: no Python code compares texts and ints.
        if [*map(type, keys)] != [*map(type, part)] or keys != [*part]:
            return False
    items, children = tuple(item), children_of(part) or ()
    return len(items) == len(children) and all(
        _fits(*pair, given) for pair in zip(items, children, strict=True)
    )


def _leaf_fits(item: Any, parameter: Parameter, given: list[np.ndarray]) -> bool:
    """Whether an array, a number or a static value is what its parameter says."""
    scalars = {"float": (float,), "float64": (np.float64,)}
    if parameter.kind == "static":
        return type(item) is type(parameter.value) and item == parameter.value
    if parameter.kind == "int":
        fits = type(item) is int and -(2**63) <= item < 2**63
    elif parameter.kind != "array":
        fits = type(item) in scalars.get(parameter.kind, (float, np.float64))
    else:
        fits = (
            type(item) is np.ndarray
            and item.dtype == parameter.type
            and item.shape == parameter.shape
            and item.flags.c_contiguous
            and item.flags.aligned
            and (item.flags.writeable or not parameter.is_writeable)
        )
    if fits:
        given.append(np.asarray(item, np.int64 if parameter.kind == "int" else None))
    return fits


def handed_out(
    structure: Structure, results: tuple[Returned, ...], taken: list[np.ndarray]
) -> object:
    """The results in their structure."""
    if type(structure) is dict:
        return {k: handed_out(x, results, taken) for k, x in structure.items()}
    if type(structure) in (list, tuple):
        return type(structure)([handed_out(x, results, taken) for x in structure])
    if structure is None:
        return None
    kind = results[structure].kind
    if kind == "array":
        return taken[structure]
    return taken[structure].item() if kind == "python" else taken[structure][()]
