"""Training that is killed at any moment: the last checkpoint loads, and what is resumed ends as if nothing had been."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.policies.nano.checkpoint import load_checkpoint

SUPPORT = Path(__file__).parents[1] / "support"
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {support!r})
import torch
from nano_samples import SMALL
from motorium.learn import trainer
from motorium.learn.data import SourceSpec, TableSpec
from motorium.learn.data.recordings import CacheSpec
from motorium.learn.examples import ExampleParams
from motorium.learn.job import Job
from motorium.learn.learner import LearnParams
torch.set_num_threads(1)
trainer.SAVE_S = 0.0
data, out, frames = map(Path, sys.argv[1:4])
print("begins", flush=True)
trainer.train(
    Job(
        (SourceSpec(data),), out, table=TableSpec(rows=6, size=(32, 32)), learn=LearnParams(steps=60),
        examples=ExampleParams(observations=8), processes=1, judgements=20, patience=100,
        cache=CacheSpec(frames, workers=0), dims=SMALL, pictures=None,
    ),
    resume=(out / "run.json").exists(),
)
"""


def started(*arguments: Path) -> subprocess.Popen[bytes]:
    code = RUN.format(support=str(SUPPORT))
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


@pytest.mark.nightly
def test_ten_kills_change_nothing(tmp_path):
    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))
    data = write(tmp_path / "data", ("put the cube in the tray",) * 4, seconds=1.0)
    frames, whole, killed = tmp_path / "frames", tmp_path / "whole", tmp_path / "killed"
    process = started(data, whole, frames)
    process.stdout.readline()
    began = time.monotonic()
    assert process.wait() == 0
    seconds, kills = time.monotonic() - began, 0
    while True:
        process = started(data, killed, frames)
        process.stdout.readline()
        try:
            process.wait(timeout=rng.uniform(0.15, 0.5) * seconds if kills < 10 else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            if (killed / "checkpoint").exists():
                load_checkpoint(killed / "checkpoint")
            continue
        assert process.returncode == 0
        if kills >= 3:
            break
    one, other = (load_checkpoint(folder / "checkpoint").tensors for folder in (whole, killed))
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)
    for name in ("loss.csv", "validation.csv"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()
    left = {p.name for p in killed.iterdir()}
    assert {"checkpoint", "loss.csv", "resume.safetensors", "run.json"} <= left
