"""Harms of recorded time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import FPS, write

from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset

STALL_S = 0.4


def test_harm_22_time_is_what_the_clocks_said(tmp_path: Path) -> None:
    """A machine that stood still for 0.4 s: the frame times stay LeRobot's, the true ones stand beside them."""

    def stall(_episode: int, k: int, row: dict, _images: dict) -> None:
        if k >= 10:
            row["row_s"] = row["row_s"] + STALL_S
            row["capture_s"] = row["capture_s"] + STALL_S

    root = write(tmp_path / "d", ["one"], seconds=1.0, change=stall, cameras=["observation.images.front"])
    dataset = Dataset.open(root)
    ((episode, rows),) = dataset.stream()
    assert episode.length == FPS
    steps = np.diff(rows["row_s"][:, 0])
    assert steps.max() == pytest.approx(1 / FPS + STALL_S, abs=1e-6)
    np.testing.assert_allclose(rows["row_s"] - rows["capture_s"], 0.004, atol=1e-6)
    np.testing.assert_allclose(np.ravel(rows["timestamp"]), np.arange(FPS) / FPS, atol=1e-6)
    told = [
        finding for finding in check(root, pictures=False).findings if finding.kind in {"rate", "cadence"}
    ]
    assert told, "and the quality gate tells it"
