"""What a function reads from outside, compared by a builtin before a native call.

The conditions of a `Watch` are Python expressions.  Those of a few forms (what a name
of a dictionary, an attribute, a cell or an element is, and that a dictionary has none;
how an array lies, and what it holds) become rows of a table, two numbers each, which
one piece of machine code goes through for all functions: an expression costs 5 to 20 ns
there.  What a field of an object points to is read where it lies, and names of a
dictionary are looked up again only once CPython has counted a change of it: 1 ns.  All
others are one Python function, which is a row too.  Where one does not hold, the thunk
that `Watch` writes in Python decides.
"""

from __future__ import annotations

import ast
import ctypes
import functools
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import IntEnum
from types import CellType, FunctionType
from typing import Any

import numpy as np

from wengert.capture.reads import Contents, Watch
from wengert.emit import machine
from wengert.emit.objects import (
    CODE,
    CONTENT,
    DATA,
    DEFAULTS,
    DTYPE,
    RANK,
    SHAPE,
    STRIDES,
    TYPE,
    VERSION,
    builtin,
    counts_changes,
    cpython,
    is_fast,
    pointer,
)


class Do(IntEnum):
    """What a row does.

    There is one object at a time: a row takes it, and leaves another or, where it is a
    question, none.
    """

    END = 0
    LOAD = 1
    KEPT = 2
    ITEM = 3
    ATTRIBUTE = 4
    CALL = 5
    CELL = 6
    VARIABLE = 7
    KEEP = 8
    PUSH = 9
    IS = 10
    TYPE = 11
    LENGTH = 12
    NUMBERS = 13
    BYTES = 14
    LACKS = 15
    FIELDS = 16
    UNCHANGED = 17
    SEEN = 18


#: The name that an expression of a `Watch` gives to a part of itself.
INNER = "d"
#: Arguments beside which numbers from outside are handed on.
MOST_ARGUMENTS = 64

Row = tuple[Do, Any]
#: The rows that end a question.
ASKING = (Do.IS, Do.TYPE, Do.LENGTH, Do.NUMBERS, Do.BYTES, Do.LACKS, Do.FIELDS)
#: Where the fields of objects lie.
FIELDS = {
    (FunctionType, "__code__"): CODE,
    (FunctionType, "__defaults__"): DEFAULTS,
    (CellType, "cell_contents"): CONTENT,
    (np.ndarray, "dtype"): DTYPE,
}
#: The rows whose operand is an address of numbers.
BLOCKS = (Do.NUMBERS, Do.BYTES, Do.FIELDS, Do.UNCHANGED, Do.SEEN)


class NoRowsError(Exception):
    """An expression of another form."""


def watched(
    watch: Watch,
    call: Callable[..., Any],
    thunk: Callable[..., Any],
    name: str,
    waits: bool = True,
    is_hurried: bool = False,
) -> Callable[..., Any]:
    """Return what makes a call if all holds that is watched.

    Parameters
    ----------
    watch : Watch
    call : callable
        Takes the arguments, and the numbers that are inputs behind them.
    thunk : callable
        Takes the arguments where something may have changed.
    name : str
        ``__name__`` of the builtin.
    waits : bool
        Whether to wait for a compilation that is under way.
    is_hurried : bool
        Whether machine code that was made in haste will do.

    Returns
    -------
    callable
        A builtin where `is_fast` and nobody else compiles, else the thunk.
    """
    if not is_fast():
        return thunk
    try:
        code = module(waits, is_hurried)
    except machine.BusyError:
        return thunk
    rows, kept = rows_of(watch)
    count = sum(operation == Do.PUSH for operation, _ in rows)
    table = np.array([count, 0, *numbered(rows, kept)], np.int64)
    # The builtin owns this object, and with it all that the table points to.
    owner = thunk, call, table, (kept, watch, code)
    return builtin(code.addresses["entry"], owner, name)


def numbered(rows: list[Row], kept: list[Any]) -> Iterator[int]:
    """Yield the rows of a table as numbers; objects and blocks are kept, by address."""
    for operation, operand in rows:
        yield operation
        if operation is Do.LENGTH:
            yield operand
        elif operation in BLOCKS:
            kept.append(block := np.asarray(operand, np.int64))
            yield block.ctypes.data
        else:
            kept.append(operand)
            yield id(operand)
    yield from (Do.END, 0)


