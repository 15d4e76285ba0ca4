"""What the benchmarks compare with in C: `by_hand.c`, built where there is a compiler.

The same kind of entry as a jitted function's: a builtin that takes arrays and allocates
its results.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = "-std=gnu11 -O3 -march=native -ffast-math -shared -fPIC".split()


@cache
def in_c() -> Any:
    """Return the module; None where there is no compiler."""
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None:
        return None
    target = Path(tempfile.mkdtemp()) / f"in_c{sysconfig.get_config_var('EXT_SUFFIX')}"
    headers = sysconfig.get_path("include"), numpy.get_include()
    include = [part for folder in headers for part in ("-isystem", folder)]
    command = [compiler, *FLAGS, *include, str(SOURCE), "-o", str(target), "-lm"]
    subprocess.run(command, check=True)
    spec = importlib.util.spec_from_file_location("in_c", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
