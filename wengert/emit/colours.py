"""The greedy loops of colourings in machine code.

The colours that stand in a line are the bits of its words; a colour for a vertex is the
lowest bit that is zero in all words of what forbids it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from wengert.emit import machine

#: Beginning and end of both functions: the vertices in order, and for every word what
#: `look` finds to be forbidden by the neighbours, one after another.
LOOPS = """
define i64 @{name}(ptr %indptr, ptr %indices, ptr %order, i64 %count, ptr %around,
    ptr %twice, ptr %hubs, i64 %words, ptr %colors) nounwind {{
entry:
 br label %vertex
vertex:
 %i = phi i64 [0, %entry], [%i.next, %marked]
 %is.more = icmp slt i64 %i, %count
 br i1 %is.more, label %start, label %done
done:
 ret i64 0
start:
 %i.next = add i64 %i, 1
 %v = call i64 @at(ptr %order, i64 %i)
 %a = call i64 @at(ptr %indptr, i64 %v)
 %v.next = add i64 %v, 1
 %b = call i64 @at(ptr %indptr, i64 %v.next)
 br label %word
word:
 %w = phi i64 [0, %start], [%w.next, %looked]
 %w.next = add i64 %w, 1
 %is.word = icmp slt i64 %w, %words
 br i1 %is.word, label %line, label %few
few:
 ret i64 1
line:
 %e = phi i64 [%a, %word], [%e.next, %look]
 %used = phi i64 [0, %word], [%used.next, %look]
 %is.line = icmp slt i64 %e, %b
 br i1 %is.line, label %look, label %looked
look:
 %e.next = add i64 %e, 1
 %k = call i64 @at(ptr %indices, i64 %e)
 %k.word = mul i64 %k, %words
 %k.place = add i64 %k.word, %w
 %x = call i64 @at(ptr %around, i64 %k.place)
{look}
 br label %line
looked:
 %is.full = icmp eq i64 %used, -1
 br i1 %is.full, label %word, label %chosen
chosen:
 %free = xor i64 %used, -1
 %number = call i64 @llvm.cttz.i64(i64 %free, i1 true)
 %w.first = shl i64 %w, 6
 %color = add i64 %w.first, %number
 %color.at = getelementptr i64, ptr %colors, i64 %v
 store i64 %color, ptr %color.at
 br label %mark
mark:
 %m = phi i64 [%a, %chosen], [%m.next, %next]
 %is.mark = icmp slt i64 %m, %b
 br i1 %is.mark, label %one, label %{marked}
one:
 %m.next = add i64 %m, 1
 %y = call i64 @at(ptr %indices, i64 %m)
{mark}
next:
 br label %mark
{last}
marked:
 br label %vertex
}}
"""
#: An element; whether a row has a colour; and a row that gets one.
WORDS = """
declare i64 @llvm.cttz.i64(i64, i1)
define internal i64 @at(ptr %table, i64 %place) nounwind {
 %here = getelementptr i64, ptr %table, i64 %place
 %x = load i64, ptr %here
 ret i64 %x
}
define internal ptr @word(ptr %table, i64 %row, i64 %words, i64 %color) nounwind {
 %first = mul i64 %row, %words
 %number = lshr i64 %color, 6
 %place = add i64 %first, %number
 %here = getelementptr i64, ptr %table, i64 %place
 ret ptr %here
}
define internal i1 @has(ptr %table, i64 %row, i64 %words, i64 %color) nounwind {
 %here = call ptr @word(ptr %table, i64 %row, i64 %words, i64 %color)
 %x = load i64, ptr %here
 %in = and i64 %color, 63
 %shifted = lshr i64 %x, %in
 %bit = trunc i64 %shifted to i1
 ret i1 %bit
}
define internal void @put(ptr %table, i64 %row, i64 %words, i64 %color) nounwind {
 %here = call ptr @word(ptr %table, i64 %row, i64 %words, i64 %color)
 %x = load i64, ptr %here
 %in = and i64 %color, 63
 %bit = shl i64 1, %in
 %y = or i64 %x, %bit
 store i64 %y, ptr %here
 ret void
}
"""
GREEDY = LOOPS.format(
    name="wengert.greedy",
    look=" %used.next = or i64 %used, %x",
    mark="""
 call void @put(ptr %around, i64 %y, i64 %words, i64 %color)
 br label %next
