"""The native expression vocabulary: text such as ``"x * y"`` turned into IR.

An operation states its native form once, as a Python expression of its operands
`x`, `y`, `z`, `w` (in order).  Known are numbers, ``pi inf nan``, ``+ - * / // % **``,
comparisons, ``and or not``, ``& | ^ ~ << >>`` and the functions of `FUNCTIONS`.  The
meaning is NumPy's, edge by edge.  One expression serves every type and any number of
lanes.
"""

from __future__ import annotations

import ast
import functools
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from wengert.core import expressions
from wengert.emit import machine
from wengert.emit.circular import BOTH, circular
from wengert.emit.exponential import exponential, is_written_out
from wengert.lower.hiding import OPERANDS
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import NARROW

_WIDE = {
    "float64": "double",
    "float32": "float",
    "int64": "i64",
    "int32": "i32",
    "bool": "i1",
}
#: IR's name of each type, by NumPy's name.
TYPES = _WIDE | {narrow: _WIDE[wide] for narrow, wide in NARROW.items()}
#: Bytes of one element in memory.
SIZES = {name: np.dtype(name).itemsize for name in TYPES}
#: IR's name of each type in memory, where it is another one.
IN_MEMORY = {"bool": "i8", "float16": "half"} | {
    name: f"i{8 * SIZES[name]}" for name, wide in NARROW.items() if wide == "int64"
}
_RANK = {"bool": 0, "int32": 1, "int64": 2, "float32": 3, "float64": 4}

