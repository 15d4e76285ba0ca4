"""Sorts as LLVM's textual IR: short stretches by insertion, then merged by pairs.

Equal elements stay in their order, and NaN comes last, as NumPy's does.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from wengert.emit.vocabulary import SIZES
from wengert.lower.nest import Order

if TYPE_CHECKING:
    from wengert.emit.nests import Writer

#: Elements that are sorted by insertion.
STRETCH = 16


def write_order(writer: Writer, order: Order) -> None:
    """Write elements along one axis in their order, or their places."""
    (to, _, _), (source, _, _) = map(writer.place, (order.result, order.source))
    ir, size = writer.memory_ir(order.type), SIZES[order.type]
    name, text = sort(ir, size, order.has_places)
    writer.declare("i64 @llvm.smin.i64(i64, i64)")
    writer.declarations.add(text)
    rooms = [writer.pointers[room] for room in order.rooms]
    numbers = order.strides[0], order.strides[1], order.count
    pointers = ", ".join(f"ptr {pointer}" for pointer in (to, source, *rooms))
    counts = ", ".join(f"i64 {number}" for number in numbers)
    writer.line(f" call void @{name}({pointers}, {counts})\n")


def before(name: str, ir: str, x: str, y: str) -> str:
    """Return the text that asks whether one element comes before another."""
    if not ir.startswith(("d", "f")):
        word = "ult" if ir == "i8" else "slt"
        return f" %{name} = icmp {word} {ir} {x}, {y}\n"
    return (
        f" %{name}.less = fcmp olt {ir} {x}, {y}\n"
        f" %{name}.nan = fcmp uno {ir} {y}, {y}\n"
        f" %{name}.none = fcmp ord {ir} {x}, {x}\n"
        f" %{name}.last = and i1 %{name}.nan, %{name}.none\n"
        f" %{name} = or i1 %{name}.less, %{name}.last\n"
    )


@functools.cache
def sort(ir: str, size: int, has_places: bool) -> tuple[str, str]:
    """Return the name and the text of a sort.

    Its parameters are where the result goes, where the elements are, twice the room
    for them, twice that for their places where it gives those, the strides of the
    result and of the elements, and their number, at least 1.
    """
    name = f"{'places' if has_places else 'values'}.in.order.{ir}"

    def also(text: str) -> str:
        return text if has_places else ""

    kind, bytes_ = ("i64", 8) if has_places else (ir, size)
    pointers = ["to", "from", "a0", "b0", *(["p0", "q0"] * has_places)]
    given = [f"ptr %{p}" for p in pointers] + [f"i64 %{k}" for k in ("ts", "fs", "n")]
    text = f"""
