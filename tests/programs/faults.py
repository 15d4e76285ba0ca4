"""Faults that are put into the package on purpose, to see that programs find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.capture.array import RecordedArray
from wengert.capture.reads.frozen import Contents
from wengert.capture.reads.snapshot import Snapshot
from wengert.core.forms import Map
from wengert.core.operation import REGISTRY
from wengert.derive import modes
from wengert.derive.straight import known
from wengert.execute import entries, interpret
from wengert.execute import plan as plan_
from wengert.lower import lower as lower_
from wengert.lower import python as python_
from wengert.lower.writes import written
from wengert.ops.index import INDEX_ADD, STORE

Patch = pytest.MonkeyPatch
#: What the fields of operations were that faults have changed.
KEPT: dict[tuple[str, str], Any] = {}


def change(name: str, field: str, value: Any) -> None:
    """Change an operation; it is frozen, so its fields are set below it."""
    KEPT.setdefault((name, field), getattr(REGISTRY[name], field))
    object.__setattr__(REGISTRY[name], field, value)


@contextmanager
def fault(put: Callable[[Patch], None]) -> Iterator[None]:
    """Put a fault into the package, and take it out again."""
    known.cache_clear()  # written sweeps keep the rules they were written with
    try:
        with pytest.MonkeyPatch.context() as patch:
            put(patch)
            yield
    finally:
        while KEPT:
            (name, field), value = KEPT.popitem()
            object.__setattr__(REGISTRY[name], field, value)
        known.cache_clear()


# Values of an eager call


def round_products_to_single(patch: Patch) -> None:
    """Lose digits of every product."""
    multiply = REGISTRY["multiply"].function

    def rounded(x: Any, y: Any, **settings: Any) -> Any:
        result = multiply(x, y, **settings)
        return result.astype("float32").astype(result.dtype)

    change("multiply", "function", rounded)


def widen_singles(patch: Patch) -> None:
    """Let the sines of single numbers be double ones."""
    change("sin", "function", lambda x: np.sin(np.float64(1) * x))


def drop_where(patch: Patch) -> None:
    """Sum all elements, whatever is selected."""
    sum_where = REGISTRY["sum_where"].function

    def everything(x: Any, where: Any, initial: Any, **how: Any) -> Any:
        return sum_where(x, True, initial, **how)

    change("sum_where", "function", everything)


def write_to_the_caller(patch: Patch) -> None:
    """Let a program write into the arrays that it was given."""
    write = RecordedArray._write

    def unshared(self: Any, *args: Any) -> None:
        self._own_storage().shared = False
        write(self, *args)

    patch.setattr(RecordedArray, "_write", unshared)


def drop_stores(patch: Patch) -> None:
    """Write into the buffer, and forget the node of the write."""
    write = RecordedArray._write

    def dropped(self: Any, *args: Any) -> None:
        index = self._own_storage().index
        write(self, *args)
        if index >= 0:
            self._storage.index = index
            self._index = index if not self._chain else -1

    patch.setattr(RecordedArray, "_write", dropped)


def keep_stale_views(patch: Patch) -> None:
    """Let a view keep the node that it had before a write."""
    current = RecordedArray._current

    def stale(self: Any) -> Any:
        if self._storage is not None and self._chain:
            self._version = self._storage.version
        return current(self)

    patch.setattr(RecordedArray, "_current", stale)


# Derivatives


def take_a_wrong_rule(patch: Patch) -> None:
    """Let the derivative of the sine be the sine."""
    change("sin", "partials", (lambda y, x: y,))


def swap_partials(patch: Patch) -> None:
    """Exchange the two partial derivatives of a product."""
    change("multiply", "partials", (lambda z, x, y: x, lambda z, x, y: y))


def transpose_sum(patch: Patch) -> None:
    """Spread the gradient of a transpose along the axes in the wrong order."""

    def wrong(g: Any, x: Any, **settings: Any) -> Any:
        return np.reshape(g, x.shape)

    change("transpose", "transposes", (wrong,))


def round_a_rule(patch: Patch) -> None:
    """Let the derivative of the sine be right to six digits."""
    change("sin", "partials", (lambda y, x: np.cos(x) * (1 + 1e-6),))


def stop_a_rule(patch: Patch) -> None:
    """Let the derivative of the sine be right, and have no derivative."""
    change("sin", "partials", (lambda y, x: wengert.stop_gradient(np.cos(x)),))


def lose_repeated_indices(patch: Patch) -> None:
    """Add the gradient of an element that was read twice only once."""

    def once(base: Any, value: Any, *indices: Any, chain: Any, key: Any) -> None:
        from wengert.ops.index import decode, follow

        follow(base, chain)[decode(key, indices)] += value

    patch.setattr(modes, "add_in_place", once)


def keep_gradients_of_overwritten(patch: Patch) -> None:
    """Let the gradient of overwritten elements flow to what was there before."""

    def unchanged(self: Any, index: int, g: Any, indices: Any, where: Any) -> Any:
        return g

    patch.setattr(modes.PlainMode, "clear_written", unchanged)


# Replays


def ignore_guards(patch: Patch) -> None:
    """Let NumPy's replay go on where Python would have taken another branch."""
    patch.setattr(interpret, "check_guard", lambda tape, index, value: None)


