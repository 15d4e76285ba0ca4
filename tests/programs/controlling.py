"""Statements that control: branches, loops, functions, exceptions, texts as keys."""

from __future__ import annotations

from tests.programs.templates import sections
from tests.programs.writer import Writer

FUNCTIONS = tuple(sections("functions.txt").values())
DICTIONARIES = tuple(sections("dictionaries.txt").values())
ERRORS = (
    "ZeroDivisionError",
    "ValueError",
    "IndexError",
    "KeyError",
    "Exception",
    "(ZeroDivisionError, ValueError, OverflowError)",
    "ArithmeticError",
    "LookupError",
    "FloatingPointError",
)


def change(w: Writer, indent: str = "    ") -> list[str]:
    """Return what a branch or a loop does: a store, or a name bound again."""
    form = w.random.random()
    name = w.variable("A", writable=True)
    if form < 0.4 and name is not None:
        place = w.random.choice(("[0]", "[-1]", "[...]", "[1:]", "[::-1]"))
        sign = w.random.choice(("=", "+=", "*="))
        return [f"{indent}{name}{place} {sign} {w.fitting(name + place)}"]
    name = w.variable("F")
    if name is None:
        return [f"{indent}pass"]
    w.bounded.discard(name)
    if form < 0.7:
        return [f"{indent}{name} = {name} * {w.random.choice(('0.5', '2', '1.5'))}"]
    return [f"{indent}{name} = {w.fitting(name)}"]


def branch(w: Writer) -> bool:
    """Write an if, with an else or without."""
    lines = [f"if {w.condition()}:", *change(w)]
    if w.random.random() < 0.3:
        lines += [f"elif {w.condition()}:", *change(w)]
    if w.random.random() < 0.5:
        lines += ["else:", *change(w)]
    return w.add(lines, "branch")


def early_return(w: Writer) -> bool:
    """Write a return under a condition that does not hold at first."""
    test = w.condition()
    if w.scope.ask(f"bool({test})") is True:
        test = f"not ({test})"
    text, _ = w.expression("elementwise", "number")
    lines = [f"if {test}:", f"    return np.sum({text}).real * 1.0, ('early',)"]
    # A return cannot run outside a function: it is not taken here.
    w.blocks.append((tuple(lines), frozenset({"early return"})))
    w.features.add("early return")
    return True


def repeat(w: Writer) -> bool:
    """Write a while loop."""
    name = w.fresh("k")
    lines = [f"{name} = 0", f"while {w.condition()} and {name} < 3:"]
    if w.random.random() < 0.3:
        lines = [f"{name} = 0", "while True:", f"    if {name} > 2 or {w.condition()}:"]
        lines += ["        break"]
    lines += [*change(w), f"    {name} += 1"]
    w.bounded.add(name)
    return w.add(lines, "while", names=(name,))


def loop(w: Writer) -> bool:
    """Write a for loop over a range, an array, or several."""
    name, e = w.fresh("e"), w.fresh()
    start = w.random.choice(("0.0", "0", "1.0"))
    head = w.fill(
        w.random.choice(
            (
                f"for {name} in range({{K}}):",
                f"for {name} in {{V}}:",
                f"for {name} in {{A}}:",
                f"for {name}, other in enumerate({{V}}):",
                f"for {name}, other in zip({{V}}, {{V}}):",
                f"for {name} in {{L}}:",
                f"for {name} in reversed({{V}}):",
                f"for {name} in range(len({{V}})):",
                f"for other, {name} in {{D}}.items():",
                f"for {name} in np.nditer({{A}}):",
                f"for {name} in range(0, {{A}}.shape[0], 2):",
            )
        )
    )
    if head is None:
        return False
    body = w.random.choice(
        (
            f"    {e} = {e} * 0.5 + {name}",
            f"    {e} += {name} * {{S}}",
            f"    {e} = np.maximum({e}, {name})",
            f"    {e} = {e} + {{V}}[{name}]",
            f"    {{V}}[{name}] = {{V}}[{name} - 1] * 0.5 + {e}",
            f"    if {name} > 1:\n        break\n    {e} += {name}",
            f"    if {name} > 0:\n        continue\n    {e} -= {name}",
        )
    )
    text = w.fill(body)
    return text is not None and w.add(
        [f"{e} = {start}", head, *text.split("\n")], "for", names=(e,)
    )


def attempt(w: Writer) -> bool:
    """Write a try whose body raises at some arguments."""
    name = w.fresh()
    text = w.fill(w.random.choice(w.templates["raising"]))
    error = w.random.choice(ERRORS)
    if text is None:
        return False
    other = w.random.choice(("0.25", "-1.0", w.variable("S") or "0.5"))
    lines = [f"    {name} = {text}", f"except {error}:", f"    {name} = {other}"]
    if w.random.random() < 0.3:
        lines += ["else:", *change(w)]
    if w.random.random() < 0.2:
        lines += ["finally:", *change(w)]
    if w.random.random() < 0.25:
        value, _ = w.expression("elementwise", "binary")
        lines[0] = f"    {name} = {value}"
        lines = [f"    {line}" for line in ["try:", *lines]]
        lines = ["with np.errstate(all='raise'):", *lines]
        lines[3] = lines[3].replace(error, "FloatingPointError")
        return w.add(lines, "errstate", "try", names=(name,))
    return w.add(["try:", *lines], "try", names=(name,))


def bare(w: Writer) -> bool:
    """Write what raises at some arguments, with nothing that catches it."""
    text, name = w.fill(w.random.choice(w.templates["raising"])), w.fresh()
    return text is not None and w.add([f"{name} = {text}"], "may raise", names=(name,))


def recursion(w: Writer) -> bool:
    """Write a recursive function, by a count or until a value is small."""
    f, name = w.fresh("f"), w.fresh()
    stop = w.random.choice(("k <= 0", "k < 1 or np.sum(y) > 5", "k == 0 or {S} > y"))
    step = w.random.choice(("y * 0.5", "np.sin(y)", "y + {S}", "y * k", "y - {c}"))
    start = w.random.choice(("{F}", "{S}", "{A}"))
    call = f"{name} = {f}({w.random.choice(('{I}', '3', '2'))}, {start})"
    texts = [w.fill(part) for part in (stop, step, call)]
    if None in texts:
        return False
    lines = [f"def {f}(k, y):", f"    if {texts[0]}:", "        return y"]
    lines += [f"    return {f}(k - 1, {texts[1]})", str(texts[2])]
    return w.add(lines, "recursion", names=(name,))


def nested(w: Writer) -> bool:
    """Write a function inside the function, and a call of it."""
    return form(w, FUNCTIONS, "nested function")


def keyed(w: Writer) -> bool:
    """Write a dictionary whose keys are texts or numbers of the program."""
    return form(w, DICTIONARIES, "dictionary")


def form(w: Writer, forms: tuple[list[str], ...], feature: str) -> bool:
    """Write one of some forms of several lines, with new names in them."""
    f, d, name = w.fresh("f"), w.fresh("d"), w.fresh()
    text = "\n".join(w.random.choice(forms))
    text = text.replace("{f}", f).replace("{d}", d).replace("{n}", name)
    filled = w.fill(text)
    return filled is not None and w.add(filled.split("\n"), feature, names=(name,))
