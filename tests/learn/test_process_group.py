"""Processes that share a batch: who starts them, and what is said where they cannot begin."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from motorium.errors import MotoriumError
from motorium.learn.process_group import ProcessGroup, launched
from motorium.learn.starting import start
from motorium.policies.nano.checkpoint import load_checkpoint

UNGUARDED = """\
from motorium.learn.process_group import process_group
def rank(group):
    pass
with process_group(2, rank) as group:
    print("size", group.size)
"""


def test_a_script_without_a_guard_is_told_of_it_and_waits_for_nobody(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    said = ended.stderr.strip().splitlines()[-1]
    assert "processes that share the work could not start" in said
    assert 'if __name__ == "__main__":' in said


PLACE = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture
def placed(monkeypatch):
    """Sets what torchrun tells a process."""

    def place(**changes: str) -> None:
        for name, value in (PLACE | changes).items():
            monkeypatch.setenv(name, value)

    return place


def test_a_process_that_torchrun_started_knows_its_place(placed, monkeypatch):
    assert launched() is None
    placed()
    assert launched() == ProcessGroup(1, 2)
    monkeypatch.delenv("MASTER_PORT")  # some other tool's ranks
    assert launched() is None


@pytest.mark.parametrize("rank", ["2", "-1", "first"])
def test_a_place_that_cannot_be_is_refused(placed, rank):
    placed(RANK=rank)
    with pytest.raises(MotoriumError, match=f"RANK={rank} of WORLD_SIZE=2"):
        launched()


def test_a_number_of_processes_beside_torchrun_s_is_refused(placed, tmp_path):
    placed(RANK="0")
    with pytest.raises(MotoriumError, match=r"started 2 processes, and --processes asks for 3"):
        start((), tmp_path / "run", None, {"processes": 3}, print)
    assert not (tmp_path / "run").exists()


@pytest.mark.nightly
def test_two_processes_of_torchrun_equal_two_of_ours_and_one(tmp_path):
    pytest.importorskip("pyarrow")
    pytest.importorskip("av")
    from data_samples import write

    data, told = write(tmp_path / "data", ("wave",) * 3, seconds=1.0), {}
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    for name, how, processes in (
        ("torchrun", torchrun, ()),
        ("two", (), ("--processes", "2")),
        ("one", (), ("--processes", "1")),
    ):
        ended = subprocess.run(
            [sys.executable, *how, "-m", "motorium", "train", "--data", data, "--out", tmp_path / name, "--json",
             "--steps", "4", "--batch", "8", *processes],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        told[name] = json.loads(ended.stdout)  # one process tells, one object
    assert told["torchrun"]["l1_rad"] == pytest.approx(told["two"]["l1_rad"], rel=1e-6)
    assert told["torchrun"]["l1_rad"] == pytest.approx(told["one"]["l1_rad"], rel=1e-2)
    weights = {name: load_checkpoint(told[name]["checkpoint"]).tensors for name in told}
    for name, values in weights["two"].items():
        np.testing.assert_allclose(weights["torchrun"][name], values, atol=1e-6, err_msg=name)
    assert not list(tmp_path.glob("**/.*.tmp"))
