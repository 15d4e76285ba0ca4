"""The tree of recorded paths: where paths part, and how a replay finds its own."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.emit.refusal import NotLoweredError
from wengert.execute import engine, paths, plan
from wengert.execute.engine import native_engine
from wengert.execute.paths import Path


def halved(x: Any) -> Any:
    while x > 1.0:
        x = x * 0.5
    return x


def by_signs(x: Any) -> Any:
    total = 0.0
    for k in range(4):
        total = total + (x[k] if x[k] > 0.0 else -2.0 * x[k])
    return total


def by_remainder(x: Any, n: Any) -> Any:
    k = int(n) % 5
    return x * k if k else -x


def all_signs(count: int) -> list[np.ndarray]:
    """Return every choice of signs."""
    return [np.array(s) for s in itertools.product([1.0, -1.0], repeat=count)]


def tree_of(jitted: Any) -> paths.Tree:
    """Return the tree of a function of one key."""
    (entry,) = jitted.entries.values()
    return entry.tree


def reached(path: Path | None) -> list[Path]:
    """Return the paths of a tree, found from its root."""
    if path is None:
        return []
    return [path, *(other for child in path.left.values() for other in reached(child))]


def check(tree: paths.Tree) -> None:
    """Assert that every path hangs where it parts from the one above it."""
    found = reached(tree.root)
    assert sorted(path.number for path in found) == sorted(tree.paths)
    for path in found:
        for node, child in path.left.items():
            assert (child.parent, child.at) == (path, node)
            assert paths.common(path, child, 0) == node
        for to in path.exits.values():
            assert to.entered_from is path


def test_every_path_hangs_where_it_parts_from_another() -> None:
    jitted = wg.jit(by_signs)
    for x in all_signs(4):
        assert jitted(x) == by_signs(x)

    assert len(jitted.paths()) == 16
    check(tree_of(jitted))


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_stays_whole_whichever_path_is_forgotten(seed: int) -> None:
    random = np.random.default_rng(seed)
    jitted = wg.jit(by_signs, max_paths=20)
    points = all_signs(4)
    for _ in range(2):
        for x in random.permutation(points):
            jitted(x)
    tree = tree_of(jitted)
    while len(tree.paths) > 1:
        tree.remove(random.choice(list(tree.paths.values())))
        check(tree)
    for _ in range(2):
        for x in random.permutation(points):
            assert jitted(x) == by_signs(x)
    check(tree_of(jitted))


@pytest.mark.parametrize(
    ("fun", "points"),
    [
        (halved, [(1.5 * 2.0**k,) for k in range(12)]),
        (by_signs, [(x,) for x in all_signs(4)]),
        (by_remainder, [(0.5, float(n)) for n in range(15)]),
    ],
    ids=["halved", "by_signs", "by_remainder"],
)
def test_known_paths_are_found_without_numpy_or_a_recording(
    fun: Any, points: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third time, the failing guards lead there: no play, no recording."""
    jitted = wg.jit(fun)
    for _ in range(3):
        for point in points:
            assert jitted(*point) == fun(*point)
    if not native_engine():
        return

    def refuse(*_: Any) -> Any:
        raise AssertionError("played with NumPy")

    monkeypatch.setattr(plan.Plan, "run", refuse)
    monkeypatch.setattr(type(jitted), "record", refuse)
    for point in points:
        assert jitted(*point) == fun(*point)


def test_a_play_with_numpy_follows_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 16 paths that are not lowered a call plays those that lead to its own."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise NotLoweredError("nothing is")

    monkeypatch.setattr(engine, "refuse_long", refuse)
    jitted, points, played = wg.jit(by_signs), all_signs(4), []
    for _ in range(2):
        for x in points:
            jitted(x)
    run = plan.Plan.run
    monkeypatch.setattr(
        plan.Plan, "run", lambda *args: (played.append(None), run(*args))[1]
    )

    assert len(jitted.paths()) == 16
    for x in points:
        played.clear()
        assert jitted(x) == by_signs(x)
        assert 1 <= len(played) <= 5


@pytest.mark.parametrize("n", [2**63, -(2**63) - 1, 2**64, 10**30])
def test_whole_numbers_beyond_64_bits_come_back_as_they_are(n: int) -> None:
    """Where native calls do not arrive, neither does a number that wraps around."""
    jitted = wg.jit(lambda x, n: (x * 2.0, n))
    for k in range(20):  # more values than are static
        assert jitted(0.5, k) == (1.0, k)

    assert jitted(0.5, n) == (1.0, n)
    assert jitted(0.5, 3) == (1.0, 3)


def test_what_steps_of_a_loop_decide_is_told_once() -> None:
    def walked(x: Any) -> Any:
        while x > 1.0:
            x = 0.5 * x
        for _ in range(50):
            x = x + 1.0 if x < 60.0 else x
            x = x - 0.5 if x > 0.0 else x
        return x

    jitted = wg.jit(walked)
    jitted(1000.0)
    (taken,) = [line for line in str(jitted.paths()).splitlines() if "bool" in line]
    told = re.sub(r"[\w.]+:(\d+) bool ", r"\1 ", taken)

    first = walked.__code__.co_firstlineno + 1
    steps = f"({first + 3} True, {first + 4} True) 50 times"
    assert told == f"  1: {first} True 10 times, {first} False, {steps}"