define internal void @{name}({", ".join(given)}) nounwind {{
start:
 %end = sub i64 %n, 1
 br label %take
take:
 %i = phi i64 [0, %start], [%i.next, %put]
 %off = mul i64 %i, %fs
 %from.at = getelementptr {ir}, ptr %from, i64 %off
 %key = load {ir}, ptr %from.at, align {size}
 %first = and i64 %i, -{STRETCH}
 br label %look
look:
 %j = phi i64 [%i, %take], [%j.less, %move]
 %is.in = icmp sgt i64 %j, %first
 br i1 %is.in, label %ask, label %put
ask:
 %j.less = sub i64 %j, 1
 %low.at = getelementptr {ir}, ptr %a0, i64 %j.less
 %low = load {ir}, ptr %low.at, align {size}
{before("goes", ir, "%key", "%low")} br i1 %goes, label %move, label %put
move:
 %high.at = getelementptr {ir}, ptr %a0, i64 %j
 store {ir} %low, ptr %high.at, align {size}
{
        also(''' %low.place.at = getelementptr i64, ptr %p0, i64 %j.less
 %low.place = load i64, ptr %low.place.at, align 8
 %high.place.at = getelementptr i64, ptr %p0, i64 %j
 store i64 %low.place, ptr %high.place.at, align 8
''')
    } br label %look
put:
 %put.at = getelementptr {ir}, ptr %a0, i64 %j
 store {ir} %key, ptr %put.at, align {size}
{
        also(''' %put.place.at = getelementptr i64, ptr %p0, i64 %j
 store i64 %i, ptr %put.place.at, align 8
''')
    } %i.next = add i64 %i, 1
 %i.more = icmp slt i64 %i.next, %n
 br i1 %i.more, label %take, label %merges
merges:
 %w = phi i64 [{STRETCH}, %put], [%w.next, %merged]
 %a = phi ptr [%a0, %put], [%b, %merged]
 %b = phi ptr [%b0, %put], [%a, %merged]
{
        also(''' %p = phi ptr [%p0, %put], [%q, %merged]
 %q = phi ptr [%q0, %put], [%p, %merged]
''')
    } %w.next = shl i64 %w, 1
 %is.apart = icmp slt i64 %w, %n
 br i1 %is.apart, label %pair, label %give
pair:
 %lo = phi i64 [0, %merges], [%hi, %done]
 %mid.at = add i64 %lo, %w
 %mid = call i64 @llvm.smin.i64(i64 %mid.at, i64 %n)
 %hi.at = add i64 %lo, %w.next
 %hi = call i64 @llvm.smin.i64(i64 %hi.at, i64 %n)
 br label %step
step:
 %k = phi i64 [%lo, %pair], [%k.next, %step]
 %x = phi i64 [%lo, %pair], [%x.next, %step]
 %y = phi i64 [%mid, %pair], [%y.next, %step]
 %x.out = icmp sge i64 %x, %mid
 %y.in = icmp slt i64 %y, %hi
 %y.safe = call i64 @llvm.smin.i64(i64 %y, i64 %end)
 %x.at = getelementptr {ir}, ptr %a, i64 %x
 %x.value = load {ir}, ptr %x.at, align {size}
 %y.at = getelementptr {ir}, ptr %a, i64 %y.safe
 %y.value = load {ir}, ptr %y.at, align {size}
{before("is.less", ir, "%y.value", "%x.value")} %is.next = or i1 %is.less, %x.out
 %is.right = and i1 %is.next, %y.in
 %right = zext i1 %is.right to i64
 %apart = xor i64 %x, %y.safe
 %mask = sub i64 0, %right
 %other = and i64 %apart, %mask
 %chosen = xor i64 %x, %other
 %chosen.at = getelementptr {ir}, ptr %a, i64 %chosen
 %value = load {ir}, ptr %chosen.at, align {size}
 %to.at = getelementptr {ir}, ptr %b, i64 %k
 store {ir} %value, ptr %to.at, align {size}
{
        also(''' %place.at = getelementptr i64, ptr %p, i64 %chosen
 %place = load i64, ptr %place.at, align 8
 %place.to = getelementptr i64, ptr %q, i64 %k
 store i64 %place, ptr %place.to, align 8
''')
    } %left = sub i64 1, %right
 %x.next = add i64 %x, %left
 %y.next = add i64 %y, %right
 %k.next = add i64 %k, 1
 %k.more = icmp slt i64 %k.next, %hi
 br i1 %k.more, label %step, label %done
done:
 %is.more = icmp slt i64 %hi, %n
 br i1 %is.more, label %pair, label %merged
merged:
 br label %merges
give:
 %g = phi i64 [0, %merges], [%g.next, %give]
 %g.at = getelementptr {kind}, ptr {"%p" if has_places else "%a"}, i64 %g
 %given = load {kind}, ptr %g.at, align {bytes_}
 %g.off = mul i64 %g, %ts
 %g.to = getelementptr {kind}, ptr %to, i64 %g.off
 store {kind} %given, ptr %g.to, align {bytes_}
 %g.next = add i64 %g, 1
 %g.more = icmp slt i64 %g.next, %n
 br i1 %g.more, label %give, label %finish
finish:
 ret void
}}
"""
    return name, text
