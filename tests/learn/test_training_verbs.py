"""`motorium train` and `motorium finetune` on recorded datasets, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.cli.main import main
from motorium.policies.nano.checkpoint import load_checkpoint

FEW = ("--steps", "2", "--batch", "4", "--processes", "1")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "cubes", ("put the cube in the tray",) * 2, seconds=1.0)


def test_recordings_become_a_policy_that_is_adapted_to_others(cubes, tmp_path):
    made = call("train", "--data", f"{cubes}=0.3", "--out", tmp_path / "run", *FEW, "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert Path(told["checkpoint"]) == tmp_path / "run/checkpoint"
    assert (told["steps"], told["l1_rad"] > 0) == (2, True)
    assert "frames to learn from" in made.stderr
    checkpoint = load_checkpoint(told["checkpoint"]).descriptor
    assert [(c.height, c.width) for c in checkpoint.cameras] == [
        (96, 96)
    ] * 2  # as the robot's cameras deliver
    long = " and ".join(["grab the sponge"] * 3)
    other = write(tmp_path / "other", (long,) * 2, seconds=1.0)
    adapted = call("finetune", told["checkpoint"], "--data", other, "--out", tmp_path / "adapted", *FEW)
    assert adapted.exit_code == 0, adapted.output
    prompt = load_checkpoint(tmp_path / "adapted/checkpoint").descriptor.prompt
    assert prompt.vocabulary == (*checkpoint.prompt.vocabulary, "and", "grab", "sponge")
    assert (checkpoint.prompt.max_tokens, prompt.max_tokens) == (8, 11)
    again = call("train", "--data", f"{cubes}=0.3", "--out", tmp_path / "run", *FEW)
    assert again.exit_code != 0
    assert "--resume" in again.output
    on = call("train", "--data", f"{cubes}=0.3", "--out", tmp_path / "run", *FEW, "--resume", "--json")
    assert json.loads(on.stdout) == told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--data", "{tmp}/nothing"), "nothing"),
        (("train", "--data", "{cubes}=-1"), "not a weight"),
        (("train", "--data", "{cubes}", "--camera", "front"), "ROLE=KEY"),
        (("train", "--data", "{cubes}", "--camera", "top=observation.images.top"), "'top'"),
        (("train", "--data", "{cubes}", "--robot", "koch", "--steps", "1"), "koch"),
        (("train", "--data", "{cubes}", "--batch", "3", "--steps", "1", "--processes", "2"), "shared equally"),
        (("train", "--data", "{cubes}", "--recipe", "so101-pick"), "tools/so101_pick"),
        (("train", "--data", "{cubes}", "--init", "so101-pick", "--objective", "flow"), "for a new network"),
        (("train",), "Missing option '--data'"),
        (("finetune", "{tmp}/nothing", "--data", "{cubes}"), "nothing"),
        (("finetune", "so101-pick", "--data", "{tmp}"), "{tmp}"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_said_before_anything_is_trained(cubes, tmp_path, arguments, message):
    places = {"cubes": cubes, "tmp": tmp_path}
    asked = call(*(text.format(**places) for text in arguments), "--out", tmp_path / "run")
    assert asked.exit_code != 0
    assert message.format(**places) in asked.output.replace("\n  ", " "), asked.output
    assert not (tmp_path / "run/run.json").exists()
    assert "Traceback" not in asked.output
