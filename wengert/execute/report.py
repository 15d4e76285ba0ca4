"""Looking at a jitted function: its paths, what it compiled, what a call takes."""

from __future__ import annotations

import timeit
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from textwrap import indent
from typing import TYPE_CHECKING, Any

from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.execute.arrays import told
from wengert.execute.engine import measure_play
from wengert.execute.entries import LOOKING, MISS, Entry
from wengert.execute.explained import explained
from wengert.execute.paths import Path
from wengert.execute.rows import Rows, rows_on

if TYPE_CHECKING:
    from wengert.execute.jit import Jitted


#: Guards of a step of a loop, at most, that are told once for all steps.
MOST_IN_A_RUN = 16
#: Seconds of calls that are measured as one, how often they are, and seconds after
#: which that is enough.
A_ROUND, ROUNDS, MOST_MEASURED = 0.5e-3, 7, 0.1


class PathList(list[Path]):
    """The paths of a function; prints the source lines that split them."""

    def __str__(self) -> str:
        lines = [f"{len(self)} paths"]
        for number, path in enumerate(self, 1):
            guards = [
                f"{line} {kind} {expected}" for line, kind, expected in path.guards
            ]
            taken = ", ".join(run_text(*run) for run in runs(guards))
            lines.append(f"  {number}: {taken or 'no guards'}")
        return "\n".join(lines)


def runs(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], int]]:
    """Give stretches of texts, and how often each stands there in a row.

    Those of a step of a loop, of a few texts, are one.
    """
    start = 0
    while start < len(texts):
        best = texts[start : start + 1], 1
        for length in range(1, MOST_IN_A_RUN + 1):
            part, times = texts[start : start + length], 1
            stop = start + length
            while len(part) == length and texts[stop : stop + length] == part:
                stop, times = stop + length, times + 1
            if times > 1 and length * times > len(best[0]) * best[1]:
                best = part, times
        yield best
        start += len(best[0]) * best[1]


def run_text(texts: Sequence[str], times: int) -> str:
    """Return texts that stand in a row so often, each once."""
    shown = ", ".join(texts)
    if times == 1:
        return shown
    return f"{shown if len(texts) == 1 else f'({shown})'} {times} times"


class Report:
    """What a jitted function compiled, and what it cost; prints as text."""

    def __init__(self, jitted: Jitted[..., Any]) -> None:
        self.name = jitted.name
        #: Why, for every kind of arguments that runs eagerly.
        self.eager = [
            (
                ", ".join(map(told, entry.leaf_types)),
                entry.tree.belief.reason,
            )
            for entry in list(jitted.entries.values())
            if entry.is_eager
        ]
        self.rows = [
            self.row(jitted, key, entry, path)
            for key, entry in list(jitted.entries.items())
            for path in entry.tree.kept
        ]

    def row(
        self, jitted: Jitted[..., Any], key: Any, entry: Entry, path: Path
    ) -> dict[str, Any]:
        """Return the facts of one path."""
        kernel = path.kernels[0] if path.kernels else None
        facts, what = facts_of(path), explained(path)
        seconds = {"record": path.record_seconds, **facts["seconds"]}
        return facts | {
            "types": described(entry),
            "nodes": len(path.recording),
            "parts": kernel.parts if kernel else 0,
            "loops": kernel.loops if kernel else 0,
            "nest": what.nest,
            "nests": list(what.nests),
            "stored": what.stored,
            "in registers": what.in_registers,
            "recomputed": what.recomputed,
            "rolled": list(what.rolled),
            "operations": kernel.flops if kernel else 0,
            "bytes": kernel.moved if kernel else 0,
            "scratch": kernel.workspace if kernel else 0,
            "bytes of all nodes": bytes_of_nodes(path.recording),
            "captures": len(path.captured),
            "steps": path.known_steps,
            "functions of rows": [
                RowsReport(rows.name, [rows]) for rows in rows_on(path.recording)
            ],
            "seconds": seconds | {"call": seconds_a_call(jitted, key, path)},
        }

    def __str__(self) -> str:
        lines = [f"jit {self.name}: {len(self.rows)} paths"]
        for row in self.rows:
            seconds = ", ".join(f"{k} {v:.3g} s" for k, v in row["seconds"].items())
            lines.append(
                f"  ({row['types']}): {row['nodes']} nodes, "
                f"{native_text(row)}, {row['guards']} guards, "
                f"{row['captures']} captures{steps_in(row['steps'])}; {seconds}"
                + asked_of(row["asked of NumPy"])
                + inputs_of(row["inputs from outside"])
                + without(row)
                + (f"; {row['waits']}" if row["waits"] else "")
            )
            lines += [f"    {text}" for text in explained_texts(row)]
            lines += [indent(str(part), "    ") for part in row["functions of rows"]]
        lines += [f"  ({types}): eager: {reason}" for types, reason in self.eager]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the report for a notebook: a table of paths, and of what each does."""
        parts = [f"<h4>jit {escape(self.name)}</h4>"]
        for row in self.rows:
            text = f"({row['types']}): {row['nodes']} nodes, {native_text(row)}"
            facts = [*fact_texts(row), *asked_texts(row["asked of NumPy"])]
            facts += [why] if (why := without(row).removeprefix("; ")) else []
            facts += [row["waits"]] if row["waits"] else []
            seconds = {k: duration(v) for k, v in row["seconds"].items()}
            nests = [
                (
                    each["what"],
                    each["lines"],
                    readable(each["operations"]),
                    f"{readable(each['bytes'])}B",
                    duration(each["seconds"]),
                )
                for each in row["nests"]
            ]
            parts += [
                f"<p>{escape(text)}</p>",
                "".join(f"<p>{escape(fact)}</p>" for fact in facts),
                html_table(("stage", "time"), seconds.items()),
                html_table(NEST_COLUMNS, nests) if nests else "",
                *[f"<pre>{escape(str(x))}</pre>" for x in row["functions of rows"]],
            ]
        parts += [
            f"<p>({escape(t)}): eager: {escape(why)}</p>" for t, why in self.eager
        ]
        return "\n".join(parts)


#: What is told of each nest in a table.
NEST_COLUMNS = "nest", "lines", "operations", "moved", "time of a call"


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts."""
    lines = [f"<tr>{''.join(f'<th>{escape(x)}</th>' for x in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(x)}</td>' for x in x)}</tr>" for x in rows]
    return f"<table>{''.join(lines)}</table>"


