"""A tape of complex numbers becomes one of their real and imaginary parts.

A complex array is read and written as real numbers side by side, along an axis more:
the memory is the same.  Every complex node becomes two nodes, of operations on reals
that have forms of their own; how they are computed is NumPy's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Contract, Map, Move
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type
from wengert.derive.loops import SCAN
from wengert.derive.steps import Body
from wengert.lower.calls import InParts, is_users, results_of
from wengert.lower.needed import asked_about, laid_otherwise, needed
from wengert.lower.refusal import NotLoweredError
from wengert.lower.transforms import TRANSFORMS, transformed
from wengert.ops.index import GETITEM, INDEX_ADD, ITEM, STORE
from wengert.ops.join import CONCATENATE, STACK

#: The type of the parts of a complex number.
HALVES: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype("complex128"): np.dtype("float64"),
    np.dtype("complex64"): np.dtype("float32"),
}


#: What refuses a play where it is not finite: what C's functions of complex numbers
#: answer for infinities is not what their formulas do.
FINITE = Operation("finite", np.positive, "constant", form=Map("x"))


def in_parts(
    tape: Tape, captured: Sequence[int], asked: Sequence[int] = (), calls: bool = False
) -> tuple[Tape, list[int]]:
    """Return a tape in which every complex number is two real ones, and its captures.

    Parameters
    ----------
    tape : Tape
    captured : sequence of int
        Constant nodes whose contents are given at every play.
    asked : sequence of int
        Results that guards elsewhere ask about.
    calls : bool
        Whether NumPy computes an operation that has no formula in their parts.

    Raises
    ------
    NotLoweredError
        If an operation on complex numbers has none, and is not called.
    """
    if not has_complex(tape):
        return tape, list(captured)
    results = [tape.output_indices[k] for k in asked]
    parts = Parts(tape, captured, asked_about(tape, results), calls)
    parts.write()
    return parts.new, [parts.memory[k] for k in captured]


def is_complex(like: Any) -> bool:
    """Whether a node's output is complex."""
    return isinstance(like, Type) and like.dtype in HALVES


def has_complex(tape: Tape) -> bool:
    """Whether anything on a tape is complex, or in a step of its loops."""
    return any(map(is_complex, tape.types)) or any(
        has_complex(tape.settings[k]["body"].tape)
        for k, operation in enumerate(tape.operations)
        if operation is SCAN
    )


def is_exact(operation: Operation) -> bool:
    """Whether an operation is done on parts as NumPy does it, to the last bit."""
    is_moved = operation is IDENTITY or isinstance(operation.form, Move)
    return is_moved or operation.name in EXACT


def side_by_side(like: Type) -> Type:
    """Return the type of an array whose complex numbers are two real ones."""
    if not is_complex(like):
        return like
    return Type((*like.shape, 2), HALVES[like.dtype])


#: Nodes of the new tape: a real part and an imaginary one.
Pair = tuple[int, int]


