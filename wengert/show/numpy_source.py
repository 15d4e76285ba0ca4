"""A tape as readable NumPy source that runs by itself.

Every operation is written by its NumPy name and settings where that gives the recorded
number (tried once, while the source is written); otherwise the operation's own function
is included as a helper.  Only reading and writing elements, guards, constants and the
projections of several results have texts of their own.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from wengert.capture import tree
from wengert.core.guards import assertion
from wengert.core.names import identifier, variable_names
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, Tape
from wengert.core.types import Type
from wengert.core.verify import is_name
from wengert.derive.branches import SWITCH, take
from wengert.derive.loops import SCAN
from wengert.derive.steps import Body, repeat
from wengert.derive.tapes import needed_by_results
from wengert.derive.while_loops import WHILE, go_on
from wengert.errors import ArgumentError, UnsupportedError, WengertError, explain
from wengert.execute.rehearsal import Rehearsal
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.index import GETITEM, IN_PLACE, ITEM, STORE, Placeholder, Slice
from wengert.show.helpers import Helpers
from wengert.show.literals import NotPlainError, array_text, literal, number_text
from wengert.show.watch import outputs_of

#: Longest expression that is written into another one, and into the return statement.
LONGEST_EXPRESSION = 56
LONGEST_RESULT = 76
INDENT = "    "

OPERATORS = {
    "power": ("**", 7),
    "multiply": ("*", 5),
    "divide": ("/", 5),
    "matmul": ("@", 5),
    "remainder": ("%", 5),
    "floor_divide": ("//", 5),
    "add": ("+", 4),
    "subtract": ("-", 4),
    "less": ("<", 1),
    "less_equal": ("<=", 1),
    "greater": (">", 1),
    "greater_equal": (">=", 1),
    "equal": ("==", 1),
    "not_equal": ("!=", 1),
}
ATOM, UNARY = 10, 6
#: NumPy numbers for which a Python number may stand.
PYTHON_DTYPES = ("float64", "complex128", "int64")


class Text(NamedTuple):
    """An expression and how tightly it binds."""

    text: str
    strength: int = ATOM

    def within(self, strength: int) -> str:
        """Return the text, in brackets where it binds less tightly."""
        return self.text if self.strength >= strength else f"({self.text})"


def numpy_source(tape: Tape, name: str = "f") -> str:
    """Return a tape as the source of a NumPy function.

    Parameters
    ----------
    tape : Tape
    name : str
        Name of the function that is written.

    Returns
    -------
    str
        A module: ``import numpy as np``, helpers where an operation has no NumPy
        name, and one function with the tape's arguments and results.

    Raises
    ------
    ArgumentError
        If the name is no identifier.
    UnsupportedError
        If an operation runs code that cannot be written down.
    """
    if not is_name(name):
        raise ArgumentError(
            explain(
                f"a tape was to be written as a function named {name!r:.60}",
                "the name of a function is an identifier",
                'tape.to_numpy(name="f")',
            )
        )
    for part in tape.structure or ():
        check_keys(part)
    return Writer(tape, name).module()


def check_keys(structure: Any) -> None:
    """Raise `UnsupportedError` where the key of a dictionary cannot be written."""
    if isinstance(structure, tree.Leaf):
        return
    is_dict = issubclass(structure.kind, dict)
    for key in structure.keys if is_dict else ():
        try:
            literal(key)
        except NotPlainError as error:
            raise UnsupportedError(
                explain(
                    f"a dictionary with the key {key!r:.60} cannot be written as "
                    "NumPy source",
                    "only numbers, texts and tuples of them stand for themselves",
                    "use texts as keys",
                )
            ) from error
    for child in structure.children:
        check_keys(child)


class Writer:
    """Writes one tape."""

    def __init__(self, tape: Tape, name: str, helpers: Helpers | None = None) -> None:
        tape.resolve()
        self.tape, self.name = tape, name
        self.helpers = Helpers() if helpers is None else helpers
        self.lines: list[str] = []
        self.texts: dict[int, Text] = {}
        self.names = variable_names(tape)
        self.holders: dict[str, int] = {name: len(tape) + 1, "np": len(tape) + 1}
        self.numbers: dict[str, int] = {}
        self.forms: dict[Any, str] = {}
        self.only_double = all(is_double(type_) for type_ in tape.types)
        self.find_uses()

    # What is written where

    def find_uses(self) -> None:
        """Find the nodes that are needed, who reads them, and where each is written."""
        tape, count = self.tape, len(self.tape)
        needed = needed_by_results(tape)
        readers: list[list[int]] = [[] for _ in range(count)]
        for index in range(count - 1, -1, -1):
            if needed[index]:
                for operand in tape.operands[index]:
                    readers[operand].append(index)
        self.needed, self.readers = needed, readers
        #: The statement that a node is written in, and the last one that reads it.
        self.places = list(range(count))
        self.last = list(range(count))
        outputs = set(tape.output_indices)
        for index in range(count - 1, -1, -1):
            if readers[index]:
                self.last[index] = max(self.places[reader] for reader in readers[index])
            if index in outputs:
                self.last[index] = count
                if not readers[index] and self.is_expression(index):
                    self.places[index] = count
            elif self.is_inlined(index):
                self.places[index] = self.places[readers[index][0]]
        self.elided = {
            index
            for index in range(count)
            if needed[index] and tape.operations[index] in IN_PLACE
            if self.may_overwrite(index)
        }
        self.names = dict(self.names)
        for index in sorted(self.elided, reverse=True):
            base = tape.operands[index][0]
            if index in self.names:
                self.names.setdefault(base, self.names[index])

    def is_inlined(self, index: int) -> bool:
        """Whether a node is written inside the one expression that reads it."""
        tape, readers = self.tape, self.readers[index]
        if len(readers) != 1 or not self.is_expression(index):
            return False
        reader = readers[0]
        if tape.operations[reader] in IN_PLACE and tape.operands[reader][0] == index:
            return False
        return self.line_of(index) == self.line_of(reader)

    def is_expression(self, index: int) -> bool:
        """Whether a node may be written without a variable of its own."""
        operation = self.tape.operations[index]
        if operation in (INPUT, CONSTANT, GUARD) or operation in IN_PLACE:
            return False
        return index not in self.names and operation.results == 1

    def line_of(self, index: int) -> str:
        """Return the user's line of a node."""
        return self.tape.line(index)

    def may_overwrite(self, index: int) -> bool:
        """Whether a write may be done in its base's own buffer, without a copy."""
        tape = self.tape
        base = tape.operands[index][0]
        operation = tape.operations[base]
        is_own = operation in IN_PLACE or (
            operation.kind == "elementwise" and tape.types[base].shape != ()
        )
        if operation is CONSTANT:
            is_own = len(self.readers[base]) == 1
        if not is_own or self.last[base] != index:
            return False
        return all(
            reader == index or self.reads_numbers(reader)
            for reader in self.readers[base]
        )

    def reads_numbers(self, index: int) -> bool:
        """Whether a node's output never shares memory with its operands."""
        operation, type_ = self.tape.operations[index], self.tape.types[index]
        if operation is IDENTITY or operation.results > 1:
            return False
        if isinstance(type_, Type) and type_.shape == ():
            return True
        return operation.kind in ("elementwise", "multilinear") or operation in IN_PLACE

    # Writing

    def module(self) -> str:
        """Return the whole source."""
        function = self.function()
        head = ["import numpy as np", *self.helpers.imports, "", ""]
        for helper in self.helpers.sources:
            head += [helper, "", ""]
        return "\n".join([*head, function, ""])

    def function(self) -> str:
        """Return the function alone; what it needs is added to the helpers."""
        self.write_arguments()
        for index, values in self.played():
            if self.needed[index]:
                self.write_node(index, values)
        results = self.results()
        parameters = ", ".join(self.parameters)
        head = f"def {self.name}({parameters}):"
        return f"\n{INDENT}".join([head, *self.lines, f"return {results}"])

    def played(self) -> Iterator[tuple[int, list[Any]]]:
        """Play the tape; give every node with the values of its operands.

        A tape that was loaded has no numbers: others of their types stand for them.
        """
        tape = self.tape
        if any(tape.play.outputs[index] is None for index in tape.input_indices):
            rehearsal = Rehearsal(tape)
            for index in range(len(tape)):
                yield index, [rehearsal.value(k) for k in tape.operands[index]]
            return
        for index, outputs in outputs_of(tape):
            operands = tape.operands[index]
            yield index, [as_given(tape, k, outputs[k]) for k in operands]

    def write_arguments(self) -> None:
        """Name the parameters, and the leaves of nested ones."""
        tape = self.tape
        count = len(tape) + 1
        if tape.structure is None:
            self.parameters = []
            for k, index in enumerate(tape.input_indices):
                found = self.take(self.names.get(index, f"x{k}"), index, count)
                self.parameters.append(found)
                self.texts[index] = Text(found)
            return
        leaves = iter(tape.input_indices)
        self.parameters = []
        for k, structure in enumerate(tape.structure[0].children):
            paths = tree.paths(structure, "")
            indices = [next(leaves) for _ in paths]
            self.parameters.append(self.write_argument(k, paths, indices, count))

    def write_argument(
        self, k: int, paths: list[str], indices: list[int], count: int
    ) -> str:
        """Name one parameter and write the lines that take its leaves out."""
        setting = self.tape.settings[indices[0]].get("name", "") if indices else ""
        suffix = paths[0] if paths else ""
        base = setting.removesuffix(suffix) if setting else f"x{k}"
        name = self.take(identifier(base), -1, count)
        for path, index in zip(paths, indices, strict=True):
            if not path:
                self.texts[index] = Text(name)
            elif self.readers[index] or index in self.tape.output_indices:
                leaf = self.take(identifier(name + path), index, count)
                self.lines.append(f"{leaf} = {name}{path}")
                self.texts[index] = Text(leaf)
        return name

    def take(self, name: str, index: int, until: int) -> str:
        """Return a free variable name; it is held until a statement."""
        wanted = name
        while not self.is_free(wanted, index):
            # From the last number that was given: a long loop takes thousands.
            k = self.numbers.get(name, 1)
            wanted = f"{name}_{k}"
            if k == 1 or not self.is_free(wanted, index):
                self.numbers[name] = k + 1
                wanted = f"{name}_{k + 1}"
        self.holders[wanted] = until
        return wanted

    def is_free(self, name: str, index: int) -> bool:
        """Whether a name may be given to a node."""
        if keyword.iskeyword(name) or hasattr(builtins, name):
            return False
        if name in self.helpers.names:
            return False
        return self.holders.get(name, -1) <= index or name not in self.holders

    def write_node(self, index: int, values: list[Any]) -> None:
        """Write one node: a statement, or an expression for the one that reads it."""
        tape = self.tape
        operation = tape.operations[index]
        if operation is INPUT:
            return
        if operation is CONSTANT:
            self.write_constant(index)
        elif operation is GUARD:
            self.write_guard(index)
        elif operation in IN_PLACE:
            self.write_write(index)
        elif operation is IDENTITY:
            self.texts[index] = self.texts[tape.operands[index][0]]
        else:
            text = self.expression(index, values)
            long = len(text.text) > (
                LONGEST_RESULT
                if self.places[index] == len(tape)
                else LONGEST_EXPRESSION
            )
            if self.places[index] != index and not long:
                self.texts[index] = text
            else:
                self.assign(index, text.text)

    def assign(self, index: int, text: str) -> None:
        """Write ``name = text``."""
        name = self.variable(index)
        self.statement(f"{name} = {text}", index)
        self.texts[index] = Text(name)

    def variable(self, index: int) -> str:
        """Return the variable for a node."""
        until = self.last[index]
        return self.take(self.names.get(index, f"v{index}"), index, until)

    def statement(self, text: str, index: int) -> None:
        """Write one line, and beside it the user's line it came from."""
        line = self.line_of(index)
        self.lines.append(f"{text}  # {line}" if line else text)

    def write_constant(self, index: int) -> None:
        """Write a number where it is read, an array as a variable of its own."""
        value = self.tape.settings[index]["value"]
        if np.ndim(value) == 0 and not isinstance(value, np.ndarray):
            text = self.number(value)
            self.texts[index] = Text(text, UNARY if text.startswith("-") else ATOM)
            return
        self.assign(index, array_text(value))

    def number(self, value: Any) -> str:
        """Return a number; NumPy numbers keep their dtype where it matters."""
        if isinstance(value, np.generic):
            kind = value.dtype
            if not self.only_double or kind.name not in PYTHON_DTYPES:
                return f"np.{kind.name}({number_text(value.item())})"
            value = value.item()
        return number_text(value)

    def write_guard(self, index: int) -> None:
        """Write a guard as an assertion."""
        operand = self.texts[self.tape.operands[index][0]]
        settings = self.tape.settings[index]
        self.statement(assertion(settings, operand.within(1)), index)

    def write_write(self, index: int) -> None:
        """Write ``y[key] = value`` or ``y[key] += value``, after a copy if needed."""
        tape = self.tape
        base, value, *indices = tape.operands[index]
        settings = tape.settings[index]
        base_text = self.texts[base].text
        if index in self.elided and base_text.isidentifier():
            name = base_text
            self.holders[name] = self.last[index]
        else:
            name = self.variable(index)
            self.statement(f"{name} = {self.texts[base].within(ATOM)}.copy()", index)
        self.texts[index] = Text(name)
        target = self.target(name, settings["chain"])
        key = self.key_text(settings["key"], indices)
        text = self.texts[value].text
        if tape.operations[index] is STORE:
            self.statement(f"{target}[{key}] = {text}", index)
        elif any(tape.types[k].shape for k in indices):
            self.statement(f"np.add.at({target}, np.s_[{key}], {text})", index)
        else:
            self.statement(f"{target}[{key}] += {text}", index)

    def target(self, text: str, chain: Any) -> str:
        """Return the view of a buffer that a write goes to."""
        from wengert.core.operation import REGISTRY

        for name, items in chain:
            settings = dict(items)
            if name == "getitem":
                text = f"{text}[{self.key_text(settings['key'], [])}]"
                continue
            form = self.form_without_values(REGISTRY[name], settings)
            text = form.format(text)
        return text

    def form_without_values(self, operation: Operation, settings: Any) -> str:
        """Return the text of a view operation."""
        parts = [f"{key}={literal(value)}" for key, value in settings.items()]
        try:
            helper = self.helpers.add(operation.function)
        except NotPlainError as error:
            raise self.unsupported(operation) from error
        return f"{helper}({', '.join(['{0}', *map(escape, parts)])})"

    def key_text(self, key: Any, indices: list[int]) -> str:
        """Return a key as it is written between brackets."""
        parts = []
        for part in key:
            if isinstance(part, Slice):
                ends = ["" if end is None else str(end) for end in part[:2]]
                step = "" if part.step is None else f":{part.step}"
                parts.append(":".join(ends) + step)
            elif isinstance(part, Placeholder):
                parts.append(self.texts[indices[part.position]].text)
            else:
                parts.append("..." if part is Ellipsis else literal(part))
        return ", ".join(parts) if parts else "()"

    # Expressions

    def expression(self, index: int, values: list[Any]) -> Text:
        """Return the expression of a node."""
        tape = self.tape
        operation, operands = tape.operations[index], tape.operands[index]
        texts = [self.texts[operand] for operand in operands]
        if operation is GETITEM:
            key = self.key_text(tape.settings[index]["key"], list(operands[1:]))
            return Text(f"{texts[0].within(ATOM)}[{key}]")
        if operation is CHAIN_PRODUCT and any(map(self.is_factor, operands)):
            return binary("multiply", *texts)
        if operation is ITEM:
            return Text(f"{texts[0].within(ATOM)}[{tape.settings[index]['result']}]")
        types = [tape.types[operand] for operand in operands]
        if not all(isinstance(type_, Type) and type_.weak for type_ in types):
            if operation.name in OPERATORS and len(texts) == 2:
                return binary(operation.name, *texts)
            if operation.name == "negative":
                return Text(f"-{texts[0].within(UNARY)}", UNARY)
        form = self.form(index, values)
        return Text(form.format(*[text.text for text in texts]))

    def is_factor(self, index: int) -> bool:
        """Whether a node is a constant by which a product is an ordinary product."""
        if self.tape.operations[index] is not CONSTANT:
            return False
        value = self.tape.settings[index]["value"]
        return bool(np.ndim(value) == 0 and value != 0 and np.isfinite(value))

    def form(self, index: int, values: list[Any]) -> str:
        """Return the text of a call with places for its operands."""
        tape = self.tape
        operation, settings = tape.operations[index], tape.settings[index]
        types = tuple(tape.types[operand] for operand in tape.operands[index])
        key = (operation, repr(sorted(settings.items())), types)
        if key not in self.forms:
            self.forms[key] = self.find_form(operation, settings, values)
        return self.forms[key]

    def find_form(self, operation: Operation, settings: Any, values: list[Any]) -> str:
        """Return the first text that gives the operation's own result."""
        places = [f"{{{k}}}" for k in range(len(values))]
        if operation is SCAN:
            return self.loop_form(settings, places)
        if operation is SWITCH:
            names = [self.step_of("branch", body) for body in settings["branches"]]
            return self.call(take, f"({', '.join(names)},)", places)
        if operation is WHILE:
            body = settings["body"]
            names = [
                self.step_of("follows", settings["cond"]),
                self.step_of("step", body),
            ]
            return self.call(go_on, ", ".join([*names, str(body.carried)]), places)
        try:
            for form in known_forms(operation, settings, values):
                return form
            parts = [escape(f"{k}={literal(v)}") for k, v in settings.items()]
            helper = self.helpers.add(operation.function)
        except NotPlainError as error:
            helper, parts = self.recorded_helper(operation, settings, values), []
            if not helper:
                raise self.unsupported(operation) from error
        return f"{helper}({', '.join(places + parts)})"

    def loop_form(self, settings: Any, places: list[str]) -> str:
        """Return the text of a loop, whose step is a helper."""
        body = settings["body"]
        step = self.step_of("step", body)
        how = [step, body.carried, body.moving, settings["count"], settings["reverse"]]
        return self.call(repeat, ", ".join(map(str, how)), places)

    def step_of(self, word: str, body: Body) -> str:
        """Return the name of a helper that is the tape of a step, or of a branch."""
        name = self.helpers.free_name(word)
        source = Writer(body.tape, name, self.helpers).function()
        self.helpers.define(name, body, escape(source))
        return name

    def call(self, function: Any, how: str, places: list[str]) -> str:
        """Return the text of a call of a helper, told how, on operands."""
        return f"{self.helpers.add(function)}({', '.join([how, *places])})"

    def recorded_helper(
        self, operation: Operation, settings: Any, values: list[Any]
    ) -> str:
        """Return the name of a helper for a function of the user's own.

        The function (of a custom rule, of a checkpoint) is recorded, and its tape
        written; an empty name if it cannot be recorded.
        """
        from wengert.api import record

        body = getattr(getattr(operation.function, "__self__", None), "body", None)
        if body is None or any(value is None for value in values):
            return ""
        try:
            tape = record(body, *values)
        except (WengertError, TypeError, ValueError):  # a black box, say
            return ""
        name = self.helpers.free_name(identifier(operation.name))
        source = Writer(tape, name, self.helpers).function()
        self.helpers.define(name, operation, source)
        return name

    def unsupported(self, operation: Operation) -> UnsupportedError:
        """Return the error of an operation that cannot be written."""
        return UnsupportedError(
            explain(
                f"{operation.name} cannot be written as NumPy source",
                "it runs code of its own that does not stand by itself",
                "tape.show() or print(tape) to look at it, tape(*args) to replay it",
            )
        )

    def results(self) -> str:
        """Return the returned expression, nested as the recorded result."""
        texts = [self.texts[index].text for index in self.tape.output_indices]
        if self.tape.structure is None:
            return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
        return nested(self.tape.structure[1], iter(texts))


