"""Sums that are NumPy's to the last bit, for what decides how a program goes on."""

from __future__ import annotations

import functools

from wengert.emit.vocabulary import literal

#: Elements that are added without halving them, as in NumPy's `pairwise_sum`.
BLOCK = 128


@functools.cache
def pairwise_sum(ir: str, size: int) -> tuple[str, str]:
    """Return the name and the text of a function of an address and a count.

    Parameters
    ----------
    ir : str
        IR's name of the elements' type.
    size : int
        Bytes of an element.

    Notes
    -----
    As ``DOUBLE_pairwise_sum`` in ``numpy/_core/src/umath/loops_utils.h.src``: one by
    one below 8 elements; by 8 totals, added by halves, up to a block; else the sums of
    two halves, of which the first one is a multiple of 8.
    """
    name, eight = f"pairwise.{ir}", f"<8 x {ir}>"
    nothing = literal(-0.0, "float64")
    totals = "".join(f" %r{k} = extractelement {eight} %r, i64 {k}\n" for k in range(8))
    pairs = "01 23 45 67"
    totals += "".join(f" %p{p} = fadd {ir} %r{p[0]}, %r{p[1]}\n" for p in pairs.split())
    text = f"""
define internal {ir} @{name}(ptr %a, i64 %n) nounwind {{
start:
 %is.few = icmp slt i64 %n, 8
 br i1 %is.few, label %rest, label %many
many:
 %is.block = icmp sle i64 %n, {BLOCK}
 br i1 %is.block, label %block, label %halves
block:
 %first = load {eight}, ptr %a, align {size}
 %whole = and i64 %n, -8
 br label %eights
eights:
 %i = phi i64 [8, %block], [%i.next, %eight]
 %r = phi {eight} [%first, %block], [%r.next, %eight]
 %is.more = icmp slt i64 %i, %whole
 br i1 %is.more, label %eight, label %fold
eight:
 %at = getelementptr {ir}, ptr %a, i64 %i
 %v = load {eight}, ptr %at, align {size}
 %r.next = fadd {eight} %r, %v
 %i.next = add i64 %i, 8
 br label %eights
fold:
{totals} %q0 = fadd {ir} %p01, %p23
 %q1 = fadd {ir} %p45, %p67
 %total = fadd {ir} %q0, %q1
 br label %rest
rest:
 %s = phi {ir} [{nothing}, %start], [%total, %fold], [%s.next, %one]
 %j = phi i64 [0, %start], [%whole, %fold], [%j.next, %one]
 %is.left = icmp slt i64 %j, %n
 br i1 %is.left, label %one, label %end
one:
 %from = getelementptr {ir}, ptr %a, i64 %j
 %x = load {ir}, ptr %from, align {size}
 %s.next = fadd {ir} %s, %x
 %j.next = add i64 %j, 1
 br label %rest
end:
 ret {ir} %s
halves:
 %half = lshr i64 %n, 1
 %left = and i64 %half, -8
 %right = sub i64 %n, %left
 %b = getelementptr {ir}, ptr %a, i64 %left
 %one.half = call {ir} @{name}(ptr %a, i64 %left)
 %other.half = call {ir} @{name}(ptr %b, i64 %right)
 %both = fadd {ir} %one.half, %other.half
 ret {ir} %both
}}
"""
    return name, text
