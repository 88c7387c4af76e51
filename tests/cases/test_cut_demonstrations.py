"""A demonstration that was cut in the middle is never taken for an ordinary one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples

from motorium.cli.main import main
from motorium.data.check.judge import check
from motorium.data.edit import edits as edit
from motorium.data.edit.marking import for_training
from motorium.data.format.dataset import Dataset
from motorium.data.record.repair import repair
from motorium.data.record.writer import DatasetWriter

FPS = data_samples.FPS


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """Four episodes; the third of them was cut off in the middle and recovered."""
    root = tmp_path / "d"
    data_samples.write(root, ("a", "b"), seconds=2, cameras=())
    with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=1) as writer:
        writer.begin("c", 0)
        for k in range(3 * FPS + 7):
            writer.add(data_samples.row(2, k, cameras=0), {})
    assert repair(root).recovered == [(2, 3.0)]
    with DatasetWriter(root, data_samples.schema(cameras=()), reserve_mb=1) as writer:
        writer.begin("d", 0)
        for k in range(2 * FPS):
            writer.add(data_samples.row(3, k, cameras=0), {})
        writer.end({"seed": 9})
    return root


def found(root: Path) -> list[int | None]:
    return [finding.episode for finding in check(root).findings if finding.kind == "cut_off"]


def test_check_and_info_tell_of_it_until_somebody_says_that_nothing_is_missing(cut: Path) -> None:
    (finding,) = (f for f in check(cut).findings if f.kind == "cut_off")
    assert finding.episode == 2
    assert "after 3.0 s" in finding.detail
    assert f"motorium data delete {cut} --episodes 2" in finding.remedy
    assert f"motorium data mark {cut} --episodes 2 --whole" in finding.remedy
    assert json.loads(call("data", "info", cut, "--json").output)["cut_off"] == [2]
    assert "cut off" in call("data", "info", cut).output
    assert call("data", "mark", cut, "--episodes", "2", "--whole").exit_code == 0
    assert found(cut) == []
    assert for_training(Dataset.open(cut))[1] == ()
    assert call("data", "mark", cut, "--episodes", "2", "--cut-off").exit_code == 0
    assert found(cut) == [2]


def test_whoever_learns_leaves_it_out_and_says_so(cut: Path) -> None:
    chosen, left_out = for_training(Dataset.open(cut))
    assert ([e.index for e in chosen.episodes], left_out) == ([0, 1, 3], (2,))
    assert for_training(Dataset.open(cut), with_cut_off=True) == (Dataset.open(cut), ())
    parted = call("data", "split", cut, "--test", "0.34", "--json")
    assert parted.exit_code == 0, parted.output
    told = json.loads(parted.stdout)
    assert told["left_out"] == [2]
    assert told["train"]["episodes"] + told["test"]["episodes"] == 3
    assert "1 episode (2)" in parted.stderr
    asked = call(
        "data", "split", cut, "--with-cut-off", "--test", "0.5", "--out", cut.parent / "asked", "--json"
    )
    assert json.loads(asked.stdout)["left_out"] == []
    assert (
        sum(found(Path(json.loads(asked.stdout)[side]["dataset"])) != [] for side in ("train", "test")) == 1
    )


@pytest.mark.nightly
def test_every_edit_carries_it(cut: Path, tmp_path: Path) -> None:
    ours = Dataset.open(cut)
    edit.delete(ours, frozenset({0}), tmp_path / "fewer")
    edit.merge([ours, ours], tmp_path / "twice")
    edit.downsample(ours, FPS // 2, tmp_path / "slow")
    edit.relabel(ours, {"c": "e"}, tmp_path / "renamed")
    assert found(tmp_path / "fewer") == [1]
    assert found(tmp_path / "twice") == [2, 6]
    assert found(tmp_path / "slow") == found(tmp_path / "renamed") == [2]