class Parts:
    """A tape that is written in parts."""

    def __init__(
        self,
        tape: Tape,
        captured: Sequence[int],
        asked: Collection[int],
        calls: bool,
    ) -> None:
        self.tape, self.new, self.calls = tape, Tape(), calls
        #: What guards ask about, and what that is made of.
        self.asked, self.laid_otherwise = asked, laid_otherwise(tape)
        self.given = list(captured)
        self.reals: dict[int, int] = {}
        self.pairs: dict[int, Pair] = {}
        #: By node, where its parts are side by side.
        self.memory: dict[int, int] = {}
        #: What has several results: loops, and what NumPy computes.
        self.several: dict[int, int] = {}
        self.index = 0  # the node that is written

    def write(self) -> None:
        """Write all that is needed."""
        tape, new = self.tape, self.new
        for index in [*tape.input_indices, *self.given, *needed(tape)]:
            if not any(index in x for x in (self.reals, self.pairs, self.several)):
                self.index = index
                self.node(index)
        for index in self.laid_otherwise:  # how they lie is stated by guards alone
            if index in self.reals:
                self.keep_layout(index)
        new.input_indices = [self.memory[k] for k in tape.input_indices]
        new.chosen_outputs = [self.whole(k) for k in tape.output_indices]
        new.title, new.structure = tape.title, tape.structure

    def keep_layout(self, index: int) -> None:
        """Write the guards that say how a node lies."""
        tape = self.tape
        for self.index, operation in enumerate(tape.operations):
            settings = tape.settings[self.index]
            is_guard = operation is GUARD and tape.operands[self.index] == (index,)
            if is_guard and settings["kind"] == "strides":
                like = tape.types[self.index]
                self.append(GUARD, (self.reals[index],), settings, like)

    # Nodes of the new tape

    def append(
        self, operation: Operation, operands: Sequence[int], settings: Any, like: Any
    ) -> int:
        """Append a node; return where it is."""
        line = self.tape.lines[self.index]
        return self.new.append(operation, tuple(operands), settings, like, None, line)

    def do(self, name: str, *operands: int, type_: Any = None) -> int:
        """Append an operation element by element, shaped as what is written."""
        likes = [self.new.types[k] for k in operands]
        dtype = np.dtype(type_) if type_ else max((x.dtype for x in likes), key=rank)
        shape = np.broadcast_shapes(*(like.shape for like in likes))
        return self.append(REGISTRY[name], operands, NO_SETTINGS, Type(shape, dtype))

    def number(self, value: float, like: int) -> int:
        """Append a number, of the type of a node."""
        dtype = self.new.types[like].dtype
        return self.append(CONSTANT, (), {"value": dtype.type(value)}, Type((), dtype))

    def test(self, name: str, *operands: int) -> int:
        """Append a question."""
        return self.do(name, *operands, type_="bool")

    def choose(self, flag: int, x: int, y: int) -> int:
        """Append a choice between two nodes."""
        return self.do("where", flag, x, y, type_=self.new.types[x].dtype)

    # Nodes of the tape

    def pair(self, index: int, half: np.dtype[Any]) -> Pair:
        """Return the parts of a node; a real number's imaginary part is 0."""
        if index in self.pairs:
            return self.pairs[index]
        real = self.shaped(self.reals[index], Type(self.tape.types[index].shape, half))
        return real, self.number(0.0, real)

    def half_of(self, index: int) -> np.dtype[Any]:
        """Return the type of the parts in which a node is computed."""
        tape = self.tape
        likes = [tape.types[index], *(tape.types[k] for k in tape.operands[index])]
        strong = [x.dtype for x in likes if not x.weak] or [x.dtype for x in likes]
        return HALVES[np.result_type(np.complex64, *strong)]

    def whole(self, index: int) -> int:
        """Return a node, its parts side by side."""
        if index in self.reals:
            return self.reals[index]
        if index not in self.memory:
            like = self.tape.types[index]
            settings = {"axis": len(like.shape)}
            pair = self.pairs[index]
            self.memory[index] = self.append(STACK, pair, settings, side_by_side(like))
        return self.memory[index]

    def take_apart(self, index: int, whole: int, like: Type) -> None:
        """Note a node whose parts lie side by side."""
        if not is_complex(like):
            self.reals[index] = self.memory[index] = whole
            return
        self.memory[index], self.pairs[index] = whole, self.apart(whole, like)

    def apart(self, whole: int, like: Type) -> Pair:
        """Return the parts of a node where they lie side by side."""
        part = Type(like.shape, HALVES[like.dtype])
        one, other = (
            self.append(GETITEM, (whole,), {"key": (..., k)}, part) for k in (0, 1)
        )
        return one, other

    def node(self, index: int) -> None:
        """Write one node."""
        tape = self.tape
        operation, operands, like = (
            tape.operations[index],
            tape.operands[index],
            tape.types[index],
        )
        if operation in (INPUT, CONSTANT):
            self.source(index, operation, like)
            return
        try:
            self.in_parts(index, operation, operands, like)
        except NotLoweredError:
            if not self.calls:
                raise
            self.called(index, operation, operands, like)

    def in_parts(
        self, index: int, operation: Operation, operands: Sequence[int], like: Any
    ) -> None:
        """Write one node that is computed."""
        tape = self.tape
        if operation is SCAN:
            self.loop(index, operands)
        elif operation is ITEM and operands[0] in self.several:
            loop, settings = self.several[operands[0]], tape.settings[index]
            whole = self.append(ITEM, (loop,), settings, side_by_side(like))
            self.take_apart(index, whole, like)
        elif not (
            any(map(is_complex, results_of(like)))
            or any(k in self.pairs for k in operands)
        ):
            places = [self.reals[k] for k in operands]
            self.reals[index] = self.append(
                operation, places, tape.settings[index], like
            )
        elif operation is GUARD:
            self.question(index, operands[0], like)
        elif index in self.asked and not is_exact(operation):
            raise NotLoweredError("a guard on complex numbers")
        elif not isinstance(like, Type) or any(
            not isinstance(tape.types[k], Type) for k in operands
        ):
            raise NotLoweredError(f"{operation.name} of complex numbers")
        elif like.weak and operation.name not in NEVER_RAISE:
            raise NotLoweredError(f"{operation.name} of Python's complex numbers")
        else:
            self.computed(index, operation, operands, like)

    def source(self, index: int, operation: Operation, like: Type) -> None:
        """Write an input or a constant."""
        settings = self.tape.settings[index]
        if is_complex(like) and operation is CONSTANT:
            value = np.ascontiguousarray(settings["value"], like.dtype)
            value = value.reshape(like.shape)
            if index not in self.given:
                part = Type(like.shape, HALVES[like.dtype])
                real, imaginary = (
                    self.append(CONSTANT, (), {"value": x.copy()}, part)
                    for x in (value.real, value.imag)
                )
                self.pairs[index] = real, imaginary
                return
            settings = {"value": value[..., None].view(HALVES[like.dtype])}
        whole = self.append(operation, (), settings, side_by_side(like))
        self.take_apart(index, whole, like)

    def loop(self, index: int, operands: Sequence[int]) -> None:
        """Write a loop, its step in parts."""
        settings = self.tape.settings[index]
        body: Body = settings["body"]
        likes = [self.tape.types[k] for k in operands]
        if [*map(is_complex, body.inputs)] != [*map(is_complex, likes)]:
            raise NotLoweredError("a loop over numbers of another type")
        asked = range(len(body.tape.output_indices)) if index in self.asked else ()
        written, _ = in_parts(body.tape, (), asked, self.calls)
        step = Body(written, body.carried, body.moving)
        places = [self.whole(k) for k in operands]
        types = tuple(map(side_by_side, self.tape.types[index]))
        told = {**settings, "body": step}
        self.several[index] = self.append(SCAN, places, told, types)

    def question(self, index: int, operand: int, like: Type) -> None:
        """Write what a guard asks: whether a number is none, or all of its digits."""
        settings, self.pairs[index] = self.tape.settings[index], self.pairs[operand]
        asked = self.whole(operand)
        if settings["kind"] == "bool":
            zero = self.number(0.0, asked)
            found = [self.test("not_equal", x, zero) for x in self.pairs[operand]]
            asked = self.test("logical_or", *found)
        self.append(GUARD, (asked,), settings, self.new.types[asked])

    def called(
        self, index: int, operation: Operation, operands: Sequence[int], like: Any
    ) -> None:
        """Write a node that NumPy computes, of numbers whose parts lie side by side."""
        whole = self.asked_of_numpy(
            operation, operands, self.tape.settings[index], like
        )
        if type(like) is tuple:
            self.several[index] = whole
        else:
            self.take_apart(index, whole, like)

    def asked_of_numpy(
        self, operation: Operation, operands: Sequence[int], settings: Any, like: Any
    ) -> int:
        """Append what NumPy computes of nodes of the tape; return where it is."""
        given = tuple([self.tape.types[k] for k in operands])
        lying = tuple([self.laid_otherwise.get(k) for k in operands])
        made = Operation(
            operation.name,
            operation.function,
            "constant",
            results=operation.results,
            identity=InParts(given, like, lying, is_users(operation, settings)),
        )
        types = tuple(map(side_by_side, results_of(like)))
        found: Any = types if type(like) is tuple else types[0]
        return self.append(made, [self.whole(k) for k in operands], settings, found)

    def computed(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write a node with complex operands, or a complex result."""
        form, half = operation.form, self.half_of(index)
        shaped = Type(like.shape, half)
        if operation is IDENTITY:
            self.pairs[index] = self.pairs[operands[0]]
        elif isinstance(form, Move) and is_complex(like):
            self.moved(index, operation, operands, shaped)
        elif operation.name in LINEAR and is_complex(like):
            self.each(index, operation, operands, shaped)
        elif isinstance(form, Contract) and is_complex(like) and len(operands) == 2:
            self.product(index, operation, operands, shaped)
        elif operation in TRANSFORMS and self.calls:
            transformed(self, index, operation, operands[0])
        elif isinstance(form, Map) and operation.name in FORMULAS:
            self.mapped(index, operation, operands, like)
        else:
            raise NotLoweredError(f"{operation.name} of complex numbers")

    def mapped(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write a formula, element by element."""
        half, given = self.half_of(index), list[Any]()
        for place, k in enumerate(operands):
            is_flag = operation.name == "where" and not place
            if is_flag and k in self.pairs:
                raise NotLoweredError("a choice by complex numbers")
            given.append(self.reals[k] if is_flag else self.pair(k, half))
        found = FORMULAS[operation.name](self, *given)
        if not isinstance(found, tuple):
            self.reals[index] = self.shaped(found, like)
            return
        part = Type(like.shape, HALVES[like.dtype])
        self.pairs[index] = self.shaped(found[0], part), self.shaped(found[1], part)

    def each(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write what is done to each part alone."""
        settings = self.tape.settings[index]
        told: dict[str, Any] = {
            k: like.dtype if k == "dtype" else v for k, v in settings.items()
        }
        one, other = self.pair(operands[0], like.dtype)
        parts = one, self.spread(other, operands[0])
        real, imaginary = (self.append(operation, (x,), told, like) for x in parts)
        self.pairs[index] = real, imaginary

    def shaped(self, found: int, like: Type) -> int:
        """Return a node of a type, converted and spread where it is another one."""
        known: Type = self.new.types[found]
        if known.dtype != like.dtype:
            converted = Type(known.shape, like.dtype)
            settings: dict[str, Any] = {"dtype": like.dtype}
            found = self.append(REGISTRY["astype"], (found,), settings, converted)
        if known.shape != like.shape:
            settings = {"shape": like.shape}
            found = self.append(REGISTRY["broadcast_to"], (found,), settings, like)
        return found

    def moved(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write a move of each part."""
        if operation in (STORE, INDEX_ADD) and self.part_written(index) is not None:
            self.wrote_part(index, operation, operands, like)
            return
        count = 2 if operation in (STORE, INDEX_ADD) else 1
        if operation in (STACK, CONCATENATE):
            count = len(operands)
        parts = []
        for k in (0, 1):
            values = [
                self.spread(self.pair(n, like.dtype)[k], n) for n in operands[:count]
            ]
            places = [self.reals[n] for n in operands[count:]]
            settings = self.tape.settings[index]
            parts.append(self.append(operation, [*values, *places], settings, like))
        self.pairs[index] = parts[0], parts[1]

    def part_written(self, index: int) -> int | None:
        """Return which part a write through `.real` or `.imag` goes to."""
        names = [name for name, _ in self.tape.settings[index]["chain"]]
        return 0 if "real" in names else 1 if "imag" in names else None

    def wrote_part(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write what goes to one part alone; the other stays."""
        base, value, *indices = operands
        settings = dict(self.tape.settings[index])
        settings["chain"] = tuple(
            [step for step in settings["chain"] if step[0] not in ("real", "imag")]
        )
        parts = [self.spread(part, base) for part in self.pair(base, like.dtype)]
        place = self.part_written(index)
        assert place is not None
        written = self.spread(self.pair(value, like.dtype)[0], value)
        given = [parts[place], written, *[self.reals[k] for k in indices]]
        parts[place] = self.append(operation, given, settings, like)
        self.pairs[index] = parts[0], parts[1]

    def spread(self, part: int, index: int) -> int:
        """Return a part in the shape of a node of the tape."""
        known: Type = self.new.types[part]
        return self.shaped(part, Type(self.tape.types[index].shape, known.dtype))

    def product(
        self, index: int, operation: Operation, operands: Sequence[int], like: Type
    ) -> None:
        """Write a sum of products of two operands, as four, two or one of parts."""
        settings, form = self.tape.settings[index], operation.form
        given: list[list[int]] = []
        for place, k in enumerate(operands):
            parts = list(self.pairs[k]) if k in self.pairs else [self.reals[k]]
            if len(parts) == 2 and form.conjugated == place:  # type: ignore[union-attr]
                parts[1] = self.do("negative", parts[1])
            given.append(parts)

        def times(x: int, y: int) -> int:
            return self.append(operation, (x, y), settings, like)

        (a, *b), (c, *d) = given
        real, imaginary = [times(a, c)], []
        if b and d:
            real.append(times(b[0], d[0]))
        if d:
            imaginary.append(times(a, d[0]))
        if b:
            imaginary.append(times(b[0], c))
        self.pairs[index] = (
            real[0] if len(real) == 1 else self.do("subtract", *real),
            imaginary[0] if len(imaginary) == 1 else self.do("add", *imaginary),
        )

    def finite(self, *parts: int) -> Pair:
        """Return parts that must be finite for their formula to be right."""
        one, other = (
            self.append(FINITE, (k,), NO_SETTINGS, self.new.types[k]) for k in parts
        )
        return one, other


def rank(dtype: np.dtype[Any]) -> tuple[bool, int]:
    """Return which of two types of an expression is its result's."""
    return dtype.kind == "f", dtype.itemsize


# The formulas


def add(m: Parts, x: Pair, y: Pair) -> Pair:
    """Return x + y."""
    return m.do("add", x[0], y[0]), m.do("add", x[1], y[1])


def subtract(m: Parts, x: Pair, y: Pair) -> Pair:
    """Return x - y."""
    return m.do("subtract", x[0], y[0]), m.do("subtract", x[1], y[1])


def negative(m: Parts, x: Pair) -> Pair:
    """Return -x."""
    return m.do("negative", x[0]), m.do("negative", x[1])


def conjugate(m: Parts, x: Pair) -> Pair:
    """Return the conjugate of x."""
    return x[0], m.do("negative", x[1])


def multiply(m: Parts, x: Pair, y: Pair) -> Pair:
    """Return x * y."""
    (a, b), (c, d) = x, y
    real = m.do("subtract", m.do("multiply", a, c), m.do("multiply", b, d))
    return real, m.do("add", m.do("multiply", a, d), m.do("multiply", b, c))


def divide(m: Parts, x: Pair, y: Pair) -> Pair:
    """Return x / y, as R. Smith does (Algorithm 116, CACM 5, 1962)."""
    (a, b), (c, d) = x, y
    large, small = m.do("absolute", c), m.do("absolute", d)
    is_real = m.test("greater_equal", large, small)
    first, second = m.choose(is_real, c, d), m.choose(is_real, d, c)
    ratio = m.do("divide", second, first)
    one, zero = m.number(1.0, c), m.number(0.0, c)
    scale = m.do("divide", one, m.do("add", first, m.do("multiply", second, ratio)))
    u, v = m.choose(is_real, a, b), m.choose(is_real, b, a)
    real = m.do("multiply", m.do("add", u, m.do("multiply", v, ratio)), scale)
    minus = m.do("subtract", v, m.do("multiply", u, ratio))
    plus = m.do("subtract", m.do("multiply", u, ratio), v)
    imaginary = m.do("multiply", m.choose(is_real, minus, plus), scale)
    is_zero = m.test("equal", m.do("maximum", large, small), zero)
    return (
        m.choose(is_zero, m.do("divide", a, large), real),
        m.choose(is_zero, m.do("divide", b, large), imaginary),
    )


def is_zero(m: Parts, x: Pair) -> int:
    """Return whether x is 0."""
    zero = m.number(0.0, x[0])
    return m.test(
        "logical_and", m.test("equal", x[0], zero), m.test("equal", x[1], zero)
    )


def chain_product(m: Parts, x: Pair, y: Pair) -> Pair:
    """Return x * y, of which a zero absorbs all."""
    absorbs = m.test("logical_or", is_zero(m, x), is_zero(m, y))
    real, imaginary = multiply(m, x, y)
    zero = m.number(0.0, real)
    return m.choose(absorbs, zero, real), m.choose(absorbs, zero, imaginary)


def exp(m: Parts, x: Pair) -> Pair:
    """Return the exponential of x."""
    scale = m.do("exp", x[0])
    return m.finite(
        m.do("multiply", scale, m.do("cos", x[1])),
        m.do("multiply", scale, m.do("sin", x[1])),
    )


def log(m: Parts, x: Pair) -> Pair:
    """Return the logarithm of x; near the unit circle its real part is not cancelled.

    The split is that of FreeBSD's ``clog``: ``log1p((a - 1) (a + 1) + b**2) / 2``.
    """
    one, two, other = m.do("absolute", x[0]), m.do("absolute", x[1]), m.number(1, x[0])
    a, b = m.do("maximum", one, two), m.do("minimum", one, two)
    size = m.do("hypot", a, b)
    product = m.do("multiply", m.do("subtract", a, other), m.do("add", a, other))
    close = m.do("log1p", m.do("add", product, m.do("multiply", b, b)))
    is_close = m.test(
        "logical_and",
        m.test("greater", size, m.number(0.71, size)),
        m.test("less", size, m.number(1.73, size)),
    )
    half = m.do("multiply", close, m.number(0.5, size))
    real = m.choose(is_close, half, m.do("log", size))
    imaginary = m.do("arctan2", x[1], x[0])
    return m.finite(real, imaginary)


def sqrt(m: Parts, x: Pair) -> Pair:
    """Return the square root of x, as W. Kahan has it, for what is finite."""
    a, b = x
    zero, half = m.number(0.0, a), m.number(0.5, a)
    total = m.do("add", m.do("absolute", a), m.do("hypot", a, b))
    t = m.do("sqrt", m.do("multiply", half, total))
    other = m.do("divide", m.do("multiply", half, m.do("absolute", b)), t)
    is_right = m.test("greater_equal", a, zero)
    is_nothing = m.test("equal", t, zero)
    real = m.choose(is_nothing, zero, m.choose(is_right, t, other))
    size = m.choose(is_nothing, zero, m.choose(is_right, other, t))
    imaginary = m.do("copysign", size, b)
    return m.finite(real, imaginary)


def turned(first: str, second: str, sign: str = "") -> Callable[[Parts, Pair], Pair]:
    """Return the formula ``f(a) g(b) + i f'(a) g'(b)`` of a sine or a cosine."""

    def formula(m: Parts, x: Pair) -> Pair:
        f, g = first.split()
        h, k = second.split()
        real = m.do("multiply", m.do(f, x[0]), m.do(g, x[1]))
        imaginary = m.do("multiply", m.do(h, x[0]), m.do(k, x[1]))
        if sign:
            imaginary = m.do("negative", imaginary)
        return m.finite(real, imaginary)

    return formula


def either(name: str, joins: str) -> Callable[..., int]:
    """Return a question about both parts."""

    def formula(m: Parts, *operands: Pair) -> int:
        parts = zip(*operands, strict=True)
        return m.test(joins, *[m.test(name, *part) for part in parts])

    return formula


#: Operations that raise nothing, whatever Python's complex numbers they are given.
NEVER_RAISE = frozenset({"add", "subtract", "multiply", "negative", "conjugate"})
#: Formulas that round once, if at all.
EXACT = frozenset(
    "add subtract negative positive conjugate real imag astype where equal not_equal "
    "isnan isinf isfinite".split()
)
#: What is done to each part alone.
LINEAR = frozenset({"sum", "cumsum"})
FORMULAS: dict[str, Callable[..., Pair | int]] = {
    "add": add,
    "subtract": subtract,
    "negative": negative,
    "positive": lambda m, x: x,
    "conjugate": conjugate,
    "multiply": multiply,
    "square": lambda m, x: multiply(m, x, x),
    "divide": divide,
    "chain_product": chain_product,
    "real": lambda m, x: x[0],
    "imag": lambda m, x: x[1],
    "absolute": lambda m, x: m.do("hypot", *x),
    "astype": lambda m, x: x,
    "where": lambda m, flag, x, y: (
        m.choose(flag, x[0], y[0]),
        m.choose(flag, x[1], y[1]),
    ),
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "sin": turned("sin cosh", "cos sinh"),
    "cos": turned("cos cosh", "sin sinh", "-"),
    "sinh": turned("sinh cos", "cosh sin"),
    "cosh": turned("cosh cos", "sinh sin"),
    "equal": either("equal", "logical_and"),
    "not_equal": either("not_equal", "logical_or"),
    "isnan": either("isnan", "logical_or"),
    "isinf": either("isinf", "logical_or"),
    "isfinite": either("isfinite", "logical_and"),
}
