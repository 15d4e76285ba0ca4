"""Statements that write: stores, views, masks, index arrays, ``out=``, ``where=``."""

from __future__ import annotations

from tests.programs.writer import Writer

PLACES = (
    *("[0]", "[-1]", "[:]", "[...]", "[1:]", "[::2]", "[::-1]", "[:-1]", "[..., 0]"),
    *("[:, 0]", "[0, 0]", "[..., -1]", "[:, ::-1]", "[{I}]", "[{I}:]", "[[0, -1]]"),
    *(
        "[[0, 0]]",
        "[{A} > {c}]",
        "[{N}]",
        "[:, [0, -1]]",
        "[np.argsort({V})]",
        "[:{I}]",
    ),
    *("[{B}]", "[np.array([0, 1, 0])]", "[()]", "[None]", "[{I}, ...]"),
)


def store(w: Writer) -> bool:
    """Write an assignment to elements, plain or augmented, also through a view."""
    name = w.variable("A", writable=True)
    place = w.fill(w.random.choice(PLACES))
    if name is None or place is None:
        return False
    base = w.random.choice(w.vocabulary.bases)
    target = f"{name}{base}{place}"
    sign = w.random.choice(w.vocabulary.signs)
    value = w.fitting(target)
    features = {"store"}
    features |= {"augmented store"} if sign != "=" else set()
    features |= {"store through a view"} if base else set()
    features |= {"mask"} if " > " in place else set()
    return w.add([f"{target} {sign} {value}"], *features)


def fresh_array(w: Writer) -> bool:
    """Write a new array to store into."""
    name = w.fresh()
    form = w.random.choice(w.templates["new array"])
    text = w.fill(form)
    if text is None:
        return False
    lines = f"{name} = {text}".replace("{o}", name).split("; ")
    return w.add(lines, "new array", names=(name,))


def overlap(w: Writer) -> bool:
    """Write a store whose value reads the same storage."""
    name = w.variable("A", writable=True)
    form = w.random.choice(
        (
            "{o}[1:] = {o}[:-1]",
            "{o}[:-1] += {o}[1:]",
            "{o}[...] = {o}[::-1]",
            "{o} += {o}",
            "{o} *= {o}[::-1]",
            "{o}[::-1] -= {o}",
            "{o}[[0, -1]] = {o}[[-1, 0]]",
            "{o}[{o} > 0] *= {o}[0].sum()",
        )
    )
    return name is not None and w.add([form.replace("{o}", name)], "overlapping store")


def output(w: Writer) -> bool:
    """Write a function that writes into an array of the program."""
    name = w.variable("A", writable=True)
    form = w.random.choice(w.templates["output"])
    text = w.fill(form.replace("{o}", name or ""))
    if name is None or text is None:
        return False
    kept = "" if w.random.random() < 0.7 or "(" not in text else f"{w.fresh()} = "
    names = (kept[:-3],) if kept else ()
    features = ["out=" if "out" in form else "function that writes"]
    features += ["where="] if "where" in form else []
    return w.add([kept + text], *features, names=names)


def alias(w: Writer) -> bool:
    """Write a view under a new name, and a store through it."""
    text, _ = w.expression("view")
    name = w.fresh()
    if not w.add([f"{name} = {text}"], "view", names=(name,)):
        return False
    value = w.scope.values.get(name)
    if w.random.random() < 0.6 and getattr(value, "ndim", 0):
        sign = w.random.choice(w.vocabulary.signs)
        place = w.random.choice(("", "[...]", "[0]", "[:]"))
        place = place or ("[...]" if sign == "=" else "")
        target = f"{name}{place}"
        w.add([f"{target} {sign} {w.fitting(target)}"], "store through a view")
    return True
