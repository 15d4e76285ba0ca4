"""The node class of every operation, by name: ``from wengert.nodes import Add, Sin``.

Each is made from the one statement of its operation in `wengert.ops`; `wengert` itself
has them too.
"""

from __future__ import annotations

import typing

from wengert import ops  # noqa: F401  (states the operations)
from wengert.core.operation import REGISTRY, state_rooms
from wengert.core.tape import CompNode, node_class


def node_classes() -> dict[str, type[CompNode]]:
    """Return the node class of every operation, by class name."""
    classes = (node_class(operation) for operation in REGISTRY.values())
    return {kind.__name__: kind for kind in classes}


globals().update(node_classes())
__all__ = [*sorted(node_classes())]


def __dir__() -> list[str]:
    """Return the node classes, and nothing of what makes them."""
    return [*sorted(node_classes()), "__doc__", "__name__", "__file__"]


if typing.TYPE_CHECKING:
    from wengert.core.tape import OperationNode

    def __getattr__(name: str) -> type[OperationNode]: ...
else:

    def __getattr__(name: str) -> type[CompNode]:
        """Return the node class of an operation that is stated on demand."""
        if name[:1].isupper():
            state_rooms(everything=True)
        found = node_classes().get(name)
        if found is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return found
