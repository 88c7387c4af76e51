"""What every family of policies must do: shapes, times, seeds, committed rows, and a bridge that can be judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nano_samples
import numpy as np
import pytest
import toy_policy

import motorium as mt
from motorium.errors import CheckpointError
from motorium.policies import being_h05, registry, xiaomi_r0, xvla
from motorium.policies.base import Policy
from motorium.policies.nano.checkpoint import save_checkpoint
from motorium.policies.registry import FAMILIES
from motorium.policies.xiaomi_r0.config import ChunkLayout
from motorium.runtime.pace_check import check_pace
from motorium.runtime.schedule import Pace
from motorium.specs.robot import RobotSpec
from motorium.types import SLOTS, ActionChunk, Observation

ROBOT = RobotSpec.load("so101")
DATA = Path(__file__).resolve().parents[1] / "golden" / "data"


def write_nano(folder: Path) -> Path:
    sample = nano_samples.descriptor(nano_samples.SMALL)
    return save_checkpoint(folder, sample, nano_samples.weights(sample))


SAMPLES: dict[str, Callable[[Path], Path]] = {"nano": write_nano, "toy": toy_policy.write}
"""A checkpoint of every family that runs."""


def test_every_family_that_runs_has_a_sample_here() -> None:
    assert {family.name for family in FAMILIES if family.module} <= set(SAMPLES)


@pytest.fixture(params=sorted(SAMPLES))
def folder(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "FAMILIES", (*FAMILIES, toy_policy.FAMILY))
    return SAMPLES[request.param](tmp_path / request.param)


def observation(policy: Policy, t_ns: int = 10**9) -> Observation:
    rng = np.random.default_rng(3)
    images = {c.role: rng.integers(0, 256, (c.height, c.width, 3), np.uint8) for c in policy.info.cameras}
    state = np.zeros(SLOTS, np.float32)
    for joint in ROBOT.joints:
        state[joint.slot] = joint.slot_scale * joint.home_rad + joint.slot_offset
    return Observation(t_ns, state, images, sorted(policy.info.words or {"stay"})[0])


def committed(policy: Policy, rows: int) -> np.ndarray:
    """What another plan may have left: inside the joints' travel, different in every row."""
    state = observation(policy).state
    return (state * (1 + 0.01 * np.arange(1, rows + 1)[:, None])).astype(np.float32)


def checked(policy: Policy, chunk: ActionChunk) -> ActionChunk:
    assert chunk.rows.shape == (policy.info.rows, SLOTS)
    assert chunk.rows.dtype == np.float32
    assert np.isfinite(chunk.rows).all()
    assert chunk.valid.shape == (SLOTS,)
    assert chunk.valid.dtype == np.bool_
    assert all(chunk.valid[joint.slot] for joint in ROBOT.joints)
    assert (chunk.t0_ns, chunk.dt_s) == (10**9, policy.info.dt_s)
    return chunk


def test_the_rhythm_can_be_followed_and_never_changes(folder: Path) -> None:
    policy = mt.load(folder, seed=1)
    policy.bind(ROBOT)
    before = policy.info
    pace = Pace.of(before)
    assert 1 <= before.execution_horizon <= before.rows
    assert 0 <= before.max_delay < before.rows
    assert pace.rows == before.rows
    policy.infer(observation(policy), committed=None)
    assert policy.info == before


def test_shapes_times_and_every_length_of_committed_rows(folder: Path) -> None:
    policy = mt.load(folder, seed=1)
    policy.bind(ROBOT)
    for rows in range(policy.info.max_delay + 1):
        given = committed(policy, rows) if rows else None
        chunk = checked(policy, policy.infer(observation(policy), committed=given))
        assert chunk.delay == rows
        if given is not None:
            np.testing.assert_array_equal(chunk.rows[:rows, chunk.valid], given[:, chunk.valid])


def test_a_seed_repeats_a_plan_and_another_changes_it(folder: Path) -> None:
    policy, again = mt.load(folder, seed=5), mt.load(folder, seed=5)
    first = policy.infer(observation(policy), committed=None).rows
    second = policy.infer(observation(policy), committed=None).rows
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(again.infer(observation(policy), committed=None).rows, first)
    policy.seed(5)
    np.testing.assert_array_equal(policy.infer(observation(policy), committed=None).rows, first)
    policy.seed(6)
    assert not np.array_equal(policy.infer(observation(policy), committed=None).rows, first)


