"""Which values of a graph are stored, and which loops they are computed in.

A root is what is done in loops of its own right: a fold, a value that is stored, a
piece of a place, a result.  All other values are computed where they are read.  Roots
share the loop over an axis, the longest axis first, unless one reads what the other has
folded over it or reads elsewhere along it.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from wengert.lower.costs import CHEAP, COSTLY, own_cost
from wengert.lower.graph import (
    Affine,
    Graph,
    Node,
    are_apart,
    is_disjoint,
    number_of,
    reached,
)
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.ops.chain import ABSORBING_PRODUCT

#: Elements of an axis up to which its steps are written out.
MOST_UNROLLED = 16
#: Operations that one element of a loop's body may be written out to.
MOST_WRITTEN = 6000
#: The same where matrices are factored: their elements often lie apart.
MOST_WRITTEN_BESIDE = 250
#: Where a value's cost is no longer counted.
MOST_COST = 1 << 30
#: Values up to which it is asked of one at a time whether it is stored.
MOST_ONE_BY_ONE = 200
#: What storing a value is worth: it costs much by itself, or it spares some.
COSTS, SPARES = 2, 1
#: For each loop from the outermost: its axis, and a phase; odd ones are inside.
Path = tuple[tuple[int, int], ...]
NOWHERE: frozenset[int] = frozenset()
#: What is there once all of it is, for loops of their own.
WHOLE = frozenset({"place", "copy", "loop", "call", "product", "sum", "sort"})
#: What lies in memory, whoever reads it.
IN_MEMORY = frozenset({"place", "copy", "product", "routine", "sort"})
#: What is one statement, of operands that lie in memory.
ALONE = frozenset({"product", "sum", "sort"})
#: What has several results, each a node.
SEVERAL = frozenset({"loop", "call"})


#: The nests in which a value is computed, and the axis in lanes of each.
Uses = dict[Path, int | None]


@dataclass(slots=True, eq=False)
class Root:
    """Something that is done in loops.

    Attributes
    ----------
    kind : str
        ``reduce``, ``product``, ``sum``, ``sort``, ``routine``, ``store``, ``piece``,
        ``loop``, ``call``, ``result`` or ``guard``.
    node, argument : Node
        What is computed, and what is computed at every place for it.
    number : int
        Which piece, result or guard.
    domain, loops : frozenset of int
        Over which axes, and those of them that are not written out.
    target : anything
        Where a piece or a result goes.
    path, home : Path
        In which loops it is done, and in which its value is there.
    lane : int or None
        The axis of those loops that runs in lanes.
    reads : dict
        The roots that it reads, with the axes along which it reads them elsewhere.
    inline : list of Node
        What is computed for it alone along axes, in order.
    direct : list of Node
        Those that are computed at the same place as it is.
    alone : list of Node
        What it reads that varies along no axis, and is computed once for all.
    kept : int or None
        The number of loops of its home inside which it has memory of its own; None
        where it needs none.
    """

    kind: str
    node: Node
    argument: Node
    number: int
    domain: frozenset[int]
    loops: frozenset[int]
    target: Any = None
    path: Path = ()
    home: Path = ()
    lane: int | None = None
    reads: dict[Root, frozenset[int]] = field(default_factory=dict)
    inline: list[Node] = field(default_factory=list)
    direct: list[Node] = field(default_factory=list)
    alone: list[Node] = field(default_factory=list)
    kept: int | None = None

    @property
    def key(self) -> tuple[int, bool, int]:
        """What they are ordered by, so that all that a root reads comes before it."""
        return self.node.number, self.kind in ("result", "guard"), self.number

    @property
    def nest(self) -> Path:
        """The loops among those that it is done in, without what is between them."""
        return tuple([part for part in self.path if part[1] % 2])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A result: a node, and the stride of each axis in memory."""

    node: Node
    strides: dict[int, int]
    number: int


