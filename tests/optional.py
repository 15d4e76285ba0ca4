"""Packages that tests need and that a desk may lack, but no build machine."""

from __future__ import annotations

import importlib
import os
import sys

import pytest


def needs_ipopt() -> None:
    """Skip where there is no cyipopt; fail where CI is set and it has a wheel."""
    if os.environ.get("CI") == "true" and sys.version_info < (3, 14):
        importlib.import_module("cyipopt")
    else:
        pytest.importorskip("cyipopt")