def test_guidance_is_refused_or_leaves_the_committed_rows_alone(folder: Path) -> None:
    if folder.name != "nano":
        with pytest.raises(CheckpointError, match="valid choices"):
            mt.load(folder, guidance="soft")
        return
    policy = mt.load(folder, seed=5, guidance="soft")
    assert policy.info.guidance == "soft"
    previous = committed(policy, policy.info.rows)
    chunk = policy.infer(observation(policy), committed=previous[:3], previous=previous)
    np.testing.assert_array_equal(chunk.rows[:3, chunk.valid], previous[:3, chunk.valid])
    free = mt.load(folder, seed=5).infer(observation(policy), committed=previous[:3])
    assert not np.array_equal(chunk.rows, free.rows)


def test_words_that_were_never_taught_are_told(folder: Path) -> None:
    policy = mt.load(folder)
    known = sorted(policy.info.words or ())
    assert known
    assert list(policy.check_task(known[0])) == []
    assert list(policy.check_task(f"{known[0]} zyzzyva")) == ["zyzzyva"]
    with pytest.raises(mt.MotoriumError, match="no word"):
        policy.check_task("zyzzyva")


def test_its_deadline_is_reported(folder: Path) -> None:
    policy = mt.load(folder)
    policy.bind(ROBOT)
    policy.warm_up()
    begin_s = time.monotonic()
    chunk = policy.infer(observation(policy), committed=None)
    assert 0 <= chunk.latency_s <= time.monotonic() - begin_s
    found = check_pace(policy, ROBOT)
    assert found.bridge.accepted == policy.info.max_delay
    assert found.committed == min(found.bridge.needed, policy.info.max_delay)
    assert found.bridge.measured_ns > 0
    assert found.as_dict()["committed_rows"] == found.committed


class Network:
    """A network that runs without a policy around it: `plan(seed, committed)` gives (T, channels)."""

    def __init__(self, model: Any, width: int, squashed: tuple[int, ...] = (), **more: Any) -> None:
        """`squashed`: channels that pass a sigmoid at the end, the committed rows too; `more`: of `denoise`."""
        self.model, self.width, self.squashed, self.more = model, width, squashed, more

    def plan(self, seed: int, committed: np.ndarray | None = None) -> np.ndarray:
        return self.model.denoise(self.model.noise(seed), committed=committed, **self.more)


def open_being() -> Network:
    folder = DATA / "being_h05"
    config = being_h05.read_config(folder / "config.json")
    model = being_h05.BeingH05(config, being_h05.read_weights(folder / "model.safetensors", config), 64)
    prompt = [250, 1, 2, *([being_h05.IMAGE_TOKEN] * 8), being_h05.STATE_TOKEN, 3, 4, 5]
    rng = np.random.default_rng(0)
    model.encode(rng.standard_normal((2, 3, 56, 56)), prompt, 0.3 * rng.standard_normal(SLOTS))
    return Network(model, SLOTS)


def open_xvla() -> Network:
    folder = DATA / "xvla"
    config = xvla.read_config(folder / "config.json")
    model = xvla.Xvla(config, xvla.read_weights(folder / "model.safetensors", config))
    rng = np.random.default_rng(0)
    width = config.florence_config.projection_dim
    model.encode(rng.standard_normal((12, width)), rng.standard_normal((4, width)), 1)
    proprio = rng.standard_normal(config.proprio).astype(np.float32)
    return Network(model, config.width, config.space.grippers, proprio=proprio)


def open_xiaomi() -> Network:
    folder = DATA / "xiaomi_r0/ckpt_x1"
    config = xiaomi_r0.read_config(folder / "config.json")
    weights = xiaomi_r0.read_weights(folder / "model.safetensors", config)
    model = xiaomi_r0.XiaomiR0(config, weights, ChunkLayout(20, 10, window=4, rope_gap=10))
    rng = np.random.default_rng(0)
    keys, values = (rng.standard_normal((3, 12, 2, 32)).astype(np.float32) for _ in range(2))
    model.encode(keys, values, (12, 9, 7), rng.standard_normal((1, 32)))
    return Network(model, config.action_dim)


NETWORKS = {"being_h05": open_being, "xvla": open_xvla, "xiaomi_r0": open_xiaomi}


def test_every_network_of_the_registry_is_tried_here() -> None:
    named = {family.network.rpartition(".")[2] for family in FAMILIES if family.network}
    assert named == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_repeats_its_plan_and_keeps_committed_rows(name: str) -> None:
    network = NETWORKS[name]()
    one, same, other = (network.plan(seed) for seed in (3, 3, 4))
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    committed = np.full((2, network.width), 0.25, np.float32)
    kept = network.plan(3, committed)
    assert kept.shape == one.shape
    channels = [c for c in range(one.shape[1]) if c not in network.squashed]
    np.testing.assert_array_equal(kept[:2, channels], committed[:, channels])
    assert np.abs(kept[2:] - one[2:]).max() > 1e-4
