"""Random programs of every kind answer as plain NumPy does, in every way of running."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.programs.faults import FAULTS, Fault, fault
from tests.programs.fuzz import describe, judge
from tests.programs.generate import INPUTS, generate
from tests.programs.judge import outcome
from tests.programs.program import Program
from tests.programs.shrink import mismatch, shrink
from tests.programs.writer import EXPRESSIONS
from wengert.execute.engine import native_engine

#: Programs of a run: 1,000 in `make test`, 50,000 in `make test-all`.  They are shared
#: out, so that several processes can take some each.
EXAMPLES = int(os.environ.get("WENGERT_EXAMPLES", "200"))
PROGRAMS = max(EXAMPLES // 2, 40) if EXAMPLES <= 2000 else EXAMPLES * 5 // 2
PART = min(PROGRAMS // 8, 500)
PARTS = [range(k, min(k + PART, PROGRAMS)) for k in range(0, PROGRAMS, PART)]
#: Shares of the programs that have a feature, at least.
LEAST = {
    "branch": 0.3,
    "view": 0.3,
    "store": 0.2,
    "read outside": 0.2,
    "nested function": 0.2,
    "try": 0.1,
    "while": 0.1,
    "out=": 0.1,
    "changing shapes": 0.1,
    "argument: int": 0.15,
    "unusual numbers": 0.3,
}
#: The share of calls that may be refused, however good their advice is.
MOST_REFUSED = 0.15
#: Calls from which their share says something.
FEWEST_CALLS = 2000
#: Programs in which a seeded fault has to show.
MOST_PROGRAMS = 60


@pytest.mark.parametrize("seeds", PARTS, ids=lambda s: f"{s.start}-{s.stop - 1}")
def test_random_programs_answer_as_numpy_does(seeds: range) -> None:
    counts: Counter[str] = Counter()
    for seed in seeds:
        program, found = judge(seed, counts)
        if found:
            small = shrink(program, found[0])
            error = mismatch(small, found[0].way) or found[0]
            pytest.fail(describe(small, error), pytrace=False)

    calls = sum(n for name, n in counts.items() if name.startswith("call: "))
    refused = sum(n for name, n in counts.items() if name.startswith("refused: "))
    assert refused <= MOST_REFUSED * calls or calls < FEWEST_CALLS


def test_programs_have_features_of_every_kind() -> None:
    count = 400
    features = Counter(
        name for seed in range(count) for name in generate(seed).features
    )

    shares = {name: features[name] / count for name in LEAST}

    assert {name for name in LEAST if shares[name] < LEAST[name]} == set()


@pytest.mark.parametrize("seed", [0, 7, 100])
def test_a_program_follows_from_its_number(seed: int) -> None:
    assert generate(seed).source == generate(seed).source


@pytest.mark.parametrize("seed", [0, 400042])
def test_a_program_ends_at_numbers_of_any_size(seed: int) -> None:
    """Seed 400042 repeats something as often as the whole part of 2e100 says."""
    instance = generate(seed).load()

    for k in range(INPUTS):
        outcome(instance.function, instance.arguments(k))


def test_what_repeats_is_bounded() -> None:
    """No template repeats, or takes a power, as often as some int says."""
    repeats = re.compile(
        r"(range|ones|zeros|arange|factorial)\({I}|(\]|'|{T}) \* {I}|\*\* {I}"
    )

    found = [t for texts in EXPRESSIONS.values() for t in texts if repeats.search(t)]

    assert found == []


@pytest.mark.parametrize("seeded", FAULTS, ids=lambda f: f.put.__name__)
def test_a_seeded_fault_is_found(seeded: Fault) -> None:
    if seeded.is_native and not native_engine():
        pytest.skip("the native engine is off")
    for program in programs_with(seeded.needs, MOST_PROGRAMS):
        with fault(seeded.put):
            found = mismatch(program, seeded.way)
        if found is not None and mismatch(program, seeded.way) is None:
            return
    pytest.fail(f"not found in {MOST_PROGRAMS} programs")


def programs_with(needs: str, count: int) -> Iterator[Program]:
    """Give the first programs whose text has a pattern."""
    every = map(generate, itertools.count())
    return itertools.islice((p for p in every if re.search(needs, p.source)), count)
