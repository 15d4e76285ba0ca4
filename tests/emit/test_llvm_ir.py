"""Kernels of scalar programs: chunks, loops, guards."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.emit.builder import Builder, evaluate, run
from wengert.emit import compile as compiling
from wengert.emit import machine
from wengert.emit.compile import compile_program
from wengert.emit.llvm_ir import write

pytestmark = pytest.mark.skipif(not machine.available(), reason="needs llvmlite")


def random_program(seed, length=300, has_guards=False):
    """Operations on recent nodes, inputs and constants; some nodes are outputs."""
    rng, b = np.random.default_rng(seed), Builder()
    nodes = [b.input(k) for k in range(4)] + [b.constant(0.5), b.constant(-2.0)]
    names = ["x + y", "x - y", "x * y", "sin(x)", "fabs(x)", "maximum(x, y)"]
    for step in range(length):
        name = names[rng.integers(len(names))]
        x, y = (nodes[max(0, len(nodes) - 1 - int(rng.geometric(0.1)))] for _ in "xy")
        node = b.add(name, *(x, y)[: 1 + ("y" in name)])
        if name != "sin(x)":  # keeps values bounded
            node = b.add("sin(x)", node)
        nodes.append(node)
        if has_guards and step % 20 == 0:
            test = b.add("x > y", node, nodes[1])
            b.guard(test, bool(rng.integers(2)))
        if step % 7 == 0:
            test = b.add("x > y", node, nodes[0])
            nodes.append(b.add("select(x, y, z)", test, node, nodes[2]))
    outputs = [(node, 0, k) for k, node in enumerate(nodes[::5])]
    return b.program(outputs=outputs)


def oscillator(steps, varies=False, guarded=False):
    """A damped oscillator's time loop and its energy; output 1: a value on the way."""
    b = Builder()
    x, v, p, dt = b.input(0), b.input(1), b.input(2), b.constant(0.01)
    first = b.add("x * y", p, dt)
    outputs = []
    for k in range(steps):
        a = b.add("x * y", p, b.add("sin(x)", x))
        if varies:
            force = b.add("x * y", b.constant(0.1 * k), b.input(k, argument=1))
            a = b.add("x + y", a, force)
        x = b.add("x + y", x, b.add("x * y", dt, v))
        v = b.add("x - y", v, b.add("x * y", first, a))
        if guarded:
            b.guard(b.add("x > y", x, b.constant(0.0)), True)
        if k % 3 == 0:
            outputs.append((x, 0, len(outputs) + 1))
    energy = b.add("x + y", b.add("x * y", x, x), b.add("x * y", v, v))
    arguments = ["float64"] * (1 + varies)
    return b.program(arguments, outputs=[(energy, 0, 0), *outputs])


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("chunk_size", [1, 7, 50, 10_000])
def test_chunks_do_not_change_the_values(chunk_size, level):
    """Values cross chunks through the workspace."""
    x = np.array([0.3, -0.7, 1.1, 2.0])
    program = random_program(1)
    _, want = evaluate(program, [x])

    compiled = compile_program(program, level=level, chunk_size=chunk_size)
    status, got = run(compiled, [x], len(want))

    assert status == 0
    # Contraction rounds once where the formulas round twice; sines keep errors small.
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(6))
def test_guards_stop_at_the_first_that_fails(seed):
    """The kernel returns that guard's number."""
    x = np.random.default_rng(seed).standard_normal(4)
    program = random_program(seed, has_guards=True)
    want, _ = evaluate(program, [x])

    compiled = compile_program(program, chunk_size=30)
    status, _ = run(compiled, [x], len(program.outputs))

    assert compiled.has_guards
    assert status == want


@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize("steps", [5, 40, 300])
def test_a_time_loop_becomes_a_loop_with_the_same_bits(steps, varies):
    """Rolled and straight code agree exactly, inner values included."""
    program = oscillator(steps, varies)
    data = [np.array([1.0, 0.2, 3.0]), np.linspace(-1, 1, steps)][: 1 + varies]
    size = len(program.outputs)

    rolled = compile_program(program, level=0)
    straight = compile_program(program, level=0, has_loops=False)
    _, got = run(rolled, data, size)
    _, want = run(straight, data, size)

    assert straight.loops == 0
    assert (rolled.loops > 0) == (steps > 20)
    assert np.array_equal(got, want)
    np.testing.assert_allclose(got, evaluate(program, data)[1], rtol=1e-12)


def test_a_loop_counts_its_guards():
    """A guard that fails in a late repetition is named by its own number."""
    program = oscillator(400, guarded=True)
    x = np.array([1.0, 0.2, 3.0])
    want, _ = evaluate(program, [x])

    compiled = compile_program(program)

    assert compiled.loops
    assert 1 < want < 400
    assert run(compiled, [x], len(program.outputs))[0] == want


def sums_of_steps(count, back):
    """Each value reads the one `back` repetitions before it; the reverse order too."""
    b = Builder()
    values = [b.input(k) for k in range(back)]
    for _ in range(count):
        values.append(b.add("sin(x)", b.add("x + y", values[-1], values[-back])))
    total = b.constant(0.0)
    for node in reversed(values):
        total = b.add("x + y", total, b.add("x * y", node, node))
    return b.program(outputs=[(total, 0, 0), (values[-1], 0, 1), (values[7], 0, 2)])


@pytest.mark.parametrize("back", [1, 2, 3, 6])
def test_recurrences_of_any_depth_are_right(back):
    """Values carried over several repetitions, and read again in reverse order."""
    program = sums_of_steps(200, back)
    x = np.linspace(0.1, 0.9, 6)

    _, got = run(compile_program(program), [x], 3)

    np.testing.assert_allclose(got, evaluate(program, [x])[1], rtol=1e-13)


