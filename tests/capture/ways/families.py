"""Every kind of value in every kind of place: the ways that can be multiplied."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.capture.ways.way import Way


class Place(NamedTuple):
    """Where a value is held: how it is put there, read and replaced."""

    name: str
    program: str
    read: str
    change: str


class Thing(NamedTuple):
    """A value, another in its stead, and how a function uses it."""

    name: str
    value: str
    other: str
    use: str


THINGS = [
    Thing("a number", "2.0", "3.0", "x * {}"),
    Thing("a whole number", "2", "3", "x * {}"),
    Thing("a number that turns whole", "2.0", "2", "x * len(str({}))"),
    Thing("a NumPy number", "np.float64(2.0)", "np.float64(3.0)", "x * {}"),
    Thing("a flag", "True", "False", "x if {} else -x"),
    Thing("None that becomes a number", "None", "4.0", "x * ({} or 1.0)"),
    Thing("a text", "'linear'", "'cubic'", "x * len({})"),
    Thing("a tuple", "(1.0, 2.0)", "(1.0, 5.0)", "x * {}[1]"),
    Thing("a list", "[1.0, 2.0]", "[1.0, 5.0]", "x * sum({})"),
    Thing("a dictionary", "{'a': 1.0}", "{'a': 5.0}", "x * {}['a']"),
    Thing("an array", "np.array([2.0])", "np.array([3.0])", "np.sum(x * {})"),
    Thing("a ufunc", "np.tanh", "np.sin", "{}(x) + x"),
    Thing("a function", "lambda y: y * 2.0", "lambda y: y * 3.0", "{}(x)"),
]
#: ``V`` and ``W`` stand for the value and the other, ``USE`` for what is done with it.
PLACES = [
    Place("a global", "k = V\ndef f(x): return USE", "k", "k = W"),
    Place(
        "a global that a helper reads",
        "k = V\ndef helper(x): return USE\ndef f(x): return helper(x) + 1.0",
        "k",
        "k = W",
    ),
    Place(
        "a cell",
        "def make():\n"
        "    k = V\n"
        "    def f(x): return USE\n"
        "    def change(value):\n"
        "        nonlocal k\n"
        "        k = value\n"
        "    return f, change\n"
        "f, change = make()",
        "k",
        "change(W)",
    ),
    Place("a default", "def f(x, k=V): return USE", "k", "f.__defaults__ = (W,)"),
    Place(
        "a default by keyword",
        "def f(x, *, k=V): return USE",
        "k",
        "f.__kwdefaults__['k'] = W",
    ),
    Place(
        "an attribute",
        "class Box: pass\nbox = Box()\nbox.k = V\ndef f(x): return USE",
        "box.k",
        "box.k = W",
    ),
    Place(
        "an attribute of an attribute",
        "class Box: pass\nbox = Box()\nbox.inner = Box()\nbox.inner.k = V\n"
        "def f(x): return USE",
        "box.inner.k",
        "box.inner.k = W",
    ),
    Place(
        "a slot",
        "class Box:\n    __slots__ = ('k',)\nbox = Box()\nbox.k = V\n"
        "def f(x): return USE",
        "box.k",
        "box.k = W",
    ),
    Place(
        "a method's `self`",
        "class Box:\n    def run(self, x): return USE\n"
        "box = Box()\nbox.k = V\ndef f(x): return box.run(x)",
        "self.k",
        "box.k = W",
    ),
    Place(
        "a property",
        "class Box:\n    @property\n    def k(self): return self._k\n"
        "box = Box()\nbox._k = V\ndef f(x): return USE",
        "box.k",
        "box._k = W",
    ),
    Place(
        "a class attribute",
        "class Box:\n    k = None\nBox.k = staticmethod(V) if callable(V) else V\n"
        "def f(x): return USE",
        "Box.k",
        "Box.k = staticmethod(W) if callable(W) else W",
    ),
    Place(
        "an attribute of a base class",
        "class Base:\n    k = None\nBase.k = staticmethod(V) if callable(V) else V\n"
        "class Box(Base): pass\nbox = Box()\ndef f(x): return USE",
        "box.k",
        "Base.k = staticmethod(W) if callable(W) else W",
    ),
    Place(
        "a field of a dataclass",
        "@dataclasses.dataclass\nclass Box:\n    k: object\nbox = Box(V)\n"
        "def f(x): return USE",
        "box.k",
        "box.k = W",
    ),
    Place(
        "a named tuple that is replaced",
        "Box = collections.namedtuple('Box', 'k')\nbox = Box(V)\ndef f(x): return USE",
        "box.k",
        "box = Box(W)",
    ),
    Place(
        "a namespace",
        "box = types.SimpleNamespace(k=V)\ndef f(x): return USE",
        "box.k",
        "box.k = W",
    ),
    Place(
        "a module",
        "box = types.ModuleType('settings')\nbox.k = V\ndef f(x): return USE",
        "box.k",
        "box.k = W",
    ),
    Place("an element of a list", "k = [V]\ndef f(x): return USE", "k[0]", "k[0] = W"),
    Place(
        "an entry of a dictionary",
        "k = {'key': V}\ndef f(x): return USE",
        "k['key']",
        "k['key'] = W",
    ),
    Place(
        "an entry that `get` finds",
        "k = {'key': V}\ndef f(x): return USE",
        "k.get('key')",
        "k['key'] = W",
    ),
    Place(
        "an entry under a key that is held elsewhere",
        "k, key = {'key': V}, 'key'\ndef f(x): return USE",
        "k[key]",
        "k['key'] = W",
    ),
    Place(
        "an object that is handed on",
        "class Box: pass\nbox = Box()\nbox.k = V\n"
        "def use(box, x): return USE\ndef f(x): return use(box, x)",
        "box.k",
        "box.k = W",
    ),
    Place("a function's attribute", "def f(x): return USE\nf.k = V", "f.k", "f.k = W"),
    Place(
        "an argument of a partial",
        "def g(k, x): return USE\npart = functools.partial(g, V)\n"
        "def f(x): return part(x)",
        "k",
        "part.__setstate__((g, (W,), {}, {}))",
    ),
    Place(
        "`getattr` of a name",
        "class Box: pass\nbox = Box()\nbox.k = V\ndef f(x): return USE",
        "getattr(box, 'k')",
        "box.k = W",
    ),
    Place(
        "`vars`",
        "class Box: pass\nbox = Box()\nbox.k = V\ndef f(x): return USE",
        "vars(box)['k']",
        "box.k = W",
    ),
]


def product() -> list[Way]:
    """Return a way for every thing in every place."""
    return [
        Way(
            f"A value in {place.name}",
            thing.name,
            fill(place.program, place, thing),
            fill(place.change, place, thing),
        )
        for place in PLACES
        for thing in THINGS
    ]


def fill(text: str, place: Place, thing: Thing) -> str:
    """Return a text with a thing in its place."""
    use = thing.use.format(place.read)
    words = {"USE": use, "V": f"({thing.value})", "W": f"({thing.other})"}
    for word, meaning in words.items():
        text = replace_word(text, word, meaning)
    return text


def replace_word(text: str, word: str, meaning: str) -> str:
    """Return a text with a word replaced wherever it stands alone."""
    return re.sub(rf"\b{word}\b", lambda _: meaning, text)
