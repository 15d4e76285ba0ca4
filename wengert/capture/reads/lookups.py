"""Access paths: what an attribute or an item of a value is, and who answers for it.

An attribute is looked up as Python looks it up (the class's class, data descriptors,
the object's own dictionary, the class), without running code of the user's: what would
run is followed instead.
"""

from __future__ import annotations

import enum
import functools
import threading
import types
import weakref
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from wengert.capture.reads.bytecode import Access, Step
from wengert.capture.reads.frozen import is_plain
from wengert.capture.reads.libraries import (
    MISSING,
    has,
    holder_of,
    instance_dict,
    is_pure_module,
    is_user_class,
    is_user_function,
    lacks,
    members,
    members_of,
    mro_of,
    raw_attribute,
)
from wengert.capture.reads.watched import GENERATORS, Cursor, Values

#: Questions about an array that its contents do not change.
QUESTIONS = frozenset(
    {"shape", "ndim", "size", "dtype", "strides", "itemsize", "nbytes"}
)
#: What a function, a class or a module knows of itself: read as it stands.
OWN_FACTS = frozenset(
    "__name__ __qualname__ __module__ __doc__ __annotations__ __kwdefaults__ "
    "__defaults__ __code__ __globals__ __dict__ __closure__ __wrapped__ __bases__ "
    "__mro__ __class__ __self__ __func__".split()
)
#: Classes of C that answer for attributes in a way of their own.
FORWARDING = (
    super,
    weakref.ProxyType,
    weakref.CallableProxyType,
    threading.local,
    MethodType,
)
ITEM_GETTERS = tuple(
    kind.__dict__["__getitem__"] for kind in (dict, list, tuple, types.MappingProxyType)
)


def has_plain_items(value: Any) -> bool:
    """Whether fetching an item runs no code of the user's."""
    return any(raw_attribute(type(value), "__getitem__") is g for g in ITEM_GETTERS)


def is_element(value: Any, step: Step) -> bool:
    """Whether a step leads to a number in an array of NumPy's own."""
    kind, key = step
    if kind != "item" or type(value) is not np.ndarray:
        return False
    try:
        return issubclass(type(value[key]), np.float64)
    except (LookupError, TypeError, ValueError):
        return False


def looks_up_plainly(kind: type) -> bool:
    """Whether attributes of a class's objects are looked up as Python's rules say."""
    held = raw_attribute(kind, "__getattribute__")
    is_python_s_own = type(held) is types.WrapperDescriptorType
    return is_python_s_own and held.__objclass__ not in FORWARDING


def is_data(held: Any) -> bool:
    """Whether a class's attribute goes before the object's own."""
    return has(type(held), "__set__") or has(type(held), "__delete__")


