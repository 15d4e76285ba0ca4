"""Random programs of every kind answer as plain NumPy does, in every way of running."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.programs import distribution
from tests.programs.faults import FAULTS, Fault, fault
from tests.programs.fuzz import describe, judge
from tests.programs.generate import INPUTS, generate
from tests.programs.judge import Judge
from tests.programs.program import Program, outcome
from tests.programs.shrink import mismatch, shrink
from tests.programs.ways import run
from tests.programs.writer import EXPRESSIONS
from wengert.execute import keys
from wengert.execute.engine import native_engine

#: Programs of a run: 600 in `make test`, of all styles together; 10,000 of any kind
#: and more of the others in `make test-all`.
EXAMPLES = int(os.environ.get("WENGERT_EXAMPLES", "200"))
IS_LONG = EXAMPLES > 2000
PROGRAMS = {
    "any": EXAMPLES * 5 // 2 if IS_LONG else max(EXAMPLES * 8 // 25, 40),
    "analytic": EXAMPLES // 6 if IS_LONG else max(EXAMPLES // 20, 20),
    "numbers": EXAMPLES * 3 // 20 if IS_LONG else max(EXAMPLES * 13 // 200, 60),
    "floats": EXAMPLES * 3 // 20 if IS_LONG else max(EXAMPLES * 13 // 200, 60),
}
#: Programs whose sparse derivatives are compared, of each of two styles.
SPARSE = EXAMPLES // 10 if IS_LONG else 25


def parts(count: int) -> list[range]:
    """Return the seeds of some programs, in parts for several processes."""
    part = min(max(count // 8, 20), 500)
    return [range(k, min(k + part, count)) for k in range(0, count, part)]


PARTS = [
    pytest.param(style, seeds, id=f"{style}-{seeds.start}-{seeds.stop - 1}")
    for style, count in PROGRAMS.items()
    for seeds in parts(count)
]
#: Shares of the programs that have a feature, at least.
LEAST = {
    "any": {
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
    },
    "analytic": {
        "branch": 0.3,
        "store": 0.3,
        "store through a view": 0.3,
        "outside: global array": 0.25,
    },
    "numbers": {"branch": 0.3, "try": 0.3, "integers": 0.3, "remainders": 0.3},
    "floats": {"branch": 0.3, "try": 0.3, "floats": 0.3},
}
#: The share of calls that may be refused, however good their advice is.
MOST_REFUSED = {"any": 0.15, "analytic": 0.3, "numbers": 0.0, "floats": 0.0}
#: Calls from which their share says something.
FEWEST_CALLS = 2000
#: Programs in which a seeded fault has to show.
MOST_PROGRAMS = 60
#: Seeds among which there are so many with what it needs.
MOST_SEEDS = 20_000


def check(style: str, seeds: Iterable[int]) -> Counter[str]:
    """Fail with a smallest program where one is wrong; return what was counted."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        program, found = judge(seed, counts, style)
        if found:
            small = shrink(program, found[0])
            error = mismatch(small, found[0].way) or found[0]
            pytest.fail(describe(small, error), pytrace=False)
    distribution.COUNTS.update(counts)
    return counts


@pytest.mark.parametrize(("style", "seeds"), PARTS)
def test_random_programs_answer_as_numpy_does(
    style: str, seeds: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    if style == "numbers":  # make every int an input at once
        monkeypatch.setattr(keys, "MOST_INTEGERS", 0)

    counts = check(style, seeds)

    calls = sum(n for name, n in counts.items() if name.startswith("call: "))
    refused = sum(n for name, n in counts.items() if name.startswith("refused: "))
    assert refused <= MOST_REFUSED[style] * calls or 0 < calls < FEWEST_CALLS


def test_a_complex_step_judges_most_analytic_programs() -> None:
    counts: Counter[str] = Counter()
    for seed in range(60):
        run(Judge(generate(seed, "analytic"), counts), ("eager", "complex step"))

    compared = counts["complex step: compared"]
    assert compared >= 0.9 * (compared + counts["complex step: does not hold"])
    assert compared >= 0.4 * counts["call: eager"]


@pytest.mark.parametrize("seeds", parts(SPARSE))
@pytest.mark.parametrize("style", ["any", "analytic"])
def test_sparse_derivatives_of_random_programs_are_the_dense_ones(
    style: str, seeds: range
) -> None:
    counts: Counter[str] = Counter()
    for seed in seeds:
        program = generate(seed, style)
        for error in run(Judge(program, counts), ("sparse",)):
            small = shrink(program, error)
            found = mismatch(small, error.way) or error
            pytest.fail(describe(small, found), pytrace=False)

    assert counts["sparse: Jacobian compared"] > len(seeds) / 3
    assert counts["sparse: Hessian compared"] > len(seeds) / 4
    assert counts["sparse: differences"] > counts["sparse: Jacobian compared"]
    assert counts["sparse: exact"] > len(seeds) / 10


def test_programs_of_integers_that_are_no_inputs_answer_as_python_does() -> None:
    check("numbers", range(60, 80))


@pytest.mark.parametrize("style", LEAST)
def test_programs_have_features_of_every_kind(style: str) -> None:
    count = 400
    features = Counter(
        name for seed in range(count) for name in generate(seed, style).features
    )

    shares = {name: features[name] / count for name in LEAST[style]}

    assert {name for name in shares if shares[name] < LEAST[style][name]} == set()


def test_analytic_programs_are_long() -> None:
    programs = [generate(seed, "analytic") for seed in range(100)]

    assert sum(len(program.blocks) >= 8 for program in programs) > 95


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
        r"(range|ones|zeros|arange|factorial)\({I}|(\]|'|{T}) \* {I}"
        r"|(?<!^\({S} \* 1\.0\)) \*\* {[IS]}"
    )

    found = [t for texts in EXPRESSIONS.values() for t in texts if repeats.search(t)]

    assert found == []


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("seeded", "style"),
    [
        pytest.param(seeded, style, id=f"{seeded.put.__name__}-{seeded.way}-{style}")
        for seeded in FAULTS
        for style in seeded.styles
    ],
)
def test_a_seeded_fault_is_found(seeded: Fault, style: str) -> None:
    if seeded.is_native and not native_engine():
        pytest.skip("the native engine is off")
    for program in programs_with(seeded.needs, style, MOST_PROGRAMS):
        with fault(seeded.put):
            found = mismatch(program, seeded.way)
        if found is not None and mismatch(program, seeded.way) is None:
            return
    pytest.fail(f"not found in {MOST_PROGRAMS} programs")


def programs_with(needs: str, style: str, count: int) -> Iterator[Program]:
    """Give the first programs of a style whose text has a pattern."""
    every = (generate(seed, style) for seed in range(MOST_SEEDS))
    return itertools.islice((p for p in every if re.search(needs, p.source)), count)
