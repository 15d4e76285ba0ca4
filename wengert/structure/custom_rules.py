"""Functions with derivative rules of their own: `rule`, `custom_jvp`, `custom_vjp`.

A call becomes one node.  The function runs on plain values, so it may be anything (a
compiled library, a table, a solver); its derivative is what the rule says.  With one
rule the other mode is its transpose; higher orders differentiate the rule itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from wengert.capture import tree
from wengert.core.forms import Map, Routine
from wengert.core.operation import apply
from wengert.core.transformed import Transformed, shown
from wengert.core.types import Recorded, Type, has_class
from wengert.derive.modes import unbroadcast
from wengert.errors import (
    DerivativeError,
    Line,
    RecordingError,
    RuleError,
    UnsupportedError,
    explain,
    is_library,
)
from wengert.structure.as_called import AsCalled, as_called
from wengert.structure.nested import (
    Arguments,
    Node,
    Setting,
    any_recorded,
    check_part,
    operands_of,
    own_leaf,
    run_apart,
    settle,
    spread_over,
    value_type,
)

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[..., Any]
__all__ = ["custom_jvp", "custom_vjp", "rule"]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is known of a function: ``jvp(tangents, result, *args)`` and so on.

    `forward` gives ``(result, residuals)``; its reverse rule is then
    ``vjp(residuals, g)``.
    """

    function: Function
    name: str
    jvp: Function | None = None
    vjp: Function | None = None
    forward: Function | None = None
    shape: Function | None = None
    #: Whether elements depend on elements at the same place, operands broadcasting.
    elementwise: bool = False
    #: Whether function and rules take arguments with more axes, in front of their own.
    vectorized: bool = False
    #: Whether the rules are told what is needed: `jvp` has None for no tangent, `vjp`
    #: a keyword `wanted`, a flag an argument.
    told: bool = False

    @property
    def takes_rows(self) -> bool:
        """Whether it is called once for many rows."""
        return self.elementwise or self.vectorized


#: What of them is functions.
FUNCTIONS = "function", "jvp", "vjp", "forward", "shape"


class Results(tuple[Any, ...]):
    """The results of a node, and the residuals that its reverse rule needs."""

    residuals: Any = None


