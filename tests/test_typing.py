"""Type checkers know what a transformed function takes and returns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

USER_CODE = Path(__file__).parent / "typed" / "user_code.py"
CHECKERS = {
    "mypy": ["--strict", "--no-error-summary", "--cache-dir=/dev/null"],
    "pyright": ["--pythonpath", sys.executable, "--project"],
}
PYRIGHT = """{"include": ["%s"], "extraPaths": ["%s"], "typeCheckingMode": "strict",
"reportUnnecessaryTypeIgnoreComment": true, "reportUnknownLambdaType": false,
"reportUnknownArgumentType": false, "reportUnknownMemberType": false}"""


@pytest.mark.parametrize("checker", CHECKERS)
def test_user_code_checks_and_its_mistakes_are_found(
    checker: str, tmp_path: Path
) -> None:
    """A mistake that is not found is an ignore comment that is not needed."""
    pytest.importorskip(checker)
    root = USER_CODE.parents[2]
    settings = tmp_path / "pyrightconfig.json"
    settings.write_text(PYRIGHT % (USER_CODE, root))
    given = settings if checker == "pyright" else USER_CODE
    words = [sys.executable, "-m", checker, *CHECKERS[checker], str(given)]

    found = subprocess.run(words, capture_output=True, text=True, cwd=root)

    assert found.returncode == 0, found.stdout + found.stderr
