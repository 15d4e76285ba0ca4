"""The command line, as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from wengert.cli import FunctionType, main

MODEL = '''
import numpy as np
import wengert

START = np.array([0.5, 1.5])


def loss(x, scale=1.0):
    """A loss."""
    y = np.sin(x) * scale
    return np.sum(y**2)


def undefined(x):
    return np.sum(x) / missing


def at_zero(x):
    return float(x)


@wengert.custom_vjp
def wrong_square(x):
    return x * x


wrong_square.defvjp(lambda x: (x * x, x), lambda x, g: (3.0 * x * g,))


def wrong(x):
    return wrong_square(x)


CALLS = []


def counted(x):
    CALLS.append(x)
    return x * x + len(CALLS) * 1e-30


def distinct_sum(x):
    return np.sum(np.unique(x) ** 2)
'''


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A user's file."""
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return str(path)


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, words)


def test_show_prints_the_tape_with_gradients(model: str) -> None:
    result = run("show", f"{model}:loss", "--at", "START", "--at", "2.0")

    assert result.exit_code == 0
    assert "input(name='scale')" in result.stdout
    assert "model.py:10" in result.stdout
    gradient = 4.0 * np.sum(np.sin([0.5, 1.5]) ** 2)
    assert f"{gradient:.6g}" in result.stdout


@pytest.mark.parametrize("what", ["function", "gradient", "jacobian"])
def test_show_writes_numpy_source_that_runs(model: str, what: str) -> None:
    result = run(
        "show", f"{model}:loss", "--at", "[0.5, 1.5]", "--of", what, "--as", "numpy"
    )
    space: dict[str, object] = {}
    exec(result.stdout, space)
    x = np.array([0.1, 0.2])
    expected = np.sum(np.sin(x) ** 2) if what == "function" else np.sin(2 * x)

    assert result.exit_code == 0
    np.testing.assert_allclose(space["loss"](x), expected)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("graph", "%0 = argument0 at a0: float64[a0]"),
        ("nest", "loop i0 to 400 in lanes"),
        ("llvm", "define i64 @"),
    ],
)
def test_show_writes_what_native_code_is_made_of(
    model: str, stage: str, line: str
) -> None:
    result = run("show", f"{model}:loss", "--at", "np.ones(400)", "--as", stage)

    assert result.exit_code == 0
    assert line in result.stdout


def test_show_draws_the_pattern_of_a_derivative(model: str, tmp_path: Path) -> None:
    given = f"{model}:loss", "--at", "np.ones(30)", "--as", "spy", "--of", "gradient"
    printed = run("show", *given)
    drawn = run("show", *given, "-o", str(tmp_path / "spy.svg"))

    assert printed.exit_code == drawn.exit_code == 0
    assert "30 x 30" in printed.stdout
    root = ElementTree.parse(tmp_path / "spy.svg").getroot()
    assert root.attrib["viewBox"] == "0 0 30 30"


def test_show_writes_what_numpy_computes_in_a_nest(model: str) -> None:
    given = f"{model}:distinct_sum", "--at", "np.ones(4)", "--as", "nest"
    first, second = (run("show", *given, *more) for more in ((), ("--absorbing",)))

    assert first.exit_code == second.exit_code == 0
    assert "= unique by NumPy of argument0[0]" in first.stdout
    assert first.stdout == second.stdout


def test_show_says_why_there_is_no_nest(model: str) -> None:
    at = "np.ones(4, np.longdouble)"
    result = run("show", f"{model}:distinct_sum", "--at", at, "--as", "nest")

    assert result.exit_code != 0
    assert "has no nest: values of type float" in result.output
    assert "--as text" in result.output


def test_show_writes_html(model: str, tmp_path: Path) -> None:
    path = tmp_path / "loss.html"
    result = run(
        "show", f"{model}:loss", "--at", "START", "--as", "html", "-o", str(path)
    )

    assert result.exit_code == 0
    assert result.stdout.strip() == str(path)
    assert "np.sin(x) * scale" in path.read_text()


def test_grad_prints_plain_json(model: str) -> None:
    result = run("grad", f"{model}:loss", "--at", "START", "--at", "2.0", "--json")
    found = json.loads(result.stdout)
    x = np.array([0.5, 1.5])

    assert found["value"] == pytest.approx(4.0 * np.sum(np.sin(x) ** 2))
    np.testing.assert_allclose(found["gradient"]["x"], 4.0 * np.sin(2.0 * x))