def explained_texts(row: dict[str, Any]) -> Iterator[str]:
    """Give what is told of a path's native code, line by line."""
    yield from fact_texts(row)
    for each in row["nests"]:
        lines = f" ({each['lines']})" * bool(each["lines"])
        operations = readable(each["operations"]).strip()
        yield (
            f"{each['what']}{lines}: {operations} operations, "
            f"{readable(each['bytes'])}B, {duration(each['seconds'])}"
        )


def fact_texts(row: dict[str, Any]) -> Iterator[str]:
    """Give what loops store, keep in registers and do again, and what was rolled."""
    if row["nests"]:
        yield (
            f"{row['in registers']} values fused in registers, {row['stored']} stored, "
            f"{row['recomputed']} recomputed"
        )
    for each in row["rolled"]:
        steps = "a condition's" if each["steps"] is None else f"{each['steps']}"
        line = f" ({each['line']})" * bool(each["line"])
        yield f"rolled: {steps} steps of {each['nodes']} nodes{line}"


def without(row: dict[str, Any]) -> str:
    """Return why a path has no native code; nothing where it has some."""
    if not row["reason"]:
        return ""
    has_rows = any(x["lanes"] for part in row["functions of rows"] for x in part.rows)
    what = "native code of the rows alone" if has_rows else "without native code"
    return f"; {what}: {row['reason']}"


def duration(seconds: float | None) -> str:
    """Return seconds in words."""
    return "not measured" if seconds is None else f"{readable_seconds(seconds)}s"


def readable_seconds(seconds: float) -> str:
    """Return seconds with three digits and the letter of their thousandths."""
    for letter in ("", "m", "u"):
        if seconds >= 1:
            return f"{seconds:.3g} {letter}"
        seconds *= 1000
    return f"{seconds:.3g} n"


class RowsReport:
    """What a function of rows compiled, and what it waits for; prints as text."""

    def __init__(self, name: str, functions: Sequence[Rows]) -> None:
        self.name = name
        trees = [
            (types, known)
            for rows in functions
            for (types, *_), known in list(rows.entries.items())
        ]
        #: Why, for every kind of arguments that runs eagerly.
        self.eager = [
            (types_of(types), known.belief.reason)
            for types, known in trees
            if known.is_eager
        ]
        self.rows = [
            self.row(types, path) for types, known in trees for path in known.kept
        ]

    def row(self, types: Any, path: Path) -> dict[str, Any]:
        """Return the facts of one path."""
        kernel = path.kernels[0] if path.kernels else None
        lanes = kernel.lanes if kernel else 0
        return facts_of(path) | {"types": types_of(types), "lanes": lanes}

    def __str__(self) -> str:
        lines = [f"{self.name}: {len(self.rows)} paths"]
        for row in self.rows:
            seconds = "".join(f", {k} {v:.3g} s" for k, v in row["seconds"].items())
            native = f"{row['values']} values in {row['lanes']} lanes"
            how = native + seconds if row["lanes"] else "by NumPy, all at once"
            why = "".join(f"; {row[k]}" for k in ("reason", "waits") if row[k])
            why = inputs_of(row["inputs from outside"]) + why
            lines.append(f"  ({row['types']}): {row['guards']} guards; {how}{why}")
        lines += [f"  ({types}): eager: {reason}" for types, reason in self.eager]
        return "\n".join(lines)


