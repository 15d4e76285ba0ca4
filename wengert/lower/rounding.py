"""Which values have to be rounded as NumPy rounds them, and which are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from wengert.core.forms import Routine
from wengert.core.operation import Operation
from wengert.lower.graph import Node, number_of, reached
from wengert.lower.products import has_sum_of, is_product
from wengert.lower.refusal import BOUNDS
from wengert.lower.values import Value

#: Whether an element is what it was folded into by a maximum or a minimum.
IS_FOUND = "x == y or (x != x and y != y)"
#: What is no sum of products, whatever it reads.
APART = frozenset({"reduce", "product", "sum", "scan", "sort", "routine", "call"})


def are_exact(nodes: Iterable[Node], known: Collection[int] = ()) -> bool:
    """Whether values are rounded as NumPy rounds them, whatever the order of sums.

    Nodes that are `known` by number are not looked into.
    """
    found, todo = set(known), list(nodes)
    while todo:
        node = todo.pop()
        if node.number not in found:
            if is_rounded_in_order(node):
                return False
            found.add(node.number)
            todo += made_of(node)
    return True


def made_of(node: Node) -> Sequence[Node]:
    """Return the operands that a node is made of; a result of a loop reads some."""
    if node.kind != "loop":
        return node.operands
    repeated, result = node.data[:2]
    return [node.operands[k] for k in sorted(repeated.made_of[result])]


def arguments_of(node: Node) -> frozenset[int]:
    """Return the numbers of the arguments that a node is made of."""
    found, seen, todo = set[int](), set[int](), [node]
    while todo:
        node = todo.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        todo += made_of(node)
        if node.kind == "leaf" and node.data[0].kind == "argument":
            found.add(node.data[0].number)
    return frozenset(found)


def is_rounded_in_order(node: Node) -> bool:
    """Whether a value depends on the order of a sum."""
    if node.kind == "loop":
        return node.data[1] not in node.data[0].exact
    if node.kind == "place" and node.data[1]:
        return len(node.data[2]) > 1 and node.type.startswith("float")
    if node.kind == "call":
        call = node.data[0]
        return depends_on_layout(call.operation) and not call.is_in_order
    if node.kind == "routine":
        return True
    is_fold = node.kind in ("reduce", "product")
    is_sum = is_fold and node.data[0].text in ("x + y", "x * y")
    return is_sum and node.type.startswith("float")


def depends_on_layout(operation: Operation) -> bool:
    """Whether NumPy's last bits may depend on how operands lie.

    Problems of linear algebra are copied for LAPACK, each in the same order.
    """
    form = operation.form
    is_copied = isinstance(form, Routine) and form.core is not None
    return operation.adds and not is_copied


def strict_nodes(
    outputs: Sequence[Value], guards: Sequence[tuple[int, Node]], more: Iterable[Node]
) -> frozenset[int]:
    """Return the numbers of nodes that are rounded as NumPy rounds them."""
    results = [value.node for value in outputs]
    asked = [*(node for number, node in guards if number > BOUNDS), *more]
    decided = [node for node in results if not node.type.startswith("float")]
    every = reached([*results, *(node for _, node in guards)]).values()
    found = [node for node in every if node.kind == "map" and node.data == IS_FOUND]
    for node in every:  # where something is read or written
        if node.kind == "gather":
            found += node.operands[1:]
        if node.kind == "place":
            found += node.operands[len(node.data[2]) :]
    return frozenset(reached([*asked, *decided, *found])) | sums_of_products(
        reached([*results, *asked]).values()
    )


def sums_of_products(nodes: Iterable[Node]) -> frozenset[int]:
    """Return the numbers of nodes that add two products, wherever those are read."""
    products: set[int] = set()
    sums: set[int] = set()
    for node in nodes:
        if not node.type.startswith("float"):
            continue
        read = [operand.number for operand in node.operands]
        if node.kind == "map":
            if is_product(node.data, read, products):
                products.add(node.number)
            elif has_sum_of(node.data, read, products):
                sums.add(node.number)
            elif node.data == "x + y" and any(number_of(x) == 0 for x in node.operands):
                products.update({node.number} if products & {*read} else ())
        elif node.kind in APART:
            continue
        elif not products.isdisjoint(read):
            products.add(node.number)
    return frozenset(sums)
