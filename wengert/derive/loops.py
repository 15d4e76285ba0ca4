"""A loop as one node: a step, which is a tape of its own, done many times.

`SCAN` carries values from step to step, reads one row of some operands a step, and
stacks what steps give.  Its derivatives are such nodes again: a step is differentiated
once, however often it is done.
"""

from __future__ import annotations

from wengert.core.forms import Subtapes
from wengert.core.operation import Operation, constant_of, general
from wengert.derive.loops_forward import push_loop
from wengert.derive.loops_reverse import pull_loop
from wengert.derive.steps import play_loop, play_part, wrong_loop, wrong_part

SCAN: Operation = general(
    "scan",
    play_loop,
    form=Subtapes(wrong_loop, lambda settings: [settings["body"].tape]),
    jvp=push_loop,
    vjp=pull_loop,
    reads=(True,),
)
#: The first steps of a loop, as many as the first operand says.  It is made of a loop
#: only once all that is wanted is derived.
PART: Operation = constant_of(
    "scan_part",
    play_part,
    form=Subtapes(wrong_part, lambda settings: [settings["body"].tape]),
)
#: Loops that do no more steps than a number says.
COUNTED = frozenset((SCAN, PART))
