"""One measurement of the eager benchmark in a process of its own; prints JSON.

Run by ``eager.py``, which sets the number of threads before NumPy is loaded.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy

from measure import interleaved, peak_of
from workloads import (
    WORKLOADS,
    Call,
    chain,
    element_loop,
    element_loop_input,
    pendulum_call,
)


def require_agreement(calls: dict[str, Call]) -> None:
    """Stop unless all engines return the same value and gradient.

    They compute the same formula in another order of summation, a few thousand
    operations deep: 1e-9 relative leaves four digits for that.
    """
    results = {name: call() for name, call in calls.items()}
    reference_value, reference_gradient = next(iter(results.values()))
    for value, gradient in results.values():
        numpy.testing.assert_allclose(value, reference_value, rtol=1e-9)
        for ours, theirs in zip(gradient, reference_gradient, strict=True):
            numpy.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def time_workload(arguments: argparse.Namespace) -> dict[str, Any]:
    """Best and median seconds of every engine on one workload, interleaved."""
    build = WORKLOADS[arguments.workload]
    calls = {engine: build(engine) for engine in arguments.engines.split(",")}
    require_agreement(calls)
    return interleaved(calls, arguments.rounds)


def measure_memory(arguments: argparse.Namespace) -> dict[str, int]:
    """Peak bytes of one engine on one workload, after a small first call."""
    pendulum_call(arguments.engines, steps=10)()
    return peak_of(WORKLOADS[arguments.workload](arguments.engines))


def time_and_peak(call: Callable[[], Any], count: int) -> dict[str, float]:
    """Seconds and peak bytes of a call, divided by `count`."""
    call_repeats = max(3, min(20, 20_000 // count))
    times = []
    for _ in range(call_repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    peak = peak_of(call)
    return {
        "count": count,
        "seconds_each": min(times) / count,
        "resident_each": peak["resident"] / count,
        "traced_each": peak["traced"] / count,
    }


def measure_element_loop(arguments: argparse.Namespace) -> dict[str, float]:
    """Gradient of the element loop over `size` elements: cost of each element."""
    import wengert

    evaluate = wengert.value_and_grad(element_loop)
    evaluate(element_loop_input(10))
    x = element_loop_input(arguments.size)
    plain_start = time.perf_counter()
    element_loop(x)
    plain = (time.perf_counter() - plain_start) / arguments.size
    return {**time_and_peak(lambda: evaluate(x), arguments.size), "plain_each": plain}


def measure_recording(arguments: argparse.Namespace) -> dict[str, float]:
    """Recording of a chain of about `size` nodes: cost of each node."""
    import wengert

    nodes = len(wengert.record(chain, 0.5, 40).operations)
    tape = wengert.record(lambda x: chain(x, arguments.size), 0.5)
    nodes = len(tape.operations)
    del tape
    call = lambda: wengert.record(lambda x: chain(x, arguments.size), 0.5)  # noqa: E731
    return time_and_peak(call, nodes)


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "time": time_workload,
    "memory": measure_memory,
    "element-loop": measure_element_loop,
    "recording": measure_recording,
}


def main() -> None:
    """Measure what the command line asks for and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurement", choices=sorted(MEASUREMENTS))
    parser.add_argument("--workload", choices=sorted(WORKLOADS))
    parser.add_argument("--engines", default="", help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(MEASUREMENTS[arguments.measurement](arguments)))


if __name__ == "__main__":
    main()
