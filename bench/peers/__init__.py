"""The same programs, run by wengert and by its peers."""

import sys
from pathlib import Path

# The programs are those of the other benchmarks, which are scripts in one folder.
sys.path.append(str(Path(__file__).parents[1]))
