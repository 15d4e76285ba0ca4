"""The tests.

What they assert of native code would hold for the first tier as well, which runs until
the background has compiled: so nothing is compiled in the background here, but in the
tests that ask for it.
"""

import os

os.environ.setdefault("WENGERT_COMPILE", "now")
os.environ.setdefault("WENGERT_CACHE", "off")