def compile_without_guards(patch: Patch) -> None:
    """Compile a path without its guards."""
    patch.setattr(lower_.Lowering, "ask", lambda self, text, node, wanted: None)


def swallow_exceptions(patch: Patch) -> None:
    """Replay natively where Python would raise."""
    patch.setattr(python_, "require", lambda lowering, text, nodes: None)


def ignore_the_outside(patch: Patch) -> None:
    """Replay although what the program reads from outside has changed."""
    patch.setattr(Snapshot, "changed", lambda self: None)


def ignore_contents(patch: Patch) -> None:
    """Replay although arrays that plain code has read were refilled."""
    patch.setattr(Contents, "hold", lambda self: True)


def swap_selection(patch: Patch) -> None:
    """Lower a selection the wrong way round."""
    change("where", "form", Map("select(x, z, y)"))


def keep_old_captures(patch: Patch) -> None:
    """Read the contents that a captured array had when it was compiled."""
    bind = entries.bind

    def stale(kernels: Any, signature: Any, *rest: Any, **keywords: Any) -> Any:
        copies = tuple(np.copy(array) for array in signature.captures)
        return bind(kernels, replace(signature, captures=copies), *rest, **keywords)

    patch.setattr(entries, "bind", stale)


def forget_a_term(patch: Patch) -> None:
    """Write gradients over each other where they add up, natively."""

    def stored(lowering: Any, index: int, operation: Any, *rest: Any) -> Any:
        return written(lowering, index, STORE, *rest)

    patch.setitem(lower_.OWN, INDEX_ADD, stored)


def lower_sine_as_cosine(patch: Patch) -> None:
    """State a wrong native expression."""
    change("sin", "form", Map("cos(x)"))


def lose_python_numbers(patch: Patch) -> None:
    """Return NumPy's numbers where Python's belong."""
    patch.setattr(plan_, "as_returned", lambda tape, index: tape.play.outputs[index])


@dataclass(frozen=True)
class Fault:
    """A fault, the way of running in which it shows, and what programs need for it."""

    put: Callable[[Patch], None]
    way: str
    needs: str = ""
    #: Whether it lies in native code.
    is_native: bool = False
    #: The styles of the programs that find it.
    styles: tuple[str, ...] = ("any", "analytic")


IN_ANY, IN_ANALYTIC = ("any",), ("analytic",)
FAULTS = (
    Fault(round_products_to_single, "eager"),
    Fault(widen_singles, "jit", r"np\.sin\([\s\S]*'float32'", styles=IN_ANY),
    Fault(drop_where, "eager", r"np\.sum\(.*where="),
    Fault(write_to_the_caller, "eager"),
    Fault(drop_stores, "differences"),
    Fault(drop_stores, "complex step"),
    Fault(keep_stale_views, "eager"),
    Fault(take_a_wrong_rule, "differences", r"np\.sin\("),
    Fault(round_a_rule, "complex step", r"np\.sin\(", styles=IN_ANALYTIC),
    Fault(stop_a_rule, "second order", r"np\.sin\(", styles=IN_ANALYTIC),
    Fault(swap_partials, "differences"),
    Fault(swap_partials, "complex step"),
    Fault(transpose_sum, "complex step", r"\.T|transpose"),
    Fault(lose_repeated_indices, "forward", r"\[\[0, 0\]\]|\[0, -1, 0\]"),
    Fault(keep_gradients_of_overwritten, "differences"),
    Fault(keep_gradients_of_overwritten, "complex step"),
    Fault(ignore_guards, "replay", r"if .* > "),
    Fault(compile_without_guards, "jit", r"if .* > ", is_native=True),
    Fault(
        swallow_exceptions,
        "jit",
        r"math\.(sqrt|log|acos)\(",
        is_native=True,
        styles=("any", "numbers"),
    ),
    Fault(ignore_the_outside, "jit", r"def change\(k\):\n    global", styles=IN_ANY),
    Fault(ignore_contents, "jit", r"np\.interp\(|TABLE\.sum", styles=IN_ANY),
    Fault(keep_old_captures, "jit", r"= v\d+ [*+] TABLE|TABLE \*", is_native=True),
    Fault(forget_a_term, "jit(grad)", is_native=True),
    Fault(lower_sine_as_cosine, "jit", r"np\.sin\(", is_native=True),
    Fault(swap_selection, "jit", r"np\.where\(", is_native=True),
    Fault(lose_python_numbers, "jit"),
    Fault(lose_python_numbers, "first call", styles=("numbers",)),
)
