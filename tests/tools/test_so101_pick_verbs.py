"""The tool as a person calls it, in the root of the sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mujoco", reason="the [sim] extra is not installed")

from click.testing import CliRunner

from motorium.policies.nano.checkpoint import load_checkpoint
from so101_pick.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def call(*words: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(["tools", *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "so101_pick", *map(str, words)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.nightly
def test_shards_are_recorded_in_processes_of_their_own_and_trained_on(tmp_path: Path) -> None:
    recorded = call("record", "glance=2", "--processes", 1, "--out", tmp_path / "shards")
    assert recorded.returncode == 0, recorded.stderr
    assert (tmp_path / "shards/glance-0000000/manifest.json").is_file()
    trained = call("train", tmp_path / "shards", "--steps", 1, "--out", tmp_path / "mine")
    assert trained.returncode == 0, trained.stderr
    assert load_checkpoint(tmp_path / "mine/checkpoint").descriptor.name == "mine"
    assert trained.stdout.endswith(f"checkpoint: {tmp_path / 'mine/checkpoint'}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recipe", "mine.toml"), "mine.toml: no such file; give a recipe's TOML file"),
        (("recipe", "nonsense"), "neither a file nor one of so101-pick"),
        (("record", "full=many"), "give KIND=EPISODES"),
        (("record", "full=1", "--robot", "arm.toml"), "arm.toml: no such file"),
        (("record", "correct=1", "--checkpoint", "x/y.pt"), "x/y.pt: no such folder"),
        (("train", "nothing"), "python -m so101_pick record"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    told = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out")])
    assert told.exit_code == 2
    assert said in told.stderr
    assert list(tmp_path.iterdir()) == []