""",
    marked="marked",
    last="",
)
STAR = LOOPS.format(
    name="wengert.star",
    look="""
 %c = call i64 @at(ptr %colors, i64 %k)
 %is.none = icmp slt i64 %c, 0
 %c.or = select i1 %is.none, i64 0, i64 %c
 %is.twice = call i1 @has(ptr %twice, i64 %v, i64 %words, i64 %c.or)
 %x.twice = select i1 %is.twice, i64 %x, i64 0
 %c.word = lshr i64 %c.or, 6
 %is.here = icmp eq i64 %w, %c.word
 %c.in = and i64 %c.or, 63
 %c.bit = shl i64 1, %c.in
 %own = select i1 %is.here, i64 %c.bit, i64 0
 %h = call i64 @at(ptr %hubs, i64 %k.place)
 %forbids.h = or i64 %own, %h
 %forbids = or i64 %forbids.h, %x.twice
 %used.more = or i64 %used, %forbids
 %used.next = select i1 %is.none, i64 %used, i64 %used.more
""",
    mark="""
 %is.self = icmp eq i64 %y, %v
 br i1 %is.self, label %next, label %other
other:
 %is.around = call i1 @has(ptr %around, i64 %y, i64 %words, i64 %color)
 br i1 %is.around, label %again, label %new
new:
 call void @put(ptr %around, i64 %y, i64 %words, i64 %color)
 br label %next
again:
 %y.color = call i64 @at(ptr %colors, i64 %y)
 %y.none = icmp slt i64 %y.color, 0
 %y.twice = call i1 @has(ptr %twice, i64 %y, i64 %words, i64 %color)
 call void @put(ptr %twice, i64 %y, i64 %words, i64 %color)
 br i1 %y.none, label %next, label %hub
hub:
 call void @put(ptr %hubs, i64 %v, i64 %words, i64 %y.color)
 br i1 %y.twice, label %next, label %first
first:
 %y.a = call i64 @at(ptr %indptr, i64 %y)
 %y.next = add i64 %y, 1
 %y.b = call i64 @at(ptr %indptr, i64 %y.next)
 br label %spokes
spokes:
 %s = phi i64 [%y.a, %first], [%s.next, %spoke.next]
 %is.spoke = icmp slt i64 %s, %y.b
 br i1 %is.spoke, label %spoke, label %next
spoke:
 %s.next = add i64 %s, 1
 %z = call i64 @at(ptr %indices, i64 %s)
 %z.color = call i64 @at(ptr %colors, i64 %z)
 %is.same = icmp eq i64 %z.color, %color
 br i1 %is.same, label %spoke.put, label %spoke.next
spoke.put:
 call void @put(ptr %hubs, i64 %z, i64 %words, i64 %y.color)
 br label %spoke.next
spoke.next:
 br label %spokes
""",
    marked="own.hub",
    last="""
own.hub:
 %o = phi i64 [%a, %mark], [%o.next, %own.next]
 %is.own = icmp slt i64 %o, %b
 br i1 %is.own, label %own.spoke, label %marked
own.spoke:
 %o.next = add i64 %o, 1
 %u = call i64 @at(ptr %indices, i64 %o)
 %u.color = call i64 @at(ptr %colors, i64 %u)
 %u.none = icmp slt i64 %u.color, 0
 br i1 %u.none, label %own.next, label %own.asked
own.asked:
 %u.twice = call i1 @has(ptr %twice, i64 %v, i64 %words, i64 %u.color)
 br i1 %u.twice, label %own.put, label %own.next
own.put:
 call void @put(ptr %hubs, i64 %u, i64 %words, i64 %color)
 br label %own.next
own.next:
 br label %own.hub
""",
)


def greedy_colours(coloured: Any, order: Any) -> np.ndarray:
    """Return the lowest colour that each row of a CSR array may have, in some order."""
    return colours("wengert.greedy", coloured, order)


def star_colours(pattern: Any, order: Any) -> np.ndarray:
    """Return a star colouring of a symmetric pattern, in some order."""
    return colours("wengert.star", pattern, order)


def colours(name: str, coloured: Any, order: Any) -> np.ndarray:
    """Return what one of the functions gives, with as many words as it takes."""
    function = compiled()[0][name]
    matrix = [
        np.ascontiguousarray(part, np.int64)
        for part in (coloured.indptr, coloured.indices, order)
    ]
    words = 1
    while True:
        tables = [np.zeros((coloured.shape[1], words), np.int64) for _ in range(3)]
        colors = np.full(coloured.shape[0], -1, np.int64)
        given, tabled = (
            [part.ctypes.data for part in parts] for parts in (matrix, tables)
        )
        if not function(*given, len(order), *tabled, words, colors.ctypes.data):
            return colors
        words *= 2


@cache
def compiled() -> tuple[dict[str, Any], machine.Module]:
    """Return the functions by name, and the module that their code lives in."""
    names = "wengert.greedy", "wengert.star"
    module = machine.compile_parts((WORDS + GREEDY + STAR,), names, 2)
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(
        whole, *3 * [pointer], whole, *3 * [pointer], whole, pointer
    )
    return {name: kind(module.addresses[name]) for name in names}, module