def nested(structure: Any, texts: Iterator[str]) -> str:
    """Return results as nested literals."""
    if isinstance(structure, tree.Leaf):
        return next(texts)
    kind, keys, children, _ = structure
    parts = [nested(child, texts) for child in children]
    if kind is type(None):
        return "None"
    if kind is tree.Fixed:
        return literal(keys.value)
    if kind is list:
        return f"[{', '.join(parts)}]"
    if tree.is_dictionary(kind):
        pairs = zip(keys, parts, strict=True)
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in pairs) + "}"
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def is_double(type_: Any) -> bool:
    """Whether plain Python floats may stand for NumPy ones beside such a value."""
    if type_ is None or not isinstance(type_, Type):
        return True
    return type_.dtype.name in (*PYTHON_DTYPES, "bool")


def binary(name: str, left: Text, right: Text) -> Text:
    """Return ``left operator right``."""
    sign, strength = OPERATORS[name]
    if sign == "**":
        text = f"{left.within(strength + 1)}**{right.within(UNARY)}"
    elif strength == 1:
        text = f"{left.within(2)} {sign} {right.within(2)}"
    else:
        text = f"{left.within(strength)} {sign} {right.within(strength + 1)}"
    return Text(text, strength)


def as_given(tape: Tape, index: int, value: Any) -> Any:
    """Return a value as the written function may see it: inputs as Python numbers."""
    if tape.operations[index] is not INPUT or not isinstance(value, np.generic):
        return value
    return value.item() if value.dtype.name in PYTHON_DTYPES else value


