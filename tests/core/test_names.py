"""The variables of the user's program, as names of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert import record
from wengert.core.names import variable_names


def test_writes_of_elements_and_of_slices_are_named_after_the_array() -> None:
    def f(x: Any) -> Any:
        made = np.zeros(4)
        made[1:3] = x[:2]
        made[0] = x[0]
        made[::2] = x[2:]
        return made

    tape = record(f, np.ones(4))
    names = variable_names(tape)

    written = [k for k, o in enumerate(tape.operations) if o.name == "store"]
    assert [names.get(k) for k in written] == ["made"] * 3
