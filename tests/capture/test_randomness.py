"""Random draws: free in eager, refused in a recording unless seeded inside."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import grad, record, value_and_grad
from wengert.errors import RecordingError, UnsupportedError

RNG = np.random.default_rng(1)
LEGACY = np.random.RandomState(1)
PYTHON = random.Random(1)


class Noisy:
    def __init__(self) -> None:
        self.rng = np.random.default_rng(2)

    def __call__(self, x: Any) -> Any:
        return x * self.rng.normal()


def helper(x: Any) -> Any:
    return x * RNG.normal()


def choose(x: Any, rng: Any = np.random.default_rng(3)) -> Any:  # noqa: B008
    return x * rng.random()


DRAWS: dict[str, Callable[..., Any]] = {
    "global RNG": lambda x: x * RNG.normal(),
    "global LEGACY": lambda x: x * LEGACY.rand(),
    "global PYTHON": lambda x: x * PYTHON.gauss(0.0, 1.0),
    "np.random.normal": lambda x: x * np.random.normal(),
    "random.random": lambda x: x * random.random(),
    "self.rng": Noisy(),
    "default rng of choose": choose,
}
UNSEEDED: dict[str, Callable[..., Any]] = {
    "default_rng": lambda x: x * np.random.default_rng().normal(),
    "PCG64": lambda x: x * np.random.Generator(np.random.PCG64()).normal(),
    "RandomState": lambda x: x * np.random.RandomState().normal(),
    "Random": lambda x: x * random.Random().random(),
    "SeedSequence": lambda x: x * np.random.SeedSequence().generate_state(1)[0],
}


def message(what: str) -> str:
    return (
        rf"(?s)test_randomness.py:\d+: {what} while a function was recorded.*"
        r"why: a recording is replayed: every call would repeat the same numbers.*"
        r"instead: draw outside and pass the numbers as an argument, or seed a "
        r"generator inside: rng = np.random.default_rng\(seed\)"
    )


@pytest.mark.parametrize("path", DRAWS)
def test_a_draw_from_an_outer_generator_is_refused(path: str) -> None:
    with pytest.raises(RecordingError, match=message(f"{path} drew random numbers")):
        record(DRAWS[path], 1.0)


def test_the_error_names_the_line_that_draws() -> None:
    line = helper.__code__.co_firstlineno + 1
    with pytest.raises(RecordingError, match=f"test_randomness.py:{line}: global RNG"):
        record(lambda x: helper(x) + 1.0, 1.0)


@pytest.mark.parametrize("kind", UNSEEDED)
def test_a_generator_without_a_seed_is_refused(kind: str) -> None:
    what = message("a random generator was made without a seed")
    with pytest.raises(RecordingError, match=what):
        record(UNSEEDED[kind], 1.0)


def test_reseeding_the_shared_generator_is_refused() -> None:
    def f(x: Any) -> Any:
        np.random.seed(3)
        return x * np.random.normal()

    with pytest.raises(RecordingError, match=r"np\.random\.\w+ drew random numbers"):
        record(f, 1.0)


def test_a_generator_that_is_seeded_inside_gives_constants() -> None:
    def f(x: Any) -> Any:
        noise = np.random.default_rng(3).normal(size=2)
        legacy = np.random.RandomState(4)
        assert isinstance(legacy, np.random.RandomState)
        return x * noise * legacy.normal() * random.Random(5).random()

    x = np.ones(2)

    np.testing.assert_array_equal(record(f, x)(2 * x), f(2 * x))


def test_a_generator_that_nobody_draws_from_is_no_draw() -> None:
    def f(x: Any) -> Any:
        return x * 2.0 if RNG is not None else x

    assert record(f, 1.0)(3.0) == 6.0


@pytest.mark.parametrize("path", DRAWS)
def test_draws_are_free_in_eager(path: str) -> None:
    first, second = (grad(DRAWS[path])(1.0) for _ in range(2))

    assert first != second


@pytest.mark.parametrize("kind", UNSEEDED)
def test_generators_without_a_seed_are_free_in_eager(kind: str) -> None:
    first, second = (grad(UNSEEDED[kind])(1.0) for _ in range(2))

    assert first != second


def test_arrays_are_drawn_in_eager() -> None:
    noise = np.random.default_rng(7).normal(size=3)

    def f(x: Any) -> Any:
        return np.sum(x * np.random.default_rng(7).normal(size=3))

    np.testing.assert_array_equal(grad(f)(np.ones(3)), noise)


def test_another_thread_may_make_generators_meanwhile() -> None:
    made: list[Any] = []

    def f(x: Any) -> Any:
        def make() -> None:
            made.append((np.random.default_rng(), np.random.RandomState()))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return x

    record(f, 1.0)

    assert len(made) == 1


def test_what_was_replaced_is_put_back() -> None:
    before = np.random.RandomState, random.Random.seed
    with pytest.raises(RecordingError, match="without a seed"):
        record(UNSEEDED["RandomState"], 1.0)

    assert (np.random.RandomState, random.Random.seed) == before
    assert np.random.RandomState(1).normal() == np.random.mtrand.RandomState(1).normal()


def test_the_error_of_the_function_itself_is_raised() -> None:
    def f(x: Any) -> Any:
        raise ValueError(f"no {RNG.normal()}")

    with pytest.raises(ValueError, match="no "):
        record(f, 1.0)


SHUFFLES: dict[str, Any] = {
    "default_rng": lambda: np.random.default_rng(3).shuffle,
    "RandomState": lambda: np.random.RandomState(3).shuffle,
}


@pytest.mark.parametrize("name", SHUFFLES)
def test_a_shuffle_of_rows_does_not_repeat_rows(name: str) -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        SHUFFLES[name]()(y)
        return np.sum(y[0])

    with pytest.raises(UnsupportedError, match=r"x\[rng.permutation\(len\(x\)\)\]"):
        grad(f)(np.ones((4, 3)))


@pytest.mark.parametrize("name", SHUFFLES)
@pytest.mark.filterwarnings("error")
def test_a_shuffle_of_numbers_is_numpys(name: str) -> None:
    def f(x: Any) -> Any:
        order = np.arange(5)
        SHUFFLES[name]()(order)
        y = x[order]
        SHUFFLES[name]()(y)
        return np.sum(y * np.arange(5))

    x = np.array([0.3, 1.0, -2.0, 0.7, 5.0])

    value, gradient = value_and_grad(f)(x)

    assert value == f(x)
    np.testing.assert_array_equal(gradient, [f(row) for row in np.eye(5)])


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: np.random.default_rng(seed).normal(),
        lambda seed: np.random.default_rng([seed, 1]).normal(),
        lambda seed: np.random.default_rng(seed=seed).normal(),
        lambda seed: np.random.RandomState(seed).normal(),
        lambda seed: random.Random(seed).random(),
    ],
)
def test_a_seed_that_is_recorded_draws_what_it_draws(draw: Any) -> None:
    points = np.array([0.5, 1.5])

    def scaled(x: Any, seed: int) -> Any:
        return x * draw(seed)

    compiled, rows = wg.jit(scaled), wg.vmap(scaled, in_axes=(0, None))
    for seed in (3, 3, 3, *range(12), 2**31):
        expected = points * draw(seed)
        np.testing.assert_array_equal(compiled(points, seed), expected)
        np.testing.assert_array_equal(rows(points, seed), expected)
        tape = wg.record(scaled, points, seed)
        np.testing.assert_array_equal(tape(points, seed), expected)