def known_forms(
    operation: Operation, settings: Any, values: list[Any]
) -> Iterator[str]:
    """Give the texts that have the operation's own result at some values."""
    if any(value is None for value in values):
        return
    try:
        with np.errstate(all="ignore"):
            expected = operation.function(*values, **settings)
    except Exception:  # it takes other numbers: nothing is known to give the same
        return
    for form in candidates(operation, settings, len(values)):
        if gives(form, values, expected):
            yield form


def candidates(operation: Operation, settings: Any, count: int) -> Iterator[str]:
    """Give texts that may be the operation, the most familiar first."""
    places = [f"{{{k}}}" for k in range(count)]
    function = operation.function
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, 0) is function:
        yield f"np.{function.__name__}({', '.join(places)})"
    if operation.name == "einsum":
        text = ", ".join([repr(settings["subscripts"]), *places])
        yield f"np.einsum({text})"
    if operation.name == "diagonal":
        one, two = settings["axes"]
        yield f"np.diagonal({{0}}, {settings['offset']}, {one}, {two})"
    shown = [
        escape(f"{key}={literal(value)}")
        for key, value in settings.items()
        if value is not None and not (key == "keepdims" and value is False)
    ]
    for module in ("np", "np.linalg", "np.fft"):
        space = np if module == "np" else getattr(np, module[3:])
        if callable(getattr(space, operation.name, None)):
            yield f"{module}.{operation.name}({', '.join(places + shown)})"
            values = [escape(literal(v)) for v in settings.values() if v is not None]
            yield f"{module}.{operation.name}({', '.join(places + values)})"
            parts = [f"({', '.join(places)},)", *shown]
            yield f"{module}.{operation.name}({', '.join(parts)})"


def gives(form: str, values: list[Any], expected: Any) -> bool:
    """Whether a text, evaluated on the recorded numbers, gives the recorded result."""
    names = {f"a{k}": value for k, value in enumerate(values)}
    try:
        with np.errstate(all="ignore"):
            found = eval(form.format(*names), {"np": np}, names)
    except Exception:  # not that function's arguments: another text is tried
        return False
    return same(found, expected)


def same(found: Any, expected: Any) -> bool:
    """Whether two results are the same numbers of the same type."""
    if isinstance(expected, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(expected):
            return False
        return all(same(x, y) for x, y in zip(found, expected, strict=True))
    if np.shape(found) != np.shape(expected):
        return False
    if np.asarray(found).dtype != np.asarray(expected).dtype:
        return False
    if np.asarray(expected).dtype.kind in "fc":
        return bool(np.allclose(found, expected, 1e-14, 0.0, equal_nan=True))
    return bool(np.array_equal(found, expected))


def escape(text: str) -> str:
    """Return text in which braces stand for themselves."""
    return text.replace("{", "{{").replace("}", "}}")