_INTRINSICS = {  # name: LLVM's intrinsic, correctly rounded or exact
    "sqrt": "sqrt",
    "fabs": "fabs",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "rint": "rint",
    "copysign": "copysign",
    "fma": "fma",
}
_LIBRARY = {  # name: arity; the C library's functions
    **dict.fromkeys(["exp", "exp2", "expm1", "log", "log2", "log10", "log1p"], 1),
    **dict.fromkeys(["sin", "cos", "tan", "asin", "acos", "atan", "cbrt"], 1),
    **dict.fromkeys(["sinh", "cosh", "tanh", "asinh", "acosh", "atanh"], 1),
    **dict.fromkeys(["erf", "erfc", "tgamma", "lgamma"], 1),
    **dict.fromkeys(["pow", "atan2", "hypot", "fmod", "nextafter"], 2),
}
# Written in the vocabulary itself.  C's fmin and fmax differ between libraries for
# signed zeros, and fmod and // for infinities, so NumPy's own formulas stand here.
_DEFINED = {
    # Of two zeros the second, as NumPy's vector code for x86 answers.
    "maximum": "select(isnan(x), x, select(x > y, x, y))",
    "minimum": "select(isnan(x), x, select(x < y, x, y))",
    "fmax": "select(x >= y or isnan(y), x, y)",
    "fmin": "select(x <= y or isnan(y), x, y)",
    "sign": "select(x > 0, 1, select(x < 0, -1, select(x == 0, 0, x)))",
    "isnan": "x != x",
    "isinf": "fabs(x) == inf",
    "isfinite": "fabs(x) < inf",
    # npy_math's npy_divmod: the remainder takes the divisor's sign, zeros included.
    "remainder": (
        "select(y == 0, fmod(x, y), select(fmod(x, y) == 0, copysign(0, y),"
        " select((y < 0) ^ (fmod(x, y) < 0), fmod(x, y) + y, fmod(x, y))))"
    ),
    "floor_divide": (
        "select(y == 0, x / y, _snap(select(fmod(x, y) != 0 and"
        " ((y < 0) ^ (fmod(x, y) < 0)), _rest(x, y) - 1, _rest(x, y)), x / y))"
    ),
    "_rest": "(x - fmod(x, y)) / y",
    "_snap": (
        "select(x == 0, copysign(0, y),"
        " select(x - floor(x) > 0.5, floor(x) + 1, floor(x)))"
    ),
}
_CONSTANTS = {"pi": math.pi, "inf": math.inf, "nan": math.nan, "e": math.e}
_BITS = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_FLOAT_COMPARE = {
    ast.Lt: "olt",
    ast.LtE: "ole",
    ast.Gt: "ogt",
    ast.GtE: "oge",
    ast.Eq: "oeq",
    ast.NotEq: "une",
}
_INTEGER_COMPARE = {
    ast.Lt: "slt",
    ast.LtE: "sle",
    ast.Gt: "sgt",
    ast.GtE: "sge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
#: Whether arithmetic on 64-bit integers leaves them, by LLVM's name of it.
_OVERFLOWS = {
    "overflows_add": "sadd",
    "overflows_subtract": "ssub",
    "overflows_multiply": "smul",
}
#: Every function name an expression may call.
FUNCTIONS = frozenset(
    {
        "select",
        "ldexp",
        "overflows_power",
        *_OVERFLOWS,
        *_INTRINSICS,
        *_LIBRARY,
        *(n for n in _DEFINED if n[0] != "_"),
    }
)


class VocabularyError(NotLoweredError, ValueError):
    """An expression uses something the native vocabulary does not have."""


def literal(value: float, type_name: str, lanes: int = 1) -> str:
    """IR constant of a number in a type, repeated over the lanes.

    Examples
    --------
    >>> literal(1.0, "float64")
    '0x3FF0000000000000'
    """
    if type_name == "bool":
        text = "true" if value else "false"
    elif TYPES[type_name].startswith("i"):
        text = str(int(value))
    else:
        if TYPES[type_name] == "float":
            value = _single(value)
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if lanes == 1:
        return text
    return "<" + ", ".join([f"{TYPES[type_name]} {text}"] * lanes) + ">"


def _single(value: float) -> float:
    """Nearest float32, as a float; overflow becomes an infinity as in NumPy."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def ir_type(type_name: str, lanes: int = 1) -> str:
    """IR's name of a type in so many lanes."""
    return in_lanes(TYPES[type_name], lanes)


def in_lanes(ir: str, lanes: int) -> str:
    """IR's name of so many values of a type."""
    return ir if lanes == 1 else f"<{lanes} x {ir}>"


def widening(type_name: str) -> str:
    """IR's word for a narrow number that becomes a wide one."""
    if type_name == "float16":
        return "fpext"
    return "zext" if type_name.startswith("u") else "sext"


@dataclass(frozen=True, slots=True)
class Template:
    """IR text of one operation with the names left open.

    Attributes
    ----------
    format : callable
        ``format(number, name_x, name_y, ...)`` is the text; it defines ``%v{number}``.
    declarations : frozenset of str
        Lines the module needs besides.
    calls : str
        The one C library function the operation is, "" if it is anything else.
    block : str
        The block that it ends in, with the number left open; "" if it begins none.
    """

    format: Callable[..., str]
    declarations: frozenset[str]
    calls: str
    block: str = ""


@functools.lru_cache(maxsize=4096)
def template(
    text: str,
    operand_types: tuple[str, ...],
    result_type: str,
    lanes: int = 1,
    is_strict: bool = False,
) -> Template:
    """IR of one native expression.

    Parameters
    ----------
    text : str
        The expression, in `x`, `y`, `z`, `w`.
    operand_types : tuple of str
        NumPy's names of the operands' types.
    result_type : str
        NumPy's name of the result's type; arithmetic happens in it.  For ``"bool"``
        comparisons happen in the operands' common type.
    lanes : int
        Values per register, 1 for scalars.
    is_strict : bool
        No contraction to fused multiply-add, and scalar C functions.

    Returns
    -------
    Template
    """
    emitter = Emitter(operand_types, lanes, is_strict)
    wide = NARROW.get(result_type, result_type)
    name, found = emitter.value(parse(text), wide)
    if found.startswith("float") and result_type in NARROW and wide == "int64":
        name, found = emitter.whole(name, found, result_type)
    name = emitter.narrow(emitter.cast(name, found, wide), result_type)
    emitter.finish(name, result_type)
    body = "".join(emitter.lines)
    return Template(
        body.format,
        frozenset(emitter.declarations),
        _whole_call(text, lanes),
        emitter.block,
    )


@functools.lru_cache(maxsize=8)
def pair_template(lanes: int) -> Template:
    """IR of the sine of a vector of doubles, ``%v{number}``, and of its cosine.

    That is ``%v{number}.cos``.
    """
    emitter = Emitter(("float64",), lanes, is_strict=False)
    sine, cosine = circular(emitter, BOTH, emitter.bound["x"][0])
    emitter.lines.append(f" %v{{0}}.cos = freeze {emitter.ir('float64')} {cosine}\n")
    emitter.finish(sine, "float64")
    text = "".join(emitter.lines)
    return Template(text.format, frozenset(emitter.declarations), "", emitter.block)


def _whole_call(text: str, lanes: int) -> str:
    """The C library function that an expression is one call of, or ""."""
    name, _, rest = text.partition("(")
    is_call = lanes == 1 and rest == "x)" and _LIBRARY.get(name) == 1
    return name if is_call else ""


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """Syntax tree of an expression."""
    try:
        return expressions.parse(text)
    except SyntaxError as error:
        raise VocabularyError(f"not a native expression: {text!r}") from error


@dataclass(slots=True)
class Emitter:
    """One expression being written out; names stay open as ``{0}``, ``{1}`` ..."""

    operand_types: tuple[str, ...]
    lanes: int
    is_strict: bool
    lines: list[str] = field(default_factory=list)
    declarations: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=dict)
    #: The last block that was begun; none where all is in one.
    block: str = ""
    bound: dict[str, tuple[str, str]] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        for k, type_name in enumerate(self.operand_types):
            wide = NARROW.get(type_name, type_name)
            self.bound[OPERANDS[k]] = (f"{{{k + 1}}}", wide)

    # -- writing ---------------------------------------------------------------

    def ir(self, type_name: str) -> str:
        """IR's name of a type in this expression's lanes."""
        return ir_type(type_name, self.lanes)

    def fresh(self) -> str:
        """A new temporary's name."""
        self.count += 1
        return f"%v{{0}}.{self.count}"

    def line(self, instruction: str) -> str:
        """Write an instruction; the name of its result.  Equal ones are shared."""
        if instruction in self.known:
            return self.known[instruction]
        name = self.fresh()
        self.lines.append(f" {name} = {instruction}\n")
        self.known[instruction] = name
        return name

    def start_block(self) -> str:
        """Begin a block; return its label."""
        self.count += 1
        label = f"v{{0}}.{self.count}"
        self.lines.append(f" br label %{label}\n{label}:\n")
        return label

    def unless(
        self,
        is_otherwise: str,
        found: Sequence[str],
        block: str,
        otherwise: Callable[[], Sequence[str]],
        t: str,
    ) -> list[str]:
        """Return what was found in a block, or something else where a lane needs that.

        Equal instructions behind it are shared with what is before it alone.
        """
        lanes, known = f"i{self.lanes}", dict(self.known)
        flags = self.line(f"bitcast {self.ir('bool')} {is_otherwise} to {lanes}")
        flag = self.line(f"icmp ne {lanes} {flags}, 0")
        self.count += 1
        other, after = f"v{{0}}.{self.count}.other", f"v{{0}}.{self.count}"
        self.lines.append(f" br i1 {flag}, label %{other}, label %{after}\n{other}:\n")
        made = otherwise()
        self.lines.append(f" br label %{after}\n{after}:\n")
        self.known, self.block = known, after
        return [
            self.line(f"phi {self.ir(t)} [{x}, %{block}], [{y}, %{other}]")
            for x, y in zip(found, made, strict=True)
        ]

    def finish(self, name: str, type_name: str) -> None:
        """Give the result the operation's own name."""
        if self.lines and self.lines[-1].startswith(f" {name} = "):
            self.lines[-1] = self.lines[-1].replace(name, "%v{0}", 1)
            return
        # LLVM loses what loops carry unchanged from one to the next as a bitcast.
        self.lines.append(f" %v{{0}} = freeze {self.ir(type_name)} {name}\n")

    def call(self, symbol: str, result: str, arguments: list[tuple[str, str]]) -> str:
        """Write a call of a function without side effects."""
        types = ", ".join(ir for ir, _ in arguments)
        text = ", ".join(f"{ir} {name}" for ir, name in arguments)
        effects = "" if symbol.startswith("llvm.") else " nounwind memory(none)"
        self.declarations.add(f"declare {result} @{symbol}({types}){effects}\n")
        return self.line(f"call {result} @{symbol}({text})")

    def cast(self, name: str, source: str, target: str) -> str:
        """Convert a value as NumPy's `astype` does."""
        if source == target:
            return name
        a, b = self.ir(source), self.ir(target)
        if target == "bool":
            zero = literal(0, source, self.lanes)
            if source.startswith("float"):
                return self.line(f"fcmp une {a} {name}, {zero}")
            return self.line(f"icmp ne {a} {name}, {zero}")
        if source.startswith("float") and target.startswith("int"):
            return self.truncate(name, source, target)
        if source == "bool":
            word = "uitofp" if target.startswith("float") else "zext"
        elif source.startswith("int"):
            wider = "sext" if _RANK[target] > _RANK[source] else "trunc"
            word = "sitofp" if target.startswith("float") else wider
        else:
            word = "fpext" if target == "float64" else "fptrunc"
        return self.line(f"{word} {a} {name} to {b}")

    def narrow(self, name: str, type_name: str) -> str:
        """Round a value to what memory of a type holds; it stays in the wider one."""
        if type_name not in NARROW or TYPES[type_name] == IN_MEMORY[type_name]:
            return name
        word = "fptrunc" if type_name == "float16" else "trunc"
        short = in_lanes(IN_MEMORY[type_name], self.lanes)
        name = self.line(f"{word} {self.ir(type_name)} {name} to {short}")
        return self.line(
            f"{widening(type_name)} {short} {name} to {self.ir(type_name)}"
        )

    def whole(self, name: str, source: str, target: str) -> tuple[str, str]:
        """Float to an integer of memory alone; what does not fit as in C (x86)."""
        if target != "uint64":
            kind = "int32" if SIZES[target] < 4 else "int64"
            return self.truncate(name, source, kind), kind
        a, truth = self.ir(source), self.ir("bool")
        half = literal(2.0**63, source, self.lanes)
        is_high = self.line(f"fcmp oge {a} {name}, {half}")
        above = self.line(f"fsub {a} {name}, {half}")
        inside = self.line(f"select {truth} {is_high}, {a} {above}, {a} {name}")
        low = self.truncate(inside, source, "int64")
        b, top = self.ir("int64"), literal(-(2**63), "int64", self.lanes)
        high = self.line(f"xor {b} {low}, {top}")
        return self.line(f"select {truth} {is_high}, {b} {high}, {b} {low}"), "int64"

    def truncate(self, name: str, source: str, target: str) -> str:
        """Float to integer; what does not fit becomes the smallest integer (x86)."""
        a, b = self.ir(source), self.ir(target)
        bits = SIZES[target] * 8
        low = literal(-(2.0 ** (bits - 1)), source, self.lanes)
        high = literal(2.0 ** (bits - 1), source, self.lanes)
        above = self.line(f"fcmp oge {a} {name}, {low}")
        below = self.line(f"fcmp olt {a} {name}, {high}")
        fits = self.line(f"and {self.ir('bool')} {above}, {below}")
        zero = literal(0, source, self.lanes)
        # Out of range the instruction's result is undefined, so it never sees it.
        safe = self.line(f"select {self.ir('bool')} {fits}, {a} {name}, {a} {zero}")
        number = self.line(f"fptosi {a} {safe} to {b}")
        least = literal(-(2 ** (bits - 1)), target, self.lanes)
        return self.line(f"select {self.ir('bool')} {fits}, {b} {number}, {b} {least}")

    # -- reading ---------------------------------------------------------------

    def wanted(self, tree: ast.expr, type_name: str) -> str:
        """Name of a subexpression's value in a wanted type."""
        name, found = self.value(tree, type_name)
        return self.cast(name, found, type_name)

    def value(self, tree: ast.expr, wanted: str) -> tuple[str, str]:
        """Name and type of a subexpression's value, near the wanted type."""
        match tree:
            case ast.Name(id=name) if name in self.bound:
                return self.bound[name]
            case ast.Name(id=name) if name in _CONSTANTS:
                return literal(_CONSTANTS[name], wanted, self.lanes), wanted
            case ast.Constant(value=bool() | int() | float() as number):
                return literal(number, wanted, self.lanes), wanted
            case ast.UnaryOp():
                return self.unary(tree, wanted), wanted
            case ast.BinOp():
                return self.binary(tree, wanted), wanted
            case ast.Compare(ops=[_], comparators=[_]):
                return self.compare(tree), "bool"
            case ast.BoolOp():
                return self.boolean(tree), "bool"
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.function(name, arguments, wanted)
        raise VocabularyError(f"not in the native vocabulary: {ast.unparse(tree)}")

    def unary(self, tree: ast.UnaryOp, wanted: str) -> str:
        """Negation, plus, not."""
        match tree.op, tree.operand:
            case ast.USub(), ast.Constant(value=int() | float() as number):
                return literal(-number, wanted, self.lanes)
            case ast.USub(), ast.Name(id=name) if name in _CONSTANTS:
                return literal(-_CONSTANTS[name], wanted, self.lanes)
            case ast.USub(), operand:
                name = self.wanted(operand, wanted)
                if wanted.startswith("float"):
                    return self.line(f"fneg {self.ir(wanted)} {name}")
                return self.line(f"sub {self.ir(wanted)} {self.zero(wanted)}, {name}")
            case ast.UAdd(), operand:
                return self.wanted(operand, wanted)
            case ast.Not(), operand:
                return self.cast(self.negated(operand), "bool", wanted)
            case ast.Invert(), operand:
                self.refuse_bits(wanted)
                name = self.wanted(operand, wanted)
                ones = literal(1 if wanted == "bool" else -1, wanted, self.lanes)
                return self.line(f"xor {self.ir(wanted)} {name}, {ones}")
        raise VocabularyError(f"not in the native vocabulary: {ast.unparse(tree)}")

    def negated(self, tree: ast.expr) -> str:
        """The truth value that an expression has not."""
        name = self.wanted(tree, "bool")
        return self.line(f"xor {self.ir('bool')} {name}, {self.one('bool')}")

    def zero(self, type_name: str) -> str:
        """The constant 0."""
        return literal(0, type_name, self.lanes)

    def one(self, type_name: str) -> str:
        """The constant 1."""
        return literal(1, type_name, self.lanes)

    def binary(self, tree: ast.BinOp, wanted: str) -> str:
        """Arithmetic of two operands in the wanted type."""
        x, y = self.wanted(tree.left, wanted), self.wanted(tree.right, wanted)
        if type(tree.op) in _BITS:
            self.refuse_bits(wanted)
            return self.line(f"{_BITS[type(tree.op)]} {self.ir(wanted)} {x}, {y}")
        if isinstance(tree.op, ast.LShift | ast.RShift):
            return self.shift(tree.op, x, y, wanted)
        if wanted == "bool":
            return self.boolean_arithmetic(tree.op, x, y)
        if wanted.startswith("int"):
            return self.integer_arithmetic(tree.op, x, y, wanted)
        match tree.op:
            case ast.Add() | ast.Sub() | ast.Mult():
                word = type(tree.op).__name__.lower().replace("mult", "mul")
                flag = "" if self.is_strict else "contract "
                return self.line(f"f{word} {flag}{self.ir(wanted)} {x}, {y}")
            case ast.Div():
                return self.line(f"fdiv {self.ir(wanted)} {x}, {y}")
            case ast.Pow():
                return self.library("pow", [x, y], wanted)
            case ast.Mod():
                return self.defined("remainder", [x, y], wanted)[0]
            case ast.FloorDiv():
                return self.defined("floor_divide", [x, y], wanted)[0]
        raise VocabularyError(f"not in the native vocabulary: {ast.unparse(tree)}")

    def refuse_bits(self, type_name: str) -> None:
        """Refuse operations on the bits of floats."""
        if type_name.startswith("float"):
            raise VocabularyError("floats have no operations on bits")

    def shift(self, op: ast.operator, x: str, y: str, t: str) -> str:
        """NumPy's shifts: past the last bit 0, or -1 where a negative moves right."""
        if not t.startswith("int"):
            raise VocabularyError("only whole numbers are shifted")
        ir, bits = self.ir(t), SIZES[t] * 8
        end = literal(bits, t, self.lanes)
        fits = self.line(f"icmp ult {ir} {y}, {end}")
        last = literal(bits - 1, t, self.lanes)
        safe = self.line(f"select {self.ir('bool')} {fits}, {ir} {y}, {ir} {last}")
        if isinstance(op, ast.RShift):
            return self.line(f"ashr {ir} {x}, {safe}")
        moved = self.line(f"shl {ir} {x}, {safe}")
        line = f"{self.ir('bool')} {fits}, {ir} {moved}, {ir} {self.zero(t)}"
        return self.line(f"select {line}")

    def boolean_arithmetic(self, op: ast.operator, x: str, y: str) -> str:
        """NumPy's + and * of truth values: or, and."""
        words = {ast.Add: "or", ast.Mult: "and"}
        if type(op) not in words:
            raise VocabularyError("NumPy has only + and * of truth values")
        return self.line(f"{words[type(op)]} {self.ir('bool')} {x}, {y}")

    def integer_arithmetic(self, op: ast.operator, x: str, y: str, t: str) -> str:
        """Integers wrap around; division by zero gives 0 and never traps."""
        match op:
            case ast.Add() | ast.Sub() | ast.Mult():
                word = type(op).__name__.lower().replace("mult", "mul")
                return self.line(f"{word} {self.ir(t)} {x}, {y}")
            case ast.FloorDiv():
                return self.integer_division(x, y, t)[0]
            case ast.Mod():
                return self.integer_division(x, y, t)[1]
            case ast.Pow():
                return self.integer_power(x, y, t)
        raise VocabularyError(f"{type(op).__name__} of integers is not native")

    def guarded_division(self, x: str, y: str, t: str) -> tuple[str, str, str]:
        """C's quotient and remainder with a divisor that cannot trap, and that."""
        ir, boolean = self.ir(t), self.ir("bool")
        least = literal(-(2 ** (SIZES[t] * 8 - 1)), t, self.lanes)
        by_zero = self.line(f"icmp eq {ir} {y}, {self.zero(t)}")
        is_least = self.line(f"icmp eq {ir} {x}, {least}")
        by_minus = self.line(f"icmp eq {ir} {y}, {literal(-1, t, self.lanes)}")
        overflows = self.line(f"and {boolean} {is_least}, {by_minus}")
        traps = self.line(f"or {boolean} {by_zero}, {overflows}")
        # least // -1 wraps to least and least % -1 is 0: just what 1 gives.
        safe = self.line(f"select {boolean} {traps}, {ir} {self.one(t)}, {ir} {y}")
        quotient = self.line(f"sdiv {ir} {x}, {safe}")
        return quotient, self.line(f"srem {ir} {x}, {safe}"), by_zero

    def integer_division(self, x: str, y: str, t: str) -> tuple[str, str]:
        """NumPy's floor_divide and remainder of integers."""
        ir, boolean, zero = self.ir(t), self.ir("bool"), self.zero(t)
        quotient, rest, by_zero = self.guarded_division(x, y, t)
        signs = self.line(f"xor {ir} {rest}, {y}")
        differ = self.line(f"icmp slt {ir} {signs}, {zero}")
        inexact = self.line(f"icmp ne {ir} {rest}, {zero}")
        adjust = self.line(f"and {boolean} {differ}, {inexact}")
        down = self.line(f"sub {ir} {quotient}, {self.one(t)}")
        up = self.line(f"add {ir} {rest}, {y}")
        floor = self.line(f"select {boolean} {adjust}, {ir} {down}, {ir} {quotient}")
        modulus = self.line(f"select {boolean} {adjust}, {ir} {up}, {ir} {rest}")
        return (
            self.line(f"select {boolean} {by_zero}, {ir} {zero}, {ir} {floor}"),
            self.line(f"select {boolean} {by_zero}, {ir} {zero}, {ir} {modulus}"),
        )

    def integer_power(self, x: str, y: str, t: str) -> str:
        """Power by squaring, wrapping around, lane by lane."""
        self.declarations.add(_INTEGER_POWER.replace("TYPE", TYPES[t]))
        return self.per_lane(f"wengert.power.{TYPES[t]}", [x, y], t)

    def compare(self, tree: ast.Compare) -> str:
        """A comparison in the common type of its two sides."""
        common = self.common_type(tree)
        x = self.wanted(tree.left, common)
        y = self.wanted(tree.comparators[0], common)
        if common.startswith("float"):
            word = "fcmp " + _FLOAT_COMPARE[type(tree.ops[0])]
        else:
            word = "icmp " + _INTEGER_COMPARE[type(tree.ops[0])]
            if common == "bool":  # i1's 1 is -1 in signed comparisons
                word = word.replace("icmp s", "icmp u")
        return self.line(f"{word} {self.ir(common)} {x}, {y}")

    def common_type(self, tree: ast.expr) -> str:
        """NumPy's common type of the operands below a node of the tree."""
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        found = {self.bound[n][1] for n in names if n in self.bound}
        numbers = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        is_real = names & set(_CONSTANTS) or any(isinstance(n, float) for n in numbers)
        if is_real and not any(t.startswith("float") for t in found):
            return "float64"
        if {"float32"} < found and found & {"int32", "int64"}:
            return "float64"
        return max(found, key=_RANK.__getitem__, default="float64")

    def boolean(self, tree: ast.BoolOp) -> str:
        """Conjunction or disjunction of truth values, without short cuts."""
        word = "and" if isinstance(tree.op, ast.And) else "or"
        name = self.wanted(tree.values[0], "bool")
        for operand in tree.values[1:]:
            other = self.wanted(operand, "bool")
            name = self.line(f"{word} {self.ir('bool')} {name}, {other}")
        return name

    def function(
        self, name: str, arguments: list[ast.expr], wanted: str
    ) -> tuple[str, str]:
        """A function call."""
        if name == "select":
            condition = self.wanted(arguments[0], "bool")
            x, y = (self.wanted(a, wanted) for a in arguments[1:])
            ir = self.ir(wanted)
            line = f"select {self.ir('bool')} {condition}, {ir} {x}, {ir} {y}"
            return self.line(line), wanted
        if name in _OVERFLOWS or name == "overflows_power":
            x, y = (self.wanted(a, "int64") for a in arguments)
            return self.overflows(name, x, y), "bool"
        if name not in FUNCTIONS and name not in _DEFINED:
            raise VocabularyError(f"no native function is called {name!r}")
        t = wanted
        if wanted == "bool":
            t = self.common_type(ast.Tuple(elts=arguments))
            if name in ("isnan", "isinf", "isfinite") and not t.startswith("float"):
                return literal(name == "isfinite", "bool", self.lanes), "bool"
        names = [self.wanted(a, t) for a in arguments]
        if name == "ldexp":
            return self.scaled(names, t), t
        if name in _DEFINED:
            return self.defined(name, names, t)
        if t.startswith("int") or t == "bool":
            return self.integer_function(name, names, t), t
        if name in _LIBRARY:
            return self.library(name, names, t), t
        return self.intrinsic(_INTRINSICS[name], names, t), t

    def intrinsic(self, name: str, names: Sequence[str], t: str) -> str:
        """One of LLVM's functions."""
        ir = self.ir(t)
        suffix = f"{f'v{self.lanes}' * (self.lanes > 1)}f{SIZES[t] * 8}"
        return self.call(f"llvm.{name}.{suffix}", ir, [(ir, n) for n in names])

    def fused(self, x: str, y: str, z: str) -> str:
        """``x * y + z`` of doubles, rounded once."""
        return self.intrinsic("fma", [x, y, z], "float64")

    def number(self, value: float, t: str = "float64") -> str:
        """A constant."""
        return literal(value, t, self.lanes)

    def overflows(self, name: str, x: str, y: str) -> str:
        """Whether the result of two 64-bit integers has more bits."""
        if name == "overflows_power":
            self.declarations.update(
                (_declared_overflow("smul", "i64", "i1", "i64"), _POWER_OVERFLOWS)
            )
            return self.per_lane("wengert.power.overflows", [x, y], "int64", "bool")
        ir, bit = self.ir("int64"), self.ir("bool")
        suffix = f"{f'v{self.lanes}' * (self.lanes > 1)}i64"
        symbol = f"llvm.{_OVERFLOWS[name]}.with.overflow.{suffix}"
        pair = f"{{{{{ir}, {bit}}}}}"  # braces of a template are doubled
        self.declarations.add(_declared_overflow(_OVERFLOWS[name], ir, bit, suffix))
        both = self.line(f"call {pair} @{symbol}({ir} {x}, {ir} {y})")
        return self.line(f"extractvalue {pair} {both}, 1")

    def scaled(self, names: list[str], t: str) -> str:
        """A number times a power of two, rounded once."""
        if not t.startswith("float"):
            raise VocabularyError(f"ldexp has no native form on {t}")
        x, exponent = names
        # Beyond, every number has become 0 or infinite; NumPy's exponents are ints.
        ends = [literal(k, t, self.lanes) for k in (-5000.0, 5000.0)]
        exponent = self.defined("maximum", [exponent, ends[0]], t)[0]
        exponent = self.defined("minimum", [exponent, ends[1]], t)[0]
        whole = self.line(f"fptosi {self.ir(t)} {exponent} to {self.ir('int32')}")
        vector = f"v{self.lanes}" * (self.lanes > 1)
        symbol = f"llvm.ldexp.{vector}f{SIZES[t] * 8}.{vector}i32"
        return self.call(
            symbol, self.ir(t), [(self.ir(t), x), (self.ir("int32"), whole)]
        )

    def defined(self, name: str, names: list[str], t: str) -> tuple[str, str]:
        """A function written in the vocabulary, opened up in place."""
        outer = self.bound
        self.bound = {OPERANDS[k]: (text, t) for k, text in enumerate(names)}
        tree = parse(_DEFINED[name])
        is_test = isinstance(tree, ast.Compare)
        found = self.value(tree, "bool" if is_test else t)
        self.bound = outer
        return found

    def integer_function(self, name: str, names: list[str], t: str) -> str:
        """Functions that make sense on integers."""
        ir = self.ir(t)
        is_whole = name in ("floor", "ceil", "trunc", "rint")
        if is_whole or (name == "fabs" and t == "bool"):
            return names[0]
        if name == "fabs":
            minus = self.line(f"sub {ir} {self.zero(t)}, {names[0]}")
            test = self.line(f"icmp slt {ir} {names[0]}, {self.zero(t)}")
            line = f"select {self.ir('bool')} {test}, {ir} {minus}, {ir} {names[0]}"
            return self.line(line)
        if name == "fmod" and t != "bool":
            _, rest, by_zero = self.guarded_division(names[0], names[1], t)
            line = f"{self.ir('bool')} {by_zero}, {ir} {self.zero(t)}, {ir} {rest}"
            return self.line(f"select {line}")
        raise VocabularyError(f"{name} has no native form on {t}")

    # -- the C library -----------------------------------------------------------

    def library(self, name: str, names: list[str], t: str) -> str:
        """A C math function: in vectors where the machine has it, else per lane."""
        is_single = t == "float32"
        if not is_single and is_written_out(self.lanes):
            if name == "exp":
                return exponential(self, names[0])
            if name in BOTH:
                return circular(self, [name], names[0])[0]
        return self.of_library(name, names, t)

    def of_library(self, name: str, names: list[str], t: str) -> str:
        """A call of a C math function."""
        is_single, found = t == "float32", None
        if self.lanes > 1:
            arity = _LIBRARY[name]
            found = machine.vector_symbol(name, arity, self.lanes, is_single)
        if found is not None:
            return self.in_parts(*found, names, t)
        symbol = machine.scalar_symbol(name, is_single)
        if symbol is None:
            raise VocabularyError(f"this C library has no {name}")
        ir = TYPES[t]
        types = ", ".join([ir] * len(names))
        line = f"declare {ir} @{symbol}({types}) nounwind memory(none)\n"
        self.declarations.add(line)
        return self.per_lane(symbol, names, t)

    def in_parts(self, symbol: str, width: int, names: list[str], t: str) -> str:
        """Call a vector function on parts of its width and join the results."""
        if width == self.lanes:
            ir = self.ir(t)
            return self.call(symbol, ir, [(ir, n) for n in names])
        whole, part = self.ir(t), ir_type(t, width)
        parts = []
        for start in range(0, self.lanes, width):
            mask = _mask(range(start, start + width))
            cut = [
                self.line(f"shufflevector {whole} {n}, {whole} poison, {mask}")
                for n in names
            ]
            parts.append(self.call(symbol, part, [(part, n) for n in cut]))
        while len(parts) > 1:
            ir, mask = ir_type(t, width), _mask(range(2 * width))
            parts = [
                self.line(f"shufflevector {ir} {a}, {ir} {b}, {mask}")
                for a, b in zip(parts[::2], parts[1::2], strict=True)
            ]
            width *= 2
        return parts[0]

    def per_lane(
        self, symbol: str, names: list[str], t: str, result: str | None = None
    ) -> str:
        """Call a scalar function for every lane."""
        ir, whole = TYPES[t], self.ir(t)
        given, found = TYPES[result or t], self.ir(result or t)
        if self.lanes == 1:
            text = ", ".join(f"{ir} {n}" for n in names)
            return self.line(f"call {given} @{symbol}({text})")
        joined = "poison"
        for lane in range(self.lanes):
            cut = [self.line(f"extractelement {whole} {n}, i64 {lane}") for n in names]
            text = ", ".join(f"{ir} {n}" for n in cut)
            one = self.line(f"call {given} @{symbol}({text})")
            joined = self.line(
                f"insertelement {found} {joined}, {given} {one}, i64 {lane}"
            )
        return joined