class Lookups(Values):
    """Follows access paths, step by step."""

    def follow(
        self, cursor: Cursor, steps: tuple[Step, ...], access: Access
    ) -> Cursor | None:
        """Go along a path as far as its values are the user's to change.

        Returns its end, where the value is read as it stands.
        """
        for k, step in enumerate(steps):
            if is_pure_module(cursor.value):
                self.library(cursor, steps[k:], access)
                return None
            is_last = k == len(steps) - 1
            if access.is_store and is_last and step[0] == "attribute":
                self.written(cursor, step[1])
                return None
            following = self.step(cursor, step)
            if following is None and is_element(cursor.value, step) and is_last:
                return self.element(cursor, step[1], access)
            if following is None:
                self.unstepped(cursor, step, access, is_last)
                return None
            cursor = following
        if is_pure_module(cursor.value):
            return None
        self.expect(cursor)
        if access.is_store:
            return None
        if access.is_called:
            self.deep_function(cursor, access.is_repeated)
            return None
        self.deep(cursor, True, True)
        return cursor

    def called(self, cursor: Cursor, is_repeated: bool) -> bool:
        """Follow the ``__call__`` of an object of the user's; False if it has none."""
        call = raw_attribute(type(cursor.value), "__call__")
        if type(call) is not FunctionType or not is_user_function(call):
            return False
        self.visit(call, cursor, is_repeated)
        self.guard_method(cursor, "__call__", call)
        return True

    def step(self, cursor: Cursor, step: Step) -> Cursor | None:
        """Return one attribute or item; None where the value is not looked into."""
        kind, name = step
        fetch, path, value = cursor
        if kind == "item":
            if not has_plain_items(value):
                return None
            try:
                part = value[name]
            except (LookupError, TypeError):
                return None
            return Cursor(f"{fetch}[{self.key(name)}]", f"{path}[{name!r}]", part)
        found = self.stored(value, name)
        if found is MISSING:
            return None
        if issubclass(type(value), ModuleType):
            fetch = self.bind(members(value))
            if name != "__dict__":
                fetch = f"{fetch}[{name!r}]"
            return Cursor(fetch, f"{path}.{name}", found)
        if issubclass(type(value), enum.Enum) and name in ("name", "value"):
            name = f"_{name}_"
        return Cursor(f"{fetch}.{name}", f"{path}.{name}", found)

    def stored(self, value: Any, name: str) -> Any:
        """Return an attribute that is just stored, or MISSING."""
        kind = type(value)
        if issubclass(kind, ModuleType):
            held = members(value)
            return held if name == "__dict__" else held.get(name, MISSING)
        if not looks_up_plainly(kind):
            return self.own_fact(value, name)
        if issubclass(kind, type):
            return self.stored_in_class(value, name)
        if issubclass(kind, enum.Enum) and name in ("name", "value"):
            return (instance_dict(value) or {}).get(f"_{name}_", MISSING)
        held, own = raw_attribute(kind, name), instance_dict(value)
        if held is not MISSING and is_data(held):
            return self.in_slot(value, held, name)
        if own is not None and name in own:
            return own[name]
        if held is MISSING or has(type(held), "__get__"):
            return self.own_fact(value, name)
        return held

    def stored_in_class(self, kind: Any, name: str) -> Any:
        """Return an attribute that a class just holds, or MISSING."""
        meta = raw_attribute(type(kind), name)
        if meta is not MISSING and is_data(meta):
            return self.own_fact(kind, name)
        if issubclass(kind, enum.Enum) and name in kind.__members__:
            return kind.__members__[name]
        held = raw_attribute(kind, name)
        if held is MISSING or has(type(held), "__get__"):
            return self.own_fact(kind, name)
        return held

    def in_slot(self, value: Any, held: Any, name: str) -> Any:
        """Return what a slot, or a member that C keeps, holds, or MISSING."""
        if type(held) is types.MemberDescriptorType:
            try:
                return held.__get__(value)
            except AttributeError:
                return MISSING
        return self.own_fact(value, name)

    def own_fact(self, value: Any, name: str) -> Any:
        """Return what a value knows of itself, no code of the user's, or MISSING."""
        kind = type(value)
        if name == "__dict__":
            if issubclass(kind, type):
                return MISSING if is_plain(value) else members_of(value)
            held = instance_dict(value)
            return MISSING if held is None else held
        if name == "__class__" and not has_own_class(kind):
            return kind
        is_known = kind in (FunctionType, MethodType) or issubclass(kind, type)
        if name in OWN_FACTS and is_known:
            try:
                return (
                    type.__getattribute__(value, name)
                    if issubclass(kind, type)
                    else object.__getattribute__(value, name)
                )
            except AttributeError:
                return MISSING
        return MISSING

    # Attributes that someone answers for

    def unstepped(
        self, cursor: Cursor, step: Step, access: Access, is_last: bool
    ) -> None:
        """Follow an attribute or an item that is not just stored."""
        kind, name = step
        value = cursor.value
        self.expect(cursor)
        if kind == "attribute":
            if issubclass(type(value), np.ndarray) and self.question(cursor, name):
                return
            if self.answered(cursor, name, access, is_last):
                return
            if self.is_missing(cursor, name):
                return
        self.deep(cursor)

    def element(self, cursor: Cursor, key: Any, access: Access) -> Cursor | None:
        """Follow an element of an array; return it, where it is just read."""
        self.expect(cursor)
        self.deep(cursor)
        if access.is_called or access.is_store:
            return None
        fetch = f"{self.bind(cursor.value)}[{self.key(key)}]"
        self.claims[fetch] = self.claims.get(fetch, 0) + 1
        self.elements.setdefault(id(cursor.value), []).append(fetch)
        return Cursor(fetch, f"{cursor.path}[{key!r}]", cursor.value[key])

    def question(self, cursor: Cursor, name: str) -> bool:
        """Watch what is asked of an array besides its contents; False if nothing is."""
        array, owner = cursor.value, self.bind(cursor.value)
        if name in QUESTIONS:
            self.watch_layout(cursor.path, array)
        elif name == "flags":
            test = f"{owner}.flags.num == {array.flags.num}"
            self.expect_truth(f"{cursor.path}.flags", test)
        elif name == "base":
            base = Cursor(f"{owner}.base", f"{cursor.path}.base", array.base)
            self.expect(base)
            self.deep(base)
        else:
            return False
        return True

    def is_missing(self, cursor: Cursor, name: str) -> bool:
        """Guard that an attribute is still missing; False if it may be there."""
        value, path = cursor.value, f"{cursor.path}.{name}"
        kind = type(value)
        if issubclass(kind, ModuleType):
            if has(kind, name):
                return False
            held = members(value)
            self.expect_truth(path, f"{name!r} not in {self.bind(held)}")
            answer = held.get("__getattr__")
            if answer is not None:
                self.deep(self.cursor(f"{cursor.path}.__getattr__", answer))
            return True
        part = value if issubclass(kind, type) else kind
        if not (is_user_class(part) or kind is FunctionType):
            return False
        if has(part, "__getattr__") or not lacks(value, name):
            return False
        self.expect_truth(path, f"lacks({self.bind(value)}, {name!r})")
        return True

    def answered(
        self, cursor: Cursor, name: str, access: Access, is_last: bool
    ) -> bool:
        """Follow a method, a property or a descriptor of the user's; False if none."""
        value, kind = cursor.value, type(cursor.value)
        if not looks_up_plainly(kind):
            self.opaque(cursor)
            return True
        held = raw_attribute(kind, name)
        if issubclass(kind, type):
            if name == "__subclasses__":
                self.miss(f"{cursor.path}.{name}", "a class may be added at any time")
                return True
            if held is MISSING or (not is_data(held) and has(value, name)):
                return self.class_attribute(cursor, name, access)
        if held is MISSING:
            return self.asked(cursor, name)
        is_repeated = access.is_repeated or not (access.is_called and is_last)
        return self.descriptor(cursor, kind, name, held, is_repeated)

    def class_attribute(self, cursor: Cursor, name: str, access: Access) -> bool:
        """Follow a method that is looked up in a class itself."""
        kind = cursor.value
        held = raw_attribute(kind, name)
        if held is MISSING:
            return self.asked(cursor, name)
        if not is_user_class(holder_of(kind, name) or kind):
            found = getattr(kind, name)
            self.deep(self.cursor(f"{cursor.path}.{name}", found))
            return True
        function = (
            getattr(held, "__func__", held)
            if type(held) in (staticmethod, classmethod)
            else held
        )
        if type(function) is not FunctionType:
            self.guard_class(kind, name, held)
            self.class_part(held, f"{cursor.path}.{name}")
            return True
        self.guard_class(kind, name, held)
        owner = cursor if type(held) is classmethod else None
        if is_user_function(function):
            self.visit(function, owner, access.is_repeated)
        return True

    def descriptor(
        self, cursor: Cursor, kind: type, name: str, held: Any, is_repeated: bool
    ) -> bool:
        """Follow what a class's descriptor runs; False where that is a library's."""
        owner: Cursor | None = cursor
        function = held
        form = type(held)
        if issubclass(form, property):
            function = held.fget
        elif issubclass(form, functools.cached_property):
            function = held.func
        elif issubclass(form, (staticmethod, classmethod)):
            function = held.__func__
            owner = self.cursor(kind.__name__, kind) if form is classmethod else None
        elif is_user_class(form) and has(form, "__get__"):
            self.users_descriptor(cursor, kind, name, held)
            return True
        if type(function) is not FunctionType or not is_user_function(function):
            return False
        self.guard_method(cursor, name, held)
        self.visit(function, owner, is_repeated)
        return True

    def users_descriptor(
        self, cursor: Cursor, kind: type, name: str, held: Any
    ) -> None:
        """Follow a descriptor of the user's: what it holds, and what it runs."""
        self.guard_class(kind, name, held)
        self.unshadowed(cursor, name, held)
        found = self.cursor(f"{cursor.path}.{name}", held)
        self.deep(found)
        for part in ("__get__", "__set__", "__delete__"):
            function = raw_attribute(type(held), part)
            if type(function) is FunctionType and is_user_function(function):
                self.visit(function, found, True, cursor)

    def unshadowed(self, cursor: Cursor, name: str, held: Any) -> None:
        """Guard that an object itself holds nothing that goes before its class."""
        is_shadowable = instance_dict(cursor.value) is not None and not is_data(held)
        if is_shadowable and not issubclass(type(cursor.value), type):
            test = f"{name!r} not in {self.bind(cursor.value)}.__dict__"
            self.expect_truth(f"{cursor.path}.{name}", test)

    def asked(self, cursor: Cursor, name: str) -> bool:
        """Follow the user's ``__getattr__``; False where there is none."""
        answer = raw_attribute(type(cursor.value), "__getattr__")
        if type(answer) is not FunctionType or not is_user_function(answer):
            return False
        self.expect_truth(cursor.path, f"lacks({self.bind(cursor.value)}, {name!r})")
        self.guard_class(type(cursor.value), "__getattr__", answer)
        self.visit(answer, cursor, True)
        return True

    def opaque(self, cursor: Cursor) -> None:
        """Note an object whose class answers for every attribute."""
        kind = type(cursor.value)
        answer = raw_attribute(kind, "__getattribute__")
        if type(answer) is FunctionType and is_user_function(answer):
            self.visit(answer, cursor, True)
        self.miss(cursor.path, f"{kind.__name__} has a __getattribute__ of its own")

    def written(self, cursor: Cursor, name: str) -> None:
        """Watch an attribute that is written, and follow what writes it."""
        value, kind = cursor.value, type(cursor.value)
        self.expect(cursor)
        if issubclass(kind, np.ndarray):
            self.watch_layout(cursor.path, value)
            return
        found = self.step(cursor, ("attribute", name))
        if found is not None:
            self.expect(found)
        elif issubclass(kind, ModuleType):
            self.is_missing(cursor, name)
            return
        elif lacks(value, name):
            test = f"lacks({self.bind(value)}, {name!r})"
            self.expect_truth(f"{cursor.path}.{name}", test)
        for part in (name, "__setattr__", "__delattr__"):
            held = raw_attribute(kind, part)
            if held is MISSING or not is_user_class(holder_of(kind, part) or kind):
                continue
            if issubclass(type(held), property) or type(held) is FunctionType:
                for function in (
                    getattr(held, "fset", held),
                    getattr(held, "fdel", None),
                ):
                    if type(function) is FunctionType and is_user_function(function):
                        self.visit(function, cursor, True)
            elif is_user_class(type(held)) and has(type(held), "__set__"):
                self.users_descriptor(cursor, kind, part, held)

    # Guards of methods

    def guard_method(self, cursor: Cursor, name: str, held: Any) -> None:
        """Guard that an object answers with the same method or property."""
        form, owner = type(held), self.bind(cursor.value)
        path = f"method {type(cursor.value).__name__}.{name}"
        if form is FunctionType and name[:2] != "__":
            found = f"getattr({owner}.{name}, '__func__', None)"
        elif form is FunctionType or issubclass(form, property):
            found = f"type({owner}).{name}"
        elif form is classmethod:
            found, held = f"type({owner}).{name}.__func__", held.__func__
        elif form is staticmethod:
            found, held = f"type({owner}).{name}", held.__func__
        else:
            self.unshadowed(cursor, name, held)
            self.guard_class(type(cursor.value), name, held)
            return
        self.expect(Cursor(found, path, held))

    def guard_class(self, kind: type, name: str, held: Any) -> None:
        """Guard that a class holds the same thing under a name."""
        part = holder_of(kind, name)
        if part is None:
            return
        found = f"{self.bind(part)}.__dict__[{name!r}]"
        self.expect(Cursor(found, f"method {part.__name__}.{name}", held))
        for before in mro_of(kind)[: mro_of(kind).index(part)]:
            if is_user_class(before):
                test = f"{name!r} not in {self.bind(before)}.__dict__"
                self.expect_truth(f"method {before.__name__}.{name}", test)

    def parent(self, cursor: Cursor, kind: type, name: str) -> None:
        """Follow ``super().name`` of an object, from a class on."""
        value = cursor.value
        whole = value if issubclass(type(value), type) else type(value)
        order = mro_of(whole)
        bases = Cursor(f"{self.bind(whole)}.__mro__", f"the bases of {name}", order)
        self.expect(bases)
        if kind not in order:
            self.deep(cursor)
            return
        for part in order[order.index(kind) + 1 :]:
            held = members_of(part).get(name, MISSING)
            if held is MISSING:
                if is_user_class(part):
                    test = f"{name!r} not in {self.bind(part)}.__dict__"
                    self.expect_truth(f"method {part.__name__}.{name}", test)
                continue
            if is_user_class(part):
                found = f"{self.bind(part)}.__dict__[{name!r}]"
                self.expect(Cursor(found, f"method {part.__name__}.{name}", held))
                function = getattr(held, "fget", getattr(held, "__func__", held))
                if type(function) is FunctionType and is_user_function(function):
                    owner = None if type(held) is staticmethod else cursor
                    self.visit(function, owner, True)
                else:
                    self.class_part(held, f"{part.__name__}.{name}")
            elif part is not object:
                self.deep(cursor)
            return

    # Libraries

    def library(self, cursor: Cursor, steps: tuple[Step, ...], access: Access) -> None:
        """Look along a path in a library for what may not be called."""
        value, path = cursor.value, cursor.path
        for k, (kind, name) in enumerate(steps):
            if kind == "item":
                return
            try:
                found = getattr(value, name)
            except Exception:
                return
            path = f"{path}.{name}"
            if issubclass(type(found), ModuleType) and not is_pure_module(found):
                self.follow(self.cursor(path, found), steps[k + 1 :], access)
                return
            value = found
            if not issubclass(type(value), (ModuleType, type)):
                break
        self.library_value(path.removeprefix("global "), value)

    def library_value(self, path: str, value: Any) -> None:
        """Note a generator, or a function that is not harmless."""
        kind = type(value)
        source = getattr(value, "__self__", None) if kind in BOUND else None
        if issubclass(type(source), GENERATORS):
            self.note_generator(path, source)
        elif issubclass(kind, GENERATORS):
            self.note_generator(path, value)
        elif callable(value):
            self.judge(value, path)


BOUND = (types.BuiltinMethodType, MethodType)


def has_own_class(kind: type) -> bool:
    """Whether objects of a class say themselves what class they have."""
    return holder_of(kind, "__class__") is not object