def rows_of(watch: Watch) -> tuple[list[Row], list[Any]]:
    """Return the rows of all conditions and of the numbers; and what must be kept."""
    forms, kept = Forms(watch.names), list[Any]()
    rows, others = list[Row](), list[str]()
    for test in watch.tests:
        try:
            rows += forms.test(parsed(test))
        except NoRowsError:
            others.append(f"({test})")
    looks = list(watch.looks)
    for held in watch.contents:
        array, flags = held.array, held.array.flags
        if flags.forc and not array.dtype.hasobject:
            rows += comparison(held)
            kept.append(held)
        else:
            looks.append(functools.partial(is_changed, held))
    if others or looks:
        names = {**watch.names, "looks": looks}
        test = " and ".join([*others, "not any(look() for look in looks)"])
        rows += [
            (Do.LOAD, eval(f"lambda: bool({test})", names)),
            (Do.CALL, None),
            (Do.IS, True),
        ]
    rows = ordered(rows)
    fixed = dict(watch.fixed)
    for number, text in enumerate(watch.values):
        try:
            found = forms.value(parsed(text))
        except NoRowsError:
            found = [
                (Do.LOAD, eval(f"lambda: {text}", dict(watch.names))),
                (Do.CALL, None),
            ]
        if number in fixed:
            found += [
                (Do.KEEP, None),
                (Do.KEPT, None),
                (Do.IS, fixed[number]),
                (Do.KEPT, None),
            ]
        rows += [*found, (Do.PUSH, None)]
    return rows, kept


