"""The dataset in Rerun's own file format, read back with Rerun: every row, every frame, the words."""

from __future__ import annotations

import re
import subprocess
import sys

import data_samples
import pytest

from motorium.data.check.judge import check
from motorium.data.format.dataset import Dataset
from motorium.data.view.rerun_view import show
from motorium.errors import DataError


def test_without_rerun_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    dataset = Dataset.open(data_samples.write(tmp_path / "d", ("a",), seconds=1, cameras=()))
    with pytest.raises(DataError, match=r"motorium\[view\]"):
        show(dataset, save=tmp_path / "d.rrd")


def test_rows_frames_and_findings_arrive(tmp_path):
    pytest.importorskip("rerun", reason="Rerun is not installed (extra `view`, 170 MB)")
    root = data_samples.write(tmp_path / "d", ("first", ""), seconds=1)
    verdict = check(root, pictures=False)
    assert show(Dataset.open(root), verdict, save=tmp_path / "d.rrd") == 2

    def rerun(*words):
        command = [sys.executable, "-m", "rerun", "rrd", *words, str(tmp_path / "d.rrd")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    rerun("verify")
    rows: dict[str, int] = {}
    for count, entity in re.findall(r"with (\d+) rows .* - (/\S+) - ", rerun("print", "-v")):
        rows[entity] = rows.get(entity, 0) + int(count)
    styles = rows["/row_s"] - 40  # before 0.24 it counted how an entity is drawn as rows, too
    assert styles in {0, 2}
    assert rows["/action/gripper.pos"] == 40 + styles
    for key in data_samples.CAMERAS:
        for n in range(2):  # every row refers to its frame, and the file itself is there once
            assert rows[f"/{key}/file-{n:03d}"] == 20 + 1 + styles
    assert rows["/task"] - 2 in {0, styles // 2}
    assert rows["/findings"] - len(verdict.findings) in {0, styles // 2}
    assert verdict.findings  # one task has no words
