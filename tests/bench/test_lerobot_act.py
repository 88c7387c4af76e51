"""LeRobot's own ACT, trained on a dataset of ours and played in our simulator: `tools/peers/lerobot_act.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("pyarrow")
pytest.importorskip("av")

import data_samples
from lerobot_folder import lerobot_folder
from safetensors.numpy import load_file

from motorium.learn.data import Recordings, SourceSpec
from motorium.learn.data.recordings import CacheSpec

HERE = Path(__file__).parent
TASKS = [f"put the {colour} cube in the tray" for colour in ("red", "green", "blue")]


@pytest.fixture(scope="module")
def lerobot_path():
    return lerobot_folder("policies are", "torchvision", "einops")


def python(script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, which finds what this one finds."""
    command = [sys.executable, str(script), *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=250)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three episodes of half a second, recorded by today's rule of pairing."""
    root = tmp_path_factory.mktemp("act") / "cubes"
    return data_samples.write(root, TASKS, seconds=0.5, side=96, pairing=2)


@pytest.fixture(scope="module")
def run(lerobot_path, dataset):
    """One process for everything, since importing LeRobot takes seconds: what it told, and its folder."""
    out = dataset.parent / "out"
    done = python(HERE / "lerobot_act_run.py", lerobot_path, dataset, out)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), out, done.stderr


@pytest.mark.nightly
def test_a_run_that_was_cut_off_ends_with_the_same_weights(run):
    told, out, _ = run
    assert (told["pilot"], told["whole"], told["paused"], told["resumed"]) == (0, 0, 3, 0)
    whole, cut = (load_file(out / name / "checkpoint" / "model.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


@pytest.mark.nightly
def test_other_settings_do_not_go_on(run):
    told, _, errors = run
    assert told["other"] == 1
    assert "began with lr 0.0001, and is to go on with 1e-05" in errors


@pytest.mark.nightly
def test_the_plan_is_lerobots_behind_the_committed_rows(run):
    planned = run[0]["planned"]
    assert planned["committed_kept"]
    assert planned["ahead_off_rad"] < 1e-5
    assert planned["rows"] == 21


@pytest.mark.nightly
def test_the_same_episodes_are_held_out_as_in_our_training(run, dataset, tmp_path):
    with Recordings.open([SourceSpec(dataset)], cache=CacheSpec(tmp_path, workers=0)) as ours:
        held = np.unique(ours.column("episode")[ours.validation]).tolist()
    assert run[0]["planned"]["held"] == held


@pytest.mark.nightly
def test_the_result_says_what_was_compared(run):
    result = json.loads((run[1] / "whole" / "result.json").read_text(encoding="utf-8"))
    assert result["steps"] == 3
    assert result["minutes"] > 0
    assert 2.2e6 < result["weights"]["all"] < 2.5e6
    assert result["pretrained"] is False
    assert result["settings"]["lr"] == 1e-4
    assert set(result["played"]) == {"act", "ours"}
    for execution, horizon in (("act", 20), ("ours", 8)):
        played = result["played"][execution]
        assert (played["episodes"], played["execution_horizon"]) == (1, horizon)
        assert [line["seed"] for line in played["per_episode"]] == [0]
        assert played["wilson95"][0] <= played["success_rate"] <= played["wilson95"][1]


def test_a_folder_without_lerobot_is_told_what_installs_it(tmp_path):
    tool = HERE.parents[1] / "tools" / "peers" / "lerobot_act.py"
    done = python(tool, "play", "--lerobot", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert f"lacks lerobot, torchvision, einops; install it: python tools/install_lerobot.py {tmp_path}" in (
        done.stderr
    )