def test_grad_prints_a_row_for_each_argument(model: str) -> None:
    lines = run(
        "grad", f"{model}:loss", "--at", "1.0", "--at", "2.0"
    ).stdout.splitlines()

    assert any(line.split()[:2] == ["x", "1"] for line in lines)
    assert any(line.split()[:2] == ["scale", "2"] for line in lines)


def test_check_gives_a_verdict_for_each_argument_and_the_orders(model: str) -> None:
    result = run("check", f"{model}:loss", "--at", "START", "--at", "2.0")

    assert result.exit_code == 0
    assert result.stdout.count(" right ") >= 2
    assert "remainders by x" in result.stdout
    assert " 2.00 " in result.stdout
    assert " 3.00" in result.stdout


def test_check_of_a_wrong_rule_exits_with_1(model: str) -> None:
    result = run("check", f"{model}:wrong", "--at", "2.0")

    assert result.exit_code == 1
    assert "WRONG" in result.stdout
    assert "x: " in result.stderr


def test_check_names_the_line_of_a_number_that_changes_by_itself(model: str) -> None:
    result = run("check", f"{model}:counted", "--at", "2.0")

    assert result.exit_code == 1
    assert "model.py:39: a number that is constant on the tape changes" in result.stderr


def test_an_error_of_the_function_exits_with_1_and_its_line(model: str) -> None:
    result = run("show", f"{model}:undefined", "--at", "START")

    assert result.exit_code == 1
    assert "model.py:15: undefined raised NameError" in result.stderr


def test_an_error_of_wengert_exits_with_1_and_its_advice(model: str) -> None:
    result = run("grad", f"{model}:at_zero", "--at", "1.0")

    assert result.exit_code == 1
    assert "instead:" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "{}:nothing", "--at", "1"], "has no function 'nothing'; it has loss"),
        (["show", "{}", "--at", "1"], "names no function: write FILE:FUNCTION"),
        (["show", "gone.py:f"], "there is no file gone.py"),
        (["grad", "{}:loss"], "was given 0 arguments: missing"),
        (["grad", "{}:loss", "--at", "1 +"], "SyntaxError"),
        (["show", "{}:loss", "--at", "1.0", "--as", "pdf"], "'pdf' is not one of"),
    ],
)
def test_wrong_usage_exits_with_2(model: str, words: list[str], message: str) -> None:
    where = model if words[1] != "{}" else "model.py"
    result = run(*(word.replace("{}", where) for word in words))

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_ops_lists_the_registry() -> None:
    rows = json.loads(run("ops", "--json").stdout)
    by_name = {row["name"]: row for row in rows}

    assert by_name["multiply"]["class"] == "Multiply"
    assert by_name["sin"]["native"] == "sin(x)"
    assert by_name["floor"]["derivative"] == "none"
    assert "arcsin" in run("ops", "sin").stdout
    assert run("ops", "nosuchword").exit_code == 1


def test_profile_prints_lines(model: str) -> None:
    result = run("profile", f"{model}:loss", "--at", "START", "--repeats", "1")

    assert "y = np.sin(x) * scale" in result.stdout


def test_bench_compares_ways_of_calling(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wengert.cli.BENCH_SECONDS", 0.01)
    result = run("bench", f"{model}:loss", "--at", "START")

    assert result.exit_code == 0
    assert "eager, value and gradient" in result.stdout


@pytest.mark.parametrize(
    "command", "show profile grad check ops bench demo completion".split()
)
def test_every_command_has_help(command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command}")
    assert len(result.stdout.splitlines()) > 5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    assert "_WENGERT_COMPLETE" in run("completion", shell).stdout


def test_functions_of_a_file_are_completed(model: str) -> None:
    found = FunctionType().shell_complete(None, None, f"{model}:w")

    assert [item.value for item in found] == [f"{model}:wrong_square", f"{model}:wrong"]


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wengert", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("wengert, version")


@pytest.mark.parametrize("option", ["--html", "--open"])
def test_show_has_a_short_word_for_the_microscope(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = tmp_path / "loss.html"
    result = run("show", f"{model}:loss", "--at", "START", option, "-o", str(path))

    assert result.exit_code == 0
    assert result.stdout.strip() == str(path)
    assert "np.sin(x) * scale" in path.read_text()
    assert opened == ([path.as_uri()] if option == "--open" else [])
