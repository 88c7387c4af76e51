"""Distilling: a student of one step is near its teacher, a run goes on exactly, and what cannot be is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from nano_samples import SMALL, descriptor, weights

pytest.importorskip("pyarrow")
pytest.importorskip("av")

from data_samples import CAMERAS, write

import motorium as mt
from motorium.cli.main import main
from motorium.errors import DataError, MotoriumError, PromptError
from motorium.learn.data import SourceSpec
from motorium.learn.data.recordings import CacheSpec
from motorium.learn.examples import ExampleParams
from motorium.learn.job import Job
from motorium.learn.learner import LearnParams
from motorium.learn.resume import ResumeError
from motorium.learn.student import EYES, StudentSpec
from motorium.learn.torch_policy import TorchPolicy
from motorium.learn.trainer import train
from motorium.policies.nano.checkpoint import load_checkpoint, save_checkpoint
from motorium.policies.nano.config import (
    FORMAT_VERSION,
    NO_NOISE,
    REGRESSION_VERSION,
    CameraInput,
    Descriptor,
)
from motorium.types import Observation

TASK = "put the red cube in the tray"
DIMS = replace(SMALL, points=6, point_tokens=2, vision_channels=(8, 12, 12))
VIEWS = (CameraInput("front", 32, 32), CameraInput("wrist", 32, 32))
TEACHER = descriptor(DIMS, rows=6, cameras=VIEWS)


def silent(_line: str) -> None:
    pass


def curved(sample: Descriptor) -> dict[str, np.ndarray]:
    """Weights of a teacher whose one step ends elsewhere than its four."""
    tensors = weights(sample)
    tensors["out.fc2.weight"] *= 3.0
    return tensors


@pytest.fixture(scope="module")
def cubes(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "cubes", (TASK,) * 2, seconds=1.0)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "teacher", TEACHER, curved(TEACHER))


@pytest.fixture
def job(cubes, teacher, tmp_path) -> Job:
    spec = StudentSpec()
    return Job(
        (SourceSpec(cubes),), tmp_path / "run", init=teacher, student=spec, adapter=spec.adapter,
        learn=LearnParams(steps=4, learning_rate=3e-3, ema=0.9), examples=ExampleParams(observations=8),
        processes=1, judgements=2, cache=CacheSpec(tmp_path / "frames", workers=0),
    )  # fmt: skip


def student_of(job: Job, **less: object) -> Job:
    spec = replace(job.student or StudentSpec(), **less)
    return replace(job, student=spec, adapter=spec.adapter)


def observation() -> Observation:
    rng = np.random.default_rng(5)
    state = np.zeros(200, np.float32)
    for channel in TEACHER.state:
        state[channel.slot] = rng.uniform(channel.min, channel.max)
    images = {view.role: rng.integers(0, 256, (32, 32, 3), np.uint8) for view in VIEWS}
    return Observation(1, state, images, TASK)


def differences(folder: Path) -> list[float]:
    header, *rows = (folder / "validation.csv").read_text().splitlines()
    assert header == "step,l1_rad,flow,success,teacher_rad"
    return [float(row.split(",")[4]) for row in rows]


def test_a_student_of_one_step_is_nearer_than_its_teacher_in_one_step(job, teacher, tmp_path):
    lines: list[str] = []
    taught = train(replace(job, learn=replace(job.learn, steps=40)), lines.append)
    hasty = replace(TEACHER, flow=replace(TEACHER.flow, steps=1))
    folder = save_checkpoint(tmp_path / "hasty", hasty, curved(TEACHER))
    still = replace(job, out=tmp_path / "still", learn=replace(job.learn, steps=2, learning_rate=1e-12))
    hurried = train(still, silent).teacher_rad
    assert taught.teacher_rad < 0.6 * hurried
    assert min(differences(job.out)) == pytest.approx(taught.teacher_rad)
    assert any("rad from the teacher's" in line for line in lines)
    found, before = load_checkpoint(taught.checkpoint), load_checkpoint(teacher)
    kept = {"format_version": FORMAT_VERSION, "picture_statistics": True}
    assert found.descriptor == replace(TEACHER, name="run", flow=hasty.flow, **kept)
    for name, values in before.tensors.items():
        looks = name.split(".")[0] in EYES
        assert np.array_equal(found.tensors[name], values) == looks, name
    noise = np.random.default_rng(1).standard_normal((6, 200), dtype=np.float32)
    chunks = [
        mt.load(checkpoint, precision="float32").infer(observation(), noise=noise).rows
        for checkpoint in (teacher, taught.checkpoint, folder)
    ]
    assert np.abs(chunks[1] - chunks[0]).mean() < np.abs(chunks[2] - chunks[0]).mean()


def test_a_run_that_was_cut_off_goes_on_identically(job):
    job = student_of(job, steps=2, layers=2, channels=(4, 6))
    whole = train(job, silent)
    parts = replace(job, out=job.out.with_name("parts"))
    train(parts, silent, until=3)
    again = train(parts, silent, resume=True)
    assert (again.l1_rad, again.teacher_rad) == (whole.l1_rad, whole.teacher_rad)
    one, other = load_checkpoint(job.out / "checkpoint"), load_checkpoint(parts.out / "checkpoint")
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, other.tensors[name], err_msg=name)
    for name in ("loss.csv", "validation.csv"):
        assert (job.out / name).read_bytes() == (parts.out / name).read_bytes()
    with pytest.raises(ResumeError, match="began with student"):
        train(student_of(parts, layers=3), silent, resume=True)


def test_another_teacher_is_refused_on_resume(job, tmp_path):
    own = save_checkpoint(tmp_path / "own", TEACHER, curved(TEACHER))
    job = replace(job, init=own)
    train(job, silent, until=2)
    save_checkpoint(own, TEACHER, weights(TEACHER, seed=1))
    with pytest.raises(ResumeError, match="began with teacher"):
        train(job, silent, resume=True)


def test_less_of_everything_runs_in_the_engine_as_in_torch_and_keeps_committed_rows(job):
    job = student_of(job, steps=2, layers=2, channels=(4, 6), precision="int8")
    folder = train(job, silent).checkpoint
    made = load_checkpoint(folder).descriptor
    assert (made.flow.steps, made.dims.layers, made.dims.shared_layers) == (2, 2, 1)
    assert (made.dims.vision_channels, made.precision) == ((4, 6, 12), "int8")
    assert made.prefix_lock == TEACHER.prefix_lock
    assert str(mt.load(folder).options.precision) == "int8"
    engine, network = mt.load(folder, precision="float32"), TorchPolicy.load(folder)
    noise = np.random.default_rng(1).standard_normal((6, 200), dtype=np.float32)
    noise *= engine.infer(observation()).valid
    given = 0.1 * noise[:3]
    for committed in (None, given):
        rows = engine.infer(observation(), noise=noise, committed=committed).rows
        wanted = network.denoise(observation(), noise, given[:0] if committed is None else given)
        np.testing.assert_allclose(rows, wanted, atol=2e-4)
    np.testing.assert_array_equal(rows[:3], given)


def test_the_channels_that_weigh_most_are_kept_and_all_of_them_change_nothing():
    tensors = {name: torch.from_numpy(values) for name, values in weights(TEACHER).items()}
    whole = StudentSpec(channels=(8, 12)).begun(tensors, TEACHER)
    assert whole.keys() == tensors.keys()
    assert all(torch.equal(whole[name], values) for name, values in tensors.items())
    gain = tensors["vision.front.norm1.weight"]
    gain[:] = 1e-6
    gain[[1, 2, 5, 6]] = 1.0  # two of each of the two groups
    thinned = StudentSpec(channels=(4, 6)).begun(tensors, TEACHER)
    here = "vision.front."
    assert torch.equal(thinned[f"{here}conv1.weight"], tensors[f"{here}conv1.weight"][[1, 2, 5, 6]])
    made = replace(TEACHER, dims=replace(DIMS, vision_channels=(4, 6, 12)))
    assert {n: tuple(v.shape) for n, v in thinned.items()} == {n: v.shape for n, v in weights(made).items()}


def test_a_student_has_less_than_its_teacher():
    for spec, message in (
        (StudentSpec(steps=3), "--steps 3: 'sample' takes 4, and a student at most 2"),
        (StudentSpec(layers=4), "--layers 4: 'sample' has 3"),
        (StudentSpec(channels=(4, 14)), "--channels 14: 'sample' has 12 there"),
        (StudentSpec(channels=(3, 6)), "--channels 3: .* multiple of 2"),
    ):
        with pytest.raises(MotoriumError, match=message):
            spec.checked(TEACHER)
    hasty = replace(TEACHER, flow=replace(TEACHER.flow, steps=1))
    with pytest.raises(MotoriumError, match="takes 1, and a student at most 1"):
        StudentSpec(steps=2).checked(hasty)
    with pytest.raises(MotoriumError, match="as large as 'sample' would be 'sample'"):
        StudentSpec().checked(hasty)
    assert StudentSpec(layers=2).checked(hasty).layers == 2


def test_a_teacher_without_noise_has_cheaper_students(job, tmp_path):
    flow = replace(TEACHER.flow, steps=1, noise=NO_NOISE)
    plain = replace(TEACHER, flow=flow, format_version=REGRESSION_VERSION)
    job = student_of(
        replace(job, init=save_checkpoint(tmp_path / "plain", plain, curved(plain))), channels=(4, 6)
    )
    long = replace(job, learn=replace(job.learn, steps=40))
    folder = train(long, silent).checkpoint
    found = load_checkpoint(folder).descriptor
    assert (found.flow, found.format_version) == (flow, FORMAT_VERSION)
    assert found.dims.vision_channels == (4, 6, 12)
    first, *_, last = differences(job.out)
    assert last < first
    policy, network = mt.load(folder), TorchPolicy.load(folder)
    zeros = np.zeros((6, 200), np.float32)
    np.testing.assert_allclose(
        policy.infer(observation()).rows, network.denoise(observation(), zeros, zeros[:0]), atol=2e-4
    )


def test_recordings_that_do_not_fit_the_teacher_begin_no_run(job, tmp_path):
    strange = write(tmp_path / "strange", ("grab a sponge",) * 2, seconds=1.0)
    blind = write(tmp_path / "blind", (TASK,) * 2, seconds=1.0, cameras=CAMERAS[:1])
    other = replace(TEACHER, embodiments=("koch",))
    elsewhere = save_checkpoint(tmp_path / "elsewhere", other, curved(other))
    for changed, kind, message in (
        (replace(job, data=(SourceSpec(strange),)), PromptError, "knows no word"),
        (replace(job, data=(SourceSpec(blind),)), DataError, "wrist"),
        (replace(job, init=elsewhere), DataError, "drives koch and not so101"),
        (replace(job, init=None), MotoriumError, "give its teacher"),
    ):
        with pytest.raises(kind, match=message):
            train(changed, silent)
        assert not (job.out / "run.json").exists()


def test_the_verb_distils_and_refuses_other_families(cubes, teacher, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(*arguments: object):
        given = ["distill", *map(str, arguments), "--data", str(cubes), "--out", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*given, "--batch", "4", "--processes", "1"])

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "config.json").write_text('{"type": "act"}')
    for arguments, message in (
        ((foreign,), "a LeRobot ACT policy"),
        ((teacher, "--channels", "4"), "--channels 4: give two whole numbers"),
        ((teacher, "--layers", "9"), "--layers 9"),
    ):
        asked = call(*arguments, "--train-steps", "1")
        assert asked.exit_code != 0
        assert message in asked.output.replace("\n  ", " "), asked.output
        assert not (tmp_path / "run/run.json").exists()
    made = call(teacher, "--steps", "1", "--train-steps", "2", "--precision", "int8", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["steps"] == 2
    assert told["teacher_rad"] > 0
    policy = mt.load(told["checkpoint"], seed=0)
    assert str(policy.options.precision) == "int8"
    assert policy.infer(observation()).rows.shape == (6, 200)