class Call(Node):
    """One call as the operation of one node, made from the rules of its function."""

    def __init__(
        self, rules: Rules, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.stated, self.keywords = rules, keywords
        self.arguments = arguments = Arguments(args)
        self.structure: Any = None
        function = rules.function
        self.called = AsCalled(*[getattr(rules, name) for name in FUNCTIONS])
        super().__init__(
            rules.name,
            [self.called, keywords, arguments.leaves, arguments.structure],
            jvp=None if rules.jvp is None else self.push,
            vjp=self.pull if rules.jvp is None or rules.vjp is not None else None,
            names_wanted=rules.told,
            form=Map() if rules.elementwise else Routine(stacks=rules.vectorized),
            identity=("rule", function.__module__, function.__qualname__)
            if hasattr(function, "__qualname__")
            else ("rule", rules.name, ""),
        )

    @property
    def rules(self) -> Rules:
        """The rules, as they were when the function was called."""
        now = self.called.now
        if now is self.called.values:
            return self.stated
        return replace(self.stated, **dict(zip(FUNCTIONS, now, strict=True)))

    # Values

    @as_called
    def values(self, *operands: Any) -> Any:
        """Return the flat results at plain operands."""
        rules, args = self.rules, self.arguments.fill(operands)
        if rules.forward is None:
            result = run_apart(rules.function, args, rules.name, **self.keywords)
            residuals = None
        else:
            pair = run_apart(rules.forward, args, f"the fwd of {rules.name}")
            result, residuals = self.split(pair)
        leaves = self.check_result(result, args)
        if isinstance(self.structure, tree.Leaf) and rules.forward is None:
            return leaves[0]
        found = Results(leaves)
        found.residuals = residuals
        return found

    @as_called
    def of_rows(
        self, values: Sequence[Any], flags: Sequence[bool], count: int, like: Any
    ) -> Any:
        """Return the flat results of many rows, from one call of the function.

        `flags` says which values have rows, along their first axis; `like` has the
        types of one row's results.
        """
        rules = self.rules
        if rules.elementwise:
            given = aligned(values, flags, count)
        else:
            given = [
                value if has_rows else np.broadcast_to(value, (count, *np.shape(value)))
                for value, has_rows in zip(values, flags, strict=True)
            ]
        args = self.arguments.fill(given)
        result = run_apart(rules.function, args, rules.name, **self.keywords)
        leaves, _ = tree.flatten(result)
        types = [like] if isinstance(like, Type) else list(like)
        shapes = [(count, *part.shape) for part in types]
        sizes = [np.size(leaf) for leaf in leaves]
        if sizes != [int(np.prod(shape)) for shape in shapes]:
            raise self.wrong_rows([np.shape(leaf) for leaf in leaves], shapes)
        found = [
            np.reshape(own_leaf(leaf, rules.name), shape)
            for leaf, shape in zip(leaves, shapes, strict=True)
        ]
        return found[0] if isinstance(like, Type) else tuple(found)

    def wrong_rows(self, found: Any, wanted: Any) -> Exception:
        """Return the error of a function that does not take many rows."""
        kind = "elementwise" if self.rules.elementwise else "vectorized"
        return RuleError(
            explain(
                f"{self.rules.name} returned shapes {found} for rows of {wanted}",
                f"its rule says {kind}=True: it is called once with all rows along a "
                "leading axis",
                f"take that axis along, or leave {kind}=True out",
                line_of_rule(self.rules.function),
            )
        )

    @as_called
    def body(self, *operands: Any) -> Any:
        """Return the flat results, recorded as if the function had no rule."""
        args = self.arguments.fill(operands)
        leaves = tree.flatten(self.rules.function(*args, **self.keywords))[0]
        is_single = isinstance(self.structure, tree.Leaf) and not self.rules.forward
        return leaves[0] if is_single else tuple(leaves)

    def split(self, pair: Any) -> Any:
        """Return the result and the residuals that `fwd` gave."""
        if isinstance(pair, tuple) and len(pair) == 2:
            return pair
        shown = (
            f"{len(pair)} things" if isinstance(pair, tuple) else type(pair).__name__
        )
        raise RuleError(
            explain(
                f"the fwd of {self.rules.name} returned {shown}",
                "it returns two: the result, and what bwd needs",
                "return result, residuals",
            )
        )

    def check_result(self, result: Any, args: tuple[Any, ...]) -> list[Any]:
        """Return the leaves of a result; it nests as before, in the stated shape."""
        name = self.rules.name
        leaves, structure = tree.flatten(result)
        leaves = [own_leaf(leaf, name) for leaf in leaves]
        if self.structure is not None and structure != self.structure:
            raise RuleError(
                explain(
                    f"{name} returned {tree.describe(structure)} after "
                    f"{tree.describe(self.structure)}",
                    "a recorded call has results that nest in one way",
                    "record the function again",
                )
            )
        self.structure = structure
        if self.rules.shape is not None:
            stated = self.rules.shape(*args, **self.keywords)
            found = [np.shape(leaf) for leaf in leaves]
            if stated != (found[0] if isinstance(structure, tree.Leaf) else found):
                raise RuleError(
                    explain(
                        f"{name} returned shape {found}, and shape= gave {stated}",
                        "the stated shape is what other parts rely on",
                        "correct the shape function or the result",
                    )
                )
        return leaves

    def nest(self, result: Any) -> Any:
        """Return flat results nested as the function returned them."""
        leaves = list(result) if isinstance(result, tuple) else [result]
        return tree.unflatten(self.structure, leaves)

    # Derivatives

    def run(
        self,
        rule: Function,
        args: tuple[Any, ...],
        what: str,
        recorded: bool = False,
        **told: Any,
    ) -> Any:
        """Call a rule; on plain values with any recording set aside."""
        name, keywords = f"the {what} of {self.rules.name}", self.keywords | told
        if not (recorded or any_recorded(tree.flatten(args)[0])):
            return run_apart(rule, args, name, **keywords)
        try:
            return rule(*args, **keywords)
        except (RecordingError, UnsupportedError):  # it calls what cannot be recorded
            rows = self.rules.elementwise, self.rules.vectorized
            box = Rules(rule, name, elementwise=rows[0], vectorized=rows[1])
            return call_with(box, args, keywords)

    @as_called
    def push(self, tangents: Any, result: Any, *operands: Any, **_: Any) -> Any:
        """Return the tangent of the results (the forward rule of the operation)."""
        assert self.rules.jvp is not None
        operands = tuple(settle(operand) for operand in operands)
        args = self.arguments.fill(operands)
        if self.rules.told:
            dots = self.arguments.by_argument(tangents)
        else:
            dots = self.arguments.fill_tangents(tangents, operands)
        pushed = self.run(self.rules.jvp, (dots, self.nest(result), *args), "jvp")
        refuse = self.refusal("jvp", "tangent", "the result")
        parts = spread_over(self.structure, pushed, refuse)
        values = list(result) if isinstance(result, tuple) else [result]
        for part, value in zip(parts, values, strict=True):
            check_part(part, value_type(value), refuse)
        parts = [as_float(p) for p in parts]
        return tuple(parts) if isinstance(result, tuple) else parts[0]

    @as_called
    def pull(
        self, g: Any, result: Any, *operands: Any, wanted: Any = None, **_: Any
    ) -> Any:
        """Return the gradient of every operand (the reverse rule of the operation)."""
        operands = tuple(settle(operand) for operand in operands)
        args = self.arguments.fill(operands)
        if isinstance(result, tuple):
            pairs = zip(g, result, strict=True)
            g = [zero_of(value) if part is None else part for part, value in pairs]
        told: dict[str, Any] = {}
        if self.rules.told:
            wanted = (True,) * len(operands) if wanted is None else wanted
            told = {"wanted": tuple(map(bool, self.arguments.by_argument(wanted)))}
        gradients = self.gradients(self.nest_gradient(g), result, args, operands, told)
        if not isinstance(gradients, tuple):
            gradients = (gradients,) if len(args) == 1 else gradients
        if not isinstance(gradients, tuple) or len(gradients) != len(args):
            raise self.wrong_number(gradients, len(args))
        if self.rules.elementwise:
            gradients = tuple(map(summed, gradients, args))
        parts: list[Any] = []
        refusals: list[Any] = []
        for k, (part, structure) in enumerate(
            zip(gradients, self.arguments.structure.children, strict=True)
        ):
            refuse = self.refusal("vjp", "gradient", f"argument {k}")
            leaves = spread_over(structure, part, refuse)
            parts += leaves
            refusals += [refuse] * len(leaves)
        chosen = [parts[k] for k in self.arguments.places]
        for k, part, operand in zip(
            self.arguments.places, chosen, operands, strict=True
        ):
            if value_type(operand).dtype.kind in "fc":
                check_part(part, value_type(operand), refusals[k])
        return tuple(as_float(part) for part in chosen)

    def nest_gradient(self, g: Any) -> Any:
        """Return a flat gradient nested as the result."""
        return tree.unflatten(self.structure, list(g) if isinstance(g, list) else [g])

    def gradients(
        self, g: Any, result: Any, args: Any, operands: Any, told: dict[str, Any]
    ) -> Any:
        """Return what the user's reverse rule gives."""
        rules = self.rules
        if rules.vjp is None:
            raise no_derivative(rules.name)
        if rules.forward is None:
            return self.run(rules.vjp, (g, self.nest(result), *args), "vjp", **told)
        if isinstance(result, Results) and not any_recorded(operands):
            return self.run(rules.vjp, (result.residuals, g), "bwd")
        _, residuals = self.split(rules.forward(*args))
        return self.run(rules.vjp, (residuals, g), "bwd", recorded=True)

    # Refusals

    def refusal(self, mode: str, what: str, place: str) -> Callable[[str], Exception]:
        """Return what makes the error of a wrong gradient or tangent."""

        def refuse(found: str) -> Exception:
            return RuleError(
                explain(
                    f"the {mode} of {self.rules.name} gave, as {what} of {place}, "
                    f"{found}",
                    f"a {what} has the structure, shape and kind of number of what it "
                    "belongs to",
                    f"return a {what} shaped as {place}, or None for zero",
                    line_of_rule(self.rules.jvp if mode == "jvp" else self.rules.vjp),
                )
            )

        return refuse

    def wrong_number(self, gradients: Any, count: int) -> Exception:
        """Return the error of a wrong number of gradients."""
        many = len(gradients) if isinstance(gradients, tuple) else 1
        return RuleError(
            explain(
                f"the vjp of {self.rules.name} gave {many} "
                f"gradient{'' if many == 1 else 's'} for {count} "
                f"argument{'' if count == 1 else 's'}",
                "a reverse rule returns a tuple with one gradient an argument",
                "return one gradient an argument, None where it is zero: "
                f"({', '.join(f'g{k}' for k in range(count))}{',' * (count == 1)})",
                line_of_rule(self.rules.vjp),
            )
        )


def summed(gradient: Any, arg: Any) -> Any:
    """Return a gradient added up over the axes along which its argument broadcast."""
    is_one = has_class(gradient, tree.NUMERIC) and has_class(arg, tree.NUMERIC)
    if not is_one or np.shape(gradient) == np.shape(arg):
        return gradient
    return unbroadcast(gradient, np.shape(gradient), np.shape(arg))


def aligned(values: Sequence[Any], flags: Sequence[bool], count: int) -> list[Any]:
    """Return operands whose rows lie along one leading axis of all of them."""
    ranks = [np.ndim(v) - has for v, has in zip(values, flags, strict=True)]
    most = max(ranks)
    return [
        np.reshape(v, (count, *(1,) * (most - rank), *np.shape(v)[1:])) if has else v
        for v, has, rank in zip(values, flags, ranks, strict=True)
    ]


def line_of_rule(rule: Function | None) -> Line | None:
    """Return the first line of a rule that a user wrote; None where there is none."""
    code = getattr(inspect.unwrap(rule), "__code__", None) if rule else None
    return None if code is None or is_library(code.co_filename) else (code, 0)


def zero_of(value: Any) -> Any:
    """Return the zero gradient of one result."""
    like = value_type(value)
    dtype = like.dtype if like.dtype.kind in "fc" else np.float64
    return np.zeros(like.shape, dtype)[()]


def as_float(part: Any) -> Any:
    """Return what a rule gave in memory of its own, whole numbers as floats."""
    if part is None or isinstance(part, Recorded):
        return part
    part = np.array(part)[()]
    return part.astype(np.float64) if part.dtype.kind in "biu" else part


def no_derivative(name: str) -> Exception:
    """Return the error of a black box that is differentiated."""
    return DerivativeError(
        explain(
            f"a derivative of {name} is needed, which has no rule",
            "it is a black box: it was evaluated on plain values",
            f"wengert.rule(vjp=...)({name}), wengert.black_box({name}, jacobian=...), "
            "or wengert.stop_gradient on its arguments",
        )
    )


def call_with(rules: Rules, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call a function that has rules; one node where an argument is recorded."""
    for value in tree.flatten(keywords)[0]:
        if isinstance(value, Recorded):
            raise RuleError(
                explain(
                    f"{rules.name} was given a recorded value by keyword",
                    "its rules have gradients of positional arguments only",
                    f"pass the value to {rules.name} by position",
                )
            )
    operands = operands_of(args)
    if not any_recorded(operands):
        return rules.function(*args, **keywords)
    call = Call(rules, args, keywords)
    setting = Setting((call.arguments.structure, call.arguments.leaves, keywords))
    result = apply(call.operation, *operands, call=setting)
    return call.nest(result)


def name_of(function: Function) -> str:
    """Return the name of a function for listings and errors."""
    return getattr(function, "__name__", type(function).__name__)


# The three decorators


@overload
def rule(
    function: Callable[P, R],
    *,
    jvp: Function | None = None,
    vjp: Function | None = None,
    shape: Function | None = None,
    elementwise: bool = False,
    vectorized: bool = False,
) -> Callable[P, R]: ...


@overload
def rule(
    function: None = None,
    *,
    jvp: Function | None = None,
    vjp: Function | None = None,
    shape: Function | None = None,
    elementwise: bool = False,
    vectorized: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def rule(
    function: Function | None = None,
    *,
    jvp: Function | None = None,
    vjp: Function | None = None,
    shape: Function | None = None,
    elementwise: bool = False,
    vectorized: bool = False,
) -> Any:
    """Give a function a derivative rule; without one it is a black box.

    The function is evaluated on plain values and need not be NumPy.  One of the two
    rules suffices for both modes; higher orders differentiate the rule.

    Parameters
    ----------
    function : callable
        Takes and returns numbers, arrays, or nested containers of them.  Keywords are
        passed on to the rules and are not differentiated.
    jvp : callable, ``jvp(tangents, result, *args) -> tangent of the result``
        `tangents` is a tuple with one entry an argument, zeros included.
    vjp : callable, ``vjp(g, result, *args) -> tuple of gradients``
        One gradient an argument, None for zero; a single one for a single argument.
    shape : callable, ``shape(*args) -> shape of the result``, optional
        Checked against every result; a list of shapes for several results.
    elementwise : bool
        Whether an element of the result depends on the elements at the same place
        alone, the arguments broadcasting.  `vmap` then calls function and rules once
        for all rows, and gradients are summed where an argument was broadcast.
    vectorized : bool
        Whether function and rules take all arguments with more axes in front of their
        own, as most of NumPy's functions of matrices do: `vmap` calls them once.

    Raises
    ------
    RuleError
        If a rule's number of gradients, structure, shape or dtype does not fit.
    DerivativeError
        If the derivative of a function without a rule is needed.

    See Also
    --------
    custom_jvp, custom_vjp, check_grads, stop_gradient

    Notes
    -----
    Cost: One node for every call; a call runs the function on plain values, and a
    derivative the rule.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from wengert import grad, rule
    >>> @rule(vjp=lambda g, y, x: g * 2 / np.sqrt(np.pi) * np.exp(-(x**2)))
    ... def erf(x):
    ...     return math.erf(x)
    >>> round(float(grad(erf)(0.0)), 6)
    1.128379
    """
    if function is None:
        return functools.partial(
            rule,
            jvp=jvp,
            vjp=vjp,
            shape=shape,
            elementwise=elementwise,
            vectorized=vectorized,
        )
    check_given(function, {"function": (function, 0), "jvp": (jvp, 2), "vjp": (vjp, 2)})
    check_given(function, {"shape": (shape, 0)})
    return WithRule(function, jvp, vjp, shape, elementwise, vectorized)


def check_given(function: Function, given: dict[str, tuple[Any, int]]) -> None:
    """Raise unless rules are functions, and take what they will be called with.

    That is as many arguments as the function, and so many more in front of them.
    """
    for name, (rule, more) in given.items():
        if rule is None:
            continue
        if not callable(rule):
            raise RuleError(
                explain(
                    f"{name}= of a rule for {name_of(function)} is a "
                    f"{type(rule).__name__}",
                    "a rule is a function",
                    "vjp=lambda g, y, x: ..., or jvp=lambda t, y, x: ...",
                )
            )
        counts = counts_of(function)
        if counts and not any(takes(rule, count + more) for count in counts):
            first = {"jvp": "tangents, result, ", "vjp": "g, result, "}.get(name, "")
            names = ", ".join(inspect.signature(function).parameters)
            raise RuleError(
                explain(
                    f"the {name} of {name_of(function)} takes "
                    f"{inspect.signature(rule)}",
                    f"it is called with the arguments of {name_of(function)}"
                    + (f", after {first.rstrip(', ')}" if first else ""),
                    f"{name}=lambda {first}{names}: ...",
                    line_of_rule(rule),
                )
            )


def counts_of(function: Function) -> range:
    """Return with how many arguments by position a function may be called."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin or ufunc without a signature
        return range(0)
    if any(part.kind is part.VAR_POSITIONAL for part in parameters):
        return range(0)
    kinds = inspect.Parameter
    placed = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    named = [part for part in parameters if part.kind in placed]
    needed = sum(part.default is part.empty for part in named)
    return range(needed, len(named) + 1)


def takes(rule: Function, count: int) -> bool:
    """Whether a rule may be called with so many arguments by position."""
    counts = counts_of(rule)
    return not counts or count in counts


class WithRule(Transformed):
    """A function whose derivative is given by a rule."""

    def __init__(
        self,
        fun: Function,
        jvp: Function | None,
        vjp: Function | None,
        shape: Function | None,
        elementwise: bool = False,
        vectorized: bool = False,
    ) -> None:
        super().__init__("", fun, jvp, vjp, shape, elementwise, vectorized)
        self.rules = Rules(
            fun,
            name_of(fun),
            jvp,
            vjp,
            shape=shape,
            elementwise=elementwise,
            vectorized=vectorized,
        )
        self.jvp, self.vjp, self.shape = jvp, vjp, shape

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return call_with(self.rules, args, keywords)


class CustomRule(Transformed, Generic[P, R]):
    """Base of `custom_jvp` and `custom_vjp`: a function, and arguments set apart."""

    #: What a user calls to state the rule, and the attributes that hold it.
    verbs: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    def __init__(
        self, fun: Callable[P, R], nondiff_argnums: int | tuple[int, ...] = ()
    ) -> None:
        super().__init__("", fun, nondiff_argnums)
        chosen = (
            (nondiff_argnums,) if has_class(nondiff_argnums, int) else nondiff_argnums
        )
        self.nondiff_argnums = tuple(sorted(chosen))

    def resolve(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Return all arguments by position, defaults included."""
        try:
            bound = inspect.signature(self.fun).bind(*args, **keywords)
        except ValueError:  # a builtin without a signature
            return args
        bound.apply_defaults()
        if bound.kwargs:
            names = ", ".join(bound.kwargs)
            raise RuleError(
                explain(
                    f"{name_of(self.fun)} takes {names} by keyword only",
                    "its rules have the same arguments by position",
                    "make them positional, with nondiff_argnums for those that are not "
                    "differentiated",
                )
            )
        return bound.args

    def split(self, args: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """Return the arguments that are set apart, and the others."""
        apart = [k % len(args) for k in self.nondiff_argnums]
        for k in apart:
            if any_recorded(tree.flatten(args[k])[0]):
                raise RuleError(
                    explain(
                        f"argument {k} of {name_of(self.fun)} is recorded, and listed "
                        "in nondiff_argnums",
                        "what is listed there is a plain value without a derivative",
                        "take it off the list, or pass wengert.stop_gradient(x)",
                    )
                )
        others = [arg for k, arg in enumerate(args) if k not in apart]
        return [args[k] for k in apart], others

    def join(self, apart: list[Any], others: Any, count: int) -> list[Any]:
        """Return all arguments in their order."""
        places = [k % count for k in self.nondiff_argnums]
        set_apart, rest = iter(apart), iter(others)
        return [next(set_apart if k in places else rest) for k in range(count)]

    def rules(self, apart: list[Any], count: int) -> Rules:
        """Return the rules as functions of the arguments that are differentiated."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        by_name = super().__reduce__()
        if isinstance(by_name, str):
            return by_name
        return *by_name, self.stated

    @property
    def stated(self) -> dict[str, Function]:
        """The rules that were stated, by the attributes that hold them."""
        return {name: getattr(self, name) for name in self.states}

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return [*super().compared_by, *self.stated.values()]

    def remade(self, fun: Function, *settings: Any) -> Transformed:
        """Return one that is compared by other parts."""
        made = super().remade(fun, *settings[: -len(self.states)])
        vars(made).update(zip(self.states, settings[-len(self.states) :], strict=True))
        return made

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> R:
        if not any_recorded(tree.flatten((args, keywords))[0]):
            return self.fun(*args, **keywords)  # type: ignore[no-any-return]
        given = self.resolve(args, keywords)
        apart, others = self.split(given)
        return call_with(self.rules(apart, len(given)), tuple(others), {})  # type: ignore[no-any-return]

    def __dir__(self) -> list[str]:
        return shown(self, self.verbs)

    def part(self, apart: list[Any], count: int) -> Function:
        """Return the function of the arguments that are differentiated."""

        @functools.wraps(self.fun)
        def of_others(*others: Any) -> Any:
            return self.fun(*self.join(apart, others, count))

        return of_others


class custom_jvp(CustomRule[P, R]):  # noqa: N801 (a decorator)
    """Give a function a forward rule, as in JAX; reverse mode is its transpose.

    Parameters
    ----------
    fun : callable
    nondiff_argnums : int or tuple of int
        Arguments that are plain values; they come first in the rule.

    See Also
    --------
    rule, custom_vjp

    Notes
    -----
    Cost: One node for every call, and one call of the rule for every derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import custom_jvp, grad
    >>> @custom_jvp
    ... def softplus(x):
    ...     return np.log1p(np.exp(x))
    >>> @softplus.defjvp
    ... def softplus_jvp(primals, tangents):
    ...     (x,), (x_dot,) = primals, tangents
    ...     return softplus(x), x_dot / (1 + np.exp(-x))
    >>> grad(softplus)(0.0)
    np.float64(0.5)
    """

    verbs, states = ("defjvp", "defjvps"), ("rule",)
    rule: Function | None = None

    def defjvp(self, jvp: Function) -> Function:
        """State the rule: ``jvp(primals, tangents) -> (result, tangent)``."""
        self.rule = jvp
        return jvp

    def defjvps(self, *jvps: Function | None) -> None:
        """State a rule an argument: ``jvp(tangent, result, *primals)``, or None."""

        whole: Function = self

        def total(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
            result = whole(*primals)
            parts = [
                jvp(tangent, result, *primals)
                for jvp, tangent in zip(jvps, tangents, strict=True)
                if jvp is not None
            ]
            return result, functools.reduce(np.add, parts) if parts else None

        self.rule = total

    def rules(self, apart: list[Any], count: int) -> Rules:
        """Return the rules as functions of the arguments that are differentiated."""
        given = self.rule
        if given is None:
            return Rules(self.part(apart, count), name_of(self.fun))

        @functools.wraps(given)
        def jvp(tangents: Any, result: Any, *others: Any) -> Any:
            pair = given(*apart, others, tangents)
            if isinstance(pair, tuple) and len(pair) == 2:
                return pair[1]
            raise RuleError(
                explain(
                    f"the jvp of {name_of(self.fun)} returned {type(pair).__name__}",
                    "it returns two things: the result, and its tangent",
                    "return result, tangent",
                )
            )

        return Rules(self.part(apart, count), name_of(self.fun), jvp=jvp)


class custom_vjp(CustomRule[P, R]):  # noqa: N801 (a decorator)
    """Give a function a reverse rule, as in JAX; forward mode is its transpose.

    Parameters
    ----------
    fun : callable
    nondiff_argnums : int or tuple of int
        Arguments that are plain values; they come first in `bwd`.

    See Also
    --------
    rule, custom_jvp

    Notes
    -----
    Cost: One node for every call; a recorded call runs `fwd`, a derivative `bwd`.

    Examples
    --------
    >>> import numpy as np
    >>> from wengert import custom_vjp, grad
    >>> @custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1, 1),))
    >>> grad(lambda x: 5 * clip_gradient(x))(2.0)
    np.float64(1.0)
    """

    verbs, states = ("defvjp",), ("forward", "backward")
    forward: Function | None = None
    backward: Function | None = None

    def defvjp(self, fwd: Function, bwd: Function) -> None:
        """State the rule: ``fwd(*args) -> (result, residuals)``, ``bwd(residuals, g)``.

        `bwd` returns a tuple with one gradient an argument, None for zero.
        """
        self.forward, self.backward = fwd, bwd

    def rules(self, apart: list[Any], count: int) -> Rules:
        """Return the rules as functions of the arguments that are differentiated."""
        function, name = self.part(apart, count), name_of(self.fun)
        fwd, bwd = self.forward, self.backward
        if fwd is None or bwd is None:
            return Rules(function, name)

        def forward(*others: Any) -> Any:
            return fwd(*self.join(apart, others, count))

        @functools.wraps(bwd)
        def vjp(residuals: Any, g: Any) -> Any:
            gradients = bwd(*apart, residuals, g)
            return tuple(gradients) if isinstance(gradients, list) else gradients

        return Rules(function, name, vjp=vjp, forward=forward)