def random_loops(seed):
    """One to three time loops, one after another or nested, and a sweep backwards."""
    rng, b = np.random.default_rng(seed), Builder()
    state = [b.input(k) for k in range(4)]
    fixed = [b.input(4), b.constant(0.3)]
    names = ["x + y", "x * y", "x - y", "sin(x)", "maximum(x, y)"]
    history, outputs, step = [], [], 0
    for _ in range(rng.integers(1, 4)):
        body = [
            (names[rng.integers(5)], rng.integers(0, 100, 2))
            for _ in range(rng.integers(4, 15))
        ]
        inner = int(rng.integers(1, 4))
        has_guard, has_data, keeps = rng.random(3) < [0.3, 0.5, 0.5]
        for repetition in range(rng.integers(3, 60)):
            known = [*state, *fixed]
            if has_data:
                known.append(b.input(5 + (step * 3) % 200))
                known.append(b.constant(0.01 * repetition))
            for name, picks in body * inner:
                x, y = (known[p % len(known)] for p in picks)
                node = b.add(name, *(x, y)[: 1 + ("y" in name)])
                known.append(b.add("sin(x)", node))
            state = known[-4:]
            if has_guard:
                b.guard(b.add("x > y", state[0], b.constant(-2.0)), True)
            if keeps and repetition % 2:
                outputs.append((state[1], 0, len(outputs)))
            history.append(state[2])
            step += 1
    total = state[3]
    for node in reversed(history):
        total = b.add("sin(x)", b.add("x + y", total, b.add("x * y", node, total)))
    return b.program(outputs=[*outputs, (total, 0, len(outputs))])


@pytest.mark.parametrize(
    "seed",
    [*range(12), *(pytest.param(k, marks=pytest.mark.slow) for k in range(12, 200))],
)
def test_random_loops_equal_straight_lines(seed):
    """Whatever is found to repeat, the values are those of the straight line."""
    program = random_loops(seed)
    x = np.random.default_rng(seed).uniform(-1, 1, 205)
    size = len(program.outputs)

    status, got = run(compile_program(program, level=0, chunk_size=200), [x], size)
    straight = compile_program(program, level=0, has_loops=False)

    assert status == 0
    assert np.array_equal(got, run(straight, [x], size)[1])
    np.testing.assert_allclose(got, evaluate(program, [x])[1], rtol=0, atol=1e-9)


def test_a_guard_is_computed_as_numpy_rounds():
    """No fused multiply-add in what decides: 1 - x*(1/x) is compared exactly."""
    b = Builder()
    x, y, z = b.input(0), b.input(1), b.input(2)
    rest = b.add("x - y", b.add("x * y", x, y), z)
    b.guard(b.add("x > y", rest, b.constant(0.0)), False)
    program = b.program(outputs=[(rest, 0, 0)])
    rng = np.random.default_rng(3)
    compiled = compile_program(program, level=2)

    for x, y in rng.uniform(1, 2, (200, 2)):
        # The product's own rounding error is what a fused multiply-add would keep.
        status, got = run(compiled, [np.array([x, y, x * y])], 1)
        assert (status, got[0]) == (0, 0.0)


def test_the_text_of_a_long_tape_grows_linearly():
    """And no function in it grows at all: LLVM is superlinear in a function's size."""
    texts = [
        write(random_program(0, length), chunk_size=100, has_loops=False)
        for length in (1000, 8000)
    ]
    longest = [max(map(len, text.ir.split("define"))) for text in texts]

    assert len(texts[1].ir) < 8.5 * len(texts[0].ir)
    assert longest[1] < 1.5 * longest[0]
    assert texts[1].chunks > 6 * texts[0].chunks


def test_constants_inputs_and_repeated_outputs_may_be_outputs():
    """Not only computed nodes."""
    b = Builder()
    x, c = b.input(1), b.constant(7.0)
    y = b.add("x + y", x, c)
    program = b.program(outputs=[(x, 0, 0), (c, 0, 1), (y, 0, 2), (y, 0, 3)])

    _, got = run(compile_program(program), [np.array([1.0, 2.0])], 4)

    assert got.tolist() == [2.0, 7.0, 9.0, 9.0]


def test_an_oscillator_keeps_its_energy():
    """An independent check: the loop's physics, not its formulas."""
    program = oscillator(2000)
    x = np.array([0.01, 0.0, 1.0])  # small swings, frequency 1, 20 seconds

    _, got = run(compile_program(program), [x], len(program.outputs))

    # The semi-implicit step keeps the energy to first order in the step (0.01).
    assert math.isclose(got[0], 1e-4, rel_tol=0.25)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda: random_program(3),
        lambda: random_program(4, has_guards=True),
        lambda: oscillator(60, varies=True),
    ],
    ids=["straight", "guards", "tables"],
)
def test_parts_give_the_bits_of_the_whole(make, level, monkeypatch):
    """And tell how many are done, one after another."""
    program, told = make(), []

    def tell(*counts):
        told.append(counts)

    data = [np.linspace(0.3, 2.0, 4), np.linspace(-1, 1, 60)][: len(program.arguments)]
    results = []
    for fewest in (0, 10_000):
        monkeypatch.setattr(compiling, "_FEWEST_PARTS", fewest)
        compiled = compile_program(program, level=level, chunk_size=20, told=tell)
        results.append(run(compiled, data, len(program.outputs)))
    total = compiled.chunks + 1

    assert total > 4
    assert told == [(k, total) for k in range(total + 1)]
    assert results[0][0] == results[1][0]
    if results[0][0] == 0:
        np.testing.assert_array_equal(results[0][1], results[1][1])
