"""The demo's figures rest on numbers that a direct solution confirms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from wengert.show import report


def test_the_gradient_smooths_the_nile() -> None:
    """The smoothed level solves the normal equations of the local level model."""
    program = report.example("nile")
    flows, log_variances = program.FLOWS, np.log([15099.0, 1469.1])
    level, deviation = report.smoothed(
        program.negative_log_likelihood, log_variances, flows
    )

    s_eps, s_eta = np.exp(log_variances)
    steps = np.diff(np.eye(len(flows)), axis=0)
    precision = np.eye(len(flows)) / s_eps + steps.T @ steps / s_eta
    np.testing.assert_allclose(level, np.linalg.solve(precision, flows / s_eps))
    variances = np.diag(np.linalg.inv(precision))
    np.testing.assert_allclose(deviation, np.sqrt(variances))


def test_the_report_is_one_page_with_plots_and_tapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "QUICK_EPOCHS", 2)
    steps: list[int] = []
    path = tmp_path / "demo.html"
    rows = report.write(path, lambda: steps.append(1), quick=True)
    text = path.read_text("utf-8")

    assert len(steps) == report.STEPS
    assert text.count("<svg") == 3
    assert text.count("<iframe") == 4
    assert "src=" not in text
    assert [row[2] for row in rows if row[1] == "df/do, df/da, df/db"] == ["5, 15, 10"]
