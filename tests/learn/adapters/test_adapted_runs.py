"""Runs that adapt a checkpoint: an ordinary checkpoint comes out, and a run that was cut off goes on identically."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from nano_samples import SMALL, descriptor, weights

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import write

from motorium.cli.main import main
from motorium.errors import DataError, MotoriumError
from motorium.learn.adapters import AdapterSpec
from motorium.learn.data import SourceSpec
from motorium.learn.data.recordings import CacheSpec
from motorium.learn.examples import ExampleParams
from motorium.learn.job import Job
from motorium.learn.learner import LearnParams
from motorium.learn.resume import ResumeError
from motorium.learn.trainer import train
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint
from motorium.policies.nano.config import FORMAT_VERSION, CameraInput

STEPS = 8
BEFORE = descriptor(SMALL, rows=6, cameras=(CameraInput("front", 32, 32), CameraInput("wrist", 32, 32)))


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "cubes", ("put the cube in the tray",) * 2, seconds=1.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "sample", BEFORE, weights(BEFORE))


@pytest.fixture
def job(cubes, checkpoint, tmp_path) -> Job:
    return Job(
        (SourceSpec(cubes),), tmp_path / "run", init=checkpoint, learn=LearnParams(steps=STEPS),
        examples=ExampleParams(observations=4), processes=1, judgements=2,
        cache=CacheSpec(tmp_path / "frames", workers=0),
    )  # fmt: skip


def silent(_line: str) -> None:
    pass


@pytest.mark.parametrize("method", ["lora", "soft-prompt", "slot-adapter"])
def test_a_run_that_was_cut_off_goes_on_identically(job, method):
    job = replace(job, adapter=AdapterSpec(method))
    lines: list[str] = []
    whole = train(job, lines.append)
    assert any(line.startswith(f"{method} trains ") for line in lines)
    parts = replace(job, out=job.out.with_name("parts"))
    train(parts, silent, until=5)
    train(parts, silent, resume=True)
    found, other = load_checkpoint(whole.checkpoint), load_checkpoint(parts.out / "checkpoint")
    assert found.descriptor.format_version == FORMAT_VERSION
    for name, values in found.tensors.items():
        np.testing.assert_array_equal(values, other.tensors[name], err_msg=name)
    assert (job.out / "loss.csv").read_bytes() == (parts.out / "loss.csv").read_bytes()
    changed = [
        name for name, values in load_checkpoint(job.init).tensors.items()
        if not np.array_equal(values, found.tensors[name])
    ]  # fmt: skip
    assert bool(changed) == (method != "slot-adapter")


def test_another_way_of_adapting_is_refused_on_resume(job):
    train(replace(job, adapter=AdapterSpec("lora")), silent, until=4)
    with pytest.raises(ResumeError, match="began with method lora"):
        train(replace(job, adapter=AdapterSpec("lora", rank=3)), silent, resume=True)


def test_what_would_train_nothing_begins_no_run(job):
    with pytest.raises(MotoriumError, match="leaves no weights"):
        train(replace(job, adapter=AdapterSpec("slot-adapter", ("slot",))), silent)
    assert not (job.out / "run.json").exists()


def test_slot_adapters_refuse_new_words_before_a_run_begins(job, tmp_path):
    other = write(tmp_path / "other", ("grab the sponge",) * 2, seconds=1.0)
    with pytest.raises(DataError, match=r"grab, sponge"):
        train(replace(job, data=(SourceSpec(other),), adapter=AdapterSpec("slot-adapter")), silent)
    assert not (job.out / "run.json").exists()


def test_the_verb_refuses_another_family_and_a_part_that_there_is_not(cubes, checkpoint, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    text = (checkpoint / "config.json").read_text()
    (other / "config.json").write_text(text.replace('"family": "nano"', '"family": "pi0"'))
    for arguments, message in (
        ((other, "--method", "lora"), "family is 'pi0'; this version knows: nano"),
        ((checkpoint, "--freeze", "vision,legs"), "--freeze legs"),
        ((checkpoint, "--rank", "3"), "--rank is for --method lora"),
    ):
        given = ("finetune", *map(str, arguments), "--data", str(cubes), "--out", str(tmp_path / "run"))
        asked = CliRunner().invoke(main, [*given, "--steps", "1", "--batch", "2", "--processes", "1"])
        assert asked.exit_code != 0
        assert message in asked.output.replace("\n  ", " "), asked.output