def ordered(rows: list[Row]) -> list[Row]:
    """Return the rows of questions in another order: fields, names, and all others.

    All fields are one row.  The names of a dictionary stand between two, of which the
    first leads behind the second where the dictionary has not changed since.
    """
    fields, others, one = list[int](), list[Row](), list[Row]()
    named: dict[int, list[Row]] = {}
    for row in rows:
        one.append(row)
        if row[0] not in ASKING:
            continue
        operations, operands = zip(*one, strict=True)
        if operations == (Do.FIELDS,):
            fields += operands[0]
        elif operations in OF_NAMES and is_counted(operands[0]):
            named.setdefault(id(operands[0]), []).extend(one)
        else:
            others += one
        one = []
    found: list[Row] = [(Do.FIELDS, [len(fields) // 2, *fields])] if fields else []
    for address, asked in named.items():
        block = np.array([address + VERSION, 0, 16 * (len(asked) + 1)], np.int64)
        found += [(Do.UNCHANGED, block), *asked, (Do.SEEN, block)]
    return [*found, *others, *one]


#: The questions about a name of a dictionary.
OF_NAMES = (Do.LOAD, Do.ITEM, Do.IS), (Do.LOAD, Do.LACKS)


def is_counted(names: Any) -> bool:
    """Whether something is a dictionary whose changes are counted."""
    return type(names) is dict and counts_changes(names)


def is_changed(held: Contents) -> bool:
    """Whether an array holds something else."""
    return not held.hold()


@functools.lru_cache(maxsize=512)
def parsed(text: str) -> ast.expr:
    """Return the tree of an expression."""
    return ast.parse(text, mode="eval").body


def question(tree: ast.expr) -> tuple[str, ast.expr | None]:
    """Return the name of a function of one argument, and the argument, if it is one."""
    if type(tree) is ast.Call and type(tree.func) is ast.Name and len(tree.args) == 1:
        return tree.func.id, tree.args[0]
    return "", None


def comparison(held: Contents) -> list[Row]:
    """Return the rows that ask whether an array in one piece holds what it held."""
    address = np.frombuffer(held.bytes, np.uint8).ctypes.data
    rank = len(held.shape)
    asked = [
        (Do.NUMBERS, [SHAPE, rank, *held.shape]),
        (Do.NUMBERS, [STRIDES, rank, *held.strides]),
        (Do.BYTES, [len(held.bytes), address]),
    ]
    return [row for question in asked for row in ((Do.LOAD, held.array), question)]


class Forms:
    """The rows of expressions, and what their names stand for."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def test(self, tree: ast.expr) -> list[Row]:
        """Return the rows of a condition."""
        if type(tree) is ast.BoolOp and type(tree.op) is ast.And:
            return [row for part in tree.values for row in self.test(part)]
        if type(tree) is ast.Call:
            return self.lacking(tree)
        if type(tree) is not ast.Compare or len(tree.ops) > 1:
            raise NoRowsError
        left, right = tree.left, self.constant(tree.comparators[0])
        asked, of = question(left)
        if type(tree.ops[0]) is ast.Is:
            field = self.field(left)
            if field is not None:
                is_none = field[1] == DEFAULTS and right is None
                return [(Do.FIELDS, [sum(field), 0 if is_none else id(right)])]
            if of and asked == "type":
                return [*self.value(of), (Do.TYPE, right)]
            return [*self.value(left), (Do.IS, right)]
        if type(tree.ops[0]) is not ast.Eq:
            raise NoRowsError
        if of and asked == "len" and type(right) is int:
            return [*self.value(of), (Do.LENGTH, right)]
        array = self.array(left)
        place = {"shape": SHAPE, "strides": STRIDES}.get(getattr(left, "attr", ""))
        if array is None or place is None or type(right) is not tuple:
            raise NoRowsError
        return [(Do.LOAD, array), (Do.NUMBERS, [place, len(right), *right])]

    def lacking(self, tree: ast.Call) -> list[Row]:
        """Return the rows that ask whether none of some names is in a dictionary."""
        keys = getattr(tree.func, "value", None)
        owner = getattr(getattr(keys, "func", None), "value", None)
        if owner is None or ast.unparse(tree.func) != f"{owner.id}.keys().isdisjoint":
            raise NoRowsError
        found, names = self.constant(owner), self.constant(tree.args[0])
        if type(found) is not dict or {str} != {*map(type, names)}:
            raise NoRowsError
        asked = [(Do.LACKS, sys.intern(name)) for name in names]
        return [row for one in asked for row in ((Do.LOAD, found), one)]

    def constant(self, tree: ast.expr) -> Any:
        """Return what a name or a literal stands for."""
        if type(tree) is ast.Constant:
            return tree.value
        if type(tree) is ast.Name and tree.id in self.names:
            return self.names[tree.id]
        raise NoRowsError

    def array(self, tree: ast.expr) -> np.ndarray | None:
        """Return the array that an attribute is asked of; None if there is none."""
        if type(tree) is not ast.Attribute or type(tree.value) is not ast.Name:
            return None
        value = self.constant(tree.value)
        return value if type(value) is np.ndarray else None

    def value(self, tree: ast.expr) -> list[Row]:
        """Return the rows that leave the value of an expression."""
        if type(tree) is ast.NamedExpr and tree.target.id == INNER:
            return [*self.value(tree.value), (Do.KEEP, None), (Do.KEPT, None)]
        if type(tree) is ast.Name and tree.id == INNER:
            return [(Do.KEPT, None)]
        if type(tree) is ast.Subscript:
            key = self.constant(tree.slice)
            key = sys.intern(key) if type(key) is str else key
            return [*self.value(tree.value), (Do.ITEM, key)]
        if type(tree) is ast.Attribute:
            owner = self.value(tree.value)
            is_cell = owner[-1][0] is Do.LOAD and type(owner[-1][1]) is CellType
            if is_cell and tree.attr == "cell_contents":
                return [*owner, (Do.CELL, None)]
            return [*owner, (Do.ATTRIBUTE, tree.attr)]
        if type(tree) is ast.Call and not tree.keywords:
            return self.variable(tree)
        return [(Do.LOAD, self.constant(tree))]

    def field(self, tree: ast.expr) -> tuple[int, int] | None:
        """Return where an object lies, and a field in it; None for what is none."""
        asked, of = question(tree)
        owner = getattr(tree, "value", of if asked == "type" else None)
        if type(owner) is not ast.Name or owner.id not in self.names:
            return None
        held = self.names[owner.id]
        if asked:
            return id(held), TYPE
        at = FIELDS.get((type(held), getattr(tree, "attr", "")))
        return None if at is None else (id(held), at)

    def variable(self, tree: ast.Call) -> list[Row]:
        """Return the rows of a context variable that is asked what it holds."""
        get = self.constant(tree.func)
        variable = getattr(get, "__self__", None)
        default = [self.constant(arg) for arg in tree.args]
        if type(variable) is not ContextVar or get != variable.get or default != [None]:
            raise NoRowsError
        return [(Do.LOAD, variable), (Do.VARIABLE, None)]


# What goes through the table.  An object is owned while it is at hand.
_TEXT = """
define ptr @entry(ptr %self, ptr %args, i64 %n, ptr %names) {{
entry:
 %found = alloca ptr
 %thunk.at = getelementptr i8, ptr %self, i64 {items}
 %thunk = load ptr, ptr %thunk.at
 %call.at = getelementptr ptr, ptr %thunk.at, i64 1
 %call = load ptr, ptr %call.at
 %array.at = getelementptr ptr, ptr %thunk.at, i64 2
 %array = load ptr, ptr %array.at
 %table.at = getelementptr i8, ptr %array, i64 {data}
 %table = load ptr, ptr %table.at
 %more = load i64, ptr %table
 %start = getelementptr i8, ptr %table, i64 16
 %has.more = icmp ne i64 %more, 0
 br i1 %has.more, label %copy, label %loop
copy:
 %is.named = icmp ne ptr %names, null
 %is.long = icmp ugt i64 %n, {most}
 %is.other = or i1 %is.named, %is.long
 br i1 %is.other, label %slow, label %room
room:
 %count = add i64 %n, %more
 %room.own = alloca ptr, i64 %count
 %size = shl i64 %n, 3
 call ptr {memcpy}(ptr %room.own, ptr %args, i64 %size)
 br label %loop
loop:
 %own = phi ptr [null, %entry], [%room.own, %room], [%own, %on]
 %row = phi ptr [%start, %entry], [%start, %room], [%row.on, %on]
 %item = phi ptr [null, %entry], [null, %room], [%item.next, %on]
 %kept = phi ptr [null, %entry], [null, %room], [%kept.next, %on]
 %version = phi i64 [0, %entry], [0, %room], [%version.next, %on]
 %pushed = phi i64 [0, %entry], [0, %room], [%pushed.next, %on]
 %operation = load i64, ptr %row
 %operand.at = getelementptr i8, ptr %row, i64 8
 %operand = load ptr, ptr %operand.at
 %number = ptrtoint ptr %operand to i64
 %row.next = getelementptr i8, ptr %row, i64 16
 switch i64 %operation, label %do.end [ {cases} ]

do.load:
 br label %borrowed
do.kept:
 br label %borrowed
borrowed:
 %lent = phi ptr [%operand, %do.load], [%kept, %do.kept]
 call void {take}(ptr %lent)
 br label %fetched
do.item:
 %item.found = call ptr {get_item}(ptr %item, ptr %operand)
 br label %fetched
do.attribute:
 %attribute.found = call ptr {get_attribute}(ptr %item, ptr %operand)
 br label %fetched
do.call:
 %call.found = call ptr {call_it}(ptr %item)
 br label %fetched
do.cell:
 %cell.found = call ptr {get_cell}(ptr %item)
 br label %fetched
do.variable:
 store ptr null, ptr %found
 call i32 {get_variable}(ptr %item, ptr {none}, ptr %found)
 %variable.found = load ptr, ptr %found
 br label %fetched
fetched:
 %new = phi ptr [%lent, %borrowed], [%item.found, %do.item],
   [%attribute.found, %do.attribute], [%call.found, %do.call], [%cell.found, %do.cell],
   [%variable.found, %do.variable]
 call void {give}(ptr %item)
 %is.there = icmp ne ptr %new, null
 br label %on

do.keep:
 call void {give}(ptr %kept)
 br label %on
do.push:
 %place = add i64 %n, %pushed
 %place.at = getelementptr ptr, ptr %own, i64 %place
 store ptr %item, ptr %place.at
 %pushed.one = add i64 %pushed, 1
 br label %on

do.is:
 %is.same = icmp eq ptr %item, %operand
 br label %asked
do.type:
 %type.at = getelementptr i8, ptr %item, i64 {type}
 %type.found = load ptr, ptr %type.at
 %is.kind = icmp eq ptr %type.found, %operand
 br label %asked
do.length:
 %length.found = call i64 {get_length}(ptr %item)
 %is.long.as = icmp eq i64 %length.found, %number
 br label %asked
do.numbers:
 %where = load i64, ptr %operand
 %rank.at = getelementptr i8, ptr %operand, i64 8
 %rank = load i64, ptr %rank.at
 %those = getelementptr i8, ptr %operand, i64 16
 %rank.found.at = getelementptr i8, ptr %item, i64 {rank}
 %rank.short = load i32, ptr %rank.found.at
 %rank.found = sext i32 %rank.short to i64
 %is.ranked = icmp eq i64 %rank, %rank.found
 %numbers.at = getelementptr i8, ptr %item, i64 %where
 %numbers.found = load ptr, ptr %numbers.at
 %all.of = shl i64 %rank, 3
 %compared = select i1 %is.ranked, i64 %all.of, i64 0
 %numbers.order = call i32 {memcmp}(ptr %numbers.found, ptr %those, i64 %compared)
 %numbers.same = icmp eq i32 %numbers.order, 0
 %is.numbered = and i1 %is.ranked, %numbers.same
 br label %asked
do.bytes:
 %bytes.size = load i64, ptr %operand
 %bytes.at = getelementptr i8, ptr %operand, i64 8
 %bytes.those = load ptr, ptr %bytes.at
 %bytes.found.at = getelementptr i8, ptr %item, i64 {data}
 %bytes.found = load ptr, ptr %bytes.found.at
 %bytes.order = call i32 {memcmp}(ptr %bytes.found, ptr %bytes.those, i64 %bytes.size)
 %is.content = icmp eq i32 %bytes.order, 0
 br label %asked
do.lacks:
 %lacks.found = call i32 {contains}(ptr %item, ptr %operand)
 %is.lacking = icmp eq i32 %lacks.found, 0
 br label %asked
asked:
 %holds = phi i1 [%is.same, %do.is], [%is.kind, %do.type], [%is.long.as, %do.length],
   [%is.numbered, %do.numbers], [%is.content, %do.bytes], [%is.lacking, %do.lacks]
 call void {give}(ptr %item)
 br label %on

do.fields:
 %fields = load i64, ptr %operand
 br label %field
field:
 %field.number = phi i64 [0, %do.fields], [%field.more, %field]
 %field.index = shl i64 %field.number, 4
 %field.row = getelementptr i8, ptr %operand, i64 %field.index
 %field.at = getelementptr i8, ptr %field.row, i64 8
 %field.place = load ptr, ptr %field.at
 %field.found = load ptr, ptr %field.place
 %field.wanted.at = getelementptr i8, ptr %field.row, i64 16
 %field.wanted = load ptr, ptr %field.wanted.at
 %is.held = icmp eq ptr %field.found, %field.wanted
 %field.more = add i64 %field.number, 1
 %is.unread = icmp slt i64 %field.more, %fields
 %reads.on = and i1 %is.held, %is.unread
 br i1 %reads.on, label %field, label %on
do.unchanged:
 %version.at = load ptr, ptr %operand
 %version.found = load i64, ptr %version.at
 %version.seen.at = getelementptr i8, ptr %operand, i64 8
 %version.seen = load i64, ptr %version.seen.at
 %bytes.past.at = getelementptr i8, ptr %operand, i64 16
 %bytes.past = load i64, ptr %bytes.past.at
 %is.unchanged = icmp eq i64 %version.found, %version.seen
 %bytes.on = select i1 %is.unchanged, i64 %bytes.past, i64 0
 %row.past = getelementptr i8, ptr %row.next, i64 %bytes.on
 br label %on
do.seen:
 %seen.at = getelementptr i8, ptr %operand, i64 8
 store i64 %version, ptr %seen.at
 br label %on

on:
 %row.on = phi ptr [%row.past, %do.unchanged], [%row.next, %fetched],
   [%row.next, %do.keep], [%row.next, %do.push], [%row.next, %asked],
   [%row.next, %field], [%row.next, %do.seen]
 %version.next = phi i64 [%version.found, %do.unchanged], [%version, %fetched],
   [%version, %do.keep], [%version, %do.push], [%version, %asked],
   [%version, %field], [%version, %do.seen]
 %item.next = phi ptr [%new, %fetched], [null, %do.keep], [null, %do.push],
   [null, %asked], [null, %field], [null, %do.unchanged], [null, %do.seen]
 %kept.next = phi ptr [%kept, %fetched], [%item, %do.keep], [%kept, %do.push],
   [%kept, %asked], [%kept, %field], [%kept, %do.unchanged], [%kept, %do.seen]
 %pushed.next = phi i64 [%pushed, %fetched], [%pushed, %do.keep],
   [%pushed.one, %do.push], [%pushed, %asked], [%pushed, %field],
   [%pushed, %do.unchanged], [%pushed, %do.seen]
 %goes.on = phi i1 [%is.there, %fetched], [true, %do.keep], [true, %do.push],
   [%holds, %asked], [%is.held, %field], [true, %do.unchanged], [true, %do.seen]
 br i1 %goes.on, label %loop, label %left

do.end:
 call void {give}(ptr %kept)
 br i1 %has.more, label %with.more, label %alone
alone:
 %answer = call ptr {vectorcall}(ptr %call, ptr %args, i64 %n, ptr %names)
 ret ptr %answer
with.more:
 %all = add i64 %n, %pushed
 %answer.more = call ptr {vectorcall}(ptr %call, ptr %own, i64 %all, ptr null)
 call void @give.up(ptr %own, i64 %n, i64 %pushed)
 ret ptr %answer.more

left:
 call void {give}(ptr %kept.next)
 call void @give.up(ptr %own, i64 %n, i64 %pushed.next)
 %error = call ptr {error}()
 %is.error = icmp ne ptr %error, null
 br i1 %is.error, label %raised, label %slow
raised:
 %is.usual = call i32 {error_is}(ptr {exception})
 %is.more = icmp eq i32 %is.usual, 0
 br i1 %is.more, label %out, label %forget
forget:
 call void {forget}()
 br label %slow
out:
 ret ptr null
slow:
 %answer.slow = call ptr {vectorcall}(ptr %thunk, ptr %args, i64 %n, ptr %names)
 ret ptr %answer.slow
}}

define internal void @give.up(ptr %own, i64 %n, i64 %count) {{
entry:
 br label %ask
ask:
 %k = phi i64 [0, %entry], [%k.next, %one]
 %is.left = icmp slt i64 %k, %count
 br i1 %is.left, label %one, label %end
one:
 %k.next = add i64 %k, 1
 %place = add i64 %n, %k
 %at = getelementptr ptr, ptr %own, i64 %place
 %item = load ptr, ptr %at
 call void {give}(ptr %item)
 br label %ask
end:
 ret void
}}
"""


#: The machine code, one for all functions, by code generation level, once it is made.
_MADE: dict[int, machine.Module] = {}
HASTE, BEST = 0, 2


def is_best() -> bool:
    """Whether the machine code is there that runs fastest."""
    return BEST in _MADE


def module(waits: bool = True, is_hurried: bool = False) -> machine.Module:
    """The machine code; raises `machine.BusyError` rather than wait where told so.

    In haste it is made in a third of the time, and asks in 1.2 times the time.
    """
    level = HASTE if is_hurried and not is_best() else BEST
    if level not in _MADE:
        made = machine.compile_text(_text(), ("entry",), waits, level=level)
        _MADE.setdefault(level, made)
    return _MADE[level]


def _text() -> str:
    """The text of the machine code."""
    c_library = ctypes.CDLL(None)
    return _TEXT.format(
        cases=" ".join(f"i64 {row}, label %do.{row.name.lower()}" for row in Do),
        items=tuple.__basicsize__,
        data=DATA,
        rank=RANK,
        type=TYPE,
        most=MOST_ARGUMENTS,
        none=pointer(id(None)),
        exception=pointer(id(Exception)),
        memcmp=pointer(machine.address_of(c_library.memcmp)),
        memcpy=pointer(machine.address_of(c_library.memcpy)),
        take=cpython("Py_IncRef"),
        give=cpython("Py_DecRef"),
        get_item=cpython("PyObject_GetItem"),
        get_attribute=cpython("PyObject_GetAttr"),
        get_cell=cpython("PyCell_Get"),
        get_variable=cpython("PyContextVar_Get"),
        get_length=cpython("PyObject_Size"),
        contains=cpython("PyDict_Contains"),
        call_it=cpython("PyObject_CallNoArgs"),
        vectorcall=cpython("PyObject_Vectorcall"),
        error=cpython("PyErr_Occurred"),
        error_is=cpython("PyErr_ExceptionMatches"),
        forget=cpython("PyErr_Clear"),
    )