def _mask(lanes: range) -> str:
    """IR of a shuffle mask."""
    return f"<{len(lanes)} x i32> <" + ", ".join(f"i32 {k}" for k in lanes) + ">"


def _declared_overflow(word: str, ir: str, bit: str, suffix: str) -> str:
    """Declaration of one of LLVM's functions that say whether integers overflow."""
    symbol = f"llvm.{word}.with.overflow.{suffix}"
    return f"declare {{{ir}, {bit}}} @{symbol}({ir}, {ir})\n"


# A negative exponent gives 0 here; NumPy raises before any native code is reached.
_INTEGER_POWER = """\
define internal TYPE @wengert.power.TYPE(TYPE %x, TYPE %y) {
entry:
 %legal = icmp sge TYPE %y, 0
 br i1 %legal, label %loop, label %negative
negative:
 ret TYPE 0
loop:
 %base = phi TYPE [%x, %entry], [%square, %loop]
 %left = phi TYPE [%y, %entry], [%half, %loop]
 %result = phi TYPE [1, %entry], [%next, %loop]
 %bit = and TYPE %left, 1
 %odd = icmp ne TYPE %bit, 0
 %product = mul TYPE %result, %base
 %next = select i1 %odd, TYPE %product, TYPE %result
 %square = mul TYPE %base, %base
 %half = lshr TYPE %left, 1
 %more = icmp ne TYPE %half, 0
 br i1 %more, label %loop, label %done
done:
 ret TYPE %next
}
"""