#: Elements from which the short vectors of a step are in lanes: one waits for the next,
#: and numbers in registers are there sooner.
LEAST_IN_STEP = 5


class Schedule:
    """The roots of a graph, and their loops.

    Parameters
    ----------
    graph : Graph
    results : sequence of Wanted
    guards : sequence of (int, Node)
    lanes : int
    in_place : frozenset of int
        Places whose first piece is there, and that are results where they are.
    unrolled : int
        Elements of an axis up to which its steps are written out.
    """

    def __init__(
        self,
        graph: Graph,
        results: Sequence[Wanted],
        guards: Sequence[tuple[int, Node]],
        lanes: int,
        in_place: frozenset[int] = frozenset(),
        unrolled: int = MOST_UNROLLED,
        is_step: bool = False,
    ) -> None:
        self.graph = graph
        self.most_unrolled, self.is_step = unrolled, is_step
        self.in_place = in_place
        self.results = results
        self.guards = guards
        self.lanes = lanes
        self.live = reached([*(r.node for r in results), *(n for _, n in guards)])
        #: Over which axes what varies is computed, and how many values are.
        self.varied = Counter(map(self.domain, self.live.values()))
        #: The axes of every nest that there may be.
        self.domains = self.find_domains()
        #: Those that have an axis, by axis.
        self.of_axis: dict[int, list[frozenset[int]]] = {}
        for domain in self.domains:
            for axis in domain:
                self.of_axis.setdefault(axis, []).append(domain)
        self.named = self.named_one_by_one()
        self.choose_axes(NOWHERE)
        while self.is_long() and (axes := self.worth_a_loop()):
            self.choose_axes(self.looped | axes)
        self.stored: dict[int, Node] = {}
        #: By number, once it is asked for: of what products read, the axes that count
        #: the matrices.
        self.stacks: dict[int, frozenset[int]] | None = None
        self.of_node: dict[int, list[Root]] = {}
        #: By number, of places: whether no two of its pieces meet.
        self.side_by_side: dict[int, bool] = {}
        self.choose_roots()

    def is_long(self) -> bool:
        """Whether too many operations are written out."""
        if self.written() > MOST_WRITTEN:
            return True
        has_calls = any(node.kind == "routine" for node in self.live.values())
        return has_calls and self.written() > MOST_WRITTEN_BESIDE

    # Axes

    def domain(self, node: Node) -> frozenset[int]:
        """Return the axes over which a node's elements are computed."""
        if node.kind == "reduce":
            return node.operands[0].axes
        if node.kind in SEVERAL or node.kind in ALONE:
            return NOWHERE
        if node.kind == "routine":
            return node.axes.difference(node.data.axes)
        if node.kind == "place":
            return NOWHERE.union(
                *(self.of_piece(node, k) for k in range(len(node.data[2])))
            )
        return node.axes

    def of_piece(self, node: Node, number: int) -> frozenset[int]:
        """Return the axes over which a piece of a place is computed."""
        _, _, specs = node.data
        found = set(node.operands[number].axes)
        for spec in specs[number]:
            if type(spec) is int:
                found |= node.operands[len(specs) + spec].axes
            elif spec is not None:
                found |= {axis for axis, _ in spec.terms}
        return frozenset(found)

    def find_domains(self) -> list[frozenset[int]]:
        """Return the axes of every nest that there may be, each once."""
        found = []
        for node in self.live.values():
            if node.kind == "place":
                found += [self.of_piece(node, k) for k in range(len(node.data[2]))]
            else:
                found.append(self.domain(node))
        found += [frozenset(r.strides) for r in self.results]
        return list(dict.fromkeys(found))

    def choose_axes(self, looped: frozenset[int]) -> None:
        """Decide which axes are loops, and in which order; short ones too if asked."""
        self.looped = looped
        extent = self.graph.extent
        domains, named = self.domains, self.named
        axes = NOWHERE.union(*domains)
        most = self.most_unrolled
        long = {axis for axis in axes if extent(axis) > most or axis in looped}
        stacks = [self.domain(n) for n in self.live.values() if n.kind == "routine"]
        long |= NOWHERE.union(*stacks)
        scanned = {n.data[1] for n in self.live.values() if n.kind == "scan"}
        for axis in sorted(
            axes - {*long, *scanned} - named, key=lambda a: (-extent(a), a)
        ):
            alone = all(map(long.isdisjoint, self.of_axis[axis]))
            least = LEAST_IN_STEP if self.is_step else max(self.lanes // 2, 2)
            if alone and extent(axis) >= least:
                long.add(axis)  # short vectors that lie in no longer loop
        self.order = sorted(long, key=lambda a: (-extent(a), a))
        self.unrolled = (axes | {a for a in named if extent(a) <= most}) - long
        self.scanned = frozenset(scanned)

    def named_one_by_one(self) -> frozenset[int]:
        """Return the axes along which elements are put together, or read one by one."""
        found = set[int | None]()
        for node in self.live.values():
            if node.kind == "place":
                for spec in node.data[2]:
                    pairs = zip(node.data[0], spec, strict=True)
                    found.update([d for d, at in pairs if not lies_along(d, at)])
            if node.kind == "view":
                found.update([axis for axis, place in node.data if not place.terms])
        return frozenset([axis for axis in found if axis is not None])

    def written(self) -> int:
        """Return how many operations are written out."""
        unrolled, count = self.unrolled, self.graph.count
        pairs = self.varied.items()
        return sum([number * count(axes & unrolled) for axes, number in pairs if axes])

    def worth_a_loop(self) -> frozenset[int]:
        """Return the axis without which least is written out, if there is one."""
        spared = dict.fromkeys(self.unrolled, 0)
        for axes, number in self.varied.items():
            unrolled = axes & self.unrolled
            total = number * self.graph.count(unrolled)
            for axis in unrolled:
                spared[axis] += total - total // self.graph.extent(axis)
        axis = max(spared, key=lambda a: (spared[a], a), default=-1)
        return frozenset({axis}) if spared.get(axis) else NOWHERE

    # Roots

    def choose_roots(self) -> None:
        """Find what is stored, until nothing pays any more."""
        for node in self.live.values():
            if node.kind == "reduce" and node.data[1] - self.unrolled:
                self.stored[node.number] = node
            if node.kind == "scan" and node.data[1] not in self.unrolled:
                self.stored[node.number] = node
            is_apart = node.kind == "place" and self.is_known(node)
            if (node.kind in WHOLE and not is_apart) or node.kind == "routine":
                self.stored[node.number] = node
            if node.kind in ("product", "routine", "sort", "call"):
                for read in node.operands:
                    if read.kind != "leaf":
                        self.stored[read.number] = read
            if node.kind in ("view", "gather"):
                read = node.operands[0]
                if read.kind != "leaf" and not self.only_renames(node):
                    self.stored[read.number] = read
        self.make_roots()
        while True:
            self.assign(self.roots, self.order, ())
            self.in_lanes: set[Path] = set()
            self.unit: dict[int, int] = {}
            self.choose_lanes(self.roots, 0)
            more = self.worth_storing()
            if not more:
                break
            self.store(more)
        in_order = sorted(self.of_node.items(), key=lambda item: item[1][0].key)
        self.of_node = dict(in_order)
        for root in self.roots:
            for other in root.reads:
                if root.lane in other.node.axes:
                    self.unit.setdefault(other.node.number, root.lane)
        self.find_homes()

    def only_renames(self, node: Node) -> bool:
        """Whether a view moves between axes that are written out: without memory."""
        if node.kind != "view" or node.operands[0].number in self.stored:
            return False
        return all(
            axis in self.unrolled and all(to in self.unrolled for to, _ in place.terms)
            for axis, place in node.data
        )

    def is_known(self, node: Node) -> bool:
        """Whether it is known of each element of a place which pieces it is made of.

        Its pieces lie along axes that are written out, or where it does: they are read
        in its stead.
        """
        dims, _, specs = node.data
        if node.number in self.in_place:
            return False
        return all(
            lies_along(dim, place)
            or (
                dim in self.unrolled
                and isinstance(place, Affine)
                and len(place.terms) < 2
                and all(axis in self.unrolled for axis, _ in place.terms)
            )
            for spec in specs
            for dim, place in zip(dims, spec, strict=True)
        )

    def make_roots(self) -> None:
        """Make the root of everything that is stored, folded, or handed out."""
        self.find_makers()
        roots: list[Root] = []
        several: dict[Any, Root] = {}
        for node in sorted(self.stored.values(), key=lambda node: node.number):
            if node.kind in SEVERAL:
                what = node.data[0]
                if what not in several:
                    where = 0, NOWHERE, NOWHERE
                    several[what] = Root(node.kind, node, node, *where, [])
                    roots.append(several[what])
                several[what].target.append(node)
            else:
                roots += self.roots_of(node)
        for wanted in self.results:
            if wanted.node.number in self.in_place:
                continue
            found = self.root("result", wanted.node, wanted.node, wanted.number, wanted)
            found.domain = wanted.node.axes | wanted.strides.keys()
            found.loops = found.domain - self.unrolled
            roots.append(found)
        for number, node in self.guards:
            roots.append(self.root("guard", node, node, number))
        self.roots = sorted(roots, key=lambda root: root.key)
        for root in self.roots:
            if root.kind in SEVERAL:
                self.of_node.update({node.number: [root] for node in root.target})
            elif root.kind not in ("result", "guard"):
                self.of_node.setdefault(root.node.number, []).append(root)
        for root in self.roots:
            self.find_reads(root)

    def roots_of(self, node: Node) -> list[Root]:
        """Return the roots of a value that is stored."""
        if node.kind == "reduce" and node.data[1] - self.unrolled:
            return [self.root("reduce", node, node.operands[0], 0)]
        if node.kind in ALONE:
            return [Root(node.kind, node, node, 0, NOWHERE, NOWHERE)]
        if node.kind == "routine":
            stack = self.domain(node)
            return [Root("routine", node, node, 0, stack, stack)]
        if node.kind != "place":
            return [self.root("store", node, node, 0)]
        found = []
        for k, spec in enumerate(node.data[2]):
            if not k and node.number in self.in_place:
                continue  # it is there
            piece = self.root("piece", node, node.operands[k], k, spec)
            piece.domain = self.of_piece(node, k)
            piece.loops = piece.domain - self.unrolled
            found.append(piece)
        return found

    def store(self, nodes: Sequence[Node]) -> None:
        """Store values that were computed where they are read: each is roots more."""
        for node in nodes:
            self.stored[node.number] = node
        made = {node.number for node in nodes}
        changed = [r for r in self.roots if any(x.number in made for x in r.inline)]
        for node in nodes:
            found = self.of_node[node.number] = self.roots_of(node)
            changed += found
            for root in found:
                insort(self.roots, root, key=lambda root: root.key)
        for root in changed:
            self.find_reads(root)
        for root in self.roots:
            root.lane = None

    def find_makers(self) -> None:
        """Find what is stored that each value is made of; one set where it is equal."""
        self.makers: dict[int, frozenset[int]] = {}
        for number, node in self.live.items():
            found = NOWHERE
            for read in node.operands:
                more = self.makers[read.number]
                if read.number in self.stored:
                    more = frozenset({read.number})
                if not more <= found:
                    found = found | more if found else more
            self.makers[number] = found

    def root(
        self, kind: str, node: Node, argument: Node, number: int, target: Any = None
    ) -> Root:
        """Return a root over the axes of what it computes."""
        domain = argument.axes
        return Root(
            kind, node, argument, number, domain, domain - self.unrolled, target
        )

    def written_before(self, root: Root) -> list[Root]:
        """Return the pieces of a place before one, unless all lie side by side."""
        node = root.node
        if node.number not in self.side_by_side:
            self.side_by_side[node.number] = is_disjoint(self.graph, node)
        if self.side_by_side[node.number]:
            return []
        return [x for x in self.of_node[node.number] if x.number < root.number]

    def read_first(self, root: Root) -> list[tuple[Node, frozenset[int]]]:
        """Return what a root reads, with the axes along which it reads it elsewhere."""
        operands = root.node.operands
        if root.kind == "store":
            return read_by(root.node, NOWHERE)
        if root.kind in SEVERAL or root.kind in ALONE:
            return [(node, frozenset(self.order)) for node in operands]
        if root.kind == "routine":
            return [(node, node.axes - root.domain) for node in operands]
        found = [root.argument]
        if root.kind == "piece":
            count = len(root.node.data[2])
            found += [operands[count + at] for at in root.target if type(at) is int]
        return [(node, NOWHERE) for node in found]

    def find_reads(self, root: Root) -> None:
        """Find which roots a root reads, and what is computed for it alone."""
        root.reads, alone = {}, dict[int, Node]()
        todo = self.read_first(root)
        if root.kind == "piece":
            dims, adds, _ = root.node.data
            for other in self.written_before(root):
                if adds and other.target == root.target:
                    root.reads[other] = NOWHERE  # one after the other, at each place
                elif not are_apart(self.graph, dims, (other.target, root.target)):
                    root.reads[other] = frozenset(self.order)
        seen, inline = set(), dict[int, Node]()
        seen_at: list[tuple[Node, frozenset[int]]] = []
        while todo:
            node, elsewhere = todo.pop()
            if (node.number, elsewhere) in seen:
                continue
            seen.add((node.number, elsewhere))
            if node.number in self.stored:
                moved = elsewhere | (node.axes if node.kind in WHOLE else NOWHERE)
                for other in self.of_node[node.number]:
                    root.reads[other] = root.reads.get(other, NOWHERE) | moved
                continue
            if not node.axes and node.kind == "map":
                alone[node.number] = node
                continue
            inline[node.number] = node
            seen_at.append((node, elsewhere))
            todo += read_by(node, elsewhere)
        root.alone = list(alone.values())
        for maker in NOWHERE.union(*(self.makers[number] for number in alone)):
            moved = self.live[maker].axes  # one number of it, or a fold of all
            for other in self.of_node[maker]:
                root.reads[other] = root.reads.get(other, NOWHERE) | moved
        root.inline = [inline[number] for number in sorted(inline)]
        at = {node.number for node, elsewhere in seen_at if not elsewhere}
        root.direct = [
            node
            for node in root.inline
            if node.number in at and node.axes <= root.domain
        ]

    def assign(self, roots: list[Root], order: Sequence[int], path: Path) -> None:
        """Give roots their loops: over the first axis, before it, and after."""
        inside = NOWHERE.union(*[root.loops for root in roots])
        at = next((k for k, axis in enumerate(order) if axis in inside), None)
        if at is None:
            for root in roots:
                root.path = path
            return
        axis, rest = order[at], order[at + 1 :]
        phases: dict[Root, int] = {}
        for root in roots:
            is_inside = axis in root.loops
            phase = 1 if is_inside else 0
            for other, elsewhere in root.reads.items():
                if other not in phases:
                    continue
                was_inside = axis in other.loops
                if is_inside and was_inside:
                    is_there = axis in other.node.axes and axis not in elsewhere
                    least = phases[other] + (0 if is_there else 2)
                else:
                    least = phases[other] + (is_inside != was_inside)
                phase = max(phase, least)
            phases[root] = phase
        together: dict[int, list[Root]] = {}
        for root in roots:
            together.setdefault(phases[root], []).append(root)
        for phase in sorted(together):
            self.assign(together[phase], rest, (*path, (axis, phase)))

    # Lanes

    def choose_lanes(self, roots: Sequence[Root], depth: int) -> None:
        """Choose which loops run in lanes, one of those that lie inside each other.

        It is the outermost one, rows side by side, unless memory as big as the nest
        lies the other way; then it is one inside.
        """
        inside: dict[tuple[int, int], list[Root]] = {}
        for root in roots:
            if len(root.path) > depth:
                inside.setdefault(root.path[depth], []).append(root)
            else:
                self.lie_along(root)
        for axis, phase in sorted(inside, key=lambda part: part[1]):
            members = inside[axis, phase]
            if phase % 2 and self.suits_lanes(axis, members, depth):
                self.in_lanes.add(members[0].path[: depth + 1])
                for root in members:
                    root.lane = axis
                    self.lie_along(root)
            else:
                self.choose_lanes(members, depth + 1)

    def lie_along(self, root: Root) -> None:
        """Note along which axis the elements of a root's value lie side by side."""
        if root.kind == "product":
            self.unit[root.node.number] = self.columns_of(*root.node.operands)
        elif root.lane in root.node.axes and root.kind not in ("result", "guard"):
            self.unit.setdefault(root.node.number, root.lane)

    def columns_of(self, left: Node, right: Node) -> int:
        """Return along which axis the elements of a product lie side by side.

        It is one along which those of an operand do, so that it is read as it lies;
        else one of the smaller operand, which is laid out anew.
        """
        count, extent = self.graph.count, self.graph.extent
        sides = right.axes - left.axes, left.axes - right.axes
        pair = list(zip(sides, (right, left), strict=True))
        lying = [axis for own, x in pair if (axis := self.side_of(x)) in own]
        if lying:
            return max(lying, key=extent)
        wide = [(own, x) for own, x in pair if count(own) >= self.lanes]
        found = [own for own, _ in sorted(wide, key=lambda p: count(p[1].axes))]
        return max([*found, *sides][0] or sides[1], key=extent)

    def side_of(self, node: Node) -> int | None:
        """Return along which axis the elements of a value lie side by side."""
        if node.kind != "leaf":
            return self.unit.get(node.number)
        return next((axis for axis, stride in node.data[2] if stride == 1), None)

    def suits_lanes(self, axis: int, roots: Sequence[Root], depth: int) -> bool:
        """Whether a loop runs in lanes rather than those inside of it."""
        if axis in self.scanned:
            return False
        calls = [root.node.data for root in roots if root.kind == "routine"]
        if calls:
            return all(call.is_own for call in calls)
        inner = {a for r in roots for a, phase in r.path[depth + 1 :] if phase % 2}
        if inner <= self.scanned:
            return True
        free = [a for a in inner - self.scanned if self.graph.extent(a) >= self.lanes]
        if free and any(self.is_scattered(axis, root) for root in roots):
            return False
        if free and any(axis in self.stacks_of(root.node) for root in roots):
            return False
        volume = max(self.graph.count(root.loops) for root in roots)
        volume += self.work_beside(axis, roots, inner)
        is_across = 4 * self.memory_across(axis, roots) > volume
        return not is_across and self.graph.extent(axis) >= self.lanes

    def stacks_of(self, node: Node) -> frozenset[int]:
        """Return along which axes a value is a stack of matrices of products."""
        if self.stacks is None:
            self.stacks = {}
            for product in self.live.values():
                if product.kind == "product":
                    left, right = product.operands
                    both = left.axes & right.axes & product.axes
                    for x in (left, right):
                        known = self.stacks.get(x.number, NOWHERE)
                        self.stacks[x.number] = known | both
        return self.stacks.get(node.number, NOWHERE)

    def is_scattered(self, axis: int, root: Root) -> bool:
        """Whether a root adds to places that index arrays say: lane after lane."""
        node = root.node
        if root.kind != "piece" or not node.data[1]:
            return False
        specs = node.data[2]
        picked = [k for k in specs[root.number] if type(k) is int]
        return any(axis in node.operands[len(specs) + k].axes for k in picked)

    def work_beside(self, axis: int, roots: Sequence[Root], inner: set[int]) -> int:
        """Return how many elements are computed along an axis, for all inside of it."""
        nodes = {n.number: n for r in roots for n in r.inline if n.kind == "map"}
        beside = [n.axes for n in nodes.values() if axis in n.axes]
        return sum(self.graph.count(axes) for axes in beside if axes.isdisjoint(inner))

    def memory_across(self, axis: int, roots: Sequence[Root]) -> int:
        """Return how many elements that roots read or write lie across an axis."""
        count, total = self.graph.count, 0
        leaves = {
            node.number: dict(node.data[2])
            for root in roots
            for node in root.inline
            if node.kind == "leaf" and node.data[0].kind == "argument"
        }
        written = [root.target.strides for root in roots if root.kind == "result"]
        for strides in [*leaves.values(), *written]:
            total += count(strides) * (strides.get(axis, 1) != 1)
        for node in {other.node for root in roots for other in root.reads}:
            unit = self.unit.get(node.number, axis)
            total += count(node.axes) * (axis in node.axes and unit != axis)
        return total

    def worth_storing(self) -> list[Node]:
        """Return what is better stored than computed again.

        One value, as each changes what the others are worth; of very many values all
        that are, if what they are made of is computed once for each.
        """
        uses: dict[int, Uses] = {}
        costs = self.all_costs()
        if len(self.live) > MOST_ONE_BY_ONE:
            return self.all_worth(COSTS, costs) or self.all_worth(SPARES, costs)
        for root in self.roots:
            for node in root.inline:
                uses.setdefault(node.number, {})[root.nest] = root.lane
        best: list[Node] = []
        for number in sorted(uses, reverse=True):
            node = self.live[number]
            worth = self.worth(node, uses[number], costs)
            if worth == COSTS:
                return [node]
            if worth == SPARES and not best:
                best = [node]
        return best

    def all_worth(self, least: int, costs: dict[int, int]) -> list[Node]:
        """Return all that is worth storing, what reads it before what it is made of.

        A value that is stored is computed in the first nest that reads it.
        """
        uses: dict[int, Uses] = {}
        for root in self.roots:
            for node, _ in self.read_first(root):
                uses.setdefault(node.number, {})[root.nest] = root.lane
        found = []
        for number in sorted(self.live, reverse=True):
            node, nests = self.live[number], uses.get(number, {})
            if number in self.stored or (not node.axes and node.kind == "map"):
                continue
            if nests and self.worth(node, nests, costs) >= least:
                found.append(node)
                first = min(nests)
                nests = {first: nests[first]}
            for operand in node.operands:
                uses.setdefault(operand.number, {}).update(nests)
        return found

    def worth(self, node: Node, nests: Uses, costs: dict[int, int]) -> int:
        """Return whether a value is better stored: it costs much, or it spares some."""
        own = node.axes - self.unrolled
        if not own or node.kind in ("number", "index", "view", "gather"):
            return 0
        is_again = any([is_repeated(path, own) for path in nests])
        if node.kind == "leaf":
            strides = dict(node.data[2])
            is_apart = any(strides.get(a, 1) != 1 for a in nests.values())
            return COSTS * (is_again and is_apart)
        if not (len(nests) > 1 or is_again):
            return 0
        if self.own(node) >= COSTLY:
            return COSTS
        return SPARES * (costs[node.number] >= CHEAP)

    def own(self, node: Node) -> int:
        """Return what computing one element costs beside its operands."""
        if node.kind == "reduce":
            return 2 * self.graph.count(node.data[1]) + 4
        if node.kind == "scan":
            return self.graph.extent(node.data[1])
        return own_cost(node)

    def all_costs(self) -> dict[int, int]:
        """Return what one element of each value costs, of operands that are stored."""
        costs: dict[int, int] = {}
        for number, node in self.live.items():
            is_there = number in self.stored or not node.axes
            if is_there or node.kind in ("leaf", "index"):
                costs[number] = 1
                continue
            times = self.graph.count(node.data[1]) if node.kind == "reduce" else 1
            read = [costs[x.number] for x in node.operands]
            total = max(read) if node.kind == "place" else times * sum(read)
            costs[number] = min(total + own_cost(node), MOST_COST)
        return costs

    def only_where(self, root: Root) -> Node | None:
        """Return a mask such that a sum is added to where that is true; else none."""
        if root.kind != "reduce" or root.node.data[0][:2] != ("x + y", 0.0):
            return None
        mask = zero_but_where(root.argument)
        is_inside = mask is not None and mask.axes.isdisjoint(self.unrolled)
        return mask if is_inside and root.path else None

    # Homes

    def find_homes(self) -> None:
        """Find where the values of roots are there, and which need memory."""
        readers: dict[Root, list[Root]] = {}
        for root in self.roots:
            for other in root.reads:
                readers.setdefault(other, []).append(root)
        for root in self.roots:
            root.home, needs = root.path, root.node.kind in IN_MEMORY
            if root.kind == "reduce":
                folded = root.node.data[1]
                first = next(k for k, (a, _) in enumerate(root.path) if a in folded)
                root.home, needs = root.path[:first], self.is_buffered(root, first)
            kept = len(root.home)
            for reader in readers.get(root, ()):
                elsewhere = reader.reads[root]
                if elsewhere or reader.path[: len(root.home)] != root.home:
                    needs = True
                    kept = min(kept, shared(reader.path, root.home, elsewhere))
            if root.kind not in ("loop", "call", "result", "guard") and needs:
                root.kept = 0 if root.node.kind in WHOLE else kept

    def is_buffered(self, root: Root, first: int | None = None) -> bool:
        """Whether a fold has loops over its result inside, so that memory holds it."""
        start = len(root.home) if first is None else first
        return any(a in root.node.axes for a, p in root.path[start:] if p % 2)


def read_by(node: Node, elsewhere: frozenset[int]) -> list[tuple[Node, frozenset[int]]]:
    """Return what a node reads, with the axes along which it reads it elsewhere."""
    first = elsewhere
    if node.kind == "view":
        first = elsewhere | {axis for axis, _ in node.data}
    if node.kind == "gather":
        first = elsewhere | set(node.data)
    return [(x, elsewhere if k else first) for k, x in enumerate(node.operands)]


def lies_along(dim: int | None, place: Any) -> bool:
    """Whether a piece lies along a dimension as what it is a piece of."""
    return place is None if dim is None else bool(place == Affine(0, ((dim, 1),)))


def zero_but_where(node: Node) -> Node | None:
    """Return a mask such that a value is zero where that is false, if there is one.

    A zero absorbs what it is multiplied with by the chain rule.
    """
    if node.kind != "map":
        return None
    first = node.operands[0]
    if node.data == "select(x, y, z)":
        is_masked = first.type == "bool" and number_of(node.operands[2]) == 0
        return first if is_masked else None
    if node.data in ("-x", "x"):
        return zero_but_where(first)
    if node.data in (PLAIN_PRODUCT, ABSORBING_PRODUCT):
        return zero_but_where(first) or zero_but_where(node.operands[1])
    return None


@lru_cache(maxsize=4096)
def is_repeated(path: Path, own: frozenset[int]) -> bool:
    """Whether a loop that a value does not vary along lies outside one that it does."""
    return any(
        axis not in own and any(other in own for other, _ in path[k + 1 :])
        for k, (axis, _) in enumerate(path)
    )


def shared(one: Path, other: Path, elsewhere: frozenset[int]) -> int:
    """Return how many loops two paths share, up to one that is read elsewhere."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right or left[0] in elsewhere:
            break
        count += 1
    return count
