"""Curves for TensorBoard, read back by TensorBoard: those of the CSV files, once each, also after a run was cut off."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.cli.main import main
from motorium.errors import MotoriumError, StorageError
from motorium.learn.event_files import FOLDER, EventFiles
from motorium.learn.progress import COLUMNS, LOSS, VALIDATION

FEW = ("--steps", "3", "--batch", "4", "--processes", "1")


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [(s.step, s.value) for s in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_the_curves_of_a_run_are_those_of_its_csv_files(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data, run = write(tmp_path / "data", ("wave",) * 2, seconds=1.0), tmp_path / "a run"
    call = ["train", "--data", str(data), "--out", str(run), *FEW]
    made = CliRunner().invoke(main, [*call, "--tensorboard"])
    assert made.exit_code == 0, made.output
    assert f"tensorboard --logdir '{run}/tensorboard'" in made.output
    for _ in range(2):  # a finished run that goes on leaves them as they are
        found = curves(run / FOLDER)
        for name, columns in COLUMNS.items():
            table = np.loadtxt(run / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
            for column, values in zip(columns[1:], table[:, 1:].T, strict=True):
                kept = np.isfinite(values)
                got = np.array(found.get(f"{name}/{column}", [])).reshape(-1, 2)
                np.testing.assert_array_equal(got[:, 0], table[kept, 0])
                np.testing.assert_allclose(got[:, 1], values[kept], rtol=1e-6)
        assert "validation/success" not in found  # nothing was played
        again = CliRunner().invoke(main, [*call, "--tensorboard", "--resume"])
        assert again.exit_code == 0, again.output


def test_what_a_run_that_goes_on_does_again_counts_once(tmp_path):
    pytest.importorskip("tensorboard")
    points = np.arange(4.0 * len(LOSS)).reshape(4, -1)
    points[:, 0] = (1, 2, 3, 4)
    judged = np.full((1, len(VALIDATION)), np.nan)
    judged[0, 0] = 2
    first = EventFiles(tmp_path)
    for count in (1, 3):  # the last point was not in the state that was saved
        first.write({"loss": (LOSS, points[:count]), "validation": (VALIDATION, judged)})
    first.close()
    second = EventFiles(tmp_path)
    for count in (2, 4):
        second.write({"loss": (LOSS, points[:count] + 0.5)})
    second.close()
    found = curves(tmp_path / FOLDER)
    assert sorted(found) == sorted(f"loss/{column}" for column in LOSS[1:])
    assert found["loss/flow"] == [(k + 1, points[k, 2] + 0.5) for k in range(4)]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(StorageError, match=str(tmp_path / FOLDER)):
        EventFiles(tmp_path).write({"loss": (LOSS, np.zeros((1, len(LOSS))))})


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(MotoriumError, match=r"pip install 'motorium\[tensorboard\]'"):
        EventFiles(tmp_path)
    assert not list(tmp_path.iterdir())