# The base is squared only while bits of the exponent are left.
_POWER_OVERFLOWS = """\
define internal i1 @wengert.power.overflows(i64 %x, i64 %y) {
entry:
 %legal = icmp sgt i64 %y, 0
 br i1 %legal, label %loop, label %fits
loop:
 %base = phi i64 [%x, %entry], [%squared, %more]
 %left = phi i64 [%y, %entry], [%half, %more]
 %result = phi i64 [1, %entry], [%next, %more]
 %bit = and i64 %left, 1
 %odd = icmp ne i64 %bit, 0
 %factor = select i1 %odd, i64 %base, i64 1
 %product = call {i64, i1} @llvm.smul.with.overflow.i64(i64 %result, i64 %factor)
 %next = extractvalue {i64, i1} %product, 0
 %above = extractvalue {i64, i1} %product, 1
 br i1 %above, label %overflows, label %halve
halve:
 %half = lshr i64 %left, 1
 %again = icmp ne i64 %half, 0
 br i1 %again, label %more, label %fits
more:
 %square = call {i64, i1} @llvm.smul.with.overflow.i64(i64 %base, i64 %base)
 %squared = extractvalue {i64, i1} %square, 0
 %wide = extractvalue {i64, i1} %square, 1
 br i1 %wide, label %overflows, label %loop
fits:
 ret i1 false
overflows:
 ret i1 true
}
"""