def steps_in(known: Sequence[int]) -> str:
    """Return how many steps a loop is known to do, where a condition decides."""
    if not known:
        return ""
    few = ", ".join(map(str, known[:3]))
    return f", a loop of {few}{' ...' * (len(known) > 3)} steps"


def native_text(row: dict[str, Any]) -> str:
    """Return what native code a path has, in words."""
    moved, scratch, whole = (
        readable(row[key]) for key in ("bytes", "scratch", "bytes of all nodes")
    )
    parts = f" in {row['parts']} parts" if row["parts"] > 1 else ""
    return (
        f"{row['values']} values{parts}, {row['loops']} loops over arrays, "
        f"{readable(row['operations']).strip()} operations, {moved}B moved, "
        f"{scratch}B of scratch for {whole}B of nodes"
    )


def readable(number: float) -> str:
    """Return a number with three digits and the letter of its thousands."""
    for letter in ("", "k", "M"):
        if number < 1000:
            return f"{number:.3g} {letter}"
        number /= 1000
    return f"{number:.3g} G"


def bytes_of_nodes(tape: Tape) -> int:
    """Return what all nodes of a tape take that are arrays."""
    likes = [like for like in tape.types if isinstance(like, Type) and like.shape]
    return sum(like.size * like.dtype.itemsize for like in likes)


def facts_of(path: Path) -> dict[str, Any]:
    """Return what is told of a path, whoever takes it."""
    kernel = path.kernels[0] if path.kernels else None
    return {
        "values": kernel.nodes if kernel else 0,
        "guards": len(path.answers),
        "inputs from outside": [part.path for part in path.snapshot.inputs],
        "seconds": dict(kernel.seconds) if kernel else {},
        "asked of NumPy": list(kernel.asked) if kernel else [],
        "reason": path.reason,
        "waits": waits_for(path),
    }


def types_of(types: Any) -> str:
    """Return the types of operands: shape and dtype of a row, or class and type."""
    return ", ".join(
        str(Type(*like)) if isinstance(like[0], tuple) else str(like[1])
        for like in types
    )


def seconds_a_call(jitted: Jitted[..., Any], key: Any, path: Path) -> float:
    """Return what a call takes of the user at the arguments that were recorded.

    Native code is called as the user calls it.  Where there is none, NumPy plays or the
    function itself is called, of which the least is known; what is not believed yet is
    recorded.
    """
    if not path.is_believed:
        return path.record_seconds
    if path.kernels:
        args, kwargs = jitted.arguments_of(key, path)
        token = LOOKING.set(True)
        try:
            if jitted(*args, **kwargs) is not MISS:
                return least_seconds(jitted, args, kwargs)
        finally:
            LOOKING.reset(token)
    if not path.tier.best:
        measure_play(path)
    return min(path.tier.best.values(), default=path.record_seconds)


def least_seconds(
    fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> float:
    """Return what a call takes that is written out, at its best of some rounds."""
    named = {f"x{k}": arg for k, arg in enumerate(args)}
    given = ", ".join([*named, *["**kwargs"] * bool(kwargs)])
    scope = {"fun": fun, "kwargs": kwargs, **named}
    timer, count = timeit.Timer(f"fun({given})", globals=scope), 1
    while (seconds := timer.timeit(count)) < A_ROUND:
        count *= 4
    found = [seconds]
    while len(found) < ROUNDS and sum(found) < MOST_MEASURED:
        found.append(timer.timeit(count))
    return min(found) / count


def asked_of(texts: Sequence[str]) -> str:
    """Return what NumPy computes between loops; nothing where there is nothing."""
    counts = asked_texts(texts)
    return f"; NumPy computes {', '.join(counts)}" if counts else ""


def asked_texts(texts: Sequence[str]) -> list[str]:
    """Return texts, each once, with how often each stands there."""
    return [
        f"{text}{f' ({count} times)' * (count > 1)}"
        for text, count in Counter(texts).items()
    ]


def inputs_of(paths: Sequence[str]) -> str:
    """Return which numbers from outside are inputs; nothing where there are none."""
    return f"; inputs from outside: {', '.join(paths)}" if paths else ""


def described(entry: Entry) -> str:
    """Return the types of the arguments."""
    return ", ".join(map(told, entry.leaf_types))


def waits_for(path: Path) -> str:
    """Return what the native code of a path waits for; nothing where it does not."""
    if path.is_asked and path.job is not None:
        return str(path.job.progress)
    if not path.is_believed:
        return "not believed yet: a second recording decides"
    return str(path.tier) if path.is_pending else ""
