"""GradBench's protocol: a message a line is answered by a line."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Answers = Mapping[str, Mapping[str, Callable[[Any], "Task"]]]


class Task(NamedTuple):
    """What answers a message.

    Attributes
    ----------
    call : callable
        What is timed.
    written : callable
        The answer, as JSON has it, of what the call gives.
    """

    call: Callable[[], Any]
    written: Callable[[Any], Any]


def serve(answers: Answers) -> None:
    """Answer messages until there are no more."""
    for line in sys.stdin:
        message = json.loads(line)
        print(json.dumps(answered(message, answers)), flush=True)


def answered(message: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Return the answer to a message."""
    response: dict[str, Any] = {"id": message["id"]}
    if message["kind"] == "start":
        response["tool"] = "wengert"
    elif message["kind"] == "define":
        response["success"] = message["module"] in answers
    elif message["kind"] == "evaluate":
        make = answers.get(message["module"], {}).get(message["function"])
        if make is None:
            return response | {"success": False, "error": "no such function here"}
        try:
            response |= timed(make(message["input"]), message["input"])
        except Exception:
            response |= {"success": False, "error": traceback.format_exc()}
    return response


def timed(task: Task, given: Any) -> dict[str, Any]:
    """Return the answer of a task, and the times of its calls.

    The first two record and compile; they are told apart from the others.
    """
    how = given if isinstance(given, dict) else {}
    started = time.perf_counter_ns()
    task.call()
    task.call()
    first = {"name": "compile", "nanoseconds": time.perf_counter_ns() - started}
    least, seconds = how.get("min_runs", 1), how.get("min_seconds", 0.0)
    times: list[int] = []
    spent = 0
    while len(times) < least or spent < seconds * 1e9:
        started = time.perf_counter_ns()
        result = task.call()
        times.append(time.perf_counter_ns() - started)
        spent += times[-1]
    runs = [{"name": "evaluate", "nanoseconds": t} for t in times]
    return {"success": True, "output": task.written(result), "timings": [first, *runs]}
